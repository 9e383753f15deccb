/* ARP for IPv4 over Ethernet (RFC 826). Other hardware or protocol types, other lengths and other
 * operations than request and reply do not parse. */
#ifndef WIRE_ARP_H
#define WIRE_ARP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lastack/addr.h>

#include "wire/eth.h"

#define WIRE_ARP_LEN 28

#define WIRE_ARP_REQUEST 1
#define WIRE_ARP_REPLY   2

struct wire_arp {
    uint16_t op;
    uint8_t sender_mac[WIRE_MAC_LEN];
    uint8_t target_mac[WIRE_MAC_LEN];
    struct la_addr sender, target; /* IPv4-mapped */
};

/* `p` begins behind the Ethernet header; padding behind the message is ignored. A sender whose
 * link-layer address is a group or zero does not parse: nobody can be reached there. */
bool wire_arp_parse(const uint8_t *p, size_t len, struct wire_arp *h);

/* Writes WIRE_ARP_LEN bytes and returns that. */
size_t wire_arp_emit(uint8_t *p, const struct wire_arp *h);

#endif
