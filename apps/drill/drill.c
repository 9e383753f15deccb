/* `lastack drill`: the command line. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apps/apps.h"
#include "apps/common/options.h"
#include "apps/common/parse.h"
#include "apps/drill/drill_app.h"
#include "drill/job.h"

enum {
    KEY_PERSONA = OPTION_LONG,
    KEY_IP,
    KEY_SLOW,
    KEY_SEED,
    KEY_ISN,
    KEY_TARGET,
    KEY_TAP,
    KEY_JUNIT,
    KEY_JSON,
    KEY_PCAP,
    KEY_AT_LEAST,
    KEY_LIST,
    KEY_RECORD,
    KEY_LOCAL,
};

static const struct option_line lines[] = {
    {0, NULL, NULL, "What is run", "运行什么"},
    {KEY_PERSONA, "persona", "NAME|FILE",
     "the choices of which stack (default lastack); a script that\nnames one by its first command "
     "keeps that",
     "采用哪个协议栈的习惯（默认 lastack）；\n脚本首条命令指定的优先"},
    {KEY_IP, "ip", "4|6", "run over this version of IP, whatever the scripts say",
     "无论脚本如何，都使用此 IP 版本"},
    {KEY_SLOW, "slow-path", NULL, "without the stack's fast path", "关闭协议栈的快速路径"},
    {'D', "define", "NAME=VALUE", "what a name in scripts stands for", "定义脚本中的名称"},
    {KEY_SEED, "seed", "N", "seed of the stack's random numbers (default 1)",
     "协议栈随机数的种子（默认 1）"},
    {KEY_ISN, "isn", "N", "added to the peer's initial sequence numbers", "加到对端初始序号上的数"},
    {KEY_TARGET, "target", "lastack|kernel",
     "in virtual time, or the kernel behind a TUN device\nin real time (needs rights)",
     "虚拟时间中的 Lastack，\n或 TUN 设备后的内核（实时，需要权限）"},
    {'j', "jobs", "N", "workers side by side (default: one a processor)",
     "并行的进程数（默认每处理器一个）"},
    {0, NULL, NULL, "What is told", "输出什么"},
    {'v', "verbose", NULL, "also the scripts that passed", "也列出通过的脚本"},
    {KEY_TAP, "tap", NULL, "as TAP", "以 TAP 输出"},
    {KEY_JUNIT, "junit", "FILE", "writes JUnit's XML as well", "另写 JUnit XML 文件"},
    {KEY_JSON, "json", NULL, "as one JSON object", "以一个 JSON 对象输出"},
    {KEY_PCAP, "pcap", "FILE", "writes the packets of the script (one script) as pcapng",
     "把（单个）脚本的报文写成 pcapng"},
    {KEY_AT_LEAST, "at-least", "N", "exit code 0 when so many pass", "至少这么多通过即退出码 0"},
    {KEY_LIST, "list", NULL, "personas and calls there are", "列出已知的习惯与调用"},
    {0, NULL, NULL, "Writing scripts", "编写脚本"},
    {KEY_RECORD, "record", NULL, "writes a script from a capture (pcap, pcapng), or several",
     "由抓包文件（pcap、pcapng）写出脚本"},
    {KEY_LOCAL, "local", "ADDR",
     "--record: the end that the script tests\n(default: who sent the first SYN)",
     "--record：脚本所测试的一端\n（默认发送首个 SYN 的一端）"},
};

static const char usage_en[] =
    "Usage: lastack drill [OPTION...] SCRIPT|FOLDER|@LIST...\n"
    "       lastack drill --record [OPTION...] CAPTURE\n"
    "Runs packet scripts against Lastack, segment by segment and in virtual time. The language is\n"
    "packetdrill's; docs/drill.md tells how to write a first script in five minutes.\n";
static const char usage_zh[] =
    "用法：lastack drill [选项...] 脚本|目录|@列表...\n"
    "      lastack drill --record [选项...] 抓包文件\n"
    "在虚拟时间中逐报文段地用脚本检验 Lastack。脚本语言是 packetdrill 的语言；\n"
    "docs/drill.md 说明如何在五分钟内写出第一个脚本。\n";
static const char epilogue_en[] =
    "\nA script, first.pkt:\n"
    "   0   socket(..., SOCK_STREAM, IPPROTO_TCP) = 3      // a call and its result\n"
    "  +0   bind(3, ..., ...) = 0                          // at once after the last event\n"
    "  +0   listen(3, 1) = 0\n"
    "  +.1  < S 0:0(0) win 65535 <mss 1460>                // 0.1 s later a SYN arrives\n"
    "  +0   > S. 0:0(0) ack 1 <...>                        // the stack must answer it\n"
    "  +.1  < . 1:1(0) ack 1 win 65535\n"
    "  +0   accept(3, ..., ...) = 4\n"
    "\nExamples:\n"
    "  lastack drill first.pkt\n"
    "  lastack drill tests/drill --ip 6 -j2\n"
    "  lastack drill @linux.txt --persona linux --junit report.xml\n"
    "  lastack drill --record wire.pcapng > again.pkt\n"
    "\nExit codes: 0 all passed, 1 a script failed, 2 wrong usage.\n";
static const char epilogue_zh[] =
    "\n一个脚本 first.pkt：\n"
    "   0   socket(..., SOCK_STREAM, IPPROTO_TCP) = 3      // 调用及其结果\n"
    "  +0   bind(3, ..., ...) = 0                          // 紧接上一事件\n"
    "  +0   listen(3, 1) = 0\n"
    "  +.1  < S 0:0(0) win 65535 <mss 1460>                // 0.1 秒后到达一个 SYN\n"
    "  +0   > S. 0:0(0) ack 1 <...>                        // 协议栈必须应答\n"
    "  +.1  < . 1:1(0) ack 1 win 65535\n"
    "  +0   accept(3, ..., ...) = 4\n"
    "\n示例：\n"
    "  lastack drill first.pkt\n"
    "  lastack drill tests/drill --ip 6 -j2\n"
    "  lastack drill @linux.txt --persona linux --junit report.xml\n"
    "  lastack drill --record wire.pcapng > again.pkt\n"
    "\n退出码：0 全部通过，1 有脚本失败，2 用法错误。\n";

/* ---- options -------------------------------------------------------------------------------- */

