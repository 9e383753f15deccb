/* What the files of this folder share: the host, its descriptors and what stands behind them.
 *
 *     host.c      creation, the stack, packets and time
 *     files.c     descriptors and the objects behind them; open, dup, fcntl
 *     call.c      calls as objects: dispatch, waiting, giving up
 *     address.c   sockaddr and la_endpoint
 *     socket.c    socket, bind, listen, accept, connect, shutdown, the names, the end of a socket
 *     transfer.c  the calls that move bytes; send.c and recv.c for sockets
 *     control.c   control messages
 *     notes.c     the error queue: zero-copy and time-stamp notes, ICMP errors
 *     icmp.c      which error a packet that arrived holds, and for whom
 *     sockopt*.c  options, and tcpinfo.c the longest of them
 *     ioctl.c     the questions of ioctl
 *     poll.c      readiness, poll; epoll.c
 *     pipe.c      pipes, splice, sendfile
 *     settings.c  sysctls
 *
 * A descriptor is an index in a table of references to files; a file is counted, as in a kernel,
 * because dup() and a call that waits hold it as well. A socket file holds a descriptor of the
 * table of the core's sockets (lastack/sock.h) and what Linux knows of a socket beyond that.
 *
 * A handler tries its call from where it stands and returns a number: 0 or more is the result,
 * -errno an error, WAIT that it has to wait. It is called again and again until it says something
 * else; `call->at` holds what must be remembered in between.
 *
 * Invariants: files[fd] is NULL or a file with refs > 0; a waiting call holds a reference to the
 * file it began with; the stack exists if and only if any socket was made or a packet came in. */
#ifndef POSIX_HOST_H
#define POSIX_HOST_H

#include <errno.h>
#include <netinet/in.h>

#include <lastack/sock.h>
#include <lastack/tcp.h>

#include "posix/posix.h"
#include "posix/settings.h"

#define WAIT     (-100000) /* no errno is as small */
#define FIRST_FD 3         /* 0 to 2 are the program's own */

/* ---- notes on the error queue (notes.c) ----------------------------------------------------- */

struct note;

/* ---- files ---------------------------------------------------------------------------------- */

struct px_pipe;
struct px_epoll;

/* A datagram that was looked at and left (MSG_PEEK). */
struct peeked {
    struct la_endpoint from;
    int64_t len; /* -1: none */
    uint8_t *data;
};

/* The end of a piece of data whose fate is to be told (notes.c). */
struct tell;

struct px_sock {
    int lfd; /* in the core's table; -1: given back already */
    int domain, type, protocol;
    bool listening;
    uint32_t backlog;      /* as listen() said, of what it may be */
    bool connecting;       /* a call returned EINPROGRESS; the first that finds it over says so */
    bool shut_rd, shut_wr; /* datagram: by shutdown() */
    bool no_space;         /* a send found the buffer full: the next room is an edge for epoll */
    uint64_t edges_out;    /* such edges */
    /* options that act here and not in the core */
    uint64_t rcv_timeout_ns, snd_timeout_ns; /* 0: for ever */
    int rcv_lowat;
    int sndbuf_shown, rcvbuf_shown; /* as SO_SNDBUF reads; 0: never set */
    int priority, mark, mtu_discover;
    uint32_t notsent_lowat; /* TCP_NOTSENT_LOWAT, 0: the setting's */
    uint32_t unsent_most;   /* the bound that holds, 0: none */
    uint8_t tos, ttl;       /* of datagrams */
    bool recverr4, recverr6, inq, zerocopy, reuseaddr;
    bool linger_on;
    int linger_s;
    int timestamping; /* SOF_TIMESTAMPING_* */
    /* the error queue */
    struct note *notes, *notes_tail;
    uint64_t notes_in; /* ever queued */
    struct tell *tells, *tells_tail;
    uint32_t zc_next;    /* number of the next MSG_ZEROCOPY send */
    uint64_t ts_base;    /* stream offset that SCM_TSTAMP keys count from */
    uint64_t sent_bytes; /* taken by the core in all */
    struct peeked peeked;
};

