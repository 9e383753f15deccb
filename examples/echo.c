/* An echo server on a TCP/IP stack of its own: what comes in on port 7 goes back (RFC 862).
 *
 *     $ build/examples/echo
 *     listening on [::]:7 as 10.87.0.2 and fd87::2; talk to it with
 *         nsenter -t 4711 -U -n --preserve-credentials nc -N 10.87.0.2 7
 *
 * The kernel takes no part but to carry packets: this program makes a network namespace with a TUN
 * device in it (no root needed), holds one end, and every segment is made and answered
 * here. Read main() first: it is the whole order of things. */
#define _POSIX_C_SOURCE 200809L /* sigaction() */

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <lastack/lastack.h>
#include <lastack/sock.h>

#define PORT        7
#define SOCKETS_MAX 1024
#define EVENTS      64

static volatile sig_atomic_t stopped;

static void stop(int signal_number)
{
    (void)signal_number;
    stopped = 1;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = stop}; /* no SA_RESTART: the wait has to end */
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/* A stack needs memory, a seed and the time; everything else has a default. */
static struct la_stack *make_stack(void)
{
    struct la_config config;
    la_config_init(&config);
    config.allocator = la_host_allocator();
    if (la_host_seed(config.seed) < 0) {
        return NULL;
    }
    return la_stack_create(&config, la_clock_ns());
}

/* The other end of the device has 10.87.0.1 and fd87::1 (la_world_make). */
static int give_addresses(struct la_host *host)
{
    const struct la_addr v4 = la_addr_v4(10, 87, 0, 2);
    struct la_addr v6;
    int err = la_addr_parse("fd87::2", &v6);
    if (err == LA_OK) {
        err = la_stack_addr_add(la_host_stack(host), la_host_link_id(host), &v4, 24);
    }
    if (err == LA_OK) {
        err = la_stack_addr_add(la_host_stack(host), la_host_link_id(host), &v6, 64);
    }
    return err;
}

/* A link and a stack, joined by an event loop; NULL, and what is wrong was said. */
static struct la_host *make_host(void)
{
    enum la_world_kind kind;
    struct la_message why;
    struct la_link *link;
    struct la_host *host;
    if (la_world_make(0, &kind, &link, &why) < 0) {
        fprintf(stderr, "echo: %s\n", why.text);
        return NULL;
    }
    struct la_stack *stack = make_stack();
    if (!stack || la_host_create(stack, link, &host) < 0) {
        fprintf(stderr, "echo: no memory for a stack\n");
        la_link_close(link);
        if (stack) {
            la_stack_destroy(stack);
        }
        return NULL;
    }
    return host; /* which owns link and stack now */
}

/* Listens on the port over IPv6 and IPv4; the descriptor, or a negative la_err. */
static int listen_on(struct la_sock_table *table, uint16_t port)
{
    const struct la_endpoint any = {.addr = la_addr_any_v6(), .port = port};
    int fd = la_socket(table, LA_AF_INET6, LA_SOCK_STREAM);
    int err = la_bind(table, fd, &any);
    if (err == LA_OK) {
        err = la_listen(table, fd, LA_SOMAXCONN);
    }
    return err < 0 ? err : fd;
}

/* Sends back what has arrived, as much as there is room for; the rest stays where it is until
 * there is more. So a client that does not read fills its own window and nobody's memory. */
static void echo(struct la_sock_table *table, int fd)
{
    static char bytes[64 * 1024];
    for (;;) {
        int64_t got = la_recv(table, fd, bytes, sizeof(bytes), LA_MSG_PEEK);
        if (got == LA_EAGAIN) {
            la_sock_want(table, fd, LA_POLLIN);
            return;
        }
        if (got <= 0) { /* the client's FIN, or an error: in either case we are done */
            la_close(table, fd);
            return;
        }
        int64_t put = la_send(table, fd, bytes, (size_t)got, 0);
        if (put < 0) {
            la_sock_want(table, fd, LA_POLLOUT);
            return;
        }
        la_recv(table, fd, bytes, (size_t)put, 0);
    }
}

/* Does what there is to do after a turn of the host. */
static void serve(struct la_sock_table *table, struct la_stack *stack, int door)
{
    struct la_event events[EVENTS];
    struct la_pollfd ready[EVENTS];
    size_t n = la_stack_poll(stack, events, EVENTS);
    n = la_sock_dispatch(table, events, n, ready);
    for (size_t i = 0; i < n; i++) {
        if (ready[i].fd == door) {
            while (la_accept(table, door, NULL) >= 0) {
            }
        } else {
            echo(table, ready[i].fd);
        }
    }
}

int main(void)
{
    struct la_host *host = make_host();
    if (!host) {
        return 1;
    }
    struct la_stack *stack = la_host_stack(host);
    struct la_allocator allocator = la_host_allocator();
    struct la_sock_table *table = la_sock_create(stack, &allocator, SOCKETS_MAX);
    int err = table ? give_addresses(host) : LA_ENOMEM;
    int door = err == LA_OK ? listen_on(table, PORT) : err;
    if (door < 0) {
        fprintf(stderr, "echo: cannot listen on port %d: %s\n", PORT, la_err_text(door));
    } else {
        char enter[128];
        la_world_enter_command(enter, sizeof(enter));
        printf("listening on [::]:%d as 10.87.0.2 and fd87::2; talk to it with\n"
               "    %s nc -N 10.87.0.2 %d\n",
               PORT, enter, PORT);
        fflush(stdout);
        catch_signals();
    }
    while (door >= 0 && !stopped) {
        err = la_host_turn(host, UINT64_MAX); /* waits for packets and timers */
        if (err < 0 && err != LA_EINTR) {
            fprintf(stderr, "echo: %s\n", la_err_text(err));
            break;
        }
        serve(table, stack, door);
    }
    la_sock_destroy(table); /* closes what is open ... */
    la_host_flush(host);    /* ... and lets the peers know */
    la_host_destroy(host);
    return stopped ? 0 : 1;
}
