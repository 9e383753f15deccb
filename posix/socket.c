/* The life of a socket: made, bound, listening, accepted, connected, shut down, closed.
 *
 * The core's sockets (lastack/sock.h) know the order of POSIX's calls; here is what Linux adds:
 * waiting, the order of its errors, what a call means on a socket in an odd state, and a close()
 * that lingers. */
#include "posix/host.h"

#include <fcntl.h>
#include <string.h>

bool sock_info(struct px_host *h, const struct px_sock *s, struct la_tcp_info *info)
{
    la_handle handle = s->lfd >= 0 ? la_sock_handle(h->socks, s->lfd) : 0;
    return handle && la_tcp_info(h->stack, handle, info) == LA_OK;
}

int sock_error(struct px_host *h, struct px_sock *s)
{
    int error = 0;
    size_t len = sizeof(error);
    (void)la_getsockopt(h->socks, s->lfd, LA_SOL_SOCKET, LA_SO_ERROR, &error, &len);
    return -error;
}

/* ---- socket --------------------------------------------------------------------------------- */

/* What a socket of these three words is, or why there is none. */
static int kind_of(int domain, int type, int protocol, enum px_kind *kind)
{
    if (domain != AF_INET && domain != AF_INET6)
        return -EAFNOSUPPORT;
    if (type == SOCK_STREAM)
        *kind = PX_KIND_STREAM;
    else if (type == SOCK_DGRAM)
        *kind = PX_KIND_DATAGRAM;
    else
        return type == SOCK_RAW || type == SOCK_SEQPACKET || type == SOCK_RDM ? -ESOCKTNOSUPPORT
                                                                              : -EINVAL;
    int own = *kind == PX_KIND_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
    return protocol == 0 || protocol == own ? 0 : -EPROTONOSUPPORT;
}

int64_t call_socket(struct step *s)
{
    enum px_kind kind;
    int domain = s->c->socket.domain, flags = s->c->socket.type & (SOCK_NONBLOCK | SOCK_CLOEXEC);
    int type = s->c->socket.type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
    int err = kind_of(domain, type, s->c->socket.protocol, &kind);
    if (err == 0)
        err = host_stack(s->h);
    if (err < 0)
        return err;
    int lfd = la_socket(s->h->socks, domain, type);
    if (lfd < 0)
        return lfd == LA_ENOBUFS ? -EMFILE : lfd;
    struct px_file *f = file_new(s->h, kind, O_RDWR | ((flags & SOCK_NONBLOCK) ? O_NONBLOCK : 0));
    if (!f) {
        (void)la_close(s->h->socks, lfd);
        return -ENOMEM;
    }
    f->sock.lfd = lfd;
    f->sock.domain = domain;
    f->sock.type = type;
    f->sock.protocol = kind == PX_KIND_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
    sockopt_defaults(s->h, &f->sock);
    int fd = file_install(s->h, f, FIRST_FD, (flags & SOCK_CLOEXEC) != 0);
    if (fd < 0)
        file_drop(s->h, f);
    return fd;
}

/* ---- bind, listen --------------------------------------------------------------------------- */

int64_t call_bind(struct step *s)
{
    struct la_endpoint local;
    struct px_sock *k = &s->f->sock;
    int err = address_in(k->domain, s->c->name.in, s->c->name.in_len, &local);
    if (err < 0)
        return err;
    return la_bind(s->h->socks, k->lfd, &local);
}

int64_t call_listen(struct step *s)
{
    struct px_sock *k = &s->f->sock;
    unsigned most = s->h->settings.somaxconn;
    unsigned backlog = (unsigned)s->c->listen.backlog;
    backlog = backlog < most ? backlog : most;
    struct la_tcp_options o;
    int err =
        s->f->kind == PX_KIND_STREAM ? la_sock_get_options(s->h->socks, k->lfd, &o) : -EOPNOTSUPP;
    if (err == 0) {
        o.half_open_max = s->h->settings.max_syn_backlog;
        err = la_sock_set_options(s->h->socks, k->lfd, &o);
    }
    if (err < 0)
        return err;
    /* Linux lets one more wait than the number says. */
    err = la_listen(s->h->socks, k->lfd, (int)(backlog < INT32_MAX ? backlog + 1 : backlog));
    if (err == LA_OK) {
        k->listening = true;
        k->backlog = backlog;
    }
    return err;
}

