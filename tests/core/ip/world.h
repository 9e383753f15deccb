/* A stack's IP layer in a test's hand: link 1 carries IP (10.0.0.1/24, fd00::1/64), link 2 is
 * Ethernet (10.0.1.1/24, fd01::1/64); the peer is always host 2. Frames are fed as lent buffers of
 * exactly their size, so that the address sanitizer sees the first byte read too far. */
#ifndef TESTS_IP_WORLD_H
#define TESTS_IP_WORLD_H

#include "ip/ip.h"
#include "support/core_memory.h"
#include "support/packets.h"
#include "wire/ip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h> /* last: it makes `fail` a macro */

#define SECOND UINT64_C(1000000000)

static const uint8_t our_mac[6] = {2, 0, 0, 0, 0, 1};
static const uint8_t peer_mac[6] = {2, 0, 0, 0, 0, 2};

struct world {
    struct test_memory tm;
    struct memory memory;
    struct buf_pool pool;
    struct prng prng;
    struct ip ip;
    uint64_t now;
    bool pooled;           /* feed buffers of the pool, as big as links receive into */
    struct la_frame frame; /* the last one fed */
    struct ip_packet out;
    enum ip_verdict verdict;
    uint8_t sent[70000]; /* the last one taken out */
    size_t sent_len;
    uint16_t sent_reason;
};

static inline struct la_addr addr_v6(uint8_t net, uint8_t host)
{
    return (struct la_addr){{0xfd, net, [15] = host}};
}

static inline struct la_addr link_local(uint16_t link, uint8_t host)
{
    struct la_addr a = {{0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe, 0, 0, host}};
    addr_scope_enter(&a, link);
    return a;
}

/* The peer's and our address on a link, of a version. */
static inline struct la_addr peer(bool v6, int link)
{
    return v6 ? addr_v6((uint8_t)(link - 1), 2) : la_addr_v4(10, 0, (uint8_t)(link - 1), 2);
}

static inline struct la_addr ours(bool v6, int link)
{
    return v6 ? addr_v6((uint8_t)(link - 1), 1) : la_addr_v4(10, 0, (uint8_t)(link - 1), 1);
}

/* False: the allocator failed on the way. */
static inline bool world_make(struct world *w)
{
    const uint8_t seed[32] = {7};
    struct la_link_info tun = {.type = LA_LINK_IP, .mtu = 1500};
    struct la_link_info tap = {.type = LA_LINK_ETHERNET, .mtu = 1500};
    memcpy(tap.mac, our_mac, 6);
    unsigned fail_at = w->tm.fail_at;
    memset(w, 0, sizeof(*w));
    w->tm.fail_at = fail_at;
    w->now = 1000 * SECOND;
    w->memory = core_memory(&w->tm, 64 << 20);
    buf_pool_init(&w->pool, &w->memory);
    prng_seed(&w->prng, seed);
    ip_init(&w->ip, &w->memory, &w->pool, &w->prng, NULL, wire_sum_choose(), w->now);
    if (ip_link_add(&w->ip, &tun) != 1 || ip_link_add(&w->ip, &tap) != 2) {
        return false;
    }
    for (int link = 1; link <= 2; link++) {
        for (int v6 = 0; v6 <= 1; v6++) {
            struct la_addr a = ours(v6, link);
            assert_int_equal(ip_addr_add(&w->ip, link, &a, v6 ? 64 : 24), 0);
        }
    }
    return true;
}

static inline void world_released(struct world *w)
{
    uint64_t owner, cookie;
    while (buf_released(&w->pool, &owner, &cookie)) {
        free((void *)(uintptr_t)cookie);
    }
}

static inline void world_end(struct world *w)
{
    ip_destroy(&w->ip);
    world_released(w);
    assert_int_equal(w->memory.used[LA_MEM_BUFFERS], 0);
    buf_pool_destroy(&w->pool);
    assert_int_equal(w->memory.held, 0);
    assert_int_equal(w->tm.live_bytes, 0);
}

static inline void world_give_back(struct world *w)
{
    if (w->out.buf) {
        buf_put(&w->pool, w->out.buf);
        w->out.buf = NULL;
    }
    world_released(w);
}

static inline struct la_buf *world_pooled(struct world *w, const uint8_t *bytes, size_t len)
{
    struct la_buf *buf = buf_get(&w->pool, LA_BUF_MAX);
    if (buf) {
        memcpy(buf->data, bytes, len);
        buf->len = (uint32_t)len;
    }
    return buf;
}

static inline struct la_buf *world_lent(struct world *w, const uint8_t *bytes, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);
    memcpy(copy, bytes, len);
    struct la_buf *buf = buf_lend(&w->pool, copy, (uint32_t)len, 0, (uintptr_t)copy);
    if (!buf) {
        free(copy);
    }
    return buf;
}

