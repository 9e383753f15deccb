/* Options as Linux names and means them. */
#include "posix/net.h"

#include <linux/net_tstamp.h>
#include <netinet/tcp.h>

struct ranged {
    int level, name;
    int first;         /* as it reads untouched */
    int good[3];       /* taken, and read back */
    int bad[3], error; /* refused */
};

static void check(int fd, const struct ranged *r)
{
    if (get_int(0, fd, r->level, r->name) != r->first)
        print_error("level %d option %d\n", r->level, r->name);
    assert_int_equal(get_int(0, fd, r->level, r->name), r->first);
    for (int i = 0; i < 3; i++) {
        if (set_int(0, fd, r->level, r->name, r->good[i]) != 0)
            print_error("level %d option %d value %d\n", r->level, r->name, r->good[i]);
        assert_int_equal(set_int(0, fd, r->level, r->name, r->good[i]), 0);
        assert_int_equal(get_int(0, fd, r->level, r->name), r->good[i]);
        if (r->error)
            assert_int_equal(set_int(0, fd, r->level, r->name, r->bad[i]), -r->error);
        assert_int_equal(get_int(0, fd, r->level, r->name), r->good[i]);
    }
}

static const struct ranged plain[] = {
    {SOL_SOCKET, SO_REUSEADDR, 0, {1, 0, 1}, {0}, 0},
    {SOL_SOCKET, SO_KEEPALIVE, 0, {1, 0, 1}, {0}, 0},
    {SOL_SOCKET, SO_PRIORITY, 0, {6, -1, 0}, {0}, 0},
    {SOL_SOCKET, SO_MARK, 0, {77, 0, 1}, {0}, 0},
    {SOL_SOCKET, SO_RCVLOWAT, 1, {100, 5, 1}, {0}, 0},
    {SOL_SOCKET, SO_REUSEPORT, 0, {0, 0, 0}, {1, 1, 1}, EOPNOTSUPP},
    {SOL_SOCKET, SO_OOBINLINE, 1, {1, 1, 1}, {0, 0, 0}, EOPNOTSUPP},
    {IPPROTO_TCP, PX_TCP_NODELAY, 0, {1, 0, 1}, {0}, 0},
    {IPPROTO_TCP, PX_TCP_CORK, 0, {1, 0, 0}, {0}, 0},
    {IPPROTO_TCP, PX_TCP_KEEPIDLE, 7200, {1, 32767, 30}, {0, 32768, -1}, EINVAL},
    {IPPROTO_TCP, PX_TCP_KEEPINTVL, 75, {1, 32767, 30}, {0, 32768, -1}, EINVAL},
    {IPPROTO_TCP, PX_TCP_KEEPCNT, 9, {1, 127, 3}, {0, 128, -1}, EINVAL},
    {IPPROTO_TCP, PX_TCP_SYNCNT, 7, {1, 127, 3}, {0, 128, -1}, EINVAL},
    {IPPROTO_TCP, PX_TCP_MAXSEG, 536, {88, 32767, 1000}, {1, 87, 32768}, EINVAL},
    {IPPROTO_TCP, PX_TCP_USER_TIMEOUT, 0, {1, INT32_MAX, 3000}, {-1, -2, INT32_MIN}, EINVAL},
    {IPPROTO_TCP, PX_TCP_LINGER2, 60, {0, 90, 30}, {-1, 40000, -9}, EOPNOTSUPP},
    {IPPROTO_TCP, PX_TCP_NOTSENT_LOWAT, 0, {1000, -1, 0}, {0}, 0},
    {IPPROTO_TCP, PX_TCP_WINDOW_CLAMP, 0, {20000, 5000, 1152}, {0}, 0},
    {IPPROTO_TCP, PX_TCP_DEFER_ACCEPT, 0, {1, 3, 7}, {0}, 0},
    {IPPROTO_TCP, PX_TCP_FASTOPEN, 0, {5, 1, 0}, {-1, -1, -1}, EINVAL},
    {IPPROTO_TCP, PX_TCP_FASTOPEN_NO_COOKIE, 0, {1, 0, 0}, {-1, 2, 3}, EINVAL},
    {IPPROTO_TCP, PX_TCP_FASTOPEN_CONNECT, 0, {1, 0, 1}, {2, -1, 3}, EINVAL},
    {IPPROTO_TCP, PX_TCP_INQ, 0, {1, 0, 1}, {2, -1, 3}, EINVAL},
    {IPPROTO_TCP, PX_TCP_THIN_DUPACK, 0, {0, 0, 0}, {1, 1, 1}, EOPNOTSUPP},
    {IPPROTO_TCP, PX_TCP_TX_DELAY, 0, {0, 0, 0}, {1, 1, 1}, EOPNOTSUPP},
    {IPPROTO_TCP, PX_TCP_SAVE_SYN, 0, {0, 0, 0}, {1, 1, 1}, EOPNOTSUPP},
    {IPPROTO_IP, IP_TTL, 64, {1, 255, 64}, {0, 256, -2}, EINVAL},
    {IPPROTO_IP, IP_TOS, 0, {4, 0xfc, 0}, {0}, 0},
    {IPPROTO_IP, IP_RECVERR, 0, {1, 0, 1}, {0}, 0},
};

