/* Arrows with their labels. */
#include "svg_lane.h"

#include <stdlib.h>
#include <string.h>

#include "font.h"

enum { GRID = 48 }; /* pixels of one row of the grid in which texts are found */

#define TEXT_INSET 5.0 /* of texts from the line of an end */
#define DROP_MAX   1200.0
#define MORE_ROOM  7.0 /* what a collision adds */

struct node {
    size_t text;
    size_t next; /* 1 + index; 0: none */
};

struct grid {
    size_t *rows; /* 1 + index of the first node */
    size_t rows_n;
    struct node *nodes;
    size_t nodes_n, nodes_cap;
    struct svg_text *texts;
    size_t texts_n, texts_cap;
    bool no_memory;
};

/* Between an arrow and a text beside it. */
static double gap_of(const struct svg_lane *lane)
{
    return lane->font == SVG_LABEL ? 4 : 2;
}

double svg_arrow_above(const struct svg_lane *lane, const struct svg_arrow *arrow)
{
    const double size = svg_font_size(lane->font);

    return arrow->label[0] != '\0' ? gap_of(lane) + size * (FONT_ASCENT + FONT_DESCENT) : 4;
}

static double line_height(enum svg_font font)
{
    return svg_font_size(font) * (FONT_ASCENT + FONT_DESCENT) + 1;
}

double svg_arrow_below(const struct svg_lane *lane, const struct svg_arrow *arrow)
{
    if (arrow->why_lines == 0)
        return lane->font == SVG_LABEL ? 2 : 1;
    return arrow->why_lines * line_height(SVG_WHY) + gap_of(lane);
}

/* ---- the grid ---- */

static void rows_of(const struct grid *g, const struct svg_box *box, size_t *first, size_t *last)
{
    double top = box->y[0], bottom = box->y[0];

    for (int i = 1; i < 4; i++) {
        top = svg_smaller(top, box->y[i]);
        bottom = svg_larger(bottom, box->y[i]);
    }
    *first = top <= 0 ? 0 : (size_t)(top / GRID);
    *last = bottom <= 0 ? 0 : (size_t)(bottom / GRID);
    if (*first >= g->rows_n)
        *first = g->rows_n - 1;
    if (*last >= g->rows_n)
        *last = g->rows_n - 1;
}

/* What it would lie upon is *on. */
static bool is_free(const struct grid *g, const struct svg_text *t, size_t *on)
{
    const struct svg_box box = svg_text_box(t);
    size_t first, last;

    rows_of(g, &box, &first, &last);
    for (size_t r = first; r <= last; r++) {
        for (size_t n = g->rows[r]; n != 0; n = g->nodes[n - 1].next) {
            /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a number is that of a node */
            const struct svg_box other = svg_text_box(&g->texts[g->nodes[n - 1].text]);

            if (!svg_boxes_overlap(&box, &other))
                continue;
            *on = g->nodes[n - 1].text;
            return false;
        }
    }
    return true;
}

static void grid_add(struct grid *g, const struct svg_text *t)
{
    const struct svg_box box = svg_text_box(t);
    size_t first, last;

    if (!store_grow((void **)&g->texts, g->texts_n, &g->texts_cap, sizeof(*g->texts))) {
        g->no_memory = true;
        return;
    }
    g->texts[g->texts_n++] = *t;
    rows_of(g, &box, &first, &last);
    for (size_t r = first; r <= last; r++) {
        if (!store_grow((void **)&g->nodes, g->nodes_n, &g->nodes_cap, sizeof(*g->nodes))) {
            g->no_memory = true;
            return;
        }
        g->nodes[g->nodes_n] = (struct node){.text = g->texts_n - 1, .next = g->rows[r]};
        g->rows[r] = ++g->nodes_n;
    }
}

static bool grid_begin(struct grid *g, double height)
{
    *g = (struct grid){.rows_n = (size_t)(height / GRID) + 2};
    g->rows = calloc(g->rows_n, sizeof(*g->rows));
    return g->rows != NULL;
}

static void grid_end(struct grid *g)
{
    free(g->rows);
    free(g->nodes);
    free(g->texts);
}

/* ---- arrows ---- */

static double moment_y(const struct svg_lane *lane, size_t moment)
{
    return lane->axis->moments[moment].y;
}

/* What is lost ends where it is on its way then; what came from nowhere begins where it would have.
 */
