/* What a script is run against: a stack with its sockets, its wire and its clock.
 *
 * The runner knows nothing but this interface. One target is the emulated host in virtual time
 * (target_host.c), another the kernel behind a TUN device in real time (target_kernel.c). Calls
 * are the emulated host's objects: their arguments have the types of Linux, so both can make them.
 */
#ifndef DRILL_TARGET_H
#define DRILL_TARGET_H

#include <lastack/trace.h>

#include "drill/packet.h"
#include "posix/posix.h"

struct drill_target;

struct drill_target_ops {
    const char *name;
    bool real_time;

    uint64_t (*now_ns)(struct drill_target *t);

    /* Lets time pass until `until_ns`, or until something happened: a timer ran, a packet left, or
     * a call that waits may go on. */
    void (*advance)(struct drill_target *t, uint64_t until_ns);

    /* A packet arrives. 0, or a negative errno. `why`: what was done with it, NONE: not known. */
    int (*input)(struct drill_target *t, const uint8_t *bytes, size_t len, enum la_reason *why);

    /* The next packet that left; false: none. */
    bool (*output)(struct drill_target *t, struct px_packet *packet);

    enum px_status (*begin)(struct drill_target *t, struct px_call *call);
    enum px_status (*step)(struct drill_target *t, struct px_call *call);
    void (*cancel)(struct drill_target *t, struct px_call *call);

    /* A sysctl of Linux, or a choice of the stack ("lastack.*"). 0, -ENOENT, -EINVAL, ... */
    int (*setting)(struct drill_target *t, const char *name, const char *value);

    /* A counter by the name that Linux has for it. 0, or -ENOENT. */
    int (*counter)(struct drill_target *t, const char *name, uint64_t *value);

    /* Trace records since the last time; 0: none, or the target has none. */
    size_t (*trace)(struct drill_target *t, struct la_trace_record *records, size_t max);

    void (*destroy)(struct drill_target *t);
};

struct drill_target {
    const struct drill_target_ops *ops;
    bool may_wait; /* the next call has an end of its own in the script */
};

struct drill_target_config {
    const struct drill_wire *wire;
    uint8_t prefix;
    uint32_t mtu;
    uint64_t seed;
    bool slow_path; /* the stack's fast path is off */
};

struct drill_target *drill_target_host(const struct drill_target_config *config);
/* NULL, and `why` says what is missing (rights, mostly). */
struct drill_target *drill_target_kernel(const struct drill_target_config *config, char *why,
                                         size_t size);

#endif
