/* The IPv6 header and chains of extension headers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/wire/exact.h"
#include "wire/ipv6.h"

/* A packet under construction: headers are appended, each named by the one before it. */
struct build {
    uint8_t p[4096];
    size_t len;
    size_t next_at;
};

static struct build begin(void)
{
    struct build b = {.len = WIRE_IPV6_HEADER, .next_at = 6};
    b.p[0] = 0x60;
    b.p[7] = 64;
    b.p[8] = 0xfd;
    b.p[23] = 1;
    b.p[24] = 0xfd;
    b.p[39] = 2;
    return b;
}

/* Appends an extension header of `units` * 8 bytes with `n` bytes from `body` behind its first
 * two; the rest is zero, which is Pad1 to options. */
static void header(struct build *b, uint8_t kind, size_t units, const uint8_t *body, size_t n)
{
    b->p[b->next_at] = kind;
    b->next_at = b->len;
    memset(b->p + b->len, 0, units * 8);
    b->p[b->len + 1] = (uint8_t)(units - 1);
    if (n) {
        memcpy(b->p + b->len + 2, body, n);
    }
    b->len += units * 8;
}

static void fragment(struct build *b, uint16_t offset, bool more)
{
    const struct wire_ipv6_frag frag = {.id = 0x01020304, .offset = offset, .more = more};
    b->p[b->next_at] = WIRE_PROTO_FRAGMENT;
    b->next_at = b->len;
    b->len += wire_ipv6_frag_emit(b->p + b->len, 0, &frag);
}

static void payload(struct build *b, uint8_t proto, size_t n)
{
    b->p[b->next_at] = proto;
    memset(b->p + b->len, 0xee, n);
    b->len += n;
}

static enum wire_ipv6_chain walk(struct build *b, struct wire_ipv6_ext *ext)
{
    struct wire_ipv6 h;
    b->p[4] = (uint8_t)((b->len - WIRE_IPV6_HEADER) >> 8);
    b->p[5] = (uint8_t)(b->len - WIRE_IPV6_HEADER);
    uint8_t *input = exact(b->p, b->len);
    assert_int_equal(wire_ipv6_parse(input, b->len, &h), WIRE_IP_OK);
    enum wire_ipv6_chain chain = wire_ipv6_walk(input, b->len, &h, ext);
    assert_true(ext->transport_at <= b->len);
    free(input);
    return chain;
}

static void assert_problem(struct build *b, uint8_t code, size_t at, bool multicast)
{
    struct wire_ipv6_ext ext;
    assert_int_equal(walk(b, &ext), WIRE_IPV6_PROBLEM);
    assert_int_equal(ext.problem_code, code);
    assert_int_equal(ext.problem_at, at);
    assert_int_equal(ext.problem_multicast, multicast);
}

static void test_round_trip(void **state)
{
    struct prng random = random_from(1);
    for (int i = 0; i < 5000; i++) {
        uint8_t p[2048] = {0};
        struct wire_ipv6 back;
        struct wire_ipv6 h = {
            .src = random_v6(&random),
            .dst = random_v6(&random),
            .flow_label = prng_u32(&random) & 0xfffff,
            .payload_len = (uint16_t)prng_below(&random, sizeof(p) - WIRE_IPV6_HEADER + 1),
            .tclass = (uint8_t)prng_u32(&random),
            .next = (uint8_t)prng_u32(&random),
            .hop_limit = (uint8_t)prng_u32(&random),
        };
        assert_int_equal(wire_ipv6_emit(p, &h), WIRE_IPV6_HEADER);
        assert_int_equal(wire_ipv6_parse(p, sizeof(p), &back), WIRE_IP_OK);
        assert_true(la_addr_equal(&h.src, &back.src) && la_addr_equal(&h.dst, &back.dst));
        assert_int_equal(h.flow_label, back.flow_label);
        assert_int_equal(h.payload_len, back.payload_len);
        assert_int_equal(h.tclass, back.tclass);
        assert_int_equal(h.next, back.next);
        assert_int_equal(h.hop_limit, back.hop_limit);
    }
}

