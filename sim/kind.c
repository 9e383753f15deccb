/* Kinds of packets: see kind.h. */
#include "sim/kind.h"

#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "wire/ip.h"
#include "wire/tcp.h"

static const struct kind_row {
    const char *name;
    uint16_t kind;
} rows[] = {
    {"ANY", SIM_KIND_ANY}, {"SYN", SIM_KIND_SYN},   {"SYN-ACK", SIM_KIND_SYN_ACK},
    {"ACK", SIM_KIND_ACK}, {"DATA", SIM_KIND_DATA}, {"FIN", SIM_KIND_FIN},
    {"RST", SIM_KIND_RST}, {"UDP", SIM_KIND_UDP},   {"ICMP", SIM_KIND_ICMP},
};

unsigned sim_kind_find(const char *name)
{
    for (size_t i = 0; i < LA_ARRAY_LEN(rows); i++)
        if (strcmp(rows[i].name, name) == 0)
            return rows[i].kind;
    return 0;
}

const char *sim_kind_name(unsigned kind)
{
    for (size_t i = 0; i < LA_ARRAY_LEN(rows); i++)
        if (rows[i].kind == kind)
            return rows[i].name;
    return "?";
}

const char *sim_kind_names(void)
{
    return "ANY, SYN, SYN-ACK, ACK, DATA, FIN, RST, UDP, ICMP";
}

/* Where the transport header begins, and its protocol; 0: nowhere. Packets of a simulation carry
 * neither IPv4 options nor extension headers, but for fragments. */
static size_t transport_at(const uint8_t *ip, size_t len, uint8_t *protocol)
{
    size_t head = len > 0 && ip[0] >> 4 == 4 ? 20 : 40;
    if (len < head)
        return 0;
    *protocol = head == 20 ? ip[9] : ip[6];
    return head;
}

static unsigned kinds_of_tcp(const struct wire_tcp *h, size_t payload)
{
    unsigned kinds = 0;
    if (h->flags & LA_TH_SYN)
        kinds |= h->flags & LA_TH_ACK ? SIM_KIND_SYN_ACK : SIM_KIND_SYN;
    if (h->flags & LA_TH_FIN)
        kinds |= SIM_KIND_FIN;
    if (h->flags & LA_TH_RST)
        kinds |= SIM_KIND_RST;
    if (payload > 0)
        kinds |= SIM_KIND_DATA;
    return kinds == 0 && (h->flags & LA_TH_ACK) ? SIM_KIND_ACK : kinds;
}

unsigned sim_kinds(const uint8_t *ip, size_t len)
{
    struct wire_tcp h;
    uint8_t protocol = 0;
    size_t at = transport_at(ip, len, &protocol);
    if (at == 0)
        return SIM_KIND_ANY;
    if (protocol == WIRE_PROTO_UDP)
        return SIM_KIND_ANY | SIM_KIND_UDP;
    if (protocol == WIRE_PROTO_ICMP || protocol == WIRE_PROTO_ICMPV6)
        return SIM_KIND_ANY | SIM_KIND_ICMP;
    if (protocol != WIRE_PROTO_TCP || !wire_tcp_parse(ip + at, len - at, &h))
        return SIM_KIND_ANY;
    return SIM_KIND_ANY | kinds_of_tcp(&h, len - at - h.hdr_len);
}

bool sim_ports(const uint8_t *ip, size_t len, struct sim_ports *ports)
{
    size_t at = transport_at(ip, len, &ports->protocol);
    if (at == 0 || len < at + 4 ||
        (ports->protocol != WIRE_PROTO_TCP && ports->protocol != WIRE_PROTO_UDP))
        return false;
    ports->from = load_be16(ip + at);
    ports->to = load_be16(ip + at + 2);
    return true;
}
