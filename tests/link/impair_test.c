/* Impairment: repeatable by seed, rates of loss and the like, order under jitter, pacing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <lastack/link.h>

#include "support/fake_stack.h"
#include "support/packets.h"

#define PACKETS 4000
#define MS      UINT64_C(1000000)

/* What came out of the far end. */
struct seen {
    uint32_t seq;
    uint64_t at_ns;
    bool good;
};

static struct seen seen[3 * PACKETS];
static size_t seen_count;

struct rig {
    struct la_stack stack;
    struct la_link *link; /* the impaired end */
    struct la_link *far;
};

static void rig_make(struct rig *rig, const struct la_impair *out, const struct la_impair *in,
                     uint64_t seed)
{
    struct la_link *ends[2];
    *rig = (struct rig){0};
    seen_count = 0;
    assert_int_equal(la_link_memory_pair(LA_LINK_IP, 1500, PACKETS, ends), 0);
    assert_int_equal(la_link_impair(ends[0], out, in, seed, &rig->link), 0);
    rig->far = ends[1];
}

static void rig_close(struct rig *rig)
{
    la_link_close(rig->link);
    la_link_close(rig->far);
    assert_int_equal(rig->stack.bufs, 0);
}

static void put(struct la_link *link, uint32_t seq, size_t payload, uint64_t now_ns)
{
    static uint8_t bytes[70000];
    struct la_frame frame;
    size_t len = packet_tcp(bytes, false, seq, LA_TH_ACK, payload, payload > 1448);
    packet_frame(&frame, bytes, len, 52);
    if (payload > 1448)
        packet_gso(&frame, false, 0, 1448);
    assert_int_equal(link->ops->send(link, &frame, 1, now_ns), 1);
}

static void look(struct rig *rig, struct la_link *at, uint64_t now_ns)
{
    struct la_frame frames[16];
    int n;
    while ((n = at->ops->recv(at, &rig->stack, frames, 16, now_ns)) > 0) {
        for (int i = 0; i < n; i++) {
            const uint8_t *ip = frames[i].frag[0].data;
            seen[seen_count++] = (struct seen){
                .seq = load_be32(ip + 24), .at_ns = now_ns, .good = packet_good(ip, frames[i].len)};
        }
        fake_release(&rig->stack, frames, n);
    }
    assert_int_equal(n, 0);
}

/* Follows the deadlines of the link until nothing is under way. */
static void run_out(struct rig *rig, struct la_link *at)
{
    uint64_t now_ns;
    while ((now_ns = rig->link->ops->next_deadline(rig->link)) != UINT64_MAX) {
        rig->link->ops->run(rig->link, now_ns);
        look(rig, at, now_ns);
    }
}

/* PACKETS packets, one every 10 us, outwards. */
static void send_all(struct rig *rig)
{
    for (uint32_t i = 0; i < PACKETS; i++) {
        uint64_t now_ns = i * UINT64_C(10000);
        rig->link->ops->run(rig->link, now_ns);
        put(rig->link, i, 100, now_ns);
        look(rig, rig->far, now_ns);
    }
    run_out(rig, rig->far);
}

static void test_nothing_asked_nothing_done(void **state)
{
    struct rig rig;
    rig_make(&rig, NULL, NULL, 1);
    send_all(&rig);
    assert_int_equal(seen_count, PACKETS);
    for (size_t i = 0; i < seen_count; i++) {
        assert_int_equal(seen[i].seq, i);
        assert_int_equal(seen[i].at_ns, i * 10000);
        assert_true(seen[i].good);
    }
    rig_close(&rig);
}

