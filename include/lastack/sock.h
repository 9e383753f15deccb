/* Sockets: non-blocking, POSIX-like calls over the stack's public ones.
 *
 * For programs that are written against sockets. A table holds them; a socket is named by a
 * descriptor, a small number of which the lowest free one is given first, as POSIX asks. Nothing
 * ever blocks: a call that would have to wait returns LA_EAGAIN (connect: LA_EINPROGRESS), and
 * la_sock_poll() or la_sock_dispatch() tells when it is worth another try. There is no errno and
 * no signal: errors are returned, negative. Constants have the values of Linux.
 *
 * A socket adds to a handle (stack.h) the order in which POSIX lets calls follow one another and
 * the rule that an error is reported once. What RFC 9293 says about a call stands with the call of
 * tcp.h or udp.h that it leads to. Unless it says otherwise, every function here returns
 *   LA_EBADF       the descriptor is not open in this table;
 *   LA_EOPNOTSUPP  the call or the flag means nothing for this type of socket;
 *   LA_EINVAL      a pointer is NULL that must not be.
 * Pointers are read and written during the call only; the caller keeps what they point to.
 *
 *     n = la_stack_poll(stack, events, N);
 *     n = la_sock_dispatch(table, events, n, ready);
 *     for each of ready[0..n): accept, receive, send ... on ready[i].fd */
#ifndef LASTACK_SOCK_H
#define LASTACK_SOCK_H

#include <stddef.h>
#include <stdint.h>

#include <lastack/tcp.h>

#pragma GCC visibility push(default)

/* The sockets of one stack. It belongs to the thread of its stack. */
struct la_sock_table;

/* Makes a table of at most `max` sockets (1 to LA_SOCK_MAX). All its memory is taken here, in one
 * piece, from `allocator`, which is copied: 16 bytes a socket, and 92 for each socket that needs
 * more than a handle. Those are stream sockets with options set before they are bound, connected or
 * listening, and connected datagram sockets: up to 256 + max / 16 at a time, LA_ENOBUFS beyond.
 * The stack must outlive the table. NULL: no memory, or `max` is out of range. */
#define LA_SOCK_MAX (1U << 20)
struct la_sock_table *la_sock_create(struct la_stack *stack, const struct la_allocator *allocator,
                                     uint32_t max);

/* Closes every socket as la_close() does and gives the memory back. NULL is nothing to do. */
void la_sock_destroy(struct la_sock_table *table);

/* ---- the life of a socket ------------------------------------------------------------------- */

#define LA_AF_INET     2
#define LA_AF_INET6    10
#define LA_SOCK_STREAM 1
#define LA_SOCK_DGRAM  2

/* Opens a socket; returns its descriptor. LA_EAFNOSUPPORT: `domain` is neither LA_AF_INET nor
 * LA_AF_INET6; LA_EPROTOTYPE: `type` is neither LA_SOCK_STREAM nor LA_SOCK_DGRAM; LA_ENOBUFS: the
 * table is full (POSIX: EMFILE). */
int la_socket(struct la_sock_table *table, int domain, int type);

/* Gives the socket a local address and port; port 0: the stack chooses one. The port is held from
 * here on, listening or not. An IPv4 socket takes IPv4 addresses; an IPv6 socket takes both, but
 * IPv6 alone with IPV6_V6ONLY, and its wildcard `::` stands for both as well.
 * LA_EINVAL: bound already, or an IPv4 address with IPV6_V6ONLY; LA_EAFNOSUPPORT: address of the
 * other family; LA_EADDRINUSE: conflict with another socket, or with a connection in TIME-WAIT and
 * no SO_REUSEADDR; LA_EADDRNOTAVAIL: not an address of this stack; LA_ENOBUFS, LA_ENOMEM. */
int la_bind(struct la_sock_table *table, int fd, const struct la_endpoint *local);

/* Makes a stream socket listen (RFC 9293 3.9.1.1: passive OPEN). `backlog` connections wait to be
 * accepted, at least 1 and at most LA_SOMAXCONN; another call changes it. A socket without a port
 * gets one. LA_EADDRINUSE: another socket listens there; LA_EINVAL: connected or connecting. */
#define LA_SOMAXCONN 4096
int la_listen(struct la_sock_table *table, int fd, int backlog);

/* Takes the next connection off the queue of a listening socket and returns a descriptor for it.
 * `remote`, unless NULL, receives the peer's endpoint. The new socket begins with the listener's
 * options. LA_EAGAIN: none waits; LA_EINVAL: not listening; LA_ENOBUFS: the table is full (POSIX:
 * EMFILE), the connection stays in the queue. */
