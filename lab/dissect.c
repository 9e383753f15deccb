/* A packet taken apart: see dissect.h. */
#include "lab/dissect.h"

#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"

/* The parts of a frame. */
struct parts {
    const uint8_t *frame, *ip, *tcp, *data;
    uint32_t link_header, ip_header, tcp_header, payload;
    bool v6;
};

static bool parts_of(const struct lab_event *e, struct parts *p)
{
    *p = (struct parts){.frame = e->frame, .link_header = e->link_header};
    if (!e->is_tcp || e->len < e->link_header + 40)
        return false;
    p->ip = e->frame + e->link_header;
    p->v6 = p->ip[0] >> 4 == 6;
    p->ip_header = p->v6 ? 40 : 20;
    p->tcp = p->ip + p->ip_header;
    p->tcp_header = e->tcp.hdr_len;
    p->data = p->tcp + p->tcp_header;
    p->payload = e->payload;
    return true;
}

static const char *word(enum la_lang lang, const char *en, const char *zh)
{
    return lang == LA_LANG_ZH ? zh : en;
}

/* "9c 40 ..." of at most `most` bytes. */
static void hex(char *text, size_t size, const uint8_t *bytes, uint32_t len, uint32_t most)
{
    size_t at = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < len && i < most && at + 4 < size; i++)
        at += (size_t)snprintf(text + at, size - at, "%s%02x", i ? " " : "", bytes[i]);
    if (len > most && at + 4 < size)
        snprintf(text + at, size - at, " ..");
}

/* ---- the header ----------------------------------------------------------------------------- */

static void row(FILE *out, const uint8_t *base, uint32_t from, uint32_t len, const char *says)
{
    char bytes[40], place[16];
    hex(bytes, sizeof(bytes), base + from, len, 8);
    if (len > 1)
        snprintf(place, sizeof(place), "%2u-%u", from, from + len - 1);
    else
        snprintf(place, sizeof(place), "%2u", from);
    fprintf(out, "  %-6s %-27s %s\n", place, bytes, says);
}

static void fixed_rows(FILE *out, const struct parts *p, const struct wire_tcp *t,
                       enum la_lang lang)
{
    char says[200];
    snprintf(says, sizeof(says), word(lang, "source port %u", "源端口 %u"), t->src_port);
    row(out, p->tcp, 0, 2, says);
    snprintf(says, sizeof(says), word(lang, "destination port %u", "目的端口 %u"), t->dst_port);
    row(out, p->tcp, 2, 2, says);
    snprintf(says, sizeof(says),
             word(lang, "sequence number %u: of the first byte of payload",
                  "序号 %u：载荷第一个字节的编号"),
             t->seq);
    row(out, p->tcp, 4, 4, says);
    snprintf(says, sizeof(says),
             word(lang, "acknowledgement %u: the next byte that is expected",
                  "确认号 %u：期待收到的下一个字节"),
             t->ack);
    row(out, p->tcp, 8, 4, says);
    snprintf(says, sizeof(says),
             word(lang, "data offset %u (x 4 = %u bytes of header), AE %u",
                  "数据偏移 %u（x 4 = 首部 %u 字节），AE %u"),
             p->tcp[12] >> 4, p->tcp_header, p->tcp[12] & 1U);
    row(out, p->tcp, 12, 1, says);
    unsigned f = p->tcp[13];
    snprintf(says, sizeof(says), "CWR %u ECE %u URG %u ACK %u PSH %u RST %u SYN %u FIN %u",
             f >> 7 & 1, f >> 6 & 1, f >> 5 & 1, f >> 4 & 1, f >> 3 & 1, f >> 2 & 1, f >> 1 & 1,
             f & 1);
    row(out, p->tcp, 13, 1, says);
    snprintf(says, sizeof(says),
             word(lang, "window %u (to be multiplied by 2 to the window scale)",
                  "窗口 %u（还要乘以 2 的窗口扩大因子次方）"),
             t->wnd);
    row(out, p->tcp, 14, 2, says);
    snprintf(says, sizeof(says), "%s", word(lang, "checksum (see below)", "校验和（见下）"));
    row(out, p->tcp, 16, 2, says);
    snprintf(says, sizeof(says),
             word(lang, "urgent pointer %u: counts only when URG is set",
                  "紧急指针 %u：仅在 URG 置位时有意义"),
             t->urg);
    row(out, p->tcp, 18, 2, says);
}

static void option_row(FILE *out, const struct parts *p, uint32_t at, uint32_t len,
                       enum la_lang lang)
{
    const uint8_t *o = p->tcp + at;
    char says[160];
    if (o[0] == 0)
        snprintf(says, sizeof(says), "%s", word(lang, "end of options", "选项结束"));
    else if (o[0] == 1)
        snprintf(says, sizeof(says), "%s", word(lang, "NOP: padding", "NOP：填充"));
    else if (o[0] == 2 && len == 4)
        snprintf(says, sizeof(says), "MSS %u", load_be16(o + 2));
    else if (o[0] == 3 && len == 3)
        snprintf(says, sizeof(says), word(lang, "window scale %u", "窗口扩大因子 %u"), o[2]);
    else if (o[0] == 4)
        snprintf(says, sizeof(says), "%s", word(lang, "SACK permitted", "允许 SACK"));
    else if (o[0] == 8 && len == 10)
        snprintf(says, sizeof(says), word(lang, "timestamp %u, echo %u", "时间戳 %u，回显 %u"),
                 load_be32(o + 2), load_be32(o + 6));
    else
        snprintf(says, sizeof(says), word(lang, "option of kind %u", "类型为 %u 的选项"), o[0]);
    row(out, p->tcp, at, len, says);
}

