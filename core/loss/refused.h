/* Segments that arrived and were refused (RFC 7323 5.3, R1). An object that is fed integers.
 *
 * On a path that reorders, a segment that is late arrives behind a retransmission that left after
 * it. Once that has filled the gap the receiver's TS.Recent is the younger timestamp, and the late
 * segment is refused: to its sender it looks like a loss, and such losses follow every real one.
 * But the network lost nothing, and R1 has the receiver say so at once: an ACK that tells nothing
 * new and echoes the retransmission's timestamp. Each of them explains one segment, of those that
 * left within the reordering window before a retransmission. What is explained goes again without
 * an answer of the congestion control. */
#ifndef LOSS_REFUSED_H
#define LOSS_REFUSED_H

#include <stdbool.h>
#include <stdint.h>

/* All zero: nothing was sent again yet. */
struct refused {
    uint64_t from_ns, to_ns; /* what left in this time may have been refused; to_ns 0: nothing */
    uint32_t rtx_ts;         /* TSval of the first retransmission of that time */
    uint32_t acks;           /* ACKs that explain a segment and have not explained one yet */
};

/* A segment was sent again, with that TSval; what left up to `reo_wnd_us` before it may be late
 * now. Retransmissions that follow each other so closely form one time, and so do those that leave
 * while an ACK has not explained a segment yet. */
void refused_resent(struct refused *r, uint64_t now_ns, uint32_t reo_wnd_us, uint32_t tsval);

/* A duplicate ACK came without any news. */
void refused_ack(struct refused *r, uint32_t tsecr);

/* `segments` that left together at `sent_ns`, once only, are missing: were they refused? Then the
 * ACKs that told so are used up. */
bool refused_explains(struct refused *r, uint64_t sent_ns, uint32_t segments);

#endif
