/* Memory that grows: arrays that double, and bytes that live as long as what they belong to. */
#ifndef VIEW_STORE_H
#define VIEW_STORE_H

#include <stdbool.h>
#include <stddef.h>

/* Sees to room for one more element of `size` bytes behind the first `n`; false: no memory, and
 * the array is as it was. */
bool store_grow(void **array, size_t n, size_t *cap, size_t size);

/* Blocks from which pieces are cut; only all of it is freed. All zero is an empty one. */
struct store_block;
struct store {
    struct store_block *blocks;
};
/* Zeroed and aligned for anything; NULL: no memory. */
void *store_get(struct store *s, size_t size);
void store_free(struct store *s);

#endif
