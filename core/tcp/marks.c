/* ECN in the connection (RFC 9293 3.8.2, SHLD-8): what becomes of the decisions of ecn.h. The
 * reaction to congestion is a phase of the connection and stands in repair.c.
 *
 * The record is attached when a SYN that asks for ECN is to leave, or when the peer asked and we
 * agree; if nothing is agreed it goes back. Without it there is no ECN: `ecn` is NULL, and nothing
 * else has to be asked. It stays as long as the connection: the counters must not be forgotten. */
#include "tcp/tcp.h"

#include "tcp/ecn.h"
#include "tcp/flight.h"

/* The record with its place in the slab behind it. */
struct tcp_ecn_slot {
    struct tcp_ecn ecn;
    uint32_t index;
};
_Static_assert(sizeof(struct tcp_ecn_slot) == TCP_ECN_BYTES, "for who makes the slab");

static bool attach(struct tcb *t, struct tcp_env *env)
{
    uint32_t index = t->ecn ? 0 : slab_get(env->ecns);
    if (index) {
        struct tcp_ecn_slot *slot = slab_at(env->ecns, index);
        slot->index = index;
        t->ecn = &slot->ecn;
    }
    return t->ecn != NULL;
}

void tcp_ecn_drop(struct tcb *t, struct tcp_env *env)
{
    if (t->ecn) {
        slab_put(env->ecns, ((struct tcp_ecn_slot *)t->ecn)->index);
        t->ecn = NULL;
    }
}

static bool scales(const struct tcb *t)
{
    return (t->cc.ops->traits & CC_SCALES_ECN) != 0;
}

/* What was agreed comes into force; nothing: the record goes back. */
static void settle(struct tcb *t, struct tcp_env *env)
{
    if (t->ecn->mode == ECN_NONE) {
        tcp_ecn_drop(t, env);
    } else if (t->ecn->mode == ECN_CLASSIC && (t->cc.ops->traits & CC_WANTS_ECN)) {
        t->ecn->flags |= ECN_F_DCTCP; /* who runs DCTCP does so at both ends (RFC 8257 5) */
    }
}

/* ---- handshake ------------------------------------------------------------------------------ */

void tcp_ecn_ask(struct tcb *t, struct tcp_env *env)
{
    enum la_ecn wish = (enum la_ecn)(t->opt.bits >> TCP_OPT_ECN);
    if (wish == LA_ECN_PASSIVE && (t->cc.ops->traits & CC_WANTS_ECN)) {
        wish = LA_ECN_ACCURATE;
    }
    if (wish >= LA_ECN_CLASSIC && attach(t, env)) {
        t->ecn->syn_field = (uint8_t)wish; /* until the answer */
    }
}

uint16_t tcp_ecn_syn_flags(const struct tcb *t, bool answer)
{
    if (!t->ecn) {
        return 0;
    }
    return answer ? ecn_crossed_flags(t->ecn)
                  : ecn_syn_flags((enum la_ecn)t->ecn->syn_field, t->backoff);
}

bool tcp_ecn_answered(struct tcb *t, struct tcp_env *env, const struct tcp_segment *seg,
                      bool fell_back)
{
    if (!t->ecn) {
        return false;
    }
    bool congested = ecn_begin_client(t->ecn, (enum la_ecn)t->ecn->syn_field, &seg->h,
                                      ECN_FIELD(seg->tos), fell_back);
    settle(t, env);
    return congested;
}

void tcp_ecn_crossed(struct tcb *t, struct tcp_env *env, const struct tcp_segment *seg)
{
    if (t->ecn) { /* RFC 9768 3.1.2: as if it had been asked alone */
        struct ecn_shake s =
            ecn_shake_of((enum la_ecn)t->ecn->syn_field, seg->h.flags, ECN_FIELD(seg->tos));
        ecn_begin_server(t->ecn, &s);
        settle(t, env);
    }
}

bool tcp_ecn_accept(struct tcb *t, struct tcp_env *env, const struct ecn_shake *s)
{
    if (s->mode == ECN_NONE) {
        return true;
    }
    if (!attach(t, env)) {
        return false; /* feedback was promised: no connection without */
    }
    ecn_begin_server(t->ecn, s);
    settle(t, env);
    return true;
}

bool tcp_ecn_third(struct tcb *t, const struct tcp_segment *seg)
{
    if (!t->ecn || seg->syn_cut) {
        return false; /* the flags of a SYN-ACK are none of a counter (RFC 9768 3.2.2) */
    }
    return ecn_third_segment(t->ecn, &seg->h, seg->seg_len == 0);
}

