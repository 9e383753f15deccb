/* Handles, readiness, and the flush: what follows when TCP has changed a connection.
 *
 * A handle is a kind, the identifier of what it names (never used twice in 2^31) and its index; a
 * stale one finds another identifier, or none. Readiness is a level: a queue with at most one
 * entry a handle, which stays while anything the application asked for holds. */
#include "stack/stack.h"

#include "base/mem.h"
#include "tcp/flight.h"

#define HANDLE_CONN     UINT64_C(1)
#define HANDLE_ENDPOINT UINT64_C(2)

#define WANT_ALWAYS (LA_EV_ERROR | LA_EV_RELEASED)
#define WANT_DEFAULT                                                                          \
    (LA_EV_ACCEPTABLE | LA_EV_CONNECTED | LA_EV_READABLE | LA_EV_PEER_CLOSED | LA_EV_CLOSED | \
     LA_EV_URGENT | LA_EV_SOFT_ERROR)
#define LEVELS (LA_EV_READABLE | LA_EV_WRITABLE | LA_EV_ACCEPTABLE)

static la_handle handle_of(uint64_t kind, uint32_t id, uint32_t index)
{
    return kind << 62 | (uint64_t)(id & 0x7fffffffU) << 31 | index;
}

la_handle stack_conn_handle(const struct la_stack *s, uint32_t index)
{
    return handle_of(HANDLE_CONN, stack_conn_at(s, index)->tcb.conn, index);
}

la_handle stack_endpoint_handle(const struct la_stack *s, uint32_t index)
{
    return handle_of(HANDLE_ENDPOINT, stack_endpoint_at(s, index)->id, index);
}

static bool in_slab(const struct slab *slab, uint32_t index)
{
    return index != 0 && index >> slab->shift < slab->chunk_count &&
           slab->chunks[index >> slab->shift].objects;
}

static uint32_t index_of(la_handle handle)
{
    return (uint32_t)handle & 0x7fffffffU;
}

static uint32_t id_of(la_handle handle)
{
    return (uint32_t)(handle >> 31) & 0x7fffffffU;
}

uint32_t stack_conn_of(const struct la_stack *s, la_handle handle)
{
    uint32_t index = index_of(handle);
    if (handle >> 62 != HANDLE_CONN || !in_slab(&s->conns, index)) {
        return 0;
    }
    const struct conn *c = stack_conn_at(s, index);
    return c->tcb.conn == id_of(handle) && (c->bits & CONN_HELD) ? index : 0;
}

uint32_t stack_endpoint_of(const struct la_stack *s, la_handle handle)
{
    uint32_t index = index_of(handle);
    if (handle >> 62 != HANDLE_ENDPOINT || !in_slab(&s->endpoints, index)) {
        return 0;
    }
    const struct endpoint *e = stack_endpoint_at(s, index);
    return e->id == id_of(handle) && e->kind != ENDPOINT_FREE ? index : 0;
}

/* ---- connections: birth and death ----------------------------------------------------------- */

uint32_t stack_conn_id(struct la_stack *s)
{
    s->last_conn = s->last_conn == 0x7fffffffU ? 1 : s->last_conn + 1;
    return s->last_conn;
}

uint32_t stack_conn_new(struct la_stack *s)
{
    uint32_t index = slab_get(&s->conns);
    if (index) {
        struct conn *c = stack_conn_at(s, index);
        timer_init(&c->timer);
        c->index = index;
        c->want = WANT_DEFAULT;
    }
    return index;
}

static void leave_accept_queue(struct la_stack *s, struct conn *c, uint32_t index)
{
    struct endpoint *e = stack_endpoint_at(s, c->owner);
    uint32_t before = 0;
    for (uint32_t i = e->accept_head; i != 0 && i != index; i = stack_conn_at(s, i)->ready.next) {
        before = i;
    }
    if (before) {
        stack_conn_at(s, before)->ready.next = c->ready.next;
    } else {
        e->accept_head = c->ready.next;
    }
    if (e->accept_tail == index) {
        e->accept_tail = before;
    }
    e->accept_count--;
}

void stack_conn_gone(struct la_stack *s, uint32_t index)
{
    struct conn *c = stack_conn_at(s, index);
    if (c->bits & CONN_TABLE) {
        flow_remove(&s->table, FLOW_REF(FLOW_CONN, index));
        c->bits &= (uint8_t)~CONN_TABLE;
    }
    wheel_cancel(&s->wheel, &c->timer);
    if ((c->bits & CONN_PENDING) && !s->env.persona.accept_dead) {
        /* It died before anybody accepted it. */
        leave_accept_queue(s, c, index);
        c->bits &= (uint8_t)~CONN_PENDING;
    }
}

