/* The path's MTU: plpmtud.h is fed with what becomes of the runs in the board, and its conclusions
 * are drawn. See path.h. */
#include "tcp/flight.h"
#include "tcp/path.h"

#include "tcp/decide.h"
#include "tcp/tcp.h"

/* ---- the record ------------------------------------------------------------------------------ */

static uint32_t headers(const struct tcb *t)
{
    return la_addr_is_v4(&t->key.raddr) ? 40 : 60;
}

/* MAX_PLPMTU (RFC 8899 5.1.2): what link and peer take. */
static uint32_t largest(const struct tcb *t)
{
    bool v4 = la_addr_is_v4(&t->key.raddr);
    return tcp_effective_mss(t->peer_mss, t->link_mtu, v4, 0, t->opt.mss_max) + headers(t);
}

struct tcp_path *tcp_path_get(struct tcb *t, struct tcp_env *env)
{
    if (!t->path) {
        t->path = slab_get(env->paths);
        if (t->path) {
            plpmtud_init(&tcp_path_of(t, env)->mtu, la_addr_is_v4(&t->key.raddr), t->path_mtu,
                         largest(t), env->now_ns);
        }
    }
    return tcp_path_of(t, env);
}

void tcp_path_drop(struct tcb *t, struct tcp_env *env)
{
    if (t->path) {
        slab_put(env->paths, t->path);
        t->path = 0;
    }
}

void tcp_path_rest(struct tcb *t, struct tcp_env *env)
{
    const struct tcp_path *p = tcp_path_of(t, env);
    if (!p) {
        return;
    }
    bool usual = p->mtu.state == PLPMTUD_COMPLETE && p->mtu.mtu == p->mtu.max && p->mtu.lost == 0;
    if (usual || p->mtu.state == PLPMTUD_DISABLED) {
        tcp_path_drop(t, env);
    }
}

static bool probing(const struct tcb *t)
{
    return (t->opt.bits & TCP_OPT_MTU_PROBE) != 0;
}

/* The packets in which the bytes of a run left: it may have been cut by the link. */
static uint32_t packet_size(const struct tcb *t, const struct run *r)
{
    uint32_t len = seq_len(r->seq, r->end);
    uint32_t options = (t->flags & TCP_F_TS) ? 12 : 0;
    return (len < t->mss ? len : t->mss) + options + headers(t);
}

/* ---- conclusions ----------------------------------------------------------------------------- */

/* RFC 4821 4: when the MTU falls the window does not grow in packets; what is outstanding goes
 * again in smaller segments (RFC 1191 6). When it is raised the window stays as many bytes. */
static void use(struct tcb *t, struct tcp_env *env, uint32_t mtu, enum la_reason why)
{
    uint32_t before = t->mss;
    tcp_set_mss(t, mtu);
    if (why != LA_NONE) {
        tcp_note(t, env, LA_TRACE_EVENT, why, mtu, 0);
    }
    if (t->mss < before) {
        uint32_t cwnd = (uint32_t)((uint64_t)t->cc.cwnd * t->mss / before);
        t->cc.cwnd = cwnd > t->mss ? cwnd : t->mss;
        if (t->flight && tcp_outstanding(t)) {
            tcp_repair_all(t, LA_RTX_MTU);
        }
        t->todo |= TCP_DO_OUTPUT;
    }
}

static void conclude(struct tcb *t, struct tcp_env *env, const struct tcp_path *p,
                     enum plpmtud_news news)
{
    if (news == PLPMTUD_FELL) {
        use(t, env, p->mtu.mtu, LA_MTU_BLACK_HOLE);
    } else if (news == PLPMTUD_RAISED) {
        use(t, env, p->mtu.mtu, LA_MTU_RAISED);
        t->todo |= TCP_DO_PATH_MTU;
    }
}

/* How long a failed probe keeps the next one back: a round trip for each segment of the window. */
static uint64_t headway_ns(const struct tcb *t)
{
    return (uint64_t)(t->cc.cwnd / t->mss + 1) * (t->srtt_us8 / 8) * 1000;
}

/* What the search found is good for other connections as well, once it is over. */
static void publish(struct tcb *t, const struct tcp_path *p, uint8_t state_before)
{
    if (state_before == PLPMTUD_SEARCHING && p->mtu.state == PLPMTUD_COMPLETE) {
        t->todo |= TCP_DO_PATH_MTU;
    }
}

/* ---- what link, cache and ICMP say ----------------------------------------------------------- */

void tcp_mtu_told(struct tcb *t, struct tcp_env *env, uint32_t path_mtu, uint32_t link_mtu)
{
    struct tcp_path *p = tcp_path_of(t, env);
    if (link_mtu != t->link_mtu) {
        t->link_mtu = (uint16_t)(link_mtu > UINT16_MAX ? UINT16_MAX : link_mtu);
        if (p && plpmtud_limit(&p->mtu, largest(t), env->now_ns) != PLPMTUD_SAME) {
            use(t, env, p->mtu.mtu, LA_NONE);
        }
    }
    if (path_mtu < t->path_mtu) {
        bool heeded;
        if (p && plpmtud_ptb(&p->mtu, path_mtu, env->now_ns, &heeded) == PLPMTUD_FELL) {
            path_mtu = p->mtu.mtu;
        }
        use(t, env, path_mtu, LA_NONE);
    }
    if (!p && probing(t) && t->path_mtu < t->link_mtu && t->path_mtu < largest(t)) {
        (void)tcp_path_get(t, env); /* from now on the raise timer runs */
    }
}

