/* Time, packets and waiting, see world.h. */
#include "shim/world.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define START_NS      (UINT64_C(1700000000) * (uint64_t)LA_NS_PER_S) /* any wall clock does */
#define PATIENCE_MS   2000 /* real time in which a thread has to ask */
#define MTU_V4        1500
#define MTU_V6        1520 /* the tool's: the same MSS over both */
#define SAME_TIME_MAX 1000000

/* ---- opening and closing -------------------------------------------------------------------- */

struct world *world_open(const char *flags)
{
    struct px_config config;
    struct world *w = calloc(1, sizeof(*w));
    if (!w)
        return NULL;
    px_config_init(&config);
    config.mtu = MTU_V4;
    config.seed[0] = 1;
    w->now_ns = START_NS;
    w->driver = pthread_self();
    w->mtu = MTU_V4;
    w->host = settings_flags(w, flags, &config) ? px_create(&config, w->now_ns) : NULL;
    int index = w->host && settings_persona(w) ? world_enter(w) : -1;
    if (index < 0) {
        px_destroy(w->host);
        free(w);
        return NULL;
    }
    w->base = FD_STEP * (index + 1);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->asked, NULL);
    for (int i = 0; i < WAITERS_MAX; i++)
        pthread_cond_init(&w->waiters[i].ended, NULL);
    return w;
}

static void drop_packets(struct world *w)
{
    while (w->first) {
        struct left *p = w->first;
        w->first = p->next;
        free(p);
    }
    w->last = NULL;
}

/* ---- the end of waiting --------------------------------------------------------------------- */

static void finish(struct waiter *v)
{
    v->over = true;
    v->call = NULL;
    pthread_cond_broadcast(&v->ended);
}

/* What left goes to the queue. */
static void collect(struct world *w)
{
    struct px_packet p;
    while (px_output(w->host, &p, w->now_ns)) {
        struct left *l = malloc(sizeof(*l) + p.len);
        if (!l)
            continue;
        l->next = NULL;
        l->at_ns = w->now_ns;
        l->len = p.len;
        memcpy(l->bytes, p.bytes, p.len);
        if (w->last)
            w->last->next = l;
        else
            w->first = l;
        w->last = l;
    }
}

/* After every event: what it sends, and the calls that it ends. */
static void settle(struct world *w)
{
    collect(w);
    for (bool moved = true; moved;) {
        moved = false;
        for (int i = 0; i < WAITERS_MAX; i++) {
            struct waiter *v = &w->waiters[i];
            if (!v->used || v->over || px_step(w->host, v->call, w->now_ns) != PX_DONE)
                continue;
            finish(v);
            moved = true;
        }
        collect(w);
    }
}

/* ---- time ----------------------------------------------------------------------------------- */

static struct timespec patience(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    ts.tv_sec += PATIENCE_MS / 1000;
    return ts;
}

static bool somebody_must_ask(const struct world *w)
{
    for (int i = 0; i < WAITERS_MAX; i++)
        if (w->waiters[i].used && w->waiters[i].over &&
            !pthread_equal(w->waiters[i].thread, pthread_self()))
            return true;
    return false;
}

/* Time may move only when every thread whose call ended has seen it. */
static void let_ask(struct world *w)
{
    struct timespec until = patience();
    while (somebody_must_ask(w) && !w->closing) {
        if (pthread_cond_timedwait(&w->asked, &w->lock, &until) == 0)
            continue;
        for (int i = 0; i < WAITERS_MAX; i++)
            if (w->waiters[i].over)
                w->waiters[i].used = w->waiters[i].over = false;
    }
}

static void asks(struct world *w)
{
    for (int i = 0; i < WAITERS_MAX; i++) {
        struct waiter *v = &w->waiters[i];
        if (v->used && v->over && pthread_equal(v->thread, pthread_self())) {
            v->used = v->over = false;
            pthread_cond_broadcast(&w->asked);
        }
    }
}

static uint64_t next_deadline(const struct world *w)
{
    uint64_t at = px_next_deadline(w->host);
    for (int i = 0; i < WAITERS_MAX; i++) {
        const struct waiter *v = &w->waiters[i];
        uint64_t due = v->used && !v->over ? px_call_deadline(v->call) : UINT64_MAX;
        at = due < at ? due : at;
    }
    return at;
}

