/* Cutting super-segments and completing checksums.
 *
 * A wire segment is the headers of the super-segment with these fields changed: IPv4 total length
 * and identification (counting up) and header checksum, or IPv6 payload length; TCP sequence
 * number, checksum, FIN and PSH (only on the last one, RFC 9293 3.1) and CWR (only on the first,
 * RFC 3168 6.1.2). The last is for classic ECN, as the kernel sends it; a stack sets the bit on no
 * super-segment, because accurate ECN counts with it (RFC 9768 3.3.4).
 *
 * A partial checksum field holds the folded sum of the pseudo-header, so summing from csum_start
 * to the end of the packet with the field in it gives the whole (RFC 1071). */
#include "link/cut.h"

#include <string.h>

#include <lastack/trace.h>

#include "base/bytes.h"
#include "wire/checksum.h"

#define ETHERNET_BYTES   14
#define IPV6_BYTES       40
#define TCP_BYTES_MIN    20
#define PROTOCOL_TCP     6
#define UDP_CHECKSUM_AT  6 /* csum_offset tells UDP from TCP (16) and ICMPv6 (2) */
#define TCP_CHECKSUM_AT  16
#define TCP_FLAGS_AT     13
#define TCP_SEQ_AT       4
#define IPV4_CHECKSUM_AT 10
#define IPV4_LEN_AT      2
#define IPV4_ID_AT       4
#define IPV4_SRC_AT      12
#define IPV6_LEN_AT      4
#define IPV6_SRC_AT      8
#define IPV6_PROTOCOL_AT 6

void cut_copy(const struct la_frame *frame, size_t offset, size_t len, uint8_t *to)
{
    for (size_t i = 0; i < frame->nfrags && len > 0; i++) {
        const struct la_frag *frag = &frame->frag[i];
        if (offset >= frag->len) {
            offset -= frag->len;
            continue;
        }
        size_t part = frag->len - offset < len ? frag->len - offset : len;
        memcpy(to, frag->data + offset, part);
        to += part;
        len -= part;
        offset = 0;
    }
}

void cut_whole(const struct la_frame *frame, uint8_t *to)
{
    cut_copy(frame, 0, frame->len, to);
    size_t field_at = (size_t)frame->csum_start + frame->csum_offset;
    if (frame->csum != LA_CSUM_PARTIAL || field_at + 2 > frame->len)
        return;
    const uint8_t *from = to + frame->csum_start;
    uint16_t sum = (uint16_t)~wire_fold(wire_sum(from, frame->len - frame->csum_start, 0));
    /* In UDP a zero field means "no checksum", so a sum of zero is sent as its twin (RFC 768). */
    if (sum == 0 && frame->csum_offset == UDP_CHECKSUM_AT)
        sum = 0xffff;
    wire_checksum_store(to + field_at, sum);
}

/* Where the TCP header begins, 0 when that cannot be told. */
static size_t transport_find(const struct la_frame *frame, size_t ip_at)
{
    const uint8_t *ip = frame->frag[0].data + ip_at;
    if (frame->csum == LA_CSUM_PARTIAL)
        return frame->csum_start;
    if (frame->gso == LA_GSO_TCP4)
        return ip_at + (size_t)(ip[0] & 0xf) * 4;
    return ip[IPV6_PROTOCOL_AT] == PROTOCOL_TCP ? ip_at + IPV6_BYTES : 0;
}

bool cut_begin(struct cut *cut, const struct la_frame *frame, enum la_link_type type)
{
    *cut = (struct cut){.frame = frame};
    if (frame->gso == LA_GSO_NONE)
        return frame->len > 0;

    size_t contiguous = frame->frag[0].len;
    cut->ip = type == LA_LINK_ETHERNET ? ETHERNET_BYTES : 0;
    if (contiguous < cut->ip + IPV6_BYTES)
        return false;
    cut->transport = transport_find(frame, cut->ip);
    if (cut->transport <= cut->ip || contiguous < cut->transport + TCP_BYTES_MIN)
        return false;
    size_t tcp_bytes = (size_t)(frame->frag[0].data[cut->transport + 12] >> 4) * 4;
    cut->headers = cut->transport + tcp_bytes;
    return tcp_bytes >= TCP_BYTES_MIN && contiguous >= cut->headers && frame->len > cut->headers &&
           frame->gso_size > 0;
}

