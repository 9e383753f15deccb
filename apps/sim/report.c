/* What a run ends with: a table for people, an object for programs. */
#include <stdio.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

#include <lastack/err.h>

#include "apps/sim/sim.h"

static uint64_t duration_ns(const struct sim_flow_result *f)
{
    return f->ended_ns > f->began_ns ? f->ended_ns - f->began_ns : 0;
}

static uint64_t both(const uint64_t of[2])
{
    return of[0] + of[1];
}

static void rtt_format(const struct sim_flow_result *f, char *text, size_t len)
{
    char least[LA_NUMBER_TEXT_MAX], mean[LA_NUMBER_TEXT_MAX];
    la_duration_format(f->rtt_min_us * UINT64_C(1000), least);
    la_duration_format(f->rtt_avg_us * UINT64_C(1000), mean);
    if (f->rtt_avg_us == 0)
        snprintf(text, len, "-");
    else
        snprintf(text, len, "%s / %s", least, mean);
}

static void flow_print(const struct sim_flow_result *f)
{
    char bytes[LA_NUMBER_TEXT_MAX], rtx[LA_NUMBER_TEXT_MAX], twice[LA_NUMBER_TEXT_MAX];
    char took[LA_NUMBER_TEXT_MAX], rate[LA_NUMBER_TEXT_MAX], rtt[2 * LA_NUMBER_TEXT_MAX + 8];
    la_count_format(both(f->bytes), bytes);
    la_count_format(both(f->rtx_bytes), rtx);
    la_count_format(both(f->spurious_bytes), twice);
    la_duration_format(duration_ns(f), took);
    la_rate_format(both(f->bytes), duration_ns(f), rate);
    rtt_format(f, rtt, sizeof(rtt));
    printf("%-8s %-8s %14s %14s %12s %10s %4u %4u %4u  %-22s %s", f->name, f->cc ? f->cc : "-",
           bytes, rate, rtx, twice, f->timeouts[0] + f->timeouts[1],
           f->recoveries[0] + f->recoveries[1], f->undone[0] + f->undone[1], rtt, took);
    if (f->connections > 1)
        printf("  %u connections", f->connections);
    if (f->failed > 0)
        printf("  %u failed: %s", f->failed, la_err_name(f->error));
    printf("\n");
}

void report_table(const struct job *job, const struct plan *plan, const struct sim_result *r)
{
    char packets[LA_NUMBER_TEXT_MAX], dropped[LA_NUMBER_TEXT_MAX], took[LA_NUMBER_TEXT_MAX];
    la_count_format(r->packets, packets);
    la_count_format(r->dropped, dropped);
    la_duration_format(r->end_ns, took);
    printf(say_words(&job->say, "seed %llu: %s packets on links, %s of them dropped, in %s\n",
                     "种子 %llu：链路上 %s 个报文，丢弃 %s 个，历时 %s\n"),
           (unsigned long long)plan->seed, packets, dropped, took);
    printf("%-8s %-8s %14s %14s %12s %10s %4s %4s %4s  %-22s %s\n", "flow", "cc", "bytes",
           "goodput", "rtx bytes", "spurious", "RTO", "rec", "undo", "RTT min / mean", "duration");
    for (unsigned i = 0; i < r->flows_count; i++)
        flow_print(&r->flows[i]);
    if (r->flows_count > 1)
        printf("Jain %.4f\n", sim_jain(r, 0, r->flows_count - 1));
    printf("hash %016llx\n", (unsigned long long)r->hash);
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static void number(cJSON *to, const char *name, double value)
{
    cJSON_AddNumberToObject(to, name, value);
}

static cJSON *flow_object(const struct sim_flow_result *f)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "name", f->name);
    cJSON_AddStringToObject(o, "cc", f->cc ? f->cc : "");
    number(o, "goodput_bps", sim_goodput_bps(f));
    number(o, "bytes_up", (double)f->bytes[0]);
    number(o, "bytes_down", (double)f->bytes[1]);
    number(o, "rtx_bytes", (double)both(f->rtx_bytes));
    number(o, "spurious_bytes", (double)both(f->spurious_bytes));
    number(o, "timeouts", f->timeouts[0] + f->timeouts[1]);
    number(o, "recoveries", f->recoveries[0] + f->recoveries[1]);
    number(o, "undone", f->undone[0] + f->undone[1]);
    number(o, "rtt_min_us", f->rtt_min_us);
    number(o, "rtt_avg_us", f->rtt_avg_us);
    number(o, "began_ns", (double)f->began_ns);
    number(o, "duration_ns", (double)duration_ns(f));
    number(o, "fct_ns", (double)f->fct_ns);
    number(o, "connections", f->connections);
    number(o, "failed", f->failed);
    if (f->error)
        cJSON_AddStringToObject(o, "error", la_err_name(f->error));
    return o;
}

void report_json(const struct job *job, const struct plan *plan, const struct sim_result *r)
{
    char hash[20];
    cJSON *o = cJSON_CreateObject();
    cJSON *flows = cJSON_AddArrayToObject(o, "flows");
    (void)job;
    number(o, "seed", (double)plan->seed);
    number(o, "end_ns", (double)r->end_ns);
    number(o, "packets", (double)r->packets);
    number(o, "dropped", (double)r->dropped);
    number(o, "events", (double)r->events);
    for (unsigned i = 0; i < r->flows_count; i++)
        cJSON_AddItemToArray(flows, flow_object(&r->flows[i]));
    if (r->flows_count > 0)
        number(o, "jain", sim_jain(r, 0, r->flows_count - 1));
    snprintf(hash, sizeof(hash), "%016llx", (unsigned long long)r->hash);
    cJSON_AddStringToObject(o, "hash", hash);
    cJSON_AddBoolToObject(o, "holds", !r->broken);
    if (r->broken) {
        cJSON_AddStringToObject(o, "kind", r->kind);
        cJSON_AddStringToObject(o, "violation", r->violation);
        number(o, "violated_ns", (double)r->violated_ns);
    }
    char *text = cJSON_PrintUnformatted(o);
    if (text)
        puts(text);
    free(text);
    cJSON_Delete(o);
}
