/* A wrapper that writes every frame that passes to a pcapng file (draft-ietf-opsawg-pcapng):
 * a section header, one interface, an enhanced packet block for each frame with the reason as a
 * comment and the direction as a flag.
 *
 * A received frame is copied in recv(), because its buffer is gone after la_stack_input(), and
 * written in verdict(), which knows what became of it. Checksums are completed in the copy.
 *
 * Time: a link with a descriptor lives on CLOCK_MONOTONIC, so the distance to the wall clock at
 * the opening is added; one without lives in virtual time, and is written as it is, so that the
 * same run gives the same file.
 *
 * Invariants: the `pending` snapshots lie one behind the other in `arena`, in the order of
 * recv(); the verdicts of one recv() come before the next. After a write error nothing more is
 * written (the file would be garbled); it is said once on stderr and the frames that are missing
 * are counted in link.dropped. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "link/cut.h"
#include "link/message.h"
#include "link/reason_text.h"

#define BLOCK_SECTION   0x0a0d0d0aU
#define BLOCK_INTERFACE 1U
#define BLOCK_PACKET    6U
#define BYTE_ORDER_MARK 0x1a2b3c4dU

#define LINKTYPE_ETHERNET 1
#define LINKTYPE_RAW      101 /* begins with an IPv4 or IPv6 header */

#define OPT_END         0
#define OPT_COMMENT     1
#define SHB_USERAPPL    4
#define IF_NAME         2
#define IF_DESCRIPTION  3
#define IF_TSRESOL      9
#define EPB_FLAGS       2
#define EPB_INBOUND     1U
#define EPB_OUTBOUND    2U
#define TSRESOL_NS      9  /* 10^-9 s */
#define PACKET_HEAD_LEN 28 /* type, length, interface, time (2), captured and original length */

#define OPTIONS_MAX    256 /* longest list of options of any block here */
#define FILE_BUFFER    (256 * 1024)
#define PENDING_MAX    256                  /* frames between recv() and verdict() */
#define FLUSH_AFTER_NS (200 * LA_NS_PER_MS) /* a reader of the file sees a quiet link this late */

struct pending {
    uint64_t time_ns;
    size_t offset; /* in the arena */
    uint32_t len;
};

