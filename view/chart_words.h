/* The words of a chart that are the same in every form of drawing. */
#ifndef VIEW_CHART_WORDS_H
#define VIEW_CHART_WORDS_H

#include "chart_rows.h"
#include "lane.h"

#define CHART_WORDS_MAX 600

/* What a packet shows: numbers relative or as in the header. */
struct lane_segment chart_segment(const struct la_chart_event *e, bool absolute);

/* "UDP len=12", "ICMP 3/4", or the label that was told. "" for a TCP segment without a label. */
void chart_words_label(const struct la_chart_event *e, char *text, size_t size);

/* The same, and for a TCP segment its flags and numbers: "SYN,ACK seq=0 ack=1 win=65535". */
void chart_words_packet(const struct la_chart_event *e, bool absolute, char *text, size_t size);

/* "MSS=1460 WS=7 TS SACK", "SACK 101-201 ..."; "" for none. */
void chart_words_options(const struct la_chart_event *e, bool absolute, char *text, size_t size);

/* Why it was sent, and what became of it when that is more than an arrival. `plain`: also the
 * reasons that the arrow shows already. */
void chart_words_why(const struct la_chart_event *e, const struct la_chart_info *info, bool plain,
                     char *text, size_t size);

/* What an end's last packet said. A reason that stands beside one data segment or ACK after another
 * is said once. */
struct chart_said {
    char why[CHART_WORDS_MAX];
    uint16_t flags;
};
/* True: said already. Remembers what is said now. */
bool chart_is_said(struct chart_said *said, const struct la_chart_event *e, const char *why);

/* What a call, timer or event says in one line. */
void chart_words_point(const struct la_chart_event *e, bool is_set, enum la_lang lang, char *text,
                       size_t size);

void chart_words_sum(const struct chart_sum *sum, const struct la_chart_info *info, char *text,
                     size_t size);

/* "wrong on purpose: ..." */
void chart_words_wrong(const char *why, enum la_lang lang, char *text, size_t size);

/* "15 events are missing: no room"; "" when none is. */
void chart_words_left_out(const struct la_chart_info *info, char *text, size_t size);

/* Does it end in a cross at the receiver? */
bool chart_is_refused(const struct la_chart_event *e);

/* Seconds since the beginning with this many decimals. */
void chart_words_time(const struct la_chart_info *info, uint64_t time_ns, unsigned decimals,
                      char *text, size_t size);
/* How many decimals tell the moments of these rows apart: 3 to 6. */
unsigned chart_decimals(const struct chart_rows *rows);

#endif
