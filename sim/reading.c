/* Readings of a connection after an event: counters for the result, samples for plots. */
#include "sim/check.h"
#include "stack/stack.h"
#include "tcp/tcb.h"

static void read_rtt(struct flow_end *e, const struct tcb *t)
{
    uint32_t srtt_us = t->srtt_us8 / 8;
    if (srtt_us == 0)
        return;
    if (srtt_us < e->rtt_min_us)
        e->rtt_min_us = srtt_us;
    e->rtt_sum_us += srtt_us;
    e->rtt_count++;
}

static void sample(struct world *w, struct flow_end *e, const struct tcb *t)
{
    const struct sim_watch *watch = w->watch;
    if (!watch->sample || (e->sampled_ns != 0 && w->now_ns < e->sampled_ns + watch->every_ns))
        return;
    e->sampled_ns = w->now_ns;
    struct sim_sample s = {.time_ns = w->now_ns,
                           .cwnd = t->cc.cwnd,
                           .ssthresh = t->cc.ssthresh,
                           .flight = seq_len(t->snd_una, t->snd_max),
                           .srtt_us = t->srtt_us8 / 8,
                           .rto_ms = t->rto_ms,
                           .acked = t->bytes_acked};
    watch->sample(watch->ctx, e->flow->index, e->side, &s);
}

void flow_reading(struct world *w, struct flow_end *e)
{
    const struct tcb *t = check_tcb(e);
    if (!t)
        return;
    struct sim_flow_result *r = &w->result->flows[e->flow->index];
    unsigned side = e->side;
    r->rtx_bytes[side] += t->bytes_rtx - e->rtx_bytes;
    r->rtx_segs[side] += t->rtx_segs - e->rtx_segs;
    r->timeouts[side] += (uint16_t)(t->rtx_timeouts - e->timeouts);
    e->rtx_bytes = t->bytes_rtx;
    e->rtx_segs = t->rtx_segs;
    e->timeouts = t->rtx_timeouts;
    r->recoveries[side] += (uint16_t)(t->recoveries - e->recoveries);
    r->undone[side] += (uint16_t)(t->undone - e->undone);
    e->recoveries = t->recoveries;
    e->undone = t->undone;
    r->state[side] = t->state;
    r->cc = t->cc.ops->name;
    if (t->bytes_acked != e->acked) {
        e->acked = t->bytes_acked;
        read_rtt(e, t);
        sample(w, e, t);
    }
}
