/* RECEIVE (RFC 9293 3.9.1, 3.10.3): the three forms of reading, and when a window that has opened
 * is worth telling. */
#include "tcp/tcp.h"

#include "base/mem.h"
#include "tcp/decide.h"
#include "tcp/path.h"
#include "tcp/quick.h"

/* 0: there are bytes; else why not: the end, an error, not yet. */
static int64_t nothing_to_read(const struct tcb *t, bool *end)
{
    *end = false;
    if (t->rcv_head) {
        return 0;
    }
    if (t->flags & TCP_F_FIN_RCVD) {
        *end = true;
        return 0;
    }
    if (t->error) {
        return t->error;
    }
    return t->state == LA_TCP_CLOSED ? LA_ENOTCONN : LA_EAGAIN;
}

/* RFC 9293 3.8.6.2.2: the application has read; is the window worth an update? It is when the peer
 * may be stuck, and a quarter of the buffer ahead of that on a stream long enough to get there: a
 * short request is acknowledged with its answer, not by an update of its own. */
static void window_may_open(struct tcb *t, const struct tcp_env *env)
{
    if (t->flags & TCP_F_FIN_RCVD || !tcp_synchronized(t)) {
        return;
    }
    uint32_t offered = tcp_rcv_wnd(t);
    uint32_t room = tcp_rcv_room(t, env);
    uint32_t wnd = tcp_window_to_offer(offered, room, t->opt.rcvbuf, t->rcv_mss);
    bool stuck = offered < 2U * t->rcv_mss && wnd != offered;
    uint32_t quarter = t->opt.rcvbuf / 4;
    if (stuck || (t->bytes_in >= quarter && wnd - offered >= quarter && wnd != offered)) {
        tcp_ack_now(t, LA_ACK_WINDOW);
    }
}

static void drop_head(struct tcb *t, struct tcp_env *env)
{
    struct la_buf *head = t->rcv_head;
    t->rcv_head = head->next;
    if (!t->rcv_head) {
        t->rcv_tail = NULL;
    }
    head->next = NULL;
    t->rcv_charge -= buf_charge(head);
    buf_put(env->bufs, head);
}

static void consumed(struct tcb *t, struct tcp_env *env, uint32_t n)
{
    struct la_buf *head = t->rcv_head;
    head->data += n;
    head->seq += n;
    head->len -= n;
    t->rcv_queued -= n;
    if (head->len == 0) {
        drop_head(t, env);
    }
}

static void urgent_read(struct tcb *t)
{
    uint32_t fin = (t->flags & TCP_F_FIN_RCVD) ? 1 : 0;
    seq32 read = seq_sub(t->rcv_nxt, t->rcv_queued + fin);
    if ((t->flags & TCP_F_RCV_URG) && seq_le(t->rcv_up, read)) {
        t->flags &= ~(uint32_t)TCP_F_RCV_URG;
    }
}

/* What follows from reading: for urgent data, the buffer's size, the window. */
static void have_read(struct tcb *t, struct tcp_env *env)
{
    urgent_read(t);
    tcp_tune_read(t, env);
    window_may_open(t, env);
    if (t->extra) {
        tcp_quick_read(t, env);
    }
}

static int64_t peek_bytes(const struct tcb *t, uint8_t *to, size_t len)
{
    size_t done = 0;
    for (const struct la_buf *b = t->rcv_head; b && done < len; b = b->next) {
        size_t n = b->len < len - done ? b->len : len - done;
        mem_copy(to + done, b->data, n);
        done += n;
    }
    return (int64_t)done;
}

int64_t tcp_recv(struct tcb *t, struct tcp_env *env, void *data, size_t len, uint32_t flags)
{
    bool end;
    int64_t none = nothing_to_read(t, &end);
    if (none || end || len == 0) {
        return none;
    }
    if (flags & LA_RECV_PEEK) {
        return peek_bytes(t, data, len);
    }
    uint8_t *to = data;
    size_t left = len;
    while (left != 0 && t->rcv_head) {
        uint32_t n = t->rcv_head->len < left ? t->rcv_head->len : (uint32_t)left;
        mem_copy(to, t->rcv_head->data, n);
        consumed(t, env, n);
        to += n;
        left -= n;
    }
    have_read(t, env);
    return (int64_t)(len - left);
}

int64_t tcp_peek(struct tcb *t, const void **data)
{
    bool end;
    int64_t none = nothing_to_read(t, &end);
    if (none || end) {
        return none;
    }
    *data = t->rcv_head->data;
    return t->rcv_head->len;
}

int tcp_consume(struct tcb *t, struct tcp_env *env, size_t len)
{
    if (len > t->rcv_queued) {
        return LA_EINVAL;
    }
    while (len != 0) {
        uint32_t n = t->rcv_head->len < len ? t->rcv_head->len : (uint32_t)len;
        consumed(t, env, n);
        len -= n;
    }
    have_read(t, env);
    return LA_OK;
}

int64_t tcp_take(struct tcb *t, struct tcp_env *env, struct la_buf **buf)
{
    bool end;
    int64_t none = nothing_to_read(t, &end);
    if (none || end) {
        return none;
    }
    struct la_buf *head = buf_ref(t->rcv_head);
    t->rcv_queued -= head->len;
    drop_head(t, env);
    *buf = head;
    have_read(t, env);
    return head->len;
}
