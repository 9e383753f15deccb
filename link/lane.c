/* The way of a packet through a lane.
 *
 *   lane_push() -> queue -> line -> order, or stray -> lane_due()
 *
 * The queue holds packets in the order of arrival; the first one is on the line and will have left
 * it at queue_leaves_ns. Only that one time is known in advance, so a change of the rate concerns
 * all others. A packet that leaves the line goes to the end of `order`, whose times only grow
 * because jitter waits for those before; or into the heap `stray` when it is late by itself. So
 * every step takes constant time, but for strays, whose step takes the logarithm of their number.
 *
 * Invariants: `order` is sorted by at_ns, then serial; `stray` is a heap by the same;
 * stray_max - stray_count is at least the number of packets in the queue that will need a place
 * there; the queue is empty when the line is idle; packets in the queue leave later than the last
 * time that was given. */
#include "link/lane.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "link/lane_ip.h"

#define ETHERNET_BYTES    14
#define PACKET_MAX        65549 /* an IP packet with an Ethernet header */
#define PPM               1000000U
#define QUEUE_DEFAULT     1000
#define REORDER_DEFAULT   (1 * LA_NS_PER_MS)
#define BURST_END_DEFAULT 250000
#define HELD_MAX          (1U << 20) /* bounds a long delay without rate */

const char *lane_fate_text(enum lane_fate fate)
{
    static const char *const texts[] = {
#define LANE_FATE_TEXT(name, text) text,
        LANE_FATES(LANE_FATE_TEXT)
#undef LANE_FATE_TEXT
    };
    return (size_t)fate < LA_ARRAY_LEN(texts) ? texts[fate] : "";
}

/* ---- memory --------------------------------------------------------------------------------- */

/* Room of the packets of each free list; longer ones come from malloc() each. */
static const uint32_t sizes[LANE_SIZES] = {0, 128, 1600};
#define SIZE_LONG LANE_SIZES

static struct lane_packet *packet_new(struct lane *lane, uint32_t room)
{
    uint8_t size = 0;
    while (size < SIZE_LONG && sizes[size] < room)
        size++;
    struct lane_packet *packet;
    if (size < SIZE_LONG && lane->spare[size]) {
        packet = lane->spare[size];
        lane->spare[size] = packet->next;
    } else {
        packet = malloc(sizeof(*packet) + (size < SIZE_LONG ? sizes[size] : room));
    }
    if (!packet)
        return NULL;
    memset(packet, 0, sizeof(*packet));
    packet->size = size;
    lane->held++;
    return packet;
}

static void packet_free(struct lane *lane, struct lane_packet *packet)
{
    lane->held--;
    if (packet->size == SIZE_LONG) {
        free(packet);
        return;
    }
    packet->next = lane->spare[packet->size];
    lane->spare[packet->size] = packet;
}

static void list_put(struct lane_list *list, struct lane_packet *packet)
{
    packet->next = NULL;
    if (list->first)
        list->last->next = packet;
    else
        list->first = packet;
    list->last = packet;
}

static struct lane_packet *list_take(struct lane_list *list)
{
    struct lane_packet *packet = list->first;
    list->first = packet->next;
    return packet;
}

/* ---- the heap of strays --------------------------------------------------------------------- */

static bool earlier(const struct lane_packet *a, const struct lane_packet *b)
{
    return a->at_ns < b->at_ns || (a->at_ns == b->at_ns && a->serial < b->serial);
}

/* Promises places for `more` packets beside those that were promised one; false: no memory. */
static bool stray_promise(struct lane *lane, size_t more)
{
    size_t need = lane->stray_coming + more;
    if (need > lane->stray_max) {
        size_t max = need < 64 ? 64 : 2 * need;
        struct lane_packet **room = realloc(lane->stray, max * sizeof(void *));
        if (!room)
            return false;
        lane->stray = room;
        lane->stray_max = max;
    }
    lane->stray_coming = need;
    return true;
}

static void stray_put(struct lane *lane, struct lane_packet *packet)
{
    size_t at = lane->stray_count++;
    while (at > 0 && earlier(packet, lane->stray[(at - 1) / 2])) {
        lane->stray[at] = lane->stray[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    lane->stray[at] = packet;
}

static struct lane_packet *stray_take(struct lane *lane)
{
    struct lane_packet *first = lane->stray[0];
    struct lane_packet *moved = lane->stray[--lane->stray_count];
    size_t at = 0, n = lane->stray_count;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < n && earlier(lane->stray[child + 1], lane->stray[child]))
            child++;
        if (child >= n || !earlier(lane->stray[child], moved))
            break;
        lane->stray[at] = lane->stray[child];
        at = child;
    }
    if (n > 0)
        lane->stray[at] = moved;
    lane->stray_coming--;
    return first;
}

