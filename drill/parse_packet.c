/* Packets: the IP fields in brackets, TCP with its options, UDP, ICMP with what it quotes. */
#include <ctype.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <stdio.h>
#include <string.h>

#include "drill/parse.h"

static bool number(struct drill_scan *sc, uint64_t most, const char *what, uint32_t *to)
{
    uint64_t value;
    if (!scan_number(sc, most, what, &value))
        return false;
    *to = (uint32_t)value;
    return true;
}

static bool small(struct drill_scan *sc, uint64_t most, const char *what, int *to)
{
    uint64_t value;
    if (!scan_number(sc, most, what, &value))
        return false;
    *to = (int)value;
    return true;
}

/* ---- IP ------------------------------------------------------------------------------------- */

/* "frag 552" or "frag 552 312": the bytes of each, and which arrive in what order. */
static bool fragments(struct drill_scan *sc, struct drill_packet *p)
{
    uint64_t size, order = 0;
    struct drill_place place = scan_place(sc);
    if (p->outbound)
        return drill_fault(sc->s, sc->fault, place, "frag is for packets that arrive");
    if (!scan_number(sc, 65528, "the bytes of a fragment", &size))
        return false;
    if (size == 0 || size % 8 != 0)
        return drill_fault(sc->s, sc->fault, place, "a fragment has a multiple of 8 bytes, not %u",
                           (unsigned)size);
    if (!scan_is(sc, "]") && !scan_is(sc, ",") &&
        !scan_number(sc, 999999999, "the order of fragments, like 213", &order))
        return false;
    p->frag = (uint32_t)size;
    p->frag_order = (uint32_t)order;
    return true;
}

static bool ip_field(struct drill_scan *sc, struct drill_packet *p)
{
    static const struct {
        const char *word;
        enum drill_ecn ecn;
    } ecn[] = {{"noecn", DRILL_ECN_NONE}, {"ect0", DRILL_ECN_0},   {"ect1", DRILL_ECN_1},
               {"ce", DRILL_ECN_CE},      {"ect01", DRILL_ECN_01}, {"ect", DRILL_ECN_01}};
    uint64_t label;
    for (size_t i = 0; i < sizeof(ecn) / sizeof(ecn[0]); i++) {
        if (scan_take_word(sc, ecn[i].word)) {
            p->ecn = ecn[i].ecn;
            return true;
        }
    }
    if (scan_take_word(sc, "tos") || scan_take_word(sc, "tclass"))
        return small(sc, 255, "a TOS byte", &p->tos);
    if (scan_take_word(sc, "ttl") || scan_take_word(sc, "hoplimit"))
        return small(sc, 255, "a TTL", &p->ttl);
    if (scan_take_word(sc, "flowlabel")) {
        if (!scan_number(sc, 0xfffff, "a flow label", &label))
            return false;
        p->flowlabel = (int64_t)label;
        return true;
    }
    if (scan_take_word(sc, "frag"))
        return fragments(sc, p);
    struct drill_place place = scan_place(sc);
    if (scan_take_word(sc, "damaged")) {
        p->damaged = true;
        return !p->outbound ||
               drill_fault(sc->s, sc->fault, place, "damaged is for packets that arrive");
    }
    return scan_wrong(sc, "noecn, ect0, ect1, ect01, ce, tos, ttl, flowlabel, frag or damaged");
}

static bool ip_fields(struct drill_scan *sc, struct drill_packet *p)
{
    for (;;) {
        const char *closing = scan_is(sc, "[") ? "]" : scan_is(sc, "(") ? ")" : NULL;
        if (!closing)
            return true;
        scan_step(sc);
        do {
            if (!ip_field(sc, p))
                return false;
        } while (scan_take(sc, ",") || !scan_is(sc, closing));
        scan_take(sc, closing);
    }
}

/* "40001 > 8080": from which port to which. */
static bool ports(struct drill_scan *sc, struct drill_packet *p)
{
    struct drill_scan before = *sc;
    uint64_t source;
    if (!scan_is_digit(sc))
        return true;
    if (!scan_number(sc, 65535, "a port", &source))
        return false;
    if (!scan_take(sc, ">")) {
        *sc = before; /* a flag like "5.": the ACE counter */
        return true;
    }
    p->source_port = (int)source;
    return small(sc, 65535, "a port", &p->target_port);
}

/* ---- TCP ------------------------------------------------------------------------------------ */