struct pcapng {
    struct la_link link;
    FILE *file;
    bool broken;
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

/* ---- blocks --------------------------------------------------------------------------------- */

/* A list of options that is being written. */
struct options {
    uint8_t bytes[OPTIONS_MAX];
    size_t len;
};

static size_t padded(size_t len)
{
    return (len + 3) & ~(size_t)3;
}

static void option_add(struct options *options, uint16_t code, const void *value, size_t len)
{
    uint16_t head[2] = {code, (uint16_t)len};
    if (options->len + sizeof(head) + padded(len) > sizeof(options->bytes))
        return;
    uint8_t *to = options->bytes + options->len;
    memcpy(to, head, sizeof(head));
    memset(to + sizeof(head), 0, padded(len));
    if (len > 0)
        memcpy(to + sizeof(head), value, len);
    options->len += sizeof(head) + padded(len);
}

static void file_broken(struct pcapng *p)
{
    p->broken = true;
    fprintf(stderr, "lastack: the capture ends here, writing it failed: %s\n", strerror(errno));
}

static void file_put(struct pcapng *p, const void *bytes, size_t len)
{
    if (!p->broken && fwrite(bytes, 1, len, p->file) != len)
        file_broken(p);
}

static void file_flush(struct pcapng *p)
{
    p->flush_at_ns = UINT64_MAX;
    if (!p->broken && fflush(p->file) != 0)
        file_broken(p);
}

/* A whole block: type, length, `body`, options, length again. */
static void block_put(struct pcapng *p, uint32_t type, const void *body, size_t body_len,
                      const struct options *options)
{
    uint32_t total = (uint32_t)(12 + body_len + options->len);
    uint32_t head[2] = {type, total};
    file_put(p, head, sizeof(head));
    file_put(p, body, body_len);
    file_put(p, options->bytes, options->len);
    file_put(p, &total, sizeof(total));
}

static void section_put(struct pcapng *p)
{
    struct {
        uint32_t order;
        uint16_t major, minor;
        uint64_t length;
    } body = {BYTE_ORDER_MARK, 1, 0, UINT64_MAX};
    struct options options = {.len = 0};
    option_add(&options, SHB_USERAPPL, "lastack", 7);
    option_add(&options, OPT_END, NULL, 0);
    block_put(p, BLOCK_SECTION, &body, sizeof(body), &options);
}

static void interface_put(struct pcapng *p)
{
    struct {
        uint16_t linktype, reserved;
        uint32_t snaplen;
    } body = {LINKTYPE_RAW, 0, 0};
    if (p->link.info.type == LA_LINK_ETHERNET)
        body.linktype = LINKTYPE_ETHERNET;
    const char *side = "seen from Lastack's side of the link";
    const uint8_t resolution = TSRESOL_NS;
    struct options options = {.len = 0};
    option_add(&options, IF_NAME, p->link.name, strlen(p->link.name));
    option_add(&options, IF_DESCRIPTION, side, strlen(side));
    option_add(&options, IF_TSRESOL, &resolution, 1);
    option_add(&options, OPT_END, NULL, 0);
    block_put(p, BLOCK_INTERFACE, &body, sizeof(body), &options);
}

static void packet_put(struct pcapng *p, const uint8_t *bytes, uint32_t len, uint64_t time_ns,
                       uint16_t reason, bool inbound)
{
    static const uint8_t padding[4];
    char comment[REASON_COMMENT_MAX];
    size_t comment_len = reason_comment(comment, reason, inbound);
    uint32_t flags = inbound ? EPB_INBOUND : EPB_OUTBOUND;
    struct options options = {.len = 0};
    option_add(&options, OPT_COMMENT, comment, comment_len);
    option_add(&options, EPB_FLAGS, &flags, sizeof(flags));
    option_add(&options, OPT_END, NULL, 0);

    uint64_t at = time_ns + p->epoch_ns;
    uint32_t total = (uint32_t)(PACKET_HEAD_LEN + padded(len) + options.len + 4);
    uint32_t head[7] = {BLOCK_PACKET, total, 0, (uint32_t)(at >> 32), (uint32_t)at, len, len};
    file_put(p, head, sizeof(head));
    file_put(p, bytes, len);
    file_put(p, padding, padded(len) - len);
    file_put(p, options.bytes, options.len);
    file_put(p, &total, sizeof(total));
    if (p->broken)
        p->link.dropped++;
    else if (p->live && p->flush_at_ns == UINT64_MAX)
        p->flush_at_ns = time_ns + FLUSH_AFTER_NS;
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
    if (p->file)
        fclose(p->file);
    free(p->arena);
    free(p);
}

static void pcapng_close(struct la_link *link)
{
    struct pcapng *p = (struct pcapng *)link;
    pending_end(p);
    file_flush(p);
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

static uint64_t clock_distance_ns(void)
{
    struct timespec wall, monotonic;
    clock_gettime(CLOCK_REALTIME, &wall);
    clock_gettime(CLOCK_MONOTONIC, &monotonic);
    int64_t seconds = (int64_t)wall.tv_sec - monotonic.tv_sec;
    return (uint64_t)(seconds * LA_NS_PER_S + wall.tv_nsec - monotonic.tv_nsec);
}

int la_link_pcapng(struct la_link *below, const char *path, struct la_link **link,
                   struct la_message *why)
{
    struct pcapng *p = calloc(1, sizeof(*p));
    if (!p) {
        message_set(why, "out of memory for the capture %s", path);
        return LA_ENOMEM;
    }
    p->file = fopen(path, "wbe");
    if (!p->file) {
        int error = errno;
        message_set(why, "cannot write the capture %s: %s; choose another place", path,
                    strerror(error));
        pcapng_free(p);
        return message_error(error);
    }
    setvbuf(p->file, NULL, _IOFBF, FILE_BUFFER);
    p->link =
        (struct la_link){.ops = &pcapng_ops, .below = below, .info = below->info, .fd = below->fd};
    memcpy(p->link.name, below->name, sizeof(p->link.name));
    p->live = below->fd >= 0;
    p->epoch_ns = p->live ? clock_distance_ns() : 0;
    p->flush_at_ns = UINT64_MAX;
    section_put(p);
    interface_put(p);
    if (fflush(p->file) != 0) {
        message_set(why, "cannot write the capture %s: is the disk full?", path);
        pcapng_free(p);
        return LA_EIO;
    }
    *link = &p->link;
    return 0;
}