/* Payload bytes of the next segment. */
static size_t payload_size(const struct cut *cut)
{
    size_t left = cut->frame->len - cut->headers - cut->done;
    return left < cut->frame->gso_size ? left : cut->frame->gso_size;
}

size_t cut_size(const struct cut *cut)
{
    if (cut->frame->gso == LA_GSO_NONE)
        return cut->index == 0 ? cut->frame->len : 0;
    size_t payload = payload_size(cut);
    return payload > 0 ? cut->headers + payload : 0;
}

/* Adjusts the IP header of a segment; returns the sum of the pseudo-header. */
static uint32_t ip_adjust(const struct cut *cut, uint8_t *to, size_t size)
{
    uint8_t *ip = to + cut->ip;
    uint32_t tcp_len = (uint32_t)(size - cut->transport);
    struct la_addr src, dst;
    if (cut->frame->gso == LA_GSO_TCP4) {
        store_be16(ip + IPV4_LEN_AT, (uint16_t)(size - cut->ip));
        store_be16(ip + IPV4_ID_AT, (uint16_t)(load_be16(ip + IPV4_ID_AT) + cut->index));
        store_be16(ip + IPV4_CHECKSUM_AT, 0);
        uint16_t sum = wire_fold(wire_sum(ip, cut->transport - cut->ip, 0));
        wire_checksum_store(ip + IPV4_CHECKSUM_AT, (uint16_t)~sum);
        const uint8_t *a = ip + IPV4_SRC_AT;
        src = la_addr_v4(a[0], a[1], a[2], a[3]);
        dst = la_addr_v4(a[4], a[5], a[6], a[7]);
    } else {
        store_be16(ip + IPV6_LEN_AT, (uint16_t)(size - cut->ip - IPV6_BYTES));
        memcpy(src.b, ip + IPV6_SRC_AT, sizeof(src.b));
        memcpy(dst.b, ip + IPV6_SRC_AT + sizeof(src.b), sizeof(dst.b));
    }
    return wire_sum_pseudo(&src, &dst, PROTOCOL_TCP, tcp_len);
}

static void tcp_adjust(const struct cut *cut, uint8_t *to, size_t size, uint32_t pseudo)
{
    uint8_t *tcp = to + cut->transport;
    bool first = cut->index == 0;
    bool last = cut->headers + cut->done + payload_size(cut) == cut->frame->len;
    store_be32(tcp + TCP_SEQ_AT, load_be32(tcp + TCP_SEQ_AT) + (uint32_t)cut->done);
    uint8_t drop = (uint8_t)((last ? 0 : LA_TH_FIN | LA_TH_PSH) | (first ? 0 : LA_TH_CWR));
    tcp[TCP_FLAGS_AT] &= (uint8_t)~drop;
    store_be16(tcp + TCP_CHECKSUM_AT, 0);
    uint16_t sum = wire_fold(wire_sum(tcp, size - cut->transport, pseudo));
    wire_checksum_store(tcp + TCP_CHECKSUM_AT, (uint16_t)~sum);
}

void cut_next(struct cut *cut, uint8_t *to)
{
    if (cut->frame->gso == LA_GSO_NONE) {
        cut_whole(cut->frame, to);
        cut->index = 1;
        return;
    }
    size_t payload = payload_size(cut);
    size_t size = cut->headers + payload;
    cut_copy(cut->frame, 0, cut->headers, to);
    cut_copy(cut->frame, cut->headers + cut->done, payload, to + cut->headers);
    uint32_t pseudo = ip_adjust(cut, to, size);
    tcp_adjust(cut, to, size, pseudo);
    cut->done += payload;
    cut->index++;
}
