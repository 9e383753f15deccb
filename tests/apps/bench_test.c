/* `lastack bench` in the parts that count bytes: the limits hold, and every line says what it must.
 *
 * What takes time is not asserted here: a benchmark is no test. A population of a few thousand is
 * enough, since a record costs what it costs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#define RECORDS "10000"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#define SANITIZED __has_feature(address_sanitizer)
#else
#define SANITIZED 0
#endif

/* Starts the program under test. */
static FILE *bench(const char *arguments)
{
    const char *program = getenv("LASTACK");
    char command[1024];
    assert_non_null(program);
    snprintf(command, sizeof(command), "'%s' bench %s 2>/dev/null", program, arguments);
    return popen(command, "r");
}

static int exit_code(FILE *in)
{
    int status = pclose(in);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static const char *text_of(const cJSON *line, const char *key)
{
    const cJSON *item = cJSON_GetObjectItem(line, key);
    assert_true(cJSON_IsString(item));
    return item->valuestring;
}

static double number_of(const cJSON *line, const char *key)
{
    const cJSON *item = cJSON_GetObjectItem(line, key);
    assert_true(cJSON_IsNumber(item));
    return item->valuedouble;
}

/* The limits of docs/performance.md; 0: there is none. */
static double limit_of(const char *name, const char *kind)
{
    static const struct {
        const char *name, *kind;
        double most;
    } limits[] = {
        {"size", "size", 224 * 1024},     {"idle-bytes", "established", 512},
        {"idle-bytes", "time-wait", 64},  {"idle-bytes", "half-open", 96},
        {"idle-bytes", "trace-ring", 0},  {"index-bytes", "established", 16},
        {"index-bytes", "time-wait", 16}, {"index-bytes", "half-open", 16},
    };
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        if (strcmp(limits[i].name, name) == 0 && strcmp(limits[i].kind, kind) == 0) {
            return limits[i].most;
        }
    }
    fail_msg("a figure nobody asked for: %s %s", name, kind);
    return 0;
}

static void check_line(const char *text)
{
    cJSON *line = cJSON_Parse(text);
    assert_non_null(line);
    const char *name = text_of(line, "name");
    const char *kind = text_of(line, "kind");
    double most = limit_of(name, kind);
    double value = number_of(line, "value");
    const cJSON *conditions = cJSON_GetObjectItem(line, "conditions");
    assert_string_equal(text_of(line, "unit"), "B");
    assert_true(cJSON_IsObject(conditions));
    assert_true(strlen(text_of(conditions, "processor")) > 0);
    assert_true(value > 0);
    if (most > 0 && value > most) {
        fail_msg("%s %s: %g bytes, at most %g: %s", name, kind, value, most, text);
    }
    cJSON_Delete(line);
}

static void counts_stay_within_their_limits(void **state)
{
    char line[4096];
    unsigned lines = 0;
    FILE *in = bench("--json --records " RECORDS " idle-bytes index-bytes");
    assert_non_null(in);
    while (fgets(line, sizeof(line), in)) {
        check_line(line);
        lines++;
    }
    assert_int_equal(exit_code(in), 0);
    assert_int_equal(lines, 6 + 6 + 1); /* three kinds and two IP versions, and the ring */
}

static void the_core_is_small(void **state)
{
    char line[4096];
    if (SANITIZED) { /* which makes the archive several times as big: nothing to compare */
        return;
    }
    FILE *in = bench("--json size");
    assert_non_null(in);
    assert_non_null(fgets(line, sizeof(line), in));
    assert_int_equal(exit_code(in), 0);
    check_line(line);
}

static void wrong_usage_is_told(void **state)
{
    static const char *const wrong[] = {"nothing-of-that-name", "--seconds 0",
                                        "--seconds x",          "--runs 0",
                                        "--records -1",         "--frobnicate"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        FILE *in = bench(wrong[i]);
        assert_non_null(in);
        assert_int_equal(fgetc(in), EOF);
        assert_int_equal(exit_code(in), 2);
    }
}

static void a_missing_figure_is_told(void **state)
{
    char line[4096];
    FILE *in = bench("--json --archive /nonexistent.a size");
    assert_non_null(in);
    assert_non_null(fgets(line, sizeof(line), in));
    assert_non_null(strstr(line, "\"skipped\""));
    assert_int_equal(exit_code(in), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_stay_within_their_limits),
        cmocka_unit_test(the_core_is_small),
        cmocka_unit_test(wrong_usage_is_told),
        cmocka_unit_test(a_missing_figure_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
