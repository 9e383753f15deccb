/* Shell commands, understood as what they are for: a persona, settings, the route, the device, a
 * look at a counter. Nothing is ever run.
 *
 * A text is cut into simple commands at line ends, ";" and "&&" (a backslash joins lines, "#"
 * begins a comment), each into words at blanks; quotation marks hold words together, and
 * $((3*1024)) is worked out. Redirections are taken off, pipes lead to further words behind "|".
 * What is not in the table below is a fault: a script that needs it would only seem to pass. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drill/parse.h"

#define WORDS_MAX 64
#define WORD_MAX  400

struct word {
    const char *text;
    struct drill_place place;
};

struct shell {
    struct drill_scan *sc;
    const char *at, *end, *line_start;
    uint32_t line, column_first;
    struct word words[WORDS_MAX];
    unsigned count;
    struct drill_command **link;
};

static struct drill_place here(const struct shell *sh)
{
    return (struct drill_place){.line = sh->line,
                                .column = sh->column_first + (uint32_t)(sh->at - sh->line_start)};
}

static bool fault(struct shell *sh, struct drill_place place, const char *sentence,
                  const char *about)
{
    return drill_fault(sh->sc->s, sh->sc->fault, place, "%s: \"%s\"", sentence, about);
}

static bool add(struct shell *sh, enum drill_command_kind kind, struct drill_place place,
                const char *name, const char *value)
{
    struct drill_command *c = drill_arena_get(sh->sc->s->arena, sizeof(*c));
    if (!c)
        return fault(sh, place, "no memory", name ? name : "");
    *c = (struct drill_command){.kind = kind, .name = name, .value = value, .place = place};
    *sh->link = c;
    sh->link = &c->next;
    return true;
}

static const char *keep(struct shell *sh, const char *text, size_t len)
{
    const char *kept = drill_arena_text(sh->sc->s->arena, text, len);
    return kept ? kept : "";
}

/* ---- words ---------------------------------------------------------------------------------- */

/* The inside of $(( )): numbers with + - * / from left to right, products first. */
static bool arithmetic(const char **at, int64_t *value)
{
    int64_t sum = 0;
    int sign = 1;
    for (;;) {
        int64_t product = 1;
        char op = '*';
        for (;;) {
            char *rest;
            while (**at == ' ')
                ++*at;
            int64_t n = strtoll(*at, &rest, 0);
            if (rest == *at || (op == '/' && n == 0))
                return false;
            *at = rest;
            if (op == '/')
                product /= n == -1 ? 1 : n;
            else if (__builtin_mul_overflow(product, n, &product))
                return false;
            while (**at == ' ')
                ++*at;
            if (**at != '*' && **at != '/')
                break;
            op = *(*at)++;
        }
        if (__builtin_add_overflow(sum, sign * product, &sum))
            return false;
        if (**at != '+' && **at != '-')
            break;
        sign = *(*at)++ == '+' ? 1 : -1;
    }
    *value = sum;
    return true;
}

/* Copies what "$" stands for: sums are worked out, variables stay as they are written. */
static bool dollar(struct shell *sh, char *word, size_t *n)
{
    if (sh->end - sh->at < 3 || sh->at[1] != '(' || sh->at[2] != '(')
        return true;
    char copy[128];
    const char *close = memmem(sh->at, (size_t)(sh->end - sh->at), "))", 2);
    size_t len = close ? (size_t)(close - sh->at) - 3 : sizeof(copy);
    int64_t value;
    if (len >= sizeof(copy))
        return fault(sh, here(sh), "a sum that does not end", "$((");
    memcpy(copy, sh->at + 3, len);
    copy[len] = '\0';
    const char *at = copy;
    if (!arithmetic(&at, &value) || *at != '\0')
        return fault(sh, here(sh), "a sum that is not understood", copy);
    int wrote = snprintf(word + *n, WORD_MAX - *n, "%lld", (long long)value);
    *n += wrote > 0 ? (size_t)wrote : 0;
    sh->at = close + 2;
    return *n < WORD_MAX;
}

static void newline(struct shell *sh)
{
    sh->line++;
    sh->line_start = sh->at;
    sh->column_first = 1;
}

