/* What a program says to its user: in which language, to a terminal or not.
 *
 * Every sentence is given in English and Chinese side by side, so that neither is forgotten.
 * Errors are one line on stderr that begins with the program's name and says what to do. */
#ifndef APPS_COMMON_SAY_H
#define APPS_COMMON_SAY_H

#include <stdbool.h>
#include <stdio.h>

#include <lastack/view.h>

struct say {
    const char *program; /* "lastack nc" */
    enum la_lang lang;
    bool quiet;     /* errors only */
    bool terminal;  /* stderr is one */
    bool colour;    /* and shows colours */
    bool unicode;   /* characters beyond ASCII can be shown */
    bool transient; /* the last line on the terminal will be overwritten */
};

/* The language comes from --lang in argv, else from the environment (LC_ALL, LC_MESSAGES, LANG).
 * What stands behind "--" is not looked at; what --lang says is checked by say_lang(). */
void say_init(struct say *say, const char *program, int argc, char **argv);

/* Reads "en" or "zh"; false for anything else. */
bool say_lang(const char *text, enum la_lang *lang);

const char *say_words(const struct say *say, const char *en, const char *zh);

/* A sentence in the chosen language, as it is. */
void say_text(FILE *out, const struct say *say, const char *en, const char *zh);

/* One line on stderr: "lastack nc: ...". */
void say_error(struct say *say, const char *en, const char *zh, ...)
    __attribute__((format(printf, 2, 4), format(printf, 3, 4)));

/* One line on stderr that is no error; not when quiet. */
void say_note(struct say *say, const char *en, const char *zh, ...)
    __attribute__((format(printf, 2, 4), format(printf, 3, 4)));

/* A line on a terminal that the next one overwrites; nothing elsewhere. */
void say_progress(struct say *say, const char *en, const char *zh, ...)
    __attribute__((format(printf, 2, 4), format(printf, 3, 4)));

/* Wipes the line of say_progress(). */
void say_progress_end(struct say *say);

/* Columns of a terminal, between 80 and 160; 80 where there is none. */
unsigned say_columns(int fd);

#endif
