/* What the benchmarks print: a table for people, or one JSON object a line.
 *
 * Both say the same: the median of the runs, the smallest and largest, the target if there is one
 * and whether it was met, and under which conditions. What a whole table has in common (machine,
 * kernel, compiler) comes first for people and stands in every JSON object. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <lastack/version.h>

#include "apps/bench/bench.h"
#include "wire/checksum.h"

#if defined(__clang__)
#define COMPILER __VERSION__
#else
#define COMPILER "gcc " __VERSION__
#endif

/* ---- numbers -------------------------------------------------------------------------------- */

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

struct summary {
    double median, min, max;
};

static struct summary summarize(const struct figure *figure)
{
    double v[BENCH_RUNS_MAX];
    unsigned n = figure->values_count;
    memcpy(v, figure->values, n * sizeof(v[0]));
    qsort(v, n, sizeof(v[0]), ascending);
    double median = n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
    return (struct summary){.median = median, .min = v[0], .max = v[n - 1]};
}

static bool target_met(const struct figure *figure, double value)
{
    return figure->sense == BENCH_AT_LEAST ? value >= figure->target : value <= figure->target;
}

/* Three digits behind the point say more than any of these runs knows. */
static double rounded(double value)
{
    char text[64];
    snprintf(text, sizeof(text), "%.3f", value);
    return strtod(text, NULL);
}

/* ---- the machine ---------------------------------------------------------------------------- */

static void processor_name(char *name, size_t len)
{
    char line[256];
    FILE *in = fopen("/proc/cpuinfo", "re");
    snprintf(name, len, "unknown processor");
    while (in && fgets(line, sizeof(line), in)) {
        char *colon = strncmp(line, "model name", 10) == 0 ? strchr(line, ':') : NULL;
        if (colon) {
            colon[strcspn(colon, "\n")] = '\0';
            snprintf(name, len, "%s", colon + 2);
            break;
        }
    }
    if (in)
        fclose(in);
}

struct machine {
    char processor[128];
    long processors;
    struct utsname system;
};

static struct machine machine_now(void)
{
    struct machine m;
    processor_name(m.processor, sizeof(m.processor));
    m.processors = sysconf(_SC_NPROCESSORS_ONLN);
    uname(&m.system);
    return m;
}

void report_machine(const struct bench *bench)
{
    if (bench->json)
        return;
    struct machine m = machine_now();
    printf("%s, %ld processors; %s %s; %s; checksum kernel %s; lastack %s\n", m.processor,
           m.processors, m.system.sysname, m.system.release, COMPILER, wire_sum_choose()->name,
           LA_VERSION);
    printf(say_words(&bench->say, "Medians of %u runs of %g s each, taken in turn.\n\n",
                     "各项轮流运行 %u 次、每次 %g 秒，取中位数。\n\n"),
           bench->runs, bench->seconds);
}

/* ---- for people ----------------------------------------------------------------------------- */

static void print_conditions(const struct figure *figure)
{
    const char *separator = "";
    const cJSON *c;
    cJSON_ArrayForEach(c, figure->conditions)
    {
        if (cJSON_IsString(c))
            printf("%s%s %s", separator, c->string, c->valuestring);
        else
            printf("%s%s %.12g", separator, c->string, c->valuedouble);
        separator = ", ";
    }
}

static void print_text(const struct bench *bench, const struct figure *figure)
{
    printf("%-18s %-11s ", figure->name, figure->kind);
    if (figure->values_count == 0) {
        printf("%s: %s\n", say_words(&bench->say, "skipped", "跳过"), figure->missing);
        return;
    }
    struct summary s = summarize(figure);
    printf("%10.*f %-6s ", figure->digits, s.median, figure->unit);
    if (figure->sense != BENCH_NO_TARGET)
        printf("(%s %g: %s) ",
               figure->sense == BENCH_AT_LEAST ? say_words(&bench->say, "at least", "至少")
                                               : say_words(&bench->say, "at most", "至多"),
               figure->target,
               target_met(figure, s.median) ? say_words(&bench->say, "met", "达到")
                                            : say_words(&bench->say, "MISSED", "未达到"));
    if (figure->values_count > 1)
        printf("[%.*f to %.*f] ", figure->digits, s.min, figure->digits, s.max);
    print_conditions(figure);
    putchar('\n');
}

/* ---- for programs --------------------------------------------------------------------------- */

static void add_machine(cJSON *to)
{
    struct machine m = machine_now();
    cJSON_AddStringToObject(to, "processor", m.processor);
    cJSON_AddNumberToObject(to, "processors", (double)m.processors);
    cJSON_AddStringToObject(to, "kernel", m.system.release);
    cJSON_AddStringToObject(to, "compiler", COMPILER);
    cJSON_AddStringToObject(to, "checksum_kernel", wire_sum_choose()->name);
    cJSON_AddStringToObject(to, "version", LA_VERSION);
}

static void add_values(const struct figure *figure, cJSON *line)
{
    struct summary s = summarize(figure);
    cJSON_AddNumberToObject(line, "value", rounded(s.median));
    cJSON_AddStringToObject(line, "unit", figure->unit);
    if (figure->sense != BENCH_NO_TARGET) {
        cJSON_AddNumberToObject(line, figure->sense == BENCH_AT_LEAST ? "at_least" : "at_most",
                                figure->target);
        cJSON_AddBoolToObject(line, "met", target_met(figure, s.median));
    }
    cJSON_AddNumberToObject(line, "runs", figure->values_count);
    cJSON_AddNumberToObject(line, "min", rounded(s.min));
    cJSON_AddNumberToObject(line, "max", rounded(s.max));
}

static void print_json(const struct bench *bench, const struct figure *figure)
{
    cJSON *line = cJSON_CreateObject();
    cJSON_AddStringToObject(line, "name", figure->name);
    cJSON_AddStringToObject(line, "kind", figure->kind);
    if (figure->values_count == 0) {
        cJSON_AddStringToObject(line, "skipped", figure->missing);
    } else {
        add_values(figure, line);
        cJSON *conditions =
            figure->conditions ? cJSON_Duplicate(figure->conditions, true) : cJSON_CreateObject();
        if (!figure->once)
            cJSON_AddNumberToObject(conditions, "seconds", bench->seconds);
        add_machine(conditions);
        cJSON_AddItemToObject(line, "conditions", conditions);
    }
    char *text = cJSON_PrintUnformatted(line);
    puts(text ? text : "");
    cJSON_free(text);
    cJSON_Delete(line);
}

void report_figure(const struct bench *bench, const struct figure *figure)
{
    if (bench->json)
        print_json(bench, figure);
    else
        print_text(bench, figure);
    fflush(stdout);
}

void report_list(const struct bench *bench)
{
    const char *last = "";
    for (size_t i = 0; i < bench->figures_count; i++) {
        const struct figure *f = &bench->figures[i];
        bool again = false;
        for (size_t j = 0; j < i; j++)
            again |= strcmp(bench->figures[j].name, f->name) == 0;
        if (f->run == live_run && strcmp(last, "tun") != 0) {
            last = "tun";
            printf("%-20s %-7s %s\n", last, "",
                   say_words(&bench->say, "all of the following", "以下全部"));
        }
        if (!again)
            printf("%-20s %-7s %s\n", f->name, f->unit, say_words(&bench->say, f->en, f->zh));
    }
}
