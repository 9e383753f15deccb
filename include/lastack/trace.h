/* Trace records: what happened to a connection and why, as 32 bytes each.
 *
 * The core writes records into rings (one per connection from a bounded pool, one for everything
 * that belongs to no connection) and the host drains them with la_stack_trace(). `serial` orders
 * records of different rings. Decoding into words and pictures is in lastack/view.h. */
#ifndef LASTACK_TRACE_H
#define LASTACK_TRACE_H

#include <stdint.h>

#include <lastack/addr.h>
#include <lastack/reason.h>

enum la_trace_what {
    LA_TRACE_IN,
    LA_TRACE_OUT,
    LA_TRACE_OPTIONS,
    LA_TRACE_PEER,
    LA_TRACE_STATE,
    LA_TRACE_TIMER,
    LA_TRACE_CALL,
    LA_TRACE_EVENT,
};

/* The states of RFC 9293 3.3.2, in the order of figure 5. */
#define LA_TCP_STATES(X)            \
    X(CLOSED, "CLOSED")             \
    X(LISTEN, "LISTEN")             \
    X(SYN_SENT, "SYN-SENT")         \
    X(SYN_RECEIVED, "SYN-RECEIVED") \
    X(ESTABLISHED, "ESTABLISHED")   \
    X(FIN_WAIT_1, "FIN-WAIT-1")     \
    X(FIN_WAIT_2, "FIN-WAIT-2")     \
    X(CLOSE_WAIT, "CLOSE-WAIT")     \
    X(CLOSING, "CLOSING")           \
    X(LAST_ACK, "LAST-ACK")         \
    X(TIME_WAIT, "TIME-WAIT")

enum la_tcp_state {
#define LA_STATE_ENUM(name, text) LA_TCP_##name,
    LA_TCP_STATES(LA_STATE_ENUM)
#undef LA_STATE_ENUM
        LA_TCP_STATE_COUNT
};

/* TCP header flags as they stand in the header (RFC 9293 3.1; AE: RFC 9768). */
#define LA_TH_FIN 0x001
#define LA_TH_SYN 0x002
#define LA_TH_RST 0x004
#define LA_TH_PSH 0x008
#define LA_TH_ACK 0x010
#define LA_TH_URG 0x020
#define LA_TH_ECE 0x040
#define LA_TH_CWR 0x080
#define LA_TH_AE  0x100

/* One record. What the fields mean depends on `what`:
 *   IN, OUT   seq, ack, wnd, flags, len as in the segment (wnd unscaled); state after it (IN) or
 *             before it (OUT)
 *   OPTIONS   follows the IN or OUT record of a SYN: seq = MSS, len = window scale (255: none),
 *             flags = LA_TRACE_OPT_* present, ack = TSval
 *   PEER      a connection begins: seq = last four bytes of the remote address, ack = local port
 *             in the upper half, remote port in the lower
 *   STATE     state = new state, len = old state
 *   TIMER     len = backoff count, seq = timeout in milliseconds
 *   CALL      seq = bytes, or a negative la_err
 *   EVENT     by reason */
struct la_trace_record {
    uint64_t time_ns;
    uint32_t serial; /* order among all rings of the stack */
    uint32_t conn;   /* identifier of the connection, 0 for none */
    uint32_t seq;
    uint32_t ack;
    uint16_t wnd;
    uint16_t len;
    uint16_t flags;     /* LA_TH_* */
    uint8_t reason;     /* enum la_reason */
    uint8_t what_state; /* LA_TRACE_WHAT(), LA_TRACE_STATE_OF() */
};

#define LA_TRACE_WHAT(r)        ((uint8_t)((r)->what_state & 0x0f))
#define LA_TRACE_STATE_OF(r)    ((uint8_t)((r)->what_state >> 4))
#define LA_TRACE_PACK(what, st) ((uint8_t)((what) | (st) << 4))

#define LA_TRACE_OPT_TIMESTAMPS 1
#define LA_TRACE_OPT_SACK       2

_Static_assert(sizeof(struct la_trace_record) == 32, "a trace record is half a cache line");
_Static_assert(LA_REASON_COUNT <= 256, "a reason fits a byte");
_Static_assert(LA_TCP_STATE_COUNT <= 16, "a state fits four bits");

#endif
