/* What a stack knows for Fast Open (RFC 7413): cookies, the decision about a SYN, the client's
 * memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "support/core_memory.h"
#include "tcp/fastopen.h"

#include <cmocka.h>

static struct test_memory tm;
static struct memory memory;
static struct tfo f;

static int begin(void **state)
{
    memory = core_memory(&tm, UINT64_MAX);
    tfo_init(&f, &memory);
    return 0;
}

static int end(void **state)
{
    tfo_destroy(&f);
    return memory.held == 0 ? 0 : -1;
}

/* The key as Linux's tcp_fastopen_key writes it: four words, each least significant byte first. */
static void set_key(struct la_persona *p, unsigned which, const uint32_t words[4])
{
    for (unsigned i = 0; i < 16; i++) {
        p->fastopen_key[which][i] = (uint8_t)(words[i / 4] >> (8 * (i % 4)));
    }
}

static void is_cookie(const struct tfo_cookie *c, uint64_t bytes)
{
    assert_int_equal(c->len, 8);
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(c->bytes[i], (uint8_t)(bytes >> (56 - 8 * i)));
    }
}

/* Cookies that a Linux kernel gave for these keys and addresses. */
static void test_vectors(void **state)
{
    static const struct {
        uint32_t key[4];
        uint8_t server[4], client[4];
        uint64_t cookie;
    } rows[] = {
        {{0xa1a1a1a1, 0xb2b2b2b2, 0xc3c3c3c3, 0xd4d4d4d4},
         {192, 168, 0, 1},
         {192, 0, 2, 1},
         0x3021b9d889017eeb},
        {{0, 0, 0, 0}, {192, 168, 0, 1}, {192, 0, 2, 1}, 0xb7c12350a90dc8f5},
        {{0xa0bf63f7, 0xed803d81, 0xcd641d30, 0xcebc4a90},
         {192, 168, 0, 2},
         {10, 248, 0, 3},
         0x1313a2da994a0951},
        {{0xa0bf63f7, 0xed803d81, 0xcd641d30, 0xcebc4a90},
         {192, 168, 0, 3},
         {10, 248, 0, 3},
         0x76d2c1c530f51f79},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct la_persona p;
        la_persona_init(&p);
        set_key(&p, 0, rows[i].key);
        p.fastopen_keys = 1;
        tfo_set_keys(&f, &p, (struct sip_key){1, 2});
        const uint8_t *s = rows[i].server, *c = rows[i].client;
        struct la_addr server = la_addr_v4(s[0], s[1], s[2], s[3]);
        struct la_addr client = la_addr_v4(c[0], c[1], c[2], c[3]);
        struct tfo_cookie got = tfo_make(&f.keys[0], &client, &server);
        is_cookie(&got, rows[i].cookie);
        assert_int_equal(tfo_check(&f, &client, &server, &got), TFO_VALID);
        assert_int_equal(tfo_check(&f, &server, &client, &got), TFO_INVALID);
    }
}

/* RFC 7413 4.1.2: only the very cookie is valid, of the present key or of the one before. */
static void test_check(void **state)
{
    struct la_addr client = {{0xfe, 0x80, [15] = 1}}, server = {{0xfd, [15] = 2}};
    struct la_persona p;
    la_persona_init(&p);
    tfo_set_keys(&f, &p, (struct sip_key){1, 2}); /* none named: the stack's own */
    assert_int_equal(f.key_count, 1);
    struct tfo_cookie old = tfo_make(&f.keys[0], &client, &server);
    for (unsigned bit = 0; bit < 64; bit++) {
        struct tfo_cookie wrong = old;
        wrong.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_int_equal(tfo_check(&f, &client, &server, &wrong), TFO_INVALID);
    }
    for (uint8_t len = 0; len <= WIRE_FASTOPEN_MAX; len += 2) {
        struct tfo_cookie cut = old;
        cut.len = len;
        assert_int_equal(tfo_check(&f, &client, &server, &cut), len == 8 ? TFO_VALID : TFO_INVALID);
    }
    /* The scope of a link-local address is not on the wire, and so not in the cookie. */
    struct la_addr scoped = client;
    scoped.b[3] = 7;
    assert_int_equal(tfo_check(&f, &scoped, &server, &old), TFO_VALID);
    p.fastopen_keys = 2;
    p.fastopen_key[0][0] = 99;
    p.fastopen_key[1][0] = 1; /* the old one, as bytes */
    p.fastopen_key[1][8] = 2;
    tfo_set_keys(&f, &p, (struct sip_key){7, 7});
    assert_int_equal(tfo_check(&f, &client, &server, &old), TFO_OUTDATED);
    struct tfo_cookie new = tfo_make(&f.keys[0], &client, &server);
    assert_int_equal(tfo_check(&f, &client, &server, &new), TFO_VALID);
    p.fastopen_keys = 1;
    tfo_set_keys(&f, &p, (struct sip_key){7, 7});
    assert_int_equal(tfo_check(&f, &client, &server, &old), TFO_INVALID);
}

