/* Reading and writing Neighbour Solicitations and Advertisements. */
#include "wire/nd.h"

#include "base/bytes.h"
#include "base/mem.h"

/* Option types (RFC 4861 4.6); lengths count in units of 8 bytes. */
#define OPTION_SOURCE_MAC 1
#define OPTION_TARGET_MAC 2
#define UNIT              8

/* Flags of an advertisement (RFC 4861 4.4). */
#define FLAG_ROUTER    0x80
#define FLAG_SOLICITED 0x40
#define FLAG_OVERRIDE  0x20

static const struct la_addr solicited_node = {
    {0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 0}};
static const struct la_addr all_nodes = {{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};

static uint8_t mac_option(const struct wire_nd *h)
{
    return h->type == WIRE_ND_NEIGHBOUR_SOLICIT ? OPTION_SOURCE_MAC : OPTION_TARGET_MAC;
}

/* False: an option of length 0 or beyond the message, or an address nobody can have. */
static bool read_options(const uint8_t *p, size_t len, struct wire_nd *h)
{
    for (size_t at = WIRE_ND_LEN; at < len;) {
        if (len - at < UNIT || p[at + 1] == 0 || p[at + 1] * (size_t)UNIT > len - at) {
            return false; /* RFC 4861 7.1.1: all included options have a length over zero */
        }
        if (p[at] == mac_option(h) && p[at + 1] == 1) {
            h->has_mac = true; /* RFC 2464 6: on Ethernet the option is one unit long */
            mem_copy(h->mac, p + at + 2, WIRE_MAC_LEN);
            if (wire_mac_is_group(h->mac) || wire_mac_is_zero(h->mac)) {
                return false;
            }
        }
        at += p[at + 1] * (size_t)UNIT;
    }
    return true;
}

/* RFC 4861 7.1.1: what a solicitation from the unspecified address (duplicate address detection)
 * may look like. */
static bool solicit_valid(const struct wire_nd *h, const struct wire_ipv6 *ip)
{
    if (!la_addr_is_unspecified(&ip->src)) {
        return true;
    }
    return !h->has_mac && la_addr_in_prefix(&ip->dst, &solicited_node, 104);
}

/* RFC 4861 7.1.2: nobody solicits on behalf of a group. */
static bool advert_valid(const struct wire_nd *h, const struct wire_ipv6 *ip)
{
    return !(h->solicited && la_addr_is_multicast(&ip->dst));
}

bool wire_nd_parse(const uint8_t *p, size_t len, const struct wire_ipv6 *ip, struct wire_nd *h)
{
    /* A hop limit of 255 proves that no router was on the way. */
    if (len < WIRE_ND_LEN || ip->hop_limit != WIRE_ND_HOP_LIMIT || p[1] != 0) {
        return false;
    }
    mem_zero(h, sizeof(*h));
    h->type = p[0];
    h->target = wire_load_v6(p + 8);
    /* A mapped target would be taken for an IPv4 neighbour. */
    if (la_addr_is_multicast(&h->target) || la_addr_is_v4(&h->target)) {
        return false;
    }
    switch (h->type) {
    case WIRE_ND_NEIGHBOUR_SOLICIT:
        return read_options(p, len, h) && solicit_valid(h, ip);
    case WIRE_ND_NEIGHBOUR_ADVERT:
        h->router = p[4] & FLAG_ROUTER;
        h->solicited = p[4] & FLAG_SOLICITED;
        h->override = p[4] & FLAG_OVERRIDE;
        return read_options(p, len, h) && advert_valid(h, ip);
    default:
        return false;
    }
}

size_t wire_nd_emit(uint8_t *p, const struct wire_nd *h)
{
    mem_zero(p, wire_nd_size(h));
    p[0] = h->type;
    if (h->type == WIRE_ND_NEIGHBOUR_ADVERT) {
        p[4] = (uint8_t)((h->router ? FLAG_ROUTER : 0) | (h->solicited ? FLAG_SOLICITED : 0) |
                         (h->override ? FLAG_OVERRIDE : 0));
    }
    wire_store_v6(p + 8, &h->target);
    if (h->has_mac) {
        p[WIRE_ND_LEN] = mac_option(h);
        p[WIRE_ND_LEN + 1] = 1;
        mem_copy(p + WIRE_ND_LEN + 2, h->mac, WIRE_MAC_LEN);
    }
    return wire_nd_size(h);
}

struct la_addr wire_nd_solicited_node(const struct la_addr *addr)
{
    struct la_addr group = solicited_node;
    mem_copy(group.b + 13, addr->b + 13, 3);
    return group;
}

struct la_addr wire_nd_all_nodes(void)
{
    return all_nodes;
}