static bool flags(struct drill_scan *sc, struct drill_packet *p)
{
    static const char letters[] = "FSRP.UEWA";
    struct drill_place place = scan_place(sc);
    unsigned seen = 0;
    if (scan_is(sc, "-")) {
        scan_step(sc);
        return true;
    }
    for (; sc->at < sc->end && !isspace((unsigned char)*sc->at); scan_step(sc), seen++) {
        char c = *sc->at;
        const char *found = c != '\0' ? strchr(letters, c) : NULL;
        unsigned bits = found ? 1u << (found - letters) : 0;
        if (c >= '0' && c <= '7') { /* RFC 9768: AE, CWR and ECE as a number */
            unsigned ace = (unsigned)(c - '0');
            bits = (ace & 1 ? DRILL_TH_ECE : 0) | (ace & 2 ? DRILL_TH_CWR : 0) |
                   (ace & 4 ? DRILL_TH_AE : 0);
            if (ace == 0)
                continue;
        }
        if (bits == 0)
            return drill_fault(sc->s, sc->fault, scan_place(sc),
                               "no flag '%c': there are F S R P . U E W A, a digit for the ACE "
                               "counter, or - for none",
                               isprint((unsigned char)c) ? c : '?');
        if (p->flags & bits)
            return drill_fault(sc->s, sc->fault, scan_place(sc), "the flag '%c' twice", c);
        p->flags |= bits;
    }
    return seen > 0 || drill_fault(sc->s, sc->fault, place, "TCP flags are missing");
}

/* "1:1001(1000)". */
static bool sequence(struct drill_scan *sc, uint32_t *seq, uint32_t *len)
{
    struct drill_place place = scan_place(sc);
    uint32_t end;
    if (!number(sc, UINT32_MAX, "a sequence number", seq) ||
        !scan_expect(sc, ":", "between first and last sequence number") ||
        !number(sc, UINT32_MAX, "a sequence number", &end) ||
        !scan_expect(sc, "(", "before the number of bytes") ||
        !number(sc, 65535, "a payload", len) || !scan_expect(sc, ")", "after the number of bytes"))
        return false;
    if (end != *seq + *len)
        return drill_fault(sc->s, sc->fault, place, "%u:%u are %u bytes, not %u", *seq, end,
                           end - *seq, *len);
    return true;
}

/* A cookie: hexadecimal digits, or a defined name. */
static bool cookie(struct drill_scan *sc, struct drill_tcp_option *o, unsigned room)
{
    const char *at;
    size_t len = scan_peek_word(sc, &at);
    char name[64];
    if (len > 0 && len < sizeof(name)) {
        memcpy(name, at, len);
        name[len] = '\0';
        const char *value = parse_define(sc, name);
        if (value) {
            struct drill_scan inner = *sc;
            inner.at = value;
            inner.end = value + strlen(value);
            if (!scan_hex(&inner, o->data, room, &o->data_len))
                return drill_fault(sc->s, sc->fault, scan_place(sc), "%s is no cookie: %s", name,
                                   value);
            return scan_take_word(sc, name);
        }
    }
    return scan_hex(sc, o->data, room, &o->data_len);
}

static bool at_option_end(struct drill_scan *sc)
{
    return scan_is(sc, ",") || scan_is(sc, ">");
}

static bool sack_blocks(struct drill_scan *sc, struct drill_tcp_option *o)
{
    while (!at_option_end(sc)) {
        if (o->values == 2 * DRILL_SACKS_MAX)
            return scan_wrong(sc, "at most four blocks");
        if (!number(sc, UINT32_MAX, "the edge of a block", &o->value[o->values]) ||
            !scan_expect(sc, ":", "between the edges of a block") ||
            !number(sc, UINT32_MAX, "the edge of a block", &o->value[o->values + 1]))
            return false;
        o->values += 2;
    }
    return o->values > 0 || scan_wrong(sc, "a block like 1001:2001");
}

static bool timestamp(struct drill_scan *sc, struct drill_tcp_option *o)
{
    o->values = 2;
    if (!scan_take_word(sc, "val"))
        return scan_wrong(sc, "\"val\"");
    if (!number(sc, UINT32_MAX, "a timestamp", &o->value[0]))
        return false;
    if (!scan_take_word(sc, "ecr"))
        return scan_wrong(sc, "\"ecr\"");
    return number(sc, UINT32_MAX, "a timestamp", &o->value[1]);
}

/* RFC 9768 3.2.3: "ECN e0b 1 ceb 0 e1b 1" is kind 172, beginning with e1b kind 174; counters may be
 * missing at the end. */
