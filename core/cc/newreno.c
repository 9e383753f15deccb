/* NewReno: slow start, congestion avoidance, fast recovery (RFC 5681, RFC 6582), with appropriate
 * byte counting (RFC 3465, L = 2). */
#include "cc/cc.h"

/* No window is larger (RFC 7323 2.3), so inflating beyond serves nothing. */
#define CWND_MAX (1U << 30)

static uint32_t half_flight(const struct cc *cc, uint32_t flight)
{
    /* RFC 5681 3.1, equation 4. */
    uint32_t half = flight / 2;
    return half > 2 * cc->mss ? half : 2 * cc->mss;
}

static void newreno_init(struct cc *cc)
{
    cc->cwnd = cc_initial_window(cc->mss);
    cc->ssthresh = UINT32_MAX; /* RFC 5681 3.1: arbitrarily high */
    cc->acked = 0;
}

static void newreno_acked(struct cc *cc, uint32_t acked, uint32_t limited)
{
    if (!limited) {
        return;
    }
    if (cc->cwnd < cc->ssthresh) {
        /* RFC 9293 MUST-19 (slow start); RFC 3465 2.2: at most two segments an ACK. */
        uint32_t most = 2 * cc->mss;
        cc->cwnd += acked < most ? acked : most;
        return;
    }
    /* RFC 9293 MUST-19 (congestion avoidance); RFC 3465 2.1: one segment per window of acknowledged
     * bytes. */
    cc->acked += acked;
    if (cc->acked >= cc->cwnd) {
        cc->acked -= cc->cwnd;
        cc->cwnd += cc->mss;
    }
}

static void newreno_enter_recovery(struct cc *cc, uint32_t flight)
{
    cc->ssthresh = half_flight(cc, flight);
    cc->cwnd = cc->ssthresh + 3 * cc->mss; /* RFC 5681 3.2, step 3 */
    cc->acked = 0;
}

static void newreno_duplicate_ack(struct cc *cc)
{
    if (cc->cwnd < CWND_MAX) {
        cc->cwnd += cc->mss; /* RFC 5681 3.2, step 4 */
    }
}

static void newreno_partial_ack(struct cc *cc, uint32_t acked)
{
    /* RFC 6582 3.2, step 3: deflate by what was acknowledged, add back one segment. */
    cc->cwnd = cc->cwnd > acked ? cc->cwnd - acked : 0;
    if (acked >= cc->mss) {
        cc->cwnd += cc->mss;
    }
    if (cc->cwnd < cc->mss) {
        cc->cwnd = cc->mss;
    }
}

static void newreno_leave_recovery(struct cc *cc, uint32_t flight)
{
    /* RFC 6582 3.2, step 3, option 1: no burst when little is outstanding. */
    uint32_t most = (flight > cc->mss ? flight : cc->mss) + cc->mss;
    cc->cwnd = cc->ssthresh < most ? cc->ssthresh : most;
}

static void newreno_timeout(struct cc *cc, uint32_t flight, uint32_t again)
{
    if (!again) {
        cc->ssthresh = half_flight(cc, flight);
    }
    cc->cwnd = cc->mss; /* RFC 5681 3.1: the loss window */
    cc->acked = 0;
}

static void newreno_restart_idle(struct cc *cc)
{
    uint32_t restart = cc_initial_window(cc->mss);
    cc->cwnd = cc->cwnd < restart ? cc->cwnd : restart; /* RFC 5681 4.1 */
}

const struct cc_ops cc_newreno = {
    .name = "newreno",
    .init = newreno_init,
    .acked = newreno_acked,
    .enter_recovery = newreno_enter_recovery,
    .duplicate_ack = newreno_duplicate_ack,
    .partial_ack = newreno_partial_ack,
    .leave_recovery = newreno_leave_recovery,
    .timeout = newreno_timeout,
    .restart_idle = newreno_restart_idle,
};
