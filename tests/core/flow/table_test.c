/* The 4-tuple table: against a plain array of who is in it, through growth and shrinking; short of
 * memory at every point; and what a record costs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <lastack/err.h>

#include "flow/table.h"
#include "support/core_memory.h"

#define KINDS 3

struct record {
    struct flow_key key;
    uint32_t pad;
};

struct fixture {
    struct test_memory tm;
    struct memory memory;
    struct slab slabs[KINDS];
    struct flow_table table;
};

static void begin(struct fixture *f)
{
    *f = (struct fixture){0};
    f->memory = core_memory(&f->tm, UINT64_MAX);
    for (unsigned k = 0; k < KINDS; k++) {
        slab_init(&f->slabs[k], &f->memory, LA_MEM_CONNECTIONS, sizeof(struct record), 4, 1u << 22);
    }
    assert_int_equal(flow_table_init(&f->table, &f->memory, (struct sip_key){1, 2}, &f->slabs[0],
                                     &f->slabs[1], &f->slabs[2]),
                     0);
}

static void end(struct fixture *f)
{
    flow_table_destroy(&f->table);
    for (unsigned k = 0; k < KINDS; k++) {
        slab_destroy(&f->slabs[k]);
    }
    assert_int_equal(f->memory.used[LA_MEM_INDEX], 0);
    assert_int_equal(f->memory.held, 0);
    assert_int_equal(f->tm.live_bytes, 0);
}

/* A key for each number, alternating between IPv4 and IPv6. */
static struct flow_key key_for(uint32_t n)
{
    struct flow_key key = {.laddr = la_addr_v4(10, 0, 0, 1), .lport = 80};

    if (n & 1) {
        key.laddr = (struct la_addr){{0xfd, [15] = 1}};
        key.raddr = (struct la_addr){{0xfd, [14] = (uint8_t)(n >> 24), [15] = (uint8_t)(n >> 16)}};
    } else {
        key.raddr = la_addr_v4(10, 1, (uint8_t)(n >> 24), (uint8_t)(n >> 16));
    }
    key.rport = (uint16_t)n;
    return key;
}

static flow_ref make(struct fixture *f, enum flow_kind kind, uint32_t n)
{
    uint32_t index = slab_get(&f->slabs[kind]);
    struct record *r = slab_at(&f->slabs[kind], index);

    assert_int_not_equal(index, 0);
    r->key = key_for(n);
    return FLOW_REF(kind, index);
}

static void unmake(struct fixture *f, flow_ref ref)
{
    slab_put(&f->slabs[FLOW_KIND(ref)], FLOW_INDEX(ref));
}

static flow_ref find(const struct fixture *f, uint32_t n)
{
    struct flow_key key = key_for(n);
    uint64_t hash = flow_hash(&f->table, &key);

    flow_prefetch(&f->table, hash);
    return flow_find(&f->table, &key, hash);
}

static uint32_t in_table(const struct fixture *f)
{
    return f->table.now.used + f->table.old.used;
}

/* The invariants of table.h, looked up in the arrays themselves. */
static void check_array(const struct fixture *f, const struct flow_array *a)
{
    uint32_t used = 0;

    for (uint32_t b = 0; a->slots && b < a->buckets; b++) {
        const struct flow_slot *slots = a->slots + (size_t)b * 8;
        bool ended = false;
        for (unsigned i = 0; i < 8; i++) {
            uint32_t home = (uint32_t)((uint64_t)slots[i].tag * a->buckets >> 32);
            if (!slots[i].ref) {
                ended = true;
                continue;
            }
            assert_false(ended);
            assert_true(b >= a->first);
            used++;
            for (uint32_t at = home; at != b; at = at + 1 == a->buckets ? 0 : at + 1) {
                assert_true(at < a->first || a->slots[(size_t)at * 8 + 7].ref != 0);
            }
        }
    }
    assert_int_equal(used, a->used);
}

static void check(const struct fixture *f)
{
    check_array(f, &f->table.now);
    check_array(f, &f->table.old);
}

static void test_one(void **state)
{
    struct fixture f;
    flow_ref half, conn, wait, twin;

    begin(&f);
    assert_int_equal(find(&f, 1), 0);
    half = make(&f, FLOW_HALF_OPEN, 1);
    assert_int_equal(flow_add(&f.table, half), 0);
    assert_int_equal(find(&f, 1), half);
    assert_int_equal(find(&f, 2), 0);
    twin = make(&f, FLOW_CONN, 1);
    assert_int_equal(flow_add(&f.table, twin), LA_EEXIST);
    unmake(&f, twin);

    conn = make(&f, FLOW_CONN, 1);
    flow_replace(&f.table, half, conn);
    unmake(&f, half);
    assert_int_equal(find(&f, 1), conn);
    wait = make(&f, FLOW_TIME_WAIT, 1);
    flow_replace(&f.table, conn, wait);
    unmake(&f, conn);
    assert_int_equal(find(&f, 1), wait);
    flow_remove(&f.table, wait);
    assert_int_equal(find(&f, 1), 0);
    assert_int_equal(f.memory.used[LA_MEM_INDEX], 0);
    end(&f);
}

