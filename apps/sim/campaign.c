/* Campaigns: many seeds, spread over workers.
 *
 * Workers are processes. They take seeds one by one from a counter in shared memory, so all seeds
 * below it are done or under way; after ^C each finishes the one it has, and the counter says where
 * to go on. What fails is told over a pipe: the worker that found it has shrunk it already. A
 * worker that dies leaves the number of its seed behind and is replaced. Every 64th seed runs
 * twice, and both runs must be the same to the bit (I32). */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "apps/apps.h"
#include "apps/sim/sim.h"
#include "sim/menu.h"

#define TWICE_EVERY  64
#define EVENTS_MAX   30000000
#define SHRINK_RUNS  200
#define SHRINK_FIRST 5 /* so many failures of a worker are shrunk */
#define NO_SEED      UINT64_MAX
#define WORKERS_MAX  256
#define FAILED_MAX   20 /* are printed in full */

struct slot {
    _Atomic uint64_t seed; /* under way, or NO_SEED */
    _Atomic uint64_t done, packets, events, virtual_ms, bytes;
    pid_t pid;
};

struct shared {
    _Atomic uint64_t next;
    _Atomic bool stop;
    struct slot slots[WORKERS_MAX];
};

/* One message: shorter than PIPE_BUF, so it arrives whole. */
struct failure {
    uint64_t seed;
    char kind[48], violation[300], command[600];
};

struct campaign {
    struct job *job;
    struct shared *shared;
    int pipe[2];
    unsigned workers, alive;
    uint64_t failures, began_ns, shown_ns;
    bool unusable; /* a plan could not be made */
};

static struct shared *interrupted_shared;

static void interrupted(int signal_number)
{
    (void)signal_number;
    atomic_store(&interrupted_shared->stop, true);
}

static uint64_t clock_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

/* ---- a worker ------------------------------------------------------------------------------- */

/* The options that say where plans come from. */
static void source_format(const struct job *job, char *text, size_t len)
{
    size_t at = (size_t)snprintf(text, len, "--menu %s",
                                 job->file ? job->file : menu_name((unsigned)job->menu));
    for (unsigned i = 0; i < job->given_count && at < len; i++)
        at += (size_t)snprintf(text + at, len - at, " --set %s=%s", job->given[i].name,
                               job->given[i].value);
}

static void command_format(const struct job *job, uint64_t seed, const struct plan_cut *cut,
                           char *text, size_t len)
{
    char source[200], cuts[300];
    source_format(job, source, sizeof(source));
    cut_format(cut, cuts, sizeof(cuts));
    snprintf(text, len, "lastack sim %s --seed %llu%s", source, (unsigned long long)seed, cuts);
}

static void tell(struct campaign *c, uint64_t seed, const struct sim_result *r,
                 const struct plan_cut *cut)
{
    struct failure f = {.seed = seed};
    snprintf(f.kind, sizeof(f.kind), "%s", r->kind);
    snprintf(f.violation, sizeof(f.violation), "%.290s", r->violation);
    command_format(c->job, seed, cut, f.command, sizeof(f.command));
    if (write(c->pipe[1], &f, sizeof(f)) != (ssize_t)sizeof(f))
        _exit(1);
}

/* What is left when everything is cut that the failure does not need: the cuts of the command line
 * come on top of those found. */
static void report_failure(struct campaign *c, uint64_t seed, struct sim_result *r)
{
    static struct plan plan;
    static unsigned shrunk;
    struct plan_cut found = c->job->cut, none = {0}, asked = c->job->cut;
    char kind[48];
    snprintf(kind, sizeof(kind), "%s", r->kind);
    c->job->cut = none;
    if (shrunk++ < SHRINK_FIRST && strncmp(kind, "I32", 3) != 0 && job_plan(c->job, seed, &plan))
        shrink(&plan, kind, &found, SHRINK_RUNS, r);
    c->job->cut = asked;
    tell(c, seed, r, &found);
}

