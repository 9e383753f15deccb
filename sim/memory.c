/* An allocator for one host: it counts what is out, and fails when the plan says so. What is out
 * hangs in a list, so that a run that was broken off leaves nothing behind. */
#include <stdlib.h>

#include "sim/world.h"

struct memory_block {
    struct memory_block *next, **from;
    void *memory;
    size_t size;
};

static bool fails(struct host_memory *m)
{
    m->number++;
    return m->failing || (m->number >= m->fail_from && m->number <= m->fail_to) ||
           (m->fail_every > 0 && m->number % m->fail_every == 0);
}

/* The block's head stands behind its memory, so that the memory keeps its alignment. */
static void *memory_get_block(void *ctx, size_t size, size_t align)
{
    struct host_memory *m = ctx;
    if (fails(m)) {
        m->failed++;
        return NULL;
    }
    size_t room = (size + _Alignof(struct memory_block) - 1) / _Alignof(struct memory_block) *
                  _Alignof(struct memory_block);
    uint8_t *memory = NULL;
    size_t least = align < sizeof(void *) ? sizeof(void *) : align;
    if (posix_memalign((void **)&memory, least, room + sizeof(struct memory_block)) != 0)
        return NULL;
    struct memory_block *block = (struct memory_block *)(void *)(memory + room);
    *block = (struct memory_block){.next = m->blocks, .from = &m->blocks, .memory = memory};
    block->size = size;
    if (m->blocks)
        m->blocks->from = &block->next;
    m->blocks = block;
    m->held_bytes += size;
    return memory;
}

static void memory_put_block(void *ctx, void *ptr, size_t size)
{
    struct host_memory *m = ctx;
    size_t room = (size + _Alignof(struct memory_block) - 1) / _Alignof(struct memory_block) *
                  _Alignof(struct memory_block);
    struct memory_block *block = (struct memory_block *)(void *)((uint8_t *)ptr + room);
    *block->from = block->next;
    if (block->next)
        block->next->from = block->from;
    m->held_bytes -= size;
    free(ptr);
}

struct la_allocator host_allocator(struct host_memory *m)
{
    return (struct la_allocator){.ctx = m, .get = memory_get_block, .put = memory_put_block};
}

void host_memory_drop(struct host_memory *m)
{
    while (m->blocks) {
        struct memory_block *next = m->blocks->next;
        free(m->blocks->memory);
        m->blocks = next;
    }
    m->held_bytes = 0;
}
