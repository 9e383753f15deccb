/* Sending: streams, with all that may hold them up, and datagrams.
 *
 * Pieces are put together before they are sent, because one call is one write: what stands between
 * its pieces is no boundary for the connection. An error that strikes after bytes were moved stays
 * for the next call, as in Linux. */
#include "posix/transfer.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include <lastack/udp.h>

#ifndef MSG_ZEROCOPY
#define MSG_ZEROCOPY 0x4000000
#endif

#define SEND_FLAGS                                                                             \
    (MSG_OOB | MSG_DONTWAIT | MSG_NOSIGNAL | MSG_MORE | MSG_EOR | MSG_CONFIRM | MSG_FASTOPEN | \
     MSG_ZEROCOPY | MSG_DONTROUTE)
#define CHUNK_MOST 65000

/* ---- sending on a stream -------------------------------------------------------------------- */

unsigned sock_events(struct px_host *h, const struct px_sock *k, unsigned events)
{
    struct la_pollfd p = {.fd = k->lfd, .events = (uint16_t)events};
    return la_sock_poll(h->socks, &p, 1) ? p.revents & (events | POLLERR | POLLHUP) : 0;
}

static int64_t send_to(struct px_host *h, struct px_sock *k, const void *data, size_t len,
                       int flags, const struct la_endpoint *to)
{
    int core = flags & (MSG_OOB | MSG_MORE | MSG_EOR | MSG_FASTOPEN);
    int64_t n = la_sendto(h->socks, k->lfd, data, len, core, to);
    if (n == LA_ENOTCONN)
        return -EPIPE; /* as Linux says it of a stream that was never connected */
    if (n == LA_ENOBUFS)
        n = LA_EAGAIN;
    if (n == LA_EAGAIN || (n >= 0 && (size_t)n < len))
        k->no_space = true;
    if (n > 0)
        k->sent_bytes += (uint64_t)n;
    return n;
}

int64_t stream_send_some(struct px_host *h, struct px_sock *k, const void *data, size_t len,
                         int flags)
{
    return send_to(h, k, data, len, flags & ~MSG_FASTOPEN, NULL);
}

/* TCP_NOTSENT_LOWAT. Linux fills its send queue by chunks of about half the peer's window and sends
 * after each; a new one is begun only while less than the bound is unsent. How many bytes may be
 * taken before the next look; 0: none. */
static size_t chunk_room(struct px_host *h, const struct px_sock *k)
{
    struct la_tcp_info info;
    if (k->unsent_most == 0 || !sock_info(h, k, &info) || info.mss == 0)
        return SIZE_MAX;
    uint32_t half = info.snd_wnd / 2 < CHUNK_MOST ? info.snd_wnd / 2 : CHUNK_MOST;
    uint32_t chunk = half > info.mss ? half - half % info.mss : info.mss;
    uint32_t begun = info.unsent_bytes % chunk;
    return begun == 0 && info.unsent_bytes >= k->unsent_most ? 0 : chunk - begun;
}

static int64_t send_chunks(struct px_host *h, struct px_sock *k, const uint8_t *data, size_t len,
                           int flags)
{
    size_t done = 0;
    while (done < len) {
        size_t room = chunk_room(h, k);
        size_t n = len - done < room ? len - done : room;
        int64_t sent = n ? stream_send_some(h, k, data + done, n, flags) : -EAGAIN;
        if (sent < 0) {
            k->no_space = k->no_space || sent == -EAGAIN;
            return done ? (int64_t)done : sent;
        }
        done += (size_t)sent;
        host_push(h);
    }
    return (int64_t)done;
}

