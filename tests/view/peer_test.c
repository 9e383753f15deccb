/* The inferred state of the peer: the function of facts exhaustively, and the whole inference
 * against a model of two ends that follow RFC 9293 figure 5 over a network that delays, in every
 * order of opening and closing that chance finds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "view/peer.h"

#define SYN LA_TH_SYN
#define ACK LA_TH_ACK
#define FIN LA_TH_FIN
#define RST LA_TH_RST

/* ---- the pure function ---- */

/* All 256 sets of facts, told once more as a list of patterns: the first that fits counts. */
static enum la_tcp_state expected_state(unsigned facts)
{
    enum {
        S = FACT_SYN_SENT,
        G = FACT_SYN_GOT,
        A = FACT_SYN_ACKED,
        F = FACT_FIN_SENT,
        H = FACT_FIN_GOT,
        K = FACT_FIN_ACKED,
        B = FACT_FIN_GOT_FIRST
    };
    static const struct {
        unsigned has, lacks;
        enum la_tcp_state state;
    } patterns[] = {
        {FACT_RESET, 0, LA_TCP_CLOSED},         {F | H | B | K, 0, LA_TCP_CLOSED},
        {F | H | B, K, LA_TCP_LAST_ACK},        {F | H | K, B, LA_TCP_TIME_WAIT},
        {F | H, B | K, LA_TCP_CLOSING},         {H, F, LA_TCP_CLOSE_WAIT},
        {F | K, H, LA_TCP_FIN_WAIT_2},          {F, H | K, LA_TCP_FIN_WAIT_1},
        {S | G | A, F | H, LA_TCP_ESTABLISHED}, {G, F | H, LA_TCP_SYN_RECEIVED},
        {S, F | H | G, LA_TCP_SYN_SENT},        {0, F | H | G | S, LA_TCP_LISTEN},
    };

    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        if ((facts & patterns[i].has) == patterns[i].has && (facts & patterns[i].lacks) == 0)
            return patterns[i].state;
    }
    fail();
    return LA_TCP_CLOSED;
}

static void test_all_facts(void **state)
{
    for (unsigned facts = 0; facts <= FACT_ALL; facts++)
        assert_int_equal(view_end_state(facts), expected_state(facts));
}

/* What sending changes, for every state: the arcs of figure 5 that a sent segment goes along. */
static void test_after_sending(void **state)
{
    for (int s = 0; s < LA_TCP_STATE_COUNT; s++) {
        enum la_tcp_state before = (enum la_tcp_state)s, want;

        assert_int_equal(view_state_after_sending(before, ACK, LA_DATA), before);
        want = before <= LA_TCP_LISTEN ? LA_TCP_SYN_SENT : before;
        assert_int_equal(view_state_after_sending(before, SYN, LA_SYN), want);
        want = before == LA_TCP_LISTEN || before == LA_TCP_SYN_SENT ? LA_TCP_SYN_RECEIVED : before;
        assert_int_equal(view_state_after_sending(before, SYN | ACK, LA_SYN_ACK), want);
        want = before == LA_TCP_SYN_RECEIVED || before == LA_TCP_ESTABLISHED ? LA_TCP_FIN_WAIT_1
               : before == LA_TCP_CLOSE_WAIT                                 ? LA_TCP_LAST_ACK
                                                                             : before;
        assert_int_equal(view_state_after_sending(before, FIN | ACK, LA_FIN), want);
        assert_int_equal(view_state_after_sending(before, RST, LA_RST_ABORT), LA_TCP_CLOSED);
        assert_int_equal(view_state_after_sending(before, RST, LA_RST_BAD_ACK), before);
    }
}

/* ---- two ends by figure 5 ---- */

struct end {
    enum la_tcp_state state;
    uint32_t iss, snd_nxt, rcv_nxt;
    uint32_t fin_end;
    bool fin_sent;
};

struct wire {
    struct la_trace_record queue[64];
    unsigned first, n;
};

static uint64_t seed;

static uint32_t chance(uint32_t n)
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % n;
}

static struct la_trace_record *send_segment(struct end *e, struct wire *w, uint16_t flags,
                                            uint16_t len)
{
    struct la_trace_record *r = &w->queue[(w->first + w->n++) % 64];

    *r = (struct la_trace_record){.flags = flags, .len = len, .seq = e->snd_nxt};
    assert_true(w->n < 64);
    if ((flags & ACK) != 0)
        r->ack = e->rcv_nxt;
    if ((flags & SYN) != 0)
        r->seq = e->iss;
    else
        e->snd_nxt += len;
    if ((flags & FIN) != 0) {
        e->fin_end = ++e->snd_nxt;
        e->fin_sent = true;
    }
    return r;
}

