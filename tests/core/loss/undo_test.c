/* Undoing what was a mistake: Eifel detection (RFC 3522 3.2 and 3.3), D-SACKs (RFC 3708 3), the
 * response's round-trip estimate (RFC 4015 3.1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "loss/undo.h"
#include "support/core_memory.h"

#include <cmocka.h> /* last: it makes `fail` a macro */

static const uint32_t stamps[] = {0, 1, 1000, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff};
#define STAMPS (sizeof(stamps) / sizeof(stamps[0]))

static struct undo episode(uint32_t segments, uint32_t tsval)
{
    struct undo u = {0};
    undo_begin(&u);
    undo_resent(&u, segments, tsval);
    return u;
}

static struct undo_ack eifel_ack(uint32_t tsecr)
{
    return (struct undo_ack){.tsecr = tsecr, .advanced = true, .has_ts = true, .covers_rtx = true};
}

/* ---- Eifel ----------------------------------------------------------------------------------- */

/* 3.2, step 4: smaller than RetransmitTS, modulo 2^32; equal is not. */
static void older_timestamp(void **state)
{
    (void)state;
    for (unsigned i = 0; i < STAMPS; i++) {
        for (int32_t off = -3; off <= 3; off++) {
            struct undo u = episode(1, stamps[i]);
            struct undo_ack in = eifel_ack(stamps[i] + (uint32_t)off);
            assert_int_equal(undo_acked(&u, &in), off < 0 ? UNDO_BY_TIMESTAMP : UNDO_NO);
            assert_int_equal(u.possible, off >= 0);
            assert_int_equal(undo_acked(&u, &in), UNDO_NO); /* once */
        }
    }
}

/* Step 2: the first retransmission's timestamp stays, also when the timer runs out again. */
static void first_retransmission(void **state)
{
    (void)state;
    struct undo u = episode(1, 100);
    undo_resent(&u, 1, 300);
    struct undo_ack in = eifel_ack(200); /* the ACK of the first retransmission */
    assert_int_equal(undo_acked(&u, &in), UNDO_NO);
    in = eifel_ack(50);
    assert_int_equal(undo_acked(&u, &in), UNDO_NO); /* step 3: the first acceptable ACK decides */
    undo_begin(&u);                                 /* the next episode */
    undo_resent(&u, 1, 500);
    in = eifel_ack(499);
    assert_int_equal(undo_acked(&u, &in), UNDO_BY_TIMESTAMP);
}

/* Step 3: what does not acknowledge anything that was sent again, or has no timestamp, is waited
 * out, or decides against. */
static void acceptable(void **state)
{
    (void)state;
    struct undo u = episode(1, 100);
    struct undo_ack in = eifel_ack(50);
    in.advanced = false; /* a duplicate ACK */
    assert_int_equal(undo_acked(&u, &in), UNDO_NO);
    in.advanced = true;
    in.covers_rtx = false; /* of what was in flight before it */
    assert_int_equal(undo_acked(&u, &in), UNDO_NO);
    in.covers_rtx = true;
    assert_int_equal(undo_acked(&u, &in), UNDO_BY_TIMESTAMP);
    u = episode(1, 100);
    in.has_ts = false;
    assert_int_equal(undo_acked(&u, &in), UNDO_NO);
    in.has_ts = true;
    assert_int_equal(undo_acked(&u, &in), UNDO_NO);
}

/* 3.3, step 5: all ACKs of a window were lost. */
static void lost_acks(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 8; bits++) {
        struct undo u = episode(1, 100);
        struct undo_ack in = eifel_ack(50);
        in.dsack = (bits & 1) != 0;
        in.dsack_before = (bits & 2) != 0;
        in.covers_all = (bits & 4) != 0;
        bool want = in.dsack ? false : in.dsack_before || !in.covers_all;
        assert_int_equal(undo_acked(&u, &in), want ? UNDO_BY_TIMESTAMP : UNDO_NO);
    }
}

