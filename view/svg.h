/* The sequence chart as SVG, inside: a layout, and its writing.
 *
 *   svg_axis.c    where each moment stands on the page: time becomes height
 *   svg_place.c   what stands there: texts and shapes, no two texts on one another
 *   svg_boxes.c   boxes of texts, turned or not, and whether two overlap
 *   chart_svg.c   the bytes
 *
 * Lengths are in pixels of the picture at its own size; y goes down. Nothing here needs the
 * mathematics library, so that who links the archive need not either. */
#ifndef VIEW_SVG_H
#define VIEW_SVG_H

#include "chart_rows.h"

static inline double svg_larger(double a, double b)
{
    return a > b ? a : b;
}

static inline double svg_smaller(double a, double b)
{
    return a < b ? a : b;
}

/* ---- boxes ---- */

/* The corners of a rectangle in order. */
struct svg_box {
    double x[4], y[4];
};

/* The unit vector of a slope (so many pixels down for one to the right). */
struct svg_way {
    double x, y;
};
struct svg_way svg_way(double slope);

/* A rectangle of `width` by `ascent + descent` whose baseline begins at (x, y) and has this slope.
 */
struct svg_box svg_box(double x, double y, double width, double ascent, double descent,
                       double slope);
bool svg_boxes_overlap(const struct svg_box *a, const struct svg_box *b);

/* ---- what is drawn ---- */

enum svg_font {
    SVG_TITLE,
    SVG_SUBTITLE,
    SVG_NAME,
    SVG_DETAIL,
    SVG_WRONG,
    SVG_TIME,
    SVG_CALL,
    SVG_POINT, /* timers and events */
    SVG_STATE,
    SVG_LABEL,
    SVG_LABEL_SMALL, /* where many packets are on their way at once */
    SVG_WHY,
    SVG_NOTE,
    SVG_NUMBER, /* of a note, in its circle */
    SVG_SUM,
    SVG_FONTS
};
double svg_font_size(enum svg_font font);
bool svg_font_bold(enum svg_font font);

/* How a text or a shape is coloured. */
enum svg_tone {
    TONE_PLAIN,
    TONE_QUIET,
    TONE_STRONG, /* opens or closes */
    TONE_AGAIN,
    TONE_BAD,
};

/* Which point of a text stays where it is when the reader's font is narrower than the box. */
enum svg_anchor { ANCHOR_START, ANCHOR_MIDDLE, ANCHOR_END };

struct svg_text {
    double x, y; /* where the baseline of the box begins */
    double slope;
    double width;
    enum svg_font font;
    enum svg_tone tone;
    enum svg_anchor anchor;
    const char *text;
    size_t strong; /* so many first bytes are bold */
};

enum svg_shape_kind {
    SHAPE_ARROW,  /* from (x, y) to (x2, y2) */
    SHAPE_BAND,   /* a rectangle in the colour of `state` */
    SHAPE_LIFE,   /* the thin line of an end without a state */
    SHAPE_TIMER,  /* a narrow rectangle */
    SHAPE_CHIP,   /* round a call's text */
    SHAPE_CIRCLE, /* round a note's number: centre (x, y) */
    SHAPE_SUM,    /* round a sum's text */
    SHAPE_BREAK,  /* the axis is compressed: over [x, x2] at y */
    SHAPE_TICK,   /* from a call towards its end */
};

enum svg_head { HEAD_ARROW, HEAD_CROSS, HEAD_NONE };

struct svg_shape {
    enum svg_shape_kind kind;
    double x, y, x2, y2;
    enum svg_tone tone;
    enum svg_head head;
    uint8_t state; /* enum la_tcp_state */
    bool dashed, dotted, ran_out;
    const char *title; /* what a pointer over it shows; NULL: nothing */
};

struct svg_layout {
    struct svg_text *texts;
    size_t texts_n, texts_cap;
    struct svg_shape *shapes;
    size_t shapes_n, shapes_cap;
    double width, height;
    uint32_t dropped;   /* labels for which there was no room */
    struct store store; /* where texts are */
    bool no_memory;
};

bool svg_layout_make(struct svg_layout *l, const struct la_chart *c,
                     const struct la_chart_form *form);
void svg_layout_text(struct svg_layout *l, const struct svg_text *t);
void svg_put(struct svg_layout *l, enum svg_font font, enum svg_tone tone, enum svg_anchor anchor,
             double x, double y, const char *text); /* level; x is where the anchor is */
/* A copy of `n` bytes that lives as long as the layout. */
const char *svg_layout_keep(struct svg_layout *l, const char *text, size_t n);
/* Breaks a text into lines no wider than `width`; the last of `most` ends in "…" when there is
 * more. Returns how many. */
size_t svg_wrap(struct svg_layout *l, const char *text, double width, enum svg_font font,
                const char **lines, size_t most);
void svg_layout_shape(struct svg_layout *l, const struct svg_shape *s);

void svg_layout_free(struct svg_layout *l);

/* Do two texts overlap? Then *a and *b are the first such pair. */
bool svg_layout_overlaps(const struct svg_layout *l, size_t *a, size_t *b);
struct svg_box svg_text_box(const struct svg_text *t);

/* ---- the axis ---- */

/* Columns of a side, each of which is free from some height on. */
enum svg_column {
    COLUMN_TIP,   /* where arrows begin and end */
    COLUMN_LABEL, /* labels of arrows that begin here */
    COLUMN_END,   /* of those that end here: they keep their distance */
    COLUMN_LOST,  /* how far down those go that end on their way */
    COLUMN_TIME,
    COLUMN_STATE,
    COLUMN_POINT,
    COLUMN_MARK, /* circles with numbers */
    SVG_COLUMNS
};

/* A moment of one end (or a note or sum in the middle) on the page. */
struct svg_moment {
    uint32_t row;
    uint8_t end; /* enum la_chart_end */
    uint64_t time_ns;
    double y;
    double extra;                                  /* room that a collision made necessary */
    double above[SVG_COLUMNS], below[SVG_COLUMNS]; /* 0: nothing in this column */
};

/* Time and height at one place of the axis, in rising order. */
struct svg_knot {
    uint64_t time_ns;
    double y, y_end; /* first and last moment of this time */
    bool broken;     /* the axis before it is compressed */
};

struct svg_axis {
    struct svg_moment *moments; /* left, then right, then middle, each in order */
    size_t n, first[4];
    struct svg_knot *knots;
    size_t knots_n;
    double top, bottom;
    double per_ns; /* pixels */
    double drop;   /* how far a usual packet falls on its way */
};

void svg_axis_place(struct svg_axis *a);
/* The height of a time that need not be a moment. */
double svg_axis_at(const struct svg_axis *a, uint64_t time_ns);

#endif
