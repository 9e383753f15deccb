/* See tcp_harness.h. */
#include "support/tcp_harness.h"

#include <stdio.h>

#include "tcp/decide.h"
#include "tcp/isn.h"
#include "wire/checksum.h"

/* ---- worlds --------------------------------------------------------------------------------- */

static const uint32_t isns[] = {0, 1000, 0x7ffffff0, 0xfffffff0, 0xffffffff};
#define ISNS (sizeof(isns) / sizeof(isns[0]))

static struct {
    uint32_t iss, irs;
    bool v4, fast, running;
    uint8_t agreed;
} world;

static struct tcp_harness harness;

static uint64_t run_once(tcp_test_fn *run, uint32_t iss, uint32_t irs, bool v4, bool fast)
{
    struct tcp_harness *h = &harness;
    world.iss = iss;
    world.irs = irs;
    world.v4 = v4;
    world.fast = fast;
    world.running = true;
    tcp_begin(h, iss, irs, v4, fast);
    tcp_agree(h, world.agreed);
    run(h);
    tcp_finish(h);
    world.running = false;
    return h->digest;
}

void tcp_everywhere(void **state)
{
    const struct tcp_case *c = *state;
    world.agreed = c->agreed;
    for (unsigned i = 0; i < ISNS * ISNS * 2; i++) {
        uint32_t iss = isns[i / 2 % ISNS], irs = isns[i / 2 / ISNS];
        bool v4 = i % 2 == 0;
        uint64_t slow = run_once(c->run, iss, irs, v4, false);
        uint64_t fast = run_once(c->run, iss, irs, v4, true);
        assert_int_equal(slow, fast);
    }
}

int tcp_name_world(void **state)
{
    if (world.running) {
        print_message("in the world: ISS %u, IRS %u, IPv%d, fast path %s\n", world.iss, world.irs,
                      world.v4 ? 4 : 6, world.fast ? "on" : "off");
        world.running = false;
        trace_destroy(&harness.trace);
        buf_pool_destroy(&harness.pool);
    }
    return 0;
}

static void assertion(void *ctx, const char *expression, const char *file, int line)
{
    fprintf(stderr, "%s:%d: %s\n", file, line, expression);
    abort();
}

static const struct la_assert_handler assert_handler = {.fail = assertion};

