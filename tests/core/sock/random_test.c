/* Random calls on random descriptors over a wire that loses: whatever the order, a call returns
 * one of its errors, readiness and calls agree, and all memory comes back. */
#include "core/sock/net.h"

#include "support/core_memory.h"

#define ROUNDS 40
#define STEPS  600
#define FDS    12 /* the last ones are never open */

static uint64_t dice;

static unsigned roll(unsigned n)
{
    return random_below(&dice, n);
}

static bool lose_some(void *ctx, unsigned from, unsigned serial, uint8_t *bytes, size_t len)
{
    return roll(20) != 0;
}

/* Negative values are names of errors, never anything else. */
static void check_result(int64_t result)
{
    if (result < 0) {
        assert_string_not_equal(la_err_name((int)result), "?");
        assert_int_not_equal(result, LA_ENOMEM); /* there is plenty */
    }
}

static struct la_endpoint random_endpoint(void)
{
    int domain = domains[roll(2)];
    uint16_t port = (uint16_t)(roll(4) == 0 ? 0 : PORT + roll(3));
    return roll(3) == 0 ? anywhere(domain, port) : at(domain, (uint8_t)(1 + roll(3)), port);
}

static void random_option(struct node *n, int fd)
{
    static const int names[][2] = {
        {LA_SOL_SOCKET, LA_SO_REUSEADDR},  {LA_SOL_SOCKET, LA_SO_ERROR},
        {LA_SOL_SOCKET, LA_SO_SNDBUF},     {LA_SOL_SOCKET, LA_SO_RCVBUF},
        {LA_SOL_SOCKET, LA_SO_LINGER},     {LA_IPPROTO_IPV6, LA_IPV6_V6ONLY},
        {LA_IPPROTO_TCP, LA_TCP_CORK},     {LA_IPPROTO_TCP, LA_TCP_MAXSEG},
        {LA_IPPROTO_TCP, LA_TCP_KEEPIDLE}, {LA_IPPROTO_TCP, LA_TCP_INFO},
        {LA_SOL_SOCKET, LA_SO_REUSEPORT},  {LA_IPPROTO_IP, LA_IP_TOS},
        {LA_SOL_SOCKET, LA_SO_ACCEPTCONN}, {LA_IPPROTO_TCP, LA_TCP_USER_TIMEOUT},
        {LA_IPPROTO_TCP, LA_TCP_NODELAY},  {LA_SOL_SOCKET, LA_SO_KEEPALIVE},
    };
    uint8_t value[sizeof(struct la_tcp_info)];
    const int *name = names[roll(sizeof(names) / sizeof(names[0]))];
    const struct la_linger linger = {.onoff = (int)roll(2), .linger_s = (int)roll(3)};
    size_t len = roll(sizeof(value));
    check_result(la_getsockopt(n->table, fd, name[0], name[1], value, &len));
    if (name[1] == LA_SO_LINGER) {
        check_result(la_setsockopt(n->table, fd, name[0], name[1], &linger, sizeof(linger)));
    } else {
        check_result(set(n, fd, name[0], name[1], roll(2) ? (int)roll(2) : (int)roll(5000)));
    }
}

/* What poll promises, the call keeps. */
static void check_readiness(struct node *n, int fd)
{
    static char bytes[3000];
    uint16_t holds = events(n, fd);
    if (holds & LA_POLLNVAL) {
        assert_int_equal(la_recv(n->table, fd, bytes, 1, 0), LA_EBADF);
        return;
    }
    int64_t got = get(n, fd, LA_SOL_SOCKET, LA_SO_ACCEPTCONN) == 1
                      ? la_accept(n->table, fd, NULL)
                      : la_recv(n->table, fd, bytes, 1 + roll(sizeof(bytes)), 0);
    if (got != LA_ENOTCONN && got != LA_ENOBUFS) {
        assert_int_equal(got != LA_EAGAIN, (holds & LA_POLLIN) != 0);
    }
    if (holds & LA_POLLOUT) {
        assert_int_not_equal(la_send(n->table, fd, bytes, 1, 0), LA_EAGAIN);
    }
}

static void random_transfer(struct node *n, int fd)
{
    static char bytes[5000];
    static const int send_flags[] = {0, LA_MSG_MORE, LA_MSG_OOB, LA_MSG_NOSIGNAL};
    static const int recv_flags[] = {0, LA_MSG_PEEK, LA_MSG_TRUNC, LA_MSG_OOB};
    struct la_endpoint e = random_endpoint();
    int flags = roll(2) ? 0 : send_flags[roll(4)];
    check_result(la_sendto(n->table, fd, bytes, roll(sizeof(bytes)), flags, roll(2) ? &e : NULL));
    flags = roll(2) ? 0 : recv_flags[roll(4)];
    check_result(la_recvfrom(n->table, fd, bytes, roll(sizeof(bytes)), flags, &e));
}

static void random_step(struct node *n)
{
    struct la_endpoint e = random_endpoint();
    struct la_event news[4];
    struct la_pollfd ready[4];
    int fd = (int)roll(FDS);
    int value;
    switch (roll(13)) {
    case 0:
        check_result(la_socket(n->table, domains[roll(2)], 1 + (int)roll(8) / 7));
        break;
    case 1:
        check_result(la_bind(n->table, fd, &e));
        break;
    case 2:
        check_result(la_listen(n->table, fd, (int)roll(3)));
        break;
    case 3:
        check_result(la_accept(n->table, fd, &e));
        break;
    case 4:
    case 5:
        check_result(la_connect(n->table, fd, &e));
        break;
    case 6:
        check_result(roll(3) ? 0 : la_shutdown(n->table, fd, (int)roll(3)));
        break;
    case 7:
        check_result(roll(4) ? 0 : la_close(n->table, fd));
        break;
    case 8:
        check_result(la_getsockname(n->table, fd, &e));
        check_result(la_getpeername(n->table, fd, &e));
        check_result(la_ioctl(n->table, fd, LA_SIOCOUTQ, &value));
        break;
    case 9:
        random_option(n, fd);
        break;
    case 10:
        check_readiness(n, fd);
        break;
    case 11:
        (void)la_sock_want(n->table, fd, (uint16_t)roll(8));
        (void)la_sock_dispatch(n->table, news, la_stack_poll(n->stack, news, 4), ready);
        break;
    default:
        random_transfer(n, fd);
        break;
    }
}

static void test_random_calls(void **state)
{
    for (unsigned round = 1; round <= ROUNDS; round++) {
        dice = round;
        assert_true(net_create(0, 0));
        net.filter = lose_some;
        for (unsigned i = 0; i < STEPS; i++) {
            random_step(roll(2) ? &here : &there);
            if (roll(3) == 0) {
                net_settle();
            } else if (roll(10) == 0) {
                net_pass(LA_NS_PER_MS << roll(16));
            }
        }
        net_destroy();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_calls)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
