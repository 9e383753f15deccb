/* The runner: events in their order, at their times.
 *
 * The clock is the target's. Before an event time passes up to it, from one thing that happens to
 * the next (a timer, a packet of the stack, a call that can go on); a packet that is expected is
 * waited for. So in virtual time a run is over as soon as everything has been looked at, however
 * long it would have taken. A wait for what never comes ends at a horizon and says what it waited
 * for.
 *
 * Invariants: `event_ns` is the script's time of the last event, not when it really was (a packet
 * may be late within the tolerance, and relative times do not add that up), but for events whose
 * time the script leaves open. At most one call is pending. What left is in the queue, oldest
 * first, until an event expects it; packets nobody expects are left there, as packetdrill does. */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "drill/run_inside.h"

#define REAL_SLACK_NS (25 * DRILL_NS_PER_S / 1000) /* a machine has other things to do as well */
#define HORIZON_NS    (300 * DRILL_NS_PER_S)
#define FIRST_PORT    40000
#define STOOD_MAX     1000000
#define PACKETS_MAX   1000000

int64_t run_now(const struct drill_run *r)
{
    return (int64_t)(r->target->ops->now_ns(r->target) - r->start_ns);
}

/* ---- what is remembered --------------------------------------------------------------------- */

void run_log(struct drill_run *r, enum run_happened kind, int64_t at_ns, enum la_reason why,
             const char *format, ...)
{
    char text[500];
    va_list args;
    if (r->log_count == r->log_room) {
        unsigned room = r->log_room ? 2 * r->log_room : 64;
        struct run_entry *more = realloc(r->log, room * sizeof(*more));
        if (!more)
            return;
        r->log = more;
        r->log_room = room;
    }
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    r->log[r->log_count++] =
        (struct run_entry){.kind = kind, .at_ns = at_ns, .why = why, .text = strdup(text)};
}

/* What the stack did besides packets: changes of state, timers. Its own account of packets and
 * calls is left out, for they are in the log already. */
static void tell_record(struct drill_run *r, const struct la_trace_record *t)
{
    int64_t at_ns = (int64_t)(t->time_ns - r->start_ns);
    enum la_reason why = (enum la_reason)t->reason;
    switch (LA_TRACE_WHAT(t)) {
    case LA_TRACE_STATE:
        run_log(r, RUN_NOTE, at_ns, LA_NONE, "(%s, was %s)",
                la_tcp_state_name((enum la_tcp_state)LA_TRACE_STATE_OF(t)),
                la_tcp_state_name((enum la_tcp_state)t->len));
        break;
    case LA_TRACE_TIMER:
    case LA_TRACE_EVENT:
        run_log(r, RUN_NOTE, at_ns, LA_NONE, "(%s)", la_reason_text(why, r->config->lang));
        break;
    default:
        break;
    }
}

static void drain_trace(struct drill_run *r)
{
    struct la_trace_record records[64];
    size_t n;
    while ((n = r->target->ops->trace(r->target, records, 64)) > 0)
        for (size_t i = 0; i < n; i++)
            tell_record(r, &records[i]);
}

void run_capture(struct drill_run *r, const uint8_t *bytes, size_t len, bool inbound,
                 enum la_reason why)
{
    char comment[CAPTURE_COMMENT_MAX];
    if (!r->capture.file)
        return;
    snprintf(comment, sizeof(comment), "%s", why == LA_NONE ? "" : la_reason_text(why, LA_LANG_EN));
    capture_packet(&r->capture, bytes, (uint32_t)len, r->target->ops->now_ns(r->target), inbound,
                   comment);
}

static bool open_capture(struct drill_run *r)
{
    static const struct capture_interface interface = {
        .type = LA_LINK_IP, .name = "drill", .side = "packets of a script"};
    struct la_message why;
    if (!r->config->pcap || capture_open(&r->capture, r->config->pcap, &interface, &why) == 0)
        return true;
    return drill_fault(r->s, r->fault, (struct drill_place){1, 1}, "%s", why.text);
}

static bool enqueue(struct drill_run *r, const struct px_packet *packet)
{
    if (r->queue_count == r->queue_room) {
        unsigned room = r->queue_room ? 2 * r->queue_room : 64;
        struct drill_live *more =
            room <= PACKETS_MAX ? realloc(r->queue, room * sizeof(*more)) : NULL;
        if (!more)
            return drill_fault(r->s, r->fault, (struct drill_place){1, 1},
                               "more packets leave than anybody wants");
        r->queue = more;
        r->queue_room = room;
    }
    struct drill_live *live = &r->queue[r->queue_count++];
    *live = (struct drill_live){.time_ns = r->target->ops->now_ns(r->target),
                                .len = packet->len,
                                .why = packet->why,
                                .conn = packet->conn,
                                .bytes = malloc(packet->len + 1)};
    if (!live->bytes)
        return drill_fault(r->s, r->fault, (struct drill_place){1, 1}, "no memory");
    memcpy(live->bytes, packet->bytes, packet->len);
    drill_read_live(live);
    run_capture(r, live->bytes, live->len, false, live->why);
    r->result->packets_out++;
    return true;
}

