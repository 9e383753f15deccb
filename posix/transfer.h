/* All calls that move bytes become one struct transfer: pieces of memory, flags, an address,
 * control data. A stream moves as much as goes and remembers how much in call->at.count; a datagram
 * goes whole or not at all. */
#ifndef POSIX_TRANSFER_H
#define POSIX_TRANSFER_H

#include "posix/host.h"

struct transfer {
    struct iovec one;
    const struct iovec *iov;
    size_t count;
    size_t total;
    int flags;
    const struct sockaddr *to;
    socklen_t to_len;
    struct msghdr *msg; /* recvmsg, sendmsg */
};

/* From the arguments of a call: 0 or -errno. */
int64_t transfer_io(const struct px_call *c, struct transfer *t);
int64_t transfer_iov(const struct iovec *iov, int64_t count, struct transfer *t);
int64_t transfer_msg(const struct px_call *c, struct transfer *t);

/* Does any piece that counts lie nowhere? */
bool transfer_bad(const struct transfer *t);

/* The bytes from `skip` on, in one piece: the caller's own when they are, else a copy that the
 * caller of this frees. NULL: no memory. */
const uint8_t *transfer_gather(const struct transfer *t, size_t skip, uint8_t **copy);

/* Spreads bytes over the pieces, beginning `skip` bytes in. */
void transfer_scatter(const struct transfer *t, size_t skip, const uint8_t *from, size_t len);

/* send.c, recv.c: the call as far as it goes now, as a handler returns it. */
int64_t transfer_send(struct step *s, const struct transfer *t);
int64_t transfer_recv_stream(struct step *s, const struct transfer *t);
int64_t transfer_recv_datagram(struct step *s, const struct transfer *t, struct la_endpoint *from,
                               bool *cut);

#endif
