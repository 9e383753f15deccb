/* The IPv6 header and the walk over its extension headers.
 *
 * The walk reads a header only after it has seen that all of it lies before `end`, so `at` grows by
 * at least 8 each turn and never passes `end`. */
#include "wire/ipv6.h"

#include "base/bytes.h"

/* Where fields of the fixed header stand, for the pointer of a Parameter Problem. */
#define AT_PAYLOAD_LEN 4
#define AT_NEXT        6

/* Padding options (RFC 8200 4.2). */
#define OPTION_PAD1 0
#define OPTION_PADN 1

/* What the two highest bits of an unknown option's type ask for (RFC 8200 4.2); 0: skip it. Known
 * options that matter to routers only, as router alert (RFC 2711), are of that kind too. */
#define ACTION_DISCARD   0x40 /* and from here on up */
#define ACTION_ANSWER    0x80 /* discard and answer, whatever the destination is */
#define ACTION_ANSWER_IF 0xc0 /* the same, but not when it is a multicast group */

enum wire_ip_verdict wire_ipv6_parse_quoted(const uint8_t *p, size_t len, struct wire_ipv6 *h)
{
    if (len < WIRE_IPV6_HEADER) {
        return WIRE_IP_TRUNCATED;
    }
    if (wire_ip_version(p, len) != 6) {
        return WIRE_IP_VERSION;
    }
    uint32_t first = load_be32(p);
    h->tclass = (uint8_t)(first >> 20);
    h->flow_label = first & 0xfffff;
    h->payload_len = load_be16(p + AT_PAYLOAD_LEN);
    h->next = p[AT_NEXT];
    h->hop_limit = p[7];
    h->src = wire_load_v6(p + 8);
    h->dst = wire_load_v6(p + 24);
    /* RFC 4291 2.5.5.2: a mapped address stands for an IPv4 node and is never on the wire. */
    return la_addr_is_v4(&h->src) || la_addr_is_v4(&h->dst) ? WIRE_IP_MAPPED : WIRE_IP_OK;
}

enum wire_ip_verdict wire_ipv6_parse(const uint8_t *p, size_t len, struct wire_ipv6 *h)
{
    enum wire_ip_verdict verdict = wire_ipv6_parse_quoted(p, len, h);

    if (verdict == WIRE_IP_OK && h->payload_len > len - WIRE_IPV6_HEADER) {
        return WIRE_IP_TRUNCATED;
    }
    return verdict;
}

size_t wire_ipv6_emit(uint8_t *p, const struct wire_ipv6 *h)
{
    store_be32(p, 6U << 28 | (uint32_t)h->tclass << 20 | (h->flow_label & 0xfffff));
    store_be16(p + AT_PAYLOAD_LEN, h->payload_len);
    p[AT_NEXT] = h->next;
    p[7] = h->hop_limit;
    wire_store_v6(p + 8, &h->src);
    wire_store_v6(p + 24, &h->dst);
    return WIRE_IPV6_HEADER;
}

size_t wire_ipv6_frag_emit(uint8_t *p, uint8_t next, const struct wire_ipv6_frag *frag)
{
    p[0] = next;
    p[1] = 0;
    store_be16(p + 2, (uint16_t)(frag->offset | frag->more)); /* a multiple of 8, and bit 0 */
    store_be32(p + 4, frag->id);
    return WIRE_IPV6_FRAG_HEADER;
}

static enum wire_ipv6_chain problem(struct wire_ipv6_ext *ext, uint8_t code, size_t at)
{
    ext->problem_code = code;
    ext->problem_at = (uint16_t)at;
    return WIRE_IPV6_PROBLEM;
}

/* Options of a hop-by-hop or destination options header that ends before `end`. */
static enum wire_ipv6_chain walk_options(const uint8_t *p, size_t at, size_t end,
                                         struct wire_ipv6_ext *ext)
{
    int count = 0;

    while (at < end) {
        uint8_t type = p[at];
        if (type == OPTION_PAD1) {
            at++;
            continue;
        }
        if (end - at < 2 || p[at + 1] > end - at - 2) {
            return WIRE_IPV6_DISCARD;
        }
        if (type != OPTION_PADN && ++count > WIRE_IPV6_OPTIONS_MAX) {
            return WIRE_IPV6_DISCARD;
        }
        if (type >= ACTION_ANSWER) {
            ext->problem_multicast = type < ACTION_ANSWER_IF;
            return problem(ext, WIRE_IPV6_PROBLEM_OPTION, at);
        }
        if (type >= ACTION_DISCARD) {
            return WIRE_IPV6_DISCARD;
        }
        at += 2U + p[at + 1];
    }
    return WIRE_IPV6_WHOLE;
}

/* The fragment header at `at` of a packet of `packet` bytes. WHOLE: atomic, the walk goes on
 * (RFC 6946 4). */
static enum wire_ipv6_chain walk_fragment(const uint8_t *p, size_t at, size_t packet,
                                          struct wire_ipv6_ext *ext)
{
    size_t len = packet - at - WIRE_IPV6_FRAG_HEADER;

