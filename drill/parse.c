/* Scripts: options, times and events. Packets and calls are read in files of their own.
 *
 * Recursive descent, by hand: the grammar needs one place of look-ahead, and what a lexeme is
 * depends on where it stands (scan.h). Faults end the reading at once; the first is the one that
 * is told. */
#include "drill/parse.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drill/names.h"
#include "drill/python.h"

/* ---- memory and faults ---------------------------------------------------------------------- */

#define BLOCK_SIZE 65536

struct block {
    struct block *next;
    size_t used, size;
    max_align_t bytes[];
};

struct drill_arena {
    struct block *blocks;
};

void *drill_arena_get(struct drill_arena *arena, size_t size)
{
    size_t need = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    struct block *b = arena->blocks;
    if (!b || b->size - b->used < need) {
        size_t room = need > BLOCK_SIZE ? need : BLOCK_SIZE;
        b = calloc(1, sizeof(*b) + room);
        if (!b)
            return NULL;
        b->size = room;
        b->next = arena->blocks;
        arena->blocks = b;
    }
    void *p = (char *)b->bytes + b->used;
    b->used += need;
    return p;
}

const char *drill_arena_text(struct drill_arena *arena, const char *text, size_t len)
{
    char *copy = drill_arena_get(arena, len + 1);
    if (copy && len > 0)
        memcpy(copy, text, len);
    return copy;
}

static void arena_free(struct drill_arena *arena)
{
    while (arena && arena->blocks) {
        struct block *next = arena->blocks->next;
        free(arena->blocks);
        arena->blocks = next;
    }
    free(arena);
}

bool drill_fault(const struct drill_script *s, struct drill_fault *fault, struct drill_place place,
                 const char *format, ...)
{
    va_list args;
    int n = snprintf(fault->text, sizeof(fault->text), "%.200s:%u:%u: ", s->name, place.line,
                     place.column);
    size_t at = n < 0 ? 0 : (size_t)n;
    va_start(args, format);
    vsnprintf(fault->text + at, sizeof(fault->text) - at, format, args);
    va_end(args);
    fault->place = place;
    return false;
}

/* ---- options -------------------------------------------------------------------------------- */

static const char *const option_names[] = {
    "ip_version",
    "local_ip",
    "remote_ip",
    "gateway_ip",
    "netmask_ip",
    "bind_port",
    "connect_port",
    "mtu",
    "mss",
    "speed",
    "tolerance_usecs",
    "tolerance_percent",
    "tcp_ts_tick_usecs",
    "tcp_ts_ecr_scaled",
    "strict_segments",
    "non_fatal",
    "define",
    "D",
    "verbose",
    "persona",
    "horizon",

    "no_cleanup",
};

static bool known_option(const char *name)
{
    for (size_t i = 0; i < sizeof(option_names) / sizeof(option_names[0]); i++)
        if (strcmp(option_names[i], name) == 0)
            return true;
    return false;
}

static const char *like_option(const char *name)
{
    const char *best = "ip_version";
    unsigned least = 1000;
    for (size_t i = 0; i < sizeof(option_names) / sizeof(option_names[0]); i++) {
        unsigned d = drill_distance(name, option_names[i]);
        if (d < least) {
            least = d;
            best = option_names[i];
        }
    }
    return best;
}

static bool check_ip_version(struct drill_scan *sc, const struct drill_option *o)
{
    bool six = o->value && strcmp(o->value, "ipv6") == 0;
    bool four = o->value && strcmp(o->value, "ipv4") == 0;
    bool mapped = o->value && strcmp(o->value, "ipv4-mapped-ipv6") == 0;
    if (!six && !four && !mapped)
        return drill_fault(sc->s, sc->fault, o->place, "--ip_version=%s: it is ipv4 or ipv6",
                           o->value ? o->value : "");
    if (!sc->reading->ip_forced) {
        sc->s->ipv6 = six;
        sc->s->mapped = mapped;
    }
    return true;
}

/* "--name" or "--name=value"; the value ends with the line, or where a blank stands outside
 * quotation marks. */
