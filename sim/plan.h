/* A plan: all that a simulation is told before it begins, as plain data.
 *
 * Scenario files (sim/read.c) and menus (sim/menu.c) both end in a plan, and the engine knows
 * nothing else. So a run that failed can be changed piece by piece (sim/shrink.c) and written down
 * as a scenario file (sim/write.c) that does the same again.
 *
 * Nodes are hosts, which are a stack with one link, and routers, which forward to the neighbour
 * that is nearest to the destination. A link joins two nodes and has two lanes, one a direction.
 * A flow is a connection and what the two applications on it do; it may be made again and again,
 * one after the other. An act changes something at a time. */
#ifndef SIM_PLAN_H
#define SIM_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include <lastack/link.h>
#include <lastack/tcp.h>

#define PLAN_NODES       72
#define PLAN_LINKS       96
#define PLAN_FLOWS       320
#define PLAN_ACTS        512
#define PLAN_EXPECTS     128
#define PLAN_FATES       64
#define PLAN_NAME        24
#define PLAN_NEVER       UINT64_MAX
#define PLAN_PATIENCE_NS (60 * (uint64_t)LA_NS_PER_S) /* of flows that do not say otherwise */
#define PLAN_ENDLESS     UINT64_MAX                   /* as many bytes as there is time for */

/* What is wrong with a host on purpose. The core has no such switches: such hosts are played by
 * who watches the run (struct sim_wrong in world.h). */
enum plan_wrong {
    PLAN_RIGHT,
    PLAN_WRONG_TWO_WAY,      /* takes a connection for open when it has answered the SYN */
    PLAN_WRONG_NO_TIME_WAIT, /* forgets a connection with the last ACK */
    PLAN_WRONGS
};

struct plan_node {
    char name[PLAN_NAME];
    bool router;
    /* hosts */
    uint32_t mtu;
    bool ethernet;               /* with ARP and Neighbour Discovery; only between two hosts */
    bool offload;                /* the link cuts super-segments and completes checksums */
    bool no_fast_path;           /* segments take the slow path only */
    uint8_t cookies;             /* enum la_cookies */
    uint64_t jitter_ns;          /* each packet is looked at up to this much later; order is kept */
    uint64_t coalesce_ns;        /* packets are looked at at multiples of this time only */
    uint64_t memory_max;         /* 0: the default */
    uint32_t fail_from, fail_to; /* allocations with these numbers fail; 0: none */
    uint32_t fail_every;         /* and each N-th; 0: none */
    uint64_t time_wait_ns;       /* 0: the default */
    uint64_t accept_ns;          /* its applications accept nothing before */
    uint32_t ports;              /* how many ports the stack may choose from; 0: the default */
    bool silent;                 /* no RST for segments that belong to nobody */
    uint8_t wrong;               /* enum plan_wrong */
    uint32_t iss;                /* of a wrong host: where its connections begin */
    struct la_tcp_options options; /* of its sockets, unless the flow says otherwise */
};

struct plan_link {
    uint16_t node[2];
    struct la_impair lane[2]; /* from node[0] to node[1], and back */
};

/* How a flow comes to its end, after everything was written. */
enum plan_ending {
    PLAN_END_HALF_CLOSE,   /* the client shuts down; the server answers that with its own end */
    PLAN_END_BOTH,         /* each end shuts down when it has written */
    PLAN_END_TOGETHER,     /* both close in the same moment, when all was read */
    PLAN_END_SERVER,       /* as HALF_CLOSE, begun by the server */
    PLAN_END_ABORT,        /* the client aborts when `abort_after` bytes were written by it */
    PLAN_END_UNREAD,       /* the client closes when it has written, whatever comes */
    PLAN_END_STAY,         /* stays open until somebody says otherwise (`at`) */
    PLAN_END_CLOSE,        /* the client closes when it has written and read all, then the server */
    PLAN_END_CLOSE_SERVER, /* the same, begun by the server */
    PLAN_ENDINGS
};

enum plan_form { PLAN_FORM_COPY, PLAN_FORM_IN_PLACE, PLAN_FORM_LENT, PLAN_FORMS };

struct plan_flow {
    char name[PLAN_NAME];
    uint32_t number;  /* tells its random choices from those of other flows */
    uint16_t node[2]; /* client, server */
    uint16_t port;    /* of the server */
    bool v6;
    bool crossed;          /* simultaneous open: both ends open actively */
    uint64_t at_ns;        /* start */
    uint64_t spread_ns;    /* and up to so much later, by the seed */
    uint64_t bytes[2];     /* written by client and by server (in each round) */
    uint64_t for_ns;       /* writes no longer than this; 0: as long as it takes */
    uint32_t rounds;       /* request and response so many times; 0: both at once */
    uint32_t chunk[2];     /* bytes of a write at most; 0: what fits */
    uint64_t every_ns[2];  /* between writes */
    uint32_t read[2];      /* bytes of a read at most, at client and server; 0: what is there */
    uint64_t read_ns[2];   /* between reads */
    uint64_t read_late[2]; /* first read so long after the opening */
    uint64_t abort_after;  /* bytes */
    uint32_t repeat;       /* connections one after the other, at least 1 */
    uint64_t gap_ns;       /* between them */
    uint64_t think_ns[2];  /* between reading the peer's end and answering it with the own */
    uint64_t patience_ns;  /* how long an end waits when the other is gone; 0: for ever */
    uint32_t client_port;  /* 0: the stack chooses */
    bool refused;          /* nobody listens */
    bool udp;              /* datagrams of `chunk` bytes instead of a connection */
    uint8_t ending;        /* enum plan_ending */
    uint8_t form[2];       /* enum plan_form */
    struct la_tcp_options options[2];
};

