/* Which ICMP error a packet holds, if it holds one: what IP_RECVERR reports.
 *
 * The stack judges ICMP errors for itself (RFC 5927); here one that it took is read again for what
 * only the error queue tells: type, code, who said so. Nothing is trusted: every length is checked.
 * The numbers of errno are those that Linux gives for the types and codes of RFC 792 and 4443. */
#include "posix/host.h"

#include <string.h>

#define TYPES4_UNREACH 3
#define TYPES4_TIME    11
#define TYPES4_PARAM   12
#define TYPES6_UNREACH 1
#define TYPES6_TOO_BIG 2
#define TYPES6_TIME    3
#define TYPES6_PARAM   4

static int errno_v4(uint8_t type, uint8_t code)
{
    static const int unreachable[] = {ENETUNREACH,  EHOSTUNREACH, ENOPROTOOPT,  ECONNREFUSED,
                                      EMSGSIZE,     EOPNOTSUPP,   ENETUNREACH,  EHOSTDOWN,
                                      ENONET,       ENETUNREACH,  EHOSTUNREACH, ENETUNREACH,
                                      EHOSTUNREACH, EHOSTUNREACH, EHOSTUNREACH, EHOSTUNREACH};
    if (type == TYPES4_UNREACH)
        return code < sizeof(unreachable) / sizeof(unreachable[0]) ? unreachable[code] : 0;
    return type == TYPES4_TIME ? EHOSTUNREACH : type == TYPES4_PARAM ? EPROTO : 0;
}

static int errno_v6(uint8_t type, uint8_t code)
{
    static const int unreachable[] = {ENETUNREACH,  EACCES, EHOSTUNREACH, EHOSTUNREACH,
                                      ECONNREFUSED, EACCES, EACCES};
    switch (type) {
    case TYPES6_UNREACH:
        return code < sizeof(unreachable) / sizeof(unreachable[0]) ? unreachable[code] : 0;
    case TYPES6_TOO_BIG:
        return EMSGSIZE;
    case TYPES6_TIME:
        return EHOSTUNREACH;
    case TYPES6_PARAM:
        return EPROTO;
    default:
        return 0;
    }
}

static uint16_t be16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static struct la_addr addr_v4(const uint8_t *at)
{
    return la_addr_v4(at[0], at[1], at[2], at[3]);
}

static struct la_addr addr_v6(const uint8_t *at)
{
    struct la_addr a;
    memcpy(a.b, at, sizeof(a.b));
    return a;
}

/* The packet that is quoted, sent by us: its ends. */
static bool quoted(const uint8_t *at, size_t len, struct icmp_error *e)
{
    size_t ports;
    if (!e->v6) {
        if (len < 20 || at[0] >> 4 != 4)
            return false;
        ports = (size_t)(at[0] & 15) * 4;
        e->protocol = at[9];
        e->local.addr = addr_v4(at + 12);
        e->remote.addr = addr_v4(at + 16);
    } else {
        if (len < 40 || at[0] >> 4 != 6)
            return false;
        ports = 40;
        e->protocol = at[6];
        e->local.addr = addr_v6(at + 8);
        e->remote.addr = addr_v6(at + 24);
    }
    if (len < ports + 4)
        return false;
    e->local.port = be16(at + ports);
    e->remote.port = be16(at + ports + 2);
    return e->protocol == IPPROTO_TCP || e->protocol == IPPROTO_UDP;
}

bool icmp_parse(const uint8_t *p, size_t len, struct icmp_error *e)
{
    size_t at;
    memset(e, 0, sizeof(*e));
    if (len >= 20 && p[0] >> 4 == 4 && p[9] == IPPROTO_ICMP) {
        at = (size_t)(p[0] & 15) * 4;
        e->offender = addr_v4(p + 12);
    } else if (len >= 40 && p[0] >> 4 == 6 && p[6] == IPPROTO_ICMPV6) {
        at = 40;
        e->v6 = true;
        e->offender = addr_v6(p + 8);
    } else {
        return false;
    }
    if (len < at + 8)
        return false;
    e->type = p[at];
    e->code = p[at + 1];
    e->err = e->v6 ? errno_v6(e->type, e->code) : errno_v4(e->type, e->code);
    if (e->err == EMSGSIZE)
        e->info = e->v6 ? (uint32_t)be16(p + at + 4) << 16 | be16(p + at + 6) : be16(p + at + 6);
    return e->err != 0 && quoted(p + at + 8, len - at - 8, e);
}
