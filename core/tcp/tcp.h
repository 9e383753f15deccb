/* The functions of a connection that the stack calls, by the sections of RFC 9293. */
#ifndef TCP_TCP_H
#define TCP_TCP_H

#include "tcp/ecn.h"
#include "tcp/tcb.h"

struct tcp_ack_news; /* flight.h */

/* ---- 3.10.7 SEGMENT ARRIVES (arrives.c) ----------------------------------------------------- */

/* Returns the verdict. Payload that is kept is taken out of `seg->buf`. */
enum la_reason tcp_arrives(struct tcb *t, struct tcp_env *env, struct tcp_segment *seg);

/* Steps and states in files of their own; called by tcp_arrives() alone. */
enum la_reason tcp_syn_sent_arrives(struct tcb *t, struct tcp_env *env, struct tcp_segment *seg);
bool tcp_fast_arrives(struct tcb *t, struct tcp_env *env, struct tcp_segment *seg,
                      enum la_reason *verdict);

/* The peer lives: a segment inside the window was heard. One outside could be anybody's. */
static inline void tcp_heard(struct tcb *t, const struct tcp_env *env)
{
    t->last_in_ms = tcp_now_ms(env);
    t->probes = 0;
}

/* Step 5 (ack.c): true when the segment is to be processed further. */
bool tcp_step_ack(struct tcb *t, struct tcp_env *env, struct tcp_segment *seg,
                  enum la_reason *verdict);
/* An ACK at or above SND.UNA: what it acknowledges, SACKs and says about losses. */
void tcp_take_ack(struct tcb *t, struct tcp_env *env, const struct tcp_segment *seg,
                  bool duplicate);
void tcp_update_window(struct tcb *t, struct tcp_env *env, const struct tcp_segment *seg);
/* Moves to ESTABLISHED with the peer's first window (simultaneous and passive open too).
 * `congested`: SYN or SYN-ACK met congestion. */
void tcp_establish(struct tcb *t, struct tcp_env *env, const struct tcp_segment *seg,
                   bool congested, enum la_reason why);
/* Takes the options of the peer's SYN (RFC 7323 2.2, RFC 2018 2, RFC 9293 3.7.1). */
void tcp_take_syn_options(struct tcb *t, struct tcp_env *env, const struct wire_tcp *h);

/* Steps 6 to 8 (arrives.c): URG, text and FIN of a segment whose ACK was taken. */
void tcp_steps_from_urg(struct tcb *t, struct tcp_env *env, struct tcp_segment *seg,
                        enum la_reason *verdict);

/* Step 7 (text.c): queues the payload; may take seg->buf. */
void tcp_step_text(struct tcb *t, struct tcp_env *env, struct tcp_segment *seg,
                   enum la_reason *verdict);
/* Appends bytes in order to the receive queue and takes the buffer over. */
void tcp_queue_in_order(struct tcb *t, struct tcp_env *env, struct la_buf *buf, uint32_t segs);
/* Room for more, in bytes, by the receive buffer and by real memory. */
uint32_t tcp_rcv_room(const struct tcb *t, const struct tcp_env *env);

/* ---- sending (output.c, build.c) ------------------------------------------------------------ */

/* What to send next. `reason` LA_NONE: nothing. */
struct tcp_plan {
    enum la_reason reason;
    seq32 seq;
    uint32_t len;   /* payload */
    uint16_t flags; /* LA_TH_* */
};

/* Payload of a full segment now: the effective MSS less the SACK blocks that are due (MUST-16). */
uint32_t tcp_current_mss(const struct tcb *t);

/* `most`: payload the link takes in one piece (a super-segment), at least one MSS. Asks, in this
 * order: reset? SYN? retransmit? probe? data? FIN? ACK? Changes nothing but the timer of pacing. */
struct tcp_plan tcp_next_segment(struct tcb *t, const struct tcp_env *env, uint32_t most);

/* The SYN or SYN-ACK that is to leave (tfo.c). */
struct tcp_plan tcp_plan_syn(const struct tcb *t, const struct tcp_env *env);

/* Ends of calls and records in the send queue (calls_out.c): one was written up to here / how much
 * of `len` may go in one segment, with `usable` bytes of window / does a call end where a segment
 * ends, in `buf`? */
