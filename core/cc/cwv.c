/* Congestion window validation: see cwv.h. */
#include "cc/cwv.h"

#include "cc/pace.h"
#include "cc/window.h"

#define RTT_UNKNOWN_US 1000000 /* as RFC 6298 2.1 has it for the timeout */

/* RFC 7661 4.2: Max(3 * RTT, 1 second), of which a measurement period is a fifth. */
static uint64_t period_length_ns(const struct cc *cc)
{
    uint64_t three_us = 3 * (uint64_t)(cc->srtt_us ? cc->srtt_us : RTT_UNKNOWN_US);
    return (three_us > 1000000 ? three_us : 1000000) * (1000 / CWV_PERIODS);
}

/* Moves on to the period that `now_ns` lies in; what is older than the sampling period goes. */
static void pass_time(struct cwv *w, uint64_t length_ns, uint64_t now_ns)
{
    uint64_t behind = now_ns > w->period_ns ? now_ns - w->period_ns : 0;
    if (behind / length_ns >= CWV_PERIODS) {
        w->period_ns = now_ns;
        for (unsigned i = 0; i < CWV_PERIODS; i++) {
            w->best[i] = 0;
        }
        return;
    }
    for (; behind >= length_ns; behind -= length_ns) {
        w->period_ns += length_ns;
        for (unsigned i = CWV_PERIODS - 1; i > 0; i--) {
            w->best[i] = w->best[i - 1];
        }
        w->best[0] = 0;
    }
}

uint32_t cwv_pipe_ack(const struct cwv *w)
{
    uint32_t best = 0;
    for (unsigned i = 0; i < CWV_PERIODS; i++) {
        best = most_u32(best, w->best[i]);
    }
    return w->defined ? best : 0;
}

/* RFC 7661 4.4.3, once for each non-validated period that went by (4.5.2). */
static void end_periods(struct cwv *w, struct cc *cc, uint64_t now_ns)
{
    uint32_t least = cc_initial_window(cc->mss);
    for (; now_ns - w->since_ns >= CWV_NVP_NS; w->since_ns += CWV_NVP_NS) {
        if (cc->cwnd <= least) {
            w->since_ns = now_ns; /* nothing will change any more */
            return;
        }
        cc->ssthresh = most_u32(cc->ssthresh, cc->cwnd / 4 * 3);
        cc->cwnd = most_u32(cc->cwnd / 2, least);
    }
}

/* RFC 7661 4.3: which phase is it? `cwnd`: the window that was to be used; `since_ns`: when the
 * phase began, if it is a new one. */
static void judge(struct cc *cc, uint32_t cwnd, uint64_t since_ns, uint64_t now_ns)
{
    struct cwv *w = cc->state;
    bool nonvalidated = w->defined && cwv_pipe_ack(w) < cwnd / 2;
    if (nonvalidated && !w->nonvalidated) {
        w->since_ns = since_ns;
    }
    if (nonvalidated || w->nonvalidated) {
        end_periods(w, cc, now_ns);
    }
    w->nonvalidated = nonvalidated;
}

void cwv_begin(struct cc *cc, uint64_t now_ns)
{
    (void)cc;
    (void)now_ns;
}

void cwv_style(struct cc *cc, const struct cc_style *style)
{
    struct cwv *w = cc->state;
    w->style = *style;
}

void cwv_acked(struct cc *cc, const struct cc_ack *ack)
{
    struct cwv *w = cc->state;
    if (w->style.no_validation) {
        return;
    }
    if (ack->phase != CC_OPEN) {
        w->measuring = false; /* RFC 7661 4.2: no samples during recovery */
        return;
    }
    if (!ack->round_start) {
        return;
    }
    pass_time(w, period_length_ns(cc), ack->now_ns);
    uint64_t before = ack->delivered - ack->acked;
    if (w->measuring) {
        uint64_t sample = before - w->round_delivered;
        w->best[0] = most_u32(w->best[0], sample < CWND_MAX ? (uint32_t)sample : CWND_MAX);
        w->defined = true;
    }
    w->round_delivered = before;
    judge(cc, w->measuring ? least_u32(w->round_cwnd, cc->cwnd) : cc->cwnd, ack->now_ns,
          ack->now_ns);
    w->measuring = true;
    w->round_cwnd = cc->cwnd;
}

void cwv_lost(struct cc *cc, const struct cc_lost *lost)
{
    struct cwv *w = cc->state;
    w->lost += lost->bytes;
}

uint32_t cwv_congestion(struct cwv *w, uint32_t flight, uint32_t percent)
{
    if (!w->nonvalidated) {
        return flight;
    }
    w->nonvalidated = false; /* RFC 7661 4.4: congestion ends the phase */
    w->recovering = true;
    w->percent = (uint8_t)percent;
    w->volume = most_u32(cwv_pipe_ack(w), flight);
    return w->volume;
}

void cwv_timeout(struct cwv *w)
{
    w->recovering = false;
    w->nonvalidated = false;
}

void cwv_undo(struct cc *cc, uint64_t now_ns)
{
    struct cwv *w = cc->state;
    (void)now_ns;
    cwv_timeout(w);
    w->lost = 0;
}

/* RFC 7661 4.4.1: the end of recovery. */
void cwv_recovered(struct cc *cc, uint64_t now_ns)
{
    struct cwv *w = cc->state;
    (void)now_ns;
    if (w->recovering) {
        uint64_t left = w->volume > w->lost ? w->volume - w->lost : 0;
        uint32_t safe = most_u32((uint32_t)(left * w->percent / 100), cc->mss);
        cc->cwnd = least_u32(cc->cwnd, safe);
        cc->ssthresh = most_u32(cc->cwnd, 2 * cc->mss);
    }
    w->recovering = false;
    w->measuring = false;
    w->defined = false;
    w->lost = 0;
    for (unsigned i = 0; i < CWV_PERIODS; i++) {
        w->best[i] = 0;
    }
}

void cwv_restart(struct cc *cc, uint64_t idle_ns, uint64_t now_ns)
{
    struct cwv *w = cc->state;
    if (w->style.no_validation) {
        if (w->style.idle_restart) {
            cc->cwnd = least_u32(cc->cwnd, w->style.initial_window);
        }
        return;
    }
    uint64_t length_ns = period_length_ns(cc);
    if (idle_ns / length_ns >= CWV_PERIODS) {
        w->defined = true; /* nothing was delivered for a sampling period: pipeACK is 0 */
    }
    pass_time(w, length_ns, now_ns);
    judge(cc, cc->cwnd, idle_ns < now_ns ? now_ns - idle_ns : 0, now_ns);
    cwv_pace(cc);
}

void cwv_pace(struct cc *cc)
{
    const struct cwv *w = cc->state;
    uint32_t rtt_us = cc->srtt_us ? cc->srtt_us : RTT_UNKNOWN_US;
    cc->pacing_bps =
        w->nonvalidated ? pace_rate_of_window(cc->cwnd, rtt_us, cc->cwnd < cc->ssthresh) : 0;
}
