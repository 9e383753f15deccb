/* Timeouts (RFC 9293 3.10.8): retransmission (3.8.1, RFC 6298), R1 and R2 (3.8.3), window probes
 * (3.8.6.1), keep-alive (3.8.4), delayed ACKs (3.8.6.3), user timeout, FIN-WAIT-2, linger.
 *
 * Deadlines are plain times in the block; the stack files the earliest in its wheel and calls
 * tcp_timeout() when it may be due. Which of keep_at_ns's meanings holds follows from the state:
 * linger or FIN-WAIT-2 after a close, keep-alive before. */
#include "tcp/tcp.h"

#include "tcp/decide.h"
#include "tcp/fastopen.h"
#include "tcp/flight.h"
#include "tcp/quick.h"
#include "tcp/rtt.h"

#define R1_RETRANSMISSIONS 3   /* SHLD-10 */
#define OVERRIDE_LEAST_MS  100 /* RFC 9293 3.8.6.2.1: between 0.1 and 1 s */
#define OVERRIDE_MS        200

/* A peer that has answered probes for long may lose one or two: five in a row, a minute apart. */
#define PERSIST_SILENCE_RTOS 5

static uint64_t ms_ns(uint64_t ms)
{
    return ms * 1000000;
}

/* Something waits to be sent that nothing outstanding will trigger. */
static bool waits_unsent(const struct tcb *t)
{
    if (t->state < LA_TCP_ESTABLISHED || tcp_outstanding(t)) {
        return false;
    }
    bool fin = (t->flags & TCP_F_FIN_QUEUED) && !(t->flags & TCP_F_FIN_SENT);
    bool no_memory = !t->flight || !t->flight->board.spare;
    return seq_lt(t->snd_nxt, t->snd_end) || (fin && (t->snd_wnd == 0 || no_memory));
}

static bool closed_window(const struct tcb *t)
{
    return t->state >= LA_TCP_ESTABLISHED && t->snd_wnd == 0;
}

static uint32_t backed_off_ms(const struct tcb *t, const struct tcp_env *env)
{
    return tcp_rto_backed_off(t->rto_ms, t->backoff, env->persona.rto_max_ms);
}

void tcp_arm_rtx(struct tcb *t, const struct tcp_env *env)
{
    if (!tcp_outstanding(t) && !waits_unsent(t)) {
        t->rtx_at_ns = TCP_NEVER; /* RFC 6298 5.2 */
        t->flags &= ~(uint32_t)TCP_F_PERSIST;
        return;
    }
    /* MUST-35, SHLD-17: a window that closed over outstanding data is probed, not timed out. */
    bool persist = closed_window(t) || !tcp_outstanding(t);
    bool was = (t->flags & TCP_F_PERSIST) != 0;
    if (t->rtx_at_ns != TCP_NEVER && persist == was) {
        return; /* RFC 6298 5.1: running already */
    }
    uint32_t ms = backed_off_ms(t, env); /* SHLD-29, SHLD-30 */
    if (persist && t->snd_wnd != 0 && !env->persona.override_rto && t->flight) {
        /* The window is open: only silly-window avoidance or CORK holds back. */
        ms = ms > OVERRIDE_MS ? OVERRIDE_MS : ms < OVERRIDE_LEAST_MS ? OVERRIDE_LEAST_MS : ms;
    }
    t->flags = persist ? t->flags | TCP_F_PERSIST : t->flags & ~(uint32_t)TCP_F_PERSIST;
    tcp_arm(t, &t->rtx_at_ns, env->now_ns + ms_ns(ms));
}

void tcp_arm_keepalive(struct tcb *t, const struct tcp_env *env)
{
    bool closing = (t->flags & TCP_F_APP_CLOSED) != 0;
    if (closing) {
        return; /* keep_at_ns is linger or FIN-WAIT-2 */
    }
    if (!(t->opt.bits & TCP_OPT_KEEPALIVE)) { /* MUST-24, MUST-25, MAY-5 */
        t->keep_at_ns = TCP_NEVER;
        return;
    }
    uint32_t s = t->probes ? t->opt.keepintvl_s : t->opt.keepidle_s; /* MUST-27 */
    tcp_arm(t, &t->keep_at_ns, env->now_ns + ms_ns(1000ULL * s));
}

static uint64_t user_deadline(const struct tcb *t)
{
    if (t->opt.user_timeout_ms == 0 || !(tcp_outstanding(t) || waits_unsent(t))) {
        return TCP_NEVER;
    }
    return t->una_at_ns + ms_ns(t->opt.user_timeout_ms);
}

