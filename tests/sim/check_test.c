/* The invariants of the simulator see what they are there for: each is broken on purpose, in the
 * stack of a run that is right, or in what the checks remember of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sim/check.h"
#include "sim/support.h"
#include "sim/world.h"
#include "stack/stack.h"
#include "tcp/flight.h"
#include "tcp/reass.h"

#define LINK  "host a\nhost b\nlink a b delay=10ms rate=100mbit\n"
#define BOTH  LINK "flow f a b bytes=200kb reply=200kb\n"
#define LOSSY LINK "flow f a b bytes=200kb\nlose a DATA 20,22,24,26\n"

/* One way to break an invariant. */
struct fault {
    const char *kind; /* as the violation begins */
    const char *scenario;
    enum sim_moment moment;
    /* Of an end that is open. True: done, once is enough. */
    bool (*meddle)(struct world *w, struct host *h, struct flow_end *e, struct tcb *t);
    bool gone; /* or whose connection is gone: `t` may be NULL */
};

struct meddler {
    const struct fault *fault;
    bool done;
};

static struct tcb *tcb_of(const struct flow_end *e)
{
    return check_tcb(e) ? &stack_conn_at(e->host->stack, e->index)->tcb : NULL;
}

static void meddle(void *ctx, struct world *w, struct host *h, enum sim_moment moment)
{
    struct meddler *m = ctx;
    if (m->done || moment != m->fault->moment)
        return;
    for (struct flow_end *e = h->ends; e && !m->done; e = e->next) {
        bool here = e->touched || moment != SIM_LOOKS;
        bool open = e->memory.known && tcb_of(e);
        if (here && (open || m->fault->gone))
            m->done = m->fault->meddle(w, h, e, tcb_of(e));
    }
}

/* ---- connections ---------------------------------------------------------------------------- */

static bool lose_ack(struct world *w, struct host *h, struct flow_end *e, struct tcb *t)
{
    (void)w, (void)h;
    if (t->snd_una.v != e->memory.last.snd_una)
        return false;
    t->snd_una.v--;
    return true;
}

static bool window_back(struct world *w, struct host *h, struct flow_end *e, struct tcb *t)
{
    (void)w, (void)h;
    if (t->rcv_adv.v != e->memory.last.rcv_adv)
        return false;
    t->rcv_adv.v--;
    return true;
}

static bool receive_back(struct world *w, struct host *h, struct flow_end *e, struct tcb *t)
{
    (void)w, (void)h;
    if (t->rcv_nxt.v != e->memory.last.rcv_nxt)
        return false;
    t->rcv_nxt.v--;
    return true;
}

static bool queue_hole(struct world *w, struct host *h, struct flow_end *e, struct tcb *t)
{
    (void)w, (void)h, (void)e;
    if (!t->snd_head || !t->snd_head->next)
        return false;
    t->snd_head->next->seq++;
    return true;
}

static bool peer_closed(struct world *w, struct host *h, struct flow_end *e, struct tcb *t)
{
    (void)w, (void)h;
    const struct tcb *p = tcb_of(&e->flow->end[1 - e->side]);
    if (!p || p->state != LA_TCP_ESTABLISHED)
        return false;
    t->state = LA_TCP_CLOSE_WAIT;
    return true;
}

static bool other_peer(struct world *w, struct host *h, struct flow_end *e, struct tcb *t)
{
    (void)w, (void)h;
    struct tcb *p = tcb_of(&e->flow->end[1 - e->side]);
    if (!p || p->iss.v != t->irs.v)
        return false;
    p->irs.v++;
    return true;
}

static bool no_timer(struct world *w, struct host *h, struct flow_end *e, struct tcb *t)
{
    (void)w;
    struct conn *c = stack_conn_at(h->stack, e->index);
    if (!tcp_outstanding(t) || (c->bits & (CONN_OUT | CONN_WAITING)))
        return false;
    wheel_cancel(&h->stack->wheel, &c->timer);
    c->timer.at_ns = UINT64_MAX;
    return true;
}

static bool ack_forgotten(struct world *w, struct host *h, struct flow_end *e, struct tcb *t)
{
    (void)w, (void)h, (void)e;
    t->rcv_unacked = t->rcv_mss;
    t->ack_at_ns = TCP_NEVER;
    return true;
}

static bool beyond_window(struct world *w, struct host *h, struct flow_end *e, struct tcb *t)
{
    (void)w, (void)h;
    t->snd_max.v = e->memory.edge + 100;
    return true;
}

static bool window_leaps(struct world *w, struct host *h, struct flow_end *e, struct tcb *t)
{
    (void)w, (void)h;
    if (!t->flight || e->memory.last.delivered == 0)
        return false;
    t->cc.cwnd += 1 << 20;
    return true;
}

