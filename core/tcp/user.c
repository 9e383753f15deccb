/* The user calls (RFC 9293 3.9.1, 3.10.1 to 3.10.5) on a control block. */
#include "tcp/tcp.h"

#include "base/mem.h"
#include "tcp/decide.h"
#include "tcp/extra.h"
#include "tcp/fastopen.h"
#include "tcp/flight.h"
#include "tcp/isn.h"
#include "tcp/path.h"
#include "tcp/quick.h"
#include "tcp/reass.h"

/* ---- OPEN ----------------------------------------------------------------------------------- */

void tcp_set_mss(struct tcb *t, uint32_t path_mtu)
{
    bool v4 = la_addr_is_v4(&t->key.raddr);
    uint32_t options = (t->flags & TCP_F_TS) ? 12 : 0;
    t->path_mtu = (uint16_t)(path_mtu > UINT16_MAX ? UINT16_MAX : path_mtu);
    t->link_mtu = t->link_mtu > t->path_mtu ? t->link_mtu : t->path_mtu;
    t->mss = (uint16_t)tcp_effective_mss(t->peer_mss, t->path_mtu, v4, options, t->opt.mss_max);
    t->cc.mss = t->mss;
    if (t->cc.ssthresh < 2U * t->mss) {
        t->cc.ssthresh = 2U * t->mss; /* cc.h: of the larger segments, too */
    }
    if (t->rcv_mss == 0) {
        t->rcv_mss = t->mss;
    }
}

void tcp_init(struct tcb *t, struct tcp_env *env, const struct flow_key *key, uint32_t conn,
              const struct la_tcp_options *o, uint32_t path_mtu)
{
    t->key = *key;
    t->conn = conn;
    t->state = LA_TCP_CLOSED;
    tcp_options_pack(&t->opt, o);
    (void)tcp_extra_pack(t, env, o);
    t->ack_at_ns = t->rtx_at_ns = t->keep_at_ns = TCP_NEVER;
    t->rto_ms = env->persona.rto_initial_ms; /* RFC 6298 2.1 */
    if (t->opt.bits & TCP_OPT_SND_AUTO) {
        t->opt.sndbuf = env->sizes.snd_initial;
    }
    t->opt.rcvbuf = tcp_rcvbuf_first(o, env);
    if (t->opt.bits & TCP_OPT_WSCALE) {
        t->rcv_wscale = tcp_rcv_shift(o, env);
    }
    t->ts_offset = tcp_ts_offset(&env->ts_key, key);
    t->cc.ops = cc_nth(t->opt.cc);
    tcp_set_mss(t, path_mtu);
    t->rcv_mss = t->mss;
    t->cc.cwnd = tcp_initial_window(env, t->mss);
    t->cc.ssthresh = UINT32_MAX; /* RFC 5681 3.1: arbitrarily high */
    t->last_in_ms = t->last_send_ms = tcp_now_ms(env);
    t->una_at_ns = env->now_ns;
}

void tcp_set_cc(struct tcb *t, const struct tcp_env *env)
{
    const struct cc_ops *ops = cc_nth(t->opt.cc);
    if (ops != t->cc.ops) {
        t->cc.ops = ops;
        t->cc.pacing_bps = 0;
        if (t->flight) {
            mem_zero(t->flight->cc_state, sizeof(t->flight->cc_state));
            ops->begin(&t->cc, env->now_ns);
            tcp_set_style(t, env);
        }
    }
    if (t->flight) {
        tcp_set_pace(t);
    }
}

void tcp_open(struct tcb *t, struct tcp_env *env)
{
    t->iss = tcp_isn(&env->isn_key, &t->key, env->now_ns);
    t->snd_una = t->snd_nxt = t->snd_max = t->iss;
    t->snd_end = seq_add(t->iss, 1);
    tcp_ecn_ask(t, env);
    tcp_note(t, env, LA_TRACE_CALL, LA_CALL_OPEN, 0, 0);
    tcp_set_state(t, env, LA_TCP_SYN_SENT, LA_CALL_OPEN);
    if (t->extra) {
        tcp_tfo_open(t, env);
    }
    t->todo |= (t->flags & TCP_F_SYN_WAITS) ? 0 : TCP_DO_OUTPUT;
}

/* ---- SEND ----------------------------------------------------------------------------------- */

