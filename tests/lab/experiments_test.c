/* All experiments: over both versions of IP every claim holds, each takes less than a second, a
 * second run prints the same bytes, and any other value of a parameter is answered and breaks
 * nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dirent.h>
#include <time.h>

#include "lab/chart.h"
#include "lab/support.h"
#include "view/svg.h"

#if defined(__SANITIZE_ADDRESS__)
#define SLOWER 10
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SLOWER 10
#endif
#endif
#ifndef SLOWER
#define SLOWER 1
#endif

#define MOST 128

static struct lab lab;
static char names[MOST][64];
static unsigned count;

/* Tests run in the root of the sources. */
static int list(void **state)
{
    (void)state;
    struct dirent **entries;
    int n = scandir("experiments", &entries, NULL, alphasort);
    assert_true(n > 0);
    for (int i = 0; i < n; i++) {
        const char *dot = strrchr(entries[i]->d_name, '.');
        if (dot && strcmp(dot, ".lab") == 0 && count < MOST)
            snprintf(names[count++], sizeof(names[0]), "%.60s", entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    assert_true(count >= 32);
    return 0;
}

static void take(const char *name, const struct scenario_given *given, bool v6)
{
    char path[100];
    size_t len;
    struct scenario_fault fault = {.text = ""};
    snprintf(path, sizeof(path), "experiments/%s", name);
    char *text = file_text(path, &len);
    assert_non_null(text);
    if (!lab_read(&lab, path, text, len, given, given ? 1 : 0, v6, &fault))
        fail_msg("%s", fault.text);
    free(text);
    assert_true(lab_run(&lab));
}

/* The whole of what a run draws and says. */
static char *drawing(size_t *len)
{
    char *text = NULL, sentence[4000];
    FILE *out = open_memstream(&text, len);
    struct la_chart_form form;
    la_chart_form_init(&form);
    for (unsigned i = 0; i < lab.scenes_count; i++) {
        struct la_chart *c = lab_chart(&lab, i, LA_LANG_ZH, true, true);
        assert_non_null(c);
        assert_int_equal(la_chart_text(c, &form, out), 0);
        assert_int_equal(la_chart_mermaid(c, &form, out), 0);
        assert_int_equal(la_chart_svg(c, &form, out), 0);
        la_chart_free(c);
    }
    for (unsigned i = 0; i < lab.says_count; i++)
        for (unsigned lang = 0; lang < 2; lang++) {
            lab_sentence(&lab, &lab.says[i], (enum la_lang)lang, sentence, sizeof(sentence));
            fprintf(out, "%s\n", sentence);
        }
    fclose(out);
    return text;
}

static void test_hold(void **state)
{
    (void)state;
    for (unsigned i = 0; i < count; i++) {
        for (unsigned v6 = 0; v6 < 2; v6++) {
            clock_t begin = clock();
            take(names[i], NULL, v6);
            double seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
            if (lab.broken)
                fail_msg("%s: %s", names[i], lab.fault);
            for (unsigned c = 0; c < lab.claims_count; c++)
                if (!lab.claims[c].holds)
                    fail_msg("%s:%u: IPv%u: %s", names[i], lab.claims[c].line, v6 ? 6 : 4,
                             lab.claims[c].expression);
            assert_true(lab_holds(&lab));
            assert_true(lab.claims_count > 0 && lab.quiz_count > 0);
            if (seconds > SLOWER)
                fail_msg("%s takes %.3f s", names[i], seconds);
            lab_free(&lab);
        }
    }
}

static void test_repeat(void **state)
{
    (void)state;
    for (unsigned i = 0; i < count; i++) {
        size_t len[2];
        char *text[2];
        for (unsigned n = 0; n < 2; n++) {
            take(names[i], NULL, false);
            text[n] = drawing(&len[n]);
            lab_free(&lab);
        }
        if (len[0] != len[1] || memcmp(text[0], text[1], len[0]) != 0)
            fail_msg("%s differs when it is run again", names[i]);
        free(text[0]);
        free(text[1]);
    }
}

/* Each parameter half as large, twice as large, and the other way round. */
static unsigned others(const char *value, char other[3][32])
{
    char *unit;
    double number = strtod(value, &unit);
    if (strcmp(value, "on") == 0 || strcmp(value, "off") == 0) {
        snprintf(other[0], 32, "%s", value[1] == 'n' ? "off" : "on");
        return 1;
    }
    bool whole = *unit == '\0';
    snprintf(other[0], 32, "%.10g%s", whole ? number + 1 : 2 * number, unit);
    snprintf(other[1], 32, "%.10g%s", whole && number > 0 ? number - 1 : number / 2, unit);
    snprintf(other[2], 32, "%.10g%s", number == 0 && !whole ? 5 : 10 * number,
             number == 0 && !whole ? "ms" : unit);
    return 3;
}

static void test_and_if(void **state)
{
    (void)state;
    for (unsigned i = 0; i < count; i++) {
        take(names[i], NULL, false);
        unsigned params_count = lab.scenario.params_count;
        char name[SCENARIO_PARAMS][32], value[SCENARIO_PARAMS][32];
        for (unsigned p = 0; p < params_count; p++) {
            const struct scenario_param *param = &lab.scenario.params[p];
            snprintf(name[p], 32, "%s", param->says[0] ? param->name : "");
            snprintf(value[p], 32, "%s", param->value);
        }
        lab_free(&lab);
        for (unsigned p = 0; p < params_count; p++) {
            char other[3][32];
            unsigned n = name[p][0] != '\0' ? others(value[p], other) : 0;
            for (unsigned o = 0; o < n; o++) {
                struct scenario_given given = {.name = name[p], .value = other[o]};
                char path[100];
                size_t len;
                struct scenario_fault fault = {.text = ""};
                snprintf(path, sizeof(path), "experiments/%s", names[i]);
                char *text = file_text(path, &len);
                bool good = lab_read(&lab, path, text, len, &given, 1, false, &fault);
                free(text);
                if (!good) { /* out of its range, and told where */
                    assert_non_null(strstr(fault.text, ".lab:"));
                    continue;
                }
                assert_true(lab_run(&lab));
                if (lab.broken)
                    fail_msg("%s --%s %s: %s", names[i], name[p], other[o], lab.fault);
                text = drawing(&len);
                assert_true(len > 100);
                free(text);
                lab_free(&lab);
            }
        }
    }
}

/* The pictures, with the sentences and without, in both languages. */
static void test_no_overlap(void **state)
{
    (void)state;
    for (unsigned i = 0; i < count; i++) {
        take(names[i], NULL, i % 2 != 0);
        for (unsigned n = 0; n < 4 * lab.scenes_count; n++) {
            struct la_chart_form form;
            struct svg_layout l;
            size_t a = 0, b = 0;
            struct la_chart *c =
                lab_chart(&lab, n / 4, n & 1 ? LA_LANG_ZH : LA_LANG_EN, (n & 2) != 0, true);
            assert_non_null(c);
            la_chart_form_init(&form);
            assert_true(svg_layout_make(&l, c, &form));
            if (svg_layout_overlaps(&l, &a, &b))
                fail_msg("%s: \"%s\" and \"%s\" overlap", names[i], l.texts[a].text,
                         l.texts[b].text);
            svg_layout_free(&l);
            la_chart_free(c);
        }
        lab_free(&lab);
    }
}

/* The wrong hosts are wrong in their one thing, and are marked. */
static void test_wrong(void **state)
{
    size_t len;
    (void)state;
    take("why-three.lab", NULL, false);
    char *text = drawing(&len);
    assert_non_null(strstr(text, "两次握手"));
    free(text);
    assert_int_equal(lab_event_count(&lab, 0, "server calls accept", 19), 1);
    assert_int_equal(lab_event_count(&lab, 1, "server calls accept", 19), 0);
    lab_free(&lab);
    take("no-time-wait.lab", NULL, true);
    assert_int_equal(lab_event_count(&lab, 0, "client enters TIME-WAIT", 23), 0);
    assert_int_equal(lab_event_count(&lab, 0, "client enters FIN-WAIT-2", 24), 1);
    lab_free(&lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hold),   cmocka_unit_test(test_repeat),
        cmocka_unit_test(test_and_if), cmocka_unit_test(test_no_overlap),
        cmocka_unit_test(test_wrong),
    };
    return cmocka_run_group_tests(tests, list, NULL);
}
