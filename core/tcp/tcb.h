/* The control block of a connection (RFC 9293 3.3.1) and what its functions share.
 *
 * Three kinds of function, told apart by signature:
 *   decide   integers in, a verdict out (decide.h);
 *   apply    struct tcb * and struct tcp_env *: changes the block and adds to `todo` what has to
 *            follow; never calls link, application or stack;
 *   flush    the stack, after the batch, acts on `todo`.
 *
 * The variables have RFC 9293's names. The block is laid out by cache line: who it is and the
 * state; receiving; sending; congestion control; then what a segment in order does not touch.
 *
 * Invariants (tcp_invariants() checks them):
 *   snd_una <= snd_nxt <= snd_max <= snd_end + 1 (the FIN);
 *   once the connection is open the board covers exactly [snd_una, snd_nxt);
 *   the send queue holds exactly [first byte >= snd_una's buffer, snd_end);
 *   rcv_nxt + window never moves left: rcv_adv is its right edge (RFC 9293 3.8.6, SHLD-14);
 *   rcv_queued and rcv_charge are the sums over the receive queue;
 *   rtx_at is set if and only if something is outstanding or a window has to be probed. */
#ifndef TCP_TCB_H
#define TCP_TCB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lastack/frame.h>
#include <lastack/persona.h>
#include <lastack/tcp.h>
#include <lastack/trace.h>

#include "base/assert.h"
#include "base/flow_key.h"
#include "base/prng.h"
#include "base/seq.h"
#include "base/siphash.h"
#include "base/slab.h"
#include "buf/pool.h"
#include "cc/cc.h"
#include "trace/ring.h"
#include "wire/checksum.h"
#include "wire/tcp.h"

#define TCP_NEVER UINT64_MAX

/* RFC 6298 2.4: the default of the option; Linux's choice, docs/deviations.md */
#define TCP_RTO_MIN_MS 200
#define TCP_DELACK_MS  40

/* The longest round trip that an echoed timestamp is believed to tell. */
#define TCP_RTT_MAX_MS 60000

#define TCP_WINDOW_MAX (1U << 30) /* RFC 7323 2.3 */

/* What has to follow, collected over a batch. */
enum tcp_todo {
    TCP_DO_OUTPUT = 0x0001,    /* there may be a segment to send */
    TCP_DO_READABLE = 0x0002,  /* data or the end arrived */
    TCP_DO_WRITABLE = 0x0004,  /* room in the send buffer */
    TCP_DO_CONNECTED = 0x0008, /* the handshake is complete */
    TCP_DO_PEER_CLOSED = 0x0010,
    TCP_DO_ERROR = 0x0020,  /* the connection is gone: `error` says why */
    TCP_DO_CLOSED = 0x0040, /* it ended in order */
    TCP_DO_URGENT = 0x0080,
    TCP_DO_SOFT_ERROR = 0x0100,
    TCP_DO_TIMER = 0x0200,    /* a deadline came nearer */
    TCP_DO_GONE = 0x0800,     /* state CLOSED: out of the table */
    TCP_DO_DOUBT = 0x2000,    /* retransmissions reached R1: the path is in doubt (MUST-20) */
    TCP_DO_PATH_MTU = 0x4000, /* path_mtu is what a search found: for other connections as well */
    TCP_DO_PROGRESS = 0x1000, /* the peer acknowledged new data: the path works */
};

