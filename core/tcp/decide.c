/* The decisions of TCP: see decide.h. */
#include "tcp/decide.h"

#include <lastack/trace.h>

bool tcp_seq_acceptable(seq32 rcv_nxt, uint32_t rcv_wnd, seq32 seq, uint32_t seg_len)
{
    if (seg_len == 0) {
        return rcv_wnd == 0 ? seq_eq(seq, rcv_nxt) : seq_in(seq, rcv_nxt, rcv_wnd);
    }
    if (rcv_wnd == 0) {
        return false;
    }
    return seq_in(seq, rcv_nxt, rcv_wnd) || seq_in(seq_add(seq, seg_len - 1), rcv_nxt, rcv_wnd);
}

enum tcp_rst_verdict tcp_rst_verdict(seq32 rcv_nxt, uint32_t rcv_wnd, seq32 seq)
{
    if (seq_eq(seq, rcv_nxt)) {
        return TCP_RST_ACCEPT; /* also with a closed window: MUST-66 */
    }
    return seq_in(seq, rcv_nxt, rcv_wnd) ? TCP_RST_CHALLENGE : TCP_RST_DROP;
}

enum tcp_ack_verdict tcp_ack_verdict(seq32 snd_una, seq32 snd_max, uint32_t snd_wnd_max, seq32 ack)
{
    if (seq_gt(ack, snd_max)) {
        return TCP_ACK_TOO_NEW;
    }
    if (seq_gt(ack, snd_una)) {
        return TCP_ACK_NEW;
    }
    if (seq_eq(ack, snd_una)) {
        return TCP_ACK_SAME;
    }
    return seq_ge(ack, seq_sub(snd_una, snd_wnd_max)) ? TCP_ACK_OLD : TCP_ACK_TOO_OLD;
}

bool tcp_window_update_ok(seq32 wl1, seq32 wl2, seq32 seq, seq32 ack)
{
    return seq_lt(wl1, seq) || (seq_eq(wl1, seq) && seq_le(wl2, ack));
}

bool tcp_duplicate_ack(bool outstanding, uint32_t seg_len, bool window_changed, seq32 snd_una,
                       seq32 ack)
{
    return outstanding && seg_len == 0 && !window_changed && seq_eq(ack, snd_una);
}

bool tcp_paws_ok(uint32_t ts_recent, uint32_t tsval, uint32_t ts_recent_age_s)
{
    return (int32_t)(tsval - ts_recent) >= 0 || ts_recent_age_s > 24 * 24 * 3600;
}

enum tcp_ack_policy tcp_ack_policy(uint32_t unacked_bytes, uint32_t after_bytes)
{
    if (unacked_bytes == 0) {
        return TCP_ACK_NONE;
    }
    return unacked_bytes >= after_bytes ? TCP_ACK_NOW : TCP_ACK_DELAY;
}

uint32_t tcp_usable_window(uint32_t outstanding, uint32_t snd_wnd, uint32_t flight, uint32_t cwnd)
{
    uint32_t theirs = snd_wnd > outstanding ? snd_wnd - outstanding : 0;
    uint32_t ours = cwnd > flight ? cwnd - flight : 0;
    return theirs < ours ? theirs : ours;
}

uint32_t tcp_may_send(const struct tcp_send_question *q)
{
    uint32_t fits = q->unsent < q->usable ? q->unsent : q->usable;
    uint32_t whole = fits - fits % q->mss;
    if (fits == whole) {
        return whole;
    }
    if (fits == q->unsent) {
        /* The last, partial segment: everything queued fits the window. */
        bool nagle = q->outstanding && !q->nodelay && !q->fin; /* MUST-17, MAY-16 */
        if (q->fin || q->override || (!nagle && !q->hold)) {
            return fits;
        }
        return whole;
    }
    /* The window cuts a segment short: only when that is worth it (MUST-38, case 3, with Nagle's
     * condition in brackets), or the override timer says so (case 4). */
    bool worth = fits >= q->snd_wnd_max / 2 && (!q->outstanding || q->nodelay) && !q->hold;
    if (whole == 0 && (worth || q->override)) {
        return fits;
    }
    return whole;
}

uint32_t tcp_window_to_offer(uint32_t offered, uint32_t room, uint32_t rcvbuf, uint32_t mss)
{
    uint32_t step = mss < rcvbuf / 2 ? mss : rcvbuf / 2;
    if (room <= offered || room - offered < step) {
        return offered;
    }
    return room;
}

uint8_t tcp_window_shift(uint32_t rcvbuf)
{
    uint8_t shift = 0;
    while (shift < 14 && rcvbuf >> shift > 65535) {
        shift++;
    }
    return shift;
}

uint32_t tcp_effective_mss(uint16_t peer_mss, uint32_t path_mtu, bool v4, uint32_t option_bytes,
                           uint16_t mss_max)
{
    uint32_t mss = peer_mss;
    if (mss == 0) {
        mss = v4 ? 536 : 1220; /* MUST-15 */
    }
    uint32_t head = v4 ? 40 : 60;
    uint32_t path = path_mtu > head ? path_mtu - head : 0;
    if (mss > path) {
        mss = path;
    }
    if (mss_max != 0 && mss > mss_max) {
        mss = mss_max;
    }
    mss = mss > option_bytes ? mss - option_bytes : 0; /* MUST-16 */
    return mss < TCP_MSS_LEAST ? TCP_MSS_LEAST : mss;
}

uint16_t tcp_advertised_mss(uint32_t path_mtu, bool v4, uint16_t mss_max)
{
    uint32_t mss = path_mtu - (v4 ? 40 : 60);
    return (uint16_t)(mss_max != 0 && mss > mss_max ? mss_max : mss);
}

bool tcp_time_wait_reusable(seq32 rcv_nxt, seq32 syn_seq, bool ts_known, uint32_t ts_recent,
                            bool syn_has_ts, uint32_t syn_tsval)
{
    if (ts_known && syn_has_ts && syn_tsval != ts_recent) {
        return (int32_t)(syn_tsval - ts_recent) > 0;
    }
    if (!ts_known && syn_has_ts) {
        return true; /* RFC 6191 2: what is left of the old one has no timestamps, and is dropped */
    }
    return seq_gt(syn_seq, rcv_nxt);
}

struct tcp_reset tcp_reset_for(seq32 seq, seq32 ack, uint16_t flags, uint32_t seg_len)
{
    if (flags & LA_TH_RST) {
        return (struct tcp_reset){.flags = 0};
    }
    if (flags & LA_TH_ACK) {
        return (struct tcp_reset){.seq = ack, .flags = LA_TH_RST};
    }
    return (struct tcp_reset){
        .seq = seq_of(0), .ack = seq_add(seq, seg_len), .flags = LA_TH_RST | LA_TH_ACK};
}
