/* The life of a connection through sockets, from the first SYN to the last ACK. */
#include "core/sock/net.h"

/* RFC 9293 3.5 and 3.6: open, exchange, half-close, TIME-WAIT at the end that closed first. */
static void test_life(void **state)
{
    FOR_EACH_DOMAIN(domain)
    {
        struct la_endpoint peer, name;
        char text[16];
        int door = listener(&there, *domain, PORT, 5);
        assert_int_equal(la_accept(there.table, door, NULL), LA_EAGAIN);

        int mine = connecting(*domain, PORT);
        assert_int_equal(tcp_state(&here, mine), LA_TCP_SYN_SENT);
        net_settle();
        assert_int_equal(so_error(&here, mine), LA_OK);
        int theirs = la_accept(there.table, door, &peer);
        assert_true(theirs >= 0);
        assert_int_equal(la_accept(there.table, door, NULL), LA_EAGAIN);

        assert_int_equal(la_getsockname(here.table, mine, &name), LA_OK);
        assert_true(same_endpoint(&name, &peer));
        assert_int_equal(la_getpeername(there.table, theirs, &name), LA_OK);
        assert_true(same_endpoint(&name, &peer));
        const struct la_endpoint served = at(*domain, 2, PORT);
        assert_int_equal(la_getpeername(here.table, mine, &name), LA_OK);
        assert_true(same_endpoint(&name, &served));
        assert_int_equal(la_getsockname(there.table, theirs, &name), LA_OK);
        assert_true(same_endpoint(&name, &served));

        assert_int_equal(la_send(here.table, mine, "ping", 4, 0), 4);
        net_settle();
        assert_int_equal(la_recv(there.table, theirs, text, 2, LA_MSG_PEEK), 2);
        assert_int_equal(la_recv(there.table, theirs, text, sizeof(text), 0), 4);
        assert_memory_equal(text, "ping", 4);
        assert_int_equal(la_recv(there.table, theirs, text, sizeof(text), 0), LA_EAGAIN);

        /* Half-close: the other direction goes on. */
        assert_int_equal(la_shutdown(here.table, mine, LA_SHUT_WR), LA_OK);
        net_settle();
        assert_int_equal(tcp_state(&here, mine), LA_TCP_FIN_WAIT_2);
        assert_int_equal(tcp_state(&there, theirs), LA_TCP_CLOSE_WAIT);
        assert_int_equal(la_recv(there.table, theirs, text, sizeof(text), 0), 0);
        assert_int_equal(la_send(here.table, mine, "x", 1, 0), LA_EPIPE);
        assert_int_equal(la_send(there.table, theirs, "pong", 4, 0), 4);
        net_settle();
        assert_int_equal(la_recv(here.table, mine, text, sizeof(text), 0), 4);
        assert_memory_equal(text, "pong", 4);

        assert_int_equal(la_close(there.table, theirs), LA_OK);
        net_settle();
        assert_int_equal(la_recv(here.table, mine, text, sizeof(text), 0), 0);
        assert_int_equal(la_recv(here.table, mine, text, sizeof(text), 0), 0);
        assert_int_equal(tcp_state(&here, mine), LA_TCP_TIME_WAIT);
        assert_int_equal(la_close(here.table, mine), LA_OK);
        net_pass(61 * LA_NS_PER_S);
        assert_int_equal(la_close(there.table, door), LA_OK);
    }
}

/* What was handed out is in order and complete, however small the buffers and the pieces are. */
static void test_bulk(void **state)
{
    enum { TOTAL = 1 << 20 };
    FOR_EACH_DOMAIN(domain)
    {
        static uint8_t in[3001], out[5003];
        int door = listener(&there, *domain, PORT, 5);
        struct ends p = connected(*domain, door, PORT);
        assert_int_equal(set(&there, p.there, LA_SOL_SOCKET, LA_SO_RCVBUF, 20000), LA_OK);
        assert_int_equal(set(&here, p.here, LA_SOL_SOCKET, LA_SO_SNDBUF, 30000), LA_OK);
        uint32_t sent = 0, received = 0;
        while (received < TOTAL) {
            for (int64_t n = 1; n > 0 && sent < TOTAL;) {
                size_t want = TOTAL - sent < sizeof(out) ? TOTAL - sent : sizeof(out);
                for (size_t i = 0; i < want; i++) {
                    out[i] = (uint8_t)((sent + i) * 7 + (sent + i) / 251);
                }
                n = la_send(here.table, p.here, out, want, 0);
                assert_true(n > 0 || n == LA_EAGAIN);
                sent += n > 0 ? (uint32_t)n : 0;
            }
            net_pass(LA_NS_PER_MS);
            for (int64_t n = 1; n > 0;) {
                n = la_recv(there.table, p.there, in, sizeof(in), 0);
                assert_true(n > 0 || n == LA_EAGAIN);
                for (int64_t i = 0; i < n; i++, received++) {
                    assert_int_equal(in[i], (uint8_t)(received * 7 + received / 251));
                }
            }
        }
        la_close(here.table, p.here);
        la_close(there.table, p.there);
        la_close(there.table, door);
        net_pass(61 * LA_NS_PER_S);
    }
}

