/* TCP_INFO: Linux's units and meanings. */
#include "posix/net.h"

static struct px_tcp_info info_of(int host, int fd)
{
    struct px_tcp_info info;
    socklen_t len = sizeof(info);
    assert_int_equal(now(host, c_getsockopt(fd, IPPROTO_TCP, PX_TCP_INFO, &info, &len)), 0);
    assert_int_equal(len, 280);
    return info;
}

static void test_states(void **state)
{
    int fds[2];
    int fresh = open_socket(0, AF_INET, SOCK_STREAM);
    assert_int_equal(info_of(0, fresh).tcpi_state, PX_TCP_CLOSE);
    assert_int_equal(info_of(0, fresh).tcpi_snd_ssthresh, 0x7fffffff);
    int listener = open_pair(AF_INET, fds);
    assert_int_equal(info_of(1, listener).tcpi_state, PX_TCP_LISTEN);
    assert_int_equal(info_of(0, fds[0]).tcpi_state, PX_TCP_ESTABLISHED);
    now(0, c_shutdown(fds[0], SHUT_WR));
    assert_int_equal(info_of(0, fds[0]).tcpi_state, PX_TCP_FIN_WAIT1);
    net_run(100 * MS);
    assert_int_equal(info_of(1, fds[1]).tcpi_state, PX_TCP_CLOSE_WAIT);
    assert_int_equal(info_of(0, fds[0]).tcpi_state, PX_TCP_FIN_WAIT2);
    now(1, c_shutdown(fds[1], SHUT_WR));
    assert_int_equal(info_of(1, fds[1]).tcpi_state, PX_TCP_LAST_ACK);
    net_run(100 * MS);
    assert_int_equal(info_of(1, fds[1]).tcpi_state, PX_TCP_CLOSE);
    assert_int_equal(info_of(0, fds[0]).tcpi_state, PX_TCP_CLOSE); /* TIME-WAIT needs no socket */
    struct sockaddr_storage to = address(AF_INET, 1, 4);
    net.cut = true;
    now(0, c_fcntl(fresh, F_SETFL, O_NONBLOCK));
    now(0, c_connect(fresh, &to));
    assert_int_equal(info_of(0, fresh).tcpi_state, PX_TCP_SYN_SENT);
    net_run(4 * SECOND);
    assert_int_equal(info_of(0, fresh).tcpi_retransmits, 2);
}

static void test_figures(void **state)
{
    static uint8_t data[14480];
    int fds[2];
    open_pair(AF_INET, fds);
    net_run(50 * MS); /* less than an RTO: after one, sending begins paced */
    struct px_tcp_info i = info_of(0, fds[0]);
    assert_int_equal(i.tcpi_options,
                     PX_TCPI_OPT_TIMESTAMPS | PX_TCPI_OPT_SACK | PX_TCPI_OPT_WSCALE);
    assert_int_equal(i.tcpi_snd_mss, 1448);
    assert_int_equal(i.tcpi_advmss, 1460);
    assert_int_equal(i.tcpi_pmtu, 1500);
    assert_int_equal(i.tcpi_snd_cwnd, 10); /* segments */
    assert_int_equal(i.tcpi_snd_ssthresh, 0x7fffffff);
    assert_in_range(i.tcpi_rtt, 20000, 21000); /* microseconds */
    assert_in_range(i.tcpi_rto, 200000, 300000);
    assert_int_equal(i.tcpi_reordering, 3);
    assert_int_equal(i.tcpi_unacked, 0);
    assert_true(i.tcpi_pacing_rate > 0);
    assert_true(i.tcpi_max_pacing_rate == UINT64_MAX);
    assert_int_equal(now(0, c_write(fds[0], data, sizeof(data))), sizeof(data));
    i = info_of(0, fds[0]);
    assert_int_equal(i.tcpi_unacked, 10);
    assert_int_equal(i.tcpi_notsent_bytes, 0);
    assert_int_equal(i.tcpi_data_segs_out, 10);
    assert_true(i.tcpi_bytes_sent == sizeof(data));
    assert_int_equal(now(0, c_write(fds[0], data, 5000)), 5000);
    assert_int_equal(info_of(0, fds[0]).tcpi_notsent_bytes, 5000);
    net_run(SECOND);
    i = info_of(0, fds[0]);
    assert_true(i.tcpi_bytes_acked == sizeof(data) + 5000);
    assert_int_equal(i.tcpi_unacked, 0);
    assert_int_equal(i.tcpi_delivered, 1 + 10 + 4); /* the SYN counts */
    assert_int_equal(i.tcpi_total_retrans, 0);
    assert_in_range(i.tcpi_last_data_sent, 900, 1000); /* milliseconds */
    assert_true(info_of(1, fds[1]).tcpi_bytes_received == sizeof(data) + 5000);
    assert_in_range(info_of(1, fds[1]).tcpi_last_data_recv, 900, 1000);
}

static void test_losses(void **state)
{
    static uint8_t data[1448];
    int fds[2];
    open_pair(AF_INET6, fds);
    net_run(SECOND);
    net.cut = true;
    now(0, c_write(fds[0], data, 1000));
    net_run(1500 * MS);
    struct px_tcp_info i = info_of(0, fds[0]);
    assert_true(i.tcpi_backoff >= 1);
    assert_int_equal(i.tcpi_ca_state, PX_CA_LOSS);
    assert_int_equal(i.tcpi_unacked, 1);
    assert_int_equal(i.tcpi_snd_cwnd, 1);
    assert_true(i.tcpi_total_retrans >= 2);
    assert_true(i.tcpi_bytes_retrans >= 2000);
    assert_true(i.tcpi_busy_time > 1000000);
    net.cut = false;
    net_run(5 * SECOND);
    i = info_of(0, fds[0]);
    assert_int_equal(i.tcpi_ca_state, PX_CA_OPEN);
    assert_int_equal(i.tcpi_unacked, 0);
}

/* Who knows fewer members gets the beginning. */
static void test_shorter(void **state)
{
    int fds[2];
    uint8_t few[300];
    socklen_t len = 104;
    open_pair(AF_INET, fds);
    memset(few, 0xee, sizeof(few));
    assert_int_equal(now(0, c_getsockopt(fds[0], IPPROTO_TCP, PX_TCP_INFO, few, &len)), 0);
    assert_int_equal(len, 104);
    assert_int_equal(few[0], PX_TCP_ESTABLISHED);
    assert_int_equal(few[104], 0xee);
    len = sizeof(few);
    assert_int_equal(now(0, c_getsockopt(fds[0], IPPROTO_TCP, PX_TCP_INFO, few, &len)), 0);
    assert_int_equal(len, 280);
    len = 0;
    assert_int_equal(now(0, c_getsockopt(fds[0], IPPROTO_TCP, PX_TCP_INFO, NULL, &len)), 0);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, net_open, net_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_states),
        TEST(test_figures),
        TEST(test_losses),
        TEST(test_shorter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
