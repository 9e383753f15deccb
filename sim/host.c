/* A host: the shipped stack, one link, its clock and its memory.
 *
 * A packet that arrives is copied into a buffer of the stack at once, as a network card would, and
 * looked at a little later: by the jitter of the host, which keeps the order, and by the
 * coalescing of its card, which makes batches. That small delay is also what keeps flows from
 * marching in step. An event of a host is one turn of the loop in lastack/stack.h. */
#include <stdlib.h>
#include <string.h>

#include "link/cut.h"
#include "sim/check.h"
#include "sim/trace.h"
#include "sim/world.h"

#define SAME_TIME_MAX 200000 /* turns in one moment: more is an endless loop (I33) */
#define EVENTS        64

#define CLOCK_LEAST_NS  (INT64_C(1000000) * LA_NS_PER_S)
#define CLOCK_SPREAD_NS (UINT64_C(15000000) * (uint64_t)LA_NS_PER_S)

/* ---- time ----------------------------------------------------------------------------------- */

uint64_t host_now(const struct world *w, const struct host *h)
{
    return w->now_ns + (uint64_t)h->clock_ns;
}

void host_tick(const struct world *w, struct host *h)
{
    la_stack_timeout(h->stack, host_now(w, h));
}

/* The time at which the clock of the host shows `at_ns`; never in the past. */
static uint64_t world_time(const struct world *w, const struct host *h, uint64_t at_ns)
{
    if (at_ns == UINT64_MAX)
        return at_ns;
    int64_t left = (int64_t)(at_ns - host_now(w, h));
    return left > 0 ? w->now_ns + (uint64_t)left : w->now_ns;
}

static uint64_t host_next_at(const struct world *w, const struct node *node)
{
    const struct host *h = (const struct host *)node;
    if (h->off)
        return UINT64_MAX;
    uint64_t at_ns = world_time(w, h, la_stack_next_deadline(h->stack));
    if (h->inbox_count > 0 && h->inbox[h->inbox_first].due_ns < at_ns)
        at_ns = h->inbox[h->inbox_first].due_ns;
    return h->app_at_ns < at_ns ? h->app_at_ns : at_ns;
}

void host_moved(struct world *w, struct host *h)
{
    uint64_t at_ns = h->node.ops->next_at(w, &h->node);
    queue_move(&w->queue, &h->node, at_ns > w->now_ns ? at_ns : w->now_ns);
}

void host_wake(struct world *w, struct host *h, uint64_t at_ns)
{
    if (at_ns >= h->app_at_ns)
        return;
    h->app_at_ns = at_ns;
    host_moved(w, h);
}

static void moment(struct world *w, struct host *h, enum sim_moment moment)
{
    if (w->watch->meddle)
        w->watch->meddle(w->watch->ctx, w, h, moment);
}

/* ---- packets in ----------------------------------------------------------------------------- */

static bool inbox_room(struct host *h)
{
    if (h->inbox_count < h->inbox_room)
        return true;
    uint32_t room = h->inbox_room ? 2 * h->inbox_room : 256;
    struct arrived *inbox = malloc(room * sizeof(*inbox));
    if (!inbox)
        return false;
    for (uint32_t i = 0; i < h->inbox_count; i++)
        inbox[i] = h->inbox[(h->inbox_first + i) % h->inbox_room];
    free(h->inbox);
    h->inbox = inbox;
    h->inbox_room = room;
    h->inbox_first = 0;
    return true;
}

static uint64_t due(struct world *w, struct host *h)
{
    uint64_t at_ns = w->now_ns;
    if (h->jitter_ns > 0)
        at_ns += prng_below(&h->prng, (uint32_t)h->jitter_ns);
    if (h->plan->coalesce_ns > 0)
        at_ns += h->plan->coalesce_ns - at_ns % h->plan->coalesce_ns;
    if (at_ns < h->last_due_ns)
        at_ns = h->last_due_ns;
    h->last_due_ns = at_ns;
    return at_ns;
}

