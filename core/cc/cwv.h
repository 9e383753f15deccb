/* Congestion window validation (RFC 7661): may a window be trusted that the application did not
 * use? It is kept for five minutes, but what follows from a loss is then computed from what was
 * really delivered, and sending is paced.
 *
 * An object of integers at the beginning of the private state of NewReno, CUBIC and DCTCP, which
 * call it. The connection has nothing to do but to fill struct cc_ack and to pace while
 * cc->pacing_bps is set.
 *
 * pipeACK is the largest volume delivered within one packet-timed round trip during the last
 * max(3 RTT, 1 s), kept in five measurement periods (4.5.1). The phase is judged once a round trip,
 * where a round begins, against the window with which the round before had begun: what was
 * delivered had been sent with that. Against the window of now, slow start would stand on the
 * threshold: it doubles the window while that volume is measured. */
#ifndef CC_CWV_H
#define CC_CWV_H

#include "cc/cc.h"

#define CWV_PERIODS 5
#define CWV_NVP_NS  UINT64_C(300000000000) /* the non-validated period: five minutes (5) */

struct cwv {
    struct cc_style style;
    uint64_t round_delivered;   /* delivered before the round that is measured */
    uint64_t period_ns;         /* the newest period began */
    uint64_t since_ns;          /* in the non-validated phase since */
    uint32_t best[CWV_PERIODS]; /* largest sample of each period, the newest first */
    uint32_t round_cwnd;        /* the window when it began */
    uint32_t lost;              /* R: marked lost since the last recovery */
    uint32_t volume;            /* Max(pipeACK, LossFlightSize) of this recovery */
    uint8_t percent;            /* what is to be left of it */
    bool measuring;             /* round_delivered counts */
    bool defined;               /* pipeACK has a value */
    bool nonvalidated;          /* the phase */
    bool recovering;            /* congestion was met in the non-validated phase */
};

/* An ACK, before the window grows. May reduce the window, at the end of the period (4.4.3). */
void cwv_acked(struct cc *cc, const struct cc_ack *ack);

/* pipeACK, 0 while it is undefined. */
uint32_t cwv_pipe_ack(const struct cwv *w);

/* Congestion, not a timeout, with `flight` bytes outstanding: the volume that ssthresh is to be
 * `percent` of. In the validated phase that is `flight` (4.4.1). */
uint32_t cwv_congestion(struct cwv *w, uint32_t flight, uint32_t percent);

/* A timeout: RFC 5681's answer, and nothing follows at the end. */
void cwv_timeout(struct cwv *w);

/* 4.4.2: sets cc->pacing_bps while the phase is non-validated, else clears it. */
void cwv_pace(struct cc *cc);

/* Functions of cc_ops as they are, or to be called by those. */
void cwv_begin(struct cc *cc, uint64_t now_ns);
void cwv_style(struct cc *cc, const struct cc_style *style);
void cwv_lost(struct cc *cc, const struct cc_lost *lost);
void cwv_recovered(struct cc *cc, uint64_t now_ns);
void cwv_undo(struct cc *cc, uint64_t now_ns);
void cwv_restart(struct cc *cc, uint64_t idle_ns, uint64_t now_ns);

#endif
