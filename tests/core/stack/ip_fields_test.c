/* What TCP asks of IP: TTL, the Diffserv field, the source address (RFC 9293 3.9.1.9, 3.9.2). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/two_stacks.h"

struct seen {
    uint8_t tos, ttl; /* of the last frame of end 0 */
    uint8_t src_last; /* last byte of its source */
    unsigned frames;
};

static bool look(void *ctx, unsigned from, unsigned serial, uint8_t *b, size_t len)
{
    struct seen *s = ctx;
    (void)serial;
    (void)len;
    if (from == 0) {
        bool v4 = b[0] >> 4 == 4;
        s->tos = v4 ? b[1] : (uint8_t)(b[0] << 4 | b[1] >> 4);
        s->ttl = v4 ? b[8] : b[7];
        s->src_last = v4 ? b[15] : b[23];
        s->frames++;
    }
    return true;
}

static void say(struct pair *p, la_handle h, la_handle to)
{
    char text[8];
    assert_int_equal(la_tcp_send(p->end[0].stack, h, "x", 1, 0), 1);
    pair_settle(p);
    assert_int_equal(la_tcp_recv(p->end[1].stack, to, text, sizeof(text), 0), 1);
}

/* RFC 9293 MUST-48, MUST-49, SHLD-21, SHLD-22, MAY-9: set at the open, changed while the connection
 * lives, unchanged on the wire, shown to the other side's application. */
static void test_ttl_and_diffserv(void **state)
{
    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        struct pair p;
        struct seen seen = {0};
        struct pair_options o = pair_defaults();
        struct la_tcp_options t;
        struct la_tcp_info info;
        la_handle c, s, l;

        assert_true(pair_init(&p, &o));
        p.filter = look;
        p.ctx = &seen;
        la_tcp_options_init(&t);
        t.ttl = 7;
        t.tos = 0xb8;
        t.nodelay = true;
        struct la_endpoint at = pair_at(&p, 1, v6 != 0, 80);
        assert_int_equal(la_tcp_listen(p.end[1].stack, &at, NULL, &l), 0);
        assert_int_equal(la_tcp_open(p.end[0].stack, NULL, &at, &t, &c), 0);
        pair_settle(&p);
        assert_int_equal(seen.tos, 0xb8);
        assert_int_equal(seen.ttl, 7);
        assert_int_equal(la_tcp_accept(p.end[1].stack, l, &s), 0);
        assert_int_equal(la_tcp_get_options(p.end[0].stack, c, &t), 0);
        t.ttl = 9;
        t.tos = 0x20;
        assert_int_equal(la_tcp_set_options(p.end[0].stack, c, &t), 0);
        say(&p, c, s);
        assert_int_equal(seen.tos, 0x20);
        assert_int_equal(seen.ttl, 9);
        assert_int_equal(la_tcp_info(p.end[1].stack, s, &info), 0);
        assert_int_equal(info.tos_in, 0x20);
        pair_end_all(&p);
    }
}

/* RFC 9293 MUST-44: IP chooses the source; MUST-45: it stays, though a better one comes up. */
static void test_source_address(void **state)
{
    struct pair p;
    struct seen seen = {0};
    struct pair_options o = pair_defaults();
    la_handle c, s, l;

    (void)state;
    assert_true(pair_init(&p, &o));
    p.filter = look;
    p.ctx = &seen;
    pair_connect(&p, false, &c, &s, &l);
    assert_int_equal(seen.src_last, 1);
    struct la_addr closer = la_addr_v4(10, 0, 0, 3);
    assert_int_equal(la_stack_addr_add(p.end[0].stack, p.end[0].link, &closer, 30), 0);
    say(&p, c, s);
    assert_int_equal(seen.src_last, 1);
    pair_end_all(&p);
}

/* RFC 9293 SHLD-6: where the MTU of a link varies, a SYN tells what holds when it leaves. */
static void test_mtu_of_the_link(void **state)
{
    struct pair p;
    struct pair_options o = pair_defaults();
    struct la_tcp_info info;
    la_handle c, s, l;

    (void)state;
    assert_true(pair_init(&p, &o));
    assert_int_equal(la_stack_link_set_mtu(p.end[0].stack, p.end[0].link, 1300), 0);
    pair_connect(&p, false, &c, &s, &l);
    assert_int_equal(la_tcp_info(p.end[1].stack, s, &info), 0);
    assert_int_equal(info.mss, 1300 - 40 - 12); /* less IP, TCP and the timestamps */
    assert_int_equal(info.advertised_mss, 1460);
    assert_int_equal(la_tcp_info(p.end[0].stack, c, &info), 0);
    assert_int_equal(info.advertised_mss, 1260);
    assert_int_equal(info.bytes_sent, 0);
    say(&p, c, s);
    assert_int_equal(la_tcp_info(p.end[0].stack, c, &info), 0);
    assert_int_equal(info.bytes_sent, 1);
    pair_end_all(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ttl_and_diffserv),
        cmocka_unit_test(test_source_address),
        cmocka_unit_test(test_mtu_of_the_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