static void option_rows(FILE *out, const struct parts *p, enum la_lang lang)
{
    for (uint32_t at = 20; at < p->tcp_header;) {
        uint32_t len = p->tcp[at] <= 1 ? 1 : at + 1 < p->tcp_header ? p->tcp[at + 1] : 0;
        if (len == 0 || at + len > p->tcp_header)
            return;
        option_row(out, p, at, len, lang);
        at += len;
    }
}

/* ---- the checksum --------------------------------------------------------------------------- */

/* The sum of 16-bit words as one adds by hand; a last odd byte is padded with zero. */
static uint32_t sum_words(const uint8_t *bytes, uint32_t len)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < len; i += 2)
        sum += (uint32_t)bytes[i] << 8 | (i + 1 < len ? bytes[i + 1] : 0);
    return sum;
}

static void step(FILE *out, const char *says, uint32_t value)
{
    fprintf(out, "  0x%08x   %s\n", value, says);
}

static void checksum(FILE *out, const struct parts *p, enum la_lang lang)
{
    uint32_t segment = p->tcp_header + p->payload;
    uint32_t field = load_be16(p->tcp + 16);
    uint32_t addresses = sum_words(p->v6 ? p->ip + 8 : p->ip + 12, p->v6 ? 32 : 8);
    uint32_t header = sum_words(p->tcp, p->tcp_header) - field;
    uint32_t payload = sum_words(p->data, p->payload);
    uint32_t sum = addresses + 6 + segment + header + payload;
    fprintf(out, "\n%s\n",
            word(lang,
                 "The checksum: all 16-bit words are added, the carries too, and the bits "
                 "are turned over.",
                 "校验和：把所有 16 位字相加，进位也加回去，最后按位取反。"));
    step(
        out,
        word(lang, "the two IP addresses (the pseudo-header begins)", "两个 IP 地址（伪首部开始）"),
        addresses);
    step(out, word(lang, "protocol 6, which is TCP", "协议号 6，即 TCP"), 6);
    step(out,
         word(lang, "length of header and payload (the pseudo-header ends)",
              "首部加载荷的长度（伪首部结束）"),
         segment);
    step(out,
         word(lang, "the header, its checksum field taken as 0", "首部，其中校验和字段按 0 计"),
         header);
    step(out, word(lang, "the payload", "载荷"), payload);
    step(out, word(lang, "together", "合计"), sum);
    while (sum >> 16) {
        sum = (sum & 0xffff) + (sum >> 16);
        step(out,
             word(lang, "what was carried over 16 bits, added again", "把超出 16 位的进位加回"),
             sum);
    }
    step(out, word(lang, "turned over: the checksum", "按位取反：校验和"), ~sum & 0xffff);
    fprintf(out, "  0x%08x   %s\n", field,
            (~sum & 0xffff) == field
                ? word(lang, "and that is what the segment carries", "与报文段中携带的一致")
                : word(lang, "but the segment carries this: it is damaged",
                       "而报文段携带的却是这个：它已损坏"));
}

/* ---- layers --------------------------------------------------------------------------------- */

static void layer(FILE *out, const char *name, const uint8_t *bytes, uint32_t len, uint32_t total,
                  const char *says)
{
    char text[80];
    hex(text, sizeof(text), bytes, len, 20);
    fprintf(out, "  %-9s %4u  %4u  %s\n", name, len, total, says);
    fprintf(out, "  %9s %10s  %s\n", "", "", text);
}

static void layers_of(FILE *out, const struct parts *p, enum la_lang lang)
{
    uint32_t tcp = p->tcp_header + p->payload, ip = tcp + p->ip_header;
    fprintf(out, "%s\n",
            word(lang,
                 "One write on its way down, a header a layer. On the way up each layer takes its "
                 "own off again.",
                 "一次写入逐层向下，每层加一个首部；向上时每层再取下自己的首部。"));
    fprintf(out, "  %-9s %4s  %4s\n", "", word(lang, "adds", "增加"), word(lang, "sum", "合计"));
    layer(out, word(lang, "data", "data"), p->data, p->payload, p->payload,
          word(lang, "what the application wrote", "应用写入的数据"));
    layer(out, "TCP", p->tcp, p->tcp_header, tcp,
          word(lang, "which program (ports), which byte (sequence), how much room (window)",
               "哪个程序（端口）、哪个字节（序号）、还有多少空间（窗口）"));
    layer(out, p->v6 ? "IPv6" : "IPv4", p->ip, p->ip_header, ip,
          word(lang, "which host: two addresses, and how far it may go",
               "哪台主机：两个地址，以及还能走多远"));
    if (p->link_header == 0)
        return;
    layer(out, "Ethernet", p->frame, p->link_header, ip + p->link_header,
          word(lang, "which card on this wire: two hardware addresses, and what is inside",
               "这条线上的哪块网卡：两个硬件地址，以及里面装的是什么"));
}

void lab_dissect(FILE *out, const struct lab_event *e, bool layers, enum la_lang lang)
{
    struct parts p;
    if (!parts_of(e, &p)) {
        fprintf(out, "%s\n", word(lang, "(no TCP segment)", "（不是 TCP 报文段）"));
        return;
    }
    if (layers) {
        layers_of(out, &p, lang);
        return;
    }
    fprintf(out,
            word(lang, "A TCP header byte by byte: %u bytes of header, %u of payload\n",
                 "逐字节看 TCP 首部：首部 %u 字节，载荷 %u 字节\n"),
            p.tcp_header, p.payload);
    fixed_rows(out, &p, &e->tcp, lang);
    option_rows(out, &p, lang);
    checksum(out, &p, lang);
}
