/* Packetization layer path MTU discovery: see plpmtud.h. */
#include "tcp/plpmtud.h"

#include <stddef.h>

#define OPTION_SPACE 40 /* a full segment may be short by what options take */
#define TIMER_FACTOR 5  /* RFC 4821 7.6.3 */

/* Sizes that paths have: RFC 1191 7.1 where they still exist, Ethernet with and without tunnels
 * (PPPoE 1492, 6in4 1480, GRE and IPsec 1400 to 1460, VXLAN 1450, WireGuard 1420), jumbo frames. */
static const uint16_t common[] = {576,  1006, 1200, 1280, 1360, 1400, 1420,  1440, 1450,
                                  1460, 1480, 1492, 1500, 4352, 9000, 17914, 32000};

static uint16_t size16(uint32_t size)
{
    return (uint16_t)(size > UINT16_MAX ? UINT16_MAX : size);
}

static uint16_t lesser(uint16_t a, uint16_t b)
{
    return a < b ? a : b;
}

static uint16_t least(const struct plpmtud *p)
{
    return lesser(p->v4 ? PLPMTUD_LEAST_V4 : PLPMTUD_LEAST_V6, p->max);
}

/* RFC 8200 5: what every IPv6 path takes is also the base size. */
static uint16_t base(const struct plpmtud *p)
{
    return lesser(p->v4 ? PLPMTUD_BASE_V4 : PLPMTUD_LEAST_V6, p->max);
}

uint32_t plpmtud_choose(uint32_t low, uint32_t high)
{
    uint32_t first = 0;
    uint32_t count = 0;
    if (high <= low) {
        return 0;
    }
    for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++) {
        first += common[i] <= low ? 1 : 0;
        count += common[i] > low && common[i] <= high ? 1 : 0;
    }
    if (count != 0) {
        return common[first +
                      count / 3]; /* 7.3: a probe that fails costs more than one that arrives */
    }
    uint32_t gain = low / 64 > 16 ? low / 64 : 16;
    return high - low < gain ? 0 : low + (high - low + 1) / 2;
}

static void forget_losses(struct plpmtud *p)
{
    p->hole = 0;
    p->lost = 0;
    p->times = 0;
    p->timeouts = 0;
    p->judged = false;
}

static void rest(struct plpmtud *p, uint64_t now_ns)
{
    p->state = PLPMTUD_COMPLETE;
    p->next_ns = now_ns + PLPMTUD_RAISE_NS;
    p->failed = 0;
    p->tries = 0;
}

/* From `low` on, which arrives; when nothing is left to search it rests. */
static void search(struct plpmtud *p, uint64_t next_ns, uint64_t now_ns)
{
    p->state = PLPMTUD_SEARCHING;
    p->next_ns = next_ns;
    if (p->failed >= PLPMTUD_MAX_PROBES || plpmtud_choose(p->low, p->high) == 0) {
        rest(p, now_ns);
    }
}

void plpmtud_init(struct plpmtud *p, bool v4, uint32_t mtu, uint32_t max, uint64_t now_ns)
{
    *p = (struct plpmtud){.v4 = v4, .max = size16(max), .high = size16(max)};
    if (p->max <= least(p)) {
        p->mtu = p->low = p->max;
        return;
    }
    p->mtu = lesser(size16(mtu), p->max);
    p->mtu = p->mtu > least(p) ? p->mtu : least(p);
    p->low = lesser(base(p), p->mtu);
    rest(p, now_ns);
}

enum plpmtud_news plpmtud_limit(struct plpmtud *p, uint32_t max, uint64_t now_ns)
{
    uint16_t was = p->mtu;
    if (size16(max) == p->max) {
        return PLPMTUD_SAME;
    }
    bool more = size16(max) > p->max;
    if (p->state == PLPMTUD_DISABLED || size16(max) <= p->mtu) {
        plpmtud_init(p, p->v4, was, max, now_ns);
    } else {
        p->max = size16(max);
        p->high = more ? p->max : lesser(p->high, p->max);
        p->probed = p->probed > p->max ? 0 : p->probed;
    }
    if (more && p->state == PLPMTUD_COMPLETE) {
        p->next_ns = now_ns;
    }
    return p->mtu < was ? PLPMTUD_FELL : p->mtu > was ? PLPMTUD_RAISED : PLPMTUD_SAME;
}

/* ---- what happens to ordinary segments ------------------------------------------------------ */

