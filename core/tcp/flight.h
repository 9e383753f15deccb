/* What a connection needs while it sends: the scoreboard and the objects of loss recovery
 * (core/loss/), pacing, and the private state of its congestion control.
 *
 * It is attached when the first bytes are queued and taken away when the connection has been idle
 * for long, or when others need the memory: an idle connection stays small. What must outlive it
 * (cwnd, ssthresh, srtt) stands in the control block.
 *
 * repair.c is the one place that decides what goes again. Each ACK is taken apart into a struct
 * tcp_ack_news, in the order of RFC 8985 6.2 and RFC 6675 5: what was delivered, was the last
 * judgement a mistake, what is lost, what phase we are in, how large the window is.
 *
 * Invariants: the board covers [snd_una, snd_nxt); nothing is outstanding without a flight, but a
 * SYN; cc.state points here. */
#ifndef TCP_FLIGHT_H
#define TCP_FLIGHT_H

#include "base/index_list.h"
#include "cc/pace.h"
#include "loss/board.h"
#include "loss/prr.h"
#include "loss/rack.h"
#include "loss/rate.h"
#include "loss/undo.h"
#include "tcp/tcb.h"

#define TCP_DUP_THRESH 3 /* RFC 5681 3.2, RFC 6675 2 */

/* RFC 8985 7.2: how long a peer may hold back its ACK. */
#define TCP_MAX_ACK_DELAY_US 200000

/* What held the connection up, for la_tcp_info. */
enum tcp_holdup { TCP_IDLE, TCP_BUSY, TCP_HELD_BY_PEER, TCP_HELD_BY_BUFFER, TCP_HOLDUPS };
struct tcp_spent {
    uint64_t since_ns;
    uint64_t ns[TCP_HOLDUPS];
    uint8_t now; /* enum tcp_holdup */
};

struct tcp_flight {
    struct board board;
    struct rack rack;
    struct rate rate;
    struct prr prr;
    struct tlp tlp;
    struct frto frto;
    struct undo undo;
    struct min_rtt min_rtt;
    struct pace pace;
    struct la_buf *snd_cur;     /* a buffer at or before the one that holds snd_nxt */
    struct la_buf *rtx_cur;     /* a buffer at or before what was sent again last */
    uint64_t reo_at_ns;         /* RACK's reordering timer (RFC 8985 6.2) */
    uint64_t pto_at_ns;         /* tail loss probe (RFC 8985 7.2) */
    uint64_t pace_at_ns;        /* pacing holds something back until then */
    uint64_t episode_ns;        /* when the episode began, of which `undo` keeps account */
    seq32 episode_una;          /* SND.UNA then: what it sends again lies behind it */
    seq32 rtx_high;             /* the highest end of what was sent again since the last timeout */
    seq32 adapt_seq;            /* after a spurious timeout: a sample of data from here on counts */
    uint32_t rtx_tsval;         /* of what was sent again last */
    struct undo_rtt rtt_before; /* ... with what was known before the timeout (RFC 4015) */
    seq32 recover;      /* the episode is over when this is acknowledged (RFC 6582, RFC 6675) */
    uint32_t dup_bytes; /* without SACK: left the network, by the duplicate ACKs */
    uint8_t dup_acks;   /* without SACK, in a row */
    bool probe_due;     /* a tail loss probe has to leave */
    bool hold_rtx;      /* F-RTO: new data go first (RFC 5682 2.1, step 2b) */
    bool adapt;         /* adapt_seq counts */
    bool sacked_since;  /* something was SACKed in the episode */

    /* for personas */
    uint32_t out_most;   /* LA_GROWTH_DOUBLE: the most that was outstanding ... */
    seq32 out_end;       /* ... until this is acknowledged */
    bool out_full;       /* the window was full meanwhile */
    bool nagle_small;    /* la_persona.nagle_small */
    uint8_t dup_thresh;  /* la_persona.dup_thresh */
    seq32 small_end;     /* one behind the last partial segment */
    uint16_t reordering; /* la_tcp_info */
    struct tcp_spent spent;

    /* of the stack: the list of those that are idle (stack/flights.c) */
    struct tcb *owner;
    struct index_link idle;
    uint64_t idle_ns; /* since then, when `listed` */
    uint32_t index;   /* its own */
    bool listed;

    uint64_t cc_state[CC_STATE_BYTES / 8];
};

/* Attaches the memory if it is not there; false: there is none, ask again later. */
bool tcp_flight_get(struct tcb *t, struct tcp_env *env);
/* Takes it away. */
void tcp_flight_drop(struct tcb *t, struct tcp_env *env);
/* May it be taken away: is nothing outstanding or queued? */
bool tcp_flight_idle(const struct tcb *t);

