/* ECN of a connection that is open: receiver and sender. See ecn.h. */
#include "tcp/ecn.h"

#define DIVACE 8

/* RFC 9768 3.2.2.5.1: so many marked packets make an ACK leave at once. */
#define CE_WITH_DATA    2
#define CE_WITHOUT_DATA 3

/* RFC 9768 3.2.2.3: if all packets of so many first round trips are marked, it is no congestion. */
#define ALL_CE_ROUNDS 4
#define ROUNDS_OVER   255

/* ---- receiver ------------------------------------------------------------------------------- */

/* RFC 8257 3.2. Data whose marking differs from DCTCP.CE: what came before them and was not
 * acknowledged yet is acknowledged by an ACK of its own in the old state, so that the sender counts
 * right. One such ACK can wait at a time; one with ECE is worth more than one without. */
static enum ecn_ack dctcp_arrived(struct tcp_ecn *e, const struct ecn_arrival *a, bool ce)
{
    bool was = (e->flags & ECN_F_ECHO) != 0;

    if (ce == was) {
        return ECN_ACK_NO;
    }
    e->flags ^= ECN_F_ECHO;
    bool waiting =
        (e->flags & (ECN_F_BEFORE | ECN_F_BEFORE_CE)) == (ECN_F_BEFORE | ECN_F_BEFORE_CE);
    if (!a->unacked || waiting) {
        return waiting ? ECN_ACK_TWICE : ECN_ACK_NOW;
    }
    e->before_ack = a->rcv_nxt;
    e->flags =
        (uint16_t)((e->flags & ~ECN_F_BEFORE_CE) | ECN_F_BEFORE | (was ? ECN_F_BEFORE_CE : 0));
    return ECN_ACK_TWICE;
}

/* RFC 3168 6.1.3. CWR goes first: a segment that carries it may be marked itself. Who sent CWR may
 * have a window of one segment, and who just met congestion should learn of it: an ACK at once. */
static enum ecn_ack classic_arrived(struct tcp_ecn *e, const struct ecn_arrival *a)
{
    bool ce = a->field == ECN_CE;
    enum ecn_ack ack = ECN_ACK_NO;

    if (a->len == 0) {
        return ECN_ACK_NO; /* RFC 3168 6.1.3, 6.1.4: CE data packets, CWR on data */
    }
    if (e->flags & ECN_F_DCTCP) {
        return dctcp_arrived(e, a, ce);
    }
    if ((a->flags & LA_TH_CWR) && (e->flags & ECN_F_ECHO)) {
        e->flags &= (uint16_t)~ECN_F_ECHO;
        ack = ECN_ACK_NOW;
    }
    if (ce && !(e->flags & ECN_F_ECHO)) {
        e->flags |= ECN_F_ECHO;
        ack = ECN_ACK_NOW;
    }
    return ack;
}

static void count_bytes(struct tcp_ecn *e, uint8_t field, uint32_t len)
{
    if (field != ECN_NOT_ECT && len != 0) {
        e->r_bytes[field - 1] += len;
        e->counters |= (uint8_t)(ECN_BIT(field) | ECN_BIT(field) << 4);
    }
}

/* RFC 9768 3.2, 3.2.2.5.1. Merged segments count as one event, which one ACK may end. */
static enum ecn_ack accurate_arrived(struct tcp_ecn *e, const struct ecn_arrival *a)
{
    bool was_ce = (e->flags & ECN_F_LAST_CE) != 0;

    count_bytes(e, a->field, a->len);
    if (a->field != ECN_CE) {
        e->flags &= (uint16_t)~ECN_F_LAST_CE;
        return ECN_ACK_NO;
    }
    e->flags |= ECN_F_LAST_CE;
    uint32_t waiting = e->ce_unacked + a->segs;
    e->ce_unacked = (uint8_t)(waiting < UINT8_MAX ? waiting : UINT8_MAX);
    if (a->len != 0 && !was_ce) {
        return ECN_ACK_NOW; /* change-triggered */
    }
    unsigned n = a->unacked || a->len != 0 ? CE_WITH_DATA : CE_WITHOUT_DATA;
    return e->ce_unacked >= n ? ECN_ACK_NOW : ECN_ACK_NO; /* increment-triggered */
}

