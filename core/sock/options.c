/* Options.
 *
 * Nearly all of them are one field of la_tcp_options, so a table says which, how wide, and what
 * numbers it takes; setting and reading is one function each. The rest answers questions
 * about the socket and stands in functions of its own. Options of a socket that has a handle stand
 * in the handle alone; before that in an extra, or nowhere while they are the defaults. */
#include "sock/table.h"

#include <limits.h>

#include <lastack/udp.h>

#include "base/mem.h"

#define BUFFER_MIN    2048
#define BUFFER_MAX    (1 << 30)
#define MSS_MIN       88 /* RFC 791 leaves 8 bytes of payload; Linux's bound, as the upper one */
#define MSS_MAX       32767
#define MSS_UNKNOWN   536 /* RFC 9293 3.7.1, MUST-15: before there is a connection */
#define SECONDS_MAX   32767
#define COUNT_MAX     127
#define TOS_ECN_BITS  3 /* RFC 3168 5: the transport's, not the application's */
#define RESET_DEFAULT (-1)

enum field_kind { FIELD_BOOL, FIELD_U8, FIELD_U16, FIELD_U32 };

enum field_bit {
    FIELD_CLAMPED = 1,        /* a number out of range is brought into it */
    FIELD_RESETS = 2,         /* -1 is the default */
    FIELD_UNBOUND = 4,        /* only before la_bind() */
    FIELD_KEEPS_ECN = 8,      /* the two low bits stay */
    FIELD_ZERO_TOO = 0x10,    /* 0 as well as the range */
    FIELD_ZERO_IS_ONE = 0x20, /* 0 reads as 1 */
    FIELD_FASTOPEN = 0x40,    /* on only where the stack does Fast Open as a client */
};

struct field {
    int16_t level, name;
    uint16_t offset; /* in la_tcp_options */
    uint8_t kind;    /* enum field_kind */
    uint8_t bits;    /* enum field_bit */
    int32_t least, most;
};

#define AT(member) offsetof(struct la_tcp_options, member)

