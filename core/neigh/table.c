/* The neighbour table: entries found by a keyed hash, each in one of two lists by last use.
 *
 * Unresolved entries have a list and a limit of their own, so that asking for addresses that are
 * not there pushes out only others of that kind. When the table is full the neighbour used longest
 * ago gives way. */
#include "neigh/table.h"

#include "base/mem.h"

static uint16_t *bucket_of(const struct neigh *n, uint8_t link, const struct la_addr *addr)
{
    uint8_t key[sizeof(addr->b) + 1];
    mem_copy(key, addr->b, sizeof(addr->b));
    key[sizeof(addr->b)] = link;
    return &n->buckets[siphash13(&n->key, key, sizeof(key)) % NEIGH_BUCKETS];
}

static uint16_t index_of(const struct neigh *n, const struct neigh_entry *e)
{
    return (uint16_t)(e - n->entries);
}

static bool is_waiting(const struct neigh_entry *e)
{
    return e->state == NEIGH_INCOMPLETE || e->state == NEIGH_FAILED;
}

static struct neigh_list *list_of(struct neigh *n, const struct neigh_entry *e)
{
    return is_waiting(e) ? &n->waiting : &n->known;
}

static void list_push(struct neigh *n, struct neigh_entry *e)
{
    struct neigh_list *l = list_of(n, e);
    uint16_t i = index_of(n, e);
    e->newer = 0;
    e->older = l->newest;
    if (l->newest) {
        n->entries[l->newest].newer = i;
    } else {
        l->oldest = i;
    }
    l->newest = i;
    l->count++;
}

static void list_drop(struct neigh *n, struct neigh_entry *e)
{
    struct neigh_list *l = list_of(n, e);
    if (e->newer) {
        n->entries[e->newer].older = e->older;
    } else {
        l->newest = e->older;
    }
    if (e->older) {
        n->entries[e->older].newer = e->newer;
    } else {
        l->oldest = e->newer;
    }
    l->count--;
}

/* ---- who has to ask ------------------------------------------------------------------------- */

static void ask(struct neigh *n, struct neigh_entry *e)
{
    struct neigh_link *l = &n->links[e->link];
    if (e->asking) {
        return;
    }
    e->asking = true;
    e->ask_next = 0;
    if (l->ask_tail) {
        n->entries[l->ask_tail].ask_next = index_of(n, e);
    } else {
        l->ask_head = index_of(n, e);
    }
    l->ask_tail = index_of(n, e);
}

static void ask_not(struct neigh *n, struct neigh_entry *e)
{
    struct neigh_link *l = &n->links[e->link];
    if (!e->asking) {
        return;
    }
    uint16_t i = index_of(n, e), before = 0, at = l->ask_head;
    while (at != i) {
        before = at;
        at = n->entries[at].ask_next;
    }
    if (before) {
        n->entries[before].ask_next = e->ask_next;
    } else {
        l->ask_head = e->ask_next;
    }
    if (l->ask_tail == i) {
        l->ask_tail = before;
    }
    e->asking = false;
}

bool neigh_output(struct neigh *n, uint8_t link, struct neigh_frame *frame)
{
    struct neigh_link *l = &n->links[link];
    if (l->ask_head == 0) {
        return false;
    }
    struct neigh_entry *e = &n->entries[l->ask_head];
    ask_not(n, e);
    if (la_addr_is_v4(&e->addr)) {
        neigh_arp_solicit(n, e, frame);
    } else {
        neigh_nd_solicit(n, e, frame);
    }
    return true;
}

/* ---- states --------------------------------------------------------------------------------- */

/* The only place where an entry's state changes. */
static void set_state(struct neigh *n, struct neigh_entry *e, enum neigh_state to, uint64_t due_ns)
{
    list_drop(n, e);
    e->state = (uint8_t)to;
    e->due_ns = due_ns;
    list_push(n, e);
    bool asks = to == NEIGH_INCOMPLETE || to == NEIGH_PROBE;
    if (!asks) {
        ask_not(n, e);
    }
    if ((asks || to == NEIGH_DELAY) && due_ns < n->next_ns) {
        n->next_ns = due_ns;
    }
}

static void begin_asking(struct neigh *n, struct neigh_entry *e, enum neigh_state to,
                         uint64_t now_ns)
{
    set_state(n, e, to, now_ns + NEIGH_RETRANS_NS);
    e->probes = 1;
    ask(n, e);
}

static void set_reachable(struct neigh *n, struct neigh_entry *e, uint64_t now_ns)
{
    /* RFC 4861 6.3.2: random between half and one and a half of the base, against lockstep */
    uint64_t half_ns = NEIGH_REACHABLE_NS / 2;
    uint64_t part = prng_below(n->prng, 1024);
    set_state(n, e, NEIGH_REACHABLE, now_ns + half_ns + NEIGH_REACHABLE_NS * part / 1024);
}

