/* See table.h. First the array, which knows tags and references only; then the table of two of
 * them, which knows records and memory. */
#include "flow/table.h"

#include <lastack/err.h>

#include "base/assert.h"
#include "base/mem.h"

#define SLOTS         8  /* in a bucket */
#define LEAST_BUCKETS 64 /* 4 KiB, the smallest array */
#define MOVE_BUCKETS  2  /* moved by each addition and removal */
#define BUCKET_BYTES  (SLOTS * sizeof(struct flow_slot))

_Static_assert(BUCKET_BYTES == 64, "a bucket is a cache line");
_Static_assert(LA_ARRAY_LEN(((struct flow_table *)0)->slabs) == FLOW_TIME_WAIT + 1, "all kinds");

#define TABLE_ASSERT(t, e) LA_ASSERT(&(t)->memory->assert_handler, e)

/* ---- one array ------------------------------------------------------------------------------ */

static uint32_t home(const struct flow_array *a, uint32_t tag)
{
    return (uint32_t)((uint64_t)tag * a->buckets >> 32);
}

static struct flow_slot *bucket(const struct flow_array *a, uint32_t b)
{
    return a->slots + (size_t)b * SLOTS;
}

static bool bucket_full(const struct flow_slot *slots)
{
    return slots[SLOTS - 1].ref != 0;
}

/* Where the search for a tag begins and how it goes on: over what was moved away. */
static uint32_t search_begin(const struct flow_array *a, uint32_t tag)
{
    uint32_t b = home(a, tag);
    return b < a->first ? a->first : b;
}

static uint32_t search_next(const struct flow_array *a, uint32_t b)
{
    return b + 1 < a->buckets ? b + 1 : a->first;
}

static void array_insert(struct flow_array *a, struct flow_slot entry)
{
    uint32_t b = search_begin(a, entry.tag);
    unsigned i = 0;

    while (bucket_full(bucket(a, b))) {
        b = search_next(a, b);
    }
    while (bucket(a, b)[i].ref) {
        i++;
    }
    bucket(a, b)[i] = entry;
    a->used++;
}

/* The slot of exactly this entry, or NULL. */
static struct flow_slot *array_slot(const struct flow_array *a, uint32_t tag, flow_ref ref)
{
    uint32_t b = search_begin(a, tag);

    for (uint32_t n = a->buckets - a->first; a->slots && n; n--) {
        struct flow_slot *slots = bucket(a, b);
        for (unsigned i = 0; i < SLOTS; i++) {
            if (slots[i].ref == ref) {
                return &slots[i];
            }
        }
        if (!bucket_full(slots)) {
            return NULL;
        }
        b = search_next(a, b);
    }
    return NULL;
}

/* How many buckets lie from `from` to `to`, going up and around. */
static uint32_t distance(const struct flow_array *a, uint32_t from, uint32_t to)
{
    return to >= from ? to - from : to + a->buckets - from;
}

/* Takes an entry out of a bucket; its last entry fills the gap. */
static void bucket_remove(struct flow_slot *slots, struct flow_slot *slot)
{
    unsigned last = SLOTS - 1;

    while (slots[last].ref == 0) {
        last--;
    }
    *slot = slots[last];
    slots[last] = (struct flow_slot){0, 0};
}

/* Removes an entry. If its bucket was full, entries that had to go past it may lie further on: one
 * of them is pulled back, then its bucket has the hole, and so on to the first that is not full. */
static void array_remove(struct flow_array *a, struct flow_slot *slot)
{
    uint32_t hole = (uint32_t)((size_t)(slot - a->slots) / SLOTS);
    bool was_full = bucket_full(bucket(a, hole));
    uint32_t b = hole;

    bucket_remove(bucket(a, hole), slot);
    a->used--;
    for (uint32_t n = a->buckets - a->first; was_full && n > 1; n--) {
        struct flow_slot *slots;
        bool full;

        b = search_next(a, b);
        slots = bucket(a, b);
        full = bucket_full(slots);
        for (unsigned i = SLOTS; i-- > 0;) {
            if (slots[i].ref && distance(a, home(a, slots[i].tag), b) >= distance(a, hole, b)) {
                bucket(a, hole)[SLOTS - 1] = slots[i];
                bucket_remove(slots, &slots[i]);
                hole = b;
                break;
            }
        }
        was_full = full;
    }
}

/* ---- the table ------------------------------------------------------------------------------ */

static size_t array_bytes(const struct flow_array *a)
{
    return a->buckets * BUCKET_BYTES;
}

