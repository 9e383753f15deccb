/* The sequence chart: what is told is stored.
 *
 * Nothing is decided here. Events go into one array in the order in which they are told, texts and
 * headers into blocks of memory that live as long as the chart; IN and OUT records wait in an
 * array of their own for la_chart_finish(). The array of events never exceeds options.events_max,
 * and neither does that of records, which bounds the memory. */
#include <stdlib.h>
#include <string.h>

#include <lastack/err.h>

#include "chart.h"
#include "text.h"

/* The longest text that is kept: what a reader would read beside a drawing. */
#define TEXT_MAX 4000

void la_chart_options_init(struct la_chart_options *options)
{
    *options = (struct la_chart_options){.lang = LA_LANG_EN, .events_max = 100000};
}

struct la_chart *la_chart_new(const struct la_chart_options *options)
{
    struct la_chart *c = calloc(1, sizeof(*c));

    if (c == NULL)
        return NULL;
    c->options = *options;
    c->info.lang = options->lang;
    c->info.title = c->info.subtitle = "";
    for (int end = 0; end < 2; end++)
        c->info.end[end] = (struct la_chart_end_info){.name = "", .detail = ""};
    return c;
}

void la_chart_free(struct la_chart *c)
{
    if (c == NULL)
        return;
    store_free(&c->store);
    free(c->events);
    free(c->records);
    free(c);
}

/* ---- memory ---- */

void *chart_alloc(struct la_chart *c, size_t size)
{
    void *memory = store_get(&c->store, size);

    c->no_memory = c->no_memory || memory == NULL;
    return memory;
}

bool chart_grow(struct la_chart *c, void **array, size_t n, size_t *cap, size_t size)
{
    const bool ok = store_grow(array, n, cap, size);

    c->no_memory = c->no_memory || !ok;
    return ok;
}

/* What a text may hold beyond ASCII: no control characters, no changes of direction, nothing that
 * is no character. */
