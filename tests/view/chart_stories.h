/* Whole stories with two ends, for all tests of drawings. */
#ifndef TESTS_VIEW_CHART_STORIES_H
#define TESTS_VIEW_CHART_STORIES_H

#include "chart_story.h"

static inline void two_end_open_close(struct telling *t)
{
    tell_listen(t);
    tell_open(t);
    tell_call(t, L, LA_CALL_SEND, 100, ESTAB);
    tell(t, (struct segment){L, PSH | ACK, 1, 1, 100, LA_DATA}, ESTAB, LA_TAKE_DATA);
    tell_note(t, LA_CHART_MIDDLE,
              "The data has arrived. Its acknowledgement waits for more, up to 40 ms.",
              "数据已到达。确认最多推迟 40 毫秒。");
    t->now_us += 40000;
    tell_timer(t, R, LA_TIMEOUT_DELAYED_ACK, 40, 0);
    tell(t, (struct segment){R, ACK, 1, 101, 0, LA_ACK_DELAYED}, ESTAB, LA_TAKE_ACK);
    tell_close(t, 101, 1);
    tell_note(t, L, "The client waits: the last ACK may have been lost.",
              "客户端等待：最后一个 ACK 可能已丢失。");
    tell_wait_ends(t);
}

static inline void two_end_lost_syn(struct telling *t)
{
    struct segment syn = {L, SYN, 0, 0, 0, LA_SYN};

    tell_listen(t);
    tell_call(t, L, LA_CALL_OPEN, 0, LA_TCP_SYN_SENT);
    tell_lost(t, syn);
    syn.why = LA_SYN_AGAIN;
    t->now_us += 1000000;
    tell_timer(t, L, LA_TIMEOUT_RTX, 1000, 0);
    tell_lost(t, syn);
    t->now_us += 2000000;
    tell_timer(t, L, LA_TIMEOUT_RTX, 2000, 1);
    tell(t, syn, LA_TCP_SYN_RECEIVED, LA_TAKE_SYN);
    tell(t, (struct segment){R, SYN | ACK, 0, 1, 0, LA_SYN_ACK}, ESTAB, LA_TAKE_SYN_ACK);
    tell(t, (struct segment){L, ACK, 1, 1, 0, LA_HANDSHAKE_ACK}, ESTAB, LA_TAKE_HANDSHAKE_ACK);
}

/* A flight of `n`: the second is overtaken, the `lost`-th is lost, ACKs for all that arrive, fast
 * retransmission after the third duplicate. */
static inline void two_end_flight(struct telling *t, int n, int lost)
{
    struct segment data[32], ack[32];
    uint32_t number[32] = {0}, ack_number[32];
    uint64_t at[32];
    const uint64_t begin = t->now_us;
    int acks = 0;

    for (int i = 0; i < n; i++) {
        t->now_us = begin + (uint64_t)i * 200;
        data[i] = (struct segment){L, ACK, 1 + 1460u * (uint32_t)i, 1, 1460, LA_DATA};
        if (i == lost)
            tell_lost(t, data[i]);
        else
            number[i] = tell_sent(t, data[i]);
    }
    for (int k = 0; k < n; k++) {
        const int i = k == 1 ? 2 : k == 2 ? 1 : k; /* the order in which they arrive */
        const uint32_t got = k < 2      ? 1461
                             : k < lost ? 1 + 1460u * (uint32_t)(k + 1)
                                        : 1 + 1460u * (uint32_t)lost;

        if (i == lost)
            continue;
        t->now_us = begin + t->flight_us + (uint64_t)k * 200;
        tell_arrives(t, number[i], data[i], t->now_us, ESTAB,
                     k == 1 || k > lost ? LA_TAKE_DATA_EARLY : LA_TAKE_DATA);
        ack[acks] = (struct segment){
            R,   ACK, 1,
            got, 0,   k == 1 || k > lost ? LA_ACK_GAP : k == 2 ? LA_ACK_FILLED : LA_ACK_NOW};
        ack_number[acks] = tell_sent(t, ack[acks]);
        at[acks++] = t->now_us + t->flight_us;
    }
    for (int k = 0; k < acks; k++) {
        t->now_us = at[k];
        tell_arrives(t, ack_number[k], ack[k], t->now_us, ESTAB,
                     k > lost ? LA_TAKE_ACK_DUPLICATE : LA_TAKE_ACK);
        if (k == lost + 2) {
            tell_event(t, L, LA_RECOVERY_ENTERED);
            data[lost].why = LA_RTX_FAST;
            number[lost] = tell_sent(t, data[lost]);
            at[31] = t->now_us + t->flight_us;
        }
    }
    t->now_us = at[31];
    tell_arrives(t, number[lost], data[lost], t->now_us, ESTAB, LA_TAKE_DATA);
    tell(t, (struct segment){R, ACK, 1, 1 + 1460u * (uint32_t)n, 0, LA_ACK_FILLED}, ESTAB,
         LA_TAKE_ACK);
    tell_event(t, L, LA_RECOVERY_LEFT);
}