struct px_file {
    enum px_kind kind;
    uint32_t refs;
    int status;  /* O_NONBLOCK, O_APPEND and the access mode, as F_GETFL reads */
    uint64_t id; /* never used again */
    struct px_sock sock;
    struct px_pipe *pipe; /* PX_KIND_PIPE */
    bool pipe_writes;
    struct px_epoll *epoll;      /* PX_KIND_EPOLL */
    int real_fd;                 /* PX_KIND_FILE */
    struct px_file *next, *prev; /* all files of the host */
};

struct px_fd {
    struct px_file *file;
    bool cloexec;
};

struct px_host {
    struct px_config config;
    struct px_settings settings;
    struct la_stack *stack;
    struct la_sock_table *socks;
    int link;
    uint64_t now_ns;
    struct px_fd *fds;
    int fds_max;
    struct px_file *files;
    uint64_t last_id;
    unsigned epolls;
    unsigned tells;     /* notes that will be due (notes.c) */
    uint64_t datagrams; /* that came */
    /* frames out: taken from the stack in a batch, cut here */
    struct out *out;
};

/* ---- host.c --------------------------------------------------------------------------------- */

/* Makes the stack unless it is there; 0 or -errno. */
int host_stack(struct px_host *h);

/* Brings the stack's clock to the time of a call. */
void host_clock(struct px_host *h, uint64_t now_ns);

/* Lets leave what can leave now, before the user asks for it. */
void host_push(struct px_host *h);

/* ---- files.c -------------------------------------------------------------------------------- */

/* NULL: not open. */
struct px_file *file_at(const struct px_host *h, int fd);
/* A file with one reference, not yet in the table; NULL: no memory. */
struct px_file *file_new(struct px_host *h, enum px_kind kind, int status);
/* The lowest free descriptor from `least` on for it, taking the reference over, or -EMFILE and the
 * reference stays. */
int file_install(struct px_host *h, struct px_file *file, int least, bool cloexec);
/* Is a descriptor from `least` on free? */
bool file_room(const struct px_host *h, int least);
void file_hold(struct px_file *file);
/* The last reference closes. */
void file_drop(struct px_host *h, struct px_file *file);
void file_drop_at(struct px_host *h, int fd);

static inline bool is_socket(const struct px_file *f)
{
    return f->kind == PX_KIND_STREAM || f->kind == PX_KIND_DATAGRAM;
}

/* ---- call.c --------------------------------------------------------------------------------- */

/* What a handler is handed. */
struct step {
    struct px_host *h;
    struct px_call *c;
    struct px_file *f; /* behind c->fd; NULL for calls without one */
    uint64_t now_ns;
    bool first;    /* px_begin() */
    bool given_up; /* px_cancel() */
};

typedef int64_t handler(struct step *s);

/* A call that would wait: WAIT, or -EAGAIN when the descriptor (or MSG_DONTWAIT) says that it must
 * not, or the time of `timeout_ns` (0: none) is over. */
int64_t call_wait(struct step *s, bool dont, uint64_t timeout_ns);
/* The same for calls with a time-out in milliseconds that return `0` at its end. */
int64_t call_wait_ms(struct step *s, int timeout_ms);

handler call_socket, call_bind, call_listen, call_accept, call_connect, call_shutdown, call_close,
    call_getsockname, call_getpeername;
handler call_read, call_readv, call_recv, call_recvmsg, call_write, call_writev, call_send,
    call_sendmsg;
handler call_fcntl, call_ioctl, call_dup, call_open;
handler call_getsockopt, call_setsockopt;
handler call_poll, call_epoll_create, call_epoll_ctl, call_epoll_wait;
handler call_pipe, call_splice, call_sendfile;

/* ---- address.c ------------------------------------------------------------------------------ */

/* What Linux takes of an address for a socket of this domain: 0 or -errno. */
int address_in(int domain, const struct sockaddr *sa, socklen_t len, struct la_endpoint *out);
/* As Linux writes one: at most *len bytes, and *len becomes what it needs. */
void address_out(int domain, const struct la_endpoint *e, struct sockaddr *sa, socklen_t *len);
/* The whole of it; returns its length. */
socklen_t address_write(int domain, const struct la_endpoint *e, struct sockaddr_storage *to);

/* ---- socket.c ------------------------------------------------------------------------------- */

/* What the core knows of the connection; false: there is none. */
bool sock_info(struct px_host *h, const struct px_sock *s, struct la_tcp_info *info);
/* The last reference is gone. */
void sock_release(struct px_host *h, struct px_sock *s);
/* The pending error as errno, 0: none; it is taken. */
int sock_error(struct px_host *h, struct px_sock *s);

