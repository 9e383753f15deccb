/* SYN cookies (RFC 4987 3.6): see listen.h. */
#include "tcp/listen.h"

#include "base/mem.h"

/* Common values of the MSS; the largest that is not above the peer's is kept. */
static const uint16_t mss_values[8] = {64, 536, 1220, 1380, 1400, 1440, 1460, 8940};

#define SCALE_NONE  15U
#define SACK_BIT    16U
#define PRESENT_BIT 32U /* timestamps were agreed */
#define CLASSIC_BIT 64U /* classic ECN was agreed */

uint32_t tcp_cookie_bits(const struct tcp_handshake *s)
{
    if (!(s->flags & TCP_F_TS)) {
        return 0;
    }
    uint32_t scale = (s->flags & TCP_F_WSCALE) ? s->snd_wscale : SCALE_NONE;
    return PRESENT_BIT | scale | ((s->flags & TCP_F_SACK) ? SACK_BIT : 0) |
           (s->ecn.mode == ECN_CLASSIC ? CLASSIC_BIT : 0);
}

static uint32_t mss_index(uint16_t mss)
{
    uint32_t i = 0;
    while (i + 1 < LA_ARRAY_LEN(mss_values) && mss_values[i + 1] <= mss) {
        i++;
    }
    return i;
}

static uint32_t hash(const struct sip_key *secret, const struct flow_key *key, seq32 irs,
                     uint32_t period, uint32_t mss, uint32_t bits)
{
    struct {
        struct flow_key key;
        uint32_t irs;
        uint32_t period;
        uint32_t rest;
    } in = {.key = *key, .irs = irs.v, .period = period, .rest = mss << 8 | bits};
    return (uint32_t)siphash24(secret, &in, sizeof(in)) & 0xffffffU;
}

seq32 tcp_cookie_make(const struct sip_key *secret, const struct flow_key *key, seq32 irs,
                      uint64_t now_s, uint16_t mss, uint32_t bits)
{
    uint32_t period = (uint32_t)(now_s / TCP_COOKIE_PERIOD_S);
    uint32_t index = mss_index(mss ? mss : 536);
    return seq_of((period & 31) << 27 | index << 24 | hash(secret, key, irs, period, index, bits));
}

bool tcp_cookie_check(const struct sip_key *secret, const struct tcp_segment *seg,
                      const struct flow_key *key, uint64_t now_s, struct tcp_handshake *s)
{
    uint32_t cookie = seq_sub(seg->ack, 1).v;
    seq32 irs = seq_sub(seg->seq, 1);
    uint32_t now = (uint32_t)(now_s / TCP_COOKIE_PERIOD_S);
    uint32_t age = (now - (cookie >> 27)) & 31;
    uint32_t index = cookie >> 24 & 7;
    uint32_t bits = (seg->h.options & WIRE_TCP_TS) ? seg->h.tsecr & TCP_COOKIE_BITS : 0;

    if (age > 1 || hash(secret, key, irs, now - age, index, bits) != (cookie & 0xffffffU)) {
        return false;
    }
    *s = (struct tcp_handshake){.iss = seq_of(cookie), .irs = irs, .peer_mss = mss_values[index]};
    if (bits & PRESENT_BIT) {
        s->flags |= TCP_F_TS;
        s->ts_recent = seg->h.tsval;
        s->flags |= (bits & SACK_BIT) ? TCP_F_SACK : 0;
        s->ecn.mode = (bits & CLASSIC_BIT) ? ECN_CLASSIC : ECN_NONE;
        if ((bits & 15) != SCALE_NONE) {
            s->flags |= TCP_F_WSCALE;
            s->snd_wscale = (uint8_t)(bits & 15);
        }
    }
    return true;
}
