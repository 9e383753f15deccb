/* Keywords of a simulation: see docs/simulator.md, which describes the language. Each keyword is a
 * function of one line; a mistake is told with its column and with the list of what there is. */
#include "sim/read.h"

#include <string.h>

#include "base/mem.h"
#include "sim/figure.h"
#include "sim/kind.h"
#include "sim/options.h"
#include "sim/words.h"

struct reader {
    const struct scenario *s;
    struct plan *plan;
    struct scenario_fault *fault;
    const struct scenario_line *line;
};

#define FAULT(r, column, ...) \
    scenario_fault((r)->s, (r)->fault, (r)->line->number, column, __VA_ARGS__)

/* ---- names ---------------------------------------------------------------------------------- */

/* "c1..16" stands for c1, c2, ..., c16; anything else for itself. */
struct range {
    char stem[PLAN_NAME];
    unsigned first, count; /* count 0: the name itself */
};

static bool range_read(struct reader *r, const struct scenario_word *word, struct range *range)
{
    const char *dots = strstr(word->text, "..");
    size_t len = dots ? (size_t)(dots - word->text) : strlen(word->text);
    uint64_t first, last;
    memset(range, 0, sizeof(*range));
    if (len == 0 || len >= PLAN_NAME - 4)
        return FAULT(r, word->column, "\"%s\" is too long for a name", word->text);
    memcpy(range->stem, word->text, len);
    if (!dots)
        return true;
    size_t digits = len;
    while (digits > 0 && range->stem[digits - 1] >= '0' && range->stem[digits - 1] <= '9')
        digits--;
    if (digits == len || !scenario_number(range->stem + digits, 9999, &first) ||
        !scenario_number(dots + 2, 9999, &last) || last < first)
        return FAULT(r, word->column, "\"%s\" is no range: write it like c1..16", word->text);
    range->stem[digits] = '\0';
    range->first = (unsigned)first;
    range->count = (unsigned)(last - first) + 1;
    return true;
}

static void range_name(const struct range *range, unsigned i, char name[PLAN_NAME])
{
    if (range->count == 0)
        snprintf(name, PLAN_NAME, "%s", range->stem);
    else
        snprintf(name, PLAN_NAME, "%.*s%u", PLAN_NAME - 6, range->stem, range->first + i);
}

static unsigned range_size(const struct range *range)
{
    return range->count ? range->count : 1;
}

/* The name that pairs with the i-th of several: itself again and again, or the i-th. */
static bool find_node(struct reader *r, const struct scenario_word *word, const struct range *range,
                      unsigned i, unsigned *index)
{
    char name[PLAN_NAME], names[300] = "";
    range_name(range, i, name);
    int found = plan_find_node(r->plan, name);
    if (found >= 0) {
        *index = (unsigned)found;
        return true;
    }
    size_t at = 0;
    for (unsigned n = 0; n < r->plan->nodes_count && at < sizeof(names); n++)
        at += (size_t)snprintf(names + at, sizeof(names) - at, "%s%s", n ? ", " : "",
                               r->plan->nodes[n].name);
    return FAULT(r, word->column, "no host or router \"%s\": there are %s", name,
                 names[0] ? names : "none yet");
}

static bool words_needed(struct reader *r, unsigned least, unsigned most, const char *form)
{
    if (r->line->words_count >= least && r->line->words_count <= most)
        return true;
    bool more = r->line->words_count > most;
    return FAULT(r, r->line->words[more ? most : 0].column, "write it like: %s", form);
}

static bool no_settings(struct reader *r)
{
    return r->line->settings_count == 0 ||
           FAULT(r, r->line->settings[0].column, "no \"%s\" belongs here",
                 r->line->settings[0].key);
}

/* ---- settings ------------------------------------------------------------------------------- */

static bool bad_value(struct reader *r, const struct scenario_setting *s,
                      const struct words_row *row)
{
    if (row->unit != WORDS_CHOICE)
        return FAULT(r, s->value_column, "\"%s\" cannot be read: write it like %s=%s", s->value,
                     s->key, words_example(row));
    char choices[200];
    words_choices(row, choices, sizeof(choices));
    return FAULT(r, s->value_column, "no %s \"%s\": there are %s", s->key, s->value, choices);
}

