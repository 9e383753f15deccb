/* Pipes, splice() and sendfile(). */
#include "posix/net.h"

#include <stdio.h>
#include <unistd.h>

static void open_pipe(int host, int tube[2], int flags)
{
    struct px_call c = {.op = PX_PIPE, .pipe = {tube, flags}};
    assert_int_equal(now(host, c), 0);
}

static struct px_call c_splice(int from, int to, size_t len, unsigned flags)
{
    return (struct px_call){
        .op = PX_SPLICE, .fd = from, .splice = {.out = to, .len = len, .flags = flags}};
}

static void test_pipe(void **state)
{
    static uint8_t big[100000];
    int tube[2];
    char text[8];
    open_pipe(0, tube, 0);
    assert_int_equal(px_fd_kind(net.hosts[0], tube[0]), PX_KIND_PIPE);
    struct pollfd p[] = {{.fd = tube[0], .events = POLLIN}, {.fd = tube[1], .events = POLLOUT}};
    assert_int_equal(now(0, c_poll(p, 2, 0)), 1);
    assert_int_equal(p[1].revents, POLLOUT);
    struct px_call read = c_read(tube[0], text, 8);
    assert_true(begin(0, &read));
    assert_int_equal(now(0, c_write(tube[1], "tube", 4)), 4);
    assert_int_equal(result_of(&read), 4);
    assert_int_equal(now(0, c_read(tube[1], text, 1)), -EBADF);
    assert_int_equal(now(0, c_write(tube[0], text, 1)), -EBADF);
    assert_int_equal(now(0, c_recv(tube[0], text, 1, 0)), -ENOTSOCK);
    assert_int_equal(now(0, c_read(tube[0], NULL, 1)), -EFAULT);
    /* A write that does not fit waits; a small one goes whole or not at all. */
    struct px_call write = c_write(tube[1], big, sizeof(big));
    assert_true(begin(0, &write));
    int waiting = 0;
    assert_int_equal(now(0, c_ioctl(tube[0], 0x541b, &waiting)), 0);
    assert_int_equal(waiting, 65536);
    size_t got = 0;
    while (got < sizeof(big))
        got += (size_t)now(0, c_read(tube[0], big, 7000));
    assert_int_equal(result_of(&write), sizeof(big));
    now(0, c_fcntl(tube[1], F_SETFL, O_NONBLOCK));
    assert_int_equal(now(0, c_write(tube[1], big, 65000)), 65000);
    assert_int_equal(now(0, c_write(tube[1], big, 4000)), -EAGAIN);
    assert_int_equal(now(0, c_write(tube[1], big, 5000)), 536);
    assert_int_equal(now(0, c_write(tube[1], big, 1)), -EAGAIN);
    /* The ends. */
    now(0, c_close(tube[1]));
    assert_int_equal(now(0, c_read(tube[0], big, sizeof(big))), 65536);
    assert_int_equal(now(0, c_read(tube[0], text, 8)), 0);
    assert_int_equal(now(0, c_poll(p, 1, 0)), 1);
    assert_int_equal(p[0].revents, POLLHUP);
    open_pipe(0, tube, O_NONBLOCK | O_CLOEXEC);
    assert_int_equal(now(0, c_read(tube[0], text, 8)), -EAGAIN);
    now(0, c_close(tube[0]));
    write = c_write(tube[1], "x", 1);
    assert_false(begin(0, &write));
    assert_int_equal(result_of(&write), -EPIPE);
    assert_true(write.sigpipe);
    struct px_call bad = {.op = PX_PIPE, .pipe = {tube, 1}};
    assert_int_equal(now(0, bad), -EINVAL);
    bad.pipe.fds = NULL;
    bad.pipe.flags = 0;
    assert_int_equal(now(0, bad), -EFAULT);
}

