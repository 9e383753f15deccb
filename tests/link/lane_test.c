/* A lane by itself: each impairment alone, exactly where it is exact and by its rate where chance
 * decides; then all together on random bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "link/lane.h"
#include "support/packets.h"

#define US   UINT64_C(1000)
#define MS   UINT64_C(1000000)
#define S    UINT64_C(1000000000)
#define MANY 100000

static struct lane lane, other;

/* What arrived, by the number that each packet carries in its metadata. */
static uint64_t at_ns[MANY];
static uint8_t times[MANY];
static uint32_t order[2 * MANY];
static size_t arrived;

static void begin_as(const struct la_impair *how, enum la_link_type type, uint64_t seed)
{
    lane_init(&lane, how, type, seed, 0);
    memset(at_ns, 0, sizeof(at_ns));
    memset(times, 0, sizeof(times));
    arrived = 0;
}

static void begin(const struct la_impair *how)
{
    begin_as(how, LA_LINK_IP, 1);
}

/* Takes what has come by `now_ns`; times only grow. */
static void collect(uint64_t now_ns)
{
    struct lane_packet *packet;
    uint64_t last_ns = 0;
    while ((packet = lane_due(&lane, now_ns)) != NULL) {
        assert_true(packet->at_ns >= last_ns && packet->at_ns <= now_ns);
        last_ns = packet->at_ns;
        uint32_t number = packet->meta.conn;
        at_ns[number] = packet->at_ns;
        times[number]++;
        order[arrived++] = number;
        lane_pop(&lane);
    }
}

/* Follows lane_next_at() to the end: it never says too late. */
static void run_out(void)
{
    uint64_t now_ns, last_ns = 0;
    while ((now_ns = lane_next_at(&lane)) != UINT64_MAX) {
        assert_true(now_ns >= last_ns);
        last_ns = now_ns;
        size_t before = arrived;
        collect(now_ns);
        for (size_t i = before; i < arrived; i++)
            assert_int_equal(at_ns[order[i]], now_ns);
    }
    assert_int_equal(lane.held, 0);
}

static void end(void)
{
    run_out();
    lane_free(&lane);
}

static enum lane_fate put(uint32_t number, size_t len, uint64_t now_ns)
{
    static const uint8_t bytes[65600];
    return lane_push(&lane, bytes, len, (struct lane_meta){.conn = number}, now_ns);
}

/* `n` packets of 100 bytes, one every 10 us. */
static void put_many(uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        put(i, 100, i * 10 * US);
        collect(i * 10 * US);
    }
    run_out();
}

static void test_a_good_wire(void **state)
{
    begin(NULL);
    assert_int_equal(lane_next_at(&lane), UINT64_MAX);
    for (uint32_t i = 0; i < 100; i++)
        assert_int_equal(put(i, 1 + i, i), LANE_PASSED);
    collect(99);
    assert_int_equal(arrived, 100);
    for (uint32_t i = 0; i < 100; i++) {
        assert_int_equal(order[i], i);
        assert_int_equal(at_ns[i], i);
    }
    assert_int_equal(lane.counts.fate[LANE_PASSED], 100);
    assert_int_equal(lane.counts.bytes_passed, 5050);
    assert_int_equal(put(0, 0, 100), LANE_UNREADABLE);
    assert_int_equal(put(0, 65550, 100), LANE_UNREADABLE);
    assert_int_equal(put(0, 65549, 100), LANE_PASSED);
    end();
}

static void test_every_fate_has_a_text(void **state)
{
    for (int i = 0; i < LANE_FATE_COUNT; i++)
        assert_true(strlen(lane_fate_text((enum lane_fate)i)) > 0);
    assert_string_equal(lane_fate_text(LANE_FATE_COUNT), "");
}

/* A wire that turns bad with probability p and good again with r is bad for p / (p + r) of the
 * time, 1 / r packets at a time. */
