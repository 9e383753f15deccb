/* Flows: see flow.h. An end acts when its handle is ready, when its time has come, or when the
 * other end did something that it waits for; each time it reads, writes and looks whether it is at
 * its end, as far as plan and stack let it. */
#include "sim/flow.h"

#include <string.h>

#include "sim/check.h"
#include "sim/datagram.h"
#include "sim/ledger.h"
#include "sim/world.h"

#define READ_MAX 65536

static uint64_t total_of(const struct flow *f, unsigned side)
{
    const struct plan_flow *p = f->plan;
    uint64_t bytes = p->bytes[side];
    if (bytes == PLAN_ENDLESS)
        return bytes;
    return (p->rounds > 0 ? bytes * p->rounds : bytes);
}

static struct flow_end *other(const struct flow_end *e)
{
    return &e->flow->end[1 - e->side];
}

static void wake_at(struct flow_end *e, uint64_t at_ns)
{
    if (at_ns < e->wake_ns)
        e->wake_ns = at_ns;
    host_wake(e->flow->world, e->host, e->wake_ns);
}

static void think(struct flow_end *e);

/* ---- ends and errors ------------------------------------------------------------------------ */

static bool memory_failed(const struct flow *f)
{
    return f->end[0].host->memory.failed + f->end[1].host->memory.failed > 0 ||
           f->end[0].host->plan->memory_max > 0 || f->end[1].host->plan->memory_max > 0;
}

/* Packets that did not arrive as they left. */
static uint64_t drops(const struct world *w)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < 2U * w->plan->links_count; i++) {
        n += w->lanes[i].lane.counts.corrupted;
        for (unsigned fate = LANE_PASSED + 1; fate < LANE_FATE_COUNT; fate++)
            n += w->lanes[i].lane.counts.fate[fate];
    }
    return n;
}

const char *flow_excuse(const struct flow *f, const struct flow_end *e, int error)
{
    const struct world *w = f->world;
    const struct flow_end *peer = other(e);
    if (w->plan->may_fail)
        return "the plan says that connections may fail";
    if (f->unclean)
        return "an application aborted, or did not read";
    if (memory_failed(f))
        return "a host had no memory";
    if (peer->error != 0)
        return "the other end failed";
    /* RFC 4987 3.6: without the first segment a cookie cannot be checked; the rest is reset. */
    if (error == LA_ECONNRESET && f->end[1].host->stack &&
        la_stack_counter(f->end[1].host->stack, LA_SYN_COOKIE) > 0)
        return "the handshake was a cookie, and the segment that proves it was lost";
    /* RFC 9293 3.8.3: R2; a SYN is sent 8 times, data 16 times. */
    if (error == LA_ETIMEDOUT && drops(w) >= 6)
        return "packets were lost again and again";
    if (error == LA_ECONNRESET && drops(w) >= 6 && peer->done && !check_tcb(peer))
        return "the other end had closed, and gave up after losses";
    /* RFC 4861 10: three questions without an answer. */
    if (error == LA_EHOSTUNREACH && e->host->plan->ethernet && drops(w) >= 3)
        return "packets were lost again and again";
    return NULL;
}

static void settle(struct flow *f);

/* From now on it waits no longer than the plan says. */
static void run_out_of_patience(struct flow_end *e)
{
    if (e->flow->plan->patience_ns == 0)
        return;
    e->patience_ns = e->flow->world->now_ns + e->flow->plan->patience_ns;
    wake_at(e, e->patience_ns);
}

/* Gives the handle up. */
static void let_go(struct flow_end *e, bool abort_it)
{
    struct world *w = e->flow->world;
    flow_reading(w, e);
    host_records(w, e->host);
    int rc = abort_it ? la_tcp_abort(e->host->stack, e->handle, LA_RST_ABORT)
                      : la_tcp_close(e->host->stack, e->handle);
    if (rc < 0 && e->error == 0)
        world_broken(w, "close", "%s: closing a live handle returns %s", e->flow->plan->name,
                     la_err_name(rc));
    host_called(w, e->host, e, abort_it ? "abort" : "close", 0);
    e->handle = 0;
    e->done = true;
    e->flow->stream[e->side].ended = true;
    host_moved(w, e->host);
    struct flow_end *peer = other(e);
    if (peer->opened && !peer->done && (e->error || abort_it || e->flow->unclean)) {
        run_out_of_patience(peer);
    }
    if (!peer->opened) {
        run_out_of_patience(e);
    }
    settle(e->flow);
}

