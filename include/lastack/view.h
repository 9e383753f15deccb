/* View: reading what happened. Trace records in, words and pictures out. */
#ifndef LASTACK_VIEW_H
#define LASTACK_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <lastack/reason.h>
#include <lastack/trace.h>

#pragma GCC visibility push(default)

enum la_lang { LA_LANG_EN, LA_LANG_ZH };

/* "RTX_FAST", "RFC 5681 3.2", "fast retransmission: ..."; static, never NULL; "?" for a number
 * that is no reason. */
const char *la_reason_name(enum la_reason reason);
const char *la_reason_clause(enum la_reason reason);
const char *la_reason_text(enum la_reason reason, enum la_lang lang);
enum la_reason_kind la_reason_kind(enum la_reason reason);

/* "FIN-WAIT-1"; "?" for a number that is no state. */
const char *la_tcp_state_name(enum la_tcp_state state);

/* Each of the following writes at most this many bytes, the closing NUL included. */
#define LA_NUMBER_TEXT_MAX 40

/* "SYN,ACK": the order of RFC 9293's figures, from FIN to AE. */
void la_flags_format(uint16_t flags, char *text);

/* "12 us", "1.5 ms", "250 ms", "1.0 s", "60.0 s", "1.234 s". */
void la_duration_format(uint64_t ns, char *text);

/* "64 MiB" when it is whole in a binary unit, else "5.9 MB". */
void la_bytes_format(uint64_t bytes, char *text);

/* "12.3 Gbit/s". */
void la_rate_format(uint64_t bytes, uint64_t ns, char *text);

/* "46,024". */
void la_count_format(uint64_t count, char *text);

/* The sequence diagram as text: one line a segment; the time since the connection's first record,
 * this end's state left, the peer's right, flags, relative numbers, length, window (scaled, once
 * scaling is agreed), the options of a SYN, and the reason. States are those after the segment
 * has left or arrived, as in the figures of RFC 9293. The peer's state is inferred from the
 * segments; "?" marks one that holds only if the last segment arrives there. */
struct la_diagram;

struct la_diagram_options {
    FILE *out;
    unsigned columns; /* 80 and up; from 110 the reasons have a column of their own */
    bool unicode;     /* arrows as characters beyond ASCII */
    bool colour;
    bool absolute; /* sequence numbers as in the header */
    enum la_lang lang;
    uint32_t conn;            /* only this connection; 0: all, and what belongs to none */
    uint32_t data_lines_max;  /* data segments drawn in a row before they are summed up in one
                                 line ("segments: 4,096 out (5.9 MB), ..."); 0: all */
    const char *here, *there; /* names of the two ends: "lastack", "kernel" */
};
/* stdout, 80 columns, Unicode, no colour, English, all connections, 6 data lines. */
void la_diagram_options_init(struct la_diagram_options *options);

/* NULL when there is no memory. Text that `options` points to must live as long. */
struct la_diagram *la_diagram_new(const struct la_diagram_options *options);
/* Draws records in the order of their serial numbers; may be called again and again, live. */
void la_diagram_add(struct la_diagram *d, const struct la_trace_record *records, size_t n);
void la_diagram_end(struct la_diagram *d); /* what is summed up so far, then frees */

#pragma GCC visibility pop

#endif
