/* The TCP header: what is written reads back, and no input is read too far. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/wire/exact.h"
#include "wire/tcp.h"

/* Parses a header of WIRE_TCP_HEADER bytes and these option bytes, padded to 4 by `pad`. */
static struct wire_tcp parse_options(const uint8_t *options, size_t n, uint8_t pad)
{
    uint8_t p[WIRE_TCP_HEADER_MAX] = {0};
    size_t size = WIRE_TCP_HEADER + (n + 3) / 4 * 4;
    struct wire_tcp h;

    assert_true(size <= sizeof(p));
    memset(p + WIRE_TCP_HEADER, pad, size - WIRE_TCP_HEADER);
    memcpy(p + WIRE_TCP_HEADER, options, n);
    p[12] = (uint8_t)(size / 4 << 4);
    uint8_t *input = exact(p, size);
    assert_true(wire_tcp_parse(input, size, &h));
    free(input);
    return h;
}

#define OPTIONS(...) \
    parse_options((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}), 0)

static void assert_same(const struct wire_tcp *a, const struct wire_tcp *b)
{
    assert_int_equal(a->src_port, b->src_port);
    assert_int_equal(a->dst_port, b->dst_port);
    assert_int_equal(a->seq, b->seq);
    assert_int_equal(a->ack, b->ack);
    assert_int_equal(a->wnd, b->wnd);
    assert_int_equal(a->urg, b->urg);
    assert_int_equal(a->flags, b->flags);
    assert_int_equal(a->options, b->options);
    assert_int_equal(a->mss, b->mss);
    assert_int_equal(a->wscale, b->wscale);
    assert_int_equal(a->tsval, b->tsval);
    assert_int_equal(a->tsecr, b->tsecr);
    assert_int_equal(a->sack_n, b->sack_n);
    for (int i = 0; i < a->sack_n; i++) {
        assert_int_equal(a->sack[i].left, b->sack[i].left);
        assert_int_equal(a->sack[i].right, b->sack[i].right);
    }
    assert_int_equal(a->ecn_n, b->ecn_n);
    for (int i = 0; i < a->ecn_n; i++) {
        assert_int_equal(a->ecn[i], b->ecn[i]);
    }
}

#define BOTH_ECN (WIRE_TCP_ECN0 | WIRE_TCP_ECN1)

/* A random header that carries `options` and, if SACK is among them, `blocks` blocks. */
static struct wire_tcp random_header(struct prng *p, uint8_t options, uint8_t blocks)
{
    struct wire_tcp h = {
        .src_port = (uint16_t)prng_u32(p),
        .dst_port = (uint16_t)prng_u32(p),
        .seq = prng_u32(p),
        .ack = prng_u32(p),
        .wnd = (uint16_t)prng_u32(p),
        .urg = (uint16_t)prng_u32(p),
        .flags = prng_u32(p) & 0x1ff,
        .options = options,
    };
    if (options & WIRE_TCP_MSS) {
        h.mss = (uint16_t)prng_u32(p);
    }
    if (options & WIRE_TCP_WSCALE) {
        h.wscale = (uint8_t)prng_u32(p);
    }
    if (options & WIRE_TCP_TS) {
        h.tsval = prng_u32(p);
        h.tsecr = prng_u32(p);
    }
    if (options & WIRE_TCP_SACK) {
        h.sack_n = blocks;
        for (int i = 0; i < blocks; i++) {
            h.sack[i] = (struct wire_sack){prng_u32(p), prng_u32(p)};
        }
    }
    if (options & BOTH_ECN) {
        h.ecn_n = (uint8_t)prng_below(p, WIRE_ECN_MAX + 1);
        for (int i = 0; i < h.ecn_n; i++) {
            h.ecn[i] = prng_u32(p) & WIRE_ECN_MASK;
        }
    }
    return h;
}

/* How many SACK blocks fit beside these options (RFC 2018 3: three beside timestamps). */
static uint8_t blocks_that_fit(uint8_t options)
{
    uint8_t blocks = 0;
    struct wire_tcp h = {.options = options | WIRE_TCP_SACK, .sack_n = WIRE_SACK_MAX};
    h.ecn_n = options & BOTH_ECN ? WIRE_ECN_MAX : 0;
    uint8_t p[WIRE_TCP_HEADER_MAX];
    struct wire_tcp back;
    size_t n = wire_tcp_emit(p, &h);
    assert_true(wire_tcp_parse(p, n, &back));
    blocks = back.sack_n;
    return blocks;
}

