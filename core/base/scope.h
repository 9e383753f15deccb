/* The scope of link-local IPv6 addresses.
 *
 * Inside the stack such an address carries the identifier of its link in bytes 2 and 3, which are
 * zero on the wire (RFC 4291 2.5.6), so that the same address on two links is two addresses and no
 * table needs a field of its own for it. Groups do not carry it. */
#ifndef BASE_SCOPE_H
#define BASE_SCOPE_H

#include <stdbool.h>
#include <stdint.h>

#include <lastack/addr.h>

#include "base/bytes.h"

/* Does the address carry a scope: fe80::/10? */
static inline bool addr_scoped(const struct la_addr *a)
{
    return a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

/* From the wire, or from the application with its la_endpoint.scope, into the stack. */
static inline void addr_scope_enter(struct la_addr *a, uint16_t link)
{
    if (addr_scoped(a)) {
        store_be16(a->b + 2, link);
    }
}

/* Takes the scope out again; returns it, 0 for an address without one. */
static inline uint16_t addr_scope_leave(struct la_addr *a)
{
    if (!addr_scoped(a)) {
        return 0;
    }
    uint16_t link = load_be16(a->b + 2);
    store_be16(a->b + 2, 0);
    return link;
}

/* The link of a scoped address, 0 for others. */
static inline uint16_t addr_scope_of(const struct la_addr *a)
{
    return addr_scoped(a) ? load_be16(a->b + 2) : 0;
}

/* The address as it stands on the wire: without the scope. */
static inline struct la_addr addr_on_wire(const struct la_addr *a)
{
    struct la_addr wire = *a;
    (void)addr_scope_leave(&wire);
    return wire;
}

#endif
