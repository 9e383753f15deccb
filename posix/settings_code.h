/* Settings that are more than a number in a field: how each is put and read. `put` returns 0 or
 * -errno, `get` the length of what it wrote, as snprintf() does. */
#ifndef POSIX_SETTINGS_CODE_H
#define POSIX_SETTINGS_CODE_H

#include "posix/settings.h"

/* Reads up to `max` numbers between blanks; how many, or -EINVAL. */
int settings_numbers(const char *text, int64_t *out, int max);
/* One number in a range: 0 or -EINVAL. */
int settings_number(const char *text, int64_t least, int64_t most, int64_t *out);

int setting_put_available(struct px_settings *s, const char *value);
int setting_get_available(const struct px_settings *s, char *text, size_t size);
int setting_put_congestion(struct px_settings *s, const char *value);
int setting_get_congestion(const struct px_settings *s, char *text, size_t size);
int setting_put_cookies(struct px_settings *s, const char *value);
int setting_get_cookies(const struct px_settings *s, char *text, size_t size);
int setting_put_early_retrans(struct px_settings *s, const char *value);
int setting_get_early_retrans(const struct px_settings *s, char *text, size_t size);
int setting_put_ecn(struct px_settings *s, const char *value);
int setting_get_ecn(const struct px_settings *s, char *text, size_t size);
int setting_put_frto(struct px_settings *s, const char *value);
int setting_get_frto(const struct px_settings *s, char *text, size_t size);
int setting_put_key(struct px_settings *s, const char *value);
int setting_get_key(const struct px_settings *s, char *text, size_t size);
int setting_put_min_tso(struct px_settings *s, const char *value);
int setting_get_min_tso(const struct px_settings *s, char *text, size_t size);
int setting_put_mtu_probing(struct px_settings *s, const char *value);
int setting_get_mtu_probing(const struct px_settings *s, char *text, size_t size);
int setting_put_ports(struct px_settings *s, const char *value);
int setting_get_ports(const struct px_settings *s, char *text, size_t size);
int setting_put_route_advmss(struct px_settings *s, const char *value);
int setting_get_route_advmss(const struct px_settings *s, char *text, size_t size);
int setting_put_route_flush(struct px_settings *s, const char *value);
int setting_get_route_flush(const struct px_settings *s, char *text, size_t size);
int setting_put_route_mtu(struct px_settings *s, const char *value);
int setting_get_route_mtu(const struct px_settings *s, char *text, size_t size);
int setting_put_route_rto_min(struct px_settings *s, const char *value);
int setting_get_route_rto_min(const struct px_settings *s, char *text, size_t size);

#endif
