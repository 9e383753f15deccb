/* Proportional rate reduction (RFC 9937).
 *
 * While more is in flight than ssthresh, what leaves is to what is delivered as ssthresh is to the
 * flight at the beginning (PRR). Below ssthresh, what leaves is what is delivered (conservative
 * reduction bound), and a segment more on an ACK that shows progress without further loss (slow
 * start reduction bound, chosen by SafeACK).
 *
 * RFC 9937 lets one segment leave at the beginning when the count is 0. Counted in bytes the
 * proportion of one segment is mostly less than a segment, in which nothing can leave, so here that
 * holds for every count below a segment, as it does where segments are counted and rounded up.
 *
 * The sums are 64 bits wide: an episode in which retransmissions are lost again and again may send
 * more than 2^32 bytes. */
#include "loss/prr.h"

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

void prr_begin(struct prr *p, uint32_t recover_fs)
{
    *p = (struct prr){.recover_fs = recover_fs != 0 ? recover_fs : 1};
}

/* CEIL(delivered * ssthresh / RecoverFS), in two steps, for the product may exceed 64 bits. */
static uint64_t proportion(const struct prr *p, uint32_t ssthresh)
{
    uint64_t whole = min_u64(p->delivered / p->recover_fs, UINT32_MAX);
    uint64_t rest = p->delivered % p->recover_fs;
    return whole * ssthresh + (rest * ssthresh + p->recover_fs - 1) / p->recover_fs;
}

/* RFC 9937 6.2: SndCnt. */
static uint64_t send_count(const struct prr *p, const struct prr_ack *in)
{
    if (in->flight > in->ssthresh) {
        uint64_t may = proportion(p, in->ssthresh);
        return may > p->out ? may - p->out : 0;
    }
    uint64_t count = p->delivered > p->out ? p->delivered - p->out : 0;
    if (count < in->delivered) {
        count = in->delivered;
    }
    if (in->una_advanced && !in->lost_more) {
        count += in->mss; /* SafeACK */
    }
    return min_u64(count, in->ssthresh - in->flight);
}

uint32_t prr_acked(struct prr *p, const struct prr_ack *in)
{
    if (in->delivered == 0 && !in->first) {
        /* RFC 9937 6.2: nothing changes; what this ACK marked lost makes room. */
        return p->cwnd > in->flight ? p->cwnd - in->flight : 0;
    }
    p->delivered += in->delivered;
    uint64_t count = send_count(p, in);
    if (p->out == 0 && count < in->mss) {
        count = in->mss; /* the fast retransmit */
    }
    count = min_u64(count, UINT32_MAX - in->flight);
    p->cwnd = in->flight + (uint32_t)count;
    return (uint32_t)count;
}

void prr_sent(struct prr *p, uint32_t bytes)
{
    p->out += bytes;
}
