/* Readiness: poll(), and sets of epoll in all their manners. */
#include "posix/net.h"

static struct px_call c_epoll_create(int size)
{
    return (struct px_call){.op = PX_EPOLL_CREATE, .epoll_create = {size}};
}

static int64_t ctl(int host, int set, int op, int fd, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.fd = fd};
    return now(host, (struct px_call){.op = PX_EPOLL_CTL, .fd = set, .epoll_ctl = {op, fd, &e}});
}

/* What one look returns: events of the first, 0: none. */
static uint32_t look(int host, int set)
{
    struct epoll_event e = {0};
    struct px_call c = {.op = PX_EPOLL_WAIT, .fd = set, .epoll_wait = {&e, 1, 0}};
    return now(host, c) == 1 ? e.events : 0;
}

static int new_set(int host)
{
    int set = (int)now(host, c_epoll_create(1));
    assert_true(set >= 3);
    return set;
}

/* ---- poll ----------------------------------------------------------------------------------- */

static void test_poll(void **state)
{
    int fds[2];
    int listener = open_pair(AF_INET, fds);
    struct pollfd p[] = {{.fd = listener, .events = POLLIN},
                         {.fd = fds[1], .events = POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM},
                         {.fd = -1, .events = POLLIN, .revents = 7},
                         {.fd = 63, .events = POLLIN}};
    assert_int_equal(now(1, c_poll(p, 4, 0)), 2);
    assert_int_equal(p[0].revents, 0);
    assert_int_equal(p[1].revents, POLLOUT | POLLWRNORM);
    assert_int_equal(p[2].revents, 0);
    assert_int_equal(p[3].revents, POLLNVAL);
    struct sockaddr_storage to = address(AF_INET, 1, PORT);
    now(0, c_write(fds[0], "x", 1));
    int other = (int)now(0, c_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK));
    now(0, c_connect(other, &to));
    net_run(SECOND);
    assert_int_equal(now(1, c_poll(p, 3, 0)), 2);
    assert_int_equal(p[0].revents, POLLIN);
    assert_int_equal(p[1].revents, POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM);
    assert_int_equal(now(1, c_poll(NULL, 1, 0)), -EFAULT);
    assert_int_equal(now(1, c_poll(p, 1000, 0)), -EINVAL);
}

static void test_poll_waits(void **state)
{
    int fds[2];
    open_pair(AF_INET6, fds);
    struct pollfd p = {.fd = fds[1], .events = POLLIN};
    uint64_t from = net.now_ns;
    assert_int_equal(wait_for(1, c_poll(&p, 1, 1500)), 0);
    assert_int_equal(net.now_ns - from, 1500 * MS);
    struct px_call c = c_poll(&p, 1, -1);
    assert_true(begin(1, &c));
    assert_int_equal(px_call_deadline(&c), UINT64_MAX);
    net_run(10 * SECOND);
    assert_true(waits(&c));
    now(0, c_write(fds[0], "x", 1));
    net_run(DELAY_NS);
    assert_int_equal(result_of(&c), 1);
    assert_int_equal(p.revents, POLLIN);
    p.events = POLLPRI;
    c = c_poll(&p, 1, 5000);
    assert_true(begin(1, &c));
    give_up(1, &c);
    assert_int_equal(result_of(&c), -EINTR);
    assert_int_equal(wait_for(1, c_poll(NULL, 0, 20)), 0); /* nothing but time */
}

