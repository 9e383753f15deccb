/* Frames in: IP takes them apart, here segments and datagrams find whom they are for.
 *
 * All segments of a batch are processed before any answer leaves (RFC 9293 3.10.7.4, MUST-58,
 * MUST-59): answers are only noted, and sent when the link asks for output. */
#include "stack/stack.h"

#include "base/mem.h"
#include "stack/merge.h"
#include "tcp/decide.h"

/* ---- replies without a connection ----------------------------------------------------------- */

void stack_trace_in(struct la_stack *s, const struct arrival *a, uint8_t state,
                    enum la_reason verdict)
{
    tcp_trace_header(&s->env, NULL, a->conn, state, LA_TRACE_IN, &a->seg.h, a->seg.len, verdict);
}

void stack_trace_peer(struct la_stack *s, const struct flow_key *key, uint32_t conn)
{
    struct la_trace_record r = {
        .time_ns = s->env.now_ns,
        .conn = conn,
        .seq = load_be32(key->raddr.b + 12),
        .ack = (uint32_t)key->lport << 16 | key->rport,
        .what_state = LA_TRACE_PACK(LA_TRACE_PEER, 0),
    };
    trace_put(&s->trace, NULL, &r);
}

void stack_reply(struct la_stack *s, const struct flow_key *key, const struct wire_tcp *h,
                 uint8_t tos, uint8_t state, enum la_reason reason, uint32_t conn)
{
    uint8_t bytes[WIRE_TCP_HEADER_MAX];
    struct ip_path path;

    tcp_trace_header(&s->env, NULL, conn, state, LA_TRACE_OUT, h, 0, reason);
    if (ip_route(&s->ip, &key->raddr, 0, &key->laddr, s->env.now_ns, &path) != LA_OK) {
        return;
    }
    struct ip_out_info info = {.path = &path,
                               .dst = &key->raddr,
                               .proto = WIRE_PROTO_TCP,
                               .tos = tos,
                               .ttl = 64,
                               .reason = (uint16_t)reason,
                               .conn = conn};
    size_t len = wire_tcp_emit(bytes, h);
    (void)ip_out_reply(&s->ip, &info, bytes, len, WIRE_TCP_CHECKSUM_OFFSET);
}

void stack_reset_reply(struct la_stack *s, const struct arrival *a, enum la_reason why)
{
    struct tcp_reset r = tcp_reset_for(a->seg.seq, a->seg.ack, a->seg.h.flags, a->seg.seg_len);
    if (r.flags == 0) {
        return;
    }
    struct wire_tcp h = {.src_port = a->key.lport,
                         .dst_port = a->key.rport,
                         .seq = r.seq.v,
                         .ack = r.ack.v,
                         .flags = r.flags};
    stack_reply(s, &a->key, &h, 0, LA_TCP_CLOSED, why, a->conn);
}

/* ---- TCP ------------------------------------------------------------------------------------ */

/* A segment of this batch ended the connection: for 3.10.7.1 it is no more. The reset that waits to
 * leave answers this one as well. */
static enum la_reason ended_arrives(struct la_stack *s, struct arrival *a, uint32_t index)
{
    if (stack_conn_at(s, index)->tcb.flags & TCP_F_RST_QUEUED) {
        stack_trace_in(s, a, LA_TCP_CLOSED, LA_DROP_NO_CONNECTION);
        return LA_DROP_NO_CONNECTION;
    }
    stack_conn_gone(s, index);
    a->conn = 0;
    return stack_nobody_arrives(s, a);
}

enum la_reason stack_conn_arrives(struct la_stack *s, struct arrival *a, uint32_t index)
{
    struct conn *c = stack_conn_at(s, index);
    a->conn = c->tcb.conn;
    if (c->tcb.state == LA_TCP_CLOSED) {
        return ended_arrives(s, a, index);
    }
    if (c->tcb.state == LA_TCP_TIME_WAIT) {
        /* Its last ACK has not left yet: the record answers, now and later. */
        stack_wait_begin(s, index);
        stack_conn_free_if_done(s, index);
        flow_ref ref = flow_find(&s->table, &a->key, a->hash);
        return ref && FLOW_KIND(ref) == FLOW_TIME_WAIT ? stack_wait_arrives(s, a, FLOW_INDEX(ref))
                                                       : LA_DROP_NO_CONNECTION;
    }
    enum la_reason verdict = tcp_arrives(&c->tcb, &s->env, &a->seg);
    if (a->seg.reset) {
        stack_reset_reply(s, a, LA_RST_BAD_ACK);
    }
    stack_touch(s, index);
    return verdict;
}

