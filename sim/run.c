/* The run: the loop, acts and starts, the end. See sim.h and world.h. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "sim/check.h"
#include "sim/figure.h"
#include "sim/ledger.h"
#include "sim/world.h"

#define EVENTS_MAX UINT64_C(2000000000)
#define LINGER_MAX_NS \
    (4 * 3600 * LA_NS_PER_S) /* what lingers after the last close is over by then */

void world_broken(struct world *w, const char *kind, const char *format, ...)
{
    struct sim_result *r = w->result;
    va_list args;
    va_start(args, format);
    vsnprintf(r->violation, sizeof(r->violation), format, args);
    va_end(args);
    snprintf(r->kind, sizeof(r->kind), "%s", kind);
    r->broken = true;
    r->violated_ns = w->now_ns;
    longjmp(w->broken, 1);
}

void world_prng(const struct world *w, struct prng *p, unsigned kind, unsigned number)
{
    uint8_t key[32] = {0};
    memcpy(key, &w->plan->seed, sizeof(w->plan->seed));
    key[8] = (uint8_t)kind;
    memcpy(key + 12, &number, sizeof(number));
    prng_seed(p, key);
}

static void sum_up(struct world *w)
{
    struct sim_result *r = w->result;
    r->events = w->events;
    r->packets = w->packets;
    r->hash = w->hash;
    r->end_ns = w->now_ns;
    r->dropped = r->marked = 0;
    for (unsigned i = 0; i < 2U * w->plan->links_count; i++) {
        r->marked += w->lanes[i].lane.counts.marked;
        for (unsigned fate = LANE_PASSED + 1; fate < LANE_FATE_COUNT; fate++)
            r->dropped += w->lanes[i].lane.counts.fate[fate];
    }
    for (unsigned i = 0; i < w->plan->flows_count; i++) {
        struct sim_flow_result *f = &r->flows[i];
        const struct flow_end *e = &w->flows[i].end[f->bytes[1] > f->bytes[0]];
        f->rtt_min_us = e->rtt_count ? e->rtt_min_us : 0;
        f->rtt_avg_us = e->rtt_count ? (uint32_t)(e->rtt_sum_us / e->rtt_count) : 0;
        if (!w->flows[i].over)
            f->ended_ns = w->now_ns;
    }
}

/* ---- the script: acts and starts of flows --------------------------------------------------- */

static uint64_t script_at(const struct world *w, const struct node *node)
{
    (void)node;
    uint64_t at_ns = UINT64_MAX;
    if (w->acts_done < w->plan->acts_count)
        at_ns = w->plan->acts[w->acts_order[w->acts_done]].at_ns;
    for (unsigned i = 0; i < w->plan->flows_count; i++) {
        const struct flow *f = &w->flows[i];
        if (!f->running && !f->over && f->start_ns < at_ns)
            at_ns = f->start_ns;
    }
    for (unsigned i = 0; i < w->plan->expects_count; i++) {
        const struct plan_expect *e = &w->plan->expects[i];
        if (!w->expected[i] && e->at_ns < at_ns)
            at_ns = e->at_ns;
    }
    if (w->flows_over == w->plan->flows_count && !w->ending && !w->plan->keeps_listening)
        at_ns = w->now_ns;
    return at_ns;
}

/* What is to hold now, or at the end. */
static void expect(struct world *w, bool end)
{
    char text[400], line[40];
    for (unsigned i = 0; i < w->plan->expects_count; i++) {
        const struct plan_expect *e = &w->plan->expects[i];
        if (w->expected[i] || e->at_ns > w->now_ns + (end ? UINT64_MAX - w->now_ns : 0))
            continue;
        w->expected[i] = true;
        snprintf(line, sizeof(line), "expectation in line %u", e->line);
        if (!figure_holds(w->plan, w->result, e, text, sizeof(text)))
            world_broken(w, line, "%s", text);
    }
}

static void act_on_link(struct world *w, const struct plan_act *a)
{
    for (unsigned side = 0; side < 2; side++) {
        struct sim_lane *l = &w->lanes[2 * a->what + side];
        if (!(a->end & (1U << side)))
            continue;
        if (a->kind == PLAN_ACT_DOWN || a->kind == PLAN_ACT_UP)
            lane_down(&l->lane, a->kind == PLAN_ACT_DOWN);
        else if (a->kind == PLAN_ACT_MASK)
            lane_mask(&l->lane, a->data_only ? 0 : a->value, a->data_only ? a->value : 0);
        else if (a->kind == PLAN_ACT_LATE)
            lane_late(&l->lane, a->data_only ? 0 : a->value, a->data_only ? a->value : 0,
                      a->late_ns);
        else
            lane_change(&l->lane, &a->lane, w->now_ns);
        net_moved(w, l);
    }
}

