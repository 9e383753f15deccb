/* Which ECN two ends agree on (RFC 9768 3.1, RFC 3168 6.1.1): see ecn.h.
 *
 * The flags of a SYN are chosen so that each server takes them for the newest kind that it knows:
 * 111 asks for accurate ECN and is a classic request to who knows no other. What comes back tells
 * which it was; a server that copies the flags of the SYN tells nothing, and gets no ECN.
 *
 * Neither SYN nor SYN-ACK is ever sent ECT here. Both ends tell each other with which ECN field
 * theirs arrived: another than not-ECT shows that something on the path writes into the field. */
#include "tcp/ecn.h"

#define CEP_INITIAL 5 /* RFC 9768 3.2.1 */
#define E0B_INITIAL 1
#define E1B_INITIAL 1
#define CEB_INITIAL 0

#define ACE_RESERVED 5 /* of a SYN-ACK: 101 */
#define ACE_CLASSIC  3 /* of a SYN: 011 */

/* With ECN the SYN is tried twice, then without. */
#define SYNS_WITH_ECN 2

uint16_t ecn_syn_flags(enum la_ecn wish, unsigned sent)
{
    if (sent >= SYNS_WITH_ECN || wish < LA_ECN_CLASSIC) {
        return 0;
    }
    return wish == LA_ECN_ACCURATE ? ECN_FLAGS : LA_TH_CWR | LA_TH_ECE;
}

enum ecn_mode ecn_client_mode(enum la_ecn wish, uint16_t flags)
{
    if (wish < LA_ECN_CLASSIC) {
        return ECN_NONE; /* nothing was asked for, so nothing can be granted */
    }
    if (wish == LA_ECN_CLASSIC) {
        return (flags & (LA_TH_CWR | LA_TH_ECE)) == LA_TH_ECE ? ECN_CLASSIC : ECN_NONE;
    }
    switch (ecn_ace(flags)) {
    case 0: /* no ECN there */
    case 7: /* "Broken": copied from the SYN */
        return ECN_NONE;
    case 1:
        return ECN_CLASSIC;
    default:
        return ECN_ACCURATE; /* 101 too: reserved, to be taken like this (RFC 9768 3.1.3) */
    }
}

enum ecn_mode ecn_server_mode(enum la_ecn wish, uint16_t flags)
{
    bool classic = (flags & (LA_TH_CWR | LA_TH_ECE)) == (LA_TH_CWR | LA_TH_ECE);

    if (wish == LA_ECN_OFF || ecn_ace(flags) == 0) {
        return ECN_NONE;
    }
    if (wish == LA_ECN_CLASSIC) {
        return classic ? ECN_CLASSIC : ECN_NONE; /* RFC 3168: AE is a reserved bit */
    }
    /* RFC 9768 3.1.3: all that is neither 000 nor 011 asks for accurate ECN. */
    return ecn_ace(flags) == ACE_CLASSIC ? ECN_CLASSIC : ECN_ACCURATE;
}

uint32_t ecn_encode(uint8_t field)
{
    static const uint8_t code[4] = {2, 3, 4, 6}; /* 010, 011, 100, 110 */
    return code[field & 3];
}

/* The ECN field that a code means, or -1: none. */
static int decode(uint32_t ace)
{
    static const int8_t field[8] = {-1, -1, ECN_NOT_ECT, ECN_ECT1, ECN_ECT0, -1, ECN_CE, -1};
    return field[ace];
}

/* ---- the passive side, before there is a connection ------------------------------------------ */

struct ecn_shake ecn_shake_of(enum la_ecn wish, uint16_t flags, uint8_t field)
{
    return (struct ecn_shake){.mode = (uint8_t)ecn_server_mode(wish, flags), .syn_field = field};
}

bool ecn_shake_again(struct ecn_shake *s, enum la_ecn wish, uint16_t flags, uint8_t field)
{
    enum ecn_mode asked = ecn_server_mode(wish, flags);

    if (s->mode == ECN_NONE) {
        return true; /* and stays so, whatever is asked for now */
    }
    if (asked == ECN_NONE) {
        s->no_ect = true; /* RFC 9768 3.1.5, RFC 3168 6.1.1 */
    } else if (asked != s->mode) {
        return false;
    }
    s->syn_field = field;
    return true;
}

uint16_t ecn_shake_answer(struct ecn_shake *s, unsigned timeouts)
{
    switch (s->mode) {
    case ECN_ACCURATE:
        if (timeouts < 2) {
            return ecn_ace_flags(ecn_encode(s->syn_field));
        }
        s->no_ect = true; /* RFC 9768 3.1.5: the client may end up without ECN */
        return 0;
    case ECN_CLASSIC:
        /* RFC 3168 6.1.1.1, (4): a SYN without ECN gets an answer without. */
        return s->no_ect ? 0 : LA_TH_ECE;
    default:
        return 0;
    }
}

bool ecn_shake_option(const struct ecn_shake *s, bool again, struct wire_tcp *h)
{
    if (s->mode != ECN_ACCURATE || again) {
        return false; /* RFC 9768 3.2.3.2.2 */
    }
    h->options |= WIRE_TCP_ECN0;
    h->ecn_n = WIRE_ECN_MAX;
    h->ecn[0] = E0B_INITIAL;
    h->ecn[1] = CEB_INITIAL;
    h->ecn[2] = E1B_INITIAL;
    return true;
}

