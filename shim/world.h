/* The world behind the interface: an emulated host, its clock, and the threads that call.
 *
 *     world.c     time, packets, waiting
 *     calls.c     the functions of the interface
 *     settings.c  sysctls of the namespace, words of the flags
 *     preload.c   calls that go past the interface
 *
 * Time is virtual. It moves by a microsecond whenever somebody asks for it (the tool spins on the
 * clock until an event is due), by usleep(), and by netdev_receive(), which jumps from deadline
 * to deadline until a packet leaves. All of that is done by the tool's main thread; a call that
 * blocks is made by a second thread, which sleeps for real until a packet, a timer or a time-out
 * has finished its call. The tool measures when such a call returned by asking for the time right
 * after it, on that thread. So from the moment the call is finished until the thread has asked,
 * time stands still: whoever wants to move it waits. That wait has an end, in real time, for a
 * thread that never asks.
 *
 * One mutex guards everything; nobody holds it while sleeping. Descriptors are those of the host
 * plus `base`, far above the kernel's, so that a plain close() can tell whose one is. */
#ifndef SHIM_WORLD_H
#define SHIM_WORLD_H

#include <pthread.h>
#include <stdbool.h>

#include "posix/posix.h"

#define WAITERS_MAX 64
#define FD_STEP     (1 << 20) /* between the bases of worlds */

/* A thread whose call waits, or has ended without its having asked for the time yet. */
struct waiter {
    bool used, over;
    pthread_t thread;
    struct px_call *call; /* NULL once it is over */
    pthread_cond_t ended;
};

/* A packet that left and was not taken yet. */
struct left {
    struct left *next;
    uint64_t at_ns;
    size_t len;
    uint8_t bytes[];
};

struct world {
    pthread_mutex_t lock;
    pthread_cond_t asked; /* a thread asked for the time, or left */
    struct px_host *host;
    int base;
    uint64_t now_ns;
    struct waiter waiters[WAITERS_MAX];
    struct left *first, *last;
    pthread_t driver; /* the thread that moves time */
    uint32_t mtu;
    unsigned inside; /* threads in a call */
    bool closing;
    struct world *next_ended; /* see world_keep() */
    bool mtu_given;           /* by the flags; else it is made to fit the IP version */
    char persona[256];
    bool told[128]; /* settings that were refused and said so */
};

/* NULL: no memory, or a word of `flags` means nothing. */
struct world *world_open(const char *flags);
/* Ends what waits and frees everything. */
void world_close(struct world *w);

/* Makes a call and waits for its end: the result, with errno set. The lock is not held. */
int64_t world_call(struct world *w, struct px_call *call);

int world_send(struct world *w, const void *packet, size_t len);
int world_receive(struct world *w, void *buffer, size_t *count, long long *time_us);
void world_sleep(struct world *w, uint64_t us);
uint64_t world_ask_us(struct world *w);

/* An address that a call names. What the script calls the host's own, is. */
void world_names(struct world *w, const struct sockaddr *addr, socklen_t len, bool local);

/* ---- settings.c ----------------------------------------------------------------------------- */

/* Reads the sysctls of the calling thread's network namespace. */
void settings_read(struct world *w);
/* Words of the flags: false, after a line on stderr, when one means nothing. */
bool settings_flags(struct world *w, const char *flags, struct px_config *config);
/* Makes the choices of the persona that the flags named, of Linux without one; false, after a line
 * on stderr: there is none. */
bool settings_persona(struct world *w);

/* ---- preload.c ------------------------------------------------------------------------------ */

/* The world that a descriptor belongs to, or NULL. */
struct world *world_of(int fd);
int world_enter(struct world *w); /* its index, or -1: there are too many */
void world_leave(struct world *w);
/* Keeps what is left of a world for threads that may still ask it for the time. */
void world_keep(struct world *w);

#endif
