/* Random numbers: ChaCha20 keyed at creation (RFC 8439 2.3), so that who sees some cannot guess
 * others, and the same seed gives the same numbers. */
#ifndef BASE_PRNG_H
#define BASE_PRNG_H

#include <stdint.h>

struct prng {
    uint32_t key[8];
    uint64_t block; /* counter of the next block */
    uint32_t out[16];
    uint32_t used; /* words of `out` given away; 16: make the next block */
};

void prng_seed(struct prng *p, const uint8_t seed[32]);
uint32_t prng_u32(struct prng *p);
uint64_t prng_u64(struct prng *p);

/* Uniform in [0, n), without bias; n at least 1. */
uint32_t prng_below(struct prng *p, uint32_t n);

#endif
