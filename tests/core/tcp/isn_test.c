/* Initial sequence numbers (RFC 9293 3.4.1, RFC 6528): a clock of 4 microseconds plus a keyed
 * function of the 4-tuple; and the offset of the timestamp clock (RFC 7323 7.1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tcp/isn.h"

#include <cmocka.h> /* last: it makes `fail` a macro */

static const struct sip_key secret = {0x0123456789abcdef, 0xfedcba9876543210};

static struct flow_key key_of(uint8_t local, uint8_t remote, uint16_t lport, uint16_t rport)
{
    return (struct flow_key){.laddr = la_addr_v4(10, 0, 0, local),
                             .raddr = la_addr_v4(10, 0, 1, remote),
                             .lport = lport,
                             .rport = rport};
}

/* RFC 9293 MUST-8: one tick every 4 us, over a whole turn of the clock. */
static void clock_driven(void **state)
{
    struct flow_key key = key_of(1, 2, 40000, 80);
    uint32_t at_0 = tcp_isn(&secret, &key, 0).v;
    for (uint64_t ticks = 0; ticks < UINT64_C(3) << 32; ticks += 0x12345677) {
        assert_int_equal(tcp_isn(&secret, &key, ticks * 4000).v, at_0 + (uint32_t)ticks);
        assert_int_equal(tcp_isn(&secret, &key, ticks * 4000 + 3999).v, at_0 + (uint32_t)ticks);
    }
}

/* RFC 9293 SHLD-1: each part of the 4-tuple counts. */
static void every_part_counts(void **state)
{
    struct flow_key base = key_of(1, 2, 40000, 80), other[4] = {base, base, base, base};
    other[0].laddr.b[15] ^= 1;
    other[1].raddr.b[0] ^= 0x80;
    other[2].lport++;
    other[3].rport++;
    for (unsigned i = 0; i < 4; i++) {
        assert_int_not_equal(tcp_isn(&secret, &base, 0).v, tcp_isn(&secret, &other[i], 0).v);
    }
}

/* RFC 9293 MUST-9: without the key nothing follows: numbers of neighbours look unrelated, and with
 * another key all are others. Of 4096 differences none repeats often, every bit is set half the
 * time. */
static void keyed(void **state)
{
    struct sip_key other = {secret.k0 ^ 1, secret.k1};
    unsigned ones[32] = {0}, same = 0;
    uint32_t last = 0;
    for (uint16_t port = 0; port < 4096; port++) {
        struct flow_key key = key_of(1, 2, port, 80);
        uint32_t isn = tcp_isn(&secret, &key, 0).v;
        same += isn == tcp_isn(&other, &key, 0).v;
        for (unsigned bit = 0; bit < 32; bit++) {
            ones[bit] += (isn - last) >> bit & 1;
        }
        last = isn;
    }
    assert_in_range(same, 0, 1);
    for (unsigned bit = 0; bit < 32; bit++) {
        assert_in_range(ones[bit], 2048 - 200, 2048 + 200); /* six standard deviations */
    }
}

/* RFC 7323 7.1: the offset belongs to the pair of addresses, so that it grows over incarnations. */
static void timestamp_offset(void **state)
{
    struct flow_key a = key_of(1, 2, 40000, 80), b = key_of(1, 2, 1, 2),
                    c = key_of(1, 3, 40000, 80);
    struct sip_key other = {secret.k0, secret.k1 ^ 1};
    assert_int_equal(tcp_ts_offset(&secret, &a), tcp_ts_offset(&secret, &b));
    assert_int_not_equal(tcp_ts_offset(&secret, &a), tcp_ts_offset(&secret, &c));
    assert_int_not_equal(tcp_ts_offset(&secret, &a), tcp_ts_offset(&other, &a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clock_driven),
        cmocka_unit_test(every_part_counts),
        cmocka_unit_test(keyed),
        cmocka_unit_test(timestamp_offset),
    };
    return cmocka_run_group_tests_name("core/tcp/isn", tests, NULL, NULL);
}