static bool accecn(struct drill_scan *sc, struct drill_tcp_option *o)
{
    static const char *const order[2][3] = {{"e0b", "ceb", "e1b"}, {"e1b", "ceb", "e0b"}};
    const char *at;
    size_t len = scan_peek_word(sc, &at);
    unsigned kind = len == 3 && memcmp(at, "e1b", 3) == 0;
    o->number = kind ? 174 : 172;
    for (; o->values < 3 && !at_option_end(sc); o->values++)
        if (!scan_take_word(sc, order[kind][o->values]) ||
            !number(sc, 0xffffff, "a counter", &o->value[o->values]))
            return scan_wrong(sc, "e0b N ceb N e1b N, or the other way round");
    return true;
}

static bool experiment(struct drill_scan *sc, struct drill_tcp_option *o)
{
    uint64_t id;
    o->number = 254;
    if (!scan_number(sc, 0xffff, "an ExID", &id))
        return false;
    o->value[0] = (uint32_t)id;
    return at_option_end(sc) || scan_hex(sc, o->data, DRILL_OPTION_DATA_MAX - 4, &o->data_len);
}

/* "kind 99 0a0b": any option. */
static bool other(struct drill_scan *sc, struct drill_tcp_option *o)
{
    uint64_t kind;
    if (!scan_number(sc, 255, "a kind", &kind))
        return false;
    o->number = (uint8_t)kind;
    return at_option_end(sc) || scan_hex(sc, o->data, DRILL_OPTION_DATA_MAX - 2, &o->data_len);
}

static bool mss(struct drill_scan *sc, struct drill_tcp_option *o)
{
    return number(sc, 65535, "an MSS", &o->value[0]);
}

static bool wscale(struct drill_scan *sc, struct drill_tcp_option *o)
{
    return number(sc, 255, "a window scale", &o->value[0]);
}

static bool md5(struct drill_scan *sc, struct drill_tcp_option *o)
{
    return at_option_end(sc) || scan_hex(sc, o->data, 16, &o->data_len);
}

static bool fastopen(struct drill_scan *sc, struct drill_tcp_option *o)
{
    return at_option_end(sc) || cookie(sc, o, 34);
}

static bool nothing(struct drill_scan *sc, struct drill_tcp_option *o)
{
    (void)sc, (void)o;
    return true;
}

static const struct {
    const char *word;
    enum drill_option_kind kind;
    uint8_t number;
    bool (*rest)(struct drill_scan *sc, struct drill_tcp_option *o);
} option_words[] = {
    {"mss", DRILL_OPT_MSS, 2, mss},
    {"nop", DRILL_OPT_NOP, 1, nothing},
    {"eol", DRILL_OPT_EOL, 0, nothing},
    {"sackOK", DRILL_OPT_SACK_OK, 4, nothing},
    {"sack", DRILL_OPT_SACK, 5, sack_blocks},
    {"wscale", DRILL_OPT_WSCALE, 3, wscale},
    {"TS", DRILL_OPT_TIMESTAMP, 8, timestamp},
    {"FO", DRILL_OPT_FASTOPEN, 34, fastopen},
    {"FOEXP", DRILL_OPT_FASTOPEN_EXP, 254, fastopen},
    {"md5", DRILL_OPT_MD5, 19, md5},
    {"ECN", DRILL_OPT_ACCECN, 172, accecn},
    {"exp", DRILL_OPT_EXP, 254, experiment},
    {"kind", DRILL_OPT_OTHER, 0, other},
};

static bool option(struct drill_scan *sc, struct drill_tcp_option *o)
{
    o->place = scan_place(sc);
    for (size_t i = 0; i < sizeof(option_words) / sizeof(option_words[0]); i++) {
        if (scan_take_word(sc, option_words[i].word)) {
            o->kind = option_words[i].kind;
            o->number = option_words[i].number;
            return option_words[i].rest(sc, o);
        }
    }
    return scan_wrong(sc, "a TCP option (mss, nop, eol, sackOK, sack, wscale, TS, FO, FOEXP, md5, "
                          "ECN, exp, kind)");
}

static bool options(struct drill_scan *sc, struct drill_packet *p)
{
    if (!scan_take(sc, "<"))
        return true;
    if (scan_take(sc, "...")) {
        p->options_any = true;
        if (!p->outbound)
            return scan_wrong(sc, "the options: <...> is for packets that leave");
        return scan_expect(sc, ">", "after the options");
    }
    p->options = drill_arena_get(sc->s->arena, DRILL_OPTIONS_MAX * sizeof(*p->options));
    while (p->options && !scan_take(sc, ">")) {
        if (p->options_count == DRILL_OPTIONS_MAX)
            return scan_wrong(sc, "fewer options: 40 bytes are all the header has");
        if (!option(sc, &p->options[p->options_count++]))
            return false;
        if (!scan_take(sc, ",") && !scan_is(sc, ">"))
            return scan_wrong(sc, "\",\" or \">\" after an option");
    }
    return p->options != NULL;
}

