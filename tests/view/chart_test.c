/* Charts of two ends: golden texts, and what the model says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <lastack/chart.h>

#include "chart_stories.h"
#include "golden.h"

static const struct form {
    const char *title;
    unsigned columns;
    bool unicode, zh;
} forms[] = {
    {"80 columns", 80, true, false},           {"120 columns", 120, true, false},
    {"80 columns, ASCII", 80, false, false},   {"80 columns, Chinese", 80, true, true},
    {"120 columns, Chinese", 120, true, true},
};

static char *drawn(const struct la_chart *c, const struct la_chart_form *form,
                   int (*draw)(const struct la_chart *, const struct la_chart_form *, FILE *))
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    assert_int_equal(draw(c, form, out), LA_OK);
    fclose(out);
    return text;
}

/* The forms of one story, one below the other, and Mermaid's. */
static char *all_forms(size_t story)
{
    char *all = NULL, *text;
    size_t size = 0;
    FILE *out = open_memstream(&all, &size);
    struct la_chart_form form;

    la_chart_form_init(&form);
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct la_chart *c = two_end_chart(story, forms[i].zh);

        form.columns = forms[i].columns;
        form.unicode = forms[i].unicode;
        text = drawn(c, &form, la_chart_text);
        fprintf(out, "%s== %s ==\n\n%s", i > 0 ? "\n" : "", forms[i].title, text);
        free(text);
        if (i + 1 == sizeof(forms) / sizeof(forms[0])) {
            text = drawn(c, &form, la_chart_mermaid);
            fprintf(out, "\n== Mermaid ==\n\n%s", text);
            free(text);
        }
        la_chart_free(c);
    }
    fclose(out);
    return all;
}

static void test_stories_look_as_before(void **state)
{
    for (size_t i = 0; i < TWO_END_STORIES; i++) {
        char *text = all_forms(i), name[80];

        snprintf(name, sizeof(name), "chart-%s", two_end_stories[i].name);
        golden_check(name, text);
        free(text);
    }
}

static void test_colour_leaves_the_text_alone(void **state)
{
    struct la_chart *c = two_end_chart(2, false);
    struct la_chart_form form;
    char *plain, *coloured, *to;

    la_chart_form_init(&form);
    plain = drawn(c, &form, la_chart_text);
    form.colour = true;
    coloured = to = drawn(c, &form, la_chart_text);
    assert_non_null(strstr(coloured, "\033[33m"));
    assert_non_null(strstr(coloured, "\033[31m"));
    for (const char *from = coloured; *from != '\0';) {
        if (*from == '\033')
            from = strchr(from, 'm') + 1;
        else
            *to++ = *from++;
    }
    *to = '\0';
    assert_string_equal(plain, coloured);
    free(plain);
    free(coloured);
    la_chart_free(c);
}

/* ---- the model ---- */

static const struct la_chart_event *nth(const struct la_chart *c, enum la_chart_kind kind, size_t n)
{
    for (size_t i = 0; i < la_chart_count(c); i++) {
        const struct la_chart_event *e = la_chart_at(c, i);

        if (e->kind == kind && n-- == 0)
            return e;
    }
    return NULL;
}

static void test_records_and_packets_meet(void **state)
{
    struct la_chart *c = two_end_chart(0, false);
    const struct la_chart_event *syn = nth(c, LA_CHART_PACKET, 0),
                                *fin = nth(c, LA_CHART_PACKET, 5),
                                *wait = nth(c, LA_CHART_TIMER, 1);

    assert_int_equal(syn->reason, LA_SYN);
    assert_int_equal(syn->verdict, LA_TAKE_SYN);
    assert_int_equal(syn->state, LA_TCP_SYN_SENT);
    assert_int_equal(syn->state_there, LA_TCP_SYN_RECEIVED);
    assert_int_equal(syn->fate, LA_CHART_ARRIVED);
    assert_int_equal(syn->over_ns, 25000000);
    assert_int_equal(syn->h->seq - syn->seq_base, 0);
    assert_int_equal(syn->window, 65535);
    assert_int_equal(fin->h->flags, FIN | ACK);
    assert_int_equal(fin->state, LA_TCP_FIN_WAIT_1);
    assert_int_equal(fin->state_there, LA_TCP_CLOSE_WAIT);
    assert_int_equal(fin->h->seq - fin->seq_base, 101);
    assert_int_equal(fin->window, 512 << 7);
    assert_int_equal(wait->reason, LA_TIMEOUT_TIME_WAIT);
    assert_int_equal(wait->over_ns - wait->time_ns, 60000000000);
    assert_true(wait->ran_out);
    la_chart_free(c);
}

