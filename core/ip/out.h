/* Outgoing packets that are complete: replies, resets, datagrams.
 *
 * Such a packet lives in one packet buffer: struct ip_out at the beginning of its memory, then the
 * bytes from the transport header on, which data and len describe. ip_out_frame() turns it into
 * frames, one a call: one frame when it fits the path's MTU, else fragments (RFC 791 3.2,
 * RFC 8200 4.5), whose headers lie in the frames and whose payload is shared by reference.
 *
 * Replies wait in a queue per link, bounded in number and bytes; the oldest leave first, those
 * whose next hop is not resolved yet step aside into a second queue of at most IP_OUT_WAITING_MAX,
 * at most IP_OUT_WAITING_HOP for one next hop (RFC 1122 2.3.2.2 wants at least one). Datagrams of
 * UDP endpoints wait at their endpoints and use ip_out_frame() alone.
 *
 * Invariants: a buffer stands in one queue at most and the queue holds one reference; TCP is never
 * fragmented (its replies are smaller than any MTU). */
#ifndef IP_OUT_H
#define IP_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lastack/frame.h>
#include <lastack/reason.h>

#include "buf/pool.h"
#include "buf/queue.h"
#include "ip/template.h"

#define IP_OUT_QUEUE_MAX   64
#define IP_OUT_QUEUE_BYTES (256 * 1024) /* charged; an empty queue takes any packet */
#define IP_OUT_WAITING_MAX 32
#define IP_OUT_WAITING_HOP 3

struct ip;

struct ip_out {
    struct ip_template template;
    struct ip_path path;
    uint32_t id;   /* of the fragments */
    uint32_t sent; /* bytes from the transport header on that are in frames already */
    uint32_t conn; /* as in struct la_frame */
    uint16_t reason;
    uint8_t proto; /* next header of the whole packet */
    bool raw;      /* data is a complete frame: nothing is written before it */
};

/* Room to leave at the beginning of a buffer's memory for struct ip_out. */
#define IP_OUT_ROOM ((sizeof(struct ip_out) + 7) & ~(size_t)7)

static inline struct ip_out *ip_out_of(struct la_buf *buf)
{
    return (struct ip_out *)(void *)buf->mem;
}

/* Everything about a packet but its bytes. */
struct ip_out_info {
    const struct ip_path *path;
    const struct la_addr *dst; /* scope inside */
    uint8_t proto;
    uint8_t tos;
    uint8_t ttl;     /* TTL or hop limit */
    uint16_t reason; /* enum la_reason, kind SEND */
    uint32_t conn;
};

/* Writes struct ip_out into a buffer whose data begins at or behind IP_OUT_ROOM. */
void ip_out_init(struct ip *ip, struct la_buf *buf, const struct ip_out_info *info);

/* Describes the next frame of a packet; the frame takes a reference of its own. 0: that was the
 * last one, give the buffer back; 1: more follow; LA_EAGAIN: the next hop is being asked for;
 * LA_EHOSTUNREACH, LA_ENOBUFS: give it up. */
int ip_out_frame(struct ip *ip, struct la_buf *buf, uint64_t now_ns, struct la_frame *frame);

/* Puts a packet into its link's reply queue; takes the reference over. False: the queue was full
 * and the packet is gone. */
bool ip_out_push(struct ip *ip, struct la_buf *buf);

/* A small packet at once, for what TCP sends without a connection (RST, SYN-ACK, ACK from
 * TIME-WAIT): copies `len` bytes of transport header and payload, computes the checksum over
 * pseudo-header and bytes (the field at `csum_at` holds 0), queues. False: no memory or no room. */
bool ip_out_reply(struct ip *ip, const struct ip_out_info *info, const void *bytes, size_t len,
                  size_t csum_at);

#endif