bool run_drain(struct drill_run *r)
{
    struct px_packet packet;
    while (r->target->ops->output(r->target, &packet))
        if (!enqueue(r, &packet))
            return false;
    drain_trace(r);
    return true;
}

/* ---- flows ---------------------------------------------------------------------------------- */

struct drill_flow *run_flow_find(struct drill_run *r, uint16_t local_port, uint16_t remote_port)
{
    for (unsigned i = r->flows_count; i-- > 0;)
        if (r->flows[i].local_port == local_port && r->flows[i].remote_port == remote_port)
            return &r->flows[i];
    return NULL;
}

struct drill_flow *run_flow_new(struct drill_run *r, uint16_t local_port, uint16_t remote_port)
{
    if (r->flows_count == RUN_FLOWS_MAX)
        return NULL;
    struct drill_flow *flow = &r->flows[r->flows_count++];
    *flow = (struct drill_flow){.local_port = local_port, .remote_port = remote_port};
    r->current = flow;
    r->listened = false;
    r->connecting = false;
    return flow;
}

/* ---- time ----------------------------------------------------------------------------------- */

static bool step_pending(struct drill_run *r)
{
    struct drill_job *job = r->pending;
    if (!job || r->target->ops->step(r->target, drill_job_call(job)) == PX_BLOCKED)
        return true;
    r->pending = NULL;
    return run_drain(r) && run_call_done(r, job);
}

/* A stack whose timers are due for ever would keep time from passing. */
static bool time_passes(struct drill_run *r)
{
    uint64_t now_ns = r->target->ops->now_ns(r->target);
    r->stood = now_ns == r->stood_ns ? r->stood + 1 : 0;
    r->stood_ns = now_ns;
    return r->stood < STOOD_MAX || drill_fault(r->s, r->fault, r->fault->place,
                                               "time stands still at %.6f s: a timer of the "
                                               "stack is due again and again",
                                               (double)run_now(r) / 1e9);
}

bool run_advance(struct drill_run *r, int64_t at_ns)
{
    if (!time_passes(r))
        return false;
    r->target->ops->advance(r->target, r->start_ns + (uint64_t)at_ns);
    return run_drain(r) && step_pending(r) && run_drain(r);
}

bool run_wait(struct drill_run *r, int64_t at_ns)
{
    if (!step_pending(r))
        return false;
    while (run_now(r) < at_ns)
        if (!run_advance(r, at_ns))
            return false;
    /* Timers that are due exactly now have run when time got here. */
    return true;
}

int64_t run_tolerance(const struct drill_run *r, int64_t event_ns)
{
    int64_t part = (int64_t)((double)(event_ns - r->event_ns) * r->tolerance_part);
    return part > r->tolerance_ns ? part : r->tolerance_ns;
}

bool run_check_time(struct drill_run *r, struct drill_place place, const char *what,
                    int64_t from_ns, int64_t until_ns, int64_t came_ns)
{
    int64_t tolerance_ns = run_tolerance(r, until_ns);
    char expected[60];
    if (came_ns >= from_ns - tolerance_ns && came_ns <= until_ns + tolerance_ns)
        return true;
    if (from_ns == until_ns)
        snprintf(expected, sizeof(expected), "%.6f", (double)from_ns / 1e9);
    else
        snprintf(expected, sizeof(expected), "%.6f to %.6f", (double)from_ns / 1e9,
                 (double)until_ns / 1e9);
    return drill_fault(r->s, r->fault, place,
                       "%s: expected at %s s (give or take %.6f), came at %.6f s", what, expected,
                       (double)tolerance_ns / 1e9, (double)came_ns / 1e9);
}

bool run_finish_pending(struct drill_run *r)
{
    int64_t horizon = r->horizon_ns;
    int64_t until = run_now(r) > r->pending_end_ns ? run_now(r) : r->pending_end_ns;
    while (r->pending && run_now(r) < until + horizon)
        if (!run_advance(r, until + horizon))
            return false;
    if (!r->pending)
        return true;
    struct drill_job *job = r->pending;
    char text[200];
    r->target->ops->cancel(r->target, drill_job_call(job));
    r->pending = NULL;
    drill_job_format(job, text, sizeof(text));
    char *equals = strstr(text, " = ");
    if (equals)
        *equals = '\0';
    return drill_fault(r->s, r->fault, drill_job_place(job),
                       "%s still waits %.0f s after it should have ended", text,
                       (double)horizon / 1e9);
}

