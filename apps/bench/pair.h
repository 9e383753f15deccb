/* Two stacks at the ends of a wire in memory, turned by one thread.
 *
 * End 0 opens, end 1 listens. Each end counts what its allocator gave. A pass moves one batch of
 * frames one way, as a host does: the clock is read once, the link takes what the stack gives, the
 * other stack takes what the link gives, timers that are due are run. */
#ifndef APPS_BENCH_PAIR_H
#define APPS_BENCH_PAIR_H

#include <lastack/host.h>
#include <lastack/tcp.h>

#define PAIR_BATCH      64
#define PAIR_PORT       7
#define PAIR_CLIENTS    16    /* addresses of end 0, at most */
#define PAIR_PORTS      64000 /* of each of them, from here: */
#define PAIR_PORT_LEAST 1024

struct pair_end {
    struct la_stack *stack;
    struct la_link *link;
    int id;
    uint64_t held_bytes; /* by the allocator */
    la_handle listener;
};

struct pair {
    struct pair_end end[2];
    uint64_t now_ns;
    bool frozen; /* the clock stands */
    struct la_frame frames[PAIR_BATCH];
};

/* What a pair is to be. End 0 gets as many addresses as its clients need and no more, because a
 * stack looks through its addresses one by one. */
struct pair_plan {
    uint32_t mtu;
    uint32_t records; /* connections, and records of each kind */
    uint32_t clients; /* addresses of end 0; 0: as many as pair_client() names for `records` */
    bool v6;          /* or IPv4; one of them */
};

/* False: no memory. */
bool pair_open(struct pair *p, const struct pair_plan *plan);
void pair_close(struct pair *p);

/* End 1 listens; 0 or la_err. */
int pair_listen(struct pair *p, bool v6, const struct la_tcp_options *options);

/* Where the n-th client of end 0 is, and the server. */
struct la_endpoint pair_client(uint32_t n, bool v6);
struct la_endpoint pair_server(bool v6);

/* One batch of frames from an end to the other; returns how many. */
size_t pair_pass(struct pair *p, unsigned from);

/* Until neither end has anything to send. */
void pair_settle(struct pair *p);

/* The same for an end whose frames are thrown away. */
void pair_discard(struct pair *p, unsigned from);

/* Takes the events of both ends that wait, and drops them. */
void pair_forget_events(struct pair *p);

/* Opens the n-th connection and accepts it; 0 or la_err. */
int pair_connect(struct pair *p, uint32_t n, bool v6, const struct la_tcp_options *options,
                 la_handle *client, la_handle *server);

#endif
