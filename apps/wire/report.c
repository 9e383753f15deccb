/* What `lastack wire` tells: sentences on stderr, one JSON object on stdout. */
#include <stdio.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "apps/wire/wire.h"

const char *report_kind(const struct side *side)
{
    switch (side->kind) {
    case SIDE_LASTACK:
        return "lastack";
    case SIDE_KERNEL:
        return "kernel";
    case SIDE_TUN:
        return side->tun ? side->tun->name : "tun";
    }
    return "";
}

static void side_introduce(struct wire *wire, int number)
{
    const struct side *side = &wire->sides[number];
    char v4[LA_ADDR_TEXT_MAX];
    struct la_addr addr = side_addr(number, false);
    la_addr_format(&addr, v4);
    if (side->kind == SIDE_KERNEL)
        say_note(&wire->say,
                 "side %c: the kernel, %s; enter: nsenter -t %ld%s --net=/proc/%ld/fd/%d",
                 "侧 %c：内核，%s；进入：nsenter -t %ld%s --net=/proc/%ld/fd/%d", "ab"[number], v4,
                 (long)getpid(), wire -> made_user_ns ? " -U --preserve-credentials" : "",
                 (long)getpid(), side->ns_fd);
    else if (side->kind == SIDE_TUN)
        say_note(&wire->say, "side %c: device %s", "侧 %c：设备 %s", "ab"[number], side -> device);
    else
        say_note(&wire->say, "side %c: Lastack, %s", "侧 %c：Lastack，%s", "ab"[number], v4);
}

