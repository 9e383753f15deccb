/* The four memory functions the core may import, spelled as built-ins: under -ffreestanding the
 * compiler would otherwise not expand small copies of known length. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>

static inline void mem_copy(void *to, const void *from, size_t n)
{
    __builtin_memcpy(to, from, n);
}

static inline void mem_move(void *to, const void *from, size_t n)
{
    __builtin_memmove(to, from, n);
}

static inline void mem_zero(void *p, size_t n)
{
    __builtin_memset(p, 0, n);
}

static inline bool mem_equal(const void *a, const void *b, size_t n)
{
    return __builtin_memcmp(a, b, n) == 0;
}

#define LA_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
