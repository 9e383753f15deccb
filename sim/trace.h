/* One line a packet, for people who look for a fault. */
#ifndef SIM_TRACE_H
#define SIM_TRACE_H

#include "sim/world.h"

/* "0.012345678 client > 1:1449(1448) ack 1 win 64240 ACK DATA": sequence numbers are those of the
 * header; the last word is the reason or the verdict. `ip` is the packet from its IP header on. */
void trace_packet(const struct world *w, const struct host *h, bool out, const uint8_t *ip,
                  uint32_t len, uint32_t conn, enum la_reason reason);

/* A line about something else. */
void trace_line(const struct world *w, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
