/* Options of SOL_SOCKET. */
#include <limits.h>
#include <linux/net_tstamp.h>
#include <string.h>
#include <sys/time.h>

#include "posix/sockopt.h"

#define SNDBUF_LEAST 4608 /* as SO_SNDBUF shows it */
#define LOWAT_MOST   (INT_MAX / 2)

static int get_error(struct access *a)
{
    return opt_int(a, sock_error(a->h, a->k));
}

static int get_type(struct access *a)
{
    return opt_int(a, a->k->type);
}

static int get_domain(struct access *a)
{
    return opt_int(a, a->k->domain);
}

static int get_protocol(struct access *a)
{
    return opt_int(a, a->k->protocol);
}

static int get_acceptconn(struct access *a)
{
    return opt_int(a, a->k->listening);
}

static int get_cookie(struct access *a)
{
    if (a->room < sizeof(a->f->id))
        return -EINVAL;
    return opt_bytes(a, &a->f->id, sizeof(a->f->id));
}

static int set_linger(struct access *a)
{
    struct la_tcp_options o;
    struct linger linger;
    if (a->len < sizeof(linger))
        return -EINVAL;
    memcpy(&linger, a->value, sizeof(linger));
    a->k->linger_on = linger.l_onoff != 0;
    if (linger.l_onoff)
        a->k->linger_s = linger.l_linger < 0 ? INT_MAX : linger.l_linger;
    if (a->f->kind != PX_KIND_STREAM)
        return 0;
    int err = opt_core(a, &o);
    if (err < 0)
        return err;
    o.linger_s = a->k->linger_on && a->k->linger_s == 0 ? 0 : -1;
    return opt_core_change(a, &o);
}

static int get_linger(struct access *a)
{
    struct linger linger = {a->k->linger_on, a->k->linger_s};
    return opt_bytes(a, &linger, sizeof(linger));
}

/* Linux doubles what is asked for, because it counts its own overhead as well, and shows that. Of a
 * large write nearly all is payload; of what is received it counts on half. */
static int set_buffer(struct access *a, bool snd, uint32_t most)
{
    struct la_tcp_options o;
    uint32_t asked = a->number < 0 ? 0 : (uint32_t)a->number;
    asked = asked < most ? asked : most;
    asked = asked < INT_MAX / 2 ? asked : INT_MAX / 2;
    uint32_t least = snd ? SNDBUF_LEAST : RCVBUF_LEAST;
    uint32_t shown = asked * 2 > least ? asked * 2 : least;
    if (snd)
        a->k->sndbuf_shown = (int)shown;
    else
        a->k->rcvbuf_shown = (int)shown;
    if (a->f->kind != PX_KIND_STREAM)
        return 0;
    int err = opt_core(a, &o);
    if (err < 0)
        return err;
    if (snd)
        o.sndbuf_bytes = shown;
    else
        o.rcvbuf_bytes = shown / 2;
    return opt_core_change(a, &o);
}

static int set_sndbuf(struct access *a)
{
    return set_buffer(a, true, a->h->settings.wmem_max);
}

static int set_rcvbuf(struct access *a)
{
    return set_buffer(a, false, a->h->settings.rmem_max);
}

static int set_sndbuf_force(struct access *a)
{
    return set_buffer(a, true, INT_MAX);
}

static int set_rcvbuf_force(struct access *a)
{
    return set_buffer(a, false, INT_MAX);
}

static int sndbuf_now(const struct access *a)
{
    struct la_tcp_info info;
    if (a->k->sndbuf_shown)
        return a->k->sndbuf_shown;
    if (sock_info(a->h, a->k, &info) && info.sndbuf_bytes)
        return (int)info.sndbuf_bytes;
    return (int)(a->f->kind == PX_KIND_STREAM ? a->h->settings.wmem[1] : a->h->settings.wmem_max);
}

static int rcvbuf_now(const struct access *a)
{
    struct la_tcp_info info;
    if (a->k->rcvbuf_shown)
        return a->k->rcvbuf_shown;
    if (sock_info(a->h, a->k, &info) && info.rcvbuf_bytes && info.rcvbuf_bytes <= INT_MAX / 2)
        return (int)info.rcvbuf_bytes * 2;
    return (int)(a->f->kind == PX_KIND_STREAM ? a->h->settings.rmem[1] : a->h->settings.rmem_max);
}

static int get_sndbuf(struct access *a)
{
    return opt_int(a, sndbuf_now(a));
}

static int get_rcvbuf(struct access *a)
{
    return opt_int(a, rcvbuf_now(a));
}

static int set_lowat(struct access *a)
{
    int v = a->number < 0 ? INT_MAX : a->number;
    if (v > LOWAT_MOST)
        v = LOWAT_MOST;
    a->k->rcv_lowat = v ? v : 1;
    return 0;
}

