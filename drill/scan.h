/* The scanner: a place in a script's text, and the lexemes that the parser asks for there.
 *
 * In this language what a piece of text is depends on where it stands: "S." are flags, ".1" is a
 * time, "0..." begins a range of times, "abcd1234" is a cookie, "1:1(0)" a sequence. A lexer that
 * knows the next token without knowing the place would need a mode for each; so the parser asks
 * for what it expects, and the scanner says whether that is there. Blanks and comments before a
 * lexeme are passed over by the functions that take one. */
#ifndef DRILL_SCAN_H
#define DRILL_SCAN_H

#include "drill/script.h"

struct drill_scan {
    struct drill_script *s;
    const struct drill_reading *reading;
    struct drill_fault *fault;
    const char *at, *end;
    const char *line_start;
    uint32_t line;
};

void scan_init(struct drill_scan *sc, struct drill_script *s, const struct drill_reading *reading,
               struct drill_fault *fault);

/* Passes over blanks and comments ("//", "#", slash-star). */
void scan_blanks(struct drill_scan *sc);
bool scan_at_end(struct drill_scan *sc);

/* Where the next lexeme begins. */
struct drill_place scan_place(struct drill_scan *sc);

/* One byte further; keeps count of lines. */
void scan_step(struct drill_scan *sc);

/* Is this text next? Takes it when it is. */
bool scan_is(struct drill_scan *sc, const char *text);
bool scan_take(struct drill_scan *sc, const char *text);
/* The same for a whole word. */
bool scan_take_word(struct drill_scan *sc, const char *word);

/* The fault is "expected `text`" when it is not next. */
bool scan_expect(struct drill_scan *sc, const char *text, const char *where);

/* A name: letters, digits and "_", a letter first; NULL: there is none. Not taken by peek. */
const char *scan_word(struct drill_scan *sc);
size_t scan_peek_word(struct drill_scan *sc, const char **word);

/* A number without sign, decimal or 0x; false: fault. */
bool scan_number(struct drill_scan *sc, uint64_t most, const char *what, uint64_t *number);
bool scan_is_digit(struct drill_scan *sc);

/* Seconds with a fraction of at most nine digits, as nanoseconds; "..." after it is left alone. */
bool scan_seconds(struct drill_scan *sc, int64_t *ns);

/* Hexadecimal digits, pairwise, into `data`; false: fault. */
bool scan_hex(struct drill_scan *sc, uint8_t *data, unsigned room, unsigned *len);

/* What stands up to `closing`, which is taken as well; NULL: it never comes, fault. */
const char *scan_until(struct drill_scan *sc, const char *closing, const char *what, size_t *len);

/* A fault at the next lexeme; what stands there is quoted. */
bool scan_wrong(struct drill_scan *sc, const char *expected);

#endif
