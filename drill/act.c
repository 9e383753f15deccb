/* What a script does: packets that arrive, calls, code, commands. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "drill/names.h"
#include "drill/run_inside.h"
#include "posix/abi.h"

/* ---- packets -------------------------------------------------------------------------------- */

static bool is_syn(const struct drill_packet *p)
{
    return p->protocol == DRILL_TCP && (p->flags & DRILL_TH_SYN) && !(p->flags & DRILL_TH_ACK);
}

/* The flow of a packet that arrives. Without ports it is the current one; a SYN begins another when
 * somebody began to listen since. */
static struct drill_flow *flow_in(struct drill_run *r, const struct drill_packet *p)
{
    if (p->source_port >= 0) {
        uint16_t local = (uint16_t)p->target_port, remote = (uint16_t)p->source_port;
        struct drill_flow *flow = run_flow_find(r, local, remote);
        if (flow)
            r->current = flow;
        return flow ? flow : run_flow_new(r, local, remote);
    }
    if (r->current && !(r->listened && is_syn(p)))
        return r->current;
    return run_flow_new(r, r->bind_port, r->next_port++);
}

/* The peer's ISN is what its first SYN says; a later one may begin the connection anew. */
static void learn_remote(struct drill_run *r, struct drill_flow *flow, const struct drill_packet *p)
{
    if (p->protocol != DRILL_TCP || !(p->flags & DRILL_TH_SYN))
        return;
    if (!flow->remote_known) {
        flow->remote_known = true;
        flow->remote_isn_script = p->seq;
        flow->remote_isn = p->seq + r->wire.isn_shift;
    } else if (!(p->flags & DRILL_TH_ACK)) {
        flow->again = true;
        flow->again_isn_script = p->seq;
    }
}

static int hand_over(struct drill_run *r, const uint8_t *bytes, size_t len, enum la_reason *why)
{
    int err = r->target->ops->input(r->target, bytes, len, why);
    run_capture(r, bytes, len, true, *why);
    return err;
}

/* In fragments; the digits of the order are read from the left. */
static int hand_over_cut(struct drill_run *r, const struct drill_packet *p, const uint8_t *bytes,
                         size_t len, enum la_reason *why)
{
    static _Thread_local uint8_t part[DRILL_PACKET_MAX + 8];
    char order[12] = "";
    int err = 0;
    r->fragment_id++;
    if (p->frag_order != 0)
        snprintf(order, sizeof(order), "%u", p->frag_order);
    for (unsigned i = 0; err == 0; i++) {
        if (p->frag_order != 0 && order[i] == '\0')
            break;
        unsigned n = p->frag_order != 0 ? (unsigned)(order[i] - '0') : i + 1;
        size_t cut = drill_cut(bytes, len, p->frag, n, r->fragment_id, part);
        if (cut == 0)
            return p->frag_order != 0 ? -ERANGE : 0;
        err = hand_over(r, part, cut, why);
    }
    return err;
}

bool run_inject(struct drill_run *r, const struct drill_event *e)
{
    static _Thread_local uint8_t bytes[DRILL_PACKET_MAX];
    char text[300];
    enum la_reason why = LA_NONE;
    struct drill_flow *flow = flow_in(r, e->packet);
    if (!flow)
        return drill_fault(r->s, r->fault, e->place, "more than %d connections", RUN_FLOWS_MAX);
    learn_remote(r, flow, e->packet);
    size_t len = drill_build(e->packet, &r->wire, flow, bytes);
    if (e->packet->damaged)
        bytes[len - 1] ^= 1;
    int err = e->packet->frag != 0 ? hand_over_cut(r, e->packet, bytes, len, &why)
                                   : hand_over(r, bytes, len, &why);
    r->result->packets_in++;
    drill_event_text(r->s, e, text, sizeof(text));
    char *angle = strchr(text, '<');
    run_log(r, RUN_IN, run_now(r), why, "%s", angle ? angle + 1 + (angle[1] == ' ') : text);
    if (err == -ERANGE)
        return drill_fault(r->s, r->fault, e->place, "the packet has not so many fragments");
    if (err != 0)
        return drill_fault(r->s, r->fault, e->place, "the packet could not be handed over: %s",
                           strerror(-err));
    return run_drain(r) && run_wait(r, run_now(r)) && run_drain(r);
}

/* ---- calls ---------------------------------------------------------------------------------- */

static void learn_from_call(struct drill_run *r, const struct drill_job *job)
{
    int fd = drill_job_fd(job);
    bool known = fd >= 0 && fd < DRILL_FDS_MAX;
    struct drill_flow *flow;
    switch (drill_job_is(job)) {
    case DRILL_JOB_LISTEN:
        r->listened = true;
        break;
    case DRILL_JOB_ACCEPT:
        if (known && r->fds[fd].open)
            r->fd_tested = fd;
        flow = run_flow_find(r, r->bind_port, drill_job_port(job));
        if (flow)
            r->current = flow;
        break;
    case DRILL_JOB_CONNECT:
        if (known && r->fds[fd].open)
            r->fd_tested = fd;
        break;
    default:
        break;
    }
}

