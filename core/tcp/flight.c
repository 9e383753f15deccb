/* The memory of a connection that sends: see flight.h. */
#include "tcp/flight.h"

#include "tcp/path.h"
#include "tcp/tcp.h"

/* The largest piece takes a tick of the timing wheel at this rate: faster cannot be paced. */
#define PACE_MAX_BPS UINT64_C(16000000000)

/* Of a passive open the first sample is known to the millisecond only, and never too small. */
static uint32_t first_rtt_us(const struct tcb *t)
{
    uint32_t us = t->srtt_us8 / 8;
    bool coarse = (t->flags & TCP_F_PASSIVE) && t->bytes_acked == 0;
    return !coarse ? us : us > 1000 ? us - 1000 : 1;
}

bool tcp_flight_get(struct tcb *t, struct tcp_env *env)
{
    if (!t->flight) {
        uint32_t index = slab_get(env->flights);
        if (!index) {
            buf_pool_trim(env->bufs); /* buffers that nobody uses give way */
            index = slab_get(env->flights);
        }
        if (!index) {
            return false;
        }
        struct tcp_flight *f = slab_at(env->flights, index);
        f->index = index;
        f->owner = t;
        f->reo_at_ns = f->pto_at_ns = f->pace_at_ns = TCP_NEVER;
        f->recover = seq_sub(t->snd_una, 1);
        board_init(&f->board, env->runs);
        rack_init(&f->rack, t->snd_una);
        f->rack.rtt_of_last = env->persona.rack_rtt_last;
        if (t->srtt_us8 != 0) {
            /* Until there is a better one: RACK takes nothing faster for a retransmission's ACK. */
            min_rtt_sample(&f->min_rtt, tcp_now_ms(env), first_rtt_us(t));
            tlp_rtt_sample(&f->tlp);
        }
        f->rate.delivered = t->bytes_acked;
        f->out_end = f->small_end = t->snd_una;
        f->nagle_small = env->persona.nagle_small;
        f->dup_thresh = env->persona.dup_thresh;
        f->reordering = TCP_DUP_THRESH;
        t->flight = f;
        t->cc.state = f->cc_state;
        t->cc.ops->begin(&t->cc, env->now_ns);
        tcp_set_style(t, env);
        tcp_set_pace(t);
    }
    return board_ready(&t->flight->board);
}

void tcp_set_style(struct tcb *t, const struct tcp_env *env)
{
    const struct la_persona *p = &env->persona;
    struct cc_style style = {.initial_window = tcp_initial_window(env, t->mss),
                             .slow_start_segs = p->slow_start_segs,
                             .hystart = p->hystart,
                             .no_validation = !p->validation,
                             .loss_by_window = p->loss_by_window,
                             .idle_restart = p->idle_restart};
    if (t->cc.ops->style) {
        t->cc.ops->style(&t->cc, &style);
    }
}

void tcp_set_pace(struct tcb *t)
{
    uint64_t bps = t->cc.pacing_bps;
    if (bps == 0 && (t->opt.bits & TCP_OPT_PACING)) {
        bps = pace_rate_of_window(t->cc.cwnd, t->srtt_us8 / 8, t->cc.cwnd < t->cc.ssthresh);
    }
    pace_set(&t->flight->pace, bps < PACE_MAX_BPS ? bps : 0, t->mss);
}

void tcp_flight_drop(struct tcb *t, struct tcp_env *env)
{
    if (!t->flight) {
        return;
    }
    board_clear(&t->flight->board);
    slab_put(env->flights, t->flight->index);
    t->flight = NULL;
    t->cc.state = NULL;
    tcp_path_rest(t, env);
    t->phase = CC_OPEN;
}

bool tcp_flight_idle(const struct tcb *t)
{
    return t->phase == CC_OPEN && !tcp_outstanding(t) && seq_eq(t->snd_nxt, t->snd_end) &&
           (!(t->flags & TCP_F_FIN_QUEUED) || (t->flags & TCP_F_FIN_SENT));
}

uint32_t tcp_in_flight(const struct tcb *t)
{
    const struct tcp_flight *f = t->flight;
    if (!f) {
        return 0;
    }
    uint32_t bytes = board_flight(&f->board);
    return bytes > f->dup_bytes ? bytes - f->dup_bytes : 0;
}

