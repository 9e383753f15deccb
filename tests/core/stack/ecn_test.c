/* ECN end to end (RFC 3168, RFC 9768): two stacks, a wire that marks, every mark counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/marks.h"
#include "support/two_stacks.h"
#include "wire/tcp.h"

#define TOTAL 400000

struct wire {
    struct pair pair;
    la_handle client, server, listener;
    uint32_t rng;
    uint32_t mark_each; /* of so many packets one is marked, 0: none */
    uint32_t lose_each;
    bool no_timestamps;
    bool strip_options; /* a middlebox that knows no AccECN option */
    bool clear_flags;   /* ... or that clears the flags on all but SYNs */
    uint64_t marked[2]; /* packets and their bytes, from end 0 */
    uint64_t bad;       /* ECT where it must not be */
    uint32_t syn_ack_flags;
};

static uint32_t roll(struct wire *w, uint32_t n)
{
    w->rng = w->rng * 1664525U + 1013904223U;
    return (w->rng >> 8) % n;
}

/* Options of a kind become NOPs. */
static void strip(uint8_t *tcp, size_t headers)
{
    for (size_t at = 20; at < headers && tcp[at] != 0;) {
        size_t len = tcp[at] == 1 ? 1 : tcp[at + 1];
        if (tcp[at] == 172 || tcp[at] == 174) {
            memset(tcp + at, 1, len);
        }
        at += len;
    }
}

static void fix_sum(uint8_t *ip, size_t head, size_t len)
{
    bool v4 = ip[0] >> 4 == 4;
    uint8_t *tcp = ip + head;
    uint32_t sum = wire_sum(ip + (v4 ? 12 : 8), v4 ? 8 : 32, 0);
    uint8_t rest[4] = {0, 6, (uint8_t)((len - head) >> 8), (uint8_t)(len - head)};
    store_be16(tcp + 16, 0);
    sum = wire_sum(rest, 4, sum);
    wire_checksum_store(tcp + 16, (uint16_t)~wire_fold(wire_sum(tcp, len - head, sum)));
}

static bool pass(void *ctx, unsigned from, unsigned serial, uint8_t *ip, size_t len)
{
    struct wire *w = ctx;
    size_t head = ip[0] >> 4 == 4 ? 20 : 40;
    struct wire_tcp h;
    (void)serial;
    if ((head == 20 ? ip[9] : ip[6]) != 6) {
        return true;
    }
    assert_true(wire_tcp_parse(ip + head, len - head, &h));
    size_t payload = len - head - h.hdr_len;
    if ((h.flags & LA_TH_SYN) && (h.flags & LA_TH_ACK)) {
        w->syn_ack_flags = h.flags;
    }
    if (ip_ecn(ip) != 0 && (payload == 0 || (h.flags & LA_TH_SYN))) {
        w->bad++; /* RFC 3168 6.1.1, 6.1.4 */
    }
    if (w->lose_each && roll(w, w->lose_each) == 0) {
        return false;
    }
    if (w->mark_each && roll(w, w->mark_each) == 0 && ip_mark(ip) && from == 0) {
        w->marked[0]++;
        w->marked[1] += payload;
    }
    if (w->strip_options) {
        strip(ip + head, h.hdr_len);
    }
    if (w->clear_flags && !(h.flags & LA_TH_SYN)) {
        ip[head + 12] &= 0xfe;
        ip[head + 13] &= 0x3f;
    }
    if (w->strip_options || w->clear_flags) {
        fix_sum(ip, head, len);
    }
    return true;
}

static void connect_with(struct wire *w, bool v6, uint8_t asks, uint8_t accepts, uint8_t cookies)
{
    struct la_tcp_options o;
    struct pair_options options = pair_defaults();
    struct pair *p = &w->pair;
    options.cookies = cookies;
    assert_true(pair_init(p, &options));
    p->filter = pass;
    p->ctx = w;
    w->rng = 99;
    struct la_endpoint at = pair_at(p, 1, v6, 80);
    la_tcp_options_init(&o);
    o.timestamps = !w->no_timestamps;
    o.ecn = accepts;
    assert_int_equal(la_tcp_listen(p->end[1].stack, &at, &o, &w->listener), 0);
    o.ecn = asks;
    o.tos = 0xb8;
    assert_int_equal(la_tcp_open(p->end[0].stack, NULL, &at, &o, &w->client), 0);
    pair_settle(p);
    assert_int_equal(la_tcp_accept(p->end[1].stack, w->listener, &w->server), 0);
}

