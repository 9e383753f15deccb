/* The TCP header and its options (RFC 9293 3.1, 3.2; RFC 7323; RFC 2018; RFC 9768 3.2.3; RFC 7413
 * 4.1.1).
 *
 * wire_tcp_parse() checks once and fills a plain struct; wire_tcp_emit() is its inverse: what it
 * writes parses back to the same struct, padding after the options is zero (MUST-69). Options may
 * stand on any segment (MUST-5), at any alignment (MUST-64); unknown ones are skipped by their
 * length (MUST-6, MUST-68); an illegal length makes the option list malformed (MUST-7). */
#ifndef WIRE_TCP_H
#define WIRE_TCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lastack/persona.h> /* enum la_syn_order */
#include <lastack/trace.h>   /* LA_TH_* */

#define WIRE_TCP_HEADER     20 /* without options */
#define WIRE_TCP_HEADER_MAX 60

#define WIRE_TCP_CHECKSUM_OFFSET 16

/* Which options a segment carries. */
#define WIRE_TCP_MSS          0x01
#define WIRE_TCP_WSCALE       0x02
#define WIRE_TCP_TS           0x04
#define WIRE_TCP_SACK_OK      0x08
#define WIRE_TCP_SACK         0x10
#define WIRE_TCP_ECN0         0x20  /* AccECN, order 0: fields E0B, CEB, E1B */
#define WIRE_TCP_ECN1         0x40  /* AccECN, order 1: fields E1B, CEB, E0B; never both */
#define WIRE_TCP_MALFORMED    0x80  /* parse only: an option had an illegal length (MUST-7) */
#define WIRE_TCP_FASTOPEN     0x100 /* Fast Open, on a SYN: kind 34 ... */
#define WIRE_TCP_FASTOPEN_EXP 0x200 /* ... or the experimental one (RFC 6994); never both */

#define WIRE_SACK_MAX 4 /* as many as fit without timestamps; 3 with them (RFC 2018 3) */

#define WIRE_ECN_MAX  3 /* fields of an AccECN option, 24 bits each */
#define WIRE_ECN_MASK 0xffffffU

#define WIRE_FASTOPEN_MIN 4 /* bytes of a cookie (RFC 7413 4.1.1); an even number */
#define WIRE_FASTOPEN_MAX 16

struct wire_sack {
    uint32_t left;  /* first sequence number of the block */
    uint32_t right; /* one after the last */
};

struct wire_tcp {
    uint16_t src_port, dst_port; /* host order */
    uint32_t seq, ack;
    uint16_t wnd; /* as in the header, unsigned (MUST-1), not scaled */
    uint16_t urg;
    uint16_t flags; /* LA_TH_* */
    uint16_t mss;
    uint8_t hdr_len;  /* bytes, options and padding included */
    uint8_t wscale;   /* as in the option; may exceed 14 (RFC 7323 2.3: then 14 is used) */
    uint16_t options; /* WIRE_TCP_* */
    uint8_t sack_n;
    uint8_t ecn_n;      /* fields of the AccECN option, the first ones of its order */
    uint8_t fastopen_n; /* bytes of the cookie, 0: it is asked for */
    uint8_t syn_order;  /* emit only: enum la_syn_order */
    uint32_t tsval, tsecr;
    uint32_t ecn[WIRE_ECN_MAX]; /* in the option's order */
    struct wire_sack sack[WIRE_SACK_MAX];
    uint8_t fastopen[WIRE_FASTOPEN_MAX];
};

/* Reads the header of a segment of `len` bytes. False: shorter than its header, or data offset
 * below 5. A malformed option list is not fatal: what came before it counts and `options` has
 * WIRE_TCP_MALFORMED. Option fields are set only when `options` says so; sack[] up to sack_n,
 * ecn[] up to ecn_n, fastopen[] up to fastopen_n. */
bool wire_tcp_parse(const uint8_t *p, size_t len, struct wire_tcp *h);

/* SEG.LEN: what the segment takes of the sequence space, SYN and FIN counted (RFC 9293 3.4). */
uint32_t wire_tcp_seglen(const struct wire_tcp *h, uint32_t payload);

/* Bytes of the header wire_tcp_emit() will write for these options: a multiple of 4, at most
 * WIRE_TCP_HEADER_MAX. */
size_t wire_tcp_size(const struct wire_tcp *h);

/* Writes the header with checksum 0; `p` has at least wire_tcp_size() bytes. Returns the size.
 * Order of options: MSS, SACK-permitted, timestamps, window scale on a SYN; NOP NOP timestamps,
 * NOP NOP SACK else (RFC 7323 appendix A: the aligned form); Fast Open, filled up by NOPs, and
 * AccECN come before SACK. A SYN may have its options in the other order of la_syn_order. Of sack[]
 * as many blocks are written as have room, the first ones first; a cookie that has none is left
 * away. hdr_len of `h` is not read. */
size_t wire_tcp_emit(uint8_t *p, const struct wire_tcp *h);

#endif
