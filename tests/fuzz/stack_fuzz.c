/* Fuzzes the whole stack: a script of {frame bytes, segment to a connection, call, time} against an
 * instance with a listener, a UDP endpoint and a connection that opens.
 *
 * Input: records of {operation, length, bytes}. Operations: raw frames; TCP segments from the
 * connection's peer, whose numbers count from what the stack expects and whose checksums are right;
 * user calls; time. Oracles: every frame has a verdict; frames out add up and have a reason; the
 * invariants of every connection; the deadline is never in the past; memory back to zero. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stack/stack.h"
#include "wire/ip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HANDLES 8

static uint64_t live;

static void *get(void *ctx, size_t size, size_t align)
{
    (void)ctx;
    live += size;
    return aligned_alloc(align, (size + align - 1) / align * align);
}

static void put(void *ctx, void *ptr, size_t size)
{
    (void)ctx;
    live -= size;
    free(ptr);
}

static void assertion_failed(void *ctx, const char *expression, const char *file, int line)
{
    (void)ctx;
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, expression);
    abort();
}

#define require(holds) ((holds) ? (void)0 : assertion_failed(NULL, #holds, __FILE__, __LINE__))

struct fuzz {
    struct la_stack *s;
    uint64_t now;
    int link;
    la_handle listener, udp;
    la_handle conns[HANDLES];
    uint32_t last_seq[2]; /* of the last segment the stack sent: its number and its ACK */
    uint16_t last_port[2];
    uint32_t last_tsval;
    bool last_v6;
    uint8_t frame[2048];
};

static struct la_addr address(bool v6, uint8_t n)
{
    return v6 ? (struct la_addr){{0xfd, [15] = n}} : la_addr_v4(10, 0, 0, n);
}

static void begin(struct fuzz *f)
{
    struct la_config c;
    struct la_tcp_options o;
    memset(f, 0, sizeof(*f));
    la_config_init(&c);
    c.allocator = (struct la_allocator){.get = get, .put = put};
    c.assert_handler.fail = assertion_failed;
    c.memory_max = 4 << 20;
    c.conns_max = c.half_open_max = c.time_wait_max = 16;
    f->now = 1000 * (uint64_t)LA_NS_PER_S;
    f->s = la_stack_create(&c, f->now);
    require(f->s != NULL);
    struct la_link_info info = {.type = LA_LINK_IP, .mtu = 1500};
    f->link = la_stack_link_add(f->s, &info);
    struct la_addr v4 = address(false, 1), v6 = address(true, 1);
    require(la_stack_addr_add(f->s, f->link, &v4, 24) == 0);
    require(la_stack_addr_add(f->s, f->link, &v6, 64) == 0);
    la_tcp_options_init(&o);
    o.backlog = 3;
    o.half_open_max = 2;
    o.rcvbuf_bytes = o.sndbuf_bytes = 8192;
    struct la_endpoint any = {.addr = la_addr_any_v6(), .port = 80};
    require(la_tcp_listen(f->s, &any, &o, &f->listener) == 0);
    require(la_udp_open(f->s, &any, &f->udp) == 0);
}

/* ---- frames out ----------------------------------------------------------------------------- */

static void remember(struct fuzz *f, const struct la_frame *frame)
{
    uint8_t bytes[128];
    size_t len = frame->frag[0].len < sizeof(bytes) ? frame->frag[0].len : sizeof(bytes);
    memcpy(bytes, frame->frag[0].data, len);
    bool v6 = bytes[0] >> 4 == 6;
    size_t head = v6 ? 40 : 20;
    struct wire_tcp h;
    if ((v6 ? bytes[6] : bytes[9]) != WIRE_PROTO_TCP || len < head ||
        !wire_tcp_parse(bytes + head, len - head, &h)) {
        return;
    }
    f->last_v6 = v6;
    f->last_port[0] = h.src_port;
    f->last_port[1] = h.dst_port;
    f->last_seq[0] = h.seq + ((h.flags & LA_TH_SYN) ? 1 : 0) + frame->len - frame->hdr_len;
    f->last_seq[1] = h.ack;
    f->last_tsval = (h.options & WIRE_TCP_TS) ? h.tsval : 0;
}

