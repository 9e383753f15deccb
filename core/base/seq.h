/* Sequence numbers: arithmetic modulo 2^32 (RFC 9293 3.4).
 *
 * A type of their own, so that nobody compares them with `<`. An order between two numbers means
 * something only while they are less than 2^31 apart, which windows of at most 2^30 ensure
 * (RFC 7323 2.3). */
#ifndef BASE_SEQ_H
#define BASE_SEQ_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    uint32_t v;
} seq32;

static inline seq32 seq_of(uint32_t v)
{
    return (seq32){v};
}

static inline seq32 seq_add(seq32 a, uint32_t n)
{
    return (seq32){a.v + n};
}

static inline seq32 seq_sub(seq32 a, uint32_t n)
{
    return (seq32){a.v - n};
}

/* a - b: how far a lies after b; negative when before. */
static inline int32_t seq_diff(seq32 a, seq32 b)
{
    return (int32_t)(a.v - b.v);
}

/* How many numbers lie in [from, to), given that `to` is not before `from`. */
static inline uint32_t seq_len(seq32 from, seq32 to)
{
    return to.v - from.v;
}

static inline bool seq_eq(seq32 a, seq32 b)
{
    return a.v == b.v;
}

static inline bool seq_lt(seq32 a, seq32 b)
{
    return seq_diff(a, b) < 0;
}

static inline bool seq_le(seq32 a, seq32 b)
{
    return seq_diff(a, b) <= 0;
}

static inline bool seq_gt(seq32 a, seq32 b)
{
    return seq_diff(a, b) > 0;
}

static inline bool seq_ge(seq32 a, seq32 b)
{
    return seq_diff(a, b) >= 0;
}

static inline seq32 seq_max(seq32 a, seq32 b)
{
    return seq_lt(a, b) ? b : a;
}

static inline seq32 seq_min(seq32 a, seq32 b)
{
    return seq_lt(a, b) ? a : b;
}

/* Does `s` lie in [from, from + len)? */
static inline bool seq_in(seq32 s, seq32 from, uint32_t len)
{
    return s.v - from.v < len;
}

#endif