static inline void two_end_reordering(struct telling *t)
{
    tell_open(t);
    two_end_flight(t, 10, 3);
}

static inline void two_end_long_flight(struct telling *t)
{
    tell_open(t);
    two_end_flight(t, 30, 4);
}

static inline void two_end_simultaneous_close(struct telling *t)
{
    struct segment left = {L, FIN | ACK, 1, 1, 0, LA_FIN}, right = {R, FIN | ACK, 1, 1, 0, LA_FIN};
    uint32_t first, second;

    tell_open(t);
    t->now_us += 50000;
    tell_call(t, L, LA_CALL_CLOSE, 0, LA_TCP_FIN_WAIT_1);
    tell_call(t, R, LA_CALL_CLOSE, 0, LA_TCP_FIN_WAIT_1);
    first = tell_sent(t, left);
    second = tell_sent(t, right);
    t->now_us += t->flight_us;
    tell_arrives(t, first, left, t->now_us, LA_TCP_CLOSING, LA_TAKE_FIN);
    tell_arrives(t, second, right, t->now_us, LA_TCP_CLOSING, LA_TAKE_FIN);
    left = (struct segment){L, ACK, 2, 2, 0, LA_ACK_FIN};
    right = (struct segment){R, ACK, 2, 2, 0, LA_ACK_FIN};
    first = tell_sent(t, left);
    second = tell_sent(t, right);
    t->now_us += t->flight_us;
    tell_arrives(t, first, left, t->now_us, LA_TCP_TIME_WAIT, LA_TAKE_ACK_FIN);
    tell_arrives(t, second, right, t->now_us, LA_TCP_TIME_WAIT, LA_TAKE_ACK_FIN);
    t->now_us += 60000000;
    for (int end = 0; end < 2; end++) {
        tell_timer(t, end, LA_TIMEOUT_TIME_WAIT, 60000, 0);
        tell_state_at(t, end, t->now_us, LA_TCP_CLOSED, LA_TIMEOUT_TIME_WAIT);
    }
}

static inline void two_end_zero_window(struct telling *t)
{
    tell_open(t);
    tell_call(t, L, LA_CALL_SEND, 1460, ESTAB);
    tell(t, (struct segment){L, PSH | ACK, 1, 1, 1460, LA_DATA}, ESTAB, LA_TAKE_DATA);
    tell(t, (struct segment){R, ACK, 1, 1461, 0, LA_ACK_NOW, 0, 1}, ESTAB, LA_TAKE_ACK);
    tell_note(t, L, "The window is closed.", "窗口已关闭。");
    for (uint32_t i = 0; i < 3; i++) {
        t->now_us += 200000u << i;
        tell_timer(t, L, LA_TIMEOUT_PERSIST, 200u << i, (uint16_t)i);
        tell(t, (struct segment){L, ACK, 1461, 1, 1, LA_PROBE_WINDOW}, ESTAB, LA_DROP_SEQUENCE);
        tell(t, (struct segment){R, ACK, 1, 1461, 0, LA_ACK_UNACCEPTABLE, 0, 1}, ESTAB,
             LA_TAKE_ACK);
    }
    t->now_us += 100000;
    tell_call(t, R, LA_CALL_RECEIVE, 1460, ESTAB);
    tell(t, (struct segment){R, ACK, 1, 1461, 0, LA_ACK_WINDOW}, ESTAB, LA_TAKE_WINDOW);
}

