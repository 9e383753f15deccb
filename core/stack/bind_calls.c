/* Local endpoints: bind, listen, accept (RFC 9293 3.9.1.1, the passive OPEN). */
#include "stack/stack.h"

#include "base/mem.h"

struct la_addr stack_addr_in(const struct la_endpoint *e)
{
    struct la_addr a = e->addr;
    addr_scope_enter(&a, e->scope);
    return a;
}

struct la_endpoint stack_endpoint_out(const struct la_addr *addr, uint16_t port)
{
    struct la_endpoint e = {.addr = *addr, .port = port};
    e.scope = addr_scope_leave(&e.addr);
    return e;
}

int stack_endpoint_new(struct la_stack *s, enum endpoint_kind kind, uint32_t *index)
{
    *index = slab_get(&s->endpoints);
    if (!*index) {
        return LA_ENOMEM;
    }
    struct endpoint *e = stack_endpoint_at(s, *index);
    s->last_endpoint = s->last_endpoint == 0x7fffffffU ? 1 : s->last_endpoint + 1;
    e->id = s->last_endpoint;
    e->kind = (uint8_t)kind;
    e->want = LA_EV_ACCEPTABLE | LA_EV_READABLE | LA_EV_ERROR;
    e->bind.owner = *index;
    list_init(&e->bind.link);
    return LA_OK;
}

void stack_endpoint_free(struct la_stack *s, uint32_t index)
{
    struct endpoint *e = stack_endpoint_at(s, index);
    if (e->ready_queued) {
        index_list_remove(&s->ready_endpoints, index);
    }
    if (e->out_queued) {
        index_list_remove(&s->links[e->out_link].datagrams, index);
    }
    bind_remove(&e->bind);
    if (e->kind == ENDPOINT_UDP) {
        udp_endpoint_clear(&e->udp, &s->pool);
    }
    e->id = 0;
    e->kind = ENDPOINT_FREE;
    slab_put(&s->endpoints, index);
}

/* SO_REUSEADDR: without it, an endpoint waits until TIME-WAIT is over for its port. Connections
 * that are still open do not hold the port: their 4-tuples cannot be taken by anybody. */
static bool port_in_wait(const struct la_stack *s, const struct bind_entry *b)
{
    for (uint32_t i = s->waits.head; i; i = stack_time_wait_at(s, i)->link.next) {
        const struct tcp_time_wait *w = stack_time_wait_at(s, i);
        const struct bind_entry waits = {.addr = w->key.laddr, .port = w->key.lport};
        if (bind_conflict(b, &waits)) {
            return true;
        }
    }
    return false;
}

int stack_bind_enter(struct la_stack *s, struct bind_table *table, struct bind_entry *b)
{
    if (b->port != 0) {
        return bind_add(table, b);
    }
    /* RFC 6056 3.2: a random start, then every port of the range once. */
    uint32_t span = (uint32_t)s->config.port_last - s->config.port_first + 1;
    uint32_t at = prng_below(&s->prng, span);
    for (uint32_t i = 0; i < span; i++) {
        b->port = (uint16_t)(s->config.port_first + (at + i) % span);
        if (!bind_port_used(table, b->port) && bind_add(table, b) == LA_OK) {
            return LA_OK;
        }
    }
    b->port = 0;
    return LA_EADDRINUSE;
}

static int check_local(const struct la_stack *s, const struct la_addr *addr)
{
    return la_addr_is_unspecified(addr) || ip_is_local(&s->ip, addr) ? LA_OK : LA_EADDRNOTAVAIL;
}

int la_tcp_bind(struct la_stack *s, const struct la_endpoint *local,
                const struct la_tcp_options *options, la_handle *handle)
{
    struct la_addr addr = stack_addr_in(local);
    uint32_t index;
    int err = options && !tcp_options_ok(options) ? LA_EINVAL : check_local(s, &addr);
    if (err || (err = stack_endpoint_new(s, ENDPOINT_BOUND, &index))) {
        return err;
    }
    struct endpoint *e = stack_endpoint_at(s, index);
    if (options) {
        e->options = *options;
    } else {
        la_tcp_options_init(&e->options);
    }
    e->bind.addr = addr;
    e->bind.port = local->port;
    e->bind.v6_only = e->options.v6_only;
    e->bind.reuse = e->options.reuse_addr;
    err = local->port != 0 && !e->bind.reuse && port_in_wait(s, &e->bind)
              ? LA_EADDRINUSE
              : stack_bind_enter(s, &s->tcp_binds, &e->bind);
    if (err) {
        stack_endpoint_free(s, index);
        return err;
    }
    *handle = stack_endpoint_handle(s, index);
    return LA_OK;
}