/* MSG_FASTOPEN: connects and sends with the SYN what it carries. */
static int64_t fast_open(struct step *s, const struct transfer *t, const uint8_t *data)
{
    struct la_endpoint to;
    struct px_sock *k = &s->f->sock;
    sa_family_t family = AF_INET;
    if (!(s->h->settings.config.persona.fastopen & LA_FASTOPEN_CLIENT))
        return -EOPNOTSUPP;
    if (t->to && t->to_len >= sizeof(family))
        memcpy(&family, t->to, sizeof(family));
    if (family == AF_UNSPEC)
        return -EOPNOTSUPP;
    int err = t->to ? address_in(k->domain, t->to, t->to_len, &to) : -EINVAL;
    if (err < 0)
        return err;
    int64_t n = send_to(s->h, k, data, t->total, t->flags, &to);
    if (n == -EINPROGRESS || n >= 0)
        k->connecting = true;
    return n;
}

/* Does the SYN wait for these bytes (TCP_FASTOPEN_CONNECT)? */
static bool syn_waits(struct px_host *h, const struct px_sock *k)
{
    struct la_tcp_info info;
    return sock_info(h, k, &info) && info.syn_waits;
}

enum send_stage {
    SEND_FIRST, /* nothing was tried */
    SEND_OPENS, /* the SYN left, with or without bytes: who may wait does, as in connect() */
    SEND_GOES
};

/* The end of an opening: WAIT, an error, or 0 and the rest may follow. */
static int64_t opened(struct step *s, const struct transfer *t)
{
    struct px_sock *k = &s->f->sock;
    unsigned events = sock_events(s->h, k, POLLOUT);
    if (events & POLLERR) {
        int err = sock_error(s->h, k);
        return err ? -err : -EPIPE;
    }
    if (events & (POLLOUT | POLLHUP)) {
        s->c->at.stage = SEND_GOES;
        return 0;
    }
    int64_t wait = call_wait(s, (t->flags & MSG_DONTWAIT) != 0, k->snd_timeout_ns);
    return wait == -EAGAIN ? -EINPROGRESS : wait;
}

/* Who waits for the handshake has the rest of its bytes queued behind those of the SYN, so that
 * they leave with the third segment. Linux fills its queue then as well. */
static int64_t queue_rest(struct step *s, const struct transfer *t, const uint8_t *rest,
                          size_t left)
{
    bool waits = !(t->flags & MSG_DONTWAIT) && !(s->f->status & O_NONBLOCK);
    la_handle handle = la_sock_handle(s->h->socks, s->f->sock.lfd);
    int64_t n = waits && left > 0 ? la_tcp_send(s->h->stack, handle, rest, left, 0) : 0;
    if (n <= 0)
        return 0;
    s->f->sock.sent_bytes += (uint64_t)n;
    return n;
}

static int64_t send_now(struct step *s, const struct transfer *t, const uint8_t *data, size_t left)
{
    struct px_sock *k = &s->f->sock;
    bool first = s->c->at.stage == SEND_FIRST;
    bool opens = first && ((t->flags & MSG_FASTOPEN) || syn_waits(s->h, k));
    s->c->at.stage = opens ? SEND_OPENS : SEND_GOES;
    if (first && (t->flags & MSG_FASTOPEN))
        return fast_open(s, t, data);
    if (left > 0 && k->unsent_most)
        return send_chunks(s->h, k, data, left, t->flags);
    return stream_send_some(s->h, k, data, left, t->flags);
}

static int64_t stream_send(struct step *s, const struct transfer *t)
{
    struct px_sock *k = &s->f->sock;
    size_t done = (size_t)s->c->at.count;
    int64_t n = s->c->at.stage == SEND_OPENS ? opened(s, t) : 0;
    if (n < 0)
        return n == -EINPROGRESS && done ? (int64_t)done : n;
    if (done > 0 && (done == t->total || (sock_events(s->h, k, 0) & POLLERR)))
        return (int64_t)done;
    uint8_t *copy;
    const uint8_t *data = transfer_gather(t, done, &copy);
    if (!data)
        return -ENOMEM;
    n = send_now(s, t, data, t->total - done);
    if (n > 0 && s->c->at.stage == SEND_OPENS)
        n += queue_rest(s, t, data + n, t->total - done - (size_t)n);
    free(copy);
    if (n < 0 && n != -EAGAIN && n != -EINPROGRESS)
        return done ? (int64_t)done : n;
    done += n > 0 ? (size_t)n : 0;
    s->c->at.count = (int64_t)done;
    if (s->c->at.stage == SEND_OPENS) {
        n = opened(s, t);
        return n == 0 || (n == -EINPROGRESS && done) ? (int64_t)done : n;
    }
    if (n >= 0 && done == t->total)
        return (int64_t)done;
    int64_t wait = call_wait(s, (t->flags & MSG_DONTWAIT) != 0, k->snd_timeout_ns);
    return wait != WAIT && done ? (int64_t)done : wait;
}

