/* The sequence chart: what happened at two ends and between them, as text, SVG and Mermaid.
 *
 * A chart is filled in three steps: make it, tell it what happened, finish it. Then it can be read
 * event by event (for another form of output) and drawn as often as wanted.
 *
 *     struct la_chart *c = la_chart_new(&options);
 *     la_chart_end(c, LA_CHART_LEFT, "client", NULL);
 *     ... la_chart_records(), la_chart_packet(), la_chart_arrived(), la_chart_note(), ...
 *     if (la_chart_finish(c, now_ns) == LA_OK)
 *         la_chart_text(c, &form, stdout);
 *     la_chart_free(c);
 *
 * What is told: the trace records of either host, as la_stack_trace() gives them; the packets on
 * the wire and what became of them; calls, states and timers of an end that has no trace records
 * (a scripted host); notes for the reader. Time is one for both ends and need not come in order:
 * what is told first stands first among events of the same moment and end.
 *
 * Wire and records are joined by la_chart_finish(): a packet takes its reason, its sender's state
 * and its place among the sender's other events from the OUT record with the same header, and the
 * verdict and the receiver's state from the IN record. So both are told in any order, and each
 * is enough alone: with records of both ends and no packets, an OUT record and the IN record of the
 * other end make a packet; with packets alone, there are no reasons.
 *
 * Ownership: the chart copies everything it is told, texts included; nothing given to it need live
 * longer than the call. What it hands out lives until la_chart_free(). A chart is used by one
 * thread and writes nowhere but to the FILE it is given.
 *
 * Failures: when memory or options.events_max is spent, what is told from then on is left out, and
 * la_chart_finish() says so; what was told before can still be drawn. Nothing that is told can do
 * harm: header bytes, records and texts may be anything. */
#ifndef LASTACK_CHART_H
#define LASTACK_CHART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <lastack/addr.h>
#include <lastack/trace.h>
#include <lastack/view.h>

#pragma GCC visibility push(default)

struct la_chart;

/* Who or where. Notes stand at an end or in the middle; all else happens at an end. */
enum la_chart_end { LA_CHART_LEFT, LA_CHART_RIGHT, LA_CHART_MIDDLE };

struct la_chart_options {
    enum la_lang lang;   /* of the words that the chart adds; notes are drawn as told */
    uint32_t events_max; /* bounds the memory: about 300 bytes each */
};
/* English, 100,000 events. */
void la_chart_options_init(struct la_chart_options *options);

/* NULL when there is no memory. */
struct la_chart *la_chart_new(const struct la_chart_options *options);
void la_chart_free(struct la_chart *c);

/* ---- telling -------------------------------------------------------------------------------- */

/* `detail`: a second line below the name (an address), or NULL. */
void la_chart_end(struct la_chart *c, enum la_chart_end end, const char *name, const char *detail);

/* This end is wrong on purpose; every drawing says so, with `why` ("does not wait in TIME-WAIT").
 */
void la_chart_end_wrong(struct la_chart *c, enum la_chart_end end, const char *why);

/* A heading and a line or two below it; both may be NULL. */
void la_chart_title(struct la_chart *c, const char *title, const char *subtitle);

/* Time 0 of the axis; without this call, the first event. */
void la_chart_begins(struct la_chart *c, uint64_t time_ns);

/* Trace records of the host at this end. Without `calls`, CALL records are left out: for those who
 * tell the calls themselves. */
void la_chart_records(struct la_chart *c, enum la_chart_end end,
                      const struct la_trace_record *records, size_t n, bool calls);

/* A packet's header as a chart shows it. */
#define LA_CHART_SACK_MAX 4
enum la_chart_option {
    LA_CHART_OPT_MSS = 0x01,
    LA_CHART_OPT_WSCALE = 0x02,
    LA_CHART_OPT_TS = 0x04,
    LA_CHART_OPT_SACK_OK = 0x08,
    LA_CHART_OPT_SACK = 0x10,
};
struct la_chart_header {
    struct la_addr src, dst;
    uint16_t src_port, dst_port;
    uint32_t seq, ack;
    uint32_t len;     /* bytes of payload */
    uint16_t wnd;     /* as in the header */
    uint16_t flags;   /* LA_TH_*; 0: no TCP */
    uint16_t mss;     /* valid as `options` says, like the following */
    uint8_t protocol; /* of IP; 0: unknown */
    uint8_t wscale;   /* window scale */
    uint8_t options;  /* enum la_chart_option */
    uint8_t sack_n;
    uint8_t ecn; /* of IP: 0 Not-ECT, 1 ECT(1), 2 ECT(0), 3 CE */
    uint8_t icmp_type, icmp_code;
    uint32_t tsval, tsecr;
    uint32_t sack[LA_CHART_SACK_MAX][2];
};
/* Reads `len` bytes from the IP header on. False: no IP packet; the header is then all zero. */
bool la_chart_header_read(struct la_chart_header *h, const uint8_t *ip, size_t len);

