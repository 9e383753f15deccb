/* What TCP sends again, counted from the packets where they leave their sender: bytes of the
 * sequence space that were seen before. The same measure for every stack, whatever it says about
 * itself. It needs every packet in the order of sending, so it stands before anything that loses
 * or reorders.
 *
 * A flow is one direction of a connection. There is room for RESENT_FLOWS of them; those beyond
 * are counted in `unknown`. */
#ifndef LINK_RESENT_H
#define LINK_RESENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lastack/addr.h>

#define RESENT_FLOWS 64

struct resent_flow {
    struct la_addr src, dst;
    uint16_t src_port, dst_port;
    uint32_t end; /* sequence number behind all data seen */
};

struct resent {
    uint64_t segments, bytes;             /* with data: all */
    uint64_t again_segments, again_bytes; /* of them: seen before, at least in part */
    uint64_t unknown;
    struct resent_flow flows[RESENT_FLOWS];
    uint32_t flows_count;
};

/* Looks at a packet that begins with its IP header; anything is allowed to stand in it. */
void resent_look(struct resent *resent, const uint8_t *ip, size_t len);

#endif
