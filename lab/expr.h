/* Expressions over a record: what claims, questions and {braces} in texts are made of.
 *
 *     count(client sends SYN) == 1 and ack(server sends SYN-ACK) == seq(client sends SYN) + 1
 *     time(client enters CLOSED) - time(client enters TIME-WAIT) == 2 * 30s
 *     state(server at 2s) == CLOSE-WAIT
 *
 * Values are numbers, times, sizes, rates, states, words in 'quotes' and truth; a value may be
 * missing (the event never came), and whatever is made of a missing value is missing and not
 * true. Functions of an event take the words that name it; which there are is told by
 * lab_expr_functions(). */
#ifndef LAB_EXPR_H
#define LAB_EXPR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lab;
struct lab_event;

enum lab_type {
    LAB_MISSING,
    LAB_NUMBER,
    LAB_SEQ,  /* a sequence number */
    LAB_TIME, /* nanoseconds */
    LAB_BYTES,
    LAB_RATE, /* bits a second */
    LAB_STATE_OF,
    LAB_ERROR, /* a la_err */
    LAB_WORD,
    LAB_TRUTH,
};

struct lab_value {
    uint8_t type; /* enum lab_type */
    double number;
    char word[48]; /* LAB_WORD; MISSING: what is */
};

/* What is wrong with an expression, and at which character of it (from 0). */
struct lab_expr_fault {
    size_t at;
    char text[300];
};

/* Reads an expression without a run: false when it is none, or names what there is not. */
bool lab_expr_check(struct lab *lab, unsigned scene, const char *text, struct lab_expr_fault *why);

/* Its value after a run. */
struct lab_value lab_expr_value(struct lab *lab, unsigned scene, const char *text);

/* The comparison that made an expression untrue. */
struct lab_miss {
    char left[120], right[120]; /* as written; `right` empty: there was none */
    char left_value[48], right_value[48];
    char relation[4];
};

/* Is it true? If not, `miss` says what it failed at. */
bool lab_expr_holds(struct lab *lab, unsigned scene, const char *text, struct lab_miss *miss);

/* "1.5 s", "3", "TIME-WAIT", "64 kB". */
void lab_value_format(const struct lab_value *v, char *text, size_t len);

const char *lab_expr_functions(void);

/* ---- events --------------------------------------------------------------------------------- */

/* One end of an event: where and when the words found it. */
struct lab_found {
    const struct lab_event *e; /* NULL: it never came */
    uint64_t time_ns;
    uint32_t order;
    unsigned node;
};

/* The words of an event: "client sends SYN 2", "server enters CLOSE-WAIT of f", "segment 3". */
bool lab_event_check(struct lab *lab, unsigned scene, const char *words, size_t len,
                     struct lab_expr_fault *why);
struct lab_found lab_event_find(struct lab *lab, unsigned scene, const char *words, size_t len);
unsigned lab_event_count(struct lab *lab, unsigned scene, const char *words, size_t len);

#endif
