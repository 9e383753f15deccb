/* Reading what a user writes: see parse.h. */
#include <stdlib.h>
#include <string.h>

#include <lastack/stack.h>

#include "apps/common/parse.h"

#define DAY_S 86400.0

bool parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *number)
{
    uint64_t n = 0;
    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return false;
        unsigned digit = (unsigned)(*text - '0');
        if (n > (UINT64_MAX - digit) / 10)
            return false;
        n = n * 10 + digit;
    }
    *number = n;
    return n >= min && n <= max;
}

bool parse_port(const char *text, uint16_t *port)
{
    uint64_t number;
    if (!parse_number(text, 1, UINT16_MAX, &number))
        return false;
    *port = (uint16_t)number;
    return true;
}

bool parse_duration(const char *text, uint64_t *ns)
{
    static const struct {
        const char *name;
        double seconds;
    } units[] = {{"", 1}, {"s", 1}, {"ms", 1e-3}, {"us", 1e-6}, {"min", 60}};

    if (*text < '0' || *text > '9') /* strtod() would also take signs, blanks and "inf" */
        return false;
    char *unit;
    double number = strtod(text, &unit);
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(unit, units[i].name) != 0)
            continue;
        double seconds = number * units[i].seconds;
        *ns = seconds <= DAY_S ? (uint64_t)(seconds * (double)LA_NS_PER_S + 0.5) : 0;
        return seconds <= DAY_S;
    }
    return false;
}

bool parse_prefix(const char *text, struct la_addr *addr, uint8_t *prefix)
{
    char address[LA_ADDR_TEXT_MAX];
    const char *slash = strchr(text, '/');
    size_t len = slash ? (size_t)(slash - text) : strlen(text);
    if (len >= sizeof(address))
        return false;
    memcpy(address, text, len);
    address[len] = '\0';
    if (la_addr_parse(address, addr) < 0)
        return false;
    uint64_t bits = la_addr_is_v4(addr) ? 32 : 128;
    if (slash && !parse_number(slash + 1, 1, bits, &bits))
        return false;
    *prefix = (uint8_t)bits;
    return true;
}
