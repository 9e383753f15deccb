/* A wrapper that does to frames what bad networks do: loses, delays, reorders, duplicates and
 * damages them and lets them through no faster than a rate.
 *
 * Each direction is a lane. A super-segment is cut first, so every wire packet meets its own
 * fate, and all checksums are complete, so damage shows. A packet first waits for its turn on the
 * line (a bounded queue; what does not fit is dropped at its tail), then may be lost, then is on
 * its way for delay plus jitter. Jitter keeps the order, as queues in routers do; reordering is
 * asked for by itself: such a packet is late while those behind it are not.
 *
 * Everything follows from the seed and the times given: a packet takes the same number of random
 * numbers whatever becomes of it, so changing one probability leaves the other choices alone.
 *
 * Invariant: `held` is sorted by due_ns, and by arrival among equals. */
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/prng.h"
#include "link/cut.h"
#include "link/message.h"

#define ETHERNET_BYTES     14
#define PPM                1000000U
#define QUEUE_DEFAULT      1000
#define REORDER_DEFAULT_NS (1 * LA_NS_PER_MS)
#define HELD_MAX           65536 /* packets under way in a lane: bounds a long delay without rate */
#define RETRY_NS           (1 * LA_NS_PER_MS) /* when the link below was full */
#define BATCH              16

struct held {
    struct list node;
    uint64_t due_ns;
    uint32_t conn;
    uint16_t reason;
    uint32_t len;
    uint8_t bytes[];
};

struct lane {
    struct la_impair how;
    struct prng prng;
    struct list held;
    size_t held_count;
    uint64_t line_free_ns; /* when the packet that is last in the queue has left */
    uint64_t last_due_ns;  /* of the packets that keep the order */
    uint64_t retry_ns;     /* do not try before this */
    uint64_t *leaves_ns;   /* ring: when each packet in the queue has left */
    size_t queue_first;
    size_t queue_count;
};

struct impair {
    struct la_link link;
    struct lane out, in;
};

/* ---- a lane --------------------------------------------------------------------------------- */

static int lane_init(struct lane *lane, const struct la_impair *how, uint64_t seed, uint8_t number)
{
    uint8_t key[32] = {0};
    memcpy(key, &seed, sizeof(seed));
    key[sizeof(seed)] = number;
    prng_seed(&lane->prng, key);
    list_init(&lane->held);
    if (how)
        lane->how = *how;
    if (lane->how.queue_frames == 0)
        lane->how.queue_frames = QUEUE_DEFAULT;
    if (lane->how.reorder_ns == 0)
        lane->how.reorder_ns = REORDER_DEFAULT_NS;
    lane->leaves_ns = malloc(lane->how.queue_frames * sizeof(lane->leaves_ns[0]));
    return lane->leaves_ns ? 0 : LA_ENOMEM;
}

static void lane_pop(struct lane *lane, struct held *held)
{
    list_remove(&held->node);
    lane->held_count--;
    free(held);
}

static struct held *lane_first(const struct lane *lane)
{
    struct list *node = list_first(&lane->held);
    return node ? list_entry(node, struct held, node) : NULL;
}

static void lane_free(struct lane *lane)
{
    struct held *held;
    while ((held = lane_first(lane)) != NULL)
        lane_pop(lane, held);
    free(lane->leaves_ns);
}

static uint64_t lane_deadline(const struct lane *lane)
{
    const struct held *held = lane_first(lane);
    if (!held)
        return UINT64_MAX;
    return held->due_ns > lane->retry_ns ? held->due_ns : lane->retry_ns;
}

static void lane_insert(struct lane *lane, struct held *held)
{
    struct list *before = lane->held.prev;
    while (before != &lane->held && list_entry(before, struct held, node)->due_ns > held->due_ns)
        before = before->prev;
    list_prepend(before, &held->node);
    lane->held_count++;
}

/* Stands a packet in the queue for the line; false: the queue is full. Else says when its last
 * bit has left. */
