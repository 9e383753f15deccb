/* Packets out: fragments byte by byte, queues and their limits, replies that wait for a neighbour,
 * and memory that fails at every point. */
#include "core/ip/world.h"

static struct world w;
static uint8_t p[70000];

static void begin(void)
{
    memset(&w.tm, 0, sizeof(w.tm));
    assert_true(world_make(&w));
}

static void end(void)
{
    world_give_back(&w);
    world_end(&w);
}

/* A datagram of `len` counted transport bytes on its way to a peer. */
static struct la_buf *datagram(bool v6, int link, uint8_t proto, size_t len)
{
    struct la_addr dst = peer(v6, link);
    struct ip_path path;
    assert_int_equal(ip_route(&w.ip, &dst, 0, NULL, w.now, &path), 0);
    struct la_buf *buf = buf_get(&w.pool, IP_OUT_ROOM + len);
    if (!buf) {
        return NULL;
    }
    buf->data = buf->mem + IP_OUT_ROOM;
    buf->len = (uint32_t)len;
    for (size_t i = 0; i < len; i++) {
        buf->data[i] = (uint8_t)(i + i / 256);
    }
    struct ip_out_info info = {.path = &path,
                               .dst = &dst,
                               .proto = proto,
                               .tos = 0x20,
                               .ttl = 33,
                               .reason = LA_UDP_DATAGRAM,
                               .conn = 5};
    ip_out_init(&w.ip, buf, &info);
    return buf;
}

static void test_fragments(void **state)
{
    static const struct {
        bool v6;
        size_t len;
        size_t frames[4]; /* transport bytes of each */
    } cases[] = {
        {false, 1480, {1480}},           {false, 1481, {1480, 1}}, {false, 2960, {1480, 1480}},
        {false, 3000, {1480, 1480, 40}}, {true, 1460, {1460}},     {true, 1461, {1448, 13}},
        {true, 2900, {1448, 1448, 4}},
    };
    begin();
    for (size_t c = 0; c < LA_ARRAY_LEN(cases); c++) {
        bool v6 = cases[c].v6;
        assert_true(ip_out_push(&w.ip, datagram(v6, 1, PACKET_UDP, cases[c].len)));
        size_t at = 0;
        uint32_t id = 0;
        for (int i = 0; i < 4 && cases[c].frames[i]; i++) {
            uint8_t want[1600];
            size_t n = cases[c].frames[i], head = v6 ? 40 : 20;
            bool more = at + n < cases[c].len, cut = more || at;
            assert_true(take_frame(&w, 1));
            if (i == 0) {
                id = v6 ? load_be32(w.sent + 44) : load_be16(w.sent + 4);
            }
            struct la_addr src = ours(v6, 1), dst = peer(v6, 1);
            if (v6) {
                struct wire_ipv6 h = {.src = src,
                                      .dst = dst,
                                      .payload_len = (uint16_t)(n + (cut ? 8 : 0)),
                                      .tclass = 0x20,
                                      .next = cut ? 44 : PACKET_UDP,
                                      .hop_limit = 33};
                wire_ipv6_emit(want, &h);
                if (cut) {
                    memcpy(want + 40, (uint8_t[]){PACKET_UDP, 0}, 2);
                    store_be16(want + 42, (uint16_t)(at | more));
                    store_be32(want + 44, id);
                    head += 8;
                }
            } else {
                struct wire_ipv4 h = {.src = src,
                                      .dst = dst,
                                      .total_len = (uint16_t)(20 + n),
                                      .id = (uint16_t)id,
                                      .frag_offset = (uint16_t)at,
                                      .more_fragments = more,
                                      .tos = 0x20,
                                      .ttl = 33,
                                      .proto = PACKET_UDP};
                wire_ipv4_emit(want, &h);
            }
            for (size_t b = 0; b < n; b++) {
                want[head + b] = (uint8_t)(at + b + (at + b) / 256);
            }
            assert_int_equal(w.sent_len, head + n);
            assert_memory_equal(w.sent, want, head + n);
            at += n;
        }
        assert_int_equal(at, cases[c].len);
        assert_silent(&w, 1);
    }
    end();
    (void)state;
}

