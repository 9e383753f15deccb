/* Packet buffers: classes, references, lending, charges, and classes that make room for each other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "buf/pool.h"
#include "support/core_memory.h"

struct fixture {
    struct test_memory tm;
    struct memory memory;
    struct buf_pool pool;
};

static void begin(struct fixture *f, uint64_t max)
{
    *f = (struct fixture){0};
    f->memory = core_memory(&f->tm, max);
    buf_pool_init(&f->pool, &f->memory);
}

static void end(struct fixture *f)
{
    assert_int_equal(f->memory.used[LA_MEM_BUFFERS], 0);
    buf_pool_destroy(&f->pool);
    assert_int_equal(f->memory.held, 0);
    assert_int_equal(f->tm.live_bytes, 0);
}

static void test_classes(void **state)
{
    static const struct {
        size_t size;
        uint32_t cap;
    } cases[] = {
        {0, BUF_SMALL},
        {BUF_SMALL, BUF_SMALL},
        {BUF_SMALL + 1, BUF_MTU},
        {BUF_MTU, BUF_MTU},
        {BUF_MTU + 1, BUF_CHUNK},
        {BUF_CHUNK, BUF_CHUNK},
        {BUF_CHUNK + 1, BUF_HUGE},
        {LA_BUF_MAX, BUF_HUGE},
    };
    struct fixture f;

    begin(&f, UINT64_MAX);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct la_buf *buf = buf_get(&f.pool, cases[i].size);
        assert_non_null(buf);
        assert_int_equal(buf->cap, cases[i].cap);
        assert_ptr_equal(buf->data, buf->mem);
        assert_int_equal((uintptr_t)buf->mem % 64, 0);
        assert_int_equal(buf->len, 0);
        assert_int_equal(buf->refs, 1);
        assert_int_equal(buf->flags, 0);
        assert_null(buf->next);
        assert_int_equal(buf_room(buf), buf->cap);
        assert_int_equal(buf_charge(buf), f.memory.used[LA_MEM_BUFFERS]);
        memset(buf->mem, 0xee, buf->cap);
        buf_put(&f.pool, buf);
    }
    assert_null(buf_get(&f.pool, LA_BUF_MAX + 1));
    assert_null(buf_get(&f.pool, SIZE_MAX));
    end(&f);
}

static void test_references(void **state)
{
    struct fixture f;
    struct la_buf *buf;

    begin(&f, UINT64_MAX);
    buf = buf_get(&f.pool, 1500);
    buf->len = 1000;
    assert_int_equal(buf_room(buf), BUF_MTU - 1000);
    buf->data += 10;
    assert_int_equal(buf_room(buf), BUF_MTU - 1010);
    assert_ptr_equal(buf_ref(buf), buf);
    assert_int_equal(buf_room(buf), 0); /* somebody else reads it */
    buf_put(&f.pool, buf);
    assert_int_equal(buf->refs, 1);
    assert_int_not_equal(f.memory.used[LA_MEM_BUFFERS], 0);
    buf_put(&f.pool, buf);
    end(&f);
}

static void test_list(void **state)
{
    struct fixture f;
    struct la_buf *list = NULL, *kept = NULL;

    begin(&f, UINT64_MAX);
    for (unsigned i = 0; i < 100; i++) {
        struct la_buf *buf = buf_get(&f.pool, i * 500);
        buf->next = list;
        list = buf;
        kept = i == 50 ? buf_ref(buf) : kept;
    }
    buf_put_list(&f.pool, list);
    assert_int_equal(f.memory.used[LA_MEM_BUFFERS], buf_charge(kept));
    buf_put(&f.pool, kept);
    buf_put_list(&f.pool, NULL);
    end(&f);
}

