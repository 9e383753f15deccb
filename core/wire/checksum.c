/* The Internet checksum in portable C: 64-bit words, the carries counted apart.
 *
 * A sum of s + c * 2^64 is congruent to s + c modulo 2^16 - 1, because 2^64 is congruent to 1
 * there; so words of any size may be added and folded at the end (RFC 1071 2C). The same argument
 * makes the result right for either byte order of the machine (RFC 1071 2B). A sum of something
 * other than zeros never folds to 0. */
#include "wire/checksum.h"

#include "base/bytes.h"
#include "base/mem.h"

struct sum64 {
    uint64_t sum;
    uint64_t carries;
};

static inline uint64_t load64(const uint8_t *p)
{
    uint64_t v;
    mem_copy(&v, p, sizeof(v));
    return v;
}

static inline uint32_t load32(const uint8_t *p)
{
    uint32_t v;
    mem_copy(&v, p, sizeof(v));
    return v;
}

static inline uint16_t load16(const uint8_t *p)
{
    uint16_t v;
    mem_copy(&v, p, sizeof(v));
    return v;
}

static inline void sum64_add(struct sum64 *s, uint64_t v)
{
    s->sum += v;
    s->carries += s->sum < v;
}

static inline uint32_t fold64(uint64_t v)
{
    return wire_sum_add((uint32_t)v, (uint32_t)(v >> 32));
}

/* The last 0 to 7 bytes as words in the order of memory, a zero behind an odd one. */
static inline uint64_t load_tail(const uint8_t *p, size_t len)
{
    uint64_t sum = 0;

    if (len & 4) {
        sum += load32(p);
        p += 4;
    }
    if (len & 2) {
        sum += load16(p);
        p += 2;
    }
    if (len & 1) {
        uint8_t last[2] = {*p, 0};
        sum += load16(last);
    }
    return sum;
}

/* Sums, and copies to `q` when `copy` says so, which is a constant where this is expanded. Two
 * sums run side by side, because one would wait for its own carries. */
static inline uint32_t pass(uint8_t *q, const uint8_t *p, size_t len, uint32_t sum, bool copy)
{
    struct sum64 a = {sum, 0};
    struct sum64 b = {0, 0};

    for (; len >= 32; len -= 32, p += 32) {
        sum64_add(&a, load64(p));
        sum64_add(&b, load64(p + 8));
        sum64_add(&a, load64(p + 16));
        sum64_add(&b, load64(p + 24));
        if (copy) {
            mem_copy(q, p, 32);
            q += 32;
        }
    }
    if (copy) {
        mem_copy(q, p, len);
    }
    for (; len >= 8; len -= 8, p += 8) {
        sum64_add(&a, load64(p));
    }
    sum64_add(&b, load_tail(p, len));
    return wire_sum_add(wire_sum_add(fold64(a.sum), fold64(a.carries)),
                        wire_sum_add(fold64(b.sum), fold64(b.carries)));
}

uint32_t wire_sum(const void *data, size_t len, uint32_t sum)
{
    return pass(NULL, data, len, sum, false);
}

uint32_t wire_copy_sum(void *to, const void *from, size_t len, uint32_t sum)
{
    return pass(to, from, len, sum, true);
}

/* IPv4's pseudo-header has a 16-bit length and a protocol, IPv6's a 32-bit length and three zero
 * bytes before the protocol; as the words that differ are zero, one layout gives both sums. */
uint32_t wire_sum_pseudo(const struct la_addr *src, const struct la_addr *dst, uint8_t protocol,
                         uint32_t len)
{
    uint8_t tail[8] = {0};
    size_t first = la_addr_is_v4(src) && la_addr_is_v4(dst) ? 12 : 0;
    uint64_t sum = 0;

    for (size_t i = first; i < sizeof(src->b); i += 4) {
        sum += load32(src->b + i);
        sum += load32(dst->b + i);
    }
    store_be32(tail, len);
    tail[7] = protocol;
    sum += load32(tail);
    sum += load32(tail + 4);
    return fold64(sum);
}

void wire_checksum_store(uint8_t *field, uint16_t value)
{
    mem_copy(field, &value, sizeof(value));
}
