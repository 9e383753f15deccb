/* Host: what makes a stack live on Linux. An event loop, the clock, addresses over netlink,
 * namespaces. One host has one stack, one link and one thread. */
#ifndef LASTACK_HOST_H
#define LASTACK_HOST_H

#include <lastack/link.h>

#pragma GCC visibility push(default)

/* CLOCK_MONOTONIC in nanoseconds. The host reads it once a batch. */
uint64_t la_clock_ns(void);

/* An allocator over aligned_alloc() and free(), and a seed from getrandom(). */
struct la_allocator la_host_allocator(void);
int la_host_seed(uint8_t seed[32]);

struct la_host;

/* Joins stack and link (la_stack_link_add is called here). The host owns both from now on when it
 * succeeds: la_host_destroy() closes the link and destroys the stack. */
int la_host_create(struct la_stack *stack, struct la_link *link, struct la_host **host);
void la_host_destroy(struct la_host *host);
struct la_stack *la_host_stack(struct la_host *host);
int la_host_link_id(const struct la_host *host);

/* Watches a descriptor of the application (stdin, a pipe); `events` as for poll(2), 0 to stop. */
int la_host_watch(struct la_host *host, int fd, short events);
short la_host_revents(const struct la_host *host, int fd); /* since the last turn */

/* One turn: waits until something can be done or `until_ns`, then reads frames, runs timers and
 * writes frames. Returns 1 when something happened, 0 at the deadline, LA_EINTR on a signal. The
 * application polls the stack after each turn, makes its calls and takes the next turn; a call
 * that makes segments to send needs no turn of its own: the next turn sends first. */
int la_host_turn(struct la_host *host, uint64_t until_ns);

/* Sends what can be sent now without waiting. */
int la_host_flush(struct la_host *host);

/* ---- netlink and namespaces ----------------------------------------------------------------- */

/* All act on the network namespace of the calling thread and say what to do when they fail. An
 * address works when the call has returned: an IPv6 one is waited for. */
int la_net_addr_add(const char *ifname, const struct la_addr *addr, uint8_t prefix,
                    struct la_message *why);
int la_net_route_add(const char *ifname, const struct la_addr *net, uint8_t prefix,
                     const struct la_addr *gateway, struct la_message *why);
int la_net_link_up(const char *ifname, uint32_t mtu, struct la_message *why); /* mtu 0: keep */
/* Waits (a second at most) until the link carries packets: the kernel goes on bringing up a veth
 * pair after la_net_link_up() has returned, and loses what is sent meanwhile. */
int la_net_link_wait(const char *ifname, struct la_message *why);
int la_net_veth_add(const char *a, const char *b, struct la_message *why);
int la_net_link_del(const char *ifname, struct la_message *why);

/* Keeps the kernel silent on an interface whose frames are somebody else's (la_link_packet) or
 * that needs none of its chatter: no ARP, no link-local address. Call it before la_net_link_up().
 */
int la_net_link_quiet(const char *ifname, struct la_message *why);

/* How many frames may wait in the interface's queue. TUN drops without telling the sender when it
 * is full, and its 500 are soon full: 10,000 do well. */
int la_net_link_queue(const char *ifname, uint32_t frames, struct la_message *why);

/* Frames an interface dropped since it was made. */
struct la_net_drops {
    uint64_t to_us;   /* from the kernel, for the process that holds the TUN */
    uint64_t from_us; /* written by it and refused by the kernel */
};
int la_net_link_drops(const char *ifname, struct la_net_drops *drops, struct la_message *why);

/* Enters a new user namespace (the caller is its root) and a new network namespace with its
 * loopback up. LA_EPERM: the system forbids it. Must be called before threads are made. */
int la_ns_enter_new(struct la_message *why);

/* The kinds of world `lastack nc` and the demo can make. */
enum la_world_kind { LA_WORLD_TUN, LA_WORLD_VETH };

/* Makes a world: a new namespace, in it a device whose kernel side has 10.87.0.1/24 and
 * fd87::1/64; `link` is Lastack's side, to be given 10.87.0.2 and fd87::2. TUN is tried first,
 * then veth with AF_PACKET; `why` says which came about and why (also on success). `mtu` 0: 1500.
 * LA_EPERM: neither can be made here (no user namespaces). */
int la_world_make(uint32_t mtu, enum la_world_kind *kind, struct la_link **link,
                  struct la_message *why);

/* The command that enters the world of this process from another terminal. */
void la_world_enter_command(char *text, size_t len);

#pragma GCC visibility pop

#endif
