/* Every segment in every state that shares the steps of RFC 9293 3.10.7.4.
 *
 * The table is written from the text of the RFC: what state follows, what leaves, what is taken.
 * Where 3.10.7.4 and RFC 5961 differ the text itself points to RFC 5961 (MAY-12). SYN-SENT is in
 * open_test.c, LISTEN and half-open connections in listen_test.c, TIME-WAIT in time_wait_test.c. */
#include "support/tcp_harness.h"

/* Where a segment begins, and what it acknowledges. */
enum at { NXT, BELOW, OLD, LEFT, IN, LAST, BEYOND, RIGHT, AT_IRS };
enum acks { NONE, OK, SAME, NEW, BEFORE, EDGE, ANCIENT, HIGH };
#define WHOLE UINT32_MAX /* length: one more than the window on either side */

/* A cell: the state that follows ('.': the same) and what leaves:
 *   '-' nothing   'a' <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>   'r' <SEQ=SEG.ACK><CTL=RST>
 *   '?' nothing or an ACK   's' not looked at */
enum column { SR, EST, FW1, FW2, CW, CLG, LA, COLUMNS };
struct row {
    const char *name;
    uint16_t flags;
    enum at at;
    enum acks acks;
    uint32_t len;
    uint32_t take; /* bytes that SYN-RECEIVED, ESTABLISHED, FIN-WAIT-1 and -2 take */
    const char *cell[COLUMNS];
};

#define ALL(c)              \
    {                       \
        c, c, c, c, c, c, c \
    }
#define REST(c) c, c, c, c, c, c

