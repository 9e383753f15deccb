/* The IPv6 header (RFC 8200 3) and its extension headers (RFC 8200 4).
 *
 * wire_ipv6_parse() reads the fixed header. wire_ipv6_walk() goes over hop-by-hop options, routing,
 * destination options and fragment headers, at most WIRE_IPV6_EXT_MAX of them, up to the transport
 * header. Offsets count from the first byte of the IPv6 header, as the pointer of an ICMPv6
 * Parameter Problem does. Invariant: whatever it returns, `transport_at` is at most the packet's
 * length. */
#ifndef WIRE_IPV6_H
#define WIRE_IPV6_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/ip.h"

#define WIRE_IPV6_HEADER      40
#define WIRE_IPV6_FRAG_HEADER 8
#define WIRE_IPV6_EXT_MAX     8 /* extension headers in one packet */
#define WIRE_IPV6_OPTIONS_MAX 8 /* options but padding in one header (RFC 8504 5.3) */

struct wire_ipv6 {
    struct la_addr src, dst;
    uint32_t flow_label;  /* 20 bits */
    uint16_t payload_len; /* extension headers included, the fixed header not */
    uint8_t tclass;       /* DS field and ECN */
    uint8_t next;         /* WIRE_PROTO_* of what follows the fixed header */
    uint8_t hop_limit;
};

/* Fills `h` when the verdict is WIRE_IP_OK or WIRE_IP_MAPPED. Bytes behind 40 + payload_len are the
 * link's padding. */
enum wire_ip_verdict wire_ipv6_parse(const uint8_t *p, size_t len, struct wire_ipv6 *h);

/* The same for a header quoted in an ICMP error: the packet behind it may be cut off. */
enum wire_ip_verdict wire_ipv6_parse_quoted(const uint8_t *p, size_t len, struct wire_ipv6 *h);

/* Writes WIRE_IPV6_HEADER bytes and returns that. */
size_t wire_ipv6_emit(uint8_t *p, const struct wire_ipv6 *h);

enum wire_ipv6_chain {
    WIRE_IPV6_WHOLE,    /* the transport header begins at transport_at */
    WIRE_IPV6_FRAGMENT, /* a part: transport_at is where its bytes begin, `frag` is filled */
    WIRE_IPV6_DISCARD,  /* drop silently: malformed, too long a chain, or an option asks for it */
    WIRE_IPV6_PROBLEM,  /* drop and answer with a Parameter Problem of problem_code, problem_at */
};

/* Codes of the Parameter Problem (RFC 4443 3.4, RFC 7112 6). */
#define WIRE_IPV6_PROBLEM_FIELD  0 /* erroneous header field */
#define WIRE_IPV6_PROBLEM_NEXT   1 /* unrecognised Next Header */
#define WIRE_IPV6_PROBLEM_OPTION 2 /* unrecognised option */
#define WIRE_IPV6_PROBLEM_INCOMPLETE                            \
    3 /* a first fragment that lacks a part of the header chain \
       */

struct wire_ipv6_frag {
    uint32_t id;
    uint16_t offset;    /* bytes, a multiple of 8 */
    uint16_t header_at; /* of the fragment header: the bytes before it go with every fragment */
    uint16_t next_at;   /* of the Next Header field that names the fragment header */
    bool more;
};

struct wire_ipv6_ext {
    uint16_t transport_at;
    uint16_t next_at; /* of the Next Header field that names `proto` */
    uint8_t proto;    /* of what stands at transport_at */
    uint8_t problem_code;
    uint16_t problem_at;
    bool problem_multicast; /* answer even when the destination is a multicast group */
    bool has_frag;          /* with WIRE_IPV6_WHOLE: an atomic fragment (RFC 6946) */
    struct wire_ipv6_frag frag;
};

/* Walks the chain of a packet of 40 + payload_len bytes that wire_ipv6_parse() accepted as `h`;
 * `len` is how many of them are there (fewer only when it is quoted by an ICMP error). Of a first
 * fragment the chain behind the fragment header is checked for being complete (RFC 7112 5). */
enum wire_ipv6_chain wire_ipv6_walk(const uint8_t *p, size_t len, const struct wire_ipv6 *h,
                                    struct wire_ipv6_ext *ext);

/* Writes a fragment header of WIRE_IPV6_FRAG_HEADER bytes from id, offset and more of `frag`;
 * `next` names what the fragments hold. Returns its size. */
size_t wire_ipv6_frag_emit(uint8_t *p, uint8_t next, const struct wire_ipv6_frag *frag);

#endif
