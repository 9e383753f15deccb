/* SEGMENT ARRIVES (RFC 9293 3.10.7), in the RFC's order.
 *
 * CLOSED and LISTEN have no control block: the stack answers for CLOSED with tcp_reset_for(), and
 * listen.c holds 3.10.7.2. SYN-SENT has a function of its own (arrives_open.c). All other states
 * share the eight steps of 3.10.7.4, one function a step; steps 5 and 7 have files of their own
 * (ack.c, text.c). A step that says DONE ends the processing of the segment. */
#include "tcp/tcp.h"

#include "tcp/decide.h"
#include "tcp/fastopen.h"
#include "tcp/quick.h"
#include "tcp/reass.h"

enum step { STEP_GO_ON, STEP_DONE };

/* RFC 5961 7: answers to segments that may be forged are limited, here to so many a second of each
 * connection; a limit shared by connections would tell an attacker about the others. */
static void challenge(struct tcb *t, const struct tcp_env *env, enum la_reason why)
{
    uint16_t now_s = (uint16_t)(env->now_ns / 1000000000);
    if (now_s != t->challenge_s) {
        t->challenge_s = now_s;
        t->challenges = 0;
    }
    uint16_t most = env->persona.challenges;
    if (most == 0 || t->challenges < most) {
        t->challenges = t->challenges < UINT8_MAX ? (uint8_t)(t->challenges + 1) : t->challenges;
        tcp_ack_now(t, why);
    }
}

/* RFC 7323 5.3, R1: is the timestamp in order? */
static bool paws_refuses(const struct tcb *t, const struct tcp_env *env,
                         const struct tcp_segment *seg, enum la_reason *verdict)
{
    if (!(t->flags & TCP_F_TS) || (seg->h.flags & LA_TH_RST)) {
        return false;
    }
    if (!(seg->h.options & WIRE_TCP_TS)) {
        if (env->persona.ts_optional) {
            return false;
        }
        /* RFC 7323 3.2: once agreed, a segment without it is dropped. */
        *verdict = LA_DROP_TIMESTAMP_MISSING;
        return true;
    }
    uint32_t age_s = (uint32_t)(env->now_ns / 1000000000) - t->ts_recent_s;
    if (tcp_paws_ok(t->ts_recent, seg->h.tsval, age_s)) {
        return false;
    }
    *verdict = LA_DROP_PAWS;
    return true;
}

/* Bytes below the window are reported by D-SACK (RFC 2883 4.1). */
static void note_duplicate(struct tcb *t, seq32 from, seq32 to)
{
    if (t->flags & TCP_F_SACK) {
        t->dsack = (struct wire_sack){.left = from.v, .right = to.v};
        t->flags |= TCP_F_DSACK;
    }
}

/* A segment outside the window is answered with an ACK, unless it is an RST. One without data is
 * answered only so often: two ends whose numbers disagree would answer each other forever. */
static void refuse_sequence(struct tcb *t, struct tcp_env *env, const struct tcp_segment *seg)
{
    if ((seg->h.flags & LA_TH_RST) || tcp_tfo_syn_again(t, env, seg)) {
        return;
    }
    if (seg->len == 0 && !(seg->h.flags & LA_TH_FIN)) {
        challenge(t, env, LA_ACK_UNACCEPTABLE);
        if ((seg->h.flags & (LA_TH_SYN | LA_TH_ACK)) == (LA_TH_SYN | LA_TH_ACK)) {
            tcp_ecn_syn_ack_again(t, seg);
        }
        return;
    }
    if (seg->len != 0 && seq_lt(seg->seq, t->rcv_nxt)) {
        note_duplicate(t, seg->seq, seq_min(seq_add(seg->seq, seg->len), t->rcv_nxt));
        tcp_ack_now(t, LA_ACK_DUPLICATE);
        return;
    }
    tcp_ack_now(t, LA_ACK_UNACCEPTABLE);
}

/* Simultaneous open: the peer's SYN-ACK repeats the SYN we have. Its SYN lies before the window,
 * its ACK is the one we wait for (RFC 9293 3.5, figure 7; MUST-10): the SYN is cut off. */