/* Idle, busy, held up by the window of the peer, or by a send buffer smaller than the network
 * could take. */
static enum tcp_holdup holdup(const struct tcb *t)
{
    if (seq_ge(t->snd_una, t->snd_end)) {
        return TCP_IDLE;
    }
    uint32_t out = seq_len(t->snd_una, t->snd_nxt);
    uint32_t unsent = seq_len(t->snd_nxt, t->snd_end);
    uint32_t piece = unsent < t->mss ? unsent : t->mss;
    uint32_t flight = tcp_in_flight(t);
    bool room = t->cc.cwnd >= flight + t->mss;
    if (unsent != 0) {
        return room && t->snd_wnd < out + piece ? TCP_HELD_BY_PEER : TCP_BUSY;
    }
    return room && tcp_snd_room(t) == 0 ? TCP_HELD_BY_BUFFER : TCP_BUSY;
}

void tcp_flight_turn_over(struct tcb *t, const struct tcp_env *env)
{
    struct tcp_spent *s = &t->flight->spent;
    enum tcp_holdup now = holdup(t);
    if (now != s->now) {
        s->ns[s->now] += env->now_ns - s->since_ns;
        s->since_ns = env->now_ns;
        s->now = (uint8_t)now;
    }
}

static struct rate_stamp stamp_of(const struct run *r)
{
    return (struct rate_stamp){
        .delivered = r->delivered,
        .delivered_us = r->delivered_us,
        .first_us = r->first_us,
        .flight = r->flight,
        .lost = r->lost_then,
        .app_limited = (r->flags & RUN_APP_LIMITED) != 0,
    };
}

static void stamp(struct tcb *t, const struct tcp_env *env, struct run *r, uint32_t flight_before)
{
    uint32_t len = seq_len(r->seq, r->end);
    struct rate_stamp s = rate_sent(&t->flight->rate, flight_before, len, env->now_ns);
    r->delivered = s.delivered;
    r->delivered_us = s.delivered_us;
    r->first_us = s.first_us;
    r->flight = s.flight;
    r->lost_then = s.lost;
    r->flags = (uint8_t)(s.app_limited ? r->flags | RUN_APP_LIMITED : r->flags & ~RUN_APP_LIMITED);
}

/* Segments of one burst are one run: it left at one time, and nothing has happened to it since. */
#define BURST_MAX 65536

static bool joins_last(const struct board *b, seq32 end, uint64_t now_ns)
{
    const struct run *r = board_at(b, b->last);
    return r->sent_ns == now_ns && r->times == 1 && seq_len(r->seq, end) <= BURST_MAX &&
           (r->flags & ~(unsigned)RUN_APP_LIMITED) == 0;
}

void tcp_flight_sent(struct tcb *t, struct tcp_env *env, const struct tcp_plan *plan, seq32 end,
                     bool probed)
{
    struct tcp_flight *f = t->flight;
    seq32 seq = plan->seq;
    bool alone = plan->reason == LA_PROBE_MTU;
    uint32_t before = tcp_in_flight(t);
    /* Super-segments of burst_segs keep their ends. */
    bool apart = alone || probed || env->persona.burst_segs != 0;
    if (!apart && f->board.last && joins_last(&f->board, end, env->now_ns)) {
        board_extend(&f->board, end);
        board_at(&f->board, f->board.last)->flight = before + seq_len(seq, end);
        prr_sent(&f->prr, seq_len(seq, end));
        return;
    }
    uint32_t index = board_add(&f->board, seq, end, env->now_ns);
    LA_ASSERT(env->assert_handler, index != 0); /* plan_data() saw to a spare run */
    board_at(&f->board, index)->flags |= (alone ? RUN_MTU_PROBE : 0) | (probed ? RUN_EVER_RTX : 0);
    stamp(t, env, board_at(&f->board, index), before);
    prr_sent(&f->prr, seq_len(seq, end));
    (void)board_ready(&f->board);
}

