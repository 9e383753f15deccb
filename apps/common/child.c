/* Programs on the kernel's side: see child.h. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "apps/common/child.h"

#define KERNEL_TCP_LISTEN 0x0a /* as /proc/net/tcp has it */

/* Signals that this process takes over a descriptor are blocked; a child must not inherit that.
 * SIGPIPE is ignored here, and sh would have to live with it. */
static void signals_as_usual(void)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
}

/* The group of its own lets child_stop() end what the shell has started, too. */
static void run(const char *command, const int fds[3])
{
    int copies[3];
    signals_as_usual();
    (void)setpgid(0, 0);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    for (int i = 0; i < 3; i++) /* above 2 first, so that none is overwritten before its turn */
        copies[i] = dup(fds[i]);
    for (int i = 0; i < 3; i++)
        if (copies[i] < 0 || dup2(copies[i], i) < 0)
            _exit(127);
    for (int i = 0; i < 3; i++)
        if (copies[i] > STDERR_FILENO)
            close(copies[i]);
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
}

int child_start(struct child *child, const char *command, int in_fd, int out_fd, int err_fd)
{
    const int fds[3] = {in_fd, out_fd, err_fd};
    *child = (struct child){0};
    pid_t pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0)
        run(command, fds);
    (void)setpgid(pid, pid); /* whoever comes first */
    child->pid = pid;
    return 0;
}

static bool reap(struct child *child, int flags)
{
    int status;
    if (child->pid <= 0 || child->ended)
        return true;
    pid_t pid;
    do {
        pid = waitpid(child->pid, &status, flags);
    } while (pid < 0 && errno == EINTR);
    if (pid != child->pid)
        return false;
    child->ended = true;
    child->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return true;
}

bool child_ended(struct child *child)
{
    return reap(child, WNOHANG);
}

void child_wait(struct child *child)
{
    (void)reap(child, 0);
}

void child_stop(struct child *child)
{
    if (child_ended(child))
        return;
    kill(-child->pid, SIGTERM);
    (void)reap(child, 0);
}

/* Lines of /proc/net/tcp: "  0: 0100007F:1F90 00000000:0000 0A ...", all hexadecimal. */
static bool table_has_listener(const char *path, uint16_t port)
{
    FILE *table = fopen(path, "re");
    char line[512];
    bool found = false;
    while (table && !found && fgets(line, sizeof(line), table)) {
        unsigned local, state;
        found =
            sscanf(line, " %*u: %*32[0-9A-Fa-f]:%x %*32[0-9A-Fa-f]:%*x %x", &local, &state) == 2 &&
            local == port && state == KERNEL_TCP_LISTEN;
    }
    if (table)
        fclose(table);
    return found;
}

bool child_listens(uint16_t port)
{
    return table_has_listener("/proc/self/net/tcp", port) ||
           table_has_listener("/proc/self/net/tcp6", port);
}
