/* Random programs on two hosts: any call with any argument, in any order, while packets fly, get
 * lost and arrive mangled. Nothing is asked of the results but that they are results: a count or an
 * errno; that calls which may not wait do not; and that everything can be closed at the end. */
#include "posix/net.h"

#include <linux/net_tstamp.h>

static uint64_t state_of_dice;

static uint32_t dice(uint32_t sides)
{
    state_of_dice = state_of_dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(state_of_dice >> 33) % sides;
}

/* Memory that waiting calls point to lives as long as the test. */
struct slot {
    struct px_call call;
    uint8_t data[3000];
    struct iovec iov[3];
    struct msghdr msg;
    uint64_t control[25];
    struct sockaddr_storage name;
    socklen_t len;
    struct pollfd polls[4];
    struct epoll_event events[4];
    int numbers[4];
    loff_t offset;
    bool busy;
};

static struct slot slots[WAITERS];

static int any_fd(void)
{
    return dice(20) == 0 ? -1 : 3 + (int)dice(14);
}

static int any_flags(void)
{
    static const int flags[] = {MSG_DONTWAIT, MSG_PEEK,  MSG_WAITALL,  MSG_TRUNC,
                                MSG_MORE,     MSG_OOB,   MSG_ERRQUEUE, MSG_EOR,
                                MSG_NOSIGNAL, 0x4000000, MSG_FASTOPEN, 0x100000};
    int f = dice(3) ? MSG_DONTWAIT : 0;
    for (uint32_t n = dice(4) ? 0 : dice(3); n > 0; n--)
        f |= flags[dice(sizeof(flags) / sizeof(flags[0]))];
    return f;
}

static void any_name(struct slot *s)
{
    static const uint16_t ports[] = {0, 80, 81, 9};
    int domain = dice(2) ? AF_INET : AF_INET6;
    s->name = address(domain, (int)dice(3) - 1, ports[dice(4)]);
    if (dice(12) == 0)
        s->name.ss_family = (sa_family_t)dice(12);
    s->len = dice(10) == 0       ? dice(40)
             : domain == AF_INET ? sizeof(struct sockaddr_in)
                                 : sizeof(struct sockaddr_in6);
}

static void any_message(struct slot *s)
{
    for (int i = 0; i < 3; i++)
        s->iov[i] = (struct iovec){dice(40) ? s->data + i * 900 : NULL, dice(900)};
    s->msg = (struct msghdr){.msg_iov = s->iov,
                             .msg_iovlen = dice(4),
                             .msg_name = dice(3) ? NULL : &s->name,
                             .msg_namelen = s->len,
                             .msg_control = dice(4) ? NULL : s->control,
                             .msg_controllen = dice(sizeof(s->control))};
    if (s->msg.msg_control)
        for (size_t i = 0; i < sizeof(s->control); i++)
            ((uint8_t *)s->control)[i] = (uint8_t)(dice(4) ? 0 : dice(40));
}

static void any_option(struct slot *s)
{
    static const int levels[] = {SOL_SOCKET, IPPROTO_TCP, IPPROTO_IP, IPPROTO_IPV6, 7};
    static const int values[] = {0, 1, 2, 100, 5000, -1, INT32_MAX};
    for (int i = 0; i < 4; i++)
        s->numbers[i] = values[dice(7)];
    s->len = dice(8) ? 4U * (1 + dice(3)) : dice(20);
    s->call.sockopt.level = levels[dice(5)];
    s->call.sockopt.name = (int)dice(70);
    /* Linger and time-outs stay short, so that the end comes. */
    s->call.sockopt.value = dice(20) ? (void *)s->numbers : NULL;
    s->call.sockopt.len = s->len < sizeof(s->numbers) ? s->len : sizeof(s->numbers);
    s->len = s->call.sockopt.len;
    s->call.sockopt.len_ptr = &s->len;
}

static void fill_name(struct slot *s)
{
    struct px_call *c = &s->call;
    if (c->op == PX_BIND || c->op == PX_CONNECT) {
        c->name.in = dice(20) ? (struct sockaddr *)&s->name : NULL;
        c->name.in_len = s->len;
    } else {
        c->name.out = dice(2) ? (struct sockaddr *)&s->name : NULL;
        c->name.out_len = dice(9) ? &s->len : NULL;
    }
}

