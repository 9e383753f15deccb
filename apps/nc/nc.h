/* `lastack nc`, inside: options.c reads the command line, run.c lives the connection, report.c
 * tells about it, nc.c ties them. */
#ifndef APPS_NC_NC_H
#define APPS_NC_NC_H

#include <lastack/tcp.h>

#include "apps/common/child.h"
#include "apps/common/node.h"
#include "apps/common/pump.h"
#include "apps/common/say.h"

struct nc_options {
    bool listen;
    bool half_close;       /* -N */
    bool no_input;         /* -d */
    bool only_v4, only_v6; /* -4, -6 */
    bool no_wait;          /* leave TIME-WAIT at once */
    bool trace;
    bool json;
    uint64_t timeout_ns;      /* -w, 0: none */
    struct la_endpoint there; /* to connect to, or to listen on */
    struct la_endpoint from;  /* -s, -p: of this end when it connects */
    const char *peer;
    struct node_options node;
};

/* What is happening. A life goes through them downwards and may leave some out. */
enum nc_phase { NC_PEER_WAIT, NC_OPENING, NC_OPEN, NC_TIME_WAIT, NC_PEER_END, NC_OVER };

struct nc {
    const struct nc_options *options;
    struct say say;
    bool is_typed; /* stdout is a terminal: bytes stand there */
    struct node node;
    struct pump pump;
    struct child child;
    struct la_diagram *diagram; /* with --trace */
    FILE *diagram_out;
    enum nc_phase phase;
    int exit_code;
    int signal_fd;
    bool interrupted_once; /* a first Ctrl-C in TIME-WAIT was answered with a warning */
    la_handle listener, conn;
    struct la_tcp_info info; /* the last one that could be had */
    const char *result;      /* for --json: "closed", "refused", ... */
    uint64_t begin_ns;       /* of the phase's wait: for --timeout */
    uint64_t open_ns, closed_ns;
    uint64_t heard_bytes, heard_ns; /* progress, for --timeout */
    uint64_t left_ms;               /* of TIME-WAIT when it was left early */
    uint64_t shown_ns;              /* when progress was last shown */
};

/* Returns an APP_* to exit with, or -1: go on. */
int nc_options_read(struct nc_options *options, struct say *say, int argc, char **argv);

/* Opens the connection and lives it to its end; the node is open. */
void nc_run(struct nc *nc);

/* ---- report.c ------------------------------------------------------------------------------- */

/* Which link came about, and how to get there. */
void nc_report_begin(struct nc *nc);
void nc_report_open(struct nc *nc);
/* The line that is overwritten, a few times a second. */
void nc_report_progress(struct nc *nc);
void nc_report_end(struct nc *nc);
bool nc_report_is_live(const struct nc *nc); /* is there a line to keep up to date? */

/* Why the connection failed and what to do. */
void nc_report_conn_error(struct nc *nc, int error);
void nc_report_open_error(struct nc *nc, int error);
void nc_report_pump_error(struct nc *nc);
void nc_report_link_error(struct nc *nc, int error);

#endif