/* ---- the line ------------------------------------------------------------------------------- */

static void arrive_at(struct lane *lane, struct lane_packet *packet, uint64_t base_ns)
{
    packet->at_ns = base_ns + packet->stray_ns;
    packet->serial = lane->serial++;
    if (packet->stray_ns > 0)
        stray_put(lane, packet);
    else
        list_put(&lane->order, packet);
}

/* A packet has left the line. */
static void leave(struct lane *lane, struct lane_packet *packet, uint64_t left_ns)
{
    if (packet->lost) {
        packet_free(lane, packet);
        return;
    }
    uint64_t due_ns = left_ns + lane->how.delay_ns + packet->jitter_ns;
    if (due_ns < lane->last_due_ns)
        due_ns = lane->last_due_ns;
    lane->last_due_ns = due_ns;
    struct lane_packet *twin = packet->twin;
    packet->twin = NULL;
    arrive_at(lane, packet, due_ns);
    if (twin)
        arrive_at(lane, twin, due_ns);
}

static uint64_t line_ns(const struct lane *lane, uint32_t len)
{
    uint64_t bits_ns = (uint64_t)len * 8 * (uint64_t)LA_NS_PER_S;
    return lane->how.rate_bps > 0 ? bits_ns / lane->how.rate_bps : 0;
}

static void mark(struct lane *lane, struct lane_packet *packet)
{
    if (packet->lost || packet->len < lane->link_header)
        return;
    uint32_t at = lane->link_header;
    if (!lane_ip_mark(packet->bytes + at, packet->len - at))
        return;
    lane->counts.marked++;
    if (packet->twin)
        lane_ip_mark(packet->twin->bytes + at, packet->len - at);
}

/* The first packet of the queue gets the line. */
static void line_begin(struct lane *lane, uint64_t begin_ns)
{
    struct lane_packet *packet = lane->queue.first;
    uint64_t max_ns = lane->how.mark_sojourn_ns;
    if (max_ns > 0 && begin_ns - packet->at_ns >= max_ns)
        mark(lane, packet);
    lane->queue_leaves_ns = begin_ns + line_ns(lane, packet->len);
}

/* Lets leave what has left by now. */
static void line_run(struct lane *lane, uint64_t now_ns)
{
    while (lane->queue.first && lane->queue_leaves_ns <= now_ns) {
        struct lane_packet *packet = list_take(&lane->queue);
        uint64_t left_ns = lane->queue_leaves_ns;
        lane->queue_frames--;
        lane->queue_bytes -= packet->len;
        leave(lane, packet, left_ns);
        if (lane->queue.first)
            line_begin(lane, left_ns);
    }
}

static bool queue_fits(const struct lane *lane, size_t len)
{
    if (lane->how.rate_bps == 0 || !lane->queue.first)
        return true;
    return (lane->queue_frames_limit == 0 || lane->queue_frames < lane->queue_frames_limit) &&
           (lane->queue_bytes_limit == 0 || lane->queue_bytes + len <= lane->queue_bytes_limit);
}

static bool queue_marks(const struct lane *lane)
{
    const struct la_impair *how = &lane->how;
    return (how->mark_frames > 0 && lane->queue_frames >= how->mark_frames) ||
           (how->mark_bytes > 0 && lane->queue_bytes >= how->mark_bytes);
}

static void queue_put(struct lane *lane, struct lane_packet *packet, uint64_t now_ns)
{
    if (lane->how.rate_bps == 0) {
        leave(lane, packet, now_ns);
        return;
    }
    if (queue_marks(lane))
        mark(lane, packet);
    bool idle = !lane->queue.first;
    packet->at_ns = now_ns;
    list_put(&lane->queue, packet);
    lane->queue_frames++;
    lane->queue_bytes += packet->len;
    if (lane->queue_frames > lane->counts.queue_frames_max)
        lane->counts.queue_frames_max = lane->queue_frames;
    if (lane->queue_bytes > lane->counts.queue_bytes_max)
        lane->counts.queue_bytes_max = lane->queue_bytes;
    if (idle)
        line_begin(lane, now_ns);
}

/* ---- what becomes of a packet --------------------------------------------------------------- */

/* What chance has in store for one packet. */
struct draw {
    bool lost, burst_lost, doubled, damaged, late;
    uint32_t damaged_bit;
    uint64_t jitter_ns, scatter_ns, late_ns;
    uint64_t told_ns; /* late because lane_late() said so */
};

