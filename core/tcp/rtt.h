/* Round-trip time and the retransmission timeout (RFC 6298). Integers in, integers out. */
#ifndef TCP_RTT_H
#define TCP_RTT_H

#include <stdint.h>

struct tcp_rtt {
    uint32_t srtt_us8;   /* SRTT in eighths of a microsecond; 0: no sample yet */
    uint32_t rttvar_us4; /* RTTVAR in quarters of a microsecond */
};

/* Takes a sample in (2.2, 2.3). */
struct tcp_rtt tcp_rtt_sample(struct tcp_rtt r, uint32_t sample_us);

/* The timeout that follows from it in milliseconds, between min_ms and max_ms (2.2 to 2.5), and at
 * least var_min_ms above SRTT; 0: the clock's granularity. */
uint32_t tcp_rto_ms(struct tcp_rtt r, uint32_t var_min_ms, uint32_t min_ms, uint32_t max_ms);

/* Doubled `backoff` times, at most max_ms (5.5). */
uint32_t tcp_rto_backed_off(uint32_t rto_ms, uint32_t backoff, uint32_t max_ms);

#endif
