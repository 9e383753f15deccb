/* HyStart++: see hystart.h. */
#include "cc/hystart.h"

#include "cc/cc.h"

/* RFC 9406 4.3. */
#define MIN_RTT_THRESH_US  4000
#define MAX_RTT_THRESH_US  16000
#define MIN_RTT_DIVISOR    8
#define N_RTT_SAMPLE       8
#define CSS_GROWTH_DIVISOR 4
#define CSS_ROUNDS         5
#define L_UNPACED          8

/* A train of ACKs (docs/deviations.md): shorter ones tell of machines, not of paths. */
#define MIN_TRAIN_US      500
#define TRAIN_GAP_DIVISOR 4

#define LOW_WINDOW 16 /* segments, of the first HyStart */

static uint32_t rtt_thresh_us(uint32_t last_min_us)
{
    uint32_t eighth = last_min_us / MIN_RTT_DIVISOR;
    if (eighth < MIN_RTT_THRESH_US) {
        return MIN_RTT_THRESH_US;
    }
    return eighth < MAX_RTT_THRESH_US ? eighth : MAX_RTT_THRESH_US;
}

/* Eight samples in a row behind a queue of half a round trip: that is no jitter, the path is full.
 * Five rounds more, a quarter larger each, would only fill the queue. */
static bool queue_confirms(const struct hystart *h)
{
    return h->block_min_us - h->least_us >= h->least_us / 2;
}

static void smaller(uint32_t *least_us, uint32_t rtt_us)
{
    if (*least_us == 0 || rtt_us < *least_us) {
        *least_us = rtt_us;
    }
}

static bool new_round(struct hystart *h)
{
    h->last_min_us = h->current_min_us;
    h->current_min_us = 0;
    h->block_min_us = 0;
    h->samples = 0;
    return h->css_rounds > 0 && ++h->css_rounds > CSS_ROUNDS;
}

static bool train_goes_on(const struct hystart *h, const struct cc_ack *ack, uint32_t now_us)
{
    return ack->limited && now_us - h->last_ack_us <= h->least_us / TRAIN_GAP_DIVISOR;
}

/* Each ACK lets twice as much go as it tells of: what comes back for half a round trip without a
 * gap fills a whole one from then on. A paced sender spreads a window over half a round trip by
 * itself; there only a whole one tells of the path. */
static bool train_is_long(const struct hystart *h, uint32_t now_us, bool paced)
{
    uint32_t enough_us = paced ? h->least_us : h->least_us / 2;
    return now_us - h->train_us >= (enough_us > MIN_TRAIN_US ? enough_us : MIN_TRAIN_US);
}

static bool train_fills_path(struct hystart *h, const struct cc_ack *ack)
{
    uint32_t now_us = (uint32_t)(ack->now_ns / 1000);
    if (ack->round_start) {
        h->train_us = now_us;
        h->last_ack_us = now_us;
        h->train_over = false;
    }
    h->train_over |= !train_goes_on(h, ack, now_us);
    h->last_ack_us = now_us;
    return !h->train_over && train_is_long(h, now_us, ack->paced);
}

bool hystart_acked(struct hystart *h, const struct cc_ack *ack)
{
    uint32_t rtt_us = ack->rtt_us;
    if (ack->round_start && new_round(h)) {
        return true;
    }
    if (train_fills_path(h, ack) && h->css_rounds == 0) {
        h->css_baseline_us = 0;
        h->css_rounds = 1;
    }
    if (rtt_us == 0) {
        return false;
    }
    smaller(&h->current_min_us, rtt_us);
    smaller(&h->block_min_us, rtt_us);
    smaller(&h->least_us, rtt_us);
    if (++h->samples < N_RTT_SAMPLE) {
        return false;
    }
    if (h->css_rounds > 0 && h->block_min_us < h->css_baseline_us) {
        h->css_rounds = 0;
    } else if (h->css_rounds == 0 && h->last_min_us != 0 && h->block_min_us >= h->last_min_us &&
               h->block_min_us - h->last_min_us >= rtt_thresh_us(h->last_min_us)) {
        h->css_baseline_us = h->block_min_us;
        h->css_rounds = 1;
    }
    bool over = h->css_rounds > 1 && queue_confirms(h);
    h->block_min_us = 0;
    h->samples = 0;
    return over;
}

bool hystart_delayed(struct hystart *h, bool round_start, uint32_t rtt_us, uint32_t cwnd_segs)
{
    if (round_start) {
        h->current_min_us = 0;
        h->samples = 0;
    }
    if (rtt_us == 0) {
        return false;
    }
    smaller(&h->current_min_us, rtt_us);
    smaller(&h->least_us, rtt_us);
    if (h->samples < N_RTT_SAMPLE) {
        h->samples++;
        return false;
    }
    return cwnd_segs >= LOW_WINDOW && h->current_min_us - h->least_us > rtt_thresh_us(h->least_us);
}

uint32_t hystart_growth(const struct hystart *h, uint32_t acked, uint32_t mss, bool paced)
{
    uint32_t most = paced || acked < L_UNPACED * mss ? acked : L_UNPACED * mss;
    return h->css_rounds > 0 ? most / CSS_GROWTH_DIVISOR : most;
}
