/* `lastack sim`: the command line. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apps/apps.h"
#include "apps/common/options.h"
#include "apps/common/parse.h"
#include "apps/sim/sim.h"
#include "sim/menu.h"
#include "sim/read.h"

enum {
    KEY_SEED = OPTION_LONG,
    KEY_SET,
    KEY_TRACE,
    KEY_PLOT,
    KEY_PCAP,
    KEY_JSON,
    KEY_PRINT,
    KEY_SEEDS,
    KEY_MENU,
    KEY_WITHOUT,
    KEY_FLOWS,
    KEY_BYTES,
    KEY_REPEAT,
    KEY_LIST,
    KEY_TABLE,
};

static const struct option_line lines[] = {
    {0, NULL, NULL, "One run", "单次运行"},
    {KEY_SEED, "seed", "N", "seed of the run (default: the scenario's)",
     "运行的种子（默认取自场景）"},
    {KEY_SET, "set", "NAME=VALUE", "another value for a parameter of the scenario",
     "改变场景中某个参数的值"},
    {KEY_TRACE, "trace", NULL, "one line a packet on standard error", "在标准错误上逐包输出一行"},
    {KEY_PLOT, "plot", "FILE.svg", "draws cwnd, round-trip time and delivery (needs gnuplot)",
     "绘制 cwnd、往返时间与送达曲线（需要 gnuplot）"},
    {KEY_PCAP, "pcap", "FILE", "writes the packets of the first host (pcapng)",
     "把第一台主机的报文写成 pcapng"},
    {KEY_JSON, "json", NULL, "the result as one JSON object", "以一个 JSON 对象输出结果"},
    {KEY_PRINT, "print", NULL, "writes the scenario out instead of running it",
     "不运行，而是写出完整的场景"},
    {0, NULL, NULL, "Campaigns", "批量运行"},
    {KEY_SEEDS, "seeds", "A..B", "runs all these seeds", "运行这一范围内的全部种子"},
    {'j', "jobs", "N", "workers side by side (default 1)", "并行的进程数（默认 1）"},
    {KEY_MENU, "menu", "NAME|FILE",
     "what a seed is drawn from: a name of --list, or a\nscenario whose parameters have ranges",
     "种子从何处抽取：--list 中的名称，\n或参数带有范围的场景文件"},
    {KEY_LIST, "list", NULL, "menus, and what --without knows", "列出菜单以及 --without 的名称"},
    {0, NULL, NULL, "Making a run smaller", "缩小运行"},
    {KEY_WITHOUT, "without", "NAME,...", "switches impairments, options and habits off",
     "关闭某些损伤、选项或行为"},
    {KEY_FLOWS, "flows", "N,...", "only these flows, counted from 0", "只保留这些流，从 0 计数"},
    {KEY_BYTES, "bytes", "N", "no more bytes than this in each direction",
     "每个方向至多这么多字节"},
    {KEY_REPEAT, "repeat", "N", "no more connections than this of each flow",
     "每个流至多这么多连接"},
    {0, NULL, NULL, "Tables", "表格"},
    {KEY_TABLE, "table", "NAME", "prints a table of results; all: see --table list",
     "输出结果表格；用 --table list 查看全部"},
};

static const char usage_en[] =
    "Usage: lastack sim [OPTION...] FILE\n"
    "       lastack sim [OPTION...] --seeds A..B [-j N] [--menu NAME|FILE]\n"
    "Simulates hosts, links and applications in virtual time, repeatable from one seed, and\n"
    "checks the invariants of TCP after every event. FILE is a scenario (docs/simulator.md).\n";
static const char usage_zh[] =
    "用法：lastack sim [选项...] 文件\n"
    "      lastack sim [选项...] --seeds A..B [-j N] [--menu 名称|文件]\n"
    "在虚拟时间中模拟主机、链路与应用，由一个种子完全重现，并在每个事件之后检查\n"
    "TCP 的不变量。文件是一个场景（见 docs/simulator.md）。\n";
static const char epilogue_en[] =
    "\nExamples:\n"
    "  lastack sim scenarios/lossy.scn --set loss=3% --plot out.svg\n"
    "  lastack sim --seeds 1..100000 -j2\n"
    "  lastack sim --menu mixed --seed 17 --without loss,dup --trace\n"
    "\nExit codes: 0 done, 1 something does not hold, 2 wrong usage.\n";
static const char epilogue_zh[] =
    "\n示例：\n"
    "  lastack sim scenarios/lossy.scn --set loss=3% --plot out.svg\n"
    "  lastack sim --seeds 1..100000 -j2\n"
    "  lastack sim --menu mixed --seed 17 --without loss,dup --trace\n"
    "\n退出码：0 完成，1 有不成立之处，2 用法错误。\n";

/* ---- options -------------------------------------------------------------------------------- */

