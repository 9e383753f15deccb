/* Calls that go past the interface: getsockopt() of the tool's assertions, and close() of what a
 * script leaves open. With the library preloaded they come here, and a descriptor tells whose it
 * is: those of a world lie far above the kernel's. Everything else goes to the kernel unchanged. */
#include "shim/world.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WORLDS_MAX 64

static struct world *worlds[WORLDS_MAX];
static pthread_mutex_t worlds_lock = PTHREAD_MUTEX_INITIALIZER;

int world_enter(struct world *w)
{
    int index = -1;
    pthread_mutex_lock(&worlds_lock);
    for (int i = 0; i < WORLDS_MAX && index < 0; i++)
        if (!worlds[i])
            index = i;
    if (index >= 0)
        worlds[index] = w;
    pthread_mutex_unlock(&worlds_lock);
    return index;
}

void world_leave(struct world *w)
{
    pthread_mutex_lock(&worlds_lock);
    for (int i = 0; i < WORLDS_MAX; i++)
        if (worlds[i] == w)
            worlds[i] = NULL;
    pthread_mutex_unlock(&worlds_lock);
}

void world_keep(struct world *w)
{
    static struct world *ended;
    pthread_mutex_lock(&worlds_lock);
    w->next_ended = ended;
    ended = w;
    pthread_mutex_unlock(&worlds_lock);
}

struct world *world_of(int fd)
{
    int index = fd / FD_STEP - 1;
    if (fd < FD_STEP || index >= WORLDS_MAX)
        return NULL;
    pthread_mutex_lock(&worlds_lock);
    struct world *w = worlds[index];
    pthread_mutex_unlock(&worlds_lock);
    return w;
}

#pragma GCC visibility push(default)

int close(int fd)
{
    struct world *w = world_of(fd);
    if (!w)
        return (int)syscall(SYS_close, fd);
    struct px_call c = {.op = PX_CLOSE, .fd = fd - w->base};
    return (int)world_call(w, &c);
}

int getsockopt(int fd, int level, int name, void *restrict value, socklen_t *restrict len)
{
    struct world *w = world_of(fd);
    if (!w)
        return (int)syscall(SYS_getsockopt, fd, level, name, value, len);
    struct px_call c = {.op = PX_GETSOCKOPT,
                        .fd = fd - w->base,
                        .sockopt = {.level = level, .name = name, .value = value, .len_ptr = len}};
    return (int)world_call(w, &c);
}

#pragma GCC visibility pop