static struct la_tcp_info info_of(struct wire *w, unsigned end)
{
    struct la_tcp_info info;
    assert_int_equal(la_tcp_info(w->pair.end[end].stack, end ? w->server : w->client, &info), 0);
    return info;
}

/* Bytes both ways; more from end 0. */
static void talk(struct wire *w)
{
    static uint8_t data[60000];
    struct la_stack *a = w->pair.end[0].stack, *b = w->pair.end[1].stack;
    size_t sent = 0, got = 0;
    for (unsigned turn = 0; got < TOTAL && turn < 100000; turn++) {
        int64_t n = sent < TOTAL ? la_tcp_send(a, w->client, data, 1 + roll(w, 30000), 0) : 0;
        sent += n > 0 ? (size_t)n : 0;
        if (roll(w, 4) == 0) {
            (void)la_tcp_send(b, w->server, data, 1 + roll(w, 3000), 0);
        }
        pair_settle(&w->pair);
        while ((n = la_tcp_recv(b, w->server, data, sizeof(data), 0)) > 0) {
            got += (size_t)n;
        }
        while (la_tcp_recv(a, w->client, data, sizeof(data), 0) > 0) {
        }
        pair_run(&w->pair, 5 * LA_NS_PER_MS);
    }
    assert_true(got >= TOTAL);
    pair_run(&w->pair, LA_NS_PER_S);
}

static void end(struct wire *w)
{
    assert_int_equal(w->bad, 0);
    pair_end_all(&w->pair);
}

/* All that two ends can want, both versions, with half-open records and with cookies. */
static void test_agreements(void **state)
{
    for (unsigned i = 0; i < 4 * 4 * 2 * 2; i++) {
        uint8_t asks = i & 3, accepts = i >> 2 & 3, v6 = i >> 4 & 1;
        uint8_t cookies = i >> 5 ? LA_COOKIES_ALWAYS : LA_COOKIES_NEVER;
        struct wire w = {.mark_each = 10};
        connect_with(&w, v6 != 0, asks, accepts, cookies);
        uint8_t want = asks < LA_ECN_CLASSIC || accepts == LA_ECN_OFF        ? LA_ECN_OFF
                       : asks == LA_ECN_CLASSIC || accepts == LA_ECN_CLASSIC ? LA_ECN_CLASSIC
                                                                             : LA_ECN_ACCURATE;
        assert_int_equal(info_of(&w, 0).ecn, want);
        assert_int_equal(info_of(&w, 1).ecn, want);
        talk(&w);
        assert_int_equal(w.marked[0] != 0, want != LA_ECN_OFF);
        assert_int_equal(info_of(&w, 1).ce_in, w.marked[0]);
        if (want == LA_ECN_ACCURATE) {
            assert_int_equal(info_of(&w, 0).ce_acked, w.marked[0]);
            assert_int_equal(info_of(&w, 0).ce_acked_bytes, w.marked[1]);
        }
        if (want != LA_ECN_OFF) { /* marks instead of losses */
            assert_true(info_of(&w, 0).ssthresh_bytes < UINT32_MAX);
            assert_int_equal(info_of(&w, 0).rtx_segs, 0);
            assert_int_equal(info_of(&w, 1).tos_in & 0xfc, 0xb8);
        }
        end(&w);
    }
}

/* A cookie can remember classic ECN in the timestamp alone; accurate ECN needs no memory. */
static void test_cookies_without_timestamps(void **state)
{
    for (uint8_t asks = LA_ECN_CLASSIC; asks <= LA_ECN_ACCURATE; asks++) {
        struct wire w = {.no_timestamps = true};
        connect_with(&w, false, asks, LA_ECN_PASSIVE, LA_COOKIES_ALWAYS);
        uint8_t want = asks == LA_ECN_CLASSIC ? LA_ECN_OFF : LA_ECN_ACCURATE;
        assert_int_equal(info_of(&w, 0).ecn, want);
        assert_int_equal(info_of(&w, 1).ecn, want);
        end(&w);
    }
}

