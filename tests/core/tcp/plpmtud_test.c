/* RFC 4821 and RFC 8899: the black hole found and left, the search, probes that fail, what ICMP may
 * say. Then whole paths, of any MTU, with and without ICMP and with losses of other causes: what is
 * found must be what the path takes, or nearly. Integers alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "support/core_memory.h"
#include "tcp/plpmtud.h"

#include <cmocka.h> /* last: it makes `fail` a macro */

#define MS     UINT64_C(1000000)
#define SECOND (1000 * MS)

static struct plpmtud begin(bool v4, uint32_t mtu, uint32_t max)
{
    struct plpmtud p;
    plpmtud_init(&p, v4, mtu, max, 0);
    assert_true(plpmtud_check(&p));
    return p;
}

/* In BASE, as three timeouts lead there. */
static struct plpmtud in_base(bool v4, uint32_t max)
{
    struct plpmtud p = begin(v4, max, max);
    plpmtud_timeout(&p, max, 1, 0);
    plpmtud_timeout(&p, max, 2, 0);
    assert_int_equal(plpmtud_timeout(&p, max, 3, 0), PLPMTUD_FELL);
    assert_int_equal(p.state, PLPMTUD_BASE);
    assert_true(plpmtud_check(&p));
    return p;
}

/* ---- beginnings ----------------------------------------------------------------------------- */

static void initial_values(void **state)
{
    struct plpmtud p = begin(true, 1500, 1500);
    assert_int_equal(p.state, PLPMTUD_COMPLETE);
    assert_int_equal(p.mtu, 1500);
    assert_int_equal(p.low, 1200);                           /* RFC 8899 5.1.2 */
    assert_int_equal(plpmtud_probe_size(&p, UINT64_MAX), 0); /* nothing above it */
    assert_true(plpmtud_next_ns(&p) == UINT64_MAX);
    p = begin(false, 1500, 1500);
    assert_int_equal(p.low, 1280);
    p = begin(false, 1280, 1280); /* RFC 8200 5: nothing less is possible */
    assert_int_equal(p.state, PLPMTUD_DISABLED);
    assert_int_equal(plpmtud_probe_size(&p, UINT64_MAX), 0);
    p = begin(true, 300, 300); /* a link below the floor */
    assert_int_equal(p.state, PLPMTUD_DISABLED);
    assert_int_equal(p.mtu, 300);
    p = begin(true, 1, 1500); /* a cache that says nonsense */
    assert_int_equal(p.mtu, 552);
    p = begin(true, 100000, 100000);
    assert_int_equal(p.mtu, 65535);
}

/* Known to be narrower than the link: larger is tried ten minutes later (RFC 4821 7.3). */
static void raise_timer(void **state)
{
    struct plpmtud p = begin(true, 1400, 1500);
    assert_int_equal(plpmtud_probe_size(&p, PLPMTUD_RAISE_NS - 1), 0);
    assert_true(plpmtud_next_ns(&p) == PLPMTUD_RAISE_NS);
    uint32_t size = plpmtud_probe_size(&p, PLPMTUD_RAISE_NS);
    assert_in_range(size, 1401, 1500);
    plpmtud_probe_sent(&p, size);
    assert_int_equal(p.state, PLPMTUD_SEARCHING);
    assert_int_equal(plpmtud_probe_size(&p, UINT64_MAX), 0); /* one at a time: 7.4 */
    assert_int_equal(plpmtud_probe_acked(&p, PLPMTUD_RAISE_NS), PLPMTUD_RAISED);
    assert_int_equal(p.mtu, size);
    assert_true(plpmtud_check(&p));
}

/* ---- black holes ---------------------------------------------------------------------------- */

/* RFC 4821 7.7: three timeouts in a row. */
static void full_stop(void **state)
{
    struct plpmtud p = in_base(true, 1500);
    assert_int_equal(p.mtu, 1200);
    assert_int_equal(p.high, 1500); /* 7.1: no probe failed */
    p = in_base(false, 9000);
    assert_int_equal(p.mtu, 1280);
}