static void test_plain_options(void **state)
{
    int off = open_socket(0, AF_INET, SOCK_STREAM);
    assert_int_equal(set_int(0, off, IPPROTO_TCP, PX_TCP_FASTOPEN_CONNECT, 1), -EOPNOTSUPP);
    assert_int_equal(px_setting(net.hosts[0], "net.ipv4.tcp_fastopen", "1"), 0);
    FOR_EACH_DOMAIN(d)
    {
        int fd = open_socket(0, *d, SOCK_STREAM);
        for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
            check(fd, &plain[i]);
        now(0, c_close(fd));
    }
    const struct ranged six[] = {
        {IPPROTO_IPV6, IPV6_V6ONLY, 0, {1, 0, 1}, {0}, 0},
        {IPPROTO_IPV6, IPV6_UNICAST_HOPS, 64, {1, 255, 64}, {0, 256, -2}, EINVAL},
        {IPPROTO_IPV6, IPV6_TCLASS, 0, {0x20, 0xfc, 0}, {256, -2, 300}, EINVAL},
        {IPPROTO_IPV6, IPV6_RECVERR, 0, {1, 0, 1}, {0}, 0},
    };
    int fd = open_socket(0, AF_INET6, SOCK_STREAM);
    for (size_t i = 0; i < sizeof(six) / sizeof(six[0]); i++)
        check(fd, &six[i]);
    assert_int_equal(set_int(0, fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, -1), 0); /* the default */
    assert_int_equal(get_int(0, fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS), 64);
    fd = open_socket(0, AF_INET, SOCK_STREAM);
    assert_int_equal(set_int(0, fd, IPPROTO_IPV6, IPV6_V6ONLY, 1), -ENOPROTOOPT);
}

static void test_what_a_socket_is(void **state)
{
    int fd = open_socket(0, AF_INET6, SOCK_STREAM), udp = open_socket(0, AF_INET, SOCK_DGRAM);
    assert_int_equal(get_int(0, fd, SOL_SOCKET, SO_TYPE), SOCK_STREAM);
    assert_int_equal(get_int(0, fd, SOL_SOCKET, SO_DOMAIN), AF_INET6);
    assert_int_equal(get_int(0, fd, SOL_SOCKET, SO_PROTOCOL), IPPROTO_TCP);
    assert_int_equal(get_int(0, fd, SOL_SOCKET, SO_ACCEPTCONN), 0);
    now(0, c_listen(fd, 1));
    assert_int_equal(get_int(0, fd, SOL_SOCKET, SO_ACCEPTCONN), 1);
    assert_int_equal(get_int(0, udp, SOL_SOCKET, SO_TYPE), SOCK_DGRAM);
    assert_int_equal(get_int(0, udp, SOL_SOCKET, SO_DOMAIN), AF_INET);
    assert_int_equal(get_int(0, udp, SOL_SOCKET, SO_PROTOCOL), IPPROTO_UDP);
    /* What can only be read. */
    assert_int_equal(set_int(0, fd, SOL_SOCKET, SO_TYPE, 1), -ENOPROTOOPT);
    assert_int_equal(set_int(0, fd, SOL_SOCKET, SO_ERROR, 1), -ENOPROTOOPT);
    assert_int_equal(set_int(0, udp, IPPROTO_TCP, PX_TCP_NODELAY, 1), -ENOPROTOOPT);
    assert_int_equal(set_int(0, fd, 12345, 1, 1), -ENOPROTOOPT);
    /* TCP MD5 signatures: not there, and said so. */
    assert_int_equal(set_int(0, fd, IPPROTO_TCP, PX_TCP_MD5SIG, 1), -ENOPROTOOPT);
}

