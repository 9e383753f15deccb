/* The functions of the interface: each fills in a call and makes it in its world. */
#include "shim/interface.h"
#include "shim/world.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* The host's descriptor of one of the tool's; what is none of ours is none of the host's. */
static int inside(const struct world *w, int fd)
{
    return fd >= w->base && fd < w->base + FD_STEP ? fd - w->base : -1;
}

/* A new descriptor as the tool sees it. */
static int outside(const struct world *w, int64_t fd)
{
    return fd < 0 ? -1 : (int)fd + w->base;
}

static int64_t make(void *u, int fd, struct px_call c)
{
    struct world *w = u;
    c.fd = inside(w, fd);
    return world_call(w, &c);
}

/* ---- the life of a socket ------------------------------------------------------------------- */

static void do_free(void *u)
{
    world_close(u);
}

static int do_socket(void *u, int domain, int type, int protocol)
{
    struct px_call c = {.op = PX_SOCKET, .socket = {domain, type, protocol}};
    return outside(u, world_call(u, &c));
}

static int do_bind(void *u, int fd, const struct sockaddr *addr, socklen_t len)
{
    world_names(u, addr, len, true);
    return (int)make(u, fd, (struct px_call){.op = PX_BIND, .name = {.in = addr, .in_len = len}});
}

static int do_listen(void *u, int fd, int backlog)
{
    return (int)make(u, fd, (struct px_call){.op = PX_LISTEN, .listen = {backlog}});
}

static int do_accept(void *u, int fd, struct sockaddr *addr, socklen_t *len)
{
    struct px_call c = {.op = PX_ACCEPT, .name = {.out = addr, .out_len = len}};
    return outside(u, make(u, fd, c));
}

static int do_connect(void *u, int fd, const struct sockaddr *addr, socklen_t len)
{
    world_names(u, addr, len, false);
    return (int)make(u, fd,
                     (struct px_call){.op = PX_CONNECT, .name = {.in = addr, .in_len = len}});
}

static int do_shutdown(void *u, int fd, int how)
{
    return (int)make(u, fd, (struct px_call){.op = PX_SHUTDOWN, .shutdown = {how}});
}

static int do_close(void *u, int fd)
{
    return (int)make(u, fd, (struct px_call){.op = PX_CLOSE});
}

/* ---- bytes ---------------------------------------------------------------------------------- */

static ssize_t do_read(void *u, int fd, void *data, size_t len)
{
    return make(u, fd, (struct px_call){.op = PX_READ, .io = {.data = data, .len = len}});
}

static ssize_t do_readv(void *u, int fd, const struct iovec *iov, int count)
{
    return make(u, fd, (struct px_call){.op = PX_READV, .iov = {iov, count}});
}

static ssize_t do_recv(void *u, int fd, void *data, size_t len, int flags)
{
    struct px_call c = {.op = PX_RECV, .io = {.data = data, .len = len, .flags = flags}};
    return make(u, fd, c);
}

static ssize_t do_recvfrom(void *u, int fd, void *data, size_t len, int flags,
                           struct sockaddr *from, socklen_t *from_len)
{
    struct px_call c = {
        .op = PX_RECVFROM,
        .io = {.data = data, .len = len, .flags = flags, .from = from, .from_len = from_len}};
    return make(u, fd, c);
}

static ssize_t do_recvmsg(void *u, int fd, struct msghdr *msg, int flags)
{
    return make(u, fd, (struct px_call){.op = PX_RECVMSG, .msg = {msg, flags}});
}

/* The calls that send do not write to what they are given, whatever its type says. */
static void *plain(const void *p)
{
    return (void *)(uintptr_t)p;
}

static ssize_t do_write(void *u, int fd, const void *data, size_t len)
{
    return make(u, fd, (struct px_call){.op = PX_WRITE, .io = {.data = plain(data), .len = len}});
}

static ssize_t do_writev(void *u, int fd, const struct iovec *iov, int count)
{
    return make(u, fd, (struct px_call){.op = PX_WRITEV, .iov = {iov, count}});
}

static ssize_t do_send(void *u, int fd, const void *data, size_t len, int flags)
{
    struct px_call c = {.op = PX_SEND, .io = {.data = plain(data), .len = len, .flags = flags}};
    return make(u, fd, c);
}

static ssize_t do_sendto(void *u, int fd, const void *data, size_t len, int flags,
                         const struct sockaddr *to, socklen_t to_len)
{
    struct px_call c = {
        .op = PX_SENDTO,
        .io = {.data = plain(data), .len = len, .flags = flags, .to = to, .to_len = to_len}};
    world_names(u, to, to_len, false);
    return make(u, fd, c);
}

static ssize_t do_sendmsg(void *u, int fd, const struct msghdr *msg, int flags)
{
    if (msg)
        world_names(u, msg->msg_name, msg->msg_namelen, false);
    return make(u, fd, (struct px_call){.op = PX_SENDMSG, .msg = {plain(msg), flags}});
}

/* ---- control -------------------------------------------------------------------------------- */

static int do_fcntl(void *u, int fd, int command, ...)
{
    long arg = 0;
    bool has_arg = command != F_GETFL && command != F_GETFD;
    va_list ap;
    va_start(ap, command);
    if (has_arg)
        arg = va_arg(ap, int);
    va_end(ap);
    int64_t result = make(u, fd, (struct px_call){.op = PX_FCNTL, .fcntl = {command, arg}});
    bool made = command == F_DUPFD || command == F_DUPFD_CLOEXEC;
    return made ? outside(u, result) : (int)result;
}

