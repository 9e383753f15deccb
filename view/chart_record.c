/* The sequence chart: what trace records tell.
 *
 * Changes of state, timers, calls and events become events of the chart at once. IN and OUT records
 * wait for their packets (chart_join.c). A timer's record is written when it ran out and says how
 * long it was, so when it was set is known too; TIME-WAIT says how long it will last when it
 * begins. */
#include <string.h>

#include <lastack/err.h>

#include "chart.h"

const char *chart_timer_name(enum la_reason reason, enum la_lang lang)
{
    const bool zh = lang == LA_LANG_ZH;

    switch ((int)reason) {
    case LA_TIMEOUT_RTX:
    case LA_TIMEOUT_R2:
        return "RTO";
    case LA_TIMEOUT_PERSIST:
        return zh ? "持续定时器" : "persist";
    case LA_TIMEOUT_DELAYED_ACK:
        return zh ? "延迟确认" : "delayed ACK";
    case LA_TIMEOUT_KEEPALIVE:
        return zh ? "保活" : "keep-alive";
    case LA_TIMEOUT_USER:
        return zh ? "用户超时" : "user timeout";
    case LA_TIMEOUT_FIN_WAIT_2:
        return "FIN-WAIT-2";
    case LA_TIMEOUT_TIME_WAIT:
        return "2 MSL";
    case LA_TIMEOUT_HALF_OPEN:
        return zh ? "半开连接" : "half-open";
    case LA_TIMEOUT_PROBE:
        return "PTO";
    case LA_TIMEOUT_REORDER:
        return zh ? "乱序定时器" : "reordering";
    default:
        return zh ? "定时器" : "timer";
    }
}

const char *chart_call_verb(enum la_reason reason)
{
    switch ((int)reason) {
    case LA_CALL_OPEN:
        return "connect";
    case LA_CALL_LISTEN:
        return "listen";
    case LA_CALL_ACCEPT:
        return "accept";
    case LA_CALL_SEND:
        return "send";
    case LA_CALL_RECEIVE:
        return "receive";
    case LA_CALL_SHUTDOWN:
        return "shutdown";
    case LA_CALL_CLOSE:
        return "close";
    case LA_CALL_ABORT:
        return "abort";
    default:
        return "call";
    }
}

static struct chart_event *record_event(struct la_chart *c, enum la_chart_kind kind,
                                        enum la_chart_end end, const struct la_trace_record *r)
{
    struct chart_event *v = chart_new_event(c, kind, end, r->time_ns);

    if (v == NULL)
        return NULL;
    v->e.conn = r->conn;
    v->e.reason = r->reason;
    v->e.state = LA_TRACE_STATE_OF(r);
    v->e.state_known = v->e.state < LA_TCP_STATE_COUNT;
    return v;
}

/* The last timer of a connection that still waits in TIME-WAIT; far back are only others. */
static struct chart_event *waiting_timer(struct la_chart *c, enum la_chart_end end, uint32_t conn)
{
    const size_t least = c->events_n > 4096 ? c->events_n - 4096 : 0;

    for (size_t i = c->events_n; i > least; i--) {
        struct chart_event *v = &c->events[i - 1];

        if (v->e.kind == LA_CHART_TIMER && v->e.end == end && v->e.conn == conn &&
            v->e.reason == LA_TIMEOUT_TIME_WAIT && v->e.over_ns == CHART_NEVER)
            return v;
    }
    return NULL;
}

static void wait_begins(struct la_chart *c, enum la_chart_end end, const struct la_trace_record *r,
                        uint64_t ns)
{
    struct chart_event *v = record_event(c, LA_CHART_TIMER, end, r);

    if (v == NULL)
        return;
    v->e.reason = LA_TIMEOUT_TIME_WAIT;
    v->e.text = chart_timer_name(LA_TIMEOUT_TIME_WAIT, c->options.lang);
    v->e.due_ns = r->time_ns + ns;
    v->e.over_ns = CHART_NEVER;
}

/* Returns whether the record was about a wait whose beginning is known. */
static bool wait_over(struct la_chart *c, enum la_chart_end end, const struct la_trace_record *r)
{
    struct chart_event *v = waiting_timer(c, end, r->conn);
    uint64_t length_ns;

    if (v == NULL)
        return false;
    length_ns = v->e.due_ns - v->e.time_ns;
    v->e.over_ns = r->time_ns > v->e.time_ns ? r->time_ns : v->e.time_ns;
    v->over_order = ++c->order;
    v->e.ran_out = r->reason == LA_TIMEOUT_TIME_WAIT;
    if (r->reason == LA_TIME_WAIT_RESTART)
        wait_begins(c, end, r, length_ns);
    return true;
}

