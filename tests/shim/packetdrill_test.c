/* The library that packetdrill loads, driven as the tool drives it: order of calls, threads, the
 * clock, and the two calls that go past the interface. */
#include "shim/driver.h"

#include <sched.h>
#include <sys/wait.h>

#define MS 1000LL

static const uint8_t syn_options[] = {2, 4, 1000 >> 8, 1000 & 0xff, 4, 2, 1, 1, 1, 3, 3, 7};

static int open_v4(void **state)
{
    driver_open(false, NULL);
    return 0;
}

static int open_v6(void **state)
{
    driver_open(true, NULL);
    return 0;
}

static int shut(void **state)
{
    driver_close();
    return 0;
}

/* ---- short forms ---------------------------------------------------------------------------- */

static int new_socket(void)
{
    int fd = d.i.socket(U, d.v6 ? AF_INET6 : AF_INET, SOCK_STREAM, IPPROTO_TCP);
    assert_true(fd > 1000000); /* none that the kernel gives */
    return fd;
}

static int listener(void)
{
    int fd = new_socket(), one = 1;
    struct sockaddr_storage local = endpoint(true, LOCAL_PORT);
    assert_int_equal(d.i.setsockopt(U, fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), 0);
    assert_int_equal(d.i.bind(U, fd, (struct sockaddr *)&local, endpoint_len()), 0);
    assert_int_equal(d.i.listen(U, fd, 1), 0);
    return fd;
}

static void handshake_from_remote(void)
{
    inject_with(SYN, 0, 0, 0, 32792, syn_options, sizeof(syn_options));
    struct packet *p = expect(SYN | ACK, 0, 0, 1);
    /* The same MSS over both IP versions: the tool's device is larger for IPv6. */
    assert_int_equal(p->options[0], 2);
    assert_int_equal(load_be16(p->options + 2), 1460);
    inject(ACK, 1, 0, 1, 257);
}

/* A connection that was accepted; `fds[0]` listens. */
static int accepted(int *fds)
{
    fds[0] = listener();
    handshake_from_remote();
    fds[1] = d.i.accept(U, fds[0], NULL, NULL);
    assert_true(fds[1] > 0);
    return fds[1];
}

/* ---- exchanges ------------------------------------------------------------------------------ */

static void test_server(void **state)
{
    int fds[2];
    char text[2000];
    int fd = accepted(fds);
    wait_until(100 * MS);
    assert_int_equal(d.i.write(U, fd, text, 1000), 1000);
    struct packet *p = expect(PSH | ACK, 1, 1000, 1);
    assert_in_range(p->at_us, 100 * MS, 100 * MS + 10);
    wait_until(110 * MS);
    inject(PSH | ACK, 1, 500, 1001, 257);
    wait_until(120 * MS);
    assert_int_equal(d.i.read(U, fd, text, sizeof(text)), 500);
    p = expect(ACK, 1001, 0, 501);
    assert_in_range(p->at_us, 110 * MS, 160 * MS);
    /* The remote side closes first. */
    inject(FIN | ACK, 501, 0, 1001, 257);
    expect(ACK, 1001, 0, 502);
    assert_int_equal(d.i.read(U, fd, text, sizeof(text)), 0);
    assert_int_equal(d.i.close(U, fd), 0);
    expect(FIN | ACK, 1001, 0, 502);
    inject(ACK, 502, 0, 1002, 257);
    errno = 0;
    assert_int_equal(d.i.read(U, fd, text, 1), -1);
    assert_int_equal(errno, EBADF);
    assert_int_equal(d.i.close(U, fds[0]), 0);
}

