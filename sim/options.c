/* Socket options by name: one table. */
#include "sim/options.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "link/message.h"
#include "scenario/scenario.h"

enum kind { FLAG, NUMBER, BYTES, MILLISECONDS, SECONDS, ECN };

/* In the order of enum la_ecn. */
static const char *const ecn_names[] = {"off", "passive", "classic", "accurate"};

struct option {
    const char *name;
    uint8_t kind, size;
    uint16_t offset;
    uint64_t most;
};

#define FIELD(name) \
    sizeof(((struct la_tcp_options *)NULL)->name), offsetof(struct la_tcp_options, name)

static const struct option table[] = {
    {"sndbuf", BYTES, FIELD(sndbuf_bytes), 1U << 30},
    {"rcvbuf", BYTES, FIELD(rcvbuf_bytes), 1U << 30},
    {"sack", FLAG, FIELD(sack), 1},
    {"timestamps", FLAG, FIELD(timestamps), 1},
    {"wscale", FLAG, FIELD(window_scale), 1},
    {"nodelay", FLAG, FIELD(nodelay), 1},
    {"cork", FLAG, FIELD(cork), 1},
    {"pacing", FLAG, FIELD(pacing), 1},
    {"ecn", ECN, FIELD(ecn), LA_ECN_ACCURATE},
    {"mss", NUMBER, FIELD(mss_max), 65535},
    {"delack", MILLISECONDS, FIELD(delack_ms), 499},
    {"rto-min", MILLISECONDS, FIELD(rto_min_ms), 60000},
    {"user-timeout", MILLISECONDS, FIELD(user_timeout_ms), UINT32_MAX},
    {"keepalive", FLAG, FIELD(keepalive), 1},
    {"keepidle", SECONDS, FIELD(keepidle_s), 32767},
    {"keepintvl", SECONDS, FIELD(keepintvl_s), 32767},
    {"keepcnt", NUMBER, FIELD(keepcnt), 255},
    {"syn-retries", NUMBER, FIELD(syn_retries), 255},
    {"r2-retries", NUMBER, FIELD(r2_retries), 255},
    {"tos", NUMBER, FIELD(tos), 255},
    {"backlog", NUMBER, FIELD(backlog), 65535},
    {"half-open", NUMBER, FIELD(half_open_max), 65535},
    {"linger", SECONDS, FIELD(linger_s), 32767},
    {"reuse-addr", FLAG, FIELD(reuse_addr), 1},
    {"mtu-probing", FLAG, FIELD(mtu_probing), 1},
    {"fin-wait-2", SECONDS, FIELD(fin_wait_2_s), 32767},
};

static const struct option *find(const char *name)
{
    for (size_t i = 0; i < LA_ARRAY_LEN(table); i++)
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    return NULL;
}

bool option_exists(const char *name)
{
    return find(name) || strcmp(name, "cc") == 0;
}

const char *option_names(void)
{
    static char names[500];
    if (names[0] == '\0') {
        size_t at = (size_t)snprintf(names, sizeof(names), "cc");
        for (size_t i = 0; i < LA_ARRAY_LEN(table) && at < sizeof(names); i++)
            at += (size_t)snprintf(names + at, sizeof(names) - at, " %s", table[i].name);
    }
    return names;
}

/* ---- controllers ---------------------------------------------------------------------------- */

const char *option_cc(unsigned n)
{
    return la_cc_name(n);
}

void option_set_cc(struct la_tcp_options *options, const char *cc)
{
    int number = la_cc_find(cc);
    if (number >= 0)
        options->cc = (uint8_t)number;
}

const char *option_get_cc(const struct la_tcp_options *options)
{
    return la_cc_name(options->cc);
}

void option_set_ecn(struct la_tcp_options *options, unsigned ecn)
{
    options->ecn = (uint8_t)ecn;
}

void option_set_pacing(struct la_tcp_options *options, bool on)
{
    options->pacing = on;
}