static void timer_record(struct la_chart *c, enum la_chart_end end, const struct la_trace_record *r)
{
    const uint64_t ns = r->seq * UINT64_C(1000000);
    struct chart_event *v;

    if (r->reason == LA_TIMEOUT_TIME_WAIT && wait_over(c, end, r))
        return;
    v = record_event(c, LA_CHART_TIMER, end, r);
    if (v == NULL)
        return;
    v->e.time_ns = r->time_ns > ns ? r->time_ns - ns : 0;
    v->e.due_ns = v->e.over_ns = r->time_ns;
    v->e.text = chart_timer_name(r->reason, c->options.lang);
    v->e.result = r->len;
    v->e.ran_out = true;
    v->over_order = v->order;
}

static void call_record(struct la_chart *c, enum la_chart_end end, const struct la_trace_record *r)
{
    struct chart_event *v = record_event(c, LA_CHART_CALL, end, r);
    const int32_t result = (int32_t)r->seq;
    const bool counts = r->reason == LA_CALL_SEND || r->reason == LA_CALL_RECEIVE;
    const bool zh = c->options.lang == LA_LANG_ZH;
    char count[LA_NUMBER_TEXT_MAX], text[LA_NUMBER_TEXT_MAX + 16];

    if (v == NULL)
        return;
    v->e.text = chart_call_verb(r->reason);
    v->e.result = result < 0 ? result : counts ? result : 0;
    if (counts && result > 0) {
        la_count_format(r->seq, count);
        snprintf(text, sizeof(text), "%s %s", count, zh ? "字节" : result == 1 ? "byte" : "bytes");
        v->e.argument = chart_copy(c, text);
    }
}

static void segment_record(struct la_chart *c, enum la_chart_end end,
                           const struct la_trace_record *r)
{
    if (c->finished || c->records_n >= 2 * (size_t)c->options.events_max ||
        !chart_grow(c, (void **)&c->records, c->records_n, &c->records_cap, sizeof(*c->records))) {
        c->info.left_out++;
        return;
    }
    c->records[c->records_n++] =
        (struct chart_record){.r = *r, .order = ++c->order, .end = (uint8_t)end};
}

/* Options follow the record of their SYN; they are the newest of this connection. */
static void options_record(struct la_chart *c, enum la_chart_end end,
                           const struct la_trace_record *r)
{
    struct chart_record *w = c->records_n > 0 ? &c->records[c->records_n - 1] : NULL;

    if (w == NULL || w->end != end || w->r.conn != r->conn || (w->r.flags & LA_TH_SYN) == 0)
        return;
    w->options =
        (uint8_t)((r->seq != 0 ? LA_CHART_OPT_MSS : 0) | (r->len != 255 ? LA_CHART_OPT_WSCALE : 0) |
                  ((r->flags & LA_TRACE_OPT_TIMESTAMPS) != 0 ? LA_CHART_OPT_TS : 0) |
                  ((r->flags & LA_TRACE_OPT_SACK) != 0 ? LA_CHART_OPT_SACK_OK : 0));
    w->mss = (uint16_t)r->seq;
    w->wscale = (uint8_t)r->len;
    w->tsval = r->ack;
}

static void one_record(struct la_chart *c, enum la_chart_end end, const struct la_trace_record *r,
                       bool calls)
{
    struct chart_event *v;

    switch (LA_TRACE_WHAT(r)) {
    case LA_TRACE_IN:
    case LA_TRACE_OUT:
        segment_record(c, end, r);
        break;
    case LA_TRACE_OPTIONS:
        options_record(c, end, r);
        break;
    case LA_TRACE_STATE:
        record_event(c, LA_CHART_STATE, end, r);
        if (LA_TRACE_STATE_OF(r) == LA_TCP_TIME_WAIT && r->seq != 0)
            wait_begins(c, end, r, r->seq * UINT64_C(1000000));
        break;
    case LA_TRACE_TIMER:
        timer_record(c, end, r);
        break;
    case LA_TRACE_CALL:
        if (calls)
            call_record(c, end, r);
        else if (r->reason == LA_CALL_LISTEN && (int32_t)r->seq >= 0)
            record_event(c, LA_CHART_STATE, end, r);
        break;
    case LA_TRACE_EVENT:
        if (r->reason == LA_TIME_WAIT_RESTART || r->reason == LA_TIME_WAIT_REUSED ||
            r->reason == LA_TIME_WAIT_EVICTED)
            wait_over(c, end, r);
        v = record_event(c, LA_CHART_EVENT, end, r);
        if (v != NULL)
            v->e.text = la_reason_text(r->reason, c->options.lang);
        break;
    default:
        break; /* PEER, and what this reader does not know */
    }
}

void la_chart_records(struct la_chart *c, enum la_chart_end end,
                      const struct la_trace_record *records, size_t n, bool calls)
{
    if (end >= LA_CHART_MIDDLE)
        return;
    c->has_records[end] = c->has_records[end] || n > 0;
    for (size_t i = 0; i < n; i++)
        one_record(c, end, &records[i], calls);
}
