/* The decisions of TCP as pure functions: integers in, a verdict out.
 *
 * No control block, no memory, no clock: so they are tested exhaustively, near the wrap as well,
 * and whoever explains a capture can ask the very code that ran. */
#ifndef TCP_DECIDE_H
#define TCP_DECIDE_H

#include <stdbool.h>
#include <stdint.h>

#include <lastack/reason.h>

#include "base/seq.h"

/* RFC 9293 3.10.7.4, first: is any of the segment in the window? The four cases of table 6. A
 * segment that begins before the window and ends behind it is refused, as the text has it. */
bool tcp_seq_acceptable(seq32 rcv_nxt, uint32_t rcv_wnd, seq32 seq, uint32_t seg_len);

/* RFC 9293 3.10.7.4, second; RFC 5961 3.2. */
enum tcp_rst_verdict { TCP_RST_DROP, TCP_RST_CHALLENGE, TCP_RST_ACCEPT };
enum tcp_rst_verdict tcp_rst_verdict(seq32 rcv_nxt, uint32_t rcv_wnd, seq32 seq);

/* RFC 9293 3.10.7.4, fifth; RFC 5961 5.2 (MAY-12). NEW: SND.UNA < SEG.ACK =< SND.NXT; SAME: equal
 * to SND.UNA; OLD: below, but within the largest window ever seen; the other two are refused. */
enum tcp_ack_verdict { TCP_ACK_NEW, TCP_ACK_SAME, TCP_ACK_OLD, TCP_ACK_TOO_OLD, TCP_ACK_TOO_NEW };
enum tcp_ack_verdict tcp_ack_verdict(seq32 snd_una, seq32 snd_max, uint32_t snd_wnd_max, seq32 ack);

/* RFC 9293 3.10.7.4, fifth: may this segment change SND.WND? */
bool tcp_window_update_ok(seq32 wl1, seq32 wl2, seq32 seq, seq32 ack);

/* RFC 5681 2: a duplicate ACK acknowledges SND.UNA, while data are outstanding, carries no data,
 * no SYN and no FIN and does not change the window. */
bool tcp_duplicate_ack(bool outstanding, uint32_t seg_len, bool window_changed, seq32 snd_una,
                       seq32 ack);

/* RFC 7323 5.3: is the timestamp not older than the last one? A TS.Recent older than 24 days says
 * nothing (5.5). */
bool tcp_paws_ok(uint32_t ts_recent, uint32_t tsval, uint32_t ts_recent_age_s);

/* RFC 9293 3.8.6.3 (SHLD-18, SHLD-19): what data that arrived in order ask for. `unacked` counts
 * this segment. */
enum tcp_ack_policy { TCP_ACK_NONE, TCP_ACK_DELAY, TCP_ACK_NOW };
enum tcp_ack_policy tcp_ack_policy(uint32_t unacked_bytes, uint32_t after_bytes);

/* How many new bytes fit the peer's window, of which `outstanding` are used up, and ours, of which
 * `flight` are; a window that shrank gives 0 (RFC 9293 3.8.6, MUST-34). */
uint32_t tcp_usable_window(uint32_t outstanding, uint32_t snd_wnd, uint32_t flight, uint32_t cwnd);

/* RFC 9293 3.7.4 (Nagle, SHLD-7) and 3.8.6.2.1 (sender's silly windows, MUST-38). */
struct tcp_send_question {
    uint32_t unsent;      /* bytes queued behind SND.NXT */
    uint32_t usable;      /* tcp_usable_window() */
    uint32_t mss;         /* effective send MSS */
    uint32_t snd_wnd_max; /* the largest window the peer ever offered */
    bool nodelay;
    bool hold;        /* CORK, or MORE on the last send */
    bool fin;         /* a FIN follows the last byte */
    bool outstanding; /* unacknowledged data */
    bool override;    /* the override timer ran out */
};
/* How many bytes to send in segments now; 0: wait. */
uint32_t tcp_may_send(const struct tcp_send_question *q);

/* RFC 9293 3.8.6.2.2 (receiver's silly windows, MUST-39) and 3.8.6 (never shrink, SHLD-14): the
 * window to offer, given what is offered now and how much room there is. */
uint32_t tcp_window_to_offer(uint32_t offered, uint32_t room, uint32_t rcvbuf, uint32_t mss);

/* RFC 7323 2.3: the smallest shift with which `rcvbuf` fits 16 bits, at most 14. */
uint8_t tcp_window_shift(uint32_t rcvbuf);

/* RFC 9293 3.7.1 (MUST-15, MUST-16): Eff.snd.MSS. `peer_mss` 0: no MSS option came. `path_mtu` in
 * IP bytes; `option_bytes` are TCP options on every segment. At least 48, so that a peer's tiny MSS
 * cannot make us send a segment per byte. */
#define TCP_MSS_LEAST 48
uint32_t tcp_effective_mss(uint16_t peer_mss, uint32_t path_mtu, bool v4, uint32_t option_bytes,
                           uint16_t mss_max);

/* The MSS that our SYN tells (MUST-67, SHLD-5, SHLD-6, MAY-3): what the path takes, less the
 * headers. */
uint16_t tcp_advertised_mss(uint32_t path_mtu, bool v4, uint16_t mss_max);

/* RFC 6191 2 and RFC 9293 3.6.1 (MAY-2, SHLD-4): may this SYN start a new connection out of
 * TIME-WAIT? */
bool tcp_time_wait_reusable(seq32 rcv_nxt, seq32 syn_seq, bool ts_known, uint32_t ts_recent,
                            bool syn_has_ts, uint32_t syn_tsval);

/* RFC 9293 3.5.2: what a segment that belongs to nobody is answered with. Never to an RST. */
struct tcp_reset {
    seq32 seq;
    seq32 ack;
    uint16_t flags; /* 0: no reset */
};
struct tcp_reset tcp_reset_for(seq32 seq, seq32 ack, uint16_t flags, uint32_t seg_len);

#endif
