/* Settings by Linux's names, see settings.h.
 *
 * A line of the table has one of these forms:
 *   NUMBER   a field of one of the three structs, how wide it is and what it takes;
 *   TRIPLE   three numbers, tcp_rmem's;
 *   FIXED    the stack always does what one value (or a few) means; others are -EOPNOTSUPP;
 *   CODE     anything else, a pair of functions (settings_code.c).
 * A value that a packet of settings repeats although it is in force is never an error. */
#include "posix/settings_code.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "posix/field.h"

enum form { NUMBER, TRIPLE, FIXED, CODE };
struct line {
    const char *name;
    enum form form;
    enum width width;
    bool early; /* only before the stack exists */
    size_t offset;
    int64_t least, most;
    int64_t factor;    /* stored = value x factor */
    const char *words; /* FIXED: the values it takes, the first is what reads; NUMBER: names of
                          0, 1, ..., or NULL */
    int (*put)(struct px_settings *s, const char *value);
    int (*get)(const struct px_settings *s, char *text, size_t size);
};

/* ---- the table ------------------------------------------------------------------------------ */

#define OPTION(member)  offsetof(struct px_settings, options.member)
#define CONFIG(member)  offsetof(struct px_settings, config.member)
#define OWN(member)     offsetof(struct px_settings, member)
#define PERSONA(member) offsetof(struct px_settings, config.persona.member)
#define NUM(name, width, at, least, most, factor)                             \
    {                                                                         \
        name, NUMBER, width, false, at, least, most, factor, NULL, NULL, NULL \
    }
#define EARLY(name, width, at, least, most, factor)                          \
    {                                                                        \
        name, NUMBER, width, true, at, least, most, factor, NULL, NULL, NULL \
    }
#define NAMED(name, at, most, words)                               \
    {                                                              \
        name, NUMBER, U8, false, at, 0, most, 1, words, NULL, NULL \
    }
#define KEPT(name, member, least, most) NUM(name, U32, OWN(member), least, most, 1)
#define FIX(name, values)                                       \
    {                                                           \
        name, FIXED, U32, false, 0, 0, 0, 1, values, NULL, NULL \
    }
#define FUN(name, what, early)                                                           \
    {                                                                                    \
        name, CODE, U32, early, 0, 0, 0, 1, NULL, setting_put_##what, setting_get_##what \
    }