/* All 36 bytes of the key count. */
static void test_key(void **state)
{
    struct fixture f;
    flow_ref ref;

    begin(&f);
    ref = make(&f, FLOW_CONN, 5);
    flow_add(&f.table, ref);
    for (size_t i = 0; i < sizeof(struct flow_key); i++) {
        struct flow_key key = key_for(5);
        uint64_t hash = flow_hash(&f.table, &key);
        ((uint8_t *)&key)[i] ^= 0x10;
        assert_int_equal(flow_find(&f.table, &key, hash), 0); /* though the tag is the same */
        assert_true(flow_hash(&f.table, &key) != hash);
    }
    end(&f);
}

/* ---- against an array ------------------------------------------------------------------------ */

#define NAMES 20000

static flow_ref model[NAMES]; /* by number; 0: not in the table */

static void model_step(struct fixture *f, uint64_t *rng, unsigned add_percent)
{
    uint32_t n = random_below(rng, NAMES);
    flow_ref ref = model[n];

    assert_int_equal(find(f, n), ref);
    if (random_below(rng, 100) < 10) {
        if (ref) {
            flow_ref to = make(f, (enum flow_kind)random_below(rng, KINDS), n);
            flow_replace(&f->table, ref, to);
            unmake(f, ref);
            model[n] = to;
        }
    } else if (random_below(rng, 100) < add_percent) {
        flow_ref add = make(f, (enum flow_kind)random_below(rng, KINDS), n);
        assert_int_equal(flow_add(&f->table, add), ref ? LA_EEXIST : 0);
        if (ref) {
            unmake(f, add);
        } else {
            model[n] = add;
        }
    } else if (ref) {
        flow_remove(&f->table, ref);
        unmake(f, ref);
        model[n] = 0;
    }
}

static void test_model(void **state)
{
    static const unsigned tides[] = {95, 10, 60, 40, 95, 50, 2};
    struct fixture f;
    uint64_t rng = 1;
    unsigned steps = 0, resizes = 0;

    memset(model, 0, sizeof(model));
    begin(&f);
    for (unsigned tide = 0; tide < sizeof(tides) / sizeof(tides[0]); tide++) {
        for (unsigned i = 0; i < 50000; i++) {
            uint32_t buckets = f.table.now.buckets;
            model_step(&f, &rng, tides[tide]);
            resizes += f.table.now.buckets != buckets;
            if (++steps % 1000 == 0) {
                check(&f);
            }
        }
        for (uint32_t n = 0; n < NAMES; n++) {
            assert_int_equal(find(&f, n), model[n]);
        }
    }
    assert_true(resizes > 20);
    for (uint32_t n = 0; n < NAMES; n++) {
        if (model[n]) {
            flow_remove(&f.table, model[n]);
            unmake(&f, model[n]);
        }
    }
    assert_int_equal(in_table(&f), 0);
    assert_int_equal(f.memory.used[LA_MEM_INDEX], 0);
    assert_int_equal(flow_table_bytes(&f.table), 4096);
    end(&f);
}

/* Every moment of a growth and of a shrinking: all entries are found after each step, and the
 * invariants hold. */
static void test_while_moving(void **state)
{
    enum { N = 2500 };
    static flow_ref refs[N];
    struct fixture f;

    begin(&f);
    for (uint32_t n = 0; n < N; n++) {
        refs[n] = make(&f, FLOW_CONN, n);
        assert_int_equal(flow_add(&f.table, refs[n]), 0);
        check(&f);
        for (uint32_t k = n % 7; k <= n; k += 7) {
            assert_int_equal(find(&f, k), refs[k]);
        }
    }
    for (uint32_t n = 0; n < N; n++) {
        flow_remove(&f.table, refs[n]);
        check(&f);
        assert_int_equal(find(&f, n), 0);
        for (uint32_t k = n + 1 + n % 7; k < N; k += 7) {
            assert_int_equal(find(&f, k), refs[k]);
        }
    }
    end(&f);
}

/* ---- memory ---------------------------------------------------------------------------------- */