static void test_lent(void **state)
{
    static const uint8_t bytes[100] = {1, 2, 3};
    struct fixture f;
    struct la_buf *lent[3];
    uint64_t owner, cookie;

    begin(&f, UINT64_MAX);
    for (unsigned i = 0; i < 3; i++) {
        lent[i] = buf_lend(&f.pool, bytes, sizeof(bytes), 10 + i, 100 + i);
        assert_ptr_equal(lent[i]->data, bytes);
        assert_int_equal(lent[i]->len, sizeof(bytes));
        assert_int_equal(lent[i]->flags, BUF_LENT);
        assert_int_equal(buf_room(lent[i]), 0);
        assert_int_equal(buf_charge(lent[i]), BUF_HEAD);
    }
    assert_int_equal(f.memory.used[LA_MEM_BUFFERS], 3 * BUF_HEAD);
    assert_false(buf_released(&f.pool, &owner, &cookie));
    buf_ref(lent[2]);
    buf_put(&f.pool, lent[2]);
    assert_false(buf_released(&f.pool, &owner, &cookie));
    buf_put(&f.pool, lent[1]);
    buf_put(&f.pool, lent[2]);
    assert_true(buf_released(&f.pool, &owner, &cookie));
    assert_int_equal(owner, 11);
    assert_int_equal(cookie, 101);
    buf_put(&f.pool, lent[0]);
    assert_true(buf_released(&f.pool, &owner, &cookie));
    assert_int_equal(owner, 12);
    assert_true(buf_released(&f.pool, &owner, &cookie));
    assert_int_equal(owner, 10);
    assert_int_equal(cookie, 100);
    assert_false(buf_released(&f.pool, &owner, &cookie));
    end(&f);
}

static void test_destroy_with_buffers_out(void **state)
{
    struct fixture f;

    begin(&f, UINT64_MAX);
    buf_get(&f.pool, 100);
    buf_get(&f.pool, 60000);
    buf_put(&f.pool, buf_lend(&f.pool, "x", 1, 1, 1));
    buf_pool_destroy(&f.pool);
    assert_int_equal(f.memory.used[LA_MEM_BUFFERS], 0);
    assert_int_equal(f.tm.live_bytes, 0);
}

static struct la_buf *get_all(struct fixture *f, size_t size)
{
    struct la_buf *list = NULL, *buf;

    while ((buf = buf_get(&f->pool, size)) != NULL) {
        buf->next = list;
        list = buf;
    }
    return list;
}

/* Any class may fill the budget; what it has given back is there for any other. */
static void test_no_class_starves_another(void **state)
{
    static const size_t sizes[] = {1, BUF_MTU, BUF_CHUNK, BUF_HUGE};
    const uint64_t max = 2 << 20;
    struct fixture f;

    begin(&f, max);
    for (unsigned round = 0; round < 16; round++) {
        struct la_buf *all = get_all(&f, sizes[round * 7 / 2 % 4]);
        assert_true(f.memory.used[LA_MEM_BUFFERS] > max * 9 / 10);
        assert_true(f.memory.held <= max);
        buf_put_list(&f.pool, all);
        assert_true(f.memory.held > max * 9 / 10); /* kept warm */
    }
    buf_pool_trim(&f.pool);
    assert_true(f.memory.held < 64 * 1024); /* the arrays of chunks */
    end(&f);
}

/* A single buffer of another class takes one slab away, not all. */
static void test_takes_no_more_than_needed(void **state)
{
    const uint64_t max = 2 << 20;
    struct fixture f;
    struct la_buf *huge;
    uint64_t held;

    begin(&f, max);
    buf_put_list(&f.pool, get_all(&f, 1));
    held = f.memory.held;
    huge = buf_get(&f.pool, BUF_HUGE);
    assert_non_null(huge);
    assert_true(f.memory.held > held - (128 << 10));
    buf_put(&f.pool, huge);
    end(&f);
}

/* A warm pool never asks the allocator. */
static void test_warm(void **state)
{
    struct fixture f;
    struct la_buf *list = NULL;
    unsigned calls = 0;

    begin(&f, UINT64_MAX);
    for (unsigned round = 0; round < 5; round++) {
        for (unsigned i = 0; i < 1000; i++) {
            struct la_buf *buf = buf_get(&f.pool, 1500);
            buf->next = list;
            list = buf;
        }
        buf_put_list(&f.pool, list);
        list = NULL;
        calls = round == 0 ? f.tm.calls : calls;
    }
    assert_int_equal(f.tm.calls, calls);
    end(&f);
}

static unsigned use(struct fixture *f)
{
    struct la_buf *list = NULL;
    unsigned missing = 0;

    for (unsigned i = 0; i < 500; i++) {
        struct la_buf *buf =
            i % 5 == 4 ? buf_lend(&f->pool, "", 1, 1, 1) : buf_get(&f->pool, (size_t)1 << (i % 17));
        missing += buf == NULL;
        if (buf) {
            buf->next = list;
            list = buf;
        }
    }
    buf_put_list(&f->pool, list);
    for (uint64_t owner, cookie; buf_released(&f->pool, &owner, &cookie);) {
    }
    return missing;
}

