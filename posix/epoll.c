/* Sets of descriptors that are watched: epoll.
 *
 * A set is a list of items in the order in which they are reported. Nothing is noted when a file
 * becomes ready; epoll_wait() looks. What edge-triggered items need instead of a queue is a stamp:
 * a number that changes with everything that wakes who waits for the file (file_stamp). An edge is
 * a stamp that differs from the one last reported, so events between two calls count as one, as
 * they do in Linux. A level that was reported goes to the end of the list, for fairness. */
#include "posix/host.h"

#include <fcntl.h>
#include <stdlib.h>

#define ASKED_NOT (EPOLLET | EPOLLONESHOT | EPOLLEXCLUSIVE | EPOLLWAKEUP)

struct item {
    struct item *next;
    struct px_file *file;
    int fd;
    uint32_t events;
    epoll_data_t data;
    uint64_t stamp;
    bool fresh;    /* nothing was reported since it was set */
    bool disarmed; /* EPOLLONESHOT, and it was reported */
};

struct px_epoll {
    struct item *items;
};

/* ---- the set -------------------------------------------------------------------------------- */

static struct item **find(struct px_epoll *e, const struct px_file *file, int fd)
{
    struct item **at = &e->items;
    while (*at && ((*at)->file != file || (*at)->fd != fd))
        at = &(*at)->next;
    return at;
}

static void append(struct px_epoll *e, struct item *i)
{
    struct item **at = &e->items;
    while (*at)
        at = &(*at)->next;
    i->next = NULL;
    *at = i;
}

void epoll_release(struct px_host *h, struct px_epoll *e)
{
    while (e->items) {
        struct item *i = e->items;
        e->items = i->next;
        free(i);
    }
    h->epolls--;
    free(e);
}

void epoll_forget(struct px_host *h, const struct px_file *f)
{
    if (h->epolls == 0)
        return;
    for (struct px_file *other = h->files; other; other = other->next) {
        struct item **at = other->epoll ? &other->epoll->items : NULL;
        while (at && *at) {
            struct item *i = *at;
            if (i->file != f) {
                at = &i->next;
                continue;
            }
            *at = i->next;
            free(i);
        }
    }
}

/* What of an item is to be reported now; an edge is taken by this. */
static uint32_t holds(struct px_host *h, struct item *i, bool take)
{
    if (i->disarmed)
        return 0;
    uint32_t asked = (i->events & ~(uint32_t)ASKED_NOT) | EPOLLERR | EPOLLHUP;
    uint32_t now = file_ready(h, i->file) & asked;
    if (!(i->events & EPOLLET) || now == 0)
        return now;
    uint64_t stamp = file_stamp(h, i->file);
    if (!i->fresh && stamp == i->stamp)
        return 0;
    if (take) {
        i->stamp = stamp;
        i->fresh = false;
    }
    return now;
}

bool epoll_ready(struct px_host *h, struct px_epoll *e)
{
    for (struct item *i = e->items; i; i = i->next)
        if (holds(h, i, false))
            return true;
    return false;
}

/* ---- calls ---------------------------------------------------------------------------------- */

int64_t call_epoll_create(struct step *s)
{
    int arg = s->c->epoll_create.size_or_flags;
    bool old = s->c->op == PX_EPOLL_CREATE;
    if (old ? arg <= 0 : (arg & ~EPOLL_CLOEXEC) != 0)
        return -EINVAL;
    struct px_file *f = file_new(s->h, PX_KIND_EPOLL, O_RDWR);
    struct px_epoll *e = f ? calloc(1, sizeof(*e)) : NULL;
    if (!e) {
        if (f)
            file_drop(s->h, f);
        return -ENOMEM;
    }
    f->epoll = e;
    s->h->epolls++;
    int fd = file_install(s->h, f, FIRST_FD, !old && (arg & EPOLL_CLOEXEC));
    if (fd < 0)
        file_drop(s->h, f);
    return fd;
}

