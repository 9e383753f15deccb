/* `lastack bench`: the command line, and the order of the runs. */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/apps.h"
#include "apps/bench/bench.h"
#include "apps/common/options.h"
#include "apps/common/parse.h"

enum { KEY_JSON = OPTION_LONG, KEY_LIST, KEY_SECONDS, KEY_RUNS, KEY_RECORDS, KEY_ARCHIVE };

static const struct option_line lines[] = {
    {KEY_JSON, "json", NULL, "one JSON object a line", "每行一个 JSON 对象"},
    {KEY_LIST, "list", NULL, "the names, and what they measure", "列出名称及其含义"},
    {KEY_SECONDS, "seconds", "S", "length of one measurement (default 1)",
     "单次测量的秒数（默认 1）"},
    {KEY_RUNS, "runs", "N", "repetitions, of which the median is reported (default 5)",
     "重复次数，报告其中位数（默认 5）"},
    {KEY_RECORDS, "records", "N",
     "records of each kind for idle-bytes and index-bytes\n"
     "(default 100000)",
     "idle-bytes 与 index-bytes 中每种记录的数量\n（默认 100000）"},
    {KEY_ARCHIVE, "archive", "FILE", "the core's archive, for size (default: next to the program)",
     "size 所测的核心静态库（默认在程序旁边）"},
};

static const char usage_en[] =
    "Usage: lastack bench [OPTION...] [NAME...]\n"
    "What the stack costs, in bytes and in time; without a name all of it (--list). The\n"
    "benchmarks take turns, several times, and the median of each is reported.\n\n";
static const char usage_zh[] = "用法：lastack bench [选项...] [名称...]\n"
                               "协议栈在字节和时间上的开销；不给出名称时全部测量（见 --list）。\n"
                               "各项轮流运行多次，报告各自的中位数。\n\n";
static const char epilogue_en[] =
    "\nEvery figure says how it was measured. What a machine cannot run is skipped by name.\n\n"
    "Examples:\n"
    "  lastack bench pair-bulk pair-pingpong\n"
    "  lastack bench --json tun | jq .value\n"
    "\nExit codes: 0 done, 1 a figure is missing, 2 wrong usage.\n";
static const char epilogue_zh[] = "\n每个数字都注明测量条件。本机不能运行的项目会按名称跳过。\n\n"
                                  "示例：\n"
                                  "  lastack bench pair-bulk pair-pingpong\n"
                                  "  lastack bench --json tun | jq .value\n"
                                  "\n退出码：0 完成，1 缺少某个数字，2 用法错误。\n";

/* ---- the command line ----------------------------------------------------------------------- */

static bool take_seconds(struct bench *bench, const char *arg)
{
    char *end;
    bench->seconds = strtod(arg, &end);
    if (end != arg && *end == '\0' && bench->seconds >= 0.01 && bench->seconds <= 600)
        return true;
    say_error(&bench->say, "--seconds %s: write a number from 0.01 to 600",
              "--seconds %s：请写 0.01 到 600 之间的数", arg);
    return false;
}

static bool take_number(struct bench *bench, const char *name, const char *arg, uint32_t max,
                        uint32_t *to)
{
    uint64_t number;
    if (!options_number(&bench->say, name, arg, 1, max, &number))
        return false;
    *to = (uint32_t)number;
    return true;
}

static bool take(void *ctx, int key, const char *arg)
{
    struct bench *bench = ctx;
    switch (key) {
    case KEY_JSON:
        bench->json = true;
        return true;
    case KEY_LIST:
        bench->list = true;
        return true;
    case KEY_SECONDS:
        return take_seconds(bench, arg);
    case KEY_RUNS:
        return take_number(bench, "--runs", arg, BENCH_RUNS_MAX, &bench->runs);
    case KEY_RECORDS:
        return take_number(bench, "--records", arg, 500000, &bench->records);
    default:
        bench->archive = arg;
        return true;
    }
}

static bool names_take(struct bench *bench, int count, char **names)
{
    for (size_t i = 0; i < bench->figures_count; i++)
        bench->figures[i].wanted = count == 0;
    for (int n = 0; n < count; n++) {
        bool found = false;
        for (size_t i = 0; i < bench->figures_count; i++)
            if (figure_is(&bench->figures[i], names[n]))
                found = bench->figures[i].wanted = true;
        if (!found) {
            say_error(&bench->say, "no benchmark \"%s\": see lastack bench --list",
                      "没有名为 \"%s\" 的测量：见 lastack bench --list", names[n]);
            return false;
        }
    }
    return true;
}

/* ---- the runs ------------------------------------------------------------------------------- */

static bool group_wanted(const struct figure *group)
{
    bool wanted = false;
    for (unsigned i = 0; i < group->group; i++)
        wanted |= group[i].wanted;
    return wanted;
}

/* A group that could not run once is not tried again. */
static void round_run(struct bench *bench, unsigned round)
{
    for (size_t i = 0; i < bench->figures_count; i++) {
        struct figure *f = &bench->figures[i];
        if (f->group == 0 || !group_wanted(f) || f->missing[0] != '\0' || (f->once && round > 0))
            continue;
        if (bench->say.terminal && !bench->json)
            say_progress(&bench->say, "%s, run %u of %u", "%s，第 %u 次，共 %u 次", f->name,
                         round + 1, f->once ? 1 : bench->runs);
        f->run(bench, f);
    }
}

/* Returns whether all the figures that were asked for are there. */
static bool report(const struct bench *bench)
{
    bool complete = true;
    for (size_t i = 0; i < bench->figures_count; i++) {
        struct figure *f = &bench->figures[i];
        if (!f->wanted)
            continue;
        if (f->missing[0] != '\0')
            f->values_count = 0; /* a figure of some runs would hide that the others failed */
        report_figure(bench, f);
        complete &= f->values_count > 0;
    }
    return complete;
}

int bench_main(int argc, char **argv)
{
    struct bench bench = {.seconds = 1, .runs = 5, .records = 100000};
    const struct option_table table = {
        .lines = lines,
        .lines_count = sizeof(lines) / sizeof(lines[0]),
        .usage_en = usage_en,
        .usage_zh = usage_zh,
        .epilogue_en = epilogue_en,
        .epilogue_zh = epilogue_zh,
        .take = take,
    };
    say_init(&bench.say, "lastack bench", argc, argv);
    bench.figures = bench_figures(&bench.figures_count);
    int first = options_parse(&table, &bench.say, argc, argv, &bench);
    if (first == OPTIONS_HELPED)
        return APP_DONE;
    if (first < 0 || !names_take(&bench, argc - first, argv + first))
        return APP_USAGE;
    if (bench.list) {
        report_list(&bench);
        return APP_DONE;
    }
    cpu_choose(&bench);
    cpu_pin(bench.cpu);
    report_machine(&bench);
    for (unsigned round = 0; round < bench.runs; round++)
        round_run(&bench, round);
    say_progress_end(&bench.say);
    bool complete = report(&bench);
    for (size_t i = 0; i < bench.figures_count; i++)
        cJSON_Delete(bench.figures[i].conditions);
    return complete ? APP_DONE : APP_FAILED;
}
