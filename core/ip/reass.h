/* Fragments in: reassembly of both versions (RFC 791 3.2, RFC 8200 4.5, RFC 1122 3.3.2).
 *
 * A datagram in the making is a set: its fragments in a list of buffers, sorted by offset. The
 * first fragment keeps its headers before its bytes, because the whole gets them and errors quote
 * them. Small fragments in big buffers are copied to small ones; memory is charged as it is.
 *
 * Limits, so that fragments can never crowd out anything else: IP_SETS_MAX sets and
 * IP_REASS_BYTES_MAX bytes in all, IP_SETS_SOURCE and IP_REASS_BYTES_SOURCE for one source,
 * IP_SET_FRAGS_MAX fragments in a set. A source over its share loses its own oldest set; when all
 * is full the oldest set of all goes, so that who sends now can finish.
 *
 * Overlaps discard the whole datagram, what is still to come included (RFC 5722 4; for IPv4 too,
 * where RFC 791 would let the later bytes win: nobody sends them honestly): the set stays, empty,
 * until its time is over. An exact duplicate is dropped alone (RFC 8200 4.5).
 *
 * Congestion that a fragment met is met by the whole (RFC 3168 5.3).
 *
 * Invariants: the fragments of a set do not overlap; `bytes` is the sum of their charges; `have`
 * the sum of their lengths; nothing reaches beyond 65535 bytes. */
#ifndef IP_REASS_H
#define IP_REASS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lastack/addr.h>
#include <lastack/reason.h>
#include <lastack/stack.h>

#include "buf/pool.h"

#define IP_SETS_MAX           64
#define IP_SETS_SOURCE        16
#define IP_SET_FRAGS_MAX      128
#define IP_REASS_BYTES_MAX    (512 * 1024)
#define IP_REASS_BYTES_SOURCE (256 * 1024)
#define IP_REASS_NS           (60 * LA_NS_PER_S) /* RFC 1122 3.3.2: 60 to 120 s; RFC 8200 4.5: 60 */

/* One fragment as its header describes it. */
struct ip_fragment {
    struct la_addr src, dst; /* scope inside */
    uint32_t id;
    uint32_t offset; /* bytes, a multiple of 8 */
    uint32_t len;    /* bytes of the fragmentable part that it carries */
    struct la_buf *buf;
    const uint8_t *header; /* the headers that go with every fragment, before `data` in `buf` */
    const uint8_t *data;
    uint16_t header_len; /* of them, the fragment header not included */
    uint16_t next_at;    /* IPv6: of the Next Header field to be rewritten */
    uint8_t next;        /* IPv6: what the fragmentable part begins with; IPv4: protocol */
    uint8_t link;
    bool more;
    bool to_unicast; /* as in struct ip_packet */
};

struct ip_set {
    struct la_addr src, dst;
    uint64_t until_ns;          /* 0: the set is free */
    struct la_buf *head, *tail; /* seq: offset; data, len: the bytes */
    uint32_t id;
    uint32_t bytes; /* charged */
    uint32_t have;
    uint32_t total; /* length of the fragmentable part; 0: the last fragment is not here yet */
    uint16_t count;
    uint16_t header_len; /* of the first fragment's headers; 0: it is not here yet */
    uint16_t next_at;
    uint8_t next;
    uint8_t link;
    uint8_t ecn;     /* ECN fields of the fragments: a bit each, 1 << field */
    bool poisoned;   /* overlapped: what comes is dropped */
    bool to_unicast; /* of every fragment */
};

struct ip_reass {
    struct buf_pool *pool;
    uint32_t bytes;
    uint32_t count;   /* sets in use */
    uint64_t next_ns; /* no set's time is over before */
    struct ip_set sets[IP_SETS_MAX];
};

/* A datagram that became whole, or whose time is over (the first fragment alone). */
struct ip_whole {
    struct la_buf *buf; /* header_len bytes of headers, then the rest: data, len */
    uint16_t header_len;
    uint8_t link;
    bool to_unicast;
};

void ip_reass_init(struct ip_reass *r, struct buf_pool *pool);
void ip_reass_destroy(struct ip_reass *r);

/* Takes a fragment in; its buffer's reference is taken over. LA_TAKE_FRAGMENT: kept, and when
 * whole->buf is not NULL it completed a datagram, whose header is the first fragment's with length
 * and fragment fields as of an unfragmented packet. Else the reason why it was dropped. */
enum la_reason ip_reass_input(struct ip_reass *r, const struct ip_fragment *f, uint64_t now_ns,
                              struct ip_whole *whole);

/* Takes out one set whose time is over: true while there is one. `first` is its first fragment as
 * a packet, to be quoted (first->buf NULL: it never came or the set was poisoned). */
bool ip_reass_expire(struct ip_reass *r, uint64_t now_ns, struct ip_whole *first);

static inline uint64_t ip_reass_next(const struct ip_reass *r)
{
    return r->count ? r->next_ns : UINT64_MAX;
}

#endif
