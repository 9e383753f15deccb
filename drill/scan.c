/* The scanner: see scan.h. */
#include "drill/scan.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void scan_init(struct drill_scan *sc, struct drill_script *s, const struct drill_reading *reading,
               struct drill_fault *fault)
{
    *sc = (struct drill_scan){
        .s = s,
        .reading = reading,
        .fault = fault,
        .at = s->text,
        .end = s->text + s->len,
        .line_start = s->text,
        .line = 1,
    };
}

void scan_step(struct drill_scan *sc)
{
    if (sc->at == sc->end)
        return;
    if (*sc->at == '\n') {
        sc->line++;
        sc->line_start = sc->at + 1;
    }
    sc->at++;
}

static bool starts(const struct drill_scan *sc, const char *text)
{
    size_t len = strlen(text);
    return (size_t)(sc->end - sc->at) >= len && memcmp(sc->at, text, len) == 0;
}

static void skip(struct drill_scan *sc, size_t len)
{
    for (size_t i = 0; i < len; i++)
        scan_step(sc);
}

static void skip_line(struct drill_scan *sc)
{
    while (sc->at < sc->end && *sc->at != '\n')
        scan_step(sc);
}

void scan_blanks(struct drill_scan *sc)
{
    while (sc->at < sc->end) {
        if (isspace((unsigned char)*sc->at)) {
            scan_step(sc);
        } else if (starts(sc, "//") || *sc->at == '#') {
            skip_line(sc);
        } else if (starts(sc, "/*")) {
            skip(sc, 2);
            while (sc->at < sc->end && !starts(sc, "*/"))
                scan_step(sc);
            skip(sc, 2);
        } else {
            return;
        }
    }
}

bool scan_at_end(struct drill_scan *sc)
{
    scan_blanks(sc);
    return sc->at == sc->end;
}

struct drill_place scan_place(struct drill_scan *sc)
{
    scan_blanks(sc);
    return (struct drill_place){.line = sc->line,
                                .column = (uint32_t)(sc->at - sc->line_start) + 1};
}

bool scan_is(struct drill_scan *sc, const char *text)
{
    scan_blanks(sc);
    return starts(sc, text);
}

bool scan_take(struct drill_scan *sc, const char *text)
{
    if (!scan_is(sc, text))
        return false;
    skip(sc, strlen(text));
    return true;
}

