/* What is told of data that were sent: MSG_ZEROCOPY, SO_TIMESTAMPING; and TCP_INQ. */
#include "posix/net.h"

#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <time.h>

union control {
    struct cmsghdr align;
    uint8_t bytes[256];
};

static struct msghdr message;
static union control control;

static struct px_call c_errors(int fd)
{
    message = (struct msghdr){.msg_control = &control, .msg_controllen = sizeof(control)};
    return (struct px_call){.op = PX_RECVMSG, .fd = fd, .msg = {&message, MSG_ERRQUEUE}};
}

/* The next note of a socket; false: there is none. */
static bool next_note(int host, int fd, struct sock_extended_err *ee, struct timespec *at)
{
    struct px_call c = c_errors(fd);
    int64_t n = now(host, c);
    if (n == -EAGAIN)
        return false;
    assert_int_equal(n, 0);
    *at = (struct timespec){0};
    for (struct cmsghdr *h = CMSG_FIRSTHDR(&message); h; h = CMSG_NXTHDR(&message, h)) {
        if (h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_TIMESTAMPING)
            memcpy(at, CMSG_DATA(h), sizeof(*at));
        else
            memcpy(ee, CMSG_DATA(h), sizeof(*ee));
    }
    return true;
}

static void expect_copied(int host, int fd, uint32_t first, uint32_t last)
{
    struct sock_extended_err ee;
    struct timespec at;
    assert_true(next_note(host, fd, &ee, &at));
    assert_int_equal(ee.ee_errno, 0);
    assert_int_equal(ee.ee_origin, SO_EE_ORIGIN_ZEROCOPY);
    assert_int_equal(ee.ee_code, 1); /* copied, as it was */
    assert_int_equal(ee.ee_info, first);
    assert_int_equal(ee.ee_data, last);
    assert_int_equal(message.msg_flags, MSG_ERRQUEUE);
}

static void test_zerocopy(void **state)
{
    int fds[2];
    struct sock_extended_err ee;
    struct timespec at;
    open_pair(AF_INET, fds);
    struct pollfd p = {.fd = fds[0], .events = 0};
    /* Without the option the flag means nothing. */
    assert_int_equal(now(0, c_send(fds[0], "x", 1, MSG_ZEROCOPY)), 1);
    net_run(SECOND);
    assert_false(next_note(0, fds[0], &ee, &at));
    assert_int_equal(set_int(0, fds[0], SOL_SOCKET, SO_ZEROCOPY, 2), -EINVAL);
    assert_int_equal(set_int(0, fds[0], SOL_SOCKET, SO_ZEROCOPY, 1), 0);
    assert_int_equal(now(0, c_send(fds[0], "abc", 3, MSG_ZEROCOPY)), 3);
    assert_false(next_note(0, fds[0], &ee, &at)); /* on its way */
    net_run(SECOND);
    assert_int_equal(now(0, c_poll(&p, 1, 0)), 1);
    assert_int_equal(p.revents, POLLERR);
    expect_copied(0, fds[0], 0, 0);
    assert_int_equal(now(0, c_poll(&p, 1, 0)), 0);
    for (int i = 0; i < 3; i++)
        now(0, c_send(fds[0], "abc", 3, MSG_ZEROCOPY));
    now(0, c_write(fds[0], "plain", 5));
    net_run(SECOND);
    expect_copied(0, fds[0], 1, 3); /* neighbours are one note */
    assert_false(next_note(0, fds[0], &ee, &at));
    /* What is never acknowledged comes back with the connection's end. */
    net.cut = true;
    now(0, c_send(fds[0], "lost", 4, MSG_ZEROCOPY));
    set_int(0, fds[0], IPPROTO_TCP, PX_TCP_USER_TIMEOUT, 2000);
    net_run(20 * SECOND);
    expect_copied(0, fds[0], 4, 4);
    /* A send that fails uses up no number. */
    int fd = open_socket(0, AF_INET, SOCK_STREAM);
    set_int(0, fd, SOL_SOCKET, SO_ZEROCOPY, 1);
    assert_int_equal(now(0, c_send(fd, "x", 1, MSG_ZEROCOPY)), -EPIPE);
    assert_false(next_note(0, fd, &ee, &at));
}

static uint64_t ns(const struct timespec *t)
{
    return (uint64_t)t->tv_sec * SECOND + (uint64_t)t->tv_nsec;
}

static void expect_stamp(int fd, uint32_t what, uint32_t key, uint64_t at_ns)
{
    struct sock_extended_err ee;
    struct timespec at;
    assert_true(next_note(0, fd, &ee, &at));
    assert_int_equal(ee.ee_errno, ENOMSG);
    assert_int_equal(ee.ee_origin, SO_EE_ORIGIN_TIMESTAMPING);
    assert_int_equal(ee.ee_info, what);
    assert_int_equal(ee.ee_data, key);
    assert_int_equal(ns(&at), at_ns);
    assert_int_equal(message.msg_flags, MSG_ERRQUEUE | MSG_TRUNC);
}

#define ALL                                                                               \
    (SOF_TIMESTAMPING_TX_SCHED | SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_TX_ACK | \
     SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_OPT_ID)

