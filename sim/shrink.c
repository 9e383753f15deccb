/* Cuts and shrinking: see shrink.h. */
#include "sim/shrink.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sim/options.h"

/* ---- what can be switched off --------------------------------------------------------------- */

typedef void (*lane_cut)(struct la_impair *how);
typedef void (*node_cut)(struct plan_node *node);
typedef void (*flow_cut)(struct plan_flow *flow);
typedef void (*option_cut)(struct la_tcp_options *options, const struct la_tcp_options *usual);

static void no_loss(struct la_impair *how)
{
    how->loss_ppm = 0;
}
static void no_burst(struct la_impair *how)
{
    how->burst_ppm = how->burst_end_ppm = how->burst_loss_ppm = 0;
}
static void no_mask(struct la_impair *how)
{
    how->loss_mask = how->loss_mask_data = 0;
}
static void no_dup(struct la_impair *how)
{
    how->duplicate_ppm = 0;
}
static void no_corrupt(struct la_impair *how)
{
    how->corrupt_ppm = 0;
}
static void no_reorder(struct la_impair *how)
{
    how->reorder_ppm = 0;
    how->reorder_ns = how->reorder_up_to_ns = 0;
}
static void no_jitter(struct la_impair *how)
{
    how->jitter_ns = how->scatter_ns = 0;
}
static void no_mark(struct la_impair *how)
{
    how->mark_frames = 0;
    how->mark_bytes = how->mark_sojourn_ns = 0;
}
static void no_mtu(struct la_impair *how)
{
    how->mtu = how->mtu_icmp = 0;
}
static void no_rate(struct la_impair *how)
{
    how->rate_bps = 0;
    how->queue_frames = how->queue_bdp_ppm = 0;
    how->queue_bytes = 0;
    no_mark(how);
}
static void no_delay(struct la_impair *how)
{
    how->delay_ns = 0;
}

static void no_host_jitter(struct plan_node *n)
{
    n->jitter_ns = 0;
}
static void no_coalesce(struct plan_node *n)
{
    n->coalesce_ns = 0;
}
static void no_offload(struct plan_node *n)
{
    n->offload = false;
}
static void no_ethernet(struct plan_node *n)
{
    n->ethernet = false;
}
static void no_slow_path(struct plan_node *n)
{
    n->no_fast_path = false;
}
static void no_cookies(struct plan_node *n)
{
    n->cookies = LA_COOKIES_AUTO;
}
static void no_fail(struct plan_node *n)
{
    n->fail_from = n->fail_to = n->fail_every = 0;
}
static void no_host_mtu(struct plan_node *n)
{
    n->mtu = 1500;
}

static void no_v6(struct plan_flow *f)
{
    f->v6 = false;
}
static void no_rounds(struct plan_flow *f)
{
    f->rounds = 0;
}
static void no_pace(struct plan_flow *f)
{
    for (unsigned end = 0; end < 2; end++) {
        f->chunk[end] = 0;
        f->every_ns[end] = 0;
    }
}
static void no_slow_reader(struct plan_flow *f)
{
    for (unsigned end = 0; end < 2; end++) {
        f->read[end] = 0;
        f->read_ns[end] = f->read_late[end] = 0;
    }
}
static void no_forms(struct plan_flow *f)
{
    f->form[0] = f->form[1] = PLAN_FORM_COPY;
}
static void no_crossed(struct plan_flow *f)
{
    f->crossed = false;
}
static void no_spread(struct plan_flow *f)
{
    f->spread_ns = 0;
}
static void no_reply(struct plan_flow *f)
{
    if (f->rounds == 0)
        f->bytes[1] = 0;
}
static void no_ending(struct plan_flow *f)
{
    f->ending = PLAN_END_HALF_CLOSE;
}

static void no_sack(struct la_tcp_options *o, const struct la_tcp_options *usual)
{
    (void)usual;
    o->sack = false;
}
static void no_timestamps(struct la_tcp_options *o, const struct la_tcp_options *usual)
{
    (void)usual;
    o->timestamps = false;
}
static void no_wscale(struct la_tcp_options *o, const struct la_tcp_options *usual)
{
    (void)usual;
    o->window_scale = false;
}
static void no_nodelay(struct la_tcp_options *o, const struct la_tcp_options *usual)
{
    o->nodelay = usual->nodelay;
}
static void no_buffers(struct la_tcp_options *o, const struct la_tcp_options *usual)
{
    o->sndbuf_bytes = usual->sndbuf_bytes;
    o->rcvbuf_bytes = usual->rcvbuf_bytes;
}
static void no_mss(struct la_tcp_options *o, const struct la_tcp_options *usual)
{
    o->mss_max = usual->mss_max;
}
static void no_delack(struct la_tcp_options *o, const struct la_tcp_options *usual)
{
    o->delack_ms = usual->delack_ms;
}
static void no_rto_min(struct la_tcp_options *o, const struct la_tcp_options *usual)
{
    o->rto_min_ms = usual->rto_min_ms;
}
static void no_cc(struct la_tcp_options *o, const struct la_tcp_options *usual)
{
    (void)usual;
    option_set_cc(o, "newreno");
}
static void no_ecn(struct la_tcp_options *o, const struct la_tcp_options *usual)
{
    (void)usual;
    option_set_ecn(o, 0);
}
static void no_pacing(struct la_tcp_options *o, const struct la_tcp_options *usual)
{
    (void)usual;
    option_set_pacing(o, false);
}

