/* Fast Open as socket calls, and the options that came with it: names and meaning are Linux's. */
#include "core/sock/net.h"

static void allow(struct node *n, uint32_t mode)
{
    struct la_persona persona;
    la_stack_persona(n->stack, &persona);
    persona.fastopen = mode;
    assert_int_equal(la_stack_set_persona(n->stack, &persona), LA_OK);
}

static int fast_listener(int domain)
{
    int door = listener(&there, domain, PORT, 5);
    assert_int_equal(set(&there, door, LA_IPPROTO_TCP, LA_TCP_FASTOPEN, 5), LA_OK);
    assert_int_equal(get(&there, door, LA_IPPROTO_TCP, LA_TCP_FASTOPEN), 5);
    return door;
}

/* A connection that only fetches the cookie. */
static void fetch_cookie(int domain, int door)
{
    const struct la_endpoint to = at(domain, 2, PORT);
    int fd = stream(&here, domain);
    assert_int_equal(la_sendto(here.table, fd, "", 0, LA_MSG_FASTOPEN, &to), LA_EINPROGRESS);
    assert_int_equal(la_sendto(here.table, fd, "x", 1, LA_MSG_FASTOPEN, &to), LA_EALREADY);
    net_settle();
    int peer = la_accept(there.table, door, NULL);
    assert_true(peer >= 0);
    assert_int_equal(la_close(here.table, fd), LA_OK);
    net_settle();
    assert_int_equal(la_close(there.table, peer), LA_OK);
    net_settle();
}

static bool syn_data(struct node *n, int fd)
{
    struct la_tcp_info info;
    size_t len = sizeof(info);
    assert_int_equal(la_getsockopt(n->table, fd, LA_IPPROTO_TCP, LA_TCP_INFO, &info, &len), LA_OK);
    return info.syn_data;
}

/* Without the stack's word there is none of it. */
static void test_refused(void **state)
{
    const struct la_endpoint to = at(LA_AF_INET, 2, PORT);
    int fd = stream(&here, LA_AF_INET);
    assert_int_equal(set(&here, fd, LA_IPPROTO_TCP, LA_TCP_FASTOPEN_CONNECT, 1), LA_EOPNOTSUPP);
    assert_int_equal(set(&here, fd, LA_IPPROTO_TCP, LA_TCP_FASTOPEN_CONNECT, 0), LA_OK);
    assert_int_equal(la_sendto(here.table, fd, "x", 1, LA_MSG_FASTOPEN, &to), LA_EOPNOTSUPP);
    allow(&here, LA_FASTOPEN_CLIENT);
    assert_int_equal(set(&here, fd, LA_IPPROTO_TCP, LA_TCP_FASTOPEN_CONNECT, 1), LA_OK);
    assert_int_equal(get(&here, fd, LA_IPPROTO_TCP, LA_TCP_FASTOPEN_CONNECT), 1);
    assert_int_equal(la_sendto(here.table, fd, "x", 1, LA_MSG_FASTOPEN, NULL), LA_EINVAL);
    int dgram = datagram(&here, LA_AF_INET);
    assert_int_equal(la_sendto(here.table, dgram, "x", 1, LA_MSG_FASTOPEN, &to), LA_EOPNOTSUPP);
}

static void test_sendto(void **state)
{
    allow(&here, LA_FASTOPEN_CLIENT);
    allow(&there, LA_FASTOPEN_SERVER);
    FOR_EACH_DOMAIN(domain)
    {
        const struct la_endpoint to = at(*domain, 2, PORT);
        char text[16];
        int door = fast_listener(*domain);
        fetch_cookie(*domain, door);
        int fd = stream(&here, *domain);
        assert_int_equal(la_sendto(here.table, fd, "hello", 5, LA_MSG_FASTOPEN, &to), 5);
        assert_int_equal(la_send(here.table, fd, "x", 1, 0), LA_EAGAIN);
        assert_int_equal(la_connect(here.table, fd, &to), LA_EALREADY);
        net_settle();
        int peer = la_accept(there.table, door, NULL);
        assert_true(peer >= 0);
        assert_int_equal(la_recv(there.table, peer, text, sizeof(text), 0), 5);
        assert_memory_equal(text, "hello", 5);
        assert_true(syn_data(&there, peer));
        assert_true(syn_data(&here, fd));
        assert_int_equal(la_connect(here.table, fd, &to), LA_EISCONN);
        assert_int_equal(la_close(here.table, fd), LA_OK);
        net_settle();
        assert_int_equal(la_close(there.table, peer), LA_OK);
        net_settle();
        assert_int_equal(la_close(there.table, door), LA_OK);
    }
}