static bool socket_option(struct reader *r, const struct scenario_setting *s, const char *name,
                          struct la_tcp_options *options)
{
    struct la_message why;
    return option_set(options, name, s->value, &why) || FAULT(r, s->value_column, "%s", why.text);
}

static bool no_setting(struct reader *r, const struct scenario_setting *s,
                       const struct words_row *rows, const struct words_row *more,
                       const char *others)
{
    char names[400] = "";
    words_list(rows, names, sizeof(names));
    if (more)
        words_list(more, names, sizeof(names));
    return FAULT(r, s->column, "no setting \"%s\" here: there are %s%s; for sockets %s", s->key,
                 names, others, option_names());
}

static bool read_node(struct reader *r)
{
    struct range range;
    bool router = strcmp(r->line->words[0].text, "router") == 0;
    if (!words_needed(r, 2, 2, router ? "router NAME" : "host NAME mtu=1500 cc=cubic") ||
        !range_read(r, &r->line->words[1], &range) || (router && !no_settings(r)))
        return false;
    for (unsigned i = 0; i < range_size(&range); i++) {
        char name[PLAN_NAME];
        range_name(&range, i, name);
        if (plan_find_node(r->plan, name) >= 0)
            return FAULT(r, r->line->words[1].column, "there is a \"%s\" already", name);
        int index = plan_add_node(r->plan, name, router);
        if (index < 0)
            return FAULT(r, r->line->words[1].column, "too many hosts and routers: at most %d",
                         PLAN_NODES);
        struct plan_node *node = &r->plan->nodes[index];
        for (unsigned n = 0; n < r->line->settings_count; n++) {
            const struct scenario_setting *s = &r->line->settings[n];
            const struct words_row *row = words_find(words_of_node, s->key);
            if (row && !words_set(row, node, 0, s->value))
                return bad_value(r, s, row);
            if (!row && !option_exists(s->key))
                return no_setting(r, s, words_of_node, NULL, "");
            if (!row && !socket_option(r, s, s->key, &node->options))
                return false;
        }
        if (node->mtu < 576 || node->mtu > 65535)
            return FAULT(r, r->line->words[1].column, "an MTU is from 576 to 65535");
    }
    return true;
}

static bool impair(struct reader *r, struct la_impair *how)
{
    char text[160];
    struct la_message why;
    for (unsigned i = 0; i < r->line->settings_count; i++) {
        const struct scenario_setting *s = &r->line->settings[i];
        snprintf(text, sizeof(text), "%s=%s", s->key, s->value);
        if (la_impair_add(text, how, &why) < 0)
            return FAULT(r, s->column, "%s", why.text);
    }
    return la_impair_check(how, &why) == 0 || FAULT(r, r->line->words[0].column, "%s", why.text);
}

static bool read_link(struct reader *r)
{
    struct range a, b;
    if (!words_needed(r, 3, 3, "link A B rate=10mbit delay=20ms queue=1bdp") ||
        !range_read(r, &r->line->words[1], &a) || !range_read(r, &r->line->words[2], &b))
        return false;
    unsigned count = range_size(&a) > range_size(&b) ? range_size(&a) : range_size(&b);
    for (unsigned i = 0; i < count; i++) {
        unsigned from, to;
        if (!find_node(r, &r->line->words[1], &a, i, &from) ||
            !find_node(r, &r->line->words[2], &b, i, &to))
            return false;
        if (from == to || plan_find_link(r->plan, from, to) >= 0)
            return FAULT(r, r->line->words[1].column, "%s and %s are joined already",
                         r->plan->nodes[from].name, r->plan->nodes[to].name);
        int index = plan_add_link(r->plan, from, to);
        if (index < 0)
            return FAULT(r, r->line->words[0].column, "too many links: at most %d", PLAN_LINKS);
        for (unsigned side = 0; side < 2; side++)
            if (!impair(r, &r->plan->links[index].lane[side]))
                return false;
    }
    return true;
}

/* The link between two words, and on which side of it the first one is. */
static bool find_link(struct reader *r, unsigned word, unsigned *link, unsigned *side)
{
    struct range a, b;
    unsigned from, to;
    if (!range_read(r, &r->line->words[word], &a) ||
        !range_read(r, &r->line->words[word + 1], &b) ||
        !find_node(r, &r->line->words[word], &a, 0, &from) ||
        !find_node(r, &r->line->words[word + 1], &b, 0, &to))
        return false;
    int found = plan_find_link(r->plan, from, to);
    if (found < 0)
        return FAULT(r, r->line->words[word].column, "%s and %s are not joined by a link",
                     r->plan->nodes[from].name, r->plan->nodes[to].name);
    *link = (unsigned)found;
    *side = r->plan->links[found].node[1] == from;
    return true;
}

