/* What a stack chooses where the RFCs leave the choice to it, in one place.
 *
 * Two good stacks can be told apart by these: the order of options in a SYN, when an ACK waits, how
 * far a window grows that is not used up. The defaults are Lastack's own and stand beside the
 * fields; others are for tests that were written against another stack, for experiments, and for
 * who wants to look like one. Nothing here is read but through a stack's configuration
 * (la_config.persona, la_stack_set_persona); choices of a single connection are la_tcp_options. */
#ifndef LASTACK_PERSONA_H
#define LASTACK_PERSONA_H

#include <stdbool.h>
#include <stdint.h>

#pragma GCC visibility push(default)

/* The order of options in a SYN. */
enum la_syn_order {
    LA_SYN_MSS_SACK_TS_WS, /* each on a 4-byte boundary by NOPs before it; Linux as well */
    LA_SYN_MSS_WS_SACK_TS, /* as close as they fit, filled up behind the last one: FreeBSD */
};

/* When a segment says PUSH (RFC 9293 3.9.1.2, MUST-60, MUST-61). */
enum la_push {
    LA_PUSH_QUEUE, /* with the last byte that is queued */
    LA_PUSH_WRITE, /* with the last byte of each call */
};

/* How slow start ends without a loss. */
enum la_hystart {
    LA_HYSTART_PLUS,  /* HyStart++ (RFC 9406) */
    LA_HYSTART_DELAY, /* at once when the round trip grew: CUBIC's first HyStart */
    LA_HYSTART_OFF,
};

/* When an ACK of new data lets the window grow (RFC 5681 3.1, RFC 7661). */
enum la_growth {
    LA_GROWTH_FULL,   /* when the window was full as something was last sent */
    LA_GROWTH_DOUBLE, /* in slow start also up to twice what was outstanding in this round trip */
};

/* Fast Open (RFC 7413), in the bits that Linux's tcp_fastopen has. */
#define LA_FASTOPEN_CLIENT           0x001 /* connections may ask for it */
#define LA_FASTOPEN_SERVER           0x002 /* listeners may allow it */
#define LA_FASTOPEN_CLIENT_NO_COOKIE 0x004 /* data go in the SYN without a cookie (6.3) */
#define LA_FASTOPEN_SERVER_NO_COOKIE 0x200 /* data of a SYN are taken without one */
#define LA_FASTOPEN_SERVER_ALL       0x400 /* every listener allows it, backlog is the limit */

struct la_persona {
    /* opening */
    uint8_t syn_order;     /* enum la_syn_order */
    uint8_t window_shift;  /* window scale offered: 255: what the buffer needs */
    bool open_soft_errors; /* ICMP's soft errors end a connection that opens (RFC 5461 4) */
    bool accept_dead;      /* what died in a listener's queue is accepted all the same */
    bool echo_checked;     /* a SYN-ACK that echoes a timestamp which no SYN of ours had is reset */
    bool ts_optional;      /* segments without an agreed timestamp are taken (RFC 7323 3.2) */
    bool syn_fin_dropped;  /* a listener ignores a SYN with a FIN */
    bool reset_tells;      /* a reset is an error also when nothing but our FIN was outstanding */

    /* the retransmission timer (RFC 6298); its least value is an option */
    uint32_t rto_initial_ms; /* 1000 (2.1) */
    uint32_t rto_max_ms;     /* 60000 (2.5) */
    uint32_t rto_var_min_ms; /* 0: least of 4 * RTTVAR; the clock's granularity bounds it anyway */
    bool override_rto;       /* a partial segment is held back for an RTO, not for 200 ms */

    /* acknowledging (RFC 9293 3.8.6.3) */
    uint8_t ack_segs;    /* 2: full segments after which an ACK leaves at once */
    bool ack_partial;    /* of the last of them the first byte will do */
    bool fin_ack_waits;  /* the ACK of a FIN waits like that of data, in ESTABLISHED */
    bool fin_no_dsack;   /* and does not report what came twice (RFC 2883) */
    uint8_t quick_acks;  /* 0: so many segments are acknowledged at once at the beginning; delays
                            then follow the spacing of arrivals */
    bool lenient_window; /* of a segment that begins in the window all is taken when nothing waits
                            to be read, and a FIN in order into a closed one */

    /* sending */
    uint8_t push;        /* enum la_push */
    bool nagle_small;    /* Nagle's algorithm waits for partial segments only (Minshall) */
    bool more_until_ack; /* LA_SEND_MORE holds back until the next ACK */
    bool probe_empty;    /* a closed window is probed with an old number and no data */
    uint16_t burst_segs; /* 0: a super-segment is as long as the link takes; else at most half the
                            window and what leaves in a millisecond, but at least so many */
    bool push_bursts;    /* PUSH ends super-segments too */
    uint16_t challenges; /* 10: challenge ACKs a second and connection (RFC 5961 7); 0: no limit */

    /* the congestion window */
    uint16_t initial_window_segs; /* 10 (RFC 6928 2) */
    bool initial_window_bytes;    /* true: and no more than RFC 6928's 14600 bytes */
    uint8_t growth;               /* enum la_growth */
    uint8_t hystart;              /* enum la_hystart, of CUBIC */
    uint8_t slow_start_segs;      /* 0: the controller's own bound of an ACK's growth; 255: none */
    bool validation;              /* true: RFC 7661 */
    bool idle_restart;   /* after an idle RTO the window is the initial one (RFC 5681 4.1) */
    bool loss_by_window; /* a loss reduces the window, not what was outstanding */

    /* losses */
    uint8_t dup_thresh; /* 3 (RFC 5681 3.2) */
    bool rack;          /* true: RFC 8985; else duplicates alone are counted (RFC 6675) */
    bool tlp;           /* true: tail loss probes (RFC 8985 7) */
    bool frto;          /* true: RFC 5682 */
    bool rack_rtt_last; /* RACK.rtt is of the last in sequence, not of the last that left */
    bool old_sacks;     /* SACK blocks of ACKs below SND.UNA count */

    /* Fast Open */
    uint32_t fastopen;             /* LA_FASTOPEN_*, 0: off (RFC 7413 4.2) */
    uint32_t fastopen_blackhole_s; /* 3600: off for all after a black hole, doubled each time; 0: no
                                      such memory */
    uint8_t fastopen_strikes;      /* 1: negative answers after which a path is left alone (4.1.3.1)
                                    */
    bool fastopen_own_mss;         /* an unknown MSS is taken to be ours, not 536 or 1220 */
    uint8_t fastopen_keys;         /* 0: made at creation; 1: the first of these; 2: and a backup */
    uint8_t fastopen_key[2][16];
};

/* Fills in the defaults. */
void la_persona_init(struct la_persona *persona);

#pragma GCC visibility pop

#endif
