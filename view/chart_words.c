/* The words of a chart. */
#include "chart_words.h"

#include <inttypes.h>
#include <string.h>

#include <lastack/err.h>

struct lane_segment chart_segment(const struct la_chart_event *e, bool absolute)
{
    const struct la_chart_header *h = e->h;
    const enum la_reason why = e->reason != LA_NONE ? e->reason : e->verdict;

    return (struct lane_segment){
        .flags = h->flags,
        .seq = h->seq - (absolute ? 0 : e->seq_base),
        .ack = h->ack - (absolute ? 0 : e->ack_base),
        .len = h->len,
        .window = e->window,
        .window_matters = lane_is_about_window(why, h->flags, h->wnd),
    };
}

void chart_words_label(const struct la_chart_event *e, char *text, size_t size)
{
    const struct la_chart_header *h = e->h;

    if (e->text[0] != '\0')
        snprintf(text, size, "%s", e->text);
    else if (h->flags != 0)
        text[0] = '\0';
    else if (h->protocol == 17)
        snprintf(text, size, "UDP len=%" PRIu32, h->len);
    else if (h->protocol == 1 || h->protocol == 58)
        snprintf(text, size, "%s type=%u code=%u", h->protocol == 1 ? "ICMP" : "ICMPv6",
                 h->icmp_type, h->icmp_code);
    else
        snprintf(text, size, "IP protocol=%u len=%" PRIu32, h->protocol, h->len);
}

void chart_words_packet(const struct la_chart_event *e, bool absolute, char *text, size_t size)
{
    struct lane_segment s = chart_segment(e, absolute);

    chart_words_label(e, text, size);
    if (text[0] != '\0')
        return;
    la_flags_format(s.flags, text);
    if (s.len > 0)
        view_append(text, size, " seq=%" PRIu32 "..%" PRIu32, s.seq, s.seq + s.len);
    else
        view_append(text, size, " seq=%" PRIu32, s.seq);
    if ((s.flags & LA_TH_ACK) != 0)
        view_append(text, size, " ack=%" PRIu32, s.ack);
    if (s.len > 0)
        view_append(text, size, " len=%" PRIu32, s.len);
    if (s.window_matters && (s.flags & LA_TH_RST) == 0)
        view_append(text, size, " win=%" PRIu32, s.window);
}

void chart_words_options(const struct la_chart_event *e, bool absolute, char *text, size_t size)
{
    const struct la_chart_header *h = e->h;
    const uint32_t base = absolute ? 0 : e->ack_base;

    text[0] = '\0';
    if ((h->flags & LA_TH_SYN) != 0) {
        if ((h->options & LA_CHART_OPT_MSS) != 0)
            view_append(text, size, " MSS=%u", h->mss);
        if ((h->options & LA_CHART_OPT_WSCALE) != 0)
            view_append(text, size, " WS=%u", h->wscale);
        if ((h->options & LA_CHART_OPT_TS) != 0)
            view_append(text, size, " TS");
        if ((h->options & LA_CHART_OPT_SACK_OK) != 0)
            view_append(text, size, " SACK");
    }
    for (unsigned i = 0; i < h->sack_n && (h->options & LA_CHART_OPT_SACK) != 0; i++)
        view_append(text, size, "%s%" PRIu32 "-%" PRIu32, i == 0 ? " SACK " : " ",
                    h->sack[i][0] - base, h->sack[i][1] - base);
    if (text[0] == ' ')
        memmove(text, text + 1, strlen(text));
}

bool chart_is_refused(const struct la_chart_event *e)
{
    return e->fate == LA_CHART_DAMAGED ||
           (e->fate == LA_CHART_ARRIVED && la_reason_kind(e->verdict) == LA_KIND_DROP);
}

/* What became of a packet, "" when it arrived and was taken. */
static void fate_words(const struct la_chart_event *e, enum la_lang lang, char *text, size_t size)
{
    const bool zh = lang == LA_LANG_ZH;

    text[0] = '\0';
    if (e->fate == LA_CHART_LOST)
        snprintf(text, size, "%s%s%s", zh ? "丢失" : "lost",
                 e->argument[0] == '\0' ? ""
                 : zh                   ? "："
                                        : ": ",
                 e->argument);
    else if (e->fate == LA_CHART_DAMAGED)
        snprintf(text, size, "%s", zh ? "到达时已损坏，被丢弃" : "arrives damaged, is dropped");
    else if (chart_is_refused(e))
        snprintf(text, size, zh ? "被丢弃：%s" : "dropped: %s", la_reason_text(e->verdict, lang));
    else if ((e->marks & LA_CHART_LATE) != 0 && (e->marks & LA_CHART_DUPLICATE) == 0)
        snprintf(text, size, "%s", zh ? "在网络中滞留" : "held up by the network");
}

