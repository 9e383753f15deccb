/* IP in and out, both versions behind one interface (RFC 791, RFC 8200, RFC 1122 3).
 *
 *     ip_input()    a frame in; what it was, or the transport bytes for TCP and UDP
 *     ip_route()    link, source, next hop and MTU for a destination
 *     ip_template_* headers for a connection's segments (ip/template.h)
 *     ip_out_*      complete packets: replies and datagrams, cut when they must be (ip/out.h)
 *     ip_output()   the next reply or solicitation a link should send
 *     ip_timeout()  fragments that never completed, neighbours that did not answer
 *
 * What is decided here once for everybody: packets that are not ours are dropped, because this
 * host forwards nothing; source routes are dropped (RFC 7126 4.3); IPv6 packets with IPv4-mapped
 * addresses are dropped; redirects are ignored (a deviation from RFC 1122 3.2.2.2: anybody on the
 * link could send one); router advertisements and MLD are not looked at yet. The host does not
 * loop back: packets to its own addresses have no route.
 *
 * Times are handed in; ip_next_deadline() says when ip_timeout() is due. All of the stack's use is
 * through pointers given at ip_init(), which must outlive it.
 *
 * Invariants: every frame leaves ip_input() with a reason or with a verdict that makes the caller
 * set one; nothing is sent from here, only queued, in queues that are bounded. */
#ifndef IP_IP_H
#define IP_IP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lastack/frame.h>
#include <lastack/reason.h>
#include <lastack/stack.h>

#include "base/memory.h"
#include "base/prng.h"
#include "base/scope.h"
#include "base/siphash.h"
#include "buf/pool.h"
#include "ip/limit.h"
#include "ip/out.h"
#include "ip/pmtu.h"
#include "ip/reass.h"
#include "ip/route.h"
#include "ip/template.h"
#include "neigh/neigh.h"
#include "trace/ring.h"
#include "wire/checksum.h"
#include "wire/icmp.h"

#define IP_IDS 256

struct ip {
    struct memory *memory;
    struct buf_pool *pool;
    struct prng *prng;
    struct trace *trace; /* for what happens without a frame; may be NULL */
    const struct wire_sum_kernel *kernel;
    struct ip_routes routes;
    struct neigh neigh;
    struct ip_pmtu pmtu;
    struct ip_reass reass;
    struct ip_limit errors; /* ICMP errors we send (RFC 1812 4.3.2.8, RFC 4443 2.4 f) */
    struct buf_queue queue[LA_LINKS_MAX + 1];   /* ready to be sent */
    struct buf_queue waiting[LA_LINKS_MAX + 1]; /* their next hop is being asked for */
    uint32_t woken[LA_LINKS_MAX + 1]; /* neighbour events the waiting ones were looked at for */
    struct sip_key id_key;
    uint32_t ids[IP_IDS]; /* identifications of fragments, see ip_next_id() */
};

/* What an ICMP error says, for both versions (RFC 1122 3.2.2.1, RFC 4443 3, RFC 5461 2). */
enum ip_error_kind {
    IP_ERR_NET_UNREACHABLE,
    IP_ERR_HOST_UNREACHABLE,
    IP_ERR_PROTOCOL,   /* protocol unreachable, or an unrecognised next header */
    IP_ERR_PORT,       /* port unreachable */
    IP_ERR_PROHIBITED, /* by a filter or a policy */
    IP_ERR_MTU,        /* too big: `mtu` is what the path carries */
    IP_ERR_TIME_EXCEEDED,
    IP_ERR_PARAMETER,
};

/* An ICMP error about a packet of ours. Not believed yet: TCP checks that `seq` is in flight
 * (RFC 5927 4.1), and only then the path's MTU may be learned (ip_pmtu_learn). */
struct ip_error {
    uint8_t kind;  /* enum ip_error_kind */
    uint8_t proto; /* WIRE_PROTO_TCP or WIRE_PROTO_UDP */
    uint16_t lport, rport;
    uint32_t seq;         /* TCP */
    uint32_t mtu;         /* IP_ERR_MTU: clamped as in ip/pmtu.h */
    struct la_addr laddr; /* ours, scope inside */
    struct la_addr raddr;
};

enum ip_verdict {
    IP_DONE,       /* consumed; frame->reason says as what */
    IP_TCP,        /* `out` describes a segment */
    IP_UDP,        /* `out` describes a datagram */
    IP_ICMP_ERROR, /* out->error describes it */
};

struct ip_packet {
    struct la_addr src, dst; /* scope inside */
    uint8_t *data;           /* transport header */
    uint32_t len;            /* transport header and payload, the link's padding cut off */
    uint32_t pseudo;         /* partial sum of the pseudo-header, length included */
    struct la_buf *buf;      /* holds the bytes; the caller's to give back. NULL: IP_ICMP_ERROR */
    const uint8_t *header;   /* IP header, in the same buffer: quoted by errors */
    uint8_t link;
    uint8_t proto;
    uint8_t tos; /* DS field and ECN */
    uint8_t ttl;
    uint8_t csum;        /* enum la_csum of the transport */
    bool to_unicast;     /* to an address of ours, neither broadcast nor multicast at any layer */
    bool reassembled;    /* from fragments; `buf` is not the frame's then */
    uint16_t header_len; /* from `header` to `data` */
    struct ip_error error;
};