static const struct field fields[] = {
    {LA_SOL_SOCKET, LA_SO_REUSEADDR, AT(reuse_addr), FIELD_BOOL, 0, 0, 1},
    {LA_SOL_SOCKET, LA_SO_KEEPALIVE, AT(keepalive), FIELD_BOOL, 0, 0, 1},
    {LA_SOL_SOCKET, LA_SO_SNDBUF, AT(sndbuf_bytes), FIELD_U32, FIELD_CLAMPED, BUFFER_MIN,
     BUFFER_MAX},
    {LA_SOL_SOCKET, LA_SO_RCVBUF, AT(rcvbuf_bytes), FIELD_U32, FIELD_CLAMPED, BUFFER_MIN,
     BUFFER_MAX},
    {LA_IPPROTO_IP, LA_IP_TOS, AT(tos), FIELD_U8, FIELD_KEEPS_ECN, 0, UINT8_MAX},
    {LA_IPPROTO_IP, LA_IP_TTL, AT(ttl), FIELD_U8, FIELD_RESETS, 1, UINT8_MAX},
    {LA_IPPROTO_IPV6, LA_IPV6_TCLASS, AT(tos), FIELD_U8, FIELD_KEEPS_ECN | FIELD_RESETS, 0,
     UINT8_MAX},
    {LA_IPPROTO_IPV6, LA_IPV6_UNICAST_HOPS, AT(ttl), FIELD_U8, FIELD_RESETS, 1, UINT8_MAX},
    {LA_IPPROTO_IPV6, LA_IPV6_V6ONLY, AT(v6_only), FIELD_BOOL, FIELD_UNBOUND, 0, 1},
    {LA_IPPROTO_TCP, LA_TCP_NODELAY, AT(nodelay), FIELD_BOOL, 0, 0, 1},
    {LA_IPPROTO_TCP, LA_TCP_CORK, AT(cork), FIELD_BOOL, 0, 0, 1},
    {LA_IPPROTO_TCP, LA_TCP_MAXSEG, AT(mss_max), FIELD_U16, FIELD_ZERO_TOO, MSS_MIN, MSS_MAX},
    {LA_IPPROTO_TCP, LA_TCP_KEEPIDLE, AT(keepidle_s), FIELD_U32, 0, 1, SECONDS_MAX},
    {LA_IPPROTO_TCP, LA_TCP_KEEPINTVL, AT(keepintvl_s), FIELD_U32, 0, 1, SECONDS_MAX},
    {LA_IPPROTO_TCP, LA_TCP_KEEPCNT, AT(keepcnt), FIELD_U8, 0, 1, COUNT_MAX},
    {LA_IPPROTO_TCP, LA_TCP_SYNCNT, AT(syn_retries), FIELD_U8, 0, 1, COUNT_MAX},
    {LA_IPPROTO_TCP, LA_TCP_LINGER2, AT(fin_wait_2_s), FIELD_U32, 0, 1, SECONDS_MAX},
    {LA_IPPROTO_TCP, LA_TCP_ECN, AT(ecn), FIELD_U8, 0, LA_ECN_OFF, LA_ECN_ACCURATE},
    {LA_IPPROTO_TCP, LA_TCP_USER_TIMEOUT, AT(user_timeout_ms), FIELD_U32, 0, 0, INT_MAX},
    {LA_SOL_SOCKET, LA_SO_RCVLOWAT, AT(rcv_lowat), FIELD_U32, FIELD_ZERO_IS_ONE, 0, INT_MAX},
    {LA_IPPROTO_TCP, LA_TCP_DEFER_ACCEPT, AT(defer_accept_s), FIELD_U32, FIELD_CLAMPED, 0,
     SECONDS_MAX},
    {LA_IPPROTO_TCP, LA_TCP_WINDOW_CLAMP, AT(window_clamp), FIELD_U32, 0, 0, INT_MAX},
    {LA_IPPROTO_TCP, LA_TCP_NOTSENT_LOWAT, AT(unsent_most), FIELD_U32, 0, 0, INT_MAX},
    {LA_IPPROTO_TCP, LA_TCP_FASTOPEN, AT(fastopen_qlen), FIELD_U32, FIELD_CLAMPED, 0, LA_SOMAXCONN},
    {LA_IPPROTO_TCP, LA_TCP_FASTOPEN_CONNECT, AT(fastopen), FIELD_BOOL, FIELD_FASTOPEN, 0, 1},
    {LA_IPPROTO_TCP, LA_TCP_FASTOPEN_NO_COOKIE, AT(fastopen_no_cookie), FIELD_BOOL, 0, 0, 1},
};

static bool is_fresh_stream(const struct sock *s)
{
    return s->role == SOCK_FRESH && !(s->flags & SOCK_DGRAM);
}

int sock_options(const struct la_sock_table *t, const struct sock *s,
                 struct la_tcp_options *options)
{
    int err = LA_OK;
    if (s->handle) {
        err = la_tcp_get_options(t->stack, s->handle, options);
    } else if (s->extra) {
        *options = t->extras[s->extra].options;
    } else {
        *options = t->defaults;
    }
    options->reuse_addr = (s->flags & SOCK_REUSE) != 0;
    options->v6_only = (s->flags & SOCK_V6ONLY) != 0;
    return err;
}

int sock_store_options(struct la_sock_table *t, struct sock *s,
                       const struct la_tcp_options *options)
{
    int err = LA_OK;
    union sock_extra *extra = s->handle ? NULL : sock_extra(t, s);
    if (s->handle) {
        err = la_tcp_set_options(t->stack, s->handle, options);
    } else if (extra) {
        extra->options = *options;
    } else {
        err = LA_ENOBUFS;
    }
    if (err == LA_OK) {
        s->flags &= (uint16_t) ~(SOCK_REUSE | SOCK_V6ONLY);
        s->flags |= options->reuse_addr ? SOCK_REUSE : 0;
        s->flags |= options->v6_only ? SOCK_V6ONLY : 0;
    }
    return err;
}

