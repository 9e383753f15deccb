/* AF_PACKET on an interface: packet(7).
 *
 * PACKET_VNET_HDR carries super-segments and partial checksums in both directions, and
 * PACKET_IGNORE_OUTGOING keeps our own frames and the kernel's away from us. Our end has a
 * hardware address of its own, so the interface hears everything (promiscuous). The interface
 * should have no addresses of the kernel's, or both would answer: la_net_link_quiet(). */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "link/device.h"
#include "link/message.h"

/* The kernel charges a socket with the memory of every frame under way: the default of 208 KiB
 * is two super-segments. */
#define RECEIVE_BYTES (32 * 1024 * 1024)
#define SEND_BYTES    (8 * 1024 * 1024)

static const struct la_link_ops packet_ops = {
    .kind = "packet", .recv = device_recv, .send = device_send, .close = device_close};

static int packet_failed(int error, const char *ifname, struct la_message *why)
{
    if (error == EPERM || error == EACCES)
        message_set(why,
                    "no right to open a packet socket on %s: run as root, with "
                    "CAP_NET_RAW, or without --link in a namespace of its own",
                    ifname);
    else if (error == ENODEV)
        message_set(why, "no interface %s in this network namespace: see ip link", ifname);
    else
        message_set(why, "cannot use a packet socket on %s: %s", ifname, strerror(error));
    return message_error(error);
}

static void packet_buffers(int fd)
{
    const int receive = RECEIVE_BYTES;
    const int send = SEND_BYTES;
    /* FORCE needs CAP_NET_ADMIN; without it the system's limit has to do. */
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive, sizeof(receive)) < 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive, sizeof(receive));
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &send, sizeof(send)) < 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send, sizeof(send));
}

/* Options first, bind last: no frame may arrive before they hold. Returns 0 or -1 with errno. */
static int packet_bind(int fd, int ifindex)
{
    const int on = 1;
    const struct packet_mreq everything = {.mr_ifindex = ifindex, .mr_type = PACKET_MR_PROMISC};
    const struct sockaddr_ll address = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = ifindex};
    if (setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) < 0 ||
        setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) < 0 ||
        setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &everything, sizeof(everything)) < 0)
        return -1;
    packet_buffers(fd);
    return bind(fd, (const struct sockaddr *)&address, sizeof(address));
}

int la_link_packet(const char *ifname, const uint8_t mac[6], struct la_link **link,
                   struct la_message *why)
{
    int ifindex = (int)if_nametoindex(ifname);
    if (ifindex == 0)
        return packet_failed(ENODEV, ifname, why);
    struct device_interface interface;
    int rc = device_interface_get(ifname, &interface);
    if (rc < 0)
        return packet_failed(-rc, ifname, why);
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return packet_failed(errno, ifname, why);
    if (packet_bind(fd, ifindex) < 0) {
        int error = errno;
        close(fd);
        return packet_failed(error, ifname, why);
    }
    struct device *device = device_new(&packet_ops, fd, "packet", ifname);
    if (!device) {
        close(fd);
        return packet_failed(ENOMEM, ifname, why);
    }
    device->vnet = true;
    struct la_link_info *info = &device->link.info;
    info->type = LA_LINK_ETHERNET;
    info->offloads = LA_OFFLOAD_TX_CSUM | LA_OFFLOAD_TSO4 | LA_OFFLOAD_TSO6;
    info->mtu = interface.mtu;
    info->gso_max = 65535;
    if (mac)
        memcpy(info->mac, mac, sizeof(info->mac));
    else
        device_mac_from(interface.mac, info->mac);
    *link = &device->link;
    return 0;
}
