/* The command line of `lastack wire`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/apps.h"
#include "apps/common/options.h"
#include "apps/common/parse.h"
#include "apps/wire/wire.h"

#define TRIES_DEFAULT  3
#define BUFFER_DEFAULT (16U << 20)
#define MTU_DEFAULT    1500
#define FOR_DEFAULT_NS (UINT64_C(10) * 1000000000)

enum {
    KEY_A = OPTION_LONG,
    KEY_B,
    KEY_IMPAIR,
    KEY_RATE,
    KEY_RTT,
    KEY_QUEUE,
    KEY_LOSS,
    KEY_AT,
    KEY_SEED,
    KEY_MTU,
    KEY_SPIN,
    KEY_PCAP_A,
    KEY_PCAP_B,
    KEY_TRANSFER,
    KEY_FOR,
    KEY_BYTES,
    KEY_CC,
    KEY_BUFFER,
    KEY_TRIES,
    KEY_ACCEPT_LATE,
    KEY_JSON,
    KEY_QUIET,
};

static const struct option_line lines[] = {
    {0, NULL, NULL, "What it joins:", "连接什么："},
    {KEY_A, "a", "SIDE",
     "one side: kernel (a namespace of its own; the default), lastack,\n"
     "or tun:NAME[@NAMESPACE], a device that is there already",
     "一侧：kernel（自建命名空间，默认）、lastack，\n或已有设备 tun:NAME[@命名空间]"},
    {KEY_B, "b", "SIDE", "the other side, likewise", "另一侧，写法相同"},
    {KEY_MTU, "mtu", "BYTES", "of the sides that are made (default 1500)",
     "自建各侧的 MTU（默认 1500）"},
    {0, NULL, NULL, "How bad it is:", "线路有多差："},
    {KEY_RATE, "rate", "RATE", "100mbit: of either direction", "100mbit：每个方向的速率"},
    {KEY_RTT, "rtt", "TIME", "66ms: half of it in each direction", "66ms：每个方向各一半"},
    {KEY_QUEUE, "queue", "SIZE", "1bdp, 64kb or 100 (packets): in front of the rate",
     "1bdp、64kb 或 100（分组）：速率之前的队列"},
    {KEY_LOSS, "loss", "SHARE", "0.1%: of the packets of either direction",
     "0.1%：每个方向分组的丢失率"},
    {KEY_IMPAIR, "impair", "SPEC",
     "any of the words of lastack nc --impair; with a-to-b: or b-to-a: in\n"
     "front for one direction only, for example a-to-b:mask=0x7,delay=5ms",
     "lastack nc --impair 的任意词；前面加 a-to-b: 或 b-to-a: 则只作用于一个方向，\n"
     "例如 a-to-b:mask=0x7,delay=5ms"},
    {KEY_AT, "at", "TIME:SPEC",
     "the same from some time on, for example 5s:rate=1mbit or\n"
     "5s:b-to-a:mask=0x3; may be repeated, in the order of time",
     "从某时刻起改变，例如 5s:rate=1mbit 或 5s:b-to-a:mask=0x3；\n可重复，按时间顺序"},
    {KEY_SEED, "seed", "NUMBER", "makes every choice of the wire follow from NUMBER (default 1)",
     "让线路的所有随机选择由 NUMBER 决定（默认 1）"},
    {KEY_SPIN, "spin", "TIME",
     "wake this much earlier and watch the clock: exacter, but burns a\n"
     "processor; 50us does",
     "提前这么久醒来并盯住时钟：更准，但占用处理器；50us 足够"},
    {0, NULL, NULL, "What it measures:", "测量什么："},
    {KEY_TRANSFER, "transfer", NULL, "send a stream from side a to side b through it",
     "从 a 侧向 b 侧通过线路发送一个数据流"},
    {KEY_FOR, "for", "TIME", "how long (a transfer: 10s; else until it is interrupted)",
     "持续多久（传输默认 10s；否则直到被中断）"},
    {KEY_BYTES, "bytes", "NUMBER", "as many bytes instead", "改为传输这么多字节"},
    {KEY_CC, "cc", "NAME", "congestion control of the sender, for example cubic",
     "发送方内核的拥塞控制，例如 cubic"},
    {KEY_BUFFER, "buffer", "BYTES", "send and receive buffer of Lastack's ends (default 16777216)",
     "Lastack 两端的收发缓冲区（默认 16777216）"},
    {KEY_TRIES, "tries", "NUMBER",
     "repeat a transfer in which a device dropped packets, or the wire\n"
     "was late, until there were so many (default 3)",
     "设备丢包或线路延误时重做传输，最多这么多次（默认 3）"},
    {KEY_ACCEPT_LATE, "accept-late", NULL, "let a transfer count also when the wire was late",
     "线路延误时传输也算有效"},
    {'6', NULL, NULL, "over IPv6", "使用 IPv6"},
    {0, NULL, NULL, "What you see:", "可以看到什么："},
    {KEY_PCAP_A, "pcap-a", "FILE", "write what passes side a to FILE (pcapng), with its fate",
     "把经过 a 侧的分组及其命运写入 FILE（pcapng）"},
    {KEY_PCAP_B, "pcap-b", "FILE", "the same of side b", "b 侧，同上"},
    {KEY_JSON, "json", NULL, "at the end, one JSON object on stdout",
     "结束时在标准输出上输出一个 JSON 对象"},
    {KEY_QUIET, "quiet", NULL, "errors only", "只输出错误"},
    {0, NULL, NULL, "General:", "其他："},
};

static const char usage_en[] =
    "Usage: lastack wire [OPTION...] [-- COMMAND...]\n"
    "       lastack wire [OPTION...] --transfer\n"
    "A bad wire in user space: it joins two sides and delays, loses, reorders, doubles, damages "
    "and\n"
    "marks what passes, without netem and without a kernel module. Side a is 10.87.0.1 and "
    "fd87::1,\n"
    "side b 10.87.0.2 and fd87::2. It needs /dev/net/tun for sides of the kernel.\n\n"
    "COMMAND runs with sh on side a (on b, if a is Lastack); there $WIRE_A and $WIRE_B are "
    "commands\n"
    "that run something on a side. Without COMMAND, the wire is there until Ctrl-C.\n";
static const char usage_zh[] =
    "用法：lastack wire [选项...] [-- 命令...]\n"
    "      lastack wire [选项...] --transfer\n"
    "用户态的劣质线路：连接两侧，对经过的分组进行延迟、丢弃、重排、重复、损坏和标记，\n"
    "不需要 netem，也不需要内核模块。a 侧是 10.87.0.1 与 fd87::1，b 侧是 10.87.0.2 与 fd87::2。\n"
    "内核一侧需要 /dev/net/tun。\n\n"
    "命令用 sh 在 a 侧运行（a 为 Lastack 时在 b 侧）；其中 $WIRE_A 与 $WIRE_B 是在相应一侧\n"
    "运行程序的命令。不给命令时，线路一直存在到 Ctrl-C。\n";

static const char epilogue_en[] =
    "\nTIME is a number with us, ms, s or min.\n\n"
    "See a round trip of 66 ms:\n"
    "  lastack wire --rtt 66ms -- ping -c 3 10.87.0.2\n"
    "How fast is the kernel's CUBIC over a transatlantic path that loses 1 %, and how fast "
    "Lastack?\n"
    "  lastack wire --rate 100mbit --rtt 66ms --queue 1bdp --loss 1% --cc cubic --transfer\n"
    "  lastack wire --rate 100mbit --rtt 66ms --queue 1bdp --loss 1% --a lastack --transfer\n"
    "Lose the last segment of three, and look at what the sender did:\n"
    "  lastack wire --rtt 20ms --impair a-to-b:mask-data=0x4 --transfer --bytes 4000 --pcap-a x\n"
    "\nExit codes: 0 done, 1 failed or not valid, 2 wrong usage; else that of COMMAND.\n";
static const char epilogue_zh[] =
    "\nTIME 是带 us、ms、s 或 min 的数。\n\n"
    "看到 66 毫秒的往返时间：\n"
    "  lastack wire --rtt 66ms -- ping -c 3 10.87.0.2\n"
    "在丢包 1% 的跨洋路径上，内核的 CUBIC 有多快，Lastack 又有多快？\n"
    "  lastack wire --rate 100mbit --rtt 66ms --queue 1bdp --loss 1% --cc cubic --transfer\n"
    "  lastack wire --rate 100mbit --rtt 66ms --queue 1bdp --loss 1% --a lastack --transfer\n"
    "丢掉三个报文段中的最后一个，看发送方怎么做：\n"
    "  lastack wire --rtt 20ms --impair a-to-b:mask-data=0x4 --transfer --bytes 4000 --pcap-a x\n"
    "\n退出码：0 完成，1 失败或无效，2 用法错误；否则为命令的退出码。\n";

struct reader {
    struct wire_options *options;
    struct say *say;
};

/* ---- single options ------------------------------------------------------------------------- */

