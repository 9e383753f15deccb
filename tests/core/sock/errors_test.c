/* What sockets refuse, and how an error is reported: once. */
#include "core/sock/net.h"

/* Every call on a descriptor that is not open. */
static void test_bad_descriptor(void **state)
{
    static const int bad[] = {-1, 0, 5, NET_SOCKS, INT32_MIN, INT32_MAX};
    struct la_endpoint e = at_v4(2, PORT);
    int value = 0;
    size_t len = sizeof(value);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int fd = bad[i];
        assert_int_equal(la_bind(here.table, fd, &e), LA_EBADF);
        assert_int_equal(la_listen(here.table, fd, 1), LA_EBADF);
        assert_int_equal(la_accept(here.table, fd, &e), LA_EBADF);
        assert_int_equal(la_connect(here.table, fd, &e), LA_EBADF);
        assert_int_equal(la_shutdown(here.table, fd, LA_SHUT_WR), LA_EBADF);
        assert_int_equal(la_close(here.table, fd), LA_EBADF);
        assert_int_equal(la_getsockname(here.table, fd, &e), LA_EBADF);
        assert_int_equal(la_getpeername(here.table, fd, &e), LA_EBADF);
        assert_int_equal(la_send(here.table, fd, "x", 1, 0), LA_EBADF);
        assert_int_equal(la_sendto(here.table, fd, "x", 1, 0, &e), LA_EBADF);
        assert_int_equal(la_recv(here.table, fd, &value, 1, 0), LA_EBADF);
        assert_int_equal(la_recvfrom(here.table, fd, &value, 1, 0, &e), LA_EBADF);
        assert_int_equal(la_ioctl(here.table, fd, LA_SIOCINQ, &value), LA_EBADF);
        assert_int_equal(set(&here, fd, LA_SOL_SOCKET, LA_SO_KEEPALIVE, 1), LA_EBADF);
        assert_int_equal(la_getsockopt(here.table, fd, LA_SOL_SOCKET, LA_SO_TYPE, &value, &len),
                         LA_EBADF);
        assert_int_equal(la_sock_want(here.table, fd, LA_POLLIN), LA_EBADF);
        assert_int_equal(la_sock_handle(here.table, fd), 0);
        assert_int_equal(events(&here, fd), fd < 0 ? 0 : LA_POLLNVAL);
    }
}

static void test_socket(void **state)
{
    struct la_allocator allocator = test_allocator(&net.end[0].memory);
    assert_int_equal(la_socket(here.table, 1, LA_SOCK_STREAM), LA_EAFNOSUPPORT);
    assert_int_equal(la_socket(here.table, LA_AF_INET, 3), LA_EPROTOTYPE);
    assert_null(la_sock_create(here.stack, &allocator, 0));
    assert_null(la_sock_create(here.stack, &allocator, LA_SOCK_MAX + 1));
    assert_null(la_sock_create(here.stack, NULL, 1));
    assert_null(la_sock_create(NULL, &allocator, 1));
    la_sock_destroy(NULL);
}

