/* Reasons: why a segment was sent, taken, dropped, or a connection left a state.
 *
 * One list is the whole truth: each line gives the name, its kind, the clause it comes from and
 * the English sentence. From it come the enum, the counters (la_stack_counter), the trace events
 * and what `lastack nc --trace` prints; the Chinese sentences are in view/ and checked against
 * this list. A drop without a reason cannot be written: every input frame leaves with one.
 *
 * Kinds: SEND (why a segment left), TAKE (what an accepted segment was), DROP (why one was
 * refused), EVENT (a timer, a call or a change of state). */
#ifndef LASTACK_REASON_H
#define LASTACK_REASON_H

#include <stdint.h>

#define LA_REASONS(X)                                                                             \
    X(NONE, EVENT, "", "no reason")                                                               \
    /* why a segment is sent */                                                                   \
    X(SYN, SEND, "RFC 9293 3.10.1", "first SYN: asks to open")                                    \
    X(SYN_DATA, SEND, "RFC 7413 4.2.2", "first SYN, with data (Fast Open)")                       \
    X(SYN_AGAIN, SEND, "RFC 9293 3.8.1", "SYN again: no answer before the timeout")               \
    X(SYN_ACK, SEND, "RFC 9293 3.10.7.2", "answers the SYN")                                      \
    X(SYN_ACK_AGAIN, SEND, "RFC 9293 3.8.1", "SYN-ACK again: the third segment did not come")     \
    X(SYN_COOKIE, SEND, "RFC 4987 3.6", "answers the SYN with a cookie, keeps no state")          \
    X(SYN_CROSSED, SEND, "RFC 9293 3.10.7.3", "answers a SYN that crossed ours")                  \
    X(HANDSHAKE_ACK, SEND, "RFC 9293 3.10.7.3", "third segment: the connection is open")          \
    X(DATA, SEND, "RFC 9293 3.10.2", "data")                                                      \
    X(RTX_TIMEOUT, SEND, "RFC 6298 5.4", "retransmission: the timer ran out")                     \
    X(RTX_FAST, SEND, "RFC 5681 3.2", "fast retransmission: three duplicate ACKs")                \
    X(RTX_PARTIAL, SEND, "RFC 6582 3.2", "retransmission: a partial ACK shows the next hole")     \
    X(RTX_RACK, SEND, "RFC 8985 6.2", "retransmission: what left later has arrived")              \
    X(RTX_AGAIN, SEND, "RFC 8985 6.2", "retransmission again: the last one was lost as well")     \
    X(RTX_PROBE, SEND, "RFC 8985 7.3", "tail loss probe: is the end of the flight lost?")         \
    X(RTX_WINDOW, SEND, "RFC 9293 3.8.6.1", "retransmission: it met a closed window, now open")   \
    X(RTX_LIMITED, SEND, "RFC 3042 2", "new data on a duplicate ACK")                             \
    X(PROBE_MTU, SEND, "RFC 4821 7.5", "probe: data in a larger segment than the rest")           \
    X(RTX_PROBE_MTU, SEND, "RFC 4821 7.6.2", "retransmission: the larger segment was lost")       \
    X(RTX_MTU, SEND, "RFC 1191 6", "retransmission in smaller segments: the path's MTU fell")     \
    X(FIN, SEND, "RFC 9293 3.10.4", "FIN: nothing more to send")                                  \
    X(FIN_AGAIN, SEND, "RFC 9293 3.8.1", "FIN again: not acknowledged before the timeout")        \
    X(ACK_NOW, SEND, "RFC 9293 3.8.6.3", "ACK: every second full segment is acknowledged")        \
    X(ACK_DELAYED, SEND, "RFC 9293 3.8.6.3", "ACK: the delayed-ACK timer ran out")                \
    X(ACK_FIN, SEND, "RFC 9293 3.10.7.4", "acknowledges the FIN")                                 \
    X(ACK_GAP, SEND, "RFC 5681 4.2", "duplicate ACK: a segment is missing before this one")       \
    X(ACK_FILLED, SEND, "RFC 5681 4.2", "ACK: the gap is filled")                                 \
    X(ACK_DUPLICATE, SEND, "RFC 2883 4", "ACK: those bytes came before (D-SACK)")                 \
    X(ACK_MARKED, SEND, "RFC 9768 3.2.2.5.1", "ACK: a packet came with news of congestion")       \
    X(ACK_BEFORE_MARK, SEND, "RFC 8257 3.2", "ACK of what came before the marking changed")       \
    X(ACK_WINDOW, SEND, "RFC 9293 3.8.6.2.2", "window update: the application has read")          \
    X(ACK_UNACCEPTABLE, SEND, "RFC 9293 3.10.7.4", "ACK: the segment lay outside the window")     \
    X(ACK_TIME_WAIT, SEND, "RFC 9293 3.10.7.4", "acknowledges the repeated FIN from TIME-WAIT")   \
    X(CHALLENGE_SYN, SEND, "RFC 5961 4", "challenge ACK: a SYN on an open connection")            \
    X(CHALLENGE_RST, SEND, "RFC 5961 3", "challenge ACK: an RST in the window but not exact")     \
    X(CHALLENGE_ACK, SEND, "RFC 5961 5", "challenge ACK: the ACK field is out of range")          \
    X(PROBE_WINDOW, SEND, "RFC 9293 3.8.6.1", "zero-window probe")                                \
    X(PROBE_KEEPALIVE, SEND, "RFC 9293 3.8.4", "keep-alive probe")                                \
    X(RST_NO_CONNECTION, SEND, "RFC 9293 3.5.2", "reset: nobody is here for this segment")        \
    X(RST_BAD_ACK, SEND, "RFC 9293 3.5.2", "reset: acknowledges something never sent")            \
    X(RST_ABORT, SEND, "RFC 9293 3.10.5", "reset: the application aborted")                       \
    X(RST_LINGER, SEND, "RFC 9293 3.10.5", "reset: closed with a linger time of 0")               \
    X(RST_UNREAD, SEND, "RFC 9293 3.6.1", "reset: closed with data unread")                       \
    X(RST_DATA_AFTER_CLOSE, SEND, "RFC 9293 3.6.1", "reset: data came after the close")           \
    X(RST_LISTENER_CLOSED, SEND, "RFC 9293 3.10.4", "reset: the listener closed before accept")   \
    X(RST_USER_TIMEOUT, SEND, "RFC 9293 3.10.8", "reset: the user timeout ran out")               \
    X(RST_KEEPALIVE, SEND, "RFC 9293 3.8.4", "reset: keep-alive probes were not answered")        \
    X(RST_ECN, SEND, "RFC 9768 3.1.5", "reset: a second SYN asks for another kind of ECN")        \
    X(RST_PROCESS_ENDED, SEND, "RFC 9293 3.10.5", "reset: the process ended")                     \
    X(UDP_DATAGRAM, SEND, "RFC 768", "datagram")                                                  \
    X(ICMP_ECHO_REPLY, SEND, "RFC 792", "answers an echo request")                                \
    X(ICMP_PORT_UNREACHABLE, SEND, "RFC 1122 4.1.3.1", "nobody listens on this UDP port")         \
    X(ICMP_PROTOCOL_UNREACHABLE, SEND, "RFC 1122 3.2.2.1", "no such protocol here")               \
    X(ICMP_PARAMETER_PROBLEM, SEND, "RFC 8200 4", "a header field cannot be understood")          \
    X(ICMP_REASSEMBLY_TIME, SEND, "RFC 8200 4.5", "fragments did not all come in time")           \
    X(ARP_REQUEST, SEND, "RFC 826", "asks who has the address")                                   \
    X(ARP_REPLY, SEND, "RFC 826", "says which hardware address is ours")                          \
    X(ND_SOLICIT, SEND, "RFC 4861 7.2.2", "asks who has the address")                             \
    X(ND_ADVERT, SEND, "RFC 4861 7.2.4", "says which link-layer address is ours")                 \
    /* what an accepted packet was */                                                             \
    X(TAKE_SYN, TAKE, "RFC 9293 3.10.7.2", "SYN: half-open record made")                          \
    X(TAKE_SYN_DATA, TAKE, "RFC 7413 4.2.2", "SYN with data and a valid cookie: data taken")      \
    X(TAKE_SYN_AGAIN, TAKE, "RFC 9293 3.10.7.4", "the SYN again")                                 \
    X(TAKE_SYN_ACK, TAKE, "RFC 9293 3.10.7.3", "the answer to our SYN")                           \
    X(TAKE_SYN_CROSSED, TAKE, "RFC 9293 3.10.7.3", "a SYN that crossed ours")                     \
    X(TAKE_HANDSHAKE_ACK, TAKE, "RFC 9293 3.10.7.4", "third segment: the connection is open")     \
    X(TAKE_COOKIE, TAKE, "RFC 4987 3.6", "a valid cookie: the connection is open")                \
    X(TAKE_ACK, TAKE, "RFC 9293 3.10.7.4", "acknowledges new data")                               \
    X(TAKE_ACK_FIN, TAKE, "RFC 9293 3.10.7.4", "acknowledges our FIN")                            \
    X(TAKE_ACK_DUPLICATE, TAKE, "RFC 5681 2", "duplicate ACK")                                    \
    X(TAKE_ACK_OLD, TAKE, "RFC 9293 3.10.7.4", "old ACK")                                         \
    X(TAKE_WINDOW, TAKE, "RFC 9293 3.10.7.4", "window update")                                    \
    X(TAKE_DATA, TAKE, "RFC 9293 3.10.7.4", "data in order")                                      \
    X(TAKE_DATA_EARLY, TAKE, "RFC 9293 3.10.7.4", "data after a gap, kept")                       \
    X(TAKE_DATA_OLD, TAKE, "RFC 9293 3.10.7.4", "bytes that came before")                         \
    X(TAKE_FIN, TAKE, "RFC 9293 3.10.7.4", "FIN: the peer will send no more")                     \
    X(TAKE_FIN_AGAIN, TAKE, "RFC 9293 3.10.7.4", "the FIN again")                                 \
    X(TAKE_RST, TAKE, "RFC 9293 3.10.7.4", "RST: the peer gave up the connection")                \
    X(TAKE_RST_REFUSED, TAKE, "RFC 9293 3.10.7.3", "RST: nobody listens there")                   \
    X(TAKE_ICMP_ERROR, TAKE, "RFC 5461 2", "an ICMP error about a connection")                    \
    X(TAKE_ICMP_MTU, TAKE, "RFC 1191 3", "the path's MTU is smaller")                             \
    X(TAKE_ICMP_ECHO, TAKE, "RFC 792", "an echo request")                                         \
    X(TAKE_UDP, TAKE, "RFC 768", "datagram delivered")                                            \
    X(TAKE_FRAGMENT, TAKE, "RFC 791 3.2", "a fragment, kept")                                     \
    X(TAKE_NEIGHBOUR, TAKE, "RFC 4861 7.2", "neighbour resolution")                               \
    /* why a packet is dropped: link and IP */                                                    \
    X(DROP_TRUNCATED, DROP, "RFC 1122 3.2.1", "shorter than its header says")                     \
    X(DROP_ETHERTYPE, DROP, "RFC 1122 2.3", "neither IP nor ARP")                                 \
    X(DROP_NOT_OUR_MAC, DROP, "RFC 894", "for another link-layer address")                        \
    X(DROP_IP_VERSION, DROP, "RFC 1122 3.2.1.1", "IP version is neither 4 nor 6")                 \
    X(DROP_IP_HEADER, DROP, "RFC 1122 3.2.1", "IP header is malformed")                           \
    X(DROP_IP_CHECKSUM, DROP, "RFC 1122 3.2.1.2", "IP header checksum is wrong")                  \
    X(DROP_IP_SOURCE, DROP, "RFC 1122 3.2.1.3", "source address cannot be one")                   \
    X(DROP_NOT_OURS, DROP, "RFC 1122 3.2.1.3", "for another host, and this one forwards nothing") \
    X(DROP_IP_MAPPED, DROP, "RFC 4291 2.5.5.2", "IPv4-mapped address in an IPv6 header")          \
    X(DROP_IP_SOURCE_ROUTE, DROP, "RFC 7126 4.3", "source-routed")                                \
    X(DROP_IP_OPTION, DROP, "RFC 1122 3.2.1.8", "IP option is malformed")                         \
    X(DROP_IP_EXTENSION, DROP, "RFC 8200 4", "extension headers: too many or malformed")          \
    X(DROP_IP_PROTOCOL, DROP, "RFC 1122 3.2.2.1", "no such protocol here")                        \
    X(DROP_FRAGMENT, DROP, "RFC 8200 4.5", "fragment is malformed")                               \
    X(DROP_FRAGMENT_OVERLAP, DROP, "RFC 5722 4", "fragments overlap")                             \
    X(DROP_FRAGMENT_MEMORY, DROP, "RFC 1122 3.3.2", "too many fragments are waiting")             \
    X(DROP_FRAGMENT_ECN, DROP, "RFC 3168 5.3", "congestion met by a fragment is told by a loss")  \
    X(DROP_FRAGMENT_TIME, DROP, "RFC 1122 3.3.2", "the other fragments did not come in time")     \
    X(DROP_ICMP, DROP, "RFC 1122 3.2.2", "ICMP message that asks for nothing")                    \
    X(DROP_ICMP_MALFORMED, DROP, "RFC 1122 3.2.2", "ICMP message is malformed")                   \
    X(DROP_ICMP_CHECKSUM, DROP, "RFC 1122 3.2.2", "ICMP checksum is wrong")                       \
    X(DROP_ICMP_STALE, DROP, "RFC 5927 4.1", "ICMP error about nothing in flight")                \
    X(DROP_ICMP_QUENCH, DROP, "RFC 6633 3", "ICMP source quench is obsolete")                     \
    X(DROP_ICMP_RATE, DROP, "RFC 1812 4.3.2.8", "an ICMP answer would exceed the rate limit")     \
    X(DROP_NEIGHBOUR, DROP, "RFC 4861 7.1", "ARP or Neighbour Discovery message is not valid")    \
    X(DROP_UNRESOLVED, DROP, "RFC 1122 2.3.2.2", "link-layer address not found")                  \
    /* why a packet is dropped: UDP */                                                            \
    X(DROP_UDP_HEADER, DROP, "RFC 768", "UDP length is wrong")                                    \
    X(DROP_UDP_CHECKSUM, DROP, "RFC 1122 4.1.3.4", "UDP checksum is wrong or missing")            \
    X(DROP_UDP_PORT, DROP, "RFC 1122 4.1.3.1", "nobody has this UDP port")                        \
    X(DROP_UDP_FULL, DROP, "RFC 768", "the receiver has not read")                                \
    /* why a packet is dropped: TCP */                                                            \
    X(DROP_TCP_HEADER, DROP, "RFC 9293 3.1", "TCP header is malformed")                           \
    X(DROP_TCP_CHECKSUM, DROP, "RFC 9293 3.1", "TCP checksum is wrong")                           \
    X(DROP_TCP_NOT_UNICAST, DROP, "RFC 9293 3.9.2.3", "TCP from or to a broadcast or multicast")  \
    X(DROP_LAND, DROP, "RFC 9293 3.9.2.3", "source and destination are the same")                 \
    X(DROP_NO_CONNECTION, DROP, "RFC 9293 3.10.7.1", "nobody is here for this segment")           \
    X(DROP_RST_NO_CONNECTION, DROP, "RFC 9293 3.10.7.1", "RST for a connection that is not")      \
    X(DROP_LISTEN_RST, DROP, "RFC 9293 3.10.7.2", "RST at a listener")                            \
    X(DROP_LISTEN_ACK, DROP, "RFC 9293 3.10.7.2", "ACK at a listener for no connection")          \
    X(DROP_LISTEN_OTHER, DROP, "RFC 9293 3.10.7.2", "neither SYN, ACK nor RST at a listener")     \
    X(DROP_LISTEN_SYN_QUEUE, DROP, "RFC 4987 3.1", "too many half-open connections: SYN dropped") \
    X(DROP_LISTEN_ACCEPT_QUEUE, DROP, "RFC 4987 3.1", "too many connections wait for accept")     \
    X(DROP_LISTEN_DEFERRED, DROP, "RFC 9293 3.8.1",                                               \
      "the listener waits for data before it accepts")                                            \
    X(DROP_COOKIE, DROP, "RFC 4987 3.6", "the ACK carries no valid cookie")                       \
    X(DROP_HALF_OPEN, DROP, "RFC 9293 3.10.7.4", "not what a half-open connection waits for")     \
    X(DROP_SYN_SENT, DROP, "RFC 9293 3.10.7.3", "not what SYN-SENT waits for")                    \
    X(DROP_SYN_SENT_ACK, DROP, "RFC 9293 3.10.7.3", "acknowledges something else than our SYN")   \
    X(DROP_SEQUENCE, DROP, "RFC 9293 3.10.7.4", "outside the receive window")                     \
    X(DROP_PAWS, DROP, "RFC 7323 5.3", "timestamp is older than the last one")                    \
    X(DROP_TIMESTAMP_MISSING, DROP, "RFC 7323 3.2", "timestamp missing after it was agreed")      \
    X(DROP_RST_SEQUENCE, DROP, "RFC 5961 3", "RST outside the window")                            \
    X(DROP_RST_INEXACT, DROP, "RFC 5961 3", "RST in the window but not exact: challenged")        \
    X(DROP_SYN_SYNCHRONIZED, DROP, "RFC 5961 4", "SYN on an open connection: challenged")         \
    X(DROP_NO_ACK, DROP, "RFC 9293 3.10.7.4", "no ACK flag")                                      \
    X(DROP_ACK_RANGE, DROP, "RFC 5961 5", "ACK field out of range")                               \
    X(DROP_DATA_AFTER_FIN, DROP, "RFC 9293 3.10.7.4", "data behind the FIN")                      \
    X(DROP_DATA_AFTER_CLOSE, DROP, "RFC 9293 3.6.1", "data after the close")                      \
    X(DROP_REASSEMBLY_FULL, DROP, "RFC 9293 3.10.7.4", "too much data waits behind gaps")         \
    X(DROP_NO_MEMORY, DROP, "", "no memory left")                                                 \
    X(DROP_TIME_WAIT, DROP, "RFC 1337 2", "old segment in TIME-WAIT")                             \
    X(DROP_TIME_WAIT_RST, DROP, "RFC 1337 3", "RST in TIME-WAIT is ignored")                      \
    /* timers, calls and changes of state */                                                      \
    X(CALL_OPEN, EVENT, "RFC 9293 3.10.1", "the application connects")                            \
    X(CALL_LISTEN, EVENT, "RFC 9293 3.10.1", "the application listens")                           \
    X(CALL_ACCEPT, EVENT, "RFC 9293 3.10.1", "the application accepts")                           \
    X(CALL_SEND, EVENT, "RFC 9293 3.10.2", "the application sends")                               \
    X(CALL_RECEIVE, EVENT, "RFC 9293 3.10.3", "the application reads")                            \
    X(CALL_SHUTDOWN, EVENT, "RFC 9293 3.10.4", "the application ends its sending side")           \
    X(CALL_CLOSE, EVENT, "RFC 9293 3.10.4", "the application closes")                             \
    X(CALL_ABORT, EVENT, "RFC 9293 3.10.5", "the application aborts")                             \
    X(TIMEOUT_RTX, EVENT, "RFC 6298 5.4", "retransmission timer ran out")                         \
    X(TIMEOUT_PERSIST, EVENT, "RFC 9293 3.8.6.1", "persist timer ran out")                        \
    X(TIMEOUT_DELAYED_ACK, EVENT, "RFC 9293 3.8.6.3", "delayed-ACK timer ran out")                \
    X(TIMEOUT_KEEPALIVE, EVENT, "RFC 9293 3.8.4", "keep-alive timer ran out")                     \
    X(TIMEOUT_USER, EVENT, "RFC 9293 3.10.8", "the user timeout ran out")                         \
    X(TIMEOUT_R2, EVENT, "RFC 9293 3.8.3", "retransmitted too often: gave up")                    \
    X(TIMEOUT_FIN_WAIT_2, EVENT, "RFC 1122 4.2.2.20", "the peer did not close in time")           \
    X(TIMEOUT_TIME_WAIT, EVENT, "RFC 9293 3.6.1", "2 MSL are over: port and resources are free")  \
    X(TIMEOUT_HALF_OPEN, EVENT, "RFC 9293 3.8.3", "the third segment never came")                 \
    X(TIME_WAIT_RESTART, EVENT, "RFC 9293 3.10.7.4", "the FIN came again: 2 MSL start over")      \
    X(TIME_WAIT_REUSED, EVENT, "RFC 6191 2", "a new SYN takes over the connection in TIME-WAIT")  \
    X(TIME_WAIT_EVICTED, EVENT, "RFC 9293 3.6.1", "TIME-WAIT ended early: the table is full")     \
    X(RETRANSMISSION_R1, EVENT, "RFC 9293 3.8.3", "retransmissions reached R1: path in doubt")    \
    X(URGENT_ADVANCED, EVENT, "RFC 9293 3.8.5", "the urgent pointer moved")                       \
    X(RECOVERY_ENTERED, EVENT, "RFC 6582 3.2", "fast recovery begins")                            \
    X(RECOVERY_LEFT, EVENT, "RFC 6582 3.2", "recovery ends")                                      \
    X(RECOVERY_UNDONE, EVENT, "RFC 3522 3.2", "the recovery was a mistake, by the timestamps")    \
    X(RECOVERY_UNDONE_DSACK, EVENT, "RFC 3708 3", "the recovery was a mistake: all came twice")   \
    X(TIMEOUT_SPURIOUS, EVENT, "RFC 5682 2.1", "the timeout was a mistake: window put back")      \
    X(TIMEOUT_PROBE, EVENT, "RFC 8985 7.2", "probe timer ran out: no ACK for the tail")           \
    X(TIMEOUT_REORDER, EVENT, "RFC 8985 6.2", "reordering timer ran out")                         \
    X(PROBE_REPAIRED, EVENT, "RFC 8985 7.4", "the probe repaired a loss: the window shrinks")     \
    X(MTU_BLACK_HOLE, EVENT, "RFC 4821 7.7", "full-sized segments do not arrive: smaller ones")   \
    X(MTU_RAISED, EVENT, "RFC 4821 7.6.1", "the larger segment arrived: larger ones")             \
    X(RENEGED, EVENT, "RFC 2018 8", "the peer dropped what it had SACKed")                        \
    X(MARKS_ANSWERED, EVENT, "RFC 3168 6.1.2", "the path marks our packets: the window shrinks")  \
    X(ECN_MANGLED, EVENT, "RFC 9768 3.2.2.3", "the path garbles ECN: packets go without now")     \
    X(FASTOPEN_REFUSED, EVENT, "RFC 7413 4.1.3.1", "Fast Open did not work on this path")         \
    X(FASTOPEN_BLACKHOLE, EVENT, "RFC 7413 4.1.3.1", "no answer after Fast Open: left alone")     \
    X(FASTOPEN_RESET, EVENT, "RFC 7413 5.1", "reset before the handshake: counted for a while")   \
    X(SOFT_ERROR, EVENT, "RFC 9293 3.9.2.2", "a soft error was reported")                         \
    X(CLOCK_BACKWARDS, EVENT, "", "the clock went back: taken as the last time")                  \
    X(TRACE_LOST, EVENT, "", "trace records were lost: the rings were not drained in time")

enum la_reason {
#define LA_REASON_ENUM(name, kind, clause, text) LA_##name,
    LA_REASONS(LA_REASON_ENUM)
#undef LA_REASON_ENUM
        LA_REASON_COUNT
};

enum la_reason_kind { LA_KIND_SEND, LA_KIND_TAKE, LA_KIND_DROP, LA_KIND_EVENT };

#endif
