/* What the files of socket options share: the form of a line of their tables, and how a function of
 * such a line is called.
 *
 * A line says who an option is for, what it takes, and where it stands:
 *   CORE    a field of the core's options of a stream socket (la_sock_set_options);
 *   OWN     a field of struct px_sock, which acts in this folder or, by its nature, nowhere;
 *   FIXED   reads as one number and takes no other: what the stack always does;
 *   CODE    a pair of functions.
 * Several lines may be about one option: the first that can do what is asked is taken. */
#ifndef POSIX_SOCKOPT_H
#define POSIX_SOCKOPT_H

#include "posix/abi.h"
#include "posix/field.h"
#include "posix/host.h"

/* Whose option it is. */
#define STREAM   1
#define DATAGRAM 2
#define BOTH     3
#define V6       4 /* of AF_INET6 sockets alone */

#define RCVBUF_LEAST 2304 /* as SO_RCVBUF shows it */

enum place { CORE, OWN, FIXED, CODE };

/* One setsockopt() or getsockopt(). */
struct access {
    struct px_host *h;
    struct px_file *f;
    struct px_sock *k;
    const void *value; /* set */
    socklen_t len;
    int number;   /* set: the int at `value` */
    uint8_t *out; /* get: at most `room` bytes, `len` becomes how many there are */
    socklen_t room;
};

struct option {
    int level, name;
    uint8_t whose; /* STREAM, DATAGRAM, V6 */
    enum place place;
    enum width width;
    size_t offset;
    int least, most; /* FIXED: least */
    int (*set)(struct access *a);
    int (*get)(struct access *a);
};

#define READ_ONLY 1, 0 /* a function of another line sets it */
#define IN_CORE(level, name, width, member, ...)                                                \
    {                                                                                           \
        level, name, STREAM, CORE, width, offsetof(struct la_tcp_options, member), __VA_ARGS__, \
            NULL, NULL                                                                          \
    }
#define IN_SOCK(level, name, whose, width, member, least, most)                                   \
    {                                                                                             \
        level, name, whose, OWN, width, offsetof(struct px_sock, member), least, most, NULL, NULL \
    }
#define AS_IS(level, name, whose, value)                            \
    {                                                               \
        level, name, whose, FIXED, U32, 0, value, value, NULL, NULL \
    }
#define BY(level, name, whose, set, get)                 \
    {                                                    \
        level, name, whose, CODE, U32, 0, 0, 0, set, get \
    }

/* The tables of the three levels. */
const struct option *sockopt_socket(size_t *count);
const struct option *sockopt_tcp(size_t *count);
const struct option *sockopt_ip(size_t *count);

/* ---- for functions of lines ----------------------------------------------------------------- */

/* What is read: bytes, or an int. */
int opt_bytes(struct access *a, const void *data, size_t len);
int opt_int(struct access *a, int number);

/* Neither connected, on the way to it, nor listening. */
bool opt_fresh(struct access *a);

/* The core's options of a stream socket. */
int opt_core(struct access *a, struct la_tcp_options *o);
int opt_core_change(struct access *a, const struct la_tcp_options *o);

/* TCP_NOTSENT_LOWAT, or the setting in its place, acts from now on. */
int sockopt_change_notsent(struct px_host *h, struct px_sock *k);

#endif
