/* The instance: making it, its addresses, routes to destinations, and time. */
#include "ip/ip.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "ip/icmp.h"

/* ICMP errors in a second and at once: enough for traceroute and a scan of closed ports, too few
 * to be of use against somebody else. Our choice; RFC 4443 2.4 f asks for one. */
#define ERRORS_RATE  200
#define ERRORS_BURST 50

void ip_init(struct ip *ip, struct memory *memory, struct buf_pool *pool, struct prng *prng,
             struct trace *trace, const struct wire_sum_kernel *kernel, uint64_t now_ns)
{
    mem_zero(ip, sizeof(*ip));
    ip->memory = memory;
    ip->pool = pool;
    ip->prng = prng;
    ip->trace = trace;
    ip->kernel = kernel;
    neigh_init(&ip->neigh, memory, prng);
    ip_reass_init(&ip->reass, pool);
    ip_limit_init(&ip->errors, ERRORS_RATE, ERRORS_BURST, now_ns);
    ip->id_key.k0 = prng_u64(prng);
    ip->id_key.k1 = prng_u64(prng);
    for (size_t i = 0; i < IP_IDS; i++) {
        ip->ids[i] = prng_u32(prng);
    }
}

void ip_destroy(struct ip *ip)
{
    for (size_t i = 0; i <= LA_LINKS_MAX; i++) {
        buf_put_list(ip->pool, ip->queue[i].head);
        buf_put_list(ip->pool, ip->waiting[i].head);
        ip->queue[i] = (struct buf_queue){0};
        ip->waiting[i] = (struct buf_queue){0};
    }
    ip_reass_destroy(&ip->reass);
    neigh_destroy(&ip->neigh);
}

/* ---- links, addresses, routes --------------------------------------------------------------- */

int ip_link_add(struct ip *ip, const struct la_link_info *info)
{
    /* the neighbours first: a link that exists has all it needs */
    uint8_t next = (uint8_t)(ip->routes.link_count + 1);
    if (info->type == LA_LINK_ETHERNET && next <= LA_LINKS_MAX) {
        int err = neigh_link_add(&ip->neigh, next, info->mac);
        if (err) {
            return err;
        }
    }
    int link = ip_routes_link_add(&ip->routes, info);
    if (link < 0 && next <= LA_LINKS_MAX) {
        neigh_link_forget(&ip->neigh, next);
    }
    return link;
}

int ip_link_set_mtu(struct ip *ip, int link, uint32_t mtu)
{
    return ip_routes_set_mtu(&ip->routes, link, mtu);
}

int ip_addr_add(struct ip *ip, int link, const struct la_addr *addr, uint8_t prefix)
{
    return ip_routes_addr_add(&ip->routes, link, addr, prefix);
}

int ip_route_add(struct ip *ip, int link, const struct la_addr *net, uint8_t prefix,
                 const struct la_addr *gateway)
{
    return ip_routes_route_add(&ip->routes, link, net, prefix, gateway);
}

bool ip_is_local(const struct ip *ip, const struct la_addr *addr)
{
    return la_addr_is_unspecified(addr) || ip_routes_local(&ip->routes, addr);
}

bool ip_is_unicast(const struct ip *ip, const struct la_addr *addr)
{
    /* all of 0/8 and 240/4 are no hosts either (RFC 1122 3.2.1.3) */
    bool reserved = la_addr_is_v4(addr) && (addr->b[12] == 0 || addr->b[12] >= 240);
    return !reserved && !la_addr_is_unspecified(addr) && !la_addr_is_loopback(addr) &&
           !la_addr_is_multicast(addr) && !ip_routes_broadcast(&ip->routes, addr);
}

/* ---- out ------------------------------------------------------------------------------------ */

int ip_route(struct ip *ip, const struct la_addr *dst, uint16_t scope, const struct la_addr *want,
             uint64_t now_ns, struct ip_path *out)
{
    int err = ip_routes_find(&ip->routes, dst, scope, want, out);
    if (!err) {
        out->mtu = ip_pmtu_get(&ip->pmtu, dst, out->mtu, now_ns);
    }
    return err;
}

int ip_resolve(struct ip *ip, struct ip_path *path, struct ip_template *t, uint64_t now_ns)
{
    uint8_t mac[WIRE_MAC_LEN];
    if (t->ip_at == 0 || path->cast != IP_UNICAST) {
        return 0; /* no link-layer addresses, or a group's, which the template has */
    }
    int err = neigh_resolve(&ip->neigh, path->link, &path->next_hop, &path->src, &path->neigh,
                            now_ns, mac);
    if (!err) {
        ip_template_set_mac(t, mac);
    }
    return err;
}