/* emit then parse is the identity, for all sets of options; RFC 9293 MUST-69: no bytes but zero
 * after the list, here none at all; RFC 9293 MUST-5: whatever the flags are. */
static void test_round_trip(void **state)
{
    struct prng random = random_from(1);
    for (uint8_t options = 0; options < 0x80; options++) {
        uint8_t most = options & WIRE_TCP_SACK ? blocks_that_fit(options) : 1;
        if ((options & BOTH_ECN) == BOTH_ECN) {
            continue;
        }
        for (uint8_t blocks = 1; blocks <= most; blocks++) {
            for (int i = 0; i < 50; i++) {
                struct wire_tcp h = random_header(&random, options, blocks);
                struct wire_tcp back;
                size_t size = wire_tcp_size(&h);
                uint8_t *p = malloc(size);
                assert_int_equal(size % 4, 0);
                assert_int_equal(wire_tcp_emit(p, &h), size);
                assert_int_equal(p[WIRE_TCP_CHECKSUM_OFFSET] | p[WIRE_TCP_CHECKSUM_OFFSET + 1], 0);
                assert_true(wire_tcp_parse(p, size, &back));
                assert_int_equal(back.hdr_len, size);
                assert_same(&h, &back);
                free(p);
            }
        }
    }
}

static void test_layout(void **state)
{
    static const uint8_t syn[] = {
        0x30, 0x39, 0x00, 0x50, 1, 2, 3, 4,  0, 0, 0, 0, 0xa0, 0x02, 0xfa, 0xf0, 0, 0, 0, 0,
        2,    4,    5,    0xb4, 4, 2, 8, 10, 0, 0, 0, 9, 0,    0,    0,    0,    1, 3, 3, 7,
    };
    static const uint8_t ack[] = {
        0x30, 0x39, 0x00, 0x50, 1, 2, 3, 4, 5, 6, 7, 8, 0xb1, 0x10, 0xfa, 0xf0, 0, 0, 0, 0, 1, 1,
        8,    10,   0,    0,    0, 9, 0, 0, 0, 1, 1, 1, 5,    10,   0,    0,    0, 5, 0, 0, 0, 6,
    };
    uint8_t p[WIRE_TCP_HEADER_MAX];
    struct wire_tcp h = {
        .src_port = 12345,
        .dst_port = 80,
        .seq = 0x01020304,
        .wnd = 64240,
        .flags = LA_TH_SYN,
        .options = WIRE_TCP_MSS | WIRE_TCP_SACK_OK | WIRE_TCP_TS | WIRE_TCP_WSCALE,
        .mss = 1460,
        .wscale = 7,
        .tsval = 9,
    };
    assert_int_equal(wire_tcp_emit(p, &h), sizeof(syn));
    assert_memory_equal(p, syn, sizeof(syn));

    h.ack = 0x05060708;
    h.flags = LA_TH_ACK | LA_TH_AE;
    h.options = WIRE_TCP_TS | WIRE_TCP_SACK;
    h.tsecr = 1;
    h.sack_n = 1;
    h.sack[0] = (struct wire_sack){5, 6};
    assert_int_equal(wire_tcp_emit(p, &h), sizeof(ack));
    assert_memory_equal(p, ack, sizeof(ack));
    assert_int_equal(blocks_that_fit(0), 4);
    assert_int_equal(blocks_that_fit(WIRE_TCP_TS), 3);
    assert_int_equal(blocks_that_fit(0x0f), 2);
    assert_int_equal(blocks_that_fit(WIRE_TCP_ECN0), 3);
    assert_int_equal(blocks_that_fit(WIRE_TCP_TS | WIRE_TCP_ECN1), 1);
}

/* Cut off at every length, and with a data offset that is too small or too large. */
static void test_truncated(void **state)
{
    struct prng random = random_from(2);
    struct wire_tcp h = random_header(&random, WIRE_TCP_MSS | WIRE_TCP_TS | WIRE_TCP_WSCALE, 0);
    uint8_t p[WIRE_TCP_HEADER_MAX];
    struct wire_tcp back;
    size_t size = wire_tcp_emit(p, &h);

    for (size_t len = 0; len < size; len++) {
        uint8_t *input = exact(p, len);
        assert_false(wire_tcp_parse(input, len, &back));
        free(input);
    }
    for (unsigned words = 0; words < 16; words++) {
        p[12] = (uint8_t)(words << 4);
        assert_int_equal(wire_tcp_parse(p, size, &back), words >= 5 && words * 4 <= size);
    }
}

