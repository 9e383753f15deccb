/* The life of `lastack nc`: one phase after the other, one step after every turn of the host. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "apps/apps.h"
#include "apps/nc/nc.h"

#define PROGRESS_NS   (UINT64_C(200) * 1000000)
#define PEER_LOOK_NS  (UINT64_C(5) * 1000000)    /* how often to look whether it listens */
#define PEER_READY_NS (UINT64_C(5) * 1000000000) /* how long to wait for that */
#define PEER_GONE_NS  (UINT64_C(300) * 1000000)  /* for what it sent last to arrive */

static void phase_begin(struct nc *nc, enum nc_phase phase)
{
    nc->phase = phase;
    nc->begin_ns = nc->node.clock_ns;
}

/* Ends it all. An open connection is reset, which the peer must still be told. */
static void over(struct nc *nc, const char *result, int code, enum la_reason reset)
{
    struct la_tcp_info info;
    if (nc->conn && la_tcp_info(nc->node.stack, nc->conn, &info) == 0)
        nc->info = info;
    if (nc->conn && reset != LA_NONE)
        la_tcp_abort(nc->node.stack, nc->conn, reset);
    else if (nc->conn)
        la_tcp_close(nc->node.stack, nc->conn);
    if (nc->listener)
        la_tcp_close(nc->node.stack, nc->listener);
    nc->conn = nc->listener = 0;
    la_host_flush(nc->node.host);
    if (nc->phase == NC_OPEN)
        pump_end(&nc->pump);
    nc->closed_ns = nc->closed_ns ? nc->closed_ns : nc->node.clock_ns;
    nc->result = result;
    nc->exit_code = code;
    nc->phase = NC_OVER;
}

/* ---- opening -------------------------------------------------------------------------------- */

/* An address of one link only needs to say which (RFC 4007 6); there is one. */
static uint16_t scope_of(const struct nc *nc, const struct la_addr *addr)
{
    bool local = la_addr_is_link_local(addr) && !la_addr_is_v4(addr);
    return local ? (uint16_t)la_host_link_id(nc->node.host) : 0;
}

static void opening_begin(struct nc *nc)
{
    const struct nc_options *o = nc->options;
    struct la_endpoint there = o->there;
    struct la_tcp_options options;
    la_tcp_options_init(&options);
    options.v6_only = o->only_v6;
    there.scope = scope_of(nc, &there.addr);
    (void)node_turn(&nc->node, 0); /* what came before took time: the call happens now */
    phase_begin(nc, NC_OPENING);
    int rc;
    if (o->listen)
        rc = la_tcp_listen(nc->node.stack, &there, &options, &nc->listener);
    else
        rc = la_tcp_open(nc->node.stack, &o->from, &there, &options, &nc->conn);
    if (rc < 0) {
        nc_report_open_error(nc, rc);
        over(nc, la_err_name(rc), APP_FAILED, LA_NONE);
    }
}

static int input_of(const struct nc *nc)
{
    return nc->options->no_input ? -1 : STDIN_FILENO;
}

static void opened(struct nc *nc)
{
    if (nc->listener) {
        la_tcp_close(nc->node.stack, nc->listener);
        nc->listener = 0;
    }
    phase_begin(nc, NC_OPEN);
    nc->open_ns = nc->heard_ns = nc->node.clock_ns;
    pump_begin(&nc->pump, nc->node.host, nc->conn, input_of(nc), STDOUT_FILENO);
    nc->pump.half_close = nc->options->half_close;
    /* As in OpenBSD's netcat, but what a file or pipe still holds is sent to its end. */
    nc->pump.follows_peer = nc->options->listen && isatty(STDIN_FILENO);
    la_tcp_info(nc->node.stack, nc->conn, &nc->info);
    nc_report_open(nc);
}

/* The peer's command has ended, and with it the hope for a connection. */
static bool peer_gave_up(const struct nc *nc)
{
    return nc->child.pid > 0 && nc->child.ended && nc->node.clock_ns - nc->begin_ns > PEER_GONE_NS;
}

static void accept_step(struct nc *nc)
{
    if (la_tcp_accept(nc->node.stack, nc->listener, &nc->conn) == 0) {
        opened(nc); /* even if it is reset already: what came before shall be written */
    } else if (peer_gave_up(nc)) {
        say_error(&nc->say, "the peer's command ended with status %d and did not connect: %s",
                  "对端命令以状态 %d 结束，没有发起连接：%s", nc->child.status, nc->options->peer);
        over(nc, "no connection", APP_FAILED, LA_NONE);
    }
}

