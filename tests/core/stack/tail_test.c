/* Tail loss between two stacks: any of the last segments of a flow are lost, and no retransmission
 * timer has to run out (RFC 8985). With SACK, over 10 and 66 ms, IPv4 and IPv6.
 *
 * Which loss needs what, with the segments of a flow in order, the last one on the right, x lost
 * and o arrived:
 *
 *   ..xooo          three that left later were SACKed: RACK sends it again at once
 *   ..x..o          fewer: the reordering timer runs for a quarter of the round trip first
 *   ..x..o..x       the same, and what comes back for the first retransmission shows that the tail,
 *                   which had left before it, is lost as well
 *   ..xx            nothing arrives behind the holes: the tail loss probe repairs the last one, and
 *                   its SACK shows the others
 *
 * So a probe is needed when the lost ones are the end of the flow, and only then. When the probe is
 * lost too, there is no witness left and the retransmission timer has to run out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/two_stacks.h"

/* ---- a wire that takes time ------------------------------------------------------------------ */

#define ON_WIRE 64

struct packet {
    uint64_t at_ns;
    unsigned to;
    size_t len;
    uint8_t bytes[1500];
};

static struct {
    struct pair pair;
    struct packet packet[ON_WIRE];
    unsigned head, tail;
    uint64_t way_ns; /* one way */

    /* the flow, from end 0 to end 1 */
    bool v6, started;
    uint32_t first, mss; /* its first sequence number */
    uint32_t lost;       /* these segments, one bit each, are lost once */
    unsigned again_lost; /* so many of the segments that were sent again are lost too */
    uint32_t seen;       /* segments that left once */
} wire;

/* Which segment of the flow is it, -1: none. */
static int segment_of(unsigned from, const uint8_t *bytes, size_t len)
{
    size_t ip = wire.v6 ? 40 : 20;
    const uint8_t *tcp = bytes + ip;
    uint32_t seq = (uint32_t)tcp[4] << 24 | (uint32_t)tcp[5] << 16 | (uint32_t)tcp[6] << 8 | tcp[7];
    size_t payload = len - ip - (size_t)(tcp[12] >> 4) * 4;
    return wire.started && from == 0 && payload != 0 ? (int)((seq - wire.first) / wire.mss) : -1;
}

static bool is_lost(unsigned from, const uint8_t *bytes, size_t len)
{
    int n = segment_of(from, bytes, len);
    if (n < 0) {
        return false;
    }
    uint32_t bit = 1U << n;
    bool again = (wire.seen & bit) != 0;
    wire.seen |= bit;
    if (again && wire.again_lost != 0) {
        wire.again_lost--;
        return true;
    }
    bool lost = (wire.lost & bit) != 0;
    wire.lost &= ~bit;
    return lost;
}

/* What leaves goes onto the wire; pair_settle() itself carries nothing across. */
static bool onto_wire(void *ctx, unsigned from, unsigned serial, uint8_t *bytes, size_t len)
{
    if (!is_lost(from, bytes, len)) {
        struct packet *p = &wire.packet[wire.tail++ % ON_WIRE];
        assert_true(wire.tail - wire.head <= ON_WIRE && len <= sizeof(p->bytes));
        p->at_ns = wire.pair.now_ns + wire.way_ns;
        p->to = 1 - from;
        p->len = len;
        memcpy(p->bytes, bytes, len);
    }
    return false;
}

static uint64_t next_ns(void)
{
    uint64_t at = wire.head != wire.tail ? wire.packet[wire.head % ON_WIRE].at_ns : UINT64_MAX;
    for (unsigned n = 0; n < 2; n++) {
        uint64_t deadline = la_stack_next_deadline(wire.pair.end[n].stack);
        at = deadline < at ? deadline : at;
    }
    return at;
}

static void run_until(uint64_t until_ns)
{
    struct pair *p = &wire.pair;
    pair_settle(p);
    for (uint64_t at = next_ns(); at <= until_ns; at = next_ns()) {
        p->now_ns = at > p->now_ns ? at : p->now_ns;
        while (wire.head != wire.tail && wire.packet[wire.head % ON_WIRE].at_ns <= p->now_ns) {
            const struct packet *k = &wire.packet[wire.head++ % ON_WIRE];
            pair_inject(p, k->to, k->bytes, k->len);
        }
        la_stack_timeout(p->end[0].stack, p->now_ns);
        la_stack_timeout(p->end[1].stack, p->now_ns);
        pair_settle(p);
    }
    p->now_ns = until_ns;
}

