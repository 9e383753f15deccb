/* Two emulated hosts on a wire, in virtual time, and programs on them that may wait. */
#ifndef TESTS_POSIX_NET_H
#define TESTS_POSIX_NET_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>

#include "posix/abi.h"
#include "posix/posix.h"

#define DELAY_NS (10 * (uint64_t)LA_NS_PER_MS)
#define PORT     8080
#define FLYING   4096
#define WAITERS  16
#define MS       ((uint64_t)LA_NS_PER_MS)
#define SECOND   ((uint64_t)LA_NS_PER_S)

struct flying {
    uint64_t at_ns;
    int to;
    size_t len;
    uint8_t *bytes;
};

struct net {
    struct px_host *hosts[2];
    uint64_t now_ns;
    struct flying flying[FLYING];
    unsigned count;
    struct {
        int host;
        struct px_call *call;
    } waiting[WAITERS];
    unsigned waiters;
    bool cut; /* the wire carries nothing */
    unsigned packets;
};

static struct net net;

static inline void host_config(struct px_config *c, int index)
{
    px_config_init(c);
    c->seed[0] = (uint8_t)(index + 1);
    c->addrs[0].addr = la_addr_v4(10, 0, 0, (uint8_t)(index + 1));
    c->addrs[0].prefix = 24;
    c->addrs[1].addr = (struct la_addr){{0xfd, 0, [15] = (uint8_t)(index + 1)}};
    c->addrs[1].prefix = 64;
    c->addrs_count = 2;
    c->fds_max = 64;
}

static inline int net_open(void **state)
{
    (void)state;
    memset(&net, 0, sizeof(net));
    net.now_ns = 1000 * SECOND;
    for (int i = 0; i < 2; i++) {
        struct px_config c;
        host_config(&c, i);
        net.hosts[i] = px_create(&c, net.now_ns);
        assert_non_null(net.hosts[i]);
    }
    return 0;
}

static inline int net_close(void **state)
{
    (void)state;
    for (unsigned i = 0; i < net.count; i++)
        free(net.flying[i].bytes);
    for (int i = 0; i < 2; i++)
        px_destroy(net.hosts[i]);
    return 0;
}

/* What the hosts send now takes off. */
static inline void net_collect(void)
{
    for (int i = 0; i < 2; i++) {
        struct px_packet p;
        while (px_output(net.hosts[i], &p, net.now_ns)) {
            net.packets++;
            if (net.cut)
                continue;
            assert_true(net.count < FLYING);
            struct flying *f = &net.flying[net.count++];
            *f = (struct flying){net.now_ns + DELAY_NS, 1 - i, p.len, malloc(p.len)};
            memcpy(f->bytes, p.bytes, p.len);
        }
    }
}

/* Every call that waits is tried again; those that are done leave the list. */
static inline void net_step_waiters(void)
{
    for (bool moved = true; moved;) {
        moved = false;
        for (unsigned i = 0; i < net.waiters; i++) {
            if (px_step(net.hosts[net.waiting[i].host], net.waiting[i].call, net.now_ns) != PX_DONE)
                continue;
            net.waiting[i] = net.waiting[--net.waiters];
            moved = true;
        }
        net_collect();
    }
}

static inline uint64_t net_next(void)
{
    uint64_t at = UINT64_MAX;
    for (unsigned i = 0; i < net.count; i++)
        at = net.flying[i].at_ns < at ? net.flying[i].at_ns : at;
    for (int i = 0; i < 2; i++) {
        uint64_t due = px_next_deadline(net.hosts[i]);
        at = due < at ? due : at;
    }
    for (unsigned i = 0; i < net.waiters; i++) {
        uint64_t due = px_call_deadline(net.waiting[i].call);
        at = due < at ? due : at;
    }
    return at;
}

