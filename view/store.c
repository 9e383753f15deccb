/* Memory that grows. */
#include "store.h"

#include <stdlib.h>

#define BLOCK_BYTES 32768
#define ALIGN       16

struct store_block {
    struct store_block *next;
    size_t used, size;
    _Alignas(ALIGN) char bytes[];
};

bool store_grow(void **array, size_t n, size_t *cap, size_t size)
{
    const size_t more = *cap == 0 ? 64 : *cap * 2;
    void *bigger;

    if (n < *cap)
        return true;
    bigger = realloc(*array, more * size);
    if (bigger == NULL)
        return false;
    *array = bigger;
    *cap = more;
    return true;
}

void *store_get(struct store *s, size_t size)
{
    struct store_block *b = s->blocks;

    size = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (b == NULL || b->size - b->used < size) {
        const size_t room = size > BLOCK_BYTES ? size : BLOCK_BYTES;

        b = calloc(1, sizeof(*b) + room);
        if (b == NULL)
            return NULL;
        b->size = room;
        b->next = s->blocks;
        s->blocks = b;
    }
    b->used += size;
    return b->bytes + b->used - size;
}

void store_free(struct store *s)
{
    for (struct store_block *b = s->blocks, *next; b != NULL; b = next) {
        next = b->next;
        free(b);
    }
    s->blocks = NULL;
}