/* ---- options -------------------------------------------------------------------------------- */

static bool option_fault(struct drill_run *r, const char *name, const char *what)
{
    for (const struct drill_option *o = r->s->options; o; o = o->next)
        if (strcmp(o->name, name) == 0)
            return drill_fault(r->s, r->fault, o->place, "--%s=%s: %s", name,
                               o->value ? o->value : "", what);
    return drill_fault(r->s, r->fault, (struct drill_place){1, 1}, "--%s: %s", name, what);
}

static bool number_option(struct drill_run *r, const char *name, int64_t most, int64_t *to)
{
    const char *text = drill_script_option(r->s, name);
    char *rest;
    if (!text)
        return true;
    errno = 0;
    long long value = strtoll(text, &rest, 0);
    if (errno || *rest != '\0' || rest == text || value < 0 || value > most)
        return option_fault(r, name, "not a number that it may have");
    *to = value;
    return true;
}

static bool address_option(struct drill_run *r, const char *name, struct la_addr *to)
{
    const char *text = drill_script_option(r->s, name);
    struct la_addr addr;
    if (!text)
        return true;
    if (la_addr_parse(text, &addr) != 0)
        return option_fault(r, name, "not an address");
    if (la_addr_is_v4(&addr) == r->wire.ipv6)
        return true; /* an address for the other version, which is not run now */
    *to = addr;
    return true;
}

static void usual_addresses(struct drill_run *r)
{
    r->wire.ipv6 = r->s->ipv6;
    r->prefix = r->s->ipv6 ? 48 : 16;
    r->mtu = r->s->ipv6 ? 1520 : 1500;
    r->wire.local = la_addr_v4(192, 168, 0, 1);
    r->wire.remote = la_addr_v4(192, 0, 2, 1);
    r->wire.gateway = la_addr_v4(192, 168, 0, 2);
    if (!r->s->ipv6)
        return;
    la_addr_parse("fd3d:0a0b:17d6::1", &r->wire.local);
    la_addr_parse("fd3d:fa7b:d17d::1", &r->wire.remote);
    la_addr_parse("fd3d:0a0b:17d6:8888::0", &r->wire.gateway);
}

static bool read_options(struct drill_run *r)
{
    int64_t tolerance_us = 4000, percent = -1, bind = 8080, connect = 8080, mtu = 0, horizon = 0;
    usual_addresses(r);
    mtu = r->mtu;
    if (!address_option(r, "local_ip", &r->wire.local) ||
        !address_option(r, "remote_ip", &r->wire.remote) ||
        !address_option(r, "gateway_ip", &r->wire.gateway) ||
        !number_option(r, "tolerance_usecs", INT32_MAX, &tolerance_us) ||
        !number_option(r, "tolerance_percent", 100, &percent) ||
        !number_option(r, "bind_port", 65535, &bind) ||
        !number_option(r, "connect_port", 65535, &connect) ||
        !number_option(r, "mtu", 65535, &mtu) ||
        !number_option(r, "tcp_ts_tick_usecs", 10000000, &r->tick_us) ||
        !number_option(r, "horizon", 1000000, &horizon))
        return false;
    r->tolerance_ns = tolerance_us * DRILL_NS_PER_US;
    r->tolerance_part = percent < 0 ? 0.125 : (double)percent / 100;
    r->bind_port = (uint16_t)bind;
    r->connect_port = (uint16_t)connect;
    r->mtu = (uint32_t)mtu;
    r->strict = drill_script_option(r->s, "strict_segments") != NULL;
    r->wire.ecr_scaled = drill_script_option(r->s, "tcp_ts_ecr_scaled") != NULL;
    r->wire.isn_shift = r->config->isn_shift;
    r->horizon_ns = r->config->horizon_ns ? r->config->horizon_ns : HORIZON_NS;
    if (horizon > 0)
        r->horizon_ns = horizon * DRILL_NS_PER_S;
    return true;
}

static void end_point(const struct drill_run *r, const struct la_addr *addr, uint16_t port,
                      struct sockaddr_storage *to)
{
    if (r->wire.ipv6 || r->s->mapped) { /* an IPv4 address is held as a mapped one already */
        struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
        memcpy(&six.sin6_addr, addr->b, 16);
        memcpy(to, &six, sizeof(six));
        return;
    }
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
    memcpy(&four.sin_addr, addr->b + 12, 4);
    memcpy(to, &four, sizeof(four));
}