/* ---- fields --------------------------------------------------------------------------------- */

static int32_t field_get(const struct field *f, const struct la_tcp_options *options)
{
    const uint8_t *at = (const uint8_t *)options + f->offset;
    uint32_t u32;
    uint16_t u16;
    switch ((enum field_kind)f->kind) {
    case FIELD_BOOL:
        return *(const bool *)at ? 1 : 0;
    case FIELD_U8:
        return *at;
    case FIELD_U16:
        mem_copy(&u16, at, sizeof(u16));
        return u16;
    case FIELD_U32:
        mem_copy(&u32, at, sizeof(u32));
        return u32 < INT_MAX ? (int32_t)u32 : INT_MAX;
    }
    return 0;
}

static void field_put(const struct field *f, struct la_tcp_options *options, int32_t value)
{
    uint8_t *at = (uint8_t *)options + f->offset;
    uint32_t u32 = (uint32_t)value;
    uint16_t u16 = (uint16_t)value;
    switch ((enum field_kind)f->kind) {
    case FIELD_BOOL:
        *(bool *)at = value != 0;
        return;
    case FIELD_U8:
        *at = (uint8_t)value;
        return;
    case FIELD_U16:
        mem_copy(at, &u16, sizeof(u16));
        return;
    case FIELD_U32:
        mem_copy(at, &u32, sizeof(u32));
        return;
    }
}

/* Brings `*value` into what the field takes, or says that it cannot be. */
static int field_check(const struct field *f, int32_t old, int32_t *value)
{
    if (f->kind == FIELD_BOOL) {
        *value = *value != 0;
    }
    if ((f->bits & FIELD_RESETS) && *value == RESET_DEFAULT) {
        struct la_tcp_options defaults;
        la_tcp_options_init(&defaults);
        *value = field_get(f, &defaults);
    }
    if ((f->bits & FIELD_ZERO_TOO) && *value == 0) {
        return LA_OK;
    }
    if (*value < f->least || *value > f->most) {
        if (!(f->bits & FIELD_CLAMPED)) {
            return LA_EINVAL;
        }
        *value = *value < f->least ? f->least : f->most;
    }
    if (f->bits & FIELD_KEEPS_ECN) {
        *value = (*value & ~TOS_ECN_BITS) | (old & TOS_ECN_BITS);
    }
    return LA_OK;
}

/* The line of the table, or NULL: this socket has no such option. */
static const struct field *field_of(const struct sock *s, int level, int name)
{
    if ((s->flags & SOCK_DGRAM) || (level == LA_IPPROTO_IPV6 && !(s->flags & SOCK_V6))) {
        return NULL;
    }
    for (size_t i = 0; i < LA_ARRAY_LEN(fields); i++) {
        if (fields[i].level == level && fields[i].name == name) {
            return &fields[i];
        }
    }
    return NULL;
}

/* ---- setting -------------------------------------------------------------------------------- */

static int set_field(struct la_sock_table *t, struct sock *s, const struct field *f, int value)
{
    struct la_tcp_options options;
    int32_t number = value;
    if ((f->bits & FIELD_UNBOUND) && !is_fresh_stream(s)) {
        return LA_EINVAL;
    }
    if ((f->bits & FIELD_FASTOPEN) && value && !sock_client_fastopen(t)) {
        return LA_EOPNOTSUPP;
    }
    int err = sock_options(t, s, &options);
    if (err == LA_OK) {
        err = field_check(f, field_get(f, &options), &number);
    }
    if (err < 0) {
        return err;
    }
    field_put(f, &options, number);
    return sock_store_options(t, s, &options);
}

