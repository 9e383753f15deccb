#include "support/two_stacks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BATCH 64

struct pair_options pair_defaults(void)
{
    return (struct pair_options){.type = LA_LINK_IP,
                                 .mtu = 1500,
                                 .fast_path = true,
                                 .cookies = LA_COOKIES_AUTO,
                                 .time_wait_max = 1000,
                                 .half_open_max = 1000,
                                 .conns_max = 1000};
}

static void assertion_failed(void *ctx, const char *expression, const char *file, int line)
{
    (void)ctx;
    fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, expression);
    abort();
}

static bool init_end(struct pair *p, unsigned n, uint8_t seed)
{
    const struct pair_options *o = &p->options;
    struct pair_end *e = &p->end[n];
    struct la_config c;
    la_config_init(&c);
    e->memory.fail_at = o->fail_at[n];
    c.allocator = test_allocator(&e->memory);
    c.assert_handler.fail = assertion_failed;
    memset(c.seed, seed, sizeof(c.seed));
    c.fast_path = o->fast_path;
    c.cookies = o->cookies;
    c.time_wait_ns = o->time_wait_ns;
    c.time_wait_max = o->time_wait_max;
    c.half_open_max = o->half_open_max;
    c.conns_max = o->conns_max;
    c.msl_ns = o->msl_ns ? o->msl_ns : c.msl_ns;
    c.memory_max = o->memory_max ? o->memory_max : c.memory_max;
    c.port_first = o->port_first ? o->port_first : c.port_first;
    c.port_last = o->port_last ? o->port_last : c.port_last;
    c.trace_rings_max = o->trace_rings_max ? o->trace_rings_max : c.trace_rings_max;
    e->stack = la_stack_create(&c, p->now_ns);
    if (!e->stack) {
        return false;
    }
    struct la_link_info info = {.type = (uint8_t)o->type, .mtu = o->mtu, .gso_max = o->mtu};
    info.mac[0] = 2;
    info.mac[5] = (uint8_t)(n + 1);
    e->link = la_stack_link_add(e->stack, &info);
    e->v4 = la_addr_v4(10, 0, 0, (uint8_t)(n + 1));
    la_addr_parse(n == 0 ? "fd00::1" : "fd00::2", &e->v6);
    return e->link > 0 && la_stack_addr_add(e->stack, e->link, &e->v4, 24) == 0 &&
           (o->mtu < 1280 || la_stack_addr_add(e->stack, e->link, &e->v6, 64) == 0);
}

bool pair_init(struct pair *p, const struct pair_options *o)
{
    memset(p, 0, sizeof(*p));
    p->options = *o;
    bool first = init_end(p, 0, 1);
    bool second = init_end(p, 1, 2);
    return first && second;
}

void pair_restart(struct pair *p, unsigned n)
{
    la_stack_destroy(p->end[n].stack);
    assert_int_equal(p->end[n].memory.live_bytes, 0);
    assert_true(init_end(p, n, (uint8_t)(n + 11)));
}

void pair_end_all(struct pair *p)
{
    for (unsigned n = 0; n < 2; n++) {
        if (p->end[n].stack) {
            la_stack_destroy(p->end[n].stack);
        }
        assert_int_equal(p->end[n].memory.live_bytes, 0);
    }
}

enum la_reason pair_inject(struct pair *p, unsigned to, const uint8_t *bytes, size_t len)
{
    struct la_stack *stack = p->end[to].stack;
    struct la_frame in;
    struct la_buf *buf = la_buf_get(stack, len);
    if (!buf) {
        return LA_DROP_NO_MEMORY;
    }
    memcpy(buf->data, bytes, len);
    buf->len = (uint32_t)len;
    la_frame_from_buf(&in, buf);
    la_stack_input(stack, p->end[to].link, &in, 1, p->now_ns);
    assert_int_not_equal(in.reason, LA_NONE);
    if (p->check) {
        p->check(p, to);
    }
    return (enum la_reason)in.reason;
}

/* One frame over the wire: gathered into a buffer of the other end. */
static void carry(struct pair *p, unsigned from, const struct la_frame *f)
{
    uint8_t bytes[LA_BUF_MAX];
    size_t len = 0;

    assert_int_not_equal(f->reason, LA_NONE);
    for (unsigned i = 0; i < f->nfrags; i++) {
        memcpy(bytes + len, f->frag[i].data, f->frag[i].len);
        len += f->frag[i].len;
    }
    assert_int_equal(len, f->len);
    if (!p->filter || p->filter(p->ctx, from, p->serial++, bytes, len)) {
        pair_inject(p, 1 - from, bytes, len);
    }
}

static size_t exchange(struct pair *p, unsigned from)
{
    static struct la_frame frames[2][BATCH];
    struct pair_end *e = &p->end[from];
    size_t max = p->take ? 1 + p->take(p->ctx, from, BATCH - 1) : BATCH;
    size_t n = la_stack_output(e->stack, e->link, frames[from], max, p->now_ns);
    size_t taken = p->take ? p->take(p->ctx, from, n) : n;
    for (size_t i = 0; i < taken; i++) {
        carry(p, from, &frames[from][i]);
    }
    la_stack_sent(e->stack, e->link, frames[from], n, taken);
    return n;
}

void pair_settle(struct pair *p)
{
    for (unsigned turns = 0; exchange(p, 0) + exchange(p, 1) != 0; turns++) {
        assert_true(turns < 1000000);
        p->now_ns += p->delay_ns;
    }
}

static void timeouts(struct pair *p)
{
    for (unsigned n = 0; n < 2; n++) {
        la_stack_timeout(p->end[n].stack, p->now_ns);
        if (p->check) {
            p->check(p, n);
        }
    }
}

void pair_run(struct pair *p, uint64_t ns)
{
    uint64_t end_ns = p->now_ns + ns;
    pair_settle(p);
    for (;;) {
        uint64_t a = la_stack_next_deadline(p->end[0].stack);
        uint64_t b = la_stack_next_deadline(p->end[1].stack);
        uint64_t at = a < b ? a : b;
        if (at > end_ns) {
            break;
        }
        p->now_ns = at > p->now_ns ? at : p->now_ns + 1000;
        timeouts(p);
        pair_settle(p);
    }
    p->now_ns = end_ns > p->now_ns ? end_ns : p->now_ns;
    timeouts(p);
    pair_settle(p);
}

struct la_endpoint pair_at(const struct pair *p, unsigned end, bool v6, uint16_t port)
{
    return (struct la_endpoint){.addr = v6 ? p->end[end].v6 : p->end[end].v4, .port = port};
}

void pair_connect(struct pair *p, bool v6, la_handle *client, la_handle *server,
                  la_handle *listener)
{
    struct la_endpoint at = pair_at(p, 1, v6, 80);
    assert_int_equal(la_tcp_listen(p->end[1].stack, &at, NULL, listener), 0);
    assert_int_equal(la_tcp_open(p->end[0].stack, NULL, &at, NULL, client), 0);
    pair_settle(p);
    assert_int_equal(la_tcp_accept(p->end[1].stack, *listener, server), 0);
}

enum la_tcp_state pair_state(const struct pair *p, unsigned end, la_handle h)
{
    struct la_tcp_info info;
    assert_int_equal(la_tcp_info(p->end[end].stack, h, &info), 0);
    return (enum la_tcp_state)info.state;
}
