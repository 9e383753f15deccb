/* The error queue of a socket: notes about what it sent, and ICMP errors.
 *
 * A `tell` is the end of a piece of data whose fate the program wants to hear: that MSG_ZEROCOPY
 * gives its memory back, and when it was queued, sent and acknowledged (SO_TIMESTAMPING). Ends are
 * offsets in the stream, which the core's figures place: what was taken less what is still queued
 * is acknowledged, less what was never sent has left. A `note` is what recvmsg(MSG_ERRQUEUE)
 * returns. The bytes are copied here by every send, so a zero-copy note says that they were. */
#include "posix/host.h"

#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <stdlib.h>
#include <string.h>

#ifndef SO_EE_CODE_ZEROCOPY_COPIED
#define SO_EE_CODE_ZEROCOPY_COPIED 1
#endif
#define NOTES_MAX 1024 /* a program that never looks loses the newest */

struct note {
    struct note *next;
    struct sock_extended_err ee;
    bool stamped; /* at_ns counts */
    uint64_t at_ns;
    bool with_bytes; /* the data belong to it: none of them are kept */
    struct la_endpoint sent_to, offender;
    bool has_names;
};

struct tell {
    struct tell *next;
    uint64_t end;
    bool zerocopy;
    uint32_t id;      /* zero-copy: which; else the key of SOF_TIMESTAMPING_OPT_ID */
    int timestamping; /* what is still to be told */
    bool tsonly;
};

/* ---- notes ---------------------------------------------------------------------------------- */

bool notes_waiting(const struct px_sock *k)
{
    return k->notes != NULL;
}

static unsigned count(const struct px_sock *k)
{
    unsigned n = 0;
    for (const struct note *at = k->notes; at; at = at->next)
        n++;
    return n;
}

static void queue(struct px_sock *k, const struct note *what)
{
    struct note *n = count(k) < NOTES_MAX ? malloc(sizeof(*n)) : NULL;
    if (!n)
        return;
    *n = *what;
    n->next = NULL;
    if (k->notes_tail)
        k->notes_tail->next = n;
    else
        k->notes = n;
    k->notes_tail = n;
    k->notes_in++;
}

/* Neighbours become one note with a range. */
static void queue_zerocopy(struct px_sock *k, uint32_t id)
{
    struct note *tail = k->notes_tail;
    if (tail && tail->ee.ee_origin == SO_EE_ORIGIN_ZEROCOPY && tail->ee.ee_data + 1 == id) {
        tail->ee.ee_data = id;
        k->notes_in++;
        return;
    }
    const struct note n = {.ee = {.ee_origin = SO_EE_ORIGIN_ZEROCOPY,
                                  .ee_code = SO_EE_CODE_ZEROCOPY_COPIED,
                                  .ee_info = id,
                                  .ee_data = id}};
    queue(k, &n);
}

static void queue_stamp(struct px_host *h, struct px_sock *k, const struct tell *t, uint32_t what)
{
    const struct note n = {.ee = {.ee_errno = ENOMSG,
                                  .ee_origin = SO_EE_ORIGIN_TIMESTAMPING,
                                  .ee_info = what,
                                  .ee_data = t->id},
                           .stamped = true,
                           .at_ns = h->now_ns,
                           .with_bytes = !t->tsonly};
    queue(k, &n);
}

/* The sockaddr that says where an error came from follows the error (RFC 2292 knows the like). */
static size_t put_error(const struct px_sock *k, const struct note *n, uint8_t *to)
{
    struct sockaddr_storage from = {.ss_family = AF_UNSPEC};
    socklen_t len = k->domain == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    if (n->has_names)
        len = address_write(k->domain, &n->offender, &from);
    memcpy(to, &n->ee, sizeof(n->ee));
    memcpy(to + sizeof(n->ee), &from, len);
    return sizeof(n->ee) + len;
}

int64_t notes_recv(struct px_host *h, struct px_file *f, struct msghdr *msg)
{
    uint8_t error[sizeof(struct sock_extended_err) + sizeof(struct sockaddr_storage)];
    struct px_sock *k = &f->sock;
    struct note *n = k->notes;
    struct control c;
    if (!n)
        return -EAGAIN;
    msg->msg_flags = MSG_ERRQUEUE | (n->with_bytes ? MSG_TRUNC : 0);
    if (msg->msg_name && n->has_names)
        address_out(k->domain, &n->sent_to, msg->msg_name, &msg->msg_namelen);
    else
        msg->msg_namelen = 0;
    control_begin(&c, msg);
    if (n->stamped && (k->timestamping & SOF_TIMESTAMPING_SOFTWARE))
        control_time(h, &c, n->at_ns);
    bool v4 = k->domain == AF_INET;
    control_put(&c, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_RECVERR : IPV6_RECVERR, error,
                put_error(k, n, error));
    control_end(&c);
    k->notes = n->next;
    if (!k->notes)
        k->notes_tail = NULL;
    free(n);
    return 0;
}

/* ---- what will have to be told -------------------------------------------------------------- */

static void promise(struct px_host *h, struct px_sock *k, const struct tell *what)
{
    struct tell *t = malloc(sizeof(*t));
    if (!t)
        return;
    *t = *what;
    t->next = NULL;
    if (k->tells_tail)
        k->tells_tail->next = t;
    else
        k->tells = t;
    k->tells_tail = t;
    h->tells++;
}

