/* TCP: the user calls of RFC 9293 3.9.1 on handles.
 *
 * All calls are non-blocking. A call that cannot go on returns LA_EAGAIN and the handle becomes
 * ready later (la_stack_poll). The order of the life of a connection:
 *
 *     active:   la_tcp_open() -> CONNECTED -> send/receive -> la_tcp_close()
 *     passive:  la_tcp_listen() -> ACCEPTABLE -> la_tcp_accept() -> send/receive -> close
 *
 * A handle is freed by la_tcp_close() or la_tcp_abort(), never behind the caller's back: a
 * connection that failed keeps its handle, its received bytes and its error until then. After
 * la_tcp_close() the connection goes on in the background until its FIN is acknowledged and, on
 * the side that closed first, TIME-WAIT is over. */
#ifndef LASTACK_TCP_H
#define LASTACK_TCP_H

#include <lastack/stack.h>

#pragma GCC visibility push(default)

/* Explicit congestion notification (RFC 3168, RFC 9768). */
enum la_ecn {
    LA_ECN_OFF,
    LA_ECN_PASSIVE,  /* accept what a peer asks for, ask for nothing */
    LA_ECN_CLASSIC,  /* ask for classic ECN; a listener accepts no other */
    LA_ECN_ACCURATE, /* ask for accurate ECN, and be content with classic */
};

/* Options of a connection or listener; accepted connections begin with their listener's. */
struct la_tcp_options {
    uint32_t sndbuf_bytes;    /* send buffer; 0: it follows the path (docs/windows.md) */
    uint32_t rcvbuf_bytes;    /* receive buffer, and so the largest window; 0: as well */
    uint32_t user_timeout_ms; /* give up when data stay unacknowledged this long;
                                 0: R2 counts (MUST-21) */
    uint32_t keepidle_s;      /* keep-alive: idle time before the first probe (MUST-28: 7200) */
    uint32_t keepintvl_s;     /* between probes */
    uint32_t delack_ms;       /* delayed ACK, below 500 (MUST-40) */
    uint32_t rto_min_ms;
    int32_t linger_s;       /* -1: close in the background; 0: close resets (RFC 9293
                               3.10.5); more: give up unsent data after that many seconds */
    uint32_t fin_wait_2_s;  /* how long a closed connection waits for the peer's FIN */
    uint16_t mss_max;       /* upper bound for both directions, 0: the path's */
    uint8_t keepcnt;        /* probes without an answer before the connection is dead */
    uint8_t syn_retries;    /* SYNs after the first: 7 lasts over 3 minutes (MUST-23) */
    uint8_t r2_retries;     /* retransmissions of data before giving up (SHLD-11) */
    uint8_t ttl;            /* TTL or hop limit (MUST-49) */
    uint8_t tos;            /* DS field (MUST-48); the ECN bits below it are TCP's own */
    uint8_t ecn;            /* enum la_ecn, when the connection opens */
    bool nodelay;           /* switches Nagle's algorithm off (MUST-17) */
    bool cork;              /* holds back partial segments until it is taken off, or 200 ms */
    bool keepalive;         /* default off (MUST-25) */
    bool keepalive_garbage; /* probes carry one octet (MAY-6) */
    bool urgent_inline;     /* always true: urgent data stay in line (RFC 6093 4) */
    bool window_scale;      /* offer window scaling */
    bool timestamps;        /* offer timestamps */
    bool sack;              /* offer SACK */
    bool reuse_addr;        /* bind: RFC 9293 3.9.1.1 and docs/deviations.md */
    bool v6_only;           /* a wildcard IPv6 listener takes no IPv4 */
    bool soft_errors;       /* report them as events (SHLD-20) */
    bool mtu_probing;       /* find the path's MTU without ICMP as well (RFC 4821) */
    uint32_t backlog;       /* listener: connections that wait for accept */
    uint32_t half_open_max; /* listener: half-open connections */
    uint8_t cookies;        /* listener: enum la_cookies; 255: the stack's choice */
    bool pacing;            /* spread sending over the round trip; some controllers always do */
    bool may_fragment;      /* IPv4: routers may cut the packets, which go without DF */
    uint8_t cc;             /* congestion control: la_cc_find(); 0: the default */

