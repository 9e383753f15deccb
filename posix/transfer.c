/* Pieces of memory, and the calls that move bytes of anything: read(), write() and their like. */
#include "posix/transfer.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IOV_LIMIT 1024

/* ---- pieces --------------------------------------------------------------------------------- */

int64_t transfer_io(const struct px_call *c, struct transfer *t)
{
    size_t len = c->io.len < (size_t)INT_MAX ? c->io.len : (size_t)INT_MAX;
    *t = (struct transfer){.one = {.iov_base = c->io.data, .iov_len = len},
                           .count = 1,
                           .total = len,
                           .flags = c->io.flags,
                           .to = c->io.to,
                           .to_len = c->io.to_len};
    t->iov = &t->one;
    return 0;
}

int64_t transfer_iov(const struct iovec *iov, int64_t count, struct transfer *t)
{
    *t = (struct transfer){.iov = iov, .count = (size_t)count};
    if (count < 0 || count > IOV_LIMIT)
        return -EINVAL;
    if (count > 0 && !iov)
        return -EFAULT;
    for (int64_t i = 0; i < count; i++) {
        if (iov[i].iov_len > (size_t)SSIZE_MAX - t->total)
            return -EINVAL;
        t->total += iov[i].iov_len;
    }
    return 0;
}

int64_t transfer_msg(const struct px_call *c, struct transfer *t)
{
    struct msghdr *m = c->msg.msg;
    if (!m)
        return -EFAULT;
    if (m->msg_iovlen > IOV_LIMIT)
        return -EMSGSIZE;
    int64_t err = transfer_iov(m->msg_iov, (int64_t)m->msg_iovlen, t);
    t->flags = c->msg.flags;
    t->msg = m;
    t->to = m->msg_name;
    t->to_len = m->msg_name ? m->msg_namelen : 0;
    return err;
}

bool transfer_bad(const struct transfer *t)
{
    for (size_t i = 0; i < t->count; i++)
        if (!t->iov[i].iov_base && t->iov[i].iov_len != 0)
            return true;
    return false;
}

const uint8_t *transfer_gather(const struct transfer *t, size_t skip, uint8_t **copy)
{
    static const uint8_t nothing;
    *copy = NULL;
    if (t->total == skip)
        return &nothing;
    if (t->count == 1)
        return (const uint8_t *)t->iov[0].iov_base + skip;
    uint8_t *to = *copy = malloc(t->total - skip);
    for (size_t i = 0; to && i < t->count; i++) {
        size_t len = t->iov[i].iov_len;
        size_t cut = skip < len ? skip : len;
        if (len > cut)
            memcpy(to, (const uint8_t *)t->iov[i].iov_base + cut, len - cut);
        to += len - cut;
        skip -= cut;
    }
    return *copy;
}

void transfer_scatter(const struct transfer *t, size_t skip, const uint8_t *from, size_t len)
{
    for (size_t i = 0; len > 0 && i < t->count; i++) {
        size_t room = t->iov[i].iov_len;
        size_t cut = skip < room ? skip : room;
        size_t n = room - cut < len ? room - cut : len;
        if (n)
            memcpy((uint8_t *)t->iov[i].iov_base + cut, from, n);
        skip -= cut;
        from += n;
        len -= n;
    }
}

/* ---- read and write: of anything ------------------------------------------------------------ */

static int64_t read_pipe(struct step *s, const struct transfer *t)
{
    int64_t got = 0;
    if (s->f->pipe_writes)
        return -EBADF;
    if (transfer_bad(t))
        return -EFAULT;
    for (size_t i = 0; i < t->count; i++) {
        int64_t n = pipe_read_some(s->f->pipe, t->iov[i].iov_base, t->iov[i].iov_len);
        if (n <= 0 && got == 0 && t->iov[i].iov_len)
            return n == -EAGAIN ? call_wait(s, false, 0) : n;
        got += n > 0 ? n : 0;
        if (n < (int64_t)t->iov[i].iov_len)
            break;
    }
    return got;
}

static int64_t write_pipe(struct step *s, const struct transfer *t)
{
    size_t done = (size_t)s->c->at.count;
    uint8_t *copy;
    if (!s->f->pipe_writes)
        return -EBADF;
    if (transfer_bad(t))
        return -EFAULT;
    const uint8_t *data = transfer_gather(t, done, &copy);
    if (!data)
        return -ENOMEM;
    int64_t n = pipe_write_some(s->f->pipe, data, t->total - done);
    free(copy);
    if (n == -EPIPE)
        s->c->sigpipe = true;
    if (n < 0 && n != -EAGAIN)
        return done ? (int64_t)done : n;
    done += n > 0 ? (size_t)n : 0;
    s->c->at.count = (int64_t)done;
    if (done == t->total)
        return (int64_t)done;
    int64_t wait = call_wait(s, false, 0);
    return wait != WAIT && done ? (int64_t)done : wait;
}

static int64_t read_any(struct step *s, const struct transfer *t)
{
    struct la_endpoint from;
    bool cut;
    switch (s->f->kind) {
    case PX_KIND_STREAM:
        return t->total == 0 ? 0 : transfer_recv_stream(s, t);
    case PX_KIND_DATAGRAM:
        return t->total == 0 ? 0 : transfer_recv_datagram(s, t, &from, &cut);
    case PX_KIND_PIPE:
        return read_pipe(s, t);
    case PX_KIND_FILE: {
        ssize_t n = readv(s->f->real_fd, t->iov, (int)t->count);
        return n < 0 ? -errno : n;
    }
    default:
        return -EINVAL;
    }
}

static int64_t write_any(struct step *s, const struct transfer *t)
{
    switch (s->f->kind) {
    case PX_KIND_STREAM:
    case PX_KIND_DATAGRAM:
        return transfer_send(s, t);
    case PX_KIND_PIPE:
        return write_pipe(s, t);
    case PX_KIND_FILE: {
        ssize_t n = writev(s->f->real_fd, t->iov, (int)t->count);
        return n < 0 ? -errno : n;
    }
    default:
        return -EINVAL;
    }
}

/* read() and write() have no flags and no address, whatever stands in the object. */
static void plain(struct transfer *t)
{
    t->flags = 0;
    t->to = NULL;
    t->to_len = 0;
}

int64_t call_read(struct step *s)
{
    struct transfer t;
    (void)transfer_io(s->c, &t);
    plain(&t);
    return read_any(s, &t);
}

int64_t call_write(struct step *s)
{
    struct transfer t;
    (void)transfer_io(s->c, &t);
    plain(&t);
    return write_any(s, &t);
}

int64_t call_readv(struct step *s)
{
    struct transfer t;
    int64_t err = transfer_iov(s->c->iov.iov, s->c->iov.count, &t);
    return err < 0 ? err : read_any(s, &t);
}

int64_t call_writev(struct step *s)
{
    struct transfer t;
    int64_t err = transfer_iov(s->c->iov.iov, s->c->iov.count, &t);
    return err < 0 ? err : write_any(s, &t);
}