enum la_reason tcp_mtu_reported(struct tcb *t, struct tcp_env *env, uint32_t mtu)
{
    struct tcp_path *p = mtu < t->path_mtu || t->path ? tcp_path_get(t, env) : NULL;
    bool heeded = false;
    if (mtu < (la_addr_is_v4(&t->key.raddr) ? 68U : PLPMTUD_LEAST_V6)) {
        return LA_DROP_ICMP_STALE; /* no link is that narrow */
    }
    if (p && plpmtud_ptb(&p->mtu, mtu, env->now_ns, &heeded) == PLPMTUD_FELL) {
        use(t, env, p->mtu.mtu, LA_NONE);
        return LA_TAKE_ICMP_MTU;
    }
    if (heeded) {
        return LA_TAKE_ICMP_MTU;
    }
    if (mtu >= t->path_mtu || (p && mtu < p->mtu.max && p->mtu.state != PLPMTUD_DISABLED)) {
        return LA_DROP_ICMP_STALE;
    }
    use(t, env, mtu, LA_NONE); /* the peer takes no more than that anyway; or no memory */
    return LA_TAKE_ICMP_MTU;
}

/* ---- what becomes of the runs ---------------------------------------------------------------- */

static bool is_probe(const struct tcp_path *p, const struct run *r)
{
    return p && p->mtu.probed && (r->flags & RUN_MTU_PROBE) && seq_eq(r->seq, p->probe_seq);
}

void tcp_mtu_delivered(struct tcb *t, struct tcp_env *env, struct tcp_ack_news *n,
                       const struct run *r, seq32 end)
{
    struct tcp_path *p = tcp_path_of(t, env);
    uint8_t before = p->mtu.state;
    if (is_probe(p, r)) {
        if (seq_eq(end, r->end) && !(r->flags & RUN_EVER_RTX)) {
            n->mtu_news = (uint8_t)plpmtud_probe_acked(&p->mtu, env->now_ns);
            publish(t, p, before);
        } else {
            plpmtud_probe_void(&p->mtu);
        }
    } else if (plpmtud_watches(&p->mtu)) {
        plpmtud_delivered(&p->mtu, packet_size(t, r), env->now_ns);
    }
}

bool tcp_mtu_lost(struct tcb *t, struct tcp_env *env, struct tcp_ack_news *n, const struct run *r)
{
    struct tcp_path *p = tcp_path_of(t, env);
    if (is_probe(p, r)) {
        n->mtu_probe_lost = true;
        return true;
    }
    uint32_t size = packet_size(t, r);
    if (!probing(t) || size <= PLPMTUD_LEAST_V4) {
        return false;
    }
    p = tcp_path_get(t, env);
    if (p && plpmtud_lost(&p->mtu, size, r->times, env->now_ns) == PLPMTUD_FELL) {
        n->mtu_news = PLPMTUD_FELL;
    }
    return false;
}

void tcp_mtu_judged(struct tcb *t, struct tcp_env *env, struct tcp_ack_news *n)
{
    struct tcp_path *p = tcp_path_of(t, env);
    if (!p) {
        return;
    }
    if (n->mtu_probe_lost) {
        uint8_t before = p->mtu.state;
        bool others = n->lost != 0 || t->phase != CC_OPEN;
        plpmtud_probe_lost(&p->mtu, others ? PLPMTUD_WITH_OTHERS : PLPMTUD_ALONE, headway_ns(t),
                           env->now_ns);
        publish(t, p, before);
    }
    conclude(t, env, p, (enum plpmtud_news)n->mtu_news);
}

bool tcp_mtu_timeout(struct tcb *t, struct tcp_env *env)
{
    const struct board *b = &t->flight->board;
    const struct run *r = board_at(b, b->first);
    struct tcp_path *p = tcp_path_of(t, env);
    if (p && p->mtu.probed) {
        uint8_t before = p->mtu.state;
        plpmtud_probe_lost(&p->mtu, is_probe(p, r) ? PLPMTUD_BY_TIMER : PLPMTUD_WITH_OTHERS,
                           headway_ns(t), env->now_ns);
        publish(t, p, before);
        return false;
    }
    uint32_t size = packet_size(t, r);
    if (!probing(t) || size <= PLPMTUD_LEAST_V4) {
        return false;
    }
    p = tcp_path_get(t, env);
    if (!p || plpmtud_timeout(&p->mtu, size, r->times, env->now_ns) != PLPMTUD_FELL) {
        return false;
    }
    conclude(t, env, p, PLPMTUD_FELL);
    return true;
}

/* ---- probes ---------------------------------------------------------------------------------- */

uint32_t tcp_mtu_probe_len(const struct tcb *t, const struct tcp_env *env)
{
    const struct tcp_path *p = tcp_path_of(t, env);
    uint32_t size = p && probing(t) ? plpmtud_probe_size(&p->mtu, env->now_ns) : 0;
    uint32_t head = headers(t) + ((t->flags & TCP_F_TS) ? 12 : 0);
    return size > head + t->mss ? size - head : 0;
}

void tcp_mtu_probe_left(struct tcb *t, struct tcp_env *env, const struct tcp_plan *plan)
{
    struct tcp_path *p = tcp_path_of(t, env);
    uint32_t head = headers(t) + ((t->flags & TCP_F_TS) ? 12 : 0);
    if (p && plan->len > t->mss) { /* else its bytes stood in too many pieces */
        p->probe_seq = plan->seq;
        plpmtud_probe_sent(&p->mtu, plan->len + head);
    }
}
