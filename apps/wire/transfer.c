/* A stream from side a to side b, to measure what a sender makes of the wire.
 *
 * The ends are sockets of the kernel, made in the namespace of their side, or handles of a stack
 * in this process. Either is asked every turn what it takes and what it has. The stream is a
 * pattern that tells its place, so every byte that arrives is checked.
 *
 * Goodput is what the receiver's application got, from the call that connects to the end of the
 * time; so the start counts, and what is still in buffers does not. What was sent again is counted
 * where packets enter the wire, which is the same measure for every stack. A try in which a device
 * dropped packets says nothing about the sender and is repeated by the caller. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "apps/wire/wire.h"

#define PORT         5001
#define PIECE        65536
#define PIECES       4     /* of an end in a turn: so that no packet waits for it */
#define PATTERN      65537 /* more than a piece */
#define CONNECT_NS   (UINT64_C(30) * 1000000000)
#define BYTES_NS     (UINT64_C(600) * 1000000000) /* for a transfer of so many bytes */
#define LATE_PERCENT 3                            /* of the packets may be late */
#define COUNTERS     6
#define SIDE_SEND    0
#define SIDE_RECV    1

enum counter { TIMEOUTS, SPURIOUS, UNDONE_FULL, UNDONE_PARTLY, UNDONE_DSACK, DSACKS };

/* Names in /proc/net/netstat. */
static const char *const counter_names[COUNTERS] = {"TCPTimeouts",  "TCPSpuriousRTOs",
                                                    "TCPFullUndo",  "TCPPartialUndo",
                                                    "TCPDSACKUndo", "TCPDSACKRecv"};

struct transfer {
    struct wire *wire;
    struct transfer_result *result;
    struct wire_watch watch[2]; /* sender, receiver; fd -1: Lastack's */
    la_handle handle[2];
    la_handle listener;
    int listener_fd;
    uint64_t counters[COUNTERS]; /* of the sender's namespace, before */
    uint64_t sent, received;
    bool connected;
    bool more;        /* an end stopped for its turn's end: there is no event to wake it */
    uint8_t *pattern; /* twice PATTERN bytes */
    uint8_t *buffer;
};

__attribute__((format(printf, 2, 3))) static void failed(struct transfer *t, const char *format,
                                                         ...)
{
    va_list args;
    if (t->result->error[0] != '\0')
        return;
    va_start(args, format);
    vsnprintf(t->result->error, sizeof(t->result->error), format, args);
    va_end(args);
}

static struct side *side_of(struct transfer *t, int which)
{
    return &t->wire->sides[which];
}

static bool is_lastack(struct transfer *t, int which)
{
    return side_of(t, which)->kind == SIDE_LASTACK;
}

/* ---- the kernel's ends ---------------------------------------------------------------------- */

static socklen_t address_of(int number, bool v6, struct sockaddr_storage *to)
{
    struct la_addr addr = side_addr(number, v6);
    *to = (struct sockaddr_storage){0};
    if (v6) {
        struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(PORT)};
        memcpy(&in6.sin6_addr, addr.b, sizeof(addr.b));
        memcpy(to, &in6, sizeof(in6));
        return sizeof(in6);
    }
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    memcpy(&in.sin_addr, addr.b + 12, 4);
    memcpy(to, &in, sizeof(in));
    return sizeof(in);
}

static int socket_in(struct transfer *t, int which)
{
    int family = t->wire->options->v6 ? AF_INET6 : AF_INET;
    if (!world_enter(side_of(t, which))) {
        failed(t, "cannot enter the namespace of side %c: %s", "ab"[which], strerror(errno));
        return -1;
    }
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        failed(t, "no socket on side %c: %s", "ab"[which], strerror(errno));
    return fd;
}

static void kernel_listen(struct transfer *t)
{
    struct sockaddr_storage at;
    socklen_t len = address_of(SIDE_RECV, t->wire->options->v6, &at);
    int one = 1;
    int fd = t->listener_fd = socket_in(t, SIDE_RECV);
    if (fd < 0)
        return;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, (struct sockaddr *)&at, len) < 0 || listen(fd, 1) < 0)
        failed(t, "the kernel's end cannot listen: %s", strerror(errno));
    t->watch[SIDE_RECV] = (struct wire_watch){.fd = fd, .events = POLLIN};
}

