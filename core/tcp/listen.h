/* LISTEN (RFC 9293 3.10.7.2), half-open connections and SYN cookies (RFC 4987), as pure
 * dispositions: they say what is to be done with a segment, the stack does it.
 *
 * A half-open connection is a record of at most 96 bytes, not a control block: SYN-RECEIVED of
 * 3.10.7.4 for who came from LISTEN. A cookie keeps no record at all: what has to be remembered
 * stands in the initial sequence number (MSS) and in the timestamp (window scale, SACK, classic
 * ECN); the flags of the third segment tell that accurate ECN was agreed (RFC 9768 5.1). */
#ifndef TCP_LISTEN_H
#define TCP_LISTEN_H

#include "base/index_list.h"
#include "tcp/ecn.h"
#include "tcp/tcp.h"

/* What a SYN told us and what we answered: enough to make a control block. */
struct tcp_handshake {
    seq32 iss, irs;
    uint32_t ts_recent;
    uint16_t peer_mss; /* 0: no option */
    uint16_t flags;    /* TCP_F_TS, TCP_F_SACK, TCP_F_WSCALE: agreed */
    uint8_t snd_wscale;
    uint8_t fastopen; /* enum tcp_shake_fastopen */
    struct ecn_shake ecn;
};

/* What the SYN-ACK of a plain handshake says of Fast Open. */
enum tcp_shake_fastopen {
    SHAKE_COOKIE = 1,       /* it gives a cookie */
    SHAKE_EXPERIMENTAL = 2, /* in the experimental option */
};

struct tcp_half_open {
    struct flow_key key;
    uint32_t conn;
    struct tcp_handshake shake;
    uint32_t listener;      /* index of the listener */
    struct index_link link; /* in the list of its retry count */
    uint32_t deadline_ms;   /* stack time: the next SYN-ACK, or the end */
    uint8_t retries;
    uint8_t challenges; /* answers to segments that may be forged; bounded for its whole life */
    bool acked;         /* the third segment came, without the data that the listener waits for */
    uint32_t began_ms;  /* stack time of the SYN */
};
_Static_assert(sizeof(struct tcp_half_open) <= 96, "half-open: 96 bytes");

/* ---- LISTEN --------------------------------------------------------------------------------- */

enum tcp_listen_action {
    TCP_LISTEN_DROP,
    TCP_LISTEN_RESET,  /* answer with tcp_reset_for() */
    TCP_LISTEN_SYN,    /* a SYN: make a half-open record or a cookie */
    TCP_LISTEN_COOKIE, /* an ACK that may carry a cookie; if it does not: reset */
};
struct tcp_listen_verdict {
    enum tcp_listen_action action;
    enum la_reason reason;
};
/* `cookies`: were cookies given out in the last two periods? */
struct tcp_listen_verdict tcp_listen_arrives(const struct tcp_segment *seg, bool cookies);

/* ---- half-open ------------------------------------------------------------------------------ */

/* Fills in what the SYN says, given the listener's options. `key`, `conn` and the initial sequence
 * number follow from the environment. */
struct tcp_handshake tcp_handshake_of(const struct tcp_segment *syn, const struct flow_key *key,
                                      const struct la_tcp_options *o, const struct tcp_env *env);

enum tcp_half_open_action {
    TCP_HALF_DROP,
    TCP_HALF_ANSWER,    /* the SYN came again: so does the answer */
    TCP_HALF_CHALLENGE, /* an ACK of what we expect */
    TCP_HALF_RESET,     /* answer with tcp_reset_for(); the record stays */
    TCP_HALF_REMOVE,    /* an exact RST */
    TCP_HALF_ESTABLISH, /* the third segment: becomes a control block */
};
struct tcp_half_open_verdict {
    enum tcp_half_open_action action;
    enum la_reason reason;
};
struct tcp_half_open_verdict tcp_half_open_arrives(const struct tcp_half_open *h, uint32_t rcv_wnd,
                                                   const struct tcp_segment *seg);

/* The SYN-ACK of a handshake. `cookie`: the timestamp carries tcp_cookie_bits(). */
void tcp_syn_ack(const struct tcp_handshake *s, const struct flow_key *key,
                 const struct la_tcp_options *o, uint32_t path_mtu, const struct tcp_env *env,
                 bool cookie, struct wire_tcp *h);

/* A control block in SYN-RECEIVED, ready to take the third segment. `retransmitted`: the SYN-ACK
 * left more than once. False: no memory, and nothing is held. */
bool tcp_accept_init(struct tcb *t, struct tcp_env *env, const struct flow_key *key, uint32_t conn,
                     const struct la_tcp_options *o, uint32_t path_mtu,
                     const struct tcp_handshake *s, bool retransmitted);

/* ---- SYN cookies (cookie.c) ----------------------------------------------------------------- */

#define TCP_COOKIE_PERIOD_S 64

/* Window scale, SACK and classic ECN in the low bits of TSval; without timestamps they are lost. */
#define TCP_COOKIE_BITS 127U
uint32_t tcp_cookie_bits(const struct tcp_handshake *s);

/* The initial sequence number: period (5 bits), MSS (3), keyed hash (24) over the 4-tuple, the
 * peer's number, period, MSS and bits. */
seq32 tcp_cookie_make(const struct sip_key *secret, const struct flow_key *key, seq32 irs,
                      uint64_t now_s, uint16_t mss, uint32_t bits);

/* Does an ACK carry a cookie of this or the last period? Fills in the handshake; accurate ECN is
 * for ecn_shake_of_cookie() to find. */
bool tcp_cookie_check(const struct sip_key *secret, const struct tcp_segment *seg,
                      const struct flow_key *key, uint64_t now_s, struct tcp_handshake *s);

#endif