static bool chance(struct lane *lane, uint32_t ppm)
{
    return (uint64_t)prng_u32(&lane->prng) * PPM >> 32 < ppm;
}

static uint64_t up_to(struct lane *lane, uint64_t max)
{
    uint64_t number = prng_u64(&lane->prng);
    return max > 0 ? number % (max + 1) : 0;
}

/* Is anything left to chance? */
static bool by_chance(const struct lane *lane)
{
    const struct la_impair *how = &lane->how;
    return (how->loss_ppm | how->duplicate_ppm | how->corrupt_ppm | how->reorder_ppm |
            how->burst_ppm | how->jitter_ns | how->scatter_ns) != 0 ||
           lane->burst;
}

/* Always draws 16 words, one block of the generator; where nothing is left to chance the block is
 * passed over, which costs nothing and leaves the later ones as they are. Damage spares the link
 * header: a real card would have dropped the frame there, by its own checksum. */
static struct draw draw(struct lane *lane, uint32_t len)
{
    const struct la_impair *how = &lane->how;
    struct draw draw = {.lost = false};
    if (!by_chance(lane)) {
        lane->prng.block++;
        return draw;
    }
    draw.lost = chance(lane, how->loss_ppm);
    draw.doubled = chance(lane, how->duplicate_ppm);
    draw.damaged = chance(lane, how->corrupt_ppm);
    draw.late = chance(lane, how->reorder_ppm);
    uint32_t first = len > lane->link_header ? lane->link_header : 0;
    draw.damaged_bit = first * 8 + (uint32_t)up_to(lane, (len - first) * UINT64_C(8) - 1);
    draw.jitter_ns = up_to(lane, how->jitter_ns);
    draw.scatter_ns = up_to(lane, how->scatter_ns);
    uint64_t late_max_ns = how->reorder_up_to_ns > 0 ? how->reorder_up_to_ns - 1 : 0;
    draw.late_ns = up_to(lane, late_max_ns) + (how->reorder_up_to_ns > 0);
    bool turns_bad = chance(lane, how->burst_ppm);
    bool turns_good = chance(lane, how->burst_end_ppm > 0 ? how->burst_end_ppm : BURST_END_DEFAULT);
    lane->burst = lane->burst ? !turns_good : turns_bad;
    draw.burst_lost =
        lane->burst & chance(lane, how->burst_loss_ppm > 0 ? how->burst_loss_ppm : PPM);
    if (lane->burst)
        draw.lost = false;
    (void)prng_u32(&lane->prng);
    return draw;
}

/* Do the masks of packets and of segments with data hit this packet? */
static bool mask_hits(const struct lane *lane, uint64_t *packets, uint64_t *data_segments,
                      const uint8_t *bytes, uint32_t len)
{
    bool hit = *packets & 1;
    *packets >>= 1;
    uint32_t at = len > lane->link_header ? lane->link_header : 0;
    if (*data_segments != 0 && lane_ip_tcp_data(bytes + at, len - at)) {
        hit |= *data_segments & 1;
        *data_segments >>= 1;
    }
    return hit;
}

static bool is_down(const struct lane *lane, uint64_t now_ns)
{
    const struct la_impair *how = &lane->how;
    uint64_t since_ns = now_ns - lane->start_ns;
    if (lane->down)
        return true;
    if (how->down_for_ns == 0 || since_ns < how->down_at_ns)
        return false;
    since_ns -= how->down_at_ns;
    if (how->down_every_ns > 0)
        since_ns %= how->down_every_ns;
    return since_ns < how->down_for_ns;
}

/* Sends the error that a router would; false: it must not. */
static bool error_send(struct lane *lane, const uint8_t *bytes, uint32_t len, uint64_t now_ns)
{
    uint8_t error[ETHERNET_BYTES + LANE_ERROR_MAX];
    uint32_t at = lane->link_header;
    if (!lane->back)
        return false;
    size_t n = lane_ip_too_big(bytes + at, len - at, lane->how.mtu_icmp, error + at);
    if (n == 0)
        return false;
    if (at > 0) { /* from the packet's destination to its source, same protocol */
        memcpy(error, bytes + 6, 6);
        memcpy(error + 6, bytes, 6);
        memcpy(error + 12, bytes + 12, 2);
    }
    lane->counts.errors++;
    lane_push(lane->back, error, at + n, (struct lane_meta){0}, now_ns);
    return true;
}

