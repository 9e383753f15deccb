/* Two stacks on a wire that delays, loses, duplicates, reorders and corrupts, everything following
 * from a seed; with invariants checked after every event. */
#ifndef SUPPORT_STACK_NET_H
#define SUPPORT_STACK_NET_H

#include "support/core_memory.h"
#include "support/two_stacks.h"

#define NET_FRAMES 4096

struct net_frame {
    uint64_t at_ns;
    uint64_t serial; /* order among those of the same time */
    unsigned to;
    size_t len;
    uint8_t *bytes; /* NULL: free */
};

struct net {
    struct pair pair;
    uint64_t random;
    uint32_t loss, duplicate, reorder, corrupt; /* of a thousand */
    uint64_t delay_ns;
    uint64_t hash[2]; /* of all bytes each end sent, and when */
    uint64_t sent[2];
    uint64_t serial;
    uint64_t corrupted;
    size_t in_flight;
    struct net_frame frames[NET_FRAMES];
};

bool net_init(struct net *n, const struct pair_options *o, uint64_t seed);
/* Throws away what is on the wire, destroys both ends and checks their memory. */
void net_end(struct net *n);

/* Goes on to the next thing that happens, at most by `most_ns`. False: nothing will ever happen. */
bool net_step(struct net *n, uint64_t most_ns);
void net_run(struct net *n, uint64_t ns);

/* tcp_invariants() of every connection in the table, and the deadline not in the past (I33). */
void net_check_stack(const struct la_stack *s);

#endif