    /* Rarely wanted. A connection with one of these has memory for them. */
    uint32_t unsent_most;    /* writable only while fewer bytes are queued and unsent; 0: any */
    uint32_t window_clamp;   /* the window offered is never larger; 0: no bound */
    uint32_t rcv_lowat;      /* readable from so many bytes on; 0 and 1: from the first */
    uint32_t defer_accept_s; /* listener: accepted when data came, or after so long; 0: at once */
    uint32_t fastopen_qlen;  /* listener: Fast Open connections in SYN-RECEIVED; 0: it is off */
    bool fastopen;           /* active: the SYN carries the first data if it may (RFC 7413) */
    bool fastopen_no_cookie; /* both sides: without a cookie (RFC 7413 6.3) */
};
void la_tcp_options_init(struct la_tcp_options *options);

/* The name of the `n`-th congestion control, the default first; NULL behind the last. */
const char *la_cc_name(unsigned n);

/* The number of the congestion control of this name for la_tcp_options, or LA_EINVAL. Calls that
 * are given options with another number return LA_EINVAL. */
int la_cc_find(const char *name);

/* Active OPEN (RFC 9293 3.9.1.1). `local` NULL or partly zero: the stack chooses the address by
 * the route (MUST-44) and the port by RFC 6056. The handle comes back at once; CONNECTED or ERROR
 * follows. LA_EADDRNOTAVAIL: no such local address, or no free 4-tuple is left; LA_EADDRINUSE;
 * LA_ENETUNREACH: no route; LA_EINVAL: the remote address cannot be one (MUST-46).
 * With options->fastopen the SYN waits for the first la_tcp_send() and carries its data, if the
 * stack's persona allows it, the server's cookie is known and the path is not in doubt; info says
 * `syn_waits`. Otherwise it leaves at once, and asks for a cookie (RFC 7413 4.2). */
int la_tcp_open(struct la_stack *stack, const struct la_endpoint *local,
                const struct la_endpoint *remote, const struct la_tcp_options *options,
                la_handle *handle);

/* Passive OPEN: listens on a local endpoint; any address: 0.0.0.0, or :: for both families. */
int la_tcp_listen(struct la_stack *stack, const struct la_endpoint *local,
                  const struct la_tcp_options *options, la_handle *handle);

/* Bound, and nothing else yet: holds a local endpoint (port 0: the stack chooses one). The same
 * errors as la_tcp_listen(). What becomes of it: la_tcp_listen_bound(), la_tcp_open_bound(), or
 * la_tcp_close(). */
int la_tcp_bind(struct la_stack *stack, const struct la_endpoint *local,
                const struct la_tcp_options *options, la_handle *handle);

/* Turns a bound handle into a listener, with the options it has now (la_tcp_set_options). */
int la_tcp_listen_bound(struct la_stack *stack, la_handle handle);

/* Opens from a bound handle, which is consumed when this succeeds. */
int la_tcp_open_bound(struct la_stack *stack, la_handle bound, const struct la_endpoint *remote,
                      la_handle *handle);

/* The local endpoint of a listener, bound handle or connection. */
int la_tcp_local(struct la_stack *stack, la_handle handle, struct la_endpoint *local);

/* Takes a connection out of a listener's queue, or LA_EAGAIN. */
int la_tcp_accept(struct la_stack *stack, la_handle listener, la_handle *handle);

#define LA_SEND_MORE   1 /* more follows: hold back a partial segment (CORK for this call) */
#define LA_SEND_URGENT 2 /* the last byte is the end of urgent data (RFC 9293 3.8.5) */
#define LA_SEND_RECORD 4 /* the last byte ends a record: no segment goes on behind it */
#define LA_RECV_PEEK   1 /* leave the bytes in the queue */

/* Copies bytes into the send buffer; returns how many (at least 1), LA_EAGAIN when there is no
 * room, LA_EPIPE after shutdown, or the connection's error. While the SYN waits (Fast Open) it
 * takes what the SYN carries, and `len` 0 lets it leave without data. */
int64_t la_tcp_send(struct la_stack *stack, la_handle handle, const void *data, size_t len,
                    uint32_t flags);

/* In place: gives a piece of send buffer to write into (*len in: wanted, out: given), then
 * commits the bytes written (at most what was given). Nothing else may be sent in between. */
int la_tcp_reserve(struct la_stack *stack, la_handle handle, void **data, size_t *len);
int la_tcp_commit(struct la_stack *stack, la_handle handle, size_t len, uint32_t flags);

/* Lent: queues the caller's bytes without a copy. They must stay as they are until
 * la_tcp_released() gives `cookie` back, also after an error or a close. Pieces so small that a
 * segment takes more than seven of them are copied into it when it leaves: then la_tcp_send() is
 * cheaper. Returns `len`, LA_EAGAIN when the send buffer is full, LA_ENOBUFS. */