static int do_ioctl(void *u, int fd, unsigned long request, ...)
{
    va_list ap;
    va_start(ap, request);
    void *arg = va_arg(ap, void *);
    va_end(ap);
    return (int)make(u, fd, (struct px_call){.op = PX_IOCTL, .ioctl = {(unsigned)request, arg}});
}

static int do_getsockopt(void *u, int fd, int level, int name, void *value, socklen_t *len)
{
    struct px_call c = {.op = PX_GETSOCKOPT,
                        .sockopt = {.level = level, .name = name, .value = value, .len_ptr = len}};
    return (int)make(u, fd, c);
}

static int do_setsockopt(void *u, int fd, int level, int name, const void *value, socklen_t len)
{
    struct px_call c = {
        .op = PX_SETSOCKOPT,
        .sockopt = {.level = level, .name = name, .value = plain(value), .len = len}};
    return (int)make(u, fd, c);
}

/* ---- readiness ------------------------------------------------------------------------------ */

static int do_poll(void *u, struct pollfd *fds, nfds_t count, int timeout_ms)
{
    struct world *w = u;
    struct pollfd *ours = count && fds ? calloc(count, sizeof(*ours)) : NULL;
    if (count && fds && !ours) {
        errno = ENOMEM;
        return -1;
    }
    for (nfds_t i = 0; ours && i < count; i++) {
        ours[i] = fds[i];
        /* One that is not ours has to be looked for, and not to be found. */
        ours[i].fd = fds[i].fd < 0 ? fds[i].fd : inside(w, fds[i].fd);
        ours[i].fd = fds[i].fd >= 0 && ours[i].fd < 0 ? FD_STEP : ours[i].fd;
    }
    struct px_call c = {.op = PX_POLL, .poll = {ours, count, timeout_ms}};
    int n = (int)world_call(w, &c);
    int saved = errno;
    for (nfds_t i = 0; ours && n >= 0 && i < count; i++)
        fds[i].revents = ours[i].revents;
    free(ours);
    errno = saved;
    return n;
}

static int do_epoll_create(void *u, int size)
{
    struct px_call c = {.op = PX_EPOLL_CREATE, .epoll_create = {size}};
    return outside(u, world_call(u, &c));
}

static int do_epoll_ctl(void *u, int set, int op, int fd, struct epoll_event *event)
{
    struct px_call c = {.op = PX_EPOLL_CTL, .epoll_ctl = {op, inside(u, fd), event}};
    return (int)make(u, set, c);
}

static int do_epoll_wait(void *u, int set, struct epoll_event *events, int max, int timeout_ms)
{
    struct px_call c = {.op = PX_EPOLL_WAIT, .epoll_wait = {events, max, timeout_ms}};
    return (int)make(u, set, c);
}

static int do_pipe(void *u, int fds[2])
{
    struct px_call c = {.op = PX_PIPE, .pipe = {fds, 0}};
    int64_t result = world_call(u, &c);
    if (result == 0) {
        fds[0] = outside(u, fds[0]);
        fds[1] = outside(u, fds[1]);
    }
    return (int)result;
}

static int do_splice(void *u, int from, loff_t *from_offset, int to, loff_t *to_offset, size_t len,
                     unsigned flags)
{
    struct px_call c = {.op = PX_SPLICE,
                        .splice = {.in_offset = from_offset,
                                   .out = inside(u, to),
                                   .out_offset = to_offset,
                                   .len = len,
                                   .flags = flags}};
    return (int)make(u, from, c);
}

/* ---- packets and time ----------------------------------------------------------------------- */

static int do_netdev_send(void *u, const void *ip_packet, size_t len)
{
    return world_send(u, ip_packet, len);
}

static int do_netdev_receive(void *u, void *buffer, size_t *count, long long *time_us)
{
    return world_receive(u, buffer, count, time_us);
}

static int do_usleep(void *u, useconds_t us)
{
    world_sleep(u, us);
    return 0;
}

static int do_gettimeofday(void *u, struct timeval *tv, struct timezone *tz)
{
    uint64_t us = world_ask_us(u);
    if (tv)
        *tv = (struct timeval){.tv_sec = (time_t)(us / 1000000),
                               .tv_usec = (suseconds_t)(us % 1000000)};
    if (tz)
        *tz = (struct timezone){0};
    return 0;
}

/* ---- the entry point ------------------------------------------------------------------------ */

int packetdrill_interface_init(const char *flags, struct packetdrill_interface *interface)
{
    struct world *w = world_open(flags);
    if (!w)
        return -1;
    *interface = (struct packetdrill_interface){
        .userdata = w,
        .free = do_free,
        .socket = do_socket,
        .bind = do_bind,
        .listen = do_listen,
        .accept = do_accept,
        .connect = do_connect,
        .read = do_read,
        .readv = do_readv,
        .recv = do_recv,
        .recvfrom = do_recvfrom,
        .recvmsg = do_recvmsg,
        .write = do_write,
        .writev = do_writev,
        .send = do_send,
        .sendto = do_sendto,
        .sendmsg = do_sendmsg,
        .fcntl = do_fcntl,
        .ioctl = do_ioctl,
        .close = do_close,
        .shutdown = do_shutdown,
        .getsockopt = do_getsockopt,
        .setsockopt = do_setsockopt,
        .poll = do_poll,
        .netdev_send = do_netdev_send,
        .netdev_receive = do_netdev_receive,
        .usleep = do_usleep,
        .gettimeofday = do_gettimeofday,
        .epoll_create = do_epoll_create,
        .epoll_ctl = do_epoll_ctl,
        .epoll_wait = do_epoll_wait,
        .pipe = do_pipe,
        .splice = do_splice,
    };
    return 0;
}
