/* The parser's parts: one function for each kind of event. False or NULL: fault. */
#ifndef DRILL_PARSE_H
#define DRILL_PARSE_H

#include "drill/scan.h"

struct drill_packet *parse_packet(struct drill_scan *sc);
struct drill_call *parse_call(struct drill_scan *sc);

/* Shell commands: `text` stands at `place` in the script. */
struct drill_command *parse_commands(struct drill_scan *sc, const char *text, size_t len,
                                     struct drill_place place);

/* What a name stands for by --define or the defaults; NULL: nothing. */
const char *parse_define(const struct drill_scan *sc, const char *name);

#endif
