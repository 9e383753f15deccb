/* Fuzzes IP input: a sequence of frames on an IP link and an Ethernet link, with time passing and
 * answers taken out between them.
 *
 * Input: records of {control byte, length byte, bytes}. Control: bit 0 the link, bit 1 gives the
 * frame correct checksums so that it gets further, bits 2-3 how much time passes, bit 4 repeats the
 * frame before it with these bytes laid over its beginning. Oracles: a verdict with a reason for
 * each frame; transport bytes inside their buffer; frames out whose pieces add up; memory back to
 * zero at the end. */
#include <stdlib.h>
#include <string.h>

#include "ip/ip.h"
#include "udp/udp.h"
#include "wire/ip.h"

#define FRAME_MAX 2048

static void *get(void *ctx, size_t size, size_t align)
{
    (void)ctx;
    return aligned_alloc(align, (size + align - 1) / align * align);
}

static void put(void *ctx, void *ptr, size_t size)
{
    (void)ctx;
    (void)size;
    free(ptr);
}

static void require(int holds)
{
    if (!holds) {
        abort();
    }
}

struct fuzz {
    struct memory memory;
    struct buf_pool pool;
    struct prng prng;
    struct ip ip;
    uint64_t now;
    uint8_t frame[FRAME_MAX];
    size_t len;
};

static void begin(struct fuzz *f)
{
    const uint8_t seed[32] = {1};
    const struct la_link_info tun = {.type = LA_LINK_IP, .mtu = 1500};
    const struct la_link_info tap = {
        .type = LA_LINK_ETHERNET, .mtu = 1500, .mac = {2, 0, 0, 0, 0, 1}};
    memset(f, 0, sizeof(*f));
    f->memory = (struct memory){.allocator = {.get = get, .put = put}, .max = 16 << 20};
    f->now = 1000;
    buf_pool_init(&f->pool, &f->memory);
    prng_seed(&f->prng, seed);
    ip_init(&f->ip, &f->memory, &f->pool, &f->prng, NULL, wire_sum_choose(), f->now);
    ip_link_add(&f->ip, &tun);
    ip_link_add(&f->ip, &tap);
    for (uint8_t link = 1; link <= 2; link++) {
        struct la_addr v4 = la_addr_v4(10, 0, link, 1), v6 = {{0xfd, link, [15] = 1}};
        ip_addr_add(&f->ip, link, &v4, 24);
        ip_addr_add(&f->ip, link, &v6, 64);
    }
}

static void take_output(struct fuzz *f)
{
    for (uint8_t link = 1; link <= 2; link++) {
        struct la_frame frame;
        while (ip_output(&f->ip, link, f->now, &frame)) {
            uint32_t sum = 0;
            for (int i = 0; i < frame.nfrags; i++) {
                sum += frame.frag[i].len;
                if (frame.frag[i].buf) {
                    buf_put(&f->pool, frame.frag[i].buf);
                }
            }
            require(sum == frame.len && frame.len <= 1514 && frame.reason != LA_NONE);
        }
    }
}

static void released(struct fuzz *f)
{
    uint64_t owner, cookie;
    while (buf_released(&f->pool, &owner, &cookie)) {
        free((void *)(uintptr_t)cookie);
    }
}

