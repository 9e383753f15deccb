/* One stack in front of a peer held by hand: packets are made and read byte by byte, so that a test
 * can be as rude as an attacker. Time is virtual; what the stack sends is collected, and checked by
 * a reader that knows nothing of the stack (support/packets.h).
 *
 * The stack is 10.0.0.1 and fd00::1; the peer has every other address of 10.0.0.0/24 and
 * fd00::/64. */
#ifndef SUPPORT_STACK_PEER_H
#define SUPPORT_STACK_PEER_H

#include <lastack/stack.h>
#include <lastack/tcp.h>
#include <lastack/udp.h>

#include "support/test_memory.h"
#include "wire/tcp.h"

#define PEER_OUT_MAX 128

/* A packet the stack sent. */
struct peer_packet {
    uint64_t at_ns;
    enum la_reason reason;
    uint8_t bytes[1600]; /* from the IP header on */
    size_t len;
    bool v6;
    uint8_t proto;
    uint8_t *transport;
    size_t transport_len;
    struct wire_tcp tcp; /* TCP alone; the payload lies behind the header */
    const uint8_t *payload;
    size_t payload_len;
};

struct peer {
    struct la_stack *stack;
    struct test_memory memory;
    int link;
    uint64_t now_ns;
    struct la_addr v4, v6;                /* of the stack */
    struct peer_packet out[PEER_OUT_MAX]; /* of the last peer_send(), peer_run(), peer_pull() */
    size_t count;
};

/* A segment to the stack. Addresses left zero are 10.0.0.2 and the stack's of the same family. */
struct peer_segment {
    struct la_addr src, dst;
    struct wire_tcp h;
    const void *data;
    size_t len;
};

struct la_config peer_config(struct peer *p);
/* `config` NULL: peer_config(). */
void peer_init(struct peer *p, const struct la_config *config);
/* Destroys the stack; all memory must come back. */
void peer_end(struct peer *p);

/* Gives the stack an IP packet; returns the verdict. Nothing is pulled. */
enum la_reason peer_raw(struct peer *p, const uint8_t *bytes, size_t len);
/* Gives a segment and collects what the stack sends at once. */
enum la_reason peer_send(struct peer *p, const struct peer_segment *s);
/* The same segment as bytes; returns the length. */
size_t peer_bytes(const struct peer *p, const struct peer_segment *s, uint8_t *bytes);

/* Collects what the stack sends now; returns how many packets. */
size_t peer_pull(struct peer *p);
/* Lets time pass and collects. */
size_t peer_run(struct peer *p, uint64_t ns);

struct la_endpoint peer_at(const struct peer *p, bool v6, uint16_t port);
/* 10.0.0.n or fd00::n */
struct la_addr peer_addr(bool v6, uint8_t n);

/* A connection from `src`:`sport` to port 80, made by hand: SYN with `syn` options, then the third
 * segment. Returns the SYN-ACK; the next numbers to use go to *snd and *rcv. */
struct wire_tcp peer_connect(struct peer *p, struct la_addr src, uint16_t sport, uint8_t options,
                             uint32_t *snd, uint32_t *rcv);

/* A segment of that connection. */
struct peer_segment peer_segment(struct la_addr src, uint16_t sport, uint32_t seq, uint32_t ack,
                                 uint16_t flags);

#endif
