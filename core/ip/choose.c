/* Which way a packet goes: link, next hop and source address (RFC 1122 3.3.1, RFC 6724 5).
 *
 * Of RFC 6724's rules these remain for a host with few addresses: 2 (scope), 5 (the link it leaves
 * by) and 8 (longest matching prefix); the order of configuration decides the rest. */
#include <lastack/err.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "base/scope.h"
#include "ip/route.h"

static uint32_t common_bits(const struct la_addr *a, const struct la_addr *b)
{
    for (uint32_t i = 0; i < sizeof(a->b); i += 4) {
        uint32_t differ = load_be32(a->b + i) ^ load_be32(b->b + i);
        if (differ) {
            return 8 * i + (uint32_t)__builtin_clz(differ);
        }
    }
    return 128;
}

static const struct ip_route *longest(const struct ip_routes *r, const struct la_addr *dst,
                                      uint16_t scope)
{
    const struct ip_route *best = NULL;
    bool v4 = la_addr_is_v4(dst);
    for (uint32_t i = 0; i < r->route_count; i++) {
        const struct ip_route *route = &r->routes[i];
        if ((scope == 0 || route->link == scope) && la_addr_is_v4(&route->net) == v4 &&
            common_bits(&route->net, dst) >= route->prefix &&
            (!best || route->prefix > best->prefix)) {
            best = route;
        }
    }
    return best;
}

/* The link for a group or the limited broadcast, which no route names: the one asked for, that of
 * the source, or the first with an address of the family. */
static uint8_t group_link(const struct ip_routes *r, const struct la_addr *dst, uint16_t scope,
                          const struct ip_local *want)
{
    if (scope) {
        return scope <= r->link_count ? (uint8_t)scope : 0;
    }
    if (want) {
        return want->link;
    }
    for (uint32_t i = 0; i < r->addr_count; i++) {
        if (la_addr_is_v4(&r->addrs[i].addr) == la_addr_is_v4(dst)) {
            return r->addrs[i].link;
        }
    }
    return 0;
}

/* How well an address of ours fits as the source for `dst` on `link`; 0: not at all. */
static uint32_t fitness(const struct ip_local *l, const struct la_addr *dst, uint8_t link)
{
    bool near = addr_scoped(dst) || (!la_addr_is_v4(dst) && la_addr_is_multicast(dst));
    if (la_addr_is_v4(&l->addr) != la_addr_is_v4(dst)) {
        return 0;
    }
    if (addr_scoped(&l->addr) && l->link != link) {
        return 0;
    }
    uint32_t scope = addr_scoped(&l->addr) == near ? 2 : 1; /* rule 2 */
    uint32_t same = l->link == link ? 1 : 0;                /* rule 5 */
    return scope << 9 | same << 8 | common_bits(&l->addr, dst);
}

static const struct ip_local *choose_source(const struct ip_routes *r, const struct la_addr *dst,
                                            uint8_t link)
{
    const struct ip_local *best = NULL;
    uint32_t best_fitness = 0;
    for (uint32_t i = 0; i < r->addr_count; i++) {
        uint32_t f = fitness(&r->addrs[i], dst, link);
        if (f > best_fitness) {
            best = &r->addrs[i];
            best_fitness = f;
        }
    }
    return best;
}

/* Link, next hop and cast; false: no way. */
static bool choose_hop(const struct ip_routes *r, const struct la_addr *dst, uint16_t scope,
                       const struct ip_local *want, struct ip_path *out)
{
    bool limited = la_addr_is_v4(dst) && mem_equal(dst->b + 12, "\xff\xff\xff\xff", 4);
    out->next_hop = *dst;
    if (limited || la_addr_is_multicast(dst)) {
        out->cast = limited ? IP_BROADCAST : IP_MULTICAST;
        out->link = group_link(r, dst, scope, want);
        return out->link != 0;
    }
    const struct ip_route *route = longest(r, dst, scope);
    if (!route) {
        return false;
    }
    out->link = route->link;
    if (!la_addr_is_unspecified(&route->gateway)) {
        out->next_hop = route->gateway;
    } else if (ip_routes_broadcast(r, dst)) {
        out->cast = IP_BROADCAST;
    }
    return true;
}

int ip_routes_find(const struct ip_routes *r, const struct la_addr *dst, uint16_t scope,
                   const struct la_addr *want, struct ip_path *out)
{
    const struct ip_local *src = NULL;
    *out = (struct ip_path){.cast = IP_UNICAST};
    if (want && !la_addr_is_unspecified(want)) {
        src = ip_routes_local(r, want);
        if (!src || la_addr_is_v4(want) != la_addr_is_v4(dst)) {
            return LA_EADDRNOTAVAIL;
        }
    }
    if (addr_scoped(dst)) { /* a link-local destination says its link itself (RFC 4007 6) */
        scope = addr_scope_of(dst);
        if (scope == 0) {
            return LA_ENETUNREACH;
        }
    }
    if (la_addr_is_unspecified(dst) || la_addr_is_loopback(dst) || ip_routes_local(r, dst) ||
        !choose_hop(r, dst, scope, src, out)) {
        return LA_ENETUNREACH;
    }
    if (!src) {
        src = choose_source(r, dst, out->link);
    }
    if (!src || (addr_scoped(&src->addr) && src->link != out->link)) {
        return LA_EADDRNOTAVAIL;
    }
    out->src = src->addr;
    out->mtu = r->links[out->link].mtu;
    return 0;
}
