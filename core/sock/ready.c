/* Readiness: what holds of a socket now, as poll(2) of Linux says it.
 *
 * There is no state here: the stack's queue already is a level (la_stack_poll), so an event is only
 * translated, and a socket that nobody looks at is reported again. */
#include "sock/table.h"

#include <lastack/udp.h>

#define ALWAYS   (LA_POLLERR | LA_POLLHUP)
#define CHOSEN   (LA_POLLIN | LA_POLLPRI | LA_POLLOUT)
#define REPORTED (ALWAYS | LA_POLLRDHUP) /* asked for or not */

void sock_announce(struct la_sock_table *t, struct sock *s)
{
    uint32_t events = LA_EV_CONNECTED | LA_EV_PEER_CLOSED | LA_EV_CLOSED;
    uint64_t user = (uint64_t)sock_fd(t, s);
    if (s->want & LA_POLLIN) {
        events |= LA_EV_READABLE | LA_EV_ACCEPTABLE;
    }
    if (s->want & LA_POLLOUT) {
        events |= LA_EV_WRITABLE;
    }
    if (s->want & LA_POLLPRI) {
        events |= LA_EV_URGENT;
    }
    (void)((s->flags & SOCK_DGRAM) ? la_udp_set_user(t->stack, s->handle, user)
                                   : la_tcp_set_user(t->stack, s->handle, user));
    (void)la_stack_want(t->stack, s->handle, events);
}

static uint16_t connection_events(const struct la_sock_table *t, const struct sock *s)
{
    int ready = la_stack_ready(t->stack, s->handle);
    bool over = ready < 0 || (ready & (LA_EV_ERROR | LA_EV_CLOSED));
    bool no_more_in = over || (ready & LA_EV_PEER_CLOSED) || (s->flags & SOCK_SHUT_RD);
    bool no_more_out = over || (s->flags & SOCK_SHUT_WR);
    unsigned events = 0;

    if (no_more_in || (ready & LA_EV_READABLE)) {
        events |= LA_POLLIN;
    }
    if (no_more_out || (ready & LA_EV_WRITABLE)) {
        events |= LA_POLLOUT;
    }
    if (ready > 0 && (ready & LA_EV_ERROR) && !(s->flags & SOCK_TOLD)) {
        events |= LA_POLLERR;
    }
    if (ready > 0 && (ready & LA_EV_URGENT)) {
        events |= LA_POLLPRI;
    }
    events |= no_more_in ? LA_POLLRDHUP : 0U;
    events |= no_more_in && no_more_out ? LA_POLLHUP : 0U;
    return (uint16_t)events;
}

static uint16_t datagram_events(const struct la_sock_table *t, const struct sock *s)
{
    int ready = s->handle ? la_stack_ready(t->stack, s->handle) : LA_EV_WRITABLE;
    unsigned events = 0;
    if (ready < 0) {
        return LA_POLLERR;
    }
    if ((ready & LA_EV_READABLE) || (s->flags & SOCK_SHUT_RD)) {
        events |= LA_POLLIN;
    }
    if ((ready & LA_EV_WRITABLE) || (s->flags & SOCK_SHUT_WR)) {
        events |= LA_POLLOUT;
    }
    events |= (ready & LA_EV_ERROR) ? LA_POLLERR : 0U;
    events |= (s->flags & SOCK_SHUT_RD) ? LA_POLLRDHUP : 0U;
    return (uint16_t)events;
}

static uint16_t events_of(struct la_sock_table *t, struct sock *s)
{
    if (s->flags & SOCK_DGRAM) {
        return datagram_events(t, s);
    }
    switch (sock_role(t, s)) {
    case SOCK_CONNECTING:
        return 0;
    case SOCK_LISTENING:
        return la_stack_ready(t->stack, s->handle) & LA_EV_ACCEPTABLE ? LA_POLLIN : 0;
    case SOCK_WAITING:
    case SOCK_CONNECTED:
    case SOCK_FAILED:
        return connection_events(t, s);
    default:
        return LA_POLLOUT | LA_POLLHUP; /* as Linux: nothing here would wait */
    }
}

int la_sock_poll(struct la_sock_table *t, struct la_pollfd *fds, size_t n)
{
    int found = 0;
    for (size_t i = 0; i < n; i++) {
        struct sock *s = sock_at(t, fds[i].fd);
        fds[i].revents = 0;
        if (fds[i].fd < 0) {
            continue;
        }
        fds[i].revents = s ? events_of(t, s) & (fds[i].events | ALWAYS) : LA_POLLNVAL;
        found += fds[i].revents ? 1 : 0;
    }
    return found;
}

size_t la_sock_dispatch(struct la_sock_table *t, const struct la_event *events, size_t n,
                        struct la_pollfd *ready)
{
    size_t found = 0;
    for (size_t i = 0; i < n; i++) {
        struct sock *s = events[i].user < t->max ? sock_at(t, (int)events[i].user) : NULL;
        if (!s || s->handle != events[i].handle) {
            continue;
        }
        uint16_t want = s->want | REPORTED;
        if (events[i].events & LA_EV_CONNECTED) {
            want |= LA_POLLOUT; /* connecting is over: told once, asked for or not */
        }
        uint16_t holds = events_of(t, s) & want;
        if (holds) {
            ready[found++] =
                (struct la_pollfd){.fd = sock_fd(t, s), .events = s->want, .revents = holds};
        }
    }
    return found;
}

int la_sock_want(struct la_sock_table *t, int fd, uint16_t events)
{
    struct sock *s = sock_at(t, fd);
    if (!s) {
        return LA_EBADF;
    }
    s->want = events & CHOSEN;
    if (s->handle) {
        sock_announce(t, s);
    }
    return LA_OK;
}