static void failed(struct flow_end *e, int error)
{
    struct flow *f = e->flow;
    const char *excuse = flow_excuse(f, e, error);
    if (!excuse)
        world_broken(f->world, "connection fails", "%s: the %s's connection ends with %s",
                     f->plan->name, e->side == 0 ? "client" : "server", la_err_name(error));
    e->error = error;
    host_records(f->world, e->host);
    host_called(f->world, e->host, e, "error", error);
    struct sim_flow_result *r = &f->world->result->flows[f->index];
    if (r->error == 0)
        r->error = error;
    let_go(e, false);
}

/* Both ends have let go: is everything where it belongs? */
static void audit(struct flow *f)
{
    bool clean = !f->unclean && f->end[0].error == 0 && f->end[1].error == 0;
    for (unsigned side = 0; side < 2 && clean; side++) {
        const struct stream *s = &f->stream[side];
        if (s->read != s->total)
            world_broken(f->world, "I1 bytes missing",
                         "%s: %llu of %llu bytes that the %s sends were read", f->plan->name,
                         (unsigned long long)s->read, (unsigned long long)s->total,
                         side == 0 ? "client" : "server");
    }
}

static void tally(struct flow *f)
{
    struct sim_flow_result *r = &f->world->result->flows[f->index];
    r->connections++;
    r->failed += f->end[0].error != 0 || f->end[1].error != 0;
    uint64_t took_ns =
        f->last_byte_ns > f->end[0].open_ns ? f->last_byte_ns - f->end[0].open_ns : 0;
    r->fct_sum_ns += took_ns;
    r->fct_ns = took_ns > r->fct_ns ? took_ns : r->fct_ns;
    if (f->last_byte_ns > r->ended_ns)
        r->ended_ns = f->last_byte_ns;
}

static void unlink_end(struct flow_end *e)
{
    struct flow_end **at = &e->host->ends;
    while (*at && *at != e)
        at = &(*at)->next;
    if (*at)
        *at = e->next;
}

static void settle(struct flow *f)
{
    struct world *w = f->world;
    const struct flow_end *client = &f->end[0], *server = &f->end[1];
    bool never =
        !server->opened && client->done &&
        (client->error != 0 || (f->plan->patience_ns != 0 && w->now_ns >= client->patience_ns));
    if (!f->running || !client->done || !(server->done || never))
        return;
    f->running = false;
    if (never && client->error == 0)
        f->unclean = true;
    audit(f);
    tally(f);
    if (f->made < f->plan->repeat) {
        f->start_ns = w->now_ns + f->plan->gap_ns;
    } else {
        f->over = true;
        w->flows_over++;
    }
    queue_move(&w->queue, &w->script, w->script.ops->next_at(w, &w->script));
}

/* ---- reading -------------------------------------------------------------------------------- */

static void took(struct flow_end *e, const uint8_t *bytes, uint32_t len)
{
    struct flow *f = e->flow;
    struct world *w = f->world;
    struct stream *s = &f->stream[1 - e->side];
    if (s->seen_end)
        world_broken(w, "I9 bytes behind the end", "%s: %u bytes after the end was read",
                     f->plan->name, len);
    bool right = s->read + len <= s->written && ledger_right(s->id, s->read, bytes, len);
    if (!right && w->plan->any_bytes) {
        f->world->result->flows[f->index].wrong_bytes += len;
        return;
    }
    if (s->read + len > s->written)
        world_broken(w, "I1 too many bytes", "%s: %llu bytes read, %llu written", f->plan->name,
                     (unsigned long long)(s->read + len), (unsigned long long)s->written);
    if (!right)
        world_broken(w, "I1 wrong bytes", "%s: of %u bytes at offset %llu", f->plan->name, len,
                     (unsigned long long)s->read);
    s->read += len;
    f->last_byte_ns = w->now_ns;
    w->result->flows[f->index].bytes[1 - e->side] += len;
    if (w->now_ns >= w->watch->measure_from_ns)
        w->result->flows[f->index].measured[1 - e->side] += len;
    w->result->bytes += len;
}