/* Pointers that must not be NULL, flags and numbers that do not exist. */
static void test_arguments(void **state)
{
    int fd = stream(&here, LA_AF_INET);
    int dgram = datagram(&here, LA_AF_INET);
    int value = 0;
    size_t len = sizeof(value);
    assert_int_equal(la_bind(here.table, fd, NULL), LA_EINVAL);
    assert_int_equal(la_connect(here.table, fd, NULL), LA_EINVAL);
    assert_int_equal(la_getsockname(here.table, fd, NULL), LA_EINVAL);
    assert_int_equal(la_getpeername(here.table, fd, NULL), LA_EINVAL);
    assert_int_equal(la_send(here.table, fd, NULL, 1, 0), LA_EINVAL);
    assert_int_equal(la_recv(here.table, fd, NULL, 1, 0), LA_EINVAL);
    assert_int_equal(la_ioctl(here.table, fd, LA_SIOCINQ, NULL), LA_EINVAL);
    assert_int_equal(la_ioctl(here.table, fd, 1, &value), LA_EINVAL);
    assert_int_equal(la_shutdown(here.table, fd, 3), LA_EINVAL);
    assert_int_equal(la_shutdown(here.table, fd, -1), LA_EINVAL);
    assert_int_equal(la_getsockopt(here.table, fd, LA_SOL_SOCKET, LA_SO_TYPE, NULL, &len),
                     LA_EINVAL);
    assert_int_equal(la_getsockopt(here.table, fd, LA_SOL_SOCKET, LA_SO_TYPE, &value, NULL),
                     LA_EINVAL);
    assert_int_equal(la_send(here.table, fd, "x", 1, 1 << 20), LA_EOPNOTSUPP);
    assert_int_equal(la_recv(here.table, fd, &value, 1, 1 << 20), LA_EOPNOTSUPP);
    assert_int_equal(la_recv(here.table, fd, &value, 1, LA_MSG_TRUNC), LA_EOPNOTSUPP);
    assert_int_equal(la_recv(here.table, fd, &value, 1, LA_MSG_OOB), LA_EINVAL);
    assert_int_equal(la_recv(here.table, dgram, &value, 1, LA_MSG_PEEK), LA_EOPNOTSUPP);
    assert_int_equal(la_send(here.table, dgram, "x", 1, LA_MSG_MORE), LA_EOPNOTSUPP);
    assert_int_equal(la_listen(here.table, dgram, 1), LA_EOPNOTSUPP);
    assert_int_equal(la_accept(here.table, dgram, NULL), LA_EOPNOTSUPP);
    assert_int_equal(la_ioctl(here.table, dgram, LA_SIOCINQ, &value), LA_EOPNOTSUPP);
}

/* Addresses of the other family, or of nobody. */
static void test_addresses(void **state)
{
    const struct la_endpoint v4 = at_v4(2, PORT), v6 = at_v6(2, PORT);
    const struct la_endpoint other4 = at_v4(9, PORT), other6 = at_v6(9, PORT);
    int fd4 = stream(&here, LA_AF_INET), fd6 = stream(&here, LA_AF_INET6);
    assert_int_equal(la_bind(here.table, fd4, &v6), LA_EAFNOSUPPORT);
    assert_int_equal(la_connect(here.table, fd4, &v6), LA_EAFNOSUPPORT);
    assert_int_equal(la_bind(here.table, fd4, &other4), LA_EADDRNOTAVAIL);
    assert_int_equal(la_bind(here.table, fd6, &other6), LA_EADDRNOTAVAIL);
    assert_int_equal(set(&here, fd6, LA_IPPROTO_IPV6, LA_IPV6_V6ONLY, 1), LA_OK);
    assert_int_equal(la_bind(here.table, fd6, &v4), LA_EINVAL);
    assert_int_equal(la_connect(here.table, fd6, &v4), LA_ENETUNREACH);

    static const struct la_addr nowhere[] = {
        {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1}},       /* no route */
        {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 224, 0, 0, 1}},       /* multicast */
        {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 255, 255, 255, 255}}, /* broadcast */
        {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0}},
        {{0x20, 0x01, 0x0d, 0xb8, [15] = 1}},
        {{0xff, 0x02, [15] = 1}},
        {{0}},
    };
    for (size_t i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++) {
        const struct la_endpoint e = {.addr = nowhere[i], .port = PORT};
        bool no_route = i == 0 || i == 4;
        int fd = stream(&here, LA_AF_INET6);
        assert_int_equal(la_connect(here.table, fd, &e), no_route ? LA_ENETUNREACH : LA_EINVAL);
        assert_int_equal(la_close(here.table, fd), LA_OK);
    }
    const struct la_endpoint no_port = at_v4(2, 0); /* RFC 9293 3.9.1.1, MUST-46 */
    assert_int_equal(la_connect(here.table, fd4, &no_port), LA_EINVAL);
}

