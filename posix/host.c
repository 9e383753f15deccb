/* The host object: the stack it makes when it is needed, packets in and out, and time.
 *
 * Frames are taken from the stack in batches and turned into packets one by one: checksums are
 * completed here, and a super-segment passes whole or is not made in the first place, because the
 * link says what it takes. Until the last packet of a batch is out, the batch is not given back. */
#include "posix/host.h"

#include <stdlib.h>
#include <string.h>

#include <lastack/view.h>

#include "link/cut.h"

#define OUT_BATCH 16

/* A packet that left and was not taken yet. */
struct pushed {
    struct pushed *next;
    struct px_packet packet;
    uint8_t bytes[];
};

struct out {
    struct pushed *pushed;
    struct cut cut; /* the super-segment that is being given out in packets */
    bool cutting;
    struct la_frame frames[OUT_BATCH];
    size_t count, next;
    uint8_t bytes[LA_BUF_MAX];
};

/* ---- creation ------------------------------------------------------------------------------- */

void px_config_init(struct px_config *config)
{
    *config = (struct px_config){.mtu = 1500, .fast_path = true};
}

static void *get(void *ctx, size_t size, size_t align)
{
    void *p;
    (void)ctx;
    return posix_memalign(&p, align < sizeof(void *) ? sizeof(void *) : align, size) ? NULL : p;
}

static void put(void *ctx, void *p, size_t size)
{
    (void)ctx, (void)size;
    free(p);
}

static const struct la_allocator memory = {NULL, get, put};

static bool makes_sense(const struct px_config *c)
{
    return c->mtu >= 576 && c->mtu <= 65535 && c->addrs_count <= PX_ADDRS_MAX &&
           c->fds_max <= 1U << 20;
}

struct px_host *px_create(const struct px_config *config, uint64_t now_ns)
{
    struct px_host *h = makes_sense(config) ? calloc(1, sizeof(*h)) : NULL;
    if (!h)
        return NULL;
    h->config = *config;
    h->now_ns = now_ns;
    h->fds_max = config->fds_max ? (int)config->fds_max : 1024;
    h->fds = calloc((size_t)h->fds_max, sizeof(*h->fds));
    h->out = malloc(sizeof(*h->out));
    if (!h->fds || !h->out) {
        px_destroy(h);
        return NULL;
    }
    h->out->count = h->out->next = 0;
    h->out->pushed = NULL;
    h->out->cutting = false;
    settings_init(&h->settings);
    h->settings.mtu = config->mtu;
    return h;
}

void px_destroy(struct px_host *h)
{
    if (!h)
        return;
    if (h->fds)
        px_close_all(h, h->now_ns);
    if (h->stack && h->out->count != 0)
        la_stack_sent(h->stack, h->link, h->out->frames, h->out->count, h->out->count);
    while (h->out && h->out->pushed) {
        struct pushed *p = h->out->pushed;
        h->out->pushed = p->next;
        free(p);
    }
    la_sock_destroy(h->socks);
    if (h->stack)
        la_stack_destroy(h->stack);
    free(h->out);
    free(h->fds);
    free(h);
}

/* ---- the stack ------------------------------------------------------------------------------ */

/* Linux counts memory, half of which is payload; the core counts payload. The largest size chooses
 * the window scale, for which Linux takes it whole. */
static uint32_t rcvbuf_initial(const struct px_settings *s)
{
    return s->rmem[1] / 2;
}

/* Linux raises a small send buffer to twice the initial window when a connection opens. */
static uint32_t sndbuf_initial(const struct px_settings *s)
{
    uint32_t window = 2 * 10 * s->mtu;
    uint32_t size = s->wmem[1] > window ? s->wmem[1] : window;
    return size < s->wmem[2] ? size : s->wmem[2];
}

static void fill_config(const struct px_host *h, struct la_config *c)
{
    *c = h->settings.config;
    c->allocator = memory;
    memcpy(c->seed, h->config.seed, sizeof(c->seed));
    c->fast_path = h->config.fast_path;
    c->memory_max = h->config.memory_max ? h->config.memory_max : UINT64_C(256) << 20;
    c->rcvbuf_initial = rcvbuf_initial(&h->settings);
    c->rcvbuf_max = h->settings.rmem[2];
    c->sndbuf_initial = sndbuf_initial(&h->settings);
    c->sndbuf_max = h->settings.wmem[2];
    c->conns_max = 1U << 16;
}

