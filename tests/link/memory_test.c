/* The memory pair: order, back-pressure, one copy into the receiver's buffer, closing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <lastack/link.h>

#include "support/fake_stack.h"
#include "support/packets.h"

static void pair_make(struct la_link *ends[2], size_t queue_max)
{
    assert_int_equal(la_link_memory_pair(LA_LINK_IP, 1500, queue_max, ends), 0);
}

/* Sends packets numbered from `first`; returns how many were taken. */
static int send_numbers(struct la_link *end, uint32_t first, size_t n)
{
    static uint8_t bytes[16][200];
    struct la_frame frames[16];
    for (size_t i = 0; i < n; i++) {
        size_t len = packet_tcp(bytes[i], false, first + (uint32_t)i, LA_TH_ACK, 100, false);
        packet_frame(&frames[i], bytes[i], len, 52);
    }
    return end->ops->send(end, frames, n, 0);
}

/* Receives everything and checks that the numbers go up from `first`; returns how many came. */
static int recv_numbers(struct la_link *end, struct la_stack *stack, uint32_t first)
{
    struct la_frame frames[16];
    int total = 0;
    int n;
    while ((n = end->ops->recv(end, stack, frames, 5, 0)) > 0) {
        for (int i = 0; i < n; i++) {
            assert_int_equal(frames[i].nfrags, 1);
            assert_true(packet_good(frames[i].frag[0].data, frames[i].len));
            assert_int_equal(load_be32(frames[i].frag[0].data + 24), first + (uint32_t)(total + i));
        }
        fake_release(stack, frames, n);
        total += n;
    }
    assert_int_equal(n, 0);
    return total;
}

static void test_order_and_back_pressure(void **state)
{
    struct la_stack stack = {0};
    struct la_link *ends[2];
    pair_make(ends, 7);
    uint32_t next = 0;
    for (int round = 0; round < 20; round++) {
        assert_int_equal(send_numbers(ends[0], next, 3), 3);
        assert_int_equal(send_numbers(ends[0], next + 3, 16), 4); /* 7 wait at most */
        assert_int_equal(send_numbers(ends[0], 0, 1), 0);
        assert_int_equal(recv_numbers(ends[1], &stack, next), 7);
        next += 7;
    }
    assert_int_equal(stack.bufs, 0);
    assert_int_equal(ends[0]->frames_out, 140);
    assert_int_equal(ends[1]->frames_in, 140);
    assert_int_equal(ends[0]->bytes_out, ends[1]->bytes_in);
    la_link_close(ends[0]);
    la_link_close(ends[1]);
}

/* Once the receiver is known, send() writes into its buffers at once. */
static void test_copies_straight_into_the_receiver(void **state)
{
    struct la_stack stack = {0};
    struct la_link *ends[2];
    pair_make(ends, 8);
    assert_int_equal(send_numbers(ends[0], 5, 2), 2);
    assert_int_equal(stack.bufs, 0); /* nobody known yet */
    assert_int_equal(recv_numbers(ends[1], &stack, 5), 2);
    assert_int_equal(send_numbers(ends[0], 7, 2), 2);
    assert_int_equal(stack.bufs, 2);
    assert_int_equal(recv_numbers(ends[1], &stack, 7), 2);
    la_link_close(ends[1]);
    la_link_close(ends[0]);
}

static void test_no_buffer_loses_and_counts(void **state)
{
    struct la_stack stack = {.bufs_max = 1};
    struct la_link *ends[2];
    struct la_frame frame;
    pair_make(ends, 8);
    assert_int_equal(ends[1]->ops->recv(ends[1], &stack, &frame, 1, 0), 0);
    assert_int_equal(send_numbers(ends[0], 0, 3), 3);
    assert_int_equal(ends[0]->dropped, 2);
    assert_int_equal(recv_numbers(ends[1], &stack, 0), 1);
    la_link_close(ends[1]);
    la_link_close(ends[0]);
}

static void test_closing_gives_buffers_back(void **state)
{
    struct la_stack stack = {0};
    struct la_link *ends[2];
    struct la_frame frame;
    pair_make(ends, 8);
    assert_int_equal(send_numbers(ends[0], 0, 1), 1); /* early */
    assert_int_equal(send_numbers(ends[1], 0, 1), 1); /* early, never received */
    assert_int_equal(ends[1]->ops->recv(ends[1], &stack, &frame, 1, 0), 1);
    fake_release(&stack, &frame, 1);
    assert_int_equal(send_numbers(ends[0], 1, 3), 3);
    assert_int_equal(stack.bufs, 3);
    la_link_close(ends[1]);
    assert_int_equal(stack.bufs, 0);
    assert_int_equal(send_numbers(ends[0], 0, 3), 3); /* the wire is pulled out */
    assert_int_equal(ends[0]->dropped, 3);
    la_link_close(ends[0]);
}

static void test_super_segments_never_cross(void **state)
{
    static uint8_t bytes[4000];
    struct la_stack stack = {0};
    struct la_link *ends[2];
    struct la_frame frame;
    pair_make(ends, 8);
    assert_int_equal(ends[0]->info.offloads, 0);
    size_t len = packet_tcp(bytes, false, 1, LA_TH_ACK, 3000, true);
    packet_frame(&frame, bytes, len, 52);
    packet_gso(&frame, false, 0, 1448);
    assert_int_equal(ends[0]->ops->send(ends[0], &frame, 1, 0), 1);
    assert_int_equal(ends[0]->dropped, 1);
    assert_int_equal(recv_numbers(ends[1], &stack, 0), 0);
    la_link_close(ends[0]);
    la_link_close(ends[1]);
}

static void test_ethernet_ends_differ(void **state)
{
    struct la_link *ends[2];
    assert_int_equal(la_link_memory_pair(LA_LINK_ETHERNET, 9000, 4, ends), 0);
    assert_memory_not_equal(ends[0]->info.mac, ends[1]->info.mac, 6);
    assert_int_equal(ends[0]->info.mac[0] & 3, 2);
    assert_int_equal(ends[1]->info.mtu, 9000);
    la_link_close(ends[0]);
    la_link_close(ends[1]);
    assert_int_equal(la_link_memory_pair(LA_LINK_IP, 1500, 0, ends), LA_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_back_pressure),
        cmocka_unit_test(test_copies_straight_into_the_receiver),
        cmocka_unit_test(test_no_buffer_loses_and_counts),
        cmocka_unit_test(test_closing_gives_buffers_back),
        cmocka_unit_test(test_super_segments_never_cross),
        cmocka_unit_test(test_ethernet_ends_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
