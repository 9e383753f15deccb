/* Which calls there are, and how many arguments of what kind they have: see job.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drill/job_inside.h"
#include "drill/names.h"

#define MSG_FASTOPEN_FLAG 0x20000000

enum moves { MOVES_NOTHING, SENDS, RECEIVES };

struct job_kind {
    const char *name;
    enum px_op op;
    unsigned least, most; /* arguments */
    bool (*make)(struct drill_job *job, struct drill_fault *fault);
    bool (*check)(struct drill_job *job,
                  struct drill_fault *fault); /* when it succeeded; or NULL */
    enum moves moves;
    bool gives_fd; /* the result is a descriptor */
    bool no_fd;    /* the first argument is none */
};

/* ---- making them ---------------------------------------------------------------------------- */

static bool make_socket(struct drill_job *job, struct drill_fault *fault)
{
    const struct drill_expr *domain = job_arg(job, 0);
    job->px.socket.domain = job->s->ipv6 || job->s->mapped ? AF_INET6 : AF_INET;
    return (domain->kind == DRILL_ANY || job_int(job, domain, &job->px.socket.domain, fault)) &&
           job_int(job, job_arg(job, 1), &job->px.socket.type, fault) &&
           job_int(job, job_arg(job, 2), &job->px.socket.protocol, fault);
}

static bool length_arg(struct drill_job *job, const struct drill_expr *e, struct drill_fault *fault)
{
    int64_t len;
    if (e->kind == DRILL_ANY)
        return true;
    if (!job_number(job, e, &len, fault))
        return false;
    job->addr_len = (socklen_t)len;
    return true;
}

static bool make_bind(struct drill_job *job, struct drill_fault *fault)
{
    if (!job_address(job, job_arg(job, 1), &job->ends->local, fault) ||
        !length_arg(job, job_arg(job, 2), fault))
        return false;
    job->px.name.in = (const struct sockaddr *)&job->addr;
    job->px.name.in_len = job->addr_len;
    return true;
}

static bool make_connect(struct drill_job *job, struct drill_fault *fault)
{
    if (!job_address(job, job_arg(job, 1), &job->ends->remote, fault) ||
        !length_arg(job, job_arg(job, 2), fault))
        return false;
    job->px.name.in = (const struct sockaddr *)&job->addr;
    job->px.name.in_len = job->addr_len;
    return true;
}

static bool make_listen(struct drill_job *job, struct drill_fault *fault)
{
    return job_int(job, job_arg(job, 1), &job->px.listen.backlog, fault);
}

/* The address that comes back; the script may leave it open. */
static bool make_name(struct drill_job *job, struct drill_fault *fault)
{
    job->addr_len = sizeof(job->addr);
    job->px.name.out = (struct sockaddr *)&job->addr;
    job->px.name.out_len = &job->addr_len;
    job->want_name = job_arg(job, 1);
    return job->c->args_count < 4 || job_int(job, job_arg(job, 3), &job->px.name.flags, fault);
}

static bool make_io(struct drill_job *job, struct drill_fault *fault)
{
    return job_buffer(job, job_arg(job, 1), job_arg(job, 2), fault);
}

static bool make_io_flags(struct drill_job *job, struct drill_fault *fault)
{
    return make_io(job, fault) && job_int(job, job_arg(job, 3), &job->px.io.flags, fault);
}

static bool make_sendto(struct drill_job *job, struct drill_fault *fault)
{
    if (!make_io_flags(job, fault) ||
        !job_address(job, job_arg(job, 4), &job->ends->remote, fault) ||
        !length_arg(job, job_arg(job, 5), fault))
        return false;
    job->px.io.to = (const struct sockaddr *)&job->addr;
    job->px.io.to_len = job->addr_len;
    return true;
}

