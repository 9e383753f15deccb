/* Connections that have stopped sending give the memory of their recovery back (tcp/flight.h):
 * after a while, or at once when another one needs it.
 *
 * The idle ones stand in a list in the order in which they became idle. Nobody is woken for it: the
 * list is looked at whenever a timer runs anyway. */
#include "stack/stack.h"

#include "tcp/flight.h"

#define IDLE_NS (10 * UINT64_C(1000000000)) /* as long as a round-trip minimum is good for */

static void drop_oldest(struct la_stack *s)
{
    struct tcp_flight *f = slab_at(&s->flights, s->idle_flights.head);
    index_list_remove(&s->idle_flights, f->index);
    f->listed = false;
    tcp_flight_drop(f->owner, &s->env);
}

void stack_flight_changed(struct la_stack *s, const struct tcb *t)
{
    struct tcp_flight *f = t->flight;
    bool idle = tcp_flight_idle(t);
    if (idle == f->listed) {
        return;
    }
    f->listed = idle;
    f->idle_ns = s->env.now_ns;
    if (idle) {
        index_list_append(&s->idle_flights, f->index);
    } else {
        index_list_remove(&s->idle_flights, f->index);
    }
}

void stack_flight_forget(struct la_stack *s, const struct tcb *t)
{
    if (t->flight && t->flight->listed) {
        index_list_remove(&s->idle_flights, t->flight->index);
        t->flight->listed = false;
    }
}

void stack_flights_timeout(struct la_stack *s)
{
    while (s->idle_flights.head) {
        const struct tcp_flight *f = slab_at(&s->flights, s->idle_flights.head);
        if (f->idle_ns + IDLE_NS > s->env.now_ns) {
            return;
        }
        drop_oldest(s);
    }
}

bool stack_flights_spare(struct la_stack *s)
{
    if (!s->idle_flights.head) {
        return false;
    }
    drop_oldest(s);
    return true;
}
