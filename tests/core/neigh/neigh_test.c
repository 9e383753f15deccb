/* The reachability machine through both its fronts: frames byte by byte, every transition of
 * RFC 4861 7.3 and appendix C, and the limits of the table. */
#include "core/ip/world.h"

static struct world w;
static uint8_t p[200];
static uint16_t hint;
static uint8_t mac[6];

static const uint8_t moved_mac[6] = {2, 0, 0, 0, 0, 7};

static void begin(void)
{
    memset(&w.tm, 0, sizeof(w.tm));
    assert_true(world_make(&w));
    hint = 0;
}

static void end(void)
{
    world_give_back(&w);
    world_end(&w);
}

static int resolve(bool v6)
{
    struct la_addr addr = peer(v6, 2), src = ours(v6, 2);
    return neigh_resolve(&w.ip.neigh, 2, &addr, &src, &hint, w.now, mac);
}

static enum neigh_state state_of(bool v6)
{
    struct la_addr addr = peer(v6, 2);
    return neigh_state_of(&w.ip.neigh, 2, &addr, w.now);
}

static void pass(uint64_t ns)
{
    w.now += ns;
    ip_timeout(&w.ip, w.now);
}

/* An ARP packet from the peer, or a neighbour advertisement with these flags. */
struct news {
    bool solicited, override, router, no_mac;
    const uint8_t *mac;
};

static void feed_arp(uint16_t op, const struct la_addr *sender, const struct la_addr *target,
                     const uint8_t *from, const uint8_t *to)
{
    struct wire_arp arp = {.op = op, .sender = *sender, .target = *target};
    memcpy(arp.sender_mac, from, 6);
    memcpy(arp.target_mac, to, 6);
    size_t len = put_eth(p, our_mac, from, 0x0806);
    len += wire_arp_emit(p + len, &arp);
    feed(&w, 2, p, len);
}

static void feed_nd(const struct la_addr *src, const struct la_addr *dst, const struct wire_nd *nd,
                    uint8_t hop_limit)
{
    size_t at = put_eth(p, our_mac, peer_mac, 0x86dd), len = wire_nd_size(nd);
    put_ip(p + at, src, dst, PACKET_ICMPV6, len);
    p[at + 7] = hop_limit;
    wire_nd_emit(p + at + 40, nd);
    put_sum(p + at, 40 + len, 2);
    feed(&w, 2, p, at + 40 + len);
}

static void answer(bool v6, const struct news *news)
{
    struct la_addr his = peer(v6, 2), mine = ours(v6, 2);
    if (!v6) { /* a reply to us, or a gratuitous one to all */
        static const uint8_t all[6] = {255, 255, 255, 255, 255, 255};
        feed_arp(WIRE_ARP_REPLY, &his, news->solicited ? &mine : &his, news->mac,
                 news->solicited ? our_mac : all);
        return;
    }
    struct wire_nd nd = {.type = WIRE_ND_NEIGHBOUR_ADVERT,
                         .router = news->router,
                         .solicited = news->solicited,
                         .override = news->override,
                         .has_mac = !news->no_mac,
                         .target = his};
    memcpy(nd.mac, news->mac, 6);
    struct la_addr all = wire_nd_all_nodes();
    feed_nd(&his, news->solicited ? &mine : &all, &nd, 255);
}

static const struct news solicited = {.solicited = true, .override = true, .mac = peer_mac};

static void make_reachable(bool v6)
{
    hint = 0;
    assert_int_equal(resolve(v6), LA_EAGAIN);
    assert_true(take_frame(&w, 2));
    answer(v6, &solicited);
    assert_int_equal(state_of(v6), NEIGH_REACHABLE);
}

