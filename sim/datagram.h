/* Flows of datagrams: the client sends so many bytes in datagrams of one size, the server reads
 * what comes. Nobody repairs what is lost, so there is nothing to audit but that whole datagrams
 * arrive as they were written. */
#ifndef SIM_DATAGRAM_H
#define SIM_DATAGRAM_H

#include "sim/flow.h"

void datagram_init(struct flow *f);
void datagram_start(struct flow *f);
/* A time of the sender has come. */
void datagram_think(struct flow *f);
/* Something can be read. */
void datagram_event(struct flow *f);

#endif
