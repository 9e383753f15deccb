/* `lastack nc`: netcat over a Lastack host.
 *
 * One process is the whole host: when it ends, its side of the connection is gone. So it stays
 * while its end is in TIME-WAIT, and what ends it early resets what is open. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "apps/apps.h"
#include "apps/nc/nc.h"

/* Signals arrive as bytes on a descriptor, between two turns of the host. */
static int signals_take_over(struct nc *nc)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGCHLD);
    signal(SIGPIPE, SIG_IGN); /* the write says it */
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return -errno;
    nc->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return nc->signal_fd < 0 ? -errno : la_host_watch(nc->node.host, nc->signal_fd, POLLIN);
}

static void diagram_begin(struct nc *nc)
{
    struct la_diagram_options options;
    if (!nc->options->trace)
        return;
    la_diagram_options_init(&options);
    options.out = fdopen(dup(STDERR_FILENO), "w"); /* stderr itself writes piece by piece */
    if (!options.out)
        return;
    options.columns = say_columns(STDERR_FILENO);
    options.unicode = nc->say.unicode;
    options.colour = nc->say.colour;
    options.lang = nc->say.lang;
    options.there = nc->node.kind == NODE_LINK ? "peer" : "kernel";
    nc->diagram = la_diagram_new(&options);
    nc->diagram_out = options.out;
}

static void live(struct nc *nc)
{
    int rc = signals_take_over(nc);
    diagram_begin(nc);
    if (rc < 0)
        say_error(&nc->say, "cannot watch for signals: %s", "无法监视信号：%s", strerror(-rc));
    else
        nc_run(nc);
    node_trace(&nc->node, nc->diagram);
    if (nc->diagram)
        la_diagram_end(nc->diagram);
    if (nc->diagram_out)
        fclose(nc->diagram_out);
    if (nc->diagram && nc->node.trace_lost > 0)
        say_note(&nc->say, "not drawn: %llu segments and events that came too fast to be traced",
                 "未画出：%llu 个来得太快、未及跟踪的报文段与事件",
                 (unsigned long long)nc->node.trace_lost);
    if (rc == 0)
        nc_report_end(nc);
    child_stop(&nc->child);
}

int nc_main(int argc, char **argv)
{
    struct nc_options options;
    struct la_message why;
    struct nc nc = {.options = &options, .exit_code = APP_FAILED, .signal_fd = -1};
    say_init(&nc.say, "lastack nc", argc, argv);
    nc.is_typed = isatty(STDOUT_FILENO) == 1;
    int code = nc_options_read(&options, &nc.say, argc, argv);
    if (code >= 0)
        return code;
    if (node_open(&nc.node, &options.node, NULL, &why) < 0) {
        say_error(&nc.say, "%s", "%s", why.text);
        return APP_FAILED;
    }
    live(&nc);
    node_close(&nc.node);
    if (nc.signal_fd >= 0)
        close(nc.signal_fd);
    return nc.exit_code;
}