static void test_bursts(void **state)
{
    const struct la_impair how = {.burst_ppm = 10000, .burst_end_ppm = 250000};
    begin(&how);
    put_many(MANY);
    uint64_t lost = lane.counts.fate[LANE_BURST];
    assert_in_range(lost, MANY * 3600 / 100000, MANY * 4100 / 100000);
    assert_int_equal(lane.counts.fate[LANE_LOST], 0);
    size_t bursts = 0;
    for (size_t i = 1; i < MANY; i++)
        bursts += times[i] == 0 && times[i - 1] == 1;
    assert_in_range(lost * 100 / bursts, 375, 425);
    end();
}

static void test_bursts_that_lose_half_and_loss_between(void **state)
{
    const struct la_impair how = {
        .loss_ppm = 200000, .burst_ppm = 10000, .burst_end_ppm = 90000, .burst_loss_ppm = 500000};
    begin(&how);
    put_many(MANY);
    assert_in_range(lane.counts.fate[LANE_BURST], MANY * 45 / 1000, MANY * 55 / 1000);
    assert_in_range(lane.counts.fate[LANE_LOST], MANY * 175 / 1000, MANY * 185 / 1000);
    end();
}

static void test_masks(void **state)
{
    const struct la_impair how = {.loss_mask = UINT64_C(0x8000000000000015)};
    begin(&how);
    for (uint32_t i = 0; i < 200; i++)
        assert_int_equal(put(i, 100, 0) == LANE_MASKED, i == 0 || i == 2 || i == 4 || i == 63);
    lane_mask(&lane, 0x6, 0);
    for (uint32_t i = 0; i < 200; i++)
        assert_int_equal(put(i, 100, 0) == LANE_MASKED, i == 1 || i == 2);
    assert_int_equal(lane.counts.fate[LANE_MASKED], 6);
    end();
}

static enum lane_fate put_tcp(uint32_t number, bool v6, size_t payload, uint64_t now_ns)
{
    uint8_t bytes[2000];
    size_t len = packet_tcp(bytes, v6, number, LA_TH_ACK, payload, false);
    return lane_push(&lane, bytes, len, (struct lane_meta){.conn = number}, now_ns);
}

/* Pure ACKs, pings and what is no IP at all do not count for the mask of data segments. */
static void test_masks_of_data(void **state)
{
    const struct la_impair how = {.loss_mask_data = 0x5};
    uint8_t ping[200];
    for (int v6 = 0; v6 <= 1; v6++) {
        begin(&how);
        for (uint32_t i = 0; i < 40; i++) {
            assert_int_equal(put_tcp(i, v6, 0, 0), LANE_PASSED);
            assert_int_equal(put(i, 100, 0), LANE_PASSED);
            size_t len = packet_ping(ping, v6, 100);
            assert_int_equal(lane_push(&lane, ping, len, (struct lane_meta){0}, 0), LANE_PASSED);
            assert_int_equal(put_tcp(i, v6, 1, 0) == LANE_MASKED, i == 0 || i == 2);
        }
        end();
    }
}

/* The second packet is late by 5 ms, and the second segment with data. */
static void test_late_by_mask(void **state)
{
    const struct la_impair how = {.delay_ns = MS};
    begin(&how);
    lane_late(&lane, 0x2, 0x2, 5 * MS);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(put(i, 100, 0), LANE_PASSED);
    for (uint32_t i = 3; i < 6; i++)
        assert_int_equal(put_tcp(i, false, 1, 0), LANE_PASSED);
    run_out();
    for (uint32_t i = 0; i < 6; i++)
        assert_int_equal(at_ns[i], i == 1 || i == 4 ? 6 * MS : MS);
    assert_int_equal(lane.counts.late, 2);
    end();
}

/* A lost packet takes up the line like any other. */
static void test_loss_is_behind_the_line(void **state)
{
    const struct la_impair how = {.loss_mask = 1, .rate_bps = 8000000};
    begin(&how);
    put(0, 1000, 0);
    put(1, 1000, 0);
    run_out();
    assert_int_equal(at_ns[1], 2 * MS);
    end();
}

