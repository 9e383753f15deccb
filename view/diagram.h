/* The live sequence diagram of one end, inside. (Of two ends, when all is over: chart.h.)
 *
 * diagram.c decides what is drawn: it follows the connections, looks a few records ahead so that
 * a change of state is told once, and sums up long runs of data. draw.c decides how it looks: it
 * turns one decision into lines, with the arrows and labels of lane.h. */
#ifndef VIEW_DIAGRAM_H
#define VIEW_DIAGRAM_H

#include <lastack/view.h>

#include "lane.h"
#include "peer.h"
#include "text.h"

/* Connections followed at once; when there are more, the one not heard of for longest loses its
 * relative numbers. */
#define DIAGRAM_CONNS_MAX 128

/* A segment as it is to be drawn. */
struct diagram_segment {
    const struct la_trace_record *r;
    const struct la_trace_record *options; /* NULL: none */
    enum la_tcp_state here, there;
    bool there_sure, there_known;
};

/* What has been summed up since the last line drawn. */
struct diagram_run {
    uint32_t drawn[3]; /* lines drawn in this run, by enum diagram_weight */
    uint64_t segments[2], bytes[2];
    uint32_t again, dropped;
    uint32_t held_n;
    uint64_t first_ns, last_ns;
    struct diagram_segment held; /* the first one: alone, it is drawn after all */
    struct la_trace_record held_record;
};

struct diagram_conn {
    uint32_t id;
    bool used, headed;
    bool iss_known, irs_known, ports_known, state_known;
    uint64_t begin_ns, heard;
    uint32_t iss, irs;
    uint16_t port_here, port_there;
    uint8_t scale_here, scale_there; /* 255: not offered */
    bool scaled;                     /* both SYNs offered it, and neither is on its way */
    enum la_tcp_state state;         /* as drawn last */
    struct view_peer peer;
    enum la_tcp_state peer_state;
    bool options_drawn; /* with the SYN, before their own record came */
    bool time_wait_due; /* its note is drawn behind the segment that began it */
    uint32_t time_wait_ms;
    uint64_t time_wait_ns;
    struct diagram_run run;
};

/* Columns count from 0. */
struct diagram_layout {
    unsigned columns, here, lane, lane_width, there, why;
    bool wide; /* reasons have their own column */
};

struct la_diagram {
    struct la_diagram_options options;
    struct diagram_layout layout;
    struct diagram_conn conns[DIAGRAM_CONNS_MAX];
    uint32_t current; /* the connection of the last line */
    bool any;         /* a line has been drawn */
    uint64_t heard;
};

void diagram_layout_init(struct diagram_layout *l, unsigned columns);
void diagram_draw_segment(struct la_diagram *d, struct diagram_conn *c,
                          const struct diagram_segment *s);
/* A line of its own at the left: what an application or a timer did. `state` may be NULL. */
void diagram_draw_note(struct la_diagram *d, struct diagram_conn *c, uint64_t time_ns,
                       const char *state, const char *mark, const char *text);
void diagram_draw_run(struct la_diagram *d, struct diagram_conn *c);

/* The sentences around the reasons (words.c). */
void diagram_words_options(const struct la_trace_record *options, char *text, size_t size);
void diagram_words_note(const struct la_trace_record *r, enum la_lang lang, char *text,
                        size_t size);
void diagram_words_time_wait(uint32_t ms, enum la_lang lang, char *text, size_t size);
void diagram_words_run(const struct diagram_run *run, enum la_lang lang, char *text, size_t size);

#endif
