/* Menus: see menu.h. Each part of a plan is drawn from a generator of its own, so that a change of
 * one part of a menu leaves the others of a seed as they were. */
#include "sim/menu.h"

#include <stdio.h>
#include <string.h>

#include "base/prng.h"
#include "sim/options.h"

struct menu {
    const char *name, *text;
    unsigned bad;       /* of a hundred: how likely is each impairment */
    unsigned trouble;   /* of a hundred: clocks, memory, partitions */
    unsigned odd;       /* of a hundred: unusual options and applications */
    unsigned flows_max; /* connections side by side */
    uint64_t bytes_max; /* of one direction */
    unsigned routers;   /* of a hundred: a topology of more than two hosts */
};

static const struct menu menus[] = {
    {"mixed", "a bit of everything", 22, 8, 30, 4, 1500000, 25},
    {"clean", "good wires, odd applications", 0, 0, 45, 5, 500000, 25},
    {"loss", "bulk over bad wires, usual applications", 45, 0, 5, 2, 4000000, 10},
    {"ends", "many short connections that end in every way", 20, 5, 60, 12, 20000, 10},
    {"wild", "everything at once, and all of it bad", 50, 35, 60, 6, 300000, 40},
};

#define MENUS (sizeof(menus) / sizeof(menus[0]))

const char *menu_name(unsigned n)
{
    return n < MENUS ? menus[n].name : NULL;
}

const char *menu_text(unsigned n)
{
    return n < MENUS ? menus[n].text : NULL;
}

int menu_find(const char *name)
{
    for (unsigned i = 0; i < MENUS; i++)
        if (strcmp(menus[i].name, name) == 0)
            return (int)i;
    return -1;
}

/* ---- drawing -------------------------------------------------------------------------------- */

static void place(struct prng *p, uint64_t seed, char what, unsigned number)
{
    uint8_t key[32] = {0};
    memcpy(key, &seed, sizeof(seed));
    key[8] = 'm';
    key[9] = (uint8_t)what;
    key[10] = (uint8_t)number;
    prng_seed(p, key);
}

static bool chance(struct prng *p, unsigned of_a_hundred)
{
    return prng_below(p, 100) < of_a_hundred;
}

static uint64_t between(struct prng *p, uint64_t least, uint64_t most)
{
    return least + prng_u64(p) % (most - least + 1);
}

/* Each power of two is as likely as the next. */
static uint64_t spread(struct prng *p, uint64_t least, uint64_t most)
{
    unsigned low = 63 - (unsigned)__builtin_clzll(least | 1);
    unsigned high = 63 - (unsigned)__builtin_clzll(most | 1);
    uint64_t power = UINT64_C(1) << between(p, low, high);
    uint64_t value = between(p, power, 2 * power - 1);
    return value < least ? least : value > most ? most : value;
}

static void draw_loss(struct prng *p, const struct menu *m, struct la_impair *how)
{
    if (chance(p, m->bad))
        how->loss_ppm = (uint32_t)spread(p, 100, 150000);
    if (chance(p, m->bad / 2)) {
        how->burst_ppm = (uint32_t)spread(p, 100, 30000);
        how->burst_end_ppm = (uint32_t)between(p, 100000, 900000);
        how->burst_loss_ppm = (uint32_t)between(p, 300000, 1000000);
    }
    if (chance(p, m->bad))
        how->duplicate_ppm = (uint32_t)spread(p, 100, 100000);
    if (chance(p, m->bad))
        how->corrupt_ppm = (uint32_t)spread(p, 100, 50000);
    if (chance(p, m->bad / 2))
        how->loss_mask = prng_u64(p) & prng_u64(p) & prng_u64(p);
    if (chance(p, m->bad / 2))
        how->loss_mask_data = prng_u64(p) & prng_u64(p) & prng_u64(p);
}

static void draw_order(struct prng *p, const struct menu *m, struct la_impair *how)
{
    uint64_t rtt_ns = 2 * how->delay_ns + LA_NS_PER_MS;
    if (chance(p, m->bad)) {
        how->reorder_ppm = (uint32_t)spread(p, 100, 200000);
        how->reorder_up_to_ns = spread(p, 1000, rtt_ns);
    }
    if (chance(p, m->bad / 2))
        how->jitter_ns = spread(p, 1000, rtt_ns);
    if (chance(p, m->bad / 3))
        how->scatter_ns = spread(p, 1000, rtt_ns);
}