static void test_client(void **state)
{
    char text[100];
    struct sockaddr_storage to = endpoint(false, LOCAL_PORT);
    int fd = new_socket(), error = -1;
    socklen_t len = sizeof(error);
    assert_int_equal(d.i.fcntl(U, fd, F_GETFL), O_RDWR);
    assert_int_equal(d.i.fcntl(U, fd, F_SETFL, O_RDWR | O_NONBLOCK), 0);
    assert_int_equal(d.i.connect(U, fd, (struct sockaddr *)&to, endpoint_len()), -1);
    assert_int_equal(errno, EINPROGRESS);
    struct packet *p = expect(SYN, 0, 0, 0);
    assert_int_equal(load_be16(p->options + 2), 1460);
    assert_in_range(p->at_us, 0, 50);
    wait_until(10 * MS);
    inject_with(SYN | ACK, 0, 0, 1, 5792, syn_options, sizeof(syn_options));
    expect(ACK, 1, 0, 1);
    assert_int_equal(d.i.getsockopt(U, fd, SOL_SOCKET, SO_ERROR, &error, &len), 0);
    assert_int_equal(error, 0);
    assert_int_equal(d.i.read(U, fd, text, sizeof(text)), -1);
    assert_int_equal(errno, EAGAIN);
    /* This side closes first: TIME-WAIT, then the FIN again. */
    assert_int_equal(d.i.close(U, fd), 0);
    expect(FIN | ACK, 1, 0, 1);
    inject(FIN | ACK, 1, 0, 2, 257);
    expect(ACK, 2, 0, 2);
    wait_until(500 * MS);
    inject(FIN | ACK, 1, 0, 2, 257);
    expect(ACK, 2, 0, 2);
}

/* What is not acknowledged goes again; nobody has to move the clock but who waits for packets. */
static void test_receive_jumps(void **state)
{
    int fds[2];
    static struct packet last;
    int fd = accepted(fds);
    wait_until(10 * MS);
    assert_int_equal(d.i.write(U, fd, "hello", 5), 5);
    expect(PSH | ACK, 1, 5, 1);
    struct packet *p = expect(PSH | ACK, 1, 5, 1);
    assert_true(p->at_us >= 200 * MS);
    assert_true(script_us() >= p->at_us);
    inject(RST | ACK, 1, 0, 6, 257);
    assert_int_equal(d.i.close(U, fd), 0);
    assert_int_equal(d.i.close(U, fds[0]), 0);
    assert_false(take(&last)); /* nothing can come any more: at once, with no bytes */
}

/* ---- calls that wait ------------------------------------------------------------------------ */

struct read_call {
    int fd;
    void *data;
    size_t len;
};

static int64_t do_read(void *arg)
{
    struct read_call *c = arg;
    return d.i.read(U, c->fd, c->data, c->len);
}

static int64_t do_accept(void *arg)
{
    return d.i.accept(U, *(int *)arg, NULL, NULL);
}

/* 0.1...0.2 read(4, ..., 100) = 50: the packet that ends it is injected by the main thread. */
static void test_read_ended_by_a_packet(void **state)
{
    int fds[2];
    char text[100];
    struct second s;
    int fd = accepted(fds);
    struct read_call c = {fd, text, sizeof(text)};
    wait_until(100 * MS);
    second_begin(&s, do_read, &c);
    assert_false(is_done(&s));
    assert_true(is_asleep(&s));
    wait_until(200 * MS);
    assert_false(is_done(&s));
    inject(PSH | ACK, 1, 50, 1, 257);
    wait_until(500 * MS); /* time does not pass the thread by */
    assert_int_equal(second_end(&s), 50);
    assert_in_range(s.ended_us, 200 * MS, 200 * MS + 100);
}

/* The third segment ends accept(); the tool sleeps far beyond. */
static void test_accept_waits(void **state)
{
    struct second s;
    int fd = listener();
    second_begin(&s, do_accept, &fd);
    wait_until(50 * MS);
    assert_false(is_done(&s));
    handshake_from_remote();
    wait_until(900 * MS);
    int64_t got = second_end(&s);
    assert_true(got > fd);
    assert_in_range(s.ended_us, 50 * MS, 51 * MS);
}

struct poll_call {
    struct pollfd fds[2];
    int timeout_ms;
};

