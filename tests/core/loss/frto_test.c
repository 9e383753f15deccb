/* F-RTO (RFC 5682): the courses that sections 2, 3 and 6 describe, and every combination of inputs
 * against the text, near the wrap of sequence numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "loss/undo.h"
#include "support/core_memory.h"

#include <cmocka.h> /* last: it makes `fail` a macro */

static const uint32_t firsts[] = {0, 1000, 0x7ffffc00, 0xfffffc00, 0xffffffff};
#define FIRSTS (sizeof(firsts) / sizeof(firsts[0]))

/* Ten segments of 100 bytes from `first` are out and the first of them timed out. */
struct course {
    struct frto frto;
    uint32_t first;
    bool sack;
};

static struct course timed_out(unsigned n, bool sack)
{
    struct course c = {.first = firsts[n % FIRSTS], .sack = sack};
    frto_begin(&c.frto, seq_of(c.first + 1000), true);
    return c;
}

/* An ACK that acknowledges `segs` of them (more than 10: new ones too), with data to send. */
static struct frto_ack acks(const struct course *c, unsigned segs, bool advanced)
{
    seq32 una = seq_of(c->first + 100 * segs);
    return (struct frto_ack){.snd_una = una,
                             .sack_high = una,
                             .advanced = advanced,
                             .duplicate = !advanced,
                             .acked_original = advanced && segs > 1,
                             .new_data_left = true,
                             .sack = c->sack};
}

/* A delay: the originals' ACKs come one by one. */
static void spurious(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 2 * FIRSTS; n++) {
        struct course c = timed_out(n, n % 2 != 0);
        assert_true(frto_waiting(&c.frto));
        struct frto_ack in = acks(&c, 1, true);
        assert_int_equal(frto_acked(&c.frto, &in), FRTO_SEND_NEW);
        assert_false(frto_waiting(&c.frto));
        in = acks(&c, 2, true);
        assert_int_equal(frto_acked(&c.frto, &in), FRTO_SPURIOUS);
        in = acks(&c, 3, true);
        assert_int_equal(frto_acked(&c.frto, &in), FRTO_NOTHING); /* over */
    }
}

/* The whole flight was lost: the retransmission is acknowledged, then the new segments come out of
 * order. */
static void genuine(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 2 * FIRSTS; n++) {
        struct course c = timed_out(n, n % 2 != 0);
        struct frto_ack in = acks(&c, 1, true);
        assert_int_equal(frto_acked(&c.frto, &in), FRTO_SEND_NEW);
        in = acks(&c, 1, false);
        in.sack_high = seq_of(c.first + 1100); /* the first new one (3.1, 3a) */
        in.acked_original = n % 4 < 2;         /* with something of before or without */
        assert_int_equal(frto_acked(&c.frto, &in), FRTO_GENUINE);
        assert_int_equal(c.frto.step, 0);
    }
}

/* 2.2: a fast retransmission was lost, the rest arrived long ago: all is acknowledged at once. */
static void covers_all(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 2 * FIRSTS; n++) {
        struct course c = timed_out(n, n % 2 != 0);
        struct frto_ack in = acks(&c, 10, true);
        assert_int_equal(frto_acked(&c.frto, &in), FRTO_GENUINE);
        c = timed_out(n, n % 2 != 0);
        in = acks(&c, 9, true);
        assert_int_equal(frto_acked(&c.frto, &in), FRTO_SEND_NEW);
    }
}

/* 2.2 and 6: a peer that acknowledges a part of the segment misleads nobody. */
static void part_of_the_segment(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 2 * FIRSTS; n++) {
        struct course c = timed_out(n, n % 2 != 0);
        struct frto_ack in = acks(&c, 0, true);
        in.snd_una = in.sack_high = seq_of(c.first + 50);
        in.rtx_left = true;
        assert_int_equal(frto_acked(&c.frto, &in), FRTO_GENUINE);
    }
}

/* Step 2b: nothing to send, or no room: nothing can be learnt. */
static void nothing_to_send(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 2; n++) {
        struct course c = timed_out(n, n % 2 != 0);
        struct frto_ack in = acks(&c, 1, true);
        in.new_data_left = false;
        assert_int_equal(frto_acked(&c.frto, &in), FRTO_GENUINE);
    }
}

/* Reordering at the wrong moment: the basic variant gives up (2.2), the other waits (3). */
static void duplicate_first(void **state)
{
    (void)state;
    struct course c = timed_out(3, false);
    struct frto_ack in = acks(&c, 0, false);
    assert_int_equal(frto_acked(&c.frto, &in), FRTO_GENUINE);
    c = timed_out(3, true);
    in = acks(&c, 0, false);
    in.sack_high = seq_of(c.first + 300);
    in.acked_original = true;
    for (unsigned n = 0; n < 5; n++) {
        assert_int_equal(frto_acked(&c.frto, &in), FRTO_NOTHING);
        assert_true(frto_waiting(&c.frto));
    }
    in = acks(&c, 3, true);
    assert_int_equal(frto_acked(&c.frto, &in), FRTO_SEND_NEW);
    in = acks(&c, 3, false); /* a hole, and behind it another of before the timeout */
    in.sack_high = seq_of(c.first + 600);
    in.acked_original = true;
    assert_int_equal(frto_acked(&c.frto, &in), FRTO_SPURIOUS);
}

