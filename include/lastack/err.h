/* Errors as negative numbers, named as in POSIX.
 *
 * Every call of the library returns 0 or more on success and one of these on failure. The values
 * are the negated errno values of Linux, so a host that has errno may write `errno = -err`. */
#ifndef LASTACK_ERR_H
#define LASTACK_ERR_H

#pragma GCC visibility push(default)

#define LA_ERRORS(X)                                               \
    X(EPERM, 1, "operation not permitted")                         \
    X(ENOENT, 2, "no such entry")                                  \
    X(EINTR, 4, "interrupted")                                     \
    X(EIO, 5, "input or output failed")                            \
    X(EBADF, 9, "no such handle, or it is stale")                  \
    X(EAGAIN, 11, "not now, try again when ready")                 \
    X(ENOMEM, 12, "out of memory")                                 \
    X(EACCES, 13, "permission denied")                             \
    X(EBUSY, 16, "busy")                                           \
    X(EEXIST, 17, "exists already")                                \
    X(ENODEV, 19, "no such device")                                \
    X(EINVAL, 22, "invalid argument")                              \
    X(EPIPE, 32, "the sending side is closed")                     \
    X(EMSGSIZE, 90, "message too long")                            \
    X(EPROTOTYPE, 91, "wrong kind of socket")                      \
    X(ENOPROTOOPT, 92, "no such option")                           \
    X(EPROTONOSUPPORT, 93, "protocol not supported")               \
    X(EOPNOTSUPP, 95, "operation not supported")                   \
    X(EAFNOSUPPORT, 97, "address family not supported")            \
    X(EADDRINUSE, 98, "address in use")                            \
    X(EADDRNOTAVAIL, 99, "no such local address, or no port left") \
    X(ENETDOWN, 100, "link is down")                               \
    X(ENETUNREACH, 101, "network unreachable")                     \
    X(ECONNABORTED, 103, "connection aborted")                     \
    X(ECONNRESET, 104, "connection reset by the peer")             \
    X(ENOBUFS, 105, "no buffer space")                             \
    X(EISCONN, 106, "connected already")                           \
    X(ENOTCONN, 107, "not connected")                              \
    X(ETIMEDOUT, 110, "timed out")                                 \
    X(ECONNREFUSED, 111, "connection refused")                     \
    X(EHOSTUNREACH, 113, "host unreachable")                       \
    X(EALREADY, 114, "under way already")                          \
    X(EINPROGRESS, 115, "in progress")

enum la_err {
    LA_OK = 0,
#define LA_ERR_ENUM(name, value, text) LA_##name = -(value),
    LA_ERRORS(LA_ERR_ENUM)
#undef LA_ERR_ENUM
};

/* The POSIX name ("ECONNRESET") or the sentence ("connection reset by the peer") of an error;
 * "?" for a number that is none. Static strings, never NULL. */
const char *la_err_name(int err);
const char *la_err_text(int err);

#pragma GCC visibility pop

#endif