/* Milliseconds by which the timestamp of a retransmission lies back. */
static uint32_t ts_lag_ms(const struct tcb *t)
{
    const struct tcp_flight *f = t->flight;
    return f->rack.reordering_seen ? tcp_reordering_window_us(t) / 1000 + 1 : 0;
}

/* A retransmission fills its gap, and TS.Recent becomes as young as it is (RFC 7323 4.3). What left
 * before it and is late would then be dropped as an old duplicate (5.3, R1), although it is wanted:
 * on a path that reorders each loss would drag others behind it. So there what RACK sends again
 * has the timestamp of a segment that left a reordering window earlier, which a network like this
 * might have made of it anyhow. What it follows in sequence left a round trip before, or is a
 * retransmission, whose timestamp it does not go below: so R1 never refuses it. docs/recovery.md */
uint32_t tcp_tsval(const struct tcb *t, const struct tcp_env *env, enum la_reason reason)
{
    uint32_t now = tcp_now_ms(env) + t->ts_offset;
    if (reason != LA_RTX_RACK && reason != LA_RTX_AGAIN) {
        return now;
    }
    uint32_t lag = ts_lag_ms(t), since = now - t->flight->rtx_tsval;
    return now - (since < lag ? since : lag);
}

void tcp_flight_resent(struct tcb *t, struct tcp_env *env, const struct tcp_plan *plan, seq32 end)
{
    struct tcp_flight *f = t->flight;
    uint32_t index = board_find(&f->board, plan->seq);
    LA_ASSERT(env->assert_handler, index != 0);
    /* Without memory for a part the whole run counts as sent again: what did not go is found out by
     * the timer. */
    if (seq_lt(board_at(&f->board, index)->seq, plan->seq)) {
        uint32_t part = board_split(&f->board, index, plan->seq);
        index = part ? part : index;
    }
    if (seq_lt(end, board_at(&f->board, index)->end)) {
        (void)board_split(&f->board, index, end);
    }
    struct run *r = board_at(&f->board, index);
    uint32_t before = tcp_in_flight(t);
    board_resent(&f->board, index, env->now_ns);
    stamp(t, env, r, before);
    if (plan->reason == LA_RTX_PROBE) {
        r->flags |= RUN_PROBE;
    }
    uint32_t segments = plan->len > t->mss ? (plan->len + t->mss - 1) / t->mss : 1;
    f->rtx_high = seq_max(f->rtx_high, end);
    f->rtx_tsval = tcp_tsval(t, env, plan->reason);
    undo_resent(&f->undo, segments, f->rtx_tsval);
    prr_sent(&f->prr, seq_len(plan->seq, end));
    if (seq_eq(plan->seq, t->snd_una) && !(t->flags & TCP_F_PERSIST)) {
        t->rtx_at_ns = TCP_NEVER; /* RFC 6675 5.1: its timer begins with it */
    }
}

void tcp_flight_probed(struct tcb *t, seq32 seq)
{
    struct board *b = t->flight ? &t->flight->board : NULL;
    uint32_t index = b ? board_find(b, seq) : 0;
    if (index) {
        board_at(b, index)->flags |= RUN_EVER_RTX;
    }
}

/* ---- what an ACK delivers -------------------------------------------------------------------- */

void tcp_news_begin(struct tcb *t, struct tcp_ack_news *n)
{
    *n = (struct tcp_ack_news){
        .una = t->snd_una, .sack_high = t->snd_una, .flight = tcp_in_flight(t)};
    rate_ack_begin(&n->rate);
}

/* Its timestamp echoes something older than the last transmission (RFC 8985 6.2, step 2). That is
 * known only of what is acknowledged cumulatively: a segment behind a hole leaves the peer's
 * TS.Recent as it is (RFC 7323 4.3), and its SACK echoes what came before the hole. */
static bool echo_is_older(const struct tcb *t, const struct tcp_segment *seg, uint64_t sent_ns)
{
    uint32_t tsval = (uint32_t)(sent_ns / 1000000) + t->ts_offset - ts_lag_ms(t);
    return (t->flags & TCP_F_TS) && (seg->h.options & WIRE_TCP_TS) &&
           (int32_t)(seg->h.tsecr - tsval) < 0;
}