static void test_refused(void **state)
{
    struct build b = begin();
    struct wire_ipv6 h;

    payload(&b, WIRE_PROTO_TCP, 24);
    b.p[5] = 24;
    for (size_t len = 0; len <= b.len; len++) {
        uint8_t *input = exact(b.p, len);
        enum wire_ip_verdict expected = len == b.len ? WIRE_IP_OK : WIRE_IP_TRUNCATED;
        assert_int_equal(wire_ipv6_parse(input, len, &h), expected);
        expected = len >= WIRE_IPV6_HEADER ? WIRE_IP_OK : WIRE_IP_TRUNCATED;
        assert_int_equal(wire_ipv6_parse_quoted(input, len, &h), expected);
        free(input);
    }
    for (unsigned version = 0; version < 16; version++) {
        b.p[0] = (uint8_t)(version << 4);
        assert_int_equal(wire_ipv6_parse(b.p, b.len, &h),
                         version == 6 ? WIRE_IP_OK : WIRE_IP_VERSION);
    }
    b.p[0] = 0x60;
    for (size_t at = 8; at <= 24; at += 16) { /* RFC 4291 2.5.5.2 */
        const struct la_addr mapped = la_addr_v4(10, 0, 0, 1);
        struct build bad = b;
        memcpy(bad.p + at, mapped.b, sizeof(mapped.b));
        assert_int_equal(wire_ipv6_parse(bad.p, bad.len, &h), WIRE_IP_MAPPED);
    }
}

/* RFC 8200 4: any order, any number of times, hop-by-hop options first. */
static void test_chains(void **state)
{
    static const uint8_t router_alert[] = {5, 2, 0, 0, 1, 0};
    static const uint8_t skipped[] = {0x3e, 3, 1, 2, 3, 0x1e, 0, 1, 4, 0, 0, 0, 0, 0};
    struct wire_ipv6_ext ext;
    struct build b = begin();

    payload(&b, WIRE_PROTO_TCP, 20);
    assert_int_equal(walk(&b, &ext), WIRE_IPV6_WHOLE);
    assert_int_equal(ext.transport_at, 40);
    assert_int_equal(ext.next_at, 6);
    assert_int_equal(ext.proto, WIRE_PROTO_TCP);
    assert_false(ext.has_frag);

    b = begin();
    header(&b, WIRE_PROTO_HOP_BY_HOP, 1, router_alert, sizeof(router_alert));
    header(&b, WIRE_PROTO_DEST_OPTS, 2, skipped, sizeof(skipped));
    header(&b, WIRE_PROTO_ROUTING, 3, (const uint8_t[]){4, 0}, 2);
    header(&b, WIRE_PROTO_DEST_OPTS, 1, NULL, 0);
    payload(&b, WIRE_PROTO_UDP, 8);
    assert_int_equal(walk(&b, &ext), WIRE_IPV6_WHOLE);
    assert_int_equal(ext.transport_at, 40 + 8 + 16 + 24 + 8);
    assert_int_equal(ext.next_at, 40 + 8 + 16 + 24);
    assert_int_equal(ext.proto, WIRE_PROTO_UDP);

    b = begin();
    payload(&b, WIRE_PROTO_NONE, 0);
    assert_int_equal(walk(&b, &ext), WIRE_IPV6_WHOLE);
    assert_int_equal(ext.proto, WIRE_PROTO_NONE);
    assert_int_equal(ext.transport_at, 40);
}

static void test_bounds(void **state)
{
    struct wire_ipv6_ext ext;
    for (int n = 1; n <= WIRE_IPV6_EXT_MAX + 1; n++) {
        struct build b = begin();
        for (int i = 0; i < n; i++) {
            header(&b, WIRE_PROTO_DEST_OPTS, 1, NULL, 0);
        }
        payload(&b, WIRE_PROTO_TCP, 20);
        assert_int_equal(walk(&b, &ext),
                         n <= WIRE_IPV6_EXT_MAX ? WIRE_IPV6_WHOLE : WIRE_IPV6_DISCARD);
    }
    for (unsigned n = 1; n <= WIRE_IPV6_OPTIONS_MAX + 1; n++) { /* RFC 8504 5.3 */
        uint8_t options[22] = {0};
        struct build b = begin();
        for (unsigned i = 0; i < n; i++) {
            options[i * 2] = 0x1e;
        }
        header(&b, WIRE_PROTO_DEST_OPTS, 3, options, sizeof(options));
        payload(&b, WIRE_PROTO_TCP, 20);
        assert_int_equal(walk(&b, &ext),
                         n <= WIRE_IPV6_OPTIONS_MAX ? WIRE_IPV6_WHOLE : WIRE_IPV6_DISCARD);
    }
}

