/* Initial sequence numbers and timestamp offsets: see isn.h. */
#include "tcp/isn.h"

seq32 tcp_isn(const struct sip_key *secret, const struct flow_key *key, uint64_t now_ns)
{
    uint32_t m = (uint32_t)(now_ns / 4000);                            /* RFC 9293 3.4.1, MUST-8 */
    return seq_of(m + (uint32_t)siphash24(secret, key, sizeof(*key))); /* MUST-9, SHLD-1 */
}

uint32_t tcp_ts_offset(const struct sip_key *secret, const struct flow_key *key)
{
    return (uint32_t)siphash24(secret, key, 2 * sizeof(struct la_addr));
}
