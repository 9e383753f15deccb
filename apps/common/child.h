/* Programs on the kernel's side of a world: children in the namespace of this process. */
#ifndef APPS_COMMON_CHILD_H
#define APPS_COMMON_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct child {
    pid_t pid; /* 0: none */
    bool ended;
    int status; /* as a shell has it: 128 and the signal's number when a signal ended it */
};

/* Runs `command` with sh -c, with these descriptors as its standard ones. It ends when this
 * process does. 0 or -errno. */
int child_start(struct child *child, const char *command, int in_fd, int out_fd, int err_fd);

/* Looks whether it has ended; does not wait. */
bool child_ended(struct child *child);

/* Waits until it has. */
void child_wait(struct child *child);

/* Ends it if it still runs, with SIGTERM, and waits. */
void child_stop(struct child *child);

/* Does a program of this namespace listen on the TCP port? Waiting for that spares the first SYN
 * from being refused. False also where /proc does not say. */
bool child_listens(uint16_t port);

#endif
