/* The sequence chart: everything is told, now it is put together.
 *
 *   1. Records meet packets. A packet's OUT record has its header, its sender and its time; so has
 *      its IN record at the other end. Both are searched for in the order of time, each taken
 *      once. Where no packets were told, the OUT records are made packets first.
 *   2. Numbers: from which initial sequence number each packet counts, and its window in bytes.
 *   3. States of packets without a record come from the changes of state that were told.
 *
 * All lists are sorted, so that each step walks them once; a search looks at a bounded number of
 * records, so that hostile ones cost no more. */
#include <stdlib.h>
#include <string.h>

#include <lastack/err.h>

#include "chart.h"
#include "lane.h"
#include "peer.h"

/* A packet may wait this long between its record and the wire. */
#define SLACK_NS UINT64_C(100000000)

/* How many records or packets one search looks at. */
#define SEARCH_MAX 1024

static int by_time(const void *a, const void *b)
{
    const struct chart_event *x = a, *y = b;

    return chart_compare(x->e.time_ns, x->order, y->e.time_ns, y->order);
}

static int by_record_time(const void *a, const void *b)
{
    const struct chart_record *x = a, *y = b;

    return chart_compare(x->r.time_ns, x->order, y->r.time_ns, y->order);
}

/* A packet's departure or arrival, to be joined with a record. */
struct meeting {
    uint64_t time_ns;
    uint32_t order;
    struct chart_event *v;
};

static int by_meeting_time(const void *a, const void *b)
{
    const struct meeting *x = a, *y = b;

    return chart_compare(x->time_ns, x->order, y->time_ns, y->order);
}

/* ---- records become packets ---- */

static struct chart_event *packet_of_record(struct la_chart *c, const struct chart_record *w,
                                            enum la_chart_end from)
{
    struct la_chart_packet p = {
        .from = from,
        .sent_ns = w->r.time_ns,
        .reason = LA_NONE,
        .h = {.seq = w->r.seq,
              .ack = w->r.ack,
              .len = w->r.len,
              .wnd = w->r.wnd,
              .flags = w->r.flags,
              .protocol = w->r.flags != 0 ? 6 : 0,
              .options = w->options,
              .mss = w->mss,
              .wscale = w->wscale,
              .tsval = w->tsval},
    };
    uint32_t number = la_chart_packet(c, &p);

    return number == 0 ? NULL : &c->events[number - 1];
}

static bool same_segment(const struct la_trace_record *r, const struct la_chart_header *h)
{
    return r->seq == h->seq && r->ack == h->ack && r->len == h->len && r->flags == h->flags &&
           r->wnd == h->wnd;
}

static void take_out(struct chart_event *v, struct chart_record *w)
{
    if (v->e.reason == LA_NONE)
        v->e.reason = w->r.reason;
    if (v->e.conn == 0)
        v->e.conn = w->r.conn;
    v->e.state =
        (uint8_t)view_state_after_sending(LA_TRACE_STATE_OF(&w->r), w->r.flags, w->r.reason);
    v->e.state_known = v->e.state < LA_TCP_STATE_COUNT;
    v->order = w->order;
    v->sent_joined = true;
}

static void take_in(struct chart_event *v, struct chart_record *w)
{
    if (v->e.verdict == LA_NONE)
        v->e.verdict = w->r.reason;
    if (v->e.conn_there == 0)
        v->e.conn_there = w->r.conn;
    v->e.state_there = LA_TRACE_STATE_OF(&w->r);
    v->e.state_there_known = v->e.state_there < LA_TCP_STATE_COUNT;
    v->over_order = w->order;
    v->arrived_joined = true;
    w->used = true;
}

/* The oldest packet towards `w->end` that has this header and nothing is known about. */
static struct chart_event *packet_arriving(struct la_chart *c, const struct chart_record *w)
{
    const enum la_chart_end from = chart_other(w->end);
    const size_t least = c->events_n > 64 * SEARCH_MAX ? c->events_n - 64 * SEARCH_MAX : 0;
    bool first = true;

    if (c->find_from[from] < least)
        c->find_from[from] = least;
    for (size_t i = c->find_from[from]; i < c->events_n; i++) {
        struct chart_event *v = &c->events[i];

        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): there are events */
        if (v->e.kind != LA_CHART_PACKET || v->e.end != from || v->e.fate != LA_CHART_FLYING)
            continue;
        if (first)
            c->find_from[from] = i;
        first = false;
        if (v->e.time_ns > w->r.time_ns)
            return NULL;
        if (same_segment(&w->r, v->e.h))
            return v;
    }
    return NULL;
}

