/* Round-trip time and the retransmission timeout: see rtt.h. */
#include "tcp/rtt.h"

#define CLOCK_US 1000 /* G: TSval counts milliseconds, the wheel is finer */

struct tcp_rtt tcp_rtt_sample(struct tcp_rtt r, uint32_t sample_us)
{
    uint32_t most = UINT32_MAX / 16; /* 268 s: a longer sample says nothing more */
    uint32_t sample = sample_us > most ? most : sample_us;
    if (sample == 0) {
        sample = 1;
    }
    if (r.srtt_us8 == 0) {
        /* RFC 6298 2.2: SRTT = R, RTTVAR = R / 2. */
        return (struct tcp_rtt){.srtt_us8 = sample * 8, .rttvar_us4 = sample * 2};
    }
    /* RFC 6298 2.3: RTTVAR = 3/4 RTTVAR + 1/4 |SRTT - R|; SRTT = 7/8 SRTT + 1/8 R. */
    uint32_t srtt = r.srtt_us8 / 8;
    uint32_t off = srtt > sample ? srtt - sample : sample - srtt;
    r.rttvar_us4 = r.rttvar_us4 - r.rttvar_us4 / 4 + off;
    r.srtt_us8 = r.srtt_us8 - srtt + sample;
    return r;
}

uint32_t tcp_rto_ms(struct tcp_rtt r, uint32_t var_min_ms, uint32_t min_ms, uint32_t max_ms)
{
    /* RFC 6298 2.3: RTO = SRTT + max(G, 4 RTTVAR). */
    uint64_t least_us = var_min_ms != 0 ? (uint64_t)var_min_ms * 1000 : CLOCK_US;
    uint64_t var_us = r.rttvar_us4 > least_us ? r.rttvar_us4 : least_us;
    uint64_t ms = (r.srtt_us8 / 8 + var_us + 999) / 1000;
    if (ms < min_ms) {
        ms = min_ms; /* 2.4 */
    }
    return ms > max_ms ? max_ms : (uint32_t)ms; /* 2.5 */
}

uint32_t tcp_rto_backed_off(uint32_t rto_ms, uint32_t backoff, uint32_t max_ms)
{
    uint64_t ms = (uint64_t)rto_ms << (backoff < 16 ? backoff : 16);
    return ms > max_ms ? max_ms : (uint32_t)ms;
}
