/* Layouts and numbers of Linux's programming interface that the C library's headers lack, or have
 * in an older form. Only what the kernel's interface fixes: sizes, offsets, values. */
#ifndef POSIX_ABI_H
#define POSIX_ABI_H

#include <stdint.h>

/* What TCP_INFO returns. Kernels append members, and a caller with a shorter struct gets the
 * beginning; this is all of it as of Linux 6.18. */
struct px_tcp_info {
    uint8_t tcpi_state;
    uint8_t tcpi_ca_state;
    uint8_t tcpi_retransmits;
    uint8_t tcpi_probes;
    uint8_t tcpi_backoff;
    uint8_t tcpi_options;
    uint8_t tcpi_snd_wscale : 4, tcpi_rcv_wscale : 4;
    uint8_t tcpi_delivery_rate_app_limited : 1, tcpi_fastopen_client_fail : 2;

    uint32_t tcpi_rto; /* us */
    uint32_t tcpi_ato; /* us */
    uint32_t tcpi_snd_mss;
    uint32_t tcpi_rcv_mss;

    uint32_t tcpi_unacked; /* segments; of a listener: connections that wait */
    uint32_t tcpi_sacked;  /* segments; of a listener: the backlog */
    uint32_t tcpi_lost;
    uint32_t tcpi_retrans;
    uint32_t tcpi_fackets;

    uint32_t tcpi_last_data_sent; /* ms ago */
    uint32_t tcpi_last_ack_sent;
    uint32_t tcpi_last_data_recv;
    uint32_t tcpi_last_ack_recv;

    uint32_t tcpi_pmtu;
    uint32_t tcpi_rcv_ssthresh;
    uint32_t tcpi_rtt; /* us */
    uint32_t tcpi_rttvar;
    uint32_t tcpi_snd_ssthresh; /* segments */
    uint32_t tcpi_snd_cwnd;     /* segments */
    uint32_t tcpi_advmss;
    uint32_t tcpi_reordering;

    uint32_t tcpi_rcv_rtt; /* us */
    uint32_t tcpi_rcv_space;

    uint32_t tcpi_total_retrans;

    uint64_t tcpi_pacing_rate; /* bytes a second */
    uint64_t tcpi_max_pacing_rate;
    uint64_t tcpi_bytes_acked;    /* RFC 4898 tcpEStatsAppHCThruOctetsAcked */
    uint64_t tcpi_bytes_received; /* RFC 4898 tcpEStatsAppHCThruOctetsReceived */
    uint32_t tcpi_segs_out;
    uint32_t tcpi_segs_in;

    uint32_t tcpi_notsent_bytes;
    uint32_t tcpi_min_rtt; /* us */
    uint32_t tcpi_data_segs_in;
    uint32_t tcpi_data_segs_out;

    uint64_t tcpi_delivery_rate; /* bytes a second */

    uint64_t tcpi_busy_time; /* us with data under way */
    uint64_t tcpi_rwnd_limited;
    uint64_t tcpi_sndbuf_limited;

    uint32_t tcpi_delivered; /* segments */
    uint32_t tcpi_delivered_ce;

    uint64_t tcpi_bytes_sent;
    uint64_t tcpi_bytes_retrans;
    uint32_t tcpi_dsack_dups;
    uint32_t tcpi_reord_seen;

    uint32_t tcpi_rcv_ooopack;
    uint32_t tcpi_snd_wnd;
    uint32_t tcpi_rcv_wnd;
    uint32_t tcpi_rehash;

    uint16_t tcpi_total_rto;
    uint16_t tcpi_total_rto_recoveries;
    uint32_t tcpi_total_rto_time; /* ms */

    uint32_t tcpi_received_ce;
    uint32_t tcpi_delivered_e1_bytes;
    uint32_t tcpi_delivered_e0_bytes;
    uint32_t tcpi_delivered_ce_bytes;
    uint32_t tcpi_received_e1_bytes;
    uint32_t tcpi_received_e0_bytes;
    uint32_t tcpi_received_ce_bytes;
    uint16_t tcpi_accecn_fail_mode;
    uint16_t tcpi_accecn_opt_seen;
};
_Static_assert(sizeof(struct px_tcp_info) == 280, "as long as Linux 6.18 has it");

/* Options and control messages of IPPROTO_TCP. */
#define PX_TCP_NODELAY              1
#define PX_TCP_MAXSEG               2
#define PX_TCP_CORK                 3
#define PX_TCP_KEEPIDLE             4
#define PX_TCP_KEEPINTVL            5
#define PX_TCP_KEEPCNT              6
#define PX_TCP_SYNCNT               7
#define PX_TCP_LINGER2              8
#define PX_TCP_DEFER_ACCEPT         9
#define PX_TCP_WINDOW_CLAMP         10
#define PX_TCP_INFO                 11
#define PX_TCP_QUICKACK             12
#define PX_TCP_CONGESTION           13
#define PX_TCP_MD5SIG               14
#define PX_TCP_THIN_LINEAR_TIMEOUTS 16
#define PX_TCP_THIN_DUPACK          17
#define PX_TCP_USER_TIMEOUT         18
#define PX_TCP_REPAIR               19
#define PX_TCP_FASTOPEN             23
#define PX_TCP_TIMESTAMP            24
#define PX_TCP_NOTSENT_LOWAT        25
#define PX_TCP_CC_INFO              26
#define PX_TCP_SAVE_SYN             27
#define PX_TCP_SAVED_SYN            28
#define PX_TCP_FASTOPEN_CONNECT     30
#define PX_TCP_ULP                  31
#define PX_TCP_FASTOPEN_KEY         33
#define PX_TCP_FASTOPEN_NO_COOKIE   34
#define PX_TCP_INQ                  36
#define PX_TCP_CM_INQ               PX_TCP_INQ
#define PX_TCP_TX_DELAY             37
#define PX_TCP_CC_NAME_MAX          16

/* tcpi_options */
#define PX_TCPI_OPT_TIMESTAMPS 1
#define PX_TCPI_OPT_SACK       2
#define PX_TCPI_OPT_WSCALE     4
#define PX_TCPI_OPT_ECN        8
#define PX_TCPI_OPT_ECN_SEEN   16
#define PX_TCPI_OPT_SYN_DATA   32 /* the SYN that was acknowledged carried data */

/* tcpi_ca_state */
enum px_ca_state { PX_CA_OPEN, PX_CA_DISORDER, PX_CA_CWR, PX_CA_RECOVERY, PX_CA_LOSS };

/* tcpi_state */
enum px_tcp_state {
    PX_TCP_ESTABLISHED = 1,
    PX_TCP_SYN_SENT,
    PX_TCP_SYN_RECV,
    PX_TCP_FIN_WAIT1,
    PX_TCP_FIN_WAIT2,
    PX_TCP_TIME_WAIT,
    PX_TCP_CLOSE,
    PX_TCP_CLOSE_WAIT,
    PX_TCP_LAST_ACK,
    PX_TCP_LISTEN,
    PX_TCP_CLOSING,
};

#endif