static bool side_take(struct reader *r, int number, const char *arg)
{
    struct side_options *side = &r->options->sides[number];
    if (strcmp(arg, "kernel") == 0) {
        side->kind = SIDE_KERNEL;
        return true;
    }
    if (strcmp(arg, "lastack") == 0) {
        side->kind = SIDE_LASTACK;
        return true;
    }
    const char *name = arg + 4, *at = strchr(arg, '@');
    size_t len = strncmp(arg, "tun:", 4) != 0 ? 0 : at ? (size_t)(at - name) : strlen(name);
    if (len == 0 || len >= sizeof(side->device) ||
        (at && (at[1] == '\0' || strlen(at + 1) >= sizeof(side->ns)))) {
        say_error(r->say, "no side \"%s\": write kernel, lastack, tun:NAME or tun:NAME@NAMESPACE",
                  "没有 \"%s\" 这种侧：请写 kernel、lastack、tun:NAME 或 tun:NAME@命名空间", arg);
        return false;
    }
    side->kind = SIDE_TUN;
    memcpy(side->device, name, len);
    side->device[len] = '\0';
    if (at)
        snprintf(side->ns, sizeof(side->ns), "%s", at + 1);
    return true;
}

/* Reads "a-to-b:" or "b-to-a:" in front of a SPEC; returns what follows. */
static const char *direction_read(const char *text, bool concerns[2])
{
    bool there = strncmp(text, "a-to-b", 6) == 0, back = strncmp(text, "b-to-a", 6) == 0;
    bool given = (there || back) && (text[6] == ':' || text[6] == '=');
    concerns[0] = !given || there;
    concerns[1] = !given || back;
    return given ? text + 7 : text;
}

