/* Header templates: link and IP header of everything that goes from one address to another.
 *
 * Made once per connection; for each packet the bytes are copied and only lengths, identification
 * and checksum are patched. The sums over what does not change are kept, so that neither the IPv4
 * header nor the pseudo-header is summed again. One type for both versions; 64 bytes. */
#ifndef IP_TEMPLATE_H
#define IP_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "ip/route.h"
#include "wire/checksum.h"
#include "wire/eth.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"

#define IP_TEMPLATE_MAX (WIRE_ETH_HEADER + WIRE_IPV6_HEADER)

struct ip_template {
    uint8_t bytes[IP_TEMPLATE_MAX];
    uint8_t len;     /* of link and IP header */
    uint8_t ip_at;   /* where the IP header begins: 14 on Ethernet, else 0 */
    uint32_t pseudo; /* partial sum of the pseudo-header without the length */
    uint32_t sum;    /* IPv4: partial sum of the header without length, identification, checksum */
};
_Static_assert(sizeof(struct ip_template) == 64, "a template is a cache line");

/* Makes the template for packets to `dst` along `path` on a link of `routes`. IPv4 packets carry
 * DF: TCP finds out the path's MTU (RFC 1191 3), and datagrams that must be cut lose it then. On
 * Ethernet the destination's link-layer address is still to be set. */
void ip_template_make(struct ip_template *t, const struct ip_routes *routes,
                      const struct ip_path *path, const struct la_addr *dst, uint8_t proto,
                      uint8_t tos, uint8_t ttl);

static inline bool ip_template_is_v4(const struct ip_template *t)
{
    return t->len - t->ip_at == WIRE_IPV4_HEADER;
}

/* Sets the destination's link-layer address; nothing on links without. */
static inline void ip_template_set_mac(struct ip_template *t, const uint8_t mac[WIRE_MAC_LEN])
{
    if (t->ip_at) {
        mem_copy(t->bytes, mac, WIRE_MAC_LEN);
    }
}

/* Changes the DS field and ECN bits of what follows (RFC 9293 MUST-48). */
void ip_template_set_tos(struct ip_template *t, uint8_t tos);

/* Lets routers cut the packets: for datagrams, whose identification must then differ. */
void ip_template_clear_df(struct ip_template *t);

/* A 16-bit field of a header as it counts in a sum taken in memory order. */
static inline uint32_t ip_sum_field(uint32_t value)
{
    uint8_t bytes[2];
    uint16_t word;
    store_be16(bytes, (uint16_t)value);
    mem_copy(&word, bytes, sizeof(word));
    return word;
}

/* The partial sum of the pseudo-header for `transport_len` bytes of transport header and payload;
 * folded it is what LA_CSUM_PARTIAL wants in the checksum field. A super-segment's length may be
 * that of the whole: who cuts it corrects it. */
static inline uint32_t ip_template_pseudo(const struct ip_template *t, uint32_t transport_len)
{
    return wire_sum_add(t->pseudo, ip_sum_field(transport_len));
}

/* Changes the ECN field (RFC 3168 5) of an IP header that ip_template_write() wrote to `p`, and
 * with it the checksum of IPv4 (RFC 1624 3): the field differs from packet to packet of a
 * connection. */
void ip_template_put_ecn(const struct ip_template *t, uint8_t *p, uint8_t field);

/* Writes t->len bytes for a packet with `transport_len` bytes behind the IP header; returns t->len.
 * `p` has room for IP_TEMPLATE_MAX bytes, all of which may be written.
 * `id` is the IPv4 identification: any for packets with DF (RFC 6864 4.1), so 0 will do. */
size_t ip_template_write(const struct ip_template *t, uint8_t *p, uint32_t transport_len,
                         uint16_t id);

#endif