static bool set_cc(struct la_tcp_options *options, const char *value, struct la_message *why)
{
    char names[160] = "";
    size_t at = 0;
    for (unsigned n = 0; option_cc(n); n++) {
        if (strcmp(option_cc(n), value) == 0) {
            option_set_cc(options, option_cc(n));
            return true;
        }
        at += (size_t)snprintf(names + at, at < sizeof(names) ? sizeof(names) - at : 0, "%s%s",
                               n ? ", " : "", option_cc(n));
    }
    message_set(why, "no congestion control \"%s\": there are %s", value, names);
    return false;
}

/* ---- values --------------------------------------------------------------------------------- */

static bool value_read(const struct option *o, const char *text, uint64_t *value)
{
    bool flag;
    bool good;
    switch (o->kind) {
    case ECN:
        for (*value = 0; *value <= o->most; (*value)++)
            if (strcmp(ecn_names[*value], text) == 0)
                return true;
        return false;
    case FLAG:
        good = scenario_flag(text, &flag);
        *value = flag;
        return good;
    case BYTES:
        return scenario_bytes(text, value) && *value <= o->most;
    case MILLISECONDS:
        good = scenario_time(text, value);
        *value /= (uint64_t)LA_NS_PER_MS;
        return good && *value <= o->most;
    case SECONDS:
        good = scenario_time(text, value);
        *value /= (uint64_t)LA_NS_PER_S;
        return good && *value <= o->most;
    default:
        return scenario_number(text, o->most, value);
    }
}

static const char *example(const struct option *o)
{
    static const char *const examples[] = {"on or off", "10",  "64kb",
                                           "40ms",      "10s", "off, passive, classic or accurate"};
    return examples[o->kind];
}

/* Fields are 1, 2 or 4 bytes, in the order of the machine. */
static void value_store(struct la_tcp_options *options, const struct option *o, uint64_t value)
{
    uint8_t one = (uint8_t)value;
    uint16_t two = (uint16_t)value;
    uint32_t four = (uint32_t)value;
    const void *from = o->size == 1   ? (const void *)&one
                       : o->size == 2 ? (const void *)&two
                                      : &four;
    memcpy((uint8_t *)options + o->offset, from, o->size);
}

static uint64_t value_load(const struct la_tcp_options *options, const struct option *o)
{
    uint8_t one;
    uint16_t two;
    uint32_t four;
    const uint8_t *at = (const uint8_t *)options + o->offset;
    memcpy(&one, at, 1);
    if (o->size == 1)
        return one;
    memcpy(&two, at, 2);
    if (o->size == 2)
        return two;
    memcpy(&four, at, 4);
    return four;
}

bool option_set(struct la_tcp_options *options, const char *name, const char *value,
                struct la_message *why)
{
    uint64_t number;
    if (strcmp(name, "cc") == 0)
        return set_cc(options, value, why);
    const struct option *o = find(name);
    if (!o) {
        message_set(why, "no option \"%s\": there are %s", name, option_names());
        return false;
    }
    if (!value_read(o, value, &number)) {
        message_set(why, "\"%s=%s\" cannot be read: write it like %s=%s", name, value, name,
                    example(o));
        return false;
    }
    value_store(options, o, number);
    return true;
}

void option_write(const struct la_tcp_options *options, const struct la_tcp_options *base,
                  const char *prefix, char *text, size_t len)
{
    static const char *const units[] = {"", "", "", "ms", "s"};
    size_t at = strlen(text);
    for (size_t i = 0; i < LA_ARRAY_LEN(table) && at < len; i++) {
        const struct option *o = &table[i];
        uint64_t value = value_load(options, o);
        if (value == value_load(base, o))
            continue;
        if (o->kind == ECN)
            at += (size_t)snprintf(text + at, len - at, " %s%s=%s", prefix, o->name,
                                   ecn_names[value]);
        else if (o->kind == FLAG)
            at += (size_t)snprintf(text + at, len - at, " %s%s=%s", prefix, o->name,
                                   value ? "on" : "off");
        else
            at += (size_t)snprintf(text + at, len - at, " %s%s=%llu%s", prefix, o->name,
                                   (unsigned long long)value, units[o->kind]);
    }
    const char *cc = option_get_cc(options), *cc_base = option_get_cc(base);
    if (at < len && cc && (!cc_base || strcmp(cc, cc_base) != 0))
        snprintf(text + at, len - at, " %scc=%s", prefix, cc);
}
