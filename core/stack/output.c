/* Frames out: pulled by the link, so that nothing waits in a queue of the core but what is said
 * here: stateless replies (ip/out.h), and frames that the link gave back.
 *
 * Connections with something to send stand in their link's queue and take turns of a burst. */
#include "stack/stack.h"

#include "tcp/extra.h"
#include "tcp/flight.h"
#include "tcp/path.h"

#define BURST_SEGMENTS 16

/* ---- queues --------------------------------------------------------------------------------- */

void stack_output_queue(struct la_stack *s, uint32_t index)
{
    struct conn *c = stack_conn_at(s, index);
    if (c->bits & (CONN_OUT | CONN_WAITING)) {
        return;
    }
    c->bits |= CONN_OUT;
    index_list_append(&s->links[c->link].out, index);
}

void stack_output_unqueue(struct la_stack *s, struct conn *c, uint32_t index)
{
    if (c->bits & CONN_OUT) {
        index_list_remove(&s->links[c->link].out, index);
    } else if (c->bits & CONN_WAITING) {
        index_list_remove(&s->links[c->link].waiting, index);
    }
    c->bits &= (uint8_t) ~(CONN_OUT | CONN_WAITING);
}

/* Neighbours were found or given up: who waited tries again. */
static void wake_waiting(struct la_stack *s, uint8_t link)
{
    struct link_queue *q = &s->links[link];
    uint32_t events = ip_neighbour_events(&s->ip, link);
    if (events == q->neighbour_events) {
        return;
    }
    q->neighbour_events = events;
    while (q->waiting.head) {
        uint32_t index = q->waiting.head;
        stack_output_unqueue(s, stack_conn_at(s, index), index);
        stack_output_queue(s, index);
    }
}

/* ---- paths ---------------------------------------------------------------------------------- */

void stack_path_forget(struct la_stack *s, uint32_t index)
{
    struct path_slot *slot = &s->paths[index % PATH_SLOTS];
    if (slot->conn == stack_conn_at(s, index)->tcb.conn) {
        slot->conn = 0;
    }
}

int stack_path(struct la_stack *s, uint32_t index, struct path_slot **out)
{
    struct conn *c = stack_conn_at(s, index);
    struct path_slot *slot = &s->paths[index % PATH_SLOTS];
    *out = slot;
    if (slot->conn == c->tcb.conn && slot->version == s->path_version) {
        return LA_OK;
    }
    slot->conn = 0;
    /* MUST-45: the source stays the one of the first segment, whatever the route. */
    int err = ip_route(&s->ip, &c->tcb.key.raddr, 0, &c->tcb.key.laddr, s->env.now_ns, &slot->path);
    if (err) {
        return err;
    }
    /* MUST-49: TTL; SHLD-22: the Diffserv field goes to IP unchanged. */
    ip_template_make(&slot->template, &s->ip.routes, &slot->path, &c->tcb.key.raddr, WIRE_PROTO_TCP,
                     c->tcb.opt.tos & (uint8_t)~3, c->tcb.opt.ttl);
    if ((c->tcb.opt.bits & TCP_OPT_MAY_CUT) && ip_template_is_v4(&slot->template)) {
        ip_template_clear_df(&slot->template);
    }
    slot->conn = c->tcb.conn;
    slot->version = s->path_version;
    return LA_OK;
}

/* ---- one connection's turn ------------------------------------------------------------------ */

struct turn {
    struct la_stack *s;
    struct la_frame *frames;
    size_t max, n;
    uint8_t link;
    bool blocked; /* the frames are used up before the connection was */
};

/* Of a persona that sizes its super-segments: what leaves in a millisecond at the rate of the
 * window (twice that in slow start), a part of the link's that is larger the shorter the path is,
 * at least burst_segs and at most half the window. */
static uint32_t burst(const struct la_stack *s, const struct tcb *t, uint32_t most)
{
    uint32_t mss = tcp_current_mss(t);
    uint32_t srtt_us = t->srtt_us8 / 8;
    uint32_t half = t->cc.cwnd / 2 / mss;
    if (srtt_us == 0 || !t->flight) {
        return half > 1 && half * mss < most ? half * mss : half > 1 ? most : mss;
    }
    uint64_t percent = t->cc.cwnd < t->cc.ssthresh / 2 ? 200 : 120;
    uint64_t bytes = (uint64_t)t->cc.cwnd * percent * 10 / srtt_us;
    uint32_t halvings = min_rtt_us(&t->flight->min_rtt) >> 9;
    bytes += halvings < 32 ? most >> halvings : 0;
    uint64_t segs = bytes / mss;
    segs = segs > s->env.persona.burst_segs ? segs : s->env.persona.burst_segs;
    segs = segs < half ? segs : half > 1 ? half : 1;
    return segs * mss < most ? (uint32_t)segs * mss : most;
}

