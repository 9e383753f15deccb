/* The tables behind scenario files. */
#include "sim/words.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "scenario/scenario.h"

#define IN_NODE(name) \
    sizeof(((struct plan_node *)NULL)->name), offsetof(struct plan_node, name), NULL
#define IN_FLOW(name) \
    sizeof(((struct plan_flow *)NULL)->name), offsetof(struct plan_flow, name), NULL
#define IN_END(name) \
    sizeof(((struct plan_flow *)NULL)->name[0]), offsetof(struct plan_flow, name), NULL

static const char *const cookies[] = {"auto", "always", "never", NULL};
static const char *const endings[] = {"half-close", "both", "together", "server",       "abort",
                                      "unread",     "stay", "close",    "close-server", NULL};
static const char *const wrongs[] = {"none", "two-way", "no-time-wait", NULL};
static const char *const forms[] = {"copy", "in-place", "lent", NULL};
static const char *const versions[] = {"4", "6", NULL};

const struct words_row words_of_node[] = {
    {"mtu", WORDS_NUMBER, IN_NODE(mtu)},
    {"ethernet", WORDS_FLAG, IN_NODE(ethernet)},
    {"offload", WORDS_FLAG, IN_NODE(offload)},
    {"slow-path", WORDS_FLAG, IN_NODE(no_fast_path)},
    {"cookies", WORDS_CHOICE, sizeof(uint8_t), offsetof(struct plan_node, cookies), cookies},
    {"jitter", WORDS_TIME, IN_NODE(jitter_ns)},
    {"coalesce", WORDS_TIME, IN_NODE(coalesce_ns)},
    {"memory", WORDS_BYTES, IN_NODE(memory_max)},
    {"fail-from", WORDS_NUMBER, IN_NODE(fail_from)},
    {"fail-to", WORDS_NUMBER, IN_NODE(fail_to)},
    {"fail-every", WORDS_NUMBER, IN_NODE(fail_every)},
    {"time-wait", WORDS_TIME, IN_NODE(time_wait_ns)},
    {"accept-at", WORDS_TIME, IN_NODE(accept_ns)},
    {"ports", WORDS_NUMBER, IN_NODE(ports)},
    {"silent", WORDS_FLAG, IN_NODE(silent)},
    {"wrong", WORDS_CHOICE, sizeof(uint8_t), offsetof(struct plan_node, wrong), wrongs},
    {"iss", WORDS_NUMBER, IN_NODE(iss)},
    {NULL, 0, 0, 0, NULL},
};

const struct words_row words_of_flow[] = {
    {"at", WORDS_TIME, IN_FLOW(at_ns)},
    {"spread", WORDS_TIME, IN_FLOW(spread_ns)},
    {"ip", WORDS_CHOICE, sizeof(bool), offsetof(struct plan_flow, v6), versions},
    {"crossed", WORDS_FLAG, IN_FLOW(crossed)},
    {"for", WORDS_TIME, IN_FLOW(for_ns)},
    {"rounds", WORDS_NUMBER, IN_FLOW(rounds)},
    {"abort-after", WORDS_BYTES, IN_FLOW(abort_after)},
    {"repeat", WORDS_NUMBER, IN_FLOW(repeat)},
    {"gap", WORDS_TIME, IN_FLOW(gap_ns)},
    {"number", WORDS_NUMBER, IN_FLOW(number)},
    {"patience", WORDS_TIME, IN_FLOW(patience_ns)},
    {"client-port", WORDS_NUMBER, IN_FLOW(client_port)},
    {"refused", WORDS_FLAG, IN_FLOW(refused)},
    {"udp", WORDS_FLAG, IN_FLOW(udp)},
    {"end", WORDS_CHOICE, sizeof(uint8_t), offsetof(struct plan_flow, ending), endings},
    {NULL, 0, 0, 0, NULL},
};

const struct words_row words_of_end[] = {
    {"chunk", WORDS_BYTES, IN_END(chunk)},
    {"every", WORDS_TIME, IN_END(every_ns)},
    {"read", WORDS_BYTES, IN_END(read)},
    {"read-every", WORDS_TIME, IN_END(read_ns)},
    {"read-late", WORDS_TIME, IN_END(read_late)},
    {"think", WORDS_TIME, IN_END(think_ns)},
    {"form", WORDS_CHOICE, sizeof(uint8_t), offsetof(struct plan_flow, form), forms},
    {NULL, 0, 0, 0, NULL},
};

const struct words_row *words_find(const struct words_row *rows, const char *name)
{
    for (; rows->name; rows++)
        if (strcmp(rows->name, name) == 0)
            return rows;
    return NULL;
}

/* ---- values --------------------------------------------------------------------------------- */

static bool choose(const struct words_row *row, const char *value, uint64_t *number)
{
    for (*number = 0; row->choices[*number]; (*number)++)
        if (strcmp(row->choices[*number], value) == 0)
            return true;
    return false;
}

bool words_set(const struct words_row *row, void *base, unsigned end, const char *value)
{
    uint64_t number = 0;
    bool flag = false, good = false;
    switch (row->unit) {
    case WORDS_FLAG:
        good = scenario_flag(value, &flag);
        number = flag;
        break;
    case WORDS_NUMBER:
        good = scenario_number(value, UINT32_MAX, &number);
        break;
    case WORDS_BYTES:
        good = scenario_bytes(value, &number);
        break;
    case WORDS_TIME:
        good = scenario_time(value, &number);
        break;
    default:
        good = choose(row, value, &number);
        break;
    }
    if (!good || (row->size < 8 && number >> (8 * row->size) != 0))
        return false;
    uint8_t one = (uint8_t)number;
    uint32_t four = (uint32_t)number;
    const void *from = row->size == 1   ? (const void *)&one
                       : row->size == 4 ? (const void *)&four
                                        : &number;
    memcpy((uint8_t *)base + row->offset + end * row->size, from, row->size);
    return true;
}

