/* Datagram sockets, and ICMP errors on the error queue. */
#include "posix/net.h"

#include <linux/errqueue.h>

static struct px_call c_sendto(int fd, const void *data, size_t len,
                               const struct sockaddr_storage *to)
{
    struct px_call c = c_send(fd, data, len, 0);
    c.op = PX_SENDTO;
    c.io.to = (const struct sockaddr *)to;
    c.io.to_len =
        to->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    return c;
}

static int bound(int host, int domain, uint16_t port)
{
    struct sockaddr_storage any = address(domain, -1, port);
    int fd = open_socket(host, domain, SOCK_DGRAM);
    assert_int_equal(now(host, c_bind(fd, &any)), 0);
    return fd;
}

static void test_there_and_back(void **state)
{
    FOR_EACH_DOMAIN(d)
    {
        char text[16], other[16];
        struct sockaddr_storage from, to = address(*d, 1, PORT);
        socklen_t len = sizeof(from);
        int waiting = -1;
        int server = bound(1, *d, PORT), client = open_socket(0, *d, SOCK_DGRAM);
        assert_int_equal(now(0, c_write(client, "x", 1)), -EDESTADDRREQ);
        assert_int_equal(now(0, c_sendto(client, "hello", 5, &to)), 5);
        assert_int_equal(now(0, c_sendto(client, "", 0, &to)), 0);
        assert_int_equal(now(0, c_sendto(client, "third", 5, &to)), 5);
        net_run(DELAY_NS);
        assert_int_equal(now(1, c_ioctl(server, 0x541b, &waiting)), 0);
        assert_int_equal(waiting, 5); /* of the next one */
        struct pollfd p = {.fd = server, .events = POLLIN};
        assert_int_equal(now(1, c_poll(&p, 1, 0)), 1);
        struct px_call r = c_recv(server, text, 3, MSG_PEEK | MSG_TRUNC);
        r.op = PX_RECVFROM;
        r.io.from = (struct sockaddr *)&from;
        r.io.from_len = &len;
        assert_int_equal(now(1, r), 5);
        r.io.flags = 0;
        assert_int_equal(now(1, r), 3); /* the rest is lost */
        assert_memory_equal(text, "hel", 3);
        assert_int_equal(len,
                         *d == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
        assert_int_equal(now(1, c_recv(server, text, 16, 0)), 0); /* the empty one */
        struct iovec iov[] = {{text, 2}, {other, 16}};
        struct msghdr m = {
            .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = iov, .msg_iovlen = 2};
        struct px_call rm = {.op = PX_RECVMSG, .fd = server, .msg = {&m, 0}};
        assert_int_equal(now(1, rm), 5);
        assert_memory_equal(other, "ird", 3);
        assert_int_equal(m.msg_flags, 0);
        assert_int_equal(m.msg_namelen, len);
        /* Back, in pieces, cut short. */
        struct px_call sm = {.op = PX_SENDMSG, .fd = server, .msg = {&m, 0}};
        iov[1].iov_len = 3;
        assert_int_equal(now(1, sm), 5);
        net_run(DELAY_NS);
        m.msg_iovlen = 1;
        rm.fd = client;
        assert_int_equal(now(0, rm), 2);
        assert_int_equal(m.msg_flags, MSG_TRUNC);
        now(0, c_close(client));
        now(1, c_close(server));
    }
}

static void test_waiting(void **state)
{
    char text[16];
    struct sockaddr_storage to = address(AF_INET, 1, PORT);
    int server = bound(1, AF_INET, PORT), client = open_socket(0, AF_INET, SOCK_DGRAM);
    struct px_call r = c_recv(server, text, 16, 0);
    assert_true(begin(1, &r));
    assert_int_equal(now(1, c_recv(server, text, 16, MSG_DONTWAIT)), -EAGAIN);
    assert_int_equal(now(0, c_sendto(client, "go", 2, &to)), 2);
    net_run(DELAY_NS);
    assert_int_equal(result_of(&r), 2);
    assert_int_equal(now(1, c_read(server, text, 0)), 0);
    struct timeval tv = {.tv_usec = 5000};
    now(1, c_setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)));
    assert_int_equal(wait_for(1, c_read(server, text, 4)), -EAGAIN);
}

