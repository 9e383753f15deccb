/* Event rings: order over all rings, losses counted to the record, orphans, takeover, release. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <lastack/err.h>

#include "support/core_memory.h"
#include "trace/ring.h"

#define OUT 4096 /* records drained at once at most */

struct fixture {
    struct test_memory tm;
    struct memory memory;
    struct trace trace;
    struct la_trace_record out[OUT];
};

static struct fixture *begin(uint32_t rings)
{
    static struct fixture f;

    f = (struct fixture){0};
    f.memory = core_memory(&f.tm, UINT64_MAX);
    assert_int_equal(trace_init(&f.trace, &f.memory, rings), 0);
    return &f;
}

static void end(struct fixture *f)
{
    trace_destroy(&f->trace);
    assert_int_equal(f->memory.used[LA_MEM_TRACE], 0);
    assert_int_equal(f->memory.held, 0);
    assert_int_equal(f->tm.live_bytes, 0);
}

/* A record that can be told from others: `seq` is its number. */
static void put(struct fixture *f, struct trace_ring *ring, uint32_t conn, uint32_t number)
{
    struct la_trace_record r = {
        .time_ns = 1000 + number,
        .conn = conn,
        .seq = number,
        .reason = LA_DATA,
        .what_state = LA_TRACE_PACK(LA_TRACE_OUT, LA_TCP_ESTABLISHED),
    };
    trace_put(&f->trace, ring, &r);
}

/* Drains in calls of `step` and expects the numbers from `first` on. */
static void expect(struct fixture *f, uint32_t first, uint32_t count, size_t step)
{
    uint32_t number = first;
    size_t n;

    while ((n = trace_drain(&f->trace, f->out, step)) > 0) {
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(f->out[i].seq, number);
            assert_int_equal(f->out[i].serial, number);
            assert_int_equal(f->out[i].time_ns, 1000 + number);
            number++;
        }
    }
    assert_int_equal(number, first + count);
}

static void test_merges_by_serial(void **state)
{
    static const size_t steps[] = {1, 2, 7, 100, OUT};
    struct fixture *f = begin(8);
    struct trace_ring *rings[4] = {NULL};
    uint32_t number = 0;

    for (unsigned i = 1; i < 4; i++) {
        rings[i] = trace_ring_get(&f->trace, i, NULL);
        assert_non_null(rings[i]);
    }
    for (unsigned s = 0; s < sizeof(steps) / sizeof(steps[0]); s++) {
        uint32_t first = number;
        for (unsigned i = 0; i < 60; i++) {
            put(f, rings[i % 3], i % 3, number);
            number++;
            if (i % 5 == 0) {
                put(f, rings[3], 3, number++);
            }
        }
        expect(f, first, number - first, steps[s]);
    }
    assert_int_equal(trace_drain(&f->trace, f->out, 0), 0);
    end(f);
}

/* Serials that wrap do not disturb the order. */
static void test_serial_wraps(void **state)
{
    struct fixture *f = begin(8);
    struct trace_ring *a = trace_ring_get(&f->trace, 1, NULL),
                      *b = trace_ring_get(&f->trace, 2, NULL);

    f->trace.serial = UINT32_MAX - 20;
    for (uint32_t i = 0; i < 60; i++) {
        put(f, i % 2 ? a : b, 1 + i % 2, UINT32_MAX - 20 + i);
    }
    assert_int_equal(trace_drain(&f->trace, f->out, OUT), 60);
    for (uint32_t i = 0; i < 60; i++) {
        assert_int_equal(f->out[i].serial, UINT32_MAX - 20 + i);
    }
    end(f);
}

