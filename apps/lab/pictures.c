/* Files of a run: SVG, Mermaid, pcap. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/lab/lab.h"
#include "lab/chart.h"
#include "link/capture.h"

/* "a/close.svg" and scene "three" become "a/close-three.svg". */
static void path_of_scene(const struct job *job, const struct lab *lab, unsigned scene,
                          const char *path, char out[JOB_PATH])
{
    const char *dot = strrchr(path, '.'), *slash = strrchr(path, '/');
    if (lab->scenes_count == 1 || job->scene) {
        snprintf(out, JOB_PATH, "%s", path);
        return;
    }
    if (!dot || (slash && dot < slash))
        dot = path + strlen(path);
    snprintf(out, JOB_PATH, "%.*s-%s%s", (int)(dot - path), path, lab->scenes[scene].name, dot);
}

static bool written(struct job *job, FILE *out, const char *path, int rc)
{
    bool good = rc == 0 && fflush(out) == 0 && !ferror(out);
    if (out != stdout)
        good &= fclose(out) == 0;
    if (!good)
        say_error(&job->say, "cannot write %s: %s", "无法写入 %s：%s", path, strerror(errno));
    return good;
}

static FILE *open_out(struct job *job, const char *path)
{
    FILE *out = strcmp(path, "-") == 0 ? stdout : fopen(path, "wb");
    if (!out)
        say_error(&job->say, "cannot write %s: %s", "无法写入 %s：%s", path, strerror(errno));
    return out;
}

static bool draw(struct job *job, struct lab *lab, unsigned scene, const char *path, bool svg)
{
    struct la_chart_form form;
    FILE *out = open_out(job, path);
    struct la_chart *c = out ? lab_chart(lab, scene, job->say.lang, !job->quiet, true) : NULL;
    la_chart_form_init(&form);
    form.absolute = job->absolute;
    if (out && !c)
        return written(job, out, path, LA_ENOMEM);
    if (!out)
        return false;
    int rc = svg ? la_chart_svg(c, &form, out) : la_chart_mermaid(c, &form, out);
    la_chart_free(c);
    return written(job, out, path, rc);
}

bool picture_svg(struct job *job, struct lab *lab, unsigned scene, const char *path)
{
    return draw(job, lab, scene, path, true);
}

/* ---- pcap ----------------------------------------------------------------------------------- */

/* A packet stands in the file where it left, at its first host; what became of it is in the
 * comment. */
static bool pcap(struct job *job, const struct lab *lab, unsigned scene, const char *path)
{
    struct capture capture;
    struct la_message why;
    const struct lab_record *r = &lab->scenes[scene].record;
    bool ethernet = r->plan->nodes_count > 0 && r->plan->nodes[0].ethernet;
    struct capture_interface interface = {.type = ethernet ? LA_LINK_ETHERNET : LA_LINK_IP,
                                          .name = lab->name,
                                          .side = "simulated, each packet as it leaves its host"};
    if (capture_open(&capture, path, &interface, &why) != 0) {
        say_error(&job->say, "%s", "%s", why.text);
        return false;
    }
    for (size_t i = 0; i < r->count; i++) {
        const struct lab_event *e = &r->events[i];
        char comment[CAPTURE_COMMENT_MAX];
        if (e->what != LAB_PACKET)
            continue;
        snprintf(comment, sizeof(comment), "%s: %.90s%s%.60s", r->plan->nodes[e->node].name,
                 la_reason_text((enum la_reason)e->reason, job->say.lang),
                 e->fate == LAB_LOST ? " - LOST: " : "",
                 e->fate == LAB_LOST && e->why ? e->why : "");
        capture_packet(&capture, e->frame, e->len, e->time_ns,
                       lab_chart_end(r->plan, e->node) == LA_CHART_RIGHT, comment);
    }
    bool good = !capture.broken;
    capture_close(&capture);
    return good;
}

bool pictures_write(struct job *job, struct lab *lab)
{
    bool good = true;
    for (unsigned i = 0; i < lab->scenes_count; i++) {
        char path[JOB_PATH];
        if (job->scene && strcmp(job->scene, lab->scenes[i].name) != 0)
            continue;
        if (job->svg) {
            path_of_scene(job, lab, i, job->svg, path);
            good &= draw(job, lab, i, path, true);
        }
        if (job->mermaid) {
            path_of_scene(job, lab, i, job->mermaid, path);
            good &= draw(job, lab, i, path, false);
        }
        if (job->pcap) {
            path_of_scene(job, lab, i, job->pcap, path);
            good &= pcap(job, lab, i, path);
        }
    }
    return good;
}
