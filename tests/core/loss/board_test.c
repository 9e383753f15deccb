/* The scoreboard against a model that keeps the state of every byte by itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "loss/board.h"
#include "support/core_memory.h"

#include <cmocka.h> /* last: it makes `fail` a macro */

#define SPAN 400 /* bytes the model knows about */

static struct test_memory tm;
static struct memory memory;
static struct slab slab;
static uint64_t chance;

static int setup(void **state)
{
    (void)state;
    memset(&tm, 0, sizeof(tm));
    memory = core_memory(&tm, UINT64_MAX);
    slab_init(&slab, &memory, LA_MEM_RECOVERY, sizeof(struct run), 64, 1000);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_int_equal(slab.used, 0);
    slab_destroy(&slab);
    assert_int_equal(tm.live_bytes, 0);
    return 0;
}

/* ---- by hand --------------------------------------------------------------------------------- */

static uint32_t bases[] = {0, 1000, 0x80000000U - 150, UINT32_MAX - 150};

/* RFC 6675 4, SetPipe(): ten segments, of which some are SACKed, lost, sent again. */
static void pipe_of_rfc_6675(void **state)
{
    (void)state;
    for (unsigned k = 0; k < 4; k++) {
        struct board b;
        seq32 una = seq_of(bases[k]);
        uint32_t run[10];
        board_init(&b, &slab);
        for (uint32_t i = 0; i < 10; i++) {
            run[i] = board_add(&b, seq_add(una, 10 * i), seq_add(una, 10 * i + 10), i);
        }
        assert_int_equal(board_flight(&b), 100);
        (void)board_sack(&b, run[3]);
        (void)board_sack(&b, run[5]);
        (void)board_sack(&b, run[7]);
        assert_int_equal(board_flight(&b), 70);
        assert_int_equal(b.sacked_runs, 3);
        assert_true(seq_eq(b.high_sacked, seq_add(una, 80)));
        for (unsigned i = 0; i < 3; i++) {
            board_lose(&b, run[i], 1, false);
        }
        assert_int_equal(board_flight(&b), 40);
        assert_int_equal(b.lost.head, run[0]); /* the lowest goes first */
        board_resent(&b, run[0], 20);
        assert_int_equal(board_flight(&b), 50);
        assert_int_equal(b.lost.head, run[1]);
        assert_int_equal(b.flying.tail, run[0]); /* it left last */
        board_lose(&b, run[0], 2, true);         /* and is lost again */
        assert_int_equal(board_flight(&b), 40);
        assert_int_equal(b.lost.head, run[0]);
        assert_true(board_check(&b, una, seq_add(una, 100)));
        board_unlose(&b, run[0]);
        assert_int_equal(b.flying.head, run[0]);
        assert_int_equal(board_flight(&b), 50);
        board_clear(&b);
    }
}

/* A block that is told again finds one run, however many it once was. */
static void neighbours_become_one(void **state)
{
    (void)state;
    struct board b;
    board_init(&b, &slab);
    for (uint32_t i = 0; i < 100; i++) {
        assert_int_not_equal(board_add(&b, seq_of(i), seq_of(i + 1), 0), 0);
    }
    for (uint32_t i = 10; i < 90; i += 2) {
        (void)board_sack(&b, board_find(&b, seq_of(i)));
    }
    assert_int_equal(b.sacked_runs, 40);
    for (uint32_t i = 11; i < 90; i += 2) {
        (void)board_sack(&b, board_find(&b, seq_of(i)));
    }
    assert_int_equal(b.sacked_runs, 1);
    assert_int_equal(b.count, 21);
    const struct run *r = board_at(&b, board_find(&b, seq_of(50)));
    assert_true(seq_eq(r->seq, seq_of(10)) && seq_eq(r->end, seq_of(90)));
    assert_true(board_check(&b, seq_of(0), seq_of(100)));
    board_clear(&b);
}

/* RFC 2018 8: what was SACKed may turn out to be missing. */
static void reneging(void **state)
{
    (void)state;
    struct board b;
    board_init(&b, &slab);
    uint32_t first = board_add(&b, seq_of(0), seq_of(10), 5);
    (void)board_add(&b, seq_of(10), seq_of(20), 6);
    (void)board_sack(&b, first);
    assert_int_equal(board_flight(&b), 10);
    board_renege(&b, first);
    assert_int_equal(board_flight(&b), 20);
    assert_int_equal(b.flying.head, first);
    assert_true(board_check(&b, seq_of(0), seq_of(20)));
    board_clear(&b);
}

/* Without memory nothing changes, and what was seen to can still be noted. */
static void no_memory(void **state)
{
    (void)state;
    struct board b;
    board_init(&b, &slab);
    assert_true(board_ready(&b));
    slab.max = slab.used;
    uint32_t run = board_add(&b, seq_of(0), seq_of(100), 0);
    assert_int_not_equal(run, 0);
    assert_false(board_ready(&b));
    assert_int_equal(board_add(&b, seq_of(100), seq_of(200), 0), 0);
    assert_int_equal(board_split(&b, run, seq_of(50)), 0);
    assert_true(board_check(&b, seq_of(0), seq_of(100)));
    board_extend(&b, seq_of(150));
    assert_true(board_check(&b, seq_of(0), seq_of(150)));
    board_clear(&b);
}

