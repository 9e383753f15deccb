/* Complete packets on their way out, see out.h. */
#include "ip/out.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "ip/ip.h"

#define FLAGS_AT       6 /* IPv4: flags and fragment offset */
#define MORE_FRAGMENTS 0x2000
/* How much of the transport goes into the head with the IP header, so that all headers lie in the
 * first piece: UDP's or ICMP's header; TCP's replies go in whole. */
#define TRANSPORT_HEAD 8

void ip_out_init(struct ip *ip, struct la_buf *buf, const struct ip_out_info *info)
{
    struct ip_out *out = ip_out_of(buf);
    *out = (struct ip_out){
        .path = *info->path, .conn = info->conn, .reason = info->reason, .proto = info->proto};
    ip_template_make(&out->template, &ip->routes, info->path, info->dst, info->proto, info->tos,
                     info->ttl);
    if (info->proto != WIRE_PROTO_TCP) {
        /* Datagrams do not find out the path's MTU: routers may cut them, so the identification
         * must differ (RFC 6864 4.3). */
        ip_template_clear_df(&out->template);
        out->id = ip_next_id(ip, &info->path->src, info->dst);
    }
}

/* ---- frames --------------------------------------------------------------------------------- */

static void begin_frame(struct la_frame *frame, const struct ip_out *out)
{
    frame->csum = LA_CSUM_FULL;
    frame->gso = LA_GSO_NONE;
    frame->link = out->path.link;
    frame->gso_size = 0;
    frame->csum_start = 0;
    frame->csum_offset = 0;
    frame->reason = out->reason;
    frame->pad = 0;
    frame->conn = out->conn;
    frame->nfrags = 1;
    frame->frag[0] = (struct la_frag){.data = frame->head};
}

/* Sets the pieces: `head_len` bytes in the head, then `len` bytes of `buf` at `data`. */
static void end_frame(struct la_frame *frame, size_t head_len, struct la_buf *buf, uint8_t *data,
                      uint32_t len)
{
    frame->hdr_len = (uint16_t)head_len;
    frame->len = (uint32_t)head_len + len;
    frame->frag[0].len = (uint32_t)head_len;
    if (len) {
        frame->frag[1] = (struct la_frag){.buf = buf_ref(buf), .data = data, .len = len};
        frame->nfrags = 2;
    }
}

static void whole_frame(struct la_buf *buf, struct la_frame *frame)
{
    const struct ip_out *out = ip_out_of(buf);
    size_t at =
        out->raw ? 0 : ip_template_write(&out->template, frame->head, buf->len, (uint16_t)out->id);
    uint32_t in_head = buf->len;
    if (in_head > LA_HEAD_MAX - at) {
        in_head = TRANSPORT_HEAD;
    }
    mem_copy(frame->head + at, buf->data, in_head);
    end_frame(frame, at + in_head, buf, buf->data + in_head, buf->len - in_head);
}

/* RFC 791 3.2: the same header with offset and flag, its checksum made anew. */
static size_t fragment_v4(const struct ip_out *out, uint8_t *head, uint32_t len, bool more)
{
    size_t at = ip_template_write(&out->template, head, len, (uint16_t)out->id);
    uint8_t *h = head + out->template.ip_at;
    store_be16(h + FLAGS_AT, (uint16_t)(out->sent / 8 | (more ? MORE_FRAGMENTS : 0)));
    wire_checksum_store(h + WIRE_IPV4_CHECKSUM_OFFSET, 0);
    wire_checksum_store(h + WIRE_IPV4_CHECKSUM_OFFSET,
                        (uint16_t)~wire_fold(wire_sum(h, WIRE_IPV4_HEADER, 0)));
    return at;
}

/* RFC 8200 4.5: a fragment header behind the fixed one. */
static size_t fragment_v6(const struct ip_out *out, uint8_t *head, uint32_t len, bool more)
{
    struct wire_ipv6_frag frag = {.id = out->id, .offset = (uint16_t)out->sent, .more = more};
    size_t at = ip_template_write(&out->template, head, len + WIRE_IPV6_FRAG_HEADER, 0);
    head[out->template.ip_at + 6] = WIRE_PROTO_FRAGMENT;
    return at + wire_ipv6_frag_emit(head + at, out->proto, &frag);
}

static bool next_fragment(struct la_buf *buf, struct la_frame *frame)
{
    struct ip_out *out = ip_out_of(buf);
    bool v4 = ip_template_is_v4(&out->template);
    uint32_t headers = v4 ? WIRE_IPV4_HEADER : (uint32_t)(WIRE_IPV6_HEADER + WIRE_IPV6_FRAG_HEADER);
    uint32_t room = (out->path.mtu - headers) & ~7U;
    uint32_t left = buf->len - out->sent;
    bool more = left > room;
    uint32_t len = more ? room : left;

    size_t at =
        v4 ? fragment_v4(out, frame->head, len, more) : fragment_v6(out, frame->head, len, more);
    end_frame(frame, at, buf, buf->data + out->sent, len);
    out->sent += len;
    return more;
}

