/* Fragments in: all orders, overlaps, limits, time, and no memory. */
#include "core/ip/world.h"

static struct world w;
static uint8_t whole[70000];
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

struct piece {
    uint32_t at, len;
    bool more;
};

/* Feeds bytes [at, at + len) of the transport of the packet in `whole`. */
static enum ip_verdict feed_piece(bool v6, uint32_t id, const struct piece *piece)
{
    size_t head = v6 ? 40 : 20;
    memcpy(p, whole, head);
    if (v6) {
        store_be16(p + 4, (uint16_t)(8 + piece->len));
        memset(p + 40, 0, 8);
        p[40] = p[6];
        p[6] = 44;
        store_be16(p + 42, (uint16_t)(piece->at | piece->more));
        store_be32(p + 44, id);
        head += 8;
    } else {
        store_be16(p + 2, (uint16_t)(20 + piece->len));
        store_be16(p + 4, (uint16_t)id);
        store_be16(p + 6, (uint16_t)(piece->at / 8 | (piece->more ? 0x2000 : 0)));
        store_be16(p + 10, 0);
        store_be16(p + 10, (uint16_t)~packet_sum(p, 20, 0));
    }
    memcpy(p + head, whole + (v6 ? 40 : 20) + piece->at, piece->len);
    return feed(&w, 1, p, head + piece->len);
}

static void make_whole(bool v6, size_t payload)
{
    struct la_addr src = peer(v6, 1), dst = ours(v6, 1);
    put_udp(whole, &src, &dst, payload);
}

static void assert_whole(bool v6, size_t payload)
{
    size_t head = v6 ? 40 : 20;
    assert_int_equal(w.verdict, IP_UDP);
    assert_true(w.out.reassembled);
    assert_true(w.out.to_unicast);
    assert_int_equal(w.out.len, payload + 8);
    assert_memory_equal(w.out.data, whole + head, payload + 8);
    assert_true(packet_good(w.out.header, w.out.header_len + w.out.len));
    assert_int_equal(wire_fold(wire_sum(w.out.data, w.out.len, w.out.pseudo)), 0xffff);
}

/* All 120 orders of five fragments of different sizes. */
static void test_orders(void **state)
{
    static const struct piece pieces[5] = {
        {0, 16, true}, {16, 400, true}, {416, 8, true}, {424, 1000, true}, {1424, 7, false}};
    begin();
    for (int v6 = 0; v6 <= 1; v6++) {
        make_whole(v6, 1423);
        uint32_t id = 0;
        for (int code = 0; code < 3125; code++) {
            int order[5], seen = 0;
            for (int i = 0, c = code; i < 5; i++, c /= 5) {
                order[i] = c % 5;
                seen |= 1 << order[i];
            }
            if (seen != 31) {
                continue;
            }
            id++;
            for (int i = 0; i < 4; i++) {
                feed_piece(v6, id, &pieces[order[i]]);
                assert_done(&w, LA_TAKE_FRAGMENT);
            }
            feed_piece(v6, id, &pieces[order[4]]);
            assert_whole(v6, 1423);
            world_give_back(&w);
            assert_int_equal(w.ip.reass.count, 0);
        }
        assert_int_equal(id, 120);
    }
    end();
    (void)state;
}

/* RFC 3168 5.3: all ways three fragments can be marked. */
static void test_congestion(void **state)
{
    static const struct piece pieces[3] = {{0, 400, true}, {400, 400, true}, {800, 31, false}};
    begin();
    uint32_t id = 0;
    for (int v6 = 0; v6 <= 1; v6++) {
        for (unsigned marks = 0; marks < 64; marks++) {
            unsigned seen = 0, first = marks & 3;
            make_whole(v6, 823);
            uint8_t clean[2];
            memcpy(clean, whole, 2);
            id++;
            for (unsigned i = 0; i < 3; i++) {
                unsigned k = (i + marks) % 3; /* in some other order each time */
                unsigned field = marks >> 2 * k & 3;
                seen |= 1U << field;
                whole[1] = (uint8_t)(clean[1] | (v6 ? field << 4 : field));
                feed_piece(v6, id, &pieces[k]);
            }
            if ((seen & 9) == 9) {
                assert_done(&w, LA_DROP_FRAGMENT_ECN);
                assert_int_equal(w.ip.reass.count, 0);
                continue;
            }
            assert_whole(v6, 823);
            assert_int_equal(w.out.tos & 3, seen & 8 ? 3 : first);
            world_give_back(&w);
        }
    }
    end();
    (void)state;
}

/* The largest datagram, in fragments of an Ethernet link. */
static void test_largest(void **state)
{
    begin();
    for (int v6 = 0; v6 <= 1; v6++) {
        size_t payload = v6 ? 65527 : 65507;
        make_whole(v6, payload);
        for (uint32_t at = 0; at < payload + 8; at += 1448) {
            uint32_t left = (uint32_t)payload + 8 - at;
            struct piece piece = {at, left < 1448 ? left : 1448, left > 1448};
            feed_piece(v6, 9, &piece);
        }
        assert_whole(v6, payload);
    }
    end();
    (void)state;
}

