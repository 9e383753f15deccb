/* The ledger's pattern: a table of bytes that look random, read from a place that depends on the
 * stream and the block of the offset. Its length is a prime, so no segment size, window or buffer
 * length shifts one part of a stream onto an equal one. */
#include <string.h>

#include "sim/ledger.h"

#define TABLE 65521U

/* The first byte is never 0: the table is there. */
static uint8_t table[2 * TABLE];

void ledger_init(void)
{
    uint64_t state = 1;
    if (table[0] != 0)
        return;
    for (unsigned i = 0; i < TABLE; i++) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        table[i] = table[i + TABLE] = (uint8_t)(state >> 56 | (i == 0));
    }
}

size_t ledger_at(uint32_t stream, uint64_t offset, const uint8_t **bytes)
{
    uint64_t block = offset / TABLE, in_block = offset % TABLE;
    uint64_t begin = (stream * UINT64_C(7919) + block * 101) % TABLE;
    *bytes = table + begin + in_block;
    uint64_t in_table = 2 * TABLE - begin - in_block;
    uint64_t left = TABLE - in_block;
    return (size_t)(left < in_table ? left : in_table);
}

bool ledger_right(uint32_t stream, uint64_t offset, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        const uint8_t *wanted;
        size_t n = ledger_at(stream, offset, &wanted);
        n = n < len ? n : len;
        if (memcmp(bytes, wanted, n) != 0)
            return false;
        bytes += n;
        offset += n;
        len -= n;
    }
    return true;
}
