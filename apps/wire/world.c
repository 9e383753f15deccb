/* Namespaces and devices.
 *
 * A side "kernel" is a network namespace of its own with a TUN device, whose kernel has one of the
 * two addresses. Given devices are opened first, because in a user namespace of our own there is
 * no way back to theirs. Root makes network namespaces as they are; everybody else, and root in a
 * container that forbids it, within a user namespace. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apps/wire/wire.h"

#define TUN_NAME "wire0"

__attribute__((format(printf, 2, 3))) static void explain(struct la_message *why,
                                                          const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(why->text, sizeof(why->text), format, args);
    va_end(args);
}

static int ns_open_present(void)
{
    return open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
}

bool world_enter(const struct side *side)
{
    return side->ns_fd >= 0 && setns(side->ns_fd, CLONE_NEWNET) == 0;
}

/* ---- given devices -------------------------------------------------------------------------- */

static int ns_open_named(const char *name, struct la_message *why)
{
    char path[300];
    if (strchr(name, '/'))
        snprintf(path, sizeof(path), "%s", name);
    else if (strspn(name, "0123456789") == strlen(name))
        snprintf(path, sizeof(path), "/proc/%s/ns/net", name);
    else
        snprintf(path, sizeof(path), "/run/netns/%s", name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        return fd;
    explain(why, "no network namespace %.100s: %s; see ip netns, or give a process or a path", name,
            strerror(errno));
    return LA_ENOENT;
}

/* Opens the device in the present namespace and lengthens its queue where that is allowed. */
static int tun_open(struct side *side, const char *name, uint32_t mtu, struct la_message *why)
{
    const struct la_tun_options options = {.name = name, .mtu = mtu};
    struct la_message ignored;
    int rc = la_link_tun(&options, &side->tun, why);
    if (rc == LA_EACCES && access("/dev/net/tun", R_OK | W_OK) < 0)
        explain(why, "/dev/net/tun may not be opened (permission denied): run as root, or as root "
                     "run chmod 666 on it, which is the usual mode; only --a lastack --b lastack "
                     "needs none");
    if (rc < 0)
        return rc;
    snprintf(side->device, sizeof(side->device), "%s", name);
    (void)la_net_link_queue(name, NODE_QUEUE_FRAMES, &ignored);
    return 0;
}

static int given_open(struct side *side, struct la_message *why)
{
    const struct side_options *options = side->options;
    int present = ns_open_present();
    side->ns_fd = present;
    if (options->ns[0] != '\0') {
        side->ns_fd = ns_open_named(options->ns, why);
        if (side->ns_fd < 0) {
            close(present);
            return LA_ENOENT;
        }
        if (!world_enter(side)) {
            explain(why, "cannot enter the network namespace %.100s: %s; run as root", options->ns,
                    strerror(errno));
            close(present);
            return LA_EPERM;
        }
    }
    int rc = tun_open(side, options->device, 0, why);
    struct la_message ignored;
    if (rc == 0)
        (void)la_net_link_up(options->device, 0, &ignored); /* else it is its owner's to do */
    if (side->ns_fd != present) {
        if (setns(present, CLONE_NEWNET) < 0 && rc == 0) {
            explain(why, "cannot return from the network namespace: %s", strerror(errno));
            rc = LA_EPERM;
        }
        close(present);
    }
    return rc;
}

/* ---- devices of our own --------------------------------------------------------------------- */

static void setting_write(const char *name, const char *value)
{
    char path[128];
    snprintf(path, sizeof(path), "/proc/sys/net/ipv4/%s", name);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    /* What a kernel does not have or does not allow stays as it is. */
    if (write(fd, value, strlen(value)) < 0)
        (void)0;
    close(fd);
}

/* Buffers that do not bound the transfer, and no memory of earlier connections. */
static void kernel_tune(const struct wire *wire)
{
    setting_write("tcp_no_metrics_save", "1");
    setting_write("tcp_rmem", "4096 131072 67108864");
    setting_write("tcp_wmem", "4096 65536 67108864");
    if (wire->options->cc)
        setting_write("tcp_congestion_control", wire->options->cc);
}

/* A new namespace, in which this process is then. */
static int ns_new(struct wire *wire, struct la_message *why)
{
    if (wire->made_user_ns || geteuid() == 0) {
        if (unshare(CLONE_NEWNET) == 0)
            return la_net_link_up("lo", 0, why);
        if (wire->made_user_ns || errno != EPERM) {
            explain(why, "cannot make a network namespace: %s", strerror(errno));
            return LA_EPERM;
        }
    }
    wire->made_user_ns = true;
    return la_ns_enter_new(why);
}

static int kernel_open(struct side *side, struct la_message *why)
{
    const struct wire *wire = side->wire;
    int number = side == &wire->sides[1];
    const struct la_addr v4 = side_addr(number, false), v6 = side_addr(number, true);
    uint32_t mtu = wire->options->mtu;
    int rc = ns_new(side->wire, why);
    if (rc < 0)
        return rc;
    side->ns_fd = ns_open_present();
    kernel_tune(wire);
    rc = tun_open(side, TUN_NAME, mtu, why);
    if (rc == 0)
        rc = la_net_link_quiet(TUN_NAME, why);
    if (rc == 0)
        rc = la_net_link_up(TUN_NAME, mtu, why);
    if (rc == 0)
        rc = la_net_addr_add(TUN_NAME, &v4, 24, why);
    if (rc == 0 && mtu >= 1280)
        rc = la_net_addr_add(TUN_NAME, &v6, 64, why);
    return rc;
}

int world_open(struct wire *wire, struct la_message *why)
{
    int rc = 0;
    for (int i = 0; i < 2; i++) {
        struct side *side = &wire->sides[i];
        *side = (struct side){.wire = wire,
                              .options = &wire->options->sides[i],
                              .kind = wire->options->sides[i].kind,
                              .out = &wire->lanes[i],
                              .in = &wire->lanes[1 - i],
                              .ns_fd = -1};
    }
    for (int i = 0; i < 2 && rc == 0; i++)
        if (wire->sides[i].kind == SIDE_TUN)
            rc = given_open(&wire->sides[i], why);
    for (int i = 0; i < 2 && rc == 0; i++)
        if (wire->sides[i].kind == SIDE_KERNEL)
            rc = kernel_open(&wire->sides[i], why);
    if (rc < 0)
        world_close(wire);
    return rc;
}

void world_close(struct wire *wire)
{
    for (int i = 0; i < 2; i++) {
        struct side *side = &wire->sides[i];
        if (side->tun)
            la_link_close(side->tun);
        if (side->ns_fd >= 0)
            close(side->ns_fd);
        side->tun = NULL;
        side->ns_fd = -1;
    }
}