static int64_t do_poll(void *arg)
{
    struct poll_call *c = arg;
    return d.i.poll(U, c->fds, 2, c->timeout_ms);
}

/* A time-out in the middle of a usleep(): time stops there until the thread has asked. */
static void test_sleep_crosses_a_wake_up(void **state)
{
    for (int i = 0; i < 20; i++) {
        int fds[2];
        struct second s;
        long long from = script_us();
        fds[1] = i == 0 ? accepted(fds) : new_socket();
        struct poll_call c = {{{.fd = fds[1], .events = POLLPRI}, {.fd = -1}}, 300};
        if (i != 0)
            c.fds[0].fd = -1;
        second_begin(&s, do_poll, &c);
        assert_int_equal(d.i.usleep(U, 2000000), 0);
        assert_int_equal(second_end(&s), 0);
        assert_in_range(s.ended_us, from + 300 * MS, from + 300 * MS + 50);
        assert_true(script_us() >= from + 2000 * MS);
    }
}

static int64_t do_connect(void *arg)
{
    struct sockaddr_storage to = endpoint(false, LOCAL_PORT);
    return d.i.connect(U, *(int *)arg, (struct sockaddr *)&to, endpoint_len());
}

static void test_connect_waits(void **state)
{
    struct second s;
    int fd = new_socket();
    second_begin(&s, do_connect, &fd);
    expect(SYN, 0, 0, 0);
    wait_until(100 * MS);
    inject_with(SYN | ACK, 0, 0, 1, 5792, syn_options, sizeof(syn_options));
    expect(ACK, 1, 0, 1);
    assert_int_equal(second_end(&s), 0);
    assert_in_range(s.ended_us, 100 * MS, 101 * MS);
    /* Refused, the next one. */
    fd = new_socket();
    d.iss_known = false;
    second_begin(&s, do_connect, &fd);
    expect(SYN, 0, 0, 0);
    inject(RST | ACK, 0, 0, 1, 0);
    assert_int_equal(second_end(&s), -1);
    assert_int_equal(s.error, ECONNREFUSED);
}

/* A write larger than the buffer waits for ACKs. */
static int64_t do_write(void *arg)
{
    struct read_call *c = arg;
    return d.i.write(U, c->fd, c->data, c->len);
}

static void test_write_waits(void **state)
{
    static uint8_t zeroes[100000];
    static struct packet p;
    int fds[2], size = 20000;
    struct second s;
    int fd = accepted(fds);
    assert_int_equal(d.i.setsockopt(U, fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
    struct read_call c = {fd, zeroes, sizeof(zeroes)};
    second_begin(&s, do_write, &c);
    uint32_t next = 1;
    while (next < 1 + sizeof(zeroes)) {
        assert_true(take(&p));
        parse(&p);
        assert_int_equal(p.seq, next);
        next += (uint32_t)p.payload;
        inject(ACK, 1, 0, next, 257);
    }
    assert_int_equal(second_end(&s), sizeof(zeroes));
}

/* ---- past the interface --------------------------------------------------------------------- */

static bool preloaded(void)
{
    const char *what = getenv("LD_PRELOAD");
    return what && strstr(what, "liblastack_packetdrill.so");
}

/* As the code between %{ and }% does: the C library's getsockopt(). */
static void test_assertions_past_the_interface(void **state)
{
    int fds[2];
    uint32_t memory[9];
    struct px_tcp_info info;
    socklen_t len = sizeof(info);
    assert_true(preloaded());
    int fd = accepted(fds);
    memset(&info, 0xff, sizeof(info));
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, PX_TCP_INFO, &info, &len), 0);
    assert_int_equal(len, 280);
    assert_int_equal(info.tcpi_state, PX_TCP_ESTABLISHED);
    assert_int_equal(info.tcpi_snd_cwnd, 10);
    assert_int_equal(info.tcpi_snd_mss, 1000);
    assert_int_equal(info.tcpi_options, PX_TCPI_OPT_SACK | PX_TCPI_OPT_WSCALE);
    len = sizeof(memory);
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &len), 0);
    assert_int_equal(len, sizeof(memory));
    len = 104; /* an older caller's struct */
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, PX_TCP_INFO, &info, &len), 0);
    assert_int_equal(len, 104);
    len = sizeof(info);
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, PX_TCP_CC_INFO, &info, &len), 0);
    /* Others are the kernel's. */
    assert_int_equal(getsockopt(0, IPPROTO_TCP, PX_TCP_INFO, &info, &len), -1);
    assert_int_equal(errno, ENOTSOCK);
}

