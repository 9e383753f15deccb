/* A plan as a scenario file, and parameters that follow from a seed: see read.h. */
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "sim/figure.h"
#include "sim/kind.h"
#include "sim/options.h"
#include "sim/read.h"
#include "sim/words.h"

#define TEXT_MAX 2000

/* " name=value" for each row in which `base` differs from `usual`. */
static void write_rows(FILE *out, const struct words_row *rows, const void *base, const void *usual,
                       unsigned end, const char *prefix)
{
    for (; rows->name; rows++) {
        char value[60];
        uint64_t number = words_get(rows, base, end);
        if (number == words_get(rows, usual, end))
            continue;
        words_format(rows, number, value, sizeof(value));
        fprintf(out, " %s%s=%s", prefix, rows->name, value);
    }
}

static void write_nodes(const struct plan *plan, FILE *out)
{
    static struct plan usual;
    plan_init(&usual);
    plan_add_node(&usual, "usual", false);
    for (unsigned i = 0; i < plan->nodes_count; i++) {
        const struct plan_node *n = &plan->nodes[i];
        char text[TEXT_MAX] = "";
        fprintf(out, "%s %s", n->router ? "router" : "host", n->name);
        if (!n->router) {
            write_rows(out, words_of_node, n, &usual.nodes[0], 0, "");
            option_write(&n->options, &usual.nodes[0].options, "", text, sizeof(text));
        }
        fprintf(out, "%s\n", text);
    }
}

static void write_links(const struct plan *plan, FILE *out)
{
    for (unsigned i = 0; i < plan->links_count; i++) {
        const struct plan_link *l = &plan->links[i];
        const char *a = plan->nodes[l->node[0]].name, *b = plan->nodes[l->node[1]].name;
        fprintf(out, "link %s %s\n", a, b);
        for (unsigned side = 0; side < 2; side++) {
            char text[TEXT_MAX] = "";
            words_impair(&l->lane[side], text, sizeof(text));
            if (text[0] != '\0')
                fprintf(out, "lane %s %s%s\n", side ? b : a, side ? a : b, text);
        }
    }
}

static void write_size(FILE *out, const char *name, uint64_t bytes)
{
    if (bytes == PLAN_ENDLESS)
        fprintf(out, " %s=endless", name);
    else if (bytes > 0)
        fprintf(out, " %s=%llu", name, (unsigned long long)bytes);
}

static void write_flows(const struct plan *plan, FILE *out)
{
    static const char *const prefix[] = {"client.", "server."};
    struct plan_flow usual = {.repeat = 1, .patience_ns = PLAN_PATIENCE_NS};
    for (unsigned i = 0; i < plan->flows_count; i++) {
        usual.number = i;
        const struct plan_flow *f = &plan->flows[i];
        fprintf(out, "flow %s %s %s:%u", f->name, plan->nodes[f->node[0]].name,
                plan->nodes[f->node[1]].name, f->port);
        write_size(out, "bytes", f->bytes[0]);
        write_size(out, "reply", f->bytes[1]);
        write_rows(out, words_of_flow, f, &usual, 0, "");
        for (unsigned end = 0; end < 2; end++) {
            char text[TEXT_MAX] = "";
            write_rows(out, words_of_end, f, &usual, end, prefix[end]);
            option_write(&f->options[end], &plan->nodes[f->node[end]].options, prefix[end], text,
                         sizeof(text));
            fputs(text, out);
        }
        fputc('\n', out);
    }
}

/* " 3,5,6 20ns": numbers from 1 on. */
static void write_packets(const struct plan_act *a, FILE *out)
{
    const char *before = " ";
    for (unsigned i = 0; i < 64; i++) {
        if (!(a->value & (UINT64_C(1) << i)))
            continue;
        fprintf(out, "%s%u", before, i + 1);
        before = ",";
    }
    fprintf(out, " %lluns", (unsigned long long)a->late_ns);
}