/* ---- send.c, recv.c, pipe.c ---------------------------------------------------------------------
 */

/* Moves bytes of a stream once, as far as it goes now: a count, 0 is the end when receiving, or
 * -errno (-EAGAIN: nothing goes now). */
int64_t stream_send_some(struct px_host *h, struct px_sock *k, const void *data, size_t len,
                         int flags);
int64_t stream_recv_some(struct px_host *h, struct px_sock *k, void *data, size_t len, int flags);
/* Bytes of the next datagram, or -errno (-EAGAIN: there is none). */
int64_t datagram_next(struct px_host *h, struct px_sock *k);
/* POLL* of the core's socket, among `events`. */
unsigned sock_events(struct px_host *h, const struct px_sock *k, unsigned events);
int64_t pipe_write_some(struct px_pipe *p, const void *data, size_t len);
int64_t pipe_read_some(struct px_pipe *p, void *data, size_t len);
void pipe_release(struct px_pipe *p, bool writer);
/* POLL* of one end. */
unsigned pipe_ready(const struct px_pipe *p, bool writer);
size_t pipe_queued(const struct px_pipe *p);
/* A number that changes with everything that wakes who waits at that end. */
uint64_t pipe_stamp(const struct px_pipe *p, bool writer);

/* ---- control.c, notes.c --------------------------------------------------------------------- */

/* Control messages written behind each other into msg_control. */
struct control {
    struct msghdr *msg;
    size_t used;
};
void control_begin(struct control *c, struct msghdr *msg);
void control_put(struct control *c, int level, int type, const void *data, size_t len);
void control_end(struct control *c);
/* SCM_TIMESTAMPING of a time of the host. */
void control_time(struct px_host *h, struct control *c, uint64_t at_ns);

/* What the cmsgs of a sendmsg ask for. */
struct control_in {
    int tos, ttl;     /* -1: not named */
    int timestamping; /* -1: not named */
};
int control_read(const struct msghdr *msg, struct control_in *in);
/* What goes with bytes that were read: TCP_CM_INQ. */
void control_received(struct px_host *h, struct px_file *f, struct control *c);

bool notes_waiting(const struct px_sock *s);
/* recvmsg(MSG_ERRQUEUE): 0 and more, or -EAGAIN. */
int64_t notes_recv(struct px_host *h, struct px_file *f, struct msghdr *msg);
/* Bytes were taken: by MSG_ZEROCOPY, and to be time-stamped as `timestamping` says. */
void notes_sent(struct px_host *h, struct px_sock *s, bool zerocopy, int timestamping);
/* Looks what became of them: after every event. */
void notes_look(struct px_host *h, struct px_sock *s);
void notes_look_all(struct px_host *h);
void notes_drop(struct px_host *h, struct px_sock *s);

/* An ICMP error for a socket with IP_RECVERR or IPV6_RECVERR. */
struct icmp_error {
    struct la_endpoint local, remote; /* of the packet that caused it, as we sent it */
    struct la_addr offender;          /* who says so */
    int protocol;
    int err; /* errno */
    uint8_t type, code;
    bool v6;
    uint32_t info; /* next-hop MTU */
};
/* False: it is no error about TCP or UDP. */
bool icmp_parse(const uint8_t *packet, size_t len, struct icmp_error *e);
void icmp_deliver(struct px_host *h, const struct icmp_error *e);

/* ---- sockopt.c, tcpinfo.c ------------------------------------------------------------------- */

struct px_tcp_info;
void tcpinfo_fill(struct px_host *h, const struct px_sock *s, struct px_tcp_info *to);
/* Options that a new socket gets from the settings. */
void sockopt_defaults(struct px_host *h, struct px_sock *s);

/* ---- poll.c, epoll.c ------------------------------------------------------------------------ */

/* All POLL* that hold of a file. */
unsigned file_ready(struct px_host *h, struct px_file *f);
/* A number that changes when something happens that wakes who waits. */
uint64_t file_stamp(struct px_host *h, struct px_file *f);
bool epoll_ready(struct px_host *h, struct px_epoll *e);
void epoll_release(struct px_host *h, struct px_epoll *e);
/* The file is gone: out of every set. */
void epoll_forget(struct px_host *h, const struct px_file *f);

#endif
