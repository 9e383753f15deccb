/* Datagram sockets: RFC 768 and RFC 1122 4.1 as programs meet them. */
#include "core/sock/net.h"

static int bound_datagram(struct node *n, int domain, uint16_t port)
{
    const struct la_endpoint local = anywhere(domain, port);
    int fd = datagram(n, domain);
    assert_int_equal(la_bind(n->table, fd, &local), LA_OK);
    return fd;
}

/* To a port and back to where it came from; a datagram is a whole, also an empty one. */
static void test_there_and_back(void **state)
{
    FOR_EACH_DOMAIN(domain)
    {
        char text[16];
        struct la_endpoint from, name;
        const struct la_endpoint to = at(*domain, 2, PORT);
        int server = bound_datagram(&there, *domain, PORT), client = datagram(&here, *domain);
        assert_int_equal(la_recv(here.table, client, text, 16, 0), LA_EAGAIN);
        assert_int_equal(la_send(here.table, client, "x", 1, 0), LA_ENOTCONN);
        assert_int_equal(la_sendto(here.table, client, "hello", 5, 0, &to), 5);
        assert_int_equal(la_sendto(here.table, client, NULL, 0, 0, &to), 0);
        assert_int_equal(la_getsockname(here.table, client, &name), LA_OK);
        assert_in_range(name.port, 32768, 60999);
        net_settle();
        assert_int_equal(la_recvfrom(there.table, server, text, 16, 0, &from), 5);
        assert_memory_equal(text, "hello", 5);
        const struct la_endpoint sender = at(*domain, 1, name.port);
        assert_true(same_endpoint(&from, &sender));
        assert_int_equal(la_recvfrom(there.table, server, text, 16, 0, &from), 0);
        assert_int_equal(la_recvfrom(there.table, server, text, 16, 0, &from), LA_EAGAIN);

        /* What does not fit is lost; TRUNC tells how much there was. */
        for (int i = 0; i < 3; i++) {
            assert_int_equal(la_sendto(there.table, server, "answer", 6, 0, &from), 6);
        }
        net_settle();
        assert_int_equal(la_recv(here.table, client, text, 3, 0), 3);
        assert_memory_equal(text, "ans", 3);
        assert_int_equal(la_recv(here.table, client, text, 3, LA_MSG_TRUNC), 6);
        assert_int_equal(la_recvfrom(here.table, client, text, 16, 0, &from), 6);
        assert_true(same_endpoint(&from, &to));
        assert_int_equal(la_recv(here.table, client, text, 3, 0), LA_EAGAIN);
        la_close(here.table, client);
        la_close(there.table, server);
    }
}

/* A peer: only its datagrams are received, it can be changed, and left. */
static void test_peer(void **state)
{
    FOR_EACH_DOMAIN(domain)
    {
        char text[4];
        struct la_endpoint name, mine;
        int one = bound_datagram(&there, *domain, PORT);
        int two = bound_datagram(&there, *domain, PORT + 1);
        int client = datagram(&here, *domain);
        const struct la_endpoint first = at(*domain, 2, PORT), second = at(*domain, 2, PORT + 1);
        assert_int_equal(la_getpeername(here.table, client, &name), LA_ENOTCONN);
        assert_int_equal(la_shutdown(here.table, client, LA_SHUT_WR), LA_ENOTCONN);
        assert_int_equal(la_connect(here.table, client, &first), LA_OK);
        assert_int_equal(la_getpeername(here.table, client, &name), LA_OK);
        assert_true(same_endpoint(&name, &first));
        assert_int_equal(la_send(here.table, client, "1", 1, 0), 1);
        assert_int_equal(la_getsockname(here.table, client, &mine), LA_OK);
        mine = at(*domain, 1, mine.port);
        assert_int_equal(la_sendto(there.table, two, "no", 2, 0, &mine), 2);
        assert_int_equal(la_sendto(there.table, one, "yes", 3, 0, &mine), 3);
        net_settle();
        assert_int_equal(la_recv(there.table, one, text, 4, 0), 1);
        assert_int_equal(la_recv(here.table, client, text, 4, 0), 3);
        assert_int_equal(la_recv(here.table, client, text, 4, 0), LA_EAGAIN);

        assert_int_equal(la_connect(here.table, client, &second), LA_OK);
        assert_int_equal(la_send(here.table, client, "2", 1, 0), 1);
        net_settle();
        assert_int_equal(la_recv(there.table, two, text, 4, 0), 1);
        const struct la_endpoint nobody = anywhere(*domain, 0);
        assert_int_equal(la_connect(here.table, client, &nobody), LA_OK);
        assert_int_equal(la_getpeername(here.table, client, &name), LA_ENOTCONN);
        assert_int_equal(la_send(here.table, client, "x", 1, 0), LA_ENOTCONN);
        assert_int_equal(la_sendto(there.table, one, "all", 3, 0, &mine), 3);
        net_settle();
        assert_int_equal(la_recv(here.table, client, text, 4, 0), 3);

        assert_int_equal(la_connect(here.table, client, &first), LA_OK);
        assert_int_equal(la_shutdown(here.table, client, LA_SHUT_RDWR), LA_OK);
        assert_int_equal(la_send(here.table, client, "x", 1, 0), LA_EPIPE);
        assert_int_equal(la_recv(here.table, client, text, 4, 0), 0);
        la_close(here.table, client);
        la_close(there.table, one);
        la_close(there.table, two);
    }
}

