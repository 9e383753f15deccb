/* Writing scripts from captures: see record.h.
 *
 * Packets are as they were, with numbers counted from the ISNs and times from packet to packet.
 * Calls are guessed, since a capture does not show them:
 *   - an end that sends the first SYN connects, the other listens, and accepts at the third
 * segment;
 *   - what leaves up to a PSH was one write, made when its first byte left;
 *   - what has arrived in order is read when this end next sends something;
 *   - a FIN that leaves is a close, but a shutdown when data still arrive; a RST that leaves is a
 *     close with a linger time of 0, unless the connection had been closed. */
#include "drill/record.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "drill/capture_read.h"
#include "drill/packet.h"

struct item {
    struct drill_live live;
    bool outbound;
    uint64_t time_ns;
};

struct recorder {
    struct capture_reader reader;
    FILE *out;
    const char *name;
    struct la_addr local, remote;
    uint16_t local_port, remote_port;
    bool active, found;
    struct item *items;
    size_t count, room;
    struct drill_flow flow;

    /* while it is written */
    uint64_t last_ns;
    unsigned fd;
    bool accepted, local_closed, end_read;
    uint32_t sent_to;  /* behind the last byte that left, from the ISN */
    uint32_t wrote_to; /* behind the last byte that a write gave */
    uint32_t got_to;   /* behind the last byte that arrived in order */
    uint32_t read_to;
    bool end_arrived;
};

static bool failed(char *why, size_t size, const char *text)
{
    snprintf(why, size, "%s", text);
    return false;
}

/* ---- finding the connection ----------------------------------------------------------------- */

static bool is_first_syn(const struct drill_live *live)
{
    return (live->flags & (DRILL_TH_SYN | DRILL_TH_ACK | DRILL_TH_RST)) == DRILL_TH_SYN;
}

static void begin_connection(struct recorder *r, const struct drill_live *live,
                             enum capture_way way, const struct la_addr *local)
{
    bool source = way != CAPTURE_IN;
    if (local)
        source = la_addr_equal(local, &live->source);
    r->found = true;
    r->active = source;
    r->local = source ? live->source : live->target;
    r->remote = source ? live->target : live->source;
    r->local_port = source ? live->source_port : live->target_port;
    r->remote_port = source ? live->target_port : live->source_port;
}

static bool belongs(const struct recorder *r, const struct drill_live *live, bool *outbound)
{
    *outbound = live->source_port == r->local_port && la_addr_equal(&live->source, &r->local);
    const struct la_addr *there = *outbound ? &live->target : &live->source;
    uint16_t port_there = *outbound ? live->target_port : live->source_port;
    uint16_t port_here = *outbound ? live->source_port : live->target_port;
    return la_addr_equal(there, &r->remote) && port_there == r->remote_port &&
           port_here == r->local_port;
}

static bool keep(struct recorder *r, const struct item *item)
{
    if (r->count == r->room) {
        size_t room = r->room ? 2 * r->room : 64;
        struct item *more = realloc(r->items, room * sizeof(*more));
        if (!more)
            return false;
        r->items = more;
        r->room = room;
    }
    r->items[r->count++] = *item;
    return true;
}

static bool collect(struct recorder *r, const struct la_addr *local, char *why, size_t size)
{
    struct capture_frame frame;
    while (capture_read_next(&r->reader, &frame)) {
        struct item item = {.time_ns = frame.time_ns};
        item.live.bytes = (uint8_t *)(uintptr_t)frame.ip; /* read only */
        item.live.len = frame.len;
        drill_read_live(&item.live);
        if (item.live.ip_protocol != IPPROTO_TCP || item.live.fragment || !item.live.payload)
            continue;
        bool either = !local || la_addr_equal(local, &item.live.source) ||
                      la_addr_equal(local, &item.live.target);
        if (!r->found && is_first_syn(&item.live) && either)
            begin_connection(r, &item.live, frame.way, local);
        if (!r->found || !belongs(r, &item.live, &item.outbound))
            continue;
        if (!keep(r, &item))
            return failed(why, size, "no memory");
    }
    if (r->reader.why[0] != '\0')
        return failed(why, size, r->reader.why);
    return r->found || failed(why, size, "no SYN in this capture: a script begins with one");
}