#define ACTS(kind) (1U << (kind))

/* Each has a function for one kind of part, or a set of acts. */
static const struct cut_row {
    const char *name;
    lane_cut lane;
    node_cut node;
    flow_cut flow;
    option_cut option;
    uint32_t acts;
} cuts[] = {
    {"loss", no_loss, NULL, NULL, NULL, 0},
    {"burst", no_burst, NULL, NULL, NULL, 0},
    {"mask", no_mask, NULL, NULL, NULL, ACTS(PLAN_ACT_MASK) | ACTS(PLAN_ACT_LATE)},
    {"dup", no_dup, NULL, NULL, NULL, 0},
    {"corrupt", no_corrupt, NULL, NULL, NULL, 0},
    {"reorder", no_reorder, NULL, NULL, NULL, 0},
    {"jitter", no_jitter, NULL, NULL, NULL, 0},
    {"mark", no_mark, NULL, NULL, NULL, 0},
    {"link-mtu", no_mtu, NULL, NULL, NULL, 0},
    {"rate", no_rate, NULL, NULL, NULL, 0},
    {"delay", no_delay, NULL, NULL, NULL, 0},
    {"down", NULL, NULL, NULL, NULL, ACTS(PLAN_ACT_DOWN) | ACTS(PLAN_ACT_UP)},
    {"clock", NULL, NULL, NULL, NULL, ACTS(PLAN_ACT_CLOCK)},
    {"memory", NULL, no_fail, NULL, NULL, ACTS(PLAN_ACT_MEMORY)},
    {"host-jitter", NULL, no_host_jitter, NULL, NULL, 0},
    {"coalesce", NULL, no_coalesce, NULL, NULL, 0},
    {"offload", NULL, no_offload, NULL, NULL, 0},
    {"ethernet", NULL, no_ethernet, NULL, NULL, 0},
    {"slow-path", NULL, no_slow_path, NULL, NULL, 0},
    {"cookies", NULL, no_cookies, NULL, NULL, 0},
    {"host-mtu", NULL, no_host_mtu, NULL, NULL, 0},
    {"ipv6", NULL, NULL, no_v6, NULL, 0},
    {"rounds", NULL, NULL, no_rounds, NULL, 0},
    {"pace", NULL, NULL, no_pace, NULL, 0},
    {"slow-reader", NULL, NULL, no_slow_reader, NULL, 0},
    {"forms", NULL, NULL, no_forms, NULL, 0},
    {"crossed", NULL, NULL, no_crossed, NULL, 0},
    {"spread", NULL, NULL, no_spread, NULL, 0},
    {"reply", NULL, NULL, no_reply, NULL, 0},
    {"ending", NULL, NULL, no_ending, NULL, 0},
    {"sack", NULL, NULL, NULL, no_sack, 0},
    {"timestamps", NULL, NULL, NULL, no_timestamps, 0},
    {"wscale", NULL, NULL, NULL, no_wscale, 0},
    {"nodelay", NULL, NULL, NULL, no_nodelay, 0},
    {"buffers", NULL, NULL, NULL, no_buffers, 0},
    {"mss", NULL, NULL, NULL, no_mss, 0},
    {"delack", NULL, NULL, NULL, no_delack, 0},
    {"rto-min", NULL, NULL, NULL, no_rto_min, 0},
    {"cc", NULL, NULL, NULL, no_cc, 0},
    {"ecn", NULL, NULL, NULL, no_ecn, 0},
    {"pacing", NULL, NULL, NULL, no_pacing, 0},
};

_Static_assert(LA_ARRAY_LEN(cuts) <= 64, "a cut is a bit");

const char *cut_name(unsigned n)
{
    return n < LA_ARRAY_LEN(cuts) ? cuts[n].name : NULL;
}

int cut_find(const char *name)
{
    for (unsigned i = 0; i < LA_ARRAY_LEN(cuts); i++)
        if (strcmp(cuts[i].name, name) == 0)
            return (int)i;
    return -1;
}

