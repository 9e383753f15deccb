/* Where calls of the application end in the stream: PUSH at the end of each (a persona's choice),
 * records that no segment crosses, and partial segments for Nagle's algorithm.
 *
 * The end of such a call is the end of a buffer: what is written next goes to another one, so the
 * mark stands in the buffer's flags and goes with it. */
#include "tcp/flight.h"
#include "tcp/tcp.h"

void tcp_mark_end(struct tcb *t, const struct tcp_env *env, uint32_t flags)
{
    if (env->persona.push == LA_PUSH_WRITE) {
        t->flags |= TCP_F_PUSH_CALLS;
        t->snd_tail->flags |= (flags & LA_SEND_MORE) ? 0 : TCP_BUF_PUSHED;
    }
    if (flags & LA_SEND_RECORD) {
        t->flags |= TCP_F_RECORDS;
        t->snd_tail->flags |= TCP_BUF_RECORD;
    }
}

static seq32 buf_end(const struct la_buf *buf)
{
    return seq_add(seq_of(buf->seq), buf->len);
}

/* The buffer that holds `seq`. */
static const struct la_buf *buffer_at(const struct tcb *t, seq32 seq)
{
    const struct la_buf *buf = t->flight ? t->flight->snd_cur : NULL;
    if (!buf || seq_lt(seq, seq_of(buf->seq))) {
        buf = t->snd_head;
    }
    while (buf && seq_ge(seq, buf_end(buf))) {
        buf = buf->next;
    }
    return buf;
}

uint32_t tcp_within_record(const struct tcb *t, uint32_t len, uint32_t usable)
{
    const struct la_buf *buf = buffer_at(t, t->snd_nxt);
    seq32 most = seq_add(t->snd_nxt, len > usable ? len : usable);
    while (buf && !(buf->flags & TCP_BUF_RECORD) && seq_lt(buf_end(buf), most)) {
        buf = buf->next;
    }
    if (!buf || !(buf->flags & TCP_BUF_RECORD)) {
        return len;
    }
    uint32_t record = seq_len(t->snd_nxt, buf_end(buf));
    if (seq_lt(buf_end(buf), t->snd_end) && record <= usable) {
        return record; /* more follows, so it is no partial segment to wait for */
    }
    return len < record ? len : record;
}

bool tcp_call_ends(const struct la_buf *buf, seq32 end)
{
    return buf && (buf->flags & TCP_BUF_PUSHED) && seq_eq(buf_end(buf), end);
}

void tcp_note_usage(struct tcb *t, seq32 end, uint32_t len, bool full)
{
    struct tcp_flight *f = t->flight;
    uint32_t out = seq_len(t->snd_una, end);
    if (len % t->mss != 0) {
        f->small_end = end;
    }
    if (seq_ge(t->snd_una, f->out_end) || full || (!f->out_full && out > f->out_most)) {
        f->out_full = full;
        f->out_most = out;
        f->out_end = end;
    }
}
