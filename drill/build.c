/* Building the packets that arrive: see packet.h. */
#include <netinet/in.h>
#include <string.h>

#include "drill/packet.h"

uint32_t drill_local_to_live(const struct drill_flow *f, uint32_t seq, bool syn)
{
    return seq + f->local_isn - (syn ? f->local_isn_script : 0);
}

uint32_t drill_remote_to_live(const struct drill_flow *f, uint32_t seq, bool syn)
{
    return seq + f->remote_isn - (syn ? f->remote_isn_script : 0);
}

uint32_t drill_local_to_script(const struct drill_flow *f, uint32_t seq, bool syn)
{
    return seq - f->local_isn + (syn ? f->local_isn_script : 0);
}

uint32_t drill_remote_to_script(const struct drill_flow *f, uint32_t seq, bool syn)
{
    return seq - f->remote_isn + (syn ? f->remote_isn_script : 0);
}

uint8_t drill_pattern(uint32_t offset)
{
    return (uint8_t)(offset * 31 + (offset >> 8) * 7 + 1);
}

static void put16(uint8_t *to, uint32_t value)
{
    to[0] = (uint8_t)(value >> 8);
    to[1] = (uint8_t)value;
}

static void put32(uint8_t *to, uint32_t value)
{
    put16(to, value >> 16);
    put16(to + 2, value & 0xffff);
}

uint16_t drill_checksum(const uint8_t *bytes, size_t len, uint32_t sum)
{
    uint64_t total = sum;
    for (size_t i = 0; i + 1 < len; i += 2)
        total += (uint32_t)bytes[i] << 8 | bytes[i + 1];
    if (len & 1)
        total += (uint32_t)bytes[len - 1] << 8;
    while (total >> 16)
        total = (total & 0xffff) + (total >> 16);
    return (uint16_t)~total;
}

static uint32_t address_sum(const struct la_addr *a, bool ipv6)
{
    uint32_t sum = 0;
    for (unsigned i = ipv6 ? 0 : 12; i < 16; i += 2)
        sum += (uint32_t)a->b[i] << 8 | a->b[i + 1];
    return sum;
}

/* ---- options -------------------------------------------------------------------------------- */

static unsigned encode_words(const struct drill_tcp_option *o, uint8_t *to)
{
    for (unsigned i = 0; i < o->values; i++)
        put32(to + 4 * i, o->value[i]);
    return 4 * o->values;
}

static unsigned encode_counters(const struct drill_tcp_option *o, uint8_t *to)
{
    for (unsigned i = 0; i < o->values; i++) {
        to[3 * i] = (uint8_t)(o->value[i] >> 16);
        put16(to + 3 * i + 1, o->value[i] & 0xffff);
    }
    return 3 * o->values;
}

/* What stands behind kind and length; returns how many bytes. */
static unsigned encode_body(const struct drill_tcp_option *o, uint8_t *to)
{
    unsigned n = 0;
    switch (o->kind) {
    case DRILL_OPT_MSS:
        put16(to, o->value[0]);
        return 2;
    case DRILL_OPT_WSCALE:
        to[0] = (uint8_t)o->value[0];
        return 1;
    case DRILL_OPT_SACK:
    case DRILL_OPT_TIMESTAMP:
        return encode_words(o, to);
    case DRILL_OPT_ACCECN:
        return encode_counters(o, to);
    case DRILL_OPT_FASTOPEN_EXP:
        put16(to, 0xf989);
        n = 2;
        break;
    case DRILL_OPT_EXP:
        put16(to, o->value[0]);
        n = 2;
        break;
    default:
        break;
    }
    memcpy(to + n, o->data, o->data_len);
    return n + o->data_len;
}

unsigned drill_encode_options(const struct drill_tcp_option *options, unsigned count,
                              uint8_t bytes[40])
{
    unsigned n = 0;
    uint8_t body[64];
    for (unsigned i = 0; i < count; i++) {
        const struct drill_tcp_option *o = &options[i];
        if (o->kind == DRILL_OPT_EOL || o->kind == DRILL_OPT_NOP) {
            if (n == 40)
                return 0;
            bytes[n++] = o->number;
            continue;
        }
        unsigned len = encode_body(o, body);
        if (n + 2 + len > 40)
            return 0;
        bytes[n] = o->number;
        bytes[n + 1] = (uint8_t)(len + 2);
        memcpy(bytes + n + 2, body, len);
        n += 2 + len;
    }
    while (n % 4 != 0)
        bytes[n++] = 0;
    return n;
}

/* The timestamp to echo: the one that left where the script wrote this. */
static uint32_t echo_of(const struct drill_wire *wire, const struct drill_flow *flow, uint32_t ecr)
{
    for (unsigned i = flow->stamps_count; i-- > 0;)
        if (flow->stamps[i].script == ecr)
            return flow->stamps[i].live;
    if (wire->ecr_scaled && flow->stamps_count > 0)
        return flow->stamps[0].live + (ecr - flow->stamps[0].script);
    return ecr;
}

