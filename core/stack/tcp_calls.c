/* The user calls of TCP on handles (RFC 9293 3.9.1): find the connection, let tcp/ do it, flush. */
#include "stack/stack.h"

#include "base/mem.h"
#include "tcp/decide.h"
#include "tcp/quick.h"

/* ---- the active OPEN ------------------------------------------------------------------------ */

static bool key_free(void *ctx, const struct flow_key *key)
{
    const struct la_stack *s = ctx;
    return !bind_port_used(&s->tcp_binds, key->lport) &&
           flow_find(&s->table, key, flow_hash(&s->table, key)) == 0;
}

/* The 4-tuple of a connection that opens: source by the route (MUST-44), port by RFC 6056. */
static int choose_key(struct la_stack *s, const struct la_endpoint *local,
                      const struct la_endpoint *remote, bool bound, struct flow_key *key,
                      struct ip_path *path)
{
    *key = (struct flow_key){.raddr = stack_addr_in(remote), .rport = remote->port};
    if (remote->port == 0 || !ip_is_unicast(&s->ip, &key->raddr)) {
        return LA_EINVAL; /* MUST-46 */
    }
    struct la_addr want = local ? stack_addr_in(local) : la_addr_any_v6();
    bool chosen = local && !la_addr_is_unspecified(&want); /* MUST-43 */
    if (chosen && !ip_is_local(&s->ip, &want)) {
        return LA_EADDRNOTAVAIL;
    }
    int err =
        ip_route(&s->ip, &key->raddr, remote->scope, chosen ? &want : NULL, s->env.now_ns, path);
    if (err) {
        return err;
    }
    key->laddr = path->src;
    if (!local || local->port == 0) {
        return ports_choose(&s->ports, key, key_free, s);
    }
    key->lport = local->port;
    if (flow_find(&s->table, key, flow_hash(&s->table, key))) {
        return LA_EADDRINUSE;
    }
    struct bind_entry as_bound = {.addr = key->laddr, .port = key->lport};
    list_init(&as_bound.link);
    return !bound && bind_taken(&s->tcp_binds, &as_bound) ? LA_EADDRINUSE : LA_OK;
}

static int open_key(struct la_stack *s, const struct flow_key *key, const struct ip_path *path,
                    const struct la_tcp_options *options, la_handle *handle)
{
    uint32_t index = stack_conn_new(s);
    if (!index) {
        return LA_ENOMEM;
    }
    struct conn *c = stack_conn_at(s, index);
    tcp_init(&c->tcb, &s->env, key, stack_conn_id(s), options, path->mtu);
    bool no_extra = !tcp_extra_pack(&c->tcb, &s->env, options);
    if (no_extra || flow_add(&s->table, FLOW_REF(FLOW_CONN, index)) != LA_OK) {
        tcp_extra_drop(&c->tcb, &s->env);
        slab_put(&s->conns, index);
        return LA_ENOMEM;
    }
    c->link = path->link;
    c->bits = CONN_HELD | CONN_TABLE;
    stack_trace_peer(s, key, c->tcb.conn);
    tcp_open(&c->tcb, &s->env);
    *handle = stack_conn_handle(s, index);
    stack_flush(s, index);
    return LA_OK;
}

int la_tcp_open(struct la_stack *s, const struct la_endpoint *local,
                const struct la_endpoint *remote, const struct la_tcp_options *options,
                la_handle *handle)
{
    struct la_tcp_options defaults;
    struct flow_key key;
    struct ip_path path;
    if (!options) {
        la_tcp_options_init(&defaults);
        options = &defaults;
    }
    if (!tcp_options_ok(options)) {
        return LA_EINVAL;
    }
    int err = choose_key(s, local, remote, options->reuse_addr, &key, &path);
    return err ? err : open_key(s, &key, &path, options, handle);
}