/* 4.2.2, "Server: Receiving SYN", steps 1 to 3, against a slow reading of them. */
static void test_syn(void **state)
{
    for (unsigned i = 0; i < 1U << 9; i++) {
        for (uint8_t check = TFO_INVALID; check <= TFO_OUTDATED; check++) {
            struct tfo_question q = {
                .mode = ((i & 1) ? LA_FASTOPEN_SERVER : 0U) | LA_FASTOPEN_CLIENT |
                        ((i & 2) ? LA_FASTOPEN_SERVER_NO_COOKIE : 0U),
                .pending = (i >> 2) & 3,
                .limit = (i & 16) ? 2 : 0,
                .option = (i & 32) != 0,
                .empty = (i & 64) != 0,
                .data = (i & 128) != 0,
                .no_cookie = (i & 256) != 0,
                .check = check,
            };
            bool without = (i & 2) || (i & 256);
            enum tfo_deed want = TFO_PLAIN;
            if ((i & 1) && q.pending < q.limit) {
                if (without && (q.option || q.data)) {
                    want = TFO_TAKE;
                } else if (q.option) {
                    want = q.empty || check == TFO_INVALID ? TFO_GIVE
                           : check == TFO_VALID            ? TFO_TAKE
                                                           : TFO_RENEW;
                }
            }
            assert_int_equal(tfo_syn(&q), want);
        }
    }
}

static struct flow_key key_of(unsigned n, uint16_t port)
{
    return (struct flow_key){.laddr = la_addr_v4(10, 0, 0, 1),
                             .raddr = la_addr_v4(10, 1, (uint8_t)(n >> 8), (uint8_t)n),
                             .lport = (uint16_t)(1000 + n),
                             .rport = port};
}

static struct tfo_cookie cookie_of(unsigned n)
{
    return (struct tfo_cookie){.len = 8, .bytes = {(uint8_t)n, (uint8_t)(n >> 8), 7}};
}

/* 4.1.3: one cookie for each pair of addresses, the most recent one, with the server's MSS; of any
 * port. The memory is bounded, and what was used longest ago gives way. */
static void test_cookies(void **state)
{
    uint16_t mss;
    struct flow_key key = key_of(0, 80);
    assert_int_equal(tfo_known(&f, &key, &mss, 1).len, 0);
    struct tfo_cookie none = {.len = 0}, c = cookie_of(1);
    tfo_learned(&f, &key, 1000, &none, false, 1);
    assert_int_equal(memory.held, 0); /* an MSS alone is not kept */
    tfo_learned(&f, &key, 1000, &c, true, 1);
    struct flow_key other = key_of(0, 443);
    struct tfo_cookie got = tfo_known(&f, &other, &mss, 2);
    assert_memory_equal(got.bytes, c.bytes, 8);
    assert_int_equal(mss, 1000);
    tfo_learned(&f, &key, 0, &none, false, 2); /* nothing new: nothing is lost */
    tfo_learned(&f, &key, 900, &none, false, 2);
    got = tfo_known(&f, &key, &mss, 2);
    assert_int_equal(got.len, 8);
    assert_int_equal(mss, 900);
    c = cookie_of(2);
    tfo_learned(&f, &key, 800, &c, true, 3);
    got = tfo_known(&f, &key, &mss, 3);
    assert_memory_equal(got.bytes, c.bytes, 8);

    size_t held = memory.held;
    for (unsigned n = 1; n < 3 * TFO_COOKIES; n++) {
        struct flow_key k = key_of(n, 80);
        c = cookie_of(n);
        tfo_learned(&f, &k, 1000, &c, true, 10 + n);
        (void)tfo_known(&f, &key, &mss, 10 + n); /* in use all the time: it stays */
    }
    assert_int_equal(memory.held, held);
    assert_int_equal(tfo_known(&f, &key, &mss, 1000).len, 8);
    for (unsigned n = 1; n < 3 * TFO_COOKIES; n++) {
        struct flow_key k = key_of(n, 80);
        bool kept = n > 2 * TFO_COOKIES;
        assert_int_equal(tfo_known(&f, &k, &mss, 1000).len, kept ? 8 : 0);
    }
}