static bool lane_transmit(struct lane *lane, uint32_t len, uint64_t now_ns, uint64_t *left_ns)
{
    const uint32_t max = lane->how.queue_frames;
    while (lane->queue_count > 0 && lane->leaves_ns[lane->queue_first] <= now_ns) {
        lane->queue_first = (lane->queue_first + 1) % max;
        lane->queue_count--;
    }
    *left_ns = now_ns;
    if (lane->how.rate_bps == 0)
        return true;
    if (lane->queue_count == max)
        return false;
    uint64_t begin_ns = lane->line_free_ns > now_ns ? lane->line_free_ns : now_ns;
    uint64_t bits_ns = (uint64_t)len * 8 * (uint64_t)LA_NS_PER_S;
    *left_ns = begin_ns + bits_ns / lane->how.rate_bps;
    lane->line_free_ns = *left_ns;
    lane->leaves_ns[(lane->queue_first + lane->queue_count) % max] = *left_ns;
    lane->queue_count++;
    return true;
}

/* When a packet that left the line arrives. */
static uint64_t lane_arrival(struct lane *lane, uint64_t left_ns, uint64_t jitter_ns, bool late)
{
    uint64_t due_ns = left_ns + lane->how.delay_ns + jitter_ns;
    if (due_ns < lane->last_due_ns)
        due_ns = lane->last_due_ns;
    lane->last_due_ns = due_ns;
    return late ? due_ns + lane->how.reorder_ns : due_ns;
}

/* What chance has in store for one packet. */
struct fate {
    bool lost, doubled, damaged, late;
    uint32_t damaged_bit;
    uint64_t jitter_ns;
};

static bool chance(struct lane *lane, uint32_t ppm)
{
    return prng_below(&lane->prng, PPM) < ppm;
}

/* Always draws the same number of times. Damage spares the link header: a real card would have
 * dropped the frame there, by its own checksum. */
static struct fate fate_draw(struct lane *lane, uint32_t len, uint32_t link_header)
{
    struct fate fate;
    fate.lost = chance(lane, lane->how.loss_ppm);
    fate.doubled = chance(lane, lane->how.duplicate_ppm);
    fate.damaged = chance(lane, lane->how.corrupt_ppm);
    fate.late = chance(lane, lane->how.reorder_ppm);
    uint32_t first = len > link_header ? link_header : 0;
    uint64_t bit = prng_u64(&lane->prng) % ((len - first) * UINT64_C(8));
    fate.damaged_bit = first * 8 + (uint32_t)bit;
    uint64_t jitter = prng_u64(&lane->prng);
    fate.jitter_ns = lane->how.jitter_ns > 0 ? jitter % (lane->how.jitter_ns + 1) : 0;
    return fate;
}

/* Decides about a wire packet, which is taken over. Returns false when it is gone. */
static bool lane_add(struct lane *lane, struct held *held, uint32_t link_header, uint64_t now_ns)
{
    uint64_t left_ns;
    struct fate fate = fate_draw(lane, held->len, link_header);
    if (lane->held_count >= HELD_MAX || !lane_transmit(lane, held->len, now_ns, &left_ns) ||
        fate.lost) {
        free(held);
        return false;
    }
    if (fate.damaged)
        held->bytes[fate.damaged_bit / 8] ^= (uint8_t)(1U << fate.damaged_bit % 8);
    held->due_ns = lane_arrival(lane, left_ns, fate.jitter_ns, fate.late);
    lane_insert(lane, held);
    if (!fate.doubled)
        return true;
    struct held *twin = malloc(sizeof(*twin) + held->len);
    if (twin) {
        memcpy(twin, held, sizeof(*twin) + held->len);
        lane_insert(lane, twin);
    }
    return true;
}

/* Takes a frame into a lane, packet by wire packet. */
static void lane_take(struct impair *impair, struct lane *lane, const struct la_frame *frame,
                      uint64_t now_ns)
{
    struct la_link *link = &impair->link;
    uint32_t link_header = link->info.type == LA_LINK_ETHERNET ? ETHERNET_BYTES : 0;
    struct cut cut;
    if (!cut_begin(&cut, frame, (enum la_link_type)link->info.type)) {
        link->dropped++;
        return;
    }
    for (size_t len = cut_size(&cut); len > 0; len = cut_size(&cut)) {
        struct held *held = malloc(sizeof(*held) + len);
        if (!held) {
            link->dropped++;
            return;
        }
        cut_next(&cut, held->bytes);
        held->len = (uint32_t)len;
        held->conn = frame->conn;
        held->reason = frame->reason;
        if (!lane_add(lane, held, link_header, now_ns))
            link->dropped++;
    }
}

