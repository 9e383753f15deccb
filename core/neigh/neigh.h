/* Neighbours: which link-layer address stands for an address on an Ethernet link.
 *
 * One reachability machine (RFC 4861 7.3.2) for both versions of IP, and two wire fronts: ARP
 * (RFC 826) in arp.c and Neighbour Discovery (RFC 4861) in nd.c.
 *
 *     (none) -> INCOMPLETE   somebody wants to send; multicast or broadcast solicitations leave
 *     INCOMPLETE -> REACHABLE, STALE   an answer came, asked for or not
 *     INCOMPLETE -> FAILED   three solicitations brought nothing (RFC 4861 7.2.2)
 *     REACHABLE -> STALE     nothing confirmed it for the reachable time
 *     STALE -> DELAY         it is used: five seconds for upper layers to confirm it
 *     DELAY -> PROBE         they did not: unicast solicitations
 *     PROBE -> (none)        three of them brought nothing (RFC 4861 7.3.3)
 *     any -> REACHABLE       a solicited answer, or progress of a connection (neigh_confirm)
 *
 * ARP has no flags; a reply sent to us counts as solicited when we had asked, anything else about a
 * known neighbour as an unsolicited advertisement with the override flag.
 *
 * Solicitations are not queued as frames: an entry that has to ask stands in its link's list of
 * askers and neigh_output() writes the frame when the link can take it. Room is left for duplicate
 * address detection (an entry kind of its own, `ours` of the fronts false while tentative) and for
 * router advertisements (ip/icmp.c drops them by type).
 *
 * Invariants: at most NEIGH_MAX entries, of which at most NEIGH_WAITING_MAX unresolved, so that
 * scanning a subnet never pushes out neighbours in use; no entry is made from what was not asked
 * for, except by solicitations and requests sent to us; index 0 is none. */
#ifndef NEIGH_NEIGH_H
#define NEIGH_NEIGH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lastack/stack.h>

#include "base/memory.h"
#include "base/prng.h"
#include "base/siphash.h"
#include "wire/arp.h"
#include "wire/ipv6.h"
#include "wire/nd.h"

#define NEIGH_MAX         512
#define NEIGH_WAITING_MAX 128
#define NEIGH_BUCKETS     512

/* RFC 4861 10. */
#define NEIGH_RETRANS_NS        (1 * LA_NS_PER_S)
#define NEIGH_DELAY_NS          (5 * LA_NS_PER_S)
#define NEIGH_REACHABLE_NS      (30 * LA_NS_PER_S) /* times 0.5 to 1.5 (RFC 4861 6.3.2) */
#define NEIGH_MULTICAST_SOLICIT 3
#define NEIGH_UNICAST_SOLICIT   3
/* How long a failed resolution is remembered before it is tried again: our choice, above the one
 * second that RFC 1122 2.3.2.1 wants between requests for one address. */
#define NEIGH_FAILED_NS (3 * LA_NS_PER_S)

enum neigh_state {
    NEIGH_FREE,
    NEIGH_INCOMPLETE,
    NEIGH_FAILED,
    NEIGH_REACHABLE,
    NEIGH_STALE,
    NEIGH_DELAY,
    NEIGH_PROBE,
};

struct neigh_entry {
    struct la_addr addr; /* scope inside, as in base/flow_key.h */
    struct la_addr src;  /* ours: where the packet that asked came from (RFC 4861 7.2.2) */
    uint64_t due_ns;     /* when time changes its state */
    uint16_t next;       /* in its hash chain, or the free list */
    uint16_t newer;      /* in the list of its kind, by last use */
    uint16_t older;
    uint16_t ask_next; /* in the link's list of askers */
    uint8_t mac[WIRE_MAC_LEN];
    uint8_t link;
    uint8_t state;  /* enum neigh_state */
    uint8_t probes; /* solicitations so far in this state */
    bool asking;    /* stands in the list of askers */
    bool router;    /* RFC 4861 7.2.5: the R flag, for router selection later */
};

struct neigh_list {
    uint16_t newest, oldest;
    uint16_t count;
};

