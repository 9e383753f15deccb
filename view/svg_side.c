/* One end of an SVG chart.
 *
 * A connection's states are a band, one colour a state; CLOSED is no band but the bare line. Where
 * an end has several connections at a time up to three bands stand side by side. A listener's band
 * ends where the first connection begins. A timer is a bar from where it was set to where it ran
 * out or was stopped. */
#include "svg_side.h"

#include <stdlib.h>
#include <string.h>

#include "chart_words.h"
#include "font.h"

enum { BANDS_MAX = 3, TIMERS_MAX = 3, CONNS_MAX = 64 };

#define BAND_WIDTH  13.0
#define BAND_GAP    3.0
#define TIMER_WIDTH 4.0
#define TIMER_STEP  7.0
#define POINT_WIDTH 172.0
#define COLUMN_GAP  10.0

static struct svg_moment *moment_at(const struct svg_side *s, size_t i)
{
    return &s->axis->moments[s->axis->first[s->end] + i];
}

static size_t moments_n(const struct svg_side *s)
{
    return s->axis->first[s->end + 1] - s->axis->first[s->end];
}

static const struct chart_row *row_at(const struct svg_side *s, size_t i)
{
    return &s->rows->rows[moment_at(s, i)->row];
}

static const struct la_chart_event *event_at(const struct svg_side *s, size_t i)
{
    return &s->c->events[row_at(s, i)->event].e;
}

/* The connection that a moment is about, at this end. */
static uint32_t conn_at(const struct svg_side *s, size_t i)
{
    const struct la_chart_event *e = event_at(s, i);

    return e->kind == LA_CHART_PACKET && e->end != s->end ? e->conn_there : e->conn;
}

/* ---- bands ---- */

struct band {
    bool used;
    uint32_t conn;
    uint8_t state;
    double since;
};

struct bands {
    struct band track[BANDS_MAX];
    bool conn_seen; /* one that is no listener */
    unsigned used;  /* tracks that have ever been */
    bool put;
};

static double band_x(const struct svg_side *s, unsigned track)
{
    return s->life + s->way * track * (BAND_WIDTH + BAND_GAP);
}

static void band_ends(struct svg_side *s, struct bands *b, struct band *band, double y)
{
    const unsigned track = (unsigned)(band - b->track);
    const double x = band_x(s, track), far = x + s->way * BAND_WIDTH;
    struct svg_shape shape = {.kind = SHAPE_BAND,
                              .x = svg_smaller(x, far),
                              .x2 = svg_larger(x, far),
                              .y = band->since,
                              .y2 = y,
                              .state = band->state};

    if (b->put && band->used && band->state != LA_TCP_CLOSED && y > band->since)
        svg_layout_shape(s->l, &shape);
}

/* The band of a connection that comes into this state, if there is or can be one. */
static struct band *band_of(struct svg_side *s, struct bands *b, uint32_t conn, uint8_t state,
                            double y)
{
    struct band *free_one = NULL;

    for (unsigned i = 0; i < BANDS_MAX; i++) {
        struct band *band = &b->track[i];

        if (band->used && band->conn == conn)
            return band;
        /* The listener gives way to its first connection. */
        if (band->used && band->conn == 0 && conn != 0) {
            band_ends(s, b, band, y);
            band->used = false;
        }
        if (!band->used && free_one == NULL)
            free_one = band;
    }
    if (state == LA_TCP_CLOSED)
        return NULL; /* nothing begins */
    if (free_one != NULL)
        *free_one = (struct band){.used = true, .conn = conn, .state = LA_TCP_CLOSED, .since = y};
    if (free_one != NULL && free_one - b->track >= b->used)
        b->used = (unsigned)(free_one - b->track) + 1;
    return free_one;
}