    if (ext->has_frag) {
        return WIRE_IPV6_DISCARD;
    }
    ext->has_frag = true;
    ext->frag.id = load_be32(p + at + 4);
    ext->frag.offset = load_be16(p + at + 2) & 0xfff8;
    ext->frag.more = p[at + 3] & 1;
    ext->frag.header_at = (uint16_t)at;
    ext->frag.next_at = ext->next_at;
    ext->transport_at = (uint16_t)(at + WIRE_IPV6_FRAG_HEADER);
    ext->next_at = (uint16_t)at;
    ext->proto = p[at];
    if (ext->frag.more && len % 8 != 0) {
        return problem(ext, WIRE_IPV6_PROBLEM_FIELD, AT_PAYLOAD_LEN); /* RFC 8200 4.5 */
    }
    if (at - WIRE_IPV6_HEADER + ext->frag.offset + len > UINT16_MAX) {
        return problem(ext, WIRE_IPV6_PROBLEM_FIELD, at + 2); /* RFC 8200 4.5 */
    }
    return ext->frag.more || ext->frag.offset ? WIRE_IPV6_FRAGMENT : WIRE_IPV6_WHOLE;
}

static bool is_extension(uint8_t next)
{
    return next == WIRE_PROTO_HOP_BY_HOP || next == WIRE_PROTO_ROUTING ||
           next == WIRE_PROTO_FRAGMENT || next == WIRE_PROTO_DEST_OPTS;
}

/* Bytes of the extension header at `at`, or 0 when it does not end before `end`. */
static size_t extension_size(const uint8_t *p, size_t at, size_t end, uint8_t next)
{
    if (end - at < 8) {
        return 0;
    }
    size_t size = next == WIRE_PROTO_FRAGMENT ? WIRE_IPV6_FRAG_HEADER : (p[at + 1] + 1U) * 8U;
    return size <= end - at ? size : 0;
}

/* Does the first fragment hold the rest of the chain, the transport header included? Only lengths
 * are looked at; what the headers say counts after reassembly (RFC 7112 5). */
static bool chain_complete(const uint8_t *p, size_t end, const struct wire_ipv6_ext *ext)
{
    size_t at = ext->transport_at;
    uint8_t next = ext->proto;

    for (int n = 0; is_extension(next); n++) {
        size_t size = extension_size(p, at, end, next);
        if (size == 0 || n == WIRE_IPV6_EXT_MAX) {
            return false;
        }
        next = p[at];
        at += size;
    }
    switch (next) {
    case WIRE_PROTO_TCP:
        return end - at >= 20;
    case WIRE_PROTO_UDP:
    case WIRE_PROTO_ICMPV6:
        return end - at >= 8;
    default:
        return true;
    }
}

/* What one extension header of `size` bytes says about the packet; WHOLE: go on behind it. */
static enum wire_ipv6_chain walk_header(const uint8_t *p, size_t size, size_t packet,
                                        struct wire_ipv6_ext *ext)
{
    size_t at = ext->transport_at;

    switch (ext->proto) {
    case WIRE_PROTO_HOP_BY_HOP:
        if (at != WIRE_IPV6_HEADER) {
            return problem(ext, WIRE_IPV6_PROBLEM_NEXT, ext->next_at); /* RFC 8200 4 */
        }
        return walk_options(p, at + 2, at + size, ext);
    case WIRE_PROTO_DEST_OPTS:
        return walk_options(p, at + 2, at + size, ext);
    case WIRE_PROTO_ROUTING:
        /* RFC 8200 4.4: no type is known; one that has segments left cannot be skipped. */
        return p[at + 3] ? problem(ext, WIRE_IPV6_PROBLEM_FIELD, at + 2) : WIRE_IPV6_WHOLE;
    default:
        return walk_fragment(p, at, packet, ext);
    }
}

enum wire_ipv6_chain wire_ipv6_walk(const uint8_t *p, size_t len, const struct wire_ipv6 *h,
                                    struct wire_ipv6_ext *ext)
{
    size_t packet = (size_t)WIRE_IPV6_HEADER + h->payload_len;
    size_t end = len < packet ? len : packet;

    *ext = (struct wire_ipv6_ext){
        .transport_at = WIRE_IPV6_HEADER, .next_at = AT_NEXT, .proto = h->next};
    for (int n = 0; is_extension(ext->proto); n++) {
        uint16_t at = ext->transport_at;
        size_t size = extension_size(p, at, end, ext->proto);
        if (size == 0 || n == WIRE_IPV6_EXT_MAX) {
            return WIRE_IPV6_DISCARD;
        }
        enum wire_ipv6_chain chain = walk_header(p, size, packet, ext);
        if (chain == WIRE_IPV6_FRAGMENT && ext->frag.offset == 0 && !chain_complete(p, end, ext)) {
            return problem(ext, WIRE_IPV6_PROBLEM_INCOMPLETE, 0);
        }
        if (chain != WIRE_IPV6_WHOLE) {
            return chain;
        }
        ext->next_at = at;
        ext->proto = p[at];
        ext->transport_at = (uint16_t)(at + size);
    }
    return WIRE_IPV6_WHOLE;
}