static void place_arrow(struct svg_lane *lane, struct svg_arrow *a)
{
    const struct la_chart_event *e = &lane->c->events[a->event].e;
    const bool right = e->end == LA_CHART_LEFT;
    double drop = lane->drop[e->end], part = 1;

    if (chart_is_dark(lane->c, e->end) || chart_is_dark(lane->c, chart_other(e->end)))
        drop = 0;
    else if (e->fate == LA_CHART_LOST)
        part = 0.64;
    else if (a->to == SIZE_MAX)
        part = 0.8;
    a->x1 = right ? lane->left : lane->right;
    a->x2 = a->x1 + (lane->right - lane->left) * (right ? part : -part);
    if (a->from != SIZE_MAX && a->to != SIZE_MAX) {
        a->y1 = moment_y(lane, a->from);
        a->y2 = moment_y(lane, a->to);
        if ((e->marks & LA_CHART_LATE) == 0)
            lane->drop[e->end] = svg_smaller(a->y2 - a->y1, DROP_MAX);
    } else if (a->from != SIZE_MAX) {
        a->y1 = moment_y(lane, a->from);
        a->y2 = a->y1 + drop * part;
    } else {
        a->y2 = moment_y(lane, a->to);
        a->y1 = a->y2 - drop;
    }
    a->stretch = svg_smaller(1 / svg_way((a->y2 - a->y1) / (a->x2 - a->x1)).x, SVG_STRETCH_MAX);
}

/* A text along the arrow, `offset` below it (above: negative), beginning at its sender's side. */
static struct svg_text along(const struct svg_arrow *a, enum svg_font font, const char *text,
                             size_t strong, double offset)
{
    const bool right = a->x2 > a->x1;
    const double slope = (a->y2 - a->y1) / (a->x2 - a->x1);
    const struct svg_way way = svg_way(slope);
    const double size = svg_font_size(font);
    struct svg_text t = {
        .slope = slope,
        .font = font,
        .anchor = right ? ANCHOR_START : ANCHOR_END,
        .text = text,
        .strong = strong,
        .width = font_width_n(text, strong, size, true) + font_width(text + strong, size, false),
    };
    /* The lower corner of a text below a steep arrow must not reach over the end's line. */
    const double low = svg_larger(0, offset + size * FONT_DESCENT);
    const double lean = way.y < 0 ? -way.y : way.y;
    const double begin = svg_larger(SVG_LABEL_AT, (TEXT_INSET + low * lean) / way.x);
    const double at = right ? begin : -begin - t.width;

    t.x = a->x1 + at * way.x - offset * way.y;
    t.y = a->y1 + at * way.y + offset * way.x;
    return t;
}

static enum svg_tone tone_of(const struct la_chart_event *e)
{
    const bool bad =
        chart_is_refused(e) || e->fate == LA_CHART_LOST || (e->h->flags & LA_TH_RST) != 0;

    if (bad)
        return TONE_BAD;
    if ((e->marks & LA_CHART_AGAIN) != 0)
        return TONE_AGAIN;
    return (e->h->flags & (LA_TH_SYN | LA_TH_FIN)) != 0 ? TONE_STRONG : TONE_PLAIN;
}

static void put_arrow(struct svg_lane *lane, const struct svg_arrow *a)
{
    const struct la_chart_event *e = &lane->c->events[a->event].e;
    const bool dark = chart_is_dark(lane->c, e->end) || chart_is_dark(lane->c, chart_other(e->end));
    struct svg_shape shape = {
        .kind = SHAPE_ARROW,
        .x = a->x1,
        .y = a->y1,
        .x2 = a->x2,
        .y2 = a->y2,
        .tone = tone_of(e),
        .head = chart_is_refused(e) || e->fate == LA_CHART_LOST ? HEAD_CROSS
                : a->to == SIZE_MAX && !dark                    ? HEAD_NONE
                                                                : HEAD_ARROW,
        .dashed = (e->marks & LA_CHART_AGAIN) != 0,
        .dotted = (a->from == SIZE_MAX || a->to == SIZE_MAX) && !dark && e->fate != LA_CHART_LOST,
        .title = a->label,
    };

    svg_layout_shape(lane->l, &shape);
}

/* ---- placing ---- */

/* The later of the two gives way: a text in the middle that stands farther down, else the arrow. */
static void more_room(struct svg_lane *lane, const struct svg_arrow *a, size_t on)
{
    size_t moment = a->from != SIZE_MAX ? a->from : a->to;

    for (size_t i = 0; i < lane->middles_n; i++) {
        const struct svg_middle *m = &lane->middles[i];

        if (on >= m->first_text && on < m->first_text + m->lines_n && m->font == SVG_SUM &&
            moment_y(lane, m->moment) > a->y1)
            moment = m->moment;
    }
    lane->axis->moments[moment].extra += MORE_ROOM;
}