static bool run_seed(struct campaign *c, struct slot *slot, uint64_t seed)
{
    static struct plan plan;
    static struct sim_result r, again;
    const struct sim_watch watch = {.events_max = EVENTS_MAX};
    if (!job_plan(c->job, seed, &plan) || !sim_run(&plan, &watch, &r))
        return false;
    if (seed % TWICE_EVERY == 0 && !r.broken && sim_run(&plan, &watch, &again) &&
        (again.hash != r.hash || again.packets != r.packets || again.end_ns != r.end_ns)) {
        r.broken = true;
        snprintf(r.kind, sizeof(r.kind), "I32 not repeatable");
        snprintf(r.violation, sizeof(r.violation), "two runs of the same plan differ");
    }
    if (r.broken)
        report_failure(c, seed, &r);
    atomic_fetch_add(&slot->done, 1);
    atomic_fetch_add(&slot->packets, r.packets);
    atomic_fetch_add(&slot->events, r.events);
    atomic_fetch_add(&slot->bytes, r.bytes);
    atomic_fetch_add(&slot->virtual_ms, r.end_ns / 1000000);
    return true;
}

/* Takes seeds until there are no more; does not return. */
static void work(struct campaign *c, struct slot *slot)
{
    signal(SIGINT, SIG_IGN); /* the parent says when to stop */
    while (!atomic_load(&c->shared->stop)) {
        uint64_t seed = atomic_fetch_add(&c->shared->next, 1);
        if (seed > c->job->last)
            break;
        atomic_store(&slot->seed, seed);
        if (!run_seed(c, slot, seed))
            _exit(APP_USAGE);
        atomic_store(&slot->seed, NO_SEED);
    }
    _exit(APP_DONE);
}

static bool start_worker(struct campaign *c, struct slot *slot)
{
    atomic_store(&slot->seed, NO_SEED);
    fflush(NULL);
    pid_t pid = fork(); /* slots are shared: only the parent writes what fork() said */
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* nobody is left to tell */
        work(c, slot);
    }
    slot->pid = pid;
    c->alive += pid > 0;
    return pid > 0;
}

/* ---- the parent ----------------------------------------------------------------------------- */

struct sums {
    uint64_t done, packets, events, virtual_ms, bytes;
};

static struct sums sum(const struct campaign *c)
{
    struct sums s = {0};
    for (unsigned i = 0; i < c->workers; i++) {
        const struct slot *slot = &c->shared->slots[i];
        s.done += atomic_load(&slot->done);
        s.packets += atomic_load(&slot->packets);
        s.events += atomic_load(&slot->events);
        s.virtual_ms += atomic_load(&slot->virtual_ms);
        s.bytes += atomic_load(&slot->bytes);
    }
    return s;
}

static void show_progress(struct campaign *c)
{
    uint64_t now_ns = clock_now_ns();
    if (!c->job->say.terminal || now_ns < c->shown_ns + 200000000)
        return;
    c->shown_ns = now_ns;
    struct sums s = sum(c);
    uint64_t all = c->job->last - c->job->first + 1;
    char bar[31];
    unsigned full = (unsigned)(s.done * 30 / (all ? all : 1));
    for (unsigned i = 0; i < 30; i++)
        bar[i] = i < full ? '#' : '.';
    bar[30] = '\0';
    double seconds = (double)(now_ns - c->began_ns) / 1e9;
    double rate = seconds > 0 ? (double)s.done / seconds : 0;
    uint64_t left = rate > 0 ? (uint64_t)((double)(all - s.done) / rate) : 0;
    say_progress(&c->job->say, "[%s] %llu of %llu, %.0f a second, %llu s left, %llu failed",
                 "[%s] %llu / %llu，每秒 %.0f，还需 %llu 秒，失败 %llu", bar,
                 (unsigned long long)s.done, (unsigned long long)all, rate,
                 (unsigned long long)left, (unsigned long long)c->failures);
}

static void show_failure(struct campaign *c, const struct failure *f)
{
    say_progress_end(&c->job->say);
    if (c->failures++ >= FAILED_MAX)
        return;
    printf("seed %llu: %s: %s\n    %s\n", (unsigned long long)f->seed, f->kind, f->violation,
           f->command);
    fflush(stdout);
}

static void take_failures(struct campaign *c, int timeout_ms)
{
    struct failure f;
    struct pollfd p = {.fd = c->pipe[0], .events = POLLIN};
    while (poll(&p, 1, timeout_ms) > 0 && (p.revents & POLLIN)) {
        if (read(c->pipe[0], &f, sizeof(f)) != (ssize_t)sizeof(f))
            return;
        show_failure(c, &f);
        timeout_ms = 0;
    }
}

