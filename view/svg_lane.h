/* The lane of an SVG chart: arrows with their labels.
 *
 * Labels run along their arrows, in the half of the lane that belongs to the sender, so those of
 * the two directions never meet. Arrows of one direction keep their distance at both ends (the
 * axis sees to it); where that is not enough, as when one overtakes another, the axis is stretched
 * at that place and everything is placed anew. What still finds no room at last is shortened,
 * then left out and counted. */
#ifndef VIEW_SVG_LANE_H
#define VIEW_SVG_LANE_H

#include "chart_words.h"
#include "svg.h"

#define SVG_WHY_LINES 2

struct svg_arrow {
    uint32_t event;
    size_t from, to; /* moments; SIZE_MAX: none */
    double x1, y1, x2, y2;
    const char *label, *short_label;
    size_t strong, short_strong;
    const char *why[SVG_WHY_LINES];
    unsigned why_lines;
    bool options_shown; /* in the label */
    double stretch;     /* 1 / cos of its slope: how much farther apart its neighbours must be */
};

/* A text in the middle: a sum, or a note's number. */
struct svg_middle {
    size_t moment;
    const char *lines[3];
    unsigned lines_n;
    enum svg_font font;
    size_t first_text; /* where its texts stand while the lane is placed */
};

struct svg_lane {
    struct svg_layout *l;
    const struct la_chart *c;
    struct svg_axis *axis;
    double left, right; /* where the ends are */
    double drop[2];     /* how far the last packet of an end fell: what is lost falls like it */
    enum svg_font font; /* of labels */
    struct svg_arrow *arrows;
    size_t arrows_n;
    struct svg_middle *middles;
    size_t middles_n;
};

/* How much room beside an arrow its texts take, before `stretch`. */
double svg_arrow_above(const struct svg_lane *lane, const struct svg_arrow *arrow);
double svg_arrow_below(const struct svg_lane *lane, const struct svg_arrow *arrow);

/* Places arrows and texts where the axis stands now. Returns how many texts found no room (their
 * moments have then got more of it); when `last`, texts and shapes are put into the layout. */
size_t svg_lane_place(struct svg_lane *lane, bool last);

/* How far down arrows go. */
double svg_lane_bottom(const struct svg_lane *lane);

/* With so many packets of one end on their way at once labels are small. */
#define SVG_MANY 13

/* Steeper arrows do not push their neighbours farther away: the more they did, the steeper they
 * would become. */
#define SVG_STRETCH_MAX 1.6

#define SVG_LABEL_AT  26.0 /* along the arrow from its sender */
#define SVG_HALF_LANE 0.47 /* what labels of one direction may take */

#endif