static void test_same_seed_same_fate(void **state)
{
    static struct seen first[3 * PACKETS];
    const struct la_impair bad = {.loss_ppm = 50000,
                                  .duplicate_ppm = 30000,
                                  .corrupt_ppm = 30000,
                                  .reorder_ppm = 30000,
                                  .delay_ns = 5 * MS,
                                  .jitter_ns = 2 * MS,
                                  .rate_bps = 500000000};
    struct rig rig;
    rig_make(&rig, &bad, NULL, 42);
    send_all(&rig);
    size_t first_count = seen_count;
    memcpy(first, seen, sizeof(seen));
    rig_close(&rig);

    rig_make(&rig, &bad, NULL, 42);
    send_all(&rig);
    assert_int_equal(seen_count, first_count);
    assert_memory_equal(seen, first, first_count * sizeof(first[0]));
    rig_close(&rig);

    rig_make(&rig, &bad, NULL, 43);
    send_all(&rig);
    assert_true(seen_count != first_count || memcmp(seen, first, sizeof(seen)) != 0);
    rig_close(&rig);
}

static void test_rates_of_loss_doubles_and_damage(void **state)
{
    struct rig rig;
    const struct la_impair loss = {.loss_ppm = 100000};
    rig_make(&rig, &loss, NULL, 7);
    send_all(&rig);
    assert_in_range(seen_count, PACKETS * 88 / 100, PACKETS * 92 / 100);
    assert_int_equal(rig.link->dropped, PACKETS - seen_count);
    rig_close(&rig);

    const struct la_impair doubles = {.duplicate_ppm = 100000};
    rig_make(&rig, &doubles, NULL, 7);
    send_all(&rig);
    assert_in_range(seen_count, PACKETS * 108 / 100, PACKETS * 112 / 100);
    rig_close(&rig);

    const struct la_impair damage = {.corrupt_ppm = 100000};
    size_t bad = 0;
    rig_make(&rig, &damage, NULL, 7);
    send_all(&rig);
    assert_int_equal(seen_count, PACKETS);
    for (size_t i = 0; i < seen_count; i++)
        bad += !seen[i].good;
    assert_in_range(bad, PACKETS * 8 / 100, PACKETS * 12 / 100);
    rig_close(&rig);
}

static void test_jitter_keeps_the_order(void **state)
{
    const struct la_impair how = {.delay_ns = 10 * MS, .jitter_ns = 5 * MS};
    struct rig rig;
    rig_make(&rig, &how, NULL, 3);
    send_all(&rig);
    assert_int_equal(seen_count, PACKETS);
    for (size_t i = 0; i < seen_count; i++) {
        assert_int_equal(seen[i].seq, i);
        assert_in_range(seen[i].at_ns - i * 10000, 10 * MS, 15 * MS);
    }
    rig_close(&rig);
}

static void test_reordered_packets_are_late(void **state)
{
    const struct la_impair how = {.delay_ns = MS, .reorder_ppm = 50000, .reorder_ns = 3 * MS};
    size_t late = 0;
    struct rig rig;
    rig_make(&rig, &how, NULL, 3);
    send_all(&rig);
    assert_int_equal(seen_count, PACKETS);
    for (size_t i = 0; i < seen_count; i++) {
        uint64_t took_ns = seen[i].at_ns - seen[i].seq * UINT64_C(10000);
        assert_true(took_ns == MS || took_ns == 4 * MS);
        late += took_ns == 4 * MS;
    }
    assert_in_range(late, PACKETS * 4 / 100, PACKETS * 6 / 100);
    rig_close(&rig);
}

/* 10 Mbit/s and 125 bytes: one packet every 100 us, however fast they are handed in. */
static void test_rate_paces_and_its_queue_is_bounded(void **state)
{
    const struct la_impair how = {.rate_bps = 10000000, .queue_frames = 50};
    struct rig rig;
    rig_make(&rig, &how, NULL, 3);
    for (uint32_t i = 0; i < 80; i++)
        put(rig.link, i, 125 - 52, 0);
    run_out(&rig, rig.far);
    assert_int_equal(seen_count, 50);
    assert_int_equal(rig.link->dropped, 30);
    for (size_t i = 0; i < seen_count; i++) {
        assert_int_equal(seen[i].seq, i);
        assert_int_equal(seen[i].at_ns, (i + 1) * 100000);
    }
    rig_close(&rig);
}