static void test_queue_in_packets_and_bytes(void **state)
{
    const struct la_impair packets = {.rate_bps = 8000000, .queue_frames = 3};
    begin(&packets);
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(put(i, 1000, 0), i < 3 ? LANE_PASSED : LANE_FULL);
    assert_int_equal(put(5, 1000, MS), LANE_PASSED); /* one has left */
    assert_int_equal(put(6, 1000, MS), LANE_FULL);
    assert_int_equal(lane.counts.queue_frames_max, 3);
    end();

    const struct la_impair bytes = {.rate_bps = 8000000, .queue_bytes = 2500};
    begin(&bytes);
    assert_int_equal(put(0, 1000, 0), LANE_PASSED);
    assert_int_equal(put(1, 1000, 0), LANE_PASSED);
    assert_int_equal(put(2, 1000, 0), LANE_FULL);
    assert_int_equal(put(3, 500, 0), LANE_PASSED);
    assert_int_equal(put(4, 1, 0), LANE_FULL);
    run_out();
    assert_int_equal(at_ns[3], 2500 * US);
    assert_int_equal(lane.counts.queue_bytes_max, 2500);
    assert_int_equal(lane.queue_bytes, 0);
    assert_int_equal(put(5, 9000, 3 * MS), LANE_PASSED); /* the line is free */
    end();

    const struct la_impair none = {.rate_bps = 8000000};
    begin(&none);
    for (uint32_t i = 0; i < 1001; i++)
        assert_int_equal(put(i, 100, 0), i < 1000 ? LANE_PASSED : LANE_FULL);
    end();
}

/* 10 Mbit/s and 66 ms hold 82,500 bytes: 55 packets of 1500. */
static void test_queue_of_one_bdp(void **state)
{
    const struct la_impair how = {
        .rate_bps = 10000000, .rtt_ns = 66 * MS, .queue_bdp_ppm = 1000000};
    assert_int_equal(la_impair_bdp_bytes(&how), 82500);
    begin(&how);
    for (uint32_t i = 0; i < 60; i++)
        assert_int_equal(put(i, 1500, 0), i < 55 ? LANE_PASSED : LANE_FULL);
    end();

    struct la_impair by_delay = {
        .rate_bps = 10000000, .delay_ns = 33 * MS, .queue_bdp_ppm = 500000};
    assert_int_equal(la_impair_bdp_bytes(&by_delay), 41250);
    by_delay.delay_ns = MS / 2;
    assert_int_equal(la_impair_bdp_bytes(&by_delay), 3000);
    by_delay.rate_bps = 0;
    assert_int_equal(la_impair_bdp_bytes(&by_delay), 0);
}

/* Puts a TCP segment with an ECN field. */
static void put_ecn(uint32_t number, bool v6, uint8_t ecn, uint64_t now_ns)
{
    uint8_t bytes[2000];
    size_t len = packet_tcp(bytes, v6, number, LA_TH_ACK, 1000 - (v6 ? 72 : 52), false);
    if (v6) {
        bytes[1] |= (uint8_t)(ecn << 4);
    } else {
        bytes[1] |= ecn;
        store_be16(bytes + 10, 0);
        store_be16(bytes + 10, (uint16_t)~packet_sum(bytes, 20, 0));
    }
    lane_push(&lane, bytes, len, (struct lane_meta){.conn = number}, now_ns);
}

/* The ECN field of the next packet, whose checksums must be right. */
static int take_ecn(void)
{
    struct lane_packet *packet = lane_due(&lane, lane_next_at(&lane));
    while (!packet) /* lane_next_at() may be early */
        packet = lane_due(&lane, lane_next_at(&lane));
    assert_true(packet_good(packet->bytes, packet->len));
    int ecn = packet->bytes[0] >> 4 == 6 ? packet->bytes[1] >> 4 & 3 : packet->bytes[1] & 3;
    lane_pop(&lane);
    return ecn;
}