void tcp_begin(struct tcp_harness *h, uint32_t iss, uint32_t irs, bool v4, bool fast_path)
{
    static const uint8_t seed[32] = {1, 2, 3};
    memset(h, 0, sizeof(*h));
    h->memory = core_memory(&h->tm, UINT64_MAX);
    h->memory.assert_handler = assert_handler;
    buf_pool_init(&h->pool, &h->memory);
    slab_init(&h->flights, &h->memory, LA_MEM_RECOVERY, sizeof(struct tcp_flight), 64, 4);
    slab_init(&h->ecns, &h->memory, LA_MEM_CONNECTIONS, TCP_ECN_BYTES, 8, 4);
    slab_init(&h->runs, &h->memory, LA_MEM_RECOVERY, sizeof(struct run), 64, 1U << 20);
    slab_init(&h->paths, &h->memory, LA_MEM_RECOVERY, sizeof(struct tcp_path), 8, 4);
    slab_init(&h->extras, &h->memory, LA_MEM_CONNECTIONS, sizeof(struct tcp_extra), 8, 4);
    tfo_init(&h->tfo, &h->memory);
    assert_int_equal(trace_init(&h->trace, &h->memory, 4), 0);
    prng_seed(&h->prng, seed);
    h->env = (struct tcp_env){
        .bufs = &h->pool,
        .flights = &h->flights,
        .runs = &h->runs,
        .paths = &h->paths,
        .sizes = {.snd_initial = 100000,
                  .snd_max = 1 << 28,
                  .rcv_initial = 100000,
                  .rcv_max = 1 << 28},
        .ecns = &h->ecns,
        .extras = &h->extras,
        .tfo = &h->tfo,
        .trace = &h->trace,
        .prng = &h->prng,
        .isn_key = {1, 2},
        .ts_key = {3, 4},
        .assert_handler = &assert_handler,
        .sum = wire_sum_choose(),
        .fast_path = fast_path,
    };
    la_persona_init(&h->env.persona);
    tfo_set_keys(&h->tfo, &h->env.persona, (struct sip_key){5, 6});
    h->v4 = v4;
    h->key = (struct flow_key){.lport = 40000, .rport = 80};
    h->key.laddr = v4 ? la_addr_v4(10, 0, 0, 1) : (struct la_addr){{0xfd, [15] = 1}};
    h->key.raddr = v4 ? la_addr_v4(10, 0, 0, 2) : (struct la_addr){{0xfd, [15] = 2}};
    h->iss = iss;
    h->irs = irs;
    h->path_mtu = 1500;
    h->syn_options = WIRE_TCP_MSS;
    h->peer_mss = TCP_TEST_MSS;
    h->peer_wnd = 60000;
    h->peer_clock = 0xfffff000; /* wraps soon */
    h->digest = UINT64_C(0xcbf29ce484222325);
    la_tcp_options_init(&h->options);
    h->options.sndbuf_bytes = 100000;
    h->options.rcvbuf_bytes = 50000;
    h->options.cc = (uint8_t)la_cc_find("newreno"); /* its windows are easily told beforehand */
    h->options.window_scale = h->options.timestamps = h->options.sack = false;
    /* The initial sequence number is a clock plus a secret: the clock is set so that it fits. */
    h->env.now_ns = (uint64_t)(iss - tcp_isn(&h->env.isn_key, &h->key, 0).v) * 4000;
}

void tcp_finish(struct tcp_harness *h)
{
    tcp_release(&h->t, &h->env);
    struct la_trace_record records[64];
    while (trace_drain(&h->trace, records, 64) == 64) {
    }
    assert_int_equal(h->memory.used[LA_MEM_BUFFERS], 0);
    assert_int_equal(h->memory.used[LA_MEM_TRACE], 0);
    assert_int_equal(h->memory.used[LA_MEM_RECOVERY], 0);
    slab_destroy(&h->flights);
    slab_destroy(&h->runs);
    slab_destroy(&h->paths);
    assert_int_equal(h->ecns.used, 0);
    slab_destroy(&h->ecns);
    slab_destroy(&h->extras);
    tfo_destroy(&h->tfo);
    trace_destroy(&h->trace);
    buf_pool_destroy(&h->pool);
    assert_int_equal(h->memory.held, 0);
    assert_int_equal(h->tm.live_bytes, 0);
}

void tcp_again(struct tcp_harness *h)
{
    uint64_t digest = h->digest;
    tcp_finish(h);
    tcp_begin(h, h->iss, h->irs, h->v4, h->env.fast_path);
    tcp_agree(h, world.agreed);
    h->digest = digest;
}

/* ---- the peer ------------------------------------------------------------------------------- */

static uint16_t window_of(const struct tcp_harness *h, const struct tcp_in *in)
{
    return in->wnd == 0 ? h->peer_wnd : in->wnd < 0 ? 0 : (uint16_t)in->wnd;
}

