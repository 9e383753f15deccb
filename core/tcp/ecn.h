/* Explicit congestion notification: classic (RFC 3168; its receiver for DCTCP, RFC 8257 3.2) and
 * accurate (RFC 9768). Fed integers, it knows no connection.
 *
 * Two ends agree on a mode during the handshake (ecn_open.c): pure decisions on the flags AE, CWR
 * and ECE of SYN and SYN-ACK. From then on each end has two roles (ecn.c):
 *
 *   receiver   the field of the IP header of every acceptable packet goes in, the flags and the
 *              option of what leaves come out, and whether an ACK has to leave at once. Classic:
 *              ECE until CWR comes. Accurate: counters that are repeated on every ACK.
 *   sender     which of its packets are ECT; from the flags and the option of an ACK, how many
 *              bytes and packets of its own met congestion.
 *
 * What is done about congestion is said elsewhere: cc/, and the phases of the connection.
 *
 * Invariants: the mode never changes once it was entered (RFC 9768 3.1.5); a host that will not set
 * ECT any more (ECN_F_NO_ECT) goes on to feed back; the counters of the wire are the low bits of
 * the counters here, r_* what we received, s_* what the peer says that it received.
 *
 * The sections of RFC 9768 are those of its last draft (draft-ietf-tcpm-accurate-ecn-34). */
#ifndef TCP_ECN_H
#define TCP_ECN_H

#include <stdbool.h>
#include <stdint.h>

#include <lastack/tcp.h> /* enum la_ecn */

#include "base/seq.h"
#include "wire/tcp.h"

/* The ECN field of the IP header: the two low bits of the octet (RFC 3168 5). */
enum ecn_field { ECN_NOT_ECT, ECN_ECT1, ECN_ECT0, ECN_CE };
#define ECN_FIELD(tos) ((uint8_t)((tos)&3))

enum ecn_mode { ECN_NONE, ECN_CLASSIC, ECN_ACCURATE };

#define ECN_FLAGS     (LA_TH_AE | LA_TH_CWR | LA_TH_ECE)
#define ECN_ACE_SHIFT 6
_Static_assert(LA_TH_ECE == 1 << ECN_ACE_SHIFT && ECN_FLAGS == 7 << ECN_ACE_SHIFT, "ACE: 3 bits");

/* The three flags as a number, AE first (RFC 9768 3.2.2). */
static inline uint32_t ecn_ace(uint16_t flags)
{
    return (uint32_t)(flags & ECN_FLAGS) >> ECN_ACE_SHIFT;
}

static inline uint16_t ecn_ace_flags(uint32_t ace)
{
    return (uint16_t)((ace & 7) << ECN_ACE_SHIFT);
}

/* ---- handshake (ecn_open.c) ----------------------------------------------------------------- */

/* Flags of a SYN; `sent`: how many SYNs left before it. The last attempts go without, in case
 * something on the path drops them (RFC 9768 3.1.4.1, RFC 3168 6.1.1.1). */
uint16_t ecn_syn_flags(enum la_ecn wish, unsigned sent);

/* The mode that the flags of a SYN-ACK lead to, for who asked with `wish` (RFC 9768 table 2 and
 * 3.1.3, RFC 3168 6.1.1). */
enum ecn_mode ecn_client_mode(enum la_ecn wish, uint16_t flags);

/* The mode that a SYN with these flags leads to. */
enum ecn_mode ecn_server_mode(enum la_ecn wish, uint16_t flags);

/* The encoding of an ECN field in SYN-ACK and handshake ACK (RFC 9768 tables 2 and 3), as ACE. */
uint32_t ecn_encode(uint8_t field);

/* What a half-open connection remembers of ECN: three bytes. */
struct ecn_shake {
    uint8_t mode;      /* enum ecn_mode */
    uint8_t syn_field; /* ECN field of the latest SYN */
    bool no_ect;       /* a SYN or SYN-ACK without ECN was among them */
};

struct ecn_shake ecn_shake_of(enum la_ecn wish, uint16_t flags, uint8_t field);

/* The SYN came again, with these flags. False: it asks for another kind of ECN than the first one;
 * both ends could come to different modes, so the connection has to be reset (RFC 9768 3.1.5). */
bool ecn_shake_again(struct ecn_shake *s, enum la_ecn wish, uint16_t flags, uint8_t field);

/* Flags of the SYN-ACK; `timeouts`: how often the timer ran out (RFC 9768 3.2.3.2.2). */
uint16_t ecn_shake_answer(struct ecn_shake *s, unsigned timeouts);
/* The first SYN-ACK tests with an option whether options come through. */
bool ecn_shake_option(const struct ecn_shake *s, bool again, struct wire_tcp *h);

