/* The interface through which packetdrill drives a stack in user space (--so_filename).
 *
 * The tool loads a shared library, calls its packetdrill_interface_init() once, and from then on
 * makes every socket call of a script through the functions that were filled in, hands in the
 * packets that the script injects, takes out those that leave, and asks the library for the time.
 * Only the order and the signatures of the members count; every function gets `userdata` first. */
#ifndef SHIM_INTERFACE_H
#define SHIM_INTERFACE_H

#include <poll.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>

struct packetdrill_interface {
    void *userdata;
    void (*free)(void *userdata);
    int (*socket)(void *userdata, int domain, int type, int protocol);
    int (*bind)(void *userdata, int fd, const struct sockaddr *addr, socklen_t len);
    int (*listen)(void *userdata, int fd, int backlog);
    int (*accept)(void *userdata, int fd, struct sockaddr *addr, socklen_t *len);
    int (*connect)(void *userdata, int fd, const struct sockaddr *addr, socklen_t len);
    ssize_t (*read)(void *userdata, int fd, void *data, size_t len);
    ssize_t (*readv)(void *userdata, int fd, const struct iovec *iov, int count);
    ssize_t (*recv)(void *userdata, int fd, void *data, size_t len, int flags);
    ssize_t (*recvfrom)(void *userdata, int fd, void *data, size_t len, int flags,
                        struct sockaddr *from, socklen_t *from_len);
    ssize_t (*recvmsg)(void *userdata, int fd, struct msghdr *msg, int flags);
    ssize_t (*write)(void *userdata, int fd, const void *data, size_t len);
    ssize_t (*writev)(void *userdata, int fd, const struct iovec *iov, int count);
    ssize_t (*send)(void *userdata, int fd, const void *data, size_t len, int flags);
    ssize_t (*sendto)(void *userdata, int fd, const void *data, size_t len, int flags,
                      const struct sockaddr *to, socklen_t to_len);
    ssize_t (*sendmsg)(void *userdata, int fd, const struct msghdr *msg, int flags);
    int (*fcntl)(void *userdata, int fd, int command, ...);
    int (*ioctl)(void *userdata, int fd, unsigned long request, ...);
    int (*close)(void *userdata, int fd);
    int (*shutdown)(void *userdata, int fd, int how);
    int (*getsockopt)(void *userdata, int fd, int level, int name, void *value, socklen_t *len);
    int (*setsockopt)(void *userdata, int fd, int level, int name, const void *value,
                      socklen_t len);
    int (*poll)(void *userdata, struct pollfd *fds, nfds_t count, int timeout_ms);
    int (*netdev_send)(void *userdata, const void *ip_packet, size_t len);
    int (*netdev_receive)(void *userdata, void *buffer, size_t *count, long long *time_us);
    int (*usleep)(void *userdata, useconds_t us);
    int (*gettimeofday)(void *userdata, struct timeval *tv, struct timezone *tz);
    int (*epoll_create)(void *userdata, int size);
    int (*epoll_ctl)(void *userdata, int set, int op, int fd, struct epoll_event *event);
    int (*epoll_wait)(void *userdata, int set, struct epoll_event *events, int max, int timeout_ms);
    int (*pipe)(void *userdata, int fds[2]);
    int (*splice)(void *userdata, int from, loff_t *from_offset, int to, loff_t *to_offset,
                  size_t len, unsigned flags);
};

#pragma GCC visibility push(default)

/* Fills in `interface`. `flags` are words of the tool's --so_flags (docs/packetdrill.md), or NULL.
 * 0, or -1: a word that means nothing, said on stderr. */
int packetdrill_interface_init(const char *flags, struct packetdrill_interface *interface);

#pragma GCC visibility pop

#endif