static void take_output(struct fuzz *f, uint8_t taken_of_16)
{
    struct la_frame frames[8];
    size_t n = la_stack_output(f->s, f->link, frames, 8, f->now);
    for (size_t i = 0; i < n; i++) {
        uint32_t sum = 0;
        for (unsigned k = 0; k < frames[i].nfrags; k++) {
            sum += frames[i].frag[k].len;
        }
        require(sum == frames[i].len && frames[i].reason != LA_NONE && sum <= 1500);
        remember(f, &frames[i]);
    }
    size_t taken = taken_of_16 < n ? taken_of_16 : n;
    la_stack_sent(f->s, f->link, frames, n, taken);
}

/* ---- frames in ------------------------------------------------------------------------------ */

static void correct(uint8_t *p, size_t len, uint8_t proto, size_t at)
{
    bool v6 = p[0] >> 4 == 6;
    size_t head = v6 ? 40 : 20;
    if (!v6) {
        wire_checksum_store(p + 10, 0);
        wire_checksum_store(p + 10, (uint16_t)~wire_fold(wire_sum(p, head, 0)));
    }
    struct la_addr src = v6 ? wire_load_v6(p + 8) : wire_load_v4(p + 12);
    struct la_addr dst = v6 ? wire_load_v6(p + 24) : wire_load_v4(p + 16);
    uint32_t sum =
        proto == WIRE_PROTO_ICMP ? 0 : wire_sum_pseudo(&src, &dst, proto, (uint32_t)(len - head));
    wire_checksum_store(p + head + at, 0);
    sum = wire_sum(p + head, len - head, sum);
    wire_checksum_store(p + head + at, (uint16_t)~wire_fold(sum));
}

static void input(struct fuzz *f, size_t len)
{
    struct la_frame frame;
    struct la_buf *buf = la_buf_get(f->s, len);
    if (!buf) {
        return;
    }
    memcpy(buf->data, f->frame, len);
    buf->len = (uint32_t)len;
    la_frame_from_buf(&frame, buf);
    la_stack_input(f->s, f->link, &frame, 1, f->now);
    require(frame.reason != LA_NONE && frame.reason < LA_REASON_COUNT);
}

/* An IP header from .2 to .1 with `proto` and `payload` bytes behind it. */
static size_t ip_header(struct fuzz *f, bool v6, uint8_t proto, size_t payload)
{
    uint8_t *p = f->frame;
    struct la_addr src = address(v6, 2), dst = address(v6, 1);
    memset(p, 0, 40);
    if (v6) {
        p[0] = 0x60;
        store_be16(p + 4, (uint16_t)payload);
        p[6] = proto;
        p[7] = 64;
        wire_store_v6(p + 8, &src);
        wire_store_v6(p + 24, &dst);
        return 40;
    }
    p[0] = 0x45;
    store_be16(p + 2, (uint16_t)(20 + payload));
    p[8] = 64;
    p[9] = proto;
    wire_store_v4(p + 12, &src);
    wire_store_v4(p + 16, &dst);
    return 20;
}

/* {how, flags, seq, ack, window, option bytes and payload}: numbers are small steps away from what
 * the stack sent last, ports are those of its last segment or of a new connection. */
static void segment(struct fuzz *f, const uint8_t *data, size_t n)
{
    uint8_t b[6] = {0};
    memcpy(b, data, n < 6 ? n : 6);
    data += n < 6 ? n : 6;
    n -= n < 6 ? n : 6;
    bool fresh = (b[0] & 1) != 0;
    bool v6 = fresh ? (b[0] & 2) != 0 : f->last_v6;
    size_t options = (size_t)(b[0] >> 4 & 3) * 4; /* raw ones out of the data */
    options = options > n ? n & ~(size_t)3 : options;
    bool ts = (b[0] & 4) != 0;
    size_t header = 20 + (ts ? 12 : 0) + options;
    size_t head = ip_header(f, v6, WIRE_PROTO_TCP, header + n - options);
    f->frame[1] |= v6 ? b[5] >> 6 << 4 : b[5] >> 6; /* the ECN field */
    uint16_t flags = (uint16_t)(b[1] | ((b[5] & 0x20) ? LA_TH_AE : 0));
    uint8_t *t = f->frame + head;
    store_be16(t, fresh ? (uint16_t)(4000 + (b[0] >> 6)) : f->last_port[1]);
    store_be16(t + 2, fresh ? 80 : f->last_port[0]);
    store_be32(t + 4, f->last_seq[1] + (uint32_t)(int8_t)b[2] * ((b[0] & 8) ? 1000U : 1U));
    store_be32(t + 8, f->last_seq[0] + (uint32_t)(int8_t)b[3]);
    store_be16(t + 12, (uint16_t)(header / 4 << 12 | flags));
    store_be16(t + 14, (uint16_t)(b[4] << (b[5] & 15)));
    store_be16(t + 16, 0);
    store_be16(t + 18, b[5]);
    if (ts) {
        const uint8_t kind[4] = {1, 1, 8, 10};
        memcpy(t + 20, kind, 4);
        store_be32(t + 24, (uint32_t)(f->now / 1000000) + b[5]);
        store_be32(t + 28, f->last_tsval);
    }
    if (n != 0) {
        memcpy(t + header - options, data, n);
    }
    size_t len = head + header + n - options;
    correct(f->frame, len, WIRE_PROTO_TCP, 16);
    input(f, len);
}