/* Timeouts of segments that any path takes say nothing of the MTU; losses that others passed do. */
static void small_segments(void **state)
{
    struct plpmtud p = begin(true, 1500, 1500);
    for (uint32_t i = 1; i < 300; i++) {
        assert_int_equal(plpmtud_timeout(&p, 1200, i, 0), PLPMTUD_SAME);
        assert_int_equal(plpmtud_lost(&p, 552, i, 0), PLPMTUD_SAME);
        assert_true(plpmtud_check(&p));
    }
    assert_int_equal(p.timeouts, 0);
    assert_int_equal(plpmtud_lost(&p, 1200, 1, 0), PLPMTUD_FELL);
    assert_int_equal(p.mtu, 1200);
    p = begin(true, 1040, 1040); /* the peer's MSS is small */
    plpmtud_lost(&p, 1040, 1, 0);
    plpmtud_timeout(&p, 1040, 2, 0);
    assert_int_equal(plpmtud_timeout(&p, 1040, 3, 0), PLPMTUD_FELL);
    assert_int_equal(p.mtu, 552);
    assert_int_equal(p.state, PLPMTUD_ERROR);
}

/* A burst is one loss; the same bytes lost again are more. */
static void losses_in_a_row(void **state)
{
    struct plpmtud p = begin(true, 1500, 1500);
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(plpmtud_lost(&p, 1500, 1, 0), PLPMTUD_SAME);
    }
    assert_true(plpmtud_watches(&p));
    assert_int_equal(plpmtud_lost(&p, 1500, 2, 0), PLPMTUD_SAME);
    plpmtud_delivered(&p, 1000, 0); /* smaller ones pass */
    assert_int_equal(plpmtud_timeout(&p, 1500, 3, 0), PLPMTUD_FELL);
    assert_int_equal(p.state, PLPMTUD_BASE);
}

/* What arrives with the size of the lost ones shows that the size was not the reason. */
static void delivery_takes_it_back(void **state)
{
    struct plpmtud p = begin(true, 1500, 1500);
    for (uint32_t times = 1; times < 200; times++) {
        plpmtud_lost(&p, 1400, times, 0);
        assert_int_equal(plpmtud_timeout(&p, 1450, times + 1, 0), PLPMTUD_SAME);
        plpmtud_delivered(&p, 1400, 0);
        assert_int_equal(p.lost, 0);
        assert_true(plpmtud_check(&p));
    }
    plpmtud_lost(&p, 1400, 1, 0);
    plpmtud_delivered(&p, 1399, 0);
    assert_int_equal(p.lost, 1);
}

static void implicit_probes(void **state)
{
    struct plpmtud p = begin(true, 1500, 1500);
    assert_true(plpmtud_watches(&p));
    plpmtud_delivered(&p, 1300, 0);
    assert_int_equal(p.low, 1300);
    plpmtud_delivered(&p, 1250, 0);
    assert_int_equal(p.low, 1300);
    plpmtud_delivered(&p, 1500, 0);
    assert_int_equal(p.low, 1500);
    assert_false(plpmtud_watches(&p));
}

/* Nothing arrives in BASE either: 552 bytes (IPv4), and no further; IPv6 stays at 1280. */
static void error_state(void **state)
{
    struct plpmtud p = in_base(true, 1500);
    plpmtud_timeout(&p, 1200, 4, 0);
    plpmtud_timeout(&p, 1200, 5, 0);
    assert_int_equal(plpmtud_timeout(&p, 1200, 6, 0), PLPMTUD_FELL);
    assert_int_equal(p.state, PLPMTUD_ERROR);
    assert_int_equal(p.mtu, 552);
    assert_true(plpmtud_check(&p));
    for (uint32_t i = 7; i < 20; i++) {
        assert_int_equal(plpmtud_timeout(&p, 552, i, 0), PLPMTUD_SAME);
    }
    assert_int_equal(plpmtud_probe_size(&p, UINT64_MAX), 0); /* not before something arrives */
    plpmtud_delivered(&p, 552, SECOND);
    assert_int_equal(p.state, PLPMTUD_SEARCHING);
    assert_in_range(plpmtud_probe_size(&p, SECOND), 553, 1500);
    p = in_base(false, 1500);
    for (uint32_t i = 4; i < 20; i++) {
        assert_int_equal(plpmtud_timeout(&p, 1280, i, 0), PLPMTUD_SAME);
        assert_int_equal(p.state, PLPMTUD_BASE);
    }
}