static void act_listen(struct world *w, struct host *h, const struct plan_act *a)
{
    struct la_tcp_options options = h->plan->options;
    options.reuse_addr = a->reuse_addr;
    host_tick(w, h);
    if (a->kind == PLAN_ACT_UNLISTEN)
        host_unlisten(w, h, (uint16_t)a->value);
    else
        (void)host_listen(w, h, (uint16_t)a->value, &options, false);
    host_wake(w, h, w->now_ns);
}

static void act(struct world *w, const struct plan_act *a)
{
    struct host *h = &w->hosts[a->what];
    switch (a->kind) {
    case PLAN_ACT_DOWN:
    case PLAN_ACT_UP:
    case PLAN_ACT_LANE:
    case PLAN_ACT_MASK:
    case PLAN_ACT_LATE:
        act_on_link(w, a);
        break;
    case PLAN_ACT_CLOCK:
        h->clock_ns += (int64_t)a->value;
        host_moved(w, h);
        break;
    case PLAN_ACT_MEMORY:
        h->memory.failing = a->value != 0;
        break;
    case PLAN_ACT_CRASH:
        host_crash(w, h);
        break;
    case PLAN_ACT_BOOT:
        host_boot(w, h);
        break;
    case PLAN_ACT_LISTEN:
    case PLAN_ACT_UNLISTEN:
        act_listen(w, h, a);
        break;
    case PLAN_ACT_FORGE:
        forge_syn(w, h, a);
        break;
    default:
        flow_act(&w->flows[a->what], a);
        break;
    }
}

/* Everything is over but what lingers: nobody listens any more. */
static void end_begins(struct world *w)
{
    w->ending = true;
    for (unsigned i = 0; i < w->plan->nodes_count; i++) {
        struct host *h = &w->hosts[i];
        if (w->plan->nodes[i].router)
            continue;
        if (h->wrong)
            continue;
        host_tick(w, h);
        for (unsigned l = 0; l < h->listeners_count; l++) {
            if (!h->listeners[l].handle)
                continue;
            flow_accept(w, h, h->listeners[l].handle);
            la_tcp_close(h->stack, h->listeners[l].handle);
            h->listeners[l].handle = 0;
        }
        host_wake(w, h, w->now_ns);
    }
}

static void script_run(struct world *w, struct node *node)
{
    while (w->acts_done < w->plan->acts_count) {
        const struct plan_act *a = &w->plan->acts[w->acts_order[w->acts_done]];
        if (a->at_ns > w->now_ns)
            break;
        w->acts_done++;
        act(w, a);
    }
    sum_up(w);
    expect(w, false);
    for (unsigned i = 0; i < w->plan->flows_count; i++) {
        struct flow *f = &w->flows[i];
        if (!f->running && !f->over && f->start_ns <= w->now_ns)
            flow_start(f);
    }
    if (w->flows_over == w->plan->flows_count && !w->ending && !w->plan->keeps_listening)
        end_begins(w);
    queue_move(&w->queue, node, script_at(w, node));
}

static const struct node_ops script_ops = {NULL, script_at, script_run};

static void sort_acts(struct world *w)
{
    for (unsigned i = 0; i < w->plan->acts_count; i++) {
        unsigned at = i;
        while (at > 0 && w->plan->acts[w->acts_order[at - 1]].at_ns > w->plan->acts[i].at_ns) {
            w->acts_order[at] = w->acts_order[at - 1];
            at--;
        }
        w->acts_order[at] = (uint16_t)i;
    }
}

/* ---- the loop ------------------------------------------------------------------------------- */

static bool world_open(struct world *w)
{
    if ((w->watch->packet || w->watch->trace || w->watch->wire) &&
        !(w->copies = malloc(HOST_BATCH * (size_t)LA_BUF_MAX)))
        return false;
    for (unsigned i = 0; i < w->plan->nodes_count; i++)
        if (!w->plan->nodes[i].router && !host_open(w, i))
            return false;
    net_open(w);
    w->script.ops = &script_ops;
    w->script.id = PLAN_NODES + 2 * PLAN_LINKS;
    queue_add(&w->queue, &w->script);
    sort_acts(w);
    for (unsigned i = 0; i < w->plan->flows_count; i++)
        flow_init(w, i);
    for (unsigned i = 0; i < w->plan->nodes_count; i++)
        if (!w->plan->nodes[i].router)
            host_moved(w, &w->hosts[i]);
    queue_move(&w->queue, &w->script, script_at(w, &w->script));
    return true;
}

