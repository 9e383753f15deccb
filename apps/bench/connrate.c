/* pair-connrate: connections a second between two stacks in memory, one after the other.
 *
 * Each is opened, carries a byte each way, and is closed by the end that opened it, whose TIME-WAIT
 * record stays: nothing runs out during a run, so the table of the opening end fills up with them.
 * The stack chooses the ports; the server listens on several, which take turns, so that there are
 * more 4-tuples than TIME-WAIT records. */
#include <stdlib.h>

#include "apps/bench/bench.h"
#include "apps/bench/pair.h"

#define LISTENERS 32

/* Of the tuples that there are, so that choosing a port does not become a search. */
#define CONNS_MAX (LISTENERS * PAIR_PORTS / 2)

struct connrate {
    struct pair pair;
    la_handle listeners[LISTENERS];
};

static bool byte_pass(struct pair *p, unsigned from, la_handle sender, la_handle receiver)
{
    uint8_t byte;
    if (la_tcp_send(p->end[from].stack, sender, "x", 1, 0) != 1)
        return false;
    pair_pass(p, from);
    return la_tcp_recv(p->end[1 - from].stack, receiver, &byte, 1, 0) == 1;
}

/* SYN, SYN-ACK, ACK with the byte, the byte back, FIN each way, the last ACK. */
static bool one(struct connrate *c, uint32_t n)
{
    struct pair *p = &c->pair;
    struct la_endpoint remote = pair_server(false);
    struct la_event events[4];
    la_handle client, server;
    remote.port = (uint16_t)(PAIR_PORT + n % LISTENERS);
    if (la_tcp_open(p->end[0].stack, NULL, &remote, NULL, &client) < 0)
        return false;
    pair_pass(p, 0);
    pair_pass(p, 1);
    if (la_stack_poll(p->end[0].stack, events, 4) != 1 || !(events[0].events & LA_EV_CONNECTED))
        return false;
    if (la_tcp_send(p->end[0].stack, client, "x", 1, 0) != 1)
        return false;
    pair_pass(p, 0);
    if (la_tcp_accept(p->end[1].stack, c->listeners[n % LISTENERS], &server) < 0)
        return false;
    uint8_t byte;
    if (la_tcp_recv(p->end[1].stack, server, &byte, 1, 0) != 1 || !byte_pass(p, 1, server, client))
        return false;
    la_tcp_close(p->end[0].stack, client);
    pair_pass(p, 0);
    if (la_tcp_recv(p->end[1].stack, server, &byte, 1, 0) != 0)
        return false;
    la_tcp_close(p->end[1].stack, server);
    pair_settle(p);
    return true;
}

static void measure(struct connrate *c, const struct bench *bench, struct figure *group)
{
    uint64_t end_ns = la_clock_ns() + (uint64_t)(bench->seconds * 1e9);
    struct pair *p = &c->pair;
    uint32_t n = 0;
    struct cpu_stretch stretch = cpu_stretch_begin();
    do {
        if (!one(c, n++)) {
            figures_missing(group, "connection %u did not go as it should", n);
            return;
        }
    } while (p->now_ns < end_ns && n < CONNS_MAX);
    double elapsed_ns = cpu_stretch_end(&stretch, group);
    struct la_stack_stats stats[2];
    la_stack_stats(p->end[0].stack, &stats[0]);
    la_stack_stats(p->end[1].stack, &stats[1]);
    if (stats[0].time_wait != n || stats[0].conns != 0 || stats[1].conns != 0) {
        figures_missing(group, "%u connections left %u TIME-WAIT records and %u open", n,
                        stats[0].time_wait, stats[0].conns + stats[1].conns);
        return;
    }
    figure_add(group, n * 1e9 / elapsed_ns);
    condition_number(group, "time_wait_records", n);
}

static int listen_all(struct connrate *c)
{
    int rc = 0;
    for (unsigned i = 0; i < LISTENERS && rc == 0; i++) {
        struct la_endpoint at = pair_server(false);
        at.port = (uint16_t)(PAIR_PORT + i);
        rc = la_tcp_listen(c->pair.end[1].stack, &at, NULL, &c->listeners[i]);
    }
    return rc;
}

void connrate_run(struct bench *bench, struct figure *group)
{
    struct connrate *c = calloc(1, sizeof(*c));
    const struct pair_plan plan = {.mtu = 1500, .records = CONNS_MAX, .clients = 1};
    if (!c || !pair_open(&c->pair, &plan)) {
        free(c);
        figures_missing(group, "no memory for two stacks");
        return;
    }
    int rc = listen_all(c);
    if (rc < 0)
        figures_missing(group, "cannot listen: %s", la_err_text(rc));
    else
        measure(c, bench, group);
    condition_text(group, "ip", "IPv4");
    condition_text(group, "tuples", "1 client address with %d ports, %d server ports", PAIR_PORTS,
                   LISTENERS);
    condition_text(group, "checksums", "made and verified in software");
    condition_text(group, "pinning", "one thread for both ends, cpu %d", bench->cpu);
    pair_close(&c->pair);
    free(c);
}