static const struct line lines[] = {
    NUM("net.ipv4.tcp_timestamps", BOOL, OPTION(timestamps), 0, 2, 1),
    NUM("net.ipv4.tcp_sack", BOOL, OPTION(sack), 0, 1, 1),
    NUM("net.ipv4.tcp_window_scaling", BOOL, OPTION(window_scale), 0, 1, 1),
    NUM("net.ipv4.tcp_syn_retries", U8, OPTION(syn_retries), 1, 127, 1),
    NUM("net.ipv4.tcp_retries2", U8, OPTION(r2_retries), 0, 255, 1),
    NUM("net.ipv4.tcp_keepalive_time", U32, OPTION(keepidle_s), 1, 32767, 1),
    NUM("net.ipv4.tcp_keepalive_intvl", U32, OPTION(keepintvl_s), 1, 32767, 1),
    NUM("net.ipv4.tcp_keepalive_probes", U8, OPTION(keepcnt), 1, 255, 1),
    NUM("net.ipv4.tcp_fin_timeout", U32, OPTION(fin_wait_2_s), 1, 32767, 1),
    NUM("net.ipv4.ip_default_ttl", U8, OPTION(ttl), 1, 255, 1),
    NUM("net.ipv4.tcp_max_syn_backlog", U32, OWN(max_syn_backlog), 1, INT32_MAX, 1),
    NUM("net.core.somaxconn", U32, OWN(somaxconn), 1, INT32_MAX, 1),
    NUM("net.core.rmem_max", U32, OWN(rmem_max), 2304, INT32_MAX, 1),
    NUM("net.core.wmem_max", U32, OWN(wmem_max), 4608, INT32_MAX, 1),
    {"net.ipv4.tcp_rmem", TRIPLE, U32, false, OWN(rmem), 1, INT32_MAX, 1, NULL, NULL, NULL},
    {"net.ipv4.tcp_wmem", TRIPLE, U32, false, OWN(wmem), 1, INT32_MAX, 1, NULL, NULL, NULL},
    EARLY("net.ipv4.tcp_max_tw_buckets", U32, CONFIG(time_wait_max), 0, 1 << 29, 1),
    FUN("net.ipv4.ip_local_port_range", ports, true),
    FUN("net.ipv4.tcp_congestion_control", congestion, false),
    FUN("net.ipv4.tcp_available_congestion_control", available, false),
    FUN("net.ipv4.tcp_ecn", ecn, false),
    FUN("net.ipv4.tcp_syncookies", cookies, false),
    FUN("net.ipv4.tcp_mtu_probing", mtu_probing, false),
    FUN("net.ipv4.tcp_early_retrans", early_retrans, false),
    FUN("net.ipv4.tcp_frto", frto, false),
    NUM("net.ipv4.tcp_notsent_lowat", U32, OWN(notsent_lowat), 0, UINT32_MAX, 1),
    FUN("net.ipv4.tcp_fastopen_key", key, false),
    NUM("net.ipv4.tcp_fastopen", U32, PERSONA(fastopen), 0, 0x7fffffff, 1),
    NUM("net.ipv4.tcp_fastopen_blackhole_timeout_sec", U32, PERSONA(fastopen_blackhole_s), 0,
        INT32_MAX, 1),
    NUM("net.ipv4.tcp_slow_start_after_idle", BOOL, PERSONA(idle_restart), 0, 1, 1),
    FUN("net.ipv4.tcp_min_tso_segs", min_tso, false),
    NUM("net.ipv4.tcp_recovery", BOOL, PERSONA(rack), 0, 1, 1),
    NUM("net.ipv4.tcp_reordering", U8, PERSONA(dup_thresh), 1, 255, 1),
    NUM("net.ipv4.tcp_rto_max_ms", U32, PERSONA(rto_max_ms), 1000, 120000, 1),

    /* Choices for which Linux has no setting. */
    NUM("lastack.delack_ms", U32, OPTION(delack_ms), 0, 499, 1),
    NUM("lastack.rto_min_ms", U32, OPTION(rto_min_ms), 1, 60000, 1),
    NUM("lastack.soft_errors", BOOL, OPTION(soft_errors), 0, 1, 1),
    NUM("lastack.pacing", BOOL, OPTION(pacing), 0, 1, 1),
    NAMED("lastack.syn_order", PERSONA(syn_order), 1, "mss-sack-ts-ws mss-ws-sack-ts"),
    NUM("lastack.window_shift", U8, PERSONA(window_shift), 0, 255, 1),
    NUM("lastack.open_soft_errors", BOOL, PERSONA(open_soft_errors), 0, 1, 1),
    NUM("lastack.accept_dead", BOOL, PERSONA(accept_dead), 0, 1, 1),
    NUM("lastack.echo_checked", BOOL, PERSONA(echo_checked), 0, 1, 1),
    NUM("lastack.ts_optional", BOOL, PERSONA(ts_optional), 0, 1, 1),
    NUM("lastack.syn_fin_dropped", BOOL, PERSONA(syn_fin_dropped), 0, 1, 1),
    NUM("lastack.reset_tells", BOOL, PERSONA(reset_tells), 0, 1, 1),
    NUM("lastack.rto_initial_ms", U32, PERSONA(rto_initial_ms), 1, 60000, 1),
    NUM("lastack.rto_var_min_ms", U32, PERSONA(rto_var_min_ms), 0, 60000, 1),
    NUM("lastack.override_rto", BOOL, PERSONA(override_rto), 0, 1, 1),
    NUM("lastack.ack_segs", U8, PERSONA(ack_segs), 1, 255, 1),
    NUM("lastack.ack_partial", BOOL, PERSONA(ack_partial), 0, 1, 1),
    NUM("lastack.fin_ack_waits", BOOL, PERSONA(fin_ack_waits), 0, 1, 1),
    NUM("lastack.fin_no_dsack", BOOL, PERSONA(fin_no_dsack), 0, 1, 1),
    NUM("lastack.quick_acks", U8, PERSONA(quick_acks), 0, 255, 1),
    NUM("lastack.lenient_window", BOOL, PERSONA(lenient_window), 0, 1, 1),
    NAMED("lastack.push", PERSONA(push), 1, "queue write"),
    NUM("lastack.nagle_small", BOOL, PERSONA(nagle_small), 0, 1, 1),
    NUM("lastack.more_until_ack", BOOL, PERSONA(more_until_ack), 0, 1, 1),
    NUM("lastack.probe_empty", BOOL, PERSONA(probe_empty), 0, 1, 1),
    NUM("lastack.burst_segs", U16, PERSONA(burst_segs), 0, 65535, 1),
    NUM("lastack.push_bursts", BOOL, PERSONA(push_bursts), 0, 1, 1),
    NUM("lastack.challenges", U16, PERSONA(challenges), 0, 65535, 1),
    NUM("lastack.initial_window_segs", U16, PERSONA(initial_window_segs), 1, 1024, 1),
    NUM("lastack.initial_window_bytes", BOOL, PERSONA(initial_window_bytes), 0, 1, 1),
    NAMED("lastack.growth", PERSONA(growth), 1, "full double"),
    NAMED("lastack.hystart", PERSONA(hystart), 2, "plus delay off"),
    NUM("lastack.slow_start_segs", U8, PERSONA(slow_start_segs), 0, 255, 1),
    NUM("lastack.validation", BOOL, PERSONA(validation), 0, 1, 1),
    NUM("lastack.loss_by_window", BOOL, PERSONA(loss_by_window), 0, 1, 1),
    NUM("lastack.rack_rtt_last", BOOL, PERSONA(rack_rtt_last), 0, 1, 1),
    NUM("lastack.old_sacks", BOOL, PERSONA(old_sacks), 0, 1, 1),
    NUM("lastack.fastopen_strikes", U8, PERSONA(fastopen_strikes), 1, 255, 1),
    NUM("lastack.fastopen_own_mss", BOOL, PERSONA(fastopen_own_mss), 0, 1, 1),

    /* What `ip` and `tc` would set. */
    FUN("lastack.route_mtu", route_mtu, false),
    FUN("lastack.route_advmss", route_advmss, false),
    FUN("lastack.route_rto_min", route_rto_min, false),
    FUN("lastack.route_flush", route_flush, false),
    FUN("lastack.route_congctl", congestion, false),
    NUM("lastack.route_initcwnd", U16, PERSONA(initial_window_segs), 1, 1024, 1),
    NUM("lastack.link_mtu", U32, OWN(mtu), 576, 65535, 1),
    {"lastack.link_queue", NUMBER, BOOL, false, OWN(link_discards), 0, 1, 1, "any none", NULL,
     NULL},

    /* What the stack always does. */
    FIX("net.ipv4.tcp_dsack", "1"),
    FIX("net.ipv4.tcp_no_metrics_save", "1 0"),
    FIX("net.ipv4.tcp_moderate_rcvbuf", "1"),
    FIX("net.ipv4.tcp_abort_on_overflow", "0"),
    FIX("net.ipv4.tcp_rfc1337", "1 0"),
    FIX("net.ipv4.tcp_stdurg", "0"),
    FIX("net.ipv4.tcp_retrans_collapse", "0 1"),
    FIX("net.ipv4.tcp_thin_linear_timeouts", "0"),
    FIX("net.ipv4.tcp_shrink_window", "0"),
    FIX("net.ipv4.tcp_retries1", "3"),
    FIX("net.ipv4.tcp_orphan_retries", "0"),
    FIX("net.ipv4.tcp_synack_retries", "5"),
    FIX("net.ipv4.tcp_tw_reuse", "2 0 1"),
    FIX("net.ipv4.tcp_adv_win_scale", "1"),
    FIX("net.ipv4.tcp_app_win", "31"),
    FIX("net.ipv4.tcp_workaround_signed_windows", "0"),
    FIX("net.ipv4.tcp_autocorking", "0 1"),
    FIX("net.ipv4.tcp_ecn_fallback", "1"),
    FIX("net.ipv4.tcp_min_snd_mss", "48"),
    FIX("net.ipv4.ip_no_pmtu_disc", "0"),
    /* Without effect: about pacing, which is off unless lastack.pacing is on; about super-segments,
     * of which only the parts are seen; about what is left to the machine. */
    KEPT("net.ipv4.tcp_pacing_ss_ratio", pacing_ss_ratio, 0, 1000),
    KEPT("net.ipv4.tcp_pacing_ca_ratio", pacing_ca_ratio, 0, 1000),
    KEPT("net.ipv4.tcp_tso_win_divisor", tso_win_divisor, 0, INT32_MAX),
};