static int set_linger(struct la_sock_table *t, struct sock *s, const void *value, size_t len)
{
    struct la_tcp_options options;
    struct la_linger linger;
    if ((s->flags & SOCK_DGRAM)) {
        return LA_ENOPROTOOPT;
    }
    if (!value || len != sizeof(linger)) {
        return LA_EINVAL;
    }
    mem_copy(&linger, value, sizeof(linger));
    if (linger.onoff && linger.linger_s < 0) {
        return LA_EINVAL;
    }
    int err = sock_options(t, s, &options);
    if (err < 0) {
        return err;
    }
    options.linger_s = linger.onoff ? linger.linger_s : -1;
    return sock_store_options(t, s, &options);
}

int la_setsockopt(struct la_sock_table *t, int fd, int level, int name, const void *value,
                  size_t len)
{
    struct sock *s = sock_at(t, fd);
    int number;
    if (!s) {
        return LA_EBADF;
    }
    if (level == LA_SOL_SOCKET && name == LA_SO_LINGER) {
        return set_linger(t, s, value, len);
    }
    bool tcp = level == LA_IPPROTO_TCP && !(s->flags & SOCK_DGRAM);
    if (tcp && name == LA_TCP_CONGESTION) {
        return sock_set_congestion(t, s, value, len);
    }
    const struct field *f = field_of(s, level, name);
    bool in_line = level == LA_SOL_SOCKET && name == LA_SO_OOBINLINE && !(s->flags & SOCK_DGRAM);
    bool quick = tcp && name == LA_TCP_QUICKACK;
    if (!f && !in_line && !quick) {
        return LA_ENOPROTOOPT; /* SO_REUSEPORT among them: one listener has a port, or none */
    }
    if (!value || len != sizeof(number)) {
        return LA_EINVAL;
    }
    mem_copy(&number, value, sizeof(number));
    if (in_line) {
        return number ? LA_OK : LA_EINVAL; /* RFC 6093 4: never out of line */
    }
    return quick ? sock_set_quick_ack(t, s, number) : set_field(t, s, f, number);
}

/* ---- reading -------------------------------------------------------------------------------- */

static int pending_error(struct la_sock_table *t, struct sock *s)
{
    if (!(s->flags & SOCK_DGRAM)) {
        enum sock_role role = sock_role(t, s);
        return role == SOCK_CONNECTED || role == SOCK_FAILED ? sock_take_error(t, s) : LA_OK;
    }
    int ready = s->handle ? la_stack_ready(t->stack, s->handle) : 0;
    if (ready < 0 || !(ready & LA_EV_ERROR)) {
        return LA_OK;
    }
    return (int)la_udp_recv(t->stack, s->handle, NULL, NULL, 0); /* the error comes first */
}

/* What SOL_SOCKET knows of the socket itself. */
static int get_socket(struct la_sock_table *t, struct sock *s, int name, int *value)
{
    bool datagram = (s->flags & SOCK_DGRAM) != 0;
    switch (name) {
    case LA_SO_ERROR:
        *value = pending_error(t, s);
        return LA_OK;
    case LA_SO_TYPE:
        *value = datagram ? LA_SOCK_DGRAM : LA_SOCK_STREAM;
        return LA_OK;
    case LA_SO_DOMAIN:
        *value = (s->flags & SOCK_V6) ? LA_AF_INET6 : LA_AF_INET;
        return LA_OK;
    case LA_SO_PROTOCOL:
        *value = datagram ? LA_IPPROTO_UDP : LA_IPPROTO_TCP;
        return LA_OK;
    case LA_SO_ACCEPTCONN:
        *value = s->role == SOCK_LISTENING;
        return LA_OK;
    case LA_SO_OOBINLINE:
        *value = 1;
        return datagram ? LA_ENOPROTOOPT : LA_OK;
    default:
        return LA_ENOPROTOOPT;
    }
}

/* TCP_MAXSEG is a wish before there is a connection and the fact afterwards. */
static int mss_in_force(struct la_sock_table *t, struct sock *s, int wish)
{
    struct la_tcp_info info;
    if (sock_role(t, s) == SOCK_CONNECTED && la_tcp_info(t->stack, s->handle, &info) == LA_OK) {
        return (int)info.mss;
    }
    return wish ? wish : MSS_UNKNOWN;
}