static bool take_set(struct job *job, const char *arg)
{
    char *name, *value;
    bool full = job->given_count == JOB_GIVEN;
    if (!options_pair(&job->say, "--set", arg, "rtt=10ms", full, &name, &value))
        return false;
    job->given[job->given_count++] = (struct scenario_given){.name = name, .value = value};
    return true;
}

/* "A..B", or one number. */
static bool take_seeds(struct job *job, const char *arg)
{
    char first[32];
    const char *dots = strstr(arg, "..");
    size_t len = dots ? (size_t)(dots - arg) : strlen(arg);
    bool good = len < sizeof(first);
    if (good) {
        memcpy(first, arg, len);
        first[len] = '\0';
        good = parse_number(first, 0, UINT64_MAX - 1, &job->first) &&
               parse_number(dots ? dots + 2 : first, job->first, UINT64_MAX - 1, &job->last);
    }
    if (!good)
        say_error(&job->say, "--seeds %s: write it like 1..100000",
                  "--seeds %s：请写成 1..100000 的形式", arg);
    job->campaign = true;
    return good;
}

/* "loss,dup" or "0,3": calls `take` for each word. */
static bool take_list(struct job *job, const char *arg,
                      bool (*take_word)(struct job *job, const char *word))
{
    char copy[512];
    char *at = copy, *word;
    snprintf(copy, sizeof(copy), "%s", arg);
    while ((word = strsep(&at, ",")))
        if (!take_word(job, word))
            return false;
    return true;
}

static bool take_without(struct job *job, const char *word)
{
    int cut = cut_find(word);
    if (cut >= 0) {
        job->cut.without |= UINT64_C(1) << cut;
        return true;
    }
    char names[700] = "";
    size_t at = 0;
    for (unsigned i = 0; cut_name(i); i++)
        at += (size_t)snprintf(names + at, sizeof(names) - at, "%s%s", i ? ", " : "", cut_name(i));
    say_error(&job->say, "--without: no \"%s\": there are %s",
              "--without：没有 \"%s\"：可用的有 %s", word, names);
    return false;
}

static bool take_flow(struct job *job, const char *word)
{
    uint64_t flow;
    if (!options_number(&job->say, "--flows", word, 0, 63, &flow))
        return false;
    job->cut.flows |= UINT64_C(1) << flow;
    return true;
}

static bool take_menu(struct job *job, const char *arg)
{
    job->menu = menu_find(arg);
    if (job->menu >= 0)
        return true;
    if (access(arg, R_OK) == 0) {
        job->file = arg;
        return true;
    }
    char names[200] = "";
    size_t at = 0;
    for (unsigned i = 0; menu_name(i); i++)
        at += (size_t)snprintf(names + at, sizeof(names) - at, "%s%s", i ? ", " : "", menu_name(i));
    say_error(&job->say, "no menu \"%s\", and no file: there are %s",
              "没有菜单 \"%s\"，也没有这个文件：可用的有 %s", arg, names);
    return false;
}

static bool take_run_option(struct job *job, int key, const char *arg)
{
    switch (key) {
    case KEY_SEED:
        job->seed_given = true;
        return options_number(&job->say, "--seed", arg, 0, UINT64_MAX - 1, &job->seed);
    case KEY_SET:
        return take_set(job, arg);
    case KEY_TRACE:
        job->trace = true;
        return true;
    case KEY_PLOT:
        job->plot = arg;
        return true;
    case KEY_PCAP:
        job->pcap = arg;
        return true;
    case KEY_JSON:
        job->json = true;
        return true;
    default:
        job->print = true;
        return true;
    }
}

static void list(void)
{
    printf("menus:\n");
    for (unsigned i = 0; menu_name(i); i++)
        printf("  %-8s %s\n", menu_name(i), menu_text(i));
    printf("--without:\n ");
    for (unsigned i = 0; cut_name(i); i++)
        printf(" %s%s", cut_name(i), i % 10 == 9 ? "\n " : "");
    printf("\n");
}

static bool take(void *ctx, int key, const char *arg)
{
    struct job *job = ctx;
    uint64_t number = 0;
    bool good = true;
    switch (key) {
    case KEY_SEEDS:
        return take_seeds(job, arg);
    case 'j':
        good = options_number(&job->say, "-j", arg, 1, 256, &number);
        job->workers = (unsigned)number;
        return good;
    case KEY_MENU:
        return take_menu(job, arg);
    case KEY_WITHOUT:
        return take_list(job, arg, take_without);
    case KEY_FLOWS:
        return take_list(job, arg, take_flow);
    case KEY_BYTES:
        return options_number(&job->say, "--bytes", arg, 1, UINT64_MAX - 1, &job->cut.bytes_most);
    case KEY_REPEAT:
        good = options_number(&job->say, "--repeat", arg, 1, UINT32_MAX, &number);
        job->cut.repeat_most = (uint32_t)number;
        return good;
    case KEY_TABLE:
        job->table = arg;
        return true;
    case KEY_LIST:
        job->list = true;
        return true;
    default:
        return take_run_option(job, key, arg);
    }
}