static void fill_ready(struct slot *s)
{
    struct px_call *c = &s->call;
    if (c->op == PX_POLL) {
        for (int i = 0; i < 4; i++)
            s->polls[i] = (struct pollfd){.fd = any_fd(), .events = (short)dice(0x2100)};
        c->poll.fds = s->polls;
        c->poll.count = dice(5);
        c->poll.timeout_ms = (int)dice(50) - 1;
    } else if (c->op == PX_EPOLL_CTL) {
        s->events[0] = (struct epoll_event){.events = dice(2) ? EPOLLIN : dice(0xffffffff)};
        c->epoll_ctl.op = (int)dice(4);
        c->epoll_ctl.target = any_fd();
        c->epoll_ctl.event = dice(9) ? s->events : NULL;
    } else {
        c->epoll_wait.events = s->events;
        c->epoll_wait.max = (int)dice(5);
        c->epoll_wait.timeout_ms = (int)dice(50) - 1;
    }
}

static void fill_move(struct slot *s)
{
    struct px_call *c = &s->call;
    s->offset = dice(100);
    if (c->op == PX_PIPE) {
        c->pipe.fds = s->numbers;
        c->pipe.flags = dice(2) ? O_NONBLOCK : 0;
    } else if (c->op == PX_SPLICE) {
        c->splice.out = any_fd();
        c->splice.len = dice(3000);
        c->splice.flags = dice(8);
    } else if (c->op == PX_SENDFILE) {
        c->sendfile.in = any_fd();
        c->sendfile.offset = dice(2) ? &s->offset : NULL;
        c->sendfile.count = dice(5000);
    } else {
        c->open.path = dice(2) ? "/proc/self/cmdline" : "/dev/zero";
    }
}

static void fill_io(struct slot *s)
{
    struct px_call *c = &s->call;
    c->io.data = dice(20) ? s->data : NULL;
    c->io.len = dice(sizeof(s->data));
    c->io.flags = any_flags();
    c->io.to = dice(3) ? NULL : (struct sockaddr *)&s->name;
    c->io.to_len = s->len;
}

static void fill_control(struct slot *s)
{
    struct px_call *c = &s->call;
    switch (c->op) {
    case PX_SOCKET:
        c->socket.domain = dice(2) ? AF_INET : AF_INET6;
        c->socket.type = (int)(dice(3) ? SOCK_STREAM : dice(5)) | (dice(2) ? SOCK_NONBLOCK : 0);
        return;
    case PX_LISTEN:
        c->listen.backlog = (int)dice(4) - 1;
        return;
    case PX_FCNTL:
        c->fcntl.cmd = (int)dice(5);
        c->fcntl.arg = dice(2) ? O_NONBLOCK : (long)dice(20);
        return;
    case PX_IOCTL:
        c->ioctl.request = dice(2) ? 0x541b : 0x5411 + dice(20);
        c->ioctl.arg = dice(9) ? s->numbers : NULL;
        return;
    case PX_SHUTDOWN:
        c->shutdown.how = (int)dice(4);
        return;
    default:
        c->epoll_create.size_or_flags = (int)dice(2);
        return;
    }
}

typedef void filler(struct slot *s);

static void fill_pieces(struct slot *s)
{
    if (s->call.op == PX_READV || s->call.op == PX_WRITEV) {
        s->call.iov.iov = s->iov;
        s->call.iov.count = (int)dice(4);
    } else {
        s->call.msg.msg = &s->msg;
        s->call.msg.flags = any_flags();
    }
}

static filler *const fillers[PX_OPS] = {
    [PX_SOCKET] = fill_control,
    [PX_LISTEN] = fill_control,
    [PX_FCNTL] = fill_control,
    [PX_IOCTL] = fill_control,
    [PX_SHUTDOWN] = fill_control,
    [PX_EPOLL_CREATE] = fill_control,
    [PX_EPOLL_CREATE1] = fill_control,
    [PX_BIND] = fill_name,
    [PX_CONNECT] = fill_name,
    [PX_ACCEPT] = fill_name,
    [PX_GETSOCKNAME] = fill_name,
    [PX_GETPEERNAME] = fill_name,
    [PX_READV] = fill_pieces,
    [PX_WRITEV] = fill_pieces,
    [PX_RECVMSG] = fill_pieces,
    [PX_SENDMSG] = fill_pieces,
    [PX_GETSOCKOPT] = any_option,
    [PX_SETSOCKOPT] = any_option,
    [PX_POLL] = fill_ready,
    [PX_EPOLL_CTL] = fill_ready,
    [PX_EPOLL_WAIT] = fill_ready,
    [PX_PIPE] = fill_move,
    [PX_SPLICE] = fill_move,
    [PX_SENDFILE] = fill_move,
    [PX_OPEN] = fill_move,
};