/* ---- accept --------------------------------------------------------------------------------- */

/* A connection begins with the options of its listener, and with nothing of its life. */
static void inherit(struct px_sock *to, const struct px_sock *from, int lfd)
{
    *to = *from;
    to->lfd = lfd;
    to->listening = to->connecting = to->shut_rd = to->shut_wr = false;
    to->no_space = false;
    to->notes = to->notes_tail = NULL;
    to->tells = to->tells_tail = NULL;
    to->notes_in = to->ts_base = to->sent_bytes = 0;
    to->zc_next = 0;
    to->peeked = (struct peeked){.len = -1};
}

/* A file for the connection that waits, or a reason to wait or to fail. */
static int64_t accept_one(struct step *s)
{
    struct la_endpoint remote = {0};
    if (!file_room(s->h, FIRST_FD))
        return -EMFILE; /* what waits goes on waiting */
    int lfd = la_accept(s->h->socks, s->f->sock.lfd, &remote);
    if (lfd < 0)
        return lfd == LA_ENOBUFS ? -EMFILE : lfd;
    int flags = s->c->name.flags;
    struct px_file *f =
        file_new(s->h, PX_KIND_STREAM, O_RDWR | ((flags & SOCK_NONBLOCK) ? O_NONBLOCK : 0));
    if (!f) {
        (void)la_close(s->h->socks, lfd);
        return -ENOMEM;
    }
    inherit(&f->sock, &s->f->sock, lfd);
    int fd = file_install(s->h, f, FIRST_FD, (flags & SOCK_CLOEXEC) != 0);
    if (fd < 0)
        file_drop(s->h, f);
    else if (s->c->name.out)
        address_out(f->sock.domain, &remote, s->c->name.out, s->c->name.out_len);
    return fd;
}

int64_t call_accept(struct step *s)
{
    if (s->c->name.flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC))
        return -EINVAL;
    if (s->f->kind != PX_KIND_STREAM)
        return -EOPNOTSUPP;
    if (s->c->name.out && !s->c->name.out_len)
        return -EFAULT;
    if (s->c->name.out && (int)*s->c->name.out_len < 0)
        return -EINVAL;
    int64_t fd = accept_one(s);
    return fd == -EAGAIN ? call_wait(s, false, s->f->sock.rcv_timeout_ns) : fd;
}

/* ---- connect -------------------------------------------------------------------------------- */

/* connect() to AF_UNSPEC: the socket is one without a peer again. A connection is reset. */
static int64_t disconnect(struct step *s)
{
    struct la_tcp_options options;
    struct px_sock *k = &s->f->sock;
    if (s->f->kind == PX_KIND_DATAGRAM) {
        const struct la_endpoint nobody = {.addr = k->domain == AF_INET ? la_addr_any_v4()
                                                                        : la_addr_any_v6()};
        return la_connect(s->h->socks, k->lfd, &nobody);
    }
    int err = la_sock_get_options(s->h->socks, k->lfd, &options);
    if (err < 0)
        return err;
    la_handle handle = la_sock_handle(s->h->socks, k->lfd);
    if (handle)
        (void)la_tcp_abort(s->h->stack, handle, LA_RST_ABORT);
    (void)la_close(s->h->socks, k->lfd);
    k->listening = k->connecting = false;
    k->lfd = la_socket(s->h->socks, k->domain, k->type);
    return k->lfd < 0 ? k->lfd : la_sock_set_options(s->h->socks, k->lfd, &options);
}

/* A connection under way, or an attempt to begin one: what the core says, in Linux's words. */
static int64_t connect_go(struct step *s, const struct la_endpoint *to)
{
    struct px_sock *k = &s->f->sock;
    int err = la_connect(s->h->socks, k->lfd, to);
    if (err == LA_EISCONN && k->connecting) {
        k->connecting = false; /* the first call that finds it open succeeds */
        return 0;
    }
    if (err == LA_EINPROGRESS)
        k->connecting = true;
    else if (err != LA_EALREADY)
        k->connecting = false;
    return err == LA_EOPNOTSUPP ? -EISCONN : err;
}