/* The order of calls: each that comes too early or too late, and that it changed nothing. */
static void test_order_of_calls(void **state)
{
    FOR_EACH_DOMAIN(domain)
    {
        char c;
        struct la_endpoint e = at(*domain, 2, PORT);
        struct la_endpoint local = anywhere(*domain, 4000);
        int fd = stream(&here, *domain);
        assert_int_equal(la_send(here.table, fd, "x", 1, 0), LA_ENOTCONN);
        assert_int_equal(la_recv(here.table, fd, &c, 1, 0), LA_ENOTCONN);
        assert_int_equal(la_shutdown(here.table, fd, LA_SHUT_RDWR), LA_ENOTCONN);
        assert_int_equal(la_getpeername(here.table, fd, &e), LA_ENOTCONN);
        assert_int_equal(la_accept(here.table, fd, NULL), LA_EINVAL);

        assert_int_equal(la_bind(here.table, fd, &local), LA_OK);
        assert_int_equal(la_bind(here.table, fd, &local), LA_EINVAL);
        assert_int_equal(la_send(here.table, fd, "x", 1, 0), LA_ENOTCONN);
        assert_int_equal(la_accept(here.table, fd, NULL), LA_EINVAL);

        assert_int_equal(la_listen(here.table, fd, 1), LA_OK);
        assert_int_equal(la_listen(here.table, fd, 2), LA_OK);
        assert_int_equal(la_bind(here.table, fd, &local), LA_EINVAL);
        assert_int_equal(la_connect(here.table, fd, &e), LA_EOPNOTSUPP);
        assert_int_equal(la_send(here.table, fd, "x", 1, 0), LA_ENOTCONN);
        assert_int_equal(la_recv(here.table, fd, &c, 1, 0), LA_ENOTCONN);
        assert_int_equal(la_getpeername(here.table, fd, &e), LA_ENOTCONN);
        assert_int_equal(la_close(here.table, fd), LA_OK);

        int door = listener(&there, *domain, PORT, 5);
        e = at(*domain, 2, PORT);
        fd = connecting(*domain, PORT);
        assert_int_equal(la_connect(here.table, fd, &e), LA_EALREADY);
        assert_int_equal(la_send(here.table, fd, "x", 1, 0), LA_EAGAIN);
        assert_int_equal(la_recv(here.table, fd, &c, 1, 0), LA_EAGAIN);
        assert_int_equal(la_listen(here.table, fd, 1), LA_EINVAL);
        assert_int_equal(la_bind(here.table, fd, &local), LA_EINVAL);
        assert_int_equal(la_getpeername(here.table, fd, &e), LA_ENOTCONN);
        net_settle();
        e = at(*domain, 2, PORT);
        assert_int_equal(la_connect(here.table, fd, &e), LA_EISCONN);
        assert_int_equal(la_listen(here.table, fd, 1), LA_EINVAL);
        assert_int_equal(la_accept(here.table, fd, NULL), LA_EINVAL);
        assert_int_equal(la_send(here.table, fd, "x", 1, 0), 1);
        assert_int_equal(la_recv(here.table, fd, &c, 1, 0), LA_EAGAIN);
        la_close(here.table, fd);
        la_close(there.table, door);
        net_pass(61 * LA_NS_PER_S);
    }
}

/* Refused: reported by one call only, whichever comes first. Then the socket can try again, with
 * its options and from its port. */
static void test_refused(void **state)
{
    FOR_EACH_DOMAIN(domain)
    {
        const struct la_endpoint remote = at(*domain, 2, PORT);
        struct la_endpoint local = anywhere(*domain, 4001), name;
        char c;
        int fd = stream(&here, *domain);
        assert_int_equal(la_bind(here.table, fd, &local), LA_OK);
        assert_int_equal(set(&here, fd, LA_IPPROTO_TCP, LA_TCP_KEEPIDLE, 77), LA_OK);
        assert_int_equal(la_connect(here.table, fd, &remote), LA_EINPROGRESS);
        net_settle();
        assert_int_equal(events(&here, fd) & (LA_POLLERR | LA_POLLHUP | LA_POLLIN | LA_POLLOUT),
                         LA_POLLERR | LA_POLLHUP | LA_POLLIN | LA_POLLOUT);
        assert_int_equal(so_error(&here, fd), LA_ECONNREFUSED);
        assert_int_equal(so_error(&here, fd), LA_OK);
        assert_int_equal(events(&here, fd) & LA_POLLERR, 0);
        assert_int_equal(la_recv(here.table, fd, &c, 1, 0), 0);
        assert_int_equal(la_send(here.table, fd, "x", 1, 0), LA_EPIPE);
        assert_int_equal(la_connect(here.table, fd, &remote), LA_ECONNABORTED);

        assert_int_equal(get(&here, fd, LA_IPPROTO_TCP, LA_TCP_KEEPIDLE), 77);
        assert_int_equal(la_getsockname(here.table, fd, &name), LA_OK);
        assert_true(same_endpoint(&name, &local));
        assert_int_equal(la_connect(here.table, fd, &remote), LA_EINPROGRESS);
        net_settle();
        assert_int_equal(la_connect(here.table, fd, &remote), LA_ECONNREFUSED);
        int door = listener(&there, *domain, PORT, 5);
        assert_int_equal(la_connect(here.table, fd, &remote), LA_EINPROGRESS);
        net_settle();
        assert_int_equal(so_error(&here, fd), LA_OK);
        assert_int_equal(la_accept(there.table, door, &name), 1);
        assert_int_equal(name.port, 4001);
        assert_int_equal(get(&here, fd, LA_IPPROTO_TCP, LA_TCP_KEEPIDLE), 77);
        for (int i = 0; i < 2; i++) {
            la_close(there.table, i);
        }
        la_close(here.table, fd);
        net_pass(61 * LA_NS_PER_S);
    }
}