/* RFC 9293 3.1: reserved bits are ignored. RFC 9293 MUST-1: the window is unsigned. */
static void test_flags_and_window(void **state)
{
    struct wire_tcp h = {.flags = 0x1ff, .wnd = 0xffff};
    uint8_t p[WIRE_TCP_HEADER_MAX];
    struct wire_tcp back;
    size_t size = wire_tcp_emit(p, &h);
    assert_int_equal(p[12] & 0x0e, 0);
    p[12] |= 0x0e;
    assert_true(wire_tcp_parse(p, size, &back));
    assert_int_equal(back.flags, 0x1ff);
    assert_int_equal(back.wnd, 65535);
}

/* RFC 9293 MUST-4, MUST-64: end of list, NOP and MSS, at any alignment. */
static void test_alignment(void **state)
{
    struct wire_tcp h = OPTIONS(1, 2, 4, 5, 0xb4, 3, 3, 7, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 4, 2);
    assert_int_equal(h.options, WIRE_TCP_MSS | WIRE_TCP_WSCALE | WIRE_TCP_TS | WIRE_TCP_SACK_OK);
    assert_int_equal(h.mss, 1460);
    assert_int_equal(h.wscale, 7);
    assert_int_equal(h.tsval, 1);
    assert_int_equal(h.tsecr, 2);

    h = OPTIONS(1, 1, 1, 5, 18, 0, 0, 0, 1, 0, 0, 0, 2, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0);
    assert_int_equal(h.options, WIRE_TCP_SACK);
    assert_int_equal(h.sack_n, 2);
    assert_int_equal(h.sack[1].left, 0xffffffff);

    h = OPTIONS(0, 2, 4, 5, 0xb4); /* nothing counts behind the end of the list */
    assert_int_equal(h.options, 0);
    h = OPTIONS(1, 1, 1, 1, 1, 1, 1, 1);
    assert_int_equal(h.options, 0);
    h = OPTIONS(1, 1, 8, 10, 0, 0, 0, 3, 0, 0, 0, 4); /* the layout that is read at once */
    assert_int_equal(h.options, WIRE_TCP_TS);
    assert_int_equal(h.tsval, 3);
    assert_int_equal(h.tsecr, 4);
}

/* RFC 9768 3.2.3, figure 4 and table 5: both orders, every length, bytes as they lie; the last one
 * counts when there are two. */
static void test_accurate_ecn(void **state)
{
    static const uint8_t bytes[] = {1, 174, 11, 1, 2, 3, 4, 5, 6, 0xff, 0xff, 0xfe};
    uint8_t p[WIRE_TCP_HEADER_MAX];
    struct wire_tcp h = {.options = WIRE_TCP_ECN1, .ecn_n = 3, .ecn = {0x10203, 0x40506, 0xfffffe}};
    assert_int_equal(wire_tcp_emit(p, &h), WIRE_TCP_HEADER + sizeof(bytes));
    assert_memory_equal(p + WIRE_TCP_HEADER, bytes, sizeof(bytes));

    static const uint8_t sizes[] = {4, 8, 8, 12};
    for (uint8_t n = 0; n <= WIRE_ECN_MAX; n++) {
        h.ecn_n = n;
        assert_int_equal(wire_tcp_size(&h), WIRE_TCP_HEADER + sizes[n]);
    }
    for (uint8_t kind = 172; kind <= 174; kind += 2) {
        for (uint8_t len = 2; len <= 36; len++) {
            uint8_t options[40] = {kind, len};
            for (uint8_t i = 2; i < len; i++) {
                options[i] = i;
            }
            memcpy(options + len, (const uint8_t[]){2, 4, 1, 2}, 4);
            h = parse_options(options, len + 4U, 0);
            uint8_t order = kind == 172 ? WIRE_TCP_ECN0 : WIRE_TCP_ECN1;
            assert_int_equal(h.options, order | WIRE_TCP_MSS);
            assert_int_equal(h.mss, 258); /* what follows is read */
            assert_int_equal(h.ecn_n, len < 5 ? 0 : len < 8 ? 1 : len < 11 ? 2 : 3);
            for (uint8_t i = 0; i < h.ecn_n; i++) {
                uint32_t at = 2 + 3 * i;
                assert_int_equal(h.ecn[i], at << 16 | (at + 1) << 8 | (at + 2));
            }
        }
    }
    h = OPTIONS(172, 5, 0, 0, 1, 174, 2);
    assert_int_equal(h.options, WIRE_TCP_ECN1);
    assert_int_equal(h.ecn_n, 0);
    h = OPTIONS(174, 2, 172, 5, 0, 0, 1);
    assert_int_equal(h.options, WIRE_TCP_ECN0);
    assert_int_equal(h.ecn_n, 1);
}