/* An ICMP error about a segment of the last connection. */
static void icmp_error(struct fuzz *f, const uint8_t *data, size_t n)
{
    uint8_t b[6] = {0};
    memcpy(b, data, n < 6 ? n : 6);
    bool v6 = f->last_v6;
    uint8_t proto = v6 ? WIRE_PROTO_ICMPV6 : WIRE_PROTO_ICMP;
    size_t inner = v6 ? 40 : 20;
    (void)ip_header(f, v6, WIRE_PROTO_TCP, 20);
    uint8_t quote[60] = {0};
    memcpy(quote, f->frame, inner);
    struct la_addr src = address(v6, 1), dst = address(v6, 2);
    if (v6) {
        wire_store_v6(quote + 8, &src);
        wire_store_v6(quote + 24, &dst);
    } else {
        wire_store_v4(quote + 12, &src);
        wire_store_v4(quote + 16, &dst);
    }
    store_be16(quote + inner, f->last_port[0]);
    store_be16(quote + inner + 2, f->last_port[1]);
    store_be32(quote + inner + 4, f->last_seq[0] + (uint32_t)(int8_t)b[2]);
    size_t head = ip_header(f, v6, proto, 8 + inner + 20);
    uint8_t *t = f->frame + head;
    t[0] = b[0];
    t[1] = b[1];
    store_be32(t + 4, (uint32_t)b[3] << 8 | b[4]);
    memcpy(t + 8, quote, inner + 20);
    size_t len = head + 8 + inner + 20;
    correct(f->frame, len, proto, 2);
    input(f, len);
}

/* ---- calls ---------------------------------------------------------------------------------- */

static void keep(struct fuzz *f, la_handle h)
{
    for (unsigned i = 0; i < HANDLES; i++) {
        if (!f->conns[i]) {
            f->conns[i] = h;
            return;
        }
    }
    la_tcp_abort(f->s, h, LA_RST_ABORT);
}

static void open_one(struct fuzz *f, uint8_t how)
{
    la_handle h;
    struct la_endpoint to = {.addr = address((how & 1) != 0, 2), .port = 4000 + (how >> 6)};
    struct la_endpoint from = {.addr = address((how & 1) != 0, 1), .port = 80};
    struct la_tcp_options o;
    la_tcp_options_init(&o);
    o.reuse_addr = true;
    o.sndbuf_bytes = o.rcvbuf_bytes = 8192;
    o.keepalive = (how & 4) != 0;
    o.linger_s = (how & 8) ? 0 : (how & 16) ? 5 : -1;
    o.user_timeout_ms = (how & 32) ? 3000 : 0;
    o.ecn = !(how & 32) ? LA_ECN_PASSIVE : (how & 4) ? LA_ECN_ACCURATE : LA_ECN_CLASSIC;
    if (la_tcp_open(f->s, (how & 2) ? &from : NULL, &to, &o, &h) == 0) {
        keep(f, h);
    }
}

