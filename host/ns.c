/* A user and a network namespace of our own: user_namespaces(7), network_namespaces(7).
 *
 * In the new user namespace the caller is root, with every right over the new network namespace
 * and none outside, so nothing here needs rights. Only one user is mapped, the caller itself,
 * which anybody may do once setgroups(2) is denied. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <lastack/host.h>

#include "link/message.h"

static int file_write(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    size_t len = strlen(text);
    ssize_t put = write(fd, text, len);
    int error = put < 0 ? errno : (size_t)put < len ? EIO : 0;
    close(fd);
    return error;
}

/* Makes the caller root of the new user namespace. Returns an errno or 0. */
static int map_write(uid_t uid, gid_t gid)
{
    char text[32];
    int error = file_write("/proc/self/setgroups", "deny");
    if (error)
        return error;
    snprintf(text, sizeof(text), "0 %u 1", (unsigned)uid);
    error = file_write("/proc/self/uid_map", text);
    if (error)
        return error;
    snprintf(text, sizeof(text), "0 %u 1", (unsigned)gid);
    return file_write("/proc/self/gid_map", text);
}

static int unshare_failed(int error, struct la_message *why)
{
    switch (error) {
    case EPERM:
        message_set(why, "user namespaces are forbidden here: as root run sysctl -w "
                         "kernel.unprivileged_userns_clone=1 (or what your system calls it), or "
                         "use --link");
        return LA_EPERM;
    case ENOSPC:
    case EUSERS:
        message_set(why, "no more user namespaces are allowed: as root raise "
                         "user.max_user_namespaces and user.max_net_namespaces");
        return LA_EPERM;
    case ENOSYS:
        message_set(why, "this kernel has no user namespaces: use --link");
        return LA_EPERM;
    case EINVAL:
        message_set(why, "a process with threads cannot enter a user namespace: do it before "
                         "threads are made");
        return LA_EINVAL;
    default:
        message_set(why, "cannot make a namespace: %s", strerror(error));
        return message_error(error);
    }
}

int la_ns_enter_new(struct la_message *why)
{
    uid_t uid = geteuid();
    gid_t gid = getegid();
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
        return unshare_failed(errno, why);
    int error = map_write(uid, gid);
    if (error) {
        message_set(why,
                    "cannot become root of the new user namespace: %s (is /proc mounted, "
                    "and does a security module forbid it?)",
                    strerror(error));
        return LA_EPERM;
    }
    return la_net_link_up("lo", 0, why);
}
