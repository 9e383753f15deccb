/* The parser: what scripts mean, and mistakes with line and column. */
#include "script.h"

static const struct drill_event *event(const struct drill_script *s, unsigned n)
{
    const struct drill_event *e = s->events;
    while (n-- > 0 && e)
        e = e->next;
    assert_non_null(e);
    return e;
}

/* ---- times ---------------------------------------------------------------------------------- */

static void times(const char *text, enum drill_time_kind kind, int64_t ns, int64_t until_ns)
{
    struct drill_script s;
    char script[200];
    snprintf(script, sizeof(script), "%s > . 1:1(0) ack 1", text);
    script_read(&s, script);
    const struct drill_event *e = event(&s, 0);
    assert_int_equal(e->time.kind, kind);
    assert_int_equal(e->time.ns, ns);
    assert_int_equal(e->time.until_ns, until_ns);
    drill_script_free(&s);
}

static void test_times(void **state)
{
    (void)state;
    times("0", DRILL_TIME_ABSOLUTE, 0, 0);
    times("0.100", DRILL_TIME_ABSOLUTE, 100000000, 100000000);
    times(".1", DRILL_TIME_ABSOLUTE, 100000000, 100000000);
    times("+0", DRILL_TIME_RELATIVE, 0, 0);
    times("+.1", DRILL_TIME_RELATIVE, 100000000, 100000000);
    times("+1.000000001", DRILL_TIME_RELATIVE, 1000000001, 1000000001);
    times("+.21~+.215", DRILL_TIME_RELATIVE, 210000000, 215000000);
    times("1~2.5", DRILL_TIME_ABSOLUTE, 1000000000, 2500000000);
    times("*", DRILL_TIME_ANY, 0, 0);
}

static void test_blocking(void **state)
{
    struct drill_script s;
    (void)state;
    script_read(&s, "+0...0.200 accept(3, ..., ...) = 4\n+.1...1 read(4, ..., 5) = 5\n");
    assert_true(event(&s, 0)->call->blocking);
    assert_int_equal(event(&s, 0)->call->end_ns, 200000000);
    assert_int_equal(event(&s, 1)->time.ns, 100000000);
    assert_int_equal(event(&s, 1)->call->end_ns, 1000000000);
    drill_script_free(&s);
}

static void test_time_mistakes(void **state)
{
    (void)state;
    script_refused("+0 close(3) = 0\n> . 1:1(0) ack 1",
                   "t.pkt:2:1: a time is missing: +0 is \"at once\"");
    script_refused("* < . 1:1(0) ack 1", "t.pkt:1:1: \"*\" is for packets that leave (>)");
    script_refused("+0~+1 close(3) = 0",
                   "t.pkt:1:1: a range with \"~\" is for packets that leave (>)");
    script_refused("+2~+1 > . 1:1(0) ack 1", "t.pkt:1:3: a range of times that goes backwards");
    script_refused("+.1234567891 close(3) = 0", "t.pkt:1:2: a time finer than nanoseconds");
    script_refused("+.2...0.1 close(3) = 0", "t.pkt:1:1: the call ends before it begins");
    script_refused(
        "+1 ~ 2 > . 1:1(0)",
        "t.pkt:1:6: expected \"+\" before the end of a range that begins with +, found \"2\"");
}

/* ---- packets -------------------------------------------------------------------------------- */

static void test_tcp(void **state)
{
    struct drill_script s;
    (void)state;
    script_read(&s, "+0 < [ect0] SEWA 5:105(100) ack 7 win 9 urg 3 <mss 1460,sackOK,TS val 1 ecr 2,"
                    "nop,wscale 7,sack 1:2 3:4,eol>");
    const struct drill_packet *p = event(&s, 0)->packet;
    assert_false(p->outbound);
    assert_int_equal(p->ecn, DRILL_ECN_0);
    assert_int_equal(p->flags, DRILL_TH_SYN | DRILL_TH_ECE | DRILL_TH_CWR | DRILL_TH_AE);
    assert_int_equal(p->seq, 5);
    assert_int_equal(p->payload, 100);
    assert_int_equal(p->ack, 7);
    assert_int_equal(p->win, 9);
    assert_int_equal(p->urg, 3);
    assert_int_equal(p->options_count, 7);
    assert_int_equal(p->options[2].kind, DRILL_OPT_TIMESTAMP);
    assert_int_equal(p->options[2].value[1], 2);
    assert_int_equal(p->options[5].values, 4);
    assert_int_equal(p->options[5].value[3], 4);
    drill_script_free(&s);
}

