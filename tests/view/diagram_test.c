/* Sequence diagrams against golden texts that people have looked at.
 *
 * Each story is drawn in five forms into one text, golden/NAME.txt. After a wanted change:
 * LA_GOLDEN_WRITE=1 writes the texts anew; read the difference before it is committed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <lastack/view.h>

#include "golden.h"
#include "story.h"

static struct story story;

static void open_close(struct story *s)
{
    story_open(s);
    story_data(s);
    story_close(s, 1461, 1);
    story_time_wait_ends(s, 2000000);
}

static void passive_close(struct story *s)
{
    story_open_passive(s);
    story_wait(s, 100);
    story_in(s, LA_TCP_ESTABLISHED, LA_TAKE_DATA, PSH | ACK, 1, 1, 6);
    story_out(s, LA_TCP_ESTABLISHED, LA_ACK_DELAYED, ACK, 1, 7, 0);
    story_wait(s, 100);
    story_state(s, LA_TCP_ESTABLISHED, LA_TCP_CLOSE_WAIT, LA_TAKE_FIN);
    story_in(s, LA_TCP_CLOSE_WAIT, LA_TAKE_FIN, FIN | ACK, 7, 1, 0);
    story_out(s, LA_TCP_CLOSE_WAIT, LA_ACK_FIN, ACK, 1, 8, 0);
    story_call(s, LA_TCP_CLOSE_WAIT, LA_CALL_CLOSE, 0);
    story_state(s, LA_TCP_CLOSE_WAIT, LA_TCP_LAST_ACK, LA_CALL_CLOSE);
    story_out(s, LA_TCP_LAST_ACK, LA_FIN, FIN | ACK, 1, 8, 0);
    story_wait(s, 80);
    story_state(s, LA_TCP_LAST_ACK, LA_TCP_CLOSED, LA_TAKE_ACK);
    story_in(s, LA_TCP_CLOSED, LA_TAKE_ACK, ACK, 8, 2, 0);
}

/* The peer closes its direction; this end goes on sending until it is done. */
static void half_close(struct story *s)
{
    story_open(s);
    story_wait(s, 100);
    story_state(s, LA_TCP_ESTABLISHED, LA_TCP_CLOSE_WAIT, LA_TAKE_FIN);
    story_in(s, LA_TCP_CLOSE_WAIT, LA_TAKE_FIN, FIN | ACK, 1, 1, 0);
    story_out(s, LA_TCP_CLOSE_WAIT, LA_ACK_FIN, ACK, 1, 2, 0);
    story_wait(s, 500);
    story_call(s, LA_TCP_CLOSE_WAIT, LA_CALL_SEND, 1000);
    story_out(s, LA_TCP_CLOSE_WAIT, LA_DATA, PSH | ACK, 1, 2, 1000);
    story_wait(s, 70);
    story_in(s, LA_TCP_CLOSE_WAIT, LA_TAKE_ACK, ACK, 2, 1001, 0);
    story_call(s, LA_TCP_CLOSE_WAIT, LA_CALL_SHUTDOWN, 0);
    story_state(s, LA_TCP_CLOSE_WAIT, LA_TCP_LAST_ACK, LA_CALL_SHUTDOWN);
    story_out(s, LA_TCP_LAST_ACK, LA_FIN, FIN | ACK, 1001, 2, 0);
    story_wait(s, 70);
    story_state(s, LA_TCP_LAST_ACK, LA_TCP_CLOSED, LA_TAKE_ACK);
    story_in(s, LA_TCP_CLOSED, LA_TAKE_ACK, ACK, 2, 1002, 0);
}

/* RFC 9293 figure 8. */
static void simultaneous_open(struct story *s)
{
    story_begin(s, 40000, 5000);
    story_call(s, LA_TCP_CLOSED, LA_CALL_OPEN, 0);
    story_state(s, LA_TCP_CLOSED, LA_TCP_SYN_SENT, LA_CALL_OPEN);
    story_out(s, LA_TCP_SYN_SENT, LA_SYN, SYN, 0, 0, 0);
    story_wait(s, 40);
    story_state(s, LA_TCP_SYN_SENT, LA_TCP_SYN_RECEIVED, LA_TAKE_SYN_CROSSED);
    story_in(s, LA_TCP_SYN_RECEIVED, LA_TAKE_SYN_CROSSED, SYN, 0, 0, 0);
    story_out(s, LA_TCP_SYN_RECEIVED, LA_SYN_CROSSED, SYN | ACK, 0, 1, 0);
    story_wait(s, 40);
    story_state(s, LA_TCP_SYN_RECEIVED, LA_TCP_ESTABLISHED, LA_TAKE_SYN_ACK);
    story_in(s, LA_TCP_ESTABLISHED, LA_TAKE_SYN_ACK, SYN | ACK, 0, 1, 0);
    story_out(s, LA_TCP_ESTABLISHED, LA_DATA, ACK, 1, 1, 100);
    story_wait(s, 40);
    story_in(s, LA_TCP_ESTABLISHED, LA_TAKE_ACK, ACK, 1, 101, 0);
}

