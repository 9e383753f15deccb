/* Text in columns. The widths are those of East Asian Width W and F (Unicode Standard Annex 11)
 * in blocks, which is what terminals do; arrows and lines are one column wide. */
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "text.h"

struct code_range {
    uint32_t first, last;
};

static const struct code_range wide[] = {
    {0x1100, 0x115f}, {0x2e80, 0x303e},   {0x3041, 0x4dbf},   {0x4e00, 0xa4cf},
    {0xac00, 0xd7a3}, {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff01, 0xff60},
    {0xffe0, 0xffe6}, {0x1f300, 0x1faff}, {0x20000, 0x3fffd},
};

static bool is_wide(uint32_t code)
{
    for (size_t i = 0; i < sizeof(wide) / sizeof(wide[0]); i++) {
        if (code >= wide[i].first && code <= wide[i].last)
            return true;
    }
    return false;
}

/* Punctuation that belongs to what stands before it. */
static bool is_closing(const char *text)
{
    static const char *const closing[] = {"，", "。", "：", "；", "、", "）"};

    for (size_t i = 0; i < sizeof(closing) / sizeof(closing[0]); i++) {
        if (strncmp(text, closing[i], strlen(closing[i])) == 0)
            return true;
    }
    return false;
}

size_t view_char(const char *text, unsigned *columns)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : p[0] >= 0xc2 ? 2 : 1;
    uint32_t code = n == 1 ? p[0] : p[0] & (0xffU >> (n + 1));

    *columns = p[0] != 0;
    if (p[0] == 0)
        return 0;
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 1;
        code = code << 6 | (p[i] & 0x3fU);
    }
    if (n > 1 && is_wide(code))
        *columns = 2;
    return n;
}

unsigned view_columns(const char *text)
{
    unsigned all = 0, columns;

    for (size_t n; (n = view_char(text, &columns)) > 0; text += n)
        all += columns;
    return all;
}

bool view_breaks_before(const char *text)
{
    unsigned columns;

    view_char(text, &columns);
    return text[0] == ' ' || (columns == 2 && !is_closing(text));
}

size_t view_wrap(const char *text, unsigned columns)
{
    unsigned used = 0, width;
    size_t at = 0, best = 0, n;

    while ((n = view_char(text + at, &width)) > 0) {
        if (at > 0 && view_breaks_before(text + at))
            best = at;
        if (used + width > columns && at > 0)
            return best > 0 ? best : at;
        used += width;
        at += n;
    }
    return at;
}

void view_append(char *text, size_t size, const char *format, ...)
{
    const size_t n = strlen(text);
    va_list args;

    va_start(args, format);
    vsnprintf(text + n, size - n, format, args);
    va_end(args);
}

void view_line_begin(struct view_line *line, bool colour)
{
    line->len = 0;
    line->columns = 0;
    line->colour = colour;
}

static bool append(struct view_line *line, const char *bytes, size_t n)
{
    /* Room for the end of a colour and a newline is always left. */
    if (line->len + n + 8 > sizeof(line->bytes))
        return false;
    memcpy(line->bytes + line->len, bytes, n);
    line->len += n;
    return true;
}

void view_line_put_n(struct view_line *line, enum view_style style, const char *text, size_t n)
{
    static const char *const escapes[] = {
        [STYLE_PLAIN] = "",         [STYLE_QUIET] = "\033[2m", [STYLE_STRONG] = "\033[1m",
        [STYLE_AGAIN] = "\033[33m", [STYLE_BAD] = "\033[31m",
    };
    bool escaped = line->colour && style != STYLE_PLAIN && n > 0 &&
                   append(line, escapes[style], strlen(escapes[style]));
    unsigned columns;

    for (size_t at = 0, step; at < n && (step = view_char(text + at, &columns)) > 0; at += step) {
        bool control = (unsigned char)text[at] < ' ' || text[at] == 0x7f;

        append(line, control ? "?" : text + at, step);
        line->columns += columns;
    }
    if (escaped) {
        memcpy(line->bytes + line->len, "\033[0m", 4); /* into the room that append() leaves */
        line->len += 4;
    }
}

void view_line_put(struct view_line *line, enum view_style style, const char *text)
{
    view_line_put_n(line, style, text, strlen(text));
}

void view_line_repeat(struct view_line *line, enum view_style style, const char *text,
                      unsigned times)
{
    char all[1024];
    size_t n = strlen(text), len = 0;

    for (; times > 0 && len + n < sizeof(all); times--, len += n)
        memcpy(all + len, text, n);
    view_line_put_n(line, style, all, len);
}

void view_line_to(struct view_line *line, unsigned column)
{
    for (; line->columns < column; line->columns++)
        append(line, " ", 1);
}

void view_line_fitting(struct view_line *line, enum view_style style, const char *text,
                       unsigned columns)
{
    size_t at = 0, n;
    unsigned width, used = 0;

    while ((n = view_char(text + at, &width)) > 0 && used + width <= columns) {
        used += width;
        at += n;
    }
    view_line_put_n(line, style, text, at);
}

void view_line_wrapped(struct view_line *line, enum view_style style, const char **text,
                       unsigned column, unsigned end)
{
    size_t n;

    if (**text == '\0')
        return;
    view_line_to(line, column);
    n = view_wrap(*text, end - column);
    view_line_put_n(line, style, *text, n);
    *text += n;
    while (**text == ' ')
        (*text)++;
}

void view_line_end(struct view_line *line, FILE *out)
{
    while (line->len > 0 && line->bytes[line->len - 1] == ' ')
        line->len--;
    line->bytes[line->len++] = '\n';
    fwrite(line->bytes, 1, line->len, out);
}
