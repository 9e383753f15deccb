/* For tests of parsers: input in memory of exactly its size, so that the address sanitizer sees the
 * first byte read too far; and repeatable random numbers. */
#ifndef TESTS_WIRE_EXACT_H
#define TESTS_WIRE_EXACT_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <lastack/addr.h>

#include "base/prng.h"

static inline uint8_t *exact(const void *data, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);
    if (!copy) {
        abort();
    }
    memcpy(copy, data, len);
    return copy;
}

static inline struct prng random_from(uint8_t seed)
{
    struct prng p;
    const uint8_t key[32] = {seed};
    prng_seed(&p, key);
    return p;
}

static inline void random_bytes(struct prng *p, uint8_t *to, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        to[i] = (uint8_t)prng_u32(p);
    }
}

static inline struct la_addr random_v4(struct prng *p)
{
    uint32_t v = prng_u32(p);
    return la_addr_v4((uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v);
}

static inline struct la_addr random_v6(struct prng *p)
{
    struct la_addr a;
    random_bytes(p, a.b, sizeof(a.b));
    a.b[0] = 0xfd; /* neither mapped nor a group */
    return a;
}

#endif
