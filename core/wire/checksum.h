/* The Internet checksum (RFC 1071): one's-complement sums of 16-bit words.
 *
 * Sums are taken in the byte order of memory and stored back the same way, so no word is ever
 * swapped (RFC 1071 2B). A partial sum is 32 bits and may be added to others with wire_sum_add();
 * wire_fold() makes the 16-bit sum, its complement is the checksum field. Bytes that follow an odd
 * number of others count swapped: wire_sum_at_odd(). */
#ifndef WIRE_CHECKSUM_H
#define WIRE_CHECKSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lastack/addr.h>

/* Adds `len` bytes to a partial sum. A last odd byte is padded with zero. */
uint32_t wire_sum(const void *data, size_t len, uint32_t sum);

/* Copies and sums in one pass. */
uint32_t wire_copy_sum(void *to, const void *from, size_t len, uint32_t sum);

static inline uint32_t wire_sum_add(uint32_t a, uint32_t b)
{
    uint32_t s = a + b;
    return s + (s < b);
}

static inline uint16_t wire_fold(uint32_t sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

/* The partial sum as it counts when its bytes begin at an odd offset. */
static inline uint32_t wire_sum_at_odd(uint32_t sum)
{
    uint16_t f = wire_fold(sum);
    return (uint16_t)(f << 8 | f >> 8);
}

/* The sum of the pseudo-header (RFC 9293 3.1, RFC 8200 8.1): IPv4's when both addresses are
 * IPv4-mapped, else IPv6's. `len` is of the transport header and payload. */
uint32_t wire_sum_pseudo(const struct la_addr *src, const struct la_addr *dst, uint8_t protocol,
                         uint32_t len);

/* Writes a 16-bit value in memory order: the complement of a folded sum into a checksum field, or
 * the folded sum itself for LA_CSUM_PARTIAL. */
void wire_checksum_store(uint8_t *field, uint16_t value);

/* Kernels: chosen once for the processor, kept by the stack, because the core has no writable
 * global. All give sums that fold to the same as wire_sum() and wire_copy_sum(), which are
 * portable. */
struct wire_sum_kernel {
    const char *name; /* "portable", "avx2", ... */
    uint32_t (*sum)(const void *data, size_t len, uint32_t sum);
    uint32_t (*copy_sum)(void *to, const void *from, size_t len, uint32_t sum);
};
const struct wire_sum_kernel *wire_sum_choose(void);

/* All kernels this processor can run, for tests and benchmarks; returns how many. */
size_t wire_sum_kernels(const struct wire_sum_kernel **list, size_t max);

#endif