static bool impair_take(struct reader *r, const char *option, const char *spec)
{
    struct la_message why;
    bool concerns[2];
    const char *words = direction_read(spec, concerns);
    for (int i = 0; i < 2; i++) {
        if (!concerns[i] || la_impair_add(words, &r->options->lanes[i], &why) == 0)
            continue;
        say_error(r->say, "%s: %s", "%s：%s", option, why.text);
        return false;
    }
    return true;
}

/* --rate 10mbit is --impair rate=10mbit. */
static bool word_take(struct reader *r, const char *word, const char *arg)
{
    char spec[64], option[16];
    snprintf(option, sizeof(option), "--%s", word);
    if (strchr(arg, ',') ||
        (size_t)snprintf(spec, sizeof(spec), "%s=%s", word, arg) >= sizeof(spec)) {
        say_error(r->say, "%s takes one value: not \"%s\"", "%s 只接受一个值，而不是 \"%s\"",
                  option, arg);
        return false;
    }
    return impair_take(r, option, spec);
}

static bool at_take(struct reader *r, const char *arg)
{
    struct wire_options *o = r->options;
    char time[32];
    const char *colon = strchr(arg, ':');
    size_t len = colon ? (size_t)(colon - arg) : 0;
    if (o->changes_count == WIRE_CHANGES_MAX) {
        say_error(r->say, "--at \"%s\" is one too many: at most %d", "--at \"%s\" 太多：最多 %d 个",
                  arg, WIRE_CHANGES_MAX);
        return false;
    }
    struct wire_change *change = &o->changes[o->changes_count];
    if (len > 0 && len < sizeof(time)) {
        memcpy(time, arg, len);
        time[len] = '\0';
    }
    if (len == 0 || len >= sizeof(time) || !parse_duration(time, &change->after_ns)) {
        say_error(r->say, "--at \"%s\" cannot be read: write it like 5s:rate=1mbit",
                  "无法识别 --at \"%s\"：请写成 5s:rate=1mbit", arg);
        return false;
    }
    if (o->changes_count > 0 && change[-1].after_ns > change->after_ns) {
        say_error(r->say, "--at \"%s\" comes before the one in front of it: sort them by time",
                  "--at \"%s\" 早于前一个：请按时间排序", arg);
        return false;
    }
    change->spec = direction_read(colon + 1, change->concerns);
    o->changes_count++;
    return true;
}

