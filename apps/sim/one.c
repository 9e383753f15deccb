/* One run, and who watches it. */
#include <string.h>

#include "apps/apps.h"
#include "apps/sim/sim.h"
#include "link/capture.h"
#include "sim/read.h"

#define SAMPLE_NS (200 * LA_NS_PER_US)

struct watcher {
    struct plot *plot;
    struct capture capture;
    int node; /* whose packets are captured, -1: nobody's */
    uint64_t epoch_ns;
};

static void take_sample(void *ctx, unsigned flow, unsigned end, const struct sim_sample *sample)
{
    struct watcher *w = ctx;
    plot_sample(w->plot, flow, end, sample);
}

static void take_packet(void *ctx, unsigned node, bool out, const struct la_frame *frame,
                        const uint8_t *bytes, uint64_t now_ns)
{
    struct watcher *w = ctx;
    if ((int)node != w->node)
        return;
    capture_packet(&w->capture, bytes, frame->len, now_ns, !out,
                   la_reason_text((enum la_reason)frame->reason, LA_LANG_EN));
}

static bool capture_begin(struct job *job, const struct plan *plan, struct watcher *w)
{
    struct la_message why;
    for (int i = plan->nodes_count - 1; i >= 0; i--)
        if (!plan->nodes[i].router)
            w->node = i;
    const struct plan_node *node = &plan->nodes[w->node];
    struct capture_interface interface = {
        .type = node->ethernet ? LA_LINK_ETHERNET : LA_LINK_IP,
        .name = node->name,
        .side = "simulated, at this host",
    };
    if (capture_open(&w->capture, job->pcap, &interface, &why) == 0)
        return true;
    say_error(&job->say, "%s", "%s", why.text);
    return false;
}

static void report(struct job *job, const struct plan *plan, const struct sim_result *r)
{
    if (job->json)
        report_json(job, plan, r);
    else
        report_table(job, plan, r);
    if (r->broken && !job->json)
        say_error(&job->say, "seed %llu, at %.9f s: %s: %s", "种子 %llu，时刻 %.9f 秒：%s：%s",
                  (unsigned long long)plan->seed, (double)r->violated_ns / 1e9, r->kind,
                  r->violation);
}

static int run(struct job *job, const struct plan *plan, struct watcher *w)
{
    static struct sim_result r;
    struct sim_watch watch = {.ctx = w, .trace = job->trace ? stderr : NULL};
    if (job->plot) {
        watch.sample = take_sample;
        watch.every_ns = SAMPLE_NS;
    }
    if (job->pcap)
        watch.packet = take_packet;
    if (!sim_run(plan, &watch, &r)) {
        say_error(&job->say, "no memory for this run", "内存不足，无法运行");
        return APP_FAILED;
    }
    report(job, plan, &r);
    bool drawn = !job->plot || plot_draw(w->plot, &job->say, job->plot);
    bool written = !job->pcap || !w->capture.broken;
    return r.broken || !drawn || !written ? APP_FAILED : APP_DONE;
}

int job_run(struct job *job)
{
    static struct plan plan;
    struct watcher w = {.node = -1};
    if (!job_plan(job, job->seed, &plan))
        return APP_USAGE;
    if (job->print) {
        sim_write(&plan, stdout);
        return APP_DONE;
    }
    if (job->pcap && !capture_begin(job, &plan, &w))
        return APP_FAILED;
    w.plot = job->plot ? plot_new(&plan) : NULL;
    int code = run(job, &plan, &w);
    if (job->pcap)
        capture_close(&w.capture);
    plot_free(w.plot);
    return code;
}
