/* Which processors the benchmarks run on. */
#include <sched.h>

#include "apps/bench/bench.h"

void cpu_choose(struct bench *bench)
{
    cpu_set_t set;
    int found[2] = {0, 0};
    int count = 0;
    if (sched_getaffinity(0, sizeof(set), &set) == 0)
        for (int cpu = 0; cpu < CPU_SETSIZE && count < 2; cpu++)
            if (CPU_ISSET(cpu, &set))
                found[count++] = cpu;
    bench->cpu = found[0];
    bench->cpu_peer = count == 2 ? found[1] : found[0];
}

bool cpu_pin(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    return sched_setaffinity(0, sizeof(set), &set) == 0;
}