enum plan_act_kind {
    PLAN_ACT_DOWN, /* link: nothing passes */
    PLAN_ACT_UP,
    PLAN_ACT_LANE,   /* link: other impairments from now on */
    PLAN_ACT_MASK,   /* link: 64-bit loss mask, by `value`; bit 0 is the next packet */
    PLAN_ACT_LATE,   /* link: 64-bit mask of packets that are late by `late_ns` */
    PLAN_ACT_CLOCK,  /* host: its clock jumps by `value` (int64_t) */
    PLAN_ACT_MEMORY, /* host: allocations fail (value 1) or succeed again (0) */
    PLAN_ACT_CRASH,  /* host: gone without a word */
    PLAN_ACT_BOOT,   /* host: there again, with no memory of what was */
    PLAN_ACT_LISTEN, /* host: an application listens on port `value`, with `options` */
    PLAN_ACT_UNLISTEN,
    PLAN_ACT_FORGE, /* host: a SYN with a source address that is nobody's, to port `value` */
    PLAN_ACT_SEND,  /* flow: the client may write `value` bytes more */
    PLAN_ACT_REPLY, /* flow: the server may write `value` bytes more */
    PLAN_ACT_SHUTDOWN,
    PLAN_ACT_CLOSE,
    PLAN_ACT_ABORT,
    PLAN_ACT_PAUSE,  /* flow: that end reads no more */
    PLAN_ACT_RESUME, /* and reads on */
};

struct plan_act {
    uint64_t at_ns;
    uint8_t kind;   /* enum plan_act_kind */
    uint8_t end;    /* link: bit 0 and bit 1 are its lanes; flow: 0 client, 1 server; FORGE: to */
    bool data_only; /* MASK, LATE: counts segments with payload only; FORGE: IPv6 */
    uint16_t what;  /* link, node or flow */
    uint64_t value;
    uint64_t late_ns;
    struct la_impair lane; /* LANE */
    bool reuse_addr;       /* LISTEN */
};

/* What becomes of packets of one kind that a host sends, by their number from 1 on. */
struct plan_fate {
    uint16_t node;
    int16_t flow;     /* -1: any */
    uint16_t kind;    /* enum sim_kind */
    uint64_t numbers; /* bit 0 is the first */
    uint64_t late_ns; /* 0: lost */
};

struct plan_expect {
    uint64_t at_ns; /* PLAN_NEVER: at the end */
    uint16_t what;  /* enum sim_figure */
    int16_t flow;   /* -1: all together */
    uint8_t end;
    uint8_t relation; /* enum plan_relation */
    double value;
    uint32_t line; /* of the scenario */
};

enum plan_relation { PLAN_LEAST, PLAN_MOST, PLAN_LESS, PLAN_MORE, PLAN_EQUAL };

struct plan {
    uint64_t seed;
    uint64_t end_ns;      /* stop then; PLAN_NEVER: when everything is over */
    uint64_t limit_ns;    /* what is not over by then never will be; PLAN_NEVER: wait */
    bool jumps;           /* clocks jump or memory fails: connections may end with an error */
    bool may_fail;        /* errors of connections are no violation */
    bool any_bytes;       /* nor are wrong bytes: they are counted */
    bool keeps_listening; /* with an end: nothing ends before it, not even listeners */
    bool whole_clocks;    /* clocks differ by whole seconds, so that round times stay round */
    uint16_t nodes_count, links_count, flows_count, acts_count, expects_count, fates_count;
    struct plan_node nodes[PLAN_NODES];
    struct plan_link links[PLAN_LINKS];
    struct plan_flow flows[PLAN_FLOWS];
    struct plan_act acts[PLAN_ACTS];
    struct plan_expect expects[PLAN_EXPECTS];
    struct plan_fate fates[PLAN_FATES];
};

/* An empty plan, and the defaults of its parts. */
void plan_init(struct plan *plan);
int plan_add_node(struct plan *plan, const char *name, bool router);
int plan_add_link(struct plan *plan, unsigned a, unsigned b);
int plan_add_flow(struct plan *plan, const char *name, unsigned client, unsigned server);

int plan_find_node(const struct plan *plan, const char *name);
int plan_find_link(const struct plan *plan, unsigned a, unsigned b); /* either way round */
int plan_find_flow(const struct plan *plan, const char *name);

/* Is it one network, and are all numbers in their ranges? `why` says what is wrong. */
bool plan_check(const struct plan *plan, struct la_message *why);

/* Nanoseconds of a full packet on the slowest lane; 0: no lane has a rate. */
uint64_t plan_packet_ns(const struct plan *plan);

#endif
