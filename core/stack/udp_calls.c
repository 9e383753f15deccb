/* The user calls of UDP on handles (RFC 768, RFC 1122 4.1.4). */
#include "stack/stack.h"

#include "base/mem.h"
#include "base/scope.h"

#define UDP_QUEUE_BYTES (256 * 1024)

int la_udp_open(struct la_stack *s, const struct la_endpoint *local, la_handle *handle)
{
    struct la_addr addr = stack_addr_in(local);
    uint32_t index;
    if (!la_addr_is_unspecified(&addr) && !ip_is_local(&s->ip, &addr)) {
        return LA_EADDRNOTAVAIL;
    }
    int err = stack_endpoint_new(s, ENDPOINT_UDP, &index);
    if (err) {
        return err;
    }
    struct endpoint *e = stack_endpoint_at(s, index);
    udp_endpoint_init(&e->udp, UDP_QUEUE_BYTES, UDP_QUEUE_BYTES);
    e->bind.addr = addr;
    e->bind.port = local->port;
    e->bind.listening = true;
    err = stack_bind_enter(s, &s->udp_binds, &e->bind);
    if (err) {
        stack_endpoint_free(s, index);
        return err;
    }
    *handle = stack_endpoint_handle(s, index);
    return LA_OK;
}

static struct endpoint *udp_of(struct la_stack *s, la_handle handle, uint32_t *index)
{
    *index = stack_endpoint_of(s, handle);
    struct endpoint *e = *index ? stack_endpoint_at(s, *index) : NULL;
    return e && e->kind == ENDPOINT_UDP ? e : NULL;
}

int la_udp_connect(struct la_stack *s, la_handle handle, const struct la_endpoint *remote)
{
    uint32_t index;
    struct endpoint *e = udp_of(s, handle, &index);
    if (!e) {
        return LA_EBADF;
    }
    e->udp.raddr = stack_addr_in(remote);
    e->udp.rport = remote->port;
    e->udp.connected = remote->port != 0;
    return LA_OK;
}

/* Where a datagram goes: the named endpoint, or the connected one. */
static int destination(const struct endpoint *e, const struct la_endpoint *to, struct la_addr *addr,
                       uint16_t *port)
{
    if (to) {
        *addr = stack_addr_in(to);
        *port = to->port;
        return to->port ? LA_OK : LA_EINVAL;
    }
    *addr = e->udp.raddr;
    *port = e->udp.rport;
    return e->udp.connected ? LA_OK : LA_ENOTCONN;
}

int64_t la_udp_send(struct la_stack *s, la_handle handle, const struct la_endpoint *to,
                    const void *data, size_t len)
{
    uint32_t index;
    struct la_addr dst;
    uint16_t port;
    struct ip_path path;
    struct endpoint *e = udp_of(s, handle, &index);
    if (!e) {
        return LA_EBADF;
    }
    int err = udp_take_error(&e->udp);
    if (err || (err = destination(e, to, &dst, &port))) {
        return err;
    }
    if (len > (la_addr_is_v4(&dst) ? UDP_PAYLOAD_MAX_V4 : UDP_PAYLOAD_MAX_V6)) {
        return LA_EMSGSIZE;
    }
    bool any = la_addr_is_unspecified(&e->bind.addr);
    err = ip_route(&s->ip, &dst, to ? to->scope : 0, any ? NULL : &e->bind.addr, s->env.now_ns,
                   &path);
    if (err) {
        return err;
    }
    if (!udp_send_room(&e->udp, IP_OUT_ROOM, len)) {
        return LA_EAGAIN;
    }
    struct la_addr wire_src = addr_on_wire(&path.src);
    struct la_addr wire_dst = addr_on_wire(&dst);
    uint32_t pseudo = wire_sum_pseudo(&wire_src, &wire_dst, WIRE_PROTO_UDP, 0);
    struct la_buf *buf = udp_build(&s->pool, IP_OUT_ROOM, e->bind.port, port, data, len, pseudo,
                                   s->env.sum->copy_sum);
    if (!buf) {
        return LA_ENOBUFS;
    }
    struct ip_out_info info = {.path = &path,
                               .dst = &dst,
                               .proto = WIRE_PROTO_UDP,
                               .ttl = e->udp.ttl,
                               .tos = e->udp.tos,
                               .reason = LA_UDP_DATAGRAM};
    ip_out_init(&s->ip, buf, &info);
    udp_send_push(&e->udp, buf);
    stack_datagram_queue(s, index);
    return (int64_t)len;
}

int64_t la_udp_recv(struct la_stack *s, la_handle handle, struct la_endpoint *from, void *data,
                    size_t len)
{
    uint32_t index;
    struct endpoint *e = udp_of(s, handle, &index);
    if (!e) {
        return LA_EBADF;
    }
    int64_t n = udp_recv(&e->udp, &s->pool, from, data, len);
    if (n >= 0 && from) {
        from->scope = addr_scope_leave(&from->addr);
    }
    return n;
}

int la_udp_set_ip(struct la_stack *s, la_handle handle, uint8_t ttl, uint8_t tos)
{
    uint32_t index;
    struct endpoint *e = udp_of(s, handle, &index);
    if (!e) {
        return LA_EBADF;
    }
    if (ttl == 0 || (tos & 3) != 0) {
        return LA_EINVAL;
    }
    e->udp.ttl = ttl;
    e->udp.tos = tos;
    return LA_OK;
}

int la_udp_local(struct la_stack *s, la_handle handle, struct la_endpoint *local)
{
    uint32_t index;
    const struct endpoint *e = udp_of(s, handle, &index);
    if (!e) {
        return LA_EBADF;
    }
    *local = stack_endpoint_out(&e->bind.addr, e->bind.port);
    return LA_OK;
}

int la_udp_set_user(struct la_stack *s, la_handle handle, uint64_t user)
{
    uint32_t index;
    struct endpoint *e = udp_of(s, handle, &index);
    if (!e) {
        return LA_EBADF;
    }
    e->user = user;
    return LA_OK;
}

int la_udp_close(struct la_stack *s, la_handle handle)
{
    uint32_t index;
    if (!udp_of(s, handle, &index)) {
        return LA_EBADF;
    }
    stack_endpoint_free(s, index);
    return LA_OK;
}