/* A raise that ends in a black hole was wrong: not to that size again (RFC 4821 7.8). */
static void raised_on_trial(void **state)
{
    struct plpmtud p = in_base(true, 1500);
    plpmtud_delivered(&p, 1200, 0);
    while (p.state == PLPMTUD_SEARCHING) {
        plpmtud_probe_sent(&p, plpmtud_probe_size(&p, SECOND));
        plpmtud_probe_acked(&p, SECOND);
    }
    assert_int_equal(p.mtu, 1500);
    struct plpmtud later = p;
    for (uint32_t times = 1; times <= 3; times++) {
        plpmtud_lost(&p, 1500, times, SECOND + PLPMTUD_VERIFY_NS - 1);
        plpmtud_lost(&later, 1500, times, SECOND + PLPMTUD_VERIFY_NS);
    }
    assert_int_equal(p.state, PLPMTUD_BASE);
    assert_int_equal(p.high, 1499);
    assert_int_equal(later.state, PLPMTUD_BASE);
    assert_int_equal(later.high, 1500);
}

/* A segment that options or a short queue made smaller confirms BASE as well, a tiny one does not.
 */
static void confirmation(void **state)
{
    struct plpmtud p = in_base(true, 1500);
    plpmtud_delivered(&p, 1159, 0);
    assert_int_equal(p.state, PLPMTUD_BASE);
    plpmtud_delivered(&p, 1160, 0);
    assert_int_equal(p.state, PLPMTUD_SEARCHING);
}

/* ---- the search ----------------------------------------------------------------------------- */

static void choices(void **state)
{
    assert_int_equal(plpmtud_choose(1200, 1500), 1420); /* by thirds over the sizes that exist */
    assert_int_equal(plpmtud_choose(1420, 1500), 1460);
    assert_int_equal(plpmtud_choose(1492, 1500), 1500);
    assert_int_equal(plpmtud_choose(1400, 1419), 0); /* less than 1/64 to gain */
    assert_int_equal(plpmtud_choose(1500, 4351), 2926);
    assert_int_equal(plpmtud_choose(1500, 1500), 0);
    assert_int_equal(plpmtud_choose(1500, 1499), 0);
    assert_int_equal(plpmtud_choose(0, 0), 0);
    /* Whatever the range: inside it, and the range gets smaller until it is not worth it. */
    for (uint32_t low = 500; low < 9100; low += 13) {
        for (uint32_t high = low; high < 65536; high += 1 + (high - low) / 3) {
            uint32_t size = plpmtud_choose(low, high);
            if (size == 0) {
                assert_true(high - low < 1000);
            } else {
                assert_in_range(size, low + 1, high);
            }
        }
    }
}

/* RFC 4821 7.6.2 and 4: a probe lost alone is too large; the next waits. */
static void probe_lost_alone(void **state)
{
    struct plpmtud p = in_base(true, 1500);
    plpmtud_delivered(&p, 1200, 0);
    plpmtud_probe_sent(&p, 1450);
    plpmtud_probe_lost(&p, PLPMTUD_ALONE, 5 * SECOND, SECOND);
    assert_int_equal(p.high, 1449);
    assert_int_equal(p.mtu, 1200);
    assert_int_equal(plpmtud_probe_size(&p, 6 * SECOND - 1), 0);
    assert_in_range(plpmtud_probe_size(&p, 6 * SECOND), 1201, 1449);
    assert_true(plpmtud_check(&p));
    /* 7.6.3: found by the timer, five times as long. */
    plpmtud_probe_sent(&p, 1400);
    plpmtud_probe_lost(&p, PLPMTUD_BY_TIMER, 2 * SECOND, 10 * SECOND);
    assert_int_equal(plpmtud_probe_size(&p, 20 * SECOND - 1), 0);
    assert_int_not_equal(plpmtud_probe_size(&p, 20 * SECOND), 0);
    /* A third failure in a row ends the search (RFC 8899 5.3.1). */
    plpmtud_probe_sent(&p, 1280);
    plpmtud_probe_lost(&p, PLPMTUD_ALONE, 0, 30 * SECOND);
    assert_int_equal(p.state, PLPMTUD_COMPLETE);
    assert_int_equal(p.mtu, 1200);
    assert_true(plpmtud_next_ns(&p) == 30 * SECOND + PLPMTUD_RAISE_NS);
    /* And the next begins with the whole range. */
    uint64_t now = 30 * SECOND + PLPMTUD_RAISE_NS;
    plpmtud_probe_sent(&p, plpmtud_probe_size(&p, now));
    assert_int_equal(p.high, 1500);
}

