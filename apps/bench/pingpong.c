/* pair-pingpong: a byte there and a byte back on a connection chosen at random.
 *
 * Both applications learn from la_stack_poll() which connection has something, so the number of
 * open ones must not matter but for the caches: with 100,000 of them everything that belongs to
 * one has to come from memory, at both ends. */
#include <stdlib.h>

#include "apps/bench/bench.h"
#include "apps/bench/pair.h"

#define EVENTS     16
#define PASSES_MAX 100000

struct pingpong {
    struct pair pair;
    uint32_t count;
    la_handle *clients;
    uint64_t choice; /* state of the generator */
    uint64_t questions, answers;
};

static uint32_t choose(struct pingpong *p)
{
    p->choice = p->choice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((p->choice >> 32) * p->count >> 32);
}

static bool connect_all(struct pingpong *p)
{
    struct la_tcp_options options;
    la_handle server;
    la_tcp_options_init(&options);
    options.nodelay = true;
    int rc = pair_listen(&p->pair, false, &options);
    for (uint32_t n = 0; n < p->count && rc == 0; n++)
        rc = pair_connect(&p->pair, n, false, &options, &p->clients[n], &server);
    pair_forget_events(&p->pair);
    return rc == 0;
}

/* Reads a byte on every connection that has one, and answers it. */
static void serve(struct la_stack *stack, bool answer, uint64_t *count)
{
    struct la_event events[EVENTS];
    uint8_t bytes[64];
    size_t n = la_stack_poll(stack, events, EVENTS);
    for (size_t i = 0; i < n; i++) {
        if (!(events[i].events & LA_EV_READABLE) ||
            la_tcp_recv(stack, events[i].handle, bytes, sizeof(bytes), 0) != 1)
            continue;
        *count += 1;
        if (answer)
            la_tcp_send(stack, events[i].handle, bytes, 1, 0);
    }
}

/* One pass is enough unless delayed ACKs of many connections became due at the same time and stand
 * before the byte: then a few. False: the byte does not arrive. */
static bool carry(struct pingpong *p, unsigned from, uint64_t *count)
{
    uint64_t before = *count;
    for (unsigned tries = 0; tries < PASSES_MAX && *count == before; tries++) {
        pair_pass(&p->pair, from);
        serve(p->pair.end[1 - from].stack, from == 0, count);
    }
    return *count == before + 1;
}

static bool round_trip(struct pingpong *p)
{
    if (la_tcp_send(p->pair.end[0].stack, p->clients[choose(p)], "?", 1, 0) != 1)
        return false;
    return carry(p, 0, &p->questions) && carry(p, 1, &p->answers);
}

static bool measure(struct pingpong *p, double seconds, struct figure *group, double *ns)
{
    uint64_t end_ns = la_clock_ns() + (uint64_t)(seconds * 1e9);
    uint64_t trips = 0;
    struct cpu_stretch stretch = cpu_stretch_begin();
    do {
        if (!round_trip(p))
            return false;
        trips++;
    } while (p->pair.now_ns < end_ns);
    *ns = cpu_stretch_end(&stretch, group) / (double)trips;
    return true;
}

static void run(struct pingpong *p, const struct bench *bench, struct figure *group)
{
    double ns;
    if (!connect_all(p)) {
        figures_missing(group, "cannot open %u connections", p->count);
    } else if (!measure(p, bench->seconds / 10, group, &ns) ||
               !measure(p, bench->seconds, group, &ns)) {
        figures_missing(group, "a byte was lost");
    } else {
        figure_add(group, ns);
        condition_number(group, "connections", p->count);
        condition_text(group, "ip", "IPv4");
        condition_number(group, "mtu", 1500);
        condition_text(group, "checksums", "made and verified in software");
        condition_text(group, "pinning", "one thread for both ends, cpu %d", bench->cpu);
    }
}

void pingpong_run(struct bench *bench, struct figure *group)
{
    struct pingpong *p = calloc(1, sizeof(*p));
    uint32_t count = (uint32_t)group->variant;
    la_handle *clients = calloc(count, sizeof(*clients));
    const struct pair_plan plan = {.mtu = 1500, .records = count};
    if (p && clients && pair_open(&p->pair, &plan)) {
        p->count = count;
        p->clients = clients;
        run(p, bench, group);
        pair_close(&p->pair);
    } else {
        figures_missing(group, "no memory for %u connections", count);
    }
    free(clients);
    free(p);
}
