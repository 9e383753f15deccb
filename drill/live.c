/* Reading the packets that leave: see packet.h. A reading of its own, not the core's: what checks
 * the stack must not share its mistakes. */
#include <inttypes.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "drill/packet.h"

static uint32_t get16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t get32(const uint8_t *at)
{
    return get16(at) << 16 | get16(at + 2);
}

static struct la_addr address(const uint8_t *at, bool ipv6)
{
    struct la_addr a = {0};
    if (ipv6) {
        memcpy(a.b, at, 16);
    } else {
        a.b[10] = a.b[11] = 0xff;
        memcpy(a.b + 12, at, 4);
    }
    return a;
}

static bool wrong(struct drill_live *live, const char *what)
{
    live->malformed = what;
    return false;
}

/* ---- IP ------------------------------------------------------------------------------------- */

static bool read_four(struct drill_live *live, size_t *header)
{
    const uint8_t *b = live->bytes;
    *header = (size_t)(b[0] & 15) * 4;
    if (live->len < 20 || *header < 20 || *header > live->len)
        return wrong(live, "the IPv4 header is cut off");
    if (get16(b + 2) != live->len)
        return wrong(live, "the total length of IPv4 is not that of the packet");
    if (drill_checksum(b, *header, 0) != 0) /* what it says may be read all the same */
        live->malformed = "the checksum of the IPv4 header is wrong";
    live->tos = b[1];
    live->dont_fragment = (b[6] & 0x40) != 0;
    live->fragment = (get16(b + 6) & 0x3fff) != 0;
    live->ttl = b[8];
    live->ip_protocol = b[9];
    live->source = address(b + 12, false);
    live->target = address(b + 16, false);
    return true;
}

static bool read_six(struct drill_live *live, size_t *header)
{
    const uint8_t *b = live->bytes;
    if (live->len < 40)
        return wrong(live, "the IPv6 header is cut off");
    if (get16(b + 4) + 40 != live->len)
        return wrong(live, "the payload length of IPv6 is not that of the packet");
    live->ipv6 = true;
    live->tos = (uint8_t)(get16(b) >> 4);
    live->flowlabel = get32(b) & 0xfffff;
    live->ttl = b[7];
    live->ip_protocol = b[6];
    live->fragment = b[6] == 44;
    live->source = address(b + 8, true);
    live->target = address(b + 24, true);
    *header = 40;
    return true;
}

static bool checksum_holds(const struct drill_live *live, const uint8_t *segment, size_t len)
{
    uint32_t sum = 0;
    if (live->ip_protocol != IPPROTO_ICMP) {
        for (unsigned i = live->ipv6 ? 0 : 12; i < 16; i += 2)
            sum += get16(live->source.b + i) + get16(live->target.b + i);
        sum += live->ip_protocol + (uint32_t)(len & 0xffff) + (uint32_t)(len >> 16);
    }
    return drill_checksum(segment, len, sum) == 0;
}

/* ---- TCP ------------------------------------------------------------------------------------ */

static const struct {
    uint8_t number;
    enum drill_option_kind kind;
    uint8_t len; /* of the whole; 0: any */
} known_options[] = {
    {2, DRILL_OPT_MSS, 4},       {3, DRILL_OPT_WSCALE, 3},     {4, DRILL_OPT_SACK_OK, 2},
    {5, DRILL_OPT_SACK, 0},      {8, DRILL_OPT_TIMESTAMP, 10}, {19, DRILL_OPT_MD5, 18},
    {34, DRILL_OPT_FASTOPEN, 0}, {172, DRILL_OPT_ACCECN, 0},   {174, DRILL_OPT_ACCECN, 0},
    {254, DRILL_OPT_EXP, 0},
};

static enum drill_option_kind kind_of(uint8_t number, unsigned len)
{
    for (size_t i = 0; i < sizeof(known_options) / sizeof(known_options[0]); i++)
        if (known_options[i].number == number &&
            (known_options[i].len == 0 || known_options[i].len == len))
            return known_options[i].kind;
    return DRILL_OPT_OTHER;
}

static void read_body(struct drill_tcp_option *o, const uint8_t *at, unsigned len)
{
    switch (o->kind) {
    case DRILL_OPT_MSS:
        o->value[0] = get16(at);
        return;
    case DRILL_OPT_WSCALE:
        o->value[0] = at[0];
        return;
    case DRILL_OPT_SACK:
    case DRILL_OPT_TIMESTAMP:
        for (; o->values < 8 && 4 * o->values + 4 <= len; o->values++)
            o->value[o->values] = get32(at + 4 * o->values);
        return;
    case DRILL_OPT_ACCECN:
        for (; o->values < 3 && 3 * o->values + 3 <= len; o->values++)
            o->value[o->values] = (uint32_t)at[3 * o->values] << 16 | get16(at + 3 * o->values + 1);
        return;
    case DRILL_OPT_EXP:
        if (len >= 2) {
            o->value[0] = get16(at);
            o->kind = o->value[0] == 0xf989 ? DRILL_OPT_FASTOPEN_EXP : DRILL_OPT_EXP;
            at += 2;
            len -= 2;
        } else {
            o->kind = DRILL_OPT_OTHER;
        }
        break;
    default:
        break;
    }
    o->data_len = len < DRILL_OPTION_DATA_MAX ? len : DRILL_OPTION_DATA_MAX;
    memcpy(o->data, at, o->data_len);
}

