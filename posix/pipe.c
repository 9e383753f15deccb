/* Pipes, and the calls that move bytes from one descriptor to another. */
#include "posix/host.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIPE_BYTES  65536
#define PIPE_ATOMIC 4096 /* PIPE_BUF */
#define PIECE       16384

struct px_pipe {
    size_t first, count;
    bool has_reader, has_writer;
    uint64_t written, read;
    uint8_t bytes[PIPE_BYTES];
};

/* ---- pipes ---------------------------------------------------------------------------------- */

int64_t pipe_write_some(struct px_pipe *p, const void *data, size_t len)
{
    if (!p->has_reader)
        return -EPIPE;
    size_t room = PIPE_BYTES - p->count;
    if (len == 0)
        return 0;
    if (room == 0 || (len <= PIPE_ATOMIC && room < len))
        return -EAGAIN;
    size_t n = len < room ? len : room;
    for (size_t done = 0; done < n;) {
        size_t at = (p->first + p->count) % PIPE_BYTES;
        size_t run = PIPE_BYTES - at < n - done ? PIPE_BYTES - at : n - done;
        memcpy(p->bytes + at, (const uint8_t *)data + done, run);
        p->count += run;
        done += run;
    }
    p->written += n;
    return (int64_t)n;
}

/* The next bytes that lie in one piece. */
static size_t pipe_peek(const struct px_pipe *p, const uint8_t **data)
{
    *data = p->bytes + p->first;
    return p->count < PIPE_BYTES - p->first ? p->count : PIPE_BYTES - p->first;
}

static void pipe_consume(struct px_pipe *p, size_t n)
{
    p->first = (p->first + n) % PIPE_BYTES;
    p->count -= n;
    p->read += n;
}

int64_t pipe_read_some(struct px_pipe *p, void *data, size_t len)
{
    size_t done = 0;
    if (p->count == 0)
        return p->has_writer && len ? -EAGAIN : 0;
    while (done < len && p->count > 0) {
        const uint8_t *from;
        size_t n = pipe_peek(p, &from);
        n = n < len - done ? n : len - done;
        memcpy((uint8_t *)data + done, from, n);
        pipe_consume(p, n);
        done += n;
    }
    return (int64_t)done;
}

void pipe_release(struct px_pipe *p, bool writer)
{
    if (writer)
        p->has_writer = false;
    else
        p->has_reader = false;
    if (!p->has_writer && !p->has_reader)
        free(p);
}

unsigned pipe_ready(const struct px_pipe *p, bool writer)
{
    if (writer)
        return (p->count < PIPE_BYTES ? POLLOUT | POLLWRNORM : 0U) |
               (p->has_reader ? 0U : (unsigned)POLLERR);
    return (p->count > 0 ? POLLIN | POLLRDNORM : 0U) | (p->has_writer ? 0U : (unsigned)POLLHUP);
}

uint64_t pipe_stamp(const struct px_pipe *p, bool writer)
{
    return writer ? p->read * 2 + p->has_reader : p->written * 2 + p->has_writer;
}

size_t pipe_queued(const struct px_pipe *p)
{
    return p->count;
}

int64_t call_pipe(struct step *s)
{
    int flags = s->c->pipe.flags;
    if (flags & ~(O_NONBLOCK | O_CLOEXEC))
        return -EINVAL;
    if (!s->c->pipe.fds)
        return -EFAULT;
    struct px_pipe *p = calloc(1, sizeof(*p));
    struct px_file *in = p ? file_new(s->h, PX_KIND_PIPE, O_RDONLY | (flags & O_NONBLOCK)) : NULL;
    struct px_file *out = in ? file_new(s->h, PX_KIND_PIPE, O_WRONLY | (flags & O_NONBLOCK)) : NULL;
    if (!out) {
        if (in)
            file_drop(s->h, in);
        free(p);
        return -ENOMEM;
    }
    p->has_reader = p->has_writer = true;
    in->pipe = out->pipe = p;
    out->pipe_writes = true;
    int from = file_install(s->h, in, FIRST_FD, (flags & O_CLOEXEC) != 0);
    int to = from < 0 ? from : file_install(s->h, out, FIRST_FD, (flags & O_CLOEXEC) != 0);
    if (to < 0) {
        if (from >= 0)
            file_drop_at(s->h, from);
        else
            file_drop(s->h, in);
        file_drop(s->h, out);
        return to;
    }
    s->c->pipe.fds[0] = from;
    s->c->pipe.fds[1] = to;
    return 0;
}

/* ---- splice --------------------------------------------------------------------------------- */

/* Writes to anything that takes bytes. */
static int64_t put(struct step *s, struct px_file *f, const void *data, size_t len, bool more)
{
    switch (f->kind) {
    case PX_KIND_STREAM:
        return stream_send_some(s->h, &f->sock, data, len, more ? MSG_MORE : 0);
    case PX_KIND_PIPE:
        return pipe_write_some(f->pipe, data, len);
    case PX_KIND_FILE: {
        ssize_t n = write(f->real_fd, data, len);
        return n < 0 ? -errno : n;
    }
    default:
        return -EINVAL;
    }
}

