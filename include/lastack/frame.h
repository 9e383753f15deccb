/* Packet buffers and frame descriptors: what crosses the wall between the core and a link.
 *
 * A buffer belongs to the stack whose pool it came from and to one thread. A frame describes one
 * packet as a list of pieces; all its headers lie in the first piece. A received frame has one
 * piece, in a buffer that la_stack_input() takes over. A frame to be sent has its headers in
 * `head` (the first piece then has no buffer) and its payload in pieces of the send buffer, each
 * holding a reference until la_stack_sent() gives it back.
 *
 * Invariants: len == sum of frag[i].len; 1 <= nfrags <= LA_FRAGS_MAX; a piece without a buffer
 * lies in `head` of the same frame (so a frame that is copied must have that pointer moved:
 * la_frame_copy() does it). */
#ifndef LASTACK_FRAME_H
#define LASTACK_FRAME_H

#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(default)

struct la_stack;

#define LA_FRAGS_MAX 8   /* 64 KiB out of chunks of 16 KiB, with room for short ones */
#define LA_HEAD_MAX  128 /* Ethernet 14 + IPv6 40 + TCP 60, aligned */

struct la_buf {
    struct la_buf *next; /* the queue it stands in */
    uint8_t *data;       /* first byte that counts */
    uint32_t len;        /* bytes that count */
    uint32_t cap;        /* bytes of memory behind the header, for accounting */
    uint32_t seq;        /* TCP: sequence number of *data */
    uint16_t refs;       /* owners */
    uint8_t size_class;  /* buf/pool.h */
    uint8_t flags;       /* TCP: what the segment carried, see tcp/reass.h */
    uint8_t mem[];       /* cap bytes */
};

struct la_frag {
    struct la_buf *buf; /* owner of the bytes, or NULL when they lie in the frame's head */
    uint8_t *data;
    uint32_t len;
};

/* What is known about the transport checksum. */
enum la_csum {
    LA_CSUM_FULL,    /* in the packet, complete; the receiver must verify it */
    LA_CSUM_PARTIAL, /* the field holds the pseudo-header's sum: to be completed from csum_start */
    LA_CSUM_VALID,   /* verified already by the link (receive only) */
};

enum la_gso {
    LA_GSO_NONE,
    LA_GSO_TCP4,
    LA_GSO_TCP6,
};

struct la_frame {
    uint32_t len;         /* bytes of the whole frame, link header included */
    uint8_t nfrags;       /* pieces in use */
    uint8_t csum;         /* enum la_csum */
    uint8_t gso;          /* enum la_gso: a super-segment to be cut */
    uint8_t link;         /* identifier of the link it belongs to */
    uint16_t gso_size;    /* TCP payload of each cut segment */
    uint16_t hdr_len;     /* all headers, from the first byte of the frame */
    uint16_t csum_start;  /* where the transport header begins */
    uint16_t csum_offset; /* of the checksum field from csum_start */
    uint16_t reason;      /* enum la_reason: why it is sent, or the verdict after input */
    uint16_t pad;
    uint32_t conn; /* identifier of the connection, 0 for none: joins it to trace records */
    struct la_frag frag[LA_FRAGS_MAX];
    uint8_t head[LA_HEAD_MAX];
};

/* A buffer with room for `size` bytes (at most LA_BUF_MAX) from the stack's pool, one reference,
 * data at the start of its memory and len 0; NULL when the budget is spent. */
#define LA_BUF_MAX (68 * 1024)
struct la_buf *la_buf_get(struct la_stack *stack, size_t size);

/* Gives one reference back; the last one frees. */
void la_buf_put(struct la_stack *stack, struct la_buf *buf);

/* Makes `frame` describe the `buf->len` bytes of a received buffer (one piece, checksum FULL). */
void la_frame_from_buf(struct la_frame *frame, struct la_buf *buf);

/* Copies a descriptor; the pieces are shared, no reference is taken. */
void la_frame_copy(struct la_frame *to, const struct la_frame *from);

#pragma GCC visibility pop

#endif
