/* See slab.h. What happens for every object comes first, what happens for every chunk below. */
#include "base/slab.h"

#include "base/assert.h"
#include "base/mem.h"

#define CHUNK_BYTES     (64U * 1024) /* at least, unless `max` needs less */
#define CHUNK_CAP_FIRST 16U          /* entries of the first array of chunks; then doubled */

#define SLAB_ASSERT(s, e) LA_ASSERT(&(s)->memory->assert_handler, e)

void slab_init(struct slab *s, struct memory *memory, enum la_memory_kind kind, uint32_t size,
               uint32_t align, uint32_t max)
{
    *s = (struct slab){
        .memory = memory,
        .open = SLAB_NONE,
        .spare = SLAB_NONE,
        .vacant = SLAB_NONE,
        .spare_max = 1,
        .size = (size + align - 1) & ~(align - 1),
        .align = align,
        .shift = 1, /* at least two objects: the first of all is never given away */
        .max = max,
        .kind = (uint8_t)kind,
    };
    SLAB_ASSERT(s, align >= sizeof(uint32_t) && (align & (align - 1)) == 0 && s->size > 0);
    while (((uint64_t)s->size << s->shift) < CHUNK_BYTES && ((uint64_t)1 << s->shift) <= max) {
        s->shift++;
    }
}

static size_t chunk_bytes(const struct slab *s)
{
    return (size_t)s->size << s->shift;
}

void slab_destroy(struct slab *s)
{
    for (uint32_t i = 0; i < s->chunk_count; i++) {
        if (s->chunks[i].objects) {
            memory_put(s->memory, s->chunks[i].objects, chunk_bytes(s));
        }
    }
    if (s->chunks) {
        memory_put(s->memory, s->chunks, s->chunk_cap * sizeof(*s->chunks));
    }
    s->memory->used[s->kind] -= (uint64_t)s->used * s->size;
    slab_init(s, s->memory, (enum la_memory_kind)s->kind, s->size, s->align, s->max);
}

/* Among the chunks with room. */
static void open_push(struct slab *s, uint32_t c)
{
    s->chunks[c].prev = SLAB_NONE;
    s->chunks[c].next = s->open;
    if (s->open != SLAB_NONE) {
        s->chunks[s->open].prev = c;
    }
    s->open = c;
}

static void open_remove(struct slab *s, uint32_t c)
{
    const struct slab_chunk *chunk = &s->chunks[c];

    if (chunk->prev == SLAB_NONE) {
        s->open = chunk->next;
    } else {
        s->chunks[chunk->prev].next = chunk->next;
    }
    if (chunk->next != SLAB_NONE) {
        s->chunks[chunk->next].prev = chunk->prev;
    }
}

static bool chunks_double(struct slab *s)
{
    uint32_t cap = s->chunk_cap ? 2 * s->chunk_cap : CHUNK_CAP_FIRST;
    struct slab_chunk *chunks =
        memory_get(s->memory, cap * sizeof(*chunks), _Alignof(struct slab_chunk));

    if (!chunks) {
        return false;
    }
    if (s->chunks) {
        mem_copy(chunks, s->chunks, s->chunk_count * sizeof(*chunks));
        memory_put(s->memory, s->chunks, s->chunk_cap * sizeof(*chunks));
    }
    s->chunks = chunks;
    s->chunk_cap = cap;
    return true;
}

/* Links the objects of a fresh chunk in the order of their addresses, but for index 0. */
static void chunk_link(struct slab *s, uint32_t c)
{
    uint32_t first = (c << s->shift) + (c == 0);
    uint32_t end = (c + 1) << s->shift;

    s->chunks[c].free = first;
    for (uint32_t i = first; i < end; i++) {
        uint32_t next = i + 1 < end ? i + 1 : 0;
        mem_copy(slab_at(s, i), &next, sizeof(next));
    }
}

/* Puts a chunk with room into the list of those: a spare one, else one from the allocator. */
static bool chunk_open(struct slab *s)
{
    uint32_t c = s->spare;
    uint8_t *objects;

    if (c != SLAB_NONE) {
        s->spare = s->chunks[c].next;
        s->spare_count--;
        open_push(s, c);
        return true;
    }
    if (s->vacant == SLAB_NONE && s->chunk_count == s->chunk_cap && !chunks_double(s)) {
        return false;
    }
    objects = memory_get(s->memory, chunk_bytes(s), s->align);
    if (!objects) {
        return false;
    }
    if (s->vacant != SLAB_NONE) {
        c = s->vacant;
        s->vacant = s->chunks[c].next;
    } else {
        c = s->chunk_count++;
    }
    s->chunks[c] = (struct slab_chunk){.objects = objects};
    chunk_link(s, c);
    open_push(s, c);
    return true;
}

bool slab_trim(struct slab *s)
{
    uint32_t c = s->spare;

    if (c == SLAB_NONE) {
        return false;
    }
    s->spare = s->chunks[c].next;
    s->spare_count--;
    memory_put(s->memory, s->chunks[c].objects, chunk_bytes(s));
    s->chunks[c].objects = NULL;
    s->chunks[c].next = s->vacant;
    s->vacant = c;
    return true;
}

static void chunk_emptied(struct slab *s, uint32_t c)
{
    open_remove(s, c);
    s->chunks[c].next = s->spare;
    s->spare = c;
    s->spare_count++;
    if (s->spare_count > s->spare_max) {
        slab_trim(s);
    }
}

uint32_t slab_take(struct slab *s)
{
    struct slab_chunk *chunk;
    uint32_t index;

    if (s->used >= s->max || (s->open == SLAB_NONE && !chunk_open(s))) {
        return 0;
    }
    chunk = &s->chunks[s->open];
    index = chunk->free;
    mem_copy(&chunk->free, slab_at(s, index), sizeof(chunk->free));
    chunk->used++;
    s->used++;
    s->memory->used[s->kind] += s->size;
    if (chunk->free == 0) {
        open_remove(s, s->open);
    }
    return index;
}

uint32_t slab_get(struct slab *s)
{
    uint32_t index = slab_take(s);

    if (index) {
        mem_zero(slab_at(s, index), s->size);
    }
    return index;
}

void slab_put(struct slab *s, uint32_t index)
{
    uint32_t c = index >> s->shift;
    struct slab_chunk *chunk = &s->chunks[c];
    uint32_t next;

    SLAB_ASSERT(s, index && c < s->chunk_count && chunk->objects && chunk->used);
    next = chunk->free;
    mem_copy(slab_at(s, index), &next, sizeof(next));
    chunk->free = index;
    chunk->used--;
    s->used--;
    s->memory->used[s->kind] -= s->size;
    if (next == 0) {
        open_push(s, c);
    }
    if (chunk->used == 0) {
        chunk_emptied(s, c);
    }
}