static void test_marks(void **state)
{
    const struct la_impair hows[] = {
        {.rate_bps = 8000000, .queue_frames = 20, .mark_frames = 5},
        {.rate_bps = 8000000, .queue_frames = 20, .mark_bytes = 5000},
        {.rate_bps = 8000000, .queue_frames = 20, .mark_sojourn_ns = 5 * MS},
    };
    for (size_t h = 0; h < 3; h++) {
        for (int v6 = 0; v6 <= 1; v6++) {
            for (uint8_t ecn = 0; ecn <= 3; ecn++) {
                begin(&hows[h]);
                for (uint32_t i = 0; i < 25; i++)
                    put_ecn(i, v6, ecn, 0);
                for (uint32_t i = 0; i < 20; i++)
                    assert_int_equal(take_ecn(), i >= 5 && ecn > 0 ? 3 : ecn);
                assert_int_equal(lane.counts.marked, ecn > 0 ? 15 : 0);
                assert_int_equal(lane.counts.fate[LANE_FULL], 5);
                end();
            }
        }
    }
}

static void test_down_by_time_and_by_hand(void **state)
{
    const struct la_impair how = {
        .down_at_ns = 2 * MS, .down_for_ns = MS, .down_every_ns = 10 * MS, .delay_ns = 5 * MS};
    const uint64_t start_ns = 77 * S;
    begin(&how);
    for (uint32_t i = 0; i < 300; i++) {
        uint64_t since_ns = i * 100 * US;
        bool down = since_ns >= 2 * MS && (since_ns - 2 * MS) % (10 * MS) < MS;
        assert_int_equal(put(i, 100, start_ns + since_ns), down ? LANE_DOWN : LANE_PASSED);
    }
    assert_int_equal(lane.counts.fate[LANE_DOWN], 30);
    run_out();
    assert_int_equal(arrived, 270); /* what was under way arrived */
    lane_down(&lane, true);
    assert_int_equal(put(0, 100, start_ns + 5 * S), LANE_DOWN);
    lane_down(&lane, false);
    assert_int_equal(put(0, 100, start_ns + 5 * S), LANE_PASSED);
    end();

    const struct la_impair once = {.down_for_ns = MS};
    begin(&once);
    for (uint32_t i = 0; i < 100; i++)
        assert_int_equal(put(i, 100, i * 100 * US), i < 10 ? LANE_DOWN : LANE_PASSED);
    end();
}

static void test_too_big_vanishes(void **state)
{
    const struct la_impair how = {.mtu = 1400};
    begin_as(&how, LA_LINK_ETHERNET, 1);
    assert_int_equal(put(0, 1414, 0), LANE_PASSED);
    assert_int_equal(put(1, 1415, 0), LANE_TOO_BIG);
    end();
}

static void dont_fragment(uint8_t *ip)
{
    ip[6] |= 0x40;
    store_be16(ip + 10, 0);
    store_be16(ip + 10, (uint16_t)~packet_sum(ip, 20, 0));
}

/* The error is a good packet from the packet's destination to its source, names the MTU and quotes
 * the packet; it comes out of the other lane. */
