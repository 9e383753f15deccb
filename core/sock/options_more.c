/* Options that are no field of la_tcp_options: congestion control by name, quick ACKs, questions;
 * and all fields at once. */
#include "sock/table.h"

#include "base/mem.h"

/* TCP_CONGESTION: a name of `len` characters, ended by a zero or not. */
int sock_set_congestion(struct la_sock_table *t, struct sock *s, const void *value, size_t len)
{
    struct la_tcp_options options;
    char name[SOCK_CC_NAME_MAX];
    if (!value || len == 0) {
        return LA_EINVAL;
    }
    len = len < sizeof(name) ? len : sizeof(name) - 1;
    mem_copy(name, value, len);
    name[len] = 0;
    int cc = la_cc_find(name);
    int err = cc < 0 ? LA_ENOENT : sock_options(t, s, &options);
    if (err < 0) {
        return err;
    }
    options.cc = (uint8_t)cc;
    return sock_store_options(t, s, &options);
}

int sock_set_quick_ack(struct la_sock_table *t, struct sock *s, int on)
{
    if (sock_role(t, s) != SOCK_CONNECTED) {
        return LA_OK; /* as Linux: nothing to acknowledge yet */
    }
    int was = la_tcp_quick_ack(t->stack, s->handle, on != 0);
    return was < 0 ? was : LA_OK;
}

/* Questions about a stream that are no field. */
int sock_get_tcp(struct la_sock_table *t, struct sock *s, int name, int *value)
{
    struct la_tcp_info info = {0};
    if ((s->flags & SOCK_DGRAM) || (name != LA_TCP_QUICKACK && name != LA_TCP_INQ)) {
        return LA_ENOPROTOOPT;
    }
    enum sock_role role = sock_role(t, s);
    bool connected = role == SOCK_CONNECTED || role == SOCK_FAILED;
    if (name == LA_TCP_QUICKACK) {
        *value = connected ? la_tcp_quick_ack(t->stack, s->handle, -1) : 1;
        return *value < 0 ? *value : LA_OK;
    }
    if (connected) {
        (void)la_tcp_info(t->stack, s->handle, &info);
    }
    bool end = info.rcv_queued == 0 && connected &&
               (la_stack_ready(t->stack, s->handle) & LA_EV_PEER_CLOSED);
    *value = end ? 1 : (int)info.rcv_queued;
    return LA_OK;
}

int sock_get_congestion(const struct la_sock_table *t, const struct sock *s,
                        char name[SOCK_CC_NAME_MAX])
{
    struct la_tcp_options options;
    int err = sock_options(t, s, &options);
    mem_zero(name, SOCK_CC_NAME_MAX);
    const char *from = err == LA_OK ? la_cc_name(options.cc) : "";
    for (size_t i = 0; i + 1 < SOCK_CC_NAME_MAX && from[i]; i++) {
        name[i] = from[i];
    }
    return err;
}

bool sock_client_fastopen(const struct la_sock_table *t)
{
    struct la_persona p;
    la_stack_persona(t->stack, &p);
    return (p.fastopen & LA_FASTOPEN_CLIENT) != 0;
}

/* ---- all of them ---------------------------------------------------------------------------- */

static int stream_options(const struct la_sock_table *t, int fd, struct sock **s)
{
    *s = sock_at(t, fd);
    if (!*s) {
        return LA_EBADF;
    }
    return ((*s)->flags & SOCK_DGRAM) ? LA_EOPNOTSUPP : LA_OK;
}

int la_sock_get_options(struct la_sock_table *t, int fd, struct la_tcp_options *options)
{
    struct sock *s;
    int err = stream_options(t, fd, &s);
    return err < 0 ? err : sock_options(t, s, options);
}

int la_sock_set_options(struct la_sock_table *t, int fd, const struct la_tcp_options *options)
{
    struct sock *s;
    int err = stream_options(t, fd, &s);
    if (err == LA_OK && !la_cc_name(options->cc)) {
        err = LA_EINVAL;
    }
    return err < 0 ? err : sock_store_options(t, s, options);
}

int la_sock_set_defaults(struct la_sock_table *t, const struct la_tcp_options *options)
{
    if (!la_cc_name(options->cc)) {
        return LA_EINVAL;
    }
    t->defaults = *options;
    return LA_OK;
}