/* Makes IP header and transport checksums right where the packet is simple enough. */
static void correct(uint8_t *p, size_t len)
{
    size_t head, total;
    uint8_t proto;
    if (wire_ip_version(p, len) == 4 && len >= 20 && (p[0] & 15) >= 5 && len >= (p[0] & 15U) * 4) {
        head = (p[0] & 15U) * 4;
        total = load_be16(p + 2);
        proto = p[9];
        wire_checksum_store(p + 10, 0);
        wire_checksum_store(p + 10, (uint16_t)~wire_fold(wire_sum(p, head, 0)));
    } else if (wire_ip_version(p, len) == 6 && len >= 40) {
        head = 40;
        total = 40U + load_be16(p + 4);
        proto = p[6];
    } else {
        return;
    }
    size_t at = proto == WIRE_PROTO_UDP ? 6 : 2;
    if (total > len || total < head + 8 ||
        (proto != WIRE_PROTO_UDP && proto != WIRE_PROTO_ICMP && proto != WIRE_PROTO_ICMPV6)) {
        return;
    }
    uint32_t sum = 0;
    if (proto != WIRE_PROTO_ICMP) {
        struct la_addr src = head == 40 ? wire_load_v6(p + 8) : wire_load_v4(p + 12);
        struct la_addr dst = head == 40 ? wire_load_v6(p + 24) : wire_load_v4(p + 16);
        sum = wire_sum_pseudo(&src, &dst, proto, (uint32_t)(total - head));
    }
    wire_checksum_store(p + head + at, 0);
    sum = wire_sum(p + head, total - head, sum);
    wire_checksum_store(p + head + at, (uint16_t)~wire_fold(sum));
}

static void accepted(struct fuzz *f, const struct ip_packet *out, enum ip_verdict verdict)
{
    const uint8_t *first = out->buf->data;
    require(out->data >= out->header + out->header_len);
    require(out->reassembled ||
            (out->header >= first && out->data + out->len <= first + out->buf->len));
    volatile uint32_t sum = wire_sum(out->data, out->len, out->pseudo);
    (void)sum;
    if (verdict == IP_UDP) {
        struct udp_arrival a = {.buf = out->buf,
                                .data = out->data,
                                .len = out->len,
                                .pseudo = out->pseudo,
                                .src = out->src,
                                .csum = out->csum};
        struct wire_udp h;
        if (udp_check(&a, wire_sum, &h) == LA_NONE) {
            ip_reply_port_unreachable(&f->ip, out, f->now);
        }
    }
    buf_put(&f->pool, out->buf);
}

static void feed(struct fuzz *f, uint8_t link)
{
    uint8_t *copy = malloc(f->len ? f->len : 1);
    require(copy != NULL);
    memcpy(copy, f->frame, f->len);
    struct la_buf *buf = buf_lend(&f->pool, copy, (uint32_t)f->len, 0, (uintptr_t)copy);
    require(buf != NULL);
    struct la_frame frame = {.len = (uint32_t)f->len, .nfrags = 1};
    frame.frag[0] = (struct la_frag){.buf = buf, .data = copy, .len = (uint32_t)f->len};
    struct ip_packet out;
    enum ip_verdict verdict = ip_input(&f->ip, link, &frame, f->now, &out);
    if (verdict == IP_TCP || verdict == IP_UDP) {
        accepted(f, &out, verdict);
    } else {
        require(out.buf == NULL && (verdict == IP_ICMP_ERROR || frame.reason != LA_NONE));
    }
    released(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint64_t waits_ns[] = {0, 1000000, 1000000000, 30000000000};
    static struct fuzz f;
    begin(&f);
    while (size >= 2) {
        uint8_t control = data[0];
        size_t n = data[1] < size - 2 ? data[1] : size - 2;
        uint8_t link = 1 + (control & 1);
        if (!(control & 16)) {
            f.len = n;
        } else if (n > f.len) {
            n = f.len;
        }
        memcpy(f.frame, data + 2, n);
        if (control & 2) {
            size_t at = link == 2 && f.len > 14 ? 14 : 0;
            correct(f.frame + at, f.len - at);
        }
        feed(&f, link);
        f.now += waits_ns[control >> 2 & 3];
        ip_timeout(&f.ip, f.now);
        if (control & 32) {
            take_output(&f);
        }
        size -= 2 + n;
        data += 2 + n;
    }
    take_output(&f);
    ip_destroy(&f.ip);
    released(&f);
    require(f.memory.used[LA_MEM_BUFFERS] == 0);
    buf_pool_destroy(&f.pool);
    require(f.memory.held == 0);
    return 0;
}
