/* The event loop, over a memory pair and a pipe, with a stack that only counts. */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include <lastack/host.h>

#include "support/fake_stack.h"
#include "support/packets.h"

#define MS UINT64_C(1000000)

static struct la_stack stack;
static struct la_link *far;
static struct la_host *host;

static int rig_make(void **state)
{
    struct la_link *ends[2];
    memset(&stack, 0, sizeof(stack));
    stack.deadline_ns = UINT64_MAX;
    if (la_link_memory_pair(LA_LINK_IP, 1500, 4, ends) < 0)
        return -1;
    far = ends[1];
    return la_host_create(&stack, ends[0], &host);
}

static int rig_close(void **state)
{
    la_host_destroy(host);
    la_link_close(far);
    return stack.destroyed && stack.bufs == 0 ? 0 : -1;
}

static int turn_for(uint64_t ms)
{
    return la_host_turn(host, la_clock_ns() + ms * MS);
}

static void test_waits_until_the_deadline(void **state)
{
    uint64_t before_ns = la_clock_ns();
    assert_int_equal(turn_for(20), 0);
    assert_in_range(la_clock_ns() - before_ns, 20 * MS, 500 * MS);
    assert_int_equal(la_host_turn(host, 0), 0); /* a deadline in the past only looks */
}

static void test_timers_of_the_stack(void **state)
{
    stack.deadline_ns = la_clock_ns() + 5 * MS;
    assert_int_equal(turn_for(1000), 1);
    assert_int_equal(stack.timeouts, 1);
}

/* What the link refuses stays with the stack and goes out when there is room. */
static void test_sends_first_and_keeps_what_is_refused(void **state)
{
    static uint8_t bytes[100];
    struct la_frame frames[10];
    struct la_stack other = {0};
    size_t len = packet_tcp(bytes, false, 1, LA_TH_ACK, 10, false);
    for (size_t i = 0; i < 10; i++)
        packet_frame(&frames[i], bytes, len, 52);
    stack.to_send = frames;
    stack.to_send_count = 10;
    int got = 0;
    for (int i = 0; i < 3; i++) {
        assert_in_range(turn_for(0), 0, 1);
        assert_int_equal(stack.to_send_count, i == 0 ? 6 : i == 1 ? 2 : 0);
        struct la_frame in[8];
        int n = far->ops->recv(far, &other, in, 8, 0);
        fake_release(&other, in, n);
        got += n;
    }
    assert_int_equal(got, 10);
    assert_int_equal(other.bufs, 0);
}

static void test_receives(void **state)
{
    static uint8_t bytes[100];
    struct la_frame frame;
    size_t len = packet_tcp(bytes, false, 1, LA_TH_ACK, 10, false);
    packet_frame(&frame, bytes, len, 52);
    assert_int_equal(far->ops->send(far, &frame, 1, 0), 1);
    assert_int_equal(turn_for(1000), 1);
    assert_int_equal(stack.received, 1);
}

static void test_watched_descriptors(void **state)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(la_host_watch(host, fds[0], POLLIN), 0);
    assert_int_equal(turn_for(1), 0);
    assert_int_equal(la_host_revents(host, fds[0]), 0);
    assert_int_equal(write(fds[1], "x", 1), 1);
    assert_int_equal(turn_for(1000), 1);
    assert_int_equal(la_host_revents(host, fds[0]), POLLIN);
    assert_int_equal(la_host_watch(host, fds[0], 0), 0);
    assert_int_equal(turn_for(1), 0);
    assert_int_equal(la_host_revents(host, fds[0]), 0);
    assert_int_equal(la_host_watch(host, -1, POLLIN), LA_EBADF);
    close(fds[0]);
    close(fds[1]);
}

static void on_alarm(int number)
{
}

static void test_a_signal_interrupts(void **state)
{
    const struct sigaction action = {.sa_handler = on_alarm};
    const struct itimerval soon = {.it_value = {.tv_usec = 20000}};
    assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
    assert_int_equal(turn_for(5000), LA_EINTR);
}

/* The deadline of a link that holds frames back wakes the loop as well. */
static void test_impaired_link(void **state)
{
    const struct la_impair late = {.delay_ns = 10 * MS};
    static uint8_t bytes[100];
    struct la_stack alone = {.deadline_ns = UINT64_MAX};
    struct la_link *ends[2];
    struct la_link *link;
    struct la_host *h;
    struct la_frame frame;
    assert_int_equal(la_link_memory_pair(LA_LINK_IP, 1500, 4, ends), 0);
    assert_int_equal(la_link_impair(ends[0], NULL, &late, 1, &link), 0);
    assert_int_equal(la_host_create(&alone, link, &h), 0);
    size_t len = packet_tcp(bytes, false, 1, LA_TH_ACK, 10, false);
    packet_frame(&frame, bytes, len, 52);
    assert_int_equal(ends[1]->ops->send(ends[1], &frame, 1, 0), 1);
    uint64_t before_ns = la_clock_ns();
    while (alone.received == 0)
        assert_in_range(la_host_turn(h, before_ns + 1000 * MS), 0, 1);
    assert_in_range(la_clock_ns() - before_ns, 10 * MS, 500 * MS);
    la_host_destroy(h);
    la_link_close(ends[1]);
    assert_int_equal(alone.bufs, 0);
}

static void test_a_link_the_stack_refuses(void **state)
{
    struct la_link *ends[2];
    struct la_host *none;
    assert_int_equal(la_link_memory_pair(LA_LINK_IP, 100, 4, ends), 0);
    assert_int_equal(la_host_create(&stack, ends[0], &none), LA_EINVAL);
    la_link_close(ends[0]);
    la_link_close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_waits_until_the_deadline, rig_make, rig_close),
        cmocka_unit_test_setup_teardown(test_timers_of_the_stack, rig_make, rig_close),
        cmocka_unit_test_setup_teardown(test_sends_first_and_keeps_what_is_refused, rig_make,
                                        rig_close),
        cmocka_unit_test_setup_teardown(test_receives, rig_make, rig_close),
        cmocka_unit_test_setup_teardown(test_watched_descriptors, rig_make, rig_close),
        cmocka_unit_test_setup_teardown(test_a_signal_interrupts, rig_make, rig_close),
        cmocka_unit_test(test_impaired_link),
        cmocka_unit_test_setup_teardown(test_a_link_the_stack_refuses, rig_make, rig_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
