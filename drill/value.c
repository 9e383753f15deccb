/* Arguments of calls into the types of Linux. */
#include <arpa/inet.h>
#include <linux/errqueue.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "drill/job_inside.h"

bool job_fault(const struct drill_job *job, struct drill_fault *fault, const struct drill_expr *at,
               const char *format, ...)
{
    char text[300];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return drill_fault(job->s, fault, at ? at->place : job->c->place, "%s(): %s", job->c->name,
                       text);
}

const struct drill_expr *job_arg(const struct drill_job *job, unsigned n)
{
    const struct drill_expr *e = job->c->args;
    while (n-- > 0 && e)
        e = e->next;
    return e;
}

/* ---- numbers -------------------------------------------------------------------------------- */

static bool of_function(const struct drill_job *job, const struct drill_expr *e, int64_t *number,
                        struct drill_fault *fault)
{
    struct in_addr four;
    int64_t inner;
    if (strcmp(e->text, "inet_addr") == 0) {
        if (e->first->kind != DRILL_TEXT || inet_pton(AF_INET, e->first->text, &four) != 1)
            return job_fault(job, fault, e, "not an IPv4 address");
        *number = four.s_addr;
        return true;
    }
    if (!job_number(job, e->first, &inner, fault))
        return false;
    if (strcmp(e->text, "htons") == 0 || strcmp(e->text, "ntohs") == 0)
        *number = htons((uint16_t)inner);
    else if (strcmp(e->text, "htonl") == 0 || strcmp(e->text, "ntohl") == 0)
        *number = htonl((uint32_t)inner);
    else
        return job_fault(job, fault, e, "%s() gives no number", e->text);
    return true;
}

bool job_number(const struct drill_job *job, const struct drill_expr *e, int64_t *number,
                struct drill_fault *fault)
{
    if (e->kind == DRILL_FUNC)
        return of_function(job, e, number, fault);
    if (e->kind != DRILL_NUMBER)
        return job_fault(job, fault, e, "a number should stand here");
    *number = e->number;
    return true;
}

bool job_int(const struct drill_job *job, const struct drill_expr *e, int *number,
             struct drill_fault *fault)
{
    int64_t wide;
    if (!job_number(job, e, &wide, fault))
        return false;
    *number = (int)(uint32_t)wide; /* as a C program would */
    return true;
}

/* ---- structures ----------------------------------------------------------------------------- */

const struct drill_expr *job_member(const struct drill_expr *e, const char *name)
{
    for (const struct drill_expr *m = e->first; m; m = m->next)
        if (m->field && strcmp(m->field, name) == 0)
            return m;
    return NULL;
}

bool job_members(const struct drill_job *job, const struct drill_expr *e, const char *const *names,
                 struct drill_fault *fault)
{
    char known[200] = "";
    size_t at = 0;
    if (e->kind != DRILL_STRUCT)
        return job_fault(job, fault, e, "a structure in { } should stand here");
    for (const struct drill_expr *m = e->first; m; m = m->next) {
        bool found = false;
        for (const char *const *name = names; *name; name++)
            found = found || (m->field && strcmp(m->field, *name) == 0);
        if (found)
            continue;
        for (; *names && at < sizeof(known); names++)
            at += (size_t)snprintf(known + at, sizeof(known) - at, "%s%s", at ? ", " : "", *names);
        return job_fault(job, fault, m, "no member \"%s\" here: there are %s",
                         m->field ? m->field : "without a name", known);
    }
    return true;
}

/* A member that is a number; `*number` stays as it is when it is not written. */
static bool number_member(const struct drill_job *job, const struct drill_expr *e, const char *name,
                          int64_t *number, struct drill_fault *fault)
{
    const struct drill_expr *m = job_member(e, name);
    return !m || m->kind == DRILL_ANY || job_number(job, m, number, fault);
}

static bool address_four(struct drill_job *job, const struct drill_expr *e,
                         struct drill_fault *fault)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    int64_t port = 0, addr = 0;
    if (!number_member(job, e, "sin_port", &port, fault) ||
        !number_member(job, e, "sin_addr", &addr, fault))
        return false;
    in.sin_port = (in_port_t)port;
    in.sin_addr.s_addr = (in_addr_t)addr;
    memcpy(&job->addr, &in, sizeof(in));
    job->addr_len = sizeof(in);
    return true;
}

