/* See pool.h. The index of a buffer in its slab stands in the half of its head that only this file
 * knows, in front of the la_buf. */
#include "buf/pool.h"

#include "base/assert.h"
#include "base/mem.h"

#define LINE 64 /* of the cache */

/* The first half of the head; the la_buf follows it. */
struct head {
    uint32_t index; /* in the slab of its class; overlaps the link of the free list */
    uint32_t unused;
    uint64_t owner, cookie; /* of a lent buffer */
    uint64_t unused_too;
};

_Static_assert(sizeof(struct head) + sizeof(struct la_buf) == BUF_HEAD, "one cache line");
_Static_assert(offsetof(struct la_buf, mem) == sizeof(struct la_buf), "mem begins the next line");
_Static_assert(BUF_SMALL % LINE == 0 && BUF_MTU % LINE == 0, "whole cache lines");
_Static_assert(BUF_CHUNK % LINE == 0 && BUF_HUGE % LINE == 0, "whole cache lines");

static const uint32_t class_cap[BUF_CLASSES] = {BUF_SMALL, BUF_MTU, BUF_CHUNK, BUF_HUGE, 0};

void buf_pool_init(struct buf_pool *pool, struct memory *memory)
{
    *pool = (struct buf_pool){.memory = memory};
    for (unsigned c = 0; c < BUF_CLASSES; c++) {
        struct slab *slab = &pool->classes[c].slab;
        slab_init(slab, memory, LA_MEM_BUFFERS, BUF_HEAD + class_cap[c], LINE, UINT32_MAX);
        slab_keep(slab, UINT32_MAX);
    }
}

static struct head *head_of(struct la_buf *buf)
{
    return (struct head *)(void *)((char *)buf - sizeof(struct head));
}

/* Brings the buffers of the lists back to their slabs. Each comes here at most once for the time it
 * was given back, so this costs no more than the giving back did. */
static void return_lists(struct buf_pool *pool)
{
    for (unsigned c = 0; c < BUF_CLASSES; c++) {
        struct buf_class *class = &pool->classes[c];
        while (class->free) {
            struct la_buf *buf = class->free;
            class->free = buf->next;
            pool->memory->used[LA_MEM_BUFFERS] += class->slab.size; /* what slab_put() takes off */
            slab_put(&class->slab, head_of(buf)->index);
        }
    }
}

void buf_pool_trim(struct buf_pool *pool)
{
    return_lists(pool);
    for (unsigned c = 0; c < BUF_CLASSES; c++) {
        while (slab_trim(&pool->classes[c].slab)) {
        }
    }
}

void buf_pool_destroy(struct buf_pool *pool)
{
    return_lists(pool);
    for (unsigned c = 0; c < BUF_CLASSES; c++) {
        slab_destroy(&pool->classes[c].slab);
    }
    pool->released = NULL;
    pool->released_tail = NULL;
}

/* No memory for the slab `want`: takes it from the empty slabs of the other classes, no more of
 * them than it needs. */
static uint32_t take_from_others(struct buf_pool *pool, struct slab *want)
{
    return_lists(pool);
    for (unsigned c = 0; c < BUF_CLASSES; c++) {
        struct slab *other = &pool->classes[c].slab;
        while (other != want && slab_trim(other)) {
            uint32_t index = slab_take(want);
            if (index) {
                return index;
            }
        }
    }
    return 0;
}

/* A buffer from the slab of the class: its list is empty. */
static struct la_buf *take_fresh(struct buf_pool *pool, struct buf_class *class)
{
    uint32_t index = slab_take(&class->slab);
    struct head *head;

    if (index == 0) {
        index = take_from_others(pool, &class->slab);
        if (index == 0) {
            return NULL;
        }
    }
    head = slab_at(&class->slab, index);
    head->index = index;
    return (struct la_buf *)(void *)(head + 1);
}

/* A buffer of the class with everything set that does not depend on its use. */
static inline struct la_buf *take(struct buf_pool *pool, unsigned size_class)
{
    struct buf_class *class = &pool->classes[size_class];
    struct la_buf *buf = class->free;

    if (__builtin_expect(buf != NULL, 1)) {
        class->free = buf->next;
        pool->memory->used[LA_MEM_BUFFERS] += class->slab.size;
    } else {
        buf = take_fresh(pool, class);
        if (!buf) {
            return NULL;
        }
    }
    *buf = (struct la_buf){
        .data = buf->mem,
        .cap = class_cap[size_class],
        .refs = 1,
        .size_class = (uint8_t)size_class,
    };
    return buf;
}