bool run_call_done(struct drill_run *r, struct drill_job *job)
{
    char text[200];
    int64_t now = run_now(r);
    bool good = drill_job_check(job, r->fds, r->fault);
    drill_job_format(job, text, sizeof(text));
    run_log(r, RUN_CALL, now, LA_NONE, "%s", text);
    if (!good) {
        snprintf(r->result->came, sizeof(r->result->came), "%.6f %s", (double)now / 1e9, text);
        return false;
    }
    learn_from_call(r, job);
    int64_t event_ns = r->event_ns;
    r->event_ns = r->pending_began_ns;
    good = run_check_time(r, drill_job_place(job), "the end of the call", r->pending_end_ns,
                          r->pending_end_ns, now);
    r->event_ns = event_ns;
    return good;
}

/* A call without an end in the script should not have to wait; when it does, it is waited for, and
 * its time says that it was late. */
static bool begin_call(struct drill_run *r, const struct drill_event *e, struct drill_job *job)
{
    r->fault->place = e->place;
    if (drill_job_is(job) == DRILL_JOB_CONNECT) {
        learn_from_call(r, job);
        r->connecting = true;
    }
    r->target->may_wait = e->call->blocking;
    if (r->target->ops->begin(r->target, drill_job_call(job)) == PX_DONE)
        return run_drain(r) && run_call_done(r, job);
    r->pending = job;
    return run_drain(r) && (e->call->blocking || run_finish_pending(r));
}

bool run_call(struct drill_run *r, const struct drill_event *e, struct drill_job *job,
              int64_t at_ns)
{
    if (r->pending && !run_finish_pending(r))
        return false;
    int64_t base = e->time.kind == DRILL_TIME_RELATIVE ? r->event_ns : 0;
    r->pending_began_ns = at_ns;
    r->pending_end_ns = e->call->blocking ? base + e->call->end_ns : at_ns;
    r->result->calls++;
    if (r->file_to[0] != '\0')
        drill_job_path(job, r->file_from, r->file_to);
    if (!drill_job_ready(job, r->fds) || !begin_call(r, e, job))
        return false;
    return run_drain(r);
}

/* ---- code ----------------------------------------------------------------------------------- */

struct info_field {
    const char *name;
    uint16_t offset, size;
};

