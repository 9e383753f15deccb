/* ECN between Lastack and the kernel over a wire that marks: every setting of the kernel, opened
 * from either side, data in both directions. Nothing is lost, so all that slows the senders down is
 * marks. Kernels before 6.18 know no accurate ECN: then that part is left out. */
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <lastack/lastack.h>

#define BYTES        (3 * 1024 * 1024)
#define LASTACK_PORT 7000
#define KERNEL_PORT  7001
#define LIMIT_NS     (UINT64_C(20) * 1000000000)

static struct la_stack *stack;
static struct la_host *host;
static uint8_t bytes[65536];

/* False: this kernel does not know the setting. */
static bool kernel_setting(int value)
{
    FILE *f = fopen("/proc/sys/net/ipv4/tcp_ecn", "w");
    if (!f)
        return false;
    bool written = fprintf(f, "%d", value) > 0;
    return fclose(f) == 0 && written;
}

static struct sockaddr_in address(uint8_t host_number, uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    a.sin_addr.s_addr = htonl(0x0a570000U | host_number);
    return a;
}

static void turn(uint64_t begin_ns)
{
    assert_true(la_clock_ns() - begin_ns < LIMIT_NS);
    int rc = la_host_turn(host, la_clock_ns() + (uint64_t)LA_NS_PER_MS);
    assert_true(rc >= 0 || rc == LA_EINTR);
}

/* ---- opening -------------------------------------------------------------------------------- */

static void from_lastack(uint8_t wish, int *fd, la_handle *conn)
{
    const struct sockaddr_in a = address(1, KERNEL_PORT);
    const struct la_endpoint kernel = {.addr = la_addr_v4(10, 87, 0, 1), .port = KERNEL_PORT};
    struct la_tcp_options options;
    int one = 1, door = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    uint64_t begin_ns = la_clock_ns();
    assert_int_equal(setsockopt(door, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), 0);
    assert_int_equal(bind(door, (const struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(door, 1), 0);
    la_tcp_options_init(&options);
    options.ecn = wish;
    assert_int_equal(la_tcp_open(stack, NULL, &kernel, &options, conn), 0);
    while ((*fd = accept4(door, NULL, NULL, SOCK_NONBLOCK)) < 0)
        turn(begin_ns);
    close(door);
}

static void from_kernel(uint8_t wish, int *fd, la_handle *conn)
{
    const struct sockaddr_in lastack = address(2, LASTACK_PORT);
    const struct la_endpoint at = {.addr = la_addr_any_v4(), .port = LASTACK_PORT};
    struct la_tcp_options options;
    la_handle door;
    uint64_t begin_ns = la_clock_ns();
    la_tcp_options_init(&options);
    options.ecn = wish;
    assert_int_equal(la_tcp_listen(stack, &at, &options, &door), 0);
    *fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(connect(*fd, (const struct sockaddr *)&lastack, sizeof(lastack)), -1);
    while (la_tcp_accept(stack, door, conn) != 0)
        turn(begin_ns);
    assert_int_equal(la_tcp_close(stack, door), 0);
}

/* ---- data ----------------------------------------------------------------------------------- */

static void both_ways(int fd, la_handle conn)
{
    size_t out = 0, in = 0, kernel_out = 0, kernel_in = 0;
    uint64_t begin_ns = la_clock_ns();
    while (in < BYTES || kernel_in < BYTES) {
        size_t left = BYTES - out < sizeof(bytes) ? BYTES - out : sizeof(bytes);
        int64_t n = left ? la_tcp_send(stack, conn, bytes, left, 0) : 0;
        out += n > 0 ? (size_t)n : 0;
        while ((n = la_tcp_recv(stack, conn, bytes, sizeof(bytes), 0)) > 0)
            in += (size_t)n;
        left = BYTES - kernel_out < sizeof(bytes) ? BYTES - kernel_out : sizeof(bytes);
        n = left ? send(fd, bytes, left, MSG_NOSIGNAL) : 0;
        kernel_out += n > 0 ? (size_t)n : 0;
        while ((n = recv(fd, bytes, sizeof(bytes), 0)) > 0)
            kernel_in += (size_t)n;
        turn(begin_ns);
    }
    for (uint64_t until_ns = la_clock_ns() + 100 * (uint64_t)LA_NS_PER_MS;
         la_clock_ns() < until_ns;)
        turn(begin_ns); /* the last ACKs */
}

static void exchange(int setting, uint8_t wish, bool kernel_opens, uint8_t want)
{
    struct la_tcp_info ours;
    struct tcp_info theirs;
    socklen_t len = sizeof(theirs);
    la_handle conn;
    int fd;

    if (!kernel_setting(setting)) {
        printf("left out: this kernel has no tcp_ecn=%d\n", setting);
        return;
    }
    if (kernel_opens)
        from_kernel(wish, &fd, &conn);
    else
        from_lastack(wish, &fd, &conn);
    both_ways(fd, conn);
    memset(&theirs, 0, sizeof(theirs));
    assert_int_equal(la_tcp_info(stack, conn, &ours), 0);
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &theirs, &len), 0);
    printf("tcp_ecn=%d, %s opens, wish %d: agreed %d; marks: %u of ours (%u bytes), %u of the "
           "kernel's (it says %u); sent again %u, %u\n",
           setting, kernel_opens ? "kernel" : "lastack", wish, ours.ecn, ours.ce_acked,
           ours.ce_acked_bytes, ours.ce_in, theirs.tcpi_delivered_ce, ours.rtx_segs,
           theirs.tcpi_total_retrans);
    assert_int_equal(ours.ecn, want);
    assert_int_equal((theirs.tcpi_options & TCPI_OPT_ECN) != 0, want != LA_ECN_OFF);
    assert_int_equal(ours.ce_in != 0, want != LA_ECN_OFF);
    assert_int_equal(ours.ce_acked != 0, want != LA_ECN_OFF);
    assert_int_equal(ours.ecn_sends, want != LA_ECN_OFF);
    if (want == LA_ECN_ACCURATE) {
        assert_int_equal(theirs.tcpi_delivered_ce, ours.ce_in);
    }
    close(fd);
    assert_int_equal(la_tcp_abort(stack, conn, LA_RST_ABORT), 0);
    turn(la_clock_ns());
}

