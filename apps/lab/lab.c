/* `lastack lab`: the command line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apps/apps.h"
#include "apps/common/options.h"
#include "apps/common/parse.h"
#include "apps/lab/lab.h"

enum {
    KEY_FILE = OPTION_LONG,
    KEY_IP,
    KEY_COLUMNS,
    KEY_ASCII,
    KEY_COLOUR,
    KEY_ABSOLUTE,
    KEY_QUIET,
    KEY_CLAIMS,
    KEY_SCENE,
    KEY_PCAP,
    KEY_SVG,
    KEY_MERMAID,
    KEY_JSON,
    KEY_QUIZ,
    KEY_SEED,
    KEY_DOC,
};

static const struct option_line lines[] = {
    {0, NULL, NULL, "The experiment", "实验"},
    {KEY_FILE, "file", "FILE", "an experiment of your own (docs/lab-language.md)",
     "运行自己写的实验（见 docs/lab-language.md）"},
    {KEY_IP, "ip", "4|6", "over which version of IP (default 4)", "使用哪个版本的 IP（默认 4）"},
    {KEY_QUIZ, "quiz", NULL, "asks before it shows", "先提问，再展示"},
    {KEY_SEED, "seed", "N", "order of the questions and choices", "问题与选项的次序"},
    {KEY_CLAIMS, "claims", NULL, "lists what was claimed and whether it holds",
     "列出全部论断及其是否成立"},
    {0, NULL, NULL, "How it is shown", "如何展示"},
    {KEY_SCENE, "scene", "NAME", "only this scene of the experiment", "只展示其中一幕"},
    {KEY_COLUMNS, "columns", "N", "width of the diagram, 80 to 240", "图的宽度，80 到 240 列"},
    {KEY_ASCII, "ascii", NULL, "no characters beyond ASCII in the diagram", "图中只用 ASCII 字符"},
    {KEY_COLOUR, "colour", "yes|no", "default: on a terminal that has colours",
     "默认：仅在支持颜色的终端上"},
    {KEY_ABSOLUTE, "absolute", NULL, "sequence numbers as in the header", "显示首部中的原始序号"},
    {KEY_QUIET, "quiet", NULL, "the diagram without sentences", "只画图，不加解说"},
    {0, NULL, NULL, "Files (\"-\" is standard output; of several scenes one file each)",
     "文件（“-”为标准输出；多幕时每幕一个文件）"},
    {KEY_SVG, "svg", "FILE", "the diagram as a picture", "把图画成 SVG"},
    {KEY_MERMAID, "mermaid", "FILE", "the diagram for Mermaid", "把图写成 Mermaid"},
    {KEY_PCAP, "pcap", "FILE", "the packets as pcapng, each with its reason as a comment",
     "把报文写成 pcapng，每个报文附有原因"},
    {KEY_JSON, "json", NULL, "everything as one JSON object (docs/lab-json.md)",
     "以一个 JSON 对象输出全部内容（见 docs/lab-json.md）"},
    {KEY_DOC, "doc", "FOLDER", "writes lab.md, lab.zh-CN.md and the pictures of all experiments",
     "写出全部实验的 lab.md、lab.zh-CN.md 与图"},
};

static const char usage_en[] =
    "Usage: lastack lab                        lists the experiments\n"
    "       lastack lab NAME [--PARAM VALUE...]  runs one\n"
    "Answers questions about TCP by showing it: an experiment runs in virtual time, with the "
    "stack\n"
    "that ships, and what it says is checked by the run. Parameters ask \"and if ...?\".\n";
static const char usage_zh[] =
    "用法：lastack lab                         列出全部实验\n"
    "      lastack lab 名称 [--参数 值...]       运行一个实验\n"
    "用运行本身回答关于 TCP 的问题：实验在虚拟时间中进行，用的就是发布的协议栈，\n"
    "所说的每句话都由这次运行检验。用参数来问“如果……会怎样？”。\n";
static const char epilogue_en[] =
    "\nExamples:\n"
    "  lastack lab lost-last-ack                why is the last ACK so important?\n"
    "  lastack lab why-four                     why four and not three?\n"
    "  lastack lab lost-syn --drop 4            and if four are lost?\n"
    "  lastack lab two-msl --msl 30s --quiz     guess first\n"
    "  lastack lab handshake --svg out.svg --pcap out.pcapng\n"
    "\nlastack lab NAME --help names the parameters of that experiment.\n"
    "Exit codes: 0 done, 1 a claim of the file does not hold, 2 wrong usage.\n";
static const char epilogue_zh[] =
    "\n示例：\n"
    "  lastack lab lost-last-ack                最后一个 ACK 为什么重要？\n"
    "  lastack lab why-four                     为什么是四次而不是三次？\n"
    "  lastack lab lost-syn --drop 4            如果丢四个呢？\n"
    "  lastack lab two-msl --msl 30s --quiz     先猜再看\n"
    "  lastack lab handshake --svg out.svg --pcap out.pcapng\n"
    "\nlastack lab 名称 --help 列出该实验的参数。\n"
    "退出码：0 完成，1 文件中的论断不成立，2 用法错误。\n";

/* ---- options -------------------------------------------------------------------------------- */