int64_t la_tcp_lend(struct la_stack *stack, la_handle handle, const void *data, size_t len,
                    uint64_t cookie, uint32_t flags);

/* A lent buffer that is free again: 1, the handle it was lent to (stale by now, perhaps) and its
 * cookie; 0: none. LA_EV_RELEASED says when to ask. */
int la_tcp_released(struct la_stack *stack, la_handle *handle, uint64_t *cookie);

/* Copies received bytes out; 0 is the end (the peer's FIN), LA_EAGAIN nothing yet, an error the
 * connection's (after everything that arrived before it has been read). */
int64_t la_tcp_recv(struct la_stack *stack, la_handle handle, void *data, size_t len,
                    uint32_t flags);

/* In place: points at the next received bytes (0 or LA_EAGAIN as above), then gives them back. */
int64_t la_tcp_peek(struct la_stack *stack, la_handle handle, const void **data);
int la_tcp_consume(struct la_stack *stack, la_handle handle, size_t len);

/* Lent: hands over the next received buffer (buf->data, buf->len); the caller gives it back with
 * la_buf_put(). Returns its length, 0 at the end, or LA_EAGAIN. */
int64_t la_tcp_take(struct la_stack *stack, la_handle handle, struct la_buf **buf);

/* Ends the sending side: FIN after all queued data. Receiving goes on: the half-close. */
int la_tcp_shutdown(struct la_stack *stack, la_handle handle);

/* CLOSE (RFC 9293 3.10.4): ends both sides for the application and gives up the handle. Unread
 * data makes it a reset (RFC 9293 3.6.1, SHLD-3). */
int la_tcp_close(struct la_stack *stack, la_handle handle);

/* ABORT (RFC 9293 3.10.5): RST with a reason of kind SEND, all queues dropped, handle given up. */
int la_tcp_abort(struct la_stack *stack, la_handle handle, enum la_reason why);

/* What the search for the path's MTU is about (RFC 8899 5.2). */
enum la_mtu_state {
    LA_MTU_DISABLED,  /* nothing to search */
    LA_MTU_BASE,      /* a black hole: the base size, until it arrives */
    LA_MTU_SEARCHING, /* larger sizes are probed */
    LA_MTU_COMPLETE,  /* found, or never doubted */
    LA_MTU_ERROR      /* not even the base size arrives */
};

/* What congestion control is about, numbered as Linux does. */
enum la_ca_state { LA_CA_OPEN, LA_CA_DISORDER, LA_CA_CWR, LA_CA_RECOVERY, LA_CA_LOSS };

