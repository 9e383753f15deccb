/* Time: what is due, and when to look again. */
#include "stack/stack.h"

void stack_arm(struct la_stack *s, struct conn *c)
{
    uint64_t at_ns = tcp_deadline(&c->tcb);
    if (at_ns != TCP_NEVER && !(c->bits & CONN_WAIT)) {
        wheel_arm(&s->wheel, &c->timer, at_ns);
    }
}

/* Deadlines are lazy: a timer that fires looks at what is really due and files itself again. */
static void fired(struct la_stack *s, struct timer *timer)
{
    struct conn *c = list_entry(timer, struct conn, timer);
    if (tcp_deadline(&c->tcb) > s->env.now_ns) {
        stack_arm(s, c);
        return;
    }
    tcp_timeout(&c->tcb, &s->env);
    stack_touch(s, c->index);
}

void la_stack_timeout(struct la_stack *s, uint64_t now_ns)
{
    struct timer *timer;

    stack_clock(s, now_ns);
    while ((timer = wheel_pop(&s->wheel, s->env.now_ns)) != NULL) {
        fired(s, timer);
    }
    stack_flush_touched(s);
    stack_half_open_timeout(s);
    stack_wait_timeout(s);
    stack_flights_timeout(s);
    ip_timeout(&s->ip, s->env.now_ns);
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t la_stack_next_deadline(const struct la_stack *s)
{
    uint64_t at_ns = sooner(wheel_next(&s->wheel), ip_next_deadline(&s->ip));
    for (unsigned i = 0; i <= HALF_OPEN_RETRIES; i++) {
        uint32_t head = s->half_lists[i].head;
        if (head) {
            at_ns = sooner(at_ns, stack_ms_deadline(s, stack_half_open_at(s, head)->deadline_ms));
        }
    }
    if (s->waits.head) {
        uint32_t at_ms = stack_time_wait_at(s, s->waits.head)->deadline_ms;
        at_ns = sooner(at_ns, stack_ms_deadline(s, at_ms));
    }
    return at_ns;
}