/* RFC 9293 MUST-6, MUST-68: what is not known is skipped by its length. */
static void test_unknown(void **state)
{
    for (unsigned kind = 9; kind < 256; kind++) {
        if (kind == 172 || kind == 174) {
            continue;
        }
        for (uint8_t len = 2; len <= 30; len++) {
            uint8_t options[40] = {(uint8_t)kind, len};
            memset(options + 2, 2, len - 2); /* would be malformed MSS options if looked at */
            memcpy(options + len, (const uint8_t[]){2, 4, 1, 2}, 4);
            struct wire_tcp h = parse_options(options, len + 4U, 0);
            assert_int_equal(h.options, WIRE_TCP_MSS);
            assert_int_equal(h.mss, 258);
        }
    }
}

/* RFC 9293 MUST-7: every illegal length of every known kind is survived, and what came before it
 * counts. */
static void test_illegal_lengths(void **state)
{
    static const uint8_t legal[9] = {[2] = 4, [3] = 3, [4] = 2, [8] = 10};
    for (unsigned kind = 2; kind < 256; kind++) {
        for (unsigned len = 0; len < 256; len++) {
            uint8_t options[40] = {2, 4, 5, 0xb4, (uint8_t)kind, (uint8_t)len};
            struct wire_tcp h = parse_options(options, sizeof(options), 0);
            bool ok =
                len >= 2 && len <= 36 && (kind > 8 || kind == 6 || kind == 7 || len == legal[kind]);
            if (kind == 5) {
                ok = len == 10 || len == 18 || len == 26 || len == 34;
            }
            assert_int_equal((h.options & WIRE_TCP_MALFORMED) == 0, ok);
            assert_true(h.options & WIRE_TCP_MSS);
            assert_int_equal(h.mss, ok && kind == 2 ? 0 : 1460);
        }
    }
    struct wire_tcp h = OPTIONS(1, 1, 1, 2); /* a kind in the last byte has no length */
    assert_int_equal(h.options, WIRE_TCP_MALFORMED);
    h = OPTIONS(1, 1, 8, 9, 0, 0, 0, 3, 0, 0, 0, 4);
    assert_int_equal(h.options, WIRE_TCP_MALFORMED);
}

/* Random option bytes: no crash, and what was read can be written and read again. */
static void test_random_options(void **state)
{
    struct prng random = random_from(5);
    for (int i = 0; i < 200000; i++) {
        uint8_t p[WIRE_TCP_HEADER_MAX];
        struct wire_tcp h;
        random_bytes(&random, p, sizeof(p));
        size_t words = 5 + prng_below(&random, 11);
        p[12] = (uint8_t)(words << 4);
        for (size_t at = WIRE_TCP_HEADER; at < sizeof(p); at += 1 + prng_below(&random, 4)) {
            p[at] = (uint8_t)prng_below(&random, 13); /* kinds and lengths that mean something */
            p[at] = p[at] < 11 ? p[at] : p[at] == 11 ? 172 : 174;
        }
        uint8_t *input = exact(p, words * 4);
        assert_true(wire_tcp_parse(input, words * 4, &h));
        free(input);
        assert_true(h.sack_n <= WIRE_SACK_MAX && h.ecn_n <= WIRE_ECN_MAX);
        assert_int_equal((h.options & WIRE_TCP_SACK) != 0, h.sack_n != 0);
        assert_true((h.options & BOTH_ECN) || h.ecn_n == 0);
        assert_true((h.options & BOTH_ECN) != BOTH_ECN);
        assert_true(wire_tcp_size(&h) <= WIRE_TCP_HEADER_MAX);
        assert_int_equal(wire_tcp_emit(p, &h), wire_tcp_size(&h));
    }
}

/* RFC 9293 3.4: SYN and FIN take a number each. */
static void test_seglen(void **state)
{
    struct wire_tcp h = {.flags = LA_TH_ACK | LA_TH_RST | LA_TH_URG | LA_TH_PSH};
    assert_int_equal(wire_tcp_seglen(&h, 7), 7);
    h.flags = LA_TH_SYN;
    assert_int_equal(wire_tcp_seglen(&h, 0), 1);
    h.flags = LA_TH_FIN | LA_TH_ACK;
    assert_int_equal(wire_tcp_seglen(&h, 10), 11);
    h.flags = LA_TH_FIN | LA_TH_SYN;
    assert_int_equal(wire_tcp_seglen(&h, 0), 2);
}

/* RFC 7413 4.1.1: cookies of 0, or 4 to 16 bytes and even, on a SYN alone; anything else is
 * ignored.
 */
