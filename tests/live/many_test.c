/* Two hundred connections at once between Lastack and the kernel, half of them opened by either.
 *
 * Both ends live in this process: the kernel's as non-blocking sockets in the namespace that the
 * world is made in. The end that connects sends its own pattern and ends its side; the other sends
 * everything back. Afterwards nothing is left in the stack, TIME-WAIT included. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <lastack/lastack.h>

#define CONNS        200
#define BYTES        (48 * 1024)
#define LASTACK_PORT 7000
#define KERNEL_PORT  7001
#define LIMIT_NS     (UINT64_C(30) * 1000000000)

/* One end, on either stack. */
struct end {
    bool kernel;
    bool asks; /* connects, sends a pattern and wants it back; else sends back what it gets */
    unsigned number;
    int fd;
    la_handle conn;
    size_t sent, received;
    uint8_t held[4096]; /* of an end that answers: what is to be sent back */
    size_t held_len;
    bool ended; /* the other end will send no more */
    bool shut;  /* nor will this one */
    bool done;
};

static struct la_stack *stack;
static struct la_host *host;
static struct end ends[2 * CONNS];
static size_t ends_count;

static uint8_t pattern(unsigned number, size_t at)
{
    return (uint8_t)(at * 31 + (at >> 8) * 7 + number);
}

/* ---- what the two stacks have in common ----------------------------------------------------- */

/* Bytes, 0 at the end, -1 for not now. */
static int64_t end_receive(struct end *e, void *data, size_t len)
{
    int64_t n = e->kernel ? recv(e->fd, data, len, 0) : la_tcp_recv(stack, e->conn, data, len, 0);
    if (n < 0)
        assert_true(e->kernel ? errno == EAGAIN : n == LA_EAGAIN);
    return n < 0 ? -1 : n;
}

static size_t end_send(struct end *e, const void *data, size_t len)
{
    int64_t n = e->kernel ? send(e->fd, data, len, MSG_NOSIGNAL)
                          : la_tcp_send(stack, e->conn, data, len, 0);
    if (n < 0)
        assert_true(e->kernel ? errno == EAGAIN || errno == ENOTCONN : n == LA_EAGAIN);
    return n < 0 ? 0 : (size_t)n;
}

static void end_shut(struct end *e)
{
    assert_int_equal(e->kernel ? shutdown(e->fd, SHUT_WR) : la_tcp_shutdown(stack, e->conn), 0);
    e->shut = true;
}

static void end_close(struct end *e)
{
    assert_int_equal(e->kernel ? close(e->fd) : la_tcp_close(stack, e->conn), 0);
    e->done = true;
}

/* ---- the two roles -------------------------------------------------------------------------- */

static void ask(struct end *e)
{
    uint8_t bytes[4096];
    while (e->sent < BYTES) {
        size_t len = BYTES - e->sent < sizeof(bytes) ? BYTES - e->sent : sizeof(bytes);
        for (size_t i = 0; i < len; i++)
            bytes[i] = pattern(e->number, e->sent + i);
        size_t n = end_send(e, bytes, len);
        e->sent += n;
        if (n < len)
            break;
    }
    if (e->sent == BYTES && !e->shut)
        end_shut(e);
    for (int64_t n; e->sent > 0 && !e->done && (n = end_receive(e, bytes, sizeof(bytes))) >= 0;) {
        for (int64_t i = 0; i < n; i++)
            assert_int_equal(bytes[i], pattern(e->number, e->received + (size_t)i));
        e->received += (size_t)n;
        if (n == 0) {
            assert_int_equal(e->received, BYTES);
            end_close(e);
        }
    }
}

static void answer(struct end *e)
{
    while (!e->ended && e->held_len < sizeof(e->held)) {
        int64_t n = end_receive(e, e->held + e->held_len, sizeof(e->held) - e->held_len);
        if (n < 0)
            break;
        e->ended = n == 0;
        e->held_len += (size_t)n;
        size_t sent = end_send(e, e->held, e->held_len);
        memmove(e->held, e->held + sent, e->held_len - sent);
        e->held_len -= sent;
    }
    if (e->held_len > 0) {
        size_t sent = end_send(e, e->held, e->held_len);
        memmove(e->held, e->held + sent, e->held_len - sent);
        e->held_len -= sent;
    }
    if (e->ended && e->held_len == 0)
        end_close(e);
}

/* ---- opening -------------------------------------------------------------------------------- */

static struct end *end_add(bool kernel, bool asks)
{
    assert_true(ends_count < 2 * CONNS);
    struct end *e = &ends[ends_count];
    *e = (struct end){.kernel = kernel, .asks = asks, .number = (unsigned)ends_count, .fd = -1};
    ends_count++;
    return e;
}