static void test_arp_bytes(void **state)
{
    static const uint8_t request[42] = {255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0,  1, 8, 6,
                                        0,   1,   8,   0,   6,   4,   0, 1, 2, 0, 0,  0, 0, 1,
                                        10,  0,   1,   1,   0,   0,   0, 0, 0, 0, 10, 0, 1, 2};
    static const uint8_t reply[42] = {2,  0, 0, 0, 0, 2, 2, 0, 0, 0, 0,  1, 8, 6,
                                      0,  1, 8, 0, 6, 4, 0, 2, 2, 0, 0,  0, 0, 1,
                                      10, 0, 1, 1, 2, 0, 0, 0, 0, 2, 10, 0, 1, 2};
    static const uint8_t zero[6];
    begin();
    assert_int_equal(resolve(false), LA_EAGAIN);
    assert_true(ip_has_output(&w.ip, 2));
    assert_true(take_frame(&w, 2));
    assert_int_equal(w.sent_len, 42);
    assert_memory_equal(w.sent, request, 42);
    assert_silent(&w, 2);
    uint32_t before = neigh_resolved(&w.ip.neigh, 2);
    answer(false, &solicited);
    assert_done(&w, LA_TAKE_NEIGHBOUR);
    assert_int_not_equal(neigh_resolved(&w.ip.neigh, 2), before);
    assert_int_equal(resolve(false), 0);
    assert_memory_equal(mac, peer_mac, 6);
    end();

    begin(); /* who asks for us is answered and remembered (RFC 826) */
    struct la_addr his = peer(false, 2), mine = ours(false, 2), other = la_addr_v4(10, 0, 1, 9);
    feed_arp(WIRE_ARP_REQUEST, &his, &mine, peer_mac, zero);
    assert_done(&w, LA_TAKE_NEIGHBOUR);
    assert_true(take_frame(&w, 2));
    assert_int_equal(w.sent_reason, LA_ARP_REPLY);
    assert_int_equal(w.sent_len, 42);
    assert_memory_equal(w.sent, reply, 42);
    assert_int_equal(state_of(false), NEIGH_STALE);
    feed_arp(WIRE_ARP_REQUEST, &other, &his, peer_mac, zero); /* for somebody else */
    assert_silent(&w, 2);
    assert_int_equal(neigh_state_of(&w.ip.neigh, 2, &other, w.now), NEIGH_FREE);
    other = la_addr_v4(10, 0, 1, 255); /* nobody has a broadcast address, or ours */
    feed_arp(WIRE_ARP_REQUEST, &other, &mine, peer_mac, zero);
    assert_done(&w, LA_DROP_NEIGHBOUR);
    feed_arp(WIRE_ARP_REQUEST, &mine, &mine, peer_mac, zero);
    assert_done(&w, LA_DROP_NEIGHBOUR);
    other = la_addr_any_v4(); /* a probe (RFC 5227): answered, not remembered */
    feed_arp(WIRE_ARP_REQUEST, &other, &mine, moved_mac, zero);
    assert_true(take_frame(&w, 2));
    assert_int_equal(neigh_state_of(&w.ip.neigh, 2, &other, w.now), NEIGH_FREE);
    end();
    (void)state;
}

