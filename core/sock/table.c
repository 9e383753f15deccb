/* Descriptors and the records behind them.
 *
 * Everything lies in one piece of memory: the table, the extras, the sockets, one bit a
 * descriptor. POSIX wants the lowest free descriptor, so the bits are searched from the first
 * word that may have room; a program that opens and closes finds it at once. */
#include "sock/table.h"

#include <lastack/udp.h>

#include "base/mem.h"

#define BITS         64
#define EXTRAS_FIRST 256 /* that many sockets at least can have one */
#define EXTRAS_SHARE 16  /* and one in so many of the rest */

static uint32_t extras_of(uint32_t max)
{
    uint32_t n = EXTRAS_FIRST + max / EXTRAS_SHARE;
    return n < max ? n : max;
}

static void init_extras(struct la_sock_table *t, uint32_t count)
{
    for (uint32_t i = 1; i <= count; i++) {
        t->extras[i].next = i < count ? i + 1 : 0;
    }
    t->free_extra = 1;
}

struct la_sock_table *la_sock_create(struct la_stack *stack, const struct la_allocator *allocator,
                                     uint32_t max)
{
    if (!stack || !allocator || max == 0 || max > LA_SOCK_MAX) {
        return NULL;
    }
    uint32_t extras = extras_of(max);
    size_t words = (max + BITS - 1) / BITS;
    size_t open_at = sizeof(struct la_sock_table);
    size_t socks_at = open_at + words * sizeof(uint64_t);
    size_t extras_at = socks_at + max * sizeof(struct sock);
    size_t size = extras_at + (extras + 1) * sizeof(union sock_extra);

    uint8_t *memory = allocator->get(allocator->ctx, size, _Alignof(max_align_t));
    if (!memory) {
        return NULL;
    }
    mem_zero(memory, size);
    struct la_sock_table *t = (struct la_sock_table *)(void *)memory;
    *t = (struct la_sock_table){
        .stack = stack,
        .allocator = *allocator,
        .size_bytes = size,
        .max = max,
        .extras = (union sock_extra *)(void *)(memory + extras_at),
        .open = (uint64_t *)(void *)(memory + open_at),
        .socks = (struct sock *)(void *)(memory + socks_at),
    };
    init_extras(t, extras);
    la_tcp_options_init(&t->defaults);
    return t;
}

void la_sock_destroy(struct la_sock_table *t)
{
    if (!t) {
        return;
    }
    for (uint32_t fd = 0; fd < t->max; fd++) {
        (void)la_close(t, (int)fd);
    }
    struct la_allocator allocator = t->allocator;
    allocator.put(allocator.ctx, t, t->size_bytes);
}

struct sock *sock_at(const struct la_sock_table *t, int fd)
{
    if (fd < 0 || (uint32_t)fd >= t->max || t->socks[fd].role == SOCK_FREE) {
        return NULL;
    }
    return &t->socks[fd];
}

int sock_fd(const struct la_sock_table *t, const struct sock *s)
{
    return (int)(s - t->socks);
}

int sock_free_fd(struct la_sock_table *t)
{
    uint32_t words = (t->max + BITS - 1) / BITS;
    while (t->hint < words && t->open[t->hint] == UINT64_MAX) {
        t->hint++;
    }
    if (t->hint == words) {
        return LA_ENOBUFS;
    }
    uint32_t fd = t->hint * BITS + (uint32_t)__builtin_ctzll(~t->open[t->hint]);
    return fd < t->max ? (int)fd : LA_ENOBUFS;
}

struct sock *sock_take(struct la_sock_table *t, int fd, enum sock_role role, uint16_t flags)
{
    struct sock *s = &t->socks[fd];
    t->open[fd / BITS] |= UINT64_C(1) << fd % BITS;
    *s = (struct sock){.role = (uint8_t)role, .flags = flags, .want = LA_POLLIN | LA_POLLPRI};
    return s;
}

static void free_fd(struct la_sock_table *t, struct sock *s)
{
    uint32_t fd = (uint32_t)sock_fd(t, s);
    sock_extra_drop(t, s);
    *s = (struct sock){.role = SOCK_FREE};
    t->open[fd / BITS] &= ~(UINT64_C(1) << fd % BITS);
    if (fd / BITS < t->hint) {
        t->hint = fd / BITS;
    }
}

union sock_extra *sock_extra(struct la_sock_table *t, struct sock *s)
{
    if (s->extra == 0 && t->free_extra != 0) {
        s->extra = t->free_extra;
        t->free_extra = t->extras[s->extra].next;
        if (!(s->flags & SOCK_DGRAM)) {
            t->extras[s->extra].options = t->defaults;
        }
    }
    return s->extra ? &t->extras[s->extra] : NULL;
}

void sock_extra_drop(struct la_sock_table *t, struct sock *s)
{
    if (s->extra != 0) {
        t->extras[s->extra].next = t->free_extra;
        t->free_extra = s->extra;
        s->extra = 0;
    }
}

int la_socket(struct la_sock_table *t, int domain, int type)
{
    if (domain != LA_AF_INET && domain != LA_AF_INET6) {
        return LA_EAFNOSUPPORT;
    }
    if (type != LA_SOCK_STREAM && type != LA_SOCK_DGRAM) {
        return LA_EPROTOTYPE;
    }
    int fd = sock_free_fd(t);
    if (fd >= 0) {
        unsigned flags =
            (domain == LA_AF_INET6 ? SOCK_V6 : 0U) | (type == LA_SOCK_DGRAM ? SOCK_DGRAM : 0U);
        (void)sock_take(t, fd, SOCK_FRESH, (uint16_t)flags);
    }
    return fd;
}

int la_close(struct la_sock_table *t, int fd)
{
    struct sock *s = sock_at(t, fd);
    if (!s) {
        return LA_EBADF;
    }
    if (s->handle && (s->flags & SOCK_DGRAM)) {
        (void)la_udp_close(t->stack, s->handle);
    } else if (s->handle) {
        (void)la_tcp_close(t->stack, s->handle);
    }
    free_fd(t, s); /* even when the handle was given up behind our back */
    return LA_OK;
}

la_handle la_sock_handle(const struct la_sock_table *t, int fd)
{
    const struct sock *s = sock_at(t, fd);
    return s ? s->handle : 0;
}
