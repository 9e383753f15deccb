/* Stream sockets of the emulated host: opened, used, closed, and waited for. */
#include "posix/net.h"

static void pattern(uint8_t *to, size_t len)
{
    for (size_t i = 0; i < len; i++)
        to[i] = (uint8_t)(i * 7 + i / 256);
}

static void test_exchange(void **state)
{
    FOR_EACH_DOMAIN(d)
    {
        int fds[2];
        char text[16];
        int listener = open_pair(*d, fds);
        struct px_call read = c_read(fds[1], text, sizeof(text));
        assert_true(begin(1, &read)); /* nothing yet */
        assert_int_equal(now(0, c_write(fds[0], "hello", 5)), 5);
        net_run(DELAY_NS);
        assert_int_equal(result_of(&read), 5);
        assert_memory_equal(text, "hello", 5);
        assert_int_equal(now(1, c_write(fds[1], "bye", 3)), 3);
        assert_int_equal(wait_for(0, c_read(fds[0], text, sizeof(text))), 3);
        assert_int_equal(now(0, c_close(fds[0])), 0);
        assert_int_equal(wait_for(1, c_read(fds[1], text, sizeof(text))), 0);
        assert_int_equal(now(1, c_close(fds[1])), 0);
        assert_int_equal(now(1, c_close(listener)), 0);
        net_run(200 * SECOND); /* TIME-WAIT */
    }
}

/* A write larger than all buffers waits for the reader, and nothing is lost or doubled. */
static void test_large_write_waits(void **state)
{
    static uint8_t out[3000000], in[3000000];
    int fds[2];
    open_pair(AF_INET, fds);
    pattern(out, sizeof(out));
    struct px_call write = c_write(fds[0], out, sizeof(out));
    assert_true(begin(0, &write));
    size_t got = 0;
    while (got < sizeof(in)) {
        int64_t n = wait_for(1, c_read(fds[1], in + got, 50000));
        assert_true(n > 0);
        got += (size_t)n;
    }
    net_run(SECOND);
    assert_int_equal(result_of(&write), sizeof(out));
    assert_memory_equal(in, out, sizeof(out));
}

/* Descriptors: the lowest free one from 3 on; the number of a closed one means nothing. */
static void test_descriptors(void **state)
{
    int a = open_socket(0, AF_INET, SOCK_STREAM), b = open_socket(0, AF_INET6, SOCK_DGRAM);
    assert_int_equal(a, 3);
    assert_int_equal(b, 4);
    assert_int_equal(now(0, c_close(a)), 0);
    assert_int_equal(now(0, c_close(a)), -EBADF);
    assert_int_equal(now(0, c_listen(a, 1)), -EBADF);
    assert_int_equal(now(0, c_close(-1)), -EBADF);
    assert_int_equal(now(0, c_close(100000)), -EBADF);
    int again = open_socket(0, AF_INET, SOCK_STREAM);
    assert_int_equal(again, a);
    /* Flags of socket() and fcntl(). */
    int fd = (int)now(0, c_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC));
    assert_int_equal(now(0, c_fcntl(fd, F_GETFL, 0)), O_RDWR | O_NONBLOCK);
    assert_int_equal(now(0, c_fcntl(fd, F_GETFD, 0)), FD_CLOEXEC);
    assert_int_equal(now(0, c_fcntl(fd, F_SETFL, O_RDWR)), 0);
    assert_int_equal(now(0, c_fcntl(fd, F_GETFL, 0)), O_RDWR);
    assert_int_equal(now(0, c_fcntl(fd, F_SETFD, 0)), 0);
    assert_int_equal(now(0, c_fcntl(fd, F_GETFD, 0)), 0);
    int copy = (int)now(0, c_fcntl(fd, F_DUPFD, 20));
    assert_int_equal(copy, 20);
    assert_int_equal(now(0, c_fcntl(fd, 9999, 0)), -EINVAL);
    /* The table is full. */
    int last = 0;
    for (int i = 0; i < 100 && last >= 0; i++)
        last = (int)now(0, c_socket(AF_INET, SOCK_STREAM));
    assert_int_equal(last, -EMFILE);
    struct px_call unknown = {.op = PX_OPS};
    assert_int_equal(now(0, unknown), -ENOSYS);
}

