/* ICMP in: echo, errors about our packets, Neighbour Discovery.
 *
 * Echo requests to groups and broadcasts are not answered: RFC 1122 3.2.2.6 lets us, and for IPv6
 * it deviates from the SHOULD of RFC 4443 4.2, because one packet would bring an answer from every
 * host. Echo replies, timestamps, redirects, router advertisements and group reports ask for
 * nothing here. */
#include "ip/icmp.h"

#include "base/mem.h"
#include "wire/ip.h"
#include "wire/nd.h"

#define ECHO_TTL 64

static enum ip_verdict done(struct la_frame *frame, enum la_reason reason)
{
    frame->reason = (uint16_t)reason;
    return IP_DONE;
}

/* ---- echo ----------------------------------------------------------------------------------- */

static enum la_reason echo_reply(struct ip *ip, const struct ip_packet *p,
                                 const struct wire_icmp *request, uint64_t now_ns)
{
    struct ip_path path;
    if (!p->to_unicast || ip_route(ip, &p->src, 0, &p->dst, now_ns, &path) < 0) {
        return LA_DROP_ICMP;
    }
    struct la_buf *buf = buf_get(ip->pool, IP_OUT_ROOM + p->len);
    if (!buf) {
        return LA_DROP_NO_MEMORY;
    }
    buf->data = buf->mem + IP_OUT_ROOM;
    buf->len = p->len;
    struct ip_out_info info = {.path = &path,
                               .dst = &p->src,
                               .proto = p->proto,
                               .tos = p->tos & 0xfc, /* the same class, no ECN bits */
                               .ttl = ECHO_TTL,
                               .reason = LA_ICMP_ECHO_REPLY};
    ip_out_init(ip, buf, &info);
    struct wire_icmp reply = wire_icmp_make(request->v6, WIRE_ICMP_ECHO_REPLY, 0, request->word);
    wire_icmp_emit(buf->data, &reply);
    uint32_t sum = request->v6 ? ip_template_pseudo(&ip_out_of(buf)->template, p->len) : 0;
    sum = wire_sum(buf->data, WIRE_ICMP_HEADER, sum);
    sum = ip->kernel->copy_sum(buf->data + WIRE_ICMP_HEADER, p->data + WIRE_ICMP_HEADER,
                               p->len - WIRE_ICMP_HEADER, sum);
    wire_checksum_store(buf->data + WIRE_ICMP_CHECKSUM_OFFSET, (uint16_t)~wire_fold(sum));
    return ip_out_push(ip, buf) ? LA_TAKE_ICMP_ECHO : LA_DROP_ICMP_RATE;
}

/* ---- errors --------------------------------------------------------------------------------- */

/* RFC 1122 3.2.2.1, RFC 1812 5.2.7.1. */
static uint8_t unreachable_v4(uint8_t code)
{
    switch (code) {
    case WIRE_ICMP4_PROTOCOL:
        return IP_ERR_PROTOCOL;
    case WIRE_ICMP4_PORT:
        return IP_ERR_PORT;
    case WIRE_ICMP4_HOST:
    case WIRE_ICMP4_HOST_UNKNOWN:
    case WIRE_ICMP4_HOST_ISOLATED:
    case WIRE_ICMP4_HOST_TOS:
        return IP_ERR_HOST_UNREACHABLE;
    case WIRE_ICMP4_NET_PROHIBITED:
    case WIRE_ICMP4_HOST_PROHIBITED:
    case WIRE_ICMP4_ADMIN_PROHIBITED:
    case WIRE_ICMP4_PRECEDENCE:
    case WIRE_ICMP4_PRECEDENCE_CUT_OFF:
        return IP_ERR_PROHIBITED;
    default:
        return IP_ERR_NET_UNREACHABLE;
    }
}

/* RFC 4443 3.1. */
static uint8_t unreachable_v6(uint8_t code)
{
    switch (code) {
    case WIRE_ICMP6_PORT:
        return IP_ERR_PORT;
    case WIRE_ICMP6_ADDRESS:
        return IP_ERR_HOST_UNREACHABLE;
    case WIRE_ICMP6_ADMIN_PROHIBITED:
    case WIRE_ICMP6_SOURCE_POLICY:
    case WIRE_ICMP6_REJECT_ROUTE:
        return IP_ERR_PROHIBITED;
    default:
        return IP_ERR_NET_UNREACHABLE;
    }
}

static uint8_t error_kind(const struct wire_icmp *icmp)
{
    switch (icmp->kind) {
    case WIRE_ICMP_UNREACHABLE:
        return icmp->v6 ? unreachable_v6(icmp->code) : unreachable_v4(icmp->code);
    case WIRE_ICMP_TOO_BIG:
        return IP_ERR_MTU;
    case WIRE_ICMP_TIME_EXCEEDED:
        return IP_ERR_TIME_EXCEEDED;
    default: /* RFC 4443 3.4: code 1 is IPv6's protocol unreachable */
        return icmp->v6 && icmp->code == WIRE_IPV6_PROBLEM_NEXT ? IP_ERR_PROTOCOL
                                                                : IP_ERR_PARAMETER;
    }
}

/* Reads whose packet an error is about. What cannot be tied to a connection is not believed: eight
 * bytes of the transport must be quoted (RFC 792), and the quoted source must be us. */