/* What became of a packet. */
enum la_chart_fate {
    LA_CHART_FLYING,  /* not known: on its way at the end */
    LA_CHART_ARRIVED, /* what the receiver made of it is in its verdict */
    LA_CHART_LOST,    /* the network lost it: ends in a cross on the way */
    LA_CHART_DAMAGED, /* it arrived with changed bits: ends in a cross at the receiver */
};

/* Properties of a packet that its header does not show. */
enum la_chart_mark {
    LA_CHART_AGAIN = 0x01,     /* a retransmission; known from the reason where there is one */
    LA_CHART_DUPLICATE = 0x02, /* the network made a second one of it */
    LA_CHART_LATE = 0x04,      /* held back on purpose, overtaken by others */
    LA_CHART_WRONG = 0x08,     /* no right host sends it: forged, or of a host wrong on purpose */
    LA_CHART_KEY = 0x10,       /* always drawn, never summed up */
};

struct la_chart_packet {
    enum la_chart_end from;
    uint64_t sent_ns;
    uint32_t conn;         /* of the sender; 0: unknown, or none */
    enum la_reason reason; /* why it was sent; LA_NONE: unknown */
    uint8_t marks;         /* enum la_chart_mark */
    uint32_t copy_of;      /* number of the packet of which it is a duplicate; 0: none */
    const char *label;     /* instead of the flags and numbers; NULL: none */
    struct la_chart_header h;
};

/* A packet leaves. Its number (1 and up) for the calls below, 0 when it found no room; they take
 * a number of 0 and do nothing. */
uint32_t la_chart_packet(struct la_chart *c, const struct la_chart_packet *packet);

/* It arrives at the other end; `conn` there and `verdict` may be 0 and LA_NONE: unknown. */
void la_chart_arrived(struct la_chart *c, uint32_t number, uint64_t time_ns, uint32_t conn,
                      enum la_reason verdict);
/* LOST or DAMAGED, at this time. Says who lost it when that is not the network; NULL: the network.
 */
void la_chart_lost(struct la_chart *c, uint32_t number, uint64_t time_ns, enum la_chart_fate fate,
                   const char *by);
void la_chart_mark(struct la_chart *c, uint32_t number, uint8_t marks); /* adds */

/* The oldest packet towards `to` with this header that left at or before this time and of which
 * nothing is known yet; 0: none. For those who see packets only when they leave
 * and arrive, as the simulator shows them. */
uint32_t la_chart_find(struct la_chart *c, enum la_chart_end to, const struct la_chart_header *h,
                       uint64_t time_ns);

/* An application's call: verb "send", argument "100 bytes" or NULL. `result` 0 or more is not
 * shown; a negative la_err is, by name. */
struct la_chart_call {
    enum la_chart_end end;
    uint64_t time_ns;
    uint32_t conn;
    const char *verb, *argument;
    int64_t result;
};
void la_chart_call(struct la_chart *c, const struct la_chart_call *call);

/* The state of a connection, of an end without records. */
void la_chart_state(struct la_chart *c, enum la_chart_end end, uint64_t time_ns, uint32_t conn,
                    enum la_tcp_state state, enum la_reason why);

/* A timer is set; its number for la_chart_timer_over(). The timers in trace records are drawn
 * without these calls: those that ran out, and TIME-WAIT. `name` as short as "RTO", "2 MSL". */
uint32_t la_chart_timer(struct la_chart *c, enum la_chart_end end, uint64_t time_ns, uint32_t conn,
                        const char *name, uint64_t due_ns);
/* It ran out, or was stopped. */
void la_chart_timer_over(struct la_chart *c, uint32_t number, uint64_t time_ns, bool ran_out);

/* Narration, numbered by the drawings in the order of time. It stands behind what happened at or
 * before this time at its end (in the middle: at both). */
void la_chart_note(struct la_chart *c, enum la_chart_end where, uint64_t time_ns, const char *text);