/* From a pipe: nothing is taken out that does not go in. */
static int64_t out_of_pipe(struct step *s, struct px_file *out, size_t len, bool more)
{
    struct px_pipe *p = s->f->pipe;
    int64_t moved = 0;
    if (p->count == 0)
        return p->has_writer ? -EAGAIN : 0;
    while ((size_t)moved < len && p->count > 0) {
        const uint8_t *data;
        size_t n = pipe_peek(p, &data);
        n = n < len - (size_t)moved ? n : len - (size_t)moved;
        int64_t took = put(s, out, data, n, more || n < p->count);
        if (took < 0)
            return moved ? moved : took;
        pipe_consume(p, (size_t)took);
        moved += took;
        if ((size_t)took < n)
            break;
    }
    return moved;
}

/* Into a pipe: no more is taken than there is room for. */
static int64_t into_pipe(struct step *s, struct px_file *out, size_t len, loff_t *offset)
{
    uint8_t piece[PIECE];
    size_t room = PIPE_BYTES - out->pipe->count;
    if (!out->pipe->has_reader)
        return -EPIPE;
    if (room == 0)
        return -EAGAIN;
    size_t n = len < room ? len : room;
    n = n < sizeof(piece) ? n : sizeof(piece);
    int64_t got;
    if (s->f->kind == PX_KIND_STREAM)
        got = stream_recv_some(s->h, &s->f->sock, piece, n, 0);
    else if (s->f->kind == PX_KIND_FILE)
        got = offset ? pread(s->f->real_fd, piece, n, *offset) : read(s->f->real_fd, piece, n);
    else
        return -EINVAL;
    if (got < 0 && s->f->kind == PX_KIND_FILE)
        return -errno;
    if (got > 0 && offset)
        *offset += got;
    for (int64_t at = 0; at < got;)
        at += pipe_write_some(out->pipe, piece + at, (size_t)(got - at));
    return got;
}

static int64_t check_splice(const struct step *s, const struct px_file *out)
{
    if (!out)
        return -EBADF;
    if (s->c->splice.flags & ~0xfU)
        return -EINVAL;
    if ((s->f->status & O_ACCMODE) == O_WRONLY || (out->status & O_ACCMODE) == O_RDONLY)
        return -EBADF;
    if (s->f->kind != PX_KIND_PIPE && out->kind != PX_KIND_PIPE)
        return -EINVAL;
    if ((s->c->splice.in_offset && s->f->kind != PX_KIND_FILE) ||
        (s->c->splice.out_offset && out->kind != PX_KIND_FILE))
        return -ESPIPE;
    return s->c->splice.out_offset || s->f->pipe == out->pipe ? -EINVAL : 0;
}

int64_t call_splice(struct step *s)
{
    struct px_file *out = file_at(s->h, s->c->splice.out);
    size_t len = s->c->splice.len;
    int64_t n = check_splice(s, out);
    if (n < 0 || len == 0)
        return n;
    bool more = (s->c->splice.flags & SPLICE_F_MORE) != 0;
    n = s->f->kind == PX_KIND_PIPE ? out_of_pipe(s, out, len, more)
                                   : into_pipe(s, out, len, s->c->splice.in_offset);
    if (n == -EPIPE)
        s->c->sigpipe = true;
    if (n != -EAGAIN)
        return n;
    bool dont = (s->c->splice.flags & SPLICE_F_NONBLOCK) || (out->status & O_NONBLOCK);
    return call_wait(s, dont, 0);
}

/* ---- sendfile ------------------------------------------------------------------------------- */

/* One piece of the file: what went out, 0 at its end, or -errno. */
static int64_t send_piece(struct step *s, const struct px_file *in, size_t left, off_t *at)
{
    uint8_t piece[PIECE], beyond;
    size_t n = left < sizeof(piece) ? left : sizeof(piece);
    ssize_t got = pread(in->real_fd, piece, n, *at);
    if (got <= 0)
        return got < 0 ? -errno : 0;
    bool last = (size_t)got == left || pread(in->real_fd, &beyond, 1, *at + got) <= 0;
    int64_t took = put(s, s->f, piece, (size_t)got, !last);
    if (took > 0)
        *at += took;
    return took;
}

int64_t call_sendfile(struct step *s)
{
    const struct px_file *in = file_at(s->h, s->c->sendfile.in);
    size_t count = s->c->sendfile.count;
    off_t at;
    if (!in)
        return -EBADF;
    if (in->kind != PX_KIND_FILE)
        return -EINVAL;
    if (s->f->kind == PX_KIND_PIPE && !s->f->pipe_writes)
        return -EBADF;
    at = s->c->sendfile.offset ? *s->c->sendfile.offset : lseek(in->real_fd, 0, SEEK_CUR);
    if (at < 0)
        return -EINVAL;
    int64_t n = 0;
    while ((size_t)s->c->at.count < count) {
        n = send_piece(s, in, count - (size_t)s->c->at.count, &at);
        if (n <= 0)
            break;
        s->c->at.count += n;
    }
    if (s->c->sendfile.offset)
        *s->c->sendfile.offset = at;
    else
        (void)lseek(in->real_fd, at, SEEK_SET);
    if (n == -EAGAIN) {
        int64_t wait = call_wait(s, false, s->f->sock.snd_timeout_ns);
        return wait != WAIT && s->c->at.count ? s->c->at.count : wait;
    }
    s->c->sigpipe = n == -EPIPE && s->c->at.count == 0;
    return n < 0 && s->c->at.count == 0 ? n : s->c->at.count;
}