static bool address_six(struct drill_job *job, const struct drill_expr *e,
                        struct drill_fault *fault)
{
    struct sockaddr_in6 in = {.sin6_family = AF_INET6};
    int64_t port = 0;
    const struct drill_expr *addr = job_member(e, "sin6_addr");
    if (!number_member(job, e, "sin6_port", &port, fault))
        return false;
    in.sin6_port = (in_port_t)port;
    const char *text = addr && addr->kind == DRILL_FUNC && addr->first->kind == DRILL_TEXT
                           ? addr->first->text
                       : addr && addr->kind == DRILL_TEXT ? addr->text
                                                          : NULL;
    if (addr && (!text || inet_pton(AF_INET6, text, &in.sin6_addr) != 1))
        return job_fault(job, fault, addr, "not an IPv6 address: write inet6_addr(\"fd00::1\")");
    memcpy(&job->addr, &in, sizeof(in));
    job->addr_len = sizeof(in);
    return true;
}

bool job_address(struct drill_job *job, const struct drill_expr *e,
                 const struct sockaddr_storage *usual, struct drill_fault *fault)
{
    static const char *const names[] = {"sa_family", "sin_family", "sin6_family", "sin_port",
                                        "sin_addr",  "sin6_port",  "sin6_addr",   NULL};
    int64_t family = usual->ss_family;
    job->addr = *usual;
    job->addr_len = job->ends->len;
    if (e->kind == DRILL_ANY)
        return true;
    if (e->kind == DRILL_NUMBER) { /* a family alone */
        job->addr.ss_family = (sa_family_t)e->number;
        return true;
    }
    if (!job_members(job, e, names, fault) || !number_member(job, e, "sa_family", &family, fault) ||
        !number_member(job, e, "sin_family", &family, fault) ||
        !number_member(job, e, "sin6_family", &family, fault))
        return false;
    if (family == AF_INET6)
        return address_six(job, e, fault);
    if (!address_four(job, e, fault))
        return false;
    job->addr.ss_family = (sa_family_t)family;
    return true;
}

/* ---- buffers -------------------------------------------------------------------------------- */

static bool reserve(struct drill_job *job, const struct drill_expr *at, int64_t len,
                    struct drill_fault *fault)
{
    if (len < 0 || len > (int64_t)JOB_BYTES_MAX)
        return job_fault(job, fault, at, "a buffer has 0 to %u bytes", JOB_BYTES_MAX);
    job->buffer = calloc(1, (size_t)len + 1);
    job->buffer_len = (size_t)len;
    return job->buffer || job_fault(job, fault, at, "no memory");
}

bool job_buffer(struct drill_job *job, const struct drill_expr *e, const struct drill_expr *len,
                struct drill_fault *fault)
{
    int64_t n;
    if (!job_number(job, len, &n, fault) || !reserve(job, len, n, fault))
        return false;
    if (e->kind != DRILL_ANY && e->kind != DRILL_NULL)
        return job_fault(job, fault, e, "the bytes are written as \"...\" or NULL");
    job->px.io.data = e->kind == DRILL_NULL ? NULL : job->buffer;
    job->px.io.len = job->buffer_len;
    return true;
}

bool job_iovecs(struct drill_job *job, const struct drill_expr *e, struct drill_fault *fault)
{
    int64_t total = 0, n;
    unsigned count = 0;
    if (e->count && e->count->kind == DRILL_NUMBER && e->count->number != e->children)
        return job_fault(job, fault, e, "%u pieces, but the count is %lld", e->children,
                         (long long)e->count->number);
    if (e->kind != DRILL_LIST || e->children > JOB_ITEMS_MAX)
        return job_fault(job, fault, e,
                         "a list of at most %u pieces like [{..., 100}] should "
                         "stand here",
                         JOB_ITEMS_MAX);
    for (const struct drill_expr *m = e->first; m; m = m->next) {
        if (m->kind != DRILL_STRUCT || m->children != 2)
            return job_fault(job, fault, m, "a piece is written as {..., 100}");
        if (!job_number(job, m->first->next, &n, fault))
            return false;
        job->iov[count++].iov_len = (size_t)n;
        total = n < 0 || n > JOB_BYTES_MAX ? INT64_MAX / 2 : total + n;
    }
    if (!reserve(job, e, total, fault))
        return false;
    size_t at = 0;
    count = 0;
    for (const struct drill_expr *m = e->first; m; m = m->next) {
        job->iov[count].iov_base = m->first->kind == DRILL_NULL ? NULL : job->buffer + at;
        at += job->iov[count++].iov_len;
    }
    return true;
}