/* What the end does on its own: open, send, close. NULL: nothing to do. */
static struct la_trace_record *act(struct end *e, struct wire *w)
{
    if (e->state == LA_TCP_CLOSED && e->snd_nxt == e->iss) {
        e->snd_nxt = e->iss + 1;
        e->state = LA_TCP_SYN_SENT;
        return send_segment(e, w, SYN, 0);
    }
    if (e->state != LA_TCP_ESTABLISHED && e->state != LA_TCP_CLOSE_WAIT)
        return NULL;
    if (chance(3) != 0)
        return send_segment(e, w, ACK, (uint16_t)(1 + chance(100)));
    e->state = e->state == LA_TCP_ESTABLISHED ? LA_TCP_FIN_WAIT_1 : LA_TCP_LAST_ACK;
    return send_segment(e, w, FIN | ACK, 0);
}

/* Figure 5, for a SYN that arrives. The answer leaves at once. */
static struct la_trace_record *arrives_syn(struct end *e, const struct la_trace_record *r,
                                           struct wire *answers)
{
    e->rcv_nxt = r->seq + 1;
    if (e->state == LA_TCP_SYN_SENT && (r->flags & ACK) != 0) {
        e->state = LA_TCP_ESTABLISHED;
        return send_segment(e, answers, ACK, 0);
    }
    if (e->state == LA_TCP_SYN_RECEIVED) { /* the SYN,ACK of a simultaneous open */
        e->state = LA_TCP_ESTABLISHED;
        return NULL;
    }
    if (e->state != LA_TCP_LISTEN && e->state != LA_TCP_SYN_SENT)
        return send_segment(e, answers, ACK, 0); /* simultaneous, answered already */
    e->snd_nxt = e->iss + 1;
    e->state = LA_TCP_SYN_RECEIVED;
    return send_segment(e, answers, SYN | ACK, 0);
}

/* Figure 5, for all that arrives later. */
static struct la_trace_record *arrives(struct end *e, const struct la_trace_record *r,
                                       struct wire *answers)
{
    bool fin_acked;

    if ((r->flags & SYN) != 0)
        return arrives_syn(e, r, answers);
    fin_acked = e->fin_sent && r->ack == e->fin_end;
    e->rcv_nxt = r->seq + r->len + ((r->flags & FIN) != 0);
    if (e->state == LA_TCP_SYN_RECEIVED)
        e->state = LA_TCP_ESTABLISHED;
    if (fin_acked && e->state == LA_TCP_FIN_WAIT_1)
        e->state = LA_TCP_FIN_WAIT_2;
    else if (fin_acked && e->state == LA_TCP_CLOSING)
        e->state = LA_TCP_TIME_WAIT;
    else if (fin_acked && e->state == LA_TCP_LAST_ACK)
        e->state = LA_TCP_CLOSED;
    if ((r->flags & FIN) != 0) {
        if (e->state == LA_TCP_ESTABLISHED)
            e->state = LA_TCP_CLOSE_WAIT;
        else if (e->state == LA_TCP_FIN_WAIT_1)
            e->state = LA_TCP_CLOSING;
        else if (e->state == LA_TCP_FIN_WAIT_2)
            e->state = LA_TCP_TIME_WAIT;
    }
    return r->len > 0 || (r->flags & FIN) != 0 ? send_segment(e, answers, ACK, 0) : NULL;
}

static struct la_trace_record take_first(struct wire *w)
{
    struct la_trace_record r = w->queue[w->first];

    w->first = (w->first + 1) % 64;
    w->n--;
    return r;
}

/* One connection between "us", whose segments the inference sees as they leave and arrive, and
 * "it". Each segment carries the true state of its sender at departure beside it (in `conn`). */
struct world {
    struct end us, it;
    struct wire to_it, to_us;
    struct view_peer peer;
    unsigned reached[LA_TCP_STATE_COUNT];
};

static void we_sent(struct world *w, const struct la_trace_record *r)
{
    if (r != NULL)
        view_peer_sent(&w->peer, r);
}

static void it_sent(struct world *w, struct la_trace_record *r)
{
    if (r != NULL)
        r->conn = w->it.state;
}

static void check(struct world *w, const struct la_trace_record *taken)
{
    bool sure;
    enum la_tcp_state inferred = view_peer_state(&w->peer, &sure);

    w->reached[inferred]++;
    /* A SYN or FIN shows its sender's state for sure. */
    if (taken != NULL && (taken->flags & (SYN | FIN)) != 0)
        assert_int_equal(inferred, taken->conn);
    /* When nothing is on the way, what was assumed is what is. */
    if (w->to_it.n == 0 && w->to_us.n == 0 && w->it.state != LA_TCP_LISTEN &&
        w->it.state != LA_TCP_CLOSED)
        assert_int_equal(view_end_state(w->peer.assumed), w->it.state);
}

