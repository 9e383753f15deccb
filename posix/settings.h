/* Settings by Linux's names: a table says what each sets, in the options that new sockets begin
 * with, in the configuration of the stack, or in what this folder does itself. */
#ifndef POSIX_SETTINGS_H
#define POSIX_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include <lastack/stack.h>
#include <lastack/tcp.h>

struct px_settings {
    struct la_config config;       /* until the stack exists */
    struct la_tcp_options options; /* what stream sockets begin with */
    uint32_t rmem[3], wmem[3];     /* least, default, most, as Linux counts */
    uint32_t rmem_max, wmem_max;   /* of SO_RCVBUF and SO_SNDBUF */
    uint32_t somaxconn;
    uint32_t max_syn_backlog;
    uint32_t notsent_lowat; /* of sockets that have none of their own; all bits: no bound */
    uint32_t pacing_ss_ratio, pacing_ca_ratio, tso_win_divisor;
    uint32_t mtu;       /* of the link: the host follows it */
    bool link_discards; /* the link loses all that is sent */
    bool stack_exists;
};

void settings_init(struct px_settings *s);

/* As px_setting(), px_setting_get(). */
int settings_put(struct px_settings *s, const char *name, const char *value);
int settings_get(const struct px_settings *s, const char *name, char *text, size_t size);
/* Keys of Fast Open as tcp_fastopen_key has them: 0 or -EINVAL. */
int settings_key(struct px_settings *s, const char *value);
const char *settings_name(unsigned n);

#endif