static bool time_take(struct reader *r, const char *option, const char *arg, uint64_t *ns)
{
    if (parse_duration(arg, ns) && *ns > 0)
        return true;
    say_error(r->say, "%s \"%s\" is no time: write it like 50us, 500ms, 1s or 2min",
              "%s \"%s\" 不是时间：请写成 50us、500ms、1s 或 2min", option, arg);
    return false;
}

static bool small_take(struct reader *r, const char *option, const char *arg, uint64_t min,
                       uint64_t max, uint32_t *to)
{
    uint64_t number;
    bool taken = options_number(r->say, option, arg, min, max, &number);
    if (taken)
        *to = (uint32_t)number;
    return taken;
}

static bool take(void *ctx, int key, const char *arg)
{
    struct reader *r = ctx;
    struct wire_options *o = r->options;
    switch (key) {
    case KEY_A:
    case KEY_B:
        return side_take(r, key == KEY_B, arg);
    case KEY_IMPAIR:
        return impair_take(r, "--impair", arg);
    case KEY_RATE:
        return word_take(r, "rate", arg);
    case KEY_RTT:
        return word_take(r, "rtt", arg);
    case KEY_QUEUE:
        return word_take(r, "queue", arg);
    case KEY_LOSS:
        return word_take(r, "loss", arg);
    case KEY_AT:
        return at_take(r, arg);
    case KEY_SEED:
        return options_number(r->say, "--seed", arg, 0, UINT64_MAX, &o->seed);
    case KEY_MTU:
        return small_take(r, "--mtu", arg, 576, 65535, &o->mtu);
    case KEY_SPIN:
        return time_take(r, "--spin", arg, &o->spin_ns);
    case KEY_FOR:
        return time_take(r, "--for", arg, &o->for_ns);
    case KEY_BYTES:
        return options_number(r->say, "--bytes", arg, 1, UINT64_MAX / 2, &o->bytes);
    case KEY_BUFFER:
        return small_take(r, "--buffer", arg, 4096, 1U << 30, &o->buffer_bytes);
    case KEY_TRIES:
        return options_number(r->say, "--tries", arg, 1, 100, &o->tries);
    case KEY_PCAP_A:
    case KEY_PCAP_B:
        o->sides[key == KEY_PCAP_B].pcap = arg;
        return true;
    case KEY_CC:
        o->cc = arg;
        return true;
    case KEY_TRANSFER:
        o->transfer = true;
        return true;
    case KEY_ACCEPT_LATE:
        o->accept_late = true;
        return true;
    case KEY_JSON:
        o->json = true;
        return true;
    case KEY_QUIET:
        o->quiet = true;
        return true;
    default: /* '6' */
        o->v6 = true;
        return true;
    }
}

