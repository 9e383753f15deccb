/* Step 5 of 3.10.7.4: the ACK field (RFC 9293), round-trip samples (RFC 6298, RFC 7323 4). What it
 * says about losses is repair.c's business. */
#include "tcp/tcp.h"

#include "tcp/decide.h"
#include "tcp/flight.h"
#include "tcp/path.h"
#include "tcp/rtt.h"

/* Frees the buffers of which every byte is acknowledged. */
static void free_acknowledged(struct tcb *t, struct tcp_env *env)
{
    while (t->snd_head && seq_le(seq_add(seq_of(t->snd_head->seq), t->snd_head->len), t->snd_una)) {
        struct la_buf *done = t->snd_head;
        if (done == t->snd_tail && (t->flags & TCP_F_RESERVED)) {
            return; /* tcp_reserve() gave its room away */
        }
        t->snd_head = done->next;
        if (t->flight && t->flight->snd_cur == done) {
            t->flight->snd_cur = t->snd_head;
        }
        if (t->flight && t->flight->rtx_cur == done) {
            t->flight->rtx_cur = t->snd_head;
        }
        done->next = NULL;
        buf_put(env->bufs, done);
    }
    if (!t->snd_head) {
        t->snd_tail = NULL;
    }
}

/* The round trip that this ACK tells, in microseconds; 0: none. */
static uint32_t rtt_sample_us(const struct tcb *t, const struct tcp_env *env,
                              const struct tcp_segment *seg, const struct tcp_ack_news *n)
{
    if (n->rtt_us != 0) {
        return n->rtt_us;
    }
    if (n->acked == 0) {
        return n->last_rtt_us; /* of what it SACKed */
    }
    if (t->flags & TCP_F_SYN_TIMED) { /* Karn (MUST-18): the SYN left once */
        uint32_t us = (uint32_t)(env->now_ns / 1000) - t->syn_at_us;
        return us ? us : 1;
    }
    if ((t->flags & TCP_F_TS) && (seg->h.options & WIRE_TCP_TS) && seg->h.tsecr != 0 &&
        (n->covers_rtx || t->backoff != 0)) {
        /* RFC 7323 4.1: an echoed timestamp also measures what was sent again. */
        uint32_t ms = tcp_now_ms(env) + t->ts_offset - seg->h.tsecr;
        return ms > TCP_RTT_MAX_MS ? 0 : ms == 0 ? 1 : ms * 1000;
    }
    return 0;
}

/* False: the ACK says nothing about the round trip. */
static bool take_rtt_sample(struct tcb *t, const struct tcp_env *env, const struct tcp_segment *seg,
                            struct tcp_ack_news *n)
{
    uint32_t sample_us = rtt_sample_us(t, env, seg, n);
    if (t->flags & TCP_F_SYN_TIMED) {
        n->last_rtt_us = sample_us; /* what was queued before the handshake shall profit from it */
    }
    t->flags &= ~(uint32_t)TCP_F_SYN_TIMED;
    if (sample_us == 0) {
        return false;
    }
    struct tcp_rtt r = {.srtt_us8 = t->srtt_us8, .rttvar_us4 = t->rttvar_us4};
    r = tcp_rtt_sample(r, sample_us);
    t->srtt_us8 = r.srtt_us8;
    t->rttvar_us4 = r.rttvar_us4;
    t->rto_ms =
        tcp_rto_ms(r, env->persona.rto_var_min_ms, t->opt.rto_min_ms, env->persona.rto_max_ms);
    t->cc.srtt_us = r.srtt_us8 / 8;
    return true;
}

