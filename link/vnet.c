/* struct virtio_net_hdr from and to frame descriptors. */
#include "link/vnet.h"

#include <lastack/trace.h>

#define TCP_FLAGS_AT 13

/* A super-segment with CWR has to say so: only the first of its segments keeps the flag (RFC 3168
 * 6.1.2), which not everything that cuts can do. */
static bool carries_cwr(const struct la_frame *frame)
{
    size_t at = (size_t)frame->csum_start + TCP_FLAGS_AT;
    return frame->csum == LA_CSUM_PARTIAL && at < frame->frag[0].len &&
           (frame->frag[0].data[at] & LA_TH_CWR);
}

void vnet_from_frame(struct virtio_net_hdr *header, const struct la_frame *frame)
{
    *header = (struct virtio_net_hdr){0};
    if (frame->csum == LA_CSUM_PARTIAL) {
        header->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
        header->csum_start = frame->csum_start;
        header->csum_offset = frame->csum_offset;
    }
    if (frame->gso == LA_GSO_NONE)
        return;
    header->gso_type =
        frame->gso == LA_GSO_TCP4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
    if (carries_cwr(frame))
        header->gso_type |= VIRTIO_NET_HDR_GSO_ECN;
    header->gso_size = frame->gso_size;
    header->hdr_len = frame->hdr_len;
}

bool vnet_to_frame(const struct virtio_net_hdr *header, struct la_frame *frame)
{
    if (header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
        /* Never left the machine, so it cannot be damaged: as good as verified. */
        frame->csum = LA_CSUM_PARTIAL;
        frame->csum_start = header->csum_start;
        frame->csum_offset = header->csum_offset;
    } else if (header->flags & VIRTIO_NET_HDR_F_DATA_VALID) {
        frame->csum = LA_CSUM_VALID;
    }
    switch (header->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
    case VIRTIO_NET_HDR_GSO_NONE:
        return true;
    case VIRTIO_NET_HDR_GSO_TCPV4:
        frame->gso = LA_GSO_TCP4;
        break;
    case VIRTIO_NET_HDR_GSO_TCPV6:
        frame->gso = LA_GSO_TCP6;
        break;
    default:
        return false;
    }
    frame->gso_size = header->gso_size;
    return header->gso_size > 0;
}
