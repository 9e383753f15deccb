/* See bind.h. */
#include "flow/bind.h"

#include <stddef.h>

#include <lastack/err.h>

/* How much of the address space an entry takes, from narrow to wide: the order in which
 * bind_find() prefers them. */
enum scope { EXACT, FAMILY, DUAL_STACK };

static enum scope scope_of(const struct bind_entry *e)
{
    if (!la_addr_is_unspecified(&e->addr)) {
        return EXACT;
    }
    return la_addr_is_v4(&e->addr) || e->v6_only ? FAMILY : DUAL_STACK;
}

/* Does `e` receive segments to `addr` (which may be a wildcard: to anything that it stands for)? */
static bool covers(const struct bind_entry *e, const struct la_addr *addr)
{
    switch (scope_of(e)) {
    case EXACT:
        return la_addr_equal(&e->addr, addr);
    case FAMILY:
        return la_addr_is_v4(&e->addr) == la_addr_is_v4(addr);
    case DUAL_STACK:
        break;
    }
    return true;
}

bool bind_conflict(const struct bind_entry *a, const struct bind_entry *b)
{
    if (a->port != b->port || !(covers(a, &b->addr) || covers(b, &a->addr))) {
        return false;
    }
    return a->listening || b->listening || !a->reuse || !b->reuse;
}

static unsigned bucket_of(uint16_t port)
{
    return port % BIND_BUCKETS;
}

static struct bind_entry *entry_of(struct list *link)
{
    return list_entry(link, struct bind_entry, link);
}

void bind_table_init(struct bind_table *t)
{
    for (unsigned i = 0; i < BIND_BUCKETS; i++) {
        list_init(&t->buckets[i]);
    }
}

bool bind_taken(const struct bind_table *t, const struct bind_entry *e)
{
    const struct list *bucket = &t->buckets[bucket_of(e->port)];

    for (struct list *l = bucket->next; l != bucket; l = l->next) {
        if (entry_of(l) != e && bind_conflict(entry_of(l), e)) {
            return true;
        }
    }
    return false;
}

int bind_add(struct bind_table *t, struct bind_entry *e)
{
    if (bind_taken(t, e)) {
        return LA_EADDRINUSE;
    }
    list_append(&t->buckets[bucket_of(e->port)], &e->link);
    return 0;
}

void bind_remove(struct bind_entry *e)
{
    list_remove(&e->link);
}

struct bind_entry *bind_find(const struct bind_table *t, const struct la_addr *addr, uint16_t port)
{
    const struct list *bucket = &t->buckets[bucket_of(port)];
    struct bind_entry *best = NULL;

    for (struct list *l = bucket->next; l != bucket; l = l->next) {
        struct bind_entry *e = entry_of(l);
        if (e->port == port && e->listening && covers(e, addr) &&
            (!best || scope_of(e) < scope_of(best))) {
            best = e;
        }
    }
    return best;
}

bool bind_port_used(const struct bind_table *t, uint16_t port)
{
    const struct list *bucket = &t->buckets[bucket_of(port)];

    for (struct list *l = bucket->next; l != bucket; l = l->next) {
        if (entry_of(l)->port == port) {
            return true;
        }
    }
    return false;
}
