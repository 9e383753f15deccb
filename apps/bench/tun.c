/* tun-send, tun-recv: one stream between Lastack and the kernel's TCP over TUN with super-segments
 * and checksum offload. Lastack's application is a loop like that of a program with sockets:
 * wait, ask what is ready, write or read 256 KiB at a time. */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <lastack/tcp.h>

#include "apps/bench/live.h"
#include "apps/common/node.h"

#define PORT_SEND 5001
#define PORT_RECV 5002
#define EVENTS    4

struct stream_end {
    struct live_page *page;
    struct node *node;
    la_handle conn;
    uint8_t *buffer;
    uint64_t bytes, first_ns, last_ns;
    bool ended, failed;
};

static void options_make(struct la_tcp_options *options)
{
    la_tcp_options_init(options);
    options->sndbuf_bytes = LIVE_SOCKET_BYTES;
    options->rcvbuf_bytes = LIVE_SOCKET_BYTES;
    options->cc = (uint8_t)la_cc_find("newreno"); /* the kernel's end uses Reno */
}

static bool end_failed(struct stream_end *e, const char *what, int64_t rc)
{
    live_failed(e->page, "%s: %s", what, la_err_text((int)rc));
    e->failed = true;
    return false;
}

static bool end_open(struct stream_end *e, struct live_page *page, struct node *node)
{
    *e = (struct stream_end){.page = page, .node = node, .buffer = calloc(1, LIVE_PIECE)};
    return e->buffer || end_failed(e, "no buffer", LA_ENOMEM);
}

/* One turn of the host; the handle's events. */
static uint32_t turn(struct stream_end *e, uint64_t until_ns, la_handle handle)
{
    struct la_event events[EVENTS];
    int rc = node_turn(e->node, until_ns);
    if (rc < 0)
        end_failed(e, "the link failed", rc);
    size_t n = la_stack_poll(e->node->stack, events, EVENTS);
    for (size_t i = 0; i < n; i++) {
        if (events[i].handle != handle)
            continue;
        if (events[i].events & LA_EV_ERROR)
            end_failed(e, "the connection failed", events[i].error);
        return events[i].events;
    }
    return 0;
}

/* ---- what it cost --------------------------------------------------------------------------- */

struct cost_begin {
    struct rusage usage;
    struct la_stack_stats stats;
    uint64_t clock_ns;
};

static struct cost_begin cost_begin(const struct node *node)
{
    struct cost_begin c;
    getrusage(RUSAGE_SELF, &c.usage);
    la_stack_stats(node->stack, &c.stats);
    c.clock_ns = la_clock_ns();
    return c;
}

static double seconds_of(const struct timeval *t)
{
    return (double)t->tv_sec + (double)t->tv_usec / 1e6;
}

static struct live_cost cost_end(const struct cost_begin *begin, const struct node *node,
                                 uint64_t bytes, bool sent)
{
    struct cost_begin now = cost_begin(node);
    double wall = (double)(now.clock_ns - begin->clock_ns) / 1e9;
    uint64_t frames = sent ? now.stats.frames_out - begin->stats.frames_out
                           : now.stats.frames_in - begin->stats.frames_in;
    return (struct live_cost){
        .user = (seconds_of(&now.usage.ru_utime) - seconds_of(&begin->usage.ru_utime)) / wall,
        .system = (seconds_of(&now.usage.ru_stime) - seconds_of(&begin->usage.ru_stime)) / wall,
        .frame_bytes = frames > 0 ? (uint32_t)(bytes / frames) : 0,
    };
}

static uint64_t in_seconds(double seconds)
{
    return la_clock_ns() + (uint64_t)(seconds * 1e9);
}

/* ---- sending -------------------------------------------------------------------------------- */

static void write_all_it_takes(struct stream_end *e)
{
    int64_t n;
    while ((n = la_tcp_send(e->node->stack, e->conn, e->buffer, LIVE_PIECE, 0)) > 0)
        e->bytes += (uint64_t)n;
    if (n != LA_EAGAIN)
        end_failed(e, "cannot send", n);
}

static bool send_stream(struct stream_end *e, double seconds)
{
    struct la_tcp_options options;
    struct la_endpoint to = {.addr = node_kernel_addr(false), .port = PORT_SEND};
    options_make(&options);
    int rc = la_tcp_open(e->node->stack, NULL, &to, &options, &e->conn);
    if (rc < 0)
        return end_failed(e, "cannot connect", rc);
    uint64_t give_up_ns = in_seconds(LIVE_GRACE_S);
    while (!(turn(e, give_up_ns, e->conn) & LA_EV_CONNECTED))
        if (e->failed || e->node->clock_ns >= give_up_ns)
            return end_failed(e, "cannot connect", LA_ETIMEDOUT);
    la_stack_want(e->node->stack, e->conn, LA_EV_WRITABLE);
    uint64_t end_ns = in_seconds(seconds);
    write_all_it_takes(e); /* a turn waits, so there has to be something to send */
    do {
        if (turn(e, end_ns, e->conn) & LA_EV_WRITABLE)
            write_all_it_takes(e);
    } while (!e->failed && e->node->clock_ns < end_ns);
    return !e->failed;
}

