/* A stack instance and its verbs.
 *
 * The core is sans-IO: it makes no system call, reads no clock and allocates only through the
 * allocator it was given. The caller hands in frames and the time and takes out frames, events
 * and the next deadline:
 *
 *     for (;;) {
 *         wait until a link is readable or la_stack_next_deadline() is reached;
 *         now = clock();
 *         la_stack_input(stack, frames, n, now);
 *         la_stack_timeout(stack, now);
 *         la_stack_poll(stack, events, n);            ... user calls ...
 *         n = la_stack_output(stack, link, frames, max, now);
 *         la_stack_sent(stack, frames, n, taken_by_the_link);
 *     }
 *
 * One instance is used by one thread; instances share nothing. `now` is nanoseconds of a clock
 * that does not go back; an earlier value is taken as the last one and counted. The same seed and
 * the same calls give the same bytes. No call-back ever runs from inside the core. */
#ifndef LASTACK_STACK_H
#define LASTACK_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lastack/addr.h>
#include <lastack/err.h>
#include <lastack/frame.h>
#include <lastack/persona.h>
#include <lastack/reason.h>
#include <lastack/trace.h>

#pragma GCC visibility push(default)

struct la_stack;

/* Where a stack's memory comes from. `get` returns memory aligned to `align` (a power of two, at
 * most 4096) or NULL; `put` takes it back with the size it was asked for. The core asks for slabs
 * (64 KiB and up), not for single objects. */
struct la_allocator {
    void *ctx;
    void *(*get)(void *ctx, size_t size, size_t align);
    void (*put)(void *ctx, void *ptr, size_t size);
};

#define LA_NS_PER_US INT64_C(1000)
#define LA_NS_PER_MS INT64_C(1000000)
#define LA_NS_PER_S  INT64_C(1000000000)

enum la_cookies { LA_COOKIES_AUTO, LA_COOKIES_ALWAYS, LA_COOKIES_NEVER };

/* Called when an invariant of the core does not hold (never because of what a peer sent). It should
 * not return; when it does, the core traps. */
struct la_assert_handler {
    void *ctx;
    void (*fail)(void *ctx, const char *expression, const char *file, int line);
};

struct la_config {
    size_t size; /* sizeof(struct la_config), set by la_config_init(): lets the struct grow */
    struct la_allocator allocator;
    struct la_assert_handler assert_handler; /* `fail` NULL: trap */
    uint8_t seed[32];         /* every random choice follows from it: take it from getrandom() */
    uint64_t memory_max;      /* bytes the stack may hold in all */
    uint32_t conns_max;       /* connections */
    uint32_t half_open_max;   /* half-open records, all listeners together */
    uint32_t time_wait_max;   /* TIME-WAIT records; the oldest gives way */
    uint32_t sockets_max;     /* listeners, UDP endpoints and bound sockets together */
    uint32_t trace_rings_max; /* connections that can be traced at the same time */
    uint64_t msl_ns;          /* maximum segment lifetime: 30 s (RFC 9293 names 2 min) */
    uint64_t time_wait_ns;    /* 0: 2 MSL; either way 24 days at most */
    uint16_t port_first;      /* ephemeral ports, RFC 6056 3.2 */
    uint16_t port_last;
    uint8_t cookies;       /* enum la_cookies: SYN cookies */
    bool fast_path;        /* tests run with it on and off */
    bool rst_closed_ports; /* answer segments for nobody with RST (RFC 9293 3.5.2) */

    /* Buffers of connections that leave their size to the stack (docs/windows.md): at first, and at
     * most. No more than a quarter of memory_max. */
    uint32_t sndbuf_initial, rcvbuf_initial;
    uint32_t sndbuf_max, rcvbuf_max;

    struct la_persona persona; /* where the RFCs leave a choice */
};

/* Fills in the defaults; the allocator and the seed are left zero and must be set. */
void la_config_init(struct la_config *config);

/* Makes an instance, or NULL when the allocator has no memory or a field makes no sense. */
struct la_stack *la_stack_create(const struct la_config *config, uint64_t now_ns);

/* The choices of a stack that runs, and others from now on: what connections and listeners do next
 * follows them, what their SYNs agreed on stays. Keys of Fast Open are changed with them. */
void la_stack_persona(const struct la_stack *stack, struct la_persona *persona);
int la_stack_set_persona(struct la_stack *stack, const struct la_persona *persona);

/* Other sizes of buffers that are left to the stack (la_config), for connections made from now on.
 */
void la_stack_set_buffers(struct la_stack *stack, uint32_t sndbuf_initial, uint32_t sndbuf_max,
                          uint32_t rcvbuf_initial, uint32_t rcvbuf_max);

/* Frees everything. No segment is sent: abort connections first if peers should know. */
void la_stack_destroy(struct la_stack *stack);

/* ---- links, addresses, routes --------------------------------------------------------------- */

enum la_link_type { LA_LINK_IP, LA_LINK_ETHERNET };

/* Offloads a link can do for the core. */
#define LA_OFFLOAD_TX_CSUM 1 /* completes LA_CSUM_PARTIAL */
#define LA_OFFLOAD_TSO4    2 /* cuts IPv4 super-segments */
#define LA_OFFLOAD_TSO6    4 /* cuts IPv6 super-segments */

struct la_link_info {
    uint8_t type;     /* enum la_link_type */
    uint8_t offloads; /* LA_OFFLOAD_* */
    uint8_t mac[6];   /* LA_LINK_ETHERNET: ours */
    uint32_t mtu;     /* IP bytes: 576 to 65535 */
    uint32_t gso_max; /* longest super-segment in IP bytes, at most 65535 */
};

