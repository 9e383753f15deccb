/* Options: that they read as they were set in every stage of a socket's life, and what they do. */
#include "core/sock/net.h"

struct option {
    int level, name, first; /* first: the default */
    int good, bad;          /* bad: INT32_MIN: none is */
};

static const struct option options[] = {
    {LA_SOL_SOCKET, LA_SO_REUSEADDR, 0, 1, INT32_MIN},
    {LA_SOL_SOCKET, LA_SO_KEEPALIVE, 0, 1, INT32_MIN}, /* RFC 9293 3.8.4, MUST-25 */
    {LA_IPPROTO_IP, LA_IP_TOS, 0, 0xb8, 256},          /* RFC 9293 3.9.2, MUST-48 */
    {LA_IPPROTO_IP, LA_IP_TTL, 64, 17, 0},             /* RFC 9293 3.9.2, MUST-49 */
    {LA_IPPROTO_TCP, LA_TCP_NODELAY, 0, 1, INT32_MIN}, /* RFC 9293 3.7.4, MUST-17 */
    {LA_IPPROTO_TCP, LA_TCP_CORK, 0, 1, INT32_MIN},
    {LA_IPPROTO_TCP, LA_TCP_KEEPIDLE, 7200, 33, 0}, /* RFC 9293 3.8.4, MUST-28 */
    {LA_IPPROTO_TCP, LA_TCP_KEEPINTVL, 75, 7, 32768},
    {LA_IPPROTO_TCP, LA_TCP_KEEPCNT, 9, 3, 128},
    {LA_IPPROTO_TCP, LA_TCP_SYNCNT, 7, 2, 0},
    {LA_IPPROTO_TCP, LA_TCP_LINGER2, 60, 9, -1},
    {LA_IPPROTO_TCP, LA_TCP_USER_TIMEOUT, 0, 30000, -1},
    {LA_IPPROTO_TCP, LA_TCP_ECN, LA_ECN_PASSIVE, LA_ECN_ACCURATE, 4},
};
#define COUNT (sizeof(options) / sizeof(options[0]))

static void check_good(struct node *n, int fd)
{
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(get(n, fd, options[i].level, options[i].name), options[i].good);
    }
}

static void set_good(struct node *n, int fd)
{
    for (size_t i = 0; i < COUNT; i++) {
        const struct option *o = &options[i];
        assert_int_equal(set(n, fd, o->level, o->name, o->good), LA_OK);
        if (o->bad != INT32_MIN) {
            assert_int_equal(set(n, fd, o->level, o->name, o->bad), LA_EINVAL);
        }
    }
    check_good(n, fd);
}

/* Fresh, bound, listening, connecting, connected; an accepted one has its listener's. */
static void test_round_trip(void **state)
{
    FOR_EACH_DOMAIN(domain)
    {
        const struct la_endpoint local = anywhere(*domain, PORT);
        const struct la_endpoint mine = anywhere(*domain, 7000);
        const struct la_endpoint remote = at(*domain, 2, PORT);
        int door = stream(&there, *domain), fd = stream(&here, *domain);
        for (size_t i = 0; i < COUNT; i++) {
            assert_int_equal(get(&here, fd, options[i].level, options[i].name), options[i].first);
        }
        set_good(&there, door);
        set_good(&here, fd);
        assert_int_equal(la_bind(there.table, door, &local), LA_OK);
        assert_int_equal(la_bind(here.table, fd, &mine), LA_OK);
        check_good(&there, door);
        set_good(&here, fd);
        assert_int_equal(la_listen(there.table, door, 3), LA_OK);
        set_good(&there, door);
        assert_int_equal(la_connect(here.table, fd, &remote), LA_EINPROGRESS);
        check_good(&here, fd);
        net_settle();
        set_good(&here, fd);
        int accepted = la_accept(there.table, door, NULL);
        check_good(&there, accepted);
        set_good(&there, accepted);

        /* What is set on a connection is of it alone. */
        int other = connecting(*domain, PORT);
        assert_int_equal(get(&here, other, LA_IPPROTO_TCP, LA_TCP_KEEPIDLE), 7200);
        assert_int_equal(set(&there, accepted, LA_IPPROTO_TCP, LA_TCP_KEEPIDLE, 5), LA_OK);
        assert_int_equal(get(&there, door, LA_IPPROTO_TCP, LA_TCP_KEEPIDLE), 33);
        la_close(here.table, other);
        la_close(here.table, fd);
        la_close(there.table, accepted);
        la_close(there.table, door);
        net_pass(300 * LA_NS_PER_S);
    }
}