static bool read_lane(struct reader *r)
{
    unsigned link, side;
    return words_needed(r, 3, 3, "lane A B loss=1% (packets from A to B)") &&
           find_link(r, 1, &link, &side) && impair(r, &r->plan->links[link].lane[side]);
}

/* ---- flows ---------------------------------------------------------------------------------- */

static bool read_size(struct reader *r, const struct scenario_setting *s, uint64_t *bytes)
{
    if (strcmp(s->value, "endless") == 0) {
        *bytes = PLAN_ENDLESS;
        return true;
    }
    return scenario_bytes(s->value, bytes) ||
           FAULT(r, s->value_column, "\"%s\" cannot be read: write it like %s=64kb or %s=endless",
                 s->value, s->key, s->key);
}

/* A setting of one end or both: "server.rcvbuf=64kb", "nodelay=on". */
static bool end_setting(struct reader *r, const struct scenario_setting *s, struct plan_flow *f)
{
    const char *name = s->key;
    bool at[2] = {true, true};
    if (strncmp(name, "client.", 7) == 0 || strncmp(name, "server.", 7) == 0) {
        at[*name == 'c'] = false;
        name += 7;
    }
    const struct words_row *row = words_find(words_of_end, name);
    if (!row && !option_exists(name))
        return no_setting(r, s, words_of_flow, words_of_end, ", bytes, reply");
    for (unsigned end = 0; end < 2; end++) {
        if (!at[end])
            continue;
        if (row && !words_set(row, f, end, s->value))
            return bad_value(r, s, row);
        if (!row && !socket_option(r, s, name, &f->options[end]))
            return false;
    }
    return true;
}

static bool flow_settings(struct reader *r, struct plan_flow *f)
{
    for (unsigned i = 0; i < r->line->settings_count; i++) {
        const struct scenario_setting *s = &r->line->settings[i];
        const struct words_row *row = words_find(words_of_flow, s->key);
        if (strcmp(s->key, "bytes") == 0 || strcmp(s->key, "reply") == 0) {
            if (!read_size(r, s, &f->bytes[*s->key == 'r']))
                return false;
        } else if (row) {
            if (!words_set(row, f, 0, s->value))
                return bad_value(r, s, row);
        } else if (!end_setting(r, s, f)) {
            return false;
        }
    }
    return true;
}

/* "server:80" without its port, which is 80 and up by default. */
static bool split_port(struct reader *r, const struct scenario_word *word,
                       struct scenario_word *host, char text[PLAN_NAME], uint16_t *port)
{
    const char *colon = strchr(word->text, ':');
    uint64_t number;
    *host = *word;
    if (!colon)
        return true;
    size_t len = (size_t)(colon - word->text);
    if (len >= PLAN_NAME || !scenario_number(colon + 1, 65535, &number) || number == 0)
        return FAULT(r, word->column, "\"%s\" is no HOST:PORT", word->text);
    memcpy(text, word->text, len);
    text[len] = '\0';
    host->text = text;
    *port = (uint16_t)number;
    return true;
}

static bool add_flows(struct reader *r, const struct scenario_word *name,
                      const struct scenario_word *client, const struct scenario_word *server,
                      uint64_t at_ns)
{
    struct range names, from, to;
    struct scenario_word host;
    char text[PLAN_NAME];
    uint16_t port = 0;
    if (!split_port(r, server, &host, text, &port) || !range_read(r, name, &names) ||
        !range_read(r, client, &from) || !range_read(r, &host, &to))
        return false;
    for (unsigned i = 0; i < range_size(&names); i++) {
        char one[PLAN_NAME];
        unsigned a, b;
        range_name(&names, i, one);
        if (!find_node(r, client, &from, i % range_size(&from), &a) ||
            !find_node(r, &host, &to, i % range_size(&to), &b))
            return false;
        if (plan_find_flow(r->plan, one) >= 0)
            return FAULT(r, name->column, "there is a flow \"%s\" already", one);
        int index = plan_add_flow(r->plan, one, a, b);
        if (index < 0)
            return FAULT(r, name->column, "too many flows: at most %d", PLAN_FLOWS);
        struct plan_flow *f = &r->plan->flows[index];
        f->port = port ? port : (uint16_t)(80 + index);
        f->at_ns = at_ns;
        if (!flow_settings(r, f))
            return false;
    }
    return true;
}

