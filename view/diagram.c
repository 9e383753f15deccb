/* The sequence diagram: what is drawn, and when.
 *
 * A record is drawn when it comes, with three exceptions, all made by looking ahead in the same
 * call, so that live and later drawings differ only where a call ends in between:
 *   - a SYN takes the OPTIONS record behind it into its own line;
 *   - a change of state has no line of its own when the segment, timer or event beside it
 *     shows the new state;
 *   - the note that TIME-WAIT began stands behind the ACK that it sends.
 * Runs of data are held back (struct diagram_run) until something else is drawn.
 *
 * Records may be damaged or begin in the middle of a connection: nothing here trusts them. */
#include <stdlib.h>
#include <string.h>

#include "diagram.h"

/* How close in time a change of state and the segment that shows it must be. */
#define SAME_MOMENT_NS UINT64_C(5000000)

/* How far to look for the next record of a connection among those of others. */
#define LOOK_AHEAD 64

/* How much a line is missed when there are too many. */
enum diagram_weight { WEIGHT_DATA, WEIGHT_CALL, WEIGHT_TROUBLE, WEIGHT_TURN };

/* One record and what follows it in the call. */
struct cursor {
    const struct la_trace_record *r;
    const struct la_trace_record *end;
};

void la_diagram_options_init(struct la_diagram_options *options)
{
    *options = (struct la_diagram_options){
        .out = stdout,
        .columns = 80,
        .unicode = true,
        .data_lines_max = 6,
        .here = "lastack",
        .there = "peer",
    };
}

struct la_diagram *la_diagram_new(const struct la_diagram_options *options)
{
    struct la_diagram *d = calloc(1, sizeof(*d));

    if (d == NULL)
        return NULL;
    d->options = *options;
    diagram_layout_init(&d->layout, options->columns);
    return d;
}

/* ---- connections ---- */

static struct diagram_conn *conn_of(struct la_diagram *d, const struct la_trace_record *r)
{
    struct diagram_conn *slot = &d->conns[0];

    for (size_t i = 0; i < DIAGRAM_CONNS_MAX; i++) {
        struct diagram_conn *c = &d->conns[i];

        if (c->used && c->id == r->conn) {
            c->heard = ++d->heard;
            return c;
        }
        if (c->heard < slot->heard)
            slot = c;
    }
    if (slot->used && slot->run.held_n > 1)
        diagram_draw_run(d, slot);
    *slot = (struct diagram_conn){
        .id = r->conn,
        .used = true,
        .begin_ns = r->time_ns,
        .heard = ++d->heard,
        .scale_here = 255,
        .scale_there = 255,
    };
    return slot;
}

static bool is_synchronized(enum la_tcp_state state)
{
    return state >= LA_TCP_ESTABLISHED && state < LA_TCP_STATE_COUNT;
}

static bool is_refused(const struct la_trace_record *r)
{
    return la_reason_kind(r->reason) == LA_KIND_DROP;
}

/* Sequence numbers count from the SYNs; where those were not seen, from the first number seen. */
static void learn_bases(struct diagram_conn *c, const struct la_trace_record *r)
{
    const bool in = LA_TRACE_WHAT(r) == LA_TRACE_IN;
    const bool syn = (r->flags & LA_TH_SYN) != 0;
    uint32_t *own = in ? &c->irs : &c->iss, *other = in ? &c->iss : &c->irs;
    bool *own_known = in ? &c->irs_known : &c->iss_known;
    bool *other_known = in ? &c->iss_known : &c->irs_known;

    if (is_refused(r) || (r->flags & LA_TH_RST) != 0)
        return;
    if (syn || !*own_known) {
        *own = syn ? r->seq : r->seq - 1;
        *own_known = true;
    }
    if (!*other_known && (r->flags & LA_TH_ACK) != 0) {
        *other = r->ack - 1;
        *other_known = true;
    }
    if (!syn && is_synchronized(LA_TRACE_STATE_OF(r)) && (c->peer.known & FACT_SYN_SENT) == 0)
        view_peer_join_open(&c->peer);
}

/* ---- runs ---- */

static enum la_tcp_state state_shown_by(const struct la_trace_record *r)
{
    enum la_tcp_state state = LA_TRACE_STATE_OF(r);

    if (LA_TRACE_WHAT(r) == LA_TRACE_OUT)
        return view_state_after_sending(state, r->flags, r->reason);
    return state;
}

static struct diagram_segment segment_now(const struct diagram_conn *c,
                                          const struct la_trace_record *r)
{
    struct diagram_segment s = {.r = r, .here = state_shown_by(r), .there_known = c->id != 0};

    s.there = view_peer_state(&c->peer, &s.there_sure);
    return s;
}

