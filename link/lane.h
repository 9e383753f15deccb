/* A lane: one direction of a bad wire.
 *
 * It is fed whole wire packets with times and says at once what becomes of each; later it hands
 * out, in order, those that arrive. It knows no stack and no clock and does no system call, so
 * the impaired link, the simulator and `lastack wire` use the same one.
 *
 * A packet first waits for its turn on the line: a queue that lets packets go no faster than the
 * rate, drops at its tail, and marks with CE where ECN is asked for. What has left the line is on
 * its way for the delay. Losses by chance or mask take up the line like any packet.
 *
 * Times must not go back. Everything follows from the impairment, the seed and the times: a packet
 * takes the same number of random numbers whatever becomes of it, so changing one probability
 * leaves the other choices alone. */
#ifndef LINK_LANE_H
#define LINK_LANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lastack/link.h>

#include "base/prng.h"

/* What becomes of a packet. All but the first mean that it is dropped. */
#define LANE_FATES(X)                             \
    X(PASSED, "passed")                           \
    X(LOST, "lost by chance")                     \
    X(BURST, "lost in a burst")                   \
    X(MASKED, "lost by a mask")                   \
    X(FULL, "queue full")                         \
    X(DOWN, "line down")                          \
    X(TOO_BIG, "too big, silently")               \
    X(TOLD, "too big, sender told")               \
    X(NO_ROOM, "more under way than can be held") \
    X(UNREADABLE, "empty, or longer than any packet")

enum lane_fate {
#define LANE_FATE_NAME(name, text) LANE_##name,
    LANE_FATES(LANE_FATE_NAME)
#undef LANE_FATE_NAME
        LANE_FATE_COUNT
};

const char *lane_fate_text(enum lane_fate fate);

/* What the owner wants to know again when the packet arrives. */
struct lane_meta {
    uint32_t conn;
    uint32_t serial; /* of the packet, for who follows it; 0: nobody does */
    uint16_t reason;
};

struct lane_packet {
    struct lane_packet *next; /* in the queue, on the way in order, or in a free list */
    struct lane_packet *twin; /* in the queue: arrives with this one */
    uint64_t at_ns;           /* in the queue: when it came; on its way: when it arrives */
    uint64_t serial;          /* on its way: tells the order among equals */
    uint64_t jitter_ns;
    uint64_t stray_ns; /* how much later than those that keep the order */
    struct lane_meta meta;
    uint32_t len; /* of the packet; a lost one keeps no bytes */
    uint8_t size; /* which free list it goes back to */
    bool lost;    /* only its time on the line counts */
    uint8_t bytes[];
};

struct lane_counts {
    uint64_t fate[LANE_FATE_COUNT];
    uint64_t duplicated, corrupted, late; /* of the passed ones */
    uint64_t marked;                      /* CE set */
    uint64_t errors;                      /* ICMP errors that this lane caused */
    uint64_t bytes_passed;
    uint32_t queue_frames_max;
    uint64_t queue_bytes_max;
    uint64_t held_max;
};

struct lane_list {
    struct lane_packet *first, *last;
};

#define LANE_SIZES 3

struct lane {
    struct la_impair how; /* read freely; changed by lane_change() */
    uint64_t queue_bytes_limit;
    uint32_t queue_frames_limit;
    uint32_t link_header;
    struct prng prng;
    struct lane *back; /* where ICMP errors go, NULL: nowhere */
    bool down;         /* set by lane_down() */
    bool burst;        /* in the bad state */
    bool started;
    uint64_t start_ns;             /* of the first packet */
    uint64_t mask, mask_data;      /* bit 0: the next packet */
    uint64_t late_mask, late_data; /* likewise: late by late_ns */
    uint64_t late_ns;
    struct lane_list queue;        /* waits for the line; the first one is on it */
    uint64_t queue_leaves_ns;      /* when the first one has left */
    uint64_t queue_bytes;          /* with the first one */
    uint32_t queue_frames;         /* likewise */
    uint64_t last_due_ns;          /* of what keeps the order */
    uint64_t serial;               /* of the next packet that leaves the line */
    struct lane_list order;        /* on its way, sorted */
    struct lane_packet **stray;    /* on its way out of order: a heap, the earliest first */
    size_t stray_count, stray_max; /* stray_max: room */
    size_t stray_coming;           /* packets in queue or heap that need a place in the heap */
    size_t held;                   /* packets in queue, order and heap */
    struct lane_packet *spare[LANE_SIZES];
    struct lane_counts counts;
};

/* `how` NULL: a good wire. `number` tells the lanes of one seed apart. */
void lane_init(struct lane *lane, const struct la_impair *how, enum la_link_type type,
               uint64_t seed, uint8_t number);
void lane_free(struct lane *lane);

/* ICMP errors that one lane causes go through the other, as if a router stood between them. */
void lane_join(struct lane *a, struct lane *b);

/* Copies a wire packet, Ethernet header included where there is one, with complete checksums. */
enum lane_fate lane_push(struct lane *lane, const void *bytes, size_t len, struct lane_meta meta,
                         uint64_t now_ns);

/* Nothing arrives before this; UINT64_MAX: nothing is under way. */
uint64_t lane_next_at(const struct lane *lane);

/* The packet that has arrived first, NULL: none by now. It stays the lane's until lane_pop(). */
struct lane_packet *lane_due(struct lane *lane, uint64_t now_ns);

/* Forgets the packet that lane_due() gave last. */
void lane_pop(struct lane *lane);

/* Other impairments from now on. What waits in the queue goes on at the new rate and suffers the
 * new delay; what has left it arrives as it would have. Loss masks that are zero in `how` leave
 * the present ones. */
void lane_change(struct lane *lane, const struct la_impair *how, uint64_t now_ns);

/* Which of the next 64 packets, or of the next 64 TCP segments with data, are lost. */
void lane_mask(struct lane *lane, uint64_t packets, uint64_t data_segments);

/* Likewise, which of them are late by so much. */
void lane_late(struct lane *lane, uint64_t packets, uint64_t data_segments, uint64_t by_ns);

/* Partition and heal. What is under way still arrives. */
void lane_down(struct lane *lane, bool down);

#endif
