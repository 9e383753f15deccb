/* pair-bulk: one stream between two stacks in memory, both turned by one thread.
 *
 * Every segment is a frame of its own, its checksum made by one end and verified by the other. The
 * application writes 64 KiB at a time whenever the stack says that there is room, and reads what is
 * there into a buffer of its own, as a program with sockets does; in place it fills the send buffer
 * and looks at every cache line of the received buffers where they lie. Before anything is
 * timed, the stream is compared byte by byte. */
#include <stdlib.h>
#include <string.h>

#include "apps/bench/bench.h"
#include "apps/bench/pair.h"

#define PIECE (64 * 1024)
#define BUFFER_BYTES                                                             \
    (256 * 1024) /* send and receive buffer: both stay in the second-level cache \
                  */
#define CHECK_BYTES (16 << 20)
#define EVENTS      4

struct bulk {
    struct pair pair;
    la_handle tx, rx;
    bool in_place, comparing, broken;
    uint64_t sent, received;
    uint64_t sum;           /* in place the reader touches every line */
    uint8_t out[2 * PIECE]; /* the pattern, twice: any place in it is followed by PIECE bytes */
    uint8_t in[PIECE];
};

static void pattern_make(struct bulk *b)
{
    uint32_t x = 1;
    for (size_t i = 0; i < PIECE; i++) {
        x = x * 1664525 + 1013904223;
        b->out[i] = b->out[i + PIECE] = (uint8_t)(x >> 24);
    }
}

/* What the stream has at a place. */
static const uint8_t *pattern_at(const struct bulk *b, uint64_t place)
{
    return b->out + place % PIECE;
}

static void compare(struct bulk *b, const uint8_t *data, size_t len)
{
    if (b->comparing && memcmp(data, pattern_at(b, b->received), len) != 0)
        b->broken = true;
}

/* ---- the application ------------------------------------------------------------------------ */

static void write_copied(struct bulk *b, struct la_stack *stack)
{
    int64_t n;
    while ((n = la_tcp_send(stack, b->tx, pattern_at(b, b->sent), PIECE, 0)) > 0)
        b->sent += (uint64_t)n;
}

static void write_in_place(struct bulk *b, struct la_stack *stack)
{
    for (;;) {
        void *room;
        size_t len = PIECE;
        if (la_tcp_reserve(stack, b->tx, &room, &len) < 0)
            return;
        memcpy(room, pattern_at(b, b->sent), len);
        la_tcp_commit(stack, b->tx, len, 0);
        b->sent += len;
    }
}

static void read_copied(struct bulk *b, struct la_stack *stack)
{
    int64_t n;
    while ((n = la_tcp_recv(stack, b->rx, b->in, PIECE, 0)) > 0) {
        compare(b, b->in, (size_t)n);
        b->received += (uint64_t)n;
    }
}

/* A look at every cache line, which is what it costs to have the bytes near. */
static uint64_t lines_touch(const uint8_t *data, size_t len)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < len; i += 64)
        sum += data[i];
    return sum;
}

static void read_in_place(struct bulk *b, struct la_stack *stack)
{
    int64_t n;
    const void *data;
    while ((n = la_tcp_peek(stack, b->rx, &data)) > 0) {
        compare(b, data, (size_t)n);
        b->sum += lines_touch(data, (size_t)n);
        la_tcp_consume(stack, b->rx, (size_t)n);
        b->received += (uint64_t)n;
    }
}

/* One turn: each application does what its stack says it can, and each end sends a batch. */
static void turn(struct bulk *b)
{
    struct la_event events[EVENTS];
    struct la_stack *sender = b->pair.end[0].stack;
    struct la_stack *receiver = b->pair.end[1].stack;
    size_t n = la_stack_poll(sender, events, EVENTS);
    for (size_t i = 0; i < n; i++)
        if (events[i].events & LA_EV_WRITABLE)
            (b->in_place ? write_in_place : write_copied)(b, sender);
    pair_pass(&b->pair, 0);
    n = la_stack_poll(receiver, events, EVENTS);
    for (size_t i = 0; i < n; i++)
        if (events[i].events & LA_EV_READABLE)
            (b->in_place ? read_in_place : read_copied)(b, receiver);
    pair_pass(&b->pair, 1);
}