/* One moment in which something happens, at `until_ns` at the latest. */
static inline void net_turn(uint64_t until_ns)
{
    uint64_t at = net_next();
    at = at < until_ns ? at : until_ns;
    net.now_ns = at > net.now_ns ? at : net.now_ns;
    for (unsigned i = 0; i < net.count;) {
        struct flying f = net.flying[i];
        if (f.at_ns > net.now_ns) {
            i++;
            continue;
        }
        memmove(&net.flying[i], &net.flying[i + 1], (--net.count - i) * sizeof(f));
        assert_int_equal(px_input(net.hosts[f.to], f.bytes, f.len, net.now_ns, NULL), 0);
        free(f.bytes);
    }
    for (int i = 0; i < 2; i++)
        px_run(net.hosts[i], net.now_ns);
    net_collect();
    net_step_waiters();
}

static inline void net_run(uint64_t ns)
{
    uint64_t end = net.now_ns + ns;
    net_collect();
    while (net_next() <= end)
        net_turn(end);
    net.now_ns = end;
    net_turn(end);
}

/* ---- calls ---------------------------------------------------------------------------------- */

/* Makes a call that must not wait: its result, or -errno. */
static inline int64_t now(int host, struct px_call c)
{
    enum px_status status = px_begin(net.hosts[host], &c, net.now_ns);
    assert_int_equal(status, PX_DONE);
    net_collect();
    net_step_waiters();
    return c.result < 0 ? -c.err : c.result;
}

/* Begins a call; it goes on while time passes. True: it waits. */
static inline bool begin(int host, struct px_call *c)
{
    enum px_status status = px_begin(net.hosts[host], c, net.now_ns);
    if (status == PX_BLOCKED) {
        assert_true(net.waiters < WAITERS);
        net.waiting[net.waiters].host = host;
        net.waiting[net.waiters++].call = c;
    }
    net_collect();
    net_step_waiters();
    for (unsigned i = 0; i < net.waiters; i++)
        if (net.waiting[i].call == c)
            return true;
    return false;
}

static inline bool waits(const struct px_call *c)
{
    for (unsigned i = 0; i < net.waiters; i++)
        if (net.waiting[i].call == c)
            return true;
    return false;
}

static inline int64_t result_of(const struct px_call *c)
{
    assert_false(waits(c));
    return c->result < 0 ? -c->err : c->result;
}

/* Makes a call and lets time pass until it is done. */
static inline int64_t wait_for(int host, struct px_call c)
{
    uint64_t horizon = net.now_ns + 3600 * SECOND;
    if (begin(host, &c))
        while (waits(&c)) {
            assert_true(net.now_ns < horizon);
            net_turn(horizon);
        }
    return c.result < 0 ? -c.err : c.result;
}

static inline void give_up(int host, struct px_call *c)
{
    for (unsigned i = 0; i < net.waiters; i++)
        if (net.waiting[i].call == c)
            net.waiting[i] = net.waiting[--net.waiters];
    px_cancel(net.hosts[host], c, net.now_ns);
}

static inline struct px_call c_socket(int domain, int type)
{
    return (struct px_call){.op = PX_SOCKET, .socket = {domain, type, 0}};
}

static inline struct px_call c_bind(int fd, const struct sockaddr_storage *to)
{
    return (struct px_call){.op = PX_BIND,
                            .fd = fd,
                            .name = {.in = (const struct sockaddr *)to,
                                     .in_len = to->ss_family == AF_INET
                                                   ? sizeof(struct sockaddr_in)
                                                   : sizeof(struct sockaddr_in6)}};
}

static inline struct px_call c_connect(int fd, const struct sockaddr_storage *to)
{
    struct px_call c = c_bind(fd, to);
    c.op = PX_CONNECT;
    return c;
}

static inline struct px_call c_listen(int fd, int backlog)
{
    return (struct px_call){.op = PX_LISTEN, .fd = fd, .listen = {backlog}};
}

static inline struct px_call c_accept(int fd)
{
    return (struct px_call){.op = PX_ACCEPT, .fd = fd};
}

static inline struct px_call c_recv(int fd, void *data, size_t len, int flags)
{
    return (struct px_call){
        .op = PX_RECV, .fd = fd, .io = {.data = data, .len = len, .flags = flags}};
}

static inline struct px_call c_send(int fd, const void *data, size_t len, int flags)
{
    return (struct px_call){.op = PX_SEND,
                            .fd = fd,
                            .io = {.data = (void *)(uintptr_t)data, .len = len, .flags = flags}};
}

