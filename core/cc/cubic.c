/* CUBIC (RFC 9438), with HyStart++ (RFC 9406) in the first slow start, ABE (RFC 8511) and
 * validation of the window (RFC 7661).
 *
 * In congestion avoidance the window follows a cubic function of the time since the last congestion
 * event, with its plateau at the window where that event happened (W_max), but never grows slower
 * than Reno would (W_est). Windows are bytes; the curve is computed in milliseconds:
 *
 *   W_cubic(t) = C * SMSS * (t - K)^3 + W_max,   C = 0.4 / s^3
 *
 * `t` counts only time in which the window was used up (4.2, 5.8): each ACK of a limited sender
 * adds what went by since the ACK before, so idleness needs no correction afterwards.
 *
 * The curve begins with the first ACK in congestion avoidance after an event. There W_max is 0 when
 * it is undefined: after HyStart++ left slow start without a loss (4.10) and after a timeout (4.8);
 * then K = 0, and W_max is the window of that moment. */
#include <lastack/persona.h>

#include "cc/cwv.h"
#include "cc/hystart.h"
#include "cc/window.h"

#define LOSS_PERCENT 70 /* beta_cubic, 4.6 */
#define ECN_PERCENT  85 /* RFC 8511 3.1 */

/* alpha_cubic = 3 * (1 - beta) / (1 + beta) = 9 / 17, 4.3 */
#define ALPHA_NUM 9
#define ALPHA_DEN 17

/* What an undo restores (4.9.2). */
struct curve {
    uint64_t t_ns;       /* t */
    uint64_t w_est;      /* W_est, in 65536ths of a byte */
    uint32_t k_ms;       /* K */
    uint32_t w_max;      /* W_max; 0: undefined */
    uint32_t cwnd_prior; /* the window when ssthresh was set last */
    bool begun;          /* the others count */
};

struct cubic {
    struct cwv cwv;
    struct hystart hystart;
    struct curve curve, before; /* `before`: the last congestion event */
    uint64_t last_ns;           /* the last ACK in congestion avoidance; 0: none */
    uint32_t rest;              /* of cwnd's growth, in cwnd-ths of a byte */
};
_Static_assert(sizeof(struct cubic) <= CC_STATE_BYTES, "the state is lent");

/* The cube root, rounded down: one bit a step, from the highest. */
static uint32_t cube_root(uint64_t n)
{
    uint64_t root = 0;
    for (int shift = 63; shift >= 0; shift -= 3) {
        root *= 2;
        uint64_t step = 3 * root * (root + 1) + 1; /* (root + 1)^3 - root^3 */
        if (n >> shift >= step) {
            n -= step << shift;
            root++;
        }
    }
    return (uint32_t)root;
}

static void begin_curve(struct cubic *c, const struct cc *cc)
{
    struct curve *u = &c->curve;
    u->k_ms = 0;
    if (u->w_max > cc->cwnd) {
        /* 4.2, equation 2, with C * 10^-9 for milliseconds: 1 / C = 2.5 * 10^9. */
        u->k_ms = cube_root((uint64_t)(u->w_max - cc->cwnd) * 2500000000 / cc->mss);
    } else {
        u->w_max = cc->cwnd;
    }
    u->w_est = (uint64_t)cc->cwnd << 16; /* 4.3 */
    u->t_ns = 0;
    u->begun = true;
    c->last_ns = 0;
    c->rest = 0;
}

/* 4.2, equation 1. */
static uint32_t w_cubic(const struct curve *u, uint64_t t_ms, uint32_t mss)
{
    bool below = t_ms < u->k_ms;
    uint64_t off = below ? u->k_ms - t_ms : t_ms - u->k_ms;
    if (off > (1U << 21) - 1) {
        off = (1U << 21) - 1; /* its cube fits; 35 minutes are beyond every window */
    }
    /* In thousandths of a segment first: the product stays within 64 bits. */
    uint64_t height = off * off * off / 2500000 * mss / 1000;
    if (below) {
        return height < u->w_max ? u->w_max - (uint32_t)height : 0;
    }
    return height < CWND_MAX - least_u32(u->w_max, CWND_MAX) ? u->w_max + (uint32_t)height
                                                             : CWND_MAX;
}

/* 4.3, equation 4, by bytes (RFC 3465). */
static void grow_w_est(struct curve *u, const struct cc *cc, uint32_t acked)
{
    uint64_t by = ((uint64_t)acked * cc->mss << 16) / cc->cwnd;
    if (u->w_est >> 16 < u->cwnd_prior) {
        by = by * ALPHA_NUM / ALPHA_DEN;
    }
    u->w_est += by;
    if (u->w_est >> 16 > CWND_MAX) {
        u->w_est = (uint64_t)CWND_MAX << 16;
    }
}

