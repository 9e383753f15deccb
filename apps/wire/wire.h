/* `lastack wire`, inside: a bad wire between two sides, in real time.
 *
 * world.c makes namespaces and devices, side.c moves packets between a side and the lanes,
 * loop.c waits and keeps the times, transfer.c runs a stream through the wire to measure it,
 * report.c tells about it, options.c reads the command line, wire.c ties them.
 *
 * One thread does it all, also the ends of a transfer: their sockets are watched by the same
 * loop. */
#ifndef APPS_WIRE_WIRE_H
#define APPS_WIRE_WIRE_H

#include <net/if.h>

#include <lastack/tcp.h>

#include "apps/common/child.h"
#include "apps/common/node.h"
#include "apps/common/say.h"
#include "link/capture.h"
#include "link/lane.h"
#include "link/resent.h"

#define WIRE_CHANGES_MAX 32
#define WIRE_PACKET_MAX  65535
#define WIRE_LATE_NS     UINT64_C(1000000) /* a packet released this late counts as late */

enum side_kind {
    SIDE_KERNEL,  /* a namespace of its own with a TUN device in it */
    SIDE_TUN,     /* a TUN device that is given */
    SIDE_LASTACK, /* a stack in this process */
};

struct side_options {
    enum side_kind kind;
    char device[IFNAMSIZ];
    char ns[256]; /* name, number of a process, or path; "": the present namespace */
    const char *pcap;
};

/* What becomes different while the wire runs. */
struct wire_change {
    uint64_t after_ns;
    bool concerns[2]; /* a to b, b to a */
    const char *spec;
    struct la_impair lanes[2]; /* as it is from then on */
};

struct wire_options {
    struct side_options sides[2];
    struct la_impair lanes[2]; /* a to b, b to a */
    struct wire_change changes[WIRE_CHANGES_MAX];
    size_t changes_count;
    uint64_t seed;
    uint32_t mtu;
    uint64_t spin_ns;
    uint64_t for_ns; /* 0: no end */
    bool transfer;
    uint64_t bytes; /* of the transfer; 0: as many as go */
    bool v6;
    const char *cc;        /* of senders, NULL: as they are */
    uint32_t buffer_bytes; /* of Lastack's ends; 0: its default */
    uint64_t tries;        /* of a transfer in which a device dropped packets */
    bool accept_late;
    bool json, quiet;
    char *command; /* NULL: none */
};

struct wire;

/* Lastack's side sees this link: it puts packets into one lane and takes them out of the other. */
struct wire_link {
    struct la_link link;
    struct side *side;
};

struct side {
    struct wire *wire;
    const struct side_options *options;
    enum side_kind kind;
    struct lane *out, *in;
    struct resent resent;
    struct capture capture;
    /* TUN */
    struct la_link *tun;
    int ns_fd; /* its namespace, -1: cannot be entered again */
    char device[IFNAMSIZ];
    struct la_net_drops drops_before;
    uint64_t damaged; /* packets that the device did not take because they cannot be read */
    uint64_t refused; /* others that it did not take */
    /* Lastack */
    struct node node;
    bool node_is_open;
};

/* How late packets left the wire. */
struct lateness {
    uint64_t packets, late; /* late: by WIRE_LATE_NS */
    uint64_t max_ns;
};

struct wire {
    const struct wire_options *options;
    struct say say;
    struct side sides[2];
    struct lane lanes[2];
    bool made_user_ns;
    bool is_running; /* lanes, captures and nodes are there */
    uint64_t epoch_ns;
    uint64_t start_ns, now_ns;
    size_t changes_done;
    struct lateness lateness;
    int signal_fd;
    bool interrupted;
    struct child child;
    uint8_t packet[WIRE_PACKET_MAX];
};

/* Further descriptors for the loop to wait for. */
struct wire_watch {
    int fd; /* -1: none */
    short events, revents;
};

/* ---- world.c -------------------------------------------------------------------------------- */

/* Makes what the options say. 0, or a negative la_err and why. */
int world_open(struct wire *wire, struct la_message *why);
void world_close(struct wire *wire);

/* Goes into the namespace of a side that has a device; false: cannot. */
bool world_enter(const struct side *side);

/* ---- side.c --------------------------------------------------------------------------------- */

struct la_addr side_addr(int number, bool v6);

/* Opens the capture, Lastack's node, and takes the counters of the device. */
int side_begin(struct side *side, struct la_message *why);
void side_end(struct side *side);

/* Reads what the device has. 0, or a negative la_err when it is gone. */
int side_read(struct side *side);

/* Writes what is due to the device. */
void side_write(struct side *side);

/* Gives Lastack a turn. */
int side_turn(struct side *side);

/* When Lastack has something to do; UINT64_MAX: this is a device. */
uint64_t side_deadline(const struct side *side);

/* Packets that the device lost on its way to us and from us, since side_begin(). False: that
 * cannot be told. */
bool side_drops(const struct side *side, struct la_net_drops *drops);

/* ---- loop.c --------------------------------------------------------------------------------- */

int wire_begin(struct wire *wire, struct la_message *why);
void wire_end(struct wire *wire);

/* Waits until something happens or `until_ns`, and lets packets go their way. */
int wire_turn(struct wire *wire, uint64_t until_ns, struct wire_watch *watched, size_t count);

/* ---- transfer.c ----------------------------------------------------------------------------- */

struct sender_report {
    bool known;
    char cc[16];
    uint64_t timeouts, rtx_segments;
    uint64_t spurious_timeouts, undone, dsacks; /* the kernel's, as netstat counts them */
};

struct transfer_result {
    char error[160]; /* "": none */
    double seconds;
    uint64_t received;
    uint64_t sent_segments, sent_bytes, again_segments, again_bytes; /* on the wire */
    uint64_t dropped;                                                /* by devices */
    bool drops_known;
    bool late;     /* the machine was too busy for the wire, */
    bool late_too; /* which shall not matter */
    unsigned tries;
    struct sender_report sender;
};

/* One try. 0, or a negative la_err of the wire itself; a transfer that failed says so in the
 * result. */
int transfer_run(struct wire *wire, struct transfer_result *result, struct la_message *why);
bool transfer_is_valid(const struct transfer_result *result);

/* ---- report.c ------------------------------------------------------------------------------- */

void report_begin(struct wire *wire);
void report_end(struct wire *wire);
void report_transfer(struct wire *wire, const struct transfer_result *result);
const char *report_kind(const struct side *side);

/* ---- options.c ------------------------------------------------------------------------------ */

/* -1, or the code to exit with. */
int wire_options_read(struct wire_options *options, struct say *say, int argc, char **argv);

#endif
