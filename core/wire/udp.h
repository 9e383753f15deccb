/* The UDP header (RFC 768). A checksum of 0 means none was made: legal over IPv4, not over IPv6
 * (RFC 8200 8.1), which is why a computed 0 is sent as 0xffff. */
#ifndef WIRE_UDP_H
#define WIRE_UDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_UDP_HEADER          8
#define WIRE_UDP_CHECKSUM_OFFSET 6

struct wire_udp {
    uint16_t src_port, dst_port; /* host order */
    uint16_t len;                /* header and payload */
    bool has_checksum;           /* set by parse: the field is not 0 */
};

/* False: shorter than a header, or a length field below 8 or beyond `len`. */
bool wire_udp_parse(const uint8_t *p, size_t len, struct wire_udp *h);

/* Writes WIRE_UDP_HEADER bytes with checksum 0 and returns that. */
size_t wire_udp_emit(uint8_t *p, const struct wire_udp *h);

/* What goes into the field for a folded sum over pseudo-header, header and payload, to be written
 * with wire_checksum_store(). */
static inline uint16_t wire_udp_checksum(uint16_t folded)
{
    return folded == 0xffff ? 0xffff : (uint16_t)~folded;
}

#endif
