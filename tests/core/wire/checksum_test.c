/* Every checksum kernel against a plain 16-bit loop, at every length and alignment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/wire/exact.h"
#include "wire/checksum.h"

#define LEN_MAX 3000

/* RFC 1071 4.1 in the order of the network, which is what a checksum field holds. */
static uint16_t plain_sum(const uint8_t *p, size_t len)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < len; i++) {
        sum += i % 2 ? p[i] : (uint64_t)p[i] << 8;
    }
    while (sum >> 16) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (uint16_t)sum;
}

/* A folded sum as the bytes a field would hold. */
static uint16_t in_network_order(uint32_t sum)
{
    uint8_t b[2];
    wire_checksum_store(b, wire_fold(sum));
    return (uint16_t)(b[0] << 8 | b[1]);
}

static void check_kernel(const struct wire_sum_kernel *k, const uint8_t *data, size_t len)
{
    uint16_t expected = plain_sum(data, len);
    uint8_t *copy = exact(data, len);

    memset(copy, 0xa5, len);
    assert_int_equal(in_network_order(k->sum(data, len, 0)), expected);
    assert_int_equal(in_network_order(k->copy_sum(copy, data, len, 0)), expected);
    assert_memory_equal(copy, data, len);
    free(copy);
}

/* Exact-size memory: a kernel that reads or writes past the end is caught by the sanitizer. */
static void test_all_lengths(void **state)
{
    const struct wire_sum_kernel *kernels[8];
    size_t n = wire_sum_kernels(kernels, 8);
    struct prng random = random_from(1);
    uint8_t data[LEN_MAX];

    assert_true(n >= 1);
    random_bytes(&random, data, sizeof(data));
    for (size_t k = 0; k < n; k++) {
        for (size_t len = 0; len <= LEN_MAX; len++) {
            uint8_t *input = exact(data, len);
            check_kernel(kernels[k], input, len);
            free(input);
        }
    }
}

static void test_all_alignments(void **state)
{
    const struct wire_sum_kernel *kernels[8];
    size_t n = wire_sum_kernels(kernels, 8);
    struct prng random = random_from(2);
    static _Alignas(64) uint8_t from[64 + LEN_MAX];
    static _Alignas(64) uint8_t to[64 + LEN_MAX + 1];

    random_bytes(&random, from, sizeof(from));
    for (size_t k = 0; k < n; k++) {
        for (size_t offset = 0; offset < 64; offset++) {
            for (size_t len = 0; len <= 200; len++) {
                check_kernel(kernels[k], from + offset, len);
            }
            for (size_t len = 1400; len <= 1470; len += 7) {
                size_t at = (offset * 5 + 3) % 64;
                memset(to, 0x5a, sizeof(to));
                uint32_t sum = kernels[k]->copy_sum(to + at, from + offset, len, 0);
                assert_int_equal(in_network_order(sum), plain_sum(from + offset, len));
                assert_memory_equal(to + at, from + offset, len);
                assert_int_equal(to[at + len], 0x5a);
                assert_true(at == 0 || to[at - 1] == 0x5a);
            }
        }
    }
}

/* All ones make every carry there is; zeros alone may sum to zero. */
static void test_extremes(void **state)
{
    const struct wire_sum_kernel *kernels[8];
    size_t n = wire_sum_kernels(kernels, 8);
    size_t big = 256 * 1024 + 1;
    uint8_t *ones = malloc(big);
    uint8_t *zeros = calloc(big, 1);

    memset(ones, 0xff, big);
    for (size_t k = 0; k < n; k++) {
        for (size_t len = 1; len <= 300; len++) {
            check_kernel(kernels[k], ones, len);
            check_kernel(kernels[k], zeros, len);
        }
        assert_int_equal(in_network_order(kernels[k]->sum(ones, big, 0)), plain_sum(ones, big));
        assert_int_equal(wire_fold(kernels[k]->sum(ones, big - 1, 0xffffffff)), 0xffff);
        assert_int_equal(kernels[k]->sum(zeros, big, 0), 0);
        assert_int_equal(kernels[k]->sum(NULL, 0, 0x12345), 0x12345);
    }
    free(ones);
    free(zeros);
}