/* Lengths and pointers. */
static void test_lengths(void **state)
{
    int fd = open_socket(0, AF_INET, SOCK_STREAM), value = 1;
    int pipe_fds[2];
    struct px_call tube = {.op = PX_PIPE, .pipe = {pipe_fds, 0}};
    uint8_t byte = 4;
    socklen_t len = 2;
    uint8_t two[4] = {0xee, 0xee, 0xee, 0xee};
    assert_int_equal(now(0, c_setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, 3)), -EINVAL);
    assert_int_equal(now(0, c_setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, NULL, 4)), -EFAULT);
    assert_int_equal(now(0, c_setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, (socklen_t)-1)),
                     -EINVAL);
    assert_int_equal(now(0, c_setsockopt(fd, IPPROTO_IP, IP_TOS, &byte, 1)), 0);
    assert_int_equal(get_int(0, fd, IPPROTO_IP, IP_TOS), 4);
    assert_int_equal(now(0, c_getsockopt(fd, IPPROTO_IP, IP_TOS, two, &len)), 0);
    assert_int_equal(len, 2);
    assert_int_equal(two[0], 4);
    assert_int_equal(two[2], 0xee);
    assert_int_equal(now(0, c_getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, NULL)), -EFAULT);
    len = (socklen_t)-5;
    assert_int_equal(now(0, c_getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &len)), -EINVAL);
    len = 4;
    assert_int_equal(now(0, c_getsockopt(fd, SOL_SOCKET, SO_TYPE, NULL, &len)), -EFAULT);
    assert_int_equal(now(0, c_getsockopt(60, SOL_SOCKET, SO_TYPE, &value, &len)), -EBADF);
    now(0, tube);
    assert_int_equal(now(0, c_getsockopt(pipe_fds[0], SOL_SOCKET, SO_TYPE, &value, &len)),
                     -ENOTSOCK);
}

/* Linux doubles what is asked for, with a least and a most. */
static void test_buffers(void **state)
{
    int fd = open_socket(0, AF_INET, SOCK_STREAM);
    assert_int_equal(get_int(0, fd, SOL_SOCKET, SO_SNDBUF), 16384);
    assert_int_equal(get_int(0, fd, SOL_SOCKET, SO_RCVBUF), 131072);
    assert_int_equal(set_int(0, fd, SOL_SOCKET, SO_SNDBUF, 50000), 0);
    assert_int_equal(get_int(0, fd, SOL_SOCKET, SO_SNDBUF), 100000);
    assert_int_equal(set_int(0, fd, SOL_SOCKET, SO_SNDBUF, 1), 0);
    assert_int_equal(get_int(0, fd, SOL_SOCKET, SO_SNDBUF), 4608);
    assert_int_equal(set_int(0, fd, SOL_SOCKET, SO_RCVBUF, 0), 0);
    assert_int_equal(get_int(0, fd, SOL_SOCKET, SO_RCVBUF), 2304);
    assert_int_equal(set_int(0, fd, SOL_SOCKET, SO_RCVBUF, INT32_MAX), 0);
    assert_int_equal(get_int(0, fd, SOL_SOCKET, SO_RCVBUF), 2 * 212992);
    assert_int_equal(set_int(0, fd, SOL_SOCKET, SO_RCVBUFFORCE, 1000000), 0);
    assert_int_equal(get_int(0, fd, SOL_SOCKET, SO_RCVBUF), 2000000);
    assert_int_equal(px_setting(net.hosts[0], "net.core.wmem_max", "500000"), 0);
    assert_int_equal(set_int(0, fd, SOL_SOCKET, SO_SNDBUF, 600000), 0);
    assert_int_equal(get_int(0, fd, SOL_SOCKET, SO_SNDBUF), 1000000);
    int udp = open_socket(0, AF_INET, SOCK_DGRAM);
    assert_int_equal(get_int(0, udp, SOL_SOCKET, SO_RCVBUF), 212992);
}