/* ---- a run ---------------------------------------------------------------------------------- */

static bool make_target(struct drill_run *r)
{
    char why[200] = "no memory";
    struct drill_target_config config = {.wire = &r->wire,
                                         .prefix = r->prefix,
                                         .mtu = r->mtu,
                                         .seed = r->config->seed,
                                         .slow_path = r->config->slow_path};
    r->target = r->config->kernel ? drill_target_kernel(&config, why, sizeof(why))
                                  : drill_target_host(&config);
    if (!r->target)
        return drill_fault(r->s, r->fault, (struct drill_place){1, 1}, "%s", why);
    r->start_ns = r->target->ops->now_ns(r->target);
    if (r->target->ops->real_time && r->tolerance_ns < REAL_SLACK_NS)
        r->tolerance_ns = r->ends.tolerance_ns = REAL_SLACK_NS;
    return true;
}

static bool make_jobs(struct drill_run *r)
{
    r->jobs = calloc(r->s->events_count + 1, sizeof(struct drill_job *));
    for (const struct drill_event *e = r->s->events; e; e = e->next) {
        if (e->kind != DRILL_EVENT_CALL)
            continue;
        r->jobs[r->jobs_count] = drill_job_new(r->s, e->call, &r->ends, r->fault);
        if (!r->jobs[r->jobs_count])
            return false;
        r->jobs_count++;
    }
    return true;
}

/* The persona that the script names, the caller's, or Lastack's own. */
static bool choose_persona(struct drill_run *r)
{
    char why[300];
    const char *name = drill_script_option(r->s, "persona");
    for (const struct drill_event *e = r->s->events; !name && e; e = e->next)
        if (e->kind == DRILL_EVENT_COMMAND && e->command->kind == DRILL_CMD_PERSONA)
            name = e->command->name;
    if (!name && r->config->persona) {
        return run_persona(r, r->config->persona, (struct drill_place){1, 1});
    }
    if (!drill_persona_load(&r->persona, name ? name : "lastack", why, sizeof(why)))
        return drill_fault(r->s, r->fault, (struct drill_place){1, 1}, "%s", why);
    return run_persona(r, &r->persona, (struct drill_place){1, 1});
}

static bool prepare(struct drill_run *r)
{
    if (!read_options(r))
        return false;
    end_point(r, &r->wire.local, r->bind_port, &r->ends.local);
    end_point(r, &r->wire.remote, r->connect_port, &r->ends.remote);
    r->ends.len =
        r->wire.ipv6 || r->s->mapped ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    r->ends.tolerance_ns = r->tolerance_ns;
    r->next_port = FIRST_PORT;
    r->fd_tested = -1;
    r->world = py_world_new();
    return r->world && open_capture(r) && make_target(r) && make_jobs(r) && choose_persona(r);
}

/* When an event is due, as the script counts. */
static void times_of(const struct drill_run *r, const struct drill_event *e, int64_t *from_ns,
                     int64_t *until_ns)
{
    int64_t base = e->time.kind == DRILL_TIME_RELATIVE ? r->event_ns : 0;
    *from_ns = base + e->time.ns;
    *until_ns = base + e->time.until_ns;
    if (!e->time.given)
        *from_ns = *until_ns = r->event_ns;
}

static bool act(struct drill_run *r, const struct drill_event *e, struct drill_job **job,
                int64_t at_ns)
{
    if (!run_wait(r, at_ns))
        return false;
    switch (e->kind) {
    case DRILL_EVENT_PACKET:
        return run_inject(r, e);
    case DRILL_EVENT_CALL:
        return run_call(r, e, *job, at_ns);
    case DRILL_EVENT_CODE:
        return run_code(r, e);
    default:
        return run_command(r, e);
    }
}

/* The script's clock begins with the first event that has a time: commands before it take none. */
static void begin_clock(struct drill_run *r)
{
    struct timespec wall = {0};
    r->began = true;
    r->start_ns = r->ends.wall_ns = r->target->ops->now_ns(r->target);
    if (!r->target->ops->real_time)
        return;
    clock_gettime(CLOCK_REALTIME, &wall);
    r->ends.wall_ns = (uint64_t)wall.tv_sec * UINT64_C(1000000000) + (uint64_t)wall.tv_nsec;
}

