/* The emulated host in virtual time: it is as late as the runner says, and not a moment passes
 * that nobody asked for. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drill/target.h"

#define START_NS UINT64_C(1000000000000) /* so that "long ago" exists */

struct host_target {
    struct drill_target target;
    struct px_host *host;
    uint64_t now_ns;
    struct px_call *waiting; /* a call that is blocked: its deadline counts as well */
};

static struct host_target *self(struct drill_target *t)
{
    return (struct host_target *)t;
}

static uint64_t host_now_ns(struct drill_target *t)
{
    return self(t)->now_ns;
}

static void host_advance(struct drill_target *t, uint64_t until_ns)
{
    struct host_target *h = self(t);
    uint64_t next = px_next_deadline(h->host);
    uint64_t call = h->waiting ? px_call_deadline(h->waiting) : UINT64_MAX;
    next = call < next ? call : next;
    if (next > until_ns) {
        h->now_ns = until_ns > h->now_ns ? until_ns : h->now_ns;
        return;
    }
    h->now_ns = next > h->now_ns ? next : h->now_ns;
    px_run(h->host, h->now_ns);
}

static int host_input(struct drill_target *t, const uint8_t *bytes, size_t len, enum la_reason *why)
{
    struct host_target *h = self(t);
    return px_input(h->host, bytes, len, h->now_ns, why);
}

static bool host_output(struct drill_target *t, struct px_packet *packet)
{
    return px_output(self(t)->host, packet, self(t)->now_ns);
}

static enum px_status host_begin(struct drill_target *t, struct px_call *call)
{
    struct host_target *h = self(t);
    enum px_status status = px_begin(h->host, call, h->now_ns);
    if (status == PX_BLOCKED)
        h->waiting = call;
    return status;
}

static enum px_status host_step(struct drill_target *t, struct px_call *call)
{
    struct host_target *h = self(t);
    enum px_status status = px_step(h->host, call, h->now_ns);
    h->waiting = status == PX_BLOCKED ? call : NULL;
    return status;
}

static void host_cancel(struct drill_target *t, struct px_call *call)
{
    struct host_target *h = self(t);
    px_cancel(h->host, call, h->now_ns);
    h->waiting = NULL;
}

static int host_setting(struct drill_target *t, const char *name, const char *value)
{
    return px_setting(self(t)->host, name, value);
}

/* Counters of Linux, as far as a reason counts the same. */
static int host_counter(struct drill_target *t, const char *name, uint64_t *value)
{
    static const struct {
        const char *name;
        enum la_reason reason;
    } counters[] = {{"TcpExtOutOfWindowIcmps", LA_DROP_ICMP_STALE},
                    {"TcpExtBeyondWindow", LA_DROP_SEQUENCE},
                    {"TcpExtPAWSEstab", LA_DROP_PAWS},
                    {"TcpInCsumErrors", LA_DROP_TCP_CHECKSUM},
                    {"TcpExtTCPSYNChallenge", LA_DROP_SYN_SYNCHRONIZED}};
    struct la_stack *stack = px_stack(self(t)->host);
    for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
        if (strcmp(counters[i].name, name) != 0)
            continue;
        *value = stack ? la_stack_counter(stack, counters[i].reason) : 0;
        return 0;
    }
    return -ENOENT;
}

static size_t host_trace(struct drill_target *t, struct la_trace_record *records, size_t max)
{
    struct la_stack *stack = px_stack(self(t)->host);
    return stack ? la_stack_trace(stack, records, max) : 0;
}

static void host_destroy(struct drill_target *t)
{
    px_destroy(self(t)->host);
    free(t);
}

static const struct drill_target_ops host_ops = {
    .name = "lastack",
    .now_ns = host_now_ns,
    .advance = host_advance,
    .input = host_input,
    .output = host_output,
    .begin = host_begin,
    .step = host_step,
    .cancel = host_cancel,
    .setting = host_setting,
    .counter = host_counter,
    .trace = host_trace,
    .destroy = host_destroy,
};

struct drill_target *drill_target_host(const struct drill_target_config *config)
{
    struct px_config px;
    struct host_target *h = calloc(1, sizeof(*h));
    px_config_init(&px);
    memcpy(px.seed, &config->seed, sizeof(config->seed));
    px.addrs[0].addr = config->wire->local;
    px.addrs[0].prefix = config->prefix;
    px.addrs_count = 1;
    px.mtu = config->mtu;
    px.fast_path = !config->slow_path;
    px.fds_max = 256;
    if (!h)
        return NULL;
    h->target.ops = &host_ops;
    h->now_ns = START_NS;
    h->host = px_create(&px, h->now_ns);
    if (!h->host) {
        free(h);
        return NULL;
    }
    return &h->target;
}