/* A buffer of which nobody has said how large it is to be: as large as it is now, 0 before there is
 * a connection. */
static int buffer_in_force(struct la_sock_table *t, struct sock *s, int name, int wish)
{
    struct la_tcp_info info;
    if (wish == 0 && sock_role(t, s) == SOCK_CONNECTED &&
        la_tcp_info(t->stack, s->handle, &info) == LA_OK) {
        return (int)(name == LA_SO_SNDBUF ? info.sndbuf_bytes : info.rcvbuf_bytes);
    }
    return wish;
}

static int get_number(struct la_sock_table *t, struct sock *s, int level, int name, int *value)
{
    struct la_tcp_options options;
    const struct field *f = field_of(s, level, name);
    if (!f) {
        return level == LA_SOL_SOCKET    ? get_socket(t, s, name, value)
               : level == LA_IPPROTO_TCP ? sock_get_tcp(t, s, name, value)
                                         : LA_ENOPROTOOPT;
    }
    int err = sock_options(t, s, &options);
    if (err < 0) {
        return err;
    }
    *value = field_get(f, &options);
    if ((f->bits & FIELD_ZERO_IS_ONE) && *value == 0) {
        *value = 1;
    }
    if (level == LA_IPPROTO_TCP && name == LA_TCP_MAXSEG) {
        *value = mss_in_force(t, s, *value);
    }
    if (level == LA_SOL_SOCKET && (name == LA_SO_SNDBUF || name == LA_SO_RCVBUF)) {
        *value = buffer_in_force(t, s, name, *value);
    }
    return LA_OK;
}

static int get_info(struct la_sock_table *t, struct sock *s, struct la_tcp_info *info)
{
    enum sock_role role = sock_role(t, s);
    *info = (struct la_tcp_info){.cc = ""};
    if (role == SOCK_CONNECTING || role == SOCK_CONNECTED || role == SOCK_FAILED) {
        return la_tcp_info(t->stack, s->handle, info);
    }
    info->state = role == SOCK_LISTENING ? LA_TCP_LISTEN : LA_TCP_CLOSED;
    return la_getsockname(t, sock_fd(t, s), &info->local);
}

static int get_linger(const struct la_sock_table *t, const struct sock *s, struct la_linger *linger)
{
    struct la_tcp_options options;
    int err = sock_options(t, s, &options);
    if (err == LA_OK) {
        linger->onoff = options.linger_s >= 0;
        linger->linger_s = linger->onoff ? options.linger_s : 0;
    }
    return err;
}

int la_getsockopt(struct la_sock_table *t, int fd, int level, int name, void *value, size_t *len)
{
    union {
        char cc[SOCK_CC_NAME_MAX];
        int number;
        struct la_linger linger;
        struct la_tcp_info info;
    } answer;
    struct sock *s = sock_at(t, fd);
    size_t size = sizeof(answer.number);
    int err;
    if (!s) {
        return LA_EBADF;
    }
    if (!value || !len) {
        return LA_EINVAL;
    }
    bool stream = !(s->flags & SOCK_DGRAM);
    if (stream && level == LA_SOL_SOCKET && name == LA_SO_LINGER) {
        size = sizeof(answer.linger);
        err = get_linger(t, s, &answer.linger);
    } else if (stream && level == LA_IPPROTO_TCP && name == LA_TCP_INFO) {
        size = sizeof(answer.info);
        err = get_info(t, s, &answer.info);
    } else if (stream && level == LA_IPPROTO_TCP && name == LA_TCP_CONGESTION) {
        size = sizeof(answer.cc);
        err = sock_get_congestion(t, s, answer.cc);
    } else {
        err = get_number(t, s, level, name, &answer.number);
    }
    if (err < 0) {
        return err;
    }
    *len = *len < size ? *len : size;
    mem_copy(value, &answer, *len);
    return LA_OK;
}
