/* Sending and receiving, and the questions about the queues.
 *
 * The stack's handle of a broken connection says its error for ever; a socket says it once, then
 * receiving finds the end and sending finds LA_EPIPE, as POSIX programs expect. */
#include "sock/table.h"

#include <lastack/udp.h>

#define SEND_FLAGS \
    (LA_MSG_OOB | LA_MSG_DONTWAIT | LA_MSG_NOSIGNAL | LA_MSG_MORE | LA_MSG_EOR | LA_MSG_FASTOPEN)
#define RECV_FLAGS (LA_MSG_PEEK | LA_MSG_TRUNC | LA_MSG_DONTWAIT | LA_MSG_NOSIGNAL)

/* ---- stream --------------------------------------------------------------------------------- */

static int64_t send_stream(struct la_sock_table *t, struct sock *s, const void *data, size_t len,
                           int flags, const struct la_endpoint *to)
{
    enum sock_role role = sock_role(t, s);
    uint32_t how = ((flags & LA_MSG_MORE) ? LA_SEND_MORE : 0U) |
                   ((flags & LA_MSG_OOB) ? LA_SEND_URGENT : 0U) |
                   ((flags & LA_MSG_EOR) ? LA_SEND_RECORD : 0U);
    if (role == SOCK_CONNECTING) {
        return (flags & LA_MSG_FASTOPEN) ? LA_EALREADY : LA_EAGAIN;
    }
    if ((flags & LA_MSG_FASTOPEN) && (role == SOCK_FRESH || role == SOCK_BOUND)) {
        return sock_fast_open(t, s, data, len, how, to);
    }
    if (role == SOCK_WAITING) {
        s->role = SOCK_CONNECTING;
        return la_tcp_send(t->stack, s->handle, data, len, how);
    }
    if (role != SOCK_CONNECTED && role != SOCK_FAILED) {
        return LA_ENOTCONN;
    }
    int64_t sent = la_tcp_send(t->stack, s->handle, data, len, how);
    if (sent >= 0 || sent == LA_EAGAIN || sent == LA_ENOBUFS) {
        return sent;
    }
    int err = sock_take_error(t, s);
    return err ? err : LA_EPIPE;
}

static int64_t recv_stream(struct la_sock_table *t, struct sock *s, void *data, size_t len,
                           int flags)
{
    enum sock_role role = sock_role(t, s);
    if (role == SOCK_CONNECTING || role == SOCK_WAITING) {
        return LA_EAGAIN;
    }
    if (role != SOCK_CONNECTED && role != SOCK_FAILED) {
        return LA_ENOTCONN;
    }
    uint32_t how = (flags & LA_MSG_PEEK) ? LA_RECV_PEEK : 0U;
    int64_t got = la_tcp_recv(t->stack, s->handle, data, len, how);
    if (got >= 0) {
        return got;
    }
    if (got == LA_EAGAIN) {
        return (s->flags & SOCK_SHUT_RD) ? 0 : LA_EAGAIN;
    }
    return sock_take_error(t, s);
}

/* ---- datagram ------------------------------------------------------------------------------- */

static int64_t send_datagram(struct la_sock_table *t, struct sock *s, const void *data, size_t len,
                             int flags, const struct la_endpoint *to)
{
    if (flags & (LA_MSG_OOB | LA_MSG_MORE | LA_MSG_EOR | LA_MSG_FASTOPEN)) {
        return LA_EOPNOTSUPP;
    }
    if (s->flags & SOCK_SHUT_WR) {
        return LA_EPIPE;
    }
    if (!to && s->extra == 0) {
        return LA_ENOTCONN;
    }
    if (!to) {
        to = &t->extras[s->extra].peer;
    }
    int err = sock_family(s, &to->addr);
    if (err == LA_OK) {
        err = sock_need_port(t, s);
    }
    return err < 0 ? err : la_udp_send(t->stack, s->handle, to, data, len);
}

static int64_t recv_datagram(struct la_sock_table *t, struct sock *s, void *data, size_t len,
                             int flags, struct la_endpoint *from)
{
    if (flags & LA_MSG_PEEK) {
        return LA_EOPNOTSUPP;
    }
    int64_t whole =
        s->handle ? la_udp_recv(t->stack, s->handle, from, data, len) : (int64_t)LA_EAGAIN;
    if (whole == LA_EAGAIN && (s->flags & SOCK_SHUT_RD)) {
        return 0;
    }
    bool cut = whole >= 0 && (uint64_t)whole > len && !(flags & LA_MSG_TRUNC);
    return cut ? (int64_t)len : whole;
}

/* ---- the calls ------------------------------------------------------------------------------ */

int64_t la_sendto(struct la_sock_table *t, int fd, const void *data, size_t len, int flags,
                  const struct la_endpoint *to)
{
    struct sock *s = sock_at(t, fd);
    if (!s) {
        return LA_EBADF;
    }
    if (flags & ~SEND_FLAGS) {
        return LA_EOPNOTSUPP;
    }
    if (!data && len != 0) {
        return LA_EINVAL;
    }
    return (s->flags & SOCK_DGRAM) ? send_datagram(t, s, data, len, flags, to)
                                   : send_stream(t, s, data, len, flags, to);
}

int64_t la_send(struct la_sock_table *t, int fd, const void *data, size_t len, int flags)
{
    return la_sendto(t, fd, data, len, flags, NULL);
}

int64_t la_recvfrom(struct la_sock_table *t, int fd, void *data, size_t len, int flags,
                    struct la_endpoint *from)
{
    struct sock *s = sock_at(t, fd);
    if (!s) {
        return LA_EBADF;
    }
    if ((flags & LA_MSG_OOB) || (!data && len != 0)) {
        return LA_EINVAL;
    }
    if (flags & ~RECV_FLAGS) {
        return LA_EOPNOTSUPP;
    }
    if (s->flags & SOCK_DGRAM) {
        return recv_datagram(t, s, data, len, flags, from);
    }
    return (flags & LA_MSG_TRUNC) ? (int64_t)LA_EOPNOTSUPP : recv_stream(t, s, data, len, flags);
}

int64_t la_recv(struct la_sock_table *t, int fd, void *data, size_t len, int flags)
{
    return la_recvfrom(t, fd, data, len, flags, NULL);
}

int la_ioctl(struct la_sock_table *t, int fd, unsigned request, int *value)
{
    struct la_tcp_info info = {0};
    struct sock *s = sock_at(t, fd);
    if (!s) {
        return LA_EBADF;
    }
    if (s->flags & SOCK_DGRAM) {
        return LA_EOPNOTSUPP;
    }
    enum sock_role role = sock_role(t, s);
    if (!value || role == SOCK_LISTENING) {
        return LA_EINVAL;
    }
    if (role == SOCK_CONNECTED || role == SOCK_FAILED) {
        (void)la_tcp_info(t->stack, s->handle, &info); /* all zero when it is gone */
    }
    switch (request) {
    case LA_SIOCINQ:
        *value = (int)info.rcv_queued;
        return LA_OK;
    case LA_SIOCOUTQ:
        *value = (int)info.snd_queued;
        return LA_OK;
    case LA_SIOCOUTQNSD:
        *value = (int)info.unsent_bytes;
        return LA_OK;
    default:
        return LA_EINVAL;
    }
}
