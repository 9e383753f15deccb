/* The budget: what is held never exceeds it, and all of it comes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/core_memory.h"

static void test_budget(void **state)
{
    struct test_memory tm = {0};
    struct memory m = core_memory(&tm, 1000);
    void *a = memory_get(&m, 600, 64);
    void *b;

    assert_non_null(a);
    assert_int_equal((uintptr_t)a % 64, 0);
    assert_int_equal(m.held, 600);
    assert_null(memory_get(&m, 401, 8));
    assert_int_equal(tm.calls, 1); /* the allocator was not even asked */
    b = memory_get(&m, 400, 8);
    assert_non_null(b);
    assert_null(memory_get(&m, 1, 8));
    memory_put(&m, a, 600);
    assert_int_equal(m.held, 400);
    memory_put(&m, b, 400);
    assert_int_equal(m.held, 0);
    assert_int_equal(tm.live_bytes, 0);
}

static void test_no_overflow(void **state)
{
    struct test_memory tm = {0};
    struct memory m = core_memory(&tm, UINT64_MAX);
    void *a = memory_get(&m, 100, 8);

    m.max = 50; /* a budget below what is held already */
    assert_null(memory_get(&m, 1, 8));
    m.max = 200;
    assert_null(memory_get(&m, SIZE_MAX, 8));
    memory_put(&m, a, 100);
}

static void test_allocator_fails(void **state)
{
    struct test_memory tm = {.fail_at = 1};
    struct memory m = core_memory(&tm, 1000);
    void *a;

    assert_null(memory_get(&m, 100, 8));
    assert_int_equal(m.held, 0);
    a = memory_get(&m, 100, 8);
    assert_non_null(a);
    memory_put(&m, a, 100);
    assert_int_equal(tm.live_bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_budget),
        cmocka_unit_test(test_no_overflow),
        cmocka_unit_test(test_allocator_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