static void walk_bands(struct svg_side *s, struct bands *b)
{
    for (size_t i = 0; i < moments_n(s); i++) {
        const struct chart_row *row = row_at(s, i);
        const uint32_t conn = conn_at(s, i);
        const double y = moment_at(s, i)->y;
        const uint8_t state = row->state[s->end];
        struct band *band;

        if (!row->stated[s->end] || (conn == 0 && (b->conn_seen || state == LA_TCP_CLOSED)))
            continue;
        b->conn_seen = b->conn_seen || conn != 0;
        band = band_of(s, b, conn, state, y);
        if (band == NULL || band->state == state)
            continue;
        band_ends(s, b, band, y);
        band->state = state;
        band->since = y;
        if (state == LA_TCP_CLOSED)
            band->used = false;
    }
    for (unsigned i = 0; i < BANDS_MAX; i++)
        band_ends(s, b, &b->track[i], s->axis->bottom);
}

/* ---- texts ---- */

struct last_states {
    struct {
        uint32_t conn;
        uint8_t state;
    } of[CONNS_MAX];
    size_t n, at;
};

/* Is this another state of this connection than the one before? */
static bool is_news(struct last_states *last, uint32_t conn, uint8_t state)
{
    for (size_t i = 0; i < last->n; i++) {
        if (last->of[i].conn != conn)
            continue;
        if (last->of[i].state == state)
            return false;
        last->of[i].state = state;
        return true;
    }
    last->of[last->at].conn = conn;
    last->of[last->at].state = state;
    last->at = (last->at + 1) % CONNS_MAX;
    if (last->n < CONNS_MAX)
        last->n++;
    return true;
}

static void make_point(struct svg_side *s, struct side_item *item, const struct chart_row *row,
                       const struct la_chart_event *e)
{
    char text[CHART_WORDS_MAX];

    item->call = e->kind == LA_CHART_CALL;
    chart_words_point(e, row->is_set, s->c->info.lang, text, sizeof(text));
    item->lines_n =
        (unsigned)svg_wrap(s->l, text, POINT_WIDTH - 14, item->call ? SVG_CALL : SVG_POINT,
                           item->lines, SIDE_POINT_LINES);
}

static double point_line(const struct side_item *item)
{
    return svg_font_size(item->call ? SVG_CALL : SVG_POINT) * 1.25;
}

static void make_room(struct svg_moment *m, const struct side_item *item)
{
    const double line = point_line(item);

    if (item->time[0] != '\0')
        m->above[COLUMN_TIME] = m->below[COLUMN_TIME] = 7;
    if (item->state[0] != '\0')
        m->above[COLUMN_STATE] = m->below[COLUMN_STATE] = 7.5;
    if (item->number[0] != '\0')
        m->above[COLUMN_MARK] = m->below[COLUMN_MARK] = 12;
    /* A call is tied to its end by a line, which must not run through a state's name. */
    if (item->call && item->state[0] == '\0')
        m->above[COLUMN_STATE] = m->below[COLUMN_STATE] = 5;
    if (item->lines_n > 0) {
        m->above[COLUMN_POINT] = 11;
        m->below[COLUMN_POINT] = 11 + (item->lines_n - 1) * line;
    }
}

static void make_item(struct svg_side *s, size_t i, struct last_states *last, char *last_time)
{
    const struct chart_row *row = row_at(s, i);
    const struct la_chart_event *e = event_at(s, i);
    struct side_item *item = &s->items[i];
    char text[40] = "";

    *item = (struct side_item){.time = "", .state = "", .number = ""};
    if (row->kind == ROW_NOTE) {
        snprintf(text, sizeof(text), "%u", e->number);
        item->number = svg_layout_keep(s->l, text, strlen(text));
        return;
    }
    chart_words_time(&s->c->info, moment_at(s, i)->time_ns, s->decimals, text, sizeof(text));
    if (strcmp(text, last_time) != 0)
        item->time = svg_layout_keep(s->l, text, strlen(text));
    memcpy(last_time, text, strlen(text) + 1);
    if (row->stated[s->end] && is_news(last, conn_at(s, i), row->state[s->end]))
        item->state = la_tcp_state_name(row->state[s->end]);
    if (row->kind == ROW_POINT)
        make_point(s, item, row, e);
}

static double widest(double so_far, const char *text, enum svg_font font)
{
    return svg_larger(so_far, font_width(text, svg_font_size(font), svg_font_bold(font)));
}

