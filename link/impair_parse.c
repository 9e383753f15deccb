/* Reads what a user writes behind --impair: WORD=VALUE, separated by commas.
 *
 * A word may stand in several rows of the table: what its value means follows from the unit. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "link/message.h"

struct unit {
    const char *name;
    double factor; /* to parts per million, nanoseconds, bits per second, packets, bytes */
};

static const struct unit share_units[] = {{"%", 1e4}, {"ppm", 1}, {NULL, 0}};
static const struct unit time_units[] = {
    {"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {NULL, 0}};
static const struct unit rate_units[] = {
    {"bit", 1}, {"kbit", 1e3}, {"mbit", 1e6}, {"gbit", 1e9}, {NULL, 0}};
static const struct unit plain_units[] = {{"", 1}, {NULL, 0}};
static const struct unit byte_units[] = {{"b", 1}, {"kb", 1e3}, {"mb", 1e6}, {NULL, 0}};
static const struct unit bdp_units[] = {{"bdp", 1e6}, {NULL, 0}};

struct word {
    const char *name;
    const struct unit *units; /* NULL: a mask */
    double max;
    const char *example;
    size_t offset; /* in struct la_impair */
    size_t size;
};

#define FIELD(name) offsetof(struct la_impair, name), sizeof(((struct la_impair *)NULL)->name)
#define TIME_MAX    3600e9
#define BDP_MIN     3000                    /* two full packets */
#define BDP_MAX     UINT64_C(1000000000000) /* no queue is longer */

static const struct word words[] = {
    {"loss", share_units, 1e6, "1%", FIELD(loss_ppm)},
    {"delay", time_units, TIME_MAX, "10ms", FIELD(delay_ns)},
    {"jitter", time_units, TIME_MAX, "2ms", FIELD(jitter_ns)},
    {"scatter", time_units, TIME_MAX, "2ms", FIELD(scatter_ns)},
    {"burst", share_units, 1e6, "0.1%", FIELD(burst_ppm)},
    {"burst-end", share_units, 1e6, "25%", FIELD(burst_end_ppm)},
    {"burst-loss", share_units, 1e6, "100%", FIELD(burst_loss_ppm)},
    {"mask", NULL, 0, "0x15", FIELD(loss_mask)},
    {"mask-data", NULL, 0, "0x15", FIELD(loss_mask_data)},
    {"dup", share_units, 1e6, "0.1%", FIELD(duplicate_ppm)},
    {"corrupt", share_units, 1e6, "0.01%", FIELD(corrupt_ppm)},
    {"reorder", share_units, 1e6, "0.1%", FIELD(reorder_ppm)},
    {"late", time_units, TIME_MAX, "2ms", FIELD(reorder_ns)},
    {"late-up-to", time_units, TIME_MAX, "2ms", FIELD(reorder_up_to_ns)},
    {"rate", rate_units, 1e12, "10mbit", FIELD(rate_bps)},
    {"rtt", time_units, TIME_MAX, "66ms", FIELD(rtt_ns)},
    {"queue", plain_units, 1e6, "100", FIELD(queue_frames)},
    {"queue", byte_units, 1e12, "100", FIELD(queue_bytes)},
    {"queue", bdp_units, 1e9, "100", FIELD(queue_bdp_ppm)},
    {"mark", plain_units, 1e6, "20", FIELD(mark_frames)},
    {"mark", byte_units, 1e12, "20", FIELD(mark_bytes)},
    {"mark", time_units, TIME_MAX, "20", FIELD(mark_sojourn_ns)},
    {"mtu", plain_units, 65535, "1400", FIELD(mtu)},
    {"mtu-icmp", plain_units, 65535, "1400", FIELD(mtu_icmp)},
    {"down-at", time_units, TIME_MAX, "2s", FIELD(down_at_ns)},
    {"down-for", time_units, TIME_MAX, "500ms", FIELD(down_for_ns)},
    {"down-every", time_units, TIME_MAX, "10s", FIELD(down_every_ns)},
};

static bool word_is(const struct word *word, const char *name, size_t len)
{
    return strlen(word->name) == len && memcmp(word->name, name, len) == 0;
}

static const struct word *word_find(const char *name, size_t len)
{
    for (size_t i = 0; i < LA_ARRAY_LEN(words); i++)
        if (word_is(&words[i], name, len))
            return &words[i];
    return NULL;
}

/* "loss, burst, ... or down-every": every word once. */
static void words_list(char *text, size_t size)
{
    size_t at = 0;
    text[0] = '\0';
    for (size_t i = 0; i < LA_ARRAY_LEN(words); i++) {
        const char *name = words[i].name;
        if (i > 0 && strcmp(name, words[i - 1].name) == 0)
            continue;
        const char *before = i == 0 ? "" : i + 1 < LA_ARRAY_LEN(words) ? ", " : " or ";
        if (at + strlen(before) + strlen(name) >= size)
            return;
        at += (size_t)(stpcpy(stpcpy(text + at, before), name) - (text + at));
    }
}

static int mask_read(const char *text, uint64_t *value)
{
    char *rest;
    if (*text < '0' || *text > '9')
        return LA_EINVAL;
    errno = 0;
    *value = strtoull(text, &rest, 0);
    return *rest == '\0' && errno == 0 ? 0 : LA_EINVAL;
}

/* Reads a decimal number with one of the row's units; the number must use up the text. */
static int value_read(const struct word *word, const char *text, uint64_t *value)
{
    if (!word->units)
        return mask_read(text, value);
    if (*text < '0' || *text > '9') /* strtod() would also take signs, blanks and "inf" */
        return LA_EINVAL;
    char *rest;
    double number = strtod(text, &rest);
    for (const struct unit *unit = word->units; unit->name; unit++) {
        if (strcmp(rest, unit->name) != 0)
            continue;
        if (number * unit->factor > word->max)
            return LA_EINVAL;
        *value = (uint64_t)(number * unit->factor + 0.5);
        return 0;
    }
    return LA_EINVAL;
}

static void value_store(struct la_impair *impair, const struct word *word, uint64_t value)
{
    uint32_t narrow = (uint32_t)value;
    const void *from = word->size == sizeof(narrow) ? (const void *)&narrow : &value;
    memcpy((uint8_t *)impair + word->offset, from, word->size);
}

/* Takes a value for the first of the word's rows that can read it. The rows of one word stand
 * together; a value in one unit replaces one in another. */
static int value_take(const struct word *first, const char *text, struct la_impair *impair)
{
    const struct word *end = words + LA_ARRAY_LEN(words);
    size_t len = strlen(first->name);
    const struct word *found = NULL;
    uint64_t value, found_value = 0;
    for (const struct word *word = first; word < end && word_is(word, first->name, len); word++) {
        if (!found && value_read(word, text, &value) == 0) {
            found = word;
            found_value = value;
        }
    }
    if (!found)
        return LA_EINVAL;
    for (const struct word *word = first; word < end && word_is(word, first->name, len); word++)
        value_store(impair, word, word == found ? found_value : 0);
    return 0;
}

/* One WORD=VALUE of `len` bytes. */
static int setting_read(const char *text, size_t len, struct la_impair *impair,
                        struct la_message *why)
{
    char setting[64];
    if (len >= sizeof(setting)) {
        message_set(why, "\"%.20s...\" is no impairment", text);
        return LA_EINVAL;
    }
    memcpy(setting, text, len);
    setting[len] = '\0';
    const char *equals = strchr(setting, '=');
    size_t name_len = equals ? (size_t)(equals - setting) : len;
    const struct word *word = word_find(setting, name_len);
    if (!word) {
        char list[sizeof(why->text)];
        words_list(list, sizeof(list));
        message_set(why, "no impairment \"%.*s\": use %s", (int)name_len, setting, list);
        return LA_EINVAL;
    }
    if (!equals || value_take(word, equals + 1, impair) < 0) {
        message_set(why, "\"%s\" cannot be read: write it like %s=%s", setting, word->name,
                    word->example);
        return LA_EINVAL;
    }
    return 0;
}

int la_impair_add(const char *text, struct la_impair *impair, struct la_message *why)
{
    for (;;) {
        size_t len = strcspn(text, ",");
        int rc = setting_read(text, len, impair, why);
        if (rc < 0)
            return rc;
        if (text[len] == '\0')
            return 0;
        text += len + 1;
    }
}

int la_impair_check(const struct la_impair *impair, struct la_message *why)
{
    if (impair->queue_bdp_ppm > 0 && la_impair_bdp_bytes(impair) == 0) {
        message_set(why, "a queue in bdp needs rate=, and rtt= or delay=");
        return LA_EINVAL;
    }
    if (impair->down_every_ns > 0 && impair->down_for_ns == 0) {
        message_set(why, "down-every= needs down-for=");
        return LA_EINVAL;
    }
    return 0;
}

int la_impair_parse(const char *text, struct la_impair *impair, struct la_message *why)
{
    *impair = (struct la_impair){0};
    int rc = la_impair_add(text, impair, why);
    return rc < 0 ? rc : la_impair_check(impair, why);
}

uint64_t la_impair_bdp_bytes(const struct la_impair *impair)
{
    uint64_t rtt_ns = impair->rtt_ns > 0 ? impair->rtt_ns : 2 * impair->delay_ns;
    if (impair->rate_bps == 0 || rtt_ns == 0 || impair->queue_bdp_ppm == 0)
        return 0;
    double bdp = (double)impair->rate_bps / 8 * ((double)rtt_ns / 1e9);
    double bytes = bdp * impair->queue_bdp_ppm / 1e6 + 0.5;
    if (bytes >= (double)BDP_MAX)
        return BDP_MAX;
    return bytes < BDP_MIN ? BDP_MIN : (uint64_t)bytes;
}
