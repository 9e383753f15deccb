/* Reading and writing packets on a descriptor of the kernel: see device.h. */
#include "link/device.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "link/message.h"
#include "link/vnet.h"

/* A received packet keeps the big buffer only when it fills at least a quarter of it: a reader
 * that is slow is charged by the memory it holds. */
#define KEEP_BIG_MIN (LA_BUF_MAX / 4)

/* A batch ends after about this much, so that its bytes are still in the second-level cache when
 * the stack reads them. */
#define BATCH_BYTES_MAX (512 * 1024)

enum took { TOOK_NOTHING, TOOK_FRAME, TOOK_DROPPED };

struct device *device_new(const struct la_link_ops *ops, int fd, const char *kind,
                          const char *ifname)
{
    struct device *device = calloc(1, sizeof(*device));
    if (!device)
        return NULL;
    device->spare = malloc(LA_BUF_MAX);
    if (!device->spare) {
        free(device);
        return NULL;
    }
    device->link.ops = ops;
    device->link.fd = fd;
    snprintf(device->link.name, sizeof(device->link.name), "%s:%s", kind, ifname);
    return device;
}

void device_close(struct la_link *link)
{
    struct device *device = (struct device *)link;
    if (device->big)
        la_buf_put(device->stack, device->big);
    close(link->fd);
    free(device->spare);
    free(device);
}

/* Makes a received frame of the `len` bytes at device->spare or in device->big. */
static bool frame_take(struct device *device, struct la_frame *frame, size_t len)
{
    struct la_buf *buf = device->big;
    if (buf && len >= KEEP_BIG_MIN) {
        device->big = NULL;
    } else {
        const uint8_t *bytes = buf ? buf->data : device->spare;
        buf = la_buf_get(device->stack, len);
        if (!buf)
            return false;
        memcpy(buf->data, bytes, len);
    }
    buf->len = (uint32_t)len;
    la_frame_from_buf(frame, buf);
    return true;
}

static int read_error(struct la_link *link)
{
    switch (errno) {
    case EAGAIN:
    case EINTR:
    case ENETDOWN: /* AF_PACKET says once that the interface went down; it may come back */
        return TOOK_NOTHING;
    case EINVAL: /* AF_PACKET: a super-segment that virtio_net_hdr cannot say, gone already */
        link->dropped++;
        return TOOK_DROPPED;
    case EBADFD:
        return LA_ENETDOWN;
    default:
        return message_error(errno);
    }
}

static int read_one(struct device *device, struct la_frame *frame)
{
    struct la_link *link = &device->link;
    if (!device->big)
        device->big = la_buf_get(device->stack, LA_BUF_MAX);

    struct virtio_net_hdr header = {0};
    size_t header_len = device->vnet ? sizeof(header) : 0;
    struct iovec iov[2] = {
        {.iov_base = &header, .iov_len = header_len},
        {.iov_base = device->big ? device->big->data : device->spare, .iov_len = LA_BUF_MAX},
    };
    ssize_t got = readv(link->fd, iov, 2);
    if (got < 0)
        return read_error(link);
    size_t len = (size_t)got;
    if (len <= header_len || !frame_take(device, frame, len - header_len)) {
        link->dropped++;
        return TOOK_DROPPED;
    }
    if (device->vnet && !vnet_to_frame(&header, frame)) {
        la_buf_put(device->stack, frame->frag[0].buf);
        link->dropped++;
        return TOOK_DROPPED;
    }
    link->frames_in++;
    link->bytes_in += frame->len;
    return TOOK_FRAME;
}

int device_recv(struct la_link *link, struct la_stack *stack, struct la_frame *frames, size_t max,
                uint64_t now_ns)
{
    (void)now_ns;
    struct device *device = (struct device *)link;
    device->stack = stack;
    size_t n = 0;
    size_t bytes = 0;
    for (size_t tries = 0; tries < max && bytes < BATCH_BYTES_MAX; tries++) {
        int took = read_one(device, &frames[n]);
        if (took < 0 && n == 0)
            return took;
        if (took < 0 || took == TOOK_NOTHING)
            break;
        if (took == TOOK_FRAME)
            bytes += frames[n++].len;
    }
    return (int)n;
}

/* 1: gone (sent, or lost as on a wire), 0: full, negative: the device is no more. */
static int write_error(struct la_link *link)
{
    switch (errno) {
    case EAGAIN:
    case EINTR:
        return 0;
    case EBADFD:
    case ENXIO:
    case ENODEV:
        return LA_ENETDOWN;
    default:
        /* Down (EIO, ENETDOWN), no room in the interface's queue (ENOBUFS, which no poll() would
         * announce the end of), or refused (EINVAL, EMSGSIZE): lost, and counted. */
        link->dropped++;
        return 1;
    }
}

static int write_one(struct device *device, const struct la_frame *frame)
{
    struct virtio_net_hdr header;
    struct iovec iov[1 + LA_FRAGS_MAX];
    int count = 0;
    if (device->vnet) {
        vnet_from_frame(&header, frame);
        iov[count++] = (struct iovec){.iov_base = &header, .iov_len = sizeof(header)};
    }
    for (size_t i = 0; i < frame->nfrags; i++)
        iov[count++] =
            (struct iovec){.iov_base = frame->frag[i].data, .iov_len = frame->frag[i].len};
    if (writev(device->link.fd, iov, count) < 0)
        return write_error(&device->link);
    device->link.frames_out++;
    device->link.bytes_out += frame->len;
    return 1;
}

int device_send(struct la_link *link, struct la_frame *frames, size_t n, uint64_t now_ns)
{
    (void)now_ns;
    struct device *device = (struct device *)link;
    size_t taken = 0;
    while (taken < n) {
        int rc = write_one(device, &frames[taken]);
        if (rc < 0 && taken == 0)
            return rc;
        if (rc <= 0)
            break;
        taken++;
    }
    return (int)taken;
}

/* One ioctl about an interface, on a socket that lives as long. */
static int interface_ioctl(unsigned long request, const char *ifname, struct ifreq *ifr)
{
    if (strlen(ifname) >= sizeof(ifr->ifr_name))
        return LA_ENODEV;
    memcpy(ifr->ifr_name, ifname, strlen(ifname) + 1);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return message_error(errno);
    int rc = ioctl(fd, request, ifr) < 0 ? message_error(errno) : 0;
    close(fd);
    return rc;
}

int device_interface_get(const char *ifname, struct device_interface *interface)
{
    struct ifreq ifr = {0};
    int rc = interface_ioctl(SIOCGIFMTU, ifname, &ifr);
    if (rc < 0)
        return rc;
    interface->mtu = (uint32_t)ifr.ifr_mtu;
    rc = interface_ioctl(SIOCGIFHWADDR, ifname, &ifr);
    if (rc < 0)
        return rc;
    memcpy(interface->mac, ifr.ifr_hwaddr.sa_data, sizeof(interface->mac));
    return 0;
}

int device_mtu_set(const char *ifname, uint32_t mtu)
{
    struct ifreq ifr = {0};
    ifr.ifr_mtu = (int)mtu;
    return interface_ioctl(SIOCSIFMTU, ifname, &ifr);
}

void device_mac_from(const uint8_t theirs[6], uint8_t ours[6])
{
    memcpy(ours, theirs, 6);
    ours[0] = (uint8_t)((ours[0] & 0xfc) | 0x02);
    ours[5] ^= 1;
}
