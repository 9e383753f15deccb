/* The kernel's ends of a stream: processes with ordinary sockets. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "apps/bench/bench.h"
#include "apps/bench/live.h"

/* The first cause is the one that is told. */
void live_failed(struct live_page *page, const char *format, ...)
{
    va_list args;
    if (page->why[0] != '\0')
        return;
    va_start(args, format);
    vsnprintf(page->why, sizeof(page->why), format, args);
    va_end(args);
}

static struct sockaddr_in address_of(const struct la_endpoint *e)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(e->port)};
    memcpy(&a.sin_addr, e->addr.b + 12, 4);
    return a;
}

static int socket_failed(struct live_page *page, const char *what, int fd)
{
    live_failed(page, "the kernel's end cannot %s: %s", what, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

int kernel_listen(struct live_page *page, const struct la_endpoint *at)
{
    struct sockaddr_in a = address_of(at);
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return socket_failed(page, "make a socket", -1);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 1) < 0)
        return socket_failed(page, "listen", fd);
    return fd;
}

int kernel_accept(struct live_page *page, int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    return fd < 0 ? socket_failed(page, "accept", -1) : fd;
}

/* Reno where it is allowed, as Lastack has it: BBR paces, and then its timers are measured. */
static void congestion_choose(struct live_page *page, int fd)
{
    socklen_t len = sizeof(page->congestion) - 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4);
    (void)getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, page->congestion, &len);
}

int kernel_connect(struct live_page *page, const struct la_endpoint *to)
{
    struct sockaddr_in a = address_of(to);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return socket_failed(page, "make a socket", -1);
    congestion_choose(page, fd);
    if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
        return socket_failed(page, "connect", fd);
    return fd;
}

bool kernel_receive(struct live_page *page, int fd)
{
    char *buffer = malloc(LIVE_PIECE);
    uint64_t start_ns = 0;
    uint64_t bytes = 0;
    ssize_t got = buffer ? read(fd, buffer, LIVE_PIECE) : -1;
    start_ns = la_clock_ns();
    for (; got > 0; got = read(fd, buffer, LIVE_PIECE))
        bytes += (uint64_t)got;
    page->received_seconds = (double)(la_clock_ns() - start_ns) / 1e9;
    page->received_bytes = bytes;
    free(buffer);
    if (got == 0 && bytes > 0)
        return close(fd) == 0;
    socket_failed(page, "receive", fd);
    return false;
}

bool kernel_send(struct live_page *page, int fd, double seconds)
{
    char *buffer = calloc(1, LIVE_PIECE);
    uint64_t end_ns = la_clock_ns() + (uint64_t)(seconds * 1e9);
    uint64_t bytes = 0;
    ssize_t put = buffer ? 0 : -1;
    while (put >= 0 && la_clock_ns() < end_ns) {
        put = write(fd, buffer, LIVE_PIECE);
        bytes += put > 0 ? (uint64_t)put : 0;
    }
    page->sent_bytes = bytes;
    free(buffer);
    if (put >= 0)
        return close(fd) == 0;
    socket_failed(page, "send", fd);
    return false;
}

pid_t live_fork(struct live_page *page, int cpu, double seconds)
{
    pid_t child = fork();
    if (child < 0)
        live_failed(page, "cannot fork: %s", strerror(errno));
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGPIPE, SIG_IGN);
        cpu_pin(cpu);
        alarm((unsigned)seconds + LIVE_GRACE_S);
    }
    return child;
}

bool live_join(struct live_page *page, pid_t child, const char *who)
{
    int status;
    if (waitpid(child, &status, 0) < 0) {
        live_failed(page, "%s is lost: %s", who, strerror(errno));
        return false;
    }
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        live_failed(page, "%s stood still for %d s", who, LIVE_GRACE_S);
    else if (status != 0)
        live_failed(page, "%s failed (status %d)", who, status);
    return status == 0;
}
