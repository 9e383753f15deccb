/* Addresses as text and the questions asked about them.
 *
 * Reading accepts the three forms of RFC 4291 2.2 and dotted IPv4 of exactly four decimal numbers
 * without leading zeros (some readers take those as octal, so they are refused). Writing follows
 * RFC 5952. What is written reads back to the same address. */
#include <lastack/addr.h>

#include <lastack/err.h>

#include "base/bytes.h"
#include "base/mem.h"

#define GROUPS 8 /* of 16 bits, in an IPv6 address */

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool la_addr_equal(const struct la_addr *a, const struct la_addr *b)
{
    return mem_equal(a->b, b->b, sizeof(a->b));
}

/* RFC 4291 2.5.5.2 */
bool la_addr_is_v4(const struct la_addr *a)
{
    return mem_equal(a->b, mapped_prefix, sizeof(mapped_prefix));
}

bool la_addr_is_unspecified(const struct la_addr *a)
{
    const struct la_addr any4 = la_addr_any_v4();
    const struct la_addr any6 = la_addr_any_v6();
    return la_addr_equal(a, &any4) || la_addr_equal(a, &any6);
}

bool la_addr_is_multicast(const struct la_addr *a)
{
    if (!la_addr_is_v4(a)) {
        return a->b[0] == 0xff; /* RFC 4291 2.7 */
    }
    return (a->b[12] & 0xf0) == 0xe0 || load_be32(a->b + 12) == 0xffffffff; /* RFC 1122 3.2.1.3 */
}

bool la_addr_is_loopback(const struct la_addr *a)
{
    static const struct la_addr loopback6 = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
    return la_addr_is_v4(a) ? a->b[12] == 127 : la_addr_equal(a, &loopback6);
}

bool la_addr_is_link_local(const struct la_addr *a)
{
    if (la_addr_is_v4(a)) {
        return a->b[12] == 169 && a->b[13] == 254; /* RFC 3927 2.1 */
    }
    return a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80; /* RFC 4291 2.5.6 */
}

bool la_addr_in_prefix(const struct la_addr *a, const struct la_addr *net, uint8_t prefix)
{
    bool v4 = la_addr_is_v4(net);
    size_t first = v4 ? sizeof(mapped_prefix) : 0;
    size_t whole = prefix / 8U;
    unsigned rest = prefix % 8U;

    /* ::/0 holds no IPv4 address, although its mapped form would fit. */
    if (la_addr_is_v4(a) != v4 || prefix > (sizeof(a->b) - first) * 8) {
        return false;
    }
    if (!mem_equal(a->b + first, net->b + first, whole)) {
        return false;
    }
    return rest == 0 || ((a->b[first + whole] ^ net->b[first + whole]) >> (8 - rest)) == 0;
}

/* Reads a decimal number of 0 to 255; returns what follows it, or NULL. */
static const char *read_decimal(const char *s, uint8_t *out)
{
    unsigned v = 0;
    const char *start = s;

    while (*s >= '0' && *s <= '9') {
        v = v * 10 + (unsigned)(*s++ - '0');
        if (v > 255) {
            return NULL;
        }
    }
    if (s == start || (*start == '0' && s != start + 1)) {
        return NULL;
    }
    *out = (uint8_t)v;
    return s;
}

