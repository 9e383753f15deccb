/* Memory: one budget for the whole stack, charged by kind.
 *
 * Everything the core holds comes through memory_get(): objects in slabs of about 64 KiB, tables
 * in one piece; nothing on the segment path calls it when its pools are warm. `used` counts the
 * bytes of objects in use, `held` what the allocator gave. Whoever hands out objects keeps `used`;
 * what an instance has from its creation to its end is held but not used.
 *
 * Invariants: held <= max; what was got is given back with the size it was asked for. */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include <lastack/stack.h>

struct memory {
    struct la_allocator allocator;
    struct la_assert_handler assert_handler;
    uint64_t max;
    uint64_t held;
    uint64_t used[LA_MEM_KINDS]; /* bytes of objects in use; LA_MEM_HELD is not counted here */
};

/* Bytes of objects in use, of all kinds. */
static inline uint64_t memory_used(const struct memory *m)
{
    uint64_t sum = 0;
    for (unsigned kind = 0; kind < LA_MEM_KINDS; kind++) {
        sum += m->used[kind];
    }
    return sum;
}

/* NULL when the allocator has none or the budget is spent. The contents are undefined. */
void *memory_get(struct memory *m, size_t size, size_t align);
void memory_put(struct memory *m, void *p, size_t size);

#endif
