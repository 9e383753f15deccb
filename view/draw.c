/* How a diagram looks as text (its arrows: lane.h).
 *
 *       time  this end     lane                                      the other end  why
 *   0.000000  SYN-SENT     ── SYN     seq=0 win=65535 ─────────────▶ SYN-RECEIVED?  first SYN: ...
 *
 * Labels begin at the same column in both directions, so that flags and numbers can be read down
 * the page. What a lane is too narrow for moves to the next line: below the arrow where reasons
 * have their own column, behind the reason where they have not. */
#include <inttypes.h>
#include <string.h>

#include "diagram.h"

enum {
    TIME_COLUMNS = 10,
    STATE_COLUMNS = 12, /* "SYN-RECEIVED" */
    LANE_MIN = 41,
    LANE_MAX = 66,
    WIDE_FROM = 110,
};

static const struct lane_glyphs *glyphs_of(const struct la_diagram *d)
{
    return lane_glyphs(d->options.unicode);
}

void diagram_layout_init(struct diagram_layout *l, unsigned columns)
{
    const unsigned fixed = TIME_COLUMNS + 2 + STATE_COLUMNS + 1 + 1 + STATE_COLUMNS + 1;

    l->columns = columns < 80 ? 80 : columns > 240 ? 240 : columns;
    l->wide = l->columns >= WIDE_FROM;
    l->lane_width = LANE_MIN;
    if (!l->wide)
        l->lane_width = l->columns - fixed;
    else if (l->columns > 120)
        l->lane_width += (l->columns - 120) * 2 / 3;
    if (l->lane_width > LANE_MAX)
        l->lane_width = LANE_MAX;
    l->here = TIME_COLUMNS + 2;
    l->lane = l->here + STATE_COLUMNS + 1;
    l->there = l->lane + l->lane_width + 1;
    l->why = l->there + STATE_COLUMNS + 1 + 2;
}

static void put_time(struct view_line *line, const struct diagram_conn *c, uint64_t time_ns)
{
    uint64_t ns = time_ns > c->begin_ns ? time_ns - c->begin_ns : 0;
    uint64_t seconds = ns / 1000000000;
    char text[40];

    if (seconds < 10000)
        snprintf(text, sizeof(text), "%3" PRIu64 ".%06u", seconds, (unsigned)(ns / 1000 % 1000000));
    else
        snprintf(text, sizeof(text), "%6" PRIu64 ".%03u", seconds, (unsigned)(ns / 1000000 % 1000));
    view_line_put(line, STYLE_QUIET, text);
}

static void end_name(const char *name, const struct diagram_conn *c, uint16_t port, char *text,
                     size_t size)
{
    if (c->ports_known)
        snprintf(text, size, "%s:%u", name, port);
    else
        snprintf(text, size, "%s", name);
}

/* From `column` on, or farther left where that is needed to end at the margin. */
static void put_at_or_before(struct view_line *line, const struct diagram_layout *l,
                             enum view_style style, const char *text, unsigned column)
{
    unsigned columns = view_columns(text);

    if (column + columns > l->columns)
        column = columns < l->columns ? l->columns - columns : 0;
    view_line_to(line, column);
    view_line_fitting(line, style, text, l->columns - column);
}

static void draw_head(struct la_diagram *d, struct diagram_conn *c)
{
    const struct diagram_layout *l = &d->layout;
    const bool zh = d->options.lang == LA_LANG_ZH;
    struct view_line line;
    char name[160];

    if (d->any)
        fputc('\n', d->options.out);
    view_line_begin(&line, d->options.colour);
    view_line_to(&line, TIME_COLUMNS - 4);
    view_line_put(&line, STYLE_STRONG, zh ? "时间" : "time");
    view_line_to(&line, l->here);
    end_name(d->options.here, c, c->port_here, name, sizeof(name));
    view_line_fitting(&line, STYLE_STRONG, name, l->lane_width);
    end_name(d->options.there, c, c->port_there, name, sizeof(name));
    if (l->wide) {
        view_line_to(&line, l->there);
        view_line_fitting(&line, STYLE_STRONG, name, STATE_COLUMNS + 2);
        view_line_to(&line, l->why);
        view_line_put(&line, STYLE_STRONG, zh ? "原因" : "why");
    } else {
        put_at_or_before(&line, l, STYLE_STRONG, name, l->there);
    }
    view_line_end(&line, d->options.out);

    view_line_begin(&line, d->options.colour);
    view_line_to(&line, l->here);
    if (c->id == 0)
        view_line_put(&line, STYLE_QUIET, zh ? "不属于任何连接" : "belongs to no connection");
    else
        put_at_or_before(&line, l, STYLE_QUIET,
                         zh ? "推断；? 表示以到达为前提" : "inferred; ?: if it arrives", l->there);
    view_line_end(&line, d->options.out);
}

/* Who the next line is about, when that changes. */
static void draw_who(struct la_diagram *d, struct diagram_conn *c)
{
    char here[160], there[160];
    struct view_line line;

    if (!c->headed) {
        draw_head(d, c);
    } else if (d->current != c->id) {
        end_name(d->options.here, c, c->port_here, here, sizeof(here));
        end_name(d->options.there, c, c->port_there, there, sizeof(there));
        view_line_begin(&line, d->options.colour);
        view_line_to(&line, d->layout.here);
        view_line_fitting(&line, STYLE_STRONG, here, d->layout.lane_width / 2);
        view_line_put(&line, STYLE_STRONG, " ");
        view_line_put(&line, STYLE_STRONG, glyphs_of(d)->both);
        view_line_put(&line, STYLE_STRONG, " ");
        view_line_fitting(&line, STYLE_STRONG, there, d->layout.lane_width / 2);
        view_line_end(&line, d->options.out);
    }
    c->headed = true;
    d->current = c->id;
    d->any = true;
}