/* 2.1: what neither acknowledges nor is a duplicate is ignored. */
static void other_acks(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 2; n++) {
        struct course c = timed_out(n, n % 2 != 0);
        struct frto_ack in = acks(&c, 0, false);
        in.duplicate = false;
        assert_int_equal(frto_acked(&c.frto, &in), FRTO_NOTHING);
        assert_true(frto_waiting(&c.frto));
        in = acks(&c, 1, true);
        assert_int_equal(frto_acked(&c.frto, &in), FRTO_SEND_NEW);
        in.advanced = in.duplicate = false;
        assert_int_equal(frto_acked(&c.frto, &in), FRTO_NOTHING);
        assert_int_equal(c.frto.step, 3);
    }
}

/* Step 1: the timer runs out again. */
static void again(void **state)
{
    (void)state;
    struct course c = timed_out(1, true);
    assert_true(frto_waiting(&c.frto)); /* no ACK came: F-RTO begins anew */
    frto_begin(&c.frto, seq_of(c.first + 1000), frto_waiting(&c.frto));
    struct frto_ack in = acks(&c, 1, true);
    assert_int_equal(frto_acked(&c.frto, &in), FRTO_SEND_NEW);
    /* Now one came: the recovery is under way, the next timeout begins none. */
    frto_begin(&c.frto, seq_of(c.first + 1200), frto_waiting(&c.frto));
    assert_int_equal(c.frto.step, 0);
    assert_int_equal(c.frto.recover.v, c.first + 1200);
    in = acks(&c, 2, true);
    assert_int_equal(frto_acked(&c.frto, &in), FRTO_NOTHING);
    frto_begin(&c.frto, seq_of(c.first + 1200), frto_waiting(&c.frto));
    assert_int_equal(c.frto.step, 0);
}

/* ---- everything ------------------------------------------------------------------------------ */

/* 2.1, the words of the RFC in their order. `una`: against recover. */
static enum frto_verdict basic(uint8_t *step, const struct frto_ack *in, int una)
{
    if (*step == 0) {
        return FRTO_NOTHING;
    }
    if (*step == 2) {
        bool duplicate = in->duplicate && !in->advanced;
        if (duplicate || (in->advanced && (una >= 0 || in->rtx_left))) {
            *step = 0;
            return FRTO_GENUINE; /* a */
        }
        if (in->advanced) {
            *step = in->new_data_left ? 3 : 0;
            return in->new_data_left ? FRTO_SEND_NEW : FRTO_GENUINE; /* b */
        }
        return FRTO_NOTHING;
    }
    if (in->advanced) {
        *step = 0;
        return FRTO_SPURIOUS; /* 3b */
    }
    if (in->duplicate) {
        *step = 0;
        return FRTO_GENUINE; /* 3a */
    }
    return FRTO_NOTHING;
}

/* 3.1. */
static enum frto_verdict sack(uint8_t *step, const struct frto_ack *in, int una, int high)
{
    if (*step == 0) {
        return FRTO_NOTHING;
    }
    if (*step == 2) {
        if (!in->advanced) {
            return FRTO_NOTHING; /* stay and wait */
        }
        *step = 0;
        if (una >= 0 || in->rtx_left || !in->new_data_left) {
            return FRTO_GENUINE;
        }
        *step = 3;
        return FRTO_SEND_NEW;
    }
    if (!in->advanced && !in->duplicate) {
        return FRTO_NOTHING;
    }
    *step = 0;
    if (una > 0 || high > 0) {
        return FRTO_GENUINE; /* 3a, first sentence */
    }
    if (!in->advanced && !in->acked_original) {
        return FRTO_GENUINE; /* 3a, second */
    }
    return in->acked_original ? FRTO_SPURIOUS : FRTO_GENUINE; /* 3b */
}

static void all_inputs(void **state)
{
    (void)state;
    for (unsigned n = 0; n < FIRSTS * 3 * 9 * 64; n++) {
        uint32_t recover = firsts[n % FIRSTS];
        int una = (int)(n / FIRSTS % 3) - 1, high = (int)(n / FIRSTS / 3 % 3) - 1;
        unsigned bits = n / FIRSTS / 27 % 64;
        uint8_t step = (uint8_t[]){0, 2, 3}[n / FIRSTS / 9 % 3];
        struct frto f = {.recover = seq_of(recover), .step = step};
        struct frto_ack in = {.snd_una = seq_of(recover + (uint32_t)una),
                              .sack_high = seq_of(recover + (uint32_t)high),
                              .advanced = (bits & 1) != 0,
                              .duplicate = (bits & 2) != 0,
                              .rtx_left = (bits & 4) != 0,
                              .acked_original = (bits & 8) != 0,
                              .new_data_left = (bits & 16) != 0,
                              .sack = (bits & 32) != 0};
        enum frto_verdict want = in.sack ? sack(&step, &in, una, high) : basic(&step, &in, una);
        assert_int_equal(frto_acked(&f, &in), want);
        assert_int_equal(f.step, step);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spurious),        cmocka_unit_test(genuine),
        cmocka_unit_test(covers_all),      cmocka_unit_test(part_of_the_segment),
        cmocka_unit_test(nothing_to_send), cmocka_unit_test(duplicate_first),
        cmocka_unit_test(other_acks),      cmocka_unit_test(again),
        cmocka_unit_test(all_inputs),
    };
    return cmocka_run_group_tests_name("core/loss/frto", tests, NULL, NULL);
}
