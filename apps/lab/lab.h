/* `lastack lab`: what its parts share. */
#ifndef APPS_LAB_LAB_H
#define APPS_LAB_LAB_H

#include "apps/common/say.h"
#include "lab/lab.h"

#define JOB_GIVEN 32
#define JOB_PATH  1024

struct job {
    struct say say;
    const char *name; /* of an experiment; NULL: list them */
    const char *file; /* instead of one that is installed */
    struct scenario_given given[JOB_GIVEN];
    unsigned given_count;
    bool v6, json, quiz, claims, absolute, ascii, quiet;
    bool columns_given;
    unsigned columns;
    bool seeded;
    uint64_t seed;
    const char *pcap, *svg, *mermaid, *doc, *scene;
    int colour; /* -1: as the terminal has it */
};

/* ---- find.c: where experiments are ------------------------------------------------------------
 */

/* The folder of the installed ones; false: there is none, and `say` has said so. */
bool find_folder(struct job *job, char path[JOB_PATH]);
/* Its experiments, sorted as lists are: group, order, name. The caller frees each and the array.
 * -1: it was said why. */
struct found {
    char name[LAB_NAME];
    char path[JOB_PATH];
    const char *group; /* static */
    uint32_t order;
    char *title[2], *question[2];
};
int find_all(struct job *job, struct found **found);
void find_free(struct found *found, int count);
/* Reads a file whole. NULL: it was said why. */
char *find_text(struct job *job, const char *path, size_t *len);
/* The experiment that the job asks for, by name or file, read with the job's parameters. False:
 * it was said why. `path` is where it was found. */
bool find_read(struct job *job, struct lab *lab, char path[JOB_PATH]);

/* ---- report.c, json.c, pictures.c, quiz.c, doc.c -----------------------------------------------
 */

void lab_list(struct job *job, const struct found *found, int count);
/* What a run says: the chart with its sentences, packets taken apart, the conclusion, the claims.
 */
void lab_report(struct job *job, struct lab *lab);
void lab_report_claims(struct job *job, struct lab *lab);
/* A paragraph, broken at so many columns (Chinese characters take two). */
void lab_wrapped(FILE *out, const char *text, unsigned columns, const char *indent);

void json_run(struct job *job, struct lab *lab);
void json_list(const struct found *found, int count);

/* SVG, Mermaid and pcap of the scenes: with several, "name.svg" becomes "name-SCENE.svg" but for
 * --scene. False: it was said why. */
bool pictures_write(struct job *job, struct lab *lab);
bool picture_svg(struct job *job, struct lab *lab, unsigned scene, const char *path);

/* An exit code. */
int quiz_run(struct job *job, struct lab *lab);
int doc_write(struct job *job);

#endif