/* Bytes in flight: the pipe of RFC 6675 4; without SACK duplicate ACKs stand for SACKed bytes. */
uint32_t tcp_in_flight(const struct tcb *t);

/* ---- repair.c -------------------------------------------------------------------------------- */

/* What one ACK told, and what was concluded from it. */
struct tcp_ack_news {
    seq32 una;            /* SND.UNA before it */
    uint32_t flight;      /* in flight before it */
    uint32_t acked;       /* sequence numbers acknowledged cumulatively */
    uint32_t delivered;   /* bytes newly acknowledged or SACKed */
    uint32_t sacked;      /* those by SACK */
    uint32_t lost;        /* newly judged lost */
    uint32_t rtt_us;      /* of the oldest segment it acknowledged that was sent once; 0: none */
    uint32_t last_rtt_us; /* of the youngest one delivered: without the peer's delay */
    uint32_t dsacks;      /* segments that came twice */
    uint32_t ce;          /* bytes of the delivered ones that met congestion */
    seq32 sack_high;      /* highest end of its SACK blocks, or SEG.ACK */
    bool dsack_of_probe, dsack_ours;
    bool original;       /* it delivered something that was not sent again since it was lost */
    bool covers_rtx;     /* it acknowledged something that was sent again */
    bool covers_episode; /* and that since the episode began */
    bool duplicate;      /* a duplicate ACK (RFC 5681 2) */
    bool congested;      /* it tells of congestion marks (ECN) */
    bool partial;        /* a partial ACK in recovery without SACK (RFC 6582 3.2) */
    bool ended;          /* the episode ended with it */
    bool mtu_probe_lost;
    uint8_t mtu_news; /* enum plpmtud_news */
    struct rate_ack rate;
};

/* An ACK, in this order: before anything / the bytes up to SEG.ACK leave the board / SND.UNA has
 * moved, and its SACK blocks / the conclusions. */
void tcp_news_begin(struct tcb *t, struct tcp_ack_news *n);
void tcp_news_ack(struct tcb *t, struct tcp_env *env, struct tcp_ack_news *n,
                  const struct tcp_segment *seg);
void tcp_news_sack(struct tcb *t, struct tcp_env *env, struct tcp_ack_news *n,
                   const struct tcp_segment *seg);
void tcp_repair(struct tcb *t, struct tcp_env *env, struct tcp_ack_news *n,
                const struct tcp_segment *seg);

/* The retransmission timer ran out: what is lost, and the window (RFC 8985 6.3, RFC 6298 5.4). */
void tcp_repair_timeout(struct tcb *t, struct tcp_env *env);
/* RACK's reordering timer ran out. */
void tcp_repair_reorder(struct tcb *t, struct tcp_env *env);

/* ---- detect.c -------------------------------------------------------------------------------- */

/* Marks lost what this ACK, or the time that went by, shows to be lost. */
void tcp_detect(struct tcb *t, struct tcp_env *env, struct tcp_ack_news *n);
/* The same when the retransmission timer has run out. */
void tcp_detect_timeout(struct tcb *t, struct tcp_env *env, struct tcp_ack_news *n);
/* RFC 2018 8: has the peer dropped what it had SACKed? */
void tcp_check_reneging(struct tcb *t, struct tcp_env *env);
uint32_t tcp_reordering_window_us(const struct tcb *t);
/* All that is in flight goes again, without a judgement about the network. */
void tcp_repair_all(struct tcb *t, enum la_reason why);

/* ---- flight.c -------------------------------------------------------------------------------- */

struct tcp_plan; /* tcp.h */

/* TSval of a segment that leaves now for that reason (RFC 7323 3.2). */
uint32_t tcp_tsval(const struct tcb *t, const struct tcp_env *env, enum la_reason reason);

/* New bytes / bytes that had left before left just now. `probed`: the first of the new ones has
 * gone as a window probe, so that their ACK says nothing of the round trip (Karn). */
void tcp_flight_sent(struct tcb *t, struct tcp_env *env, const struct tcp_plan *plan, seq32 end,
                     bool probed);
void tcp_flight_resent(struct tcb *t, struct tcp_env *env, const struct tcp_plan *plan, seq32 end);
/* A window probe left. Its byte may be in flight: then the ACK does not tell of which it is. */
void tcp_flight_probed(struct tcb *t, seq32 seq);

/* A turn of sending is over, or the application has queued: what holds up what is left? */
void tcp_flight_turn_over(struct tcb *t, const struct tcp_env *env);

/* The rate at which to send from now on. */
void tcp_set_pace(struct tcb *t);
/* Sets the probe timer after sending and after ACKs (RFC 8985 7.2). */
void tcp_arm_probe(struct tcb *t, const struct tcp_env *env);

#endif
