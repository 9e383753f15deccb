/* The kernel's TCP as a target, in real time: a TUN device in a network namespace of its own.
 *
 * The namespace is entered by the process that runs the script and stays with it, which therefore
 * should be one made for the purpose (`lastack drill` has workers). What the kernel sends appears
 * at the device and is looked at when it is for the peer; the rest (neighbour discovery, multicast)
 * is passed over.
 *
 * Calls are made by a second thread, so that one that waits does not hold the clock up. A call that
 * is expected to wait is left alone at once; any other is waited for. An event descriptor tells
 * when a call has ended, so advance() sleeps until a packet, a call or its time. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <lastack/host.h>

#include "drill/kernel_call.h"
#include "drill/target.h"

#define DEVICE     "tun0"
#define FDS_KEPT   128
#define GRACE_MS   2    /* so long a call may take that is expected to wait */
#define CALL_MS    5000 /* and one that is not */
#define PACKET_MAX 65536

struct kernel_target {
    struct drill_target target;
    int tun, done; /* done: eventfd */
    struct drill_wire wire;
    pthread_t thread;
    bool thread_runs;
    struct px_call *call;
    _Atomic bool call_done;
    int fds[FDS_KEPT]; /* that calls opened and did not close */
    unsigned fds_count;
    uint8_t packet[PACKET_MAX];
};

static struct kernel_target *self(struct drill_target *t)
{
    return (struct kernel_target *)t;
}

static uint64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static uint64_t kernel_now_ns(struct drill_target *t)
{
    (void)t;
    return clock_ns();
}

static void kernel_advance(struct drill_target *t, uint64_t until_ns)
{
    struct kernel_target *k = self(t);
    uint64_t now = clock_ns(), left = until_ns > now ? until_ns - now : 0;
    struct pollfd fds[] = {{.fd = k->tun, .events = POLLIN}, {.fd = k->done, .events = POLLIN}};
    struct timespec most = {.tv_sec = (time_t)(left / 1000000000),
                            .tv_nsec = (long)(left % 1000000000)};
    ppoll(fds, k->call ? 2 : 1, &most, NULL);
}

/* ---- packets -------------------------------------------------------------------------------- */

static int kernel_input(struct drill_target *t, const uint8_t *bytes, size_t len,
                        enum la_reason *why)
{
    *why = LA_NONE;
    return write(self(t)->tun, bytes, len) == (ssize_t)len ? 0 : -errno;
}

static bool for_peer(const struct kernel_target *k, const uint8_t *packet, size_t len)
{
    if (k->wire.ipv6)
        return len >= 40 && packet[0] >> 4 == 6 && memcmp(packet + 24, k->wire.remote.b, 16) == 0;
    return len >= 20 && packet[0] >> 4 == 4 && memcmp(packet + 16, k->wire.remote.b + 12, 4) == 0;
}

static bool kernel_output(struct drill_target *t, struct px_packet *packet)
{
    struct kernel_target *k = self(t);
    for (;;) {
        ssize_t n = read(k->tun, k->packet, sizeof(k->packet));
        if (n <= 0)
            return false;
        if (!for_peer(k, k->packet, (size_t)n))
            continue;
        *packet = (struct px_packet){.bytes = k->packet, .len = (size_t)n, .why = LA_NONE};
        return true;
    }
}

/* ---- calls ---------------------------------------------------------------------------------- */

static void remember(struct kernel_target *k, int64_t fd)
{
    if (fd >= 0 && k->fds_count < FDS_KEPT)
        k->fds[k->fds_count++] = (int)fd;
}

static void forget(struct kernel_target *k, int fd)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < k->fds_count; i++)
        if (k->fds[i] != fd)
            k->fds[kept++] = k->fds[i];
    k->fds_count = kept;
}

static void account(struct kernel_target *k, const struct px_call *call)
{
    if (call->result < 0)
        return;
    switch (call->op) {
    case PX_SOCKET:
    case PX_ACCEPT:
    case PX_EPOLL_CREATE:
    case PX_EPOLL_CREATE1:
    case PX_OPEN:
    case PX_DUP:
        remember(k, call->result);
        break;
    case PX_PIPE:
        remember(k, call->pipe.fds[0]);
        remember(k, call->pipe.fds[1]);
        break;
    case PX_CLOSE:
        forget(k, call->fd);
        break;
    default:
        break;
    }
}