/* SND.UNA moves. */
static void advance(struct tcb *t, struct tcp_env *env, const struct tcp_segment *seg)
{
    bool syn = seq_eq(t->snd_una, t->iss);
    uint32_t fin = (t->flags & TCP_F_FIN_SENT) && seq_gt(seg->ack, t->snd_end) ? 1 : 0;
    uint32_t bytes = seq_len(t->snd_una, seg->ack) - (syn ? 1 : 0) - fin;

    t->snd_una = seg->ack;
    t->una_at_ns = env->now_ns;
    t->bytes_acked += bytes;
    t->snd_nxt = seq_max(t->snd_nxt, t->snd_una);
    t->backoff = 0;
    t->soft_error = 0;
    /* A probe that has not left is moot, and may have nothing to probe with any more. */
    t->flags &= ~(uint32_t)(TCP_F_R1 | TCP_F_OVERRIDE | TCP_F_PROBE);
    if (env->persona.more_until_ack) {
        t->flags &= ~(uint32_t)TCP_F_MORE;
    }
    if ((t->flags & TCP_F_SND_URG) && seq_le(t->snd_up, t->snd_una)) {
        t->flags &= ~(uint32_t)TCP_F_SND_URG;
    }
    if (bytes != 0) {
        free_acknowledged(t, env);
        /* Writable again when a third of the buffer is free: not a wake-up per segment. */
        if (tcp_snd_room(t) >= t->opt.sndbuf / 3) {
            t->todo |= TCP_DO_WRITABLE;
        }
    }
    t->rtx_at_ns = TCP_NEVER; /* RFC 6298 5.2, 5.3 */
    tcp_arm_rtx(t, env);
    t->todo |= TCP_DO_OUTPUT | TCP_DO_PROGRESS;
}

void tcp_take_ack(struct tcb *t, struct tcp_env *env, const struct tcp_segment *seg, bool duplicate)
{
    struct tcp_ack_news n;
    bool advanced = seq_gt(seg->ack, t->snd_una);

    tcp_news_begin(t, &n);
    n.duplicate = duplicate;
    if (advanced) {
        if (t->flight) {
            tcp_news_ack(t, env, &n, seg);
        }
        n.acked = seq_len(t->snd_una, seg->ack);
        if (!take_rtt_sample(t, env, seg, &n) && !(t->flags & TCP_F_PERSIST)) {
            /* Karn's other half (RFC 6298 5, MUST-18): the backed-off timeout holds until a sample
             * says better, or a path slower than the timeout would never give one. */
            t->rto_ms = tcp_rto_backed_off(t->rto_ms, t->backoff, env->persona.rto_max_ms);
        }
        advance(t, env, seg);
    }
    if (t->flight) {
        tcp_news_sack(t, env, &n, seg);
        if (!advanced && n.sacked != 0) {
            (void)take_rtt_sample(t, env, seg, &n);
        }
        if (advanced || n.sacked != 0 || n.dsacks != 0 || duplicate) {
            tcp_ecn_news(t, env, &n, seg);
            tcp_repair(t, env, &n, seg);
        }
    }
    tcp_tune_send(t, env);
}

/* The ACK field equals SND.UNA: perhaps a duplicate ACK (RFC 5681 2). */
static void same_ack(struct tcb *t, struct tcp_env *env, const struct tcp_segment *seg,
                     bool window_changed, enum la_reason *verdict)
{
    uint32_t seg_len = seg->text_cut ? 1 : seg->seg_len;
    /* An answer to a probe of a closed window tells of no loss. */
    bool in_flight = tcp_outstanding(t) && !(t->flags & TCP_F_PERSIST);
    bool duplicate = tcp_duplicate_ack(in_flight, seg_len, window_changed, t->snd_una, seg->ack);
    if (duplicate) {
        *verdict = LA_TAKE_ACK_DUPLICATE;
        t->dup_acks_in++;
    } else {
        *verdict = window_changed ? LA_TAKE_WINDOW : LA_TAKE_ACK_OLD;
    }
    tcp_take_ack(t, env, seg, duplicate);
}

/* RFC 5681 4.1, where a persona wants it: nothing was sent for longer than a timeout. */
static void restart_idle(struct tcb *t, const struct tcp_env *env)
{
    uint32_t idle_ms = tcp_now_ms(env) - t->last_send_ms;
    if (env->persona.idle_restart && !tcp_outstanding(t) && idle_ms > t->rto_ms) {
        t->cc.ops->restart(&t->cc, (uint64_t)idle_ms * 1000000, env->now_ns);
    }
}