struct neigh_link {
    bool up;
    uint8_t mac[WIRE_MAC_LEN];
    uint16_t ask_head, ask_tail;
    uint32_t resolved; /* goes up when an address was found or changed */
    uint32_t failed;   /* goes up when a resolution failed */
};

struct neigh {
    struct memory *memory;
    struct prng *prng;
    struct sip_key key;
    struct neigh_entry *entries; /* NEIGH_MAX + 1, from the first Ethernet link on */
    uint16_t *buckets;
    uint16_t free;
    struct neigh_list waiting; /* INCOMPLETE and FAILED */
    struct neigh_list known;   /* the others */
    uint64_t next_ns;          /* no entry is due before */
    uint32_t evicted;          /* entries that gave way while they were of use */
    struct neigh_link links[LA_LINKS_MAX + 1];
};

/* A complete Ethernet frame: an answer or a solicitation. */
#define NEIGH_FRAME_MAX (WIRE_ETH_HEADER + WIRE_IPV6_HEADER + WIRE_ND_LEN_MAX)
struct neigh_frame {
    uint8_t bytes[NEIGH_FRAME_MAX];
    uint16_t len;    /* 0: none */
    uint16_t reason; /* enum la_reason, kind SEND */
};

void neigh_init(struct neigh *n, struct memory *memory, struct prng *prng);
void neigh_destroy(struct neigh *n);

/* Begins with an Ethernet link; 0 or LA_ENOMEM. */
int neigh_link_add(struct neigh *n, uint8_t link, const uint8_t mac[WIRE_MAC_LEN]);

/* Takes that back, as long as nothing was asked or heard on the link. */
static inline void neigh_link_forget(struct neigh *n, uint8_t link)
{
    n->links[link].up = false;
}

/* The link-layer address of a unicast neighbour. `src` is our address that the packet leaves from.
 * *hint (0 at first) remembers the entry between calls. 0: `mac` is filled; LA_EAGAIN: asked for,
 * look again when neigh_resolved() or neigh_failed() of the link has changed; LA_EHOSTUNREACH:
 * nobody answered a short while ago; LA_ENOBUFS: the table has no room. Counts as a use: a STALE
 * neighbour begins to be verified (RFC 4861 7.3.3). */
int neigh_resolve(struct neigh *n, uint8_t link, const struct la_addr *addr,
                  const struct la_addr *src, uint16_t *hint, uint64_t now_ns,
                  uint8_t mac[WIRE_MAC_LEN]);

/* An upper layer made forward progress with this neighbour (RFC 4861 7.3.1). */
void neigh_confirm(struct neigh *n, uint8_t link, const struct la_addr *addr, uint16_t *hint,
                   uint64_t now_ns);

static inline uint32_t neigh_resolved(const struct neigh *n, uint8_t link)
{
    return n->links[link].resolved;
}

static inline uint32_t neigh_failed(const struct neigh *n, uint8_t link)
{
    return n->links[link].failed;
}

/* A received ARP message. `ours`: the target is an address of ours on this link; a request for it
 * is answered into `answer`. Returns the verdict. */
enum la_reason neigh_arp_input(struct neigh *n, uint8_t link, const struct wire_arp *arp, bool ours,
                               uint64_t now_ns, struct neigh_frame *answer);

/* A received solicitation or advertisement that passed wire_nd_parse(). Addresses in `ip` and `nd`
 * carry their scope. */
enum la_reason neigh_nd_input(struct neigh *n, uint8_t link, const struct wire_ipv6 *ip,
                              const struct wire_nd *nd, bool ours, uint64_t now_ns,
                              struct neigh_frame *answer);

/* Writes the next solicitation that `link` has to send; false: none waits. */
bool neigh_output(struct neigh *n, uint8_t link, struct neigh_frame *frame);

static inline bool neigh_has_output(const struct neigh *n, uint8_t link)
{
    return n->links[link].ask_head != 0;
}

void neigh_timeout(struct neigh *n, uint64_t now_ns);

static inline uint64_t neigh_next_deadline(const struct neigh *n)
{
    return n->next_ns;
}

/* The state of a neighbour, for tests and views; NEIGH_FREE: not known. */
enum neigh_state neigh_state_of(struct neigh *n, uint8_t link, const struct la_addr *addr,
                                uint64_t now_ns);

#endif