static bool make_recvfrom(struct drill_job *job, struct drill_fault *fault)
{
    job->addr_len = sizeof(job->addr);
    job->px.io.from = (struct sockaddr *)&job->addr;
    job->px.io.from_len = &job->addr_len;
    job->want_name = job_arg(job, 4);
    return make_io_flags(job, fault);
}

static bool make_iov(struct drill_job *job, struct drill_fault *fault)
{
    job->px.iov.iov = job->iov;
    return job_iovecs(job, job_arg(job, 1), fault) &&
           job_int(job, job_arg(job, 2), &job->px.iov.count, fault);
}

static bool make_msg(struct drill_job *job, struct drill_fault *fault)
{
    job->px.msg.msg = &job->msg;
    return job_message(job, job_arg(job, 1), job->kind->moves == RECEIVES, fault) &&
           job_int(job, job_arg(job, 2), &job->px.msg.flags, fault);
}

static bool make_fcntl(struct drill_job *job, struct drill_fault *fault)
{
    int64_t arg = 0;
    if (!job_int(job, job_arg(job, 1), &job->px.fcntl.cmd, fault) ||
        (job->c->args_count > 2 && !job_number(job, job_arg(job, 2), &arg, fault)))
        return false;
    job->px.fcntl.arg = (long)arg;
    return true;
}

static bool make_ioctl(struct drill_job *job, struct drill_fault *fault)
{
    int64_t request;
    if (!job_number(job, job_arg(job, 1), &request, fault))
        return false;
    job->px.ioctl.request = (unsigned long)request;
    job->px.ioctl.arg = job->value;
    if (job->c->args_count < 3)
        return true;
    job->want = job_arg(job, 2);
    return job_option_value(job, job->want, fault);
}

static bool make_close(struct drill_job *job, struct drill_fault *fault)
{
    (void)job, (void)fault;
    return true;
}

static bool make_shutdown(struct drill_job *job, struct drill_fault *fault)
{
    return job_int(job, job_arg(job, 1), &job->px.shutdown.how, fault);
}

static bool make_setsockopt(struct drill_job *job, struct drill_fault *fault)
{
    int64_t len;
    const struct drill_expr *value = job_arg(job, 3);
    if (!job_int(job, job_arg(job, 1), &job->px.sockopt.level, fault) ||
        !job_int(job, job_arg(job, 2), &job->px.sockopt.name, fault) ||
        !job_number(job, job_arg(job, 4), &len, fault) || !job_option_value(job, value, fault))
        return false;
    if (len > (int64_t)sizeof(job->value))
        return job_fault(job, fault, job_arg(job, 4), "a value too long");
    job->px.sockopt.value = value->kind == DRILL_NULL ? NULL : job->value;
    job->px.sockopt.len = (socklen_t)len;
    return true;
}

static bool make_getsockopt(struct drill_job *job, struct drill_fault *fault)
{
    const struct drill_expr *len = job_arg(job, 4);
    int64_t n = sizeof(int);
    if (!job_int(job, job_arg(job, 1), &job->px.sockopt.level, fault) ||
        !job_int(job, job_arg(job, 2), &job->px.sockopt.name, fault))
        return false;
    job->want = job_arg(job, 3);
    if (job->want->kind != DRILL_ANY) {
        if (!job_option_value(job, job->want, fault))
            return false;
        memset(job->value, 0, sizeof(job->value));
    }
    if (len->kind == DRILL_LIST && len->first && !job_number(job, len->first, &n, fault))
        return false;
    job->value_len = n < 0 || n > (int64_t)sizeof(job->value) ? sizeof(job->value) : (socklen_t)n;
    job->px.sockopt.value = job->value;
    job->px.sockopt.len_ptr = &job->value_len;
    return true;
}

