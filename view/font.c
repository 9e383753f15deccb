/* Widths of characters, in thousandths of the font's size: the largest among Verdana, DejaVu Sans,
 * Arial, Roboto, Segoe UI and Noto Sans, which programs choose when they are asked for a sans-serif
 * face. Beyond ASCII a character is as wide as the font is high, as Chinese ones are. */
#include "font.h"

#include <string.h>

#include "text.h"

static const unsigned short ascii[95] = {
    /* space to / */ 352,
    402,
    460,
    838,
    636,
    1077,
    780,
    275,
    454,
    454,
    636,
    838,
    364,
    454,
    364,
    454,
    /* 0 to 9 */ 636,
    636,
    636,
    636,
    636,
    636,
    636,
    636,
    636,
    636,
    /* : to @ */ 454,
    454,
    838,
    838,
    838,
    546,
    1015,
    /* A to Z */ 684,
    686,
    723,
    771,
    667,
    611,
    779,
    752,
    421,
    500,
    693,
    557,
    863,
    748,
    787,
    667,
    787,
    723,
    684,
    616,
    732,
    684,
    989,
    685,
    667,
    685,
    /* [ to ` */ 454,
    454,
    454,
    838,
    636,
    636,
    /* a to z */ 613,
    635,
    550,
    635,
    615,
    352,
    635,
    634,
    278,
    344,
    592,
    278,
    974,
    634,
    612,
    635,
    635,
    427,
    521,
    394,
    634,
    592,
    818,
    592,
    592,
    525,
    /* { to ~ */ 636,
    454,
    636,
    838,
};

/* Bold faces are wider by up to this. */
#define BOLD 1.17

static double char_width(const char *text, double size, bool bold)
{
    const unsigned char c = (unsigned char)text[0];
    double width = c >= ' ' && c < 0x7f ? ascii[c - ' '] : 1000;

    return width / 1000 * size * (bold ? BOLD : 1);
}

double font_width_n(const char *text, size_t n, double size, bool bold)
{
    double width = 0;
    unsigned columns;

    for (size_t at = 0, step; at < n && (step = view_char(text + at, &columns)) > 0; at += step)
        width += char_width(text + at, size, bold);
    return width;
}

double font_width(const char *text, double size, bool bold)
{
    return font_width_n(text, strlen(text), size, bold);
}

size_t font_wrap(const char *text, double width, double size, bool bold)
{
    double used = 0;
    size_t at = 0, best = 0, n;
    unsigned columns;

    while ((n = view_char(text + at, &columns)) > 0) {
        if (at > 0 && view_breaks_before(text + at))
            best = at;
        used += char_width(text + at, size, bold);
        if (used > width && at > 0)
            return best > 0 ? best : at;
        at += n;
    }
    return at;
}