static void host_forward(struct world *w, struct node *node, const uint8_t *bytes, uint32_t len,
                         struct lane_meta meta)
{
    struct host *h = (struct host *)node;
    uint64_t due_ns = due(w, h);
    struct la_buf *buf = inbox_room(h) && !h->off ? la_buf_get(h->stack, len) : NULL;
    if (!buf) { /* no memory: lost, as on a card without buffers */
        world_lost(w, meta.serial, h->off ? "nobody is there" : "no memory");
        return;
    }
    memcpy(buf->data, bytes, len);
    buf->len = len;
    h->inbox[(h->inbox_first + h->inbox_count++) % h->inbox_room] =
        (struct arrived){.due_ns = due_ns, .serial = meta.serial, .buf = buf};
    if (h->inbox_count == 1)
        host_moved(w, h);
}

static void touch(struct host *h, struct flow_end *e)
{
    if (e->touched || h->touched_count == HOST_CONNS)
        return;
    e->touched = true;
    h->touched[h->touched_count++] = e;
}

/* Bytes of payload, if it is a TCP packet without extension headers. */
static uint32_t payload_of(const struct host *h, const struct la_buf *buf)
{
    uint32_t at = h->plan->ethernet ? 14 : 0;
    if (buf->len < at + 40)
        return 0;
    at += buf->data[at] >> 4 == 4 ? 20 : 40;
    uint32_t end = buf->len > at + 12 ? at + (buf->data[at + 12] >> 4) * 4U : buf->len;
    return buf->len > end ? buf->len - end : 0;
}

/* Who watches hears of a packet. */
static void tell(struct world *w, const struct host *h, bool out, const struct la_frame *f,
                 const uint8_t *bytes)
{
    uint32_t link_header = h->plan->ethernet ? 14 : 0;
    if (w->watch->packet)
        w->watch->packet(w->watch->ctx, h->index, out, f, bytes, w->now_ns);
    if (w->watch->trace && f->len >= link_header)
        trace_packet(w, h, out, bytes + link_header, f->len - link_header, f->conn,
                     (enum la_reason)f->reason);
}

/* What a packet of a batch said before it was taken. */
struct taken {
    uint32_t payload, serial;
    struct flow_end *end;
    struct check_seen seen;
};

/* The end that each packet belongs to, and how many of a batch are of one end. */
static void find_ends(struct world *w, struct host *h, size_t n, struct taken *taken)
{
    for (size_t i = 0; i < n; i++) {
        const struct la_frame *f = &w->frames[i];
        taken[i].end = f->conn ? flow_of_conn(h, f->conn) : NULL;
        if (taken[i].end)
            taken[i].end->taken++;
    }
}

/* What became of the packets of a batch. */
static void told_in(struct world *w, struct host *h, size_t n, struct taken *taken)
{
    uint32_t link_header = h->plan->ethernet ? 14 : 0;
    bool room = h->touched_count + n <= HOST_CONNS; /* else some ends are not noted as touched */
    find_ends(w, h, n, taken);
    for (size_t i = 0; i < n; i++) {
        struct la_frame *f = &w->frames[i];
        struct flow_end *e = taken[i].end;
        if (w->copies) {
            const uint8_t *bytes = w->copies + i * LA_BUF_MAX;
            tell(w, h, false, f, bytes);
            host_taken(w, h, f, taken[i].serial, bytes + link_header,
                       f->len > link_header ? f->len - link_header : 0);
        }
        taken[i].seen.seg.reason = f->reason;
        taken[i].seen.conn = f->conn;
        if (!w->watch->unchecked)
            check_taken(w, h, e, &taken[i].seen, e && e->taken == 1 && !e->touched && room);
        if (e && f->reason == LA_TAKE_DATA_OLD)
            w->result->flows[e->flow->index].spurious_bytes[1 - e->side] += taken[i].payload;
    }
    for (size_t i = 0; i < n; i++) {
        if (!taken[i].end)
            continue;
        touch(h, taken[i].end);
        taken[i].end->taken = 0;
    }
}

/* Looks into a packet and hands its buffer over as a frame. */
static void take_one(struct world *w, const struct host *h, const struct arrived *in, size_t i,
                     struct taken *taken)
{
    uint32_t link_header = h->plan->ethernet ? 14 : 0;
    struct la_buf *buf = in->buf;
    *taken = (struct taken){.payload = payload_of(h, buf), .serial = in->serial};
    if (!w->watch->unchecked && buf->len > link_header)
        taken->seen = check_seen(h, buf->data + link_header, buf->len - link_header);
    if (w->copies)
        memcpy(w->copies + i * LA_BUF_MAX, buf->data, buf->len);
    la_frame_from_buf(&w->frames[i], buf);
}

