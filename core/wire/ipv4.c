/* Reading and writing the IPv4 header. */
#include "wire/ipv4.h"

#include "base/bytes.h"
#include "wire/checksum.h"

/* Flags beside the fragment offset (RFC 791 3.1). The upper one is reserved and ignored. */
#define FLAG_DF     0x4000U
#define FLAG_MF     0x2000U
#define OFFSET_MASK 0x1fffU

/* Option types (RFC 791 3.1). */
#define OPTION_END  0
#define OPTION_NOP  1
#define OPTION_LSRR 131
#define OPTION_SSRR 137

/* RFC 1122 3.2.1.8: options are looked through, those that mean nothing here are skipped. */
static void read_options(const uint8_t *p, struct wire_ipv4 *h)
{
    size_t at = WIRE_IPV4_HEADER;

    while (at < h->hdr_len && p[at] != OPTION_END) {
        size_t room = h->hdr_len - at;
        if (p[at] == OPTION_NOP) {
            at++;
            continue;
        }
        if (room < 2 || p[at + 1] < 2 || p[at + 1] > room) {
            h->options |= WIRE_IPV4_MALFORMED;
            h->problem_at = (uint8_t)at;
            return;
        }
        if (p[at] == OPTION_LSRR) {
            h->options |= WIRE_IPV4_LSRR;
        } else if (p[at] == OPTION_SSRR) {
            h->options |= WIRE_IPV4_SSRR;
        } else {
            h->options |= WIRE_IPV4_OTHER;
        }
        at += p[at + 1];
    }
}

enum wire_ip_verdict wire_ipv4_parse_quoted(const uint8_t *p, size_t len, struct wire_ipv4 *h)
{
    if (len < WIRE_IPV4_HEADER) {
        return WIRE_IP_TRUNCATED;
    }
    if (wire_ip_version(p, len) != 4) {
        return WIRE_IP_VERSION;
    }
    uint16_t fragment = load_be16(p + 6);
    h->hdr_len = (uint8_t)((p[0] & 0xf) * 4);
    h->tos = p[1];
    h->total_len = load_be16(p + 2);
    h->id = load_be16(p + 4);
    h->more_fragments = fragment & FLAG_MF;
    h->dont_fragment = fragment & FLAG_DF;
    h->frag_offset = (uint16_t)((fragment & OFFSET_MASK) * 8);
    h->ttl = p[8];
    h->proto = p[9];
    h->src = wire_load_v4(p + 12);
    h->dst = wire_load_v4(p + 16);
    h->options = 0;
    h->problem_at = 0;
    if (h->hdr_len < WIRE_IPV4_HEADER || h->total_len < h->hdr_len) {
        return WIRE_IP_HEADER;
    }
    if (h->hdr_len > len) {
        return WIRE_IP_TRUNCATED;
    }
    if (h->hdr_len > WIRE_IPV4_HEADER) {
        read_options(p, h);
    }
    return WIRE_IP_OK;
}

enum wire_ip_verdict wire_ipv4_parse(const uint8_t *p, size_t len, struct wire_ipv4 *h)
{
    enum wire_ip_verdict verdict = wire_ipv4_parse_quoted(p, len, h);

    if (verdict != WIRE_IP_OK) {
        return verdict;
    }
    if (h->total_len > len) {
        return WIRE_IP_TRUNCATED;
    }
    /* RFC 1122 3.2.1.2: the sum over a header with its checksum is all ones. */
    return wire_fold(wire_sum(p, h->hdr_len, 0)) == 0xffff ? WIRE_IP_OK : WIRE_IP_CHECKSUM;
}

size_t wire_ipv4_emit(uint8_t *p, const struct wire_ipv4 *h)
{
    unsigned flags = (h->dont_fragment ? FLAG_DF : 0) | (h->more_fragments ? FLAG_MF : 0);

    p[0] = 4 << 4 | WIRE_IPV4_HEADER / 4;
    p[1] = h->tos;
    store_be16(p + 2, h->total_len);
    store_be16(p + 4, h->id);
    store_be16(p + 6, (uint16_t)(flags | h->frag_offset / 8U));
    p[8] = h->ttl;
    p[9] = h->proto;
    store_be16(p + WIRE_IPV4_CHECKSUM_OFFSET, 0);
    wire_store_v4(p + 12, &h->src);
    wire_store_v4(p + 16, &h->dst);
    uint16_t sum = wire_fold(wire_sum(p, WIRE_IPV4_HEADER, 0));
    wire_checksum_store(p + WIRE_IPV4_CHECKSUM_OFFSET, (uint16_t)~sum);
    return WIRE_IPV4_HEADER;
}
