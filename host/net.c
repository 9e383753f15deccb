/* Addresses, routes and interfaces of the kernel over rtnetlink(7), with libmnl.
 *
 * Every call opens a socket, because a socket belongs to the network namespace it was made in. */
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <time.h>

#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>

#include <lastack/host.h>

#include "link/message.h"

#define NET_MESSAGE_MAX 8192 /* what libmnl advises for a page of 4096 or more */

struct request {
    struct nlmsghdr *nlh;
    _Alignas(struct nlmsghdr) char bytes[NET_MESSAGE_MAX];
};

static void request_begin(struct request *r, uint16_t type, uint16_t flags)
{
    r->nlh = mnl_nlmsg_put_header(r->bytes);
    r->nlh->nlmsg_type = type;
    r->nlh->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
    r->nlh->nlmsg_seq = 1;
}

static struct ifinfomsg *request_link(struct request *r, uint16_t type, uint16_t flags, int ifindex)
{
    request_begin(r, type, flags);
    struct ifinfomsg *link = mnl_nlmsg_put_extra_header(r->nlh, sizeof(*link));
    link->ifi_family = AF_UNSPEC;
    link->ifi_index = ifindex;
    return link;
}

/* Sends the request and reads answers to the end; `answer` may be NULL. Returns an errno or 0. */
static int exchange(struct mnl_socket *socket, struct request *r, mnl_cb_t answer, void *data)
{
    if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
        mnl_socket_sendto(socket, r->nlh, r->nlh->nlmsg_len) < 0)
        return errno;
    unsigned port = mnl_socket_get_portid(socket);
    for (;;) {
        ssize_t got = mnl_socket_recvfrom(socket, r->bytes, sizeof(r->bytes));
        if (got < 0)
            return errno;
        int rc = mnl_cb_run(r->bytes, (size_t)got, 1, port, answer, data);
        if (rc < 0)
            return errno;
        if (rc == MNL_CB_STOP)
            return 0;
    }
}

static int request_run(struct request *r, mnl_cb_t answer, void *data)
{
    struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    if (!socket)
        return errno;
    int error = exchange(socket, r, answer, data);
    mnl_socket_close(socket);
    return error;
}

/* The sentence for a request that failed, and its la_err. */
static int failed(int error, struct la_message *why, const char *what, const char *ifname)
{
    if (error == EPERM || error == EACCES)
        message_set(why, "cannot %s %s: no right to; run as root or in a namespace of your own",
                    what, ifname);
    else if (error == ENODEV)
        message_set(why, "cannot %s %s: no such interface here; see ip link", what, ifname);
    else
        message_set(why, "cannot %s %s: %s", what, ifname, strerror(error));
    return message_error(error);
}

static uint8_t family_of(const struct la_addr *addr)
{
    return la_addr_is_v4(addr) ? AF_INET : AF_INET6;
}

static void attr_put_addr(struct nlmsghdr *nlh, uint16_t type, const struct la_addr *addr)
{
    if (la_addr_is_v4(addr))
        mnl_attr_put(nlh, type, 4, addr->b + 12);
    else
        mnl_attr_put(nlh, type, sizeof(addr->b), addr->b);
}

static int route_type(const struct nlmsghdr *nlh, void *data)
{
    const struct rtmsg *route = mnl_nlmsg_get_payload(nlh);
    *(uint8_t *)data = route->rtm_type;
    return MNL_CB_OK;
}

/* Does the kernel take packets to this address? */
static bool address_is_local(const struct la_addr *addr)
{
    uint8_t type = RTN_UNSPEC;
    struct request r;
    request_begin(&r, RTM_GETROUTE, 0);
    struct rtmsg *route = mnl_nlmsg_put_extra_header(r.nlh, sizeof(*route));
    route->rtm_family = family_of(addr);
    route->rtm_dst_len = route->rtm_family == AF_INET ? 32 : 128;
    attr_put_addr(r.nlh, RTA_DST, addr);
    return request_run(&r, route_type, &type) == 0 && type == RTN_LOCAL;
}

/* An IPv6 address works only when a worker of the kernel has made its route, soon after the call
 * that adds it has returned; a packet that comes before is lost. */
static void address_wait(const struct la_addr *addr)
{
    const struct timespec nap = {.tv_nsec = 200 * LA_NS_PER_US};
    for (int i = 0; i < 1000 && !address_is_local(addr); i++)
        nanosleep(&nap, NULL);
}

