/* Does a packet that left fit what the script expects?
 *
 * Looked at are IP version and protocol, addresses and ports of the flow, lengths and checksums,
 * and of what the script writes: ECN, TOS, TTL, flow label, flags, sequence and acknowledgement
 * numbers (relative to the ISNs), window, urgent pointer, and the options in exact order. A script
 * without options expects none; "<...>" looks at none. Timestamps are compared by their distance
 * where the script says how long a tick is; else TSval may be anything, and TSecr what it should
 * be. The payload must be the bytes that were given to the stack. */
#ifndef DRILL_MATCH_H
#define DRILL_MATCH_H

#include "drill/packet.h"

#define DRILL_DIFFERENCE_MAX 300

struct drill_matcher {
    const struct drill_wire *wire;
    struct drill_flow *flow;
    int64_t tick_us;      /* of the timestamps, 0: not looked at */
    int64_t tolerance_us; /* of them */
    bool plain_payload;   /* the bytes were not those of drill_pattern() */
};

/* A part of what is expected, which begins `offset` bytes behind it: a smaller segment. Only the
 * last part has PSH and FIN as they are expected. False: `difference` says what does not fit. */
bool drill_match(const struct drill_matcher *m, const struct drill_packet *want,
                 const struct drill_live *live, uint32_t offset, bool last,
                 char difference[DRILL_DIFFERENCE_MAX]);

/* What is learnt from a packet that fits: the local ISN, timestamps. Before drill_match() the ISN
 * of a SYN, behind it the rest. */
void drill_learn_isn(const struct drill_wire *wire, struct drill_flow *flow,
                     const struct drill_packet *want, const struct drill_live *live);
void drill_learn_stamp(struct drill_flow *flow, const struct drill_packet *want,
                       const struct drill_live *live);

#endif
