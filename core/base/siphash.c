/* SipHash-c-d (Aumasson and Bernstein 2012) with a 64-bit result: c rounds for each word of input,
 * d at the end. Words are little-endian, so that results are the same on every machine. */
#include "base/siphash.h"

struct sip_state {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate_left(uint64_t v, int n)
{
    return v << n | v >> (64 - n);
}

static inline uint64_t load_le64(const uint8_t *p)
{
    return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 |
           (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 |
           (uint64_t)p[7] << 56;
}

static inline void sip_rounds(struct sip_state *s, int n)
{
    for (int i = 0; i < n; i++) {
        s->v0 += s->v1;
        s->v2 += s->v3;
        s->v1 = rotate_left(s->v1, 13) ^ s->v0;
        s->v3 = rotate_left(s->v3, 16) ^ s->v2;
        s->v0 = rotate_left(s->v0, 32) + s->v3;
        s->v2 += s->v1;
        s->v3 = rotate_left(s->v3, 21) ^ s->v0;
        s->v1 = rotate_left(s->v1, 17) ^ s->v2;
        s->v2 = rotate_left(s->v2, 32);
    }
}

static inline void sip_word(struct sip_state *s, uint64_t word, int rounds)
{
    s->v3 ^= word;
    sip_rounds(s, rounds);
    s->v0 ^= word;
}

static inline uint64_t siphash(const struct sip_key *key, const uint8_t *p, size_t len,
                               int word_rounds, int final_rounds)
{
    struct sip_state s = {
        key->k0 ^ 0x736f6d6570736575,
        key->k1 ^ 0x646f72616e646f6d,
        key->k0 ^ 0x6c7967656e657261,
        key->k1 ^ 0x7465646279746573,
    };
    uint64_t last = (uint64_t)len << 56;

    for (; len >= 8; len -= 8, p += 8) {
        sip_word(&s, load_le64(p), word_rounds);
    }
    for (size_t i = 0; i < len; i++) {
        last |= (uint64_t)p[i] << (8 * i);
    }
    sip_word(&s, last, word_rounds);
    s.v2 ^= 0xff;
    sip_rounds(&s, final_rounds);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

uint64_t siphash24(const struct sip_key *key, const void *data, size_t len)
{
    return siphash(key, data, len, 2, 4);
}

uint64_t siphash13(const struct sip_key *key, const void *data, size_t len)
{
    return siphash(key, data, len, 1, 3);
}
