/* From what a stack hands to a link to what stands on a wire: super-segments cut, partial
 * checksums completed. For wrappers that need wire packets (impairment) or write them (pcapng). */
#ifndef LINK_CUT_H
#define LINK_CUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lastack/stack.h>

/* Copies `len` bytes of a frame, from `offset` on, to one place. */
void cut_copy(const struct la_frame *frame, size_t offset, size_t len, uint8_t *to);

/* Copies the whole frame (frame->len bytes) and completes its checksum. A super-segment stays one
 * packet, with the checksum that is right for it. */
void cut_whole(const struct la_frame *frame, uint8_t *to);

/* A frame that is being cut. */
struct cut {
    const struct la_frame *frame;
    size_t ip;        /* offset of the IP header */
    size_t transport; /* of the TCP header */
    size_t headers;   /* bytes of all headers: offset of the payload */
    size_t done;      /* payload bytes that were given out */
    uint16_t index;   /* segments that were given out */
};

/* False when the headers of a super-segment cannot be understood. */
bool cut_begin(struct cut *cut, const struct la_frame *frame, enum la_link_type type);

/* Bytes of the next wire packet; 0: there is none. */
size_t cut_size(const struct cut *cut);

/* Writes the next wire packet, cut_size() bytes. All its checksums are complete. */
void cut_next(struct cut *cut, uint8_t *to);

#endif
