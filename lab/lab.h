/* Experiments: files that answer a question about TCP by a run of the shipped core.
 *
 * An experiment is a scenario of the simulator (docs/simulator.md) with narration in two languages
 * added (docs/lab-language.md). It has one scene or several; each is a simulation of its own. What
 * happens is recorded (lab/record.h), and only then are sentences placed and claims checked, so
 * that nothing that is said can change what runs.
 *
 *     lab_read()    a text becomes an experiment: scenes, sentences, claims, questions
 *     lab_run()     every scene runs; every sentence gets its time, every claim its verdict
 *     lab/chart.h   a scene as a sequence diagram
 *     lab/quiz.h    questions with the answers of this very run
 *
 * A sentence stands on claims, which are expressions over the record (lab/expr.h). One that does
 * not hold with the values of the file makes the experiment fail. With other values it is a
 * finding: the sentence is replaced by what is true, with the two sides of the comparison.
 *
 * Invariants: sentences, claims and questions stand in the order of the file; a claim belongs to
 * one sentence; texts live as long as the experiment. */
#ifndef LAB_LAB_H
#define LAB_LAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lastack/view.h>

#include "lab/expr.h"
#include "lab/record.h"
#include "scenario/scenario.h"
#include "sim/sim.h"

#define LAB_SCENES  8
#define LAB_SAYS    96
#define LAB_CLAIMS  192
#define LAB_QUIZ    16
#define LAB_CHOICES 6
#define LAB_SHOWS   4
#define LAB_NAME    40

/* A text in both languages; empty, never NULL. */
struct lab_text {
    char *say[2]; /* by enum la_lang */
};

struct lab_claim {
    const char *expression;
    uint32_t line, column;
    unsigned scene;
    /* of the last run */
    bool holds;
    struct lab_miss miss; /* if not */
};

enum lab_say_kind { LAB_SAY_BEGIN, LAB_SAY_ON, LAB_SAY_AT, LAB_SAY_END, LAB_SAY_CONCLUSION };

struct lab_say {
    uint8_t kind; /* enum lab_say_kind */
    unsigned scene;
    uint32_t line, column;
    const char *event; /* LAB_SAY_ON */
    uint64_t at_ns;    /* LAB_SAY_AT */
    const char *when;  /* said only if this is true; NULL: always */
    const char *side;  /* a host's name, "middle"; NULL: where the event is */
    struct lab_text text, otherwise;
    unsigned claims_first, claims_count;
    /* of the last run */
    bool placed;      /* it has a time: its event came */
    bool said;        /* placed, and `when` is true */
    bool holds;       /* with all its claims */
    uint64_t time_ns; /* when, in its scene */
    int node;         /* where; -1: between the hosts */
};

struct lab_quiz {
    unsigned scene;
    uint32_t line, column;
    struct lab_text question, because;
    const char *answer; /* an expression */
    uint32_t answer_line, answer_column;
    const char *choices[LAB_CHOICES]; /* expressions; other answers that sound right */
    unsigned choices_count;
};

/* A packet to be taken apart. */
enum lab_show_kind { LAB_SHOW_HEADER, LAB_SHOW_LAYERS };
struct lab_show {
    uint8_t kind; /* enum lab_show_kind */
    unsigned scene;
    uint32_t line, column;
    const char *event;
};

struct lab_scene {
    char name[LAB_NAME];
    struct lab_text title;
    struct plan *plan;
    /* of the last run */
    struct sim_result *result;
    struct lab_record record;
};

struct lab {
    struct scenario scenario;
    char name[LAB_NAME]; /* of the file, without folder and ending */
    const char *group;
    uint32_t order;
    struct lab_text title, question;
    bool given; /* a parameter has another value than the file's */
    bool v6;
    unsigned scenes_count, says_count, claims_count, quiz_count, shows_count;
    struct lab_scene scenes[LAB_SCENES];
    struct lab_say says[LAB_SAYS];
    struct lab_claim claims[LAB_CLAIMS];
    struct lab_quiz quiz[LAB_QUIZ];
    struct lab_show shows[LAB_SHOWS];
    /* of the last run */
    bool broken; /* the simulation found a fault, or a sentence has no place: see `fault` */
    char fault[600];
};

/* Reads an experiment. False: `fault` says what is wrong and where, and there is nothing to
 * free. `lab` is large: not for the stack. */
bool lab_read(struct lab *lab, const char *name, const char *text, size_t len,
              const struct scenario_given *given, unsigned given_count, bool v6,
              struct scenario_fault *fault);
void lab_free(struct lab *lab);

/* Runs all scenes and judges all claims. False: there is no memory. */
bool lab_run(struct lab *lab);

/* Did everything that was promised hold? With values that are not the file's a claim may fail. */
bool lab_holds(const struct lab *lab);
unsigned lab_claims_held(const struct lab *lab);

/* What a sentence says after the run, its {expressions} replaced by values: the text, or what is
 * true instead. Writes at most `len` bytes. */
void lab_sentence(struct lab *lab, const struct lab_say *say, enum la_lang lang, char *text,
                  size_t len);
/* Any text of the experiment, with {expressions} of that scene replaced. */
void lab_words(struct lab *lab, unsigned scene, const char *words, char *text, size_t len);

/* ---- names ---------------------------------------------------------------------------------- */

/* Groups in the order of lists; NULL behind the last. */
const char *lab_group_name(unsigned n);
const char *lab_group_title(const char *group, enum la_lang lang);

/* How far two words are apart: letters to insert, leave out or change. */
unsigned lab_distance(const char *a, const char *b);

#endif
