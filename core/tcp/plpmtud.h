/* Packetization layer path MTU discovery (RFC 4821, with the states and names of RFC 8899): which
 * size of packet arrives, learned from what is acknowledged and what is lost. It works without
 * ICMP; a Packet Too Big message is a hint that makes it faster.
 *
 * Integers in, integers out. Sizes are IP packets with all their headers, `mtu` (PLPMTU, eff_pmtu)
 * the largest that ordinary segments have. low and high are search_low and search_high.
 *
 *   DISABLED   nothing to search: the largest size is no larger than the least that must pass
 *   COMPLETE   the usual state. It begins with the MTU of link or cache, as classical discovery has
 *              it (RFC 4821 7.2, the conservative way), and watches for a black hole. When a larger
 *              size is possible it is searched for after PMTU_RAISE_TIMER
 *   BASE       a black hole was found: segments of the base size, until one arrives
 *   SEARCHING  larger ones are probed: one segment, sent once, larger than the rest
 *   ERROR      not even the base size arrives, or a message says so (IPv4): smaller ones, until one
 *              arrives; the search goes on from there
 *
 * A black hole shows when a segment is lost three times in a row. Loss that the scoreboard judged
 * counts by how often the segment was sent: it means that something sent later arrived, and a burst
 * of losses is one. Timeouts alone say something of segments above the base size: three are the
 * full stop of RFC 4821 7.7 (R1 of RFC 9293 3.8.3). A delivered segment of the smallest size that
 * was lost takes all of it back.
 *
 * The search: by thirds over the sizes that links and tunnels have (coarse), then by halves between
 * two of them (fine), until what could be gained is below 1/64. A size that was lost alone is too
 * large (RFC 4821 7.6.2); after MAX_PROBES failures in a row the search rests (RFC 8899 5.3.1). The
 * next probe after a failure waits as many round trips as the window has segments, because the
 * failure was not answered as congestion (RFC 4821 4).
 *
 * Invariants (plpmtud_check() tests them): least <= mtu <= max, least <= low <= mtu and
 * low <= high <= max; in BASE, SEARCHING and ERROR mtu is low; a probe is larger than mtu. (Where
 * max is below the least size, all are max, and the state is DISABLED.) */
#ifndef TCP_PLPMTUD_H
#define TCP_PLPMTUD_H

#include <stdbool.h>
#include <stdint.h>

/* RFC 8899 5.1.2: BASE_PLPMTU. MIN_PLPMTU: for IPv4 the floor of ip/pmtu.h, not the 68 bytes that
 * no path has. */
#define PLPMTUD_BASE_V4    1200
#define PLPMTUD_LEAST_V4   552
#define PLPMTUD_LEAST_V6   1280
#define PLPMTUD_MAX_PROBES 3
#define PLPMTUD_TIMEOUTS   3                      /* RFC 4821 7.7: R1 */
#define PLPMTUD_RAISE_NS   UINT64_C(600000000000) /* RFC 8899 5.1.1: PMTU_RAISE_TIMER */
#define PLPMTUD_VERIFY_NS  UINT64_C(60000000000)  /* a raised MTU is on trial (RFC 4821 7.8) */

enum plpmtud_state {
    PLPMTUD_DISABLED,
    PLPMTUD_BASE,
    PLPMTUD_SEARCHING,
    PLPMTUD_COMPLETE,
    PLPMTUD_ERROR
};

struct plpmtud {
    uint64_t next_ns;   /* no probe before */
    uint64_t raised_ns; /* when a probe last raised the MTU; counts while `raised` */
    uint16_t mtu;
    uint16_t low, high;
    uint16_t max;     /* MAX_PLPMTU: link, and what the peer takes */
    uint16_t probed;  /* PROBED_SIZE: its probe is under way; 0: none */
    uint16_t hole;    /* smallest size among the losses in a row, 0: none */
    uint8_t state;    /* enum plpmtud_state */
    uint8_t failed;   /* PROBE_COUNT: sizes in a row that failed */
    uint8_t tries;    /* probes of this size that told nothing */
    uint8_t lost;     /* transmissions in a row, at most MAX_PROBES */
    uint8_t times;    /* the last of them had been sent so often */
    uint8_t timeouts; /* in a row, of segments above the base size */
    bool judged;      /* one of them by the scoreboard */
    bool raised;
    bool v4;
};