static inline void two_end_bulk(struct telling *t)
{
    uint32_t seq = 1;

    tell_open(t);
    for (int i = 0; i < 200; i++) {
        tell_call(t, L, LA_CALL_SEND, 1460, ESTAB);
        tell(t, (struct segment){L, PSH | ACK, seq, 1, 1460, LA_DATA}, ESTAB, LA_TAKE_DATA);
        seq += 1460;
        tell(t, (struct segment){R, ACK, 1, seq, 0, LA_ACK_NOW}, ESTAB, LA_TAKE_ACK);
    }
    tell_close(t, seq, 1);
}

/* Forged SYNs from many ports, and one honest client among them. */
static inline void two_end_flood(struct telling *t)
{
    t->conn[R] = 0;
    tell_listen(t);
    t->flight_us = 500;
    for (uint32_t i = 0; i < 5000; i++) {
        struct segment syn = {L, SYN, 0, 0, 0, LA_NONE, 0, 0, LA_CHART_WRONG};
        struct segment answer = {R, SYN | ACK, 0, 1, 0, LA_SYN_ACK};

        t->port[L] = (uint16_t)(1024 + i);
        t->iss[L] = i * 77777;
        t->conn[L] = 0;
        t->conn[R] = i + 2;
        t->state[R] = LA_TCP_SYN_RECEIVED;
        if (i == 2000) {
            syn = (struct segment){L, SYN, 0, 0, 0, LA_SYN, LA_TCP_SYN_SENT, 0, LA_CHART_KEY};
            t->port[L] = 40000;
            t->conn[L] = 1;
            t->conn[R] = 0;
            t->state[R] = LA_TCP_LISTEN;
            tell(t, syn, LA_TCP_LISTEN, LA_DROP_LISTEN_SYN_QUEUE);
            tell_note(t, R, "No room for the honest client.", "老实的客户端没有位置。");
            continue;
        }
        tell(t, syn, LA_TCP_SYN_RECEIVED, LA_TAKE_SYN);
        tell_lost(t, answer);
        t->now_us += 100;
    }
}

/* A server that takes two segments for a handshake, and an old duplicate of a SYN. */
static inline void two_end_ghost(struct telling *t)
{
    struct segment old = {L, SYN, 0, 0, 0, LA_NONE, 0, 0, LA_CHART_DUPLICATE | LA_CHART_LATE};
    struct segment answer = {R, SYN | ACK, 0, 1, 0, LA_NONE};
    struct segment reset = {L, RST, 1, 0, 0, LA_RST_NO_CONNECTION};

    la_chart_end_wrong(t->c, R,
                       t->zh ? "第二个报文段之后就认为连接已建立"
                             : "takes the connection for open after two segments");
    t->conn[L] = 0;
    tell(t, old, ESTAB, LA_NONE);
    la_chart_call(t->c,
                  &(struct la_chart_call){R, t->now_us * 1000, 1, "accept", "10.0.0.1:40000", 0});
    tell_note(t, R, "A ghost: the server believes in a connection that nobody opened.",
              "幽灵连接：服务器相信一个没有人建立的连接。");
    tell(t, answer, LA_TCP_CLOSED, LA_DROP_NO_CONNECTION);
    tell(t, reset, LA_TCP_CLOSED, LA_TAKE_RST);
    la_chart_call(t->c,
                  &(struct la_chart_call){R, t->now_us * 1000, 1, "receive", NULL, LA_ECONNRESET});
}