/* What only answers questions, and what is refused by name. */
static void test_questions(void **state)
{
    FOR_EACH_DOMAIN(domain)
    {
        int value = 1;
        int fd = stream(&here, *domain), dgram = datagram(&here, *domain);
        assert_int_equal(get(&here, fd, LA_SOL_SOCKET, LA_SO_TYPE), LA_SOCK_STREAM);
        assert_int_equal(get(&here, dgram, LA_SOL_SOCKET, LA_SO_TYPE), LA_SOCK_DGRAM);
        assert_int_equal(get(&here, fd, LA_SOL_SOCKET, LA_SO_DOMAIN), *domain);
        assert_int_equal(get(&here, fd, LA_SOL_SOCKET, LA_SO_PROTOCOL), LA_IPPROTO_TCP);
        assert_int_equal(get(&here, dgram, LA_SOL_SOCKET, LA_SO_PROTOCOL), LA_IPPROTO_UDP);
        assert_int_equal(get(&here, fd, LA_SOL_SOCKET, LA_SO_ACCEPTCONN), 0);
        assert_int_equal(la_listen(here.table, fd, 1), LA_OK);
        assert_int_equal(get(&here, fd, LA_SOL_SOCKET, LA_SO_ACCEPTCONN), 1);
        assert_int_equal(tcp_state(&here, fd), LA_TCP_LISTEN);

        static const int read_only[] = {LA_SO_TYPE, LA_SO_ERROR, LA_SO_ACCEPTCONN, LA_SO_PROTOCOL,
                                        LA_SO_DOMAIN};
        for (size_t i = 0; i < 5; i++) {
            assert_int_equal(set(&here, fd, LA_SOL_SOCKET, read_only[i], 1), LA_ENOPROTOOPT);
        }
        assert_int_equal(set(&here, fd, LA_SOL_SOCKET, LA_SO_REUSEPORT, 1), LA_ENOPROTOOPT);
        assert_int_equal(get(&here, fd, LA_SOL_SOCKET, LA_SO_REUSEPORT), LA_ENOPROTOOPT);
        assert_int_equal(set(&here, fd, LA_IPPROTO_TCP, LA_TCP_INFO, 1), LA_ENOPROTOOPT);
        assert_int_equal(set(&here, fd, LA_IPPROTO_TCP, 99, 1), LA_ENOPROTOOPT);
        assert_int_equal(get(&here, fd, 99, 1), LA_ENOPROTOOPT);
        assert_int_equal(set(&here, dgram, LA_IPPROTO_TCP, LA_TCP_NODELAY, 1), LA_ENOPROTOOPT);
        assert_int_equal(set(&here, dgram, LA_SOL_SOCKET, LA_SO_LINGER, 1), LA_ENOPROTOOPT);
        assert_int_equal(get(&here, dgram, LA_SOL_SOCKET, LA_SO_OOBINLINE), LA_ENOPROTOOPT);

        /* RFC 6093 4: urgent data stay in line. */
        assert_int_equal(get(&here, fd, LA_SOL_SOCKET, LA_SO_OOBINLINE), 1);
        assert_int_equal(set(&here, fd, LA_SOL_SOCKET, LA_SO_OOBINLINE, 1), LA_OK);
        assert_int_equal(set(&here, fd, LA_SOL_SOCKET, LA_SO_OOBINLINE, 0), LA_EINVAL);

        assert_int_equal(la_setsockopt(here.table, fd, LA_IPPROTO_TCP, LA_TCP_NODELAY, &value, 1),
                         LA_EINVAL);
        assert_int_equal(la_setsockopt(here.table, fd, LA_IPPROTO_TCP, LA_TCP_NODELAY, NULL, 4),
                         LA_EINVAL);
        la_close(here.table, fd);
        la_close(here.table, dgram);
    }
}

