/* The sequence chart as text.
 *
 *   time left state    lane                                     right state   time  why
 *  0.000 SYN-SENT     ── SYN     seq=0 win=65535 ─────────────▶ SYN-RECEIVED 0.025  first SYN: ...
 *
 * Either end has its own time and state. A packet that is overtaken or crosses another leaves in
 * one row and arrives in another; in between it runs down a track at the right of the lane. A
 * row is put together cell by cell, so that tracks go on behind what stands in it. */
#include <lastack/err.h>
#include <string.h>

#include "chart_words.h"

enum {
    STATE_COLUMNS = 12, /* "SYN-RECEIVED" */
    LANE_COLUMNS_MIN = 30,
    LANE_COLUMNS_MAX = 66,
    WIDE_FROM = 110,
    WIDE_LANE = 43,
    HEAD_COLUMNS = 2, /* of the lane behind the last track: "─▶" */
    TEXT_INDENT = 3,  /* as labels */
    CELLS = 200,      /* times, states and the lane */
};

struct cell {
    char text[5];
    uint8_t style; /* enum view_style */
};

struct drawing {
    const struct la_chart *c;
    const struct la_chart_form *form;
    struct chart_rows rows;
    FILE *out;
    const struct lane_glyphs *glyphs;
    unsigned columns, decimals, time_columns;
    unsigned left, lane, lane_columns, right, right_time, why;
    int label_columns; /* of the lane, before the tracks */
    bool wide;
    bool active[CHART_TRACKS_MAX];
    struct chart_said said[2];
    struct cell cells[CELLS];
};

/* ---- layout ---- */

static void lay_out(struct drawing *d)
{
    const uint64_t span = d->c->info.end_ns - d->c->info.begin_ns;
    unsigned fixed, wanted;
    char text[40];

    d->columns = d->form->columns < 80 ? 80 : d->form->columns > 240 ? 240 : d->form->columns;
    d->wide = d->columns >= WIDE_FROM && !d->form->quiet;
    d->decimals = chart_decimals(&d->rows);
    chart_words_time(&d->c->info, d->c->info.begin_ns + span, d->decimals, text, sizeof(text));
    d->time_columns = (unsigned)strlen(text);
    fixed = 2 * (d->time_columns + 1) + 2 * (STATE_COLUMNS + 1);
    wanted = d->wide ? WIDE_LANE + (d->columns - WIDE_FROM) / 2 : d->columns - fixed;
    if (wanted < LANE_COLUMNS_MIN || wanted > d->columns)
        wanted = LANE_COLUMNS_MIN; /* times of years: rather too wide than not to be read */
    d->lane_columns = wanted > LANE_COLUMNS_MAX ? LANE_COLUMNS_MAX : wanted;
    d->left = d->time_columns + 1;
    d->lane = d->left + STATE_COLUMNS + 1;
    d->right = d->lane + d->lane_columns + 1;
    d->right_time = d->right + STATE_COLUMNS + 1;
    d->why = d->right_time + d->time_columns + 2;
    d->label_columns = (int)(d->lane_columns - HEAD_COLUMNS - d->rows.tracks);
}

static int track_column(const struct drawing *d, int track)
{
    return d->label_columns + track;
}

/* ---- cells ---- */

/* Columns count from the left edge of the lane; what stands left of it has negative ones. */
static void cell_put(struct drawing *d, int column, enum view_style style, const char *glyph)
{
    const int at = (int)d->lane + column;
    unsigned columns;
    size_t n = view_char(glyph, &columns);

    if (at < 0 || at >= CELLS)
        return;
    memcpy(d->cells[at].text, glyph, n);
    d->cells[at].text[n] = '\0';
    d->cells[at].style = (uint8_t)style;
}

static void cells_begin(struct drawing *d)
{
    memset(d->cells, 0, sizeof(d->cells));
    for (unsigned t = 0; t < d->rows.tracks; t++) {
        if (d->active[t])
            cell_put(d, track_column(d, (int)t), STYLE_QUIET, d->glyphs->down);
    }
}