static int64_t send_stream_call(struct step *s, const struct transfer *t,
                                const struct control_in *in)
{
    if (transfer_bad(t))
        return -EFAULT;
    struct px_sock *k = &s->f->sock;
    int64_t result = stream_send(s, t);
    if (result > 0)
        notes_sent(s->h, k, (t->flags & MSG_ZEROCOPY) && k->zerocopy,
                   in->timestamping >= 0 ? in->timestamping : k->timestamping);
    if (result == -EPIPE && !(t->flags & MSG_NOSIGNAL))
        s->c->sigpipe = true;
    return result;
}

/* ---- sending datagrams ---------------------------------------------------------------------- */

/* The IP header that options and control messages ask for. A socket without a port gets one. */
static int dress(struct px_host *h, const struct px_sock *k, const struct control_in *in)
{
    if (!la_sock_handle(h->socks, k->lfd)) {
        const struct la_endpoint any = {.addr = k->domain == AF_INET ? la_addr_any_v4()
                                                                     : la_addr_any_v6()};
        int err = la_bind(h->socks, k->lfd, &any);
        if (err < 0)
            return err;
    }
    return la_udp_set_ip(h->stack, la_sock_handle(h->socks, k->lfd),
                         in->ttl >= 0 ? (uint8_t)in->ttl : k->ttl,
                         in->tos >= 0 ? (uint8_t)(in->tos & 0xfc) : k->tos);
}

static int64_t send_datagram(struct step *s, const struct transfer *t, const struct control_in *in)
{
    struct la_endpoint to;
    struct px_sock *k = &s->f->sock;
    if (t->flags & (MSG_MORE | MSG_FASTOPEN | MSG_ZEROCOPY | MSG_OOB))
        return -EOPNOTSUPP;
    if (t->to && t->to_len) {
        int bad = address_in(k->domain, t->to, t->to_len, &to);
        if (bad < 0)
            return bad;
        if (to.port == 0)
            return -EINVAL;
    }
    if (transfer_bad(t))
        return -EFAULT;
    int err = dress(s->h, k, in);
    if (err < 0)
        return err;
    uint8_t *copy;
    const uint8_t *data = transfer_gather(t, 0, &copy);
    if (!data)
        return -ENOMEM;
    int64_t n = la_sendto(s->h->socks, k->lfd, data, t->total, 0, t->to && t->to_len ? &to : NULL);
    free(copy);
    if (n == LA_ENOTCONN)
        return -EDESTADDRREQ;
    if (n == LA_EAGAIN)
        return call_wait(s, (t->flags & MSG_DONTWAIT) != 0, k->snd_timeout_ns);
    return n;
}

int64_t transfer_send(struct step *s, const struct transfer *t)
{
    struct control_in in = {-1, -1, -1};
    if (t->flags & ~SEND_FLAGS)
        return -EOPNOTSUPP;
    if (t->msg) {
        int err = control_read(t->msg, &in);
        if (err < 0)
            return err;
    }
    return s->f->kind == PX_KIND_STREAM ? send_stream_call(s, t, &in) : send_datagram(s, t, &in);
}

/* ---- the calls ------------------------------------------------------------------------------ */

int64_t call_send(struct step *s)
{
    struct transfer t;
    int64_t err = transfer_io(s->c, &t);
    return err < 0 ? err : transfer_send(s, &t);
}

int64_t call_sendmsg(struct step *s)
{
    struct transfer t;
    int64_t err = transfer_msg(s->c, &t);
    return err < 0 ? err : transfer_send(s, &t);
}
