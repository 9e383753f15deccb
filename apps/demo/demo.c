/* `lastack demo`: the main job in one go, as a story. Lastack meets the TCP of this machine's
 * kernel in a namespace of its own, carries a file in each direction, answers curl, and lets the
 * peer close first. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apps/apps.h"
#include "apps/common/options.h"
#include "apps/demo/demo.h"

enum { KEY_PCAP = OPTION_LONG, KEY_WORLD };

static const struct option_line lines[] = {
    {KEY_PCAP, "pcap", "FILE",
     "where the capture goes (default: build/demo/ if there is a build/,\n"
     "else a temporary directory)",
     "抓包文件的位置（默认：有 build/ 时为 build/demo/，\n否则为临时目录）"},
    {KEY_WORLD, "world", "KIND",
     "best (default): TUN, else veth with AF_PACKET, else memory;\n"
     "memory: two stacks in this process, without the kernel",
     "best（默认）：依次尝试 TUN、veth 加 AF_PACKET、内存；\n"
     "memory：本进程内的两个协议栈，不经过内核"},
};

static const char usage_en[] =
    "Usage: lastack demo [OPTION...]\n"
    "Lastack against the TCP of your own kernel, in a namespace that it makes for itself: netcat\n"
    "fetches a file of 64 MiB from Lastack, Lastack fetches one from netcat, curl fetches a page,\n"
    "and a peer closes its half first. Of each connection you see the sequence diagram, the\n"
    "goodput, and the sums of what was carried. No root is needed; it takes a few seconds.\n\n";
static const char usage_zh[] =
    "用法：lastack demo [选项...]\n"
    "在自建的命名空间里，让 Lastack 与你自己内核的 TCP 对话：netcat 从 Lastack 取一个\n"
    "64 MiB 的文件，Lastack 从 netcat 取回一个，curl 取一个网页，最后对端先关闭自己的一半。\n"
    "每个连接都给出时序图、有效吞吐率与内容校验和。不需要 root，只要几秒钟。\n\n";
static const char epilogue[] = "";

struct reader {
    struct demo *d;
    const char *pcap;
};

static bool take(void *ctx, int key, const char *arg)
{
    struct reader *r = ctx;
    if (key == KEY_PCAP)
        r->pcap = arg;
    if (key != KEY_WORLD)
        return true;
    r->d->world = arg;
    if (strcmp(arg, "best") == 0 || strcmp(arg, "memory") == 0)
        return true;
    say_error(&r->d->say, "no world \"%s\": write --world best or --world memory",
              "没有 \"%s\" 这种世界：请写 --world best 或 --world memory", arg);
    return false;
}

static int options_read(struct demo *d, int argc, char **argv, const char **pcap)
{
    struct reader reader = {.d = d};
    const struct option_table table = {
        .lines = lines,
        .lines_count = sizeof(lines) / sizeof(lines[0]),
        .usage_en = usage_en,
        .usage_zh = usage_zh,
        .epilogue_en = epilogue,
        .epilogue_zh = epilogue,
        .take = take,
    };
    int operands = options_parse(&table, &d->say, argc, argv, &reader);
    *pcap = reader.pcap;
    if (operands == OPTIONS_HELPED)
        return APP_DONE;
    if (operands == OPTIONS_WRONG)
        return APP_USAGE;
    if (operands == argc)
        return -1;
    say_error(&d->say, "\"%s\" is one word too many: lastack demo takes options only",
              "多出 \"%s\"：lastack demo 只接受选项", argv[operands]);
    return APP_USAGE;
}

static bool play(struct demo *d)
{
    print_title(d);
    print_heading(d, "a small world is made", "先造一个小世界");
    if (!stage_open(d))
        return false;
    print_world(d);
    bool good =
        part_netcat_fetches(d) && part_lastack_fetches(d) && part_curl(d) && part_half_close(d);
    stage_close(d);
    if (good)
        print_end(d);
    return good;
}

int demo_main(int argc, char **argv)
{
    struct demo d = {.file_fd = -1, .null_fd = -1};
    const char *pcap;
    say_init(&d.say, "lastack demo", argc, argv);
    d.colour = isatty(STDOUT_FILENO) && d.say.colour;
    d.columns = say_columns(STDOUT_FILENO);
    int code = options_read(&d, argc, argv, &pcap);
    if (code >= 0)
        return code;
    signal(SIGPIPE, SIG_IGN);
    code = props_make(&d, pcap) && play(&d) ? APP_DONE : APP_FAILED;
    if (d.file_fd >= 0)
        close(d.file_fd);
    return code;
}
