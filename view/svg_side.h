/* One end of an SVG chart: its times, calls, states, timers and bands. */
#ifndef VIEW_SVG_SIDE_H
#define VIEW_SVG_SIDE_H

#include "svg.h"

#define SIDE_POINT_LINES 3

/* What a moment shows beside the lane. */
struct side_item {
    const char *time; /* "": as the one before */
    const char *lines[SIDE_POINT_LINES];
    unsigned lines_n;
    bool call;
    const char *state;  /* "": as before */
    const char *number; /* of a note */
};

/* A timer's bar. */
struct side_timer {
    uint32_t event;
    unsigned track;
};

struct svg_side {
    struct svg_layout *l;
    const struct la_chart *c;
    const struct chart_rows *rows;
    struct svg_axis *axis;
    enum la_chart_end end;
    unsigned decimals;
    struct side_item *items; /* of the moments of this end */
    struct side_timer *timers;
    size_t timers_n;
    unsigned band_tracks, timer_tracks;
    double time_width, point_width, state_width, width;
    /* Where they stand; `way` is -1 at the left and 1 at the right. */
    double way, life, bands_x, timers_x, state_x, point_x, time_x, outer;
};

/* Chooses the texts and gives the moments of this end the room they need. */
bool svg_side_make(struct svg_side *s);
/* Where its columns are, the lane's edge being at `life`. */
void svg_side_stand(struct svg_side *s, double life, double way);
void svg_side_put(struct svg_side *s);
/* A break of the axis through its bands and timers. */
void svg_side_break(struct svg_side *s, double y);
void svg_side_free(struct svg_side *s);

#endif