static bool make_poll(struct drill_job *job, struct drill_fault *fault)
{
    static const char *const names[] = {"fd", "events", "revents", NULL};
    const struct drill_expr *list = job_arg(job, 0);
    int count, events = 0;
    unsigned n = 0;
    if (list->kind != DRILL_LIST || list->children > JOB_ITEMS_MAX)
        return job_fault(job, fault, list, "a list like [{fd=3, events=POLLIN, revents=0}]");
    for (const struct drill_expr *m = list->first; m; m = m->next, n++) {
        const struct drill_expr *fd = job_member(m, "fd"), *asked = job_member(m, "events");
        if (!job_members(job, m, names, fault))
            return false;
        if (!fd || !asked)
            return job_fault(job, fault, m, "fd= and events= are needed");
        if (!job_int(job, fd, &job->pollfds[n].fd, fault) || !job_int(job, asked, &events, fault))
            return false;
        job->pollfds[n].events = (short)events;
    }
    job->want = list;
    if (!job_int(job, job_arg(job, 1), &count, fault) ||
        !job_int(job, job_arg(job, 2), &job->px.poll.timeout_ms, fault))
        return false;
    if (count < 0 || (unsigned)count != n)
        return job_fault(job, fault, job_arg(job, 1), "the list has %u entries", n);
    job->px.poll.fds = job->pollfds;
    job->px.poll.count = n;
    return true;
}

static bool make_epoll_create(struct drill_job *job, struct drill_fault *fault)
{
    return job_int(job, job_arg(job, 0), &job->px.epoll_create.size_or_flags, fault);
}

static bool make_epoll_ctl(struct drill_job *job, struct drill_fault *fault)
{
    const struct drill_expr *event = job_arg(job, 3);
    if (!job_int(job, job_arg(job, 1), &job->px.epoll_ctl.op, fault) ||
        !job_int(job, job_arg(job, 2), &job->px.epoll_ctl.target, fault))
        return false;
    job->px.epoll_ctl.event = event->kind == DRILL_NULL ? NULL : &job->events[0];
    return event->kind == DRILL_NULL || event->kind == DRILL_ANY ||
           job_event(job, event, &job->events[0], fault);
}

static bool make_epoll_wait(struct drill_job *job, struct drill_fault *fault)
{
    const struct drill_expr *list = job_arg(job, 1);
    struct epoll_event event;
    const struct drill_expr *m = list->kind == DRILL_LIST ? list->first : list;
    for (; m && m->kind != DRILL_ANY; m = list->kind == DRILL_LIST ? m->next : NULL)
        if (!job_event(job, m, &event, fault))
            return false;
    job->want = list;
    job->px.epoll_wait.events = job->events;
    if (!job_int(job, job_arg(job, 2), &job->px.epoll_wait.max, fault) ||
        !job_int(job, job_arg(job, 3), &job->px.epoll_wait.timeout_ms, fault))
        return false;
    return job->px.epoll_wait.max <= JOB_ITEMS_MAX ||
           job_fault(job, fault, job_arg(job, 2), "at most %u events at once", JOB_ITEMS_MAX);
}

static bool make_pipe(struct drill_job *job, struct drill_fault *fault)
{
    const struct drill_expr *list = job_arg(job, 0);
    job->px.pipe.fds = job->pipe;
    job->want = list;
    if (list->kind != DRILL_LIST || list->children != 2)
        return job_fault(job, fault, list, "the two descriptors are written as [5, 6]");
    return job->c->args_count < 2 || job_int(job, job_arg(job, 1), &job->px.pipe.flags, fault);
}

static bool offset_arg(struct drill_job *job, const struct drill_expr *e, loff_t **to,
                       struct drill_fault *fault)
{
    int64_t n = 0;
    *to = e->kind == DRILL_NULL ? NULL : &job->offset;
    if (e->kind == DRILL_NULL)
        return true;
    if (e->kind != DRILL_LIST || e->children != 1)
        return job_fault(job, fault, e, "an offset is written as [0] or NULL");
    if (!job_number(job, e->first, &n, fault))
        return false;
    job->offset = n;
    return true;
}

