/* Memory: one budget for the whole stack, charged by kind.
 *
 * Everything the core holds comes through memory_get() in slabs of 64 KiB and more; nothing on
 * the segment path calls it when its pools are warm. `used` counts the bytes of objects in use,
 * `held` what the allocator gave. Invariant: held <= max. */
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

/* NULL when the allocator has none or the budget is spent. */
void *memory_get(struct memory *m, size_t size, size_t align);
void memory_put(struct memory *m, void *p, size_t size);

#endif