/* Who first meets the error of a refused attempt. */
static void test_error_once(void **state)
{
    char c;
    for (int first = 0; first < 3; first++) {
        int fd = connecting(LA_AF_INET, PORT);
        net_settle();
        int64_t err = first == 0   ? la_recv(here.table, fd, &c, 1, 0)
                      : first == 1 ? la_send(here.table, fd, "x", 1, 0)
                                   : so_error(&here, fd);
        assert_int_equal(err, LA_ECONNREFUSED);
        assert_int_equal(so_error(&here, fd), LA_OK);
        assert_int_equal(la_recv(here.table, fd, &c, 1, 0), 0);
        la_close(here.table, fd);
    }
}

/* Nobody answers: the attempt ends after its SYNs (RFC 9293 3.8.3, MUST-23). */
static void test_time_out(void **state)
{
    net.filter = net_lose;
    int fd = connecting(LA_AF_INET6, PORT);
    int quick = stream(&here, LA_AF_INET6);
    const struct la_endpoint remote = at_v6(2, PORT);
    assert_int_equal(set(&here, quick, LA_IPPROTO_TCP, LA_TCP_SYNCNT, 2), LA_OK);
    assert_int_equal(la_connect(here.table, quick, &remote), LA_EINPROGRESS);
    net_pass(10 * LA_NS_PER_S);
    assert_int_equal(so_error(&here, quick), LA_ETIMEDOUT);
    net_pass(170 * LA_NS_PER_S);
    assert_int_equal(events(&here, fd), 0);
    net_pass(120 * LA_NS_PER_S);
    assert_int_equal(so_error(&here, fd), LA_ETIMEDOUT);
}

/* A reset: what arrived before it is read first, the error comes once, the end after that. */
static void test_reset(void **state)
{
    FOR_EACH_DOMAIN(domain)
    {
        char text[8];
        struct la_endpoint e;
        int door = listener(&there, *domain, PORT, 5);
        struct ends p = connected(*domain, door, PORT);
        assert_int_equal(la_send(there.table, p.there, "last", 4, 0), 4);
        net_settle();
        const struct la_linger at_once = {.onoff = 1};
        assert_int_equal(la_setsockopt(there.table, p.there, LA_SOL_SOCKET, LA_SO_LINGER, &at_once,
                                       sizeof(at_once)),
                         LA_OK);
        assert_int_equal(la_close(there.table, p.there), LA_OK);
        net_settle();
        assert_int_equal(events(&here, p.here) & (LA_POLLERR | LA_POLLHUP),
                         LA_POLLERR | LA_POLLHUP);
        assert_int_equal(la_recv(here.table, p.here, text, sizeof(text), 0), 4);
        assert_int_equal(la_recv(here.table, p.here, text, sizeof(text), 0), LA_ECONNRESET);
        assert_int_equal(la_recv(here.table, p.here, text, sizeof(text), 0), 0);
        assert_int_equal(la_send(here.table, p.here, "x", 1, 0), LA_EPIPE);
        assert_int_equal(la_shutdown(here.table, p.here, LA_SHUT_RDWR), LA_ENOTCONN);
        assert_int_equal(la_getpeername(here.table, p.here, &e), LA_ENOTCONN);
        e = at(*domain, 2, PORT);
        assert_int_equal(la_connect(here.table, p.here, &e), LA_EISCONN);
        assert_int_equal(la_close(here.table, p.here), LA_OK);
        assert_int_equal(la_close(there.table, door), LA_OK);
    }
}