/* RFC 9293 figure 13. */
static void simultaneous_close(struct story *s)
{
    story_open(s);
    story_wait(s, 100);
    story_call(s, LA_TCP_ESTABLISHED, LA_CALL_CLOSE, 0);
    story_state(s, LA_TCP_ESTABLISHED, LA_TCP_FIN_WAIT_1, LA_CALL_CLOSE);
    story_out(s, LA_TCP_FIN_WAIT_1, LA_FIN, FIN | ACK, 1, 1, 0);
    story_wait(s, 30);
    story_state(s, LA_TCP_FIN_WAIT_1, LA_TCP_CLOSING, LA_TAKE_FIN);
    story_in(s, LA_TCP_CLOSING, LA_TAKE_FIN, FIN | ACK, 1, 1, 0);
    story_out(s, LA_TCP_CLOSING, LA_ACK_FIN, ACK, 2, 2, 0);
    story_wait(s, 40);
    story_time_wait(s, LA_TCP_CLOSING, 60000);
    story_in(s, LA_TCP_TIME_WAIT, LA_TAKE_ACK, ACK, 2, 2, 0);
    story_time_wait_ends(s, 60000000);
}

/* The last ACK is lost: the FIN comes again and 2 MSL start over. */
static void lost_last_ack(struct story *s)
{
    story_open(s);
    story_close(s, 1, 1);
    story_wait(s, 201000);
    story_record(s, LA_TRACE_EVENT, LA_TCP_TIME_WAIT, LA_TIME_WAIT_RESTART);
    story_in(s, LA_TCP_TIME_WAIT, LA_TAKE_FIN_AGAIN, FIN | ACK, 1, 2, 0);
    story_out(s, LA_TCP_TIME_WAIT, LA_ACK_TIME_WAIT, ACK, 2, 2, 0);
    story_time_wait_ends(s, 2000000);
}

static void retransmission(struct story *s)
{
    story_begin(s, 40000, 5000);
    story_call(s, LA_TCP_CLOSED, LA_CALL_OPEN, 0);
    story_out(s, LA_TCP_CLOSED, LA_SYN, SYN, 0, 0, 0);
    story_options(s, LA_SYN);
    story_state(s, LA_TCP_CLOSED, LA_TCP_SYN_SENT, LA_CALL_OPEN);
    story_wait(s, 1000000);
    story_timer(s, LA_TCP_SYN_SENT, LA_TIMEOUT_RTX, 1000, 0);
    story_out(s, LA_TCP_SYN_SENT, LA_SYN_AGAIN, SYN, 0, 0, 0);
    story_options(s, LA_SYN_AGAIN);
    story_wait(s, 90);
    story_in(s, LA_TCP_ESTABLISHED, LA_TAKE_SYN_ACK, SYN | ACK, 0, 1, 0);
    story_options(s, LA_TAKE_SYN_ACK);
    story_state(s, LA_TCP_SYN_SENT, LA_TCP_ESTABLISHED, LA_TAKE_SYN_ACK);
    story_out(s, LA_TCP_ESTABLISHED, LA_HANDSHAKE_ACK, ACK, 1, 1, 0);
    story_out(s, LA_TCP_ESTABLISHED, LA_DATA, PSH | ACK, 1, 1, 500);
    story_wait(s, 200000);
    story_timer(s, LA_TCP_ESTABLISHED, LA_TIMEOUT_RTX, 200, 0);
    story_out(s, LA_TCP_ESTABLISHED, LA_RTX_TIMEOUT, PSH | ACK, 1, 1, 500);
    story_wait(s, 400000);
    story_timer(s, LA_TCP_ESTABLISHED, LA_TIMEOUT_RTX, 400, 1);
    story_out(s, LA_TCP_ESTABLISHED, LA_RTX_TIMEOUT, PSH | ACK, 1, 1, 500);
    story_wait(s, 90);
    story_in(s, LA_TCP_ESTABLISHED, LA_DROP_SEQUENCE, ACK, 70000, 1, 0);
    story_out(s, LA_TCP_ESTABLISHED, LA_ACK_UNACCEPTABLE, ACK, 501, 1, 0);
    story_wait(s, 20);
    story_in(s, LA_TCP_ESTABLISHED, LA_TAKE_ACK, ACK, 1, 501, 0);
}