static bool word(struct shell *sh)
{
    char text[WORD_MAX];
    size_t n = 0;
    char quote = '\0';
    struct drill_place place = here(sh);
    while (sh->at < sh->end) {
        char c = *sh->at;
        if (!quote && (isspace((unsigned char)c) || c == ';' || (c == '|' && n > 0)))
            break;
        if (!quote && c == '|' && sh->end - sh->at > 1 && sh->at[1] == '|')
            break;
        if (!quote && c == '\\' && sh->end - sh->at > 1 && sh->at[1] == '\n')
            break;
        if (c == quote || (!quote && (c == '"' || c == '\''))) {
            quote = quote ? '\0' : c;
            sh->at++;
            continue;
        }
        const char *before = sh->at;
        if (c == '$' && quote != '\'' && !dollar(sh, text, &n))
            return false;
        if (sh->at != before)
            continue;
        if (n + 2 >= WORD_MAX)
            return fault(sh, place, "a word that is too long", "");
        text[n++] = c;
        sh->at++;
        if (c == '\n')
            newline(sh);
        if (c == '|' && n == 1)
            break;
    }
    if (quote)
        return fault(sh, place, "a quotation that does not end", "");
    if (sh->count == WORDS_MAX)
        return fault(sh, place, "more words than a command may have", text);
    sh->words[sh->count++] = (struct word){.text = keep(sh, text, n), .place = place};
    return true;
}

/* ---- commands ------------------------------------------------------------------------------- */

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

/* "net.ipv4.tcp_sack=1", or with a path, as one setting. */
static bool assignment(struct shell *sh, const struct word *w)
{
    const char *equals = strchr(w->text, '=');
    if (!equals)
        return fault(sh, w->place, "a setting like net.ipv4.tcp_sack=1 should stand here", w->text);
    static const char path[] = "/proc/sys/";
    const char *begin = w->text;
    if (strncmp(begin, path, sizeof(path) - 1) == 0)
        begin += sizeof(path) - 1;
    size_t len = (size_t)(equals - begin);
    char name[WORD_MAX];
    memcpy(name, begin, len);
    for (size_t i = 0; i < len; i++)
        name[i] = name[i] == '/' ? '.' : name[i];
    return add(sh, DRILL_CMD_SETTING, w->place, keep(sh, name, len),
               keep(sh, equals + 1, strlen(equals + 1)));
}

static bool assignments(struct shell *sh, unsigned from)
{
    if (from >= sh->count)
        return fault(sh, sh->words[0].place, "no setting to set", sh->words[0].text);
    for (; from < sh->count; from++)
        if (!assignment(sh, &sh->words[from]))
            return false;
    return true;
}

static bool cmd_sysctl(struct shell *sh)
{
    unsigned i = 1;
    while (i < sh->count && sh->words[i].text[0] == '-') {
        if (strspn(sh->words[i].text, "-qew") != strlen(sh->words[i].text))
            return fault(sh, sh->words[i].place, "sysctl here knows -q, -e and -w",
                         sh->words[i].text);
        i++;
    }
    return assignments(sh, i);
}

static bool cmd_set_sysctls(struct shell *sh)
{
    return assignments(sh, 1);
}

static bool cmd_persona(struct shell *sh)
{
    return add(sh, DRILL_CMD_PERSONA, sh->words[0].place, "linux", NULL);
}

static bool cmd_restore(struct shell *sh)
{
    return add(sh, DRILL_CMD_RESTORE, sh->words[0].place, NULL, NULL);
}

static bool cmd_nothing(struct shell *sh)
{
    return add(sh, DRILL_CMD_NOTHING, sh->words[0].place, sh->words[0].text, NULL);
}

static const char *text_at(const struct shell *sh, unsigned i)
{
    return i < sh->count ? sh->words[i].text : "";
}

/* "echo 1 > /proc/sys/net/ipv4/tcp_sack". HyStart's parts on and off is all that is known of
 * /sys: 3, both, is what Linux begins with. */
static bool cmd_echo(struct shell *sh)
{
    if (sh->count != 4 || strcmp(sh->words[2].text, ">") != 0)
        return fault(sh, sh->words[0].place, "echo here sets what lies under /proc/sys",
                     sh->words[0].text);
    const char *path = sh->words[3].text;
    if (strcmp(path, "/sys/module/tcp_cubic/parameters/hystart_detect") == 0 &&
        strcmp(sh->words[1].text, "3") == 0)
        return cmd_nothing(sh);
    if (strncmp(path, "/proc/sys/", 10) != 0)
        return fault(sh, sh->words[3].place, "not a setting that is known here", path);
    char both[2 * WORD_MAX];
    snprintf(both, sizeof(both), "%s=%s", path, sh->words[1].text);
    struct word w = {.text = keep(sh, both, strlen(both)), .place = sh->words[3].place};
    return assignment(sh, &w);
}

/* "ethtool -K tun0 tso off gso off": whether super-segments leave in one piece. */
static bool cmd_ethtool(struct shell *sh)
{
    if (strcmp(text_at(sh, 1), "-K") != 0 || sh->count < 5)
        return fault(sh, sh->words[0].place, "ethtool here knows -K DEVICE tso|gso|gro on|off", "");
    for (unsigned i = 3; i + 1 < sh->count; i += 2) {
        const char *what = sh->words[i].text;
        if (strcmp(what, "tso") == 0 || strcmp(what, "gso") == 0) {
            if (!add(sh, DRILL_CMD_DEVICE, sh->words[i].place, what, sh->words[i + 1].text))
                return false;
        } else if (strcmp(what, "gro") != 0) {
            return fault(sh, sh->words[i].place, "no such feature of a device here", what);
        }
    }
    return true;
}