void tcp_mark_end(struct tcb *t, const struct tcp_env *env, uint32_t flags);
uint32_t tcp_within_record(const struct tcb *t, uint32_t len, uint32_t usable);
bool tcp_call_ends(const struct la_buf *buf, seq32 end);
/* New data left: what personas want to know of it. */
void tcp_note_usage(struct tcb *t, seq32 end, uint32_t len, bool full);

/* Are there new data that only the congestion window may hold back? */
bool tcp_new_data_would_go(const struct tcb *t);

/* Notes that the planned segment leaves now: sequence numbers, timers, counters, trace. */
void tcp_sent(struct tcb *t, struct tcp_env *env, const struct tcp_plan *plan,
              const struct wire_tcp *h);

/* Builds the segment behind `frame->head + ip_len` (the link's and IP's headers): TCP header, then
 * references to the payload. `partial`: leave the checksum to the link. The plan is shortened when
 * its payload has more pieces than a frame holds. Fills in all of `frame` but what is IP's.
 * Returns the bytes of TCP header and payload. */
uint32_t tcp_build(struct tcb *t, struct tcp_env *env, struct tcp_plan *plan,
                   struct la_frame *frame, uint32_t ip_len, bool partial, struct wire_tcp *h);

/* ---- ECN (marks.c): nothing happens without a record -------------------------------------- */

#define TCP_ECN_BYTES 40 /* of the record in its slab */

void tcp_ecn_drop(struct tcb *t, struct tcp_env *env);
/* A SYN is to leave: asks for what the options say, if there is memory for it. */
void tcp_ecn_ask(struct tcb *t, struct tcp_env *env);
/* Flags of the SYN, or of the SYN-ACK (`answer`) to a SYN that crossed it. */
uint16_t tcp_ecn_syn_flags(const struct tcb *t, bool answer);
/* The SYN-ACK / a SYN that crossed ours / the third segment came. True: a SYN met congestion. */
bool tcp_ecn_answered(struct tcb *t, struct tcp_env *env, const struct tcp_segment *seg,
                      bool fell_back);
void tcp_ecn_crossed(struct tcb *t, struct tcp_env *env, const struct tcp_segment *seg);
bool tcp_ecn_third(struct tcb *t, const struct tcp_segment *seg);
/* What a half-open connection agreed on; false: no memory. */
bool tcp_ecn_accept(struct tcb *t, struct tcp_env *env, const struct ecn_shake *s);
/* The SYN-ACK came again and is answered. */
void tcp_ecn_syn_ack_again(struct tcb *t, const struct tcp_segment *seg);

/* An acceptable packet came, with `len` bytes in `segs` segments, before its text is taken. */
void tcp_ecn_arrived(struct tcb *t, const struct tcp_segment *seg, uint32_t len, uint32_t segs);
/* Does the handshake's ACK go first (RFC 9768 3.2.2.1)? One of what came before the last change of
 * marks (RFC 8257 3.2)? */
bool tcp_ecn_handshake_first(const struct tcb *t);
bool tcp_ecn_before(const struct tcb *t);

/* The flags of a segment with an ACK, once it has its options / the ECN field of its IP header,
 * before tcp_sent() / it left. */
void tcp_ecn_fill(const struct tcb *t, const struct tcp_plan *plan, struct wire_tcp *h);
enum ecn_field tcp_ecn_field(const struct tcb *t, const struct tcp_plan *plan);
void tcp_ecn_sent(struct tcb *t, const struct tcp_plan *plan, const struct wire_tcp *h);

/* The congestion window was reduced / that was a mistake. */
static inline void tcp_ecn_reduced(struct tcb *t)
{
    if (t->ecn) {
        ecn_reduced(t->ecn);
    }
}
static inline void tcp_ecn_restored(struct tcb *t)
{
    if (t->ecn) {
        t->ecn->flags &= (uint16_t)~ECN_F_CWR;
    }
}

void tcp_ecn_info(const struct tcb *t, struct la_tcp_info *info);

/* What an ACK tells of congestion. */
void tcp_ecn_news(struct tcb *t, struct tcp_env *env, struct tcp_ack_news *n,
                  const struct tcp_segment *seg);

