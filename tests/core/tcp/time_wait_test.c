/* TIME-WAIT as a record (RFC 9293 3.6.1, 3.10.7.4; RFC 1337; RFC 6191): every segment's
 * disposition, and that two ends in TIME-WAIT never answer each other. */
#include "support/tcp_harness.h"

static struct tcp_segment make(uint16_t flags, uint32_t seq, uint32_t ack, uint32_t len)
{
    struct tcp_segment s = {.seq = seq_of(seq), .ack = seq_of(ack), .len = len, .segs = 1};
    s.h.flags = flags;
    s.h.seq = seq;
    s.h.ack = ack;
    s.seg_len = wire_tcp_seglen(&s.h, len);
    return s;
}

static struct tcp_time_wait record(struct tcp_harness *h)
{
    tcp_to_state(h, LA_TCP_TIME_WAIT);
    struct tcp_time_wait w = tcp_time_wait_of(&h->t);
    assert_int_equal(w.snd_nxt.v, h->iss + 2);
    assert_int_equal(w.rcv_nxt.v, h->irs + 2);
    assert_int_equal(tcp_time_wait_conn(&w), 7);
    assert_memory_equal(&w.key, &h->key, sizeof(w.key));
    return w;
}

static void is(const struct tcp_time_wait *w, const struct tcp_segment *s,
               enum tcp_time_wait_action action)
{
    assert_int_equal(tcp_time_wait_arrives(w, s).action, action);
}

/* RFC 9293 MUST-13: the FIN again: acknowledged, and the wait starts over. */
static void fin_again(struct tcp_harness *h)
{
    struct tcp_time_wait w = record(h);
    struct tcp_segment fin = make(FIN | ACK, h->irs + 1, h->iss + 2, 0);
    is(&w, &fin, TCP_TW_RESTART);
    fin = make(FIN | ACK, h->irs + 1, h->iss + 1, 0);
    is(&w, &fin, TCP_TW_RESTART);
    fin = make(FIN | ACK, h->irs + 1 - 100, h->iss + 2, 100); /* with its data */
    is(&w, &fin, TCP_TW_RESTART);
    fin = make(FIN | ACK, h->irs + 2, h->iss + 2, 0); /* another one */
    is(&w, &fin, TCP_TW_ACK);
    struct wire_tcp ack = {0};
    tcp_time_wait_ack(&w, &h->env, &ack);
    assert_int_equal(ack.flags, ACK);
    assert_int_equal(ack.seq, h->iss + 2);
    assert_int_equal(ack.ack, h->irs + 2);
    assert_int_equal(ack.src_port, h->key.lport);
    assert_int_equal(ack.options, 0);
}

/* RFC 1337 3: no reset ends the wait, wherever it lies. */
static void resets(struct tcp_harness *h)
{
    struct tcp_time_wait w = record(h);
    for (int d = -3; d <= 3; d++) {
        for (unsigned i = 0; i < 4; i++) {
            uint16_t flags = (uint16_t)(RST | (i & 1 ? ACK : 0) | (i & 2 ? FIN : 0));
            struct tcp_segment s = make(flags, h->irs + 2 + (uint32_t)d, h->iss + 2, 0);
            is(&w, &s, TCP_TW_DROP);
        }
    }
}

/* RFC 9293 MAY-2, by the sequence number; a SYN-ACK never. */
static void new_connection(struct tcp_harness *h)
{
    struct tcp_time_wait w = record(h);
    for (int d = -3; d <= 3; d++) {
        struct tcp_segment s = make(SYN, h->irs + 2 + (uint32_t)d, 0, 0);
        is(&w, &s, d > 0 ? TCP_TW_REUSE : TCP_TW_ACK);
        s = make(SYN | ACK, h->irs + 2 + (uint32_t)d, h->iss + 2, 0);
        is(&w, &s, TCP_TW_ACK);
    }
}

/* RFC 9293 SHLD-4: by the timestamp (RFC 6191 2). */
static void new_connection_by_timestamp(struct tcp_harness *h)
{
    h->options.timestamps = true;
    h->syn_options |= WIRE_TCP_TS;
    struct tcp_time_wait w = record(h);
    for (int seq = -2; seq <= 2; seq++) {
        for (int ts = -2; ts <= 2; ts++) {
            struct tcp_segment s = make(SYN, h->irs + 2 + (uint32_t)seq, 0, 0);
            s.h.options = WIRE_TCP_TS;
            s.h.tsval = w.ts_recent + (uint32_t)ts;
            is(&w, &s, ts > 0 || (ts == 0 && seq > 0) ? TCP_TW_REUSE : TCP_TW_ACK);
        }
    }
}

