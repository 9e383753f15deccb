/* Measurements: see measure.h. */
#include "sim/measure.h"

#include <stdlib.h>
#include <string.h>

#include "sim/options.h"

#define MARK_LEAST    4500 /* three packets */
#define BUFFER_FACTOR 4    /* socket buffers hold so many products of rate and round trip */
#define BUFFER_LEAST  (256U * 1024)
#define BUFFER_MOST   (1U << 29)

static uint64_t product(uint64_t rate_bps, uint64_t ns)
{
    return (uint64_t)((double)rate_bps / 8 * ((double)ns / 1e9));
}

/* Buffers that are never what holds a flow back. */
static void size_buffers(const struct measure *m, struct la_tcp_options *o)
{
    uint64_t rtt_ns = m->rtt_other_ns > m->rtt_ns ? m->rtt_other_ns : m->rtt_ns;
    uint64_t bytes = product(m->rate_bps, rtt_ns) * BUFFER_FACTOR;
    bytes += product(m->rate_bps, rtt_ns) * m->queue_bdp_ppm / 1000000;
    bytes = bytes < BUFFER_LEAST ? BUFFER_LEAST : bytes > BUFFER_MOST ? BUFFER_MOST : bytes;
    o->sndbuf_bytes = o->rcvbuf_bytes = (uint32_t)bytes;
}

static void make_bottleneck(const struct measure *m, struct plan *plan, unsigned router,
                            unsigned server)
{
    struct plan_link *l = &plan->links[plan_add_link(plan, router, server)];
    struct la_impair *how = &l->lane[0];
    how->rate_bps = m->rate_bps;
    how->queue_bdp_ppm = m->queue_bdp_ppm;
    how->rtt_ns = m->rtt_ns;
    how->loss_ppm = m->loss_ppm;
    how->reorder_ppm = m->reorder_ppm;
    how->reorder_up_to_ns = m->reorder_ppm ? m->reorder_ns : 0;
    if (m->mark_bdp_ppm > 0) {
        how->mark_bytes = product(m->rate_bps, m->rtt_ns) * m->mark_bdp_ppm / 1000000;
        how->mark_bytes = how->mark_bytes < MARK_LEAST ? MARK_LEAST : how->mark_bytes;
    }
    for (unsigned side = 0; side < 2; side++)
        l->lane[side].delay_ns = m->rtt_ns / 4;
}

static void make_sender(const struct measure *m, struct plan *plan, unsigned i, unsigned server,
                        unsigned router)
{
    char name[PLAN_NAME];
    uint64_t rtt_ns = i % 2 && m->rtt_other_ns ? m->rtt_other_ns : m->rtt_ns;
    const char *cc = i % 2 && m->cc_other ? m->cc_other : m->cc;
    struct plan_link *l = &plan->links[plan_add_link(plan, i, router)];
    uint64_t left_ns = rtt_ns / 2 > m->rtt_ns / 4 ? rtt_ns / 2 - m->rtt_ns / 4 : 0;
    l->lane[0].delay_ns = l->lane[1].delay_ns = left_ns;
    snprintf(name, sizeof(name), "f%u", i);
    struct plan_flow *f = &plan->flows[plan_add_flow(plan, name, i, server)];
    f->port = (uint16_t)(80 + i);
    f->spread_ns = m->flows > 1 ? m->rtt_ns : 0;
    f->bytes[0] = m->bytes ? m->bytes : PLAN_ENDLESS;
    f->for_ns = m->bytes ? 0 : m->for_ns;
    f->repeat = m->bytes && m->repeat ? m->repeat : 1;
    f->gap_ns = m->rtt_ns;
    f->form[0] = PLAN_FORM_LENT;
    f->form[1] = PLAN_FORM_IN_PLACE;
    for (unsigned end = 0; end < 2; end++) {
        size_buffers(m, &f->options[end]);
        f->options[end].nodelay = true;
        if (cc)
            option_set_cc(&f->options[end], cc);
        option_set_ecn(&f->options[end], m->mark_bdp_ppm ? LA_ECN_ACCURATE : LA_ECN_OFF);
    }
}

static void make_plan(const struct measure *m, struct plan *plan)
{
    char name[PLAN_NAME];
    plan_init(plan);
    plan->seed = m->seed;
    plan->end_ns = m->bytes ? PLAN_NEVER : m->for_ns;
    unsigned flows = m->flows < 1 ? 1 : m->flows > MEASURE_FLOWS ? MEASURE_FLOWS : m->flows;
    for (unsigned i = 0; i < flows; i++) {
        snprintf(name, sizeof(name), "c%u", i);
        plan_add_node(plan, name, false);
    }
    unsigned server = (unsigned)plan_add_node(plan, "s", false);
    unsigned router = (unsigned)plan_add_node(plan, "r", true);
    uint64_t packet_ns = UINT64_C(1500) * 8 * (uint64_t)LA_NS_PER_S / m->rate_bps;
    for (unsigned i = 0; i <= server; i++) {
        plan->nodes[i].jitter_ns = packet_ns;
        plan->nodes[i].memory_max = UINT64_C(8) << 30;
    }
    make_bottleneck(m, plan, router, server);
    for (unsigned i = 0; i < flows; i++)
        make_sender(m, plan, i, server, router);
}

static void gather(const struct measure *m, const struct sim_result *r, struct measured *out)
{
    uint64_t fct_ns = 0, measured = 0;
    uint32_t connections = 0;
    for (unsigned i = 0; i < r->flows_count; i++) {
        const struct sim_flow_result *f = &r->flows[i];
        out->bytes += f->bytes[0];
        measured += f->measured[0];
        out->rtx_bytes += f->rtx_bytes[0];
        out->spurious_bytes += f->spurious_bytes[0];
        out->timeouts += f->timeouts[0];
        out->recoveries += f->recoveries[0];
        out->undone += f->undone[0];
        fct_ns += f->fct_sum_ns;
        connections += f->connections;
        if (f->fct_ns > out->fct_worst_ns)
            out->fct_worst_ns = f->fct_ns;
    }
    uint64_t ns = r->end_ns - m->warm_up_ns;
    out->jain = sim_jain(r, 0, r->flows_count - 1);
    out->fct_ns = connections ? fct_ns / connections : 0;
    if (m->bytes)
        out->goodput_bps = out->fct_ns ? (double)m->bytes * 8e9 / (double)out->fct_ns : 0;
    else
        out->goodput_bps = ns ? (double)measured * 8e9 / (double)ns : 0;
}

bool measure_run(const struct measure *m, struct measured *out)
{
    struct plan *plan = malloc(sizeof(*plan));
    struct sim_result *r = malloc(sizeof(*r));
    struct sim_watch watch = {.measure_from_ns = m->warm_up_ns, .unchecked = true};
    memset(out, 0, sizeof(*out));
    bool good = plan && r;
    if (good) {
        make_plan(m, plan);
        good = sim_run(plan, &watch, r);
    }
    if (good) {
        gather(m, r, out);
        out->failed = r->broken;
        snprintf(out->why, sizeof(out->why), "%.60s: %.90s", r->kind, r->violation);
    }
    free(plan);
    free(r);
    return good;
}