static bool read_flow(struct reader *r)
{
    return words_needed(r, 4, 4, "flow NAME CLIENT SERVER:80 bytes=1mb") &&
           add_flows(r, &r->line->words[1], &r->line->words[2], &r->line->words[3], 0);
}

/* ---- acts ----------------------------------------------------------------------------------- */

static struct plan_act *add_act(struct reader *r, uint64_t at_ns, unsigned kind, unsigned what)
{
    if (r->plan->acts_count == PLAN_ACTS) {
        FAULT(r, r->line->words[0].column, "too many acts: at most %d", PLAN_ACTS);
        return NULL;
    }
    struct plan_act *a = &r->plan->acts[r->plan->acts_count++];
    memset(a, 0, sizeof(*a));
    a->at_ns = at_ns;
    a->kind = (uint8_t)kind;
    a->what = (uint16_t)what;
    return a;
}

/* "at 2s link A B down", "at 2s lane A B loss=3%" */
static bool act_link(struct reader *r, uint64_t at_ns, bool one_way)
{
    unsigned link, side;
    const char *form = "at 2s link A B down (or up, or loss=1% ...)";
    if (!words_needed(r, 5, 6, form) || !find_link(r, 3, &link, &side))
        return false;
    const char *word = r->line->words_count == 6 ? r->line->words[5].text : "";
    bool down = strcmp(word, "down") == 0;
    bool up = strcmp(word, "up") == 0 || strcmp(word, "heal") == 0;
    if (*word != '\0' && !down && !up)
        return FAULT(r, r->line->words[5].column, "write it like: %s", form);
    if (*word == '\0' && r->line->settings_count == 0)
        return FAULT(r, r->line->words[0].column, "write it like: %s", form);
    for (unsigned s = 0; s < 2; s++) {
        if (one_way && s != side)
            continue;
        struct plan_act *a = add_act(r, at_ns,
                                     down ? PLAN_ACT_DOWN
                                     : up ? PLAN_ACT_UP
                                          : PLAN_ACT_LANE,
                                     link);
        if (!a)
            return false;
        a->end = (uint8_t)(1U << s);
        a->lane = r->plan->links[link].lane[s];
        if (a->kind == PLAN_ACT_LANE && !impair(r, &a->lane))
            return false;
    }
    return true;
}

/* A number from 1 to 64; moves behind it. 0: none. */
static unsigned packet_read(const char **at)
{
    unsigned n = 0;
    while (**at >= '0' && **at <= '9' && n <= 64)
        n = 10 * n + (unsigned)(*(*at)++ - '0');
    return n <= 64 ? n : 0;
}

/* "3,5..7": bits 2, 4, 5 and 6. */
static bool packets_read(struct reader *r, const struct scenario_word *word, uint64_t *mask)
{
    const char *at = word->text;
    *mask = 0;
    do {
        unsigned first = packet_read(&at), last = first;
        if (strncmp(at, "..", 2) == 0) {
            at += 2;
            last = packet_read(&at);
        }
        if (first == 0 || last < first || (*at != ',' && *at != '\0'))
            return FAULT(r, word->column,
                         "\"%s\" are no packets: write numbers from 1 to 64 like 3,5..7",
                         word->text);
        for (unsigned i = first; i <= last; i++)
            *mask |= UINT64_C(1) << (i - 1);
    } while (*at++ != '\0');
    return true;
}