/* Flags of a connection. */
enum tcp_flag {
    TCP_F_PASSIVE = 0x0001,    /* came from a listener (MUST-11) */
    TCP_F_TS = 0x0002,         /* timestamps agreed */
    TCP_F_SACK = 0x0004,       /* SACK agreed */
    TCP_F_WSCALE = 0x0008,     /* window scaling agreed */
    TCP_F_ACK_NOW = 0x0010,    /* an ACK has to leave */
    TCP_F_FIN_QUEUED = 0x0020, /* the application ended its sending side */
    TCP_F_FIN_SENT = 0x0040,
    TCP_F_FIN_RCVD = 0x0080,
    TCP_F_APP_CLOSED = 0x0100,     /* la_tcp_close(): nobody will read any more */
    TCP_F_RST_QUEUED = 0x0200,     /* a reset has to leave, then the block is gone */
    TCP_F_SYN_WAITS = 0x400,       /* Fast Open: the SYN waits for the first data */
    TCP_F_FASTOPENED = 0x800,      /* passive, in SYN-RECEIVED: data are exchanged already */
    TCP_F_PERSIST = 0x1000,        /* rtx_at is the persist timer */
    TCP_F_PROBE = 0x2000,          /* a window probe has to leave */
    TCP_F_KEEP_PROBE = 0x4000,     /* a keep-alive probe has to leave */
    TCP_F_SYN_TIMED = 0x10000,     /* syn_at_us says when the SYN left, once (Karn: MUST-18) */
    TCP_F_DSACK = 0x20000,         /* dsack has to be reported (RFC 2883) */
    TCP_F_MORE = 0x40000,          /* the last send said that more follows */
    TCP_F_OVERRIDE = 0x80000,      /* the override timer ran out (RFC 9293 3.8.6.2.1) */
    TCP_F_SND_URG = 0x100000,      /* snd_up is ahead of snd_una */
    TCP_F_RCV_URG = 0x200000,      /* rcv_up is ahead of what was read */
    TCP_F_CWND_USED = 0x800000,    /* the congestion window was full when last sent */
    TCP_F_FIN_KNOWN = 0x1000000,   /* fin_seq is the sequence number of the peer's FIN */
    TCP_F_SYN_RTX = 0x2000000,     /* the SYN was retransmitted: RFC 6298 5.7 */
    TCP_F_R1 = 0x4000000,          /* retransmissions reached R1 and it was said */
    TCP_F_RESERVED = 0x8000000,    /* the application writes behind the tail of the send queue */
    TCP_F_PUSH_CALLS = 0x10000000, /* PUSH ends calls of the application (TCP_BUF_PUSHED) */
    TCP_F_RECORDS = 0x20000000,    /* buffers of the send queue have TCP_BUF_RECORD */
};

struct tcp_reass;  /* reass.h */
struct tcp_flight; /* flight.h */
struct tcp_ecn;    /* ecn.h */
struct tfo;        /* fastopen.h */

/* Those of la_tcp_options that act on a connection, packed. */
struct tcp_options {
    uint32_t sndbuf, rcvbuf;
    uint32_t user_timeout_ms;
    uint16_t keepidle_s, keepintvl_s;
    int16_t linger_s;
    uint16_t fin_wait_2_s;
    uint16_t delack_ms;
    uint16_t rto_min_ms;
    uint16_t mss_max;
    uint8_t keepcnt, syn_retries, r2_retries;
    uint8_t ttl, tos;
    uint8_t cc;    /* cc_nth() */
    uint16_t bits; /* TCP_OPT_* */
};
#define TCP_OPT_NODELAY     0x01
#define TCP_OPT_CORK        0x02
#define TCP_OPT_KEEPALIVE   0x04
#define TCP_OPT_GARBAGE     0x08
#define TCP_OPT_WSCALE      0x10
#define TCP_OPT_TS          0x20
#define TCP_OPT_SACK        0x40
#define TCP_OPT_SOFT_ERRORS 0x80
#define TCP_OPT_PACING      0x100
#define TCP_OPT_MTU_PROBE   0x200
#define TCP_OPT_SND_AUTO    0x400 /* sndbuf and rcvbuf follow the path (tune.c) */
#define TCP_OPT_RCV_AUTO    0x800
#define TCP_OPT_MAY_CUT     0x1000
#define TCP_OPT_ECN         14 /* the two high bits: enum la_ecn */

struct tcb {
    /* who, and the state */
    struct flow_key key;
    uint32_t conn; /* identifier in trace records */
    uint8_t state; /* enum la_tcp_state; written by tcp_set_state() alone */
    uint8_t snd_wscale, rcv_wscale;
    uint8_t phase;  /* enum cc_phase: OPEN while nothing is wrong */
    uint32_t flags; /* enum tcp_flag */
    uint32_t todo;  /* enum tcp_todo */
    uint32_t extra; /* struct tcp_extra (extra.h), 0: none is wanted */
    struct trace_ring *ring;

    /* receiving */
    seq32 rcv_nxt;
    seq32 rcv_adv;        /* right edge of the window we offered */
    uint32_t rcv_queued;  /* bytes in order that wait for the application */
    uint32_t rcv_charge;  /* real memory of the receive and reassembly queues */
    uint32_t rcv_unacked; /* payload bytes since our last ACK */
    uint32_t ts_recent;
    seq32 last_ack_sent; /* RFC 7323 4.3 */
    uint32_t ts_offset;  /* added to the clock in TSval (RFC 7323 7.1) */
    struct la_buf *rcv_head, *rcv_tail;
    uint64_t ack_at_ns;   /* delayed ACK */
    struct la_buf *reass; /* memory of struct tcp_reass, while something waits behind a gap */

