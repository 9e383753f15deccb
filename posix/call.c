/* Calls as objects: which handler makes them, and what waiting and giving up mean.
 *
 * The descriptor is looked up once, in px_begin(): a call that waits belongs to the file it began
 * with, even when another thread closes the descriptor meanwhile, as in a kernel. */
#include "posix/host.h"

#include <fcntl.h>

struct op {
    handler *run;
    bool has_fd;
    bool socket_only; /* ENOTSOCK for anything else */
};

static const struct op ops[PX_OPS] = {
    [PX_SOCKET] = {call_socket, false, false},
    [PX_BIND] = {call_bind, true, true},
    [PX_LISTEN] = {call_listen, true, true},
    [PX_ACCEPT] = {call_accept, true, true},
    [PX_CONNECT] = {call_connect, true, true},
    [PX_READ] = {call_read, true, false},
    [PX_READV] = {call_readv, true, false},
    [PX_RECV] = {call_recv, true, true},
    [PX_RECVFROM] = {call_recv, true, true},
    [PX_RECVMSG] = {call_recvmsg, true, true},
    [PX_WRITE] = {call_write, true, false},
    [PX_WRITEV] = {call_writev, true, false},
    [PX_SEND] = {call_send, true, true},
    [PX_SENDTO] = {call_send, true, true},
    [PX_SENDMSG] = {call_sendmsg, true, true},
    [PX_FCNTL] = {call_fcntl, true, false},
    [PX_IOCTL] = {call_ioctl, true, false},
    [PX_CLOSE] = {call_close, true, false},
    [PX_SHUTDOWN] = {call_shutdown, true, true},
    [PX_GETSOCKOPT] = {call_getsockopt, true, true},
    [PX_SETSOCKOPT] = {call_setsockopt, true, true},
    [PX_GETSOCKNAME] = {call_getsockname, true, true},
    [PX_GETPEERNAME] = {call_getpeername, true, true},
    [PX_POLL] = {call_poll, false, false},
    [PX_EPOLL_CREATE] = {call_epoll_create, false, false},
    [PX_EPOLL_CREATE1] = {call_epoll_create, false, false},
    [PX_EPOLL_CTL] = {call_epoll_ctl, true, false},
    [PX_EPOLL_WAIT] = {call_epoll_wait, true, false},
    [PX_PIPE] = {call_pipe, false, false},
    [PX_SPLICE] = {call_splice, true, false},
    [PX_SENDFILE] = {call_sendfile, true, false},
    [PX_OPEN] = {call_open, false, false},
    [PX_DUP] = {call_dup, true, false},
};

/* ---- waiting -------------------------------------------------------------------------------- */

static void arm(struct step *s, uint64_t timeout_ns)
{
    if (s->first)
        s->c->at.deadline_ns =
            timeout_ns < UINT64_MAX - s->now_ns ? s->now_ns + timeout_ns : UINT64_MAX;
}

int64_t call_wait(struct step *s, bool dont, uint64_t timeout_ns)
{
    if (dont || (s->f && (s->f->status & O_NONBLOCK)))
        return -EAGAIN;
    if (s->given_up)
        return -EINTR;
    arm(s, timeout_ns ? timeout_ns : UINT64_MAX);
    return s->now_ns >= s->c->at.deadline_ns ? -EAGAIN : WAIT;
}

int64_t call_wait_ms(struct step *s, int timeout_ms)
{
    if (timeout_ms == 0)
        return 0;
    if (s->given_up)
        return -EINTR;
    arm(s, timeout_ms < 0 ? UINT64_MAX : (uint64_t)timeout_ms * (uint64_t)LA_NS_PER_MS);
    return s->now_ns >= s->c->at.deadline_ns ? 0 : WAIT;
}

/* ---- the calls ------------------------------------------------------------------------------ */

static enum px_status done(struct px_host *h, struct px_call *c, int64_t result)
{
    struct px_file *held = c->at.held;
    c->at.held = NULL;
    c->at.waits = false;
    c->at.deadline_ns = UINT64_MAX;
    c->result = result < 0 ? -1 : result;
    c->err = result < 0 ? (int)-result : 0;
    if (held)
        file_drop(h, held);
    return PX_DONE;
}

static enum px_status run(struct px_host *h, struct px_call *c, uint64_t now_ns, bool first,
                          bool given_up)
{
    host_clock(h, now_ns);
    struct step s = {
        .h = h, .c = c, .f = c->at.held, .now_ns = h->now_ns, .first = first, .given_up = given_up};
    int64_t result = ops[c->op].run(&s);
    c->at.waits = result == WAIT && !given_up;
    if (c->at.waits)
        return PX_BLOCKED;
    return done(h, c, result == WAIT ? -EINTR : result);
}

enum px_status px_begin(struct px_host *h, struct px_call *c, uint64_t now_ns)
{
    c->at = (struct px_progress){.begun_ns = now_ns, .deadline_ns = UINT64_MAX};
    if ((unsigned)c->op >= PX_OPS)
        return done(h, c, -ENOSYS);
    if (ops[c->op].has_fd) {
        struct px_file *f = file_at(h, c->fd);
        if (!f)
            return done(h, c, -EBADF);
        if (ops[c->op].socket_only && !is_socket(f))
            return done(h, c, -ENOTSOCK);
        file_hold(f);
        c->at.held = f;
    }
    return run(h, c, now_ns, true, false);
}

enum px_status px_step(struct px_host *h, struct px_call *c, uint64_t now_ns)
{
    return c->at.waits ? run(h, c, now_ns, false, false) : PX_DONE;
}

uint64_t px_call_deadline(const struct px_call *c)
{
    return c->at.deadline_ns;
}

void px_cancel(struct px_host *h, struct px_call *c, uint64_t now_ns)
{
    if (c->at.waits)
        (void)run(h, c, now_ns, false, true);
}
