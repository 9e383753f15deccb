/* A token bucket with a random edge.
 *
 * `rate` tokens come in each second, at most `burst` are kept. Whoever can see our answers may
 * count them to learn about others (the side channel of a global limit), so each refill to the
 * brim keeps back a random few. */
#ifndef IP_LIMIT_H
#define IP_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/prng.h"

struct ip_limit {
    uint64_t filled_ns; /* up to when tokens were counted */
    uint32_t tokens;
    uint32_t rate;
    uint32_t burst;
};

void ip_limit_init(struct ip_limit *l, uint32_t rate, uint32_t burst, uint64_t now_ns);

/* Takes one token; false: there is none. */
bool ip_limit_take(struct ip_limit *l, struct prng *prng, uint64_t now_ns);

#endif
