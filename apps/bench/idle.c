/* idle-bytes and index-bytes: what records cost while nothing happens.
 *
 * A population of one kind is made between two stacks in memory, in virtual time that stands still,
 * and then counted in two ways: by what the stack charges to each kind of memory, and by what its
 * allocator gave in all, which is more: tables, free slots in the last slab, trace rings.
 *
 *   established  at the listening end, each with a socket of sock.h
 *   time-wait    at the end that opened and closed first
 *   half-open    at the listening end: SYNs come, its answers are thrown away
 *
 * A table that has just grown is emptier than one that is about to, and while it grows both arrays
 * are there: the largest share that was seen from a thousand records on is told as a condition. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lastack/sock.h>

#include "apps/bench/bench.h"
#include "apps/bench/pair.h"
#include "sock/table.h"

#define SHARE_FROM 1000
#define RINGS      100

struct count {
    uint64_t records, index, held;
};

struct population {
    struct pair pair;
    bool v6;
    uint32_t total; /* to be made */
    unsigned end;   /* where they are counted */
    uint64_t sockets_held;
    struct la_sock_table *sockets; /* established: of end 1 */
    int listener_fd;
    struct count before;
    double share_max;
    char why[128];
};

static bool failed(struct population *p, const char *what, int64_t rc)
{
    snprintf(p->why, sizeof(p->why), "%s: %s", what, la_err_text((int)rc));
    return false;
}

/* ---- counting ------------------------------------------------------------------------------- */

/* What is charged to records of any kind, the sockets' entries included; tables and trace apart. */
static struct count count_now(const struct population *p, uint32_t made)
{
    static const enum la_memory_kind kinds[] = {LA_MEM_BUFFERS, LA_MEM_CONNECTIONS,
                                                LA_MEM_HALF_OPEN, LA_MEM_TIME_WAIT, LA_MEM_SOCKETS};
    const struct pair_end *e = &p->pair.end[p->end];
    struct count c = {.index = la_stack_memory(e->stack, LA_MEM_INDEX),
                      .held = e->held_bytes + p->sockets_held};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        c.records += la_stack_memory(e->stack, kinds[i]);
    if (p->sockets)
        c.records += made * sizeof(struct sock);
    return c;
}

static void share_note(struct population *p, uint32_t made)
{
    if (made < SHARE_FROM && made != p->total)
        return;
    uint64_t percent = (count_now(p, made).index - p->before.index) * 100 / made;
    double share = (double)percent / 100;
    if (share > p->share_max)
        p->share_max = share;
}

/* ---- the sockets' own memory ---------------------------------------------------------------- */

static void *sockets_get(void *ctx, size_t size, size_t align)
{
    struct la_allocator host = la_host_allocator();
    *(uint64_t *)ctx += size;
    return host.get(host.ctx, size, align);
}

static void sockets_put(void *ctx, void *memory, size_t size)
{
    struct la_allocator host = la_host_allocator();
    *(uint64_t *)ctx -= size;
    host.put(host.ctx, memory, size);
}

static bool sockets_open(struct population *p)
{
    struct la_allocator a = {.ctx = &p->sockets_held, .get = sockets_get, .put = sockets_put};
    struct la_endpoint at = pair_server(p->v6);
    p->sockets = la_sock_create(p->pair.end[1].stack, &a, p->total + 1);
    if (!p->sockets)
        return failed(p, "no table of sockets", LA_ENOMEM);
    p->listener_fd = la_socket(p->sockets, p->v6 ? LA_AF_INET6 : LA_AF_INET, LA_SOCK_STREAM);
    int rc = la_bind(p->sockets, p->listener_fd, &at);
    if (rc == 0)
        rc = la_listen(p->sockets, p->listener_fd, LA_SOMAXCONN);
    return rc == 0 || failed(p, "cannot listen", rc);
}

/* ---- one record ----------------------------------------------------------------------------- */

static bool make_established(struct population *p, uint32_t n)
{
    struct la_endpoint local = pair_client(n, p->v6);
    struct la_endpoint remote = pair_server(p->v6);
    la_handle client;
    int rc = la_tcp_open(p->pair.end[0].stack, &local, &remote, NULL, &client);
    if (rc < 0)
        return failed(p, "cannot open", rc);
    pair_settle(&p->pair);
    rc = la_accept(p->sockets, p->listener_fd, NULL);
    return rc >= 0 || failed(p, "cannot accept", rc);
}

static bool make_time_wait(struct population *p, uint32_t n)
{
    la_handle client, server;
    int rc = pair_connect(&p->pair, n, p->v6, NULL, &client, &server);
    if (rc < 0)
        return failed(p, "cannot connect", rc);
    la_tcp_close(p->pair.end[0].stack, client);
    pair_settle(&p->pair);
    la_tcp_close(p->pair.end[1].stack, server);
    pair_settle(&p->pair);
    return true;
}

/* The opening end is only there to make SYNs: it forgets each of them at once. */
static bool make_half_open(struct population *p, uint32_t n)
{
    struct la_endpoint local = pair_client(n, p->v6);
    struct la_endpoint remote = pair_server(p->v6);
    la_handle client;
    int rc = la_tcp_open(p->pair.end[0].stack, &local, &remote, NULL, &client);
    if (rc < 0)
        return failed(p, "cannot open", rc);
    pair_pass(&p->pair, 0);
    pair_discard(&p->pair, 1);
    la_tcp_abort(p->pair.end[0].stack, client, LA_RST_ABORT);
    pair_discard(&p->pair, 0);
    return true;
}

/* ---- the population ------------------------------------------------------------------------- */