/* 3.10.7.1: CLOSED. */
static enum la_reason closed_arrives(struct la_stack *s, struct arrival *a)
{
    enum la_reason verdict =
        (a->seg.h.flags & LA_TH_RST) ? LA_DROP_RST_NO_CONNECTION : LA_DROP_NO_CONNECTION;
    stack_trace_in(s, a, LA_TCP_CLOSED, verdict);
    if (s->config.rst_closed_ports) {
        stack_reset_reply(s, a, LA_RST_NO_CONNECTION);
    }
    return verdict;
}

enum la_reason stack_nobody_arrives(struct la_stack *s, struct arrival *a)
{
    /* RFC 9293 3.9.2.3, MUST-63 and RFC 1122 4.2.3.10: a source that cannot be one. */
    if (!ip_is_unicast(&s->ip, &a->key.raddr)) {
        stack_trace_in(s, a, LA_TCP_CLOSED, LA_DROP_TCP_NOT_UNICAST);
        return LA_DROP_TCP_NOT_UNICAST;
    }
    struct bind_entry *b = bind_find(&s->tcp_binds, &a->key.laddr, a->key.lport);
    if (!b) {
        return closed_arrives(s, a);
    }
    /* The bind entry stands in the endpoint, and its index in the entry. */
    return stack_listen_arrives(s, a, b->owner);
}

/* RFC 9293 3.1, MUST-3. */
static bool checksum_ok(const struct la_stack *s, const struct ip_packet *p)
{
    if (p->csum != LA_CSUM_FULL) {
        return true; /* verified by the link, or never left the machine */
    }
    return wire_fold(s->env.sum->sum(p->data, p->len, p->pseudo)) == 0xffff;
}

static enum la_reason parse_segment(const struct la_stack *s, const struct ip_packet *p,
                                    struct arrival *a)
{
    struct tcp_segment *seg = &a->seg;
    if (!p->to_unicast) {
        return LA_DROP_TCP_NOT_UNICAST; /* MUST-57 */
    }
    if (!wire_tcp_parse(p->data, p->len, &seg->h) || (seg->h.options & WIRE_TCP_MALFORMED)) {
        return LA_DROP_TCP_HEADER; /* MUST-7 */
    }
    if (!checksum_ok(s, p)) {
        return LA_DROP_TCP_CHECKSUM;
    }
    a->key.laddr = p->dst;
    a->key.raddr = p->src;
    a->key.lport = seg->h.dst_port;
    a->key.rport = seg->h.src_port;
    if (a->key.lport == a->key.rport && la_addr_equal(&p->src, &p->dst)) {
        return LA_DROP_LAND;
    }
    seg->seq = seq_of(seg->h.seq);
    seg->ack = seq_of(seg->h.ack);
    seg->len = p->len - seg->h.hdr_len;
    seg->seg_len =
        seg->len + ((seg->h.flags & LA_TH_SYN) ? 1 : 0) + ((seg->h.flags & LA_TH_FIN) ? 1 : 0);
    seg->tos = p->tos;
    seg->ttl = p->ttl;
    seg->reset = seg->syn_cut = seg->text_cut = false;
    seg->buf = p->buf;
    seg->buf->data = p->data + seg->h.hdr_len;
    seg->buf->len = seg->len;
    seg->buf->next = NULL;
    return LA_NONE;
}

static enum la_reason dispatch(struct la_stack *s, struct arrival *a)
{
    a->hash = flow_hash(&s->table, &a->key);
    flow_ref ref = flow_find(&s->table, &a->key, a->hash);
    if (!ref) {
        return stack_nobody_arrives(s, a);
    }
    switch (FLOW_KIND(ref)) {
    case FLOW_CONN:
        return stack_conn_arrives(s, a, FLOW_INDEX(ref));
    case FLOW_HALF_OPEN:
        return stack_half_open_arrives(s, a, FLOW_INDEX(ref));
    case FLOW_TIME_WAIT:
        return stack_wait_arrives(s, a, FLOW_INDEX(ref));
    }
    return LA_DROP_NO_CONNECTION;
}