/* One read; what the API returns. */
static int64_t read_once(struct flow_end *e, uint32_t max)
{
    static uint8_t copy[READ_MAX];
    struct la_stack *stack = e->host->stack;
    const void *data;
    struct la_buf *buf;
    int64_t n;
    switch (e->flow->plan->form[e->side]) {
    case PLAN_FORM_IN_PLACE:
        n = la_tcp_peek(stack, e->handle, &data);
        if (n > (int64_t)max)
            n = max;
        if (n > 0) {
            took(e, data, (uint32_t)n);
            la_tcp_consume(stack, e->handle, (size_t)n);
        }
        return n;
    case PLAN_FORM_LENT:
        n = la_tcp_take(stack, e->handle, &buf);
        if (n > 0) {
            took(e, buf->data, (uint32_t)n);
            la_buf_put(stack, buf);
        }
        return n;
    default:
        n = la_tcp_recv(stack, e->handle, copy, max, 0);
        if (n > 0)
            took(e, copy, (uint32_t)n);
        return n;
    }
}

static void read_end(struct flow_end *e)
{
    struct flow *f = e->flow;
    struct stream *s = &f->stream[1 - e->side];
    e->end_read_ns = f->world->now_ns;
    host_records(f->world, e->host);
    host_called(f->world, e->host, e, "recv", 0);
    if (f->world->plan->any_bytes) {
        s->seen_end = true;
        return;
    }
    if (!s->ended)
        world_broken(f->world, "I9 early end", "%s: the %s reads an end that nobody sent",
                     f->plan->name, e->side == 0 ? "client" : "server");
    if (s->read != s->written)
        world_broken(f->world, "I9 end before the last byte", "%s: %llu of %llu bytes were read",
                     f->plan->name, (unsigned long long)s->read, (unsigned long long)s->written);
    s->seen_end = true;
}

/* May the end read now? If not, it is woken when it may. */
static bool may_read(struct flow_end *e)
{
    const struct plan_flow *p = e->flow->plan;
    uint64_t now_ns = e->flow->world->now_ns;
    uint64_t from_ns = e->open_ns + p->read_late[e->side];
    if (from_ns < e->read_ns)
        from_ns = e->read_ns;
    if (e->paused || e->flow->stream[1 - e->side].seen_end)
        return false;
    if (now_ns < from_ns)
        wake_at(e, from_ns);
    return now_ns >= from_ns;
}

/* False: the handle is gone. */
static bool read_all(struct flow_end *e)
{
    const struct plan_flow *p = e->flow->plan;
    uint32_t max = p->read[e->side] ? p->read[e->side] : READ_MAX;
    if (max > READ_MAX)
        max = READ_MAX;
    while (may_read(e)) {
        host_records(e->flow->world, e->host);
        int64_t n = read_once(e, max);
        if (n == LA_EAGAIN)
            break;
        if (n > 0)
            host_called(e->flow->world, e->host, e, "recv", n);
        if (n == 0)
            read_end(e);
        if (n < 0) {
            failed(e, (int)n);
            return false;
        }
        if (p->read_ns[e->side] > 0)
            e->read_ns = e->flow->world->now_ns + p->read_ns[e->side];
    }
    return true;
}

/* ---- writing -------------------------------------------------------------------------------- */