/* "at 1s lose A B 3,5..7 data", "at 1s mask A B 0x15", "at 1s late A B 3 20ms data" */
static bool act_packets(struct reader *r, uint64_t at_ns, char what)
{
    unsigned link, side, words = what == 'a' ? 7 : 6;
    uint64_t packets, late_ns = 0;
    const char *form = what == 'm'   ? "at 1s mask A B 0x15 data"
                       : what == 'a' ? "at 1s late A B 3,5..7 20ms data"
                                     : "at 1s lose A B 3,5..7 data";
    if (!words_needed(r, words, words + 1, form) || !find_link(r, 3, &link, &side) ||
        !no_settings(r))
        return false;
    const struct scenario_word *which = &r->line->words[5];
    bool data = r->line->words_count > words;
    if (data && strcmp(r->line->words[words].text, "data") != 0)
        return FAULT(r, r->line->words[words].column, "write it like: %s", form);
    if (what != 'm' && !packets_read(r, which, &packets))
        return false;
    if (what == 'm' && !scenario_number(which->text, UINT64_MAX, &packets))
        return FAULT(r, which->column, "write it like: %s", form);
    if (what == 'a' && !scenario_time(r->line->words[6].text, &late_ns))
        return FAULT(r, r->line->words[6].column, "write it like: %s", form);
    struct plan_act *a = add_act(r, at_ns, what == 'a' ? PLAN_ACT_LATE : PLAN_ACT_MASK, link);
    if (!a)
        return false;
    a->end = (uint8_t)(1U << side);
    a->data_only = data;
    a->value = packets;
    a->late_ns = late_ns;
    return true;
}

/* "at 3s host A listen 80", "at 3s host A unlisten 80" */
static bool act_listen(struct reader *r, uint64_t at_ns, unsigned node, const char *what)
{
    uint64_t port;
    const char *form = "at 3s host A listen 80 reuse-addr=on (or: unlisten 80)";
    if (!words_needed(r, 6, 6, form))
        return false;
    if (!scenario_number(r->line->words[5].text, 65535, &port) || port == 0)
        return FAULT(r, r->line->words[5].column, "write it like: %s", form);
    bool listens = *what == 'l';
    struct plan_act *a = add_act(r, at_ns, listens ? PLAN_ACT_LISTEN : PLAN_ACT_UNLISTEN, node);
    if (!a)
        return false;
    a->value = port;
    for (unsigned i = 0; i < r->line->settings_count; i++) {
        const struct scenario_setting *s = &r->line->settings[i];
        if (!listens || strcmp(s->key, "reuse-addr") != 0)
            return FAULT(r, s->column, "no \"%s\" here: write it like: %s", s->key, form);
        if (!scenario_flag(s->value, &a->reuse_addr))
            return FAULT(r, s->value_column, "\"%s\" is neither on nor off", s->value);
    }
    return true;
}

/* "at 3s host A clock +5s", "at 3s host A memory off", "at 3s host A crash" */
static bool act_host(struct reader *r, uint64_t at_ns)
{
    struct range range;
    unsigned node;
    int64_t by_ns;
    bool on;
    const char *form = "at 3s host A clock +5s (or: memory off, crash, boot, listen 80)";
    if (!words_needed(r, 5, 6, form) || !range_read(r, &r->line->words[3], &range) ||
        !find_node(r, &r->line->words[3], &range, 0, &node))
        return false;
    const char *what = r->line->words[4].text;
    const char *value = r->line->words_count > 5 ? r->line->words[5].text : "";
    bool here = !r->plan->nodes[node].router && !r->plan->nodes[node].wrong;
    if (here && (strcmp(what, "listen") == 0 || strcmp(what, "unlisten") == 0))
        return act_listen(r, at_ns, node, what);
    if (!no_settings(r))
        return false;
    bool boots = strcmp(what, "boot") == 0;
    if (here && *value == '\0' && (boots || strcmp(what, "crash") == 0))
        return add_act(r, at_ns, boots ? PLAN_ACT_BOOT : PLAN_ACT_CRASH, node) != NULL;
    bool clock = strcmp(what, "clock") == 0 && scenario_signed_time(value, &by_ns);
    bool memory = strcmp(what, "memory") == 0 && scenario_flag(value, &on);
    if ((!clock && !memory) || !here)
        return FAULT(r, r->line->words[4].column, "write it like: %s", form);
    struct plan_act *a = add_act(r, at_ns, clock ? PLAN_ACT_CLOCK : PLAN_ACT_MEMORY, node);
    if (a)
        a->value = clock ? (uint64_t)by_ns : !on;
    return a != NULL;
}

