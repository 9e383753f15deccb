/* The command line of `lastack nc`. */
#include <string.h>

#include "apps/apps.h"
#include "apps/common/options.h"
#include "apps/common/parse.h"
#include "apps/nc/nc.h"

enum {
    KEY_TRACE = OPTION_LONG,
    KEY_PCAP,
    KEY_JSON,
    KEY_QUIET,
    KEY_LINK,
    KEY_ADDR,
    KEY_GW,
    KEY_MTU,
    KEY_IMPAIR,
    KEY_SEED,
    KEY_PEER,
    KEY_MSL,
    KEY_TIME_WAIT,
    KEY_NO_WAIT,
};

static const struct option_line lines[] = {
    {0, NULL, NULL, "As in OpenBSD's netcat:", "与 OpenBSD netcat 相同："},
    {'l', "listen", NULL, "wait for one connection instead of making one",
     "等待一个连接，而不是主动连接"},
    {'N', NULL, NULL, "end the sending side at the end of standard input (half-close)",
     "标准输入结束后关闭发送方向（半关闭）"},
    {'w', "timeout", "TIME", "give up when connecting takes, or nothing passes for, this long",
     "连接用时过长，或这么久没有数据通过，即放弃"},
    {'s', "source", "ADDR", "local address to connect from", "主动连接时使用的本端地址"},
    {'p', "source-port", "PORT", "local port to connect from", "主动连接时使用的本端端口"},
    {'d', NULL, NULL, "do not read standard input", "不读取标准输入"},
    {'4', NULL, NULL, "listen on IPv4 only", "只监听 IPv4"},
    {'6', NULL, NULL, "listen on IPv6 only", "只监听 IPv6"},
    {0, NULL, NULL, "What you see:", "可以看到什么："},
    {KEY_TRACE, "trace", NULL,
     "draw the sequence diagram on stderr, with the reason of each segment",
     "在标准错误上画出时序图，并说明每个报文段的原因"},
    {KEY_PCAP, "pcap", "FILE", "write every packet to FILE (pcapng), its reason as a comment",
     "把每个分组写入 FILE（pcapng），原因写在注释里"},
    {KEY_JSON, "json", NULL, "at the end, one JSON object on stderr that sums it up",
     "结束时在标准错误上输出一个 JSON 对象作为总结"},
    {KEY_QUIET, "quiet", NULL, "errors only", "只输出错误"},
    {0, NULL, NULL, "Where it runs:", "在哪里运行："},
    {KEY_LINK, "link", "KIND:NAME",
     "join the present network namespace over tun:NAME, tap:NAME,\n"
     "tun-plain:NAME (no offload) or packet:IFNAME;\n"
     "without it, a namespace of its own is made",
     "通过 tun:NAME、tap:NAME、tun-plain:NAME（无卸载）或 packet:IFNAME\n"
     "加入当前网络命名空间；不给出时自建一个命名空间"},
    {KEY_ADDR, "addr", "ADDR/PREFIX",
     "address of Lastack, may be repeated\n"
     "(default: 10.87.0.2/24 and fd87::2/64)",
     "Lastack 的地址，可重复\n（默认 10.87.0.2/24 与 fd87::2/64）"},
    {KEY_GW, "gw", "ADDR", "gateway for everything else", "其余目的地的网关"},
    {KEY_MTU, "mtu", "BYTES", "MTU of the link, 576 to 65535", "链路的 MTU，576 到 65535"},
    {KEY_IMPAIR, "impair", "SPEC",
     "make the link worse in both directions, for example\n"
     "loss=1%,delay=10ms,rate=10mbit",
     "让链路在两个方向上变差，例如\nloss=1%,delay=10ms,rate=10mbit"},
    {KEY_SEED, "seed", "NUMBER", "make every random choice follow from NUMBER",
     "让所有随机选择由 NUMBER 决定"},
    {KEY_PEER, "peer", "CMD",
     "run CMD with sh on the kernel's side; what it prints goes to stderr;\n"
     "its exit status is reported",
     "在内核一侧用 sh 运行 CMD；其输出转到标准错误，\n并报告其退出码"},
    {0, NULL, NULL, "After the last segment:", "最后一个报文段之后："},
    {KEY_MSL, "msl", "TIME", "maximum segment lifetime (default 30s); TIME-WAIT lasts twice that",
     "报文段最大生存时间（默认 30s）；TIME-WAIT 为其两倍"},
    {KEY_TIME_WAIT, "time-wait", "TIME", "how long TIME-WAIT lasts (default 2 MSL)",
     "TIME-WAIT 的时长（默认 2 MSL）"},
    {KEY_NO_WAIT, "no-wait", NULL, "leave TIME-WAIT at once", "立即离开 TIME-WAIT"},
    {0, NULL, NULL, "General:", "其他："},
};