int la_accept(struct la_sock_table *table, int fd, struct la_endpoint *remote);

/* Stream: begins a connection (RFC 9293 3.9.1.1: active OPEN) and returns LA_EINPROGRESS. When
 * the socket polls writable it is over, and SO_ERROR says how: 0 or the error. Meanwhile the call
 * returns LA_EALREADY, afterwards LA_EISCONN. After a failure it returns the error (LA_ECONNABORTED
 * when that was reported before), and the call after that begins anew, from the port that
 * la_bind() gave if it did. LA_EOPNOTSUPP: the socket listens; LA_EAFNOSUPPORT; LA_ENETUNREACH,
 * LA_EADDRNOTAVAIL, LA_EINVAL: as la_tcp_open().
 * Datagram: fixes the peer, or changes it, and returns 0: only its datagrams are received, and ICMP
 * errors are reported, once, by the next call (port unreachable: LA_ECONNREFUSED). Port 0 makes
 * the socket one without a peer again. */
int la_connect(struct la_sock_table *table, int fd, const struct la_endpoint *remote);

#define LA_SHUT_RD   0
#define LA_SHUT_WR   1
#define LA_SHUT_RDWR 2

/* Ends one direction or both. WR: FIN after what is queued, later sends return LA_EPIPE; receiving
 * goes on (RFC 9293 3.6: half-close). RD: once what arrived is read, receiving returns 0; the peer
 * is not told. A listening socket stops to listen with RD or RDWR and keeps the port it was
 * bound to; an attempt to connect is given up. LA_ENOTCONN: there is no connection (datagram
 * sockets: no peer); LA_EINVAL: no such `how`; the error of a connection that broke. */
int la_shutdown(struct la_sock_table *table, int fd, int how);

/* Closes the socket; the descriptor is free at once. A connection is closed in the background, or
 * reset when data were left unread or by SO_LINGER, as la_tcp_close() does; connections that wait
 * at a listening socket are reset. Never fails but with LA_EBADF. */
int la_close(struct la_sock_table *table, int fd);

/* The local endpoint; any address and port 0 before there is one. */
int la_getsockname(struct la_sock_table *table, int fd, struct la_endpoint *local);

/* The remote endpoint. LA_ENOTCONN: not connected, not yet, or no longer. */
int la_getpeername(struct la_sock_table *table, int fd, struct la_endpoint *remote);

/* ---- sending and receiving ------------------------------------------------------------------ */

#define LA_MSG_OOB      0x0001     /* send: the last byte ends urgent data (RFC 9293 3.8.5) */
#define LA_MSG_PEEK     0x0002     /* receive from a stream: leave the bytes in the queue */
#define LA_MSG_TRUNC    0x0020     /* receive a datagram: return its whole length */
#define LA_MSG_DONTWAIT 0x0040     /* taken and without effect: nothing waits here */
#define LA_MSG_NOSIGNAL 0x4000     /* taken and without effect: there are no signals here */
#define LA_MSG_EOR      0x0080     /* send on a stream: no segment goes on behind the last byte */
#define LA_MSG_MORE     0x8000     /* send on a stream: more follows, hold a partial segment back */
#define LA_MSG_FASTOPEN 0x20000000 /* la_sendto() on a fresh stream: connects, with the data */

/* Sends `len` bytes at `data`, which are copied; returns how many were taken: on a stream at least
 * 1 and maybe fewer than `len`, of a datagram all or nothing. `to` is needed by a datagram socket
 * without a peer and ignored by a stream; la_send() is la_sendto() without it. A datagram socket
 * without a port gets one.
 * LA_MSG_FASTOPEN on a fresh or bound stream socket connects to `to` first: what the SYN carries is
 * returned, or LA_EINPROGRESS when it carries nothing (no cookie yet, or `len` is 0). The same
 * holds of the first send after TCP_FASTOPEN_CONNECT and a la_connect() that returned 0.
 * LA_EALREADY: that has been done.
 * LA_EAGAIN: no room, or not yet connected; LA_ENOTCONN: no connection, or a datagram to nobody;
 * LA_EPIPE: after la_shutdown(WR), or after the connection's end was reported; LA_EMSGSIZE: no
 * datagram can be so long; the connection's error, once; LA_EAFNOSUPPORT; LA_ENOBUFS. */
int64_t la_send(struct la_sock_table *table, int fd, const void *data, size_t len, int flags);
int64_t la_sendto(struct la_sock_table *table, int fd, const void *data, size_t len, int flags,
                  const struct la_endpoint *to);

