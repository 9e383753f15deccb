/* Every reason has a name, a kind, a clause where it is about a segment, and both sentences. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "view/lane.h"

#include <cmocka.h>

#include <lastack/view.h>

/* A refusal that no RFC speaks of. */
static bool may_lack_clause(enum la_reason reason)
{
    return reason == LA_DROP_NO_MEMORY;
}

static void test_both_sentences(void **state)
{
    for (int i = 0; i < LA_REASON_COUNT; i++) {
        const char *en = la_reason_text((enum la_reason)i, LA_LANG_EN);
        const char *zh = la_reason_text((enum la_reason)i, LA_LANG_ZH);

        assert_true(strlen(la_reason_name((enum la_reason)i)) > 0);
        assert_true(strlen(en) > 0 && strlen(zh) > 0);
        assert_string_not_equal(en, zh);
        for (const char *p = en; *p != '\0'; p++)
            assert_true(*p >= ' ' && *p < 0x7f);
    }
}

static void test_clauses(void **state)
{
    for (int i = 0; i < LA_REASON_COUNT; i++) {
        enum la_reason reason = (enum la_reason)i;
        const char *clause = la_reason_clause(reason);

        if (la_reason_kind(reason) != LA_KIND_EVENT && !may_lack_clause(reason))
            assert_memory_equal(clause, "RFC ", 4);
    }
}

/* The name says the kind, so that a counter's name does too. */
static void test_kinds(void **state)
{
    for (int i = 0; i < LA_REASON_COUNT; i++) {
        const char *name = la_reason_name((enum la_reason)i);
        enum la_reason_kind kind = la_reason_kind((enum la_reason)i);

        assert_int_equal(strncmp(name, "DROP_", 5) == 0, kind == LA_KIND_DROP);
        assert_int_equal(strncmp(name, "TAKE_", 5) == 0, kind == LA_KIND_TAKE);
        if (strncmp(name, "CALL_", 5) == 0 || strncmp(name, "TIMEOUT_", 8) == 0)
            assert_int_equal(kind, LA_KIND_EVENT);
    }
}

static void test_names(void **state)
{
    assert_string_equal(la_reason_name(LA_RTX_FAST), "RTX_FAST");
    assert_string_equal(la_reason_clause(LA_RTX_FAST), "RFC 5681 3.2");
    assert_string_equal(la_reason_text(LA_FIN, LA_LANG_EN), "FIN: nothing more to send");
    for (int i = 0; i < LA_REASON_COUNT; i++) {
        for (int j = 0; j < i; j++)
            assert_string_not_equal(la_reason_name((enum la_reason)i),
                                    la_reason_name((enum la_reason)j));
    }
}

static void test_no_reason(void **state)
{
    for (int i = LA_REASON_COUNT; i < 256; i++) {
        assert_string_equal(la_reason_name((enum la_reason)i), "?");
        assert_string_equal(la_reason_clause((enum la_reason)i), "");
        assert_string_equal(la_reason_text((enum la_reason)i, LA_LANG_ZH), "?");
        assert_int_equal(la_reason_kind((enum la_reason)i), LA_KIND_EVENT);
    }
}

/* Whatever the core calls a retransmission is drawn as one. Limited transmit sends new data; a tail
 * probe may. */
static void retransmissions_are_drawn_as_such(void **state)
{
    (void)state;
    unsigned n = 0;
    for (int reason = 0; reason < LA_REASON_COUNT; reason++) {
        const char *name = la_reason_name((enum la_reason)reason);
        if (strncmp(name, "RTX_", 4) != 0 || reason == LA_RTX_LIMITED || reason == LA_RTX_PROBE) {
            continue;
        }
        if (!lane_is_again((enum la_reason)reason)) {
            fail_msg("%s is not drawn as a retransmission", name);
        }
        n++;
    }
    assert_true(n >= 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(retransmissions_are_drawn_as_such),
        cmocka_unit_test(test_both_sentences),
        cmocka_unit_test(test_clauses),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_no_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