static void run_flush(struct la_diagram *d, struct diagram_conn *c)
{
    struct diagram_run *run = &c->run;

    if (run->held_n == 0)
        return;
    run->held.r = &run->held_record;
    if (run->held_n == 1)
        diagram_draw_segment(d, c, &run->held);
    else
        diagram_draw_run(d, c);
    run->held_n = 0;
    for (int way = 0; way < 2; way++)
        run->segments[way] = run->bytes[way] = 0;
    run->again = run->dropped = 0;
}

/* Whether a record of this weight still gets a line. If not, it is added to the sum. */
static bool run_admits(struct la_diagram *d, struct diagram_conn *c, enum diagram_weight weight,
                       const struct la_trace_record *r)
{
    const uint32_t max = d->options.data_lines_max;
    const bool segment = LA_TRACE_WHAT(r) == LA_TRACE_IN || LA_TRACE_WHAT(r) == LA_TRACE_OUT;
    const int way = LA_TRACE_WHAT(r) == LA_TRACE_IN;
    struct diagram_run *run = &c->run;

    if (weight == WEIGHT_CALL && run->held_n > 0)
        return false; /* no reason to break the sum */
    if (max == 0 || weight == WEIGHT_TURN || run->drawn[weight] < max) {
        run_flush(d, c);
        if (weight == WEIGHT_TURN)
            *run = (struct diagram_run){0};
        else
            run->drawn[weight]++;
        return true;
    }
    if (!segment)
        return false; /* a call or timer among the data: the sum says enough */
    if (run->held_n++ == 0) {
        run->held_record = *r;
        run->held = segment_now(c, r);
        run->first_ns = r->time_ns;
    }
    run->last_ns = r->time_ns > run->first_ns ? r->time_ns : run->first_ns;
    run->segments[way]++;
    run->bytes[way] += r->len;
    run->again += !way && lane_is_again(r->reason);
    run->dropped += way && is_refused(r);
    return false;
}

/* ---- records ---- */

static const struct la_trace_record *next_of_conn(struct cursor at)
{
    const struct la_trace_record *end = at.end - at.r > LOOK_AHEAD ? at.r + LOOK_AHEAD : at.end;

    for (const struct la_trace_record *n = at.r + 1; n < end; n++) {
        if (n->conn == at.r->conn)
            return n;
    }
    return NULL;
}

static void time_wait_note(struct la_diagram *d, struct diagram_conn *c)
{
    char text[80];

    if (!c->time_wait_due)
        return;
    c->time_wait_due = false;
    diagram_words_time_wait(c->time_wait_ms, d->options.lang, text, sizeof(text));
    diagram_draw_note(d, c, c->time_wait_ns, NULL, NULL, text);
}

/* Segments that open, close or change something are turns of the story and always drawn. */
static enum diagram_weight segment_weight(const struct diagram_conn *c,
                                          const struct la_trace_record *r)
{
    bool sure;

    if (is_refused(r) || lane_is_again(r->reason))
        return (r->flags & (LA_TH_SYN | LA_TH_FIN | LA_TH_RST)) != 0 ? WEIGHT_TURN : WEIGHT_TROUBLE;
    if ((r->flags & (LA_TH_SYN | LA_TH_FIN | LA_TH_RST)) != 0 || !c->state_known ||
        state_shown_by(r) != c->state || view_peer_state(&c->peer, &sure) != c->peer_state)
        return WEIGHT_TURN;
    switch (r->reason) {
    case LA_ACK_FIN:
    case LA_ACK_TIME_WAIT:
    case LA_HANDSHAKE_ACK:
    case LA_TAKE_HANDSHAKE_ACK:
    case LA_TAKE_COOKIE:
        return WEIGHT_TURN;
    case LA_CHALLENGE_SYN:
    case LA_CHALLENGE_RST:
    case LA_CHALLENGE_ACK:
    case LA_PROBE_WINDOW:
    case LA_PROBE_KEEPALIVE:
        return WEIGHT_TROUBLE;
    default:
        return WEIGHT_DATA;
    }
}