uint16_t ecn_shake_flags(const struct ecn_shake *s)
{
    return s->mode == ECN_ACCURATE ? ecn_ace_flags(CEP_INITIAL) : 0;
}

struct ecn_shake ecn_shake_of_cookie(enum la_ecn wish, bool classic, uint16_t flags)
{
    struct ecn_shake s = {.mode = ECN_NONE};

    if (classic && wish != LA_ECN_OFF) {
        s.mode = ECN_CLASSIC;
    } else if ((wish == LA_ECN_PASSIVE || wish == LA_ECN_ACCURATE) && ecn_ace(flags) >= 2) {
        s.mode = ECN_ACCURATE; /* who is not in this mode sets neither AE nor CWR here */
    }
    return s;
}

/* ---- the connection ------------------------------------------------------------------------- */

static void begin(struct tcp_ecn *e, enum ecn_mode mode)
{
    *e = (struct tcp_ecn){.mode = (uint8_t)mode, .r_cep = CEP_INITIAL, .s_cep = CEP_INITIAL};
    if (mode == ECN_ACCURATE) {
        e->r_bytes[ECN_ECT1 - 1] = E1B_INITIAL;
        e->r_bytes[ECN_ECT0 - 1] = E0B_INITIAL;
        e->r_bytes[ECN_CE - 1] = CEB_INITIAL;
    }
    e->s_ceb = CEB_INITIAL;
}

/* RFC 9768 3.2.3.2.4: an initial value of 0 was zeroed on the way; options are ignored for good. */
static void test_option(struct tcp_ecn *e, const struct wire_tcp *h)
{
    if (!(h->options & (WIRE_TCP_ECN0 | WIRE_TCP_ECN1))) {
        return;
    }
    bool zero = (h->ecn_n > 0 && h->ecn[0] == 0) || (h->ecn_n > 2 && h->ecn[2] == 0);
    e->flags |= zero ? ECN_F_ZEROED : 0;
}

/* A packet that left not-ECT arrived with this field (RFC 9768 3.2.2.3): any other is mangled. */
static void test_field(struct tcp_ecn *e, int field)
{
    if (field > ECN_NOT_ECT) {
        e->flags |= ECN_F_NO_ECT;
    }
}

static void note_syn_ack(struct tcp_ecn *e, uint8_t field)
{
    e->syn_field = field;
    e->flags |= ECN_F_HANDSHAKE;
    if (field == ECN_CE && !(e->flags & ECN_F_SYN_ACK_CE)) {
        e->flags |= ECN_F_SYN_ACK_CE; /* RFC 9768 3.2.2.2: no more than once */
        e->r_cep++;
    }
}

bool ecn_begin_client(struct tcp_ecn *e, enum la_ecn wish, const struct wire_tcp *syn_ack,
                      uint8_t field, bool fell_back)
{
    begin(e, ecn_client_mode(wish, syn_ack->flags));
    if (e->mode == ECN_CLASSIC && fell_back) {
        e->flags |=
            ECN_F_NO_ECT; /* RFC 3168 6.1.1; a client in accurate mode may (RFC 9768 3.1.5) */
    }
    if (e->mode != ECN_ACCURATE) {
        return false;
    }
    uint32_t ace = ecn_ace(syn_ack->flags);
    int seen = ace == ACE_RESERVED ? ECN_NOT_ECT : decode(ace);
    test_field(e, seen);
    test_option(e, syn_ack);
    note_syn_ack(e, field);
    e->flags |= ECN_F_TEST | ECN_F_TEST_DATA; /* RFC 9768 3.2.3.2.1 */
    return seen == ECN_CE;
}

void ecn_syn_ack_again(struct tcp_ecn *e, uint8_t field)
{
    if (e->mode == ECN_ACCURATE) {
        note_syn_ack(e, field);
    }
}

void ecn_begin_server(struct tcp_ecn *e, const struct ecn_shake *s)
{
    begin(e, (enum ecn_mode)s->mode);
    e->syn_field = s->syn_field;
    if (s->no_ect) {
        e->flags |= ECN_F_NO_ECT;
    }
}

uint16_t ecn_crossed_flags(const struct tcp_ecn *e)
{
    struct ecn_shake s = {.mode = e->mode, .syn_field = e->syn_field};
    return ecn_shake_answer(&s, 0);
}

bool ecn_third_segment(struct tcp_ecn *e, const struct wire_tcp *h, bool pure)
{
    if (e->mode != ECN_ACCURATE) {
        return false;
    }
    test_option(e, h);
    if (!pure || (h->options & WIRE_TCP_SACK)) { /* its ACE field is the counter */
        struct ecn_echo echo = {.h = h, .mss = 1, .newer = true};
        return ecn_feedback(e, &echo).congested;
    }
    uint32_t ace = ecn_ace(h->flags);
    if (ace == 0) { /* RFC 9768 3.2.2.1, note 1 */
        e->flags |= ECN_F_NO_ECT | ECN_F_DEAF;
        return false;
    }
    test_field(e, decode(ace));
    if (decode(ace) != ECN_CE) {
        return false;
    }
    e->s_cep++; /* RFC 9768 table 4 */
    return true;
}

void ecn_count(const struct tcp_ecn *e, uint32_t *in, uint32_t *out, uint32_t *out_bytes)
{
    *in = e->r_cep - CEP_INITIAL;
    *out = e->s_cep - CEP_INITIAL;
    *out_bytes = e->s_ceb - CEB_INITIAL;
}