static void *run_call(void *arg)
{
    struct kernel_target *k = arg;
    uint64_t one = 1;
    kernel_call(k->call);
    atomic_store(&k->call_done, true);
    while (write(k->done, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
    return NULL;
}

static enum px_status kernel_step(struct drill_target *t, struct px_call *call)
{
    struct kernel_target *k = self(t);
    uint64_t count;
    if (!atomic_load(&k->call_done))
        return PX_BLOCKED;
    pthread_join(k->thread, NULL);
    k->thread_runs = false;
    if (read(k->done, &count, sizeof(count)) < 0) /* nobody is told twice */
        count = 0;
    k->call = NULL;
    account(k, call);
    return PX_DONE;
}

static enum px_status kernel_begin(struct drill_target *t, struct px_call *call)
{
    struct kernel_target *k = self(t);
    struct pollfd wait = {.fd = k->done, .events = POLLIN};
    /* Also while another waits; a close that lingers may wait itself. */
    if (call->op == PX_GETSOCKOPT || (call->op == PX_CLOSE && k->thread_runs)) {
        kernel_call(call);
        account(k, call);
        return PX_DONE;
    }
    k->call = call;
    atomic_store(&k->call_done, false);
    k->thread_runs = pthread_create(&k->thread, NULL, run_call, k) == 0;
    if (!k->thread_runs) {
        k->call = NULL;
        call->result = -1;
        call->err = EAGAIN;
        return PX_DONE;
    }
    poll(&wait, 1, t->may_wait ? GRACE_MS : CALL_MS);
    return kernel_step(t, call);
}

static void kernel_cancel(struct drill_target *t, struct px_call *call)
{
    struct kernel_target *k = self(t);
    struct timespec pause = {.tv_nsec = 1000000};
    while (k->thread_runs && kernel_step(t, call) == PX_BLOCKED) {
        pthread_kill(k->thread, SIGUSR1); /* it may not have been asleep yet: again */
        nanosleep(&pause, NULL);
    }
}

/* ---- settings ------------------------------------------------------------------------------- */

static int kernel_setting(struct drill_target *t, const char *name, const char *value)
{
    char path[200] = "/proc/sys/";
    (void)t;
    if (strncmp(name, "lastack.", 8) == 0)
        return 0; /* the kernel chooses as it does */
    size_t at = strlen(path), len = strlen(name);
    if (at + len >= sizeof(path) || strchr(name, '/') || strstr(name, ".."))
        return -ENOENT;
    for (size_t i = 0; i <= len; i++)
        path[at + i] = name[i] == '.' ? '/' : name[i];
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t n = write(fd, value, strlen(value));
    int err = n < 0 ? -errno : 0;
    close(fd);
    return err;
}

static int kernel_counter(struct drill_target *t, const char *name, uint64_t *value)
{
    (void)t, (void)name, (void)value;
    return -ENOENT;
}

static size_t kernel_trace(struct drill_target *t, struct la_trace_record *records, size_t max)
{
    (void)t, (void)records, (void)max;
    return 0;
}

/* ---- the device ----------------------------------------------------------------------------- */

static void kernel_destroy(struct drill_target *t)
{
    struct kernel_target *k = self(t);
    if (k->thread_runs)
        kernel_cancel(t, k->call);
    for (unsigned i = 0; i < k->fds_count; i++)
        close(k->fds[i]);
    if (k->tun >= 0)
        close(k->tun);
    if (k->done >= 0)
        close(k->done);
    free(k);
}

static const struct drill_target_ops kernel_ops = {
    .name = "kernel",
    .real_time = true,
    .now_ns = kernel_now_ns,
    .advance = kernel_advance,
    .input = kernel_input,
    .output = kernel_output,
    .begin = kernel_begin,
    .step = kernel_step,
    .cancel = kernel_cancel,
    .setting = kernel_setting,
    .counter = kernel_counter,
    .trace = kernel_trace,
    .destroy = kernel_destroy,
};

static int open_device(char *why, size_t size)
{
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    memcpy(request.ifr_name, DEVICE, sizeof(DEVICE));
    if (fd >= 0 && ioctl(fd, TUNSETIFF, &request) == 0)
        return fd;
    snprintf(why, size, "no TUN device: %s", strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

static bool set_up(struct kernel_target *k, const struct drill_target_config *config, char *why,
                   size_t size)
{
    struct la_message said = {.text = ""};
    struct la_addr any = config->wire->ipv6 ? la_addr_any_v6() : la_addr_any_v4();
    /* Who has the right already (root, or this process in its user namespace since the script
     * before) needs no further user namespace; they nest 32 deep only. */
    bool good = unshare(CLONE_NEWNET) == 0 || la_ns_enter_new(&said) == 0;
    k->tun = good ? open_device(why, size) : -1;
    if (good && k->tun < 0)
        return false;
    good = good && la_net_link_quiet(DEVICE, &said) == 0 &&
           la_net_addr_add(DEVICE, &config->wire->local, config->prefix, &said) == 0 &&
           la_net_link_up(DEVICE, config->mtu, &said) == 0 &&
           la_net_route_add(DEVICE, &any, 0, NULL, &said) == 0;
    k->done = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (!good)
        snprintf(why, size, "%.190s", said.text);
    return good && k->done >= 0;
}

static void interrupted(int signal_number)
{
    (void)signal_number;
}

struct drill_target *drill_target_kernel(const struct drill_target_config *config, char *why,
                                         size_t size)
{
    struct kernel_target *k = calloc(1, sizeof(*k));
    struct sigaction action = {.sa_handler = interrupted};
    if (!k)
        return NULL;
    k->target.ops = &kernel_ops;
    k->wire = *config->wire;
    k->tun = k->done = -1;
    sigaction(SIGUSR1, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    if (set_up(k, config, why, size))
        return &k->target;
    kernel_destroy(&k->target);
    return NULL;
}