static bool parse_option(struct drill_scan *sc, struct drill_option ***link)
{
    struct drill_option *o = drill_arena_get(sc->s->arena, sizeof(*o));
    if (!o)
        return scan_wrong(sc, "less memory");
    o->place = scan_place(sc);
    scan_take(sc, "--");
    const char *begin = sc->at;
    while (sc->at < sc->end &&
           (isalnum((unsigned char)*sc->at) || *sc->at == '_' || *sc->at == '-'))
        scan_step(sc);
    o->name = drill_arena_text(sc->s->arena, begin, (size_t)(sc->at - begin));
    if (!o->name || !known_option(o->name))
        return drill_fault(sc->s, sc->fault, o->place, "no option --%s; is it --%s?",
                           o->name ? o->name : "", like_option(o->name ? o->name : ""));
    if (sc->at < sc->end && *sc->at == '=') {
        scan_step(sc);
        bool quoted = false;
        begin = sc->at;
        for (; sc->at < sc->end && *sc->at != '\n'; scan_step(sc)) {
            if (*sc->at == '"')
                quoted = !quoted;
            else if (!quoted && isspace((unsigned char)*sc->at))
                break;
        }
        size_t len = (size_t)(sc->at - begin);
        if (len >= 2 && begin[0] == '"' && begin[len - 1] == '"') {
            begin++;
            len -= 2;
        }
        o->value = drill_arena_text(sc->s->arena, begin, len);
    }
    **link = o;
    *link = &o->next;
    return strcmp(o->name, "ip_version") != 0 || check_ip_version(sc, o);
}

const char *drill_script_option(const struct drill_script *s, const char *name)
{
    for (const struct drill_option *o = s->options; o; o = o->next)
        if (strcmp(o->name, name) == 0)
            return o->value ? o->value : "";
    return NULL;
}

/* What the tool defines for every script: the cookies for the usual addresses and the keys
 * a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4 and 0. */
static const char *usual_define(const char *name, bool ipv6)
{
    if (strcmp(name, "TFO_COOKIE") == 0)
        return ipv6 ? "c1d1e9742a47a9bc" : "3021b9d889017eeb";
    if (strcmp(name, "TFO_COOKIE_ZERO") == 0)
        return ipv6 ? "82af1a8f9a205c34" : "b7c12350a90dc8f5";
    if (strcmp(name, "CODE") == 0)
        return ipv6 ? "address_unreachable" : "host_unreachable";
    return NULL;
}

const char *parse_define(const struct drill_scan *sc, const char *name)
{
    size_t len = strlen(name);
    for (unsigned i = 0; i < sc->reading->defines_count; i++)
        if (strcmp(sc->reading->defines[i].name, name) == 0)
            return sc->reading->defines[i].value;
    for (const struct drill_option *o = sc->s->options; o; o = o->next) {
        bool define = strcmp(o->name, "define") == 0 || strcmp(o->name, "D") == 0;
        if (define && o->value && strncmp(o->value, name, len) == 0 && o->value[len] == '=')
            return o->value + len + 1;
    }
    return usual_define(name, sc->s->ipv6);
}

/* ---- times ---------------------------------------------------------------------------------- */

static bool parse_time(struct drill_scan *sc, struct drill_time *t)
{
    *t = (struct drill_time){.kind = DRILL_TIME_RELATIVE};
    if (scan_take(sc, "*")) {
        t->kind = DRILL_TIME_ANY;
        t->given = true;
        return true;
    }
    bool relative = scan_take(sc, "+");
    if (!relative && !scan_is_digit(sc) && !(scan_is(sc, ".") && !scan_is(sc, "...")))
        return true; /* none */
    t->given = true;
    t->kind = relative ? DRILL_TIME_RELATIVE : DRILL_TIME_ABSOLUTE;
    if (!scan_seconds(sc, &t->ns))
        return false;
    t->until_ns = t->ns;
    struct drill_place place = scan_place(sc);
    if (!scan_take(sc, "~"))
        return true;
    t->range = true;
    if (relative && !scan_expect(sc, "+", "before the end of a range that begins with +"))
        return false;
    if (!scan_seconds(sc, &t->until_ns))
        return false;
    if (t->until_ns < t->ns)
        return drill_fault(sc->s, sc->fault, place, "a range of times that goes backwards");
    return true;
}

/* ---- events --------------------------------------------------------------------------------- */

static bool parse_code(struct drill_scan *sc, struct drill_event *e)
{
    size_t len;
    scan_take(sc, "%{");
    struct drill_place place = {.line = sc->line,
                                .column = (uint32_t)(sc->at - sc->line_start) + 1};
    const char *text = scan_until(sc, "}%", "a code block", &len);
    e->kind = DRILL_EVENT_CODE;
    e->code = text ? py_parse(sc, text, len, place) : NULL;
    return e->code != NULL;
}

static bool parse_command(struct drill_scan *sc, struct drill_event *e)
{
    size_t len;
    scan_take(sc, "`");
    struct drill_place place = {.line = sc->line,
                                .column = (uint32_t)(sc->at - sc->line_start) + 1};
    const char *text = scan_until(sc, "`", "a command", &len);
    if (!text)
        return false;
    sc->fault->text[0] = '\0';
    e->kind = DRILL_EVENT_COMMAND;
    e->command = parse_commands(sc, text, len, place);
    return sc->fault->text[0] == '\0'; /* NULL alone: a command that says nothing */
}

