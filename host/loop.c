/* The event loop: one stack, one link, the descriptors of the application, ppoll(2).
 *
 * A turn sends first, because the calls the application made since the last turn may have left
 * segments; then waits; then reads what came, runs what is due and sends the answers. The clock
 * is read once before the wait and once after it. Writability of the link is only waited for when
 * the link refused a frame: else ppoll() would never sleep.
 *
 * Invariant: fds[0] is the link's; what it refused is back in the stack (la_stack_sent). */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>

#include <lastack/host.h>

#include "link/message.h"

#define BATCH              64
#define BATCHES_A_TURN_MAX 4 /* so that a flood does not keep the application from its turn */

struct la_host {
    struct la_stack *stack;
    struct la_link *link;
    int link_id;
    bool link_full;
    struct pollfd *fds;
    size_t fds_count;
    struct la_frame frames[BATCH];
};

int la_host_create(struct la_stack *stack, struct la_link *link, struct la_host **host)
{
    struct la_host *h = calloc(1, sizeof(*h));
    struct pollfd *fds = calloc(1, sizeof(*fds));
    int id = h && fds ? la_stack_link_add(stack, &link->info) : LA_ENOMEM;
    if (id < 0) {
        free(h);
        free(fds);
        return id;
    }
    h->stack = stack;
    h->link = link;
    h->link_id = id;
    h->fds = fds;
    h->fds_count = 1;
    h->fds[0].fd = link->fd; /* -1 is passed over by ppoll() */
    *host = h;
    return 0;
}

void la_host_destroy(struct la_host *host)
{
    la_link_close(host->link); /* gives buffers back to the stack, so it goes first */
    la_stack_destroy(host->stack);
    free(host->fds);
    free(host);
}

struct la_stack *la_host_stack(struct la_host *host)
{
    return host->stack;
}

int la_host_link_id(const struct la_host *host)
{
    return host->link_id;
}

/* ---- descriptors of the application --------------------------------------------------------- */

static struct pollfd *watched(const struct la_host *host, int fd)
{
    for (size_t i = 1; i < host->fds_count; i++)
        if (host->fds[i].fd == fd)
            return &host->fds[i];
    return NULL;
}

int la_host_watch(struct la_host *host, int fd, short events)
{
    if (fd < 0)
        return LA_EBADF;
    struct pollfd *entry = watched(host, fd);
    if (entry && events == 0) {
        *entry = host->fds[--host->fds_count];
        return 0;
    }
    if (!entry && events != 0) {
        struct pollfd *fds = realloc(host->fds, (host->fds_count + 1) * sizeof(*fds));
        if (!fds)
            return LA_ENOMEM;
        host->fds = fds;
        entry = &fds[host->fds_count++];
        *entry = (struct pollfd){.fd = fd};
    }
    if (entry)
        entry->events = events;
    return 0;
}

short la_host_revents(const struct la_host *host, int fd)
{
    const struct pollfd *entry = watched(host, fd);
    return entry ? entry->revents : 0;
}

/* ---- a turn --------------------------------------------------------------------------------- */

/* Sends until the stack has nothing more or the link is full. Returns frames sent. */
static int frames_send(struct la_host *host, uint64_t now_ns)
{
    const struct la_link_ops *ops = host->link->ops;
    int sent = 0;
    host->link_full = false;
    while (!host->link_full) {
        size_t n = la_stack_output(host->stack, host->link_id, host->frames, BATCH, now_ns);
        if (n == 0)
            break;
        int taken = ops->send(host->link, host->frames, n, now_ns);
        la_stack_sent(host->stack, host->link_id, host->frames, n, taken > 0 ? (size_t)taken : 0);
        if (taken < 0)
            return taken;
        sent += taken;
        host->link_full = (size_t)taken < n;
    }
    return sent;
}

