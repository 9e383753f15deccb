/* TCP Fast Open (RFC 7413): data in the SYN, for who shows a cookie that the server once gave.
 *
 * Two halves. What a stack knows (fastopen.c): the keys that cookies are made with, and, as a
 * client, whose cookies it has and which paths do not work; integers and bytes in, an answer out.
 * What a connection does with it (tfo.c): one that opens actively waits for its first data with
 * the SYN, one whose SYN brought a cookie and data is a whole connection in SYN-RECEIVED at once.
 * docs/fastopen.md walks through both.
 *
 * A cookie is SipHash-2-4 of the client's and the server's address, 8 bytes, least significant
 * first; Linux makes the same from the same key.
 *
 * The client's memory is bounded: TFO_COOKIES address pairs, each with the MSS that the server
 * announced, and TFO_REFUSALS pairs and ports that gave a negative answer (4.1.3.1). In either the
 * one that was used longest ago gives way. A black hole, on which not even plain SYNs help any
 * more, is a property of where we stand, not of one server: it switches Fast Open off everywhere
 * for a while that doubles each time, until a Fast Open succeeds again. */
#ifndef TCP_FASTOPEN_H
#define TCP_FASTOPEN_H

#include "tcp/extra.h"

#define TFO_COOKIES  64
#define TFO_REFUSALS 64

#define TFO_COOKIE_BYTES 8 /* of ours */

/* How long a path is left alone after its last strike (RFC 7413 4.1.3.1: "at least temporarily").
 */
#define TFO_REFUSED_S 600

struct tfo_server {
    struct la_addr client, server;
    struct tfo_cookie cookie;
    uint16_t mss;    /* of its SYN-ACK, 0: none */
    uint32_t used_s; /* 0: empty */
};

struct tfo_refusal {
    struct la_addr client, server;
    uint16_t port;
    uint8_t strikes;
    uint32_t last_s; /* the last strike; 0: empty */
};

struct tfo_memory {
    struct tfo_server servers[TFO_COOKIES];
    struct tfo_refusal refusals[TFO_REFUSALS];
};

struct tfo {
    struct memory *memory;     /* where `client` comes from */
    struct tfo_memory *client; /* NULL: nothing is known yet */
    struct sip_key keys[2];
    uint8_t key_count;
    uint8_t blackholes;         /* in a row */
    uint32_t blackhole_until_s; /* 0: none */
};

void tfo_init(struct tfo *f, struct memory *memory);
void tfo_destroy(struct tfo *f);
/* The keys that the persona names, or one that `random` gives. */
void tfo_set_keys(struct tfo *f, const struct la_persona *p, struct sip_key random);

/* ---- server --------------------------------------------------------------------------------- */

struct tfo_cookie tfo_make(const struct sip_key *key, const struct la_addr *client,
                           const struct la_addr *server);

enum tfo_check { TFO_INVALID, TFO_VALID, TFO_OUTDATED /* valid, but by the backup key */ };
enum tfo_check tfo_check(const struct tfo *f, const struct la_addr *client,
                         const struct la_addr *server, const struct tfo_cookie *cookie);

/* What a listener does with a SYN (RFC 7413 4.2.2), a pure decision. */
enum tfo_deed {
    TFO_PLAIN, /* as if there were no Fast Open */
    TFO_GIVE,  /* a plain handshake, and a cookie in its SYN-ACK */
    TFO_TAKE,  /* the data are taken */
    TFO_RENEW  /* both */
};
struct tfo_question {
    uint32_t mode;    /* LA_FASTOPEN_* of the persona */
    uint32_t pending; /* PendingFastOpenRequests, those that were reset lately among them */
    uint32_t limit;   /* 0: the listener has it off */
    bool option;      /* the SYN has the option */
    bool empty;       /* ... without a cookie: it is asked for */
    uint8_t check;    /* enum tfo_check, of a cookie */
    bool data;        /* the SYN has data */
    bool no_cookie;   /* the listener needs none */
};
enum tfo_deed tfo_syn(const struct tfo_question *q);

/* ---- client --------------------------------------------------------------------------------- */

/* Is the path in doubt: is there a black hole, or has it refused `strikes` times? */
bool tfo_doubtful(struct tfo *f, const struct flow_key *key, uint8_t strikes, uint32_t now_s);

/* The cookie of the pair, len 0: none; *mss: 0 unknown. */
struct tfo_cookie tfo_known(struct tfo *f, const struct flow_key *key, uint16_t *mss,
                            uint32_t now_s);

/* A SYN-ACK told an MSS (0: not) and a cookie (len 0: not). Is that worth a place? */
void tfo_learned(struct tfo *f, const struct flow_key *key, uint16_t mss,
                 const struct tfo_cookie *cookie, bool worth, uint32_t now_s);

/* A negative answer / data of a SYN were taken. */
void tfo_refused(struct tfo *f, const struct flow_key *key, uint32_t now_s);
void tfo_worked(struct tfo *f, const struct flow_key *key);

/* A black hole was met; `first_s`: how long the first one is remembered, 0: not at all. */
void tfo_blackhole(struct tfo *f, uint32_t first_s, uint32_t now_s);

/* ---- connections (tfo.c) -------------------------------------------------------------------- */

struct tcp_plan; /* tcp.h */

/* Active OPEN: does the SYN wait for data, does it ask for a cookie? */
void tcp_tfo_open(struct tcb *t, struct tcp_env *env);
/* The SYN need not wait any longer. */
void tcp_tfo_go(struct tcb *t);
/* Bytes that the application may give while the SYN waits. */
uint32_t tcp_tfo_room(const struct tcb *t, const struct tcp_env *env);
/* Payload of the SYN that is to leave now. */
uint32_t tcp_tfo_syn_len(const struct tcb *t, const struct tcp_env *env);
/* The option of the SYN or SYN-ACK that leaves now. */
void tcp_tfo_option(const struct tcb *t, const struct tcp_env *env, struct wire_tcp *h);
/* The SYN left, with so many bytes. */
void tcp_tfo_syn_left(struct tcb *t, struct tcp_env *env, uint32_t len);
/* The retransmission timer ran out before the handshake was complete: SYN or SYN-ACK go again. */
void tcp_tfo_syn_due(struct tcb *t, struct tcp_env *env);
/* The SYN-ACK came / no answer came `timeouts` times, or none ever / ICMP said too large. */
void tcp_tfo_answered(struct tcb *t, struct tcp_env *env, const struct tcp_segment *seg);
void tcp_tfo_silence(struct tcb *t, struct tcp_env *env, uint32_t timeouts, bool over);
void tcp_tfo_too_large(struct tcb *t, struct tcp_env *env);

/* A control block of tcp_accept_init() whose SYN brings data that are taken, before `seg` is given
 * to tcp_tfo_take(). False: no memory. `answer`: the cookie of the SYN-ACK, len 0: none. */
bool tcp_tfo_accept(struct tcb *t, struct tcp_env *env, const struct tfo_cookie *answer);
/* Takes the text of the SYN; the SYN-ACK is to leave. */
void tcp_tfo_take(struct tcb *t, struct tcp_env *env, struct tcp_segment *seg);
/* The SYN came again: so does the answer. True: it was that. */
bool tcp_tfo_syn_again(struct tcb *t, struct tcp_env *env, const struct tcp_segment *seg);

#endif