/* Every way two fragments can lie against each other: what touches is kept, what is the same is
 * dropped alone, what overlaps ends the datagram (RFC 5722 4). */
static void test_overlaps(void **state)
{
    begin();
    make_whole(true, 2000);
    uint32_t id = 0;
    for (int v6 = 0; v6 <= 1; v6++) {
        make_whole(v6, 2000);
        for (uint32_t at = 0; at <= 64; at += 8) {
            for (uint32_t len = 8; len <= 64; len += 8) {
                struct piece first = {24, 24, true}, second = {at, len, true};
                bool apart = at + len <= 24 || at >= 48;
                bool same = at == 24 && len == 24;
                id++;
                feed_piece(v6, id, &first);
                assert_done(&w, LA_TAKE_FRAGMENT);
                feed_piece(v6, id, &second);
                assert_done(&w, apart ? LA_TAKE_FRAGMENT : LA_DROP_FRAGMENT_OVERLAP);
                struct piece third = {400, 8, true};
                feed_piece(v6, id, &third); /* still to come: discarded too */
                assert_done(&w, apart || same ? LA_TAKE_FRAGMENT : LA_DROP_FRAGMENT_OVERLAP);
            }
        }
    }
    end();
    (void)state;
}

/* Same place, other bytes; bytes behind the end; two ends. */
static void test_contradictions(void **state)
{
    static const struct piece a[][2] = {
        {{0, 64, true}, {0, 64, true}},   /* the second's bytes are changed below */
        {{64, 8, false}, {72, 8, true}},  /* behind the end */
        {{64, 8, false}, {80, 8, false}}, /* another end */
        {{80, 8, true}, {64, 8, false}},  /* an end before what came */
        {{64, 8, true}, {64, 8, false}},  /* the same bytes with and without M */
        {{64, 8, false}, {64, 8, true}},
    };
    begin();
    for (int v6 = 0; v6 <= 1; v6++) {
        make_whole(v6, 2000);
        for (uint32_t i = 0; i < LA_ARRAY_LEN(a); i++) {
            feed_piece(v6, 100 + i, &a[i][0]);
            assert_done(&w, LA_TAKE_FRAGMENT);
            whole[(v6 ? 40 : 20) + 30] ^= i == 0;
            feed_piece(v6, 100 + i, &a[i][1]);
            assert_done(&w, LA_DROP_FRAGMENT_OVERLAP);
        }
    }
    end();
    (void)state;
}

static void test_malformed(void **state)
{
    begin();
    for (int v6 = 0; v6 <= 1; v6++) {
        make_whole(v6, 2000);
        struct piece odd = {0, 43, true}, empty = {64, 0, false}, death = {65528, 100, false},
                     cut = {0, 8, true};
        feed_piece(v6, 1, &empty);
        assert_done(&w, LA_DROP_FRAGMENT);
        feed_piece(v6, 2, &odd);
        assert_int_equal(w.verdict, IP_DONE);
        assert_int_equal(w.frame.reason, v6 ? LA_DROP_IP_EXTENSION : LA_DROP_FRAGMENT);
        feed_piece(v6, 3, &death);
        assert_int_equal(w.verdict, IP_DONE);
        assert_int_equal(w.frame.reason, v6 ? LA_DROP_IP_EXTENSION : LA_DROP_FRAGMENT);
        whole[v6 ? 6 : 9] = PACKET_TCP; /* RFC 1858, RFC 7112: no first fragment without flags */
        feed_piece(v6, 4, &cut);
        assert_done(&w, LA_DROP_FRAGMENT);
        if (!v6) {
            struct piece second = {8, 64, true};
            feed_piece(v6, 5, &second);
            assert_done(&w, LA_DROP_FRAGMENT);
        }
        assert_int_equal(w.ip.reass.count, 0);
    }
    end();
    (void)state;
}

/* A fragment header inside what was made whole is not followed. */
static void test_nested(void **state)
{
    begin();
    make_whole(true, 100);
    memmove(whole + 48, whole + 40, 108);
    memcpy(whole + 40, (uint8_t[]){17, 0, 0, 1, 0, 0, 0, 9}, 8);
    whole[6] = 44;
    struct piece first = {0, 64, true}, last = {64, 52, false};
    feed_piece(true, 1, &first);
    feed_piece(true, 1, &last);
    assert_done(&w, LA_DROP_FRAGMENT);
    end();
    (void)state;
}