int la_tcp_open_bound(struct la_stack *s, la_handle bound, const struct la_endpoint *remote,
                      la_handle *handle)
{
    uint32_t index = stack_endpoint_of(s, bound);
    if (!index) {
        return LA_EBADF;
    }
    struct endpoint *e = stack_endpoint_at(s, index);
    if (e->kind != ENDPOINT_BOUND) {
        return LA_EISCONN;
    }
    struct la_endpoint local = stack_endpoint_out(&e->bind.addr, e->bind.port);
    struct flow_key key;
    struct ip_path path;
    int err = choose_key(s, &local, remote, true, &key, &path);
    if (!err) {
        err = open_key(s, &key, &path, &e->options, handle);
    }
    if (!err) {
        stack_endpoint_free(s, index);
    }
    return err;
}

/* ---- calls on a connection ------------------------------------------------------------------ */

int64_t la_tcp_send(struct la_stack *s, la_handle handle, const void *data, size_t len,
                    uint32_t flags)
{
    uint32_t index = stack_conn_of(s, handle);
    if (!index) {
        return LA_EBADF;
    }
    int64_t n = tcp_send(&stack_conn_at(s, index)->tcb, &s->env, data, len, flags);
    stack_flush(s, index);
    return n;
}

int la_tcp_reserve(struct la_stack *s, la_handle handle, void **data, size_t *len)
{
    uint32_t index = stack_conn_of(s, handle);
    return index ? tcp_reserve(&stack_conn_at(s, index)->tcb, &s->env, data, len) : LA_EBADF;
}

int la_tcp_commit(struct la_stack *s, la_handle handle, size_t len, uint32_t flags)
{
    uint32_t index = stack_conn_of(s, handle);
    if (!index) {
        return LA_EBADF;
    }
    int err = tcp_commit(&stack_conn_at(s, index)->tcb, &s->env, len, flags);
    stack_flush(s, index);
    return err;
}

int64_t la_tcp_lend(struct la_stack *s, la_handle handle, const void *data, size_t len,
                    uint64_t cookie, uint32_t flags)
{
    uint32_t index = stack_conn_of(s, handle);
    if (!index) {
        return LA_EBADF;
    }
    int64_t n = tcp_lend(&stack_conn_at(s, index)->tcb, &s->env, data, len, handle, cookie, flags);
    stack_flush(s, index);
    return n;
}

int la_tcp_released(struct la_stack *s, la_handle *handle, uint64_t *cookie)
{
    return buf_released(&s->pool, handle, cookie) ? 1 : 0;
}

int64_t la_tcp_recv(struct la_stack *s, la_handle handle, void *data, size_t len, uint32_t flags)
{
    uint32_t index = stack_conn_of(s, handle);
    if (!index) {
        return LA_EBADF;
    }
    int64_t n = tcp_recv(&stack_conn_at(s, index)->tcb, &s->env, data, len, flags);
    stack_flush(s, index);
    return n;
}

int64_t la_tcp_peek(struct la_stack *s, la_handle handle, const void **data)
{
    uint32_t index = stack_conn_of(s, handle);
    return index ? tcp_peek(&stack_conn_at(s, index)->tcb, data) : LA_EBADF;
}

int la_tcp_consume(struct la_stack *s, la_handle handle, size_t len)
{
    uint32_t index = stack_conn_of(s, handle);
    if (!index) {
        return LA_EBADF;
    }
    int err = tcp_consume(&stack_conn_at(s, index)->tcb, &s->env, len);
    stack_flush(s, index);
    return err;
}

int64_t la_tcp_take(struct la_stack *s, la_handle handle, struct la_buf **buf)
{
    uint32_t index = stack_conn_of(s, handle);
    if (!index) {
        return LA_EBADF;
    }
    int64_t n = tcp_take(&stack_conn_at(s, index)->tcb, &s->env, buf);
    stack_flush(s, index);
    return n;
}