/* STATUS (RFC 9293 3.10.6): a snapshot of the control block. */
struct la_tcp_info {
    struct la_endpoint local, remote;
    uint32_t conn; /* identifier in trace records */
    uint8_t state; /* enum la_tcp_state */
    uint8_t snd_wscale, rcv_wscale;
    bool timestamps, sack, window_scale;
    bool recovery;   /* in fast recovery (tcpi_ca_state) */
    bool passive;    /* came from a listener */
    uint8_t ecn;     /* agreed: LA_ECN_OFF, LA_ECN_CLASSIC or LA_ECN_ACCURATE */
    bool ecn_sends;  /* new data leave as ECN-capable: nothing on the path garbles it */
    uint8_t backoff; /* timeouts in a row (tcpi_retransmits, tcpi_backoff) */
    uint8_t probes;  /* keep-alive probes in a row */
    uint8_t tos_in;  /* DS field and ECN bits of the last segment received (MAY-9) */
    /* the control block of RFC 9293 3.3.1 */
    uint32_t iss, snd_una, snd_nxt, snd_wnd;
    uint32_t irs, rcv_nxt, rcv_wnd;
    uint32_t mss;            /* effective send MSS (MUST-16) */
    uint32_t rcv_mss;        /* largest segment received */
    uint32_t advertised_mss; /* what our SYN said (tcpi_advmss) */
    uint32_t path_mtu;
    uint32_t link_mtu;                   /* what the first hop takes */
    uint32_t mtu_low, mtu_high;          /* the path takes the one, and perhaps the other */
    uint8_t mtu_state;                   /* enum la_mtu_state */
    uint32_t sndbuf_bytes, rcvbuf_bytes; /* the sizes the buffers have now */
    uint32_t rcv_rtt_us;                 /* the receiver's estimate, 0: none */
    uint32_t cwnd_bytes, ssthresh_bytes;
    uint32_t srtt_us, rttvar_us, rto_us;
    uint32_t delack_us;              /* tcpi_ato */
    uint32_t unacked_bytes;          /* sent and not acknowledged */
    uint32_t unsent_bytes;           /* queued and never sent (tcpi_notsent_bytes) */
    uint32_t snd_queued, rcv_queued; /* bytes in the buffers */
    uint32_t urgent_left;            /* bytes up to the end of urgent data (MUST-33) */
    uint32_t last_received_ms;       /* since anything arrived */
    uint32_t last_sent_ms;           /* since data left */
    uint64_t bytes_in, bytes_acked;
    uint64_t bytes_sent; /* payload, what was sent again included */
    uint32_t bytes_rtx;
    uint32_t segs_in, segs_out;
    uint32_t rtx_segs, rtx_timeouts, dup_acks_in, ooo_segs_in;
    uint32_t recoveries, undone; /* episodes of fast recovery; those taken back as mistakes */
    uint32_t dsacks_in;          /* segments that the peer said came twice (tcpi_dsack_dups) */
    /* while it sends, else 0 */
    uint32_t flight_bytes;             /* in flight: RFC 6675's pipe */
    uint32_t sacked_bytes, lost_bytes; /* (tcpi_sacked, tcpi_lost) */
    uint32_t rtx_out_bytes;            /* sent again and under way (tcpi_retrans) */
    uint32_t min_rtt_us;               /* of the last 10 s (tcpi_min_rtt) */
    uint64_t pacing_bps;               /* bits a second; 0: not paced (tcpi_pacing_rate) */
    bool reordering_seen;              /* the path reorders (tcpi_reord_seen) */
    uint32_t ce_in;                    /* packets received that had met congestion */
    uint32_t ce_acked;          /* ours that did, as the peer counts them; classic: ACKs with ECE */
    uint32_t ce_acked_bytes;    /* payload of them; classic: acknowledged with ECE */
    uint32_t time_wait_left_ms; /* state TIME-WAIT: until port and resources are free */
    uint8_t ca_state;           /* enum la_ca_state (tcpi_ca_state) */
    uint16_t reordering;        /* segments by which the path was seen to reorder, 3 at least */
    uint32_t delivered;         /* segments delivered, SYN included (tcpi_delivered) */
    uint32_t delivered_ce;      /* of them, those that met congestion */
    uint32_t data_segs_in; /* at least so many with payload; super-segments count their parts */
    uint32_t data_segs_out;
    uint32_t last_data_in_ms; /* since data arrived */
    uint32_t last_ack_in_ms;  /* since an ACK arrived */
    uint64_t busy_us;         /* something was outstanding or queued, since it last was idle long */
    uint64_t rwnd_limited_us; /* of these: the peer's window held data back */
    uint64_t sndbuf_limited_us; /* the send buffer was full and the network could have taken more */
    bool syn_waits;             /* Fast Open: the SYN waits for data */
    bool syn_data;              /* data of the SYN were taken (TCPI_OPT_SYN_DATA) */
    int32_t error;              /* la_err that ended it, or 0 */
    int32_t soft_error;         /* why delivery is in doubt, or 0 (RFC 9293 3.9.1.8) */
    const char *cc;             /* name of the congestion control */
    uint32_t accept_waiting;    /* listener: connections that wait for la_tcp_accept() */
    uint32_t accept_total;      /* listener: that ever did, modulo 2^32 */
};
/* Of a listener or a bound handle only `local`, `state`, `cc` and the last two say something. */
int la_tcp_info(struct la_stack *stack, la_handle handle, struct la_tcp_info *info);

/* Reads and changes options while the connection lives; what cannot change any more (window
 * scale, timestamps, SACK, v6_only) is left as it is. */
int la_tcp_get_options(struct la_stack *stack, la_handle handle, struct la_tcp_options *options);
int la_tcp_set_options(struct la_stack *stack, la_handle handle,
                       const struct la_tcp_options *options);

/* Acknowledges at once for a while, beginning with what waits / goes back to delayed ACKs that wait
 * for an answer to ride on (TCP_QUICKACK). Returns whether it was on before, `on` negative: asks.
 */
int la_tcp_quick_ack(struct la_stack *stack, la_handle handle, int on);

/* Stores a value that comes back in every event of the handle. */
int la_tcp_set_user(struct la_stack *stack, la_handle handle, uint64_t user);

#pragma GCC visibility pop

#endif
