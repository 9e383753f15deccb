/* The instance: creation and destruction, links, addresses, routes, memory. */
#include "stack/stack.h"

#include "base/mem.h"
#include "tcp/flight.h"
#include "tcp/path.h"

void la_config_init(struct la_config *c)
{
    mem_zero(c, sizeof(*c));
    c->size = sizeof(*c);
    c->memory_max = UINT64_C(1) << 30;
    c->conns_max = 1U << 20;
    c->half_open_max = 1U << 16;
    c->time_wait_max = 1U << 18;
    c->sockets_max = 1U << 12;
    c->trace_rings_max = 256;
    c->sndbuf_initial = c->rcvbuf_initial = 256 * 1024;
    c->sndbuf_max = c->rcvbuf_max = 255 * 1024 * 1024; /* twice 10 Gbit/s x 100 ms */
    c->msl_ns = 30 * LA_NS_PER_S; /* docs/deviations.md: RFC 9293 names 2 min */
    c->port_first = 32768;        /* RFC 6056 3.2: a large range; Linux's, so captures look alike */
    c->port_last = 60999;
    c->cookies = LA_COOKIES_AUTO;
    c->fast_path = true;
    c->rst_closed_ports = true;
    la_persona_init(&c->persona);
}

/* Runs take an eighth of the memory at most: a peer cannot have it all cut to pieces by SACK. */
#define RUNS_SHARE 8
#define RUNS_MAX   (1U << 26)

static bool config_makes_sense(const struct la_config *c)
{
    return c->size == sizeof(*c) && c->allocator.get && c->allocator.put && c->conns_max != 0 &&
           c->conns_max < 1U << 30 && c->half_open_max < 1U << 30 && c->time_wait_max < 1U << 30 &&
           c->sockets_max != 0 && c->port_first != 0 && c->port_first <= c->port_last &&
           c->cookies <= LA_COOKIES_NEVER && stack_persona_ok(&c->persona);
}

/* Deadlines are compared modulo 2^32 ms. */
#define TIME_WAIT_MOST_MS (24U * 86400U * 1000U)

/* RFC 9293 3.6.1, MUST-13: 2 MSL. */
static uint32_t time_wait_ms(const struct la_config *c)
{
    uint64_t ms = c->time_wait_ns ? c->time_wait_ns / 1000000 : c->msl_ns / 500000;
    return ms < TIME_WAIT_MOST_MS ? (uint32_t)ms : TIME_WAIT_MOST_MS;
}

static struct sip_key random_key(struct prng *p)
{
    struct sip_key key;
    key.k0 = prng_u64(p);
    key.k1 = prng_u64(p);
    return key;
}

static void init_slabs(struct la_stack *s)
{
    const struct la_config *c = &s->config;
    slab_init(&s->conns, &s->memory, LA_MEM_CONNECTIONS, sizeof(struct conn), CONN_ALIGN,
              c->conns_max);
    slab_init(&s->half_open, &s->memory, LA_MEM_HALF_OPEN, sizeof(struct tcp_half_open), 8,
              c->half_open_max);
    slab_init(&s->time_wait, &s->memory, LA_MEM_TIME_WAIT, sizeof(struct tcp_time_wait), 64,
              c->time_wait_max);
    slab_init(&s->endpoints, &s->memory, LA_MEM_SOCKETS, sizeof(struct endpoint), 64,
              c->sockets_max);
    slab_init(&s->flights, &s->memory, LA_MEM_RECOVERY, sizeof(struct tcp_flight), 64,
              c->conns_max);
    slab_init(&s->tcp_paths, &s->memory, LA_MEM_RECOVERY, sizeof(struct tcp_path), 8, c->conns_max);
    slab_init(&s->ecns, &s->memory, LA_MEM_CONNECTIONS, TCP_ECN_BYTES, 8, c->conns_max);
    slab_init(&s->extras, &s->memory, LA_MEM_CONNECTIONS, sizeof(struct tcp_extra), 8,
              c->conns_max);
    uint64_t runs = c->memory_max / RUNS_SHARE / sizeof(struct run);
    slab_init(&s->runs, &s->memory, LA_MEM_RECOVERY, sizeof(struct run), 64,
              runs < RUNS_MAX ? (uint32_t)runs + 1 : RUNS_MAX);
}

static void init_lists(struct la_stack *s)
{
    for (unsigned i = 0; i <= HALF_OPEN_RETRIES; i++) {
        index_list_init(&s->half_lists[i], &s->half_open, offsetof(struct tcp_half_open, link));
    }
    index_list_init(&s->waits, &s->time_wait, offsetof(struct tcp_time_wait, link));
    index_list_init(&s->ready_conns, &s->conns, offsetof(struct conn, ready));
    index_list_init(&s->ready_endpoints, &s->endpoints, offsetof(struct endpoint, ready));
    index_list_init(&s->idle_flights, &s->flights, offsetof(struct tcp_flight, idle));
    for (unsigned i = 0; i <= LA_LINKS_MAX; i++) {
        index_list_init(&s->links[i].out, &s->conns, offsetof(struct conn, out));
        index_list_init(&s->links[i].waiting, &s->conns, offsetof(struct conn, out));
        index_list_init(&s->links[i].datagrams, &s->endpoints, offsetof(struct endpoint, out));
    }
}