/* The end of the stream, until the kernel's end has closed too. */
static bool send_end(struct stream_end *e)
{
    uint8_t byte;
    uint64_t give_up_ns = in_seconds(LIVE_GRACE_S);
    la_stack_want(e->node->stack, e->conn, LA_EV_READABLE | LA_EV_PEER_CLOSED);
    la_tcp_shutdown(e->node->stack, e->conn);
    while (!e->failed && la_tcp_recv(e->node->stack, e->conn, &byte, 1, 0) != 0) {
        turn(e, give_up_ns, e->conn);
        if (e->node->clock_ns >= give_up_ns)
            return end_failed(e, "the stream does not end", LA_ETIMEDOUT);
    }
    la_tcp_close(e->node->stack, e->conn);
    la_host_flush(e->node->host);
    return !e->failed;
}

bool tun_send_measure(struct live_page *page, struct node *node, int cpu_peer, double seconds)
{
    struct la_endpoint at = {.addr = node_kernel_addr(false), .port = PORT_SEND};
    struct stream_end e;
    int listener = kernel_listen(page, &at);
    if (listener < 0)
        return false;
    pid_t peer = live_fork(page, cpu_peer, seconds);
    if (peer == 0) {
        int fd = kernel_accept(page, listener);
        _exit(fd >= 0 && kernel_receive(page, fd) ? 0 : 1);
    }
    close(listener);
    struct cost_begin begin = cost_begin(node);
    bool sent = end_open(&e, page, node) && send_stream(&e, seconds) && send_end(&e);
    page->send_cost = cost_end(&begin, node, e.bytes, true);
    free(e.buffer);
    bool received = peer > 0 && live_join(page, peer, "the kernel's receiver");
    if (sent && received && page->received_bytes != e.bytes)
        live_failed(page, "%llu bytes were sent and %llu arrived", (unsigned long long)e.bytes,
                    (unsigned long long)page->received_bytes);
    else if (sent && received)
        page->send = (double)page->received_bytes * 8 / page->received_seconds / 1e9;
    return page->send > 0;
}

/* ---- receiving ------------------------------------------------------------------------------ */

static void read_all_there_is(struct stream_end *e)
{
    int64_t n;
    if (e->first_ns == 0)
        e->first_ns = e->node->clock_ns;
    while ((n = la_tcp_recv(e->node->stack, e->conn, e->buffer, LIVE_PIECE, 0)) > 0)
        e->bytes += (uint64_t)n;
    e->last_ns = e->node->clock_ns;
    e->ended = n == 0;
    if (n < 0 && n != LA_EAGAIN)
        end_failed(e, "cannot receive", n);
}

static bool receive_stream(struct stream_end *e, la_handle listener, double seconds)
{
    uint64_t give_up_ns = in_seconds(seconds + LIVE_GRACE_S);
    while (e->conn == 0 && !e->failed) {
        if (turn(e, give_up_ns, listener) & LA_EV_ACCEPTABLE)
            la_tcp_accept(e->node->stack, listener, &e->conn);
        if (e->node->clock_ns >= give_up_ns)
            return end_failed(e, "nobody connects", LA_ETIMEDOUT);
    }
    while (!e->ended && !e->failed) {
        if (turn(e, give_up_ns, e->conn) & LA_EV_READABLE)
            read_all_there_is(e);
        if (e->node->clock_ns >= give_up_ns)
            return end_failed(e, "the stream does not end", LA_ETIMEDOUT);
    }
    la_tcp_close(e->node->stack, e->conn);
    la_host_flush(e->node->host);
    return !e->failed;
}

bool tun_recv_measure(struct live_page *page, struct node *node, int cpu_peer, double seconds)
{
    struct la_tcp_options options;
    struct la_endpoint at = {.addr = node_lastack_addr(false), .port = PORT_RECV};
    struct stream_end e;
    la_handle listener;
    options_make(&options);
    if (!end_open(&e, page, node))
        return false;
    int rc = la_tcp_listen(node->stack, &at, &options, &listener);
    pid_t peer = rc < 0 ? -1 : live_fork(page, cpu_peer, seconds);
    if (peer == 0) {
        int fd = kernel_connect(page, &at);
        _exit(fd >= 0 && kernel_send(page, fd, seconds) ? 0 : 1);
    }
    struct cost_begin begin = cost_begin(node);
    bool received = rc == 0 ? peer > 0 && receive_stream(&e, listener, seconds)
                            : end_failed(&e, "cannot listen", rc);
    page->recv_cost = cost_end(&begin, node, e.bytes, false);
    free(e.buffer);
    bool sent = peer > 0 && live_join(page, peer, "the kernel's sender");
    if (sent && received && page->sent_bytes != e.bytes)
        live_failed(page, "%llu bytes were sent and %llu arrived",
                    (unsigned long long)page->sent_bytes, (unsigned long long)e.bytes);
    else if (sent && received && e.last_ns > e.first_ns)
        page->recv = (double)e.bytes * 8 / (double)(e.last_ns - e.first_ns);
    return page->recv > 0;
}