/* TCP_FASTOPEN_CONNECT: connected at once as far as the program can tell. */
static void test_connect(void **state)
{
    allow(&here, LA_FASTOPEN_CLIENT);
    allow(&there, LA_FASTOPEN_SERVER);
    FOR_EACH_DOMAIN(domain)
    {
        const struct la_endpoint to = at(*domain, 2, PORT);
        struct la_endpoint name;
        char text[16];
        int door = fast_listener(*domain);
        fetch_cookie(*domain, door);
        for (unsigned way = 0; way < 4; way++) {
            int fd = stream(&here, *domain);
            assert_int_equal(set(&here, fd, LA_IPPROTO_TCP, LA_TCP_FASTOPEN_CONNECT, 1), LA_OK);
            assert_int_equal(la_connect(here.table, fd, &to), LA_OK);
            assert_int_equal(la_connect(here.table, fd, &to), LA_EISCONN);
            assert_int_equal(la_getpeername(here.table, fd, &name), LA_OK);
            assert_int_equal(la_recv(here.table, fd, text, sizeof(text), 0), LA_EAGAIN);
            assert_int_equal(events(&here, fd), LA_POLLOUT);
            net_settle();
            assert_int_equal(la_accept(there.table, door, NULL), LA_EAGAIN); /* nothing left yet */
            if (way == 0) {
                assert_int_equal(la_send(here.table, fd, "hello", 5, 0), 5);
            } else if (way == 1) {
                assert_int_equal(la_send(here.table, fd, "", 0, 0), LA_EINPROGRESS);
            } else if (way == 2) {
                assert_int_equal(la_shutdown(here.table, fd, LA_SHUT_WR), LA_OK);
            }
            int closed = way == 3 ? la_close(here.table, fd) : LA_OK;
            assert_int_equal(closed, LA_OK);
            net_settle();
            int peer = la_accept(there.table, door, NULL);
            assert_int_equal(peer >= 0, way != 3);
            if (way == 3) {
                continue;
            }
            assert_int_equal(syn_data(&there, peer), way == 0);
            assert_int_equal(la_recv(there.table, peer, text, sizeof(text), 0), way == 0 ? 5
                                                                                : way == 1
                                                                                    ? LA_EAGAIN
                                                                                    : 0);
            assert_int_equal(la_close(here.table, fd), LA_OK);
            net_settle();
            assert_int_equal(la_close(there.table, peer), LA_OK);
            net_settle();
        }
        assert_int_equal(la_close(there.table, door), LA_OK);
    }
}

/* TCP_CONGESTION by name; TCP_QUICKACK; what no other stream socket has. */
static void test_names(void **state)
{
    int door = listener(&there, LA_AF_INET, PORT, 5);
    struct ends e = connected(LA_AF_INET, door, PORT);
    char name[32];
    size_t len = sizeof(name);
    const struct node *n = &here;
    assert_int_equal(
        la_setsockopt(n->table, e.here, LA_IPPROTO_TCP, LA_TCP_CONGESTION, "newreno", 7), LA_OK);
    assert_int_equal(la_getsockopt(n->table, e.here, LA_IPPROTO_TCP, LA_TCP_CONGESTION, name, &len),
                     LA_OK);
    assert_int_equal(len, 16);
    assert_string_equal(name, "newreno");
    assert_int_equal(la_setsockopt(n->table, e.here, LA_IPPROTO_TCP, LA_TCP_CONGESTION, "vegas", 5),
                     LA_ENOENT);
    assert_int_equal(la_setsockopt(n->table, e.here, LA_IPPROTO_TCP, LA_TCP_CONGESTION, "", 0),
                     LA_EINVAL);
    assert_int_equal(get(&here, e.here, LA_IPPROTO_TCP, LA_TCP_QUICKACK), 1);
    assert_int_equal(set(&here, e.here, LA_IPPROTO_TCP, LA_TCP_QUICKACK, 0), LA_OK);
    assert_int_equal(get(&here, e.here, LA_IPPROTO_TCP, LA_TCP_QUICKACK), 0);
    assert_int_equal(set(&here, e.here, LA_IPPROTO_TCP, LA_TCP_QUICKACK, 1), LA_OK);
    int dgram = datagram(&here, LA_AF_INET);
    assert_int_equal(set(&here, dgram, LA_IPPROTO_TCP, LA_TCP_QUICKACK, 1), LA_ENOPROTOOPT);
}

