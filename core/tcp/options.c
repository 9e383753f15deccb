/* Options of a connection: their defaults, and their packed form in the control block. */
#include "tcp/tcp.h"

#include "base/mem.h"

void la_tcp_options_init(struct la_tcp_options *o)
{
    mem_zero(o, sizeof(*o));
    o->keepidle_s = 7200; /* RFC 9293 MUST-28 */
    o->keepintvl_s = 75;
    o->keepcnt = 9;
    o->delack_ms = TCP_DELACK_MS; /* MUST-40 */
    o->rto_min_ms = TCP_RTO_MIN_MS;
    o->linger_s = -1;
    o->fin_wait_2_s = 60;
    o->syn_retries = 7; /* 1+2+4+8+16+32+60+60 s: MUST-23 */
    o->r2_retries = 15; /* SHLD-11 */
    o->ttl = 64;
    o->urgent_inline = true;
    o->window_scale = true;
    o->timestamps = true;
    o->sack = true;
    o->soft_errors = true;
    o->mtu_probing = true;
    o->ecn = LA_ECN_PASSIVE;
    o->backlog = 128;
    o->half_open_max = 256;
    o->cookies = 255;
}

static uint16_t bit(bool on, uint16_t mask)
{
    return on ? mask : 0;
}

static uint16_t least16(uint32_t v)
{
    return (uint16_t)(v > UINT16_MAX ? UINT16_MAX : v);
}

const char *la_cc_name(unsigned n)
{
    return cc_nth(n) ? cc_nth(n)->name : NULL;
}

int la_cc_find(const char *name)
{
    int n = cc_number(name);
    return n < 0 ? LA_EINVAL : n;
}

bool tcp_options_ok(const struct la_tcp_options *o)
{
    return cc_nth(o->cc) != NULL;
}

/* A window is never larger than the buffer, so a bound of the one bounds the other. */
static uint32_t clamped(const struct la_tcp_options *o, uint32_t rcvbuf)
{
    return o->window_clamp != 0 && rcvbuf > o->window_clamp ? o->window_clamp : rcvbuf;
}

void tcp_options_pack(struct tcp_options *to, const struct la_tcp_options *o)
{
    uint32_t most = TCP_WINDOW_MAX; /* RFC 7323 2.3 */
    *to = (struct tcp_options){
        .sndbuf = o->sndbuf_bytes < most ? o->sndbuf_bytes : most,
        .rcvbuf = clamped(o, o->rcvbuf_bytes < most ? o->rcvbuf_bytes : most),
        .user_timeout_ms = o->user_timeout_ms,
        .keepidle_s = least16(o->keepidle_s),
        .keepintvl_s = least16(o->keepintvl_s),
        .linger_s = (int16_t)(o->linger_s < INT16_MAX ? o->linger_s : INT16_MAX),
        .fin_wait_2_s = least16(o->fin_wait_2_s),
        .delack_ms = o->delack_ms < 500 ? (uint16_t)o->delack_ms : 499, /* MUST-40 */
        .rto_min_ms = least16(o->rto_min_ms),
        .mss_max = o->mss_max,
        .keepcnt = o->keepcnt ? o->keepcnt : 1, /* MUST-29: never dead without a probe */
        .syn_retries = o->syn_retries,
        .r2_retries = o->r2_retries,
        .ttl = o->ttl,
        .tos = o->tos,
        .cc = o->cc,
    };
    to->bits = (uint16_t)(bit(o->nodelay, TCP_OPT_NODELAY) | bit(o->cork, TCP_OPT_CORK) |
                          bit(o->keepalive, TCP_OPT_KEEPALIVE) |
                          bit(o->keepalive_garbage, TCP_OPT_GARBAGE) |
                          bit(o->window_scale, TCP_OPT_WSCALE) | bit(o->timestamps, TCP_OPT_TS) |
                          bit(o->sack, TCP_OPT_SACK) | bit(o->soft_errors, TCP_OPT_SOFT_ERRORS) |
                          bit(o->pacing, TCP_OPT_PACING) | bit(o->mtu_probing, TCP_OPT_MTU_PROBE) |
                          bit(o->may_fragment, TCP_OPT_MAY_CUT) |
                          bit(o->sndbuf_bytes == 0, TCP_OPT_SND_AUTO) |
                          bit(o->rcvbuf_bytes == 0, TCP_OPT_RCV_AUTO) |
                          (o->ecn <= LA_ECN_ACCURATE ? o->ecn : LA_ECN_PASSIVE) << TCP_OPT_ECN);
}

void tcp_options_unpack(struct la_tcp_options *to, const struct tcp_options *o)
{
    la_tcp_options_init(to);
    to->sndbuf_bytes = (o->bits & TCP_OPT_SND_AUTO) ? 0 : o->sndbuf;
    to->rcvbuf_bytes = (o->bits & TCP_OPT_RCV_AUTO) ? 0 : o->rcvbuf;
    to->user_timeout_ms = o->user_timeout_ms;
    to->keepidle_s = o->keepidle_s;
    to->keepintvl_s = o->keepintvl_s;
    to->linger_s = o->linger_s;
    to->fin_wait_2_s = o->fin_wait_2_s;
    to->delack_ms = o->delack_ms;
    to->rto_min_ms = o->rto_min_ms;
    to->mss_max = o->mss_max;
    to->keepcnt = o->keepcnt;
    to->syn_retries = o->syn_retries;
    to->r2_retries = o->r2_retries;
    to->ttl = o->ttl;
    to->tos = o->tos;
    to->ecn = (uint8_t)(o->bits >> TCP_OPT_ECN);
    to->nodelay = (o->bits & TCP_OPT_NODELAY) != 0;
    to->cork = (o->bits & TCP_OPT_CORK) != 0;
    to->keepalive = (o->bits & TCP_OPT_KEEPALIVE) != 0;
    to->keepalive_garbage = (o->bits & TCP_OPT_GARBAGE) != 0;
    to->window_scale = (o->bits & TCP_OPT_WSCALE) != 0;
    to->timestamps = (o->bits & TCP_OPT_TS) != 0;
    to->sack = (o->bits & TCP_OPT_SACK) != 0;
    to->soft_errors = (o->bits & TCP_OPT_SOFT_ERRORS) != 0;
    to->mtu_probing = (o->bits & TCP_OPT_MTU_PROBE) != 0;
    to->pacing = (o->bits & TCP_OPT_PACING) != 0;
    to->may_fragment = (o->bits & TCP_OPT_MAY_CUT) != 0;
    to->cc = o->cc;
}
