/* The loop: wait until a packet is due, a device has one, or a stack or somebody else wants a
 * turn.
 *
 * The kernel ends a wait up to a timer's slack late, 50 us by default; it is asked for 1 ns. What
 * is left is the time the scheduler takes, little for a real-time process, which this becomes where
 * it may (root): it sleeps most of the time. With spin_ns the loop wakes that much earlier and
 * looks at the clock until the time has come. */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "apps/wire/wire.h"

#define WATCH_MAX 8

/* What it starts is as usual again. */
static void be_punctual(void)
{
    const struct sched_param lowest = {.sched_priority = 1};
    (void)prctl(PR_SET_TIMERSLACK, 1);
    (void)sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &lowest);
}

int wire_begin(struct wire *wire, struct la_message *why)
{
    const struct wire_options *options = wire->options;
    int rc = 0;
    be_punctual();
    for (uint8_t i = 0; i < 2; i++)
        lane_init(&wire->lanes[i], &options->lanes[i], LA_LINK_IP, options->seed, i);
    lane_join(&wire->lanes[0], &wire->lanes[1]);
    wire->epoch_ns = capture_epoch_ns();
    wire->lateness = (struct lateness){0};
    wire->changes_done = 0;
    wire->is_running = true;
    for (int i = 0; i < 2 && rc == 0; i++)
        rc = side_begin(&wire->sides[i], why);
    wire->start_ns = wire->now_ns = la_clock_ns();
    if (rc < 0)
        wire_end(wire);
    return rc;
}

void wire_end(struct wire *wire)
{
    if (!wire->is_running)
        return;
    for (int i = 0; i < 2; i++)
        side_end(&wire->sides[i]);
    for (int i = 0; i < 2; i++)
        lane_free(&wire->lanes[i]);
    wire->is_running = false;
}

/* ---- what becomes different ----------------------------------------------------------------- */

static uint64_t change_at(const struct wire *wire)
{
    if (wire->changes_done == wire->options->changes_count)
        return UINT64_MAX;
    return wire->start_ns + wire->options->changes[wire->changes_done].after_ns;
}

static void changes_make(struct wire *wire)
{
    while (change_at(wire) <= wire->now_ns) {
        const struct wire_change *change = &wire->options->changes[wire->changes_done++];
        for (int i = 0; i < 2; i++)
            if (change->concerns[i])
                lane_change(&wire->lanes[i], &change->lanes[i], wire->now_ns);
    }
}

/* ---- waiting -------------------------------------------------------------------------------- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* When the wire itself has something to do. */
static uint64_t next_at(const struct wire *wire)
{
    uint64_t at_ns = change_at(wire);
    for (int i = 0; i < 2; i++) {
        const struct side *side = &wire->sides[i];
        at_ns = earlier(at_ns, side->tun ? lane_next_at(side->in) : side_deadline(side));
    }
    return at_ns;
}

static void spin_until(uint64_t at_ns)
{
    while (la_clock_ns() < at_ns)
        ;
}

/* Descriptors are looked at also when there is no time to wait. */
static int wait_for(struct wire *wire, struct pollfd *fds, nfds_t count, uint64_t until_ns)
{
    uint64_t at_ns = earlier(until_ns, next_at(wire));
    uint64_t early_ns = wire->options->spin_ns;
    uint64_t wake_ns = at_ns == UINT64_MAX || at_ns < early_ns ? at_ns : at_ns - early_ns;
    uint64_t now_ns = la_clock_ns();
    struct timespec timeout = {0};
    if (wake_ns != UINT64_MAX && wake_ns > now_ns) {
        timeout.tv_sec = (time_t)((wake_ns - now_ns) / (uint64_t)LA_NS_PER_S);
        timeout.tv_nsec = (long)((wake_ns - now_ns) % (uint64_t)LA_NS_PER_S);
    }
    int ready = ppoll(fds, count, wake_ns == UINT64_MAX ? NULL : &timeout, NULL);
    if (ready < 0 && errno != EINTR)
        return -errno;
    if (ready == 0 && wire->options->spin_ns > 0 && at_ns != UINT64_MAX)
        spin_until(at_ns);
    return 0;
}

static void signals_take(struct wire *wire)
{
    struct signalfd_siginfo info;
    while (read(wire->signal_fd, &info, sizeof(info)) == sizeof(info)) {
        if (info.ssi_signo == SIGCHLD)
            (void)child_ended(&wire->child);
        else
            wire->interrupted = true;
    }
}

/* ---- a turn --------------------------------------------------------------------------------- */

static int packets_move(struct wire *wire, const struct pollfd fds[2])
{
    int rc = 0;
    for (int i = 0; i < 2 && rc == 0; i++)
        if (fds[i].revents != 0)
            rc = side_read(&wire->sides[i]);
    for (int i = 0; i < 2; i++)
        if (wire->sides[i].tun)
            side_write(&wire->sides[i]);
    for (int i = 0; i < 2 && rc == 0; i++)
        if (wire->sides[i].node_is_open)
            rc = side_turn(&wire->sides[i]);
    return rc;
}

int wire_turn(struct wire *wire, uint64_t until_ns, struct wire_watch *watched, size_t count)
{
    struct pollfd fds[3 + WATCH_MAX];
    for (int i = 0; i < 2; i++)
        fds[i] = (struct pollfd){.fd = wire->sides[i].tun ? wire->sides[i].tun->fd : -1,
                                 .events = POLLIN};
    fds[2] = (struct pollfd){.fd = wire->signal_fd, .events = POLLIN};
    for (size_t i = 0; i < count; i++)
        fds[3 + i] = (struct pollfd){.fd = watched[i].events ? watched[i].fd : -1,
                                     .events = watched[i].events};
    int rc = wait_for(wire, fds, 3 + count, until_ns);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < count; i++)
        watched[i].revents = fds[3 + i].revents;
    if (fds[2].revents != 0)
        signals_take(wire);
    wire->now_ns = la_clock_ns();
    changes_make(wire);
    return packets_move(wire, fds);
}