#define FIELD(f)                                            \
    {                                                       \
        "tcpi_" #f, offsetof(struct px_tcp_info, tcpi_##f), \
            sizeof(((struct px_tcp_info *)0)->tcpi_##f)     \
    }

static const struct info_field info_fields[] = {
    FIELD(state),
    FIELD(ca_state),
    FIELD(retransmits),
    FIELD(probes),
    FIELD(backoff),
    FIELD(options),
    FIELD(rto),
    FIELD(ato),
    FIELD(snd_mss),
    FIELD(rcv_mss),
    FIELD(unacked),
    FIELD(sacked),
    FIELD(lost),
    FIELD(retrans),
    FIELD(fackets),
    FIELD(last_data_sent),
    FIELD(last_ack_sent),
    FIELD(last_data_recv),
    FIELD(last_ack_recv),
    FIELD(pmtu),
    FIELD(rcv_ssthresh),
    FIELD(rtt),
    FIELD(rttvar),
    FIELD(snd_ssthresh),
    FIELD(snd_cwnd),
    FIELD(advmss),
    FIELD(reordering),
    FIELD(rcv_rtt),
    FIELD(rcv_space),
    FIELD(total_retrans),
    FIELD(pacing_rate),
    FIELD(max_pacing_rate),
    FIELD(bytes_acked),
    FIELD(bytes_received),
    FIELD(segs_out),
    FIELD(segs_in),
    FIELD(notsent_bytes),
    FIELD(min_rtt),
    FIELD(data_segs_in),
    FIELD(data_segs_out),
    FIELD(delivery_rate),
    FIELD(busy_time),
    FIELD(rwnd_limited),
    FIELD(sndbuf_limited),
    FIELD(delivered),
    FIELD(delivered_ce),
    FIELD(bytes_sent),
    FIELD(bytes_retrans),
    FIELD(dsack_dups),
    FIELD(reord_seen),
    FIELD(rcv_ooopack),
    FIELD(snd_wnd),
    FIELD(rcv_wnd),
    FIELD(rehash),
    FIELD(total_rto),
    FIELD(total_rto_recoveries),
    FIELD(total_rto_time),
    FIELD(received_ce),
    FIELD(delivered_e1_bytes),
    FIELD(delivered_e0_bytes),
    FIELD(delivered_ce_bytes),
    FIELD(received_e1_bytes),
    FIELD(received_e0_bytes),
    FIELD(received_ce_bytes),
    FIELD(accecn_fail_mode),
    FIELD(accecn_opt_seen),
};

static int64_t field_value(const uint8_t *info, const struct info_field *f)
{
    uint8_t one;
    uint16_t two;
    uint32_t four;
    uint64_t eight;
    switch (f->size) {
    case 1:
        memcpy(&one, info + f->offset, 1);
        return one;
    case 2:
        memcpy(&two, info + f->offset, 2);
        return two;
    case 4:
        memcpy(&four, info + f->offset, 4);
        return four;
    default:
        memcpy(&eight, info + f->offset, 8);
        return (int64_t)eight;
    }
}

/* Reads an option of the socket under test; -1: there is none. */
static int read_option(struct drill_run *r, int level, int name, void *value, socklen_t len)
{
    struct px_call call = {.op = PX_GETSOCKOPT, .fd = r->fds[r->fd_tested].live};
    call.sockopt.level = level;
    call.sockopt.name = name;
    call.sockopt.value = value;
    call.sockopt.len_ptr = &len;
    if (r->target->ops->begin(r->target, &call) != PX_DONE || call.result != 0)
        return -1;
    return (int)len;
}

static void give_info(struct drill_run *r)
{
    struct px_tcp_info info;
    memset(&info, 0, sizeof(info));
    if (read_option(r, IPPROTO_TCP, 11 /* TCP_INFO */, &info, sizeof(info)) <= 0)
        return;
    for (size_t i = 0; i < sizeof(info_fields) / sizeof(info_fields[0]); i++)
        py_world_set(r->world, info_fields[i].name,
                     field_value((const uint8_t *)&info, &info_fields[i]));
    py_world_set(r->world, "tcpi_snd_wscale", info.tcpi_snd_wscale);
    py_world_set(r->world, "tcpi_rcv_wscale", info.tcpi_rcv_wscale);
    py_world_set(r->world, "tcpi_delivery_rate_app_limited", info.tcpi_delivery_rate_app_limited);
    py_world_set(r->world, "tcpi_fastopen_client_fail", info.tcpi_fastopen_client_fail);
}

static void give_meminfo(struct drill_run *r)
{
    static const char *const names[] = {"RMEM_ALLOC", "RCVBUF",    "WMEM_ALLOC",
                                        "SNDBUF",     "FWD_ALLOC", "WMEM_QUEUED",
                                        "OPTMEM",     "BACKLOG",   "DROPS"};
    uint32_t values[9];
    char name[40];
    int len = read_option(r, SOL_SOCKET, 55 /* SO_MEMINFO */, values, sizeof(values));
    for (int i = 0; i < 9 && 4 * (i + 1) <= len; i++) {
        snprintf(name, sizeof(name), "SK_MEMINFO_%s", names[i]);
        py_world_set(r->world, name, values[i]);
    }
}

bool run_code(struct drill_run *r, const struct drill_event *e)
{
    py_world_clear(r->world);
    if (r->fd_tested >= 0 && r->fds[r->fd_tested].open) {
        give_info(r);
        give_meminfo(r);
    }
    bool good = py_run(r->world, r->s, e->code, r->fault, r->printed, sizeof(r->printed));
    run_log(r, RUN_NOTE, run_now(r), LA_NONE, good ? "%%{ }%% holds" : "%%{ }%% does not hold");
    return good;
}

/* ---- commands ------------------------------------------------------------------------------- */

static bool set(struct drill_run *r, const char *name, const char *value, bool soft,
                struct drill_place place)
{
    int err = r->target->ops->setting(r->target, name, value);
    if (err == 0 || (soft && err == -ENOENT))
        return true;
    const char *why = err == -ENOENT       ? "there is no such setting here"
                      : err == -EINVAL     ? "it cannot have this value"
                      : err == -EOPNOTSUPP ? "this stack cannot do that"
                      : err == -EBUSY      ? "too late: the stack is at work already"
                                           : strerror(-err);
    return drill_fault(r->s, r->fault, place, "%s = %s: %s", name, value, why);
}

bool run_persona(struct drill_run *r, const struct drill_persona *p, struct drill_place place)
{
    for (unsigned i = 0; i < p->count; i++) {
        int err = r->target->ops->setting(r->target, p->settings[i].name, p->settings[i].value);
        if (err != 0 && r->target->ops->real_time)
            run_log(r, RUN_NOTE, 0, LA_NONE, "the kernel refuses %s = %s: %s", p->settings[i].name,
                    p->settings[i].value, strerror(-err));
        else if (err != 0)
            return drill_fault(r->s, r->fault, place, "persona %s, line %u: %s = %s: %s", p->name,
                               p->settings[i].line, p->settings[i].name, p->settings[i].value,
                               err == -ENOENT ? "no such setting" : strerror(-err));
    }
    return true;
}

/* "net.ipv4.tcp_rmem" of `set_sysctls.py` and others may hold several numbers in quotes. */
static bool setting(struct drill_run *r, const struct drill_command *c)
{
    return set(r, c->name, c->value, c->soft, c->place);
}

static bool route(struct drill_run *r, const struct drill_command *c)
{
    char name[64];
    snprintf(name, sizeof(name), "lastack.route_%s", c->name);
    return set(r, name, c->value, false, c->place);
}

/* A file of zeros, under another name: nothing of the script's is written on this machine. */
static bool make_file(struct drill_run *r, const struct drill_command *c)
{
    long size = strtol(c->value, NULL, 10);
    snprintf(r->file_to, sizeof(r->file_to), "/tmp/lastack-drill-XXXXXX");
    int fd = mkstemp(r->file_to);
    bool good = fd >= 0 && ftruncate(fd, size) == 0;
    if (fd >= 0)
        close(fd);
    else
        r->file_to[0] = '\0';
    return good || drill_fault(r->s, r->fault, c->place, "no file: %s", strerror(errno));
}

static bool device(struct drill_run *r, const struct drill_command *c)
{
    char name[64];
    if (strcmp(c->name, "file") == 0) {
        snprintf(r->file_from, sizeof(r->file_from), "%s", c->value);
        return true;
    }
    if (strcmp(c->name, "size") == 0)
        return make_file(r, c);
    if (strcmp(c->name, "tso") == 0 || strcmp(c->name, "gso") == 0)
        return true; /* packets leave here as segments, always */
    if (strcmp(c->name, "queue") == 0 && strcmp(c->value, "any") == 0)
        return true;
    snprintf(name, sizeof(name), "lastack.link_%s", c->name);
    return set(r, name, c->value, false, c->place);
}

/* Is a socket of the script listening? */
static bool listening(struct drill_run *r, const struct drill_command *c)
{
    int tested = r->fd_tested, value = 0;
    bool found = false;
    for (int fd = 0; fd < DRILL_FDS_MAX && !found; fd++) {
        r->fd_tested = fd;
        found = r->fds[fd].open &&
                read_option(r, SOL_SOCKET, SO_ACCEPTCONN, &value, sizeof(value)) > 0 && value != 0;
    }
    r->fd_tested = tested;
    return found || drill_fault(r->s, r->fault, c->place, "no socket is listening");
}

/* What a counter had at the last look; the first look is the beginning. */
static uint64_t *counter_before(struct drill_run *r, const char *name)
{
    static uint64_t nowhere;
    for (unsigned i = 0; i < r->counters_count; i++)
        if (strcmp(r->counters[i].name, name) == 0)
            return &r->counters[i].value;
    if (r->counters_count == sizeof(r->counters) / sizeof(r->counters[0]))
        return &nowhere;
    snprintf(r->counters[r->counters_count].name, sizeof(r->counters[0].name), "%s", name);
    return &r->counters[r->counters_count++].value;
}

/* `nstat | grep NAME` holds when the counter moved since the last look. */
static bool counter(struct drill_run *r, const struct drill_command *c)
{
    uint64_t value = 0;
    if (!c->name)
        return true; /* a look that asks for nothing */
    if (strcmp(c->name, "listening") == 0)
        return listening(r, c);
    if (r->target->ops->counter(r->target, c->name, &value) != 0)
        return drill_fault(r->s, r->fault, c->place, "no counter %s is known here", c->name);
    uint64_t *before = counter_before(r, c->name), moved = value - *before;
    uint64_t wanted = c->value ? strtoull(c->value, NULL, 10) : moved;
    *before = value;
    return (moved > 0 && moved == wanted) ||
           drill_fault(r->s, r->fault, c->place, "%s: it moved by %llu", c->name,
                       (unsigned long long)moved);
}

bool run_command(struct drill_run *r, const struct drill_event *e)
{
    bool good = true;
    for (const struct drill_command *c = e->command; good && c; c = c->next) {
        switch (c->kind) {
        case DRILL_CMD_SETTING:
            good = setting(r, c);
            break;
        case DRILL_CMD_ROUTE:
            good = route(r, c);
            break;
        case DRILL_CMD_DEVICE:
            good = device(r, c);
            break;
        case DRILL_CMD_COUNTER:
            good = counter(r, c);
            break;
        case DRILL_CMD_PERSONA: /* chosen before the script began */
        case DRILL_CMD_RESTORE:
        case DRILL_CMD_NOTHING:
            break;
        }
    }
    return good && run_drain(r);
}