/* Any number switches on; buffer sizes are brought into range; a short answer is cut. */
static void test_values(void **state)
{
    uint8_t byte = 0xff;
    size_t len = 1;
    int fd = stream(&here, LA_AF_INET6);
    assert_int_equal(set(&here, fd, LA_IPPROTO_TCP, LA_TCP_NODELAY, -5), LA_OK);
    assert_int_equal(get(&here, fd, LA_IPPROTO_TCP, LA_TCP_NODELAY), 1);
    assert_int_equal(set(&here, fd, LA_SOL_SOCKET, LA_SO_SNDBUF, 1), LA_OK);
    assert_int_equal(get(&here, fd, LA_SOL_SOCKET, LA_SO_SNDBUF), 2048);
    assert_int_equal(set(&here, fd, LA_SOL_SOCKET, LA_SO_RCVBUF, INT32_MAX), LA_OK);
    assert_int_equal(get(&here, fd, LA_SOL_SOCKET, LA_SO_RCVBUF), 1 << 30);
    assert_int_equal(set(&here, fd, LA_SOL_SOCKET, LA_SO_RCVBUF, 100000), LA_OK);
    assert_int_equal(get(&here, fd, LA_SOL_SOCKET, LA_SO_RCVBUF), 100000);

    /* The ECN bits are the transport's (RFC 3168 5); -1 is the default. */
    assert_int_equal(set(&here, fd, LA_IPPROTO_IPV6, LA_IPV6_TCLASS, 0xff), LA_OK);
    assert_int_equal(get(&here, fd, LA_IPPROTO_IPV6, LA_IPV6_TCLASS), 0xfc);
    assert_int_equal(get(&here, fd, LA_IPPROTO_IP, LA_IP_TOS), 0xfc);
    assert_int_equal(set(&here, fd, LA_IPPROTO_IPV6, LA_IPV6_TCLASS, -1), LA_OK);
    assert_int_equal(get(&here, fd, LA_IPPROTO_IPV6, LA_IPV6_TCLASS), 0);
    assert_int_equal(set(&here, fd, LA_IPPROTO_IPV6, LA_IPV6_UNICAST_HOPS, 5), LA_OK);
    assert_int_equal(get(&here, fd, LA_IPPROTO_IP, LA_IP_TTL), 5);
    assert_int_equal(set(&here, fd, LA_IPPROTO_IPV6, LA_IPV6_UNICAST_HOPS, -1), LA_OK);
    assert_int_equal(get(&here, fd, LA_IPPROTO_IPV6, LA_IPV6_UNICAST_HOPS), 64);

    assert_int_equal(la_getsockopt(here.table, fd, LA_IPPROTO_TCP, LA_TCP_NODELAY, &byte, &len),
                     LA_OK);
    assert_int_equal(len, 1);
    assert_int_equal(byte, 1);
    int v4 = stream(&here, LA_AF_INET);
    assert_int_equal(set(&here, v4, LA_IPPROTO_IPV6, LA_IPV6_V6ONLY, 1), LA_ENOPROTOOPT);
    assert_int_equal(get(&here, v4, LA_IPPROTO_IPV6, LA_IPV6_TCLASS), LA_ENOPROTOOPT);
}

static void test_v6_only(void **state)
{
    const struct la_endpoint any = anywhere(LA_AF_INET6, PORT);
    int door = stream(&there, LA_AF_INET6);
    assert_int_equal(get(&there, door, LA_IPPROTO_IPV6, LA_IPV6_V6ONLY), 0);
    assert_int_equal(set(&there, door, LA_IPPROTO_IPV6, LA_IPV6_V6ONLY, 1), LA_OK);
    assert_int_equal(la_bind(there.table, door, &any), LA_OK);
    assert_int_equal(set(&there, door, LA_IPPROTO_IPV6, LA_IPV6_V6ONLY, 0), LA_EINVAL);
    assert_int_equal(get(&there, door, LA_IPPROTO_IPV6, LA_IPV6_V6ONLY), 1);
    assert_int_equal(la_listen(there.table, door, 1), LA_OK);
    int fd4 = connecting(LA_AF_INET, PORT), fd6 = connecting(LA_AF_INET6, PORT);
    net_settle();
    assert_int_equal(so_error(&here, fd4), LA_ECONNREFUSED);
    assert_int_equal(so_error(&here, fd6), LA_OK);
    /* IPv4 may have a listener of its own beside it. */
    (void)listener(&there, LA_AF_INET, PORT, 1);
}

static void test_linger(void **state)
{
    struct la_linger linger = {.onoff = 1, .linger_s = -1};
    size_t len = sizeof(linger);
    int door = listener(&there, LA_AF_INET, PORT, 5);
    struct ends p = connected(LA_AF_INET, door, PORT);
    assert_int_equal(la_setsockopt(here.table, p.here, LA_SOL_SOCKET, LA_SO_LINGER, &linger, len),
                     LA_EINVAL);
    linger.linger_s = 5;
    assert_int_equal(la_setsockopt(here.table, p.here, LA_SOL_SOCKET, LA_SO_LINGER, &linger, len),
                     LA_OK);
    linger = (struct la_linger){0};
    assert_int_equal(la_getsockopt(here.table, p.here, LA_SOL_SOCKET, LA_SO_LINGER, &linger, &len),
                     LA_OK);
    assert_int_equal(len, sizeof(linger));
    assert_true(linger.onoff == 1 && linger.linger_s == 5);
    linger = (struct la_linger){.onoff = 0, .linger_s = 9};
    assert_int_equal(la_setsockopt(here.table, p.here, LA_SOL_SOCKET, LA_SO_LINGER, &linger, len),
                     LA_OK);
    assert_int_equal(la_getsockopt(here.table, p.here, LA_SOL_SOCKET, LA_SO_LINGER, &linger, &len),
                     LA_OK);
    assert_true(linger.onoff == 0 && linger.linger_s == 0);
    assert_int_equal(la_setsockopt(here.table, p.here, LA_SOL_SOCKET, LA_SO_LINGER, &linger, 4),
                     LA_EINVAL);
}