static void no_episode(void **state)
{
    (void)state;
    struct undo u = {0};
    struct undo_ack in = eifel_ack(50);
    undo_resent(&u, 1, 100); /* a tail loss probe */
    assert_int_equal(undo_acked(&u, &in), UNDO_NO);
    undo_begin(&u); /* nothing was sent again yet */
    assert_int_equal(undo_acked(&u, &in), UNDO_NO);
    undo_resent(&u, 1, 200);
    undo_end(&u);
    undo_dsack(&u, 1, true);
    assert_int_equal(undo_acked(&u, &in), UNDO_NO);
}

/* ---- D-SACK ---------------------------------------------------------------------------------- */

/* 3, B: all retransmissions came twice, or not all. */
static void all_twice(void **state)
{
    (void)state;
    for (uint32_t sent = 1; sent < 20; sent++) {
        for (uint32_t told = 0; told <= sent; told++) {
            struct undo u = episode(sent, 0);
            struct undo_ack dup = {.dsack = true};
            for (uint32_t n = 0; n < told; n++) {
                assert_int_equal(undo_acked(&u, &dup), UNDO_NO);
                undo_dsack(&u, 1, true);
            }
            assert_int_equal(undo_acked(&u, &dup), told == sent ? UNDO_BY_DSACK : UNDO_NO);
        }
    }
}

/* 3, (a): of two sent again one was lost: the other's D-SACK must not hide it. */
static void real_loss(void **state)
{
    (void)state;
    struct undo u = episode(1, 0);
    undo_resent(&u, 1, 0);
    undo_dsack(&u, 1, true);
    struct undo_ack in = {.advanced = true, .covers_rtx = true};
    assert_int_equal(undo_acked(&u, &in), UNDO_NO);
}

/* D-SACKs of an earlier episode or of lost ACKs (A.1) do not count. */
static void not_ours(void **state)
{
    (void)state;
    struct undo u = episode(3, 0);
    undo_begin(&u);
    undo_resent(&u, 1, 0);
    undo_dsack(&u, 3, false);
    struct undo_ack in = {.dsack = true};
    assert_int_equal(undo_acked(&u, &in), UNDO_NO);
    undo_dsack(&u, 1, true); /* not more than were sent again: no suspicion */
    assert_int_equal(undo_acked(&u, &in), UNDO_BY_DSACK);
}

/* 3, A.4: the network duplicates; D-SACKs prove nothing for the rest of the connection, timestamps
 * still do. */
static void network_duplicates(void **state)
{
    (void)state;
    struct undo u = {0};
    undo_dsack(&u, 1, false);
    struct undo_ack in = {.dsack = true};
    for (unsigned n = 0; n < 5; n++) {
        undo_begin(&u);
        undo_resent(&u, 1, 100);
        undo_dsack(&u, 1, true);
        assert_int_equal(undo_acked(&u, &in), UNDO_NO);
    }
    in = eifel_ack(99);
    assert_int_equal(undo_acked(&u, &in), UNDO_BY_TIMESTAMP);
    u = episode(2, 0); /* one too many */
    undo_dsack(&u, 3, true);
    assert_int_equal(undo_acked(&u, &in), UNDO_NO);
    u = (struct undo){0}; /* a probe outside of an episode is a reason for one */
    undo_resent(&u, 1, 0);
    undo_dsack(&u, 1, false);
    assert_false(u.duplicates);
}

static void extremes(void **state)
{
    (void)state;
    struct undo u = episode(UINT32_MAX, 0);
    undo_resent(&u, UINT32_MAX, 0); /* does not wrap */
    undo_dsack(&u, UINT32_MAX - 1, true);
    struct undo_ack in = {.dsack = true};
    assert_int_equal(undo_acked(&u, &in), UNDO_NO);
    undo_dsack(&u, 1, true);
    assert_int_equal(undo_acked(&u, &in), UNDO_BY_DSACK);
    u = episode(0, 0);
    undo_dsack(&u, UINT32_MAX, true);
    assert_true(u.duplicates);
}

/* One retransmitted segment of the list below. */
struct resent {
    unsigned episode;
    bool told;
};

/* Tells of at most `n` of the segments that were sent again in that episode (or, with `ours` false,
 * in another); how many. */
