/* HyStart++: see hystart.h. */
#include "cc/hystart.h"

/* RFC 9406 4.3. */
#define MIN_RTT_THRESH_US  4000
#define MAX_RTT_THRESH_US  16000
#define MIN_RTT_DIVISOR    8
#define N_RTT_SAMPLE       8
#define CSS_GROWTH_DIVISOR 4
#define CSS_ROUNDS         5
#define L_UNPACED          8

static uint32_t rtt_thresh_us(uint32_t last_min_us)
{
    uint32_t eighth = last_min_us / MIN_RTT_DIVISOR;
    if (eighth < MIN_RTT_THRESH_US) {
        return MIN_RTT_THRESH_US;
    }
    return eighth < MAX_RTT_THRESH_US ? eighth : MAX_RTT_THRESH_US;
}

bool hystart_acked(struct hystart *h, bool round_start, uint32_t rtt_us)
{
    if (round_start) {
        h->last_min_us = h->current_min_us;
        h->current_min_us = 0;
        h->samples = 0;
        if (h->css_rounds > 0 && ++h->css_rounds > CSS_ROUNDS) {
            return true;
        }
    }
    if (rtt_us == 0) {
        return false;
    }
    if (h->current_min_us == 0 || rtt_us < h->current_min_us) {
        h->current_min_us = rtt_us;
    }
    if (h->samples < N_RTT_SAMPLE && ++h->samples < N_RTT_SAMPLE) {
        return false;
    }
    if (h->css_rounds > 0) {
        if (h->current_min_us < h->css_baseline_us) {
            h->css_rounds = 0;
        }
    } else if (h->last_min_us != 0 && h->current_min_us >= h->last_min_us &&
               h->current_min_us - h->last_min_us >= rtt_thresh_us(h->last_min_us)) {
        h->css_baseline_us = h->current_min_us;
        h->css_rounds = 1;
    }
    return false;
}

uint32_t hystart_growth(const struct hystart *h, uint32_t acked, uint32_t mss, bool paced)
{
    uint32_t most = paced || acked < L_UNPACED * mss ? acked : L_UNPACED * mss;
    return h->css_rounds > 0 ? most / CSS_GROWTH_DIVISOR : most;
}
