/* The tail loss probe (RFC 8985 7): when the end of a flight is not acknowledged in time, one more
 * segment leaves, whose ACK tells RACK of what was lost before it.
 *
 * Invariant: at most one probe is out, and none leaves before a round trip was measured since the
 * last one. */
#include "loss/rack.h"

/* G of RFC 6298: a timer finer than the clock would run out for nothing on short paths. */
#define CLOCK_US 1000

#define PTO_INITIAL_US 1000000U /* RFC 8985 7.2: as the RTO without a sample, RFC 6298 2.1 */

void tlp_reset(struct tlp *p)
{
    p->outstanding = false;
    p->is_rtx = false;
}

bool tlp_may_schedule(const struct tlp_question *q)
{
    /* In recovery and with SACKed data other timers do this work. */
    return q->sack && q->open && q->outstanding && !q->probe_pending && !q->sacked;
}

uint32_t tlp_pto_us(uint32_t srtt_us, uint32_t flight_segs, uint32_t max_ack_us,
                    uint32_t rto_left_us)
{
    uint64_t pto_us = PTO_INITIAL_US;
    if (srtt_us != 0) {
        pto_us = 2 * (uint64_t)srtt_us;
        pto_us = pto_us > CLOCK_US ? pto_us : CLOCK_US;
        if (flight_segs == 1) {
            pto_us += max_ack_us; /* the peer may wait for a second segment */
        }
    }
    return pto_us < rto_left_us ? (uint32_t)pto_us : rto_left_us;
}

void tlp_rtt_sample(struct tlp *p)
{
    p->sampled = true;
}

bool tlp_may_send(const struct tlp *p)
{
    return !p->outstanding && p->sampled;
}

void tlp_sent(struct tlp *p, seq32 snd_nxt, bool is_rtx)
{
    *p = (struct tlp){.end = snd_nxt, .outstanding = true, .is_rtx = is_rtx};
}

enum tlp_verdict tlp_acked(struct tlp *p, const struct tlp_ack *in)
{
    if (!p->outstanding || seq_lt(in->ack, p->end)) {
        return TLP_NOTHING;
    }
    bool beyond = seq_gt(in->ack, p->end);
    /* Original and retransmission arrived: the D-SACK says so (case 1), or a duplicate ACK of a
     * receiver without SACK blocks (case 2). */
    bool both = in->dsack_of_probe || (in->same_ack && !in->sacked);
    if (p->is_rtx && !both && !beyond) {
        return TLP_NOTHING; /* either of them; the ACK of the other may follow */
    }
    bool repaired = p->is_rtx && beyond && !in->dsack_of_probe;
    tlp_reset(p);
    return repaired ? TLP_LOSS_REPAIRED : TLP_ENDED;
}