/* A text from `column` on, no farther than `end`; returns the column behind it. */
static int cells_text(struct drawing *d, int column, int end, enum view_style style,
                      const char *text)
{
    unsigned columns;

    for (size_t n; (n = view_char(text, &columns)) > 0; text += n) {
        if (column + (int)columns > end)
            break;
        cell_put(d, column, style, text);
        if (columns == 2)
            cell_put(d, column + 1, style, "\1"); /* taken, nothing to print */
        column += (int)columns;
    }
    return column;
}

static bool is_crossed(const struct drawing *d, int column)
{
    const int track = column - d->label_columns;

    return track >= 0 && track < (int)d->rows.tracks && d->active[track];
}

/* Is a packet on its way across this row? */
static bool is_tracked(const struct drawing *d)
{
    bool any = false;

    for (unsigned t = 0; t < d->rows.tracks; t++)
        any = any || d->active[t];
    return any;
}

/* A shaft over columns [from, to); tracks that are in use are crossed. */
static void cells_shaft(struct drawing *d, int from, int to, enum view_style style, bool again)
{
    for (int i = from; i < to; i++)
        cell_put(d, i, style,
                 is_crossed(d, i) ? d->glyphs->over
                 : again          ? d->glyphs->dashed
                                  : d->glyphs->line);
}

static void cells_end(struct drawing *d, struct view_line *line)
{
    char text[CELLS * 4 + 1];
    int i = 0, end = CELLS;

    while (end > 0 && d->cells[end - 1].text[0] == '\0')
        end--;
    while (i < end) {
        const uint8_t style = d->cells[i].style;
        size_t n = 0;

        for (; i < end && (d->cells[i].style == style || d->cells[i].text[0] == '\0'); i++) {
            const char *cell = d->cells[i].text;

            if (cell[0] == '\1')
                continue;
            memcpy(text + n, cell[0] == '\0' ? " " : cell, cell[0] == '\0' ? 1 : strlen(cell));
            n += cell[0] == '\0' ? 1 : strlen(cell);
        }
        view_line_put_n(line, style, text, n);
    }
}

/* ---- the margins ---- */

/* Times and states of a row. */
static void cells_margins(struct drawing *d, const struct chart_row *row)
{
    for (int right = 0; right < 2; right++) {
        const int state = (int)(right ? d->right : d->left) - (int)d->lane;
        const int time_end = (int)((right ? d->right_time : 0) + d->time_columns) - (int)d->lane;
        char time[40];

        if (row->timed[right]) {
            chart_words_time(&d->c->info, row->time_ns[right], d->decimals, time, sizeof(time));
            cells_text(d, time_end - (int)strlen(time), time_end, STYLE_QUIET, time);
        }
        if (row->stated[right])
            cells_text(d, state, state + STATE_COLUMNS, STYLE_PLAIN,
                       la_tcp_state_name(row->state[right]));
    }
}

/* What did not fit beside an arrow goes below it, as far as tracks leave room. */
static void cells_rest(struct drawing *d, const char **rest)
{
    int end = (int)d->lane_columns;
    char part[LANE_COLUMNS_MAX * 4 + 1];
    size_t n;

    cells_begin(d);
    if (**rest == '\0')
        return;
    if (is_tracked(d))
        end = d->label_columns - 1;
    n = view_wrap(*rest, (unsigned)(end - TEXT_INDENT));
    snprintf(part, sizeof(part), "%.*s", (int)n, *rest);
    cells_text(d, TEXT_INDENT, end, STYLE_QUIET, part);
    *rest += n;
    while (**rest == ' ')
        (*rest)++;
}

/* A row whose lane stands in the cells; `why` goes beside it, or below, with `rest`. */
static void put_row(struct drawing *d, const struct chart_row *row, const char *rest,
                    const char *why)
{
    char below[CHART_WORDS_MAX];
    struct view_line line;

    if (!d->wide) {
        snprintf(below, sizeof(below), rest[0] != '\0' && why[0] != '\0' ? "%s [%s]" : "%s%s", why,
                 rest);
        rest = below;
        why = "";
    }
    cells_margins(d, row);
    for (;;) {
        view_line_begin(&line, d->form->colour);
        cells_end(d, &line);
        view_line_wrapped(&line, STYLE_QUIET, &why, d->why, d->columns);
        view_line_end(&line, d->out);
        if (rest[0] == '\0' && why[0] == '\0')
            return;
        cells_rest(d, &rest);
    }
}

