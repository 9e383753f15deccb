/* Fast Open in the life of a connection: see fastopen.h. */
#include "tcp/decide.h"
#include "tcp/fastopen.h"
#include "tcp/tcp.h"

/* Options never leave less than this of a segment. */
#define OPTIONS_MAX (WIRE_TCP_HEADER_MAX - WIRE_TCP_HEADER)

static uint32_t now_s(const struct tcp_env *env)
{
    return (uint32_t)(env->now_ns / 1000000000);
}

/* ---- active --------------------------------------------------------------------------------- */

/* RFC 7413 4.1.3: data up to the MSS that the server once announced, or the default of its IP
 * version; never more than the path takes, nor than the MAY of 1460 or 1440 bytes. */
static uint16_t syn_room(const struct tcb *t, const struct tcp_env *env, uint16_t cached_mss)
{
    bool v4 = la_addr_is_v4(&t->key.raddr);
    uint32_t ours = tcp_advertised_mss(t->path_mtu, v4, t->opt.mss_max);
    uint32_t mss = cached_mss;
    if (mss == 0) {
        mss = env->persona.fastopen_own_mss ? ours : v4 ? 536 : 1220;
    }
    uint32_t most = v4 ? 1460 : 1440;
    mss = mss < ours ? mss : ours;
    mss = mss < most ? mss : most;
    return (uint16_t)(mss > OPTIONS_MAX ? mss - OPTIONS_MAX : 0);
}

void tcp_tfo_open(struct tcb *t, struct tcp_env *env)
{
    struct tcp_extra *x = tcp_extra_of(t, env);
    uint32_t mode = env->persona.fastopen;
    if (!x || !(x->tfo & TFO_OPTION) || !(mode & LA_FASTOPEN_CLIENT) ||
        tfo_doubtful(env->tfo, &t->key, env->persona.fastopen_strikes, now_s(env))) {
        return;
    }
    uint16_t mss;
    bool without = (mode & LA_FASTOPEN_CLIENT_NO_COOKIE) || (x->tfo & TFO_NO_COOKIE);
    struct tfo_cookie cookie = tfo_known(env->tfo, &t->key, &mss, now_s(env));
    x->tfo |= without ? 0 : TFO_TRIES;
    x->cookie = cookie;
    x->syn_room = syn_room(t, env, mss);
    if (without || cookie.len != 0) {
        t->flags |= TCP_F_SYN_WAITS;
    } else {
        x->syn_room = 0; /* 4.2.1: a cookie first */
    }
}

void tcp_tfo_go(struct tcb *t)
{
    t->flags &= ~(uint32_t)TCP_F_SYN_WAITS;
    t->todo |= TCP_DO_OUTPUT;
}

uint32_t tcp_tfo_room(const struct tcb *t, const struct tcp_env *env)
{
    const struct tcp_extra *x = tcp_extra_of(t, env);
    return x && x->syn_room ? x->syn_room : UINT32_MAX;
}

static bool first_syn(const struct tcb *t)
{
    return seq_eq(t->snd_max, t->iss);
}

uint32_t tcp_tfo_syn_len(const struct tcb *t, const struct tcp_env *env)
{
    const struct tcp_extra *x = tcp_extra_of(t, env);
    if (!x || t->state != LA_TCP_SYN_SENT || !first_syn(t)) {
        return 0; /* 4.2.2: "retransmit a SYN packet without data and Fast Open options" */
    }
    uint32_t queued = seq_len(seq_add(t->iss, 1), t->snd_end);
    return queued < x->syn_room ? queued : x->syn_room;
}

void tcp_tfo_option(const struct tcb *t, const struct tcp_env *env, struct wire_tcp *h)
{
    const struct tcp_extra *x = tcp_extra_of(t, env);
    uint16_t when = (h->flags & LA_TH_ACK) ? TFO_ANSWERS : TFO_TRIES;
    if (!x || !(x->tfo & when) || !first_syn(t)) {
        return;
    }
    h->options |= x->cookie.experimental ? WIRE_TCP_FASTOPEN_EXP : WIRE_TCP_FASTOPEN;
    h->fastopen_n = x->cookie.len;
    for (unsigned i = 0; i < x->cookie.len; i++) {
        h->fastopen[i] = x->cookie.bytes[i];
    }
}

