/* Arrows and labels of text drawings. */
#include "lane.h"

#include <inttypes.h>
#include <string.h>

const struct lane_glyphs *lane_glyphs(bool unicode)
{
    static const struct lane_glyphs ascii = {
        .line = "-",
        .dashed = "~",
        .right = ">",
        .left = "<",
        .cross = "X",
        .middle = "*",
        .both = "<->",
        .more = ":",
        .call_left = ">",
        .call_right = "<",
        .down = "|",
        .turn_down = ".",
        .turn_up = "'",
        .over = "+",
        .from_right = ".",
        .to_left = "'",
    };
    static const struct lane_glyphs beyond = {
        .line = "─",
        .dashed = "╌",
        .right = "▶",
        .left = "◀",
        .cross = "✗",
        .middle = "·",
        .both = "↔",
        .more = "⋮",
        .call_left = "▸",
        .call_right = "◂",
        .down = "│",
        .turn_down = "╮",
        .turn_up = "╰",
        .over = "┼",
        .from_right = "╭",
        .to_left = "╯",
    };

    return unicode ? &beyond : &ascii;
}

bool lane_is_again(enum la_reason reason)
{
    switch ((int)reason) {
    case LA_SYN_AGAIN:
    case LA_SYN_ACK_AGAIN:
    case LA_RTX_TIMEOUT:
    case LA_RTX_FAST:
    case LA_RTX_PARTIAL:
    case LA_RTX_RACK:
    case LA_RTX_AGAIN:
    case LA_RTX_WINDOW:
    case LA_RTX_MTU:
    case LA_RTX_PROBE_MTU:
    case LA_FIN_AGAIN:
    case LA_TAKE_SYN_AGAIN:
    case LA_TAKE_FIN_AGAIN:
    case LA_TAKE_DATA_OLD:
        return true;
    default:
        return false;
    }
}

bool lane_is_plain(enum la_reason reason)
{
    return reason == LA_NONE || reason == LA_DATA || reason == LA_TAKE_DATA ||
           reason == LA_TAKE_ACK;
}

enum la_reason lane_main_reason(enum la_reason reason, uint16_t flags)
{
    return reason == LA_DATA && (flags & LA_TH_FIN) != 0 ? LA_FIN : reason;
}

bool lane_is_about_window(enum la_reason reason, uint16_t flags, uint16_t wnd)
{
    return (flags & LA_TH_SYN) != 0 || wnd == 0 || reason == LA_ACK_WINDOW ||
           reason == LA_TAKE_WINDOW || reason == LA_PROBE_WINDOW;
}

enum view_style lane_style(uint16_t flags, bool again, bool refused)
{
    if (refused || (flags & LA_TH_RST) != 0)
        return STYLE_BAD;
    if (again)
        return STYLE_AGAIN;
    return (flags & (LA_TH_SYN | LA_TH_FIN)) != 0 ? STYLE_STRONG : STYLE_PLAIN;
}

struct parts {
    char flags[40], seq[16], end[16], ack[20], len[20], win[20];
};

static void make_parts(struct parts *p, const struct lane_segment *s)
{
    memset(p, 0, sizeof(*p));
    la_flags_format(s->flags, p->flags);
    snprintf(p->seq, sizeof(p->seq), " seq=%" PRIu32, s->seq);
    if (s->len > 0) {
        snprintf(p->end, sizeof(p->end), "..%" PRIu32, s->seq + s->len);
        snprintf(p->len, sizeof(p->len), " len=%" PRIu32, s->len);
    }
    if ((s->flags & LA_TH_ACK) != 0)
        snprintf(p->ack, sizeof(p->ack), " ack=%" PRIu32, s->ack);
    if ((s->flags & LA_TH_RST) == 0 && (!s->window_known || s->window_matters))
        snprintf(p->win, sizeof(p->win), " win=%" PRIu32, s->window);
}

/* Leaves out, one after the other, what is least missed: window, length (it can be seen from the
 * end), end. A window that the segment is about goes below. */
void lane_label(struct lane_label *label, const struct lane_segment *s, unsigned columns)
{
    static const struct {
        bool end, len, win;
    } kept[] = {
        {true, true, true},   {true, true, false},   {true, false, false},
        {false, true, false}, {false, false, false},
    };
    struct parts p;

    make_parts(&p, s);
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        snprintf(label->text, sizeof(label->text), "%-7s%s%s%s%s%s", p.flags, p.seq,
                 kept[i].end ? p.end : "", p.ack, kept[i].len ? p.len : "",
                 kept[i].win ? p.win : "");
        snprintf(label->rest, sizeof(label->rest), "%s%s", kept[i].len || kept[i].end ? "" : p.len,
                 kept[i].win || !s->window_matters ? "" : p.win);
        if (strlen(label->text) <= columns)
            return;
    }
    if (columns < sizeof(label->text))
        label->text[columns] = '\0';
}

void lane_arrow_put(struct view_line *line, const struct lane_glyphs *g, const struct lane_arrow *a,
                    unsigned columns)
{
    const char *shaft = a->again ? g->dashed : g->line;
    unsigned fill = columns - LANE_LABEL_INDENT - (unsigned)strlen(a->label) - 1;

    view_line_put(line, a->style, a->right ? shaft : a->refused ? g->cross : g->left);
    view_line_put(line, a->style, shaft);
    view_line_put(line, a->style, " ");
    view_line_put(line, a->style, a->label);
    view_line_put(line, a->style, " ");
    view_line_repeat(line, a->style, shaft, a->right ? fill - 1 : fill);
    if (a->right)
        view_line_put(line, a->style, a->refused ? g->cross : g->right);
}