static void check_told(bool v6, size_t at)
{
    const struct la_impair how = {.mtu_icmp = 1400};
    uint8_t bytes[2000] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, v6 ? 0x86 : 8, v6 ? 0xdd : 0};
    size_t len = at + packet_tcp(bytes + at, v6, 1, LA_TH_ACK, 1448, false);
    if (!v6)
        dont_fragment(bytes + at);
    begin_as(&how, at > 0 ? LA_LINK_ETHERNET : LA_LINK_IP, 1);
    lane_init(&other, NULL, at > 0 ? LA_LINK_ETHERNET : LA_LINK_IP, 1, 1);
    lane_join(&lane, &other);
    assert_int_equal(lane_push(&lane, bytes, len, (struct lane_meta){0}, 9), LANE_TOLD);
    assert_int_equal(lane.counts.errors, 1);

    struct lane_packet *error = lane_due(&other, 9);
    assert_non_null(error);
    if (at > 0) {
        assert_memory_equal(error->bytes, bytes + 6, 6);
        assert_memory_equal(error->bytes + 6, bytes, 6);
        assert_memory_equal(error->bytes + 12, bytes + 12, 2);
    }
    const uint8_t *ip = error->bytes + at, *sent = bytes + at;
    size_t addr_at = v6 ? 8 : 12, addr = v6 ? 16 : 4, head = v6 ? 40 : 20;
    assert_true(packet_good(ip, error->len - at));
    assert_int_equal(error->len - at, v6 ? 1280 : 576);
    assert_memory_equal(ip + addr_at, sent + addr_at + addr, addr);
    assert_memory_equal(ip + addr_at + addr, sent + addr_at, addr);
    assert_int_equal(ip[head], v6 ? 2 : 3);
    assert_int_equal(ip[head + 1], v6 ? 0 : 4);
    assert_int_equal(load_be32(ip + head + 4), 1400);
    assert_memory_equal(ip + head + 8, sent, error->len - at - head - 8);
    lane_pop(&other);
    lane_free(&other);
    end();
}

static void test_too_big_is_told(void **state)
{
    check_told(false, 0);
    check_told(true, 0);
    check_told(false, 14);
    check_told(true, 14);
}

static void test_what_is_not_told(void **state)
{
    const struct la_impair how = {.mtu_icmp = 1400};
    uint8_t bytes[2000];
    begin(&how);
    lane_init(&other, &how, LA_LINK_IP, 1, 1);
    lane_join(&lane, &other);
    /* without DF a router would fragment: RFC 1191 3 knows no error for it */
    assert_int_equal(put_tcp(0, false, 1448, 0), LANE_TOO_BIG);
    size_t len = packet_ping(bytes, false, 1448);
    dont_fragment(bytes);
    assert_int_equal(lane_push(&lane, bytes, len, (struct lane_meta){0}, 0), LANE_TOLD);
    bytes[20] = 3; /* an error: RFC 1122 3.2.2 */
    assert_int_equal(lane_push(&lane, bytes, len, (struct lane_meta){0}, 0), LANE_TOO_BIG);
    bytes[20] = 8;
    bytes[16] = 224; /* to a group */
    dont_fragment(bytes);
    assert_int_equal(lane_push(&lane, bytes, len, (struct lane_meta){0}, 0), LANE_TOO_BIG);
    len = packet_ping(bytes, true, 1448);
    bytes[40] = 1;
    assert_int_equal(lane_push(&lane, bytes, len, (struct lane_meta){0}, 0), LANE_TOO_BIG);
    assert_int_equal(put(0, 1500, 0), LANE_TOO_BIG); /* no IP */
    assert_int_equal(other.counts.fate[LANE_PASSED], 1);
    lane_free(&other);
    end();

    begin(&how); /* joined to nothing */
    assert_int_equal(put_tcp(0, true, 1448, 0), LANE_TOO_BIG);
    end();
}

/* Late by a fixed time, or by any time up to one; those behind do not wait. */
static void test_late(void **state)
{
    const struct la_impair hows[] = {
        {.reorder_ppm = 50000, .reorder_ns = 3 * MS, .delay_ns = MS},
        {.reorder_ppm = 50000, .reorder_up_to_ns = 3 * MS, .delay_ns = MS},
        {.reorder_ppm = 50000, .delay_ns = MS},
    };
    for (size_t h = 0; h < 3; h++) {
        uint64_t late = 0, sum_ns = 0;
        begin(&hows[h]);
        put_many(MANY);
        assert_int_equal(arrived, MANY);
        for (uint32_t i = 0; i < MANY; i++) {
            uint64_t more_ns = at_ns[i] - i * 10 * US - MS;
            assert_true(more_ns <= 3 * MS);
            late += more_ns > 0;
            sum_ns += more_ns;
            if (h != 1)
                assert_true(more_ns == 0 || more_ns == (h == 0 ? 3 * MS : MS));
        }
        assert_int_equal(lane.counts.late, late);
        assert_in_range(late, MANY * 47 / 1000, MANY * 53 / 1000);
        if (h == 1)
            assert_in_range(sum_ns / late, 1450 * US, 1550 * US);
        end();
    }
}