static void step(struct world *w)
{
    struct la_trace_record r;
    uint32_t choice = chance(10);

    if (choice == 0 && w->to_it.n < 32 && w->to_us.n < 32) {
        we_sent(w, act(&w->us, &w->to_it));
    } else if (choice == 1 && w->to_us.n < 32 && w->to_it.n < 32) {
        it_sent(w, act(&w->it, &w->to_us));
    } else if (choice < 6 && w->to_it.n > 0) {
        r = take_first(&w->to_it);
        it_sent(w, arrives(&w->it, &r, &w->to_us));
    } else if (w->to_us.n > 0) {
        r = take_first(&w->to_us);
        view_peer_took(&w->peer, &r);
        check(w, &r);
        we_sent(w, arrives(&w->us, &r, &w->to_it));
    }
    check(w, NULL);
}

static void test_against_figure_5(void **state)
{
    static const uint32_t isses[] = {0, 1000, 0x7ffffff0u, 0xfffffff0u, 0xffffffffu};
    unsigned reached[LA_TCP_STATE_COUNT] = {0};

    for (unsigned round = 0; round < 20000; round++) {
        struct world w;

        memset(&w, 0, sizeof(w));
        seed = round + 1;
        w.us.iss = w.us.snd_nxt = isses[chance(5)];
        w.it.iss = w.it.snd_nxt = isses[chance(5)];
        switch (round % 3) { /* active, passive, simultaneous */
        case 0:
            w.it.state = LA_TCP_LISTEN;
            break;
        case 1:
            w.us.state = LA_TCP_LISTEN;
            break;
        default:
            we_sent(&w, act(&w.us, &w.to_it));
            it_sent(&w, act(&w.it, &w.to_us));
            break;
        }
        for (int i = 0; i < 200; i++)
            step(&w);
        for (int i = 0; i < LA_TCP_STATE_COUNT; i++)
            reached[i] += w.reached[i];
    }
    for (int i = 0; i < LA_TCP_STATE_COUNT; i++)
        assert_true(reached[i] > 0);
}

/* ---- single arcs that the model does not take ---- */

static void peer_in(struct view_peer *p, uint16_t flags, uint32_t seq, uint32_t ack)
{
    struct la_trace_record r = {.flags = flags, .seq = seq, .ack = ack};

    view_peer_took(p, &r);
}

static void peer_out(struct view_peer *p, uint16_t flags, uint32_t seq, uint32_t ack)
{
    struct la_trace_record r = {.flags = flags, .seq = seq, .ack = ack};

    view_peer_sent(p, &r);
}

static void assert_peer(const struct view_peer *p, enum la_tcp_state state, bool sure)
{
    bool is_sure;

    assert_int_equal(view_peer_state(p, &is_sure), state);
    assert_int_equal(is_sure, sure);
}

static void test_resets(void **state)
{
    struct view_peer p = {0};

    peer_out(&p, SYN, 100, 0);
    assert_peer(&p, LA_TCP_SYN_RECEIVED, false);
    peer_in(&p, RST | ACK, 0, 101);
    assert_peer(&p, LA_TCP_CLOSED, true);
    peer_out(&p, SYN, 700, 0); /* the same ends try again */
    assert_peer(&p, LA_TCP_SYN_RECEIVED, false);
    peer_out(&p, RST, 701, 0);
    assert_peer(&p, LA_TCP_CLOSED, false);
}

/* The last ACK is lost: the repeated FIN shows that the peer is still in LAST-ACK. */
static void test_repeated_fin(void **state)
{
    struct view_peer p = {0};

    view_peer_join_open(&p);
    assert_peer(&p, LA_TCP_ESTABLISHED, true);
    peer_out(&p, FIN | ACK, 10, 20);
    assert_peer(&p, LA_TCP_CLOSE_WAIT, false);
    peer_in(&p, ACK, 20, 11);
    assert_peer(&p, LA_TCP_CLOSE_WAIT, true);
    for (int i = 0; i < 2; i++) {
        peer_in(&p, FIN | ACK, 20, 11);
        assert_peer(&p, LA_TCP_LAST_ACK, true);
        peer_out(&p, ACK, 11, 21);
        assert_peer(&p, LA_TCP_CLOSED, false);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_facts),        cmocka_unit_test(test_after_sending),
        cmocka_unit_test(test_against_figure_5), cmocka_unit_test(test_resets),
        cmocka_unit_test(test_repeated_fin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