static bool parse_blocking(struct drill_scan *sc, struct drill_event *e, int64_t end_ns, bool given)
{
    e->call->blocking = given;
    e->call->end_ns = end_ns;
    if (given && end_ns < e->time.ns)
        return drill_fault(sc->s, sc->fault, e->place, "the call ends before it begins");
    return true;
}

static bool parse_body(struct drill_scan *sc, struct drill_event *e)
{
    int64_t end_ns = 0;
    bool blocking = scan_take(sc, "...");
    if (blocking && !scan_seconds(sc, &end_ns))
        return false;
    const char *word;
    if (!blocking && (scan_is(sc, "<") || scan_is(sc, ">"))) {
        e->kind = DRILL_EVENT_PACKET;
        e->packet = parse_packet(sc);
        return e->packet != NULL;
    }
    if (!blocking && scan_is(sc, "%{"))
        return parse_code(sc, e);
    if (!blocking && scan_is(sc, "`"))
        return parse_command(sc, e);
    if (scan_peek_word(sc, &word) > 0) {
        e->kind = DRILL_EVENT_CALL;
        e->call = parse_call(sc);
        return e->call && parse_blocking(sc, e, end_ns, blocking);
    }
    return scan_wrong(sc, blocking ? "a call" : "a packet (< or >), a call, %{ or `");
}

/* Which times go with which events. */
static bool check_time(struct drill_scan *sc, const struct drill_event *e)
{
    bool out = e->kind == DRILL_EVENT_PACKET && e->packet->outbound;
    if (e->time.kind == DRILL_TIME_ANY && !out)
        return drill_fault(sc->s, sc->fault, e->place, "\"*\" is for packets that leave (>)");
    if (e->time.range && !out)
        return drill_fault(sc->s, sc->fault, e->place,
                           "a range with \"~\" is for packets that leave (>)");
    bool free_of_time = e->kind == DRILL_EVENT_COMMAND || e->kind == DRILL_EVENT_CODE;
    if (!e->time.given && !free_of_time)
        return drill_fault(sc->s, sc->fault, e->place, "a time is missing: +0 is \"at once\"");
    return true;
}

static struct drill_event *parse_event(struct drill_scan *sc)
{
    struct drill_event *e = drill_arena_get(sc->s->arena, sizeof(*e));
    if (!e) {
        scan_wrong(sc, "less memory");
        return NULL;
    }
    e->place = scan_place(sc);
    e->first_byte = (uint32_t)(sc->at - sc->s->text);
    if (!parse_time(sc, &e->time) || !parse_body(sc, e) || !check_time(sc, e))
        return NULL;
    e->end_byte = (uint32_t)(sc->at - sc->s->text);
    return e;
}

static bool parse_script(struct drill_scan *sc)
{
    struct drill_option **option = &sc->s->options;
    struct drill_event **event = &sc->s->events;
    while (scan_is(sc, "--"))
        if (!parse_option(sc, &option))
            return false;
    while (!scan_at_end(sc)) {
        if (scan_is(sc, "--"))
            return drill_fault(sc->s, sc->fault, scan_place(sc),
                               "options stand before the first event");
        *event = parse_event(sc);
        if (!*event)
            return false;
        event = &(*event)->next;
        sc->s->events_count++;
    }
    return true;
}

bool drill_parse(struct drill_script *s, const char *name, const char *text, size_t len,
                 const struct drill_reading *reading, struct drill_fault *fault)
{
    struct drill_scan sc;
    *s = (struct drill_script){.name = name, .len = len, .ipv6 = reading->ipv6};
    *fault = (struct drill_fault){.text = ""};
    s->arena = calloc(1, sizeof(*s->arena));
    s->text = malloc(len + 1);
    bool good = s->arena && s->text && len < UINT32_MAX;
    if (good) {
        if (len > 0)
            memcpy(s->text, text, len);
        s->text[len] = '\0';
        scan_init(&sc, s, reading, fault);
        good = parse_script(&sc);
    } else {
        snprintf(fault->text, sizeof(fault->text), "%.200s: no memory", name);
    }
    if (!good)
        drill_script_free(s);
    return good;
}

void drill_script_free(struct drill_script *s)
{
    arena_free(s->arena);
    free(s->text);
    s->arena = NULL;
    s->text = NULL;
    s->events = NULL;
    s->options = NULL;
}

void drill_event_text(const struct drill_script *s, const struct drill_event *e, char *text,
                      size_t size)
{
    size_t n = 0;
    bool blank = false;
    const char *end = s->text + e->end_byte;
    for (const char *at = s->text + e->first_byte; at < end && n + 2 < size; at++) {
        if (at[0] == '/' && at + 1 < end && at[1] == '/')
            while (at < end && *at != '\n')
                at++;
        if (at == end || isspace((unsigned char)*at)) {
            blank = n > 0;
            continue;
        }
        if (blank)
            text[n++] = ' ';
        blank = false;
        text[n++] = *at;
    }
    text[n] = '\0';
}
