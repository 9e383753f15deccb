/* What a stack on Linux takes from the C library and the kernel: memory and a seed. */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include <lastack/host.h>

static void *memory_get(void *ctx, size_t size, size_t align)
{
    (void)ctx;
    if (size > SIZE_MAX - align)
        return NULL;
    /* aligned_alloc() wants a multiple of the alignment. */
    return aligned_alloc(align, (size + align - 1) & ~(align - 1));
}

static void memory_put(void *ctx, void *ptr, size_t size)
{
    (void)ctx;
    (void)size;
    free(ptr);
}

struct la_allocator la_host_allocator(void)
{
    return (struct la_allocator){.get = memory_get, .put = memory_put};
}

int la_host_seed(uint8_t seed[32])
{
    ssize_t got;
    do {
        got = getrandom(seed, 32, 0); /* 256 bytes or less come whole */
    } while (got < 0 && errno == EINTR);
    return got == 32 ? 0 : LA_EIO;
}
