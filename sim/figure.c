/* Figures of a run: see figure.h. */
#include "sim/figure.h"

#include <math.h>
#include <string.h>

#include <lastack/view.h>

#include "base/mem.h"
#include "link/message.h"
#include "scenario/scenario.h"

enum figure_unit { COUNT, BYTES, TIME, RATE, STATE, SHARE };

static const struct figure_row {
    const char *name;
    uint8_t unit;
    bool ends; /* client and server have one each; without either both together */
} rows[SIM_FIGURES] = {
    [SIM_GOODPUT] = {"goodput", RATE, false},
    [SIM_BYTES] = {"bytes", BYTES, true},
    [SIM_RTX_BYTES] = {"rtx-bytes", BYTES, true},
    [SIM_RTX_SEGS] = {"rtx-segments", COUNT, true},
    [SIM_SPURIOUS] = {"spurious-bytes", BYTES, true},
    [SIM_TIMEOUTS] = {"timeouts", COUNT, true},
    [SIM_RECOVERIES] = {"recoveries", COUNT, true},
    [SIM_UNDONE] = {"undone", COUNT, true},
    [SIM_FCT] = {"fct", TIME, false},
    [SIM_RTT_MIN] = {"rtt-min", TIME, false},
    [SIM_RTT_AVG] = {"rtt-avg", TIME, false},
    [SIM_STATE] = {"state", STATE, true},
    [SIM_FAILED] = {"failed", COUNT, false},
    [SIM_JAIN] = {"jain", SHARE, false},
    [SIM_DROPPED] = {"dropped", COUNT, false},
    [SIM_MARKED] = {"marked", COUNT, false},
    [SIM_WRONG_BYTES] = {"wrong-bytes", BYTES, false},
    [SIM_CONNECTIONS] = {"connections", COUNT, false},
};

static const char *const relations[] = {">=", "<=", "<", ">", "=="};

const char *sim_figure_name(unsigned figure)
{
    return figure < SIM_FIGURES ? rows[figure].name : "?";
}

int sim_figure_find(const char *name)
{
    for (int i = 0; i < SIM_FIGURES; i++)
        if (strcmp(rows[i].name, name) == 0)
            return i;
    return -1;
}

void figure_names(char *text, size_t len)
{
    size_t at = 0;
    for (unsigned i = 0; i < SIM_FIGURES && at < len; i++)
        at += (size_t)snprintf(text + at, len - at, "%s%s", i ? ", " : "", rows[i].name);
}

const char *figure_unit(unsigned figure)
{
    static const char *const names[] = {"", "bytes", "time", "rate", "state", ""};
    return names[rows[figure].unit];
}

/* ---- values --------------------------------------------------------------------------------- */

double sim_goodput_bps(const struct sim_flow_result *f)
{
    uint64_t ns = f->ended_ns > f->began_ns ? f->ended_ns - f->began_ns : 0;
    return ns > 0 ? (double)(f->bytes[0] + f->bytes[1]) * 8e9 / (double)ns : 0;
}

double sim_jain(const struct sim_result *r, unsigned first, unsigned last)
{
    double sum = 0, squares = 0;
    for (unsigned i = first; i <= last; i++) {
        double x = (double)(r->flows[i].measured[0] + r->flows[i].measured[1]);
        sum += x;
        squares += x * x;
    }
    return squares > 0 ? sum * sum / (squares * (last - first + 1)) : 1;
}

/* Of one end (0, 1) or of both (2). */
static double count_of(const struct sim_flow_result *f, unsigned figure, unsigned end)
{
    double sum = 0;
    for (unsigned i = 0; i < 2; i++) {
        if (end != 2 && end != i)
            continue;
        sum += figure == SIM_BYTES        ? (double)f->bytes[1 - i] /* read by that end */
               : figure == SIM_RTX_BYTES  ? (double)f->rtx_bytes[i]
               : figure == SIM_RTX_SEGS   ? f->rtx_segs[i]
               : figure == SIM_SPURIOUS   ? (double)f->spurious_bytes[i]
               : figure == SIM_TIMEOUTS   ? f->timeouts[i]
               : figure == SIM_RECOVERIES ? f->recoveries[i]
                                          : f->undone[i];
    }
    return sum;
}