static void test_every_allocation_fails_once(void **state)
{
    struct fixture f;
    unsigned total;

    begin(&f, UINT64_MAX);
    assert_int_equal(use(&f), 0);
    total = f.tm.calls;
    end(&f);
    for (unsigned at = 1; at <= total; at++) {
        begin(&f, UINT64_MAX);
        f.tm.fail_at = at;
        assert_int_equal(use(&f), 1);
        end(&f);
    }
}

/* Where a payload of `len` bytes in a buffer of `cap` goes: the capacity it ends in. `room`: what
 * is left behind the tail, -1: there is none. */
static uint32_t packed(uint32_t len, uint32_t cap, int room, uint32_t part)
{
    struct fixture f;
    begin(&f, UINT64_MAX);
    struct la_buf *buf = buf_get(&f.pool, cap);
    struct la_buf *tail = room >= 0 ? buf_get(&f.pool, BUF_MTU) : NULL;
    buf->data += 10;
    buf->len = len;
    buf->seq = 77;
    memset(buf->data, 'x', len);
    if (tail) {
        tail->len = BUF_MTU - (uint32_t)room;
    }
    struct la_buf *at = buf_pack(&f.pool, tail, buf, part);
    const uint8_t *bytes = at ? at->data : tail->data + BUF_MTU - room;
    for (uint32_t i = 0; i < len; i++) {
        assert_int_equal(bytes[i], 'x');
    }
    uint32_t ends_in = 0;
    if (at) {
        ends_in = at->cap;
        assert_int_equal(at->len, len);
        assert_int_equal(at->seq, 77);
        buf_put(&f.pool, at);
    } else {
        assert_int_equal(tail->len, BUF_MTU - (uint32_t)room + len);
    }
    if (tail) {
        buf_put(&f.pool, tail);
    }
    end(&f);
    return ends_in;
}

static void test_pack(void **state)
{
    /* More than a quarter: it stays. */
    assert_int_equal(packed(600, BUF_MTU, 2000, 4), BUF_MTU);
    assert_int_equal(packed(49 + 16, BUF_SMALL, 2000, 4), BUF_SMALL);
    /* Behind the tail, if it fits. */
    assert_int_equal(packed(500, BUF_MTU, 500, 4), 0);
    assert_int_equal(packed(500, BUF_MTU, 499, 4), BUF_MTU);
    assert_int_equal(packed(1, BUF_SMALL, 1, 4), 0);
    /* Into what fits better. */
    assert_int_equal(packed(100, BUF_MTU, -1, 4), BUF_SMALL);
    assert_int_equal(packed(100, BUF_MTU, 99, 4), BUF_SMALL);
    assert_int_equal(packed(1, BUF_HUGE, -1, 4), BUF_SMALL);
    assert_int_equal(packed(1400, BUF_HUGE, 0, 4), BUF_MTU);
    assert_int_equal(packed(4000, BUF_HUGE, -1, 4), BUF_CHUNK);
    assert_int_equal(packed(500, BUF_MTU, -1, 4), BUF_MTU);
    /* A part of 2: a large one that what follows can share. */
    assert_int_equal(packed(1056, BUF_MTU, 1056, 2), 0);
    assert_int_equal(packed(1057, BUF_MTU, 1057, 2), BUF_MTU);
    assert_int_equal(packed(1056, BUF_MTU, 0, 2), BUF_CHUNK);
    assert_int_equal(packed(1056, BUF_HUGE, 0, 2), BUF_CHUNK);
    assert_int_equal(packed(100, BUF_SMALL, 0, 2), BUF_CHUNK);
    assert_int_equal(packed(150, BUF_MTU, 0, 2), BUF_SMALL);
    assert_int_equal(packed(1056, BUF_MTU, -1, 2), BUF_MTU);
    assert_int_equal(packed(1056, BUF_CHUNK, 0, 2), BUF_CHUNK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_references),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_lent),
        cmocka_unit_test(test_destroy_with_buffers_out),
        cmocka_unit_test(test_no_class_starves_another),
        cmocka_unit_test(test_takes_no_more_than_needed),
        cmocka_unit_test(test_warm),
        cmocka_unit_test(test_every_allocation_fails_once),
        cmocka_unit_test(test_pack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
