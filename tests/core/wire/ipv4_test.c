/* The IPv4 header and its options. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/wire/exact.h"
#include "wire/checksum.h"
#include "wire/ipv4.h"

static void set_checksum(uint8_t *p, size_t hdr_len)
{
    wire_checksum_store(p + WIRE_IPV4_CHECKSUM_OFFSET, 0);
    uint16_t sum = wire_fold(wire_sum(p, hdr_len, 0));
    wire_checksum_store(p + WIRE_IPV4_CHECKSUM_OFFSET, (uint16_t)~sum);
}

/* A header with these option bytes and 8 bytes of payload; returns the packet's length. */
static size_t packet(uint8_t *p, const uint8_t *options, size_t n)
{
    size_t hdr_len = WIRE_IPV4_HEADER + n;
    struct wire_ipv4 h = {.src = la_addr_v4(10, 0, 0, 1),
                          .dst = la_addr_v4(10, 0, 0, 2),
                          .total_len = (uint16_t)(hdr_len + 8),
                          .ttl = 64,
                          .proto = WIRE_PROTO_UDP};
    (void)wire_ipv4_emit(p, &h);
    p[0] = (uint8_t)(0x40 | hdr_len / 4);
    if (n) {
        memcpy(p + WIRE_IPV4_HEADER, options, n);
    }
    memset(p + hdr_len, 0x11, 8);
    set_checksum(p, hdr_len);
    return hdr_len + 8;
}

/* emit then parse is the identity; RFC 1122 3.2.1.2: the checksum is made. */
static void test_round_trip(void **state)
{
    struct prng random = random_from(1);
    for (int i = 0; i < 5000; i++) {
        uint8_t p[2048] = {0};
        struct wire_ipv4 back;
        struct wire_ipv4 h = {
            .src = random_v4(&random),
            .dst = random_v4(&random),
            .total_len = (uint16_t)(20 + prng_below(&random, 2000)),
            .id = (uint16_t)prng_u32(&random),
            .frag_offset = (uint16_t)(prng_below(&random, 8192) * 8),
            .more_fragments = prng_below(&random, 2),
            .dont_fragment = prng_below(&random, 2),
            .tos = (uint8_t)prng_u32(&random),
            .ttl = (uint8_t)prng_u32(&random),
            .proto = (uint8_t)prng_u32(&random),
        };
        assert_int_equal(wire_ipv4_emit(p, &h), WIRE_IPV4_HEADER);
        assert_int_equal(wire_ipv4_parse(p, sizeof(p), &back), WIRE_IP_OK);
        assert_true(la_addr_equal(&h.src, &back.src) && la_addr_equal(&h.dst, &back.dst));
        assert_int_equal(h.total_len, back.total_len);
        assert_int_equal(h.id, back.id);
        assert_int_equal(h.frag_offset, back.frag_offset);
        assert_int_equal(h.more_fragments, back.more_fragments);
        assert_int_equal(h.dont_fragment, back.dont_fragment);
        assert_int_equal(h.tos, back.tos);
        assert_int_equal(h.ttl, back.ttl);
        assert_int_equal(h.proto, back.proto);
        assert_int_equal(back.hdr_len, WIRE_IPV4_HEADER);
        assert_int_equal(back.options, 0);
        assert_int_equal(wire_ipv4_is_fragment(&back), h.more_fragments || h.frag_offset);
    }
}

static void test_truncated(void **state)
{
    static const uint8_t nops[8] = {1, 1, 1, 1, 1, 1, 1, 1};
    uint8_t p[64];
    struct wire_ipv4 h;
    size_t full = packet(p, nops, sizeof(nops));

    for (size_t len = 0; len <= full; len++) {
        uint8_t *input = exact(p, len);
        enum wire_ip_verdict expected = len == full ? WIRE_IP_OK : WIRE_IP_TRUNCATED;
        assert_int_equal(wire_ipv4_parse(input, len, &h), expected);
        expected = len >= WIRE_IPV4_HEADER + 8 ? WIRE_IP_OK : WIRE_IP_TRUNCATED;
        assert_int_equal(wire_ipv4_parse_quoted(input, len, &h), expected);
        free(input);
    }
}

