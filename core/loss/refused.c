/* Segments that arrived and were refused: see refused.h. */
#include "loss/refused.h"

/* Four round trips, when the window is a quarter of one: what left before the last retransmission
 * has been judged long since. */
#define STALE_WINDOWS 16

void refused_resent(struct refused *r, uint64_t now_ns, uint32_t reo_wnd_us, uint32_t tsval)
{
    uint64_t window_ns = (uint64_t)reo_wnd_us * 1000;
    uint64_t from_ns = now_ns > window_ns ? now_ns - window_ns : 0;
    bool apart = from_ns > r->to_ns;
    bool stale = now_ns - r->to_ns > STALE_WINDOWS * window_ns;
    if (r->to_ns == 0 || stale || (apart && r->acks == 0)) {
        *r = (struct refused){.from_ns = from_ns, .rtx_ts = tsval};
    }
    r->to_ns = now_ns;
}

void refused_ack(struct refused *r, uint32_t tsecr)
{
    if (r->to_ns != 0 && (int32_t)(tsecr - r->rtx_ts) >= 0 && r->acks < UINT32_MAX) {
        r->acks++;
    }
}

bool refused_explains(struct refused *r, uint64_t sent_ns, uint32_t segments)
{
    if (r->to_ns == 0 || sent_ns < r->from_ns || sent_ns >= r->to_ns || segments > r->acks) {
        return false;
    }
    r->acks -= segments;
    return true;
}
