/* The conflict table, row by row; who receives a segment; and what a table of bindings does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <lastack/err.h>

#include "flow/bind.h"

/* What an endpoint may be bound to. */
enum place { A4, B4, ANY4, A6, B6, ANY6, ANY6_ONLY, PLACES };

static const char *const place_name[PLACES] = {"10.0.0.1", "10.0.0.2", "0.0.0.0",     "fd00::1",
                                               "fd00::2",  "::",       ":: (v6 only)"};

static struct la_addr place_addr(enum place place)
{
    switch (place) {
    case A4:
        return la_addr_v4(10, 0, 0, 1);
    case B4:
        return la_addr_v4(10, 0, 0, 2);
    case ANY4:
        return la_addr_any_v4();
    case A6:
        return (struct la_addr){{0xfd, [15] = 1}};
    case B6:
        return (struct la_addr){{0xfd, [15] = 2}};
    default:
        return la_addr_any_v6();
    }
}

static struct bind_entry entry(enum place place, uint16_t port, bool listening, bool reuse)
{
    struct bind_entry e = {
        .addr = place_addr(place),
        .port = port,
        .v6_only = place == ANY6_ONLY,
        .listening = listening,
        .reuse = reuse,
    };
    list_init(&e.link);
    return e;
}

/* Can the two receive the same segment? Each row is one place against all others. */
static const char overlap[PLACES][PLACES + 1] = {
    /*              A4 B4 ANY4 A6 B6 ANY6 ANY6_ONLY */
    [A4] = "x.x..x.",        /* itself, its family's wildcard, the dual-stack wildcard */
    [B4] = ".xx..x.",        /**/
    [ANY4] = "xxx..x.",      /* all of IPv4 and the dual-stack wildcard */
    [A6] = "...x.xx",        /* itself and both IPv6 wildcards */
    [B6] = "....xxx",        /**/
    [ANY6] = "xxxxxxx",      /* everything */
    [ANY6_ONLY] = "...xxxx", /* all of IPv6 */
};

/* SO_REUSEADDR helps when both have it and none listens. */
static bool may_share(bool listening_a, bool reuse_a, bool listening_b, bool reuse_b)
{
    static const char share[4][5] = {
        /* b:        bound  bound+reuse  listening  listening+reuse */
        "....", /* a bound */
        ".x..", /* a bound, reuse */
        "....", /* a listening */
        "....", /* a listening, reuse: never two listeners */
    };
    return share[listening_a * 2 + reuse_a][listening_b * 2 + reuse_b] == 'x';
}

static void test_conflict_table(void **state)
{
    for (unsigned bits = 0; bits < PLACES * PLACES * 16; bits++) {
        enum place pa = bits / 16 / PLACES, pb = bits / 16 % PLACES;
        struct bind_entry a = entry(pa, 80, bits & 1, bits & 2);
        struct bind_entry b = entry(pb, 80, bits & 4, bits & 8);
        bool expected = overlap[pa][pb] == 'x' &&
                        !may_share(bits & 1, !!(bits & 2), !!(bits & 4), !!(bits & 8));
        if (bind_conflict(&a, &b) != expected) {
            fail_msg("%s%s%s against %s%s%s", place_name[pa], a.listening ? " listening" : "",
                     a.reuse ? " reuse" : "", place_name[pb], b.listening ? " listening" : "",
                     b.reuse ? " reuse" : "");
        }
        assert_int_equal(bind_conflict(&b, &a), expected);
        b.port = 81;
        assert_false(bind_conflict(&a, &b));
    }
}

/* Addresses of two scopes (the link in bytes 2 and 3) are two addresses. */
static void test_link_local(void **state)
{
    struct bind_entry a = entry(A6, 80, true, false), b = a;

    a.addr = (struct la_addr){{0xfe, 0x80, 0, 1, [15] = 1}};
    b.addr = (struct la_addr){{0xfe, 0x80, 0, 2, [15] = 1}};
    assert_false(bind_conflict(&a, &b));
}

/* The flag means something with `::` alone. */
static void test_v6_only_elsewhere(void **state)
{
    struct bind_entry a = entry(A4, 80, true, false), b = entry(ANY4, 80, true, false);

    a.v6_only = b.v6_only = true;
    assert_true(bind_conflict(&a, &b));
}

