/* The table of figures, and what is noted about each. The targets are those of the issue that
 * asked for them (docs/performance.md). */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "apps/bench/bench.h"

#define COUNT(name_, kind_, run_, variant_, group_, most_, en_, zh_)                            \
    {                                                                                           \
        .name = (name_), .kind = (kind_), .unit = "B", .run = (run_), .once = true,             \
        .variant = (variant_), .group = (group_), .digits = 1,                                  \
        .sense = (most_) > 0 ? BENCH_AT_MOST : BENCH_NO_TARGET, .target = (most_), .en = (en_), \
        .zh = (zh_)                                                                             \
    }

#define SPEED(name_, kind_, unit_, digits_, run_, variant_, group_, least_, en_, zh_)              \
    {                                                                                              \
        .name = (name_), .kind = (kind_), .unit = (unit_), .run = (run_), .variant = (variant_),   \
        .group = (group_), .digits = (digits_),                                                    \
        .sense = (least_) > 0 ? BENCH_AT_LEAST : BENCH_NO_TARGET, .target = (least_), .en = (en_), \
        .zh = (zh_)                                                                                \
    }

/* A population gives both: the bytes of its records and their share of the table. */
#define POPULATION(kind_, variant_, most_)                                                      \
    COUNT("idle-bytes", kind_, idle_run, variant_, 2, most_, "bytes of an idle record",         \
          "一条空闲记录的字节数"),                                                              \
        COUNT("index-bytes", kind_, idle_run, variant_, 0, 16, "bytes of table a record takes", \
              "每条记录在查找表中占用的字节数")

#define BULK(name_, variant_, least_, en_, zh_) \
    SPEED(name_, "throughput", "Gbit/s", 2, bulk_run, variant_, 1, least_, en_, zh_)

#define PINGPONG(name_, conns_, en_, zh_) \
    SPEED(name_, "round-trip", "ns", 0, pingpong_run, conns_, 1, 0, en_, zh_)

static struct figure figures[] = {
    COUNT("size", "size", size_run, 0, 1, 224 * 1024, "the core's archive, all sections loaded",
          "核心静态库中所有装载节的大小"),
    POPULATION("established", IDLE_ESTABLISHED, 512),
    POPULATION("established", IDLE_ESTABLISHED + IDLE_V6, 512),
    POPULATION("time-wait", IDLE_TIME_WAIT, 64),
    POPULATION("time-wait", IDLE_TIME_WAIT + IDLE_V6, 64),
    POPULATION("half-open", IDLE_HALF_OPEN, 96),
    POPULATION("half-open", IDLE_HALF_OPEN + IDLE_V6, 96),
    COUNT("idle-bytes", "trace-ring", ring_run, 0, 1, 0, "the trace ring of a busy connection",
          "活动连接的跟踪环"),
    BULK("pair-bulk", BULK_COPY, 20, "one stream in memory, MTU 1500, copied in and out",
         "内存中的单个流，MTU 1500，收发各复制一次"),
    BULK("pair-bulk-inplace", BULK_IN_PLACE, 0, "the same, written and read in place",
         "同上，就地写入与读取"),
    BULK("pair-bulk-v6", BULK_V6, 0, "the same over IPv6", "同上，使用 IPv6"),
    BULK("pair-bulk-9000", BULK_MTU_9000, 0, "the same with an MTU of 9000", "同上，MTU 9000"),
    PINGPONG("pair-pingpong", 1, "a byte there and a byte back", "一个字节往返"),
    PINGPONG("pair-pingpong-10", 10, "on a random one of 10 connections",
             "在 10 个连接中随机选一个"),
    PINGPONG("pair-pingpong-1k", 1000, "on a random one of 1,000", "在 1,000 个中随机选一个"),
    PINGPONG("pair-pingpong-10k", 10000, "on a random one of 10,000", "在 10,000 个中随机选一个"),
    PINGPONG("pair-pingpong-100k", 100000, "on a random one of 100,000",
             "在 100,000 个中随机选一个"),
    SPEED("pair-connrate", "rate", "1/s", 0, connrate_run, 0, 1, 0,
          "open, a byte each way, close; TIME-WAIT is kept",
          "建立、双向各一字节、关闭；保留 TIME-WAIT"),
    SPEED("tun-send", "throughput", "Gbit/s", 2, live_run, 0, 5, 0,
          "to the kernel over TUN, one stream", "经 TUN 发往内核，单个流"),
    SPEED("tun-recv", "throughput", "Gbit/s", 2, live_run, 0, 0, 0,
          "from the kernel over TUN, one stream", "经 TUN 从内核接收，单个流"),
    SPEED("veth-kernel", "throughput", "Gbit/s", 2, live_run, 0, 0, 0,
          "kernel to kernel over veth, to compare", "内核之间经 veth，作为对照"),
    SPEED("tun-send-ratio", "ratio", "", 2, live_run, 0, 0, 0.5, "tun-send / veth-kernel",
          "tun-send / veth-kernel"),
    SPEED("tun-recv-ratio", "ratio", "", 2, live_run, 0, 0, 0.5, "tun-recv / veth-kernel",
          "tun-recv / veth-kernel"),
};

struct figure *bench_figures(size_t *count)
{
    *count = sizeof(figures) / sizeof(figures[0]);
    return figures;
}

bool figure_is(const struct figure *figure, const char *name)
{
    return strcmp(figure->name, name) == 0 || (figure->run == live_run && strcmp(name, "tun") == 0);
}

void figure_add(struct figure *figure, double value)
{
    if (figure->values_count < BENCH_RUNS_MAX)
        figure->values[figure->values_count++] = value;
}

void figures_missing(struct figure *group, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(group->missing, sizeof(group->missing), format, args);
    va_end(args);
    for (unsigned i = 1; i < group->group; i++)
        memcpy(group[i].missing, group->missing, sizeof(group->missing));
}

static void condition_set(struct figure *figure, const char *key, cJSON *value)
{
    if (!figure->conditions)
        figure->conditions = cJSON_CreateObject();
    cJSON_DeleteItemFromObject(figure->conditions, key);
    cJSON_AddItemToObject(figure->conditions, key, value);
}

void condition_number(struct figure *figure, const char *key, double value)
{
    condition_set(figure, key, cJSON_CreateNumber(value));
}

void condition_text(struct figure *figure, const char *key, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    condition_set(figure, key, cJSON_CreateString(text));
}
