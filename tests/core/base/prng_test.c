/* The generator against the key stream of RFC 8439, and the shape of what it gives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"

static void assert_block(struct prng *p, const uint8_t expected[64])
{
    for (int i = 0; i < 16; i++) {
        uint32_t v = prng_u32(p);
        uint8_t b[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)};
        assert_memory_equal(b, expected + i * 4, 4);
    }
}

/* RFC 8439 A.1, test vectors 1 and 2: zero key, zero nonce, blocks 0 and 1. */
static void test_zero_key(void **state)
{
    static const uint8_t block0[64] = {
        0x76, 0xb8, 0xe0, 0xad, 0xa0, 0xf1, 0x3d, 0x90, 0x40, 0x5d, 0x6a, 0xe5, 0x53,
        0x86, 0xbd, 0x28, 0xbd, 0xd2, 0x19, 0xb8, 0xa0, 0x8d, 0xed, 0x1a, 0xa8, 0x36,
        0xef, 0xcc, 0x8b, 0x77, 0x0d, 0xc7, 0xda, 0x41, 0x59, 0x7c, 0x51, 0x57, 0x48,
        0x8d, 0x77, 0x24, 0xe0, 0x3f, 0xb8, 0xd8, 0x4a, 0x37, 0x6a, 0x43, 0xb8, 0xf4,
        0x15, 0x18, 0xa1, 0x1c, 0xc3, 0x87, 0xb6, 0x69, 0xb2, 0xee, 0x65, 0x86};
    static const uint8_t block1[64] = {
        0x9f, 0x07, 0xe7, 0xbe, 0x55, 0x51, 0x38, 0x7a, 0x98, 0xba, 0x97, 0x7c, 0x73,
        0x2d, 0x08, 0x0d, 0xcb, 0x0f, 0x29, 0xa0, 0x48, 0xe3, 0x65, 0x69, 0x12, 0xc6,
        0x53, 0x3e, 0x32, 0xee, 0x7a, 0xed, 0x29, 0xb7, 0x21, 0x76, 0x9c, 0xe6, 0x4e,
        0x43, 0xd5, 0x71, 0x33, 0xb0, 0x74, 0xd8, 0x39, 0xd5, 0x31, 0xed, 0x1f, 0x28,
        0x51, 0x0a, 0xfb, 0x45, 0xac, 0xe1, 0x0a, 0x1f, 0x4b, 0x79, 0x4d, 0x6f};
    struct prng p;
    prng_seed(&p, (const uint8_t[32]){0});
    assert_block(&p, block0);
    assert_block(&p, block1);
}

/* RFC 8439 A.1, test vector 3: a key whose last byte is 1, block 1. */
static void test_key(void **state)
{
    static const uint8_t block1[64] = {
        0x3a, 0xeb, 0x52, 0x24, 0xec, 0xf8, 0x49, 0x92, 0x9b, 0x9d, 0x82, 0x8d, 0xb1,
        0xce, 0xd4, 0xdd, 0x83, 0x20, 0x25, 0xe8, 0x01, 0x8b, 0x81, 0x60, 0xb8, 0x22,
        0x84, 0xf3, 0xc9, 0x49, 0xaa, 0x5a, 0x8e, 0xca, 0x00, 0xbb, 0xb4, 0xa7, 0x3b,
        0xda, 0xd1, 0x92, 0xb5, 0xc4, 0x2f, 0x73, 0xf2, 0xfd, 0x4e, 0x27, 0x36, 0x44,
        0xc8, 0xb3, 0x61, 0x25, 0xa6, 0x4a, 0xdd, 0xeb, 0x00, 0x6c, 0x13, 0xa0};
    uint8_t seed[32] = {0};
    struct prng p;
    seed[31] = 1;
    prng_seed(&p, seed);
    for (int i = 0; i < 16; i++) {
        (void)prng_u32(&p);
    }
    assert_block(&p, block1);
}

static void test_counter_carries(void **state)
{
    struct prng p;
    prng_seed(&p, (const uint8_t[32]){0});
    p.block = UINT32_MAX;
    uint32_t last[16];
    for (int i = 0; i < 16; i++) {
        last[i] = prng_u32(&p);
    }
    assert_true(p.block == (uint64_t)UINT32_MAX + 1);
    for (int i = 0; i < 16; i++) {
        assert_true(prng_u32(&p) != last[i]);
    }
    /* Not the stream of block 0 again. */
    struct prng fresh;
    prng_seed(&fresh, (const uint8_t[32]){0});
    assert_true(p.out[0] != prng_u32(&fresh));
}

static void test_same_seed_same_numbers(void **state)
{
    struct prng a;
    struct prng b;
    uint8_t seed[32];
    memset(seed, 0x5a, sizeof(seed));
    prng_seed(&a, seed);
    memset(&b, 0xff, sizeof(b));
    prng_seed(&b, seed);
    for (int i = 0; i < 1000; i++) {
        uint64_t low = prng_u32(&a);
        assert_true(((uint64_t)prng_u32(&a) << 32 | low) == prng_u64(&b));
    }
}

static void test_below(void **state)
{
    struct prng p;
    unsigned count[7] = {0};
    prng_seed(&p, (const uint8_t[32]){1, 2, 3});
    for (int i = 0; i < 70000; i++) {
        count[prng_below(&p, 7)]++;
        assert_int_equal(prng_below(&p, 1), 0);
        assert_true(prng_below(&p, 0x80000001) <= 0x80000000);
    }
    for (int i = 0; i < 7; i++) { /* nine standard deviations */
        assert_in_range(count[i], 9170, 10830);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zero_key),        cmocka_unit_test(test_key),
        cmocka_unit_test(test_counter_carries), cmocka_unit_test(test_same_seed_same_numbers),
        cmocka_unit_test(test_below),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