uint64_t words_get(const struct words_row *row, const void *base, unsigned end)
{
    const uint8_t *at = (const uint8_t *)base + row->offset + end * row->size;
    uint32_t four;
    uint64_t eight;
    if (row->size == 1)
        return *at;
    if (row->size == 4) {
        memcpy(&four, at, 4);
        return four;
    }
    memcpy(&eight, at, 8);
    return eight;
}

const char *words_example(const struct words_row *row)
{
    static const char *const examples[] = {"on", "10", "64kb", "10ms"};
    return row->unit == WORDS_CHOICE ? row->choices[0] : examples[row->unit];
}

void words_format(const struct words_row *row, uint64_t value, char *text, size_t len)
{
    if (row->unit == WORDS_FLAG)
        snprintf(text, len, "%s", value ? "on" : "off");
    else if (row->unit == WORDS_CHOICE)
        snprintf(text, len, "%s", row->choices[value]);
    else
        snprintf(text, len, "%llu%s", (unsigned long long)value,
                 row->unit == WORDS_TIME && value > 0 ? "ns" : "");
}

void words_list(const struct words_row *rows, char *text, size_t len)
{
    size_t at = strlen(text);
    for (; rows->name && at < len; rows++)
        at += (size_t)snprintf(text + at, len - at, "%s%s", at ? ", " : "", rows->name);
}

void words_choices(const struct words_row *row, char *text, size_t len)
{
    size_t at = 0;
    text[0] = '\0';
    for (unsigned i = 0; row->choices[i] && at < len; i++)
        at += (size_t)snprintf(text + at, len - at, "%s%s", i ? ", " : "", row->choices[i]);
}

/* ---- impairments ---------------------------------------------------------------------------- */

struct impair_row {
    const char *name, *unit;
    uint16_t offset;
    uint8_t size;
    bool hexadecimal;
};

#define IN_IMPAIR(name) offsetof(struct la_impair, name), sizeof(((struct la_impair *)NULL)->name)

static const struct impair_row impair_rows[] = {
    {"loss", "ppm", IN_IMPAIR(loss_ppm), false},
    {"dup", "ppm", IN_IMPAIR(duplicate_ppm), false},
    {"corrupt", "ppm", IN_IMPAIR(corrupt_ppm), false},
    {"reorder", "ppm", IN_IMPAIR(reorder_ppm), false},
    {"burst", "ppm", IN_IMPAIR(burst_ppm), false},
    {"burst-end", "ppm", IN_IMPAIR(burst_end_ppm), false},
    {"burst-loss", "ppm", IN_IMPAIR(burst_loss_ppm), false},
    {"mask", "", IN_IMPAIR(loss_mask), true},
    {"mask-data", "", IN_IMPAIR(loss_mask_data), true},
    {"delay", "ns", IN_IMPAIR(delay_ns), false},
    {"jitter", "ns", IN_IMPAIR(jitter_ns), false},
    {"scatter", "ns", IN_IMPAIR(scatter_ns), false},
    {"late", "ns", IN_IMPAIR(reorder_ns), false},
    {"late-up-to", "ns", IN_IMPAIR(reorder_up_to_ns), false},
    {"rate", "bit", IN_IMPAIR(rate_bps), false},
    {"rtt", "ns", IN_IMPAIR(rtt_ns), false},
    {"queue", "", IN_IMPAIR(queue_frames), false},
    {"queue", "b", IN_IMPAIR(queue_bytes), false},
    {"mark", "", IN_IMPAIR(mark_frames), false},
    {"mark", "b", IN_IMPAIR(mark_bytes), false},
    {"mark", "ns", IN_IMPAIR(mark_sojourn_ns), false},
    {"mtu", "", IN_IMPAIR(mtu), false},
    {"mtu-icmp", "", IN_IMPAIR(mtu_icmp), false},
    {"down-at", "ns", IN_IMPAIR(down_at_ns), false},
    {"down-for", "ns", IN_IMPAIR(down_for_ns), false},
    {"down-every", "ns", IN_IMPAIR(down_every_ns), false},
};

void words_impair(const struct la_impair *how, char *text, size_t len)
{
    size_t at = strlen(text);
    for (size_t i = 0; i < LA_ARRAY_LEN(impair_rows) && at < len; i++) {
        const struct impair_row *row = &impair_rows[i];
        uint32_t four;
        uint64_t value;
        const uint8_t *from = (const uint8_t *)how + row->offset;
        memcpy(&four, from, 4);
        if (row->size == 4)
            value = four;
        else
            memcpy(&value, from, 8);
        if (value == 0)
            continue;
        at +=
            (size_t)snprintf(text + at, len - at, row->hexadecimal ? " %s=0x%llx%s" : " %s=%llu%s",
                             row->name, (unsigned long long)value, row->unit);
    }
    if (how->queue_bdp_ppm > 0 && at < len)
        snprintf(text + at, len - at, " queue=%.6fbdp", (double)how->queue_bdp_ppm / 1e6);
}