/* RFC 1122 4.1.3.3: "port unreachable" reaches a socket with a peer, once; one without a peer
 * cannot know whom it concerns. */
static void test_port_unreachable(void **state)
{
    FOR_EACH_DOMAIN(domain)
    {
        char text[4];
        const struct la_endpoint to = at(*domain, 2, PORT);
        for (int first = 0; first < 3; first++) {
            int fd = datagram(&here, *domain);
            assert_int_equal(la_connect(here.table, fd, &to), LA_OK);
            assert_int_equal(la_send(here.table, fd, "x", 1, 0), 1);
            net_settle();
            assert_int_equal(events(&here, fd) & LA_POLLERR, LA_POLLERR);
            int64_t err = first == 0   ? la_recv(here.table, fd, text, 4, 0)
                          : first == 1 ? la_send(here.table, fd, "y", 1, 0)
                                       : so_error(&here, fd);
            assert_int_equal(err, LA_ECONNREFUSED);
            assert_int_equal(so_error(&here, fd), LA_OK);
            assert_int_equal(events(&here, fd), LA_POLLOUT);
            assert_int_equal(la_recv(here.table, fd, text, 4, 0), LA_EAGAIN);
            la_close(here.table, fd);
            net_pass(LA_NS_PER_S); /* ICMP errors are limited by rate */
        }
        int fd = datagram(&here, *domain);
        assert_int_equal(la_sendto(here.table, fd, "x", 1, 0, &to), 1);
        net_settle();
        assert_int_equal(so_error(&here, fd), LA_OK);
        la_close(here.table, fd);
    }
}

static void test_refusals(void **state)
{
    static char big[70000];
    FOR_EACH_DOMAIN(domain)
    {
        const struct la_endpoint local = anywhere(*domain, PORT), to = at(*domain, 2, PORT);
        const struct la_endpoint far = {.addr = la_addr_v4(192, 0, 2, 1), .port = PORT};
        int fd = bound_datagram(&here, *domain, PORT), other = datagram(&here, *domain);
        assert_int_equal(la_bind(here.table, fd, &local), LA_EINVAL);
        assert_int_equal(la_bind(here.table, other, &local), LA_EADDRINUSE);
        assert_int_equal(la_sendto(here.table, fd, big, sizeof(big), 0, &to), LA_EMSGSIZE);
        assert_int_equal(la_sendto(here.table, fd, big, 1, 0, &far), LA_ENETUNREACH);
        const struct la_endpoint v6 = at_v6(2, PORT);
        if (*domain == LA_AF_INET) {
            assert_int_equal(la_sendto(here.table, fd, big, 1, 0, &v6), LA_EAFNOSUPPORT);
            assert_int_equal(la_connect(here.table, fd, &v6), LA_EAFNOSUPPORT);
            assert_int_equal(la_bind(here.table, other, &v6), LA_EAFNOSUPPORT);
        }
        la_close(here.table, fd);
        assert_int_equal(la_bind(here.table, other, &local), LA_OK);
        la_close(here.table, other);
    }
}

/* The queue has an end, and readiness says when there is room again. */
static void test_readiness(void **state)
{
    static char bytes[1400];
    struct la_event news[4];
    struct la_pollfd ready[4];
    const struct la_endpoint to = at_v4(2, PORT);
    int server = bound_datagram(&there, LA_AF_INET, PORT), client = datagram(&here, LA_AF_INET);
    assert_int_equal(events(&here, client), LA_POLLOUT);
    int64_t n;
    while ((n = la_sendto(here.table, client, bytes, sizeof(bytes), 0, &to)) > 0) {
    }
    assert_int_equal(n, LA_EAGAIN);
    assert_int_equal(events(&here, client), 0);
    assert_int_equal(la_sock_want(here.table, client, LA_POLLOUT), LA_OK);
    assert_int_equal(la_stack_poll(here.stack, news, 4), 0);
    net_settle();
    assert_int_equal(events(&here, client), LA_POLLOUT);
    size_t got = la_stack_poll(here.stack, news, 4);
    assert_int_equal(la_sock_dispatch(here.table, news, got, ready), 1);
    assert_int_equal(ready[0].fd, client);
    assert_int_equal(ready[0].revents, LA_POLLOUT);

    got = la_stack_poll(there.stack, news, 4);
    assert_int_equal(la_sock_dispatch(there.table, news, got, ready), 1);
    assert_int_equal(ready[0].fd, server);
    assert_int_equal(ready[0].revents, LA_POLLIN);
    while (la_recv(there.table, server, bytes, sizeof(bytes), 0) > 0) {
    }
    assert_int_equal(events(&there, server), LA_POLLOUT);
    assert_int_equal(la_stack_poll(there.stack, news, 4), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_there_and_back, net_setup, net_teardown),
        cmocka_unit_test_setup_teardown(test_peer, net_setup, net_teardown),
        cmocka_unit_test_setup_teardown(test_port_unreachable, net_setup, net_teardown),
        cmocka_unit_test_setup_teardown(test_refusals, net_setup, net_teardown),
        cmocka_unit_test_setup_teardown(test_readiness, net_setup, net_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