/* It stays shallow: a look-up among 50,000 runs that came in order takes few steps. */
static void depth(void **state)
{
    (void)state;
    struct board b;
    board_init(&b, &slab);
    slab.max = 50001;
    for (uint32_t i = 0; i < 50000; i++) {
        assert_int_not_equal(board_add(&b, seq_of(i), seq_of(i + 1), i), 0);
    }
    uint32_t deepest = 0;
    for (uint32_t i = 0; i < 50000; i += 7) {
        uint32_t steps = 0;
        for (uint32_t at = board_find(&b, seq_of(i)); at; at = board_at(&b, at)->parent) {
            steps++;
        }
        deepest = steps > deepest ? steps : deepest;
    }
    assert_in_range(deepest, 16, 64); /* 2 ln n is 22 on average */
    board_clear(&b);
}

/* ---- at random, against a model -------------------------------------------------------------- */

struct byte {
    bool sacked, lost, rtx;
};

struct model {
    struct board b;
    uint32_t base;
    uint32_t una, max; /* from base */
    struct byte bytes[SPAN];
    uint64_t now;
};

static void set(struct model *m, uint32_t from, uint32_t to, struct byte what)
{
    for (uint32_t i = from; i < to; i++) {
        m->bytes[i % SPAN] = what;
    }
}

static seq32 at(const struct model *m, uint32_t offset)
{
    return seq_of(m->base + offset);
}

static void compare(const struct model *m)
{
    uint32_t sacked = 0, lost = 0, rtx = 0;
    assert_true(board_check(&m->b, at(m, m->una), at(m, m->max)));
    for (uint32_t i = m->una; i < m->max; i++) {
        const struct byte *x = &m->bytes[i % SPAN];
        const struct run *r = board_at(&m->b, board_find(&m->b, at(m, i)));
        assert_int_equal((r->flags & RUN_SACKED) != 0, x->sacked);
        assert_int_equal((r->flags & RUN_LOST) != 0, x->lost);
        assert_int_equal((r->flags & RUN_RTX) != 0, x->rtx);
        sacked += x->sacked;
        lost += x->lost;
        rtx += x->rtx;
    }
    assert_int_equal(m->b.sacked_bytes, sacked);
    assert_int_equal(board_flight(&m->b), m->max - m->una - sacked - lost + rtx);
    uint64_t before = 0;
    for (uint32_t i = m->b.flying.head; i; i = board_at(&m->b, i)->next) {
        assert_true(board_at(&m->b, i)->sent_ns >= before); /* by the time they left */
        before = board_at(&m->b, i)->sent_ns;
    }
}

/* The run around a byte, cut to [from, to) as SACK blocks and retransmissions do. */
static uint32_t cut(struct model *m, uint32_t from, uint32_t to)
{
    uint32_t index = board_find(&m->b, at(m, from));
    if (seq_lt(board_at(&m->b, index)->seq, at(m, from))) {
        index = board_split(&m->b, index, at(m, from));
    }
    if (seq_lt(at(m, to), board_at(&m->b, index)->end)) {
        assert_int_not_equal(board_split(&m->b, index, at(m, to)), 0);
    }
    return index;
}

static void acknowledge(struct model *m, uint32_t to)
{
    while (m->b.first && seq_le(board_at(&m->b, m->b.first)->end, at(m, to))) {
        board_pop(&m->b);
    }
    if (m->b.first && seq_lt(board_at(&m->b, m->b.first)->seq, at(m, to))) {
        board_trim(&m->b, at(m, to));
    }
    m->una = to;
}

static void change(struct model *m, uint32_t from, unsigned what)
{
    uint32_t len = 1 + random_below(&chance, 20);
    struct byte now = m->bytes[from % SPAN];
    uint32_t to = from;
    while (to < m->max && to < from + len && memcmp(&m->bytes[to % SPAN], &now, sizeof(now)) == 0) {
        to++;
    }
    uint32_t index = board_find(&m->b, at(m, from));
    uint32_t end = board_at(&m->b, index)->end.v - m->base;
    to = to < end ? to : end;
    if (what == 0 && !now.sacked) {
        (void)board_sack(&m->b, cut(m, from, to));
        set(m, from, to, (struct byte){.sacked = true});
    } else if (what == 1 && !now.sacked && (!now.lost || now.rtx)) {
        board_lose(&m->b, cut(m, from, to), 1, random_below(&chance, 2) != 0);
        set(m, from, to, (struct byte){.lost = true});
    } else if (what == 2 && !now.sacked && (now.lost && !now.rtx)) {
        board_resent(&m->b, cut(m, from, to), m->now);
        set(m, from, to, (struct byte){.lost = true, .rtx = true});
    }
}

static void random_course(unsigned seed)
{
    struct model *m = calloc(1, sizeof(*m));
    chance = seed;
    m->base = bases[seed % 4];
    board_init(&m->b, &slab);
    for (unsigned i = 0; i < 400; i++) {
        m->now++;
        unsigned what = random_below(&chance, 8);
        uint32_t out = m->max - m->una;
        if (what < 3 && out < SPAN - 40) {
            uint32_t len = 1 + random_below(&chance, 30);
            (void)board_add(&m->b, at(m, m->max), at(m, m->max + len), m->now);
            set(m, m->max, m->max + len, (struct byte){false, false, false});
            m->max += len;
        } else if (what == 3 && out != 0) {
            acknowledge(m, m->una + random_below(&chance, out + 1));
        } else if (out != 0) {
            change(m, m->una + random_below(&chance, out), random_below(&chance, 3));
        }
        compare(m);
    }
    board_clear(&m->b);
    free(m);
}

static void at_random(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < 200; seed++) {
        random_course(seed);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pipe_of_rfc_6675),
        TEST(neighbours_become_one),
        TEST(reneging),
        TEST(no_memory),
        TEST(depth),
        TEST(at_random),
    };
    return cmocka_run_group_tests_name("core/loss/board", tests, NULL, NULL);
}
