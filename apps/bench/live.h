/* What the measurements against the kernel share: the page on which the processes of one run leave
 * their results, and the kernel's ends. */
#ifndef APPS_BENCH_LIVE_H
#define APPS_BENCH_LIVE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <lastack/host.h>

#define LIVE_PIECE        (256 * 1024) /* buffer of every application, ours and the kernel's */
#define LIVE_SOCKET_BYTES (4 << 20)    /* ours; as large as the kernel lets its own grow */
#define LIVE_GRACE_S      10           /* longer than that over its time a stream stands still */

/* What a stream cost Lastack's end. */
struct live_cost {
    double user, system;  /* shares of one processor while it ran */
    uint32_t frame_bytes; /* payload a frame, on the average */
};

/* Written by several processes, each its own fields, and read when they have ended. */
struct live_page {
    double send, recv, veth; /* Gbit/s, 0: not there */
    struct live_cost send_cost, recv_cost;
    uint64_t sent_bytes; /* by the end that sent last */
    uint64_t received_bytes;
    double received_seconds;
    char why[200];
    char congestion[32]; /* control of the kernel, where it sends */
};

__attribute__((format(printf, 2, 3))) void live_failed(struct live_page *page, const char *format,
                                                       ...);

/* ---- kernel_end.c --------------------------------------------------------------------------- */

/* Sockets of the kernel, IPv4, blocking. A descriptor, or -1 and why on the page. */
int kernel_listen(struct live_page *page, const struct la_endpoint *at);
int kernel_accept(struct live_page *page, int listener);
int kernel_connect(struct live_page *page, const struct la_endpoint *to);

/* Reads to the end; bytes and time from the first of them on. False: it failed. */
bool kernel_receive(struct live_page *page, int fd);
/* Writes for so long, and closes. */
bool kernel_send(struct live_page *page, int fd, double seconds);

/* A child that ends with this process and runs on `cpu`; 0 in the child. */
pid_t live_fork(struct live_page *page, int cpu, double seconds);
/* Waits; false when it did not end well. */
bool live_join(struct live_page *page, pid_t child, const char *who);

/* ---- veth.c --------------------------------------------------------------------------------- */

/* One stream from the kernel to the kernel over a veth pair, into a second namespace. */
bool veth_measure(struct live_page *page, int cpu_from, int cpu_to, double seconds);

/* ---- tun.c ---------------------------------------------------------------------------------- */

struct node;
bool tun_send_measure(struct live_page *page, struct node *node, int cpu_peer, double seconds);
bool tun_recv_measure(struct live_page *page, struct node *node, int cpu_peer, double seconds);

#endif
