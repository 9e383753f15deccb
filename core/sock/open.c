/* Opening and ending: bind, listen, accept, connect, shutdown, and the two names.
 *
 * POSIX allows a socket to be bound and then to listen or to connect, so a bound socket has a bound
 * handle, which turns into a listener or is consumed by a connection. Where POSIX leaves the order
 * of errors or the way back from a failure open, Linux's is taken. */
#include "sock/table.h"

#include <lastack/udp.h>

static struct la_endpoint wildcard(const struct sock *s)
{
    bool v6 = (s->flags & SOCK_V6) != 0;
    return (struct la_endpoint){.addr = v6 ? la_addr_any_v6() : la_addr_any_v4()};
}

int sock_family(const struct sock *s, const struct la_addr *addr)
{
    return (s->flags & SOCK_V6) || la_addr_is_v4(addr) ? LA_OK : LA_EAFNOSUPPORT;
}

/* A stream socket, or why not. */
static int stream_at(const struct la_sock_table *t, int fd, struct sock **s)
{
    *s = sock_at(t, fd);
    if (!*s) {
        return LA_EBADF;
    }
    return ((*s)->flags & SOCK_DGRAM) ? LA_EOPNOTSUPP : LA_OK;
}

/* The handle takes over from what the socket kept of its options. */
static void became(struct la_sock_table *t, struct sock *s, la_handle handle, enum sock_role role)
{
    s->handle = handle;
    s->role = (uint8_t)role;
    if (!(s->flags & SOCK_DGRAM)) {
        sock_extra_drop(t, s);
    }
    sock_announce(t, s);
}

/* ---- what became of a connection ------------------------------------------------------------ */

/* Did the connection that is broken ever come about? Then the peer's SYN was received. */
static bool came_about(const struct la_sock_table *t, const struct sock *s)
{
    struct la_tcp_info info;
    return la_tcp_info(t->stack, s->handle, &info) == LA_OK && info.rcv_nxt != info.irs;
}

enum sock_role sock_role(struct la_sock_table *t, struct sock *s)
{
    if (s->role == SOCK_CONNECTING) {
        int ready = la_stack_ready(t->stack, s->handle);
        if (ready < 0 || (ready & LA_EV_ERROR)) {
            s->role = came_about(t, s) ? SOCK_CONNECTED : SOCK_FAILED;
        } else if (ready & LA_EV_CONNECTED) {
            s->role = SOCK_CONNECTED;
        }
    }
    return (enum sock_role)s->role;
}

int sock_take_error(struct la_sock_table *t, struct sock *s)
{
    struct la_tcp_info info;
    if ((s->flags & SOCK_TOLD) || la_tcp_info(t->stack, s->handle, &info) < 0 || !info.error) {
        return LA_OK;
    }
    s->flags |= SOCK_TOLD;
    return info.error;
}

/* ---- bind ----------------------------------------------------------------------------------- */

static int bind_stream(struct la_sock_table *t, struct sock *s, const struct la_endpoint *local)
{
    struct la_tcp_options options;
    la_handle handle;
    int err = sock_options(t, s, &options);
    if (err == LA_OK && options.v6_only && la_addr_is_v4(&local->addr)) {
        err = LA_EINVAL;
    }
    if (err == LA_OK) {
        err = la_tcp_bind(t->stack, local, &options, &handle);
    }
    if (err == LA_OK) {
        became(t, s, handle, SOCK_BOUND);
    }
    return err;
}

static int bind_datagram(struct la_sock_table *t, struct sock *s, const struct la_endpoint *local)
{
    la_handle handle;
    int err = la_udp_open(t->stack, local, &handle);
    if (err == LA_OK) {
        became(t, s, handle, SOCK_BOUND);
    }
    return err;
}

int sock_need_port(struct la_sock_table *t, struct sock *s)
{
    const struct la_endpoint any = wildcard(s);
    return s->role == SOCK_FRESH ? bind_datagram(t, s, &any) : LA_OK;
}