static void test_timeouts(void **state)
{
    int fd = open_socket(0, AF_INET, SOCK_STREAM);
    struct timeval tv = {.tv_sec = 7, .tv_usec = 250000}, got;
    socklen_t len = sizeof(got);
    assert_int_equal(now(0, c_setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv))), 0);
    assert_int_equal(now(0, c_getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &got, &len)), 0);
    assert_memory_equal(&got, &tv, sizeof(tv));
    tv.tv_usec = 1000000;
    assert_int_equal(now(0, c_setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv))), -EDOM);
    assert_int_equal(now(0, c_setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, 8)), -EINVAL);
}

static void test_congestion_control(void **state)
{
    char name[16];
    socklen_t len = sizeof(name);
    int fd = open_socket(0, AF_INET, SOCK_STREAM);
    assert_int_equal(now(0, c_getsockopt(fd, IPPROTO_TCP, PX_TCP_CONGESTION, name, &len)), 0);
    assert_int_equal(len, 16);
    assert_string_equal(name, "cubic");
    assert_int_equal(now(0, c_setsockopt(fd, IPPROTO_TCP, PX_TCP_CONGESTION, "bbr", 3)), 0);
    assert_int_equal(now(0, c_getsockopt(fd, IPPROTO_TCP, PX_TCP_CONGESTION, name, &len)), 0);
    assert_string_equal(name, "bbr");
    assert_int_equal(now(0, c_setsockopt(fd, IPPROTO_TCP, PX_TCP_CONGESTION, "vegas?", 6)),
                     -ENOENT);
    assert_int_equal(now(0, c_setsockopt(fd, IPPROTO_TCP, PX_TCP_CONGESTION, "", 0)), -EINVAL);
    assert_int_equal(now(0, c_setsockopt(fd, IPPROTO_TCP, PX_TCP_ULP, "tls", 3)), -ENOENT);
    assert_int_equal(px_setting(net.hosts[0], "net.ipv4.tcp_congestion_control", "dctcp"), 0);
    fd = open_socket(0, AF_INET, SOCK_STREAM);
    assert_int_equal(now(0, c_getsockopt(fd, IPPROTO_TCP, PX_TCP_CONGESTION, name, &len)), 0);
    assert_string_equal(name, "dctcp");
}

/* An accepted connection begins with its listener's options. */
static void test_inherited(void **state)
{
    struct sockaddr_storage any = address(AF_INET, -1, PORT), to = address(AF_INET, 1, PORT);
    int listener = open_socket(1, AF_INET, SOCK_STREAM), fd = open_socket(0, AF_INET, SOCK_STREAM);
    set_int(1, listener, IPPROTO_TCP, PX_TCP_NODELAY, 1);
    set_int(1, listener, SOL_SOCKET, SO_SNDBUF, 30000);
    set_int(1, listener, SOL_SOCKET, SO_RCVLOWAT, 9);
    set_int(1, listener, SOL_SOCKET, SO_ZEROCOPY, 1);
    assert_int_equal(now(1, c_bind(listener, &any)), 0);
    assert_int_equal(now(1, c_listen(listener, 1)), 0);
    set_int(1, listener, SOL_SOCKET, SO_KEEPALIVE, 1);
    assert_int_equal(wait_for(0, c_connect(fd, &to)), 0);
    int accepted = (int)wait_for(1, c_accept(listener));
    assert_int_equal(get_int(1, accepted, IPPROTO_TCP, PX_TCP_NODELAY), 1);
    assert_int_equal(get_int(1, accepted, SOL_SOCKET, SO_SNDBUF), 60000);
    assert_int_equal(get_int(1, accepted, SOL_SOCKET, SO_RCVLOWAT), 9);
    assert_int_equal(get_int(1, accepted, SOL_SOCKET, SO_ZEROCOPY), 1);
    assert_int_equal(get_int(1, accepted, SOL_SOCKET, SO_ACCEPTCONN), 0);
    /* Those that a connection answers. */
    assert_int_equal(get_int(1, accepted, IPPROTO_TCP, PX_TCP_MAXSEG), 1448);
    assert_int_equal(get_int(1, accepted, IPPROTO_IP, IP_MTU), 1500);
    assert_int_equal(set_int(1, accepted, IPPROTO_TCP, PX_TCP_QUICKACK, 1), 0);
    assert_int_equal(get_int(1, accepted, IPPROTO_TCP, PX_TCP_QUICKACK), 1);
    assert_int_equal(set_int(1, accepted, IPPROTO_TCP, PX_TCP_QUICKACK, 0), 0);
    assert_int_equal(get_int(1, accepted, IPPROTO_TCP, PX_TCP_QUICKACK), 0);
    assert_int_equal(set_int(1, accepted, IPPROTO_TCP, PX_TCP_FASTOPEN, 1), -EINVAL);
    assert_int_equal(set_int(1, accepted, IPPROTO_TCP, PX_TCP_WINDOW_CLAMP, 0), -EINVAL);
    int value;
    socklen_t len = sizeof(value);
    assert_int_equal(now(1, c_getsockopt(listener, IPPROTO_IP, IP_MTU, &value, &len)), -ENOTCONN);
}

