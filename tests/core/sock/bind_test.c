/* Who may have a port: the conflict table of flow/bind.h as programs meet it. */
#include "core/sock/net.h"

/* What a socket may be bound to. */
enum place { ADDR4, ANY4, ADDR6, MAPPED, ANY6, ANY6_ONLY, PLACES };

static const char *const place_name[PLACES] = {"10.0.0.1",        "0.0.0.0", "fd00::1",
                                               "::ffff:10.0.0.1", "::",      ":: (v6 only)"};

/* Do two listeners meet? */
static const char overlap[PLACES][PLACES + 1] = {
    /*           ADDR4 ANY4 ADDR6 MAPPED ANY6 ANY6_ONLY */
    [ADDR4] = "xx.xx.",  [ANY4] = "xx.xx.", [ADDR6] = "..x.xx",
    [MAPPED] = "xx.xx.", [ANY6] = "xxxxxx", [ANY6_ONLY] = "..x.xx",
};

static struct la_endpoint place_endpoint(enum place place, uint16_t port)
{
    switch (place) {
    case ADDR4:
    case MAPPED:
        return at_v4(1, port);
    case ANY4:
        return anywhere(LA_AF_INET, port);
    case ADDR6:
        return at_v6(1, port);
    default:
        return anywhere(LA_AF_INET6, port);
    }
}

static int place_socket(enum place place, bool reuse)
{
    int fd = stream(&here, place == ADDR4 || place == ANY4 ? LA_AF_INET : LA_AF_INET6);
    if (place == ANY6_ONLY) {
        assert_int_equal(set(&here, fd, LA_IPPROTO_IPV6, LA_IPV6_V6ONLY, 1), LA_OK);
    }
    if (reuse) {
        assert_int_equal(set(&here, fd, LA_SOL_SOCKET, LA_SO_REUSEADDR, 1), LA_OK);
    }
    return fd;
}

static int place_bind(int fd, enum place place, uint16_t port)
{
    const struct la_endpoint local = place_endpoint(place, port);
    return la_bind(here.table, fd, &local);
}

/* Every two places, bound or listening, with SO_REUSEADDR on none, one or both. */
static void test_conflict_table(void **state)
{
    for (unsigned bits = 0; bits < PLACES * PLACES * 8; bits++) {
        enum place a = bits / 8 / PLACES, b = bits / 8 % PLACES;
        bool listens = bits & 1, reuse_a = bits & 2, reuse_b = bits & 4;
        bool meet = overlap[a][b] == 'x';
        int first = place_socket(a, reuse_a), second = place_socket(b, reuse_b);
        assert_int_equal(place_bind(first, a, PORT), LA_OK);
        if (listens) {
            assert_int_equal(la_listen(here.table, first, 1), LA_OK);
        }
        int got = place_bind(second, b, PORT);
        int expected = meet && (listens || !reuse_a || !reuse_b) ? LA_EADDRINUSE : LA_OK;
        if (got != expected) {
            fail_msg("%s%s and %s%s%s: %d", place_name[a], listens ? " listening" : "",
                     place_name[b], reuse_a ? ", first reuses" : "",
                     reuse_b ? ", second reuses" : "", got);
        }
        /* Two that share a port: only one of them may listen. */
        if (got == LA_OK && !listens) {
            assert_int_equal(la_listen(here.table, second, 1), meet ? LA_EADDRINUSE : LA_OK);
            assert_int_equal(la_listen(here.table, first, 1), meet ? LA_EADDRINUSE : LA_OK);
        }
        la_close(here.table, first);
        la_close(here.table, second);
    }
}

/* Sharing a port ends with SO_REUSEADDR; who was refused to listen keeps what it had. */
static void test_refused_listener_keeps_port(void **state)
{
    int first = place_socket(ANY4, true), second = place_socket(ANY4, true);
    assert_int_equal(place_bind(first, ANY4, PORT), LA_OK);
    assert_int_equal(place_bind(second, ANY4, PORT), LA_OK);
    assert_int_equal(set(&here, first, LA_SOL_SOCKET, LA_SO_REUSEADDR, 0), LA_OK);
    assert_int_equal(la_listen(here.table, first, 1), LA_EADDRINUSE);
    la_close(here.table, second);
    second = place_socket(ANY4, true);
    assert_int_equal(place_bind(second, ANY4, PORT), LA_EADDRINUSE);
    assert_int_equal(la_listen(here.table, first, 1), LA_OK);
}

/* A socket that was refused can be bound elsewhere; one that was closed leaves its port. */
static void test_port_comes_back(void **state)
{
    int first = place_socket(ANY4, false), second = place_socket(ANY4, false);
    assert_int_equal(place_bind(first, ANY4, PORT), LA_OK);
    assert_int_equal(place_bind(second, ANY4, PORT), LA_EADDRINUSE);
    assert_int_equal(place_bind(second, ANY4, PORT + 1), LA_OK);
    la_close(here.table, first);
    first = place_socket(ANY4, false);
    assert_int_equal(place_bind(first, ANY4, PORT), LA_OK);
    assert_int_equal(la_listen(here.table, first, 1), LA_OK);
}