/* "at 1s forge A B:80 20 every=10ms": SYNs from nobody, out of A's link. */
static bool act_forge(struct reader *r, uint64_t at_ns)
{
    struct scenario_word host;
    struct range a, b;
    char text[PLAN_NAME];
    uint16_t port = 80;
    unsigned from, to;
    uint64_t count, every_ns = 0;
    bool v6 = false;
    const char *form = "at 1s forge A B:80 20 every=10ms";
    if (!words_needed(r, 6, 6, form) || !split_port(r, &r->line->words[4], &host, text, &port) ||
        !range_read(r, &r->line->words[3], &a) || !range_read(r, &host, &b) ||
        !find_node(r, &r->line->words[3], &a, 0, &from) || !find_node(r, &host, &b, 0, &to))
        return false;
    if (!scenario_number(r->line->words[5].text, PLAN_ACTS, &count))
        return FAULT(r, r->line->words[5].column, "write it like: %s", form);
    for (unsigned i = 0; i < r->line->settings_count; i++) {
        const struct scenario_setting *s = &r->line->settings[i];
        bool six = strcmp(s->value, "6") == 0;
        bool good = strcmp(s->key, "every") == 0
                        ? scenario_time(s->value, &every_ns)
                        : strcmp(s->key, "ip") == 0 && (six || strcmp(s->value, "4") == 0);
        if (!good)
            return FAULT(r, s->column, "write it like: %s", form);
        v6 |= six;
    }
    for (uint64_t i = 0; i < count; i++) {
        struct plan_act *act = add_act(r, at_ns + i * every_ns, PLAN_ACT_FORGE, from);
        if (!act)
            return false;
        act->end = (uint8_t)to;
        act->value = port;
        act->data_only = v6;
    }
    return true;
}

static const struct flow_verb {
    const char *name;
    uint8_t kind;
    uint8_t argument; /* 'b': bytes, 'e': an end, perhaps */
} verbs[] = {
    {"send", PLAN_ACT_SEND, 'b'},         {"reply", PLAN_ACT_REPLY, 'b'},
    {"shutdown", PLAN_ACT_SHUTDOWN, 'e'}, {"close", PLAN_ACT_CLOSE, 'e'},
    {"abort", PLAN_ACT_ABORT, 'e'},       {"pause", PLAN_ACT_PAUSE, 'e'},
    {"resume", PLAN_ACT_RESUME, 'e'},
};

/* "at 2s f1 shutdown server", "at 2s f1 send 100kb" */
static bool act_flow(struct reader *r, uint64_t at_ns, int flow)
{
    const struct flow_verb *verb = NULL;
    const char *form = "at 2s FLOW send 100kb (or reply 100kb; shutdown, close, abort, pause, "
                       "resume, with client or server)";
    if (!words_needed(r, 4, 5, form) || !no_settings(r))
        return false;
    for (size_t i = 0; i < LA_ARRAY_LEN(verbs); i++)
        if (strcmp(verbs[i].name, r->line->words[3].text) == 0)
            verb = &verbs[i];
    const char *argument = r->line->words_count == 5 ? r->line->words[4].text : "";
    uint64_t bytes = 0;
    bool server = strcmp(argument, "server") == 0;
    bool good = verb && (verb->argument == 'b'
                             ? scenario_bytes(argument, &bytes)
                             : *argument == '\0' || server || strcmp(argument, "client") == 0);
    if (!good)
        return FAULT(r, r->line->words[3].column, "write it like: %s", form);
    struct plan_act *a = add_act(r, at_ns, verb->kind, (unsigned)flow);
    if (a) {
        a->end = server;
        a->value = bytes;
    }
    return a != NULL;
}

/* "at 1s A connect B:80 as NAME bytes=1mb" */
static bool act_connect(struct reader *r, uint64_t at_ns)
{
    struct scenario_word name = r->line->words[2];
    if (!words_needed(r, 5, 7, "at 1s CLIENT connect SERVER:80 as NAME") ||
        (r->line->words_count > 5 &&
         (r->line->words_count != 7 || strcmp(r->line->words[5].text, "as") != 0)))
        return FAULT(r, r->line->words[0].column,
                     "write it like: at 1s CLIENT connect SERVER:80 as NAME");
    if (r->line->words_count == 7)
        name = r->line->words[6];
    return add_flows(r, &name, &r->line->words[2], &r->line->words[4], at_ns);
}