/* Reads frames into the stack. Returns how many. */
static int frames_receive(struct la_host *host, uint64_t now_ns)
{
    const struct la_link_ops *ops = host->link->ops;
    int received = 0;
    for (int i = 0; i < BATCHES_A_TURN_MAX; i++) {
        int n = ops->recv(host->link, host->stack, host->frames, BATCH, now_ns);
        if (n < 0)
            return received > 0 ? received : n;
        if (n == 0)
            break;
        la_stack_input(host->stack, host->link_id, host->frames, (size_t)n, now_ns);
        if (ops->verdict)
            ops->verdict(host->link, host->frames, (size_t)n, now_ns);
        received += n;
        if (n < BATCH)
            break;
    }
    return received;
}

static uint64_t link_deadline(const struct la_host *host)
{
    const struct la_link_ops *ops = host->link->ops;
    return ops->next_deadline ? ops->next_deadline(host->link) : UINT64_MAX;
}

/* Waits for a descriptor or until `until_ns`. Returns as ppoll() does, or a negative la_err. */
static int wait_until(struct la_host *host, uint64_t until_ns, uint64_t now_ns)
{
    struct timespec timeout = {0};
    if (until_ns > now_ns) {
        uint64_t wait_ns = until_ns - now_ns;
        timeout.tv_sec = (time_t)(wait_ns / (uint64_t)LA_NS_PER_S);
        timeout.tv_nsec = (long)(wait_ns % (uint64_t)LA_NS_PER_S);
    }
    host->fds[0].events = (short)(POLLIN | (host->link_full ? POLLOUT : 0));
    int rc = ppoll(host->fds, host->fds_count, until_ns == UINT64_MAX ? NULL : &timeout, NULL);
    return rc < 0 ? message_error(errno) : rc;
}

/* Runs the timers of link and stack that are due. Returns whether there were any. */
static bool timers_run(struct la_host *host, uint64_t now_ns)
{
    bool ran = false;
    if (link_deadline(host) <= now_ns) {
        if (host->link->ops->run)
            host->link->ops->run(host->link, now_ns);
        ran = true;
    }
    if (la_stack_next_deadline(host->stack) <= now_ns) {
        la_stack_timeout(host->stack, now_ns);
        ran = true;
    }
    return ran;
}

/* What there is to do after the wait: reading, timers, answers. Returns how much, or an error. */
static int work(struct la_host *host, uint64_t now_ns)
{
    int received = 0;
    bool link_speaks = host->link->fd < 0 || (host->fds[0].revents & ~POLLOUT) != 0;
    if (link_speaks || link_deadline(host) <= now_ns) {
        received = frames_receive(host, now_ns);
        if (received < 0)
            return received;
    }
    bool ran = timers_run(host, now_ns);
    int sent = frames_send(host, now_ns);
    return sent < 0 ? sent : received + sent + ran;
}

static uint64_t wake_at(const struct la_host *host, uint64_t until_ns)
{
    uint64_t stack_ns = la_stack_next_deadline(host->stack);
    uint64_t link_ns = link_deadline(host);
    uint64_t first = stack_ns < link_ns ? stack_ns : link_ns;
    return first < until_ns ? first : until_ns;
}

int la_host_turn(struct la_host *host, uint64_t until_ns)
{
    uint64_t now_ns = la_clock_ns();
    int done = frames_send(host, now_ns);
    if (done < 0)
        return done;
    if (host->link->fd < 0) { /* nothing announces its frames, so look before sleeping */
        done = work(host, now_ns);
        if (done < 0)
            return done;
    }
    bool busy = host->link->fd < 0 && done > 0;
    int ready = wait_until(host, busy ? now_ns : wake_at(host, until_ns), now_ns);
    if (ready < 0)
        return ready;
    int rest = work(host, la_clock_ns());
    if (rest < 0)
        return rest;
    return ready > 0 || busy || rest > 0;
}

int la_host_flush(struct la_host *host)
{
    int sent = frames_send(host, la_clock_ns());
    return sent < 0 ? sent : 0;
}
