/* The runner: scripts against Lastack, and that each kind of mistake in one is found and told. */
#include <stdlib.h>
#include <unistd.h>

#include "script.h"

#define SERVER                                      \
    "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n" \
    "+0 bind(3, ..., ...) = 0\n"                    \
    "+0 listen(3, 1) = 0\n"                         \
    "+0 < S 0:0(0) win 65535 <mss 1000>\n"          \
    "+0 > S. 0:0(0) ack 1 <mss 1460>\n"             \
    "+.1 < . 1:1(0) ack 1 win 65535\n"              \
    "+0 accept(3, ..., ...) = 4\n" /* eight lines */
#define CLIENT                                                    \
    "0 socket(..., SOCK_STREAM|SOCK_NONBLOCK, IPPROTO_TCP) = 3\n" \
    "+0 connect(3, ..., ...) = -1 EINPROGRESS\n"                  \
    "+0 > S 0:0(0) <...>\n"                                       \
    "+.1 < S. 0:0(0) ack 1 win 65535 <mss 1460>\n"                \
    "+0 > . 1:1(0) ack 1\n"

static void test_server(void **state)
{
    (void)state;
    script_passes(SERVER "+0 < P. 1:1001(1000) ack 1 win 65535\n"
                         "* > . 1:1(0) ack 1001\n"
                         "+0 read(4, ..., 2000) = 1000\n"
                         "+0 write(4, ..., 3000) = 3000\n"
                         "+0 > P. 1:3001(3000) ack 1001\n"
                         "+.1 < . 1001:1001(0) ack 3001 win 65535\n"
                         "+0 close(4) = 0\n"
                         "+0 > F. 3001:3001(0) ack 1001\n"
                         "+0 < F. 1001:1001(0) ack 3002 win 65535\n"
                         "+0 > . 3002:3002(0) ack 1002\n");
}

static void test_client(void **state)
{
    (void)state;
    script_passes(CLIENT "+0 getsockopt(3, SOL_SOCKET, SO_ERROR, [0], [4]) = 0\n"
                         "+0 %{ assert tcpi_state == TCP_ESTABLISHED }%\n"
                         "+0 close(3) = 0\n"
                         "+0 > F. 1:1(0) ack 1\n");
}

static void test_six(void **state)
{
    (void)state;
    script_passes("--ip_version=ipv6\n" CLIENT "+0 close(3) = 0\n+0 > F. 1:1(0) ack 1\n");
}

/* The peer's ISN anywhere, and the script the same. */
static void test_isn(void **state)
{
    static const uint32_t shifts[] = {1, 0x7ffffff0, 0xfffffc00, 0xffffffff};
    (void)state;
    for (size_t i = 0; i < sizeof(shifts) / sizeof(shifts[0]); i++) {
        struct drill_script s;
        struct drill_config config;
        struct drill_result r;
        script_read(&s, SERVER "+0 < P. 1:1001(1000) ack 1 win 65535\n* > . 1:1(0) ack 1001\n"
                               "+0 read(4, ..., 2000) = 1000\n");
        drill_config_init(&config);
        config.isn_shift = shifts[i];
        drill_run(&s, &config, &r);
        if (r.verdict != DRILL_PASSED)
            fail_msg("%s", r.fault.text);
        drill_result_free(&r);
        drill_script_free(&s);
    }
}

/* ISNs that the script writes itself; later packets count from them. */
static void test_written_isn(void **state)
{
    (void)state;
    script_passes("0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
                  "+0 bind(3, ..., ...) = 0\n+0 listen(3, 1) = 0\n"
                  "+0 < S 500:500(0) win 65535 <mss 1000>\n"
                  "+0 > S. 0:0(0) ack 501 <...>\n"
                  "+.1 < . 1:1(0) ack 1 win 65535\n"
                  "+0 < F. 1:1(0) ack 1 win 65535\n"
                  "* > . 1:1(0) ack 2\n");
}

