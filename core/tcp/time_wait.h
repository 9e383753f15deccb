/* TIME-WAIT (RFC 9293 3.6.1, 3.10.7.4; RFC 1337; RFC 6191) as a record of 64 bytes.
 *
 * The end that closed first waits 2 MSL, because its last ACK may be lost: a repeated FIN is
 * acknowledged again and the wait starts over (MUST-13). What a segment means is a pure
 * disposition; lists and deadlines are the stack's. */
#ifndef TCP_TIME_WAIT_H
#define TCP_TIME_WAIT_H

#include "base/index_list.h"
#include "tcp/tcb.h"

struct tcp_time_wait {
    struct flow_key key;
    uint32_t conn; /* identifier; the top bit: ts_recent is valid */
    seq32 snd_nxt;
    seq32 rcv_nxt; /* one behind the peer's FIN */
    uint32_t ts_recent;
    uint32_t deadline_ms;
    struct index_link link; /* all of them, by deadline */
};
_Static_assert(sizeof(struct tcp_time_wait) == 64, "TIME-WAIT: 64 bytes");

#define TCP_TW_TS 0x80000000U

static inline uint32_t tcp_time_wait_conn(const struct tcp_time_wait *w)
{
    return w->conn & ~TCP_TW_TS;
}

/* The record that takes over from a block in state TIME-WAIT; lists and deadline are left 0. */
struct tcp_time_wait tcp_time_wait_of(const struct tcb *t);

enum tcp_time_wait_action {
    TCP_TW_DROP,
    TCP_TW_ACK,     /* answer with an ACK */
    TCP_TW_RESTART, /* the FIN again: answer and start 2 MSL over */
    TCP_TW_REUSE,   /* a SYN that may begin a new connection now */
};
struct tcp_time_wait_verdict {
    enum tcp_time_wait_action action;
    enum la_reason reason; /* the segment's verdict */
};
struct tcp_time_wait_verdict tcp_time_wait_arrives(const struct tcp_time_wait *w,
                                                   const struct tcp_segment *seg);

/* The ACK it answers with. */
void tcp_time_wait_ack(const struct tcp_time_wait *w, const struct tcp_env *env,
                       struct wire_tcp *h);

#endif