/* False: nothing is due. */
static bool take_in(struct world *w, struct host *h)
{
    struct taken taken[HOST_BATCH];
    size_t n = 0;
    while (n < HOST_BATCH && h->inbox_count > 0 && h->inbox[h->inbox_first].due_ns <= w->now_ns) {
        take_one(w, h, &h->inbox[h->inbox_first], n, &taken[n]);
        n++;
        h->inbox_first = (h->inbox_first + 1) % h->inbox_room;
        h->inbox_count--;
    }
    if (n == 0)
        return false;
    la_stack_input(h->stack, h->link, w->frames, n, host_now(w, h));
    moment(w, h, SIM_TOOK);
    host_records(w, h);
    told_in(w, h, n, taken);
    return true;
}

/* ---- packets out ---------------------------------------------------------------------------- */

/* A hash over all packets that hosts send: their headers, which hold a checksum over the rest. */
static void hash_packet(struct world *w, const struct host *h, const uint8_t *bytes, uint32_t len)
{
    uint64_t hash = w->hash ^ (w->now_ns + ((uint64_t)h->index << 56) + ((uint64_t)len << 40));
    uint32_t end = len < 104 ? len : 104;
    for (uint32_t at = 0; at < end; at += 8) {
        uint64_t word = 0;
        memcpy(&word, bytes + at, end - at < 8 ? end - at : 8);
        hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 29;
    }
    w->hash = hash;
}

static void send_frame(struct world *w, struct host *h, const struct la_frame *f)
{
    struct cut cut;
    enum la_link_type type = h->plan->ethernet ? LA_LINK_ETHERNET : LA_LINK_IP;
    uint32_t link_header = h->plan->ethernet ? 14 : 0;
    struct lane_meta meta = {.conn = f->conn, .reason = f->reason};
    struct flow_end *e = f->conn ? flow_of_conn(h, f->conn) : NULL;
    if (e)
        touch(h, e);
    if (f->reason == LA_NONE || !cut_begin(&cut, f, type))
        world_broken(w, "frame", "a frame of %u bytes without a reason or form", f->len);
    for (size_t len = cut_size(&cut); len > 0; len = cut_size(&cut)) {
        cut_next(&cut, w->packet);
        hash_packet(w, h, w->packet, (uint32_t)len);
        if (w->copies) {
            struct la_frame packet = {.len = (uint32_t)len, .conn = f->conn, .reason = f->reason};
            tell(w, h, true, &packet, w->packet);
        }
        if (!w->watch->unchecked)
            check_packet(w, h, e, w->packet + link_header, (uint32_t)len - link_header,
                         (enum la_reason)f->reason);
        host_insert(w, h, w->packet, (uint32_t)len, meta, false);
    }
}

/* More than any window holds: who sends so many without an answer sends for ever. */
#define FRAMES_AT_ONCE_MAX (1U << 22)

static void send_out(struct world *w, struct host *h)
{
    size_t n, left = FRAMES_AT_ONCE_MAX;
    moment(w, h, SIM_SENDS);
    while ((n = la_stack_output(h->stack, h->link, w->frames, HOST_BATCH, host_now(w, h))) > 0) {
        host_records(w, h);
        if (n > left)
            world_broken(w, "I33 endless", "%s: %u frames in one moment", h->plan->name,
                         FRAMES_AT_ONCE_MAX);
        left -= n;
        for (size_t i = 0; i < n; i++)
            send_frame(w, h, &w->frames[i]);
        la_stack_sent(h->stack, h->link, w->frames, n, n);
    }
}

/* ---- the turn ------------------------------------------------------------------------------- */

/* Levels come again as long as they hold: one round, and whether there was anything. */
static bool serve_apps(struct world *w, struct host *h)
{
    struct la_event events[EVENTS];
    size_t n = la_stack_poll(h->stack, events, EVENTS);
    for (size_t i = 0; i < n; i++)
        flow_event(w, h, &events[i]);
    if (h->app_at_ns <= w->now_ns)
        flow_wake(w, h);
    if (n == EVENTS)
        host_wake(w, h, w->now_ns);
    return n > 0;
}

