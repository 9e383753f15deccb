/* Flows: the applications at both ends of a connection, and the ledger of what they wrote and read.
 *
 * The byte at an offset of a stream is a function of the stream and the offset, so the reader can
 * tell a byte that is lost, doubled, out of order or of another connection from the right one
 * without a copy of what was written. Writers write from a table that holds the pattern and
 * readers compare with it, in the forms that the API knows: copied, in place and lent.
 *
 * Invariants (checked by the readers): bytes read are the bytes written, in order (I1); the end of
 * the stream is read once, behind the last byte (I9). */
#ifndef SIM_FLOW_H
#define SIM_FLOW_H

#include <lastack/tcp.h>

#include "sim/plan.h"
#include "sim/rules.h"

struct world;
struct host;
struct flow;

/* One direction, written by the end of the same number. */
struct stream {
    uint32_t id;
    uint64_t written, read;
    uint64_t total; /* bytes it will have carried */
    uint64_t given; /* by acts, on top of the plan */
    bool stopped;   /* no more will be written: `total` is what was written */
    bool ended;     /* the writer has shut down or closed */
    bool seen_end;  /* the reader has read the end */
};

/* What the invariants remember of a connection (check.c, check_wire.c). */
struct end_memory {
    bool known; /* `last` is what it was after the last event that touched it */
    bool una_known, tsval_known, early_known;
    bool early_alone; /* it came alone in its event */
    struct rule_view last;
    uint32_t edge;             /* the farthest the peer has let us send */
    uint32_t una;              /* SND.UNA when last asked for an offset, */
    uint64_t una64;            /* and how far that is from the ISS */
    uint32_t tsval;            /* of the last segment that was no retransmission */
    uint32_t early;            /* where the last segment behind a gap began */
    uint32_t rtx_from, rtx_to; /* what was sent twice, without a gap */
    uint8_t refused;           /* bare ACKs in a row that asked for another */
};

struct flow_end {
    struct flow_end *next; /* at the same host */
    struct flow *flow;
    struct host *host;
    uint8_t side;
    la_handle handle;     /* 0: none, or given up */
    uint32_t index, conn; /* of the connection, also when the handle is given up */
    bool opened;          /* there has been a handle */
    bool connected;
    bool done;     /* the handle was given up */
    bool shut;     /* la_tcp_shutdown() was called */
    bool paused;   /* by an act */
    uint8_t later; /* an act (enum plan_act_kind) that waits until the end is connected */
    uint64_t end_read_ns;
    bool touched;  /* its connection has sent or taken segments in this event */
    uint8_t taken; /* segments of the batch that the host takes just now */
    int error;
    uint64_t open_ns;
    uint64_t wake_ns, write_ns, read_ns; /* may write and read again then */
    uint64_t patience_ns;                /* the other end is gone: waits no longer than this */
    uint64_t sampled_ns;
    uint32_t rtx_bytes, rtx_segs; /* of the connection, as last read */
    uint16_t timeouts, recoveries, undone;
    uint32_t rtt_min_us;
    uint64_t rtt_sum_us, rtt_count;
    uint64_t acked;
    uint32_t wanted; /* what la_stack_want() was told */
    struct end_memory memory;
};

struct flow {
    const struct plan_flow *plan;
    struct world *world;
    unsigned index;
    uint32_t made; /* connections so far, the present one included */
    bool over;     /* nothing more will come of it */
    bool running;
    bool unclean; /* somebody aborted or did not read: errors are no wonder */
    uint16_t client_port;
    uint64_t start_ns;
    uint64_t last_byte_ns;
    struct stream stream[2];
    struct flow_end end[2];
};

/* When the first connection starts. */
void flow_init(struct world *w, unsigned index);
/* Makes the connection whose time has come. */
void flow_start(struct flow *f);

/* Events of a connection of the host; wakes that are due. */
void flow_event(struct world *w, struct host *h, const struct la_event *event);
void flow_accept(struct world *w, struct host *h, la_handle listener);
void flow_wake(struct world *w, struct host *h);

/* Nothing moves any more. Is it because an end has given up after losses, which the other cannot
 * know? Then that other gives up, too. */
bool flow_give_up(struct flow *f);

/* The host is gone without a word: so are its ends. */
void flow_crashed(struct host *h);

/* Acts of a scenario. */
void flow_act(struct flow *f, const struct plan_act *act);

/* The end that a connection belongs to, by the identifier in its frames; NULL. */
struct flow_end *flow_of_conn(struct host *h, uint32_t conn);
/* Reads the counters of the connection of an end, after an event. */
void flow_reading(struct world *w, struct flow_end *e);

/* Why an error of a connection is no violation; NULL: it is one. */
const char *flow_excuse(const struct flow *f, const struct flow_end *e, int error);

#endif