enum ecn_ack ecn_arrived(struct tcp_ecn *e, const struct ecn_arrival *a)
{
    if (e->mode == ECN_NONE) {
        return ECN_ACK_NO;
    }
    if (a->field == ECN_CE) {
        e->r_cep += a->segs;
    }
    return e->mode == ECN_CLASSIC ? classic_arrived(e, a) : accurate_arrived(e, a);
}

uint16_t ecn_flags(const struct tcp_ecn *e, bool pure, bool fresh)
{
    switch (e->mode) {
    case ECN_CLASSIC:
        return (uint16_t)(((e->flags & ECN_F_ECHO) ? LA_TH_ECE : 0) |
                          (fresh && (e->flags & ECN_F_CWR) ? LA_TH_CWR : 0));
    case ECN_ACCURATE:
        if (pure && (e->flags & ECN_F_HANDSHAKE)) {
            return ecn_ace_flags(ecn_encode(e->syn_field)); /* RFC 9768 3.2.2.1 */
        }
        return ecn_ace_flags(e->r_cep);
    default:
        return 0;
    }
}

uint16_t ecn_before_flags(const struct tcp_ecn *e)
{
    return (e->flags & ECN_F_BEFORE_CE) ? LA_TH_ECE : 0;
}

/* Bytes of an option with `n` fields, brought to a multiple of 4. */
static uint32_t option_bytes(uint8_t n)
{
    return (2U + 3U * n + 3U) & ~3U;
}

/* The shortest option that holds these counters. The CE counter stands in the middle of both. */
static struct ecn_option shortest(uint8_t set)
{
    bool e0 = set & ECN_BIT(ECN_ECT0);
    bool e1 = set & ECN_BIT(ECN_ECT1);
    bool ce = set & ECN_BIT(ECN_CE);
    uint8_t n = e0 && e1 ? 3 : ce ? 2 : 1;

    return (struct ecn_option){.order = e1 && !e0 ? WIRE_TCP_ECN1 : WIRE_TCP_ECN0, .n = n};
}

struct ecn_option ecn_option_choose(uint8_t ever, uint8_t changed, uint32_t room)
{
    /* "it SHOULD include a field for every byte counter that has changed at some time"; when there
     * is no room, those that changed; when there is none for these either, nothing. */
    struct ecn_option o = shortest(ever | changed);
    if (option_bytes(o.n) > room) {
        o = shortest(changed);
    }
    if (option_bytes(o.n) > room && (ever | changed) == 0) {
        o.n = 0; /* a test, for which the empty option will do */
    }
    return option_bytes(o.n) <= room ? o : (struct ecn_option){0, 0};
}

static struct ecn_option choose(const struct tcp_ecn *e, bool data, uint32_t room)
{
    bool test = (e->flags & ECN_F_TEST) || (data && (e->flags & ECN_F_TEST_DATA));
    if (e->mode != ECN_ACCURATE || ((e->counters & 7) == 0 && !test)) {
        return (struct ecn_option){0, 0};
    }
    return ecn_option_choose(e->counters >> 4, e->counters & 7, room);
}

uint32_t ecn_option_bytes(const struct tcp_ecn *e, bool data, uint32_t room)
{
    struct ecn_option o = choose(e, data, room);
    return o.order ? option_bytes(o.n) : 0;
}

void ecn_option_fill(const struct tcp_ecn *e, bool data, uint32_t room, struct wire_tcp *h)
{
    struct ecn_option o = choose(e, data, room);
    uint8_t first = o.order == WIRE_TCP_ECN1 ? ECN_ECT1 : ECN_ECT0;
    uint8_t last = o.order == WIRE_TCP_ECN1 ? ECN_ECT0 : ECN_ECT1;

    if (!o.order) {
        return;
    }
    h->options |= o.order;
    h->ecn_n = o.n;
    h->ecn[0] = e->r_bytes[first - 1] & WIRE_ECN_MASK;
    h->ecn[1] = e->r_bytes[ECN_CE - 1] & WIRE_ECN_MASK;
    h->ecn[2] = e->r_bytes[last - 1] & WIRE_ECN_MASK;
}