static void test_table(void **state)
{
    struct bind_table t;
    struct bind_entry e[5] = {
        entry(A4, 80, true, false),
        entry(B4, 80, true, false),
        entry(ANY4, 80, true, false),
        entry(ANY4, 80 + BIND_BUCKETS, true, false), /* in the same bucket */
        entry(ANY6_ONLY, 80, true, false),
    };

    bind_table_init(&t);
    assert_false(bind_port_used(&t, 80));
    assert_int_equal(bind_add(&t, &e[0]), 0);
    assert_true(bind_port_used(&t, 80));
    assert_false(bind_port_used(&t, 80 + BIND_BUCKETS));
    assert_int_equal(bind_add(&t, &e[1]), 0);
    assert_int_equal(bind_add(&t, &e[2]), LA_EADDRINUSE);
    assert_true(bind_taken(&t, &e[2]));
    assert_false(bind_taken(&t, &e[0])); /* nobody but itself */
    assert_int_equal(bind_add(&t, &e[3]), 0);
    assert_int_equal(bind_add(&t, &e[4]), 0);
    bind_remove(&e[0]);
    assert_int_equal(bind_add(&t, &e[2]), LA_EADDRINUSE);
    bind_remove(&e[1]);
    bind_remove(&e[1]);
    assert_int_equal(bind_add(&t, &e[2]), 0);
    bind_remove(&e[2]);
    bind_remove(&e[4]);
    assert_false(bind_port_used(&t, 80));
    assert_true(bind_port_used(&t, 80 + BIND_BUCKETS));
}

/* Two bound sockets share a port until one of them wants to listen. */
static void test_listening_later(void **state)
{
    struct bind_table t;
    struct bind_entry a = entry(A4, 80, false, true), b = entry(ANY4, 80, false, true);

    bind_table_init(&t);
    assert_int_equal(bind_add(&t, &a), 0);
    assert_int_equal(bind_add(&t, &b), 0);
    a.listening = true;
    assert_true(bind_taken(&t, &a));
    bind_remove(&b);
    assert_false(bind_taken(&t, &a));
}

/* Every set of listeners that can stand side by side, and all orders of entering three of them: the
 * most specific one is found. */
static void test_find(void **state)
{
    static const enum place more_specific[PLACES][3] = {[A4] = {A4, ANY4, ANY6},
                                                        [B4] = {B4, ANY4, ANY6},
                                                        [A6] = {A6, ANY6, ANY6_ONLY},
                                                        [B6] = {B6, ANY6, ANY6_ONLY}};
    static const enum place targets[] = {A4, B4, A6, B6};

    for (unsigned order = 0; order < PLACES * PLACES * PLACES; order++) {
        enum place places[3] = {order % PLACES, order / PLACES % PLACES, order / PLACES / PLACES};
        struct bind_entry e[3];
        struct bind_entry *by_place[PLACES] = {NULL};
        struct bind_table t;

        bind_table_init(&t);
        for (unsigned i = 0; i < 3; i++) {
            e[i] = entry(places[i], 80, true, false);
            if (bind_add(&t, &e[i]) == 0) {
                by_place[places[i]] = &e[i];
            }
        }
        for (unsigned k = 0; k < 4; k++) {
            struct la_addr addr = place_addr(targets[k]);
            struct bind_entry *expected = NULL;
            for (unsigned i = 0; i < 3 && !expected; i++) {
                expected = by_place[more_specific[targets[k]][i]];
            }
            assert_ptr_equal(bind_find(&t, &addr, 80), expected);
            assert_null(bind_find(&t, &addr, 80 + BIND_BUCKETS));
        }
    }
}

/* Where more specific and less specific do stand side by side: a wildcard that listens and an exact
 * address that does, entered by an owner that may (SO_REUSEADDR has no say in finding). */
static void test_most_specific(void **state)
{
    static const enum place orders[6][3] = {{A4, ANY4, ANY6}, {A4, ANY6, ANY4}, {ANY4, A4, ANY6},
                                            {ANY4, ANY6, A4}, {ANY6, A4, ANY4}, {ANY6, ANY4, A4}};
    struct la_addr a4 = place_addr(A4), b4 = place_addr(B4), a6 = place_addr(A6);

    for (unsigned o = 0; o < 6; o++) {
        struct bind_entry e[3];
        struct bind_table t;

        bind_table_init(&t);
        for (unsigned i = 0; i < 3; i++) {
            e[i] = entry(orders[o][i], 80, false, true);
            assert_int_equal(bind_add(&t, &e[i]), 0);
        }
        assert_null(bind_find(&t, &a4, 80)); /* bound, but none listens */
        for (unsigned i = 0; i < 3; i++) {
            e[i].listening = true;
        }
        assert_memory_equal(&bind_find(&t, &a4, 80)->addr, &a4, sizeof(a4));
        assert_true(la_addr_is_v4(&bind_find(&t, &b4, 80)->addr));
        assert_false(la_addr_is_v4(&bind_find(&t, &a6, 80)->addr));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conflict_table),    cmocka_unit_test(test_link_local),
        cmocka_unit_test(test_v6_only_elsewhere), cmocka_unit_test(test_table),
        cmocka_unit_test(test_listening_later),   cmocka_unit_test(test_find),
        cmocka_unit_test(test_most_specific),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
