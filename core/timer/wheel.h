/* A hierarchical timing wheel with lazy deadlines.
 *
 * Levels of 64 slots each; the lowest slot is 2^15 ns (32.8 us) wide, each level 64 times the one
 * below. A timer is filed at a time and may fire up to one slot late, never early with regard to
 * the time it is filed at. Owners are lazy: moving a deadline later costs nothing (wheel_arm()
 * leaves a timer that is filed earlier where it is); when it fires the owner looks at what is
 * really due and arms again.
 *
 * Invariants: wheel_next() is never later than the earliest filed timer's slot and never in the
 * past of the last wheel_pop(); arm, cancel and pop are O(1) amortised. */
#ifndef TIMER_WHEEL_H
#define TIMER_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

#define WHEEL_TICK_SHIFT 15
#define WHEEL_LEVELS     7
#define WHEEL_SLOTS      64

struct timer {
    struct list link;
    uint64_t at_ns; /* filed at; UINT64_MAX: not filed */
};

struct wheel {
    uint64_t tick;                   /* time that was worked off, in ticks */
    uint64_t occupied[WHEEL_LEVELS]; /* one bit a slot */
    struct list due;                 /* fired, not yet popped */
    struct list slot[WHEEL_LEVELS][WHEEL_SLOTS];
};

void wheel_init(struct wheel *w, uint64_t now_ns);
void timer_init(struct timer *t);

/* Makes sure `t` fires at `at_ns` or earlier (UINT64_MAX: no need, nothing changes). */
void wheel_arm(struct wheel *w, struct timer *t, uint64_t at_ns);
void wheel_cancel(struct wheel *w, struct timer *t);

/* Takes out one timer that is due at `now_ns`, or NULL. A timer armed again for a time that is
 * past comes out again in the next call of the stack's timeout, not in this loop: its slot is at
 * least the next tick. */
struct timer *wheel_pop(struct wheel *w, uint64_t now_ns);

/* When wheel_pop() may give something; UINT64_MAX: nothing is filed. */
uint64_t wheel_next(const struct wheel *w);

#endif
