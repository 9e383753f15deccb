/* The questions that programs ask by ioctl(). */
#include "posix/host.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>

static bool closing(const struct la_tcp_info *info)
{
    return info->state == LA_TCP_FIN_WAIT_1 || info->state == LA_TCP_CLOSING ||
           info->state == LA_TCP_LAST_ACK;
}

/* How much lies in the queues. Linux counts a FIN that is not acknowledged among what is sent. */
static int64_t stream_queue(struct step *s, unsigned long request, int *value)
{
    struct la_tcp_info info;
    struct px_sock *k = &s->f->sock;
    *value = 0;
    if (k->listening)
        return -EINVAL;
    if (!sock_info(s->h, k, &info) || info.state == LA_TCP_SYN_SENT)
        return 0;
    switch (request) {
    case SIOCINQ:
        *value = (int)info.rcv_queued;
        return 0;
    case SIOCOUTQ:
        *value = (int)info.snd_queued + closing(&info);
        return 0;
    case SIOCOUTQNSD:
        *value = (int)info.unsent_bytes + (closing(&info) && info.unsent_bytes > 0);
        return 0;
    default: /* SIOCATMARK: the next byte is the urgent one */
        *value = info.urgent_left == 1;
        return 0;
    }
}

static int64_t datagram_queue(struct step *s, unsigned long request, int *value)
{
    struct px_sock *k = &s->f->sock;
    *value = 0;
    if (request != SIOCINQ)
        return request == SIOCOUTQ ? 0 : -ENOTTY;
    int64_t n = datagram_next(s->h, k);
    *value = n > 0 ? (int)n : 0;
    return 0;
}

int64_t call_ioctl(struct step *s)
{
    unsigned long request = s->c->ioctl.request;
    int value = 0;
    int64_t err = 0;
    switch (request) {
    case FIONBIO:
        if (!s->c->ioctl.arg)
            return -EFAULT;
        memcpy(&value, s->c->ioctl.arg, sizeof(value));
        s->f->status = value ? s->f->status | O_NONBLOCK : s->f->status & ~O_NONBLOCK;
        return 0;
    case FIOCLEX:
    case FIONCLEX:
        s->h->fds[s->c->fd].cloexec = request == FIOCLEX;
        return 0;
    case SIOCINQ: /* FIONREAD */
    case SIOCOUTQ:
    case SIOCOUTQNSD:
    case SIOCATMARK:
        break;
    default:
        return -ENOTTY;
    }
    if (s->f->kind == PX_KIND_STREAM)
        err = stream_queue(s, request, &value);
    else if (s->f->kind == PX_KIND_DATAGRAM)
        err = datagram_queue(s, request, &value);
    else if (s->f->kind == PX_KIND_PIPE && request == SIOCINQ)
        value = (int)pipe_queued(s->f->pipe);
    else
        return -ENOTTY;
    if (err == 0 && !s->c->ioctl.arg)
        return -EFAULT;
    if (err == 0)
        memcpy(s->c->ioctl.arg, &value, sizeof(value));
    return err;
}
