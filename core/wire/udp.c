/* Reading and writing the UDP header. */
#include "wire/udp.h"

#include "base/bytes.h"

bool wire_udp_parse(const uint8_t *p, size_t len, struct wire_udp *h)
{
    if (len < WIRE_UDP_HEADER) {
        return false;
    }
    h->src_port = load_be16(p);
    h->dst_port = load_be16(p + 2);
    h->len = load_be16(p + 4);
    h->has_checksum = load_be16(p + WIRE_UDP_CHECKSUM_OFFSET) != 0;
    return h->len >= WIRE_UDP_HEADER && h->len <= len;
}

size_t wire_udp_emit(uint8_t *p, const struct wire_udp *h)
{
    store_be16(p, h->src_port);
    store_be16(p + 2, h->dst_port);
    store_be16(p + 4, h->len);
    store_be16(p + WIRE_UDP_CHECKSUM_OFFSET, 0);
    return WIRE_UDP_HEADER;
}
