/* UDP endpoints (RFC 768, RFC 1122 4.1, RFC 8085). Handles and readiness as for TCP. */
#ifndef LASTACK_UDP_H
#define LASTACK_UDP_H

#include <lastack/stack.h>

#pragma GCC visibility push(default)

/* Binds an endpoint; port 0: the stack chooses. LA_EADDRINUSE, LA_EADDRNOTAVAIL, LA_ENOMEM. */
int la_udp_open(struct la_stack *stack, const struct la_endpoint *local, la_handle *handle);

/* Fixes the remote endpoint: only its datagrams are received, and ICMP errors are reported. */
int la_udp_connect(struct la_stack *stack, la_handle handle, const struct la_endpoint *remote);

/* Queues one datagram; returns its length. It leaves in fragments when it is longer than the path
 * carries. LA_EAGAIN: queue full; LA_EMSGSIZE: longer than a datagram can be (65507 bytes over
 * IPv4, 65527 over IPv6); LA_ENETUNREACH: no route. */
int64_t la_udp_send(struct la_stack *stack, la_handle handle, const struct la_endpoint *to,
                    const void *data, size_t len);

/* Takes one datagram; returns its whole length even when `len` was too short for it. */
int64_t la_udp_recv(struct la_stack *stack, la_handle handle, struct la_endpoint *from, void *data,
                    size_t len);

/* TTL or hop limit (1 to 255) and DS field, without the two ECN bits, of what is sent from now on
 * (RFC 1122 4.1.4); 64 and 0 at first. LA_EINVAL: a number out of range. */
int la_udp_set_ip(struct la_stack *stack, la_handle handle, uint8_t ttl, uint8_t tos);

/* The endpoint's local address and port. */
int la_udp_local(struct la_stack *stack, la_handle handle, struct la_endpoint *local);

int la_udp_set_user(struct la_stack *stack, la_handle handle, uint64_t user);
int la_udp_close(struct la_stack *stack, la_handle handle);

#pragma GCC visibility pop

#endif