uint64_t tcp_deadline(const struct tcb *t)
{
    if (t->state == LA_TCP_CLOSED) {
        return TCP_NEVER;
    }
    uint64_t at = t->ack_at_ns < t->rtx_at_ns ? t->ack_at_ns : t->rtx_at_ns;
    uint64_t user = user_deadline(t);
    at = t->keep_at_ns < at ? t->keep_at_ns : at;
    if (t->flight) {
        at = t->flight->reo_at_ns < at ? t->flight->reo_at_ns : at;
        at = t->flight->pto_at_ns < at ? t->flight->pto_at_ns : at;
        at = t->flight->pace_at_ns < at ? t->flight->pace_at_ns : at;
    }
    return user < at ? user : at;
}

/* R1 and R2 (MUST-20, MUST-22, MUST-23). With a user timeout the time counts instead, and with the
 * largest R2 a connection is never given up (MUST-21). True: it was given up. */
static bool gave_up(struct tcb *t, struct tcp_env *env)
{
    bool opening = t->state < LA_TCP_ESTABLISHED;
    uint32_t r2 = opening ? t->opt.syn_retries : t->opt.r2_retries;
    if (t->backoff >= r2 && (opening || t->opt.user_timeout_ms == 0)) {
        tcp_note(t, env, LA_TRACE_TIMER, LA_TIMEOUT_R2, 0, t->backoff);
        tcp_end(t, env, t->soft_error ? t->soft_error : LA_ETIMEDOUT, LA_TIMEOUT_R2);
        return true;
    }
    if (t->backoff == R1_RETRANSMISSIONS && !(t->flags & TCP_F_R1)) {
        /* SHLD-9, MUST-47: the application learns that delivery is in doubt; MUST-20: so does IP.
         */
        t->flags |= TCP_F_R1;
        t->todo |= TCP_DO_DOUBT;
        if (t->opt.bits & TCP_OPT_SOFT_ERRORS) {
            t->todo |= TCP_DO_SOFT_ERROR; /* SHLD-20 */
        }
        if (t->soft_error == 0) {
            t->soft_error = LA_ETIMEDOUT;
        }
        tcp_note(t, env, LA_TRACE_EVENT, LA_RETRANSMISSION_R1, 0, t->backoff);
    }
    return false;
}

/* RFC 6298 5.4 to 5.6; RFC 5681 3.1; RFC 6582 3.2, step 4. */
static void retransmission_timeout(struct tcb *t, struct tcp_env *env)
{
    tcp_note(t, env, LA_TRACE_TIMER, LA_TIMEOUT_RTX, backed_off_ms(t, env), t->backoff);
    t->rtx_timeouts++;
    if (t->extra) {
        tcp_tfo_silence(t, env, t->backoff, t->backoff >= t->opt.syn_retries);
    }
    if (gave_up(t, env)) {
        return;
    }
    if (t->state >= LA_TCP_ESTABLISHED) {
        tcp_repair_timeout(t, env);
    } else {
        tcp_tfo_syn_due(t, env); /* the SYN goes again */
    }
    t->backoff = t->backoff < UINT8_MAX - 1 ? (uint8_t)(t->backoff + 1) : t->backoff; /* 5.5 */
    t->flags &= ~(uint32_t)TCP_F_SYN_TIMED;
    tcp_arm_rtx(t, env); /* 5.6 */
    t->todo |= TCP_DO_OUTPUT;
}

static void persist_timeout(struct tcb *t, struct tcp_env *env)
{
    if (!tcp_flight_get(t, env)) {
        /* No memory to keep account of what is sent: tried as often as a peer that is silent. */
        if (gave_up(t, env)) {
            return;
        }
        t->backoff = t->backoff < 16 ? (uint8_t)(t->backoff + 1) : t->backoff;
    } else if (t->snd_wnd != 0) {
        /* RFC 9293 3.8.6.2.1: the override timer; also the end of CORK's patience. */
        t->flags |= TCP_F_OVERRIDE;
        t->flags &= ~(uint32_t)TCP_F_MORE;
    } else {
        tcp_note(t, env, LA_TRACE_TIMER, LA_TIMEOUT_PERSIST, backed_off_ms(t, env), t->backoff);
        t->flags |= TCP_F_PROBE;
        /* MUST-37: as long as probes are answered the connection stays; only silence counts. */
        uint32_t silent_ms = tcp_now_ms(env) - t->last_in_ms;
        if (t->backoff >= t->opt.r2_retries &&
            silent_ms > PERSIST_SILENCE_RTOS * env->persona.rto_max_ms && gave_up(t, env)) {
            return;
        }
        t->backoff = t->backoff < 16 ? (uint8_t)(t->backoff + 1) : t->backoff;
    }
    tcp_arm_rtx(t, env);
    t->todo |= TCP_DO_OUTPUT;
}