static void forget(struct neigh *n, struct neigh_entry *e)
{
    uint16_t i = index_of(n, e);
    uint16_t *at = bucket_of(n, e->link, &e->addr);
    while (*at != i) {
        at = &n->entries[*at].next;
    }
    *at = e->next;
    ask_not(n, e);
    list_drop(n, e);
    e->state = NEIGH_FREE;
    e->next = n->free;
    n->free = i;
}

void neigh_learn(struct neigh *n, struct neigh_entry *e, const struct neigh_news *news,
                 uint64_t now_ns)
{
    bool unresolved = is_waiting(e);
    bool differs = news->mac && (unresolved || !mem_equal(news->mac, e->mac, WIRE_MAC_LEN));
    if (unresolved && !news->mac) {
        return; /* RFC 4861 7.2.5: it does not say what was asked */
    }
    if (differs && !unresolved && !news->override) {
        if (e->state == NEIGH_REACHABLE) {
            set_state(n, e, NEIGH_STALE, UINT64_MAX);
        }
        return;
    }
    if (differs) {
        mem_copy(e->mac, news->mac, WIRE_MAC_LEN);
        n->links[e->link].resolved++;
    }
    if (news->solicited) {
        set_reachable(n, e, now_ns);
    } else if (differs) {
        set_state(n, e, NEIGH_STALE, UINT64_MAX);
    }
}

/* ---- entries -------------------------------------------------------------------------------- */

static bool is_entry(const struct neigh_entry *e, uint8_t link, const struct la_addr *addr)
{
    return e->state != NEIGH_FREE && e->link == link &&
           mem_equal(e->addr.b, addr->b, sizeof(addr->b));
}

struct neigh_entry *neigh_find(struct neigh *n, uint8_t link, const struct la_addr *addr,
                               uint16_t *hint, uint64_t now_ns)
{
    if (!n->entries) {
        return NULL;
    }
    uint16_t i = *hint <= NEIGH_MAX ? *hint : 0;
    if (i == 0 || !is_entry(&n->entries[i], link, addr)) {
        i = *bucket_of(n, link, addr);
        while (i && !is_entry(&n->entries[i], link, addr)) {
            i = n->entries[i].next;
        }
    }
    *hint = i;
    if (i == 0) {
        return NULL;
    }
    struct neigh_entry *e = &n->entries[i];
    if (e->state == NEIGH_REACHABLE && now_ns >= e->due_ns) {
        set_state(n, e, NEIGH_STALE, UINT64_MAX);
    }
    return e;
}

struct neigh_entry *neigh_make(struct neigh *n, uint8_t link, const struct la_addr *addr)
{
    if (!n->entries) {
        return NULL;
    }
    if (n->free == 0) {
        struct neigh_list *from = n->known.count ? &n->known : &n->waiting;
        struct neigh_entry *victim = &n->entries[from->oldest];
        n->evicted += victim->state != NEIGH_STALE;
        forget(n, victim);
    }
    uint16_t i = n->free;
    struct neigh_entry *e = &n->entries[i];
    n->free = e->next;
    uint16_t *bucket = bucket_of(n, link, addr);
    *e = (struct neigh_entry){
        .addr = *addr, .due_ns = UINT64_MAX, .next = *bucket, .link = link, .state = NEIGH_STALE};
    *bucket = i;
    list_push(n, e);
    return e;
}

/* ---- what IP asks --------------------------------------------------------------------------- */

static int start(struct neigh *n, uint8_t link, const struct la_addr *addr,
                 const struct la_addr *src, uint16_t *hint, uint64_t now_ns)
{
    if (n->waiting.count == NEIGH_WAITING_MAX) {
        forget(n, &n->entries[n->waiting.oldest]);
    }
    struct neigh_entry *e = neigh_make(n, link, addr);
    if (!e) {
        return LA_ENOBUFS;
    }
    *hint = index_of(n, e);
    e->src = *src;
    begin_asking(n, e, NEIGH_INCOMPLETE, now_ns);
    return LA_EAGAIN;
}

int neigh_resolve(struct neigh *n, uint8_t link, const struct la_addr *addr,
                  const struct la_addr *src, uint16_t *hint, uint64_t now_ns,
                  uint8_t mac[WIRE_MAC_LEN])
{
    struct neigh_entry *e = neigh_find(n, link, addr, hint, now_ns);
    if (!e) {
        return start(n, link, addr, src, hint, now_ns);
    }
    if (e->state == NEIGH_FAILED) {
        if (now_ns < e->due_ns) {
            return LA_EHOSTUNREACH;
        }
        e->src = *src;
        begin_asking(n, e, NEIGH_INCOMPLETE, now_ns);
    }
    if (e->state == NEIGH_INCOMPLETE) {
        return LA_EAGAIN;
    }
    if (e->state == NEIGH_STALE) { /* RFC 4861 7.3.3: the first use starts the verification */
        e->src = *src;
        set_state(n, e, NEIGH_DELAY, now_ns + NEIGH_DELAY_NS);
    } else if (e->newer) {
        list_drop(n, e);
        list_push(n, e);
    }
    mem_copy(mac, e->mac, WIRE_MAC_LEN);
    return 0;
}