static bool make_splice(struct drill_job *job, struct drill_fault *fault)
{
    int64_t len;
    int flags;
    if (!offset_arg(job, job_arg(job, 1), &job->px.splice.in_offset, fault) ||
        !job_int(job, job_arg(job, 2), &job->px.splice.out, fault) ||
        !offset_arg(job, job_arg(job, 3), &job->px.splice.out_offset, fault) ||
        !job_number(job, job_arg(job, 4), &len, fault) ||
        !job_int(job, job_arg(job, 5), &flags, fault))
        return false;
    job->px.splice.len = (size_t)len;
    job->px.splice.flags = (unsigned)flags;
    return true;
}

static bool make_sendfile(struct drill_job *job, struct drill_fault *fault)
{
    int64_t count;
    if (!job_int(job, job_arg(job, 1), &job->px.sendfile.in, fault) ||
        !offset_arg(job, job_arg(job, 2), &job->px.sendfile.offset, fault) ||
        !job_number(job, job_arg(job, 3), &count, fault))
        return false;
    job->px.sendfile.count = (size_t)count;
    return true;
}

static bool make_open(struct drill_job *job, struct drill_fault *fault)
{
    const struct drill_expr *path = job_arg(job, 0);
    if (path->kind != DRILL_TEXT || strlen(path->text) >= sizeof(job->path))
        return job_fault(job, fault, path, "a path in quotation marks should stand here");
    snprintf(job->path, sizeof(job->path), "%s", path->text);
    job->px.open.path = job->path;
    return job_int(job, job_arg(job, 1), &job->px.open.flags, fault);
}