static void reset(struct story *s)
{
    story_begin(s, 40001, 81);
    story_call(s, LA_TCP_CLOSED, LA_CALL_OPEN, 0);
    story_state(s, LA_TCP_CLOSED, LA_TCP_SYN_SENT, LA_CALL_OPEN);
    story_out(s, LA_TCP_SYN_SENT, LA_SYN, SYN, 0, 0, 0);
    story_options(s, LA_SYN);
    story_wait(s, 30);
    story_state(s, LA_TCP_SYN_SENT, LA_TCP_CLOSED, LA_TAKE_RST_REFUSED);
    story_in(s, LA_TCP_CLOSED, LA_TAKE_RST_REFUSED, RST | ACK, 0, 1, 0);
    s->records[s->n - 1].seq = 0;
    story_call(s, LA_TCP_CLOSED, LA_CALL_OPEN, LA_ECONNREFUSED);
}

static void abort_unread(struct story *s)
{
    story_open_passive(s);
    story_wait(s, 100);
    story_in(s, LA_TCP_ESTABLISHED, LA_TAKE_DATA, PSH | ACK, 1, 1, 6);
    story_call(s, LA_TCP_ESTABLISHED, LA_CALL_CLOSE, 0);
    story_state(s, LA_TCP_ESTABLISHED, LA_TCP_CLOSED, LA_RST_UNREAD);
    story_out(s, LA_TCP_ESTABLISHED, LA_RST_UNREAD, RST | ACK, 1, 7, 0);
}

/* 64 KiB super-segments, an ACK for each, two retransmissions among them. */
static void bulk(struct story *s)
{
    uint32_t seq = 1;

    story_open(s);
    for (int i = 0; i < 1000; i++) {
        story_wait(s, 5);
        story_call(s, LA_TCP_ESTABLISHED, LA_CALL_SEND, 64240);
        story_out(s, LA_TCP_ESTABLISHED, LA_DATA, PSH | ACK, seq, 1, 64240);
        story_wait(s, 20);
        if (i == 500 || i == 600)
            story_out(s, LA_TCP_ESTABLISHED, LA_RTX_FAST, ACK, seq, 1, 1460);
        seq += 64240;
        story_in(s, LA_TCP_ESTABLISHED, LA_TAKE_ACK, ACK, 1, seq, 0);
    }
    story_close(s, seq, 1);
    story_time_wait_ends(s, 2000000);
}

/* Two connections at once, and a segment that belongs to nobody. */
static void several(struct story *s)
{
    static struct story other;
    struct la_trace_record first[32];
    size_t n, half = 5;

    story_open(s);
    n = s->n;
    memcpy(first, s->records, n * sizeof(first[0]));
    story_open_passive(&other);
    s->n = 0;
    for (size_t i = 0; i < half; i++)
        s->records[s->n++] = first[i];
    for (size_t i = 0; i < other.n; i++) {
        s->records[s->n] = other.records[i];
        s->records[s->n++].conn = 8;
    }
    for (size_t i = half; i < n; i++)
        s->records[s->n++] = first[i];
    s->conn = 0;
    story_in(s, LA_TCP_CLOSED, LA_DROP_NO_CONNECTION, ACK, 1, 1, 0);
    story_out(s, LA_TCP_CLOSED, LA_RST_NO_CONNECTION, RST, 1, 0, 0);
    story_in(s, LA_TCP_CLOSED, LA_DROP_UDP_PORT, 0, 0, 0, 0);
    for (size_t i = 0; i < s->n; i++)
        s->records[i].serial = (uint32_t)i;
}

static const struct {
    const char *name;
    void (*tell)(struct story *);
} stories[] = {
    {"open-close", open_close},
    {"passive-close", passive_close},
    {"half-close", half_close},
    {"simultaneous-open", simultaneous_open},
    {"simultaneous-close", simultaneous_close},
    {"lost-last-ack", lost_last_ack},
    {"retransmission", retransmission},
    {"reset", reset},
    {"abort-unread", abort_unread},
    {"bulk", bulk},
    {"several", several},
};