/* 7.6.4: lost with others says nothing; three times is enough. */
static void probe_lost_with_others(void **state)
{
    struct plpmtud p = in_base(true, 1500);
    plpmtud_delivered(&p, 1200, 0);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(plpmtud_probe_size(&p, 0), 1420);
        plpmtud_probe_sent(&p, 1450);
        plpmtud_probe_lost(&p, PLPMTUD_WITH_OTHERS, SECOND, 0);
        assert_int_equal(p.high, 1500);
    }
    plpmtud_probe_sent(&p, 1450);
    plpmtud_probe_lost(&p, PLPMTUD_WITH_OTHERS, SECOND, 0);
    assert_int_equal(p.high, 1449);
    assert_int_equal(p.failed, 1);
    assert_true(plpmtud_check(&p));
}

static void huge_headway(void **state)
{
    struct plpmtud p = in_base(true, 1500);
    plpmtud_delivered(&p, 1200, 0);
    plpmtud_probe_sent(&p, 1450);
    plpmtud_probe_lost(&p, PLPMTUD_BY_TIMER, UINT64_MAX, SECOND);
    assert_true(plpmtud_next_ns(&p) == SECOND + 5 * PLPMTUD_RAISE_NS);
}

static void no_probe_under_way(void **state)
{
    struct plpmtud p = in_base(true, 1500), was;
    plpmtud_delivered(&p, 1200, 0);
    was = p;
    assert_int_equal(plpmtud_probe_acked(&p, 0), PLPMTUD_SAME);
    plpmtud_probe_lost(&p, PLPMTUD_ALONE, 1, 1);
    assert_memory_equal(&p, &was, sizeof(p));
    plpmtud_probe_sent(&p, 1450);
    plpmtud_probe_void(&p);
    assert_int_equal(plpmtud_probe_size(&p, 0), 1420);
}

/* ---- Packet Too Big (RFC 8899 4.6.2) -------------------------------------------------------- */

static void ptb(void **state)
{
    bool heeded;
    struct plpmtud p = begin(true, 1500, 1500);
    assert_int_equal(plpmtud_ptb(&p, 67, 0, &heeded), PLPMTUD_SAME); /* RFC 791 3.2 */
    assert_false(heeded);
    assert_int_equal(plpmtud_ptb(&p, 1500, 0, &heeded), PLPMTUD_SAME); /* that would pass */
    assert_false(heeded);
    assert_int_equal(plpmtud_ptb(&p, 100000, 0, &heeded), PLPMTUD_SAME);
    assert_false(heeded);
    assert_int_equal(plpmtud_ptb(&p, 1400, 0, &heeded), PLPMTUD_FELL);
    assert_true(heeded);
    assert_int_equal(p.mtu, 1400);
    assert_int_equal(p.state, PLPMTUD_COMPLETE);
    assert_true(plpmtud_next_ns(&p) == PLPMTUD_RAISE_NS);
    assert_int_equal(plpmtud_ptb(&p, 1450, 0, &heeded), PLPMTUD_SAME); /* never upwards */
    assert_false(heeded);
    assert_true(plpmtud_check(&p));
    p = begin(false, 1500, 1500);
    assert_int_equal(plpmtud_ptb(&p, 1279, 0, &heeded), PLPMTUD_SAME); /* RFC 8201 4 */
    assert_false(heeded);
    assert_int_equal(plpmtud_ptb(&p, 1280, 0, &heeded), PLPMTUD_FELL);
}