static void test_peers(void **state)
{
    char text[16];
    struct sockaddr_storage to = address(AF_INET6, 1, PORT), name;
    socklen_t len = sizeof(name);
    int server = bound(1, AF_INET6, PORT), client = open_socket(0, AF_INET6, SOCK_DGRAM);
    struct px_call peer = {.op = PX_GETPEERNAME,
                           .fd = client,
                           .name = {.out = (struct sockaddr *)&name, .out_len = &len}};
    assert_int_equal(now(0, peer), -ENOTCONN);
    assert_int_equal(now(0, c_connect(client, &to)), 0);
    assert_int_equal(now(0, peer), 0);
    assert_memory_equal(&name, &to, len);
    assert_int_equal(now(0, c_write(client, "hi", 2)), 2);
    net_run(DELAY_NS);
    assert_int_equal(now(1, c_read(server, text, 16)), 2);
    struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    struct px_call c = {.op = PX_CONNECT, .fd = client, .name = {.in = &nobody, .in_len = 16}};
    assert_int_equal(now(0, c), 0);
    assert_int_equal(now(0, peer), -ENOTCONN);
    assert_int_equal(now(0, c_listen(client, 1)), -EOPNOTSUPP);
    to = address(AF_INET6, 1, 0);
    assert_int_equal(now(0, c_sendto(client, "hi", 2, &to)), -EINVAL);
    static uint8_t huge[70000];
    to = address(AF_INET6, 1, PORT);
    assert_int_equal(now(0, c_sendto(client, huge, sizeof(huge), &to)), -EMSGSIZE);
    assert_int_equal(now(0, c_sendto(client, NULL, 2, &to)), -EFAULT);
    assert_int_equal(now(0, c_send(client, "x", 1, MSG_MORE)), -EOPNOTSUPP);
}

/* TTL, hop limit and DS field, by option and for one datagram. */
static void test_ip_header(void **state)
{
    FOR_EACH_DOMAIN(d)
    {
        bool v4 = *d == AF_INET;
        int level = v4 ? IPPROTO_IP : IPPROTO_IPV6;
        int ttl_name = v4 ? IP_TTL : IPV6_UNICAST_HOPS, tos_name = v4 ? IP_TOS : IPV6_TCLASS;
        struct sockaddr_storage to = address(*d, 1, PORT);
        struct px_packet p;
        int fd = open_socket(0, *d, SOCK_DGRAM);
        assert_int_equal(get_int(0, fd, level, ttl_name), 64);
        assert_int_equal(set_int(0, fd, level, ttl_name, 7), 0);
        assert_int_equal(set_int(0, fd, level, ttl_name, 256), -EINVAL);
        assert_int_equal(set_int(0, fd, level, tos_name, 0xb9), 0); /* the ECN bits are not ours */
        assert_int_equal(get_int(0, fd, level, ttl_name), 7);
        assert_int_equal(get_int(0, fd, level, tos_name), 0xb8);
        struct px_call c = c_sendto(fd, "x", 1, &to);
        assert_int_equal(px_begin(net.hosts[0], &c, net.now_ns), PX_DONE);
        assert_int_equal(c.result, 1);
        assert_true(px_output(net.hosts[0], &p, net.now_ns));
        assert_int_equal(p.bytes[v4 ? 8 : 7], 7);
        assert_int_equal(v4 ? p.bytes[1] : (p.bytes[0] << 4 | p.bytes[1] >> 4) & 0xff, 0xb8);
        if (!v4)
            continue;
        uint64_t control[4];
        int ttl = 99;
        char byte = 'y';
        struct iovec iov = {&byte, 1};
        struct msghdr m = {.msg_name = &to,
                           .msg_namelen = sizeof(struct sockaddr_in),
                           .msg_iov = &iov,
                           .msg_iovlen = 1,
                           .msg_control = control,
                           .msg_controllen = CMSG_SPACE(sizeof(ttl))};
        struct cmsghdr *h = CMSG_FIRSTHDR(&m);
        *h = (struct cmsghdr){
            .cmsg_level = IPPROTO_IP, .cmsg_type = IP_TTL, .cmsg_len = CMSG_LEN(sizeof(ttl))};
        memcpy(CMSG_DATA(h), &ttl, sizeof(ttl));
        struct px_call s = {.op = PX_SENDMSG, .fd = fd, .msg = {&m, 0}};
        for (int i = 0; i < 2; i++) {
            assert_int_equal(px_begin(net.hosts[0], i ? &c : &s, net.now_ns), PX_DONE);
            assert_true(px_output(net.hosts[0], &p, net.now_ns));
            assert_int_equal(p.bytes[8], i ? 7 : 99); /* the next one is as before */
        }
    }
}

/* ---- ICMP errors ---------------------------------------------------------------------------- */

