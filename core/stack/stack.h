/* The instance: what joins links, IP, the table of connections, TCP and UDP.
 *
 *     instance.c  creation, links, addresses, memory
 *     input.c     frames in: demultiplexing
 *     passive.c   listeners, half-open connections, cookies
 *     fastopen.c  connections that begin with the data of their SYN
 *     persona.c   the choices that are the configuration's
 *     wait.c      TIME-WAIT records
 *     output.c    frames out
 *     ready.c     handles, events, and the flush that acts on what TCP left to do
 *     timers.c    timeouts
 *     flights.c   the memory of connections that send
 *     tcp_calls.c, bind_calls.c, udp_calls.c   the user calls
 *
 * TCP changes a control block and notes in `todo` what must follow; nothing follows until
 * stack_flush(), after the batch. So no function of TCP ever runs inside another, and what the
 * caller of TCP holds cannot be freed under it.
 *
 * Invariants: a connection is in the table until TCP says that it is gone; it is freed when it is
 * gone, the application has let go and nothing is left to send; every index in a list is in use. */
#ifndef STACK_STACK_H
#define STACK_STACK_H

#include <lastack/stack.h>
#include <lastack/tcp.h>
#include <lastack/udp.h>

#include "base/index_list.h"
#include "buf/pool.h"
#include "flow/bind.h"
#include "flow/ports.h"
#include "flow/table.h"
#include "ip/ip.h"
#include "tcp/fastopen.h"
#include "tcp/listen.h"
#include "tcp/time_wait.h"
#include "timer/wheel.h"
#include "udp/udp.h"

/* ---- records -------------------------------------------------------------------------------- */

enum conn_bit {
    CONN_HELD = 0x01,    /* the application has a handle */
    CONN_TABLE = 0x02,   /* it can be found by its key */
    CONN_OUT = 0x04,     /* in its link's output queue */
    CONN_WAITING = 0x08, /* in its link's queue for neighbours */
    CONN_READY = 0x10,   /* in the readiness queue */
    CONN_TOUCHED = 0x20, /* to be flushed */
    CONN_PENDING = 0x40, /* `owner` is the listener that it waits at for accept */
    CONN_WAIT = 0x80,    /* `owner` is its TIME-WAIT record */
};

struct conn {
    struct tcb tcb;
    struct timer timer;
    uint64_t user;
    struct index_link out;   /* output queue, or queue for neighbours */
    struct index_link ready; /* readiness queue; `next`: accept queue, before there is a handle */
    uint32_t index;          /* its own */
    uint32_t owner;          /* see CONN_PENDING, CONN_WAIT */
    uint32_t next_touched;
    uint16_t want; /* LA_EV_* the application asked for */
    uint16_t news; /* LA_EV_* that happened and were not reported */
    uint8_t link;
    uint8_t bits; /* enum conn_bit */
};
/* With the 16 bytes of a descriptor (core/sock/) 512: so slabs align connections to 16 bytes only.
 */
#define CONN_ALIGN 16
_Static_assert(sizeof(struct conn) <= 496, "a connection: 512 bytes with its socket");

enum endpoint_kind { ENDPOINT_FREE, ENDPOINT_BOUND, ENDPOINT_LISTENER, ENDPOINT_UDP };

/* A listener, a bound socket or a UDP endpoint. */
struct endpoint {
    uint32_t id;  /* 0: free */
    uint8_t kind; /* enum endpoint_kind */
    bool ready_queued, out_queued;
    uint8_t out_link;
    uint16_t want, news;
    struct index_link ready;
    struct index_link out;
    uint64_t user;
    struct bind_entry bind;
    /* TCP */
    struct la_tcp_options options;
    uint32_t accept_head, accept_tail; /* connections, linked by ready.next */
    uint32_t accept_count;
    uint32_t accept_total;    /* that ever came to wait, modulo 2^32 */
    uint32_t half_open;       /* records of this listener */
    uint64_t cookies_until_s; /* cookies given out are good until then */
    /* Fast Open (RFC 7413 4.2, 5.1): PendingFastOpenRequests; those that were reset, which count
     * for a while from the last one on */
    uint32_t fastopen_pending;
    uint32_t fastopen_resets, fastopen_reset_s;
    /* UDP */
    struct udp_endpoint udp;
};

/* ---- the instance --------------------------------------------------------------------------- */

#define HALF_OPEN_RETRIES 8  /* lists of half-open records, by how often they were answered */
#define OUTPUT_BATCH      64 /* frames one la_stack_output() gives at most */
#define PATH_SLOTS        64

/* Paths and headers of connections that send now: a cache, so that idle ones are small. */
struct path_slot {
    uint32_t conn; /* identifier, 0: empty */
    uint32_t version;
    struct ip_path path;
    struct ip_template template;
};