static const struct flow_key *key_of(const struct flow_table *t, flow_ref ref)
{
    return slab_at(t->slabs[FLOW_KIND(ref)], FLOW_INDEX(ref));
}

static uint32_t tag_of(const struct flow_table *t, flow_ref ref)
{
    return (uint32_t)flow_hash(t, key_of(t, ref));
}

int flow_table_init(struct flow_table *t, struct memory *memory, struct sip_key key,
                    const struct slab *conns, const struct slab *half_open,
                    const struct slab *time_wait)
{
    *t = (struct flow_table){
        .memory = memory,
        .key = key,
        .slabs = {[FLOW_CONN] = conns, [FLOW_HALF_OPEN] = half_open, [FLOW_TIME_WAIT] = time_wait},
    };
    t->least = memory_get(memory, LEAST_BUCKETS * BUCKET_BYTES, BUCKET_BYTES);
    if (!t->least) {
        return LA_ENOMEM;
    }
    mem_zero(t->least, LEAST_BUCKETS * BUCKET_BYTES);
    t->now = (struct flow_array){.slots = t->least, .buckets = LEAST_BUCKETS};
    return 0;
}

/* Gives an array's memory back; the least one is kept, empty. */
static void array_drop(struct flow_table *t, struct flow_array *a)
{
    if (a->slots && a->slots == t->least) {
        mem_zero(t->least, array_bytes(a));
    } else if (a->slots) {
        t->memory->used[LA_MEM_INDEX] -= array_bytes(a);
        memory_put(t->memory, a->slots, array_bytes(a));
    }
    *a = (struct flow_array){0};
}

void flow_table_destroy(struct flow_table *t)
{
    array_drop(t, &t->old);
    array_drop(t, &t->now);
    if (t->least) {
        memory_put(t->memory, t->least, LEAST_BUCKETS * BUCKET_BYTES);
        t->least = NULL;
    }
}

/* Makes an array of `buckets` the present one, and the present one `old`. */
static bool resize(struct flow_table *t, uint32_t buckets)
{
    struct flow_array fresh = {.slots = t->least, .buckets = LEAST_BUCKETS};

    if (buckets > LEAST_BUCKETS) {
        fresh.buckets = buckets;
        fresh.slots = memory_get(t->memory, array_bytes(&fresh), BUCKET_BYTES);
        if (!fresh.slots) {
            return false;
        }
        mem_zero(fresh.slots, array_bytes(&fresh));
        t->memory->used[LA_MEM_INDEX] += array_bytes(&fresh);
    }
    t->old = t->now;
    t->now = fresh;
    return true;
}

static void move_bucket(struct flow_table *t)
{
    struct flow_slot *slots = bucket(&t->old, t->old.first);

    for (unsigned i = 0; i < SLOTS && slots[i].ref; i++) {
        array_insert(&t->now, slots[i]);
        t->old.used--;
    }
    mem_zero(slots, BUCKET_BYTES);
    t->old.first++;
    if (t->old.first == t->old.buckets) {
        TABLE_ASSERT(t, t->old.used == 0);
        array_drop(t, &t->old);
    }
}

static void move_some(struct flow_table *t)
{
    for (unsigned i = 0; i < MOVE_BUCKETS && t->old.slots; i++) {
        move_bucket(t);
    }
}

static uint32_t entries(const struct flow_table *t)
{
    return t->now.used + t->old.used;
}

/* Room for one more entry: growth begins at 4/5. Where memory is short it is asked for again with
 * every 16th entry, and with each one when the table is full. */
static bool make_room(struct flow_table *t)
{
    uint64_t slots = (uint64_t)t->now.buckets * SLOTS;
    uint64_t used = entries(t);
    bool full = used >= slots - slots / 16;

    if (used < slots - slots / 5) {
        return true;
    }
    while (full && t->old.slots) {
        move_bucket(t);
    }
    if (t->old.slots == NULL && (full || used % 16 == 0)) {
        return resize(t, t->now.buckets + t->now.buckets / 2) || !full;
    }
    return !full;
}

/* Gives memory back: at 2/5 by a third, and at once when nothing is left. */
static void maybe_shrink(struct flow_table *t)
{
    uint64_t slots = (uint64_t)t->now.buckets * SLOTS;
    uint32_t buckets = t->now.buckets - t->now.buckets / 3;

    if (entries(t) == 0 && t->now.slots != t->least) {
        array_drop(t, &t->old);
        array_drop(t, &t->now);
        t->now = (struct flow_array){.slots = t->least, .buckets = LEAST_BUCKETS};
    } else if (t->old.slots == NULL && t->now.slots != t->least && entries(t) <= slots * 2 / 5) {
        (void)resize(t, buckets); /* without memory it stays as large as it is */
    }
}