void tcp_tfo_syn_left(struct tcb *t, struct tcp_env *env, uint32_t len)
{
    struct tcp_extra *x = tcp_extra_of(t, env);
    if (x && t->state == LA_TCP_SYN_SENT && first_syn(t)) {
        x->syn_len = (uint16_t)len;
        x->tfo |= len ? TFO_CARRIED : 0;
    }
    if (x) {
        x->tfo &= (uint16_t)~TFO_SYN_DUE;
    }
}

void tcp_tfo_syn_due(struct tcb *t, struct tcp_env *env)
{
    if (t->flags & TCP_F_FASTOPENED) {
        tcp_extra_of(t, env)->tfo |= TFO_SYN_DUE; /* data may have left behind it */
    } else {
        t->snd_nxt = t->snd_una;
    }
}

/* RFC 7413 4.1.3.1: a negative answer. */
static void refused(struct tcb *t, struct tcp_env *env, enum la_reason why)
{
    tfo_refused(env->tfo, &t->key, now_s(env));
    tcp_note(t, env, LA_TRACE_EVENT, why, 0, 0);
}

/* 4.2.2, "Client: Receiving SYN-ACK". `seg` acknowledges our SYN, and perhaps its data. */
void tcp_tfo_answered(struct tcb *t, struct tcp_env *env, const struct tcp_segment *seg)
{
    struct tcp_extra *x = tcp_extra_of(t, env);
    if (!x || !(x->tfo & (TFO_TRIES | TFO_CARRIED))) {
        return;
    }
    struct tfo_cookie cookie = {.len = 0};
    if ((x->tfo & TFO_TRIES) && (seg->h.options & (WIRE_TCP_FASTOPEN | WIRE_TCP_FASTOPEN_EXP))) {
        cookie.len = seg->h.fastopen_n;
        cookie.experimental = (seg->h.options & WIRE_TCP_FASTOPEN_EXP) != 0;
        for (unsigned i = 0; i < cookie.len; i++) {
            cookie.bytes[i] = seg->h.fastopen[i];
        }
    }
    uint16_t mss = (seg->h.options & WIRE_TCP_MSS) ? seg->h.mss : 0;
    bool worth = cookie.len != 0 || !(x->tfo & TFO_TRIES); /* where none is needed, the MSS alone */
    tfo_learned(env->tfo, &t->key, mss, &cookie, worth, now_s(env));
    seq32 data_end = seq_add(t->iss, 1 + x->syn_len);
    if ((x->tfo & TFO_CARRIED) && seq_ge(seg->ack, data_end)) {
        x->tfo |= TFO_TAKEN;
        tfo_worked(env->tfo, &t->key);
        return;
    }
    bool none = seq_eq(seg->ack, seq_add(t->iss, 1));
    if (none && cookie.len == 0) {
        /* Not even a new cookie for the next time; or the SYN got lost, and what was answered is
         * its plain successor: "heuristically detect paths that intentionally drop SYNs". */
        refused(t, env, LA_FASTOPEN_REFUSED);
    }
}

void tcp_tfo_silence(struct tcb *t, struct tcp_env *env, uint32_t timeouts, bool over)
{
    const struct tcp_extra *x = tcp_extra_of(t, env);
    if (!x || t->state != LA_TCP_SYN_SENT || !(x->tfo & (TFO_TRIES | TFO_CARRIED)) ||
        !(timeouts == 2 || (timeouts < 2 && over))) {
        return;
    }
    /* Plain SYNs are not answered either: after what the first one carried, perhaps. */
    refused(t, env, LA_FASTOPEN_BLACKHOLE);
    tfo_blackhole(env->tfo, env->persona.fastopen_blackhole_s, now_s(env));
}

void tcp_tfo_too_large(struct tcb *t, struct tcp_env *env)
{
    const struct tcp_extra *x = tcp_extra_of(t, env);
    if (x && t->state == LA_TCP_SYN_SENT && (x->tfo & TFO_CARRIED)) {
        refused(t, env, LA_FASTOPEN_REFUSED);
        t->snd_nxt = t->iss; /* the SYN goes again, without data */
        t->flags &= ~(uint32_t)TCP_F_SYN_TIMED;
        t->todo |= TCP_DO_OUTPUT;
    }
}

/* ---- the SYN, whoever sends it --------------------------------------------------------------- */

