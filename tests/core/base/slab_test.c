/* Slabs: indices that stay, zeroed objects, chunks that come and go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/slab.h"
#include "support/core_memory.h"

#define SIZE  64
#define CHUNK 1024 /* objects of SIZE in a chunk */

struct fixture {
    struct test_memory tm;
    struct memory memory;
    struct slab slab;
};

static void begin(struct fixture *f, uint32_t size, uint32_t max)
{
    *f = (struct fixture){0};
    f->memory = core_memory(&f->tm, UINT64_MAX);
    slab_init(&f->slab, &f->memory, LA_MEM_CONNECTIONS, size, 8, max);
}

static void end(struct fixture *f)
{
    slab_destroy(&f->slab);
    assert_int_equal(f->memory.used[LA_MEM_CONNECTIONS], 0);
    assert_int_equal(f->memory.held, 0);
    assert_int_equal(f->tm.live_bytes, 0);
}

static void test_zeroed_and_charged(void **state)
{
    static const uint8_t zero[SIZE];
    struct fixture f;
    uint32_t a;

    begin(&f, SIZE, 10000);
    assert_int_equal(f.memory.held, 0);
    for (unsigned i = 0; i < 3; i++) {
        a = slab_get(&f.slab);
        assert_int_not_equal(a, 0);
        assert_memory_equal(slab_at(&f.slab, a), zero, SIZE);
        assert_int_equal(f.memory.used[LA_MEM_CONNECTIONS], SIZE);
        memset(slab_at(&f.slab, a), 0xff, SIZE);
        slab_put(&f.slab, a);
        assert_int_equal(f.memory.used[LA_MEM_CONNECTIONS], 0);
    }
    end(&f);
}

/* All indices below the limit come out, each once, never 0, and no two objects overlap. */
static void test_limit(void **state)
{
    static const uint32_t limits[] = {1, 2, 7, 8, 1000, CHUNK - 1, CHUNK, CHUNK + 1, 5000};

    for (unsigned k = 0; k < sizeof(limits) / sizeof(limits[0]); k++) {
        struct fixture f;

        begin(&f, SIZE, limits[k]);
        for (uint32_t i = 1; i <= limits[k]; i++) {
            uint32_t index = slab_get(&f.slab);
            assert_int_equal(index, i);
            memcpy(slab_at(&f.slab, index), &index, sizeof(index));
        }
        assert_int_equal(slab_get(&f.slab), 0);
        for (uint32_t i = 1; i <= limits[k]; i++) {
            assert_memory_equal(slab_at(&f.slab, i), &i, sizeof(i));
        }
        slab_put(&f.slab, 1);
        assert_int_equal(slab_get(&f.slab), 1);
        end(&f);
    }
}

/* A small limit takes little, and the size is rounded up to the alignment. */
static void test_small(void **state)
{
    struct fixture f;

    begin(&f, 20, 3);
    assert_int_equal(f.slab.size, 24);
    slab_get(&f.slab);
    assert_true(f.memory.held < 1024);
    end(&f);
}

static uint64_t fill(struct fixture *f, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        assert_int_not_equal(slab_get(&f->slab), 0);
    }
    return f->memory.held;
}

static void test_empty_chunks_go_back(void **state)
{
    struct fixture f;
    uint64_t three;
    unsigned calls;

    begin(&f, SIZE, 100000);
    three = fill(&f, 3 * CHUNK - 1);
    for (uint32_t i = CHUNK; i < 2 * CHUNK; i++) {
        slab_put(&f.slab, i);
    }
    assert_int_equal(f.memory.held, three); /* one empty chunk is kept */
    for (uint32_t i = 2 * CHUNK; i < 3 * CHUNK; i++) {
        slab_put(&f.slab, i);
    }
    assert_int_equal(f.memory.held, three - SIZE * CHUNK);

    /* Going up and down by less than a chunk asks nobody. */
    calls = f.tm.calls;
    for (unsigned round = 0; round < 10; round++) {
        uint32_t index = slab_get(&f.slab);
        assert_in_range(index, CHUNK, 3 * CHUNK - 1);
        slab_put(&f.slab, index);
    }
    assert_int_equal(f.tm.calls, calls);

    /* The vacant place of the chunk that went is used again. */
    fill(&f, 2 * CHUNK);
    assert_int_equal(f.memory.held, three);
    assert_int_equal(f.slab.chunk_count, 3);
    end(&f);
}