/* No queue holds more than five seconds, or nothing would ever answer in time. */
static void draw_rate(struct prng *p, const struct menu *m, struct la_impair *how)
{
    if (chance(p, 15))
        return;
    how->rate_bps = spread(p, 128000, 1000000000);
    uint64_t most = how->rate_bps / 8 * 5 / 1500;
    how->queue_frames = (uint32_t)spread(p, 3, most < 3 ? 3 : most > 2000 ? 2000 : most);
    if (chance(p, 10 + m->bad / 2))
        how->mark_frames = (uint32_t)between(p, 1, how->queue_frames);
}

static void draw_link(struct prng *p, const struct menu *m, const struct plan *plan,
                      struct plan_link *link)
{
    bool alike = chance(p, 40);
    uint64_t delay_ns = chance(p, 10) ? 0 : spread(p, 10000, 200 * LA_NS_PER_MS);
    for (unsigned side = 0; side < 2; side++) {
        struct la_impair *how = &link->lane[side];
        if (side == 1 && alike) {
            *how = link->lane[0];
            continue;
        }
        how->delay_ns = delay_ns;
        draw_rate(p, m, how);
        draw_loss(p, m, how);
        draw_order(p, m, how);
        /* Two damaged bits on one way may cancel out in the checksum: one link does that. */
        if (link != &plan->links[plan->links_count - 1])
            how->corrupt_ppm = 0;
    }
    if (chance(p, m->bad / 3)) {
        uint32_t mtu = (uint32_t)between(p, 1280, 1500);
        bool told = chance(p, 80);
        for (unsigned side = 0; side < 2; side++)
            *(told ? &link->lane[side].mtu_icmp : &link->lane[side].mtu) = mtu;
    }
}

/* ---- hosts and their sockets ---------------------------------------------------------------- */

static void draw_options(struct prng *p, const struct menu *m, struct la_tcp_options *o)
{
    unsigned n = 0;
    while (option_cc(n))
        n++;
    if (n > 0 && chance(p, 70))
        option_set_cc(o, option_cc(prng_below(p, n)));
    option_set_ecn(o, chance(p, 30) ? prng_below(p, 4) : 0);
    option_set_pacing(o, chance(p, 20));
    o->sack = !chance(p, m->odd / 2);
    o->timestamps = !chance(p, m->odd / 2);
    o->window_scale = !chance(p, m->odd / 3);
    o->nodelay = chance(p, 30);
    if (chance(p, m->odd))
        o->rcvbuf_bytes = (uint32_t)spread(p, 2000, 2000000);
    if (chance(p, m->odd))
        o->sndbuf_bytes = (uint32_t)spread(p, 2000, 2000000);
    if (chance(p, m->odd / 2))
        o->mss_max = (uint16_t)between(p, 88, 1460);
    if (chance(p, m->odd / 2))
        o->delack_ms = (uint32_t)between(p, 1, 200);
    if (chance(p, m->odd / 3))
        o->rto_min_ms = (uint32_t)between(p, 10, 1000);
    o->backlog = 64;
}

static void draw_host(struct prng *p, const struct menu *m, struct plan_node *n)
{
    static const uint32_t mtus[] = {1500, 1500, 1500, 1280, 1400, 9000};
    n->mtu = mtus[prng_below(p, 6)];
    n->offload = chance(p, 50);
    n->no_fast_path = chance(p, 25);
    n->jitter_ns = spread(p, 100, 20000);
    if (chance(p, 25))
        n->coalesce_ns = spread(p, 1000, 500000);
    n->cookies = (uint8_t)(chance(p, 80) ? LA_COOKIES_AUTO : prng_below(p, 3));
    if (chance(p, m->trouble)) {
        n->fail_from = (uint32_t)between(p, 1, 40);
        n->fail_to = n->fail_from + prng_below(p, 20);
    }
    if (chance(p, m->trouble / 2))
        n->fail_every = (uint32_t)between(p, 2, 5);
    draw_options(p, m, &n->options);
}

