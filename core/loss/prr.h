/* Proportional rate reduction (RFC 9937): how much to send on each ACK of a recovery, so that the
 * window comes down to ssthresh smoothly and never by a burst. Integers in, integers out.
 *
 * An episode is prr_begin(), then for each ACK prr_acked(), after loss detection ran, and for
 * whatever leaves prr_sent(). When it ends, cwnd becomes ssthresh (6.4). */
#ifndef LOSS_PRR_H
#define LOSS_PRR_H

#include <stdbool.h>
#include <stdint.h>

struct prr {
    uint64_t delivered;  /* prr_delivered */
    uint64_t out;        /* prr_out */
    uint32_t recover_fs; /* RecoverFS: in flight when recovery began */
    uint32_t cwnd;       /* the window that the last ACK led to */
};

/* Recovery begins. RecoverFS (RFC 9937 6.1) is what was outstanding and not SACKed before the ACK
 * that began it: SND.MAX - SND.UNA less what is SACKed, both after that ACK, and the bytes that it
 * acknowledged or SACKed anew. Bytes marked lost count. */
void prr_begin(struct prr *p, uint32_t recover_fs);

/* An ACK during recovery, or the event that began it. */
struct prr_ack {
    uint32_t delivered; /* DeliveredData: newly acknowledged or SACKed */
    uint32_t flight;    /* inflight after it */
    uint32_t ssthresh;
    uint32_t mss;
    bool una_advanced; /* SafeACK: it acknowledged data cumulatively ... */
    bool lost_more;    /* ... and says of no further loss */
    bool first;        /* the first of the episode: it counts even when a timer began it, with
                          nothing delivered */
};
/* RFC 9937 6.2. SndCnt: bytes that may leave now; cwnd is to become flight + this. One segment at
 * least, as long as nothing left in the episode: the fast retransmit. */
uint32_t prr_acked(struct prr *p, const struct prr_ack *in);

/* RFC 9937 6.3: bytes left in recovery, retransmissions included. */
void prr_sent(struct prr *p, uint32_t bytes);

#endif
