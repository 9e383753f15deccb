/* Merging of received segments: contiguous ones of a batch whose headers agree go through TCP as
 * one, and save the search for the connection and the gate.
 *
 * Only segments with ACK, and perhaps PSH, and equal acknowledgment, window, options (timestamps
 * included), DS field, ECN field and ECN flags merge; never super-segments of a link. The count is
 * kept, each piece keeps its buffer and its PSH; all arrive at the batch's time. Merged or not, the
 * trace and the ACKs that leave are the same. One group is open at a time: a segment that does not
 * fit closes it.
 */
#ifndef STACK_MERGE_H
#define STACK_MERGE_H

#include "stack/stack.h"

#define MERGE_SEGMENTS 44 /* about 64 KiB in full segments of 1460 */

struct merge {
    struct arrival slot[2]; /* the open group, and the segment that is being parsed */
    unsigned current;
    struct la_buf *tail;
    struct la_frame *first; /* the group's frames stand one behind the other */
    size_t frames;          /* 0: no group is open */
};

static inline void merge_init(struct merge *m)
{
    m->current = 0;
    m->frames = 0;
}

static inline struct arrival *merge_current(struct merge *m)
{
    return &m->slot[m->current];
}

/* Where the next segment is parsed into. */
static inline struct arrival *merge_next(struct merge *m)
{
    return &m->slot[m->current ^ 1];
}

/* Adds the parsed segment to the open group, when it fits. */
bool merge_add(struct merge *m);

/* The parsed segment opens a group; the last one was delivered. */
void merge_begin(struct merge *m, struct la_frame *frame);

#endif
