/* The byte pump: one connection between two descriptors.
 *
 * Bytes are read straight into the send buffer and written straight out of the receive buffer.
 * Each direction stops by itself: nothing is read from the input while the send buffer is full,
 * nothing is taken from the connection while the output is full, so that the peer's window closes.
 *
 * The end of each direction is a thing of its own (RFC 9293 3.6): the peer's FIN closes the output
 * once everything before it is written; the end of the input sends a FIN when the caller wants
 * it so, or when the peer has sent its own. Bytes that came before a reset are written out before
 * the reset is reported. */
#ifndef APPS_COMMON_PUMP_H
#define APPS_COMMON_PUMP_H

#include <lastack/host.h>
#include <lastack/tcp.h>

#include "apps/common/stream.h"

enum pump_state {
    PUMP_RUNS,
    PUMP_CLOSED,        /* in order, both directions; this end may be in TIME-WAIT */
    PUMP_CONN_FAILED,   /* `error` is the connection's la_err; all that came is written */
    PUMP_INPUT_FAILED,  /* `error` is -errno */
    PUMP_OUTPUT_FAILED, /* `error` is -errno */
};

struct pump {
    struct la_host *host;
    la_handle conn;
    int in_fd, out_fd;
    bool half_close;   /* FIN at the end of the input, and not only after the peer's */
    bool follows_peer; /* the peer's FIN ends the input too */

    struct stream in, out;
    enum pump_state state;
    int error;
    bool in_ended, in_full; /* the input is at its end; the send buffer has no room */
    bool out_ended;         /* the peer's FIN has been passed on */
    bool fin_sent;
    bool more; /* stopped for its turn's end, not for want of bytes */
    uint64_t bytes_in, bytes_out;
};

/* The connection must be established. Both descriptors are closed when their direction ends;
 * `in_fd` -1: nothing is to be sent. */
void pump_begin(struct pump *p, struct la_host *host, la_handle conn, int in_fd, int out_fd);

/* Moves what can be moved, once after every turn of the host, and says what to watch. */
enum pump_state pump_turn(struct pump *p);

/* When the next turn may sleep until: 0 while there is more to move. */
static inline uint64_t pump_until(const struct pump *p, uint64_t until_ns)
{
    return p->more && p->state == PUMP_RUNS ? 0 : until_ns;
}

/* Stops watching and closes what is still open. The connection stays as it is. */
void pump_end(struct pump *p);

#endif
