/* An allocator for tests: counts what is out, and fails the N-th call when told to.
 *
 * The memory handed out is filled with a pattern, so that whoever forgets to initialise what the
 * allocator gave is found out, and every block remembers its size and alignment: giving it back
 * with others ends the test. */
#ifndef SUPPORT_TEST_MEMORY_H
#define SUPPORT_TEST_MEMORY_H

#include <stddef.h>

#include <lastack/stack.h>

struct test_memory {
    size_t live_bytes; /* handed out and not yet given back */
    unsigned calls;    /* requests for memory so far, the failed ones included */
    unsigned fail_at;  /* fails when `calls` gets here, counted from 1; 0: never */
};

/* The counts live in `m`, which must outlive whatever uses the allocator. */
struct la_allocator test_allocator(struct test_memory *m);

#endif