/* ---- all together --------------------------------------------------------------------------- */

/* A round trip is half a delay in each direction, beside what --impair says of it. */
static bool lane_finish(struct reader *r, const char *option, struct la_impair *lane)
{
    struct la_message why;
    if (lane->delay_ns == 0)
        lane->delay_ns = lane->rtt_ns / 2;
    if (la_impair_check(lane, &why) == 0)
        return true;
    say_error(r->say, "%s: %s", "%s：%s", option, why.text);
    return false;
}

static bool lanes_finish(struct reader *r)
{
    struct wire_options *o = r->options;
    struct la_impair now[2] = {o->lanes[0], o->lanes[1]};
    struct la_message why;
    for (int i = 0; i < 2; i++)
        if (!lane_finish(r, "--impair", &o->lanes[i]))
            return false;
    for (size_t c = 0; c < o->changes_count; c++) {
        struct wire_change *change = &o->changes[c];
        for (int i = 0; i < 2; i++) {
            now[i].loss_mask = now[i].loss_mask_data = 0;
            if (change->concerns[i] && la_impair_add(change->spec, &now[i], &why) < 0) {
                say_error(r->say, "--at: %s", "--at：%s", why.text);
                return false;
            }
            change->lanes[i] = now[i];
            if (!lane_finish(r, "--at", &change->lanes[i]))
                return false;
        }
    }
    return true;
}

static bool command_join(struct reader *r, int count, char **words)
{
    size_t len = 1;
    if (count == 0)
        return true;
    for (int i = 0; i < count; i++)
        len += strlen(words[i]) + 1;
    char *at = r->options->command = malloc(len);
    if (!at)
        return false;
    for (int i = 0; i < count; i++)
        at = stpcpy(stpcpy(at, i > 0 ? " " : ""), words[i]);
    return true;
}

static bool agree(struct reader *r)
{
    struct wire_options *o = r->options;
    bool kernels = o->sides[0].kind != SIDE_LASTACK || o->sides[1].kind != SIDE_LASTACK;
    if (o->transfer && o->command) {
        say_error(r->say, "--transfer and a command exclude each other",
                  "--transfer 与命令互相排斥");
        return false;
    }
    if (!o->transfer && o->bytes > 0) {
        say_error(r->say, "--bytes is for a transfer: add --transfer",
                  "--bytes 用于传输：请加 --transfer");
        return false;
    }
    if (!o->transfer && !kernels) {
        say_error(r->say, "two Lastacks have nothing to say to each other: add --transfer",
                  "两个 Lastack 之间无事可做：请加 --transfer");
        return false;
    }
    if (!o->transfer && (o->sides[0].kind == SIDE_LASTACK || o->sides[1].kind == SIDE_LASTACK) &&
        !o->command && o->for_ns == 0)
        say_note(r->say, "Lastack only answers pings here: add --transfer for more",
                 "此处 Lastack 只应答 ping：更多请加 --transfer");
    if (o->transfer && o->for_ns == 0 && o->bytes == 0)
        o->for_ns = FOR_DEFAULT_NS;
    return true;
}

int wire_options_read(struct wire_options *options, struct say *say, int argc, char **argv)
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
    *options = (struct wire_options){
        .seed = 1, .mtu = MTU_DEFAULT, .tries = TRIES_DEFAULT, .buffer_bytes = BUFFER_DEFAULT};
    int operands = options_parse(&table, say, argc, argv, &reader);
    if (operands == OPTIONS_HELPED)
        return APP_DONE;
    if (operands == OPTIONS_WRONG || !command_join(&reader, argc - operands, argv + operands) ||
        !agree(&reader) || !lanes_finish(&reader))
        return APP_USAGE;
    return -1;
}
