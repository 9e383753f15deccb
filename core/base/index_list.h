/* Doubly linked lists of records that live in a slab, linked by 32-bit indices: 8 bytes a link
 * where pointers would take 16. Index 0 is none. A record may stand in one list a link. */
#ifndef BASE_INDEX_LIST_H
#define BASE_INDEX_LIST_H

#include <stdint.h>

#include "base/slab.h"

struct index_link {
    uint32_t next, prev;
};

struct index_list {
    const struct slab *slab;
    uint32_t offset; /* of the struct index_link in a record */
    uint32_t head, tail;
    uint32_t count;
};

static inline void index_list_init(struct index_list *l, const struct slab *slab, size_t offset)
{
    *l = (struct index_list){.slab = slab, .offset = (uint32_t)offset};
}

static inline struct index_link *index_link_at(const struct index_list *l, uint32_t index)
{
    return (struct index_link *)(void *)((uint8_t *)slab_at(l->slab, index) + l->offset);
}

static inline void index_list_append(struct index_list *l, uint32_t index)
{
    *index_link_at(l, index) = (struct index_link){.next = 0, .prev = l->tail};
    if (l->tail) {
        index_link_at(l, l->tail)->next = index;
    } else {
        l->head = index;
    }
    l->tail = index;
    l->count++;
}

static inline void index_list_remove(struct index_list *l, uint32_t index)
{
    struct index_link *link = index_link_at(l, index);
    if (link->prev) {
        index_link_at(l, link->prev)->next = link->next;
    } else {
        l->head = link->next;
    }
    if (link->next) {
        index_link_at(l, link->next)->prev = link->prev;
    } else {
        l->tail = link->prev;
    }
    l->count--;
}

#endif