static void fill(struct slot *s)
{
    struct px_call *c = &s->call;
    any_name(s);
    any_message(s);
    *c = (struct px_call){.op = (enum px_op)dice(PX_OPS), .fd = any_fd()};
    if ((c->op == PX_CLOSE || c->op == PX_SHUTDOWN) && dice(8))
        c->op = dice(2) ? PX_WRITE : PX_READ; /* or little would ever be open */
    (fillers[c->op] ? fillers[c->op] : fill_io)(s);
}

static struct slot *free_slot(void)
{
    for (int i = 0; i < WAITERS; i++) {
        slots[i].busy = slots[i].busy && waits(&slots[i].call);
        if (!slots[i].busy)
            return &slots[i];
    }
    return NULL;
}

static void check_result(const struct px_call *c)
{
    assert_true(c->result >= -1);
    assert_true((c->result == -1) == (c->err != 0));
    assert_in_range(c->err, 0, 200);
}

static void one_call(void)
{
    struct slot *s = free_slot();
    int host = (int)dice(2);
    if (!s) {
        give_up(net.waiting[0].host, net.waiting[0].call);
        return;
    }
    fill(s);
    s->busy = begin(host, &s->call);
    if (!s->busy)
        check_result(&s->call);
}

static void one_packet(void)
{
    if (net.count == 0)
        return;
    struct flying *f = &net.flying[dice(net.count)];
    if (dice(3) == 0)
        f->bytes[dice((uint32_t)f->len)] ^= (uint8_t)(1 + dice(255));
    else if (f->len > 1)
        f->len = 1 + dice((uint32_t)f->len);
}

/* Something of everything is open at the beginning. */
static void open_all(void)
{
    int fds[2];
    struct px_call c = {.op = PX_PIPE, .pipe = {fds, O_NONBLOCK}};
    int listener = open_pair(dice(2) ? AF_INET : AF_INET6, fds);
    struct sockaddr_storage to = address(AF_INET, 0, 80);
    for (int host = 0; host < 2; host++) {
        int udp = open_socket(host, AF_INET, SOCK_DGRAM);
        struct sockaddr_storage any = address(AF_INET, -1, 80);
        assert_int_equal(now(host, c_bind(udp, &any)), 0);
        if (dice(2))
            assert_int_equal(now(host, c_connect(udp, &to)), 0);
        open_socket(host, AF_INET6, SOCK_STREAM);
        assert_int_equal(now(host, c), 0);
        struct px_call set = {.op = PX_EPOLL_CREATE, .epoll_create = {1}};
        int e = (int)now(host, set);
        struct epoll_event event = {.events = EPOLLIN | (dice(2) ? EPOLLET : 0U)};
        struct px_call add = {.op = PX_EPOLL_CTL,
                              .fd = e,
                              .epoll_ctl = {EPOLL_CTL_ADD, host ? listener : fds[0], &event}};
        assert_int_equal(now(host, add), 0);
    }
}

static void run_seed(uint64_t seed)
{
    state_of_dice = seed * UINT64_C(0x9e3779b97f4a7c15);
    net_open(NULL);
    memset(slots, 0, sizeof(slots));
    for (int host = 0; host < 2; host++)
        (void)px_setting(net.hosts[host], "net.ipv4.tcp_fastopen", dice(2) ? "0x603" : "0");
    open_all();
    for (int i = 0; i < 600; i++) {
        one_call();
        if (dice(4) == 0)
            net_run(dice(30) * MS);
        if (dice(30) == 0)
            one_packet();
        net.cut = dice(40) == 0;
    }
    while (net.waiters > 0)
        give_up(net.waiting[0].host, net.waiting[0].call);
    for (int host = 0; host < 2; host++) {
        px_close_all(net.hosts[host], net.now_ns);
        for (int fd = 0; fd < 64; fd++)
            assert_int_equal(px_fd_kind(net.hosts[host], fd), PX_KIND_NONE);
    }
    net_close(NULL);
}

static void test_random_programs(void **state)
{
    const char *from = getenv("SEED");
    if (from) {
        run_seed(strtoull(from, NULL, 0));
        return;
    }
    for (uint64_t seed = 1; seed <= 150; seed++)
        run_seed(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_programs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