static enum ip_verdict error_input(struct ip *ip, struct la_frame *frame, struct ip_packet *p,
                                   const struct wire_icmp *icmp)
{
    struct wire_icmp_quote q;
    if (!p->to_unicast) {
        return done(frame, LA_DROP_ICMP);
    }
    if (!wire_icmp_quote(p->data + WIRE_ICMP_HEADER, p->len - WIRE_ICMP_HEADER, icmp->v6, &q)) {
        return done(frame, LA_DROP_ICMP_MALFORMED);
    }
    addr_scope_enter(&q.src, p->link);
    addr_scope_enter(&q.dst, p->link);
    if (!ip_routes_local(&ip->routes, &q.src)) {
        return done(frame, LA_DROP_ICMP_STALE);
    }
    if (q.proto != WIRE_PROTO_TCP && q.proto != WIRE_PROTO_UDP) {
        return done(frame, LA_DROP_ICMP);
    }
    if (!q.has_ports || (q.proto == WIRE_PROTO_TCP && !q.has_seq)) {
        return done(frame, LA_DROP_ICMP_MALFORMED);
    }
    p->error = (struct ip_error){.kind = error_kind(icmp),
                                 .proto = q.proto,
                                 .lport = q.src_port,
                                 .rport = q.dst_port,
                                 .seq = q.seq,
                                 .laddr = q.src,
                                 .raddr = q.dst};
    if (p->error.kind == IP_ERR_MTU) {
        p->error.mtu = ip_pmtu_reported(icmp->v6, wire_icmp_mtu(icmp), q.packet);
        if (p->error.mtu == 0) {
            return done(frame, LA_DROP_ICMP_MALFORMED);
        }
    }
    return IP_ICMP_ERROR;
}

/* ---- Neighbour Discovery -------------------------------------------------------------------- */

void ip_answer_neighbour(struct ip *ip, uint8_t link, const struct neigh_frame *answer)
{
    struct la_buf *buf = answer->len ? buf_get(ip->pool, IP_OUT_ROOM + answer->len) : NULL;
    if (!buf) {
        return; /* nothing to say, or no memory: who asked asks again */
    }
    buf->data = buf->mem + IP_OUT_ROOM;
    buf->len = answer->len;
    mem_copy(buf->data, answer->bytes, answer->len);
    *ip_out_of(buf) = (struct ip_out){.path.link = link, .reason = answer->reason, .raw = true};
    ip_out_push(ip, buf);
}

static enum la_reason nd_input(struct ip *ip, const struct ip_packet *p, uint64_t now_ns)
{
    struct wire_ipv6 h;
    struct wire_nd nd;
    struct neigh_frame answer;
    if (p->reassembled || /* RFC 6980 5 */
        wire_ipv6_parse(p->header, p->header_len + p->len, &h) != WIRE_IP_OK ||
        !wire_nd_parse(p->data, p->len, &h, &nd)) {
        return LA_DROP_NEIGHBOUR;
    }
    h.src = p->src;
    h.dst = p->dst;
    addr_scope_enter(&nd.target, p->link);
    const struct ip_local *local = ip_routes_local(&ip->routes, &nd.target);
    bool ours = local && local->link == p->link;
    enum la_reason reason = neigh_nd_input(&ip->neigh, p->link, &h, &nd, ours, now_ns, &answer);
    ip_answer_neighbour(ip, p->link, &answer);
    return reason;
}

/* ---- dispatch ------------------------------------------------------------------------------- */

static bool checksum_ok(const struct ip *ip, const struct ip_packet *p, bool v6)
{
    uint32_t sum = ip->kernel->sum(p->data, p->len, v6 ? p->pseudo : 0);
    return p->csum != LA_CSUM_FULL || wire_fold(sum) == 0xffff;
}

enum ip_verdict ip_icmp_input(struct ip *ip, struct la_frame *frame, struct ip_packet *packet,
                              uint64_t now_ns)
{
    struct wire_icmp icmp;
    bool v6 = !ip_packet_is_v4(packet);
    if (!wire_icmp_parse(packet->data, packet->len, v6, &icmp)) {
        return done(frame, LA_DROP_ICMP_MALFORMED);
    }
    if (!checksum_ok(ip, packet, v6)) {
        return done(frame, LA_DROP_ICMP_CHECKSUM);
    }
    if (v6 && (icmp.type == WIRE_ND_NEIGHBOUR_SOLICIT || icmp.type == WIRE_ND_NEIGHBOUR_ADVERT)) {
        return done(frame, nd_input(ip, packet, now_ns));
    }
    if (la_addr_is_unspecified(&packet->src)) {
        return done(frame, LA_DROP_IP_SOURCE);
    }
    switch ((enum wire_icmp_kind)icmp.kind) {
    case WIRE_ICMP_ECHO_REQUEST:
        return done(frame, echo_reply(ip, packet, &icmp, now_ns));
    case WIRE_ICMP_UNREACHABLE:
    case WIRE_ICMP_TOO_BIG:
    case WIRE_ICMP_TIME_EXCEEDED:
    case WIRE_ICMP_PARAMETER_PROBLEM:
        return error_input(ip, frame, packet, &icmp);
    case WIRE_ICMP_QUENCH:
        return done(frame, LA_DROP_ICMP_QUENCH); /* RFC 6633 3 */
    case WIRE_ICMP_ECHO_REPLY:
    case WIRE_ICMP_REDIRECT:
    case WIRE_ICMP_OTHER:
        break;
    }
    return done(frame, LA_DROP_ICMP);
}