int ip_out_frame(struct ip *ip, struct la_buf *buf, uint64_t now_ns, struct la_frame *frame)
{
    struct ip_out *out = ip_out_of(buf);
    if (!out->raw) {
        int err = ip_resolve(ip, &out->path, &out->template, now_ns);
        if (err) {
            return err;
        }
    }
    begin_frame(frame, out);
    uint32_t headers = (uint32_t)(out->template.len - out->template.ip_at);
    if (out->raw || headers + buf->len <= out->path.mtu) {
        whole_frame(buf, frame);
        return 0;
    }
    return next_fragment(buf, frame) ? 1 : 0;
}

/* ---- queues --------------------------------------------------------------------------------- */

bool ip_out_push(struct ip *ip, struct la_buf *buf)
{
    struct buf_queue *q = &ip->queue[ip_out_of(buf)->path.link];
    if (q->count >= IP_OUT_QUEUE_MAX || !buf_queue_fits(q, buf_charge(buf), IP_OUT_QUEUE_BYTES)) {
        buf_put(ip->pool, buf);
        return false;
    }
    buf_queue_push(q, buf);
    return true;
}

bool ip_out_reply(struct ip *ip, const struct ip_out_info *info, const void *bytes, size_t len,
                  size_t csum_at)
{
    struct la_buf *buf = buf_get(ip->pool, IP_OUT_ROOM + len);
    if (!buf) {
        return false;
    }
    buf->data = buf->mem + IP_OUT_ROOM;
    buf->len = (uint32_t)len;
    ip_out_init(ip, buf, info);
    uint32_t sum = ip_template_pseudo(&ip_out_of(buf)->template, (uint32_t)len);
    sum = ip->kernel->copy_sum(buf->data, bytes, len, sum);
    wire_checksum_store(buf->data + csum_at, (uint16_t)~wire_fold(sum));
    return ip_out_push(ip, buf);
}

/* Notes that a packet without a frame was lost, and drops it. */
static void give_up(struct ip *ip, struct la_buf *buf, uint64_t now_ns)
{
    if (ip->trace) {
        struct la_trace_record record = {.time_ns = now_ns,
                                         .conn = ip_out_of(buf)->conn,
                                         .reason = LA_DROP_UNRESOLVED,
                                         .what_state = LA_TRACE_PACK(LA_TRACE_EVENT, 0)};
        trace_put(ip->trace, NULL, &record);
    }
    buf_put(ip->pool, buf);
}

/* Steps aside until the next hop answers, unless enough others do so already. */
static void put_aside(struct ip *ip, uint8_t link, struct la_buf *buf, uint64_t now_ns)
{
    struct buf_queue *q = &ip->waiting[link];
    const struct la_addr *hop = &ip_out_of(buf)->path.next_hop;
    uint32_t same = 0;
    for (struct la_buf *b = q->head; b; b = b->next) {
        same += mem_equal(ip_out_of(b)->path.next_hop.b, hop->b, sizeof(hop->b));
    }
    if (q->count == IP_OUT_WAITING_MAX || same == IP_OUT_WAITING_HOP) {
        give_up(ip, buf, now_ns);
        return;
    }
    buf_queue_push(q, buf);
}

/* Lets those that stepped aside try again, when a neighbour was found or given up. */
static void wake(struct ip *ip, uint8_t link)
{
    uint32_t events = ip_neighbour_events(ip, link);
    if (ip->woken[link] == events) {
        return;
    }
    ip->woken[link] = events;
    while (ip->waiting[link].head) {
        buf_queue_push(&ip->queue[link], buf_queue_pop(&ip->waiting[link]));
    }
}

static bool neigh_frame(struct ip *ip, uint8_t link, struct la_frame *frame)
{
    struct neigh_frame asked;
    if (!neigh_output(&ip->neigh, link, &asked)) {
        return false;
    }
    struct ip_out out = {.path.link = link, .reason = asked.reason};
    begin_frame(frame, &out);
    mem_copy(frame->head, asked.bytes, asked.len);
    end_frame(frame, asked.len, NULL, NULL, 0);
    return true;
}

bool ip_output(struct ip *ip, uint8_t link, uint64_t now_ns, struct la_frame *frame)
{
    struct buf_queue *q = &ip->queue[link];
    wake(ip, link);
    while (q->head) {
        struct la_buf *buf = q->head;
        int more = ip_out_frame(ip, buf, now_ns, frame);
        if (more == 1) {
            return true;
        }
        buf_queue_pop(q);
        if (more == 0) {
            buf_put(ip->pool, buf);
            return true;
        }
        if (more == LA_EAGAIN) {
            put_aside(ip, link, buf, now_ns);
        } else {
            give_up(ip, buf, now_ns);
        }
    }
    return neigh_frame(ip, link, frame);
}

bool ip_has_output(const struct ip *ip, uint8_t link)
{
    bool woken = ip->waiting[link].head && ip->woken[link] != ip_neighbour_events(ip, link);
    return ip->queue[link].head || woken || neigh_has_output(&ip->neigh, link);
}
