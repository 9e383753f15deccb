/* The rows of a chart: long runs of the same are summed up.
 *
 * Packets are counted by who sent them and what they are (data and ACKs, SYN, SYN-ACK, FIN, RST;
 * right or wrong ones; in trouble or not). Of each kind `run_max` are drawn, the others go into a
 * sum, which ends when anything else is drawn. What exceeds the limit by less than the limit
 * itself is drawn all the same. Data starts to count anew when the story takes a
 * turn (a call, a timer, a note, a handshake or its end); handshakes and ends do not, so that ten
 * thousand SYNs stay a few rows. Packets marked as key are always drawn.
 *
 * What happens to a connection all of whose packets are summed up is not drawn either. */
#include <stdlib.h>
#include <string.h>

#include "chart_rows.h"

enum kind { KIND_DATA, KIND_TROUBLE, KIND_SYN, KIND_SYN_ACK, KIND_FIN, KIND_RST, KIND_OTHER };
#define KINDS (KIND_OTHER + 1)

struct counts {
    uint32_t drawn[2][2][KINDS]; /* by end, wrong or not, kind */
};

struct summing {
    const struct la_chart *c;
    struct chart_runs *runs;
    struct counts counts;
    uint32_t run_max;
    bool open; /* the last sum may take more */
    bool no_memory;
};

static bool is_trouble(const struct la_chart_event *e)
{
    return e->fate == LA_CHART_LOST || e->fate == LA_CHART_DAMAGED ||
           (e->marks & LA_CHART_AGAIN) != 0 || la_reason_kind(e->verdict) == LA_KIND_DROP;
}

static enum kind kind_of(const struct la_chart_event *e)
{
    const uint16_t flags = e->h->flags;

    if (e->text[0] != '\0' || flags == 0)
        return KIND_OTHER;
    if ((flags & LA_TH_RST) != 0)
        return KIND_RST;
    if ((flags & LA_TH_SYN) != 0)
        return (flags & LA_TH_ACK) != 0 ? KIND_SYN_ACK : KIND_SYN;
    if ((flags & LA_TH_FIN) != 0)
        return KIND_FIN;
    return is_trouble(e) ? KIND_TROUBLE : KIND_DATA;
}

static void turn(struct summing *s)
{
    for (int end = 0; end < 2; end++) {
        for (int wrong = 0; wrong < 2; wrong++) {
            s->counts.drawn[end][wrong][KIND_DATA] = 0;
            s->counts.drawn[end][wrong][KIND_TROUBLE] = 0;
        }
    }
}

static void add(struct chart_sum *sum, const struct la_chart_event *e)
{
    const enum la_chart_end end = e->end;

    sum->flags[end] = sum->packets[end] == 0 ? e->h->flags : sum->flags[end] & e->h->flags;
    sum->packets[end]++;
    sum->bytes[end] += e->h->len;
    sum->again[end] += (e->marks & LA_CHART_AGAIN) != 0;
    sum->lost[end] += e->fate == LA_CHART_LOST;
    sum->refused[end] +=
        e->fate == LA_CHART_DAMAGED ||
        (e->fate == LA_CHART_ARRIVED && la_reason_kind(e->verdict) == LA_KIND_DROP);
    sum->sent_ns = e->time_ns;
    if (e->fate == LA_CHART_ARRIVED && e->over_ns > sum->last_ns)
        sum->last_ns = e->over_ns;
    if (e->time_ns > sum->last_ns)
        sum->last_ns = e->time_ns;
}

/* A sum of few is none: what it holds, up to the event before `end`, is drawn after all. */
static void close_sum(struct summing *s, uint32_t end)
{
    struct chart_runs *runs = s->runs;
    const struct chart_sum *last;

    if (!s->open)
        return;
    s->open = false;
    last = &runs->sums[runs->sums_n - 1];
    if (last->packets[0] + last->packets[1] >= s->run_max)
        return;
    for (uint32_t i = last->event; i < end; i++)
        runs->hidden[i] = false;
    runs->sum_of[last->event] = 0;
    runs->sums_n--;
}

static void sum_up(struct summing *s, uint32_t i)
{
    struct chart_runs *runs = s->runs;
    const struct chart_event *v = &s->c->events[i];

    if (!s->open) {
        if (!store_grow((void **)&runs->sums, runs->sums_n, &runs->sums_cap, sizeof(*runs->sums))) {
            s->no_memory = true;
            return;
        }
        runs->sums[runs->sums_n++] = (struct chart_sum){
            .first_ns = v->e.time_ns, .last_ns = v->e.time_ns, .order = v->order, .event = i};
        runs->sum_of[i] = (uint32_t)runs->sums_n;
        s->open = true;
    }
    runs->hidden[i] = true;
    add(&runs->sums[runs->sums_n - 1], &v->e);
}