/* ---- 3.10.8 timeouts (timeout.c) ------------------------------------------------------------ */

/* The earliest deadline, TCP_NEVER: none. */
uint64_t tcp_deadline(const struct tcb *t);
void tcp_timeout(struct tcb *t, struct tcp_env *env);
/* Starts the retransmission or persist timer as the state of the connection asks. */
void tcp_arm_rtx(struct tcb *t, const struct tcp_env *env);
/* Restarts the keep-alive timer: something was heard. */
void tcp_arm_keepalive(struct tcb *t, const struct tcp_env *env);

/* ---- 3.10.1 to 3.10.6 user calls (user.c) ---------------------------------------------------- */

/* A block in state CLOSED with the options of `o`; cc's state and timers are set. */
void tcp_init(struct tcb *t, struct tcp_env *env, const struct flow_key *key, uint32_t conn,
              const struct la_tcp_options *o, uint32_t path_mtu);
void tcp_open(struct tcb *t, struct tcp_env *env);
int64_t tcp_send(struct tcb *t, struct tcp_env *env, const void *data, size_t len, uint32_t flags);
int tcp_reserve(struct tcb *t, struct tcp_env *env, void **data, size_t *len);
int tcp_commit(struct tcb *t, struct tcp_env *env, size_t len, uint32_t flags);
int64_t tcp_lend(struct tcb *t, struct tcp_env *env, const void *data, size_t len, uint64_t owner,
                 uint64_t cookie, uint32_t flags);
int64_t tcp_recv(struct tcb *t, struct tcp_env *env, void *data, size_t len, uint32_t flags);
int64_t tcp_peek(struct tcb *t, const void **data);
int tcp_consume(struct tcb *t, struct tcp_env *env, size_t len);
int64_t tcp_take(struct tcb *t, struct tcp_env *env, struct la_buf **buf);
int tcp_shutdown(struct tcb *t, struct tcp_env *env);
void tcp_close(struct tcb *t, struct tcp_env *env);
void tcp_abort(struct tcb *t, struct tcp_env *env, enum la_reason why);
/* Room in the send buffer for the application. */
uint32_t tcp_snd_room(const struct tcb *t);
/* LA_EV_* that hold now. */
uint32_t tcp_ready(const struct tcb *t, const struct tcp_env *env);

/* The initial window (RFC 6928 2, or what the persona says). */
static inline uint32_t tcp_initial_window(const struct tcp_env *env, uint32_t mss)
{
    uint32_t bytes = env->persona.initial_window_segs * mss;
    uint32_t bound = 2 * mss > 14600 ? 2 * mss : 14600;
    return env->persona.initial_window_bytes && bytes > bound ? bound : bytes;
}

/* Do they make sense? */
bool tcp_options_ok(const struct la_tcp_options *o);
void tcp_options_pack(struct tcp_options *to, const struct la_tcp_options *o);
void tcp_options_unpack(struct la_tcp_options *to, const struct tcp_options *o);
/* Tells the congestion control what the persona asks of it. */
void tcp_set_style(struct tcb *t, const struct tcp_env *env);
/* Changes congestion control and pacing to what the options name. */
void tcp_set_cc(struct tcb *t, const struct tcp_env *env);
/* Recomputes the effective MSS after the path's MTU or an option changed. */
void tcp_set_mss(struct tcb *t, uint32_t path_mtu);

/* ---- ICMP and STATUS (icmp.c, info.c) -------------------------------------------------------- */

enum tcp_icmp { TCP_ICMP_SOFT, TCP_ICMP_HARD, TCP_ICMP_MTU };

/* An ICMP error that quotes a segment with sequence number `seq` (RFC 5927 4.1, RFC 5461). `error`:
 * the la_err it stands for; `mtu` for TCP_ICMP_MTU. Returns the verdict. */
enum la_reason tcp_icmp(struct tcb *t, struct tcp_env *env, enum tcp_icmp kind, int error,
                        uint32_t mtu, seq32 seq);

void tcp_info(const struct tcb *t, const struct tcp_env *env, struct la_tcp_info *info);

#endif
