#include "support/stack_net.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "stack/stack.h" /* before cmocka, which takes the name `fail` */

#include <cmocka.h>

static void check_array(const struct la_stack *s, const struct flow_array *a)
{
    for (uint32_t i = 0; a->slots && i < a->buckets * 8; i++) {
        flow_ref ref = a->slots[i].ref;
        if (ref && FLOW_KIND(ref) == FLOW_CONN) {
            const struct tcb *t = &stack_conn_at(s, FLOW_INDEX(ref))->tcb;
            assert_true(tcp_invariants(t) && tcp_invariants_deep(t));
        }
    }
}

void net_check_stack(const struct la_stack *s)
{
    check_array(s, &s->table.now);
    check_array(s, &s->table.old);
    assert_true(la_stack_next_deadline(s) >= s->wheel.now_ns);
}

static void check(struct pair *p, unsigned end)
{
    net_check_stack(p->end[end].stack);
}

static bool chance(struct net *n, uint32_t of_a_thousand)
{
    return of_a_thousand != 0 && random_below(&n->random, 1000) < of_a_thousand;
}

static void put_on_wire(struct net *n, unsigned from, const uint8_t *bytes, size_t len)
{
    struct net_frame *f = n->frames;
    while (f->bytes) {
        f++;
        assert_true(f < n->frames + NET_FRAMES);
    }
    *f = (struct net_frame){.serial = n->serial++, .to = 1 - from, .len = len};
    f->at_ns = n->pair.now_ns + n->delay_ns;
    if (chance(n, n->reorder)) {
        f->at_ns += random_below(&n->random, (uint32_t)(3 * n->delay_ns + 1000));
    }
    f->bytes = malloc(len);
    assert_non_null(f->bytes);
    memcpy(f->bytes, bytes, len);
    if (chance(n, n->corrupt)) {
        f->bytes[random_below(&n->random, (uint32_t)len)] ^=
            (uint8_t)(1U << random_below(&n->random, 8));
        n->corrupted++;
    }
    n->in_flight++;
}

static bool sent(void *ctx, unsigned from, unsigned serial, uint8_t *bytes, size_t len)
{
    struct net *n = ctx;
    (void)serial;
    for (size_t i = 0; i < len; i++) { /* FNV-1a */
        n->hash[from] = (n->hash[from] ^ bytes[i]) * UINT64_C(0x100000001b3);
    }
    n->hash[from] = (n->hash[from] ^ n->pair.now_ns) * UINT64_C(0x100000001b3);
    n->sent[from]++;
    if (!chance(n, n->loss)) {
        put_on_wire(n, from, bytes, len);
        if (chance(n, n->duplicate)) {
            put_on_wire(n, from, bytes, len);
        }
    }
    return false;
}

bool net_init(struct net *n, const struct pair_options *o, uint64_t seed)
{
    memset(n, 0, sizeof(*n));
    n->random = seed;
    n->delay_ns = 5 * LA_NS_PER_MS;
    n->hash[0] = n->hash[1] = UINT64_C(0xcbf29ce484222325);
    bool ok = pair_init(&n->pair, o);
    n->pair.filter = sent;
    n->pair.ctx = n;
    n->pair.check = check;
    return ok;
}

void net_end(struct net *n)
{
    for (unsigned i = 0; i < NET_FRAMES; i++) {
        free(n->frames[i].bytes);
        n->frames[i].bytes = NULL;
    }
    pair_end_all(&n->pair);
}

static struct net_frame *next_frame(struct net *n)
{
    struct net_frame *best = NULL;
    size_t seen = 0;
    for (struct net_frame *f = n->frames; seen < n->in_flight; f++) {
        if (!f->bytes) {
            continue;
        }
        seen++;
        if (!best || f->at_ns < best->at_ns ||
            (f->at_ns == best->at_ns && f->serial < best->serial)) {
            best = f;
        }
    }
    return best;
}

static void deliver(struct net *n, struct net_frame *f)
{
    uint8_t *bytes = f->bytes;
    f->bytes = NULL;
    n->in_flight--;
    (void)pair_inject(&n->pair, f->to, bytes, f->len);
    free(bytes);
}

bool net_step(struct net *n, uint64_t most_ns)
{
    struct pair *p = &n->pair;
    uint64_t end_ns = p->now_ns + most_ns;
    pair_settle(p);
    struct net_frame *f = next_frame(n);
    uint64_t a = la_stack_next_deadline(p->end[0].stack);
    uint64_t b = la_stack_next_deadline(p->end[1].stack);
    uint64_t at = a < b ? a : b;
    at = f && f->at_ns < at ? f->at_ns : at;
    if (at > end_ns) {
        p->now_ns = end_ns;
        return at != UINT64_MAX;
    }
    p->now_ns = at > p->now_ns ? at : p->now_ns;
    if (f && f->at_ns <= p->now_ns) {
        deliver(n, f);
    } else {
        for (unsigned i = 0; i < 2; i++) {
            la_stack_timeout(p->end[i].stack, p->now_ns);
            net_check_stack(p->end[i].stack);
            assert_true(la_stack_next_deadline(p->end[i].stack) > p->now_ns); /* I33 */
        }
    }
    pair_settle(p);
    return true;
}

void net_run(struct net *n, uint64_t ns)
{
    uint64_t end_ns = n->pair.now_ns + ns;
    while (n->pair.now_ns < end_ns) {
        (void)net_step(n, end_ns - n->pair.now_ns);
    }
}
