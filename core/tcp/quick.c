/* Quick ACKs: see quick.h. */
#include "tcp/quick.h"

#include "tcp/extra.h"
#include "tcp/tcp.h"

#define ATO_LEAST_MS 40  /* the delay at first, and at least */
#define DELAY_MAX_MS 200 /* of an ACK that waits for an answer; RFC 9293 3.8.6.3, MUST-40: 500 */
#define QUICK_MOST   16  /* after TCP_QUICKACK */

static uint8_t enough(const struct tcb *t, uint8_t most)
{
    uint32_t half = tcp_rcv_wnd(t) / (2U * t->rcv_mss);
    half = half ? half : 2;
    return (uint8_t)(half < most ? half : most);
}

static uint32_t rto_ms(const struct tcb *t)
{
    return t->rto_ms;
}

/* The delay is half itself and half the distance of the last two arrivals; one longer than the
 * timeout is a pause, after which the sender may have begun anew (RFC 5681 4.1). */
static void measure(struct tcb *t, struct tcp_extra *x, uint32_t now_ms, uint8_t most)
{
    uint32_t apart_ms = now_ms - x->data_ms;
    if (x->ato_ms == 0) {
        x->quick = enough(t, most);
        x->ato_ms = ATO_LEAST_MS;
    } else if (apart_ms <= ATO_LEAST_MS / 2) {
        x->ato_ms = (uint16_t)(x->ato_ms / 2 + ATO_LEAST_MS / 2);
    } else if (apart_ms < x->ato_ms) {
        uint32_t ms = x->ato_ms / 2 + apart_ms;
        x->ato_ms = (uint16_t)(ms < rto_ms(t) ? ms : rto_ms(t));
    } else if (apart_ms > rto_ms(t)) {
        x->quick = enough(t, most);
    }
    x->data_ms = now_ms;
}

bool tcp_quick_data(struct tcb *t, struct tcp_env *env)
{
    uint8_t most = env->persona.quick_acks;
    struct tcp_extra *x = most ? tcp_extra_get(t, env) : tcp_extra_of(t, env);
    if (!x) {
        return false;
    }
    x->opened = false;
    if (most) {
        measure(t, x, tcp_now_ms(env), most);
    }
    if (x->quick == 0 || x->answers) {
        return false;
    }
    x->quick--;
    return true;
}

uint32_t tcp_quick_delay_ms(const struct tcb *t, const struct tcp_env *env)
{
    const struct tcp_extra *x = env->persona.quick_acks ? tcp_extra_of(t, env) : NULL;
    if (!x || x->ato_ms == 0) {
        return x ? 0 : t->opt.delack_ms;
    }
    uint32_t most = x->answers ? DELAY_MAX_MS : 500;
    uint32_t rtt_ms = t->srtt_us8 / 8000;
    if (rtt_ms != 0) {
        rtt_ms = rtt_ms > ATO_LEAST_MS ? rtt_ms : ATO_LEAST_MS;
        most = rtt_ms < most ? rtt_ms : most;
    }
    uint32_t ms = x->ato_ms;
    ms = ms > ATO_LEAST_MS && ms > most ? most : ms;
    return ms < DELAY_MAX_MS ? ms : DELAY_MAX_MS;
}

bool tcp_quick_fin_waits(struct tcb *t, struct tcp_env *env)
{
    struct tcp_extra *x = tcp_extra_of(t, env);
    if (!env->persona.fin_ack_waits || t->state != LA_TCP_ESTABLISHED ||
        (t->flags & TCP_F_ACK_NOW) || (x && x->ato_ms == 0) || (!x && t->bytes_in == 0)) {
        return false;
    }
    if (x) {
        x->answers = true; /* what it answers now is a close */
    }
    if (t->ack_at_ns == TCP_NEVER) {
        uint64_t ms = tcp_quick_delay_ms(t, env);
        tcp_arm(t, &t->ack_at_ns, env->now_ns + ms * 1000000);
    }
    return true;
}

void tcp_quick_answers(struct tcb *t, struct tcp_env *env)
{
    struct tcp_extra *x = env->persona.quick_acks ? tcp_extra_of(t, env) : NULL;
    uint32_t within_ms = !x ? 0 : x->opened ? ATO_LEAST_MS : x->ato_ms;
    if (within_ms != 0 && tcp_now_ms(env) - x->data_ms < within_ms) {
        x->ato_ms = x->ato_ms ? x->ato_ms : ATO_LEAST_MS;
        x->answers = true;
    }
}

void tcp_quick_opened(struct tcb *t, struct tcp_env *env)
{
    struct tcp_extra *x = env->persona.quick_acks ? tcp_extra_of(t, env) : NULL;
    if (x) {
        x->data_ms = tcp_now_ms(env);
        x->opened = true;
        x->answers = seq_lt(t->snd_max, t->snd_end); /* more than the SYN carried is queued */
        x->ato_ms = x->answers ? ATO_LEAST_MS : 0;
    }
}

void tcp_quick_waited(struct tcb *t, const struct tcp_env *env)
{
    struct tcp_extra *x = env->persona.quick_acks ? tcp_extra_of(t, env) : NULL;
    if (!x || x->ato_ms == 0) {
        return;
    }
    if (x->answers) {
        x->answers = false; /* no answer came */
        x->ato_ms = ATO_LEAST_MS;
    } else {
        uint32_t ms = 2U * x->ato_ms;
        x->ato_ms = (uint16_t)(ms < rto_ms(t)           ? ms
                               : rto_ms(t) < UINT16_MAX ? rto_ms(t)
                                                        : UINT16_MAX);
    }
}

/* A small segment was pushed and read, and no answer is in sight: the sender may wait for the ACK
 * alone (Nagle's algorithm). */
void tcp_quick_read(struct tcb *t, struct tcp_env *env)
{
    const struct tcp_extra *x = env->persona.quick_acks ? tcp_extra_of(t, env) : NULL;
    if (x && !x->answers && t->rcv_queued == 0 && t->rcv_unacked > t->rcv_mss) {
        tcp_ack_now(t, LA_ACK_NOW);
    }
}

int tcp_quick_set(struct tcb *t, struct tcp_env *env, int on)
{
    struct tcp_extra *x = on < 0 ? tcp_extra_of(t, env) : tcp_extra_get(t, env);
    if (!x) {
        return on < 0 ? 1 : LA_ENOBUFS;
    }
    bool was = !x->answers;
    if (on >= 0) {
        x->answers = on == 0;
        x->quick = on ? enough(t, QUICK_MOST) : 0;
    }
    if (on > 0 && t->ack_at_ns != TCP_NEVER) {
        tcp_ack_now(t, LA_ACK_NOW);
    }
    return was;
}
