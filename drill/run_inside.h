/* The runner, between run.c (events, time), expect.c (packets that leave), act.c (packets that
 * arrive, calls, code, commands) and picture.c (what is shown when something fails). */
#ifndef DRILL_RUN_INSIDE_H
#define DRILL_RUN_INSIDE_H

#include "drill/drill.h"
#include "drill/job.h"
#include "drill/match.h"
#include "drill/python.h"
#include "drill/target.h"
#include "link/capture.h"

#define RUN_FLOWS_MAX 1024

/* What happened, for the picture. */
enum run_happened { RUN_IN, RUN_OUT, RUN_CALL, RUN_NOTE };

struct run_entry {
    enum run_happened kind;
    int64_t at_ns; /* since the script began */
    enum la_reason why;
    char *text;
};

struct drill_run {
    const struct drill_script *s;
    const struct drill_config *config;
    struct drill_result *result;
    struct drill_fault *fault;
    struct drill_target *target;
    struct drill_wire wire;
    struct drill_ends ends;

    /* of the options */
    uint16_t bind_port, connect_port;
    uint8_t prefix;
    uint32_t mtu;
    int64_t tolerance_ns, tick_us, horizon_ns;
    double tolerance_part;
    bool strict;

    /* time */
    uint64_t start_ns;
    uint64_t stood_ns; /* where time stood at the last step, and for how many steps now */
    unsigned stood;
    bool began;
    int64_t event_ns; /* the script's time of the event before this */

    /* flows; the current one is what packets without ports belong to */
    struct drill_flow flows[RUN_FLOWS_MAX];
    unsigned flows_count;
    struct drill_flow *current;
    bool listened;   /* since the current flow began: a SYN that arrives begins another */
    bool connecting; /* since then: a SYN that leaves is another's */
    uint16_t next_port;
    uint16_t fragment_id; /* of the last packet that arrived in fragments */

    struct drill_fd fds[DRILL_FDS_MAX];
    int fd_tested; /* the script's number: whose TCP_INFO code looks at; -1: none */

    /* packets that left and nobody asked for yet */
    struct drill_live *queue;
    unsigned queue_first, queue_count, queue_room;

    struct drill_job **jobs; /* of all calls, in the order of the events */
    unsigned jobs_count;
    struct drill_job *pending; /* a blocking call that is under way */
    int64_t pending_end_ns;
    int64_t pending_began_ns;

    struct py_world *world;
    char printed[4096];

    struct drill_persona persona;
    struct {
        char name[64];
        uint64_t value; /* at the last look */
    } counters[8];
    unsigned counters_count;
    char file_from[200], file_to[64];

    struct capture capture;
    struct run_entry *log;
    unsigned log_count, log_room;
};

/* Nanoseconds since the script began. */
int64_t run_now(const struct drill_run *r);

/* Into the capture, when there is one. */
void run_capture(struct drill_run *r, const uint8_t *bytes, size_t len, bool inbound,
                 enum la_reason why);

/* Takes what left from the target into the queue, and its trace records. */
bool run_drain(struct drill_run *r);

/* Lets time pass to `at_ns`, stepping the call that waits; false: fault. */
bool run_wait(struct drill_run *r, int64_t at_ns);

/* One step of time towards `at_ns`; false: fault. */
bool run_advance(struct drill_run *r, int64_t at_ns);

/* The pending call must end now: waits for it. */
bool run_finish_pending(struct drill_run *r);

/* How far off an event may be. */
int64_t run_tolerance(const struct drill_run *r, int64_t event_ns);
bool run_check_time(struct drill_run *r, struct drill_place place, const char *what,
                    int64_t from_ns, int64_t until_ns, int64_t came_ns);

void run_log(struct drill_run *r, enum run_happened kind, int64_t at_ns, enum la_reason why,
             const char *format, ...) __attribute__((format(printf, 5, 6)));

struct drill_flow *run_flow_new(struct drill_run *r, uint16_t local_port, uint16_t remote_port);
struct drill_flow *run_flow_find(struct drill_run *r, uint16_t local_port, uint16_t remote_port);

/* expect.c: false: fault. `*came_ns`: when the (first) packet left. */
bool run_expect(struct drill_run *r, const struct drill_event *e, int64_t from_ns, int64_t until_ns,
                int64_t *came_ns);

/* act.c */
bool run_inject(struct drill_run *r, const struct drill_event *e);
bool run_call(struct drill_run *r, const struct drill_event *e, struct drill_job *job,
              int64_t at_ns);
bool run_call_done(struct drill_run *r, struct drill_job *job);
bool run_code(struct drill_run *r, const struct drill_event *e);
bool run_command(struct drill_run *r, const struct drill_event *e);
bool run_persona(struct drill_run *r, const struct drill_persona *p, struct drill_place place);

/* picture.c */
char *run_picture(const struct drill_run *r);

#endif