/* Reads the whole of `s` as a dotted IPv4 address into four bytes. */
static bool read_v4(const char *s, uint8_t *out)
{
    for (int i = 0; i < 4; i++) {
        s = read_decimal(s, out + i);
        if (!s || *s != (i < 3 ? '.' : '\0')) {
            return false;
        }
        s++;
    }
    return true;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Reads a group of one to four hexadecimal digits into two bytes; returns what follows. */
static const char *read_group(const char *s, uint8_t *out)
{
    unsigned v = 0;
    int digits = 0;

    while (hex_value(*s) >= 0) {
        v = v << 4 | (unsigned)hex_value(*s++);
        if (++digits > 4) {
            return NULL;
        }
    }
    store_be16(out, (uint16_t)v);
    return digits ? s : NULL;
}

/* Reads the groups of an IPv6 address one after the other. Returns how many, or -1; `gap` is the
 * number of groups before "::", or -1. */
static int read_groups(const char *s, uint8_t *out, int *gap)
{
    int n = 0;

    *gap = -1;
    if (s[0] == ':' && s[1] == ':') {
        *gap = 0;
        s += 2;
    }
    while (*s) {
        if (n <= GROUPS - 2 && read_v4(s, out + (size_t)n * 2)) {
            return n + 2; /* RFC 4291 2.2, third form: the last 32 bits are dotted */
        }
        if (n == GROUPS) {
            return -1;
        }
        s = read_group(s, out + (size_t)n * 2);
        if (!s) {
            return -1;
        }
        n++;
        if (!*s) {
            break;
        }
        if (*s++ != ':' || !*s) {
            return -1;
        }
        if (*s == ':') {
            if (*gap >= 0) {
                return -1; /* RFC 4291 2.2: "::" stands once */
            }
            *gap = n;
            s++;
        }
    }
    return n;
}

int la_addr_parse(const char *text, struct la_addr *out)
{
    uint8_t groups[sizeof(out->b)];
    uint8_t v4[4];
    int gap;

    if (read_v4(text, v4)) {
        *out = la_addr_v4(v4[0], v4[1], v4[2], v4[3]);
        return LA_OK;
    }
    int n = read_groups(text, groups, &gap);
    if (gap < 0 ? n != GROUPS : n < 0 || n >= GROUPS) {
        return LA_EINVAL; /* "::" stands for at least one group */
    }
    size_t before = (size_t)(gap < 0 ? n : gap) * 2;
    size_t after = (size_t)n * 2 - before;
    mem_zero(out->b, sizeof(out->b));
    mem_copy(out->b, groups, before);
    mem_copy(out->b + sizeof(out->b) - after, groups + before, after);
    return LA_OK;
}

/* Writes `v` with as few digits as it takes; returns the end. */
static char *write_number(char *s, uint32_t v, unsigned base)
{
    char digits[10];
    size_t n = 0;

    do {
        digits[n++] = "0123456789abcdef"[v % base]; /* RFC 5952 4.3: lower case */
        v /= base;
    } while (v);
    while (n) {
        *s++ = digits[--n];
    }
    return s;
}

static char *write_v4(char *s, const uint8_t *b)
{
    for (int i = 0; i < 4; i++) {
        if (i) {
            *s++ = '.';
        }
        s = write_number(s, b[i], 10);
    }
    return s;
}

/* The longest run of zero groups, the first of equals (RFC 5952 4.2.3), of at least two
 * (4.2.2). Returns its length, or 0. */
static int longest_zeros(const uint8_t *b, int *start)
{
    int best = 1;

    *start = GROUPS;
    for (int i = 0; i < GROUPS; i++) {
        int n = 0;
        while (i + n < GROUPS && load_be16(b + (size_t)(i + n) * 2) == 0) {
            n++;
        }
        if (n > best) {
            best = n;
            *start = i;
        }
        i += n;
    }
    return best > 1 ? best : 0;
}

static char *write_v6(char *s, const uint8_t *b)
{
    int start;
    int zeros = longest_zeros(b, &start);

    for (int i = 0; i < GROUPS; i++) {
        if (i == start) {
            *s++ = ':';
            *s++ = ':';
            i += zeros - 1;
            continue;
        }
        if (i > 0 && i != start + zeros) {
            *s++ = ':';
        }
        s = write_number(s, load_be16(b + (size_t)i * 2), 16); /* RFC 5952 4.1: no leading zeros */
    }
    return s;
}

static char *write_addr(char *s, const struct la_addr *a)
{
    return la_addr_is_v4(a) ? write_v4(s, a->b + 12) : write_v6(s, a->b);
}

size_t la_addr_format(const struct la_addr *a, char *text)
{
    char *end = write_addr(text, a);
    *end = '\0';
    return (size_t)(end - text);
}

size_t la_endpoint_format(const struct la_endpoint *e, char *text)
{
    bool brackets = !la_addr_is_v4(&e->addr); /* RFC 5952 6 */
    char *s = text;

    if (brackets) {
        *s++ = '[';
    }
    s = write_addr(s, &e->addr);
    if (e->scope) {
        *s++ = '%'; /* RFC 4007 11.2 */
        s = write_number(s, e->scope, 10);
    }
    if (brackets) {
        *s++ = ']';
    }
    *s++ = ':';
    s = write_number(s, e->port, 10);
    *s = '\0';
    return (size_t)(s - text);
}