static bool run_event(struct drill_run *r, const struct drill_event *e, struct drill_job ***job)
{
    int64_t from_ns, until_ns, came_ns = 0;
    if (e->time.given && !r->began)
        begin_clock(r);
    times_of(r, e, &from_ns, &until_ns);
    bool out = e->kind == DRILL_EVENT_PACKET && e->packet->outbound;
    if (out && !run_expect(r, e, from_ns, until_ns, &came_ns))
        return false;
    if (!out && !act(r, e, *job, from_ns))
        return false;
    if (e->kind == DRILL_EVENT_CALL)
        ++*job;
    bool open = e->time.kind == DRILL_TIME_ANY || e->time.range;
    r->event_ns = open ? came_ns : from_ns;
    return true;
}

static bool run_events(struct drill_run *r)
{
    struct drill_job **job = r->jobs;
    for (const struct drill_event *e = r->s->events; e; e = e->next) {
        drill_event_text(r->s, e, r->result->event, sizeof(r->result->event));
        r->fault->place = e->place;
        if (!run_event(r, e, &job))
            return false;
    }
    r->result->event[0] = '\0';
    return !r->pending || run_finish_pending(r);
}

static void run_free(struct drill_run *r)
{
    if (r->pending)
        r->target->ops->cancel(r->target, drill_job_call(r->pending));
    if (r->target)
        r->target->ops->destroy(r->target);
    for (unsigned i = 0; i < r->jobs_count; i++)
        drill_job_free(r->jobs[i]);
    for (unsigned i = 0; i < r->queue_count; i++)
        free(r->queue[i].bytes);
    for (unsigned i = 0; i < r->log_count; i++)
        free(r->log[i].text);
    if (r->file_to[0] != '\0')
        unlink(r->file_to);
    if (r->capture.file)
        capture_close(&r->capture);
    py_world_free(r->world);
    free(r->jobs);
    free(r->queue);
    free(r->log);
    free(r);
}

void drill_config_init(struct drill_config *config)
{
    *config = (struct drill_config){.seed = 1};
}

void drill_run(const struct drill_script *s, const struct drill_config *config,
               struct drill_result *result)
{
    struct drill_run *r = calloc(1, sizeof(*r));
    *result = (struct drill_result){.verdict = DRILL_BROKEN};
    if (!r)
        return;
    r->s = s;
    r->config = config;
    r->result = result;
    r->fault = &result->fault;
    if (prepare(r)) {
        result->verdict = run_events(r) ? DRILL_PASSED : DRILL_FAILED;
        result->took_ns = run_now(r);
    }
    if (result->verdict == DRILL_FAILED)
        result->picture = run_picture(r);
    if (r->printed[0] != '\0')
        result->printed = strdup(r->printed);
    run_free(r);
}

void drill_result_free(struct drill_result *result)
{
    free(result->picture);
    free(result->printed);
    result->picture = NULL;
    result->printed = NULL;
}

/* ---- files ---------------------------------------------------------------------------------- */

static char *file_read(const char *path, size_t *len)
{
    FILE *in = fopen(path, "rb");
    char *text = NULL;
    size_t room = 0, n = 1;
    *len = 0;
    while (in && n > 0) {
        if (*len == room) {
            room = room ? 2 * room : 16384;
            char *more = realloc(text, room);
            if (!more)
                break;
            text = more;
        }
        n = fread(text + *len, 1, room - *len, in);
        *len += n;
    }
    bool good = in && !ferror(in) && n == 0;
    if (in)
        fclose(in);
    if (good)
        return text;
    free(text);
    return NULL;
}

static bool named_six(const char *path)
{
    static const char *const ends[] = {"-ipv6.pkt", "-v6.pkt", "_ipv6.pkt", "_v6.pkt"};
    size_t len = strlen(path);
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        size_t end = strlen(ends[i]);
        if (len > end && strcmp(path + len - end, ends[i]) == 0)
            return true;
    }
    return false;
}

void drill_run_file(const char *path, int ip, const struct drill_define *defines, unsigned count,
                    const struct drill_config *config, struct drill_result *result)
{
    size_t len;
    struct drill_script s;
    struct drill_fault fault;
    struct drill_reading reading = {.ipv6 = ip == 6 || (ip == 0 && named_six(path)),
                                    .ip_forced = ip != 0,
                                    .defines = defines,
                                    .defines_count = count};
    char *text = file_read(path, &len);
    *result = (struct drill_result){.verdict = DRILL_BROKEN};
    if (!text) {
        snprintf(result->fault.text, sizeof(result->fault.text), "%.300s: %s", path,
                 strerror(errno));
        return;
    }
    if (drill_parse(&s, path, text, len, &reading, &fault)) {
        drill_run(&s, config, result);
        drill_script_free(&s);
    } else {
        result->fault = fault;
    }
    free(text);
}
