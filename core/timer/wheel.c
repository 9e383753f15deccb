/* See wheel.h. */
#include "timer/wheel.h"

#include <stddef.h>

#define DIGIT_BITS 6

/* wheel_next() looks at so many timers of a slot to find the earliest before it makes do with the
 * time the slot begins: an idle stack then wakes once for a timer, not once a level. */
#define LOOK_MAX 8

_Static_assert(1 << DIGIT_BITS == WHEEL_SLOTS, "a digit chooses a slot");
_Static_assert(WHEEL_TICK_SHIFT + WHEEL_LEVELS * DIGIT_BITS > 64, "all times have a level");

/* The first tick that is not before `ns`, so that nothing fires early. */
static uint64_t tick_from(uint64_t ns)
{
    uint64_t below = ((uint64_t)1 << WHEEL_TICK_SHIFT) - 1;
    return (ns >> WHEEL_TICK_SHIFT) + ((ns & below) != 0);
}

static uint64_t tick_to_ns(uint64_t tick)
{
    if (tick > UINT64_MAX >> WHEEL_TICK_SHIFT) {
        return UINT64_MAX - 1;
    }
    return tick << WHEEL_TICK_SHIFT;
}

void wheel_init(struct wheel *w, uint64_t now_ns)
{
    *w = (struct wheel){.tick = now_ns >> WHEEL_TICK_SHIFT, .now_ns = now_ns};
    list_init(&w->due);
    for (unsigned i = 0; i < WHEEL_LEVELS * WHEEL_SLOTS; i++) {
        list_init(&w->slot[i]);
    }
}

void timer_init(struct timer *t)
{
    list_init(&t->link);
    t->at_ns = UINT64_MAX;
}

/* Files for a tick after the wheel's own. */
static void file(struct wheel *w, struct timer *t, uint64_t tick)
{
    unsigned level = (63U - (unsigned)__builtin_clzll(tick ^ w->tick)) / DIGIT_BITS;
    unsigned digit = (unsigned)(tick >> (level * DIGIT_BITS)) % WHEEL_SLOTS;

    w->occupied[level] |= (uint64_t)1 << digit;
    list_append(&w->slot[level * WHEEL_SLOTS + digit], &t->link);
}

/* Takes a timer out of its slot, or out of those due. */
static void unfile(struct wheel *w, struct timer *t)
{
    struct list *neighbour = t->link.next;
    bool last = neighbour == t->link.prev; /* then it is the list itself */

    list_remove(&t->link);
    if (last && neighbour != &w->due) {
        size_t i = (size_t)(neighbour - w->slot);
        w->occupied[i / WHEEL_SLOTS] &= ~((uint64_t)1 << i % WHEEL_SLOTS);
    }
}

void wheel_arm(struct wheel *w, struct timer *t, uint64_t at_ns)
{
    uint64_t tick = tick_from(at_ns);
    uint64_t now = w->now_ns >> WHEEL_TICK_SHIFT;

    if (at_ns >= t->at_ns) {
        return;
    }
    if (t->at_ns != UINT64_MAX) {
        if (tick_from(t->at_ns) <= w->tick) {
            return; /* among those due: no place is earlier */
        }
        unfile(w, t);
    }
    if (tick <= now) {
        /* Not w->tick + 1: after a jump of the clock the wheel is far behind `now` still, and an
         * owner that keeps arming for the past would keep the caller's loop going. */
        tick = now + 1;
        at_ns = tick_to_ns(tick);
    }
    t->at_ns = at_ns;
    file(w, t, tick);
}

void wheel_cancel(struct wheel *w, struct timer *t)
{
    if (t->at_ns != UINT64_MAX) {
        unfile(w, t);
        t->at_ns = UINT64_MAX;
    }
}

/* The lowest level with timers; WHEEL_LEVELS: none has. */
static unsigned lowest(const struct wheel *w)
{
    unsigned level = 0;

    while (level < WHEEL_LEVELS && w->occupied[level] == 0) {
        level++;
    }
    return level;
}

/* The tick at which the first occupied slot of a level begins. */
static uint64_t slot_begin(const struct wheel *w, unsigned level, unsigned digit)
{
    unsigned shift = level * DIGIT_BITS;
    return (((w->tick >> shift) & ~(uint64_t)(WHEEL_SLOTS - 1)) | digit) << shift;
}

/* The wheel has come to the beginning of a slot: its timers are due or belong further down. */
static void empty_slot(struct wheel *w, unsigned level, unsigned digit)
{
    struct list *slot = &w->slot[level * WHEEL_SLOTS + digit];
    struct list *link;

    w->occupied[level] &= ~((uint64_t)1 << digit);
    while ((link = list_first(slot)) != NULL) {
        struct timer *t = list_entry(link, struct timer, link);
        uint64_t tick = tick_from(t->at_ns);

        list_remove(link);
        if (tick <= w->tick) {
            list_append(&w->due, link);
        } else {
            file(w, t, tick);
        }
    }
}

/* Goes on until something is due or everything to `tick` is worked off. */
static void advance(struct wheel *w, uint64_t tick)
{
    while (list_empty(&w->due) && w->tick < tick) {
        unsigned level = lowest(w);
        unsigned digit;
        uint64_t begin;

        if (level == WHEEL_LEVELS) {
            w->tick = tick;
            return;
        }
        digit = (unsigned)__builtin_ctzll(w->occupied[level]);
        begin = slot_begin(w, level, digit);
        if (begin > tick) {
            w->tick = tick;
            return;
        }
        w->tick = begin;
        empty_slot(w, level, digit);
    }
}

struct timer *wheel_pop(struct wheel *w, uint64_t now_ns)
{
    struct timer *t;

    if (now_ns > w->now_ns) {
        w->now_ns = now_ns;
    }
    advance(w, now_ns >> WHEEL_TICK_SHIFT);
    if (list_empty(&w->due)) {
        return NULL;
    }
    t = list_entry(w->due.next, struct timer, link);
    list_remove(&t->link);
    t->at_ns = UINT64_MAX;
    return t;
}

uint64_t wheel_next(const struct wheel *w)
{
    unsigned level = lowest(w);
    uint64_t tick = w->tick;

    if (list_empty(&w->due)) {
        unsigned digit, looked = 0;
        const struct list *slot;
        uint64_t begin, earliest = UINT64_MAX;

        if (level == WHEEL_LEVELS) {
            return UINT64_MAX;
        }
        digit = (unsigned)__builtin_ctzll(w->occupied[level]);
        slot = &w->slot[level * WHEEL_SLOTS + digit];
        begin = slot_begin(w, level, digit);
        for (struct list *l = slot->next; l != slot && looked < LOOK_MAX; l = l->next, looked++) {
            uint64_t at = tick_from(list_entry(l, struct timer, link)->at_ns);
            earliest = at < earliest ? at : earliest;
        }
        tick = looked < LOOK_MAX && earliest > begin ? earliest : begin;
    }
    return tick_to_ns(tick) > w->now_ns ? tick_to_ns(tick) : w->now_ns;
}
