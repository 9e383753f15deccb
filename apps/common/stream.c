/* Descriptors of the user: see stream.h. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <lastack/err.h>

#include "apps/common/stream.h"

#define PIPE_BYTES (1024 * 1024) /* what an ordinary user may ask for */

void stream_open(struct stream *s, int fd, bool to_write)
{
    struct stat st;
    *s = (struct stream){.fd = fd, .ready = true};
    int mode = fcntl(fd, F_GETFL);
    bool usable = mode >= 0 && (mode & O_ACCMODE) != (to_write ? O_RDONLY : O_WRONLY);
    if (!usable || fstat(fd, &st) < 0 || S_ISREG(st.st_mode) || S_ISBLK(st.st_mode))
        return; /* what cannot be used says so when it is */
    s->waits = true;
    char path[32];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    int flags = (to_write ? O_WRONLY : O_RDONLY) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    int again = S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode) ? open(path, flags) : -1;
    if (again >= 0) {
        s->fd = again;
        s->opened = true;
    } else {
        s->careful = true;
        s->ready = false;
    }
    if (S_ISFIFO(st.st_mode)) /* fewer wake-ups; the usual size serves as well */
        (void)fcntl(s->fd, F_SETPIPE_SZ, PIPE_BYTES);
}

static int64_t result(struct stream *s, ssize_t n)
{
    int64_t rc = n >= 0 ? n : errno == EINTR ? LA_EAGAIN : -errno;
    if (s->waits && (s->careful || rc == LA_EAGAIN))
        s->ready = false; /* until poll() says so again */
    return rc;
}

int64_t stream_read(struct stream *s, void *data, size_t len)
{
    if (!s->ready)
        return LA_EAGAIN;
    return result(s, read(s->fd, data, len));
}

int64_t stream_write(struct stream *s, const void *data, size_t len)
{
    if (!s->ready)
        return LA_EAGAIN;
    return result(s, write(s->fd, data, s->careful && len > PIPE_BUF ? PIPE_BUF : len));
}

int stream_close(struct stream *s, int fd)
{
    int error = 0;
    if (s->fd < 0)
        return 0;
    if (s->opened && close(s->fd) < 0)
        error = -errno;
    if (close(fd) < 0 && error == 0)
        error = -errno;
    s->fd = -1;
    return error;
}
