/* The table behind neigh.h, for this folder alone: entries, their lists and the changes of state
 * that both wire fronts share. */
#ifndef NEIGH_TABLE_H
#define NEIGH_TABLE_H

#include "neigh/neigh.h"

/* The entry of an address, aged to `now_ns`, or NULL. *hint is looked at first and set. */
struct neigh_entry *neigh_find(struct neigh *n, uint8_t link, const struct la_addr *addr,
                               uint16_t *hint, uint64_t now_ns);

/* A new entry in NEIGH_STALE with no link-layer address, or NULL: the table has not been made. */
struct neigh_entry *neigh_make(struct neigh *n, uint8_t link, const struct la_addr *addr);

/* What a message says about an entry's link-layer address. */
struct neigh_news {
    const uint8_t *mac; /* NULL: nothing */
    bool solicited;     /* it answers what we asked */
    bool override;      /* it may replace what is known */
};

/* RFC 4861 7.2.5, for advertisements and ARP alike. */
void neigh_learn(struct neigh *n, struct neigh_entry *e, const struct neigh_news *news,
                 uint64_t now_ns);

/* Writes what asks for (or probes) an entry. */
void neigh_arp_solicit(const struct neigh *n, const struct neigh_entry *e,
                       struct neigh_frame *frame);
void neigh_nd_solicit(const struct neigh *n, const struct neigh_entry *e,
                      struct neigh_frame *frame);

#endif
