/* Options of IPPROTO_IP and IPPROTO_IPV6. */
#include <limits.h>

#include "posix/sockopt.h"

static int set_ttl_of(struct access *a, int least)
{
    struct la_tcp_options o;
    int ttl = a->number == -1 ? a->h->settings.options.ttl : a->number;
    if (ttl < least || ttl > 255)
        return -EINVAL;
    if (a->f->kind == PX_KIND_DATAGRAM) {
        a->k->ttl = (uint8_t)ttl;
        return 0;
    }
    int err = opt_core(a, &o);
    o.ttl = (uint8_t)ttl;
    return err < 0 ? err : opt_core_change(a, &o);
}

static int set_ttl(struct access *a)
{
    return set_ttl_of(a, 1);
}

static int get_ttl(struct access *a)
{
    struct la_tcp_options o = {.ttl = a->k->ttl};
    int err = a->f->kind == PX_KIND_STREAM ? opt_core(a, &o) : 0;
    return err < 0 ? err : opt_int(a, o.ttl);
}

/* The two low bits are TCP's own (RFC 3168 5). */
static int set_tos(struct access *a)
{
    struct la_tcp_options o;
    int tos = a->number == -1 && a->k->domain == AF_INET6 ? 0 : a->number;
    if (a->f->kind == PX_KIND_DATAGRAM) {
        a->k->tos = (uint8_t)(tos & 0xfc);
        return 0;
    }
    int err = opt_core(a, &o);
    o.tos = (uint8_t)(tos & 0xfc);
    return err < 0 ? err : opt_core_change(a, &o);
}

static int set_tclass(struct access *a)
{
    return a->number < -1 || a->number > 255 ? -EINVAL : set_tos(a);
}

static int get_tos(struct access *a)
{
    struct la_tcp_options o = {.tos = a->k->tos};
    int err = a->f->kind == PX_KIND_STREAM ? opt_core(a, &o) : 0;
    return err < 0 ? err : opt_int(a, o.tos);
}

/* DONT: packets that routers may cut (IPv6 has none). What the path is found to take is respected
 * all the same, so PROBE and those that ignore it cannot be had. */
static int set_discover(struct access *a)
{
    struct la_tcp_options o;
    if (a->number < IP_PMTUDISC_DONT || a->number > 5)
        return -EINVAL;
    if (a->number > IP_PMTUDISC_DO)
        return -EOPNOTSUPP;
    if (a->f->kind == PX_KIND_STREAM) {
        int err = opt_core(a, &o);
        o.may_fragment = a->number == IP_PMTUDISC_DONT;
        if (err == 0)
            err = opt_core_change(a, &o);
        if (err < 0)
            return err;
    }
    a->k->mtu_discover = a->number;
    return 0;
}

static int get_discover(struct access *a)
{
    return opt_int(a, a->k->mtu_discover);
}

static int get_mtu(struct access *a)
{
    struct la_tcp_info info;
    if (a->f->kind != PX_KIND_STREAM || !sock_info(a->h, a->k, &info) ||
        info.state <= LA_TCP_LISTEN)
        return -ENOTCONN;
    return opt_int(a, (int)info.path_mtu);
}

static int set_v6only(struct access *a)
{
    if (a->f->kind == PX_KIND_DATAGRAM)
        return a->number ? -EOPNOTSUPP : 0;
    return la_setsockopt(a->h->socks, a->k->lfd, LA_IPPROTO_IPV6, LA_IPV6_V6ONLY, &a->number,
                         sizeof(a->number));
}

static int get_v6only(struct access *a)
{
    struct la_tcp_options o = {0};
    int err = a->f->kind == PX_KIND_STREAM ? opt_core(a, &o) : 0;
    return err < 0 ? err : opt_int(a, o.v6_only);
}

/* ---- the table ------------------------------------------------------------------------------ */

static const struct option options[] = {
    BY(IPPROTO_IP, IP_TOS, BOTH, set_tos, get_tos),
    BY(IPPROTO_IP, IP_TTL, BOTH, set_ttl, get_ttl),
    BY(IPPROTO_IP, IP_MTU_DISCOVER, BOTH, set_discover, get_discover),
    BY(IPPROTO_IP, IP_MTU, BOTH, NULL, get_mtu),
    IN_SOCK(IPPROTO_IP, IP_RECVERR, BOTH, BOOL, recverr4, INT_MIN, INT_MAX),
    AS_IS(IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, BOTH, 0),
    AS_IS(IPPROTO_IP, IP_FREEBIND, BOTH, 0),
    AS_IS(IPPROTO_IP, IP_TRANSPARENT, BOTH, 0),
    AS_IS(IPPROTO_IP, IP_PKTINFO, BOTH, 0),
    AS_IS(IPPROTO_IP, IP_RECVTTL, BOTH, 0),
    AS_IS(IPPROTO_IP, IP_RECVTOS, BOTH, 0),
    AS_IS(IPPROTO_IP, IP_MINTTL, BOTH, 0),

    BY(IPPROTO_IPV6, IPV6_TCLASS, BOTH | V6, set_tclass, get_tos),
    BY(IPPROTO_IPV6, IPV6_UNICAST_HOPS, BOTH | V6, set_ttl, get_ttl),
    BY(IPPROTO_IPV6, IPV6_MTU_DISCOVER, BOTH | V6, set_discover, get_discover),
    BY(IPPROTO_IPV6, IPV6_MTU, BOTH | V6, NULL, get_mtu),
    BY(IPPROTO_IPV6, IPV6_V6ONLY, BOTH | V6, set_v6only, get_v6only),
    IN_SOCK(IPPROTO_IPV6, IPV6_RECVERR, BOTH | V6, BOOL, recverr6, INT_MIN, INT_MAX),
    AS_IS(IPPROTO_IPV6, IPV6_RECVPKTINFO, BOTH | V6, 0),
    AS_IS(IPPROTO_IPV6, IPV6_RECVHOPLIMIT, BOTH | V6, 0),
    AS_IS(IPPROTO_IPV6, IPV6_RECVTCLASS, BOTH | V6, 0),
};

const struct option *sockopt_ip(size_t *count)
{
    *count = sizeof(options) / sizeof(options[0]);
    return options;
}