/* A packet that arrives although nobody sent it: of an end without records, or made by the network.
 */
static struct chart_event *packet_from_nowhere(struct la_chart *c, const struct chart_record *w)
{
    struct chart_event *v = packet_of_record(c, w, chart_other(w->end));

    if (v != NULL) {
        v->e.sent_known = false;
        v->order = w->order;
    }
    return v;
}

/* Records are in the order of time; so are the packets that are made from them. That they are
 * packets does not mean that the wire was told. */
static void packets_of_records(struct la_chart *c)
{
    for (size_t i = 0; i < c->records_n; i++) {
        struct chart_record *w = &c->records[i];
        struct chart_event *v;

        if (LA_TRACE_WHAT(&w->r) == LA_TRACE_OUT) {
            v = packet_of_record(c, w, w->end);
            if (v != NULL)
                take_out(v, w);
            continue;
        }
        v = packet_arriving(c, w);
        if (v == NULL)
            v = packet_from_nowhere(c, w);
        if (v == NULL)
            continue;
        v->e.fate = LA_CHART_ARRIVED;
        v->e.over_ns = w->r.time_ns;
        take_in(v, w);
    }
    c->packets_told = false;
}

/* ---- packets and records meet ---- */

/* Is the packet this record's segment, or a part of it that the link has cut? */
static bool is_part(const struct la_trace_record *r, const struct la_chart_header *h)
{
    const uint16_t at_an_end = LA_TH_FIN | LA_TH_PSH | LA_TH_CWR;

    if (same_segment(r, h))
        return true;
    return h->len > 0 && r->len > h->len && r->ack == h->ack && r->wnd == h->wnd &&
           ((r->flags ^ h->flags) & ~at_an_end) == 0 && h->seq - r->seq <= r->len - h->len;
}

/* The records of one kind at one end, in the order of time. */
static size_t records_of(struct la_chart *c, enum la_chart_end end, uint8_t what,
                         struct chart_record **list)
{
    size_t n = 0;

    for (size_t i = 0; i < c->records_n; i++) {
        struct chart_record *w = &c->records[i];

        if (w->end == end && LA_TRACE_WHAT(&w->r) == what)
            list[n++] = w;
    }
    return n;
}

static void meet(const struct meeting *m, struct chart_record **low, struct chart_record **end,
                 bool out)
{
    const struct la_chart_header *h = m->v->e.h;

    for (size_t seen = 0; low < end && seen < SEARCH_MAX; low++, seen++) {
        struct chart_record *w = *low;

        if (w->r.time_ns > m->time_ns + SLACK_NS)
            return;
        if (w->used || !is_part(&w->r, h))
            continue;
        if (out)
            take_out(m->v, w);
        else
            take_in(m->v, w);
        w->used = h->seq + h->len == w->r.seq + w->r.len;
        return;
    }
}

/* Departures (or arrivals) of the packets of one end, in the order of time. */
static size_t meetings_of(struct la_chart *c, enum la_chart_end from, bool out, struct meeting *m)
{
    size_t n = 0;

    for (size_t i = 0; i < c->events_n; i++) {
        struct chart_event *v = &c->events[i];

        if (v->e.kind != LA_CHART_PACKET || v->e.end != from ||
            (!out && v->e.fate != LA_CHART_ARRIVED && v->e.fate != LA_CHART_DAMAGED))
            continue;
        m[n++] = (struct meeting){.time_ns = out ? v->e.time_ns : v->e.over_ns,
                                  .order = out ? v->order : v->over_order,
                                  .v = v};
    }
    qsort(m, n, sizeof(*m), by_meeting_time);
    return n;
}

static bool join(struct la_chart *c)
{
    struct meeting *m = malloc((c->events_n + 1) * sizeof(*m));
    struct chart_record **list = malloc((c->records_n + 1) * sizeof(struct chart_record *));
    const bool ok = m != NULL && list != NULL;

    for (int way = 0; way < 4 && ok; way++) {
        const enum la_chart_end from = way & 1 ? LA_CHART_RIGHT : LA_CHART_LEFT;
        const bool out = way < 2;
        const size_t n = meetings_of(c, from, out, m);
        const size_t records =
            records_of(c, out ? from : chart_other(from), out ? LA_TRACE_OUT : LA_TRACE_IN, list);
        size_t low = 0;

        for (size_t i = 0; i < n; i++) {
            while (low < records &&
                   (list[low]->used || list[low]->r.time_ns + SLACK_NS < m[i].time_ns))
                low++;
            meet(&m[i], list + low, list + records, out);
        }
    }
    free(m);
    free(list);
    return ok;
}

