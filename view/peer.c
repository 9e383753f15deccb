/* The state of the peer, inferred from the segments that pass (RFC 9293 figure 5). */
#include "peer.h"

/* At or behind `mark`, in sequence space. */
static bool reaches(uint32_t seq, uint32_t mark)
{
    return (int32_t)(seq - mark) >= 0;
}

static uint32_t segment_end(const struct la_trace_record *r)
{
    return r->seq + r->len + ((r->flags & LA_TH_SYN) != 0) + ((r->flags & LA_TH_FIN) != 0);
}

static enum la_tcp_state closing_state(unsigned facts)
{
    bool acked = (facts & FACT_FIN_ACKED) != 0;

    if ((facts & FACT_FIN_SENT) == 0)
        return LA_TCP_CLOSE_WAIT;
    if ((facts & FACT_FIN_GOT) == 0)
        return acked ? LA_TCP_FIN_WAIT_2 : LA_TCP_FIN_WAIT_1;
    if ((facts & FACT_FIN_GOT_FIRST) != 0)
        return acked ? LA_TCP_CLOSED : LA_TCP_LAST_ACK;
    return acked ? LA_TCP_TIME_WAIT : LA_TCP_CLOSING;
}

enum la_tcp_state view_end_state(unsigned facts)
{
    const unsigned open = FACT_SYN_SENT | FACT_SYN_GOT | FACT_SYN_ACKED;

    if ((facts & FACT_RESET) != 0)
        return LA_TCP_CLOSED;
    /* A FIN may be sent or come before the handshake is seen to be complete. */
    if ((facts & (FACT_FIN_SENT | FACT_FIN_GOT)) != 0)
        return closing_state(facts);
    if ((facts & open) == open)
        return LA_TCP_ESTABLISHED;
    if ((facts & FACT_SYN_GOT) != 0)
        return LA_TCP_SYN_RECEIVED;
    return (facts & FACT_SYN_SENT) != 0 ? LA_TCP_SYN_SENT : LA_TCP_LISTEN;
}

enum la_tcp_state view_state_after_sending(enum la_tcp_state before, uint16_t flags,
                                           enum la_reason reason)
{
    if ((flags & LA_TH_RST) != 0) {
        bool kept = reason == LA_RST_NO_CONNECTION || reason == LA_RST_BAD_ACK;

        return kept ? before : LA_TCP_CLOSED;
    }
    if ((flags & LA_TH_SYN) != 0) {
        if ((flags & LA_TH_ACK) != 0)
            return before == LA_TCP_LISTEN || before == LA_TCP_SYN_SENT ? LA_TCP_SYN_RECEIVED
                                                                        : before;
        return before == LA_TCP_CLOSED || before == LA_TCP_LISTEN ? LA_TCP_SYN_SENT : before;
    }
    if ((flags & LA_TH_FIN) != 0) {
        if (before == LA_TCP_ESTABLISHED || before == LA_TCP_SYN_RECEIVED)
            return LA_TCP_FIN_WAIT_1;
        if (before == LA_TCP_CLOSE_WAIT)
            return LA_TCP_LAST_ACK;
    }
    return before;
}

void view_peer_join_open(struct view_peer *p)
{
    p->known |= FACT_SYN_SENT | FACT_SYN_GOT | FACT_SYN_ACKED;
    p->assumed |= p->known;
}

void view_peer_sent(struct view_peer *p, const struct la_trace_record *r)
{
    const bool ack = (r->flags & LA_TH_ACK) != 0;
    uint32_t end = segment_end(r);

    p->as_it_left = false;
    if ((r->flags & LA_TH_RST) != 0) {
        p->assumed |= FACT_RESET;
        return;
    }
    if ((r->flags & LA_TH_SYN) != 0) {
        if (p->our_syn_seen && p->our_iss != r->seq)
            *p = (struct view_peer){0}; /* the same pair of ends, a new connection */
        p->our_syn_seen = true;
        p->our_iss = r->seq;
        p->assumed |= FACT_SYN_GOT;
    }
    if ((r->flags & LA_TH_FIN) != 0) {
        p->our_fin_seen = true;
        p->our_fin_end = end;
    }
    /* What arrives in order behind our FIN says that the FIN came too. */
    if (p->our_fin_seen && reaches(end, p->our_fin_end))
        p->assumed |= FACT_FIN_GOT;
    if (ack && (p->known & FACT_SYN_SENT) != 0)
        p->assumed |= FACT_SYN_ACKED;
    if (ack && (p->known & FACT_FIN_SENT) != 0 && reaches(r->ack, p->its_fin_end)) {
        p->assumed |= FACT_FIN_ACKED;
        if (end != r->seq && !p->proof_seen) {
            p->proof_seen = true;
            p->proof_end = end;
        }
    }
}

/* What the ACK field of the peer's segment proves. */
static void peer_acks(struct view_peer *p, const struct la_trace_record *r)
{
    if (p->our_syn_seen && reaches(r->ack, p->our_iss + 1)) {
        p->known |= FACT_SYN_GOT;
        /* It would still send its SYN if that had not been acknowledged. */
        if ((r->flags & LA_TH_SYN) == 0)
            p->known |= FACT_SYN_ACKED;
    }
    if (p->our_fin_seen && reaches(r->ack, p->our_fin_end))
        p->known |= FACT_FIN_GOT;
    if (p->proof_seen && reaches(r->ack, p->proof_end))
        p->known |= FACT_FIN_ACKED;
}

void view_peer_took(struct view_peer *p, const struct la_trace_record *r)
{
    const unsigned before = p->known;

    if ((r->flags & LA_TH_RST) != 0) {
        p->known |= FACT_RESET;
        p->assumed |= p->known;
        return;
    }
    if ((r->flags & LA_TH_SYN) != 0) {
        if ((p->known & FACT_SYN_SENT) != 0 && p->its_iss != r->seq)
            *p = (struct view_peer){0};
        p->its_iss = r->seq;
        p->known |= FACT_SYN_SENT;
    }
    if ((r->flags & LA_TH_ACK) != 0)
        peer_acks(p, r);
    if ((r->flags & LA_TH_FIN) != 0 && (p->known & FACT_FIN_SENT) == 0) {
        p->its_fin_end = segment_end(r);
        p->known |= FACT_FIN_SENT;
        if ((p->known & FACT_FIN_GOT) != 0)
            p->known |= FACT_FIN_GOT_FIRST;
    }
    p->assumed |= p->known;
    /* A SYN or FIN, and the ACK of ours, show their sender as it was when they left: what we sent
     * in the meantime had not reached it. Other segments contradict nothing that we assume. */
    p->as_it_left =
        (r->flags & (LA_TH_SYN | LA_TH_FIN)) != 0 || (p->known & ~before & FACT_FIN_GOT) != 0;
}

enum la_tcp_state view_peer_state(const struct view_peer *p, bool *sure)
{
    enum la_tcp_state state = view_end_state(p->as_it_left ? p->known : p->assumed);

    *sure = view_end_state(p->known) == state;
    return state;
}