/* Parts summed one after the other, at even and odd offsets (RFC 1071 2B), give the whole. */
static void test_parts(void **state)
{
    const struct wire_sum_kernel *k = wire_sum_choose();
    struct prng random = random_from(3);
    uint8_t data[301];

    random_bytes(&random, data, sizeof(data));
    for (size_t cut = 0; cut <= sizeof(data); cut++) {
        uint32_t first = k->sum(data, cut, 0);
        uint32_t rest = k->sum(data + cut, sizeof(data) - cut, 0);
        uint32_t whole = wire_sum_add(first, cut % 2 ? wire_sum_at_odd(rest) : rest);
        assert_int_equal(in_network_order(whole), plain_sum(data, sizeof(data)));
        if (cut % 2 == 0) {
            whole = k->sum(data + cut, sizeof(data) - cut, first);
            assert_int_equal(in_network_order(whole), plain_sum(data, sizeof(data)));
        }
    }
}

/* RFC 1071 3: the worked example. */
static void test_known(void **state)
{
    static const uint8_t example[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
    assert_int_equal(in_network_order(wire_sum(example, sizeof(example), 0)), 0xddf2);
    assert_int_equal(wire_fold(0xffffffff), 0xffff);
    assert_int_equal(wire_fold(0x1fffe), 0xffff);
    assert_int_equal(wire_fold(0), 0);
    assert_int_equal(wire_sum_add(0xffffffff, 1), 1);
    assert_int_equal(wire_sum_add(0xffffffff, 0xffffffff), 0xffffffff);
}

/* The pseudo-header written out (RFC 9293 3.1, RFC 8200 8.1) and summed plainly. */
static void test_pseudo_header(void **state)
{
    struct prng random = random_from(4);
    for (int i = 0; i < 2000; i++) {
        uint8_t v4[12] = {0};
        uint8_t v6[40] = {0};
        uint32_t len = prng_u32(&random) >> (i % 2 ? 16 : 14);
        uint8_t protocol = (uint8_t)prng_u32(&random);
        struct la_addr a = random_v4(&random);
        struct la_addr b = random_v4(&random);

        memcpy(v4, a.b + 12, 4);
        memcpy(v4 + 4, b.b + 12, 4);
        v4[9] = protocol;
        v4[10] = (uint8_t)(len >> 8);
        v4[11] = (uint8_t)len;
        uint32_t sum = wire_sum_pseudo(&a, &b, protocol, len & 0xffff);
        assert_int_equal(in_network_order(sum), plain_sum(v4, sizeof(v4)));

        a = random_v6(&random);
        b = random_v6(&random);
        memcpy(v6, a.b, 16);
        memcpy(v6 + 16, b.b, 16);
        v6[33] = (uint8_t)(len >> 16);
        v6[34] = (uint8_t)(len >> 8);
        v6[35] = (uint8_t)len;
        v6[39] = protocol;
        sum = wire_sum_pseudo(&a, &b, protocol, len);
        assert_int_equal(in_network_order(sum), plain_sum(v6, sizeof(v6)));
    }
}

static void test_choice(void **state)
{
    const struct wire_sum_kernel *kernels[8];
    size_t n = wire_sum_kernels(kernels, 8);
    assert_string_equal(kernels[0]->name, "portable");
    assert_ptr_equal(wire_sum_choose(), kernels[n - 1]);
    assert_int_equal(wire_sum_kernels(kernels, 1), 1);
    assert_int_equal(wire_sum_kernels(kernels, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_lengths), cmocka_unit_test(test_all_alignments),
        cmocka_unit_test(test_extremes),    cmocka_unit_test(test_parts),
        cmocka_unit_test(test_known),       cmocka_unit_test(test_pseudo_header),
        cmocka_unit_test(test_choice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