/* Flags of a challenge ACK before the third segment came. */
uint16_t ecn_shake_flags(const struct ecn_shake *s);

/* Who kept no state (SYN cookies, RFC 9768 5.1) tells by the flags of the third segment.
 * `classic`: the cookie remembers that classic ECN was agreed. */
struct ecn_shake ecn_shake_of_cookie(enum la_ecn wish, bool classic, uint16_t flags);

/* ---- the connection ------------------------------------------------------------------------- */

enum ecn_flag {
    ECN_F_NO_ECT = 0x0001,     /* sets ECT no more */
    ECN_F_DEAF = 0x0002,       /* feedback cannot be trusted and is not answered */
    ECN_F_DCTCP = 0x0004,      /* classic: echo as RFC 8257 3.2 has it */
    ECN_F_ECHO = 0x0008,       /* classic: ECE on every ACK; DCTCP.CE */
    ECN_F_CWR = 0x0010,        /* classic: the next new data carry CWR */
    ECN_F_WINDOW = 0x0020,     /* classic: cwr_end holds */
    ECN_F_BEFORE = 0x0040,     /* DCTCP: an ACK of before_ack goes first ... */
    ECN_F_BEFORE_CE = 0x0080,  /* ... and it carries ECE */
    ECN_F_LAST_CE = 0x0100,    /* accurate: the packet before was marked */
    ECN_F_HANDSHAKE = 0x0200,  /* accurate: the next pure ACK tells the SYN-ACK's ECN field */
    ECN_F_SYN_ACK_CE = 0x0400, /* accurate: a marked SYN-ACK was counted */
    ECN_F_HEARD = 0x0800,      /* accurate: the first feedback was looked at */
    ECN_F_ZEROED = 0x1000,     /* accurate: the peer's options are zeroed on the way: ignored */
    ECN_F_TEST_DATA = 0x2000,  /* accurate: the first data carry an option, to test the path */
    ECN_F_GUESSED = 0x4000,    /* accurate: s_ceb holds an estimate since the last option */
    ECN_F_TEST = 0x8000,       /* accurate: the next ACK carries an option, to test the path */
};

/* Byte counters as bits. */
#define ECN_BIT(field) (1U << ((field)-1))

struct tcp_ecn {
    uint32_t r_cep; /* marked packets received, plus 5; all modes */
    uint32_t s_cep; /* marked packets the peer received, plus 5; classic: ACKs that told of some */
    uint32_t s_ceb; /* marked payload bytes the peer received; classic: acknowledged with ECE */
    union {
        struct {
            uint32_t r_bytes[3]; /* accurate: r.e1b, r.e0b, r.ceb: by field, less 1 */
        };
        struct {
            seq32 cwr_end;    /* classic: one reaction up to here */
            seq32 before_ack; /* DCTCP: what came before the change */
        };
    };
    uint16_t flags;     /* enum ecn_flag */
    uint8_t mode;       /* enum ecn_mode */
    uint8_t syn_field;  /* ECN field of the peer's SYN or SYN-ACK */
    uint8_t counters;   /* ECN_BIT: low half changed since the last option, high half ever */
    uint8_t ce_unacked; /* marked packets since the last ACK, at most 255 */
    uint8_t acked_avg;  /* packets that an ACK acknowledges, in eighths */
    uint8_t ce_rounds;  /* first round trips in which all was marked; 255: that is over */
    uint8_t round;      /* the last one of them, low bits */
};

/* The answer to our SYN opened the connection. `fell_back`: a SYN without ECN was among ours. True:
 * the SYN met congestion. */
bool ecn_begin_client(struct tcp_ecn *e, enum la_ecn wish, const struct wire_tcp *syn_ack,
                      uint8_t field, bool fell_back);
/* The SYN-ACK came again: its field goes back. */
void ecn_syn_ack_again(struct tcp_ecn *e, uint8_t field);

/* The connection follows from a half-open one, or from a SYN that crossed ours. */
void ecn_begin_server(struct tcp_ecn *e, const struct ecn_shake *s);
/* Flags of the SYN-ACK that answers a SYN that crossed ours. */
uint16_t ecn_crossed_flags(const struct tcp_ecn *e);
/* The segment that ends SYN-RECEIVED. `pure`: an ACK without data. True: the SYN-ACK met
 * congestion. */
bool ecn_third_segment(struct tcp_ecn *e, const struct wire_tcp *h, bool pure);

/* ---- receiver ------------------------------------------------------------------------------- */