int64_t call_connect(struct step *s)
{
    struct la_endpoint to;
    struct px_sock *k = &s->f->sock;
    sa_family_t family = AF_UNSPEC;
    if (!s->c->name.in)
        return -EFAULT;
    if (s->c->name.in_len >= sizeof(family))
        memcpy(&family, s->c->name.in, sizeof(family));
    if (family == AF_UNSPEC && s->c->name.in_len >= sizeof(family))
        return disconnect(s);
    int err = address_in(k->domain, s->c->name.in, s->c->name.in_len, &to);
    if (err < 0)
        return err;
    int64_t result = connect_go(s, &to);
    if (result != -EINPROGRESS && result != -EALREADY)
        return result;
    if (s->first)
        s->c->at.stage = result == -EINPROGRESS; /* who began it waits as the one who did */
    int64_t wait = call_wait(s, false, k->snd_timeout_ns);
    if (wait == -EAGAIN)
        return s->c->at.stage ? -EINPROGRESS : -EALREADY;
    return wait;
}

/* ---- shutdown and the names ----------------------------------------------------------------- */

int64_t call_shutdown(struct step *s)
{
    struct la_tcp_info info;
    struct px_sock *k = &s->f->sock;
    int how = s->c->shutdown.how;
    if (how < SHUT_RD || how > SHUT_RDWR)
        return -EINVAL;
    /* A connection that is over has nothing to shut, and keeps its error for who asks. */
    if (s->f->kind == PX_KIND_STREAM && sock_info(s->h, k, &info) &&
        (info.state == LA_TCP_CLOSED || info.state == LA_TCP_TIME_WAIT))
        return -ENOTCONN;
    int err = la_shutdown(s->h->socks, k->lfd, how);
    if (err < 0)
        return err;
    k->shut_rd = k->shut_rd || how != SHUT_WR;
    k->shut_wr = k->shut_wr || how != SHUT_RD;
    if (k->listening && how != SHUT_WR)
        k->listening = k->shut_rd = k->shut_wr = false;
    k->connecting = false;
    return 0;
}

static int64_t write_name(struct step *s, const struct la_endpoint *e)
{
    if (!s->c->name.out || !s->c->name.out_len)
        return -EFAULT;
    if ((int)*s->c->name.out_len < 0)
        return -EINVAL;
    address_out(s->f->sock.domain, e, s->c->name.out, s->c->name.out_len);
    return 0;
}

int64_t call_getsockname(struct step *s)
{
    struct la_endpoint e;
    int err = la_getsockname(s->h->socks, s->f->sock.lfd, &e);
    return err < 0 ? err : write_name(s, &e);
}

int64_t call_getpeername(struct step *s)
{
    struct la_endpoint e;
    int err = la_getpeername(s->h->socks, s->f->sock.lfd, &e);
    return err < 0 ? err : write_name(s, &e);
}

/* ---- close ---------------------------------------------------------------------------------- */

/* Is there anything that close() with SO_LINGER waits for? */
static bool lingers(struct px_host *h, const struct px_sock *k)
{
    struct la_tcp_info info;
    if (!sock_info(h, k, &info) || info.rcv_queued != 0)
        return false;
    return info.state == LA_TCP_FIN_WAIT_1 || info.state == LA_TCP_CLOSING ||
           info.state == LA_TCP_LAST_ACK ||
           ((info.state == LA_TCP_ESTABLISHED || info.state == LA_TCP_CLOSE_WAIT));
}

void sock_release(struct px_host *h, struct px_sock *k)
{
    notes_drop(h, k);
    if (k->lfd >= 0)
        (void)la_close(h->socks, k->lfd);
    k->lfd = -1;
}

/* The descriptor is free at once, whatever is waited for. */
int64_t call_close(struct step *s)
{
    struct px_sock *k = &s->f->sock;
    if (s->first) {
        file_drop_at(s->h, s->c->fd);
        bool waits = s->f->refs == 1 && s->f->kind == PX_KIND_STREAM && k->linger_on &&
                     k->linger_s > 0 && lingers(s->h, k);
        if (!waits)
            return 0;
        (void)la_shutdown(s->h->socks, k->lfd, LA_SHUT_WR);
    }
    if (!lingers(s->h, k) || s->given_up)
        return 0;
    s->f->status &= ~O_NONBLOCK; /* Linux lingers on all */
    int64_t wait = call_wait(s, false, (uint64_t)k->linger_s * (uint64_t)LA_NS_PER_S);
    return wait == -EAGAIN ? 0 : wait;
}