static bool tcp(struct drill_scan *sc, struct drill_packet *p)
{
    p->protocol = DRILL_TCP;
    if (!flags(sc, p) || !sequence(sc, &p->seq, &p->payload))
        return false;
    if (scan_take_word(sc, "ack")) {
        p->has_ack = true; /* the field has a value without the flag as well */
        if (!number(sc, UINT32_MAX, "an acknowledgement number", &p->ack))
            return false;
    }
    if (scan_take_word(sc, "win")) {
        p->has_win = true;
        if (!number(sc, 65535, "a window", &p->win))
            return false;
    }
    if (scan_take_word(sc, "urg")) {
        p->has_urg = true;
        if (!number(sc, 65535, "an urgent pointer", &p->urg))
            return false;
    }
    return options(sc, p);
}

/* ---- UDP and ICMP --------------------------------------------------------------------------- */

static bool udp(struct drill_scan *sc, struct drill_packet *p)
{
    p->protocol = DRILL_UDP;
    return scan_expect(sc, "(", "before the number of bytes") &&
           number(sc, 65507, "a payload", &p->payload) &&
           scan_expect(sc, ")", "after the number of bytes");
}

struct icmp_word {
    const char *word;
    int four, six; /* -1: there is none */
};

static const struct icmp_word icmp_types[] = {
    {"unreachable", ICMP_DEST_UNREACH, ICMP6_DST_UNREACH},
    {"packet_too_big", -1, ICMP6_PACKET_TOO_BIG},
    {"time_exceeded", ICMP_TIME_EXCEEDED, ICMP6_TIME_EXCEEDED},
    {"parameter_problem", ICMP_PARAMETERPROB, ICMP6_PARAM_PROB},
    {"source_quench", ICMP_SOURCE_QUENCH, -1},
    {"redirect", ICMP_REDIRECT, 137},
    {"echo_request", ICMP_ECHO, ICMP6_ECHO_REQUEST},
    {"echo_reply", ICMP_ECHOREPLY, ICMP6_ECHO_REPLY},
};

static const struct icmp_word icmp_codes[] = {
    {"net_unreachable", ICMP_NET_UNREACH, -1},
    {"host_unreachable", ICMP_HOST_UNREACH, -1},
    {"protocol_unreachable", ICMP_PROT_UNREACH, -1},
    {"port_unreachable", ICMP_PORT_UNREACH, ICMP6_DST_UNREACH_NOPORT},
    {"frag_needed", ICMP_FRAG_NEEDED, -1},
    {"source_route_failed", ICMP_SR_FAILED, -1},
    {"net_unknown", ICMP_NET_UNKNOWN, -1},
    {"host_unknown", ICMP_HOST_UNKNOWN, -1},
    {"source_host_isolated", ICMP_HOST_ISOLATED, -1},
    {"net_prohibited", ICMP_NET_ANO, -1},
    {"host_prohibited", ICMP_HOST_ANO, -1},
    {"net_unreachable_for_tos", ICMP_NET_UNR_TOS, -1},
    {"host_unreachable_for_tos", ICMP_HOST_UNR_TOS, -1},
    {"admin_prohibited", ICMP_PKT_FILTERED, ICMP6_DST_UNREACH_ADMIN},
    {"no_route", -1, ICMP6_DST_UNREACH_NOROUTE},
    {"not_neighbour", -1, ICMP6_DST_UNREACH_BEYONDSCOPE},
    {"address_unreachable", -1, ICMP6_DST_UNREACH_ADDR},
    {"ttl_exceeded", ICMP_EXC_TTL, ICMP6_TIME_EXCEED_TRANSIT},
    {"fragment_reassembly", ICMP_EXC_FRAGTIME, ICMP6_TIME_EXCEED_REASSEMBLY},
};

static bool icmp_find(const struct icmp_word *table, size_t count, const char *word, bool six,
                      uint8_t *to)
{
    for (size_t i = 0; i < count; i++) {
        int value = six ? table[i].six : table[i].four;
        if (strcmp(table[i].word, word) == 0 && value >= 0) {
            *to = (uint8_t)value;
            return true;
        }
    }
    return false;
}

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static bool icmp_type(struct drill_scan *sc, struct drill_packet *p)
{
    struct drill_place place = scan_place(sc);
    p->icmp_name = scan_word(sc);
    if (p->icmp_name &&
        icmp_find(icmp_types, COUNT(icmp_types), p->icmp_name, sc->s->ipv6, &p->icmp_type))
        return true;
    return drill_fault(sc->s, sc->fault, place, "no type \"%s\" of ICMP%s",
                       p->icmp_name ? p->icmp_name : "", sc->s->ipv6 ? "v6" : "");
}