static inline struct px_call c_read(int fd, void *data, size_t len)
{
    return (struct px_call){.op = PX_READ, .fd = fd, .io = {.data = data, .len = len}};
}

static inline struct px_call c_write(int fd, const void *data, size_t len)
{
    return (struct px_call){
        .op = PX_WRITE, .fd = fd, .io = {.data = (void *)(uintptr_t)data, .len = len}};
}

static inline struct px_call c_close(int fd)
{
    return (struct px_call){.op = PX_CLOSE, .fd = fd};
}

static inline struct px_call c_shutdown(int fd, int how)
{
    return (struct px_call){.op = PX_SHUTDOWN, .fd = fd, .shutdown = {how}};
}

static inline struct px_call c_fcntl(int fd, int cmd, long arg)
{
    return (struct px_call){.op = PX_FCNTL, .fd = fd, .fcntl = {cmd, arg}};
}

static inline struct px_call c_ioctl(int fd, unsigned long request, void *arg)
{
    return (struct px_call){.op = PX_IOCTL, .fd = fd, .ioctl = {request, arg}};
}

static inline struct px_call c_setsockopt(int fd, int level, int name, const void *value,
                                          socklen_t len)
{
    return (struct px_call){
        .op = PX_SETSOCKOPT,
        .fd = fd,
        .sockopt = {.level = level, .name = name, .value = (void *)(uintptr_t)value, .len = len}};
}

static inline struct px_call c_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
    return (struct px_call){
        .op = PX_GETSOCKOPT,
        .fd = fd,
        .sockopt = {.level = level, .name = name, .value = value, .len_ptr = len}};
}

static inline struct px_call c_poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
    return (struct px_call){.op = PX_POLL, .poll = {fds, n, timeout_ms}};
}

/* An int option: 0 or -errno; its value, or -errno less than that. */
static inline int64_t set_int(int host, int fd, int level, int name, int value)
{
    return now(host, c_setsockopt(fd, level, name, &value, sizeof(value)));
}

static inline int get_int(int host, int fd, int level, int name)
{
    int value = -12345;
    socklen_t len = sizeof(value);
    assert_int_equal(now(host, c_getsockopt(fd, level, name, &value, &len)), 0);
    assert_int_equal(len, sizeof(value));
    return value;
}

/* An address of a host; host -1: any. */
static inline struct sockaddr_storage address(int domain, int host, uint16_t port)
{
    struct sockaddr_storage s = {0};
    if (domain == AF_INET) {
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
        in.sin_addr.s_addr = host < 0 ? 0 : htonl(0x0a000001U + (uint32_t)host);
        memcpy(&s, &in, sizeof(in));
    } else {
        struct sockaddr_in6 in = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
        if (host >= 0) {
            in.sin6_addr.s6_addr[0] = 0xfd;
            in.sin6_addr.s6_addr[15] = (uint8_t)(host + 1);
        }
        memcpy(&s, &in, sizeof(in));
    }
    return s;
}

static inline int open_socket(int host, int domain, int type)
{
    int fd = (int)now(host, c_socket(domain, type));
    assert_true(fd >= 3);
    return fd;
}

static inline int open_listener(int host, int domain, uint16_t port)
{
    struct sockaddr_storage any = address(domain, -1, port);
    int fd = open_socket(host, domain, SOCK_STREAM);
    assert_int_equal(now(host, c_bind(fd, &any)), 0);
    assert_int_equal(now(host, c_listen(fd, 8)), 0);
    return fd;
}

/* A connection: fds[0] on host 0, which connected; fds[1] on host 1; listener on host 1. */
static inline int open_pair(int domain, int fds[2])
{
    struct sockaddr_storage to = address(domain, 1, PORT);
    int listener = open_listener(1, domain, PORT);
    fds[0] = open_socket(0, domain, SOCK_STREAM);
    assert_int_equal(wait_for(0, c_connect(fds[0], &to)), 0);
    fds[1] = (int)wait_for(1, c_accept(listener));
    assert_true(fds[1] >= 3);
    return listener;
}

static const int domains[] = {AF_INET, AF_INET6};
#define FOR_EACH_DOMAIN(d) for (const int *d = domains; d < domains + 2; d++)

#endif