static bool take_choice(struct job *job, const char *name, const char *arg, const char *a,
                        const char *b, bool *second)
{
    *second = strcmp(arg, b) == 0;
    if (*second || strcmp(arg, a) == 0)
        return true;
    say_error(&job->say, "%s %s: write %s or %s", "%s %s：请写 %s 或 %s", name, arg, a, b);
    return false;
}

static bool take(void *ctx, int key, const char *arg)
{
    struct job *job = ctx;
    uint64_t number = 0;
    bool second;
    switch (key) {
    case KEY_FILE:
        job->file = arg;
        return true;
    case KEY_IP:
        return take_choice(job, "--ip", arg, "4", "6", &job->v6);
    case KEY_COLUMNS:
        job->columns_given = options_number(&job->say, "--columns", arg, 80, 240, &number);
        job->columns = (unsigned)number;
        return job->columns_given;
    case KEY_COLOUR:
        if (!take_choice(job, "--colour", arg, "yes", "no", &second))
            return false;
        job->colour = !second;
        return true;
    case KEY_SEED:
        job->seeded = options_number(&job->say, "--seed", arg, 0, UINT64_MAX, &job->seed);
        return job->seeded;
    case KEY_SCENE:
        job->scene = arg;
        return true;
    case KEY_PCAP:
        job->pcap = arg;
        return true;
    case KEY_SVG:
        job->svg = arg;
        return true;
    case KEY_MERMAID:
        job->mermaid = arg;
        return true;
    case KEY_DOC:
        job->doc = arg;
        return true;
    default:
        break;
    }
    bool *const flags[] = {
        [KEY_ASCII - OPTION_LONG] = &job->ascii, [KEY_ABSOLUTE - OPTION_LONG] = &job->absolute,
        [KEY_QUIET - OPTION_LONG] = &job->quiet, [KEY_CLAIMS - OPTION_LONG] = &job->claims,
        [KEY_JSON - OPTION_LONG] = &job->json,   [KEY_QUIZ - OPTION_LONG] = &job->quiz};
    *flags[key - OPTION_LONG] = true;
    return true;
}

/* The option of this long name; NULL: none, so it is a parameter. */
static const struct option_line *known(const char *name, size_t len)
{
    static const struct option_line common[] = {{'h', "help", NULL, NULL, NULL},
                                                {'l', "lang", "L", NULL, NULL}};
    for (size_t i = 0; i < 2; i++)
        if (strlen(common[i].name) == len && strncmp(common[i].name, name, len) == 0)
            return &common[i];
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        if (lines[i].name && strlen(lines[i].name) == len && strncmp(lines[i].name, name, len) == 0)
            return &lines[i];
    return NULL;
}

