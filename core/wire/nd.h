/* Neighbour Discovery (RFC 4861): solicitation and advertisement, with the option that carries an
 * Ethernet address.
 *
 * wire_nd_parse() makes all the checks of RFC 4861 7.1.1 and 7.1.2 but the ICMPv6 checksum, which
 * the caller has verified; unknown options are skipped (RFC 4861 4.6). A message that came in
 * fragments is to be dropped by who reassembles (RFC 6980 5). */
#ifndef WIRE_ND_H
#define WIRE_ND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/eth.h"
#include "wire/ipv6.h"

#define WIRE_ND_ROUTER_SOLICIT    133
#define WIRE_ND_ROUTER_ADVERT     134
#define WIRE_ND_NEIGHBOUR_SOLICIT 135
#define WIRE_ND_NEIGHBOUR_ADVERT  136
#define WIRE_ND_REDIRECT          137

#define WIRE_ND_LEN     24 /* without options */
#define WIRE_ND_LEN_MAX 32 /* as emitted, with the address option */

#define WIRE_ND_HOP_LIMIT 255

struct wire_nd {
    uint8_t type; /* WIRE_ND_NEIGHBOUR_SOLICIT or _ADVERT */
    bool router;  /* the three flags of an advertisement */
    bool solicited;
    bool override;
    bool has_mac; /* source address option of a solicitation, target's of an advertisement */
    uint8_t mac[WIRE_MAC_LEN];
    struct la_addr target;
};

/* `p` is the ICMPv6 message, `ip` the header it came with. */
bool wire_nd_parse(const uint8_t *p, size_t len, const struct wire_ipv6 *ip, struct wire_nd *h);

static inline size_t wire_nd_size(const struct wire_nd *h)
{
    return h->has_mac ? WIRE_ND_LEN_MAX : WIRE_ND_LEN;
}

/* Writes wire_nd_size() bytes with checksum 0 and returns that. To be sent with
 * WIRE_ND_HOP_LIMIT. */
size_t wire_nd_emit(uint8_t *p, const struct wire_nd *h);

/* The group every holder of `addr` listens on: ff02::1:ffXX:XXXX (RFC 4291 2.7.1). */
struct la_addr wire_nd_solicited_node(const struct la_addr *addr);

/* All nodes of the link, ff02::1: where unsolicited advertisements go. */
struct la_addr wire_nd_all_nodes(void);

#endif
