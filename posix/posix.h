/* An emulated Linux host: the socket calls of a program, over a stack in user space.
 *
 * A host is a stack with one link that carries raw IP packets, a table of descriptors, and
 * settings by the names of Linux's sysctls. It does no system call on behalf of a socket, reads no
 * clock and keeps nothing outside its object, so it works in virtual time and in real time alike:
 *
 *     px_input(host, packet, len, now, NULL);      a packet arrived
 *     px_run(host, now);                           px_next_deadline() was reached
 *     px_begin(host, &call, now);                  a program makes a call
 *     while (px_output(host, &packet, now)) ...    after each of these: what leaves
 *     px_step(host, &call, now);                   and every call that still waits, once more
 *
 * A call is an object. It holds which call it is and its arguments in the types of Linux; when it
 * is done, its result and errno. A call that would block in a program is PX_BLOCKED: it stays
 * where its owner put it and is stepped again after every event, and when px_call_deadline() is
 * reached (poll's time-out, SO_RCVTIMEO, a lingering close). So the same code serves a
 * script, where time jumps, and a program whose thread sleeps meanwhile. Memory that the arguments
 * point to stays the caller's and must stay until the call is done or given up (px_cancel).
 *
 * Results are those of Linux: the errors, their order, and what a failed call leaves behind. What
 * the stack cannot do is an error, never taken and ignored; docs/posix.md has the list.
 *
 * A host belongs to one thread at a time. `now_ns` does not go back. */
#ifndef POSIX_POSIX_H
#define POSIX_POSIX_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <lastack/stack.h>

struct px_host;
struct px_file;

/* ---- a host --------------------------------------------------------------------------------- */

#define PX_ADDRS_MAX 8

struct px_config {
    uint8_t seed[32]; /* every random choice follows from it */
    struct {
        struct la_addr addr;
        uint8_t prefix;
    } addrs[PX_ADDRS_MAX]; /* everything else is reached over the link as well */
    unsigned addrs_count;
    uint32_t mtu;
    bool super_segments; /* packets come out uncut, up to 64 KiB, as a card with TSO gets them */
    bool fast_path;      /* of the stack */
    uint64_t wall_ns;    /* what a wall clock shows when `now_ns` is 0: for SCM_TIMESTAMPING */
    uint32_t fds_max;    /* descriptors of each kind; 0: 1024 */
    uint64_t memory_max; /* of the stack; 0: 256 MiB */
};

/* No address, MTU 1500, everything else off or zero, fast path on. */
void px_config_init(struct px_config *config);

/* NULL: no memory, or a field makes no sense. The stack itself is made by the first call or packet,
 * with the settings of that moment. */
struct px_host *px_create(const struct px_config *config, uint64_t now_ns);

/* Frees everything. Nothing is sent; close the descriptors first if the peers should know. */
void px_destroy(struct px_host *host);

/* The stack, for traces, reasons and counters; NULL before there is one. */
struct la_stack *px_stack(struct px_host *host);

/* One more address, and another MTU, while it runs: 0 or -errno. */
int px_addr_add(struct px_host *host, const struct la_addr *addr, uint8_t prefix);
int px_set_mtu(struct px_host *host, uint32_t mtu);

/* Is it an address of the host? */
bool px_addr_known(const struct px_host *host, const struct la_addr *addr);

/* The handle in the stack behind a descriptor; 0: none. */
la_handle px_handle(struct px_host *host, int fd);

/* ---- settings ------------------------------------------------------------------------------- */

/* Sets what a sysctl of Linux sets: "net.ipv4.tcp_timestamps" (dots or slashes, with or without
 * "/proc/sys/" before it). Names that begin with "lastack." are the choices in which stacks differ
 * and for which Linux has no setting: px_setting_name() lists all. Sockets take most settings when
 * they are made. Returns 0; -ENOENT: no such name; -EINVAL: no value for it; -EOPNOTSUPP: a value
 * that the stack cannot do; -EBUSY: too late, the stack exists. */
int px_setting(struct px_host *host, const char *name, const char *value);

/* Writes the value as `sysctl -n` prints it; returns its length, or -ENOENT. */
int px_setting_get(struct px_host *host, const char *name, char *text, size_t size);

/* The `n`-th name; NULL behind the last. */
const char *px_setting_name(unsigned n);

/* ---- packets and time ----------------------------------------------------------------------- */

/* An IP packet arrived. Any length up to 65535, whatever the MTU. The verdict goes to `why`, unless
 * that is NULL; returns 0, or -ENOMEM or -EMSGSIZE and the packet is lost. */
int px_input(struct px_host *host, const void *ip_packet, size_t len, uint64_t now_ns,
             enum la_reason *why);

struct px_packet {
    const uint8_t *bytes; /* an IP packet with all checksums; until the next call of the host */
    size_t len;
    enum la_reason why; /* why it is sent */
    uint32_t conn;      /* identifier of the connection in trace records, 0: none */
};

/* Takes out the next packet that leaves now; false: there is none. */
bool px_output(struct px_host *host, struct px_packet *packet, uint64_t now_ns);

/* Runs every timer that is due, and says when the next one is: UINT64_MAX: none. */
void px_run(struct px_host *host, uint64_t now_ns);
uint64_t px_next_deadline(struct px_host *host);

/* ---- calls ---------------------------------------------------------------------------------- */

