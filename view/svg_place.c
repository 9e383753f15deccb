/* What stands on the page.
 *
 * From the outside to the middle either end has columns: times, what happens there (calls, timers,
 * events), states, timers as bars, and the bands of the states, whose inner edge is the line that
 * arrows leave and reach. Each column keeps its own texts apart, because the axis gives every
 * moment the room that its texts need; columns do not touch one another. The lane between the ends
 * is svg_lane.c's. Notes have a column of their own at the right, each below the one before it. */
#include <stdlib.h>
#include <string.h>

#include "chart_words.h"
#include "font.h"
#include "svg_lane.h"
#include "svg_side.h"

#define MARGIN     24.0
#define LANE_WIDTH 660.0
#define LANE_WIDER 840.0 /* where many packets fly at once: less steep */
#define NOTE_WIDTH 270.0
#define NOTE_WIDER 430.0 /* where there is more to say than to draw */
#define NOTE_AT    30.0  /* of its text, from its number */
#define HEAD_GAP   30.0
#define USUAL_DROP 58.0 /* pixels that a usual packet falls */

enum { PASSES = 14 };

static const struct {
    double size;
    bool bold;
} fonts[SVG_FONTS] = {
    [SVG_TITLE] = {20, true},   [SVG_SUBTITLE] = {13, false},   [SVG_NAME] = {15, true},
    [SVG_DETAIL] = {11, false}, [SVG_WRONG] = {11, true},       [SVG_TIME] = {10, false},
    [SVG_CALL] = {11, true},    [SVG_POINT] = {11, false},      [SVG_STATE] = {10, true},
    [SVG_LABEL] = {11, false},  [SVG_LABEL_SMALL] = {9, false}, [SVG_WHY] = {10, false},
    [SVG_NOTE] = {12, false},   [SVG_NUMBER] = {11, true},      [SVG_SUM] = {11.5, false},
};

double svg_font_size(enum svg_font font)
{
    return fonts[font].size;
}

bool svg_font_bold(enum svg_font font)
{
    return fonts[font].bold;
}

/* ---- the lists of the layout ---- */

void svg_layout_text(struct svg_layout *l, const struct svg_text *t)
{
    if (t->text[0] == '\0')
        return;
    if (store_grow((void **)&l->texts, l->texts_n, &l->texts_cap, sizeof(*l->texts)))
        l->texts[l->texts_n++] = *t;
    else
        l->no_memory = true;
}

void svg_layout_shape(struct svg_layout *l, const struct svg_shape *s)
{
    if (store_grow((void **)&l->shapes, l->shapes_n, &l->shapes_cap, sizeof(*l->shapes)))
        l->shapes[l->shapes_n++] = *s;
    else
        l->no_memory = true;
}

const char *svg_layout_keep(struct svg_layout *l, const char *text, size_t n)
{
    char *copy = store_get(&l->store, n + 1);

    if (copy == NULL) {
        l->no_memory = true;
        return "";
    }
    memcpy(copy, text, n);
    return copy;
}

void svg_layout_free(struct svg_layout *l)
{
    store_free(&l->store);
    free(l->texts);
    free(l->shapes);
}

size_t svg_wrap(struct svg_layout *l, const char *text, double width, enum svg_font font,
                const char **lines, size_t most)
{
    const double size = svg_font_size(font);
    const bool bold = svg_font_bold(font);
    size_t n = 0;

    while (*text != '\0' && n < most) {
        size_t take = font_wrap(text, width, size, bold);
        char cut[600];

        if (n + 1 == most && text[take] != '\0') {
            /* The rest finds no room: the last line says so. */
            take = font_wrap(text, width - font_width("…", size, bold), size, bold);
            snprintf(cut, sizeof(cut), "%.*s…", (int)(take < 590 ? take : 590), text);
            lines[n++] = svg_layout_keep(l, cut, strlen(cut));
            break;
        }
        lines[n++] = svg_layout_keep(l, text, take);
        text += take;
        while (*text == ' ')
            text++;
    }
    return n;
}

