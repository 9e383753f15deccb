/* Where moments stand: time becomes height.
 *
 * All moments are walked in the order of time. A moment stands as far below the last time as the
 * scale says, but at least where every column that it writes into is free. So the axis is true
 * where little happens, is stretched where much happens at once, and is broken where nothing
 * happens for long. It never goes back: a later time is never higher, so an arrow's slope tells
 * how long its packet flew. Moments of one time stand on one height at both ends, unless they
 * need room. */
#include "svg.h"

/* A gap that would take more than the first is drawn as the second, and broken. */
#define GAP_MAX    110.0
#define GAP_BROKEN 44.0

struct walk {
    struct svg_axis *a;
    double bottom[3][SVG_COLUMNS]; /* from here on the column is free */
    double last[3];                /* the last moment of an end: order is kept within a time */
    size_t at[3];
};

static double needed(const struct walk *w, const struct svg_moment *m, double y)
{
    y = svg_larger(y, w->last[m->end]);
    for (int column = 0; column < SVG_COLUMNS; column++) {
        if (m->above[column] > 0)
            y = svg_larger(y, w->bottom[m->end][column] + m->above[column]);
    }
    return y + m->extra;
}

static void occupy(struct walk *w, const struct svg_moment *m)
{
    for (int column = 0; column < SVG_COLUMNS; column++) {
        if (m->above[column] > 0)
            w->bottom[m->end][column] = m->y + m->below[column];
    }
    w->last[m->end] = m->y;
}

/* A sum stands across everything: behind all, before all. */
static bool is_bar(const struct svg_moment *m)
{
    return m->end == LA_CHART_MIDDLE && m->above[COLUMN_LABEL] > 0;
}

static double bar_needed(const struct walk *w, const struct svg_moment *m, double y)
{
    y = svg_larger(y, w->last[LA_CHART_MIDDLE]);
    for (int end = 0; end < 3; end++) {
        for (int column = 0; column <= COLUMN_LOST; column++)
            y = svg_larger(y, w->bottom[end][column] + m->above[COLUMN_LABEL]);
        y = svg_larger(y, w->bottom[end][COLUMN_MARK] + m->above[COLUMN_LABEL]);
    }
    return y + m->extra;
}

static void bar_occupies(struct walk *w, const struct svg_moment *m)
{
    for (int end = 0; end < 3; end++) {
        for (int column = 0; column <= COLUMN_LOST; column++)
            w->bottom[end][column] = m->y + m->below[COLUMN_LABEL];
        w->bottom[end][COLUMN_MARK] = m->y + m->below[COLUMN_LABEL];
    }
    w->last[LA_CHART_MIDDLE] = m->y;
}

static struct svg_moment *next_of(struct walk *w, int end)
{
    return w->at[end] < w->a->first[end + 1] ? &w->a->moments[w->at[end]] : NULL;
}

static bool earliest(struct walk *w, uint64_t *time_ns)
{
    bool any = false;

    for (int end = 0; end < 3; end++) {
        const struct svg_moment *m = next_of(w, end);

        if (m != NULL && (!any || m->time_ns < *time_ns)) {
            *time_ns = m->time_ns;
            any = true;
        }
    }
    return any;
}

/* All moments of one time. */
static void place_group(struct walk *w, struct svg_knot *knot)
{
    for (int end = 0; end < 3; end++) {
        struct svg_moment *m;

        while ((m = next_of(w, end)) != NULL && m->time_ns <= knot->time_ns) {
            m->y = is_bar(m) ? bar_needed(w, m, knot->y_end) : needed(w, m, knot->y);
            if (is_bar(m))
                bar_occupies(w, m);
            else
                occupy(w, m);
            knot->y_end = svg_larger(knot->y_end, m->y);
            w->at[end]++;
        }
    }
}

void svg_axis_place(struct svg_axis *a)
{
    struct walk w = {.a = a, .at = {a->first[0], a->first[1], a->first[2]}};
    uint64_t time_ns = 0, last_ns = 0;
    double y = a->top;

    a->knots_n = 0;
    for (int end = 0; end < 3; end++) {
        for (int column = 0; column < SVG_COLUMNS; column++)
            w.bottom[end][column] = a->top - 12;
    }
    while (earliest(&w, &time_ns)) {
        struct svg_knot *knot = &a->knots[a->knots_n++];
        const double gap = a->knots_n == 1 ? 0 : (double)(time_ns - last_ns) * a->per_ns;

        *knot = (struct svg_knot){.time_ns = time_ns, .broken = gap > GAP_MAX};
        knot->y = knot->y_end = y + (knot->broken ? GAP_BROKEN : gap);
        place_group(&w, knot);
        y = knot->y_end;
        last_ns = time_ns;
    }
    a->bottom = a->top;
    for (int end = 0; end < 3; end++) {
        for (int column = 0; column < SVG_COLUMNS; column++)
            a->bottom = svg_larger(a->bottom, w.bottom[end][column]);
    }
    a->bottom = svg_larger(a->bottom, y) + 14;
}

double svg_axis_at(const struct svg_axis *a, uint64_t time_ns)
{
    size_t low = 0, high = a->knots_n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (a->knots[middle].time_ns <= time_ns)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return a->knots_n > 0 ? a->knots[0].y : a->top;
    if (a->knots[low - 1].time_ns == time_ns)
        return a->knots[low - 1].y;
    if (low == a->knots_n)
        return svg_smaller(a->knots[low - 1].y_end +
                               (double)(time_ns - a->knots[low - 1].time_ns) * a->per_ns,
                           a->bottom);
    const struct svg_knot *before = &a->knots[low - 1], *after = &a->knots[low];
    return before->y_end + (after->y - before->y_end) * (double)(time_ns - before->time_ns) /
                               (double)(after->time_ns - before->time_ns);
}
