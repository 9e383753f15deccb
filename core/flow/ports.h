/* Local ports for outgoing connections: RFC 6056, algorithm 4 (double-hash port selection), over
 * the range of the configuration.
 *
 * A keyed hash of the addresses and the remote port gives each peer an offset of its own, so that
 * it cannot tell which ports others see; a second hash chooses one of a few counters, so that
 * successive connections to a peer take successive ports and reuse comes as late as possible. The
 * counters start at values that follow from the second key.
 *
 * Invariants: 0 < first <= last; the search tries each port of the range exactly once. */
#ifndef FLOW_PORTS_H
#define FLOW_PORTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/flow_key.h"
#include "base/siphash.h"

#define PORT_TABLE 64 /* counters of algorithm 4 */

struct ports {
    struct sip_key key1, key2;
    uint16_t first, last;
    uint16_t counters[PORT_TABLE]; /* below the size of the range */
};

void ports_init(struct ports *p, struct sip_key key1, struct sip_key key2, uint16_t first,
                uint16_t last);

/* Fills in key->lport with a port for which `is_free` says yes, in the order of the algorithm.
 * LA_EADDRNOTAVAIL: none of the range is left for this peer. */
int ports_choose(struct ports *p, struct flow_key *key,
                 bool (*is_free)(void *ctx, const struct flow_key *key), void *ctx);

#endif