/* ---- packets ---- */

static void packet_label(const struct drawing *d, const struct la_chart_event *e, unsigned columns,
                         struct lane_label *label)
{
    struct lane_segment s = chart_segment(e, d->form->absolute);
    char options[200];

    label->rest[0] = '\0';
    chart_words_label(e, label->text, sizeof(label->text));
    if (label->text[0] != '\0')
        return;
    lane_label(label, &s, columns);
    chart_words_options(e, d->form->absolute, options, sizeof(options));
    view_append(label->rest, sizeof(label->rest), "%s%s",
                label->rest[0] != '\0' && options[0] != '\0' ? " " : "", options);
    if (label->rest[0] == ' ')
        memmove(label->rest, label->rest + 1, strlen(label->rest));
}

/* In the row of the end that has no label: what it is, quietly, so that it can be followed. */
static void cells_hint(struct drawing *d, const struct la_chart_event *e, const char *label)
{
    char text[LA_NUMBER_TEXT_MAX + 40];

    if (e->h->flags == 0 || e->text[0] != '\0') {
        cells_text(d, TEXT_INDENT, d->label_columns - 1, STYLE_QUIET, label);
        return;
    }
    la_flags_format(e->h->flags, text);
    if (e->h->len > 0 || (e->h->flags & (LA_TH_SYN | LA_TH_FIN)) != 0)
        view_append(text, sizeof(text), " seq=%u",
                    e->h->seq - (d->form->absolute ? 0 : e->seq_base));
    else if ((e->h->flags & LA_TH_ACK) != 0)
        view_append(text, sizeof(text), " ack=%u",
                    e->h->ack - (d->form->absolute ? 0 : e->ack_base));
    cells_text(d, TEXT_INDENT, d->label_columns - 1, STYLE_QUIET, text);
}

/* Columns [from, to) of the lane hold the arrow. */
static void cells_arrow(struct drawing *d, const struct chart_row *row,
                        const struct la_chart_event *e, const char *label)
{
    const struct lane_glyphs *g = d->glyphs;
    const bool right = e->end == LA_CHART_LEFT, again = (e->marks & LA_CHART_AGAIN) != 0;
    const bool refused = chart_is_refused(e), lost = e->fate == LA_CHART_LOST;
    const bool flying = e->fate == LA_CHART_FLYING && !chart_is_dark(d->c, chart_other(e->end));
    const enum view_style style = lane_style(e->h->flags, again, refused || lost);
    const bool split = row->kind == ROW_DEPART || row->kind == ROW_ARRIVE;
    const bool labelled = !split || right == (row->kind == ROW_DEPART);
    const int all = (int)d->lane_columns;
    int from = 0, to = all, turn = 0;

    if (split) {
        turn = row->track >= 0 ? track_column(d, row->track) : d->label_columns - 1;
        if (labelled)
            to = turn;
        else
            from = turn + 1;
    } else if (lost || flying) {
        from = right ? 0 : 2;
        to = right ? all - 4 : all;
    }
    cells_shaft(d, from, to, style, again);
    if (labelled) {
        int at = TEXT_INDENT + (right ? 0 : from);

        cell_put(d, at - 1, style, " ");
        at = cells_text(d, at, to - 2, style, label);
        cell_put(d, at, style, " ");
    } else {
        cells_hint(d, e, label);
    }
    if (split && row->track >= 0)
        cell_put(d, turn, style,
                 labelled ? (right ? g->turn_down : g->to_left)
                          : (right ? g->turn_up : g->from_right));
    else if (split)
        cell_put(d, turn, style, g->middle);
    if (row->kind == ROW_DEPART)
        return;
    cell_put(d, right ? to - 1 : from, style,
             refused || lost ? g->cross
             : flying        ? g->middle
             : right         ? g->right
                             : g->left);
    if (!e->sent_known && !chart_is_dark(d->c, e->end))
        cell_put(d, right ? 0 : all - 1, style, "?");
}