/* MUST-41: makes a record of its own; connections of the port go on, also while they open
 * (MUST-42). */
int la_tcp_listen_bound(struct la_stack *s, la_handle handle)
{
    uint32_t index = stack_endpoint_of(s, handle);
    if (!index) {
        return LA_EBADF;
    }
    struct endpoint *e = stack_endpoint_at(s, index);
    if (e->kind == ENDPOINT_LISTENER) {
        return LA_OK;
    }
    if (e->kind != ENDPOINT_BOUND) {
        return LA_EOPNOTSUPP;
    }
    e->bind.listening = true;
    if (bind_taken(&s->tcp_binds, &e->bind)) {
        e->bind.listening = false; /* and keeps the port it has */
        return LA_EADDRINUSE;
    }
    e->kind = ENDPOINT_LISTENER;
    struct la_trace_record r = {.time_ns = s->env.now_ns,
                                .ack = (uint32_t)e->bind.port << 16,
                                .reason = LA_CALL_LISTEN,
                                .what_state = LA_TRACE_PACK(LA_TRACE_CALL, LA_TCP_LISTEN)};
    trace_put(&s->trace, NULL, &r);
    return LA_OK;
}

int la_tcp_listen(struct la_stack *s, const struct la_endpoint *local,
                  const struct la_tcp_options *options, la_handle *handle)
{
    int err = la_tcp_bind(s, local, options, handle);
    if (err) {
        return err;
    }
    err = la_tcp_listen_bound(s, *handle);
    if (err) {
        stack_endpoint_free(s, stack_endpoint_of(s, *handle));
    }
    return err;
}

int la_tcp_accept(struct la_stack *s, la_handle listener, la_handle *handle)
{
    uint32_t index = stack_endpoint_of(s, listener);
    if (!index) {
        return LA_EBADF;
    }
    struct endpoint *e = stack_endpoint_at(s, index);
    if (e->kind != ENDPOINT_LISTENER) {
        return LA_EINVAL;
    }
    uint32_t conn = e->accept_head;
    if (!conn) {
        return LA_EAGAIN;
    }
    struct conn *c = stack_conn_at(s, conn);
    e->accept_head = c->ready.next;
    if (!e->accept_head) {
        e->accept_tail = 0;
    }
    e->accept_count--;
    c->bits = (uint8_t)((c->bits & ~CONN_PENDING) | CONN_HELD);
    c->owner = 0;
    tcp_note(&c->tcb, &s->env, LA_TRACE_CALL, LA_CALL_ACCEPT, 0, 0);
    *handle = stack_conn_handle(s, conn);
    stack_conn_ready(s, conn, c->news | (tcp_ready(&c->tcb, &s->env) & LA_EV_READABLE));
    stack_flush(s, conn);
    return LA_OK;
}

/* RFC 9293 3.10.4: "any outstanding RECEIVEs are returned"; whoever was not accepted gets a reset,
 * because nobody will ever read what it sends. */
void stack_endpoint_close(struct la_stack *s, uint32_t index)
{
    struct endpoint *e = stack_endpoint_at(s, index);
    while (e->accept_head) {
        uint32_t conn = e->accept_head;
        struct conn *c = stack_conn_at(s, conn);
        e->accept_head = c->ready.next;
        e->accept_count--;
        c->bits &= (uint8_t)~CONN_PENDING;
        c->owner = 0;
        c->tcb.flags |= TCP_F_APP_CLOSED;
        tcp_abort(&c->tcb, &s->env, LA_RST_LISTENER_CLOSED);
        stack_flush(s, conn);
    }
    for (unsigned i = 0; e->half_open != 0 && i <= HALF_OPEN_RETRIES; i++) {
        uint32_t next;
        for (uint32_t h = s->half_lists[i].head; h; h = next) {
            next = stack_half_open_at(s, h)->link.next;
            if (stack_half_open_at(s, h)->listener == index) {
                stack_half_open_remove(s, h);
            }
        }
    }
    stack_endpoint_free(s, index);
}