static void test_kinds_of_sockets(void **state)
{
    struct px_call c = c_socket(AF_UNIX, SOCK_STREAM);
    assert_int_equal(now(0, c), -EAFNOSUPPORT);
    c = c_socket(AF_INET, SOCK_RAW);
    assert_int_equal(now(0, c), -ESOCKTNOSUPPORT);
    c = c_socket(AF_INET, 77);
    assert_int_equal(now(0, c), -EINVAL);
    c = c_socket(AF_INET, SOCK_STREAM);
    c.socket.protocol = IPPROTO_UDP;
    assert_int_equal(now(0, c), -EPROTONOSUPPORT);
    c.socket.protocol = IPPROTO_TCP;
    assert_true(now(0, c) >= 3);
}

/* ---- opening -------------------------------------------------------------------------------- */

static void test_bind_and_names(void **state)
{
    FOR_EACH_DOMAIN(d)
    {
        struct sockaddr_storage local = address(*d, 0, 7000), got, any = address(*d, -1, 7001);
        struct sockaddr_storage foreign = address(*d, 1, 7002);
        socklen_t len = sizeof(got);
        int fd = open_socket(0, *d, SOCK_STREAM), other = open_socket(0, *d, SOCK_STREAM);
        struct px_call name = {.op = PX_GETSOCKNAME,
                               .fd = fd,
                               .name = {.out = (struct sockaddr *)&got, .out_len = &len}};
        assert_int_equal(now(0, c_bind(fd, &foreign)), -EADDRNOTAVAIL);
        assert_int_equal(now(0, c_bind(fd, &local)), 0);
        assert_int_equal(now(0, c_bind(fd, &any)), -EINVAL); /* bound already */
        assert_int_equal(now(0, c_bind(other, &local)), -EADDRINUSE);
        assert_int_equal(now(0, name), 0);
        assert_int_equal(len,
                         *d == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
        assert_memory_equal(&got, &local, len);
        /* Less room: as much as fits, and how much there is. */
        len = 4;
        memset(&got, 0xee, sizeof(got));
        assert_int_equal(now(0, name), 0);
        assert_true(len > 4);
        assert_memory_equal(&got, &local, 4);
        assert_int_equal(((uint8_t *)&got)[4], 0xee);
        name.op = PX_GETPEERNAME;
        assert_int_equal(now(0, name), -ENOTCONN);
        /* Wrong ones. */
        struct px_call bad = c_bind(other, &any);
        bad.name.in_len = 3;
        assert_int_equal(now(0, bad), -EINVAL);
        bad.name.in = NULL;
        assert_int_equal(now(0, bad), -EFAULT);
        struct sockaddr_storage wrong = address(*d == AF_INET ? AF_INET6 : AF_INET, -1, 1);
        bad = c_bind(other, &wrong);
        assert_int_equal(now(0, bad), -EAFNOSUPPORT);
        now(0, c_close(fd));
        now(0, c_close(other));
    }
}

static void test_accept(void **state)
{
    struct sockaddr_storage to = address(AF_INET, 1, PORT), from;
    socklen_t len = sizeof(from);
    int listener = open_listener(1, AF_INET, PORT);
    struct px_call accept = c_accept(listener), no = c_accept(listener);
    accept.name.out = (struct sockaddr *)&from;
    accept.name.out_len = &len;
    accept.name.flags = SOCK_NONBLOCK;
    no.name.flags = 0x77;
    assert_int_equal(now(1, no), -EINVAL);
    no = c_accept(open_socket(1, AF_INET, SOCK_STREAM));
    assert_int_equal(now(1, no), -EINVAL);
    no = c_accept(open_socket(1, AF_INET, SOCK_DGRAM));
    assert_int_equal(now(1, no), -EOPNOTSUPP);
    assert_true(begin(1, &accept));
    int fd = open_socket(0, AF_INET, SOCK_STREAM);
    assert_int_equal(wait_for(0, c_connect(fd, &to)), 0);
    net_run(DELAY_NS);
    int accepted = (int)result_of(&accept);
    assert_true(accepted > 0);
    assert_int_equal(len, sizeof(struct sockaddr_in));
    assert_int_equal(from.ss_family, AF_INET);
    assert_int_equal(now(1, c_fcntl(accepted, F_GETFL, 0)), O_RDWR | O_NONBLOCK);
    assert_int_equal(now(1, c_fcntl(listener, F_SETFL, O_NONBLOCK)), 0);
    assert_int_equal(now(1, c_accept(listener)), -EAGAIN);
    /* A time-out of its own. */
    assert_int_equal(now(1, c_fcntl(listener, F_SETFL, 0)), 0);
    struct timeval tv = {.tv_sec = 2};
    assert_int_equal(now(1, c_setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv))), 0);
    uint64_t from_ns = net.now_ns;
    assert_int_equal(wait_for(1, c_accept(listener)), -EAGAIN);
    assert_int_equal(net.now_ns - from_ns, 2 * SECOND);
}