/* An IPv6 listener takes both; its IPv4 peers have mapped addresses (RFC 3493 3.7). */
static void test_dual_stack_listener(void **state)
{
    struct la_endpoint peer;
    int door = listener(&there, LA_AF_INET6, PORT, 5);
    FOR_EACH_DOMAIN(domain)
    {
        const struct la_endpoint from = at(*domain, 1, 0);
        int mine = connecting(*domain, PORT);
        net_settle();
        assert_true(la_accept(there.table, door, &peer) >= 0);
        assert_true(la_addr_equal(&peer.addr, &from.addr));
        (void)mine;
    }
    /* An IPv6 socket connects to a mapped address as well. */
    const struct la_endpoint mapped = at_v4(2, PORT);
    int fd = stream(&here, LA_AF_INET6);
    assert_int_equal(la_connect(here.table, fd, &mapped), LA_EINPROGRESS);
    net_settle();
    assert_int_equal(so_error(&here, fd), LA_OK);
    assert_true(la_accept(there.table, door, NULL) >= 0);
}

/* Connections come out in the order in which they were made; no more than the backlog wait. */
static void test_accept_queue(void **state)
{
    FOR_EACH_DOMAIN(domain)
    {
        uint16_t ports[4];
        struct la_endpoint e;
        int fds[4];
        int door = listener(&there, *domain, PORT, 2);
        for (int i = 0; i < 4; i++) {
            fds[i] = connecting(*domain, PORT);
            net_settle();
            la_getsockname(here.table, fds[i], &e);
            ports[i] = e.port;
        }
        for (int i = 0; i < 2; i++) {
            int fd = la_accept(there.table, door, &e);
            assert_true(fd >= 0);
            assert_int_equal(e.port, ports[i]);
            la_close(there.table, fd);
        }
        assert_int_equal(la_accept(there.table, door, &e), LA_EAGAIN);
        net_pass(4 * LA_NS_PER_S); /* the others try again: overload drops, it does not reset */
        for (int i = 2; i < 4; i++) {
            assert_true(la_accept(there.table, door, NULL) >= 0);
        }
        for (int i = 0; i < 4; i++) {
            la_close(here.table, fds[i]);
        }
        net_pass(130 * LA_NS_PER_S);
        /* A closed listener resets what was not accepted. */
        int fd = connecting(*domain, PORT);
        net_settle();
        la_close(there.table, door);
        net_settle();
        assert_int_equal(la_recv(here.table, fd, &e, sizeof(e), 0), LA_ECONNRESET);
        la_close(here.table, fd);
    }
}

/* A full table leaves the connection in the queue. */
static void test_accept_without_descriptor(void **state)
{
    int door = listener(&there, LA_AF_INET, PORT, 5);
    int mine = connecting(LA_AF_INET, PORT);
    net_settle();
    while (la_socket(there.table, LA_AF_INET, LA_SOCK_STREAM) >= 0) {
    }
    assert_int_equal(la_accept(there.table, door, NULL), LA_ENOBUFS);
    assert_int_equal(la_close(there.table, 7), LA_OK);
    assert_int_equal(la_accept(there.table, door, NULL), 7);
    assert_int_equal(la_send(here.table, mine, "x", 1, 0), 1);
}

/* The lowest free descriptor first, as POSIX says; closed ones are not open, whatever they were. */
static void test_descriptors(void **state)
{
    for (int i = 0; i < NET_SOCKS; i++) {
        assert_int_equal(stream(&here, LA_AF_INET), i);
    }
    assert_int_equal(la_socket(here.table, LA_AF_INET, LA_SOCK_STREAM), LA_ENOBUFS);
    for (int i = 40; i > 10; i -= 7) {
        assert_int_equal(la_close(here.table, i), LA_OK);
        assert_int_equal(la_close(here.table, i), LA_EBADF);
    }
    for (int i = 12; i <= 40; i += 7) {
        assert_int_equal(stream(&here, LA_AF_INET), i);
    }
    assert_int_equal(la_socket(here.table, LA_AF_INET, LA_SOCK_STREAM), LA_ENOBUFS);
    assert_int_equal(la_close(here.table, -1), LA_EBADF);
    assert_int_equal(la_close(here.table, NET_SOCKS), LA_EBADF);
    assert_int_equal(la_close(here.table, INT32_MAX), LA_EBADF);
}