static void test_jitter_keeps_the_order_and_scatter_does_not(void **state)
{
    const struct la_impair jitter = {.delay_ns = MS, .jitter_ns = MS};
    begin(&jitter);
    put_many(MANY);
    for (uint32_t i = 0; i < MANY; i++) {
        assert_int_equal(order[i], i);
        assert_in_range(at_ns[i] - i * 10 * US, MS, 2 * MS);
    }
    end();

    const struct la_impair scatter = {.delay_ns = MS, .scatter_ns = MS};
    uint64_t overtaken = 0, sum_ns = 0;
    begin(&scatter);
    put_many(MANY);
    for (uint32_t i = 0; i < MANY; i++) {
        assert_in_range(at_ns[i] - i * 10 * US, MS, 2 * MS);
        sum_ns += at_ns[i] - i * 10 * US - MS;
        overtaken += i > 0 && at_ns[i] < at_ns[i - 1];
    }
    assert_in_range(sum_ns / MANY, 490 * US, 510 * US); /* uniform: no waiting for others */
    assert_in_range(overtaken, MANY * 48 / 100, MANY / 2);
    end();
}

static void test_doubles_and_damage(void **state)
{
    const struct la_impair doubles = {.duplicate_ppm = 100000, .rate_bps = 1000000000};
    size_t twice = 0;
    begin(&doubles);
    put_many(MANY);
    for (size_t i = 0; i < MANY; i++)
        twice += times[i] == 2;
    assert_in_range(twice, MANY * 96 / 1000, MANY * 104 / 1000);
    assert_int_equal(lane.counts.duplicated, twice);
    assert_int_equal(arrived, MANY + twice);
    end();

    const struct la_impair damage = {.corrupt_ppm = 1000000};
    uint32_t hit[8 * 64] = {0};
    begin_as(&damage, LA_LINK_ETHERNET, 1);
    for (int i = 0; i < 100000; i++) {
        uint8_t bytes[64] = {0};
        lane_push(&lane, bytes, sizeof(bytes), (struct lane_meta){0}, 0);
        struct lane_packet *packet = lane_due(&lane, 0);
        size_t bits = 0;
        for (size_t bit = 0; bit < 8 * 64; bit++) {
            if (packet->bytes[bit / 8] & 1 << bit % 8) {
                hit[bit]++;
                bits++;
            }
        }
        assert_int_equal(bits, 1);
        lane_pop(&lane);
    }
    for (size_t bit = 0; bit < 8 * 64; bit++)
        assert_in_range(hit[bit], bit < 8 * 14 ? 0 : 180, bit < 8 * 14 ? 0 : 320);
    assert_int_equal(lane.counts.corrupted, 100000);
    end();
}

/* Ten packets of 1 ms each; after 2.5 ms the line becomes half as fast, then stops to be one. */
static void test_the_rate_changes(void **state)
{
    const struct la_impair fast = {.rate_bps = 8000000, .delay_ns = 10 * MS};
    const struct la_impair slow = {.rate_bps = 4000000, .delay_ns = 10 * MS};
    const struct la_impair free_line = {.delay_ns = 10 * MS};
    const uint64_t leaves_us[10] = {1000, 2000, 3500, 5500, 7500, 9500, 9800, 9800, 9800, 9800};
    begin(&fast);
    for (uint32_t i = 0; i < 10; i++)
        put(i, 1000, 0);
    lane_change(&lane, &slow, 2500 * US);
    assert_int_equal(lane_next_at(&lane), 11 * MS);
    collect(9600 * US);
    lane_change(&lane, &free_line, 9800 * US);
    assert_int_equal(lane.queue_frames, 0);
    run_out();
    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal(at_ns[i], leaves_us[i] * US + 10 * MS);
    end();
}