static const struct row rows[] = {
    /* First, the sequence number: what is outside is answered with an ACK, unless it is an RST. */
    {"keep-alive probe", ACK, BELOW, SAME, 0, 0, ALL(".a")},
    {"ACK beyond the window", ACK, BEYOND, SAME, 0, 0, ALL(".a")},
    {"ACK of all, before the window", ACK, OLD, NEW, 0, 0, ALL(".a")},
    {"data that came before", ACK, OLD, OK, 10, 0, ALL(".a")},
    {"data beyond the window", ACK, BEYOND, OK, 10, 0, ALL(".a")},
    {"data on both sides of the window", ACK, BELOW, OK, WHOLE, 0, ALL(".a")},
    {"FIN that came before", FIN | ACK, BELOW, SAME, 0, 0, ALL(".a")},
    {"FIN beyond the window", FIN | ACK, BEYOND, OK, 0, 0, ALL(".a")},
    {"SYN before the window", SYN, BELOW, NONE, 0, 0, ALL(".a")},
    {"SYN beyond the window", SYN, BEYOND, NONE, 0, 0, ALL(".a")},
    {"no flags, beyond the window", 0, BEYOND, NONE, 0, 0, ALL(".a")},
    /* RFC 9293 MUST-10: the SYN-ACK of a simultaneous open. */
    {"SYN-ACK at IRS", SYN | ACK, AT_IRS, NEW, 0, 0, {"E-", REST(".a")}},
    /* Second, the RST bit (RFC 5961 3): SHLD-2, with or without data. */
    {"RST at RCV.NXT", RST, NXT, NONE, 0, 0, ALL("X-")},
    {"RST and ACK at RCV.NXT", RST | ACK, NXT, HIGH, 0, 0, ALL("X-")},
    {"RST with data", RST, NXT, NONE, 20, 0, ALL("X-")},
    {"RST in the window", RST, IN, NONE, 0, 0, ALL(".a")},
    {"RST at the end of the window", RST, LAST, NONE, 0, 0, ALL(".a")},
    {"RST before the window", RST, BELOW, NONE, 0, 0, ALL(".-")},
    {"RST with data that reach the window", RST, LEFT, NONE, 20, 0, ALL(".-")},
    {"RST beyond the window", RST | ACK, BEYOND, OK, 0, 0, ALL(".-")},
    {"RST and SYN at RCV.NXT", RST | SYN, NXT, NONE, 0, 0, ALL("X-")},
    /* Fourth, the SYN bit (RFC 5961 4). */
    {"SYN at RCV.NXT", SYN, NXT, NONE, 0, 0, ALL(".a")},
    {"SYN in the window", SYN, IN, NONE, 0, 0, ALL(".a")},
    {"SYN-ACK in the window", SYN | ACK, IN, NEW, 0, 0, ALL(".a")},
    {"SYN with data at RCV.NXT", SYN | ACK, NXT, OK, 10, 0, ALL(".a")},
    {"SYN and FIN at RCV.NXT", SYN | FIN | ACK, NXT, OK, 0, 0, ALL(".a")},
    /* Fifth, the ACK field. "If the ACK bit is off, drop the segment and return." */
    {"no flags", 0, NXT, NONE, 0, 0, ALL(".-")},
    {"data without ACK", PSH, NXT, NONE, 10, 0, ALL(".-")},
    {"FIN without ACK", FIN, NXT, NONE, 0, 0, ALL(".-")},
    {"ACK of SND.UNA", ACK, NXT, SAME, 0, 0, {".r", REST(".-")}},
    {"ACK of all", ACK, NXT, NEW, 0, 0, {"E-", ".-", "2-", ".-", ".-", "T-", "X-"}},
    {"ACK of all, in the window", ACK, IN, NEW, 0, 0, {"E-", ".-", "2-", ".-", ".-", "T-", "X-"}},
    {"old ACK", ACK, NXT, BEFORE, 0, 0, {".r", REST(".-")}},
    /* RFC 9293 MAY-12: SND.UNA - MAX.SND.WND =< SEG.ACK =< SND.NXT. */
    {"oldest ACK", ACK, NXT, EDGE, 0, 0, {".r", REST(".-")}},
    {"ACK that is too old", ACK, NXT, ANCIENT, 0, 0, {".r", REST(".a")}},
    {"ACK of what was never sent", ACK, NXT, HIGH, 0, 0, {".r", REST(".a")}},
    {"data with an ACK that is too old", ACK, NXT, ANCIENT, 10, 0, {".r", REST(".a")}},
    {"data with an ACK that is too new", ACK, NXT, HIGH, 10, 0, {".r", REST(".a")}},
    {"FIN with an ACK that is too new", FIN | ACK, NXT, HIGH, 0, 0, {".r", REST(".a")}},
    /* Seventh, the text: taken in ESTABLISHED and FIN-WAIT, else "ignore the segment text". */
    {"data", ACK, NXT, OK, 10, 10, {"E-", REST(".-")}},
    {"data with an old ACK", ACK, NXT, BEFORE, 10, 10, {".r", REST(".-")}},
    {"data old and new", ACK, LEFT, OK, 20, 10, {"E-", REST(".-")}},
    {"data and ACK of all", ACK, NXT, NEW, 10, 10, {"E-", ".-", "2-", ".-", ".-", "T-", "X-"}},
    /* RFC 9293 SHLD-31, MAY-13: kept, and acknowledged at once. */
    {"data early", ACK, IN, OK, 10, 0, {"Ea", ".a", ".a", ".a", ".-", ".-", ".-"}},
    {"data over the right edge", ACK, RIGHT, OK, 10, 0, {"Ea", ".a", ".a", ".a", ".-", ".-", ".-"}},
    /* Eighth, the FIN bit. */
    {"FIN", FIN | ACK, NXT, OK, 0, 0, {"Wa", "Wa", "Ca", "Ta", ".s", ".s", ".s"}},
    {"FIN and ACK of all", FIN | ACK, NXT, NEW, 0, 0, {"Wa", "Wa", "Ta", "Ta", ".s", "Ts", "Xs"}},
    {"data and FIN", FIN | ACK, NXT, OK, 10, 10, {"Wa", "Wa", "Ca", "Ta", ".s", ".s", ".s"}},
    {"old data, new FIN", FIN | ACK, LEFT, OK, 10, 0, {"Wa", "Wa", "Ca", "Ta", ".s", ".s", ".s"}},
    {"FIN early", FIN | ACK, IN, OK, 0, 0, {"E?", ".?", ".?", ".?", ".s", ".s", ".s"}},
};

static const enum la_tcp_state state_of[COLUMNS] = {
    [SR] = LA_TCP_SYN_RECEIVED, [EST] = LA_TCP_ESTABLISHED, [FW1] = LA_TCP_FIN_WAIT_1,
    [FW2] = LA_TCP_FIN_WAIT_2,  [CW] = LA_TCP_CLOSE_WAIT,   [CLG] = LA_TCP_CLOSING,
    [LA] = LA_TCP_LAST_ACK,
};

/* Into the state of the column, with something acknowledged before and, where the state has it,
 * something outstanding; the peer has sent 100 bytes, which were read. */
