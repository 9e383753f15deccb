/* Charts of anything: whatever the calls allow, hostile texts included. */
#ifndef TESTS_VIEW_CHART_RANDOM_H
#define TESTS_VIEW_CHART_RANDOM_H

#include <string.h>

#include <lastack/chart.h>

struct dice {
    uint64_t seed;
};

static inline uint32_t roll(struct dice *d, uint32_t sides)
{
    d->seed = d->seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (uint32_t)(d->seed >> 33) % sides;
}

static const char *const hostile_texts[] = {
    "",
    "connect",
    "<script>alert(1)</script>",
    "]]> & \" ' &amp; <!-- -- -->",
    "a;b#c %%end end END\nend\r\n  L->>R: forged",
    "\xff\xfe\xc0\x80\xed\xa0\x80\xf4\x90\x80\x80\xef\xbf\xbf cut \xe4\xb8",
    "\033[31mred\033[0m \x01\x02\x7f \xc2\x9b",
    "\xe2\x80\xae backwards \xe2\x81\xa6",
    "一段很长的中文叙述，用来检查换行、宽度和标点。客户端先关闭，服务器随后关闭；最后一个确认可能丢"
    "失，"
    "所以客户端要等待两倍的报文最大生存时间。",
    "AVeryLongWordThatCannotBeBrokenAnywhereBecauseItHasNoSpaceAndGoesOnAndOnAndOnWWWWWW",
    "a sentence of several words, which is broken between them and goes over more than one line",
    "</text></svg>",
    "%s%n%d",
};

static inline const char *roll_text(struct dice *d)
{
    return hostile_texts[roll(d, sizeof(hostile_texts) / sizeof(hostile_texts[0]))];
}

static inline uint64_t roll_time(struct dice *d, uint64_t now_ns)
{
    static const uint64_t steps[] = {0, 0, 1000, 100000, 1000000, 30000000, 3000000000u};

    if (roll(d, 200) == 0)
        return (uint64_t)roll(d, UINT32_MAX / 2) << roll(d, 34);
    return now_ns + steps[roll(d, 7)] * roll(d, 5);
}

static inline void roll_header(struct dice *d, struct la_chart_header *h)
{
    static const uint16_t flags[] = {LA_TH_SYN,
                                     LA_TH_SYN | LA_TH_ACK,
                                     LA_TH_ACK,
                                     LA_TH_ACK,
                                     LA_TH_ACK | LA_TH_PSH,
                                     LA_TH_FIN | LA_TH_ACK,
                                     LA_TH_RST,
                                     0x1ff,
                                     0};

    memset(h, 0, sizeof(*h));
    h->protocol = (uint8_t)(roll(d, 8) == 0 ? roll(d, 256) : 6);
    h->flags = flags[roll(d, 9)];
    h->seq = roll(d, 4) == 0 ? roll(d, UINT32_MAX) * 2 : roll(d, 3) * 1000;
    h->ack = roll(d, 4) == 0 ? roll(d, UINT32_MAX) * 2 : roll(d, 3) * 1000;
    h->len = roll(d, 3) == 0 ? roll(d, UINT32_MAX) : roll(d, 3) * 1460;
    h->wnd = (uint16_t)roll(d, 65536);
    h->options = (uint8_t)roll(d, 256);
    h->wscale = (uint8_t)roll(d, 256);
    h->mss = (uint16_t)roll(d, 65536);
    h->sack_n = (uint8_t)roll(d, 256);
    h->src_port = (uint16_t)roll(d, 3);
    h->dst_port = (uint16_t)roll(d, 3);
}