static void test_path_and_pace(void **state)
{
    int fd = open_socket(0, AF_INET, SOCK_STREAM);
    uint64_t rate = 0;
    uint32_t memory[9];
    socklen_t len = sizeof(rate);
    assert_int_equal(get_int(0, fd, IPPROTO_IP, IP_MTU_DISCOVER), IP_PMTUDISC_WANT);
    assert_int_equal(set_int(0, fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO), 0);
    assert_int_equal(set_int(0, fd, IPPROTO_IP, IP_MTU_DISCOVER, 9), -EINVAL);
    assert_int_equal(set_int(0, fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE), -EOPNOTSUPP);
    assert_int_equal(set_int(0, fd, SOL_SOCKET, SO_MAX_PACING_RATE, 100000), -EOPNOTSUPP);
    assert_int_equal(set_int(0, fd, SOL_SOCKET, SO_MAX_PACING_RATE, -1), 0);
    assert_int_equal(now(0, c_getsockopt(fd, SOL_SOCKET, SO_MAX_PACING_RATE, &rate, &len)), 0);
    assert_true(rate == UINT64_MAX);
    len = sizeof(memory);
    assert_int_equal(now(0, c_getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &len)), 0);
    assert_int_equal(len, sizeof(memory));
    assert_int_equal(memory[1], 131072);
    assert_int_equal(memory[3], 16384);
    assert_int_equal(now(0, c_setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "eth7", 4)), -ENODEV);
    assert_int_equal(now(0, c_setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "", 0)), 0);
}

/* IP_PMTUDISC_DONT: the packets go without DF, and each has a number of its own. */
static void test_packets_that_may_be_cut(void **state)
{
    struct sockaddr_storage to = address(AF_INET, 1, PORT);
    for (int dont = 0; dont < 2; dont++) {
        struct px_packet p;
        unsigned before = 0;
        int fd = (int)now(0, c_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK));
        if (dont)
            set_int(0, fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
        struct px_call c = c_connect(fd, &to);
        px_begin(net.hosts[0], &c, net.now_ns);
        for (int i = 0; i < 3; i++) {
            assert_true(px_output(net.hosts[0], &p, net.now_ns));
            unsigned id = (unsigned)p.bytes[4] << 8 | p.bytes[5];
            assert_int_equal(p.bytes[6] & 0x40, dont ? 0 : 0x40);
            assert_true(i == 0 || id == ((before + 1) & 0xffff));
            before = id;
            net.now_ns = px_next_deadline(net.hosts[0]);
            px_run(net.hosts[0], net.now_ns);
        }
        now(0, c_close(fd));
    }
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, net_open, net_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_plain_options),
        TEST(test_what_a_socket_is),
        TEST(test_lengths),
        TEST(test_buffers),
        TEST(test_timeouts),
        TEST(test_congestion_control),
        TEST(test_packets_that_may_be_cut),
        TEST(test_inherited),
        TEST(test_path_and_pace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
