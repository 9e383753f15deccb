/* The inside of a run: nodes, the queue of what comes next, hosts, and the run itself.
 *
 *     run.c     the loop, acts, the end
 *     host.c    a stack with one link
 *     net.c     lanes and routers
 *     flow.c    the applications and their ledger
 *     check.c   invariants of connections, check_wire.c of segments, rules.c as pure functions
 *     memory.c  an allocator that counts and can fail
 *     queue.c   which node is next
 *
 * Invariants: a node stands in the queue once, at node->at_ns, which is never before `now_ns`;
 * packets belong to their lane until they are handed on, then to the stack that takes them. */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include <setjmp.h>

#include "base/prng.h"
#include "link/lane.h"
#include "sim/flow.h"
#include "sim/sim.h"

struct world;
struct node;

struct node_ops {
    /* Takes a packet; `bytes` are the caller's. */
    void (*forward)(struct world *w, struct node *node, const uint8_t *bytes, uint32_t len,
                    struct lane_meta meta);
    uint64_t (*next_at)(const struct world *w, const struct node *node);
    void (*run)(struct world *w, struct node *node);
};

struct node {
    const struct node_ops *ops;
    uint64_t at_ns;
    uint32_t id; /* order among equals */
    uint32_t place;
};

/* ---- queue.c -------------------------------------------------------------------------------- */

#define WORLD_NODES (PLAN_NODES + 2 * PLAN_LINKS + 1)

struct node_queue {
    struct node *heap[WORLD_NODES];
    uint32_t count;
};

void queue_add(struct node_queue *q, struct node *node);
/* The node's time has changed to `at_ns`. */
void queue_move(struct node_queue *q, struct node *node, uint64_t at_ns);

/* ---- memory.c ------------------------------------------------------------------------------- */

struct host_memory {
    struct memory_block *blocks; /* all that are out */
    uint64_t held_bytes;
    uint32_t number; /* of the last allocation */
    uint32_t fail_from, fail_to, fail_every;
    bool failing;
    uint32_t failed;
};

struct la_allocator host_allocator(struct host_memory *m);
/* After a run that was broken off: everything back, whoever holds it. */
void host_memory_drop(struct host_memory *m);

/* ---- net.c ---------------------------------------------------------------------------------- */

struct sim_lane {
    struct node node;
    struct lane lane;
    struct node *to;
    struct sim_lane *back;
};

struct sim_router {
    struct node node;
    unsigned index;
    struct sim_lane *way[PLAN_NODES]; /* the lane towards each host */
};

bool net_open(struct world *w);
void net_close(struct world *w);
/* Puts a packet on a lane and tells the queue. */
void net_push(struct world *w, struct sim_lane *l, const uint8_t *bytes, uint32_t len,
              struct lane_meta meta);
void net_moved(struct world *w, struct sim_lane *l);

/* ---- host.c --------------------------------------------------------------------------------- */

/* A packet that lies in a buffer of the stack and is looked at when it is due. */
struct arrived {
    uint64_t due_ns;
    uint32_t serial;
    struct la_buf *buf;
};

/* What the invariants remember of a host (check_wire.c). */
#define CHECK_ASKED   1024
#define CHECK_COOKIES 4096
#define CHECK_WAITS   64
struct check_asked { /* a segment that may be answered by a reset */
    uint32_t ports;
    uint32_t seq_end, ack;
    bool has_ack, answered;
};
struct check_cookie { /* the last two that were sent to whoever hashes here */
    uint64_t who;
    uint32_t iss[2];
    uint64_t at_ns[2];
};
struct check_wait { /* TIME-WAIT that has to last */
    uint32_t conn;
    uint64_t until_ns;
    uint64_t excuses; /* records that may have gone early, when this one began */
};
struct host_checks {
    struct check_asked asked[CHECK_ASKED];
    uint32_t asked_count;
    struct check_cookie *cookies; /* NULL: none was sent */
    uint32_t last_conn;           /* the highest identifier seen: the stack counts them up */
    struct check_wait waits[CHECK_WAITS];
    unsigned waits_next;
};

#define HOST_LISTENERS 64
#define HOST_BATCH     64
#define HOST_CONNS     512

struct listener {
    uint16_t port;
    la_handle handle; /* 0: closed */
    struct la_tcp_options options;
    bool of_flow; /* comes again when the host boots */
};