/* RFC 8200 4.2: the two highest bits of an unknown option's type. */
static void test_option_actions(void **state)
{
    struct wire_ipv6_ext ext;
    for (unsigned type = 2; type < 256; type++) {
        const uint8_t option[] = {1, 1, 0, (uint8_t)type, 1, 0};
        struct build b = begin();
        header(&b, WIRE_PROTO_DEST_OPTS, 1, option, sizeof(option));
        payload(&b, WIRE_PROTO_TCP, 20);
        if (type < 0x40) {
            assert_int_equal(walk(&b, &ext), WIRE_IPV6_WHOLE);
        } else if (type < 0x80) {
            assert_int_equal(walk(&b, &ext), WIRE_IPV6_DISCARD);
        } else {
            assert_problem(&b, WIRE_IPV6_PROBLEM_OPTION, 45, type < 0xc0);
        }
    }
    for (unsigned len = 0; len < 256; len++) { /* an option that ends behind its header */
        const uint8_t option[] = {0, 0x1e, (uint8_t)len};
        struct build b = begin();
        header(&b, WIRE_PROTO_HOP_BY_HOP, 1, option, sizeof(option));
        payload(&b, WIRE_PROTO_TCP, 20);
        assert_int_equal(walk(&b, &ext), len <= 3 ? WIRE_IPV6_WHOLE : WIRE_IPV6_DISCARD);
    }
    struct build b = begin(); /* a type in the last byte has no length */
    header(&b, WIRE_PROTO_DEST_OPTS, 1, (const uint8_t[]){1, 3, 0, 0, 0, 0x1e}, 6);
    payload(&b, WIRE_PROTO_TCP, 20);
    assert_int_equal(walk(&b, &ext), WIRE_IPV6_DISCARD);
}

static void test_problems(void **state)
{
    struct build b = begin(); /* RFC 8200 4: hop-by-hop options stand first or not at all */
    header(&b, WIRE_PROTO_DEST_OPTS, 1, NULL, 0);
    header(&b, WIRE_PROTO_HOP_BY_HOP, 1, NULL, 0);
    payload(&b, WIRE_PROTO_TCP, 20);
    assert_problem(&b, WIRE_IPV6_PROBLEM_NEXT, 40, false);

    b = begin(); /* RFC 8200 4.4: an unknown routing type with segments left */
    header(&b, WIRE_PROTO_ROUTING, 3, (const uint8_t[]){0, 1}, 2);
    payload(&b, WIRE_PROTO_TCP, 20);
    assert_problem(&b, WIRE_IPV6_PROBLEM_FIELD, 42, false);

    b = begin(); /* RFC 8200 4.5: all fragments but the last are multiples of 8 */
    fragment(&b, 1400, true);
    payload(&b, WIRE_PROTO_TCP, 20);
    assert_problem(&b, WIRE_IPV6_PROBLEM_FIELD, 4, false);

    b = begin(); /* RFC 8200 4.5: nothing ends behind 65535 */
    header(&b, WIRE_PROTO_DEST_OPTS, 1, NULL, 0);
    fragment(&b, 65528 - 8, false);
    payload(&b, WIRE_PROTO_TCP, 8);
    assert_problem(&b, WIRE_IPV6_PROBLEM_FIELD, 50, false);
}