/* Records alone make the same packets, but for those that are lost: nobody saw them go. */
static void test_records_are_enough(void **state)
{
    struct la_chart_options options;
    struct la_trace_record r = {.conn = 1, .seq = 500, .wnd = 1000, .flags = SYN};
    struct la_chart *c;
    const struct la_chart_event *e;

    la_chart_options_init(&options);
    c = la_chart_new(&options);
    r.time_ns = 1000;
    r.reason = LA_SYN;
    r.what_state = LA_TRACE_PACK(LA_TRACE_OUT, LA_TCP_SYN_SENT);
    la_chart_records(c, L, &r, 1, true);
    r.time_ns = 5000;
    r.conn = 9;
    r.reason = LA_TAKE_SYN;
    r.what_state = LA_TRACE_PACK(LA_TRACE_IN, LA_TCP_SYN_RECEIVED);
    la_chart_records(c, R, &r, 1, true);
    r.time_ns = 9000;
    r.seq = 700;
    la_chart_records(c, R, &r, 1, true);
    assert_int_equal(la_chart_finish(c, 10000), LA_OK);
    e = nth(c, LA_CHART_PACKET, 0);
    assert_int_equal(e->time_ns, 1000);
    assert_int_equal(e->over_ns, 5000);
    assert_int_equal(e->conn, 1);
    assert_int_equal(e->conn_there, 9);
    assert_true(e->sent_known);
    e = nth(c, LA_CHART_PACKET, 1);
    assert_false(e->sent_known);
    assert_int_equal(e->end, L);
    assert_null(nth(c, LA_CHART_PACKET, 2));
    la_chart_free(c);
}

/* One record of a super-segment, three packets on the wire. */
static void test_a_cut_segment(void **state)
{
    struct la_chart_options options;
    struct la_trace_record r = {.time_ns = 1000,
                                .conn = 1,
                                .seq = 1000,
                                .ack = 1,
                                .len = 3000,
                                .flags = PSH | ACK,
                                .reason = LA_DATA,
                                .what_state = LA_TRACE_PACK(LA_TRACE_OUT, ESTAB)};
    struct la_chart_packet p = {.from = L, .sent_ns = 1000, .h = {.ack = 1, .len = 1000}};
    struct la_chart *c;

    la_chart_options_init(&options);
    c = la_chart_new(&options);
    la_chart_records(c, L, &r, 1, true);
    for (unsigned i = 0; i < 4; i++) {
        p.h.seq = 1000 + 1000 * i;
        p.h.flags = i == 2 ? PSH | ACK : ACK;
        p.h.protocol = 6;
        la_chart_packet(c, &p);
    }
    la_chart_finish(c, 10000);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(nth(c, LA_CHART_PACKET, i)->reason, LA_DATA);
    assert_int_equal(nth(c, LA_CHART_PACKET, 3)->reason, LA_NONE);
    la_chart_free(c);
}

