/* Two stacks joined by the memory pair, each with a table of sockets, in virtual time: what tests
 * of sockets stand on. `here` opens connections, `there` listens. */
#ifndef TESTS_CORE_SOCK_NET_H
#define TESTS_CORE_SOCK_NET_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <lastack/link.h>
#include <lastack/sock.h>
#include <lastack/tcp.h>

#include "support/test_memory.h"

#define NET_SOCKS 64
#define NET_BATCH 32
#define NET_QUEUE 1024 /* more than any test leaves on the wire at a time */
#define PORT      80

struct node {
    struct test_memory memory;
    struct la_stack *stack;
    struct la_sock_table *table;
    struct la_link *link;
    int link_id;
    bool deaf; /* what arrives is lost */
};

static struct node here, there;
static uint64_t net_now;

static inline struct la_endpoint at_v4(uint8_t host, uint16_t port)
{
    return (struct la_endpoint){.addr = la_addr_v4(10, 0, 0, host), .port = port};
}

static inline struct la_endpoint at_v6(uint8_t host, uint16_t port)
{
    return (struct la_endpoint){.addr = {{0xfd, [15] = host}}, .port = port};
}

/* Host 1 is `here`, 2 is `there`. */
static inline struct la_endpoint at(int domain, uint8_t host, uint16_t port)
{
    return domain == LA_AF_INET6 ? at_v6(host, port) : at_v4(host, port);
}

static inline struct la_endpoint anywhere(int domain, uint16_t port)
{
    return (struct la_endpoint){
        .addr = domain == LA_AF_INET6 ? la_addr_any_v6() : la_addr_any_v4(), .port = port};
}

/* Makes stack and table; what the allocator refuses leaves them NULL. */
static inline bool node_create(struct node *n, uint8_t host)
{
    struct la_config config;
    la_config_init(&config);
    config.allocator = test_allocator(&n->memory);
    config.seed[0] = host;
    config.conns_max = 256;
    config.half_open_max = 64;
    config.time_wait_max = 256;
    config.sockets_max = 128;
    config.trace_rings_max = 16;
    config.memory_max = 64 << 20;
    n->stack = la_stack_create(&config, net_now);
    if (!n->stack) {
        return false;
    }
    n->link_id = la_stack_link_add(n->stack, &n->link->info);
    const struct la_addr v4 = at_v4(host, 0).addr;
    const struct la_addr v6 = at_v6(host, 0).addr;
    n->table = la_sock_create(n->stack, &config.allocator, NET_SOCKS);
    return n->table && n->link_id > 0 &&
           la_stack_addr_add(n->stack, n->link_id, &v4, 24) == LA_OK &&
           la_stack_addr_add(n->stack, n->link_id, &v6, 64) == LA_OK;
}

static inline void node_destroy(struct node *n)
{
    la_sock_destroy(n->table);
    if (n->stack) {
        la_stack_destroy(n->stack);
    }
    assert_int_equal(n->memory.live_bytes, 0);
    memset(n, 0, sizeof(*n));
}

static inline void net_wire(void)
{
    struct la_link *ends[2];
    assert_int_equal(la_link_memory_pair(LA_LINK_IP, 1500, NET_QUEUE, ends), 0);
    memset(&here, 0, sizeof(here));
    memset(&there, 0, sizeof(there));
    here.link = ends[0];
    there.link = ends[1];
}

static inline int net_setup(void **state)
{
    (void)state;
    net_now = UINT64_C(1000) * LA_NS_PER_S;
    net_wire();
    assert_true(node_create(&here, 1));
    assert_true(node_create(&there, 2));
    return 0;
}

static inline int net_teardown(void **state)
{
    (void)state;
    la_link_close(here.link);
    la_link_close(there.link);
    node_destroy(&here);
    node_destroy(&there);
    return 0;
}