static void segment_record(struct la_diagram *d, struct diagram_conn *c, struct cursor at)
{
    const struct la_trace_record *r = at.r, *options = next_of_conn(at);
    const bool in = LA_TRACE_WHAT(r) == LA_TRACE_IN;
    struct diagram_segment s;

    if (c->time_wait_due && in && r->time_ns != c->time_wait_ns)
        time_wait_note(d, c);
    if (options != NULL &&
        ((r->flags & LA_TH_SYN) == 0 || LA_TRACE_WHAT(options) != LA_TRACE_OPTIONS))
        options = NULL;
    learn_bases(c, r);
    if (!in)
        view_peer_sent(&c->peer, r);
    else if (!is_refused(r))
        view_peer_took(&c->peer, r);
    if (run_admits(d, c, segment_weight(c, r), r)) {
        s = segment_now(c, r);
        s.options = options;
        diagram_draw_segment(d, c, &s);
        c->options_drawn = options != NULL;
        c->state = s.here;
        c->state_known = true;
        c->peer_state = s.there;
    }
    if (!in)
        time_wait_note(d, c);
}

/* The record says whose options they are by its reason alone. */
static void options_record(struct la_diagram *d, struct diagram_conn *c,
                           const struct la_trace_record *r)
{
    uint8_t scale = (uint8_t)(r->len < 255 ? r->len : 255);
    char text[80];

    if (la_reason_kind(r->reason) == LA_KIND_SEND)
        c->scale_here = scale;
    else if (!is_refused(r))
        c->scale_there = scale;
    c->scaled = c->scale_here != 255 && c->scale_there != 255;
    diagram_words_options(r, text, sizeof(text));
    if (!c->options_drawn && text[0] != '\0')
        diagram_draw_note(d, c, r->time_ns, NULL, NULL, text);
    c->options_drawn = false;
}

/* A segment soon after shows the state that this record brings, or a later one. */
static bool state_is_shown_next(struct cursor at)
{
    const uint64_t time_ns = at.r->time_ns;
    const struct la_trace_record *n;

    for (; (n = next_of_conn(at)) != NULL && n->time_ns - time_ns < SAME_MOMENT_NS; at.r = n) {
        if (LA_TRACE_WHAT(n) == LA_TRACE_IN || LA_TRACE_WHAT(n) == LA_TRACE_OUT)
            return true;
        if (LA_TRACE_WHAT(n) != LA_TRACE_STATE && LA_TRACE_WHAT(n) != LA_TRACE_CALL)
            return false;
    }
    return false;
}

static void note_record(struct la_diagram *d, struct diagram_conn *c, struct cursor at,
                        enum diagram_weight weight)
{
    const struct la_trace_record *r = at.r, *next = next_of_conn(at);
    const bool call = LA_TRACE_WHAT(r) == LA_TRACE_CALL;
    enum la_tcp_state state = LA_TRACE_STATE_OF(r);
    const char *shown = NULL;
    char text[240];

    time_wait_note(d, c);
    if (!run_admits(d, c, weight, r))
        return;
    /* A call shows the state in which it was made; what it led to is seen in the next line. */
    if (!call && next != NULL && LA_TRACE_WHAT(next) == LA_TRACE_STATE &&
        next->time_ns - r->time_ns < SAME_MOMENT_NS)
        state = LA_TRACE_STATE_OF(next);
    if (c->id != 0 && (!c->state_known || (!call && state != c->state))) {
        shown = la_tcp_state_name(state);
        c->state = state;
        c->state_known = true;
    }
    if (call && c->id != 0 && next != NULL && LA_TRACE_WHAT(next) == LA_TRACE_STATE &&
        next->reason == r->reason && !state_is_shown_next(at)) {
        /* No segment shows soon what the call led to: one line for both. */
        c->state = LA_TRACE_STATE_OF(next);
        c->state_known = true;
        shown = la_tcp_state_name(c->state);
    }
    diagram_words_note(r, d->options.lang, text, sizeof(text));
    diagram_draw_note(d, c, r->time_ns, shown,
                      is_refused(r) ? (d->options.unicode ? "✗" : "X")
                      : call        ? (d->options.unicode ? "▸" : ">")
                                    : NULL,
                      text);
}

static void state_record(struct la_diagram *d, struct diagram_conn *c, struct cursor at)
{
    const struct la_trace_record *r = at.r;
    enum la_tcp_state state = LA_TRACE_STATE_OF(r);

    if (state == LA_TCP_TIME_WAIT) {
        c->time_wait_due = true;
        c->time_wait_ms = r->seq;
        c->time_wait_ns = r->time_ns;
    } else {
        time_wait_note(d, c);
    }
    if ((c->state_known && c->state == state) || state_is_shown_next(at))
        return;
    run_admits(d, c, WEIGHT_TURN, r);
    diagram_draw_note(d, c, r->time_ns, la_tcp_state_name(state), NULL,
                      la_reason_text(r->reason, d->options.lang));
    c->state = state;
    c->state_known = true;
}