/* The congestion controls that the kernel has, for messages. */
static void congestion_list(char *text, size_t size)
{
    FILE *file = fopen("/proc/sys/net/ipv4/tcp_available_congestion_control", "re");
    text[0] = '\0';
    if (!file)
        return;
    if (fgets(text, (int)size, file))
        text[strcspn(text, "\n")] = '\0';
    fclose(file);
}

/* Chooses the congestion control and reads back what it is. */
static void congestion_choose(struct transfer *t, int fd)
{
    const char *wanted = t->wire->options->cc;
    char *is = t->result->sender.cc;
    socklen_t len = sizeof(t->result->sender.cc) - 1;
    int error = 0;
    if (wanted &&
        setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, wanted, (socklen_t)strlen(wanted)) < 0)
        error = errno;
    (void)getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, is, &len);
    if (!wanted || strcmp(is, wanted) == 0)
        return;
    char list[64];
    congestion_list(list, sizeof(list));
    if (error == EPERM)
        failed(t,
               "the kernel does not allow %s here: as root add it to "
               "net.ipv4.tcp_allowed_congestion_control",
               wanted);
    else
        failed(t, "the kernel has no congestion control %s: there are %s", wanted, list);
}

/* The counters of the namespace that the sender's socket is in; zero where they cannot be read. */
static void counters_read(struct transfer *t, uint64_t counters[COUNTERS])
{
    static char names[16384], values[16384];
    memset(counters, 0, COUNTERS * sizeof(counters[0]));
    FILE *file = world_enter(side_of(t, SIDE_SEND)) ? fopen("/proc/self/net/netstat", "re") : NULL;
    if (!file)
        return;
    bool read = fgets(names, sizeof(names), file) && fgets(values, sizeof(values), file);
    fclose(file);
    char *name_at, *value_at;
    char *name = read ? strtok_r(names, " \n", &name_at) : NULL;
    char *value = read ? strtok_r(values, " \n", &value_at) : NULL;
    while (name && value) {
        for (size_t i = 0; i < COUNTERS; i++)
            if (strcmp(name, counter_names[i]) == 0)
                counters[i] = strtoull(value, NULL, 10);
        name = strtok_r(NULL, " \n", &name_at);
        value = strtok_r(NULL, " \n", &value_at);
    }
}

static void kernel_connect(struct transfer *t)
{
    struct sockaddr_storage to;
    socklen_t len = address_of(SIDE_RECV, t->wire->options->v6, &to);
    counters_read(t, t->counters);
    int fd = socket_in(t, SIDE_SEND);
    if (fd < 0)
        return;
    t->watch[SIDE_SEND] = (struct wire_watch){.fd = fd, .events = POLLOUT};
    congestion_choose(t, fd);
    if (connect(fd, (struct sockaddr *)&to, len) < 0 && errno != EINPROGRESS)
        failed(t, "the kernel's end cannot connect: %s", strerror(errno));
}

static int64_t kernel_write(struct transfer *t, const void *data, size_t len)
{
    ssize_t n = send(t->watch[SIDE_SEND].fd, data, len, MSG_NOSIGNAL);
    return n < 0 ? -(int64_t)errno : n;
}

static int64_t kernel_read(struct transfer *t, void *data, size_t len)
{
    if (t->listener_fd >= 0) {
        int fd = accept4(t->listener_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0)
            return -(int64_t)errno;
        close(t->listener_fd);
        t->listener_fd = -1;
        t->watch[SIDE_RECV].fd = fd;
    }
    ssize_t n = read(t->watch[SIDE_RECV].fd, data, len);
    return n < 0 ? -(int64_t)errno : n;
}