static bool read_at(struct reader *r)
{
    uint64_t at_ns;
    const char *form = "at TIME link|lane|lose|mask|late|host|FLOW|CLIENT ...";
    if (!words_needed(r, 4, 8, form))
        return false;
    if (!scenario_time(r->line->words[1].text, &at_ns))
        return FAULT(r, r->line->words[1].column, "\"%s\" is no time: write it like 1.5s",
                     r->line->words[1].text);
    const char *what = r->line->words[2].text;
    if (strcmp(what, "link") == 0 || strcmp(what, "lane") == 0)
        return act_link(r, at_ns, what[1] == 'a');
    if (strcmp(what, "lose") == 0 || strcmp(what, "mask") == 0 || strcmp(what, "late") == 0)
        return act_packets(r, at_ns, *what == 'l' ? what[1] : 'm');
    if (strcmp(what, "host") == 0)
        return act_host(r, at_ns);
    if (strcmp(what, "forge") == 0)
        return act_forge(r, at_ns);
    if (strcmp(r->line->words[3].text, "connect") == 0)
        return act_connect(r, at_ns);
    int flow = plan_find_flow(r->plan, what);
    if (flow >= 0)
        return act_flow(r, at_ns, flow);
    return FAULT(
        r, r->line->words[2].column,
        "\"%s\" is no flow: there are link, lane, lose, mask, late, forge, host, flows, and "
        "hosts that connect",
        what);
}

/* ---- the rest ------------------------------------------------------------------------------- */

static bool read_expect(struct reader *r)
{
    struct la_message why;
    unsigned column;
    const char *words[SCENARIO_WORDS];
    if (r->plan->expects_count == PLAN_EXPECTS)
        return FAULT(r, r->line->words[0].column, "too many expectations: at most %d",
                     PLAN_EXPECTS);
    for (unsigned i = 0; i < r->line->words_count; i++)
        words[i] = r->line->words[i].text;
    struct plan_expect *e = &r->plan->expects[r->plan->expects_count];
    if (!no_settings(r))
        return false;
    if (!figure_expect(r->plan, words, r->line->words_count, e, &column, &why))
        return FAULT(r, r->line->words[column].column, "%s", why.text);
    e->line = r->line->number;
    r->plan->expects_count++;
    return true;
}

static bool read_run(struct reader *r)
{
    for (unsigned i = 0; i < r->line->settings_count; i++) {
        const struct scenario_setting *s = &r->line->settings[i];
        bool known = true, good = false;
        if (strcmp(s->key, "for") == 0)
            good = scenario_time(s->value, &r->plan->end_ns);
        else if (strcmp(s->key, "limit") == 0)
            good = scenario_time(s->value, &r->plan->limit_ns);
        else if (strcmp(s->key, "may-fail") == 0)
            good = scenario_flag(s->value, &r->plan->may_fail);
        else if (strcmp(s->key, "any-bytes") == 0)
            good = scenario_flag(s->value, &r->plan->any_bytes);
        else
            known = false;
        if (!known)
            return FAULT(r, s->column,
                         "no setting \"%s\" here: there are for, limit, may-fail, any-bytes",
                         s->key);
        if (!good)
            return FAULT(r, s->value_column, "\"%s\" cannot be read: write it like run for=30s",
                         s->value);
    }
    return words_needed(r, 1, 1, "run for=30s");
}

/* A number from 0 to 64, or a sum of such ("1+1", where a parameter stands in it); moves behind
 * it. 65: none. */
static unsigned number_read(const char **at)
{
    unsigned sum = 0;
    for (;;) {
        unsigned n = 0;
        if (**at < '0' || **at > '9')
            return 65;
        while (**at >= '0' && **at <= '9' && n <= 64)
            n = 10 * n + (unsigned)(*(*at)++ - '0');
        sum += n;
        if (sum > 64)
            return 65;
        if (**at != '+')
            return sum;
        (*at)++;
    }
}

/* "1", "1,3", "1..4", and "0", "1..0", "none" for no packet at all: so a parameter may say how
 * many; "all". */
static bool numbers_read(const char *text, uint64_t *mask)
{
    *mask = 0;
    if (strcmp(text, "all") == 0)
        *mask = UINT64_MAX;
    if (strcmp(text, "all") == 0 || strcmp(text, "none") == 0 || strcmp(text, "0") == 0)
        return true;
    do {
        unsigned first = number_read(&text), last = first;
        if (strncmp(text, "..", 2) == 0) {
            text += 2;
            last = number_read(&text);
        }
        if (first == 0 || first > 64 || last > 64 || last + 1 < first ||
            (*text != ',' && *text != '\0'))
            return false;
        for (unsigned i = first; i <= last; i++)
            *mask |= UINT64_C(1) << (i - 1);
    } while (*text++ != '\0');
    return true;
}