static enum diagram_weight note_weight(const struct la_trace_record *r)
{
    switch (r->reason) {
    case LA_CALL_SEND:
    case LA_CALL_RECEIVE:
    case LA_TIMEOUT_DELAYED_ACK:
        return WEIGHT_CALL;
    case LA_TIMEOUT_RTX:
    case LA_TIMEOUT_PERSIST:
    case LA_TIMEOUT_KEEPALIVE:
    case LA_RECOVERY_ENTERED:
    case LA_RECOVERY_LEFT:
    case LA_RECOVERY_UNDONE:
    case LA_RECOVERY_UNDONE_DSACK:
    case LA_TIMEOUT_SPURIOUS:
    case LA_TIMEOUT_PROBE:
    case LA_PROBE_REPAIRED:
    case LA_RENEGED:
    case LA_URGENT_ADVANCED:
        return WEIGHT_TROUBLE;
    default:
        return is_refused(r) ? WEIGHT_TROUBLE : WEIGHT_TURN;
    }
}

static void peer_record(struct la_diagram *d, struct diagram_conn *c,
                        const struct la_trace_record *r)
{
    /* The identifier is used again: a new connection. */
    if (c->headed) {
        run_flush(d, c);
        *c = (struct diagram_conn){.id = c->id,
                                   .used = true,
                                   .begin_ns = r->time_ns,
                                   .heard = c->heard,
                                   .scale_here = 255,
                                   .scale_there = 255};
    }
    c->ports_known = true;
    c->port_here = (uint16_t)(r->ack >> 16);
    c->port_there = (uint16_t)r->ack;
}

static void one_record(struct la_diagram *d, struct cursor at)
{
    const struct la_trace_record *r = at.r;
    struct diagram_conn *c;

    if (d->options.conn != 0 && r->conn != d->options.conn)
        return;
    c = conn_of(d, r);
    switch (LA_TRACE_WHAT(r)) {
    case LA_TRACE_PEER:
        peer_record(d, c, r);
        break;
    case LA_TRACE_IN:
    case LA_TRACE_OUT:
        /* Without flags it is no TCP segment but ICMP, UDP, a fragment, ... */
        if (r->flags != 0)
            segment_record(d, c, at);
        else
            note_record(d, c, at, note_weight(r));
        break;
    case LA_TRACE_STATE:
        state_record(d, c, at);
        break;
    case LA_TRACE_TIMER:
    case LA_TRACE_CALL:
    case LA_TRACE_EVENT:
        note_record(d, c, at, note_weight(r));
        break;
    case LA_TRACE_OPTIONS:
        options_record(d, c, r);
        break;
    default:
        break; /* a kind of record that this reader does not know */
    }
}

/* ---- order ---- */

static int by_serial(const void *a, const void *b)
{
    const struct la_trace_record *x = a, *y = b;

    return (x->serial > y->serial) - (x->serial < y->serial);
}

/* Serials wrap: they are ordered by their distance from the first, which may be negative. */
static void sort_records(struct la_trace_record *records, size_t n)
{
    const uint32_t base = records[0].serial - (UINT32_C(1) << 31);

    for (size_t i = 0; i < n; i++)
        records[i].serial -= base;
    qsort(records, n, sizeof(*records), by_serial);
    for (size_t i = 0; i < n; i++)
        records[i].serial += base;
}

void la_diagram_add(struct la_diagram *d, const struct la_trace_record *records, size_t n)
{
    struct la_trace_record *sorted = NULL;
    bool in_order = true;

    for (size_t i = 1; i < n && in_order; i++)
        in_order = (int32_t)(records[i].serial - records[i - 1].serial) >= 0;
    if (!in_order && (sorted = malloc(n * sizeof(*sorted))) != NULL) {
        memcpy(sorted, records, n * sizeof(*sorted));
        sort_records(sorted, n);
        records = sorted; /* without memory: drawn as they came */
    }
    for (size_t i = 0; i < n; i++)
        one_record(d, (struct cursor){.r = &records[i], .end = records + n});
    for (size_t i = 0; i < DIAGRAM_CONNS_MAX; i++) {
        if (d->conns[i].used)
            time_wait_note(d, &d->conns[i]);
    }
    free(sorted);
    fflush(d->options.out);
}

void la_diagram_end(struct la_diagram *d)
{
    if (d == NULL)
        return;
    for (size_t i = 0; i < DIAGRAM_CONNS_MAX; i++) {
        if (d->conns[i].used)
            run_flush(d, &d->conns[i]);
    }
    fflush(d->options.out);
    free(d);
}