void stack_conn_free_if_done(struct la_stack *s, uint32_t index)
{
    struct conn *c = stack_conn_at(s, index);
    bool speaks = (c->tcb.flags & TCP_F_RST_QUEUED) != 0;
    bool over = c->tcb.state == LA_TCP_CLOSED || (c->bits & CONN_WAIT);
    if (!over || speaks ||
        (c->bits & (CONN_HELD | CONN_TABLE | CONN_PENDING | CONN_TOUCHED)) != 0) {
        return;
    }
    stack_output_unqueue(s, c, index);
    if (c->bits & CONN_READY) {
        index_list_remove(&s->ready_conns, index);
    }
    wheel_cancel(&s->wheel, &c->timer);
    stack_path_forget(s, index);
    stack_flight_forget(s, &c->tcb);
    tcp_release(&c->tcb, &s->env);
    c->tcb.conn = 0; /* handles to it are stale now */
    slab_put(&s->conns, index);
}

/* ---- the flush ------------------------------------------------------------------------------ */

void stack_touch(struct la_stack *s, uint32_t index)
{
    struct conn *c = stack_conn_at(s, index);
    if (!(c->bits & CONN_TOUCHED)) {
        c->bits |= CONN_TOUCHED;
        c->next_touched = s->touched;
        s->touched = index;
    }
}

/* What TCP calls by its own names is news for the application. */
static uint32_t news_of(uint32_t todo)
{
    uint32_t news = 0;
    news |= (todo & TCP_DO_READABLE) ? LA_EV_READABLE : 0;
    news |= (todo & TCP_DO_WRITABLE) ? LA_EV_WRITABLE : 0;
    news |= (todo & TCP_DO_CONNECTED) ? LA_EV_CONNECTED : 0;
    news |= (todo & TCP_DO_PEER_CLOSED) ? LA_EV_PEER_CLOSED : 0;
    news |= (todo & TCP_DO_ERROR) ? LA_EV_ERROR : 0;
    news |= (todo & TCP_DO_CLOSED) ? LA_EV_CLOSED : 0;
    news |= (todo & TCP_DO_URGENT) ? LA_EV_URGENT : 0;
    news |= (todo & TCP_DO_SOFT_ERROR) ? LA_EV_SOFT_ERROR : 0;
    return news;
}

static void confirm_path(struct la_stack *s, uint32_t index)
{
    const struct conn *c = stack_conn_at(s, index);
    struct path_slot *slot = &s->paths[index % PATH_SLOTS];
    if (slot->conn == c->tcb.conn) {
        ip_confirm(&s->ip, &slot->path, s->env.now_ns);
    }
}

/* It has something to send and no memory to keep account of it: others that are idle give way. */
static void find_flight(struct la_stack *s, struct tcb *t)
{
    bool wants = t->state >= LA_TCP_ESTABLISHED && t->state != LA_TCP_TIME_WAIT &&
                 (seq_lt(t->snd_nxt, t->snd_end) || (t->flags & TCP_F_FIN_QUEUED));
    while (wants && !tcp_flight_get(t, &s->env) && stack_flights_spare(s)) {
    }
}

void stack_flush(struct la_stack *s, uint32_t index)
{
    struct conn *c = stack_conn_at(s, index);
    uint32_t todo = c->tcb.todo;
    c->tcb.todo = 0;

    if (todo & TCP_DO_PROGRESS) {
        confirm_path(s, index);
    }
    if (todo & TCP_DO_DOUBT) {
        stack_path_forget(s, index); /* RFC 9293 3.8.3, MUST-20: look for the route again */
    }
    if (todo & TCP_DO_PATH_MTU) {
        (void)ip_pmtu_found(&s->ip, &c->tcb.key.raddr, c->link, c->tcb.path_mtu, s->env.now_ns);
        s->path_version++;
    }
    uint32_t news = news_of(todo);
    if (news) {
        stack_conn_ready(s, index, news);
        if (c->tcb.extra) {
            stack_fastopen_settled(s, c);
        }
    }
    if (todo & TCP_DO_GONE) {
        stack_conn_gone(s, index);
    }
    if (todo & TCP_DO_OUTPUT) {
        if (!c->tcb.flight) {
            find_flight(s, &c->tcb);
        }
        stack_output_queue(s, index);
    }
    if (c->tcb.flight) {
        stack_flight_changed(s, &c->tcb);
    }
    if (c->tcb.state == LA_TCP_TIME_WAIT && !(c->bits & CONN_WAIT) &&
        !(c->tcb.flags & TCP_F_ACK_NOW)) {
        stack_wait_begin(s, index); /* the ACK of the FIN has left */
    }
    if (todo & TCP_DO_TIMER) {
        stack_arm(s, c);
    }
    stack_conn_free_if_done(s, index);
}

void stack_flush_touched(struct la_stack *s)
{
    while (s->touched) {
        uint32_t index = s->touched;
        struct conn *c = stack_conn_at(s, index);
        s->touched = c->next_touched;
        c->bits &= (uint8_t)~CONN_TOUCHED;
        stack_flush(s, index);
    }
}

/* ---- events --------------------------------------------------------------------------------- */