/* A path that shrank: datagrams are cut to it, TCP's replies carry DF. */
static void test_path(void **state)
{
    begin();
    struct la_addr dst = peer(false, 1);
    ip_pmtu_learn(&w.ip, &dst, 1, 600, w.now);
    ip_out_push(&w.ip, datagram(false, 1, PACKET_UDP, 1000));
    assert_true(take_frame(&w, 1));
    assert_int_equal(w.sent_len, 20 + 576);
    assert_int_equal(load_be16(w.sent + 6), 0x2000);
    assert_true(take_frame(&w, 1));
    assert_int_equal(w.sent_len, 20 + 424);

    for (int v6 = 0; v6 <= 1; v6++) {
        uint8_t rst[40] = {0x12, 0x34, [12] = 0x50, [13] = 4};
        struct ip_path path;
        dst = peer(v6, 1);
        assert_int_equal(ip_route(&w.ip, &dst, 0, NULL, w.now, &path), 0);
        struct ip_out_info info = {.path = &path,
                                   .dst = &dst,
                                   .proto = PACKET_TCP,
                                   .ttl = 64,
                                   .reason = LA_RST_NO_CONNECTION,
                                   .conn = 77};
        for (size_t len = 20; len <= 40; len += 4) {
            struct la_frame f;
            assert_true(ip_out_reply(&w.ip, &info, rst, len, 16));
            assert_true(ip_output(&w.ip, 1, w.now, &f));
            assert_int_equal(f.nfrags, 1); /* whole in its head */
            assert_int_equal(f.conn, 77);
            assert_int_equal(f.reason, LA_RST_NO_CONNECTION);
            assert_int_equal(f.csum, LA_CSUM_FULL);
            assert_int_equal(f.hdr_len, f.len);
            assert_true(packet_good(f.head, f.len));
            assert_true(v6 || load_be16(f.head + 6) == 0x4000);
        }
    }
    end();
    (void)state;
}

static void test_queue_limit(void **state)
{
    begin();
    for (int i = 0; i < IP_OUT_QUEUE_MAX; i++) {
        assert_true(ip_out_push(&w.ip, datagram(true, 1, PACKET_UDP, 10)));
    }
    assert_false(ip_out_push(&w.ip, datagram(true, 1, PACKET_UDP, 10)));
    for (int i = 0; i < IP_OUT_QUEUE_MAX; i++) {
        assert_true(take_frame(&w, 1));
    }
    assert_silent(&w, 1);
    assert_int_equal(w.ip.queue[1].bytes, 0);
    unsigned big = 0; /* few of the largest: the queue is bounded in bytes as well */
    while (ip_out_push(&w.ip, datagram(true, 1, PACKET_UDP, 65000))) {
        big++;
    }
    assert_in_range(big, 3, 4);
    while (take_frame(&w, 1)) {
    }
    ip_out_push(&w.ip, datagram(true, 1, PACKET_UDP, 10)); /* left behind: end() frees it */
    end();
    (void)state;
}

/* On Ethernet the reply waits for the neighbour, three at most; who is resolved is not held up. */
static void test_waiting(void **state)
{
    begin();
    for (int i = 0; i < 5; i++) {
        assert_true(ip_out_push(&w.ip, datagram(false, 2, PACKET_UDP, 10)));
    }
    assert_true(take_frame(&w, 2));
    assert_int_equal(w.sent_reason, LA_ARP_REQUEST);
    assert_silent(&w, 2);
    assert_false(ip_has_output(&w.ip, 2));
    assert_int_equal(w.ip.waiting[2].count, IP_OUT_WAITING_HOP);

    struct wire_arp arp = {
        .op = WIRE_ARP_REPLY, .sender = peer(false, 2), .target = ours(false, 2)};
    memcpy(arp.sender_mac, peer_mac, 6);
    memcpy(arp.target_mac, our_mac, 6);
    size_t len = put_eth(p, our_mac, peer_mac, 0x0806);
    len += wire_arp_emit(p + len, &arp);
    feed(&w, 2, p, len);
    assert_done(&w, LA_TAKE_NEIGHBOUR);
    assert_true(ip_has_output(&w.ip, 2));
    for (int i = 0; i < 3; i++) {
        assert_true(take_frame(&w, 2));
        assert_int_equal(w.sent_reason, LA_UDP_DATAGRAM);
        assert_memory_equal(w.sent, peer_mac, 6);
        assert_memory_equal(w.sent + 6, our_mac, 6);
        assert_int_equal(w.sent_len, 14 + 20 + 10);
    }
    assert_silent(&w, 2);
    end();
    (void)state;
}