/* Port 0: the stack chooses, every time another one, and says which. */
static void test_chosen_port(void **state)
{
    uint16_t seen[32];
    struct la_endpoint name;
    FOR_EACH_DOMAIN(domain)
    {
        for (int i = 0; i < 32; i++) {
            const struct la_endpoint any = anywhere(*domain, 0);
            int fd = stream(&here, *domain);
            assert_int_equal(la_getsockname(here.table, fd, &name), LA_OK);
            assert_true(same_endpoint(&name, &any));
            /* Every second one listens without a bind. */
            assert_int_equal(i % 2 ? la_listen(here.table, fd, 1) : la_bind(here.table, fd, &any),
                             LA_OK);
            assert_int_equal(la_getsockname(here.table, fd, &name), LA_OK);
            assert_true(la_addr_equal(&name.addr, &any.addr));
            assert_in_range(name.port, 32768, 60999);
            seen[i] = name.port;
            for (int k = 0; k < i; k++) {
                assert_int_not_equal(seen[k], seen[i]);
            }
        }
        for (int i = 0; i < 32; i++) {
            la_close(here.table, i);
        }
    }
}

/* RFC 9293 3.9.1.1 (MUST-43): a connection leaves from the address and port that were bound. */
static void test_connect_from(void **state)
{
    FOR_EACH_DOMAIN(domain)
    {
        struct la_endpoint peer;
        const struct la_endpoint remote = at(*domain, 2, PORT);
        int door = listener(&there, *domain, PORT, 5);
        for (int i = 0; i < 3; i++) {
            struct la_endpoint local = i == 0   ? at(*domain, 1, 5000)
                                       : i == 1 ? anywhere(*domain, 5001)
                                                : at(*domain, 1, 0);
            int fd = stream(&here, *domain);
            assert_int_equal(la_bind(here.table, fd, &local), LA_OK);
            assert_int_equal(la_connect(here.table, fd, &remote), LA_EINPROGRESS);
            net_settle();
            int accepted = la_accept(there.table, door, &peer);
            assert_true(accepted >= 0);
            if (local.port != 0) {
                assert_int_equal(peer.port, local.port);
            }
            la_close(there.table, accepted);
            la_close(here.table, fd);
        }
        la_close(there.table, door);
        net_pass(61 * LA_NS_PER_S);
    }
}

/* RFC 9293 3.6.1: a port whose connections wait is free for a listener with SO_REUSEADDR alone. */
static void test_time_wait(void **state)
{
    FOR_EACH_DOMAIN(domain)
    {
        const struct la_endpoint local = anywhere(*domain, PORT);
        int door = listener(&there, *domain, PORT, 5);
        struct ends p = connected(*domain, door, PORT);
        la_close(there.table, p.there); /* the server closes first, so it waits */
        net_settle();
        la_close(here.table, p.here);
        la_close(there.table, door);
        net_settle();

        /* The other family alone is free, both together are not. */
        bool v6 = *domain == LA_AF_INET6;
        const struct la_endpoint both = anywhere(LA_AF_INET6, PORT);
        const struct la_endpoint other = anywhere(v6 ? LA_AF_INET : LA_AF_INET6, PORT);
        int beside = stream(&there, v6 ? LA_AF_INET : LA_AF_INET6);
        int across = stream(&there, LA_AF_INET6);
        assert_int_equal(la_bind(there.table, across, &both), LA_EADDRINUSE);
        assert_int_equal(set(&there, beside, LA_IPPROTO_IPV6, LA_IPV6_V6ONLY, 1),
                         v6 ? LA_ENOPROTOOPT : LA_OK);
        assert_int_equal(la_bind(there.table, beside, &other), LA_OK);
        la_close(there.table, beside);
        la_close(there.table, across);

        int strict = stream(&there, *domain), relaxed = stream(&there, *domain);
        assert_int_equal(la_bind(there.table, strict, &local), LA_EADDRINUSE);
        assert_int_equal(set(&there, relaxed, LA_SOL_SOCKET, LA_SO_REUSEADDR, 1), LA_OK);
        assert_int_equal(la_bind(there.table, relaxed, &local), LA_OK);
        assert_int_equal(la_listen(there.table, relaxed, 5), LA_OK);
        p = connected(*domain, relaxed, PORT);
        la_close(there.table, p.there);
        la_close(there.table, relaxed);
        la_close(here.table, p.here);

        net_pass(61 * LA_NS_PER_S);
        assert_int_equal(la_bind(there.table, strict, &local), LA_OK);
        assert_int_equal(la_listen(there.table, strict, 5), LA_OK);
        la_close(there.table, strict);
    }
}

/* A bound socket that does not listen refuses connections: the port is held, no more. */
static void test_bound_only(void **state)
{
    FOR_EACH_DOMAIN(domain)
    {
        const struct la_endpoint local = anywhere(*domain, PORT);
        int bound = stream(&there, *domain);
        assert_int_equal(la_bind(there.table, bound, &local), LA_OK);
        int fd = connecting(*domain, PORT);
        net_settle();
        assert_int_equal(so_error(&here, fd), LA_ECONNREFUSED);
        la_close(here.table, fd);
        la_close(there.table, bound);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_conflict_table, net_setup, net_teardown),
        cmocka_unit_test_setup_teardown(test_refused_listener_keeps_port, net_setup, net_teardown),
        cmocka_unit_test_setup_teardown(test_port_comes_back, net_setup, net_teardown),
        cmocka_unit_test_setup_teardown(test_chosen_port, net_setup, net_teardown),
        cmocka_unit_test_setup_teardown(test_connect_from, net_setup, net_teardown),
        cmocka_unit_test_setup_teardown(test_time_wait, net_setup, net_teardown),
        cmocka_unit_test_setup_teardown(test_bound_only, net_setup, net_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
