/* TCP_INFO: the core's figures in Linux's units and names.
 *
 * Linux counts segments where the core counts bytes: what is outstanding is divided by the segment
 * size and rounded up, as if every segment had been full. */
#include "posix/host.h"

#include <string.h>

#include "posix/abi.h"

#define INITIAL_SEGS  10         /* RFC 6928 2 */
#define SSTHRESH_NONE 0x7fffffff /* as Linux shows "arbitrarily high" (RFC 5681 3.1) */

static uint8_t state_of(uint8_t state)
{
    static const uint8_t states[] = {
        [LA_TCP_CLOSED] = PX_TCP_CLOSE,
        [LA_TCP_LISTEN] = PX_TCP_LISTEN,
        [LA_TCP_SYN_SENT] = PX_TCP_SYN_SENT,
        [LA_TCP_SYN_RECEIVED] = PX_TCP_SYN_RECV,
        [LA_TCP_ESTABLISHED] = PX_TCP_ESTABLISHED,
        [LA_TCP_FIN_WAIT_1] = PX_TCP_FIN_WAIT1,
        [LA_TCP_FIN_WAIT_2] = PX_TCP_FIN_WAIT2,
        [LA_TCP_CLOSE_WAIT] = PX_TCP_CLOSE_WAIT,
        [LA_TCP_CLOSING] = PX_TCP_CLOSING,
        [LA_TCP_LAST_ACK] = PX_TCP_LAST_ACK,
        [LA_TCP_TIME_WAIT] = PX_TCP_CLOSE, /* the socket is done with it */
    };
    return state < sizeof(states) ? states[state] : (uint8_t)PX_TCP_CLOSE;
}

static uint32_t segments(uint32_t bytes, uint32_t mss)
{
    return mss ? (uint32_t)(((uint64_t)bytes + mss - 1) / mss) : 0;
}

static uint8_t option_bits(const struct la_tcp_info *i)
{
    unsigned bits = 0;
    bits |= i->timestamps ? PX_TCPI_OPT_TIMESTAMPS : 0U;
    bits |= i->sack ? PX_TCPI_OPT_SACK : 0U;
    bits |= i->window_scale ? PX_TCPI_OPT_WSCALE : 0U;
    bits |= i->ecn != LA_ECN_OFF ? PX_TCPI_OPT_ECN : 0U;
    bits |= i->ecn != LA_ECN_OFF && (i->tos_in & 3) ? PX_TCPI_OPT_ECN_SEEN : 0U;
    bits |= i->syn_data ? PX_TCPI_OPT_SYN_DATA : 0U;
    return (uint8_t)bits;
}

static void fill_sending(struct px_tcp_info *to, const struct la_tcp_info *i)
{
    uint32_t mss = i->mss;
    to->tcpi_snd_mss = mss;
    to->tcpi_unacked = segments(i->unacked_bytes, mss);
    to->tcpi_sacked = segments(i->sacked_bytes, mss);
    to->tcpi_lost = segments(i->lost_bytes, mss);
    to->tcpi_retrans = segments(i->rtx_out_bytes, mss);
    to->tcpi_snd_cwnd = mss ? i->cwnd_bytes / mss : 0;
    to->tcpi_snd_ssthresh =
        i->ssthresh_bytes >= SSTHRESH_NONE || !mss ? SSTHRESH_NONE : i->ssthresh_bytes / mss;
    to->tcpi_reordering = i->reordering;
    to->tcpi_reord_seen = i->reordering_seen;
    to->tcpi_total_retrans = i->rtx_segs;
    to->tcpi_pacing_rate = i->pacing_bps ? i->pacing_bps / 8 : UINT64_MAX;
    to->tcpi_max_pacing_rate = UINT64_MAX;
    to->tcpi_bytes_acked = i->bytes_acked;
    to->tcpi_notsent_bytes = i->unsent_bytes;
    to->tcpi_bytes_sent = i->bytes_sent;
    to->tcpi_bytes_retrans = i->bytes_rtx;
    to->tcpi_dsack_dups = i->dsacks_in;
    to->tcpi_snd_wnd = i->snd_wnd;
    to->tcpi_delivered = i->delivered;
    to->tcpi_delivered_ce = i->delivered_ce;
    to->tcpi_delivered_ce_bytes = i->ce_acked_bytes;
}

static void fill_times(struct px_tcp_info *to, const struct la_tcp_info *i)
{
    to->tcpi_rto = i->rto_us;
    to->tcpi_ato = i->delack_us;
    to->tcpi_rtt = i->srtt_us;
    to->tcpi_rttvar = i->rttvar_us;
    to->tcpi_min_rtt = i->min_rtt_us;
    to->tcpi_rcv_rtt = i->rcv_rtt_us;
    to->tcpi_last_data_sent = i->last_sent_ms;
    to->tcpi_last_data_recv = i->last_data_in_ms;
    to->tcpi_last_ack_recv = i->last_ack_in_ms;
    to->tcpi_busy_time = i->busy_us;
    to->tcpi_rwnd_limited = i->rwnd_limited_us;
    to->tcpi_sndbuf_limited = i->sndbuf_limited_us;
}

static void fill_receiving(struct px_tcp_info *to, const struct la_tcp_info *i)
{
    to->tcpi_rcv_mss = i->rcv_mss;
    to->tcpi_advmss = i->advertised_mss;
    to->tcpi_pmtu = i->path_mtu;
    to->tcpi_rcv_ssthresh = i->rcv_wnd;
    to->tcpi_rcv_space = i->rcvbuf_bytes;
    to->tcpi_rcv_wnd = i->rcv_wnd;
    to->tcpi_rcv_ooopack = i->ooo_segs_in;
    to->tcpi_bytes_received = i->bytes_in;
    to->tcpi_segs_in = i->segs_in;
    to->tcpi_segs_out = i->segs_out;
    to->tcpi_data_segs_in = i->data_segs_in;
    to->tcpi_data_segs_out = i->data_segs_out;
    to->tcpi_received_ce = i->ce_in;
}

void tcpinfo_fill(struct px_host *h, const struct px_sock *k, struct px_tcp_info *to)
{
    struct la_tcp_info i;
    memset(to, 0, sizeof(*to));
    bool known = sock_info(h, k, &i);
    if (!known || k->listening || i.mss == 0) {
        to->tcpi_state = k->listening ? PX_TCP_LISTEN : PX_TCP_CLOSE;
        to->tcpi_snd_ssthresh = SSTHRESH_NONE;
        to->tcpi_snd_cwnd = INITIAL_SEGS;
        to->tcpi_unacked = known ? i.accept_waiting : 0;
        to->tcpi_sacked = k->listening ? k->backlog : 0;
        return;
    }
    to->tcpi_state = state_of(i.state);
    to->tcpi_ca_state = i.ca_state;
    to->tcpi_retransmits = i.backoff;
    to->tcpi_probes = i.probes;
    to->tcpi_backoff = i.backoff;
    to->tcpi_options = option_bits(&i);
    to->tcpi_snd_wscale = i.snd_wscale & 15U;
    to->tcpi_rcv_wscale = i.rcv_wscale & 15U;
    to->tcpi_total_rto = (uint16_t)i.rtx_timeouts;
    fill_times(to, &i);
    fill_sending(to, &i);
    fill_receiving(to, &i);
}
