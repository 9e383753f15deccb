/* Segments that were refused (RFC 7323 5.3, R1): what explains a missing segment, and what does
 * not, near the wrap of timestamps and at the ends of time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "loss/refused.h"

#include <cmocka.h> /* last: it makes `fail` a macro */

#define MS     UINT64_C(1000000) /* in nanoseconds */
#define WINDOW 16000             /* in microseconds */

static const uint32_t clocks[] = {0, 1000, 0x7fffffff, 0xffffffff};
#define CLOCKS (sizeof(clocks) / sizeof(clocks[0]))

/* Sent again at 100 ms: what left from 84 ms on may come behind it. */
static struct refused sent_again(uint32_t tsval)
{
    struct refused r = {0};
    refused_resent(&r, 100 * MS, WINDOW, tsval);
    return r;
}

static void test_nothing_sent_again(void **state)
{
    (void)state;
    struct refused r = {0};
    refused_ack(&r, 5);
    assert_false(refused_explains(&r, 0, 1));
    assert_false(refused_explains(&r, 90 * MS, 1));
}

/* One ACK explains one segment, of those that left in the window before. */
static void test_one_each(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CLOCKS; i++) {
        struct refused r = sent_again(clocks[i]);
        assert_false(refused_explains(&r, 90 * MS, 1));
        refused_ack(&r, clocks[i]);
        assert_false(refused_explains(&r, 84 * MS - 1, 1)); /* too early to be late */
        assert_false(refused_explains(&r, 100 * MS, 1));    /* left behind it */
        assert_false(refused_explains(&r, 90 * MS, 2));
        assert_true(refused_explains(&r, 84 * MS, 1));
        assert_false(refused_explains(&r, 90 * MS, 1));
        refused_ack(&r, clocks[i] + 3);
        refused_ack(&r, clocks[i] + 9);
        assert_true(refused_explains(&r, 100 * MS - 1, 2));
        assert_false(refused_explains(&r, 90 * MS, 1));
    }
}

/* An ACK that echoes something older was not caused by the retransmission. */
static void test_older_echo(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CLOCKS; i++) {
        struct refused r = sent_again(clocks[i]);
        refused_ack(&r, clocks[i] - 1);
        assert_false(refused_explains(&r, 90 * MS, 1));
    }
}

/* Retransmissions within a window of each other are one time; later ones are another, and what was
 * told of the first is over once it is used up. */
static void test_times(void **state)
{
    (void)state;
    struct refused r = sent_again(7);
    refused_resent(&r, 110 * MS, WINDOW, 17);
    refused_ack(&r, 7);
    assert_true(refused_explains(&r, 85 * MS, 1));
    refused_resent(&r, 140 * MS, WINDOW, 47);
    refused_ack(&r, 47);
    assert_false(refused_explains(&r, 105 * MS, 1));
    assert_true(refused_explains(&r, 125 * MS, 1));
}

/* A late segment of the first time is found missing when others have gone again already. */
static void test_unused_ack_keeps_the_time(void **state)
{
    (void)state;
    struct refused r = sent_again(7);
    refused_ack(&r, 8);
    refused_ack(&r, 8);
    refused_resent(&r, 160 * MS, WINDOW, 67);
    assert_true(refused_explains(&r, 90 * MS, 1));
    assert_true(refused_explains(&r, 95 * MS, 1));
    refused_resent(&r, 200 * MS, WINDOW, 107);
    refused_ack(&r, 107);
    assert_false(refused_explains(&r, 95 * MS, 1));
}

/* But not for ever: an ACK that the network doubled explains nothing four round trips later. */
static void test_stale(void **state)
{
    (void)state;
    struct refused r = sent_again(7);
    refused_ack(&r, 8);
    refused_resent(&r, 357 * MS, WINDOW, 264); /* 257 ms: 16 windows and a little */
    assert_false(refused_explains(&r, 350 * MS, 1));
}

/* The clock's beginning, a window of nothing, and more ACKs than can be counted. */
static void test_extremes(void **state)
{
    (void)state;
    struct refused r = {0};
    refused_resent(&r, 5 * MS, WINDOW, 1);
    refused_ack(&r, 1);
    assert_true(refused_explains(&r, 0, 1));
    refused_resent(&r, UINT64_MAX, UINT32_MAX, 1);
    refused_ack(&r, 1);
    assert_true(refused_explains(&r, UINT64_MAX - 1, 1));

    r = (struct refused){0};
    refused_resent(&r, 9 * MS, 0, 1);
    refused_ack(&r, 1);
    assert_false(refused_explains(&r, 9 * MS, 1));
    r.acks = UINT32_MAX;
    refused_ack(&r, 1);
    assert_int_equal(r.acks, UINT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_sent_again),
        cmocka_unit_test(test_one_each),
        cmocka_unit_test(test_older_echo),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_unused_ack_keeps_the_time),
        cmocka_unit_test(test_stale),
        cmocka_unit_test(test_extremes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
