/* Reading and writing the TCP header.
 *
 * Invariant of the option reader: `at` never passes hdr_len, which never passes the segment. The
 * writer keeps each option on a 4-byte boundary by NOPs before it, so its output has no padding
 * behind the last option. */
#include "wire/tcp.h"

#include "base/bytes.h"
#include "base/mem.h"

/* Option kinds (RFC 9293 3.2, RFC 7323, RFC 2018, RFC 9768 3.2.3, RFC 7413) and the lengths of
 * those that have one. */
#define KIND_END        0
#define KIND_NOP        1
#define KIND_MSS        2
#define KIND_WSCALE     3
#define KIND_SACK_OK    4
#define KIND_SACK       5
#define KIND_TS         8
#define KIND_FASTOPEN   34
#define KIND_ECN0       172
#define KIND_ECN1       174
#define KIND_EXPERIMENT 254

#define LEN_MSS        4
#define LEN_WSCALE     3
#define LEN_SACK_OK    2
#define LEN_TS         10
#define LEN_SACK_BLOCK 8
#define LEN_ECN_FIELD  3
#define LEN_FASTOPEN   2 /* and the cookie */
#define LEN_EXPERIMENT 4

#define EXPERIMENT_FASTOPEN 0xf989 /* RFC 7413 appendix A */

#define OPTIONS_MAX (WIRE_TCP_HEADER_MAX - WIRE_TCP_HEADER)

#define FASTOPEN (WIRE_TCP_FASTOPEN | WIRE_TCP_FASTOPEN_EXP)

/* RFC 7323 appendix A: what nearly every segment of a connection begins its options with. */
#define ALIGNED_TS 0x0101080aU

static bool read_sack(const uint8_t *p, size_t len, struct wire_tcp *h)
{
    size_t n = (len - 2) / LEN_SACK_BLOCK;

    if (n == 0 || n > WIRE_SACK_MAX || len != 2 + n * LEN_SACK_BLOCK) {
        return false; /* RFC 2018 3: 8n + 2 */
    }
    for (size_t i = 0; i < n; i++) {
        h->sack[i].left = load_be32(p + 2 + i * LEN_SACK_BLOCK);
        h->sack[i].right = load_be32(p + 6 + i * LEN_SACK_BLOCK);
    }
    h->sack_n = (uint8_t)n;
    h->options |= WIRE_TCP_SACK;
    return true;
}

/* RFC 9768 3.2.3: whole fields count whatever the length is, the rest is padding. */
static void read_ecn(const uint8_t *p, size_t len, struct wire_tcp *h)
{
    size_t n = (len - 2) / LEN_ECN_FIELD;

    n = n < WIRE_ECN_MAX ? n : WIRE_ECN_MAX;
    for (size_t i = 0; i < n; i++) {
        const uint8_t *field = p + 2 + i * LEN_ECN_FIELD;
        h->ecn[i] = (uint32_t)field[0] << 16 | load_be16(field + 1);
    }
    h->ecn_n = (uint8_t)n;
    h->options = (uint16_t)((h->options & ~(WIRE_TCP_ECN0 | WIRE_TCP_ECN1)) |
                            (p[0] == KIND_ECN0 ? WIRE_TCP_ECN0 : WIRE_TCP_ECN1));
}

/* RFC 7413 4.1.1: "Options with invalid Length values or without the SYN flag set MUST be ignored."
 */
static void read_fastopen(const uint8_t *cookie, size_t len, uint16_t which, struct wire_tcp *h)
{
    bool valid = len == 0 || (len >= WIRE_FASTOPEN_MIN && len <= WIRE_FASTOPEN_MAX && len % 2 == 0);

    if (!valid || !(h->flags & LA_TH_SYN)) {
        return;
    }
    mem_copy(h->fastopen, cookie, len);
    h->fastopen_n = (uint8_t)len;
    h->options = (uint16_t)((h->options & ~FASTOPEN) | which);
}