static bool read_options(struct drill_live *live, const uint8_t *at, unsigned len)
{
    unsigned n = 0;
    while (n < len && live->options_count < DRILL_OPTIONS_MAX) {
        struct drill_tcp_option *o = &live->options[live->options_count++];
        *o = (struct drill_tcp_option){.number = at[n]};
        if (at[n] <= 1) {
            o->kind = at[n] ? DRILL_OPT_NOP : DRILL_OPT_EOL;
            n++;
            continue;
        }
        if (n + 2 > len || at[n + 1] < 2 || n + at[n + 1] > len)
            return wrong(live, "a TCP option has a length that cannot be");
        o->kind = kind_of(at[n], at[n + 1]);
        read_body(o, at + n + 2, at[n + 1] - 2u);
        n += at[n + 1];
    }
    return true;
}

static bool read_tcp(struct drill_live *live, const uint8_t *at, size_t len)
{
    size_t header = len >= 20 ? (size_t)(at[12] >> 4) * 4 : 0;
    if (header < 20 || header > len)
        return wrong(live, "the TCP header is cut off");
    live->source_port = (uint16_t)get16(at);
    live->target_port = (uint16_t)get16(at + 2);
    live->seq = get32(at + 4);
    live->ack = get32(at + 8);
    live->flags = get16(at + 12) & 0x1ff;
    live->win = get16(at + 14);
    live->urg = get16(at + 18);
    live->payload = at + header;
    live->payload_len = (uint32_t)(len - header);
    if (get16(at + 12) & 0xe00)
        return wrong(live, "reserved bits of the TCP header are set");
    return read_options(live, at + 20, (unsigned)header - 20);
}

void drill_read_live(struct drill_live *live)
{
    size_t header = 0;
    unsigned version = live->len > 0 ? live->bytes[0] >> 4 : 0;
    bool good = version == 4 ? read_four(live, &header) : version == 6 && read_six(live, &header);
    if (!good) {
        if (!live->malformed)
            live->malformed = "neither IPv4 nor IPv6";
        return;
    }
    const uint8_t *at = live->bytes + header;
    size_t len = live->len - header;
    if (live->fragment)
        return;
    if (live->ip_protocol == IPPROTO_TCP) {
        good = read_tcp(live, at, len);
    } else if (live->ip_protocol == IPPROTO_UDP && len >= 8) {
        live->source_port = (uint16_t)get16(at);
        live->target_port = (uint16_t)get16(at + 2);
        live->payload = at + 8;
        live->payload_len = (uint32_t)len - 8;
    } else if (len >= 8) {
        live->icmp_type = at[0];
        live->icmp_code = at[1];
        live->icmp_rest = get32(at + 4);
        live->payload = at + 8;
        live->payload_len = (uint32_t)len - 8;
    } else {
        live->malformed = "too short for what it carries";
        return;
    }
    if (good && !live->malformed && !checksum_holds(live, at, len))
        live->malformed = "its checksum is wrong";
}

/* ---- as text -------------------------------------------------------------------------------- */

void drill_format_flags(unsigned flags, char text[16])
{
    static const char letters[] = "FSRP.UEWA";
    size_t n = 0;
    for (unsigned i = 0; i < 9; i++)
        if (flags & 1u << i)
            text[n++] = letters[i];
    if (n == 0)
        text[n++] = '-';
    text[n] = '\0';
}

struct out {
    char *text;
    size_t size, at;
};

static void add(struct out *o, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct out *o, const char *format, ...)
{
    va_list args;
    if (o->at + 1 >= o->size)
        return;
    va_start(args, format);
    int n = vsnprintf(o->text + o->at, o->size - o->at, format, args);
    va_end(args);
    o->at += n > 0 ? (size_t)n : 0;
}

static void add_hex(struct out *o, const uint8_t *data, unsigned len)
{
    for (unsigned i = 0; i < len; i++)
        add(o, "%s%02x", i ? "" : " ", data[i]);
}

static const char *echo_script(const struct drill_flow *flow, uint32_t live, char text[16])
{
    for (unsigned i = 0; i < flow->stamps_count; i++) {
        if (flow->stamps[i].live == live) {
            snprintf(text, 16, "%" PRIu32, flow->stamps[i].script);
            return text;
        }
    }
    snprintf(text, 16, "%" PRIu32, live);
    return text;
}