/* Two connections at once, told apart by ports. */
static void test_ports(void **state)
{
    (void)state;
    script_passes("0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
                  "+0 bind(3, ..., ...) = 0\n+0 listen(3, 5) = 0\n"
                  "+0 < 40001 > 8080 S 0:0(0) win 65535 <mss 1000>\n"
                  "+0 < 40002 > 8080 S 7:7(0) win 65535 <mss 1000>\n"
                  "+0 > 8080 > 40001 S. 0:0(0) ack 1 <...>\n"
                  "+0 > 8080 > 40002 S. 0:0(0) ack 8 <...>\n"
                  "+0 < 40002 > 8080 . 1:1(0) ack 1 win 65535\n"
                  "+0 < 40001 > 8080 . 1:1(0) ack 1 win 65535\n"
                  "+0 accept(3, ..., ...) = 4\n"
                  "+0 accept(3, ..., ...) = 5\n"
                  "+0 close(4) = 0\n"
                  "+0 > 8080 > 40002 F. 1:1(0) ack 1\n");
}

/* A call that waits; and the next one waits for it. */
static void test_blocking(void **state)
{
    (void)state;
    script_passes("0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
                  "+0 bind(3, ..., ...) = 0\n+0 listen(3, 1) = 0\n"
                  "+0...0.200 accept(3, ..., ...) = 4\n"
                  "+.1 < S 0:0(0) win 65535 <mss 1000>\n+0 > S. 0:0(0) ack 1 <...>\n"
                  "+.1 < . 1:1(0) ack 1 win 65535\n"
                  "+0...0.100 read(4, ..., 100) = 10\n"
                  "+.1 < P. 1:11(10) ack 1 win 65535\n* > . 1:1(0) ack 11\n");
    script_fails("0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
                 "+0 bind(3, ..., ...) = 0\n+0 listen(3, 1) = 0\n"
                 "+0...0.200 accept(3, ..., ...) = 4\n"
                 "+.1 < S 0:0(0) win 65535 <mss 1000>\n+0 > S. 0:0(0) ack 1 <...>\n"
                 "+.3 < . 1:1(0) ack 1 win 65535\n",
                 DRILL_FAILED,
                 "t.pkt:4:12: the end of the call: expected at 0.200000 s (give or take 0.025000), "
                 "came at 0.400000 s");
}

static void test_horizon(void **state)
{
    (void)state;
    script_fails("--horizon=5\n0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
                 "+0 bind(3, ..., ...) = 0\n+0 listen(3, 1) = 0\n"
                 "+0...0.200 accept(3, ..., ...) = 4\n",
                 DRILL_FAILED, "t.pkt:5:12: accept(3) still waits 5 s after it should have ended");
    script_fails("--horizon=5\n" SERVER "* > . 1:1(0) ack 1\n", DRILL_FAILED,
                 "t.pkt:9:1: no packet left by 5.100000 s");
}

/* ---- what is found -------------------------------------------------------------------------- */

