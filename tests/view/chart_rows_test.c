/* Rows and the axis: what is promised of their order, for charts of anything and a few by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <lastack/err.h>

#include "chart_random.h"
#include "chart_stories.h"
#include "view/chart_rows.h"
#include "view/svg.h"

enum { ROUNDS = 300 };

static struct chart_rows rows_of(const struct la_chart *c, uint32_t run_max)
{
    struct la_chart_form form;
    struct chart_rows rows;

    la_chart_form_init(&form);
    form.run_max = run_max;
    assert_true(chart_rows_make(&rows, c, &form, 8));
    return rows;
}

/* ---- order ---- */

/* Time does not go back at either end, nor do the numbers of notes in the middle. */
static void check_order(const struct la_chart *c, const struct chart_rows *rows)
{
    uint64_t last[2] = {0};
    uint32_t note = 0;

    for (size_t i = 0; i < rows->n; i++) {
        const struct chart_row *row = &rows->rows[i];
        const struct la_chart_event *e = &c->events[row->event].e;

        for (int end = 0; end < 2; end++) {
            if (!row->timed[end])
                continue;
            assert_true(row->time_ns[end] >= last[end]);
            last[end] = row->time_ns[end];
        }
        if (row->kind == ROW_NOTE && row->end == LA_CHART_MIDDLE) {
            assert_true(e->number > note);
            note = e->number;
        }
    }
}

/* A packet leaves before it arrives, and the two rows know each other. */
static void check_partners(const struct chart_rows *rows)
{
    for (size_t i = 0; i < rows->n; i++) {
        const struct chart_row *row = &rows->rows[i];

        if (row->kind != ROW_DEPART && row->kind != ROW_ARRIVE)
            continue;
        assert_true(row->partner < rows->n);
        assert_int_equal(rows->rows[row->partner].partner, i);
        assert_int_equal(rows->rows[row->partner].event, row->event);
        assert_int_equal(rows->rows[row->partner].track, row->track);
        assert_true(row->kind == ROW_DEPART ? row->partner > i : row->partner < i);
        assert_true(row->track < (int)rows->tracks);
    }
}

/* No two packets are on one track at a time. */
static void check_tracks(const struct chart_rows *rows)
{
    bool taken[CHART_TRACKS_MAX] = {false};

    for (size_t i = 0; i < rows->n; i++) {
        const struct chart_row *row = &rows->rows[i];

        if (row->track < 0)
            continue;
        assert_int_equal(taken[row->track], row->kind == ROW_ARRIVE);
        taken[row->track] = row->kind == ROW_DEPART;
    }
}

/* Every packet and note is in exactly one place, or in a sum. */
static void check_all_there(const struct la_chart *c, const struct chart_rows *rows)
{
    uint32_t *seen = calloc(c->events_n + 1, sizeof(*seen));
    uint64_t summed = 0, hidden = 0;

    for (size_t i = 0; i < rows->n; i++) {
        const struct chart_row *row = &rows->rows[i];

        if (row->kind == ROW_RUN)
            summed += (uint64_t)rows->runs.sums[row->sum].packets[0] +
                      rows->runs.sums[row->sum].packets[1];
        else
            seen[row->event] += row->kind != ROW_ARRIVE;
    }
    for (size_t i = 0; i < c->events_n; i++) {
        const enum la_chart_kind kind = c->events[i].e.kind;

        hidden += kind == LA_CHART_PACKET && rows->runs.hidden[i];
        if (kind == LA_CHART_PACKET || kind == LA_CHART_NOTE)
            assert_int_equal(seen[i], !rows->runs.hidden[i]);
    }
    assert_int_equal(summed, hidden);
    free(seen);
}

static void test_order_of_anything(void **state)
{
    struct dice dice = {.seed = 7};

    for (int round = 0; round < ROUNDS; round++) {
        struct la_chart *c = roll_chart(&dice, roll(&dice, 300));
        struct chart_rows rows = rows_of(c, roll(&dice, 3) == 0 ? 0 : 1 + roll(&dice, 8));

        check_order(c, &rows);
        check_partners(&rows);
        check_tracks(&rows);
        check_all_there(c, &rows);
        chart_rows_free(&rows);
        la_chart_free(c);
    }
}

static size_t count(const struct chart_rows *rows, enum chart_row_kind kind)
{
    size_t n = 0;

    for (size_t i = 0; i < rows->n; i++)
        n += rows->rows[i].kind == kind;
    return n;
}

/* Where nothing crosses every packet is one row. */
static void test_few_rows(void **state)
{
    struct la_chart *c = two_end_chart(0, false);
    struct chart_rows rows = rows_of(c, 16);

    assert_int_equal(count(&rows, ROW_ARROW), 9);
    assert_int_equal(count(&rows, ROW_DEPART), 0);
    assert_int_equal(rows.tracks, 0);
    chart_rows_free(&rows);
    la_chart_free(c);
}