struct link_queue {
    struct index_list out;       /* connections with something to send */
    struct index_list waiting;   /* connections whose next hop is being asked for */
    struct index_list datagrams; /* UDP endpoints with something to send */
    uint32_t neighbour_events;
    struct la_frame *kept; /* frames the link did not take, oldest first */
    uint32_t kept_count;
};

struct la_stack {
    struct la_config config;
    struct memory memory;
    struct buf_pool pool;
    struct trace trace;
    struct prng prng;
    struct tcp_env env; /* now_ns is the stack's time */
    struct ip ip;
    struct flow_table table;
    struct ports ports;
    struct bind_table tcp_binds, udp_binds;
    struct wheel wheel;
    struct slab conns, half_open, time_wait, endpoints;
    struct slab flights, runs; /* tcp/flight.h, loss/board.h */
    struct slab tcp_paths;     /* tcp/path.h */
    struct slab ecns;          /* of connections with ECN (tcp/marks.c) */
    struct slab extras;        /* tcp/extra.h */
    struct tfo tfo;
    struct index_list half_lists[HALF_OPEN_RETRIES + 1];
    struct index_list waits; /* TIME-WAIT, by deadline */
    struct index_list ready_conns, ready_endpoints;
    struct index_list idle_flights;
    struct link_queue links[LA_LINKS_MAX + 1];
    struct path_slot paths[PATH_SLOTS];
    struct sip_key cookie_key;
    uint32_t path_version;             /* goes up when routes, addresses or MTUs change */
    uint32_t touched;                  /* connections to be flushed */
    uint32_t last_conn, last_endpoint; /* identifiers given */
    uint32_t time_wait_ms;
    uint32_t wait_answers, wait_answers_s; /* TIME-WAIT: ACKs sent in that second (wait.c) */
    uint64_t frames_in, frames_out;
};

static inline struct conn *stack_conn_at(const struct la_stack *s, uint32_t index)
{
    return slab_at(&s->conns, index);
}

static inline struct endpoint *stack_endpoint_at(const struct la_stack *s, uint32_t index)
{
    return slab_at(&s->endpoints, index);
}

static inline struct tcp_half_open *stack_half_open_at(const struct la_stack *s, uint32_t index)
{
    return slab_at(&s->half_open, index);
}

static inline struct tcp_time_wait *stack_time_wait_at(const struct la_stack *s, uint32_t index)
{
    return slab_at(&s->time_wait, index);
}

/* persona.c: does it make sense? / Its keys for cookies, or one that follows from the seed. */
bool stack_persona_ok(const struct la_persona *p);
void stack_fastopen_keys(struct la_stack *s);

/* The time of a call; one before the last is taken as the last, and counted. */
void stack_clock(struct la_stack *s, uint64_t now_ns);

/* ---- ready.c -------------------------------------------------------------------------------- */

la_handle stack_conn_handle(const struct la_stack *s, uint32_t index);
la_handle stack_endpoint_handle(const struct la_stack *s, uint32_t index);
/* The index behind a handle, or 0: stale, or of another kind. */
uint32_t stack_conn_of(const struct la_stack *s, la_handle handle);
uint32_t stack_endpoint_of(const struct la_stack *s, la_handle handle);

/* A fresh connection outside the table, or 0. */
uint32_t stack_conn_new(struct la_stack *s);
uint32_t stack_conn_id(struct la_stack *s);

/* Notes that a connection is to be flushed / flushes one now / flushes all noted. */
void stack_touch(struct la_stack *s, uint32_t index);
void stack_flush(struct la_stack *s, uint32_t index);
void stack_flush_touched(struct la_stack *s);

/* Out of every list and the table, and freed when nobody needs it any more. */
void stack_conn_gone(struct la_stack *s, uint32_t index);
void stack_conn_free_if_done(struct la_stack *s, uint32_t index);

void stack_endpoint_ready(struct la_stack *s, uint32_t index);
void stack_conn_ready(struct la_stack *s, uint32_t index, uint32_t news);

/* ---- input.c, passive.c, wait.c ---------------------------------------------------------------
 */

/* A segment on its way through the stack. */
struct arrival {
    struct tcp_segment seg;
    struct flow_key key;
    uint64_t hash;
    uint32_t conn; /* identifier for the verdict */
    uint8_t link;
    bool reuses;       /* a SYN that takes over from TIME-WAIT */
    seq32 old_snd_nxt; /* SND.NXT of the connection before, when it does */
};

/* Sends one segment without a connection; `conn` joins it to trace records, 0: none. */
void stack_reply(struct la_stack *s, const struct flow_key *key, const struct wire_tcp *h,
                 uint8_t tos, uint8_t state, enum la_reason reason, uint32_t conn);
void stack_reset_reply(struct la_stack *s, const struct arrival *a, enum la_reason why);
/* Writes the IN record of a segment without a control block. */
void stack_trace_in(struct la_stack *s, const struct arrival *a, uint8_t state,
                    enum la_reason verdict);