static void write_link_act(const struct plan *plan, const struct plan_act *a, FILE *out)
{
    static const char *const words[] = {[PLAN_ACT_DOWN] = "lane",
                                        [PLAN_ACT_UP] = "lane",
                                        [PLAN_ACT_LANE] = "lane",
                                        [PLAN_ACT_MASK] = "mask",
                                        [PLAN_ACT_LATE] = "late"};
    const struct plan_link *l = &plan->links[a->what];
    for (unsigned side = 0; side < 2; side++) {
        char text[TEXT_MAX] = "";
        if (!(a->end & (1U << side)))
            continue;
        fprintf(out, "at %lluns %s %s %s", (unsigned long long)a->at_ns, words[a->kind],
                plan->nodes[l->node[side]].name, plan->nodes[l->node[1 - side]].name);
        words_impair(&a->lane, text, sizeof(text));
        if (a->kind == PLAN_ACT_MASK)
            fprintf(out, " 0x%llx", (unsigned long long)a->value);
        else if (a->kind == PLAN_ACT_LATE)
            write_packets(a, out);
        else
            fputs(a->kind == PLAN_ACT_DOWN ? " down" : a->kind == PLAN_ACT_UP ? " up" : text, out);
        fputs(a->data_only ? " data\n" : "\n", out);
    }
}

static void write_host_act(const struct plan *plan, const struct plan_act *a, FILE *out)
{
    const char *name = plan->nodes[a->what].name;
    fprintf(out, "at %lluns host %s ", (unsigned long long)a->at_ns, name);
    if (a->kind == PLAN_ACT_CRASH || a->kind == PLAN_ACT_BOOT)
        fprintf(out, "%s\n", a->kind == PLAN_ACT_CRASH ? "crash" : "boot");
    else
        fprintf(out, "%s %llu%s\n", a->kind == PLAN_ACT_LISTEN ? "listen" : "unlisten",
                (unsigned long long)a->value, a->reuse_addr ? " reuse-addr=on" : "");
}

static void write_fate(const struct plan *plan, const struct plan_fate *f, FILE *out)
{
    const char *before = " ";
    fprintf(out, "%s %s %s", f->late_ns ? "late" : "lose", plan->nodes[f->node].name,
            sim_kind_name(f->kind));
    for (unsigned i = 0; i < 64; i++) {
        if (!(f->numbers >> i & 1))
            continue;
        fprintf(out, "%s%u", before, i + 1);
        before = ",";
    }
    if (f->numbers == 0)
        fprintf(out, " none");
    if (f->late_ns)
        fprintf(out, " by=%lluns", (unsigned long long)f->late_ns);
    if (f->flow >= 0)
        fprintf(out, " of=%s", plan->flows[f->flow].name);
    fputc('\n', out);
}

static void write_act(const struct plan *plan, const struct plan_act *a, FILE *out)
{
    static const char *const names[] = {
        [PLAN_ACT_SEND] = "send",     [PLAN_ACT_REPLY] = "reply", [PLAN_ACT_SHUTDOWN] = "shutdown",
        [PLAN_ACT_CLOSE] = "close",   [PLAN_ACT_ABORT] = "abort", [PLAN_ACT_PAUSE] = "pause",
        [PLAN_ACT_RESUME] = "resume",
    };
    unsigned long long at_ns = a->at_ns;
    if (a->kind <= PLAN_ACT_LATE)
        write_link_act(plan, a, out);
    else if (a->kind == PLAN_ACT_CLOCK)
        fprintf(out, "at %lluns host %s clock %+lldns\n", at_ns, plan->nodes[a->what].name,
                (long long)a->value);
    else if (a->kind == PLAN_ACT_MEMORY)
        fprintf(out, "at %lluns host %s memory %s\n", at_ns, plan->nodes[a->what].name,
                a->value ? "off" : "on");
    else if (a->kind == PLAN_ACT_FORGE)
        fprintf(out, "at %lluns forge %s %s:%llu 1 ip=%d\n", at_ns, plan->nodes[a->what].name,
                plan->nodes[a->end].name, (unsigned long long)a->value, a->data_only ? 6 : 4);
    else if (a->kind >= PLAN_ACT_CRASH && a->kind <= PLAN_ACT_UNLISTEN)
        write_host_act(plan, a, out);
    else if (a->kind == PLAN_ACT_SEND || a->kind == PLAN_ACT_REPLY)
        fprintf(out, "at %lluns %s %s %llu\n", at_ns, plan->flows[a->what].name, names[a->kind],
                (unsigned long long)a->value);
    else
        fprintf(out, "at %lluns %s %s %s\n", at_ns, plan->flows[a->what].name, names[a->kind],
                a->end ? "server" : "client");
}