/* No descriptor left: the connection goes on waiting for one. */
static void test_accept_without_room(void **state)
{
    struct sockaddr_storage to = address(AF_INET, 1, PORT);
    int listener = open_listener(1, AF_INET, PORT), last = 0;
    int fd = open_socket(0, AF_INET, SOCK_STREAM), other = -1;
    assert_int_equal(wait_for(0, c_connect(fd, &to)), 0);
    net_run(DELAY_NS);
    for (int i = 0; i < 100 && last >= 0; i++) {
        last = (int)now(1, c_socket(AF_INET, SOCK_DGRAM));
        other = last >= 0 ? last : other;
    }
    assert_int_equal(now(1, c_accept(listener)), -EMFILE);
    assert_int_equal(now(1, c_close(other)), 0);
    assert_int_equal(now(1, c_accept(listener)), other);
}

/* A call that is done is not made again. */
static void test_stepped_too_often(void **state)
{
    int fds[2];
    char text[8] = "";
    open_pair(AF_INET, fds);
    struct px_call w = c_write(fds[0], "once", 4), r = c_read(fds[1], text, 8);
    assert_false(begin(0, &w));
    assert_int_equal(px_step(net.hosts[0], &w, net.now_ns), PX_DONE);
    px_cancel(net.hosts[0], &w, net.now_ns);
    assert_int_equal(result_of(&w), 4);
    assert_true(begin(1, &r));
    net_run(SECOND);
    assert_int_equal(result_of(&r), 4);
    assert_int_equal(px_step(net.hosts[1], &r, net.now_ns), PX_DONE);
    assert_int_equal(result_of(&r), 4);
}

/* Who does not wait hears EINPROGRESS, EALREADY, once 0, and then EISCONN. */
static void test_connect_without_waiting(void **state)
{
    struct sockaddr_storage to = address(AF_INET6, 1, PORT);
    open_listener(1, AF_INET6, PORT);
    int fd = (int)now(0, c_socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK));
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};
    assert_int_equal(now(0, c_poll(&p, 1, 0)), 1);
    assert_int_equal(p.revents, POLLOUT | POLLHUP); /* as Linux shows one that is not connected */
    assert_int_equal(now(0, c_write(fd, "x", 1)), -EPIPE);
    char byte;
    assert_int_equal(now(0, c_read(fd, &byte, 1)), -ENOTCONN);
    assert_int_equal(now(0, c_connect(fd, &to)), -EINPROGRESS);
    assert_int_equal(now(0, c_connect(fd, &to)), -EALREADY);
    assert_int_equal(now(0, c_write(fd, "x", 1)), -EAGAIN);
    assert_int_equal(now(0, c_read(fd, &byte, 1)), -EAGAIN);
    assert_int_equal(now(0, c_poll(&p, 1, 0)), 0);
    assert_int_equal(wait_for(0, c_poll(&p, 1, -1)), 1);
    assert_int_equal(p.revents, POLLOUT);
    assert_int_equal(get_int(0, fd, SOL_SOCKET, SO_ERROR), 0);
    assert_int_equal(now(0, c_connect(fd, &to)), 0);
    assert_int_equal(now(0, c_connect(fd, &to)), -EISCONN);
    assert_int_equal(now(0, c_listen(fd, 1)), -EINVAL);
}