/* What an event did. */
enum plpmtud_news {
    PLPMTUD_SAME,
    PLPMTUD_FELL,   /* mtu is smaller: what is outstanding goes again in smaller segments */
    PLPMTUD_RAISED, /* mtu is larger */
};

/* The connection is open. `mtu`: what is known of the path; `max`: what link and peer take. */
void plpmtud_init(struct plpmtud *p, bool v4, uint32_t mtu, uint32_t max, uint64_t now_ns);

/* Link or peer take another maximum. */
enum plpmtud_news plpmtud_limit(struct plpmtud *p, uint32_t max, uint64_t now_ns);

/* Is there anything to learn from ordinary segments? If not, plpmtud_delivered() need not be
 * called. */
static inline bool plpmtud_watches(const struct plpmtud *p)
{
    return p->lost != 0 || p->timeouts != 0 || p->low < p->mtu || p->state == PLPMTUD_BASE ||
           p->state == PLPMTUD_ERROR;
}

/* An ordinary segment of `size` arrived (acknowledged or SACKed for the first time). */
void plpmtud_delivered(struct plpmtud *p, uint32_t size, uint64_t now_ns);

/* A transmission of an ordinary segment is judged lost; it was the `times`-th of those bytes. */
enum plpmtud_news plpmtud_lost(struct plpmtud *p, uint32_t size, uint32_t times, uint64_t now_ns);

/* The retransmission timer ran out for such a segment: it is lost by this. */
enum plpmtud_news plpmtud_timeout(struct plpmtud *p, uint32_t size, uint32_t times,
                                  uint64_t now_ns);

/* The size to probe now, 0: none. Changes nothing. The caller sees to RFC 4821 7.4: nothing lost,
 * window and data for the probe and three segments behind it. */
uint32_t plpmtud_probe_size(const struct plpmtud *p, uint64_t now_ns);

/* The time from which plpmtud_probe_size() may give one, UINT64_MAX: not without other news. */
uint64_t plpmtud_next_ns(const struct plpmtud *p);

/* A probe of that size left. */
void plpmtud_probe_sent(struct plpmtud *p, uint32_t size);

/* It was acknowledged (RFC 4821 7.6.1). This and the next do nothing when no probe is under way. */
enum plpmtud_news plpmtud_probe_acked(struct plpmtud *p, uint64_t now_ns);

/* It was lost: alone (no congestion signal: RFC 4821 7.6.2), found by the timer (7.6.3), or with
 * others (7.6.4). `headway_ns`: the round trip times the window's segments. The next probe is held
 * back in the first two cases, as long as 4 and 7.6.3 say. */
enum plpmtud_loss { PLPMTUD_ALONE, PLPMTUD_BY_TIMER, PLPMTUD_WITH_OTHERS };
void plpmtud_probe_lost(struct plpmtud *p, enum plpmtud_loss how, uint64_t headway_ns,
                        uint64_t now_ns);

/* The probe will never be judged (it was cut, or the connection gave up its place): as if it had
 * not been sent. */
void plpmtud_probe_void(struct plpmtud *p);

/* A Packet Too Big message that quotes something in flight (RFC 8899 4.6.1) with this MTU, or the
 * stack learned one from another connection. FELL: `mtu` is what it says. `*heeded` false: it is
 * not plausible (4.6.2), nothing changed. */
enum plpmtud_news plpmtud_ptb(struct plpmtud *p, uint32_t mtu, uint64_t now_ns, bool *heeded);

/* Pure: the next size to probe when `low` arrives and nothing above `high` does; 0: the range is
 * not worth a probe. */
uint32_t plpmtud_choose(uint32_t low, uint32_t high);

/* Do the invariants hold? */
bool plpmtud_check(const struct plpmtud *p);

#endif