int la_bind(struct la_sock_table *t, int fd, const struct la_endpoint *local)
{
    struct sock *s = sock_at(t, fd);
    if (!s) {
        return LA_EBADF;
    }
    if (!local || s->role != SOCK_FRESH) {
        return LA_EINVAL;
    }
    int err = sock_family(s, &local->addr);
    if (err == LA_OK) {
        err = (s->flags & SOCK_DGRAM) ? bind_datagram(t, s, local) : bind_stream(t, s, local);
    }
    if (err == LA_OK) {
        const struct la_endpoint any = wildcard(s);
        s->flags &= (uint16_t) ~(SOCK_HAS_ADDR | SOCK_HAS_PORT);
        s->flags |= la_addr_equal(&local->addr, &any.addr) ? 0 : SOCK_HAS_ADDR;
        s->flags |= local->port ? SOCK_HAS_PORT : 0;
    }
    return err;
}

/* Back to where the socket stood before it listened or tried to connect: bound to what
 * la_bind() named, or to nothing; the options stay. */
static int stand_back(struct la_sock_table *t, struct sock *s)
{
    struct la_tcp_options options;
    struct la_endpoint local = wildcard(s);
    struct la_endpoint was = local;
    if (sock_options(t, s, &options) == LA_OK && la_tcp_local(t->stack, s->handle, &was) == LA_OK) {
        union sock_extra *extra = sock_extra(t, s);
        if (!extra) {
            return LA_ENOBUFS;
        }
        extra->options = options;
    }
    (void)la_tcp_close(t->stack, s->handle);
    s->handle = 0;
    s->role = SOCK_FRESH;
    s->flags &= (uint16_t) ~(SOCK_TOLD | SOCK_SHUT_RD | SOCK_SHUT_WR);
    if (s->flags & SOCK_HAS_ADDR) {
        local.addr = was.addr;
        local.scope = was.scope;
    }
    if (s->flags & SOCK_HAS_PORT) {
        local.port = was.port;
    }
    return (s->flags & (SOCK_HAS_ADDR | SOCK_HAS_PORT)) ? bind_stream(t, s, &local) : LA_OK;
}

/* ---- listen, accept ------------------------------------------------------------------------- */

int la_listen(struct la_sock_table *t, int fd, int backlog)
{
    struct la_tcp_options options;
    struct sock *s;
    int err = stream_at(t, fd, &s);
    if (err < 0) {
        return err;
    }
    if (s->role != SOCK_FRESH && s->role != SOCK_BOUND && s->role != SOCK_LISTENING) {
        return LA_EINVAL;
    }
    if (s->role == SOCK_FRESH) {
        const struct la_endpoint any = wildcard(s);
        err = bind_stream(t, s, &any);
    }
    if (err == LA_OK) {
        err = sock_options(t, s, &options);
    }
    if (err == LA_OK) {
        int wait = backlog < 1 ? 1 : backlog < LA_SOMAXCONN ? backlog : LA_SOMAXCONN;
        options.backlog = (uint32_t)wait;
        err = la_tcp_set_options(t->stack, s->handle, &options);
    }
    if (err == LA_OK && s->role == SOCK_BOUND) {
        err = la_tcp_listen_bound(t->stack, s->handle);
        s->role = err == LA_OK ? SOCK_LISTENING : SOCK_BOUND;
    }
    return err;
}

int la_accept(struct la_sock_table *t, int fd, struct la_endpoint *remote)
{
    struct la_tcp_info info;
    struct sock *listener;
    la_handle handle;
    int err = stream_at(t, fd, &listener);
    if (err < 0) {
        return err;
    }
    if (listener->role != SOCK_LISTENING) {
        return LA_EINVAL;
    }
    int accepted = sock_free_fd(t);
    if (accepted < 0) {
        return accepted;
    }
    err = la_tcp_accept(t->stack, listener->handle, &handle);
    if (err < 0) {
        return err;
    }
    uint16_t flags = listener->flags & (SOCK_V6 | SOCK_REUSE | SOCK_V6ONLY);
    struct sock *s = sock_take(t, accepted, SOCK_FRESH, flags);
    became(t, s, handle, SOCK_CONNECTED);
    if (remote && la_tcp_info(t->stack, handle, &info) == LA_OK) {
        *remote = info.remote;
    }
    return accepted;
}