static void test_refused(void **state)
{
    uint8_t p[64];
    struct wire_ipv4 h;
    size_t len = packet(p, NULL, 0);

    for (unsigned version = 0; version < 16; version++) { /* RFC 1122 3.2.1.1 */
        p[0] = (uint8_t)(version << 4 | 5);
        set_checksum(p, WIRE_IPV4_HEADER);
        assert_int_equal(wire_ipv4_parse(p, len, &h), version == 4 ? WIRE_IP_OK : WIRE_IP_VERSION);
    }
    for (unsigned words = 0; words < 5; words++) {
        p[0] = (uint8_t)(0x40 | words);
        assert_int_equal(wire_ipv4_parse(p, len, &h), WIRE_IP_HEADER);
    }
    (void)packet(p, NULL, 0);
    p[3] = WIRE_IPV4_HEADER - 1;
    assert_int_equal(wire_ipv4_parse(p, len, &h), WIRE_IP_HEADER);

    for (size_t bit = 0; bit < (size_t)WIRE_IPV4_HEADER * 8; bit++) { /* RFC 1122 3.2.1.2 */
        (void)packet(p, NULL, 0);
        p[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_not_equal(wire_ipv4_parse(p, len, &h), WIRE_IP_OK);
    }
    (void)packet(p, NULL, 0);
    p[8]--; /* a router took one from the TTL, and the quotation kept the old checksum */
    assert_int_equal(wire_ipv4_parse(p, len, &h), WIRE_IP_CHECKSUM);
    assert_int_equal(wire_ipv4_parse_quoted(p, len, &h), WIRE_IP_OK);
}

/* RFC 7126 4.3, 4.4: source routes are recognised; RFC 1122 3.2.1.8: others are skipped. */
static void test_options(void **state)
{
    static const struct {
        uint8_t bytes[8];
        uint8_t options, problem_at;
    } cases[] = {
        {{1, 1, 1, 1, 0, 0, 0, 0}, 0, 0},
        {{131, 7, 4, 10, 0, 0, 9, 0}, WIRE_IPV4_LSRR, 0},
        {{1, 137, 7, 4, 10, 0, 0, 9}, WIRE_IPV4_SSRR, 0},
        {{137, 3, 4, 131, 3, 4, 1, 0}, WIRE_IPV4_SSRR | WIRE_IPV4_LSRR, 0},
        {{148, 4, 0, 0, 0, 0, 0, 0}, WIRE_IPV4_OTHER, 0},
        {{68, 8, 5, 0, 0, 0, 0, 0}, WIRE_IPV4_OTHER, 0},
        {{0, 131, 0, 0, 0, 0, 0, 0}, 0, 0},
        {{131, 0, 0, 0, 0, 0, 0, 0}, WIRE_IPV4_MALFORMED, 20},
        {{131, 1, 0, 0, 0, 0, 0, 0}, WIRE_IPV4_MALFORMED, 20},
        {{131, 9, 0, 0, 0, 0, 0, 0}, WIRE_IPV4_MALFORMED, 20},
        {{1, 1, 1, 7, 255, 0, 0, 0}, WIRE_IPV4_MALFORMED, 23},
        {{148, 4, 0, 0, 1, 1, 1, 7}, WIRE_IPV4_OTHER | WIRE_IPV4_MALFORMED, 27},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t p[64];
        struct wire_ipv4 h;
        size_t len = packet(p, cases[i].bytes, 8);
        uint8_t *input = exact(p, len);
        assert_int_equal(wire_ipv4_parse(input, len, &h), WIRE_IP_OK);
        assert_int_equal(h.hdr_len, 28);
        assert_int_equal(h.options, cases[i].options);
        assert_int_equal(h.problem_at, cases[i].problem_at);
        free(input);
    }
}

static void test_link_padding(void **state)
{
    uint8_t p[64] = {0};
    struct wire_ipv4 h;
    size_t len = packet(p, NULL, 0);
    assert_int_equal(wire_ipv4_parse(p, sizeof(p), &h), WIRE_IP_OK);
    assert_int_equal(h.total_len, len);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),   cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_refused),      cmocka_unit_test(test_options),
        cmocka_unit_test(test_link_padding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