static void fill_options(struct tcp_harness *h, const struct tcp_in *in, struct wire_tcp *w)
{
    w->options = in->options;
    if ((in->flags & SYN) && in->options == 0) {
        w->options = h->syn_options;
    }
    if ((h->t.flags & TCP_F_TS) && !in->no_timestamp) {
        w->options |= WIRE_TCP_TS;
    }
    if (w->options & WIRE_TCP_MSS) {
        w->mss = h->peer_mss;
    }
    if (w->options & WIRE_TCP_WSCALE) {
        w->wscale = h->peer_wscale;
    }
    if (w->options & WIRE_TCP_TS) {
        w->tsval = in->tsval ? in->tsval : h->peer_clock + tcp_now_ms(&h->env);
        w->tsecr = in->tsecr ? in->tsecr : h->tsval_seen;
    }
    for (unsigned i = 0; i < WIRE_SACK_MAX && (in->sack[i].left | in->sack[i].right) != 0; i++) {
        w->options |= WIRE_TCP_SACK;
        w->sack[w->sack_n++] = (struct wire_sack){.left = h->iss + in->sack[i].left,
                                                  .right = h->iss + in->sack[i].right};
    }
}

static struct la_buf *payload_of(struct tcp_harness *h, const struct tcp_in *in)
{
    if (in->len == 0) {
        return NULL;
    }
    struct la_buf *buf = buf_get(&h->pool, in->len);
    if (!buf) {
        return NULL;
    }
    for (uint32_t i = 0; i < in->len; i++) {
        uint8_t byte = tcp_peer_byte(in->seq + ((in->flags & SYN) != 0) - 1 + i);
        buf->data[i] = in->other_bytes ? (uint8_t)~byte : byte;
    }
    buf->len = in->len;
    return buf;
}

/* RFC 9293 3.5.2: the reset that the stack sends for a segment that asks for one. */
static void answer_reset(struct tcp_harness *h, const struct tcp_segment *seg, uint16_t flags)
{
    struct tcp_reset r = tcp_reset_for(seg->seq, seg->ack, flags, seg->seg_len);
    if (r.flags == 0) {
        return;
    }
    struct tcp_out *o = tcp_push_out(h);
    o->h = (struct wire_tcp){.flags = r.flags, .seq = r.seq.v, .ack = r.ack.v};
    o->seq = r.seq.v - h->iss;
    o->ack = r.ack.v - h->irs;
    o->reason = LA_RST_BAD_ACK;
    tcp_mix(h, &r, sizeof(r));
}

static void fill_segment(struct tcp_harness *h, const struct tcp_in *in, struct tcp_segment *seg)
{
    *seg = (struct tcp_segment){.len = in->len, .segs = in->segs ? in->segs : 1};
    seg->seq = seq_of(h->irs + in->seq);
    seg->ack = seq_of(in->flags & ACK ? h->iss + in->ack : 0);
    seg->h.src_port = h->key.rport;
    seg->h.dst_port = h->key.lport;
    seg->h.seq = seg->seq.v;
    seg->h.ack = seg->ack.v;
    seg->h.flags = in->flags;
    seg->h.wnd = window_of(h, in);
    seg->h.urg = in->urg;
    seg->h.ecn_n = in->ecn_n;
    memcpy(seg->h.ecn, in->ecn, sizeof(seg->h.ecn));
    seg->tos = in->tos;
    fill_options(h, in, &seg->h);
    seg->h.hdr_len = (uint8_t)wire_tcp_size(&seg->h);
    seg->seg_len = wire_tcp_seglen(&seg->h, in->len);
    seg->buf = payload_of(h, in);
}

enum la_reason tcp_feed(struct tcp_harness *h, const struct tcp_in *in)
{
    struct tcp_segment seg;
    fill_segment(h, in, &seg);
    h->verdict = tcp_arrives(&h->t, &h->env, &seg);
    if (seg.buf) {
        buf_put(&h->pool, seg.buf);
    }
    uint16_t verdict = (uint16_t)h->verdict;
    tcp_mix(h, &verdict, sizeof(verdict));
    if (seg.reset) {
        answer_reset(h, &seg, in->flags);
    }
    tcp_flush(h);
    return h->verdict;
}

enum la_reason tcp_segment_in(struct tcp_harness *h, uint16_t flags, uint32_t seq, uint32_t ack,
                              uint32_t len)
{
    return tcp_feed(h, &(struct tcp_in){.flags = flags, .seq = seq, .ack = ack, .len = len});
}

