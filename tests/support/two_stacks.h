/* Two stacks on one wire, in virtual time: the shortest way to a real exchange.
 *
 * The wire carries frames in order at once; a filter may lose or keep some. Every frame is copied,
 * as a real wire would. Time moves only with pair_run(). */
#ifndef SUPPORT_TWO_STACKS_H
#define SUPPORT_TWO_STACKS_H

#include <lastack/stack.h>
#include <lastack/tcp.h>
#include <lastack/udp.h>

#include "support/test_memory.h"

struct pair_end {
    struct la_stack *stack;
    struct test_memory memory;
    int link;
    struct la_addr v4, v6;
};

/* What happens to frame `serial` (counted from 0 over both directions) from end `from`: false
 * loses it. `bytes` may be changed. */
typedef bool pair_filter(void *ctx, unsigned from, unsigned serial, uint8_t *bytes, size_t len);

/* How many of `n` frames the link of end `from` takes; asked before it is offered any as well, to
 * choose how many to ask the stack for. */
typedef size_t pair_take(void *ctx, unsigned from, size_t n);

struct pair_options {
    enum la_link_type type;
    uint32_t mtu;
    bool fast_path;
    uint64_t time_wait_ns, msl_ns; /* 0: the default */
    uint8_t cookies;
    uint32_t time_wait_max, half_open_max, conns_max;
    unsigned fail_at[2]; /* the N-th allocation of each end fails; 0: none */
    uint64_t memory_max; /* 0: the default, as are these */
    uint16_t port_first, port_last;
    uint32_t trace_rings_max;
};
struct pair_options pair_defaults(void);

struct pair {
    struct pair_options options;
    struct pair_end end[2];
    uint64_t now_ns;
    uint64_t delay_ns; /* one way: added to the time before each exchange of a batch */
    unsigned serial;
    pair_filter *filter;
    pair_take *take; /* NULL: the link takes everything */
    void *ctx;
    /* Called after every frame that came in and every timeout: for invariants. */
    void (*check)(struct pair *p, unsigned end);
};

/* Ends are 10.0.0.1 and 10.0.0.2, fd00::1 and fd00::2. False: no memory (fail_at). */
bool pair_init(struct pair *p, const struct pair_options *o);

/* Destroys both and checks that all memory came back. */
void pair_end_all(struct pair *p);

/* End `n` loses its memory and starts again, with the same addresses and another seed. */
void pair_restart(struct pair *p, unsigned n);

/* Gives a frame to end `to` as if it came over the wire; returns the verdict. */
enum la_reason pair_inject(struct pair *p, unsigned to, const uint8_t *bytes, size_t len);

/* Carries frames back and forth until neither end has anything to send. */
void pair_settle(struct pair *p);

/* Lets time pass, with timeouts when they are due. */
void pair_run(struct pair *p, uint64_t ns);

struct la_endpoint pair_at(const struct pair *p, unsigned end, bool v6, uint16_t port);

/* Opens end 0 -> end 1 port 80: `client`, and the accepted `server` and its `listener`. */
void pair_connect(struct pair *p, bool v6, la_handle *client, la_handle *server,
                  la_handle *listener);

enum la_tcp_state pair_state(const struct pair *p, unsigned end, la_handle h);

#endif