/* ---- cutting -------------------------------------------------------------------------------- */

static void drop_acts(struct plan *plan, uint32_t kinds)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < plan->acts_count; i++)
        if (!(kinds & (1U << plan->acts[i].kind)))
            plan->acts[kept++] = plan->acts[i];
    plan->acts_count = (uint16_t)kept;
}

static void apply_row(struct plan *plan, const struct cut_row *row,
                      const struct la_tcp_options *usual)
{
    for (unsigned i = 0; row->lane && i < plan->links_count; i++) {
        row->lane(&plan->links[i].lane[0]);
        row->lane(&plan->links[i].lane[1]);
    }
    for (unsigned i = 0; i < plan->nodes_count; i++) {
        if (row->node)
            row->node(&plan->nodes[i]);
        if (row->option)
            row->option(&plan->nodes[i].options, usual);
    }
    for (unsigned i = 0; i < plan->flows_count; i++) {
        if (row->flow)
            row->flow(&plan->flows[i]);
        for (unsigned end = 0; row->option && end < 2; end++)
            row->option(&plan->flows[i].options[end], usual);
    }
    drop_acts(plan, row->acts);
}

/* Flows that go leave their number to nobody: ports and seeds of the others stay. Acts and
 * expectations about them go with them. */
static void keep_flows(struct plan *plan, uint64_t keep)
{
    uint16_t to[PLAN_FLOWS];
    unsigned kept = 0, n = 0;
    for (unsigned i = 0; i < plan->flows_count; i++) {
        bool stays = i >= 64 || (keep & (UINT64_C(1) << i)) != 0;
        to[i] = stays ? (uint16_t)kept : UINT16_MAX;
        if (stays)
            plan->flows[kept++] = plan->flows[i];
    }
    for (unsigned i = 0; i < plan->acts_count; i++) {
        struct plan_act a = plan->acts[i];
        if (a.kind >= PLAN_ACT_SEND && to[a.what] == UINT16_MAX)
            continue;
        if (a.kind >= PLAN_ACT_SEND)
            a.what = to[a.what];
        plan->acts[n++] = a;
    }
    plan->acts_count = (uint16_t)n;
    n = 0;
    for (unsigned i = 0; i < plan->expects_count; i++) {
        struct plan_expect e = plan->expects[i];
        if (e.flow >= 0 && to[e.flow] == UINT16_MAX)
            continue;
        if (e.flow >= 0)
            e.flow = (int16_t)to[e.flow];
        plan->expects[n++] = e;
    }
    plan->expects_count = (uint16_t)n;
    n = 0;
    for (unsigned i = 0; i < plan->fates_count; i++) {
        struct plan_fate f = plan->fates[i];
        if (f.flow >= 0 && to[f.flow] == UINT16_MAX)
            continue;
        if (f.flow >= 0)
            f.flow = (int16_t)to[f.flow];
        plan->fates[n++] = f;
    }
    plan->fates_count = (uint16_t)n;
    plan->flows_count = (uint16_t)kept;
}

static void cap_bytes(struct plan_flow *f, uint64_t most)
{
    for (unsigned end = 0; end < 2; end++)
        if (f->bytes[end] != PLAN_ENDLESS && f->bytes[end] > most)
            f->bytes[end] = most;
    if (f->abort_after > most)
        f->abort_after = most;
}

void cut_apply(struct plan *plan, const struct plan_cut *cut)
{
    struct la_tcp_options usual;
    la_tcp_options_init(&usual);
    for (unsigned i = 0; i < LA_ARRAY_LEN(cuts); i++)
        if (cut->without & (UINT64_C(1) << i))
            apply_row(plan, &cuts[i], &usual);
    for (unsigned i = 0; i < plan->flows_count; i++) {
        if (cut->bytes_most > 0)
            cap_bytes(&plan->flows[i], cut->bytes_most);
        if (cut->repeat_most > 0 && plan->flows[i].repeat > cut->repeat_most)
            plan->flows[i].repeat = cut->repeat_most;
    }
    if (cut->flows != 0)
        keep_flows(plan, cut->flows);
}

void cut_format(const struct plan_cut *cut, char *text, size_t len)
{
    size_t at = 0;
    const char *before = " --without ";
    text[0] = '\0';
    for (unsigned i = 0; i < LA_ARRAY_LEN(cuts) && at < len; i++) {
        if (!(cut->without & (UINT64_C(1) << i)))
            continue;
        at += (size_t)snprintf(text + at, len - at, "%s%s", before, cuts[i].name);
        before = ",";
    }
    before = " --flows ";
    for (unsigned i = 0; i < 64 && cut->flows != 0 && at < len; i++) {
        if (!(cut->flows & (UINT64_C(1) << i)))
            continue;
        at += (size_t)snprintf(text + at, len - at, "%s%u", before, i);
        before = ",";
    }
    if (cut->bytes_most > 0 && at < len)
        at += (size_t)snprintf(text + at, len - at, " --bytes %llu",
                               (unsigned long long)cut->bytes_most);
    if (cut->repeat_most > 0 && at < len)
        snprintf(text + at, len - at, " --repeat %u", cut->repeat_most);
}