/* What does not reach the other end has a shorter arrow. */
static unsigned label_columns(const struct drawing *d, const struct la_chart_event *e)
{
    const bool stops = e->fate == LA_CHART_LOST ||
                       (e->fate == LA_CHART_FLYING && !chart_is_dark(d->c, chart_other(e->end)));

    return (unsigned)(d->label_columns + (d->rows.tracks == 0 ? HEAD_COLUMNS : 0) -
                      LANE_ARROW_COLUMNS - (stops ? 4 : 0));
}

static void draw_packet(struct drawing *d, const struct chart_row *row)
{
    const struct la_chart_event *e = &d->c->events[row->event].e;
    struct lane_label label;
    char why[CHART_WORDS_MAX];

    packet_label(d, e, label_columns(d, e), &label);
    if (row->track >= 0)
        d->active[row->track] = false;
    cells_begin(d);
    cells_arrow(d, row, e, label.text);
    if (row->kind == ROW_DEPART && row->track >= 0)
        d->active[row->track] = true;
    chart_words_why(e, &d->c->info, d->wide, why, sizeof(why));
    if (d->form->quiet)
        why[0] = '\0';
    if (row->kind != ROW_ARRIVE && chart_is_said(&d->said[e->end], e, why))
        why[0] = '\0';
    if (row->kind == ROW_ARRIVE || (!d->wide && why[0] == '\0' && (e->h->flags & LA_TH_SYN) == 0))
        why[0] = label.rest[0] = '\0';
    put_row(d, row, label.rest, why);
}

/* ---- the rest ---- */

/* Where the text of a call, timer or event goes: columns [from, to), the mark at the outer edge.
 * Calls stand at the outer edges where neither a state nor tracks are in the way. */
static void point_room(const struct drawing *d, const struct chart_row *row, bool call, int *from,
                       int *to)
{
    const bool right = row->end == LA_CHART_RIGHT;
    const int all = (int)d->lane_columns, edge = STATE_COLUMNS + 1;

    *from = call && !right && !row->stated[LA_CHART_LEFT] ? -edge : 0;
    *to = is_tracked(d)                                   ? d->label_columns
          : call && right && !row->stated[LA_CHART_RIGHT] ? all + edge
                                                          : all;
}

static void draw_point(struct drawing *d, const struct chart_row *row)
{
    const struct la_chart_event *e = &d->c->events[row->event].e;
    const bool right = row->end == LA_CHART_RIGHT, call = e->kind == LA_CHART_CALL;
    const char *mark = !call   ? d->glyphs->middle
                       : right ? d->glyphs->call_right
                               : d->glyphs->call_left;
    char words[CHART_WORDS_MAX], part[CELLS * 4 + 1];
    const char *text = words;
    bool first = true;
    int from, to;

    point_room(d, row, call, &from, &to);
    chart_words_point(e, row->is_set, d->c->info.lang, words, sizeof(words));
    while (first || *text != '\0') {
        struct view_line line;
        size_t n = view_wrap(text, (unsigned)(to - from - 4));

        snprintf(part, sizeof(part), "%.*s", (int)n, text);
        text += n;
        while (*text == ' ')
            text++;
        cells_begin(d);
        if (first) {
            cells_margins(d, row);
            cell_put(d, right ? to - 1 : from, STYLE_QUIET, mark);
        }
        cells_text(d, right ? to - 2 - (int)view_columns(part) : from + 2, right ? to - 2 : to,
                   STYLE_QUIET, part);
        view_line_begin(&line, d->form->colour);
        cells_end(d, &line);
        view_line_end(&line, d->out);
        first = false;
    }
}

/* A text over the whole width, behind a mark. */
static void draw_wide_text(struct drawing *d, const char *mark, enum view_style style,
                           const char *text)
{
    const unsigned indent = d->left + view_columns(mark) + (mark[0] != '\0');
    const unsigned end = d->wide && d->why > 100 ? d->why - 2 : d->columns;
    struct view_line line;
    bool first = true;

    while (first || *text != '\0') {
        view_line_begin(&line, d->form->colour);
        if (first) {
            view_line_to(&line, d->left);
            view_line_put(&line, STYLE_STRONG, mark);
        }
        view_line_wrapped(&line, style, &text, indent, end);
        view_line_end(&line, d->out);
        first = false;
    }
}

