/* A call of a script, made ready: its arguments as Linux's types, its result against the script.
 *
 * Everything is checked when the job is made, before the script runs: that there is such a call,
 * how many arguments it has and of what shape. Descriptors are the script's numbers and become
 * real ones when the call begins. Buffers that are sent hold the bytes that the stream has at that
 * place (drill_pattern), those that were received are checked to. */
#ifndef DRILL_JOB_H
#define DRILL_JOB_H

#include <netinet/in.h>

#include "drill/packet.h"
#include "posix/posix.h"

#define DRILL_FDS_MAX 256

/* Descriptors by the script's numbers. */
struct drill_fd {
    bool open;
    int live;
    uint32_t sent, received; /* bytes of the stream so far */
    bool plain;              /* other bytes than the pattern's were sent */
    bool datagrams;          /* each message begins the pattern anew */
};

struct drill_ends {
    struct sockaddr_storage local, remote; /* with the ports of the script */
    socklen_t len;
    uint64_t wall_ns;     /* what the target's wall clock showed when the script began */
    int64_t tolerance_ns; /* of times in control messages */
};

struct drill_job;

/* NULL: fault. Freed with drill_job_free(). */
struct drill_job *drill_job_new(const struct drill_script *s, const struct drill_call *c,
                                const struct drill_ends *ends, struct drill_fault *fault);
void drill_job_free(struct drill_job *job);

/* Puts in the descriptors and the bytes; false: fault (a descriptor that the script never opened
 * is handed on as it is, so that a script can ask for EBADF). */
bool drill_job_ready(struct drill_job *job, struct drill_fd *fds);
struct px_call *drill_job_call(struct drill_job *job);

/* After it is done: is the result the one that is written, and what it wrote? Enters and takes
 * descriptors out. */
bool drill_job_check(struct drill_job *job, struct drill_fd *fds, struct drill_fault *fault);

/* What the runner wants to know of a call. */
enum drill_job_is {
    DRILL_JOB_OTHER,
    DRILL_JOB_LISTEN,  /* ports may be connected to from now on */
    DRILL_JOB_ACCEPT,  /* the script's number of the new descriptor: drill_job_fd() */
    DRILL_JOB_CONNECT, /* or a send that connects */
};
enum drill_job_is drill_job_is(const struct drill_job *job);
struct drill_place drill_job_place(const struct drill_job *job);
int drill_job_fd(const struct drill_job *job);
uint16_t drill_job_port(const struct drill_job *job); /* of the address it was given, or gave */

/* "read(4, 1000) = 1000", as it went. */
void drill_job_format(const struct drill_job *job, char *text, size_t size);

/* Maps a path of the script to a real file; set by the runner for files that a command made. */
void drill_job_path(struct drill_job *job, const char *from, const char *to);

/* Names of all calls, NULL behind the last. */
const char *drill_call_name(unsigned n);

#endif