/* ---- numbers ---- */

/* A pair of ends, seen from the left one. */
struct flow {
    bool used;
    struct la_addr src, dst;
    uint16_t src_port, dst_port;
    uint32_t base[2]; /* by enum la_chart_end: of those who send from there */
    bool base_known[2];
    uint8_t scale[2]; /* 255: not offered */
    bool syn_seen[2];
};

static uint32_t flow_hash(const struct flow *f)
{
    uint32_t hash = 2166136261u;
    const uint8_t *bytes[] = {f->src.b, f->dst.b};

    for (int k = 0; k < 2; k++) {
        for (size_t i = 0; i < sizeof(f->src.b); i++)
            hash = (hash ^ bytes[k][i]) * 16777619u;
    }
    hash = (hash ^ f->src_port) * 16777619u;
    return (hash ^ f->dst_port) * 16777619u;
}

/* In a table of `size` (a power of two) that has room for all. */
static struct flow *flow_of(struct flow *table, size_t size, const struct la_chart_event *e)
{
    const bool left = e->end == LA_CHART_LEFT;
    const struct la_chart_header *h = e->h;
    struct flow key = {
        .used = true,
        .src = left ? h->src : h->dst,
        .dst = left ? h->dst : h->src,
        .src_port = left ? h->src_port : h->dst_port,
        .dst_port = left ? h->dst_port : h->src_port,
        .scale = {255, 255},
    };
    size_t i = flow_hash(&key) & (size - 1);

    for (;; i = (i + 1) & (size - 1)) {
        struct flow *f = &table[i];

        if (!f->used)
            *f = key;
        if (f->src_port == key.src_port && f->dst_port == key.dst_port &&
            la_addr_equal(&f->src, &key.src) && la_addr_equal(&f->dst, &key.dst))
            return f;
    }
}

static void learn(struct flow *f, const struct la_chart_event *e)
{
    const struct la_chart_header *h = e->h;
    const enum la_chart_end own = e->end, other = chart_other(own);

    if ((h->flags & LA_TH_SYN) != 0) {
        f->base[own] = h->seq;
        f->base_known[own] = f->syn_seen[own] = true;
        f->scale[own] = (h->options & LA_CHART_OPT_WSCALE) != 0
                            ? (uint8_t)(h->wscale > 14 ? 14 : h->wscale)
                            : 255;
        if ((h->flags & LA_TH_ACK) == 0)
            f->syn_seen[other] = f->base_known[other] = false;
    } else if (!f->base_known[own] && (h->flags & LA_TH_RST) == 0) {
        f->base[own] = h->seq - 1;
        f->base_known[own] = true;
    }
    if (!f->base_known[other] && (h->flags & LA_TH_ACK) != 0 && (h->flags & LA_TH_RST) == 0) {
        f->base[other] = h->ack - 1;
        f->base_known[other] = true;
    }
}

/* A reset from nowhere has numbers of its own (RFC 9293 3.5.2). */
static bool is_far(uint32_t number, uint32_t base)
{
    return number - base > UINT32_C(1) << 30 && base - number > UINT32_C(1) << 20;
}

static void count_from(struct flow *f, struct la_chart_event *e)
{
    const struct la_chart_header *h = e->h;
    const enum la_chart_end own = e->end, other = chart_other(own);
    const bool scaled = f->syn_seen[own] && f->syn_seen[other] && f->scale[own] != 255 &&
                        f->scale[other] != 255 && (h->flags & LA_TH_SYN) == 0;

    e->seq_base = f->base_known[own] ? f->base[own] : 0;
    e->ack_base = f->base_known[other] ? f->base[other] : 0;
    if ((h->flags & LA_TH_RST) != 0 && is_far(h->seq, e->seq_base))
        e->seq_base = 0;
    e->window = (uint32_t)h->wnd << (scaled ? f->scale[own] : 0);
}

