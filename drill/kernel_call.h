/* The emulated host's calls, made to the kernel. */
#ifndef DRILL_KERNEL_CALL_H
#define DRILL_KERNEL_CALL_H

#include "posix/posix.h"

/* Makes the call and waits for it, in the caller's thread. Result and errno go into it. */
void kernel_call(struct px_call *call);

#endif