static bool far_timeout(struct world *w, struct host *h, struct flow_end *e, struct tcb *t)
{
    (void)w, (void)h, (void)e;
    if (t->rtx_at_ns == TCP_NEVER)
        return false;
    t->rtx_at_ns += 1000 * (uint64_t)LA_NS_PER_S;
    return true;
}

static bool silly_window(struct world *w, struct host *h, struct flow_end *e, struct tcb *t)
{
    (void)w, (void)h;
    if (t->rcv_adv.v != e->memory.last.rcv_adv || t->rcv_wscale != 0)
        return false;
    t->rcv_adv.v += 2;
    return true;
}

static bool buffer_leaks(struct world *w, struct host *h, struct flow_end *e, struct tcb *t)
{
    (void)w, (void)e, (void)t;
    return la_buf_get(h->stack, 100) != NULL;
}

/* ---- segments ------------------------------------------------------------------------------- */

static bool read_other_byte(struct world *w, struct host *h, struct flow_end *e, struct tcb *t)
{
    (void)w, (void)h, (void)e;
    if (!t->rcv_head)
        return false;
    t->rcv_head->data[0] ^= 1;
    return true;
}

static bool send_other_byte(struct world *w, struct host *h, struct flow_end *e, struct tcb *t)
{
    (void)w, (void)h, (void)e;
    for (struct la_buf *b = t->snd_head; b; b = b->next) {
        uint32_t at = t->snd_nxt.v - b->seq;
        if (at < b->len) {
            b->data[at] ^= 1;
            return true;
        }
    }
    return false;
}

static bool older_timestamp(struct world *w, struct host *h, struct flow_end *e, struct tcb *t)
{
    (void)w, (void)h;
    t->ts_offset -= 5000;
    return e->memory.tsval_known;
}

static bool other_ts_recent(struct world *w, struct host *h, struct flow_end *e, struct tcb *t)
{
    (void)w, (void)h, (void)e;
    t->ts_recent++;
    return false; /* of whichever is looked at alone */
}

static bool old_block_first(struct world *w, struct host *h, struct flow_end *e, struct tcb *t)
{
    (void)w, (void)h, (void)e;
    struct tcp_reass *q = tcp_reass_of(t);
    if (!q || q->count < 2 || !(t->flags & TCP_F_ACK_NOW))
        return false;
    q->range[0].stamp = ++q->stamp;
    return true;
}

static bool small_segment(struct world *w, struct host *h, struct flow_end *e, struct tcb *t)
{
    (void)w, (void)h, (void)e;
    bool waits = seq_lt(t->snd_nxt, t->snd_end) && seq_lt(t->snd_una, t->snd_nxt);
    t->flags |= waits ? TCP_F_OVERRIDE : 0U;
    return waits;
}

static bool reset_at_the_end(struct world *w, struct host *h, struct flow_end *e, struct tcb *t)
{
    (void)w, (void)h;
    if (t->state != LA_TCP_LAST_ACK || !e->flow->stream[1 - e->side].seen_end ||
        !(t->flags & TCP_F_FIN_SENT))
        return false;
    t->flags |= TCP_F_RST_QUEUED;
    t->reason = LA_RST_UNREAD;
    return true;
}

static bool reset_ignored(struct world *w, struct host *h, struct flow_end *e, struct tcb *t)
{
    (void)h, (void)e, (void)t;
    if (w->frames[0].reason != LA_TAKE_RST)
        return false;
    w->frames[0].reason = LA_DROP_RST_INEXACT;
    return true;
}

static bool war(struct world *w, struct host *h, struct flow_end *e, struct tcb *t)
{
    (void)h, (void)t;
    e->memory.refused = 200;
    e->flow->end[1 - e->side].memory.refused = 200;
    w->frames[0].reason = LA_DROP_SEQUENCE;
    return false; /* until a bare ACK comes */
}

/* ---- TIME-WAIT ------------------------------------------------------------------------------ */

static struct tcp_time_wait *record(struct host *h)
{
    struct la_stack *s = h->stack;
    return s->waits.head ? stack_time_wait_at(s, s->waits.head) : NULL;
}

static bool short_wait(struct world *w, struct host *h, struct flow_end *e, struct tcb *t)
{
    (void)w, (void)e, (void)t;
    struct tcp_time_wait *r = record(h);
    if (r)
        r->deadline_ms--;
    return r != NULL;
}

static bool no_wait(struct world *w, struct host *h, struct flow_end *e, struct tcb *t)
{
    (void)w, (void)e, (void)t;
    struct tcp_time_wait *r = record(h);
    if (!r || h->checks.waits[0].conn == 0 || h->walked % 64 != 63)
        return false;
    r->conn += 1000;
    return true;
}

/* ---- all of them ---------------------------------------------------------------------------- */

#define LOOKS SIM_LOOKS
#define TOOK  SIM_TOOK
#define SENDS SIM_SENDS