static void test_overwritten(void **state)
{
    struct fixture *f = begin(8);
    struct trace_ring *ring = trace_ring_get(&f->trace, 1, NULL);
    size_t n;

    for (uint32_t i = 0; i < TRACE_RING_RECORDS + 10; i++) {
        put(f, ring, 1, i);
    }
    n = trace_drain(&f->trace, f->out, OUT);
    assert_int_equal(n, TRACE_RING_RECORDS + 1);
    assert_int_equal(f->out[0].reason, LA_TRACE_LOST);
    assert_int_equal(LA_TRACE_WHAT(&f->out[0]), LA_TRACE_EVENT);
    assert_int_equal(f->out[0].seq, 10);
    assert_int_equal(f->out[0].serial, 9);
    assert_int_equal(f->out[0].time_ns, 1000 + 10);
    assert_int_equal(f->out[1].seq, 10);
    assert_int_equal(f->trace.counters[LA_TRACE_LOST], 10);
    assert_int_equal(trace_drain(&f->trace, f->out, OUT), 0);

    /* Said once, even when there is room for nothing else. */
    for (uint32_t i = 0; i < 3 * TRACE_OWN_RECORDS; i++) {
        put(f, NULL, 0, i);
    }
    assert_int_equal(trace_drain(&f->trace, f->out, 1), 1);
    assert_int_equal(f->out[0].seq, 2 * TRACE_OWN_RECORDS);
    assert_int_equal(trace_drain(&f->trace, f->out, OUT), TRACE_OWN_RECORDS);
    assert_int_equal(f->out[0].seq, 2 * TRACE_OWN_RECORDS);
    end(f);
}

static void test_counters(void **state)
{
    struct fixture *f = begin(1);

    for (uint8_t what = LA_TRACE_IN; what <= LA_TRACE_EVENT; what++) {
        struct la_trace_record r = {.reason = LA_SYN, .what_state = LA_TRACE_PACK(what, 0)};
        uint64_t before = f->trace.counters[LA_SYN];
        bool counts = what != LA_TRACE_OPTIONS && what != LA_TRACE_PEER && what != LA_TRACE_STATE;
        trace_put(&f->trace, NULL, &r);
        assert_int_equal(f->trace.counters[LA_SYN] - before, counts);
    }
    end(f);
}

static void test_orphans_survive(void **state)
{
    struct fixture *f = begin(4);
    struct trace_ring *ring = trace_ring_get(&f->trace, 1, NULL);

    for (uint32_t i = 0; i < 20; i++) {
        put(f, i % 2 ? ring : NULL, i % 2, i);
    }
    trace_ring_release(&f->trace, ring);
    assert_int_equal(f->trace.rings.used, 1);
    expect(f, 0, 20, 3);
    assert_int_equal(f->trace.rings.used, 0);
    assert_int_equal(f->memory.used[LA_MEM_TRACE], 0);
    end(f);
}

/* A ring without news goes back at once: what a connection does when it is idle. */
static void test_idle_release(void **state)
{
    struct fixture *f = begin(1);

    for (uint32_t i = 0; i < 10; i++) {
        struct trace_ring *ring = trace_ring_get(&f->trace, i + 1, NULL);
        assert_non_null(ring);
        assert_null(trace_ring_get(&f->trace, 99, NULL));
        put(f, ring, i + 1, i);
        expect(f, i, 1, OUT);
        trace_ring_release(&f->trace, ring);
        assert_int_equal(f->trace.rings.used, 0);
    }
    end(f);
}

/* A connection that was drained holds no ring, and its pointer says so. */
static void test_drained_goes_back(void **state)
{
    struct fixture *f = begin(1);
    struct trace_ring *mine = NULL;

    (void)state;
    mine = trace_ring_get(&f->trace, 1, &mine);
    put(f, mine, 1, 0);
    assert_null(trace_ring_get(&f->trace, 2, NULL)); /* the pool has one */
    expect(f, 0, 1, OUT);
    assert_null(mine);
    assert_int_equal(f->trace.rings.used, 0);
    assert_int_equal(f->memory.used[LA_MEM_TRACE], 0);
    end(f);
}

static void test_takeover(void **state)
{
    struct fixture *f = begin(2);
    struct trace_ring *a = trace_ring_get(&f->trace, 1, NULL),
                      *b = trace_ring_get(&f->trace, 2, NULL);
    struct trace_ring *c;

    for (uint32_t i = 0; i < 6; i++) {
        put(f, i < 4 ? a : b, i < 4 ? 1 : 2, i);
    }
    assert_null(trace_ring_get(&f->trace, 3, NULL));
    trace_ring_release(&f->trace, a);
    trace_ring_release(&f->trace, b);
    c = trace_ring_get(&f->trace, 3, NULL); /* over a, which was let go of first */
    assert_ptr_equal(c, a);
    put(f, c, 3, 6);
    assert_int_equal(trace_drain(&f->trace, f->out, OUT), 4);
    assert_int_equal(f->out[0].reason, LA_TRACE_LOST);
    assert_int_equal(f->out[0].seq, 4);
    assert_int_equal(f->out[1].conn, 2);
    assert_int_equal(f->out[1].serial, 4);
    assert_int_equal(f->out[3].conn, 3);
    end(f);
}

