/* TUN (IP packets) and TAP (Ethernet frames): Documentation/networking/tuntap.rst.
 *
 * With IFF_VNET_HDR the kernel takes and gives super-segments to 64 KiB and partial checksums;
 * TUNSETOFFLOAD says that we take them too. A TUN queue that is full drops without telling the
 * sender: la_net_link_queue() makes it longer, la_net_link_drops() counts what it dropped. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/if_tun.h>
#include <linux/virtio_net.h>

#include "link/device.h"
#include "link/message.h"

#define TUN_PATH "/dev/net/tun"

static const struct la_link_ops tun_ops = {
    .kind = "tun", .recv = device_recv, .send = device_send, .close = device_close};

static int open_failed(int error, struct la_message *why)
{
    if (error == ENOENT || error == ENODEV || error == ENXIO)
        message_set(why, TUN_PATH " is missing: load the tun module (modprobe tun), or make the "
                                  "node (mknod " TUN_PATH " c 10 200), or use packet:IFNAME");
    else if (error == EACCES || error == EPERM)
        message_set(why, TUN_PATH " may not be opened (permission denied): as root run chmod 666 "
                                  "on it, which is the usual mode, or use packet:IFNAME");
    else
        message_set(why, "cannot open " TUN_PATH ": %s", strerror(error));
    return message_error(error);
}

static int attach_failed(int error, const char *name, struct la_message *why)
{
    switch (error) {
    case EPERM:
    case EACCES:
        message_set(why,
                    "no right to use TUN device %s: run as root, or let root make it for "
                    "you (ip tuntap add dev %s mode tun user $USER)",
                    name, name);
        break;
    case EBUSY:
        message_set(why,
                    "TUN device %s is in use by another process: end that one or choose "
                    "another name",
                    name);
        break;
    case EINVAL:
        message_set(why,
                    "%s exists and is no device of this kind: choose another name, or change "
                    "tun: to tap: or back",
                    name);
        break;
    default:
        message_set(why, "cannot use TUN device %s: %s", name, strerror(error));
        break;
    }
    return message_error(error);
}

/* Attaches the descriptor to the device; writes the name the kernel chose into `ifr`. */
static int tun_attach(int fd, const struct la_tun_options *options, struct ifreq *ifr,
                      struct la_message *why)
{
    const char *name = options->name ? options->name : "";
    if (strlen(name) >= sizeof(ifr->ifr_name)) {
        message_set(why, "device name %s is too long: 15 characters at most", name);
        return LA_EINVAL;
    }
    memcpy(ifr->ifr_name, name, strlen(name) + 1);
    int flags = IFF_NO_PI | (options->tap ? IFF_TAP : IFF_TUN) | (options->vnet ? IFF_VNET_HDR : 0);
    ifr->ifr_flags = (short)flags;
    if (ioctl(fd, TUNSETIFF, ifr) < 0)
        return attach_failed(errno, name, why);
    if (!options->vnet)
        return 0;

    int header_len = sizeof(struct virtio_net_hdr);
    if (ioctl(fd, TUNSETVNETHDRSZ, &header_len) < 0 ||
        ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) < 0) {
        int error = errno;
        message_set(why, "%s offers no segmentation offload (%s): use tun-plain:%s", ifr->ifr_name,
                    strerror(error), ifr->ifr_name);
        return message_error(error);
    }
    return 0;
}

static int tun_describe(struct device *device, const struct la_tun_options *options,
                        const char *ifname, struct la_message *why)
{
    if (options->mtu > 0) {
        int rc = device_mtu_set(ifname, options->mtu);
        if (rc < 0) {
            message_set(why, "cannot set the MTU of %s to %u: %s", ifname, options->mtu,
                        rc == LA_EINVAL ? "out of range" : la_err_text(rc));
            return rc;
        }
    }
    struct device_interface interface;
    int rc = device_interface_get(ifname, &interface);
    if (rc < 0) {
        message_set(why, "cannot ask about %s: %s", ifname, la_err_text(rc));
        return rc;
    }

    struct la_link_info *info = &device->link.info;
    info->type = options->tap ? LA_LINK_ETHERNET : LA_LINK_IP;
    info->mtu = interface.mtu;
    info->gso_max = options->vnet ? 65535 : 0;
    info->offloads = options->vnet ? LA_OFFLOAD_TX_CSUM | LA_OFFLOAD_TSO4 | LA_OFFLOAD_TSO6 : 0;
    if (options->tap)
        device_mac_from(interface.mac, info->mac);
    device->vnet = options->vnet;
    return 0;
}

int la_link_tun(const struct la_tun_options *options, struct la_link **link, struct la_message *why)
{
    int fd = open(TUN_PATH, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return open_failed(errno, why);
    struct ifreq ifr = {0};
    int rc = tun_attach(fd, options, &ifr, why);
    if (rc < 0) {
        close(fd);
        return rc;
    }
    struct device *device = device_new(&tun_ops, fd, options->tap ? "tap" : "tun", ifr.ifr_name);
    if (!device) {
        close(fd);
        message_set(why, "out of memory for link %s", ifr.ifr_name);
        return LA_ENOMEM;
    }
    rc = tun_describe(device, options, ifr.ifr_name, why);
    if (rc < 0) {
        device_close(&device->link);
        return rc;
    }
    *link = &device->link;
    return 0;
}