#define STAMPS (SOF_TIMESTAMPING_TX_SCHED | SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_TX_ACK)

void notes_sent(struct px_host *h, struct px_sock *k, bool zerocopy, int timestamping)
{
    if (timestamping & STAMPS) {
        bool keyed = ((timestamping | k->timestamping) & SOF_TIMESTAMPING_OPT_ID) != 0;
        const struct tell t = {.end = k->sent_bytes,
                               .id = keyed ? (uint32_t)(k->sent_bytes - k->ts_base - 1) : 0,
                               .timestamping = timestamping & STAMPS,
                               .tsonly = (k->timestamping & SOF_TIMESTAMPING_OPT_TSONLY) != 0};
        promise(h, k, &t);
    }
    if (zerocopy) {
        const struct tell t = {.end = k->sent_bytes, .zerocopy = true, .id = k->zc_next++};
        promise(h, k, &t);
    }
}

/* Tells what is due of one; true: all of it was told. */
static bool tell_due(struct px_host *h, struct px_sock *k, struct tell *t, uint64_t left,
                     uint64_t acked, bool over)
{
    if (t->zerocopy) {
        if (!over && acked < t->end)
            return false;
        queue_zerocopy(k, t->id);
        return true;
    }
    if (!over && left >= t->end) {
        if (t->timestamping & SOF_TIMESTAMPING_TX_SCHED)
            queue_stamp(h, k, t, SCM_TSTAMP_SCHED);
        if (t->timestamping & SOF_TIMESTAMPING_TX_SOFTWARE)
            queue_stamp(h, k, t, SCM_TSTAMP_SND);
        t->timestamping &= ~(SOF_TIMESTAMPING_TX_SCHED | SOF_TIMESTAMPING_TX_SOFTWARE);
    }
    if (!over && acked >= t->end && (t->timestamping & SOF_TIMESTAMPING_TX_ACK)) {
        queue_stamp(h, k, t, SCM_TSTAMP_ACK);
        t->timestamping &= ~SOF_TIMESTAMPING_TX_ACK;
    }
    return over || t->timestamping == 0;
}

void notes_look(struct px_host *h, struct px_sock *k)
{
    struct la_tcp_info info;
    bool over = !sock_info(h, k, &info) || info.state == LA_TCP_CLOSED;
    /* A SYN that is not acknowledged counts as a byte of the queue. */
    uint64_t acked = over || info.snd_queued > k->sent_bytes ? 0 : k->sent_bytes - info.snd_queued;
    uint64_t left = over ? 0 : k->sent_bytes - info.unsent_bytes;
    struct tell **at = &k->tells;
    k->tells_tail = NULL;
    while (*at) {
        struct tell *t = *at;
        if (tell_due(h, k, t, left, acked, over)) {
            *at = t->next;
            free(t);
            h->tells--;
        } else {
            k->tells_tail = t;
            at = &t->next;
        }
    }
}

void notes_look_all(struct px_host *h)
{
    for (struct px_file *f = h->tells ? h->files : NULL; f; f = f->next)
        if (f->kind == PX_KIND_STREAM && f->sock.tells)
            notes_look(h, &f->sock);
}

void notes_drop(struct px_host *h, struct px_sock *k)
{
    while (k->notes) {
        struct note *n = k->notes;
        k->notes = n->next;
        free(n);
    }
    while (k->tells) {
        struct tell *t = k->tells;
        k->tells = t->next;
        free(t);
        h->tells--;
    }
    k->notes_tail = NULL;
    k->tells_tail = NULL;
    free(k->peeked.data);
    k->peeked = (struct peeked){.len = -1};
}

/* ---- ICMP errors ---------------------------------------------------------------------------- */

static bool concerns(struct px_host *h, const struct px_file *f, const struct icmp_error *e)
{
    struct la_endpoint local, remote;
    const struct px_sock *k = &f->sock;
    if (!(e->v6 ? k->recverr6 : k->recverr4) || k->protocol != e->protocol || k->lfd < 0)
        return false;
    if (la_getsockname(h->socks, k->lfd, &local) < 0 || local.port != e->local.port)
        return false;
    if (!la_addr_is_unspecified(&local.addr) && !la_addr_equal(&local.addr, &e->local.addr))
        return false;
    la_handle handle = la_sock_handle(h->socks, k->lfd);
    struct la_tcp_info info;
    if (f->kind == PX_KIND_STREAM && la_tcp_info(h->stack, handle, &info) == LA_OK)
        return info.remote.port == e->remote.port &&
               la_addr_equal(&info.remote.addr, &e->remote.addr);
    if (la_getpeername(h->socks, k->lfd, &remote) < 0)
        return f->kind == PX_KIND_DATAGRAM;
    return remote.port == e->remote.port && la_addr_equal(&remote.addr, &e->remote.addr);
}

void icmp_deliver(struct px_host *h, const struct icmp_error *e)
{
    const struct note n = {
        .ee = {.ee_errno = (uint32_t)e->err,
               .ee_origin = e->v6 ? SO_EE_ORIGIN_ICMP6 : SO_EE_ORIGIN_ICMP,
               .ee_type = e->type,
               .ee_code = e->code,
               .ee_info = e->info},
        .with_bytes = true,
        .sent_to = e->remote,
        .offender = {.addr = e->offender},
        .has_names = true,
    };
    for (struct px_file *f = h->files; f; f = f->next)
        if (is_socket(f) && concerns(h, f, e))
            queue(&f->sock, &n);
}
