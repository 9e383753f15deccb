/* The growth of RFC 5681 with appropriate byte counting (RFC 3465), for the algorithms that differ
 * from NewReno in their answer to congestion only. */
#ifndef CC_NEWRENO_H
#define CC_NEWRENO_H

#include "cc/cc.h"
#include "cc/cwv.h"

struct newreno {
    struct cwv cwv;
    uint32_t counted; /* bytes_acked of RFC 3465 2.1 */
};

void newreno_acked(struct cc *cc, const struct cc_ack *ack);
void newreno_congestion(struct cc *cc, enum cc_cause cause, uint32_t flight, uint64_t now_ns);

#endif