/* What the last data segment or SYN on the wire looked like. */
struct seen {
    uint8_t tos, ttl;
    unsigned data_segments;
    uint32_t bytes;
};

static bool look(void *ctx, unsigned from, unsigned serial, uint8_t *bytes, size_t len)
{
    struct seen *seen = ctx;
    bool v6 = bytes[0] >> 4 == 6;
    size_t head = v6 ? 40 : 20;
    uint32_t payload = (uint32_t)(len - head - (size_t)(bytes[head + 12] >> 4) * 4);
    if (from == 0) {
        seen->tos = v6 ? (uint8_t)(bytes[0] << 4 | bytes[1] >> 4) : bytes[1];
        seen->ttl = v6 ? bytes[7] : bytes[8];
        seen->data_segments += payload ? 1 : 0;
        seen->bytes += payload;
    }
    return true;
}

/* The segments show what was asked for. */
static void test_effect_on_the_wire(void **state)
{
    FOR_EACH_DOMAIN(domain)
    {
        static const char text[2000];
        struct seen seen = {0};
        int door = listener(&there, *domain, PORT, 5);
        struct ends p = connected(*domain, door, PORT);
        assert_in_range(get(&here, p.here, LA_IPPROTO_TCP, LA_TCP_MAXSEG), 1200, 1460);
        net.filter = look;
        net.ctx = &seen;
        assert_int_equal(set(&here, p.here, LA_IPPROTO_IP, LA_IP_TOS, 0xb8), LA_OK);
        assert_int_equal(set(&here, p.here, LA_IPPROTO_IP, LA_IP_TTL, 9), LA_OK);
        assert_int_equal(set(&here, p.here, LA_IPPROTO_TCP, LA_TCP_MAXSEG, 500), LA_OK);
        assert_int_equal(la_send(here.table, p.here, text, sizeof(text), 0), sizeof(text));
        net_settle();
        assert_int_equal(seen.tos & 0xfc, 0xb8);
        assert_int_equal(seen.ttl, 9);
        assert_in_range(seen.data_segments, 4, 5);
        assert_int_equal(get(&here, p.here, LA_IPPROTO_TCP, LA_TCP_MAXSEG), 500 - 12);

        /* CORK, or MORE for one call, holds a partial segment back; taking it off lets go. In the
         * time that passes all is acknowledged, so that Nagle holds nothing back. */
        net_pass(60 * LA_NS_PER_MS);
        seen = (struct seen){0};
        assert_int_equal(set(&here, p.here, LA_IPPROTO_TCP, LA_TCP_CORK, 1), LA_OK);
        assert_int_equal(la_send(here.table, p.here, text, 10, 0), 10);
        net_pass(60 * LA_NS_PER_MS);
        assert_int_equal(seen.data_segments, 0);
        assert_int_equal(set(&here, p.here, LA_IPPROTO_TCP, LA_TCP_CORK, 0), LA_OK);
        net_pass(60 * LA_NS_PER_MS);
        assert_int_equal(seen.bytes, 10);
        assert_int_equal(la_send(here.table, p.here, text, 10, LA_MSG_MORE), 10);
        net_pass(60 * LA_NS_PER_MS);
        assert_int_equal(seen.bytes, 10);
        assert_int_equal(la_send(here.table, p.here, text, 10, LA_MSG_NOSIGNAL), 10);
        net_pass(60 * LA_NS_PER_MS);
        assert_int_equal(seen.data_segments, 2);
        net.filter = NULL;
        la_close(here.table, p.here);
        la_close(there.table, p.there);
        la_close(there.table, door);
        net_pass(130 * LA_NS_PER_S);
    }
}

/* Keep-alive ends a connection whose peer is gone; so does the user timeout with data on the way
 * (RFC 9293 3.8.3, 3.8.4). */