/* How far the end may write now: rounds wait for each other. */
static uint64_t limit_of(const struct flow_end *e)
{
    const struct flow *f = e->flow;
    const struct plan_flow *p = f->plan;
    const struct stream *s = &f->stream[e->side], *in = &f->stream[1 - e->side];
    if (p->rounds == 0 || s->stopped)
        return s->total;
    uint64_t answered = in->read / p->bytes[1 - e->side];
    uint64_t turns = answered + (e->side == 0 ? 1 : 0);
    uint64_t limit = p->bytes[e->side] * (turns < p->rounds ? turns : p->rounds) + s->given;
    return limit < s->total ? limit : s->total;
}

static int64_t write_once(struct flow_end *e, const uint8_t *bytes, size_t len)
{
    struct la_stack *stack = e->host->stack;
    void *room;
    int rc;
    switch (e->flow->plan->form[e->side]) {
    case PLAN_FORM_IN_PLACE:
        rc = la_tcp_reserve(stack, e->handle, &room, &len);
        if (rc < 0)
            return rc;
        memcpy(room, bytes, len);
        rc = la_tcp_commit(stack, e->handle, len, 0);
        return rc < 0 ? rc : (int64_t)len;
    case PLAN_FORM_LENT: {
        int64_t n = la_tcp_lend(stack, e->handle, bytes, len, e->flow->index, 0);
        if (n > 0)
            e->host->lent++;
        return n;
    }
    default:
        return la_tcp_send(stack, e->handle, bytes, len, 0);
    }
}

static void stop_in_time(struct flow_end *e)
{
    struct flow *f = e->flow;
    struct stream *s = &f->stream[e->side];
    if (f->plan->for_ns == 0 || s->stopped)
        return;
    uint64_t until_ns = f->end[0].open_ns + f->plan->for_ns;
    if (f->world->now_ns >= until_ns) {
        s->stopped = true;
        s->total = s->written;
    } else {
        wake_at(e, until_ns);
    }
}

/* One write as the plan wants it. False: not now. */
static bool write_some(struct flow_end *e)
{
    struct flow *f = e->flow;
    struct stream *s = &f->stream[e->side];
    uint64_t now_ns = f->world->now_ns, limit = limit_of(e);
    const uint8_t *bytes;
    if (s->written >= limit || e->shut)
        return false;
    if (now_ns < e->write_ns) {
        wake_at(e, e->write_ns);
        return false;
    }
    size_t len = ledger_at(s->id, s->written, &bytes);
    uint32_t chunk = f->plan->chunk[e->side];
    if (len > limit - s->written)
        len = (size_t)(limit - s->written);
    if (chunk > 0 && len > chunk)
        len = chunk;
    host_records(f->world, e->host);
    int64_t n = write_once(e, bytes, len);
    if (n > 0)
        host_called(f->world, e->host, e, "send", n);
    if (n == LA_EAGAIN || ((n == LA_ENOBUFS || n == LA_ENOMEM) && memory_failed(f))) {
        if (n != LA_EAGAIN)
            wake_at(e, now_ns + 100 * LA_NS_PER_MS);
        return false;
    }
    if (n <= 0) {
        failed(e, n == 0 ? LA_EIO : (int)n);
        return false;
    }
    s->written += (uint64_t)n;
    if (f->plan->every_ns[e->side] > 0)
        e->write_ns = now_ns + f->plan->every_ns[e->side];
    return true;
}

/* ---- the end -------------------------------------------------------------------------------- */

static void shut(struct flow_end *e)
{
    host_records(e->flow->world, e->host);
    int rc = la_tcp_shutdown(e->host->stack, e->handle);
    host_called(e->flow->world, e->host, e, "shutdown", rc);
    if (rc < 0) {
        failed(e, rc);
        return;
    }
    e->shut = true;
    e->flow->stream[e->side].ended = true;
    e->flow->stream[e->side].total = e->flow->stream[e->side].written;
}

static bool wrote_all(const struct flow_end *e)
{
    const struct stream *s = &e->flow->stream[e->side];
    return s->written == s->total;
}

static bool read_everything(const struct flow *f)
{
    return f->stream[0].read == f->stream[0].total && f->stream[1].read == f->stream[1].total;
}