/* Nobody answers: the replies are given up, and the next tries hear so at once. */
static void test_unresolved(void **state)
{
    struct trace trace;
    begin();
    assert_int_equal(trace_init(&trace, &w.memory, 1), 0);
    w.ip.trace = &trace;
    ip_out_push(&w.ip, datagram(true, 2, PACKET_UDP, 10));
    for (int i = 0; i < 3; i++) {
        assert_true(take_frame(&w, 2));
        assert_int_equal(w.sent_reason, LA_ND_SOLICIT);
        assert_silent(&w, 2);
        w.now += SECOND;
        assert_int_equal(ip_next_deadline(&w.ip), w.now);
        ip_timeout(&w.ip, w.now);
    }
    assert_silent(&w, 2);
    assert_int_equal(w.ip.waiting[2].count, 0);
    struct la_frame f;
    struct la_buf *buf = datagram(true, 2, PACKET_UDP, 10);
    assert_int_equal(ip_out_frame(&w.ip, buf, w.now, &f), LA_EHOSTUNREACH);
    buf_put(&w.pool, buf);
    assert_int_equal(trace.counters[LA_DROP_UNRESOLVED], 1);

    /* fragments that never complete are counted where no frame says so */
    struct la_addr src = peer(false, 1), dst = ours(false, 1);
    size_t len = put_ip(p, &src, &dst, PACKET_UDP, 64);
    store_be16(p + 6, 0x2001);
    store_be16(p + 10, 0);
    store_be16(p + 10, (uint16_t)~packet_sum(p, 20, 0));
    feed(&w, 1, p, len + 64);
    assert_done(&w, LA_TAKE_FRAGMENT);
    w.now += 60 * SECOND;
    ip_timeout(&w.ip, w.now);
    assert_int_equal(trace.counters[LA_DROP_FRAGMENT_TIME], 1);
    trace_destroy(&trace);
    end();
    (void)state;
}

static void test_groups(void **state)
{
    begin();
    static const uint8_t macs[2][6] = {{1, 0, 0x5e, 0, 0, 0xfb}, {0x33, 0x33, 0, 0, 0, 0xfb}};
    for (int v6 = 0; v6 <= 1; v6++) {
        struct la_addr dst =
            v6 ? (struct la_addr){{0xff, 2, [15] = 0xfb}} : la_addr_v4(224, 0, 0, 0xfb);
        struct ip_path path;
        struct ip_template t;
        assert_int_equal(ip_route(&w.ip, &dst, 2, NULL, w.now, &path), 0);
        ip_template_make(&t, &w.ip.routes, &path, &dst, PACKET_UDP, 0, 1);
        assert_int_equal(ip_resolve(&w.ip, &path, &t, w.now), 0);
        assert_memory_equal(t.bytes, macs[v6], 6);
    }
    end();
    (void)state;
}

/* Everything once, with the allocator failing at the n-th request: no crash, nothing lost. */
static void script(void)
{
    for (int v6 = 0; v6 <= 1; v6++) {
        struct la_addr src = peer(v6, 1), dst = ours(v6, 1);
        size_t len = put_icmp(p, &src, &dst, v6 ? 128 : 8, 0, 1, p + 35000, 30000);
        w.pooled = v6;
        feed(&w, 1, p, len);
        len = put_udp(p, &src, &dst, 100);
        if (feed(&w, 1, p, len) == IP_UDP) {
            ip_reply_port_unreachable(&w.ip, &w.out, w.now);
        }
        p[v6 ? 6 : 9] = 200;
        feed(&w, 1, p, len);
        if (!v6) {
            for (uint16_t at = 0; at < 4; at++) {
                len = put_ip(p, &src, &dst, PACKET_UDP, 1024);
                store_be16(p + 6, (uint16_t)(at * 128 | (at < 3 ? 0x2000 : 0)));
                store_be16(p + 10, 0);
                store_be16(p + 10, (uint16_t)~packet_sum(p, 20, 0));
                feed(&w, 1, p, len + 1024);
            }
        }
        struct la_buf *buf = datagram(v6, 2, PACKET_UDP, 4000);
        if (buf) {
            ip_out_push(&w.ip, buf);
        }
        for (int link = 1; link <= 2; link++) {
            while (take_frame(&w, link)) {
            }
        }
        w.now += 61 * SECOND;
        ip_timeout(&w.ip, w.now);
    }
}

static void test_memory_fails(void **state)
{
    begin();
    script();
    unsigned calls = w.tm.calls;
    end();
    assert_true(calls > 5);
    for (unsigned n = 1; n <= calls; n++) {
        memset(&w.tm, 0, sizeof(w.tm));
        w.tm.fail_at = n;
        if (world_make(&w)) {
            script();
        }
        end();
    }
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fragments),    cmocka_unit_test(test_path),
        cmocka_unit_test(test_queue_limit),  cmocka_unit_test(test_waiting),
        cmocka_unit_test(test_unresolved),   cmocka_unit_test(test_groups),
        cmocka_unit_test(test_memory_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
