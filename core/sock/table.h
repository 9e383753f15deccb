/* The table of sockets, and what its files share.
 *
 *     table.c     descriptors and the records behind them; socket, close
 *     open.c      bind, listen, accept, connect, shutdown, names
 *     transfer.c  send and receive
 *     options.c, options_more.c   options
 *     ready.c     poll, dispatch
 *
 * A socket keeps as little as it can, because an idle connection has one: a handle, what POSIX's
 * order of calls asks for (`role`), and a few flags. Everything else is the stack's and is asked of
 * it: endpoints, options, errors, levels of readiness. What has no handle to stand in, or no
 * place there, goes to an `extra` from a pool: options of a stream socket that were changed before
 * it had a handle, and the peer of a datagram socket.
 *
 * The end of connecting is noticed when somebody looks (sock_role), so no call has to be made for
 * a socket that nobody asks about.
 *
 * Invariants: a socket has a handle unless its role is SOCK_FREE or SOCK_FRESH; a stream
 * socket has an extra only while it is SOCK_FRESH, a datagram socket if and only if it is
 * connected; a handle's user value is the descriptor; bit fd of `open` is set if and only if
 * the role is not SOCK_FREE; all words before `hint` are full. */
#ifndef SOCK_TABLE_H
#define SOCK_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include <lastack/sock.h>
#include <lastack/tcp.h>

enum sock_role {
    SOCK_FREE,
    SOCK_FRESH,      /* no handle yet */
    SOCK_BOUND,      /* stream: a port and nothing else; datagram: all it ever needs */
    SOCK_LISTENING,  /* stream */
    SOCK_CONNECTING, /* stream */
    SOCK_WAITING,   /* stream: Fast Open, connected as far as the program can tell; the SYN waits */
    SOCK_CONNECTED, /* stream: for good, whatever became of the connection */
    SOCK_FAILED,    /* stream: connecting failed; may try again */
};

enum sock_flag {
    SOCK_V6 = 0x01,    /* LA_AF_INET6 */
    SOCK_DGRAM = 0x02, /* LA_SOCK_DGRAM */
    SOCK_SHUT_RD = 0x04,
    SOCK_SHUT_WR = 0x08,
    SOCK_TOLD = 0x10,     /* the connection's error was reported */
    SOCK_HAS_ADDR = 0x20, /* la_bind() named an address: kept when connecting is tried again */
    SOCK_HAS_PORT = 0x40, /* la_bind() gave the port */
    SOCK_REUSE = 0x80,    /* SO_REUSEADDR, which a connection has no use for and so does not keep */
    SOCK_V6ONLY = 0x100,  /* IPV6_V6ONLY, likewise */
};

struct sock {
    la_handle handle; /* 0: none */
    uint32_t extra;   /* index, 0: none */
    uint8_t role;     /* enum sock_role */
    uint8_t want;     /* LA_POLL* that dispatch reports */
    uint16_t flags;   /* enum sock_flag */
};
_Static_assert(sizeof(struct sock) == 16, "every connection with a socket pays this");

union sock_extra {
    struct la_tcp_options options;
    struct la_endpoint peer;
    uint32_t next; /* free list */
};

struct la_sock_table {
    struct la_stack *stack;
    struct la_allocator allocator;
    size_t size_bytes; /* of the whole piece */
    uint32_t max;
    uint32_t hint;       /* word of `open` where the search for a descriptor begins */
    uint32_t free_extra; /* 0: none left */
    union sock_extra *extras;
    uint64_t *open; /* one bit a descriptor */
    struct sock *socks;
    struct la_tcp_options defaults; /* of a stream socket nobody has set anything of */
};

/* ---- table.c -------------------------------------------------------------------------------- */

/* The socket behind a descriptor, or NULL: not open. */
struct sock *sock_at(const struct la_sock_table *t, int fd);
int sock_fd(const struct la_sock_table *t, const struct sock *s);

/* The lowest free descriptor, not yet taken; LA_ENOBUFS: none. */
int sock_free_fd(struct la_sock_table *t);
/* Takes it. */
struct sock *sock_take(struct la_sock_table *t, int fd, enum sock_role role, uint16_t flags);

/* Gives the socket an extra unless it has one; NULL: none left. */
union sock_extra *sock_extra(struct la_sock_table *t, struct sock *s);
void sock_extra_drop(struct la_sock_table *t, struct sock *s);

/* ---- open.c --------------------------------------------------------------------------------- */

/* May the socket use this address? LA_OK or LA_EAFNOSUPPORT. */
int sock_family(const struct sock *s, const struct la_addr *addr);

/* The role now: connecting may have ended since somebody looked. */
enum sock_role sock_role(struct la_sock_table *t, struct sock *s);

/* la_sendto() with LA_MSG_FASTOPEN: connects, and sends with the SYN what it carries. */
int64_t sock_fast_open(struct la_sock_table *t, struct sock *s, const void *data, size_t len,
                       uint32_t how, const struct la_endpoint *to);

/* The error that ended the connection, unless it was reported; marks it so. 0: none. */
int sock_take_error(struct la_sock_table *t, struct sock *s);

/* Gives an unbound datagram socket a port. */
int sock_need_port(struct la_sock_table *t, struct sock *s);

/* ---- options.c ------------------------------------------------------------------------------ */

/* The options of a stream socket, wherever they stand. */
int sock_options(const struct la_sock_table *t, const struct sock *s,
                 struct la_tcp_options *options);
int sock_store_options(struct la_sock_table *t, struct sock *s,
                       const struct la_tcp_options *options);

/* ---- options_more.c ------------------------------------------------------------------------- */

#define SOCK_CC_NAME_MAX 16 /* as Linux has it */

/* TCP_CONGESTION; TCP_QUICKACK; questions about a stream: LA_ENOPROTOOPT when `name` is none. */
int sock_set_congestion(struct la_sock_table *t, struct sock *s, const void *value, size_t len);
int sock_get_congestion(const struct la_sock_table *t, const struct sock *s,
                        char name[SOCK_CC_NAME_MAX]);
int sock_set_quick_ack(struct la_sock_table *t, struct sock *s, int on);
int sock_get_tcp(struct la_sock_table *t, struct sock *s, int name, int *value);

/* Does the stack do Fast Open as a client? */
bool sock_client_fastopen(const struct la_sock_table *t);

/* ---- ready.c -------------------------------------------------------------------------------- */

/* A handle is new: tells the stack whose it is and what its events are to be. */
void sock_announce(struct la_sock_table *t, struct sock *s);

#endif
