/* The state of an end that is not traced, inferred from the segments that pass.
 *
 * RFC 9293 figure 5 is usually read as arcs. It can also be read as a pure function: which of its
 * SYN and FIN an end has sent, which of the other's have reached it, and which of its own have
 * been acknowledged to it determine its state. view_end_state() is that function, and nothing
 * here remembers a state.
 *
 * Two sets of facts are kept about the peer. `known` holds what its own segments prove.
 * `assumed` adds what it will know once everything sent so far has arrived; nobody on this side
 * can tell whether it has. Where the two give different states, the state is not sure, and a
 * drawing marks it. The last ACK of a connection is never proved to have arrived, which is why
 * TIME-WAIT exists. */
#ifndef VIEW_PEER_H
#define VIEW_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include <lastack/trace.h>

/* Facts about one end. */
enum view_fact {
    FACT_SYN_SENT = 0x01,
    FACT_SYN_GOT = 0x02,   /* the other end's SYN has reached it */
    FACT_SYN_ACKED = 0x04, /* and the acknowledgement of its own */
    FACT_FIN_SENT = 0x08,
    FACT_FIN_GOT = 0x10,
    FACT_FIN_ACKED = 0x20,
    FACT_FIN_GOT_FIRST = 0x40, /* it had the other's FIN when it sent its own */
    FACT_RESET = 0x80,
    FACT_ALL = 0xff,
};

/* The state of an end of which these facts are true; LISTEN when nothing has passed. */
enum la_tcp_state view_end_state(unsigned facts);

/* The state of an end after it sent a segment with these flags. A RST ends the connection that
 * it belongs to, but one that answers a bad ACK or nobody's segment changes no state. */
enum la_tcp_state view_state_after_sending(enum la_tcp_state before, uint16_t flags,
                                           enum la_reason reason);

struct view_peer {
    unsigned known, assumed; /* enum view_fact */
    uint32_t our_iss, our_fin_end;
    uint32_t its_iss, its_fin_end;
    uint32_t proof_end; /* an ACK up to here shows that it got our ACK of its FIN */
    bool our_syn_seen, our_fin_seen, proof_seen;
    bool as_it_left; /* the last segment showed the peer's state at its departure */
};

/* A connection of which the beginning was not seen: both SYNs have been exchanged. */
void view_peer_join_open(struct view_peer *p);

/* A segment that this end sent, or took (refused ones say nothing about the peer). */
void view_peer_sent(struct view_peer *p, const struct la_trace_record *r);
void view_peer_took(struct view_peer *p, const struct la_trace_record *r);

enum la_tcp_state view_peer_state(const struct view_peer *p, bool *sure);

#endif