/* Receives at most `len` bytes to `data`; returns how many. On a stream 0 is the end: the peer's
 * FIN, la_shutdown(RD), or an error that was reported before. Of a datagram the rest that does not
 * fit is lost, and 0 may be an empty one; `from`, unless NULL, receives its sender (on a stream it
 * is left alone). Urgent data stay in line (RFC 6093 4), so LA_MSG_OOB is LA_EINVAL here.
 * LA_EAGAIN: nothing yet; LA_ENOTCONN: a stream socket that has no connection; the connection's
 * error, once, and after everything that arrived before it. */
int64_t la_recv(struct la_sock_table *table, int fd, void *data, size_t len, int flags);
int64_t la_recvfrom(struct la_sock_table *table, int fd, void *data, size_t len, int flags,
                    struct la_endpoint *from);

#define LA_SIOCINQ     0x541b /* bytes that can be received now */
#define LA_SIOCOUTQ    0x5411 /* bytes sent or queued that the peer has not acknowledged */
#define LA_SIOCOUTQNSD 0x894b /* of these, bytes that were never sent */

/* Asks a stream socket how much lies in its queues. LA_EINVAL: no such request, or the socket
 * listens; LA_EOPNOTSUPP: a datagram socket. */
int la_ioctl(struct la_sock_table *table, int fd, unsigned request, int *value);

/* ---- readiness ------------------------------------------------------------------------------ */

#define LA_POLLIN    0x0001 /* receive or accept will not return LA_EAGAIN */
#define LA_POLLPRI   0x0002 /* urgent data ahead */
#define LA_POLLOUT   0x0004 /* send will not return LA_EAGAIN */
#define LA_POLLERR   0x0008 /* an error waits to be reported */
#define LA_POLLHUP   0x0010 /* both directions are closed, or were never open */
#define LA_POLLNVAL  0x0020 /* the descriptor is not open */
#define LA_POLLRDHUP 0x2000 /* the peer closed, or la_shutdown(RD) */

struct la_pollfd {
    int fd;           /* negative: passed over */
    uint16_t events;  /* LA_POLL* asked for; ERR, HUP and NVAL always are */
    uint16_t revents; /* LA_POLL* that hold */
};

/* Looks at `n` descriptors, as poll(2) with a time-out of 0; returns how many have revents. */
int la_sock_poll(struct la_sock_table *table, struct la_pollfd *fds, size_t n);

/* Translates `n` events from la_stack_poll() of this table's stack to sockets: ready[i] receives
 * descriptor, what was asked for and what holds now. Returns how many of `ready`, which has room
 * for `n`, were filled. Events of handles that are not this table's sockets are passed over: their
 * owner finds them in `events`. Costs what is ready, not what is open, and holds no state: what is
 * not looked at is reported again while it holds. */
size_t la_sock_dispatch(struct la_sock_table *table, const struct la_event *events, size_t n,
                        struct la_pollfd *ready);

/* Chooses what la_sock_dispatch() reports of a socket: LA_POLLIN, LA_POLLPRI, LA_POLLOUT (the other
 * side's end, errors and the end of connecting always are reported). IN and PRI are on from the
 * start. Ask for OUT when a send returned LA_EAGAIN, and no longer than that. */
int la_sock_want(struct la_sock_table *table, int fd, uint16_t events);

/* The handle below a socket, for the calls without a socket form: sending and receiving in place
 * and lent (tcp.h), abort included. 0: it has none yet, or there is no such socket. The socket
 * goes on owning it: la_close() is needed whatever was done to the handle. */
la_handle la_sock_handle(const struct la_sock_table *table, int fd);

/* ---- options -------------------------------------------------------------------------------- */

#define LA_SOL_SOCKET    1
#define LA_SO_REUSEADDR  2  /* bind beside TIME-WAIT, and beside others that have it */
#define LA_SO_TYPE       3  /* read: LA_SOCK_* */
#define LA_SO_ERROR      4  /* read: the pending error as a negative la_err, or 0; clears it */
#define LA_SO_SNDBUF     7  /* bytes, nothing is doubled; never set: as it is now, 0 unconnected */
#define LA_SO_RCVBUF     8  /* the same; also bounds the window */
#define LA_SO_KEEPALIVE  9  /* RFC 9293 3.8.4 */
#define LA_SO_OOBINLINE  10 /* always 1 */
#define LA_SO_LINGER     13 /* struct la_linger */
#define LA_SO_REUSEPORT  15 /* refused: LA_ENOPROTOOPT */
#define LA_SO_RCVLOWAT   18 /* bytes from which on POLLIN holds */
#define LA_SO_ACCEPTCONN 30 /* read: does it listen? */
#define LA_SO_PROTOCOL   38 /* read: LA_IPPROTO_TCP or LA_IPPROTO_UDP */
#define LA_SO_DOMAIN     39 /* read: LA_AF_* */

