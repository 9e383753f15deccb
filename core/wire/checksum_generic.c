/* The checksum kernels of architectures that have none of their own. */
#include "wire/checksum.h"

static const struct wire_sum_kernel portable = {"portable", wire_sum, wire_copy_sum};

size_t wire_sum_kernels(const struct wire_sum_kernel **list, size_t max)
{
    if (max == 0) {
        return 0;
    }
    list[0] = &portable;
    return 1;
}

const struct wire_sum_kernel *wire_sum_choose(void)
{
    return &portable;
}