/* Of a passive open the SYN-ACK is the stack's (passive.c), but for Fast Open. */
static struct tcp_plan plan_syn_ack(const struct tcb *t)
{
    bool first = (t->flags & TCP_F_FASTOPENED) && seq_eq(t->snd_max, t->iss);
    struct tcp_plan plan = {.seq = t->iss, .flags = LA_TH_SYN | LA_TH_ACK};
    if (first) {
        plan.reason = LA_SYN_ACK;
    } else {
        bool again = t->backoff != 0 || (t->flags & TCP_F_FASTOPENED);
        plan.reason = again ? LA_SYN_ACK_AGAIN : LA_SYN_CROSSED;
    }
    return plan;
}

struct tcp_plan tcp_plan_syn(const struct tcb *t, const struct tcp_env *env)
{
    if (t->state != LA_TCP_SYN_SENT && t->state != LA_TCP_SYN_RECEIVED) {
        return (struct tcp_plan){.reason = LA_NONE};
    }
    bool due = t->extra && (tcp_extra_of(t, env)->tfo & TFO_SYN_DUE);
    if ((!seq_eq(t->snd_nxt, t->iss) && !due) || (t->flags & TCP_F_SYN_WAITS)) {
        return (struct tcp_plan){.reason = LA_NONE};
    }
    if (t->state == LA_TCP_SYN_RECEIVED) {
        return plan_syn_ack(t);
    }
    struct tcp_plan plan = {.reason = LA_SYN, .seq = t->iss, .flags = LA_TH_SYN};
    if (!seq_eq(t->snd_max, t->iss)) {
        plan.reason = LA_SYN_AGAIN;
    } else if (t->extra) {
        plan.len = tcp_tfo_syn_len(t, env);
        plan.reason = plan.len ? LA_SYN_DATA : LA_SYN;
    }
    return plan;
}

/* ---- passive -------------------------------------------------------------------------------- */

bool tcp_tfo_accept(struct tcb *t, struct tcp_env *env, const struct tfo_cookie *answer)
{
    struct tcp_extra *x = tcp_extra_get(t, env);
    if (!x) {
        return false;
    }
    x->cookie = *answer;
    t->cc.cwnd = tcp_initial_window(env, t->mss); /* step 6 */
    x->tfo |= TFO_PENDING | (answer->len ? TFO_ANSWERS : 0);
    t->flags |= TCP_F_FASTOPENED;
    t->snd_una = t->snd_nxt = t->snd_max = t->iss; /* the SYN-ACK has not left yet */
    return true;
}

void tcp_tfo_take(struct tcb *t, struct tcp_env *env, struct tcp_segment *seg)
{
    enum la_reason verdict = LA_TAKE_SYN_DATA;

    tcp_trace_segment(t, env, LA_TRACE_IN, &seg->h, seg->len, verdict);
    t->segs_in++;
    t->snd_wnd = t->snd_wnd_max = seg->h.wnd; /* RFC 7323 2.2: not scaled in a SYN */
    t->snd_wl1 = seg->seq;
    t->snd_wl2 = t->iss;
    seg->seq = seq_add(seg->seq, 1);
    struct tcp_extra *x = tcp_extra_of(t, env);
    if (seg->len != 0) {
        tcp_step_text(t, env, seg, &verdict);
        x->tfo |= t->rcv_head ? TFO_TAKEN : 0;
    }
    /* A FIN is left for later: it is not acknowledged, so it comes again. */
    t->ack_at_ns = TCP_NEVER; /* the SYN-ACK acknowledges all of it */
    x->ato_ms = 0;
    t->flags &= ~(uint32_t)TCP_F_ACK_NOW;
    t->todo |= TCP_DO_OUTPUT;
}

bool tcp_tfo_syn_again(struct tcb *t, struct tcp_env *env, const struct tcp_segment *seg)
{
    uint16_t flags = seg->h.flags & (LA_TH_SYN | LA_TH_ACK | LA_TH_RST);
    if (!(t->flags & TCP_F_FASTOPENED) || flags != LA_TH_SYN || !seq_eq(seg->seq, t->irs)) {
        return false;
    }
    tcp_extra_of(t, env)->tfo |= TFO_SYN_DUE;
    t->todo |= TCP_DO_OUTPUT;
    return true;
}