static void prepare(struct tcp_harness *h, enum column c)
{
    if (c == SR) {
        tcp_to_state(h, LA_TCP_SYN_RECEIVED);
        return;
    }
    tcp_connect(h);
    tcp_say(h, 100, 0);
    tcp_expect(h, ACK | PSH, 1, 1, 100);
    tcp_segment_in(h, ACK, 1, 101, 100);
    assert_int_equal(tcp_hear(h, 100), 100);
    tcp_wait_ms(h, 100);
    tcp_expect(h, ACK, 101, 101, 0);
    tcp_move_to(h, state_of[c]);
    if (c == EST || c == CW) {
        tcp_say(h, 100, 0);
        tcp_expect(h, ACK | PSH, 101, c == CW ? 102 : 101, 100);
    }
}

static uint32_t place(const struct tcp_harness *h, enum at at)
{
    uint32_t nxt = tcp_peer_rel(h, h->t.rcv_nxt), wnd = tcp_rcv_wnd(&h->t);
    switch (at) {
    case NXT:
        return nxt;
    case BELOW:
        return nxt - 1;
    case OLD:
        return nxt - 10;
    case LEFT:
        return nxt - 10;
    case IN:
        return nxt + 10;
    case LAST:
        return nxt + wnd - 1;
    case BEYOND:
        return nxt + wnd;
    case RIGHT:
        return nxt + wnd - 5;
    case AT_IRS:
        break;
    }
    return 0;
}

static uint32_t acknowledges(const struct tcp_harness *h, enum acks acks, enum column c)
{
    uint32_t una = tcp_rel(h, h->t.snd_una), nxt = tcp_rel(h, h->t.snd_max);
    switch (acks) {
    case OK:
        return c == SR ? nxt : una;
    case SAME:
        return una;
    case NEW:
        return nxt;
    case BEFORE:
        return una - 1;
    case EDGE:
        return una - h->peer_wnd;
    case ANCIENT:
        return una - h->peer_wnd - 1;
    case HIGH:
        return nxt + 1;
    case NONE:
        break;
    }
    return 0;
}

static enum la_tcp_state named(char letter, enum column c)
{
    static const struct {
        char letter;
        enum la_tcp_state state;
    } names[] = {
        {'E', LA_TCP_ESTABLISHED}, {'1', LA_TCP_FIN_WAIT_1}, {'2', LA_TCP_FIN_WAIT_2},
        {'W', LA_TCP_CLOSE_WAIT},  {'C', LA_TCP_CLOSING},    {'T', LA_TCP_TIME_WAIT},
        {'X', LA_TCP_CLOSED},
    };
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (names[i].letter == letter) {
            return names[i].state;
        }
    }
    return state_of[c];
}

/* RFC 9293 MUST-12, MUST-11: a reset is told apart from an orderly end, and a refusal from both. */
static void check_reset(const struct tcp_harness *h, enum column c)
{
    int error = c == SR ? LA_ECONNREFUSED : c == CLG || c == LA ? LA_OK : LA_ECONNRESET;
    assert_int_equal(h->t.error, error);
    assert_true(h->t.todo & TCP_DO_GONE);
    assert_false(tcp_timer_due(h));
}

static void check_answer(struct tcp_harness *h, char answer, const struct tcp_in *in,
                         uint32_t rcv_nxt, uint32_t snd_nxt)
{
    switch (answer) {
    case '-':
        tcp_silent(h);
        break;
    case 'a':
        tcp_expect(h, ACK, snd_nxt, rcv_nxt, 0);
        tcp_silent(h);
        break;
    case 'r':
        tcp_expect(h, RST, in->ack, 0, 0);
        tcp_silent(h);
        break;
    case '?':
        if (tcp_waiting(h) != 0) {
            tcp_expect(h, ACK, snd_nxt, rcv_nxt, 0);
        }
        tcp_silent(h);
        break;
    default:
        break;
    }
}