struct ecn_arrival {
    uint16_t flags; /* of the TCP header */
    uint8_t field;  /* of the IP header */
    bool unacked;   /* data in order that came before wait for an ACK */
    uint32_t len;   /* payload; of merged segments the sum */
    uint32_t segs;  /* wire segments, at least 1 */
    seq32 rcv_nxt;  /* before this segment */
};

enum ecn_ack {
    ECN_ACK_NO,
    ECN_ACK_NOW,   /* an ACK has to leave at once */
    ECN_ACK_TWICE, /* and before it one that acknowledges e->before_ack (RFC 8257 3.2) */
};
/* An acceptable packet, not a SYN, arrived. */
enum ecn_ack ecn_arrived(struct tcp_ecn *e, const struct ecn_arrival *a);

/* Flags of a segment that leaves with an ACK, and without SYN or RST. `pure`: it carries neither
 * data nor FIN nor SACK blocks; `fresh`: new data. ecn_before_flags(): those of the ACK that goes
 * first. */
uint16_t ecn_flags(const struct tcp_ecn *e, bool pure, bool fresh);
uint16_t ecn_before_flags(const struct tcp_ecn *e);
static inline void ecn_before_sent(struct tcp_ecn *e)
{
    e->flags &= (uint16_t) ~(ECN_F_BEFORE | ECN_F_BEFORE_CE);
}

/* The AccECN option to send: which order and how many fields fit `room` bytes of options (RFC 9768
 * 3.2.3.3). `ever`, `changed`: ECN_BIT. */
struct ecn_option {
    uint8_t order; /* WIRE_TCP_ECN0 or WIRE_TCP_ECN1, 0: none */
    uint8_t n;
};
struct ecn_option ecn_option_choose(uint8_t ever, uint8_t changed, uint32_t room);

/* Bytes of options that the option due on the next segment wants, at most `room`; 0: none.
 * `data`: it carries some. */
uint32_t ecn_option_bytes(const struct tcp_ecn *e, bool data, uint32_t room);
/* Adds it to a header. */
void ecn_option_fill(const struct tcp_ecn *e, bool data, uint32_t room, struct wire_tcp *h);

/* A segment with an ACK left: flags and option are those of `h`; `data` and `pure` as above. */
void ecn_sent(struct tcp_ecn *e, const struct wire_tcp *h, bool data, bool pure);

/* Would a super-segment carry the CWR bit? Whoever cuts it would leave the bit on its first segment
 * alone (RFC 9768 3.3.4), so no super-segment is built meanwhile. */
static inline bool ecn_single(const struct tcp_ecn *e)
{
    return (ecn_flags(e, false, true) & LA_TH_CWR) != 0;
}

/* ---- sender --------------------------------------------------------------------------------- */

/* The ECN field of a segment that leaves. `fresh`: new data, neither retransmission nor window
 * probe; all else is not ECT (RFC 3168 6.1.1, 6.1.4 to 6.1.6). */
enum ecn_field ecn_codepoint(const struct tcp_ecn *e, uint32_t len, bool fresh);

/* What an acceptable ACK says of what we sent. */
struct ecn_echo {
    const struct wire_tcp *h;
    uint32_t acked; /* bytes newly delivered, cumulatively or selectively */
    uint32_t mss;
    seq32 snd_una; /* after it */
    bool newer;    /* by SND.UNA or by its timestamp later than all before */
    uint8_t round; /* low bits of the number of the round trip */
};
struct ecn_news {
    uint32_t ce_packets;
    uint32_t ce_bytes;
    bool congested; /* some of it is new */
};
struct ecn_news ecn_feedback(struct tcp_ecn *e, const struct ecn_echo *a);

/* The increment of the packet counter that is safest and likely (RFC 9768 A.2). `least`: the one
 * that the field shows; `ce_bytes`: -1 without an option. */
uint32_t ecn_safest(uint32_t least, uint32_t acked, uint32_t mss, int32_t ce_bytes);

/* Is this the first sign of congestion of a window (RFC 3168 6.1.2)? Then the next one counts when
 * what is outstanding now, up to `snd_max`, was acknowledged, and classic ECN says CWR on the next
 * new data. For who has no phases that tell: controllers that scale. */
bool ecn_first_of_window(struct tcp_ecn *e, seq32 snd_max);

/* The congestion window was reduced for whatever reason: classic ECN says so with CWR. */
static inline void ecn_reduced(struct tcp_ecn *e)
{
    e->flags |= e->mode == ECN_CLASSIC ? ECN_F_CWR : 0;
}

/* Marked packets received; ours that were, and their bytes. */
void ecn_count(const struct tcp_ecn *e, uint32_t *in, uint32_t *out, uint32_t *out_bytes);

#endif
