/* Plans: defaults, names, and whether one makes sense. */
#include "sim/plan.h"

#include <string.h>

#include "link/message.h"

#define LIMIT_NS (24 * 3600 * LA_NS_PER_S)

void plan_init(struct plan *plan)
{
    memset(plan, 0, sizeof(*plan));
    plan->end_ns = PLAN_NEVER;
    plan->limit_ns = LIMIT_NS;
}

static void set_name(char to[PLAN_NAME], const char *name)
{
    size_t len = strlen(name);
    len = len < PLAN_NAME - 1 ? len : PLAN_NAME - 1;
    memcpy(to, name, len);
    to[len] = '\0';
}

int plan_add_node(struct plan *plan, const char *name, bool router)
{
    if (plan->nodes_count == PLAN_NODES)
        return -1;
    struct plan_node *n = &plan->nodes[plan->nodes_count];
    memset(n, 0, sizeof(*n));
    set_name(n->name, name);
    n->router = router;
    n->mtu = 1500;
    la_tcp_options_init(&n->options);
    return plan->nodes_count++;
}

int plan_add_link(struct plan *plan, unsigned a, unsigned b)
{
    if (plan->links_count == PLAN_LINKS)
        return -1;
    struct plan_link *l = &plan->links[plan->links_count];
    memset(l, 0, sizeof(*l));
    l->node[0] = (uint16_t)a;
    l->node[1] = (uint16_t)b;
    return plan->links_count++;
}

int plan_add_flow(struct plan *plan, const char *name, unsigned client, unsigned server)
{
    if (plan->flows_count == PLAN_FLOWS)
        return -1;
    struct plan_flow *f = &plan->flows[plan->flows_count];
    memset(f, 0, sizeof(*f));
    set_name(f->name, name);
    f->node[0] = (uint16_t)client;
    f->node[1] = (uint16_t)server;
    f->number = plan->flows_count;
    f->port = 80;
    f->repeat = 1;
    f->patience_ns = PLAN_PATIENCE_NS;
    f->options[0] = plan->nodes[client].options;
    f->options[1] = plan->nodes[server].options;
    return plan->flows_count++;
}

int plan_find_node(const struct plan *plan, const char *name)
{
    for (int i = 0; i < plan->nodes_count; i++)
        if (strcmp(plan->nodes[i].name, name) == 0)
            return i;
    return -1;
}

int plan_find_link(const struct plan *plan, unsigned a, unsigned b)
{
    for (int i = 0; i < plan->links_count; i++) {
        const struct plan_link *l = &plan->links[i];
        if ((l->node[0] == a && l->node[1] == b) || (l->node[0] == b && l->node[1] == a))
            return i;
    }
    return -1;
}

int plan_find_flow(const struct plan *plan, const char *name)
{
    for (int i = 0; i < plan->flows_count; i++)
        if (strcmp(plan->flows[i].name, name) == 0)
            return i;
    return -1;
}

/* ---- does it make sense? -------------------------------------------------------------------- */

static bool check_links(const struct plan *plan, struct la_message *why)
{
    unsigned links[PLAN_NODES] = {0};
    for (unsigned i = 0; i < plan->links_count; i++) {
        const struct plan_link *l = &plan->links[i];
        const struct plan_node *a = &plan->nodes[l->node[0]], *b = &plan->nodes[l->node[1]];
        links[l->node[0]]++;
        links[l->node[1]]++;
        if (a->ethernet != b->ethernet || (a->ethernet && (a->router || b->router))) {
            message_set(why, "%s and %s: Ethernet joins two hosts, both of which ask for it",
                        a->name, b->name);
            return false;
        }
    }
    for (unsigned i = 0; i < plan->nodes_count; i++) {
        const struct plan_node *n = &plan->nodes[i];
        if (links[i] == 1 || (n->router && links[i] > 0))
            continue;
        message_set(why, "%s has %u links: a host has one, and a router joins several", n->name,
                    links[i]);
        return false;
    }
    return true;
}

/* Marks what can be reached from `at`. */
static void reach(const struct plan *plan, unsigned at, bool *seen)
{
    seen[at] = true;
    for (unsigned i = 0; i < plan->links_count; i++) {
        const struct plan_link *l = &plan->links[i];
        for (unsigned side = 0; side < 2; side++)
            if (l->node[side] == at && !seen[l->node[1 - side]])
                reach(plan, l->node[1 - side], seen);
    }
}

static bool check_flow(const struct plan *plan, const struct plan_flow *f, struct la_message *why)
{
    bool seen[PLAN_NODES] = {false};
    const struct plan_node *a = &plan->nodes[f->node[0]], *b = &plan->nodes[f->node[1]];
    reach(plan, f->node[0], seen);
    if (a->router || b->router || f->node[0] == f->node[1] || !seen[f->node[1]]) {
        message_set(why, "flow %s: there is no way between two hosts %s and %s", f->name, a->name,
                    b->name);
        return false;
    }
    bool endless = f->bytes[0] == PLAN_ENDLESS || f->bytes[1] == PLAN_ENDLESS;
    if (endless && f->for_ns == 0 && plan->end_ns == PLAN_NEVER) {
        message_set(why, "flow %s: it needs a size (bytes=) or a time (for=)", f->name);
        return false;
    }
    if (f->rounds > 0 && (f->bytes[0] == 0 || f->bytes[1] == 0 || endless)) {
        message_set(why, "flow %s: rounds need a request and a response", f->name);
        return false;
    }
    if (f->v6 && (a->mtu < 1280 || b->mtu < 1280)) {
        message_set(why, "flow %s: IPv6 needs an MTU of 1280", f->name);
        return false;
    }
    if (f->crossed && f->repeat > 1) {
        message_set(why, "flow %s: a crossed opening cannot be repeated", f->name);
        return false;
    }
    if (f->udp && (f->bytes[1] > 0 || f->repeat > 1 || endless)) {
        message_set(why, "flow %s: datagrams go one way, once", f->name);
        return false;
    }
    return f->repeat > 0 && f->port > 0;
}

bool plan_check(const struct plan *plan, struct la_message *why)
{
    message_set(why, "%s", "the plan makes no sense");
    if (plan->nodes_count == 0) {
        message_set(why, "%s", "there is no host");
        return false;
    }
    if (!check_links(plan, why))
        return false;
    for (unsigned i = 0; i < plan->links_count; i++)
        for (unsigned side = 0; side < 2; side++)
            if (la_impair_check(&plan->links[i].lane[side], why) < 0)
                return false;
    for (unsigned i = 0; i < plan->flows_count; i++)
        if (!check_flow(plan, &plan->flows[i], why))
            return false;
    return true;
}

uint64_t plan_packet_ns(const struct plan *plan)
{
    uint64_t slowest = 0;
    for (unsigned i = 0; i < plan->links_count; i++)
        for (unsigned side = 0; side < 2; side++) {
            uint64_t bps = plan->links[i].lane[side].rate_bps;
            if (bps > 0 && (slowest == 0 || bps < slowest))
                slowest = bps;
        }
    return slowest > 0 ? UINT64_C(1500) * 8 * (uint64_t)LA_NS_PER_S / slowest : 0;
}