/* Two hosts, a chain, or senders that share a way. */
static void draw_topology(struct prng *p, const struct menu *m, struct plan *plan, unsigned *hosts)
{
    bool more = chance(p, m->routers);
    unsigned senders = more ? prng_below(p, 4) + 1 : 1;
    unsigned routers = more ? prng_below(p, 2) + 1 : 0;
    bool ethernet = !more && chance(p, 25);
    char name[PLAN_NAME];
    for (unsigned i = 0; i < senders; i++) {
        snprintf(name, sizeof(name), "c%u", i);
        plan->nodes[plan_add_node(plan, name, false)].ethernet = ethernet;
    }
    plan->nodes[plan_add_node(plan, "s", false)].ethernet = ethernet;
    *hosts = senders + 1;
    unsigned server = senders, first = *hosts;
    for (unsigned i = 0; i < routers; i++) {
        snprintf(name, sizeof(name), "r%u", i);
        plan_add_node(plan, name, true);
    }
    if (routers == 0) {
        plan_add_link(plan, 0, 1);
        return;
    }
    for (unsigned i = 0; i < senders; i++)
        plan_add_link(plan, i, first);
    for (unsigned i = 1; i < routers; i++)
        plan_add_link(plan, first + i - 1, first + i);
    plan_add_link(plan, first + routers - 1, server);
}

/* ---- applications --------------------------------------------------------------------------- */

static void draw_pace(struct prng *p, const struct menu *m, struct plan_flow *f)
{
    for (unsigned side = 0; side < 2; side++) {
        f->form[side] = (uint8_t)prng_below(p, PLAN_FORMS);
        if (chance(p, m->odd))
            f->chunk[side] = (uint32_t)spread(p, 1, 20000);
        if (f->chunk[side] > 0 && chance(p, 50))
            f->every_ns[side] = spread(p, 10000, 300 * LA_NS_PER_MS);
        if (chance(p, m->odd / 2)) {
            f->read[side] = (uint32_t)spread(p, 500, 60000);
            f->read_ns[side] = spread(p, 10000, 300 * LA_NS_PER_MS);
        }
        if (chance(p, m->odd / 4))
            f->read_late[side] = spread(p, LA_NS_PER_MS, 10 * LA_NS_PER_S);
    }
}

/* At most 2,000 waits of a writer or reader, so that no seed takes an hour of virtual time. */
static void bound_pace(struct plan_flow *f)
{
    for (unsigned side = 0; side < 2; side++) {
        uint64_t all = f->bytes[side] * (f->rounds > 0 ? f->rounds : 1);
        uint64_t least = all / 2000 + 1;
        if (f->every_ns[side] > 0 && f->chunk[side] < least)
            f->chunk[side] = (uint32_t)least;
        if (f->read_ns[1 - side] > 0 && f->read[1 - side] < least)
            f->read[1 - side] = (uint32_t)least;
        if (f->chunk[side] > 0 && f->chunk[side] < all / 20000)
            f->chunk[side] = (uint32_t)(all / 20000);
    }
}

static uint8_t draw_ending(struct prng *p, const struct menu *m)
{
    static const uint8_t usual[] = {PLAN_END_HALF_CLOSE, PLAN_END_BOTH, PLAN_END_SERVER};
    if (chance(p, m->odd))
        return (uint8_t)prng_below(p, PLAN_END_STAY);
    return usual[prng_below(p, 3)];
}

static void draw_flow(struct prng *p, const struct menu *m, struct plan *plan, unsigned number,
                      unsigned senders)
{
    char name[PLAN_NAME];
    snprintf(name, sizeof(name), "f%u", number);
    unsigned client = prng_below(p, senders);
    unsigned ends[2] = {client, senders};
    bool turned = chance(p, 30);
    struct plan_flow *f = &plan->flows[plan_add_flow(plan, name, ends[turned], ends[1 - turned])];
    f->port = (uint16_t)(80 + number);
    f->v6 = chance(p, 40);
    f->crossed = chance(p, m->odd / 6);
    f->spread_ns = spread(p, 1000, 2 * LA_NS_PER_S);
    f->bytes[0] = spread(p, 1, m->bytes_max);
    f->bytes[1] = chance(p, 50) ? 0 : spread(p, 1, m->bytes_max);
    if (chance(p, 25)) {
        f->rounds = (uint32_t)between(p, 2, 20);
        f->bytes[0] = f->bytes[0] / f->rounds + 1;
        f->bytes[1] = f->bytes[1] / f->rounds + 1;
    }
    if (!f->crossed && chance(p, 20)) {
        f->repeat = (uint32_t)between(p, 2, 5);
        f->bytes[0] = f->bytes[0] / f->repeat + 1;
        f->bytes[1] /= f->repeat;
        f->bytes[1] += f->rounds > 0;
    }
    draw_pace(p, m, f);
    bound_pace(f);
    f->ending = draw_ending(p, m);
    f->abort_after = spread(p, 1, f->bytes[0]);
    for (unsigned side = 0; side < 2; side++) {
        if (chance(p, 50))
            draw_options(p, m, &f->options[side]);
    }
}