    /* sending */
    seq32 snd_una;
    seq32 snd_nxt; /* what goes next for the first time; the board covers what lies before it */
    seq32 snd_max; /* highest ever sent: RFC 9293's SND.NXT in acceptability tests. Ahead of snd_nxt
                      by the byte of a window probe, which goes again with what follows it */
    seq32 snd_end; /* one behind the last queued byte */
    uint32_t snd_wnd;
    seq32 snd_wl1, snd_wl2;
    uint16_t mss;     /* Eff.snd.MSS: payload of a full segment */
    uint16_t rcv_mss; /* largest segment seen, for delayed ACKs and window steps */
    struct la_buf *snd_head, *snd_tail;
    struct tcp_ecn *ecn; /* NULL: without ECN (marks.c) */
    uint64_t rtx_at_ns;  /* retransmission or persist timer */

    struct cc cc;
    struct tcp_flight *flight; /* NULL: nothing was sent for long (flight.h) */
    uint64_t una_at_ns; /* when snd_una last moved, or data were queued on an idle connection */

    /* what a segment in order does not touch */
    uint64_t keep_at_ns; /* keep-alive; FIN-WAIT-2 after close; linger; override (cork) */
    uint64_t bytes_in, bytes_acked; /* payload */
    uint32_t segs_in, segs_out;
    uint32_t bytes_rtx;
    uint32_t rtx_segs;
    uint32_t srtt_us8; /* srtt in eighths of a microsecond */
    uint32_t rttvar_us4;
    uint32_t rto_ms;
    uint32_t snd_wnd_max; /* RFC 5961 5: MAX.SND.WND */
    seq32 iss, irs;
    uint32_t syn_at_us;   /* wraps after 71 minutes, which no round trip takes */
    seq32 snd_up, rcv_up; /* one behind the urgent data (MUST-62) */
    seq32 fin_seq;
    uint32_t last_in_ms, last_send_ms, ts_recent_s; /* stack time */
    struct wire_sack dsack;
    uint32_t path;     /* struct tcp_path (path.h), 0: nothing to know */
    uint16_t peer_mss; /* of its SYN, 0: none */
    uint16_t path_mtu; /* in use */
    uint16_t link_mtu; /* what the first hop takes */
    uint8_t backoff;   /* timeouts in a row */
    uint8_t probes;    /* keep-alive probes in a row */
    uint8_t challenges;
    uint8_t reason; /* why the next pure ACK, probe or reset leaves: enum la_reason */
    int8_t error;   /* la_err, all of which fit */
    int8_t soft_error;
    uint16_t challenge_s; /* the second in which challenges are counted */
    uint16_t ooo_segs, dup_acks_in, rtx_timeouts;
    uint16_t recoveries, undone, dsacks_in; /* episodes, mistaken ones, segments that came twice */
    uint8_t tos_in;                         /* DS field and ECN bits of the last segment (MAY-9) */
    struct tcp_options opt;
};

_Static_assert(offsetof(struct tcb, rcv_nxt) == 64, "who it is: one cache line");
_Static_assert(offsetof(struct tcb, snd_una) == 128, "receiving: one cache line");
_Static_assert(offsetof(struct tcb, cc) == 192, "sending: one cache line");
_Static_assert(offsetof(struct tcb, keep_at_ns) == 256, "congestion control: one cache line");

/* Sizes of buffers that follow the path: at first, and at most (la_config). */
struct tcp_sizes {
    uint32_t snd_initial, snd_max;
    uint32_t rcv_initial, rcv_max;
};

/* What the connection needs of the world around it; handed in with each call. */
struct tcp_env {
    uint64_t now_ns;
    struct buf_pool *bufs;
    struct slab *flights, *runs; /* struct tcp_flight, struct run */
    struct slab *paths;          /* struct tcp_path */
    struct tcp_sizes sizes;
    struct slab *ecns;   /* struct tcp_ecn_slot */
    struct slab *extras; /* struct tcp_extra */
    struct tfo *tfo;     /* NULL: no Fast Open at all */
    struct trace *trace;
    struct prng *prng;
    struct sip_key isn_key; /* RFC 6528: secretkey */
    struct sip_key ts_key;
    const struct la_assert_handler *assert_handler;
    const struct wire_sum_kernel *sum;
    uint32_t time_wait_ms; /* told in the trace when the wait begins */
    bool fast_path;
    struct la_persona persona;
};