/* To the next thing that is due, at `until_ns` at the latest; false: there is none until then, and
 * it is `until_ns` now. */
static bool advance(struct world *w, uint64_t until_ns)
{
    let_ask(w);
    uint64_t at = next_deadline(w);
    bool due = at <= until_ns && at != UINT64_MAX;
    at = due ? at : until_ns;
    if (at != UINT64_MAX && at > w->now_ns)
        w->now_ns = at; /* for ever is no time to go to */
    if (due) {
        px_run(w->host, w->now_ns);
        settle(w);
    }
    return due;
}

void world_sleep(struct world *w, uint64_t us)
{
    pthread_mutex_lock(&w->lock);
    w->driver = pthread_self();
    uint64_t until_ns = w->now_ns + us * (uint64_t)LA_NS_PER_US;
    for (unsigned turns = 0; turns < SAME_TIME_MAX && advance(w, until_ns); turns++) {
    }
    let_ask(w);
    pthread_mutex_unlock(&w->lock);
}

uint64_t world_ask_us(struct world *w)
{
    pthread_mutex_lock(&w->lock);
    uint64_t us = w->now_ns / (uint64_t)LA_NS_PER_US;
    asks(w);
    if (w->closing) {
        pthread_mutex_unlock(&w->lock);
        return us;
    }
    uint64_t until_ns = (us + 1) * (uint64_t)LA_NS_PER_US;
    for (unsigned turns = 0; turns < SAME_TIME_MAX && advance(w, until_ns); turns++) {
    }
    pthread_mutex_unlock(&w->lock);
    return us;
}

/* ---- packets -------------------------------------------------------------------------------- */

/* The MTU of the tool's device depends on the IP version that the script is about. */
static void set_mtu(struct world *w, bool v4)
{
    uint32_t mtu = v4 ? MTU_V4 : MTU_V6;
    if (w->mtu_given || w->mtu == mtu)
        return;
    w->mtu = mtu;
    (void)px_set_mtu(w->host, mtu);
}

static void local_addr(struct world *w, const struct la_addr *addr)
{
    bool v4 = la_addr_is_v4(addr);
    if (la_addr_is_multicast(addr) || la_addr_is_loopback(addr))
        return;
    set_mtu(w, v4);
    if (!la_addr_is_unspecified(addr) && !px_addr_known(w->host, addr))
        (void)px_addr_add(w->host, addr, v4 ? 16 : 48);
}

/* 0 when it is an address of either family. */
static int read_addr(const struct sockaddr *sa, socklen_t len, struct la_addr *addr)
{
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    if (!sa || len < sizeof(in))
        return -1;
    memcpy(&in, sa, sizeof(in));
    const uint8_t *b = (const uint8_t *)&in.sin_addr;
    if (in.sin_family == AF_INET) {
        *addr = la_addr_v4(b[0], b[1], b[2], b[3]);
    } else if (in.sin_family == AF_INET6 && len >= sizeof(in6)) {
        memcpy(&in6, sa, sizeof(in6));
        memcpy(addr->b, &in6.sin6_addr, sizeof(addr->b));
    } else {
        return -1;
    }
    return 0;
}

void world_names(struct world *w, const struct sockaddr *sa, socklen_t len, bool local)
{
    struct la_addr addr;
    if (read_addr(sa, len, &addr) < 0)
        return;
    pthread_mutex_lock(&w->lock);
    if (local)
        local_addr(w, &addr);
    else
        set_mtu(w, la_addr_is_v4(&addr));
    pthread_mutex_unlock(&w->lock);
}

/* To whom a packet goes is this host, whatever the script calls it. */
static void learn(struct world *w, const uint8_t *p, size_t len)
{
    struct la_addr addr;
    if (len >= 20 && p[0] >> 4 == 4) {
        addr = la_addr_v4(p[16], p[17], p[18], p[19]);
    } else if (len >= 40 && p[0] >> 4 == 6) {
        memcpy(addr.b, p + 24, sizeof(addr.b));
    } else {
        return;
    }
    local_addr(w, &addr);
}

int world_send(struct world *w, const void *packet, size_t len)
{
    pthread_mutex_lock(&w->lock);
    w->driver = pthread_self();
    learn(w, packet, len);
    int err = px_input(w->host, packet, len, w->now_ns, NULL);
    settle(w);
    pthread_mutex_unlock(&w->lock);
    errno = -err;
    return err ? -1 : 0;
}