enum px_op {
    PX_SOCKET,        /* socket: domain, type (SOCK_NONBLOCK, SOCK_CLOEXEC), protocol */
    PX_BIND,          /* name */
    PX_LISTEN,        /* listen */
    PX_ACCEPT,        /* name; accept4 with `flags` */
    PX_CONNECT,       /* name */
    PX_READ,          /* io */
    PX_READV,         /* iov */
    PX_RECV,          /* io */
    PX_RECVFROM,      /* io */
    PX_RECVMSG,       /* msg */
    PX_WRITE,         /* io */
    PX_WRITEV,        /* iov */
    PX_SEND,          /* io */
    PX_SENDTO,        /* io */
    PX_SENDMSG,       /* msg */
    PX_FCNTL,         /* fcntl */
    PX_IOCTL,         /* ioctl */
    PX_CLOSE,         /* fd */
    PX_SHUTDOWN,      /* shutdown */
    PX_GETSOCKOPT,    /* sockopt, `len_ptr` */
    PX_SETSOCKOPT,    /* sockopt, `len` */
    PX_GETSOCKNAME,   /* name */
    PX_GETPEERNAME,   /* name */
    PX_POLL,          /* poll */
    PX_EPOLL_CREATE,  /* epoll_create: size, as the call of 2002 */
    PX_EPOLL_CREATE1, /* epoll_create: flags */
    PX_EPOLL_CTL,     /* epoll_ctl */
    PX_EPOLL_WAIT,    /* epoll_wait */
    PX_PIPE,          /* pipe: with `flags`, pipe2 */
    PX_SPLICE,        /* splice */
    PX_SENDFILE,      /* sendfile */
    PX_OPEN,          /* open: a file of the machine, to send from */
    PX_DUP,           /* fd */
    PX_OPS
};

enum px_status { PX_DONE, PX_BLOCKED };

/* How far a call got: the host's own. */
struct px_progress {
    uint64_t begun_ns, deadline_ns;
    int64_t count;
    struct px_file *held; /* what its descriptor was when it began */
    bool waits;
    unsigned stage;
};

/* Fill in `op` and its arguments, everything else zero, and hand it to px_begin(). */
struct px_call {
    enum px_op op;
    int fd; /* the descriptor, of calls that have one */

    union {
        struct {
            int domain, type, protocol;
        } socket;
        struct {
            int backlog;
        } listen;
        struct {
            const struct sockaddr *in; /* bind, connect */
            socklen_t in_len;
            struct sockaddr *out; /* accept, getsockname, getpeername */
            socklen_t *out_len;
            int flags; /* accept4 */
        } name;
        struct {
            void *data; /* not written by the sending calls */
            size_t len;
            int flags;
            const struct sockaddr *to; /* sendto */
            socklen_t to_len;
            struct sockaddr *from; /* recvfrom */
            socklen_t *from_len;
        } io;
        struct {
            const struct iovec *iov;
            int count;
        } iov;
        struct {
            struct msghdr *msg; /* sendmsg does not write to it */
            int flags;
        } msg;
        struct {
            int cmd;
            long arg;
        } fcntl;
        struct {
            unsigned long request;
            void *arg;
        } ioctl;
        struct {
            int how;
        } shutdown;
        struct {
            int level, name;
            void *value;
            socklen_t len;      /* setsockopt */
            socklen_t *len_ptr; /* getsockopt */
        } sockopt;
        struct {
            struct pollfd *fds;
            nfds_t count;
            int timeout_ms;
        } poll;
        struct {
            int size_or_flags;
        } epoll_create;
        struct {
            int op, target;
            struct epoll_event *event;
        } epoll_ctl;
        struct {
            struct epoll_event *events;
            int max, timeout_ms;
        } epoll_wait;
        struct {
            int *fds;
            int flags;
        } pipe;
        struct {
            loff_t *in_offset; /* `fd` is where the bytes come from */
            int out;
            loff_t *out_offset;
            size_t len;
            unsigned flags;
        } splice;
        struct {
            int in; /* `fd` is where the bytes go */
            off_t *offset;
            size_t count;
        } sendfile;
        struct {
            const char *path;
            int flags;
        } open;
    };

    int64_t result; /* when it is done: as the call returns it */
    int err;        /* errno when the result is -1, else 0 */
    bool sigpipe;   /* a program would have been sent SIGPIPE */

    struct px_progress at;
};

/* Makes the call as far as it goes now. */
enum px_status px_begin(struct px_host *host, struct px_call *call, uint64_t now_ns);

/* Tries a blocked call again; what is done stays done, and so does a call that is done. */
enum px_status px_step(struct px_host *host, struct px_call *call, uint64_t now_ns);

/* When a blocked call ends by itself (step it then); UINT64_MAX: never. */
uint64_t px_call_deadline(const struct px_call *call);

/* Gives a blocked call up, as a signal does: it is done, with what it moved so far or EINTR. */
void px_cancel(struct px_host *host, struct px_call *call, uint64_t now_ns);

/* ---- what is open --------------------------------------------------------------------------- */

enum px_kind {
    PX_KIND_NONE,
    PX_KIND_STREAM,
    PX_KIND_DATAGRAM,
    PX_KIND_EPOLL,
    PX_KIND_PIPE,
    PX_KIND_FILE
};

/* What a descriptor is; PX_KIND_NONE: not open. */
enum px_kind px_fd_kind(struct px_host *host, int fd);

/* Closes every descriptor, as the end of a process does: sockets do not wait for what lingers. */
void px_close_all(struct px_host *host, uint64_t now_ns);

#endif
