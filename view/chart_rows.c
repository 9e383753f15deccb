/* The rows of a chart: the moments of both ends are merged.
 *
 * Two lists of moments, left and right, each in its own order. The next row is, of the two heads,
 *   - what happens at one end only, if it is the earlier;
 *   - a packet whose departure is one head and whose arrival is the other: one row for both;
 *   - else a departure. If little stands before its arrival at the other end, that goes first, so
 *     that the packet becomes one row; if not, it becomes two.
 * Notes in the middle stand behind all rows that begin at or before their time. */
#include <stdlib.h>
#include <string.h>

#include "chart_rows.h"

/* How close in time a change of state and what shows it must be. */
#define SAME_MOMENT_NS UINT64_C(1000000)

/* How many moments may be drawn before a departure so that its packet becomes one row, and how
 * many of them may be departures. */
enum { BEFORE_MAX = 12, DEPARTURES_BEFORE_MAX = 1 };

/* How many moments around a change of state are searched for what shows it. */
#define NEAR_MAX 64

struct moment {
    uint64_t time_ns;
    uint32_t order;
    uint32_t event;
    uint32_t mate; /* a packet's other moment: index in the other end's list; UINT32_MAX: none */
    bool over;     /* arrival of a packet, end of a timer */
    bool hidden;   /* a change of state that another moment shows */
    uint32_t sum;  /* 1 + the sum that stands here, at both ends; 0: none */
    bool stated;
    uint8_t state;
};

struct moments {
    struct moment *m;
    size_t n, at;
    size_t note; /* the next that is one, if not before `at` */
};

struct merge {
    const struct la_chart *c;
    struct chart_rows *rows;
    struct moments end[2];
    size_t note;      /* index of the next event that may be a note in the middle */
    uint32_t notes;   /* how many notes have a row: they stand in the order of their numbers */
    uint32_t *row_of; /* by event: the row of its departure, for the partner */
    bool no_memory;
};

/* ---- moments ---- */

static const struct la_chart_event *event_at(const struct la_chart *c, uint32_t i)
{
    return &c->events[i].e;
}

static int by_time(const void *a, const void *b)
{
    const struct moment *x = a, *y = b;

    return chart_compare(x->time_ns, x->order, y->time_ns, y->order);
}

static bool arrives(const struct la_chart_event *e)
{
    return e->kind == LA_CHART_PACKET &&
           (e->fate == LA_CHART_ARRIVED || e->fate == LA_CHART_DAMAGED);
}

static void add_moment(struct moments *list, const struct chart_event *v, uint32_t i, bool over)
{
    struct moment *m = &list->m[list->n++];

    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): who made the list, made room in it */
    *m = (struct moment){
        .time_ns = over ? v->e.over_ns : v->e.time_ns,
        .order = over ? v->over_order : v->order,
        .event = i,
        .mate = UINT32_MAX,
        .over = over,
    };
    if (v->e.kind == LA_CHART_PACKET) {
        m->stated = over ? v->e.state_there_known : v->e.state_known;
        m->state = over ? v->e.state_there : v->e.state;
    } else if (v->e.kind == LA_CHART_STATE || v->e.reason == LA_CALL_LISTEN) {
        m->stated = v->e.state_known;
        m->state = v->e.state;
    }
}

/* The wait of TIME-WAIT is shown when it begins; other timers only when they run out. */
static bool is_shown_when_set(const struct la_chart_event *e)
{
    return e->reason == LA_TIMEOUT_TIME_WAIT && e->due_ns > e->time_ns;
}

static void add_sum(struct merge *g, uint32_t sum)
{
    const struct chart_sum *s = &g->rows->runs.sums[sum - 1];

    for (int end = 0; end < 2; end++)
        g->end[end].m[g->end[end].n++] = (struct moment){.time_ns = s->first_ns,
                                                         .order = s->order,
                                                         .event = s->event,
                                                         .mate = UINT32_MAX,
                                                         .sum = sum};
}

