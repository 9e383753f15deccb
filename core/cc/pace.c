/* Pacing: see pace.h. */
#include "cc/pace.h"

#define NS_PER_S    UINT64_C(1000000000)
#define BPS_MAX     (UINT64_C(1) << 42) /* 4.4 Tbit/s: products below fit */
#define QUANTUM_MAX 65536U

uint32_t pace_quantum(uint64_t bps, uint32_t mss)
{
    uint64_t ms_worth = bps / 8000;
    uint32_t quantum = ms_worth < QUANTUM_MAX ? (uint32_t)ms_worth : QUANTUM_MAX;
    if (mss == 0) {
        return quantum;
    }
    quantum -= quantum % mss;
    if (quantum < 2 * mss) {
        quantum = 2 * mss;
    }
    return quantum < QUANTUM_MAX ? quantum : QUANTUM_MAX;
}

uint64_t pace_rate_of_window(uint32_t cwnd, uint32_t srtt_us, bool slow_start)
{
    if (srtt_us == 0) {
        return 0;
    }
    return (uint64_t)cwnd * (slow_start ? 16000000 : 9600000) / srtt_us;
}

void pace_set(struct pace *p, uint64_t bps, uint32_t mss)
{
    uint64_t rate = bps < BPS_MAX ? bps : BPS_MAX;
    if (rate != p->bps) {
        p->bps = rate;
        p->rest = 0; /* less than a nanosecond */
    }
    p->quantum = pace_quantum(rate, mss);
}

/* The time of so many bytes, in whole nanoseconds; adds the rest to *rest. */
static uint64_t time_of(uint32_t bytes, uint64_t bps, uint64_t *rest)
{
    uint64_t bits = (bytes < 1U << 30 ? (uint64_t)bytes : 1U << 30) * 8;
    uint64_t scaled = bits % bps * NS_PER_S + *rest;
    *rest = scaled % bps;
    return bits / bps * NS_PER_S + scaled / bps;
}

uint32_t pace_budget(struct pace *p, uint64_t now_ns)
{
    bool goes_on = now_ns == p->granted_ns;
    if (p->bps == 0) {
        return UINT32_MAX;
    }
    if (goes_on && p->left > 0) {
        return p->left;
    }
    if (now_ns < p->due_ns) {
        p->held = true;
        return 0;
    }
    /* Who waited, and who goes on in the same instant, may be late by a piece. */
    uint64_t rest = 0, late = p->held || goes_on ? time_of(p->quantum, p->bps, &rest) : 0;
    if (now_ns - p->due_ns > late) {
        p->due_ns = now_ns - late;
        p->rest = 0;
    }
    p->held = false;
    p->granted_ns = now_ns;
    p->left = p->quantum;
    return p->left;
}

void pace_sent(struct pace *p, uint32_t bytes)
{
    if (p->bps != 0) {
        p->due_ns += time_of(bytes, p->bps, &p->rest);
        p->left -= bytes < p->left ? bytes : p->left;
    }
}