/* Losses in both directions, and marks: packets are known to the last one once all is quiet; bytes
 * when the options come through. */
static void test_with_losses(void **state)
{
    for (unsigned i = 0; i < 8; i++) {
        struct wire w = {0};
        connect_with(&w, i & 1, LA_ECN_ACCURATE, LA_ECN_PASSIVE, LA_COOKIES_NEVER);
        w.mark_each = 8;
        w.lose_each = i & 2 ? 30 : 200;
        w.strip_options = (i & 4) != 0;
        talk(&w);
        struct la_tcp_info from = info_of(&w, 0), to = info_of(&w, 1);
        assert_true(from.ecn_sends && to.ecn_sends);
        assert_int_equal(to.ce_in, w.marked[0]);
        assert_in_range(from.ce_acked, to.ce_in - 2, to.ce_in + to.ce_in / 2);
        if (!w.strip_options) {
            assert_in_range(from.ce_acked_bytes, w.marked[1] - 3000, w.marked[1]);
        }
        end(&w);
    }
}

/* Who clears the flags: found out at the third segment or at the first feedback (RFC 9768 3.2.2.1,
 * 3.2.2.4). */
static void test_cleared_flags(void **state)
{
    for (unsigned v6 = 0; v6 < 2; v6++) {
        struct wire w = {.clear_flags = true, .mark_each = 5};
        connect_with(&w, v6, LA_ECN_ACCURATE, LA_ECN_PASSIVE, LA_COOKIES_NEVER);
        assert_int_equal(info_of(&w, 1).ecn, LA_ECN_ACCURATE);
        assert_false(info_of(&w, 1).ecn_sends);
        talk(&w);
        assert_false(info_of(&w, 0).ecn_sends);
        assert_true(w.marked[0] < 20);
        end(&w);
    }
}

/* ---- SYN and SYN-ACK more than once ---------------------------------------------------------- */

struct drops {
    unsigned syns, answers; /* to lose, of each */
    uint16_t syn[8], answer[8];
    uint8_t options[8]; /* of the answers */
    unsigned syn_n, answer_n;
};

static bool lose_some(void *ctx, unsigned from, unsigned serial, uint8_t *ip, size_t len)
{
    struct drops *d = ctx;
    size_t head = ip[0] >> 4 == 4 ? 20 : 40;
    struct wire_tcp h;
    (void)serial;
    if ((head == 20 ? ip[9] : ip[6]) != 6 || !wire_tcp_parse(ip + head, len - head, &h) ||
        !(h.flags & LA_TH_SYN)) {
        return true;
    }
    if (from == 0) {
        d->syn[d->syn_n] = h.flags & 0x1c0;
        return d->syn_n++ >= d->syns;
    }
    d->answer[d->answer_n] = h.flags & 0x1c0;
    d->options[d->answer_n] = h.options & (WIRE_TCP_ECN0 | WIRE_TCP_ECN1);
    return d->answer_n++ >= d->answers;
}

static void open_through(struct pair *p, struct drops *d, la_handle *c, la_handle *s, la_handle *l)
{
    struct pair_options options = pair_defaults();
    struct la_tcp_options o;
    assert_true(pair_init(p, &options));
    p->filter = lose_some;
    p->ctx = d;
    la_tcp_options_init(&o);
    o.ecn = LA_ECN_ACCURATE;
    struct la_endpoint at = pair_at(p, 1, false, 80);
    assert_int_equal(la_tcp_listen(p->end[1].stack, &at, NULL, l), 0);
    assert_int_equal(la_tcp_open(p->end[0].stack, NULL, &at, &o, c), 0);
    for (unsigned i = 0; i < 200; i++) {
        pair_settle(p);
        pair_run(p, LA_NS_PER_S / 4);
    }
    assert_int_equal(la_tcp_accept(p->end[1].stack, *l, s), 0);
}

