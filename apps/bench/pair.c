/* Two stacks at the ends of a wire in memory: see pair.h. */
#include <string.h>

#include "apps/bench/pair.h"

#define MEMORY_MAX (UINT64_C(4) << 30)

static void *counted_get(void *ctx, size_t size, size_t align)
{
    uint64_t *held = ctx;
    struct la_allocator host = la_host_allocator();
    void *memory = host.get(host.ctx, size, align);
    if (memory)
        *held += size;
    return memory;
}

static void counted_put(void *ctx, void *memory, size_t size)
{
    uint64_t *held = ctx;
    struct la_allocator host = la_host_allocator();
    *held -= size;
    host.put(host.ctx, memory, size);
}

/* 10.0.0.1 and up, fd00::1 and up; the server's are the last of their kind. */
static struct la_addr address(uint32_t n, bool v6)
{
    struct la_addr a = la_addr_v4(10, 0, 0, (uint8_t)n);
    if (v6)
        a = (struct la_addr){{0xfd, [15] = (uint8_t)n}};
    return a;
}

#define SERVER 250

struct la_endpoint pair_server(bool v6)
{
    return (struct la_endpoint){.addr = address(SERVER, v6), .port = PAIR_PORT};
}

struct la_endpoint pair_client(uint32_t n, bool v6)
{
    return (struct la_endpoint){.addr = address(1 + n / PAIR_PORTS % PAIR_CLIENTS, v6),
                                .port = (uint16_t)(PAIR_PORT_LEAST + n % PAIR_PORTS)};
}

static bool addresses_add(struct pair_end *e, uint32_t first, uint32_t count, bool v6)
{
    uint8_t prefix = v6 ? 64 : 24;
    for (uint32_t n = first; n < first + count; n++) {
        struct la_addr a = address(n, v6);
        if (la_stack_addr_add(e->stack, e->id, &a, prefix) < 0)
            return false;
    }
    return true;
}

static bool end_open(struct pair *p, unsigned n, const struct pair_plan *plan, struct la_link *link)
{
    struct pair_end *e = &p->end[n];
    struct la_config c;
    la_config_init(&c);
    c.allocator =
        (struct la_allocator){.ctx = &e->held_bytes, .get = counted_get, .put = counted_put};
    memset(c.seed, (int)n + 1, sizeof(c.seed));
    c.memory_max = MEMORY_MAX;
    c.conns_max = plan->records + 64;
    c.half_open_max = plan->records + 64;
    c.time_wait_max = plan->records + 64;
    c.port_first = PAIR_PORT_LEAST;
    c.port_last = PAIR_PORT_LEAST + PAIR_PORTS - 1;
    c.cookies = LA_COOKIES_NEVER;
    e->link = link;
    e->stack = la_stack_create(&c, p->now_ns);
    if (!e->stack)
        return false;
    e->id = la_stack_link_add(e->stack, &link->info);
    uint32_t clients = plan->clients ? plan->clients : (plan->records - 1) / PAIR_PORTS + 1;
    return e->id > 0 && (n == 1 ? addresses_add(e, SERVER, 1, plan->v6)
                                : addresses_add(e, 1, clients, plan->v6));
}

bool pair_open(struct pair *p, const struct pair_plan *plan)
{
    struct la_link *links[2];
    memset(p, 0, sizeof(*p));
    p->now_ns = la_clock_ns();
    if (la_link_memory_pair(LA_LINK_IP, plan->mtu, 4 * PAIR_BATCH, links) < 0)
        return false;
    bool first = end_open(p, 0, plan, links[0]);
    bool second = end_open(p, 1, plan, links[1]);
    if (!first || !second)
        pair_close(p);
    return first && second;
}

void pair_close(struct pair *p)
{
    for (unsigned n = 0; n < 2; n++) {
        la_link_close(p->end[n].link); /* gives buffers back to the stack, so it goes first */
        if (p->end[n].stack)
            la_stack_destroy(p->end[n].stack);
    }
}

int pair_listen(struct pair *p, bool v6, const struct la_tcp_options *options)
{
    struct la_endpoint at = pair_server(v6);
    return la_tcp_listen(p->end[1].stack, &at, options, &p->end[1].listener);
}

/* ---- the wire ------------------------------------------------------------------------------- */

static size_t take_out(struct pair *p, unsigned from)
{
    struct pair_end *e = &p->end[from];
    if (!p->frozen)
        p->now_ns = la_clock_ns();
    if (la_stack_next_deadline(e->stack) <= p->now_ns)
        la_stack_timeout(e->stack, p->now_ns);
    return la_stack_output(e->stack, e->id, p->frames, PAIR_BATCH, p->now_ns);
}

size_t pair_pass(struct pair *p, unsigned from)
{
    struct pair_end *e = &p->end[from];
    struct pair_end *to = &p->end[1 - from];
    size_t n = take_out(p, from);
    if (n == 0)
        return 0;
    int taken = e->link->ops->send(e->link, p->frames, n, p->now_ns);
    la_stack_sent(e->stack, e->id, p->frames, n, taken > 0 ? (size_t)taken : 0);
    int got = to->link->ops->recv(to->link, to->stack, p->frames, PAIR_BATCH, p->now_ns);
    if (got > 0)
        la_stack_input(to->stack, to->id, p->frames, (size_t)got, p->now_ns);
    return n;
}

void pair_settle(struct pair *p)
{
    while (pair_pass(p, 0) + pair_pass(p, 1) != 0)
        ;
}

void pair_discard(struct pair *p, unsigned from)
{
    struct pair_end *e = &p->end[from];
    for (size_t n = take_out(p, from); n > 0; n = take_out(p, from))
        la_stack_sent(e->stack, e->id, p->frames, n, n);
}

void pair_forget_events(struct pair *p)
{
    struct la_event events[PAIR_BATCH];
    for (unsigned n = 0; n < 2; n++)
        while (la_stack_poll(p->end[n].stack, events, PAIR_BATCH) > 0)
            ;
}

int pair_connect(struct pair *p, uint32_t n, bool v6, const struct la_tcp_options *options,
                 la_handle *client, la_handle *server)
{
    struct la_endpoint local = pair_client(n, v6);
    struct la_endpoint remote = pair_server(v6);
    int rc = la_tcp_open(p->end[0].stack, &local, &remote, options, client);
    if (rc < 0)
        return rc;
    pair_settle(p);
    return la_tcp_accept(p->end[1].stack, p->end[1].listener, server);
}
