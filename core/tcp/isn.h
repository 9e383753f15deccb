/* Numbers an outsider must not guess: the initial sequence number (RFC 6528, RFC 9293 3.4.1) and
 * the offset of the timestamp clock (RFC 7323 7.1). */
#ifndef TCP_ISN_H
#define TCP_ISN_H

#include <stdint.h>

#include "base/flow_key.h"
#include "base/seq.h"
#include "base/siphash.h"

/* ISN = M + F(4-tuple, secret): M ticks every 4 us (MUST-8), F is SipHash-2-4 (MUST-9, SHLD-1). */
seq32 tcp_isn(const struct sip_key *secret, const struct flow_key *key, uint64_t now_ns);

/* The same for all connections of a pair of addresses, so that TSval grows over incarnations and
 * TIME-WAIT can be left early (RFC 6191, RFC 7323 7.1). */
uint32_t tcp_ts_offset(const struct sip_key *secret, const struct flow_key *key);

#endif
