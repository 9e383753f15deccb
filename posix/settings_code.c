/* Settings that are more than a number in a field, see settings_code.h. */
#include "posix/settings_code.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- reading numbers ------------------------------------------------------------------------ */

int settings_numbers(const char *text, int64_t *out, int max)
{
    int n = 0;
    text += strspn(text, " \t\n");
    while (*text) {
        char *end;
        errno = 0;
        int64_t v = strtoll(text, &end, 0);
        if (end == text || errno || n == max || !strchr(" \t\n", *end))
            return -EINVAL;
        out[n++] = v;
        text = end + strspn(end, " \t\n");
    }
    return n;
}

int settings_number(const char *text, int64_t least, int64_t most, int64_t *out)
{
    if (settings_numbers(text, out, 1) != 1 || *out < least || *out > most)
        return -EINVAL;
    return 0;
}

/* ---- those with code ------------------------------------------------------------------------ */

int setting_put_congestion(struct px_settings *s, const char *value)
{
    char name[32];
    if (sscanf(value, " %31s", name) != 1)
        return -EINVAL;
    int n = la_cc_find(name);
    if (n < 0)
        return -ENOENT; /* as Linux says it of a module that it does not find */
    s->options.cc = (uint8_t)n;
    return 0;
}

int setting_get_congestion(const struct px_settings *s, char *text, size_t size)
{
    return snprintf(text, size, "%s", la_cc_name(s->options.cc));
}

int setting_get_available(const struct px_settings *s, char *text, size_t size)
{
    size_t at = 0;
    (void)s;
    for (unsigned i = 0; la_cc_name(i); i++) {
        int n = snprintf(text + at, size - at, "%s%s", i ? " " : "", la_cc_name(i));
        if (n < 0 || (size_t)n >= size - at)
            break;
        at += (size_t)n;
    }
    return (int)at;
}

int setting_put_available(struct px_settings *s, const char *value)
{
    (void)s, (void)value;
    return -EPERM;
}

/* Linux: 0 off, 1 asks and accepts, 2 accepts, 3 to 5 the same with accurate ECN. */
int setting_put_ecn(struct px_settings *s, const char *value)
{
    static const uint8_t meant[] = {LA_ECN_OFF, LA_ECN_CLASSIC, LA_ECN_PASSIVE, LA_ECN_ACCURATE};
    int64_t v;
    if (settings_number(value, 0, 5, &v) < 0)
        return -EINVAL;
    if (v > 3)
        return -EOPNOTSUPP;
    s->options.ecn = meant[v];
    return 0;
}

int setting_get_ecn(const struct px_settings *s, char *text, size_t size)
{
    static const char *const meant[] = {[LA_ECN_OFF] = "0",
                                        [LA_ECN_PASSIVE] = "2",
                                        [LA_ECN_CLASSIC] = "1",
                                        [LA_ECN_ACCURATE] = "3"};
    return snprintf(text, size, "%s", meant[s->options.ecn]);
}

int setting_put_cookies(struct px_settings *s, const char *value)
{
    static const uint8_t meant[] = {LA_COOKIES_NEVER, LA_COOKIES_AUTO, LA_COOKIES_ALWAYS};
    int64_t v;
    if (settings_number(value, 0, 2, &v) < 0)
        return -EINVAL;
    s->options.cookies = meant[v];
    return 0;
}

int setting_get_cookies(const struct px_settings *s, char *text, size_t size)
{
    static const char *const meant[] = {
        [LA_COOKIES_NEVER] = "0", [LA_COOKIES_AUTO] = "1", [LA_COOKIES_ALWAYS] = "2"};
    return snprintf(text, size, "%s",
                    s->options.cookies <= LA_COOKIES_NEVER ? meant[s->options.cookies] : "1");
}

/* Linux: 0 never, 1 after a black hole was found, 2 always; the stack knows off and on. */
int setting_put_mtu_probing(struct px_settings *s, const char *value)
{
    int64_t v;
    if (settings_number(value, 0, 2, &v) < 0)
        return -EINVAL;
    s->options.mtu_probing = v != 0;
    return 0;
}

int setting_get_mtu_probing(const struct px_settings *s, char *text, size_t size)
{
    return snprintf(text, size, "%d", s->options.mtu_probing ? 1 : 0);
}

/* Linux: 0 off, 3 and 4 on; 1 and 2 are of before RFC 8985. */
int setting_put_early_retrans(struct px_settings *s, const char *value)
{
    int64_t v;
    if (settings_number(value, 0, 4, &v) < 0)
        return -EINVAL;
    if (v == 1 || v == 2)
        return -EOPNOTSUPP;
    s->config.persona.tlp = v != 0;
    return 0;
}

int setting_get_early_retrans(const struct px_settings *s, char *text, size_t size)
{
    return snprintf(text, size, "%d", s->config.persona.tlp ? 3 : 0);
}

/* Super-segments sized as Linux does it, or as the link takes them. */
int setting_put_min_tso(struct px_settings *s, const char *value)
{
    int64_t v;
    if (settings_number(value, 1, 65535, &v) < 0)
        return -EINVAL;
    s->config.persona.burst_segs = (uint16_t)v;
    return 0;
}

