/* Assertions: they guard our own invariants, never what a peer or the application sent.
 *
 * The handler is the one of the stack's configuration; without one, or when it returns, the core
 * traps. LA_ASSERT is cheap and stays in release builds. */
#ifndef BASE_ASSERT_H
#define BASE_ASSERT_H

#include <lastack/stack.h>

static inline void la_assert_failed(const struct la_assert_handler *handler, const char *expression,
                                    const char *file, int line)
{
    if (handler && handler->fail) {
        (handler->fail)(handler->ctx, expression, file, line);
    }
    __builtin_trap();
}

#define LA_ASSERT(handler, e) \
    (__builtin_expect(!!(e), 1) ? (void)0 : la_assert_failed((handler), #e, __FILE__, __LINE__))

#endif