static void test_ace_and_ports(void **state)
{
    struct drill_script s;
    (void)state;
    script_read(&s, "+0 > 5. 1:1(0) ack 1\n+0 > 40001 > 80 - 1:1(0) <...>\n"
                    "+0 < . 1:1(0) ack 1 <ECN e1b 1 ceb 2 e0b 3,nop>");
    const struct drill_packet *p = event(&s, 0)->packet;
    assert_int_equal(p->flags, DRILL_TH_ACK | DRILL_TH_ECE | DRILL_TH_AE);
    assert_int_equal(p->source_port, -1);
    p = event(&s, 1)->packet;
    assert_int_equal(p->flags, 0);
    assert_int_equal(p->source_port, 40001);
    assert_int_equal(p->target_port, 80);
    assert_true(p->options_any);
    p = event(&s, 2)->packet;
    assert_int_equal(p->options[0].number, 174);
    assert_int_equal(p->options[0].values, 3);
    drill_script_free(&s);
}

static void test_cookies(void **state)
{
    struct drill_script s;
    static const uint8_t usual[] = {0x30, 0x21, 0xb9, 0xd8, 0x89, 0x01, 0x7e, 0xeb};
    (void)state;
    script_read(&s, "--define=MINE=0a0b\n+0 < S 0:0(0) <FO,FO abcd1234,FOEXP TFO_COOKIE,FO MINE>");
    const struct drill_packet *p = event(&s, 0)->packet;
    assert_int_equal(p->options[0].data_len, 0);
    assert_int_equal(p->options[1].data_len, 4);
    assert_int_equal(p->options[2].data_len, 8);
    assert_memory_equal(p->options[2].data, usual, 8);
    assert_int_equal(p->options[3].data[1], 0x0b);
    drill_script_free(&s);
}

static void test_udp_and_icmp(void **state)
{
    struct drill_script s;
    (void)state;
    script_read(&s, "+0 < udp (1000)\n+0 < icmp unreachable frag_needed mtu 1200 [1:1461(1460)]\n"
                    "+0 < icmp unreachable CODE\n+0 > icmp echo_reply id 7 seq 9 (10)\n"
                    "+0 < icmp unreachable 3 [udp (10)]");
    assert_int_equal(event(&s, 0)->packet->payload, 1000);
    const struct drill_packet *p = event(&s, 1)->packet;
    assert_int_equal(p->icmp_type, 3);
    assert_int_equal(p->icmp_code, 4);
    assert_int_equal(p->mtu, 1200);
    assert_int_equal(p->quote_seq, 1);
    assert_int_equal(p->quote_len, 1460);
    assert_int_equal(event(&s, 2)->packet->icmp_code, 1);
    assert_int_equal(event(&s, 3)->packet->echo_seq, 9);
    assert_true(event(&s, 4)->packet->quote_udp);
    drill_script_free(&s);
}

static void test_icmp_six(void **state)
{
    struct drill_script s;
    (void)state;
    script_read(&s, "--ip_version=ipv6\n+0 < icmp packet_too_big mtu 1400 [0:1440(1440)]");
    assert_true(s.ipv6);
    assert_int_equal(event(&s, 0)->packet->icmp_type, 2);
    drill_script_free(&s);
    script_refused("+0 < icmp packet_too_big mtu 1400",
                   "t.pkt:1:11: no type \"packet_too_big\" of ICMP");
}

static void test_packet_mistakes(void **state)
{
    (void)state;
    script_refused("+0 < Q 0:0(0)",
                   "t.pkt:1:6: no flag 'Q': there are F S R P . U E W A, a digit for "
                   "the ACE counter, or - for none");
    script_refused("+0 < SS 0:0(0)", "t.pkt:1:7: the flag 'S' twice");
    script_refused("+0 < . 1:11(9) ack 1", "t.pkt:1:8: 1:11 are 10 bytes, not 9");
    script_refused("+0 < . 1:1(0) ack 1 win 65536", "t.pkt:1:25: a window is at most 65535");
    script_refused(
        "+0 < S 0:0(0) <mss 1460,bogus>",
        "t.pkt:1:25: expected a TCP option (mss, nop, eol, sackOK, sack, wscale, TS, FO, "
        "FOEXP, md5, ECN, exp, kind), found \"bogus>\"");
    script_refused(
        "+0 < S 0:0(0) <...>",
        "t.pkt:1:19: expected the options: <...> is for packets that leave, found \">\"");
    script_refused("+0 < [ectx] . 1:1(0)",
                   "t.pkt:1:7: expected noecn, ect0, ect1, ect01, ce, tos, ttl, flowlabel, "
                   "frag or damaged, found \"ectx]\"");
    script_refused("+0 < [frag 100] . 1:1(0) ack 1",
                   "t.pkt:1:12: a fragment has a multiple of 8 bytes, not 100");
    script_refused("+0 > [damaged] . 1:1(0) ack 1",
                   "t.pkt:1:7: damaged is for packets that arrive");
    script_refused("+0 > [frag 80] . 1:1(0) ack 1", "t.pkt:1:12: frag is for packets that arrive");
    script_refused("+0 > gre: . 1:1(0)",
                   "t.pkt:1:6: gre: packets here are TCP, UDP and ICMP, without a tunnel");
    script_refused("+0 <", "t.pkt:1:5: TCP flags are missing");
    script_refused("+0 < . 1:1",
                   "t.pkt:1:11: the script ends where \"(\" before the number of bytes "
                   "should come");
}