static void test_super_segments_are_cut(void **state)
{
    const struct la_impair how = {.delay_ns = MS};
    struct rig rig;
    rig_make(&rig, &how, NULL, 3);
    assert_int_equal(rig.link->info.gso_max, 65535);
    assert_true(rig.link->info.offloads & LA_OFFLOAD_TSO4);
    put(rig.link, 1000, 40 * 1448 + 1, 0);
    run_out(&rig, rig.far);
    assert_int_equal(seen_count, 41);
    for (size_t i = 0; i < seen_count; i++) {
        assert_true(seen[i].good);
        assert_int_equal(seen[i].seq, 1000 + i * 1448);
    }
    rig_close(&rig);
}

static void test_the_way_in(void **state)
{
    const struct la_impair how = {.delay_ns = MS, .loss_ppm = 100000};
    struct rig rig;
    rig_make(&rig, NULL, &how, 3);
    for (uint32_t i = 0; i < 1000; i++)
        put(rig.far, i, 100, 0);
    look(&rig, rig.link, 0);
    assert_int_equal(seen_count, 0);
    for (int i = 0; i < 200; i++) /* recv() takes what fits into its frames */
        look(&rig, rig.link, 0);
    run_out(&rig, rig.link);
    assert_in_range(seen_count, 870, 930);
    for (size_t i = 0; i < seen_count; i++)
        assert_int_equal(seen[i].at_ns, MS);
    rig_close(&rig);
}

/* A link below that is full: nothing is lost, and the deadline does not stand in the past. */
static void test_back_pressure_below(void **state)
{
    struct la_link *ends[2];
    struct rig rig = {0};
    seen_count = 0;
    assert_int_equal(la_link_memory_pair(LA_LINK_IP, 1500, 2, ends), 0);
    assert_int_equal(la_link_impair(ends[0], NULL, NULL, 1, &rig.link), 0);
    rig.far = ends[1];
    for (uint32_t i = 0; i < 10; i++)
        put(rig.link, i, 100, 5);
    assert_true(rig.link->ops->next_deadline(rig.link) > 5);
    run_out(&rig, rig.far);
    look(&rig, rig.far, UINT64_MAX);
    assert_int_equal(seen_count, 10);
    rig_close(&rig);
}

/* A segment that is too big for the way out is answered on the way in. */
static void test_an_icmp_error_comes_back(void **state)
{
    const struct la_impair how = {.mtu_icmp = 1400};
    struct rig rig;
    static uint8_t bytes[1500];
    struct la_frame frame;
    rig_make(&rig, &how, NULL, 3);
    packet_frame(&frame, bytes, packet_tcp(bytes, true, 1, LA_TH_ACK, 1428, false), 72);
    assert_int_equal(rig.link->ops->send(rig.link, &frame, 1, 5), 1);
    assert_int_equal(rig.link->dropped, 1);
    assert_int_equal(rig.link->ops->next_deadline(rig.link), 5);
    assert_int_equal(rig.link->ops->recv(rig.link, &rig.stack, &frame, 1, 5), 1);
    assert_int_equal(frame.len, 1280);
    assert_int_equal(frame.frag[0].data[40], 2);
    assert_true(packet_good(frame.frag[0].data, frame.len));
    fake_release(&rig.stack, &frame, 1);
    look(&rig, rig.far, 5);
    assert_int_equal(seen_count, 0);
    rig_close(&rig);
}

