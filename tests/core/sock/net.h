/* Two stacks on one wire (support/two_stacks.h), each with a table of sockets: what tests of
 * sockets stand on. `here` opens connections, `there` listens. */
#ifndef TESTS_CORE_SOCK_NET_H
#define TESTS_CORE_SOCK_NET_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <lastack/sock.h>

#include "support/two_stacks.h"

#define NET_SOCKS 64
#define PORT      80

struct node {
    struct la_stack *stack;
    struct la_sock_table *table;
};

static struct node here, there;
static struct pair net; /* end 0 is here, end 1 is there */

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
    return (struct la_endpoint){.addr = domain == LA_AF_INET6 ? la_addr_any_v6() : la_addr_any_v4(),
                                .port = port};
}

static inline bool node_create(struct node *n, unsigned end)
{
    const struct la_allocator allocator = test_allocator(&net.end[end].memory);
    n->stack = net.end[end].stack;
    n->table = la_sock_create(n->stack, &allocator, NET_SOCKS);
    return n->table != NULL;
}

/* The `fail_at`-th allocation of an end fails (0: none does); false: it was one of these. */
static inline bool net_create(unsigned end, unsigned fail_at)
{
    struct pair_options options = pair_defaults();
    options.fail_at[end] = fail_at;
    here = there = (struct node){0};
    return pair_init(&net, &options) && node_create(&here, 0) && node_create(&there, 1);
}

static inline void net_destroy(void)
{
    la_sock_destroy(here.table);
    la_sock_destroy(there.table);
    pair_end_all(&net);
}

static inline int net_setup(void **state)
{
    assert_true(net_create(0, 0));
    return 0;
}

static inline int net_teardown(void **state)
{
    net_destroy();
    return 0;
}

/* Lets both talk until nobody has anything to say; no time passes. */
static inline void net_settle(void)
{
    pair_settle(&net);
}

static inline void net_pass(uint64_t ns)
{
    pair_run(&net, ns);
}

/* A filter of the wire: loses everything. */
static inline bool net_lose(void *ctx, unsigned from, unsigned serial, uint8_t *bytes, size_t len)
{
    return false;
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
struct ends {
    int here, there;
};

static inline struct ends connected(int domain, int from, uint16_t port)
{
    struct ends p = {.here = connecting(domain, port)};
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
    assert_int_equal(la_getsockopt(n->table, fd, LA_IPPROTO_TCP, LA_TCP_INFO, &info, &len), LA_OK);
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