static bool take_persona(struct drill_app *app, const char *arg)
{
    char why[300];
    if (drill_persona_load(&app->persona, arg, why, sizeof(why))) {
        app->config.persona = &app->persona;
        return true;
    }
    say_error(&app->say, "--persona: %s", "--persona：%s", why);
    return false;
}

static bool take_define(struct drill_app *app, const char *arg)
{
    char *name, *value;
    bool full = app->defines_count == DRILL_DEFINES;
    if (!options_pair(&app->say, "--define", arg, "CODE=host_unreachable", full, &name, &value))
        return false;
    app->defines[app->defines_count++] = (struct drill_define){.name = name, .value = value};
    return true;
}

static bool take_word(struct drill_app *app, const char *name, const char *arg, const char *one,
                      const char *other, bool *is_other)
{
    *is_other = strcmp(arg, other) == 0;
    if (*is_other || strcmp(arg, one) == 0)
        return true;
    say_error(&app->say, "%s %s: it is %s or %s", "%s %s：只能是 %s 或 %s", name, arg, one, other);
    return false;
}

static bool take_output(struct drill_app *app, int key, const char *arg)
{
    switch (key) {
    case 'v':
        app->verbose = true;
        return true;
    case KEY_TAP:
        app->tap = true;
        return true;
    case KEY_JUNIT:
        app->junit = arg;
        return true;
    case KEY_JSON:
        app->json = true;
        return true;
    case KEY_LIST:
        app->list = true;
        return true;
    case KEY_RECORD:
        app->record = true;
        return true;
    case KEY_LOCAL:
        app->local = arg;
        return true;
    case KEY_PCAP:
        app->config.pcap = arg;
        return true;
    default:
        return options_number(&app->say, "--at-least", arg, 0, 1000000, &app->at_least);
    }
}

