/* Reading and writing ICMP messages of both versions, and the packets that errors quote. */
#include "wire/icmp.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"

/* Types (RFC 792; RFC 4443, RFC 4861). */
#define TYPE4_UNREACHABLE 3
#define TYPE6_TOO_BIG     2

struct icmp_type {
    uint8_t kind; /* enum wire_icmp_kind */
    uint8_t type;
};

static const struct icmp_type types4[] = {
    {WIRE_ICMP_ECHO_REPLY, 0},
    {WIRE_ICMP_UNREACHABLE, TYPE4_UNREACHABLE},
    {WIRE_ICMP_QUENCH, 4},
    {WIRE_ICMP_REDIRECT, 5},
    {WIRE_ICMP_ECHO_REQUEST, 8},
    {WIRE_ICMP_TIME_EXCEEDED, 11},
    {WIRE_ICMP_PARAMETER_PROBLEM, 12},
};

static const struct icmp_type types6[] = {
    {WIRE_ICMP_UNREACHABLE, 1},    {WIRE_ICMP_TOO_BIG, TYPE6_TOO_BIG},
    {WIRE_ICMP_TIME_EXCEEDED, 3},  {WIRE_ICMP_PARAMETER_PROBLEM, 4},
    {WIRE_ICMP_ECHO_REQUEST, 128}, {WIRE_ICMP_ECHO_REPLY, 129},
    {WIRE_ICMP_REDIRECT, 137},
};

static enum wire_icmp_kind kind_of(bool v6, uint8_t type, uint8_t code)
{
    const struct icmp_type *types = v6 ? types6 : types4;
    size_t n = v6 ? LA_ARRAY_LEN(types6) : LA_ARRAY_LEN(types4);

    if (!v6 && type == TYPE4_UNREACHABLE && code == WIRE_ICMP4_FRAG_NEEDED) {
        return WIRE_ICMP_TOO_BIG; /* RFC 1191 4 */
    }
    for (size_t i = 0; i < n; i++) {
        if (types[i].type == type) {
            return types[i].kind;
        }
    }
    return WIRE_ICMP_OTHER;
}

struct wire_icmp wire_icmp_make(bool v6, enum wire_icmp_kind kind, uint8_t code, uint32_t word)
{
    const struct icmp_type *types = v6 ? types6 : types4;
    size_t n = v6 ? LA_ARRAY_LEN(types6) : LA_ARRAY_LEN(types4);
    struct wire_icmp h = {.v6 = v6, .kind = (uint8_t)kind, .code = code, .word = word};

    if (!v6 && kind == WIRE_ICMP_TOO_BIG) {
        h.type = TYPE4_UNREACHABLE;
        h.code = WIRE_ICMP4_FRAG_NEEDED;
    }
    for (size_t i = 0; i < n; i++) {
        if (types[i].kind == kind) {
            h.type = types[i].type;
        }
    }
    return h;
}

bool wire_icmp_parse(const uint8_t *p, size_t len, bool v6, struct wire_icmp *h)
{
    if (len < WIRE_ICMP_HEADER) {
        return false;
    }
    h->v6 = v6;
    h->type = p[0];
    h->code = p[1];
    h->kind = (uint8_t)kind_of(v6, p[0], p[1]);
    h->word = load_be32(p + 4);
    return true;
}

size_t wire_icmp_emit(uint8_t *p, const struct wire_icmp *h)
{
    p[0] = h->type;
    p[1] = h->code;
    store_be16(p + WIRE_ICMP_CHECKSUM_OFFSET, 0);
    store_be32(p + 4, h->word);
    return WIRE_ICMP_HEADER;
}

bool wire_icmp_is_error(const struct wire_icmp *h)
{
    if (h->v6) {
        return h->type < 128 || h->kind == WIRE_ICMP_REDIRECT; /* RFC 4443 2.1, 2.4 e.2 */
    }
    return h->kind != WIRE_ICMP_OTHER && h->kind != WIRE_ICMP_ECHO_REQUEST &&
           h->kind != WIRE_ICMP_ECHO_REPLY;
}

/* Ports and sequence number, as far as the quotation goes: RFC 792 promises 64 bits of the
 * transport header, enough for both. */
static void read_transport(const uint8_t *p, size_t len, struct wire_icmp_quote *q)
{
    if ((q->proto != WIRE_PROTO_TCP && q->proto != WIRE_PROTO_UDP) || len < 4) {
        return;
    }
    q->has_ports = true;
    q->src_port = load_be16(p);
    q->dst_port = load_be16(p + 2);
    if (q->proto == WIRE_PROTO_TCP && len >= 8) {
        q->has_seq = true;
        q->seq = load_be32(p + 4);
    }
}

static bool quote_v4(const uint8_t *p, size_t len, struct wire_icmp_quote *q)
{
    struct wire_ipv4 h;

    if (wire_ipv4_parse_quoted(p, len, &h) != WIRE_IP_OK) {
        return false;
    }
    q->src = h.src;
    q->dst = h.dst;
    q->proto = h.proto;
    q->packet = h.total_len;
    q->transport_at = h.hdr_len;
    if (h.frag_offset == 0) {
        read_transport(p + h.hdr_len, len - h.hdr_len, q);
    }
    return true;
}

static bool quote_v6(const uint8_t *p, size_t len, struct wire_icmp_quote *q)
{
    struct wire_ipv6 h;
    struct wire_ipv6_ext ext;

    if (wire_ipv6_parse_quoted(p, len, &h) != WIRE_IP_OK) {
        return false;
    }
    enum wire_ipv6_chain chain = wire_ipv6_walk(p, len, &h, &ext);
    if (chain != WIRE_IPV6_WHOLE && chain != WIRE_IPV6_FRAGMENT) {
        return false;
    }
    q->src = h.src;
    q->dst = h.dst;
    q->proto = ext.proto;
    q->packet = (uint32_t)WIRE_IPV6_HEADER + h.payload_len;
    q->transport_at = ext.transport_at;
    if (ext.frag.offset == 0) {
        read_transport(p + ext.transport_at, len - ext.transport_at, q);
    }
    return true;
}

bool wire_icmp_quote(const uint8_t *p, size_t len, bool v6, struct wire_icmp_quote *q)
{
    mem_zero(q, sizeof(*q));
    return v6 ? quote_v6(p, len, q) : quote_v4(p, len, q);
}