/* At the left how long a break is stands among the times. */
static double break_width(const struct svg_side *s)
{
    char text[LA_NUMBER_TEXT_MAX];

    la_duration_format(s->c->info.end_ns - s->c->info.begin_ns, text);
    return widest(widest(0, "999.999 s", SVG_TIME), text, SVG_TIME) + 2;
}

static void make_items(struct svg_side *s)
{
    struct last_states last = {.n = 0};
    char last_time[40] = "";

    s->time_width = s->end == LA_CHART_LEFT ? break_width(s) : 0;
    for (size_t i = 0; i < moments_n(s); i++) {
        struct side_item *item = &s->items[i];

        make_item(s, i, &last, last_time);
        make_room(moment_at(s, i), item);
        s->time_width = widest(s->time_width, item->time, SVG_TIME);
        s->state_width = widest(s->state_width, item->state, SVG_STATE);
        for (unsigned k = 0; k < item->lines_n; k++)
            s->point_width = svg_larger(
                s->point_width, widest(0, item->lines[k], item->call ? SVG_CALL : SVG_POINT) + 14);
    }
}

/* ---- timers ---- */

/* Only what takes time; the first track that is free. */
static void make_timers(struct svg_side *s)
{
    uint64_t busy[TIMERS_MAX] = {0};
    bool any[TIMERS_MAX] = {false};

    for (uint32_t i = 0; i < s->c->events_n; i++) {
        const struct la_chart_event *e = &s->c->events[i].e;

        if (e->kind != LA_CHART_TIMER || e->end != s->end || s->rows->runs.hidden[i] ||
            e->over_ns <= e->time_ns)
            continue;
        for (unsigned track = 0; track < TIMERS_MAX; track++) {
            if (any[track] && busy[track] > e->time_ns)
                continue;
            s->timers[s->timers_n++] = (struct side_timer){.event = i, .track = track};
            any[track] = true;
            busy[track] = e->over_ns;
            if (track + 1 > s->timer_tracks)
                s->timer_tracks = track + 1;
            break;
        }
    }
}

bool svg_side_make(struct svg_side *s)
{
    struct bands b = {.put = false};

    s->items = calloc(moments_n(s) + 1, sizeof(*s->items));
    s->timers = calloc(s->c->events_n + 1, sizeof(*s->timers));
    if (s->items == NULL || s->timers == NULL)
        return false;
    make_items(s);
    make_timers(s);
    walk_bands(s, &b);
    s->band_tracks = b.used > 0 ? b.used : 1;
    /* Names stand above, and want some room even when nothing happens here. */
    s->width = s->band_tracks * (BAND_WIDTH + BAND_GAP) + s->timer_tracks * TIMER_STEP +
               s->state_width + s->point_width + s->time_width + 4 * COLUMN_GAP;
    s->width = svg_larger(s->width, 160);
    return true;
}

void svg_side_stand(struct svg_side *s, double life, double way)
{
    s->way = way;
    s->life = life;
    s->timers_x = life + way * s->band_tracks * (BAND_WIDTH + BAND_GAP);
    s->state_x = s->timers_x + way * (s->timer_tracks * TIMER_STEP + COLUMN_GAP / 2);
    s->point_x = s->state_x + way * (s->state_width + COLUMN_GAP);
    s->time_x = s->point_x + way * (s->point_width > 0 ? s->point_width + COLUMN_GAP : 0);
    s->outer = life + way * s->width;
}

/* ---- drawing ---- */

/* The height of a timer's row, if it has one; else of the time. */
static double timer_y(const struct svg_side *s, uint32_t event, bool set, uint64_t time_ns)
{
    size_t low = 0, high = moments_n(s);

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (moment_at(s, middle)->time_ns < time_ns)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < moments_n(s) && moment_at(s, low)->time_ns == time_ns; low++) {
        const struct chart_row *row = row_at(s, low);

        if (row->kind == ROW_POINT && row->event == event && row->is_set == set)
            return moment_at(s, low)->y;
    }
    return svg_axis_at(s->axis, time_ns);
}