static bool word_byte(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

size_t scan_peek_word(struct drill_scan *sc, const char **word)
{
    scan_blanks(sc);
    size_t len = 0;
    if (sc->at < sc->end && !isdigit((unsigned char)*sc->at))
        while (sc->at + len < sc->end && word_byte(sc->at[len]))
            len++;
    *word = sc->at;
    return len;
}

bool scan_take_word(struct drill_scan *sc, const char *word)
{
    const char *at;
    size_t len = scan_peek_word(sc, &at);
    if (len == 0 || len != strlen(word) || memcmp(at, word, len) != 0)
        return false;
    skip(sc, len);
    return true;
}

const char *scan_word(struct drill_scan *sc)
{
    const char *at;
    size_t len = scan_peek_word(sc, &at);
    if (len == 0)
        return NULL;
    skip(sc, len);
    return drill_arena_text(sc->s->arena, at, len);
}

bool scan_wrong(struct drill_scan *sc, const char *expected)
{
    struct drill_place place = scan_place(sc);
    char found[40];
    size_t n = 0;
    while (sc->at + n < sc->end && n + 1 < sizeof(found) && !isspace((unsigned char)sc->at[n])) {
        found[n] = isprint((unsigned char)sc->at[n]) ? sc->at[n] : '?';
        n++;
    }
    found[n] = '\0';
    if (n == 0)
        return drill_fault(sc->s, sc->fault, place, "the script ends where %s should come",
                           expected);
    return drill_fault(sc->s, sc->fault, place, "expected %s, found \"%s\"", expected, found);
}

bool scan_expect(struct drill_scan *sc, const char *text, const char *where)
{
    char expected[120];
    if (scan_take(sc, text))
        return true;
    snprintf(expected, sizeof(expected), "\"%s\" %s", text, where);
    return scan_wrong(sc, expected);
}

bool scan_is_digit(struct drill_scan *sc)
{
    scan_blanks(sc);
    return sc->at < sc->end && isdigit((unsigned char)*sc->at);
}

static unsigned digit_of(char c)
{
    if (isdigit((unsigned char)c))
        return (unsigned)(c - '0');
    if (isxdigit((unsigned char)c))
        return (unsigned)(tolower((unsigned char)c) - 'a') + 10;
    return 99;
}

bool scan_number(struct drill_scan *sc, uint64_t most, const char *what, uint64_t *number)
{
    struct drill_place place = scan_place(sc);
    if (!scan_is_digit(sc))
        return scan_wrong(sc, what);
    unsigned base = 10;
    if ((starts(sc, "0x") || starts(sc, "0X")) && sc->end - sc->at > 2 &&
        digit_of(sc->at[2]) < 16) {
        base = 16;
        skip(sc, 2);
    }
    uint64_t value = 0;
    bool fits = true;
    for (; sc->at < sc->end && digit_of(*sc->at) < base; sc->at++) {
        unsigned digit = digit_of(*sc->at);
        fits = fits && value <= (UINT64_MAX - digit) / base;
        value = fits ? value * base + digit : value;
    }
    if (!fits || value > most)
        return drill_fault(sc->s, sc->fault, place, "%s is at most %llu", what,
                           (unsigned long long)most);
    *number = value;
    return true;
}

bool scan_seconds(struct drill_scan *sc, int64_t *ns)
{
    struct drill_place place = scan_place(sc);
    int64_t whole = 0, part = 0;
    unsigned digits = 0;
    int places = 0;
    for (; sc->at < sc->end && isdigit((unsigned char)*sc->at); sc->at++, digits++) {
        if (whole > 100000000)
            return drill_fault(sc->s, sc->fault, place, "a time of more than three years");
        whole = 10 * whole + (*sc->at - '0');
    }
    if (sc->at < sc->end && *sc->at == '.' && !starts(sc, "...")) {
        sc->at++;
        for (; sc->at < sc->end && isdigit((unsigned char)*sc->at); sc->at++, places++, digits++)
            if (places < 9)
                part = 10 * part + (*sc->at - '0');
    }
    if (digits == 0)
        return scan_wrong(sc, "a time in seconds");
    if (places > 9)
        return drill_fault(sc->s, sc->fault, place, "a time finer than nanoseconds");
    for (; places < 9; places++)
        part *= 10;
    *ns = whole * DRILL_NS_PER_S + part;
    return true;
}

bool scan_hex(struct drill_scan *sc, uint8_t *data, unsigned room, unsigned *len)
{
    struct drill_place place = scan_place(sc);
    unsigned n = 0;
    if (starts(sc, "0x"))
        skip(sc, 2);
    while (sc->end - sc->at >= 2 && digit_of(sc->at[0]) < 16 && digit_of(sc->at[1]) < 16) {
        if (n == room)
            return drill_fault(sc->s, sc->fault, place, "more than %u bytes", room);
        data[n++] = (uint8_t)(digit_of(sc->at[0]) << 4 | digit_of(sc->at[1]));
        sc->at += 2;
    }
    if (n == 0 || (sc->at < sc->end && word_byte(*sc->at)))
        return drill_fault(sc->s, sc->fault, place, "expected pairs of hexadecimal digits");
    *len = n;
    return true;
}

const char *scan_until(struct drill_scan *sc, const char *closing, const char *what, size_t *len)
{
    struct drill_place place = {.line = sc->line,
                                .column = (uint32_t)(sc->at - sc->line_start) + 1};
    const char *begin = sc->at;
    while (sc->at < sc->end && !starts(sc, closing))
        scan_step(sc);
    if (sc->at == sc->end) {
        drill_fault(sc->s, sc->fault, place, "%s that does not end: \"%s\" is missing", what,
                    closing);
        return NULL;
    }
    *len = (size_t)(sc->at - begin);
    skip(sc, strlen(closing));
    return begin;
}
