/* One call object, one call of the C library. */
#include "drill/kernel_call.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <unistd.h>

static int64_t call_names(struct px_call *c)
{
    switch (c->op) {
    case PX_BIND:
        return bind(c->fd, c->name.in, c->name.in_len);
    case PX_CONNECT:
        return connect(c->fd, c->name.in, c->name.in_len);
    case PX_ACCEPT:
        return accept4(c->fd, c->name.out, c->name.out_len, c->name.flags);
    case PX_GETSOCKNAME:
        return getsockname(c->fd, c->name.out, c->name.out_len);
    default:
        return getpeername(c->fd, c->name.out, c->name.out_len);
    }
}

static int64_t call_bytes(struct px_call *c)
{
    switch (c->op) {
    case PX_READ:
        return read(c->fd, c->io.data, c->io.len);
    case PX_READV:
        return readv(c->fd, c->iov.iov, c->iov.count);
    case PX_RECV:
        return recv(c->fd, c->io.data, c->io.len, c->io.flags);
    case PX_RECVFROM:
        return recvfrom(c->fd, c->io.data, c->io.len, c->io.flags, c->io.from, c->io.from_len);
    case PX_RECVMSG:
        return recvmsg(c->fd, c->msg.msg, c->msg.flags);
    case PX_WRITE:
        return write(c->fd, c->io.data, c->io.len);
    case PX_WRITEV:
        return writev(c->fd, c->iov.iov, c->iov.count);
    case PX_SEND:
        return send(c->fd, c->io.data, c->io.len, c->io.flags | MSG_NOSIGNAL);
    case PX_SENDTO:
        return sendto(c->fd, c->io.data, c->io.len, c->io.flags | MSG_NOSIGNAL, c->io.to,
                      c->io.to_len);
    case PX_SENDMSG:
        return sendmsg(c->fd, c->msg.msg, c->msg.flags | MSG_NOSIGNAL);
    case PX_SPLICE:
        return splice(c->fd, c->splice.in_offset, c->splice.out, c->splice.out_offset,
                      c->splice.len, c->splice.flags);
    default:
        return sendfile(c->fd, c->sendfile.in, c->sendfile.offset, c->sendfile.count);
    }
}

static int64_t call_options(struct px_call *c)
{
    switch (c->op) {
    case PX_FCNTL:
        return fcntl(c->fd, c->fcntl.cmd, c->fcntl.arg);
    case PX_IOCTL:
        return ioctl(c->fd, c->ioctl.request, c->ioctl.arg);
    case PX_GETSOCKOPT:
        return getsockopt(c->fd, c->sockopt.level, c->sockopt.name, c->sockopt.value,
                          c->sockopt.len_ptr);
    default:
        return setsockopt(c->fd, c->sockopt.level, c->sockopt.name, c->sockopt.value,
                          c->sockopt.len);
    }
}

static int64_t call_rest(struct px_call *c)
{
    switch (c->op) {
    case PX_SOCKET:
        return socket(c->socket.domain, c->socket.type, c->socket.protocol);
    case PX_LISTEN:
        return listen(c->fd, c->listen.backlog);
    case PX_CLOSE:
        return close(c->fd);
    case PX_SHUTDOWN:
        return shutdown(c->fd, c->shutdown.how);
    case PX_POLL:
        return poll(c->poll.fds, c->poll.count, c->poll.timeout_ms);
    case PX_EPOLL_CREATE:
        return epoll_create(c->epoll_create.size_or_flags);
    case PX_EPOLL_CREATE1:
        return epoll_create1(c->epoll_create.size_or_flags);
    case PX_EPOLL_CTL:
        return epoll_ctl(c->fd, c->epoll_ctl.op, c->epoll_ctl.target, c->epoll_ctl.event);
    case PX_EPOLL_WAIT:
        return epoll_wait(c->fd, c->epoll_wait.events, c->epoll_wait.max, c->epoll_wait.timeout_ms);
    case PX_PIPE:
        return pipe2(c->pipe.fds, c->pipe.flags);
    case PX_OPEN:
        return open(c->open.path, c->open.flags & (O_ACCMODE | O_NONBLOCK | O_CLOEXEC));
    case PX_DUP:
        return dup(c->fd);
    default:
        errno = ENOSYS;
        return -1;
    }
}

void kernel_call(struct px_call *c)
{
    switch (c->op) {
    case PX_BIND:
    case PX_CONNECT:
    case PX_ACCEPT:
    case PX_GETSOCKNAME:
    case PX_GETPEERNAME:
        c->result = call_names(c);
        break;
    case PX_READ:
    case PX_READV:
    case PX_RECV:
    case PX_RECVFROM:
    case PX_RECVMSG:
    case PX_WRITE:
    case PX_WRITEV:
    case PX_SEND:
    case PX_SENDTO:
    case PX_SENDMSG:
    case PX_SPLICE:
    case PX_SENDFILE:
        c->result = call_bytes(c);
        break;
    case PX_FCNTL:
    case PX_IOCTL:
    case PX_GETSOCKOPT:
    case PX_SETSOCKOPT:
        c->result = call_options(c);
        break;
    default:
        c->result = call_rest(c);
        break;
    }
    c->err = c->result == -1 ? errno : 0;
}