static void test_time(void **state)
{
    begin();
    for (int v6 = 0; v6 <= 1; v6++) {
        struct piece first = {0, 64, true}, other = {64, 64, true};
        make_whole(v6, 2000);
        feed_piece(v6, 1, &other); /* no first fragment: silence */
        w.now += SECOND;
        feed_piece(v6, 2, &first);
        feed_piece(v6, 2, &other);
        assert_int_equal(ip_next_deadline(&w.ip), w.now + 59 * SECOND);
        w.now += 59 * SECOND;
        ip_timeout(&w.ip, w.now - 1);
        assert_int_equal(w.ip.reass.count, 2);
        ip_timeout(&w.ip, w.now);
        assert_int_equal(w.ip.reass.count, 1);
        assert_silent(&w, 1);
        w.now += SECOND;
        ip_timeout(&w.ip, w.now);
        assert_int_equal(w.ip.reass.count, 0);
        assert_int_equal(ip_next_deadline(&w.ip), UINT64_MAX);
        assert_true(take_frame(&w, 1));
        assert_int_equal(w.sent_reason, LA_ICMP_REASSEMBLY_TIME);
        assert_true(packet_good(w.sent, w.sent_len));
        size_t head = v6 ? 40 : 20;
        assert_int_equal(w.sent[head], v6 ? 3 : 11);
        assert_int_equal(w.sent[head + 1], 1);
        assert_int_equal(w.sent_len, head + 8 + head + 64);
        assert_memory_equal(w.sent + head + 8 + head, whole + head, 64);
        assert_silent(&w, 1);
    }
    end();
    (void)state;
}

/* A source that fills its share loses its own oldest; another one's datagram still completes. */
static void test_shares(void **state)
{
    begin();
    for (int v6 = 0; v6 <= 1; v6++) {
        struct piece first = {0, 512, true}, last = {512, 8, false};
        struct la_addr bad = v6 ? addr_v6(0, 66) : la_addr_v4(10, 0, 0, 66), mine = ours(v6, 1);
        put_udp(whole, &bad, &mine, 512);
        for (uint32_t id = 0; id < 1000; id++) {
            feed_piece(v6, id, &first);
            assert_done(&w, LA_TAKE_FRAGMENT);
            assert_true(w.ip.reass.count <= IP_SETS_SOURCE);
        }
        make_whole(v6, 512);
        feed_piece(v6, 7, &first);
        put_udp(whole, &bad, &mine, 512);
        for (uint32_t id = 0; id < 1000; id++) {
            feed_piece(v6, id, &first);
        }
        make_whole(v6, 512);
        feed_piece(v6, 7, &last);
        assert_whole(v6, 512);
        w.now += 61 * SECOND;
        ip_timeout(&w.ip, w.now);
        while (take_frame(&w, 1)) {
        }
    }
    end();
    (void)state;
}

/* Many small fragments, many sources: count and bytes stay under their caps, nothing leaks. */
static void test_caps(void **state)
{
    uint64_t random = 1;
    begin();
    for (int i = 0; i < 20000; i++) {
        bool v6 = i & 1;
        w.pooled = i & 2; /* big buffers with little in them */
        struct la_addr src = v6 ? addr_v6(0, (uint8_t)(2 + random_below(&random, 100)))
                                : la_addr_v4(10, 0, 0, (uint8_t)(2 + random_below(&random, 100)));
        struct la_addr mine = ours(v6, 1);
        struct piece piece = {8 * random_below(&random, 180), 8 + 8 * random_below(&random, 60),
                              random_below(&random, 9) != 0};
        put_udp(whole, &src, &mine, 2000);
        feed_piece(v6, random_below(&random, 4), &piece);
        assert_true(w.ip.reass.count <= IP_SETS_MAX);
        assert_true(w.ip.reass.bytes <= IP_REASS_BYTES_MAX);
        if (i % 1000 == 0) {
            w.now += 30 * SECOND;
            ip_timeout(&w.ip, w.now);
        }
    }
    end();
    (void)state;
}

/* No more than IP_SET_FRAGS_MAX fragments a datagram. */
static void test_fragments_max(void **state)
{
    begin();
    make_whole(false, 4000);
    for (uint32_t i = 0; i < IP_SET_FRAGS_MAX; i++) {
        struct piece piece = {16 + 16 * i, 8, true};
        feed_piece(false, 1, &piece);
        assert_done(&w, LA_TAKE_FRAGMENT);
    }
    struct piece more = {8, 8, true};
    feed_piece(false, 1, &more);
    assert_done(&w, LA_DROP_FRAGMENT_MEMORY);
    assert_int_equal(w.ip.reass.bytes, 0);
    end();
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_congestion),     cmocka_unit_test(test_orders),
        cmocka_unit_test(test_largest),        cmocka_unit_test(test_overlaps),
        cmocka_unit_test(test_contradictions), cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_nested),         cmocka_unit_test(test_time),
        cmocka_unit_test(test_shares),         cmocka_unit_test(test_caps),
        cmocka_unit_test(test_fragments_max),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
