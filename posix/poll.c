/* Readiness of everything that has a descriptor, and poll(). */
#include "posix/host.h"

#define IN  (POLLIN | POLLRDNORM)
#define OUT (POLLOUT | POLLWRNORM)

/* SO_RCVLOWAT: a stream with less than that is not readable, unless there is more to say. */
static bool below_mark(struct px_host *h, const struct px_sock *k, unsigned events)
{
    struct la_tcp_info info;
    if (k->rcv_lowat <= 1 || (events & (POLLRDHUP | POLLERR | POLLHUP)) || k->listening)
        return false;
    return sock_info(h, k, &info) && info.rcv_queued < (uint32_t)k->rcv_lowat;
}

static unsigned sock_ready(struct px_host *h, const struct px_sock *k)
{
    const unsigned all = POLLIN | POLLPRI | POLLOUT | POLLRDHUP;
    unsigned events = sock_events(h, k, all);
    if ((events & POLLIN) && below_mark(h, k, events))
        events &= ~(unsigned)POLLIN;
    if (k->peeked.len >= 0)
        events |= POLLIN;
    if (notes_waiting(k))
        events |= POLLERR;
    events |= (events & POLLIN) ? POLLRDNORM : 0;
    events |= (events & POLLOUT) ? POLLWRNORM : 0;
    return events;
}

unsigned file_ready(struct px_host *h, struct px_file *f)
{
    switch (f->kind) {
    case PX_KIND_STREAM:
    case PX_KIND_DATAGRAM:
        return sock_ready(h, &f->sock);
    case PX_KIND_PIPE:
        return pipe_ready(f->pipe, f->pipe_writes);
    case PX_KIND_EPOLL:
        return epoll_ready(h, f->epoll) ? IN : 0;
    default:
        return IN | OUT;
    }
}

/* ---- what wakes who waits ------------------------------------------------------------------- */

static uint64_t mix(uint64_t hash, uint64_t value)
{
    return (hash ^ value) * UINT64_C(0x100000001b3);
}

uint64_t file_stamp(struct px_host *h, struct px_file *f)
{
    struct la_tcp_info info;
    struct px_sock *k = &f->sock;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    if (f->kind == PX_KIND_PIPE)
        return mix(hash, pipe_stamp(f->pipe, f->pipe_writes));
    if (!is_socket(f))
        return hash;
    if (k->no_space && (file_ready(h, f) & POLLOUT)) {
        k->no_space = false;
        k->edges_out++;
    }
    hash = mix(mix(hash, k->notes_in), k->edges_out);
    if (f->kind == PX_KIND_DATAGRAM)
        return mix(hash, h->datagrams);
    if (!sock_info(h, k, &info))
        return hash;
    if (k->listening)
        return mix(hash, info.accept_total);
    hash = mix(mix(mix(hash, info.rcv_nxt), info.state), (uint32_t)info.error);
    return mix(hash, (uint64_t)(k->shut_rd + 2 * k->shut_wr));
}

/* ---- poll ----------------------------------------------------------------------------------- */

int64_t call_poll(struct step *s)
{
    struct pollfd *fds = s->c->poll.fds;
    int found = 0;
    if (s->c->poll.count > (nfds_t)s->h->fds_max)
        return -EINVAL;
    if (!fds && s->c->poll.count > 0)
        return -EFAULT;
    for (nfds_t i = 0; i < s->c->poll.count; i++) {
        struct px_file *f = file_at(s->h, fds[i].fd);
        unsigned asked = (unsigned short)fds[i].events | POLLERR | POLLHUP;
        unsigned holds = f ? file_ready(s->h, f) & asked : POLLNVAL;
        fds[i].revents = fds[i].fd < 0 ? 0 : (short)holds;
        found += fds[i].revents != 0;
    }
    return found ? found : call_wait_ms(s, s->c->poll.timeout_ms);
}