/* A descriptor that was closed and given again has nothing of the one before. */
static void test_reuse_of_descriptor(void **state)
{
    struct la_event news[8];
    struct la_pollfd ready[8];
    char text[8];
    int door = listener(&there, LA_AF_INET, PORT, 5);
    struct ends p = connected(LA_AF_INET, door, PORT);
    la_handle before = la_sock_handle(there.table, p.there);
    assert_int_equal(la_send(here.table, p.here, "old", 3, 0), 3);
    net_settle();
    size_t n = la_stack_poll(there.stack, news, 8);
    assert_int_equal(la_close(there.table, p.there), LA_OK);
    int fd = stream(&there, LA_AF_INET);
    assert_int_equal(fd, p.there);
    /* Events that were taken before the close belong to nobody now. */
    n = la_sock_dispatch(there.table, news, n, ready);
    for (size_t i = 0; i < n; i++) {
        assert_int_not_equal(ready[i].fd, fd);
    }
    assert_int_equal(la_recv(there.table, fd, text, sizeof(text), 0), LA_ENOTCONN);
    assert_int_equal(la_sock_handle(there.table, fd), 0);
    assert_int_equal(la_stack_ready(there.stack, before), LA_EBADF);
}

/* The handle below was given up by somebody else: the socket finds the end, and closes. */
static void test_stale_handle(void **state)
{
    char text[8];
    int door = listener(&there, LA_AF_INET, PORT, 5);
    struct ends p = connected(LA_AF_INET, door, PORT);
    assert_int_equal(la_tcp_abort(here.stack, la_sock_handle(here.table, p.here), LA_RST_ABORT),
                     LA_OK);
    net_settle();
    assert_int_equal(la_recv(here.table, p.here, text, sizeof(text), 0), 0);
    assert_int_equal(la_send(here.table, p.here, "x", 1, 0), LA_EPIPE);
    assert_int_equal(events(&here, p.here) & LA_POLLHUP, LA_POLLHUP);
    assert_int_equal(so_error(&here, p.here), LA_OK);
    assert_int_equal(la_close(here.table, p.here), LA_OK);
    assert_int_equal(la_recv(there.table, p.there, text, sizeof(text), 0), LA_ECONNRESET);
    assert_int_equal(la_close(here.table, p.here), LA_EBADF);
}

/* Two tables, or a table and bare handles, live on one stack. */
static void test_two_tables(void **state)
{
    struct la_allocator allocator = test_allocator(&net.end[1].memory);
    struct la_sock_table *other = la_sock_create(there.stack, &allocator, 4);
    const struct la_endpoint any = anywhere(LA_AF_INET, PORT + 1);
    assert_non_null(other);
    int door = listener(&there, LA_AF_INET, PORT, 5);
    int second = la_socket(other, LA_AF_INET, LA_SOCK_STREAM);
    assert_int_equal(second, door);
    assert_int_equal(la_bind(other, second, &any), LA_OK);
    assert_int_equal(la_listen(other, second, 1), LA_OK);
    (void)connecting(LA_AF_INET, PORT + 1);
    net_settle();

    struct la_event news[8];
    struct la_pollfd ready[8];
    size_t n = la_stack_poll(there.stack, news, 8);
    assert_int_equal(n, 1);
    assert_int_equal(la_sock_dispatch(there.table, news, n, ready), 0);
    assert_int_equal(la_sock_dispatch(other, news, n, ready), 1);
    assert_int_equal(ready[0].fd, second);
    assert_int_equal(ready[0].revents, LA_POLLIN);
    la_sock_destroy(other);
    net_settle();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_life, net_setup, net_teardown),
        cmocka_unit_test_setup_teardown(test_bulk, net_setup, net_teardown),
        cmocka_unit_test_setup_teardown(test_dual_stack_listener, net_setup, net_teardown),
        cmocka_unit_test_setup_teardown(test_accept_queue, net_setup, net_teardown),
        cmocka_unit_test_setup_teardown(test_accept_without_descriptor, net_setup, net_teardown),
        cmocka_unit_test_setup_teardown(test_descriptors, net_setup, net_teardown),
        cmocka_unit_test_setup_teardown(test_reuse_of_descriptor, net_setup, net_teardown),
        cmocka_unit_test_setup_teardown(test_stale_handle, net_setup, net_teardown),
        cmocka_unit_test_setup_teardown(test_two_tables, net_setup, net_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