/* Reads one option of `len` bytes, kind and length included. False: not its legal length. */
static bool read_option(const uint8_t *p, size_t len, struct wire_tcp *h)
{
    switch (p[0]) {
    case KIND_MSS:
        if (len != LEN_MSS) {
            return false;
        }
        h->mss = load_be16(p + 2);
        h->options |= WIRE_TCP_MSS;
        return true;
    case KIND_WSCALE:
        if (len != LEN_WSCALE) {
            return false;
        }
        h->wscale = p[2];
        h->options |= WIRE_TCP_WSCALE;
        return true;
    case KIND_SACK_OK:
        if (len != LEN_SACK_OK) {
            return false;
        }
        h->options |= WIRE_TCP_SACK_OK;
        return true;
    case KIND_SACK:
        return read_sack(p, len, h);
    case KIND_TS:
        if (len != LEN_TS) {
            return false;
        }
        h->tsval = load_be32(p + 2);
        h->tsecr = load_be32(p + 6);
        h->options |= WIRE_TCP_TS;
        return true;
    case KIND_ECN0:
    case KIND_ECN1:
        read_ecn(p, len, h);
        return true;
    case KIND_FASTOPEN:
        read_fastopen(p + LEN_FASTOPEN, len - LEN_FASTOPEN, WIRE_TCP_FASTOPEN, h);
        return true;
    case KIND_EXPERIMENT:
        if (len >= LEN_EXPERIMENT && load_be16(p + 2) == EXPERIMENT_FASTOPEN) {
            read_fastopen(p + LEN_EXPERIMENT, len - LEN_EXPERIMENT, WIRE_TCP_FASTOPEN_EXP, h);
        }
        return true;
    default:
        return true; /* RFC 9293 3.1, MUST-6: an option that is not known is skipped */
    }
}

/* RFC 9293 3.1, MUST-4, MUST-5, MUST-64, MUST-68: end of list, no-operation and the others; on any
 * segment, at any alignment, a length in every option but two. */
static void read_options(const uint8_t *p, struct wire_tcp *h)
{
    size_t at = WIRE_TCP_HEADER;

    if (h->hdr_len == WIRE_TCP_HEADER + 12 && load_be32(p + at) == ALIGNED_TS) {
        (void)read_option(p + at + 2, LEN_TS, h);
        return;
    }
    while (at < h->hdr_len) {
        size_t room = h->hdr_len - at;
        if (p[at] == KIND_END) {
            return;
        }
        if (p[at] == KIND_NOP) {
            at++;
            continue;
        }
        /* RFC 9293 3.1, MUST-7: a length of 0 or 1, or beyond the header, is survived. */
        if (room < 2 || p[at + 1] < 2 || p[at + 1] > room || !read_option(p + at, p[at + 1], h)) {
            h->options |= WIRE_TCP_MALFORMED;
            return;
        }
        at += p[at + 1];
    }
}

bool wire_tcp_parse(const uint8_t *p, size_t len, struct wire_tcp *h)
{
    if (len < WIRE_TCP_HEADER) {
        return false;
    }
    uint8_t hdr_len = (uint8_t)((p[12] >> 4) * 4);
    if (hdr_len < WIRE_TCP_HEADER || hdr_len > len) {
        return false;
    }
    h->src_port = load_be16(p);
    h->dst_port = load_be16(p + 2);
    h->seq = load_be32(p + 4);
    h->ack = load_be32(p + 8);
    h->flags = load_be16(p + 12) & 0x1ff; /* RFC 9293 3.1: reserved bits are ignored */
    h->wnd = load_be16(p + 14);
    h->urg = load_be16(p + 18);
    h->hdr_len = hdr_len;
    h->options = 0;
    h->mss = 0;
    h->wscale = 0;
    h->sack_n = 0;
    h->ecn_n = 0;
    h->tsval = 0;
    h->tsecr = 0;
    if (hdr_len > WIRE_TCP_HEADER) {
        read_options(p, h);
    }
    return true;
}

uint32_t wire_tcp_seglen(const struct wire_tcp *h, uint32_t payload)
{
    return payload + ((h->flags & LA_TH_SYN) != 0) + ((h->flags & LA_TH_FIN) != 0);
}

/* NOPs that bring an option of `len` bytes to a multiple of 4. */
static size_t nops_before(size_t len)
{
    return -len & 3;
}

/* 0: there is none, or no room for it behind `used` bytes (a long cookie was before it). */
static size_t ecn_length(const struct wire_tcp *h, size_t used)
{
    size_t len = 2U + h->ecn_n * LEN_ECN_FIELD;
    bool any = (h->options & (WIRE_TCP_ECN0 | WIRE_TCP_ECN1)) != 0;
    return any && used + len + nops_before(len) <= OPTIONS_MAX ? len : 0;
}

