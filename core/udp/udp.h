/* UDP (RFC 768, RFC 1122 4.1): the queues of an endpoint and the making of datagrams.
 *
 * Who an endpoint is (address, port, conflicts) is flow/bind.h; this is what it holds. Received
 * datagrams are queued by reference, with where they came from written over the IP header that
 * lies before them in the buffer; a small one that would pin a big buffer is copied to a small
 * one. Datagrams to be sent are whole messages with their checksum, in buffers whose beginning is
 * left to ip/out.h. Both queues are charged by real memory (buf_charge) and bounded.
 *
 * Checksums: one that is wrong drops the datagram (RFC 1122 4.1.3.4 MUST). Over IPv4 none (0) is
 * accepted: RFC 1122 4.1.3.4 leaves it to the application by default on, and senders still exist.
 * Over IPv6 none is refused (RFC 8200 8.1). We always make one.
 *
 * Invariants: rcv.bytes and snd.bytes are the sums of the charges of the buffers in the queues; an
 * empty queue takes one datagram whatever its cap is, so that none can never be delivered. */
#ifndef UDP_UDP_H
#define UDP_UDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lastack/stack.h>

#include "buf/queue.h"
#include "wire/udp.h"

/* Longest payload: RFC 768's length field over IPv6; IPv4's own header takes 20 more. */
#define UDP_PAYLOAD_MAX_V4 (65535 - 20 - WIRE_UDP_HEADER)
#define UDP_PAYLOAD_MAX_V6 (65535 - WIRE_UDP_HEADER)

#define UDP_TTL 64 /* RFC 1122 3.2.1.7: configurable; RFC 1700's value */

struct udp_endpoint {
    struct buf_queue rcv;
    struct buf_queue snd; /* as udp_build() made them; the stack sends from the head */
    uint32_t rcv_max, snd_max;
    struct la_addr raddr; /* connected: the only one who may send to us */
    uint16_t rport;
    bool connected;
    uint8_t ttl, tos; /* of what is sent */
    int32_t error;    /* pending la_err, reported once (RFC 1122 4.1.3.3); 0: none */
};

/* One datagram as IP hands it up: ip/ip.h struct ip_packet, in this folder's words. */
struct udp_arrival {
    struct la_buf *buf; /* the bytes lie in it */
    const uint8_t *data;
    uint32_t len;    /* UDP header and payload */
    uint32_t pseudo; /* partial sum of the pseudo-header, length included */
    struct la_addr src;
    uint8_t csum; /* enum la_csum */
};

void udp_endpoint_init(struct udp_endpoint *u, uint32_t rcv_max, uint32_t snd_max);

/* Drops both queues. */
void udp_endpoint_clear(struct udp_endpoint *u, struct buf_pool *pool);

/* Checks length and checksum before anybody is looked for: LA_NONE and the header, or why the
 * datagram is dropped. Nothing is taken over. `kernel_sum` is wire_sum or a faster one. */
enum la_reason udp_check(const struct udp_arrival *a,
                         uint32_t (*kernel_sum)(const void *data, size_t len, uint32_t sum),
                         struct wire_udp *header);

/* Would the endpoint take a datagram from there? A connected one only from its remote. */
static inline bool udp_accepts(const struct udp_endpoint *u, const struct la_addr *src,
                               uint16_t port)
{
    return !u->connected || (u->rport == port && la_addr_equal(&u->raddr, src));
}

/* Queues a checked datagram. Takes the reference a->buf over, whatever the verdict: LA_TAKE_UDP,
 * LA_DROP_UDP_FULL, LA_DROP_NO_MEMORY. */
enum la_reason udp_input(struct udp_endpoint *u, struct buf_pool *pool, const struct udp_arrival *a,
                         const struct wire_udp *header);

/* Takes a received datagram out: returns its payload's length and copies at most `len` bytes, or
 * LA_EAGAIN. A pending error comes first, once. `from` may be NULL; its address has the scope
 * inside as everywhere in the stack, from->scope is left 0. */
int64_t udp_recv(struct udp_endpoint *u, struct buf_pool *pool, struct la_endpoint *from,
                 void *data, size_t len);

/* Takes the pending error, 0: none. */
static inline int32_t udp_take_error(struct udp_endpoint *u)
{
    int32_t error = u->error;
    u->error = 0;
    return error;
}

/* A datagram in a buffer of its own: `room` bytes are left free at the beginning of the memory,
 * data points at the UDP header; the checksum is complete. `pseudo` is the partial sum of the
 * pseudo-header, the length not yet added. NULL: no memory. */
struct la_buf *udp_build(struct buf_pool *pool, size_t room, uint16_t sport, uint16_t dport,
                         const void *data, size_t len, uint32_t pseudo,
                         uint32_t (*copy_sum)(void *to, const void *from, size_t len,
                                              uint32_t sum));

/* Is there room in the send queue for one more datagram? An empty queue always has some. */
bool udp_send_room(const struct udp_endpoint *u, size_t room, size_t len);

void udp_send_push(struct udp_endpoint *u, struct la_buf *buf);

/* The next datagram to send, left in the queue; NULL: none. */
static inline struct la_buf *udp_send_head(const struct udp_endpoint *u)
{
    return u->snd.head;
}

/* Takes the head out (its reference goes to the caller). */
struct la_buf *udp_send_pop(struct udp_endpoint *u);

#endif