/* Feeds a frame; what it carried stays in w->out until the next one. */
static inline enum ip_verdict feed(struct world *w, int link, const uint8_t *bytes, size_t len)
{
    world_give_back(w);
    struct la_buf *buf = w->pooled ? world_pooled(w, bytes, len) : world_lent(w, bytes, len);
    if (!buf) {
        w->frame.reason = LA_DROP_NO_MEMORY;
        return w->verdict = IP_DONE;
    }
    memset(&w->frame, 0, sizeof(w->frame));
    w->frame.len = (uint32_t)len;
    w->frame.nfrags = 1;
    w->frame.frag[0] = (struct la_frag){.buf = buf, .data = buf->data, .len = (uint32_t)len};
    w->verdict = ip_input(&w->ip, (uint8_t)link, &w->frame, w->now, &w->out);
    if (w->verdict == IP_DONE || w->verdict == IP_ICMP_ERROR) {
        assert_null(w->out.buf);
        assert_true(w->verdict == IP_ICMP_ERROR || w->frame.reason != LA_NONE);
        world_released(w);
    } else {
        assert_non_null(w->out.buf);
    }
    return w->verdict;
}

static inline void assert_done(struct world *w, enum la_reason reason)
{
    assert_int_equal(w->verdict, IP_DONE);
    assert_int_equal(w->frame.reason, reason);
}

/* Takes the next frame out and flattens it. */
static inline bool take_frame(struct world *w, int link)
{
    struct la_frame f;
    if (!ip_output(&w->ip, (uint8_t)link, w->now, &f)) {
        return false;
    }
    size_t at = 0;
    for (int i = 0; i < f.nfrags; i++) {
        memcpy(w->sent + at, f.frag[i].data, f.frag[i].len);
        at += f.frag[i].len;
        if (f.frag[i].buf) {
            buf_put(&w->pool, f.frag[i].buf);
        }
    }
    assert_int_equal(at, f.len);
    assert_int_equal(f.link, link);
    assert_true(f.hdr_len <= f.frag[0].len);
    w->sent_len = at;
    w->sent_reason = f.reason;
    return true;
}

static inline void assert_silent(struct world *w, int link)
{
    assert_false(take_frame(w, link));
}

/* Writes an IP header with `payload` bytes to follow; returns its length. */
static inline size_t put_ip(uint8_t *p, const struct la_addr *src, const struct la_addr *dst,
                            uint8_t proto, size_t payload)
{
    if (la_addr_is_v4(src)) {
        struct wire_ipv4 h = {.src = *src,
                              .dst = *dst,
                              .total_len = (uint16_t)(20 + payload),
                              .ttl = 64,
                              .proto = proto};
        return wire_ipv4_emit(p, &h);
    }
    struct wire_ipv6 h = {
        .src = *src, .dst = *dst, .payload_len = (uint16_t)payload, .next = proto, .hop_limit = 64};
    addr_scope_leave(&h.src);
    addr_scope_leave(&h.dst);
    return wire_ipv6_emit(p, &h);
}

/* Completes the transport checksum at `at` of a packet without extension headers. */
static inline void put_sum(uint8_t *p, size_t len, size_t at)
{
    size_t head = p[0] >> 4 == 6 ? 40 : (size_t)(p[0] & 15) * 4;
    uint8_t proto = p[0] >> 4 == 6 ? p[6] : p[9];
    memset(p + head + at, 0, 2);
    uint32_t sum = packet_sum(p + head, len - head, packet_pseudo(p, proto, len - head));
    store_be16(p + head + at, (uint16_t)~sum);
}

/* A UDP datagram of `payload` counted bytes, 4000 to 5000. */
static inline size_t put_udp(uint8_t *p, const struct la_addr *src, const struct la_addr *dst,
                             size_t payload)
{
    size_t at = put_ip(p, src, dst, PACKET_UDP, 8 + payload);
    store_be16(p + at, 4000);
    store_be16(p + at + 2, 5000);
    store_be16(p + at + 4, (uint16_t)(8 + payload));
    for (size_t i = 0; i < payload; i++) {
        p[at + 8 + i] = (uint8_t)(i * 7 + i / 256);
    }
    put_sum(p, at + 8 + payload, 6);
    return at + 8 + payload;
}

/* An ICMP message with a body; v6 by the addresses. */
static inline size_t put_icmp(uint8_t *p, const struct la_addr *src, const struct la_addr *dst,
                              uint8_t type, uint8_t code, uint32_t word, const void *body,
                              size_t len)
{
    bool v6 = !la_addr_is_v4(src);
    size_t at = put_ip(p, src, dst, v6 ? PACKET_ICMPV6 : PACKET_ICMP, 8 + len);
    p[at] = type;
    p[at + 1] = code;
    store_be32(p + at + 4, word);
    memcpy(p + at + 8, body, len);
    put_sum(p, at + 8 + len, 2);
    return at + 8 + len;
}

static inline size_t put_eth(uint8_t *p, const uint8_t *dst, const uint8_t *src, uint16_t type)
{
    memcpy(p, dst, 6);
    memcpy(p + 6, src, 6);
    store_be16(p + 12, type);
    return 14;
}

#endif