static double value_of(const struct sim_result *r, const struct sim_flow_result *f, unsigned figure,
                       unsigned end)
{
    switch (figure) {
    case SIM_GOODPUT:
        return sim_goodput_bps(f);
    case SIM_FCT:
        return (double)f->fct_ns;
    case SIM_RTT_MIN:
        return f->rtt_min_us * 1e3;
    case SIM_RTT_AVG:
        return f->rtt_avg_us * 1e3;
    case SIM_STATE:
        return f->state[end == 1];
    case SIM_FAILED:
        return f->failed;
    case SIM_JAIN:
        return sim_jain(r, 0, r->flows_count - 1);
    case SIM_DROPPED:
        return (double)r->dropped;
    case SIM_MARKED:
        return (double)r->marked;
    case SIM_WRONG_BYTES:
        return (double)f->wrong_bytes;
    case SIM_CONNECTIONS:
        return f->connections;
    default:
        return count_of(f, figure, end);
    }
}

double sim_figure_value(const struct sim_result *r, unsigned figure, int flow, unsigned end)
{
    if (flow >= 0)
        return value_of(r, &r->flows[flow], figure, end);
    if (figure == SIM_JAIN || figure == SIM_DROPPED || figure == SIM_MARKED)
        return r->flows_count ? value_of(r, &r->flows[0], figure, end) : 0;
    double sum = 0, worst = 0;
    for (unsigned i = 0; i < r->flows_count; i++) {
        double x = value_of(r, &r->flows[i], figure, end);
        sum += x;
        worst = i == 0 || x > worst ? x : worst;
    }
    bool of_times = rows[figure].unit == TIME || rows[figure].unit == STATE;
    return of_times ? worst : sum;
}

/* ---- expectations --------------------------------------------------------------------------- */

static bool state_read(const char *text, double *value)
{
    for (unsigned i = 0; i < LA_TCP_STATE_COUNT; i++)
        if (strcmp(la_tcp_state_name((enum la_tcp_state)i), text) == 0) {
            *value = i;
            return true;
        }
    return false;
}

static bool value_read(unsigned unit, const char *text, double *value)
{
    uint64_t number = 0;
    bool good;
    switch (unit) {
    case BYTES:
        good = scenario_bytes(text, &number);
        break;
    case TIME:
        good = scenario_time(text, &number);
        break;
    case RATE:
        good = scenario_rate(text, &number);
        break;
    case STATE:
        return state_read(text, value);
    default:
        return scenario_fraction(text, value);
    }
    *value = (double)number;
    return good;
}

static bool relation_read(const char *text, uint8_t *relation)
{
    for (uint8_t i = 0; i < LA_ARRAY_LEN(relations); i++)
        if (strcmp(relations[i], text) == 0) {
            *relation = i;
            return true;
        }
    return false;
}

/* "FIGURE >= VALUE" or "no FIGURE", from word `at` on. */
static bool comparison(const char *const *words, unsigned count, unsigned at, struct plan_expect *e,
                       unsigned *column, struct la_message *why)
{
    static const char *const examples[] = {"3", "64kb", "10ms", "9mbit", "ESTABLISHED", "0.95"};
    bool no = count == at + 2 && strcmp(words[at], "no") == 0;
    *column = at + no < count ? at + no : 0;
    int figure = at + no < count ? sim_figure_find(words[at + no]) : -1;
    if (figure < 0) {
        char names[240];
        figure_names(names, sizeof(names));
        message_set(why, "no figure \"%s\": there are %s", at + no < count ? words[at + no] : "",
                    names);
        return false;
    }
    e->what = (uint16_t)figure;
    e->relation = PLAN_EQUAL;
    e->value = 0;
    if (no)
        return true;
    *column = at + 1 < count ? at + 1 : 0;
    if (count != at + 3 || !relation_read(words[at + 1], &e->relation)) {
        message_set(why, "write it like: %s >= %s", words[at], examples[rows[figure].unit]);
        return false;
    }
    *column = at + 2;
    if (value_read(rows[figure].unit, words[at + 2], &e->value))
        return true;
    message_set(why, "\"%s\" cannot be read: write it like %s", words[at + 2],
                examples[rows[figure].unit]);
    return false;
}

