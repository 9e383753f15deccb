/* Packets as bytes: a script's packet is built, and one that left is read.
 *
 * Sequence numbers of a script are relative to the initial sequence numbers (ISN): that of a SYN is
 * the ISN itself as the script counts it, all others count from 0 at the ISN. A flow holds both
 * ISNs as they are on the wire and as the script writes them, and turns one into the other. */
#ifndef DRILL_PACKET_H
#define DRILL_PACKET_H

#include <lastack/addr.h>
#include <lastack/reason.h>

#include "drill/script.h"

#define DRILL_TIMESTAMPS 64

/* One connection, or what scripts send to a port where there is none. */
struct drill_flow {
    uint16_t local_port, remote_port;
    bool local_known, remote_known;
    uint32_t local_isn, local_isn_script;
    uint32_t remote_isn, remote_isn_script;
    /* A SYN that may begin the flow anew: it does when it is answered. */
    bool again;
    uint32_t again_isn_script;
    /* Timestamps that left: as the script wrote them, as they were. */
    struct {
        uint32_t script, live;
    } stamps[DRILL_TIMESTAMPS];
    unsigned stamps_count;
    /* The beginning of the last packet that left: what an ICMP error quotes that says nothing. */
    uint8_t last[64];
    unsigned last_len;
};

/* The two ends of the wire. */
struct drill_wire {
    bool ipv6;
    struct la_addr local, remote, gateway;
    uint32_t isn_shift; /* the remote ISN on the wire is the script's and this */
    bool ecr_scaled;    /* timestamps to echo that are not known: their distance counts */
};

uint32_t drill_local_to_live(const struct drill_flow *f, uint32_t seq, bool syn);
uint32_t drill_remote_to_live(const struct drill_flow *f, uint32_t seq, bool syn);
uint32_t drill_local_to_script(const struct drill_flow *f, uint32_t seq, bool syn);
uint32_t drill_remote_to_script(const struct drill_flow *f, uint32_t seq, bool syn);

/* The byte at an offset of a stream: what calls send, and packets carry. */
uint8_t drill_pattern(uint32_t offset);

#define DRILL_PACKET_MAX 65535

/* Builds the packet of a script that arrives. Returns its length. */
size_t drill_build(const struct drill_packet *p, const struct drill_wire *wire,
                   const struct drill_flow *flow, uint8_t bytes[DRILL_PACKET_MAX]);

/* Cuts the `n`-th (from 1) fragment with `size` bytes behind the IP header out of a packet of ours,
 * to `to`, which has room for 8 bytes more than the packet. Returns its length; 0: there is none.
 */
size_t drill_cut(const uint8_t *packet, size_t len, uint32_t size, unsigned n, uint16_t id,
                 uint8_t *to);

/* A packet that left, taken apart. */
struct drill_live {
    uint64_t time_ns;
    uint8_t *bytes;
    size_t len;
    enum la_reason why;
    uint32_t conn;
    bool taken; /* by an event that expected it */

    const char *malformed; /* what is wrong with it; NULL: nothing */
    bool ipv6;
    uint8_t tos, ttl, ip_protocol;
    uint32_t flowlabel;
    bool dont_fragment, fragment;
    struct la_addr source, target;
    uint16_t source_port, target_port;

    unsigned flags;
    uint32_t seq, ack, win, urg;
    struct drill_tcp_option options[DRILL_OPTIONS_MAX];
    unsigned options_count;
    const uint8_t *payload;
    uint32_t payload_len;

    uint8_t icmp_type, icmp_code;
    uint32_t icmp_rest; /* bytes 4 to 7 */
};

/* Reads `live->bytes`; what is wrong goes to `malformed`. */
void drill_read_live(struct drill_live *live);

/* Writes a packet as a script would: "P. 1:1001(1000) ack 1 win 229 <nop,nop,TS val 5 ecr 7>". */
void drill_format_live(const struct drill_flow *flow, const struct drill_live *live, bool outbound,
                       char *text, size_t size);
void drill_format_flags(unsigned flags, char text[16]);
void drill_format_options(const struct drill_flow *flow, const struct drill_tcp_option *options,
                          unsigned count, bool outbound, char *text, size_t size);

/* Encodes options as a header has them, padded to four bytes; returns the length, at most 40, or 0
 * when they do not fit. `live` numbers are in them already. */
unsigned drill_encode_options(const struct drill_tcp_option *options, unsigned count,
                              uint8_t bytes[40]);

uint16_t drill_checksum(const uint8_t *bytes, size_t len, uint32_t sum);

#endif