static void test_nd_bytes(void **state)
{
    static const uint8_t solicit[86] = {
        0x33, 0x33, 0xff, 0, 0, 2,  2,  0,   0, 0, 0, 1, 0x86, 0xdd,       /* Ethernet */
        0x60, 0,    0,    0, 0, 32, 58, 255,                               /* IPv6 */
        0xfd, 1,    0,    0, 0, 0,  0,  0,   0, 0, 0, 0, 0,    0,    0, 1, /* from us */
        0xff, 2,    0,    0, 0, 0,  0,  0,   0, 0, 0, 1, 0xff, 0,    0, 2, /* to its group */
        135,  0,    0,    0, 0, 0,  0,  0,                                 /* solicitation */
        0xfd, 1,    0,    0, 0, 0,  0,  0,   0, 0, 0, 0, 0,    0,    0, 2, /* target */
        1,    1,    2,    0, 0, 0,  0,  1};                                /* our address */
    begin();
    assert_int_equal(resolve(true), LA_EAGAIN);
    assert_true(take_frame(&w, 2));
    assert_int_equal(w.sent_len, 86);
    assert_true(packet_good(w.sent + 14, 72));
    memset(w.sent + 14 + 42, 0, 2);
    assert_memory_equal(w.sent, solicit, 86);
    answer(true, &solicited);
    assert_done(&w, LA_TAKE_NEIGHBOUR);
    assert_int_equal(resolve(true), 0);
    assert_memory_equal(mac, peer_mac, 6);

    /* asked ourselves: by address, by group, from nowhere, by link-local address */
    struct la_addr froms[] = {peer(true, 2), {{0}}, link_local(2, 9)};
    for (int i = 0; i < 3; i++) {
        struct la_addr target = i == 2 ? link_local(0, 1) : ours(true, 2);
        struct wire_nd nd = {
            .type = WIRE_ND_NEIGHBOUR_SOLICIT, .has_mac = i != 1, .target = target};
        memcpy(nd.mac, peer_mac, 6);
        struct la_addr group = wire_nd_solicited_node(&target);
        feed_nd(&froms[i], &group, &nd, 255);
        assert_done(&w, LA_TAKE_NEIGHBOUR);
        assert_true(take_frame(&w, 2));
        assert_int_equal(w.sent_reason, LA_ND_ADVERT);
        assert_int_equal(w.sent_len, 86);
        assert_true(packet_good(w.sent + 14, 72));
        assert_int_equal(w.sent[14 + 40], 136);
        assert_int_equal(w.sent[14 + 44], i == 1 ? 0x20 : 0x60); /* override; solicited */
        assert_memory_equal(w.sent + 14 + 48, target.b, 16);
        assert_memory_equal(w.sent + 80, our_mac, 6);
        struct la_addr to = i == 1 ? wire_nd_all_nodes() : froms[i];
        addr_scope_leave(&to);
        assert_memory_equal(w.sent + 14 + 24, to.b, 16);
        assert_int_equal(w.sent[0], i == 1 ? 0x33 : 2);
    }
    end();
    (void)state;
}

/* What RFC 4861 7.1 and RFC 6980 forbid. */
static void test_nd_invalid(void **state)
{
    begin();
    struct la_addr his = peer(true, 2), mine = ours(true, 2), other = addr_v6(1, 9);
    struct wire_nd nd = {.type = WIRE_ND_NEIGHBOUR_SOLICIT, .has_mac = true, .target = mine};
    memcpy(nd.mac, peer_mac, 6);
    feed_nd(&his, &mine, &nd, 254);
    assert_done(&w, LA_DROP_NEIGHBOUR);
    nd.target = other; /* not ours */
    feed_nd(&his, &mine, &nd, 255);
    assert_done(&w, LA_DROP_NEIGHBOUR);
    nd.type = WIRE_ND_NEIGHBOUR_ADVERT; /* nobody asked: no entry is made */
    feed_nd(&his, &mine, &nd, 255);
    assert_done(&w, LA_DROP_NEIGHBOUR);
    nd.target = mine; /* somebody claims our address */
    feed_nd(&his, &mine, &nd, 255);
    assert_done(&w, LA_DROP_NEIGHBOUR);

    nd.type = WIRE_ND_NEIGHBOUR_SOLICIT; /* in a fragment, even an atomic one */
    feed_nd(&his, &mine, &nd, 255);
    assert_done(&w, LA_TAKE_NEIGHBOUR);
    assert_true(take_frame(&w, 2));
    memmove(p + 62, p + 54, 32);
    memcpy(p + 54, (uint8_t[]){58, 0, 0, 0, 0, 0, 0, 1}, 8);
    p[20] = 44;
    store_be16(p + 18, 40);
    feed(&w, 2, p, 94);
    assert_done(&w, LA_DROP_NEIGHBOUR);
    feed_nd(&his, &mine, &nd, 255);
    assert_true(take_frame(&w, 2));
    feed(&w, 1, p + 14, 72); /* on a link without neighbours */
    assert_done(&w, LA_DROP_NEIGHBOUR);
    assert_silent(&w, 2);
    end();
    (void)state;
}

