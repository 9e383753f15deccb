/* Receiving: streams, datagrams, and what goes with them. An error that stands behind bytes stays
 * for the next call. */
#include "posix/transfer.h"

#include <stdlib.h>
#include <string.h>

#define RECV_FLAGS                                                                               \
    (MSG_OOB | MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT | MSG_WAITALL | MSG_NOSIGNAL | MSG_ERRQUEUE | \
     MSG_CMSG_CLOEXEC)

/* ---- receiving from a stream ---------------------------------------------------------------- */

int64_t stream_recv_some(struct px_host *h, struct px_sock *k, void *data, size_t len, int flags)
{
    int64_t n = la_recv(h->socks, k->lfd, data, len, flags & MSG_PEEK);
    return n;
}

/* Bytes into the pieces from `done` on, as many as are there; MSG_TRUNC throws them away. */
static int64_t stream_take(struct step *s, const struct transfer *t, size_t done)
{
    uint8_t waste[4096];
    struct la_tcp_info info;
    bool drop = (t->flags & MSG_TRUNC) != 0;
    int64_t got = 0;
    size_t i = 0, from = done;
    while (i < t->count) {
        if (from >= t->iov[i].iov_len) {
            from -= t->iov[i++].iov_len;
            continue;
        }
        size_t want = t->iov[i].iov_len - from;
        want = drop && want > sizeof(waste) ? sizeof(waste) : want;
        uint8_t *to = drop ? waste : (uint8_t *)t->iov[i].iov_base + from;
        /* Behind the last byte may stand an error, which is not to be taken with it; before urgent
         * data a read ends (the mark of POSIX). */
        bool known = sock_info(s->h, &s->f->sock, &info);
        if (got > 0 && (!known || info.rcv_queued == 0 || info.urgent_left == 1))
            return got;
        if (known && info.urgent_left > 1 && want >= info.urgent_left)
            want = info.urgent_left - 1;
        int64_t n = stream_recv_some(s->h, &s->f->sock, to, want, 0);
        if (n <= 0)
            return got ? got : n;
        got += n;
        from += (size_t)n;
    }
    return got;
}

/* MSG_PEEK over several pieces: one look into one piece of memory. */
static int64_t stream_peek(struct step *s, const struct transfer *t)
{
    if (t->count == 1 && !(t->flags & MSG_TRUNC))
        return stream_recv_some(s->h, &s->f->sock, t->iov[0].iov_base, t->total, MSG_PEEK);
    uint8_t *copy = malloc(t->total ? t->total : 1);
    if (!copy)
        return -ENOMEM;
    int64_t n = stream_recv_some(s->h, &s->f->sock, copy, t->total, MSG_PEEK);
    if (n > 0 && !(t->flags & MSG_TRUNC))
        transfer_scatter(t, 0, copy, (size_t)n);
    free(copy);
    return n;
}

/* Is there anything at all: 1 and more, 0 the end, or -errno. */
static int64_t stream_any(struct step *s)
{
    uint8_t byte;
    return stream_recv_some(s->h, &s->f->sock, &byte, 1, MSG_PEEK);
}

static size_t target_of(const struct px_sock *k, const struct transfer *t)
{
    size_t target = (size_t)k->rcv_lowat < t->total ? (size_t)k->rcv_lowat : t->total;
    if (t->flags & MSG_WAITALL)
        target = t->total;
    return target ? target : 1;
}

int64_t transfer_recv_stream(struct step *s, const struct transfer *t)
{
    struct px_sock *k = &s->f->sock;
    bool peek = (t->flags & MSG_PEEK) != 0;
    size_t done = peek ? 0 : (size_t)s->c->at.count;
    int64_t n;
    if (done > 0 && (sock_events(s->h, k, 0) & POLLERR) && stream_any(s) <= 0)
        return (int64_t)done;
    if (t->total == 0 || (!(t->flags & MSG_TRUNC) && transfer_bad(t))) {
        n = stream_any(s);
        if (n > 0)
            return t->total ? -EFAULT : 0;
    } else {
        n = peek ? stream_peek(s, t) : stream_take(s, t, done);
    }
    if (n == 0 || (n < 0 && n != -EAGAIN))
        return done ? (int64_t)done : n;
    done += n > 0 ? (size_t)n : 0;
    s->c->at.count = (int64_t)done;
    if (done >= target_of(k, t))
        return (int64_t)done;
    int64_t wait = call_wait(s, (t->flags & MSG_DONTWAIT) != 0, k->rcv_timeout_ns);
    return wait != WAIT && done ? (int64_t)done : wait;
}

