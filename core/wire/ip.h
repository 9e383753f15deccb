/* What both versions of IP share: protocol numbers, the verdict of a header parser, and IPv4
 * addresses as they stand in a header against struct la_addr. */
#ifndef WIRE_IP_H
#define WIRE_IP_H

#include <stdint.h>

#include <lastack/addr.h>

#include "base/mem.h"

/* Protocol and Next Header values. */
#define WIRE_PROTO_HOP_BY_HOP 0
#define WIRE_PROTO_ICMP       1
#define WIRE_PROTO_TCP        6
#define WIRE_PROTO_UDP        17
#define WIRE_PROTO_ROUTING    43
#define WIRE_PROTO_FRAGMENT   44
#define WIRE_PROTO_ICMPV6     58
#define WIRE_PROTO_NONE       59
#define WIRE_PROTO_DEST_OPTS  60

/* How a header was found; each but OK is a reason to drop the packet silently. */
enum wire_ip_verdict {
    WIRE_IP_OK,
    WIRE_IP_TRUNCATED, /* fewer bytes than a header, or than the header announces */
    WIRE_IP_VERSION,   /* of the other version, or of none */
    WIRE_IP_HEADER,    /* fields that contradict each other */
    WIRE_IP_CHECKSUM,  /* IPv4 only */
    WIRE_IP_MAPPED,    /* IPv6 only: an IPv4-mapped address (would pass for IPv4 further up) */
};

/* The version a packet claims, 4 and 6 being the known ones; 0 for an empty one. */
static inline uint8_t wire_ip_version(const uint8_t *p, size_t len)
{
    return len ? (uint8_t)(p[0] >> 4) : 0;
}

static inline struct la_addr wire_load_v4(const uint8_t *p)
{
    return la_addr_v4(p[0], p[1], p[2], p[3]);
}

static inline void wire_store_v4(uint8_t *p, const struct la_addr *a)
{
    mem_copy(p, a->b + 12, 4);
}

static inline struct la_addr wire_load_v6(const uint8_t *p)
{
    struct la_addr a;
    mem_copy(a.b, p, sizeof(a.b));
    return a;
}

static inline void wire_store_v6(uint8_t *p, const struct la_addr *a)
{
    mem_copy(p, a->b, sizeof(a->b));
}

#endif
