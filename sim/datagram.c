/* Flows of datagrams: see datagram.h. */
#include "sim/datagram.h"

#include <lastack/udp.h>

#include "sim/ledger.h"
#include "sim/world.h"

#define DATAGRAM_MAX     65536
#define DATAGRAM_USUAL   1000
#define DATAGRAM_WAIT_NS (2 * LA_NS_PER_S) /* behind the last one: then nothing more will come */

static bool open_at(struct flow *f, unsigned side, uint16_t port)
{
    struct flow_end *e = &f->end[side];
    struct la_endpoint at = {.addr = e->host->addr[f->plan->v6], .port = port};
    host_tick(f->world, e->host);
    if (la_udp_open(e->host->stack, &at, &e->handle) < 0)
        return false;
    la_udp_set_user(e->host->stack, e->handle, f->index * 2 + side + 1);
    e->opened = e->connected = true;
    host_called(f->world, e->host, e, "bind", 0);
    return true;
}

void datagram_init(struct flow *f)
{
    if (!f->plan->refused && !open_at(f, 1, f->plan->port))
        world_broken(f->world, "bind", "%s: cannot bind port %u", f->plan->name, f->plan->port);
}

static void datagram_close(struct flow *f)
{
    for (unsigned side = 0; side < 2; side++) {
        struct flow_end *e = &f->end[side];
        if (e->handle)
            la_udp_close(e->host->stack, e->handle);
        e->handle = 0;
        e->done = true;
    }
    f->running = false;
    f->over = true;
    f->world->flows_over++;
    queue_move(&f->world->queue, &f->world->script,
               f->world->script.ops->next_at(f->world, &f->world->script));
}

static void send_one(struct flow *f)
{
    struct flow_end *e = &f->end[0];
    struct stream *s = &f->stream[0];
    uint32_t len = f->plan->chunk[0] ? f->plan->chunk[0] : DATAGRAM_USUAL;
    const uint8_t *bytes;
    size_t n = ledger_at(s->id, s->written, &bytes);
    n = n < len ? n : len;
    n = n < s->total - s->written ? n : (size_t)(s->total - s->written);
    struct la_endpoint to = {.addr = f->end[1].host->addr[f->plan->v6], .port = f->plan->port};
    int64_t sent = la_udp_send(e->host->stack, e->handle, &to, bytes, n);
    host_called(f->world, e->host, e, "sendto", sent);
    s->written += n; /* sent or not: nobody will ask again */
}

void datagram_think(struct flow *f)
{
    struct world *w = f->world;
    struct flow_end *e = &f->end[0];
    struct stream *s = &f->stream[0];
    if (!f->running)
        return;
    host_tick(w, e->host);
    if (s->written == s->total && w->now_ns >= e->write_ns + DATAGRAM_WAIT_NS) {
        datagram_close(f);
        return;
    }
    while (s->written < s->total && w->now_ns >= e->write_ns) {
        send_one(f);
        host_wake(w, e->host, w->now_ns); /* it leaves now */
        e->write_ns = w->now_ns + f->plan->every_ns[0];
    }
    e->wake_ns = s->written < s->total ? e->write_ns : e->write_ns + DATAGRAM_WAIT_NS;
    host_wake(w, e->host, e->wake_ns);
}

void datagram_start(struct flow *f)
{
    struct flow_end *e = &f->end[0];
    if (!open_at(f, 0, (uint16_t)f->plan->client_port))
        world_broken(f->world, "bind", "%s: no port for the sender", f->plan->name);
    struct la_endpoint local;
    if (la_udp_local(e->host->stack, e->handle, &local) == 0)
        f->client_port = local.port;
    e->next = e->host->ends;
    e->host->ends = e;
    e->write_ns = f->world->now_ns;
    datagram_think(f);
}

void datagram_event(struct flow *f)
{
    static uint8_t datagram[DATAGRAM_MAX];
    struct flow_end *e = &f->end[1];
    struct stream *s = &f->stream[0];
    int64_t n;
    while (e->handle &&
           (n = la_udp_recv(e->host->stack, e->handle, NULL, datagram, sizeof(datagram))) >= 0) {
        s->read += (uint64_t)n;
        f->last_byte_ns = f->world->now_ns;
        struct sim_flow_result *r = &f->world->result->flows[f->index];
        r->bytes[0] += (uint64_t)n;
        r->ended_ns = f->world->now_ns;
        host_called(f->world, e->host, e, "recvfrom", n);
    }
}
