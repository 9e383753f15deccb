/* ICMP (RFC 792) and ICMPv6 (RFC 4443): one struct for both.
 *
 * Every message begins with type, code, checksum and a word whose meaning depends on the kind;
 * the functions below read it. Errors then quote the beginning of the packet they are about;
 * wire_icmp_quote() says whose it was. The checksum is the caller's to verify, because over IPv6
 * it covers the pseudo-header. Neighbour Discovery is in wire/nd.h. */
#ifndef WIRE_ICMP_H
#define WIRE_ICMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lastack/addr.h>

#define WIRE_ICMP_HEADER          8
#define WIRE_ICMP_CHECKSUM_OFFSET 2

enum wire_icmp_kind {
    WIRE_ICMP_OTHER, /* a type not listed here */
    WIRE_ICMP_ECHO_REQUEST,
    WIRE_ICMP_ECHO_REPLY,
    WIRE_ICMP_UNREACHABLE,
    WIRE_ICMP_TOO_BIG, /* Packet Too Big; IPv4: unreachable, code 4 */
    WIRE_ICMP_TIME_EXCEEDED,
    WIRE_ICMP_PARAMETER_PROBLEM,
    WIRE_ICMP_QUENCH, /* IPv4 only, obsolete (RFC 6633) */
    WIRE_ICMP_REDIRECT,
};

/* Codes of unreachable, IPv4 (RFC 792, RFC 1122 3.2.2.1, RFC 1812 5.2.7.1). */
#define WIRE_ICMP4_NET                0
#define WIRE_ICMP4_HOST               1
#define WIRE_ICMP4_PROTOCOL           2
#define WIRE_ICMP4_PORT               3
#define WIRE_ICMP4_FRAG_NEEDED        4
#define WIRE_ICMP4_SOURCE_ROUTE       5
#define WIRE_ICMP4_NET_UNKNOWN        6
#define WIRE_ICMP4_HOST_UNKNOWN       7
#define WIRE_ICMP4_HOST_ISOLATED      8
#define WIRE_ICMP4_NET_PROHIBITED     9
#define WIRE_ICMP4_HOST_PROHIBITED    10
#define WIRE_ICMP4_NET_TOS            11
#define WIRE_ICMP4_HOST_TOS           12
#define WIRE_ICMP4_ADMIN_PROHIBITED   13
#define WIRE_ICMP4_PRECEDENCE         14
#define WIRE_ICMP4_PRECEDENCE_CUT_OFF 15

/* Codes of unreachable, IPv6 (RFC 4443 3.1). */
#define WIRE_ICMP6_NO_ROUTE         0
#define WIRE_ICMP6_ADMIN_PROHIBITED 1
#define WIRE_ICMP6_SCOPE            2
#define WIRE_ICMP6_ADDRESS          3
#define WIRE_ICMP6_PORT             4
#define WIRE_ICMP6_SOURCE_POLICY    5
#define WIRE_ICMP6_REJECT_ROUTE     6

/* Codes of time exceeded, both versions. */
#define WIRE_ICMP_TIME_TRANSIT    0
#define WIRE_ICMP_TIME_REASSEMBLY 1

struct wire_icmp {
    bool v6;
    uint8_t kind; /* enum wire_icmp_kind */
    uint8_t type;
    uint8_t code;
    uint32_t word; /* the four bytes behind the checksum */
};

/* A message of a known kind, its type and, for TOO_BIG, its code filled in: kind is not OTHER and
 * exists in that version. */
struct wire_icmp wire_icmp_make(bool v6, enum wire_icmp_kind kind, uint8_t code, uint32_t word);

/* False: shorter than a header. */
bool wire_icmp_parse(const uint8_t *p, size_t len, bool v6, struct wire_icmp *h);

/* Writes WIRE_ICMP_HEADER bytes with checksum 0 and returns that. */
size_t wire_icmp_emit(uint8_t *p, const struct wire_icmp *h);

/* Errors are never answered with an error (RFC 1122 3.2.2, RFC 4443 2.4 e). */
bool wire_icmp_is_error(const struct wire_icmp *h);

/* Echo: identifier and sequence number. */
static inline uint32_t wire_icmp_echo_word(uint16_t id, uint16_t seq)
{
    return (uint32_t)id << 16 | seq;
}

static inline uint16_t wire_icmp_id(const struct wire_icmp *h)
{
    return (uint16_t)(h->word >> 16);
}

static inline uint16_t wire_icmp_seq(const struct wire_icmp *h)
{
    return (uint16_t)h->word;
}

/* TOO_BIG: the MTU of the next hop; 0 from a router older than RFC 1191. */
static inline uint32_t wire_icmp_mtu(const struct wire_icmp *h)
{
    return h->v6 ? h->word : h->word & 0xffff;
}

/* PARAMETER_PROBLEM: offset of the offending byte. */
static inline uint32_t wire_icmp_pointer(const struct wire_icmp *h)
{
    return h->v6 ? h->word : h->word >> 24;
}

static inline uint32_t wire_icmp_pointer_word(bool v6, uint32_t pointer)
{
    return v6 ? pointer : pointer << 24;
}

/* The packet an error is about, as this host sent it. */
struct wire_icmp_quote {
    struct la_addr src, dst;
    uint32_t seq;    /* TCP: sequence number of the segment; RFC 5927 4.1 needs it */
    uint32_t packet; /* length of the whole packet: RFC 1191 5 guesses from it when mtu is 0 */
    uint16_t src_port, dst_port;
    uint16_t transport_at; /* offset of the transport header in the quotation */
    uint8_t proto;
    bool has_ports; /* TCP or UDP, and enough bytes are there */
    bool has_seq;   /* TCP, and enough bytes are there */
};

/* Reads the quotation: `p` begins behind the eight bytes of the ICMP header. False: no IP header of
 * that version stands there. */
bool wire_icmp_quote(const uint8_t *p, size_t len, bool v6, struct wire_icmp_quote *q);

#endif
