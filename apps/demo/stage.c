/* The demo's world and its clockwork: Lastack on one side; on the other programs that use the
 * kernel's TCP, or, where no namespace can be had, a second stack that plays their part. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "apps/demo/demo.h"

#define LINK_MTU     1500
#define WIRE_FRAMES  32 /* so few that a turn's segments find room in the trace */
#define LOOK_NS      (UINT64_C(10) * 1000000)    /* how often to look after the peer's program */
#define LISTENS_NS   (UINT64_C(5) * 1000000000)  /* how long to wait until it listens */
#define PART_NS      (UINT64_C(12) * 1000000000) /* how long a part may take */
#define COUNTDOWN_NS (UINT64_C(100) * 1000000)

const char *stage_peer_name(const struct demo *d)
{
    return d->memory ? "second" : "kernel";
}

/* ---- the world ------------------------------------------------------------------------------ */

static bool memory_open(struct demo *d, const struct node_options *options, const char *because)
{
    struct la_link *ends[2];
    struct la_message why;
    struct node_options twin = {.msl_ns = options->msl_ns, .addrs_count = 2};
    twin.addrs[0].addr = node_kernel_addr(false);
    twin.addrs[0].prefix = 24;
    twin.addrs[1].addr = node_kernel_addr(true);
    twin.addrs[1].prefix = 64;
    if (la_link_memory_pair(LA_LINK_ETHERNET, LINK_MTU, WIRE_FRAMES, ends) < 0) {
        say_error(&d->say, "no memory for the demo's wire", "内存不足，无法建立链路");
        return false;
    }
    int rc = node_open(&d->node, options, ends[0], &why);
    if (rc < 0)
        la_link_close(ends[1]);
    else
        rc = node_open(&d->twin, &twin, ends[1], &why);
    if (rc < 0) {
        say_error(&d->say, "%s", "%s", why.text);
        return false;
    }
    d->memory = true;
    snprintf(d->node.how.text, sizeof(d->node.how.text),
             "memory, two stacks in this process, since %.180s", because);
    return true;
}

bool stage_open(struct demo *d)
{
    const struct node_options options = {.pcap = d->pcap_open, .msl_ns = DEMO_MSL_NS};
    struct la_message why;
    if (d->world && strcmp(d->world, "memory") == 0)
        return memory_open(d, &options, "--world memory asks for it");
    if (node_open(&d->node, &options, NULL, &why) == 0)
        return true;
    return memory_open(d, &options, why.text); /* and if that is no cure, it says so */
}

void stage_close(struct demo *d)
{
    node_close(&d->node);
    node_close(&d->twin);
}

void stage_diagram_begin(struct demo *d)
{
    struct la_diagram_options options;
    (void)node_turn(&d->node, 0); /* the clock of what follows */
    node_trace(&d->node, NULL);   /* what came before is not of this part */
    la_diagram_options_init(&options);
    options.columns = d->columns;
    options.unicode = d->say.unicode;
    options.colour = d->colour;
    options.lang = d->say.lang;
    options.there = stage_peer_name(d);
    options.data_lines_max = 2;
    d->diagram = la_diagram_new(&options);
}

/* ---- the clockwork -------------------------------------------------------------------------- */

/* One turn of everything that lives in this process. Two ends of a wire in memory announce
 * nothing to each other, so what one has sent is handed over before the other sleeps. */
static int turn(struct demo *d, uint64_t until_ns)
{
    int rc = 0;
    if (d->memory) {
        la_host_flush(d->node.host);
        rc = node_turn(&d->twin, 0);
        node_trace(&d->twin, NULL);
        uint64_t twin_ns = la_stack_next_deadline(d->twin.stack);
        until_ns = twin_ns < until_ns ? twin_ns : until_ns;
    }
    if (rc == 0)
        rc = node_turn(&d->node, until_ns);
    return rc;
}

static uint64_t until(const struct end *end, const struct peer *peer, uint64_t now_ns)
{
    uint64_t until_ns = pump_until(&end->pump, now_ns + LOOK_NS);
    return peer->twin ? pump_until(&peer->end.pump, until_ns) : until_ns;
}

