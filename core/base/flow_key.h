/* The 4-tuple of a connection: what its segments are told apart by (RFC 9293 3.3.1). */
#ifndef BASE_FLOW_KEY_H
#define BASE_FLOW_KEY_H

#include <stdint.h>

#include <lastack/addr.h>

/* Link-local addresses carry their scope inside (base/scope.h): a key needs no field for it. */
struct flow_key {
    struct la_addr laddr;
    struct la_addr raddr;
    uint16_t lport; /* host order */
    uint16_t rport;
};
_Static_assert(sizeof(struct flow_key) == 36, "36 bytes in every record");

#endif
