/* NewReno: slow start and congestion avoidance (RFC 5681) with appropriate byte counting (RFC 3465,
 * L = 2), the answers to loss (RFC 5681, RFC 6582) and to ECN (RFC 8511), and validation of the
 * window (RFC 7661).
 *
 * No HyStart++ here: NewReno is the yardstick that others are held against, as its RFCs have it. */
#include "cc/newreno.h"

#include "cc/window.h"

#define LOSS_PERCENT 50 /* RFC 5681 3.1, equation 4 */
#define ECN_PERCENT  80 /* RFC 8511 3.1 */

void newreno_acked(struct cc *cc, const struct cc_ack *ack)
{
    struct newreno *n = cc->state;
    cwv_acked(cc, ack);
    if (ack->limited && (ack->phase == CC_OPEN || ack->phase == CC_LOSS)) {
        /* RFC 9293 MUST-19 (slow start); RFC 3465 2.3: at most two segments an ACK, one in the slow
         * start that follows a timeout. */
        uint32_t most = ack->phase == CC_LOSS ? cc->mss : 2 * cc->mss;
        most = cc_slow_start_most(&n->cwv.style, cc, most);
        /* RFC 9293 MUST-19 (congestion avoidance); RFC 3465 2.1: one segment per window of
         * acknowledged bytes. */
        n->counted = cc->cwnd < cc->ssthresh ? 0 : n->counted; /* was of another window */
        n->counted += least_u32(cc_slow_start(cc, ack->acked, most), cc->cwnd);
        if (n->counted >= cc->cwnd) {
            n->counted -= cc->cwnd;
            cc_grow(cc, cc->mss);
        }
    }
    cwv_pace(cc);
}

void newreno_congestion(struct cc *cc, enum cc_cause cause, uint32_t flight, uint64_t now_ns)
{
    struct newreno *n = cc->state;
    uint32_t percent = cause == CC_CAUSE_ECN ? ECN_PERCENT : LOSS_PERCENT;
    (void)now_ns;
    n->counted = 0;
    flight = n->cwv.style.loss_by_window ? cc->cwnd : flight;
    if (cause == CC_CAUSE_TIMEOUT) {
        cwv_timeout(&n->cwv);
        cc->ssthresh = cc_part(cc, flight, percent);
        cc->cwnd = cc->mss; /* RFC 5681 3.1: the loss window */
        return;
    }
    cc->ssthresh = cc_part(cc, cwv_congestion(&n->cwv, flight, percent), percent);
}

const struct cc_ops cc_newreno = {
    .name = "newreno",
    .state_bytes = sizeof(struct newreno),
    .begin = cwv_begin,
    .style = cwv_style,
    .acked = newreno_acked,
    .lost = cwv_lost,
    .congestion = newreno_congestion,
    .recovered = cwv_recovered,
    .undo = cwv_undo,
    .restart = cwv_restart,
};
