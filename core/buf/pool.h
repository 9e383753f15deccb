/* Packet buffers: reference-counted pieces of memory in four sizes, from slabs, for one thread.
 *
 * All packet memory of a stack comes from here: what links receive into, the queues of received
 * data and the chunks of send buffers. A buffer is 64 bytes of head and the memory behind it; the
 * head's second half is the la_buf that everybody knows, the first half is the pool's own, so that
 * `mem` begins a cache line. The last reference gives the buffer back to its class. A lent buffer
 * has its bytes in the caller's memory and none of its own; its last reference puts it on the
 * released list instead, where the stack collects it and tells the owner.
 *
 * A class is a slab and a list of buffers that were given back: getting and putting are a pop and a
 * push. The list returns to the slab only when some class needs memory and there is none; then
 * slabs that are empty go back to the allocator for it. So a warm pool never asks the allocator,
 * and no class can keep the others from memory that it does not use.
 *
 * Invariants: refs >= 1 while anybody holds it; data points into mem (or at lent memory); a buffer
 * is charged with its head and all of its memory while it is in use, and not in a list. */
#ifndef BUF_POOL_H
#define BUF_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lastack/frame.h>

#include "base/memory.h"
#include "base/slab.h"

/* Memory behind the head; with it each fills whole cache lines. An MTU and a chunk take a few lines
 * more than a power of two, so that not all heads fall into the same sets of the cache. */
#define BUF_HEAD  64
#define BUF_SMALL (256 - BUF_HEAD)
#define BUF_MTU   (2048 + 64 - BUF_HEAD)
#define BUF_CHUNK (16 * 1024 + 256 - BUF_HEAD)
#define BUF_HUGE  LA_BUF_MAX

/* By size, and last the lent ones: heads without memory. */
#define BUF_SIZES      4
#define BUF_CLASS_LENT BUF_SIZES
#define BUF_CLASSES    (BUF_SIZES + 1)

/* la_buf.flags kept by the pool; the upper bits are free for the owner. */
#define BUF_LENT 0x01

struct buf_class {
    struct la_buf *free; /* given back; to the slab they are still in use */
    struct slab slab;
};

struct buf_pool {
    struct memory *memory;
    struct buf_class classes[BUF_CLASSES];
    struct la_buf *released; /* lent buffers whose last reference went, oldest first */
    struct la_buf *released_tail;
};

/* Takes no memory yet. */
void buf_pool_init(struct buf_pool *pool, struct memory *memory);

/* Gives everything back, buffers in use as well. */
void buf_pool_destroy(struct buf_pool *pool);

/* Gives everything back that is not in use: for who else needs memory and got none. */
void buf_pool_trim(struct buf_pool *pool);

/* The smallest class with room for `size`; data at mem, len 0, one reference. NULL: no memory, or
 * more than BUF_HUGE. */
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
    return BUF_HEAD + buf->cap;
}

/* Room behind the last byte. 0 for a lent buffer and for one with other owners. */
uint32_t buf_room(const struct la_buf *buf);

/* A payload that fills at most 1/`part` of its buffer moves, so that what is kept does not hold
 * several times its size: behind the bytes of `tail` (NULL: there is none before it), or into a
 * buffer that fits better. For a part of 2 that is also a large one, if `tail` has no room any
 * more: what comes next moves behind it. Returns the buffer the payload is in (`seq` goes with it),
 * or NULL: it was appended to `tail`. Without memory it stays where it is. */
struct la_buf *buf_pack(struct buf_pool *pool, struct la_buf *tail, struct la_buf *buf,
                        uint32_t part);

/* Gives one reference of each buffer of a list (linked by next) back. */
void buf_put_list(struct buf_pool *pool, struct la_buf *buf);

/* A buffer whose bytes are the caller's. `owner` and `cookie` come back from buf_released(). */
struct la_buf *buf_lend(struct buf_pool *pool, const void *data, uint32_t len, uint64_t owner,
                        uint64_t cookie);

/* Takes the lent buffer out that has been released for longest; false when there is none. */
/* Whose lent buffer is the oldest released one? False: none is. */
bool buf_released_owner(const struct buf_pool *pool, uint64_t *owner);
bool buf_released(struct buf_pool *pool, uint64_t *owner, uint64_t *cookie);

#endif