static void test_bytes_per_record(void **state)
{
    const uint32_t n = 100000;
    struct fixture f;
    uint64_t most = 0;

    begin(&f);
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(flow_add(&f.table, make(&f, FLOW_CONN, i)), 0);
        if (i > 5000 && !f.table.old.slots && flow_table_bytes(&f.table) * 100 / i > most) {
            most = flow_table_bytes(&f.table) * 100 / i;
        }
    }
    print_message("flow table: %.2f bytes a record at %u, at most %.2f when not growing\n",
                  (double)flow_table_bytes(&f.table) / n, n, (double)most / 100);
    assert_null(f.table.old.slots);
    assert_true(flow_table_bytes(&f.table) <= 16 * (uint64_t)n);
    assert_true(most <= 1600);
    assert_true(f.memory.used[LA_MEM_INDEX] <= flow_table_bytes(&f.table));
    for (uint32_t i = 1; i <= n; i++) {
        flow_remove(&f.table, FLOW_REF(FLOW_CONN, i));
        assert_true(i > n - 2000 || f.table.old.slots ||
                    flow_table_bytes(&f.table) <= 22 * (uint64_t)(n - i));
    }
    assert_int_equal(flow_table_bytes(&f.table), 4096);
    end(&f);
}

/* Without memory to grow the table goes on to 15/16; then it refuses, and once there is memory or
 * room it goes on. */
static void test_full(void **state)
{
    struct fixture f;
    uint64_t max;
    uint32_t n = 0;

    begin(&f);
    slab_put(&f.slabs[FLOW_CONN], slab_get(&f.slabs[FLOW_CONN])); /* a chunk for the records */
    max = f.memory.max = f.memory.held;
    for (;; n++) {
        flow_ref ref = make(&f, FLOW_CONN, n);
        int err = flow_add(&f.table, ref);
        check(&f);
        if (err) {
            assert_int_equal(err, LA_ENOMEM);
            assert_int_equal(find(&f, n), 0);
            unmake(&f, ref);
            break;
        }
    }
    assert_int_equal(n, 512 * 15 / 16);
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(FLOW_INDEX(find(&f, i)), i + 1);
    }
    flow_remove(&f.table, find(&f, 7));
    assert_int_equal(flow_add(&f.table, FLOW_REF(FLOW_CONN, 8)), 0);
    check(&f);
    f.memory.max = max + (1 << 20);
    for (uint32_t i = 0; i < 200; i++) {
        assert_int_equal(flow_add(&f.table, make(&f, FLOW_CONN, n + i)), 0);
    }
    check(&f);
    for (uint32_t i = 0; i < n + 200; i++) {
        assert_int_not_equal(find(&f, i), 0);
    }
    end(&f);
}

/* Whichever request for memory fails, in growth or shrinking: everything is still found. */
static unsigned grow_and_shrink(struct fixture *f, unsigned fail_at)
{
    enum { N = 6000 };
    unsigned calls;

    begin(f);
    for (unsigned n = 0; n < N; n++) {
        make(f, FLOW_CONN, n);
    }
    calls = f->tm.calls;
    f->tm.fail_at = fail_at ? calls + fail_at : 0;
    for (uint32_t n = 0; n < N; n++) {
        assert_int_equal(flow_add(&f->table, FLOW_REF(FLOW_CONN, n + 1)), 0);
    }
    check(f);
    for (uint32_t n = 0; n < N; n++) {
        assert_int_equal(FLOW_INDEX(find(f, n)), n + 1);
    }
    for (uint32_t n = 0; n < N; n++) {
        flow_remove(&f->table, FLOW_REF(FLOW_CONN, n + 1));
        assert_int_equal(find(f, n), 0);
        assert_int_equal(FLOW_INDEX(find(f, N - 1)), n + 1 < N ? N : 0);
    }
    calls = f->tm.calls - calls;
    end(f);
    return calls;
}

static void test_every_allocation_fails_once(void **state)
{
    struct fixture f;
    unsigned total = grow_and_shrink(&f, 0);

    assert_true(total > 10);
    for (unsigned at = 1; at <= total; at++) {
        grow_and_shrink(&f, at);
    }
}

static void test_init_fails(void **state)
{
    struct test_memory tm = {.fail_at = 1};
    struct memory memory = core_memory(&tm, UINT64_MAX);
    struct flow_table table;

    assert_int_equal(flow_table_init(&table, &memory, (struct sip_key){1, 2}, NULL, NULL, NULL),
                     LA_ENOMEM);
    flow_table_destroy(&table);
    assert_int_equal(memory.held, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one),
        cmocka_unit_test(test_key),
        cmocka_unit_test(test_model),
        cmocka_unit_test(test_while_moving),
        cmocka_unit_test(test_bytes_per_record),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_every_allocation_fails_once),
        cmocka_unit_test(test_init_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