/* SO_RCVLOWAT and TCP_NOTSENT_LOWAT bound readiness, TCP_INQ counts the end. */
static void test_marks(void **state)
{
    static char bytes[200000];
    int door = listener(&there, LA_AF_INET6, PORT, 5);
    struct ends e = connected(LA_AF_INET6, door, PORT);
    assert_int_equal(get(&there, e.there, LA_SOL_SOCKET, LA_SO_RCVLOWAT), 1);
    assert_int_equal(set(&there, e.there, LA_SOL_SOCKET, LA_SO_RCVLOWAT, 100), LA_OK);
    assert_int_equal(la_send(here.table, e.here, bytes, 99, 0), 99);
    net_settle();
    assert_false(events(&there, e.there) & LA_POLLIN);
    assert_int_equal(get(&there, e.there, LA_IPPROTO_TCP, LA_TCP_INQ), 99);
    assert_int_equal(la_send(here.table, e.here, bytes, 1, 0), 1);
    net_pass(LA_NS_PER_S); /* Nagle held it back until the first 99 were acknowledged */
    assert_true(events(&there, e.there) & LA_POLLIN);
    assert_int_equal(la_recv(there.table, e.there, bytes, 60, 0), 60);
    assert_false(events(&there, e.there) & LA_POLLIN);
    assert_int_equal(get(&there, e.there, LA_IPPROTO_TCP, LA_TCP_INQ), 40);

    assert_int_equal(set(&here, e.here, LA_IPPROTO_TCP, LA_TCP_NOTSENT_LOWAT, 5000), LA_OK);
    assert_int_equal(get(&here, e.here, LA_IPPROTO_TCP, LA_TCP_NOTSENT_LOWAT), 5000);
    assert_true(events(&here, e.here) & LA_POLLOUT);
    assert_true(la_send(here.table, e.here, bytes, 60000, 0) == 60000);
    assert_false(events(&here, e.here) & LA_POLLOUT); /* room in the buffer, but much is unsent */
    net_pass(LA_NS_PER_S);
    assert_true(events(&here, e.here) & LA_POLLOUT);

    assert_int_equal(la_shutdown(here.table, e.here, LA_SHUT_WR), LA_OK);
    net_pass(LA_NS_PER_S);
    assert_true(events(&there, e.there) & LA_POLLIN); /* the end, however little there is */
    while (la_recv(there.table, e.there, bytes, sizeof(bytes), 0) > 0) {
    }
    assert_int_equal(get(&there, e.there, LA_IPPROTO_TCP, LA_TCP_INQ), 1);
}

/* TCP_WINDOW_CLAMP bounds what is offered. */
static void test_clamp(void **state)
{
    int door = listener(&there, LA_AF_INET, PORT, 5);
    assert_int_equal(set(&there, door, LA_IPPROTO_TCP, LA_TCP_WINDOW_CLAMP, 5000), LA_OK);
    struct ends e = connected(LA_AF_INET, door, PORT);
    struct la_tcp_info info;
    assert_int_equal(la_tcp_info(here.stack, la_sock_handle(here.table, e.here), &info), LA_OK);
    assert_in_range(info.snd_wnd, 1, 5000);
}

/* TCP_DEFER_ACCEPT: the connection comes with its first data, or when the time is over. */
static void test_defer(void **state)
{
    for (unsigned late = 0; late < 2; late++) {
        int door = listener(&there, LA_AF_INET, PORT, 5);
        assert_int_equal(set(&there, door, LA_IPPROTO_TCP, LA_TCP_DEFER_ACCEPT, 5), LA_OK);
        int fd = connecting(LA_AF_INET, PORT);
        net_settle();
        assert_int_equal(tcp_state(&here, fd), LA_TCP_ESTABLISHED);
        assert_int_equal(la_accept(there.table, door, NULL), LA_EAGAIN);
        if (late) {
            net_pass(16 * LA_NS_PER_S);
        } else {
            assert_int_equal(la_send(here.table, fd, "hello", 5, 0), 5);
            net_settle();
        }
        int peer = la_accept(there.table, door, NULL);
        assert_true(peer >= 0);
        assert_int_equal(la_close(here.table, fd), LA_OK);
        assert_int_equal(la_close(there.table, peer), LA_OK);
        assert_int_equal(la_close(there.table, door), LA_OK);
        net_settle();
    }
}

int main(void)
{
#define EACH(t) cmocka_unit_test_setup_teardown(t, net_setup, net_teardown)
    const struct CMUnitTest tests[] = {
        EACH(test_refused), EACH(test_sendto), EACH(test_connect), EACH(test_names),
        EACH(test_marks),   EACH(test_clamp),  EACH(test_defer),
    };
    return cmocka_run_group_tests_name("core/sock/fastopen", tests, NULL, NULL);
}