static void test_connect_refused(void **state)
{
    struct sockaddr_storage to = address(AF_INET, 1, 9);
    int fd = open_socket(0, AF_INET, SOCK_STREAM);
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};
    assert_int_equal(wait_for(0, c_connect(fd, &to)), -ECONNREFUSED);
    /* It may try again. */
    open_listener(1, AF_INET, 9);
    assert_int_equal(wait_for(0, c_connect(fd, &to)), 0);
    /* Without waiting the error is SO_ERROR's, once. */
    to = address(AF_INET, 1, 10);
    fd = (int)now(0, c_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK));
    p.fd = fd;
    assert_int_equal(now(0, c_connect(fd, &to)), -EINPROGRESS);
    assert_int_equal(wait_for(0, c_poll(&p, 1, -1)), 1);
    assert_int_equal(p.revents, POLLIN | POLLOUT | POLLERR | POLLHUP);
    assert_int_equal(get_int(0, fd, SOL_SOCKET, SO_ERROR), ECONNREFUSED);
    assert_int_equal(get_int(0, fd, SOL_SOCKET, SO_ERROR), 0);
    assert_int_equal(now(0, c_connect(fd, &to)), -ECONNABORTED);
    assert_int_equal(now(0, c_connect(fd, &to)), -EINPROGRESS);
}

/* Nobody answers: after the SYNs that TCP_SYNCNT allows, or after SO_SNDTIMEO without giving up. */
static void test_connect_times_out(void **state)
{
    struct sockaddr_storage to = address(AF_INET, 1, PORT);
    net.cut = true;
    int fd = open_socket(0, AF_INET, SOCK_STREAM);
    assert_int_equal(set_int(0, fd, IPPROTO_TCP, PX_TCP_SYNCNT, 2), 0);
    uint64_t from = net.now_ns;
    assert_int_equal(wait_for(0, c_connect(fd, &to)), -ETIMEDOUT);
    assert_int_equal((net.now_ns - from) / SECOND, 7); /* 1 + 2 + 4 */
    fd = open_socket(0, AF_INET, SOCK_STREAM);
    struct timeval tv = {.tv_usec = 300000};
    assert_int_equal(now(0, c_setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv))), 0);
    from = net.now_ns;
    assert_int_equal(wait_for(0, c_connect(fd, &to)), -EINPROGRESS);
    assert_int_equal(net.now_ns - from, 300 * MS);
    assert_int_equal(wait_for(0, c_connect(fd, &to)), -EALREADY);
    /* A signal. */
    fd = open_socket(0, AF_INET, SOCK_STREAM);
    struct px_call c = c_connect(fd, &to);
    assert_true(begin(0, &c));
    give_up(0, &c);
    assert_int_equal(result_of(&c), -EINTR);
}

/* connect() to nobody. */
static void test_disconnect(void **state)
{
    int fds[2];
    char byte;
    open_pair(AF_INET, fds);
    struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    struct px_call c = {.op = PX_CONNECT, .fd = fds[0], .name = {.in = &nobody, .in_len = 16}};
    assert_int_equal(now(0, c), 0);
    assert_int_equal(wait_for(1, c_read(fds[1], &byte, 1)), -ECONNRESET);
    struct sockaddr_storage to = address(AF_INET, 1, PORT);
    assert_int_equal(wait_for(0, c_connect(fds[0], &to)), 0);
}

/* ---- reading and writing -------------------------------------------------------------------- */

static void test_receive_flags(void **state)
{
    int fds[2];
    char text[32];
    open_pair(AF_INET, fds);
    assert_int_equal(now(1, c_recv(fds[1], text, 4, MSG_DONTWAIT)), -EAGAIN);
    assert_int_equal(now(0, c_write(fds[0], "0123456789", 10)), 10);
    assert_int_equal(wait_for(1, c_recv(fds[1], text, 4, MSG_PEEK)), 4);
    assert_int_equal(wait_for(1, c_recv(fds[1], text, sizeof(text), MSG_PEEK)), 10);
    assert_memory_equal(text, "0123456789", 10);
    assert_int_equal(now(1, c_recv(fds[1], NULL, 3, MSG_TRUNC)), 3); /* thrown away */
    assert_int_equal(now(1, c_recv(fds[1], text, 2, 0)), 2);
    assert_memory_equal(text, "34", 2);
    assert_int_equal(now(1, c_recv(fds[1], text, 1, MSG_OOB)), -EINVAL);
    assert_int_equal(now(1, c_recv(fds[1], text, 1, MSG_ERRQUEUE)), -EAGAIN);
    assert_int_equal(now(1, c_read(fds[1], NULL, 5)), -EFAULT);
    assert_int_equal(now(1, c_read(fds[1], text, 0)), 0);
    /* WAITALL waits for all of it. */
    struct px_call all = c_recv(fds[1], text, 8, MSG_WAITALL);
    assert_true(begin(1, &all));
    assert_int_equal(now(0, c_write(fds[0], "ab", 2)), 2);
    net_run(10 * DELAY_NS);
    assert_true(waits(&all));
    assert_int_equal(now(0, c_write(fds[0], "cdef", 4)), 4);
    net_run(10 * DELAY_NS);
    assert_int_equal(result_of(&all), 8);
    assert_memory_equal(text, "56789abc", 8);
    /* ... or for the end, or for its time. */
    all = c_recv(fds[1], text, 8, MSG_WAITALL);
    assert_true(begin(1, &all));
    now(0, c_shutdown(fds[0], SHUT_WR));
    net_run(10 * DELAY_NS);
    assert_int_equal(result_of(&all), 3);
    assert_int_equal(wait_for(1, c_recv(fds[1], text, 8, MSG_WAITALL)), 0);
}