static int get_lowat(struct access *a)
{
    return opt_int(a, a->k->rcv_lowat);
}

static int set_timeout(struct access *a, uint64_t *to_ns)
{
    struct timeval tv;
    if (a->len < sizeof(tv))
        return -EINVAL;
    memcpy(&tv, a->value, sizeof(tv));
    if (tv.tv_usec < 0 || tv.tv_usec >= 1000000)
        return -EDOM;
    if (tv.tv_sec < 0) {
        *to_ns = 1; /* never waits */
        return 0;
    }
    uint64_t s = (uint64_t)tv.tv_sec;
    *to_ns = s > 1000000000
                 ? 0
                 : s * (uint64_t)LA_NS_PER_S + (uint64_t)tv.tv_usec * (uint64_t)LA_NS_PER_US;
    return 0;
}

static int get_timeout(struct access *a, uint64_t ns)
{
    struct timeval tv = {.tv_sec = (time_t)(ns / (uint64_t)LA_NS_PER_S),
                         .tv_usec = (suseconds_t)(ns % (uint64_t)LA_NS_PER_S / 1000)};
    return opt_bytes(a, &tv, sizeof(tv));
}

static int set_rcvtimeo(struct access *a)
{
    return set_timeout(a, &a->k->rcv_timeout_ns);
}

static int set_sndtimeo(struct access *a)
{
    return set_timeout(a, &a->k->snd_timeout_ns);
}

static int get_rcvtimeo(struct access *a)
{
    return get_timeout(a, a->k->rcv_timeout_ns);
}

static int get_sndtimeo(struct access *a)
{
    return get_timeout(a, a->k->snd_timeout_ns);
}

static int set_zerocopy(struct access *a)
{
    if (a->number < 0 || a->number > 1)
        return -EINVAL;
    if (a->f->kind != PX_KIND_STREAM)
        return -EOPNOTSUPP;
    a->k->zerocopy = a->number != 0;
    return 0;
}

/* The keys of SOF_TIMESTAMPING_OPT_ID count from what is not acknowledged when it is switched on.
 */
static int set_timestamping(struct access *a)
{
    struct la_tcp_info info;
    const int known = SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE |
                      SOF_TIMESTAMPING_OPT_ID | SOF_TIMESTAMPING_TX_SCHED |
                      SOF_TIMESTAMPING_TX_ACK | SOF_TIMESTAMPING_OPT_CMSG |
                      SOF_TIMESTAMPING_OPT_TSONLY;
    if (a->number & ~known)
        return -EOPNOTSUPP; /* what arrives, hardware, packet information, statistics */
    bool keys = (a->number & SOF_TIMESTAMPING_OPT_ID) != 0 &&
                (a->k->timestamping & SOF_TIMESTAMPING_OPT_ID) == 0;
    if (a->f->kind == PX_KIND_DATAGRAM &&
        (a->number & (SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_TX_SCHED)))
        return -EOPNOTSUPP;
    if (keys && a->f->kind == PX_KIND_STREAM) {
        if (opt_fresh(a) || a->k->listening)
            return -EINVAL;
        a->k->ts_base = a->k->sent_bytes - (sock_info(a->h, a->k, &info) ? info.snd_queued : 0);
    }
    a->k->timestamping = a->number;
    return 0;
}

static int get_timestamping(struct access *a)
{
    return opt_int(a, a->k->timestamping);
}

/* Nobody paces as slowly as is asked; everybody is as slow as "no limit". */
static int set_pacing(struct access *a)
{
    if ((unsigned)a->number != UINT_MAX)
        return -EOPNOTSUPP;
    return 0;
}

static int get_pacing(struct access *a)
{
    uint64_t wide = UINT64_MAX;
    return a->room >= sizeof(wide) ? opt_bytes(a, &wide, sizeof(wide)) : opt_int(a, -1);
}

/* Linux's nine figures of memory: what is queued, and the bounds. */
static int get_meminfo(struct access *a)
{
    struct la_tcp_info info = {0};
    uint32_t figures[9] = {0};
    (void)sock_info(a->h, a->k, &info);
    figures[0] = info.rcv_queued;
    figures[1] = (uint32_t)rcvbuf_now(a);
    figures[2] = info.snd_queued - info.unsent_bytes;
    figures[3] = (uint32_t)sndbuf_now(a);
    figures[5] = info.snd_queued;
    return opt_bytes(a, figures, sizeof(figures));
}

static int set_in_line(struct access *a)
{
    return a->number ? 0 : -EOPNOTSUPP; /* RFC 6093 4 */
}

static int set_device(struct access *a)
{
    return a->len == 0 || *(const char *)a->value == '\0' ? 0 : -ENODEV;
}

