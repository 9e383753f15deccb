/* Delivery rate samples (draft-ietf-ccwg-bbr 4.1).
 *
 * A packet takes along how much had been delivered when it left, and when. When it is delivered
 * itself, the difference to what has been delivered now, over the longer of the time it took to
 * send that much and the time it took to deliver it, is a sample of the path's rate.
 *
 * A packet keeps 32 bits of the sum and of times in microseconds. The full sum follows from the
 * current one, as less than 2^32 bytes are delivered while a packet is out. Times wrap after 71
 * minutes; what was out for longer gives no sample. (Nor is the interval right where nothing had
 * been delivered for that long when the packet left, though something was out.)
 *
 * Invariants: `delivered` never goes back; a sample's interval is at least the time from the
 * packet's departure to now. */
#include "loss/rate.h"

#define NS_PER_US 1000U

static uint32_t low_us(uint64_t ns)
{
    return (uint32_t)(ns / NS_PER_US);
}

struct rate_stamp rate_sent(struct rate *r, uint32_t flight, uint32_t bytes, uint64_t now_ns)
{
    if (flight == 0) {
        /* 4.1.2.2: nothing is out, so the interval begins now. */
        r->first_sent_ns = now_ns;
        r->delivered_ns = now_ns;
    }
    return (struct rate_stamp){
        .delivered = (uint32_t)r->delivered,
        .delivered_us = low_us(r->delivered_ns),
        .first_us = low_us(r->first_sent_ns),
        .flight = flight + bytes,
        .lost = r->lost,
        .app_limited = r->app_limited != 0,
    };
}

void rate_app_limited(struct rate *r, uint32_t flight)
{
    uint64_t end = r->delivered + flight;
    r->app_limited = end != 0 ? end : 1; /* 4.1.2.4 */
}

void rate_ack_begin(struct rate_ack *a)
{
    *a = (struct rate_ack){0};
}

void rate_delivered(struct rate *r, struct rate_ack *a, const struct rate_stamp *s,
                    uint64_t sent_ns, uint32_t bytes, uint64_t now_ns)
{
    r->delivered += bytes;
    r->delivered_ns = now_ns;
    a->acked += bytes;
    if (a->any && sent_ns < a->newest_sent_ns) {
        return;
    }
    /* 4.1.2.3: the sample is that of the packet which left last. */
    a->any = true;
    a->newest = *s;
    a->newest_sent_ns = sent_ns;
    a->prior_delivered = r->delivered - (uint32_t)((uint32_t)r->delivered - s->delivered);
    r->first_sent_ns = sent_ns;
}

/* 4.1.2.3: the longer of the send and the ACK interval; 0: it cannot be relied on. */
static uint32_t interval_us(const struct rate_ack *a, uint32_t min_rtt_us, uint64_t now_ns)
{
    uint32_t send_us = low_us(a->newest_sent_ns) - a->newest.first_us;
    uint32_t ack_us = low_us(now_ns) - a->newest.delivered_us;
    uint32_t us = send_us > ack_us ? send_us : ack_us;
    uint64_t out_us = now_ns / NS_PER_US - a->newest_sent_ns / NS_PER_US;
    return us < min_rtt_us || us < out_us ? 0 : us;
}

/* BBR.round_start (draft-ietf-ccwg-bbr 5.5.1): a packet that left after the round began has been
 * delivered. */
static bool update_round(struct rate *r, uint64_t prior_delivered)
{
    if (prior_delivered < r->round_delivered) {
        return false;
    }
    r->round_delivered = r->delivered;
    r->rounds++;
    return true;
}

struct rate_sample rate_ack_end(struct rate *r, const struct rate_ack *a, uint32_t min_rtt_us,
                                uint64_t now_ns)
{
    if (r->app_limited != 0 && r->delivered > r->app_limited) {
        r->app_limited = 0; /* the bubble has left the pipe */
    }
    if (!a->any) {
        return (struct rate_sample){0};
    }
    return (struct rate_sample){
        .delivered = (uint32_t)(r->delivered - a->prior_delivered),
        .interval_us = interval_us(a, min_rtt_us, now_ns),
        .flight = a->newest.flight,
        .lost = r->lost - a->newest.lost,
        .app_limited = a->newest.app_limited,
        .round_start = update_round(r, a->prior_delivered),
    };
}

/* ---- windowed minimum ------------------------------------------------------------------------ */

/* best[0] is the minimum, best[1] the least since it, best[2] the least since that. When the
 * minimum gets too old the next takes its place. So that a next one is not as old as itself, they
 * are renewed after a quarter and a half of the window if nothing less came. */

#define WINDOW_MS 10000U

/* Puts a sample at place `n` and behind it. */
static void place(struct min_rtt *m, unsigned n, uint32_t now_ms, uint32_t us)
{
    for (unsigned i = n; i < 3; i++) {
        m->best[i].at_ms = now_ms;
        m->best[i].us = us;
    }
}

/* What grew too old goes, the others move up. */
static void expire(struct min_rtt *m, uint32_t now_ms, uint32_t us)
{
    while (now_ms - m->best[0].at_ms > WINDOW_MS) {
        m->best[0] = m->best[1];
        m->best[1] = m->best[2];
        place(m, 2, now_ms, us);
    }
}

static void renew(struct min_rtt *m, uint32_t now_ms, uint32_t us)
{
    uint32_t age_ms = now_ms - m->best[0].at_ms;
    if (m->best[1].at_ms == m->best[0].at_ms && age_ms > WINDOW_MS / 4) {
        place(m, 1, now_ms, us);
    } else if (m->best[2].at_ms == m->best[1].at_ms && age_ms > WINDOW_MS / 2) {
        place(m, 2, now_ms, us);
    }
}

void min_rtt_sample(struct min_rtt *m, uint32_t now_ms, uint32_t us)
{
    us = us != 0 ? us : 1; /* 0 means that none is known */
    if (m->best[0].us == 0 || us <= m->best[0].us) {
        place(m, 0, now_ms, us);
        return;
    }
    if (us <= m->best[1].us) {
        place(m, 1, now_ms, us);
    } else if (us <= m->best[2].us) {
        place(m, 2, now_ms, us);
    }
    if (now_ms - m->best[0].at_ms > WINDOW_MS) {
        expire(m, now_ms, us);
    } else {
        renew(m, now_ms, us);
    }
}
