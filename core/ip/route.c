/* Links, addresses, routes: see route.h. */
#include "ip/route.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "base/scope.h"
#include "wire/eth.h"
#include "wire/nd.h"

static bool link_exists(const struct ip_routes *r, int link)
{
    return link >= 1 && link <= r->link_count;
}

/* An IPv4 prefix counts from the mapped address's beginning inside. */
static bool prefix_inside(const struct la_addr *addr, uint8_t prefix, uint8_t *inside)
{
    bool v4 = la_addr_is_v4(addr);
    if (prefix > (v4 ? 32 : 128)) {
        return false;
    }
    *inside = (uint8_t)(prefix + (v4 ? 96 : 0));
    return true;
}

/* Clears the bits behind the prefix. */
static struct la_addr net_of(const struct la_addr *addr, uint8_t prefix)
{
    struct la_addr net = *addr;
    for (uint32_t bit = prefix; bit < 128; bit++) {
        net.b[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
    }
    return net;
}

static int add_link_local(struct ip_routes *r, int link)
{
    const uint8_t *mac = r->links[link].mac;
    /* RFC 2464 4: the universal/local bit turned, ff:fe in the middle */
    struct la_addr a = {{0xfe, 0x80, 0, 0, 0, 0, 0, 0, (uint8_t)(mac[0] ^ 0x02), mac[1], mac[2],
                         0xff, 0xfe, mac[3], mac[4], mac[5]}};
    return ip_routes_addr_add(r, link, &a, 64);
}

int ip_routes_link_add(struct ip_routes *r, const struct la_link_info *info)
{
    bool ethernet = info->type == LA_LINK_ETHERNET;
    if (info->type > LA_LINK_ETHERNET || info->mtu < IP_MTU_MIN_V4 || info->mtu > 65535 ||
        info->gso_max > 65535 ||
        (ethernet && (wire_mac_is_group(info->mac) || wire_mac_is_zero(info->mac)))) {
        return LA_EINVAL;
    }
    if (r->link_count == LA_LINKS_MAX) {
        return LA_ENOBUFS;
    }
    int link = r->link_count + 1;
    r->links[link] = *info;
    r->link_count = (uint8_t)link;
    if (ethernet && info->mtu >= IP_MTU_MIN_V6) {
        int err = add_link_local(r, link);
        if (err) {
            r->link_count--;
            return err;
        }
    }
    return link;
}

int ip_routes_set_mtu(struct ip_routes *r, int link, uint32_t mtu)
{
    if (!link_exists(r, link)) {
        return LA_ENODEV;
    }
    if (mtu < IP_MTU_MIN_V4 || mtu > 65535) {
        return LA_EINVAL;
    }
    r->links[link].mtu = mtu;
    return 0;
}

static void set_v4(struct ip_local *l)
{
    if (!la_addr_is_v4(&l->addr)) {
        return;
    }
    l->v4 = load_be32(l->addr.b + 12);
    if (l->prefix < 127) { /* a /31 has no broadcast address (RFC 3021 2.1) */
        uint32_t host = UINT32_MAX >> ((l->prefix - 96U) & 31);
        l->subnet = l->v4 & ~host;
        l->broadcast = l->v4 | host;
    }
}

int ip_routes_addr_add(struct ip_routes *r, int link, const struct la_addr *addr, uint8_t prefix)
{
    struct ip_local l = {.addr = *addr, .link = (uint8_t)link};
    if (!link_exists(r, link)) {
        return LA_ENODEV;
    }
    bool v4 = la_addr_is_v4(addr);
    if (!prefix_inside(addr, prefix, &l.prefix) || la_addr_is_unspecified(addr) ||
        la_addr_is_multicast(addr) || la_addr_is_loopback(addr) ||
        (!v4 && r->links[link].mtu < IP_MTU_MIN_V6)) {
        return LA_EINVAL;
    }
    addr_scope_enter(&l.addr, (uint16_t)link);
    if (ip_routes_local(r, &l.addr)) {
        return LA_EEXIST;
    }
    if (r->addr_count == IP_ADDRS_MAX) {
        return LA_ENOBUFS;
    }
    int err = ip_routes_route_add(r, link, &l.addr, prefix, NULL);
    if (err) {
        return err;
    }
    set_v4(&l);
    r->addrs[r->addr_count++] = l;
    return 0;
}

int ip_routes_route_add(struct ip_routes *r, int link, const struct la_addr *net, uint8_t prefix,
                        const struct la_addr *gateway)
{
    struct ip_route route = {.net = *net, .link = (uint8_t)link};
    if (!link_exists(r, link)) {
        return LA_ENODEV;
    }
    if (!prefix_inside(net, prefix, &route.prefix)) {
        return LA_EINVAL;
    }
    addr_scope_enter(&route.net, (uint16_t)link);
    route.net = net_of(&route.net, route.prefix);
    if (gateway) {
        if (la_addr_is_v4(gateway) != la_addr_is_v4(net) || la_addr_is_unspecified(gateway) ||
            la_addr_is_multicast(gateway)) {
            return LA_EINVAL;
        }
        route.gateway = *gateway;
        addr_scope_enter(&route.gateway, (uint16_t)link);
    }
    for (uint32_t i = 0; i < r->route_count; i++) {
        struct ip_route *old = &r->routes[i];
        if (old->prefix == route.prefix &&
            mem_equal(old->net.b, route.net.b, sizeof(route.net.b))) {
            *old = route;
            return 0;
        }
    }
    if (r->route_count == IP_ROUTES_MAX) {
        return LA_ENOBUFS;
    }
    r->routes[r->route_count++] = route;
    return 0;
}

const struct ip_local *ip_routes_local(const struct ip_routes *r, const struct la_addr *addr)
{
    for (uint32_t i = 0; i < r->addr_count; i++) {
        if (mem_equal(r->addrs[i].addr.b, addr->b, sizeof(addr->b))) {
            return &r->addrs[i];
        }
    }
    return NULL;
}

/* RFC 1122 3.2.1.3: limited and directed broadcast. */
bool ip_routes_broadcast(const struct ip_routes *r, const struct la_addr *addr)
{
    if (!la_addr_is_v4(addr)) {
        return false;
    }
    uint32_t v4 = load_be32(addr->b + 12);
    for (uint32_t i = 0; i < r->addr_count; i++) {
        const struct ip_local *l = &r->addrs[i];
        if (l->broadcast && (v4 == l->broadcast || v4 == l->subnet)) {
            return true;
        }
    }
    return v4 == UINT32_MAX;
}

/* Groups we are in: all nodes, and the solicited-node group of each address (RFC 4291 2.8); over
 * IPv4 all hosts (RFC 1112 4). */
static bool in_group(const struct ip_routes *r, uint8_t link, const struct la_addr *group)
{
    if (la_addr_is_v4(group)) {
        return load_be32(group->b + 12) == 0xe0000001;
    }
    struct la_addr all = wire_nd_all_nodes();
    if (mem_equal(group->b, all.b, sizeof(all.b))) {
        return true;
    }
    for (uint32_t i = 0; i < r->addr_count; i++) {
        const struct ip_local *l = &r->addrs[i];
        struct la_addr solicited = wire_nd_solicited_node(&l->addr);
        if (l->link == link && l->v4 == 0 && mem_equal(group->b, solicited.b, sizeof(group->b))) {
            return true;
        }
    }
    return false;
}

enum ip_target ip_routes_target(const struct ip_routes *r, uint8_t link, const struct la_addr *addr)
{
    if (ip_routes_local(r, addr)) {
        return IP_TARGET_OURS;
    }
    if (ip_routes_broadcast(r, addr)) {
        return IP_TARGET_BROADCAST;
    }
    if (la_addr_is_multicast(addr) && in_group(r, link, addr)) {
        return IP_TARGET_MULTICAST;
    }
    return IP_TARGET_NONE;
}