int setting_get_min_tso(const struct px_settings *s, char *text, size_t size)
{
    unsigned segs = s->config.persona.burst_segs;
    return snprintf(text, size, "%u", segs ? segs : 2);
}

int setting_put_frto(struct px_settings *s, const char *value)
{
    int64_t v;
    if (settings_number(value, 0, 2, &v) < 0)
        return -EINVAL;
    s->config.persona.frto = v != 0;
    return 0;
}

int setting_get_frto(const struct px_settings *s, char *text, size_t size)
{
    return snprintf(text, size, "%d", s->config.persona.frto ? 2 : 0);
}

/* ---- keys of Fast Open ---------------------------------------------------------------------- */

/* "a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4": four words, the least significant byte first. */
static bool read_key(const char *text, uint8_t key[16])
{
    unsigned words[4];
    int end = 0;
    if (sscanf(text, " %8x-%8x-%8x-%8x%n", &words[0], &words[1], &words[2], &words[3], &end) != 4 ||
        end == 0 || !strchr(" ,\n", text[end]))
        return false;
    for (unsigned i = 0; i < 16; i++)
        key[i] = (uint8_t)(words[i / 4] >> 8 * (i % 4));
    return true;
}

int settings_key(struct px_settings *s, const char *value)
{
    struct la_persona *p = &s->config.persona;
    const char *second = strchr(value, ',');
    if (!read_key(value, p->fastopen_key[0]))
        return -EINVAL;
    if (second && !read_key(second + 1, p->fastopen_key[1]))
        return -EINVAL;
    p->fastopen_keys = second ? 2 : 1;
    return 0;
}

static int write_key(const uint8_t *key, char *text, size_t size)
{
    uint32_t words[4] = {0};
    for (unsigned i = 0; i < 16; i++)
        words[i / 4] |= (uint32_t)key[i] << 8 * (i % 4);
    return snprintf(text, size, "%08x-%08x-%08x-%08x", words[0], words[1], words[2], words[3]);
}

int setting_put_key(struct px_settings *s, const char *value)
{
    static const char none[] = "00000000-00000000-00000000-00000000";
    if (strcmp(value, none) == 0) { /* as it reads when nobody set one */
        s->config.persona.fastopen_keys = 0;
        return 0;
    }
    return settings_key(s, value);
}

int setting_get_key(const struct px_settings *s, char *text, size_t size)
{
    static const uint8_t none[16];
    const struct la_persona *p = &s->config.persona;
    int n = write_key(p->fastopen_keys ? p->fastopen_key[0] : none, text, size);
    if (p->fastopen_keys == 2 && n > 0 && (size_t)n + 1 < size) {
        text[n++] = ',';
        n += write_key(p->fastopen_key[1], text + n, size - (size_t)n);
    }
    return n;
}

int setting_put_ports(struct px_settings *s, const char *value)
{
    int64_t v[2];
    if (settings_numbers(value, v, 2) != 2 || v[0] < 1 || v[1] > UINT16_MAX || v[0] > v[1])
        return -EINVAL;
    s->config.port_first = (uint16_t)v[0];
    s->config.port_last = (uint16_t)v[1];
    return 0;
}

int setting_get_ports(const struct px_settings *s, char *text, size_t size)
{
    return snprintf(text, size, "%u\t%u", s->config.port_first, s->config.port_last);
}

/* ---- the route and the link ----------------------------------------------------------------- */

/* The route's MTU and the MSS that is announced over it can only be the link's own. */
int setting_put_route_mtu(struct px_settings *s, const char *value)
{
    int64_t v;
    if (settings_number(value, 68, 65535, &v) < 0)
        return -EINVAL;
    return v == s->mtu ? 0 : -EOPNOTSUPP;
}

int setting_get_route_mtu(const struct px_settings *s, char *text, size_t size)
{
    return snprintf(text, size, "%u", s->mtu);
}

int setting_put_route_advmss(struct px_settings *s, const char *value)
{
    int64_t v;
    if (settings_number(value, 48, 65535, &v) < 0)
        return -EINVAL;
    return v == s->mtu - 40 || v == s->mtu - 60 ? 0 : -EOPNOTSUPP;
}

int setting_get_route_advmss(const struct px_settings *s, char *text, size_t size)
{
    return snprintf(text, size, "%u", s->mtu - 40);
}

/* "250ms", or a number of milliseconds. */
int setting_put_route_rto_min(struct px_settings *s, const char *value)
{
    unsigned ms = 0;
    int end = 0;
    if (sscanf(value, " %5ums%n", &ms, &end) < 1 || ms < 1 || ms > 60000 ||
        (end != 0 && value[end] != '\0'))
        return -EINVAL;
    s->options.rto_min_ms = ms;
    return 0;
}

int setting_get_route_rto_min(const struct px_settings *s, char *text, size_t size)
{
    return snprintf(text, size, "%ums", s->options.rto_min_ms);
}

/* Nothing is remembered of paths that a new connection would profit from. */
int setting_put_route_flush(struct px_settings *s, const char *value)
{
    (void)s, (void)value;
    return 0;
}

int setting_get_route_flush(const struct px_settings *s, char *text, size_t size)
{
    (void)s;
    return snprintf(text, size, "1");
}
