/* `lastack demo`, inside: demo.c is the order of events, parts.c what happens in each part,
 * stage.c the world and its clockwork, end.c one end of a connection, props.c the files and
 * programs, print.c how it looks. */
#ifndef APPS_DEMO_DEMO_H
#define APPS_DEMO_DEMO_H

#include <limits.h>

#include <lastack/tcp.h>

#include "apps/common/child.h"
#include "apps/common/node.h"
#include "apps/common/pump.h"
#include "apps/common/say.h"

#define DEMO_FILE_BYTES (UINT64_C(64) * 1024 * 1024)
#define DEMO_MSL_NS     (UINT64_C(1) * 1000000000)
#define DEMO_SUM_CHARS  64

struct demo {
    struct say say;
    bool colour; /* on stdout */
    unsigned columns;
    const char *world; /* --world, or NULL */
    bool memory;       /* no kernel: the peer is a second stack in this process */
    struct node node, twin;
    struct la_diagram *diagram;
    char nc[16];              /* what OpenBSD's netcat is called here */
    char pcap[PATH_MAX];      /* as the user finds it */
    char pcap_open[PATH_MAX]; /* as this process opens it */
    int null_fd;              /* /dev/null */
    int file_fd;              /* what is carried */
    char sum[DEMO_SUM_CHARS + 1];
    int part;
};

/* ---- end.c: one end of a connection, with an application behind its descriptors -------------- */

enum end_state { END_OPENING, END_OPEN, END_TIME_WAIT, END_OVER, END_FAILED };

struct end;
typedef void end_app(struct end *end, uint64_t now_ns);

struct end {
    struct node *node;
    enum end_state state;
    la_handle listener, conn;
    struct pump pump;
    int in_fd, out_fd;
    bool half_close;
    end_app *app;     /* NULL: the descriptors are files */
    int app_in_fd;    /* what the peer said, as the application reads it */
    int app_out_fd;   /* what the application says; -1: it has ended */
    char heard[2048]; /* what it has read so far */
    size_t heard_len;
    int app_step;
    uint64_t app_at_ns;
    int error;
    uint64_t open_ns, closed_ns;
    struct la_tcp_info info; /* at the close */
    uint32_t time_wait_left_ms;
};

/* Files on both sides; -1: nothing is sent. */
void end_init(struct end *end, struct node *node, int in_fd, int out_fd, bool half_close);
/* An application, over two pipes. 0 or -errno. */
int end_init_app(struct end *end, struct node *node, end_app *app);
/* 0 or a negative la_err. */
int end_listen(struct end *end, uint16_t port, bool v6);
int end_connect(struct end *end, const struct la_endpoint *to);
/* One step, after every turn. */
void end_step(struct end *end);
void end_close(struct end *end);

/* ---- stage.c -------------------------------------------------------------------------------- */

/* What the peer does: a program on the kernel's side, or the same as a second stack does it. */
struct role {
    const char *command;
    const char *redirection; /* how it is shown: " >COPY" */
    bool listens;
    bool v6;
    uint16_t port;
    int in_fd, out_fd; /* of the program */
    bool half_close;
};

struct peer {
    struct child child;
    struct end end;
    bool twin;
};

/* Makes the world: TUN, else veth, else two stacks over memory. False: it has said why. */
bool stage_open(struct demo *d);
void stage_close(struct demo *d);
const char *stage_peer_name(const struct demo *d);

/* From here on what happens is drawn, until stage_play() has ended. */
void stage_diagram_begin(struct demo *d);

bool stage_peer_start(struct demo *d, struct peer *peer, const struct role *role);

/* Lets both ends act until they are done. False: it has said what went wrong. */
bool stage_play(struct demo *d, struct end *end, struct peer *peer);

/* ---- parts.c: true when the part came out right --------------------------------------------- */

bool part_netcat_fetches(struct demo *d);
bool part_lastack_fetches(struct demo *d);
bool part_curl(struct demo *d);
bool part_half_close(struct demo *d);

/* ---- props.c -------------------------------------------------------------------------------- */

/* The programs, the file to carry, the place for the capture; before the world is made, because
 * in it even root has only its own rights. False: it has said what is missing. */
bool props_make(struct demo *d, const char *pcap);
/* A file without a name, which is gone when it is closed; -errno. */
int props_temporary(void);
/* The SHA-256 sum of a whole file; false when sha256sum failed. */
bool props_sum(int fd, char sum[DEMO_SUM_CHARS + 1]);

/* ---- print.c -------------------------------------------------------------------------------- */

void print_title(const struct demo *d);
void print_world(const struct demo *d);
void print_heading(struct demo *d, const char *en, const char *zh);
void print_text(const struct demo *d, const char *en, const char *zh);
void print_command(const struct demo *d, const char *command, const char *redirection);
/* A file's text, indented, under a line that says what it is. */
void print_file(const struct demo *d, int fd, const char *en, const char *zh);
void print_goodput(const struct demo *d, const struct end *end, uint64_t bytes);
void print_sums(const struct demo *d, const char *sent, const char *received);
void print_end(const struct demo *d);
/* "part 3: ..." on stderr. */
void print_failure(struct demo *d, const char *en, const char *zh);

#endif
