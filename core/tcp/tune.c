/* The sizes of a connection's buffers: autotune.h is asked, and the block and the stack's memory
 * answer for it. See path.h. */
#include "tcp/path.h"

#include "tcp/decide.h"
#include "tcp/extra.h"
#include "tcp/tcp.h"

/* Nothing is measured before this part of the initial buffer has come: most connections stay
 * below. */
#define QUANTITY 16

static uint32_t lesser(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t now_us(const struct tcp_env *env)
{
    return (uint32_t)(env->now_ns / 1000);
}

uint32_t tcp_rcvbuf_first(const struct la_tcp_options *o, const struct tcp_env *env)
{
    uint32_t most = o->window_clamp ? o->window_clamp : TCP_WINDOW_MAX;
    return lesser(o->rcvbuf_bytes ? o->rcvbuf_bytes : env->sizes.rcv_initial, most);
}

uint8_t tcp_rcv_shift(const struct la_tcp_options *o, const struct tcp_env *env)
{
    if (env->persona.window_shift <= 14 && !o->rcvbuf_bytes) {
        return env->persona.window_shift;
    }
    return tcp_window_shift(o->rcvbuf_bytes ? lesser(o->rcvbuf_bytes, TCP_WINDOW_MAX)
                                            : env->sizes.rcv_max);
}

static uint8_t pressure(const struct tcp_env *env)
{
    const struct memory *m = env->bufs->memory;
    return (uint8_t)tune_pressure(memory_used(m), m->max);
}

static struct tune_limits rcv_limits(const struct tcp_env *env)
{
    return (struct tune_limits){
        .initial = env->sizes.rcv_initial, .cap = env->sizes.rcv_max, .pressure = pressure(env)};
}

/* ---- receiving ------------------------------------------------------------------------------- */

uint32_t tcp_rcv_size(const struct tcb *t, const struct tcp_env *env)
{
    if (t->opt.rcvbuf <= env->sizes.rcv_initial) {
        return t->opt.rcvbuf;
    }
    struct tune_limits limits = rcv_limits(env);
    return tune_rcv_size(t->opt.rcvbuf, &limits);
}

bool tcp_rcv_refuses(const struct tcb *t, const struct tcp_env *env, uint32_t more, bool early)
{
    uint32_t charge = early ? t->rcv_charge : t->rcv_queued;
    if ((uint64_t)charge + more <=
        2 * (uint64_t)lesser(t->opt.rcvbuf, env->sizes.rcv_initial) + BUF_HUGE) {
        return false;
    }
    struct tune_take take = {.limits = rcv_limits(env),
                             .rcvbuf = t->opt.rcvbuf,
                             .charge = charge,
                             .more = more,
                             .slack = BUF_HUGE,
                             .early = early};
    return !tune_rcv_takes(&take);
}

/* One behind what the application has read; the FIN is no data. */
static seq32 read_up_to(const struct tcb *t)
{
    return seq_sub(t->rcv_nxt, t->rcv_queued + ((t->flags & TCP_F_FIN_RCVD) ? 1 : 0));
}

/* A buffer that has grown before need not do so again from the first window on. */
static void begin(struct tcb *t, const struct tcp_env *env, struct tcp_path *p)
{
    uint32_t first = tcp_initial_window(env, t->rcv_mss);
    if (t->opt.rcvbuf > env->sizes.rcv_initial) {
        first = t->opt.rcvbuf / 2;
    }
    tune_rcv_begin(&p->rcv, read_up_to(t), first, t->srtt_us8 / 8, now_us(env));
    p->tuning = true;
}

void tcp_tune_arrived(struct tcb *t, struct tcp_env *env, const struct tcp_segment *seg)
{
    if (!(t->opt.bits & TCP_OPT_RCV_AUTO) || t->bytes_in < env->sizes.rcv_initial / QUANTITY) {
        return;
    }
    struct tcp_path *p = tcp_path_get(t, env);
    if (!p) {
        return;
    }
    if (!p->tuning) {
        begin(t, env, p);
    }
    if (!(t->flags & TCP_F_TS)) {
        tune_rcv_arrived(&p->rcv, t->rcv_nxt, tcp_rcv_wnd(t), now_us(env));
        return;
    }
    /* RFC 7323 4.1 for the receiver: a full segment was sent when the echoed ACK came, not when the
     * application wrote. */
    uint32_t age_ms = tcp_now_ms(env) + t->ts_offset - seg->h.tsecr;
    if (seg->len >= t->rcv_mss && seg->h.tsecr != 0 && age_ms <= TCP_RTT_MAX_MS) {
        tune_rcv_echo(&p->rcv, seg->h.tsecr, age_ms * 1000);
    }
}

void tcp_tune_read(struct tcb *t, struct tcp_env *env)
{
    struct tcp_path *p = tcp_path_of(t, env);
    if (!p || !p->tuning || !(t->opt.bits & TCP_OPT_RCV_AUTO)) {
        return;
    }
    struct tune_read in = {.limits = rcv_limits(env),
                           .read = read_up_to(t),
                           .waiting = t->rcv_queued,
                           .rcvbuf = t->opt.rcvbuf,
                           .mss = t->rcv_mss,
                           .now_us = now_us(env)};
    const struct tcp_extra *x = tcp_extra_of(t, env);
    if (x && x->window_clamp != 0 && x->window_clamp < in.limits.cap) {
        in.limits.cap = x->window_clamp;
    }
    t->opt.rcvbuf = tune_rcv_read(&p->rcv, &in);
}

/* ---- sending --------------------------------------------------------------------------------- */

void tcp_tune_send(struct tcb *t, const struct tcp_env *env)
{
    if (!(t->opt.bits & TCP_OPT_SND_AUTO)) {
        return;
    }
    struct tune_send in = {.limits = {.initial = env->sizes.snd_initial,
                                      .cap = env->sizes.snd_max,
                                      .pressure = pressure(env)},
                           .sndbuf = t->opt.sndbuf,
                           .cwnd = t->cc.cwnd,
                           .held = seq_len(t->snd_una, t->snd_max),
                           .queued = seq_len(t->snd_una, t->snd_end)};
    uint32_t size = tune_snd(&in);
    if (size > t->opt.sndbuf) {
        t->opt.sndbuf = size;
        t->todo |= tcp_snd_room(t) >= size / 3 ? TCP_DO_WRITABLE : 0;
    }
    t->opt.sndbuf = size;
}