/* What the script leaves open the tool closes with the C library's close(). */
static void test_left_open(void **state)
{
    int fds[2];
    int fd = accepted(fds);
    assert_int_equal(close(fd), 0);
    expect(FIN | ACK, 1, 0, 1);
    assert_int_equal(close(fd), -1);
    assert_int_equal(errno, EBADF);
    assert_int_equal(close(fds[0]), 0);
    int real = open("/dev/null", O_RDONLY);
    assert_int_equal(close(real), 0);
    assert_int_equal(close(real), -1);
    assert_int_equal(errno, EBADF);
}

/* Freed with sockets open and with a thread that waits: its call is given up, and it may still ask
 * what time it is. */
static void test_freed_while_a_call_waits(void **state)
{
    int fds[2];
    char text[10];
    struct second s;
    driver_open(false, "");
    int fd = accepted(fds);
    struct read_call c = {fd, text, sizeof(text)};
    second_begin(&s, do_read, &c);
    assert_false(is_done(&s));
    wait_until(100 * MS);
    d.i.free(U);
    assert_int_equal(second_end(&s), -1);
    assert_int_equal(s.error, EINTR);
    assert_in_range(s.ended_us, 100 * MS, 101 * MS);
}

/* ---- everything else ------------------------------------------------------------------------ */

static void test_the_clock(void **state)
{
    long long a = now_us(), b = now_us();
    assert_int_equal(b - a, 1);
    assert_int_equal(d.i.usleep(U, 0), 0);
    assert_int_equal(now_us() - b, 1);
    assert_int_equal(d.i.usleep(U, 1000), 0);
    assert_int_equal(now_us() - b, 1002);
}

static void test_other_sockets(void **state)
{
    int fds[2];
    char text[16];
    struct sockaddr_storage to = endpoint(false, 4444);
    static struct packet p;
    int udp = d.i.socket(U, d.v6 ? AF_INET6 : AF_INET, SOCK_DGRAM, IPPROTO_UDP);
    int tcp = new_socket(), other = new_socket();
    assert_true(udp > 0);
    assert_true(tcp == udp + 1 && other == tcp + 1);
    assert_int_equal(d.i.sendto(U, udp, "question", 8, 0, (struct sockaddr *)&to, endpoint_len()),
                     8);
    assert_true(take(&p));
    assert_int_equal(p.bytes[d.v6 ? 6 : 9], IPPROTO_UDP);
    assert_int_equal(p.len, (d.v6 ? 40 : 20) + 8 + 8);
    assert_int_equal(d.i.socket(U, AF_UNIX, SOCK_STREAM, 0), -1);
    assert_int_equal(errno, EAFNOSUPPORT);
    assert_int_equal(d.i.socket(U, AF_INET, SOCK_RAW, IPPROTO_RAW), -1);
    assert_int_equal(d.i.pipe(U, fds), 0);
    assert_int_equal(d.i.write(U, fds[1], "through", 7), 7);
    assert_int_equal(d.i.read(U, fds[0], text, sizeof(text)), 7);
    assert_int_equal(d.i.read(U, 0, text, sizeof(text)), -1); /* the kernel's are not ours */
    assert_int_equal(errno, EBADF);
    struct pollfd polls[] = {{.fd = 0, .events = POLLIN}, {.fd = fds[1], .events = POLLOUT}};
    assert_int_equal(d.i.poll(U, polls, 2, 0), 2);
    assert_int_equal(polls[0].revents, POLLNVAL);
    assert_int_equal(polls[1].revents, POLLOUT);
}

