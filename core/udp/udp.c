/* The queues of a UDP endpoint and the making of datagrams, see udp.h. */
#include "udp/udp.h"

#include "base/mem.h"
#include "wire/checksum.h"

/* Where a received datagram came from: written before its payload, over the headers, of which
 * there are at least 28 bytes (IPv4 20, UDP 8). */
struct origin {
    struct la_addr addr;
    uint16_t port;
    uint16_t zero;
};
_Static_assert(sizeof(struct origin) <= 28, "it fits over the shortest headers");

/* ---- queues --------------------------------------------------------------------------------- */

void udp_endpoint_init(struct udp_endpoint *u, uint32_t rcv_max, uint32_t snd_max)
{
    *u = (struct udp_endpoint){.rcv_max = rcv_max, .snd_max = snd_max, .ttl = UDP_TTL};
}

void udp_endpoint_clear(struct udp_endpoint *u, struct buf_pool *pool)
{
    buf_put_list(pool, u->rcv.head);
    buf_put_list(pool, u->snd.head);
    udp_endpoint_init(u, u->rcv_max, u->snd_max);
}

/* ---- in ------------------------------------------------------------------------------------- */

enum la_reason udp_check(const struct udp_arrival *a,
                         uint32_t (*kernel_sum)(const void *data, size_t len, uint32_t sum),
                         struct wire_udp *header)
{
    if (!wire_udp_parse(a->data, a->len, header)) {
        return LA_DROP_UDP_HEADER;
    }
    if (a->csum != LA_CSUM_FULL) { /* the link, or the neighbouring kernel, answers for it */
        return LA_NONE;
    }
    if (!header->has_checksum) {
        /* RFC 8200 8.1: not over IPv6; RFC 1122 4.1.3.4: over IPv4 the sender may leave it out */
        return la_addr_is_v4(&a->src) ? LA_NONE : LA_DROP_UDP_CHECKSUM;
    }
    /* The pseudo-header has UDP's own length (RFC 768); what lies behind it is not part of it. */
    uint32_t sum = a->pseudo;
    if (header->len != a->len) {
        uint8_t fields[4] = {(uint8_t)(header->len >> 8), (uint8_t)header->len,
                             (uint8_t)(~a->len >> 8 & 0xff), (uint8_t)(~a->len & 0xff)};
        sum = wire_sum(fields, sizeof(fields), sum); /* RFC 1624: take out the old, add the new */
    }
    sum = kernel_sum(a->data, header->len, sum);
    return wire_fold(sum) == 0xffff ? LA_NONE : LA_DROP_UDP_CHECKSUM;
}

/* The buffer to queue: the arrival's, or a small copy of a small payload, or a copy because others
 * read the buffer too. Room for the origin lies before its data. NULL: no memory. */
static struct la_buf *settle(struct buf_pool *pool, const struct udp_arrival *a, uint32_t len)
{
    const uint8_t *payload = a->data + WIRE_UDP_HEADER;
    size_t need = sizeof(struct origin) + len;
    bool shrink = (need <= BUF_SMALL && a->buf->cap > BUF_SMALL) ||
                  (need <= BUF_MTU && a->buf->cap > BUF_MTU);
    if (!shrink && a->buf->refs == 1) {
        a->buf->data += payload - a->buf->data;
        a->buf->len = len;
        return a->buf;
    }
    struct la_buf *copy = buf_get(pool, need);
    if (copy) {
        copy->data = copy->mem + sizeof(struct origin);
        copy->len = len;
        mem_copy(copy->data, payload, len);
    }
    buf_put(pool, a->buf);
    return copy;
}

enum la_reason udp_input(struct udp_endpoint *u, struct buf_pool *pool, const struct udp_arrival *a,
                         const struct wire_udp *header)
{
    struct origin origin = {.addr = a->src, .port = header->src_port};
    struct la_buf *buf = settle(pool, a, header->len - (uint32_t)WIRE_UDP_HEADER);
    if (!buf) {
        return LA_DROP_NO_MEMORY;
    }
    if (!buf_queue_fits(&u->rcv, buf_charge(buf), u->rcv_max)) {
        buf_put(pool, buf);
        return LA_DROP_UDP_FULL;
    }
    mem_copy(buf->data - sizeof(origin), &origin, sizeof(origin));
    buf_queue_push(&u->rcv, buf);
    return LA_TAKE_UDP;
}

int64_t udp_recv(struct udp_endpoint *u, struct buf_pool *pool, struct la_endpoint *from,
                 void *data, size_t len)
{
    if (u->error) {
        return udp_take_error(u);
    }
    struct la_buf *buf = buf_queue_pop(&u->rcv);
    if (!buf) {
        return LA_EAGAIN;
    }
    if (from) {
        struct origin origin;
        mem_copy(&origin, buf->data - sizeof(origin), sizeof(origin));
        *from = (struct la_endpoint){.addr = origin.addr, .port = origin.port};
    }
    uint32_t whole = buf->len;
    if (len && whole) { /* `data` may be NULL when there is nothing to copy */
        mem_copy(data, buf->data, len < whole ? len : whole);
    }
    buf_put(pool, buf);
    return whole;
}

/* ---- out ------------------------------------------------------------------------------------ */

struct la_buf *udp_build(struct buf_pool *pool, size_t room, uint16_t sport, uint16_t dport,
                         const void *data, size_t len, uint32_t pseudo,
                         uint32_t (*copy_sum)(void *to, const void *from, size_t len, uint32_t sum))
{
    if (len > UDP_PAYLOAD_MAX_V6) {
        return NULL;
    }
    struct la_buf *buf = buf_get(pool, room + WIRE_UDP_HEADER + len);
    if (!buf) {
        return NULL;
    }
    struct wire_udp header = {
        .src_port = sport, .dst_port = dport, .len = (uint16_t)(WIRE_UDP_HEADER + len)};
    buf->data = buf->mem + room;
    buf->len = header.len;
    wire_udp_emit(buf->data, &header);
    uint8_t length[2] = {(uint8_t)(header.len >> 8), (uint8_t)header.len};
    uint32_t sum = wire_sum(length, sizeof(length), pseudo);
    sum = wire_sum(buf->data, WIRE_UDP_HEADER, sum);
    if (len) {
        sum = copy_sum(buf->data + WIRE_UDP_HEADER, data, len, sum);
    }
    wire_checksum_store(buf->data + WIRE_UDP_CHECKSUM_OFFSET, wire_udp_checksum(wire_fold(sum)));
    return buf;
}

bool udp_send_room(const struct udp_endpoint *u, size_t room, size_t len)
{
    size_t charge = BUF_HEAD + room + WIRE_UDP_HEADER + len;
    return charge <= UINT32_MAX && buf_queue_fits(&u->snd, (uint32_t)charge, u->snd_max);
}

void udp_send_push(struct udp_endpoint *u, struct la_buf *buf)
{
    buf_queue_push(&u->snd, buf);
}

struct la_buf *udp_send_pop(struct udp_endpoint *u)
{
    return buf_queue_pop(&u->snd);
}