int la_tcp_shutdown(struct la_stack *s, la_handle handle)
{
    uint32_t index = stack_conn_of(s, handle);
    if (!index) {
        return stack_endpoint_of(s, handle) ? LA_ENOTCONN : LA_EBADF;
    }
    int err = tcp_shutdown(&stack_conn_at(s, index)->tcb, &s->env);
    stack_flush(s, index);
    return err;
}

/* The handle is given up: nothing is reported of it any more. */
static void let_go(struct la_stack *s, uint32_t index)
{
    struct conn *c = stack_conn_at(s, index);
    c->bits &= (uint8_t)~CONN_HELD;
    if (c->bits & CONN_READY) {
        c->bits &= (uint8_t)~CONN_READY;
        index_list_remove(&s->ready_conns, index);
    }
    stack_flush(s, index);
}

int la_tcp_close(struct la_stack *s, la_handle handle)
{
    uint32_t index = stack_conn_of(s, handle);
    if (index) {
        tcp_close(&stack_conn_at(s, index)->tcb, &s->env);
        let_go(s, index);
        return LA_OK;
    }
    index = stack_endpoint_of(s, handle);
    if (!index || stack_endpoint_at(s, index)->kind == ENDPOINT_UDP) {
        return LA_EBADF;
    }
    stack_endpoint_close(s, index);
    return LA_OK;
}

int la_tcp_abort(struct la_stack *s, la_handle handle, enum la_reason why)
{
    uint32_t index = stack_conn_of(s, handle);
    if (!index) {
        return LA_EBADF;
    }
    struct tcb *t = &stack_conn_at(s, index)->tcb;
    t->flags |= TCP_F_APP_CLOSED;
    if (t->state != LA_TCP_TIME_WAIT && t->state != LA_TCP_CLOSED) {
        tcp_note(t, &s->env, LA_TRACE_CALL, LA_CALL_ABORT, 0, 0);
        tcp_abort(t, &s->env, why);
    }
    let_go(s, index);
    return LA_OK;
}

/* ---- STATUS and options --------------------------------------------------------------------- */

static int endpoint_info(struct la_stack *s, la_handle handle, struct la_tcp_info *info)
{
    uint32_t index = stack_endpoint_of(s, handle);
    const struct endpoint *e = index ? stack_endpoint_at(s, index) : NULL;
    if (!e || e->kind == ENDPOINT_UDP) {
        return LA_EBADF;
    }
    *info = (struct la_tcp_info){
        .local = stack_endpoint_out(&e->bind.addr, e->bind.port),
        .state = e->kind == ENDPOINT_LISTENER ? LA_TCP_LISTEN : LA_TCP_CLOSED,
        .accept_waiting = e->accept_count,
        .accept_total = e->accept_total,
        .cc = la_cc_name(e->options.cc),
    };
    return LA_OK;
}

int la_tcp_info(struct la_stack *s, la_handle handle, struct la_tcp_info *info)
{
    uint32_t index = stack_conn_of(s, handle);
    if (!index) {
        return endpoint_info(s, handle, info);
    }
    const struct conn *c = stack_conn_at(s, index);
    tcp_info(&c->tcb, &s->env, info);
    if (c->bits & CONN_WAIT) {
        info->time_wait_left_ms = stack_wait_left_ms(s, c);
        info->state = info->time_wait_left_ms ? LA_TCP_TIME_WAIT : LA_TCP_CLOSED;
    }
    return LA_OK;
}

int la_tcp_local(struct la_stack *s, la_handle handle, struct la_endpoint *local)
{
    uint32_t index = stack_conn_of(s, handle);
    if (index) {
        const struct flow_key *key = &stack_conn_at(s, index)->tcb.key;
        *local = stack_endpoint_out(&key->laddr, key->lport);
        return LA_OK;
    }
    index = stack_endpoint_of(s, handle);
    if (!index) {
        return LA_EBADF;
    }
    const struct bind_entry *b = &stack_endpoint_at(s, index)->bind;
    *local = stack_endpoint_out(&b->addr, b->port);
    return LA_OK;
}