static bool route_words(struct shell *sh, unsigned from)
{
    for (unsigned i = from; i < sh->count; i++) {
        const char *what = sh->words[i].text;
        unsigned value = i + 1;
        if (strcmp(text_at(sh, value), "lock") == 0)
            value++;
        if (strcmp(what, "via") == 0 || strcmp(what, "dev") == 0) {
            i = value;
            continue;
        }
        static const char *const known[] = {"mtu",      "advmss", "initcwnd", "initrwnd", "rto_min",
                                            "features", "window", "quickack", "congctl"};
        bool found = false;
        for (size_t k = 0; k < sizeof(known) / sizeof(known[0]); k++)
            found = found || strcmp(what, known[k]) == 0;
        if (!found || value >= sh->count)
            return fault(sh, sh->words[i].place, "not known of a route here", what);
        if (!add(sh, DRILL_CMD_ROUTE, sh->words[i].place, what, sh->words[value].text))
            return false;
        i = value;
    }
    return true;
}

static bool cmd_ip(struct shell *sh)
{
    unsigned i = 1;
    if (strcmp(text_at(sh, i), "-6") == 0 || strcmp(text_at(sh, i), "-4") == 0)
        i++;
    if (strcmp(text_at(sh, i), "tcp_metrics") == 0 || strcmp(text_at(sh, i), "tcpmetrics") == 0)
        return add(sh, DRILL_CMD_ROUTE, sh->words[i].place, "flush", "1");
    if (strcmp(text_at(sh, i), "route") == 0 && i + 3 < sh->count) {
        const char *verb = sh->words[i + 1].text;
        if (strcmp(verb, "change") == 0 || strcmp(verb, "replace") == 0 || strcmp(verb, "add") == 0)
            return route_words(sh, i + 3);
    }
    if (strcmp(text_at(sh, i), "link") == 0 && strcmp(text_at(sh, i + 1), "set") == 0) {
        unsigned mtu = i + 2;
        while (mtu < sh->count && strcmp(sh->words[mtu].text, "mtu") != 0)
            mtu++;
        if (mtu + 1 < sh->count)
            return add(sh, DRILL_CMD_DEVICE, sh->words[mtu].place, "mtu", sh->words[mtu + 1].text);
    }
    return fault(sh, sh->words[0].place,
                 "ip here knows route change, link set mtu and tcp_metrics flush", text_at(sh, i));
}

/* A queue that holds nothing takes nothing; any other makes no difference. */
static bool cmd_tc(struct shell *sh)
{
    bool none = false;
    for (unsigned i = 0; i + 1 < sh->count; i++)
        none = none ||
               (strcmp(sh->words[i].text, "limit") == 0 && strcmp(sh->words[i + 1].text, "0") == 0);
    for (unsigned i = 0; i < sh->count; i++)
        if (strcmp(sh->words[i].text, "netem") == 0)
            return fault(sh, sh->words[i].place, "no such queue here", "netem");
    return add(sh, DRILL_CMD_DEVICE, sh->words[0].place, "queue", none ? "none" : "any");
}

/* "nstat | grep NAME [| grep " 3 "]": has this counter of Linux moved, and to what? */
static bool cmd_nstat(struct shell *sh)
{
    const char *name = NULL, *value = NULL;
    for (unsigned i = 1; i < sh->count; i++) {
        const char *text = sh->words[i].text;
        bool pattern = strcmp(text, "|") != 0 && strcmp(text, "grep") != 0 && text[0] != '-';
        if (pattern && !name)
            name = text;
        else if (pattern)
            value = text;
    }
    while (value && *value == ' ')
        value++;
    return add(sh, DRILL_CMD_COUNTER, sh->words[0].place, name, value);
}

/* Is a socket still listening on port 8080 (0x1f90)? That is what scripts look up in /proc. */
static bool cmd_grep(struct shell *sh)
{
    if (strcmp(text_at(sh, 1), " 0A ") == 0 && strncmp(text_at(sh, 2), "/proc/net/tcp", 13) == 0)
        return add(sh, DRILL_CMD_COUNTER, sh->words[0].place, "listening", NULL);
    return fault(sh, sh->words[0].place, "grep here looks for listening sockets in /proc/net/tcp",
                 text_at(sh, 1));
}