void svg_put(struct svg_layout *l, enum svg_font font, enum svg_tone tone, enum svg_anchor anchor,
             double x, double y, const char *text)
{
    const double width = font_width(text, svg_font_size(font), svg_font_bold(font));
    struct svg_text t = {
        .x = anchor == ANCHOR_END      ? x - width
             : anchor == ANCHOR_MIDDLE ? x - width / 2
                                       : x,
        .y = y,
        .width = width,
        .font = font,
        .tone = tone,
        .anchor = anchor,
        .text = text,
    };

    svg_layout_text(l, &t);
}

/* ---- the page ---- */

struct page {
    struct svg_layout *l;
    const struct la_chart *c;
    const struct la_chart_form *form;
    struct chart_rows rows;
    struct svg_axis axis;
    struct svg_side side[2];
    struct svg_lane lane;
    size_t *moment_of[2]; /* by row and end: 1 + its moment; 0: none */
    unsigned decimals;
    struct chart_said said[2];
    uint32_t window[2]; /* that an end has shown */
    double notes_x, notes_width, lane_width;
    size_t notes;
};

static const struct la_chart_event *event_of(const struct page *p, const struct chart_row *row)
{
    return &p->c->events[row->event].e;
}

static struct svg_moment *new_moment(struct page *p, size_t row, enum la_chart_end end,
                                     uint64_t time_ns)
{
    struct svg_moment *m = &p->axis.moments[p->axis.n++];

    *m = (struct svg_moment){.row = (uint32_t)row, .end = (uint8_t)end, .time_ns = time_ns};
    return m;
}

static void end_moments(struct page *p, enum la_chart_end end)
{
    for (size_t i = 0; i < p->rows.n; i++) {
        const struct chart_row *row = &p->rows.rows[i];
        const bool note = row->kind == ROW_NOTE && row->end == end;

        if (row->kind == ROW_RUN || (!note && !row->timed[end]))
            continue;
        p->moment_of[end][i] = p->axis.n + 1;
        new_moment(p, i, end, note ? event_of(p, row)->time_ns : row->time_ns[end]);
        p->notes += note;
    }
}

static int by_moment_time(const void *a, const void *b)
{
    const struct svg_moment *x = a, *y = b;

    return chart_compare(x->time_ns, x->row, y->time_ns, y->row);
}

static void middle_moments(struct page *p)
{
    const size_t first = p->axis.n;

    for (size_t i = 0; i < p->rows.n; i++) {
        const struct chart_row *row = &p->rows.rows[i];

        if (row->kind == ROW_RUN)
            new_moment(p, i, LA_CHART_MIDDLE, p->rows.runs.sums[row->sum].sent_ns);
        else if (row->kind == ROW_NOTE && row->end == LA_CHART_MIDDLE)
            new_moment(p, i, LA_CHART_MIDDLE, event_of(p, row)->time_ns);
        p->notes += row->kind == ROW_NOTE && row->end == LA_CHART_MIDDLE;
    }
    if (p->axis.n > first)
        qsort(p->axis.moments + first, p->axis.n - first, sizeof(*p->axis.moments), by_moment_time);
}

static bool make_moments(struct page *p)
{
    const size_t most = 2 * p->rows.n + 1;

    p->axis.moments = calloc(most, sizeof(*p->axis.moments));
    p->axis.knots = calloc(most, sizeof(*p->axis.knots));
    p->moment_of[0] = calloc(p->rows.n + 1, sizeof(*p->moment_of[0]));
    p->moment_of[1] = calloc(p->rows.n + 1, sizeof(*p->moment_of[1]));
    if (p->axis.moments == NULL || p->axis.knots == NULL || p->moment_of[0] == NULL ||
        p->moment_of[1] == NULL)
        return false;
    for (int end = 0; end < 2; end++) {
        p->axis.first[end] = p->axis.n;
        end_moments(p, (enum la_chart_end)end);
    }
    p->axis.first[2] = p->axis.n;
    middle_moments(p);
    p->axis.first[3] = p->axis.n;
    return true;
}

/* ---- the scale ---- */