static void test_poll_of_a_reset_connection(void **state)
{
    int fds[2];
    open_pair(AF_INET, fds);
    struct pollfd p = {.fd = fds[1], .events = POLLIN | POLLOUT | POLLRDHUP};
    struct linger linger = {1, 0};
    now(0, c_setsockopt(fds[0], SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
    now(0, c_close(fds[0]));
    net_run(DELAY_NS);
    assert_int_equal(now(1, c_poll(&p, 1, 0)), 1);
    assert_int_equal(p.revents, POLLIN | POLLOUT | POLLRDHUP | POLLERR | POLLHUP);
    assert_int_equal(get_int(1, fds[1], SOL_SOCKET, SO_ERROR), ECONNRESET);
    assert_int_equal(now(1, c_poll(&p, 1, 0)), 1);
    assert_int_equal(p.revents, POLLIN | POLLOUT | POLLRDHUP | POLLHUP);
}

/* ---- epoll ---------------------------------------------------------------------------------- */

static void test_epoll_errors(void **state)
{
    int fds[2];
    open_pair(AF_INET, fds);
    int set = new_set(1);
    struct epoll_event e;
    assert_int_equal(now(1, c_epoll_create(0)), -EINVAL);
    struct px_call c1 = {.op = PX_EPOLL_CREATE1, .epoll_create = {EPOLL_CLOEXEC}};
    assert_true(now(1, c1) > 0);
    c1.epoll_create.size_or_flags = 1;
    assert_int_equal(now(1, c1), -EINVAL);
    assert_int_equal(ctl(1, set, EPOLL_CTL_ADD, 60, EPOLLIN), -EBADF);
    assert_int_equal(ctl(1, fds[1], EPOLL_CTL_ADD, fds[1], EPOLLIN), -EINVAL);
    assert_int_equal(ctl(1, set, EPOLL_CTL_ADD, set, EPOLLIN), -EINVAL);
    assert_int_equal(ctl(1, set, EPOLL_CTL_MOD, fds[1], EPOLLIN), -ENOENT);
    assert_int_equal(ctl(1, set, EPOLL_CTL_DEL, fds[1], EPOLLIN), -ENOENT);
    assert_int_equal(ctl(1, set, EPOLL_CTL_ADD, fds[1], EPOLLIN), 0);
    assert_int_equal(ctl(1, set, EPOLL_CTL_ADD, fds[1], EPOLLIN), -EEXIST);
    assert_int_equal(ctl(1, set, 9, fds[1], EPOLLIN), -EINVAL);
    assert_int_equal(ctl(1, set, EPOLL_CTL_MOD, fds[1], EPOLLIN | EPOLLEXCLUSIVE), -EINVAL);
    struct px_call c = {.op = PX_EPOLL_CTL, .fd = set, .epoll_ctl = {EPOLL_CTL_MOD, fds[1], NULL}};
    assert_int_equal(now(1, c), -EFAULT);
    struct px_call w = {.op = PX_EPOLL_WAIT, .fd = set, .epoll_wait = {&e, 0, 0}};
    assert_int_equal(now(1, w), -EINVAL);
    w.epoll_wait.max = 1;
    w.epoll_wait.events = NULL;
    assert_int_equal(now(1, w), -EFAULT);
    w.fd = fds[1];
    assert_int_equal(now(1, w), -EINVAL);
    assert_int_equal(ctl(1, set, EPOLL_CTL_DEL, fds[1], 0), 0);
    /* A set in a set, and no deeper. */
    int outer = new_set(1), third = new_set(1);
    assert_int_equal(ctl(1, set, EPOLL_CTL_ADD, fds[1], EPOLLOUT), 0);
    assert_int_equal(ctl(1, outer, EPOLL_CTL_ADD, set, EPOLLIN), 0);
    assert_int_equal(look(1, outer), EPOLLIN);
    assert_int_equal(ctl(1, third, EPOLL_CTL_ADD, outer, EPOLLIN), -ELOOP);
    assert_int_equal(ctl(1, set, EPOLL_CTL_ADD, third, EPOLLIN), -ELOOP);
}

static void test_level(void **state)
{
    int fds[2];
    char text[8];
    open_pair(AF_INET, fds);
    int set = new_set(1);
    assert_int_equal(ctl(1, set, EPOLL_CTL_ADD, fds[1], EPOLLIN), 0);
    assert_int_equal(look(1, set), 0);
    struct epoll_event e = {0};
    struct px_call w = {.op = PX_EPOLL_WAIT, .fd = set, .epoll_wait = {&e, 1, 3000}};
    uint64_t from = net.now_ns;
    assert_int_equal(wait_for(1, w), 0);
    assert_int_equal(net.now_ns - from, 3 * SECOND);
    assert_true(begin(1, &w));
    now(0, c_write(fds[0], "abcd", 4));
    net_run(DELAY_NS);
    assert_int_equal(result_of(&w), 1);
    assert_int_equal(e.data.fd, fds[1]);
    assert_int_equal(look(1, set), EPOLLIN); /* as long as it holds */
    now(1, c_read(fds[1], text, 2));
    assert_int_equal(look(1, set), EPOLLIN);
    now(1, c_read(fds[1], text, 8));
    assert_int_equal(look(1, set), 0);
    assert_int_equal(ctl(1, set, EPOLL_CTL_MOD, fds[1], EPOLLOUT), 0);
    assert_int_equal(look(1, set), EPOLLOUT);
    now(1, c_close(fds[1])); /* out of the set by itself */
    assert_int_equal(look(1, set), 0);
}

static void test_edge(void **state)
{
    int fds[2];
    char text[8];
    open_pair(AF_INET, fds);
    int set = new_set(1);
    assert_int_equal(ctl(1, set, EPOLL_CTL_ADD, fds[1], EPOLLIN | EPOLLOUT | EPOLLET), 0);
    assert_int_equal(look(1, set), EPOLLOUT);
    assert_int_equal(look(1, set), 0);
    for (int i = 0; i < 3; i++) {
        now(0, c_write(fds[0], "abcd", 4));
        net_run(SECOND);
        assert_int_equal(look(1, set), EPOLLIN | EPOLLOUT); /* each arrival, read or not */
        assert_int_equal(look(1, set), 0);
    }
    now(1, c_read(fds[1], text, 8));
    assert_int_equal(look(1, set), 0);
    assert_int_equal(ctl(1, set, EPOLL_CTL_MOD, fds[1], EPOLLIN | EPOLLET), 0);
    assert_int_equal(look(1, set), EPOLLIN); /* asked anew */
    now(0, c_close(fds[0]));
    net_run(DELAY_NS);
    assert_int_equal(look(1, set), EPOLLIN);
    assert_int_equal(look(1, set), 0);
}

/* Room is an edge when a send had found none. */
static void test_edge_of_room(void **state)
{
    static uint8_t out[8000000];
    static uint8_t in[1000000];
    int fds[2];
    open_pair(AF_INET, fds);
    int set = new_set(0);
    now(0, c_fcntl(fds[0], F_SETFL, O_NONBLOCK));
    assert_int_equal(ctl(0, set, EPOLL_CTL_ADD, fds[0], EPOLLOUT | EPOLLET), 0);
    assert_int_equal(look(0, set), EPOLLOUT);
    for (int i = 0; i < 4; i++) {
        while (now(0, c_write(fds[0], out, sizeof(out))) > 0)
            net_run(DELAY_NS);
        assert_int_equal(look(0, set), 0);
        net_run(SECOND);
        while (wait_for(1, c_recv(fds[1], in, sizeof(in), MSG_DONTWAIT)) > 0)
            net_run(2 * DELAY_NS);
        net_run(SECOND);
        assert_int_equal(look(0, set), EPOLLOUT);
        assert_int_equal(look(0, set), 0);
    }
}

static void test_oneshot_and_exclusive(void **state)
{
    int fds[2];
    open_pair(AF_INET, fds);
    int set = new_set(1);
    assert_int_equal(ctl(1, set, EPOLL_CTL_ADD, fds[1], EPOLLOUT | EPOLLONESHOT), 0);
    assert_int_equal(look(1, set), EPOLLOUT);
    assert_int_equal(look(1, set), 0);
    now(0, c_write(fds[0], "x", 1));
    net_run(DELAY_NS);
    assert_int_equal(look(1, set), 0);
    assert_int_equal(ctl(1, set, EPOLL_CTL_MOD, fds[1], EPOLLIN | EPOLLONESHOT), 0);
    assert_int_equal(look(1, set), EPOLLIN);
    assert_int_equal(look(1, set), 0);
    assert_int_equal(ctl(1, set, EPOLL_CTL_DEL, fds[1], 0), 0);
    assert_int_equal(ctl(1, set, EPOLL_CTL_ADD, fds[1], EPOLLIN | EPOLLEXCLUSIVE), 0);
    assert_int_equal(look(1, set), EPOLLIN);
    assert_int_equal(look(1, set), EPOLLIN);
}

/* New connections at a listener, each an edge. */
static void test_edge_of_a_listener(void **state)
{
    struct sockaddr_storage to = address(AF_INET6, 1, PORT);
    int listener = open_listener(1, AF_INET6, PORT);
    int set = new_set(1);
    assert_int_equal(ctl(1, set, EPOLL_CTL_ADD, listener, EPOLLIN | EPOLLET), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(look(1, set), 0);
        int fd = open_socket(0, AF_INET6, SOCK_STREAM);
        assert_int_equal(wait_for(0, c_connect(fd, &to)), 0);
        net_run(DELAY_NS);
        assert_int_equal(look(1, set), EPOLLIN);
    }
}

/* Nobody is forgotten: with fewer places than ready files all have their turn. */
static void test_fairness(void **state)
{
    int set = new_set(0);
    bool seen[20] = {false};
    for (int i = 0; i < 10; i++) {
        int fd = open_socket(0, AF_INET, SOCK_DGRAM); /* writable at once */
        assert_int_equal(ctl(0, set, EPOLL_CTL_ADD, fd, EPOLLOUT), 0);
    }
    for (int i = 0; i < 5; i++) {
        struct epoll_event e[2];
        struct px_call w = {.op = PX_EPOLL_WAIT, .fd = set, .epoll_wait = {e, 2, 0}};
        assert_int_equal(now(0, w), 2);
        for (int k = 0; k < 2; k++) {
            assert_false(seen[e[k].data.fd]);
            seen[e[k].data.fd] = true;
        }
    }
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, net_open, net_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_poll),
        TEST(test_poll_waits),
        TEST(test_poll_of_a_reset_connection),
        TEST(test_epoll_errors),
        TEST(test_level),
        TEST(test_edge),
        TEST(test_edge_of_room),
        TEST(test_oneshot_and_exclusive),
        TEST(test_edge_of_a_listener),
        TEST(test_fairness),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