/* Readings and invariants of the connections that took part. */
static void look(struct world *w, struct host *h)
{
    for (unsigned i = 0; i < h->touched_count; i++)
        flow_reading(w, h->touched[i]);
    moment(w, h, SIM_LOOKS);
    if (!w->watch->unchecked)
        check_host(w, h);
    for (unsigned i = 0; i < h->touched_count; i++)
        h->touched[i]->touched = false;
    h->touched_count = 0;
}

static void host_run(struct world *w, struct node *node)
{
    struct host *h = (struct host *)node;
    if (h->off) {
        host_moved(w, h);
        return;
    }
    if (h->same_ns != w->now_ns)
        h->same_count = 0;
    h->same_ns = w->now_ns;
    if (++h->same_count > SAME_TIME_MAX)
        world_broken(w, "I33 endless", "%s: %u turns in one moment", h->plan->name, SAME_TIME_MAX);
    while (take_in(w, h))
        ;
    host_tick(w, h);
    host_records(w, h);
    serve_apps(w, h);
    send_out(w, h);
    /* Sending finds out things as well: that there is no way to a peer, or room in a buffer. */
    if (serve_apps(w, h))
        send_out(w, h);
    host_records(w, h);
    look(w, h);
    host_moved(w, h);
}

static const struct node_ops host_ops = {host_forward, host_next_at, host_run};

/* ---- opening and closing -------------------------------------------------------------------- */

static void assertion_failed(void *ctx, const char *expression, const char *file, int line)
{
    world_broken(ctx, "assertion", "%s:%d: %s", file, line, expression);
}

static struct la_addr address(unsigned index, bool v6)
{
    uint8_t last = (uint8_t)(index + 1); /* routers find the host by it */
    return v6 ? (struct la_addr){{0xfd, 0x87, [15] = last}} : la_addr_v4(10, 87, 0, last);
}

static void config_fill(struct world *w, struct host *h, struct la_config *c)
{
    struct prng p;
    la_config_init(c);
    c->allocator = host_allocator(&h->memory);
    c->assert_handler = (struct la_assert_handler){.ctx = w, .fail = assertion_failed};
    world_prng(w, &p, 's', h->index + h->boots * PLAN_NODES);
    for (unsigned i = 0; i < sizeof(c->seed); i++)
        c->seed[i] = (uint8_t)prng_u32(&p);
    c->conns_max = 4096;
    c->half_open_max = 4096;
    c->time_wait_max = 4096;
    c->sockets_max = 1024;
    c->trace_rings_max = w->watch->records ? 256 : 8;
    c->rst_closed_ports = !h->plan->silent;
    if (h->plan->ports > 0)
        c->port_last = (uint16_t)(c->port_first + h->plan->ports - 1);
    c->memory_max = h->plan->memory_max ? h->plan->memory_max : c->memory_max;
    c->time_wait_ns = h->plan->time_wait_ns;
    c->cookies = h->plan->cookies;
    c->fast_path = !h->plan->no_fast_path;
}

static bool stack_open(struct world *w, struct host *h)
{
    struct la_config c;
    config_fill(w, h, &c);
    h->stack = la_stack_create(&c, host_now(w, h));
    if (!h->stack)
        return false;
    struct la_link_info info = {.mtu = h->plan->mtu, .gso_max = h->plan->mtu};
    if (h->plan->offload) {
        info.offloads = LA_OFFLOAD_TX_CSUM | LA_OFFLOAD_TSO4 | LA_OFFLOAD_TSO6;
        info.gso_max = 65535;
    }
    info.type = h->plan->ethernet ? LA_LINK_ETHERNET : LA_LINK_IP;
    info.mac[0] = 2;
    info.mac[5] = (uint8_t)(h->index + 1);
    h->link = la_stack_link_add(h->stack, &info);
    h->addr[0] = address(h->index, false);
    h->addr[1] = address(h->index, true);
    return h->link > 0 && la_stack_addr_add(h->stack, h->link, &h->addr[0], 24) == 0 &&
           (h->plan->mtu < 1280 || la_stack_addr_add(h->stack, h->link, &h->addr[1], 64) == 0);
}