void stack_trace_peer(struct la_stack *s, const struct flow_key *key, uint32_t conn);

enum la_reason stack_conn_arrives(struct la_stack *s, struct arrival *a, uint32_t index);
enum la_reason stack_nobody_arrives(struct la_stack *s, struct arrival *a);
enum la_reason stack_listen_arrives(struct la_stack *s, struct arrival *a, uint32_t endpoint);
enum la_reason stack_half_open_arrives(struct la_stack *s, struct arrival *a, uint32_t index);
enum la_reason stack_wait_arrives(struct la_stack *s, struct arrival *a, uint32_t index);

uint32_t stack_path_mtu(struct la_stack *s, const struct flow_key *key);
/* A SYN that takes over from TIME-WAIT: the initial sequence number of its answer. */
void stack_above_old(const struct arrival *a, struct tcp_handshake *shake);
/* A control block in SYN-RECEIVED for a handshake, in the table; 0: no memory. `half_open`: the
 * record that it takes over from, 0: none. */
uint32_t stack_accepted_new(struct la_stack *s, const struct arrival *a, uint32_t listener,
                            const struct tcp_handshake *shake, uint32_t half_open);
void stack_accept_queue_enter(struct la_stack *s, uint32_t index);

/* A SYN at a listener, where Fast Open is on: the verdict when its data were taken; LA_NONE: a
 * plain handshake, and *shake is what its SYN-ACK says (enum tcp_shake_fastopen). */
enum la_reason stack_fastopen_arrives(struct la_stack *s, struct arrival *a, uint32_t listener,
                                      uint8_t *shake);
/* Something happened to a connection: does its listener have to count it any longer? */
void stack_fastopen_settled(struct la_stack *s, const struct conn *c);

void stack_half_open_remove(struct la_stack *s, uint32_t index);
void stack_half_open_timeout(struct la_stack *s);
/* ICMP says that the SYN-ACK did not arrive, and the persona believes it. */
enum la_reason stack_half_open_error(struct la_stack *s, uint32_t index, const struct ip_error *e);

/* TIME-WAIT begins: a record takes over from the connection. */
void stack_wait_begin(struct la_stack *s, uint32_t conn);
void stack_wait_timeout(struct la_stack *s);
/* Milliseconds until a connection's TIME-WAIT is over, 0: it is. */
uint32_t stack_wait_left_ms(const struct la_stack *s, const struct conn *c);

/* ---- output.c ------------------------------------------------------------------------------- */

void stack_output_queue(struct la_stack *s, uint32_t index);
void stack_output_unqueue(struct la_stack *s, struct conn *c, uint32_t index);
void stack_datagram_queue(struct la_stack *s, uint32_t index);
/* The path of a connection, from the cache or looked up: 0 or la_err. */
int stack_path(struct la_stack *s, uint32_t index, struct path_slot **out);
void stack_path_forget(struct la_stack *s, uint32_t index);

/* ---- timers.c ------------------------------------------------------------------------------- */

void stack_arm(struct la_stack *s, struct conn *c);

/* When a 32-bit stack time in milliseconds comes, in nanoseconds. */
static inline uint64_t stack_ms_deadline(const struct la_stack *s, uint32_t deadline_ms)
{
    uint64_t now_ms = s->env.now_ns / 1000000;
    int32_t left = (int32_t)(deadline_ms - (uint32_t)now_ms);
    return left <= 0 ? s->env.now_ns : (now_ms + (uint32_t)left) * 1000000;
}

/* ---- flights.c ------------------------------------------------------------------------------- */

/* A connection with a flight was worked on: is it idle now? / It is about to be released. */
void stack_flight_changed(struct la_stack *s, const struct tcb *t);
void stack_flight_forget(struct la_stack *s, const struct tcb *t);
/* Takes away what has been idle for long / the oldest one at once; false: none is idle. */
void stack_flights_timeout(struct la_stack *s);
bool stack_flights_spare(struct la_stack *s);

/* ---- bind_calls.c --------------------------------------------------------------------------- */

/* An address of the application as the stack keeps it: scope inside. */
struct la_addr stack_addr_in(const struct la_endpoint *e);
struct la_endpoint stack_endpoint_out(const struct la_addr *addr, uint16_t port);
int stack_endpoint_new(struct la_stack *s, enum endpoint_kind kind, uint32_t *index);
void stack_endpoint_free(struct la_stack *s, uint32_t index);
/* Enters an endpoint's address; port 0: one of the range is chosen. 0 or LA_EADDRINUSE. */
int stack_bind_enter(struct la_stack *s, struct bind_table *table, struct bind_entry *b);
/* Closes listener or bound socket: what was not accepted is reset. */
void stack_endpoint_close(struct la_stack *s, uint32_t index);

#endif