static int by_value(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* The median flight falls USUAL_DROP pixels; without flights, the median gap does. */
static bool choose_scale(struct page *p)
{
    uint64_t *values = malloc((p->axis.n + 1) * sizeof(*values)), median = 0;
    size_t n = 0;

    if (values == NULL)
        return false;
    for (size_t i = 0; i < p->rows.n; i++) {
        const struct chart_row *row = &p->rows.rows[i];
        const struct la_chart_event *e = event_of(p, row);

        if ((row->kind == ROW_ARROW || row->kind == ROW_DEPART) && e->sent_known &&
            e->fate == LA_CHART_ARRIVED && e->over_ns > e->time_ns)
            values[n++] = e->over_ns - e->time_ns;
    }
    for (size_t i = 1; i < p->axis.n && n == 0; i++) {
        const struct svg_moment *m = &p->axis.moments[i];

        if (m[0].end == m[-1].end && m[0].time_ns > m[-1].time_ns)
            values[n++] = m[0].time_ns - m[-1].time_ns;
    }
    if (n > 0) {
        qsort(values, n, sizeof(*values), by_value);
        median = values[n / 2];
    }
    free(values);
    p->axis.per_ns = median > 0 ? USUAL_DROP / (double)median : 0;
    p->axis.drop = USUAL_DROP;
    return true;
}

/* ---- the lane ---- */

static double label_width(const struct page *p, const char *text, size_t strong)
{
    const double size = svg_font_size(p->lane.font);

    return font_width_n(text, strong, size, true) + font_width(text + strong, size, false);
}

/* The options stand in the label if they fit there. */
static const char *add_options(struct page *p, const struct la_chart_event *e, const char *text,
                               size_t strong, double width)
{
    char options[200], all[CHART_WORDS_MAX + 200];

    chart_words_options(e, p->form->absolute, options, sizeof(options));
    snprintf(all, sizeof(all), "%s%s%s", text, options[0] != '\0' ? " " : "", options);
    if (label_width(p, all, strong) > width)
        return svg_layout_keep(p->l, text, strlen(text));
    return svg_layout_keep(p->l, all, strlen(all));
}

/* "PSH,ACK seq=1..1461 ack=1 len=1460 win=..." as long as it fits; `strong` counts the flags. */
static void make_label(struct page *p, struct svg_arrow *a, double width)
{
    const struct la_chart_event *e = &p->c->events[a->event].e;
    struct lane_segment s = chart_segment(e, p->form->absolute);
    char text[CHART_WORDS_MAX], flags[LA_NUMBER_TEXT_MAX];

    s.window_known = p->window[e->end] == s.window;
    p->window[e->end] = s.window;
    chart_words_label(e, text, sizeof(text));
    a->strong = a->short_strong = strlen(text);
    if (text[0] != '\0') {
        const char *line;

        svg_wrap(p->l, text, width, SVG_CALL, &line, 1);
        a->label = a->short_label = line;
        a->strong = a->short_strong = strlen(line);
        return;
    }
    la_flags_format(s.flags, flags);
    a->short_label = svg_layout_keep(p->l, flags, strlen(flags));
    a->strong = a->short_strong = strlen(flags);
    for (unsigned columns = 70; columns >= 24; columns -= 4) {
        struct lane_label label;
        const char *rest = label.text + strlen(flags);

        lane_label(&label, &s, columns);
        while (*rest == ' ')
            rest++;
        snprintf(text, sizeof(text), "%s %s", flags, rest);
        if (label_width(p, text, a->strong) <= width)
            break;
    }
    a->label = add_options(p, e, text, a->strong, width);
    a->options_shown = strlen(a->label) > strlen(text);
}

static void make_why(struct page *p, struct svg_arrow *a, double width)
{
    const struct la_chart_event *e = &p->c->events[a->event].e;
    char why[CHART_WORDS_MAX], options[200], text[2 * CHART_WORDS_MAX];

    chart_words_why(e, &p->c->info, false, why, sizeof(why));
    chart_words_options(e, p->form->absolute, options, sizeof(options));
    if (a->options_shown)
        options[0] = '\0';
    if (p->form->quiet)
        why[0] = '\0';
    if (chart_is_said(&p->said[e->end], e, why))
        why[0] = '\0';
    snprintf(text, sizeof(text), "%s%s%s%s%s", why, why[0] != '\0' && options[0] != '\0' ? " " : "",
             options[0] != '\0' ? "[" : "", options, options[0] != '\0' ? "]" : "");
    a->why_lines = (unsigned)svg_wrap(p->l, text, width, SVG_WHY, a->why, SVG_WHY_LINES);
}

static void make_arrow(struct page *p, const struct chart_row *row, size_t i)
{
    const double width = p->lane_width * SVG_HALF_LANE - SVG_LABEL_AT;
    struct svg_arrow *a = &p->lane.arrows[p->lane.arrows_n++];
    const struct la_chart_event *e = event_of(p, row);
    const int from = e->end == LA_CHART_LEFT ? 0 : 1;
    const size_t arrival = row->kind == ROW_DEPART ? row->partner : i;
    const size_t left = p->moment_of[from][i], reached = p->moment_of[1 - from][arrival];

    *a = (struct svg_arrow){
        .event = row->event,
        .from = left == 0 ? SIZE_MAX : left - 1,
        .to = reached == 0 ? SIZE_MAX : reached - 1,
        .stretch = 1,
    };
    make_label(p, a, width);
    make_why(p, a, width);
}

static void make_middle(struct page *p, size_t moment)
{
    const struct chart_row *row = &p->rows.rows[p->axis.moments[moment].row];
    struct svg_middle *m = &p->lane.middles[p->lane.middles_n++];
    char text[CHART_WORDS_MAX];

    *m = (struct svg_middle){.moment = moment};
    if (row->kind == ROW_NOTE) {
        snprintf(text, sizeof(text), "%u", event_of(p, row)->number);
        m->font = SVG_NUMBER;
        m->lines[0] = svg_layout_keep(p->l, text, strlen(text));
        m->lines_n = 1;
        return;
    }
    chart_words_sum(&p->rows.runs.sums[row->sum], &p->c->info, text, sizeof(text));
    m->font = SVG_SUM;
    m->lines_n = (unsigned)svg_wrap(p->l, text, p->lane_width - 60, SVG_SUM, m->lines, 3);
}

/* A packet that is drawn to the other end leaves here. */
static bool leaves(const struct page *p, const struct svg_moment *m)
{
    const struct chart_row *row = &p->rows.rows[m->row];

    return (row->kind == ROW_DEPART || (row->kind == ROW_ARROW && row->timed[1 - m->end])) &&
           event_of(p, row)->end == m->end;
}

/* A packet of `from` that left in a row arrives here. */
static bool reaches(const struct page *p, const struct svg_moment *m, int from)
{
    const struct chart_row *row = &p->rows.rows[m->row];

    return (row->kind == ROW_ARRIVE || (row->kind == ROW_ARROW && row->timed[from])) &&
           (int)event_of(p, row)->end == from;
}

/* How many packets of one end are on their way at once, at most. */
static unsigned most_in_flight(const struct page *p)
{
    unsigned most = 0;

    for (int end = 0; end < 2; end++) {
        unsigned flying = 0;

        for (size_t l = p->axis.first[end], r = p->axis.first[1 - end];
             l < p->axis.first[end + 1];) {
            const struct svg_moment *m = &p->axis.moments[l], *n = &p->axis.moments[r];
            const bool there = r < p->axis.first[2 - end];

            if (there && n->time_ns <= m->time_ns) {
                flying -= flying > 0 && reaches(p, n, end);
                r++;
            } else {
                flying += leaves(p, m);
                most = flying > most ? flying : most;
                l++;
            }
        }
    }
    return most;
}

static bool make_lane(struct page *p)
{
    const bool many = most_in_flight(p) >= SVG_MANY;
    struct svg_lane *lane = &p->lane;

    p->lane_width = many ? LANE_WIDER : LANE_WIDTH;
    lane->font = many ? SVG_LABEL_SMALL : SVG_LABEL;
    p->window[0] = p->window[1] = UINT32_MAX;

    lane->l = p->l;
    lane->c = p->c;
    lane->axis = &p->axis;
    lane->arrows = calloc(p->rows.n + 1, sizeof(*lane->arrows));
    lane->middles = calloc(p->axis.first[3] - p->axis.first[2] + 1, sizeof(*lane->middles));
    if (lane->arrows == NULL || lane->middles == NULL)
        return false;
    for (size_t i = 0; i < p->rows.n; i++) {
        const struct chart_row *row = &p->rows.rows[i];

        if (row->kind == ROW_ARROW || row->kind == ROW_DEPART)
            make_arrow(p, row, i);
    }
    for (size_t i = p->axis.first[2]; i < p->axis.first[3]; i++)
        make_middle(p, i);
    return true;
}

/* ---- room ---- */

static void lane_room(struct page *p)
{
    const bool dark = chart_is_dark(p->c, LA_CHART_LEFT) || chart_is_dark(p->c, LA_CHART_RIGHT);

    for (size_t i = 0; i < p->lane.arrows_n; i++) {
        const struct svg_arrow *a = &p->lane.arrows[i];
        const double above = svg_arrow_above(&p->lane, a) * a->stretch;
        const double below = svg_arrow_below(&p->lane, a) * a->stretch;

        for (int k = 0; k < 2; k++) {
            const size_t moment = k == 0 ? a->from : a->to;
            /* Level arrows must not run through each other's texts. */
            const enum svg_column column = k == 0 || dark ? COLUMN_LABEL : COLUMN_END;

            if (moment == SIZE_MAX)
                continue;
            p->axis.moments[moment].above[column] = above;
            p->axis.moments[moment].below[column] = below;
            p->axis.moments[moment].above[COLUMN_TIP] = 6;
            p->axis.moments[moment].below[COLUMN_TIP] = 6;
        }
        if (a->from != SIZE_MAX && a->to == SIZE_MAX) {
            p->axis.moments[a->from].above[COLUMN_LOST] = 1;
            p->axis.moments[a->from].below[COLUMN_LOST] = svg_larger(1, a->y2 - a->y1);
        }
    }
    for (size_t i = 0; i < p->lane.middles_n; i++) {
        const struct svg_middle *m = &p->lane.middles[i];
        struct svg_moment *moment = &p->axis.moments[m->moment];
        const bool circle = m->font == SVG_NUMBER;
        const double half = m->lines_n * svg_font_size(SVG_SUM) * 0.68 + 14;

        moment->above[circle ? COLUMN_MARK : COLUMN_LABEL] = circle ? 12 : half;
        moment->below[circle ? COLUMN_MARK : COLUMN_LABEL] = circle ? 12 : half;
    }
}

/* Until every text has found room, or long enough. */
static void settle(struct page *p)
{
    const int passes = p->lane.arrows_n > 3000 ? 2 : PASSES;

    for (int pass = 0; pass < passes; pass++) {
        lane_room(p);
        svg_axis_place(&p->axis);
        if (svg_lane_place(&p->lane, false) == 0 && pass > 1)
            break;
    }
    p->axis.bottom = svg_larger(p->axis.bottom, svg_lane_bottom(&p->lane) + 16);
}

/* ---- head, notes, foot ---- */

static double put_lines(struct page *p, enum svg_font font, enum svg_tone tone,
                        enum svg_anchor anchor, double x, double y, double width, const char *text,
                        size_t most)
{
    const char *lines[40];
    const double height = svg_font_size(font) * 1.36;
    size_t n = svg_wrap(p->l, text, width, font, lines, most < 40 ? most : 40);

    for (size_t i = 0; i < n; i++)
        svg_put(p->l, font, tone, anchor, x, y + (double)i * height + svg_font_size(font),
                lines[i]);
    return y + (double)n * height;
}

static double put_end_head(struct page *p, int end, double y)
{
    const struct la_chart_end_info *info = &p->c->info.end[end];
    const enum svg_anchor anchor = end == LA_CHART_LEFT ? ANCHOR_END : ANCHOR_START;
    const double x = p->side[end].life;
    const double width = end == LA_CHART_LEFT ? x - MARGIN : p->side[1].outer - x;
    char wrong[CHART_WORDS_MAX];

    y = put_lines(p, SVG_NAME, TONE_PLAIN, anchor, x, y, width, info->name, 2);
    y = put_lines(p, SVG_DETAIL, TONE_QUIET, anchor, x, y, width, info->detail, 2);
    if (info->wrong != NULL) {
        chart_words_wrong(info->wrong, p->c->info.lang, wrong, sizeof(wrong));
        y = put_lines(p, SVG_WRONG, TONE_BAD, anchor, x, y, width, wrong, 4);
    }
    return y;
}

static double put_head(struct page *p)
{
    const double width = p->l->width - 2 * MARGIN;
    double y = MARGIN, left, right;

    y = put_lines(p, SVG_TITLE, TONE_PLAIN, ANCHOR_START, MARGIN, y, width, p->c->info.title, 2);
    y = put_lines(p, SVG_SUBTITLE, TONE_QUIET, ANCHOR_START, MARGIN, y, width, p->c->info.subtitle,
                  4);
    if (p->c->info.title[0] != '\0' || p->c->info.subtitle[0] != '\0')
        y += 14;
    left = put_end_head(p, 0, y);
    right = put_end_head(p, 1, y);
    return svg_larger(left, right);
}

/* How far down they would go in a column of the usual width. */
static double notes_bottom(struct page *p)
{
    const double line = svg_font_size(SVG_NOTE) * 1.36;
    double y = p->axis.top - 10;

    for (size_t i = 0; i < p->c->events_n; i++) {
        const struct la_chart_event *e = &p->c->events[i].e;
        const char *lines[40];

        if (e->kind != LA_CHART_NOTE)
            continue;
        y = svg_larger(y, svg_axis_at(&p->axis, e->time_ns) - 10);
        y += (double)svg_wrap(p->l, e->text, NOTE_WIDTH - NOTE_AT, SVG_NOTE, lines, 40) * line + 13;
    }
    return y;
}

/* In the order of their numbers, as the chart's events are. Returns where the last one ends. */
static double put_notes(struct page *p)
{
    double y = p->axis.top - 10;

    for (size_t i = 0; i < p->c->events_n; i++) {
        const struct la_chart_event *e = &p->c->events[i].e;
        struct svg_shape circle = {.kind = SHAPE_CIRCLE, .x = p->notes_x + 10};
        double at = svg_axis_at(&p->axis, e->time_ns) - 10;
        char number[16];

        if (e->kind != LA_CHART_NOTE)
            continue;
        y = svg_larger(y, at);
        circle.y = y + 9;
        svg_layout_shape(p->l, &circle);
        snprintf(number, sizeof(number), "%u", e->number);
        svg_put(p->l, SVG_NUMBER, TONE_PLAIN, ANCHOR_MIDDLE, circle.x, circle.y + 4,
                svg_layout_keep(p->l, number, strlen(number)));
        circle.y2 = put_lines(p, SVG_NOTE, TONE_PLAIN, ANCHOR_START, p->notes_x + NOTE_AT, y + 1,
                              p->notes_width - NOTE_AT, e->text, 40);
        y = svg_larger(circle.y2, y + 20) + 12;
    }
    return y;
}

static void put_foot(struct page *p, double y)
{
    const bool zh = p->c->info.lang == LA_LANG_ZH;
    bool again = false, crossed = false, broken = false;
    char text[CHART_WORDS_MAX], missing[CHART_WORDS_MAX];

    for (size_t i = 0; i < p->l->shapes_n; i++) {
        const struct svg_shape *s = &p->l->shapes[i];

        again = again || (s->kind == SHAPE_ARROW && s->dashed);
        crossed = crossed || (s->kind == SHAPE_ARROW && s->head == HEAD_CROSS);
        broken = broken || s->kind == SHAPE_BREAK;
    }
    snprintf(text, sizeof(text), "%s", zh ? "时间单位为秒。" : "Time in seconds.");
    if (broken)
        view_append(text, sizeof(text), "%s",
                    zh ? "时间轴断开处略去一段时间。"
                       : " Where the axis is broken, time is left out.");
    if (again)
        view_append(text, sizeof(text), "%s", zh ? "虚线：重传。" : " Dashed: sent again.");
    if (crossed)
        view_append(text, sizeof(text), "%s",
                    zh ? "叉号：丢失或被丢弃。" : " Cross: lost or dropped.");
    chart_words_left_out(&p->c->info, missing, sizeof(missing));
    if (missing[0] != '\0')
        view_append(text, sizeof(text), zh ? "%s。" : " %s.", missing);
    p->l->height = put_lines(p, SVG_DETAIL, TONE_QUIET, ANCHOR_START, MARGIN, y + 10,
                             p->l->width - 2 * MARGIN, text, 3) +
                   MARGIN / 2;
}

/* ---- all of it ---- */

static void place_columns(struct page *p)
{
    const double left = MARGIN + p->side[0].width;

    p->lane.left = left;
    p->lane.right = left + p->lane_width;
    svg_side_stand(&p->side[0], left, -1);
    svg_side_stand(&p->side[1], p->lane.right, 1);
    p->notes_x = p->side[1].outer + 22;
    p->notes_width = NOTE_WIDTH;
    p->l->width = p->notes > 0 ? p->notes_x + NOTE_WIDTH + MARGIN : p->side[1].outer + MARGIN;
}

static void put_sides(struct page *p)
{
    for (int end = 0; end < 2; end++) {
        p->side[end].l = p->l;
        p->side[end].axis = &p->axis;
        svg_side_put(&p->side[end]);
    }
    for (size_t i = 1; i < p->axis.knots_n; i++) {
        const struct svg_knot *before = &p->axis.knots[i - 1], *knot = &p->axis.knots[i];
        const double y = (before->y_end + knot->y) / 2;
        char text[LA_NUMBER_TEXT_MAX];

        if (!knot->broken)
            continue;
        svg_side_break(&p->side[0], y);
        svg_side_break(&p->side[1], y);
        la_duration_format(knot->time_ns - before->time_ns, text);
        svg_put(p->l, SVG_TIME, TONE_QUIET, ANCHOR_END, p->side[0].time_x, y + 3.5,
                svg_layout_keep(p->l, text, strlen(text)));
    }
}

static bool make_page(struct page *p)
{
    double bottom;

    if (!make_moments(p) || !choose_scale(p) || !make_lane(p))
        return false;
    for (int end = 0; end < 2; end++) {
        p->side[end].l = p->l;
        p->side[end].c = p->c;
        p->side[end].rows = &p->rows;
        p->side[end].axis = &p->axis;
        p->side[end].end = (enum la_chart_end)end;
        p->side[end].decimals = p->decimals;
        if (!svg_side_make(&p->side[end]))
            return false;
    }
    place_columns(p);
    p->axis.top = put_head(p) + HEAD_GAP;
    settle(p);
    if (p->notes > 0 && notes_bottom(p) > p->axis.bottom + 60)
        p->notes_width = NOTE_WIDER;
    p->l->width += p->notes > 0 ? p->notes_width - NOTE_WIDTH : 0;
    put_sides(p);
    svg_lane_place(&p->lane, true);
    bottom = svg_larger(p->axis.bottom, put_notes(p));
    put_foot(p, bottom);
    return true;
}

bool svg_layout_make(struct svg_layout *l, const struct la_chart *c,
                     const struct la_chart_form *form)
{
    struct page p = {.l = l, .c = c, .form = form};
    bool ok;

    *l = (struct svg_layout){0};
    ok = chart_rows_make(&p.rows, c, form, 0);
    if (ok) {
        p.decimals = chart_decimals(&p.rows);
        ok = make_page(&p);
    }
    for (int end = 0; end < 2; end++) {
        svg_side_free(&p.side[end]);
        free(p.moment_of[end]);
    }
    free(p.lane.arrows);
    free(p.lane.middles);
    free(p.axis.moments);
    free(p.axis.knots);
    chart_rows_free(&p.rows);
    return ok && !l->no_memory;
}
