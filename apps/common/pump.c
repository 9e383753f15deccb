/* The byte pump: see pump.h. */
#include <errno.h>
#include <poll.h>

#include "apps/common/pump.h"

/* Of a direction, before the link has its turn: what was received is at most a buffer full, and
 * the sooner it is read the wider the window stays; what is sent should still be in the cache. */
#define OUT_BYTES   (4 * 1024 * 1024)
#define IN_BYTES    (256 * 1024)
#define PIECE_BYTES (64 * 1024)

void pump_begin(struct pump *p, struct la_host *host, la_handle conn, int in_fd, int out_fd)
{
    *p = (struct pump){.host = host, .conn = conn, .in_fd = in_fd, .out_fd = out_fd};
    if (in_fd >= 0)
        stream_open(&p->in, in_fd, false);
    else
        p->in_ended = true;
    stream_open(&p->out, out_fd, true);
}

static void failed(struct pump *p, enum pump_state state, int64_t error)
{
    p->state = state;
    p->error = (int)error;
}

/* ---- peer to output ------------------------------------------------------------------------- */

static void output_end(struct pump *p)
{
    la_host_watch(p->host, p->out.fd, 0);
    int error = stream_close(&p->out, p->out_fd);
    p->out_ended = true;
    if (error)
        failed(p, PUMP_OUTPUT_FAILED, error);
}

/* One piece; returns the bytes moved, 0 when this direction can do no more now. */
static size_t output_piece(struct pump *p)
{
    struct la_stack *stack = la_host_stack(p->host);
    const void *data;
    int64_t n = la_tcp_peek(stack, p->conn, &data);
    if (n == 0)
        output_end(p);
    else if (n < 0 && n != LA_EAGAIN)
        failed(p, PUMP_CONN_FAILED, n);
    if (n <= 0)
        return 0;
    int64_t put = stream_write(&p->out, data, (size_t)n);
    if (put < 0) {
        if (put == LA_EAGAIN)
            la_host_watch(p->host, p->out.fd, POLLOUT);
        else
            failed(p, PUMP_OUTPUT_FAILED, put);
        return 0;
    }
    la_tcp_consume(stack, p->conn, (size_t)put);
    p->bytes_in += (uint64_t)put;
    return (size_t)put;
}

static void output_move(struct pump *p)
{
    size_t moved = 0;
    if (p->out.waits) {
        short events = la_host_revents(p->host, p->out.fd);
        if (events != 0)
            p->out.ready = true;
        la_host_watch(p->host, p->out.fd, 0);
    }
    for (size_t n = 1; n > 0 && moved < OUT_BYTES && p->state == PUMP_RUNS && !p->out_ended;) {
        n = output_piece(p);
        moved += n;
    }
    p->more |= moved >= OUT_BYTES;
}

/* ---- input to peer -------------------------------------------------------------------------- */

static void input_end(struct pump *p)
{
    if (p->in_ended)
        return;
    la_host_watch(p->host, p->in.fd, 0);
    (void)stream_close(&p->in, p->in_fd);
    p->in_ended = true;
}

static size_t input_piece(struct pump *p)
{
    struct la_stack *stack = la_host_stack(p->host);
    void *data;
    size_t len = PIECE_BYTES;
    if (!p->in.ready) {
        la_host_watch(p->host, p->in.fd, POLLIN);
        return 0;
    }
    int rc = la_tcp_reserve(stack, p->conn, &data, &len);
    if (rc < 0) { /* an error of the connection is for the other direction to report */
        p->in_full = true;
        return 0;
    }
    int64_t got = stream_read(&p->in, data, len);
    if (got == 0 || got == -EIO || got == -EBADF) { /* a terminal that has gone; no input at all */
        input_end(p);
        return 0;
    }
    if (got < 0) {
        if (got == LA_EAGAIN)
            la_host_watch(p->host, p->in.fd, POLLIN);
        else
            failed(p, PUMP_INPUT_FAILED, got);
        return 0;
    }
    la_tcp_commit(stack, p->conn, (size_t)got, 0);
    p->bytes_out += (uint64_t)got;
    return (size_t)got;
}

static void input_move(struct pump *p, int ready)
{
    size_t moved = 0;
    if (p->in.waits) {
        if (la_host_revents(p->host, p->in.fd) != 0)
            p->in.ready = true;
        la_host_watch(p->host, p->in.fd, 0);
    }
    if (p->in_full && !(ready & LA_EV_WRITABLE))
        return;
    p->in_full = false;
    for (size_t n = 1; n > 0 && moved < IN_BYTES && p->state == PUMP_RUNS && !p->in_ended;) {
        n = input_piece(p);
        moved += n;
    }
    p->more |= moved >= IN_BYTES;
}

/* ---- both ----------------------------------------------------------------------------------- */

enum pump_state pump_turn(struct pump *p)
{
    struct la_stack *stack = la_host_stack(p->host);
    if (p->state != PUMP_RUNS)
        return p->state;
    p->more = false;
    if (!p->out_ended)
        output_move(p);
    if (p->out_ended && p->follows_peer)
        input_end(p);
    int ready = la_stack_ready(stack, p->conn);
    if (p->state == PUMP_RUNS && !p->in_ended)
        input_move(p, ready);
    if (p->state == PUMP_RUNS && p->in_ended && !p->fin_sent && (p->half_close || p->out_ended)) {
        la_tcp_shutdown(stack, p->conn);
        p->fin_sent = true;
    }
    if (p->state != PUMP_RUNS || !p->out_ended)
        return p->state;
    struct la_tcp_info info;
    if (la_tcp_info(stack, p->conn, &info) == 0 && info.error != 0)
        failed(p, PUMP_CONN_FAILED, info.error);
    else if (ready & LA_EV_CLOSED)
        p->state = PUMP_CLOSED;
    return p->state;
}

void pump_end(struct pump *p)
{
    input_end(p);
    if (!p->out_ended) {
        la_host_watch(p->host, p->out.fd, 0);
        (void)stream_close(&p->out, p->out_fd);
        p->out_ended = true;
    }
}