static void avoid_congestion(struct cubic *c, struct cc *cc, const struct cc_ack *ack,
                             uint32_t acked)
{
    struct curve *u = &c->curve;
    if (!u->begun) {
        begin_curve(c, cc);
    }
    if (c->last_ns != 0 && ack->now_ns > c->last_ns) {
        u->t_ns += ack->now_ns - c->last_ns;
    }
    /* More than a window cannot have been acknowledged within a round trip. */
    acked = least_u32(acked, cc->cwnd);
    grow_w_est(u, cc, acked);

    /* 4.2: the target is the curve a round trip ahead, at most half as much again. */
    uint64_t t_ms = u->t_ns / 1000000;
    uint32_t target = w_cubic(u, t_ms + ack->srtt_us / 1000, cc->mss);
    target = least_u32(target, cc->cwnd + cc->cwnd / 2);
    uint32_t w_est = (uint32_t)(u->w_est >> 16);
    if (w_cubic(u, t_ms, cc->mss) < w_est) {
        /* 4.3: the Reno-friendly region. */
        cc_grow(cc, w_est > cc->cwnd ? least_u32(w_est - cc->cwnd, acked) : 0);
    } else if (target > cc->cwnd) {
        /* 4.4, 4.5: the concave and the convex region. */
        uint64_t by = (uint64_t)(target - cc->cwnd) * acked + c->rest;
        c->rest = (uint32_t)(by % cc->cwnd);
        cc_grow(cc, (uint32_t)(by / cc->cwnd));
    }
}

/* What is left of `acked` for congestion avoidance. */
static uint32_t slow_start(struct cubic *c, struct cc *cc, const struct cc_ack *ack)
{
    /* RFC 3465 2.3: two segments an ACK, one after a timeout. */
    uint32_t growth = ack->phase == CC_LOSS ? cc->mss : 2 * cc->mss;
    c->curve.begun = false;
    const struct cc_style *style = &c->cwv.style;
    if (cc->ssthresh == UINT32_MAX && style->hystart != LA_HYSTART_OFF) {
        bool delay = style->hystart == LA_HYSTART_DELAY;
        if (delay ? hystart_delayed(&c->hystart, ack->round_start, ack->rtt_us, cc->cwnd / cc->mss)
                  : hystart_acked(&c->hystart, ack)) {
            cc->ssthresh = most_u32(cc->cwnd, 2 * cc->mss);
            return ack->acked;
        }
        growth = delay ? growth : hystart_growth(&c->hystart, ack->acked, cc->mss, ack->paced);
    }
    growth = cc_slow_start_most(style, cc, growth);
    return ack->limited ? cc_slow_start(cc, ack->acked, growth) : 0;
}

static void cubic_acked(struct cc *cc, const struct cc_ack *ack)
{
    struct cubic *c = cc->state;
    cwv_acked(cc, ack);
    if (ack->phase == CC_OPEN || ack->phase == CC_LOSS) {
        uint32_t acked = cc->cwnd < cc->ssthresh ? slow_start(c, cc, ack) : ack->acked;
        if (ack->limited && acked > 0 && cc->cwnd >= cc->ssthresh) {
            avoid_congestion(c, cc, ack, acked);
        }
        c->last_ns = ack->now_ns;
    }
    cwv_pace(cc);
}

static void cubic_congestion(struct cc *cc, enum cc_cause cause, uint32_t flight, uint64_t now_ns)
{
    struct cubic *c = cc->state;
    struct curve *u = &c->curve;
    uint32_t percent = cause == CC_CAUSE_ECN ? ECN_PERCENT : LOSS_PERCENT;
    /* 4.6 with RFC 7661: what is outstanding, or what lately was; limited transmit and SACKed bytes
     * do not make it more than the window. */
    uint32_t used = least_u32(most_u32(flight, cwv_pipe_ack(&c->cwv)), cc->cwnd);
    used = c->cwv.style.loss_by_window ? cc->cwnd : used;
    (void)now_ns;
    c->before = *u;
    u->begun = false;
    u->cwnd_prior = cc->cwnd;
    cc->ssthresh = cc_part(cc, used, percent);
    if (cause == CC_CAUSE_TIMEOUT) {
        u->w_max = 0; /* 4.8 */
        cc->cwnd = cc->mss;
        cwv_timeout(&c->cwv);
        return;
    }
    /* 4.7: fast convergence. A window that was not used says nothing of the path. */
    uint32_t window = c->cwv.nonvalidated ? used : cc->cwnd;
    bool shrinking = window < u->w_max;
    u->w_max = shrinking ? (uint32_t)((uint64_t)window * (100 + percent) / 200) : window;
    cwv_congestion(&c->cwv, used, percent);
}

static void cubic_undo(struct cc *cc, uint64_t now_ns)
{
    struct cubic *c = cc->state;
    c->curve = c->before; /* 4.9.2 */
    c->last_ns = now_ns;
    cwv_undo(cc, now_ns);
}

static void cubic_restart(struct cc *cc, uint64_t idle_ns, uint64_t now_ns)
{
    struct cubic *c = cc->state;
    c->last_ns = now_ns; /* 5.8: the idle time does not count */
    cwv_restart(cc, idle_ns, now_ns);
}

const struct cc_ops cc_cubic = {
    .name = "cubic",
    .state_bytes = sizeof(struct cubic),
    .begin = cwv_begin,
    .style = cwv_style,
    .acked = cubic_acked,
    .lost = cwv_lost,
    .congestion = cubic_congestion,
    .recovered = cwv_recovered,
    .undo = cubic_undo,
    .restart = cubic_restart,
};