static const struct fault faults[] = {
    {"I1 ", BOTH, TOOK, read_other_byte},
    {"I2 ", BOTH, LOOKS, lose_ack},
    {"I3 ", BOTH, LOOKS, window_back},
    {"I4 ", BOTH, LOOKS, receive_back},
    {"I5 ", LINK "flow f a b bytes=20kb client.chunk=1000 client.form=lent\n", LOOKS, queue_hole},
    {"I6 ", BOTH, SENDS, send_other_byte},
    {"I7 ", BOTH, LOOKS, peer_closed},
    {"I8 ", BOTH, LOOKS, other_peer},
    {"I10 ", BOTH, SENDS, reset_at_the_end},
    {"I12 ", BOTH, LOOKS, no_timer},
    {"I14 ", BOTH, LOOKS, ack_forgotten},
    {"I15 TIME-WAIT that", BOTH, LOOKS, short_wait, true},
    {"I15 TIME-WAIT ends",
     LINK "flow f a b bytes=1\nflow g a b bytes=1mb at=1s\nat 0s host a listen 99\n", LOOKS,
     no_wait, true},
    {"I17 ", LINK "flow f a b bytes=1mb\nat 60ms f abort client\n", TOOK, reset_ignored, true},
    {"I21 ", BOTH, TOOK, war},
    {"I23 ", BOTH, LOOKS, beyond_window},
    {"I24 ", BOTH, LOOKS, window_leaps},
    {"I25 ", BOTH, LOOKS, far_timeout},
    {"I27 ", LOSSY, SENDS, old_block_first},
    {"I28 TSval", BOTH, SENDS, older_timestamp},
    {"I28 TS.Recent", BOTH, TOOK, other_ts_recent},
    {"I29 a small", LINK "flow f a b bytes=20kb chunk=500 every=1ms\n", SENDS, small_segment},
    {"I29 a silly", LINK "flow f a b bytes=200kb wscale=off\n", LOOKS, silly_window},
    {"I31 ", BOTH, LOOKS, buffer_leaks},
};

static void run(const char *scenario, const struct sim_watch *watch, struct sim_result *result)
{
    static struct plan plan;
    struct scenario_fault why = {.text = ""};
    if (!plan_of_text("t", scenario, strlen(scenario), &plan, &why))
        fail_msg("%s", why.text);
    assert_true(sim_run(&plan, watch, result));
}

static void each_is_seen(void **state)
{
    static struct sim_result result;
    (void)state;
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        struct meddler m = {.fault = &faults[i]};
        struct sim_watch watch = {.ctx = &m, .meddle = meddle};
        run(faults[i].scenario, NULL, &result);
        if (result.broken)
            fail_msg("%s: without a fault: %s %s", faults[i].kind, result.kind, result.violation);
        run(faults[i].scenario, &watch, &result);
        if (!result.broken || strncmp(result.kind, faults[i].kind, strlen(faults[i].kind)) != 0)
            fail_msg("%s: %s %s", faults[i].kind, result.broken ? result.kind : "not seen",
                     result.violation);
    }
}

/* Without a connection of a flow: resets for nobody, cookies. */
static void forget_asked(void *ctx, struct world *w, struct host *h, enum sim_moment moment)
{
    (void)ctx, (void)w;
    for (unsigned i = 0; i < CHECK_ASKED && moment == SIM_SENDS; i++)
        h->checks.asked[i].answered = true;
}

static void reset_without_cause(void **state)
{
    static struct sim_result result;
    const char *refused = LINK "flow f a b bytes=1 refused=on\nrun may-fail=on\n";
    (void)state;
    run(refused, NULL, &result);
    assert_false(result.broken);
    run(refused, &(struct sim_watch){.meddle = forget_asked}, &result);
    assert_true(result.broken);
    assert_memory_equal(result.kind, "I20 ", 4);
}

static void forget_cookies(void *ctx, struct world *w, struct host *h, enum sim_moment moment)
{
    (void)ctx, (void)w;
    if (moment == SIM_TOOK && h->checks.cookies)
        memset(h->checks.cookies, 0, CHECK_COOKIES * sizeof(*h->checks.cookies));
}

static void cookie_of_nobody(void **state)
{
    static struct sim_result result;
    const char *always = "host a\nhost b cookies=always\nlink a b delay=10ms\nflow f a b bytes=1\n";
    (void)state;
    run(always, NULL, &result);
    assert_false(result.broken);
    run(always, &(struct sim_watch){.meddle = forget_cookies}, &result);
    assert_true(result.broken);
    assert_memory_equal(result.kind, "I34 ", 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_seen),
        cmocka_unit_test(reset_without_cause),
        cmocka_unit_test(cookie_of_nobody),
    };
    return cmocka_run_group_tests_name("sim/check", tests, NULL, NULL);
}
