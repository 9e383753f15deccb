/* What `lastack nc` tells its user: where it runs, how far it is, what went wrong. */
#include <inttypes.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "apps/nc/nc.h"

/* ---- beginning ------------------------------------------------------------------------------ */

void nc_report_begin(struct nc *nc)
{
    char where[LA_ENDPOINT_TEXT_MAX], enter[128];
    if (nc->node.kind != NODE_LINK) {
        la_world_enter_command(enter, sizeof(enter));
        if (nc->node.kind == NODE_TUN)
            say_note(&nc->say, "TUN device %s in a namespace of its own",
                     "自建命名空间中的 TUN 设备 %s", node_device(&nc->node));
        else
            say_note(&nc->say, "%s", "自建命名空间中的 veth 对与 AF_PACKET（%s）",
                     nc->node.how.text);
        say_note(&nc->say, "enter it with: %s", "进入它的命令：%s", enter);
    }
    if (nc->node.link_down)
        say_note(&nc->say,
                 "%s is down: give its device an address of the kernel's and set it up: "
                 "ip addr add, ip link set up",
                 "%s 未启用：请给该设备配置内核一侧的地址并启用：ip addr add、ip link set up",
                 nc->node.link_name);
    if (nc->options->listen) {
        la_endpoint_format(&nc->options->there, where);
        say_note(&nc->say, "listening on %s", "正在监听 %s", where);
    }
}

void nc_report_open(struct nc *nc)
{
    char here[LA_ENDPOINT_TEXT_MAX], there[LA_ENDPOINT_TEXT_MAX];
    if (!nc->say.terminal || nc->diagram)
        return;
    la_endpoint_format(&nc->info.local, here);
    la_endpoint_format(&nc->info.remote, there);
    say_note(&nc->say, "connected: %s with %s", "已连接：%s 与 %s", here, there);
}

/* ---- on the way ----------------------------------------------------------------------------- */

/* The diagram and a conversation typed on the terminal leave no room for a line of figures. */
bool nc_report_is_live(const struct nc *nc)
{
    if (nc->say.quiet || !nc->say.terminal || nc->diagram)
        return false;
    return nc->phase == NC_TIME_WAIT || (nc->phase == NC_OPEN && !nc->is_typed);
}

void nc_report_progress(struct nc *nc)
{
    char in[LA_NUMBER_TEXT_MAX], out[LA_NUMBER_TEXT_MAX], rate[LA_NUMBER_TEXT_MAX];
    static const uint64_t tick_ns = 100 * 1000000;
    if (!nc_report_is_live(nc) || nc->node.clock_ns - nc->shown_ns < tick_ns)
        return;
    if (nc->phase == NC_OPEN && nc->node.clock_ns - nc->open_ns < tick_ns)
        return;
    nc->shown_ns = nc->node.clock_ns;
    if (nc->phase == NC_TIME_WAIT) {
        say_progress(&nc->say,
                     "TIME-WAIT: %u s left, in case the last ACK was lost; Ctrl-C %s leaves",
                     "TIME-WAIT：还剩 %u 秒，以防最后的 ACK 丢失；%s Ctrl-C 离开",
                     (nc->info.time_wait_left_ms + 999) / 1000,
                     nc->interrupted_once ? say_words(&nc->say, "again", "再按一次")
                                          : say_words(&nc->say, "twice", "按两次"));
        return;
    }
    uint64_t passed = nc->pump.bytes_in + nc->pump.bytes_out;
    la_bytes_format(nc->pump.bytes_in, in);
    la_bytes_format(nc->pump.bytes_out, out);
    la_rate_format(passed, nc->node.clock_ns - nc->open_ns, rate);
    say_progress(&nc->say, "received %s, sent %s, %s", "已收 %s，已发 %s，%s", in, out, rate);
}

/* ---- errors --------------------------------------------------------------------------------- */

