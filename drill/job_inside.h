/* The job, between job.c (which calls there are), value.c (arguments into Linux's types) and
 * outcome.c (what came back against the script). */
#ifndef DRILL_JOB_INSIDE_H
#define DRILL_JOB_INSIDE_H

#include "drill/job.h"

#define JOB_ITEMS_MAX   16
#define JOB_CONTROL_MAX 1024
#define JOB_VALUE_MAX   512
#define JOB_BYTES_MAX   (UINT32_C(64) << 20)

struct job_kind;

struct drill_job {
    const struct drill_script *s;
    const struct drill_call *c;
    const struct job_kind *kind;
    const struct drill_ends *ends;
    struct px_call px;

    struct sockaddr_storage addr;
    socklen_t addr_len;
    uint8_t *buffer;
    size_t buffer_len;
    struct iovec iov[JOB_ITEMS_MAX];
    struct msghdr msg;
    _Alignas(struct cmsghdr) uint8_t control[JOB_CONTROL_MAX];
    uint32_t control_len; /* as sent */
    struct pollfd pollfds[JOB_ITEMS_MAX];
    struct epoll_event events[JOB_ITEMS_MAX];
    _Alignas(8) uint8_t value[JOB_VALUE_MAX];
    socklen_t value_len;
    int pipe[2];
    loff_t offset;
    char path[200];

    /* What the script expects of what is written back; NULL: nothing. */
    const struct drill_expr *want;
    const struct drill_expr *want_name; /* an address */
};

/* ---- value.c -------------------------------------------------------------------------------- */

bool job_fault(const struct drill_job *job, struct drill_fault *fault, const struct drill_expr *at,
               const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The n-th argument; never NULL for those that the number of arguments promises. */
const struct drill_expr *job_arg(const struct drill_job *job, unsigned n);

bool job_number(const struct drill_job *job, const struct drill_expr *e, int64_t *number,
                struct drill_fault *fault);
bool job_int(const struct drill_job *job, const struct drill_expr *e, int *number,
             struct drill_fault *fault);

/* The member of a struct; NULL: it is not written. Unknown members are a fault of job_members(). */
const struct drill_expr *job_member(const struct drill_expr *e, const char *name);
bool job_members(const struct drill_job *job, const struct drill_expr *e, const char *const *names,
                 struct drill_fault *fault);

/* An address: "..." is the end's own. */
bool job_address(struct drill_job *job, const struct drill_expr *e,
                 const struct sockaddr_storage *usual, struct drill_fault *fault);

/* A buffer of so many bytes; NULL in the script is NULL. */
bool job_buffer(struct drill_job *job, const struct drill_expr *e, const struct drill_expr *len,
                struct drill_fault *fault);
bool job_iovecs(struct drill_job *job, const struct drill_expr *e, struct drill_fault *fault);
bool job_message(struct drill_job *job, const struct drill_expr *e, bool receive,
                 struct drill_fault *fault);
bool job_option_value(struct drill_job *job, const struct drill_expr *e, struct drill_fault *fault);
bool job_event(const struct drill_job *job, const struct drill_expr *e, struct epoll_event *event,
               struct drill_fault *fault);

/* The bytes that a control message's data have in memory; 0: fault. */
size_t job_control_data(const struct drill_job *job, const struct drill_expr *e, uint8_t *bytes,
                        size_t room, struct drill_fault *fault);

/* ---- outcome.c ------------------------------------------------------------------------------ */

bool job_check_poll(struct drill_job *job, struct drill_fault *fault);
bool job_check_events(struct drill_job *job, struct drill_fault *fault);
bool job_check_message(struct drill_job *job, struct drill_fault *fault);
bool job_check_option(struct drill_job *job, struct drill_fault *fault);
bool job_check_name(struct drill_job *job, struct drill_fault *fault);
bool job_check_value(struct drill_job *job, struct drill_fault *fault);
bool job_check_received(struct drill_job *job, struct drill_fd *fd, struct drill_fault *fault);

#endif
