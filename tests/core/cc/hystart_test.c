/* HyStart++, RFC 9406 4.2, step by step, and what Lastack adds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "cc/cc.h"
#include "cc/hystart.h"

#include <cmocka.h> /* last: it makes `fail` a macro */

/* ACKs of a sender that its window does not limit are no train. */
static bool acked(struct hystart *h, bool round_start, uint32_t rtt_us)
{
    struct cc_ack ack = {.round_start = round_start, .rtt_us = rtt_us};
    return hystart_acked(h, &ack);
}

/* A round of so many samples of one value. */
static bool round_of(struct hystart *h, unsigned samples, uint32_t rtt_us)
{
    bool over = false;
    for (unsigned i = 0; i < samples; i++) {
        over |= acked(h, i == 0, rtt_us);
    }
    return over;
}

/* RttThresh = max(4 ms, min(lastRoundMinRTT / 8, 16 ms)). */
static void threshold(void **state)
{
    const struct {
        uint32_t last, thresh;
    } cases[] = {
        {1, 4000},      {20000, 4000},   {32000, 4000},   {32008, 4001},
        {80000, 10000}, {128000, 16000}, {500000, 16000}, {100000000, 16000},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct hystart h = {0};
        round_of(&h, 10, cases[i].last);
        round_of(&h, 10, cases[i].last + cases[i].thresh - 1);
        assert_int_equal(h.css_rounds, 0);

        h = (struct hystart){0};
        round_of(&h, 10, cases[i].last);
        round_of(&h, 7, cases[i].last + cases[i].thresh);
        assert_int_equal(h.css_rounds, 0); /* N_RTT_SAMPLE = 8 */
        assert_false(acked(&h, false, cases[i].last + cases[i].thresh));
        assert_int_equal(h.css_rounds, 1);
        assert_int_equal(h.css_baseline_us, cases[i].last + cases[i].thresh);
    }
}

/* It is the smallest of eight samples that counts, and ACKs without a sample do not. */
static void smallest_sample(void **state)
{
    (void)state;
    struct hystart h = {0};
    round_of(&h, 10, 50000);
    round_of(&h, 9, 90000);
    assert_int_equal(h.css_rounds, 1);

    h = (struct hystart){0};
    round_of(&h, 10, 50000);
    assert_false(acked(&h, true, 50000));
    for (unsigned i = 0; i < 7; i++) {
        assert_false(acked(&h, false, 90000));
    }
    assert_int_equal(h.css_rounds, 0);
    /* The queue that the round itself builds: the next eight show it (docs/deviations.md). */
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(h.css_rounds, 0);
        assert_false(acked(&h, false, 90000));
    }
    assert_int_equal(h.css_rounds, 1);
    assert_int_equal(h.css_baseline_us, 90000);
    assert_int_equal(h.current_min_us, 50000); /* the round's is what the next is measured by */

    h = (struct hystart){0};
    round_of(&h, 10, 50000);
    round_of(&h, 30, 0);
    assert_int_equal(h.css_rounds, 0);
    round_of(&h, 10, 90000); /* the round before had no sample: nothing to compare with */
    assert_int_equal(h.css_rounds, 0);
}

/* Five rounds of CSS, the partial one counts; then congestion avoidance. */
static void css_lasts_five_rounds(void **state)
{
    (void)state;
    struct hystart h = {0};
    round_of(&h, 10, 50000);
    round_of(&h, 10, 60000);
    for (unsigned i = 2; i <= 5; i++) {
        assert_false(round_of(&h, 10, 60000));
        assert_int_equal(h.css_rounds, i);
    }
    assert_true(acked(&h, true, 60000));
}

/* A round-trip time below the baseline: the exit was spurious. */
static void css_is_left_again(void **state)
{
    (void)state;
    struct hystart h = {0};
    round_of(&h, 10, 50000);
    round_of(&h, 10, 60000);
    assert_false(round_of(&h, 7, 59999));
    assert_int_equal(h.css_rounds, 2); /* too few samples */
    assert_false(acked(&h, false, 59999));
    assert_int_equal(h.css_rounds, 0);
    /* HyStart++ goes on in the resumed slow start. */
    round_of(&h, 8, 59999 + 59999 / 8);
    assert_int_equal(h.css_rounds, 1);
    for (unsigned i = 2; i <= 5; i++) {
        assert_false(round_of(&h, 8, 70000));
    }
    assert_true(round_of(&h, 8, 70000));
}

/* A later round that stands behind a queue of half a round trip ends it at once; the round that
 * began CSS may be a burst. */
static void full_queue_ends_css(void **state)
{
    (void)state;
    struct hystart h = {0};
    round_of(&h, 10, 50000);
    assert_false(round_of(&h, 24, 100000));
    assert_int_equal(h.css_rounds, 1);
    assert_false(round_of(&h, 7, 100000));
    assert_true(acked(&h, false, 100000));

    h = (struct hystart){0};
    round_of(&h, 10, 50000);
    round_of(&h, 24, 70000);
    assert_false(round_of(&h, 16, 74999)); /* not half */
    assert_true(round_of(&h, 8, 75000));
}

/* A round's ACKs in one train. */
struct train {
    uint64_t at_us, gap_us;
    unsigned acks;
    bool unlimited, paced;
};

