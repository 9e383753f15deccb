/* Merging of received segments: see merge.h. */
#include "stack/merge.h"

#include "base/mem.h"

static bool plain(const struct tcp_segment *seg)
{
    return (seg->h.flags & ~(unsigned)(LA_TH_PSH | ECN_FLAGS)) == LA_TH_ACK && seg->len != 0 &&
           seg->segs == 1 && (seg->h.options & ~(unsigned)WIRE_TCP_TS) == 0;
}

static bool headers_agree(const struct tcp_segment *a, const struct tcp_segment *b)
{
    return a->h.ack == b->h.ack && a->h.wnd == b->h.wnd && a->h.options == b->h.options &&
           (!(a->h.options & WIRE_TCP_TS) ||
            (a->h.tsval == b->h.tsval && a->h.tsecr == b->h.tsecr)) &&
           a->tos == b->tos && ((a->h.flags ^ b->h.flags) & ECN_FLAGS) == 0;
}

static void keep_push(struct tcp_segment *seg)
{
    seg->buf->flags = (uint8_t)((seg->buf->flags & ~TCP_BUF_PSH) |
                                ((seg->h.flags & LA_TH_PSH) ? TCP_BUF_PSH : 0));
}

bool merge_add(struct merge *m)
{
    struct arrival *group = merge_current(m);
    struct arrival *next = merge_next(m);

    if (m->frames == 0 || m->frames == MERGE_SEGMENTS || !next->seg.buf || !plain(&next->seg) ||
        !seq_eq(seq_add(group->seg.seq, group->seg.len), next->seg.seq) ||
        !headers_agree(&group->seg, &next->seg) ||
        !mem_equal(&group->key, &next->key, sizeof(group->key))) {
        return false;
    }
    /* A group of one may be anything; it can only grow when it is plain as well. */
    if (m->frames == 1 && !plain(&group->seg)) {
        return false;
    }
    keep_push(&next->seg);
    m->tail->next = next->seg.buf;
    m->tail = next->seg.buf;
    group->seg.len += next->seg.len;
    group->seg.seg_len += next->seg.len;
    group->seg.segs++;
    group->seg.h.flags |= next->seg.h.flags;
    m->frames++;
    return true;
}

void merge_begin(struct merge *m, struct la_frame *frame)
{
    m->current ^= 1;
    m->first = frame;
    m->frames = 1;
    m->tail = merge_current(m)->seg.buf;
    keep_push(&merge_current(m)->seg);
}