static void kernel_report(struct transfer *t, struct sender_report *report)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof(info);
    uint64_t now[COUNTERS];
    if (getsockopt(t->watch[SIDE_SEND].fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
        return;
    counters_read(t, now);
    for (size_t i = 0; i < COUNTERS; i++)
        now[i] -= t->counters[i];
    report->known = true;
    report->rtx_segments = info.tcpi_total_retrans;
    report->timeouts = now[TIMEOUTS];
    report->spurious_timeouts = now[SPURIOUS];
    report->undone = now[UNDONE_FULL] + now[UNDONE_PARTLY] + now[UNDONE_DSACK];
    report->dsacks = now[DSACKS];
}

/* A reset, so that nothing of this try is left for the next. */
static void kernel_end(struct transfer *t, int which)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    int fd = t->watch[which].fd;
    if (t->listener_fd == fd)
        t->listener_fd = -1;
    if (fd < 0)
        return;
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    close(fd);
    t->watch[which].fd = -1;
}

/* ---- Lastack's ends ------------------------------------------------------------------------- */

static struct la_stack *stack_of(struct transfer *t, int which)
{
    return side_of(t, which)->node.stack;
}

/* No such congestion control: says which there are. */
static void unknown_cc(struct transfer *t, const char *name)
{
    char names[160] = "";
    for (unsigned n = 0; la_cc_name(n); n++)
        snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s", n ? ", " : "",
                 la_cc_name(n));
    failed(t, "Lastack has no congestion control \"%s\": there are %s", name, names);
}

static void lastack_options(struct transfer *t, int which, struct la_tcp_options *options)
{
    const char *cc = t->wire->options->cc;
    la_tcp_options_init(options);
    if (cc && which == SIDE_SEND) {
        int number = la_cc_find(cc);
        if (number < 0)
            unknown_cc(t, cc);
        else
            options->cc = (uint8_t)number;
    }
    if (t->wire->options->buffer_bytes > 0) {
        options->sndbuf_bytes = t->wire->options->buffer_bytes;
        options->rcvbuf_bytes = t->wire->options->buffer_bytes;
    }
}

static void lastack_listen(struct transfer *t)
{
    struct la_tcp_options options;
    struct la_endpoint at = {.addr = side_addr(SIDE_RECV, t->wire->options->v6), .port = PORT};
    lastack_options(t, SIDE_RECV, &options);
    int rc = la_tcp_listen(stack_of(t, SIDE_RECV), &at, &options, &t->listener);
    if (rc < 0)
        failed(t, "Lastack's end cannot listen: %s", la_err_text(rc));
}

static void lastack_connect(struct transfer *t)
{
    struct la_tcp_options options;
    struct la_endpoint to = {.addr = side_addr(SIDE_RECV, t->wire->options->v6), .port = PORT};
    lastack_options(t, SIDE_SEND, &options);
    int rc = la_tcp_open(stack_of(t, SIDE_SEND), NULL, &to, &options, &t->handle[SIDE_SEND]);
    if (rc < 0)
        failed(t, "Lastack's end cannot connect: %s", la_err_text(rc));
}

static int64_t lastack_write(struct transfer *t, const void *data, size_t len)
{
    int64_t n = la_tcp_send(stack_of(t, SIDE_SEND), t->handle[SIDE_SEND], data, len, 0);
    return n == LA_ENOTCONN ? LA_EAGAIN : n;
}

static int64_t lastack_read(struct transfer *t, void *data, size_t len)
{
    struct la_stack *stack = stack_of(t, SIDE_RECV);
    if (t->handle[SIDE_RECV] == 0) {
        int rc = la_tcp_accept(stack, t->listener, &t->handle[SIDE_RECV]);
        if (rc < 0)
            return rc;
    }
    return la_tcp_recv(stack, t->handle[SIDE_RECV], data, len, 0);
}

static void lastack_report(struct transfer *t, struct sender_report *report)
{
    struct la_tcp_info info;
    if (la_tcp_info(stack_of(t, SIDE_SEND), t->handle[SIDE_SEND], &info) < 0)
        return;
    report->known = true;
    report->timeouts = info.rtx_timeouts;
    report->rtx_segments = info.rtx_segs;
    snprintf(report->cc, sizeof(report->cc), "%s", info.cc ? info.cc : "");
}