void chart_words_why(const struct la_chart_event *e, const struct la_chart_info *info, bool plain,
                     char *text, size_t size)
{
    const enum la_lang lang = info->lang;
    const bool zh = lang == LA_LANG_ZH;
    enum la_reason why = lane_main_reason(e->reason, e->h->flags);
    char fate[200];
    const char *marks = "";

    if (why == LA_NONE && la_reason_kind(e->verdict) != LA_KIND_DROP)
        why = e->verdict;
    if ((e->marks & LA_CHART_DUPLICATE) != 0 && (e->marks & LA_CHART_LATE) != 0)
        marks = zh ? "过时的重复报文" : "an old duplicate";
    else if ((e->marks & LA_CHART_DUPLICATE) != 0)
        marks = zh ? "网络产生的副本" : "a duplicate made by the network";
    else if ((e->marks & LA_CHART_WRONG) != 0 && info->end[e->end].wrong == NULL)
        marks = zh ? "伪造" : "forged";
    else if (why == LA_NONE && (e->marks & LA_CHART_AGAIN) != 0)
        marks = zh ? "重传" : "retransmission";
    fate_words(e, lang, fate, sizeof(fate));
    text[0] = '\0';
    if (why != LA_NONE && (e->marks & LA_CHART_DUPLICATE) == 0 && (plain || !lane_is_plain(why)))
        view_append(text, size, "%s", la_reason_text(why, lang));
    if (marks[0] != '\0')
        view_append(text, size, "%s%s", text[0] == '\0' ? "" : zh ? "；" : "; ", marks);
    if (fate[0] != '\0')
        view_append(text, size, "%s%s", text[0] == '\0' ? "" : zh ? "；" : "; ", fate);
}

bool chart_is_said(struct chart_said *said, const struct la_chart_event *e, const char *why)
{
    const bool turn = (e->h->flags & (LA_TH_SYN | LA_TH_FIN | LA_TH_RST)) != 0;
    const bool same = said->flags == e->h->flags && strcmp(said->why, why) == 0;

    said->flags = e->h->flags;
    snprintf(said->why, sizeof(said->why), "%s", why);
    return same && !(turn && (e->marks & LA_CHART_WRONG) == 0) &&
           (e->marks & (LA_CHART_AGAIN | LA_CHART_KEY)) == 0;
}

/* ---- what happens at an end ---- */

static void timer_words(const struct la_chart_event *e, bool is_set, bool zh, char *text,
                        size_t size)
{
    char time[LA_NUMBER_TEXT_MAX];
    const bool wait = e->reason == LA_TIMEOUT_TIME_WAIT;
    const bool backs_off = e->reason == LA_TIMEOUT_RTX || e->reason == LA_TIMEOUT_PERSIST;

    la_duration_format((is_set ? e->due_ns : e->over_ns) - e->time_ns, time);
    if (is_set)
        snprintf(text, size, wait ? "%s = %s" : "%s: %s", e->text, time);
    else if (wait)
        snprintf(text, size, zh ? "%s 已过" : "%s are over", e->text);
    else if (e->over_ns > e->time_ns)
        snprintf(text, size, zh ? "%s %s 到期" : "%s %s ran out", e->text, time);
    else
        snprintf(text, size, zh ? "%s 到期" : "%s ran out", e->text);
    if (!is_set && backs_off && e->result > 0)
        view_append(text, size, zh ? "，退避 %d 次" : ", backoff %d", (int)e->result);
}

void chart_words_point(const struct la_chart_event *e, bool is_set, enum la_lang lang, char *text,
                       size_t size)
{
    const bool zh = lang == LA_LANG_ZH;

    switch (e->kind) {
    case LA_CHART_CALL:
        snprintf(text, size, "%s%s%s", e->text, e->argument[0] != '\0' ? " " : "", e->argument);
        if (e->result < 0)
            view_append(text, size, " = %s", la_err_name((int)e->result));
        break;
    case LA_CHART_TIMER:
        timer_words(e, is_set, zh, text, size);
        break;
    case LA_CHART_STATE:
        snprintf(text, size, "%s", e->reason != LA_NONE ? la_reason_text(e->reason, lang) : "");
        break;
    default:
        snprintf(text, size, "%s", e->text);
        break;
    }
}