/* ---- plans ---------------------------------------------------------------------------------- */

static bool file_read(struct job *job)
{
    FILE *in = fopen(job->file, "rb");
    size_t room = 0;
    while (in) {
        if (job->text_len == room) {
            room = room ? 2 * room : 4096;
            char *more = realloc(job->text, room);
            if (!more)
                break;
            job->text = more;
        }
        size_t n = fread(job->text + job->text_len, 1, room - job->text_len, in);
        job->text_len += n;
        if (n == 0)
            break;
    }
    if (!in || ferror(in)) {
        say_error(&job->say, "cannot read %s: %s", "无法读取 %s：%s", job->file, strerror(errno));
        if (in)
            fclose(in);
        return false;
    }
    fclose(in);
    return true;
}

/* Parameters that the command line names are not drawn. */
static unsigned draw(const struct job *job, const struct scenario *s, uint64_t seed,
                     struct scenario_given *given, char memory[][SIM_DRAWN_TEXT])
{
    struct scenario_given drawn[SCENARIO_PARAMS];
    unsigned n = sim_draw_params(s, seed, drawn, memory, SCENARIO_PARAMS), count = 0;
    for (unsigned i = 0; i < job->given_count; i++)
        given[count++] = job->given[i];
    for (unsigned i = 0; i < n; i++) {
        bool named = false;
        for (unsigned g = 0; g < job->given_count; g++)
            named |= strcmp(job->given[g].name, drawn[i].name) == 0;
        if (!named)
            given[count++] = drawn[i];
    }
    return count;
}

static bool plan_of_file(struct job *job, uint64_t seed, struct plan *plan)
{
    struct scenario s, again;
    struct scenario_fault fault;
    struct scenario_given given[JOB_GIVEN + SCENARIO_PARAMS];
    char memory[SCENARIO_PARAMS][SIM_DRAWN_TEXT];
    bool good = scenario_read(&s, job->file, job->text, job->text_len, job->given, job->given_count,
                              &fault);
    if (good && job->drawn) {
        unsigned count = draw(job, &s, seed, given, memory);
        good = scenario_read(&again, job->file, job->text, job->text_len, given, count, &fault);
        scenario_free(&s);
        s = again;
    }
    bool read = good && sim_read(&s, NULL, plan, &fault);
    if (good)
        scenario_free(&s);
    if (!read)
        say_error(&job->say, "%s", "%s", fault.text);
    return read;
}

bool job_plan(struct job *job, uint64_t seed, struct plan *plan)
{
    if (job->file && !plan_of_file(job, seed, plan))
        return false;
    if (!job->file)
        menu_draw((unsigned)job->menu, seed, plan);
    if (job->campaign || job->seed_given)
        plan->seed = seed;
    cut_apply(plan, &job->cut);
    return true;
}

static int usage(struct job *job)
{
    say_error(&job->say, "no scenario: write lastack sim FILE, or --seeds A..B (--help)",
              "缺少场景：请写 lastack sim 文件，或 --seeds A..B（见 --help）");
    return APP_USAGE;
}

/* Which of the jobs is it? */
static int dispatch(struct job *job)
{
    if (job->list) {
        list();
        return APP_DONE;
    }
    if (job->table)
        return job_table(job);
    bool from_menu = !job->file && (job->campaign || job->seed_given);
    if (!job->file && !from_menu)
        return usage(job);
    if (job->file && !file_read(job))
        return APP_USAGE;
    if (!job->campaign)
        return job_run(job);
    if (job->trace || job->plot || job->pcap || job->print || job->seed_given) {
        say_error(&job->say,
                  "--seed, --trace, --plot, --pcap and --print are for one run: write --seed N "
                  "without --seeds",
                  "--seed、--trace、--plot、--pcap 和 --print 用于单次运行：请写 --seed N 而不写 "
                  "--seeds");
        return APP_USAGE;
    }
    return job_campaign(job);
}

int sim_main(int argc, char **argv)
{
    static struct job job = {.workers = 1};
    const struct option_table table = {
        .lines = lines,
        .lines_count = sizeof(lines) / sizeof(lines[0]),
        .usage_en = usage_en,
        .usage_zh = usage_zh,
        .epilogue_en = epilogue_en,
        .epilogue_zh = epilogue_zh,
        .take = take,
    };
    say_init(&job.say, "lastack sim", argc, argv);
    int first = options_parse(&table, &job.say, argc, argv, &job);
    if (first == OPTIONS_HELPED)
        return APP_DONE;
    if (first < 0)
        return APP_USAGE;
    job.drawn = job.file != NULL; /* as a menu */
    if (argc - first > 1 || (argc - first == 1 && job.file)) {
        say_error(&job.say, "\"%s\" is one word too many: one scenario a run",
                  "\"%s\"多余：每次只运行一个场景", argv[argc - 1]);
        return APP_USAGE;
    }
    if (argc - first == 1)
        job.file = argv[first];
    int code = dispatch(&job);
    free(job.text);
    return code;
}