/* Takes --PARAM VALUE and --PARAM=VALUE out of argv; returns how many words are left, -1: wrong.
 */
static int take_params(struct job *job, int argc, char **argv)
{
    int kept = 1;
    for (int i = 1; i < argc; i++) {
        char *name = argv[i] + 2;
        size_t len = strncmp(argv[i], "--", 2) == 0 ? strcspn(name, "=") : 0;
        const struct option_line *line = len > 0 ? known(name, len) : NULL;
        if (len == 0 || line) {
            argv[kept++] = argv[i];
            if (line && line->arg && name[len] != '=' && i + 1 < argc)
                argv[kept++] = argv[++i];
            continue;
        }
        char *value = name[len] == '=' ? name + len + 1 : i + 1 < argc ? argv[++i] : NULL;
        if (!value || job->given_count == JOB_GIVEN) {
            say_error(&job->say, "--%s: its value is missing", "--%s：缺少取值", name);
            return -1;
        }
        name[len] = '\0';
        job->given[job->given_count++] = (struct scenario_given){.name = name, .value = value};
    }
    argv[kept] = NULL;
    return kept;
}

/* ---- jobs ----------------------------------------------------------------------------------- */

static int list(struct job *job)
{
    struct found *found;
    int count = find_all(job, &found);
    if (count < 0)
        return APP_FAILED;
    if (job->json)
        json_list(found, count);
    else
        lab_list(job, found, count);
    find_free(found, count);
    return APP_DONE;
}

static bool scene_exists(struct job *job, const struct lab *lab)
{
    char names[400] = "";
    size_t at = 0;
    for (unsigned i = 0; i < lab->scenes_count && job->scene; i++) {
        if (strcmp(lab->scenes[i].name, job->scene) == 0)
            return true;
        at += (size_t)snprintf(names + at, sizeof(names) - at, "%s%s", at ? ", " : "",
                               lab->scenes[i].name);
    }
    if (job->scene)
        say_error(&job->say, "%s has no scene \"%s\": there are %s",
                  "%s 没有名为 \"%s\" 的一幕：可用的有 %s", lab->name, job->scene, names);
    return !job->scene;
}

/* What the file promises and does not keep. */
static void complain(struct job *job, const struct lab *lab)
{
    if (lab->broken)
        say_error(&job->say, "%s: %s", "%s：%s", lab->name, lab->fault);
    for (unsigned i = 0; i < lab->says_count && !lab->given; i++) {
        const struct lab_say *s = &lab->says[i];
        if (!s->placed && !s->holds)
            say_error(&job->say, "%s:%u:%u: it never happened: %s", "%s:%u:%u：没有发生：%s",
                      lab->scenario.name, s->line, s->column, s->event);
    }
    for (unsigned i = 0; i < lab->claims_count && !lab->given; i++) {
        const struct lab_claim *c = &lab->claims[i];
        if (!c->holds)
            say_error(&job->say, "%s:%u:%u: this claim does not hold: %s (%s | %s)",
                      "%s:%u:%u：这条论断不成立：%s（%s | %s）", lab->scenario.name, c->line,
                      c->column, c->expression, c->miss.left_value, c->miss.right_value);
    }
}

static int show(struct job *job, struct lab *lab)
{
    bool to_stdout = (job->svg && strcmp(job->svg, "-") == 0) ||
                     (job->mermaid && strcmp(job->mermaid, "-") == 0);
    if (job->quiz && !job->json)
        return quiz_run(job, lab);
    if (job->json)
        json_run(job, lab);
    else if (!to_stdout)
        lab_report(job, lab);
    return pictures_write(job, lab) ? APP_DONE : APP_FAILED;
}