static inline void give_back(struct buf_pool *pool, struct la_buf *buf)
{
    struct buf_class *class = &pool->classes[buf->size_class];

    pool->memory->used[LA_MEM_BUFFERS] -= class->slab.size;
    buf->next = class->free;
    class->free = buf;
}

struct la_buf *buf_get(struct buf_pool *pool, size_t size)
{
    unsigned size_class = 0;

    if (size > BUF_HUGE) {
        return NULL;
    }
    while (size > class_cap[size_class]) {
        size_class++;
    }
    return take(pool, size_class);
}

void buf_put(struct buf_pool *pool, struct la_buf *buf)
{
    LA_ASSERT(&pool->memory->assert_handler, buf->refs > 0 && buf->size_class < BUF_CLASSES);
    if (--buf->refs) {
        return;
    }
    if (buf->flags & BUF_LENT) {
        buf->next = NULL;
        if (pool->released) {
            pool->released_tail->next = buf;
        } else {
            pool->released = buf;
        }
        pool->released_tail = buf;
        return;
    }
    give_back(pool, buf);
}

void buf_put_list(struct buf_pool *pool, struct la_buf *buf)
{
    while (buf) {
        struct la_buf *next = buf->next;
        buf_put(pool, buf);
        buf = next;
    }
}

uint32_t buf_room(const struct la_buf *buf)
{
    if (buf->refs > 1 || (buf->flags & BUF_LENT)) {
        return 0;
    }
    return buf->cap - (uint32_t)(buf->data - buf->mem) - buf->len;
}

/* Does a payload fill at most 1/`part` of a buffer of this class? */
static bool wasted(uint32_t len, uint32_t cap, uint32_t part)
{
    return len <= (BUF_HEAD + cap) / part;
}

/* The size of a buffer in which the payload would hold less memory, 0: none. */
static size_t better_size(const struct la_buf *tail, const struct la_buf *buf, uint32_t part)
{
    uint32_t fits = buf->len <= BUF_SMALL ? BUF_SMALL : buf->len <= BUF_MTU ? BUF_MTU : BUF_CHUNK;
    if (tail && part <= 2 && wasted(buf->len, fits, part)) {
        return buf->cap == BUF_CHUNK ? 0 : BUF_CHUNK;
    }
    return fits < buf->cap && buf->len <= fits ? fits : 0;
}

struct la_buf *buf_pack(struct buf_pool *pool, struct la_buf *tail, struct la_buf *buf,
                        uint32_t part)
{
    struct la_buf *to = tail;
    size_t size;

    if (!wasted(buf->len, buf->cap, part)) {
        return buf;
    }
    if (!to || buf->len > buf_room(to)) {
        size = better_size(tail, buf, part);
        to = size ? buf_get(pool, size) : NULL;
        if (!to) {
            return buf;
        }
        to->seq = buf->seq;
    }
    mem_copy(to->data + to->len, buf->data, buf->len);
    to->len += buf->len;
    buf_put(pool, buf);
    return to == tail ? NULL : to;
}

struct la_buf *buf_lend(struct buf_pool *pool, const void *data, uint32_t len, uint64_t owner,
                        uint64_t cookie)
{
    struct la_buf *buf = take(pool, BUF_CLASS_LENT);

    if (!buf) {
        return NULL;
    }
    head_of(buf)->owner = owner;
    head_of(buf)->cookie = cookie;
    /* la_buf has one pointer for both kinds; nobody writes through this one: buf_room() is 0. */
    /* NOLINTNEXTLINE(performance-no-int-to-ptr): const goes */
    buf->data = (uint8_t *)(uintptr_t)data;
    buf->len = len;
    buf->flags = BUF_LENT;
    return buf;
}

bool buf_released_owner(const struct buf_pool *pool, uint64_t *owner)
{
    if (!pool->released) {
        return false;
    }
    *owner = head_of(pool->released)->owner;
    return true;
}

bool buf_released(struct buf_pool *pool, uint64_t *owner, uint64_t *cookie)
{
    struct la_buf *buf = pool->released;

    if (!buf) {
        return false;
    }
    pool->released = buf->next;
    *owner = head_of(buf)->owner;
    *cookie = head_of(buf)->cookie;
    give_back(pool, buf);
    return true;
}
