/* Which processors the benchmarks run on. */
#include <sched.h>
#include <time.h>

#include <lastack/host.h>

#include "apps/bench/bench.h"

void cpu_choose(struct bench *bench)
{
    cpu_set_t set;
    int found[2] = {0, 0};
    int count = 0;
    if (sched_getaffinity(0, sizeof(set), &set) == 0)
        for (unsigned cpu = 0; cpu < CPU_SETSIZE && count < 2; cpu++)
            if (CPU_ISSET(cpu, &set))
                found[count++] = (int)cpu;
    bench->cpu = found[0];
    bench->cpu_peer = count == 2 ? found[1] : found[0];
}

bool cpu_pin(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((unsigned)cpu, &set);
    return sched_setaffinity(0, sizeof(set), &set) == 0;
}

static uint64_t cpu_clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * (uint64_t)LA_NS_PER_S + (uint64_t)now.tv_nsec;
}

struct cpu_stretch cpu_stretch_begin(void)
{
    return (struct cpu_stretch){.cpu_ns = cpu_clock_ns(), .wall_ns = la_clock_ns()};
}

double cpu_stretch_end(const struct cpu_stretch *begin, struct figure *figure)
{
    double cpu_ns = (double)(cpu_clock_ns() - begin->cpu_ns);
    double wall_ns = (double)(la_clock_ns() - begin->wall_ns);
    condition_text(figure, "time", "of the processor");
    condition_number(figure, "processor_share", (double)(unsigned)(cpu_ns / wall_ns * 100) / 100);
    return cpu_ns;
}