static inline uint32_t tcp_now_ms(const struct tcp_env *env)
{
    return (uint32_t)(env->now_ns / 1000000);
}

/* In la_buf.flags: the segment had PSH. In the send queue: a call ended with its last byte, a
 * record did: no segment goes on behind it. */
#define TCP_BUF_PSH    0x80
#define TCP_BUF_PUSHED 0x80
#define TCP_BUF_RECORD 0x40

/* A segment that arrived: its header, and its payload in `buf` (data and len are the payload).
 * Merged (stack/merge.c): a list of buffers, linked by next, from contiguous segments whose headers
 * agree; `h` is the first one's, len and segs are sums. */
struct tcp_segment {
    struct wire_tcp h;
    seq32 seq, ack;
    uint32_t len;       /* payload bytes */
    uint32_t seg_len;   /* SEG.LEN: with SYN and FIN */
    uint32_t segs;      /* wire segments it was merged from, at least 1 */
    struct la_buf *buf; /* NULL once somebody took it over */
    uint8_t tos, ttl;
    bool text_cut; /* it carried text that the closed window did not let in */
    bool syn_cut;  /* a SYN-ACK whose SYN was known: its window is not scaled (RFC 7323 2.2) */
    bool reset;    /* out: answer with tcp_reset_for() */
};

/* ---- state.c -------------------------------------------------------------------------------- */

/* The one writer of `state`: checks the arc against RFC 9293 figure 5 and traces it. */
void tcp_set_state(struct tcb *t, struct tcp_env *env, enum la_tcp_state to, enum la_reason why);
bool tcp_arc_legal(enum la_tcp_state from, enum la_tcp_state to);

/* Ends the connection at once with an error for the application (0: in order). */
void tcp_end(struct tcb *t, struct tcp_env *env, int error, enum la_reason why);

/* Gives all buffers and the trace ring back. */
void tcp_release(struct tcb *t, struct tcp_env *env);

/* Trace helpers: an event, timer or call of this connection. */
void tcp_note(struct tcb *t, struct tcp_env *env, enum la_trace_what what, enum la_reason why,
              uint32_t value, uint32_t len);
void tcp_trace_segment(struct tcb *t, struct tcp_env *env, enum la_trace_what what,
                       const struct wire_tcp *h, uint32_t len, enum la_reason why);
/* The same for a segment without a control block; `ring` NULL: the stack's own. */
void tcp_trace_header(struct tcp_env *env, struct trace_ring *ring, uint32_t conn, uint8_t state,
                      enum la_trace_what what, const struct wire_tcp *h, uint32_t len,
                      enum la_reason why);

/* Do the invariants hold? In tests and simulations after every event: those that take constant
 * time, and those that walk queues. */
bool tcp_invariants(const struct tcb *t);
bool tcp_invariants_deep(const struct tcb *t);

static inline bool tcp_synchronized(const struct tcb *t)
{
    return t->state >= LA_TCP_ESTABLISHED;
}

/* The window we offer now: what is left of the right edge. */
static inline uint32_t tcp_rcv_wnd(const struct tcb *t)
{
    int32_t left = seq_diff(t->rcv_adv, t->rcv_nxt);
    return left > 0 ? (uint32_t)left : 0;
}

/* The sequence number of the FIN, one behind the last byte. */
static inline bool tcp_fin_acked(const struct tcb *t)
{
    return (t->flags & TCP_F_FIN_SENT) && seq_gt(t->snd_una, t->snd_end);
}

static inline bool tcp_outstanding(const struct tcb *t)
{
    return seq_lt(t->snd_una, t->snd_max);
}

/* Asks for an ACK in the next output; the first reason asked for is the one told. */
static inline void tcp_ack_now(struct tcb *t, enum la_reason why)
{
    if (!(t->flags & TCP_F_ACK_NOW)) {
        t->flags |= TCP_F_ACK_NOW;
        t->reason = (uint8_t)why;
    }
    t->todo |= TCP_DO_OUTPUT;
}

/* Moves a deadline nearer; the wheel is told by the stack. */
static inline void tcp_arm(struct tcb *t, uint64_t *at_ns, uint64_t when_ns)
{
    *at_ns = when_ns;
    t->todo |= TCP_DO_TIMER;
}

#endif
