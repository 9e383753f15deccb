/* See ports.h. F and G are SipHash-2-4 under two keys over the remote endpoint and the local
 * address (RFC 6056 3.3.4). */
#include "flow/ports.h"

#include <lastack/err.h>

#include "base/mem.h"

static uint32_t range(const struct ports *p)
{
    return (uint32_t)p->last - p->first + 1;
}

void ports_init(struct ports *p, struct sip_key key1, struct sip_key key2, uint16_t first,
                uint16_t last)
{
    *p = (struct ports){.key1 = key1, .key2 = key2, .first = first, .last = last};
    for (uint32_t i = 0; i < PORT_TABLE; i++) {
        p->counters[i] = (uint16_t)(siphash24(&key2, &i, sizeof(i)) % range(p));
    }
}

int ports_choose(struct ports *p, struct flow_key *key,
                 bool (*is_free)(void *ctx, const struct flow_key *key), void *ctx)
{
    struct flow_key peer = *key;
    uint32_t n = range(p);
    uint32_t start;
    uint16_t *counter;

    peer.lport = 0;
    start = (uint32_t)(siphash24(&p->key1, &peer, sizeof(peer)) % n);
    counter = &p->counters[siphash24(&p->key2, &peer, sizeof(peer)) % PORT_TABLE];
    for (uint32_t tried = 0; tried < n; tried++) {
        key->lport = (uint16_t)(p->first + (start + *counter) % n);
        *counter = (uint16_t)((*counter + 1U) % n);
        if (is_free(ctx, key)) {
            return 0;
        }
    }
    return LA_EADDRNOTAVAIL;
}
