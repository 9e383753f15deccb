/* Received data are charged by real memory: floods of tiny and of middling segments in large
 * buffers, in order and behind a gap, hold at most what the receive buffer allows, and lose no
 * byte.
 */
#include "support/tcp_harness.h"
#include "tcp/reass.h"

#define RCVBUF  200000U
#define ALLOWED (2 * RCVBUF + BUF_HUGE + BUF_CHUNK) /* one that is being filled */

static const uint32_t sizes[] = {1, 7, 100, 192, 193, 500, 512, 513, 700, 1000, 1024, 1025, 1448};

static void world(struct tcp_harness *h)
{
    tcp_begin(h, 0xfffff000, 0x7fffff00, true, true);
    h->options.rcvbuf_bytes = RCVBUF;
    tcp_connect(h);
}

/* As links give them: each in a buffer for a whole frame. */
static struct la_buf *segment(struct tcp_harness *h, uint32_t at, uint32_t len, uint32_t cap)
{
    struct la_buf *buf = buf_get(&h->pool, cap);
    assert_non_null(buf);
    buf->data += 66; /* headers were there */
    for (uint32_t i = 0; i < len; i++) {
        buf->data[i] = tcp_peer_byte(at + i);
    }
    buf->len = len;
    buf->seq = h->irs + 1 + at;
    return buf;
}

/* `besides`: what reassembly needs to note its ranges. */
static void within(struct tcp_harness *h, uint32_t most)
{
    uint64_t besides = h->t.reass ? buf_charge(h->t.reass) : 0;
    assert_true(h->t.rcv_charge <= most);
    assert_int_equal(h->memory.used[LA_MEM_BUFFERS], h->t.rcv_charge + besides);
}

static void read_all(struct tcp_harness *h, uint32_t len)
{
    h->out_head = h->out_tail;
    h->hold = true;
    for (uint32_t left = len; left != 0;) {
        int64_t n = tcp_hear(h, left < 3001 ? left : 3001);
        assert_true(n > 0);
        left -= (uint32_t)n;
    }
    assert_null(h->t.rcv_head);
    assert_int_equal(h->t.rcv_charge, 0);
    assert_int_equal(h->t.rcv_queued, 0);
}

static void in_order(uint32_t len, uint32_t cap)
{
    struct tcp_harness h;
    uint32_t at = 0;
    world(&h);
    h.hold = true;
    while (at < RCVBUF + RCVBUF / 8) { /* the edge of a scaled window is rounded */
        tcp_queue_in_order(&h.t, &h.env, segment(&h, at, len, cap), 1);
        at += len;
        within(&h, 2 * h.t.rcv_queued + BUF_HUGE + BUF_CHUNK + 2 * BUF_HEAD);
    }
    read_all(&h, at);
    tcp_finish(&h);
}

static void floods_in_order(void **state)
{
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        in_order(sizes[i], BUF_MTU);
        in_order(sizes[i], BUF_HUGE);
    }
}

enum order { ASCENDING, DESCENDING, SCATTERED };

/* Behind a gap of one byte, until the memory is used up; then the byte comes. */
static void early(uint32_t len, uint32_t cap, enum order order)
{
    struct tcp_harness h;
    uint64_t seed = len;
    uint32_t count = RCVBUF / len;
    world(&h);
    h.hold = true;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t n = order == ASCENDING    ? i
                     : order == DESCENDING ? count - 1 - i
                                           : random_below(&seed, count);
        tcp_reass_add(&h.t, &h.env, segment(&h, 1 + n * len, len, cap));
        within(&h, ALLOWED);
    }
    struct tcp_reass *q = tcp_reass_of(&h.t);
    uint32_t whole = seq_eq(q->range[0].start, seq_add(h.t.rcv_nxt, 1))
                         ? 1 + seq_len(q->range[0].start, q->range[0].end)
                         : 1;
    tcp_queue_in_order(&h.t, &h.env, segment(&h, 0, 1, cap), 1);
    assert_int_equal(h.t.rcv_queued, whole);
    /* The gap is filled where it was kept whole: tiny segments need no more than their bytes. */
    if (order == ASCENDING) {
        assert_int_equal(whole, 1 + count * len);
    }
    tcp_reass_drop(&h.t, &h.env);
    read_all(&h, whole);
    tcp_finish(&h);
}

static void floods_behind_a_gap(void **state)
{
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (int order = ASCENDING; order <= SCATTERED; order++) {
            early(sizes[i], BUF_MTU, (enum order)order);
        }
        early(sizes[i], BUF_HUGE, ASCENDING);
    }
}

/* Without memory to move them to, payloads stay where they are. */
static void no_memory_to_pack(void **state)
{
    struct tcp_harness h;
    world(&h);
    h.hold = true;
    for (uint32_t at = 0; at < 500; at++) {
        struct la_buf *buf = segment(&h, at, 1, BUF_MTU);
        h.memory.max = 0;
        tcp_queue_in_order(&h.t, &h.env, buf, 1);
        h.memory.max = UINT64_MAX;
    }
    read_all(&h, 500);
    tcp_finish(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(floods_in_order),
        cmocka_unit_test(floods_behind_a_gap),
        cmocka_unit_test(no_memory_to_pack),
    };
    return cmocka_run_group_tests_name("core/tcp/memory", tests, NULL, NULL);
}