static int run(struct job *job)
{
    static struct lab lab;
    char path[JOB_PATH];
    if (!find_read(job, &lab, path))
        return APP_USAGE;
    lab.scenario.name = path;
    int code = APP_USAGE;
    if (scene_exists(job, &lab)) {
        code = APP_FAILED;
        if (!lab_run(&lab))
            say_error(&job->say, "no memory for this run, or no such network",
                      "内存不足，或网络无法构成");
        else
            code = show(job, &lab);
        if (!lab_holds(&lab)) {
            complain(job, &lab);
            code = APP_FAILED;
        }
    }
    lab_free(&lab);
    return code;
}

/* The parameters of one experiment, for its --help. */
static int help_of(struct job *job)
{
    static struct lab lab;
    char path[JOB_PATH];
    enum la_lang lang = job->say.lang;
    if (!find_read(job, &lab, path))
        return APP_USAGE;
    printf("%s\n%s\n\n", lab.title.say[lang], lab.question.say[lang]);
    for (unsigned i = 0; i < lab.scenario.params_count; i++) {
        const struct scenario_param *p = &lab.scenario.params[i];
        if (p->says[lang])
            printf("  --%-14s %-10s %s\n", p->name, p->value, p->says[lang]);
    }
    if (lab.scenes_count > 1)
        say_text(stdout, &job->say, "\nScenes (--scene):\n", "\n各幕（--scene）：\n");
    for (unsigned i = 0; i < lab.scenes_count && lab.scenes_count > 1; i++)
        printf("  %-16s %s\n", lab.scenes[i].name, lab.scenes[i].title.say[lang]);
    say_text(stdout, &job->say, "\nAll other options: lastack lab --help\n",
             "\n其余选项见 lastack lab --help\n");
    lab_free(&lab);
    return APP_DONE;
}

static bool wants_help(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

/* The first word that is no option and no argument of one. */
static const char *first_name(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] != '-')
            return argv[i];
        const struct option_line *line = known(argv[i] + 2, strcspn(argv[i] + 2, "="));
        if (strncmp(argv[i], "--", 2) == 0 && line && line->arg && !strchr(argv[i], '='))
            i++;
    }
    return NULL;
}

static int wrong_combination(struct job *job, const char *en, const char *zh)
{
    say_error(&job->say, "%s", "%s", say_words(&job->say, en, zh));
    return APP_USAGE;
}

static int dispatch(struct job *job)
{
    if (job->doc)
        return doc_write(job);
    if (job->name || job->file)
        return run(job);
    if (job->given_count > 0 || job->quiz || job->svg || job->pcap || job->mermaid)
        return wrong_combination(job, "which experiment? lastack lab lists them",
                                 "哪个实验？lastack lab 会列出全部");
    return list(job);
}

int lab_main(int argc, char **argv)
{
    static struct job job = {.colour = -1};
    const struct option_table table = {
        .lines = lines,
        .lines_count = sizeof(lines) / sizeof(lines[0]),
        .usage_en = usage_en,
        .usage_zh = usage_zh,
        .epilogue_en = epilogue_en,
        .epilogue_zh = epilogue_zh,
        .take = take,
    };
    say_init(&job.say, "lastack lab", argc, argv);
    argc = take_params(&job, argc, argv);
    if (argc < 0)
        return APP_USAGE;
    job.name = first_name(argc, argv);
    if (job.name && wants_help(argc, argv)) {
        job.given_count = 0;
        return help_of(&job);
    }
    int first = options_parse(&table, &job.say, argc, argv, &job);
    if (first == OPTIONS_HELPED)
        return APP_DONE;
    if (first < 0)
        return APP_USAGE;
    job.name = first < argc ? argv[first] : NULL;
    if (argc - first > 1 || (job.name && job.file)) {
        say_error(&job.say, "\"%s\" is one word too many: one experiment a run",
                  "\"%s\"多余：每次只运行一个实验", argv[argc - 1]);
        return APP_USAGE;
    }
    if (!job.columns_given)
        job.columns = say_columns(STDOUT_FILENO);
    if (job.colour < 0)
        job.colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
    return dispatch(&job);
}