/* What the network does: a duplicate, a damaged one, one that flies at the end, UDP and ICMP. */
static inline void two_end_network(struct telling *t)
{
    struct segment data = {L, PSH | ACK, 1, 1, 100, LA_DATA};
    struct la_chart_packet udp = {.from = L, .label = NULL};
    uint32_t first, second;

    tell_open(t);
    first = tell_sent(t, data);
    data.marks = LA_CHART_DUPLICATE;
    data.why = LA_NONE;
    second = tell_sent(t, data);
    t->now_us += t->flight_us;
    tell_arrives(t, first, data, t->now_us, ESTAB, LA_TAKE_DATA);
    tell_arrives(t, second, data, t->now_us + 3000, ESTAB, LA_DROP_SEQUENCE);
    t->now_us += 10000;
    data = (struct segment){L, PSH | ACK, 101, 1, 100, LA_DATA};
    la_chart_lost(t->c, tell_sent(t, data), (t->now_us + t->flight_us) * 1000, LA_CHART_DAMAGED,
                  NULL);
    t->now_us += 30000;
    udp.sent_ns = t->now_us * 1000;
    udp.h = (struct la_chart_header){.protocol = 17, .len = 12, .src_port = 9, .dst_port = 7};
    first = la_chart_packet(t->c, &udp);
    t->now_us += t->flight_us;
    la_chart_arrived(t->c, first, t->now_us * 1000, 0, LA_DROP_UDP_PORT);
    udp = (struct la_chart_packet){.from = R,
                                   .sent_ns = t->now_us * 1000,
                                   .reason = LA_ICMP_PORT_UNREACHABLE,
                                   .h = {.protocol = 1, .icmp_type = 3, .icmp_code = 3}};
    first = la_chart_packet(t->c, &udp);
    t->now_us += t->flight_us;
    la_chart_arrived(t->c, first, t->now_us * 1000, 0, LA_TAKE_ICMP_ERROR);
    la_chart_event(t->c, R, t->now_us * 1000, 0, t->zh ? "主机崩溃" : "the host crashes");
    tell_sent(t, data);
}

static const struct {
    const char *name, *title, *title_zh;
    void (*tell)(struct telling *);
} two_end_stories[] = {
    {"open-close", "From the first SYN to the last ACK", "从第一个 SYN 到最后一个 ACK",
     two_end_open_close},
    {"lost-syn", "Two SYNs are lost", "两个 SYN 丢失", two_end_lost_syn},
    {"reordering", "One overtaken, one lost", "一个被超越，一个丢失", two_end_reordering},
    {"long-flight", "Thirty segments", "三十个报文段", two_end_long_flight},
    {"simultaneous-close", "Both close at once", "同时关闭", two_end_simultaneous_close},
    {"zero-window", "The window closes", "窗口关闭", two_end_zero_window},
    {"bulk", "Many segments", "许多报文段", two_end_bulk},
    {"flood", "A SYN flood", "SYN 洪泛", two_end_flood},
    {"ghost", "Why not two?", "为什么不是两次？", two_end_ghost},
    {"network", "What a network does", "网络会做什么", two_end_network},
};
#define TWO_END_STORIES (sizeof(two_end_stories) / sizeof(two_end_stories[0]))

/* The story of this index, finished; the caller frees it. */
static inline struct la_chart *two_end_chart(size_t i, bool zh)
{
    struct la_chart_options options;
    struct telling t;
    struct la_chart *c;

    la_chart_options_init(&options);
    options.lang = zh ? LA_LANG_ZH : LA_LANG_EN;
    c = la_chart_new(&options);
    if (c == NULL)
        return NULL;
    tell_begin(&t, c, zh);
    la_chart_title(c, zh ? two_end_stories[i].title_zh : two_end_stories[i].title, NULL);
    two_end_stories[i].tell(&t);
    la_chart_finish(c, t.now_us * 1000);
    return c;
}

#endif