/* ---- connect -------------------------------------------------------------------------------- */

/* LA_OK: the SYN waits for data (Fast Open); LA_EINPROGRESS: it is on its way. */
static int connect_with(struct la_sock_table *t, struct sock *s, const struct la_endpoint *remote,
                        const struct la_tcp_options *options)
{
    la_handle handle;
    int err = LA_OK;
    if (options->v6_only && la_addr_is_v4(&remote->addr)) {
        return LA_ENETUNREACH; /* RFC 3493 5.3 */
    }
    if (s->role == SOCK_BOUND) {
        err = la_tcp_set_options(t->stack, s->handle, options);
        err = err < 0 ? err : la_tcp_open_bound(t->stack, s->handle, remote, &handle);
    } else {
        err = la_tcp_open(t->stack, NULL, remote, options, &handle);
    }
    if (err < 0) {
        return err;
    }
    became(t, s, handle, SOCK_CONNECTING);
    struct la_tcp_info info;
    if (options->fastopen && la_tcp_info(t->stack, handle, &info) == LA_OK && info.syn_waits) {
        s->role = SOCK_WAITING;
        return LA_OK;
    }
    return LA_EINPROGRESS;
}

int64_t sock_fast_open(struct la_sock_table *t, struct sock *s, const void *data, size_t len,
                       uint32_t how, const struct la_endpoint *to)
{
    struct la_tcp_options options;
    int err = sock_client_fastopen(t) ? LA_OK : LA_EOPNOTSUPP;
    if (err == LA_OK) {
        err = to ? sock_family(s, &to->addr) : LA_EINVAL;
    }
    if (err == LA_OK) {
        err = sock_options(t, s, &options);
    }
    if (err < 0) {
        return err;
    }
    options.fastopen = true;
    err = connect_with(t, s, to, &options);
    if (err < 0) {
        return err; /* LA_EINPROGRESS: the SYN asks for a cookie, or goes plain */
    }
    s->role = SOCK_CONNECTING;
    return la_tcp_send(t->stack, s->handle, data, len, how);
}

static int connect_stream(struct la_sock_table *t, struct sock *s, const struct la_endpoint *remote)
{
    struct la_tcp_options options;
    int err = sock_options(t, s, &options);
    return err < 0 ? err : connect_with(t, s, remote, &options);
}

static int connect_datagram(struct la_sock_table *t, struct sock *s,
                            const struct la_endpoint *remote)
{
    bool connected = s->extra != 0;
    union sock_extra *extra = sock_extra(t, s);
    if (!extra) {
        return LA_ENOBUFS;
    }
    int err = sock_need_port(t, s);
    if (err == LA_OK) {
        err = la_udp_connect(t->stack, s->handle, remote);
    }
    if (err == LA_OK && remote->port != 0) {
        extra->peer = *remote;
    } else if (err == LA_OK || !connected) {
        sock_extra_drop(t, s);
    }
    return err;
}

int la_connect(struct la_sock_table *t, int fd, const struct la_endpoint *remote)
{
    struct sock *s = sock_at(t, fd);
    if (!s) {
        return LA_EBADF;
    }
    int err = remote ? sock_family(s, &remote->addr) : LA_EINVAL;
    if (err < 0) {
        return err;
    }
    if (s->flags & SOCK_DGRAM) {
        return connect_datagram(t, s, remote);
    }
    switch (sock_role(t, s)) {
    case SOCK_CONNECTING:
        return LA_EALREADY;
    case SOCK_CONNECTED:
        return LA_EISCONN;
    case SOCK_LISTENING:
        return LA_EOPNOTSUPP;
    case SOCK_FAILED:
        err = sock_take_error(t, s);
        (void)stand_back(t, s); /* at worst the next call says the same again */
        return err ? err : LA_ECONNABORTED;
    case SOCK_WAITING:
        return LA_EISCONN;
    default:
        return connect_stream(t, s, remote);
    }
}