/* ---- the instance --------------------------------------------------------------------------- */

void ip_init(struct ip *ip, struct memory *memory, struct buf_pool *pool, struct prng *prng,
             struct trace *trace, const struct wire_sum_kernel *kernel, uint64_t now_ns);
void ip_destroy(struct ip *ip);

/* As la_stack_link_add() and the others; addresses with the scope inside. */
int ip_link_add(struct ip *ip, const struct la_link_info *info);
int ip_link_set_mtu(struct ip *ip, int link, uint32_t mtu);
int ip_addr_add(struct ip *ip, int link, const struct la_addr *addr, uint8_t prefix);
int ip_route_add(struct ip *ip, int link, const struct la_addr *net, uint8_t prefix,
                 const struct la_addr *gateway);

static inline const struct la_link_info *ip_link(const struct ip *ip, uint8_t link)
{
    return &ip->routes.links[link];
}

/* ---- in ------------------------------------------------------------------------------------- */

/* Takes in a frame of one piece, whose buffer it takes over. IP_DONE: the buffer is gone and
 * frame->reason is set. IP_TCP, IP_UDP: the caller gets one reference back in out->buf and sets
 * frame->reason. IP_ICMP_ERROR: the buffer is gone, the caller sets frame->reason. */
enum ip_verdict ip_input(struct ip *ip, uint8_t link, struct la_frame *frame, uint64_t now_ns,
                         struct ip_packet *out);

/* Answers a packet that nobody wants with an ICMP error, when the rules let it (RFC 1122 3.2.2,
 * RFC 4443 2.4 e) and the rate limit. Returns the reason of what was queued (kind SEND), LA_NONE
 * when the rules forbid, LA_DROP_ICMP_RATE, LA_DROP_NO_MEMORY. Call it before out->buf goes. */
enum la_reason ip_reply_port_unreachable(struct ip *ip, const struct ip_packet *packet,
                                         uint64_t now_ns);

/* ---- out ------------------------------------------------------------------------------------ */

/* Chooses link, source, next hop and MTU (ip_routes_find and what is known of the path). */
int ip_route(struct ip *ip, const struct la_addr *dst, uint16_t scope, const struct la_addr *want,
             uint64_t now_ns, struct ip_path *out);

/* Brings `template` up to date with the neighbour's link-layer address: 0, LA_EAGAIN,
 * LA_EHOSTUNREACH, LA_ENOBUFS as neigh_resolve(). At once on links without neighbours. Once per
 * batch and connection is enough. */
int ip_resolve(struct ip *ip, struct ip_path *path, struct ip_template *t, uint64_t now_ns);

/* Forward progress along a path: the next hop is alive. */
static inline void ip_confirm(struct ip *ip, struct ip_path *path, uint64_t now_ns)
{
    if (ip->routes.links[path->link].type == LA_LINK_ETHERNET && path->cast == IP_UNICAST) {
        neigh_confirm(&ip->neigh, path->link, &path->next_hop, &path->neigh, now_ns);
    }
}

/* Changes when neighbours of a link were resolved or given up: time to ask ip_resolve() again. */
static inline uint32_t ip_neighbour_events(const struct ip *ip, uint8_t link)
{
    return neigh_resolved(&ip->neigh, link) + neigh_failed(&ip->neigh, link);
}

/* Is it an address of ours, or the unspecified one that stands for all of a family? */
bool ip_is_local(const struct ip *ip, const struct la_addr *addr);

static inline bool ip_is_broadcast(const struct ip *ip, const struct la_addr *addr)
{
    return ip_routes_broadcast(&ip->routes, addr);
}

/* May it be the remote address of a connection: neither unspecified, loopback, multicast nor
 * broadcast (RFC 9293 MUST-46, MUST-57)? */
bool ip_is_unicast(const struct ip *ip, const struct la_addr *addr);

/* The path's MTU now, which ageing may have raised again since ip_route(). */
uint32_t ip_path_mtu(const struct ip *ip, const struct la_addr *dst, uint8_t link, uint64_t now_ns);

/* A transport has found by probing that the path takes packets of `mtu`, and no larger ones. */
uint32_t ip_pmtu_found(struct ip *ip, const struct la_addr *dst, uint8_t link, uint32_t mtu,
                       uint64_t now_ns);

/* Learns the MTU of the path to `dst` from an error that the transport believes. Returns the MTU
 * that holds now. */
uint32_t ip_pmtu_learn(struct ip *ip, const struct la_addr *dst, uint8_t link, uint32_t mtu,
                       uint64_t now_ns);

/* An identification for a packet that will be fragmented: a counter per keyed hash of the two
 * addresses, that advances by a random step (RFC 7739 5, RFC 6864 4.3). */
uint32_t ip_next_id(struct ip *ip, const struct la_addr *src, const struct la_addr *dst);

/* The next frame of the link's own traffic: replies, then solicitations. The frame holds a
 * reference of its buffer (frag[].buf) or lies in its head. False: nothing to send now. */
bool ip_output(struct ip *ip, uint8_t link, uint64_t now_ns, struct la_frame *frame);
bool ip_has_output(const struct ip *ip, uint8_t link);

/* ---- time ----------------------------------------------------------------------------------- */

void ip_timeout(struct ip *ip, uint64_t now_ns);
uint64_t ip_next_deadline(const struct ip *ip);

#endif