static uint32_t least32(uint64_t a, uint64_t b)
{
    return (uint32_t)(a < b ? a : b);
}

/* No connection may have more than a quarter of the memory in a buffer of which nobody has said how
 * large it is to be. */
static struct tcp_sizes sizes_of(const struct la_config *c)
{
    uint64_t most = c->memory_max / 4 < TCP_WINDOW_MAX ? c->memory_max / 4 : TCP_WINDOW_MAX;
    struct tcp_sizes s = {.snd_max = least32(c->sndbuf_max, most),
                          .rcv_max = least32(c->rcvbuf_max, most)};
    s.snd_initial = least32(c->sndbuf_initial, s.snd_max);
    s.rcv_initial = least32(c->rcvbuf_initial, s.rcv_max);
    return s;
}

static void init_env(struct la_stack *s, uint64_t now_ns)
{
    s->env = (struct tcp_env){
        .now_ns = now_ns,
        .bufs = &s->pool,
        .flights = &s->flights,
        .runs = &s->runs,
        .paths = &s->tcp_paths,
        .sizes = sizes_of(&s->config),
        .ecns = &s->ecns,
        .extras = &s->extras,
        .tfo = &s->tfo,
        .trace = &s->trace,
        .prng = &s->prng,
        .isn_key = random_key(&s->prng),
        .ts_key = random_key(&s->prng),
        .assert_handler = &s->memory.assert_handler,
        .sum = wire_sum_choose(),
        .fast_path = s->config.fast_path,
        .persona = s->config.persona,
    };
    s->cookie_key = random_key(&s->prng);
    struct sip_key first = random_key(&s->prng);
    ports_init(&s->ports, first, random_key(&s->prng), s->config.port_first, s->config.port_last);
    tfo_init(&s->tfo, &s->memory);
    stack_fastopen_keys(s);
}

void la_stack_set_buffers(struct la_stack *s, uint32_t sndbuf_initial, uint32_t sndbuf_max,
                          uint32_t rcvbuf_initial, uint32_t rcvbuf_max)
{
    s->config.sndbuf_initial = sndbuf_initial;
    s->config.sndbuf_max = sndbuf_max;
    s->config.rcvbuf_initial = rcvbuf_initial;
    s->config.rcvbuf_max = rcvbuf_max;
    s->env.sizes = sizes_of(&s->config);
}

struct la_stack *la_stack_create(const struct la_config *config, uint64_t now_ns)
{
    if (!config_makes_sense(config)) {
        return NULL;
    }
    struct memory memory = {.allocator = config->allocator,
                            .assert_handler = config->assert_handler,
                            .max = config->memory_max};
    struct la_stack *s = memory_get(&memory, sizeof(*s), 64);
    if (!s) {
        return NULL;
    }
    mem_zero(s, sizeof(*s));
    s->config = *config;
    s->memory = memory;
    prng_seed(&s->prng, config->seed);
    s->time_wait_ms = time_wait_ms(config);
    buf_pool_init(&s->pool, &s->memory);
    init_slabs(s);
    init_lists(s);
    bind_table_init(&s->tcp_binds);
    bind_table_init(&s->udp_binds);
    wheel_init(&s->wheel, now_ns);
    init_env(s, now_ns);
    s->env.time_wait_ms = s->time_wait_ms;
    ip_init(&s->ip, &s->memory, &s->pool, &s->prng, &s->trace, s->env.sum, now_ns);
    bool ok = trace_init(&s->trace, &s->memory, config->trace_rings_max) == 0;
    ok = flow_table_init(&s->table, &s->memory, random_key(&s->prng), &s->conns, &s->half_open,
                         &s->time_wait) == 0 &&
         ok;
    if (!ok) {
        la_stack_destroy(s);
        return NULL;
    }
    return s;
}

void la_stack_destroy(struct la_stack *s)
{
    for (unsigned i = 1; i <= LA_LINKS_MAX; i++) {
        if (s->links[i].kept) {
            memory_put(&s->memory, s->links[i].kept, OUTPUT_BATCH * sizeof(struct la_frame));
        }
    }
    ip_destroy(&s->ip);
    flow_table_destroy(&s->table);
    slab_destroy(&s->conns);
    slab_destroy(&s->half_open);
    slab_destroy(&s->time_wait);
    slab_destroy(&s->endpoints);
    slab_destroy(&s->flights);
    slab_destroy(&s->runs);
    slab_destroy(&s->tcp_paths);
    slab_destroy(&s->ecns);
    slab_destroy(&s->extras);
    tfo_destroy(&s->tfo);
    trace_destroy(&s->trace);
    buf_pool_destroy(&s->pool);
    struct memory memory = s->memory;
    memory_put(&memory, s, sizeof(*s));
}

