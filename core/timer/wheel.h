/* A hierarchical timing wheel with lazy deadlines.
 *
 * Levels of 64 slots each; the lowest slot is one tick of 2^15 ns (32.8 us) wide, each level 64
 * times the one below, so that nine levels reach all 64 bits of the time. A timer lies at the level
 * of the highest digit (base 64) in which its tick differs from the wheel's, in the slot of that
 * digit: then every occupied slot lies ahead of the wheel's own digit, whatever lies at a lower
 * level is due earlier, and the next thing to do is the first bit of the lowest bitmap that has
 * one. No tick without a timer is ever visited. When the wheel reaches a slot above the lowest
 * level, its timers are filed again lower down, at most WHEEL_LEVELS - 1 times in a timer's life.
 *
 * A timer is filed at a time and may fire up to one tick late, never early with regard to the time
 * it is filed at. Owners are lazy: moving a deadline later costs nothing (wheel_arm() leaves a
 * timer that is filed earlier where it is); when it fires the owner looks at what is really due and
 * arms again.
 *
 * Invariants: a bit is set when its slot has timers, else clear; wheel_next() is never later than
 * the earliest filed timer's tick and never in the past of the last wheel_pop(); arm and cancel are
 * O(1), pop is O(1) amortised. */
#ifndef TIMER_WHEEL_H
#define TIMER_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

#define WHEEL_TICK_SHIFT 15
#define WHEEL_LEVELS     9
#define WHEEL_SLOTS      64

struct timer {
    struct list link;
    uint64_t at_ns; /* filed at; UINT64_MAX: not filed */
};

struct wheel {
    uint64_t tick;                                /* time that was worked off, in ticks */
    uint64_t now_ns;                              /* of the last wheel_pop() */
    struct list due;                              /* fired, not yet popped */
    uint64_t occupied[WHEEL_LEVELS];              /* one bit a slot */
    struct list slot[WHEEL_LEVELS * WHEEL_SLOTS]; /* level by level */
};

void wheel_init(struct wheel *w, uint64_t now_ns);
void timer_init(struct timer *t);

/* Makes sure `t` fires at `at_ns` or earlier (UINT64_MAX: no need, nothing changes). */
void wheel_arm(struct wheel *w, struct timer *t, uint64_t at_ns);

/* Does nothing to a timer that is not filed. */
void wheel_cancel(struct wheel *w, struct timer *t);

/* Takes out one timer that is due at `now_ns`, or NULL. A timer armed again for a time that is
 * past comes out in the next call of the stack's timeout, not in this loop: it is filed at the tick
 * after the latest `now_ns`. */
struct timer *wheel_pop(struct wheel *w, uint64_t now_ns);

/* When wheel_pop() may give something; UINT64_MAX: nothing is filed. It is exact to the tick while
 * few timers lie in the earliest slot, else it may be earlier. */
uint64_t wheel_next(const struct wheel *w);

#endif