static void lastack_end(struct transfer *t, int which)
{
    if (!side_of(t, which)->node_is_open)
        return;
    if (t->handle[which])
        la_tcp_abort(stack_of(t, which), t->handle[which], LA_RST_ABORT);
    if (which == SIDE_RECV && t->listener)
        la_tcp_close(stack_of(t, which), t->listener);
    t->handle[which] = 0;
}

/* ---- either --------------------------------------------------------------------------------- */

static bool begin(struct transfer *t)
{
    t->pattern = malloc(2 * PATTERN);
    t->buffer = malloc(PIECE);
    if (!t->pattern || !t->buffer) {
        failed(t, "out of memory");
        return false;
    }
    for (uint32_t i = 0; i < 2 * PATTERN; i++)
        t->pattern[i] = (uint8_t)((i % PATTERN) * UINT32_C(2654435761) >> 24);
    if (is_lastack(t, SIDE_RECV))
        lastack_listen(t);
    else
        kernel_listen(t);
    if (is_lastack(t, SIDE_SEND))
        lastack_connect(t);
    else
        kernel_connect(t);
    for (int i = 0; i < 2; i++)
        if (is_lastack(t, i))
            la_host_flush(side_of(t, i)->node.host);
    return t->result->error[0] == '\0';
}

/* How much of the stream may still be given to the sender, at most a piece. */
static size_t left_to_send(const struct transfer *t)
{
    uint64_t bytes = t->wire->options->bytes;
    uint64_t left = bytes > 0 ? bytes - t->sent : PIECE;
    return left < PIECE ? (size_t)left : PIECE;
}

static void write_some(struct transfer *t)
{
    for (int i = 0; i < PIECES; i++) {
        size_t len = left_to_send(t);
        const uint8_t *data = t->pattern + t->sent % PATTERN;
        int64_t n = len == 0                   ? LA_EAGAIN
                    : is_lastack(t, SIDE_SEND) ? lastack_write(t, data, len)
                                               : kernel_write(t, data, len);
        if (len == 0)
            t->watch[SIDE_SEND].events = 0; /* all is given */
        if (n == LA_EAGAIN || n == -EINPROGRESS || n == -ENOTCONN)
            return;
        if (n < 0) {
            failed(t, "the sender failed: %s",
                   is_lastack(t, SIDE_SEND) ? la_err_text((int)n) : strerror((int)-n));
            return;
        }
        t->sent += (uint64_t)n;
    }
    t->more = true;
}

static void bytes_check(struct transfer *t, size_t n)
{
    const uint8_t *wanted = t->pattern + t->received % PATTERN;
    if (memcmp(t->buffer, wanted, n) != 0)
        failed(t, "wrong bytes arrived behind byte %llu", (unsigned long long)t->received);
    t->received += n;
}

static void read_some(struct transfer *t)
{
    for (int i = 0; i < PIECES; i++) {
        int64_t n = is_lastack(t, SIDE_RECV) ? lastack_read(t, t->buffer, PIECE)
                                             : kernel_read(t, t->buffer, PIECE);
        if (n == LA_EAGAIN)
            return;
        t->connected = true;
        if (n == 0)
            failed(t, "the stream ended by itself");
        else if (n < 0)
            failed(t, "the receiver failed: %s",
                   is_lastack(t, SIDE_RECV) ? la_err_text((int)n) : strerror((int)-n));
        if (n <= 0)
            return;
        bytes_check(t, (size_t)n);
    }
    t->more = true;
}

/* An end of Lastack's may have something to send after its calls. */
static void serve(struct transfer *t)
{
    t->more = false;
    if (is_lastack(t, SIDE_SEND) || t->watch[SIDE_SEND].revents != 0)
        write_some(t);
    if (is_lastack(t, SIDE_RECV) || t->watch[SIDE_RECV].revents != 0)
        read_some(t);
    for (int i = 0; i < 2; i++)
        if (is_lastack(t, i))
            la_host_flush(side_of(t, i)->node.host);
}