enum la_reason tcp_ack_in(struct tcp_harness *h, uint32_t ack)
{
    return tcp_segment_in(h, ACK, tcp_peer_rel(h, h->t.rcv_nxt), ack, 0);
}

enum la_reason tcp_window_in(struct tcp_harness *h, uint32_t ack, uint16_t wnd)
{
    return tcp_feed(h, &(struct tcp_in){.flags = ACK,
                                        .seq = tcp_peer_rel(h, h->t.rcv_nxt),
                                        .ack = ack,
                                        .wnd = wnd ? wnd : -1});
}

/* ---- connections ---------------------------------------------------------------------------- */

void tcp_agree(struct tcp_harness *h, uint8_t options)
{
    h->options.sack = h->options.sack || (options & WIRE_TCP_SACK_OK);
    h->options.timestamps = h->options.timestamps || (options & WIRE_TCP_TS);
    h->syn_options |= options;
}

void tcp_start(struct tcp_harness *h)
{
    tcp_init(&h->t, &h->env, &h->key, 7, &h->options, h->path_mtu);
    tcp_open(&h->t, &h->env);
    assert_int_equal(h->t.iss.v, h->iss);
    tcp_flush(h);
}

void tcp_start_passive(struct tcp_harness *h)
{
    struct tcp_in in = {.flags = (uint16_t)(SYN | h->syn_flags)};
    struct tcp_segment seg;
    fill_segment(h, &in, &seg);
    struct tcp_handshake shake = tcp_handshake_of(&seg, &h->key, &h->options, &h->env);
    assert_int_equal(shake.iss.v, h->iss);
    struct wire_tcp w = {0};
    tcp_syn_ack(&shake, &h->key, &h->options, h->path_mtu, &h->env, false, &w);
    h->tsval_seen = w.tsval;
    h->edge_seen = w.ack + w.wnd;
    h->edge_known = true;
    assert_true(
        tcp_accept_init(&h->t, &h->env, &h->key, 7, &h->options, h->path_mtu, &shake, false));
}

void tcp_connect(struct tcp_harness *h)
{
    tcp_connect_over(h, 0);
}

void tcp_connect_over(struct tcp_harness *h, uint32_t rtt_ms)
{
    tcp_start(h);
    tcp_expect(h, SYN, 0, 0, 0);
    tcp_wait_ms(h, rtt_ms);
    assert_int_equal(tcp_segment_in(h, SYN | ACK, 0, 1, 0), LA_TAKE_SYN_ACK);
    tcp_expect(h, ACK, 1, 1, 0);
    tcp_silent(h);
    assert_int_equal(h->t.state, LA_TCP_ESTABLISHED);
}

void tcp_accept(struct tcp_harness *h)
{
    tcp_start_passive(h);
    assert_int_equal(tcp_segment_in(h, ACK, 1, 1, 0), LA_TAKE_HANDSHAKE_ACK);
    tcp_silent(h);
    assert_int_equal(h->t.state, LA_TCP_ESTABLISHED);
}

/* Our FIN leaves. */
static void end_sending(struct tcp_harness *h)
{
    assert_int_equal(tcp_shutdown(&h->t, &h->env), 0);
    tcp_flush(h);
    tcp_expect(h, FIN | ACK, tcp_rel(h, h->t.snd_end), tcp_peer_rel(h, h->t.rcv_nxt), 0);
}

/* The peer's FIN arrives, at our RCV.NXT, and acknowledges up to SND.UNA. */
static void end_receiving(struct tcp_harness *h)
{
    uint32_t fin = tcp_peer_rel(h, h->t.rcv_nxt);
    tcp_segment_in(h, FIN | ACK, fin, tcp_rel(h, h->t.snd_una), 0);
    tcp_expect(h, ACK, tcp_rel(h, h->t.snd_max), fin + 1, 0);
}