/* The port is closed: a connected socket hears it once; with IP_RECVERR it hears who said so. */
static void test_port_unreachable(void **state)
{
    FOR_EACH_DOMAIN(d)
    {
        bool v4 = *d == AF_INET;
        char text[16];
        union {
            struct cmsghdr align;
            uint8_t bytes[256];
        } control;
        struct sockaddr_storage to = address(*d, 1, 9), name;
        int client = open_socket(0, *d, SOCK_DGRAM);
        assert_int_equal(now(0, c_connect(client, &to)), 0);
        assert_int_equal(now(0, c_write(client, "x", 1)), 1);
        net_run(3 * DELAY_NS);
        struct pollfd p = {.fd = client, .events = POLLIN};
        assert_int_equal(now(0, c_poll(&p, 1, 0)), 1);
        assert_true(p.revents & POLLERR);
        assert_int_equal(now(0, c_recv(client, text, 16, MSG_DONTWAIT)), -ECONNREFUSED);
        assert_int_equal(now(0, c_recv(client, text, 16, MSG_DONTWAIT)), -EAGAIN);

        assert_int_equal(
            set_int(0, client, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_RECVERR : IPV6_RECVERR, 1),
            0);
        assert_int_equal(now(0, c_write(client, "x", 1)), 1);
        net_run(3 * DELAY_NS);
        struct msghdr m = {.msg_name = &name,
                           .msg_namelen = sizeof(name),
                           .msg_control = &control,
                           .msg_controllen = sizeof(control)};
        struct px_call r = {.op = PX_RECVMSG, .fd = client, .msg = {&m, MSG_ERRQUEUE}};
        assert_int_equal(now(0, r), 0);
        assert_true(m.msg_flags & MSG_ERRQUEUE);
        struct cmsghdr *h = CMSG_FIRSTHDR(&m);
        struct sock_extended_err ee;
        assert_non_null(h);
        assert_int_equal(h->cmsg_level, v4 ? IPPROTO_IP : IPPROTO_IPV6);
        assert_int_equal(h->cmsg_type, v4 ? IP_RECVERR : IPV6_RECVERR);
        memcpy(&ee, CMSG_DATA(h), sizeof(ee));
        assert_int_equal(ee.ee_errno, ECONNREFUSED);
        assert_int_equal(ee.ee_origin, v4 ? SO_EE_ORIGIN_ICMP : SO_EE_ORIGIN_ICMP6);
        assert_int_equal(ee.ee_type, v4 ? 3 : 1);
        assert_int_equal(ee.ee_code, v4 ? 3 : 4);
        /* Who said so stands behind it, where it was going is the name. */
        struct sockaddr_storage who = {0}, host = address(*d, 1, 0);
        memcpy(&who, CMSG_DATA(h) + sizeof(ee), v4 ? 16 : 28);
        assert_memory_equal(&who, &host, v4 ? 16 : 28);
        assert_memory_equal(&name, &to, v4 ? 16 : 28);
        m.msg_controllen = sizeof(control);
        assert_int_equal(now(0, r), -EAGAIN);
        now(0, c_close(client));
    }
}

/* Less room for control data than there is: cut, and said. */
static void test_control_cut(void **state)
{
    uint8_t little[24];
    struct sockaddr_storage to = address(AF_INET, 1, 9);
    int client = open_socket(0, AF_INET, SOCK_DGRAM);
    set_int(0, client, IPPROTO_IP, IP_RECVERR, 1);
    now(0, c_connect(client, &to));
    for (int i = 0; i < 2; i++)
        now(0, c_write(client, "x", 1));
    net_run(3 * DELAY_NS);
    struct msghdr m = {.msg_control = little, .msg_controllen = sizeof(little)};
    struct px_call r = {.op = PX_RECVMSG, .fd = client, .msg = {&m, MSG_ERRQUEUE}};
    assert_int_equal(now(0, r), 0);
    assert_true(m.msg_flags & MSG_CTRUNC);
    assert_int_equal(m.msg_controllen, sizeof(little));
    m.msg_controllen = 3;
    assert_int_equal(now(0, r), 0);
    assert_true(m.msg_flags & MSG_CTRUNC);
    assert_int_equal(m.msg_controllen, 0);
}

/* What no ICMP error about ours is, leaves everybody alone; every length of it. */
static void test_mangled_icmp(void **state)
{
    uint8_t packet[68] = {0x45, 0, 0, 68, 0, 0, 0, 0, 64, IPPROTO_ICMP, 0, 0, 10,
                          0,    0, 2, 10, 0, 0, 1, 3, 3};
    for (size_t len = 1; len <= sizeof(packet); len++)
        for (int first = 0; first < 256; first += 5) {
            packet[28] = (uint8_t)first;
            assert_int_equal(px_input(net.hosts[0], packet, len, net.now_ns, NULL), 0);
        }
    assert_int_equal(px_input(net.hosts[0], packet, 0, net.now_ns, NULL), -EMSGSIZE);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, net_open, net_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_there_and_back),   TEST(test_waiting),     TEST(test_peers),
        TEST(test_port_unreachable), TEST(test_control_cut), TEST(test_ip_header),
        TEST(test_mangled_icmp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