static void test_the_delay_changes_and_masks_stay(void **state)
{
    const struct la_impair far = {.delay_ns = 10 * MS, .loss_mask = 0x2};
    const struct la_impair near = {.delay_ns = MS};
    begin(&far);
    put(0, 100, 0);
    lane_change(&lane, &near, MS);
    assert_int_equal(put(1, 100, MS), LANE_MASKED);
    put(2, 100, MS); /* does not overtake */
    put(3, 100, 20 * MS);
    run_out();
    assert_int_equal(at_ns[0], 10 * MS);
    assert_int_equal(at_ns[2], 10 * MS);
    assert_int_equal(at_ns[3], 21 * MS);
    end();
}

/* Whatever else becomes of packets, chance chooses the same ones for doubling and lateness. */
static void test_one_choice_leaves_the_others(void **state)
{
    static uint8_t doubled[MANY];
    static uint64_t late_ns[MANY];
    struct la_impair how = {.duplicate_ppm = 100000, .reorder_ppm = 100000, .reorder_ns = MS};
    begin(&how);
    put_many(MANY);
    memcpy(doubled, times, sizeof(times));
    memcpy(late_ns, at_ns, sizeof(at_ns));
    end();

    how.loss_ppm = 100000;
    how.burst_ppm = 10000;
    how.loss_mask = 0xff;
    how.corrupt_ppm = 10000;
    how.mtu = 99;
    for (int down = 1; down >= 0; down--) {
        begin(&how);
        for (uint32_t i = 0; i < MANY; i++) {
            lane_down(&lane, down && i % 3 == 0);
            put(i, i % 2 == 0 ? 99 : 100, i * 10 * US);
            collect(i * 10 * US);
        }
        run_out();
        size_t same = 0;
        for (uint32_t i = 0; i < MANY; i++) {
            if (times[i] == 0)
                continue;
            assert_int_equal(times[i], doubled[i]);
            assert_int_equal(at_ns[i], late_ns[i]);
            same++;
        }
        assert_in_range(same, MANY / 5, MANY * 4 / 5);
        end();
    }
}

static void test_seeds_and_numbers(void **state)
{
    static uint8_t first[MANY];
    const struct la_impair how = {.loss_ppm = 500000};
    const struct {
        uint64_t seed;
        uint8_t number;
        bool same;
    } cases[] = {{5, 0, true}, {6, 0, false}, {5, 1, false}, {5 + (UINT64_C(1) << 40), 0, false}};
    begin_as(&how, LA_LINK_IP, 5);
    put_many(1000);
    memcpy(first, times, sizeof(times));
    end();
    for (size_t i = 0; i < 4; i++) {
        begin(NULL);
        lane_init(&lane, &how, LA_LINK_IP, cases[i].seed, cases[i].number);
        put_many(1000);
        assert_int_equal(memcmp(first, times, sizeof(times)) == 0, cases[i].same);
        end();
    }
}

/* A second's worth of packets under way, out of order, and the same memory again. */
static void test_many_under_way(void **state)
{
    const struct la_impair how = {.delay_ns = S, .scatter_ns = S / 2, .reorder_ppm = 500000};
    begin(&how);
    for (int round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < MANY; i++)
            assert_int_equal(put(i, 1500, (uint64_t)round * 10 * S + i * US), LANE_PASSED);
        assert_int_equal(lane.held, MANY);
        run_out();
        assert_int_equal(arrived, MANY);
        assert_int_equal(lane.stray_coming, 0);
        arrived = 0;
    }
    assert_int_equal(lane.counts.held_max, MANY);
    end();
}

/* A lane that is freed while packets are in every place. */
static void test_freed_while_full(void **state)
{
    const struct la_impair how = {.rate_bps = 8000000,
                                  .duplicate_ppm = 500000,
                                  .reorder_ppm = 500000,
                                  .loss_ppm = 200000,
                                  .delay_ns = 100 * MS};
    begin(&how);
    for (uint32_t i = 0; i < 50; i++)
        put(i, i % 10 == 0 ? 9000 : 1000, 0);
    assert_null(lane_due(&lane, 50 * MS));
    assert_true(lane.queue.first && lane.order.first && lane.stray_count > 0);
    lane_free(&lane);
}