/* ---- a flow ---------------------------------------------------------------------------------- */

struct flow {
    bool v6;
    uint64_t rtt_ns;
    unsigned segments;
    uint32_t lost;
    unsigned again_lost;
    bool early; /* the bytes are given before the handshake is over */
};

/* What the sender has to tell afterwards. */
struct outcome {
    uint64_t probes, reorder_timers, timeouts;
    uint64_t took_ns; /* until all was acknowledged */
    struct la_tcp_info info;
};

static void send_bytes(la_handle h, unsigned segments, uint32_t mss)
{
    static uint8_t bytes[20000];
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(i * 7 + i / 251);
    }
    int64_t len = (int64_t)segments * mss;
    assert_true(len <= (int64_t)sizeof(bytes));
    assert_int_equal(la_tcp_send(wire.pair.end[0].stack, h, bytes, (size_t)len, 0), len);
}

static void check_received(la_handle h, unsigned segments)
{
    static uint8_t bytes[20001];
    int64_t len = (int64_t)segments * wire.mss;
    assert_int_equal(la_tcp_recv(wire.pair.end[1].stack, h, bytes, sizeof(bytes), 0), len);
    for (int64_t i = 0; i < len; i++) {
        assert_int_equal(bytes[i], (uint8_t)(i * 7 + i / 251));
    }
}

static struct la_tcp_info info_of(la_handle h)
{
    struct la_tcp_info info;
    assert_int_equal(la_tcp_info(wire.pair.end[0].stack, h, &info), 0);
    return info;
}

static struct outcome run_flow(const struct flow *f)
{
    struct pair *p = &wire.pair;
    const struct pair_options o = pair_defaults();
    la_handle c, s, l;
    memset(&wire, 0, sizeof(wire));
    assert_true(pair_init(p, &o));
    struct la_stack *sender = p->end[0].stack;
    p->filter = onto_wire;
    wire.way_ns = f->rtt_ns / 2;
    wire.v6 = f->v6;
    wire.mss = 1500 - (f->v6 ? 40 : 20) - 20 - 12;
    struct la_endpoint at = pair_at(p, 1, f->v6, 80);
    assert_int_equal(la_tcp_listen(p->end[1].stack, &at, NULL, &l), 0);
    assert_int_equal(la_tcp_open(sender, NULL, &at, NULL, &c), 0);
    wire.first = info_of(c).iss + 1;
    wire.lost = f->lost;
    wire.again_lost = f->again_lost;
    wire.started = true;
    if (f->early) {
        send_bytes(c, f->segments, wire.mss);
        run_until(p->now_ns + f->rtt_ns);
    } else {
        run_until(p->now_ns + f->rtt_ns + f->rtt_ns / 2);
        send_bytes(c, f->segments, wire.mss);
    }
    uint64_t began_ns = p->now_ns;
    assert_int_equal(info_of(c).mss, wire.mss);
    struct outcome out = {0};
    while (info_of(c).snd_queued != 0) {
        assert_true(p->now_ns < began_ns + 20 * LA_NS_PER_S);
        run_until(p->now_ns + LA_NS_PER_MS);
    }
    out.took_ns = p->now_ns - began_ns;
    run_until(p->now_ns + LA_NS_PER_S);
    out.info = info_of(c);
    out.probes = la_stack_counter(sender, LA_TIMEOUT_PROBE);
    out.reorder_timers = la_stack_counter(sender, LA_TIMEOUT_REORDER);
    out.timeouts = la_stack_counter(sender, LA_TIMEOUT_RTX);
    assert_int_equal(out.info.rtx_timeouts, out.timeouts);
    assert_int_equal(la_tcp_accept(p->end[1].stack, l, &s), 0);
    check_received(s, f->segments);
    pair_end_all(p);
    return out;
}

/* ---- the masks ------------------------------------------------------------------------------- */

static unsigned count(uint32_t bits)
{
    unsigned n = 0;
    for (; bits != 0; bits &= bits - 1) {
        n++;
    }
    return n;
}

/* Are the lost ones of `n` segments just the end of the flow? */
static bool is_suffix(uint32_t lost, unsigned n)
{
    uint32_t arrived = ~lost & ((1U << n) - 1);
    return arrived < (lost & (0U - lost));
}

