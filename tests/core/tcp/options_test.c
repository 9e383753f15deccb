/* Options of a connection: the defaults that RFC 9293 asks for, and that packing keeps them. */
#include "support/tcp_harness.h"

/* RFC 9293 MUST-21, MUST-23, MUST-25, MUST-28, MUST-40, MUST-49, SHLD-11, SHLD-7. */
static void defaults(void **state)
{
    struct la_tcp_options o;
    memset(&o, 0xa5, sizeof(o));
    la_tcp_options_init(&o);
    assert_false(o.keepalive);
    assert_true(o.keepidle_s >= 7200);
    assert_true(o.keepcnt > 1); /* MUST-29 */
    assert_true(o.delack_ms < 500);
    assert_false(o.nodelay);
    assert_false(o.cork);
    assert_int_equal(o.user_timeout_ms, 0);
    assert_int_equal(o.linger_s, -1);
    assert_int_equal(o.ttl, 64);
    assert_int_equal(o.tos, 0);
    assert_true(o.window_scale && o.timestamps && o.sack && o.soft_errors && o.urgent_inline);
    uint64_t syn_s = 0, data_ms = 0;
    for (unsigned i = 0; i <= o.syn_retries; i++) {
        syn_s += 1U << i < 60 ? 1U << i : 60;
    }
    for (unsigned i = 0; i <= o.r2_retries; i++) {
        data_ms += o.rto_min_ms << i < 60000 ? o.rto_min_ms << i : 60000;
    }
    assert_true(syn_s >= 180);
    assert_true(data_ms >= 100000);
}

/* Each switch on its own goes there and back. */
static void switches(void **state)
{
    for (unsigned bit = 0; bit < 256; bit++) {
        struct la_tcp_options o, back;
        struct tcp_options packed;
        la_tcp_options_init(&o);
        o.nodelay = bit & 1;
        o.cork = bit & 2;
        o.keepalive = bit & 4;
        o.keepalive_garbage = bit & 8;
        o.window_scale = bit & 16;
        o.timestamps = bit & 32;
        o.sack = bit & 64;
        o.soft_errors = bit & 128;
        tcp_options_pack(&packed, &o);
        tcp_options_unpack(&back, &packed);
        assert_memory_equal(&o, &back, sizeof(o));
    }
}

static void numbers(void **state)
{
    struct la_tcp_options o, back;
    struct tcp_options packed;
    la_tcp_options_init(&o);
    o.sndbuf_bytes = 11;
    o.rcvbuf_bytes = 1 << 30;
    o.user_timeout_ms = UINT32_MAX;
    o.keepidle_s = 12;
    o.keepintvl_s = 13;
    o.keepcnt = 14;
    o.delack_ms = 15;
    o.rto_min_ms = 16;
    o.linger_s = 17;
    o.fin_wait_2_s = 18;
    o.mss_max = 1900;
    o.syn_retries = 20;
    o.r2_retries = 21;
    o.ttl = 22;
    o.tos = 23; /* RFC 9293 MUST-48 */
    o.cc = 1;
    o.pacing = true;
    tcp_options_pack(&packed, &o);
    tcp_options_unpack(&back, &packed);
    assert_memory_equal(&o, &back, sizeof(o));
}

/* What cannot be is bounded: windows by RFC 7323 2.3, the delay by RFC 9293 MUST-40. */
static void bounded(void **state)
{
    struct la_tcp_options o;
    struct tcp_options packed;
    la_tcp_options_init(&o);
    o.sndbuf_bytes = o.rcvbuf_bytes = o.delack_ms = o.rto_min_ms = UINT32_MAX;
    tcp_options_pack(&packed, &o);
    assert_int_equal(packed.sndbuf, TCP_WINDOW_MAX);
    assert_int_equal(packed.rcvbuf, TCP_WINDOW_MAX);
    assert_true(packed.delack_ms < 500);
    assert_int_equal(packed.rto_min_ms, UINT16_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(switches),
        cmocka_unit_test(numbers),
        cmocka_unit_test(bounded),
    };
    return cmocka_run_group_tests_name("core/tcp/options", tests, NULL, NULL);
}