void nc_report_open_error(struct nc *nc, int error)
{
    char where[LA_ENDPOINT_TEXT_MAX];
    la_endpoint_format(&nc->options->there, where);
    switch (error) {
    case LA_ENETUNREACH:
        say_error(&nc->say, "no route to %s: give --gw, or an --addr in its network",
                  "没有到 %s 的路由：请给出 --gw，或同一网络中的 --addr", where);
        break;
    case LA_EADDRNOTAVAIL:
        say_error(&nc->say, "%s: not an address of Lastack here: choose one of --addr",
                  "%s：不是 Lastack 在此的地址：请从 --addr 中选择", where);
        break;
    default:
        say_error(&nc->say, "%s: %s; see lastack nc --help", "%s：%s；见 lastack nc --help", where,
                  la_err_text(error));
        break;
    }
}

/* While it was being opened. */
static void not_connected(struct nc *nc, int error, const char *where)
{
    switch (error) {
    case LA_ECONNREFUSED:
    case LA_ECONNRESET:
        say_error(&nc->say, "%s: connection refused: nothing listens there; start the peer first",
                  "%s：连接被拒绝：那里没有程序在监听；请先启动对端", where);
        break;
    case LA_EHOSTUNREACH:
    case LA_ENETUNREACH:
        say_error(&nc->say, "%s: unreachable: no such host on the link; check address and --gw",
                  "%s：不可达：链路上没有这个主机；请检查地址与 --gw", where);
        break;
    case LA_ETIMEDOUT:
        say_error(&nc->say,
                  "%s: timed out: no answer; check that the host is up, and address and --gw",
                  "%s：超时：没有应答；请检查主机是否在运行，以及地址与 --gw", where);
        break;
    default:
        say_error(&nc->say, "%s: cannot connect: %s", "%s：无法连接：%s", where,
                  la_err_text(error));
        break;
    }
}

void nc_report_conn_error(struct nc *nc, int error)
{
    char where[LA_ENDPOINT_TEXT_MAX], in[LA_NUMBER_TEXT_MAX];
    node_trace(&nc->node, nc->diagram); /* what led to it stands above it */
    if (nc->phase < NC_OPEN) {
        la_endpoint_format(&nc->options->there, where);
        not_connected(nc, error, where);
        return;
    }
    la_endpoint_format(&nc->info.remote, where);
    la_count_format(nc->pump.bytes_in, in);
    if (error == LA_ECONNRESET)
        say_error(&nc->say, "%s reset the connection; the %s bytes that came before are written",
                  "%s 复位了连接；此前到达的 %s 字节已写出", where, in);
    else
        say_error(&nc->say, "the connection with %s failed: %s; the %s bytes that came are written",
                  "与 %s 的连接失败：%s；已到达的 %s 字节已写出", where, la_err_text(error), in);
}

void nc_report_pump_error(struct nc *nc)
{
    char in[LA_NUMBER_TEXT_MAX];
    const char *what = strerror(-nc->pump.error);
    la_count_format(nc->pump.bytes_in, in);
    if (nc->pump.state == PUMP_INPUT_FAILED)
        say_error(&nc->say, "cannot read standard input: %s; the connection was reset",
                  "无法读取标准输入：%s；已复位连接", what);
    else
        say_error(&nc->say,
                  "cannot write standard output: %s, after %s bytes; the connection was reset",
                  "无法写标准输出：%s（已写 %s 字节）；已复位连接", what, in);
}

void nc_report_link_error(struct nc *nc, int error)
{
    const char *name = nc->node.link_name;
    say_error(&nc->say, "the link %s failed: %s; is it up? (ip link set %s up)",
              "链路 %s 出错：%s；它启用了吗？（ip link set %s up）", name, la_err_text(error),
              node_device(&nc->node));
}

/* ---- the end -------------------------------------------------------------------------------- */

static void time_wait_left(struct nc *nc)
{
    char left[LA_NUMBER_TEXT_MAX];
    if (nc->left_ms == 0)
        return;
    la_duration_format(nc->left_ms * (uint64_t)LA_NS_PER_MS, left);
    say_note(&nc->say,
             "left TIME-WAIT %s early: if the last ACK was lost, nobody will answer the peer's FIN",
             "提前 %s 离开 TIME-WAIT：若最后的 ACK 丢失，将无人应答对端的 FIN", left);
}