static bool is_clean(uint32_t code, size_t bytes)
{
    static const uint32_t least[] = {0, 0, 0xa0, 0x800, 0x10000};

    if (code < least[bytes] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return false;
    if ((code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069))
        return false;
    return code != 0x200e && code != 0x200f && code != 0xfeff && (code & 0xfffe) != 0xfffe;
}

static uint32_t code_of(const char *text, size_t n)
{
    uint32_t code = (unsigned char)text[0] & (0xffU >> (n + 1));

    for (size_t i = 1; i < n; i++)
        code = code << 6 | ((unsigned char)text[i] & 0x3fU);
    return code;
}

const char *chart_copy(struct la_chart *c, const char *text)
{
    size_t n = text == NULL ? 0 : strnlen(text, TEXT_MAX), at = 0, step;
    unsigned columns;
    char *copy;

    if (n == 0 || (copy = chart_alloc(c, n + 1)) == NULL)
        return "";
    for (size_t from = 0; from < n; from += step) {
        const unsigned char byte = (unsigned char)text[from];

        step = view_char(text + from, &columns);
        if (from + step > n)
            break; /* a character that the limit cuts */
        if (step == 1)
            copy[at++] = (char)(byte >= 0x80 ? '?' : byte < ' ' || byte == 0x7f ? ' ' : byte);
        else if (!is_clean(code_of(text + from, step), step))
            copy[at++] = '?';
        else
            for (size_t i = 0; i < step; i++)
                copy[at++] = text[from + i];
    }
    copy[at] = '\0';
    return copy;
}

struct chart_event *chart_new_event(struct la_chart *c, enum la_chart_kind kind,
                                    enum la_chart_end end, uint64_t time_ns)
{
    struct chart_event *v;

    if (c->finished || c->events_n >= c->options.events_max ||
        !chart_grow(c, (void **)&c->events, c->events_n, &c->events_cap, sizeof(*c->events))) {
        c->info.left_out++;
        return NULL;
    }
    v = &c->events[c->events_n++];
    *v = (struct chart_event){
        .e = {.kind = kind,
              .end = end,
              .time_ns = time_ns,
              .over_ns = time_ns,
              .number = (uint32_t)c->events_n,
              .text = "",
              .argument = "",
              .sent_known = true},
        .order = ++c->order,
    };
    return v;
}

/* ---- ends ---- */

void la_chart_end(struct la_chart *c, enum la_chart_end end, const char *name, const char *detail)
{
    if (end >= LA_CHART_MIDDLE)
        return;
    c->info.end[end].name = chart_copy(c, name);
    c->info.end[end].detail = chart_copy(c, detail);
}

void la_chart_end_wrong(struct la_chart *c, enum la_chart_end end, const char *why)
{
    if (end < LA_CHART_MIDDLE)
        c->info.end[end].wrong = chart_copy(c, why);
}

void la_chart_title(struct la_chart *c, const char *title, const char *subtitle)
{
    c->info.title = chart_copy(c, title);
    c->info.subtitle = chart_copy(c, subtitle);
}

void la_chart_begins(struct la_chart *c, uint64_t time_ns)
{
    c->info.begin_ns = time_ns;
    c->began = true;
}

/* ---- packets ---- */

uint32_t la_chart_packet(struct la_chart *c, const struct la_chart_packet *packet)
{
    struct la_chart_header *h;
    struct chart_event *v;

    if (packet->from >= LA_CHART_MIDDLE)
        return 0;
    v = chart_new_event(c, LA_CHART_PACKET, packet->from, packet->sent_ns);
    if (v == NULL)
        return 0;
    h = chart_alloc(c, sizeof(*h));
    if (h == NULL) {
        c->events_n--;
        c->info.left_out++;
        return 0;
    }
    *h = packet->h;
    if (h->sack_n > LA_CHART_SACK_MAX)
        h->sack_n = LA_CHART_SACK_MAX;
    v->header = h;
    v->e.h = h;
    v->e.over_ns = CHART_NEVER;
    v->e.conn = packet->conn;
    v->e.reason = packet->reason;
    v->e.marks = packet->marks;
    v->e.copy_of = packet->copy_of < v->e.number ? packet->copy_of : 0;
    v->e.text = chart_copy(c, packet->label);
    c->packets_told = true;
    return v->e.number;
}

static struct chart_event *event_of(struct la_chart *c, uint32_t number, enum la_chart_kind kind)
{
    if (number == 0 || number > c->events_n || c->finished)
        return NULL;
    return c->events[number - 1].e.kind == kind ? &c->events[number - 1] : NULL;
}

static void packet_over(struct la_chart *c, struct chart_event *v, uint64_t time_ns,
                        enum la_chart_fate fate)
{
    v->e.fate = fate;
    v->e.over_ns = time_ns > v->e.time_ns ? time_ns : v->e.time_ns;
    v->over_order = ++c->order;
}

void la_chart_arrived(struct la_chart *c, uint32_t number, uint64_t time_ns, uint32_t conn,
                      enum la_reason verdict)
{
    struct chart_event *v = event_of(c, number, LA_CHART_PACKET);

    if (v == NULL)
        return;
    packet_over(c, v, time_ns, LA_CHART_ARRIVED);
    v->e.conn_there = conn;
    v->e.verdict = verdict;
}

void la_chart_lost(struct la_chart *c, uint32_t number, uint64_t time_ns, enum la_chart_fate fate,
                   const char *by)
{
    struct chart_event *v = event_of(c, number, LA_CHART_PACKET);

    if (v == NULL)
        return;
    packet_over(c, v, time_ns, fate == LA_CHART_DAMAGED ? fate : LA_CHART_LOST);
    v->e.argument = chart_copy(c, by);
}

void la_chart_mark(struct la_chart *c, uint32_t number, uint8_t marks)
{
    struct chart_event *v = event_of(c, number, LA_CHART_PACKET);

    if (v != NULL)
        v->e.marks |= marks;
}

static bool same_packet(const struct la_chart_header *a, const struct la_chart_header *b)
{
    return a->seq == b->seq && a->ack == b->ack && a->flags == b->flags && a->len == b->len &&
           a->wnd == b->wnd && a->src_port == b->src_port && a->dst_port == b->dst_port &&
           a->protocol == b->protocol && a->icmp_type == b->icmp_type && a->tsval == b->tsval &&
           a->tsecr == b->tsecr && memcmp(&a->src, &b->src, sizeof(a->src)) == 0 &&
           memcmp(&a->dst, &b->dst, sizeof(a->dst)) == 0;
}

uint32_t la_chart_find(struct la_chart *c, enum la_chart_end to, const struct la_chart_header *h,
                       uint64_t time_ns)
{
    const enum la_chart_end from = chart_other(to);
    bool first = true;

    if (to >= LA_CHART_MIDDLE || c->finished)
        return 0;
    for (size_t i = c->find_from[from]; i < c->events_n; i++) {
        const struct la_chart_event *e = &c->events[i].e;

        if (e->kind != LA_CHART_PACKET || e->end != from || e->fate != LA_CHART_FLYING)
            continue;
        if (first)
            c->find_from[from] = i;
        first = false;
        if (e->time_ns <= time_ns && same_packet(e->h, h))
            return e->number;
    }
    return 0;
}

/* ---- what happens at an end ---- */

void la_chart_call(struct la_chart *c, const struct la_chart_call *call)
{
    struct chart_event *v;

    if (call->end >= LA_CHART_MIDDLE ||
        (v = chart_new_event(c, LA_CHART_CALL, call->end, call->time_ns)) == NULL)
        return;
    v->e.conn = call->conn;
    v->e.text = chart_copy(c, call->verb);
    v->e.argument = chart_copy(c, call->argument);
    v->e.result = call->result;
}

void la_chart_state(struct la_chart *c, enum la_chart_end end, uint64_t time_ns, uint32_t conn,
                    enum la_tcp_state state, enum la_reason why)
{
    struct chart_event *v;

    if (end >= LA_CHART_MIDDLE || (unsigned)state >= LA_TCP_STATE_COUNT ||
        (v = chart_new_event(c, LA_CHART_STATE, end, time_ns)) == NULL)
        return;
    v->e.conn = conn;
    v->e.state = (uint8_t)state;
    v->e.state_known = true;
    v->e.reason = why;
}

uint32_t la_chart_timer(struct la_chart *c, enum la_chart_end end, uint64_t time_ns, uint32_t conn,
                        const char *name, uint64_t due_ns)
{
    struct chart_event *v;

    if (end >= LA_CHART_MIDDLE || (v = chart_new_event(c, LA_CHART_TIMER, end, time_ns)) == NULL)
        return 0;
    v->e.conn = conn;
    v->e.text = chart_copy(c, name);
    if (strcmp(v->e.text, chart_timer_name(LA_TIMEOUT_TIME_WAIT, LA_LANG_EN)) == 0)
        v->e.reason = LA_TIMEOUT_TIME_WAIT; /* drawn as the one in the records */
    v->e.due_ns = due_ns > time_ns ? due_ns : time_ns;
    v->e.over_ns = CHART_NEVER;
    return v->e.number;
}

void la_chart_timer_over(struct la_chart *c, uint32_t number, uint64_t time_ns, bool ran_out)
{
    struct chart_event *v = event_of(c, number, LA_CHART_TIMER);

    if (v == NULL)
        return;
    v->e.over_ns = time_ns > v->e.time_ns ? time_ns : v->e.time_ns;
    v->over_order = ++c->order;
    v->e.ran_out = ran_out;
}

void la_chart_note(struct la_chart *c, enum la_chart_end where, uint64_t time_ns, const char *text)
{
    struct chart_event *v;

    if (where > LA_CHART_MIDDLE || (v = chart_new_event(c, LA_CHART_NOTE, where, time_ns)) == NULL)
        return;
    v->e.text = chart_copy(c, text);
}

void la_chart_event(struct la_chart *c, enum la_chart_end end, uint64_t time_ns, uint32_t conn,
                    const char *text)
{
    struct chart_event *v;

    if (end >= LA_CHART_MIDDLE || (v = chart_new_event(c, LA_CHART_EVENT, end, time_ns)) == NULL)
        return;
    v->e.conn = conn;
    v->e.text = chart_copy(c, text);
}

/* ---- reading ---- */

size_t la_chart_count(const struct la_chart *c)
{
    return c->events_n;
}

const struct la_chart_event *la_chart_at(const struct la_chart *c, size_t i)
{
    return i < c->events_n ? &c->events[i].e : NULL;
}

void la_chart_info(const struct la_chart *c, struct la_chart_info *info)
{
    *info = c->info;
}

void la_chart_form_init(struct la_chart_form *form)
{
    *form = (struct la_chart_form){
        .columns = 80,
        .unicode = true,
        .run_max = 16,
    };
}
