/* ICMP in and out (RFC 792, RFC 4443), for this folder alone. */
#ifndef IP_ICMP_H
#define IP_ICMP_H

#include "ip/ip.h"

/* A packet whose transport is ICMP of its version. IP_DONE: frame->reason is set; the buffer stays
 * with the caller either way. */
enum ip_verdict ip_icmp_input(struct ip *ip, struct la_frame *frame, struct ip_packet *packet,
                              uint64_t now_ns);

/* Puts what the neighbour fronts answered into the reply queue of `link`. */
void ip_answer_neighbour(struct ip *ip, uint8_t link, const struct neigh_frame *answer);

/* An ICMP error to be sent about a packet. */
struct ip_problem {
    struct wire_icmp icmp;
    uint16_t reason;    /* enum la_reason, kind SEND */
    bool multicast_too; /* RFC 4443 2.4 e.3: sent although the packet was to a group */
};

/* Queues it when the rules and the rate let it; the reason as ip_reply_port_unreachable(). */
enum la_reason ip_icmp_error(struct ip *ip, const struct ip_packet *packet,
                             const struct ip_problem *problem, uint64_t now_ns);

static inline bool ip_packet_is_v4(const struct ip_packet *packet)
{
    return packet->header[0] >> 4 == 4;
}

#endif
