/* RACK-TLP (RFC 8985): time-based loss detection and the tail loss probe, as objects that are fed
 * integers. Which runs are looked at is the caller's business (board.h). */
#ifndef LOSS_RACK_H
#define LOSS_RACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/seq.h"

/* RFC 8985 5.3, per connection. */
struct rack {
    uint64_t xmit_ns;        /* RACK.xmit_ts: latest transmission among what was delivered */
    uint64_t ack_ns;         /* when rtt_us was taken */
    seq32 end;               /* RACK.end_seq: the highest end among those sent then */
    seq32 fack;              /* RACK.fack: highest sequence number delivered */
    seq32 dsack_round;       /* RACK.dsack_round */
    uint32_t rtt_us;         /* RACK.rtt: round trip of the segment in xmit_ns */
    uint16_t reo_wnd_mult;   /* RACK.reo_wnd_mult, 1 and up */
    uint8_t reo_wnd_persist; /* RACK.reo_wnd_persist, in loss recoveries */
    bool started;            /* anything was delivered yet: xmit_ns, end and fack count */
    bool reordering_seen;    /* RACK.reordering_seen */
    bool dsack_round_set;
    bool rtt_of_last; /* RACK.rtt follows the order of sequence numbers: set after rack_init() */
};

/* One run that this ACK delivered (acknowledged or SACKed it for the first time). */
struct rack_delivery {
    uint64_t sent_ns;
    seq32 seq, end;
    bool retransmitted; /* it was sent more than once */
    bool ts_older;      /* the ACK's TSecr is older than its last transmission (step 2, Eifel) */
};

void rack_init(struct rack *r, seq32 una);

/* A recovery was a mistake: what was taken for the delivery of a retransmission was an original's,
 * and what RACK concluded from it about all that left between them is void. The next delivery
 * counts anew. */
static inline void rack_retract(struct rack *r)
{
    r->started = false;
}

/* RFC 8985 6.2, steps 2 and 3. `min_rtt_us` 0: unknown. The runs of one ACK come in ascending order
 * of sequence number, or step 3 takes the order of the calls for reordering in the network. */
void rack_delivered(struct rack *r, const struct rack_delivery *d, uint64_t now_ns,
                    uint32_t min_rtt_us);

/* RFC 8985 6.2, step 4: the ACK carried a D-SACK; `una` is SND.UNA after it. Did the window grow?
 */
bool rack_dsack(struct rack *r, seq32 una, seq32 nxt);
/* RFC 8985 6.2, step 4: fast or RTO recovery ended, by an ACK that did not make the window grow. */
void rack_recovered(struct rack *r);

/* A recovery has turned out a mistake: what was sent again had only been late. Step 3 cannot see
 * that, for it does not look at what was sent again (RFC 8985 5.3: RACK.reordering_seen). */
static inline void rack_reordered(struct rack *r)
{
    r->reordering_seen = true;
}

/* RFC 8985 6.2, step 4: the reordering window. `dup_thresh`: at least three segments were SACKed.
 */
struct rack_window_in {
    uint32_t min_rtt_us, srtt_us;
    bool recovering; /* in fast recovery or RTO recovery */
    bool dup_thresh;
};
uint32_t rack_reo_wnd_us(const struct rack *r, const struct rack_window_in *in);

/* RFC 8985 6.2, step 5, for one run in flight that is neither SACKed nor waiting to go again. The
 * reordering timer is armed for the longest of the waits. */
enum rack_verdict {
    RACK_LATER, /* it left after what was delivered: nothing can be said, nor of those that left at
                   a later time */
    RACK_WAIT,  /* it will be lost in *wait_ns, if nothing comes till then */
    RACK_IS_LOST,
};
enum rack_verdict rack_judge(const struct rack *r, uint64_t sent_ns, seq32 end, uint32_t reo_wnd_us,
                             uint64_t now_ns, uint64_t *wait_ns);

/* RFC 8985 6.3: is this run lost when the retransmission timer runs out? The first always is.
 * Before the first delivery all are, for no round trip is known. */
bool rack_lost_at_timeout(const struct rack *r, bool first, uint64_t sent_ns, uint32_t reo_wnd_us,
                          uint64_t now_ns);

/* ---- tail loss probe (RFC 8985 7) ------------------------------------------------------------ */

/* All zero when the connection opens. */
struct tlp {
    seq32 end;        /* TLP.end_seq */
    bool outstanding; /* TLP.end_seq counts */
    bool is_rtx;      /* TLP.is_retrans */
    bool sampled;     /* a round trip was measured since the last probe or the beginning (7.3) */
};

/* RFC 8985 7.1: fast or RTO recovery begins. */
void tlp_reset(struct tlp *p);

/* RFC 8985 7.2: may a probe be scheduled? Asked after new data left and after an ACK that advanced
 * SND.UNA. */
struct tlp_question {
    bool sack;          /* the peer takes SACK */
    bool open;          /* neither in recovery nor in loss */
    bool outstanding;   /* something is in flight */
    bool probe_pending; /* a probe is outstanding already */
    bool sacked;        /* something is SACKed: RACK is at work */
};
bool tlp_may_schedule(const struct tlp_question *q);

/* RFC 8985 7.2: the probe timeout in microseconds. `srtt_us` 0: no sample yet. `flight_segs`:
 * segments in flight; `max_ack_us`: TLP.max_ack_delay, the longest the peer keeps an ACK back;
 * `rto_left_us`: until the RTO would fire, which bounds it. */
uint32_t tlp_pto_us(uint32_t srtt_us, uint32_t flight_segs, uint32_t max_ack_us,
                    uint32_t rto_left_us);

/* A round trip was measured. */
void tlp_rtt_sample(struct tlp *p);

/* RFC 8985 7.3: the PTO ran out. May a probe leave? Either way the RTO timer is armed next. */
bool tlp_may_send(const struct tlp *p);
/* RFC 8985 7.3: a probe left; `snd_nxt` counts it. */
void tlp_sent(struct tlp *p, seq32 snd_nxt, bool is_rtx);

/* RFC 8985 7.4.2: what an ACK says of the probe. */
enum tlp_verdict {
    TLP_NOTHING,      /* no probe is out, or the ACK does not decide */
    TLP_ENDED,        /* the probe is over, nothing was lost */
    TLP_LOSS_REPAIRED /* it repaired a loss: congestion control reacts as to a fast recovery */
};
struct tlp_ack {
    seq32 ack;
    bool dsack_of_probe; /* the ACK carries a D-SACK that ends at TLP.end_seq */
    bool sacked;         /* it carries SACK blocks */
    bool same_ack;       /* a duplicate: SEG.ACK is SND.UNA, no data, no window change */
};
enum tlp_verdict tlp_acked(struct tlp *p, const struct tlp_ack *in);

#endif