/* Nothing but losses: they are told with the next record there is. */
static void test_all_lost(void **state)
{
    struct fixture *f = begin(1);
    struct trace_ring *ring = trace_ring_get(&f->trace, 1, NULL);

    put(f, ring, 1, 0);
    trace_ring_release(&f->trace, ring);
    ring = trace_ring_get(&f->trace, 2, NULL);
    assert_int_equal(trace_drain(&f->trace, f->out, OUT), 0);
    put(f, ring, 2, 1);
    assert_int_equal(trace_drain(&f->trace, f->out, OUT), 2);
    assert_int_equal(f->out[0].seq, 1);
    assert_int_equal(f->out[1].seq, 1);
    assert_int_equal(f->out[1].conn, 2);
    end(f);
}

/* ---- at random ------------------------------------------------------------------------------- */

#define RINGS 30
#define CONNS 50

/* Every record comes out once and in order, or is counted as lost. */
static void test_model(void **state)
{
    struct fixture *f = begin(RINGS);
    struct trace_ring *rings[CONNS] = {NULL};
    uint64_t rng = 3, drained = 0, lost = 0;
    uint32_t number = 0, last = UINT32_MAX;

    for (unsigned step = 0; step < 300000; step++) {
        unsigned conn = random_below(&rng, CONNS);
        unsigned what = random_below(&rng, 1000);
        if (what < 900) {
            if (!rings[conn]) {
                rings[conn] = trace_ring_get(&f->trace, conn + 1, NULL);
            }
            put(f, rings[conn], conn + 1, number++);
        } else if (what < 990) {
            if (rings[conn]) {
                trace_ring_release(&f->trace, rings[conn]);
                rings[conn] = NULL;
            }
        } else {
            size_t max = random_below(&rng, step % 3 ? 50 : OUT);
            size_t n = trace_drain(&f->trace, f->out, max);
            assert_true(n <= max);
            for (size_t i = 0; i < n; i++) {
                if (f->out[i].reason == LA_TRACE_LOST) {
                    assert_int_equal(i, 0);
                    lost += f->out[i].seq;
                } else {
                    assert_int_equal(f->out[i].seq, f->out[i].serial);
                    assert_true(last == UINT32_MAX || f->out[i].serial > last);
                    last = f->out[i].serial;
                    drained++;
                }
            }
        }
        assert_true(f->trace.rings.used <= RINGS);
    }
    for (size_t n; (n = trace_drain(&f->trace, f->out, OUT)) > 0;) {
        lost += f->out[0].reason == LA_TRACE_LOST ? f->out[0].seq : 0;
        drained += n - (f->out[0].reason == LA_TRACE_LOST);
    }
    assert_true(lost > 0);
    assert_int_equal(drained + lost + f->trace.lost, number);
    assert_int_equal(f->trace.counters[LA_DATA], number);
    end(f);
}

static void test_every_allocation_fails_once(void **state)
{
    struct test_memory tm = {.fail_at = 1};
    struct memory memory = core_memory(&tm, UINT64_MAX);
    struct trace t;

    assert_int_equal(trace_init(&t, &memory, 10), LA_ENOMEM);
    trace_destroy(&t);
    assert_int_equal(memory.held, 0);
    for (unsigned at = 2; at <= 6; at++) {
        struct fixture *f = begin(100);
        unsigned missing = 0;
        f->tm.fail_at = at;
        for (uint32_t i = 0; i < 100; i++) {
            struct trace_ring *ring = trace_ring_get(&f->trace, i + 1, NULL);
            missing += ring == NULL;
            put(f, ring, i + 1, i); /* without a ring of its own: into the stack's */
        }
        assert_true(missing <= 1);
        expect(f, 0, 100, OUT);
        end(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_merges_by_serial),
        cmocka_unit_test(test_serial_wraps),
        cmocka_unit_test(test_overwritten),
        cmocka_unit_test(test_counters),
        cmocka_unit_test(test_orphans_survive),
        cmocka_unit_test(test_idle_release),
        cmocka_unit_test(test_drained_goes_back),
        cmocka_unit_test(test_takeover),
        cmocka_unit_test(test_all_lost),
        cmocka_unit_test(test_model),
        cmocka_unit_test(test_every_allocation_fails_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