static bool add_link(struct px_host *h)
{
    const struct px_config *c = &h->config;
    /* Always super-segments, as a card with segmentation offload takes them: that they are cut for
     * who wants packets is the link's business, and what they look like is the stack's. */
    struct la_link_info info = {
        .type = LA_LINK_IP,
        .mtu = c->mtu,
        .gso_max = 65535,
        .offloads = LA_OFFLOAD_TX_CSUM | LA_OFFLOAD_TSO4 | LA_OFFLOAD_TSO6,
    };
    h->link = la_stack_link_add(h->stack, &info);
    bool ok = h->link > 0;
    for (unsigned i = 0; ok && i < c->addrs_count; i++)
        ok = la_stack_addr_add(h->stack, h->link, &c->addrs[i].addr, c->addrs[i].prefix) == 0;
    const struct la_addr any4 = la_addr_any_v4(), any6 = la_addr_any_v6();
    ok = ok && la_stack_route_add(h->stack, h->link, &any4, 0, NULL) == 0;
    return ok && (c->mtu < 1280 || la_stack_route_add(h->stack, h->link, &any6, 0, NULL) == 0);
}

int host_stack(struct px_host *h)
{
    struct la_config c;
    if (h->stack)
        return 0;
    fill_config(h, &c);
    h->stack = la_stack_create(&c, h->now_ns);
    h->socks = h->stack ? la_sock_create(h->stack, &memory, (uint32_t)h->fds_max) : NULL;
    if (h->socks && add_link(h) && la_sock_set_defaults(h->socks, &h->settings.options) == 0) {
        h->settings.stack_exists = true;
        return 0;
    }
    la_sock_destroy(h->socks);
    if (h->stack)
        la_stack_destroy(h->stack);
    h->socks = NULL;
    h->stack = NULL;
    return -ENOMEM;
}

bool px_addr_known(const struct px_host *h, const struct la_addr *addr)
{
    for (unsigned i = 0; i < h->config.addrs_count; i++)
        if (la_addr_equal(&h->config.addrs[i].addr, addr))
            return true;
    return false;
}

int px_addr_add(struct px_host *h, const struct la_addr *addr, uint8_t prefix)
{
    if (px_addr_known(h, addr))
        return 0;
    if (h->config.addrs_count == PX_ADDRS_MAX)
        return -ENOBUFS;
    int err = h->stack ? la_stack_addr_add(h->stack, h->link, addr, prefix) : 0;
    if (err == 0) {
        h->config.addrs[h->config.addrs_count].addr = *addr;
        h->config.addrs[h->config.addrs_count++].prefix = prefix;
    }
    return err;
}

int px_set_mtu(struct px_host *h, uint32_t mtu)
{
    if (mtu < 576 || mtu > 65535)
        return -EINVAL;
    int err = h->stack ? la_stack_link_set_mtu(h->stack, h->link, mtu) : 0;
    if (err == 0)
        h->config.mtu = h->settings.mtu = mtu;
    return err;
}

struct la_stack *px_stack(struct px_host *h)
{
    return h->stack;
}

/* ---- settings ------------------------------------------------------------------------------- */

/* What a stack that runs can still be told. */
static int apply(struct px_host *h)
{
    const struct px_settings *s = &h->settings;
    int err = la_stack_set_persona(h->stack, &s->config.persona);
    la_stack_set_buffers(h->stack, sndbuf_initial(s), s->wmem[2], rcvbuf_initial(s), s->rmem[2]);
    return err < 0 ? err : la_sock_set_defaults(h->socks, &h->settings.options);
}

int px_setting(struct px_host *h, const char *name, const char *value)
{
    struct px_settings before = h->settings;
    int err = settings_put(&h->settings, name, value);
    if (err == 0 && h->settings.mtu != before.mtu)
        err = px_set_mtu(h, h->settings.mtu);
    if (err == 0 && h->socks)
        err = apply(h);
    if (err < 0)
        h->settings = before;
    return err;
}

int px_setting_get(struct px_host *h, const char *name, char *text, size_t size)
{
    return settings_get(&h->settings, name, text, size);
}

const char *px_setting_name(unsigned n)
{
    return settings_name(n);
}

/* ---- time ----------------------------------------------------------------------------------- */

void host_clock(struct px_host *h, uint64_t now_ns)
{
    h->now_ns = now_ns > h->now_ns ? now_ns : h->now_ns;
    if (h->stack)
        la_stack_timeout(h->stack, h->now_ns);
}

