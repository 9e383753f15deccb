/* A bare connection in a test's hand: one control block, no stack and no IP. The test is the peer.
 *
 * Numbers are relative: ours count from ISS, the peer's from IRS, so a SYN is 0 and the first byte
 * of data 1. Every segment that leaves is flattened, its checksum verified, parsed back and held
 * against what no segment may ever do; after every event the invariants of the block are checked,
 * and at the end all memory has to be back.
 *
 * A test runs in every world: five initial sequence numbers on either side, both IP versions, the
 * fast path off and on. Both settings of the fast path must give the same bytes at the same times
 * and the same verdicts: a digest over all of them is compared. */
#ifndef SUPPORT_TCP_HARNESS_H
#define SUPPORT_TCP_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "support/core_memory.h"
#include "tcp/fastopen.h"
#include "tcp/flight.h"
#include "tcp/listen.h"
#include "tcp/path.h"
#include "tcp/tcp.h"
#include "tcp/time_wait.h"

#include <cmocka.h> /* last: it makes `fail` a macro */

#define MS     UINT64_C(1000000)
#define SECOND (1000 * MS)

#define TCP_TEST_MSS 1000 /* of the peer's SYN, smaller than what the path allows */
#define TCP_OUT_MAX  512

/* A segment that left. `seq` and `ack` are relative. */
struct tcp_out {
    struct wire_tcp h;
    uint32_t seq, ack, len;
    enum la_reason reason;
    uint8_t field; /* ECN field of the IP header */
    uint64_t at_ns;
};

/* A segment that arrives; what is 0 is filled in by tcp_feed(). */
struct tcp_in {
    uint16_t flags;
    uint32_t seq, ack, len;
    int32_t wnd; /* 0: peer_wnd, -1: a closed window */
    uint16_t urg;
    uint8_t options; /* WIRE_TCP_*; timestamps are added when they were agreed */
    uint32_t tsval;  /* 0: the peer's clock */
    uint32_t tsecr;  /* 0: the last TSval that was seen */
    uint32_t segs;   /* merged from so many */
    struct wire_sack sack[WIRE_SACK_MAX]; /* relative, up to the first one that is all zero */
    bool no_timestamp;                    /* leave it away though it was agreed */
    bool other_bytes;                     /* payload that differs from the stream's */
    uint8_t tos;
    uint8_t ecn_n; /* fields of an AccECN option, with WIRE_TCP_ECN0 or WIRE_TCP_ECN1 */
    uint32_t ecn[3];
};

struct tcp_harness {
    struct test_memory tm;
    struct memory memory;
    struct buf_pool pool;
    struct slab flights, runs, paths, ecns, extras;
    struct tfo tfo;
    struct trace trace;
    struct prng prng;
    struct tcp_env env;
    struct tcb t;
    struct flow_key key;
    struct la_tcp_options options; /* of the connection: change before opening */

    uint32_t iss, irs;
    bool v4;
    uint32_t path_mtu;

    /* the peer: its SYN, its window, its clock */
    uint8_t syn_options;
    uint16_t syn_flags; /* of ECN, in its SYN */
    uint16_t peer_mss;
    uint8_t peer_wscale;
    uint16_t peer_wnd; /* the field, not scaled */
    uint32_t peer_clock;
    uint32_t tsval_seen;

    bool hold;          /* leave output where it is, as within a batch */
    bool own_bytes;     /* what is sent is not the pattern */
    uint32_t most;      /* super-segments up to this size; 0: single segments */
    uint32_t said;      /* bytes given to send so far */
    uint32_t heard;     /* bytes received by the application so far */
    uint32_t edge_seen; /* right edge of the window last offered, absolute */
    bool edge_known;

    enum la_reason verdict; /* of the last segment fed */
    struct tcp_out out[TCP_OUT_MAX];
    unsigned out_head, out_tail;
    uint64_t digest;
};

/* ---- worlds --------------------------------------------------------------------------------- */

typedef void tcp_test_fn(struct tcp_harness *h);
struct tcp_case {
    tcp_test_fn *run;
    uint8_t agreed; /* options that both sides offer: tcp_agree() */
};
/* cmocka's test function: runs the case of its initial state in every world. */
void tcp_everywhere(void **state);
int tcp_name_world(void **state); /* tear-down: says in which world it failed */

#define EVERYWHERE(f)                                                        \
    {                                                                        \
#f, tcp_everywhere, NULL, tcp_name_world, (void *)&(struct tcp_case) \
        {                                                                    \
            f                                                                \
        }                                                                    \
    }

/* The same, twice: with SACK, and with SACK and timestamps. */
#define SACK_CASE(f, name, options)                                            \
    {                                                                          \
        name, tcp_everywhere, NULL, tcp_name_world, (void *)&(struct tcp_case) \
        {                                                                      \
            f, WIRE_TCP_SACK_OK | (options)                                    \
        }                                                                      \
    }
#define EVERYWHERE_SACK(f) SACK_CASE(f, #f, 0), SACK_CASE(f, #f " with timestamps", WIRE_TCP_TS)