/* How many wire segments a super-segment of the link stands for. */
static uint32_t wire_segments(const struct la_frame *f, uint32_t len)
{
    if (f->gso == LA_GSO_NONE || f->gso_size == 0 || len <= f->gso_size) {
        return 1;
    }
    return (len + f->gso_size - 1U) / f->gso_size;
}

static void deliver(struct la_stack *s, struct merge *m)
{
    struct arrival *a = merge_current(m);
    if (!m->frames) {
        return;
    }
    enum la_reason verdict = dispatch(s, a);
    if (a->seg.buf) {
        buf_put_list(&s->pool, a->seg.buf);
    }
    for (size_t i = 0; i < m->frames; i++) {
        m->first[i].reason = (uint16_t)verdict;
        m->first[i].conn = a->conn;
    }
    m->frames = 0;
}

static void tcp_input(struct la_stack *s, struct merge *m, const struct ip_packet *p,
                      struct la_frame *frame)
{
    struct arrival *a = merge_next(m);
    a->link = p->link;
    a->conn = 0;
    a->reuses = false;
    enum la_reason verdict = parse_segment(s, p, a);
    if (verdict != LA_NONE) {
        deliver(s, m);
        s->trace.counters[verdict]++;
        buf_put(&s->pool, p->buf);
        frame->reason = (uint16_t)verdict;
        return;
    }
    a->seg.segs = wire_segments(frame, a->seg.len);
    if (merge_add(m)) {
        return;
    }
    deliver(s, m);
    merge_begin(m, frame);
}

/* ---- UDP ------------------------------------------------------------------------------------ */

static enum la_reason udp_arrives(struct la_stack *s, const struct ip_packet *p)
{
    struct udp_arrival a = {.buf = p->buf,
                            .data = p->data,
                            .len = p->len,
                            .pseudo = p->pseudo,
                            .src = p->src,
                            .csum = p->csum};
    struct wire_udp h;
    enum la_reason verdict = udp_check(&a, s->env.sum->sum, &h);
    if (verdict != LA_NONE) {
        buf_put(&s->pool, p->buf);
        return verdict;
    }
    struct bind_entry *b = bind_find(&s->udp_binds, &p->dst, h.dst_port);
    struct endpoint *e = b ? stack_endpoint_at(s, b->owner) : NULL;
    if (!e || !udp_accepts(&e->udp, &p->src, h.src_port)) {
        (void)ip_reply_port_unreachable(&s->ip, p, s->env.now_ns); /* RFC 1122 4.1.3.1 */
        buf_put(&s->pool, p->buf);
        return LA_DROP_UDP_PORT;
    }
    verdict = udp_input(&e->udp, &s->pool, &a, &h);
    if (verdict == LA_TAKE_UDP) {
        stack_endpoint_ready(s, b->owner);
    }
    return verdict;
}

/* ---- ICMP errors ---------------------------------------------------------------------------- */

static int error_of(enum ip_error_kind kind, bool *hard)
{
    *hard = false;
    switch (kind) {
    case IP_ERR_NET_UNREACHABLE:
        return LA_ENETUNREACH;
    case IP_ERR_PROTOCOL:
    case IP_ERR_PORT:
        *hard = true; /* RFC 5461 2.2: codes 2 and 3 */
        return LA_ECONNREFUSED;
    case IP_ERR_PROHIBITED:
        return LA_EACCES;
    case IP_ERR_HOST_UNREACHABLE:
    case IP_ERR_MTU:
    case IP_ERR_TIME_EXCEEDED:
    case IP_ERR_PARAMETER:
        break;
    }
    return LA_EHOSTUNREACH;
}