#define LA_IPPROTO_IP 0
#define LA_IP_TOS     1 /* DS field; the two ECN bits are the stack's */
#define LA_IP_TTL     2 /* 1 to 255; -1: the default */

#define LA_IPPROTO_UDP 17

#define LA_IPPROTO_IPV6      41 /* of LA_AF_INET6 sockets */
#define LA_IPV6_UNICAST_HOPS 16 /* as IP_TTL */
#define LA_IPV6_V6ONLY       26 /* no IPv4 through this socket; before la_bind() */
#define LA_IPV6_TCLASS       67 /* as IP_TOS; -1: the default */

#define LA_IPPROTO_TCP            6
#define LA_TCP_NODELAY            1   /* Nagle's algorithm off (RFC 9293 3.7.4) */
#define LA_TCP_MAXSEG             2   /* set: upper bound, 88 to 32767, 0: none; read: in force */
#define LA_TCP_CORK               3   /* hold partial segments back */
#define LA_TCP_KEEPIDLE           4   /* s, 1 to 32767 */
#define LA_TCP_KEEPINTVL          5   /* s, 1 to 32767 */
#define LA_TCP_KEEPCNT            6   /* 1 to 127 */
#define LA_TCP_SYNCNT             7   /* SYNs after the first, 1 to 127 */
#define LA_TCP_LINGER2            8   /* s in FIN-WAIT-2 after a close, 1 to 32767 */
#define LA_TCP_DEFER_ACCEPT       9   /* s a listener waits for data before it accepts */
#define LA_TCP_WINDOW_CLAMP       10  /* bytes, most of the window offered; 0: no bound */
#define LA_TCP_INFO               11  /* read: struct la_tcp_info (tcp.h), not Linux's struct */
#define LA_TCP_QUICKACK           12  /* acknowledge at once for a while; connected */
#define LA_TCP_CONGESTION         13  /* the name of the congestion control, characters */
#define LA_TCP_USER_TIMEOUT       18  /* ms, 0: by number of retransmissions (RFC 9293 3.8.3) */
#define LA_TCP_FASTOPEN           23  /* listener: Fast Open connections pending at most; 0: off */
#define LA_TCP_NOTSENT_LOWAT      25  /* bytes, POLLOUT only while fewer are unsent; 0: any */
#define LA_TCP_FASTOPEN_CONNECT   30  /* la_connect() waits for data to send with the SYN */
#define LA_TCP_FASTOPEN_NO_COOKIE 34  /* Fast Open without a cookie */
#define LA_TCP_INQ                36  /* read: bytes to be received now, the end counts as one */
#define LA_TCP_ECN                256 /* enum la_ecn, before la_connect() or la_listen(); ours */

struct la_linger {
    int onoff;
    int linger_s; /* 0: close resets; more: unsent data are given up after that many seconds */
};

/* Sets an option. Values are int but for SO_LINGER; any number but 0 switches on. Options of
 * a stream socket can be set at any time and begin to act at once, but for IPV6_V6ONLY. Buffer
 * sizes out of range are brought into it (2 KiB to 1 GiB), as Linux does; other numbers
 * out of range are LA_EINVAL, as are `len` other than the value's size, SO_OOBINLINE 0, and
 * IPV6_V6ONLY on a socket that is bound. LA_ENOPROTOOPT: no such option for this socket, or it
 * can only be read; datagram sockets have none that can be set. LA_ENOBUFS: la_sock_create(). */
int la_setsockopt(struct la_sock_table *table, int fd, int level, int name, const void *value,
                  size_t len);

/* Reads an option into `value`: at most `*len` bytes, which becomes the number written.
 * LA_ENOPROTOOPT: no such option for this socket. */
int la_getsockopt(struct la_sock_table *table, int fd, int level, int name, void *value,
                  size_t *len);

/* All options of a stream socket at once, for callers that have tables of their own: read, changed
 * (as la_tcp_set_options() does), and those that sockets made from now on begin with, instead of
 * la_tcp_options_init()'s. LA_EOPNOTSUPP: a datagram socket; LA_EINVAL: a value out of range. */
int la_sock_get_options(struct la_sock_table *table, int fd, struct la_tcp_options *options);
int la_sock_set_options(struct la_sock_table *table, int fd, const struct la_tcp_options *options);
int la_sock_set_defaults(struct la_sock_table *table, const struct la_tcp_options *options);

#pragma GCC visibility pop

#endif
