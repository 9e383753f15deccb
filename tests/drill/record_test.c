/* From a capture to a script: what was recorded runs again and passes, whichever end it was. */
#include <stdlib.h>
#include <unistd.h>

#include "script.h"

#include "drill/record.h"

static const char server[] =
    "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
    "+0 bind(3, ..., ...) = 0\n+0 listen(3, 1) = 0\n"
    "+0 < S 700:700(0) win 65535 <mss 1000,sackOK,TS val 5 ecr 0,nop,wscale 7>\n"
    "+0 > S. 0:0(0) ack 701 <mss 1460,sackOK,TS val 1 ecr 5,nop,wscale 7>\n"
    "+.1 < . 1:1(0) ack 1 win 500 <nop,nop,TS val 6 ecr 1>\n"
    "+0 accept(3, ..., ...) = 4\n"
    "+.1 < P. 1:501(500) ack 1 win 500 <nop,nop,TS val 7 ecr 1>\n"
    "* > . 1:1(0) ack 501 <...>\n"
    "+0 read(4, ..., 1000) = 500\n"
    "+.1 write(4, ..., 2964) = 2964\n"
    "+0 > P. 1:2965(2964) ack 501 <...>\n"
    "+.1 < . 501:501(0) ack 2965 win 500 <nop,nop,TS val 8 ecr 1>\n"
    "+.1 < F. 501:501(0) ack 2965 win 500 <nop,nop,TS val 9 ecr 1>\n"
    "* > . 2965:2965(0) ack 502 <...>\n"
    "+0 read(4, ..., 1000) = 0\n"
    "+0 close(4) = 0\n"
    "+0 > F. 2965:2965(0) ack 502 <...>\n"
    "+.1 < . 502:502(0) ack 2966 win 500 <nop,nop,TS val 9 ecr 1>\n";

static const char client[] = "0 socket(..., SOCK_STREAM|SOCK_NONBLOCK, IPPROTO_TCP) = 3\n"
                             "+0 connect(3, ..., ...) = -1 EINPROGRESS\n"
                             "+0 > S 0:0(0) <...>\n"
                             "+.1 < S. 0:0(0) ack 1 win 65535 <mss 1460>\n"
                             "+0 > . 1:1(0) ack 1\n"
                             "+.1 write(3, ..., 100) = 100\n"
                             "+0 > P. 1:101(100) ack 1\n"
                             "+.1 < . 1:1(0) ack 101 win 65535\n"
                             "+0 shutdown(3, SHUT_WR) = 0\n"
                             "+0 > F. 101:101(0) ack 1\n"
                             "+.1 < P. 1:11(10) ack 102 win 65535\n"
                             "* > . 102:102(0) ack 11\n";

static uint8_t *slurp(const char *path, size_t *len)
{
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    uint8_t *bytes = malloc(1 << 20);
    assert_non_null(bytes);
    *len = fread(bytes, 1, 1 << 20, in);
    fclose(in);
    return bytes;
}

/* Runs a script with a capture, and returns the capture's bytes. */
static uint8_t *captured(const char *text, size_t *len)
{
    char path[] = "/tmp/drill-record-XXXXXX";
    struct drill_script s;
    struct drill_config config;
    struct drill_result r;
    close(mkstemp(path));
    script_read(&s, text);
    drill_config_init(&config);
    config.pcap = path;
    drill_run(&s, &config, &r);
    if (r.verdict != DRILL_PASSED)
        fail_msg("%s\n%s", r.fault.text, r.picture ? r.picture : "");
    drill_result_free(&r);
    drill_script_free(&s);
    uint8_t *bytes = slurp(path, len);
    unlink(path);
    return bytes;
}

static char *recorded(const uint8_t *bytes, size_t len, const struct la_addr *local)
{
    char *text = NULL, why[200];
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    if (!drill_record(bytes, len, "wire", local, out, why, sizeof(why)))
        fail_msg("%s", why);
    fclose(out);
    return text;
}

static void test_server(void **state)
{
    size_t len;
    uint8_t *bytes = captured(server, &len);
    char *text = recorded(bytes, len, NULL);
    (void)state;
    assert_non_null(strstr(text, "bind(3, ..., ...) = 0"));
    assert_non_null(strstr(text, "write(4, ..., 2964) = 2964"));
    assert_non_null(strstr(text, "read(4, ..., 500) = 500"));
    script_passes(text);
    free(text);
    free(bytes);
}

static void test_client(void **state)
{
    size_t len;
    uint8_t *bytes = captured(client, &len);
    char *text = recorded(bytes, len, NULL);
    (void)state;
    assert_non_null(strstr(text, "connect(3, ..., ...) = -1 EINPROGRESS"));
    assert_non_null(strstr(text, "shutdown(3, SHUT_WR) = 0"));
    script_passes(text);
    free(text);
    free(bytes);
}

