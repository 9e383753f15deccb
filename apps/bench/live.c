/* tun: what Lastack reaches against the kernel's TCP over TUN, and what two kernels reach over
 * veth, one after the other in the same namespace and within the same seconds.
 *
 * A process of its own makes the world, so that the benchmarks' own process stays where it is;
 * results come back on a page that both share. The ratios are taken within a run, and their median
 * is reported: what disturbs a run disturbs both of its streams. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "apps/bench/bench.h"
#include "apps/bench/live.h"
#include "apps/common/node.h"

#define MTU 1500

enum { FIGURE_SEND, FIGURE_RECV, FIGURE_VETH, FIGURE_SEND_RATIO, FIGURE_RECV_RATIO };

/* In the child: makes the world and measures in it. */
static bool world_measure(const struct bench *bench, struct live_page *page)
{
    const struct node_options options = {.mtu = MTU, .time_wait_ns = (uint64_t)LA_NS_PER_MS};
    struct la_message why;
    struct node node;
    if (node_open(&node, &options, NULL, &why) < 0) {
        live_failed(page, "%s", why.text);
        return false;
    }
    if (node.kind != NODE_TUN) {
        live_failed(page, "no TUN here: %.150s", node.how.text);
        node_close(&node);
        return false;
    }
    bool done = tun_send_measure(page, &node, bench->cpu_peer, bench->seconds) &&
                tun_recv_measure(page, &node, bench->cpu_peer, bench->seconds);
    node_close(&node);
    return done && veth_measure(page, bench->cpu, bench->cpu_peer, bench->seconds);
}

static void cost_tell(struct figure *figure, const struct live_cost *cost)
{
    condition_text(figure, "lastack_processor", "%.0f %% user, %.0f %% system", cost->user * 100,
                   cost->system * 100);
    condition_number(figure, "bytes_a_frame", cost->frame_bytes);
    condition_number(figure, "lastack_socket_buffers", LIVE_SOCKET_BYTES);
}

static void take_results(const struct bench *bench, const struct live_page *page,
                         struct figure *group)
{
    figure_add(&group[FIGURE_SEND], page->send);
    figure_add(&group[FIGURE_RECV], page->recv);
    figure_add(&group[FIGURE_VETH], page->veth);
    figure_add(&group[FIGURE_SEND_RATIO], page->send / page->veth);
    figure_add(&group[FIGURE_RECV_RATIO], page->recv / page->veth);
    cost_tell(&group[FIGURE_SEND], &page->send_cost);
    cost_tell(&group[FIGURE_RECV], &page->recv_cost);
    for (unsigned i = 0; i < group->group; i++) {
        condition_number(&group[i], "mtu", MTU);
        condition_text(&group[i], "ip", "IPv4");
        condition_number(&group[i], "application_buffers", LIVE_PIECE);
        condition_text(&group[i], "kernel_congestion_control", "%s", page->congestion);
        condition_text(&group[i], "offloads",
                       i == FIGURE_VETH ? "the kernel's default"
                                        : "checksums and super-segments (IFF_VNET_HDR)");
        condition_text(&group[i], "pinning",
                       i == FIGURE_VETH ? "sender cpu %d, receiver cpu %d"
                                        : "lastack cpu %d, kernel's application cpu %d",
                       bench->cpu, bench->cpu_peer);
    }
}

void live_run(struct bench *bench, struct figure *group)
{
    struct live_page *page =
        mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
        figures_missing(group, "no shared page: %s", strerror(errno));
        return;
    }
    fflush(stdout);
    pid_t world = live_fork(page, bench->cpu, 3 * bench->seconds + 2 * LIVE_GRACE_S);
    if (world == 0)
        _exit(world_measure(bench, page) ? 0 : 1);
    if (world > 0 && live_join(page, world, "the run"))
        take_results(bench, page, group);
    else
        figures_missing(group, "%s", page->why);
    munmap(page, sizeof(*page));
}
