/* Whatever a chart is told: lines keep their width, no two texts of an SVG overlap, its XML is well
 * formed, Mermaid's lines are of its language; and when memory fails nothing breaks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <lastack/err.h>

#include "chart_random.h"
#include "chart_stories.h"
#include "view/font.h"
#include "view/svg.h"
#include "view/text.h"

enum { ROUNDS = 120 };

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

/* ---- text ---- */

/* Every line is narrow enough, and holds no control character but those that colour. */
static void check_lines(const char *text, unsigned columns, bool colour)
{
    char line[4096];

    for (const char *end; (end = strchr(text, '\n')) != NULL; text = end + 1) {
        size_t n = 0;

        for (const char *p = text; p < end; p++) {
            if (colour && *p == '\033')
                p = strchr(p, 'm');
            else
                line[n++] = *p;
        }
        line[n] = '\0';
        for (size_t i = 0; i < n; i++)
            assert_true((unsigned char)line[i] >= ' ' && line[i] != 0x7f);
        assert_true(view_columns(line) <= columns);
    }
}

static void test_random_text(void **state)
{
    struct dice dice = {.seed = 1};

    for (int round = 0; round < ROUNDS; round++) {
        struct la_chart *c = roll_chart(&dice, roll(&dice, 150));
        struct la_chart_form form;
        struct la_chart_info info;
        unsigned slack = 30;
        char *text;

        roll_form(&dice, &form);
        text = drawn(c, &form, la_chart_text);
        la_chart_info(c, &info);
        /* Times of years take more room than there is. */
        if (info.end_ns - info.begin_ns < UINT64_C(10000000000000))
            slack = 0;
        check_lines(text, (form.columns < 80 ? 80 : form.columns) + slack, form.colour);
        free(text);
        la_chart_free(c);
    }
}

/* ---- SVG ---- */

static void check_entity(const char **p)
{
    static const char *const known[] = {"&amp;", "&lt;", "&gt;", "&quot;"};

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strncmp(*p, known[i], strlen(known[i])) == 0) {
            *p += strlen(known[i]);
            return;
        }
    }
    fail_msg("no entity: %.20s", *p);
}

/* Elements are closed in the order in which they were opened, and outside of them there are neither
 * "<" nor "&". Attributes come from us alone and are not looked at. */
static void check_xml(const char *p)
{
    char open[16][16];
    size_t depth = 0;

    while (*p != '\0') {
        size_t n;

        if (*p == '&') {
            check_entity(&p);
            continue;
        }
        assert_true((unsigned char)*p >= ' ' || *p == '\n');
        if (*p != '<') {
            p++;
            continue;
        }
        n = strcspn(p + 1 + (p[1] == '/'), " />");
        assert_true(n > 0 && n < 16);
        if (p[1] == '/') {
            assert_true(depth > 0);
            depth--;
            assert_int_equal(strlen(open[depth]), n);
            assert_memory_equal(open[depth], p + 2, n);
            p = strchr(p, '>') + 1;
            continue;
        }
        assert_true(depth < 16);
        memcpy(open[depth], p + 1, n);
        open[depth][n] = '\0';
        p = strchr(p, '>') + 1;
        depth += p[-2] != '/';
    }
    assert_int_equal(depth, 0);
}

static void check_svg(const struct la_chart *c, const struct la_chart_form *form, uint32_t *dropped)
{
    struct svg_layout l;
    size_t a = 0, b = 0;

    assert_true(svg_layout_make(&l, c, form));
    if (svg_layout_overlaps(&l, &a, &b))
        fail_msg("\"%s\" (%.0f, %.0f) and \"%s\" (%.0f, %.0f) overlap", l.texts[a].text,
                 l.texts[a].x, l.texts[a].y, l.texts[b].text, l.texts[b].x, l.texts[b].y);
    for (size_t i = 0; i < l.texts_n; i++) {
        const struct svg_box box = svg_text_box(&l.texts[i]);

        for (int k = 0; k < 4; k++) {
            assert_true(box.x[k] >= 0 && box.x[k] <= l.width);
            assert_true(box.y[k] >= 0 && box.y[k] <= l.height);
        }
    }
    *dropped += l.dropped;
    svg_layout_free(&l);
}

static void test_random_svg(void **state)
{
    struct dice dice = {.seed = 2};
    uint32_t dropped = 0;

    for (int round = 0; round < ROUNDS; round++) {
        struct la_chart *c = roll_chart(&dice, roll(&dice, 150));
        struct la_chart_form form;
        char *text;

        roll_form(&dice, &form);
        check_svg(c, &form, &dropped);
        text = drawn(c, &form, la_chart_svg);
        check_xml(text);
        assert_null(strstr(text, "<script"));
        free(text);
        la_chart_free(c);
    }
}

