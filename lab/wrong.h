/* Hosts that are wrong on purpose: small scripted peers that do most of TCP as it should be done
 * and one thing not, so that an experiment can show what that thing is for.
 *
 *   two-way        is open as soon as it has answered a SYN, without waiting for the third segment
 *   no-time-wait   forgets a connection when it has sent the last ACK
 *
 * The core has no such switches and knows nothing of these hosts: they are made of its headers
 * (core/wire) and its pure decisions. They have no congestion control, no options and one
 * retransmission timer, and send again all that is outstanding. */
#ifndef LAB_WRONG_H
#define LAB_WRONG_H

#include "sim/world.h"

extern const struct sim_wrong lab_wrong;

/* What is wrong with such a host, in one line; NULL: nothing. */
const char *lab_wrong_text(unsigned wrong, unsigned lang);

#endif