static void add_moments(struct merge *g, uint32_t i)
{
    const struct chart_event *v = &g->c->events[i];
    struct moments *own = v->e.end < LA_CHART_MIDDLE ? &g->end[v->e.end] : NULL;

    if (g->rows->runs.sum_of[i] != 0)
        add_sum(g, g->rows->runs.sum_of[i]);
    if (own == NULL || g->rows->runs.hidden[i])
        return;
    switch (v->e.kind) {
    case LA_CHART_PACKET:
        if (v->e.sent_known)
            add_moment(own, v, i, false);
        if (arrives(&v->e))
            add_moment(&g->end[chart_other(v->e.end)], v, i, true);
        break;
    case LA_CHART_TIMER:
        if (is_shown_when_set(&v->e))
            add_moment(own, v, i, false);
        if (v->e.ran_out)
            add_moment(own, v, i, true);
        break;
    default:
        add_moment(own, v, i, false);
        break;
    }
}

static bool same_conn(const struct la_chart *c, const struct moment *a, const struct moment *b)
{
    const struct la_chart_event *x = event_at(c, a->event), *y = event_at(c, b->event);
    uint32_t p = x->kind == LA_CHART_PACKET && a->over ? x->conn_there : x->conn;
    uint32_t q = y->kind == LA_CHART_PACKET && b->over ? y->conn_there : y->conn;

    return p == q;
}

static bool is_packet(const struct la_chart *c, const struct moment *m)
{
    return m->sum == 0 && event_at(c, m->event)->kind == LA_CHART_PACKET;
}

/* A change of state is shown by a packet of the same moment, else by the call, timer or event
 * before it; else it has a row of its own. */
static void place_state(const struct la_chart *c, struct moments *list, size_t i)
{
    struct moment *s = &list->m[i];
    const size_t begin = i > NEAR_MAX ? i - NEAR_MAX : 0;
    const size_t end = list->n - i > NEAR_MAX ? i + NEAR_MAX : list->n;

    for (size_t k = i + 1; k < end && list->m[k].time_ns - s->time_ns < SAME_MOMENT_NS; k++) {
        const struct moment *m = &list->m[k];

        if (is_packet(c, m) && same_conn(c, m, s) && m->stated && m->state == s->state)
            s->hidden = true;
        else if (event_at(c, m->event)->kind == LA_CHART_STATE && same_conn(c, m, s))
            break;
    }
    for (size_t k = i; k > begin && s->time_ns - list->m[k - 1].time_ns < SAME_MOMENT_NS; k--) {
        struct moment *m = &list->m[k - 1];

        if (s->hidden || !same_conn(c, m, s))
            continue;
        if (is_packet(c, m) && m->stated && m->state == s->state) {
            s->hidden = true;
        } else if (!is_packet(c, m) && m->sum == 0 &&
                   event_at(c, m->event)->kind != LA_CHART_NOTE &&
                   event_at(c, m->event)->kind != LA_CHART_STATE) {
            s->hidden = m->stated = true;
            m->state = s->state;
        }
    }
}

/* The wait is told with the change of state; it reads better behind the ACK that begins it. */
static void place_waits(const struct la_chart *c, struct moments *list)
{
    for (size_t i = list->n; i > 1; i--) {
        struct moment *m = &list->m[i - 2];

        if (event_at(c, m->event)->kind != LA_CHART_TIMER || m->over)
            continue;
        for (size_t k = i - 1; k < list->n && k < i + NEAR_MAX; k++) {
            struct moment wait = list->m[k - 1];

            if (list->m[k].time_ns != wait.time_ns || !same_conn(c, &list->m[k], &wait))
                break;
            list->m[k - 1] = list->m[k];
            list->m[k] = wait;
        }
    }
}

