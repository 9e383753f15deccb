/* The UDP header. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/wire/exact.h"
#include "wire/udp.h"

static void test_round_trip(void **state)
{
    struct wire_udp h = {.src_port = 53, .dst_port = 65535, .len = 20};
    struct wire_udp back;
    uint8_t p[24] = {0};

    assert_int_equal(wire_udp_emit(p, &h), WIRE_UDP_HEADER);
    for (size_t len = 0; len <= sizeof(p); len++) {
        uint8_t *input = exact(p, len);
        assert_int_equal(wire_udp_parse(input, len, &back), len >= 20);
        free(input);
    }
    assert_int_equal(back.src_port, 53);
    assert_int_equal(back.dst_port, 65535);
    assert_int_equal(back.len, 20);
    assert_false(back.has_checksum);
    p[WIRE_UDP_CHECKSUM_OFFSET + 1] = 1;
    assert_true(wire_udp_parse(p, sizeof(p), &back));
    assert_true(back.has_checksum);
}

static void test_length(void **state)
{
    struct wire_udp back;
    uint8_t p[16] = {0};
    for (unsigned len = 0; len < 256; len++) {
        p[5] = (uint8_t)len;
        assert_int_equal(wire_udp_parse(p, sizeof(p), &back), len >= 8 && len <= 16);
    }
}

/* RFC 768: a computed 0 is sent as all ones. */
static void test_checksum(void **state)
{
    assert_int_equal(wire_udp_checksum(0xffff), 0xffff);
    assert_int_equal(wire_udp_checksum(0x1234), 0xedcb);
    assert_int_equal(wire_udp_checksum(0), 0xffff);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_length),
        cmocka_unit_test(test_checksum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