void ecn_sent(struct tcp_ecn *e, const struct wire_tcp *h, bool data, bool pure)
{
    e->ce_unacked = 0;
    if (e->mode == ECN_CLASSIC) {
        if (h->flags & LA_TH_CWR) {
            e->flags &= (uint16_t)~ECN_F_CWR;
        }
        return;
    }
    if (pure) {
        e->flags &= (uint16_t)~ECN_F_HANDSHAKE;
    }
    if (h->options & (WIRE_TCP_ECN0 | WIRE_TCP_ECN1)) {
        e->counters &= 0x70; /* all that changed stood in it */
        e->flags &= (uint16_t) ~(ECN_F_TEST | (data ? ECN_F_TEST_DATA : 0));
    }
}

/* ---- sender --------------------------------------------------------------------------------- */

enum ecn_field ecn_codepoint(const struct tcp_ecn *e, uint32_t len, bool fresh)
{
    bool may = e->mode != ECN_NONE && !(e->flags & ECN_F_NO_ECT);
    return may && len != 0 && fresh ? ECN_ECT0 : ECN_NOT_ECT;
}

/* How many pieces of `each` make `bytes`, the last one perhaps not whole. */
static uint32_t rounded_up(uint32_t bytes, uint32_t each)
{
    return each ? bytes / each + (bytes % each != 0) : 0;
}

uint32_t ecn_safest(uint32_t least, uint32_t acked, uint32_t mss, int32_t ce_bytes)
{
    uint32_t packets = rounded_up(acked, mss);

    if (packets <= least) {
        return least;
    }
    uint32_t safer = packets - (packets - least) % DIVACE; /* RFC 9768 A.2.1 */
    if (safer == least || ce_bytes < 0) {
        return safer;
    }
    /* A.2.2, a little closer: the fewest that can have carried these bytes. */
    uint32_t carried = rounded_up((uint32_t)ce_bytes, mss);
    uint32_t cycles = carried > least ? rounded_up(carried - least, DIVACE) : 0;
    uint32_t fewest = least + cycles * DIVACE;
    return fewest < safer ? fewest : safer;
}

static struct ecn_news classic_feedback(struct tcp_ecn *e, const struct ecn_echo *a)
{
    if ((e->flags & ECN_F_WINDOW) && seq_ge(a->snd_una, e->cwr_end)) {
        e->flags &= (uint16_t)~ECN_F_WINDOW;
    }
    bool ece = (a->h->flags & LA_TH_ECE) != 0;
    e->s_cep += ece;
    e->s_ceb += ece ? a->acked : 0;
    return (struct ecn_news){.ce_bytes = ece ? a->acked : 0, /* RFC 8257 3.3, step 3 */
                             .ce_packets = ece && a->acked != 0,
                             .congested = ece};
}

/* The increment of the CE byte counter that an option tells; -1: it tells none; -2: the ACK is
 * older than one that was seen. */
static int32_t option_increment(struct tcp_ecn *e, const struct ecn_echo *a)
{
    const struct wire_tcp *h = a->h;

    if (!(h->options & (WIRE_TCP_ECN0 | WIRE_TCP_ECN1)) || (e->flags & ECN_F_ZEROED)) {
        return -1;
    }
    if (h->ecn_n < 2) {
        return e->s_ceb == 0 ? 0 : -1; /* fields that never changed are left out */
    }
    /* A.1: the difference in 24 bits. More than half of them is a step back. */
    uint32_t delta = (h->ecn[1] - e->s_ceb) & WIRE_ECN_MASK;
    if (delta <= WIRE_ECN_MASK / 2) {
        e->s_ceb += delta;
        e->flags &= (uint16_t)~ECN_F_GUESSED;
        return (int32_t)delta;
    }
    if (e->flags & ECN_F_GUESSED) { /* the estimate was too high */
        e->s_ceb -= WIRE_ECN_MASK + 1 - delta;
        e->flags &= (uint16_t)~ECN_F_GUESSED;
        return 0;
    }
    if (!a->newer) {
        return -2;
    }
    e->flags |= ECN_F_GUESSED; /* makes no sense: the next option is believed */
    return -1;
}

/* Packets an ACK acknowledges: a moving average. Who acknowledges many at a time, whatever the
 * reason, would seem to have lost ACKs always (A.2.1). */