static bool number_packets(struct la_chart *c)
{
    size_t size = 64;
    struct flow *table;

    while (size < 2 * c->events_n)
        size *= 2;
    table = calloc(size, sizeof(*table));
    if (table == NULL)
        return false;
    for (size_t i = 0; i < c->events_n; i++) {
        struct chart_event *v = &c->events[i];
        struct flow *f;

        if (v->e.kind != LA_CHART_PACKET)
            continue;
        v->e.window = v->e.h->wnd;
        if (lane_is_again(v->e.reason))
            v->e.marks |= LA_CHART_AGAIN;
        if (v->e.h->flags == 0)
            continue;
        f = flow_of(table, size, &v->e);
        /* A copy made by the network, or a forged packet, begins only what is new. */
        if ((v->e.copy_of == 0 && (v->e.marks & (LA_CHART_DUPLICATE | LA_CHART_WRONG)) == 0) ||
            !f->base_known[v->e.end])
            learn(f, &v->e);
        count_from(f, &v->e);
    }
    free(table);
    return true;
}

/* ---- states ---- */

struct state_point {
    uint64_t time_ns;
    uint32_t order, conn;
    uint8_t end, state;
};

static int by_conn(const void *a, const void *b)
{
    const struct state_point *x = a, *y = b;

    if (x->end != y->end)
        return x->end < y->end ? -1 : 1;
    if (x->conn != y->conn)
        return x->conn < y->conn ? -1 : 1;
    return chart_compare(x->time_ns, x->order, y->time_ns, y->order);
}

/* The last state at or before `key`; false: none is known. */
static bool state_at(const struct state_point *p, size_t n, struct state_point key, uint8_t *state)
{
    size_t low = 0, high = n;

    key.order = UINT32_MAX;
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (by_conn(&p[middle], &key) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0 || p[low - 1].end != key.end || p[low - 1].conn != key.conn)
        return false;
    *state = p[low - 1].state;
    return true;
}

static bool fill_states(struct la_chart *c)
{
    struct state_point *p = malloc((c->events_n + 1) * sizeof(*p));
    size_t n = 0;

    if (p == NULL)
        return false;
    for (size_t i = 0; i < c->events_n; i++) {
        const struct chart_event *v = &c->events[i];

        if (v->e.kind == LA_CHART_STATE)
            p[n++] = (struct state_point){.time_ns = v->e.time_ns,
                                          .order = v->order,
                                          .conn = v->e.conn,
                                          .end = (uint8_t)v->e.end,
                                          .state = v->e.state};
    }
    qsort(p, n, sizeof(*p), by_conn);
    for (size_t i = 0; i < c->events_n; i++) {
        struct la_chart_event *e = &c->events[i].e;
        struct state_point here = {.time_ns = e->time_ns, .conn = e->conn, .end = (uint8_t)e->end};
        struct state_point there = {
            .time_ns = e->over_ns, .conn = e->conn_there, .end = (uint8_t)chart_other(e->end)};

        if (e->kind == LA_CHART_NOTE)
            continue;
        if (!e->state_known)
            e->state_known = state_at(p, n, here, &e->state);
        if (e->kind == LA_CHART_PACKET && e->fate == LA_CHART_ARRIVED && !e->state_there_known)
            e->state_there_known = state_at(p, n, there, &e->state_there);
    }
    free(p);
    return true;
}

/* ---- the end ---- */

static void settle_times(struct la_chart *c, uint64_t now_ns)
{
    struct la_chart_info *info = &c->info;
    uint32_t notes = 0;

    info->end_ns = now_ns;
    for (size_t i = 0; i < c->events_n; i++) {
        const struct la_chart_event *e = &c->events[i].e;
        uint64_t last = e->over_ns == CHART_NEVER ? e->time_ns : e->over_ns;

        if (last > info->end_ns)
            info->end_ns = last;
        if (!c->began && e->kind != LA_CHART_TIMER) {
            info->begin_ns = e->time_ns;
            c->began = true;
        }
    }
    for (size_t i = 0; i < c->events_n; i++) {
        struct la_chart_event *e = &c->events[i].e;

        if (e->over_ns == CHART_NEVER)
            e->over_ns = info->end_ns;
        if (e->kind == LA_CHART_NOTE)
            e->number = ++notes;
    }
}

int la_chart_finish(struct la_chart *c, uint64_t time_ns)
{
    bool ok = true;

    if (!c->finished) {
        if (c->records_n > 0)
            qsort(c->records, c->records_n, sizeof(*c->records), by_record_time);
        if (c->packets_told)
            ok = join(c);
        else
            packets_of_records(c);
        if (c->events_n > 0)
            qsort(c->events, c->events_n, sizeof(*c->events), by_time);
        ok = number_packets(c) && ok;
        settle_times(c, time_ns);
        ok = fill_states(c) && ok;
        c->finished = true;
    }
    if (!ok || c->no_memory)
        return LA_ENOMEM;
    return c->info.left_out > 0 ? LA_ENOBUFS : LA_OK;
}