static void keepalive_timeout(struct tcb *t, struct tcp_env *env)
{
    /* MUST-26: only with nothing outstanding and after silence. */
    uint64_t idle_ms = tcp_now_ms(env) - t->last_in_ms;
    uint64_t want_ms = 1000ULL * t->opt.keepidle_s;
    if (t->probes == 0 && (tcp_outstanding(t) || idle_ms < want_ms)) {
        uint64_t rest = idle_ms < want_ms ? want_ms - idle_ms : want_ms;
        tcp_arm(t, &t->keep_at_ns, env->now_ns + ms_ns(rest));
        return;
    }
    tcp_note(t, env, LA_TRACE_TIMER, LA_TIMEOUT_KEEPALIVE, 0, t->probes);
    if (t->probes >= t->opt.keepcnt) { /* MUST-29: not after one probe */
        tcp_abort(t, env, LA_RST_KEEPALIVE);
        t->error = LA_ETIMEDOUT;
        t->todo |= TCP_DO_ERROR;
        return;
    }
    t->probes++;
    t->flags |= TCP_F_KEEP_PROBE;
    t->todo |= TCP_DO_OUTPUT;
    tcp_arm_keepalive(t, env);
}

static void keep_timeout(struct tcb *t, struct tcp_env *env)
{
    t->keep_at_ns = TCP_NEVER;
    if (!(t->flags & TCP_F_APP_CLOSED)) {
        keepalive_timeout(t, env);
    } else if (t->state == LA_TCP_FIN_WAIT_2) {
        tcp_note(t, env, LA_TRACE_TIMER, LA_TIMEOUT_FIN_WAIT_2, t->opt.fin_wait_2_s * 1000U, 0);
        tcp_end(t, env, LA_OK, LA_TIMEOUT_FIN_WAIT_2);
    } else {
        tcp_abort(t, env, LA_RST_LINGER); /* the linger time is over and data are still unsent */
    }
}

/* RFC 8985 7.3: the tail may be lost, and nothing else would tell. */
static void probe_timeout(struct tcb *t, struct tcp_env *env)
{
    struct tcp_flight *f = t->flight;
    uint32_t ms = (uint32_t)((env->now_ns - t->una_at_ns) / 1000000);
    f->pto_at_ns = TCP_NEVER;
    f->probe_due = tlp_may_send(&f->tlp);
    tcp_note(t, env, LA_TRACE_TIMER, LA_TIMEOUT_PROBE, ms, 0);
    t->rtx_at_ns = TCP_NEVER; /* the RTO counts from the probe */
    tcp_arm_rtx(t, env);
    t->todo |= TCP_DO_OUTPUT;
}

static void flight_timeouts(struct tcb *t, struct tcp_env *env)
{
    struct tcp_flight *f = t->flight;
    if (f->reo_at_ns <= env->now_ns) {
        f->reo_at_ns = TCP_NEVER;
        tcp_repair_reorder(t, env);
    }
    if (f->pto_at_ns <= env->now_ns) {
        probe_timeout(t, env);
    }
    if (f->pace_at_ns <= env->now_ns) {
        f->pace_at_ns = TCP_NEVER;
        t->todo |= TCP_DO_OUTPUT;
    }
}

void tcp_timeout(struct tcb *t, struct tcp_env *env)
{
    if (t->ack_at_ns <= env->now_ns) {
        t->ack_at_ns = TCP_NEVER;
        tcp_note(t, env, LA_TRACE_TIMER, LA_TIMEOUT_DELAYED_ACK, t->opt.delack_ms, 0);
        tcp_ack_now(t, LA_ACK_DELAYED);
        tcp_quick_waited(t, env);
    }
    if (user_deadline(t) <= env->now_ns) {
        tcp_note(t, env, LA_TRACE_TIMER, LA_TIMEOUT_USER, t->opt.user_timeout_ms, 0);
        tcp_abort(t, env, LA_RST_USER_TIMEOUT);
        t->error = LA_ETIMEDOUT;
        t->todo |= TCP_DO_ERROR;
        return;
    }
    if (t->flight) {
        flight_timeouts(t, env);
    }
    if (t->rtx_at_ns <= env->now_ns) {
        t->rtx_at_ns = TCP_NEVER;
        if (t->flags & TCP_F_PERSIST) {
            persist_timeout(t, env);
        } else {
            retransmission_timeout(t, env);
        }
    }
    if (t->keep_at_ns <= env->now_ns) {
        keep_timeout(t, env);
    }
    t->todo |= TCP_DO_TIMER;
}