void chart_words_wrong(const char *why, enum la_lang lang, char *text, size_t size)
{
    const bool zh = lang == LA_LANG_ZH;

    snprintf(text, size, "%s%s%s", zh ? "故意出错" : "wrong on purpose",
             why[0] == '\0' ? ""
             : zh           ? "："
                            : ": ",
             why);
}

/* ---- sums ---- */

static void part_of_sum(uint32_t part, const char *format, char *text, size_t size)
{
    char count[LA_NUMBER_TEXT_MAX], words[LA_NUMBER_TEXT_MAX + 40];

    if (part == 0)
        return;
    la_count_format(part, count);
    snprintf(words, sizeof(words), format, count);
    view_append(text, size, "%s", words);
}

static void sum_one_way(const struct chart_sum *s, int end, const struct la_chart_info *info,
                        char *text, size_t size)
{
    const bool zh = info->lang == LA_LANG_ZH;
    char count[LA_NUMBER_TEXT_MAX], bytes[LA_NUMBER_TEXT_MAX], flags[LA_NUMBER_TEXT_MAX];

    if (s->packets[end] == 0)
        return;
    la_count_format(s->packets[end], count);
    la_flags_format(s->flags[end], flags);
    view_append(text, size, "%s%s %s %s",
                text[0] == '\0' ? ""
                : zh            ? "；"
                                : "; ",
                info->end[end].name, end == LA_CHART_LEFT ? "→" : "←", count);
    view_append(text, size, "%s%s", flags[0] != '\0' ? " " : "", flags);
    if (s->bytes[end] > 0) {
        la_bytes_format(s->bytes[end], bytes);
        view_append(text, size, zh ? "（%s）" : " (%s)", bytes);
    }
    part_of_sum(s->again[end], zh ? "，重传 %s" : ", %s again", text, size);
    part_of_sum(s->lost[end], zh ? "，丢失 %s" : ", %s lost", text, size);
    part_of_sum(s->refused[end], zh ? "，被丢弃 %s" : ", %s dropped", text, size);
}

void chart_words_sum(const struct chart_sum *sum, const struct la_chart_info *info, char *text,
                     size_t size)
{
    const bool zh = info->lang == LA_LANG_ZH;
    char time[LA_NUMBER_TEXT_MAX];

    text[0] = '\0';
    sum_one_way(sum, LA_CHART_LEFT, info, text, size);
    sum_one_way(sum, LA_CHART_RIGHT, info, text, size);
    la_duration_format(sum->last_ns - sum->first_ns, time);
    view_append(text, size, zh ? "；历时 %s" : "; within %s", time);
}

void chart_words_left_out(const struct la_chart_info *info, char *text, size_t size)
{
    char count[LA_NUMBER_TEXT_MAX];

    la_count_format(info->left_out, count);
    text[0] = '\0';
    if (info->left_out > 0)
        snprintf(text, size,
                 info->lang == LA_LANG_ZH ? "缺少 %s 个事件：没有空间"
                                          : "%s events are missing: no room",
                 count);
}

/* ---- times ---- */

void chart_words_time(const struct la_chart_info *info, uint64_t time_ns, unsigned decimals,
                      char *text, size_t size)
{
    uint64_t ns = time_ns > info->begin_ns ? time_ns - info->begin_ns : 0, unit = 1000000000;
    uint64_t parts;

    for (unsigned i = 0; i < decimals; i++)
        unit /= 10;
    parts = ns / unit;
    snprintf(text, size, "%" PRIu64 ".%0*" PRIu64, parts / (1000000000 / unit), (int)decimals,
             parts % (1000000000 / unit));
}

unsigned chart_decimals(const struct chart_rows *rows)
{
    uint64_t last[2] = {0}, gap = UINT64_MAX;
    bool any[2] = {false};
    unsigned decimals = 3;

    for (size_t i = 0; i < rows->n; i++) {
        for (int end = 0; end < 2; end++) {
            const struct chart_row *row = &rows->rows[i];

            if (!row->timed[end])
                continue;
            if (any[end] && row->time_ns[end] > last[end] && row->time_ns[end] - last[end] < gap)
                gap = row->time_ns[end] - last[end];
            any[end] = true;
            last[end] = row->time_ns[end];
        }
    }
    for (uint64_t unit = 1000000; decimals < 6 && gap < unit; unit /= 10)
        decimals++;
    return decimals;
}
