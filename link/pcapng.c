/* A wrapper that writes every frame that passes to a pcapng file (link/capture.h), with the reason
 * as a comment.
 *
 * A received frame is copied in recv(), because its buffer is gone after la_stack_input(), and
 * written in verdict(), which knows what became of it. Checksums are completed in the copy.
 *
 * Time: a link with a descriptor lives on CLOCK_MONOTONIC, so the distance to the wall clock at
 * the opening is added; one without lives in virtual time, and is written as it is, so that the
 * same run gives the same file.
 *
 * Invariants: the `pending` snapshots lie one behind the other in `arena`, in the order of
 * recv(); the verdicts of one recv() come before the next. Frames that are missing after a write
 * error are counted in link.dropped. */
#include <stdlib.h>
#include <string.h>

#include "link/capture.h"
#include "link/cut.h"
#include "link/message.h"
#include "link/reason_text.h"

#define PENDING_MAX    256                  /* frames between recv() and verdict() */
#define FLUSH_AFTER_NS (200 * LA_NS_PER_MS) /* a reader of the file sees a quiet link this late */

struct pending {
    uint64_t time_ns;
    size_t offset; /* in the arena */
    uint32_t len;
};

struct pcapng {
    struct la_link link;
    struct capture capture;
    bool live;            /* the clock of the frames is CLOCK_MONOTONIC */
    uint64_t epoch_ns;    /* what to add to it */
    uint64_t flush_at_ns; /* UINT64_MAX: nothing is unwritten */
    uint8_t *arena;       /* packet bytes under way to the file */
    size_t arena_max;
    size_t arena_used;
    struct pending pending[PENDING_MAX];
    size_t pending_count;
    size_t pending_first; /* the next one that verdict() speaks of */
};

static void packet_put(struct pcapng *p, const uint8_t *bytes, uint32_t len, uint64_t time_ns,
                       uint16_t reason, bool inbound)
{
    char comment[REASON_COMMENT_MAX];
    (void)reason_comment(comment, reason, inbound);
    if (!capture_packet(&p->capture, bytes, len, time_ns + p->epoch_ns, inbound, comment))
        p->link.dropped++;
    else if (p->live && p->flush_at_ns == UINT64_MAX)
        p->flush_at_ns = time_ns + FLUSH_AFTER_NS;
}

static void file_flush(struct pcapng *p)
{
    p->flush_at_ns = UINT64_MAX;
    capture_flush(&p->capture);
}

/* ---- snapshots ------------------------------------------------------------------------------ */

/* Room for `len` bytes at the end of the arena, or NULL. */
static uint8_t *arena_get(struct pcapng *p, size_t len)
{
    if (p->arena_used + len > p->arena_max) {
        size_t max = (p->arena_used + len) * 2;
        uint8_t *arena = realloc(p->arena, max);
        if (!arena)
            return NULL;
        p->arena = arena;
        p->arena_max = max;
    }
    uint8_t *bytes = p->arena + p->arena_used;
    p->arena_used += len;
    return bytes;
}

static void pending_add(struct pcapng *p, const struct la_frame *frame, uint64_t now_ns)
{
    struct pending *entry = &p->pending[p->pending_count++];
    *entry = (struct pending){.time_ns = now_ns, .offset = p->arena_used, .len = frame->len};
    uint8_t *bytes = arena_get(p, frame->len);
    if (bytes) {
        cut_whole(frame, bytes);
    } else {
        entry->len = 0; /* keeps its place, so that verdicts stay with their frames */
        p->link.dropped++;
    }
}

static void pending_put(struct pcapng *p, uint16_t reason)
{
    const struct pending *entry = &p->pending[p->pending_first++];
    if (entry->len > 0)
        packet_put(p, p->arena + entry->offset, entry->len, entry->time_ns, reason, true);
    if (p->pending_first == p->pending_count) {
        p->pending_first = 0;
        p->pending_count = 0;
        p->arena_used = 0;
    }
}

/* Writes the frames of which nothing more will be heard. */
static void pending_end(struct pcapng *p)
{
    while (p->pending_first < p->pending_count)
        pending_put(p, LA_NONE);
}