static void test_low_water_mark(void **state)
{
    int fds[2];
    char text[32];
    open_pair(AF_INET6, fds);
    struct pollfd p = {.fd = fds[1], .events = POLLIN};
    assert_int_equal(set_int(1, fds[1], SOL_SOCKET, SO_RCVLOWAT, 5), 0);
    assert_int_equal(get_int(1, fds[1], SOL_SOCKET, SO_RCVLOWAT), 5);
    struct px_call read = c_read(fds[1], text, sizeof(text));
    assert_true(begin(1, &read));
    now(0, c_write(fds[0], "abc", 3));
    net_run(10 * DELAY_NS);
    assert_true(waits(&read));
    assert_int_equal(now(1, c_poll(&p, 1, 0)), 0);
    now(0, c_write(fds[0], "def", 3));
    net_run(10 * DELAY_NS);
    assert_int_equal(result_of(&read), 6);
    now(0, c_write(fds[0], "abc", 3));
    net_run(10 * DELAY_NS);
    assert_int_equal(now(1, c_poll(&p, 1, 0)), 0);
    assert_int_equal(now(1, c_recv(fds[1], text, 32, MSG_DONTWAIT)), 3); /* what there is */
    now(0, c_close(fds[0]));
    net_run(10 * DELAY_NS);
    assert_int_equal(now(1, c_poll(&p, 1, 0)), 1); /* the end is below no mark */
}

static void test_pieces(void **state)
{
    int fds[2];
    char a[4], b[8] = "", c[8] = "";
    open_pair(AF_INET, fds);
    char first[] = "one", second[] = "twothree";
    struct iovec out[] = {{first, 3}, {NULL, 0}, {second, 8}};
    struct iovec in[] = {{a, 4}, {b, 0}, {b, 3}, {c, 8}};
    struct px_call w = {.op = PX_WRITEV, .fd = fds[0], .iov = {out, 3}};
    struct px_call r = {.op = PX_READV, .fd = fds[1], .iov = {in, 4}};
    unsigned before = net.packets;
    assert_int_equal(now(0, w), 11);
    assert_int_equal(net.packets, before + 1); /* one write, one segment */
    assert_int_equal(wait_for(1, r), 11);
    assert_memory_equal(a, "onet", 4);
    assert_memory_equal(b, "wot", 3);
    assert_memory_equal(c, "hree", 4);
    /* A look over several pieces. */
    now(0, w);
    struct msghdr m = {.msg_iov = in, .msg_iovlen = 4};
    struct px_call peek = {.op = PX_RECVMSG, .fd = fds[1], .msg = {&m, MSG_PEEK}};
    memset(c, 0, sizeof(c));
    assert_int_equal(wait_for(1, peek), 11);
    assert_memory_equal(c, "hree", 4);
    assert_int_equal(now(1, r), 11);
    w.iov.count = 1025;
    assert_int_equal(now(0, w), -EINVAL);
    w.iov.iov = NULL;
    w.iov.count = 1;
    assert_int_equal(now(0, w), -EFAULT);
    m.msg_iovlen = 2000;
    assert_int_equal(now(1, peek), -EMSGSIZE);
    peek.msg.msg = NULL;
    assert_int_equal(now(1, peek), -EFAULT);
}