static void summary(struct nc *nc)
{
    char in[LA_NUMBER_TEXT_MAX], out[LA_NUMBER_TEXT_MAX], time[LA_NUMBER_TEXT_MAX];
    char rate[LA_NUMBER_TEXT_MAX], again[LA_NUMBER_TEXT_MAX];
    uint64_t lasted_ns = nc->closed_ns - nc->open_ns;
    if (!nc->say.terminal || nc->open_ns == 0)
        return;
    la_bytes_format(nc->pump.bytes_in, in);
    la_bytes_format(nc->pump.bytes_out, out);
    la_duration_format(lasted_ns, time);
    la_rate_format(nc->pump.bytes_in + nc->pump.bytes_out, lasted_ns, rate);
    la_count_format(nc->info.rtx_segs, again);
    say_note(&nc->say, "received %s, sent %s in %s: %s, %s retransmissions",
             "已收 %s，已发 %s，用时 %s：%s，重传 %s 次", in, out, time, rate, again);
}

static void drops(struct nc *nc)
{
    uint64_t dropped = node_drops(&nc->node);
    const char *device = node_device(&nc->node);
    if (dropped > 0)
        say_note(&nc->say,
                 "the kernel dropped %llu packets for us: the queue of %s was full; lengthen it: "
                 "ip link set %s txqueuelen %d",
                 "内核丢弃了 %llu 个发给我们的分组：%s 的队列已满；请加长："
                 "ip link set %s txqueuelen %d",
                 (unsigned long long)dropped, device, device, NODE_QUEUE_FRAMES);
}

static void json(const struct nc *nc)
{
    char here[LA_ENDPOINT_TEXT_MAX], there[LA_ENDPOINT_TEXT_MAX];
    uint64_t lasted_ns = nc->open_ns ? nc->closed_ns - nc->open_ns : 0;
    uint64_t bytes = nc->pump.bytes_in + nc->pump.bytes_out;
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "result", nc->result);
    cJSON_AddStringToObject(object, "link", nc->node.link_name);
    if (nc->open_ns != 0) {
        la_endpoint_format(&nc->info.local, here);
        la_endpoint_format(&nc->info.remote, there);
        cJSON_AddStringToObject(object, "local", here);
        cJSON_AddStringToObject(object, "remote", there);
    }
    cJSON_AddNumberToObject(object, "bytes_in", (double)nc->pump.bytes_in);
    cJSON_AddNumberToObject(object, "bytes_out", (double)nc->pump.bytes_out);
    cJSON_AddNumberToObject(object, "seconds", (double)lasted_ns / 1e9);
    cJSON_AddNumberToObject(object, "gbit_per_s",
                            lasted_ns ? (double)bytes * 8 / (double)lasted_ns : 0);
    cJSON_AddNumberToObject(object, "segments_in", nc->info.segs_in);
    cJSON_AddNumberToObject(object, "segments_out", nc->info.segs_out);
    cJSON_AddNumberToObject(object, "retransmissions", nc->info.rtx_segs);
    cJSON_AddNumberToObject(object, "timeouts", nc->info.rtx_timeouts);
    cJSON_AddNumberToObject(object, "mss", nc->info.mss);
    cJSON_AddNumberToObject(object, "srtt_us", nc->info.srtt_us);
    cJSON_AddNumberToObject(object, "time_wait_left_ms", (double)nc->left_ms);
    if (nc->child.pid > 0 && nc->child.ended)
        cJSON_AddNumberToObject(object, "peer_status", nc->child.status);
    char *text = cJSON_PrintUnformatted(object);
    if (text)
        fprintf(stderr, "%s\n", text);
    cJSON_free(text);
    cJSON_Delete(object);
}

void nc_report_end(struct nc *nc)
{
    say_progress_end(&nc->say);
    time_wait_left(nc);
    summary(nc);
    drops(nc);
    if (nc->options->json)
        json(nc);
}