uint32_t tcp_snd_room(const struct tcb *t)
{
    uint32_t queued = seq_len(t->snd_una, t->snd_end);
    return queued < t->opt.sndbuf ? t->opt.sndbuf - queued : 0;
}

/* 0, or why nothing more can be queued. */
static int send_refused(const struct tcb *t)
{
    if (t->error) {
        return t->error;
    }
    if (t->flags & (TCP_F_FIN_QUEUED | TCP_F_APP_CLOSED)) {
        return LA_EPIPE;
    }
    switch (t->state) {
    case LA_TCP_SYN_SENT:
    case LA_TCP_SYN_RECEIVED:
    case LA_TCP_ESTABLISHED:
    case LA_TCP_CLOSE_WAIT:
        return LA_OK;
    case LA_TCP_CLOSED:
        return LA_ENOTCONN;
    default:
        return LA_EPIPE;
    }
}

/* Unused bytes behind the tail of the send queue. Frames may refer to what stands before them. */
static uint32_t chunk_room(const struct la_buf *tail)
{
    if (!tail || (tail->flags & (BUF_LENT | TCP_BUF_PUSHED | TCP_BUF_RECORD))) {
        return 0;
    }
    return (uint32_t)(tail->mem + tail->cap - (tail->data + tail->len));
}

static void append_chunk(struct tcb *t, struct la_buf *buf)
{
    buf->seq = t->snd_end.v;
    buf->next = NULL;
    if (t->snd_tail) {
        t->snd_tail->next = buf;
    } else {
        t->snd_head = buf;
    }
    t->snd_tail = buf;
}

/* A tail with room. The first chunk is small and the next ones hold a segment, so that a short
 * request does not hold 16 KiB, and many small ones fit the pieces of a frame. */
static struct la_buf *chunk_with_room(struct tcb *t, struct tcp_env *env, size_t want)
{
    if (chunk_room(t->snd_tail) != 0) {
        return t->snd_tail;
    }
    bool large = want > BUF_MTU || seq_len(t->snd_una, t->snd_end) > 2 * BUF_MTU;
    bool more = want > BUF_SMALL || t->snd_tail;
    struct la_buf *buf = buf_get(env->bufs, large ? BUF_CHUNK : more ? BUF_MTU : want);
    if (buf) {
        append_chunk(t, buf);
    }
    return buf;
}

/* The application has sent less than the window took: what is measured now is its rate, not the
 * path's. */
static void note_app_limited(struct tcb *t)
{
    struct tcp_flight *f = t->flight;
    uint32_t flight = tcp_in_flight(t);
    if (seq_eq(t->snd_nxt, t->snd_end) && !f->board.lost.head && flight < t->cc.cwnd) {
        rate_app_limited(&f->rate, flight);
    }
}

static void data_queued(struct tcb *t, struct tcp_env *env, uint32_t len, uint32_t flags)
{
    bool idle = seq_eq(t->snd_una, t->snd_end) && !tcp_outstanding(t);
    if (tcp_flight_get(t, env)) {
        note_app_limited(t);
    }
    if (t->extra) {
        tcp_quick_answers(t, env);
    }
    if (idle && t->state >= LA_TCP_ESTABLISHED) {
        t->una_at_ns = env->now_ns; /* the user timeout counts from here */
        uint32_t idle_ms = tcp_now_ms(env) - t->last_send_ms;
        if (idle_ms > t->rto_ms && t->flight) {
            t->cc.ops->restart(&t->cc, (uint64_t)idle_ms * 1000000, env->now_ns);
            tcp_set_pace(t);
        }
    }
    t->snd_end = seq_add(t->snd_end, len);
    t->flags = (flags & LA_SEND_MORE) ? t->flags | TCP_F_MORE : t->flags & ~(uint32_t)TCP_F_MORE;
    if (flags & LA_SEND_URGENT) { /* MUST-30, MUST-31 */
        t->flags |= TCP_F_SND_URG;
        t->snd_up = t->snd_end;
    }
    tcp_arm_rtx(t, env); /* a closed window or CORK may hold it back */
    if (t->flags & TCP_F_SYN_WAITS) {
        tcp_tfo_go(t);
    }
    t->todo |= TCP_DO_OUTPUT;
}

