/* Readiness: the levels of poll in every stage, and what dispatch makes of the stack's events. */
#include "core/sock/net.h"

#define IN     LA_POLLIN
#define OUT    LA_POLLOUT
#define PRI    LA_POLLPRI
#define HUP    LA_POLLHUP
#define ERR    LA_POLLERR
#define RDHUP  LA_POLLRDHUP
#define EVENTS 8

/* The table of levels, as a connection goes through them. */
static void test_levels(void **state)
{
    FOR_EACH_DOMAIN(domain)
    {
        char text[4];
        int door = stream(&there, *domain);
        const struct la_endpoint local = anywhere(*domain, PORT);
        assert_int_equal(events(&there, door), OUT | HUP);
        assert_int_equal(la_bind(there.table, door, &local), LA_OK);
        assert_int_equal(events(&there, door), OUT | HUP);
        assert_int_equal(la_listen(there.table, door, 1), LA_OK);
        assert_int_equal(events(&there, door), 0);

        int mine = connecting(*domain, PORT);
        assert_int_equal(events(&here, mine), 0);
        net_settle();
        assert_int_equal(events(&here, mine), OUT);
        assert_int_equal(events(&there, door), IN);
        int theirs = la_accept(there.table, door, NULL);
        assert_int_equal(events(&there, door), 0);
        assert_int_equal(events(&there, theirs), OUT);

        assert_int_equal(la_send(here.table, mine, "x", 1, 0), 1);
        net_settle();
        assert_int_equal(events(&there, theirs), IN | OUT);
        assert_int_equal(la_recv(there.table, theirs, text, 4, 0), 1);
        assert_int_equal(events(&there, theirs), OUT);

        assert_int_equal(la_shutdown(here.table, mine, LA_SHUT_WR), LA_OK);
        net_settle();
        assert_int_equal(events(&here, mine), OUT); /* sending fails, but does not wait */
        assert_int_equal(events(&there, theirs), IN | OUT | RDHUP);
        assert_int_equal(la_shutdown(there.table, theirs, LA_SHUT_WR), LA_OK);
        assert_int_equal(events(&there, theirs), IN | OUT | RDHUP | HUP);
        net_settle();
        assert_int_equal(events(&here, mine), IN | OUT | RDHUP | HUP);
        la_close(here.table, mine);
        la_close(there.table, theirs);
        la_close(there.table, door);
        net_pass(130 * LA_NS_PER_S);

        mine = connecting(*domain, PORT);
        net_settle();
        assert_int_equal(events(&here, mine), IN | OUT | RDHUP | HUP | ERR);
        assert_int_equal(so_error(&here, mine), LA_ECONNREFUSED);
        assert_int_equal(events(&here, mine), IN | OUT | RDHUP | HUP);
        la_close(here.table, mine);
    }
}

/* Only what was asked for, but the bad news; negative descriptors are passed over. */
static void test_poll_mask(void **state)
{
    int door = listener(&there, LA_AF_INET, PORT, 5);
    struct ends p = connected(LA_AF_INET, door, PORT);
    int refused = connecting(LA_AF_INET, PORT + 1);
    net_settle();
    struct la_pollfd fds[] = {
        {.fd = p.here, .events = IN, .revents = 0xffff},
        {.fd = p.here, .events = OUT},
        {.fd = -1, .events = IN, .revents = 0xffff},
        {.fd = refused},
        {.fd = 50, .events = IN},
    };
    assert_int_equal(la_sock_poll(here.table, fds, 5), 3);
    assert_int_equal(fds[0].revents, 0);
    assert_int_equal(fds[1].revents, OUT);
    assert_int_equal(fds[2].revents, 0);
    assert_int_equal(fds[3].revents, HUP | ERR);
    assert_int_equal(fds[4].revents, LA_POLLNVAL);
    assert_int_equal(la_sock_poll(here.table, fds, 0), 0);
}

/* Writable again only when it is worth it, readable while anything is left. */
static void test_back_pressure(void **state)
{
    static char bytes[1 << 16];
    int door = listener(&there, LA_AF_INET6, PORT, 5);
    struct ends p = connected(LA_AF_INET6, door, PORT);
    while (la_send(here.table, p.here, bytes, sizeof(bytes), 0) > 0) {
        net_settle();
    }
    assert_int_equal(events(&here, p.here), 0);
    while (la_recv(there.table, p.there, bytes, sizeof(bytes), 0) > 0) {
        net_pass(LA_NS_PER_S);
    }
    assert_int_equal(events(&here, p.here), OUT);
    assert_int_equal(events(&there, p.there), OUT);
}