/* ---- shutdown ------------------------------------------------------------------------------- */

static int shutdown_datagram(struct sock *s, uint8_t bits)
{
    if (s->extra == 0) {
        return LA_ENOTCONN;
    }
    s->flags |= bits;
    return LA_OK;
}

static int shutdown_connection(struct la_sock_table *t, struct sock *s, uint8_t bits)
{
    int ready = la_stack_ready(t->stack, s->handle);
    if (ready < 0 || (ready & LA_EV_ERROR)) {
        int err = sock_take_error(t, s);
        return err ? err : LA_ENOTCONN;
    }
    int err = (bits & SOCK_SHUT_WR) ? la_tcp_shutdown(t->stack, s->handle) : LA_OK;
    if (err == LA_OK) {
        s->flags |= bits;
    }
    return err;
}

int la_shutdown(struct la_sock_table *t, int fd, int how)
{
    static const uint8_t bits[] = {
        [LA_SHUT_RD] = SOCK_SHUT_RD,
        [LA_SHUT_WR] = SOCK_SHUT_WR,
        [LA_SHUT_RDWR] = SOCK_SHUT_RD | SOCK_SHUT_WR,
    };
    struct sock *s = sock_at(t, fd);
    if (!s) {
        return LA_EBADF;
    }
    if (how < LA_SHUT_RD || how > LA_SHUT_RDWR) {
        return LA_EINVAL;
    }
    if (s->flags & SOCK_DGRAM) {
        return shutdown_datagram(s, bits[how]);
    }
    switch (sock_role(t, s)) {
    case SOCK_WAITING: /* the SYN goes without data, the FIN behind it */
        s->role = SOCK_CONNECTING;
        return shutdown_connection(t, s, bits[how]);
    case SOCK_CONNECTED:
        return shutdown_connection(t, s, bits[how]);
    case SOCK_LISTENING:
        return how == LA_SHUT_WR ? LA_OK : stand_back(t, s);
    case SOCK_CONNECTING:
        return stand_back(t, s);
    default:
        return LA_ENOTCONN;
    }
}

/* ---- names ---------------------------------------------------------------------------------- */

int la_getsockname(struct la_sock_table *t, int fd, struct la_endpoint *local)
{
    const struct sock *s = sock_at(t, fd);
    if (!s) {
        return LA_EBADF;
    }
    if (!local) {
        return LA_EINVAL;
    }
    *local = wildcard(s);
    if (!s->handle) {
        return LA_OK;
    }
    return (s->flags & SOCK_DGRAM) ? la_udp_local(t->stack, s->handle, local)
                                   : la_tcp_local(t->stack, s->handle, local);
}

int la_getpeername(struct la_sock_table *t, int fd, struct la_endpoint *remote)
{
    struct la_tcp_info info;
    struct sock *s = sock_at(t, fd);
    if (!s) {
        return LA_EBADF;
    }
    if (!remote) {
        return LA_EINVAL;
    }
    if (s->flags & SOCK_DGRAM) {
        if (s->extra == 0) {
            return LA_ENOTCONN;
        }
        *remote = t->extras[s->extra].peer;
        return LA_OK;
    }
    enum sock_role role = sock_role(t, s);
    if ((role != SOCK_CONNECTED && role != SOCK_WAITING) ||
        la_tcp_info(t->stack, s->handle, &info) < 0 || info.state == LA_TCP_CLOSED) {
        return LA_ENOTCONN;
    }
    *remote = info.remote;
    return LA_OK;
}
