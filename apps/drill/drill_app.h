/* `lastack drill`: the parts of the command line program. */
#ifndef APPS_DRILL_DRILL_APP_H
#define APPS_DRILL_DRILL_APP_H

#include "apps/common/say.h"
#include "drill/drill.h"

#define DRILL_DEFINES 32

struct drill_outcome {
    bool done;
    enum drill_verdict verdict;
    char *message, *picture, *printed;
    char event[300], came[400];
    enum la_reason why;
    uint32_t line, column;
    int64_t took_ns;
    unsigned packets, calls;
};

struct drill_app {
    struct say say;
    struct drill_config config;
    struct drill_persona persona;
    struct drill_define defines[DRILL_DEFINES];
    unsigned defines_count;
    int ip; /* 4, 6; 0: as the scripts say */
    unsigned workers;
    bool tap, json, verbose, list, record;
    const char *junit;
    const char *local; /* --record: which end is this one */
    uint64_t at_least; /* so many must pass; UINT64_MAX: all */

    char **paths;
    size_t count, room;
    struct drill_outcome *outcomes;
    size_t passed, failed;
};

/* paths.c: a script, a folder with all that end in .pkt, or @LIST of paths beside it. */
bool paths_add(struct drill_app *app, const char *path);
void paths_free(struct drill_app *app);

/* work.c: runs all, and calls tell_one() in their order. False: no workers could be started. */
bool work_run(struct drill_app *app);

/* tell.c */
void tell_begin(struct drill_app *app);
void tell_one(struct drill_app *app, size_t index);
bool tell_end(struct drill_app *app); /* false: a file could not be written */

/* record.c */
int record_run(struct drill_app *app);

#endif
