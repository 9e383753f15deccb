/* What stands between two ends in a text drawing: arrows and their labels.
 *
 * Labels begin at the same column in both directions, so that flags and numbers can be read down
 * the page. What a lane is too narrow for is left out in a fixed order or moved to `rest`. */
#ifndef VIEW_LANE_H
#define VIEW_LANE_H

#include <lastack/view.h>

#include "text.h"

enum {
    LANE_LABEL_INDENT = 3,
    LANE_ARROW_COLUMNS = 6, /* what the shortest arrow takes beside its label */
};

struct lane_glyphs {
    const char *line, *dashed, *right, *left, *cross, *middle, *both, *more;
    const char *call_left, *call_right; /* a call, at the end that it stands at */
    const char *down, *turn_down, *turn_up, *over;
    const char *from_right, *to_left;
};
const struct lane_glyphs *lane_glyphs(bool unicode);

/* Sequence numbers as they are to be shown; the window in bytes. */
struct lane_segment {
    uint16_t flags;
    uint32_t seq, ack, len, window;
    bool window_matters; /* it is what the segment is about */
    bool window_known;   /* it was shown before and need not be again */
};

struct lane_label {
    char text[160]; /* what stands in the arrow */
    char rest[160]; /* what did not fit */
};
void lane_label(struct lane_label *label, const struct lane_segment *s, unsigned columns);

/* How an arrow looks. */
struct lane_arrow {
    bool right;   /* from the left end to the right one */
    bool refused; /* it ends in a cross, not in a head */
    bool again;   /* sent before: dashed */
    enum view_style style;
    const char *label; /* ASCII */
};
/* A whole arrow of `columns`. */
void lane_arrow_put(struct view_line *line, const struct lane_glyphs *g, const struct lane_arrow *a,
                    unsigned columns);

enum view_style lane_style(uint16_t flags, bool again, bool refused);

/* Sent before, by this end or the peer. */
bool lane_is_again(enum la_reason reason);
/* Reasons that say no more than the arrow does; where they would cost a line they are left out. */
bool lane_is_plain(enum la_reason reason);
/* What a segment is about most when the last data and the FIN go together. */
enum la_reason lane_main_reason(enum la_reason reason, uint16_t flags);
bool lane_is_about_window(enum la_reason reason, uint16_t flags, uint16_t wnd);

#endif
