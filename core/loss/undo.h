/* Was the recovery a mistake? F-RTO (RFC 5682), Eifel detection (RFC 3522) and D-SACK (RFC 3708),
 * and what follows from it (RFC 4015). Objects that are fed integers. */
#ifndef LOSS_UNDO_H
#define LOSS_UNDO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/seq.h"

/* ---- F-RTO ----------------------------------------------------------------------------------- */

/* RFC 5682 2.1 without and 3.1 with SACK. All zero: not running. */
struct frto {
    seq32 recover; /* highest sequence number sent when the timer ran out */
    uint8_t step;  /* 0: not running; else the step of 2.1 or 3.1 that comes next */
};

/* The timer ran out, the first segment goes again. `allowed`: no SYN, FIN or zero window is
 * concerned, and (2.1 and 3.1, step 1) no recovery was under way, or the timer ran out again before
 * any ACK for the same segment: frto_waiting(). */
void frto_begin(struct frto *f, seq32 snd_max, bool allowed);

/* Is it waiting for the first ACK after the timeout? */
static inline bool frto_waiting(const struct frto *f)
{
    return f->step == 2;
}

enum frto_verdict {
    FRTO_NOTHING,  /* not running, or the ACK decides nothing: go on as before */
    FRTO_SEND_NEW, /* step 2b: up to two new segments instead of retransmissions */
    FRTO_GENUINE,  /* nothing speaks against the timeout: conventional recovery */
    FRTO_SPURIOUS, /* step 3b: the timeout was wrong */
};
struct frto_ack {
    seq32 snd_una;       /* after this ACK */
    seq32 sack_high;     /* highest end of its SACK blocks; without any: snd_una */
    bool advanced;       /* it acknowledged new data */
    bool duplicate;      /* a duplicate ACK (RFC 5681 2), or one that SACKs something new */
    bool rtx_left;       /* not all is acknowledged of what was sent again since the timeout */
    bool acked_original; /* it delivered, cumulatively or by SACK, something that was not sent again
                            since the timeout (3.1, step 3) */
    bool new_data_left;  /* there are unsent data and room in the peer's window for them */
    bool sack;           /* SACK was agreed */
};
enum frto_verdict frto_acked(struct frto *f, const struct frto_ack *in);

/* ---- Eifel and D-SACK ------------------------------------------------------------------------ */

/* All zero: no episode. */
struct undo {
    uint32_t rtx_ts;     /* TSval of the first retransmission of the episode (RFC 3522 3.2) */
    uint32_t pending;    /* retransmissions of the episode that no D-SACK has answered */
    uint32_t unanswered; /* of the connection: more D-SACKs than these come from the network */
    bool possible;       /* an episode is under way or just over, and may still be undone */
    bool resent;         /* something was sent again in it: rtx_ts and pending count */
    bool eifel_done;     /* the ACK that could show it by its timestamp has come */
    bool duplicates;     /* the network duplicates: D-SACKs prove nothing any more (RFC 3708 3) */
};

/* An episode begins. A timeout within a recovery begins none: RFC 3522 3.2 keeps the first
 * retransmission's timestamp, and D-SACKs may still come for all of them. */
void undo_begin(struct undo *u);
/* A run was sent again, in an episode or not (a tail loss probe), as that many wire segments. */
void undo_resent(struct undo *u, uint32_t segments, uint32_t tsval);
/* A D-SACK tells that segments came twice. `ours`: within what this episode sent again, but not
 * when it begins at the SND.UNA before it and nothing has been SACKed in the episode: then a whole
 * window of ACKs was lost (RFC 3708 3, A.1). */
void undo_dsack(struct undo *u, uint32_t segments, bool ours);

enum undo_verdict { UNDO_NO, UNDO_BY_TIMESTAMP, UNDO_BY_DSACK };
struct undo_ack {
    uint32_t tsecr;
    bool advanced;     /* SND.UNA moved */
    bool has_ts;       /* tsecr counts */
    bool covers_rtx;   /* it acknowledges something that was sent again in the episode */
    bool covers_all;   /* nothing is outstanding after it */
    bool dsack;        /* it carries a D-SACK */
    bool dsack_before; /* an earlier ACK of the connection did */
};
/* Was the episode a mistake? Asked for every ACK, after undo_dsack(). A yes ends the episode. */
enum undo_verdict undo_acked(struct undo *u, const struct undo_ack *in);
/* It cannot be undone any more. */
void undo_end(struct undo *u);

/* RFC 4015 3.1, steps 0 and 11: SRTT and RTTVAR after a spurious timeout, from what they were
 * before it and the first sample of data that was sent after it. In eighths and quarters of a
 * microsecond as tcp/rtt.h keeps them. */
struct undo_rtt {
    uint32_t srtt_us8, rttvar_us4;
};
struct undo_rtt undo_adapt_rtt(struct undo_rtt before, uint32_t sample_us);

#endif