static void connect_step(struct nc *nc)
{
    int ready = la_stack_ready(nc->node.stack, nc->conn);
    la_tcp_info(nc->node.stack, nc->conn, &nc->info);
    if ((ready & LA_EV_CONNECTED) || nc->info.rcv_queued > 0) {
        opened(nc);
    } else if (ready & LA_EV_ERROR) {
        nc_report_conn_error(nc, nc->info.error);
        over(nc, la_err_name(nc->info.error), APP_FAILED, LA_NONE);
    }
}

static void opening_step(struct nc *nc)
{
    if (nc->listener)
        accept_step(nc);
    else
        connect_step(nc);
}

/* ---- open ----------------------------------------------------------------------------------- */

static void closed(struct nc *nc)
{
    nc->closed_ns = nc->node.clock_ns;
    la_tcp_info(nc->node.stack, nc->conn, &nc->info);
    pump_end(&nc->pump);
    nc->result = "closed";
    nc->exit_code = APP_DONE;
    phase_begin(nc, NC_TIME_WAIT);
}

static void open_step(struct nc *nc)
{
    switch (pump_turn(&nc->pump)) {
    case PUMP_RUNS:
        break;
    case PUMP_CLOSED:
        closed(nc);
        break;
    case PUMP_CONN_FAILED:
        nc_report_conn_error(nc, nc->pump.error);
        over(nc, la_err_name(nc->pump.error), APP_FAILED, LA_NONE);
        break;
    case PUMP_INPUT_FAILED:
    case PUMP_OUTPUT_FAILED:
        nc_report_pump_error(nc);
        over(nc, nc->pump.state == PUMP_INPUT_FAILED ? "input failed" : "output failed", APP_FAILED,
             LA_RST_ABORT);
        break;
    }
}

/* ---- closed --------------------------------------------------------------------------------- */

static void time_wait_step(struct nc *nc)
{
    int rc = la_tcp_info(nc->node.stack, nc->conn, &nc->info);
    bool waits = rc == 0 && nc->info.state == LA_TCP_TIME_WAIT;
    if (waits && !nc->options->no_wait)
        return;
    if (waits)
        nc->left_ms = nc->info.time_wait_left_ms;
    phase_begin(nc, NC_PEER_END);
}

static void peer_end_step(struct nc *nc)
{
    if (!child_ended(&nc->child))
        return;
    bool failed = nc->child.status != 0;
    if (failed)
        say_error(&nc->say, "the peer's command ended with status %d: %s",
                  "对端命令以状态 %d 结束：%s", nc->child.status, nc->options->peer);
    over(nc, nc->result, failed ? APP_FAILED : APP_DONE, LA_NONE);
}

/* ---- what may come at any time -------------------------------------------------------------- */

static void interrupted(struct nc *nc, uint32_t signal_number)
{
    if (nc->phase == NC_TIME_WAIT) {
        if (signal_number == SIGINT && !nc->interrupted_once) {
            nc->interrupted_once = true;
            say_note(&nc->say, "in TIME-WAIT, in case the last ACK was lost; Ctrl-C again leaves",
                     "处于 TIME-WAIT，以防最后的 ACK 丢失；再按一次 Ctrl-C 离开");
            return;
        }
        nc->left_ms = nc->info.time_wait_left_ms;
        phase_begin(nc, NC_PEER_END);
        return;
    }
    if (nc->phase == NC_PEER_END) {
        say_error(&nc->say, "interrupted while the peer's command still ran: it was ended",
                  "对端命令仍在运行时被中断：已将其终止");
        over(nc, nc->result, APP_FAILED, LA_NONE);
        return;
    }
    if (nc->phase == NC_OPEN)
        say_error(&nc->say, "interrupted: the open connection was reset, the peer has been told",
                  "被中断：已复位打开的连接，并已通知对端");
    else
        say_error(&nc->say, "interrupted before a connection was open", "在连接建立之前被中断");
    over(nc, "interrupted", APP_FAILED, LA_RST_PROCESS_ENDED);
}

static void signals_step(struct nc *nc)
{
    struct signalfd_siginfo info;
    if (la_host_revents(nc->node.host, nc->signal_fd) == 0)
        return;
    while (nc->phase != NC_OVER && read(nc->signal_fd, &info, sizeof(info)) == sizeof(info)) {
        if (info.ssi_signo != SIGCHLD) {
            interrupted(nc, info.ssi_signo);
        } else if (!nc->child.ended && child_ended(&nc->child) && nc->phase == NC_OPENING) {
            nc->begin_ns = nc->node.clock_ns; /* see peer_gave_up() */
        }
    }
}

