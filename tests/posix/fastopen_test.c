/* Fast Open (RFC 7413) as programs use it: MSG_FASTOPEN, TCP_FASTOPEN_CONNECT, TCP_FASTOPEN. */
#include "posix/net.h"

static int open_net(void **state)
{
    net_open(state);
    for (int i = 0; i < 2; i++)
        assert_int_equal(px_setting(net.hosts[i], "net.ipv4.tcp_fastopen", "3"), 0);
    return 0;
}

static int fast_listener(int domain)
{
    struct sockaddr_storage any = address(domain, -1, PORT);
    int fd = open_socket(1, domain, SOCK_STREAM);
    assert_int_equal(now(1, c_bind(fd, &any)), 0);
    assert_int_equal(set_int(1, fd, IPPROTO_TCP, PX_TCP_FASTOPEN, 5), 0);
    assert_int_equal(now(1, c_listen(fd, 5)), 0);
    return fd;
}

static struct px_call c_fast(int fd, const void *data, size_t len,
                             const struct sockaddr_storage *to)
{
    struct px_call c = c_send(fd, data, len, MSG_FASTOPEN);
    c.op = PX_SENDTO;
    c.io.to = (const struct sockaddr *)to;
    c.io.to_len =
        to->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    return c;
}

static struct px_tcp_info info_of(int host, int fd)
{
    struct px_tcp_info info;
    socklen_t len = sizeof(info);
    assert_int_equal(now(host, c_getsockopt(fd, IPPROTO_TCP, PX_TCP_INFO, &info, &len)), 0);
    return info;
}

/* The first connection brings the cookie, the second its data with the SYN. */
static void test_cookie_then_data(void **state)
{
    FOR_EACH_DOMAIN(d)
    {
        struct sockaddr_storage to = address(*d, 1, PORT);
        char text[16];
        int listener = fast_listener(*d);
        int first = open_socket(0, *d, SOCK_STREAM);
        assert_int_equal(wait_for(0, c_fast(first, "first", 5, &to)), 5);
        int one = (int)wait_for(1, c_accept(listener));
        assert_int_equal(wait_for(1, c_read(one, text, 16)), 5);
        assert_false(info_of(0, first).tcpi_options & PX_TCPI_OPT_SYN_DATA);

        int second = (int)now(0, c_socket(*d, SOCK_STREAM | SOCK_NONBLOCK));
        uint64_t from = net.now_ns;
        assert_int_equal(now(0, c_fast(second, "second", 6, &to)), 6);
        int two = (int)wait_for(1, c_accept(listener));
        assert_int_equal(now(1, c_read(two, text, 16)), 6);
        assert_int_equal(net.now_ns - from, DELAY_NS); /* half a round trip */
        assert_memory_equal(text, "second", 6);
        net_run(SECOND);
        assert_true(info_of(0, second).tcpi_options & PX_TCPI_OPT_SYN_DATA);
        assert_true(info_of(1, two).tcpi_options & PX_TCPI_OPT_SYN_DATA);
        now(1, c_close(listener));
        now(1, c_close(one));
        now(1, c_close(two));
        now(0, c_close(first));
        now(0, c_close(second));
        net_run(200 * SECOND);
    }
}

/* connect() returns at once and the SYN waits for the first write. */
static void test_connect_deferred(void **state)
{
    struct sockaddr_storage to = address(AF_INET, 1, PORT);
    char text[16];
    int listener = fast_listener(AF_INET);
    for (int i = 0; i < 2; i++) {
        int fd = open_socket(0, AF_INET, SOCK_STREAM);
        assert_int_equal(set_int(0, fd, IPPROTO_TCP, PX_TCP_FASTOPEN_CONNECT, 1), 0);
        unsigned before = net.packets;
        assert_int_equal(wait_for(0, c_connect(fd, &to)), 0);
        if (i == 1)
            assert_int_equal(net.packets, before); /* the cookie is known */
        assert_int_equal(wait_for(0, c_write(fd, "hello", 5)), 5);
        int accepted = (int)wait_for(1, c_accept(listener));
        assert_int_equal(wait_for(1, c_read(accepted, text, 16)), 5);
        assert_int_equal(set_int(0, fd, IPPROTO_TCP, PX_TCP_FASTOPEN_CONNECT, 1), -EINVAL);
    }
}

static void test_errors(void **state)
{
    struct sockaddr_storage to = address(AF_INET, 1, PORT), wrong = address(AF_INET6, 1, PORT);
    int fd = (int)now(0, c_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK));
    struct px_call c = c_fast(fd, "x", 1, &to);
    struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    c.io.to = &nobody;
    assert_int_equal(now(0, c), -EOPNOTSUPP);
    c = c_fast(fd, NULL, 1, &to);
    assert_int_equal(now(0, c), -EFAULT);
    c = c_fast(fd, "x", 1, &to);
    c.io.to = NULL;
    assert_int_equal(now(0, c), -EINVAL);
    assert_int_equal(now(0, c_fast(fd, "x", 1, &wrong)), -EAFNOSUPPORT);
    assert_int_equal(now(0, c_fast(fd, "x", 1, &to)), -EINPROGRESS); /* no cookie yet */
    assert_int_equal(now(0, c_fast(fd, "x", 1, &to)), -EALREADY);
    /* Nobody listens. */
    int other = open_socket(0, AF_INET, SOCK_STREAM);
    assert_int_equal(wait_for(0, c_fast(other, "x", 1, &to)), -ECONNREFUSED);
    /* Switched off. */
    assert_int_equal(px_setting(net.hosts[0], "net.ipv4.tcp_fastopen", "0"), 0);
    other = open_socket(0, AF_INET, SOCK_STREAM);
    assert_int_equal(now(0, c_fast(other, "x", 1, &to)), -EOPNOTSUPP);
}

static void test_keys(void **state)
{
    uint8_t keys[32], got[32];
    socklen_t len = sizeof(got);
    int fd = open_socket(1, AF_INET, SOCK_STREAM);
    for (int i = 0; i < 32; i++)
        keys[i] = (uint8_t)i;
    assert_int_equal(now(1, c_setsockopt(fd, IPPROTO_TCP, PX_TCP_FASTOPEN_KEY, keys, 15)), -EINVAL);
    assert_int_equal(now(1, c_setsockopt(fd, IPPROTO_TCP, PX_TCP_FASTOPEN_KEY, keys, 32)), 0);
    assert_int_equal(now(1, c_getsockopt(fd, IPPROTO_TCP, PX_TCP_FASTOPEN_KEY, got, &len)), 0);
    assert_int_equal(len, 32);
    assert_memory_equal(got, keys, 32);
    char text[96];
    assert_true(px_setting_get(net.hosts[1], "net.ipv4.tcp_fastopen_key", text, 96) > 0);
    assert_string_equal(text,
                        "03020100-07060504-0b0a0908-0f0e0d0c,13121110-17161514-1b1a1918-1f1e1d1c");
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, open_net, net_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_cookie_then_data),
        TEST(test_connect_deferred),
        TEST(test_errors),
        TEST(test_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