static const struct job_kind kinds[] = {
    {"socket", PX_SOCKET, 3, 3, make_socket, NULL, MOVES_NOTHING, true, true},
    {"bind", PX_BIND, 3, 3, make_bind, NULL, MOVES_NOTHING, false, false},
    {"listen", PX_LISTEN, 2, 2, make_listen, NULL, MOVES_NOTHING, false, false},
    {"accept", PX_ACCEPT, 3, 3, make_name, job_check_name, MOVES_NOTHING, true, false},
    {"accept4", PX_ACCEPT, 4, 4, make_name, job_check_name, MOVES_NOTHING, true, false},
    {"connect", PX_CONNECT, 3, 3, make_connect, NULL, MOVES_NOTHING, false, false},
    {"read", PX_READ, 3, 3, make_io, NULL, RECEIVES, false, false},
    {"readv", PX_READV, 3, 3, make_iov, NULL, RECEIVES, false, false},
    {"recv", PX_RECV, 4, 4, make_io_flags, NULL, RECEIVES, false, false},
    {"recvfrom", PX_RECVFROM, 6, 6, make_recvfrom, job_check_name, RECEIVES, false, false},
    {"recvmsg", PX_RECVMSG, 3, 3, make_msg, job_check_message, RECEIVES, false, false},
    {"write", PX_WRITE, 3, 3, make_io, NULL, SENDS, false, false},
    {"writev", PX_WRITEV, 3, 3, make_iov, NULL, SENDS, false, false},
    {"send", PX_SEND, 4, 4, make_io_flags, NULL, SENDS, false, false},
    {"sendto", PX_SENDTO, 6, 6, make_sendto, NULL, SENDS, false, false},
    {"sendmsg", PX_SENDMSG, 3, 3, make_msg, NULL, SENDS, false, false},
    {"fcntl", PX_FCNTL, 2, 3, make_fcntl, NULL, MOVES_NOTHING, false, false},
    {"ioctl", PX_IOCTL, 2, 3, make_ioctl, job_check_value, MOVES_NOTHING, false, false},
    {"close", PX_CLOSE, 1, 1, make_close, NULL, MOVES_NOTHING, false, false},
    {"shutdown", PX_SHUTDOWN, 2, 2, make_shutdown, NULL, MOVES_NOTHING, false, false},
    {"getsockopt", PX_GETSOCKOPT, 5, 5, make_getsockopt, job_check_option, MOVES_NOTHING, false,
     false},
    {"setsockopt", PX_SETSOCKOPT, 5, 5, make_setsockopt, NULL, MOVES_NOTHING, false, false},
    {"getsockname", PX_GETSOCKNAME, 3, 3, make_name, job_check_name, MOVES_NOTHING, false, false},
    {"getpeername", PX_GETPEERNAME, 3, 3, make_name, job_check_name, MOVES_NOTHING, false, false},
    {"poll", PX_POLL, 3, 3, make_poll, job_check_poll, MOVES_NOTHING, false, true},
    {"epoll_create", PX_EPOLL_CREATE, 1, 1, make_epoll_create, NULL, MOVES_NOTHING, true, true},
    {"epoll_create1", PX_EPOLL_CREATE1, 1, 1, make_epoll_create, NULL, MOVES_NOTHING, true, true},
    {"epoll_ctl", PX_EPOLL_CTL, 4, 4, make_epoll_ctl, NULL, MOVES_NOTHING, false, false},
    {"epoll_wait", PX_EPOLL_WAIT, 4, 4, make_epoll_wait, job_check_events, MOVES_NOTHING, false,
     false},
    {"pipe", PX_PIPE, 1, 1, make_pipe, NULL, MOVES_NOTHING, false, true},
    {"pipe2", PX_PIPE, 2, 2, make_pipe, NULL, MOVES_NOTHING, false, true},
    {"splice", PX_SPLICE, 6, 6, make_splice, NULL, MOVES_NOTHING, false, false},
    {"sendfile", PX_SENDFILE, 4, 4, make_sendfile, NULL, MOVES_NOTHING, false, false},
    {"open", PX_OPEN, 2, 2, make_open, NULL, MOVES_NOTHING, true, true},
    {"dup", PX_DUP, 1, 1, make_close, NULL, MOVES_NOTHING, true, false},
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

const char *drill_call_name(unsigned n)
{
    return n < KINDS ? kinds[n].name : NULL;
}

static const struct job_kind *find_kind(const struct drill_script *s, const struct drill_call *c,
                                        struct drill_fault *fault)
{
    char names[400] = "";
    size_t at = 0;
    for (size_t i = 0; i < KINDS; i++) {
        if (strcmp(kinds[i].name, c->name) != 0)
            continue;
        if (c->args_count >= kinds[i].least && c->args_count <= kinds[i].most)
            return &kinds[i];
        drill_fault(s, fault, c->place, "%s() has %u arguments here, it takes %u", c->name,
                    c->args_count, kinds[i].least);
        return NULL;
    }
    for (size_t i = 0; i < KINDS && at < sizeof(names); i++)
        at +=
            (size_t)snprintf(names + at, sizeof(names) - at, "%s%s", i ? ", " : "", kinds[i].name);
    drill_fault(s, fault, c->place, "no call %s(): there are %s", c->name, names);
    return NULL;
}

struct drill_job *drill_job_new(const struct drill_script *s, const struct drill_call *c,
                                const struct drill_ends *ends, struct drill_fault *fault)
{
    const struct job_kind *kind = find_kind(s, c, fault);
    struct drill_job *job = kind ? calloc(1, sizeof(*job)) : NULL;
    if (!job) {
        if (kind)
            drill_fault(s, fault, c->place, "no memory");
        return NULL;
    }
    *job = (struct drill_job){.s = s, .c = c, .kind = kind, .ends = ends};
    job->px.op = kind->op;
    bool good = kind->no_fd || job_int(job, job_arg(job, 0), &job->px.fd, fault);
    good = good && kind->make(job, fault);
    bool numbered = kind->gives_fd && !c->result_any;
    if (good && numbered && c->result >= DRILL_FDS_MAX)
        good = drill_fault(s, fault, c->result_place, "descriptors go up to %d", DRILL_FDS_MAX - 1);
    if (good)
        return job;
    drill_job_free(job);
    return NULL;
}

void drill_job_free(struct drill_job *job)
{
    if (job)
        free(job->buffer);
    free(job);
}

struct px_call *drill_job_call(struct drill_job *job)
{
    return &job->px;
}

/* ---- around the call ------------------------------------------------------------------------ */

static struct drill_fd *fd_of(struct drill_fd *fds, int number)
{
    return number >= 0 && number < DRILL_FDS_MAX && fds[number].open ? &fds[number] : NULL;
}

/* One that the script never opened becomes one that nobody did. */
static int live_fd(struct drill_fd *fds, int number)
{
    const struct drill_fd *fd = fd_of(fds, number);
    return fd ? fd->live : number < 0 ? number : 100000 + number;
}

static int script_fd(const struct drill_job *job)
{
    return job->kind->no_fd ? -1 : (int)job_arg(job, 0)->number;
}

bool drill_job_ready(struct drill_job *job, struct drill_fd *fds)
{
    struct drill_fd *fd = fd_of(fds, script_fd(job));
    if (!job->kind->no_fd)
        job->px.fd = live_fd(fds, script_fd(job));
    if (job->px.op == PX_POLL)
        for (nfds_t i = 0; i < job->px.poll.count; i++)
            job->pollfds[i].fd = live_fd(fds, job->pollfds[i].fd);
    if (job->px.op == PX_EPOLL_CTL)
        job->px.epoll_ctl.target = live_fd(fds, job->px.epoll_ctl.target);
    if (job->px.op == PX_SPLICE)
        job->px.splice.out = live_fd(fds, job->px.splice.out);
    if (job->px.op == PX_SENDFILE) {
        job->px.sendfile.in = live_fd(fds, job->px.sendfile.in);
        if (fd)
            fd->plain = true;
    }
    if (job->kind->moves == SENDS && fd)
        for (size_t i = 0; i < job->buffer_len; i++)
            job->buffer[i] = drill_pattern((fd->datagrams ? 0 : fd->sent) + (uint32_t)i);
    return true;
}

static int flags_of(const struct drill_job *job)
{
    switch (job->px.op) {
    case PX_SEND:
    case PX_SENDTO:
    case PX_RECV:
    case PX_RECVFROM:
        return job->px.io.flags;
    case PX_SENDMSG:
    case PX_RECVMSG:
        return job->px.msg.flags;
    default:
        return 0;
    }
}

static bool check_result(const struct drill_job *job, struct drill_fault *fault)
{
    const struct drill_call *c = job->c;
    const struct px_call *px = &job->px;
    bool fd = job->kind->gives_fd && c->result >= 0 && px->result >= 0;
    bool same = c->result_any || fd || c->result == px->result;
    bool same_err = c->err == 0 || px->result != -1 || c->err == px->err;
    if (same && same_err)
        return true;
    char came[80];
    if (px->result == -1)
        snprintf(came, sizeof(came), "-1 %s (%s)", drill_errno_name(px->err), strerror(px->err));
    else
        snprintf(came, sizeof(came), "%" PRId64, px->result);
    return drill_fault(job->s, fault, c->result_place, "%s(): expected %" PRId64 "%s%s, came %s",
                       c->name, c->result, c->err_name ? " " : "", c->err_name ? c->err_name : "",
                       came);
}

static void enter(struct drill_fd *fds, int64_t number, int64_t live, bool datagrams, bool plain)
{
    if (number >= 0 && number < DRILL_FDS_MAX)
        fds[number] = (struct drill_fd){
            .open = true, .live = (int)live, .datagrams = datagrams, .plain = plain};
}

/* What descriptors there are now. */
static void account(struct drill_job *job, struct drill_fd *fds)
{
    const struct px_call *px = &job->px;
    struct drill_fd *fd = fd_of(fds, script_fd(job));
    if (px->op == PX_PIPE && px->result == 0) {
        const struct drill_expr *first = job->want->first;
        enter(fds, first->number, job->pipe[0], false, true);
        enter(fds, first->next->number, job->pipe[1], false, true);
    }
    if (job->kind->gives_fd && px->result >= 0)
        enter(fds, job->c->result_any ? px->result : job->c->result, px->result,
              px->op == PX_SOCKET && (px->socket.type & 0xf) == SOCK_DGRAM, px->op == PX_OPEN);
    if (px->op == PX_CLOSE && fd && px->result == 0)
        fd->open = false;
    if (px->op == PX_CONNECT && fd) {
        fd->sent = 0;
        fd->received = 0;
    }
    bool counts = px->result > 0 && fd && !(flags_of(job) & (MSG_PEEK | MSG_ERRQUEUE));
    if (counts && job->kind->moves == SENDS)
        fd->sent += (uint32_t)px->result;
    if (counts && (job->kind->moves == RECEIVES || px->op == PX_SPLICE))
        fd->received += (uint32_t)px->result;
}

bool drill_job_check(struct drill_job *job, struct drill_fd *fds, struct drill_fault *fault)
{
    struct drill_fd *fd = fd_of(fds, script_fd(job));
    bool good = check_result(job, fault);
    bool succeeded = job->px.result >= 0;
    if (good && succeeded && job->kind->check)
        good = job->kind->check(job, fault);
    bool bytes = job->kind->moves == RECEIVES && succeeded && fd &&
                 !(flags_of(job) & (MSG_ERRQUEUE | MSG_TRUNC));
    if (good && bytes)
        good = job_check_received(job, fd, fault);
    account(job, fds);
    return good;
}

/* ---- what the runner asks ------------------------------------------------------------------- */

enum drill_job_is drill_job_is(const struct drill_job *job)
{
    switch (job->px.op) {
    case PX_LISTEN:
        return DRILL_JOB_LISTEN;
    case PX_ACCEPT:
        return DRILL_JOB_ACCEPT;
    case PX_CONNECT:
        return DRILL_JOB_CONNECT;
    default:
        return flags_of(job) & MSG_FASTOPEN_FLAG ? DRILL_JOB_CONNECT : DRILL_JOB_OTHER;
    }
}

struct drill_place drill_job_place(const struct drill_job *job)
{
    return job->c->place;
}

int drill_job_fd(const struct drill_job *job)
{
    if (job->px.op == PX_ACCEPT)
        return job->c->result_any ? (int)job->px.result : (int)job->c->result;
    return script_fd(job);
}

uint16_t drill_job_port(const struct drill_job *job)
{
    if (job->addr.ss_family == AF_INET6) {
        struct sockaddr_in6 six;
        memcpy(&six, &job->addr, sizeof(six));
        return ntohs(six.sin6_port);
    }
    struct sockaddr_in four;
    memcpy(&four, &job->addr, sizeof(four));
    return ntohs(four.sin_port);
}

void drill_job_format(const struct drill_job *job, char *text, size_t size)
{
    const struct px_call *px = &job->px;
    char fd[16] = "", bytes[32] = "", result[60];
    if (!job->kind->no_fd)
        snprintf(fd, sizeof(fd), "%d", script_fd(job));
    if (job->kind->moves != MOVES_NOTHING)
        snprintf(bytes, sizeof(bytes), ", %zu", job->buffer_len);
    if (px->result == -1)
        snprintf(result, sizeof(result), "-1 %s", drill_errno_name(px->err));
    else
        snprintf(result, sizeof(result), "%" PRId64, px->result);
    snprintf(text, size, "%s(%s%s) = %s", job->c->name, fd, bytes, result);
}

void drill_job_path(struct drill_job *job, const char *from, const char *to)
{
    if (job->px.op == PX_OPEN && strcmp(job->path, from) == 0)
        snprintf(job->path, sizeof(job->path), "%s", to);
}
