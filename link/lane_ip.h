/* What a lane must know of the packets it carries: is there TCP data in it, can it be marked, and
 * what would a router say to it. All take a packet from its IP header on and trust nothing in it.
 */
#ifndef LINK_LANE_IP_H
#define LINK_LANE_IP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lastack/addr.h>

#define LANE_ERROR_MAX 1280

/* The transport header of a packet, or of its first fragment over IPv4. */
struct lane_ip_transport {
    const uint8_t *at;
    size_t len; /* to the end of the packet */
    uint8_t proto;
};

/* False for what is no IP packet, and for fragments behind the first. */
bool lane_ip_transport(const uint8_t *ip, size_t len, struct lane_ip_transport *transport);

/* The addresses of a packet in which a transport header was found. */
void lane_ip_addrs(const uint8_t *ip, struct la_addr *src, struct la_addr *dst);

/* Is it a whole TCP segment, or its first fragment, that carries data? */
bool lane_ip_tcp_data(const uint8_t *ip, size_t len);

/* Sets CE if the sender speaks ECN (RFC 3168 5), and keeps the checksum right; false: it does not
 * speak it. A packet that bears CE already counts as marked. */
bool lane_ip_mark(uint8_t *ip, size_t len);

/* Writes the error of a router whose next hop takes `mtu` bytes (RFC 1191 4, RFC 4443 3.2), IP
 * header included, and returns its length; 0: nothing may be said. The router answers with the
 * packet's destination for its own address. At most LANE_ERROR_MAX bytes. */
size_t lane_ip_too_big(const uint8_t *ip, size_t len, uint32_t mtu, uint8_t *to);

#endif
