/* The statements between "%{" and "}%": a small part of Python, evaluated here.
 *
 * What scripts write there is assertions about TCP_INFO. So there are integers, floats, texts and
 * truth values; names of the fields of TCP_INFO (and of SO_MEMINFO and the congestion control's
 * information) and of Linux's constants; variables, which live until the script ends; comparisons,
 * also chained, and, or, not, in, if-else, arithmetic, bit operations, "text %d" % value, and the
 * functions min, max, abs, int, float, len, str, hex, round. Statements: assert, print, assignment
 * (also +=), pass, several on a line with ";". Everything else is a fault with its place when the
 * script is read. */
#ifndef DRILL_PYTHON_H
#define DRILL_PYTHON_H

#include "drill/scan.h"

enum py_kind { PY_NONE, PY_BOOL, PY_INT, PY_FLOAT, PY_TEXT, PY_TUPLE };

#define PY_TUPLE_MAX 8

struct py_value {
    enum py_kind kind;
    int64_t number; /* BOOL, INT */
    double real;
    const char *text;
    const struct py_value *items; /* TUPLE */
    unsigned count;
};

/* Reads the statements of `text`, which stands at `place` in the script; NULL: fault. */
struct drill_code *py_parse(struct drill_scan *sc, const char *text, size_t len,
                            struct drill_place place);

struct py_world;

/* Variables of one run; what is made while it runs is freed with it. */
struct py_world *py_world_new(void);
void py_world_free(struct py_world *w);

/* A name that has a value at this moment, as TCP_INFO has. */
void py_world_set(struct py_world *w, const char *name, int64_t number);
/* Forgets those. */
void py_world_clear(struct py_world *w);

/* Runs statements. False: one failed (`fault`, at its place). What print() says is added to `out`
 * as lines. */
bool py_run(struct py_world *w, const struct drill_script *s, const struct drill_code *code,
            struct drill_fault *fault, char *out, size_t size);

#endif
