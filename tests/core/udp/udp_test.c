/* UDP: checks, queues charged by real memory, datagrams byte by byte. */
#include "core/ip/world.h"
#include "udp/udp.h"

static struct world w;
static struct udp_endpoint u;
static uint8_t p[70000];

static void begin(void)
{
    memset(&w.tm, 0, sizeof(w.tm));
    assert_true(world_make(&w));
    udp_endpoint_init(&u, 64 * 1024, 64 * 1024);
}

static void end(void)
{
    udp_endpoint_clear(&u, &w.pool);
    assert_int_equal(u.rcv.bytes + u.snd.bytes, 0);
    world_give_back(&w);
    world_end(&w);
}

static struct udp_arrival arrival(void)
{
    return (struct udp_arrival){.buf = w.out.buf,
                                .data = w.out.data,
                                .len = w.out.len,
                                .pseudo = w.out.pseudo,
                                .src = w.out.src,
                                .csum = w.out.csum};
}

static enum la_reason check(size_t len, struct wire_udp *h)
{
    assert_int_equal(feed(&w, 1, p, len), IP_UDP);
    struct udp_arrival a = arrival();
    return udp_check(&a, wire_sum, h);
}

/* Delivers the datagram in `p` to the endpoint. */
static enum la_reason deliver(size_t len)
{
    struct wire_udp h;
    enum la_reason reason = check(len, &h);
    if (reason == LA_NONE) {
        struct udp_arrival a = arrival();
        w.out.buf = NULL;
        reason = udp_input(&u, &w.pool, &a, &h);
    }
    return reason;
}