static struct svg_text why_text(const struct svg_lane *lane, const struct svg_arrow *a,
                                unsigned line)
{
    const double offset =
        gap_of(lane) - 1 + svg_font_size(SVG_WHY) * FONT_ASCENT + line * line_height(SVG_WHY);

    return along(a, SVG_WHY, a->why[line], 0, offset);
}

/* False: no room. */
static bool place_label(struct svg_lane *lane, struct grid *g, const struct svg_arrow *a, bool last,
                        size_t *on)
{
    const double offset = -gap_of(lane) - svg_font_size(lane->font) * FONT_DESCENT;
    struct svg_text t = along(a, lane->font, a->label, a->strong, offset);

    t.tone = tone_of(&lane->c->events[a->event].e);
    if (a->label[0] == '\0')
        return true;
    if (is_free(g, &t, on)) {
        grid_add(g, &t);
        return true;
    }
    if (!last)
        return false;
    t = along(a, lane->font, a->short_label, a->short_strong, offset);
    t.tone = tone_of(&lane->c->events[a->event].e);
    if (is_free(g, &t, on))
        grid_add(g, &t);
    else
        lane->l->dropped++;
    return true;
}

static bool place_why(const struct svg_lane *lane, struct grid *g, const struct svg_arrow *a,
                      size_t *on)
{
    bool free_all = true;

    for (unsigned i = 0; i < a->why_lines && free_all; i++) {
        struct svg_text t = why_text(lane, a, i);

        free_all = is_free(g, &t, on);
    }
    for (unsigned i = 0; i < a->why_lines && free_all; i++) {
        struct svg_text t = why_text(lane, a, i);

        t.tone = TONE_QUIET;
        grid_add(g, &t);
    }
    return free_all;
}

static void place_middle(struct svg_lane *lane, struct grid *g, struct svg_middle *m, bool last)
{
    const double x = (lane->left + lane->right) / 2, y = moment_y(lane, m->moment);
    const double height = line_height(m->font), size = svg_font_size(m->font);
    const double top = y - m->lines_n * height / 2;
    const bool circle = m->font == SVG_NUMBER;

    m->first_text = g->texts_n;
    for (unsigned i = 0; i < m->lines_n; i++) {
        const double width = font_width(m->lines[i], size, svg_font_bold(m->font));
        struct svg_text t = {
            .x = x - width / 2,
            .y = top + i * height + size * FONT_ASCENT - size * 0.08,
            .width = width,
            .font = m->font,
            .anchor = ANCHOR_MIDDLE,
            .text = m->lines[i],
        };

        grid_add(g, &t);
    }
    if (last) {
        struct svg_shape shape = {
            .kind = circle ? SHAPE_CIRCLE : SHAPE_SUM,
            .x = circle ? x : lane->left + 14,
            .y = circle ? y : top - 6,
            .x2 = lane->right - 14,
            .y2 = top + m->lines_n * height + 6,
        };

        svg_layout_shape(lane->l, &shape);
    }
}

double svg_lane_bottom(const struct svg_lane *lane)
{
    double bottom = 0;

    for (size_t i = 0; i < lane->arrows_n; i++)
        bottom = svg_larger(bottom, svg_larger(lane->arrows[i].y1, lane->arrows[i].y2));
    return bottom;
}

static void put_all(struct svg_lane *lane, const struct grid *g)
{
    for (size_t i = 0; i < lane->arrows_n; i++)
        put_arrow(lane, &lane->arrows[i]);
    for (size_t i = 0; i < g->texts_n; i++)
        svg_layout_text(lane->l, &g->texts[i]);
}

size_t svg_lane_place(struct svg_lane *lane, bool last)
{
    size_t missing = 0, on = SIZE_MAX;
    struct grid g;

    if (!grid_begin(&g, lane->axis->bottom)) {
        lane->l->no_memory = true;
        return 0;
    }
    lane->drop[0] = lane->drop[1] = lane->axis->drop;
    for (size_t i = 0; i < lane->middles_n; i++)
        place_middle(lane, &g, &lane->middles[i], last);
    for (size_t i = 0; i < lane->arrows_n; i++) {
        struct svg_arrow *a = &lane->arrows[i];

        place_arrow(lane, a);
        if (!place_label(lane, &g, a, last, &on)) {
            more_room(lane, a, on);
            missing++;
        }
    }
    for (size_t i = 0; i < lane->arrows_n; i++) {
        struct svg_arrow *a = &lane->arrows[i];

        if (!place_why(lane, &g, a, &on)) {
            more_room(lane, a, on);
            missing++;
        }
    }
    if (last)
        put_all(lane, &g);
    lane->l->no_memory = lane->l->no_memory || g.no_memory;
    grid_end(&g);
    return missing;
}