/* Has it read the peer's end, and thought about it? */
static bool answers(struct flow_end *e)
{
    uint64_t at_ns = e->end_read_ns + e->flow->plan->think_ns[e->side];
    if (!e->flow->stream[1 - e->side].seen_end)
        return false;
    if (e->flow->world->now_ns < at_ns)
        wake_at(e, at_ns);
    return e->flow->world->now_ns >= at_ns;
}

/* Endings in which both close: the one that begins when it has written and read all, the other
 * when it has read the end. */
static bool time_to_close(struct flow_end *e)
{
    unsigned begins = e->flow->plan->ending == PLAN_END_CLOSE ? 0 : 1;
    const struct stream *in = &e->flow->stream[1 - e->side];
    bool first = e->side == begins && in->read == in->total;
    return wrote_all(e) && (first || answers(e));
}

/* What an act wanted before the end was connected. */
static void do_later(struct flow_end *e)
{
    uint8_t act = e->later;
    e->later = 0;
    if (act == PLAN_ACT_SHUTDOWN && !e->shut)
        shut(e);
    else if (act == PLAN_ACT_CLOSE || act == PLAN_ACT_ABORT)
        let_go(e, act == PLAN_ACT_ABORT);
}

/* Is it this end's turn to shut down? */
static bool time_to_shut(struct flow_end *e)
{
    unsigned ending = e->flow->plan->ending;
    bool first = ending == PLAN_END_BOTH || ending == PLAN_END_ABORT || ending == PLAN_END_UNREAD ||
                 (ending == PLAN_END_HALF_CLOSE && e->side == 0) ||
                 (ending == PLAN_END_SERVER && e->side == 1);
    return wrote_all(e) && !e->shut && (first || answers(e));
}

static void finish(struct flow_end *e)
{
    struct flow *f = e->flow;
    const struct plan_flow *p = f->plan;
    if (e->patience_ns && f->world->now_ns >= e->patience_ns) {
        f->unclean = true;
        let_go(e, true);
        return;
    }
    if (p->ending == PLAN_END_ABORT && e->side == 0 &&
        f->stream[0].written >=
            (p->abort_after < f->stream[0].total ? p->abort_after : f->stream[0].total)) {
        f->unclean = true;
        let_go(e, true);
        return;
    }
    if (p->ending == PLAN_END_UNREAD && e->side == 0 && wrote_all(e)) {
        f->unclean = true;
        let_go(e, false);
        return;
    }
    if (p->ending == PLAN_END_TOGETHER && read_everything(f)) {
        struct flow_end *peer = other(e);
        let_go(e, false);
        if (peer->handle) {
            host_tick(f->world, peer->host);
            let_go(peer, false);
        }
        return;
    }
    if (e->later && e->connected && wrote_all(e)) {
        do_later(e);
        return;
    }
    if (p->ending == PLAN_END_CLOSE || p->ending == PLAN_END_CLOSE_SERVER) {
        if (e->connected && time_to_close(e))
            let_go(e, false);
        return;
    }
    if (p->ending != PLAN_END_STAY && time_to_shut(e))
        shut(e);
    if (e->handle && e->shut && f->stream[1 - e->side].seen_end)
        let_go(e, false);
}

/* What the end wants to hear of. */
static void want(struct flow_end *e)
{
    struct flow *f = e->flow;
    uint64_t now_ns = f->world->now_ns;
    uint32_t events = LA_EV_CONNECTED | LA_EV_PEER_CLOSED | LA_EV_CLOSED | LA_EV_SOFT_ERROR;
    bool may =
        !e->paused && now_ns >= e->read_ns && now_ns >= e->open_ns + f->plan->read_late[e->side];
    if (may && !f->stream[1 - e->side].seen_end)
        events |= LA_EV_READABLE;
    if (e->connected && f->stream[e->side].written < limit_of(e) && now_ns >= e->write_ns &&
        !e->shut)
        events |= LA_EV_WRITABLE;
    if (events != e->wanted)
        la_stack_want(e->host->stack, e->handle, events);
    e->wanted = events;
}