void neigh_confirm(struct neigh *n, uint8_t link, const struct la_addr *addr, uint16_t *hint,
                   uint64_t now_ns)
{
    struct neigh_entry *e = neigh_find(n, link, addr, hint, now_ns);
    if (!e || is_waiting(e)) {
        return;
    }
    /* Progress comes with every segment: it counts when the time is nearly over. */
    if (e->state == NEIGH_REACHABLE && e->due_ns - now_ns > NEIGH_REACHABLE_NS / 4) {
        return;
    }
    set_reachable(n, e, now_ns);
}

enum neigh_state neigh_state_of(struct neigh *n, uint8_t link, const struct la_addr *addr,
                                uint64_t now_ns)
{
    uint16_t hint = 0;
    struct neigh_entry *e = neigh_find(n, link, addr, &hint, now_ns);
    return e ? (enum neigh_state)e->state : NEIGH_FREE;
}

/* ---- time ----------------------------------------------------------------------------------- */

/* What time does to an entry that is due (RFC 4861 7.2.2, 7.3.3). */
static void expire(struct neigh *n, struct neigh_entry *e, uint64_t now_ns)
{
    if (e->asking) { /* the link did not take the last one yet: nothing was asked */
        e->due_ns = now_ns + NEIGH_RETRANS_NS;
        return;
    }
    switch ((enum neigh_state)e->state) {
    case NEIGH_DELAY:
        begin_asking(n, e, NEIGH_PROBE, now_ns);
        return;
    case NEIGH_INCOMPLETE:
        if (e->probes == NEIGH_MULTICAST_SOLICIT) {
            set_state(n, e, NEIGH_FAILED, now_ns + NEIGH_FAILED_NS);
            n->links[e->link].failed++;
            return;
        }
        break;
    case NEIGH_PROBE:
        if (e->probes == NEIGH_UNICAST_SOLICIT) {
            n->links[e->link].failed++;
            forget(n, e);
            return;
        }
        break;
    case NEIGH_FREE:
    case NEIGH_FAILED:
    case NEIGH_REACHABLE:
    case NEIGH_STALE:
        return;
    }
    e->probes++;
    e->due_ns = now_ns + NEIGH_RETRANS_NS;
    ask(n, e);
}

static bool is_timed(const struct neigh_entry *e)
{
    return e->state == NEIGH_INCOMPLETE || e->state == NEIGH_PROBE || e->state == NEIGH_DELAY;
}

void neigh_timeout(struct neigh *n, uint64_t now_ns)
{
    if (now_ns < n->next_ns) {
        return;
    }
    uint64_t next_ns = UINT64_MAX;
    for (uint16_t i = 1; i <= NEIGH_MAX; i++) {
        struct neigh_entry *e = &n->entries[i];
        if (is_timed(e) && now_ns >= e->due_ns) {
            expire(n, e, now_ns);
        }
        if (is_timed(e) && e->due_ns < next_ns) {
            next_ns = e->due_ns;
        }
    }
    n->next_ns = next_ns;
}

/* ---- the instance --------------------------------------------------------------------------- */

#define ENTRIES_BYTES ((NEIGH_MAX + 1) * sizeof(struct neigh_entry))
#define TABLE_BYTES   (ENTRIES_BYTES + NEIGH_BUCKETS * sizeof(uint16_t))

void neigh_init(struct neigh *n, struct memory *memory, struct prng *prng)
{
    *n = (struct neigh){.memory = memory, .prng = prng, .next_ns = UINT64_MAX};
    n->key.k0 = prng_u64(prng);
    n->key.k1 = prng_u64(prng);
}

void neigh_destroy(struct neigh *n)
{
    if (n->entries) {
        memory_put(n->memory, n->entries, TABLE_BYTES);
        n->entries = NULL;
    }
}

int neigh_link_add(struct neigh *n, uint8_t link, const uint8_t mac[WIRE_MAC_LEN])
{
    if (!n->entries) {
        void *table = memory_get(n->memory, TABLE_BYTES, _Alignof(struct neigh_entry));
        if (!table) {
            return LA_ENOMEM;
        }
        mem_zero(table, TABLE_BYTES);
        n->entries = table;
        n->buckets = (uint16_t *)(void *)(n->entries + NEIGH_MAX + 1);
        for (uint16_t i = NEIGH_MAX; i >= 1; i--) {
            n->entries[i].next = n->free;
            n->free = i;
        }
    }
    n->links[link].up = true;
    mem_copy(n->links[link].mac, mac, WIRE_MAC_LEN);
    return 0;
}