/* RFC 9768 3.1.4.1: the third SYN is without; the server follows the first that it hears. */
static void test_syns_lost(void **state)
{
    for (unsigned lost = 0; lost < 4; lost++) {
        struct drops d = {.syns = lost};
        struct pair p;
        struct la_tcp_info info;
        la_handle c, s, l;
        open_through(&p, &d, &c, &s, &l);
        for (unsigned i = 0; i < d.syn_n; i++) {
            assert_int_equal(d.syn[i], i < 2 ? 0x1c0 : 0);
        }
        assert_int_equal(la_tcp_info(p.end[1].stack, s, &info), 0);
        assert_int_equal(info.ecn, lost < 2 ? LA_ECN_ACCURATE : LA_ECN_OFF);
        assert_int_equal(la_tcp_info(p.end[0].stack, c, &info), 0);
        assert_int_equal(info.ecn, lost < 2 ? LA_ECN_ACCURATE : LA_ECN_OFF);
        pair_end_all(&p);
    }
}

/* RFC 9768 3.2.3.2.2: SYN-ACKs lost: without the option, then without ECN; who sent such a one sets
 * ECT no more (3.1.5), and feeds back all the same. */
static void test_answers_lost(void **state)
{
    for (unsigned lost = 0; lost < 7; lost++) {
        struct drops d = {.answers = lost};
        struct pair p;
        struct la_tcp_info client, server;
        la_handle c, s, l;
        open_through(&p, &d, &c, &s, &l);
        assert_int_equal(d.options[0], WIRE_TCP_ECN0);
        bool without = false;
        for (unsigned i = 0; i < d.answer_n; i++) {
            assert_true(d.answer[i] == LA_TH_CWR || d.answer[i] == 0);
            assert_true(i == 0 || d.options[i] == 0);
            without |= d.answer[i] == 0;
        }
        assert_int_equal(la_tcp_info(p.end[1].stack, s, &server), 0);
        assert_int_equal(la_tcp_info(p.end[0].stack, c, &client), 0);
        assert_int_equal(server.ecn, LA_ECN_ACCURATE);
        assert_int_equal(client.ecn, d.answer[lost] ? LA_ECN_ACCURATE : LA_ECN_OFF);
        if (without || d.syn_n > 2) {
            assert_false(server.ecn_sends);
        } else {
            assert_true(server.ecn_sends);
        }
        pair_end_all(&p);
    }
}

/* RFC 9768 3.1.5: a second SYN that asks for another kind of ECN resets the connection. */
static void test_two_kinds(void **state)
{
    for (unsigned order = 0; order < 2; order++) {
        struct pair p;
        struct pair_options options = pair_defaults();
        la_handle l;
        uint8_t ip[40] = {0x45, [3] = 40, [8] = 64, [9] = 6, [12] = 10, 0, 0, 1, 10, 0, 0, 2};
        assert_true(pair_init(&p, &options));
        struct la_endpoint at = pair_at(&p, 1, false, 80);
        assert_int_equal(la_tcp_listen(p.end[1].stack, &at, NULL, &l), 0);
        ip_set_ecn(ip, 0);
        for (unsigned i = 0; i < 2; i++) {
            uint16_t kind = order == i ? LA_TH_AE | LA_TH_CWR | LA_TH_ECE : LA_TH_CWR | LA_TH_ECE;
            struct wire_tcp h = {
                .src_port = 999, .dst_port = 80, .seq = 7, .flags = (uint16_t)(LA_TH_SYN | kind)};
            wire_tcp_emit(ip + 20, &h);
            fix_sum(ip, 20, 40);
            assert_int_equal(pair_inject(&p, 1, ip, 40), i == 0 ? LA_TAKE_SYN : LA_TAKE_SYN_AGAIN);
        }
        assert_int_equal(la_stack_counter(p.end[1].stack, LA_RST_ECN), 1);
        pair_end_all(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agreements),
        cmocka_unit_test(test_with_losses),
        cmocka_unit_test(test_cleared_flags),
        cmocka_unit_test(test_syns_lost),
        cmocka_unit_test(test_answers_lost),
        cmocka_unit_test(test_two_kinds),
        cmocka_unit_test(test_cookies_without_timestamps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