static void test_fragments(void **state)
{
    struct wire_ipv6_ext ext;
    struct build b = begin();

    header(&b, WIRE_PROTO_DEST_OPTS, 2, NULL, 0);
    fragment(&b, 1448, true);
    payload(&b, WIRE_PROTO_DEST_OPTS, 16); /* not walked: the header is in the first fragment */
    assert_int_equal(walk(&b, &ext), WIRE_IPV6_FRAGMENT);
    assert_int_equal(ext.transport_at, 40 + 16 + 8);
    assert_int_equal(ext.proto, WIRE_PROTO_DEST_OPTS);
    assert_int_equal(ext.next_at, 56);
    assert_int_equal(ext.frag.header_at, 56);
    assert_int_equal(ext.frag.next_at, 40);
    assert_int_equal(ext.frag.offset, 1448);
    assert_int_equal(ext.frag.id, 0x01020304);
    assert_true(ext.frag.more);

    b = begin(); /* the largest there is */
    fragment(&b, 65528, false);
    payload(&b, WIRE_PROTO_UDP, 7);
    assert_int_equal(walk(&b, &ext), WIRE_IPV6_FRAGMENT);

    b = begin(); /* RFC 6946 4: an atomic fragment is a whole packet */
    fragment(&b, 0, false);
    header(&b, WIRE_PROTO_DEST_OPTS, 1, NULL, 0);
    payload(&b, WIRE_PROTO_TCP, 21);
    assert_int_equal(walk(&b, &ext), WIRE_IPV6_WHOLE);
    assert_true(ext.has_frag);
    assert_int_equal(ext.transport_at, 56);
    assert_int_equal(ext.proto, WIRE_PROTO_TCP);

    b = begin();
    fragment(&b, 0, false);
    fragment(&b, 8, false);
    payload(&b, WIRE_PROTO_TCP, 20);
    assert_int_equal(walk(&b, &ext), WIRE_IPV6_DISCARD);
}

/* RFC 7112 5: the first fragment holds the whole chain, the transport header included. */
static void test_first_fragment(void **state)
{
    static const struct {
        uint8_t proto;
        size_t len;
        bool complete;
    } cases[] = {
        {WIRE_PROTO_TCP, 16, false},      {WIRE_PROTO_TCP, 24, true},
        {WIRE_PROTO_UDP, 0, false},       {WIRE_PROTO_UDP, 8, true},
        {WIRE_PROTO_ICMPV6, 0, false},    {WIRE_PROTO_ICMPV6, 8, true},
        {WIRE_PROTO_DEST_OPTS, 0, false}, {132, 0, true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct wire_ipv6_ext ext;
        struct build b = begin();
        fragment(&b, 0, true);
        header(&b, WIRE_PROTO_DEST_OPTS, 1, NULL, 0);
        payload(&b, cases[i].proto, cases[i].len);
        if (cases[i].complete) {
            assert_int_equal(walk(&b, &ext), WIRE_IPV6_FRAGMENT);
            assert_int_equal(ext.transport_at, 48);
            assert_int_equal(ext.proto, WIRE_PROTO_DEST_OPTS);
        } else {
            assert_problem(&b, WIRE_IPV6_PROBLEM_INCOMPLETE, 0, false);
        }
    }
}

/* Cut off at every length, by the header and as a quotation: nothing is read behind the end. */
static void test_truncated(void **state)
{
    struct build b = begin();
    struct wire_ipv6_ext ext;
    struct wire_ipv6 h;

    header(&b, WIRE_PROTO_HOP_BY_HOP, 1, (const uint8_t[]){5, 2, 0, 0}, 4);
    header(&b, WIRE_PROTO_ROUTING, 2, (const uint8_t[]){0, 0}, 2);
    fragment(&b, 0, false);
    header(&b, WIRE_PROTO_DEST_OPTS, 4, (const uint8_t[]){1, 28}, 2);
    payload(&b, WIRE_PROTO_TCP, 20);
    size_t full = b.len;
    size_t transport = full - 20;
    for (size_t len = WIRE_IPV6_HEADER; len <= full; len++) {
        b.len = len;
        assert_int_equal(walk(&b, &ext), len < transport ? WIRE_IPV6_DISCARD : WIRE_IPV6_WHOLE);
        uint8_t *input = exact(b.p, len);
        input[4] = 0;
        input[5] = (uint8_t)(full - WIRE_IPV6_HEADER);
        assert_int_equal(wire_ipv6_parse_quoted(input, len, &h), WIRE_IP_OK);
        assert_int_equal(wire_ipv6_walk(input, len, &h, &ext),
                         len < transport ? WIRE_IPV6_DISCARD : WIRE_IPV6_WHOLE);
        free(input);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),     cmocka_unit_test(test_refused),
        cmocka_unit_test(test_chains),         cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_option_actions), cmocka_unit_test(test_problems),
        cmocka_unit_test(test_fragments),      cmocka_unit_test(test_first_fragment),
        cmocka_unit_test(test_truncated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