/* "dd bs=1 count=5 if=/dev/zero of=FILE". */
static bool cmd_dd(struct shell *sh)
{
    unsigned long bs = 512, count = 0;
    const char *file = NULL;
    char size[32];
    for (unsigned i = 1; i < sh->count; i++) {
        const char *text = sh->words[i].text;
        if (strncmp(text, "bs=", 3) == 0)
            bs = strtoul(text + 3, NULL, 10);
        else if (strncmp(text, "count=", 6) == 0)
            count = strtoul(text + 6, NULL, 10);
        else if (strncmp(text, "of=", 3) == 0)
            file = text + 3;
    }
    if (!file || count == 0 || bs == 0 || bs > 1048576 || count > 65536)
        return fault(sh, sh->words[0].place, "dd here makes a file: bs= count= of=", "dd");
    snprintf(size, sizeof(size), "%lu", bs * count);
    return add(sh, DRILL_CMD_DEVICE, sh->words[0].place, "file", keep(sh, file, strlen(file))) &&
           add(sh, DRILL_CMD_DEVICE, sh->words[0].place, "size", keep(sh, size, strlen(size)));
}

static const struct {
    const char *end; /* of the first word */
    bool (*run)(struct shell *sh);
} commands[] = {
    {"defaults.sh", cmd_persona},
    {"set_sysctls.py", cmd_set_sysctls},
    {"sysctl", cmd_sysctl},
    {"echo", cmd_echo},
    {"ethtool", cmd_ethtool},
    {"ip", cmd_ip},
    {"tc", cmd_tc},
    {"nstat", cmd_nstat},
    {"grep", cmd_grep},
    {"/rm", cmd_nothing},
    {"rm", cmd_nothing},
    {"dd", cmd_dd},
    {"true", cmd_nothing},
    {":", cmd_nothing},
    {"modprobe", cmd_nothing},
};

static bool simple_command(struct shell *sh)
{
    if (sh->count == 0)
        return true;
    const char *first = sh->words[0].text;
    const char *slash = strrchr(first, '/');
    const char *name = slash ? slash + 1 : first;
    if (strncmp(name, "sysctl_restore_", 15) == 0)
        return cmd_restore(sh);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        bool path = strchr(commands[i].end, '.') != NULL && ends_with(first, commands[i].end);
        if (path || strcmp(name, commands[i].end) == 0)
            return commands[i].run(sh);
    }
    return fault(sh, sh->words[0].place,
                 "this command is not understood here (docs/drill.md, \"Commands\")", first);
}

/* Takes "2>/dev/null", "&> FILE" and, but for echo, "> FILE" off. */
static void without_redirections(struct shell *sh)
{
    unsigned kept = 0;
    bool echo = sh->count > 0 && strcmp(sh->words[0].text, "echo") == 0;
    for (unsigned i = 0; i < sh->count; i++) {
        const char *text = sh->words[i].text;
        size_t lead = strspn(text, "12&");
        bool redirection = text[lead] == '>' && !(echo && lead == 0);
        if (!redirection) {
            sh->words[kept++] = sh->words[i];
            continue;
        }
        if (text[strspn(text, "12&>")] == '\0')
            i++; /* the file is the next word */
    }
    sh->count = kept;
}

static bool end_command(struct shell *sh)
{
    without_redirections(sh);
    bool good = simple_command(sh);
    sh->count = 0;
    return good;
}

static bool step(struct shell *sh)
{
    char c = *sh->at;
    if (c == '#') {
        while (sh->at < sh->end && *sh->at != '\n')
            sh->at++;
        return true;
    }
    if (c == '\\' && sh->end - sh->at > 1 && sh->at[1] == '\n') {
        sh->at += 2;
        newline(sh);
        return true;
    }
    if (c == '\n' || c == ';') {
        sh->at++;
        if (c == '\n')
            newline(sh);
        return end_command(sh);
    }
    if (c == '&' && sh->end - sh->at > 1 && sh->at[1] == '&') {
        sh->at += 2;
        return end_command(sh);
    }
    if (c == '|' && sh->end - sh->at > 1 && sh->at[1] == '|') {
        struct drill_command **first = sh->link;
        sh->at += 2;
        if (!end_command(sh))
            return false;
        for (struct drill_command *left = *first; left; left = left->next)
            left->soft = true;
        return true;
    }
    if (isspace((unsigned char)c)) {
        sh->at++;
        return true;
    }
    return word(sh);
}

struct drill_command *parse_commands(struct drill_scan *sc, const char *text, size_t len,
                                     struct drill_place place)
{
    struct drill_command *first = NULL;
    struct shell sh = {.sc = sc,
                       .at = text,
                       .end = text + len,
                       .line_start = text,
                       .line = place.line,
                       .column_first = place.column,
                       .link = &first};
    while (sh.at < sh.end)
        if (!step(&sh))
            return NULL;
    if (!end_command(&sh))
        return NULL;
    if (!first) /* a command that is empty */
        add(&sh, DRILL_CMD_NOTHING, place, "", NULL);
    return first;
}
