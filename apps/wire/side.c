/* A side of the wire: packets from it into its lane, packets that are due out of the other one.
 *
 * Packets of a device are read and written as they stand on the wire: the device has no virtio-net
 * header, so the kernel cuts and completes them itself. Super-segments of Lastack are cut here. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apps/wire/wire.h"
#include "link/cut.h"
#include "link/reason_text.h"

#define BATCH 64

struct la_addr side_addr(int number, bool v6)
{
    return number == 0 ? node_kernel_addr(v6) : node_lastack_addr(v6);
}

/* ---- into the wire -------------------------------------------------------------------------- */

/* Writes what became of a packet, and why it was sent where that is known. */
static void capture_sent(struct side *side, const uint8_t *bytes, uint32_t len, uint16_t reason,
                         enum lane_fate fate)
{
    char comment[CAPTURE_COMMENT_MAX + 1], cause[REASON_COMMENT_MAX];
    const char *verb = fate == LANE_PASSED ? "on the wire" : "dropped by the wire";
    (void)reason_comment(cause, reason, false);
    int n = snprintf(comment, sizeof(comment), "%s", reason == LA_NONE ? verb : cause);
    if (fate != LANE_PASSED && n > 0 && (size_t)n < sizeof(comment))
        snprintf(comment + n, sizeof(comment) - (size_t)n, "%s: %s",
                 reason == LA_NONE ? "" : "; dropped by the wire", lane_fate_text(fate));
    capture_packet(&side->capture, bytes, len, side->wire->now_ns + side->wire->epoch_ns, false,
                   comment);
}

static enum lane_fate wire_take(struct side *side, const uint8_t *bytes, size_t len,
                                struct lane_meta meta, uint64_t now_ns)
{
    side->wire->now_ns = now_ns;
    resent_look(&side->resent, bytes, len);
    enum lane_fate fate = lane_push(side->out, bytes, len, meta, now_ns);
    if (side->capture.file)
        capture_sent(side, bytes, (uint32_t)len, meta.reason, fate);
    return fate;
}

/* ---- out of the wire ------------------------------------------------------------------------ */

static void arrived(struct side *side, const struct lane_packet *packet, uint64_t now_ns)
{
    struct lateness *lateness = &side->wire->lateness;
    uint64_t late_ns = now_ns - packet->at_ns;
    lateness->packets++;
    lateness->late += late_ns >= WIRE_LATE_NS;
    if (late_ns > lateness->max_ns)
        lateness->max_ns = late_ns;
    if (side->capture.file)
        capture_packet(&side->capture, packet->bytes, packet->len, now_ns + side->wire->epoch_ns,
                       true, "out of the wire");
}

/* ---- a device ------------------------------------------------------------------------------- */

int side_read(struct side *side)
{
    struct wire *wire = side->wire;
    for (int i = 0; i < BATCH; i++) {
        ssize_t n = read(side->tun->fd, wire->packet, sizeof(wire->packet));
        if (n < 0 && errno == EBADFD)
            return LA_ENETDOWN;
        if (n <= 0)
            return 0;
        (void)wire_take(side, wire->packet, (size_t)n, (struct lane_meta){.conn = 0}, wire->now_ns);
    }
    return 0;
}

void side_write(struct side *side)
{
    struct lane_packet *packet;
    uint64_t now_ns = side->wire->now_ns;
    while ((packet = lane_due(side->in, now_ns)) != NULL) {
        if (write(side->tun->fd, packet->bytes, packet->len) < 0) {
            side->damaged += errno == EINVAL;
            side->refused += errno != EINVAL;
        }
        arrived(side, packet, now_ns);
        lane_pop(side->in);
    }
}

bool side_drops(const struct side *side, struct la_net_drops *drops)
{
    struct la_message why;
    *drops = (struct la_net_drops){0};
    if (side->kind == SIDE_LASTACK)
        return true;
    if (!world_enter(side) || la_net_link_drops(side->device, drops, &why) < 0)
        return false;
    drops->to_us -= side->drops_before.to_us;
    drops->from_us -= side->drops_before.from_us;
    if (drops->from_us >= side->damaged) /* the device counts those too */
        drops->from_us -= side->damaged;
    drops->from_us += side->refused;
    return true;
}

/* ---- Lastack -------------------------------------------------------------------------------- */

