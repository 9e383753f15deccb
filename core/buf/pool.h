/* Packet buffers: reference-counted pieces of memory in four sizes, from slabs, for one thread.
 *
 * All packet memory of a stack comes from here: what links receive into, the queues of received
 * data and the chunks of send buffers. Sizes are those of the memory behind the header; the last
 * reference gives the buffer back to its class's free list. A lent buffer has its bytes in the
 * caller's memory; its last reference puts it on the released list instead, where the stack
 * collects it and tells the owner.
 *
 * Invariants: refs >= 1 while anybody holds it; data points into mem (or at lent memory);
 * used bytes are charged with header and slack: the real memory. */
#ifndef BUF_POOL_H
#define BUF_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lastack/frame.h>

#include "base/memory.h"

/* Memory behind the header; with the header of 32 bytes each fills a multiple of a cache line. */
#define BUF_CLASSES 4
#define BUF_SMALL   (256 - 32)
#define BUF_MTU     (2048 - 32)
#define BUF_CHUNK   (16 * 1024 + 256 - 32)
#define BUF_HUGE    LA_BUF_MAX

/* la_buf.flags kept by the pool; the upper bits are free for the owner. */
#define BUF_LENT 0x01

struct buf_class {
    struct la_buf *free;
    uint32_t size; /* with header */
    uint32_t in_use;
    uint32_t held;
    void *slabs; /* list of the slabs it was carved from */
};

struct buf_pool {
    struct memory *memory;
    struct buf_class classes[BUF_CLASSES];
    struct la_buf *released; /* lent buffers whose last reference went, oldest first */
    struct la_buf *released_tail;
};

void buf_pool_init(struct buf_pool *pool, struct memory *memory);
void buf_pool_destroy(struct buf_pool *pool);

/* The smallest class with room for `size`; data at mem, len 0, one reference. NULL: no memory. */
struct la_buf *buf_get(struct buf_pool *pool, size_t size);
void buf_put(struct buf_pool *pool, struct la_buf *buf);

static inline struct la_buf *buf_ref(struct la_buf *buf)
{
    buf->refs++;
    return buf;
}

/* Bytes of real memory a buffer stands for. */
static inline uint32_t buf_charge(const struct la_buf *buf)
{
    return (uint32_t)sizeof(*buf) + buf->cap;
}

/* Room behind the last byte. 0 for a lent buffer and for one with other owners. */
uint32_t buf_room(const struct la_buf *buf);

/* Gives a whole list (linked by next) back. */
void buf_put_list(struct buf_pool *pool, struct la_buf *buf);

/* A buffer whose bytes are the caller's. `owner` and `cookie` come back from buf_released(). */
struct la_buf *buf_lend(struct buf_pool *pool, const void *data, uint32_t len, uint64_t owner,
                        uint64_t cookie);
bool buf_released(struct buf_pool *pool, uint64_t *owner, uint64_t *cookie);

#endif
