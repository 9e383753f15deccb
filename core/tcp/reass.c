/* Reassembly: see reass.h. */
#include "tcp/reass.h"

#include "base/mem.h"

static struct tcp_reass *attach(struct tcb *t, struct tcp_env *env)
{
    if (!t->reass) {
        t->reass = buf_get(env->bufs, sizeof(struct tcp_reass));
        if (!t->reass) {
            return NULL;
        }
        mem_zero(t->reass->data, sizeof(struct tcp_reass));
    }
    return tcp_reass_of(t);
}

static void detach_if_empty(struct tcb *t, struct tcp_env *env)
{
    if (t->reass && tcp_reass_of(t)->count == 0) {
        buf_put(env->bufs, t->reass);
        t->reass = NULL;
    }
}

static void free_range(struct tcb *t, struct tcp_env *env, struct reass_range *r)
{
    for (const struct la_buf *b = r->head; b; b = b->next) {
        t->rcv_charge -= buf_charge(b);
    }
    buf_put_list(env->bufs, r->head);
}

static void remove_ranges(struct tcp_reass *q, uint32_t at, uint32_t n)
{
    mem_move(&q->range[at], &q->range[at + n], (q->count - at - n) * sizeof(q->range[0]));
    q->count -= n;
}

static void trim_front(struct la_buf *buf, uint32_t n)
{
    buf->data += n;
    buf->len -= n;
    buf->seq += n;
}

static seq32 buf_end(const struct la_buf *buf)
{
    return seq_add(seq_of(buf->seq), buf->len);
}

/* Bytes that are there already win: they are written over those of `buf` that repeat them. */
static void keep_first(const struct reass_range *r, struct la_buf *buf)
{
    for (const struct la_buf *b = r->head; b; b = b->next) {
        seq32 from = seq_max(seq_of(b->seq), seq_of(buf->seq));
        seq32 to = seq_min(buf_end(b), buf_end(buf));
        if (seq_lt(from, to)) {
            mem_copy(buf->data + seq_len(seq_of(buf->seq), from),
                     b->data + seq_len(seq_of(b->seq), from), seq_len(from, to));
        }
    }
}

void tcp_reass_keep_first(const struct tcb *t, struct la_buf *buf)
{
    const struct tcp_reass *q = tcp_reass_of(t);
    for (uint32_t i = 0; q && i < q->count; i++) {
        keep_first(&q->range[i], buf);
    }
}

/* The first range that ends at or behind `seq`: the one a segment beginning there may touch. */
static uint32_t first_touched(const struct tcp_reass *q, seq32 seq)
{
    uint32_t i = 0;
    while (i < q->count && seq_lt(q->range[i].end, seq)) {
        i++;
    }
    return i;
}

/* Cuts off what is there already and drops ranges that the segment covers whole. False: nothing of
 * it is new. `*at` becomes the place where it goes. */
static bool make_disjoint(struct tcb *t, struct tcp_env *env, struct tcp_reass *q,
                          struct la_buf *buf, uint32_t *at)
{
    uint32_t i = first_touched(q, seq_of(buf->seq));
    if (i < q->count && seq_le(q->range[i].start, seq_of(buf->seq))) {
        if (seq_ge(q->range[i].end, buf_end(buf))) {
            q->range[i].stamp = ++q->stamp; /* RFC 2018 4: it holds the segment that came now */
            return false;
        }
        trim_front(buf, seq_len(seq_of(buf->seq), q->range[i].end));
        i++;
    }
    uint32_t covered = 0;
    while (i + covered < q->count && seq_le(q->range[i + covered].end, buf_end(buf))) {
        keep_first(&q->range[i + covered], buf);
        free_range(t, env, &q->range[i + covered]);
        covered++;
    }
    remove_ranges(q, i, covered);
    if (i < q->count && seq_lt(q->range[i].start, buf_end(buf))) {
        buf->len = seq_len(seq_of(buf->seq), q->range[i].start);
    }
    *at = i;
    return true;
}

/* Joins range `i` with the one behind it. */
static void join_next(struct tcp_reass *q, uint32_t i)
{
    struct reass_range *r = &q->range[i];
    r->tail->next = q->range[i + 1].head;
    r->tail = q->range[i + 1].tail;
    r->end = q->range[i + 1].end;
    remove_ranges(q, i + 1, 1);
}