static bool peer_over(struct peer *peer)
{
    if (!peer->twin)
        return child_ended(&peer->child);
    end_step(&peer->end);
    /* Its TIME-WAIT is nobody's concern: the kernel's lasts a minute. */
    return peer->end.state >= END_TIME_WAIT;
}

static void countdown(struct demo *d, const struct end *end, uint64_t *shown_ns)
{
    if (end->state != END_TIME_WAIT || d->node.clock_ns - *shown_ns < COUNTDOWN_NS)
        return;
    *shown_ns = d->node.clock_ns;
    say_progress(&d->say, "               TIME-WAIT: %u.%u s left",
                 "               TIME-WAIT：还剩 %u.%u 秒", end->time_wait_left_ms / 1000,
                 end->time_wait_left_ms % 1000 / 100);
}

static bool finished(struct demo *d, const struct end *end, const struct peer *peer)
{
    if (end->state == END_FAILED) {
        print_failure(d, la_err_text(end->error), la_err_text(end->error));
        return false;
    }
    if (peer->twin ? peer->end.state == END_FAILED : peer->child.status != 0) {
        print_failure(d, "the peer's program failed", "对端程序失败");
        return false;
    }
    return true;
}

bool stage_play(struct demo *d, struct end *end, struct peer *peer)
{
    uint64_t begin_ns = la_clock_ns(), shown_ns = 0;
    bool peer_done = false, late = false;
    int rc = 0;
    while (rc == 0 && !late && end->state != END_FAILED && (end->state != END_OVER || !peer_done)) {
        rc = turn(d, until(end, peer, d->node.clock_ns));
        end_step(end);
        peer_done = peer_done || peer_over(peer);
        la_host_flush(d->node.host); /* a call and its segment are drawn together */
        if (d->say.transient && end->state != END_TIME_WAIT)
            say_progress_end(&d->say);
        node_trace(&d->node, d->diagram);
        countdown(d, end, &shown_ns);
        late = d->node.clock_ns - begin_ns > PART_NS;
    }
    if (d->diagram)
        la_diagram_end(d->diagram);
    d->diagram = NULL;
    if (rc < 0)
        print_failure(d, la_err_text(rc), la_err_text(rc));
    else if (late)
        print_failure(d, "it took too long", "用时过长");
    bool good = rc == 0 && !late && finished(d, end, peer);
    end_close(end);
    if (peer->twin)
        end_close(&peer->end);
    else
        child_stop(&peer->child);
    return good;
}

/* ---- the peer ------------------------------------------------------------------------------- */

static bool twin_start(struct demo *d, struct peer *peer, const struct role *role)
{
    const struct la_endpoint to = {.addr = node_lastack_addr(role->v6), .port = role->port};
    peer->twin = true;
    end_init(&peer->end, &d->twin, role->in_fd < 0 ? -1 : dup(role->in_fd), dup(role->out_fd),
             role->half_close);
    if (role->listens)
        return end_listen(&peer->end, role->port, role->v6) == 0;
    return end_connect(&peer->end, &to) == 0;
}

static bool listens_soon(struct demo *d, struct peer *peer, uint16_t port)
{
    uint64_t end_ns = la_clock_ns() + LISTENS_NS;
    while (!child_listens(port) && !child_ended(&peer->child) && d->node.clock_ns < end_ns)
        if (node_turn(&d->node, la_clock_ns() + LOOK_NS) < 0)
            return false;
    return !peer->child.ended;
}

bool stage_peer_start(struct demo *d, struct peer *peer, const struct role *role)
{
    *peer = (struct peer){0};
    if (d->memory)
        return twin_start(d, peer, role);
    int rc = child_start(&peer->child, role->command, role->in_fd < 0 ? d->null_fd : role->in_fd,
                         role->out_fd, STDERR_FILENO);
    if (rc < 0) {
        print_failure(d, strerror(-rc), strerror(-rc));
        return false;
    }
    if (!role->listens || listens_soon(d, peer, role->port))
        return true;
    print_failure(d, "the peer's program does not listen", "对端程序没有监听");
    return false;
}