static void test_splice(void **state)
{
    int fds[2], tube[2], other[2];
    char text[64];
    loff_t offset = 0;
    open_pair(AF_INET, fds);
    open_pipe(1, tube, 0);
    open_pipe(1, other, 0);
    struct px_call in = c_splice(fds[1], tube[1], 100, 0);
    assert_true(begin(1, &in));
    now(0, c_write(fds[0], "there and back", 14));
    net_run(DELAY_NS);
    assert_int_equal(result_of(&in), 14);
    assert_int_equal(now(1, c_splice(tube[0], other[1], 5, 0)), 5);
    assert_int_equal(now(1, c_splice(other[0], fds[1], 100, 0)), 5);
    assert_int_equal(now(1, c_splice(tube[0], fds[1], 100, SPLICE_F_MORE)), 9);
    assert_int_equal(wait_for(0, c_recv(fds[0], text, 14, MSG_WAITALL)), 14);
    assert_memory_equal(text, "there and back", 14);
    assert_int_equal(now(1, c_splice(fds[1], tube[1], 100, SPLICE_F_NONBLOCK)), -EAGAIN);
    assert_int_equal(now(1, c_splice(fds[1], fds[1], 100, 0)), -EINVAL);
    assert_int_equal(now(1, c_splice(tube[0], 62, 100, 0)), -EBADF);
    assert_int_equal(now(1, c_splice(tube[1], other[1], 100, 0)), -EBADF);
    assert_int_equal(now(1, c_splice(tube[0], tube[1], 100, 0)), -EINVAL);
    assert_int_equal(now(1, c_splice(tube[0], fds[1], 100, 0x80)), -EINVAL);
    assert_int_equal(now(1, c_splice(tube[0], fds[1], 0, 0)), 0);
    in = c_splice(fds[1], tube[1], 100, 0);
    in.splice.in_offset = &offset;
    assert_int_equal(now(1, in), -ESPIPE);
    /* The end of the stream. */
    now(0, c_close(fds[0]));
    net_run(DELAY_NS);
    assert_int_equal(now(1, c_splice(fds[1], tube[1], 100, 0)), 0);
}

static void test_sendfile(void **state)
{
    static uint8_t content[200000], got[200000];
    char path[] = "/tmp/lastack-sendfile-XXXXXX";
    int fds[2], file = mkstemp(path);
    off_t offset = 100;
    assert_true(file >= 0);
    for (size_t i = 0; i < sizeof(content); i++)
        content[i] = (uint8_t)(i * 13 + i / 300);
    assert_int_equal(write(file, content, sizeof(content)), sizeof(content));
    close(file);
    open_pair(AF_INET6, fds);
    struct px_call o = {.op = PX_OPEN, .open = {path, O_RDONLY}};
    int in = (int)now(0, o);
    assert_int_equal(px_fd_kind(net.hosts[0], in), PX_KIND_FILE);
    struct px_call s = {.op = PX_SENDFILE, .fd = fds[0], .sendfile = {in, NULL, 1 << 20}};
    struct px_call all = c_recv(fds[1], got, sizeof(got), MSG_WAITALL);
    assert_true(begin(1, &all));
    assert_int_equal(wait_for(0, s), sizeof(content)); /* to the end of the file */
    net_run(SECOND);
    assert_int_equal(result_of(&all), sizeof(content));
    assert_memory_equal(got, content, sizeof(content));
    assert_int_equal(now(0, s), 0);
    s.sendfile.offset = &offset;
    s.sendfile.count = 50;
    assert_int_equal(now(0, s), 50);
    assert_int_equal(offset, 150);
    assert_int_equal(wait_for(1, c_read(fds[1], got, 100)), 50);
    assert_memory_equal(got, content + 100, 50);
    /* Into a pipe, and from what is no file. */
    int tube[2];
    open_pipe(0, tube, 0);
    s.fd = tube[1];
    assert_int_equal(now(0, s), 50);
    s.fd = tube[0];
    assert_int_equal(now(0, s), -EBADF);
    s.fd = fds[0];
    s.sendfile.in = fds[0];
    assert_int_equal(now(0, s), -EINVAL);
    s.sendfile.in = 61;
    assert_int_equal(now(0, s), -EBADF);
    assert_int_equal(now(0, c_read(in, got, 4)), 0);
    o.open.flags = O_CREAT | O_WRONLY;
    assert_int_equal(now(0, o), -EOPNOTSUPP);
    o.open = (struct px_call){.open = {"/nonexistent/file", O_RDONLY}}.open;
    assert_int_equal(now(0, o), -ENOENT);
    o.open.path = NULL;
    assert_int_equal(now(0, o), -EFAULT);
    assert_int_equal(now(0, c_close(in)), 0);
    unlink(path);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, net_open, net_close)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_pipe), TEST(test_splice), TEST(test_sendfile)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
