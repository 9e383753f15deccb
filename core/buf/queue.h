/* A queue of packet buffers, linked by next, that knows how much real memory it holds.
 *
 * Invariants: `bytes` is the sum of the charges of its `count` buffers; the queue holds one
 * reference of each; a buffer stands in one queue at most. */
#ifndef BUF_QUEUE_H
#define BUF_QUEUE_H

#include "buf/pool.h"

struct buf_queue {
    struct la_buf *head, *tail;
    uint32_t count;
    uint32_t bytes; /* charged */
};

static inline void buf_queue_push(struct buf_queue *q, struct la_buf *buf)
{
    buf->next = NULL;
    if (q->tail) {
        q->tail->next = buf;
    } else {
        q->head = buf;
    }
    q->tail = buf;
    q->count++;
    q->bytes += buf_charge(buf);
}

/* The oldest buffer, whose reference goes to the caller; NULL: the queue is empty. */
static inline struct la_buf *buf_queue_pop(struct buf_queue *q)
{
    struct la_buf *buf = q->head;
    if (buf) {
        q->head = buf->next;
        q->tail = q->head ? q->tail : NULL;
        q->count--;
        q->bytes -= buf_charge(buf);
        buf->next = NULL;
    }
    return buf;
}

/* May a buffer of this charge join without exceeding `most` bytes? An empty queue takes any one. */
static inline bool buf_queue_fits(const struct buf_queue *q, uint32_t charge, uint32_t most)
{
    return !q->head || q->bytes + charge <= most;
}

#endif