static uint32_t tell(struct resent *list, unsigned len, unsigned episode, bool ours, uint32_t n)
{
    uint32_t told = 0;
    for (unsigned i = 0; i < len && told < n; i++) {
        if (!list[i].told && (list[i].episode == episode) == ours) {
            list[i].told = true;
            told++;
        }
    }
    return told;
}

/* At random against a list of all that was sent again (3, B.1: each of the episode came twice). */
static void lists(void **state)
{
    (void)state;
    uint64_t seed = 3708;
    unsigned undone = 0;
    for (unsigned walk = 0; walk < 3000; walk++) {
        struct undo u = {0};
        struct resent list[256];
        unsigned len = 0, begun = 0, current = 0; /* 0: no episode */
        for (unsigned n = 0; n < 60; n++) {
            uint32_t segments = 1 + random_below(&seed, 3);
            unsigned what = random_below(&seed, 8);
            bool ours = current != 0 && random_below(&seed, 4) != 0;
            if (what == 0) {
                current = ++begun;
                undo_begin(&u);
            } else if (what < 4) {
                undo_resent(&u, segments, 0);
                for (uint32_t k = 0; k < segments; k++) {
                    list[len++] = (struct resent){.episode = current};
                }
            } else {
                undo_dsack(&u, tell(list, len, current, ours, segments), ours);
            }
            unsigned of_it = 0, missing = 0;
            for (unsigned k = 0; k < len; k++) {
                of_it += list[k].episode == current;
                missing += list[k].episode == current && !list[k].told;
            }
            bool want = current != 0 && of_it != 0 && missing == 0;
            struct undo_ack in = {.dsack = what >= 4};
            assert_int_equal(undo_acked(&u, &in), want ? UNDO_BY_DSACK : UNDO_NO);
            undone += want;
            current = want ? 0 : current;
        }
        assert_false(u.duplicates);
    }
    assert_true(undone > 1000);
}

/* ---- RFC 4015 -------------------------------------------------------------------------------- */

static double larger(double a, double b)
{
    return a > b ? a : b;
}

/* 3.1, step 11: SRTT = max(SRTT + 2 G, R), RTTVAR = max(RTTVAR, R / 2), G one millisecond. */
static void adapted(void **state)
{
    (void)state;
    uint64_t seed = 4015;
    for (unsigned n = 0; n < 100000; n++) {
        double srtt = random_below(&seed, 20000000), var = random_below(&seed, 10000000);
        uint32_t sample = random_below(&seed, 40000000);
        struct undo_rtt r = undo_adapt_rtt(
            (struct undo_rtt){.srtt_us8 = (uint32_t)(srtt * 8), .rttvar_us4 = (uint32_t)(var * 4)},
            sample);
        assert_true(r.srtt_us8 == (uint32_t)(larger(srtt + 2000, sample) * 8));
        assert_true(r.rttvar_us4 == (uint32_t)(larger(var, sample / 2.0) * 4));
    }
    struct undo_rtt most = {.srtt_us8 = UINT32_MAX, .rttvar_us4 = UINT32_MAX};
    most = undo_adapt_rtt(most, UINT32_MAX); /* does not wrap */
    assert_int_equal(most.srtt_us8, UINT32_MAX);
    assert_int_equal(most.rttvar_us4, UINT32_MAX);
    most = undo_adapt_rtt((struct undo_rtt){0}, UINT32_MAX);
    assert_true(most.srtt_us8 > 1U << 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(older_timestamp),
        cmocka_unit_test(first_retransmission),
        cmocka_unit_test(acceptable),
        cmocka_unit_test(lost_acks),
        cmocka_unit_test(no_episode),
        cmocka_unit_test(all_twice),
        cmocka_unit_test(real_loss),
        cmocka_unit_test(not_ours),
        cmocka_unit_test(network_duplicates),
        cmocka_unit_test(extremes),
        cmocka_unit_test(lists),
        cmocka_unit_test(adapted),
    };
    return cmocka_run_group_tests_name("core/loss/undo", tests, NULL, NULL);
}
