/* A stack that is only a pool of buffers over malloc() and a list of frames to send, for tests of
 * links and of the event loop: it counts what is out, can be empty on purpose, and records what
 * it is told. It defines the verbs themselves, so include it in the one file of a test. */
#ifndef SUPPORT_FAKE_STACK_H
#define SUPPORT_FAKE_STACK_H

#include <stdlib.h>
#include <string.h>

#include <lastack/stack.h>

struct la_stack {
    size_t bufs;     /* given out and not back yet */
    size_t bufs_max; /* 0: no limit */
    /* for the loop */
    struct la_frame *to_send; /* frames that wait for la_stack_output() */
    size_t to_send_count;
    size_t received;
    size_t timeouts;
    uint64_t deadline_ns;
    bool destroyed;
};

struct la_buf *la_buf_get(struct la_stack *stack, size_t size)
{
    if (size > LA_BUF_MAX || (stack->bufs_max > 0 && stack->bufs == stack->bufs_max))
        return NULL;
    struct la_buf *buf = malloc(sizeof(*buf) + size);
    *buf = (struct la_buf){.cap = (uint32_t)size, .refs = 1};
    buf->data = buf->mem;
    stack->bufs++;
    return buf;
}

void la_buf_put(struct la_stack *stack, struct la_buf *buf)
{
    if (--buf->refs > 0)
        return;
    stack->bufs--;
    free(buf);
}

void la_frame_from_buf(struct la_frame *frame, struct la_buf *buf)
{
    *frame = (struct la_frame){.len = buf->len, .nfrags = 1};
    frame->frag[0] = (struct la_frag){.buf = buf, .data = buf->data, .len = buf->len};
}

int la_stack_link_add(struct la_stack *stack, const struct la_link_info *info)
{
    (void)stack;
    return info->mtu >= 576 ? 1 : LA_EINVAL;
}

size_t la_stack_output(struct la_stack *stack, int link, struct la_frame *frames, size_t max,
                       uint64_t now_ns)
{
    (void)link;
    (void)now_ns;
    size_t n = stack->to_send_count < max ? stack->to_send_count : max;
    if (n > 0)
        memcpy(frames, stack->to_send, n * sizeof(frames[0]));
    return n;
}

void la_stack_sent(struct la_stack *stack, int link, struct la_frame *frames, size_t n,
                   size_t taken)
{
    (void)link;
    (void)frames;
    (void)n;
    stack->to_send += taken;
    stack->to_send_count -= taken;
}

void la_stack_input(struct la_stack *stack, int link, struct la_frame *frames, size_t n,
                    uint64_t now_ns)
{
    (void)link;
    (void)now_ns;
    for (size_t i = 0; i < n; i++) {
        la_buf_put(stack, frames[i].frag[0].buf);
        frames[i].reason = LA_TAKE_DATA;
    }
    stack->received += n;
}

void la_stack_timeout(struct la_stack *stack, uint64_t now_ns)
{
    if (stack->deadline_ns > now_ns)
        return;
    stack->timeouts++;
    stack->deadline_ns = UINT64_MAX;
}

uint64_t la_stack_next_deadline(const struct la_stack *stack)
{
    return stack->deadline_ns;
}

void la_stack_destroy(struct la_stack *stack)
{
    stack->destroyed = true;
}

/* Takes in what a link received, as la_stack_input() would. */
static inline void fake_release(struct la_stack *stack, struct la_frame *frames, int n)
{
    for (int i = 0; i < n; i++)
        la_buf_put(stack, frames[i].frag[0].buf);
}

#endif