static void test_keep_and_trim(void **state)
{
    struct fixture f;
    uint64_t held;

    begin(&f, SIZE, 100000);
    slab_keep(&f.slab, UINT32_MAX);
    assert_false(slab_trim(&f.slab));
    held = fill(&f, 4 * CHUNK - 1);
    for (uint32_t i = 1; i < 4 * CHUNK; i++) {
        slab_put(&f.slab, i);
    }
    assert_int_equal(f.memory.held, held);
    for (unsigned i = 1; i <= 4; i++) {
        assert_true(slab_trim(&f.slab));
        assert_int_equal(f.memory.held, held - i * SIZE * CHUNK);
    }
    assert_false(slab_trim(&f.slab));
    fill(&f, 4 * CHUNK - 1);
    assert_int_equal(f.memory.held, held);
    end(&f);
}

/* Objects as small as the link, and larger than a chunk. */
static void test_sizes(void **state)
{
    static const uint32_t sizes[] = {8, 100, 4096, 70000, 200000};

    for (unsigned k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
        struct fixture f;
        uint32_t index[20];

        begin(&f, sizes[k], 1000);
        for (unsigned i = 0; i < 20; i++) {
            index[i] = slab_get(&f.slab);
            assert_int_not_equal(index[i], 0);
            memset(slab_at(&f.slab, index[i]), (int)i, sizes[k]);
        }
        for (unsigned i = 0; i < 20; i++) {
            const uint8_t *object = slab_at(&f.slab, index[i]);
            assert_int_equal(object[0], i);
            assert_int_equal(object[sizes[k] - 1], i);
            slab_put(&f.slab, index[i]);
        }
        end(&f);
    }
}

static void test_million(void **state)
{
    struct fixture f;
    const uint32_t n = 1000000;

    begin(&f, SIZE, n);
    fill(&f, n);
    assert_int_equal(slab_get(&f.slab), 0);
    assert_int_equal(f.memory.used[LA_MEM_CONNECTIONS], (uint64_t)n * SIZE);
    assert_true(f.memory.held < (uint64_t)n * SIZE * 101 / 100);
    for (uint32_t i = 1; i <= n; i++) {
        slab_put(&f.slab, i);
    }
    assert_true(f.memory.held < 2 * SIZE * CHUNK);
    end(&f);
}

/* Random gets and puts against a plain array of who holds what. */
static void test_model(void **state)
{
    enum { MAX = 6000 };
    static uint32_t held[MAX];
    struct fixture f;
    uint64_t rng = 7;
    uint32_t n = 0;

    begin(&f, 32, MAX);
    for (unsigned i = 0; i < 300000; i++) {
        bool up = i / 20000 % 2 == 0; /* tides, so that chunks fill and run empty */
        if (random_below(&rng, 100) < (up ? 70u : 30u)) {
            uint32_t index = slab_get(&f.slab);
            assert_int_equal(index == 0, n == MAX);
            if (index) {
                memcpy((uint8_t *)slab_at(&f.slab, index) + 8, &index, sizeof(index));
                held[n++] = index;
            }
        } else if (n) {
            uint32_t k = random_below(&rng, n);
            assert_memory_equal((uint8_t *)slab_at(&f.slab, held[k]) + 8, &held[k], 4);
            slab_put(&f.slab, held[k]);
            held[k] = held[--n];
        }
        assert_int_equal(f.slab.used, n);
        assert_int_equal(f.memory.used[LA_MEM_CONNECTIONS], (uint64_t)n * 32);
    }
    end(&f);
}

/* Whichever request fails: the get says so, what there was stays, and it works again after. */
static void test_every_allocation_fails_once(void **state)
{
    unsigned total;
    struct fixture f;
    const uint32_t n = 40 * CHUNK;

    begin(&f, SIZE, n);
    fill(&f, n);
    total = f.tm.calls;
    end(&f);
    for (unsigned at = 1; at <= total; at++) {
        unsigned failed = 0;
        begin(&f, SIZE, n);
        f.tm.fail_at = at;
        for (uint32_t i = 1; i <= n;) {
            uint32_t index = slab_get(&f.slab);
            failed += index == 0;
            i += index != 0;
            assert_int_equal(f.slab.used, i - 1);
        }
        assert_int_equal(failed, 1);
        end(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zeroed_and_charged),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_small),
        cmocka_unit_test(test_empty_chunks_go_back),
        cmocka_unit_test(test_keep_and_trim),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_million),
        cmocka_unit_test(test_model),
        cmocka_unit_test(test_every_allocation_fails_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
