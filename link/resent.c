/* Counting what was sent before. */
#include "link/resent.h"

#include <string.h>

#include "base/bytes.h"
#include "link/lane_ip.h"
#include "wire/ip.h"

#define FLAG_SYN 0x02
#define SEQ_AT   4
#define DATA_AT  12
#define FLAGS_AT 13

static bool flow_is(const struct resent_flow *a, const struct resent_flow *b)
{
    return memcmp(&a->src, &b->src, sizeof(a->src)) == 0 &&
           memcmp(&a->dst, &b->dst, sizeof(a->dst)) == 0 && a->src_port == b->src_port &&
           a->dst_port == b->dst_port;
}

/* The flow of that name, a new one that begins with `end`, or NULL. The last one that was asked
 * for is the likeliest. */
static struct resent_flow *flow_find(struct resent *resent, const struct resent_flow *wanted)
{
    for (uint32_t i = resent->flows_count; i-- > 0;)
        if (flow_is(&resent->flows[i], wanted))
            return &resent->flows[i];
    if (resent->flows_count == RESENT_FLOWS)
        return NULL;
    struct resent_flow *flow = &resent->flows[resent->flows_count++];
    *flow = *wanted;
    return flow;
}

/* How many of the `len` bytes from `seq` on lie before `end`. */
static uint32_t before(uint32_t seq, uint32_t len, uint32_t end)
{
    int32_t over = (int32_t)(end - seq);
    if (over <= 0)
        return 0;
    return (uint32_t)over < len ? (uint32_t)over : len;
}

void resent_look(struct resent *resent, const uint8_t *ip, size_t len)
{
    struct lane_ip_transport transport;
    if (!lane_ip_transport(ip, len, &transport) || transport.proto != WIRE_PROTO_TCP ||
        transport.len < 20)
        return;
    size_t head = (size_t)(transport.at[DATA_AT] >> 4) * 4;
    uint32_t seq = load_be32(transport.at + SEQ_AT);
    bool syn = transport.at[FLAGS_AT] & FLAG_SYN;
    uint32_t payload = transport.len > head ? (uint32_t)(transport.len - head) : 0;
    if (payload == 0 && !syn)
        return;
    struct resent_flow wanted = {.src_port = load_be16(transport.at),
                                 .dst_port = load_be16(transport.at + 2),
                                 .end = seq + syn};
    lane_ip_addrs(ip, &wanted.src, &wanted.dst);
    struct resent_flow *flow = flow_find(resent, &wanted);
    if (!flow) {
        resent->unknown++;
        return;
    }
    if (syn) /* the ports may have been used before */
        flow->end = seq + 1;
    if (payload == 0)
        return;
    seq += syn;
    uint32_t again = before(seq, payload, flow->end);
    resent->segments++;
    resent->bytes += payload;
    resent->again_segments += again > 0;
    resent->again_bytes += again;
    if (again < payload)
        flow->end = seq + payload;
}
