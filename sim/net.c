/* What lies between hosts: lanes, and routers that forward to the neighbour nearest to the
 * destination. A router looks at the destination address alone; the time to live and the link
 * header are left as they are, since a scenario has neither loops nor Ethernet behind routers. */
#include <string.h>

#include "sim/trace.h"

/* ---- lanes ---------------------------------------------------------------------------------- */

void net_moved(struct world *w, struct sim_lane *l)
{
    queue_move(&w->queue, &l->node, lane_next_at(&l->lane));
}

void net_push(struct world *w, struct sim_lane *l, const uint8_t *bytes, uint32_t len,
              struct lane_meta meta)
{
    enum lane_fate fate = lane_push(&l->lane, bytes, len, meta, w->now_ns);
    w->packets++;
    net_moved(w, l);
    if (fate == LANE_TOLD)
        net_moved(w, l->back);
    if (fate != LANE_PASSED) {
        trace_line(w, "lane %u drops %u bytes: %s", l->node.id - PLAN_NODES, len,
                   lane_fate_text(fate));
        world_lost(w, meta.serial, lane_fate_text(fate));
    }
}

static void lane_forward(struct world *w, struct node *node, const uint8_t *bytes, uint32_t len,
                         struct lane_meta meta)
{
    net_push(w, (struct sim_lane *)node, bytes, len, meta);
}

static uint64_t lane_at(const struct world *w, const struct node *node)
{
    (void)w;
    return lane_next_at(&((const struct sim_lane *)node)->lane);
}

static void lane_run(struct world *w, struct node *node)
{
    struct sim_lane *l = (struct sim_lane *)node;
    struct lane_packet *p;
    while ((p = lane_due(&l->lane, w->now_ns))) {
        l->to->ops->forward(w, l->to, p->bytes, p->len, p->meta);
        lane_pop(&l->lane);
    }
    net_moved(w, l);
}

static const struct node_ops lane_ops = {lane_forward, lane_at, lane_run};

/* ---- routers -------------------------------------------------------------------------------- */

/* The host an address belongs to, or -1 (net_address() in host.c gives them out). */
static int host_of(const struct world *w, const uint8_t *ip, uint32_t len)
{
    unsigned index = PLAN_NODES;
    if (len >= 20 && ip[0] >> 4 == 4)
        index = (unsigned)ip[19] - 1;
    else if (len >= 40 && ip[0] >> 4 == 6)
        index = (unsigned)ip[39] - 1;
    return index < w->plan->nodes_count && !w->plan->nodes[index].router ? (int)index : -1;
}

static void router_forward(struct world *w, struct node *node, const uint8_t *bytes, uint32_t len,
                           struct lane_meta meta)
{
    struct sim_router *r = (struct sim_router *)node;
    int to = host_of(w, bytes, len);
    if (to >= 0 && r->way[to])
        net_push(w, r->way[to], bytes, len, meta);
    else
        world_lost(w, meta.serial, "no such host");
}

static uint64_t router_at(const struct world *w, const struct node *node)
{
    (void)w;
    (void)node;
    return UINT64_MAX;
}

static void router_run(struct world *w, struct node *node)
{
    (void)w;
    (void)node;
}

static const struct node_ops router_ops = {router_forward, router_at, router_run};

/* Fills in, for one destination, which lane each router takes: a search in breadth from it. */
static void ways_to(struct world *w, unsigned host)
{
    uint16_t line[PLAN_NODES];
    bool seen[PLAN_NODES] = {false};
    unsigned first = 0, count = 0;
    line[count++] = (uint16_t)host;
    seen[host] = true;
    while (first < count) {
        unsigned at = line[first++];
        for (unsigned i = 0; i < w->plan->links_count; i++) {
            const struct plan_link *link = &w->plan->links[i];
            unsigned side = link->node[1] == at ? 0 : 1; /* where the other one is */
            unsigned other = link->node[side];
            if (link->node[1 - side] != at || seen[other])
                continue;
            seen[other] = true;
            w->routers[other].way[host] = &w->lanes[2 * i + side];
            if (w->plan->nodes[other].router)
                line[count++] = (uint16_t)other;
        }
    }
}

/* ---- both ----------------------------------------------------------------------------------- */

static void lane_open(struct world *w, unsigned i, unsigned side)
{
    const struct plan_link *link = &w->plan->links[i];
    struct sim_lane *l = &w->lanes[2 * i + side];
    bool ethernet = w->plan->nodes[link->node[0]].ethernet;
    lane_init(&l->lane, &link->lane[side], ethernet ? LA_LINK_ETHERNET : LA_LINK_IP, w->plan->seed,
              (uint8_t)(2 * i + side));
    l->node.ops = &lane_ops;
    l->node.id = PLAN_NODES + 2 * i + side;
    l->to = world_node(w, link->node[1 - side]);
    l->back = &w->lanes[2 * i + 1 - side];
    queue_add(&w->queue, &l->node);
}

bool net_open(struct world *w)
{
    for (unsigned i = 0; i < w->plan->nodes_count; i++) {
        struct sim_router *r = &w->routers[i];
        r->index = i;
        r->node.ops = &router_ops;
        r->node.id = i;
        if (w->plan->nodes[i].router)
            queue_add(&w->queue, &r->node);
    }
    for (unsigned i = 0; i < w->plan->links_count; i++) {
        lane_open(w, i, 0);
        lane_open(w, i, 1);
        lane_join(&w->lanes[2 * i].lane, &w->lanes[2 * i + 1].lane);
        for (unsigned side = 0; side < 2; side++) {
            unsigned node = w->plan->links[i].node[side];
            w->hosts[node].out = &w->lanes[2 * i + side];
        }
    }
    for (unsigned i = 0; i < w->plan->nodes_count; i++)
        if (!w->plan->nodes[i].router)
            ways_to(w, i);
    return true;
}

void net_close(struct world *w)
{
    for (unsigned i = 0; i < 2U * w->plan->links_count; i++)
        if (w->lanes[i].node.ops)
            lane_free(&w->lanes[i].lane);
}