static bool make_moments(struct merge *g)
{
    const struct la_chart *c = g->c;
    uint32_t *departure = malloc((c->events_n + 1) * sizeof(*departure));

    for (int end = 0; end < 2; end++)
        g->end[end].m = malloc((3 * c->events_n + 1) * sizeof(*g->end[end].m));
    if (departure == NULL || g->end[0].m == NULL || g->end[1].m == NULL) {
        free(departure);
        return false;
    }
    for (uint32_t i = 0; i < c->events_n; i++) {
        departure[i] = UINT32_MAX;
        add_moments(g, i);
    }
    for (int end = 0; end < 2; end++) {
        struct moments *list = &g->end[end];

        qsort(list->m, list->n, sizeof(*list->m), by_time);
        place_waits(c, list);
        for (uint32_t k = 0; k < list->n; k++) {
            if (is_packet(c, &list->m[k]) && !list->m[k].over)
                departure[list->m[k].event] = k;
        }
    }
    for (int end = 0; end < 2; end++) {
        struct moments *list = &g->end[end], *other = &g->end[1 - end];

        for (uint32_t k = 0; k < list->n; k++) {
            struct moment *m = &list->m[k];

            if (event_at(c, m->event)->kind == LA_CHART_STATE)
                place_state(c, list, k);
            if (!is_packet(c, m) || !m->over || departure[m->event] == UINT32_MAX)
                continue;
            m->mate = departure[m->event];
            other->m[m->mate].mate = k;
        }
    }
    free(departure);
    return true;
}

/* ---- rows ---- */

static struct chart_row *new_row(struct merge *g, enum chart_row_kind kind, uint32_t event)
{
    struct chart_rows *rows = g->rows;

    if (!store_grow((void **)&rows->rows, rows->n, &rows->cap, sizeof(*rows->rows))) {
        g->no_memory = true;
        return NULL;
    }
    rows->rows[rows->n] = (struct chart_row){.kind = kind, .event = event, .track = -1};
    return &rows->rows[rows->n++];
}

static void show_moment(struct chart_row *row, int end, const struct moment *m)
{
    row->timed[end] = true;
    row->time_ns[end] = m->time_ns;
    row->stated[end] = m->stated;
    row->state[end] = m->state;
}

/* Notes in the middle that come before a row which begins at this time, or before this note. */
static void notes_before(struct merge *g, uint64_t time_ns, uint32_t number)
{
    for (; g->note < g->c->events_n; g->note++) {
        const struct la_chart_event *e = event_at(g->c, (uint32_t)g->note);
        struct chart_row *row;

        if (e->kind != LA_CHART_NOTE || e->end != LA_CHART_MIDDLE)
            continue;
        if (e->time_ns >= time_ns || e->number > number)
            return;
        row = new_row(g, ROW_NOTE, (uint32_t)g->note);
        if (row == NULL)
            return;
        row->end = LA_CHART_MIDDLE;
        g->notes++;
    }
}

/* In the middle, those whose turn it is: one at an end may have to come first. */
static void due_notes(struct merge *g, uint64_t time_ns)
{
    size_t before;

    do {
        before = g->notes;
        notes_before(g, time_ns, g->notes + 1);
    } while (g->notes != before);
}

static struct moment *head(struct merge *g, int end)
{
    struct moments *list = &g->end[end];

    while (list->at < list->n && list->m[list->at].hidden)
        list->at++;
    return list->at < list->n ? &list->m[list->at] : NULL;
}

static void one_end_row(struct merge *g, int end)
{
    struct moment *m = &g->end[end].m[g->end[end].at++];
    const struct la_chart_event *e = event_at(g->c, m->event);
    enum chart_row_kind kind = ROW_POINT;
    struct chart_row *row;

    if (e->kind == LA_CHART_NOTE)
        kind = ROW_NOTE;
    else if (e->kind == LA_CHART_PACKET && m->mate == UINT32_MAX)
        kind = ROW_ARROW;
    else if (e->kind == LA_CHART_PACKET)
        kind = m->over ? ROW_ARRIVE : ROW_DEPART;
    if (kind == ROW_NOTE) {
        notes_before(g, CHART_NEVER, e->number);
        g->notes++;
    } else {
        due_notes(g, m->time_ns);
    }
    row = new_row(g, kind, m->event);
    if (row == NULL)
        return;
    row->end = (uint8_t)(kind == ROW_ARROW ? (int)e->end : end);
    row->is_set = e->kind == LA_CHART_TIMER && !m->over;
    if (kind != ROW_NOTE)
        show_moment(row, end, m);
    if (kind == ROW_DEPART)
        g->row_of[m->event] = (uint32_t)(g->rows->n - 1);
    if (kind == ROW_ARRIVE) {
        row->partner = g->row_of[m->event];
        g->rows->rows[row->partner].partner = (uint32_t)(g->rows->n - 1);
    }
}