int world_receive(struct world *w, void *buffer, size_t *count, long long *time_us)
{
    pthread_mutex_lock(&w->lock);
    w->driver = pthread_self();
    for (unsigned turns = 0; turns < SAME_TIME_MAX && !w->first && !w->closing; turns++)
        if (!advance(w, UINT64_MAX))
            break;
    struct left *p = w->first;
    size_t len = p ? p->len : 0;
    *time_us = (long long)((p ? p->at_ns : w->now_ns) / (uint64_t)LA_NS_PER_US);
    if (p) {
        w->first = p->next;
        w->last = w->first ? w->last : NULL;
        memcpy(buffer, p->bytes, len < *count ? len : *count);
    }
    *count = len < *count ? len : *count;
    free(p);
    pthread_mutex_unlock(&w->lock);
    return 0;
}

/* ---- calls ---------------------------------------------------------------------------------- */

static struct waiter *free_waiter(struct world *w)
{
    for (int i = 0; i < WAITERS_MAX; i++)
        if (!w->waiters[i].used)
            return &w->waiters[i];
    return NULL;
}

/* The thread that moves time cannot wait for somebody else to do it: it lets time pass itself, and
 * gives up when nothing is due any more. */
static void drive_end(struct world *w, struct px_call *call)
{
    enum px_status status = PX_BLOCKED;
    for (unsigned turns = 0; turns < SAME_TIME_MAX && status == PX_BLOCKED; turns++) {
        uint64_t at = px_call_deadline(call);
        if (!advance(w, at) && at == UINT64_MAX)
            break;
        status = px_step(w->host, call, w->now_ns);
        settle(w);
    }
    if (status == PX_BLOCKED)
        px_cancel(w->host, call, w->now_ns);
}

/* Sleeps until somebody has ended the call. */
static void wait_end(struct world *w, struct px_call *call)
{
    struct waiter *v = free_waiter(w);
    if (!v) {
        px_cancel(w->host, call, w->now_ns);
        return;
    }
    v->used = true;
    v->over = false;
    v->thread = pthread_self();
    v->call = call;
    while (v->call == call)
        pthread_cond_wait(&v->ended, &w->lock);
}

int64_t world_call(struct world *w, struct px_call *call)
{
    pthread_mutex_lock(&w->lock);
    if (w->closing) {
        pthread_mutex_unlock(&w->lock);
        errno = EBADF;
        return -1;
    }
    w->inside++;
    if (call->op == PX_SOCKET)
        settings_read(w);
    enum px_status status = px_begin(w->host, call, w->now_ns);
    settle(w);
    if (status == PX_BLOCKED && pthread_equal(w->driver, pthread_self()))
        drive_end(w, call);
    else if (status == PX_BLOCKED)
        wait_end(w, call);
    w->inside--;
    if (w->closing)
        pthread_cond_broadcast(&w->asked);
    pthread_mutex_unlock(&w->lock);
    if (call->result < 0)
        errno = call->err;
    return call->result;
}

/* A thread whose call was given up still asks for the time: it must find something. */
void world_close(struct world *w)
{
    bool given_up = false;
    world_leave(w);
    pthread_mutex_lock(&w->lock);
    w->closing = true;
    for (int i = 0; i < WAITERS_MAX; i++) {
        struct waiter *v = &w->waiters[i];
        if (!v->used || v->over)
            continue;
        px_cancel(w->host, v->call, w->now_ns);
        finish(v);
        given_up = true;
    }
    struct timespec until = patience();
    while (w->inside > 0 && pthread_cond_timedwait(&w->asked, &w->lock, &until) == 0) {
    }
    px_destroy(w->host);
    w->host = NULL;
    drop_packets(w);
    bool left = w->inside > 0 || given_up;
    pthread_mutex_unlock(&w->lock);
    if (left) {
        world_keep(w);
        return;
    }
    for (int i = 0; i < WAITERS_MAX; i++)
        pthread_cond_destroy(&w->waiters[i].ended);
    pthread_cond_destroy(&w->asked);
    pthread_mutex_destroy(&w->lock);
    free(w);
}