/* Below the base size: obeyed, and doubted as soon as something arrives. */
static void ptb_below_base(void **state)
{
    bool heeded;
    struct plpmtud p = begin(true, 1500, 1500);
    assert_int_equal(plpmtud_ptb(&p, 68, 0, &heeded), PLPMTUD_FELL);
    assert_int_equal(p.mtu, 552);
    assert_int_equal(p.state, PLPMTUD_ERROR);
    assert_int_equal(plpmtud_ptb(&p, 68, 0, &heeded), PLPMTUD_SAME); /* no further */
    plpmtud_delivered(&p, 552, 0);
    unsigned probes = 0;
    for (; p.state == PLPMTUD_SEARCHING; probes++) {
        plpmtud_probe_sent(&p, plpmtud_probe_size(&p, 0));
        plpmtud_probe_acked(&p, 0);
        assert_true(plpmtud_check(&p));
    }
    assert_int_equal(p.mtu, 1500);
    assert_true(probes <= 5);
}

/* A message about the probe: nothing falls, and the search goes on from there. */
static void ptb_for_the_probe(void **state)
{
    bool heeded;
    struct plpmtud p = in_base(true, 1500);
    plpmtud_delivered(&p, 1200, 0);
    plpmtud_probe_sent(&p, 1450);
    assert_int_equal(plpmtud_ptb(&p, 1400, 0, &heeded), PLPMTUD_SAME);
    assert_true(heeded);
    assert_int_equal(p.high, 1400);
    assert_int_equal(plpmtud_ptb(&p, 1460, 0, &heeded), PLPMTUD_SAME); /* inconsistent */
    assert_false(heeded);
    plpmtud_probe_lost(&p, PLPMTUD_ALONE, 0, 0);
    assert_int_equal(p.high, 1400);
    /* "PTB: PL_PTB_SIZE = PLPMTU": the search is over. */
    plpmtud_probe_sent(&p, 1360);
    plpmtud_ptb(&p, 1200, 0, &heeded);
    plpmtud_probe_lost(&p, PLPMTUD_ALONE, 0, 0);
    assert_int_equal(p.state, PLPMTUD_COMPLETE);
    assert_int_equal(p.mtu, 1200);
    /* A late one about what was lost in the black hole bounds the search. */
    p = in_base(true, 1500);
    assert_int_equal(plpmtud_ptb(&p, 1400, 0, &heeded), PLPMTUD_SAME);
    assert_true(heeded);
    assert_int_equal(p.high, 1400);
    assert_true(plpmtud_check(&p));
}

/* ---- the largest size changes --------------------------------------------------------------- */

static void limits(void **state)
{
    struct plpmtud p = begin(true, 1500, 1500);
    assert_int_equal(plpmtud_limit(&p, 1500, 0), PLPMTUD_SAME);
    assert_int_equal(plpmtud_limit(&p, 1400, 0), PLPMTUD_FELL);
    assert_int_equal(p.mtu, 1400);
    assert_int_equal(plpmtud_limit(&p, 9000, 7), PLPMTUD_SAME);
    assert_in_range(plpmtud_probe_size(&p, 7), 1401, 9000); /* at once */
    plpmtud_probe_sent(&p, 4352);
    assert_int_equal(plpmtud_limit(&p, 4000, 8), PLPMTUD_SAME); /* the probe is void */
    assert_true(plpmtud_check(&p));
    assert_int_equal(plpmtud_probe_acked(&p, 8), PLPMTUD_SAME);
    p = begin(false, 1280, 1280);
    assert_int_equal(plpmtud_limit(&p, 1500, 7), PLPMTUD_SAME);
    assert_in_range(plpmtud_probe_size(&p, 7), 1281, 1500);
    assert_true(plpmtud_check(&p));
}

/* ---- whole paths ---------------------------------------------------------------------------- */

struct path {
    struct plpmtud p;
    uint64_t now, seed;
    uint32_t mtu;
    uint32_t loss_percent;
    bool icmp;
    unsigned probes;
};

