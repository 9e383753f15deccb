/* Boxes of texts. Two convex shapes are apart when a line parallel to a side of one of them lies
 * between them; for rectangles four directions have to be tried. */
#include <stdlib.h>

#include "font.h"
#include "svg.h"

/* Texts that touch do not overlap. */
#define TOUCH 0.01

/* Newton's steps double the digits that are right; from a start above the root they go down. */
static double root(double x)
{
    double r = x > 1 ? x : 1;

    for (int i = 0; i < 60; i++) {
        const double next = (r + x / r) / 2;

        if (next >= r)
            break;
        r = next;
    }
    return r;
}

struct svg_way svg_way(double slope)
{
    const double length = root(1 + slope * slope);

    return (struct svg_way){1 / length, slope / length};
}

struct svg_box svg_box(double x, double y, double width, double ascent, double descent,
                       double slope)
{
    const struct svg_way way = svg_way(slope);
    const double along[4] = {0, width, width, 0};
    const double across[4] = {-ascent, -ascent, descent, descent};
    struct svg_box box;

    for (int i = 0; i < 4; i++) {
        box.x[i] = x + along[i] * way.x - across[i] * way.y;
        box.y[i] = y + along[i] * way.y + across[i] * way.x;
    }
    return box;
}

/* Is there a gap in the direction (dx, dy)? */
static bool is_apart(const struct svg_box *a, const struct svg_box *b, double dx, double dy)
{
    double a_min = 0, a_max = 0, b_min = 0, b_max = 0;

    for (int i = 0; i < 4; i++) {
        const double p = a->x[i] * dx + a->y[i] * dy, q = b->x[i] * dx + b->y[i] * dy;

        a_min = i == 0 ? p : svg_smaller(a_min, p);
        a_max = i == 0 ? p : svg_larger(a_max, p);
        b_min = i == 0 ? q : svg_smaller(b_min, q);
        b_max = i == 0 ? q : svg_larger(b_max, q);
    }
    return a_max <= b_min + TOUCH || b_max <= a_min + TOUCH;
}

static bool apart_along_sides(const struct svg_box *a, const struct svg_box *b)
{
    for (int i = 0; i < 2; i++) {
        const double dx = a->x[i + 1] - a->x[i], dy = a->y[i + 1] - a->y[i];
        const double length = root(dx * dx + dy * dy);

        if (is_apart(a, b, dx / length, dy / length))
            return true;
    }
    return false;
}

bool svg_boxes_overlap(const struct svg_box *a, const struct svg_box *b)
{
    return !is_apart(a, b, 1, 0) && !is_apart(a, b, 0, 1) && !apart_along_sides(a, b) &&
           !apart_along_sides(b, a);
}

struct svg_box svg_text_box(const struct svg_text *t)
{
    const double size = svg_font_size(t->font);

    return svg_box(t->x, t->y, t->width, size * FONT_ASCENT, size * FONT_DESCENT, t->slope);
}

struct span {
    double top, bottom;
    size_t text;
};

static int by_top(const void *a, const void *b)
{
    const struct span *x = a, *y = b;

    return (x->top > y->top) - (x->top < y->top);
}

bool svg_layout_overlaps(const struct svg_layout *l, size_t *a, size_t *b)
{
    struct span *spans = malloc((l->texts_n + 1) * sizeof(*spans));
    bool found = spans == NULL; /* unknown is no proof */

    for (size_t i = 0; i < l->texts_n && spans != NULL; i++) {
        const struct svg_box box = svg_text_box(&l->texts[i]);

        spans[i] = (struct span){
            svg_smaller(svg_smaller(box.y[0], box.y[1]), svg_smaller(box.y[2], box.y[3])),
            svg_larger(svg_larger(box.y[0], box.y[1]), svg_larger(box.y[2], box.y[3])),
            i,
        };
    }
    if (spans != NULL)
        qsort(spans, l->texts_n, sizeof(*spans), by_top);
    for (size_t i = 0; i < l->texts_n && !found; i++) {
        const struct svg_box one = svg_text_box(&l->texts[spans[i].text]);

        for (size_t k = i + 1; k < l->texts_n && spans[k].top < spans[i].bottom; k++) {
            const struct svg_box two = svg_text_box(&l->texts[spans[k].text]);

            if (!svg_boxes_overlap(&one, &two))
                continue;
            *a = spans[i].text;
            *b = spans[k].text;
            found = true;
            break;
        }
    }
    free(spans);
    return found;
}
