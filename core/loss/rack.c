/* RACK (RFC 8985 6): a segment is lost when one that left later was delivered and the time for
 * reordering has passed since.
 *
 * Times are nanoseconds of the stack, round trips microseconds, rounded down: a wait must never
 * outlast the ACK that measured the round trip. Of the deliveries of one ACK, which all come at one
 * time, RACK.rtt is that of the one that left last, in whatever order they are told (step 2 wants
 * them sorted by the time they left).
 *
 * Invariants: xmit_ns and end never go back, but after rack_retract(), nor does fack; reo_wnd_mult
 * is at least 1. */
#include "loss/rack.h"

#define PERSIST    16 /* RFC 8985 6.2, step 4: RACK.reo_wnd_persist */
#define NS_PER_US  1000U
#define MAX_WINDOW (INT32_C(1) << 30) /* RFC 7323 2.3 */

void rack_init(struct rack *r, seq32 una)
{
    *r = (struct rack){.fack = una, .reo_wnd_mult = 1};
}

/* RACK_sent_after(). */
static bool sent_after(uint64_t t1, seq32 end1, uint64_t t2, seq32 end2)
{
    return t1 > t2 || (t1 == t2 && seq_gt(end1, end2));
}

static uint32_t elapsed_us(uint64_t from_ns, uint64_t to_ns)
{
    uint64_t us = to_ns > from_ns ? (to_ns - from_ns) / NS_PER_US : 0;
    return us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

/* RFC 8985 6.2, step 2. */
static void update(struct rack *r, const struct rack_delivery *d, uint64_t now_ns,
                   uint32_t min_rtt_us)
{
    uint32_t rtt_us = elapsed_us(d->sent_ns, now_ns);
    if (d->retransmitted && (d->ts_older || rtt_us < min_rtt_us)) {
        return; /* the ACK may be for an earlier transmission */
    }
    if (!r->started || now_ns != r->ack_ns || rtt_us < r->rtt_us || r->rtt_of_last) {
        r->rtt_us = rtt_us;
        r->ack_ns = now_ns;
    }
    if (!r->started || sent_after(d->sent_ns, d->end, r->xmit_ns, r->end)) {
        r->xmit_ns = d->sent_ns;
        r->end = d->end;
        r->started = true;
    }
}

/* RFC 8985 6.2, step 3. */
static void detect_reordering(struct rack *r, const struct rack_delivery *d)
{
    if (seq_gt(d->end, r->fack)) {
        r->fack = d->end;
    } else if (seq_lt(d->end, r->fack) && !d->retransmitted) {
        r->reordering_seen = true;
    }
    /* SND.UNA is no more than a window behind fack, so it has passed the round's end too; half the
     * sequence space later that could no longer be told. */
    if (r->dsack_round_set && seq_diff(r->fack, r->dsack_round) >= MAX_WINDOW) {
        r->dsack_round_set = false;
    }
}

void rack_delivered(struct rack *r, const struct rack_delivery *d, uint64_t now_ns,
                    uint32_t min_rtt_us)
{
    update(r, d, now_ns, min_rtt_us);
    detect_reordering(r, d);
}

bool rack_dsack(struct rack *r, seq32 una, seq32 nxt)
{
    if (r->dsack_round_set && seq_lt(una, r->dsack_round)) {
        return false; /* once in a round trip */
    }
    r->dsack_round = nxt;
    r->dsack_round_set = true;
    r->reo_wnd_persist = PERSIST;
    if (r->reo_wnd_mult < UINT16_MAX) {
        r->reo_wnd_mult++;
    }
    return true;
}

void rack_recovered(struct rack *r)
{
    if (r->reo_wnd_persist != 0) {
        r->reo_wnd_persist--;
    }
    if (r->reo_wnd_persist == 0) {
        r->reo_wnd_mult = 1;
    }
}

uint32_t rack_reo_wnd_us(const struct rack *r, const struct rack_window_in *in)
{
    if (!r->reordering_seen && (in->recovering || in->dup_thresh)) {
        return 0;
    }
    uint64_t us = (uint64_t)r->reo_wnd_mult * in->min_rtt_us / 4;
    return us < in->srtt_us ? (uint32_t)us : in->srtt_us;
}

/* The time at which what left at `sent_ns` is lost. */
static uint64_t lost_at_ns(const struct rack *r, uint64_t sent_ns, uint32_t reo_wnd_us)
{
    return sent_ns + ((uint64_t)r->rtt_us + reo_wnd_us) * NS_PER_US;
}

enum rack_verdict rack_judge(const struct rack *r, uint64_t sent_ns, seq32 end, uint32_t reo_wnd_us,
                             uint64_t now_ns, uint64_t *wait_ns)
{
    if (!r->started || !sent_after(r->xmit_ns, r->end, sent_ns, end)) {
        return RACK_LATER;
    }
    uint64_t at_ns = lost_at_ns(r, sent_ns, reo_wnd_us);
    if (at_ns <= now_ns) {
        return RACK_IS_LOST;
    }
    *wait_ns = at_ns - now_ns;
    return RACK_WAIT;
}

bool rack_lost_at_timeout(const struct rack *r, bool first, uint64_t sent_ns, uint32_t reo_wnd_us,
                          uint64_t now_ns)
{
    return first || !r->started || lost_at_ns(r, sent_ns, reo_wnd_us) <= now_ns;
}