/* How far, in segments, did something arrive behind what had left after it? */
static void note_reordering(struct tcb *t, seq32 seq)
{
    struct tcp_flight *f = t->flight;
    uint32_t by = seq_lt(seq, f->rack.fack) ? seq_len(seq, f->rack.fack) : 0;
    if (by > (uint32_t)f->reordering * t->mss) {
        uint32_t segs = (by + t->mss - 1) / t->mss;
        f->reordering = (uint16_t)(segs < UINT16_MAX ? segs : UINT16_MAX);
    }
}

/* The bytes [r->seq, end) of a run are delivered for the first time. */
static void delivered(struct tcb *t, struct tcp_env *env, struct tcp_ack_news *n,
                      const struct tcp_segment *seg, const struct run *r, seq32 end)
{
    struct tcp_flight *f = t->flight;
    bool again = (r->flags & RUN_EVER_RTX) != 0;
    uint64_t age_us = (env->now_ns - r->sent_ns) / 1000;
    struct rate_stamp s = stamp_of(r);
    struct rack_delivery d = {.sent_ns = r->sent_ns,
                              .seq = r->seq,
                              .end = end,
                              .retransmitted = again,
                              .ts_older = again && seq_le(end, seg->ack) &&
                                          echo_is_older(t, seg, r->sent_ns)};

    n->delivered += seq_len(r->seq, end);
    rate_delivered(&f->rate, &n->rate, &s, r->sent_ns, seq_len(r->seq, end), env->now_ns);
    rack_delivered(&f->rack, &d, env->now_ns, min_rtt_us(&f->min_rtt));
    n->original |= !(r->flags & RUN_RTX);
    if (f->rack.reordering_seen && !again) {
        note_reordering(t, r->seq);
    }
    if (t->path) {
        tcp_mtu_delivered(t, env, n, r, end);
    }
    if (again) {
        return;
    }
    uint32_t rtt_us = age_us == 0 ? 1 : age_us > UINT32_MAX ? UINT32_MAX : (uint32_t)age_us;
    if (n->last_rtt_us == 0 || rtt_us < n->last_rtt_us) {
        n->last_rtt_us = rtt_us;
    }
}

void tcp_news_ack(struct tcb *t, struct tcp_env *env, struct tcp_ack_news *n,
                  const struct tcp_segment *seg)
{
    struct board *b = &t->flight->board;
    uint32_t oldest_us = 0;

    n->acked = seq_len(n->una, seg->ack);
    while (b->first && seq_lt(board_at(b, b->first)->seq, seg->ack)) {
        const struct run *r = board_at(b, b->first);
        seq32 end = seq_min(r->end, seg->ack);
        if (!(r->flags & RUN_SACKED)) {
            if (r->flags & RUN_EVER_RTX) {
                n->covers_rtx = true;
                n->covers_episode |= r->sent_ns >= t->flight->episode_ns;
            }
            delivered(t, env, n, seg, r, end);
            if (oldest_us == 0) {
                oldest_us = n->last_rtt_us;
            }
        }
        if (seq_lt(end, r->end)) {
            board_trim(b, end);
            break;
        }
        board_pop(b);
    }
    /* Karn (MUST-18): nor from what only waited for a retransmission before it. */
    n->rtt_us = n->covers_rtx ? 0 : oldest_us;
}

/* ---- SACK ------------------------------------------------------------------------------------ */

/* Cuts the run at `index` so that one begins at `at`; what it returns begins there, 0: no memory.
 */
static uint32_t run_from(struct board *b, uint32_t index, seq32 at)
{
    return seq_lt(board_at(b, index)->seq, at) ? board_split(b, index, at) : index;
}

static void sack_block(struct tcb *t, struct tcp_env *env, struct tcp_ack_news *n,
                       const struct tcp_segment *seg, seq32 left, seq32 right)
{
    struct board *b = &t->flight->board;
    uint32_t index = board_find(b, left);

    while (index && seq_lt(board_at(b, index)->seq, right)) {
        if (!(board_at(b, index)->flags & RUN_SACKED)) {
            index = run_from(b, index, left);
            if (!index) {
                return; /* the peer will tell it again */
            }
            if (seq_lt(right, board_at(b, index)->end) && !board_split(b, index, right)) {
                return;
            }
            const struct run *r = board_at(b, index);
            n->sacked += seq_len(r->seq, r->end);
            delivered(t, env, n, seg, r, r->end);
            index = board_sack(b, index);
        }
        index = board_next(b, index);
    }
}