/* MUST-54; RFC 6633 (MUST-55): Source Quench never comes as far as here. */
static enum la_reason tcp_icmp_arrives(struct la_stack *s, uint8_t link, const struct ip_error *e)
{
    struct flow_key key = {
        .laddr = e->laddr, .raddr = e->raddr, .lport = e->lport, .rport = e->rport};
    flow_ref ref = flow_find(&s->table, &key, flow_hash(&s->table, &key));
    if (ref && FLOW_KIND(ref) == FLOW_HALF_OPEN && s->env.persona.open_soft_errors) {
        return stack_half_open_error(s, FLOW_INDEX(ref), e);
    }
    if (!ref || FLOW_KIND(ref) != FLOW_CONN) {
        return LA_DROP_ICMP_STALE;
    }
    struct conn *c = stack_conn_at(s, FLOW_INDEX(ref));
    bool hard;
    int error = error_of((enum ip_error_kind)e->kind, &hard);
    enum tcp_icmp kind = e->kind == IP_ERR_MTU ? TCP_ICMP_MTU
                         : hard                ? TCP_ICMP_HARD
                                               : TCP_ICMP_SOFT;
    enum la_reason verdict = tcp_icmp(&c->tcb, &s->env, kind, error, e->mtu, seq_of(e->seq));
    if (verdict == LA_TAKE_ICMP_MTU) {
        (void)ip_pmtu_learn(&s->ip, &key.raddr, link, e->mtu, s->env.now_ns);
        stack_path_forget(s, FLOW_INDEX(ref));
    }
    stack_touch(s, FLOW_INDEX(ref));
    return verdict;
}

static enum la_reason udp_icmp_arrives(struct la_stack *s, uint8_t link, const struct ip_error *e)
{
    struct bind_entry *b = bind_find(&s->udp_binds, &e->laddr, e->lport);
    struct endpoint *u = b ? stack_endpoint_at(s, b->owner) : NULL;
    if (!u || !u->udp.connected || !udp_accepts(&u->udp, &e->raddr, e->rport)) {
        return LA_DROP_ICMP_STALE; /* RFC 1122 4.1.3.3: only a connected one can be told */
    }
    if (e->kind == IP_ERR_MTU) {
        (void)ip_pmtu_learn(&s->ip, &e->raddr, link, e->mtu, s->env.now_ns);
        return LA_TAKE_ICMP_MTU;
    }
    bool hard;
    u->udp.error = error_of((enum ip_error_kind)e->kind, &hard);
    stack_endpoint_ready(s, b->owner);
    return LA_TAKE_ICMP_ERROR;
}

/* ---- the verb ------------------------------------------------------------------------------- */

static void input_one(struct la_stack *s, struct merge *m, uint8_t link, struct la_frame *frame)
{
    struct ip_packet p;
    enum ip_verdict what = ip_input(&s->ip, link, frame, s->env.now_ns, &p);
    if (what != IP_TCP) {
        deliver(s, m); /* what comes later is processed later */
    }
    switch (what) {
    case IP_DONE:
        s->trace.counters[frame->reason]++;
        break;
    case IP_TCP:
        tcp_input(s, m, &p, frame);
        break;
    case IP_UDP:
        frame->reason = (uint16_t)udp_arrives(s, &p);
        s->trace.counters[frame->reason]++;
        break;
    case IP_ICMP_ERROR:
        frame->reason =
            (uint16_t)(p.error.proto == WIRE_PROTO_TCP ? tcp_icmp_arrives(s, link, &p.error)
                                                       : udp_icmp_arrives(s, link, &p.error));
        s->trace.counters[frame->reason]++;
        break;
    }
}

/* The caller named no link of this stack: its buffers are taken over all the same. */
static void refuse_frames(struct la_stack *s, struct la_frame *frames, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        buf_put(&s->pool, frames[i].frag[0].buf);
        frames[i].reason = LA_DROP_NOT_OURS;
        s->trace.counters[LA_DROP_NOT_OURS]++;
    }
}

void la_stack_input(struct la_stack *s, int link, struct la_frame *frames, size_t n,
                    uint64_t now_ns)
{
    struct merge m;
    merge_init(&m);
    stack_clock(s, now_ns);
    if (link < 1 || link > s->ip.routes.link_count) {
        refuse_frames(s, frames, n);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (i + 1 < n) {
            __builtin_prefetch(frames[i + 1].frag[0].data);
        }
        input_one(s, &m, (uint8_t)link, &frames[i]);
    }
    deliver(s, &m);
    s->frames_in += n;
    stack_flush_touched(s);
}