static void strip_known_syn(const struct tcb *t, struct tcp_segment *seg)
{
    if (t->state == LA_TCP_SYN_RECEIVED && (seg->h.flags & LA_TH_SYN) &&
        (seg->h.flags & LA_TH_ACK) && seq_eq(seg->seq, t->irs)) {
        seg->h.flags &= (uint16_t)~LA_TH_SYN;
        seg->syn_cut = true;
        seg->seq = seq_add(seg->seq, 1);
        seg->seg_len--;
    }
}

/* Both ends probe closed windows, and both take the other's byte: each acknowledges it with the
 * sequence number before its own, which is one before the window there. Unless that ACK is heard
 * the two answer each other until their limits stop them (draft-gont-tcpm-tcp-seq-validation). */
static bool acknowledges_probe(const struct tcb *t, const struct tcp_segment *seg)
{
    return tcp_synchronized(t) && seg->seg_len == 0 &&
           (seg->h.flags & (LA_TH_SYN | LA_TH_ACK)) == LA_TH_ACK &&
           seq_eq(seq_add(seg->seq, 1), t->rcv_nxt) && seq_gt(seg->ack, t->snd_una);
}

/* "First, check sequence number" */
static enum step step1_sequence(struct tcb *t, struct tcp_env *env, struct tcp_segment *seg,
                                enum la_reason *verdict)
{
    strip_known_syn(t, seg);
    if (paws_refuses(t, env, seg, verdict)) {
        if (*verdict == LA_DROP_PAWS) {
            refuse_sequence(t, env, seg);
        }
        return STEP_DONE;
    }
    uint32_t wnd = tcp_rcv_wnd(t);
    if (seg->h.flags & LA_TH_RST) {
        return STEP_GO_ON; /* step 2 looks at its sequence number alone (SHLD-2: data or not) */
    }
    if (!tcp_seq_acceptable(t->rcv_nxt, wnd, seg->seq, seg->seg_len)) {
        if (wnd == 0 && seq_eq(seg->seq, t->rcv_nxt)) {
            /* "If the RCV.WND is zero, no segments will be acceptable, but special allowance should
             * be made to accept valid ACKs, URGs, and RSTs" (MUST-66): the text is not taken. */
            bool fin = seg->len == 0 && env->persona.lenient_window; /* it takes no room */
            seg->text_cut = seg->seg_len != 0;
            seg->len = 0;
            seg->seg_len = 0;
            seg->h.flags &= fin ? seg->h.flags : (uint16_t)~LA_TH_FIN;
            tcp_ack_now(t, LA_ACK_UNACCEPTABLE);
            return STEP_GO_ON;
        }
        bool known = seg->len != 0 && seq_le(seq_add(seg->seq, seg->len), t->rcv_nxt);
        refuse_sequence(t, env, seg);
        if (acknowledges_probe(t, seg)) {
            return STEP_GO_ON;
        }
        *verdict = known ? LA_TAKE_DATA_OLD : LA_DROP_SEQUENCE;
        return STEP_DONE;
    }
    if ((t->flags & TCP_F_TS) && (seg->h.options & WIRE_TCP_TS) &&
        seq_le(seg->seq, t->last_ack_sent)) {
        /* RFC 7323 4.3 (2). */
        t->ts_recent = seg->h.tsval;
        t->ts_recent_s = (uint32_t)(env->now_ns / 1000000000);
    }
    return STEP_GO_ON;
}

/* "Second, check the RST bit" */
static enum step step2_reset(struct tcb *t, struct tcp_env *env, const struct tcp_segment *seg,
                             enum la_reason *verdict)
{
    if (!(seg->h.flags & LA_TH_RST)) {
        return STEP_GO_ON;
    }
    switch (tcp_rst_verdict(t->rcv_nxt, tcp_rcv_wnd(t), seg->seq)) {
    case TCP_RST_DROP:
        *verdict = LA_DROP_RST_SEQUENCE;
        return STEP_DONE;
    case TCP_RST_CHALLENGE:
        challenge(t, env, LA_CHALLENGE_RST);
        *verdict = LA_DROP_RST_INEXACT;
        return STEP_DONE;
    case TCP_RST_ACCEPT:
        break;
    }
    *verdict = LA_TAKE_RST;
    int error = LA_ECONNRESET; /* MUST-12: told apart from the end by FIN */
    if (t->state == LA_TCP_SYN_RECEIVED) {
        /* MUST-11: who came from LISTEN returns there (its record is gone), who opened actively is
         * told. Of a Fast Open the application may have read and written already. */
        error = (t->flags & TCP_F_PASSIVE) ? LA_ECONNRESET : LA_ECONNREFUSED;
    } else if (!env->persona.reset_tells &&
               (t->state == LA_TCP_CLOSING || t->state == LA_TCP_LAST_ACK)) {
        error = LA_OK;
    }
    tcp_end(t, env, error, LA_TAKE_RST);
    return STEP_DONE;
}

