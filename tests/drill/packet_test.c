/* Packets: what is built is read again the same, with checksums that hold; what comes from anybody
 * is never more than malformed; numbers of scripts and of the wire, across the wrap. */
#include <stdlib.h>

#include "script.h"

#include "drill/packet.h"

static struct drill_wire wire(bool ipv6)
{
    struct drill_wire w = {.ipv6 = ipv6,
                           .local = la_addr_v4(192, 168, 0, 1),
                           .remote = la_addr_v4(192, 0, 2, 1),
                           .gateway = la_addr_v4(192, 168, 0, 2)};
    if (ipv6) {
        la_addr_parse("fd00::1", &w.local);
        la_addr_parse("fd01::1", &w.remote);
        la_addr_parse("fd00::2", &w.gateway);
    }
    return w;
}

static const struct drill_flow flow = {.local_port = 8080,
                                       .remote_port = 40000,
                                       .local_known = true,
                                       .remote_known = true,
                                       .local_isn = 0xfffffff0,
                                       .remote_isn = 0xffffff00};

/* Builds the first packet of a script, and reads it as one that left. */
static struct drill_live built(const char *text, bool ipv6, uint8_t *bytes)
{
    struct drill_script s;
    struct drill_wire w = wire(ipv6);
    struct drill_live live = {.bytes = bytes};
    char script[400];
    snprintf(script, sizeof(script), "--ip_version=%s\n%s", ipv6 ? "ipv6" : "ipv4", text);
    script_read(&s, script);
    live.len = drill_build(s.events->packet, &w, &flow, bytes);
    drill_read_live(&live);
    drill_script_free(&s);
    return live;
}

static void test_tcp(void **state)
{
    static uint8_t bytes[DRILL_PACKET_MAX];
    (void)state;
    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        struct drill_live live = built(
            "0 < [ect0,ttl 9] P.EA 17:1017(1000) ack 20 win 777 urg 5 <nop,nop,TS val 8 ecr 9,"
            "sack 21:31 41:51>",
            ipv6, bytes);
        assert_null(live.malformed);
        assert_int_equal(live.ipv6, ipv6);
        assert_int_equal(live.tos, 2);
        assert_int_equal(live.ttl, 9);
        assert_int_equal(live.source_port, 40000);
        assert_int_equal(live.target_port, 8080);
        assert_int_equal(live.flags, DRILL_TH_PSH | DRILL_TH_ACK | DRILL_TH_ECE | DRILL_TH_AE);
        assert_int_equal(live.seq, 0xffffff00u + 17);
        assert_int_equal(live.ack, 4); /* 0xfffffff0 + 20, over the wrap */
        assert_int_equal(live.win, 777);
        assert_int_equal(live.urg, 5);
        assert_int_equal(live.payload_len, 1000);
        assert_int_equal(live.options_count, 6);       /* two of them fill up */
        assert_int_equal(live.options[3].value[0], 5); /* blocks count from the local ISN */
        assert_int_equal(live.options[3].value[3], 35);
        for (uint32_t i = 0; i < 1000; i++)
            assert_int_equal(live.payload[i], drill_pattern(16 + i));
    }
}

/* All options, and as text what they were. */
static void test_options(void **state)
{
    static const char *const lists[] = {
        "mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7",
        "nop,nop,md5 000102030405060708090a0b0c0d0e0f",
        "FO,nop,nop,FOEXP 0102,kind 99 aabb",
        "ECN e0b 1 ceb 2 e1b 3,nop,FO abcd",
        "ECN e1b 16777215,exp 0xe2d4 c3d9,nop",
    };
    static uint8_t bytes[DRILL_PACKET_MAX];
    (void)state;
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        char script[200], text[200];
        snprintf(script, sizeof(script), "0 < S 0:0(0) <%s>", lists[i]);
        struct drill_live live = built(script, false, bytes);
        assert_null(live.malformed);
        drill_format_options(&flow, live.options, live.options_count, false, text, sizeof(text));
        text[strlen(lists[i])] = '\0'; /* "eol" behind it to the next word */
        assert_string_equal(text, lists[i]);
    }
}

static void test_udp_and_icmp(void **state)
{
    static uint8_t bytes[DRILL_PACKET_MAX];
    (void)state;
    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        struct drill_live live = built("0 < udp (37)", ipv6, bytes);
        assert_null(live.malformed);
        assert_int_equal(live.payload_len, 37);
        live = built(ipv6 ? "0 < icmp packet_too_big mtu 1300 [1:1001(1000)]"
                          : "0 < icmp unreachable frag_needed mtu 1300 [1:1001(1000)]",
                     ipv6, bytes);
        assert_null(live.malformed);
        assert_int_equal(live.icmp_type, ipv6 ? 2 : 3);
        assert_int_equal(live.icmp_rest, 1300);
        /* The quoted packet is one of this end. */
        size_t ip = ipv6 ? 40 : 20;
        assert_int_equal(live.payload_len, ip + (ipv6 ? 20 : 8));
        assert_int_equal(live.payload[ip] << 8 | live.payload[ip + 1], 8080);
        assert_int_equal(live.payload[ip + 7], 0xf1);
    }
}

