/* Options of IPPROTO_TCP. */
#include <limits.h>
#include <string.h>

#include "posix/sockopt.h"

static int set_maxseg(struct access *a)
{
    struct la_tcp_options o;
    if (a->number && (a->number < 88 || a->number > 32767))
        return -EINVAL;
    int err = opt_core(a, &o);
    o.mss_max = (uint16_t)a->number;
    return err < 0 ? err : opt_core_change(a, &o);
}

static int get_maxseg(struct access *a)
{
    int mss = 0;
    size_t len = sizeof(mss);
    int err = la_getsockopt(a->h->socks, a->k->lfd, LA_IPPROTO_TCP, LA_TCP_MAXSEG, &mss, &len);
    return err < 0 ? err : opt_int(a, mss);
}

/* Linux takes more than two minutes for none, and less than nothing for never. */
static int set_linger2(struct access *a)
{
    struct la_tcp_options o;
    if (a->number < 0 || a->number > 32767)
        return -EOPNOTSUPP;
    int err = opt_core(a, &o);
    o.fin_wait_2_s = (uint32_t)a->number;
    return err < 0 ? err : opt_core_change(a, &o);
}

int sockopt_change_notsent(struct px_host *h, struct px_sock *k)
{
    struct la_tcp_options o;
    uint32_t bound = k->notsent_lowat ? k->notsent_lowat : h->settings.notsent_lowat;
    int err = la_sock_get_options(h->socks, k->lfd, &o);
    o.unsent_most = k->unsent_most = bound == UINT32_MAX ? 0 : bound;
    return err < 0 ? err : la_sock_set_options(h->socks, k->lfd, &o);
}

static int set_notsent(struct access *a)
{
    a->k->notsent_lowat = (uint32_t)a->number;
    return sockopt_change_notsent(a->h, a->k);
}

static int set_clamp(struct access *a)
{
    struct la_tcp_options o;
    if (a->number == 0 && !opt_fresh(a))
        return -EINVAL;
    int err = opt_core(a, &o);
    int least = RCVBUF_LEAST / 2;
    o.window_clamp = a->number == 0 ? 0 : (uint32_t)(a->number > least ? a->number : least);
    return err < 0 ? err : opt_core_change(a, &o);
}

/* Linux counts in retransmissions of the SYN-ACK, so it remembers the end of one of those. */
static int set_defer(struct access *a)
{
    struct la_tcp_options o;
    uint32_t end_s = 0, step_s = 1;
    while (a->number > 0 && end_s < (uint32_t)a->number && end_s < 30000) {
        end_s += step_s;
        step_s = step_s * 2 < 120 ? step_s * 2 : 120;
    }
    int err = opt_core(a, &o);
    o.defer_accept_s = end_s;
    return err < 0 ? err : opt_core_change(a, &o);
}

static int quick_ack(struct access *a, int on)
{
    la_handle handle = la_sock_handle(a->h->socks, a->k->lfd);
    struct la_tcp_info info;
    if (!sock_info(a->h, a->k, &info) || info.state <= LA_TCP_LISTEN)
        return 1; /* nothing to acknowledge yet: at once, when there is */
    return la_tcp_quick_ack(a->h->stack, handle, on);
}

static int set_quickack(struct access *a)
{
    int was = quick_ack(a, a->number != 0);
    return was < 0 ? was : 0;
}

static int get_quickack(struct access *a)
{
    int on = quick_ack(a, -1);
    return on < 0 ? on : opt_int(a, on);
}

static int set_fastopen(struct access *a)
{
    struct la_tcp_options o;
    if (a->number < 0 || (!opt_fresh(a) && !a->k->listening))
        return -EINVAL;
    int err = opt_core(a, &o);
    uint32_t most = a->h->settings.somaxconn;
    o.fastopen_qlen = (uint32_t)a->number < most ? (uint32_t)a->number : most;
    return err < 0 ? err : opt_core_change(a, &o);
}

