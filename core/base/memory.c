/* See memory.h: the budget is checked before the allocator is asked, so that a stack never holds
 * more than its configuration allows, however much the host would give. */
#include "base/memory.h"

#include "base/assert.h"

void *memory_get(struct memory *m, size_t size, size_t align)
{
    void *p;

    LA_ASSERT(&m->assert_handler, size > 0 && align > 0 && (align & (align - 1)) == 0);
    if (m->held > m->max || size > m->max - m->held) {
        return NULL;
    }
    p = m->allocator.get(m->allocator.ctx, size, align);
    if (p) {
        m->held += size;
    }
    return p;
}

void memory_put(struct memory *m, void *p, size_t size)
{
    LA_ASSERT(&m->assert_handler, p != NULL && size <= m->held);
    m->held -= size;
    m->allocator.put(m->allocator.ctx, p, size);
}
