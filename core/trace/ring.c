/* See ring.h. */
#include "trace/ring.h"

#include <stdbool.h>

#include <lastack/err.h>

#include "base/assert.h"
#include "base/mem.h"

#define LINE 64 /* of the cache */

static size_t ring_bytes(uint32_t records)
{
    return sizeof(struct trace_ring) + records * sizeof(struct la_trace_record);
}

static void ring_init(struct trace_ring *ring, uint32_t index, uint32_t conn, uint32_t records)
{
    *ring = (struct trace_ring){.index = index, .conn = conn, .mask = records - 1};
    list_init(&ring->link);
}

int trace_init(struct trace *t, struct memory *memory, uint32_t rings_max)
{
    *t = (struct trace){.memory = memory};
    list_init(&t->written);
    list_init(&t->orphans);
    slab_init(&t->rings, memory, LA_MEM_TRACE, (uint32_t)ring_bytes(TRACE_RING_RECORDS), LINE,
              rings_max);
    t->own = memory_get(memory, ring_bytes(TRACE_OWN_RECORDS), LINE);
    if (!t->own) {
        return LA_ENOMEM;
    }
    ring_init(t->own, 0, 0, TRACE_OWN_RECORDS);
    return 0;
}

void trace_destroy(struct trace *t)
{
    slab_destroy(&t->rings);
    if (t->own) {
        memory_put(t->memory, t->own, ring_bytes(TRACE_OWN_RECORDS));
        t->own = NULL;
    }
    list_init(&t->written);
    list_init(&t->orphans);
}

static struct trace_ring *ring_of(struct list *link)
{
    return list_entry(link, struct trace_ring, link);
}

static const struct la_trace_record *oldest(const struct trace_ring *ring)
{
    return &ring->records[ring->read & ring->mask];
}

struct trace_ring *trace_ring_get(struct trace *t, uint32_t conn, struct trace_ring **owner)
{
    uint32_t index = slab_take(&t->rings);
    struct list *orphan = list_first(&t->orphans);
    struct trace_ring *ring;

    if (index) {
        ring = slab_at(&t->rings, index);
    } else if (orphan) {
        ring = ring_of(orphan);
        index = ring->index;
        t->lost += ring->write - ring->read;
        list_remove(orphan);
    } else {
        return NULL;
    }
    ring_init(ring, index, conn, TRACE_RING_RECORDS);
    ring->owner = owner;
    return ring;
}

void trace_ring_release(struct trace *t, struct trace_ring *ring)
{
    LA_ASSERT(&t->memory->assert_handler, ring != t->own);
    list_remove(&ring->link);
    ring->owner = NULL;
    if (ring->write == ring->read) {
        slab_put(&t->rings, ring->index);
    } else {
        list_append(&t->orphans, &ring->link);
    }
}

/* ---- draining ------------------------------------------------------------------------------- */

/* Finds the oldest record of the rings in a list; leaves out what was overwritten, and counts it. A
 * record's age is taken from the next serial, so that the order holds where serials wrap. */
static void look(struct trace *t, const struct list *rings, const struct la_trace_record **first)
{
    for (struct list *l = rings->next; l != rings; l = l->next) {
        struct trace_ring *ring = ring_of(l);
        uint64_t waiting = ring->write - ring->read;

        if (waiting > ring->mask + 1) {
            t->lost += waiting - (ring->mask + 1);
            ring->read = ring->write - (ring->mask + 1);
        }
        if (!*first || t->serial - oldest(ring)->serial > t->serial - (*first)->serial) {
            *first = oldest(ring);
        }
    }
}

/* Puts the records with serials from `base` to base + n - 1 of the rings in a list into their
 * places; a ring that is empty afterwards leaves the list and goes back to the pool, unless it has
 * an owner that cannot be told. */
static void place(struct trace *t, struct list *rings, struct la_trace_record *records,
                  uint32_t base, size_t n)
{
    for (struct list *l = rings->next, *next; l != rings; l = next) {
        struct trace_ring *ring = ring_of(l);

        next = l->next;
        while (ring->read != ring->write && oldest(ring)->serial - base < n) {
            records[oldest(ring)->serial - base] = *oldest(ring);
            ring->read++;
        }
        if (ring->read == ring->write) {
            list_remove(l);
            if (ring->owner) {
                *ring->owner = NULL;
            }
            if (ring->owner || rings == &t->orphans) {
                slab_put(&t->rings, ring->index);
            }
        }
    }
}

/* Fills a window of `n` places from the serial `base` and closes the gaps: lost records. */
static size_t fill(struct trace *t, struct la_trace_record *records, uint32_t base, size_t n)
{
    size_t filled = 0;

    for (size_t i = 0; i < n; i++) {
        records[i].serial = base + (uint32_t)i + 1; /* not its own: an empty place */
    }
    place(t, &t->written, records, base, n);
    place(t, &t->orphans, records, base, n);
    for (size_t i = 0; i < n; i++) {
        if (records[i].serial == base + (uint32_t)i) {
            records[filled++] = records[i];
        }
    }
    return filled;
}

static void report_lost(struct trace *t, struct la_trace_record *record,
                        const struct la_trace_record *follows)
{
    *record = (struct la_trace_record){
        .time_ns = follows->time_ns,
        .serial = follows->serial - 1, /* of a lost one, most often the last */
        .seq = t->lost < UINT32_MAX ? (uint32_t)t->lost : UINT32_MAX,
        .reason = LA_TRACE_LOST,
        .what_state = LA_TRACE_PACK(LA_TRACE_EVENT, LA_TCP_CLOSED),
    };
    t->counters[LA_TRACE_LOST] += t->lost;
    t->lost = 0;
}

size_t trace_drain(struct trace *t, struct la_trace_record *records, size_t max)
{
    size_t n = 0;

    while (n < max) {
        const struct la_trace_record *first = NULL;

        look(t, &t->written, &first);
        look(t, &t->orphans, &first);
        if (!first) {
            break;
        }
        if (n == 0 && t->lost) {
            report_lost(t, &records[n++], first);
        } else {
            uint32_t issued = t->serial - first->serial; /* no serial lies further on */
            n += fill(t, records + n, first->serial, max - n < issued ? max - n : issued);
        }
    }
    return n;
}