/* ---- writing -------------------------------------------------------------------------------- */

static void say_time(struct recorder *r, uint64_t time_ns)
{
    uint64_t off = time_ns > r->last_ns ? time_ns - r->last_ns : 0;
    char text[40];
    r->last_ns = time_ns > r->last_ns ? time_ns : r->last_ns;
    snprintf(text, sizeof(text), "+%" PRIu64 ".%06" PRIu64, off / 1000000000,
             off % 1000000000 / 1000);
    size_t n = strlen(text);
    while (n > 0 && text[n - 1] == '0')
        text[--n] = '\0';
    if (n > 0 && text[n - 1] == '.')
        text[--n] = '\0';
    fprintf(r->out, "%9s ", text);
}

static void say_packet(struct recorder *r, const struct item *item)
{
    char text[600];
    drill_format_live(&r->flow, &item->live, item->outbound, text, sizeof(text));
    char *win = item->outbound ? strstr(text, " win ") : NULL;
    if (win) { /* the window of this end is its own affair */
        char *rest = win + 5 + strspn(win + 5, "0123456789");
        memmove(win, rest, strlen(rest) + 1);
    }
    say_time(r, item->time_ns);
    fprintf(r->out, "%c %s\n", item->outbound ? '>' : '<', text);
}

static void say_head(struct recorder *r)
{
    char local[LA_ADDR_TEXT_MAX], remote[LA_ADDR_TEXT_MAX];
    la_addr_format(&r->local, local);
    la_addr_format(&r->remote, remote);
    fprintf(r->out, "// Recorded from %s: %s:%u and %s:%u, %zu packets.\n", r->name, local,
            r->local_port, remote, r->remote_port, r->count);
    fprintf(r->out, "// The calls are what the packets make likely.\n");
    fprintf(r->out, "--ip_version=%s\n--local_ip=%s\n--remote_ip=%s\n",
            la_addr_is_v4(&r->local) ? "ipv4" : "ipv6", local, remote);
    fprintf(r->out, "--%s=%u\n\n", r->active ? "connect_port" : "bind_port",
            r->active ? r->remote_port : r->local_port);
    fprintf(r->out, "        0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n");
    if (r->active) {
        fprintf(r->out, "       +0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0\n");
        fprintf(r->out, "       +0 connect(3, ..., ...) = -1 EINPROGRESS "
                        "(Operation now in progress)\n");
        return;
    }
    fprintf(r->out, "       +0 setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0\n");
    fprintf(r->out, "       +0 bind(3, ..., ...) = 0\n       +0 listen(3, 5) = 0\n");
}

/* How much one write gave: from `first` to the next PSH or FIN that leaves. */
static uint32_t write_length(const struct recorder *r, size_t first)
{
    uint32_t end = r->wrote_to;
    for (size_t i = first; i < r->count; i++) {
        const struct drill_live *live = &r->items[i].live;
        uint32_t to = live->seq - r->flow.local_isn - 1 + live->payload_len;
        if (!r->items[i].outbound || live->payload_len == 0)
            continue;
        if ((int32_t)(to - end) > 0)
            end = to;
        if (live->flags & (DRILL_TH_PSH | DRILL_TH_FIN))
            break;
    }
    return end - r->wrote_to;
}

static bool data_arrives_later(const struct recorder *r, size_t from)
{
    for (size_t i = from; i < r->count; i++)
        if (!r->items[i].outbound && r->items[i].live.payload_len > 0)
            return true;
    return false;
}

static void say_close(struct recorder *r, size_t at)
{
    const struct drill_live *live = &r->items[at].live;
    bool half = (live->flags & DRILL_TH_FIN) && data_arrives_later(r, at);
    if (live->flags & DRILL_TH_RST) {
        say_time(r, r->items[at].time_ns);
        fprintf(r->out, "setsockopt(%u, SOL_SOCKET, SO_LINGER, {onoff=1, linger=0}, 8) = 0\n",
                r->fd);
    }
    say_time(r, r->items[at].time_ns);
    fprintf(r->out, half ? "shutdown(%u, SHUT_WR) = 0\n" : "close(%u) = 0\n", r->fd);
    r->local_closed = true;
}