bool figure_expect(const struct plan *plan, const char *const *words, unsigned count,
                   struct plan_expect *e, unsigned *column, struct la_message *why)
{
    unsigned at = 1;
    *e = (struct plan_expect){.at_ns = PLAN_NEVER, .flow = -1, .end = 2};
    if (count > at + 1 && strcmp(words[at], "at") == 0) {
        *column = at + 1;
        if (!scenario_time(words[at + 1], &e->at_ns)) {
            message_set(why, "\"%s\" is no time: write it like 1.5s", words[at + 1]);
            return false;
        }
        at += 2;
    }
    if (at < count) {
        int flow = plan_find_flow(plan, words[at]);
        if (flow >= 0)
            e->flow = (int16_t)flow;
        at += flow >= 0 || strcmp(words[at], "all") == 0;
    }
    if (at < count && (strcmp(words[at], "client") == 0 || strcmp(words[at], "server") == 0))
        e->end = *words[at++] == 's';
    return comparison(words, count, at, e, column, why);
}

static void value_write(unsigned unit, double value, char *text, size_t len)
{
    static const char *const units[] = {"", "", "ns", "bit", "", ""};
    if (unit == STATE)
        snprintf(text, len, "%s", la_tcp_state_name((enum la_tcp_state)value));
    else
        snprintf(text, len, "%.10g%s", value, value > 0 || unit == RATE ? units[unit] : "");
}

void figure_write(const struct plan *plan, const struct plan_expect *e, char *text, size_t len)
{
    static const char *const ends[] = {" client", " server", ""};
    char at[40] = "", value[60];
    if (e->at_ns != PLAN_NEVER)
        snprintf(at, sizeof(at), "at %lluns ", (unsigned long long)e->at_ns);
    value_write(rows[e->what].unit, e->value, value, sizeof(value));
    snprintf(text, len, "expect %s%s%s %s %s %s", at,
             e->flow >= 0 ? plan->flows[e->flow].name : "all", ends[e->end], rows[e->what].name,
             relations[e->relation], value);
}

/* The value as people read it. */
static void value_say(unsigned unit, double value, char *text, size_t len)
{
    char said[LA_NUMBER_TEXT_MAX];
    if (unit == TIME)
        la_duration_format((uint64_t)value, said);
    else if (unit == RATE)
        snprintf(said, sizeof(said), "%.3f Mbit/s", value / 1e6);
    else if (unit == STATE)
        snprintf(said, sizeof(said), "%s", la_tcp_state_name((enum la_tcp_state)value));
    else if (unit == SHARE)
        snprintf(said, sizeof(said), "%.4f", value);
    else
        la_count_format((uint64_t)value, said);
    snprintf(text, len, "%s", said);
}

bool figure_holds(const struct plan *plan, const struct sim_result *r, const struct plan_expect *e,
                  char *text, size_t len)
{
    double value = sim_figure_value(r, e->what, e->flow, e->end);
    bool holds = e->relation == PLAN_LEAST  ? value >= e->value
                 : e->relation == PLAN_MOST ? value <= e->value
                 : e->relation == PLAN_LESS ? value < e->value
                 : e->relation == PLAN_MORE ? value > e->value
                                            : fabs(value - e->value) < 1e-9;
    char is[60], wanted[300];
    value_say(rows[e->what].unit, value, is, sizeof(is));
    figure_write(plan, e, wanted, sizeof(wanted));
    snprintf(text, len, "%s: it is %s", wanted, is);
    return holds;
}
