/* DCTCP (RFC 8257): the window follows the share of bytes that met congestion. For networks under
 * one administration, with switches that mark early (RFC 8257 5).
 *
 * An observation window is a packet-timed round trip. Growth and the answers to loss are NewReno's
 * (3.4, 3.5); ACKs of marked bytes do not grow the window and end slow start, as ECN-Echo does for
 * others. */
#include "cc/newreno.h"
#include "cc/window.h"

#define ONE   (1U << 20) /* DCTCP.Alpha is in these units */
#define G_INV 16         /* 1 / g, RFC 8257 4.2 */

struct dctcp {
    struct newreno reno;
    uint32_t alpha;  /* DCTCP.Alpha */
    uint64_t acked;  /* DCTCP.BytesAcked */
    uint64_t marked; /* DCTCP.BytesMarked */
};
_Static_assert(sizeof(struct dctcp) <= CC_STATE_BYTES, "the state is lent");

static void dctcp_begin(struct cc *cc, uint64_t now_ns)
{
    struct dctcp *d = cc->state;
    (void)now_ns;
    d->alpha = ONE;
}

/* RFC 8257 3.3, steps 5 to 8. True: something was marked. */
static bool end_window(struct dctcp *d)
{
    bool marked = d->marked > 0;
    uint32_t m = d->acked > 0 ? (uint32_t)(d->marked * ONE / d->acked) : 0;
    d->alpha = d->alpha - (d->alpha + G_INV - 1) / G_INV + m / G_INV;
    d->acked = 0;
    d->marked = 0;
    return marked;
}

static void dctcp_acked(struct cc *cc, const struct cc_ack *ack)
{
    struct dctcp *d = cc->state;
    uint32_t ce = least_u32(ack->ce, ack->acked);
    d->acked += ack->acked;
    d->marked += ce;
    if (ack->round_start && end_window(d) && ack->phase == CC_OPEN) {
        /* Step 9. */
        uint32_t off = (uint32_t)((uint64_t)cc->cwnd * d->alpha / (2 * ONE));
        cc->cwnd = most_u32(cc->cwnd - off, cc->mss);
        cc->ssthresh = most_u32(cc->cwnd, 2 * cc->mss);
        d->reno.counted = 0; /* of a larger window */
    } else if (ce > 0 && ack->phase == CC_OPEN) {
        cc->ssthresh = most_u32(least_u32(cc->ssthresh, cc->cwnd), 2 * cc->mss);
    }
    struct cc_ack grown = *ack;
    grown.limited &= ce == 0;
    newreno_acked(cc, &grown);
}

const struct cc_ops cc_dctcp = {
    .name = "dctcp",
    .traits = CC_WANTS_ECN | CC_SCALES_ECN,
    .state_bytes = sizeof(struct dctcp),
    .begin = dctcp_begin,
    .style = cwv_style,
    .acked = dctcp_acked,
    .lost = cwv_lost,
    .congestion = newreno_congestion,
    .recovered = cwv_recovered,
    .undo = cwv_undo,
    .restart = cwv_restart,
};