/* A set in a set in a set: Linux allows a few, and no ring; here one stands in another at most. */
static bool holds_sets(const struct px_epoll *e)
{
    for (const struct item *i = e->items; i; i = i->next)
        if (i->file->kind == PX_KIND_EPOLL)
            return true;
    return false;
}

static bool in_a_set(const struct px_host *h, const struct px_file *f)
{
    for (struct px_file *other = h->files; other; other = other->next)
        for (struct item *i = other->epoll ? other->epoll->items : NULL; i; i = i->next)
            if (i->file == f)
                return true;
    return false;
}

static int64_t add(struct step *s, struct px_file *target, const struct epoll_event *event)
{
    struct px_epoll *e = s->f->epoll;
    if (target->kind == PX_KIND_EPOLL &&
        (holds_sets(target->epoll) || in_a_set(s->h, s->f) || (event->events & EPOLLEXCLUSIVE)))
        return (event->events & EPOLLEXCLUSIVE) ? -EINVAL : -ELOOP;
    struct item *i = calloc(1, sizeof(*i));
    if (!i)
        return -ENOMEM;
    i->file = target;
    i->fd = s->c->epoll_ctl.target;
    i->events = event->events;
    i->data = event->data;
    i->fresh = true;
    append(e, i);
    return 0;
}

static int64_t change(struct item *i, const struct epoll_event *event)
{
    if ((i->events | event->events) & EPOLLEXCLUSIVE)
        return -EINVAL;
    i->events = event->events;
    i->data = event->data;
    i->fresh = true;
    i->disarmed = false;
    return 0;
}

int64_t call_epoll_ctl(struct step *s)
{
    const struct epoll_event *event = s->c->epoll_ctl.event;
    int op = s->c->epoll_ctl.op;
    if (op != EPOLL_CTL_DEL && !event)
        return -EFAULT;
    struct px_file *target = file_at(s->h, s->c->epoll_ctl.target);
    if (!target)
        return -EBADF;
    if (target->kind == PX_KIND_FILE)
        return -EPERM;
    if (s->f->kind != PX_KIND_EPOLL || target == s->f)
        return -EINVAL;
    struct item **at = find(s->f->epoll, target, s->c->epoll_ctl.target);
    struct item *i = *at;
    switch (op) {
    case EPOLL_CTL_ADD:
        return i ? -EEXIST : add(s, target, event);
    case EPOLL_CTL_MOD:
        return i ? change(i, event) : -ENOENT;
    case EPOLL_CTL_DEL:
        if (!i)
            return -ENOENT;
        *at = i->next;
        free(i);
        return 0;
    default:
        return -EINVAL;
    }
}

/* Fills `out`; what was reported goes to the end, in order. */
static int collect(struct px_host *h, struct px_epoll *e, struct epoll_event *out, int max)
{
    struct item *reported = NULL, **last = &reported, **at = &e->items;
    int n = 0;
    while (*at && n < max) {
        struct item *i = *at;
        uint32_t now = holds(h, i, true);
        if (!now) {
            at = &i->next;
            continue;
        }
        out[n++] = (struct epoll_event){.events = now, .data = i->data};
        i->disarmed = (i->events & EPOLLONESHOT) != 0;
        *at = i->next;
        *last = i;
        last = &i->next;
    }
    *last = NULL;
    while (*at)
        at = &(*at)->next;
    *at = reported;
    return n;
}

int64_t call_epoll_wait(struct step *s)
{
    int max = s->c->epoll_wait.max;
    if (s->f->kind != PX_KIND_EPOLL || max <= 0 ||
        max > (int)(INT32_MAX / sizeof(struct epoll_event)))
        return -EINVAL;
    if (!s->c->epoll_wait.events)
        return -EFAULT;
    int n = collect(s->h, s->f->epoll, s->c->epoll_wait.events, max);
    return n ? n : call_wait_ms(s, s->c->epoll_wait.timeout_ms);
}