bool host_open(struct world *w, unsigned index)
{
    struct host *h = &w->hosts[index];
    h->index = index;
    h->plan = &w->plan->nodes[index];
    h->node.ops = &host_ops;
    h->node.id = index;
    h->app_at_ns = UINT64_MAX;
    h->jitter_ns = h->plan->jitter_ns;
    world_prng(w, &h->prng, 'j', index);
    /* Any time of a machine that runs for up to half a year: 32-bit clocks wrap somewhere, and
     * there is room for a clock to go back. */
    h->clock_ns = CLOCK_LEAST_NS + (int64_t)(prng_u64(&h->prng) % CLOCK_SPREAD_NS);
    if (h->plan->wrong) {
        queue_add(&w->queue, &h->node);
        h->addr[0] = address(index, false);
        h->addr[1] = address(index, true);
        if (w->watch->wrong)
            return w->watch->wrong->open(w, h);
        world_broken(w, "wrong", "%s is wrong on purpose, which only lastack lab can play",
                     h->plan->name);
    }
    if (w->plan->whole_clocks)
        h->clock_ns -= h->clock_ns % LA_NS_PER_S;
    /* The stack itself comes about: what fails is what it needs later. */
    if (!stack_open(w, h))
        return false;
    h->memory.number = 0;
    h->memory.fail_from = h->plan->fail_from ? h->plan->fail_from : UINT32_MAX;
    h->memory.fail_to = h->plan->fail_to;
    h->memory.fail_every = h->plan->fail_every;
    queue_add(&w->queue, &h->node);
    return true;
}

void host_close(struct host *h)
{
    free(h->inbox);
    check_forget(h);
    host_memory_drop(&h->memory);
}

static int listen_now(struct host *h, struct listener *l)
{
    struct la_endpoint at = {.addr = la_addr_any_v6(), .port = l->port};
    return la_tcp_listen(h->stack, &at, &l->options, &l->handle);
}

int host_listen(struct world *w, struct host *h, uint16_t port, const struct la_tcp_options *o,
                bool of_flow)
{
    struct listener *l = NULL;
    for (unsigned i = 0; i < h->listeners_count; i++) {
        if (h->listeners[i].port == port && h->listeners[i].handle && of_flow)
            return 0;
        if (h->listeners[i].port == port)
            l = &h->listeners[i];
    }
    if (!l && h->listeners_count == HOST_LISTENERS)
        return LA_ENOBUFS;
    if (!l)
        l = &h->listeners[h->listeners_count++];
    struct listener before = *l;
    *l = (struct listener){.port = port, .options = *o, .of_flow = of_flow};
    host_records(w, h);
    int rc = listen_now(h, l);
    host_called(w, h, NULL, "listen", rc);
    if (rc < 0 && before.handle)
        *l = before;
    return rc;
}

void host_unlisten(struct world *w, struct host *h, uint16_t port)
{
    for (unsigned i = 0; i < h->listeners_count; i++) {
        struct listener *l = &h->listeners[i];
        if (l->port != port || !l->handle)
            continue;
        host_records(w, h);
        la_tcp_close(h->stack, l->handle);
        l->handle = 0;
        host_called(w, h, NULL, "close listener", 0);
    }
}

static void inbox_drop(struct host *h)
{
    while (h->inbox_count > 0) {
        la_buf_put(h->stack, h->inbox[h->inbox_first].buf);
        h->inbox_first = (h->inbox_first + 1) % h->inbox_room;
        h->inbox_count--;
    }
}

void host_crash(struct world *w, struct host *h)
{
    if (h->off)
        return;
    host_records(w, h);
    host_called(w, h, NULL, "crash", 0);
    flow_crashed(h);
    inbox_drop(h);
    la_stack_destroy(h->stack);
    h->stack = NULL;
    memset(h->by_conn, 0, sizeof(h->by_conn));
    h->touched_count = 0;
    check_forget(h);
    h->app_at_ns = UINT64_MAX;
    h->off = true;
    h->boots++;
    for (unsigned i = 0; i < h->listeners_count; i++)
        h->listeners[i].handle = 0;
    /* A stack at once, so that there always is one; it is deaf until the host boots. */
    if (!stack_open(w, h))
        world_broken(w, "memory", "%s: no memory for its stack", h->plan->name);
    host_moved(w, h);
}

void host_boot(struct world *w, struct host *h)
{
    if (!h->off)
        return;
    h->off = false;
    host_tick(w, h);
    host_called(w, h, NULL, "boot", 0);
    for (unsigned i = 0; i < h->listeners_count; i++)
        if (h->listeners[i].of_flow)
            listen_now(h, &h->listeners[i]);
    host_moved(w, h);
}