static size_t fastopen_length(const struct wire_tcp *h)
{
    size_t kind = (h->options & WIRE_TCP_FASTOPEN)       ? LEN_FASTOPEN
                  : (h->options & WIRE_TCP_FASTOPEN_EXP) ? LEN_EXPERIMENT
                                                         : 0;
    return kind ? kind + h->fastopen_n : 0;
}

/* Bytes of Fast Open behind `used` of other options, brought to a multiple of 4, 0: no room. */
static size_t fastopen_room(const struct wire_tcp *h, size_t used)
{
    size_t len = fastopen_length(h);
    len += nops_before(used + len);
    return used + len <= OPTIONS_MAX ? len : 0;
}

/* The same of a SYN whose options stand as close as they fit, without what fills up the end. */
static size_t packed_options(const struct wire_tcp *h)
{
    size_t size = 0;

    size += (h->options & WIRE_TCP_MSS) ? LEN_MSS : 0;
    size += (h->options & WIRE_TCP_WSCALE) ? 1 + LEN_WSCALE : 0;
    size += (h->options & WIRE_TCP_SACK_OK) ? LEN_SACK_OK : 0;
    if (h->options & WIRE_TCP_TS) {
        size += nops_before(size + LEN_TS) + LEN_TS;
    }
    return size;
}

static bool packed(const struct wire_tcp *h)
{
    const uint16_t others = WIRE_TCP_SACK | WIRE_TCP_ECN0 | WIRE_TCP_ECN1;
    return (h->flags & LA_TH_SYN) && h->syn_order == LA_SYN_MSS_WS_SACK_TS &&
           !(h->options & others);
}

/* Bytes of all options but SACK blocks, each brought to a multiple of 4. SACK-permitted takes the
 * place of the two NOPs before timestamps. */
static size_t fixed_options(const struct wire_tcp *h)
{
    size_t size = 0;

    if (packed(h)) {
        size = packed_options(h);
        size_t fastopen = (h->options & FASTOPEN) ? fastopen_room(h, size) : 0;
        return fastopen ? size + fastopen : size + nops_before(size);
    }

    if (h->options & WIRE_TCP_MSS) {
        size += LEN_MSS;
    }
    if (h->options & WIRE_TCP_TS) {
        size += 2 + LEN_TS;
    } else if (h->options & WIRE_TCP_SACK_OK) {
        size += 2 + LEN_SACK_OK;
    }
    if (h->options & WIRE_TCP_WSCALE) {
        size += 1 + LEN_WSCALE;
    }
    size += (h->options & FASTOPEN) ? fastopen_room(h, size) : 0;
    size_t ecn = ecn_length(h, size);
    return size + ecn + nops_before(ecn);
}

/* How many SACK blocks are written behind `used` bytes of other options. */
static size_t sack_blocks(const struct wire_tcp *h, size_t used)
{
    if (!(h->options & WIRE_TCP_SACK) || used > OPTIONS_MAX - 4) {
        return 0;
    }
    size_t room = (OPTIONS_MAX - 4 - used) / LEN_SACK_BLOCK;
    return h->sack_n < room ? h->sack_n : room;
}

size_t wire_tcp_size(const struct wire_tcp *h)
{
    size_t fixed = fixed_options(h);
    size_t blocks = sack_blocks(h, fixed);
    return WIRE_TCP_HEADER + fixed + (blocks ? 4 + blocks * LEN_SACK_BLOCK : 0);
}

/* Writes `nops` NOPs, then kind and length; returns where the option's value goes. */
static uint8_t *begin_option(uint8_t *p, size_t nops, uint8_t kind, size_t len)
{
    while (nops--) {
        *p++ = KIND_NOP;
    }
    p[0] = kind;
    p[1] = (uint8_t)len;
    return p + 2;
}

static uint8_t *put_ecn(uint8_t *p, const struct wire_tcp *h)
{
    for (size_t i = 0; i < h->ecn_n; i++, p += LEN_ECN_FIELD) {
        p[0] = (uint8_t)(h->ecn[i] >> 16);
        store_be16(p + 1, (uint16_t)h->ecn[i]);
    }
    return p;
}

static uint8_t *put_ts(uint8_t *p, size_t nops, const struct wire_tcp *h)
{
    p = begin_option(p, nops, KIND_TS, LEN_TS);
    store_be32(p, h->tsval);
    store_be32(p + 4, h->tsecr);
    return p + 8;
}

