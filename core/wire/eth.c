/* Reading and writing Ethernet headers, and the link-layer addresses of groups. */
#include "wire/eth.h"

#include "base/bytes.h"
#include "base/mem.h"

bool wire_eth_parse(const uint8_t *p, size_t len, struct wire_eth *h)
{
    if (len < WIRE_ETH_HEADER) {
        return false;
    }
    mem_copy(h->dst, p, WIRE_MAC_LEN);
    mem_copy(h->src, p + 6, WIRE_MAC_LEN);
    h->type = load_be16(p + 12);
    return true;
}

size_t wire_eth_emit(uint8_t *p, const struct wire_eth *h)
{
    mem_copy(p, h->dst, WIRE_MAC_LEN);
    mem_copy(p + 6, h->src, WIRE_MAC_LEN);
    store_be16(p + 12, h->type);
    return WIRE_ETH_HEADER;
}

bool wire_mac_is_zero(const uint8_t *mac)
{
    return load_be32(mac) == 0 && load_be16(mac + 4) == 0;
}

void wire_mac_of_group(uint8_t *mac, const struct la_addr *group)
{
    if (!la_addr_is_v4(group)) {
        store_be16(mac, 0x3333); /* RFC 2464 7 */
        mem_copy(mac + 2, group->b + 12, 4);
    } else if (load_be32(group->b + 12) == 0xffffffff) {
        store_be16(mac, 0xffff);
        store_be32(mac + 2, 0xffffffff);
    } else {
        store_be16(mac, 0x0100); /* RFC 1112 6.4 */
        store_be32(mac + 2, 0x5e000000 | (load_be32(group->b + 12) & 0x7fffff));
    }
}
