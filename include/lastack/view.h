/* View: reading what happened. Trace records in, words and pictures out. */
#ifndef LASTACK_VIEW_H
#define LASTACK_VIEW_H

#include <stdbool.h>
#include <stdio.h>

#include <lastack/reason.h>
#include <lastack/trace.h>

enum la_lang { LA_LANG_EN, LA_LANG_ZH };

/* "RTX_FAST", "RFC 5681 3.2", "fast retransmission: ..."; static, never NULL. */
const char *la_reason_name(enum la_reason reason);
const char *la_reason_clause(enum la_reason reason);
const char *la_reason_text(enum la_reason reason, enum la_lang lang);
enum la_reason_kind la_reason_kind(enum la_reason reason);

const char *la_tcp_state_name(enum la_tcp_state state);

/* "SYN,ACK" in the order of the header; `text` of at least 40 bytes. */
void la_flags_format(uint16_t flags, char *text);

/* The sequence diagram as text: one line a segment; time, this end's state left, the peer's right
 * (inferred from its segments when it is not traced), flags, relative numbers, length, options
 * that matter, and the reason. */
struct la_diagram;

struct la_diagram_options {
    FILE *out;
    unsigned columns; /* 80 and up */
    bool unicode;     /* arrows as characters beyond ASCII */
    bool colour;
    bool absolute; /* sequence numbers as in the header */
    enum la_lang lang;
    uint32_t conn;            /* only this connection; 0: all */
    uint32_t data_lines_max;  /* data segments drawn in a row before they are summed up in one
                                 line ("... 4,096 segments, 5.9 MB ..."); 0: all */
    const char *here, *there; /* names of the two ends: "lastack", "kernel" */
    bool there_is_conn;       /* both ends are traced (memory pair): records of two stacks come in
                                 through la_diagram_add_peer() */
};
void la_diagram_options_init(struct la_diagram_options *options);

struct la_diagram *la_diagram_new(const struct la_diagram_options *options);
/* Draws records in the order of their serial numbers; may be called again and again, live. */
void la_diagram_add(struct la_diagram *d, const struct la_trace_record *records, size_t n);
void la_diagram_end(struct la_diagram *d); /* what is summed up so far, then frees */

#endif
