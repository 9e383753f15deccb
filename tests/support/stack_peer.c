#include "support/stack_peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/packets.h"

static void assertion_failed(void *ctx, const char *expression, const char *file, int line)
{
    (void)ctx;
    fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, expression);
    abort();
}

struct la_config peer_config(struct peer *p)
{
    struct la_config c;
    la_config_init(&c);
    c.allocator = test_allocator(&p->memory);
    c.assert_handler.fail = assertion_failed;
    memset(c.seed, 7, sizeof(c.seed));
    c.conns_max = c.time_wait_max = c.half_open_max = 1000;
    return c;
}

struct la_addr peer_addr(bool v6, uint8_t n)
{
    return v6 ? (struct la_addr){{0xfd, [15] = n}} : la_addr_v4(10, 0, 0, n);
}

void peer_init(struct peer *p, const struct la_config *config)
{
    memset(p, 0, sizeof(*p));
    struct la_config c = config ? *config : peer_config(p);
    struct la_link_info info = {.type = LA_LINK_IP, .mtu = 1500, .gso_max = 1500};
    c.allocator.ctx = &p->memory;
    p->now_ns = 1000 * LA_NS_PER_S;
    p->stack = la_stack_create(&c, p->now_ns);
    assert_non_null(p->stack);
    p->v4 = peer_addr(false, 1);
    p->v6 = peer_addr(true, 1);
    p->link = la_stack_link_add(p->stack, &info);
    assert_true(p->link > 0);
    assert_int_equal(la_stack_addr_add(p->stack, p->link, &p->v4, 24), 0);
    assert_int_equal(la_stack_addr_add(p->stack, p->link, &p->v6, 64), 0);
}

void peer_end(struct peer *p)
{
    la_stack_destroy(p->stack);
    assert_int_equal(p->memory.live_bytes, 0);
}

enum la_reason peer_raw(struct peer *p, const uint8_t *bytes, size_t len)
{
    struct la_frame frame;
    struct la_buf *buf = la_buf_get(p->stack, len);
    assert_non_null(buf);
    memcpy(buf->data, bytes, len);
    buf->len = (uint32_t)len;
    la_frame_from_buf(&frame, buf);
    la_stack_input(p->stack, p->link, &frame, 1, p->now_ns);
    assert_int_not_equal(frame.reason, LA_NONE);
    return (enum la_reason)frame.reason;
}

size_t peer_bytes(const struct peer *p, const struct peer_segment *s, uint8_t *bytes)
{
    static const struct la_addr none;
    struct la_addr src = la_addr_equal(&s->src, &none) ? peer_addr(false, 2) : s->src;
    bool v6 = !la_addr_is_v4(&src);
    struct la_addr dst = !la_addr_equal(&s->dst, &none) ? s->dst : v6 ? p->v6 : p->v4;
    size_t head = v6 ? 40 : 20;
    size_t header = wire_tcp_size(&s->h);
    size_t len = packet_ip(bytes, v6, PACKET_TCP, header + s->len, true) + header + s->len;
    (void)wire_tcp_emit(bytes + head, &s->h);
    if (s->len != 0) {
        memcpy(bytes + head + header, s->data, s->len);
    }
    memcpy(bytes + (v6 ? 8 : 12), v6 ? src.b : src.b + 12, v6 ? 16 : 4);
    memcpy(bytes + (v6 ? 24 : 16), v6 ? dst.b : dst.b + 12, v6 ? 16 : 4);
    if (!v6) {
        store_be16(bytes + 10, 0);
        store_be16(bytes + 10, (uint16_t)~packet_sum(bytes, 20, 0));
    }
    packet_finish(bytes, head, len, PACKET_TCP, 16, false);
    return len;
}

enum la_reason peer_send(struct peer *p, const struct peer_segment *s)
{
    uint8_t bytes[2048];
    size_t len = peer_bytes(p, s, bytes);
    enum la_reason verdict = peer_raw(p, bytes, len);
    p->count = 0;
    (void)peer_pull(p);
    return verdict;
}