/* ---- calls ---------------------------------------------------------------------------------- */

static void test_calls(void **state)
{
    struct drill_script s;
    (void)state;
    script_read(&s, "+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0x2 (flags O_RDWR)\n"
                    "+0 connect(3, ..., ...) = -1 EINPROGRESS (Operation now in progress)\n"
                    "+0 sendmsg(4, {msg_name(...)=..., msg_iov(2)=[{..., 40}, {NULL, 4*1024}],\n"
                    "   msg_flags=0}, MSG_MORE) = 40");
    const struct drill_call *c = event(&s, 0)->call;
    assert_int_equal(c->args_count, 3);
    assert_int_equal(c->args->next->next->number, 2 | 04000);
    assert_int_equal(c->result, 2);
    c = event(&s, 1)->call;
    assert_int_equal(c->result, -1);
    assert_int_equal(c->err, 115);
    assert_int_equal(c->args->next->kind, DRILL_ANY);
    const struct drill_expr *msg = event(&s, 2)->call->args->next;
    assert_int_equal(msg->kind, DRILL_STRUCT);
    assert_string_equal(msg->first->field, "msg_name");
    const struct drill_expr *iov = msg->first->next;
    assert_int_equal(iov->count->number, 2);
    assert_int_equal(iov->first->next->first->kind, DRILL_NULL);
    assert_int_equal(iov->first->next->first->next->number, 4096);
    drill_script_free(&s);
}

/* "+" behind a result begins the time of the next event. */
static void test_result_ends(void **state)
{
    struct drill_script s;
    (void)state;
    script_read(&s, "0 close(3) = 0\n+0 close(4) = 0\n* > . 1:1(0) ack 1");
    assert_int_equal(s.events_count, 3);
    drill_script_free(&s);
}

static void test_call_mistakes(void **state)
{
    (void)state;
    script_refused("+0 setsockopt(3, SOL_SOKET, SO_ERROR, [1], 4) = 0",
                   "t.pkt:1:18: no constant \"SOL_SOKET\"; is it SOL_SOCKET?");
    script_refused("+0 read(3, ..., 1) = -1 EWRONG", "t.pkt:1:25: no error \"EWRONG\"");
    script_refused("+0 read(3, ..., 1) = 1 EAGAIN",
                   "t.pkt:1:24: an error, but the result is not -1");
    script_refused("+0 read(3, ..., 1",
                   "t.pkt:1:18: the script ends where \",\" or \")\" should come");
    script_refused("+0 read(3, ..., 1)",
                   "t.pkt:1:19: the script ends where \"=\" and the result of the "
                   "call should come");
    script_refused("+0 bind(3, {sa_family=htonx(1)}, ...) = 0",
                   "t.pkt:1:23: no function htonx() with 1 values here: there are htons, ntohs, "
                   "htonl, ntohl, inet_addr and inet6_addr");
    script_refused("+0 open(\"x, 0) = 3",
                   "t.pkt:1:10: a text that does not end: \"\"\" is missing");
}

/* ---- options, comments, code and commands --------------------------------------------------- */

static void test_options(void **state)
{
    struct drill_script s;
    (void)state;
    script_read(&s, "// a comment\n# another\n/* a\n third */\n--tolerance_usecs=75000\n"
                    "--local_ip=10.0.0.1 // behind it\n--strict_segments\n0 close(3) = 0\n");
    assert_string_equal(drill_script_option(&s, "tolerance_usecs"), "75000");
    assert_string_equal(drill_script_option(&s, "local_ip"), "10.0.0.1");
    assert_string_equal(drill_script_option(&s, "strict_segments"), "");
    assert_null(drill_script_option(&s, "mtu"));
    assert_int_equal(event(&s, 0)->place.line, 8);
    drill_script_free(&s);
    script_refused("--tolerance_usec=1", "t.pkt:1:1: no option --tolerance_usec; is it "
                                         "--tolerance_usecs?");
    script_refused("--ip_version=5", "t.pkt:1:1: --ip_version=5: it is ipv4 or ipv6");
    script_refused("0 close(3) = 0\n--mtu=5", "t.pkt:2:1: options stand before the first event");
}

