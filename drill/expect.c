/* Packets that should leave: waiting for them, adding segments up, saying what came instead. */
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "drill/run_inside.h"

#define LOOK_FURTHER_NS (10 * DRILL_NS_PER_S) /* for a packet that is late: to say how late */

static bool is_first_syn(const struct drill_packet *want)
{
    return want->protocol == DRILL_TCP &&
           (want->flags & (DRILL_TH_SYN | DRILL_TH_ACK)) == DRILL_TH_SYN;
}

/* A packet that leaves and belongs to no flow yet begins one when it is a SYN of this end. */
static struct drill_flow *flow_of(struct drill_run *r, const struct drill_packet *want,
                                  const struct drill_live *live)
{
    if (live->malformed || live->fragment ||
        (live->ip_protocol != IPPROTO_TCP && live->ip_protocol != IPPROTO_UDP))
        return r->current;
    struct drill_flow *flow = run_flow_find(r, live->source_port, live->target_port);
    bool syn = live->ip_protocol == IPPROTO_TCP &&
               (live->flags & (DRILL_TH_SYN | DRILL_TH_ACK)) == DRILL_TH_SYN;
    bool anew = flow && r->connecting && syn && live->seq != flow->local_isn;
    if (flow && !anew)
        return flow;
    bool begins = live->ip_protocol == IPPROTO_UDP || syn;
    bool wanted = want->protocol == DRILL_UDP || is_first_syn(want);
    return begins && wanted ? run_flow_new(r, live->source_port, live->target_port) : NULL;
}

/* The flow whose packets are looked at: while somebody connects, not the one before. */
static bool concerns(const struct drill_run *r, const struct drill_packet *want,
                     const struct drill_flow *flow)
{
    if (r->connecting && is_first_syn(want))
        return false;
    if (want->source_port >= 0)
        return flow && flow->local_port == want->source_port &&
               flow->remote_port == want->target_port;
    return flow == r->current;
}

/* Has the packet at `i` to be looked at by this event? Its flow becomes the current one. */
static bool fits(struct drill_run *r, const struct drill_packet *want, unsigned i)
{
    const struct drill_live *live = &r->queue[i];
    if (live->taken)
        return false;
    struct drill_flow *flow = flow_of(r, want, live);
    if (!concerns(r, want, flow))
        return false;
    r->current = flow ? flow : r->current;
    return true;
}

/* The next packet of the flow by `until_ns`; NULL: none came, or a fault (`*good` false). Those of
 * others stay in the queue. */
static struct drill_live *next_packet(struct drill_run *r, const struct drill_packet *want,
                                      int64_t until_ns, bool *good)
{
    unsigned i = r->queue_first;
    *good = true;
    for (;;) {
        for (; i < r->queue_count; i++)
            if (fits(r, want, i))
                return &r->queue[i];
        if (run_now(r) >= until_ns)
            return NULL;
        *good = run_advance(r, until_ns);
        if (!*good)
            return NULL;
    }
}

static void take(struct drill_run *r, struct drill_live *live)
{
    live->taken = true;
    while (r->queue_first < r->queue_count && r->queue[r->queue_first].taken)
        r->queue_first++;
}

static void tell_came(struct drill_run *r, const struct drill_live *live)
{
    struct drill_flow none = {0};
    int64_t at_ns = (int64_t)(live->time_ns - r->start_ns);
    char text[300];
    drill_format_live(r->current ? r->current : &none, live, true, text, sizeof(text));
    snprintf(r->result->came, sizeof(r->result->came), "%.6f > %s", (double)at_ns / 1e9, text);
    r->result->why = live->why;
}

static void log_packet(struct drill_run *r, const struct drill_live *live)
{
    struct drill_flow none = {0};
    char text[400];
    drill_format_live(r->current ? r->current : &none, live, true, text, sizeof(text));
    run_log(r, RUN_OUT, (int64_t)(live->time_ns - r->start_ns), live->why, "%s", text);
}