static void test_effect_of_timers(void **state)
{
    int door = listener(&there, LA_AF_INET, PORT, 5);
    struct ends idle = connected(LA_AF_INET, door, PORT), busy = connected(LA_AF_INET, door, PORT);
    assert_int_equal(set(&here, idle.here, LA_SOL_SOCKET, LA_SO_KEEPALIVE, 1), LA_OK);
    assert_int_equal(set(&here, idle.here, LA_IPPROTO_TCP, LA_TCP_KEEPIDLE, 10), LA_OK);
    assert_int_equal(set(&here, idle.here, LA_IPPROTO_TCP, LA_TCP_KEEPINTVL, 2), LA_OK);
    assert_int_equal(set(&here, idle.here, LA_IPPROTO_TCP, LA_TCP_KEEPCNT, 3), LA_OK);
    assert_int_equal(set(&here, busy.here, LA_IPPROTO_TCP, LA_TCP_USER_TIMEOUT, 5000), LA_OK);
    net_pass(60 * LA_NS_PER_S); /* the peer answers: nothing happens */
    assert_int_equal(so_error(&here, idle.here), LA_OK);
    net.filter = net_lose;
    assert_int_equal(la_send(here.table, busy.here, "x", 1, 0), 1);
    net_pass(4 * LA_NS_PER_S);
    assert_int_equal(so_error(&here, busy.here), LA_OK);
    net_pass(30 * LA_NS_PER_S);
    assert_int_equal(so_error(&here, busy.here), LA_ETIMEDOUT);
    assert_int_equal(so_error(&here, idle.here), LA_ETIMEDOUT);
}

/* The send buffer bounds what is taken, and the queues can be asked about. */
static void test_queues(void **state)
{
    static char bytes[8192];
    int value;
    int door = listener(&there, LA_AF_INET, PORT, 5);
    struct ends p = connected(LA_AF_INET, door, PORT);
    /* Nobody has set them: as large as they are now (docs/windows.md). */
    assert_int_equal(get(&there, door, LA_SOL_SOCKET, LA_SO_RCVBUF), 0);
    assert_int_equal(get(&here, p.here, LA_SOL_SOCKET, LA_SO_SNDBUF), 256 * 1024);
    assert_int_equal(get(&here, p.here, LA_SOL_SOCKET, LA_SO_RCVBUF), 256 * 1024);
    assert_int_equal(set(&here, p.here, LA_SOL_SOCKET, LA_SO_SNDBUF, 4000), LA_OK);
    net.filter = net_lose;
    assert_int_equal(la_send(here.table, p.here, bytes, sizeof(bytes), 0), 4000);
    assert_int_equal(la_send(here.table, p.here, bytes, 1, 0), LA_EAGAIN);
    assert_int_equal(la_ioctl(here.table, p.here, LA_SIOCOUTQ, &value), LA_OK);
    assert_int_equal(value, 4000);
    assert_int_equal(la_ioctl(here.table, p.here, LA_SIOCOUTQNSD, &value), LA_OK);
    assert_int_equal(value, 4000);
    net_settle();
    assert_int_equal(la_ioctl(here.table, p.here, LA_SIOCOUTQNSD, &value), LA_OK);
    assert_in_range(value, 0, 1460);
    net.filter = NULL;
    net_pass(5 * LA_NS_PER_S);
    assert_int_equal(la_ioctl(here.table, p.here, LA_SIOCOUTQ, &value), LA_OK);
    assert_int_equal(value, 0);
    assert_int_equal(la_ioctl(there.table, p.there, LA_SIOCINQ, &value), LA_OK);
    assert_int_equal(value, 4000);
    assert_int_equal(la_ioctl(there.table, door, LA_SIOCINQ, &value), LA_EINVAL);
    assert_int_equal(la_ioctl(here.table, stream(&here, LA_AF_INET), LA_SIOCINQ, &value), LA_OK);
    assert_int_equal(value, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip, net_setup, net_teardown),
        cmocka_unit_test_setup_teardown(test_questions, net_setup, net_teardown),
        cmocka_unit_test_setup_teardown(test_values, net_setup, net_teardown),
        cmocka_unit_test_setup_teardown(test_v6_only, net_setup, net_teardown),
        cmocka_unit_test_setup_teardown(test_linger, net_setup, net_teardown),
        cmocka_unit_test_setup_teardown(test_effect_on_the_wire, net_setup, net_teardown),
        cmocka_unit_test_setup_teardown(test_effect_of_timers, net_setup, net_teardown),
        cmocka_unit_test_setup_teardown(test_queues, net_setup, net_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