/* In a story that a person would tell no label is left out. */
static void test_stories_as_svg(void **state)
{
    for (size_t i = 0; i < TWO_END_STORIES; i++) {
        for (int zh = 0; zh < 2; zh++) {
            struct la_chart *c = two_end_chart(i, zh != 0);
            struct la_chart_form form;
            uint32_t dropped = 0;
            char *text;

            la_chart_form_init(&form);
            check_svg(c, &form, &dropped);
            assert_int_equal(dropped, 0);
            text = drawn(c, &form, la_chart_svg);
            check_xml(text);
            free(text);
            la_chart_free(c);
        }
    }
}

/* xmllint is stricter than check_xml(); where it is, it has the last word. */
static void test_xmllint(void **state)
{
    struct dice dice = {.seed = 3};

    if (system("command -v xmllint >/dev/null 2>&1") != 0)
        skip();
    for (int round = 0; round < 12; round++) {
        struct la_chart *c = roll_chart(&dice, 100);
        struct la_chart_form form;
        FILE *lint = popen("xmllint --noout -", "w");

        assert_non_null(lint);
        roll_form(&dice, &form);
        assert_int_equal(la_chart_svg(c, &form, lint), LA_OK);
        assert_int_equal(pclose(lint), 0);
        la_chart_free(c);
    }
}

/* ---- Mermaid ---- */

static bool is_mermaid_line(const char *line)
{
    static const char *const begins[] = {"sequenceDiagram\n",
                                         "    title ",
                                         "    participant L as ",
                                         "    participant R as ",
                                         "    Note left of L: ",
                                         "    Note right of R: ",
                                         "    Note over L,R: ",
                                         "    L->>R: ",
                                         "    R->>L: ",
                                         "    L-->>R: ",
                                         "    R-->>L: ",
                                         "    L-xR: ",
                                         "    R-xL: ",
                                         "    L--xR: ",
                                         "    R--xL: ",
                                         "    L-)R: ",
                                         "    R-)L: ",
                                         "    L--)R: ",
                                         "    R--)L: "};

    for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++) {
        if (strncmp(line, begins[i], strlen(begins[i])) == 0)
            return true;
    }
    return false;
}

static void test_random_mermaid(void **state)
{
    struct dice dice = {.seed = 4};

    for (int round = 0; round < ROUNDS; round++) {
        struct la_chart *c = roll_chart(&dice, roll(&dice, 150));
        struct la_chart_form form;
        char *text;

        roll_form(&dice, &form);
        text = drawn(c, &form, la_chart_mermaid);
        for (const char *line = text; *line != '\0'; line = strchr(line, '\n') + 1) {
            const size_t n = strcspn(line, "\n");

            assert_true(is_mermaid_line(line));
            /* Each semicolon ends a character code, each code is a number. */
            for (const char *p = line; p < line + n; p++) {
                if (*p == '#') {
                    p += 1 + strspn(p + 1, "0123456789");
                    assert_true(*p == ';');
                } else {
                    assert_true(*p != ';' && *p != '%' && (unsigned char)*p >= ' ');
                }
            }
        }
        free(text);
        la_chart_free(c);
    }
}

/* ---- boxes ---- */

static void test_boxes(void **state)
{
    struct svg_box a = svg_box(0, 0, 100, 10, 2, 0), b = svg_box(100, 0, 100, 10, 2, 0);

    assert_false(svg_boxes_overlap(&a, &b)); /* they touch */
    b = svg_box(99, 0, 100, 10, 2, 0);
    assert_true(svg_boxes_overlap(&a, &b));
    b = svg_box(0, 12, 100, 10, 2, 0);
    assert_false(svg_boxes_overlap(&a, &b));
    b = svg_box(10, -3, 5, 2, 1, 0); /* one within the other */
    assert_true(svg_boxes_overlap(&a, &b));
    /* Two parallel slanted ones, whose upright bounds overlap but which do not. */
    a = svg_box(0, 0, 200, 10, 0, 0.5);
    b = svg_box(0, 12, 200, 10, 0, 0.5);
    assert_false(svg_boxes_overlap(&a, &b));
    b = svg_box(0, 10, 200, 10, 0, 0.5);
    assert_true(svg_boxes_overlap(&a, &b));
    /* Crossing ones, no corner of which lies in the other. */
    a = svg_box(0, 0, 200, 5, 5, 0.5);
    b = svg_box(0, 100, 200, 5, 5, -0.5);
    assert_true(svg_boxes_overlap(&a, &b));
}

static void test_widths_are_generous(void **state)
{
    assert_true(font_width("MMMM", 10, false) >= 34);
    assert_true(font_width("中文", 10, false) >= 20);
    assert_true(font_width("abc", 10, true) > font_width("abc", 10, false));
    assert_int_equal(font_wrap("one two three", font_width("one two", 10, false) + 1, 10, false),
                     7);
    assert_int_equal(font_wrap("中文字", 20.5, 10, false), 6);
    assert_int_equal(font_wrap("W", 1, 10, false), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_text),         cmocka_unit_test(test_random_svg),
        cmocka_unit_test(test_stories_as_svg),      cmocka_unit_test(test_xmllint),
        cmocka_unit_test(test_random_mermaid),      cmocka_unit_test(test_boxes),
        cmocka_unit_test(test_widths_are_generous),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
