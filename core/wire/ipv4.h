/* The IPv4 header (RFC 791 3.1).
 *
 * wire_ipv4_parse() checks version, lengths, checksum and options once. Invariants of a parsed
 * header: 20 <= hdr_len <= total_len <= len; frag_offset is a multiple of 8. What the options mean
 * is not looked at, but whether they are well formed and whether one is a source route
 * (RFC 7126 4.3, 4.4). wire_ipv4_emit() writes headers without options. */
#ifndef WIRE_IPV4_H
#define WIRE_IPV4_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/ip.h"

#define WIRE_IPV4_HEADER     20 /* without options */
#define WIRE_IPV4_HEADER_MAX 60

/* Offset of the checksum in the header. */
#define WIRE_IPV4_CHECKSUM_OFFSET 10

/* What the options hold. */
#define WIRE_IPV4_LSRR      0x01 /* loose source route */
#define WIRE_IPV4_SSRR      0x02 /* strict source route */
#define WIRE_IPV4_OTHER     0x04 /* any other option but end of list and no-operation */
#define WIRE_IPV4_MALFORMED 0x80 /* a length is illegal; `problem_at` says where */

struct wire_ipv4 {
    struct la_addr src, dst; /* IPv4-mapped */
    uint16_t total_len;      /* header and payload; what lies behind is the link's padding */
    uint16_t id;
    uint16_t frag_offset; /* bytes; of a whole packet 0 */
    bool more_fragments;
    bool dont_fragment;
    uint8_t hdr_len; /* bytes, options included */
    uint8_t tos;     /* DS field and ECN */
    uint8_t ttl;
    uint8_t proto;
    uint8_t options;    /* WIRE_IPV4_* */
    uint8_t problem_at; /* offset of the malformed option: pointer of a Parameter Problem */
};

static inline bool wire_ipv4_is_fragment(const struct wire_ipv4 *h)
{
    return h->more_fragments || h->frag_offset;
}

/* Fills `h` when the verdict is WIRE_IP_OK. A malformed option is not a verdict: RFC 1122 3.2.2.5
 * answers it with a Parameter Problem. */
enum wire_ip_verdict wire_ipv4_parse(const uint8_t *p, size_t len, struct wire_ipv4 *h);

/* The same for a header quoted in an ICMP error: the packet behind it may be cut off and the
 * checksum may be stale, because routers change TTL and checksum (RFC 5508 3.2, RFC 1812 4.3.2.3),
 * so only version and header length must hold. */
enum wire_ip_verdict wire_ipv4_parse_quoted(const uint8_t *p, size_t len, struct wire_ipv4 *h);

/* Writes WIRE_IPV4_HEADER bytes, checksum included, and returns that; hdr_len and options of `h`
 * are not read. */
size_t wire_ipv4_emit(uint8_t *p, const struct wire_ipv4 *h);

#endif