static bool is_over(struct transfer *t, uint64_t start_ns, uint64_t end_ns)
{
    uint64_t now_ns = t->wire->now_ns;
    uint64_t bytes = t->wire->options->bytes;
    if (t->result->error[0] != '\0' || t->wire->interrupted)
        return true;
    if (!t->connected && now_ns - start_ns > CONNECT_NS && now_ns < end_ns)
        failed(t, "no byte arrived within 30 s");
    if (bytes > 0 && t->received >= bytes)
        return true;
    if (bytes > 0 && now_ns >= end_ns)
        failed(t, "only %llu of %llu bytes arrived in time", (unsigned long long)t->received,
               (unsigned long long)bytes);
    return now_ns >= end_ns;
}

static void progress(struct transfer *t, uint64_t start_ns, uint64_t *shown_ns)
{
    char rate[LA_NUMBER_TEXT_MAX];
    uint64_t now_ns = t->wire->now_ns;
    if (!t->wire->say.terminal || now_ns - *shown_ns < UINT64_C(200000000))
        return;
    *shown_ns = now_ns;
    la_rate_format(t->received, now_ns - start_ns, rate);
    say_progress(&t->wire->say, "%.0f s: %s", "%.0f 秒：%s", (double)(now_ns - start_ns) / 1e9,
                 rate);
}

static int run(struct transfer *t)
{
    const struct wire_options *options = t->wire->options;
    uint64_t start_ns = la_clock_ns(), shown_ns = start_ns;
    uint64_t for_ns = options->for_ns > 0 ? options->for_ns : BYTES_NS;
    uint64_t end_ns = start_ns + for_ns;
    int rc = 0;
    t->wire->start_ns = t->wire->now_ns = start_ns;
    if (!begin(t))
        return 0;
    while (rc == 0 && !is_over(t, start_ns, end_ns)) {
        rc = wire_turn(t->wire, t->more ? 0 : end_ns, t->watch, 2);
        serve(t);
        progress(t, start_ns, &shown_ns);
    }
    say_progress_end(&t->wire->say);
    t->result->seconds = (double)(t->wire->now_ns - start_ns) / 1e9;
    return rc;
}

/* What the wire and the devices have counted. */
static void counts_take(struct transfer *t)
{
    struct transfer_result *result = t->result;
    const struct wire *wire = t->wire;
    const struct resent *resent = &wire->sides[SIDE_SEND].resent;
    result->received = t->received;
    result->sent_segments = resent->segments;
    result->sent_bytes = resent->bytes;
    result->again_segments = resent->again_segments;
    result->again_bytes = resent->again_bytes;
    result->drops_known = true;
    for (int i = 0; i < 2; i++) {
        struct la_net_drops drops;
        result->drops_known &= side_drops(&wire->sides[i], &drops);
        result->dropped += drops.to_us + drops.from_us;
    }
    result->late = wire->lateness.late * 100 > wire->lateness.packets * LATE_PERCENT;
    result->late_too = wire->options->accept_late;
}

int transfer_run(struct wire *wire, struct transfer_result *result, struct la_message *why)
{
    unsigned tries = result->tries;
    *result = (struct transfer_result){.tries = tries + 1};
    struct transfer t = {.wire = wire, .result = result, .listener_fd = -1};
    t.watch[SIDE_SEND].fd = t.watch[SIDE_RECV].fd = -1;
    int rc = wire_begin(wire, why);
    if (rc < 0)
        return rc;
    rc = run(&t);
    if (is_lastack(&t, SIDE_SEND))
        lastack_report(&t, &result->sender);
    else
        kernel_report(&t, &result->sender);
    counts_take(&t);
    for (int i = 0; i < 2; i++) {
        if (is_lastack(&t, i))
            lastack_end(&t, i);
        else
            kernel_end(&t, i);
    }
    free(t.pattern);
    free(t.buffer);
    if (rc < 0)
        snprintf(why->text, sizeof(why->text), "the wire failed: %s", la_err_text(rc));
    return rc;
}

bool transfer_is_valid(const struct transfer_result *result)
{
    return result->error[0] == '\0' && result->dropped == 0 && (!result->late || result->late_too);
}