/* "lose client FIN 1", "late client DATA 2..3 by=20ms of=f1" */
static bool read_fate(struct reader *r)
{
    struct range range;
    unsigned node;
    bool late = strcmp(r->line->words[0].text, "late") == 0;
    const char *form =
        late ? "late client DATA 2..3 by=20ms" : "lose client FIN 1 (or 1..3, all, none)";
    if (!words_needed(r, 4, 4, form) || !range_read(r, &r->line->words[1], &range) ||
        !find_node(r, &r->line->words[1], &range, 0, &node))
        return false;
    if (r->plan->fates_count == PLAN_FATES)
        return FAULT(r, r->line->words[0].column, "too many fates: at most %d", PLAN_FATES);
    struct plan_fate *f = &r->plan->fates[r->plan->fates_count];
    *f = (struct plan_fate){.node = (uint16_t)node, .flow = -1};
    f->kind = (uint16_t)sim_kind_find(r->line->words[2].text);
    if (f->kind == 0)
        return FAULT(r, r->line->words[2].column, "no kind of packet \"%s\": there are %s",
                     r->line->words[2].text, sim_kind_names());
    if (!numbers_read(r->line->words[3].text, &f->numbers))
        return FAULT(r, r->line->words[3].column,
                     "\"%s\" are no packets: write numbers from 1 to 64 like 3,5..7, all or none",
                     r->line->words[3].text);
    for (unsigned i = 0; i < r->line->settings_count; i++) {
        const struct scenario_setting *s = &r->line->settings[i];
        bool of = strcmp(s->key, "of") == 0;
        if (!of && !(late && strcmp(s->key, "by") == 0))
            return FAULT(r, s->column, "no \"%s\" here: write it like: %s", s->key, form);
        if (of && (f->flow = (int16_t)plan_find_flow(r->plan, s->value)) < 0)
            return FAULT(r, s->value_column, "there is no flow \"%s\" up to here", s->value);
        if (!of && !scenario_time(s->value, &f->late_ns))
            return FAULT(r, s->value_column, "\"%s\" is no time: write it like by=20ms", s->value);
    }
    if (late && f->late_ns == 0)
        f->numbers = 0; /* no later than others: nothing */
    r->plan->fates_count++;
    return true;
}

static bool read_seed(struct reader *r)
{
    return (words_needed(r, 2, 2, "seed 1") && no_settings(r) &&
            scenario_number(r->line->words[1].text, UINT64_MAX, &r->plan->seed)) ||
           FAULT(r, r->line->words[0].column, "write it like: seed 1");
}

static const struct keyword {
    const char *name;
    bool (*read)(struct reader *r);
} keywords[] = {
    {"seed", read_seed},     {"run", read_run},   {"host", read_node}, {"router", read_node},
    {"link", read_link},     {"lane", read_lane}, {"flow", read_flow}, {"at", read_at},
    {"expect", read_expect}, {"lose", read_fate}, {"late", read_fate},
};

static bool read_one(struct reader *r, const char *const *also)
{
    const char *word = r->line->words[0].text;
    for (size_t i = 0; i < LA_ARRAY_LEN(keywords); i++)
        if (strcmp(keywords[i].name, word) == 0)
            return keywords[i].read(r);
    for (size_t i = 0; also && also[i]; i++)
        if (strcmp(also[i], word) == 0)
            return true;
    return FAULT(r, r->line->words[0].column,
                 "no keyword \"%s\": there are param, seed, run, host, router, link, lane, flow, "
                 "lose, late, at and expect%s",
                 word, also ? ", and those of lastack lab" : "");
}

bool sim_read(const struct scenario *s, const char *const *also, struct plan *plan,
              struct scenario_fault *fault)
{
    struct reader r = {.s = s, .plan = plan, .fault = fault};
    struct la_message why;
    plan_init(plan);
    plan->seed = 1;
    for (size_t i = 0; i < s->lines_count; i++) {
        r.line = &s->lines[i];
        if (!read_one(&r, also))
            return false;
    }
    if (plan_check(plan, &why))
        return true;
    uint32_t last = s->lines_count ? s->lines[s->lines_count - 1].number : 1;
    return scenario_fault(s, fault, last, 1, "%s", why.text);
}