static void draw_note(struct drawing *d, const struct la_chart_event *e)
{
    char mark[24];

    snprintf(mark, sizeof(mark), "[%u]", e->number);
    draw_wide_text(d, mark, STYLE_PLAIN, e->text);
}

static void draw_name(struct drawing *d, enum view_style style, const char *left, const char *right)
{
    const unsigned end = d->right_time + d->time_columns;
    unsigned columns = view_columns(right);
    struct view_line line;

    if (left[0] == '\0' && right[0] == '\0')
        return;
    if (columns > end / 2)
        columns = end / 2;
    view_line_begin(&line, d->form->colour);
    view_line_to(&line, d->left);
    view_line_fitting(&line, style, left, end / 2 - d->left);
    view_line_to(&line, end - columns);
    view_line_fitting(&line, style, right, columns);
    view_line_end(&line, d->out);
}

static void draw_head(struct drawing *d)
{
    const struct la_chart_info *info = &d->c->info;

    if (info->title[0] != '\0')
        draw_wide_text(d, "", STYLE_STRONG, info->title);
    if (info->subtitle[0] != '\0')
        draw_wide_text(d, "", STYLE_QUIET, info->subtitle);
    if (info->title[0] != '\0' || info->subtitle[0] != '\0')
        fputc('\n', d->out);
    draw_name(d, STYLE_STRONG, info->end[0].name, info->end[1].name);
    draw_name(d, STYLE_QUIET, info->end[0].detail, info->end[1].detail);
    for (int end = 0; end < 2; end++) {
        char wrong[CHART_WORDS_MAX], text[2 * CHART_WORDS_MAX];

        if (info->end[end].wrong == NULL)
            continue;
        chart_words_wrong(info->end[end].wrong, info->lang, wrong, sizeof(wrong));
        snprintf(text, sizeof(text), "%s%s%s", info->end[end].name,
                 info->lang == LA_LANG_ZH ? "：" : ": ", wrong);
        draw_wide_text(d, d->glyphs->cross, STYLE_BAD, text);
    }
}

static void draw_row(struct drawing *d, const struct chart_row *row)
{
    char text[CHART_WORDS_MAX];

    switch (row->kind) {
    case ROW_ARROW:
    case ROW_DEPART:
    case ROW_ARRIVE:
        draw_packet(d, row);
        break;
    case ROW_POINT:
        draw_point(d, row);
        break;
    case ROW_NOTE:
        draw_note(d, &d->c->events[row->event].e);
        break;
    case ROW_RUN:
        chart_words_sum(&d->rows.runs.sums[row->sum], &d->c->info, text, sizeof(text));
        draw_wide_text(d, d->glyphs->more, STYLE_QUIET, text);
        break;
    }
}

static void draw_foot(struct drawing *d)
{
    char text[CHART_WORDS_MAX];

    chart_words_left_out(&d->c->info, text, sizeof(text));
    if (text[0] != '\0')
        draw_wide_text(d, d->glyphs->more, STYLE_BAD, text);
}

int la_chart_text(const struct la_chart *c, const struct la_chart_form *form, FILE *out)
{
    const unsigned columns = form->columns;
    struct drawing d = {.c = c, .form = form, .out = out, .glyphs = lane_glyphs(form->unicode)};

    if (!chart_rows_make(&d.rows, c, form, columns >= WIDE_FROM ? 10 : 6)) {
        chart_rows_free(&d.rows);
        return LA_ENOMEM;
    }
    lay_out(&d);
    draw_head(&d);
    for (size_t i = 0; i < d.rows.n; i++)
        draw_row(&d, &d.rows.rows[i]);
    draw_foot(&d);
    chart_rows_free(&d.rows);
    return ferror(out) ? LA_EIO : LA_OK;
}