/* "Fourth, check the SYN bit". (Third, security: not implemented, docs/deviations.md.) */
static enum step step4_syn(struct tcb *t, const struct tcp_env *env, const struct tcp_segment *seg,
                           enum la_reason *verdict)
{
    if (!(seg->h.flags & LA_TH_SYN)) {
        return STEP_GO_ON;
    }
    /* RFC 5961 4.2, in all synchronized states; in SYN-RECEIVED a SYN in the window cannot be the
     * peer's either. */
    challenge(t, env, LA_CHALLENGE_SYN);
    *verdict = LA_DROP_SYN_SYNCHRONIZED;
    return STEP_DONE;
}

/* "Sixth, check the URG bit". Urgent data stay in line (RFC 6093 4); the application is told when
 * they appear and when their end moves (MUST-32). */
static void step6_urgent(struct tcb *t, struct tcp_env *env, const struct tcp_segment *seg)
{
    if (!(seg->h.flags & LA_TH_URG) || t->state > LA_TCP_FIN_WAIT_2 ||
        t->state == LA_TCP_CLOSE_WAIT) {
        return;
    }
    seq32 up = seq_add(seg->seq, seg->h.urg); /* MUST-62: the octet after the urgent data */
    if (seq_le(up, t->rcv_nxt) || ((t->flags & TCP_F_RCV_URG) && seq_le(up, t->rcv_up))) {
        return;
    }
    t->rcv_up = up;
    t->flags |= TCP_F_RCV_URG;
    t->todo |= TCP_DO_URGENT;
    tcp_note(t, env, LA_TRACE_EVENT, LA_URGENT_ADVANCED, seq_len(t->rcv_nxt, up), 0);
}

/* RFC 9293 3.6.1 (SHLD-3): nobody will read any more, and data arrive: the peer must learn that
 * they are lost. */
static bool data_after_close(struct tcb *t, struct tcp_env *env, const struct tcp_segment *seg)
{
    return (t->flags & TCP_F_APP_CLOSED) && seg->len != 0 &&
           seq_gt(seq_add(seg->seq, seg->len), t->rcv_nxt) &&
           (tcp_abort(t, env, LA_RST_DATA_AFTER_CLOSE), true);
}

/* "Eighth, check the FIN bit": when all bytes before it have arrived. */
static void step8_fin(struct tcb *t, struct tcp_env *env, enum la_reason *verdict)
{
    if (!(t->flags & TCP_F_FIN_KNOWN) || (t->flags & TCP_F_FIN_RCVD) ||
        !seq_eq(t->rcv_nxt, t->fin_seq)) {
        return;
    }
    t->flags |= TCP_F_FIN_RCVD;
    t->rcv_nxt = seq_add(t->rcv_nxt, 1);
    t->rcv_adv = seq_max(t->rcv_adv, t->rcv_nxt);
    t->todo |= TCP_DO_READABLE | TCP_DO_PEER_CLOSED;
    if (env->persona.fin_no_dsack) {
        t->flags &= ~(uint32_t)TCP_F_DSACK;
    }
    if (!tcp_quick_fin_waits(t, env)) {
        tcp_ack_now(t, LA_ACK_FIN);
        t->reason = LA_ACK_FIN; /* whatever else it acknowledges */
    }
    if (*verdict != LA_TAKE_DATA) {
        *verdict = LA_TAKE_FIN;
    }
    switch (t->state) {
    case LA_TCP_SYN_RECEIVED:
    case LA_TCP_ESTABLISHED:
        tcp_set_state(t, env, LA_TCP_CLOSE_WAIT, LA_TAKE_FIN);
        break;
    case LA_TCP_FIN_WAIT_1:
        /* Had our FIN been acknowledged, step 5 would have moved on to FIN-WAIT-2. */
        tcp_set_state(t, env, LA_TCP_CLOSING, LA_TAKE_FIN);
        break;
    case LA_TCP_FIN_WAIT_2:
        tcp_set_state(t, env, LA_TCP_TIME_WAIT, LA_TAKE_FIN);
        break;
    default:
        break; /* the FIN was taken before */
    }
}

