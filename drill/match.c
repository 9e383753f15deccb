/* Comparing: see match.h. The first difference is the one that is told, in the order in which one
 * would look: is it the right kind of packet, which part of the stream, the rest. */
#include "drill/match.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TH_TAIL (DRILL_TH_PSH | DRILL_TH_FIN) /* only the last segment of several has them */

static bool differs(char *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool differs(char *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(text, DRILL_DIFFERENCE_MAX, format, args);
    va_end(args);
    return false;
}

/* ---- learning ------------------------------------------------------------------------------- */

/* The ISN of a SYN may be anything when there was none, or when a connection begins again. */
void drill_learn_isn(const struct drill_wire *wire, struct drill_flow *flow,
                     const struct drill_packet *want, const struct drill_live *live)
{
    if (want->protocol != DRILL_TCP || !(want->flags & DRILL_TH_SYN) ||
        !(live->flags & DRILL_TH_SYN))
        return;
    bool answers_again = flow->again && (live->flags & DRILL_TH_ACK) &&
                         live->ack == flow->again_isn_script + wire->isn_shift + 1;
    if (answers_again) {
        flow->remote_isn_script = flow->again_isn_script;
        flow->remote_isn = flow->again_isn_script + wire->isn_shift;
        flow->again = false;
    }
    if (!flow->local_known || answers_again) {
        flow->local_known = true;
        flow->local_isn = live->seq;
        flow->local_isn_script = want->seq;
    }
}

static const struct drill_tcp_option *timestamp_of(const struct drill_tcp_option *options,
                                                   unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (options[i].kind == DRILL_OPT_TIMESTAMP)
            return &options[i];
    return NULL;
}

void drill_learn_stamp(struct drill_flow *flow, const struct drill_packet *want,
                       const struct drill_live *live)
{
    const struct drill_tcp_option *w = timestamp_of(want->options, want->options_count);
    const struct drill_tcp_option *l = timestamp_of(live->options, live->options_count);
    if (!w || !l)
        return;
    unsigned at =
        flow->stamps_count < DRILL_TIMESTAMPS ? flow->stamps_count++ : DRILL_TIMESTAMPS - 1;
    if (at > 1 &&
        flow->stamps_count == DRILL_TIMESTAMPS) /* the first one stays: ticks count from it */
        memmove(&flow->stamps[1], &flow->stamps[2],
                (DRILL_TIMESTAMPS - 2) * sizeof(flow->stamps[0]));
    flow->stamps[at].script = w->value[0];
    flow->stamps[at].live = l->value[0];
}

/* ---- IP ------------------------------------------------------------------------------------- */

static bool match_ip(const struct drill_packet *want, const struct drill_live *live, char *text)
{
    static const char *const names[] = {"noecn", "ect1", "ect0", "ce"};
    int ecn = live->tos & 3;
    bool either = want->ecn == DRILL_ECN_01 && (ecn == DRILL_ECN_0 || ecn == DRILL_ECN_1);
    if (want->ecn >= 0 && want->ecn != ecn && !either)
        return differs(text, "ECN: expected %s, came %s",
                       want->ecn == DRILL_ECN_01 ? "ect0 or ect1" : names[want->ecn], names[ecn]);
    /* TOS with ECN bits of its own is compared as a whole. */
    int mask = want->ecn >= 0 ? 0xfc : 0xff;
    if (want->tos >= 0 && (want->tos & mask) != (live->tos & mask))
        return differs(text, "TOS: expected 0x%02x, came 0x%02x", (unsigned)want->tos, live->tos);
    if (want->ttl >= 0 && want->ttl != live->ttl)
        return differs(text, "TTL: expected %d, came %u", want->ttl, live->ttl);
    if (want->flowlabel >= 0 && want->flowlabel != live->flowlabel)
        return differs(text, "flow label: expected 0x%05x, came 0x%05x", (unsigned)want->flowlabel,
                       live->flowlabel);
    return true;
}

static bool match_wire(const struct drill_matcher *m, const struct drill_packet *want,
                       const struct drill_live *live, char *text)
{
    static const char *const names[] = {"TCP", "UDP", "ICMP"};
    unsigned protocol = live->ip_protocol == IPPROTO_TCP   ? DRILL_TCP
                        : live->ip_protocol == IPPROTO_UDP ? DRILL_UDP
                                                           : DRILL_ICMP;
    if (live->malformed)
        return differs(text, "the packet is malformed: %s", live->malformed);
    if (live->ipv6 != m->wire->ipv6)
        return differs(text, "expected IPv%d, came IPv%d", m->wire->ipv6 ? 6 : 4,
                       live->ipv6 ? 6 : 4);
    if (live->fragment)
        return differs(text, "a fragment");
    if (protocol != want->protocol)
        return differs(text, "expected %s, came %s", names[want->protocol], names[protocol]);
    return match_ip(want, live, text);
}

/* ---- TCP ------------------------------------------------------------------------------------ */

static bool match_flags(const struct drill_packet *want, const struct drill_live *live, bool last,
                        char *text)
{
    unsigned mask = last ? 0x1ff : 0x1ff & ~TH_TAIL;
    char expected[16], came[16];
    if ((want->flags & mask) == (live->flags & mask))
        return true;
    drill_format_flags(want->flags, expected);
    drill_format_flags(live->flags, came);
    return differs(text, "flags: expected %s, came %s", expected, came);
}

static bool match_numbers(const struct drill_matcher *m, const struct drill_packet *want,
                          const struct drill_live *live, uint32_t offset, char *text)
{
    bool syn = (want->flags & DRILL_TH_SYN) != 0;
    uint32_t seq = drill_local_to_script(m->flow, live->seq, syn);
    uint32_t ack = drill_remote_to_script(m->flow, live->ack, syn);
    if (seq != want->seq + offset)
        return differs(text, "sequence number: expected %" PRIu32 ", came %" PRIu32,
                       want->seq + offset, seq);
    if (want->has_ack && (want->flags & DRILL_TH_ACK) && ack != want->ack)
        return differs(text, "acknowledgement: expected %" PRIu32 ", came %" PRIu32, want->ack,
                       ack);
    if (want->has_win && want->win != live->win)
        return differs(text, "window: expected %" PRIu32 ", came %" PRIu32, want->win, live->win);
    if (want->has_urg && want->urg != live->urg)
        return differs(text, "urgent pointer: expected %" PRIu32 ", came %" PRIu32, want->urg,
                       live->urg);
    return true;
}

static bool same_bytes(const struct drill_tcp_option *a, const struct drill_tcp_option *b)
{
    return a->data_len == b->data_len && memcmp(a->data, b->data, a->data_len) == 0;
}

static bool match_stamp(const struct drill_matcher *m, const struct drill_tcp_option *want,
                        const struct drill_tcp_option *live, char *text)
{
    if (want->value[1] != live->value[1])
        return differs(text, "TSecr: expected %" PRIu32 ", came %" PRIu32, want->value[1],
                       live->value[1]);
    if (m->tick_us == 0 || m->flow->stamps_count == 0)
        return true;
    int64_t expected = (int32_t)(want->value[0] - m->flow->stamps[0].script);
    int64_t came = (int32_t)(live->value[0] - m->flow->stamps[0].live);
    int64_t off_us = (came - expected) * m->tick_us;
    if (off_us > m->tolerance_us || off_us < -m->tolerance_us)
        return differs(text, "TSval: expected %" PRId64 " ticks after the first, came %" PRId64,
                       expected, came);
    return true;
}

static bool match_option(const struct drill_matcher *m, const struct drill_tcp_option *want,
                         const struct drill_tcp_option *live, char *text)
{
    if (want->kind == DRILL_OPT_TIMESTAMP)
        return match_stamp(m, want, live, text);
    bool same = want->number == live->number && same_bytes(want, live);
    unsigned words =
        want->kind == DRILL_OPT_MSS || want->kind == DRILL_OPT_WSCALE || want->kind == DRILL_OPT_EXP
            ? 1
            : want->values;
    same = same && want->values == live->values;
    for (unsigned i = 0; same && i < words; i++) {
        uint32_t value = live->value[i];
        if (want->kind == DRILL_OPT_SACK)
            value = drill_remote_to_script(m->flow, value, false);
        same = want->value[i] == value;
    }
    return same || differs(text, "options");
}

static bool match_options(const struct drill_matcher *m, const struct drill_packet *want,
                          const struct drill_live *live, char *text)
{
    char expected[140] = "none", came[140] = "none";
    unsigned i = 0;
    if (want->options_any)
        return true;
    bool same = want->options_count == live->options_count;
    text[0] = '\0';
    for (; same && i < want->options_count; i++)
        same = want->options[i].kind == live->options[i].kind &&
               match_option(m, &want->options[i], &live->options[i], text);
    if (same)
        return true;
    if (text[0] == 'T') /* a timestamp, which says it better */
        return false;
    struct drill_flow as_written = {0};
    if (want->options_count > 0)
        drill_format_options(&as_written, want->options, want->options_count, true, expected,
                             sizeof(expected));
    if (live->options_count > 0)
        drill_format_options(m->flow, live->options, live->options_count, true, came, sizeof(came));
    return differs(text, "options: expected %s, came %s", expected, came);
}

/* The stream's bytes at their places. */
static bool match_payload(const struct drill_matcher *m, const struct drill_live *live, char *text)
{
    uint32_t first = live->seq - m->flow->local_isn - (live->flags & DRILL_TH_SYN ? 0 : 1);
    if (m->plain_payload || !m->flow->local_known)
        return true;
    for (uint32_t i = 0; i < live->payload_len; i++)
        if (live->payload[i] != drill_pattern(first + i))
            return differs(text, "payload: byte %" PRIu32 " of the stream is not what was sent",
                           first + i);
    return true;
}

static bool match_tcp(const struct drill_matcher *m, const struct drill_packet *want,
                      const struct drill_live *live, uint32_t offset, bool last, char *text)
{
    return match_flags(want, live, last, text) && match_numbers(m, want, live, offset, text) &&
           match_options(m, want, live, text) && match_payload(m, live, text);
}

/* ---- the others ----------------------------------------------------------------------------- */

static bool match_icmp(const struct drill_packet *want, const struct drill_live *live, char *text)
{
    if (want->icmp_type != live->icmp_type || want->icmp_code != live->icmp_code)
        return differs(text, "expected ICMP type %u code %u, came type %u code %u", want->icmp_type,
                       want->icmp_code, live->icmp_type, live->icmp_code);
    if (want->has_mtu && want->mtu != live->icmp_rest)
        return differs(text, "MTU: expected %" PRIu32 ", came %" PRIu32, want->mtu,
                       live->icmp_rest);
    uint32_t echo = (uint32_t)want->echo_id << 16 | want->echo_seq;
    if (want->has_echo && echo != live->icmp_rest)
        return differs(text, "echo: expected id %u seq %u, came id %u seq %u", want->echo_id,
                       want->echo_seq, live->icmp_rest >> 16, live->icmp_rest & 0xffff);
    return true;
}

bool drill_match(const struct drill_matcher *m, const struct drill_packet *want,
                 const struct drill_live *live, uint32_t offset, bool last,
                 char difference[DRILL_DIFFERENCE_MAX])
{
    if (!match_wire(m, want, live, difference))
        return false;
    switch (want->protocol) {
    case DRILL_TCP:
        return match_tcp(m, want, live, offset, last, difference);
    case DRILL_UDP:
        return want->payload == live->payload_len ||
               differs(difference, "bytes: expected %" PRIu32 ", came %" PRIu32, want->payload,
                       live->payload_len);
    default:
        return match_icmp(want, live, difference);
    }
}