struct host {
    struct node node;
    unsigned index; /* of its plan_node */
    const struct plan_node *plan;
    struct la_stack *stack;
    int link;
    struct la_addr addr[2]; /* IPv4, IPv6 */
    struct host_memory memory;
    struct sim_lane *out;
    int64_t clock_ns;      /* its clock shows so much more than the time */
    uint64_t wrong_ns;     /* it went back so far: the stack waits until it is there again */
    struct prng prng;      /* jitter */
    struct arrived *inbox; /* ring */
    uint32_t inbox_first, inbox_count, inbox_room;
    uint64_t last_due_ns;
    uint64_t jitter_ns;
    uint64_t app_at_ns;
    uint32_t lent;                        /* buffers that were lent and are not back */
    struct flow_end *ends;                /* with a connection, alive or on its way out */
    struct flow_end *by_conn[HOST_CONNS]; /* a cache: the end with a conn of this remainder */
    struct flow_end *touched[HOST_CONNS]; /* in this event */
    unsigned touched_count;
    struct listener listeners[HOST_LISTENERS];
    unsigned listeners_count;
    uint64_t same_ns; /* events at this time in a row: `same_count` */
    uint32_t same_count;
    uint32_t walked; /* events since queues were walked */
    struct host_checks checks;
    bool off; /* crashed: nothing arrives and nothing leaves */
    unsigned boots;
    void *wrong;               /* what a wrong host keeps (struct sim_wrong) */
    uint64_t sent[PLAN_FATES]; /* packets that each fate counted */
};

/* Who plays wrong hosts. Such a host has `ops` of its own in its node, and no stack. */
struct sim_wrong {
    bool (*open)(struct world *w, struct host *h);
    void (*close)(struct host *h);
    /* Its application opens the connection of a flow whose client it is. */
    void (*start)(struct world *w, struct flow *f);
    void (*act)(struct world *w, struct flow *f, const struct plan_act *act);
};

bool host_open(struct world *w, unsigned index);
void host_close(struct host *h);
/* Its own time. */
uint64_t host_now(const struct world *w, const struct host *h);
/* Tells the stack what time it is, before the application calls it: calls take no time. */
void host_tick(const struct world *w, struct host *h);
/* When it has to run again has changed. */
void host_moved(struct world *w, struct host *h);
/* The application of `h` wants to be called at `at_ns`. */
void host_wake(struct world *w, struct host *h, uint64_t at_ns);
/* Listens for a flow, or because an act says so. 0, or a negative la_err. */
int host_listen(struct world *w, struct host *h, uint16_t port, const struct la_tcp_options *o,
                bool of_flow);
void host_unlisten(struct world *w, struct host *h, uint16_t port);
/* Gone without a word, and there again. */
void host_crash(struct world *w, struct host *h);
void host_boot(struct world *w, struct host *h);
/* Puts a packet on the host's link, unless a fate of the plan has something else in mind.
 * `forged`: nobody's stack made it. */
void host_insert(struct world *w, struct host *h, const uint8_t *bytes, uint32_t len,
                 struct lane_meta meta, bool forged);
/* Hands the trace records so far to who watches; before calls, so that all stands in order. */
void host_records(struct world *w, struct host *h);
/* A packet was taken, and what the stack made of it; `ip` from the IP header on. */
void host_taken(struct world *w, const struct host *h, const struct la_frame *f, uint32_t serial,
                const uint8_t *ip, uint32_t len);
/* A packet is lost on its way. */
void world_lost(struct world *w, uint32_t serial, const char *why);
/* Tells a call. */
void host_called(struct world *w, const struct host *h, const struct flow_end *e, const char *verb,
                 int64_t result);

/* ---- forge.c -------------------------------------------------------------------------------- */

struct wire_tcp;
/* Writes an IP packet with this TCP header and payload, checksums included; returns its length. */
size_t forge_segment(uint8_t *to, const struct la_addr *src, const struct la_addr *dst,
                     const struct wire_tcp *h, const uint8_t *payload, size_t payload_len);
/* A SYN of nobody's, sent from the link of this host (PLAN_ACT_FORGE). */
void forge_syn(struct world *w, struct host *h, const struct plan_act *a);

/* ---- run.c ---------------------------------------------------------------------------------- */

struct world {
    const struct plan *plan;
    const struct sim_watch *watch;
    struct sim_result *result;
    uint64_t now_ns;
    struct node_queue queue;
    struct host hosts[PLAN_NODES];
    struct sim_router routers[PLAN_NODES];
    struct sim_lane lanes[2 * PLAN_LINKS];
    struct node script; /* acts, expectations and starts of flows */
    uint16_t acts_done;
    uint16_t acts_order[PLAN_ACTS];
    bool expected[PLAN_EXPECTS]; /* was looked at */
    struct flow flows[PLAN_FLOWS];
    unsigned flows_over;
    bool ending; /* listeners are closed: only what lingers goes on */
    struct prng prng;
    uint64_t events, packets, hash;
    uint32_t serial; /* of the last packet that left a host */
    jmp_buf broken;  /* where a violation goes */
    struct la_frame frames[HOST_BATCH];
    uint8_t packet[LA_BUF_MAX];
    uint8_t *copies; /* of a batch, for who watches */
};

/* Notes the violation and leaves the run; does not return. */
__attribute__((noreturn, format(printf, 3, 4))) void world_broken(struct world *w, const char *kind,
                                                                  const char *format, ...);

/* Derives a generator of its own from the seed and where it is used. */
void world_prng(const struct world *w, struct prng *p, unsigned kind, unsigned number);

static inline struct node *world_node(struct world *w, unsigned index)
{
    return w->plan->nodes[index].router ? &w->routers[index].node : &w->hosts[index].node;
}

#endif
