/* Packet scripts: one is read (script.h), run against a target, and the result told.
 *
 *     struct drill_script s;
 *     struct drill_result r;
 *     if (drill_parse(&s, name, text, len, &reading, &fault)) {
 *         drill_run(&s, &config, &r);
 *         ...
 *         drill_result_free(&r);
 *         drill_script_free(&s);
 *     }
 *
 * A run keeps everything in objects of its own: scripts may run side by side in processes or
 * threads, and the same script, persona and seed give the same run to the bit. */
#ifndef DRILL_DRILL_H
#define DRILL_DRILL_H

#include <lastack/reason.h>
#include <lastack/view.h>

#include "drill/script.h"

/* ---- personas: the choices in which stacks legally differ ----------------------------------- */

#define DRILL_PERSONA_LINES 128

struct drill_persona {
    char name[32], title[100];
    char text[8192]; /* cut into names and values */
    struct {
        const char *name, *value;
        uint32_t line;
    } settings[DRILL_PERSONA_LINES];
    unsigned count;
};

/* Reads a persona by name, or from a file when there is a "/" or a "." in it. False: `why` says
 * what is wrong, and lists the known ones when there is none of that name. */
bool drill_persona_load(struct drill_persona *p, const char *name, char *why, size_t size);

/* The known names, with commas. */
void drill_persona_list(char *text, size_t size);

/* ---- running -------------------------------------------------------------------------------- */

struct drill_config {
    const struct drill_persona *persona; /* of scripts that name none; NULL: "lastack" */
    bool kernel;                         /* run against the kernel, behind a TUN device */
    bool slow_path;                      /* without the stack's fast path */
    uint64_t seed;
    uint32_t isn_shift; /* added to the peer's initial sequence numbers */
    const char *pcap;   /* writes what passes to a pcapng file, NULL: does not */
    int64_t horizon_ns; /* so long nothing happens before a wait is given up; 0: 300 s */
    enum la_lang lang;
    bool colour, unicode;
};

void drill_config_init(struct drill_config *config);

enum drill_verdict {
    DRILL_PASSED,
    DRILL_FAILED, /* something was not as the script says */
    DRILL_BROKEN, /* the script cannot be read or run here */
};

struct drill_result {
    enum drill_verdict verdict;
    struct drill_fault fault; /* what and where, when it did not pass */
    char event[300];          /* the event's text */
    char came[400];           /* instead of it */
    enum la_reason why;       /* the reason the stack had for that; NONE: not known */
    char *printed;            /* by print(), NULL: nothing */
    char *picture;            /* of the exchange; only when it did not pass, or NULL */
    int64_t took_ns;          /* of the script's time */
    unsigned packets_in, packets_out, calls;
};

void drill_run(const struct drill_script *s, const struct drill_config *config,
               struct drill_result *result);
void drill_result_free(struct drill_result *result);

/* Reads and runs a file: what `lastack drill FILE` does. `ip` 4 or 6 overrides what the script
 * says; 0: as it says, and IPv4 when it does not (but IPv6 when its name ends so, "-ipv6.pkt",
 * "-v6.pkt"). */
void drill_run_file(const char *path, int ip, const struct drill_define *defines, unsigned count,
                    const struct drill_config *config, struct drill_result *result);

#endif