static enum lane_fate too_big(struct lane *lane, const uint8_t *bytes, uint32_t len,
                              uint64_t now_ns)
{
    uint32_t ip_len = len > lane->link_header ? len - lane->link_header : 0;
    if (lane->how.mtu > 0 && ip_len > lane->how.mtu)
        return LANE_TOO_BIG;
    if (lane->how.mtu_icmp == 0 || ip_len <= lane->how.mtu_icmp)
        return LANE_PASSED;
    return error_send(lane, bytes, len, now_ns) ? LANE_TOLD : LANE_TOO_BIG;
}

/* What speaks against a packet before and behind the line, in that order. */
static enum lane_fate fate_find(struct lane *lane, const uint8_t *bytes, uint32_t len,
                                const struct draw *draw, uint64_t now_ns)
{
    bool masked = mask_hits(lane, &lane->mask, &lane->mask_data, bytes, len);
    if (is_down(lane, now_ns))
        return LANE_DOWN;
    enum lane_fate fate = too_big(lane, bytes, len, now_ns);
    if (fate != LANE_PASSED)
        return fate;
    if (!queue_fits(lane, len))
        return LANE_FULL;
    if (lane->held >= HELD_MAX)
        return LANE_NO_ROOM;
    if (masked)
        return LANE_MASKED;
    if (draw->burst_lost)
        return LANE_BURST;
    return draw->lost ? LANE_LOST : LANE_PASSED;
}

static struct lane_packet *packet_make(struct lane *lane, const uint8_t *bytes, uint32_t len,
                                       struct lane_meta meta, const struct draw *draw)
{
    struct lane_packet *packet = packet_new(lane, len);
    if (!packet)
        return NULL;
    packet->len = len;
    packet->meta = meta;
    packet->jitter_ns = draw->jitter_ns;
    packet->stray_ns = draw->scatter_ns + draw->told_ns;
    if (draw->late)
        packet->stray_ns += lane->how.reorder_ns + draw->late_ns;
    memcpy(packet->bytes, bytes, len);
    if (draw->damaged)
        packet->bytes[draw->damaged_bit / 8] ^= (uint8_t)(1U << draw->damaged_bit % 8);
    if (packet->stray_ns > 0 && !stray_promise(lane, 1)) {
        packet_free(lane, packet);
        return NULL;
    }
    return packet;
}

/* Only its time on the line is kept of a packet that gets lost behind it. */
static bool lost_put(struct lane *lane, uint32_t len, uint64_t now_ns)
{
    struct lane_packet *packet = packet_new(lane, 0);
    if (!packet)
        return false;
    packet->len = len;
    packet->lost = true;
    queue_put(lane, packet, now_ns);
    return true;
}

static bool passed_put(struct lane *lane, const uint8_t *bytes, uint32_t len, struct lane_meta meta,
                       const struct draw *draw, uint64_t now_ns)
{
    struct lane_packet *packet = packet_make(lane, bytes, len, meta, draw);
    if (!packet)
        return false;
    if (draw->doubled)
        packet->twin = packet_make(lane, bytes, len, meta, draw);
    lane->counts.duplicated += packet->twin != NULL;
    lane->counts.corrupted += draw->damaged;
    lane->counts.late += draw->late || draw->told_ns > 0;
    lane->counts.bytes_passed += len;
    queue_put(lane, packet, now_ns);
    if (lane->held > lane->counts.held_max)
        lane->counts.held_max = lane->held;
    return true;
}

/* ---- the lane ------------------------------------------------------------------------------- */

static void how_take(struct lane *lane, const struct la_impair *how)
{
    lane->how = *how;
    if (how->reorder_ns == 0 && how->reorder_up_to_ns == 0)
        lane->how.reorder_ns = REORDER_DEFAULT;
    lane->queue_frames_limit = how->queue_frames;
    lane->queue_bytes_limit = how->queue_bdp_ppm > 0 ? la_impair_bdp_bytes(how) : how->queue_bytes;
    if (lane->queue_frames_limit == 0 && lane->queue_bytes_limit == 0)
        lane->queue_frames_limit = QUEUE_DEFAULT;
    if (how->loss_mask != 0)
        lane->mask = how->loss_mask;
    if (how->loss_mask_data != 0)
        lane->mask_data = how->loss_mask_data;
}