static enum la_reason insert(struct tcp_reass *q, uint32_t at, struct la_buf *buf)
{
    seq32 start = seq_of(buf->seq);
    seq32 end = buf_end(buf);

    q->stamp++;
    if (at > 0 && seq_eq(q->range[at - 1].end, start)) {
        struct reass_range *r = &q->range[at - 1];
        r->tail->next = buf;
        r->tail = buf;
        r->end = end;
        r->stamp = q->stamp;
        if (at < q->count && seq_eq(end, q->range[at].start)) {
            join_next(q, at - 1);
        }
        return LA_TAKE_DATA_EARLY;
    }
    if (at < q->count && seq_eq(end, q->range[at].start)) {
        struct reass_range *r = &q->range[at];
        buf->next = r->head;
        r->head = buf;
        r->start = start;
        r->stamp = q->stamp;
        return LA_TAKE_DATA_EARLY;
    }
    if (q->count == REASS_RANGES) {
        return LA_DROP_REASSEMBLY_FULL;
    }
    mem_move(&q->range[at + 1], &q->range[at], (q->count - at) * sizeof(q->range[0]));
    q->range[at] = (struct reass_range){
        .start = start, .end = end, .head = buf, .tail = buf, .stamp = q->stamp};
    q->count++;
    return LA_TAKE_DATA_EARLY;
}

enum la_reason tcp_reass_add(struct tcb *t, struct tcp_env *env, struct la_buf *buf)
{
    struct tcp_reass *q = attach(t, env);
    enum la_reason verdict = LA_DROP_NO_MEMORY;
    uint32_t at;

    buf->next = NULL;
    if (q && t->rcv_charge + buf_charge(buf) > 2 * t->opt.rcvbuf + BUF_HUGE) {
        verdict = LA_DROP_REASSEMBLY_FULL;
    } else if (q && !make_disjoint(t, env, q, buf, &at)) {
        verdict = LA_TAKE_DATA_OLD;
    } else if (q) {
        verdict = insert(q, at, buf);
    }
    if (verdict == LA_TAKE_DATA_EARLY) {
        t->rcv_charge += buf_charge(buf);
        t->ooo_segs++;
        return verdict;
    }
    buf_put(env->bufs, buf);
    detach_if_empty(t, env);
    return verdict;
}

struct la_buf *tcp_reass_pull(struct tcb *t, struct tcp_env *env)
{
    struct tcp_reass *q = tcp_reass_of(t);
    struct la_buf *list = NULL;

    while (q && q->count != 0 && seq_le(q->range[0].end, t->rcv_nxt)) {
        free_range(t, env, &q->range[0]); /* the same bytes came in order meanwhile */
        remove_ranges(q, 0, 1);
    }
    if (q && q->count != 0 && seq_le(q->range[0].start, t->rcv_nxt)) {
        list = q->range[0].head;
        for (const struct la_buf *b = list; b; b = b->next) {
            t->rcv_charge -= buf_charge(b);
        }
        remove_ranges(q, 0, 1);
    }
    detach_if_empty(t, env);
    return list;
}

uint8_t tcp_reass_sack(const struct tcb *t, struct wire_sack *blocks, uint8_t max)
{
    const struct tcp_reass *q = tcp_reass_of(t);
    uint32_t below = UINT32_MAX;
    uint8_t n = 0;

    while (q && n < max) {
        const struct reass_range *best = NULL;
        for (uint32_t i = 0; i < q->count; i++) {
            const struct reass_range *r = &q->range[i];
            if (r->stamp < below && (!best || r->stamp > best->stamp)) {
                best = r;
            }
        }
        if (!best) {
            break;
        }
        below = best->stamp;
        blocks[n++] = (struct wire_sack){.left = best->start.v, .right = best->end.v};
    }
    return n;
}

void tcp_reass_drop(struct tcb *t, struct tcp_env *env)
{
    struct tcp_reass *q = tcp_reass_of(t);
    if (!q) {
        return;
    }
    for (uint32_t i = 0; i < q->count; i++) {
        free_range(t, env, &q->range[i]);
    }
    q->count = 0;
    detach_if_empty(t, env);
}
