/* Names and numbers as a reader wants them: states, flags, durations, byte counts, rates.
 *
 * Everything is plain ASCII and locale-free, so that a diagram is the same everywhere. */
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include <lastack/view.h>

const char *la_tcp_state_name(enum la_tcp_state state)
{
#define STATE_NAME(name, text) [LA_TCP_##name] = text,
    static const char *const names[LA_TCP_STATE_COUNT] = {LA_TCP_STATES(STATE_NAME)};
#undef STATE_NAME

    return (unsigned)state < LA_TCP_STATE_COUNT ? names[state] : "?";
}

void la_flags_format(uint16_t flags, char *text)
{
    static const char *const names[] = {"FIN", "SYN", "RST", "PSH", "ACK",
                                        "URG", "ECE", "CWR", "AE"};
    size_t len = 0;

    text[0] = '\0';
    for (unsigned bit = 0; bit < sizeof(names) / sizeof(names[0]); bit++) {
        if ((flags >> bit & 1) == 0)
            continue;
        if (len > 0)
            text[len++] = ',';
        memcpy(text + len, names[bit], strlen(names[bit]) + 1);
        len += strlen(names[bit]);
    }
}

/* The decimal digits of `text` may end in zeros that say nothing; one digit is kept. */
static void drop_trailing_zeros(char *text)
{
    size_t len = strlen(text);

    while (len > 2 && text[len - 1] == '0' && text[len - 2] != '.')
        text[--len] = '\0';
}

void la_duration_format(uint64_t ns, char *text)
{
    if (ns < 1000)
        snprintf(text, LA_NUMBER_TEXT_MAX, "%u ns", (unsigned)ns);
    else if (ns < 1000000)
        snprintf(text, LA_NUMBER_TEXT_MAX, "%u us", (unsigned)(ns / 1000));
    else if (ns < 10000000)
        snprintf(text, LA_NUMBER_TEXT_MAX, "%u.%u ms", (unsigned)(ns / 1000000),
                 (unsigned)(ns / 100000 % 10));
    else if (ns < 1000000000)
        snprintf(text, LA_NUMBER_TEXT_MAX, "%u ms", (unsigned)(ns / 1000000));
    else {
        snprintf(text, LA_NUMBER_TEXT_MAX, "%" PRIu64 ".%03u", ns / 1000000000,
                 (unsigned)(ns / 1000000 % 1000));
        drop_trailing_zeros(text);
        memcpy(text + strlen(text), " s", sizeof(" s"));
    }
}

/* Three digits at least and one decimal at most: "999", "5.9", "12.3", "415". */
static void scaled_format(double value, const char *const units[], size_t units_n, char *text)
{
    size_t unit = 0;

    /* 999.95 would be printed as "1000.0". */
    while (value >= 999.95 && unit + 1 < units_n) {
        value /= 1000;
        unit++;
    }
    if (unit == 0 || value >= 99.95)
        snprintf(text, LA_NUMBER_TEXT_MAX, "%.0f %s", value, units[unit]);
    else
        snprintf(text, LA_NUMBER_TEXT_MAX, "%.1f %s", value, units[unit]);
}

void la_bytes_format(uint64_t bytes, char *text)
{
    static const char *const binary[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    static const char *const decimal[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    uint64_t whole = bytes;
    int unit = -1;

    /* Sizes that people choose are whole in binary units, sizes that happen are not. */
    while (whole >= 1024 && whole % 1024 == 0) {
        whole /= 1024;
        unit++;
    }
    if (unit >= 0 && whole < 1024)
        snprintf(text, LA_NUMBER_TEXT_MAX, "%u %s", (unsigned)whole, binary[unit]);
    else
        scaled_format((double)bytes, decimal, sizeof(decimal) / sizeof(decimal[0]), text);
}

void la_rate_format(uint64_t bytes, uint64_t ns, char *text)
{
    static const char *const units[] = {"bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"};
    double seconds = (double)(ns > 0 ? ns : 1) / 1e9;

    scaled_format((double)bytes * 8 / seconds, units, sizeof(units) / sizeof(units[0]), text);
}

void la_count_format(uint64_t count, char *text)
{
    char digits[LA_NUMBER_TEXT_MAX];
    int n = snprintf(digits, sizeof(digits), "%" PRIu64, count);
    size_t len = 0;

    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0)
            text[len++] = ',';
        text[len++] = digits[i];
    }
    text[len] = '\0';
}
