/* What TUN, TAP and AF_PACKET have in common: a descriptor that gives and takes one packet a
 * call, with or without a struct virtio_net_hdr in front.
 *
 * Sending hands the pieces of a frame to writev(), so nothing is copied here. Receiving reads
 * straight into a buffer that can hold a super-segment; a packet that would waste most of it is
 * copied into a buffer of its size and the big one serves for the next read. When the stack's
 * budget has no big buffer, packets go through memory of the link and what still finds no buffer
 * is dropped, as a network card does: waiting would keep out the ACKs that free memory.
 *
 * Invariant: `big` belongs to `stack`; so the link must be closed before the stack is destroyed. */
#ifndef LINK_DEVICE_H
#define LINK_DEVICE_H

#include <net/if.h>

#include <lastack/link.h>

struct device {
    struct la_link link; /* first: a device is a link */
    bool vnet;
    struct la_stack *stack;
    struct la_buf *big;
    uint8_t *spare; /* LA_BUF_MAX bytes, for when the stack has no big buffer */
};

/* Wraps `fd` (taken over on success). `kind` and `ifname` make the name in messages. */
struct device *device_new(const struct la_link_ops *ops, int fd, const char *kind,
                          const char *ifname);

int device_recv(struct la_link *link, struct la_stack *stack, struct la_frame *frames, size_t max,
                uint64_t now_ns);
int device_send(struct la_link *link, struct la_frame *frames, size_t n, uint64_t now_ns);
void device_close(struct la_link *link);

/* What the kernel says of an interface in the present namespace. */
struct device_interface {
    uint32_t mtu;
    uint8_t mac[6];
};
int device_interface_get(const char *ifname, struct device_interface *interface);
int device_mtu_set(const char *ifname, uint32_t mtu);

/* The address of our end of a wire whose other end has `theirs`: locally administered, unicast,
 * not the same. */
void device_mac_from(const uint8_t theirs[6], uint8_t ours[6]);

#endif