static void test_differences(void **state)
{
    (void)state;
    script_fails(CLIENT "+0 close(3) = 0\n+0 > R. 1:1(0) ack 1\n", DRILL_FAILED,
                 "t.pkt:7:1: flags: expected R., came F.");
    script_fails(CLIENT "+0 close(3) = 0\n+0 > F. 2:2(0) ack 1\n", DRILL_FAILED,
                 "t.pkt:7:1: sequence number: expected 2, came 1");
    script_fails(CLIENT "+0 close(3) = 0\n+0 > F. 1:1(0) ack 2\n", DRILL_FAILED,
                 "t.pkt:7:1: acknowledgement: expected 2, came 1");
    script_fails(CLIENT "+0 close(3) = 0\n+0 > F. 1:1(0) ack 1 win 5\n", DRILL_FAILED,
                 "t.pkt:7:1: window: expected 5, came 65535");
    script_fails(CLIENT "+0 close(3) = 0\n+0 > F. 1:1(0) ack 1 <nop,nop>\n", DRILL_FAILED,
                 "t.pkt:7:1: options: expected nop,nop, came none");
    script_fails(CLIENT "+0 close(3) = 0\n+0 > [ttl 5] F. 1:1(0) ack 1\n", DRILL_FAILED,
                 "t.pkt:7:1: TTL: expected 5, came 64");
    script_fails(CLIENT "+0 close(3) = 0\n+0 > [ce] F. 1:1(0) ack 1\n", DRILL_FAILED,
                 "t.pkt:7:1: ECN: expected ce, came noecn");
    script_fails(CLIENT "+0 close(3) = 0\n+.1 > F. 1:1(0) ack 1\n", DRILL_FAILED,
                 "t.pkt:7:1: the packet: expected at 0.200000 s (give or take 0.012500), came at "
                 "0.100000 s");
    script_fails(CLIENT "+0 > . 1:1(0) ack 1\n", DRILL_FAILED,
                 "t.pkt:6:1: no packet left by 0.104000 s");
    script_fails(CLIENT "+0 write(3, ..., 100) = 100\n+0 > P. 1:201(200) ack 1\n", DRILL_FAILED,
                 "t.pkt:7:1: only 100 of 200 bytes left by 0.104000 s");
}

static void test_segments(void **state)
{
    (void)state;
    /* Three of a thousand bytes are one of three thousand, but not with --strict_segments. */
    script_passes(SERVER "+0 write(4, ..., 3000) = 3000\n+0 > P. 1:3001(3000) ack 1\n");
    script_fails("--strict_segments\n" SERVER
                 "+0 write(4, ..., 3000) = 3000\n+0 > P. 1:3001(3000) ack 1\n",
                 DRILL_FAILED, "t.pkt:10:1: flags: expected P., came .");
    script_passes("--strict_segments\n" SERVER "+0 write(4, ..., 2000) = 2000\n"
                  "+0 > . 1:1001(1000) ack 1\n+0 > P. 1001:2001(1000) ack 1\n");
}

static void test_results(void **state)
{
    (void)state;
    script_fails("0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 listen(4, 1) = 0\n", DRILL_FAILED,
                 "t.pkt:2:19: listen(): expected 0, came -1 EBADF (Bad file descriptor)");
    script_fails("0 read(5, ..., 1) = -1 EAGAIN\n", DRILL_FAILED,
                 "t.pkt:1:21: read(): expected -1 EAGAIN, came -1 EBADF (Bad file descriptor)");
    script_passes("0 read(5, ..., 1) = -1\n");
    script_fails("0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
                 "+0 getsockopt(3, SOL_TCP, TCP_NODELAY, [1], [4]) = 0\n",
                 DRILL_FAILED, "t.pkt:2:40: getsockopt(): value: expected 1, came 0");
    script_fails("0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
                 "+0 poll([{fd=3, events=POLLIN, revents=POLLIN}], 1, 0) = 1\n",
                 DRILL_FAILED, "t.pkt:2:40: poll(): revents: expected 0x1, came 0x10");
    script_fails(CLIENT "+0 %{ assert tcpi_snd_cwnd == 1, tcpi_snd_cwnd }%", DRILL_FAILED,
                 "t.pkt:6:7: does not hold: tcpi_snd_cwnd == 1 (10)");
}

/* Addresses that come back are compared as far as they are written. */
static void test_addresses(void **state)
{
    (void)state;
    script_passes(SERVER "+0 getpeername(4, {sa_family=AF_INET, sin_port=..., "
                         "sin_addr=inet_addr(\"192.0.2.1\")}, [16]) = 0\n"
                         "+0 getsockname(4, {sa_family=AF_INET, sin_port=htons(8080), "
                         "sin_addr=inet_addr(\"192.168.0.1\")}, [16]) = 0\n");
    script_fails(SERVER "+0 getsockname(4, {sa_family=AF_INET, sin_port=htons(80)}, [16]) = 0\n",
                 DRILL_FAILED, "t.pkt:8:48: getsockname(): port: expected 80, came 8080");
    script_fails(SERVER "+0 getsockname(4, {sa_family=AF_INET, sin_addr=inet_addr(\"1.2.3.4\")}, "
                        "[16]) = 0\n",
                 DRILL_FAILED, "t.pkt:8:48: getsockname(): the address is another");
}