static void note_fin(struct tcb *t, const struct tcp_segment *seg)
{
    if ((seg->h.flags & LA_TH_FIN) && !(t->flags & TCP_F_FIN_KNOWN)) {
        t->flags |= TCP_F_FIN_KNOWN;
        t->fin_seq = seq_add(seg->seq, seg->len);
    }
}

void tcp_steps_from_urg(struct tcb *t, struct tcp_env *env, struct tcp_segment *seg,
                        enum la_reason *verdict)
{
    step6_urgent(t, env, seg);
    uint32_t payload = seg->len;
    note_fin(t, seg);
    if (payload != 0) {
        tcp_step_text(t, env, seg, verdict);
    } else if ((seg->h.flags & LA_TH_FIN) && seq_gt(seg->seq, t->rcv_nxt)) {
        tcp_ack_now(t, LA_ACK_GAP); /* RFC 5681 4.2 */
    }
    step8_fin(t, env, verdict);
}

/* 3.10.7.4: all states but CLOSED, LISTEN and SYN-SENT. */
static enum la_reason other_states(struct tcb *t, struct tcp_env *env, struct tcp_segment *seg)
{
    enum la_reason verdict = LA_TAKE_ACK;
    if (step1_sequence(t, env, seg, &verdict) == STEP_DONE ||
        step2_reset(t, env, seg, &verdict) == STEP_DONE ||
        step4_syn(t, env, seg, &verdict) == STEP_DONE) {
        return verdict;
    }
    tcp_heard(t, env);
    if (!tcp_step_ack(t, env, seg, &verdict)) {
        if (verdict == LA_DROP_ACK_RANGE && !seg->reset) {
            challenge(t, env, LA_CHALLENGE_ACK);
        }
        return verdict;
    }
    tcp_ecn_arrived(t, seg, seg->len, seg->segs);
    if (data_after_close(t, env, seg)) {
        return LA_DROP_DATA_AFTER_CLOSE;
    }
    tcp_steps_from_urg(t, env, seg, &verdict);
    return verdict;
}

static enum la_reason one_arrives(struct tcb *t, struct tcp_env *env, struct tcp_segment *seg)
{
    struct wire_tcp as_it_came = seg->h;
    uint32_t len = seg->len;

    t->segs_in += seg->segs;
    enum la_reason verdict =
        t->state == LA_TCP_SYN_SENT ? tcp_syn_sent_arrives(t, env, seg) : other_states(t, env, seg);
    tcp_trace_segment(t, env, LA_TRACE_IN, &as_it_came, len, verdict);
    return verdict;
}

/* A merged segment that the fast path did not take is taken apart again. */
static enum la_reason arrives_apart(struct tcb *t, struct tcp_env *env, struct tcp_segment *seg)
{
    enum la_reason verdict = LA_NONE;
    struct la_buf *buf = seg->buf;

    seg->buf = NULL;
    while (buf) {
        struct tcp_segment one = *seg;
        struct la_buf *next = buf->next;
        buf->next = NULL;
        one.buf = buf;
        one.len = one.seg_len = buf->len;
        one.segs = 1;
        if (!(buf->flags & TCP_BUF_PSH)) {
            one.h.flags &= (uint16_t)~LA_TH_PSH;
        }
        seg->seq = seq_add(seg->seq, buf->len);
        seg->h.seq = seg->seq.v;
        verdict = one_arrives(t, env, &one);
        seg->reset |= one.reset;
        if (one.buf) {
            buf_put(env->bufs, one.buf);
        }
        buf = next;
        if (t->state == LA_TCP_CLOSED) {
            buf_put_list(env->bufs, buf); /* the connection ended with this piece */
            break;
        }
    }
    return verdict;
}

enum la_reason tcp_arrives(struct tcb *t, struct tcp_env *env, struct tcp_segment *seg)
{
    enum la_reason verdict;

    t->tos_in = seg->tos;
    if (env->fast_path && tcp_fast_arrives(t, env, seg, &verdict)) {
        return verdict;
    }
    return seg->buf && seg->buf->next ? arrives_apart(t, env, seg) : one_arrives(t, env, seg);
}