/* ---- control messages ----------------------------------------------------------------------- */

static size_t extended_error(const struct drill_job *job, const struct drill_expr *e,
                             uint8_t *bytes, size_t room, struct drill_fault *fault)
{
    static const char *const names[] = {"ee_errno", "ee_origin", "ee_type", "ee_code",
                                        "ee_info",  "ee_data",   NULL};
    struct sock_extended_err see = {0};
    int64_t v[6] = {0};
    if (!job_members(job, e, names, fault) || sizeof(see) > room)
        return 0;
    for (unsigned i = 0; names[i]; i++)
        if (!number_member(job, e, names[i], &v[i], fault))
            return 0;
    see.ee_errno = (uint32_t)v[0];
    see.ee_origin = (uint8_t)v[1];
    see.ee_type = (uint8_t)v[2];
    see.ee_code = (uint8_t)v[3];
    see.ee_info = (uint32_t)v[4];
    see.ee_data = (uint32_t)v[5];
    memcpy(bytes, &see, sizeof(see));
    return sizeof(see);
}

static size_t timestamp(const struct drill_job *job, const struct drill_expr *e, uint8_t *bytes,
                        size_t room, struct drill_fault *fault)
{
    static const char *const names[] = {"scm_sec", "scm_nsec", NULL};
    int64_t v[2] = {0};
    if (!job_members(job, e, names, fault) || sizeof(v) > room ||
        !number_member(job, e, names[0], &v[0], fault) ||
        !number_member(job, e, names[1], &v[1], fault))
        return 0;
    memcpy(bytes, v, sizeof(v));
    return sizeof(v);
}

size_t job_control_data(const struct drill_job *job, const struct drill_expr *e, uint8_t *bytes,
                        size_t room, struct drill_fault *fault)
{
    int number;
    if (e->kind == DRILL_STRUCT && job_member(e, "ee_errno"))
        return extended_error(job, e, bytes, room, fault);
    if (e->kind == DRILL_STRUCT)
        return timestamp(job, e, bytes, room, fault);
    if (!job_int(job, e, &number, fault) || sizeof(number) > room)
        return 0;
    memcpy(bytes, &number, sizeof(number));
    return sizeof(number);
}

static bool control_message(struct drill_job *job, const struct drill_expr *e,
                            struct drill_fault *fault)
{
    static const char *const names[] = {"cmsg_len", "cmsg_level", "cmsg_type", "cmsg_data", NULL};
    uint8_t data[64];
    int64_t level = 0, type = 0;
    const struct drill_expr *value = job_member(e, "cmsg_data");
    if (!job_members(job, e, names, fault) || !number_member(job, e, "cmsg_level", &level, fault) ||
        !number_member(job, e, "cmsg_type", &type, fault))
        return false;
    size_t len = value ? job_control_data(job, value, data, sizeof(data), fault) : 0;
    if (value && len == 0)
        return false;
    if (job->control_len + CMSG_SPACE(len) > sizeof(job->control))
        return job_fault(job, fault, e, "too many control messages");
    struct cmsghdr header = {
        .cmsg_len = CMSG_LEN(len), .cmsg_level = (int)level, .cmsg_type = (int)type};
    memcpy(job->control + job->control_len, &header, sizeof(header));
    memcpy(job->control + job->control_len + CMSG_LEN(0), data, len);
    job->control_len += (uint32_t)CMSG_SPACE(len);
    return true;
}

/* Builds them even when they are to be received: so that what is written is checked. */
static bool control_messages(struct drill_job *job, const struct drill_expr *e,
                             struct drill_fault *fault)
{
    if (e->kind == DRILL_ANY || e->kind == DRILL_NULL)
        return true;
    if (e->kind != DRILL_LIST)
        return job_fault(job, fault, e, "a list of control messages in [ ] should stand here");
    for (const struct drill_expr *m = e->first; m; m = m->next)
        if (!control_message(job, m, fault))
            return false;
    return true;
}