/* Something to be marked at an end in a few words: "port free", "crash". */
void la_chart_event(struct la_chart *c, enum la_chart_end end, uint64_t time_ns, uint32_t conn,
                    const char *text);

/* Everything is told, up to this time. LA_OK; LA_ENOMEM or LA_ENOBUFS: part of it is missing, the
 * rest can be drawn. To be called once, before what follows. */
int la_chart_finish(struct la_chart *c, uint64_t time_ns);

/* ---- reading -------------------------------------------------------------------------------- */

enum la_chart_kind {
    LA_CHART_PACKET,
    LA_CHART_CALL,
    LA_CHART_STATE,
    LA_CHART_TIMER,
    LA_CHART_EVENT,
    LA_CHART_NOTE,
};

/* One event, as it is after joining. Which fields mean something depends on `kind`; texts are
 * never NULL but where it says so. */
struct la_chart_event {
    enum la_chart_kind kind;
    enum la_chart_end end; /* where; PACKET: who sent it */
    uint64_t time_ns;      /* PACKET: when it left; TIMER: when it was set */
    uint64_t over_ns;      /* PACKET: arrived, lost; TIMER: ran out, stopped; else time_ns */
    uint64_t due_ns;       /* TIMER: when it would run out */
    uint32_t number;       /* as la_chart_packet() gave it; NOTE: 1 and up */
    uint32_t conn;         /* of `end`; 0: none */
    enum la_reason reason; /* why; NONE: unknown, or told without */
    uint8_t state;         /* enum la_tcp_state after it at `end`, when state_known */
    bool state_known;
    const char *text;     /* CALL: verb; TIMER: name; EVENT, NOTE: text; PACKET: label, "" */
    const char *argument; /* CALL: "" when there is none; PACKET: who lost it, or "" */
    int64_t result;       /* CALL; TIMER: how often it has backed off */
    bool ran_out;         /* TIMER: else stopped, or running at the end */
    /* PACKET: */
    enum la_chart_fate fate;
    uint8_t marks;
    enum la_reason verdict; /* NONE: unknown */
    uint32_t conn_there;    /* of the receiver */
    uint8_t state_there;    /* of the receiver after it, when state_there_known */
    bool state_there_known;
    bool sent_known; /* false: it came from nowhere, time_ns is over_ns */
    uint32_t copy_of;
    uint32_t seq_base, ack_base;     /* subtract to count from the initial sequence numbers */
    uint32_t window;                 /* scaled, once scaling is agreed */
    const struct la_chart_header *h; /* NULL for all but packets */
};

/* Events in the order of time (of departure). */
size_t la_chart_count(const struct la_chart *c);
const struct la_chart_event *la_chart_at(const struct la_chart *c, size_t i);

struct la_chart_end_info {
    const char *name, *detail; /* detail: "" when there is none */
    const char *wrong;         /* NULL: as it should be */
};
struct la_chart_info {
    const char *title, *subtitle; /* "" when there is none */
    struct la_chart_end_info end[2];
    uint64_t begin_ns, end_ns;
    uint64_t left_out; /* events for which there was no room */
    enum la_lang lang;
};
void la_chart_info(const struct la_chart *c, struct la_chart_info *info);

/* ---- drawing -------------------------------------------------------------------------------- */

enum la_chart_scheme { LA_CHART_AUTO, LA_CHART_LIGHT, LA_CHART_DARK };

struct la_chart_form {
    unsigned columns; /* text: 80 to 240; from 110 reasons have a column of their own */
    bool unicode;     /* text: characters beyond ASCII for lines and arrows */
    bool colour;      /* text */
    bool absolute;    /* sequence numbers as in the header */
    bool quiet;       /* no reasons */
    /* So many packets of a kind in a row are drawn; the rest, if it is as many, is summed up in one
     * row. 0: all are drawn. */
    uint32_t run_max;
    enum la_chart_scheme scheme; /* SVG: AUTO follows the reader's preference */
};
/* 80 columns, Unicode, no colour, relative numbers, runs of 16, AUTO. */
void la_chart_form_init(struct la_chart_form *form);

/* 0; LA_ENOMEM; LA_EIO when writing failed (then `out` holds a part). */
int la_chart_text(const struct la_chart *c, const struct la_chart_form *form, FILE *out);
int la_chart_svg(const struct la_chart *c, const struct la_chart_form *form, FILE *out);
int la_chart_mermaid(const struct la_chart *c, const struct la_chart_form *form, FILE *out);

#pragma GCC visibility pop

#endif
