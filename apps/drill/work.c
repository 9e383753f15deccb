/* Workers: processes that take scripts one by one from a counter in shared memory.
 *
 * A script that brings a worker down (an assertion of the stack, a sanitizer) is a failed script
 * and not the end of the run: its number stands in the worker's slot, and another worker goes on.
 * What a worker finds it writes into a pipe of its own, as one head and three texts; the parent
 * reads the pipes and tells the outcomes in the order of the scripts. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "apps/drill/drill_app.h"

#define WORKERS_MAX 64
#define NOTHING     SIZE_MAX

struct head {
    size_t index;
    enum drill_verdict verdict;
    enum la_reason why;
    uint32_t line, column;
    int64_t took_ns;
    unsigned packets, calls;
    uint32_t message_len, picture_len, printed_len;
    char event[300], came[400];
};

struct shared {
    _Atomic size_t next;
    _Atomic size_t at[WORKERS_MAX]; /* the script under way, or NOTHING */
};

struct worker {
    pid_t pid;
    int fd;
};

/* ---- in a worker ---------------------------------------------------------------------------- */

static void put(int fd, const void *data, size_t len)
{
    const char *at = data;
    while (len > 0) {
        ssize_t n = write(fd, at, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            _exit(1);
        at += n;
        len -= (size_t)n;
    }
}

static uint32_t length(const char *text)
{
    return text ? (uint32_t)strlen(text) : 0;
}

static void tell(int fd, size_t index, const struct drill_result *r)
{
    struct head h;
    memset(&h, 0, sizeof(h));
    h.index = index;
    h.verdict = r->verdict;
    h.why = r->why;
    h.line = r->fault.place.line;
    h.column = r->fault.place.column;
    h.took_ns = r->took_ns;
    h.packets = r->packets_in + r->packets_out;
    h.calls = r->calls;
    const char *message = r->verdict == DRILL_PASSED ? "" : r->fault.text;
    h.message_len = length(message);
    h.picture_len = length(r->picture);
    h.printed_len = length(r->printed);
    memcpy(h.event, r->event, sizeof(h.event));
    memcpy(h.came, r->came, sizeof(h.came));
    put(fd, &h, sizeof(h));
    put(fd, message, h.message_len);
    put(fd, r->picture, h.picture_len);
    put(fd, r->printed, h.printed_len);
}

static void work(const struct drill_app *app, struct shared *shared, unsigned me, int fd)
{
    static struct drill_result r;
    for (;;) {
        size_t index = atomic_fetch_add(&shared->next, 1);
        if (index >= app->count)
            break;
        atomic_store(&shared->at[me], index);
        drill_run_file(app->paths[index], app->ip, app->defines, app->defines_count, &app->config,
                       &r);
        tell(fd, index, &r);
        drill_result_free(&r);
        atomic_store(&shared->at[me], NOTHING);
    }
    _exit(0);
}

/* ---- in the parent -------------------------------------------------------------------------- */

static bool start(struct drill_app *app, struct shared *shared, struct worker *workers, unsigned me)
{
    int ends[2];
    if (pipe(ends) != 0)
        return false;
    atomic_store(&shared->at[me], NOTHING);
    fflush(stdout);
    fflush(stderr);
    pid_t pid = fork();
    if (pid < 0)
        return false;
    if (pid == 0) {
        for (unsigned i = 0; i < WORKERS_MAX; i++)
            if (workers[i].pid && i != me)
                close(workers[i].fd);
        close(ends[0]);
        work(app, shared, me, ends[1]);
    }
    close(ends[1]);
    workers[me] = (struct worker){.pid = pid, .fd = ends[0]};
    return true;
}

static bool get(int fd, void *data, size_t len)
{
    char *at = data;
    while (len > 0) {
        ssize_t n = read(fd, at, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

static bool get_text(int fd, uint32_t len, char **text)
{
    *text = len > 0 ? malloc(len + 1) : NULL;
    if (!*text)
        return len == 0;
    (*text)[len] = '\0';
    return get(fd, *text, len);
}

static bool receive(struct drill_app *app, int fd)
{
    struct head h;
    if (!get(fd, &h, sizeof(h)) || h.index >= app->count)
        return false;
    struct drill_outcome *o = &app->outcomes[h.index];
    *o = (struct drill_outcome){.verdict = h.verdict,
                                .why = h.why,
                                .line = h.line,
                                .column = h.column,
                                .took_ns = h.took_ns,
                                .packets = h.packets,
                                .calls = h.calls};
    memcpy(o->event, h.event, sizeof(o->event));
    memcpy(o->came, h.came, sizeof(o->came));
    o->done = get_text(fd, h.message_len, &o->message) &&
              get_text(fd, h.picture_len, &o->picture) && get_text(fd, h.printed_len, &o->printed);
    return o->done;
}

static void crashed(struct drill_app *app, size_t index, int status)
{
    char text[300];
    struct drill_outcome *o = &app->outcomes[index];
    snprintf(text, sizeof(text), "%s: the program ended while it ran this script (%s %d)",
             app->paths[index], WIFSIGNALED(status) ? "signal" : "code",
             WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    *o = (struct drill_outcome){.done = true, .verdict = DRILL_FAILED, .message = strdup(text)};
}

/* The worker's pipe has ended. */
static bool ended(struct drill_app *app, struct shared *shared, struct worker *workers, unsigned me)
{
    int status = 0;
    close(workers[me].fd);
    waitpid(workers[me].pid, &status, 0);
    workers[me].pid = 0;
    size_t index = atomic_load(&shared->at[me]);
    if (index >= app->count || app->outcomes[index].done)
        return true;
    crashed(app, index, status);
    return start(app, shared, workers, me);
}

static bool collect(struct drill_app *app, struct shared *shared, struct worker *workers)
{
    size_t told = 0;
    while (told < app->count) {
        struct pollfd fds[WORKERS_MAX];
        unsigned who[WORKERS_MAX];
        nfds_t n = 0;
        for (unsigned i = 0; i < WORKERS_MAX; i++) {
            if (workers[i].pid) {
                who[n] = i;
                fds[n++] = (struct pollfd){.fd = workers[i].fd, .events = POLLIN};
            }
        }
        if (n == 0)
            return false;
        if (poll(fds, n, -1) < 0 && errno != EINTR)
            return false;
        for (nfds_t i = 0; i < n; i++)
            if (fds[i].revents && !receive(app, fds[i].fd) && !ended(app, shared, workers, who[i]))
                return false;
        for (; told < app->count && app->outcomes[told].done; told++)
            tell_one(app, told);
    }
    return true;
}

bool work_run(struct drill_app *app)
{
    struct worker workers[WORKERS_MAX] = {{0}};
    struct shared *shared =
        mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    app->outcomes = calloc(app->count + 1, sizeof(*app->outcomes));
    bool good = shared != MAP_FAILED && app->outcomes;
    unsigned count = app->workers < WORKERS_MAX ? app->workers : WORKERS_MAX;
    for (unsigned i = 0; good && i < count && i < app->count; i++)
        good = start(app, shared, workers, i);
    good = good && collect(app, shared, workers);
    for (unsigned i = 0; i < WORKERS_MAX; i++) {
        if (!workers[i].pid)
            continue;
        if (!good)
            kill(workers[i].pid, SIGKILL);
        close(workers[i].fd);
        waitpid(workers[i].pid, NULL, 0);
    }
    if (shared != MAP_FAILED)
        munmap(shared, sizeof(*shared));
    return good;
}