/* One turn of a node: frames in, timers, frames out. Returns how many frames moved. */
static inline size_t node_turn(struct node *n)
{
    struct la_frame frames[NET_BATCH];
    size_t moved = 0;
    int got;
    while ((got = n->link->ops->recv(n->link, n->stack, frames, NET_BATCH, net_now)) > 0) {
        if (n->deaf) {
            for (int i = 0; i < got; i++) {
                la_buf_put(n->stack, frames[i].frag[0].buf);
            }
        } else {
            la_stack_input(n->stack, n->link_id, frames, (size_t)got, net_now);
        }
        moved += (size_t)got;
    }
    la_stack_timeout(n->stack, net_now);
    size_t out;
    while ((out = la_stack_output(n->stack, n->link_id, frames, NET_BATCH, net_now)) > 0) {
        int taken = n->link->ops->send(n->link, frames, out, net_now);
        assert_true(taken >= 0);
        la_stack_sent(n->stack, n->link_id, frames, out, (size_t)taken);
        moved += (size_t)taken;
        if ((size_t)taken < out) {
            break;
        }
    }
    return moved;
}

/* Lets both talk until nobody has anything to say; no time passes. */
static inline void net_settle(void)
{
    for (int quiet = 0; quiet < 2;) {
        quiet = node_turn(&here) + node_turn(&there) == 0 ? quiet + 1 : 0;
    }
}

/* Lets time pass, from deadline to deadline. */
static inline void net_pass(uint64_t ns)
{
    const uint64_t until = net_now + ns;
    net_settle();
    for (;;) {
        uint64_t next = la_stack_next_deadline(here.stack);
        uint64_t other = la_stack_next_deadline(there.stack);
        next = other < next ? other : next;
        if (next > until) {
            break;
        }
        net_now = next > net_now ? next : net_now + 1;
        net_settle();
    }
    net_now = until;
    net_settle();
}

/* ---- short forms ---------------------------------------------------------------------------- */

static inline int stream(struct node *n, int domain)
{
    int fd = la_socket(n->table, domain, LA_SOCK_STREAM);
    assert_true(fd >= 0);
    return fd;
}

static inline int datagram(struct node *n, int domain)
{
    int fd = la_socket(n->table, domain, LA_SOCK_DGRAM);
    assert_true(fd >= 0);
    return fd;
}

static inline int listener(struct node *n, int domain, uint16_t port, int backlog)
{
    const struct la_endpoint local = anywhere(domain, port);
    int fd = stream(n, domain);
    assert_int_equal(la_bind(n->table, fd, &local), LA_OK);
    assert_int_equal(la_listen(n->table, fd, backlog), LA_OK);
    return fd;
}

/* Begins to connect from here to the port there. */
static inline int connecting(int domain, uint16_t port)
{
    const struct la_endpoint remote = at(domain, 2, port);
    int fd = stream(&here, domain);
    assert_int_equal(la_connect(here.table, fd, &remote), LA_EINPROGRESS);
    return fd;
}

/* A connection with one end here and one there, accepted at `from`. */
struct pair {
    int here, there;
};

static inline struct pair connected(int domain, int from, uint16_t port)
{
    struct pair p = {.here = connecting(domain, port)};
    net_settle();
    p.there = la_accept(there.table, from, NULL);
    assert_true(p.there >= 0);
    return p;
}

static inline uint16_t events(struct node *n, int fd)
{
    struct la_pollfd p = {.fd = fd, .events = UINT16_MAX};
    la_sock_poll(n->table, &p, 1);
    return p.revents;
}

static inline int get(struct node *n, int fd, int level, int name)
{
    int value = 0x5a5a5a5a;
    size_t len = sizeof(value);
    int err = la_getsockopt(n->table, fd, level, name, &value, &len);
    assert_int_equal(len, sizeof(value));
    return err < 0 ? err : value;
}

static inline int set(struct node *n, int fd, int level, int name, int value)
{
    return la_setsockopt(n->table, fd, level, name, &value, sizeof(value));
}

static inline int so_error(struct node *n, int fd)
{
    return get(n, fd, LA_SOL_SOCKET, LA_SO_ERROR);
}

static inline int tcp_state(struct node *n, int fd)
{
    struct la_tcp_info info;
    size_t len = sizeof(info);
    assert_int_equal(
        la_getsockopt(n->table, fd, LA_IPPROTO_TCP, LA_TCP_INFO, &info, &len), LA_OK);
    assert_int_equal(len, sizeof(info));
    return info.state;
}

static inline bool same_endpoint(const struct la_endpoint *a, const struct la_endpoint *b)
{
    return la_addr_equal(&a->addr, &b->addr) && a->port == b->port && a->scope == b->scope;
}

static const int domains[] = {LA_AF_INET, LA_AF_INET6};
#define FOR_EACH_DOMAIN(d) for (const int *d = domains; d < domains + 2; d++)

#endif