static bool arrives(struct path *w, uint32_t size)
{
    bool heeded;
    if (size > w->mtu) {
        if (w->icmp) {
            plpmtud_ptb(&w->p, w->mtu, w->now, &heeded);
        }
        return false;
    }
    return random_below(&w->seed, 100) >= w->loss_percent;
}

/* A full segment, sent until it arrives; small ones are on their way as well. */
static void full_segment(struct path *w)
{
    for (uint32_t times = 1; times < 40; times++) {
        uint32_t size = w->p.mtu;
        w->now += 100 * MS;
        if (arrives(w, size)) {
            plpmtud_delivered(&w->p, size, w->now);
            return;
        }
        if (random_below(&w->seed, 2)) {
            plpmtud_delivered(&w->p, 300, w->now);
            plpmtud_lost(&w->p, size, times, w->now);
        } else {
            plpmtud_timeout(&w->p, size, times, w->now);
        }
        assert_true(plpmtud_check(&w->p));
    }
    fail_msg("nothing arrives");
}

static void maybe_probe(struct path *w)
{
    uint32_t size = plpmtud_probe_size(&w->p, w->now);
    if (size == 0) {
        return;
    }
    assert_in_range(size, w->p.mtu + 1u, w->p.max);
    plpmtud_probe_sent(&w->p, size);
    w->probes++;
    if (arrives(w, size)) {
        plpmtud_probe_acked(&w->p, w->now);
        return;
    }
    bool others = random_below(&w->seed, 100) < 5 * w->loss_percent;
    plpmtud_probe_lost(&w->p, others ? PLPMTUD_WITH_OTHERS : PLPMTUD_ALONE, SECOND, w->now);
}

static void run(struct path *w, unsigned segments)
{
    for (unsigned i = 0; i < segments; i++) {
        full_segment(w);
        maybe_probe(w);
        assert_true(plpmtud_check(&w->p));
    }
}

/* What is found is what the path takes, less than three steps of the search would still gain. */
static void assert_found(const struct path *w)
{
    assert_true(w->p.mtu <= w->mtu);
    uint32_t most = w->mtu < w->p.max ? w->mtu : w->p.max;
    uint32_t floor = w->p.v4 ? 1200 : 1280;
    if (most > floor) {
        uint32_t near = most > 1500 && most < 4352 ? most / 2 : most - most / 10;
        near = most > 4352 ? most / 3 : near;
        if (w->p.mtu < near) {
            fail_msg("path %u: found %u", most, w->p.mtu);
        }
    }
}

static void any_path(bool icmp)
{
    for (unsigned v4 = 0; v4 <= 1; v4++) {
        for (uint32_t mtu = v4 ? 560 : 1280; mtu < 9100; mtu += mtu < 1520 ? 1 : 37) {
            struct path w = {.mtu = mtu, .icmp = icmp, .seed = mtu};
            plpmtud_init(&w.p, v4 != 0, 9000, 9000, 0);
            run(&w, 300);
            assert_found(&w);
            assert_true(w.p.state == PLPMTUD_COMPLETE || w.p.state == PLPMTUD_DISABLED);
            assert_true(w.probes <= 12);
        }
    }
}

static void any_path_without_icmp(void **state)
{
    any_path(false);
}

static void any_path_with_icmp(void **state)
{
    any_path(true);
}

/* With ICMP from where the path is narrow one message is enough. */
static void icmp_is_exact(void **state)
{
    for (uint32_t mtu = 1280; mtu < 1500; mtu++) {
        struct path w = {.mtu = mtu, .icmp = true, .seed = 1};
        plpmtud_init(&w.p, true, 1500, 1500, 0);
        run(&w, 3);
        assert_int_equal(w.p.mtu, mtu);
        assert_int_equal(w.probes, 0);
    }
}

/* An outage is not told from a black hole; afterwards the full size is back in four probes. */
static void outage(void **state)
{
    struct path w = {.mtu = 1500, .seed = 1};
    plpmtud_init(&w.p, true, 1500, 1500, 0);
    run(&w, 5);
    for (uint32_t times = 1; times < 10; times++) {
        plpmtud_timeout(&w.p, w.p.mtu, times, w.now);
    }
    assert_int_equal(w.p.state, PLPMTUD_ERROR);
    run(&w, 10);
    assert_int_equal(w.p.mtu, 1500);
    assert_true(w.probes <= 5);
}

