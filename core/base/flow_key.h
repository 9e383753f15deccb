/* The 4-tuple of a connection: what its segments are told apart by (RFC 9293 3.3.1). */
#ifndef BASE_FLOW_KEY_H
#define BASE_FLOW_KEY_H

#include <stdint.h>

#include <lastack/addr.h>

/* Link-local addresses carry their scope (the link) in bytes 2 and 3, which are zero on the wire
 * (RFC 4291 2.5.6): so a key needs no field of its own for it. */
struct flow_key {
    struct la_addr laddr;
    struct la_addr raddr;
    uint16_t lport; /* host order */
    uint16_t rport;
};
/* The address as it stands on the wire: without the scope. */
static inline struct la_addr addr_on_wire(const struct la_addr *a)
{
    struct la_addr wire = *a;
    if (a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80) {
        wire.b[2] = wire.b[3] = 0;
    }
    return wire;
}

_Static_assert(sizeof(struct flow_key) == 36, "36 bytes in every record");

#endif
