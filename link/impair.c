/* A wrapper that does to frames what bad networks do: two lanes (link/lane.h) on a link.
 *
 * A super-segment is cut first, so every wire packet meets its own fate, and all checksums are
 * complete, so damage shows. */
#include <stdlib.h>
#include <string.h>

#include "link/cut.h"
#include "link/lane.h"

#define RETRY_NS   (1 * LA_NS_PER_MS) /* when the link below was full */
#define PACKET_MAX (65535 + 14)

struct impair {
    struct la_link link;
    struct lane out, in;
    uint64_t out_retry_ns; /* do not try to send before this */
    uint8_t packet[PACKET_MAX];
};

/* Takes a frame into a lane, packet by wire packet. */
static void take(struct impair *impair, struct lane *lane, const struct la_frame *frame,
                 uint64_t now_ns)
{
    struct la_link *link = &impair->link;
    struct lane_meta meta = {.conn = frame->conn, .reason = frame->reason};
    struct cut cut;
    if (!cut_begin(&cut, frame, (enum la_link_type)link->info.type)) {
        link->dropped++;
        return;
    }
    for (size_t len = cut_size(&cut); len > 0; len = cut_size(&cut)) {
        if (len > sizeof(impair->packet)) {
            link->dropped++;
            return;
        }
        cut_next(&cut, impair->packet);
        if (lane_push(lane, impair->packet, len, meta, now_ns) != LANE_PASSED)
            link->dropped++;
    }
}

/* Hands on what is due. A negative la_err of the link below comes back. */
static int out_flush(struct impair *impair, uint64_t now_ns)
{
    struct la_link *below = impair->link.below;
    struct lane_packet *packet;
    while ((packet = lane_due(&impair->out, now_ns)) != NULL) {
        struct la_frame frame = {.len = packet->len,
                                 .nfrags = 1,
                                 .conn = packet->meta.conn,
                                 .reason = packet->meta.reason,
                                 .frag = {{.data = packet->bytes, .len = packet->len}}};
        int taken = below->ops->send(below, &frame, 1, now_ns);
        if (taken < 0)
            return taken;
        if (taken == 0) {
            impair->out_retry_ns = now_ns + RETRY_NS;
            break;
        }
        lane_pop(&impair->out);
    }
    return 0;
}

static int impair_send(struct la_link *link, struct la_frame *frames, size_t n, uint64_t now_ns)
{
    struct impair *impair = (struct impair *)link;
    for (size_t i = 0; i < n; i++) {
        take(impair, &impair->out, &frames[i], now_ns);
        link->frames_out++;
        link->bytes_out += frames[i].len;
    }
    int rc = out_flush(impair, now_ns);
    return rc < 0 ? rc : (int)n;
}

/* Takes what the link below has into the lane. What becomes of those frames will never be known
 * to it, since they may be lost, cut or doubled here; so it is told so at once. */
static int in_fill(struct impair *impair, struct la_stack *stack, struct la_frame *frames,
                   size_t max, uint64_t now_ns)
{
    struct la_link *below = impair->link.below;
    int n = below->ops->recv(below, stack, frames, max, now_ns);
    for (int i = 0; i < n; i++) {
        take(impair, &impair->in, &frames[i], now_ns);
        la_buf_put(stack, frames[i].frag[0].buf);
        frames[i].reason = LA_NONE;
        frames[i].conn = 0;
    }
    if (n > 0 && below->ops->verdict)
        below->ops->verdict(below, frames, (size_t)n, now_ns);
    return n;
}

static int impair_recv(struct la_link *link, struct la_stack *stack, struct la_frame *frames,
                       size_t max, uint64_t now_ns)
{
    struct impair *impair = (struct impair *)link;
    struct lane *lane = &impair->in;
    int rc = in_fill(impair, stack, frames, max, now_ns);
    if (rc < 0)
        return rc;
    size_t n = 0;
    struct lane_packet *packet;
    while (n < max && (packet = lane_due(lane, now_ns)) != NULL) {
        struct la_buf *buf = la_buf_get(stack, packet->len);
        if (buf) {
            memcpy(buf->data, packet->bytes, packet->len);
            buf->len = packet->len;
            la_frame_from_buf(&frames[n++], buf);
            link->frames_in++;
            link->bytes_in += packet->len;
        } else {
            link->dropped++;
        }
        lane_pop(lane);
    }
    return (int)n;
}

static uint64_t out_deadline(const struct impair *impair)
{
    uint64_t at_ns = lane_next_at(&impair->out);
    return at_ns > impair->out_retry_ns ? at_ns : impair->out_retry_ns;
}

static uint64_t impair_next_deadline(const struct la_link *link)
{
    const struct impair *impair = (const struct impair *)link;
    const struct la_link *below = link->below;
    uint64_t first = below->ops->next_deadline ? below->ops->next_deadline(below) : UINT64_MAX;
    uint64_t out = out_deadline(impair);
    uint64_t in = lane_next_at(&impair->in);
    if (out < first)
        first = out;
    return in < first ? in : first;
}

static void impair_run(struct la_link *link, uint64_t now_ns)
{
    struct impair *impair = (struct impair *)link;
    /* An error of the link below stays with it: the next send() or recv() reports it. */
    if (out_deadline(impair) <= now_ns && out_flush(impair, now_ns) < 0)
        impair->out_retry_ns = now_ns + RETRY_NS;
    if (link->below->ops->run)
        link->below->ops->run(link->below, now_ns);
}

static void impair_close(struct la_link *link)
{
    struct impair *impair = (struct impair *)link;
    lane_free(&impair->out);
    lane_free(&impair->in);
    la_link_close(link->below);
    free(impair);
}

static const struct la_link_ops impair_ops = {.kind = "impair",
                                              .recv = impair_recv,
                                              .send = impair_send,
                                              .next_deadline = impair_next_deadline,
                                              .run = impair_run,
                                              .close = impair_close};

int la_link_impair(struct la_link *below, const struct la_impair *out, const struct la_impair *in,
                   uint64_t seed, struct la_link **link)
{
    enum la_link_type type = (enum la_link_type)below->info.type;
    struct impair *impair = calloc(1, sizeof(*impair));
    if (!impair)
        return LA_ENOMEM;
    impair->link =
        (struct la_link){.ops = &impair_ops, .below = below, .info = below->info, .fd = below->fd};
    memcpy(impair->link.name, below->name, sizeof(impair->link.name));
    lane_init(&impair->out, out, type, seed, 0);
    lane_init(&impair->in, in, type, seed, 1);
    lane_join(&impair->out, &impair->in);
    /* Super-segments are welcome whatever the link below can do: they are cut here. */
    impair->link.info.offloads = LA_OFFLOAD_TX_CSUM | LA_OFFLOAD_TSO4 | LA_OFFLOAD_TSO6;
    if (impair->link.info.gso_max == 0)
        impair->link.info.gso_max = 65535;
    *link = &impair->link;
    return 0;
}
