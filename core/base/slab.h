/* Slabs: objects of one size, found by a 32-bit index that stays valid for their life, so that
 * links between records are 4 bytes and tables hold no pointers.
 *
 * Objects come from chunks of a power-of-two number of objects, at least 64 KiB each unless `max`
 * needs less. Chunks with room stand in a list, and an object is taken from its first one, so that
 * the others can run empty. An empty chunk is set aside as a spare; when there are more spares
 * than `spare_max` it goes back to the allocator. With one spare, the number of objects must swing
 * by a whole chunk before the allocator is asked again.
 *
 * Invariants: index 0 is never given away, it means none; the first four bytes of a free object
 * link the free list of its chunk; a chunk is full, or in the list of those with room, or a spare,
 * or not held. */
#ifndef BASE_SLAB_H
#define BASE_SLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"

#define SLAB_NONE UINT32_MAX /* ends the lists of chunks */

struct slab_chunk {
    uint8_t *objects; /* NULL: not held */
    uint32_t used;
    uint32_t free;       /* first free object in it, as an index; 0: none */
    uint32_t next, prev; /* the list it stands in; prev only among those with room */
};

struct slab {
    struct memory *memory;
    struct slab_chunk *chunks;
    uint32_t chunk_count; /* entries of `chunks` in use or once used */
    uint32_t chunk_cap;
    uint32_t open;        /* chunks with room and objects in use */
    uint32_t spare;       /* held and empty */
    uint32_t vacant;      /* entries whose memory went back */
    uint32_t spare_count; /* chunks in `spare` */
    uint32_t spare_max;
    uint32_t size; /* of one object, a multiple of its alignment */
    uint32_t align;
    uint32_t shift; /* log2 of the objects in a chunk */
    uint32_t max;   /* objects at most */
    uint32_t used;
    uint8_t kind; /* enum la_memory_kind the objects are charged to */
};

/* Takes no memory yet. `size` is rounded up to a multiple of `align`. */
void slab_init(struct slab *s, struct memory *memory, enum la_memory_kind kind, uint32_t size,
               uint32_t align, uint32_t max);

/* Gives everything back, objects in use as well. */
void slab_destroy(struct slab *s);

/* A zeroed object's index, or 0: `max` reached or no memory. */
uint32_t slab_get(struct slab *s);

/* The same without the zeroing, for objects whose head alone needs to be set. */
uint32_t slab_take(struct slab *s);
void slab_put(struct slab *s, uint32_t index);

/* How many empty chunks to hold on to: 1 unless it is set. */
static inline void slab_keep(struct slab *s, uint32_t spare_max)
{
    s->spare_max = spare_max;
}

/* Gives one empty chunk back to the allocator; false when there is none. */
bool slab_trim(struct slab *s);

static inline void *slab_at(const struct slab *s, uint32_t index)
{
    uint32_t mask = (1U << s->shift) - 1;
    return s->chunks[index >> s->shift].objects + (size_t)(index & mask) * s->size;
}

#endif
