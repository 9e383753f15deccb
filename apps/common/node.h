/* A live node: a link, its wrappers, a stack with addresses, and the host that turns them.
 *
 * Without a link named, the node makes its world first: a namespace with the kernel on the other
 * side (la_world_make). */
#ifndef APPS_COMMON_NODE_H
#define APPS_COMMON_NODE_H

#include <lastack/host.h>
#include <lastack/view.h>

#include "apps/common/say.h"

#define NODE_ADDRS_MAX    8
#define NODE_QUEUE_FRAMES 10000 /* see la_net_link_queue() */

struct node_options {
    const char *link; /* NULL: make a world */
    struct {
        struct la_addr addr;
        uint8_t prefix;
    } addrs[NODE_ADDRS_MAX]; /* none: 10.87.0.2/24 and fd87::2/64 */
    size_t addrs_count;
    struct la_addr gateways[2]; /* default routes, at most one of each family */
    size_t gateways_count;
    uint32_t mtu; /* 0: 1500, or what the link has */
    const char *pcap;
    bool impaired;
    struct la_impair impair; /* of either direction */
    bool seeded;
    uint64_t seed;
    uint64_t msl_ns, time_wait_ns; /* 0: the stack's default */
};

enum node_kind { NODE_LINK, NODE_TUN, NODE_VETH };

struct node {
    struct la_host *host;
    struct la_stack *stack;
    enum node_kind kind;
    char link_name[64];    /* "tun:lastack0" */
    bool drops_counted;    /* the link is a TUN whose queue can overflow: */
    uint64_t drops_before; /* what the kernel had dropped there when it was opened */
    bool link_down;        /* a device of the present namespace that nobody has set up yet */
    struct la_message how; /* which link came about and why */
    uint64_t clock_ns;     /* of the last turn */
    uint64_t trace_lost;   /* records that were overwritten before they could be drained */
};

/* Opens what the options say, or takes over the link that is given (and closes it when this
 * fails). 0, or a negative la_err and why. */
int node_open(struct node *node, const struct node_options *options, struct la_link *given,
              struct la_message *why);
void node_close(struct node *node);

/* One turn of the host, and the clock after it. A signal ends the turn like any other event.
 * 0, or an error of the link. */
int node_turn(struct node *node, uint64_t until_ns);

/* Drains the trace; `diagram` may be NULL. A turn with many segments loses records of the bulk of
 * a transfer: that is counted, not drawn. */
void node_trace(struct node *node, struct la_diagram *diagram);

/* The packets for us that the kernel dropped because the queue of our TUN was full. */
uint64_t node_drops(const struct node *node);
const char *node_device(const struct node *node); /* "lastack0" */

/* The addresses of a world: 10.87.0.1 and fd87::1, 10.87.0.2 and fd87::2. */
struct la_addr node_kernel_addr(bool v6);
struct la_addr node_lastack_addr(bool v6);

#endif