static unsigned live_options(const struct drill_packet *p, const struct drill_wire *wire,
                             const struct drill_flow *flow, uint8_t bytes[40])
{
    struct drill_tcp_option live[DRILL_OPTIONS_MAX];
    for (unsigned i = 0; i < p->options_count; i++) {
        live[i] = p->options[i];
        if (live[i].kind == DRILL_OPT_SACK)
            for (unsigned k = 0; k < live[i].values; k++)
                live[i].value[k] = drill_local_to_live(flow, live[i].value[k], false);
        if (live[i].kind == DRILL_OPT_TIMESTAMP)
            live[i].value[1] = live[i].value[1] ? echo_of(wire, flow, live[i].value[1]) : 0;
    }
    return drill_encode_options(live, p->options_count, bytes);
}

/* ---- headers -------------------------------------------------------------------------------- */

static uint8_t tos_of(const struct drill_packet *p)
{
    unsigned tos = p->tos >= 0 ? (unsigned)p->tos : 0;
    if (p->ecn >= 0)
        tos = (tos & ~3u) | (p->ecn == DRILL_ECN_01 ? 2u : (unsigned)p->ecn);
    return (uint8_t)tos;
}

/* Everything but the bytes behind it. `len` of what follows the header. Returns its length. */
static size_t ip_header(const struct drill_packet *p, bool ipv6, const struct la_addr *source,
                        const struct la_addr *target, uint8_t protocol, size_t len, uint8_t *to)
{
    uint8_t ttl = p->ttl >= 0 ? (uint8_t)p->ttl : 255;
    if (ipv6) {
        uint32_t label = p->flowlabel >= 0 ? (uint32_t)p->flowlabel : 0;
        put32(to, 6u << 28 | (uint32_t)tos_of(p) << 20 | label);
        put16(to + 4, (uint32_t)len);
        to[6] = protocol;
        to[7] = ttl;
        memcpy(to + 8, source->b, 16);
        memcpy(to + 24, target->b, 16);
        return 40;
    }
    memset(to, 0, 20);
    to[0] = 0x45;
    to[1] = tos_of(p);
    put16(to + 2, (uint32_t)(20 + len));
    to[8] = ttl;
    to[9] = protocol;
    memcpy(to + 12, source->b + 12, 4);
    memcpy(to + 16, target->b + 12, 4);
    put16(to + 10, drill_checksum(to, 20, 0));
    return 20;
}

static void transport_checksum(const struct la_addr *source, const struct la_addr *target,
                               bool ipv6, uint8_t protocol, uint8_t *segment, size_t len,
                               size_t field)
{
    uint32_t sum = address_sum(source, ipv6) + address_sum(target, ipv6) + protocol;
    sum += (uint32_t)(len & 0xffff) + (uint32_t)(len >> 16);
    put16(segment + field, 0);
    uint16_t checksum = drill_checksum(segment, len, sum);
    put16(segment + field, protocol == IPPROTO_UDP && checksum == 0 ? 0xffff : checksum);
}

static void fill(uint8_t *to, uint32_t len, uint32_t offset)
{
    for (uint32_t i = 0; i < len; i++)
        to[i] = drill_pattern(offset + i);
}

/* ---- TCP, UDP, ICMP ------------------------------------------------------------------------- */

static size_t build_tcp(const struct drill_packet *p, const struct drill_wire *wire,
                        const struct drill_flow *flow, size_t room, uint8_t *to)
{
    bool syn = (p->flags & DRILL_TH_SYN) != 0;
    uint32_t seq = drill_remote_to_live(flow, p->seq, syn);
    unsigned options = live_options(p, wire, flow, to + 20);
    uint32_t payload = p->payload;
    put16(to, p->source_port >= 0 ? (uint32_t)p->source_port : flow->remote_port);
    put16(to + 2, p->target_port >= 0 ? (uint32_t)p->target_port : flow->local_port);
    put32(to + 4, seq);
    bool ack = p->has_ack || (p->flags & DRILL_TH_ACK);
    put32(to + 8, ack ? drill_local_to_live(flow, p->ack, syn) : 0);
    put16(to + 12, (5 + options / 4) << 12 | (p->flags & 0x1ff));
    put16(to + 14, p->has_win ? p->win : 65535);
    put16(to + 18, p->urg);
    if (payload > room - 20 - options)
        payload = (uint32_t)(room - 20 - options);
    fill(to + 20 + options, payload, seq - flow->remote_isn - (syn ? 0 : 1));
    return 20 + options + payload;
}

