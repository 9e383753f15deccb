/* struct virtio_net_hdr: how checksum and segmentation offload cross into the kernel and back
 * (virtio 1.2, 5.1.6; TUN with IFF_VNET_HDR, AF_PACKET with PACKET_VNET_HDR).
 *
 * Who cuts a super-segment leaves CWR on the first segment alone. That is right for classic ECN and
 * would change the counter of accurate ECN (RFC 9768 3.3.4), so a stack never sets the bit on a
 * super-segment; other senders of classic ECN do. */
#ifndef LINK_VNET_H
#define LINK_VNET_H

#include <stdbool.h>

#include <linux/virtio_net.h>

#include <lastack/frame.h>

void vnet_from_frame(struct virtio_net_hdr *header, const struct la_frame *frame);

/* Fills in checksum and segmentation of a received frame; false when the kernel used a kind of
 * segmentation that no frame can describe (it was never offered, so only a foreign socket on the
 * same interface can cause it). hdr_len stays 0: the kernel's is a hint and may be anything. */
bool vnet_to_frame(const struct virtio_net_hdr *header, struct la_frame *frame);

#endif
