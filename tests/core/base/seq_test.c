/* Sequence arithmetic near the wrap (RFC 9293 3.4). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/seq.h"

static const uint32_t starts[] = {0, 1000, 0x7ffffff0, 0xfffffff0, 0xffffffff, 0x80000000};
static const uint32_t steps[] = {1, 2, 15, 16, 17, 65535, 1U << 30, 0x7fffffff};

/* RFC 9293 3.4: order and distance hold at every place of the circle. */
static void test_order(void **state)
{
    for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
        for (size_t j = 0; j < sizeof(steps) / sizeof(steps[0]); j++) {
            seq32 a = seq_of(starts[i]);
            seq32 b = seq_add(a, steps[j]);
            assert_true(seq_lt(a, b) && seq_le(a, b) && seq_gt(b, a) && seq_ge(b, a));
            assert_false(seq_lt(b, a) || seq_le(b, a) || seq_gt(a, b) || seq_ge(a, b));
            assert_false(seq_eq(a, b));
            assert_int_equal(seq_diff(b, a), steps[j]);
            assert_int_equal(seq_diff(a, b), -(int64_t)steps[j]);
            assert_int_equal(seq_len(a, b), steps[j]);
            assert_true(seq_eq(seq_max(a, b), b) && seq_eq(seq_max(b, a), b));
            assert_true(seq_eq(seq_min(a, b), a) && seq_eq(seq_min(b, a), a));
            assert_true(seq_eq(seq_sub(b, steps[j]), a));
            assert_true(seq_in(a, a, steps[j]) && !seq_in(b, a, steps[j]));
            assert_true(seq_in(seq_sub(b, 1), a, steps[j]));
            assert_false(seq_in(seq_sub(a, 1), a, steps[j]));
        }
        seq32 a = seq_of(starts[i]);
        assert_true(seq_le(a, a) && seq_ge(a, a) && seq_eq(a, a) && !seq_lt(a, a));
        assert_false(seq_in(a, a, 0));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_order)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
