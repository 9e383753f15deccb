/* Controllers by name and by number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "cc/cc.h"

#include <cmocka.h> /* last: it makes `fail` a macro */

/* RFC 9293 3.8.2, MAY-18. */
static void every_one_is_found(void **state)
{
    unsigned n = 0;
    (void)state;
    for (const struct cc_ops *ops; (ops = cc_nth(n)); n++) {
        assert_int_equal(cc_number(ops->name), n);
        assert_true(ops->state_bytes <= CC_STATE_BYTES);
        assert_true(ops->begin && ops->acked && ops->congestion);
        assert_true(ops->recovered && ops->undo && ops->restart);
    }
    assert_int_equal(cc_number("cubic"), 0); /* the default */
    assert_ptr_equal(cc_nth(0), &cc_cubic);
    assert_ptr_equal(cc_nth(cc_number("newreno")), &cc_newreno);
    assert_null(cc_nth(n));
    assert_null(cc_nth(UINT32_MAX));
}

static void others_are_not(void **state)
{
    (void)state;
    assert_int_equal(cc_number(""), -1);
    assert_int_equal(cc_number("cubi"), -1);
    assert_int_equal(cc_number("cubics"), -1);
    assert_int_equal(cc_number("Cubic"), -1);
    assert_int_equal(cc_number("reno"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_one_is_found),
        cmocka_unit_test(others_are_not),
    };
    return cmocka_run_group_tests_name("core/cc/list", tests, NULL, NULL);
}
