/* The steps of ip_input(), for this folder alone. Each gets the arrival under way and returns the
 * verdict; with IP_DONE the reason is set. */
#ifndef IP_INPUT_H
#define IP_INPUT_H

#include "base/mem.h"
#include "ip/icmp.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"

struct arrival {
    struct ip *ip;
    struct la_frame *frame;
    struct ip_packet *out; /* link, buf and csum are set, the rest is filled on the way */
    uint64_t now_ns;
    bool group;       /* the link-layer destination is a group or broadcast */
    bool whole;       /* reassembled: no fragment may come out of it again */
    uint16_t next_at; /* IPv6: of the Next Header field that names out->proto */
};

static inline enum ip_verdict arrival_done(const struct arrival *a, enum la_reason reason)
{
    a->frame->reason = (uint16_t)reason;
    return IP_DONE;
}

/* A packet of `len` bytes, its link's padding included, that the short way did not take. */
enum ip_verdict ip_input_v4(struct arrival *a, uint8_t *p, size_t len);
enum ip_verdict ip_input_v6(struct arrival *a, uint8_t *p, size_t len);

/* out->header, data, len, addresses and proto are set: to whom does it go? */
enum ip_verdict ip_deliver(struct arrival *a);

/* Hands a fragment to reassembly, which takes out->buf over; what became whole starts anew. */
enum ip_verdict ip_input_fragment(struct arrival *a, const struct ip_fragment *f);

/* May it be the source of an IPv4 packet (RFC 1122 3.2.1.3)? Host order. */
static inline bool ip_is_host_v4(uint32_t addr)
{
    uint8_t net = (uint8_t)(addr >> 24);
    return net != 0 && net != 127 && net < 224;
}

/* The sum of the pseudo-header as it lies on the wire: `addrs` bytes of addresses at `p`. */
static inline uint32_t ip_sum_pseudo_at(const uint8_t *p, size_t addrs, uint8_t proto, uint32_t len)
{
    uint64_t sum = ip_sum_field(proto) + (uint64_t)ip_sum_field(len);
    for (size_t i = 0; i < addrs; i += 4) {
        uint32_t word;
        mem_copy(&word, p + i, sizeof(word));
        sum += word;
    }
    sum = (sum & UINT32_MAX) + (sum >> 32);
    return (uint32_t)(sum + (sum >> 32));
}

#endif