/* RFC 9293 3.8.5 (MUST-32, MUST-33): urgent data are announced, stay in line, and the
 * announcement ends when they are read. */
static void test_urgent(void **state)
{
    char text[8];
    struct la_tcp_info info;
    size_t len = sizeof(info);
    int door = listener(&there, LA_AF_INET, PORT, 5);
    struct ends p = connected(LA_AF_INET, door, PORT);
    assert_int_equal(la_send(here.table, p.here, "ab!", 3, LA_MSG_OOB), 3);
    net_settle();
    assert_int_equal(events(&there, p.there), IN | OUT | PRI);
    assert_int_equal(la_recv(there.table, p.there, text, 1, 0), 1);
    assert_int_equal(la_getsockopt(there.table, p.there, LA_IPPROTO_TCP, LA_TCP_INFO, &info, &len),
                     LA_OK);
    assert_int_equal(info.urgent_left, 2);
    assert_int_equal(la_recv(there.table, p.there, text + 1, 7, 0), 2);
    assert_memory_equal(text, "ab!", 3);
    assert_int_equal(events(&there, p.there), OUT);
}

/* ---- dispatch ------------------------------------------------------------------------------- */

static struct la_pollfd ready[EVENTS];

/* What the stack has for the node's table now. */
static size_t dispatch(struct node *n)
{
    struct la_event news[EVENTS];
    size_t count = la_stack_poll(n->stack, news, EVENTS);
    return la_sock_dispatch(n->table, news, count, ready);
}

static void assert_ready(struct node *n, int fd, uint16_t revents)
{
    assert_int_equal(dispatch(n), 1);
    assert_int_equal(ready[0].fd, fd);
    assert_int_equal(ready[0].revents, revents);
}

/* Nothing that a program would wait for goes by untold; levels come again, the rest once. */
static void test_dispatch(void **state)
{
    FOR_EACH_DOMAIN(domain)
    {
        char c;
        int door = listener(&there, *domain, PORT, 5);
        int mine = connecting(*domain, PORT);
        assert_int_equal(dispatch(&here), 0);
        net_settle();
        assert_ready(&here, mine, OUT); /* the end of connecting, asked for or not */
        assert_int_equal(dispatch(&here), 0);
        assert_ready(&there, door, IN);
        assert_ready(&there, door, IN);
        int theirs = la_accept(there.table, door, NULL);
        (void)dispatch(&there);
        assert_int_equal(dispatch(&there), 0);

        assert_int_equal(la_send(here.table, mine, "xy", 2, 0), 2);
        net_settle();
        assert_ready(&there, theirs, IN);
        assert_int_equal(la_recv(there.table, theirs, &c, 1, 0), 1);
        assert_ready(&there, theirs, IN);
        assert_int_equal(la_sock_want(there.table, theirs, 0), LA_OK);
        assert_int_equal(dispatch(&there), 0);
        assert_int_equal(la_sock_want(there.table, theirs, IN | OUT), LA_OK);
        assert_ready(&there, theirs, IN | OUT);
        assert_int_equal(ready[0].events, IN | OUT);
        assert_int_equal(la_sock_want(there.table, theirs, IN), LA_OK);
        assert_int_equal(la_recv(there.table, theirs, &c, 1, 0), 1);
        assert_int_equal(dispatch(&there), 0);

        /* Interest in nothing does not hide the other side's end, or a reset. */
        assert_int_equal(la_sock_want(there.table, theirs, 0), LA_OK);
        assert_int_equal(la_shutdown(here.table, mine, LA_SHUT_WR), LA_OK);
        net_settle();
        assert_ready(&there, theirs, RDHUP);
        assert_int_equal(dispatch(&there), 0);
        const struct la_linger at_once = {.onoff = 1};
        assert_int_equal(
            la_setsockopt(here.table, mine, LA_SOL_SOCKET, LA_SO_LINGER, &at_once, sizeof(at_once)),
            LA_OK);
        assert_int_equal(la_send(there.table, theirs, "z", 1, 0), 1);
        net_settle();
        la_close(here.table, mine);
        net_settle();
        assert_ready(&there, theirs, RDHUP | HUP | ERR);
        la_close(there.table, theirs);
        la_close(there.table, door);
        assert_int_equal(dispatch(&there), 0);
    }
}

