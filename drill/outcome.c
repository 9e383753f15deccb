/* What calls wrote back, against what the script says. */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <linux/errqueue.h> /* needs struct timespec */

#include "drill/job_inside.h"

static bool expected(const struct drill_job *job, struct drill_fault *fault,
                     const struct drill_expr *at, const char *what, int64_t want, int64_t came)
{
    return want == came ||
           job_fault(job, fault, at, "%s: expected %" PRId64 ", came %" PRId64, what, want, came);
}

static bool expected_bits(const struct drill_job *job, struct drill_fault *fault,
                          const struct drill_expr *at, const char *what, uint32_t want,
                          uint32_t came)
{
    return want == came || job_fault(job, fault, at, "%s: expected 0x%" PRIx32 ", came 0x%" PRIx32,
                                     what, want, came);
}

/* ---- poll and epoll ------------------------------------------------------------------------- */

bool job_check_poll(struct drill_job *job, struct drill_fault *fault)
{
    unsigned i = 0;
    int revents;
    for (const struct drill_expr *m = job->want->first; m; m = m->next, i++) {
        const struct drill_expr *want = job_member(m, "revents");
        if (!want || want->kind == DRILL_ANY)
            continue;
        if (!job_int(job, want, &revents, fault) ||
            !expected_bits(job, fault, want, "revents", (uint32_t)revents,
                           (uint16_t)job->pollfds[i].revents))
            return false;
    }
    return true;
}

bool job_check_events(struct drill_job *job, struct drill_fault *fault)
{
    struct epoll_event want;
    const struct drill_expr *m = job->want;
    int64_t i = 0, written = m->kind == DRILL_LIST ? (int64_t)m->children : 1;
    if (m->kind == DRILL_ANY)
        return true;
    if (job->px.result > written)
        return job_fault(job, fault, m, "%" PRId64 " events came, %" PRId64 " are written",
                         job->px.result, written);
    if (m->kind == DRILL_LIST)
        m = m->first;
    for (; m && i < job->px.result; m = job->want->kind == DRILL_LIST ? m->next : NULL, i++) {
        if (!job_event(job, m, &want, fault) ||
            !expected_bits(job, fault, m, "events", want.events, job->events[i].events))
            return false;
        bool any = !job_member(m, "fd") && !job_member(m, "ptr") && !job_member(m, "u32") &&
                   !job_member(m, "u64");
        if (!any && !expected(job, fault, m, "data", (int64_t)want.data.u64,
                              (int64_t)job->events[i].data.u64))
            return false;
    }
    return true;
}

/* ---- addresses ------------------------------------------------------------------------------- */

/* What the script writes of an address that came back; a port or address that it leaves out may be
 * anything. */
bool job_check_name(struct drill_job *job, struct drill_fault *fault)
{
    const struct drill_expr *want = job->want_name;
    struct drill_job as_written = {.s = job->s, .c = job->c, .ends = job->ends};
    if (!want || want->kind != DRILL_STRUCT)
        return true;
    if (!job_address(&as_written, want, &job->ends->remote, fault) ||
        !expected(job, fault, want, "address family", as_written.addr.ss_family,
                  job->addr.ss_family))
        return false;
    const struct drill_expr *port = job_member(want, "sin_port");
    const struct drill_expr *addr = job_member(want, "sin_addr");
    port = port ? port : job_member(want, "sin6_port");
    addr = addr ? addr : job_member(want, "sin6_addr");
    if (port && port->kind != DRILL_ANY &&
        !expected(job, fault, port, "port", drill_job_port(&as_written), drill_job_port(job)))
        return false;
    bool four = job->addr.ss_family == AF_INET;
    size_t at =
        four ? offsetof(struct sockaddr_in, sin_addr) : offsetof(struct sockaddr_in6, sin6_addr);
    if (!addr || addr->kind == DRILL_ANY ||
        memcmp((const char *)&as_written.addr + at, (const char *)&job->addr + at, four ? 4 : 16) ==
            0)
        return true;
    return job_fault(job, fault, addr, "the address is another");
}

/* ---- options -------------------------------------------------------------------------------- */

bool job_check_option(struct drill_job *job, struct drill_fault *fault)
{
    const struct drill_expr *want = job->want;
    struct drill_job as_written = {.s = job->s, .c = job->c};
    if (!want || want->kind == DRILL_ANY)
        return true;
    if (!job_option_value(&as_written, want, fault))
        return false;
    socklen_t len = as_written.value_len < job->value_len ? as_written.value_len : job->value_len;
    const struct drill_expr *only = want->kind == DRILL_LIST ? want->first : NULL;
    if (only && !only->next && only->kind == DRILL_NUMBER) {
        int32_t came = 0;
        memcpy(&came, job->value, job->value_len < sizeof(came) ? job->value_len : sizeof(came));
        return expected(job, fault, want, "value", (int32_t)only->number, came);
    }
    return memcmp(as_written.value, job->value, len) == 0 ||
           job_fault(job, fault, want, "the value is another");
}

bool job_check_value(struct drill_job *job, struct drill_fault *fault)
{
    const struct drill_expr *only =
        job->want && job->want->kind == DRILL_LIST ? job->want->first : NULL;
    int32_t came;
    if (!only || only->kind != DRILL_NUMBER)
        return true;
    memcpy(&came, job->value, sizeof(came));
    return expected(job, fault, only, "value", (int32_t)only->number, came);
}