/* ---- the link ------------------------------------------------------------------------------- */

/* Describes held packets that are due, in order. */
static size_t due_frames(const struct lane *lane, struct la_frame frames[BATCH], uint64_t now_ns)
{
    size_t n = 0;
    for (struct list *node = lane->held.next; node != &lane->held && n < BATCH; node = node->next) {
        struct held *held = list_entry(node, struct held, node);
        if (held->due_ns > now_ns)
            break;
        frames[n] = (struct la_frame){.len = held->len,
                                      .nfrags = 1,
                                      .conn = held->conn,
                                      .reason = held->reason,
                                      .frag = {{.data = held->bytes, .len = held->len}}};
        n++;
    }
    return n;
}

/* Hands on what is due. A negative la_err of the link below comes back. */
static int out_flush(struct impair *impair, uint64_t now_ns)
{
    struct la_link *below = impair->link.below;
    struct la_frame frames[BATCH];
    size_t n;
    while ((n = due_frames(&impair->out, frames, now_ns)) > 0) {
        int taken = below->ops->send(below, frames, n, now_ns);
        if (taken < 0)
            return taken;
        for (int i = 0; i < taken; i++)
            lane_pop(&impair->out, lane_first(&impair->out));
        if ((size_t)taken < n) {
            impair->out.retry_ns = now_ns + RETRY_NS;
            break;
        }
    }
    return 0;
}

static int impair_send(struct la_link *link, struct la_frame *frames, size_t n, uint64_t now_ns)
{
    struct impair *impair = (struct impair *)link;
    for (size_t i = 0; i < n; i++) {
        lane_take(impair, &impair->out, &frames[i], now_ns);
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
        lane_take(impair, &impair->in, &frames[i], now_ns);
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
    struct held *held;
    while (n < max && (held = lane_first(lane)) != NULL && held->due_ns <= now_ns) {
        struct la_buf *buf = la_buf_get(stack, held->len);
        if (buf) {
            memcpy(buf->data, held->bytes, held->len);
            buf->len = held->len;
            la_frame_from_buf(&frames[n++], buf);
            link->frames_in++;
            link->bytes_in += held->len;
        } else {
            link->dropped++;
        }
        lane_pop(lane, held);
    }
    return (int)n;
}

static uint64_t impair_next_deadline(const struct la_link *link)
{
    const struct impair *impair = (const struct impair *)link;
    const struct la_link *below = link->below;
    uint64_t first = below->ops->next_deadline ? below->ops->next_deadline(below) : UINT64_MAX;
    uint64_t out = lane_deadline(&impair->out);
    uint64_t in = lane_deadline(&impair->in);
    if (out < first)
        first = out;
    return in < first ? in : first;
}

static void impair_run(struct la_link *link, uint64_t now_ns)
{
    struct impair *impair = (struct impair *)link;
    /* An error of the link below stays with it: the next send() or recv() reports it. */
    if (lane_deadline(&impair->out) <= now_ns && out_flush(impair, now_ns) < 0)
        impair->out.retry_ns = now_ns + RETRY_NS;
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
    struct impair *impair = calloc(1, sizeof(*impair));
    if (!impair)
        return LA_ENOMEM;
    impair->link =
        (struct la_link){.ops = &impair_ops, .below = below, .info = below->info, .fd = below->fd};
    memcpy(impair->link.name, below->name, sizeof(impair->link.name));
    if (lane_init(&impair->out, out, seed, 0) < 0 || lane_init(&impair->in, in, seed, 1) < 0) {
        free(impair->out.leaves_ns);
        free(impair->in.leaves_ns);
        free(impair);
        return LA_ENOMEM;
    }
    /* Super-segments are welcome whatever the link below can do: they are cut here. */
    impair->link.info.offloads = LA_OFFLOAD_TX_CSUM | LA_OFFLOAD_TSO4 | LA_OFFLOAD_TSO6;
    if (impair->link.info.gso_max == 0)
        impair->link.info.gso_max = 65535;
    *link = &impair->link;
    return 0;
}