static void test_checks(void **state)
{
    struct wire_udp h;
    begin();
    for (int v6 = 0; v6 <= 1; v6++) {
        struct la_addr src = peer(v6, 1), dst = ours(v6, 1);
        size_t head = v6 ? 40 : 20, len = put_udp(p, &src, &dst, 21);
        assert_int_equal(check(len, &h), LA_NONE);
        assert_int_equal(h.src_port, 4000);
        assert_int_equal(h.dst_port, 5000);
        for (size_t bit = head * 8; bit < len * 8; bit++) { /* any bit wrong is seen */
            p[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_int_not_equal(check(len, &h), LA_NONE);
            p[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        store_be16(p + head + 6, 0); /* none made */
        assert_int_equal(check(len, &h), v6 ? LA_DROP_UDP_CHECKSUM : LA_NONE);
        store_be16(p + head + 4, 7);
        assert_int_equal(check(len, &h), LA_DROP_UDP_HEADER);
        store_be16(p + head + 4, 30);
        assert_int_equal(check(len, &h), LA_DROP_UDP_HEADER);

        /* UDP's length may be shorter than IP's: what lies behind it does not count */
        put_udp(p, &src, &dst, 21);
        store_be16(p + head + 4, 20);
        memset(p + head + 6, 0, 2);
        uint32_t sum = packet_pseudo(p, PACKET_UDP, 20);
        store_be16(p + head + 6, (uint16_t)~packet_sum(p + head, 20, sum));
        assert_int_equal(check(len, &h), LA_NONE);
        assert_int_equal(h.len, 20);
        for (size_t n = 0; n < 8; n++) {
            put_ip(p, &src, &dst, PACKET_UDP, n);
            assert_int_equal(check(head + n, &h), LA_DROP_UDP_HEADER);
        }
    }
    end();
    (void)state;
}

static void test_receive(void **state)
{
    static const size_t sizes[] = {0, 1, 100, 300, 1400, 60000};
    uint8_t got[70000];
    struct la_endpoint from;
    begin();
    for (int pooled = 0; pooled <= 1; pooled++) {
        w.pooled = pooled;
        for (int v6 = 0; v6 <= 1; v6++) {
            struct la_addr src = peer(v6, 1), dst = ours(v6, 1);
            for (size_t i = 0; i < LA_ARRAY_LEN(sizes); i++) {
                size_t len = put_udp(p, &src, &dst, sizes[i]);
                assert_int_equal(deliver(len), LA_TAKE_UDP);
                assert_int_equal(udp_recv(&u, &w.pool, &from, got, sizeof(got)), sizes[i]);
                assert_memory_equal(got, p + len - sizes[i], sizes[i]);
                assert_memory_equal(from.addr.b, src.b, 16);
                assert_int_equal(from.port, 4000);
                assert_int_equal(u.rcv.bytes, 0);
            }
            size_t len = put_udp(p, &src, &dst, 100); /* too short a buffer: cut, length told */
            assert_int_equal(deliver(len), LA_TAKE_UDP);
            assert_int_equal(udp_recv(&u, &w.pool, NULL, got, 10), 100);
        }
    }
    assert_int_equal(udp_recv(&u, &w.pool, &from, got, sizeof(got)), LA_EAGAIN);
    u.error = LA_ECONNREFUSED;
    assert_int_equal(udp_recv(&u, &w.pool, &from, got, sizeof(got)), LA_ECONNREFUSED);
    assert_int_equal(udp_recv(&u, &w.pool, &from, got, sizeof(got)), LA_EAGAIN);
    end();
    (void)state;
}

/* Small datagrams in big buffers are charged small; the cap holds. */
static void test_receive_cap(void **state)
{
    begin();
    w.pooled = true;
    struct la_addr src = peer(true, 1), dst = ours(true, 1);
    size_t len = put_udp(p, &src, &dst, 10);
    unsigned taken = 0;
    while (deliver(len) == LA_TAKE_UDP) {
        taken++;
        assert_true(u.rcv.bytes <= u.rcv_max);
    }
    assert_int_equal(taken, 64 * 1024 / 256);
    assert_int_equal(deliver(len), LA_DROP_UDP_FULL);
    uint8_t got[10];
    while (udp_recv(&u, &w.pool, NULL, got, 10) == 10) {
        taken--;
    }
    assert_int_equal(taken, 0);
    len = put_udp(p, &src, &dst, 65000); /* more than the cap alone: an empty queue takes it */
    assert_int_equal(deliver(len), LA_TAKE_UDP);
    len = put_udp(p, &src, &dst, 10);
    assert_int_equal(deliver(len), LA_DROP_UDP_FULL);
    end();
    (void)state;
}

static void test_build(void **state)
{
    static const size_t sizes[] = {0, 1, 2, 99, 1400, 65507};
    begin();
    for (int v6 = 0; v6 <= 1; v6++) {
        struct la_addr dst = peer(v6, 1), src = ours(v6, 1);
        for (size_t i = 0; i < LA_ARRAY_LEN(sizes); i++) {
            size_t head = v6 ? 40 : 20, n = sizes[i];
            put_udp(p, &src, &dst, n);
            struct la_buf *buf =
                udp_build(&w.pool, IP_OUT_ROOM, 4000, 5000, n ? p + head + 8 : NULL, n,
                          wire_sum_pseudo(&src, &dst, PACKET_UDP, 0), wire_copy_sum);
            assert_non_null(buf);
            assert_int_equal(buf->data - buf->mem, IP_OUT_ROOM);
            assert_int_equal(buf->len, n + 8);
            assert_memory_equal(buf->data, p + head, n + 8);
            buf_put(&w.pool, buf);
        }
    }
    /* a sum of zero is sent as all ones (RFC 768): the pseudo-header's complement as payload */
    for (uint32_t v = 0; v < 0x10000; v++) {
        uint8_t bytes[2] = {(uint8_t)(v >> 8), (uint8_t)v};
        struct la_addr dst = peer(true, 1), src = ours(true, 1);
        struct la_buf *buf = udp_build(&w.pool, 0, 1, 2, bytes, 2,
                                       wire_sum_pseudo(&src, &dst, PACKET_UDP, 0), wire_copy_sum);
        assert_int_not_equal(load_be16(buf->data + 6), 0);
        buf_put(&w.pool, buf);
    }
    assert_null(udp_build(&w.pool, 0, 1, 2, p, 65528, 0, wire_copy_sum));
    end();
    (void)state;
}

static void test_send_queue(void **state)
{
    begin();
    unsigned queued = 0;
    while (udp_send_room(&u, IP_OUT_ROOM, 10)) {
        struct la_buf *buf = udp_build(&w.pool, IP_OUT_ROOM, (uint16_t)queued, 2, "0123456789", 10,
                                       0, wire_copy_sum);
        udp_send_push(&u, buf);
        queued++;
    }
    assert_in_range(queued, 200, 256);
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(load_be16(udp_send_head(&u)->data), i); /* in order */
        buf_put(&w.pool, udp_send_pop(&u));
    }
    udp_endpoint_clear(&u, &w.pool);
    assert_null(udp_send_head(&u));
    assert_null(udp_send_pop(&u));
    assert_true(udp_send_room(&u, IP_OUT_ROOM, 65507)); /* an empty queue takes any */
    end();
    (void)state;
}

static void test_connected(void **state)
{
    begin();
    struct la_addr a = peer(true, 1), b = peer(false, 1);
    assert_true(udp_accepts(&u, &a, 1));
    u.connected = true;
    u.raddr = a;
    u.rport = 7;
    assert_true(udp_accepts(&u, &a, 7));
    assert_false(udp_accepts(&u, &a, 8));
    assert_false(udp_accepts(&u, &b, 7));
    end();
    (void)state;
}

/* No memory for the copy, or for the datagram: a reason, and nothing lost. */
static void test_memory_fails(void **state)
{
    for (unsigned n = 1; n < 8; n++) {
        memset(&w.tm, 0, sizeof(w.tm));
        w.tm.fail_at = n;
        bool made = world_make(&w);
        udp_endpoint_init(&u, 64 * 1024, 64 * 1024);
        w.pooled = true;
        if (made) {
            struct la_addr src = peer(true, 1), dst = ours(true, 1);
            struct wire_udp h;
            size_t len = put_udp(p, &src, &dst, 10);
            if (feed(&w, 1, p, len) == IP_UDP) {
                struct udp_arrival a = arrival();
                assert_int_equal(udp_check(&a, wire_sum, &h), LA_NONE);
                w.out.buf = NULL;
                enum la_reason reason = udp_input(&u, &w.pool, &a, &h);
                assert_true(reason == LA_TAKE_UDP || reason == LA_DROP_NO_MEMORY);
            }
            struct la_buf *buf = udp_build(&w.pool, IP_OUT_ROOM, 1, 2, p, 3000, 0, wire_copy_sum);
            if (buf) {
                udp_send_push(&u, buf);
            }
        }
        end();
    }
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checks),       cmocka_unit_test(test_receive),
        cmocka_unit_test(test_receive_cap),  cmocka_unit_test(test_build),
        cmocka_unit_test(test_send_queue),   cmocka_unit_test(test_connected),
        cmocka_unit_test(test_memory_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