static bool take(void *ctx, int key, const char *arg)
{
    struct drill_app *app = ctx;
    uint64_t number = 0;
    bool other = false, good;
    switch (key) {
    case KEY_PERSONA:
        return take_persona(app, arg);
    case KEY_IP:
        good = take_word(app, "--ip", arg, "4", "6", &other);
        app->ip = other ? 6 : 4;
        return good;
    case KEY_SLOW:
        app->config.slow_path = true;
        return true;
    case 'D':
        return take_define(app, arg);
    case KEY_SEED:
        return options_number(&app->say, "--seed", arg, 0, UINT64_MAX - 1, &app->config.seed);
    case KEY_ISN:
        good = options_number(&app->say, "--isn", arg, 0, UINT32_MAX, &number);
        app->config.isn_shift = (uint32_t)number;
        return good;
    case KEY_TARGET:
        return take_word(app, "--target", arg, "lastack", "kernel", &app->config.kernel);
    case 'j':
        good = options_number(&app->say, "-j", arg, 1, 64, &number);
        app->workers = (unsigned)number;
        return good;
    default:
        return take_output(app, key, arg);
    }
}

/* ---- jobs ----------------------------------------------------------------------------------- */

static void list(void)
{
    char names[300];
    drill_persona_list(names, sizeof(names));
    printf("personas: %s\ncalls:", names);
    for (unsigned i = 0; drill_call_name(i); i++)
        printf("%s %s", i % 10 == 9 ? "\n      " : "", drill_call_name(i));
    printf("\n");
}

static int run(struct drill_app *app)
{
    tell_begin(app);
    if (!work_run(app)) {
        say_error(&app->say, "the workers could not be started, or went away",
                  "无法启动工作进程，或其意外退出");
        return APP_FAILED;
    }
    if (!tell_end(app))
        return APP_FAILED;
    bool good = app->at_least == UINT64_MAX ? app->failed == 0 : app->passed >= app->at_least;
    return good ? APP_DONE : APP_FAILED;
}

static void defaults(struct drill_app *app)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    drill_config_init(&app->config);
    app->workers = processors > 0 && processors < 64 ? (unsigned)processors : 1;
    app->at_least = UINT64_MAX;
    app->config.lang = app->say.lang;
    app->config.unicode = app->say.unicode && isatty(STDOUT_FILENO);
    app->config.colour = app->say.colour && isatty(STDOUT_FILENO);
}

int drill_main(int argc, char **argv)
{
    static struct drill_app app;
    const struct option_table table = {
        .lines = lines,
        .lines_count = sizeof(lines) / sizeof(lines[0]),
        .usage_en = usage_en,
        .usage_zh = usage_zh,
        .epilogue_en = epilogue_en,
        .epilogue_zh = epilogue_zh,
        .take = take,
    };
    say_init(&app.say, "lastack drill", argc, argv);
    defaults(&app);
    int first = options_parse(&table, &app.say, argc, argv, &app);
    if (first == OPTIONS_HELPED)
        return APP_DONE;
    if (first < 0)
        return APP_USAGE;
    if (app.list) {
        list();
        return APP_DONE;
    }
    if (first == argc) {
        say_error(&app.say, "no script: write lastack drill FILE, FOLDER or @LIST (--help)",
                  "缺少脚本：请写 lastack drill 文件、目录或 @列表（见 --help）");
        return APP_USAGE;
    }
    bool good = true;
    for (int i = first; good && i < argc; i++)
        good = paths_add(&app, argv[i]);
    if (good && app.count == 0) {
        say_error(&app.say, "no script ends in .pkt there", "其中没有以 .pkt 结尾的脚本");
        good = false;
    }
    if (good && app.config.pcap && app.count > 1) {
        say_error(&app.say, "--pcap is for one script", "--pcap 仅用于单个脚本");
        good = false;
    }
    int code = !good ? APP_USAGE : app.record ? record_run(&app) : run(&app);
    paths_free(&app);
    return code;
}