/* Sockets of IPv6, and IPv4 on the wire. */
static void test_mapped(void **state)
{
    (void)state;
    script_passes("--ip_version=ipv4-mapped-ipv6\n" SERVER "+0 getpeername(4, {sa_family=AF_INET6, "
                  "sin6_addr=inet6_addr(\"::ffff:192.0.2.1\")}, [28]) = 0\n"
                  "+0 close(4) = 0\n+0 > F. 1:1(0) ack 1\n");
}

/* ---- what cannot be run --------------------------------------------------------------------- */

static void test_cannot_run(void **state)
{
    (void)state;
    script_fails(
        "0 frobnicate(3) = 0\n", DRILL_BROKEN,
        "t.pkt:1:3: no call frobnicate(): there are socket, bind, listen, accept, accept4, "
        "connect, read, readv, recv, recvfrom, recvmsg, write, writev, send, sendto, "
        "sendmsg, fcntl, ioctl, close, shutdown, getsockopt, setsockopt, getsockname, "
        "getpeername, poll, epoll_create, epoll_create1, epoll_ctl, epoll_wait, pipe, pipe2, "
        "splice, sendfile, open, dup");
    script_fails("0 close(3) = 0\n+0 listen(3) = 0\n", DRILL_BROKEN,
                 "t.pkt:2:4: listen() has 1 arguments here, it takes 2");
    script_fails("0 poll({fd=3}, 1, 0) = 0\n", DRILL_BROKEN,
                 "t.pkt:1:8: poll(): a list like [{fd=3, events=POLLIN, revents=0}]");
    script_fails("0 poll([{fd=3, event=POLLIN}], 1, 0) = 0\n", DRILL_BROKEN,
                 "t.pkt:1:22: poll(): no member \"event\" here: there are fd, events, revents");
    script_fails("0 listen([1], 1) = 0\n", DRILL_BROKEN,
                 "t.pkt:1:10: listen(): a number should stand here");
    script_fails("--tolerance_usecs=x\n0 close(3) = 0\n", DRILL_BROKEN,
                 "t.pkt:1:1: --tolerance_usecs=x: not a number that it may have");
    script_fails("--local_ip=1.2.3\n0 close(3) = 0\n", DRILL_BROKEN,
                 "t.pkt:1:1: --local_ip=1.2.3: not an address");
}

static void test_settings(void **state)
{
    (void)state;
    script_passes("`sysctl -q net.ipv4.tcp_timestamps=0 net.ipv4.tcp_window_scaling=0`\n"
                  "0 socket(..., SOCK_STREAM|SOCK_NONBLOCK, IPPROTO_TCP) = 3\n"
                  "+0 connect(3, ..., ...) = -1 EINPROGRESS\n"
                  "+0 > S 0:0(0) <mss 1460,nop,nop,sackOK>\n");
    script_fails("`sysctl -q net.ipv4.tcp_frobnication=0`\n", DRILL_FAILED,
                 "t.pkt:1:12: net.ipv4.tcp_frobnication = 0: there is no such setting here");
    script_fails("`sysctl -q net.ipv4.tcp_timestamps=often`\n", DRILL_FAILED,
                 "t.pkt:1:12: net.ipv4.tcp_timestamps = often: it cannot have this value");
    script_fails("`nstat | grep NoSuchCounter`\n", DRILL_FAILED,
                 "t.pkt:1:2: no counter NoSuchCounter is known here");
}