static void arrow_row(struct merge *g, int from)
{
    struct moments *own = &g->end[from], *other = &g->end[1 - from];
    struct moment *m = &own->m[own->at++], *mate = &other->m[other->at++];
    struct chart_row *row;

    due_notes(g, m->time_ns);
    row = new_row(g, ROW_ARROW, m->event);
    if (row == NULL)
        return;
    row->end = (uint8_t)from;
    show_moment(row, from, m);
    show_moment(row, 1 - from, mate);
}

/* Many packets, at both ends. */
static void run_row(struct merge *g, uint32_t sum)
{
    const struct chart_sum *s = &g->rows->runs.sums[sum - 1];
    struct chart_row *row;

    for (int end = 0; end < 2; end++) {
        const struct moment *m = head(g, end);

        if (m != NULL && m->sum == sum)
            g->end[end].at++;
    }
    due_notes(g, s->first_ns);
    row = new_row(g, ROW_RUN, s->event);
    if (row == NULL)
        return;
    row->sum = sum - 1;
    row->time_ns[0] = row->time_ns[1] = s->first_ns;
}

/* The note of the other end that comes next; 0: none. */
static uint32_t next_note(struct merge *g, int end)
{
    struct moments *list = &g->end[end];

    if (list->note < list->at)
        list->note = list->at;
    for (; list->note < list->n; list->note++) {
        const struct moment *m = &list->m[list->note];

        if (m->sum == 0 && event_at(g->c, m->event)->kind == LA_CHART_NOTE)
            return event_at(g->c, m->event)->number;
    }
    return 0;
}

/* A note at this end before which one of the other has to stand. */
static bool is_early_note(struct merge *g, int end, const struct moment *m)
{
    const struct la_chart_event *e = event_at(g->c, m->event);
    uint32_t other;

    if (m->sum != 0 || e->kind != LA_CHART_NOTE)
        return false;
    other = next_note(g, 1 - end);
    return other != 0 && other < e->number;
}

static bool is_departure(const struct merge *g, const struct moment *m)
{
    return is_packet(g->c, m) && !m->over && m->mate != UINT32_MAX;
}

/* Can the packet whose departure is at the head of `end` become one row, when what stands before
 * its arrival is drawn first? */
static bool worth_waiting(struct merge *g, int end)
{
    const struct moments *own = &g->end[end], *other = &g->end[1 - end];
    const uint32_t mate = own->m[own->at].mate;
    unsigned departures = 0;

    if (mate < other->at || mate - other->at > BEFORE_MAX)
        return false;
    for (size_t k = other->at; k < mate; k++) {
        const struct moment *m = &other->m[k];

        if (m->hidden)
            continue;
        if (m->sum != 0 || is_early_note(g, 1 - end, m))
            return false;
        /* It has left already, or it will only leave after this packet. */
        if (is_packet(g->c, m) && m->over && m->mate != UINT32_MAX && m->mate >= own->at)
            return false;
        if (is_departure(g, m) && ++departures > DEPARTURES_BEFORE_MAX)
            return false;
    }
    return true;
}

/* One head is a sum. Is the other an arrival whose departure stands behind it? */
static bool waits_for_sum(struct merge *g, const struct moment *l, const struct moment *r)
{
    const struct moment *m = l->sum != 0 ? r : l;

    return m->over && m->mate != UINT32_MAX && m->mate >= g->end[l->sum != 0 ? 0 : 1].at;
}