static const char usage_en[] =
    "Usage: lastack nc [OPTION...] ADDR PORT\n"
    "       lastack nc -l [OPTION...] [ADDR] PORT\n"
    "Carries bytes from standard input to a peer, and from the peer to standard output, over a\n"
    "TCP/IP stack of its own. Addresses are numeric. The kernel's side of the namespace that it\n"
    "makes is 10.87.0.1 and fd87::1, Lastack is 10.87.0.2 and fd87::2; no root is needed.\n";
static const char usage_zh[] =
    "用法：lastack nc [选项...] ADDR PORT\n"
    "      lastack nc -l [选项...] [ADDR] PORT\n"
    "用自带的 TCP/IP 协议栈，把标准输入送往对端，把对端送来的字节写到标准输出。\n"
    "地址用数字形式。自建的命名空间里，内核一侧是 10.87.0.1 与 fd87::1，\n"
    "Lastack 是 10.87.0.2 与 fd87::2；不需要 root。\n";

static const char epilogue_en[] =
    "\nTIME is a number with ms, s or min; without a unit it is seconds.\n\n"
    "Watch a connection open, carry a word each way, and close:\n"
    "  echo hello | lastack nc -N --trace --msl 1s --peer 'echo world | nc -N -l 5000' \\\n"
    "      10.87.0.1 5000\n"
    "Receive a file from the kernel's netcat over a link that loses packets:\n"
    "  lastack nc -l --impair loss=1% --peer 'nc -N 10.87.0.2 5000 <FILE' 5000 >COPY\n"
    "\nExit codes: 0 done, 1 the connection or the peer's command failed, 2 wrong usage.\n";
static const char epilogue_zh[] =
    "\nTIME 是带 ms、s 或 min 的数；不带单位时为秒。\n\n"
    "观看一个连接从建立、双向各传一个词到关闭：\n"
    "  echo hello | lastack nc -N --trace --msl 1s --peer 'echo world | nc -N -l 5000' \\\n"
    "      10.87.0.1 5000\n"
    "通过会丢包的链路从内核的 netcat 接收文件：\n"
    "  lastack nc -l --impair loss=1% --peer 'nc -N 10.87.0.2 5000 <FILE' 5000 >COPY\n"
    "\n退出码：0 完成，1 连接或对端命令失败，2 用法错误。\n";

struct reader {
    struct nc_options *options;
    struct say *say;
};

/* ---- single options ------------------------------------------------------------------------- */

static bool duration_take(struct say *say, const char *name, const char *arg, uint64_t *ns)
{
    if (parse_duration(arg, ns) && *ns > 0)
        return true;
    say_error(say, "%s \"%s\" is no time: write it like 500ms, 1s or 2min (at most a day)",
              "%s \"%s\" 不是时间：请写成 500ms、1s 或 2min（不超过一天）", name, arg);
    return false;
}