static bool acks_are_rare(struct tcp_ecn *e, uint32_t acked, uint32_t mss)
{
    uint32_t packets = rounded_up(acked, mss);
    packets = packets < 31 ? packets : 31;
    bool rare = e->acked_avg >= 4 * 8;
    if (acked != 0) {
        e->acked_avg = (uint8_t)(e->acked_avg - e->acked_avg / 8 + packets);
    }
    return rare;
}

/* RFC 9768 3.2.2.3: continuous feedback of CE from the beginning on is no congestion. */
static void test_continuous(struct tcp_ecn *e, const struct ecn_echo *a, uint32_t ce_packets)
{
    if (e->ce_rounds == ROUNDS_OVER || a->acked == 0) {
        return;
    }
    if (ce_packets < rounded_up(a->acked, a->mss)) {
        e->ce_rounds = ROUNDS_OVER;
        return;
    }
    e->ce_rounds = (uint8_t)(e->ce_rounds + (a->round != e->round));
    e->round = a->round;
    if (e->ce_rounds >= ALL_CE_ROUNDS) {
        e->flags |= ECN_F_NO_ECT | ECN_F_DEAF;
        e->ce_rounds = ROUNDS_OVER;
    }
}

/* RFC 9768 3.2.3.2.5: marked bytes without a marked packet, and no wrap can explain it: one or two
 * segments were acknowledged, and eight marked ones would have been tiny. */
static void test_consistency(struct tcp_ecn *e, const struct ecn_echo *a, int32_t ce_bytes,
                             uint32_t least)
{
    if (least == 0 && ce_bytes > 0 && a->acked / 2 <= a->mss && (uint32_t)ce_bytes >= a->mss / 2 &&
        (uint32_t)ce_bytes <= a->acked) {
        e->flags |= ECN_F_NO_ECT;
    }
}

static struct ecn_news accurate_feedback(struct tcp_ecn *e, const struct ecn_echo *a)
{
    struct ecn_news news = {0};
    uint32_t ace = ecn_ace(a->h->flags);

    if (a->acked == 0 && !a->newer) {
        return news; /* A.1: superseded, or nothing is new */
    }
    if (!(e->flags & ECN_F_HEARD)) {
        e->flags |= ECN_F_HEARD;
        if (ace == 0) { /* RFC 9768 3.2.2.4 */
            e->flags |= ECN_F_NO_ECT | ECN_F_DEAF;
        }
    }
    bool guessed = (e->flags & ECN_F_GUESSED) != 0;
    int32_t ce_bytes = option_increment(e, a);
    if (ce_bytes == -2) {
        return news;
    }
    uint32_t least = (ace - e->s_cep) & (DIVACE - 1);
    bool rare = acks_are_rare(e, a->acked, a->mss);
    news.ce_packets = ce_bytes < 0 && rare ? least : ecn_safest(least, a->acked, a->mss, ce_bytes);
    e->s_cep += news.ce_packets;
    if (!guessed) {
        test_consistency(e, a, ce_bytes, least);
    }
    test_continuous(e, a, news.ce_packets);
    if (ce_bytes >= 0) {
        news.ce_bytes = (uint32_t)ce_bytes;
    } else if (news.ce_packets != 0) { /* A.3 */
        uint64_t guess = (uint64_t)news.ce_packets * a->mss;
        news.ce_bytes = guess < a->acked ? (uint32_t)guess : a->acked;
        e->s_ceb += news.ce_bytes;
        e->flags |= ECN_F_GUESSED;
    }
    news.congested = news.ce_packets != 0 || news.ce_bytes != 0;
    return (e->flags & ECN_F_DEAF) ? (struct ecn_news){0} : news;
}

struct ecn_news ecn_feedback(struct tcp_ecn *e, const struct ecn_echo *a)
{
    switch (e->mode) {
    case ECN_CLASSIC:
        return classic_feedback(e, a);
    case ECN_ACCURATE:
        return accurate_feedback(e, a);
    default:
        return (struct ecn_news){0};
    }
}

bool ecn_first_of_window(struct tcp_ecn *e, seq32 snd_max)
{
    if (e->mode != ECN_CLASSIC) {
        return true; /* its counters tell how much there was */
    }
    if (e->flags & ECN_F_WINDOW) {
        return false;
    }
    e->cwr_end = snd_max;
    e->flags |= ECN_F_WINDOW | ECN_F_CWR;
    return true;
}
