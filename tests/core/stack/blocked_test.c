/* The link takes nothing for a while: what was due then is looked at again before it leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/stack_peer.h"

static struct peer p;

/* The persist timer runs out while the link is blocked, and before the probe has left everything is
 * acknowledged: nothing is left to probe with, so nothing leaves, least of all for ever (I20, I21;
 * found by the fuzzer). */
static void test_moot_probe(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        bool fin = (i & 1) != 0;
        la_handle l, h;
        uint32_t snd = 5, rcv;
        struct la_endpoint any = {.addr = la_addr_any_v6(), .port = 80};
        struct la_addr from = peer_addr((i & 2) != 0, 2);
        peer_init(&p, NULL);
        assert_int_equal(la_tcp_listen(p.stack, &any, NULL, &l), 0);
        (void)peer_connect(&p, from, 1000, 0, &snd, &rcv);
        assert_int_equal(la_tcp_accept(p.stack, l, &h), 0);
        assert_int_equal(la_tcp_send(p.stack, h, "x", 1, 0), 1);
        if (fin) {
            assert_int_equal(la_tcp_close(p.stack, h), 0);
        }
        assert_int_equal(peer_pull(&p), 1);
        struct peer_segment s = peer_segment(from, 1000, snd, rcv, LA_TH_ACK);
        s.h.wnd = 0; /* closes over what is outstanding (MUST-35) */
        assert_int_equal(peer_send(&p, &s), LA_TAKE_WINDOW);
        for (unsigned k = 0; k < 10 && !la_stack_has_output(p.stack, p.link); k++) {
            p.now_ns = la_stack_next_deadline(p.stack); /* the link takes nothing meanwhile */
            la_stack_timeout(p.stack, p.now_ns);
        }
        assert_true(la_stack_has_output(p.stack, p.link));
        uint8_t bytes[128];
        s.h.ack = rcv + 1 + (fin ? 1 : 0);
        size_t len = peer_bytes(&p, &s, bytes);
        (void)peer_raw(&p, bytes, len);
        struct la_frame frames[8];
        assert_int_equal(la_stack_output(p.stack, p.link, frames, 8, p.now_ns), 0);
        assert_false(la_stack_has_output(p.stack, p.link));
        peer_end(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_moot_probe)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