static void put_timer(struct svg_side *s, const struct side_timer *timer)
{
    const struct la_chart_event *e = &s->c->events[timer->event].e;
    const double x = s->timers_x + s->way * (timer->track * TIMER_STEP + 1);
    const double far = x + s->way * TIMER_WIDTH;
    struct svg_shape shape = {
        .kind = SHAPE_TIMER,
        .x = svg_smaller(x, far),
        .x2 = svg_larger(x, far),
        .y = timer_y(s, timer->event, true, e->time_ns),
        .y2 = timer_y(s, timer->event, false, e->over_ns),
        .ran_out = e->ran_out,
        .title = e->text,
    };

    if (shape.y2 > shape.y)
        svg_layout_shape(s->l, &shape);
}

static void put_point(struct svg_side *s, const struct side_item *item, double y)
{
    const enum svg_font font = item->call ? SVG_CALL : SVG_POINT;
    const double line = point_line(item), inset = item->call ? 7 : 0;
    double width = 0;

    for (unsigned i = 0; i < item->lines_n; i++) {
        svg_put(s->l, font, item->call ? TONE_PLAIN : TONE_QUIET,
                s->way < 0 ? ANCHOR_END : ANCHOR_START, s->point_x + s->way * inset,
                y + 4 + i * line, item->lines[i]);
        width = widest(width, item->lines[i], font);
    }
    if (item->call) {
        const double far = s->point_x + s->way * (width + 2 * inset);
        struct svg_shape chip = {.kind = SHAPE_CHIP,
                                 .x = svg_smaller(s->point_x, far),
                                 .x2 = svg_larger(s->point_x, far),
                                 .y = y - 9,
                                 .y2 = y + 9 + (item->lines_n - 1) * line};
        struct svg_shape tick = {
            .kind = SHAPE_TICK, .x = s->point_x, .x2 = s->life, .y = y, .y2 = y};

        /* The tick goes from the call to its end, unless a state's name stands there. */
        tick.x2 = item->state[0] == '\0' ? s->timers_x : s->point_x - s->way * 5;
        svg_layout_shape(s->l, &tick);
        svg_layout_shape(s->l, &chip);
    }
}

static void put_item(struct svg_side *s, size_t i)
{
    const struct side_item *item = &s->items[i];
    const double y = moment_at(s, i)->y;
    const enum svg_anchor inner = s->way < 0 ? ANCHOR_END : ANCHOR_START;

    svg_put(s->l, SVG_TIME, TONE_QUIET, inner, s->time_x, y + 3.5, item->time);
    svg_put(s->l, SVG_STATE, TONE_PLAIN, inner, s->state_x, y + 3.5, item->state);
    if (item->lines_n > 0)
        put_point(s, item, y);
    if (item->number[0] != '\0') {
        const double x = s->life + s->way * BAND_WIDTH / 2;
        struct svg_shape circle = {.kind = SHAPE_CIRCLE, .x = x, .y = y};

        svg_layout_shape(s->l, &circle);
        svg_put(s->l, SVG_NUMBER, TONE_PLAIN, ANCHOR_MIDDLE, x, y + 4, item->number);
    }
}

void svg_side_put(struct svg_side *s)
{
    struct bands b = {.put = true};
    struct svg_shape life = {.kind = SHAPE_LIFE,
                             .x = s->life,
                             .x2 = s->life,
                             .y = s->axis->top - 14,
                             .y2 = s->axis->bottom};

    svg_layout_shape(s->l, &life);
    walk_bands(s, &b);
    for (size_t i = 0; i < s->timers_n; i++)
        put_timer(s, &s->timers[i]);
    for (size_t i = 0; i < moments_n(s); i++)
        put_item(s, i);
}

void svg_side_break(struct svg_side *s, double y)
{
    const double inner = s->life - s->way * 14;
    const double outer = s->timers_x + s->way * (s->timer_tracks * TIMER_STEP + 4);
    struct svg_shape shape = {.kind = SHAPE_BREAK,
                              .x = svg_smaller(inner, outer),
                              .x2 = svg_larger(inner, outer),
                              .y = y,
                              .y2 = y};

    svg_layout_shape(s->l, &shape);
}

void svg_side_free(struct svg_side *s)
{
    free(s->items);
    free(s->timers);
}
