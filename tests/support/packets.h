/* Packets for tests of links: builders, and a checker that knows nothing of the code it checks
 * (sums word by word in network order, as RFC 1071 describes). */
#ifndef SUPPORT_PACKETS_H
#define SUPPORT_PACKETS_H

#include <stdbool.h>
#include <string.h>

#include <lastack/frame.h>
#include <lastack/trace.h>

#include "base/bytes.h"

#define PACKET_ICMP   1
#define PACKET_TCP    6
#define PACKET_UDP    17
#define PACKET_ICMPV6 58

static inline uint32_t packet_sum(const uint8_t *bytes, size_t len, uint32_t sum)
{
    for (size_t i = 0; i + 1 < len; i += 2)
        sum += load_be16(bytes + i);
    if (len % 2 == 1)
        sum += (uint32_t)bytes[len - 1] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

/* The pseudo-header's sum for the packet at `ip`; ICMP over IPv4 has none. */
static inline uint32_t packet_pseudo(const uint8_t *ip, uint8_t protocol, size_t len)
{
    if (protocol == PACKET_ICMP)
        return 0;
    bool v6 = ip[0] >> 4 == 6;
    return packet_sum(ip + (v6 ? 8 : 12), v6 ? 32 : 8, protocol + (uint32_t)len);
}

/* Are lengths and all checksums of an IP packet right? (No extension headers.) */
static inline bool packet_good(const uint8_t *ip, size_t len)
{
    bool v6 = ip[0] >> 4 == 6;
    size_t head = v6 ? 40 : (size_t)(ip[0] & 15) * 4;
    size_t says = v6 ? 40U + load_be16(ip + 4) : load_be16(ip + 2);
    uint8_t protocol = v6 ? ip[6] : ip[9];
    if (says != len || (!v6 && packet_sum(ip, head, 0) != 0xffff))
        return false;
    uint32_t pseudo = packet_pseudo(ip, protocol, len - head);
    return packet_sum(ip + head, len - head, pseudo) == 0xffff;
}

/* Writes an IP header between 10.87.0.2 and 10.87.0.1, or fd87::2 and fd87::1; `out`: from 2 to 1.
 * Returns its length. */
static inline size_t packet_ip(uint8_t *ip, bool v6, uint8_t protocol, size_t payload, bool out)
{
    uint8_t src = out ? 2 : 1, dst = out ? 1 : 2;
    memset(ip, 0, 40);
    if (v6) {
        const uint8_t net[2] = {0xfd, 0x87};
        ip[0] = 0x60;
        store_be16(ip + 4, (uint16_t)payload);
        ip[6] = protocol;
        ip[7] = 64;
        memcpy(ip + 8, net, 2);
        ip[23] = src;
        memcpy(ip + 24, net, 2);
        ip[39] = dst;
        return 40;
    }
    const uint8_t addrs[8] = {10, 87, 0, src, 10, 87, 0, dst};
    ip[0] = 0x45;
    store_be16(ip + 2, (uint16_t)(20 + payload));
    store_be16(ip + 4, 0xfffe); /* so that counting up wraps */
    ip[8] = 64;
    ip[9] = protocol;
    memcpy(ip + 12, addrs, 8);
    store_be16(ip + 10, (uint16_t)~packet_sum(ip, 20, 0));
    return 20;
}

/* Completes the checksum of the transport header at `at`, or leaves the pseudo-header's sum. */
static inline void packet_finish(uint8_t *ip, size_t head, size_t len, uint8_t protocol,
                                 size_t field, bool partial)
{
    uint32_t pseudo = packet_pseudo(ip, protocol, len - head);
    store_be16(ip + head + field, 0);
    uint32_t sum = partial ? pseudo : ~packet_sum(ip + head, len - head, pseudo);
    store_be16(ip + head + field, (uint16_t)sum);
}

/* A TCP packet with a timestamp option and `payload` bytes of a pattern; returns its length. */
static inline size_t packet_tcp(uint8_t *ip, bool v6, uint32_t seq, uint16_t flags, size_t payload,
                                bool partial)
{
    static const uint8_t options[12] = {1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8};
    size_t head = packet_ip(ip, v6, PACKET_TCP, 32 + payload, true);
    uint8_t *tcp = ip + head;
    memset(tcp, 0, 20);
    store_be16(tcp, 40000);
    store_be16(tcp + 2, 80);
    store_be32(tcp + 4, seq);
    store_be32(tcp + 8, 77);
    store_be16(tcp + 12, (uint16_t)(8 << 12 | flags));
    store_be16(tcp + 14, 1000);
    memcpy(tcp + 20, options, 12);
    for (size_t i = 0; i < payload; i++)
        tcp[32 + i] = (uint8_t)(i * 7 + i / 251);
    packet_finish(ip, head, head + 32 + payload, PACKET_TCP, 16, partial);
    return head + 32 + payload;
}

/* An echo request with `payload` bytes; returns its length. */
static inline size_t packet_ping(uint8_t *ip, bool v6, size_t payload)
{
    uint8_t protocol = v6 ? PACKET_ICMPV6 : PACKET_ICMP;
    size_t head = packet_ip(ip, v6, protocol, 8 + payload, true);
    uint8_t *icmp = ip + head;
    memset(icmp, 0x5a, 8 + payload);
    icmp[0] = v6 ? 128 : 8;
    icmp[1] = 0;
    packet_finish(ip, head, head + 8 + payload, protocol, 2, false);
    return head + 8 + payload;
}

/* Is this the answer to packet_ping()? */
static inline bool packet_is_pong(const uint8_t *ip, size_t len, bool v6, size_t payload)
{
    size_t head = v6 ? 40 : 20;
    if (len != head + 8 + payload || ip[0] >> 4 != (v6 ? 6 : 4) || !packet_good(ip, len))
        return false;
    return (v6 ? ip[6] == PACKET_ICMPV6 && ip[head] == 129 : ip[9] == PACKET_ICMP && ip[head] == 0);
}

/* Describes `len` bytes in up to three pieces: the first `first` bytes, then two halves. */
static inline void packet_frame(struct la_frame *frame, uint8_t *bytes, size_t len, size_t first)
{
    *frame = (struct la_frame){.len = (uint32_t)len};
    size_t cuts[4] = {0, first < len ? first : len, 0, len};
    cuts[2] = cuts[1] + (len - cuts[1]) / 3;
    for (size_t i = 0; i < 3; i++)
        if (cuts[i + 1] > cuts[i])
            frame->frag[frame->nfrags++] =
                (struct la_frag){.data = bytes + cuts[i], .len = (uint32_t)(cuts[i + 1] - cuts[i])};
}

/* Marks a frame of packet_tcp() as a super-segment with a partial checksum; `link_header` bytes
 * stand in front of the IP header. */
static inline void packet_gso(struct la_frame *frame, bool v6, size_t link_header, uint16_t size)
{
    size_t transport = link_header + (v6 ? 40 : 20);
    frame->csum = LA_CSUM_PARTIAL;
    frame->csum_start = (uint16_t)transport;
    frame->csum_offset = 16;
    frame->hdr_len = (uint16_t)(transport + 32);
    frame->gso = size == 0 ? LA_GSO_NONE : v6 ? LA_GSO_TCP6 : LA_GSO_TCP4;
    frame->gso_size = size;
}

#endif