/* A missing persona names the known ones. */
static void test_personas(void **state)
{
    struct drill_persona p;
    char why[300];
    (void)state;
    assert_true(drill_persona_load(&p, "linux", why, sizeof(why)));
    assert_true(p.count > 10);
    assert_true(drill_persona_load(&p, "freebsd", why, sizeof(why)));
    assert_true(drill_persona_load(&p, "lastack", why, sizeof(why)));
    assert_int_equal(p.count, 0);
    assert_false(drill_persona_load(&p, "plan9", why, sizeof(why)));
    assert_non_null(strstr(why, "no persona \"plan9\": there are"));
    assert_non_null(strstr(why, "lastack"));
    assert_non_null(strstr(why, "linux"));
    assert_non_null(strstr(why, "freebsd"));
}

/* A file of one's own, which takes in another; and mistakes in it. */
static void test_persona_file(void **state)
{
    struct drill_persona p;
    char why[300], path[] = "/tmp/drill-persona-XXXXXX";
    (void)state;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    static const char good[] = "# mine\ntitle = Mine\ninclude = freebsd\n"
                               "lastack.delack_ms = 77 # later lines win\n";
    assert_int_equal(write(fd, good, sizeof(good) - 1), sizeof(good) - 1);
    assert_true(drill_persona_load(&p, path, why, sizeof(why)));
    bool found = false;
    for (unsigned i = 0; i < p.count; i++)
        if (strcmp(p.settings[i].name, "lastack.delack_ms") == 0) {
            assert_string_equal(p.settings[i].value, "77");
            found = true;
        }
    assert_true(found && p.count > 3);
    assert_int_equal(write(fd, "nonsense\n", 9), 9);
    assert_false(drill_persona_load(&p, path, why, sizeof(why)));
    assert_non_null(strstr(why, ":5: a line is NAME = VALUE"));
    close(fd);
    unlink(path);
    assert_false(drill_persona_load(&p, path, why, sizeof(why)));
    assert_non_null(strstr(why, "No such file"));
}

/* Each persona is one that the stack can be. */
static void test_personas_run(void **state)
{
    static const char *const names[] = {"lastack", "linux", "freebsd"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        char script[200];
        snprintf(script, sizeof(script),
                 "--persona=%s\n0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 close(3) = 0\n",
                 names[i]);
        script_passes(script);
    }
}

/* The same script gives the same run: what came, to the nanosecond. */
static void test_repeatable(void **state)
{
    struct drill_result a, b;
    const char *text = CLIENT "+0 write(3, ..., 5000) = 5000\n+5 > . 1:1(0) ack 9\n";
    (void)state;
    script_run(&a, text);
    script_run(&b, text);
    assert_int_equal(a.verdict, DRILL_FAILED);
    assert_string_equal(a.picture, b.picture);
    drill_result_free(&a);
    drill_result_free(&b);
}

/* The picture, as the manual shows it. */
static void test_picture(void **state)
{
    struct drill_result r;
    char golden[4096];
    (void)state;
    script_run(&r, "0 < S 0:0(0) win 65535 <mss 1460>\n+0 > R. 0:0(0) ack 2\n");
    assert_int_equal(r.verdict, DRILL_FAILED);
    FILE *in = fopen("tests/drill/golden/picture.txt", "r");
    assert_non_null(in);
    size_t n = fread(golden, 1, sizeof(golden) - 1, in);
    fclose(in);
    golden[n] = '\0';
    assert_string_equal(r.picture, golden);
    drill_result_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_server),       cmocka_unit_test(test_client),
        cmocka_unit_test(test_six),          cmocka_unit_test(test_isn),
        cmocka_unit_test(test_written_isn),  cmocka_unit_test(test_ports),
        cmocka_unit_test(test_blocking),     cmocka_unit_test(test_horizon),
        cmocka_unit_test(test_differences),  cmocka_unit_test(test_segments),
        cmocka_unit_test(test_results),      cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_mapped),       cmocka_unit_test(test_cannot_run),
        cmocka_unit_test(test_settings),     cmocka_unit_test(test_personas),
        cmocka_unit_test(test_persona_file), cmocka_unit_test(test_personas_run),
        cmocka_unit_test(test_repeatable),   cmocka_unit_test(test_picture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