/* RFC 7323 5.3: an old duplicate does not start the wait over. */
static void old_duplicates(struct tcp_harness *h)
{
    h->options.timestamps = true;
    h->syn_options |= WIRE_TCP_TS;
    struct tcp_time_wait w = record(h);
    struct tcp_segment s = make(FIN | ACK, h->irs + 1, h->iss + 2, 0);
    s.h.options = WIRE_TCP_TS;
    s.h.tsval = w.ts_recent - 1;
    is(&w, &s, TCP_TW_ACK);
    s.h.tsval = w.ts_recent;
    is(&w, &s, TCP_TW_RESTART);
    s = make(ACK, h->irs + 2, h->iss + 2, 0);
    s.h.options = WIRE_TCP_TS;
    s.h.tsval = w.ts_recent - 1;
    is(&w, &s, TCP_TW_DROP);
    struct wire_tcp ack = {0};
    tcp_time_wait_ack(&w, &h->env, &ack);
    assert_int_equal(ack.options, WIRE_TCP_TS);
    assert_int_equal(ack.tsecr, w.ts_recent);
    assert_true((int32_t)(ack.tsval - h->tsval_seen) >= 0);
}

/* RFC 9293 3.10.7.4: what is not acceptable is answered, and nothing is but an ACK at RCV.NXT. */
static void data_and_acks(struct tcp_harness *h)
{
    struct tcp_time_wait w = record(h);
    static const uint16_t silent[] = {0, ACK, ACK | PSH, ACK | URG, PSH};
    for (int d = -3; d <= 3; d++) {
        uint32_t seq = h->irs + 2 + (uint32_t)d;
        struct tcp_segment s = make(ACK, seq, h->iss + 2, 10);
        is(&w, &s, TCP_TW_ACK);
        for (unsigned i = 0; i < sizeof(silent) / sizeof(silent[0]); i++) {
            s = make(silent[i], seq, h->iss + 2 + (uint32_t)d, 0);
            is(&w, &s, d == 0 ? TCP_TW_DROP : TCP_TW_ACK);
        }
    }
}

/* What one end answers the other does not answer again, if they agree on the numbers; if they do
 * not, the stack counts (stack/wait.c). */
static void two_ends(struct tcp_harness *h)
{
    struct tcp_time_wait a = record(h), b = a;
    b.key = (struct flow_key){a.key.raddr, a.key.laddr, a.key.rport, a.key.lport};
    for (int d = -3; d <= 3; d++) {
        for (int e = -3; e <= 3; e++) {
            b.snd_nxt = seq_of(a.rcv_nxt.v + (uint32_t)d);
            b.rcv_nxt = seq_of(a.snd_nxt.v + (uint32_t)e);
            struct wire_tcp ack = {0};
            tcp_time_wait_ack(&b, &h->env, &ack);
            struct tcp_segment s = make(ack.flags, ack.seq, ack.ack, 0);
            is(&a, &s, d == 0 ? TCP_TW_DROP : TCP_TW_ACK);
        }
    }
}

/* The last ACK is lost, twice: each FIN that comes again is acknowledged again. */
static void last_ack_lost_twice(struct tcp_harness *h)
{
    struct tcp_time_wait w = record(h);
    tcp_again(h);
    tcp_to_state(h, LA_TCP_LAST_ACK); /* the other end, with the same numbers */
    for (unsigned i = 0; i < 2; i++) {
        tcp_fire(h);
        struct tcp_out *o = tcp_next(h);
        assert_int_equal(o->h.flags, FIN | ACK);
        struct tcp_segment s = make(FIN | ACK, w.rcv_nxt.v - 1, w.snd_nxt.v, 0);
        is(&w, &s, TCP_TW_RESTART);
    }
    tcp_ack_in(h, 2);
    assert_int_equal(h->t.state, LA_TCP_CLOSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EVERYWHERE(fin_again),      EVERYWHERE(resets),
        EVERYWHERE(new_connection), EVERYWHERE(new_connection_by_timestamp),
        EVERYWHERE(old_duplicates), EVERYWHERE(data_and_acks),
        EVERYWHERE(two_ends),       EVERYWHERE(last_ack_lost_twice),
    };
    return cmocka_run_group_tests_name("core/tcp/time_wait", tests, NULL, NULL);
}
