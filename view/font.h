/* How much room a text takes in a drawing whose fonts are not known.
 *
 * The reader's system chooses the font, so widths are those of the widest common ones: what is laid
 * out with them fits with any. Lengths are in the unit of `size`. */
#ifndef VIEW_FONT_H
#define VIEW_FONT_H

#include <stdbool.h>
#include <stddef.h>

double font_width(const char *text, double size, bool bold);
double font_width_n(const char *text, size_t n, double size, bool bold);

/* How many bytes of `text` go on a line of `width`, broken as view_wrap() does. At least one
 * character. */
size_t font_wrap(const char *text, double width, double size, bool bold);

/* Above and below the baseline. */
#define FONT_ASCENT  0.93
#define FONT_DESCENT 0.27

#endif