static int set_fastopen_connect(struct access *a)
{
    struct la_tcp_options o;
    if (a->number < 0 || a->number > 1)
        return -EINVAL;
    if (!(a->h->settings.config.persona.fastopen & LA_FASTOPEN_CLIENT))
        return -EOPNOTSUPP;
    if (!opt_fresh(a) || a->k->listening)
        return -EINVAL;
    int err = opt_core(a, &o);
    o.fastopen = a->number != 0;
    return err < 0 ? err : opt_core_change(a, &o);
}

static int set_fastopen_no_cookie(struct access *a)
{
    struct la_tcp_options o;
    if (a->number < 0 || a->number > 1 || (!opt_fresh(a) && !a->k->listening))
        return -EINVAL;
    int err = opt_core(a, &o);
    o.fastopen_no_cookie = a->number != 0;
    return err < 0 ? err : opt_core_change(a, &o);
}

/* One or two keys of 16 bytes. They are the host's: every listener uses them. */
static int set_fastopen_key(struct access *a)
{
    struct la_persona *p = &a->h->settings.config.persona;
    if (a->len != sizeof(p->fastopen_key[0]) && a->len != sizeof(p->fastopen_key))
        return -EINVAL;
    memcpy(p->fastopen_key, a->value, a->len);
    p->fastopen_keys = (uint8_t)(a->len / sizeof(p->fastopen_key[0]));
    return la_stack_set_persona(a->h->stack, p);
}

static int get_fastopen_key(struct access *a)
{
    const struct la_persona *p = &a->h->settings.config.persona;
    return opt_bytes(a, p->fastopen_key, p->fastopen_keys * sizeof(p->fastopen_key[0]));
}

static int set_congestion(struct access *a)
{
    struct la_tcp_options o;
    char name[PX_TCP_CC_NAME_MAX] = {0};
    if (a->len < 1)
        return -EINVAL;
    memcpy(name, a->value, a->len < sizeof(name) ? a->len : sizeof(name) - 1);
    int number = la_cc_find(name);
    if (number < 0)
        return -ENOENT;
    int err = opt_core(a, &o);
    o.cc = (uint8_t)number;
    return err < 0 ? err : opt_core_change(a, &o);
}

static int get_congestion(struct access *a)
{
    struct la_tcp_options o;
    char name[PX_TCP_CC_NAME_MAX] = {0};
    int err = opt_core(a, &o);
    if (err < 0)
        return err;
    strncpy(name, la_cc_name(o.cc), sizeof(name) - 1);
    return opt_bytes(a, name, sizeof(name));
}

static int get_info(struct access *a)
{
    struct px_tcp_info info;
    tcpinfo_fill(a->h, a->k, &info);
    return opt_bytes(a, &info, sizeof(info));
}

/* Controllers have figures of their own in Linux; ours tell theirs elsewhere. */
static int get_cc_info(struct access *a)
{
    a->len = 0;
    return 0;
}

static int get_tcp_timestamp(struct access *a)
{
    return opt_int(a, (int)(a->h->now_ns / (uint64_t)LA_NS_PER_MS));
}

static int set_inq(struct access *a)
{
    if (a->number < 0 || a->number > 1)
        return -EINVAL;
    a->k->inq = a->number != 0;
    return 0;
}

static int set_ulp(struct access *a)
{
    (void)a;
    return -ENOENT; /* as Linux says it of a module that it does not find */
}

/* ---- the table ------------------------------------------------------------------------------ */