static void test_names_on_streams(void **state)
{
    int fds[2];
    char text[8];
    struct sockaddr_storage from, to = address(AF_INET, 1, 1);
    socklen_t len = sizeof(from);
    open_pair(AF_INET, fds);
    struct px_call s = c_send(fds[0], "x", 1, 0);
    s.op = PX_SENDTO;
    s.io.to = (struct sockaddr *)&to; /* ignored: it is connected */
    s.io.to_len = sizeof(struct sockaddr_in);
    assert_int_equal(now(0, s), 1);
    struct px_call r = c_recv(fds[1], text, sizeof(text), 0);
    r.op = PX_RECVFROM;
    r.io.from = (struct sockaddr *)&from;
    r.io.from_len = &len;
    assert_int_equal(wait_for(1, r), 1);
    assert_int_equal(len, 0); /* a stream names nobody */
}

static void test_send_flags(void **state)
{
    int fds[2];
    char text[8];
    open_pair(AF_INET, fds);
    unsigned before = net.packets;
    assert_int_equal(now(0, c_send(fds[0], "a", 1, MSG_MORE)), 1);
    assert_int_equal(net.packets, before);
    assert_int_equal(now(0, c_send(fds[0], "b", 1, 0)), 1);
    assert_int_equal(net.packets, before + 1);
    assert_int_equal(wait_for(1, c_recv(fds[1], text, 8, 0)), 2);
    struct pollfd p = {.fd = fds[1], .events = POLLPRI};
    assert_int_equal(now(0, c_send(fds[0], "urgent", 6, MSG_OOB)), 6);
    net_run(10 * DELAY_NS);
    assert_int_equal(now(1, c_poll(&p, 1, 0)), 1);
    int mark = -1;
    assert_int_equal(now(1, c_ioctl(fds[1], 0x8905, &mark)), 0); /* SIOCATMARK */
    assert_int_equal(mark, 0);
    assert_int_equal(wait_for(1, c_recv(fds[1], text, 8, 0)), 5); /* up to the mark */
    assert_int_equal(now(1, c_ioctl(fds[1], 0x8905, &mark)), 0);
    assert_int_equal(mark, 1);
    assert_int_equal(now(1, c_recv(fds[1], text, 8, 0)), 1);
    assert_int_equal(now(0, c_send(fds[0], NULL, 6, 0)), -EFAULT);
    assert_int_equal(now(0, c_send(fds[0], "x", 1, 0x100000)), -EOPNOTSUPP);
    assert_int_equal(now(0, c_send(fds[0], "x", 0, 0)), 0);
}

/* A blocked write tells what it moved when its time is over, a signal comes or the peer resets. */
static void test_writes_cut_short(void **state)
{
    static uint8_t out[4000000];
    int fds[2];
    open_pair(AF_INET, fds);
    assert_int_equal(set_int(0, fds[0], SOL_SOCKET, SO_SNDBUF, 20000), 0);
    struct timeval tv = {.tv_sec = 1};
    assert_int_equal(now(0, c_setsockopt(fds[0], SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv))), 0);
    int64_t n = wait_for(0, c_write(fds[0], out, sizeof(out)));
    assert_in_range(n, 20000, sizeof(out) - 1); /* the receiver's buffer filled */
    assert_int_equal(wait_for(0, c_write(fds[0], out, 1)), -EAGAIN);
    struct px_call w = c_write(fds[0], out, 100);
    assert_true(begin(0, &w));
    now(1, c_close(fds[1])); /* with data unread: a reset */
    net_run(DELAY_NS);
    assert_int_equal(result_of(&w), -ECONNRESET);
    w = c_write(fds[0], out, 1);
    assert_false(begin(0, &w));
    assert_int_equal(result_of(&w), -EPIPE);
    assert_true(w.sigpipe);
    w = c_send(fds[0], out, 1, MSG_NOSIGNAL);
    assert_false(begin(0, &w));
    assert_false(w.sigpipe);
}

/* ---- ending --------------------------------------------------------------------------------- */