/* The most payload a frame may carry: a super-segment where the link cuts them. */
static uint32_t most_payload(const struct la_stack *s, uint8_t link, const struct tcb *t)
{
    const struct la_link_info *info = ip_link(&s->ip, link);
    bool v4 = la_addr_is_v4(&t->key.raddr);
    uint8_t need = (uint8_t)(LA_OFFLOAD_TX_CSUM | (v4 ? LA_OFFLOAD_TSO4 : LA_OFFLOAD_TSO6));
    if ((info->offloads & need) != need || info->gso_max <= t->path_mtu) {
        return tcp_current_mss(t);
    }
    uint32_t most = info->gso_max - (v4 ? 20 : 40) - WIRE_TCP_HEADER_MAX;
    return s->env.persona.burst_segs ? burst(s, t, most) : most;
}

static void drop_frame(struct la_stack *s, const struct la_frame *f)
{
    for (unsigned i = 0; i < f->nfrags; i++) {
        if (f->frag[i].buf) {
            buf_put(&s->pool, f->frag[i].buf);
        }
    }
}

/* Builds the planned segment into `f` and notes that it left. */
static void send_segment(struct la_stack *s, uint32_t index, struct tcp_plan *plan,
                         const struct path_slot *slot, struct la_frame *f)
{
    struct tcb *t = &stack_conn_at(s, index)->tcb;
    struct wire_tcp h;
    uint8_t link = slot->path.link;
    bool partial = (ip_link(&s->ip, link)->offloads & LA_OFFLOAD_TX_CSUM) != 0;
    uint32_t len = tcp_build(t, &s->env, plan, f, slot->template.len, partial, &h);
    /* RFC 6864 4.1: any identification will do for an atomic datagram. Those that may be cut count
     * (4.3) from a number that connections do not share; so do the parts of a super-segment. */
    uint8_t headers[IP_TEMPLATE_MAX]; /* all of which may be written: more than go to the frame */
    ip_template_write(&slot->template, headers, len, (uint16_t)(t->iss.v + t->segs_out));
    enum ecn_field field = tcp_ecn_field(t, plan);
    if (field != ECN_NOT_ECT) {
        ip_template_put_ecn(&slot->template, headers, (uint8_t)field);
    }
    mem_copy(f->head, headers, slot->template.len);
    f->link = link;
    tcp_sent(t, &s->env, plan, &h);
}

/* Nobody answers for the next hop: a connection that opens fails, another loses what it sends now,
 * as it would lose it behind the next hop. */
static void unreachable(struct la_stack *s, uint32_t index, int err)
{
    struct conn *c = stack_conn_at(s, index);
    s->trace.counters[LA_DROP_UNRESOLVED]++;
    if (c->tcb.state == LA_TCP_SYN_SENT) {
        tcp_end(&c->tcb, &s->env, err, LA_DROP_UNRESOLVED);
        return;
    }
    c->tcb.soft_error = (int8_t)err;
    struct path_slot *slot = &s->paths[index % PATH_SLOTS];
    struct tcp_plan plan = tcp_next_segment(&c->tcb, &s->env, tcp_current_mss(&c->tcb));
    if (plan.reason != LA_NONE && slot->conn == c->tcb.conn) {
        struct la_frame lost;
        send_segment(s, index, &plan, slot, &lost);
        drop_frame(s, &lost);
    }
}

/* True: the connection has more to send. */
static bool send_burst(struct turn *turn, uint32_t index, const struct path_slot *slot)
{
    struct la_stack *s = turn->s;
    struct tcb *t = &stack_conn_at(s, index)->tcb;
    uint32_t most = most_payload(s, turn->link, t);
    for (unsigned i = 0; i < BURST_SEGMENTS; i++) {
        struct tcp_plan plan = tcp_next_segment(t, &s->env, most);
        if (plan.reason == LA_NONE) {
            return false;
        }
        if (turn->n == turn->max) {
            turn->blocked = true;
            return true;
        }
        send_segment(s, index, &plan, slot, &turn->frames[turn->n]);
        turn->n++;
    }
    return true;
}

static void wait_for_neighbour(struct la_stack *s, uint32_t index)
{
    struct conn *c = stack_conn_at(s, index);
    stack_output_unqueue(s, c, index);
    c->bits |= CONN_WAITING;
    index_list_append(&s->links[c->link].waiting, index);
}

static void take_turn(struct turn *turn, uint32_t index)
{
    struct la_stack *s = turn->s;
    struct conn *c = stack_conn_at(s, index);
    struct path_slot *slot;
    int err = stack_path(s, index, &slot);
    if (!err) {
        err = ip_resolve(&s->ip, &slot->path, &slot->template, s->env.now_ns);
    }
    if (err == LA_EAGAIN) {
        wait_for_neighbour(s, index);
        return;
    }
    if (!err) {
        tcp_mtu_told(&c->tcb, &s->env, slot->path.mtu, ip_link(&s->ip, slot->path.link)->mtu);
    }
    stack_output_unqueue(s, c, index);
    if (err) {
        unreachable(s, index, err);
    } else if (send_burst(turn, index, slot)) {
        stack_output_queue(s, index); /* behind the others */
    }
    if (c->tcb.state == LA_TCP_SYN_SENT || c->tcb.state >= LA_TCP_ESTABLISHED) {
        tcp_arm_rtx(&c->tcb, &s->env);
    }
    if (c->tcb.flight) {
        tcp_flight_turn_over(&c->tcb, &s->env);
    }
    if (c->tcb.extra) {
        tcp_extra_turn_over(&c->tcb, &s->env);
    }
    stack_flush(s, index);
}

