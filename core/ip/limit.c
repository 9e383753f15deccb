/* The token bucket of limit.h: tokens are counted when one is asked for, so it needs no timer. */
#include "ip/limit.h"

#include <lastack/stack.h>

void ip_limit_init(struct ip_limit *l, uint32_t rate, uint32_t burst, uint64_t now_ns)
{
    *l = (struct ip_limit){
        .filled_ns = now_ns, .tokens = burst, .rate = rate ? rate : 1, .burst = burst};
}

static void refill(struct ip_limit *l, struct prng *prng, uint64_t now_ns)
{
    if (now_ns <= l->filled_ns) {
        return;
    }
    uint64_t each_ns = (uint64_t)LA_NS_PER_S / l->rate;
    uint64_t tokens = (now_ns - l->filled_ns) / each_ns;
    if (tokens == 0) {
        return;
    }
    if (tokens + l->tokens < l->burst) {
        l->tokens += (uint32_t)tokens;
        l->filled_ns += tokens * each_ns;
        return;
    }
    /* The brim is not the same each time: who counts our answers learns nothing exact. */
    l->tokens = l->burst - prng_below(prng, l->burst / 8 + 1);
    l->filled_ns = now_ns;
}

bool ip_limit_take(struct ip_limit *l, struct prng *prng, uint64_t now_ns)
{
    refill(l, prng, now_ns);
    if (l->tokens == 0) {
        return false;
    }
    l->tokens--;
    return true;
}