static const struct option options[] = {
    IN_CORE(IPPROTO_TCP, PX_TCP_NODELAY, BOOL, nodelay, INT_MIN, INT_MAX),
    IN_CORE(IPPROTO_TCP, PX_TCP_CORK, BOOL, cork, INT_MIN, INT_MAX),
    IN_CORE(IPPROTO_TCP, PX_TCP_KEEPIDLE, U32, keepidle_s, 1, 32767),
    IN_CORE(IPPROTO_TCP, PX_TCP_KEEPINTVL, U32, keepintvl_s, 1, 32767),
    IN_CORE(IPPROTO_TCP, PX_TCP_KEEPCNT, U8, keepcnt, 1, 127),
    IN_CORE(IPPROTO_TCP, PX_TCP_SYNCNT, U8, syn_retries, 1, 127),
    IN_CORE(IPPROTO_TCP, PX_TCP_USER_TIMEOUT, U32, user_timeout_ms, 0, INT_MAX),
    IN_CORE(IPPROTO_TCP, PX_TCP_LINGER2, U32, fin_wait_2_s, READ_ONLY),
    AS_IS(IPPROTO_TCP, PX_TCP_THIN_LINEAR_TIMEOUTS, STREAM, 0),
    AS_IS(IPPROTO_TCP, PX_TCP_THIN_DUPACK, STREAM, 0),
    AS_IS(IPPROTO_TCP, PX_TCP_SAVE_SYN, STREAM, 0),
    AS_IS(IPPROTO_TCP, PX_TCP_TX_DELAY, STREAM, 0),
    BY(IPPROTO_TCP, PX_TCP_NOTSENT_LOWAT, STREAM, set_notsent, NULL),
    IN_SOCK(IPPROTO_TCP, PX_TCP_NOTSENT_LOWAT, STREAM, U32, notsent_lowat, INT_MIN, INT_MAX),
    IN_CORE(IPPROTO_TCP, PX_TCP_WINDOW_CLAMP, U32, window_clamp, READ_ONLY),
    IN_CORE(IPPROTO_TCP, PX_TCP_DEFER_ACCEPT, U32, defer_accept_s, READ_ONLY),
    IN_CORE(IPPROTO_TCP, PX_TCP_FASTOPEN, U32, fastopen_qlen, READ_ONLY),
    IN_CORE(IPPROTO_TCP, PX_TCP_FASTOPEN_CONNECT, BOOL, fastopen, READ_ONLY),
    IN_CORE(IPPROTO_TCP, PX_TCP_FASTOPEN_NO_COOKIE, BOOL, fastopen_no_cookie, READ_ONLY),
    BY(IPPROTO_TCP, PX_TCP_WINDOW_CLAMP, STREAM, set_clamp, NULL),
    BY(IPPROTO_TCP, PX_TCP_DEFER_ACCEPT, STREAM, set_defer, NULL),
    BY(IPPROTO_TCP, PX_TCP_QUICKACK, STREAM, set_quickack, get_quickack),
    BY(IPPROTO_TCP, PX_TCP_FASTOPEN, STREAM, set_fastopen, NULL),
    BY(IPPROTO_TCP, PX_TCP_FASTOPEN_CONNECT, STREAM, set_fastopen_connect, NULL),
    BY(IPPROTO_TCP, PX_TCP_FASTOPEN_NO_COOKIE, STREAM, set_fastopen_no_cookie, NULL),
    BY(IPPROTO_TCP, PX_TCP_FASTOPEN_KEY, STREAM, set_fastopen_key, get_fastopen_key),
    BY(IPPROTO_TCP, PX_TCP_MAXSEG, STREAM, set_maxseg, get_maxseg),
    BY(IPPROTO_TCP, PX_TCP_LINGER2, STREAM, set_linger2, NULL),
    BY(IPPROTO_TCP, PX_TCP_CONGESTION, STREAM, set_congestion, get_congestion),
    BY(IPPROTO_TCP, PX_TCP_INFO, STREAM, NULL, get_info),
    BY(IPPROTO_TCP, PX_TCP_CC_INFO, STREAM, NULL, get_cc_info),
    BY(IPPROTO_TCP, PX_TCP_TIMESTAMP, STREAM, NULL, get_tcp_timestamp),
    BY(IPPROTO_TCP, PX_TCP_INQ, STREAM, set_inq, NULL),
    IN_SOCK(IPPROTO_TCP, PX_TCP_INQ, STREAM, BOOL, inq, 0, 1),
    BY(IPPROTO_TCP, PX_TCP_ULP, STREAM, set_ulp, NULL),
};

const struct option *sockopt_tcp(size_t *count)
{
    *count = sizeof(options) / sizeof(options[0]);
    return options;
}