static int link_send(struct la_link *link, struct la_frame *frames, size_t n, uint64_t now_ns)
{
    struct side *side = ((struct wire_link *)link)->side;
    struct cut cut;
    for (size_t i = 0; i < n; i++) {
        struct lane_meta meta = {.conn = frames[i].conn, .reason = frames[i].reason};
        bool readable = cut_begin(&cut, &frames[i], LA_LINK_IP);
        link->dropped += !readable;
        for (size_t len = readable ? cut_size(&cut) : 0; len > 0; len = cut_size(&cut)) {
            cut_next(&cut, side->wire->packet);
            link->dropped += wire_take(side, side->wire->packet, len, meta, now_ns) != LANE_PASSED;
        }
        link->frames_out++;
        link->bytes_out += frames[i].len;
    }
    return (int)n;
}

static int link_recv(struct la_link *link, struct la_stack *stack, struct la_frame *frames,
                     size_t max, uint64_t now_ns)
{
    struct side *side = ((struct wire_link *)link)->side;
    struct lane_packet *packet;
    size_t n = 0;
    while (n < max && (packet = lane_due(side->in, now_ns)) != NULL) {
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
        arrived(side, packet, now_ns);
        lane_pop(side->in);
    }
    return (int)n;
}

static uint64_t link_next_deadline(const struct la_link *link)
{
    return lane_next_at(((const struct wire_link *)link)->side->in);
}

static void link_close(struct la_link *link)
{
    free(link);
}

static const struct la_link_ops link_ops = {.kind = "wire",
                                            .recv = link_recv,
                                            .send = link_send,
                                            .next_deadline = link_next_deadline,
                                            .close = link_close};

static struct la_link *link_new(struct side *side)
{
    struct wire_link *made = calloc(1, sizeof(*made));
    if (!made)
        return NULL;
    made->side = side;
    made->link.ops = &link_ops;
    made->link.fd = -1;
    made->link.info.type = LA_LINK_IP;
    made->link.info.mtu = side->wire->options->mtu;
    made->link.info.offloads = LA_OFFLOAD_TX_CSUM | LA_OFFLOAD_TSO4 | LA_OFFLOAD_TSO6;
    made->link.info.gso_max = 65535;
    snprintf(made->link.name, sizeof(made->link.name), "wire");
    return &made->link;
}

static int node_begin(struct side *side, struct la_message *why)
{
    const struct wire_options *wire = side->wire->options;
    int number = side == &side->wire->sides[1];
    struct node_options options = {.seeded = true, .seed = 2 * wire->seed + (uint64_t)number};
    options.mtu = wire->mtu;
    options.addrs[0].addr = side_addr(number, false);
    options.addrs[0].prefix = 24;
    options.addrs[1].addr = side_addr(number, true);
    options.addrs[1].prefix = 64;
    options.addrs_count = wire->mtu >= 1280 ? 2 : 1;
    struct la_link *link = link_new(side);
    if (!link) {
        snprintf(why->text, sizeof(why->text), "out of memory");
        return LA_ENOMEM;
    }
    int rc = node_open(&side->node, &options, link, why);
    side->node_is_open = rc == 0;
    return rc;
}

int side_turn(struct side *side)
{
    int rc = node_turn(&side->node, 0);
    side->wire->now_ns = side->node.clock_ns;
    return rc;
}

uint64_t side_deadline(const struct side *side)
{
    if (!side->node_is_open)
        return UINT64_MAX;
    uint64_t stack_ns = la_stack_next_deadline(side->node.stack);
    uint64_t lane_ns = lane_next_at(side->in);
    return stack_ns < lane_ns ? stack_ns : lane_ns;
}

/* ---- from beginning to end ------------------------------------------------------------------ */

int side_begin(struct side *side, struct la_message *why)
{
    const struct capture_interface interface = {
        .type = LA_LINK_IP,
        .name = side->tun ? side->tun->name : "lastack",
        .side = side == &side->wire->sides[0] ? "side a of the wire" : "side b of the wire"};
    int rc = 0;
    memset(&side->resent, 0, sizeof(side->resent));
    side->damaged = side->refused = 0;
    side->drops_before = (struct la_net_drops){0};
    (void)side_drops(side, &side->drops_before);
    if (side->options->pcap)
        rc = capture_open(&side->capture, side->options->pcap, &interface, why);
    if (rc == 0 && side->kind == SIDE_LASTACK)
        rc = node_begin(side, why);
    return rc;
}

void side_end(struct side *side)
{
    if (side->node_is_open)
        node_close(&side->node);
    side->node_is_open = false;
    capture_close(&side->capture);
}