static void test_fastopen(void **state)
{
    for (unsigned kind = 0; kind < 2; kind++) {
        for (uint8_t len = 0; len <= 20; len++) {
            for (unsigned syn = 0; syn < 2; syn++) {
                uint8_t p[60] = {[12] = 0xf0, [13] = syn ? 0x02 : 0x10};
                uint8_t *o = p + 20;
                struct wire_tcp h;
                *o++ = kind ? 254 : 34;
                *o++ = (uint8_t)(len + (kind ? 4 : 2));
                if (kind) {
                    *o++ = 0xf9;
                    *o++ = 0x89;
                }
                for (uint8_t i = 0; i < len; i++) {
                    *o++ = (uint8_t)(i + 1);
                }
                assert_true(wire_tcp_parse(p, sizeof(p), &h));
                bool valid = syn && (len == 0 || (len >= 4 && len <= 16 && len % 2 == 0));
                uint16_t want = kind ? WIRE_TCP_FASTOPEN_EXP : WIRE_TCP_FASTOPEN;
                assert_int_equal(h.options, valid ? want : 0);
                if (valid) {
                    assert_int_equal(h.fastopen_n, len);
                    assert_true(len == 0 || h.fastopen[len - 1] == len);
                }
            }
        }
    }
}

/* Any SYN in either order of options is written and read back; what has no room is left away, and
 * nothing is ever longer than a header can be. */
static void test_syn_orders(void **state)
{
    struct prng random = random_from(7);
    for (unsigned i = 0; i < 20000; i++) {
        uint8_t plain = (uint8_t)(prng_u32(&random) & (WIRE_TCP_MSS | WIRE_TCP_WSCALE |
                                                       WIRE_TCP_TS | WIRE_TCP_SACK_OK));
        struct wire_tcp h = random_header(&random, plain, 1), back;
        h.flags = LA_TH_SYN;
        h.syn_order = (uint8_t)(i & 1);
        if (i & 2) {
            h.options |= (i & 4) ? WIRE_TCP_FASTOPEN : WIRE_TCP_FASTOPEN_EXP;
            h.fastopen_n = (uint8_t)(2 * prng_below(&random, 9));
            h.fastopen_n = h.fastopen_n == 2 ? 0 : h.fastopen_n;
            memset(h.fastopen, 0xa5, sizeof(h.fastopen));
        }
        if ((i & 8) && h.syn_order == 0) {
            h.options |= WIRE_TCP_ECN0;
            h.ecn_n = WIRE_ECN_MAX;
        }
        uint8_t p[WIRE_TCP_HEADER_MAX];
        size_t size = wire_tcp_size(&h);
        assert_true(size <= sizeof(p) && size % 4 == 0);
        assert_int_equal(wire_tcp_emit(p, &h), size);
        assert_true(wire_tcp_parse(p, size, &back));
        assert_int_equal(back.options & plain, plain);
        assert_int_equal(back.options & ~h.options, 0);
        if (back.options & (WIRE_TCP_FASTOPEN | WIRE_TCP_FASTOPEN_EXP)) {
            assert_int_equal(back.fastopen_n, h.fastopen_n);
            assert_memory_equal(back.fastopen, h.fastopen, h.fastopen_n);
        }
        assert_int_equal((plain & WIRE_TCP_TS) ? back.tsval : 0,
                         (plain & WIRE_TCP_TS) ? h.tsval : 0);
    }
    /* FreeBSD's: mss, nop, wscale, sackOK, timestamps. */
    struct wire_tcp h = {.flags = LA_TH_SYN,
                         .options = WIRE_TCP_MSS | WIRE_TCP_WSCALE | WIRE_TCP_TS | WIRE_TCP_SACK_OK,
                         .syn_order = LA_SYN_MSS_WS_SACK_TS};
    static const uint8_t kinds[] = {2, 4, 0, 0, 1, 3, 3, 0, 4, 2, 8, 10};
    uint8_t p[WIRE_TCP_HEADER_MAX];
    assert_int_equal(wire_tcp_emit(p, &h), 40);
    assert_memory_equal(p + 20, kinds, sizeof(kinds));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fastopen),        cmocka_unit_test(test_syn_orders),
        cmocka_unit_test(test_round_trip),      cmocka_unit_test(test_layout),
        cmocka_unit_test(test_truncated),       cmocka_unit_test(test_flags_and_window),
        cmocka_unit_test(test_alignment),       cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_illegal_lengths), cmocka_unit_test(test_random_options),
        cmocka_unit_test(test_seglen),          cmocka_unit_test(test_accurate_ecn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