/* Nothing came in time: looks further, so that one can say what would have come and when. */
static bool nothing_came(struct drill_run *r, const struct drill_event *e, int64_t until_ns,
                         uint32_t offset)
{
    bool good;
    struct drill_fault kept = {.text = ""};
    drill_fault(r->s, &kept, e->place, "no packet left by %.6f s", (double)until_ns / 1e9);
    if (offset > 0)
        return drill_fault(r->s, r->fault, e->place,
                           "only %" PRIu32 " of %" PRIu32 " bytes left by %.6f s", offset,
                           e->packet->payload, (double)until_ns / 1e9);
    const struct drill_live *live = next_packet(r, e->packet, until_ns + LOOK_FURTHER_NS, &good);
    if (live) {
        tell_came(r, live);
        drill_fault(r->s, &kept, e->place,
                    "no packet left by %.6f s, the next one is late: at %.6f s",
                    (double)until_ns / 1e9, (double)(live->time_ns - r->start_ns) / 1e9);
    } else {
        snprintf(r->result->came, sizeof(r->result->came), "nothing");
    }
    *r->fault = kept;
    return false;
}

static struct drill_matcher matcher_of(struct drill_run *r)
{
    return (struct drill_matcher){
        .wire = &r->wire,
        .flow = r->current,
        .tick_us = r->tick_us,
        .tolerance_us = r->tolerance_ns / DRILL_NS_PER_US,
        .plain_payload = r->fd_tested >= 0 && r->fds[r->fd_tested].plain,
    };
}

/* How much of what is expected this segment is: all, or a part with more to come. */
static bool is_part(const struct drill_run *r, const struct drill_packet *want,
                    const struct drill_live *live, uint32_t offset)
{
    return !r->strict && want->protocol == DRILL_TCP && !live->malformed &&
           !(want->flags & DRILL_TH_SYN) && live->payload_len > 0 &&
           live->payload_len < want->payload - offset;
}

static bool differs(struct drill_run *r, const struct drill_event *e, const struct drill_live *live,
                    const char *difference)
{
    tell_came(r, live);
    log_packet(r, live);
    return drill_fault(r->s, r->fault, e->place, "%s", difference);
}

/* One segment against its part of the expected one. */
static bool take_segment(struct drill_run *r, const struct drill_event *e, struct drill_live *live,
                         uint32_t *offset, bool *last)
{
    const struct drill_packet *want = e->packet;
    struct drill_matcher m = matcher_of(r);
    char text[DRILL_DIFFERENCE_MAX];
    *last = !is_part(r, want, live, *offset);
    if (!drill_match(&m, want, live, *offset, *last, text))
        return differs(r, e, live, text);
    if (*last && want->protocol == DRILL_TCP && live->payload_len != want->payload - *offset) {
        snprintf(text, sizeof(text), "payload: expected %" PRIu32 " bytes, came %" PRIu32,
                 want->payload, *offset + live->payload_len);
        return differs(r, e, live, text);
    }
    *offset += live->payload_len;
    r->current->last_len =
        (unsigned)(live->len < sizeof(r->current->last) ? live->len : sizeof(r->current->last));
    memcpy(r->current->last, live->bytes, r->current->last_len);
    log_packet(r, live);
    return true;
}

bool run_expect(struct drill_run *r, const struct drill_event *e, int64_t from_ns, int64_t until_ns,
                int64_t *came_ns)
{
    const struct drill_packet *want = e->packet;
    bool any = e->time.kind == DRILL_TIME_ANY, good, last = false;
    uint32_t offset = 0;
    int64_t latest = any ? run_now(r) + r->horizon_ns : until_ns + run_tolerance(r, until_ns);
    for (bool first = true; !last; first = false) {
        struct drill_live *live = next_packet(r, want, latest, &good);
        if (!live)
            return good && nothing_came(r, e, latest, offset);
        if (!r->current)
            return differs(r, e, live, "a packet, but no connection has begun");
        int64_t at_ns = (int64_t)(live->time_ns - r->start_ns);
        if (first) {
            *came_ns = at_ns;
            drill_learn_isn(&r->wire, r->current, want, live);
        }
        if (!take_segment(r, e, live, &offset, &last))
            return false;
        if (!any && !run_check_time(r, e->place, "the packet", from_ns, until_ns, at_ns)) {
            tell_came(r, live);
            return false;
        }
        drill_learn_stamp(r->current, want, live);
        take(r, live);
    }
    return true;
}