static void test_incomplete(void **state)
{
    for (int v6 = 0; v6 <= 1; v6++) {
        begin();
        assert_int_equal(resolve(v6), LA_EAGAIN);
        for (int i = 0; i < NEIGH_MULTICAST_SOLICIT; i++) {
            assert_true(take_frame(&w, 2));
            assert_silent(&w, 2);
            assert_int_equal(resolve(v6), LA_EAGAIN); /* asking again asks no more */
            assert_silent(&w, 2);
            assert_int_equal(ip_next_deadline(&w.ip), w.now + SECOND);
            pass(SECOND);
        }
        assert_int_equal(state_of(v6), NEIGH_FAILED);
        assert_int_equal(neigh_failed(&w.ip.neigh, 2), 1);
        assert_int_equal(resolve(v6), LA_EHOSTUNREACH);
        assert_silent(&w, 2);
        pass(NEIGH_FAILED_NS);
        assert_int_equal(resolve(v6), LA_EAGAIN);
        assert_true(take_frame(&w, 2));
        struct news no_mac = {.solicited = true, .override = true, .no_mac = true, .mac = mac};
        if (v6) { /* RFC 4861 7.2.5: says nothing */
            answer(v6, &no_mac);
            assert_int_equal(state_of(v6), NEIGH_INCOMPLETE);
        }
        struct news unasked = {.override = true, .mac = peer_mac};
        answer(v6, &unasked);
        assert_int_equal(state_of(v6), NEIGH_STALE);
        end();
    }
    (void)state;
}

/* A link that takes nothing: not asked is not unanswered. */
static void test_blocked(void **state)
{
    begin();
    assert_int_equal(resolve(true), LA_EAGAIN);
    for (int i = 0; i < 10; i++) {
        pass(SECOND);
    }
    assert_int_equal(state_of(true), NEIGH_INCOMPLETE);
    assert_true(take_frame(&w, 2));
    assert_silent(&w, 2);
    end();
    (void)state;
}

static void test_ageing(void **state)
{
    for (int v6 = 0; v6 <= 1; v6++) {
        begin();
        make_reachable(v6);
        pass(NEIGH_REACHABLE_NS / 2 - 1);
        assert_int_equal(state_of(v6), NEIGH_REACHABLE);
        pass(NEIGH_REACHABLE_NS);
        assert_int_equal(state_of(v6), NEIGH_STALE);
        pass(1000 * SECOND); /* unused it stays so, and asks nothing */
        assert_int_equal(state_of(v6), NEIGH_STALE);
        assert_int_equal(ip_next_deadline(&w.ip), UINT64_MAX);

        assert_int_equal(resolve(v6), 0);
        assert_int_equal(state_of(v6), NEIGH_DELAY);
        assert_silent(&w, 2);
        pass(NEIGH_DELAY_NS);
        assert_int_equal(state_of(v6), NEIGH_PROBE);
        assert_int_equal(resolve(v6), 0); /* still of use while it is probed */
        for (int i = 0; i < NEIGH_UNICAST_SOLICIT; i++) {
            assert_true(take_frame(&w, 2));
            assert_memory_equal(w.sent, peer_mac, 6); /* unicast */
            pass(SECOND);
        }
        assert_int_equal(state_of(v6), NEIGH_FREE);
        assert_int_equal(neigh_failed(&w.ip.neigh, 2), 1);
        assert_int_equal(resolve(v6), LA_EAGAIN); /* from the beginning, by multicast */
        assert_true(take_frame(&w, 2));
        assert_int_equal(w.sent[0] & 1, 1);
        end();
    }
    (void)state;
}

static void test_confirmation(void **state)
{
    for (int v6 = 0; v6 <= 1; v6++) {
        begin();
        struct la_addr addr = peer(v6, 2);
        neigh_confirm(&w.ip.neigh, 2, &addr, &hint, w.now); /* nobody known: nothing */
        assert_int_equal(state_of(v6), NEIGH_FREE);
        make_reachable(v6);
        for (int i = 0; i < 100; i++) { /* a connection that goes on keeps it so */
            pass(5 * SECOND);
            neigh_confirm(&w.ip.neigh, 2, &addr, &hint, w.now);
            assert_int_equal(state_of(v6), NEIGH_REACHABLE);
        }
        pass(60 * SECOND);
        assert_int_equal(resolve(v6), 0);
        pass(NEIGH_DELAY_NS);
        assert_true(take_frame(&w, 2));
        assert_int_equal(state_of(v6), NEIGH_PROBE);
        answer(v6, &solicited);
        assert_int_equal(state_of(v6), NEIGH_REACHABLE);
        assert_silent(&w, 2);
        end();
    }
    (void)state;
}

