/* See test_memory.h. Each block carries a header in front of it, as far before as its alignment
 * asks for, so that giving back can be checked against getting. */
#include "support/test_memory.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC   UINT64_C(0x6c61737461636b21)
#define PATTERN 0xa5

struct header {
    uint64_t magic;
    size_t size;
    size_t room; /* bytes between the start of the allocation and the block */
};

static void check(int holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "test_memory: %s\n", what);
        abort();
    }
}

static void *get(void *ctx, size_t size, size_t align)
{
    struct test_memory *m = ctx;
    struct header header = {MAGIC, size, align < sizeof(header) ? 64 : align};
    uint8_t *raw = NULL;

    check(align && (align & (align - 1)) == 0 && align <= 4096, "alignment is no power of two");
    check(size > 0, "asked for nothing");
    m->calls++;
    if (m->calls == m->fail_at) {
        return NULL;
    }
    if (posix_memalign((void **)&raw, header.room, header.room + size) != 0) {
        return NULL;
    }
    memcpy(raw + header.room - sizeof(header), &header, sizeof(header));
    memset(raw + header.room, PATTERN, size);
    m->live_bytes += size;
    return raw + header.room;
}

static void put(void *ctx, void *ptr, size_t size)
{
    struct test_memory *m = ctx;
    uint8_t *block = ptr;
    struct header header;

    check(ptr != NULL, "gave back NULL");
    memcpy(&header, block - sizeof(header), sizeof(header));
    check(header.magic == MAGIC, "gave back what was never given");
    check(header.size == size, "gave back with another size than was asked for");
    memset(block - sizeof(header), 0, sizeof(header));
    m->live_bytes -= size;
    free(block - header.room);
}

struct la_allocator test_allocator(struct test_memory *m)
{
    return (struct la_allocator){.ctx = m, .get = get, .put = put};
}
