/* Text in columns: what a terminal shows of UTF-8, and a line under construction.
 *
 * A column is what one ASCII letter takes; Chinese characters take two. A line keeps count of
 * columns, so that whatever was put before, line_to() goes to the right place. A line never
 * overflows: what is too long is cut between characters. */
#ifndef VIEW_TEXT_H
#define VIEW_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum view_style {
    STYLE_PLAIN,
    STYLE_QUIET,  /* what is context */
    STYLE_STRONG, /* what opens and closes */
    STYLE_AGAIN,  /* what is sent again */
    STYLE_BAD,    /* what is refused or reset */
};

struct view_line {
    char bytes[2048];
    size_t len;
    unsigned columns;
    bool colour;
};

/* Bytes of the first character of `text` and its columns; a byte that is no UTF-8 is a character
 * of one column. 0 at the end. */
size_t view_char(const char *text, unsigned *columns);

unsigned view_columns(const char *text);

/* May a line end before this character? It may before a space, and before a wide character that is
 * no closing punctuation. */
bool view_breaks_before(const char *text);

/* How many bytes of `text` go on a line of `columns`: up to a space, or between two wide
 * characters (not before closing punctuation), or, if there is no such place, cut. At least one
 * character, so that a caller who goes on where this ended comes to an end. */
size_t view_wrap(const char *text, unsigned columns);

/* Appends to a text in `size` bytes; what does not fit is left out. */
void view_append(char *text, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

void view_line_begin(struct view_line *line, bool colour);
void view_line_put(struct view_line *line, enum view_style style, const char *text);
void view_line_put_n(struct view_line *line, enum view_style style, const char *text, size_t n);
void view_line_repeat(struct view_line *line, enum view_style style, const char *text,
                      unsigned times);
void view_line_to(struct view_line *line, unsigned column);
/* As much of `text` as `columns` take. */
void view_line_fitting(struct view_line *line, enum view_style style, const char *text,
                       unsigned columns);
/* From `column` on, as much of *text as goes on the line before `end`; *text then stands behind. */
void view_line_wrapped(struct view_line *line, enum view_style style, const char **text,
                       unsigned column, unsigned end);
void view_line_end(struct view_line *line, FILE *out);

#endif