static void think(struct flow_end *e)
{
    struct flow *f = e->flow;
    if (f->world->now_ns < e->patience_ns)
        wake_at(e, e->patience_ns);
    if (!e->handle) {
        settle(f);
        return;
    }
    uint64_t read_before = f->stream[1 - e->side].read;
    if (e->connected) {
        if (!read_all(e))
            return;
        stop_in_time(e);
        while (write_some(e))
            ;
    }
    if (e->handle)
        finish(e);
    if (e->handle)
        want(e);
    /* The other end may wait for what was read here. */
    if (f->stream[1 - e->side].read != read_before && f->plan->ending == PLAN_END_TOGETHER &&
        read_everything(f) && other(e)->handle)
        wake_at(other(e), f->world->now_ns);
    host_moved(f->world, e->host);
}

/* ---- the beginning -------------------------------------------------------------------------- */

static void attach(struct flow_end *e, la_handle handle)
{
    struct world *w = e->flow->world;
    struct la_tcp_info info;
    e->handle = handle;
    e->opened = true;
    e->open_ns = w->now_ns;
    e->wanted = UINT32_MAX;
    e->next = e->host->ends;
    e->host->ends = e;
    la_tcp_set_user(e->host->stack, handle, e->flow->index * 2 + e->side + 1);
    if (la_tcp_info(e->host->stack, handle, &info) == 0)
        e->conn = info.conn;
    e->index = (uint32_t)handle & 0x7fffffffU;
}

static void end_reset(struct flow *f, unsigned side)
{
    struct flow_end *e = &f->end[side];
    if (e->opened)
        unlink_end(e);
    memset(e, 0, sizeof(*e));
    e->flow = f;
    e->side = (uint8_t)side;
    e->host = &f->world->hosts[f->plan->node[side]];
    e->wake_ns = UINT64_MAX;
    e->rtt_min_us = UINT32_MAX;
    memset(&f->stream[side], 0, sizeof(f->stream[side]));
    f->stream[side].id = (f->plan->number * 2 + side) * 1000 + f->made;
    f->stream[side].total = total_of(f, side);
}

void flow_init(struct world *w, unsigned index)
{
    struct flow *f = &w->flows[index];
    struct prng p;
    f->plan = &w->plan->flows[index];
    f->world = w;
    f->index = index;
    world_prng(w, &p, 'f', f->plan->number);
    f->start_ns = f->plan->at_ns;
    if (f->plan->spread_ns > 0)
        f->start_ns += prng_u64(&p) % f->plan->spread_ns;
    end_reset(f, 0);
    end_reset(f, 1);
    struct sim_flow_result *r = &w->result->flows[index];
    memcpy(r->name, f->plan->name, sizeof(r->name));
    r->rtt_min_us = UINT32_MAX;
    struct host *server = f->end[1].host;
    if (f->plan->udp) {
        datagram_init(f);
        return;
    }
    if (server->wrong || f->plan->refused)
        return;
    if (!f->plan->crossed &&
        host_listen(w, server, f->plan->port, &f->plan->options[1], true) < 0 && !memory_failed(f))
        world_broken(w, "listen", "%s: cannot listen on port %u", server->plan->name,
                     f->plan->port);
}

static struct la_endpoint place_of(const struct flow *f, unsigned side, uint16_t port)
{
    return (struct la_endpoint){.addr = f->end[side].host->addr[f->plan->v6], .port = port};
}

static void open_end(struct flow *f, unsigned side, const struct la_endpoint *local,
                     const struct la_endpoint *remote)
{
    struct flow_end *e = &f->end[side];
    la_handle handle;
    host_tick(f->world, e->host);
    host_records(f->world, e->host);
    int rc = la_tcp_open(e->host->stack, local, remote, &f->plan->options[side], &handle);
    if (rc < 0) {
        host_called(f->world, e->host, e, "connect", rc);
        if (!flow_excuse(f, e, rc))
            world_broken(f->world, "open", "%s: open returns %s", f->plan->name, la_err_name(rc));
        e->error = rc;
        if (f->world->result->flows[f->index].error == 0)
            f->world->result->flows[f->index].error = rc;
        e->done = true;
        run_out_of_patience(e);
        return;
    }
    attach(e, handle);
    host_called(f->world, e->host, e, "connect", 0);
}