void tcp_move_to(struct tcp_harness *h, enum la_tcp_state state)
{
    if (state == LA_TCP_CLOSE_WAIT || state == LA_TCP_LAST_ACK) {
        end_receiving(h);
    }
    if (state != LA_TCP_ESTABLISHED && state != LA_TCP_CLOSE_WAIT) {
        end_sending(h);
    }
    if (state == LA_TCP_FIN_WAIT_2 || state == LA_TCP_TIME_WAIT) {
        tcp_ack_in(h, tcp_rel(h, h->t.snd_max));
    }
    if (state == LA_TCP_CLOSING || state == LA_TCP_TIME_WAIT) {
        end_receiving(h);
    }
    tcp_silent(h);
    assert_int_equal(h->t.state, state);
}

void tcp_to_state(struct tcp_harness *h, enum la_tcp_state state)
{
    if (state == LA_TCP_SYN_SENT || state == LA_TCP_SYN_RECEIVED) {
        tcp_start(h);
        tcp_expect(h, SYN, 0, 0, 0);
        if (state == LA_TCP_SYN_RECEIVED) {
            tcp_segment_in(h, SYN, 0, 0, 0);
            tcp_expect(h, SYN | ACK, 0, 1, 0);
        }
        tcp_silent(h);
        assert_int_equal(h->t.state, state);
    } else {
        tcp_connect(h);
        tcp_move_to(h, state);
    }
}

/* ---- the application ------------------------------------------------------------------------ */

void tcp_say(struct tcp_harness *h, uint32_t len, uint32_t flags)
{
    uint8_t *bytes = malloc(len + 1);
    for (uint32_t i = 0; i < len; i++) {
        bytes[i] = tcp_our_byte(h->said + i);
    }
    assert_int_equal(tcp_send(&h->t, &h->env, bytes, len, flags), len);
    free(bytes);
    h->said += len;
    tcp_flush(h);
}

int64_t tcp_hear(struct tcp_harness *h, uint32_t len)
{
    uint8_t *bytes = malloc(len + 1);
    int64_t n = tcp_recv(&h->t, &h->env, bytes, len, 0);
    for (int64_t i = 0; i < n; i++) {
        if (bytes[i] != tcp_peer_byte(h->heard + (uint32_t)i)) {
            print_error("byte %u of the stream is wrong\n", h->heard + (uint32_t)i);
            fail();
        }
    }
    free(bytes);
    h->heard += n > 0 ? (uint32_t)n : 0;
    tcp_flush(h);
    return n;
}

/* ---- time ----------------------------------------------------------------------------------- */

bool tcp_timer_due(const struct tcp_harness *h)
{
    return tcp_deadline(&h->t) != TCP_NEVER;
}

static void run_timers(struct tcp_harness *h)
{
    h->t.todo &= ~(uint32_t)TCP_DO_TIMER;
    tcp_timeout(&h->t, &h->env);
    tcp_flush(h);
    assert_true(tcp_deadline(&h->t) > h->env.now_ns); /* never in the past */
}

void tcp_wait_ms(struct tcp_harness *h, uint64_t ms)
{
    tcp_wait_until(h, h->env.now_ns + ms * MS);
}

void tcp_wait_until(struct tcp_harness *h, uint64_t until)
{
    while (tcp_deadline(&h->t) <= until) {
        uint64_t at = tcp_deadline(&h->t);
        h->env.now_ns = at > h->env.now_ns ? at : h->env.now_ns;
        run_timers(h);
    }
    h->env.now_ns = until;
}

uint64_t tcp_fire(struct tcp_harness *h)
{
    uint64_t at = tcp_deadline(&h->t), before = h->env.now_ns;
    if (at == TCP_NEVER) {
        return UINT64_MAX;
    }
    h->env.now_ns = at > before ? at : before;
    run_timers(h);
    return (h->env.now_ns - before) / MS;
}