int la_tcp_get_options(struct la_stack *s, la_handle handle, struct la_tcp_options *options)
{
    uint32_t index = stack_conn_of(s, handle);
    if (index) {
        const struct tcb *t = &stack_conn_at(s, index)->tcb;
        tcp_options_unpack(options, &t->opt);
        tcp_extra_unpack(options, t, &s->env);
        return LA_OK;
    }
    index = stack_endpoint_of(s, handle);
    if (!index) {
        return LA_EBADF;
    }
    *options = stack_endpoint_at(s, index)->options;
    return LA_OK;
}

/* What the SYN agreed on stays. */
static int change_options(struct la_stack *s, uint32_t index, const struct la_tcp_options *options)
{
    struct conn *c = stack_conn_at(s, index);
    if (!tcp_extra_pack(&c->tcb, &s->env, options)) {
        return LA_ENOMEM;
    }
    const uint16_t fixed = TCP_OPT_WSCALE | TCP_OPT_TS | TCP_OPT_SACK;
    uint16_t agreed = c->tcb.opt.bits & fixed;
    uint32_t sndbuf = c->tcb.opt.sndbuf, rcvbuf = c->tcb.opt.rcvbuf;
    tcp_options_pack(&c->tcb.opt, options);
    /* A buffer that follows the path begins with what there is. */
    c->tcb.opt.sndbuf = options->sndbuf_bytes ? c->tcb.opt.sndbuf : sndbuf;
    c->tcb.opt.rcvbuf = options->rcvbuf_bytes ? c->tcb.opt.rcvbuf : rcvbuf;
    if (options->window_clamp != 0 && c->tcb.opt.rcvbuf > options->window_clamp) {
        c->tcb.opt.rcvbuf = options->window_clamp;
    }
    c->tcb.opt.bits = (uint16_t)((c->tcb.opt.bits & ~fixed) | agreed);
    tcp_set_cc(&c->tcb, &s->env);
    tcp_set_mss(&c->tcb, c->tcb.path_mtu);
    if (c->tcb.state >= LA_TCP_ESTABLISHED && c->tcb.state != LA_TCP_TIME_WAIT) {
        tcp_arm_keepalive(&c->tcb, &s->env);
    }
    c->tcb.todo |= TCP_DO_OUTPUT | TCP_DO_TIMER; /* CORK and Nagle may let something go */
    stack_path_forget(s, index);                 /* tos and ttl: SHLD-21, MUST-49 */
    stack_flush(s, index);
    return LA_OK;
}

int la_tcp_set_options(struct la_stack *s, la_handle handle, const struct la_tcp_options *options)
{
    uint32_t index = stack_conn_of(s, handle);
    if (!tcp_options_ok(options)) {
        return LA_EINVAL;
    }
    if (index) {
        return change_options(s, index, options);
    }
    index = stack_endpoint_of(s, handle);
    if (!index) {
        return LA_EBADF;
    }
    struct endpoint *e = stack_endpoint_at(s, index);
    bool v6_only = e->options.v6_only;
    e->options = *options;
    e->options.v6_only = v6_only;
    e->bind.reuse = options->reuse_addr;
    return LA_OK;
}

int la_tcp_quick_ack(struct la_stack *s, la_handle handle, int on)
{
    uint32_t index = stack_conn_of(s, handle);
    if (!index) {
        return LA_EBADF;
    }
    int was = tcp_quick_set(&stack_conn_at(s, index)->tcb, &s->env, on);
    stack_flush(s, index);
    return was;
}

int la_tcp_set_user(struct la_stack *s, la_handle handle, uint64_t user)
{
    uint32_t index = stack_conn_of(s, handle);
    if (index) {
        stack_conn_at(s, index)->user = user;
        return LA_OK;
    }
    index = stack_endpoint_of(s, handle);
    if (!index) {
        return LA_EBADF;
    }
    stack_endpoint_at(s, index)->user = user;
    return LA_OK;
}
