/* Was the recovery a mistake? Two witnesses.
 *
 * The timestamp (Eifel detection, RFC 3522): the first ACK for something that was sent again echoes
 * a timestamp older than the first retransmission, so the original had arrived.
 *
 * D-SACKs (RFC 3708): the peer tells that every retransmission of the episode came twice. They are
 * counted, not matched: as many segments must be told of as were sent again. That is stricter than
 * RFC 3708's mark on each segment where one was sent again more often than it arrived, and finds
 * that network duplicates as well: when D-SACKs outnumber all retransmissions of the connection.
 *
 * Invariants: without an episode nothing can be undone; pending is at most what was sent again in
 * it. */
#include "loss/undo.h"

#define CLOCK_US      1000              /* G of RFC 4015, as in tcp/rtt.c */
#define SAMPLE_MAX_US (UINT32_MAX / 16) /* as there: a longer sample says nothing more */

static uint32_t add_saturating(uint32_t a, uint32_t b)
{
    return a < UINT32_MAX - b ? a + b : UINT32_MAX;
}

static uint32_t sub_saturating(uint32_t a, uint32_t b)
{
    return a > b ? a - b : 0;
}

static uint32_t max_u32(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

void undo_begin(struct undo *u)
{
    u->pending = 0;
    u->possible = true;
    u->resent = false;
    u->eifel_done = false;
}

void undo_resent(struct undo *u, uint32_t segments, uint32_t tsval)
{
    u->unanswered = add_saturating(u->unanswered, segments);
    if (!u->possible) {
        return;
    }
    u->pending = add_saturating(u->pending, segments);
    if (!u->resent) {
        u->resent = true;
        u->rtx_ts = tsval; /* RFC 3522 3.2, step 2: later ones do not overwrite it */
    }
}

void undo_dsack(struct undo *u, uint32_t segments, bool ours)
{
    if (segments > u->unanswered) {
        u->duplicates = true; /* RFC 3708 3, A.4 */
    }
    u->unanswered = sub_saturating(u->unanswered, segments);
    if (ours) {
        u->pending = sub_saturating(u->pending, segments);
    }
}

/* RFC 3522 3.2, steps 3 to 5: the first ACK that acknowledges what was sent again decides. */
static bool eifel(struct undo *u, const struct undo_ack *in)
{
    if (u->eifel_done || !in->advanced || !in->covers_rtx) {
        return false;
    }
    u->eifel_done = true;
    if (!in->has_ts || (int32_t)(in->tsecr - u->rtx_ts) >= 0) {
        return false;
    }
    /* Step 5: when all ACKs of a window were lost, the retransmission's ACK carries the old
     * timestamp too. It tells of a duplicate, if the peer does that at all, and covers all. */
    return !in->dsack && (in->dsack_before || !in->covers_all);
}

enum undo_verdict undo_acked(struct undo *u, const struct undo_ack *in)
{
    if (!u->possible || !u->resent) {
        return UNDO_NO;
    }
    enum undo_verdict verdict = UNDO_NO;
    if (eifel(u, in)) {
        verdict = UNDO_BY_TIMESTAMP;
    } else if (u->pending == 0 && !u->duplicates) {
        verdict = UNDO_BY_DSACK; /* RFC 3708 3, B.1 */
    }
    if (verdict != UNDO_NO) {
        undo_end(u);
    }
    return verdict;
}

void undo_end(struct undo *u)
{
    u->possible = false;
}

struct undo_rtt undo_adapt_rtt(struct undo_rtt before, uint32_t sample_us)
{
    uint32_t sample = sample_us < SAMPLE_MAX_US ? sample_us : SAMPLE_MAX_US;
    /* Step 0: SRTT_prev = SRTT + 2 G. Step 11: at least that, at least what the sample says. */
    uint32_t prev_us8 = add_saturating(before.srtt_us8, 2 * CLOCK_US * 8);
    return (struct undo_rtt){
        .srtt_us8 = max_u32(prev_us8, sample * 8),
        .rttvar_us4 = max_u32(before.rttvar_us4, sample * 2),
    };
}