void plpmtud_delivered(struct plpmtud *p, uint32_t size, uint64_t now_ns)
{
    uint16_t got = lesser(size16(size), p->mtu);
    if (p->hole != 0 && got >= p->hole) {
        forget_losses(p);
    }
    if (got > p->low) {
        p->low = got; /* RFC 4821 7.1: an implicit probe */
    }
    bool confirms = p->state == PLPMTUD_BASE || p->state == PLPMTUD_ERROR;
    if (confirms && got + OPTION_SPACE >= p->mtu) {
        forget_losses(p);
        search(p, now_ns, now_ns);
    }
}

/* RFC 4821 7.7, RFC 8899 4.3: nothing of this size arrives any more. */
static enum plpmtud_news black_hole(struct plpmtud *p, uint64_t now_ns)
{
    bool on_trial = p->raised && now_ns - p->raised_ns < PLPMTUD_VERIFY_NS;
    bool below_base = p->mtu <= base(p);
    /* The size that was in use is no failed probe (RFC 4821 7.1); but a raise that ends like this
     * was wrong, as on a path of several (7.8). */
    p->high = on_trial ? (uint16_t)(p->mtu - 1) : p->max;
    p->mtu = p->low = below_base ? least(p) : base(p);
    p->high = p->high > p->low ? p->high : p->low;
    p->state = below_base ? PLPMTUD_ERROR : PLPMTUD_BASE;
    p->failed = p->tries = 0;
    p->probed = 0;
    p->raised = false;
    forget_losses(p);
    return PLPMTUD_FELL;
}

/* Can a segment of this size be the victim of a black hole that a smaller one would pass? */
static bool suspect(const struct plpmtud *p, uint32_t size)
{
    return p->state != PLPMTUD_DISABLED && p->state != PLPMTUD_ERROR && size > least(p);
}

static void count_loss(struct plpmtud *p, uint32_t size, uint32_t times)
{
    uint8_t level = (uint8_t)(times > UINT8_MAX ? UINT8_MAX : times);
    uint16_t lost = lesser(size16(size), p->mtu);
    if (p->hole == 0 || lost < p->hole) {
        p->hole = lost;
    }
    if (p->lost == 0 || level > p->times) {
        p->times = level;
        p->lost = p->lost < PLPMTUD_MAX_PROBES ? (uint8_t)(p->lost + 1) : p->lost;
    }
}

static enum plpmtud_news conclude(struct plpmtud *p, uint64_t now_ns)
{
    bool hole = (p->judged && p->lost >= PLPMTUD_MAX_PROBES) || p->timeouts >= PLPMTUD_TIMEOUTS;
    return hole ? black_hole(p, now_ns) : PLPMTUD_SAME;
}

enum plpmtud_news plpmtud_lost(struct plpmtud *p, uint32_t size, uint32_t times, uint64_t now_ns)
{
    if (!suspect(p, size)) {
        return PLPMTUD_SAME;
    }
    count_loss(p, size, times);
    p->judged = true;
    return conclude(p, now_ns);
}

enum plpmtud_news plpmtud_timeout(struct plpmtud *p, uint32_t size, uint32_t times, uint64_t now_ns)
{
    if (!suspect(p, size)) {
        return PLPMTUD_SAME;
    }
    count_loss(p, size, times);
    if (size > base(p) || p->state == PLPMTUD_BASE) {
        p->timeouts++;
    }
    return conclude(p, now_ns);
}

/* ---- probes --------------------------------------------------------------------------------- */

/* The raise timer resets the range (RFC 4821 7.3). */
static uint32_t choose_from(const struct plpmtud *p)
{
    switch ((enum plpmtud_state)p->state) {
    case PLPMTUD_COMPLETE:
        return plpmtud_choose(p->mtu, p->max);
    case PLPMTUD_SEARCHING:
        return plpmtud_choose(p->low, p->high);
    default:
        return 0;
    }
}

uint32_t plpmtud_probe_size(const struct plpmtud *p, uint64_t now_ns)
{
    return p->probed == 0 && now_ns >= p->next_ns ? choose_from(p) : 0;
}

uint64_t plpmtud_next_ns(const struct plpmtud *p)
{
    return p->probed == 0 && choose_from(p) != 0 ? p->next_ns : UINT64_MAX;
}

void plpmtud_probe_sent(struct plpmtud *p, uint32_t size)
{
    if (p->state == PLPMTUD_COMPLETE) {
        p->state = PLPMTUD_SEARCHING;
        p->low = p->mtu;
        p->high = p->max;
    }
    p->probed = size16(size);
}