/* ---- one segment ---- */

static struct lane_segment shown_segment(const struct la_diagram *d, const struct diagram_conn *c,
                                         const struct la_trace_record *r)
{
    const bool in = LA_TRACE_WHAT(r) == LA_TRACE_IN;
    uint32_t seq_base = in ? c->irs : c->iss, ack_base = in ? c->iss : c->irs;
    uint8_t scale = in ? c->scale_there : c->scale_here;
    uint32_t window = r->wnd;

    if (d->options.absolute || c->id == 0)
        seq_base = ack_base = 0;
    if (c->scaled && (r->flags & LA_TH_SYN) == 0 && scale <= 14)
        window <<= scale;
    return (struct lane_segment){
        .flags = r->flags,
        .seq = r->seq - seq_base,
        .ack = r->ack - ack_base,
        .len = r->len,
        .window = window,
        .window_matters = lane_is_about_window(r->reason, r->flags, r->wnd),
    };
}

static struct lane_arrow arrow_of(const struct la_trace_record *r, const char *label)
{
    const bool refused = la_reason_kind(r->reason) == LA_KIND_DROP;
    const bool again = lane_is_again(r->reason);

    return (struct lane_arrow){
        .right = LA_TRACE_WHAT(r) == LA_TRACE_OUT,
        .refused = refused,
        .again = again,
        .style = lane_style(r->flags, again, refused),
        .label = label,
    };
}

static void put_states(struct view_line *line, const struct la_diagram *d,
                       const struct diagram_segment *s)
{
    if (!s->there_known)
        return;
    view_line_to(line, d->layout.there);
    view_line_put(line, s->there_sure ? STYLE_PLAIN : STYLE_QUIET, la_tcp_state_name(s->there));
    if (!s->there_sure)
        view_line_put(line, STYLE_QUIET, "?");
}

/* What did not fit into the arrow, and the reason where it has no column. */
static void draw_below(struct la_diagram *d, const struct diagram_segment *s, const char *rest,
                       const char *why)
{
    const struct diagram_layout *l = &d->layout;
    const unsigned indent = l->lane + LANE_LABEL_INDENT;
    struct view_line line;
    char all[400];

    if (!l->wide) {
        if (s->options == NULL && lane_is_plain(lane_main_reason(s->r->reason, s->r->flags)))
            return;
        snprintf(all, sizeof(all), rest[0] != '\0' && why[0] != '\0' ? "%s [%s]" : "%s%s", why,
                 rest);
        rest = all;
        why = "";
    }
    while (rest[0] != '\0' || why[0] != '\0') {
        view_line_begin(&line, d->options.colour);
        view_line_wrapped(&line, STYLE_QUIET, &rest, indent, l->wide ? l->there : l->columns);
        view_line_wrapped(&line, STYLE_QUIET, &why, l->why, l->columns);
        view_line_end(&line, d->options.out);
    }
}

void diagram_draw_segment(struct la_diagram *d, struct diagram_conn *c,
                          const struct diagram_segment *s)
{
    const struct diagram_layout *l = &d->layout;
    const char *why = la_reason_text(lane_main_reason(s->r->reason, s->r->flags), d->options.lang);
    const char *rest;
    struct view_line line;
    struct lane_segment segment = shown_segment(d, c, s->r);
    struct lane_label label;
    struct lane_arrow arrow;
    char options[80];

    draw_who(d, c);
    lane_label(&label, &segment, l->lane_width - LANE_ARROW_COLUMNS);
    arrow = arrow_of(s->r, label.text);
    diagram_words_options(s->options, options, sizeof(options));
    if (options[0] != '\0')
        snprintf(label.rest + strlen(label.rest), sizeof(label.rest) - strlen(label.rest), " %s",
                 options);
    rest = label.rest[0] == ' ' ? label.rest + 1 : label.rest;

    view_line_begin(&line, d->options.colour);
    put_time(&line, c, s->r->time_ns);
    view_line_to(&line, l->here);
    view_line_put(&line, STYLE_PLAIN, la_tcp_state_name(s->here));
    view_line_to(&line, l->lane);
    lane_arrow_put(&line, glyphs_of(d), &arrow, l->lane_width);
    put_states(&line, d, s);
    if (l->wide)
        view_line_wrapped(&line, STYLE_QUIET, &why, l->why, l->columns);
    view_line_end(&line, d->options.out);
    draw_below(d, s, rest, why);
}

/* ---- lines of their own ---- */

void diagram_draw_note(struct la_diagram *d, struct diagram_conn *c, uint64_t time_ns,
                       const char *state, const char *mark, const char *text)
{
    const struct diagram_layout *l = &d->layout;
    struct view_line line;

    draw_who(d, c);
    view_line_begin(&line, d->options.colour);
    put_time(&line, c, time_ns);
    if (state != NULL) {
        view_line_to(&line, l->here);
        view_line_put(&line, STYLE_PLAIN, state);
    }
    view_line_to(&line, l->lane);
    view_line_put(&line, STYLE_QUIET, mark != NULL ? mark : glyphs_of(d)->middle);
    do {
        view_line_wrapped(&line, STYLE_QUIET, &text, l->lane + LANE_LABEL_INDENT, l->columns);
        view_line_end(&line, d->options.out);
        view_line_begin(&line, d->options.colour);
    } while (*text != '\0');
}

void diagram_draw_run(struct la_diagram *d, struct diagram_conn *c)
{
    char text[400];

    diagram_words_run(&c->run, d->options.lang, text, sizeof(text));
    diagram_draw_note(d, c, c->run.first_ns, NULL, glyphs_of(d)->more, text);
}