void flow_start(struct flow *f)
{
    struct world *w = f->world;
    f->made++;
    f->unclean = false;
    f->running = true;
    end_reset(f, 0);
    if (!f->plan->udp)
        end_reset(f, 1);
    /* Ports that nobody listens on and the stack does not choose. */
    uint16_t port = f->plan->crossed ? (uint16_t)(20000 + f->plan->number % 10000) : f->plan->port;
    struct la_endpoint there = place_of(f, 1, port);
    struct la_endpoint here =
        place_of(f, 0, f->plan->crossed ? port : (uint16_t)f->plan->client_port);
    if (f->made == 1)
        w->result->flows[f->index].began_ns = w->now_ns;
    f->last_byte_ns = w->now_ns;
    f->end[0].open_ns = w->now_ns;
    if (f->end[0].host->wrong) {
        w->watch->wrong->start(w, f);
        return;
    }
    if (f->plan->udp) {
        datagram_start(f);
        return;
    }
    open_end(f, 0, &here, &there);
    if (f->plan->crossed)
        open_end(f, 1, &there, &here);
    struct la_endpoint local;
    if (f->end[0].handle && la_tcp_local(f->end[0].host->stack, f->end[0].handle, &local) == 0)
        f->client_port = local.port;
    for (unsigned side = 0; side < 2; side++)
        if (f->end[side].handle) {
            want(&f->end[side]);
            host_wake(w, f->end[side].host, w->now_ns);
        }
    settle(f);
}

void flow_accept(struct world *w, struct host *h, la_handle listener)
{
    la_handle handle;
    if (w->now_ns < h->plan->accept_ns) {
        host_wake(w, h, h->plan->accept_ns);
        return;
    }
    while (host_records(w, h), la_tcp_accept(h->stack, listener, &handle) == 0) {
        struct la_tcp_info info;
        struct flow *f = NULL;
        la_tcp_info(h->stack, handle, &info);
        for (unsigned i = 0; i < w->plan->flows_count && !f; i++) {
            struct flow *g = &w->flows[i];
            if (g->running && !g->plan->crossed && g->end[1].host == h && !g->end[1].opened &&
                g->client_port == info.remote.port && g->plan->port == info.local.port &&
                la_addr_equal(&info.remote.addr, &g->end[0].host->addr[g->plan->v6]))
                f = g;
        }
        if (!f) { /* a SYN that came late made a second one, whose client is gone */
            host_called(w, h, NULL, "accept", 0);
            la_tcp_abort(h->stack, handle, LA_RST_ABORT);
            continue;
        }
        attach(&f->end[1], handle);
        f->end[1].connected = true;
        host_called(w, h, &f->end[1], "accept", 0);
        if (f->end[0].done)
            run_out_of_patience(&f->end[1]);
        think(&f->end[1]);
    }
}

/* ---- what wakes an end ---------------------------------------------------------------------- */

static void released(struct world *w, struct host *h)
{
    la_handle owner;
    uint64_t cookie;
    while (la_tcp_released(h->stack, &owner, &cookie) == 1) {
        if (cookie >= w->plan->flows_count || h->lent == 0)
            world_broken(w, "lent", "%s: a buffer came back that was not lent", h->plan->name);
        h->lent--;
    }
}

void flow_event(struct world *w, struct host *h, const struct la_event *event)
{
    if (event->events & LA_EV_RELEASED)
        released(w, h);
    if (event->events & LA_EV_ACCEPTABLE) {
        flow_accept(w, h, event->handle);
        return;
    }
    if (event->user == 0 || event->user > 2 * w->plan->flows_count)
        return;
    struct flow *f = &w->flows[(event->user - 1) / 2];
    struct flow_end *e = &f->end[(event->user - 1) % 2];
    if (f->plan->udp) {
        datagram_event(f);
        return;
    }
    if (e->handle != event->handle)
        return;
    if ((event->events & LA_EV_CONNECTED) && !e->connected) {
        e->connected = true;
        host_records(w, h);
        host_called(w, h, e, "connected", 0);
        e->write_ns = e->read_ns = w->now_ns;
        if (w->result->flows[f->index].connected_ns == 0)
            w->result->flows[f->index].connected_ns = w->now_ns;
    }
    if ((event->events & LA_EV_ERROR) && !e->connected) {
        failed(e, event->error);
        return;
    }
    think(e);
}