/* Every single bit that flips is noticed. */
static void test_checksums(void **state)
{
    static uint8_t bytes[DRILL_PACKET_MAX];
    (void)state;
    struct drill_live live = built("0 < P. 1:12(11) ack 1 win 5 <mss 1460>", false, bytes);
    size_t len = live.len;
    for (size_t bit = 0; bit < 8 * len; bit++) {
        uint8_t *copy = malloc(len); /* exact, for the address sanitizer */
        assert_non_null(copy);
        memcpy(copy, bytes, len);
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        struct drill_live flipped = {.bytes = copy, .len = len};
        drill_read_live(&flipped);
        if (!flipped.malformed && !flipped.fragment)
            fail_msg("bit %zu", bit);
        free(copy);
    }
}

static void test_anything(void **state)
{
    uint32_t random = 12345;
    (void)state;
    for (unsigned i = 0; i < 20000; i++) {
        random = random * 1664525 + 1013904223;
        size_t len = random >> 16 & 0x7f;
        uint8_t *bytes = malloc(len + 1);
        assert_non_null(bytes);
        for (size_t k = 0; k < len; k++) {
            random = random * 1664525 + 1013904223;
            bytes[k] = (uint8_t)(random >> 24);
        }
        if (len > 10) { /* often enough something that looks like a packet */
            bytes[0] = i & 1 ? 0x45 : 0x60;
            bytes[i & 1 ? 9 : 6] = 6;
            bytes[i & 1 ? 2 : 4] = 0;
            bytes[i & 1 ? 3 : 5] = (uint8_t)(i & 1 ? len : len - 40);
        }
        struct drill_live live = {.bytes = bytes, .len = len};
        char text[500];
        drill_read_live(&live);
        drill_format_live(&flow, &live, true, text, sizeof(text));
        drill_format_live(&flow, &live, false, text, 20);
        assert_true(strlen(text) < 20);
        free(bytes);
    }
}

/* What is cut is the packet again when the pieces are laid side by side, for any size. */
static void test_fragments(void **state)
{
    static uint8_t bytes[DRILL_PACKET_MAX], part[DRILL_PACKET_MAX + 8], whole[DRILL_PACKET_MAX];
    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        struct drill_live live = built("0 < P. 1:1001(1000) ack 1", v6, bytes);
        size_t header = v6 ? 40 : 20;
        for (uint32_t size = 8; size <= 1040; size += 8) {
            size_t cut, at = 0, total = live.len - header;
            for (unsigned n = 1; (cut = drill_cut(bytes, live.len, size, n, 77, part)) != 0; n++) {
                bool more = at + size < total;
                size_t own = v6 ? 48 : 20;
                const uint8_t *field = v6 ? part + 42 : part + 6;
                uint32_t word = (uint32_t)field[0] << 8 | field[1];
                assert_int_equal(word, v6 ? at | more : at / 8 | (more ? 0x2000 : 0));
                assert_int_equal(v6 ? part[40] : part[9], 6);
                assert_int_equal(cut - own, more ? size : total - at);
                assert_true(v6 || drill_checksum(part, 20, 0) == 0);
                memcpy(whole + at, part + own, cut - own);
                at += cut - own;
            }
            assert_int_equal(at, total);
            assert_memory_equal(whole, bytes + header, total);
        }
        assert_int_equal(drill_cut(bytes, live.len, 8, 0, 1, part), 0);
    }
}

static void test_numbers(void **state)
{
    static const uint32_t isns[] = {0, 1000, 0x7ffffff0, 0xfffffff0, 0xffffffff};
    (void)state;
    for (size_t i = 0; i < sizeof(isns) / sizeof(isns[0]); i++) {
        struct drill_flow f = {.local_isn = isns[i], .local_isn_script = 7, .remote_isn = ~isns[i]};
        for (uint32_t n = 0; n < 100; n += 33) {
            assert_int_equal(drill_local_to_script(&f, drill_local_to_live(&f, n, true), true), n);
            assert_int_equal(drill_local_to_script(&f, drill_local_to_live(&f, n, false), false),
                             n);
            assert_int_equal(drill_remote_to_script(&f, drill_remote_to_live(&f, n, false), false),
                             n);
        }
        /* A SYN's number is the ISN itself; behind it 0 is the ISN. */
        assert_int_equal(drill_local_to_live(&f, 7, true), isns[i]);
        assert_int_equal(drill_local_to_live(&f, 0, false), isns[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tcp),          cmocka_unit_test(test_options),
        cmocka_unit_test(test_udp_and_icmp), cmocka_unit_test(test_checksums),
        cmocka_unit_test(test_anything),     cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_fragments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
