/* F-RTO (RFC 5682): was the retransmission timeout a mistake?
 *
 * After a timeout the first segment goes again. When its acknowledgement comes, new data leave
 * instead of further retransmissions, and the next ACK decides: if it acknowledges what was sent
 * before the timeout and not again, the originals were only late. The basic variant (2.1) reads
 * cumulative ACKs alone; with SACK (3.1) duplicate ACKs are waited out in step 2 and their blocks
 * read in step 3. */
#include "loss/undo.h"

#define STEP_FIRST_ACK  2
#define STEP_SECOND_ACK 3

void frto_begin(struct frto *f, seq32 snd_max, bool allowed)
{
    *f = (struct frto){.recover = snd_max, .step = allowed ? STEP_FIRST_ACK : 0};
}

static enum frto_verdict end(struct frto *f, enum frto_verdict verdict)
{
    f->step = 0;
    return verdict;
}

/* 2.1 and 3.1, step 2. */
static enum frto_verdict first_ack(struct frto *f, const struct frto_ack *in)
{
    if (!in->advanced) {
        /* 2.1, 2a; with SACK it waits for the acknowledgement of what was sent again. */
        return in->sack ? FRTO_NOTHING : end(f, FRTO_GENUINE);
    }
    /* 2a: all of it came, perhaps because of the retransmission; or not even all of that one, as
     * from a peer that wants to mislead. 2b: without new data nothing can be learnt. */
    if (seq_ge(in->snd_una, f->recover) || in->rtx_left || !in->new_data_left) {
        return end(f, FRTO_GENUINE);
    }
    f->step = STEP_SECOND_ACK;
    return FRTO_SEND_NEW;
}

/* 2.1, step 3: the originals arrived, or something is missing. */
static enum frto_verdict second_ack(struct frto *f, const struct frto_ack *in)
{
    return end(f, in->advanced ? FRTO_SPURIOUS : FRTO_GENUINE);
}

/* 3.1, step 3: the same, with what the blocks say. */
static enum frto_verdict second_ack_sack(struct frto *f, const struct frto_ack *in)
{
    bool beyond = seq_gt(in->snd_una, f->recover) || seq_gt(in->sack_high, f->recover);
    return end(f, !beyond && in->acked_original ? FRTO_SPURIOUS : FRTO_GENUINE);
}

enum frto_verdict frto_acked(struct frto *f, const struct frto_ack *in)
{
    if (f->step == 0 || (!in->advanced && !in->duplicate)) {
        return FRTO_NOTHING; /* 2.1: other ACKs are ignored */
    }
    if (f->step == STEP_FIRST_ACK) {
        return first_ack(f, in);
    }
    return in->sack ? second_ack_sack(f, in) : second_ack(f, in);
}