void stack_conn_ready(struct la_stack *s, uint32_t index, uint32_t news)
{
    struct conn *c = stack_conn_at(s, index);
    c->news |= (uint16_t)news;
    if ((c->bits & CONN_HELD) && !(c->bits & CONN_READY) &&
        (c->news & (c->want | WANT_ALWAYS)) != 0) {
        c->bits |= CONN_READY;
        index_list_append(&s->ready_conns, index);
    }
}

void stack_endpoint_ready(struct la_stack *s, uint32_t index)
{
    struct endpoint *e = stack_endpoint_at(s, index);
    if (!e->ready_queued) {
        e->ready_queued = true;
        index_list_append(&s->ready_endpoints, index);
    }
}

static uint32_t conn_events(const struct la_stack *s, const struct conn *c)
{
    uint32_t levels = tcp_ready(&c->tcb, &s->env) & LEVELS;
    return (levels | (c->news & ~(uint32_t)LEVELS)) & (c->want | WANT_ALWAYS);
}

static uint32_t endpoint_events(const struct endpoint *e)
{
    uint32_t ev = 0;
    ev |= e->accept_head ? LA_EV_ACCEPTABLE : 0;
    if (e->kind == ENDPOINT_UDP) {
        ev |= e->udp.rcv.head || e->udp.error ? LA_EV_READABLE : 0;
        ev |= e->udp.error ? LA_EV_ERROR : 0;
        ev |= e->udp.snd.bytes <= e->udp.snd_max / 2 ? LA_EV_WRITABLE : 0; /* any datagram fits */
    }
    return ev & (e->want | WANT_ALWAYS);
}

static bool poll_conn(struct la_stack *s, uint32_t index, struct la_event *event)
{
    struct conn *c = stack_conn_at(s, index);
    index_list_remove(&s->ready_conns, index);
    c->bits &= (uint8_t)~CONN_READY;
    uint32_t events = conn_events(s, c);
    if (events == 0) {
        return false;
    }
    int32_t error = c->tcb.error ? c->tcb.error : c->tcb.soft_error;
    *event = (struct la_event){.handle = stack_conn_handle(s, index),
                               .user = c->user,
                               .events = events,
                               .error = (events & (LA_EV_ERROR | LA_EV_SOFT_ERROR)) ? error : 0};
    c->news = 0;
    if (events & LEVELS) {
        stack_conn_ready(s, index, events & LEVELS); /* a level: it stays while it holds */
    }
    return true;
}

static bool poll_endpoint(struct la_stack *s, uint32_t index, struct la_event *event)
{
    struct endpoint *e = stack_endpoint_at(s, index);
    index_list_remove(&s->ready_endpoints, index);
    e->ready_queued = false;
    uint32_t events = endpoint_events(e);
    if (events == 0) {
        return false;
    }
    *event = (struct la_event){.handle = stack_endpoint_handle(s, index),
                               .user = e->user,
                               .events = events,
                               .error = e->kind == ENDPOINT_UDP ? e->udp.error : 0};
    stack_endpoint_ready(s, index);
    return true;
}

size_t la_stack_poll(struct la_stack *s, struct la_event *events, size_t max)
{
    size_t n = 0;
    uint64_t owner;

    if (n < max && buf_released_owner(&s->pool, &owner)) {
        events[n++] = (struct la_event){.handle = owner, .events = LA_EV_RELEASED};
    }
    for (uint32_t left = s->ready_endpoints.count; left != 0 && n < max; left--) {
        n += poll_endpoint(s, s->ready_endpoints.head, &events[n]) ? 1 : 0;
    }
    for (uint32_t left = s->ready_conns.count; left != 0 && n < max; left--) {
        n += poll_conn(s, s->ready_conns.head, &events[n]) ? 1 : 0;
    }
    return n;
}

int la_stack_want(struct la_stack *s, la_handle handle, uint32_t events)
{
    uint32_t index = stack_conn_of(s, handle);
    if (index) {
        struct conn *c = stack_conn_at(s, index);
        c->want = (uint16_t)events;
        stack_conn_ready(s, index, tcp_ready(&c->tcb, &s->env) & LEVELS);
        return LA_OK;
    }
    index = stack_endpoint_of(s, handle);
    if (!index) {
        return LA_EBADF;
    }
    struct endpoint *e = stack_endpoint_at(s, index);
    e->want = (uint16_t)events;
    if (endpoint_events(e)) {
        stack_endpoint_ready(s, index);
    }
    return LA_OK;
}

int la_stack_ready(struct la_stack *s, la_handle handle)
{
    uint32_t index = stack_conn_of(s, handle);
    if (index) {
        return (int)tcp_ready(&stack_conn_at(s, index)->tcb, &s->env);
    }
    index = stack_endpoint_of(s, handle);
    if (!index) {
        return LA_EBADF;
    }
    struct endpoint e = *stack_endpoint_at(s, index);
    e.want = UINT16_MAX;
    return (int)endpoint_events(&e);
}