static void test_half_close(void **state)
{
    int fds[2];
    char text[8];
    open_pair(AF_INET, fds);
    struct pollfd p = {.fd = fds[1], .events = POLLIN | POLLOUT | POLLRDHUP};
    assert_int_equal(now(0, c_shutdown(fds[0], 7)), -EINVAL);
    assert_int_equal(now(0, c_shutdown(open_socket(0, AF_INET, SOCK_STREAM), SHUT_WR)), -ENOTCONN);
    assert_int_equal(now(0, c_shutdown(fds[0], SHUT_WR)), 0);
    assert_int_equal(now(0, c_write(fds[0], "x", 1)), -EPIPE);
    net_run(DELAY_NS);
    assert_int_equal(now(1, c_poll(&p, 1, 0)), 1);
    assert_int_equal(p.revents, POLLIN | POLLOUT | POLLRDHUP);
    assert_int_equal(now(1, c_read(fds[1], text, 8)), 0);
    assert_int_equal(now(1, c_write(fds[1], "more", 4)), 4);
    assert_int_equal(wait_for(0, c_read(fds[0], text, 8)), 4);
    assert_int_equal(now(1, c_shutdown(fds[1], SHUT_WR)), 0);
    net_run(DELAY_NS);
    p.fd = fds[1];
    assert_int_equal(now(1, c_poll(&p, 1, 0)), 1);
    assert_true(p.revents & POLLHUP);
    net_run(SECOND);
    assert_int_equal(now(0, c_shutdown(fds[0], SHUT_RD)), -ENOTCONN); /* it is over */
}

static void test_shutdown_ends_a_read(void **state)
{
    int fds[2];
    char text[8];
    open_pair(AF_INET, fds);
    struct px_call read = c_read(fds[0], text, 8);
    assert_true(begin(0, &read));
    assert_int_equal(now(0, c_shutdown(fds[0], SHUT_RD)), 0);
    assert_int_equal(result_of(&read), 0);
}

/* The file of a call that waits lives on; others do not find the descriptor. */
static void test_closed_while_a_call_waits(void **state)
{
    int fds[2];
    char text[8];
    open_pair(AF_INET, fds);
    struct px_call read = c_read(fds[0], text, 8);
    assert_true(begin(0, &read));
    assert_int_equal(now(0, c_close(fds[0])), 0);
    assert_int_equal(now(0, c_read(fds[0], text, 8)), -EBADF);
    assert_int_equal(now(1, c_write(fds[1], "late", 4)), 4);
    net_run(DELAY_NS);
    assert_int_equal(result_of(&read), 4);
    net_run(DELAY_NS);
    assert_int_equal(wait_for(1, c_read(fds[1], text, 8)), 0); /* now it is closed */
}