/* RFC 4861 7.2.5, line by line: {state before} x {solicited, override, same or other address}. */
static void test_advertisements(void **state)
{
    static const struct {
        bool stale, solicited, override, other, no_mac;
        enum neigh_state to;
        bool taken; /* the new address is used */
    } cases[] = {
        {false, false, false, false, false, NEIGH_REACHABLE, false},
        {false, false, true, false, false, NEIGH_REACHABLE, false},
        {false, false, false, true, false, NEIGH_STALE, false},
        {false, true, false, true, false, NEIGH_STALE, false},
        {false, false, true, true, false, NEIGH_STALE, true},
        {false, true, true, true, false, NEIGH_REACHABLE, true},
        {true, false, false, false, false, NEIGH_STALE, false},
        {true, true, false, false, false, NEIGH_REACHABLE, false},
        {true, true, false, true, false, NEIGH_STALE, false},
        {true, false, true, true, false, NEIGH_STALE, true},
        {true, true, true, true, false, NEIGH_REACHABLE, true},
        {true, true, false, false, true, NEIGH_REACHABLE, false},
    };
    for (size_t i = 0; i < LA_ARRAY_LEN(cases); i++) {
        begin();
        make_reachable(true);
        if (cases[i].stale) {
            pass(60 * SECOND);
        }
        struct news news = {.solicited = cases[i].solicited,
                            .override = cases[i].override,
                            .no_mac = cases[i].no_mac,
                            .mac = cases[i].other ? moved_mac : peer_mac};
        answer(true, &news);
        assert_int_equal(state_of(true), cases[i].to);
        assert_int_equal(resolve(true), 0);
        assert_memory_equal(mac, cases[i].taken ? moved_mac : peer_mac, 6);
        end();
    }
    /* ARP: RFC 826's merge, then verified before it counts as reachable */
    begin();
    make_reachable(false);
    struct news moved = {.mac = moved_mac};
    answer(false, &moved);
    assert_int_equal(state_of(false), NEIGH_STALE);
    assert_int_equal(resolve(false), 0);
    assert_memory_equal(mac, moved_mac, 6);
    end();
    (void)state;
}

/* Asking for addresses that are not there pushes out nobody who is. */
static void test_limits(void **state)
{
    begin();
    make_reachable(true);
    struct la_addr src = ours(true, 2);
    for (uint32_t i = 0; i < 5000; i++) {
        struct la_addr absent = addr_v6(1, 0);
        uint16_t h = 0;
        store_be32(absent.b + 8, i + 1);
        assert_int_equal(neigh_resolve(&w.ip.neigh, 2, &absent, &src, &h, w.now, mac), LA_EAGAIN);
        assert_true(w.ip.neigh.waiting.count <= NEIGH_WAITING_MAX);
    }
    assert_int_equal(resolve(true), 0);
    int asked = 0;
    while (take_frame(&w, 2)) {
        asked++;
    }
    assert_int_equal(asked, NEIGH_WAITING_MAX);

    /* Neighbours that make themselves known: the one used longest ago gives way. */
    for (uint32_t i = 0; i < 5000; i++) {
        struct la_addr his = addr_v6(1, 0), mine = ours(true, 2);
        store_be32(his.b + 8, 0x10000 + i);
        struct wire_nd nd = {.type = WIRE_ND_NEIGHBOUR_SOLICIT, .has_mac = true, .target = mine};
        memcpy(nd.mac, peer_mac, 6);
        feed_nd(&his, &mine, &nd, 255);
        take_frame(&w, 2);
        assert_true(w.ip.neigh.waiting.count + w.ip.neigh.known.count <= NEIGH_MAX);
        if (i % 100 == 0) {
            assert_int_equal(resolve(true), 0);
        }
    }
    assert_int_equal(resolve(true), 0);
    assert_memory_equal(mac, peer_mac, 6);
    end();
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arp_bytes),    cmocka_unit_test(test_nd_bytes),
        cmocka_unit_test(test_nd_invalid),   cmocka_unit_test(test_incomplete),
        cmocka_unit_test(test_blocked),      cmocka_unit_test(test_ageing),
        cmocka_unit_test(test_confirmation), cmocka_unit_test(test_advertisements),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