static const struct drill_command *command(const struct drill_script *s, unsigned n)
{
    const struct drill_command *c = event(s, 0)->command;
    while (n-- > 0 && c)
        c = c->next;
    assert_non_null(c);
    return c;
}

static void test_commands(void **state)
{
    struct drill_script s;
    (void)state;
    script_read(
        &s,
        "`../../common/defaults.sh\n ../common/set_sysctls.py /proc/sys/net/ipv4/tcp_sack=0 \\\n"
        "   /proc/sys/net/ipv4/tcp_rmem=\"4096 131072 $((32*1024*1024))\" # so\n"
        "sysctl -q net.ipv4.tcp_ecn=1; echo 2 > /proc/sys/net/ipv4/tcp_fastopen\n"
        "ip route change 192.0.2.1 via 192.168.0.2 dev tun0 mtu lock 640 initcwnd 11`");
    assert_int_equal(command(&s, 0)->kind, DRILL_CMD_PERSONA);
    assert_string_equal(command(&s, 0)->name, "linux");
    assert_string_equal(command(&s, 1)->name, "net.ipv4.tcp_sack");
    assert_string_equal(command(&s, 1)->value, "0");
    assert_string_equal(command(&s, 2)->value, "4096 131072 33554432");
    assert_string_equal(command(&s, 3)->name, "net.ipv4.tcp_ecn");
    assert_string_equal(command(&s, 4)->name, "net.ipv4.tcp_fastopen");
    assert_string_equal(command(&s, 4)->value, "2");
    assert_int_equal(command(&s, 5)->kind, DRILL_CMD_ROUTE);
    assert_string_equal(command(&s, 5)->name, "mtu");
    assert_string_equal(command(&s, 5)->value, "640");
    assert_string_equal(command(&s, 6)->name, "initcwnd");
    drill_script_free(&s);
}

static void test_command_mistakes(void **state)
{
    (void)state;
    script_refused("0 close(3) = 0\n+0 `sysctl -q net.ipv4.tcp_sack=1\n  iptables -A INPUT`",
                   "t.pkt:3:3: this command is not understood here (docs/drill.md, \"Commands\"): "
                   "\"iptables\"");
    script_refused("`sysctl -q tcp_sack`",
                   "t.pkt:1:12: a setting like net.ipv4.tcp_sack=1 should stand "
                   "here: \"tcp_sack\"");
    script_refused("`sysctl -x a=1`", "t.pkt:1:9: sysctl here knows -q, -e and -w: \"-x\"");
    script_refused("`tc qdisc add dev tun0 root netem delay 1ms`",
                   "t.pkt:1:29: no such queue here: \"netem\"");
    script_refused("+0 `true", "t.pkt:1:5: a command that does not end: \"`\" is missing");
}

static void test_code_places(void **state)
{
    (void)state;
    script_refused("+0 %{ assert a == 1; x = }%",
                   "t.pkt:1:26: expected a value, but the line ends");
    script_refused("+0 %{\nassert tcpi_snd_wscale = 10, 1\n}%",
                   "t.pkt:2:24: expected the end of the statement, found \"=\"");
    script_refused("+0 %{ import os }%",
                   "t.pkt:1:7: expected assert, print(), an assignment or an "
                   "expression (there is no more of Python), found \"import\"");
    script_refused("+0 %{ a", "t.pkt:1:6: a code block that does not end: \"}%\" is missing");
    script_refused("+0 %{ foo(1) }%",
                   "t.pkt:1:7: no function foo() with 1 values: there are print, "
                   "min, max, abs, int, float, len, str, hex, round");
}

static void test_text(void **state)
{
    struct drill_script s;
    char text[80];
    (void)state;
    script_read(&s, "+0   close(3) = 0\n  +.1 <  S   0:0(0) // so\n   win 5\n");
    drill_event_text(&s, event(&s, 1), text, sizeof(text));
    assert_string_equal(text, "+.1 < S 0:0(0) win 5");
    drill_event_text(&s, event(&s, 1), text, 6);
    assert_string_equal(text, "+.1 <");
    drill_script_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_blocking),
        cmocka_unit_test(test_time_mistakes),
        cmocka_unit_test(test_tcp),
        cmocka_unit_test(test_ace_and_ports),
        cmocka_unit_test(test_cookies),
        cmocka_unit_test(test_udp_and_icmp),
        cmocka_unit_test(test_icmp_six),
        cmocka_unit_test(test_packet_mistakes),
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_result_ends),
        cmocka_unit_test(test_call_mistakes),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_commands),
        cmocka_unit_test(test_command_mistakes),
        cmocka_unit_test(test_code_places),
        cmocka_unit_test(test_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