/* Wanted before there is a handle, and given to whom it belongs when there is one. */
static void test_want_early(void **state)
{
    int door = listener(&there, LA_AF_INET, PORT, 5);
    const struct la_endpoint remote = at_v4(2, PORT);
    int fd = stream(&here, LA_AF_INET);
    assert_int_equal(la_sock_want(here.table, fd, OUT), LA_OK);
    assert_int_equal(la_connect(here.table, fd, &remote), LA_EINPROGRESS);
    net_settle();
    assert_ready(&here, fd, OUT);
    assert_ready(&here, fd, OUT); /* a level */
    (void)door;
}

/* A program around dispatch alone: an echo server for many clients, with small buffers. */
static void test_echo_server(void **state)
{
    enum { CLIENTS = 20, BYTES = 30000 };
    static uint8_t bytes[1 << 16];
    int fds[CLIENTS];
    uint32_t sent[CLIENTS] = {0}, echoed[CLIENTS] = {0};
    int door = listener(&there, LA_AF_INET6, PORT, CLIENTS);
    assert_int_equal(set(&there, door, LA_SOL_SOCKET, LA_SO_SNDBUF, 4096), LA_OK);
    for (int i = 0; i < CLIENTS; i++) {
        fds[i] = connecting(domains[i % 2], PORT);
    }
    for (int done = 0, turns = 0; done < CLIENTS; turns++) {
        assert_true(turns < 10000);
        net_pass(LA_NS_PER_MS);
        size_t n = dispatch(&there);
        for (size_t i = 0; i < n; i++) {
            int fd = ready[i].fd;
            if (fd == door) {
                assert_true(la_accept(there.table, fd, NULL) >= 0);
                continue;
            }
            int64_t got = la_recv(there.table, fd, bytes, sizeof(bytes), LA_MSG_PEEK);
            int64_t put = got > 0 ? la_send(there.table, fd, bytes, (size_t)got, 0) : 0;
            la_sock_want(there.table, fd, put == LA_EAGAIN ? OUT : IN);
            if (put > 0) {
                assert_int_equal(la_recv(there.table, fd, bytes, (size_t)put, 0), put);
            }
            if (got == 0) {
                assert_int_equal(la_close(there.table, fd), LA_OK);
            }
        }
        for (int i = 0; i < CLIENTS; i++) {
            for (size_t k = 0; k < 3000; k++) {
                bytes[k] = (uint8_t)((sent[i] + k) * (unsigned)(i + 3));
            }
            uint32_t want = BYTES - sent[i] < 3000 ? BYTES - sent[i] : 3000;
            int64_t put = want ? la_send(here.table, fds[i], bytes, want, 0) : 0;
            sent[i] += put > 0 ? (uint32_t)put : 0;
            if (want && sent[i] == BYTES) {
                assert_int_equal(la_shutdown(here.table, fds[i], LA_SHUT_WR), LA_OK);
            }
            int64_t got = la_recv(here.table, fds[i], bytes, sizeof(bytes), 0);
            for (int64_t k = 0; k < got; k++, echoed[i]++) {
                assert_int_equal(bytes[k], (uint8_t)(echoed[i] * (unsigned)(i + 3)));
            }
            if (got == 0) {
                assert_int_equal(echoed[i], BYTES);
                assert_int_equal(la_close(here.table, fds[i]), LA_OK);
                done++;
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_levels, net_setup, net_teardown),
        cmocka_unit_test_setup_teardown(test_poll_mask, net_setup, net_teardown),
        cmocka_unit_test_setup_teardown(test_back_pressure, net_setup, net_teardown),
        cmocka_unit_test_setup_teardown(test_urgent, net_setup, net_teardown),
        cmocka_unit_test_setup_teardown(test_dispatch, net_setup, net_teardown),
        cmocka_unit_test_setup_teardown(test_want_early, net_setup, net_teardown),
        cmocka_unit_test_setup_teardown(test_echo_server, net_setup, net_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
