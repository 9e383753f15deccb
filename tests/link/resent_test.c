/* Counting of what is sent again: overlaps of all kinds against a model that marks single bytes,
 * the wrap of sequence numbers, and many flows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/prng.h"
#include "link/resent.h"
#include "support/packets.h"

static struct resent resent;

static void look(bool v6, uint16_t port, uint32_t seq, uint16_t flags, size_t payload)
{
    uint8_t bytes[4000];
    size_t len = packet_tcp(bytes, v6, seq, flags, payload, false);
    size_t head = v6 ? 40 : 20;
    store_be16(bytes + head, port);
    resent_look(&resent, bytes, len);
}

static void begin(void)
{
    resent = (struct resent){0};
}

static void test_nothing_is_sent_again(void **state)
{
    begin();
    look(false, 1, 999, LA_TH_SYN, 0);
    for (uint32_t i = 0; i < 10; i++) {
        look(false, 1, 1000 + i * 100, LA_TH_ACK, 100);
        look(false, 1, 1000 + (i + 1) * 100, LA_TH_ACK, 0);
    }
    look(false, 1, 2000, LA_TH_ACK | LA_TH_FIN, 0);
    assert_int_equal(resent.segments, 10);
    assert_int_equal(resent.bytes, 1000);
    assert_int_equal(resent.again_segments, 0);
    assert_int_equal(resent.again_bytes, 0);
}

static void test_overlaps(void **state)
{
    begin();
    look(true, 1, 1000, LA_TH_ACK, 300);
    look(true, 1, 1000, LA_TH_ACK, 100); /* the first part */
    look(true, 1, 1200, LA_TH_ACK, 200); /* half of it is new */
    look(true, 1, 900, LA_TH_ACK, 50);   /* before all that was seen */
    assert_int_equal(resent.again_segments, 3);
    assert_int_equal(resent.again_bytes, 100 + 100 + 50);
    look(true, 1, 1400, LA_TH_ACK, 10);
    assert_int_equal(resent.again_segments, 3);
}

static void test_flows_are_told_apart(void **state)
{
    begin();
    for (int round = 0; round < 2; round++)
        for (uint16_t port = 1; port <= RESENT_FLOWS / 2; port++) {
            look(false, port, 5000, LA_TH_ACK, 10);
            look(true, port, 7000, LA_TH_ACK, 10);
        }
    assert_int_equal(resent.segments, 2 * RESENT_FLOWS);
    assert_int_equal(resent.again_segments, RESENT_FLOWS);
    look(true, 999, 7000, LA_TH_ACK, 10);
    assert_int_equal(resent.unknown, 1);
    assert_int_equal(resent.segments, 2 * RESENT_FLOWS);
    /* the same ports again: a SYN begins anew, also with data in it */
    look(true, 1, 100, LA_TH_SYN, 20);
    look(true, 1, 121, LA_TH_ACK, 20);
    assert_int_equal(resent.again_segments, RESENT_FLOWS);
    look(true, 1, 100, LA_TH_SYN, 20);
    look(true, 1, 121, LA_TH_ACK, 20);
    assert_int_equal(resent.again_segments, RESENT_FLOWS);
}

/* A sender that goes on or starts again somewhere behind, around the wrap. */
static void test_against_a_model(void **state)
{
    enum { SPACE = 200000 };
    static uint8_t sent[SPACE];
    struct prng prng;
    prng_seed(&prng, (const uint8_t[32]){3});
    for (int round = 0; round < 20; round++) {
        const uint32_t first = (uint32_t)-100000;
        uint32_t next = 0;
        uint64_t again = 0, segments = 0;
        memset(sent, 0, sizeof(sent));
        begin();
        while (next < SPACE - 1500) {
            uint32_t len = 1 + prng_below(&prng, 1400);
            uint32_t at = next;
            if (prng_below(&prng, 3) == 0)
                at -= prng_below(&prng, next < 50000 ? next + 1 : 50000);
            uint32_t twice = 0;
            for (uint32_t i = 0; i < len; i++) {
                twice += sent[at + i];
                sent[at + i] = 1;
            }
            again += twice;
            segments += twice > 0;
            look(false, 7, first + at, LA_TH_ACK, len);
            if (at + len > next)
                next = at + len;
        }
        assert_int_equal(resent.again_bytes, again);
        assert_int_equal(resent.again_segments, segments);
    }
}

static void test_bytes_that_mean_nothing(void **state)
{
    struct prng prng;
    prng_seed(&prng, (const uint8_t[32]){4});
    begin();
    for (int i = 0; i < 100000; i++) {
        uint8_t bytes[200];
        for (size_t b = 0; b < sizeof(bytes); b++)
            bytes[b] = (uint8_t)prng_u32(&prng);
        if (i % 2 == 0)
            bytes[0] = i % 4 == 0 ? 0x45 : 0x60;
        resent_look(&resent, bytes, prng_below(&prng, sizeof(bytes) + 1));
    }
    assert_true(resent.flows_count <= RESENT_FLOWS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_sent_again),   cmocka_unit_test(test_overlaps),
        cmocka_unit_test(test_flows_are_told_apart),    cmocka_unit_test(test_against_a_model),
        cmocka_unit_test(test_bytes_that_mean_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