static void next_row(struct merge *g)
{
    const struct moment *l = head(g, 0), *r = head(g, 1);
    int first;

    if (l == NULL || r == NULL) {
        const struct moment *m = l == NULL ? r : l;

        if (m->sum != 0)
            run_row(g, m->sum);
        else
            one_end_row(g, l == NULL);
        return;
    }
    if (l->sum != 0 || r->sum != 0) {
        if (l->sum == r->sum || (l->sum != 0 && r->sum != 0) || waits_for_sum(g, l, r))
            run_row(g, l->sum != 0 ? l->sum : r->sum);
        else
            one_end_row(g, l->sum != 0);
        return;
    }
    for (int end = 0; end < 2; end++) {
        const struct moment *m = end == 0 ? l : r;

        if (is_departure(g, m) && m->mate == g->end[1 - end].at) {
            arrow_row(g, end);
            return;
        }
    }
    first = by_time(r, l) < 0;
    if (is_early_note(g, first, first == 0 ? l : r)) {
        first = 1 - first;
    } else if (!is_early_note(g, 1 - first, first == 0 ? r : l) &&
               is_departure(g, first == 0 ? l : r) && worth_waiting(g, first)) {
        one_end_row(g, 1 - first);
        return;
    }
    /* An arrival waits for its departure. */
    for (int tries = 0; tries < 2; tries++, first = 1 - first) {
        const struct moment *m = first == 0 ? l : r;

        if (!m->over || m->mate == UINT32_MAX || m->mate < g->end[1 - first].at)
            break;
    }
    one_end_row(g, first);
}

/* ---- tracks ---- */

/* Right-going packets that left earlier stand farther right, left-going ones farther left: so those
 * that keep their order do not cross. */
static int choose_track(const int8_t *taken, unsigned tracks, bool right)
{
    int best = -1, any = -1;

    for (unsigned k = 0; k < tracks; k++) {
        unsigned t = right ? k : tracks - 1 - k; /* towards where the earlier ones stand */

        if (taken[t] == (right ? 1 : 2))
            break;
        if (taken[t] == 0)
            best = (int)t;
    }
    for (unsigned t = 0; t < tracks && best < 0; t++) {
        if (taken[t] == 0)
            any = (int)t;
    }
    return best >= 0 ? best : any;
}

static unsigned give_tracks(struct chart_rows *rows, const struct la_chart *c, unsigned tracks)
{
    int8_t taken[CHART_TRACKS_MAX] = {0};
    bool used[CHART_TRACKS_MAX] = {false};
    unsigned n = 0;

    for (size_t i = 0; i < rows->n; i++) {
        struct chart_row *row = &rows->rows[i];
        const bool right = event_at(c, row->event)->end == LA_CHART_LEFT;

        if (row->kind == ROW_DEPART) {
            row->track = (int16_t)choose_track(taken, tracks, right);
            if (row->track >= 0) {
                taken[row->track] = right ? 1 : 2;
                used[row->track] = true;
            }
        } else if (row->kind == ROW_ARRIVE) {
            row->track = rows->rows[row->partner].track;
            if (row->track >= 0)
                taken[row->track] = 0;
        }
    }
    for (unsigned t = 0; t < tracks; t++)
        n += used[t];
    return n;
}

/* As few columns as serve: the least number with which no packet goes without, if there is one. */
static void make_tracks(struct chart_rows *rows, const struct la_chart *c, unsigned most)
{
    unsigned open = 0, deepest = 0;

    for (size_t i = 0; i < rows->n; i++) {
        if (rows->rows[i].kind == ROW_DEPART && ++open > deepest)
            deepest = open;
        else if (rows->rows[i].kind == ROW_ARRIVE)
            open--;
    }
    if (most > CHART_TRACKS_MAX)
        most = CHART_TRACKS_MAX;
    rows->tracks = deepest < most ? deepest : most;
    give_tracks(rows, c, rows->tracks);
}

bool chart_rows_make(struct chart_rows *rows, const struct la_chart *c,
                     const struct la_chart_form *form, unsigned tracks_max)
{
    struct merge g = {.c = c, .rows = rows};
    bool ok;

    *rows = (struct chart_rows){0};
    g.row_of = calloc(c->events_n + 1, sizeof(*g.row_of));
    ok = g.row_of != NULL && chart_runs_make(&rows->runs, c, form->run_max) && make_moments(&g);
    while (ok && !g.no_memory && (head(&g, 0) != NULL || head(&g, 1) != NULL))
        next_row(&g);
    if (ok)
        notes_before(&g, CHART_NEVER, UINT32_MAX);
    if (ok)
        make_tracks(rows, c, tracks_max);
    free(g.end[0].m);
    free(g.end[1].m);
    free(g.row_of);
    return ok && !g.no_memory;
}

void chart_rows_free(struct chart_rows *rows)
{
    free(rows->rows);
    chart_runs_free(&rows->runs);
}
