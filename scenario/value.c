/* Values as people write them: a decimal number and a unit. */
#include <stdlib.h>
#include <string.h>

#include "scenario/scenario.h"

struct unit {
    const char *name;
    double factor;
};

static const struct unit times[] = {{"ns", 1},     {"us", 1e3},   {"ms", 1e6}, {"s", 1e9},
                                    {"min", 6e10}, {"h", 3.6e12}, {NULL, 0}};
static const struct unit sizes[] = {
    {"", 1},       {"b", 1},         {"kb", 1e3},         {"mb", 1e6}, {"gb", 1e9},
    {"kib", 1024}, {"mib", 1048576}, {"gib", 1073741824}, {NULL, 0}};
static const struct unit rates[] = {
    {"bit", 1}, {"kbit", 1e3}, {"mbit", 1e6}, {"gbit", 1e9}, {NULL, 0}};

static bool read_unit(const char *text, const struct unit *units, double most, uint64_t *value)
{
    char *rest;
    if (*text < '0' || *text > '9') /* strtod() would also take signs, blanks and "inf" */
        return false;
    double number = strtod(text, &rest);
    for (const struct unit *u = units; u->name; u++) {
        if (strcmp(rest, u->name) != 0)
            continue;
        if (!(number * u->factor <= most))
            return false;
        *value = (uint64_t)(number * u->factor + 0.5);
        return true;
    }
    return false;
}

bool scenario_time(const char *text, uint64_t *ns)
{
    if (strcmp(text, "0") == 0) {
        *ns = 0;
        return true;
    }
    return read_unit(text, times, 1e18, ns);
}

bool scenario_signed_time(const char *text, int64_t *ns)
{
    uint64_t size;
    bool minus = *text == '-';
    if (!scenario_time(text + (minus || *text == '+' ? 1 : 0), &size))
        return false;
    *ns = minus ? -(int64_t)size : (int64_t)size;
    return true;
}

bool scenario_bytes(const char *text, uint64_t *bytes)
{
    return read_unit(text, sizes, 1e18, bytes);
}

bool scenario_rate(const char *text, uint64_t *bps)
{
    return read_unit(text, rates, 1e13, bps);
}

bool scenario_number(const char *text, uint64_t most, uint64_t *number)
{
    char *rest;
    if (*text < '0' || *text > '9')
        return false;
    unsigned long long value = strtoull(text, &rest, text[1] == 'x' ? 16 : 10);
    *number = value;
    return *rest == '\0' && value <= most;
}

bool scenario_fraction(const char *text, double *number)
{
    char *rest;
    if (*text < '0' || *text > '9')
        return false;
    *number = strtod(text, &rest);
    return *rest == '\0';
}

bool scenario_flag(const char *text, bool *flag)
{
    *flag = strcmp(text, "on") == 0 || strcmp(text, "yes") == 0;
    return *flag || strcmp(text, "off") == 0 || strcmp(text, "no") == 0;
}
