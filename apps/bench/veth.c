/* veth-kernel: the same stream between two kernels, to compare with: over a veth pair with the
 * offloads that it has by default, from this namespace into a second one. */
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "apps/bench/bench.h"
#include "apps/bench/live.h"

#define HERE  "bench0"
#define THERE "bench1"
#define PORT  5003

static const struct la_endpoint there = {
    .addr = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 88, 0, 2}}, .port = PORT};

/* Moves an interface to the network namespace of a process. */
static bool link_move(const char *ifname, pid_t pid)
{
    char buffer[8192]; /* MNL_SOCKET_BUFFER_SIZE at most */
    struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
    struct ifinfomsg *link = mnl_nlmsg_put_extra_header(message, sizeof(*link));
    message->nlmsg_type = RTM_NEWLINK;
    message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    message->nlmsg_seq = 1;
    link->ifi_index = (int)if_nametoindex(ifname);
    mnl_attr_put_u32(message, IFLA_NET_NS_PID, (uint32_t)pid);
    struct mnl_socket *s = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    if (!s)
        return false;
    ssize_t got = -1;
    if (mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) == 0 &&
        mnl_socket_sendto(s, message, message->nlmsg_len) > 0)
        got = mnl_socket_recvfrom(s, buffer, sizeof(buffer));
    if (got > 0)
        got = mnl_cb_run(buffer, (size_t)got, 1, mnl_socket_get_portid(s), NULL, NULL);
    mnl_socket_close(s);
    return got >= 0;
}

static bool address_give(struct live_page *page, const char *ifname, uint8_t host)
{
    struct la_message why;
    struct la_addr addr = la_addr_v4(10, 88, 0, host);
    if (la_net_link_up(ifname, 0, &why) == 0 && la_net_addr_add(ifname, &addr, 24, &why) == 0)
        return true;
    live_failed(page, "%s", why.text);
    return false;
}

/* The far side: a namespace of its own, says so, is given its end, says that it listens. */
static bool far_side(struct live_page *page, int control)
{
    char byte = 0;
    if (unshare(CLONE_NEWNET) < 0) {
        live_failed(page, "no second network namespace: %s", strerror(errno));
        return false;
    }
    if (write(control, &byte, 1) != 1 || read(control, &byte, 1) != 1 ||
        !address_give(page, THERE, 2))
        return false;
    int listener = kernel_listen(page, &there);
    if (listener < 0 || write(control, &byte, 1) != 1)
        return false;
    int fd = kernel_accept(page, listener);
    return fd >= 0 && kernel_receive(page, fd);
}

static bool near_side(struct live_page *page, int control, pid_t far, double seconds)
{
    struct la_message why;
    char byte = 0;
    if (read(control, &byte, 1) != 1)
        return false;
    if (la_net_veth_add(HERE, THERE, &why) < 0) {
        live_failed(page, "%s", why.text);
        return false;
    }
    if (!link_move(THERE, far)) {
        live_failed(page, "cannot move %s to its namespace: %s", THERE, strerror(errno));
        return false;
    }
    if (!address_give(page, HERE, 1) || write(control, &byte, 1) != 1 ||
        read(control, &byte, 1) != 1)
        return false;
    int fd = kernel_connect(page, &there);
    return fd >= 0 && kernel_send(page, fd, seconds);
}

bool veth_measure(struct live_page *page, int cpu_from, int cpu_to, double seconds)
{
    int control[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) < 0) {
        live_failed(page, "no pair of sockets: %s", strerror(errno));
        return false;
    }
    pid_t far = live_fork(page, cpu_to, seconds);
    if (far == 0) {
        close(control[0]);
        _exit(far_side(page, control[1]) ? 0 : 1);
    }
    close(control[1]);
    cpu_pin(cpu_from);
    bool sent = far > 0 && near_side(page, control[0], far, seconds);
    close(control[0]);
    bool received = far > 0 && live_join(page, far, "the kernel's receiver");
    if (!sent || !received)
        return false;
    page->veth = (double)page->received_bytes * 8 / page->received_seconds / 1e9;
    return true;
}