int64_t tcp_send(struct tcb *t, struct tcp_env *env, const void *data, size_t len, uint32_t flags)
{
    int refused = send_refused(t);
    if (refused) {
        return refused;
    }
    uint32_t room = tcp_snd_room(t);
    if (t->flags & TCP_F_SYN_WAITS) {
        if (len == 0) {
            tcp_tfo_go(t); /* it leaves without data */
            return LA_EINPROGRESS;
        }
        uint32_t carries = tcp_tfo_room(t, env);
        room = room < carries ? room : carries;
    }
    size_t left = len < room ? len : room;
    const uint8_t *from = data;
    uint32_t queued = 0;

    if (left == 0 && len != 0) {
        return LA_EAGAIN;
    }
    while (left != 0) {
        struct la_buf *chunk = chunk_with_room(t, env, left);
        if (!chunk) {
            break;
        }
        uint32_t n = chunk_room(chunk) < left ? chunk_room(chunk) : (uint32_t)left;
        mem_copy(chunk->data + chunk->len, from, n);
        chunk->len += n;
        data_queued(t, env, n, flags);
        from += n;
        left -= n;
        queued += n;
    }
    if (queued != 0 && (env->persona.push == LA_PUSH_WRITE || (flags & LA_SEND_RECORD))) {
        tcp_mark_end(t, env, queued == len ? flags : flags & ~(uint32_t)LA_SEND_RECORD);
    }
    return queued == 0 && len != 0 ? LA_ENOBUFS : (int64_t)queued;
}

int tcp_reserve(struct tcb *t, struct tcp_env *env, void **data, size_t *len)
{
    int refused = send_refused(t);
    if (refused) {
        return refused;
    }
    uint32_t room = tcp_snd_room(t);
    if (room == 0) {
        return LA_EAGAIN;
    }
    struct la_buf *chunk = chunk_with_room(t, env, *len);
    if (!chunk) {
        return LA_ENOBUFS;
    }
    uint32_t most = chunk_room(chunk) < room ? chunk_room(chunk) : room;
    t->flags |= TCP_F_RESERVED;
    *data = chunk->data + chunk->len;
    *len = *len < most ? *len : most;
    return LA_OK;
}

int tcp_commit(struct tcb *t, struct tcp_env *env, size_t len, uint32_t flags)
{
    int refused = send_refused(t);
    if (refused) {
        return refused;
    }
    if (len > chunk_room(t->snd_tail) || len > tcp_snd_room(t)) {
        return LA_EINVAL;
    }
    t->flags &= ~(uint32_t)TCP_F_RESERVED;
    if (len != 0) {
        t->snd_tail->len += (uint32_t)len;
        data_queued(t, env, (uint32_t)len, flags);
    }
    return LA_OK;
}

int64_t tcp_lend(struct tcb *t, struct tcp_env *env, const void *data, size_t len, uint64_t owner,
                 uint64_t cookie, uint32_t flags)
{
    int refused = send_refused(t);
    if (refused) {
        return refused;
    }
    if (len == 0 || len > TCP_WINDOW_MAX) {
        return LA_EINVAL;
    }
    if (tcp_snd_room(t) == 0) {
        return LA_EAGAIN;
    }
    struct la_buf *buf = buf_lend(env->bufs, data, (uint32_t)len, owner, cookie);
    if (!buf) {
        return LA_ENOBUFS;
    }
    append_chunk(t, buf);
    data_queued(t, env, (uint32_t)len, flags);
    return (int64_t)len;
}

/* ---- CLOSE, ABORT --------------------------------------------------------------------------- */

/* RFC 9293 3.10.4: the FIN goes behind everything queued; the state changes at the call where the
 * RFC says "in any case". */
static void queue_fin(struct tcb *t, struct tcp_env *env, enum la_reason why)
{
    (void)tcp_flight_get(t, env);
    t->flags |= TCP_F_FIN_QUEUED;
    t->flags &= ~(uint32_t)(TCP_F_MORE | TCP_F_SYN_WAITS);
    if (t->state == LA_TCP_ESTABLISHED) {
        tcp_set_state(t, env, LA_TCP_FIN_WAIT_1, why);
    }
    t->todo |= TCP_DO_OUTPUT;
}

int tcp_shutdown(struct tcb *t, struct tcp_env *env)
{
    if (t->error) {
        return t->error;
    }
    if (t->state == LA_TCP_CLOSED) {
        return LA_ENOTCONN;
    }
    if (!(t->flags & TCP_F_FIN_QUEUED)) {
        tcp_note(t, env, LA_TRACE_CALL, LA_CALL_SHUTDOWN, 0, 0);
        queue_fin(t, env, LA_CALL_SHUTDOWN);
    }
    return LA_OK;
}