static void test_timestamping(void **state)
{
    int fds[2];
    struct sock_extended_err ee;
    struct timespec at;
    open_pair(AF_INET6, fds);
    int fresh = open_socket(0, AF_INET6, SOCK_STREAM);
    assert_int_equal(set_int(0, fresh, SOL_SOCKET, SO_TIMESTAMPING, ALL), -EINVAL);
    assert_int_equal(set_int(0, fds[0], SOL_SOCKET, SO_TIMESTAMPING, 1), -EOPNOTSUPP);
    assert_int_equal(set_int(0, fds[0], SOL_SOCKET, SO_TIMESTAMPING, SOF_TIMESTAMPING_RX_SOFTWARE),
                     -EOPNOTSUPP);
    assert_int_equal(now(0, c_write(fds[0], "before", 6)), 6);
    net_run(SECOND);
    assert_int_equal(set_int(0, fds[0], SOL_SOCKET, SO_TIMESTAMPING, ALL), 0);
    assert_int_equal(get_int(0, fds[0], SOL_SOCKET, SO_TIMESTAMPING), ALL);
    uint64_t sent = net.now_ns;
    assert_int_equal(now(0, c_write(fds[0], "0123456789", 10)), 10);
    assert_int_equal(now(0, c_write(fds[0], "01234", 5)), 5); /* Nagle holds it back */
    net_run(SECOND);
    uint64_t acked = 0;
    expect_stamp(fds[0], SCM_TSTAMP_SCHED, 9, sent);
    expect_stamp(fds[0], SCM_TSTAMP_SND, 9, sent);
    assert_true(next_note(0, fds[0], &ee, &at));
    assert_int_equal(ee.ee_info, SCM_TSTAMP_ACK);
    assert_int_equal(ee.ee_data, 9);
    acked = ns(&at);
    assert_in_range(acked - sent, 2 * DELAY_NS, 2 * DELAY_NS + 60 * MS);
    expect_stamp(fds[0], SCM_TSTAMP_SCHED, 14, acked);
    expect_stamp(fds[0], SCM_TSTAMP_SND, 14, acked);
    assert_true(next_note(0, fds[0], &ee, &at));
    assert_int_equal(ee.ee_info, SCM_TSTAMP_ACK);
    assert_false(next_note(0, fds[0], &ee, &at));
    /* For one send alone, by a control message. */
    assert_int_equal(
        set_int(0, fds[0], SOL_SOCKET, SO_TIMESTAMPING,
                SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_OPT_ID | SOF_TIMESTAMPING_OPT_CMSG),
        0);
    char byte = 'x';
    struct iovec iov = {&byte, 1};
    int flags = SOF_TIMESTAMPING_TX_ACK;
    message = (struct msghdr){.msg_iov = &iov,
                              .msg_iovlen = 1,
                              .msg_control = &control,
                              .msg_controllen = CMSG_SPACE(sizeof(flags))};
    struct cmsghdr *h = CMSG_FIRSTHDR(&message);
    *h = (struct cmsghdr){
        .cmsg_level = SOL_SOCKET, .cmsg_type = SO_TIMESTAMPING, .cmsg_len = CMSG_LEN(4)};
    memcpy(CMSG_DATA(h), &flags, sizeof(flags));
    struct px_call send = {.op = PX_SENDMSG, .fd = fds[0], .msg = {&message, 0}};
    assert_int_equal(now(0, send), 1);
    h->cmsg_type = 99;
    assert_int_equal(now(0, send), -EINVAL);
    h->cmsg_len = 5000;
    assert_int_equal(now(0, send), -EINVAL);
    net_run(SECOND);
    assert_true(next_note(0, fds[0], &ee, &at));
    assert_int_equal(ee.ee_info, SCM_TSTAMP_ACK);
    assert_int_equal(ee.ee_data, 15);
    assert_false(next_note(0, fds[0], &ee, &at));
}

static int inq_of(const struct msghdr *m)
{
    int value = -1;
    struct cmsghdr *h = CMSG_FIRSTHDR(m);
    if (h && h->cmsg_level == IPPROTO_TCP && h->cmsg_type == PX_TCP_CM_INQ)
        memcpy(&value, CMSG_DATA(h), sizeof(value));
    return value;
}

static void test_inq(void **state)
{
    int fds[2];
    char text[8];
    struct iovec iov = {text, 3};
    open_pair(AF_INET, fds);
    assert_int_equal(set_int(1, fds[1], IPPROTO_TCP, PX_TCP_INQ, 2), -EINVAL);
    assert_int_equal(set_int(1, fds[1], IPPROTO_TCP, PX_TCP_INQ, 1), 0);
    assert_int_equal(get_int(1, fds[1], IPPROTO_TCP, PX_TCP_INQ), 1);
    now(0, c_write(fds[0], "12345678", 8));
    now(0, c_close(fds[0]));
    net_run(SECOND);
    const int left[] = {5, 2, 1}; /* the end counts as one */
    const int got[] = {3, 3, 2};
    for (int i = 0; i < 3; i++) {
        message = (struct msghdr){.msg_iov = &iov,
                                  .msg_iovlen = 1,
                                  .msg_control = &control,
                                  .msg_controllen = sizeof(control)};
        struct px_call r = {.op = PX_RECVMSG, .fd = fds[1], .msg = {&message, 0}};
        assert_int_equal(now(1, r), got[i]);
        assert_int_equal(inq_of(&message), left[i]);
    }
    message.msg_control = NULL;
    message.msg_controllen = 0;
    struct px_call r = {.op = PX_RECVMSG, .fd = fds[1], .msg = {&message, 0}};
    assert_int_equal(now(1, r), 0);
    assert_true(message.msg_flags & MSG_CTRUNC);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, net_open, net_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_zerocopy),
        TEST(test_timestamping),
        TEST(test_inq),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