int la_net_addr_add(const char *ifname, const struct la_addr *addr, uint8_t prefix,
                    struct la_message *why)
{
    unsigned ifindex = if_nametoindex(ifname);
    if (ifindex == 0)
        return failed(ENODEV, why, "give an address to", ifname);
    struct request r;
    request_begin(&r, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE);
    struct ifaddrmsg *ifa = mnl_nlmsg_put_extra_header(r.nlh, sizeof(*ifa));
    ifa->ifa_family = family_of(addr);
    ifa->ifa_prefixlen = prefix;
    ifa->ifa_index = ifindex;
    /* Nobody else can have it on a link that was just made; waiting would cost a second. */
    ifa->ifa_flags = ifa->ifa_family == AF_INET6 ? IFA_F_NODAD : 0;
    attr_put_addr(r.nlh, IFA_LOCAL, addr);
    attr_put_addr(r.nlh, IFA_ADDRESS, addr);
    int error = request_run(&r, NULL, NULL);
    if (error)
        return failed(error, why, "give an address to", ifname);
    address_wait(addr);
    return 0;
}

int la_net_route_add(const char *ifname, const struct la_addr *net, uint8_t prefix,
                     const struct la_addr *gateway, struct la_message *why)
{
    unsigned ifindex = if_nametoindex(ifname);
    if (ifindex == 0)
        return failed(ENODEV, why, "route over", ifname);
    struct request r;
    request_begin(&r, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);
    struct rtmsg *route = mnl_nlmsg_put_extra_header(r.nlh, sizeof(*route));
    route->rtm_family = family_of(net);
    route->rtm_dst_len = prefix;
    route->rtm_table = RT_TABLE_MAIN;
    route->rtm_protocol = RTPROT_STATIC;
    route->rtm_scope = gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
    route->rtm_type = RTN_UNICAST;
    attr_put_addr(r.nlh, RTA_DST, net);
    if (gateway)
        attr_put_addr(r.nlh, RTA_GATEWAY, gateway);
    mnl_attr_put_u32(r.nlh, RTA_OIF, ifindex);
    int error = request_run(&r, NULL, NULL);
    return error ? failed(error, why, "route over", ifname) : 0;
}

int la_net_link_up(const char *ifname, uint32_t mtu, struct la_message *why)
{
    unsigned ifindex = if_nametoindex(ifname);
    if (ifindex == 0)
        return failed(ENODEV, why, "bring up", ifname);
    struct request r;
    struct ifinfomsg *link = request_link(&r, RTM_NEWLINK, 0, (int)ifindex);
    link->ifi_flags = IFF_UP;
    link->ifi_change = IFF_UP;
    if (mtu > 0)
        mnl_attr_put_u32(r.nlh, IFLA_MTU, mtu);
    int error = request_run(&r, NULL, NULL);
    return error ? failed(error, why, "bring up", ifname) : 0;
}

/* What a link must be to carry packets. */
struct link_state {
    bool running;
    bool queueing; /* before, whatever is sent on it is thrown away */
};

static int state_attr(const struct nlattr *attr, void *data)
{
    struct link_state *state = data;
    if (mnl_attr_get_type(attr) == IFLA_QDISC)
        state->queueing = strcmp(mnl_attr_get_str(attr), "noop") != 0;
    return MNL_CB_OK;
}

static int state_read(const struct nlmsghdr *nlh, void *data)
{
    struct link_state *state = data;
    const struct ifinfomsg *link = mnl_nlmsg_get_payload(nlh);
    state->running = link->ifi_flags & IFF_RUNNING;
    return mnl_attr_parse(nlh, sizeof(*link), state_attr, data) < 0 ? MNL_CB_ERROR : MNL_CB_OK;
}

int la_net_link_wait(const char *ifname, struct la_message *why)
{
    unsigned ifindex = if_nametoindex(ifname);
    if (ifindex == 0)
        return failed(ENODEV, why, "wait for", ifname);
    const struct timespec nap = {.tv_nsec = 500 * LA_NS_PER_US};
    for (int i = 0; i < 2000; i++) {
        struct link_state state = {0};
        struct request r;
        request_link(&r, RTM_GETLINK, 0, (int)ifindex);
        int error = request_run(&r, state_read, &state);
        if (error)
            return failed(error, why, "wait for", ifname);
        if (state.running && state.queueing)
            return 0;
        nanosleep(&nap, NULL);
    }
    message_set(why, "%s does not come up: is its other end up?", ifname);
    return LA_ENETDOWN;
}