static int set_reuseport(struct access *a)
{
    return a->number ? -EOPNOTSUPP : 0; /* one listener has a port, or none */
}

/* ---- the table ------------------------------------------------------------------------------ */

static const struct option options[] = {
    IN_SOCK(SOL_SOCKET, SO_PRIORITY, BOTH, U32, priority, INT_MIN, INT_MAX),
    IN_SOCK(SOL_SOCKET, SO_MARK, BOTH, U32, mark, INT_MIN, INT_MAX),
    IN_CORE(SOL_SOCKET, SO_REUSEADDR, BOOL, reuse_addr, INT_MIN, INT_MAX),
    IN_SOCK(SOL_SOCKET, SO_REUSEADDR, DATAGRAM, BOOL, reuseaddr, INT_MIN, INT_MAX),
    IN_CORE(SOL_SOCKET, SO_KEEPALIVE, BOOL, keepalive, INT_MIN, INT_MAX),
    AS_IS(SOL_SOCKET, SO_KEEPALIVE, DATAGRAM, 0),
    AS_IS(SOL_SOCKET, SO_DEBUG, BOTH, 0),
    AS_IS(SOL_SOCKET, SO_DONTROUTE, BOTH, 0),
    AS_IS(SOL_SOCKET, SO_BROADCAST, BOTH, 0),
    AS_IS(SOL_SOCKET, SO_TIMESTAMP, BOTH, 0),
    AS_IS(SOL_SOCKET, SO_TIMESTAMPNS, BOTH, 0),
    AS_IS(SOL_SOCKET, SO_SNDLOWAT, BOTH, 1),
    AS_IS(SOL_SOCKET, SO_RXQ_OVFL, BOTH, 0),
    AS_IS(SOL_SOCKET, SO_INCOMING_CPU, BOTH, 0),
    AS_IS(SOL_SOCKET, SO_BUSY_POLL, BOTH, 0),
    BY(SOL_SOCKET, SO_ERROR, BOTH, NULL, get_error),
    BY(SOL_SOCKET, SO_TYPE, BOTH, NULL, get_type),
    BY(SOL_SOCKET, SO_DOMAIN, BOTH, NULL, get_domain),
    BY(SOL_SOCKET, SO_PROTOCOL, BOTH, NULL, get_protocol),
    BY(SOL_SOCKET, SO_ACCEPTCONN, BOTH, NULL, get_acceptconn),
    BY(SOL_SOCKET, SO_COOKIE, BOTH, NULL, get_cookie),
    BY(SOL_SOCKET, SO_LINGER, BOTH, set_linger, get_linger),
    BY(SOL_SOCKET, SO_SNDBUF, BOTH, set_sndbuf, get_sndbuf),
    BY(SOL_SOCKET, SO_RCVBUF, BOTH, set_rcvbuf, get_rcvbuf),
    BY(SOL_SOCKET, SO_SNDBUFFORCE, BOTH, set_sndbuf_force, NULL),
    BY(SOL_SOCKET, SO_RCVBUFFORCE, BOTH, set_rcvbuf_force, NULL),
    BY(SOL_SOCKET, SO_RCVLOWAT, BOTH, set_lowat, get_lowat),
    BY(SOL_SOCKET, SO_RCVTIMEO, BOTH, set_rcvtimeo, get_rcvtimeo),
    BY(SOL_SOCKET, SO_SNDTIMEO, BOTH, set_sndtimeo, get_sndtimeo),
    BY(SOL_SOCKET, SO_OOBINLINE, STREAM, set_in_line, NULL),
    AS_IS(SOL_SOCKET, SO_OOBINLINE, STREAM, 1),
    BY(SOL_SOCKET, SO_REUSEPORT, BOTH, set_reuseport, NULL),
    AS_IS(SOL_SOCKET, SO_REUSEPORT, BOTH, 0),
    BY(SOL_SOCKET, SO_ZEROCOPY, BOTH, set_zerocopy, NULL),
    IN_SOCK(SOL_SOCKET, SO_ZEROCOPY, BOTH, BOOL, zerocopy, 0, 1),
    BY(SOL_SOCKET, SO_TIMESTAMPING, BOTH, set_timestamping, get_timestamping),
    BY(SOL_SOCKET, SO_MAX_PACING_RATE, BOTH, set_pacing, get_pacing),
    BY(SOL_SOCKET, SO_MEMINFO, BOTH, NULL, get_meminfo),
    BY(SOL_SOCKET, SO_BINDTODEVICE, BOTH, set_device, NULL),
};

const struct option *sockopt_socket(size_t *count)
{
    *count = sizeof(options) / sizeof(options[0]);
    return options;
}