/* What belongs to no connection of interest needs fewer examples. */
static uint32_t most_of(const struct summing *s, const struct la_chart_event *e, enum kind kind)
{
    if ((e->marks & LA_CHART_WRONG) != 0)
        return (s->run_max + 3) / 4;
    return kind == KIND_SYN_ACK ? (s->run_max + 1) / 2 : s->run_max;
}

static void packet(struct summing *s, uint32_t i)
{
    const struct la_chart_event *e = &s->c->events[i].e;
    const enum kind kind = kind_of(e);
    uint32_t *drawn = &s->counts.drawn[e->end][(e->marks & LA_CHART_WRONG) != 0][kind];

    if (*drawn >= most_of(s, e, kind) && (e->marks & LA_CHART_KEY) == 0) {
        sum_up(s, i);
        return;
    }
    close_sum(s, i);
    ++*drawn;
    if (kind != KIND_DATA && kind != KIND_TROUBLE)
        turn(s);
}

/* Calls to send and receive, and delayed ACKs, are part of a run and no turn. */
static bool is_routine(const struct la_chart_event *e)
{
    return e->reason == LA_CALL_SEND || e->reason == LA_CALL_RECEIVE ||
           e->reason == LA_TIMEOUT_DELAYED_ACK;
}

static void other(struct summing *s, uint32_t i)
{
    const struct la_chart_event *e = &s->c->events[i].e;

    if (e->kind == LA_CHART_STATE)
        return;
    if (is_routine(e) && s->open) {
        s->runs->hidden[i] = true;
        return;
    }
    close_sum(s, i);
    if (!is_routine(e))
        turn(s);
}

/* ---- connections nothing is drawn of ---- */

struct drawn_conn {
    uint32_t conn;
    uint8_t end;
    bool drawn;
};

/* Those that are drawn come first among equals. */
static int by_conn(const void *a, const void *b)
{
    const struct drawn_conn *x = a, *y = b;

    if (x->end != y->end)
        return x->end < y->end ? -1 : 1;
    if (x->conn != y->conn)
        return x->conn < y->conn ? -1 : 1;
    return y->drawn - x->drawn;
}

static bool is_all_hidden(const struct drawn_conn *list, size_t n, enum la_chart_end end,
                          uint32_t conn)
{
    const struct drawn_conn key = {.conn = conn, .end = (uint8_t)end, .drawn = true};
    size_t low = 0, high = n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (by_conn(&list[middle], &key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && list[low].end == end && list[low].conn == conn && !list[low].drawn;
}

static bool hide_conns(struct chart_runs *runs, const struct la_chart *c)
{
    struct drawn_conn *list = malloc((2 * c->events_n + 1) * sizeof(*list));
    size_t n = 0;

    if (list == NULL)
        return false;
    for (uint32_t i = 0; i < c->events_n; i++) {
        const struct la_chart_event *e = &c->events[i].e;

        if (e->kind != LA_CHART_PACKET)
            continue;
        list[n++] = (struct drawn_conn){e->conn, (uint8_t)e->end, !runs->hidden[i]};
        list[n++] =
            (struct drawn_conn){e->conn_there, (uint8_t)chart_other(e->end), !runs->hidden[i]};
    }
    qsort(list, n, sizeof(*list), by_conn);
    for (uint32_t i = 0; i < c->events_n; i++) {
        const struct la_chart_event *e = &c->events[i].e;

        if (e->kind != LA_CHART_PACKET && e->kind != LA_CHART_NOTE && e->conn != 0 &&
            is_all_hidden(list, n, e->end, e->conn))
            runs->hidden[i] = true;
    }
    free(list);
    return true;
}

bool chart_runs_make(struct chart_runs *runs, const struct la_chart *c, uint32_t run_max)
{
    struct summing s = {.c = c, .runs = runs, .run_max = run_max};

    runs->hidden = calloc(c->events_n + 1, sizeof(*runs->hidden));
    runs->sum_of = calloc(c->events_n + 1, sizeof(*runs->sum_of));
    if (runs->hidden == NULL || runs->sum_of == NULL)
        return false;
    if (run_max == 0)
        return true;
    for (uint32_t i = 0; i < c->events_n; i++) {
        if (c->events[i].e.kind == LA_CHART_PACKET)
            packet(&s, i);
        else
            other(&s, i);
    }
    close_sum(&s, (uint32_t)c->events_n);
    return !s.no_memory && (runs->sums_n == 0 || hide_conns(runs, c));
}

void chart_runs_free(struct chart_runs *runs)
{
    free(runs->hidden);
    free(runs->sum_of);
    free(runs->sums);
}