/* How many arrived behind the first hole? */
static unsigned witnesses(uint32_t lost, unsigned n)
{
    uint32_t behind = ~((lost & (0U - lost)) - 1) & ((1U << n) - 1);
    return count(behind & ~lost);
}

static void check_repaired(const struct flow *f)
{
    struct outcome out = run_flow(f);
    bool suffix = is_suffix(f->lost, f->segments);
    unsigned arrived = witnesses(f->lost, f->segments);
    assert_int_equal(out.timeouts, 0);
    assert_int_equal(out.probes, suffix ? 1 : 0);
    assert_int_equal(out.reorder_timers, !suffix && arrived < 3 ? 1 : 0);
    assert_int_equal(out.info.rtx_segs, count(f->lost)); /* nothing in vain */
}

#define EACH(var, array) \
    for (const uint64_t *var = (array); var < (array) + sizeof(array) / sizeof(*(array)); var++)

static const uint64_t rtts_ns[] = {10 * LA_NS_PER_MS, 66 * LA_NS_PER_MS};

/* All 15 masks of the last four of ten segments, and the time it took. The first ACKs come after a
 * round trip; a probe goes two later, or after 200 ms more when one segment is left, whose ACK the
 * peer might keep back (7.2); what RACK finds after the probe, or after the first of two
 * retransmissions, takes a round trip more each, and PRR may want another. The peer keeps back the
 * ACK of a single segment for 40 ms. */
static void test_last_four(void **state)
{
    EACH(rtt_ns, rtts_ns)
    for (uint32_t mask = 1; mask < 16; mask++) {
        for (unsigned v6 = 0; v6 < 2; v6++) {
            struct flow f = {.v6 = v6 != 0, .rtt_ns = *rtt_ns, .segments = 10, .lost = mask << 6};
            check_repaired(&f);
            struct outcome out = run_flow(&f);
            uint64_t delays_ms = is_suffix(f.lost, f.segments) ? 200 + 40 : 2 * 40;
            assert_true(out.took_ns <= 6 * *rtt_ns + delays_ms * LA_NS_PER_MS);
        }
    }
}

/* Two and three segments in all. */
static void test_short_flows(void **state)
{
    EACH(rtt_ns, rtts_ns)
    for (unsigned n = 1; n <= 3; n++) {
        for (uint32_t mask = 1; mask < 1U << n; mask++) {
            for (unsigned i = 0; i < 4; i++) {
                struct flow f = {.v6 = (i & 1) != 0,
                                 .early = (i & 2) != 0,
                                 .rtt_ns = *rtt_ns,
                                 .segments = n,
                                 .lost = mask};
                check_repaired(&f);
            }
        }
    }
}

/* Nothing is lost: nothing goes again, and no timer of recovery runs out. */
static void test_no_loss(void **state)
{
    EACH(rtt_ns, rtts_ns)
    for (unsigned n = 2; n <= 10; n += 2) {
        struct flow f = {.rtt_ns = *rtt_ns, .segments = n};
        struct outcome out = run_flow(&f);
        assert_int_equal(out.probes + out.reorder_timers + out.timeouts, 0);
        assert_int_equal(out.info.rtx_segs, 0);
    }
}

/* The probe is lost as well: nobody is left to tell, and the retransmission timer repairs it. Where
 * no probe is needed it is the first retransmission that is lost: when others left behind it, RACK
 * finds that out (6.2), and the timer otherwise. */
static void test_probe_lost(void **state)
{
    EACH(rtt_ns, rtts_ns)
    for (uint32_t mask = 1; mask < 16; mask++) {
        for (unsigned v6 = 0; v6 < 2; v6++) {
            struct flow f = {.v6 = v6 != 0,
                             .rtt_ns = *rtt_ns,
                             .segments = 10,
                             .lost = mask << 6,
                             .again_lost = 1};
            struct outcome out = run_flow(&f);
            if (is_suffix(f.lost, 10)) {
                assert_int_equal(out.probes, 1);
                assert_int_equal(out.timeouts, 1);
            } else {
                assert_true(out.timeouts <= 1);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_last_four),
        cmocka_unit_test(test_short_flows),
        cmocka_unit_test(test_no_loss),
        cmocka_unit_test(test_probe_lost),
    };
    return cmocka_run_group_tests_name("core/stack/tail", tests, NULL, NULL);
}
