/* What tests of the core's containers share: a budget over the counting allocator, and numbers that
 * look random and are the same in every run. */
#ifndef SUPPORT_CORE_MEMORY_H
#define SUPPORT_CORE_MEMORY_H

#include <stdint.h>

#include "base/memory.h"
#include "support/test_memory.h"

static inline struct memory core_memory(struct test_memory *tm, uint64_t max)
{
    return (struct memory){.allocator = test_allocator(tm), .max = max};
}

/* SplitMix64. */
static inline uint64_t random_u64(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static inline uint32_t random_below(uint64_t *state, uint32_t n)
{
    return (uint32_t)((random_u64(state) >> 32) * n >> 32);
}

#endif
