/* Kinds of packets, as scenarios name them: "lose client FIN 1". */
#ifndef SIM_KIND_H
#define SIM_KIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sim_kind {
    SIM_KIND_ANY = 0x01,
    SIM_KIND_SYN = 0x02,     /* without ACK */
    SIM_KIND_SYN_ACK = 0x04, /* both */
    SIM_KIND_ACK = 0x08,     /* nothing but an ACK */
    SIM_KIND_DATA = 0x10,    /* TCP with payload */
    SIM_KIND_FIN = 0x20,
    SIM_KIND_RST = 0x40,
    SIM_KIND_UDP = 0x80,
    SIM_KIND_ICMP = 0x100,
};

/* All kinds that a packet is of; `ip` from the IP header on. */
unsigned sim_kinds(const uint8_t *ip, size_t len);

/* "SYN", "SYN-ACK", ...: 0: there is none of this name. */
unsigned sim_kind_find(const char *name);
/* The names, separated by ", ". */
const char *sim_kind_names(void);
const char *sim_kind_name(unsigned kind);

/* Ports and addresses of a packet; false: it has none. */
struct sim_ports {
    uint16_t from, to;
    uint8_t protocol;
};
bool sim_ports(const uint8_t *ip, size_t len, struct sim_ports *ports);

#endif