/* Bytes that passed in either direction, as far as the peer has acknowledged them. */
static void timeout_step(struct nc *nc)
{
    bool connects = nc->phase == NC_OPENING && !nc->options->listen;
    if (nc->options->timeout_ns == 0 || (nc->phase != NC_OPEN && !connects))
        return;
    if (nc->phase == NC_OPEN) {
        struct la_tcp_info info;
        if (la_tcp_info(nc->node.stack, nc->conn, &info) < 0)
            return;
        uint64_t bytes = info.bytes_in + info.bytes_acked + nc->pump.bytes_in + nc->pump.bytes_out;
        if (bytes != nc->heard_bytes)
            nc->heard_ns = nc->node.clock_ns;
        nc->heard_bytes = bytes;
    }
    uint64_t since_ns = connects ? nc->begin_ns : nc->heard_ns;
    if (nc->node.clock_ns - since_ns < nc->options->timeout_ns)
        return;
    char waited[LA_NUMBER_TEXT_MAX];
    la_duration_format(nc->options->timeout_ns, waited);
    if (connects)
        nc_report_conn_error(nc, LA_ETIMEDOUT);
    else
        say_error(&nc->say, "nothing passed for %s: the connection was reset (--timeout)",
                  "%s 内没有数据通过：已复位连接（--timeout）", waited);
    over(nc, la_err_name(LA_ETIMEDOUT), APP_FAILED, LA_RST_ABORT);
}

static void peer_wait_step(struct nc *nc)
{
    if (child_listens(nc->options->there.port) || child_ended(&nc->child) ||
        nc->node.clock_ns - nc->begin_ns > PEER_READY_NS)
        opening_begin(nc);
}

/* One phase may end and the next begin in the same turn: there may be no other to wake it. */
static void step(struct nc *nc)
{
    if (nc->phase == NC_PEER_WAIT)
        peer_wait_step(nc);
    if (nc->phase == NC_OPENING)
        opening_step(nc);
    if (nc->phase == NC_OPEN)
        open_step(nc);
    if (nc->phase == NC_TIME_WAIT)
        time_wait_step(nc);
    if (nc->phase == NC_PEER_END)
        peer_end_step(nc);
    timeout_step(nc);
}

/* How long the next turn may sleep: the stack's own deadlines are the host's to know. */
static uint64_t until(const struct nc *nc)
{
    uint64_t now_ns = nc->node.clock_ns, until_ns = UINT64_MAX;
    if (nc->phase == NC_PEER_WAIT)
        return now_ns + PEER_LOOK_NS;
    if (nc->phase == NC_OPENING && nc->child.ended)
        until_ns = nc->begin_ns + PEER_GONE_NS + 1;
    if (nc_report_is_live(nc))
        until_ns = now_ns + PROGRESS_NS;
    if (nc->options->timeout_ns > 0) {
        uint64_t since_ns = nc->phase == NC_OPEN ? nc->heard_ns : nc->begin_ns;
        uint64_t at_ns = since_ns + nc->options->timeout_ns;
        until_ns = at_ns < until_ns && nc->phase <= NC_OPEN ? at_ns : until_ns;
    }
    return nc->phase == NC_OPEN ? pump_until(&nc->pump, until_ns) : until_ns;
}

/* Its input is nobody's: ours goes to the connection. */
static void peer_start(struct nc *nc)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int rc = null < 0
                 ? -errno
                 : child_start(&nc->child, nc->options->peer, null, STDERR_FILENO, STDERR_FILENO);
    if (null >= 0)
        close(null);
    if (rc < 0) {
        say_error(&nc->say, "cannot start the peer's command: %s", "无法启动对端命令：%s",
                  strerror(-rc));
        over(nc, "no peer", APP_FAILED, LA_NONE);
    }
}

/* A peer that connects must find the listener; one that listens must be there first. */
static void begin(struct nc *nc)
{
    const struct nc_options *o = nc->options;
    nc->node.clock_ns = la_clock_ns();
    nc_report_begin(nc);
    phase_begin(nc, NC_PEER_WAIT);
    if (!o->peer || o->listen)
        opening_begin(nc);
    if (o->peer && nc->phase != NC_OVER)
        peer_start(nc);
}

void nc_run(struct nc *nc)
{
    begin(nc);
    while (nc->phase != NC_OVER) {
        int rc = node_turn(&nc->node, until(nc));
        if (rc < 0) {
            nc_report_link_error(nc, rc);
            over(nc, "link failed", APP_FAILED, LA_RST_PROCESS_ENDED);
            return;
        }
        signals_step(nc);
        if (nc->phase != NC_OVER)
            step(nc);
        if (nc->diagram) /* a call and the segment it causes are drawn together */
            la_host_flush(nc->node.host);
        node_trace(&nc->node, nc->diagram);
        nc_report_progress(nc);
    }
}