#define LINES (sizeof(lines) / sizeof(lines[0]))

/* "/proc/sys/net/ipv4/tcp_sack" and "net/ipv4/tcp_sack" are net.ipv4.tcp_sack. */
static const struct line *find(const char *name)
{
    char plain[96];
    static const char proc[] = "/proc/sys/";
    if (strncmp(name, proc, sizeof(proc) - 1) == 0)
        name += sizeof(proc) - 1;
    size_t len = strlen(name);
    if (len >= sizeof(plain))
        return NULL;
    for (size_t i = 0; i <= len; i++)
        plain[i] = name[i] == '/' ? '.' : name[i];
    for (size_t i = 0; i < LINES; i++)
        if (strcmp(lines[i].name, plain) == 0)
            return &lines[i];
    return NULL;
}

/* ---- fields --------------------------------------------------------------------------------- */

/* The number that one of the words between blanks stands for, or -1. */
static int word_number(const char *words, const char *value)
{
    size_t len = strcspn(value, " \t\n");
    for (int n = 0; words && *words; n++) {
        size_t size = strcspn(words, " ");
        if (size == len && strncmp(words, value, len) == 0)
            return n;
        words += size;
        words += strspn(words, " ");
    }
    return -1;
}

static int write_word(const char *words, int64_t n, char *text, size_t size)
{
    while (n-- > 0) {
        words += strcspn(words, " ");
        words += strspn(words, " ");
    }
    return snprintf(text, size, "%.*s", (int)strcspn(words, " "), words);
}