/* ---- the link ------------------------------------------------------------------------------- */

static int pcapng_recv(struct la_link *link, struct la_stack *stack, struct la_frame *frames,
                       size_t max, uint64_t now_ns)
{
    struct pcapng *p = (struct pcapng *)link;
    pending_end(p);
    if (max > PENDING_MAX)
        max = PENDING_MAX;
    int n = link->below->ops->recv(link->below, stack, frames, max, now_ns);
    for (int i = 0; i < n; i++) {
        pending_add(p, &frames[i], now_ns);
        link->frames_in++;
        link->bytes_in += frames[i].len;
    }
    return n;
}

static void pcapng_verdict(struct la_link *link, const struct la_frame *frames, size_t n,
                           uint64_t now_ns)
{
    struct pcapng *p = (struct pcapng *)link;
    for (size_t i = 0; i < n && p->pending_first < p->pending_count; i++)
        pending_put(p, frames[i].reason);
    if (link->below->ops->verdict)
        link->below->ops->verdict(link->below, frames, n, now_ns);
}

static int pcapng_send(struct la_link *link, struct la_frame *frames, size_t n, uint64_t now_ns)
{
    struct pcapng *p = (struct pcapng *)link;
    int taken = link->below->ops->send(link->below, frames, n, now_ns);
    for (int i = 0; i < taken; i++) {
        const struct la_frame *frame = &frames[i];
        size_t before = p->arena_used;
        uint8_t *bytes = arena_get(p, frame->len);
        if (!bytes) {
            link->dropped++;
            continue;
        }
        cut_whole(frame, bytes);
        packet_put(p, bytes, frame->len, now_ns, frame->reason, false);
        p->arena_used = before;
        link->frames_out++;
        link->bytes_out += frame->len;
    }
    return taken;
}

static uint64_t pcapng_next_deadline(const struct la_link *link)
{
    const struct pcapng *p = (const struct pcapng *)link;
    const struct la_link *below = link->below;
    uint64_t other = below->ops->next_deadline ? below->ops->next_deadline(below) : UINT64_MAX;
    return other < p->flush_at_ns ? other : p->flush_at_ns;
}

static void pcapng_run(struct la_link *link, uint64_t now_ns)
{
    struct pcapng *p = (struct pcapng *)link;
    if (p->flush_at_ns <= now_ns)
        file_flush(p);
    if (link->below->ops->run)
        link->below->ops->run(link->below, now_ns);
}

static void pcapng_free(struct pcapng *p)
{
    capture_close(&p->capture);
    free(p->arena);
    free(p);
}

static void pcapng_close(struct la_link *link)
{
    struct pcapng *p = (struct pcapng *)link;
    pending_end(p);
    la_link_close(link->below);
    pcapng_free(p);
}

static const struct la_link_ops pcapng_ops = {.kind = "pcapng",
                                              .recv = pcapng_recv,
                                              .send = pcapng_send,
                                              .verdict = pcapng_verdict,
                                              .next_deadline = pcapng_next_deadline,
                                              .run = pcapng_run,
                                              .close = pcapng_close};

int la_link_pcapng(struct la_link *below, const char *path, struct la_link **link,
                   struct la_message *why)
{
    struct pcapng *p = calloc(1, sizeof(*p));
    if (!p) {
        message_set(why, "out of memory for the capture %s", path);
        return LA_ENOMEM;
    }
    const struct capture_interface interface = {.type = (enum la_link_type)below->info.type,
                                                .name = below->name,
                                                .side = "seen from Lastack's side of the link"};
    int rc = capture_open(&p->capture, path, &interface, why);
    if (rc < 0) {
        free(p);
        return rc;
    }
    p->link =
        (struct la_link){.ops = &pcapng_ops, .below = below, .info = below->info, .fd = below->fd};
    memcpy(p->link.name, below->name, sizeof(p->link.name));
    p->live = below->fd >= 0;
    p->epoch_ns = p->live ? capture_epoch_ns() : 0;
    p->flush_at_ns = UINT64_MAX;
    *link = &p->link;
    return 0;
}
