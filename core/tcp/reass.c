/* Reassembly: see reass.h. */
#include "tcp/reass.h"

#include "base/mem.h"
#include "tcp/path.h"

/* A buffer of `size` for the ranges, with those that there are. NULL: no memory. */
static struct tcp_reass *move_to(struct tcb *t, struct tcp_env *env, uint32_t size)
{
    struct la_buf *to = buf_get(env->bufs, size);
    if (!to) {
        return NULL;
    }
    struct tcp_reass *q = (struct tcp_reass *)(void *)to->data;
    *q = (struct tcp_reass){.count = 0};
    if (t->reass) {
        const struct tcp_reass *old = tcp_reass_of(t);
        mem_copy(q, old, sizeof(*q) + old->count * sizeof(q->range[0]));
        buf_put(env->bufs, t->reass);
    }
    q->room = (uint32_t)REASS_FIT(size);
    t->reass = to;
    return q;
}

static struct tcp_reass *attach(struct tcb *t, struct tcp_env *env)
{
    return t->reass ? tcp_reass_of(t) : move_to(t, env, BUF_SMALL);
}

/* Room for one more range; NULL: there is none. */
static struct tcp_reass *with_room(struct tcb *t, struct tcp_env *env)
{
    struct tcp_reass *q = tcp_reass_of(t);
    if (q->count < q->room) {
        return q;
    }
    return t->reass->cap >= BUF_CHUNK
               ? NULL
               : move_to(t, env, t->reass->cap < BUF_MTU ? BUF_MTU : BUF_CHUNK);
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
    for (const struct la_buf *b = r->head; b && seq_lt(seq_of(b->seq), buf_end(buf)); b = b->next) {
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
    for (uint32_t i = 0; q && i < q->count && seq_lt(q->range[i].start, buf_end(buf)); i++) {
        keep_first(&q->range[i], buf);
    }
}

/* The first range that ends at or behind `seq`: the one a segment beginning there may touch. */
static uint32_t first_touched(const struct tcp_reass *q, seq32 seq)
{
    uint32_t low = 0, high = q->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (seq_lt(q->range[middle].end, seq)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
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

/* Joins the payload to the range that it continues. */
static void extend(struct tcb *t, struct tcp_env *env, struct reass_range *r, struct la_buf *buf)
{
    bool tight = t->rcv_charge > t->opt.rcvbuf;
    r->end = buf_end(buf);
    buf = buf_pack(env->bufs, r->tail, buf, tight ? 2 : 4);
    if (buf) {
        r->tail->next = buf;
        r->tail = buf;
        t->rcv_charge += buf_charge(buf);
    }
}

static enum la_reason insert(struct tcb *t, struct tcp_env *env, uint32_t at, struct la_buf *buf)
{
    struct tcp_reass *q = tcp_reass_of(t);
    seq32 start = seq_of(buf->seq);
    seq32 end = buf_end(buf);

    q->stamp++;
    if (at > 0 && seq_eq(q->range[at - 1].end, start)) {
        q->range[at - 1].stamp = q->stamp;
        extend(t, env, &q->range[at - 1], buf);
        if (at < q->count && seq_eq(end, q->range[at].start)) {
            join_next(q, at - 1);
        }
        return LA_TAKE_DATA_EARLY;
    }
    bool before_next = at < q->count && seq_eq(end, q->range[at].start);
    q = before_next ? q : with_room(t, env);
    if (!q) {
        return tcp_reass_of(t)->count < REASS_RANGES ? LA_DROP_NO_MEMORY : LA_DROP_REASSEMBLY_FULL;
    }
    buf = buf_pack(env->bufs, NULL, buf, 4);
    t->rcv_charge += buf_charge(buf);
    if (before_next) {
        struct reass_range *r = &q->range[at];
        buf->next = r->head;
        r->head = buf;
        r->start = start;
        r->stamp = q->stamp;
        return LA_TAKE_DATA_EARLY;
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
    if (q && tcp_rcv_refuses(t, env, buf_charge(buf), true)) {
        verdict = LA_DROP_REASSEMBLY_FULL;
    } else if (q && !make_disjoint(t, env, q, buf, &at)) {
        verdict = LA_TAKE_DATA_OLD;
    } else if (q) {
        verdict = insert(t, env, at, buf);
    }
    if (verdict == LA_TAKE_DATA_EARLY) {
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

bool tcp_reass_overlap(const struct tcb *t, const struct la_buf *buf, struct wire_sack *twice)
{
    const struct tcp_reass *q = tcp_reass_of(t);
    for (uint32_t i = 0; q && i < q->count; i++) {
        seq32 left = seq_max(q->range[i].start, seq_of(buf->seq));
        seq32 right = seq_min(q->range[i].end, buf_end(buf));
        if (seq_lt(left, right)) {
            *twice = (struct wire_sack){.left = left.v, .right = right.v};
            return true;
        }
    }
    return false;
}

uint8_t tcp_reass_sack(const struct tcb *t, struct wire_sack *blocks, uint8_t max)
{
    const struct tcp_reass *q = tcp_reass_of(t);
    const struct reass_range *best[4]; /* the youngest first */
    uint8_t n = 0;

    for (uint32_t i = 0; q && i < q->count; i++) {
        const struct reass_range *r = &q->range[i];
        uint8_t at = n < max ? n++ : max;
        for (; at > 0 && best[at - 1]->stamp < r->stamp; at--) {
            if (at < max) {
                best[at] = best[at - 1];
            }
        }
        if (at < max) {
            best[at] = r;
        }
    }
    for (uint8_t i = 0; i < n; i++) {
        blocks[i] = (struct wire_sack){.left = best[i]->start.v, .right = best[i]->end.v};
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
