/* Acknowledging at once in the beginning, and delays that follow the application: a persona's
 * choice (la_persona.quick_acks), by default off. RFC 9293 3.8.6.3 bounds the delay and leaves the
 * rest open; this is the way of Linux.
 *
 * A sender in slow start needs ACKs to grow, so the first ones are not delayed, nor those after a
 * pause. When the application answers what it reads within the delay, ACKs wait for the answer to
 * ride on ("ping-pong"), and nothing is acknowledged at once. The delay itself is a smoothed
 * distance between arrivals.
 *
 * The state stands in struct tcp_extra. Without quick_acks none of this attaches it. */
#ifndef TCP_QUICK_H
#define TCP_QUICK_H

#include "tcp/tcb.h"

/* Data came in order; true: its ACK leaves at once. */
bool tcp_quick_data(struct tcb *t, struct tcp_env *env);
/* The delay of an ACK that waits, in milliseconds. */
uint32_t tcp_quick_delay_ms(const struct tcb *t, const struct tcp_env *env);
/* The peer's FIN is in order: does its ACK wait, as that of data? Then the timer is set. */
bool tcp_quick_fin_waits(struct tcb *t, struct tcp_env *env);
/* The application sends / the delayed-ACK timer ran out. */
void tcp_quick_answers(struct tcb *t, struct tcp_env *env);
void tcp_quick_waited(struct tcb *t, const struct tcp_env *env);
/* The SYN-ACK came: what the application sends soon after answers it. */
void tcp_quick_opened(struct tcb *t, struct tcp_env *env);
/* The application reads, and has read all there is. */
void tcp_quick_read(struct tcb *t, struct tcp_env *env);

/* TCP_QUICKACK: on, off, or asked for (negative); returns whether it was on, or la_err. */
int tcp_quick_set(struct tcb *t, struct tcp_env *env, int on);

#endif