void flow_wake(struct world *w, struct host *h)
{
    struct flow_end *next;
    h->app_at_ns = UINT64_MAX;
    if (w->now_ns == h->plan->accept_ns)
        for (unsigned i = 0; i < h->listeners_count; i++)
            flow_accept(w, h, h->listeners[i].handle);
    for (struct flow_end *e = h->ends; e; e = next) {
        next = e->next;
        if (e->wake_ns <= w->now_ns) {
            e->wake_ns = UINT64_MAX;
            if (e->flow->plan->udp)
                datagram_think(e->flow);
            else
                think(e);
        }
    }
    for (struct flow_end *e = h->ends; e; e = e->next)
        if (e->wake_ns < h->app_at_ns)
            h->app_at_ns = e->wake_ns;
}

bool flow_give_up(struct flow *f)
{
    for (unsigned side = 0; side < 2; side++) {
        struct flow_end *e = &f->end[side];
        if (!f->running || !e->handle || !other(e)->done || !flow_excuse(f, e, LA_ETIMEDOUT))
            continue;
        host_tick(f->world, e->host);
        f->unclean = true;
        let_go(e, true);
        return true;
    }
    return false;
}

void flow_act(struct flow *f, const struct plan_act *act)
{
    struct flow_end *e = &f->end[act->kind == PLAN_ACT_SEND ? 0 : act->end];
    if (act->kind == PLAN_ACT_REPLY)
        e = &f->end[1];
    if (e->host->wrong) {
        f->world->watch->wrong->act(f->world, f, act);
        return;
    }
    if (e->host->off)
        return;
    host_tick(f->world, e->host);
    if ((!e->connected || !wrote_all(e)) && !e->done && f->plan->ending == PLAN_END_STAY &&
        (act->kind == PLAN_ACT_SHUTDOWN || act->kind == PLAN_ACT_CLOSE)) {
        e->later = act->kind;
        return;
    }
    struct stream *s = &f->stream[act->kind == PLAN_ACT_REPLY ? 1 : 0];
    switch (act->kind) {
    case PLAN_ACT_SEND:
    case PLAN_ACT_REPLY:
        s->total += act->value;
        s->given += act->value;
        break;
    case PLAN_ACT_SHUTDOWN:
        if (e->handle)
            shut(e);
        break;
    case PLAN_ACT_CLOSE:
    case PLAN_ACT_ABORT:
        f->unclean = true;
        if (e->handle)
            let_go(e, act->kind == PLAN_ACT_ABORT);
        break;
    default:
        e->paused = act->kind == PLAN_ACT_PAUSE;
        break;
    }
    /* What the call left to send, leaves now. */
    host_wake(f->world, e->host, f->world->now_ns);
    if (e->handle)
        wake_at(e, f->world->now_ns);
}

void flow_crashed(struct host *h)
{
    while (h->ends) {
        struct flow_end *e = h->ends;
        h->ends = e->next;
        e->next = NULL;
        e->handle = 0;
        e->conn = 0;
        e->done = true;
        e->flow->unclean = true;
        struct flow_end *peer = other(e);
        if (peer->handle)
            run_out_of_patience(peer);
    }
}

/* ---- by connection -------------------------------------------------------------------------- */

struct flow_end *flow_of_conn(struct host *h, uint32_t conn)
{
    struct flow_end **place = &h->by_conn[conn % HOST_CONNS];
    if (*place && (*place)->host == h && (*place)->conn == conn)
        return *place;
    for (struct flow_end *e = h->ends; e; e = e->next)
        if (e->conn == conn)
            return *place = e;
    return NULL;
}