void stack_clock(struct la_stack *s, uint64_t now_ns)
{
    if (now_ns >= s->env.now_ns) {
        s->env.now_ns = now_ns;
        return;
    }
    struct la_trace_record r = {.time_ns = s->env.now_ns,
                                .reason = LA_CLOCK_BACKWARDS,
                                .what_state = LA_TRACE_PACK(LA_TRACE_EVENT, 0)};
    trace_put(&s->trace, NULL, &r);
}

/* ---- links, addresses, routes --------------------------------------------------------------- */

int la_stack_link_add(struct la_stack *s, const struct la_link_info *info)
{
    struct la_frame *kept = memory_get(&s->memory, OUTPUT_BATCH * sizeof(*kept), 64);
    if (!kept) {
        return LA_ENOMEM;
    }
    int link = ip_link_add(&s->ip, info);
    if (link < 0) {
        memory_put(&s->memory, kept, OUTPUT_BATCH * sizeof(*kept));
        return link;
    }
    s->links[link].kept = kept;
    s->path_version++;
    return link;
}

int la_stack_link_set_mtu(struct la_stack *s, int link, uint32_t mtu)
{
    s->path_version++;
    return ip_link_set_mtu(&s->ip, link, mtu);
}

int la_stack_addr_add(struct la_stack *s, int link, const struct la_addr *addr, uint8_t prefix)
{
    struct la_addr inside = *addr;
    s->path_version++;
    if (link >= 1 && link <= LA_LINKS_MAX) {
        addr_scope_enter(&inside, (uint16_t)link);
    }
    return ip_addr_add(&s->ip, link, &inside, prefix);
}

int la_stack_route_add(struct la_stack *s, int link, const struct la_addr *net, uint8_t prefix,
                       const struct la_addr *gateway)
{
    struct la_addr inside;
    s->path_version++;
    if (gateway && link >= 1 && link <= LA_LINKS_MAX) {
        inside = *gateway;
        addr_scope_enter(&inside, (uint16_t)link);
        gateway = &inside;
    }
    return ip_route_add(&s->ip, link, net, prefix, gateway);
}

/* ---- buffers and frames for links ----------------------------------------------------------- */

struct la_buf *la_buf_get(struct la_stack *s, size_t size)
{
    return buf_get(&s->pool, size);
}

void la_buf_put(struct la_stack *s, struct la_buf *buf)
{
    buf_put(&s->pool, buf);
}

void la_frame_from_buf(struct la_frame *frame, struct la_buf *buf)
{
    frame->len = buf->len;
    frame->nfrags = 1;
    frame->csum = LA_CSUM_FULL;
    frame->gso = LA_GSO_NONE;
    frame->link = 0;
    frame->gso_size = frame->hdr_len = frame->csum_start = frame->csum_offset = 0;
    frame->reason = LA_NONE;
    frame->conn = 0;
    frame->frag[0] = (struct la_frag){.buf = buf, .data = buf->data, .len = buf->len};
}

void la_frame_copy(struct la_frame *to, const struct la_frame *from)
{
    size_t head = from->nfrags && !from->frag[0].buf ? from->frag[0].len : 0;
    mem_copy(to, from, offsetof(struct la_frame, frag));
    mem_copy(to->frag, from->frag, from->nfrags * sizeof(from->frag[0]));
    if (head) {
        size_t at = (size_t)(from->frag[0].data - from->head);
        mem_copy(to->head + at, from->frag[0].data, head);
        to->frag[0].data = to->head + at;
    }
}

/* ---- looking inside ------------------------------------------------------------------------- */

size_t la_stack_trace(struct la_stack *s, struct la_trace_record *records, size_t max)
{
    return trace_drain(&s->trace, records, max);
}

uint64_t la_stack_counter(const struct la_stack *s, enum la_reason reason)
{
    return reason < LA_REASON_COUNT ? s->trace.counters[reason] : 0;
}

uint64_t la_stack_memory(const struct la_stack *s, enum la_memory_kind kind)
{
    return kind == LA_MEM_HELD ? s->memory.held : kind < LA_MEM_KINDS ? s->memory.used[kind] : 0;
}

void la_stack_stats(const struct la_stack *s, struct la_stack_stats *stats)
{
    *stats = (struct la_stack_stats){
        .frames_in = s->frames_in,
        .frames_out = s->frames_out,
        .conns = s->conns.used,
        .half_open = s->half_open.used,
        .time_wait = s->time_wait.used,
        .trace_rings = s->trace.rings.used,
    };
}