static inline void roll_packet(struct dice *d, struct la_chart *c, uint64_t now_ns)
{
    struct la_chart_packet p = {
        .from = (enum la_chart_end)(roll(d, 30) == 0 ? 2 : roll(d, 2)),
        .sent_ns = now_ns,
        .conn = roll(d, 4),
        .reason = (enum la_reason)(roll(d, 3) == 0 ? roll(d, 300) : 0),
        .marks = (uint8_t)(roll(d, 3) == 0 ? roll(d, 256) : 0),
        .copy_of = roll(d, 20),
        .label = roll(d, 12) == 0 ? roll_text(d) : NULL,
    };
    uint32_t number;

    roll_header(d, &p.h);
    number = la_chart_packet(c, &p);
    if (roll(d, 6) == 0)
        la_chart_lost(c, number, roll_time(d, now_ns), (enum la_chart_fate)roll(d, 4),
                      roll(d, 2) == 0 ? roll_text(d) : NULL);
    else if (roll(d, 8) != 0)
        la_chart_arrived(c, number, roll(d, 2) == 0 ? now_ns + 30000000 : roll_time(d, now_ns),
                         roll(d, 4), (enum la_reason)(roll(d, 3) == 0 ? roll(d, 300) : 0));
}

static inline void roll_record(struct dice *d, struct la_chart *c, uint64_t now_ns)
{
    struct la_trace_record r;

    for (size_t i = 0; i < sizeof(r); i++)
        ((uint8_t *)&r)[i] = (uint8_t)roll(d, 256);
    r.time_ns = roll_time(d, now_ns);
    if (roll(d, 3) != 0)
        r.conn = roll(d, 4);
    if (roll(d, 2) != 0)
        r.seq = roll(d, 5000);
    la_chart_records(c, (enum la_chart_end)roll(d, 3), &r, 1, roll(d, 2) == 0);
}

static inline void roll_event(struct dice *d, struct la_chart *c, uint64_t now_ns)
{
    const enum la_chart_end end = (enum la_chart_end)roll(d, 3);
    struct la_chart_call call = {end,          now_ns,       roll(d, 4),
                                 roll_text(d), roll_text(d), (int64_t)roll(d, 200) - 150};
    uint32_t number;

    switch (roll(d, 12)) {
    case 0:
        la_chart_call(c, &call);
        break;
    case 1:
        la_chart_state(c, end, now_ns, roll(d, 4), (enum la_tcp_state)roll(d, 16), LA_NONE);
        break;
    case 2:
        number = la_chart_timer(c, end, now_ns, roll(d, 4), roll_text(d), roll_time(d, now_ns));
        if (roll(d, 2) == 0)
            la_chart_timer_over(c, number, roll_time(d, now_ns), roll(d, 2) == 0);
        break;
    case 3:
        la_chart_note(c, end, now_ns, roll_text(d));
        break;
    case 4:
        la_chart_event(c, end, now_ns, roll(d, 4), roll_text(d));
        break;
    case 5:
    case 6:
        roll_record(d, c, now_ns);
        break;
    default:
        roll_packet(d, c, now_ns);
        break;
    }
}

/* `events` things of any kind; finished. */
static inline struct la_chart *roll_chart(struct dice *d, uint32_t events)
{
    struct la_chart_options options;
    uint64_t now_ns = 0;
    struct la_chart *c;

    la_chart_options_init(&options);
    options.lang = roll(d, 2) == 0 ? LA_LANG_EN : LA_LANG_ZH;
    if (roll(d, 10) == 0)
        options.events_max = roll(d, 50);
    c = la_chart_new(&options);
    if (c == NULL)
        return NULL;
    for (int end = 0; end < 3; end++) {
        la_chart_end(c, (enum la_chart_end)end, roll_text(d), roll_text(d));
        if (roll(d, 3) == 0)
            la_chart_end_wrong(c, (enum la_chart_end)end, roll_text(d));
    }
    la_chart_title(c, roll_text(d), roll_text(d));
    for (uint32_t i = 0; i < events; i++) {
        roll_event(d, c, now_ns);
        if (roll(d, 3) == 0)
            now_ns += roll(d, 4) == 0 ? 1000000000 : roll(d, 20000000);
    }
    la_chart_finish(c, now_ns);
    return c;
}

static inline void roll_form(struct dice *d, struct la_chart_form *form)
{
    la_chart_form_init(form);
    form->columns = roll(d, 260);
    form->unicode = roll(d, 2) == 0;
    form->colour = roll(d, 4) == 0;
    form->absolute = roll(d, 4) == 0;
    form->quiet = roll(d, 4) == 0;
    form->run_max = roll(d, 3) == 0 ? 0 : roll(d, 20);
    form->scheme = (enum la_chart_scheme)roll(d, 3);
}

#endif
