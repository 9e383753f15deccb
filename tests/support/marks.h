/* The ECN field of a packet on a test's wire. */
#ifndef SUPPORT_MARKS_H
#define SUPPORT_MARKS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "wire/checksum.h"

static inline uint8_t ip_ecn(const uint8_t *ip)
{
    return ip[0] >> 4 == 4 ? ip[1] & 3 : ip[1] >> 4 & 3;
}

/* Sets the field as a router does, the checksum of IPv4 with it. */
static inline void ip_set_ecn(uint8_t *ip, uint8_t field)
{
    if (ip[0] >> 4 != 4) {
        ip[1] = (uint8_t)((ip[1] & ~0x30) | field << 4);
        return;
    }
    ip[1] = (uint8_t)((ip[1] & ~3) | field);
    store_be16(ip + 10, 0);
    wire_checksum_store(ip + 10, (uint16_t)~wire_fold(wire_sum(ip, 20, 0)));
}

/* Marks a packet that may be marked (RFC 3168 5); false: only dropping would tell. */
static inline bool ip_mark(uint8_t *ip)
{
    if (ip_ecn(ip) == 0) {
        return false;
    }
    ip_set_ecn(ip, 3);
    return true;
}

#endif