/* Behind `used` bytes of other options, filled up with `fill`. */
static uint8_t *put_fastopen(uint8_t *p, size_t used, uint8_t fill, const struct wire_tcp *h)
{
    uint8_t *end = p + fastopen_room(h, used);

    if (end == p) {
        return p;
    }
    if (h->options & WIRE_TCP_FASTOPEN) {
        p = begin_option(p, 0, KIND_FASTOPEN, fastopen_length(h));
    } else {
        p = begin_option(p, 0, KIND_EXPERIMENT, fastopen_length(h));
        store_be16(p, EXPERIMENT_FASTOPEN);
        p += 2;
    }
    mem_copy(p, h->fastopen, h->fastopen_n);
    for (p += h->fastopen_n; p < end; p++) {
        *p = fill;
    }
    return end;
}

static uint8_t *emit_packed(uint8_t *p, const struct wire_tcp *h)
{
    uint8_t *begin = p;

    if (h->options & WIRE_TCP_MSS) {
        p = begin_option(p, 0, KIND_MSS, LEN_MSS);
        store_be16(p, h->mss);
        p += 2;
    }
    if (h->options & WIRE_TCP_WSCALE) {
        p = begin_option(p, 1, KIND_WSCALE, LEN_WSCALE);
        *p++ = h->wscale;
    }
    if (h->options & WIRE_TCP_SACK_OK) {
        p = begin_option(p, 0, KIND_SACK_OK, LEN_SACK_OK);
    }
    if (h->options & WIRE_TCP_TS) {
        p = put_ts(p, nops_before((size_t)(p - begin) + LEN_TS), h);
    }
    if (h->options & FASTOPEN) {
        p = put_fastopen(p, (size_t)(p - begin), KIND_END, h);
    }
    while ((p - begin) % 4 != 0) {
        *p++ = KIND_END;
    }
    return p;
}

static uint8_t *emit_options(uint8_t *p, const struct wire_tcp *h)
{
    uint8_t *begin = p;
    size_t blocks = sack_blocks(h, fixed_options(h));
    bool ts = h->options & WIRE_TCP_TS;
    bool sack_ok = h->options & WIRE_TCP_SACK_OK;

    if (h->options & WIRE_TCP_MSS) {
        p = begin_option(p, 0, KIND_MSS, LEN_MSS);
        store_be16(p, h->mss);
        p += 2;
    }
    if (sack_ok) {
        p = begin_option(p, ts ? 0 : 2, KIND_SACK_OK, LEN_SACK_OK);
    }
    if (ts) {
        p = put_ts(p, sack_ok ? 0 : 2, h);
    }
    if (h->options & WIRE_TCP_WSCALE) {
        p = begin_option(p, 1, KIND_WSCALE, LEN_WSCALE);
        *p++ = h->wscale;
    }
    if (h->options & FASTOPEN) {
        p = put_fastopen(p, (size_t)(p - begin), KIND_NOP, h);
    }
    size_t ecn = ecn_length(h, (size_t)(p - begin));
    if (ecn) {
        p = begin_option(p, nops_before(ecn), (h->options & WIRE_TCP_ECN0) ? KIND_ECN0 : KIND_ECN1,
                         ecn);
        p = put_ecn(p, h);
    }
    if (blocks) {
        p = begin_option(p, 2, KIND_SACK, 2 + blocks * LEN_SACK_BLOCK);
    }
    for (size_t i = 0; i < blocks; i++, p += LEN_SACK_BLOCK) {
        store_be32(p, h->sack[i].left);
        store_be32(p + 4, h->sack[i].right);
    }
    return p;
}

size_t wire_tcp_emit(uint8_t *p, const struct wire_tcp *h)
{
    uint8_t *options = p + WIRE_TCP_HEADER;
    size_t size = (size_t)((packed(h) ? emit_packed(options, h) : emit_options(options, h)) - p);

    store_be16(p, h->src_port);
    store_be16(p + 2, h->dst_port);
    store_be32(p + 4, h->seq);
    store_be32(p + 8, h->ack);
    store_be16(p + 12, (uint16_t)(size / 4 << 12 | (h->flags & 0x1ff)));
    store_be16(p + 14, h->wnd);
    store_be16(p + WIRE_TCP_CHECKSUM_OFFSET, 0);
    store_be16(p + 18, h->urg);
    return size;
}
