/* What few connections need, in memory that is attached when it is wanted and goes with the
 * connection: options that are rarely set, Fast Open (fastopen.h), and the state of quick ACKs.
 *
 * Invariant: t->extra is 0 or an index of env->extras. */
#ifndef TCP_EXTRA_H
#define TCP_EXTRA_H

#include "base/slab.h"
#include "tcp/tcb.h"

/* A Fast Open cookie (RFC 7413 4.1.1). */
struct tfo_cookie {
    uint8_t bytes[WIRE_FASTOPEN_MAX];
    uint8_t len;       /* 0: none */
    bool experimental; /* in the option of RFC 6994: kind 254 */
};

enum tfo_flag {
    TFO_OPTION = 0x01,    /* la_tcp_options.fastopen */
    TFO_NO_COOKIE = 0x02, /* la_tcp_options.fastopen_no_cookie */
    TFO_TRIES = 0x04,     /* active: the first SYN asks for a cookie, or shows `cookie` */
    TFO_CARRIED = 0x08,   /* active: the first SYN carried syn_len bytes */
    TFO_PENDING = 0x10,   /* passive: the listener counts it */
    TFO_ANSWERS = 0x20,   /* passive: the SYN-ACK gives `cookie` */
    TFO_SYN_DUE = 0x40,   /* passive: the SYN-ACK has to leave again */
    TFO_TAKEN = 0x80,     /* data of the SYN were taken: FastOpened (RFC 7413 4.2) */
};

struct tcp_extra {
    /* options */
    uint32_t unsent_most, window_clamp, rcv_lowat;
    /* Fast Open */
    struct tfo_cookie cookie;
    uint16_t tfo;      /* enum tfo_flag */
    uint16_t syn_len;  /* active: payload of the SYN that left */
    uint16_t syn_room; /* active: the most it may carry */
    uint64_t listener; /* passive: its handle, for as long as TFO_PENDING */
    /* acknowledging (quick.c) */
    uint32_t data_ms; /* stack time of the last data */
    uint16_t ato_ms;  /* the delay, 0: no data yet */
    uint8_t quick;    /* so many ACKs leave at once */
    bool opened;      /* data_ms is when the SYN-ACK came */
    bool answers;     /* the application answers: ACKs wait for it ("ping-pong") */
};

static inline struct tcp_extra *tcp_extra_of(const struct tcb *t, const struct tcp_env *env)
{
    return t->extra ? slab_at(env->extras, t->extra) : NULL;
}

/* Attaches it if it is not there; NULL: no memory. */
struct tcp_extra *tcp_extra_get(struct tcb *t, struct tcp_env *env);
void tcp_extra_drop(struct tcb *t, struct tcp_env *env);

/* The connection has sent what it could: what follows for who asked about unsent bytes? */
void tcp_extra_turn_over(struct tcb *t, const struct tcp_env *env);

/* Takes over the options that stand here, attaching memory if they are not all unset. False: no
 * memory, and they are as before. */
bool tcp_extra_pack(struct tcb *t, struct tcp_env *env, const struct la_tcp_options *o);
void tcp_extra_unpack(struct la_tcp_options *o, const struct tcb *t, const struct tcp_env *env);

#endif