/* One try at it; `v6`: also forbid link-local addresses, which fails where there is no IPv6. */
static int link_quiet(unsigned ifindex, bool v6)
{
    struct request r;
    struct ifinfomsg *link = request_link(&r, RTM_NEWLINK, 0, (int)ifindex);
    link->ifi_flags = IFF_NOARP;
    link->ifi_change = IFF_NOARP;
    if (v6) {
        struct nlattr *spec = mnl_attr_nest_start(r.nlh, IFLA_AF_SPEC);
        struct nlattr *inet6 = mnl_attr_nest_start(r.nlh, AF_INET6);
        mnl_attr_put_u8(r.nlh, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
        mnl_attr_nest_end(r.nlh, inet6);
        mnl_attr_nest_end(r.nlh, spec);
    }
    return request_run(&r, NULL, NULL);
}

int la_net_link_quiet(const char *ifname, struct la_message *why)
{
    unsigned ifindex = if_nametoindex(ifname);
    if (ifindex == 0)
        return failed(ENODEV, why, "quieten", ifname);
    int error = link_quiet(ifindex, true);
    if (error == EAFNOSUPPORT)
        error = link_quiet(ifindex, false);
    return error ? failed(error, why, "quieten", ifname) : 0;
}

int la_net_link_queue(const char *ifname, uint32_t frames, struct la_message *why)
{
    unsigned ifindex = if_nametoindex(ifname);
    if (ifindex == 0)
        return failed(ENODEV, why, "lengthen the queue of", ifname);
    struct request r;
    request_link(&r, RTM_NEWLINK, 0, (int)ifindex);
    mnl_attr_put_u32(r.nlh, IFLA_TXQLEN, frames);
    int error = request_run(&r, NULL, NULL);
    return error ? failed(error, why, "lengthen the queue of", ifname) : 0;
}

int la_net_veth_add(const char *a, const char *b, struct la_message *why)
{
    struct request r;
    request_link(&r, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
    mnl_attr_put_strz(r.nlh, IFLA_IFNAME, a);
    struct nlattr *info = mnl_attr_nest_start(r.nlh, IFLA_LINKINFO);
    mnl_attr_put_strz(r.nlh, IFLA_INFO_KIND, "veth");
    struct nlattr *data = mnl_attr_nest_start(r.nlh, IFLA_INFO_DATA);
    struct nlattr *peer = mnl_attr_nest_start(r.nlh, VETH_INFO_PEER);
    mnl_nlmsg_put_extra_header(r.nlh, sizeof(struct ifinfomsg));
    mnl_attr_put_strz(r.nlh, IFLA_IFNAME, b);
    mnl_attr_nest_end(r.nlh, peer);
    mnl_attr_nest_end(r.nlh, data);
    mnl_attr_nest_end(r.nlh, info);
    int error = request_run(&r, NULL, NULL);
    return error ? failed(error, why, "make the veth pair", a) : 0;
}

int la_net_link_del(const char *ifname, struct la_message *why)
{
    unsigned ifindex = if_nametoindex(ifname);
    if (ifindex == 0)
        return failed(ENODEV, why, "delete", ifname);
    struct request r;
    request_link(&r, RTM_DELLINK, 0, (int)ifindex);
    int error = request_run(&r, NULL, NULL);
    return error ? failed(error, why, "delete", ifname) : 0;
}

static int drops_attr(const struct nlattr *attr, void *data)
{
    struct la_net_drops *drops = data;
    struct rtnl_link_stats64 stats = {0};
    if (mnl_attr_get_type(attr) != IFLA_STATS64)
        return MNL_CB_OK;
    size_t len = mnl_attr_get_payload_len(attr); /* grows from kernel to kernel */
    memcpy(&stats, mnl_attr_get_payload(attr), len < sizeof(stats) ? len : sizeof(stats));
    drops->to_us = stats.tx_dropped;
    drops->from_us = stats.rx_dropped;
    return MNL_CB_STOP;
}

static int drops_read(const struct nlmsghdr *nlh, void *data)
{
    return mnl_attr_parse(nlh, sizeof(struct ifinfomsg), drops_attr, data) < 0 ? MNL_CB_ERROR
                                                                               : MNL_CB_OK;
}

int la_net_link_drops(const char *ifname, struct la_net_drops *drops, struct la_message *why)
{
    unsigned ifindex = if_nametoindex(ifname);
    if (ifindex == 0)
        return failed(ENODEV, why, "ask about", ifname);
    *drops = (struct la_net_drops){0};
    struct request r;
    request_link(&r, RTM_GETLINK, 0, (int)ifindex);
    int error = request_run(&r, drops_read, drops);
    return error ? failed(error, why, "ask about", ifname) : 0;
}