static void test_parse_of_the_other_words(void **state)
{
    struct la_impair how;
    struct la_message why;
    assert_int_equal(
        la_impair_parse("burst=0.1%,burst-end=20%,burst-loss=90%,mask=0x15,mask-data=18446744073709"
                        "551615,scatter=3ms,late-up-to=4us,rate=1gbit,rtt=66ms,queue=1.5bdp,mtu="
                        "1400,mtu-icmp=1300,down-at=1s,down-for=2s,down-every=3s,mark=1ms",
                        &how, &why),
        0);
    assert_int_equal(how.burst_ppm, 1000);
    assert_int_equal(how.burst_end_ppm, 200000);
    assert_int_equal(how.burst_loss_ppm, 900000);
    assert_int_equal(how.loss_mask, 0x15);
    assert_true(how.loss_mask_data == UINT64_MAX);
    assert_int_equal(how.scatter_ns, 3 * MS);
    assert_int_equal(how.reorder_up_to_ns, 4000);
    assert_int_equal(how.rtt_ns, 66 * MS);
    assert_int_equal(how.queue_bdp_ppm, 1500000);
    assert_int_equal(how.mtu, 1400);
    assert_int_equal(how.mtu_icmp, 1300);
    assert_int_equal(how.down_at_ns, 1000 * MS);
    assert_int_equal(how.down_for_ns, 2000 * MS);
    assert_int_equal(how.down_every_ns, 3000 * MS);
    assert_int_equal(how.mark_sojourn_ns, MS);
    /* a value in another unit takes the place of the one before, other words stay */
    assert_int_equal(la_impair_add("queue=64kb,mark=20", &how, &why), 0);
    assert_int_equal(how.queue_bdp_ppm, 0);
    assert_int_equal(how.queue_bytes, 64000);
    assert_int_equal(how.mark_sojourn_ns, 0);
    assert_int_equal(how.mark_frames, 20);
    assert_int_equal(la_impair_add("mark=30kb,queue=7", &how, &why), 0);
    assert_int_equal(how.queue_bytes, 0);
    assert_int_equal(how.queue_frames, 7);
    assert_int_equal(how.mark_bytes, 30000);
    assert_int_equal(how.burst_ppm, 1000);

    const char *bad[][2] = {
        {"queue=1bdp", "needs rate="},
        {"queue=1bdp,rate=1mbit", "needs rate="},
        {"down-every=1s", "needs down-for="},
        {"mask=0xfffffffffffffffff", "mask=0x15"},
        {"mask=-1", "mask=0x15"},
        {"mtu=65536", "mtu=1400"},
        {"queue=1ms", "queue=100"},
        {"rain=1%", "mtu-icmp, down-at, down-for or"},
        {"mask=1%", "mask=0x15"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(la_impair_parse(bad[i][0], &how, &why), LA_EINVAL);
        assert_non_null(strstr(why.text, bad[i][1]));
    }
}

static void test_parse(void **state)
{
    struct la_impair how;
    struct la_message why;
    assert_int_equal(la_impair_parse("loss=1%,delay=10ms,jitter=2ms,reorder=0.1%,dup=0.2%,"
                                     "corrupt=0.01%,rate=10mbit,queue=100,late=1.5ms",
                                     &how, &why),
                     0);
    assert_int_equal(how.loss_ppm, 10000);
    assert_int_equal(how.delay_ns, 10 * MS);
    assert_int_equal(how.jitter_ns, 2 * MS);
    assert_int_equal(how.reorder_ppm, 1000);
    assert_int_equal(how.duplicate_ppm, 2000);
    assert_int_equal(how.corrupt_ppm, 100);
    assert_int_equal(how.rate_bps, 10000000);
    assert_int_equal(how.queue_frames, 100);
    assert_int_equal(how.reorder_ns, 1500000);

    const char *bad[][2] = {
        {"lost=1%", "\"lost\""},        {"loss=1", "loss=1"},   {"loss=101%", "loss=101%"},
        {"delay=-1ms", "delay=-1ms"},   {"rate=10", "rate=10"}, {"delay", "delay=10ms"},
        {"loss=1%,,delay=1ms", "\"\""}, {"", "\"\""},           {"queue=1.5x", "queue=100"},
        {"delay=infs", "delay=infs"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(la_impair_parse(bad[i][0], &how, &why), LA_EINVAL);
        assert_non_null(strstr(why.text, bad[i][1]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_asked_nothing_done),
        cmocka_unit_test(test_same_seed_same_fate),
        cmocka_unit_test(test_rates_of_loss_doubles_and_damage),
        cmocka_unit_test(test_jitter_keeps_the_order),
        cmocka_unit_test(test_reordered_packets_are_late),
        cmocka_unit_test(test_rate_paces_and_its_queue_is_bounded),
        cmocka_unit_test(test_super_segments_are_cut),
        cmocka_unit_test(test_the_way_in),
        cmocka_unit_test(test_back_pressure_below),
        cmocka_unit_test(test_an_icmp_error_comes_back),
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_parse_of_the_other_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
