/* The checksum kernels of x86-64: AVX2 where the processor has it. Built instead of
 * checksum_generic.c on that architecture.
 *
 * Each 64-bit lane holds two 32-bit words; they are added to two accumulators of 64-bit lanes, so
 * no carry is lost in the first 2^32 blocks. The rest below a block is left to the portable
 * kernel. Loads and stores are unaligned: on processors with AVX2 they cost nothing extra within a
 * cache line. */
#include "base/mem.h"
#include "wire/checksum.h"

/* Four words of memory at any address, under any type. */
typedef uint64_t words4 __attribute__((vector_size(32), aligned(1), may_alias));

#define BLOCK (2 * sizeof(words4))

/* Sums, and copies to `q` when `copy` says so, which is a constant where this is expanded. */
__attribute__((target("avx2"), always_inline)) static inline uint32_t
pass_avx2(uint8_t *q, const uint8_t *p, size_t len, uint32_t sum, bool copy)
{
    words4 low[2] = {{0}, {0}};
    words4 high[2] = {{0}, {0}};

    for (; len >= BLOCK; len -= BLOCK, p += BLOCK) {
        words4 v = *(const words4 *)p;
        words4 w = *(const words4 *)(p + sizeof(v));
        if (copy) {
            *(words4 *)q = v;
            *(words4 *)(q + sizeof(v)) = w;
            q += BLOCK;
        }
        low[0] += v & 0xffffffff;
        high[0] += v >> 32;
        low[1] += w & 0xffffffff;
        high[1] += w >> 32;
    }
    words4 all = low[0] + low[1] + high[0] + high[1];
    uint64_t total = all[0] + all[1] + all[2] + all[3];
    sum = wire_sum_add(sum, wire_sum_add((uint32_t)total, (uint32_t)(total >> 32)));
    return copy ? wire_copy_sum(q, p, len, sum) : wire_sum(p, len, sum);
}

__attribute__((target("avx2"))) static uint32_t sum_avx2(const void *data, size_t len, uint32_t sum)
{
    return pass_avx2(NULL, data, len, sum, false);
}

__attribute__((target("avx2"))) static uint32_t copy_sum_avx2(void *to, const void *from,
                                                              size_t len, uint32_t sum)
{
    return pass_avx2(to, from, len, sum, true);
}

/* Best last. */
static const struct wire_sum_kernel kernels[] = {
    {"portable", wire_sum, wire_copy_sum},
    {"avx2", sum_avx2, copy_sum_avx2},
};

size_t wire_sum_kernels(const struct wire_sum_kernel **list, size_t max)
{
    size_t n = __builtin_cpu_supports("avx2") ? 2 : 1;

    if (n > max) {
        n = max;
    }
    for (size_t i = 0; i < n; i++) {
        list[i] = &kernels[i];
    }
    return n;
}

const struct wire_sum_kernel *wire_sum_choose(void)
{
    const struct wire_sum_kernel *list[LA_ARRAY_LEN(kernels)];
    return list[wire_sum_kernels(list, LA_ARRAY_LEN(list)) - 1];
}