/* 4.1.3.1: negative answers count for a path and port, for a while, and a success forgets them. */
static void test_refusals(void **state)
{
    struct flow_key key = key_of(0, 80), port = key_of(0, 443), host = key_of(1, 80);
    assert_false(tfo_doubtful(&f, &key, 1, 5));
    tfo_refused(&f, &key, 5);
    assert_true(tfo_doubtful(&f, &key, 1, 5));
    assert_false(tfo_doubtful(&f, &key, 2, 5));
    assert_false(tfo_doubtful(&f, &port, 1, 5));
    assert_false(tfo_doubtful(&f, &host, 1, 5));
    tfo_refused(&f, &key, 6);
    assert_true(tfo_doubtful(&f, &key, 2, 6));
    assert_true(tfo_doubtful(&f, &key, 2, 6 + TFO_REFUSED_S - 1));
    assert_false(tfo_doubtful(&f, &key, 2, 6 + TFO_REFUSED_S));
    tfo_worked(&f, &key);
    assert_false(tfo_doubtful(&f, &key, 1, 7));
    for (unsigned n = 0; n < 4 * TFO_REFUSALS; n++) {
        struct flow_key k = key_of(n, 80);
        tfo_refused(&f, &k, 100 + n);
        assert_true(tfo_doubtful(&f, &k, 1, 100 + n));
    }
    for (unsigned i = 0; i < 300; i++) {
        tfo_refused(&f, &key, 500); /* strikes do not wrap */
    }
    assert_true(tfo_doubtful(&f, &key, 255, 500));
}

/* A black hole switches it off for all: an hour, two, four, ... until one works. */
static void test_blackhole(void **state)
{
    struct flow_key key = key_of(0, 80);
    tfo_blackhole(&f, 0, 10);
    assert_false(tfo_doubtful(&f, &key, 1, 10)); /* no such memory wanted */
    for (unsigned n = 0; n < 10; n++) {
        uint32_t from = 100000 * n;
        uint32_t for_s = 60U << (n < 6 ? n : 6);
        tfo_blackhole(&f, 60, from);
        assert_true(tfo_doubtful(&f, &key, 1, from));
        assert_true(tfo_doubtful(&f, &key, 1, from + for_s - 1));
        assert_false(tfo_doubtful(&f, &key, 1, from + for_s));
    }
    tfo_blackhole(&f, UINT32_MAX, 5);
    assert_true(tfo_doubtful(&f, &key, 1, UINT32_MAX - 1));
    tfo_worked(&f, &key);
    assert_false(tfo_doubtful(&f, &key, 1, 6));
    tfo_blackhole(&f, 60, 6);
    assert_false(tfo_doubtful(&f, &key, 1, 66)); /* it begins anew */
}

/* Without memory nothing is remembered, and nothing else happens. */
static void test_no_memory(void **state)
{
    struct flow_key key = key_of(0, 80);
    struct tfo_cookie c = cookie_of(1);
    uint16_t mss;
    memory.max = 100;
    tfo_learned(&f, &key, 1000, &c, true, 1);
    tfo_refused(&f, &key, 1);
    tfo_worked(&f, &key);
    assert_int_equal(tfo_known(&f, &key, &mss, 1).len, 0);
    assert_false(tfo_doubtful(&f, &key, 1, 1));
}

int main(void)
{
#define EACH(t) cmocka_unit_test_setup_teardown(t, begin, end)
    const struct CMUnitTest tests[] = {
        EACH(test_vectors),  EACH(test_check),     EACH(test_syn),       EACH(test_cookies),
        EACH(test_refusals), EACH(test_blackhole), EACH(test_no_memory),
    };
    return cmocka_run_group_tests_name("core/tcp/fastopen", tests, NULL, NULL);
}