/* Everything at once on bytes that mean nothing and on packets that were damaged. */
static void test_bytes_that_mean_nothing(void **state)
{
    const struct la_impair how = {.loss_ppm = 10000,
                                  .burst_ppm = 10000,
                                  .loss_mask_data = UINT64_MAX,
                                  .duplicate_ppm = 100000,
                                  .corrupt_ppm = 100000,
                                  .reorder_ppm = 100000,
                                  .reorder_up_to_ns = MS,
                                  .jitter_ns = MS,
                                  .scatter_ns = MS,
                                  .rate_bps = 100000000,
                                  .queue_bytes = 100000,
                                  .mark_frames = 1,
                                  .mtu_icmp = 100};
    struct prng prng;
    prng_seed(&prng, (const uint8_t[32]){7});
    for (int ethernet = 0; ethernet <= 1; ethernet++) {
        enum la_link_type type = ethernet ? LA_LINK_ETHERNET : LA_LINK_IP;
        begin_as(&how, type, 1);
        lane_init(&other, &how, type, 1, 1);
        lane_join(&lane, &other);
        for (uint32_t i = 0; i < 50000; i++) {
            uint8_t bytes[400];
            size_t len = 1 + prng_below(&prng, 300), at = ethernet ? 14 : 0;
            for (size_t b = 0; b < sizeof(bytes); b++)
                bytes[b] = (uint8_t)prng_u32(&prng);
            if (i % 2 == 0) {
                len = at + packet_tcp(bytes + at, i % 4 == 0, i, LA_TH_ACK, i % 200, false);
                bytes[at + prng_below(&prng, 72)] ^= (uint8_t)(1 << i % 8);
            } else {
                bytes[at] = (uint8_t)(i % 4 == 1 ? 0x45 : 0x60);
            }
            lane_push(&lane, bytes, len, (struct lane_meta){.conn = i}, i * 10 * US);
            lane_mask(&lane, 0, 1);
            collect(i * 10 * US);
            while (lane_due(&other, i * 10 * US))
                lane_pop(&other);
        }
        assert_true(lane.counts.fate[LANE_PASSED] > 0 && lane.counts.fate[LANE_TOLD] > 0);
        lane_free(&other);
        lane.back = NULL;
        end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_good_wire),
        cmocka_unit_test(test_every_fate_has_a_text),
        cmocka_unit_test(test_bursts),
        cmocka_unit_test(test_bursts_that_lose_half_and_loss_between),
        cmocka_unit_test(test_masks),
        cmocka_unit_test(test_masks_of_data),
        cmocka_unit_test(test_late_by_mask),
        cmocka_unit_test(test_loss_is_behind_the_line),
        cmocka_unit_test(test_queue_in_packets_and_bytes),
        cmocka_unit_test(test_queue_of_one_bdp),
        cmocka_unit_test(test_marks),
        cmocka_unit_test(test_down_by_time_and_by_hand),
        cmocka_unit_test(test_too_big_vanishes),
        cmocka_unit_test(test_too_big_is_told),
        cmocka_unit_test(test_what_is_not_told),
        cmocka_unit_test(test_late),
        cmocka_unit_test(test_jitter_keeps_the_order_and_scatter_does_not),
        cmocka_unit_test(test_doubles_and_damage),
        cmocka_unit_test(test_the_rate_changes),
        cmocka_unit_test(test_the_delay_changes_and_masks_stay),
        cmocka_unit_test(test_one_choice_leaves_the_others),
        cmocka_unit_test(test_seeds_and_numbers),
        cmocka_unit_test(test_many_under_way),
        cmocka_unit_test(test_freed_while_full),
        cmocka_unit_test(test_bytes_that_mean_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