/* ---- messages ------------------------------------------------------------------------------- */

/* The time in a control message counts from when the script began. */
static bool check_stamp(const struct drill_job *job, const struct drill_expr *want,
                        const uint8_t *data, size_t len, struct drill_fault *fault)
{
    struct timespec came;
    int64_t v[2];
    if (len < sizeof(came) || job_control_data(job, want, (uint8_t *)v, sizeof(v), fault) == 0)
        return job_fault(job, fault, want, "a time should be here");
    memcpy(&came, data, sizeof(came));
    int64_t came_ns = came.tv_sec * DRILL_NS_PER_S + came.tv_nsec - (int64_t)job->ends->wall_ns;
    int64_t off_ns = came_ns - (v[0] * DRILL_NS_PER_S + v[1]);
    if (off_ns <= job->ends->tolerance_ns && off_ns >= -job->ends->tolerance_ns)
        return true;
    return job_fault(job, fault, want, "time: expected %.6f, came %.6f",
                     (double)(v[0] * DRILL_NS_PER_S + v[1]) / 1e9, (double)came_ns / 1e9);
}

static bool check_error(const struct drill_job *job, const struct drill_expr *want,
                        const uint8_t *data, size_t len, struct drill_fault *fault)
{
    struct sock_extended_err came, w;
    if (len < sizeof(came) || job_control_data(job, want, (uint8_t *)&w, sizeof(w), fault) == 0)
        return job_fault(job, fault, want, "an extended error should be here");
    memcpy(&came, data, sizeof(came));
    return expected(job, fault, want, "ee_errno", w.ee_errno, came.ee_errno) &&
           expected(job, fault, want, "ee_origin", w.ee_origin, came.ee_origin) &&
           expected(job, fault, want, "ee_type", w.ee_type, came.ee_type) &&
           expected(job, fault, want, "ee_code", w.ee_code, came.ee_code) &&
           expected(job, fault, want, "ee_info", w.ee_info, came.ee_info) &&
           expected(job, fault, want, "ee_data", w.ee_data, came.ee_data);
}

static bool check_control(const struct drill_job *job, const struct drill_expr *want,
                          const struct cmsghdr *came, const uint8_t *data,
                          struct drill_fault *fault)
{
    const struct drill_expr *level = job_member(want, "cmsg_level");
    const struct drill_expr *type = job_member(want, "cmsg_type");
    const struct drill_expr *value = job_member(want, "cmsg_data");
    size_t len = came->cmsg_len - CMSG_LEN(0);
    int32_t number = 0;
    if (level && !expected(job, fault, level, "cmsg_level", level->number, came->cmsg_level))
        return false;
    if (type && !expected(job, fault, type, "cmsg_type", type->number, came->cmsg_type))
        return false;
    if (!value || value->kind == DRILL_ANY)
        return true;
    if (value->kind == DRILL_STRUCT)
        return job_member(value, "ee_errno") ? check_error(job, value, data, len, fault)
                                             : check_stamp(job, value, data, len, fault);
    memcpy(&number, data, len < sizeof(number) ? len : sizeof(number));
    return expected(job, fault, value, "cmsg_data", value->number, number);
}

static bool check_controls(const struct drill_job *job, const struct drill_expr *list,
                           struct drill_fault *fault)
{
    size_t at = 0;
    if (list->kind != DRILL_LIST)
        return true;
    for (const struct drill_expr *m = list->first; m; m = m->next) {
        struct cmsghdr came;
        if (at + sizeof(came) > job->msg.msg_controllen)
            return job_fault(job, fault, m, "this control message did not come");
        memcpy(&came, job->control + at, sizeof(came));
        if (came.cmsg_len < sizeof(came) || at + came.cmsg_len > job->msg.msg_controllen)
            return job_fault(job, fault, m, "a control message with an impossible length");
        if (!check_control(job, m, &came, job->control + at + CMSG_LEN(0), fault))
            return false;
        at += CMSG_ALIGN(came.cmsg_len);
    }
    return at >= job->msg.msg_controllen ||
           job_fault(job, fault, list, "more control messages came than are written");
}

bool job_check_message(struct drill_job *job, struct drill_fault *fault)
{
    const struct drill_expr *flags = job_member(job->want, "msg_flags");
    const struct drill_expr *control = job_member(job->want, "msg_control");
    int number;
    if (flags && flags->kind != DRILL_ANY) {
        if (!job_int(job, flags, &number, fault) ||
            !expected_bits(job, fault, flags, "msg_flags", (uint32_t)number,
                           (uint32_t)job->msg.msg_flags))
            return false;
    }
    return !control || check_controls(job, control, fault);
}

bool job_check_received(struct drill_job *job, struct drill_fd *fd, struct drill_fault *fault)
{
    int64_t n =
        job->px.result < (int64_t)job->buffer_len ? job->px.result : (int64_t)job->buffer_len;
    if (fd->plain)
        return true;
    uint32_t first = fd->datagrams ? 0 : fd->received;
    for (int64_t i = 0; i < n; i++)
        if (job->buffer[i] != drill_pattern(first + (uint32_t)i))
            return job_fault(job, fault, NULL,
                             "byte %" PRId64 " of the stream is not what the packets carried",
                             (int64_t)first + i);
    return true;
}
