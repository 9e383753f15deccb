/* Slabs: objects of one size, found by a 32-bit index that stays valid for their life, so that
 * links between records are 4 bytes and tables hold no pointers.
 *
 * Objects come from chunks of a power-of-two number of objects, about 64 KiB each. An empty chunk
 * is given back while another has room. Index 0 is never given away: it means none. The first
 * four bytes of a free object link the free list; a fresh object is zeroed. */
#ifndef BASE_SLAB_H
#define BASE_SLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"

struct slab_chunk {
    uint8_t *objects; /* NULL: not held */
    uint32_t used;
    uint32_t free; /* first free object in it, as an index; 0: none */
};

struct slab {
    struct memory *memory;
    struct slab_chunk *chunks;
    uint32_t chunk_count; /* entries of `chunks` in use or once used */
    uint32_t chunk_cap;
    uint32_t open; /* a chunk with room, or chunk_count */
    uint32_t size; /* of one object, a multiple of its alignment */
    uint32_t align;
    uint32_t shift; /* log2 of the objects in a chunk */
    uint32_t max;   /* objects at most */
    uint32_t used;
    uint8_t kind; /* enum la_memory_kind the objects are charged to */
};

void slab_init(struct slab *s, struct memory *memory, enum la_memory_kind kind, uint32_t size,
               uint32_t align, uint32_t max);
void slab_destroy(struct slab *s);

/* A zeroed object's index, or 0: `max` reached or no memory. */
uint32_t slab_get(struct slab *s);
void slab_put(struct slab *s, uint32_t index);

static inline void *slab_at(const struct slab *s, uint32_t index)
{
    uint32_t mask = (1U << s->shift) - 1;
    return s->chunks[index >> s->shift].objects + (size_t)(index & mask) * s->size;
}

#endif
