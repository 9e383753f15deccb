/* SipHash: a keyed PRF over short inputs. 2-4 where secrecy counts (ISN, cookies, ports), 1-3 for
 * hash tables that a peer must not be able to fill one bucket of. */
#ifndef BASE_SIPHASH_H
#define BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

struct sip_key {
    uint64_t k0, k1;
};

uint64_t siphash24(const struct sip_key *key, const void *data, size_t len);
uint64_t siphash13(const struct sip_key *key, const void *data, size_t len);

#endif
