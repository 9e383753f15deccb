/* The host's clock. */
#include <time.h>

#include <lastack/host.h>

uint64_t la_clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * (uint64_t)LA_NS_PER_S + (uint64_t)now.tv_nsec;
}