static int put_number(struct px_settings *s, const struct line *l, const char *value)
{
    int64_t v = word_number(l->words, value);
    if (v >= 0) {
        field_put((uint8_t *)s + l->offset, l->width, v);
        return 0;
    }
    if (settings_number(value, l->least, l->most, &v) < 0)
        return -EINVAL;
    field_put((uint8_t *)s + l->offset, l->width, v * l->factor);
    return 0;
}

/* Linux keeps the rest when fewer than three are written. */
static int put_triple(struct px_settings *s, const struct line *l, const char *value)
{
    int64_t v[3];
    int n = settings_numbers(value, v, 3);
    if (n < 1)
        return -EINVAL;
    for (int i = 0; i < n; i++)
        if (v[i] < l->least || v[i] > l->most)
            return -EINVAL;
    uint32_t *to = (uint32_t *)(void *)((uint8_t *)s + l->offset);
    for (int i = 0; i < n; i++)
        to[i] = (uint32_t)v[i];
    return 0;
}

static int put_fixed(const struct line *l, const char *value)
{
    int64_t accepted[8], v;
    int n = settings_numbers(l->words, accepted, 8);
    if (settings_number(value, INT64_MIN, INT64_MAX, &v) < 0)
        return -EINVAL;
    for (int i = 0; i < n; i++)
        if (accepted[i] == v)
            return 0;
    return -EOPNOTSUPP;
}

static int put_line(struct px_settings *s, const struct line *l, const char *value)
{
    switch (l->form) {
    case NUMBER:
        return put_number(s, l, value);
    case TRIPLE:
        return put_triple(s, l, value);
    case FIXED:
        return put_fixed(l, value);
    case CODE:
        return l->put(s, value);
    }
    return -ENOENT;
}

/* ---- the calls ------------------------------------------------------------------------------ */

void settings_init(struct px_settings *s)
{
    *s = (struct px_settings){
        .rmem = {4096, 131072, 6291456},
        .wmem = {4096, 16384, 4194304},
        .rmem_max = 212992,
        .wmem_max = 212992,
        .somaxconn = 4096,
        .notsent_lowat = UINT32_MAX,
        .pacing_ss_ratio = 200,
        .pacing_ca_ratio = 120,
        .tso_win_divisor = 3,
        .max_syn_backlog = 4096,
    };
    la_config_init(&s->config);
    la_tcp_options_init(&s->options);
}

static bool same(const struct px_settings *a, const struct px_settings *b, const char *name)
{
    char before[128], after[128];
    (void)settings_get(a, name, before, sizeof(before));
    (void)settings_get(b, name, after, sizeof(after));
    return strcmp(before, after) == 0;
}

int settings_put(struct px_settings *s, const char *name, const char *value)
{
    const struct line *l = find(name);
    if (!l)
        return -ENOENT;
    if (!value)
        return -EINVAL;
    struct px_settings changed = *s;
    int err = put_line(&changed, l, value);
    if (err < 0)
        return err;
    if (l->early && s->stack_exists && !same(s, &changed, name))
        return -EBUSY;
    *s = changed;
    return 0;
}

int settings_get(const struct px_settings *s, const char *name, char *text, size_t size)
{
    const struct line *l = find(name);
    if (!l)
        return -ENOENT;
    const uint32_t *three;
    int64_t value;
    switch (l->form) {
    case NUMBER:
        value = field_get((const uint8_t *)s + l->offset, l->width);
        if (l->words)
            return write_word(l->words, value, text, size);
        return snprintf(text, size, "%lld", (long long)(value / l->factor));
    case TRIPLE:
        three = (const uint32_t *)(const void *)((const uint8_t *)s + l->offset);
        return snprintf(text, size, "%u\t%u\t%u", three[0], three[1], three[2]);
    case FIXED:
        return snprintf(text, size, "%.*s", (int)strcspn(l->words, " "), l->words);
    case CODE:
        return l->get(s, text, size);
    }
    return -ENOENT;
}

const char *settings_name(unsigned n)
{
    return n < LINES ? lines[n].name : NULL;
}
