/* One end of a connection in the demo. Whatever stands behind it, files or an application, is on
 * the other side of two descriptors, and the byte pump in between is the one of `lastack nc`. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "apps/demo/demo.h"

void end_init(struct end *end, struct node *node, int in_fd, int out_fd, bool half_close)
{
    *end = (struct end){
        .node = node,
        .in_fd = in_fd,
        .out_fd = out_fd,
        .half_close = half_close,
        .app_in_fd = -1,
        .app_out_fd = -1,
    };
}

int end_init_app(struct end *end, struct node *node, end_app *app)
{
    int to_app[2], from_app[2];
    if (pipe2(to_app, O_CLOEXEC | O_NONBLOCK) < 0)
        return -errno;
    if (pipe2(from_app, O_CLOEXEC | O_NONBLOCK) < 0) {
        int error = -errno;
        close(to_app[0]);
        close(to_app[1]);
        return error;
    }
    end_init(end, node, from_app[0], to_app[1], true);
    end->app = app;
    end->app_in_fd = to_app[0];
    end->app_out_fd = from_app[1];
    return 0;
}

int end_listen(struct end *end, uint16_t port, bool v6)
{
    const struct la_endpoint at = {.addr = v6 ? la_addr_any_v6() : la_addr_any_v4(), .port = port};
    struct la_tcp_options options;
    la_tcp_options_init(&options);
    return la_tcp_listen(end->node->stack, &at, &options, &end->listener);
}

int end_connect(struct end *end, const struct la_endpoint *to)
{
    struct la_tcp_options options;
    la_tcp_options_init(&options);
    return la_tcp_open(end->node->stack, NULL, to, &options, &end->conn);
}

static void failed(struct end *end, int error)
{
    end->error = error;
    end->state = END_FAILED;
}

static void opening_step(struct end *end)
{
    struct la_stack *stack = end->node->stack;
    if (end->listener && la_tcp_accept(stack, end->listener, &end->conn) == 0) {
        la_tcp_close(stack, end->listener);
        end->listener = 0;
    }
    int ready = end->conn ? la_stack_ready(stack, end->conn) : 0;
    if (ready < 0 || (ready & LA_EV_ERROR)) {
        la_tcp_info(stack, end->conn, &end->info);
        failed(end, end->info.error);
    } else if (ready & LA_EV_CONNECTED) {
        pump_begin(&end->pump, end->node->host, end->conn, end->in_fd, end->out_fd);
        end->pump.half_close = end->half_close;
        end->open_ns = end->node->clock_ns;
        end->state = END_OPEN;
    }
}

static void app_step(struct end *end)
{
    size_t room = sizeof(end->heard) - 1 - end->heard_len;
    ssize_t got = end->app_in_fd < 0 ? -1 : read(end->app_in_fd, end->heard + end->heard_len, room);
    if (got > 0)
        end->heard_len += (size_t)got;
    if (got == 0 && room > 0) {
        close(end->app_in_fd);
        end->app_in_fd = -1;
    }
    end->heard[end->heard_len] = '\0';
    if (end->app_out_fd >= 0)
        end->app(end, end->node->clock_ns);
}

static void open_step(struct end *end)
{
    enum pump_state state = pump_turn(&end->pump);
    if (end->app) { /* what it hears now it may answer in the same turn */
        app_step(end);
        state = pump_turn(&end->pump);
    }
    if (state == PUMP_RUNS)
        return;
    end->closed_ns = end->node->clock_ns;
    la_tcp_info(end->node->stack, end->conn, &end->info);
    if (state == PUMP_CLOSED)
        end->state = END_TIME_WAIT;
    else
        failed(end, end->pump.error);
}

static void time_wait_step(struct end *end)
{
    struct la_tcp_info info;
    int rc = la_tcp_info(end->node->stack, end->conn, &info);
    if (rc == 0 && info.state == LA_TCP_TIME_WAIT)
        end->time_wait_left_ms = info.time_wait_left_ms;
    else
        end->state = END_OVER;
}

void end_step(struct end *end)
{
    if (end->state == END_OPENING)
        opening_step(end);
    if (end->state == END_OPEN)
        open_step(end);
    if (end->state == END_TIME_WAIT)
        time_wait_step(end);
}

void end_close(struct end *end)
{
    if (end->open_ns != 0)
        pump_end(&end->pump);
    if (end->app_in_fd >= 0)
        close(end->app_in_fd);
    if (end->app_out_fd >= 0)
        close(end->app_out_fd);
    if (end->listener)
        la_tcp_close(end->node->stack, end->listener);
    if (end->conn)
        la_tcp_close(end->node->stack, end->conn);
    end->listener = end->conn = 0;
}