void tcp_ecn_syn_ack_again(struct tcb *t, const struct tcp_segment *seg)
{
    if (t->ecn && !(t->flags & TCP_F_PASSIVE) && seq_eq(seg->seq, t->irs) &&
        (t->flags & TCP_F_ACK_NOW)) {
        ecn_syn_ack_again(t->ecn, ECN_FIELD(seg->tos));
    }
}

/* ---- receiver ------------------------------------------------------------------------------- */

void tcp_ecn_arrived(struct tcb *t, const struct tcp_segment *seg, uint32_t len, uint32_t segs)
{
    if (!t->ecn) {
        return;
    }
    struct ecn_arrival a = {.flags = seg->h.flags,
                            .field = ECN_FIELD(seg->tos),
                            .unacked = t->rcv_unacked != 0,
                            .len = len,
                            .segs = segs,
                            .rcv_nxt = t->rcv_nxt};
    if (ecn_arrived(t->ecn, &a) != ECN_ACK_NO) {
        tcp_ack_now(t, LA_ACK_MARKED);
    }
}

bool tcp_ecn_handshake_first(const struct tcb *t)
{
    return t->ecn && (t->ecn->flags & ECN_F_HANDSHAKE) && (t->flags & TCP_F_ACK_NOW);
}

bool tcp_ecn_before(const struct tcb *t)
{
    return t->ecn && (t->ecn->flags & ECN_F_BEFORE);
}

static bool is_fresh(const struct tcb *t, const struct tcp_plan *plan)
{
    return plan->len != 0 && plan->reason != LA_PROBE_WINDOW && seq_ge(plan->seq, t->snd_max);
}

static bool is_pure(uint32_t len, const struct wire_tcp *h)
{
    return len == 0 && !(h->flags & LA_TH_FIN) && !(h->options & WIRE_TCP_SACK);
}

void tcp_ecn_fill(const struct tcb *t, const struct tcp_plan *plan, struct wire_tcp *h)
{
    if (!t->ecn) {
        return;
    }
    if (plan->reason == LA_ACK_BEFORE_MARK) {
        h->flags |= ecn_before_flags(t->ecn);
    } else {
        h->flags |= ecn_flags(t->ecn, is_pure(plan->len, h), is_fresh(t, plan));
    }
}

enum ecn_field tcp_ecn_field(const struct tcb *t, const struct tcp_plan *plan)
{
    return t->ecn ? ecn_codepoint(t->ecn, plan->len, is_fresh(t, plan)) : ECN_NOT_ECT;
}

void tcp_ecn_sent(struct tcb *t, const struct tcp_plan *plan, const struct wire_tcp *h)
{
    if (t->ecn) {
        ecn_sent(t->ecn, h, plan->len != 0, is_pure(plan->len, h));
    }
}

/* ---- sender --------------------------------------------------------------------------------- */

void tcp_ecn_news(struct tcb *t, struct tcp_env *env, struct tcp_ack_news *n,
                  const struct tcp_segment *seg)
{
    if (!t->ecn) {
        return;
    }
    bool ect = !(t->ecn->flags & ECN_F_NO_ECT);
    struct ecn_echo echo = {.h = &seg->h,
                            .acked = n->delivered,
                            .mss = t->mss,
                            .snd_una = seq_max(t->snd_una, seg->ack),
                            .newer = n->acked != 0,
                            .round = (uint8_t)t->flight->rate.rounds};
    struct ecn_news news = ecn_feedback(t->ecn, &echo);
    n->ce = news.ce_bytes < n->delivered ? news.ce_bytes : n->delivered;
    n->congested = news.congested;
    if (ect && (t->ecn->flags & ECN_F_NO_ECT)) {
        tcp_note(t, env, LA_TRACE_EVENT, LA_ECN_MANGLED, ecn_ace(seg->h.flags), 0);
    }
    if (n->congested && scales(t)) {
        (void)ecn_first_of_window(t->ecn, t->snd_nxt); /* RFC 8257 3.3: CWR as in RFC 3168 */
    }
}

void tcp_ecn_info(const struct tcb *t, struct la_tcp_info *info)
{
    static const uint8_t agreed[] = {LA_ECN_OFF, LA_ECN_CLASSIC, LA_ECN_ACCURATE};
    if (t->ecn && t->state > LA_TCP_SYN_SENT) {
        info->ecn = agreed[t->ecn->mode];
        info->ecn_sends = !(t->ecn->flags & ECN_F_NO_ECT);
        ecn_count(t->ecn, &info->ce_in, &info->ce_acked, &info->ce_acked_bytes);
    }
}
