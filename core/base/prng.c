/* Random numbers from the ChaCha20 key stream (RFC 8439 2.3) with nonce 0.
 *
 * A key is used for one stream only, so the nonce has nothing to tell apart; its first word serves
 * as the upper half of a 64-bit block counter, which never wraps. */
#include "base/prng.h"

#include "base/mem.h"

#define WORDS LA_ARRAY_LEN(((struct prng *)0)->out)

static inline uint32_t rotate_left(uint32_t v, int n)
{
    return v << n | v >> (32 - n);
}

/* RFC 8439 2.1 */
static inline void quarter_round(uint32_t *s, int a, int b, int c, int d)
{
    s[a] += s[b];
    s[d] = rotate_left(s[d] ^ s[a], 16);
    s[c] += s[d];
    s[b] = rotate_left(s[b] ^ s[c], 12);
    s[a] += s[b];
    s[d] = rotate_left(s[d] ^ s[a], 8);
    s[c] += s[d];
    s[b] = rotate_left(s[b] ^ s[c], 7);
}

/* RFC 8439 2.3 */
static void next_block(struct prng *p)
{
    uint32_t in[WORDS] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574}; /* "expand 32-byte k" */

    mem_copy(in + 4, p->key, sizeof(p->key));
    in[12] = (uint32_t)p->block;
    in[13] = (uint32_t)(p->block >> 32);
    mem_copy(p->out, in, sizeof(in));
    for (int i = 0; i < 10; i++) {
        quarter_round(p->out, 0, 4, 8, 12);
        quarter_round(p->out, 1, 5, 9, 13);
        quarter_round(p->out, 2, 6, 10, 14);
        quarter_round(p->out, 3, 7, 11, 15);
        quarter_round(p->out, 0, 5, 10, 15);
        quarter_round(p->out, 1, 6, 11, 12);
        quarter_round(p->out, 2, 7, 8, 13);
        quarter_round(p->out, 3, 4, 9, 14);
    }
    for (size_t i = 0; i < WORDS; i++) {
        p->out[i] += in[i];
    }
    p->block++;
    p->used = 0;
}

void prng_seed(struct prng *p, const uint8_t seed[32])
{
    mem_zero(p, sizeof(*p));
    for (size_t i = 0; i < LA_ARRAY_LEN(p->key); i++) {
        const uint8_t *b = seed + i * 4;
        p->key[i] = b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
    }
    p->used = WORDS;
}

uint32_t prng_u32(struct prng *p)
{
    if (p->used == WORDS) {
        next_block(p);
    }
    return p->out[p->used++];
}

uint64_t prng_u64(struct prng *p)
{
    uint64_t low = prng_u32(p);
    return (uint64_t)prng_u32(p) << 32 | low;
}

/* The upper word of a 32 x 32 bit product is nearly uniform; rejecting the 2^32 mod n lowest
 * values of the lower word makes it exact. */
uint32_t prng_below(struct prng *p, uint32_t n)
{
    uint64_t product = (uint64_t)prng_u32(p) * n;

    if ((uint32_t)product < n) {
        uint32_t reject = -n % n;
        while ((uint32_t)product < reject) {
            product = (uint64_t)prng_u32(p) * n;
        }
    }
    return (uint32_t)(product >> 32);
}