/* close() with SO_LINGER waits until all is acknowledged, or for its time; 0 resets. */
static void test_linger(void **state)
{
    int fds[2];
    char text[8];
    static uint8_t out[200000];
    struct linger linger = {1, 3}, got;
    socklen_t len = sizeof(got);
    int listener = open_pair(AF_INET, fds);
    assert_int_equal(now(0, c_setsockopt(fds[0], SOL_SOCKET, SO_LINGER, &linger, sizeof(linger))),
                     0);
    assert_int_equal(now(0, c_getsockopt(fds[0], SOL_SOCKET, SO_LINGER, &got, &len)), 0);
    assert_memory_equal(&got, &linger, sizeof(got));
    assert_int_equal(now(0, c_write(fds[0], "last", 4)), 4);
    uint64_t from = net.now_ns;
    assert_int_equal(wait_for(0, c_close(fds[0])), 0);
    assert_in_range(net.now_ns - from, 2 * DELAY_NS, 2 * DELAY_NS + 100 * MS);

    int more[2];
    struct sockaddr_storage to = address(AF_INET, 1, PORT);
    more[0] = open_socket(0, AF_INET, SOCK_STREAM);
    assert_int_equal(wait_for(0, c_connect(more[0], &to)), 0);
    net_run(DELAY_NS);
    assert_int_equal(now(0, c_fcntl(more[0], F_SETFL, O_NONBLOCK)), 0);
    now(0, c_setsockopt(more[0], SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
    assert_true(now(0, c_write(more[0], out, sizeof(out))) > 0);
    net.cut = true;
    from = net.now_ns;
    assert_int_equal(wait_for(0, c_close(more[0])), 0);
    assert_int_equal(net.now_ns - from, 3 * SECOND);
    net.cut = false;

    linger.l_linger = 0;
    more[0] = open_socket(0, AF_INET, SOCK_STREAM);
    assert_int_equal(wait_for(0, c_connect(more[0], &to)), 0);
    net_run(DELAY_NS);
    assert_true(now(1, c_accept(listener)) > 0); /* the one before */
    more[1] = (int)now(1, c_accept(listener));
    now(0, c_setsockopt(more[0], SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
    assert_int_equal(now(0, c_close(more[0])), 0);
    net_run(DELAY_NS);
    assert_int_equal(wait_for(1, c_read(more[1], text, 8)), -ECONNRESET);
}

/* What a program leaves open is closed without waiting. */
static void test_the_end_of_a_program(void **state)
{
    int fds[2];
    char text[8];
    struct linger linger = {1, 30};
    open_pair(AF_INET, fds);
    now(0, c_setsockopt(fds[0], SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
    now(0, c_write(fds[0], "x", 1));
    px_close_all(net.hosts[0], net.now_ns);
    net_collect();
    assert_int_equal(px_fd_kind(net.hosts[0], fds[0]), PX_KIND_NONE);
    assert_int_equal(wait_for(1, c_read(fds[1], text, 8)), 1);
    assert_int_equal(wait_for(1, c_read(fds[1], text, 8)), 0);
}

static void test_queues_by_ioctl(void **state)
{
    int fds[2], value = -1;
    char text[8];
    int listener = open_pair(AF_INET, fds);
    assert_int_equal(now(0, c_write(fds[0], "sixteen bytes...", 16)), 16);
    assert_int_equal(now(0, c_ioctl(fds[0], 0x5411, &value)), 0); /* SIOCOUTQ */
    assert_int_equal(value, 16);
    assert_int_equal(now(0, c_ioctl(fds[0], 0x894b, &value)), 0); /* SIOCOUTQNSD */
    assert_int_equal(value, 0);
    net_run(DELAY_NS);
    assert_int_equal(now(1, c_ioctl(fds[1], 0x541b, &value)), 0); /* SIOCINQ, FIONREAD */
    assert_int_equal(value, 16);
    assert_int_equal(now(1, c_read(fds[1], text, 6)), 6);
    assert_int_equal(now(1, c_ioctl(fds[1], 0x541b, &value)), 0);
    assert_int_equal(value, 10);
    net_run(SECOND);
    assert_int_equal(now(0, c_ioctl(fds[0], 0x5411, &value)), 0);
    assert_int_equal(value, 0);
    now(0, c_shutdown(fds[0], SHUT_WR));
    assert_int_equal(now(0, c_ioctl(fds[0], 0x5411, &value)), 0);
    assert_int_equal(value, 1); /* the FIN */
    assert_int_equal(now(1, c_ioctl(listener, 0x541b, &value)), -EINVAL);
    assert_int_equal(now(0, c_ioctl(fds[0], 0x541b, NULL)), -EFAULT);
    assert_int_equal(now(0, c_ioctl(fds[0], 0x1234, &value)), -ENOTTY);
    value = 1;
    assert_int_equal(now(0, c_ioctl(fds[0], 0x5421, &value)), 0); /* FIONBIO */
    assert_int_equal(now(0, c_fcntl(fds[0], F_GETFL, 0)), O_RDWR | O_NONBLOCK);
}

/* A descriptor that was doubled closes with the last one. */
static void test_dup(void **state)
{
    int fds[2];
    char text[8];
    open_pair(AF_INET, fds);
    struct px_call dup = {.op = PX_DUP, .fd = fds[0]};
    int copy = (int)now(0, dup);
    assert_true(copy > fds[0]);
    assert_int_equal(now(0, c_close(fds[0])), 0);
    assert_int_equal(now(0, c_write(copy, "x", 1)), 1);
    assert_int_equal(wait_for(1, c_read(fds[1], text, 8)), 1);
    assert_int_equal(now(0, c_close(copy)), 0);
    assert_int_equal(wait_for(1, c_read(fds[1], text, 8)), 0);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, net_open, net_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_exchange),
        TEST(test_large_write_waits),
        TEST(test_descriptors),
        TEST(test_kinds_of_sockets),
        TEST(test_bind_and_names),
        TEST(test_accept),
        TEST(test_accept_without_room),
        TEST(test_stepped_too_often),
        TEST(test_connect_without_waiting),
        TEST(test_connect_refused),
        TEST(test_connect_times_out),
        TEST(test_disconnect),
        TEST(test_receive_flags),
        TEST(test_low_water_mark),
        TEST(test_pieces),
        TEST(test_names_on_streams),
        TEST(test_send_flags),
        TEST(test_writes_cut_short),
        TEST(test_half_close),
        TEST(test_shutdown_ends_a_read),
        TEST(test_closed_while_a_call_waits),
        TEST(test_linger),
        TEST(test_the_end_of_a_program),
        TEST(test_queues_by_ioctl),
        TEST(test_dup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
