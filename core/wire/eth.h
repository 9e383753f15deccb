/* Ethernet II frames (RFC 894, RFC 2464): destination, source, type. A type below 1536 is an
 * 802.3 length and so none that is known here; VLAN tags are an unknown type. */
#ifndef WIRE_ETH_H
#define WIRE_ETH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lastack/addr.h>

#define WIRE_ETH_HEADER 14
#define WIRE_MAC_LEN    6

#define WIRE_ETHERTYPE_IPV4 0x0800
#define WIRE_ETHERTYPE_ARP  0x0806
#define WIRE_ETHERTYPE_IPV6 0x86dd

struct wire_eth {
    uint8_t dst[WIRE_MAC_LEN];
    uint8_t src[WIRE_MAC_LEN];
    uint16_t type; /* WIRE_ETHERTYPE_* */
};

/* False: shorter than a header. */
bool wire_eth_parse(const uint8_t *p, size_t len, struct wire_eth *h);

/* Writes WIRE_ETH_HEADER bytes and returns that. */
size_t wire_eth_emit(uint8_t *p, const struct wire_eth *h);

/* Group addresses, broadcast among them, have the lowest bit of the first byte set. */
static inline bool wire_mac_is_group(const uint8_t *mac)
{
    return mac[0] & 1;
}

bool wire_mac_is_zero(const uint8_t *mac);

/* The link-layer address of a multicast group or of 255.255.255.255: 01:00:5e and 23 bits
 * (RFC 1112 6.4), 33:33 and 32 bits (RFC 2464 7), all ones. */
void wire_mac_of_group(uint8_t *mac, const struct la_addr *group);

#endif