/* A worker has ended: in order, or with the seed it leaves behind. */
static void bury(struct campaign *c, struct slot *slot, int status)
{
    c->alive--;
    slot->pid = 0;
    uint64_t seed = atomic_load(&slot->seed);
    if (WIFEXITED(status) && WEXITSTATUS(status) == APP_USAGE) {
        c->unusable = true;
        atomic_store(&c->shared->stop, true);
        return;
    }
    if (seed == NO_SEED)
        return;
    struct failure f = {.seed = seed, .kind = "crash"};
    if (WIFSIGNALED(status))
        snprintf(f.violation, sizeof(f.violation), "the worker died of %s",
                 strsignal(WTERMSIG(status)));
    else
        snprintf(f.violation, sizeof(f.violation), "the worker ended with exit code %d",
                 WEXITSTATUS(status));
    command_format(c->job, seed, &c->job->cut, f.command, sizeof(f.command));
    show_failure(c, &f);
    if (!atomic_load(&c->shared->stop))
        start_worker(c, slot);
}

static void wait_for_workers(struct campaign *c)
{
    while (c->alive > 0) {
        int status;
        take_failures(c, 100);
        for (unsigned i = 0; i < c->workers; i++) {
            struct slot *slot = &c->shared->slots[i];
            if (slot->pid > 0 && waitpid(slot->pid, &status, WNOHANG) == slot->pid)
                bury(c, slot, status);
        }
        show_progress(c);
    }
    take_failures(c, 0);
    say_progress_end(&c->job->say);
}

static void summary(const struct campaign *c)
{
    char packets[LA_NUMBER_TEXT_MAX], events[LA_NUMBER_TEXT_MAX], bytes[LA_NUMBER_TEXT_MAX];
    char done[LA_NUMBER_TEXT_MAX];
    struct sums s = sum(c);
    double seconds = (double)(clock_now_ns() - c->began_ns) / 1e9;
    la_count_format(s.packets, packets);
    la_count_format(s.events, events);
    la_count_format(s.done, done);
    la_bytes_format(s.bytes, bytes);
    printf("%s seeds, %s packets, %s events, %s read, %.1f h of virtual time in %.1f s: %llu "
           "failed\n",
           done, packets, events, bytes, (double)s.virtual_ms / 3.6e6, seconds,
           (unsigned long long)c->failures);
}

/* After ^C: the seeds below the counter are done. */
static void how_to_go_on(const struct campaign *c)
{
    char source[200];
    char cuts[300];
    uint64_t next = atomic_load(&c->shared->next);
    if (next > c->job->last)
        return;
    source_format(c->job, source, sizeof(source));
    cut_format(&c->job->cut, cuts, sizeof(cuts));
    printf("interrupted; this goes on: lastack sim %s --seeds %llu..%llu -j%u%s\n", source,
           (unsigned long long)next, (unsigned long long)c->job->last, c->workers, cuts);
}

static bool campaign_open(struct campaign *c)
{
    c->shared =
        mmap(NULL, sizeof(*c->shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (c->shared == MAP_FAILED || pipe(c->pipe) < 0) {
        say_error(&c->job->say, "cannot begin: %s", "无法开始：%s", strerror(errno));
        return false;
    }
    atomic_store(&c->shared->next, c->job->first);
    interrupted_shared = c->shared;
    return true;
}

int job_campaign(struct job *job)
{
    struct campaign c = {.job = job, .workers = job->workers, .began_ns = clock_now_ns()};
    static struct plan plan;
    if (!job_plan(job, job->first, &plan)) /* so that a mistake is told once */
        return APP_USAGE;
    if (!campaign_open(&c))
        return APP_FAILED;
    struct sigaction on_interrupt = {.sa_handler = interrupted};
    sigaction(SIGINT, &on_interrupt, NULL);
    sigaction(SIGTERM, &on_interrupt, NULL);
    for (unsigned i = 0; i < c.workers; i++)
        start_worker(&c, &c.shared->slots[i]);
    bool begun = c.alive > 0;
    wait_for_workers(&c);
    summary(&c);
    bool stopped = atomic_load(&c.shared->stop);
    if (stopped)
        how_to_go_on(&c);
    if (!begun)
        say_error(&job->say, "no worker could be started", "无法启动任何进程");
    close(c.pipe[0]);
    close(c.pipe[1]);
    munmap(c.shared, sizeof(*c.shared));
    return c.failures == 0 && begun && !stopped && !c.unusable ? APP_DONE : APP_FAILED;
}