/* The other end of the same capture: who listened is tested by what the client did. */
static void test_other_end(void **state)
{
    size_t len;
    struct la_addr peer = la_addr_v4(192, 0, 2, 1);
    uint8_t *bytes = captured(client, &len);
    char *text = recorded(bytes, len, &peer);
    (void)state;
    assert_non_null(strstr(text, "--local_ip=192.0.2.1"));
    assert_non_null(strstr(text, "listen(3, 5) = 0"));
    assert_non_null(strstr(text, "< S 0:0(0)"));
    free(text);
    free(bytes);
}

static void test_six(void **state)
{
    size_t len;
    char six[2000];
    (void)state;
    snprintf(six, sizeof(six), "--ip_version=ipv6\n%s", client);
    uint8_t *bytes = captured(six, &len);
    char *text = recorded(bytes, len, NULL);
    assert_non_null(strstr(text, "--ip_version=ipv6"));
    script_passes(text);
    free(text);
    free(bytes);
}

/* Cut off anywhere, and with bytes changed: a sentence or a script, and nothing worse. */
static void test_damaged(void **state)
{
    size_t len;
    uint8_t *bytes = captured(client, &len);
    FILE *nowhere = fopen("/dev/null", "w");
    char why[200];
    (void)state;
    assert_non_null(nowhere);
    for (size_t cut = 0; cut < len; cut++) {
        uint8_t *part = malloc(cut ? cut : 1); /* exact, for the address sanitizer */
        assert_non_null(part);
        memcpy(part, bytes, cut);
        drill_record(part, cut, "wire", NULL, nowhere, why, sizeof(why));
        free(part);
    }
    for (size_t i = 0; i < len; i++) {
        uint8_t kept = bytes[i];
        bytes[i] = (uint8_t)(kept ^ 0xff);
        drill_record(bytes, len, "wire", NULL, nowhere, why, sizeof(why));
        bytes[i] = kept;
    }
    fclose(nowhere);
    free(bytes);
}

/* A capture of tcpdump's, in each byte order: one SYN in Ethernet, padded. */
static void test_pcap(void **state)
{
    static const uint8_t head[] = {0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0,
                                   0,    0,    0,    0,    0, 0, 1, 0, 1, 0, 0, 0};
    static const uint8_t record[] = {1, 0, 0, 0, 0xf4, 1, 0, 0, 60, 0, 0, 0, 60, 0, 0, 0};
    static const uint8_t frame[60] = {2,    0,    0,    0,  0,    1,    2,    0, 0,  0,
                                      0,    2,    8,    0, /* Ethernet */
                                      0x45, 0,    0,    40, 0,    0,    0x40, 0, 64, 6,
                                      0x66, 0xcd, 10,   0,  0,    1,    10,   0, 0,  2, /* IP */
                                      0x30, 0x39, 0,    80, 0,    0,    0,    9, 0,  0,
                                      0,    0,    0x50, 2,  0xff, 0xff, 0,    0, 0,  0}; /* TCP */
    uint8_t file[sizeof(head) + sizeof(record) + sizeof(frame)];
    (void)state;
    memcpy(file, head, sizeof(head));
    memcpy(file + sizeof(head), record, sizeof(record));
    memcpy(file + sizeof(head) + sizeof(record), frame, sizeof(frame));
    char *text = recorded(file, sizeof(file), NULL);
    assert_non_null(strstr(text, "--local_ip=10.0.0.1"));
    assert_non_null(strstr(text, "--connect_port=80"));
    assert_non_null(strstr(text, "> S 0:0(0)"));
    free(text);
}

static void test_no_syn(void **state)
{
    static const uint8_t head[] = {0x4d, 0x3c, 0xb2, 0xa1, 2, 0, 4, 0, 0,   0, 0, 0,
                                   0,    0,    0,    0,    0, 0, 1, 0, 101, 0, 0, 0};
    char why[200];
    (void)state;
    assert_false(drill_record(head, sizeof(head), "wire", NULL, stdout, why, sizeof(why)));
    assert_string_equal(why, "no SYN in this capture: a script begins with one");
    assert_false(drill_record(head + 1, sizeof(head) - 1, "wire", NULL, stdout, why, sizeof(why)));
    assert_string_equal(why, "packet 1, byte 0: neither pcap nor pcapng");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_server),    cmocka_unit_test(test_client),
        cmocka_unit_test(test_other_end), cmocka_unit_test(test_six),
        cmocka_unit_test(test_damaged),   cmocka_unit_test(test_pcap),
        cmocka_unit_test(test_no_syn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
