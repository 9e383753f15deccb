/* Descriptors, the files behind them, and the calls that are about nothing else. */
#include "posix/host.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- files ---------------------------------------------------------------------------------- */

struct px_file *file_at(const struct px_host *h, int fd)
{
    return fd >= 0 && fd < h->fds_max ? h->fds[fd].file : NULL;
}

struct px_file *file_new(struct px_host *h, enum px_kind kind, int status)
{
    struct px_file *f = calloc(1, sizeof(*f));
    if (!f)
        return NULL;
    f->kind = kind;
    f->refs = 1;
    f->status = status;
    f->id = ++h->last_id;
    f->real_fd = -1;
    f->sock.lfd = -1;
    f->sock.peeked.len = -1;
    f->next = h->files;
    if (f->next)
        f->next->prev = f;
    h->files = f;
    return f;
}

void file_hold(struct px_file *f)
{
    f->refs++;
}

void file_drop(struct px_host *h, struct px_file *f)
{
    if (--f->refs != 0)
        return;
    epoll_forget(h, f);
    if (is_socket(f))
        sock_release(h, &f->sock);
    if (f->epoll)
        epoll_release(h, f->epoll);
    if (f->pipe)
        pipe_release(f->pipe, f->pipe_writes);
    if (f->real_fd >= 0)
        close(f->real_fd);
    if (f->prev)
        f->prev->next = f->next;
    else
        h->files = f->next;
    if (f->next)
        f->next->prev = f->prev;
    free(f);
}

/* ---- descriptors ---------------------------------------------------------------------------- */

int file_install(struct px_host *h, struct px_file *f, int least, bool cloexec)
{
    for (int fd = least; fd < h->fds_max; fd++) {
        if (h->fds[fd].file)
            continue;
        h->fds[fd] = (struct px_fd){.file = f, .cloexec = cloexec};
        return fd;
    }
    return -EMFILE;
}

bool file_room(const struct px_host *h, int least)
{
    for (int fd = least; fd < h->fds_max; fd++)
        if (!h->fds[fd].file)
            return true;
    return false;
}

void file_drop_at(struct px_host *h, int fd)
{
    struct px_file *f = h->fds[fd].file;
    h->fds[fd] = (struct px_fd){0};
    file_drop(h, f);
}

enum px_kind px_fd_kind(struct px_host *h, int fd)
{
    const struct px_file *f = file_at(h, fd);
    return f ? f->kind : PX_KIND_NONE;
}

la_handle px_handle(struct px_host *h, int fd)
{
    const struct px_file *f = file_at(h, fd);
    return f && is_socket(f) && f->sock.lfd >= 0 ? la_sock_handle(h->socks, f->sock.lfd) : 0;
}

void px_close_all(struct px_host *h, uint64_t now_ns)
{
    host_clock(h, now_ns);
    for (int fd = 0; fd < h->fds_max; fd++)
        if (h->fds[fd].file)
            file_drop_at(h, fd);
}

/* ---- calls ---------------------------------------------------------------------------------- */

static int64_t duplicate(struct step *s, int least, bool cloexec)
{
    if (least < 0 || least >= s->h->fds_max)
        return -EINVAL;
    file_hold(s->f);
    int fd = file_install(s->h, s->f, least, cloexec);
    if (fd < 0)
        file_drop(s->h, s->f);
    return fd;
}

int64_t call_dup(struct step *s)
{
    return duplicate(s, FIRST_FD, false);
}

int64_t call_fcntl(struct step *s)
{
    const int settable = O_NONBLOCK | O_APPEND | O_ASYNC | O_DIRECT | O_NOATIME;
    long arg = s->c->fcntl.arg;
    struct px_fd *d = &s->h->fds[s->c->fd];
    switch (s->c->fcntl.cmd) {
    case F_GETFL:
        return s->f->status;
    case F_SETFL:
        s->f->status = (s->f->status & ~settable) | ((int)arg & (O_NONBLOCK | O_APPEND));
        return (arg & (O_ASYNC | O_DIRECT | O_NOATIME)) ? -EINVAL : 0;
    case F_GETFD:
        return d->cloexec ? FD_CLOEXEC : 0;
    case F_SETFD:
        d->cloexec = (arg & FD_CLOEXEC) != 0;
        return 0;
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
        return duplicate(s, arg > INT32_MAX ? -1 : (int)arg, s->c->fcntl.cmd == F_DUPFD_CLOEXEC);
    default:
        return -EINVAL;
    }
}

/* A regular file of the machine: what sendfile() sends. */
int64_t call_open(struct step *s)
{
    const int taken = O_ACCMODE | O_CLOEXEC | O_NONBLOCK;
    if (!s->c->open.path)
        return -EFAULT;
    if (s->c->open.flags & ~taken)
        return -EOPNOTSUPP; /* nothing is made, cut or written here */
    int real = open(s->c->open.path, s->c->open.flags | O_CLOEXEC);
    if (real < 0)
        return -errno;
    struct px_file *f = file_new(s->h, PX_KIND_FILE, s->c->open.flags & ~O_CLOEXEC);
    if (!f) {
        close(real);
        return -ENOMEM;
    }
    f->real_fd = real;
    int fd = file_install(s->h, f, FIRST_FD, (s->c->open.flags & O_CLOEXEC) != 0);
    if (fd < 0)
        file_drop(s->h, f);
    return fd;
}