/* A name, a name that stands for one, or a number; or none. */
static bool icmp_code(struct drill_scan *sc, struct drill_packet *p)
{
    const char *at, *word, *defined;
    uint32_t value;
    if (scan_is_digit(sc)) {
        if (!number(sc, 255, "a code", &value))
            return false;
        p->icmp_code = (uint8_t)value;
        return true;
    }
    size_t len = scan_peek_word(sc, &at);
    bool none = len == 0 || (len == 3 && memcmp(at, "mtu", 3) == 0) ||
                (len == 2 && memcmp(at, "id", 2) == 0);
    if (none)
        return true;
    struct drill_place place = scan_place(sc);
    word = scan_word(sc);
    defined = word ? parse_define(sc, word) : NULL;
    word = defined ? defined : word;
    return (word && icmp_find(icmp_codes, COUNT(icmp_codes), word, sc->s->ipv6, &p->icmp_code)) ||
           drill_fault(sc->s, sc->fault, place, "no code \"%s\" of ICMP%s", word ? word : "",
                       sc->s->ipv6 ? "v6" : "");
}

static bool icmp_rest(struct drill_scan *sc, struct drill_packet *p)
{
    uint32_t value;
    if (scan_take_word(sc, "mtu")) {
        p->has_mtu = true;
        if (!number(sc, UINT32_MAX, "an MTU", &p->mtu))
            return false;
    }
    if (scan_take_word(sc, "id")) {
        p->has_echo = true;
        if (!number(sc, 65535, "an identifier", &value))
            return false;
        p->echo_id = (uint16_t)value;
        if (!scan_take_word(sc, "seq"))
            return scan_wrong(sc, "\"seq\"");
        if (!number(sc, 65535, "a number", &value))
            return false;
        p->echo_seq = (uint16_t)value;
    }
    if (scan_take(sc, "("))
        return number(sc, 65507, "a payload", &p->payload) &&
               scan_expect(sc, ")", "after the number of bytes");
    return true;
}

static bool icmp_quote(struct drill_scan *sc, struct drill_packet *p)
{
    if (!scan_take(sc, "["))
        return true;
    p->has_quote = true;
    if (scan_take_word(sc, "udp")) {
        p->quote_udp = true;
        if (!scan_expect(sc, "(", "before the number of bytes") ||
            !number(sc, 65507, "a payload", &p->quote_len) ||
            !scan_expect(sc, ")", "after the number of bytes"))
            return false;
    } else if (!sequence(sc, &p->quote_seq, &p->quote_len)) {
        return false;
    }
    return scan_expect(sc, "]", "after the packet that is quoted");
}

static bool body(struct drill_scan *sc, struct drill_packet *p)
{
    static const char *const not_here[] = {"ipv4", "ipv6", "gre", "mpls", "sctp", "udplite"};
    for (size_t i = 0; i < sizeof(not_here) / sizeof(not_here[0]); i++) {
        struct drill_place place = scan_place(sc);
        if (scan_take_word(sc, not_here[i]))
            return drill_fault(sc->s, sc->fault, place,
                               "%s: packets here are TCP, UDP and ICMP, without a tunnel",
                               not_here[i]);
    }
    if (scan_take_word(sc, "icmp") || scan_take_word(sc, "icmpv6")) {
        p->protocol = DRILL_ICMP;
        return icmp_type(sc, p) && icmp_code(sc, p) && icmp_rest(sc, p) && icmp_quote(sc, p);
    }
    if (!ports(sc, p))
        return false;
    return scan_take_word(sc, "udp") ? udp(sc, p) : tcp(sc, p);
}

struct drill_packet *parse_packet(struct drill_scan *sc)
{
    struct drill_packet *p = drill_arena_get(sc->s->arena, sizeof(*p));
    if (!p) {
        scan_wrong(sc, "less memory");
        return NULL;
    }
    *p = (struct drill_packet){.ecn = DRILL_ECN_ANY,
                               .tos = -1,
                               .ttl = -1,
                               .flowlabel = -1,
                               .source_port = -1,
                               .target_port = -1};
    p->place = scan_place(sc);
    p->outbound = scan_is(sc, ">");
    scan_step(sc);
    return ip_fields(sc, p) && body(sc, p) ? p : NULL;
}
