/* RFC 6056 algorithm 4: every port once, successive for a peer, apart for different peers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <lastack/err.h>

#include "flow/ports.h"

static const struct sip_key key1 = {11, 12}, key2 = {21, 22};

struct taken {
    bool port[65536];
    unsigned asked;
};

static bool is_free(void *ctx, const struct flow_key *key)
{
    struct taken *taken = ctx;
    taken->asked++;
    return !taken->port[key->lport];
}

static struct flow_key peer(uint8_t last, uint16_t rport)
{
    return (struct flow_key){
        .laddr = la_addr_v4(10, 0, 0, 1), .raddr = la_addr_v4(10, 0, 0, last), .rport = rport};
}

/* A range of 16: each port comes out once, then there is none; one that is free again is found,
 * wherever it lies. */
static void test_exhausts(void **state)
{
    static struct taken taken;
    struct ports p;
    struct flow_key key = peer(2, 80);

    memset(&taken, 0, sizeof(taken));
    ports_init(&p, key1, key2, 50000, 50015);
    for (unsigned i = 0; i < 16; i++) {
        assert_int_equal(ports_choose(&p, &key, is_free, &taken), 0);
        assert_in_range(key.lport, 50000, 50015);
        assert_false(taken.port[key.lport]);
        taken.port[key.lport] = true;
    }
    for (uint16_t port = 50000; port <= 50015; port++) {
        taken.asked = 0;
        assert_int_equal(ports_choose(&p, &key, is_free, &taken), LA_EADDRNOTAVAIL);
        assert_int_equal(taken.asked, 16);
        taken.port[port] = false;
        assert_int_equal(ports_choose(&p, &key, is_free, &taken), 0);
        assert_int_equal(key.lport, port);
        taken.port[port] = true;
    }
}

/* RFC 6056 3.3.4: successive ports for one peer, from a start that follows from the keys. */
static void test_successive(void **state)
{
    static struct taken none;
    static bool start[65536];
    unsigned starts = 0;

    for (uint8_t host = 1; host < 100; host++) {
        struct ports p;
        struct flow_key key = peer(host, 443);
        uint16_t last;

        ports_init(&p, key1, key2, 32768, 60999);
        ports_choose(&p, &key, is_free, &none);
        last = key.lport;
        starts += !start[last];
        start[last] = true;
        for (unsigned i = 0; i < 100; i++) {
            assert_int_equal(ports_choose(&p, &key, is_free, &none), 0);
            assert_int_equal(key.lport, last == 60999 ? 32768 : last + 1);
            last = key.lport;
        }
    }
    assert_true(starts > 90);
}

static uint16_t first_choice(struct sip_key k1, struct sip_key k2, uint16_t rport)
{
    static struct taken none;
    struct ports p;
    struct flow_key key = peer(2, rport);

    ports_init(&p, k1, k2, 1024, 65535);
    ports_choose(&p, &key, is_free, &none);
    return key.lport;
}

/* The same keys give the same port; either key or the peer's port gives another. */
static void test_keyed(void **state)
{
    const struct sip_key other = {31, 32};
    uint16_t port = first_choice(key1, key2, 80);

    assert_int_equal(first_choice(key1, key2, 80), port);
    assert_int_not_equal(first_choice(other, key2, 80), port);
    assert_int_not_equal(first_choice(key1, other, 80), port);
    assert_int_not_equal(first_choice(key1, key2, 81), port);
}

/* What stands in lport before has no influence. */
static void test_ignores_old_port(void **state)
{
    static struct taken none;
    struct ports p, q;
    struct flow_key a = peer(2, 80), b = peer(2, 80);

    b.lport = 4711;
    ports_init(&p, key1, key2, 1024, 65535);
    q = p;
    ports_choose(&p, &a, is_free, &none);
    ports_choose(&q, &b, is_free, &none);
    assert_int_equal(a.lport, b.lport);
}

static void test_widest_and_narrowest(void **state)
{
    static struct taken taken;
    struct ports p;
    struct flow_key key = peer(2, 80);

    memset(&taken, 0, sizeof(taken));
    ports_init(&p, key1, key2, 1, 65535);
    for (unsigned i = 0; i < 65535; i++) {
        assert_int_equal(ports_choose(&p, &key, is_free, &taken), 0);
        taken.port[key.lport] = true;
    }
    assert_int_equal(taken.asked, 65535); /* in a row, so the first asked is free */
    assert_int_equal(ports_choose(&p, &key, is_free, &taken), LA_EADDRNOTAVAIL);

    ports_init(&p, key1, key2, 65535, 65535);
    assert_int_equal(ports_choose(&p, &key, is_free, &taken), LA_EADDRNOTAVAIL);
    taken.port[65535] = false;
    assert_int_equal(ports_choose(&p, &key, is_free, &taken), 0);
    assert_int_equal(key.lport, 65535);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exhausts),
        cmocka_unit_test(test_successive),
        cmocka_unit_test(test_keyed),
        cmocka_unit_test(test_ignores_old_port),
        cmocka_unit_test(test_widest_and_narrowest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