uint32_t ip_path_mtu(const struct ip *ip, const struct la_addr *dst, uint8_t link, uint64_t now_ns)
{
    return ip_pmtu_get(&ip->pmtu, dst, ip_link(ip, link)->mtu, now_ns);
}

uint32_t ip_pmtu_found(struct ip *ip, const struct la_addr *dst, uint8_t link, uint32_t mtu,
                       uint64_t now_ns)
{
    return ip_pmtu_confirm(&ip->pmtu, dst, mtu, ip_link(ip, link)->mtu, now_ns);
}

uint32_t ip_pmtu_learn(struct ip *ip, const struct la_addr *dst, uint8_t link, uint32_t mtu,
                       uint64_t now_ns)
{
    return ip_pmtu_set(&ip->pmtu, dst, mtu, ip_link(ip, link)->mtu, now_ns);
}

uint32_t ip_next_id(struct ip *ip, const struct la_addr *src, const struct la_addr *dst)
{
    uint8_t key[2 * sizeof(src->b)];
    mem_copy(key, src->b, sizeof(src->b));
    mem_copy(key + sizeof(src->b), dst->b, sizeof(dst->b));
    uint64_t hash = siphash24(&ip->id_key, key, sizeof(key));
    uint32_t *counter = &ip->ids[hash % IP_IDS];
    /* the step hides how many packets went to others that share the counter (RFC 7739 5.1) */
    *counter += 1 + prng_below(ip->prng, 4);
    return *counter + (uint32_t)(hash >> 32);
}

/* ---- time ----------------------------------------------------------------------------------- */

/* Reads the first fragment of a datagram whose time is over as a packet to be quoted. */
static bool describe_first(const struct ip_whole *first, struct ip_packet *p)
{
    uint8_t *header = first->buf->data;
    uint32_t len = first->buf->len;
    *p = (struct ip_packet){.header = header, .link = first->link, .to_unicast = first->to_unicast};
    if (wire_ip_version(header, len) == 4) {
        struct wire_ipv4 h;
        if (wire_ipv4_parse_quoted(header, len, &h) != WIRE_IP_OK) {
            return false;
        }
        p->src = h.src;
        p->dst = h.dst;
        p->proto = h.proto;
        p->header_len = h.hdr_len;
    } else {
        struct wire_ipv6 h;
        struct wire_ipv6_ext ext;
        if (wire_ipv6_parse(header, len, &h) != WIRE_IP_OK ||
            wire_ipv6_walk(header, len, &h, &ext) != WIRE_IPV6_WHOLE) {
            return false;
        }
        p->src = h.src;
        p->dst = h.dst;
        p->proto = ext.proto;
        p->header_len = ext.transport_at;
        addr_scope_enter(&p->src, first->link);
        addr_scope_enter(&p->dst, first->link);
    }
    p->data = header + p->header_len;
    p->len = len - p->header_len;
    return true;
}

/* RFC 1122 3.3.2, RFC 8200 4.5: time exceeded, when the first fragment is there to be quoted. */
static void report_first(struct ip *ip, const struct ip_whole *first, uint64_t now_ns)
{
    struct ip_packet p;
    if (!describe_first(first, &p)) {
        return;
    }
    struct ip_problem problem = {.icmp =
                                     wire_icmp_make(!ip_packet_is_v4(&p), WIRE_ICMP_TIME_EXCEEDED,
                                                    WIRE_ICMP_TIME_REASSEMBLY, 0),
                                 .reason = LA_ICMP_REASSEMBLY_TIME};
    ip_icmp_error(ip, &p, &problem, now_ns);
}

void ip_timeout(struct ip *ip, uint64_t now_ns)
{
    struct ip_whole first;
    neigh_timeout(&ip->neigh, now_ns);
    if (now_ns < ip_reass_next(&ip->reass)) {
        return;
    }
    while (ip_reass_expire(&ip->reass, now_ns, &first)) {
        if (ip->trace) {
            struct la_trace_record record = {.time_ns = now_ns,
                                             .reason = LA_DROP_FRAGMENT_TIME,
                                             .what_state = LA_TRACE_PACK(LA_TRACE_EVENT, 0)};
            trace_put(ip->trace, NULL, &record);
        }
        if (first.buf) {
            report_first(ip, &first, now_ns);
            buf_put(ip->pool, first.buf);
        }
    }
}

uint64_t ip_next_deadline(const struct ip *ip)
{
    uint64_t neigh_ns = neigh_next_deadline(&ip->neigh);
    uint64_t reass_ns = ip_reass_next(&ip->reass);
    return neigh_ns < reass_ns ? neigh_ns : reass_ns;
}