/* ---- datagrams ------------------------------------------------------------------------------ */

static void send_datagrams(struct turn *turn)
{
    struct la_stack *s = turn->s;
    struct index_list *q = &s->links[turn->link].datagrams;
    for (uint32_t left = q->count; left != 0 && turn->n < turn->max; left--) {
        uint32_t index = q->head;
        struct endpoint *e = stack_endpoint_at(s, index);
        index_list_remove(q, index);
        e->out_queued = false;
        struct la_buf *buf = udp_send_head(&e->udp);
        int more = buf ? ip_out_frame(&s->ip, buf, s->env.now_ns, &turn->frames[turn->n]) : 0;
        if (buf && (more == 0 || more == 1)) {
            turn->n++;
        }
        if (buf && more != 1 && more != LA_EAGAIN) {
            buf_put(&s->pool, udp_send_pop(&e->udp)); /* the last frame of it, or given up */
            if (e->want & LA_EV_WRITABLE) {
                stack_endpoint_ready(s, index);
            }
        }
        stack_datagram_queue(s, index);
    }
}

void stack_datagram_queue(struct la_stack *s, uint32_t index)
{
    struct endpoint *e = stack_endpoint_at(s, index);
    struct la_buf *head = udp_send_head(&e->udp);
    if (head && !e->out_queued) {
        e->out_queued = true;
        e->out_link = ip_out_of(head)->path.link;
        index_list_append(&s->links[e->out_link].datagrams, index);
    }
}

/* ---- the verbs ------------------------------------------------------------------------------ */

static size_t give_kept(struct link_queue *q, struct la_frame *frames, size_t max)
{
    size_t n = q->kept_count < max ? q->kept_count : max;
    for (size_t i = 0; i < n; i++) {
        la_frame_copy(&frames[i], &q->kept[i]);
    }
    for (size_t i = n; i < q->kept_count; i++) {
        la_frame_copy(&q->kept[i - n], &q->kept[i]);
    }
    q->kept_count -= (uint32_t)n;
    return n;
}

size_t la_stack_output(struct la_stack *s, int link, struct la_frame *frames, size_t max,
                       uint64_t now_ns)
{
    if (link < 1 || link > s->ip.routes.link_count) {
        return 0;
    }
    stack_clock(s, now_ns);
    struct link_queue *q = &s->links[link];
    struct turn turn = {.s = s, .frames = frames, .link = (uint8_t)link};
    turn.max = max < OUTPUT_BATCH ? max : OUTPUT_BATCH;
    turn.n = give_kept(q, frames, turn.max);
    wake_waiting(s, turn.link);
    while (turn.n < turn.max && ip_output(&s->ip, turn.link, s->env.now_ns, &frames[turn.n])) {
        turn.n++;
    }
    while (q->out.head && turn.n < turn.max && !turn.blocked) {
        take_turn(&turn, q->out.head);
    }
    send_datagrams(&turn);
    /* Resolution that was asked for just now leaves with this batch. */
    while (turn.n < turn.max && ip_output(&s->ip, turn.link, s->env.now_ns, &frames[turn.n])) {
        turn.n++;
    }
    return turn.n;
}

void la_stack_sent(struct la_stack *s, int link, struct la_frame *frames, size_t n, size_t taken)
{
    struct link_queue *q = &s->links[link];
    for (size_t i = 0; i < taken; i++) {
        drop_frame(s, &frames[i]);
    }
    size_t back = n - taken;
    for (size_t i = q->kept_count; i-- > 0;) {
        la_frame_copy(&q->kept[i + back], &q->kept[i]); /* these come after what comes back now */
    }
    for (size_t i = 0; i < back; i++) {
        la_frame_copy(&q->kept[i], &frames[taken + i]);
    }
    q->kept_count += (uint32_t)back;
    s->frames_out += taken;
}

bool la_stack_has_output(const struct la_stack *s, int link)
{
    if (link < 1 || link > s->ip.routes.link_count) {
        return false;
    }
    const struct link_queue *q = &s->links[link];
    return q->kept_count != 0 || q->out.head || q->datagrams.head ||
           ip_has_output(&s->ip, (uint8_t)link) ||
           (q->waiting.head && ip_neighbour_events(&s->ip, (uint8_t)link) != q->neighbour_events);
}
