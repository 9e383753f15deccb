/* The sequence chart in Mermaid's language (sequenceDiagram).
 *
 * One message a packet, in the order in which they arrive: its arrows are level, so a packet that
 * is overtaken stands where it arrives and says when it left. States are notes at the sides where
 * they change.
 *
 * Texts may be anything. What the language could take for its own (a semicolon ends a statement,
 * "#" begins a character code, "end" a block, "<" markup, "%%" a comment) is written as a character
 * code; a text is one line. */
#include <lastack/err.h>
#include <string.h>

#include "chart_words.h"

struct mermaid {
    const struct la_chart *c;
    const struct la_chart_form *form;
    FILE *out;
    unsigned decimals;
    struct chart_said said[2];
    bool shown[2];
    uint8_t state[2];
};

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* "end" as a word, in any case. */
static bool is_end_word(const char *text, const char *at)
{
    return (at == text || !is_letter(at[-1])) && (at[0] | 0x20) == 'e' && (at[1] | 0x20) == 'n' &&
           (at[2] | 0x20) == 'd' && !is_letter(at[3]);
}

static void put_text(FILE *out, const char *text)
{
    for (const char *p = text; *p != '\0'; p++) {
        if (strchr("#;<>&\"%{}[]\\`", *p) != NULL || is_end_word(text, p))
            fprintf(out, "#%u;", (unsigned char)*p);
        else
            fputc((unsigned char)*p < ' ' ? ' ' : *p, out);
    }
}

static void put_states(struct mermaid *m, const struct chart_row *row)
{
    for (int end = 0; end < 2; end++) {
        if (!row->stated[end] || (m->shown[end] && m->state[end] == row->state[end]))
            continue;
        m->shown[end] = true;
        m->state[end] = row->state[end];
        fprintf(m->out, "    Note %s: %s\n", end == LA_CHART_LEFT ? "left of L" : "right of R",
                la_tcp_state_name(row->state[end]));
    }
}

static void put_times(struct mermaid *m, const struct la_chart_event *e)
{
    char sent[40], over[40];

    chart_words_time(&m->c->info, e->time_ns, m->decimals, sent, sizeof(sent));
    chart_words_time(&m->c->info, e->over_ns, m->decimals, over, sizeof(over));
    if (!e->sent_known)
        fprintf(m->out, "? → %s ", over);
    else if (e->fate == LA_CHART_ARRIVED || e->fate == LA_CHART_DAMAGED)
        fprintf(m->out, "%s → %s ", sent, over);
    else
        fprintf(m->out, "%s ", sent);
}

static void put_packet(struct mermaid *m, const struct chart_row *row)
{
    const struct la_chart_event *e = &m->c->events[row->event].e;
    const bool right = e->end == LA_CHART_LEFT;
    const bool crossed = chart_is_refused(e) || e->fate == LA_CHART_LOST;
    char label[CHART_WORDS_MAX], options[200], why[CHART_WORDS_MAX];

    chart_words_packet(e, m->form->absolute, label, sizeof(label));
    chart_words_options(e, m->form->absolute, options, sizeof(options));
    chart_words_why(e, &m->c->info, false, why, sizeof(why));
    if (chart_is_said(&m->said[e->end], e, why))
        why[0] = '\0';
    fprintf(m->out, "    %s%s%s%s: ", right ? "L" : "R",
            (e->marks & LA_CHART_AGAIN) != 0 ? "--" : "-",
            crossed                      ? "x"
            : e->fate == LA_CHART_FLYING ? ")"
                                         : ">>",
            right ? "R" : "L");
    put_times(m, e);
    put_text(m->out, label);
    if (options[0] != '\0') {
        fputc(' ', m->out);
        put_text(m->out, options);
    }
    if (why[0] != '\0' && !m->form->quiet) {
        fputs("<br/>", m->out);
        put_text(m->out, why);
    }
    fputc('\n', m->out);
}

static void put_point(struct mermaid *m, const struct chart_row *row)
{
    const struct la_chart_event *e = &m->c->events[row->event].e;
    char words[CHART_WORDS_MAX], time[40];

    chart_words_point(e, row->is_set, m->c->info.lang, words, sizeof(words));
    chart_words_time(&m->c->info, row->time_ns[row->end], m->decimals, time, sizeof(time));
    if (words[0] == '\0')
        return;
    fprintf(m->out, "    Note %s: %s ", row->end == LA_CHART_LEFT ? "left of L" : "right of R",
            time);
    put_text(m->out, words);
    fputc('\n', m->out);
}

static void put_note(struct mermaid *m, const struct la_chart_event *e)
{
    fprintf(m->out, "    Note over L,R: (%u) ", e->number);
    put_text(m->out, e->text);
    fputc('\n', m->out);
}

static void put_row(struct mermaid *m, const struct chart_rows *rows, const struct chart_row *row)
{
    char text[CHART_WORDS_MAX];

    switch (row->kind) {
    case ROW_ARROW:
    case ROW_ARRIVE:
        put_packet(m, row);
        break;
    case ROW_DEPART:
        break;
    case ROW_POINT:
        put_point(m, row);
        break;
    case ROW_NOTE:
        put_note(m, &m->c->events[row->event].e);
        break;
    case ROW_RUN:
        chart_words_sum(&rows->runs.sums[row->sum], &m->c->info, text, sizeof(text));
        fputs("    Note over L,R: ", m->out);
        put_text(m->out, text);
        fputc('\n', m->out);
        break;
    }
    put_states(m, row);
}

static void put_head(struct mermaid *m)
{
    const struct la_chart_info *info = &m->c->info;
    char wrong[CHART_WORDS_MAX];

    fputs("sequenceDiagram\n", m->out);
    if (info->title[0] != '\0') {
        fputs("    title ", m->out);
        put_text(m->out, info->title);
        fputc('\n', m->out);
    }
    for (int end = 0; end < 2; end++) {
        fprintf(m->out, "    participant %c as ", end == LA_CHART_LEFT ? 'L' : 'R');
        put_text(m->out, info->end[end].name[0] != '\0' ? info->end[end].name : "?");
        if (info->end[end].detail[0] != '\0') {
            fputs("<br/>", m->out);
            put_text(m->out, info->end[end].detail);
        }
        if (info->end[end].wrong != NULL) {
            chart_words_wrong(info->end[end].wrong, info->lang, wrong, sizeof(wrong));
            fputs("<br/>", m->out);
            put_text(m->out, wrong);
        }
        fputc('\n', m->out);
    }
}

int la_chart_mermaid(const struct la_chart *c, const struct la_chart_form *form, FILE *out)
{
    struct mermaid m = {.c = c, .form = form, .out = out};
    struct chart_rows rows;

    if (!chart_rows_make(&rows, c, form, 0)) {
        chart_rows_free(&rows);
        return LA_ENOMEM;
    }
    m.decimals = chart_decimals(&rows);
    put_head(&m);
    for (size_t i = 0; i < rows.n; i++)
        put_row(&m, &rows, &rows.rows[i]);
    chart_rows_free(&rows);
    return ferror(out) ? LA_EIO : LA_OK;
}