static void train_comes(struct hystart *h, const struct train *train)
{
    for (unsigned i = 0; i < train->acks; i++) {
        struct cc_ack ack = {.now_ns = (train->at_us + i * train->gap_us) * 1000,
                             .round_start = i == 0,
                             .rtt_us = 10000,
                             .limited = !train->unlimited,
                             .paced = train->paced};
        assert_false(hystart_acked(h, &ack));
    }
}

/* A train of half a round trip, without a gap of a quarter of one, begins CSS before the round-trip
 * time grows; paced, one of a whole round trip. */
static void train_begins_css(void **state)
{
    const struct {
        struct train train;
        unsigned css_rounds;
    } cases[] = {
        {{.at_us = 20000, .gap_us = 100, .acks = 50}, 0},
        {{.at_us = 20000, .gap_us = 100, .acks = 51}, 1},
        {{.at_us = 20000, .gap_us = 2500, .acks = 3}, 1},
        {{.at_us = 20000, .gap_us = 2501, .acks = 3}, 0},
        {{.at_us = 20000, .gap_us = 100, .acks = 80, .unlimited = true}, 0},
        {{.at_us = 20000, .gap_us = 100, .acks = 100, .paced = true}, 0},
        {{.at_us = 20000, .gap_us = 100, .acks = 101, .paced = true}, 1},
        {{.at_us = (1ULL << 32) - 2000, .gap_us = 100, .acks = 50}, 0}, /* the clock's low half */
        {{.at_us = (1ULL << 32) - 2000, .gap_us = 100, .acks = 51}, 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct hystart h = {0};
        train_comes(&h, &(struct train){.at_us = 10000, .gap_us = 100, .acks = 10});
        assert_int_equal(h.css_rounds, 0);
        train_comes(&h, &cases[i].train);
        assert_int_equal(h.css_rounds, cases[i].css_rounds);
    }

    /* On the shortest paths half a millisecond. */
    struct hystart h = {.least_us = 50};
    train_comes(&h, &(struct train){.at_us = 20000, .gap_us = 10, .acks = 50});
    assert_int_equal(h.css_rounds, 0);
    train_comes(&h, &(struct train){.at_us = 30000, .gap_us = 10, .acks = 51});
    assert_int_equal(h.css_rounds, 1);
}

/* A gap ends a round's train, whatever comes behind it; the next round has its own. */
static void gap_breaks_train(void **state)
{
    (void)state;
    struct hystart h = {0};
    train_comes(&h, &(struct train){.at_us = 10000, .gap_us = 100, .acks = 10});
    train_comes(&h, &(struct train){.at_us = 20000, .gap_us = 100, .acks = 20});
    for (uint64_t us = 24401; us < 32000; us += 100) {
        struct cc_ack ack = {.now_ns = us * 1000, .rtt_us = 10000, .limited = true};
        assert_false(hystart_acked(&h, &ack));
    }
    assert_int_equal(h.css_rounds, 0);
    train_comes(&h, &(struct train){.at_us = 32000, .gap_us = 100, .acks = 51});
    assert_int_equal(h.css_rounds, 1);
}

/* CSS that a train began has nothing to take back: no sample resumes slow start, the queue or the
 * fifth round ends it. */
static void train_has_no_baseline(void **state)
{
    (void)state;
    struct hystart h = {0};
    train_comes(&h, &(struct train){.at_us = 10000, .gap_us = 100, .acks = 10});
    train_comes(&h, &(struct train){.at_us = 20000, .gap_us = 100, .acks = 60});
    assert_int_equal(h.css_rounds, 1);
    for (unsigned i = 2; i <= 5; i++) {
        train_comes(&h, &(struct train){.at_us = i * 15000, .gap_us = 100, .acks = 60});
        assert_int_equal(h.css_rounds, i);
    }
    struct hystart behind_queue = h;
    assert_true(acked(&h, true, 9000));
    behind_queue.css_rounds = 2;
    assert_true(round_of(&behind_queue, 8, 15000));
}

/* L = 8 unless paced; CSS_GROWTH_DIVISOR = 4. */
static void growth(void **state)
{
    (void)state;
    struct hystart h = {0};
    assert_int_equal(hystart_growth(&h, 3000, 1000, false), 3000);
    assert_int_equal(hystart_growth(&h, 9000, 1000, false), 8000);
    assert_int_equal(hystart_growth(&h, 9000, 1000, true), 9000);
    assert_int_equal(hystart_growth(&h, UINT32_MAX, 65535, false), 8 * 65535);
    h.css_rounds = 1;
    assert_int_equal(hystart_growth(&h, 3000, 1000, false), 750);
    assert_int_equal(hystart_growth(&h, 9000, 1000, false), 2000);
    assert_int_equal(hystart_growth(&h, 9000, 1000, true), 2250);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threshold),
        cmocka_unit_test(smallest_sample),
        cmocka_unit_test(css_lasts_five_rounds),
        cmocka_unit_test(css_is_left_again),
        cmocka_unit_test(full_queue_ends_css),
        cmocka_unit_test(train_begins_css),
        cmocka_unit_test(gap_breaks_train),
        cmocka_unit_test(train_has_no_baseline),
        cmocka_unit_test(growth),
    };
    return cmocka_run_group_tests_name("core/cc/hystart", tests, NULL, NULL);
}
