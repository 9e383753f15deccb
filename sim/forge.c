/* SYNs that no host made: source addresses and ports are drawn, and belong to nobody. What a flood
 * of them does to a listener is the listener's business. */
#include "sim/world.h"

#include "base/mem.h"
#include "wire/checksum.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"
#include "wire/tcp.h"

#define FORGED_FIRST 100 /* last bytes of addresses that no host of a plan has */
#define FORGED_COUNT 150

/* The header of the packet; returns where TCP begins. */
static size_t ip_emit(uint8_t *to, const struct la_addr *src, const struct la_addr *dst, size_t len)
{
    if (la_addr_is_v4(src)) {
        struct wire_ipv4 h = {.src = *src,
                              .dst = *dst,
                              .total_len = (uint16_t)(WIRE_IPV4_HEADER + len),
                              .ttl = 64,
                              .proto = WIRE_PROTO_TCP};
        return wire_ipv4_emit(to, &h);
    }
    struct wire_ipv6 h = {.src = *src,
                          .dst = *dst,
                          .payload_len = (uint16_t)len,
                          .next = WIRE_PROTO_TCP,
                          .hop_limit = 64};
    return wire_ipv6_emit(to, &h);
}

size_t forge_segment(uint8_t *to, const struct la_addr *src, const struct la_addr *dst,
                     const struct wire_tcp *h, const uint8_t *payload, size_t payload_len)
{
    size_t tcp_len = wire_tcp_size(h) + payload_len;
    size_t at = ip_emit(to, src, dst, tcp_len);
    size_t head = wire_tcp_emit(to + at, h);
    if (payload_len > 0)
        mem_copy(to + at + head, payload, payload_len);
    uint32_t sum = wire_sum_pseudo(src, dst, WIRE_PROTO_TCP, (uint32_t)tcp_len);
    sum = wire_sum(to + at, tcp_len, sum);
    wire_checksum_store(to + at + WIRE_TCP_CHECKSUM_OFFSET, (uint16_t)~wire_fold(sum));
    return at + tcp_len;
}

void forge_syn(struct world *w, struct host *h, const struct plan_act *a)
{
    const struct host *to = &w->hosts[a->end];
    bool v6 = a->data_only;
    struct la_addr src = h->addr[v6];
    src.b[15] = (uint8_t)(FORGED_FIRST + prng_below(&h->prng, FORGED_COUNT));
    struct wire_tcp t = {.src_port = (uint16_t)(1024 + prng_below(&h->prng, 60000)),
                         .dst_port = (uint16_t)a->value,
                         .seq = prng_u32(&h->prng),
                         .wnd = 65535,
                         .flags = LA_TH_SYN,
                         .options = WIRE_TCP_MSS,
                         .mss = 1460};
    size_t len = forge_segment(w->packet, &src, &to->addr[v6], &t, NULL, 0);
    host_insert(w, h, w->packet, (uint32_t)len, (struct lane_meta){.reason = LA_SYN}, true);
}