#define LA_LINKS_MAX 8

/* Adds a link; returns its identifier (1 and up), LA_EINVAL or LA_ENOBUFS. */
int la_stack_link_add(struct la_stack *stack, const struct la_link_info *info);
int la_stack_link_set_mtu(struct la_stack *stack, int link, uint32_t mtu);

/* Gives the stack an address on a link, and with it the route to its prefix. */
int la_stack_addr_add(struct la_stack *stack, int link, const struct la_addr *addr, uint8_t prefix);

/* Adds a route; `gateway` NULL: on the link. The longest prefix wins; later ones replace. */
int la_stack_route_add(struct la_stack *stack, int link, const struct la_addr *net, uint8_t prefix,
                       const struct la_addr *gateway);

/* ---- the verbs ------------------------------------------------------------------------------ */

/* Takes in `n` received frames of one link. Each must consist of one piece in a buffer from
 * la_buf_get(); the call takes that reference over, whatever becomes of the frame, and leaves
 * the verdict in frames[i].reason and the connection's identifier in frames[i].conn. All segments
 * are processed before any ACK leaves (RFC 9293 3.10.7.4, MUST-59). */
void la_stack_input(struct la_stack *stack, int link, struct la_frame *frames, size_t n,
                    uint64_t now_ns);

/* Describes up to `max` frames that `link` should send now; returns how many. */
size_t la_stack_output(struct la_stack *stack, int link, struct la_frame *frames, size_t max,
                       uint64_t now_ns);

/* Ends what la_stack_output() began: the link took the first `taken` of the `n` frames; the rest
 * is kept and comes out first the next time. */
void la_stack_sent(struct la_stack *stack, int link, struct la_frame *frames, size_t n,
                   size_t taken);

/* Is there something to send on `link`? */
bool la_stack_has_output(const struct la_stack *stack, int link);

/* Runs every timer that is due. */
void la_stack_timeout(struct la_stack *stack, uint64_t now_ns);

/* When to call la_stack_timeout() next; UINT64_MAX: nothing is armed. */
uint64_t la_stack_next_deadline(const struct la_stack *stack);

/* ---- readiness ------------------------------------------------------------------------------ */

/* A handle names a listener, connection or endpoint; 0 is none. It carries a generation, so a
 * stale one is detected (LA_EBADF), never followed. */
typedef uint64_t la_handle;

#define LA_EV_ACCEPTABLE  0x001 /* a connection waits for la_tcp_accept() */
#define LA_EV_CONNECTED   0x002 /* the handshake is complete */
#define LA_EV_READABLE    0x004 /* data, or the end of it */
#define LA_EV_WRITABLE    0x008 /* room in the send buffer */
#define LA_EV_PEER_CLOSED 0x010 /* the peer sent FIN */
#define LA_EV_ERROR       0x020 /* the connection is gone: `error` says why */
#define LA_EV_RELEASED    0x040 /* a lent buffer is free again: la_tcp_released() */
#define LA_EV_CLOSED      0x080 /* ended in order on both sides; the handle stays until closed */
#define LA_EV_URGENT      0x100 /* urgent data appeared or its end moved (RFC 9293 3.8.5) */
#define LA_EV_SOFT_ERROR  0x200 /* delivery in doubt: `error` says why (RFC 9293 3.9.1.8) */

struct la_event {
    la_handle handle;
    uint64_t user;   /* what la_tcp_set_user() stored */
    uint32_t events; /* LA_EV_* that hold now */
    int32_t error;   /* la_err, or 0 */
};

/* Takes up to `max` events out of the readiness queue. READABLE, WRITABLE and ACCEPTABLE are
 * levels: while they hold, and the handle asked for them, it is queued again the next time. */
size_t la_stack_poll(struct la_stack *stack, struct la_event *events, size_t max);

/* Chooses what la_stack_poll() reports of a handle (LA_EV_*; errors are always reported).
 * READABLE, ACCEPTABLE, CONNECTED, PEER_CLOSED and CLOSED are on from the start. */
int la_stack_want(struct la_stack *stack, la_handle handle, uint32_t events);

/* What holds of a handle now (LA_EV_*), or LA_EBADF. */
int la_stack_ready(struct la_stack *stack, la_handle handle);

/* ---- looking inside ------------------------------------------------------------------------- */

/* Takes up to `max` trace records out, oldest first within each ring. */
size_t la_stack_trace(struct la_stack *stack, struct la_trace_record *records, size_t max);

/* How often a reason occurred since creation. */
uint64_t la_stack_counter(const struct la_stack *stack, enum la_reason reason);

/* What memory is charged to. HELD is what the allocator gave in all; the others are the bytes in
 * use in objects of their kind. All are zero after everything is closed but HELD, which returns
 * to zero with la_stack_destroy(). */
enum la_memory_kind {
    LA_MEM_HELD,
    LA_MEM_BUFFERS,
    LA_MEM_CONNECTIONS,
    LA_MEM_HALF_OPEN,
    LA_MEM_TIME_WAIT,
    LA_MEM_SOCKETS,
    LA_MEM_INDEX,
    LA_MEM_RECOVERY, /* what connections keep of what they sent, while they send */
    LA_MEM_TRACE,
    LA_MEM_KINDS
};
uint64_t la_stack_memory(const struct la_stack *stack, enum la_memory_kind kind);

struct la_stack_stats {
    uint64_t frames_in;
    uint64_t frames_out;
    uint32_t conns;
    uint32_t half_open;
    uint32_t time_wait;
    uint32_t trace_rings;
};
void la_stack_stats(const struct la_stack *stack, struct la_stack_stats *stats);

#pragma GCC visibility pop

#endif