uint64_t flow_hash(const struct flow_table *t, const struct flow_key *key)
{
    return siphash13(&t->key, key, sizeof(*key));
}

static bool key_equal(const struct flow_key *a, const struct flow_key *b)
{
    uint64_t x[4], y[4];
    uint32_t v, w;

    mem_copy(x, a, sizeof(x));
    mem_copy(y, b, sizeof(y));
    mem_copy(&v, &a->lport, sizeof(v));
    mem_copy(&w, &b->lport, sizeof(w));
    return ((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3]) | (v ^ w)) == 0;
}

/* Which of a bucket's slots have the tag, a bit each: without branches, as the place is random. */
static unsigned tag_matches(const struct flow_slot *slots, uint32_t tag)
{
    unsigned matches = 0;

    for (unsigned i = 0; i < SLOTS; i++) {
        matches |= (unsigned)(slots[i].tag == tag) << i;
    }
    return matches;
}

static flow_ref array_find(const struct flow_table *t, const struct flow_array *a,
                           const struct flow_key *key, uint32_t tag)
{
    uint32_t b = search_begin(a, tag);

    for (uint32_t n = a->buckets - a->first; n; n--) {
        const struct flow_slot *slots = bucket(a, b);
        for (unsigned m = tag_matches(slots, tag); m; m &= m - 1) {
            flow_ref ref = slots[__builtin_ctz(m)].ref;
            if (ref && key_equal(key_of(t, ref), key)) {
                return ref;
            }
        }
        if (!bucket_full(slots)) {
            return 0;
        }
        b = search_next(a, b);
    }
    return 0;
}

flow_ref flow_find(const struct flow_table *t, const struct flow_key *key, uint64_t hash)
{
    flow_ref ref = array_find(t, &t->now, key, (uint32_t)hash);

    if (ref == 0 && t->old.slots) {
        ref = array_find(t, &t->old, key, (uint32_t)hash);
    }
    return ref;
}

void flow_prefetch(const struct flow_table *t, uint64_t hash)
{
    __builtin_prefetch(bucket(&t->now, home(&t->now, (uint32_t)hash)));
    if (t->old.slots) {
        __builtin_prefetch(bucket(&t->old, search_begin(&t->old, (uint32_t)hash)));
    }
}

int flow_add(struct flow_table *t, flow_ref ref)
{
    uint64_t hash;

    TABLE_ASSERT(t, FLOW_INDEX(ref) != 0 && FLOW_KIND(ref) <= FLOW_TIME_WAIT);
    hash = flow_hash(t, key_of(t, ref));
    if (flow_find(t, key_of(t, ref), hash)) {
        return LA_EEXIST;
    }
    move_some(t);
    if (!make_room(t)) {
        return LA_ENOMEM;
    }
    array_insert(&t->now, (struct flow_slot){.tag = (uint32_t)hash, .ref = ref});
    return 0;
}

void flow_replace(struct flow_table *t, flow_ref from, flow_ref to)
{
    uint32_t tag = tag_of(t, from);
    struct flow_slot *slot = array_slot(&t->now, tag, from);

    if (!slot) {
        slot = array_slot(&t->old, tag, from);
    }
    TABLE_ASSERT(t, slot && FLOW_INDEX(to) != 0 && key_equal(key_of(t, from), key_of(t, to)));
    slot->ref = to;
}

void flow_remove(struct flow_table *t, flow_ref ref)
{
    uint32_t tag = tag_of(t, ref);
    struct flow_array *a = &t->now;
    struct flow_slot *slot = array_slot(a, tag, ref);

    if (!slot) {
        a = &t->old;
        slot = array_slot(a, tag, ref);
    }
    TABLE_ASSERT(t, slot != NULL);
    array_remove(a, slot);
    move_some(t);
    maybe_shrink(t);
}

uint64_t flow_table_bytes(const struct flow_table *t)
{
    uint64_t bytes = array_bytes(&t->now) + array_bytes(&t->old);

    if (t->now.slots != t->least && t->old.slots != t->least) {
        bytes += LEAST_BUCKETS * BUCKET_BYTES;
    }
    return bytes;
}