static void lastack_asks(void **state)
{
    exchange(0, LA_ECN_CLASSIC, false, LA_ECN_OFF);
    exchange(2, LA_ECN_OFF, false, LA_ECN_OFF);
    exchange(2, LA_ECN_PASSIVE, false, LA_ECN_OFF);
    exchange(2, LA_ECN_CLASSIC, false, LA_ECN_CLASSIC);
    exchange(2, LA_ECN_ACCURATE, false, LA_ECN_CLASSIC);
    exchange(3, LA_ECN_CLASSIC, false, LA_ECN_CLASSIC);
    exchange(3, LA_ECN_ACCURATE, false, LA_ECN_ACCURATE);
    exchange(5, LA_ECN_ACCURATE, false, LA_ECN_ACCURATE);
}

static void kernel_asks(void **state)
{
    exchange(1, LA_ECN_OFF, true, LA_ECN_OFF);
    exchange(1, LA_ECN_PASSIVE, true, LA_ECN_CLASSIC);
    exchange(3, LA_ECN_PASSIVE, true, LA_ECN_ACCURATE);
    exchange(3, LA_ECN_CLASSIC, true, LA_ECN_CLASSIC);
    exchange(4, LA_ECN_PASSIVE, true, LA_ECN_CLASSIC);
    exchange(5, LA_ECN_PASSIVE, true, LA_ECN_OFF);
}

static int world_make(void)
{
    const struct la_addr addr = la_addr_v4(10, 87, 0, 2);
    const struct la_impair how = {.rate_bps = 200000000,
                                  .delay_ns = 5 * LA_NS_PER_MS,
                                  .queue_frames = 5000,
                                  .mark_frames = 40};
    enum la_world_kind kind;
    struct la_link *link, *wire;
    struct la_message why;
    struct la_config config;
    int rc = la_world_make(0, &kind, &link, &why);
    if (rc < 0) {
        printf("SKIP: live/ecn: %s\n", why.text);
        return 77;
    }
    printf("%s\n", why.text);
    la_config_init(&config);
    config.allocator = la_host_allocator();
    bool made = la_link_impair(link, &how, &how, 1, &wire) == 0 && la_host_seed(config.seed) == 0 &&
                (stack = la_stack_create(&config, la_clock_ns())) != NULL &&
                la_host_create(stack, wire, &host) == 0 &&
                la_stack_addr_add(stack, la_host_link_id(host), &addr, 24) == 0;
    return made ? 0 : 1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lastack_asks),
                                       cmocka_unit_test(kernel_asks)};
    int rc = world_make();
    if (rc != 0)
        return rc;
    rc = cmocka_run_group_tests_name("live/ecn", tests, NULL, NULL);
    la_host_destroy(host);
    return rc;
}
