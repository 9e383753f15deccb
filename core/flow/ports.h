/* Local ports for outgoing connections: RFC 6056, algorithm 4 (double-hash port selection), over
 * the range of the configuration. */
#ifndef FLOW_PORTS_H
#define FLOW_PORTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/siphash.h"
#include "flow/table.h"

#define PORT_TABLE 64 /* counters of algorithm 4 */

struct ports {
    struct sip_key key1, key2;
    uint16_t first, last;
    uint16_t counters[PORT_TABLE];
};

void ports_init(struct ports *p, struct sip_key key1, struct sip_key key2, uint16_t first,
                uint16_t last);

/* Fills in key->lport with a port for which `free` says yes; tries every port of the range once.
 * LA_EADDRNOTAVAIL: none is left. */
int ports_choose(struct ports *p, struct flow_key *key,
                 bool (*free)(void *ctx, const struct flow_key *key), void *ctx);

#endif
