/* Two ends of a wire in memory.
 *
 * A frame is copied once: when the far end's stack is known (its first recv() tells it), send()
 * gathers the pieces straight into a buffer from that stack's pool, and recv() only hands it out.
 * Frames sent before that are kept in memory of the wire's own. When the receiving stack has no
 * buffer the frame is lost and counted, as on a network card.
 *
 * Super-segments and partial checksums never cross: the ends offer no offloads.
 *
 * Invariants: `count` frames of an end's ring wait, from `head` on; a waiting buffer belongs to
 * `stack`, so an end must be closed before the stack that receives on it is destroyed. An end
 * whose other end was closed is a wire pulled out: what is sent is lost and counted. */
#include <stdlib.h>
#include <string.h>

#include "link/cut.h"
#include "link/message.h"

#define ETHERNET_BYTES 14

struct waiting {
    struct la_buf *buf; /* or, when the stack was not known yet: */
    uint8_t *early;
    uint32_t len;
};

struct memory_end {
    struct la_link link;
    struct memory_end *peer; /* NULL: closed */
    struct la_stack *stack;  /* who receives here */
    size_t ring_len;
    size_t head;
    size_t count;
    struct waiting ring[];
};

static bool frame_fits(const struct la_link *link, const struct la_frame *frame)
{
    uint32_t link_header = link->info.type == LA_LINK_ETHERNET ? ETHERNET_BYTES : 0;
    return frame->gso == LA_GSO_NONE && frame->csum != LA_CSUM_PARTIAL &&
           frame->len <= link->info.mtu + link_header;
}

/* Puts a copy of the frame into the ring of the receiving end; false when it is lost. */
static bool deliver(struct memory_end *to, const struct la_frame *frame)
{
    struct waiting waiting = {.len = frame->len};
    uint8_t *bytes;
    if (!frame_fits(&to->link, frame))
        return false;
    if (to->stack) {
        waiting.buf = la_buf_get(to->stack, frame->len);
        if (!waiting.buf)
            return false;
        waiting.buf->len = frame->len;
        bytes = waiting.buf->data;
    } else {
        waiting.early = malloc(frame->len);
        if (!waiting.early)
            return false;
        bytes = waiting.early;
    }
    cut_copy(frame, 0, frame->len, bytes);
    size_t at = to->head + to->count;
    to->ring[at < to->ring_len ? at : at - to->ring_len] = waiting;
    to->count++;
    return true;
}

static int memory_send(struct la_link *link, struct la_frame *frames, size_t n, uint64_t now_ns)
{
    (void)now_ns;
    struct memory_end *to = ((struct memory_end *)link)->peer;
    size_t taken = 0;
    for (; taken < n; taken++) {
        if (to && to->count == to->ring_len)
            break;
        if (!to || !deliver(to, &frames[taken])) {
            link->dropped++;
            continue;
        }
        link->frames_out++;
        link->bytes_out += frames[taken].len;
    }
    return (int)taken;
}

/* The buffer of a frame that waited; NULL when it came early and finds none now. */
static struct la_buf *waiting_buf(struct memory_end *end, struct waiting *waiting)
{
    if (waiting->buf)
        return waiting->buf;
    struct la_buf *buf = la_buf_get(end->stack, waiting->len);
    if (buf) {
        memcpy(buf->data, waiting->early, waiting->len);
        buf->len = waiting->len;
    }
    free(waiting->early);
    return buf;
}

static int memory_recv(struct la_link *link, struct la_stack *stack, struct la_frame *frames,
                       size_t max, uint64_t now_ns)
{
    (void)now_ns;
    struct memory_end *end = (struct memory_end *)link;
    end->stack = stack;
    size_t n = 0;
    while (n < max && end->count > 0) {
        struct la_buf *buf = waiting_buf(end, &end->ring[end->head]);
        end->head = end->head + 1 < end->ring_len ? end->head + 1 : 0;
        end->count--;
        if (!buf) {
            link->dropped++;
            continue;
        }
        la_frame_from_buf(&frames[n], buf);
        link->frames_in++;
        link->bytes_in += frames[n].len;
        n++;
    }
    return (int)n;
}

static void memory_close(struct la_link *link)
{
    struct memory_end *end = (struct memory_end *)link;
    for (size_t i = 0; i < end->count; i++) {
        struct waiting *waiting = &end->ring[(end->head + i) % end->ring_len];
        if (waiting->buf)
            la_buf_put(end->stack, waiting->buf);
        free(waiting->early);
    }
    if (end->peer)
        end->peer->peer = NULL;
    free(end);
}

static const struct la_link_ops memory_ops = {
    .kind = "memory", .recv = memory_recv, .send = memory_send, .close = memory_close};

static struct memory_end *end_new(enum la_link_type type, uint32_t mtu, size_t queue_max,
                                  uint8_t number)
{
    struct memory_end *end = calloc(1, sizeof(*end) + queue_max * sizeof(end->ring[0]));
    if (!end)
        return NULL;
    end->ring_len = queue_max;
    end->link.ops = &memory_ops;
    end->link.fd = -1;
    end->link.info.type = (uint8_t)type;
    end->link.info.mtu = mtu;
    memcpy(end->link.name, "memory:0", sizeof("memory:0"));
    end->link.name[sizeof("memory:") - 1] = (char)('0' + number);
    if (type == LA_LINK_ETHERNET) {
        end->link.info.mac[0] = 0x02; /* locally administered */
        end->link.info.mac[5] = (uint8_t)(number + 1);
    }
    return end;
}

int la_link_memory_pair(enum la_link_type type, uint32_t mtu, size_t queue_max,
                        struct la_link *ends[2])
{
    if (queue_max == 0 || queue_max > SIZE_MAX / 2 / sizeof(struct waiting))
        return LA_EINVAL;
    struct memory_end *a = end_new(type, mtu, queue_max, 0);
    struct memory_end *b = end_new(type, mtu, queue_max, 1);
    if (!a || !b) {
        free(a);
        free(b);
        return LA_ENOMEM;
    }
    a->peer = b;
    b->peer = a;
    ends[0] = &a->link;
    ends[1] = &b->link;
    return 0;
}