static size_t build_udp(const struct drill_packet *p, const struct drill_flow *flow, uint8_t *to)
{
    put16(to, p->source_port >= 0 ? (uint32_t)p->source_port : flow->remote_port);
    put16(to + 2, p->target_port >= 0 ? (uint32_t)p->target_port : flow->local_port);
    put16(to + 4, 8 + p->payload);
    fill(to + 8, p->payload, 0);
    return 8 + p->payload;
}

/* The packet that an ICMP error quotes: one that this end sent, its first bytes. */
static size_t build_quote(const struct drill_packet *p, const struct drill_wire *wire,
                          const struct drill_flow *flow, uint8_t *to)
{
    struct drill_packet quoted = {.ecn = DRILL_ECN_ANY, .tos = -1, .ttl = 64, .flowlabel = -1};
    size_t whole = wire->ipv6 ? 60 : 28; /* RFC 792: 64 bits; RFC 4443: as much as there is room */
    if (!p->has_quote && flow->last_len >= whole) {
        memcpy(to, flow->last, whole);
        return whole;
    }
    size_t transport = p->quote_udp ? 8 : 20;
    uint8_t protocol = p->quote_udp ? IPPROTO_UDP : IPPROTO_TCP;
    size_t ip = ip_header(&quoted, wire->ipv6, &wire->local, &wire->remote, protocol,
                          transport + p->quote_len, to);
    uint8_t *at = to + ip;
    memset(at, 0, 20);
    put16(at, flow->local_port);
    put16(at + 2, flow->remote_port);
    if (p->quote_udp) {
        put16(at + 4, 8 + p->quote_len);
        return ip + 8;
    }
    put32(at + 4, drill_local_to_live(flow, p->quote_seq, false));
    at[12] = 5 << 4;
    return whole;
}

static size_t build_icmp(const struct drill_packet *p, const struct drill_wire *wire,
                         const struct drill_flow *flow, uint8_t *to)
{
    memset(to, 0, 8);
    to[0] = p->icmp_type;
    to[1] = p->icmp_code;
    if (p->has_mtu)
        put32(to + 4, p->mtu);
    if (p->has_echo) {
        put16(to + 4, p->echo_id);
        put16(to + 6, p->echo_seq);
    }
    bool error = wire->ipv6 ? p->icmp_type < 128 : p->icmp_type != 0 && p->icmp_type != 8;
    if (error)
        return 8 + build_quote(p, wire, flow, to + 8);
    fill(to + 8, p->payload, 0);
    return 8 + p->payload;
}

size_t drill_build(const struct drill_packet *p, const struct drill_wire *wire,
                   const struct drill_flow *flow, uint8_t bytes[DRILL_PACKET_MAX])
{
    size_t ip = wire->ipv6 ? 40 : 20, len = 0, field = 16;
    const struct la_addr *source = &wire->remote;
    uint8_t protocol = IPPROTO_TCP, *to = bytes + ip;
    memset(to, 0, 80);
    switch (p->protocol) {
    case DRILL_TCP:
        len = build_tcp(p, wire, flow, DRILL_PACKET_MAX - ip, to);
        break;
    case DRILL_UDP:
        protocol = IPPROTO_UDP;
        len = build_udp(p, flow, to);
        field = 6;
        break;
    case DRILL_ICMP:
        protocol = wire->ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
        source = p->has_echo ? &wire->remote : &wire->gateway;
        len = build_icmp(p, wire, flow, to);
        field = 2;
        break;
    }
    if (protocol == IPPROTO_ICMP)
        put16(to + 2, drill_checksum(to, len, 0));
    else
        transport_checksum(source, &wire->local, wire->ipv6, protocol, to, len, field);
    ip_header(p, wire->ipv6, source, &wire->local, protocol, len, bytes);
    return ip + len;
}

/* ---- fragments (RFC 791 3.2, RFC 8200 4.5) --------------------------------------------------- */

size_t drill_cut(const uint8_t *packet, size_t len, uint32_t size, unsigned n, uint16_t id,
                 uint8_t *to)
{
    bool ipv6 = packet[0] >> 4 == 6;
    size_t header = ipv6 ? 40 : 20, from = (size_t)size * (n - 1);
    if (n == 0 || header + from >= len)
        return 0;
    size_t left = len - header - from, part = left < size ? left : size;
    bool more = part < left;
    memcpy(to, packet, header);
    if (ipv6) {
        put16(to + 4, (uint32_t)(8 + part));
        to[6] = IPPROTO_FRAGMENT;
        to[header] = packet[6];
        to[header + 1] = 0;
        put16(to + header + 2, (uint32_t)from | more);
        put32(to + header + 4, id);
        header += 8;
    } else {
        put16(to + 2, (uint32_t)(header + part));
        put16(to + 4, id);
        put16(to + 6, (uint32_t)(from / 8) | (more ? 0x2000u : 0u));
        put16(to + 10, 0);
        put16(to + 10, drill_checksum(to, header, 0));
    }
    memcpy(to + header, packet + (ipv6 ? 40 : 20) + from, part);
    return header + part;
}