/* ---- shrinking ------------------------------------------------------------------------------ */

struct shrinking {
    const struct plan *plan;
    const char *kind;
    struct plan *trial;
    struct sim_result *trial_result, *result;
    struct plan_cut *cut;
    unsigned runs, runs_most;
};

/* Takes over `cut` if the run still fails the same way. */
static bool attempt(struct shrinking *s, const struct plan_cut *cut)
{
    if (s->runs >= s->runs_most)
        return false;
    *s->trial = *s->plan;
    cut_apply(s->trial, cut);
    s->runs++;
    if (!sim_run(s->trial, NULL, s->trial_result) || !s->trial_result->broken ||
        strcmp(s->trial_result->kind, s->kind) != 0)
        return false;
    *s->cut = *cut;
    *s->result = *s->trial_result;
    return true;
}

static void fewer_flows(struct shrinking *s)
{
    unsigned count = s->plan->flows_count < 64 ? s->plan->flows_count : 64;
    uint64_t all = count == 64 ? UINT64_MAX : (UINT64_C(1) << count) - 1;
    for (unsigned i = 0; i < count; i++) {
        struct plan_cut cut = *s->cut;
        cut.flows = (cut.flows ? cut.flows : all) & ~(UINT64_C(1) << i);
        if (cut.flows != 0)
            attempt(s, &cut);
    }
}

static uint64_t most_bytes(const struct plan *plan)
{
    uint64_t most = 0;
    for (unsigned i = 0; i < plan->flows_count; i++)
        for (unsigned end = 0; end < 2; end++)
            if (plan->flows[i].bytes[end] > most && plan->flows[i].bytes[end] != PLAN_ENDLESS)
                most = plan->flows[i].bytes[end];
    return most;
}

static void fewer_bytes(struct shrinking *s)
{
    for (uint64_t bytes = most_bytes(s->plan) / 2; bytes > 0; bytes /= 2) {
        struct plan_cut cut = *s->cut;
        if (cut.bytes_most != 0 && bytes >= cut.bytes_most)
            continue;
        cut.bytes_most = bytes;
        if (!attempt(s, &cut))
            break;
    }
}

static void fewer_connections(struct shrinking *s)
{
    bool several = false;
    for (unsigned i = 0; i < s->plan->flows_count; i++)
        several |= s->plan->flows[i].repeat > 1;
    struct plan_cut cut = *s->cut;
    cut.repeat_most = 1;
    if (several)
        attempt(s, &cut);
}

static void fewer_features(struct shrinking *s)
{
    for (unsigned i = 0; i < LA_ARRAY_LEN(cuts); i++) {
        struct plan_cut cut = *s->cut;
        cut.without |= UINT64_C(1) << i;
        if (cut.without != s->cut->without)
            attempt(s, &cut);
    }
}

/* Cuts that change nothing only make the command longer. */
static void drop_idle_cuts(struct shrinking *s)
{
    static struct plan with, without;
    with = *s->plan;
    cut_apply(&with, s->cut);
    for (unsigned i = 0; i < LA_ARRAY_LEN(cuts); i++) {
        struct plan_cut cut = *s->cut;
        if (!(cut.without & (UINT64_C(1) << i)))
            continue;
        cut.without &= ~(UINT64_C(1) << i);
        without = *s->plan;
        cut_apply(&without, &cut);
        if (memcmp(&with, &without, sizeof(with)) == 0)
            *s->cut = cut;
    }
}

unsigned shrink(const struct plan *plan, const char *kind, struct plan_cut *cut, unsigned runs,
                struct sim_result *result)
{
    struct shrinking s = {.plan = plan, .kind = kind, .cut = cut, .result = result};
    s.runs_most = runs;
    s.trial = malloc(sizeof(*s.trial));
    s.trial_result = malloc(sizeof(*s.trial_result));
    if (s.trial && s.trial_result) {
        fewer_flows(&s);
        fewer_connections(&s);
        fewer_features(&s);
        fewer_bytes(&s);
        fewer_features(&s); /* what was needed before may not be any more */
        drop_idle_cuts(&s);
    }
    free(s.trial);
    free(s.trial_result);
    return s.runs;
}
