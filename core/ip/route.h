/* Links, addresses and routes of a stack, and the choice between them.
 *
 * Small arrays, searched in order: a stack has a handful of each, and a connection asks once. The
 * longest prefix wins, a later route to the same prefix replaces the earlier. A host with several
 * links accepts packets to any of its addresses on any of them (the weak model, RFC 1122 3.3.4.2,
 * MAY); only link-local addresses belong to their link, which their scope ensures.
 *
 * Invariants: addresses and routes name links that exist; prefixes count bits of the 16 bytes (an
 * IPv4 /24 is 120 here). */
#ifndef IP_ROUTE_H
#define IP_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lastack/stack.h>

#define IP_ADDRS_MAX  32
#define IP_ROUTES_MAX 64

#define IP_MTU_MIN_V4 576  /* RFC 1122 3.3.3: what every host takes; the least a link may have */
#define IP_MTU_MIN_V6 1280 /* RFC 8200 5 */

struct ip_local {
    struct la_addr addr;
    uint8_t link;
    uint8_t prefix; /* of 128 bits */
    /* IPv4, host order, for the check of every packet; 0 when it is IPv6 or has none. */
    uint32_t v4;
    uint32_t subnet;    /* host part all zeros: the old form of the broadcast address */
    uint32_t broadcast; /* host part all ones */
};

struct ip_route {
    struct la_addr net;
    struct la_addr gateway; /* unspecified (`::`): on the link */
    uint8_t link;
    uint8_t prefix; /* of 128 bits */
};

struct ip_routes {
    struct la_link_info links[LA_LINKS_MAX + 1]; /* by identifier; 0 unused */
    uint8_t link_count;
    uint8_t addr_count;
    uint8_t route_count;
    struct ip_local addrs[IP_ADDRS_MAX];
    struct ip_route routes[IP_ROUTES_MAX];
};

/* How a packet's next hop is reached. */
enum ip_cast { IP_UNICAST, IP_MULTICAST, IP_BROADCAST };

/* Where packets to one destination leave: filled once, kept by a connection. */
struct ip_path {
    struct la_addr src;      /* our address, scope inside */
    struct la_addr next_hop; /* the destination itself or a gateway */
    uint32_t mtu;            /* IP bytes: of the link, or less when the path's is known */
    uint16_t neigh;          /* hint for neigh_resolve(), 0 at first */
    uint8_t link;
    uint8_t cast; /* enum ip_cast */
};

/* What an address is to a link that hears a packet to it. */
enum ip_target { IP_TARGET_NONE, IP_TARGET_OURS, IP_TARGET_MULTICAST, IP_TARGET_BROADCAST };

/* Adds a link; its identifier, LA_EINVAL or LA_ENOBUFS. An Ethernet link gets its link-local IPv6
 * address, formed from the MAC (RFC 2464 4, 5), when the MTU lets IPv6 on it. */
int ip_routes_link_add(struct ip_routes *r, const struct la_link_info *info);
int ip_routes_set_mtu(struct ip_routes *r, int link, uint32_t mtu);

/* `prefix` counts as in la_stack_addr_add(): IPv4 bits for an IPv4 address. LA_EINVAL, LA_EEXIST,
 * LA_ENODEV, LA_ENOBUFS. */
int ip_routes_addr_add(struct ip_routes *r, int link, const struct la_addr *addr, uint8_t prefix);
int ip_routes_route_add(struct ip_routes *r, int link, const struct la_addr *net, uint8_t prefix,
                        const struct la_addr *gateway);

/* Our address, or NULL. */
const struct ip_local *ip_routes_local(const struct ip_routes *r, const struct la_addr *addr);

/* 255.255.255.255, or all ones (or all zeros, RFC 1122 3.3.6) in the host part of one of our IPv4
 * prefixes. */
bool ip_routes_broadcast(const struct ip_routes *r, const struct la_addr *addr);

/* What a destination address of a packet heard on `link` is to us. */
enum ip_target ip_routes_target(const struct ip_routes *r, uint8_t link,
                                const struct la_addr *addr);

/* Chooses link, source and next hop for `dst` (scope inside). `scope` is the link to use, 0: the
 * route's; `want` the source address, NULL or unspecified: chosen after RFC 6724 (scope, link,
 * longest matching prefix). The MTU is the link's. 0; LA_ENETUNREACH: no route, or `dst` cannot be
 * one or is our own (there is no loopback); LA_EADDRNOTAVAIL: `want` is not ours, or we have no
 * address of that family. */
int ip_routes_find(const struct ip_routes *r, const struct la_addr *dst, uint16_t scope,
                   const struct la_addr *want, struct ip_path *out);

#endif