static bool addr_take(struct reader *r, const char *arg)
{
    struct node_options *node = &r->options->node;
    if (node->addrs_count == NODE_ADDRS_MAX) {
        say_error(r->say, "--addr %s is one too many: at most %d", "--addr %s 太多：最多 %d 个",
                  arg, NODE_ADDRS_MAX);
        return false;
    }
    if (!parse_prefix(arg, &node->addrs[node->addrs_count].addr,
                      &node->addrs[node->addrs_count].prefix)) {
        say_error(r->say, "--addr \"%s\" cannot be read: write it like 10.87.0.2/24 or fd87::2/64",
                  "无法识别 --addr \"%s\"：请写成 10.87.0.2/24 或 fd87::2/64", arg);
        return false;
    }
    node->addrs_count++;
    return true;
}

static bool gateway_take(struct reader *r, const char *arg)
{
    struct node_options *node = &r->options->node;
    struct la_addr gateway;
    bool good = la_addr_parse(arg, &gateway) == 0;
    for (size_t i = 0; i < node->gateways_count && good; i++)
        good = la_addr_is_v4(&node->gateways[i]) != la_addr_is_v4(&gateway);
    if (!good) {
        say_error(r->say, "--gw \"%s\": write one numeric address for each of IPv4 and IPv6",
                  "--gw \"%s\"：IPv4 与 IPv6 各写一个数字地址", arg);
        return false;
    }
    node->gateways[node->gateways_count++] = gateway;
    return true;
}

static bool impair_take(struct reader *r, const char *arg)
{
    struct la_message why;
    r->options->node.impaired = true;
    if (la_impair_parse(arg, &r->options->node.impair, &why) == 0)
        return true;
    say_error(r->say, "--impair: %s", "--impair：%s", why.text);
    return false;
}

static bool source_take(struct reader *r, const char *arg)
{
    if (la_addr_parse(arg, &r->options->from.addr) == 0)
        return true;
    say_error(r->say, "--source \"%s\" is no numeric address: write one of Lastack's (see --addr)",
              "--source \"%s\" 不是数字地址：请写 Lastack 自己的地址（见 --addr）", arg);
    return false;
}

/* Of the options that have a value that can be wrong. */
static bool value_take(struct reader *r, int key, const char *arg)
{
    struct nc_options *o = r->options;
    uint64_t number;
    switch (key) {
    case 'w':
        return duration_take(r->say, "--timeout", arg, &o->timeout_ns);
    case 's':
        return source_take(r, arg);
    case 'p':
        if (!options_number(r->say, "--source-port", arg, 1, UINT16_MAX, &number))
            return false;
        o->from.port = (uint16_t)number;
        return true;
    case KEY_ADDR:
        return addr_take(r, arg);
    case KEY_GW:
        return gateway_take(r, arg);
    case KEY_MTU:
        if (!options_number(r->say, "--mtu", arg, 576, 65535, &number))
            return false;
        o->node.mtu = (uint32_t)number;
        return true;
    case KEY_IMPAIR:
        return impair_take(r, arg);
    case KEY_SEED:
        o->node.seeded = true;
        return options_number(r->say, "--seed", arg, 0, UINT64_MAX, &o->node.seed);
    case KEY_MSL:
        return duration_take(r->say, "--msl", arg, &o->node.msl_ns);
    default:
        return duration_take(r->say, "--time-wait", arg, &o->node.time_wait_ns);
    }
}

static bool take(void *ctx, int key, const char *arg)
{
    struct reader *r = ctx;
    struct nc_options *o = r->options;
    switch (key) {
    case 'l':
        o->listen = true;
        return true;
    case 'N':
        o->half_close = true;
        return true;
    case 'd':
        o->no_input = true;
        return true;
    case '4':
        o->only_v4 = true;
        return true;
    case '6':
        o->only_v6 = true;
        return true;
    case KEY_TRACE:
        o->trace = true;
        return true;
    case KEY_JSON:
        o->json = true;
        return true;
    case KEY_QUIET:
        r->say->quiet = true;
        return true;
    case KEY_NO_WAIT:
        o->no_wait = true;
        return true;
    case KEY_PCAP:
        o->node.pcap = arg;
        return true;
    case KEY_LINK:
        o->node.link = arg;
        return true;
    case KEY_PEER:
        o->peer = arg;
        return true;
    default:
        return value_take(r, key, arg);
    }
}

