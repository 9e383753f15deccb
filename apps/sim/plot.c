/* Pictures of a run, drawn by gnuplot: window, round-trip time and delivery over time, one above
 * the other, one colour a flow. The picture has a ground of its own, so that it can be read on
 * light and dark pages. gnuplot gets its commands and the data on standard input. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "apps/sim/sim.h"

#define FLOWS_MAX  16   /* more cannot be told apart */
#define POINTS_MAX 2000 /* of a line: more than the picture has columns */

struct readings {
    struct sim_sample *samples;
    size_t count, room;
};

struct plot {
    const struct plan *plan;
    struct readings flows[FLOWS_MAX][2];
};

struct plot *plot_new(const struct plan *plan)
{
    struct plot *plot = calloc(1, sizeof(*plot));
    if (plot)
        plot->plan = plan;
    return plot;
}

void plot_free(struct plot *plot)
{
    if (!plot)
        return;
    for (unsigned i = 0; i < FLOWS_MAX; i++)
        for (unsigned end = 0; end < 2; end++)
            free(plot->flows[i][end].samples);
    free(plot);
}

void plot_sample(void *ctx, unsigned flow, unsigned end, const struct sim_sample *sample)
{
    struct plot *plot = ctx;
    if (!plot || flow >= FLOWS_MAX)
        return;
    struct readings *r = &plot->flows[flow][end];
    if (r->count == r->room) {
        size_t room = r->room ? 2 * r->room : 1024;
        struct sim_sample *more = realloc(r->samples, room * sizeof(*more));
        if (!more)
            return;
        r->samples = more;
        r->room = room;
    }
    r->samples[r->count++] = *sample;
}

/* ---- the commands --------------------------------------------------------------------------- */

static const char head[] =
    "set terminal svg size 900,820 dynamic enhanced font 'sans,12' background '#ffffff'\n"
    "set grid lc rgb '#d0d0d0'\n"
    "set border 3 lc rgb '#404040'\n"
    "set tics nomirror\n"
    "set key outside right top\n"
    "set lmargin 11\n"
    "set rmargin 22\n";

/* The end of a flow that sent more: whose picture is drawn. */
static const struct readings *sender(const struct plot *plot, unsigned flow)
{
    const struct readings *a = &plot->flows[flow][0], *b = &plot->flows[flow][1];
    uint64_t by_a = a->count ? a->samples[a->count - 1].acked : 0;
    uint64_t by_b = b->count ? b->samples[b->count - 1].acked : 0;
    return by_b > by_a ? b : a;
}

static void write_data(const struct plot *plot, unsigned flow, FILE *to)
{
    const struct readings *r = sender(plot, flow);
    size_t step = r->count / POINTS_MAX + 1;
    fprintf(to, "$flow%u << EOD\n", flow);
    for (size_t i = 0; i < r->count; i += step) {
        const struct sim_sample *s = &r->samples[i];
        fprintf(to, "%.6f %.3f %.3f %.3f %.3f %.3f\n", (double)s->time_ns / 1e9, s->cwnd / 1e3,
                s->ssthresh / 1e3, s->flight / 1e3, s->srtt_us / 1e3, (double)s->acked / 1e6);
    }
    fprintf(to, "EOD\n");
}

static const char *const colours[] = {"#1f77b4", "#d62728", "#2ca02c", "#9467bd",
                                      "#ff7f0e", "#17becf", "#8c564b", "#e377c2"};

static void write_lines(const struct plot *plot, FILE *to, unsigned column, const char *style)
{
    const char *before = "plot ";
    for (unsigned i = 0; i < plot->plan->flows_count && i < FLOWS_MAX; i++) {
        const char *colour = colours[i % 8], *name = plot->plan->flows[i].name;
        if (sender(plot, i)->count < 2)
            continue;
        fprintf(to, "%s$flow%u using 1:%u with %s lw 1.5 lc rgb '%s' title '%s'", before, i, column,
                style, colour, name);
        if (column == 2) /* ssthresh is 2^32 - 1 before the first loss */
            fprintf(to,
                    ", $flow%u using 1:($3 < 4e6 ? $3 : NaN) with steps dt 3 lc rgb '%s' title "
                    "'%s ssthresh'",
                    i, colour, name);
        before = ", ";
    }
    fprintf(to, "\n");
}

static void write_script(const struct plot *plot, const char *path, FILE *to)
{
    for (unsigned i = 0; i < plot->plan->flows_count && i < FLOWS_MAX; i++)
        if (sender(plot, i)->count >= 2)
            write_data(plot, i, to);
    fputs(head, to);
    fprintf(to, "set output '");
    for (const char *c = path; *c != '\0'; c++)
        fprintf(to, *c == '\'' ? "''" : "%c", *c);
    fprintf(to, "'\nset multiplot layout 3,1\n");
    fprintf(to, "set ylabel 'cwnd (kB)'\n");
    write_lines(plot, to, 2, "steps");
    fprintf(to, "set ylabel 'smoothed RTT (ms)'\n");
    write_lines(plot, to, 5, "lines");
    fprintf(to, "set ylabel 'acknowledged (MB)'\nset xlabel 'time (s)'\n");
    write_lines(plot, to, 6, "lines");
    fprintf(to, "unset multiplot\n");
}

static pid_t start_gnuplot(int fds[2])
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    dup2(fds[0], STDIN_FILENO);
    close(fds[0]);
    close(fds[1]);
    execlp("gnuplot", "gnuplot", (char *)NULL);
    _exit(127);
}

/* Feeds the script; the status gnuplot ended with. */
static int draw(const struct plot *plot, const char *path)
{
    int fds[2], status = -1;
    if (pipe(fds) < 0)
        return -1;
    pid_t pid = start_gnuplot(fds);
    close(fds[0]);
    FILE *to = pid > 0 ? fdopen(fds[1], "w") : NULL;
    void (*before)(int) = signal(SIGPIPE, SIG_IGN);
    if (to) {
        write_script(plot, path, to);
        fclose(to);
    } else {
        close(fds[1]);
    }
    signal(SIGPIPE, before);
    if (pid <= 0 || waitpid(pid, &status, 0) < 0)
        return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool plot_draw(struct plot *plot, struct say *say, const char *path)
{
    bool any = false;
    for (unsigned i = 0; plot && i < plot->plan->flows_count && i < FLOWS_MAX; i++)
        any |= sender(plot, i)->count >= 2;
    if (!any) {
        say_error(say, "nothing to draw: no flow was acknowledged twice",
                  "没有可绘制的内容：没有流被确认两次");
        return false;
    }
    int status = draw(plot, path);
    if (status == 127)
        say_error(say, "cannot start gnuplot: install the package gnuplot-nox",
                  "无法启动 gnuplot：请安装 gnuplot-nox 软件包");
    else if (status != 0)
        say_error(say, "gnuplot could not draw %s: may it be written?",
                  "gnuplot 无法绘制 %s：该文件可写吗？", path);
    return status == 0;
}