/* The calls that made a packet leave. */
static void calls_before(struct recorder *r, size_t at)
{
    const struct item *item = &r->items[at];
    const struct drill_live *live = &item->live;
    bool usable = r->active || r->accepted;
    if (!item->outbound || !usable || (live->flags & DRILL_TH_SYN))
        return;
    uint32_t end = live->seq - r->flow.local_isn - 1 + live->payload_len;
    if (live->payload_len > 0 && (int32_t)(end - r->wrote_to) > 0) {
        uint32_t n = write_length(r, at);
        say_time(r, item->time_ns);
        fprintf(r->out, "write(%u, ..., %" PRIu32 ") = %" PRIu32 "\n", r->fd, n, n);
        r->wrote_to += n;
    }
    if ((live->flags & (DRILL_TH_FIN | DRILL_TH_RST)) && !r->local_closed)
        say_close(r, at);
}

static void calls_after(struct recorder *r, size_t at)
{
    const struct item *item = &r->items[at];
    const struct drill_live *live = &item->live;
    if (!item->outbound && !r->active && !r->accepted && (live->flags & DRILL_TH_ACK) &&
        !(live->flags & (DRILL_TH_SYN | DRILL_TH_RST))) {
        say_time(r, item->time_ns);
        fprintf(r->out, "accept(3, ..., ...) = 4\n");
        r->accepted = true;
    }
    if (!item->outbound || r->local_closed || !(r->active || r->accepted))
        return;
    if (r->got_to != r->read_to) {
        uint32_t n = r->got_to - r->read_to;
        say_time(r, item->time_ns);
        fprintf(r->out, "read(%u, ..., %" PRIu32 ") = %" PRIu32 "\n", r->fd, n, n);
        r->read_to = r->got_to;
    }
    if (r->end_arrived && !r->end_read) {
        say_time(r, item->time_ns);
        fprintf(r->out, "read(%u, ..., 1000) = 0\n", r->fd);
        r->end_read = true;
    }
}

/* ISNs, and what has arrived. */
static void learn(struct recorder *r, const struct item *item)
{
    const struct drill_live *live = &item->live;
    bool syn = (live->flags & DRILL_TH_SYN) != 0;
    if (syn && item->outbound && !r->flow.local_known) {
        r->flow.local_known = true;
        r->flow.local_isn = live->seq;
    }
    if (syn && !item->outbound && !r->flow.remote_known) {
        r->flow.remote_known = true;
        r->flow.remote_isn = live->seq;
    }
    if (item->outbound || syn || (live->flags & DRILL_TH_RST))
        return;
    uint32_t first = live->seq - r->flow.remote_isn - 1, end = first + live->payload_len;
    bool in_order = (int32_t)(first - r->got_to) <= 0;
    if (in_order && (int32_t)(end - r->got_to) > 0)
        r->got_to = end;
    if ((live->flags & DRILL_TH_FIN) && end == r->got_to)
        r->end_arrived = true;
}

static void say_all(struct recorder *r)
{
    r->last_ns = r->items[0].time_ns;
    r->fd = r->active ? 3 : 4;
    say_head(r);
    for (size_t i = 0; i < r->count; i++) {
        learn(r, &r->items[i]);
        calls_before(r, i);
        say_packet(r, &r->items[i]);
        calls_after(r, i);
    }
}

bool drill_record(const uint8_t *bytes, size_t len, const char *name, const struct la_addr *local,
                  FILE *out, char *why, size_t size)
{
    struct recorder *r = calloc(1, sizeof(*r));
    if (!r)
        return failed(why, size, "no memory");
    r->out = out;
    r->name = name;
    bool good = capture_read_begin(&r->reader, bytes, len);
    if (!good)
        failed(why, size, r->reader.why);
    good = good && collect(r, local, why, size);
    if (good)
        say_all(r);
    free(r->items);
    free(r);
    return good;
}
