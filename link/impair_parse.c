/* Reads what a user writes behind --impair: WORD=VALUE, separated by commas. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "link/message.h"

struct unit {
    const char *name;
    double factor; /* to parts per million, nanoseconds, bits per second, frames */
};

static const struct unit share_units[] = {{"%", 1e4}, {"ppm", 1}, {NULL, 0}};
static const struct unit time_units[] = {
    {"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {NULL, 0}};
static const struct unit rate_units[] = {
    {"bit", 1}, {"kbit", 1e3}, {"mbit", 1e6}, {"gbit", 1e9}, {NULL, 0}};
static const struct unit frame_units[] = {{"", 1}, {NULL, 0}};

struct word {
    const char *name;
    const struct unit *units;
    double max;
    const char *example;
    size_t offset; /* in struct la_impair */
    size_t size;
};

#define FIELD(name) offsetof(struct la_impair, name), sizeof(((struct la_impair *)NULL)->name)

static const struct word words[] = {
    {"loss", share_units, 1e6, "1%", FIELD(loss_ppm)},
    {"dup", share_units, 1e6, "0.1%", FIELD(duplicate_ppm)},
    {"corrupt", share_units, 1e6, "0.01%", FIELD(corrupt_ppm)},
    {"reorder", share_units, 1e6, "0.1%", FIELD(reorder_ppm)},
    {"late", time_units, 3600e9, "2ms", FIELD(reorder_ns)},
    {"delay", time_units, 3600e9, "10ms", FIELD(delay_ns)},
    {"jitter", time_units, 3600e9, "2ms", FIELD(jitter_ns)},
    {"rate", rate_units, 1e12, "10mbit", FIELD(rate_bps)},
    {"queue", frame_units, 1e6, "100", FIELD(queue_frames)},
};

static const struct word *word_find(const char *name, size_t len)
{
    for (size_t i = 0; i < LA_ARRAY_LEN(words); i++)
        if (strlen(words[i].name) == len && memcmp(words[i].name, name, len) == 0)
            return &words[i];
    return NULL;
}

/* Reads a decimal number with one of the word's units; the number must use up the text. */
static int value_read(const struct word *word, const char *text, double *value)
{
    if (*text < '0' || *text > '9') /* strtod() would also take signs, blanks and "inf" */
        return LA_EINVAL;
    char *rest;
    double number = strtod(text, &rest);
    for (const struct unit *unit = word->units; unit->name; unit++) {
        if (strcmp(rest, unit->name) != 0)
            continue;
        *value = number * unit->factor;
        return *value <= word->max ? 0 : LA_EINVAL;
    }
    return LA_EINVAL;
}

static void value_store(struct la_impair *impair, const struct word *word, double value)
{
    uint64_t rounded = (uint64_t)(value + 0.5);
    uint32_t narrow = (uint32_t)rounded;
    const void *from = word->size == sizeof(narrow) ? (const void *)&narrow : &rounded;
    memcpy((uint8_t *)impair + word->offset, from, word->size);
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
        message_set(why,
                    "no impairment \"%.*s\": use loss, delay, jitter, reorder, late, dup, "
                    "corrupt, rate or queue",
                    (int)name_len, setting);
        return LA_EINVAL;
    }
    double value;
    if (!equals || value_read(word, equals + 1, &value) < 0) {
        message_set(why, "\"%s\" cannot be read: write it like %s=%s", setting, word->name,
                    word->example);
        return LA_EINVAL;
    }
    value_store(impair, word, value);
    return 0;
}

int la_impair_parse(const char *text, struct la_impair *impair, struct la_message *why)
{
    *impair = (struct la_impair){0};
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
