/* Every error has the number, name and sentence of the list, and the numbers are errno's. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <lastack/err.h>

static void test_list(void **state)
{
#define CHECK(name, value, text)                        \
    assert_int_equal(LA_##name, -name);                 \
    assert_string_equal(la_err_name(LA_##name), #name); \
    assert_string_equal(la_err_text(LA_##name), text);  \
    assert_true(strlen(la_err_text(LA_##name)) > 0);
    LA_ERRORS(CHECK)
#undef CHECK
}

static void test_others(void **state)
{
    static const int unknown[] = {1, 104, -3, -4096, INT32_MIN, INT32_MAX};
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        assert_string_equal(la_err_name(unknown[i]), "?");
        assert_string_equal(la_err_text(unknown[i]), "?");
    }
    assert_string_equal(la_err_name(LA_OK), "OK");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
