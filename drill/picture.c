/* The picture of a run that failed: what happened, line by line, with the reason the stack had for
 * each packet and the clause it comes from, and below it what was expected instead. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drill/run_inside.h"

#define ENTRIES_SHOWN 30 /* the last ones: where it went wrong */

struct colours {
    const char *in, *out, *faint, *bad, *end;
};

static struct colours colours_of(const struct drill_config *config)
{
    if (!config->colour)
        return (struct colours){"", "", "", "", ""};
    return (struct colours){"\033[36m", "\033[32m", "\033[2m", "\033[1;31m", "\033[0m"};
}

static void entry(FILE *out, const struct drill_run *r, const struct run_entry *e)
{
    static const char *const ascii[] = {"<--", "-->", "   ", "   "};
    static const char *const fine[] = {"◀──", "──▶", "   ", "   "};
    struct colours c = colours_of(r->config);
    const char *arrow = (r->config->unicode ? fine : ascii)[e->kind];
    const char *colour = e->kind == RUN_IN ? c.in : e->kind == RUN_OUT ? c.out : c.faint;
    fprintf(out, "  %11.6f  %s%s  %s%s\n", (double)e->at_ns / 1e9, colour, arrow,
            e->text ? e->text : "", c.end);
    if (e->why == LA_NONE)
        return;
    const char *clause = la_reason_clause(e->why);
    fprintf(out, "  %11s       %s%s%s%s%s%s\n", "", c.faint,
            la_reason_text(e->why, r->config->lang), clause[0] ? " [" : "", clause,
            clause[0] ? "]" : "", c.end);
}

char *run_picture(const struct drill_run *r)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    bool zh = r->config->lang == LA_LANG_ZH;
    struct colours c = colours_of(r->config);
    if (!out)
        return NULL;
    unsigned first = r->log_count > ENTRIES_SHOWN ? r->log_count - ENTRIES_SHOWN : 0;
    if (first > 0)
        fprintf(out, zh ? "  （此前还有 %u 行）\n" : "  (%u lines before these)\n", first);
    for (unsigned i = first; i < r->log_count; i++)
        entry(out, r, &r->log[i]);
    if (r->result->event[0] != '\0')
        fprintf(out, "  %s%s%s %s\n", c.bad, zh ? "期望" : "expected", c.end, r->result->event);
    if (r->result->came[0] != '\0')
        fprintf(out, "  %s%s%s %s\n", c.bad, zh ? "实际    " : "came    ", c.end, r->result->came);
    if (r->result->why != LA_NONE)
        fprintf(out, "  %s %s [%s, %s]\n", zh ? "原因    " : "because ",
                la_reason_text(r->result->why, r->config->lang), la_reason_name(r->result->why),
                la_reason_clause(r->result->why));
    fclose(out);
    return text;
}