static void check_row(struct tcp_harness *h, const struct row *row, enum column c)
{
    prepare(h, c);
    struct tcp_in in = {.flags = row->flags, .seq = place(h, row->at), .len = row->len};
    if (row->len == WHOLE) {
        in.len = tcp_rcv_wnd(&h->t) + 2;
    }
    in.ack = acknowledges(h, row->acks, c);
    enum la_tcp_state want = named(row->cell[c][0], c);
    bool refused = row->cell[c][1] == 'r' || (row->flags & RST);
    uint32_t take = c <= FW2 && !refused ? row->take : 0;
    uint32_t rcv_nxt = tcp_peer_rel(h, h->t.rcv_nxt) + take;
    uint32_t snd_nxt = tcp_rel(h, h->t.snd_max);
    if ((row->flags & FIN) && c <= FW2 && want != state_of[c] && want != LA_TCP_ESTABLISHED) {
        rcv_nxt++;
    }
    tcp_feed(h, &in);
    assert_int_equal(h->t.state, want);
    check_answer(h, row->cell[c][1], &in, rcv_nxt, snd_nxt);
    assert_int_equal(tcp_peer_rel(h, h->t.rcv_nxt), rcv_nxt);
    assert_int_equal(h->t.rcv_queued, take);
    assert_int_equal(tcp_rel(h, h->t.snd_max), snd_nxt);
    if (want == LA_TCP_CLOSED && (row->flags & RST)) {
        check_reset(h, c);
    }
}

static unsigned row_now, column_now;

static void every_segment_in_every_state(struct tcp_harness *h)
{
    for (row_now = 0; row_now < sizeof(rows) / sizeof(rows[0]); row_now++) {
        for (column_now = 0; column_now < COLUMNS; column_now++) {
            check_row(h, &rows[row_now], (enum column)column_now);
            tcp_again(h);
        }
    }
    row_now = 0;
}

static int name_row(void **state)
{
    if (row_now != 0) {
        print_message("row '%s', column %u\n", rows[row_now].name, column_now);
    }
    return tcp_name_world(state);
}

/* ---- urgent data (3.10.7.4, sixth) ---------------------------------------------------------- */

/* RFC 9293 MUST-30, MUST-32, MUST-62: the pointer counts from SEG.SEQ and names the octet behind.
 */
static void urgent_in_every_state(struct tcp_harness *h)
{
    for (enum column c = SR; c < COLUMNS; c++) {
        prepare(h, c);
        uint32_t nxt = place(h, NXT);
        tcp_feed(h, &(struct tcp_in){.flags = ACK | URG,
                                     .seq = nxt,
                                     .ack = acknowledges(h, OK, c),
                                     .len = 10,
                                     .urg = 25});
        bool told = (h->t.todo & TCP_DO_URGENT) != 0;
        assert_int_equal(told, c <= FW2);
        if (told) {
            assert_int_equal(tcp_peer_rel(h, h->t.rcv_up), nxt + 25);
            assert_true(tcp_ready(&h->t, &h->env) & LA_EV_URGENT);
        }
        tcp_again(h);
    }
}

/* ---- challenge ACKs are limited (RFC 5961 7) ------------------------------------------------ */

static void challenges_are_limited(struct tcp_harness *h)
{
    static const struct {
        uint16_t flags;
        enum at at;
        enum acks acks;
    } kinds[] = {
        {RST, IN, NONE},     {SYN, IN, NONE},     {ACK, NXT, HIGH},
        {ACK, NXT, ANCIENT}, {ACK, BEYOND, SAME},
    };
    for (unsigned k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        prepare(h, EST);
        tcp_ack_in(h, tcp_rel(h, h->t.snd_max)); /* no timer interferes */
        for (unsigned second = 0; second < 3; second++) {
            for (unsigned i = 0; i < 100; i++) {
                tcp_segment_in(h, kinds[k].flags, place(h, kinds[k].at),
                               acknowledges(h, kinds[k].acks, EST), 0);
            }
            assert_in_range(tcp_waiting(h), 1, 10);
            assert_int_equal(h->t.state, LA_TCP_ESTABLISHED);
            h->out_head = h->out_tail;
            tcp_wait_ms(h, 1000);
        }
        tcp_again(h);
    }
}

/* Two ends whose numbers disagree do not answer each other for ever: each ACK that lies outside is
 * answered only so often. */
static void no_war_of_acks(struct tcp_harness *h)
{
    prepare(h, EST);
    for (unsigned i = 0; i < 1000; i++) {
        tcp_segment_in(h, ACK, place(h, BELOW), 1, 0);
    }
    assert_in_range(tcp_waiting(h), 1, 10);
}

int main(void)
{
    struct CMUnitTest tests[] = {
        EVERYWHERE(every_segment_in_every_state),
        EVERYWHERE(urgent_in_every_state),
        EVERYWHERE(challenges_are_limited),
        EVERYWHERE(no_war_of_acks),
    };
    tests[0].teardown_func = name_row;
    return cmocka_run_group_tests_name("core/tcp/states", tests, NULL, NULL);
}