static void test_finding_what_arrives(void **state)
{
    struct la_chart_options options;
    struct la_chart_packet p = {.from = L, .sent_ns = 1000, .h = {.protocol = 6, .flags = ACK}};
    uint32_t first, second;
    struct la_chart *c;

    la_chart_options_init(&options);
    c = la_chart_new(&options);
    first = la_chart_packet(c, &p);
    second = la_chart_packet(c, &p);
    p.h.seq = 1;
    assert_int_equal(la_chart_find(c, R, &p.h, 5000), 0);
    p.h.seq = 0;
    assert_int_equal(la_chart_find(c, R, &p.h, 500), 0);
    assert_int_equal(la_chart_find(c, L, &p.h, 5000), 0);
    assert_int_equal(la_chart_find(c, R, &p.h, 5000), first);
    la_chart_arrived(c, first, 5000, 0, LA_NONE);
    assert_int_equal(la_chart_find(c, R, &p.h, 5000), second);
    la_chart_lost(c, second, 5000, LA_CHART_LOST, "the router");
    assert_int_equal(la_chart_find(c, R, &p.h, 5000), 0);
    la_chart_finish(c, 6000);
    assert_string_equal(nth(c, LA_CHART_PACKET, 1)->argument, "the router");
    la_chart_free(c);
}

/* A ledger that is full keeps what it has, and says that something is missing. */
static void test_memory_is_bounded(void **state)
{
    struct la_chart_options options;
    struct la_chart_packet p = {.from = L, .h = {.protocol = 6, .flags = ACK}};
    struct la_chart_form form;
    struct la_chart_info info;
    struct la_chart *c;
    char *text;

    la_chart_options_init(&options);
    la_chart_form_init(&form);
    options.events_max = 10;
    c = la_chart_new(&options);
    for (uint32_t i = 0; i < 25; i++) {
        p.sent_ns = i * 1000;
        assert_int_equal(la_chart_packet(c, &p) == 0, i >= 10);
    }
    la_chart_arrived(c, 0, 1, 0, LA_NONE);
    la_chart_arrived(c, 11, 1, 0, LA_NONE);
    assert_int_equal(la_chart_finish(c, 30000), LA_ENOBUFS);
    assert_int_equal(la_chart_count(c), 10);
    la_chart_info(c, &info);
    assert_int_equal(info.left_out, 15);
    text = drawn(c, &form, la_chart_text);
    assert_non_null(strstr(text, "15 events"));
    free(text);
    la_chart_free(c);
}

static void test_reading_headers(void **state)
{
    /* 10.0.0.1:40000 > 10.0.0.2:80 SYN, MSS 1460, window scale 7. */
    static const uint8_t syn[] = {
        0x45, 0,    0,    48,   0,    0,    0x40, 0,  64, 6, 0x26, 0xc6, 10, 0, 0, 1,
        10,   0,    0,    2,    0x9c, 0x40, 0,    80, 0,  0, 1,    0,    0,  0, 0, 0,
        0x70, 0x02, 0xff, 0xff, 0,    0,    0,    0,  2,  4, 0x05, 0xb4, 1,  3, 3, 7,
    };
    struct la_chart_header h;

    assert_true(la_chart_header_read(&h, syn, sizeof(syn)));
    assert_int_equal(h.src_port, 40000);
    assert_int_equal(h.dst_port, 80);
    assert_int_equal(h.seq, 256);
    assert_int_equal(h.flags, SYN);
    assert_int_equal(h.options, LA_CHART_OPT_MSS | LA_CHART_OPT_WSCALE);
    assert_int_equal(h.mss, 1460);
    assert_int_equal(h.wscale, 7);
    assert_int_equal(h.len, 0);
    for (size_t len = 0; len < sizeof(syn); len++)
        assert_false(la_chart_header_read(&h, syn, len));
    assert_int_equal(h.flags, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stories_look_as_before),
        cmocka_unit_test(test_colour_leaves_the_text_alone),
        cmocka_unit_test(test_records_and_packets_meet),
        cmocka_unit_test(test_records_are_enough),
        cmocka_unit_test(test_a_cut_segment),
        cmocka_unit_test(test_finding_what_arrives),
        cmocka_unit_test(test_memory_is_bounded),
        cmocka_unit_test(test_reading_headers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