/* RFC 2883 4: the first block reports what came twice when it lies below the ACK, or within the
 * second block. */
static bool is_dsack(const struct tcp_segment *seg)
{
    const struct wire_sack *s = seg->h.sack;
    if (seq_le(seq_of(s[0].right), seg->ack)) {
        return true;
    }
    return seg->h.sack_n > 1 && seq_ge(seq_of(s[0].left), seq_of(s[1].left)) &&
           seq_le(seq_of(s[0].right), seq_of(s[1].right));
}

static void take_dsack(struct tcb *t, struct tcp_ack_news *n, const struct wire_sack *s)
{
    const struct tcp_flight *f = t->flight;
    uint32_t len = seq_len(seq_of(s->left), seq_of(s->right));
    if (!seq_lt(seq_of(s->left), seq_of(s->right)) || seq_gt(seq_of(s->right), t->snd_nxt) ||
        seq_lt(seq_of(s->left), seq_sub(t->snd_una, t->snd_wnd_max))) {
        return; /* nothing that we sent in living memory */
    }
    n->dsacks = len > t->mss ? (len + t->mss - 1) / t->mss : 1;
    n->dsack_of_probe = f->tlp.outstanding && seq_eq(seq_of(s->right), f->tlp.end);
    /* RFC 3708 3: it begins where the last ACK ended and nothing was SACKed since: then all ACKs of
     * a window may have been lost, and the retransmission was due. */
    bool acks_lost = seq_eq(seq_of(s->left), n->una) && !f->sacked_since;
    /* Nor what was sent again before the episode, nor what left once and the network doubled. */
    uint32_t index = board_find(&f->board, seq_of(s->left));
    bool sent_once = index && !(board_at(&f->board, index)->flags & RUN_EVER_RTX);
    n->dsack_ours = f->undo.possible && seq_ge(seq_of(s->left), f->episode_una) &&
                    seq_le(seq_of(s->right), f->recover) && !sent_once && !acks_lost;
}

/* The blocks from the `from`-th on, ascending: RACK takes what is delivered later in this order for
 * reordered (RFC 8985 6.2, step 3). */
static unsigned in_order(const struct tcp_segment *seg, unsigned from,
                         struct wire_sack blocks[WIRE_SACK_MAX])
{
    unsigned n = 0;
    for (unsigned i = from; i < seg->h.sack_n; i++) {
        unsigned at = n++;
        for (; at > 0 && seq_gt(seq_of(blocks[at - 1].left), seq_of(seg->h.sack[i].left)); at--) {
            blocks[at] = blocks[at - 1];
        }
        blocks[at] = seg->h.sack[i];
    }
    return n;
}

void tcp_news_sack(struct tcb *t, struct tcp_env *env, struct tcp_ack_news *n,
                   const struct tcp_segment *seg)
{
    if (!(t->flags & TCP_F_SACK) || !(seg->h.options & WIRE_TCP_SACK)) {
        return;
    }
    unsigned i = 0;
    n->sack_high = seg->ack;
    if (is_dsack(seg)) {
        take_dsack(t, n, &seg->h.sack[i++]);
    }
    struct wire_sack blocks[WIRE_SACK_MAX];
    unsigned count = in_order(seg, i, blocks);
    for (i = 0; i < count; i++) {
        seq32 left = seq_of(blocks[i].left);
        seq32 right = seq_of(blocks[i].right);
        /* What lies outside of what is outstanding is old, or nonsense (RFC 2018 5): so is a block
         * that touches SND.UNA, for its bytes would be acknowledged. */
        if (seq_gt(left, t->snd_una) && seq_lt(left, right) && seq_le(right, t->snd_nxt)) {
            n->sack_high = seq_max(n->sack_high, right);
            sack_block(t, env, n, seg, left, right);
        }
    }
    t->flight->sacked_since |= n->sacked != 0;
}