/* Some flow is not over though it had all the time in the world. */
static void not_over(struct world *w)
{
    for (unsigned i = 0; i < w->plan->flows_count; i++) {
        const struct flow *f = &w->flows[i];
        if (f->over)
            continue;
        world_broken(w, "I11 does not end",
                     "%s: %llu of %llu bytes up, %llu of %llu down, states %u and %u",
                     f->plan->name, (unsigned long long)f->stream[0].read,
                     (unsigned long long)f->stream[0].total, (unsigned long long)f->stream[1].read,
                     (unsigned long long)f->stream[1].total, w->result->flows[i].state[0],
                     w->result->flows[i].state[1]);
    }
    world_broken(w, "I11 does not end", "connections linger on");
}

static bool give_up(struct world *w)
{
    bool any = false;
    for (unsigned i = 0; i < w->plan->flows_count; i++)
        any |= flow_give_up(&w->flows[i]);
    return any;
}

static void loop(struct world *w)
{
    uint64_t limit_ns = w->plan->limit_ns;
    uint64_t events_max = w->watch->events_max ? w->watch->events_max : EVENTS_MAX;
    for (;;) {
        struct node *node = w->queue.heap[0];
        bool waiting = w->flows_over < w->plan->flows_count;
        if (node->at_ns >= w->plan->end_ns && w->plan->end_ns != PLAN_NEVER &&
            (waiting || node->at_ns != UINT64_MAX)) {
            w->now_ns = w->plan->end_ns;
            w->result->kept_going = true;
            return;
        }
        if (node->at_ns == UINT64_MAX && w->plan->keeps_listening) {
            w->now_ns = w->plan->end_ns;
            w->result->kept_going = true;
            return;
        }
        if (node->at_ns == UINT64_MAX && !waiting)
            return;
        if (node->at_ns == UINT64_MAX && give_up(w))
            continue;
        if (node->at_ns > limit_ns || w->events > events_max)
            not_over(w);
        w->now_ns = node->at_ns;
        w->events++;
        node->ops->run(w, node);
        if (!waiting && !w->plan->keeps_listening && limit_ns == w->plan->limit_ns &&
            limit_ns != PLAN_NEVER)
            limit_ns = w->now_ns + LINGER_MAX_NS;
    }
}

/* Nothing may be left, and all memory comes back. */
static void last_checks(struct world *w)
{
    for (unsigned i = 0; i < w->plan->nodes_count; i++) {
        struct host *h = &w->hosts[i];
        if (w->plan->nodes[i].router || h->wrong)
            continue;
        host_records(w, h);
        if (!w->result->kept_going && !w->watch->unchecked)
            check_idle(w, h);
        while (h->inbox_count > 0) {
            la_buf_put(h->stack, h->inbox[h->inbox_first].buf);
            h->inbox_first = (h->inbox_first + 1) % h->inbox_room;
            h->inbox_count--;
        }
        la_stack_destroy(h->stack);
        h->stack = NULL;
        if (h->memory.held_bytes != 0)
            world_broken(w, "I31 memory is held", "%s: %llu bytes after the stack was destroyed",
                         h->plan->name, (unsigned long long)h->memory.held_bytes);
    }
}

static void world_close(struct world *w)
{
    net_close(w);
    for (unsigned i = 0; i < w->plan->nodes_count; i++) {
        if (w->hosts[i].wrong)
            w->watch->wrong->close(&w->hosts[i]);
        host_close(&w->hosts[i]);
    }
    free(w->copies);
    free(w);
}

bool sim_run(const struct plan *plan, const struct sim_watch *watch, struct sim_result *result)
{
    static const struct sim_watch nobody;
    struct la_message why;
    memset(result, 0, sizeof(*result));
    if (!plan_check(plan, &why))
        return false;
    struct world *w = calloc(1, sizeof(*w));
    if (!w)
        return false;
    ledger_init();
    w->plan = plan;
    w->watch = watch ? watch : &nobody;
    w->result = result;
    w->hash = plan->seed;
    result->flows_count = plan->flows_count;
    volatile bool made = true;
    if (setjmp(w->broken) == 0) {
        made = world_open(w);
        if (made) {
            loop(w);
            sum_up(w);
            expect(w, true);
            last_checks(w);
        }
    }
    sum_up(w);
    world_close(w);
    return made;
}