/* ---- operands ------------------------------------------------------------------------------- */

static bool port_read(struct reader *r, const char *text)
{
    if (parse_port(text, &r->options->there.port))
        return true;
    say_error(r->say, "port \"%s\" is none: write a number from 1 to 65535",
              "端口 \"%s\" 无效：请写 1 到 65535 之间的数", text);
    return false;
}

static bool address_read(struct reader *r, const char *text)
{
    struct la_endpoint *there = &r->options->there;
    if (la_addr_parse(text, &there->addr) < 0) {
        say_error(r->say,
                  "address \"%s\" is none: write it in numbers, for example 10.87.0.1 or fd87::1",
                  "地址 \"%s\" 无效：请用数字形式，例如 10.87.0.1 或 fd87::1", text);
        return false;
    }
    bool possible = !la_addr_is_multicast(&there->addr) && !la_addr_is_loopback(&there->addr) &&
                    (r->options->listen || !la_addr_is_unspecified(&there->addr));
    if (!possible)
        say_error(r->say,
                  "address %s cannot be a peer's here: the kernel's side is 10.87.0.1 and fd87::1",
                  "地址 %s 在这里不能是对端：内核一侧是 10.87.0.1 与 fd87::1", text);
    return possible;
}

static bool operands_read(struct reader *r, int count, char **operands)
{
    struct nc_options *o = r->options;
    if (count > 2) {
        say_error(r->say, "\"%s\" is one word too many: lastack nc [-l] [ADDR] PORT",
                  "多出 \"%s\"：lastack nc [-l] [ADDR] PORT", operands[2]);
        return false;
    }
    if (count == 0) {
        say_error(r->say, "no port: write lastack nc ADDR PORT, or lastack nc -l PORT",
                  "缺少端口：请写 lastack nc ADDR PORT，或 lastack nc -l PORT");
        return false;
    }
    if (count == 1 && !o->listen) {
        say_error(r->say,
                  "\"%s\" is only one of ADDR and PORT: write both to connect, or -l to listen",
                  "\"%s\" 只是 ADDR 与 PORT 之一：连接请写全两者，监听请加 -l", operands[0]);
        return false;
    }
    o->there.addr = o->only_v4 ? la_addr_any_v4() : la_addr_any_v6();
    if (count == 2 && !address_read(r, operands[0]))
        return false;
    return port_read(r, operands[count - 1]);
}

static bool agree(struct reader *r)
{
    const struct nc_options *o = r->options;
    if (o->only_v4 && o->only_v6) {
        say_error(r->say, "-4 and -6 exclude each other: leave out both for either version",
                  "-4 与 -6 互相排斥：两者都不写即可同时使用");
        return false;
    }
    if (o->listen && (o->from.port != 0 || !la_addr_is_unspecified(&o->from.addr))) {
        say_error(r->say, "-s and -p are for connecting: with -l, write lastack nc -l ADDR PORT",
                  "-s 与 -p 只用于主动连接：监听请写 lastack nc -l ADDR PORT");
        return false;
    }
    return true;
}

int nc_options_read(struct nc_options *options, struct say *say, int argc, char **argv)
{
    struct reader reader = {.options = options, .say = say};
    const struct option_table table = {
        .lines = lines,
        .lines_count = sizeof(lines) / sizeof(lines[0]),
        .usage_en = usage_en,
        .usage_zh = usage_zh,
        .epilogue_en = epilogue_en,
        .epilogue_zh = epilogue_zh,
        .take = take,
    };
    *options = (struct nc_options){0};
    int operands = options_parse(&table, say, argc, argv, &reader);
    if (operands == OPTIONS_HELPED)
        return APP_DONE;
    if (operands == OPTIONS_WRONG || !operands_read(&reader, argc - operands, argv + operands) ||
        !agree(&reader))
        return APP_USAGE;
    return -1;
}