void px_run(struct px_host *h, uint64_t now_ns)
{
    host_clock(h, now_ns);
    notes_look_all(h);
}

uint64_t px_next_deadline(struct px_host *h)
{
    return h->stack ? la_stack_next_deadline(h->stack) : UINT64_MAX;
}

/* ---- packets -------------------------------------------------------------------------------- */

int px_input(struct px_host *h, const void *ip_packet, size_t len, uint64_t now_ns,
             enum la_reason *why)
{
    struct la_frame frame;
    struct icmp_error error;
    h->now_ns = now_ns > h->now_ns ? now_ns : h->now_ns;
    if (len == 0 || len > 65535)
        return -EMSGSIZE;
    int err = host_stack(h);
    struct la_buf *buf = err ? NULL : la_buf_get(h->stack, len);
    if (!buf)
        return -ENOMEM;
    bool is_error = icmp_parse(ip_packet, len, &error);
    memcpy(buf->data, ip_packet, len);
    buf->len = (uint32_t)len;
    la_frame_from_buf(&frame, buf);
    la_stack_input(h->stack, h->link, &frame, 1, h->now_ns);
    if (is_error && la_reason_kind((enum la_reason)frame.reason) == LA_KIND_TAKE)
        icmp_deliver(h, &error);
    h->datagrams += frame.reason == LA_TAKE_UDP;
    notes_look_all(h);
    if (why)
        *why = (enum la_reason)frame.reason;
    return 0;
}

/* The next batch, once the last one is out. */
static void refill(struct px_host *h)
{
    struct out *o = h->out;
    if (o->next < o->count)
        return;
    if (o->count != 0)
        la_stack_sent(h->stack, h->link, o->frames, o->count, o->count);
    o->count = la_stack_output(h->stack, h->link, o->frames, OUT_BATCH, h->now_ns);
    o->next = 0;
}

/* The next frame of the stack, or NULL. */
static const struct la_frame *next_frame(struct px_host *h)
{
    refill(h);
    return h->out->count ? &h->out->frames[h->out->next++] : NULL;
}

/* The next packet of the frames, into o->bytes: its length, 0: there is none. */
static size_t next_packet(struct px_host *h, struct px_packet *packet)
{
    struct out *o = h->out;
    size_t len = o->cutting ? cut_size(&o->cut) : 0;
    if (len == 0) {
        const struct la_frame *f = next_frame(h);
        if (!f)
            return 0;
        o->cutting =
            f->gso != LA_GSO_NONE && !h->config.super_segments && cut_begin(&o->cut, f, LA_LINK_IP);
        len = o->cutting ? cut_size(&o->cut) : f->len;
        if (!o->cutting)
            cut_whole(f, o->bytes);
    }
    if (o->cutting)
        cut_next(&o->cut, o->bytes);
    const struct la_frame *f = &o->frames[o->next - 1];
    *packet = (struct px_packet){
        .bytes = o->bytes, .len = len, .why = (enum la_reason)f->reason, .conn = f->conn};
    return len;
}

/* The same of a link that may lose everything. */
static bool link_sends(struct px_host *h, struct px_packet *packet)
{
    while (next_packet(h, packet) != 0)
        if (!h->settings.link_discards)
            return true;
    return false;
}

/* What left before the user asked for it (host_push). */
static bool from_queue(struct px_host *h, struct px_packet *packet)
{
    struct out *o = h->out;
    struct pushed *p = o->pushed;
    if (!p)
        return false;
    o->pushed = p->next;
    memcpy(o->bytes, p->bytes, p->packet.len);
    *packet = p->packet;
    packet->bytes = o->bytes;
    free(p);
    return true;
}

bool px_output(struct px_host *h, struct px_packet *packet, uint64_t now_ns)
{
    if (!h->stack)
        return false;
    h->now_ns = now_ns > h->now_ns ? now_ns : h->now_ns;
    if (from_queue(h, packet) || link_sends(h, packet))
        return true;
    notes_look_all(h);
    return false;
}

void host_push(struct px_host *h)
{
    struct pushed **last = &h->out->pushed;
    struct px_packet packet;
    while (*last)
        last = &(*last)->next;
    while (link_sends(h, &packet)) {
        struct pushed *p = malloc(sizeof(*p) + packet.len);
        if (!p)
            continue; /* lost, as on a card without buffers */
        p->next = NULL;
        p->packet = packet;
        memcpy(p->bytes, packet.bytes, packet.len);
        *last = p;
        last = &p->next;
    }
}