static void add_option(struct out *out, const struct drill_flow *flow,
                       const struct drill_tcp_option *o, bool outbound)
{
    static const char *const order[2][3] = {{"e0b", "ceb", "e1b"}, {"e1b", "ceb", "e0b"}};
    char stamp[2][16];
    switch (o->kind) {
    case DRILL_OPT_EOL:
        add(out, "eol");
        break;
    case DRILL_OPT_NOP:
        add(out, "nop");
        break;
    case DRILL_OPT_MSS:
        add(out, "mss %" PRIu32, o->value[0]);
        break;
    case DRILL_OPT_WSCALE:
        add(out, "wscale %" PRIu32, o->value[0]);
        break;
    case DRILL_OPT_SACK_OK:
        add(out, "sackOK");
        break;
    case DRILL_OPT_SACK:
        add(out, "sack");
        for (unsigned i = 0; i + 1 < o->values; i += 2)
            add(out, " %" PRIu32 ":%" PRIu32,
                outbound ? drill_remote_to_script(flow, o->value[i], false)
                         : drill_local_to_script(flow, o->value[i], false),
                outbound ? drill_remote_to_script(flow, o->value[i + 1], false)
                         : drill_local_to_script(flow, o->value[i + 1], false));
        break;
    case DRILL_OPT_TIMESTAMP:
        snprintf(stamp[0], sizeof(stamp[0]), "%" PRIu32, o->value[0]);
        snprintf(stamp[1], sizeof(stamp[1]), "%" PRIu32, o->value[1]);
        add(out, "TS val %s ecr %s", outbound ? echo_script(flow, o->value[0], stamp[0]) : stamp[0],
            outbound ? stamp[1] : echo_script(flow, o->value[1], stamp[1]));
        break;
    case DRILL_OPT_MD5:
        add(out, "md5");
        add_hex(out, o->data, o->data_len);
        break;
    case DRILL_OPT_FASTOPEN:
        add(out, "FO");
        add_hex(out, o->data, o->data_len);
        break;
    case DRILL_OPT_FASTOPEN_EXP:
        add(out, "FOEXP");
        add_hex(out, o->data, o->data_len);
        break;
    case DRILL_OPT_EXP:
        add(out, "exp 0x%04" PRIx32, o->value[0]);
        add_hex(out, o->data, o->data_len);
        break;
    case DRILL_OPT_ACCECN:
        add(out, "ECN");
        for (unsigned i = 0; i < o->values; i++)
            add(out, " %s %" PRIu32, order[o->number == 174][i], o->value[i]);
        break;
    case DRILL_OPT_OTHER:
        add(out, "kind %u", o->number);
        add_hex(out, o->data, o->data_len);
        break;
    }
}

void drill_format_options(const struct drill_flow *flow, const struct drill_tcp_option *options,
                          unsigned count, bool outbound, char *text, size_t size)
{
    struct out out = {.text = text, .size = size};
    text[0] = '\0';
    for (unsigned i = 0; i < count; i++) {
        add(&out, "%s", i ? "," : "");
        add_option(&out, flow, &options[i], outbound);
    }
}

static void format_tcp(const struct drill_flow *flow, const struct drill_live *live, bool outbound,
                       struct out *out)
{
    char flags[16], options[400];
    bool syn = (live->flags & DRILL_TH_SYN) != 0;
    uint32_t seq = outbound ? drill_local_to_script(flow, live->seq, syn)
                            : drill_remote_to_script(flow, live->seq, syn);
    uint32_t ack = outbound ? drill_remote_to_script(flow, live->ack, syn)
                            : drill_local_to_script(flow, live->ack, syn);
    drill_format_flags(live->flags, flags);
    add(out, "%s %" PRIu32 ":%" PRIu32 "(%" PRIu32 ")", flags, seq, seq + live->payload_len,
        live->payload_len);
    if (live->flags & DRILL_TH_ACK)
        add(out, " ack %" PRIu32, ack);
    add(out, " win %" PRIu32, live->win);
    if (live->flags & DRILL_TH_URG)
        add(out, " urg %" PRIu32, live->urg);
    drill_format_options(flow, live->options, live->options_count, outbound, options,
                         sizeof(options));
    if (live->options_count > 0)
        add(out, " <%s>", options);
}

void drill_format_live(const struct drill_flow *flow, const struct drill_live *live, bool outbound,
                       char *text, size_t size)
{
    static const char *const ecn[] = {"", "[ect1] ", "[ect0] ", "[ce] "};
    struct out out = {.text = text, .size = size};
    text[0] = '\0';
    if (live->fragment)
        add(&out, "a fragment of %zu bytes", live->len);
    else if (live->ip_protocol == IPPROTO_UDP)
        add(&out, "udp (%" PRIu32 ")", live->payload_len);
    else if (live->ip_protocol != IPPROTO_TCP)
        add(&out, "icmp type %u code %u", live->icmp_type, live->icmp_code);
    if (out.at > 0)
        return;
    add(&out, "%s", ecn[live->tos & 3]);
    format_tcp(flow, live, outbound, &out);
}