static bool make(struct population *p, int kind, uint32_t n)
{
    switch (kind) {
    case IDLE_ESTABLISHED:
        return make_established(p, n);
    case IDLE_TIME_WAIT:
        return make_time_wait(p, n);
    default:
        return make_half_open(p, n);
    }
}

static uint32_t made_of(const struct population *p, int kind)
{
    struct la_stack_stats stats;
    la_stack_stats(p->pair.end[p->end].stack, &stats);
    return kind == IDLE_ESTABLISHED ? stats.conns
           : kind == IDLE_TIME_WAIT ? stats.time_wait
                                    : stats.half_open;
}

static bool populate(struct population *p, int kind)
{
    struct la_tcp_options options;
    la_tcp_options_init(&options);
    options.half_open_max = p->total + 1;
    p->pair.frozen = true;
    p->end = kind == IDLE_TIME_WAIT ? 0 : 1;
    p->before = count_now(p, 0);
    int rc = 0;
    if (kind == IDLE_ESTABLISHED && !sockets_open(p))
        return false;
    if (kind != IDLE_ESTABLISHED)
        rc = pair_listen(&p->pair, p->v6, &options);
    if (rc < 0)
        return failed(p, "cannot listen", rc);
    p->before.records = count_now(p, 0).records; /* the listener is not one of them */
    for (uint32_t n = 0; n < p->total; n++) {
        if (!make(p, kind, n))
            return false;
        share_note(p, n + 1);
    }
    uint32_t made = made_of(p, kind);
    if (made != p->total)
        snprintf(p->why, sizeof(p->why), "%u of %u records were made", made, p->total);
    return made == p->total;
}

/* With two digits behind the point. */
static double per_record(uint64_t bytes, const struct population *p)
{
    uint64_t hundredths = bytes * 100 / p->total;
    return (double)hundredths / 100;
}

static void conditions(const struct population *p, struct figure *group)
{
    struct la_endpoint server = pair_server(p->v6);
    struct la_endpoint first = pair_client(0, p->v6);
    struct la_endpoint last = pair_client(p->total - 1, p->v6);
    char text[3][LA_ENDPOINT_TEXT_MAX];
    la_endpoint_format(&server, text[0]);
    la_endpoint_format(&first, text[1]);
    la_endpoint_format(&last, text[2]);
    struct count now = count_now(p, p->total);
    for (unsigned i = 0; i < 2; i++) {
        condition_text(&group[i], "ip", p->v6 ? "IPv6" : "IPv4");
        condition_number(&group[i], "records", p->total);
        condition_text(&group[i], "server", "%s", text[0]);
        condition_text(&group[i], "clients", "%s to %s, %u ports an address", text[1], text[2],
                       PAIR_PORTS);
    }
    condition_number(&group[0], "allocator_bytes_a_record",
                     per_record(now.held - p->before.held, p));
    condition_number(&group[1], "largest_while_growing", p->share_max);
}

void idle_run(struct bench *bench, struct figure *group)
{
    struct population *p = calloc(1, sizeof(*p));
    int kind = group->variant & ~IDLE_V6;
    const struct pair_plan plan = {
        .mtu = 1500, .records = bench->records, .v6 = (group->variant & IDLE_V6) != 0};
    if (!p || !pair_open(&p->pair, &plan)) {
        free(p);
        figures_missing(group, "no memory for two stacks");
        return;
    }
    p->v6 = plan.v6;
    p->total = bench->records;
    if (populate(p, kind)) {
        struct count now = count_now(p, p->total);
        figure_add(&group[0], (double)(now.records - p->before.records) / p->total);
        figure_add(&group[1], (double)(now.index - p->before.index) / p->total);
        conditions(p, group);
    } else {
        figures_missing(group, "%s", p->why);
    }
    if (p->sockets)
        la_sock_destroy(p->sockets);
    pair_close(&p->pair);
    free(p);
}

/* ---- trace rings ---------------------------------------------------------------------------- */

/* Connections that do something have one; when what it holds is drained and they are idle, it goes
 * back to its pool. */
static void rings_count(struct pair *p, struct figure *group)
{
    struct la_trace_record records[1024];
    struct la_stack_stats busy, idle;
    struct la_stack *stack = p->end[1].stack;
    la_stack_stats(stack, &busy);
    uint64_t bytes = la_stack_memory(stack, LA_MEM_TRACE);
    if (busy.trace_rings == 0) {
        figures_missing(group, "no connection has a trace ring");
        return;
    }
    figure_add(group, (double)bytes / busy.trace_rings);
    p->frozen = true;
    for (unsigned s = 0; s < 10; s++) {
        p->now_ns += (uint64_t)LA_NS_PER_S;
        pair_settle(p);
        while (la_stack_trace(stack, records, 1024) == 1024)
            ;
    }
    la_stack_stats(stack, &idle);
    condition_number(group, "connections", RINGS);
    condition_number(group, "rings", busy.trace_rings);
    condition_number(group, "rings_after_10_s_idle", idle.trace_rings);
}

void ring_run(struct bench *bench, struct figure *group)
{
    (void)bench;
    struct pair *p = calloc(1, sizeof(*p));
    const struct pair_plan plan = {.mtu = 1500, .records = RINGS};
    la_handle client, server;
    if (!p || !pair_open(p, &plan)) {
        free(p);
        figures_missing(group, "no memory for two stacks");
        return;
    }
    int rc = pair_listen(p, false, NULL);
    for (uint32_t n = 0; n < RINGS && rc == 0; n++)
        rc = pair_connect(p, n, false, NULL, &client, &server);
    if (rc < 0)
        figures_missing(group, "cannot connect: %s", la_err_text(rc));
    else
        rings_count(p, group);
    pair_close(p);
    free(p);
}