void report_begin(struct wire *wire)
{
    side_introduce(wire, 0);
    side_introduce(wire, 1);
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static void number_add(cJSON *object, const char *name, uint64_t number)
{
    cJSON_AddNumberToObject(object, name, (double)number);
}

static cJSON *lane_json(const struct lane *lane)
{
    static const char *const names[LANE_FATE_COUNT] = {
#define FATE_JSON(name, text) [LANE_##name] = #name,
        LANE_FATES(FATE_JSON)
#undef FATE_JSON
    };
    const struct lane_counts *counts = &lane->counts;
    cJSON *object = cJSON_CreateObject();
    for (size_t i = 0; i < LANE_FATE_COUNT; i++) {
        char lower[32];
        size_t n = 0;
        for (; names[i][n] != '\0' && n + 1 < sizeof(lower); n++)
            lower[n] = (char)(names[i][n] == '_' ? '_' : names[i][n] | 0x20);
        lower[n] = '\0';
        number_add(object, lower, counts->fate[i]);
    }
    number_add(object, "duplicated", counts->duplicated);
    number_add(object, "corrupted", counts->corrupted);
    number_add(object, "late", counts->late);
    number_add(object, "marked", counts->marked);
    number_add(object, "errors", counts->errors);
    number_add(object, "bytes_passed", counts->bytes_passed);
    number_add(object, "queue_frames_max", counts->queue_frames_max);
    number_add(object, "queue_bytes_max", counts->queue_bytes_max);
    return object;
}

static void wire_json(cJSON *object, const struct wire *wire)
{
    cJSON_AddStringToObject(object, "a", report_kind(&wire->sides[0]));
    cJSON_AddStringToObject(object, "b", report_kind(&wire->sides[1]));
    number_add(object, "seed", wire->options->seed);
    number_add(object, "packets_late", wire->lateness.late);
    cJSON_AddNumberToObject(object, "late_max_us", (double)wire->lateness.max_ns / 1e3);
    cJSON_AddItemToObject(object, "a_to_b", lane_json(&wire->lanes[0]));
    cJSON_AddItemToObject(object, "b_to_a", lane_json(&wire->lanes[1]));
}

static void json_print(cJSON *object)
{
    char *text = cJSON_PrintUnformatted(object);
    if (text)
        puts(text);
    cJSON_free(text);
    cJSON_Delete(object);
}

static void sender_json(cJSON *object, const struct sender_report *sender)
{
    cJSON_AddStringToObject(object, "cc", sender->cc);
    if (!sender->known)
        return;
    number_add(object, "timeouts", sender->timeouts);
    number_add(object, "rtx_segments", sender->rtx_segments);
    number_add(object, "spurious_timeouts", sender->spurious_timeouts);
    number_add(object, "undone", sender->undone);
    number_add(object, "dsacks", sender->dsacks);
}

static void transfer_json(const struct wire *wire, const struct transfer_result *result)
{
    cJSON *object = cJSON_CreateObject();
    double goodput = result->seconds > 0 ? (double)result->received * 8 / result->seconds / 1e6 : 0;
    cJSON_AddBoolToObject(object, "valid", transfer_is_valid(result));
    if (result->error[0] != '\0')
        cJSON_AddStringToObject(object, "error", result->error);
    cJSON_AddNumberToObject(object, "goodput_mbit_per_s", goodput);
    number_add(object, "bytes", result->received);
    cJSON_AddNumberToObject(object, "seconds", result->seconds);
    number_add(object, "sent_segments", result->sent_segments);
    number_add(object, "sent_bytes", result->sent_bytes);
    number_add(object, "retransmitted_segments", result->again_segments);
    number_add(object, "retransmitted_bytes", result->again_bytes);
    sender_json(object, &result->sender);
    if (result->drops_known)
        number_add(object, "dropped_by_devices", result->dropped);
    cJSON_AddBoolToObject(object, "wire_was_late", result->late);
    number_add(object, "tries", result->tries);
    wire_json(object, wire);
    json_print(object);
}

/* ---- sentences ------------------------------------------------------------------------------ */

static void lane_tell(struct wire *wire, int number)
{
    const struct lane_counts *counts = &wire->lanes[number].counts;
    char passed[LA_NUMBER_TEXT_MAX], times[LA_NUMBER_TEXT_MAX];
    const char *way = number == 0 ? "a to b" : "b to a";
    la_count_format(counts->fate[LANE_PASSED], passed);
    say_note(&wire->say, "%s: %s packets passed", "%s：通过 %s 个分组", way, passed);
    for (int i = LANE_PASSED + 1; i < LANE_FATE_COUNT; i++) {
        if (counts->fate[i] == 0)
            continue;
        la_count_format(counts->fate[i], times);
        say_note(&wire->say, "%s: %s dropped: %s", "%s：丢弃 %s 个：%s", way, times,
                 lane_fate_text((enum lane_fate)i));
    }
    if (counts->duplicated + counts->corrupted + counts->late + counts->marked > 0)
        say_note(&wire->say, "%s: %llu doubled, %llu damaged, %llu late, %llu marked",
                 "%s：重复 %llu，损坏 %llu，迟到 %llu，标记 %llu", way,
                 (unsigned long long)counts->duplicated, (unsigned long long)counts->corrupted,
                 (unsigned long long)counts->late, (unsigned long long)counts->marked);
}

static void drops_tell(struct wire *wire)
{
    for (int i = 0; i < 2; i++) {
        const struct side *side = &wire->sides[i];
        struct la_net_drops drops;
        if (!side_drops(side, &drops))
            say_note(&wire->say, "side %c: what its device dropped cannot be read from here",
                     "侧 %c：无法在此读取其设备的丢包数", "ab"[i]);
        else if (drops.to_us + drops.from_us > 0)
            say_note(&wire->say,
                     "side %c: its device dropped %llu packets before the wire and %llu behind it",
                     "侧 %c：其设备在线路之前丢弃 %llu 个分组，之后丢弃 %llu 个", "ab"[i],
                     (unsigned long long)drops.to_us, (unsigned long long)drops.from_us);
    }
}

void report_end(struct wire *wire)
{
    if (wire->options->json) {
        cJSON *object = cJSON_CreateObject();
        wire_json(object, wire);
        json_print(object);
    }
    lane_tell(wire, 0);
    lane_tell(wire, 1);
    drops_tell(wire);
}

void report_transfer(struct wire *wire, const struct transfer_result *result)
{
    char bytes[LA_NUMBER_TEXT_MAX], rate[LA_NUMBER_TEXT_MAX], again[LA_NUMBER_TEXT_MAX];
    const char *cc = result->sender.cc;
    if (wire->options->json)
        transfer_json(wire, result);
    la_bytes_format(result->received, bytes);
    la_bytes_format(result->again_bytes, again);
    la_rate_format(result->received, (uint64_t)(result->seconds * 1e9), rate);
    if (result->error[0] != '\0') {
        say_error(&wire->say, "%s", "%s", result->error);
        if (result->received == 0)
            return;
    }
    say_note(&wire->say, "%s to %s%s%s: %s in %.1f s: %s; sent again: %s, %llu segments",
             "%s 到 %s%s%s：%s，用时 %.1f 秒：%s；重传：%s，%llu 个报文段",
             report_kind(&wire->sides[0]), report_kind(&wire->sides[1]), cc[0] ? ", " : "", cc,
             bytes, result->seconds, rate, again, (unsigned long long)result->again_segments);
    if (result->sender.known)
        say_note(&wire->say, "timeouts: %llu, recoveries undone: %llu",
                 "超时：%llu，撤销的恢复：%llu", (unsigned long long)result->sender.timeouts,
                 (unsigned long long)result->sender.undone);
    lane_tell(wire, 0);
    lane_tell(wire, 1);
    drops_tell(wire);
    if (result->late && !result->late_too)
        say_note(&wire->say, "not valid: the machine was too busy, the wire let %llu packets wait",
                 "无效：机器太忙，线路让 %llu 个分组等待", (unsigned long long)wire->lateness.late);
}
