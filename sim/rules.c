/* Invariants as pure functions: see rules.h. */
#include "sim/rules.h"

#include <stddef.h>

#include <lastack/tcp.h>

#include "cc/cc.h"

#define NS_PER_MS UINT64_C(1000000)

/* RFC 9293 3.8.6.3: less than half a second. */
#define ACK_LATEST_NS (500 * NS_PER_MS)
/* RFC 9293 3.8.6.2.1: the override timer runs for 0.1 to 1 s. */
#define OVERRIDE_LEAST_NS (100 * NS_PER_MS)
/* RFC 7323 5.5. */
#define TS_RECENT_VALID_S (24 * 86400)

static bool behind(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) > 0;
}

static uint32_t lesser(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* ---- pairs ---------------------------------------------------------------------------------- */

static bool has_peers_fin(uint8_t state)
{
    return state == LA_TCP_CLOSE_WAIT || state == LA_TCP_LAST_ACK || state == LA_TCP_CLOSING ||
           state == LA_TCP_TIME_WAIT;
}

static bool sends_fin(uint8_t state)
{
    return state == LA_TCP_FIN_WAIT_1 || state == LA_TCP_FIN_WAIT_2 || state == LA_TCP_CLOSING ||
           state == LA_TCP_LAST_ACK || state == LA_TCP_TIME_WAIT;
}

static bool fin_acked(uint8_t state)
{
    return state == LA_TCP_FIN_WAIT_2 || state == LA_TCP_TIME_WAIT;
}

/* The peer has our SYN, for it was acknowledged. FIN-WAIT-1 comes from SYN-RECEIVED as well. */
static bool surely_open(uint8_t state)
{
    return state >= LA_TCP_ESTABLISHED && state != LA_TCP_FIN_WAIT_1;
}

static const char *half_pair(const struct rule_view *a, const struct rule_view *b)
{
    if (has_peers_fin(a->state) && !sends_fin(b->state)) {
        return "I7 a FIN that the peer did not send";
    }
    if (fin_acked(a->state) && !has_peers_fin(b->state)) {
        return "I7 a FIN acknowledged by a peer that has none";
    }
    /* LAST-ACK had the peer's FIN before it sent its own, which so acknowledges it. */
    if (a->state == LA_TCP_LAST_ACK && (b->state == LA_TCP_CLOSING || b->state == a->state)) {
        return "I7 a FIN that acknowledges no FIN";
    }
    if (surely_open(a->state) && (b->state < LA_TCP_SYN_RECEIVED || !behind(a->snd_una, a->iss))) {
        return "I8 open before the SYN was acknowledged";
    }
    if (surely_open(a->state) && b->irs != a->iss) {
        return "I8 open with another connection's numbers";
    }
    return NULL;
}

const char *rules_pair(const struct rule_view *a, const struct rule_view *b)
{
    const char *broken = half_pair(a, b);
    return broken ? broken : half_pair(b, a);
}

/* ---- segments ------------------------------------------------------------------------------- */

static bool delivers(uint16_t reason)
{
    return reason == LA_TAKE_DATA || reason == LA_TAKE_DATA_EARLY || reason == LA_TAKE_FIN;
}

/* RFC 5961 3, RFC 7323 5.2. */
static const char *reset_taken(const struct rule_view *before, const struct rule_view *after,
                               const struct rule_segment *seg)
{
    if (seg->reason == LA_DROP_PAWS) {
        return "I28 an RST is dropped for its timestamp";
    }
    if (seg->reason == LA_TAKE_RST) {
        return seg->seq == before->rcv_nxt ? NULL : "I17 an RST is taken that is not exact";
    }
    return after ? NULL : "I17 a refused RST ends the connection";
}

/* RFC 7323 4.3. */
static const char *timestamp_taken(const struct rule_view *before, const struct rule_view *after,
                                   const struct rule_segment *seg)
{
    if (!before->ts || after->ts_recent == before->ts_recent) {
        return NULL;
    }
    if (!seg->ts || seg->tsval != after->ts_recent) {
        return "I28 TS.Recent is of no segment";
    }
    if (behind(seg->seq, before->last_ack_sent) && !before->loses) {
        return "I28 TS.Recent from behind Last.ACK.sent";
    }
    bool valid = after->ts_recent_s - before->ts_recent_s < TS_RECENT_VALID_S;
    return valid && behind(before->ts_recent, seg->tsval) ? "I28 TS.Recent goes back" : NULL;
}

const char *rules_taken(const struct rule_view *before, const struct rule_view *after,
                        const struct rule_segment *seg, uint32_t rtx_from, uint32_t rtx_to)
{
    if (seg->flags & LA_TH_RST) {
        return reset_taken(before, after, seg);
    }
    if (seg->flags & LA_TH_SYN) {
        bool same = after && after->rcv_nxt == before->rcv_nxt && after->snd_una == before->snd_una;
        return same ? NULL : "I18 a SYN changes an open connection";
    }
    /* RFC 5961 5. */
    if (seg->payload != 0 && delivers(seg->reason) &&
        (behind(seg->ack, before->snd_max) ||
         behind(before->snd_una - before->snd_wnd_max, seg->ack))) {
        return "I19 data with an ACK out of range";
    }
    if (!after) {
        return NULL;
    }
    /* RFC 6298 3: Karn's algorithm. */
    bool twice = rtx_from != rtx_to && !behind(rtx_from, before->snd_una) &&
                 !behind(after->snd_una, rtx_to) && after->snd_una != before->snd_una;
    if (twice && !before->ts && after->srtt_us8 != before->srtt_us8) {
        return "I25 a round trip measured by a retransmission";
    }
    return timestamp_taken(before, after, seg);
}

/* ---- steps ---------------------------------------------------------------------------------- */

static const char *ack_step(const struct rule_view *after, uint64_t now_ns)
{
    if (after->rcv_unacked == 0 || after->held_back || after->state == LA_TCP_TIME_WAIT) {
        return NULL; /* in TIME-WAIT the record answers */
    }
    if (after->ack_at_ns > now_ns + ACK_LATEST_NS) {
        return "I14 an ACK later than half a second";
    }
    return after->rcv_unacked > 2U * after->rcv_mss ? "I14 two segments and no ACK" : NULL;
}

/* RFC 9293 3.8.6.2.2. The header tells windows in units of 2^shift, rounded either way; behind a
 * FIN there is nothing to receive. */
static const char *window_step(const struct rule_view *before, const struct rule_view *after)
{
    uint32_t by = after->rcv_adv - before->rcv_adv;
    uint32_t mss = lesser(before->rcv_mss, after->rcv_mss);
    uint32_t step = lesser(mss, lesser(before->rcvbuf, after->rcvbuf) / 2);
    uint32_t unit = 1U << after->wnd_shift;
    bool one = after->segs_out - before->segs_out <= 1;
    bool most = after->rcv_adv - after->rcv_nxt >= (uint32_t)UINT16_MAX << after->wnd_shift;
    bool silly = one && by >= unit && by + unit <= step && !most && !has_peers_fin(after->state);
    return silly ? "I29 a silly window" : NULL;
}

static const char *cwnd_step(const struct rule_view *before, const struct rule_view *after)
{
    bool same = after->mss == before->mss && after->undone == before->undone;
    uint64_t grown = after->cwnd > before->cwnd ? after->cwnd - before->cwnd : 0;
    if (after->cwnd < after->mss) {
        return "I24 a window below one segment";
    }
    if (after->ssthresh < 2U * after->mss) {
        return "I24 ssthresh below two segments";
    }
    if (!same || before->own_cwnd) {
        return NULL;
    }
    bool open = before->phase == CC_OPEN && after->phase == CC_OPEN;
    /* RFC 5681 3.1: in congestion avoidance a segment, when a window was acknowledged. */
    uint64_t acked = after->delivered - before->delivered;
    bool counted = after->delivered != 0 && before->delivered != 0;
    if (open && after->recoveries == before->recoveries && counted && grown > acked &&
        grown > after->mss) {
        return "I24 cwnd grows by more than was acknowledged";
    }
    bool episode = before->phase == CC_RECOVERY && after->phase == CC_RECOVERY;
    if (episode && after->recoveries == before->recoveries && after->ssthresh != before->ssthresh) {
        return "I24 ssthresh changes twice for one loss";
    }
    uint64_t most = (uint64_t)before->cwnd + (after->delivered - before->delivered);
    if (before->phase == CC_OPEN && after->phase != CC_OPEN && after->ssthresh > most &&
        after->ssthresh > 2U * after->mss) {
        return "I24 a loss and no lower ssthresh";
    }
    return NULL;
}

static uint64_t backed_off_ns(const struct rule_view *v, uint32_t rto_max_ms)
{
    uint64_t ms = (uint64_t)v->rto_ms << lesser(v->backoff, 16);
    return (ms < rto_max_ms ? ms : rto_max_ms) * NS_PER_MS;
}

/* RFC 6298 5.5, 2.5. */
static const char *rto_step(const struct rule_view *before, const struct rule_view *after,
                            uint64_t now_ns, uint32_t rto_max_ms)
{
    if (after->rtx_at_ns == UINT64_MAX) {
        return NULL;
    }
    if (after->rtx_at_ns > now_ns + rto_max_ms * NS_PER_MS) {
        return "I25 a timeout beyond its bound";
    }
    bool again = after->backoff == before->backoff + 1 && after->snd_una == before->snd_una &&
                 after->rto_ms == before->rto_ms && !before->persists && !after->persists;
    uint64_t twice_ns = 2 * backed_off_ns(before, rto_max_ms);
    uint64_t most_ns = rto_max_ms * NS_PER_MS;
    /* It ran out when it was due, or later. */
    if (again && before->rtx_at_ns != UINT64_MAX &&
        after->rtx_at_ns < before->rtx_at_ns + (twice_ns < most_ns ? twice_ns : most_ns)) {
        return "I25 a timeout that is not doubled";
    }
    return NULL;
}

const char *rules_step(const struct rule_view *before, const struct rule_view *after,
                       uint64_t now_ns, uint32_t rto_max_ms)
{
    const char *broken = ack_step(after, now_ns);
    broken = broken ? broken : window_step(before, after);
    broken = broken ? broken : cwnd_step(before, after);
    return broken ? broken : rto_step(before, after, now_ns, rto_max_ms);
}

bool rules_small_ok(const struct rule_small *s)
{
    bool overridden = s->waited_ns >= OVERRIDE_LEAST_NS;
    if (s->missing == 0 || s->cut || overridden) {
        return true;
    }
    if (s->last) {
        return s->alone || s->nodelay || s->fin;
    }
    return s->payload >= s->snd_wnd_max / 2 && (s->alone || s->nodelay);
}