static void call(struct fuzz *f, const uint8_t *data, size_t n)
{
    uint8_t what = n ? data[0] : 0, how = n > 1 ? data[1] : 0;
    la_handle *h = &f->conns[how % HANDLES];
    static uint8_t bytes[8192];
    struct la_event events[4];
    struct la_endpoint to = {.addr = address((how & 1) != 0, 2), .port = 53};
    struct la_buf *buf;
    la_handle fresh;
    switch (what % 16) {
    case 0:
        if (la_tcp_accept(f->s, f->listener, &fresh) == 0) {
            keep(f, fresh);
        }
        break;
    case 1:
        open_one(f, how);
        break;
    case 2:
    case 3:
        (void)la_tcp_send(f->s, *h, bytes, (size_t)how * 16, how & 3);
        break;
    case 4:
    case 5:
        (void)la_tcp_recv(f->s, *h, bytes, (size_t)how * 8, 0);
        break;
    case 6:
        (void)la_tcp_shutdown(f->s, *h);
        break;
    case 7:
        (void)la_tcp_close(f->s, *h);
        *h = 0;
        break;
    case 8:
        (void)la_tcp_abort(f->s, *h, LA_RST_ABORT);
        *h = 0;
        break;
    case 9:
        (void)la_stack_poll(f->s, events, 4);
        break;
    case 10:
        (void)la_udp_send(f->s, f->udp, &to, bytes, (size_t)how * 32);
        break;
    case 11:
        (void)la_udp_recv(f->s, f->udp, &to, bytes, sizeof(bytes));
        break;
    case 12:
        if (la_tcp_take(f->s, *h, &buf) > 0) {
            la_buf_put(f->s, buf);
        }
        break;
    case 13:
        (void)la_tcp_lend(f->s, *h, bytes, (size_t)how * 16 + 1, how, 0);
        break;
    case 14:
        while (la_tcp_released(f->s, &fresh, &(uint64_t){0})) {
        }
        break;
    default:
        (void)la_stack_want(f->s, *h, how);
        break;
    }
}

/* ---- the script ----------------------------------------------------------------------------- */

static void check_array(const struct la_stack *s, const struct flow_array *a)
{
    for (uint32_t i = 0; a->slots && i < a->buckets * 8; i++) {
        flow_ref ref = a->slots[i].ref;
        require(!ref || FLOW_KIND(ref) != FLOW_CONN ||
                tcp_invariants(&stack_conn_at(s, FLOW_INDEX(ref))->tcb));
    }
}

static void step(struct fuzz *f, uint8_t op, const uint8_t *data, size_t n)
{
    static const uint64_t waits_ns[] = {0, 1000000, 50000000, 1000000000, 7000000000, 70000000000};
    switch (op & 7) {
    case 0:
        memcpy(f->frame, data, n);
        input(f, n);
        break;
    case 1:
    case 2:
        segment(f, data, n);
        break;
    case 3:
    case 4:
        call(f, data, n);
        break;
    case 5:
        f->now += waits_ns[(op >> 3) % 6];
        la_stack_timeout(f->s, f->now);
        require(la_stack_next_deadline(f->s) > f->now);
        break;
    case 6:
        icmp_error(f, data, n);
        break;
    default:
        take_output(f, op >> 3);
        return;
    }
    if (op & 64) {
        take_output(f, 16);
    }
}

static void end(struct fuzz *f)
{
    for (unsigned i = 0; i < HANDLES; i++) {
        (void)la_tcp_close(f->s, f->conns[i]);
    }
    require(la_tcp_close(f->s, f->listener) == 0 && la_udp_close(f->s, f->udp) == 0);
    for (unsigned i = 0; i < 2000; i++) {
        for (unsigned bursts = 0; la_stack_has_output(f->s, f->link); bursts++) {
            require(bursts < 1000); /* nobody has endless things to say */
            take_output(f, 16);
        }
        uint64_t at = la_stack_next_deadline(f->s);
        if (at == UINT64_MAX) {
            break;
        }
        f->now = at > f->now ? at : f->now;
        la_stack_timeout(f->s, f->now);
    }
    struct la_stack_stats st;
    la_stack_stats(f->s, &st);
    require(st.conns == 0 && st.half_open == 0 && st.time_wait == 0); /* nobody stays for ever */
    la_handle h;
    while (la_tcp_released(f->s, &h, &(uint64_t){0})) {
    }
    require(la_stack_memory(f->s, LA_MEM_BUFFERS) == 0);
    require(la_stack_memory(f->s, LA_MEM_SOCKETS) == 0);
    la_stack_destroy(f->s);
    require(live == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fuzz f;
    begin(&f);
    while (size >= 2) {
        size_t n = data[1] < size - 2 ? data[1] : size - 2;
        step(&f, data[0], data + 2, n);
        check_array(f.s, &f.s->table.now);
        check_array(f.s, &f.s->table.old);
        size -= 2 + n;
        data += 2 + n;
    }
    end(&f);
    return 0;
}