void lane_init(struct lane *lane, const struct la_impair *how, enum la_link_type type,
               uint64_t seed, uint8_t number)
{
    const struct la_impair good = {0};
    uint8_t key[32] = {0};
    memcpy(key, &seed, sizeof(seed));
    key[sizeof(seed)] = number;
    *lane = (struct lane){.link_header = type == LA_LINK_ETHERNET ? ETHERNET_BYTES : 0};
    prng_seed(&lane->prng, key);
    how_take(lane, how ? how : &good);
}

static void list_free(struct lane *lane, struct lane_list *list)
{
    while (list->first) {
        struct lane_packet *packet = list_take(list);
        if (packet->twin)
            packet_free(lane, packet->twin);
        packet_free(lane, packet);
    }
}

void lane_free(struct lane *lane)
{
    list_free(lane, &lane->queue);
    list_free(lane, &lane->order);
    while (lane->stray_count > 0)
        packet_free(lane, stray_take(lane));
    for (size_t i = 0; i < LANE_SIZES; i++) {
        while (lane->spare[i]) {
            struct lane_packet *packet = lane->spare[i];
            lane->spare[i] = packet->next;
            free(packet);
        }
    }
    free(lane->stray);
    lane->stray = NULL;
}

void lane_join(struct lane *a, struct lane *b)
{
    a->back = b;
    b->back = a;
}

enum lane_fate lane_push(struct lane *lane, const void *bytes, size_t len, struct lane_meta meta,
                         uint64_t now_ns)
{
    if (len == 0 || len > PACKET_MAX) {
        lane->counts.fate[LANE_UNREADABLE]++;
        return LANE_UNREADABLE;
    }
    if (!lane->started)
        lane->start_ns = now_ns;
    lane->started = true;
    line_run(lane, now_ns);
    uint32_t n = (uint32_t)len;
    struct draw drawn = draw(lane, n);
    if (mask_hits(lane, &lane->late_mask, &lane->late_data, bytes, n))
        drawn.told_ns = lane->late_ns;
    enum lane_fate fate = fate_find(lane, bytes, n, &drawn, now_ns);
    bool placed = true;
    if (fate == LANE_PASSED)
        placed = passed_put(lane, bytes, n, meta, &drawn, now_ns);
    else if (fate == LANE_MASKED || fate == LANE_BURST || fate == LANE_LOST)
        placed = lost_put(lane, n, now_ns);
    if (!placed)
        fate = LANE_NO_ROOM;
    lane->counts.fate[fate]++;
    return fate;
}

/* The first of all that are on their way; NULL: none. */
static struct lane_packet *first_under_way(const struct lane *lane)
{
    struct lane_packet *first = lane->order.first;
    if (lane->stray_count > 0 && (!first || earlier(lane->stray[0], first)))
        first = lane->stray[0];
    return first;
}

uint64_t lane_next_at(const struct lane *lane)
{
    const struct lane_packet *first = first_under_way(lane);
    uint64_t at_ns = first ? first->at_ns : UINT64_MAX;
    if (!lane->queue.first)
        return at_ns;
    uint64_t queue_ns = lane->queue_leaves_ns + lane->how.delay_ns;
    if (queue_ns < lane->last_due_ns)
        queue_ns = lane->last_due_ns;
    return queue_ns < at_ns ? queue_ns : at_ns;
}

struct lane_packet *lane_due(struct lane *lane, uint64_t now_ns)
{
    line_run(lane, now_ns);
    struct lane_packet *first = first_under_way(lane);
    return first && first->at_ns <= now_ns ? first : NULL;
}

void lane_pop(struct lane *lane)
{
    struct lane_packet *first = first_under_way(lane);
    if (first == lane->order.first)
        list_take(&lane->order);
    else
        stray_take(lane);
    packet_free(lane, first);
}

void lane_change(struct lane *lane, const struct la_impair *how, uint64_t now_ns)
{
    line_run(lane, now_ns);
    if (!lane->queue.first) {
        how_take(lane, how);
        return;
    }
    uint64_t left_bits_ns = (lane->queue_leaves_ns - now_ns) * lane->how.rate_bps;
    how_take(lane, how);
    lane->queue_leaves_ns = now_ns + (how->rate_bps > 0 ? left_bits_ns / how->rate_bps : 0);
    line_run(lane, now_ns);
}

void lane_mask(struct lane *lane, uint64_t packets, uint64_t data_segments)
{
    lane->mask = packets;
    lane->mask_data = data_segments;
}

void lane_late(struct lane *lane, uint64_t packets, uint64_t data_segments, uint64_t by_ns)
{
    lane->late_mask = packets;
    lane->late_data = data_segments;
    lane->late_ns = by_ns;
}

void lane_down(struct lane *lane, bool down)
{
    lane->down = down;
}
