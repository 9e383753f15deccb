/* What a run tells those who watch it: packets on their way, calls, trace records; and what
 * becomes of packets that the plan has picked out. */
#include "sim/kind.h"
#include "sim/world.h"

/* The flow that a packet of host `node` belongs to, by its ports; -1: none. */
static int flow_of(const struct world *w, unsigned node, bool out, const uint8_t *ip, uint32_t len)
{
    struct sim_ports p;
    if (!sim_ports(ip, len, &p))
        return -1;
    uint16_t own = out ? p.from : p.to, other = out ? p.to : p.from;
    int found = -1;
    for (unsigned i = 0; i < w->plan->flows_count; i++) {
        const struct flow *f = &w->flows[i];
        uint16_t port = f->plan->crossed ? f->client_port : f->plan->port;
        bool client = f->plan->node[0] == node && own == f->client_port && other == port;
        bool server = f->plan->node[1] == node && own == port && other == f->client_port;
        /* Of several that had these ports one after the other, the one that runs, or the last. */
        if ((client || server) && f->made > 0 &&
            (found < 0 || f->running || !w->flows[found].running))
            found = (int)i;
    }
    return found;
}

void host_taken(struct world *w, const struct host *h, const struct la_frame *f, uint32_t serial,
                const uint8_t *ip, uint32_t len)
{
    if (!w->watch->wire)
        return;
    struct sim_wire wire = {.what = SIM_TAKEN,
                            .node = (uint16_t)h->index,
                            .reason = f->reason,
                            .serial = serial,
                            .conn = f->conn,
                            .len = len,
                            .flow = flow_of(w, h->index, false, ip, len),
                            .ip = ip,
                            .link_header = h->plan->ethernet ? 14 : 0,
                            .time_ns = w->now_ns};
    w->watch->wire(w->watch->ctx, &wire);
}

void world_lost(struct world *w, uint32_t serial, const char *why)
{
    if (!w->watch->wire || serial == 0)
        return;
    struct sim_wire wire = {
        .what = SIM_LOST, .serial = serial, .flow = -1, .why = why, .time_ns = w->now_ns};
    w->watch->wire(w->watch->ctx, &wire);
}

/* The fate of a packet; NULL: none. Each fate counts the packets of its kind. */
static const struct plan_fate *fate_of(struct world *w, struct host *h, int flow, unsigned kinds)
{
    const struct plan_fate *found = NULL;
    for (unsigned i = 0; i < w->plan->fates_count; i++) {
        const struct plan_fate *f = &w->plan->fates[i];
        if (f->node != h->index || !(f->kind & kinds) || (f->flow >= 0 && f->flow != flow))
            continue;
        uint64_t number = h->sent[i]++;
        if (number < 64 && (f->numbers >> number & 1) && !found)
            found = f;
    }
    return found;
}

void host_insert(struct world *w, struct host *h, const uint8_t *bytes, uint32_t len,
                 struct lane_meta meta, bool forged)
{
    if (w->plan->fates_count == 0 && !w->watch->wire) {
        net_push(w, h->out, bytes, len, meta);
        return;
    }
    uint32_t link_header = h->plan->ethernet ? 14 : 0;
    const uint8_t *ip = bytes + link_header;
    uint32_t ip_len = len > link_header ? len - link_header : 0;
    int flow = flow_of(w, h->index, true, ip, ip_len);
    const struct plan_fate *fate =
        forged && !h->wrong ? NULL : fate_of(w, h, flow, sim_kinds(ip, ip_len));
    meta.serial = ++w->serial;
    if (w->watch->wire) {
        struct sim_wire wire = {.what = SIM_LEFT,
                                .late = fate && fate->late_ns > 0,
                                .forged = forged && !h->wrong,
                                .node = (uint16_t)h->index,
                                .reason = meta.reason,
                                .serial = meta.serial,
                                .conn = meta.conn,
                                .len = ip_len,
                                .flow = flow,
                                .ip = ip,
                                .link_header = link_header,
                                .time_ns = w->now_ns};
        w->watch->wire(w->watch->ctx, &wire);
    }
    struct lane *lane = &h->out->lane;
    if (fate && fate->late_ns == 0)
        lane->mask |= 1;
    if (fate && fate->late_ns > 0) {
        lane->late_mask |= 1;
        lane->late_ns = fate->late_ns;
    }
    net_push(w, h->out, bytes, len, meta);
}

void host_records(struct world *w, struct host *h)
{
    struct la_trace_record records[64];
    size_t n;
    if (!w->watch->records || !h->stack)
        return;
    while ((n = la_stack_trace(h->stack, records, 64)) > 0) {
        for (size_t i = 0; i < n; i++)
            records[i].time_ns -= (uint64_t)h->clock_ns;
        w->watch->records(w->watch->ctx, h->index, records, n);
    }
}

void host_called(struct world *w, const struct host *h, const struct flow_end *e, const char *verb,
                 int64_t result)
{
    if (!w->watch->call)
        return;
    struct sim_call call = {.node = (uint16_t)h->index,
                            .side = e ? e->side : 1,
                            .flow = e ? (int32_t)e->flow->index : -1,
                            .conn = e ? e->conn : 0,
                            .verb = verb,
                            .result = result,
                            .time_ns = w->now_ns};
    w->watch->call(w->watch->ctx, &call);
}