static void arm_linger(struct tcb *t, const struct tcp_env *env)
{
    t->keep_at_ns = TCP_NEVER;
    uint64_t s = 0;
    if (t->state == LA_TCP_FIN_WAIT_2) {
        s = t->opt.fin_wait_2_s;
    } else if (t->opt.linger_s > 0) {
        s = (uint64_t)t->opt.linger_s;
    } else {
        return;
    }
    tcp_arm(t, &t->keep_at_ns, env->now_ns + s * 1000000000U);
}

/* The handle is given up with it, so nothing can be read any more: half-duplex (MAY-1). */
void tcp_close(struct tcb *t, struct tcp_env *env)
{
    t->flags |= TCP_F_APP_CLOSED;
    if (t->state == LA_TCP_CLOSED) {
        return;
    }
    tcp_note(t, env, LA_TRACE_CALL, LA_CALL_CLOSE, 0, 0);
    if (t->state == LA_TCP_SYN_SENT) {
        tcp_end(t, env, LA_OK, LA_CALL_CLOSE); /* 3.10.4: "Delete the TCB" */
        return;
    }
    if (t->state == LA_TCP_TIME_WAIT) {
        return;
    }
    if (t->rcv_queued != 0 || t->reass) {
        tcp_abort(t, env, LA_RST_UNREAD); /* SHLD-3 */
        return;
    }
    bool unsent = seq_lt(t->snd_una, t->snd_end) || !(t->flags & TCP_F_FIN_QUEUED);
    if (t->opt.linger_s == 0 && unsent) {
        tcp_abort(t, env, LA_RST_LINGER);
        return;
    }
    if (!(t->flags & TCP_F_FIN_QUEUED)) {
        queue_fin(t, env, LA_CALL_CLOSE);
    }
    arm_linger(t, env);
}

/* 3.10.5: SYN-RECEIVED, ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2 and CLOSE-WAIT send a reset; in
 * SYN-SENT nobody knows of us, in CLOSING and LAST-ACK the peer has all it needs, but telling it
 * spares it its retransmissions. */
void tcp_abort(struct tcb *t, struct tcp_env *env, enum la_reason why)
{
    if (t->state == LA_TCP_CLOSED) {
        return;
    }
    bool tell = t->state != LA_TCP_SYN_SENT && t->state != LA_TCP_TIME_WAIT;
    tcp_reass_drop(t, env);
    tcp_end(t, env, LA_ECONNABORTED, why);
    t->flags &= ~(uint32_t)(TCP_F_ACK_NOW | TCP_F_PROBE);
    if (tell) {
        t->flags |= TCP_F_RST_QUEUED;
        t->reason = (uint8_t)why;
        t->todo |= TCP_DO_OUTPUT;
    }
}

static bool writable(const struct tcb *t, const struct tcp_extra *x)
{
    uint32_t third = t->opt.sndbuf / 3;
    return send_refused(t) == LA_OK && tcp_snd_room(t) >= (third ? third : 1) &&
           (!x || x->unsent_most == 0 || seq_len(t->snd_nxt, t->snd_end) < x->unsent_most);
}

uint32_t tcp_ready(const struct tcb *t, const struct tcp_env *env)
{
    const struct tcp_extra *x = tcp_extra_of(t, env);
    uint32_t ev = 0;
    bool end = (t->flags & TCP_F_FIN_RCVD) != 0;
    if ((t->rcv_head && (!x || t->rcv_queued >= x->rcv_lowat)) || end || t->error) {
        ev |= LA_EV_READABLE;
    }
    if (tcp_synchronized(t) || (t->flags & (TCP_F_SYN_WAITS | TCP_F_FASTOPENED))) {
        ev |= tcp_synchronized(t) ? LA_EV_CONNECTED : 0;
        ev |= writable(t, x) ? LA_EV_WRITABLE : 0;
    }
    ev |= end ? LA_EV_PEER_CLOSED : 0;
    ev |= t->error ? LA_EV_ERROR : 0;
    ev |= t->state == LA_TCP_TIME_WAIT || t->state == LA_TCP_CLOSED ? LA_EV_CLOSED : 0;
    ev |= (t->flags & TCP_F_RCV_URG) ? LA_EV_URGENT : 0;
    return ev;
}