/* ---- receiving datagrams -------------------------------------------------------------------- */

#define DATAGRAM_MAX 65535

/* The next datagram into k->peeked, unless one stands there. */
static int64_t fetch(struct px_host *h, struct px_sock *k)
{
    if (k->peeked.len >= 0)
        return 0;
    uint8_t *data = malloc(DATAGRAM_MAX);
    if (!data)
        return -ENOMEM;
    int64_t n = la_recvfrom(h->socks, k->lfd, data, DATAGRAM_MAX, LA_MSG_TRUNC, &k->peeked.from);
    if (n < 0 || (n == 0 && k->shut_rd)) {
        free(data);
        return n < 0 ? n : -ESHUTDOWN;
    }
    uint8_t *fitting = realloc(data, n ? (size_t)n : 1);
    k->peeked.data = fitting ? fitting : data;
    k->peeked.len = n;
    return 0;
}

int64_t datagram_next(struct px_host *h, struct px_sock *k)
{
    int64_t err = fetch(h, k);
    return err < 0 ? err : k->peeked.len;
}

int64_t transfer_recv_datagram(struct step *s, const struct transfer *t, struct la_endpoint *from,
                               bool *cut)
{
    struct px_sock *k = &s->f->sock;
    int64_t err = fetch(s->h, k);
    if (err == -EAGAIN)
        return call_wait(s, (t->flags & MSG_DONTWAIT) != 0, k->rcv_timeout_ns);
    if (err < 0)
        return err == -ESHUTDOWN ? 0 : err;
    if (transfer_bad(t))
        return -EFAULT;
    size_t len = (size_t)k->peeked.len;
    size_t n = len < t->total ? len : t->total;
    transfer_scatter(t, 0, k->peeked.data, n);
    *from = k->peeked.from;
    *cut = n < len;
    if (!(t->flags & MSG_PEEK)) {
        free(k->peeked.data);
        k->peeked = (struct peeked){.len = -1};
    }
    return (int64_t)((t->flags & MSG_TRUNC) ? len : n);
}

/* ---- the calls ------------------------------------------------------------------------------ */

/* Linux has no urgent byte to give when it stays in line, which it always does here. */
static int64_t check_recv(const struct transfer *t)
{
    if (t->flags & ~RECV_FLAGS)
        return -EOPNOTSUPP;
    return (t->flags & MSG_OOB) ? -EINVAL : 0;
}

int64_t call_recv(struct step *s)
{
    struct transfer t;
    struct la_endpoint from;
    bool cut = false;
    (void)transfer_io(s->c, &t);
    int64_t n = check_recv(&t);
    if (n < 0)
        return n;
    if (t.flags & MSG_ERRQUEUE) {
        struct msghdr msg = {.msg_iov = &t.one, .msg_iovlen = 1};
        return notes_recv(s->h, s->f, &msg);
    }
    bool stream = s->f->kind == PX_KIND_STREAM;
    n = stream ? transfer_recv_stream(s, &t) : transfer_recv_datagram(s, &t, &from, &cut);
    if (n >= 0 && s->c->io.from) {
        if (!s->c->io.from_len)
            return -EFAULT;
        if (stream)
            *s->c->io.from_len = 0; /* a stream names nobody */
        else
            address_out(s->f->sock.domain, &from, s->c->io.from, s->c->io.from_len);
    }
    return n;
}

int64_t call_recvmsg(struct step *s)
{
    struct transfer t;
    struct la_endpoint from;
    struct control control;
    bool cut = false;
    int64_t n = transfer_msg(s->c, &t);
    if (n == 0)
        n = check_recv(&t);
    if (n < 0)
        return n;
    if (t.flags & MSG_ERRQUEUE)
        return notes_recv(s->h, s->f, t.msg);
    bool stream = s->f->kind == PX_KIND_STREAM;
    n = stream ? transfer_recv_stream(s, &t) : transfer_recv_datagram(s, &t, &from, &cut);
    if (n < 0)
        return n;
    t.msg->msg_flags = cut ? MSG_TRUNC : 0;
    if (t.msg->msg_name && !stream)
        address_out(s->f->sock.domain, &from, t.msg->msg_name, &t.msg->msg_namelen);
    else
        t.msg->msg_namelen = 0;
    control_begin(&control, t.msg);
    control_received(s->h, s->f, &control);
    control_end(&control);
    return n;
}
