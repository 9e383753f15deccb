/* What is known of the MTU of paths (RFC 1191, RFC 8201).
 *
 * A bounded cache by destination; an entry holds for ten minutes, then the link's MTU is tried
 * again (RFC 1191 6.3, RFC 8201 5.3). When it is full the oldest entry gives way: the packet that
 * is too big will be reported again.
 *
 * Floors: IPv6 reports below 1280 are not believed (RFC 8201 4). IPv4 reports below 552 are taken
 * as 552, though RFC 791 lets paths go down to 68: no such path is known today, and a forged tiny
 * MTU multiplies our packets (RFC 5927 7.2). A report of 0 is from a router older than RFC 1191:
 * the next plateau below the packet's length is taken (RFC 1191 7.1).
 *
 * What a transport finds by probing (RFC 4821 5.2) is more than a report: it may raise an entry.
 *
 * Invariants: a report never raises an entry's MTU; count <= IP_PMTU_MAX. */
#ifndef IP_PMTU_H
#define IP_PMTU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lastack/addr.h>
#include <lastack/stack.h>

#define IP_PMTU_MAX      64
#define IP_PMTU_FLOOR_V4 552
#define IP_PMTU_FLOOR_V6 1280
#define IP_PMTU_AGE_NS   (600 * LA_NS_PER_S)

struct ip_pmtu_entry {
    struct la_addr dst; /* scope inside */
    uint64_t until_ns;
    uint32_t mtu;
};

struct ip_pmtu {
    uint32_t count;
    struct ip_pmtu_entry entries[IP_PMTU_MAX];
};

/* The MTU for `dst`: `link_mtu`, or less when it is known. */
uint32_t ip_pmtu_get(const struct ip_pmtu *p, const struct la_addr *dst, uint32_t link_mtu,
                     uint64_t now_ns);

/* Pure: the MTU that a report means for a packet of `packet` bytes, 0 when it means nothing (not
 * smaller than the packet, or below IPv6's floor). */
uint32_t ip_pmtu_reported(bool v6, uint32_t reported, uint32_t packet);

/* Enters an MTU below `link_mtu`; returns what holds now. */
uint32_t ip_pmtu_set(struct ip_pmtu *p, const struct la_addr *dst, uint32_t mtu, uint32_t link_mtu,
                     uint64_t now_ns);

/* Enters an MTU that was found by probing, higher or lower; returns what holds now. */
uint32_t ip_pmtu_confirm(struct ip_pmtu *p, const struct la_addr *dst, uint32_t mtu,
                         uint32_t link_mtu, uint64_t now_ns);

#endif