static void test_epoll_and_splice(void **state)
{
    int fds[2], tube[2];
    struct epoll_event event = {.events = EPOLLIN, .data.fd = 77}, got;
    int fd = accepted(fds);
    int set = d.i.epoll_create(U, 1);
    assert_int_equal(d.i.epoll_ctl(U, set, EPOLL_CTL_ADD, fd, &event), 0);
    assert_int_equal(d.i.epoll_wait(U, set, &got, 1, 0), 0);
    inject(PSH | ACK, 1, 300, 1, 257);
    assert_int_equal(d.i.epoll_wait(U, set, &got, 1, 0), 1);
    assert_int_equal(got.events, EPOLLIN);
    assert_int_equal(got.data.fd, 77);
    expect(ACK, 1, 0, 301); /* at once: the persona is Linux's */
    assert_int_equal(d.i.pipe(U, tube), 0);
    assert_int_equal(d.i.splice(U, fd, NULL, tube[1], NULL, 1000, 0), 300);
    assert_int_equal(d.i.splice(U, tube[0], NULL, fd, NULL, 1000, 0), 300);
    expect(PSH | ACK, 1, 300, 301);
}

/* A call that blocks on the tool's own thread: time passes, for nobody else could let it. */
static void test_blocks_on_the_main_thread(void **state)
{
    struct pollfd none = {.fd = -1};
    long long from = script_us();
    assert_int_equal(d.i.poll(U, &none, 1, 250), 0);
    assert_in_range(script_us(), from + 250 * MS, from + 251 * MS);
    char text[4];
    int fds[2];
    int fd = accepted(fds);
    assert_int_equal(d.i.read(U, fd, text, sizeof(text)), -1); /* for ever, so it is given up */
    assert_int_equal(errno, EINTR);
}