/* ---- the run -------------------------------------------------------------------------------- */

static int connect_ends(struct bulk *b, bool v6)
{
    struct la_tcp_options options;
    la_tcp_options_init(&options);
    options.sndbuf_bytes = BUFFER_BYTES;
    options.rcvbuf_bytes = BUFFER_BYTES;
    int rc = pair_listen(&b->pair, v6, &options);
    if (rc == 0)
        rc = pair_connect(&b->pair, 0, v6, &options, &b->tx, &b->rx);
    if (rc == 0)
        rc = la_stack_want(b->pair.end[0].stack, b->tx, LA_EV_WRITABLE);
    return rc;
}

/* The first bytes compared; false when they do not all arrive in ten seconds, or not as sent. */
static bool stream_is_right(struct bulk *b)
{
    uint64_t until_ns = la_clock_ns() + 10 * (uint64_t)LA_NS_PER_S;
    b->comparing = true;
    while (b->received < CHECK_BYTES && b->pair.now_ns < until_ns)
        turn(b);
    b->comparing = false;
    return b->received >= CHECK_BYTES && !b->broken;
}

static void measure(struct bulk *b, const struct bench *bench, struct figure *group)
{
    struct la_stack_stats before, after;
    uint64_t start_bytes = b->received;
    uint64_t end_ns = la_clock_ns() + (uint64_t)(bench->seconds * 1e9);
    la_stack_stats(b->pair.end[0].stack, &before);
    struct cpu_stretch stretch = cpu_stretch_begin();
    do {
        turn(b);
    } while (b->pair.now_ns < end_ns);
    double elapsed_ns = cpu_stretch_end(&stretch, group);
    uint64_t bytes = b->received - start_bytes;
    la_stack_stats(b->pair.end[0].stack, &after);
    uint64_t segments = after.frames_out - before.frames_out;
    if (bytes == 0 || segments == 0) {
        figures_missing(group, "the stream stands still");
        return;
    }
    figure_add(group, (double)bytes * 8 / elapsed_ns);
    condition_number(group, "ns_a_segment", (double)(uint64_t)(elapsed_ns / (double)segments));
    uint64_t bytes_a_segment = bytes / segments;
    condition_number(group, "bytes_a_segment", (double)bytes_a_segment);
}

static void conditions(const struct bulk *b, const struct bench *bench, struct figure *group)
{
    const struct pair_end *e = &b->pair.end[0];
    condition_text(group, "ip", group->variant == BULK_V6 ? "IPv6" : "IPv4");
    condition_number(group, "mtu", e->link->info.mtu);
    condition_number(group, "application_buffer", PIECE);
    condition_number(group, "socket_buffers", BUFFER_BYTES);
    condition_text(group, "application",
                   b->in_place ? "writes and reads in place" : "copies in and out");
    condition_text(group, "checksums", "made and verified in software");
    condition_text(group, "pinning", "one thread for both ends, cpu %d", bench->cpu);
}

void bulk_run(struct bench *bench, struct figure *group)
{
    struct bulk *b = calloc(1, sizeof(*b));
    const struct pair_plan plan = {.mtu = group->variant == BULK_MTU_9000 ? 9000 : 1500,
                                   .records = 1,
                                   .v6 = group->variant == BULK_V6};
    if (!b || !pair_open(&b->pair, &plan)) {
        free(b);
        figures_missing(group, "no memory for two stacks");
        return;
    }
    b->in_place = group->variant == BULK_IN_PLACE;
    pattern_make(b);
    int rc = connect_ends(b, plan.v6);
    if (rc < 0) {
        figures_missing(group, "cannot connect: %s", la_err_text(rc));
    } else if (!stream_is_right(b)) {
        figures_missing(group, b->broken ? "the bytes that arrived are not those that were sent"
                                         : "the stream stands still");
    } else {
        measure(b, bench, group);
        conditions(b, bench, group);
    }
    pair_close(&b->pair);
    free(b);
}