/* Losses of other causes: black holes seen where there are none are rare and heal; the MTU is
 * never larger than the path's for long. */
static void paths_that_change_and_lose(void **state)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct path w = {.seed = seed, .loss_percent = (uint32_t)(seed % 6), .icmp = seed % 7 == 0};
        w.mtu = 1500;
        plpmtud_init(&w.p, seed % 2 != 0, 1500, 1500, 0);
        for (unsigned change = 0; change < 20; change++) {
            w.mtu = 1290 + random_below(&w.seed, 211);
            w.now += PLPMTUD_RAISE_NS;
            run(&w, 30);
            assert_true(w.p.mtu <= w.mtu);
            w.now += PLPMTUD_RAISE_NS;
            run(&w, 300);
            assert_true(w.p.mtu <= w.mtu);
            if (w.loss_percent == 0) {
                assert_found(&w);
            }
        }
    }
}

/* Any calls in any order. */
static void random_calls(void **state)
{
    uint64_t seed = 9;
    bool heeded;
    for (unsigned round = 0; round < 300; round++) {
        struct plpmtud p;
        uint64_t now = 0;
        plpmtud_init(&p, random_below(&seed, 2), random_below(&seed, 70000),
                     random_below(&seed, 70000), 0);
        for (unsigned i = 0; i < 1000; i++) {
            uint32_t size = random_below(&seed, 4) ? p.mtu : random_below(&seed, 70000);
            uint32_t probe = plpmtud_probe_size(&p, now);
            now += random_below(&seed, 100) ? random_below(&seed, 1000000000) : PLPMTUD_RAISE_NS;
            switch (random_below(&seed, 10)) {
            case 0:
                plpmtud_timeout(&p, size, random_below(&seed, 300), now);
                break;
            case 1:
                plpmtud_lost(&p, size, random_below(&seed, 300), now);
                break;
            case 2:
                plpmtud_ptb(&p, random_below(&seed, 2) ? size : p.mtu - 1u, now, &heeded);
                break;
            case 3:
                plpmtud_limit(&p, random_below(&seed, 70000), now);
                break;
            case 4:
                plpmtud_probe_acked(&p, now);
                break;
            case 5:
                plpmtud_probe_lost(&p, (enum plpmtud_loss)random_below(&seed, 3), random_u64(&seed),
                                   now);
                break;
            case 6:
                plpmtud_probe_void(&p);
                break;
            case 7:
                plpmtud_delivered(&p, size, now);
                break;
            default:
                if (probe && plpmtud_probe_size(&p, now)) {
                    plpmtud_probe_sent(&p, plpmtud_probe_size(&p, now));
                }
            }
            assert_true(plpmtud_check(&p));
            assert_true(p.mtu <= p.max);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(initial_values),
        cmocka_unit_test(raise_timer),
        cmocka_unit_test(full_stop),
        cmocka_unit_test(small_segments),
        cmocka_unit_test(losses_in_a_row),
        cmocka_unit_test(delivery_takes_it_back),
        cmocka_unit_test(implicit_probes),
        cmocka_unit_test(error_state),
        cmocka_unit_test(raised_on_trial),
        cmocka_unit_test(confirmation),
        cmocka_unit_test(choices),
        cmocka_unit_test(probe_lost_alone),
        cmocka_unit_test(probe_lost_with_others),
        cmocka_unit_test(huge_headway),
        cmocka_unit_test(no_probe_under_way),
        cmocka_unit_test(ptb),
        cmocka_unit_test(ptb_below_base),
        cmocka_unit_test(ptb_for_the_probe),
        cmocka_unit_test(limits),
        cmocka_unit_test(any_path_without_icmp),
        cmocka_unit_test(any_path_with_icmp),
        cmocka_unit_test(icmp_is_exact),
        cmocka_unit_test(outage),
        cmocka_unit_test(paths_that_change_and_lose),
        cmocka_unit_test(random_calls),
    };
    return cmocka_run_group_tests_name("core/tcp/plpmtud", tests, NULL, NULL);
}