/* The one that is overtaken takes two, and those that overtake it do not. */
static void test_overtaken(void **state)
{
    struct la_chart_options options;
    struct la_chart *c;
    struct chart_rows rows;

    la_chart_options_init(&options);
    c = la_chart_new(&options);
    for (uint32_t i = 0; i < 4; i++) {
        struct la_chart_packet p = {.from = L, .sent_ns = i * 1000, .h = {.seq = i, .flags = ACK}};

        la_chart_arrived(c, la_chart_packet(c, &p), 50000 + i * 1000 + (i == 1 ? 1500 : 0), 0,
                         LA_NONE);
    }
    la_chart_finish(c, 60000);
    rows = rows_of(c, 0);
    assert_int_equal(rows.n, 5);
    assert_int_equal(rows.rows[0].kind, ROW_ARROW);
    assert_int_equal(rows.rows[1].kind, ROW_DEPART);
    assert_int_equal(rows.rows[2].kind, ROW_ARROW);
    assert_int_equal(rows.rows[3].kind, ROW_ARRIVE);
    assert_int_equal(rows.rows[4].kind, ROW_ARROW);
    assert_int_equal(rows.tracks, 1);
    chart_rows_free(&rows);
    la_chart_free(c);
}

/* Thousands become a few rows, and the honest client is one of them. */
static void test_flood_is_summed_up(void **state)
{
    struct la_chart *c = two_end_chart(7, false);
    struct chart_rows rows = rows_of(c, 16);

    assert_true(rows.n < 60);
    assert_int_equal(rows.runs.sums_n, 2);
    assert_true(rows.runs.sums[0].packets[L] > 1900);
    assert_int_equal(rows.runs.sums[0].lost[R], rows.runs.sums[0].packets[R]);
    chart_rows_free(&rows);
    la_chart_free(c);
}

/* ---- the axis ---- */

static struct svg_moment moment(enum la_chart_end end, uint64_t time_ns, double room)
{
    struct svg_moment m = {.end = (uint8_t)end, .time_ns = time_ns};

    m.above[COLUMN_TIME] = m.below[COLUMN_TIME] = room;
    return m;
}

/* A pixel a microsecond: the scale holds, a crowd stretches it, a long silence breaks it, and one
 * time is one height at both ends. */
static void test_axis(void **state)
{
    struct svg_moment m[] = {
        moment(L, 0, 5),       moment(L, 50000, 5), moment(L, 50000, 5),
        moment(L, 9000000, 5), moment(R, 20000, 5), moment(R, 50000, 5),
    };
    struct svg_knot knots[8];
    struct svg_axis a = {
        .moments = m, .n = 6, .first = {0, 4, 6, 6}, .knots = knots, .top = 100, .per_ns = 1e-3};

    svg_axis_place(&a);
    assert_int_equal(a.knots_n, 4);
    assert_int_equal(m[0].y, 100);
    assert_int_equal(m[4].y, 120);
    assert_int_equal(m[1].y, 150);
    assert_int_equal(m[5].y, 150);
    assert_int_equal(m[2].y, 160); /* it needs room below the one before it */
    assert_true(knots[3].broken);
    assert_true(m[3].y > 160 && m[3].y < 260);
    assert_int_equal(svg_axis_at(&a, 0), 100);
    assert_int_equal(svg_axis_at(&a, 10000), 110);
    assert_int_equal(svg_axis_at(&a, 35000), 135);
}

static void test_axis_never_goes_back(void **state)
{
    struct dice dice = {.seed = 9};

    for (int round = 0; round < ROUNDS; round++) {
        struct svg_moment m[60];
        struct svg_knot knots[60];
        struct svg_axis a = {.moments = m,
                             .n = 60,
                             .first = {0, 20, 40, 60},
                             .knots = knots,
                             .top = 50,
                             .per_ns = 1e-6 * roll(&dice, 1000)};

        for (size_t i = 0; i < 60; i++) {
            const uint64_t before = i % 20 == 0 ? 0 : m[i - 1].time_ns;

            m[i] = moment((enum la_chart_end)(i / 20), roll_time(&dice, before), roll(&dice, 20));
            if (m[i].time_ns < before)
                m[i].time_ns = before;
            m[i].above[roll(&dice, SVG_COLUMNS)] = roll(&dice, 30);
        }
        svg_axis_place(&a);
        for (size_t i = 1; i < 60; i++)
            assert_true(i % 20 == 0 || m[i].y >= m[i - 1].y);
        for (size_t i = 1; i < a.knots_n; i++) {
            assert_true(knots[i].time_ns > knots[i - 1].time_ns);
            assert_true(knots[i].y >= knots[i - 1].y_end);
        }
        assert_true(a.bottom >= knots[a.knots_n - 1].y_end);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_of_anything),
        cmocka_unit_test(test_few_rows),
        cmocka_unit_test(test_overtaken),
        cmocka_unit_test(test_flood_is_summed_up),
        cmocka_unit_test(test_axis),
        cmocka_unit_test(test_axis_never_goes_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