static void test_flags(void **state)
{
    struct packetdrill_interface i;
    init_function *init;
    driver_open(false, "mtu=1280 seed=7,local=10.1.2.3");
    *(void **)&init = dlsym(d.library, "packetdrill_interface_init");
    assert_int_equal(init("tso bogus", &i), -1);
    assert_int_equal(init("mtu=17", &i), -1);
    assert_int_equal(init("persona=beos", &i), -1);
    int fd = new_socket();
    struct sockaddr_storage to = endpoint(false, 80);
    assert_int_equal(d.i.fcntl(U, fd, F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(d.i.connect(U, fd, (struct sockaddr *)&to, endpoint_len()), -1);
    struct packet *p = expect(SYN, 0, 0, 0);
    assert_int_equal(load_be16(p->options + 2), 1240);
    const uint8_t mine[] = {10, 1, 2, 3};
    assert_memory_equal(p->bytes + 12, mine, 4);
    driver_close();
}

/* ---- settings of the namespace -------------------------------------------------------------- */

static bool put_sysctl(const char *name, const char *value)
{
    char path[128];
    snprintf(path, sizeof(path), "/proc/sys/net/ipv4/%s", name);
    int fd = open(path, O_WRONLY);
    bool good = fd >= 0 && write(fd, value, strlen(value)) == (ssize_t)strlen(value);
    if (fd >= 0)
        close(fd);
    return good;
}

/* Length of the options of the SYN that a new socket sends. */
static size_t syn_options_len(void)
{
    struct sockaddr_storage to = endpoint(false, 80);
    int fd = new_socket();
    d.iss_known = false;
    assert_int_equal(d.i.fcntl(U, fd, F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(d.i.connect(U, fd, (struct sockaddr *)&to, endpoint_len()), -1);
    size_t len = expect(SYN, 0, 0, 0)->options_len;
    assert_int_equal(d.i.close(U, fd), 0);
    return len;
}

/* In a namespace of its own: what a script sets after the library was opened and before its first
 * socket counts, and what it changes later, for the sockets after that. 77: not allowed here. */
static int in_a_namespace(void)
{
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
        return 77;
    driver_open(false, NULL);
    if (!put_sysctl("tcp_timestamps", "0") || !put_sysctl("tcp_sack", "0"))
        return 77;
    size_t few = syn_options_len();
    if (!put_sysctl("tcp_timestamps", "1") || !put_sysctl("tcp_sack", "1"))
        return 77;
    size_t all = syn_options_len();
    driver_close();
    /* MSS and window scale; and with SACK and a timestamp. */
    return few == 8 && all == 20 ? 0 : 1;
}

static void test_settings_of_the_namespace(void **state)
{
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(in_a_namespace());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* The same address over an IPv6 socket: packets of IPv4, and the MTU that belongs to them. */
static void test_mapped_addresses(void **state)
{
    struct sockaddr_in6 local = {.sin6_family = AF_INET6, .sin6_port = htons(LOCAL_PORT)};
    driver_open(false, NULL);
    inet_pton(AF_INET6, "::ffff:192.168.0.1", &local.sin6_addr);
    int fd = d.i.socket(U, AF_INET6, SOCK_STREAM, IPPROTO_TCP);
    assert_int_equal(d.i.bind(U, fd, (struct sockaddr *)&local, sizeof(local)), 0);
    assert_int_equal(d.i.listen(U, fd, 1), 0);
    handshake_from_remote();
    struct sockaddr_in6 from;
    socklen_t len = sizeof(from);
    int accepted_fd = d.i.accept(U, fd, (struct sockaddr *)&from, &len);
    assert_true(accepted_fd > 0);
    assert_int_equal(len, sizeof(from));
    assert_true(IN6_IS_ADDR_V4MAPPED(&from.sin6_addr));
    driver_close();
}

/* The choices of another stack: FreeBSD packs the options of its SYN. */
static void test_persona(void **state)
{
    const uint8_t freebsd[] = {2, 4, 1460 >> 8, 1460 & 0xff, 1, 3, 3};
    struct sockaddr_storage to;
    driver_open(false, "persona=freebsd");
    to = endpoint(false, 80);
    int fd = new_socket();
    assert_int_equal(d.i.fcntl(U, fd, F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(d.i.connect(U, fd, (struct sockaddr *)&to, endpoint_len()), -1);
    struct packet *p = expect(SYN, 0, 0, 0);
    assert_memory_equal(p->options, freebsd, sizeof(freebsd));
    driver_close();
}

/* The library has to be there before the C library's calls are looked up: once more, with it. */
static void preload(char **argv)
{
    char path[512];
    const char *build = getenv("LASTACK_BUILD");
    if (preloaded())
        return;
    snprintf(path, sizeof(path), "%s/liblastack_packetdrill.so", build ? build : "build");
    setenv("LD_PRELOAD", path, 1);
    setenv("ASAN_OPTIONS", "verify_asan_link_order=0", 1);
    execv("/proc/self/exe", argv);
}

#define BOTH(test)                                        \
    cmocka_unit_test_setup_teardown(test, open_v4, shut), \
    {                                                     \
#test "_v6", test, open_v6, shut, NULL            \
    }

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_the_clock),
        BOTH(test_server),
        BOTH(test_client),
        BOTH(test_receive_jumps),
        BOTH(test_read_ended_by_a_packet),
        BOTH(test_accept_waits),
        BOTH(test_sleep_crosses_a_wake_up),
        BOTH(test_connect_waits),
        BOTH(test_write_waits),
        BOTH(test_assertions_past_the_interface),
        BOTH(test_left_open),
        BOTH(test_other_sockets),
        BOTH(test_epoll_and_splice),
        BOTH(test_blocks_on_the_main_thread),
        cmocka_unit_test(test_freed_while_a_call_waits),
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_persona),
        cmocka_unit_test(test_settings_of_the_namespace),
        cmocka_unit_test(test_mapped_addresses),
    };
    preload(argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
