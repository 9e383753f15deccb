#include "sim/trace.h"

#include <stdarg.h>

#include <lastack/view.h>

#include "wire/tcp.h"

void trace_line(const struct world *w, const char *format, ...)
{
    va_list args;
    if (!w->watch->trace)
        return;
    fprintf(w->watch->trace, "%14.9f ", (double)w->now_ns / 1e9);
    va_start(args, format);
    vfprintf(w->watch->trace, format, args);
    va_end(args);
    fputc('\n', w->watch->trace);
}

static void print_sack(FILE *to, const struct wire_tcp *h)
{
    for (unsigned i = 0; i < h->sack_n && (h->options & WIRE_TCP_SACK); i++)
        fprintf(to, "%s%u-%u", i ? "," : " sack ", h->sack[i].left, h->sack[i].right);
}

void trace_packet(const struct world *w, const struct host *h, bool out, const uint8_t *ip,
                  uint32_t len, uint32_t conn, enum la_reason reason)
{
    FILE *to = w->watch->trace;
    struct wire_tcp t;
    char flags[LA_NUMBER_TEXT_MAX];
    uint32_t head = len > 0 && ip[0] >> 4 == 4 ? 20 : 40;
    uint8_t protocol = len < head ? 0 : head == 20 ? ip[9] : ip[6];
    fprintf(to, "%14.9f %s %s #%u ", (double)w->now_ns / 1e9, h->plan->name, out ? ">" : "<", conn);
    if (protocol == 6 && wire_tcp_parse(ip + head, len - head, &t)) {
        la_flags_format(t.flags, flags);
        uint32_t payload = len - head - t.hdr_len;
        fprintf(to, "%s %u>%u %u:%u(%u) ack %u win %u", flags, t.src_port, t.dst_port, t.seq,
                t.seq + payload, payload, t.ack, t.wnd);
        print_sack(to, &t);
    } else {
        fprintf(to, "%u bytes of protocol %u", len, protocol);
    }
    fprintf(to, " %s\n", la_reason_name(reason));
}
