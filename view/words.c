/* The sentences of a diagram that are more than a reason: figures beside it, sums, options. */
#include <inttypes.h>
#include <string.h>

#include <lastack/err.h>

#include "diagram.h"

void diagram_words_options(const struct la_trace_record *options, char *text, size_t size)
{
    char mss[24] = "", scale[24] = "";

    text[0] = '\0';
    if (options == NULL)
        return;
    if (options->seq != 0)
        snprintf(mss, sizeof(mss), " MSS=%" PRIu32, options->seq);
    if (options->len != 255)
        snprintf(scale, sizeof(scale), " WS=%u", options->len);
    snprintf(text, size, "%s%s%s%s", mss, scale,
             (options->flags & LA_TRACE_OPT_TIMESTAMPS) != 0 ? " TS" : "",
             (options->flags & LA_TRACE_OPT_SACK) != 0 ? " SACK" : "");
    if (text[0] == ' ')
        memmove(text, text + 1, strlen(text));
}

static void call_words(const struct la_trace_record *r, enum la_lang lang, char *text, size_t size)
{
    const char *reason = la_reason_text(r->reason, lang);
    const bool zh = lang == LA_LANG_ZH;
    char count[LA_NUMBER_TEXT_MAX];
    int32_t result = (int32_t)r->seq;

    la_count_format(r->seq, count);
    if (result < 0)
        snprintf(text, size, zh ? "%s：%s（%s）" : "%s: %s (%s)", reason, la_err_name(result),
                 la_err_text(result));
    else if (result > 0 && (r->reason == LA_CALL_SEND || r->reason == LA_CALL_RECEIVE))
        snprintf(text, size, zh ? "%s：%s %s" : "%s: %s %s", reason, count,
                 zh            ? "字节"
                 : result == 1 ? "byte"
                               : "bytes");
    else
        snprintf(text, size, "%s", reason);
}

static void timer_words(const struct la_trace_record *r, enum la_lang lang, char *text, size_t size)
{
    const char *reason = la_reason_text(r->reason, lang);
    const bool zh = lang == LA_LANG_ZH;
    const char *what = r->reason == LA_TIMEOUT_RTX ? "RTO " : zh ? "已过 " : "after ";
    char time[LA_NUMBER_TEXT_MAX], backoff[48] = "";

    if (r->seq == 0 || r->reason == LA_TIMEOUT_TIME_WAIT) {
        snprintf(text, size, "%s", reason);
        return;
    }
    la_duration_format(r->seq * UINT64_C(1000000), time);
    if (r->len > 0)
        snprintf(backoff, sizeof(backoff), zh ? "，退避 %u 次" : ", backoff %u", r->len);
    snprintf(text, size, zh ? "%s，%s%s%s" : "%s, %s%s%s", reason, what, time, backoff);
}

void diagram_words_note(const struct la_trace_record *r, enum la_lang lang, char *text, size_t size)
{
    if (LA_TRACE_WHAT(r) == LA_TRACE_CALL)
        call_words(r, lang, text, size);
    else if (LA_TRACE_WHAT(r) == LA_TRACE_TIMER)
        timer_words(r, lang, text, size);
    else
        snprintf(text, size, "%s", la_reason_text(r->reason, lang));
}

void diagram_words_time_wait(uint32_t ms, enum la_lang lang, char *text, size_t size)
{
    snprintf(text, size,
             lang == LA_LANG_ZH ? "TIME-WAIT：2 MSL = %" PRIu32 ".%03u s"
                                : "TIME-WAIT: 2 MSL = %" PRIu32 ".%03u s",
             ms / 1000, (unsigned)(ms % 1000));
}

/* " (5.9 MB)", or nothing for segments without data. */
static void run_bytes(uint64_t bytes, bool zh, char *text, size_t size)
{
    char number[LA_NUMBER_TEXT_MAX];

    text[0] = '\0';
    la_bytes_format(bytes, number);
    if (bytes > 0)
        snprintf(text, size, zh ? "（%s）" : " (%s)", number);
}

void diagram_words_run(const struct diagram_run *run, enum la_lang lang, char *text, size_t size)
{
    const bool zh = lang == LA_LANG_ZH;
    char out[LA_NUMBER_TEXT_MAX], in[LA_NUMBER_TEXT_MAX], time[LA_NUMBER_TEXT_MAX];
    char out_bytes[64], in_bytes[64], again[64] = "", dropped[64] = "", count[LA_NUMBER_TEXT_MAX];

    la_count_format(run->segments[0], out);
    la_count_format(run->segments[1], in);
    run_bytes(run->bytes[0], zh, out_bytes, sizeof(out_bytes));
    run_bytes(run->bytes[1], zh, in_bytes, sizeof(in_bytes));
    la_duration_format(run->last_ns - run->first_ns, time);
    const bool moment = run->last_ns == run->first_ns;
    if (run->again > 0) {
        la_count_format(run->again, count);
        snprintf(again, sizeof(again), zh ? "，其中重传 %s 段" : ", %s of them again", count);
    }
    if (run->dropped > 0) {
        la_count_format(run->dropped, count);
        snprintf(dropped, sizeof(dropped), zh ? "，其中丢弃 %s 段" : ", %s of them dropped", count);
    }
    snprintf(text, size,
             zh ? "发出 %s 段%s%s；收到 %s 段%s%s；%s%s" : "segments: %s out%s%s, %s in%s%s, %s%s",
             out, out_bytes, again, in, in_bytes, dropped,
             moment ? (zh ? "同一时刻" : "all at once")
             : zh   ? "历时 "
                    : "within ",
             moment ? "" : time);
}
