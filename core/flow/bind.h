/* Who has which local endpoint: listeners, bound sockets and UDP endpoints of one protocol, and
 * the rules of conflict between them.
 *
 * A hash of ports, each with the list of those who have it. The conflict table (tested row by
 * row): two endpoints with the same port conflict when their addresses can receive the same
 * segment: equal addresses; a wildcard of the same family and anything of it; `::` that is
 * not v6-only and any IPv4 address. SO_REUSEADDR lets connections in TIME-WAIT, and two bound
 * sockets of which none listens, share a port; never two listeners.
 *
 * Invariants: no two entries of a table conflict (an owner that starts to listen asks bind_taken()
 * before); the fields of an entry but `listening` stay as they are while it is in the table. */
#ifndef FLOW_BIND_H
#define FLOW_BIND_H

#include <stdbool.h>
#include <stdint.h>

#include <lastack/addr.h>

#include "base/list.h"

#define BIND_BUCKETS 256

struct bind_entry {
    struct list link;
    struct la_addr addr; /* as in flow_key: scope inside; unspecified: wildcard */
    uint16_t port;
    uint32_t owner; /* index of the endpoint, for who finds the entry */
    bool v6_only;   /* `::` takes no IPv4 */
    bool listening; /* a listener or a UDP endpoint, not just bound */
    bool reuse;     /* SO_REUSEADDR */
};

struct bind_table {
    struct list buckets[BIND_BUCKETS];
};

void bind_table_init(struct bind_table *t);

/* Pure: may the two stand side by side? */
bool bind_conflict(const struct bind_entry *a, const struct bind_entry *b);

/* Enters `e` or returns LA_EADDRINUSE. */
int bind_add(struct bind_table *t, struct bind_entry *e);

/* `e` was entered before; removing twice does no harm. */
void bind_remove(struct bind_entry *e);

/* Would `e` conflict with anybody but itself? */
bool bind_taken(const struct bind_table *t, const struct bind_entry *e);

/* The most specific listener for a segment to addr:port: exact address before the family's wildcard
 * before the dual-stack one. NULL: nobody. */
struct bind_entry *bind_find(const struct bind_table *t, const struct la_addr *addr, uint16_t port);

/* Is the port bound or listened on by anybody? Outgoing connections leave it alone. */
bool bind_port_used(const struct bind_table *t, uint16_t port);

#endif
