/* The sequence chart, inside.
 *
 *   chart.c        what is told is stored: events in one array, IN and OUT records in another
 *   chart_join.c   la_chart_finish(): records meet packets, states and numbers are filled in
 *   chart_rows.c   which rows a drawing has, and in which order
 *   chart_text.c, chart_svg.c, chart_mermaid.c   the drawings
 *
 * Everything told has an order, counted from 1. Two moments at the same end and time stand in
 * that order; a packet takes the order of the records it is joined with, so that it stands
 * where its sender (receiver) saw it. */
#ifndef VIEW_CHART_H
#define VIEW_CHART_H

#include <lastack/chart.h>

#include "store.h"

#define CHART_NEVER UINT64_MAX

/* An event under construction. Packets are at index number - 1 until they are sorted. */
struct chart_event {
    struct la_chart_event e; /* e.over_ns is CHART_NEVER while it is not known */
    uint32_t order;          /* at its end */
    uint32_t over_order;     /* PACKET: at the receiver's end */
    struct la_chart_header *header;
    bool sent_joined, arrived_joined;
};

/* An IN or OUT record that waits for its packet. */
struct chart_record {
    struct la_trace_record r;
    uint32_t order;
    uint8_t end;
    bool used;
    uint8_t options; /* from the OPTIONS record behind it */
    uint8_t wscale;
    uint16_t mss;
    uint32_t tsval;
};

struct la_chart {
    struct la_chart_options options;
    struct la_chart_info info;
    bool began, finished, no_memory;
    struct store store;
    struct chart_event *events;
    size_t events_n, events_cap;
    struct chart_record *records;
    size_t records_n, records_cap;
    uint32_t order;
    size_t find_from[2]; /* no packet from this end before this index is on its way */
    bool packets_told;
    bool has_records[2];
};

/* By time, and by the order of telling within a moment: what qsort() wants. */
static inline int chart_compare(uint64_t time_a, uint32_t order_a, uint64_t time_b,
                                uint32_t order_b)
{
    if (time_a != time_b)
        return time_a < time_b ? -1 : 1;
    return (order_a > order_b) - (order_a < order_b);
}

static inline enum la_chart_end chart_other(enum la_chart_end end)
{
    return end == LA_CHART_LEFT ? LA_CHART_RIGHT : LA_CHART_LEFT;
}

/* Nothing is known of what happens at this end: neither its records nor the wire were told. Packets
 * from and to it are drawn as if they took no time. */
static inline bool chart_is_dark(const struct la_chart *c, enum la_chart_end end)
{
    return !c->packets_told && !c->has_records[end];
}

/* Room for one more element of `size` bytes in an array; false: no memory, and the chart knows. */
bool chart_grow(struct la_chart *c, void **array, size_t n, size_t *cap, size_t size);

/* A new event at the end of the array; NULL: no room, which is counted. */
struct chart_event *chart_new_event(struct la_chart *c, enum la_chart_kind kind,
                                    enum la_chart_end end, uint64_t time_ns);

/* Memory that lives as long as the chart, zeroed; NULL when there is none. */
void *chart_alloc(struct la_chart *c, size_t size);
/* A copy of a text, its control characters replaced by spaces and broken UTF-8 by '?'; "" for
 * NULL. */
const char *chart_copy(struct la_chart *c, const char *text);

/* The short name of a timer ("RTO", "2 MSL") from the reason of its record. */
const char *chart_timer_name(enum la_reason reason, enum la_lang lang);
/* The verb of a call ("connect") from the reason of its record. */
const char *chart_call_verb(enum la_reason reason);

#endif