static const struct form {
    const char *title;
    unsigned columns;
    bool unicode, colour;
    enum la_lang lang;
} forms[] = {
    {"80 columns", 80, true, false, LA_LANG_EN},
    {"120 columns", 120, true, false, LA_LANG_EN},
    {"80 columns, ASCII", 80, false, false, LA_LANG_EN},
    {"120 columns, ASCII", 120, false, false, LA_LANG_EN},
    {"80 columns, Chinese", 80, true, false, LA_LANG_ZH},
    {"120 columns, Chinese", 120, true, false, LA_LANG_ZH},
};

static void draw(FILE *out, const struct form *form, const struct story *s)
{
    struct la_diagram_options options;
    struct la_diagram *d;

    la_diagram_options_init(&options);
    options.out = out;
    options.columns = form->columns;
    options.unicode = form->unicode;
    options.colour = form->colour;
    options.lang = form->lang;
    options.there = "kernel";
    d = la_diagram_new(&options);
    assert_non_null(d);
    la_diagram_add(d, s->records, s->n);
    la_diagram_end(d);
}

static char *drawn_in_all_forms(const struct story *s)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        fprintf(out, "%s== %s ==\n\n", i > 0 ? "\n" : "", forms[i].title);
        draw(out, &forms[i], s);
    }
    fclose(out);
    return text;
}

static void test_stories_look_as_before(void **state)
{
    for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++) {
        char *text;

        memset(&story, 0, sizeof(story));
        stories[i].tell(&story);
        text = drawn_in_all_forms(&story);
        golden_check(stories[i].name, text);
        free(text);
    }
}

/* What rings mix within one call is put in order. */
static void test_order_within_a_call(void **state)
{
    char *straight, *mixed;

    open_close(&story);
    straight = drawn_in_all_forms(&story);
    for (size_t i = 0; i + 3 < story.n; i += 4) {
        struct la_trace_record r = story.records[i];

        story.records[i] = story.records[i + 3];
        story.records[i + 3] = r;
    }
    mixed = drawn_in_all_forms(&story);
    assert_string_equal(straight, mixed);
    free(straight);
    free(mixed);
}

static char *drawn_one_by_one(const struct story *s, size_t step)
{
    struct la_diagram_options options;
    struct la_diagram *d;
    char *text = NULL;
    size_t size = 0;

    la_diagram_options_init(&options);
    options.out = open_memstream(&text, &size);
    d = la_diagram_new(&options);
    for (size_t i = 0; i < s->n; i += step)
        la_diagram_add(d, s->records + i, s->n - i < step ? s->n - i : step);
    la_diagram_end(d);
    fclose(options.out);
    return text;
}

/* Live, a change of state may get a line of its own, but every segment is drawn, once. */
static void test_live_draws_every_segment(void **state)
{
    char *text;
    size_t arrows = 0;

    open_close(&story);
    text = drawn_one_by_one(&story, 1);
    for (const char *p = text; (p = strstr(p, " seq=")) != NULL; p++)
        arrows++;
    assert_int_equal(arrows, 9);
    free(text);
}

static void test_only_one_connection(void **state)
{
    struct la_diagram_options options;
    struct la_diagram *d;
    char *text = NULL;
    size_t size = 0;

    several(&story);
    la_diagram_options_init(&options);
    options.out = open_memstream(&text, &size);
    options.conn = 8;
    options.absolute = true;
    d = la_diagram_new(&options);
    la_diagram_add(d, story.records, story.n);
    la_diagram_end(d);
    fclose(options.out);
    assert_null(strstr(text, "lastack:40000"));
    assert_non_null(strstr(text, "lastack:5000"));
    assert_non_null(strstr(text, "seq=4294967290 ack=301"));
    free(text);
}

static void test_colour_leaves_the_text_alone(void **state)
{
    struct form form = forms[1];
    char *plain = NULL, *coloured = NULL, *to;
    size_t size;
    FILE *out = open_memstream(&plain, &size);

    retransmission(&story);
    draw(out, &form, &story);
    fclose(out);
    out = open_memstream(&coloured, &size);
    form.colour = true;
    draw(out, &form, &story);
    fclose(out);
    assert_non_null(strstr(coloured, "\033[33m"));
    assert_non_null(strstr(coloured, "\033[31m"));
    to = coloured;
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
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stories_look_as_before),
        cmocka_unit_test(test_order_within_a_call),
        cmocka_unit_test(test_live_draws_every_segment),
        cmocka_unit_test(test_only_one_connection),
        cmocka_unit_test(test_colour_leaves_the_text_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