bool job_message(struct drill_job *job, const struct drill_expr *e, bool receive,
                 struct drill_fault *fault)
{
    static const char *const names[] = {"msg_name",    "msg_namelen",    "msg_iov",   "msg_iovlen",
                                        "msg_control", "msg_controllen", "msg_flags", NULL};
    if (!job_members(job, e, names, fault))
        return false;
    const struct drill_expr *name = job_member(e, "msg_name"), *iov = job_member(e, "msg_iov");
    const struct drill_expr *control = job_member(e, "msg_control");
    if (iov && !job_iovecs(job, iov, fault))
        return false;
    if (name && name->kind != DRILL_NULL && !job_address(job, name, &job->ends->remote, fault))
        return false;
    if (control && !control_messages(job, control, fault))
        return false;
    job->msg.msg_iov = job->iov;
    job->msg.msg_iovlen = iov ? iov->children : 0;
    if (name && name->kind != DRILL_NULL) {
        job->msg.msg_name = &job->addr;
        job->msg.msg_namelen = job->addr_len;
    }
    if (receive || job->control_len > 0) {
        job->msg.msg_control = job->control;
        job->msg.msg_controllen = receive ? sizeof(job->control) : job->control_len;
    }
    job->want = receive ? e : NULL;
    return true;
}

/* ---- options of sockets, events ------------------------------------------------------------- */

static bool put(struct drill_job *job, const void *bytes, size_t len)
{
    if (job->value_len + len > sizeof(job->value))
        return false;
    memcpy(job->value + job->value_len, bytes, len);
    job->value_len += (socklen_t)len;
    return true;
}

static bool option_struct(struct drill_job *job, const struct drill_expr *e,
                          struct drill_fault *fault)
{
    static const char *const linger[] = {"onoff", "l_onoff", "linger", "l_linger", NULL};
    static const char *const timeval[] = {"tv_sec", "tv_usec", NULL};
    int64_t a = 0, b = 0;
    if (job_member(e, "tv_sec") || job_member(e, "tv_usec")) {
        struct timeval tv;
        if (!job_members(job, e, timeval, fault) || !number_member(job, e, "tv_sec", &a, fault) ||
            !number_member(job, e, "tv_usec", &b, fault))
            return false;
        tv = (struct timeval){.tv_sec = a, .tv_usec = b};
        return put(job, &tv, sizeof(tv));
    }
    if (!job_members(job, e, linger, fault) || !number_member(job, e, "onoff", &a, fault) ||
        !number_member(job, e, "l_onoff", &a, fault) ||
        !number_member(job, e, "linger", &b, fault) ||
        !number_member(job, e, "l_linger", &b, fault))
        return false;
    struct linger l = {.l_onoff = (int)a, .l_linger = (int)b};
    return put(job, &l, sizeof(l));
}

bool job_option_value(struct drill_job *job, const struct drill_expr *e, struct drill_fault *fault)
{
    int number;
    switch (e->kind) {
    case DRILL_TEXT:
        return put(job, e->text, strlen(e->text)) || job_fault(job, fault, e, "a text too long");
    case DRILL_STRUCT:
        return option_struct(job, e, fault);
    case DRILL_LIST:
        for (const struct drill_expr *m = e->first; m; m = m->next) {
            if (m->kind == DRILL_STRUCT || m->kind == DRILL_TEXT) {
                if (!job_option_value(job, m, fault))
                    return false;
                continue;
            }
            if (!job_int(job, m, &number, fault))
                return false;
            if (!put(job, &number, sizeof(number)))
                return job_fault(job, fault, m, "a value too long");
        }
        return true;
    case DRILL_NULL:
        return true;
    default:
        return job_fault(job, fault, e, "the value is written as [1], {...} or \"text\"");
    }
}

bool job_event(const struct drill_job *job, const struct drill_expr *e, struct epoll_event *event,
               struct drill_fault *fault)
{
    static const char *const names[] = {"events", "fd", "ptr", "u32", "u64", NULL};
    int64_t events = 0, data = 0;
    if (!job_members(job, e, names, fault) || !number_member(job, e, "events", &events, fault))
        return false;
    for (unsigned i = 1; names[i]; i++)
        if (!number_member(job, e, names[i], &data, fault))
            return false;
    event->events = (uint32_t)events;
    event->data.u64 = (uint64_t)data;
    return true;
}
