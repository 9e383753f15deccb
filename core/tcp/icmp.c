/* ICMP errors about a connection (RFC 9293 3.9.2.2, RFC 5461, RFC 5927, RFC 1191). */
#include "tcp/fastopen.h"
#include "tcp/path.h"
#include "tcp/tcp.h"

/* RFC 5927 4.1: an error must quote something in flight; who does not see the traffic cannot know.
 */
static bool in_flight(const struct tcb *t, seq32 seq)
{
    return seq_ge(seq, t->snd_una) && seq_lt(seq, t->snd_max);
}

enum la_reason tcp_icmp(struct tcb *t, struct tcp_env *env, enum tcp_icmp kind, int error,
                        uint32_t mtu, seq32 seq)
{
    if (!in_flight(t, seq) || t->state == LA_TCP_CLOSED) {
        return LA_DROP_ICMP_STALE;
    }
    if (kind == TCP_ICMP_MTU) {
        enum la_reason verdict = tcp_mtu_reported(t, env, mtu);
        if (t->extra && verdict == LA_TAKE_ICMP_MTU) {
            tcp_tfo_too_large(t, env);
        }
        return verdict;
    }
    bool opening = t->state == LA_TCP_SYN_SENT || t->state == LA_TCP_SYN_RECEIVED;
    if (opening && (kind == TCP_ICMP_HARD || env->persona.open_soft_errors)) {
        /* SHLD-26 as RFC 5461 4.1 has it: hard errors end a connection only while it opens. */
        tcp_end(t, env, error, LA_TAKE_ICMP_ERROR);
        return LA_TAKE_ICMP_ERROR;
    }
    /* MUST-56: a soft error never ends it; it is kept for the application (SHLD-25) and becomes the
     * reason if the connection times out. */
    t->soft_error = (int8_t)error;
    if (t->opt.bits & TCP_OPT_SOFT_ERRORS) {
        t->todo |= TCP_DO_SOFT_ERROR;
    }
    tcp_note(t, env, LA_TRACE_EVENT, LA_SOFT_ERROR, (uint32_t)-error, 0);
    return LA_TAKE_ICMP_ERROR;
}
