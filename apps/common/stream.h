/* Descriptors of the user: read and written without ever blocking, and without O_NONBLOCK.
 *
 * That flag belongs to the open file, which other processes share: a shell whose terminal became
 * non-blocking behaves strangely. So a pipe or terminal is opened once more through /proc, with a
 * flag of its own; where that is not possible, no more is written at a time than a pipe that is
 * writable always takes. Files never block. */
#ifndef APPS_COMMON_STREAM_H
#define APPS_COMMON_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stream {
    int fd;       /* -1: closed */
    bool opened;  /* our own open file, to be closed */
    bool waits;   /* poll() says when it is ready; else it always is */
    bool careful; /* may block: small pieces, and only when poll() said so */
    bool ready;   /* poll() said so, or it is not known otherwise */
};

/* `fd` stays the caller's, but stream_close() closes it too. */
void stream_open(struct stream *s, int fd, bool to_write);

/* Bytes read, 0 at the end, LA_EAGAIN, or -errno. */
int64_t stream_read(struct stream *s, void *data, size_t len);

/* Bytes written, LA_EAGAIN, or -errno. */
int64_t stream_write(struct stream *s, const void *data, size_t len);

/* 0 or -errno: a file may learn only now that the disk is full. */
int stream_close(struct stream *s, int fd);

#endif