void sim_write(const struct plan *plan, FILE *out)
{
    fprintf(out, "seed %llu\n", (unsigned long long)plan->seed);
    if (plan->end_ns != PLAN_NEVER)
        fprintf(out, "run for=%lluns\n", (unsigned long long)plan->end_ns);
    if (plan->may_fail)
        fprintf(out, "run may-fail=on\n");
    if (plan->any_bytes)
        fprintf(out, "run any-bytes=on\n");
    write_nodes(plan, out);
    write_links(plan, out);
    write_flows(plan, out);
    for (unsigned i = 0; i < plan->fates_count; i++)
        write_fate(plan, &plan->fates[i], out);
    for (unsigned i = 0; i < plan->acts_count; i++)
        write_act(plan, &plan->acts[i], out);
    for (unsigned i = 0; i < plan->expects_count; i++) {
        char text[300];
        figure_write(plan, &plan->expects[i], text, sizeof(text));
        fprintf(out, "%s\n", text);
    }
}

/* ---- parameters of a campaign --------------------------------------------------------------- */

/* One of "a,b,c". */
static void draw_any(struct prng *p, const char *any, char to[SIM_DRAWN_TEXT])
{
    unsigned count = 1;
    for (const char *c = any; *c != '\0'; c++)
        count += *c == ',';
    for (unsigned skip = prng_below(p, count); skip > 0; skip--)
        any = strchr(any, ',') + 1;
    size_t len = strcspn(any, ",");
    snprintf(to, SIM_DRAWN_TEXT, "%.*s", (int)(len < SIM_DRAWN_TEXT ? len : SIM_DRAWN_TEXT - 1),
             any);
}

/* Between two numbers of the same unit, each factor of two as likely as the next. */
static void draw_between(struct prng *p, const char *from, const char *to,
                         char text[SIM_DRAWN_TEXT])
{
    char *unit;
    double low = strtod(from, &unit), high = strtod(to, NULL);
    double share = (double)prng_u32(p) / 4294967296.0;
    double value = low + (high - low) * share;
    if (low > 0) {
        unsigned octaves = 0;
        for (double top = low; 2 * top < high && octaves < 60; top *= 2)
            octaves++;
        value = low * (double)(UINT64_C(1) << prng_below(p, octaves + 1)) * (1 + share);
        value = value > high ? high : value;
    }
    snprintf(text, SIM_DRAWN_TEXT, "%.6g%s", value, unit);
}

unsigned sim_draw_params(const struct scenario *s, uint64_t seed, struct scenario_given *given,
                         char memory[][SIM_DRAWN_TEXT], unsigned max)
{
    struct prng p;
    uint8_t key[32] = {0};
    unsigned n = 0;
    memcpy(key, &seed, sizeof(seed));
    key[8] = 'p';
    prng_seed(&p, key);
    for (unsigned i = 0; i < s->params_count && n < max; i++) {
        const struct scenario_param *param = &s->params[i];
        if (param->any)
            draw_any(&p, param->any, memory[n]);
        else if (param->from && param->to)
            draw_between(&p, param->from, param->to, memory[n]);
        else
            continue;
        given[n] = (struct scenario_given){.name = param->name, .value = memory[n]};
        n++;
    }
    return n;
}