/* ---- trouble -------------------------------------------------------------------------------- */

static struct plan_act *add_act(struct plan *plan, struct prng *p, unsigned kind, unsigned what)
{
    struct plan_act *a = &plan->acts[plan->acts_count++];
    *a = (struct plan_act){.kind = (uint8_t)kind, .what = (uint16_t)what};
    a->at_ns = spread(p, LA_NS_PER_MS, 10 * LA_NS_PER_S);
    return a;
}

static void draw_trouble(struct prng *p, const struct menu *m, struct plan *plan, unsigned hosts)
{
    if (chance(p, m->trouble)) {
        unsigned link = prng_below(p, plan->links_count);
        uint64_t long_ns = spread(p, LA_NS_PER_MS, 20 * LA_NS_PER_S);
        struct plan_act *down = add_act(plan, p, PLAN_ACT_DOWN, link);
        struct plan_act *up = add_act(plan, p, PLAN_ACT_UP, link);
        down->end = up->end = (uint8_t)between(p, 1, 3);
        up->at_ns = down->at_ns + long_ns;
    }
    if (chance(p, m->bad / 2)) {
        struct plan_act *late = add_act(plan, p, PLAN_ACT_LATE, prng_below(p, plan->links_count));
        late->at_ns = 0;
        late->end = (uint8_t)between(p, 1, 2);
        late->value = prng_u64(p) & prng_u64(p) & prng_u64(p);
        late->data_only = chance(p, 50);
        late->late_ns = spread(p, 1000, 500 * LA_NS_PER_MS);
    }
    for (unsigned i = 0; i < 3 && chance(p, m->trouble); i++) {
        struct plan_act *a = add_act(plan, p, PLAN_ACT_CLOCK, prng_below(p, hosts));
        int64_t by_ns = (int64_t)spread(p, LA_NS_PER_US, 30 * LA_NS_PER_S);
        a->value = (uint64_t)(chance(p, 50) ? by_ns : -by_ns);
    }
    if (chance(p, m->trouble)) {
        unsigned host = prng_below(p, hosts);
        struct plan_act *off = add_act(plan, p, PLAN_ACT_MEMORY, host);
        struct plan_act *on = add_act(plan, p, PLAN_ACT_MEMORY, host);
        off->value = 1;
        on->at_ns = off->at_ns + spread(p, LA_NS_PER_MS, 5 * LA_NS_PER_S);
    }
}

void menu_draw(unsigned menu, uint64_t seed, struct plan *plan)
{
    const struct menu *m = &menus[menu];
    struct prng p;
    unsigned hosts;
    plan_init(plan);
    plan->seed = seed;
    place(&p, seed, 't', menu);
    draw_topology(&p, m, plan, &hosts);
    for (unsigned i = 0; i < hosts; i++) {
        place(&p, seed, 'h', i);
        draw_host(&p, m, &plan->nodes[i]);
    }
    for (unsigned i = 0; i < plan->links_count; i++) {
        place(&p, seed, 'l', i);
        draw_link(&p, m, plan, &plan->links[i]);
    }
    place(&p, seed, 'n', 0);
    unsigned flows = (unsigned)spread(&p, 1, m->flows_max);
    for (unsigned i = 0; i < flows; i++) {
        place(&p, seed, 'f', i);
        draw_flow(&p, m, plan, i, hosts - 1);
    }
    place(&p, seed, 'x', 0);
    draw_trouble(&p, m, plan, hosts);
}
