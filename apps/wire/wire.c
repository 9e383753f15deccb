/* `lastack wire`: a bad wire in user space.
 *
 * It joins two TUN devices, or a Lastack host and a device, or two Lastack hosts. Without a
 * transfer it runs until the command, the time or the user ends it. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "apps/apps.h"
#include "apps/wire/wire.h"

static int signals_take_over(struct wire *wire)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGCHLD);
    signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return -errno;
    wire->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return wire->signal_fd < 0 ? -errno : 0;
}

/* ---- a command ------------------------------------------------------------------------------ */

/* What the command needs to run something on a side: "nsenter --net=/proc/12/fd/7". */
static void side_tell(const struct side *side, const char *name)
{
    char text[64];
    if (side->ns_fd < 0)
        return;
    snprintf(text, sizeof(text), "nsenter --net=/proc/%ld/fd/%d", (long)getpid(), side->ns_fd);
    (void)setenv(name, text, 1);
}

/* It runs in the namespace of the first side that has a kernel. */
static int command_start(struct wire *wire)
{
    side_tell(&wire->sides[0], "WIRE_A");
    side_tell(&wire->sides[1], "WIRE_B");
    (void)(world_enter(&wire->sides[0]) || world_enter(&wire->sides[1]));
    return child_start(&wire->child, wire->options->command, STDIN_FILENO, STDOUT_FILENO,
                       STDERR_FILENO);
}

static bool command_is_over(const struct wire *wire)
{
    return wire->options->command && wire->child.ended;
}

/* ---- without a transfer --------------------------------------------------------------------- */

static int run(struct wire *wire)
{
    const struct wire_options *options = wire->options;
    uint64_t end_ns = options->for_ns > 0 ? wire->start_ns + options->for_ns : UINT64_MAX;
    int rc = 0;
    if (options->command) {
        rc = command_start(wire);
        if (rc < 0) {
            say_error(&wire->say, "cannot start the command: %s", "无法启动命令：%s",
                      strerror(-rc));
            return APP_FAILED;
        }
    }
    while (rc == 0 && wire->now_ns < end_ns && !wire->interrupted && !command_is_over(wire))
        rc = wire_turn(wire, end_ns, NULL, 0);
    if (rc < 0) {
        say_error(&wire->say, "the wire failed: %s; are its devices still there?",
                  "线路出错：%s；设备还在吗？", la_err_text(rc));
        return APP_FAILED;
    }
    return command_is_over(wire) ? wire->child.status : APP_DONE;
}

static int join(struct wire *wire)
{
    struct la_message why;
    if (wire_begin(wire, &why) < 0) {
        say_error(&wire->say, "%s", "%s", why.text);
        return APP_FAILED;
    }
    report_begin(wire);
    int code = run(wire);
    child_stop(&wire->child);
    report_end(wire);
    wire_end(wire);
    return code;
}

/* ---- a transfer ----------------------------------------------------------------------------- */

static int transfer(struct wire *wire)
{
    struct transfer_result result = {0};
    struct la_message why;
    bool again = true;
    while (again) {
        if (transfer_run(wire, &result, &why) < 0) {
            say_error(&wire->say, "%s", "%s", why.text);
            wire_end(wire);
            return APP_FAILED;
        }
        again = !transfer_is_valid(&result) && result.error[0] == '\0' && !wire->interrupted &&
                result.tries < wire->options->tries;
        if (again)
            say_note(&wire->say, "try %u is not valid (devices dropped %llu packets%s): once more",
                     "第 %u 次无效（设备丢弃 %llu 个分组%s）：再来一次", result.tries,
                     (unsigned long long)result.dropped, result.late ? ", the wire was late" : "");
        else
            report_transfer(wire, &result);
        wire_end(wire);
    }
    return transfer_is_valid(&result) && !wire->interrupted ? APP_DONE : APP_FAILED;
}

int wire_main(int argc, char **argv)
{
    static struct wire_options options;
    static struct wire wire;
    struct la_message why;
    say_init(&wire.say, "lastack wire", argc, argv);
    int code = wire_options_read(&options, &wire.say, argc, argv);
    if (code >= 0)
        return code;
    wire.options = &options;
    wire.say.quiet = options.quiet;
    wire.signal_fd = -1;
    int rc = signals_take_over(&wire);
    if (rc < 0) {
        say_error(&wire.say, "cannot watch for signals: %s", "无法监视信号：%s", strerror(-rc));
        return APP_FAILED;
    }
    if (world_open(&wire, &why) < 0) {
        say_error(&wire.say, "%s", "%s", why.text);
        return APP_FAILED;
    }
    code = options.transfer ? transfer(&wire) : join(&wire);
    world_close(&wire);
    close(wire.signal_fd);
    free(options.command);
    return code;
}