static struct sockaddr_in address(uint8_t host_number, uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    a.sin_addr.s_addr = htonl(0x0a570000U | host_number);
    return a;
}

static int kernel_listen(void)
{
    const struct sockaddr_in a = address(1, KERNEL_PORT);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(fd, CONNS), 0);
    return fd;
}

static la_handle lastack_listen(void)
{
    const struct la_endpoint at = {.addr = la_addr_any_v4(), .port = LASTACK_PORT};
    struct la_tcp_options options;
    la_handle listener;
    la_tcp_options_init(&options);
    options.backlog = CONNS;
    options.half_open_max = CONNS;
    assert_int_equal(la_tcp_listen(stack, &at, &options, &listener), 0);
    return listener;
}

static void connect_all(void)
{
    const struct sockaddr_in lastack = address(2, LASTACK_PORT);
    const struct la_endpoint kernel = {.addr = la_addr_v4(10, 87, 0, 1), .port = KERNEL_PORT};
    for (int i = 0; i < CONNS / 2; i++) {
        struct end *e = end_add(true, true);
        e->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        assert_true(e->fd >= 0);
        assert_int_equal(connect(e->fd, (const struct sockaddr *)&lastack, sizeof(lastack)), -1);
        assert_int_equal(errno, EINPROGRESS);
        e = end_add(false, true);
        assert_int_equal(la_tcp_open(stack, NULL, &kernel, NULL, &e->conn), 0);
    }
}

static void accept_all(int kernel_listener, la_handle lastack_listener)
{
    la_handle conn;
    for (int fd; (fd = accept4(kernel_listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;)
        end_add(true, false)->fd = fd;
    while (la_tcp_accept(stack, lastack_listener, &conn) == 0)
        end_add(false, false)->conn = conn;
}

/* ---- the test ------------------------------------------------------------------------------- */

static size_t step_all(void)
{
    size_t open = 2 * CONNS;
    for (size_t i = 0; i < ends_count; i++) {
        struct end *e = &ends[i];
        if (!e->done && e->asks)
            ask(e);
        else if (!e->done)
            answer(e);
        open -= e->done;
    }
    return open;
}

static void two_hundred_at_once(void **state)
{
    uint64_t begin_ns = la_clock_ns();
    int kernel_listener = kernel_listen();
    la_handle lastack_listener = lastack_listen();
    struct la_stack_stats stats;
    connect_all();
    for (size_t open = 1; open > 0;) {
        assert_true(la_clock_ns() - begin_ns < LIMIT_NS);
        int rc = la_host_turn(host, la_clock_ns() + (uint64_t)LA_NS_PER_MS);
        assert_true(rc >= 0 || rc == LA_EINTR);
        accept_all(kernel_listener, lastack_listener);
        open = step_all();
    }
    close(kernel_listener);
    assert_int_equal(la_tcp_close(stack, lastack_listener), 0);
    do { /* last ACKs and TIME-WAIT */
        assert_true(la_clock_ns() - begin_ns < LIMIT_NS);
        la_host_turn(host, la_clock_ns() + (uint64_t)LA_NS_PER_MS * 10);
        la_stack_stats(stack, &stats);
    } while (stats.conns + stats.half_open + stats.time_wait > 0);
    assert_int_equal(la_stack_memory(stack, LA_MEM_CONNECTIONS), 0);
    assert_int_equal(la_stack_memory(stack, LA_MEM_TIME_WAIT), 0);
}

static int world_make(void)
{
    const struct la_addr addr = la_addr_v4(10, 87, 0, 2);
    enum la_world_kind kind;
    struct la_link *link;
    struct la_message why;
    struct la_config config;
    int rc = la_world_make(0, &kind, &link, &why);
    if (rc < 0) {
        printf("SKIP: live/many: %s\n", why.text);
        return 77;
    }
    printf("%s\n", why.text);
    la_config_init(&config);
    config.allocator = la_host_allocator();
    config.time_wait_ns = 200 * (uint64_t)LA_NS_PER_MS;
    bool made = la_host_seed(config.seed) == 0 &&
                (stack = la_stack_create(&config, la_clock_ns())) != NULL &&
                la_host_create(stack, link, &host) == 0 &&
                la_stack_addr_add(stack, la_host_link_id(host), &addr, 24) == 0;
    return made ? 0 : 1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(two_hundred_at_once)};
    int rc = world_make();
    if (rc != 0)
        return rc;
    rc = cmocka_run_group_tests_name("live/many", tests, NULL, NULL);
    la_host_destroy(host);
    return rc;
}