enum plpmtud_news plpmtud_probe_acked(struct plpmtud *p, uint64_t now_ns)
{
    uint16_t got = p->probed;
    if (got == 0) {
        return PLPMTUD_SAME;
    }
    p->probed = 0;
    p->failed = p->tries = 0;
    p->low = p->mtu = got;
    p->high = p->high > got ? p->high : got;
    p->raised = true;
    p->raised_ns = now_ns;
    forget_losses(p);
    search(p, now_ns, now_ns);
    return PLPMTUD_RAISED;
}

void plpmtud_probe_lost(struct plpmtud *p, enum plpmtud_loss how, uint64_t headway_ns,
                        uint64_t now_ns)
{
    uint16_t lost = p->probed;
    if (lost == 0) {
        return;
    }
    p->probed = 0;
    if (how == PLPMTUD_WITH_OTHERS && ++p->tries < PLPMTUD_MAX_PROBES) {
        return; /* RFC 4821 7.6.4: the same size again */
    }
    uint64_t wait_ns = headway_ns < PLPMTUD_RAISE_NS ? headway_ns : PLPMTUD_RAISE_NS;
    if (how == PLPMTUD_BY_TIMER) {
        wait_ns *= TIMER_FACTOR;
    }
    p->tries = 0;
    p->failed++;
    p->high = lesser(p->high, (uint16_t)(lost - 1));
    p->high = p->high > p->low ? p->high : p->low;
    search(p, now_ns + wait_ns, now_ns);
}

void plpmtud_probe_void(struct plpmtud *p)
{
    p->probed = 0;
}

/* ---- Packet Too Big ------------------------------------------------------------------------- */

/* RFC 8899 4.6.2, the case BASE_PLPMTU <= PTB < PLPMTU, and below (IPv4). Classical discovery is
 * believed at once (RFC 4821 7.6.2), not by way of the base size: a connection has its window to
 * send again. What it says below the base size is not true of any path that is known: it is kept to
 * for as long as it takes to search upwards again. */
static enum plpmtud_news reported(struct plpmtud *p, uint32_t mtu, uint64_t now_ns)
{
    p->probed = 0;
    p->raised = false;
    forget_losses(p);
    if (mtu < base(p)) {
        p->mtu = p->low = size16(mtu > least(p) ? mtu : least(p));
        p->high = p->max;
        p->state = PLPMTUD_ERROR;
        p->failed = p->tries = 0;
    } else {
        p->mtu = p->high = size16(mtu);
        p->low = lesser(p->low, p->mtu);
        rest(p, now_ns);
    }
    return PLPMTUD_FELL;
}

/* One above what a message may say: it is about something larger that was sent. */
static uint32_t reportable(const struct plpmtud *p)
{
    bool fell = p->state == PLPMTUD_BASE || p->state == PLPMTUD_ERROR; /* it may come late */
    return p->probed ? p->probed : fell ? p->max : p->mtu;
}

enum plpmtud_news plpmtud_ptb(struct plpmtud *p, uint32_t mtu, uint64_t now_ns, bool *heeded)
{
    /* RFC 8201 4, RFC 791 3.2: no link is narrower; and what was sent would have passed. */
    *heeded = p->state != PLPMTUD_DISABLED && mtu >= (p->v4 ? 68U : 1280U) && mtu < reportable(p);
    if (!*heeded) {
        return PLPMTUD_SAME;
    }
    if (mtu >= p->mtu) {
        p->high = lesser(p->high, (uint16_t)mtu); /* the probe's, whose loss will be seen */
        return PLPMTUD_SAME;
    }
    return p->mtu > least(p) ? reported(p, mtu, now_ns) : PLPMTUD_SAME;
}

/* ---- invariants ----------------------------------------------------------------------------- */

bool plpmtud_check(const struct plpmtud *p)
{
    bool pinned =
        p->state == PLPMTUD_BASE || p->state == PLPMTUD_SEARCHING || p->state == PLPMTUD_ERROR;
    if (p->state == PLPMTUD_DISABLED) {
        return p->mtu == p->max && p->low == p->max && p->high == p->max && p->probed == 0;
    }
    return least(p) <= p->low && p->low <= p->mtu && p->mtu <= p->max && p->low <= p->high &&
           p->high <= p->max && (!pinned || p->mtu == p->low) &&
           (p->probed == 0 || (p->probed > p->mtu && p->probed <= p->max)) &&
           p->failed < PLPMTUD_MAX_PROBES && p->tries < PLPMTUD_MAX_PROBES &&
           p->lost <= PLPMTUD_MAX_PROBES && p->timeouts < PLPMTUD_TIMEOUTS &&
           (p->hole == 0) == (p->lost == 0);
}