void tcp_update_window(struct tcb *t, struct tcp_env *env, const struct tcp_segment *seg)
{
    if (!tcp_window_update_ok(t->snd_wl1, t->snd_wl2, seg->seq, seg->ack)) {
        return;
    }
    uint32_t before = t->snd_wnd;
    t->snd_wnd = (uint32_t)seg->h.wnd << t->snd_wscale; /* REC-1: 32 bits */
    t->snd_wl1 = seg->seq;
    t->snd_wl2 = seg->ack;
    if (t->snd_wnd > t->snd_wnd_max) {
        t->snd_wnd_max = t->snd_wnd;
    }
    if (t->snd_wnd == before) {
        return;
    }
    if (before == 0 && (t->flags & TCP_F_PERSIST)) {
        t->backoff = 0;
        if (t->flight) {
            tcp_repair_all(t, LA_RTX_WINDOW); /* what met the closed window was not taken */
            restart_idle(t, env);
        }
    }
    if (before == 0 || t->snd_wnd == 0) {
        t->rtx_at_ns = TCP_NEVER; /* from probing to sending, or back */
        tcp_arm_rtx(t, env);
        if (t->flight) {
            tcp_arm_probe(t, env);
        }
    }
    t->todo |= TCP_DO_OUTPUT;
}

/* What an acknowledged FIN means in each closing state. False: the connection is over. */
static bool our_fin_acked(struct tcb *t, struct tcp_env *env)
{
    switch (t->state) {
    case LA_TCP_FIN_WAIT_1:
        tcp_set_state(t, env, LA_TCP_FIN_WAIT_2, LA_TAKE_ACK);
        if (t->flags & TCP_F_APP_CLOSED) {
            /* RFC 1122 4.2.2.20: the peer's FIN is awaited only so long when nobody reads. */
            tcp_arm(t, &t->keep_at_ns, env->now_ns + (uint64_t)t->opt.fin_wait_2_s * 1000000000U);
        }
        return true;
    case LA_TCP_CLOSING:
        tcp_set_state(t, env, LA_TCP_TIME_WAIT, LA_TAKE_ACK);
        return false;
    case LA_TCP_LAST_ACK:
        tcp_end(t, env, LA_OK, LA_TAKE_ACK);
        return false;
    default:
        return true;
    }
}

bool tcp_step_ack(struct tcb *t, struct tcp_env *env, struct tcp_segment *seg,
                  enum la_reason *verdict)
{
    if (!(seg->h.flags & LA_TH_ACK)) {
        *verdict = LA_DROP_NO_ACK;
        return false;
    }
    enum tcp_ack_verdict ack = tcp_ack_verdict(t->snd_una, t->snd_max, t->snd_wnd_max, seg->ack);
    if (t->state == LA_TCP_SYN_RECEIVED) {
        if (ack != TCP_ACK_NEW) {
            seg->reset = true; /* "If the segment acknowledgment is not acceptable, form a reset" */
            *verdict = LA_DROP_ACK_RANGE;
            return false;
        }
        tcp_take_ack(t, env, seg, false);
        tcp_establish(t, env, seg, tcp_ecn_third(t, seg), LA_TAKE_HANDSHAKE_ACK);
        *verdict = LA_TAKE_HANDSHAKE_ACK;
        return true;
    }
    if (ack == TCP_ACK_TOO_OLD || ack == TCP_ACK_TOO_NEW) {
        *verdict = LA_DROP_ACK_RANGE;
        return false;
    }
    if (ack == TCP_ACK_OLD) {
        *verdict = LA_TAKE_ACK_OLD;
        if (env->persona.old_sacks && (seg->h.options & WIRE_TCP_SACK)) {
            tcp_take_ack(t, env, seg, false);
        }
        return true;
    }
    uint32_t wnd = (uint32_t)seg->h.wnd << t->snd_wscale;
    bool window_changed = wnd != t->snd_wnd;
    if (ack == TCP_ACK_NEW) {
        tcp_take_ack(t, env, seg, false);
    } else {
        same_ack(t, env, seg, window_changed, verdict);
    }
    tcp_update_window(t, env, seg);
    if (!tcp_fin_acked(t)) {
        return true;
    }
    if (ack == TCP_ACK_NEW) {
        *verdict = LA_TAKE_ACK_FIN;
    }
    return our_fin_acked(t, env);
}