/* RFC 9293 3.6.1, SHLD-3: closing with data unread resets, so that the peer learns of the loss. */
static void test_close_unread(void **state)
{
    char c;
    int door = listener(&there, LA_AF_INET, PORT, 5);
    struct ends p = connected(LA_AF_INET, door, PORT);
    assert_int_equal(la_send(here.table, p.here, "x", 1, 0), 1);
    net_settle();
    assert_int_equal(la_close(there.table, p.there), LA_OK);
    net_settle();
    assert_int_equal(la_recv(here.table, p.here, &c, 1, 0), LA_ECONNRESET);
}

static void test_shutdown(void **state)
{
    FOR_EACH_DOMAIN(domain)
    {
        char c;
        int door = listener(&there, *domain, PORT, 5);
        struct ends p = connected(*domain, door, PORT);
        /* RD: what arrived is read, then the end; the peer is not told. */
        assert_int_equal(la_send(there.table, p.there, "ab", 2, 0), 2);
        net_settle();
        assert_int_equal(la_shutdown(here.table, p.here, LA_SHUT_RD), LA_OK);
        assert_int_equal(la_recv(here.table, p.here, &c, 1, 0), 1);
        assert_int_equal(la_recv(here.table, p.here, &c, 1, 0), 1);
        assert_int_equal(la_recv(here.table, p.here, &c, 1, 0), 0);
        assert_int_equal(tcp_state(&there, p.there), LA_TCP_ESTABLISHED);
        assert_int_equal(la_send(here.table, p.here, "x", 1, 0), 1);
        /* RDWR: as both; twice is once. */
        assert_int_equal(la_shutdown(here.table, p.here, LA_SHUT_RDWR), LA_OK);
        assert_int_equal(la_shutdown(here.table, p.here, LA_SHUT_RDWR), LA_OK);
        assert_int_equal(la_send(here.table, p.here, "x", 1, 0), LA_EPIPE);
        assert_int_equal(events(&here, p.here) & LA_POLLHUP, LA_POLLHUP);
        net_settle();
        assert_int_equal(tcp_state(&there, p.there), LA_TCP_CLOSE_WAIT);
        la_close(here.table, p.here);
        la_close(there.table, p.there);

        /* A listener stops and keeps its port; an attempt to connect is given up. */
        assert_int_equal(la_shutdown(there.table, door, LA_SHUT_WR), LA_OK);
        assert_int_equal(set(&there, door, LA_SOL_SOCKET, LA_SO_REUSEADDR, 1), LA_OK);
        assert_int_equal(la_shutdown(there.table, door, LA_SHUT_RD), LA_OK);
        assert_int_equal(la_accept(there.table, door, NULL), LA_EINVAL);
        int fd = connecting(*domain, PORT);
        net_settle();
        assert_int_equal(so_error(&here, fd), LA_ECONNREFUSED);
        la_close(here.table, fd);
        assert_int_equal(la_listen(there.table, door, 1), LA_OK);
        fd = connecting(*domain, PORT);
        assert_int_equal(la_shutdown(here.table, fd, LA_SHUT_WR), LA_OK);
        assert_int_equal(la_send(here.table, fd, "x", 1, 0), LA_ENOTCONN);
        const struct la_endpoint remote = at(*domain, 2, PORT);
        assert_int_equal(la_connect(here.table, fd, &remote), LA_EINPROGRESS);
        net_settle();
        assert_int_equal(so_error(&here, fd), LA_OK);
        la_close(here.table, fd);
        la_close(there.table, door);
        net_pass(130 * LA_NS_PER_S);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_bad_descriptor, net_setup, net_teardown),
        cmocka_unit_test_setup_teardown(test_socket, net_setup, net_teardown),
        cmocka_unit_test_setup_teardown(test_arguments, net_setup, net_teardown),
        cmocka_unit_test_setup_teardown(test_addresses, net_setup, net_teardown),
        cmocka_unit_test_setup_teardown(test_order_of_calls, net_setup, net_teardown),
        cmocka_unit_test_setup_teardown(test_refused, net_setup, net_teardown),
        cmocka_unit_test_setup_teardown(test_error_once, net_setup, net_teardown),
        cmocka_unit_test_setup_teardown(test_time_out, net_setup, net_teardown),
        cmocka_unit_test_setup_teardown(test_reset, net_setup, net_teardown),
        cmocka_unit_test_setup_teardown(test_close_unread, net_setup, net_teardown),
        cmocka_unit_test_setup_teardown(test_shutdown, net_setup, net_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