/* One world by hand. */
void tcp_begin(struct tcp_harness *h, uint32_t iss, uint32_t irs, bool v4, bool fast_path);
void tcp_finish(struct tcp_harness *h);
void tcp_again(struct tcp_harness *h); /* a new connection in the same world */

/* ---- connections ---------------------------------------------------------------------------- */

/* Both sides will offer these: WIRE_TCP_SACK_OK, WIRE_TCP_TS. Before opening. */
void tcp_agree(struct tcp_harness *h, uint8_t options);

void tcp_start(struct tcp_harness *h);         /* OPEN: SYN-SENT, the SYN is in `out` */
void tcp_start_passive(struct tcp_harness *h); /* SYN-RECEIVED, from a half-open record */
void tcp_connect(struct tcp_harness *h);       /* ESTABLISHED by active open, `out` empty */
void tcp_accept(struct tcp_harness *h);        /* ESTABLISHED by passive open */
void tcp_connect_over(struct tcp_harness *h, uint32_t rtt_ms); /* the SYN-ACK takes its time */
/* Any state: SYN-RECEIVED is that of a simultaneous open; `out` is empty. */
void tcp_to_state(struct tcp_harness *h, enum la_tcp_state state);
/* The same from ESTABLISHED with nothing outstanding. */
void tcp_move_to(struct tcp_harness *h, enum la_tcp_state state);

/* ---- the peer ------------------------------------------------------------------------------- */

/* A segment arrives and is answered; returns the verdict. */
enum la_reason tcp_feed(struct tcp_harness *h, const struct tcp_in *in);
enum la_reason tcp_segment_in(struct tcp_harness *h, uint16_t flags, uint32_t seq, uint32_t ack,
                              uint32_t len);
/* An ACK, at the present RCV.NXT. */
enum la_reason tcp_ack_in(struct tcp_harness *h, uint32_t ack);
enum la_reason tcp_window_in(struct tcp_harness *h, uint32_t ack, uint16_t wnd);
/* The same with SACK blocks {left, right}, .... */
#define tcp_sack_in(h, ack_, ...)                                          \
    tcp_feed((h), &(struct tcp_in){.flags = ACK,                           \
                                   .seq = tcp_peer_rel(h, (h)->t.rcv_nxt), \
                                   .ack = (ack_),                          \
                                   .sack = {__VA_ARGS__}})

/* ---- the application ------------------------------------------------------------------------ */

/* Bytes of the pattern; all of them must be taken. */
void tcp_say(struct tcp_harness *h, uint32_t len, uint32_t flags);
/* Reads up to `len` bytes and compares them with the pattern; returns what tcp_recv() did. */
int64_t tcp_hear(struct tcp_harness *h, uint32_t len);

/* ---- time ----------------------------------------------------------------------------------- */

void tcp_wait_ms(struct tcp_harness *h, uint64_t ms); /* runs every timer that is due meanwhile */
void tcp_wait_until(struct tcp_harness *h, uint64_t ns);
uint64_t tcp_fire(struct tcp_harness *h);        /* to the next deadline; milliseconds, or -1 */
bool tcp_timer_due(const struct tcp_harness *h); /* is any timer set? */

/* ---- what left ------------------------------------------------------------------------------ */

/* Takes out what the connection has to send, and after that checks it. */
void tcp_flush(struct tcp_harness *h);
void tcp_check(struct tcp_harness *h);
unsigned tcp_waiting(const struct tcp_harness *h);
struct tcp_out *tcp_push_out(struct tcp_harness *h);
void tcp_mix(struct tcp_harness *h, const void *bytes, size_t len); /* into the digest */
struct tcp_out *tcp_next_out(struct tcp_harness *h, const char *file, int line);
void tcp_expect_at(struct tcp_harness *h, uint16_t flags, uint32_t seq, uint32_t ack, uint32_t len,
                   const char *file, int line);

#define tcp_next(h) tcp_next_out((h), __FILE__, __LINE__)
/* The next segment has exactly these flags, numbers and length. */
#define tcp_expect(h, flags, seq, ack, len) \
    tcp_expect_at((h), (flags), (seq), (ack), (len), __FILE__, __LINE__)
#define tcp_silent(h) assert_int_equal(tcp_waiting(h), 0)

static inline uint32_t tcp_rel(const struct tcp_harness *h, seq32 seq)
{
    return seq.v - h->iss;
}

static inline uint32_t tcp_peer_rel(const struct tcp_harness *h, seq32 seq)
{
    return seq.v - h->irs;
}

static inline uint8_t tcp_our_byte(uint32_t at)
{
    return (uint8_t)(at * 7 + at / 251);
}

static inline uint8_t tcp_peer_byte(uint32_t at)
{
    return (uint8_t)(at * 13 + at / 241 + 5);
}

#define FIN LA_TH_FIN
#define SYN LA_TH_SYN
#define RST LA_TH_RST
#define PSH LA_TH_PSH
#define ACK LA_TH_ACK
#define URG LA_TH_URG

#endif