static void read_packet(struct peer_packet *o)
{
    assert_true(o->len >= 20);
    o->v6 = o->bytes[0] >> 4 == 6;
    size_t head = o->v6 ? 40 : 20;
    o->proto = o->v6 ? o->bytes[6] : o->bytes[9];
    o->transport = o->bytes + head;
    o->transport_len = o->len - head;
    if (o->proto != PACKET_TCP) {
        return;
    }
    assert_true(packet_good(o->bytes, o->len)); /* RFC 9293 MUST-2 */
    assert_true(wire_tcp_parse(o->transport, o->transport_len, &o->tcp));
    assert_false(o->tcp.options & WIRE_TCP_MALFORMED);
    /* RFC 9293 MUST-65 */
    assert_true((o->tcp.flags & LA_TH_SYN) || !(o->tcp.options & WIRE_TCP_MSS));
    o->payload = o->transport + o->tcp.hdr_len;
    o->payload_len = o->transport_len - o->tcp.hdr_len;
}

static void collect(struct peer *p, const struct la_frame *f)
{
    if (p->count == PEER_OUT_MAX) {
        p->count--; /* the last ones are overwritten: what is asked for is the beginning */
    }
    struct peer_packet *o = &p->out[p->count++];
    memset(o, 0, sizeof(*o));
    o->at_ns = p->now_ns;
    o->reason = (enum la_reason)f->reason;
    assert_int_not_equal(o->reason, LA_NONE);
    for (unsigned i = 0; i < f->nfrags; i++) {
        assert_true(o->len + f->frag[i].len <= sizeof(o->bytes));
        memcpy(o->bytes + o->len, f->frag[i].data, f->frag[i].len);
        o->len += f->frag[i].len;
    }
    assert_int_equal(o->len, f->len);
    read_packet(o);
}

static void pull_more(struct peer *p)
{
    struct la_frame frames[16];
    size_t n;
    while ((n = la_stack_output(p->stack, p->link, frames, 16, p->now_ns)) != 0) {
        for (size_t i = 0; i < n; i++) {
            collect(p, &frames[i]);
        }
        la_stack_sent(p->stack, p->link, frames, n, n);
    }
    assert_false(la_stack_has_output(p->stack, p->link));
}

size_t peer_pull(struct peer *p)
{
    p->count = 0;
    pull_more(p);
    return p->count;
}

size_t peer_run(struct peer *p, uint64_t ns)
{
    uint64_t end_ns = p->now_ns + ns;
    p->count = 0;
    pull_more(p);
    for (;;) {
        uint64_t at = la_stack_next_deadline(p->stack);
        if (at > end_ns) {
            break;
        }
        p->now_ns = at > p->now_ns ? at : p->now_ns;
        la_stack_timeout(p->stack, p->now_ns);
        /* I33: what was due has been done. */
        assert_true(la_stack_next_deadline(p->stack) > p->now_ns);
        pull_more(p);
    }
    p->now_ns = end_ns;
    la_stack_timeout(p->stack, p->now_ns);
    pull_more(p);
    return p->count;
}

struct la_endpoint peer_at(const struct peer *p, bool v6, uint16_t port)
{
    return (struct la_endpoint){.addr = v6 ? p->v6 : p->v4, .port = port};
}

struct peer_segment peer_segment(struct la_addr src, uint16_t sport, uint32_t seq, uint32_t ack,
                                 uint16_t flags)
{
    return (struct peer_segment){.src = src,
                                 .h = {.src_port = sport,
                                       .dst_port = 80,
                                       .seq = seq,
                                       .ack = ack,
                                       .flags = flags,
                                       .wnd = 65535}};
}

struct wire_tcp peer_connect(struct peer *p, struct la_addr src, uint16_t sport, uint8_t options,
                             uint32_t *snd, uint32_t *rcv)
{
    struct peer_segment s = peer_segment(src, sport, *snd, 0, LA_TH_SYN);
    s.h.options = options;
    s.h.mss = 1460;
    s.h.wscale = 7;
    s.h.tsval = 5000;
    assert_int_equal(peer_send(p, &s), LA_TAKE_SYN);
    assert_int_equal(p->count, 1);
    struct wire_tcp answer = p->out[0].tcp;
    assert_int_equal(answer.flags, LA_TH_SYN | LA_TH_ACK);
    *snd += 1;
    *rcv = answer.seq + 1;
    s = peer_segment(src, sport, *snd, *rcv, LA_TH_ACK);
    s.h.options = answer.options & WIRE_TCP_TS;
    s.h.tsval = 5001;
    s.h.tsecr = answer.tsval;
    (void)peer_send(p, &s);
    return answer;
}
