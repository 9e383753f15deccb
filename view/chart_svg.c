/* The sequence chart as SVG: the bytes of a layout.
 *
 * Colours are rules of classes, given once for light and, where the reader's preference is to
 * decide, once more for dark inside a media query: programs that know no media queries (many that
 * print) draw the light picture. No variables, no scripts, no fonts from elsewhere. Every text from
 * outside goes through put_text(). */
#include <lastack/err.h>
#include <string.h>

#include "svg.h"

/* The colours of one scheme. */
struct palette {
    const char *paper, *ink, *quiet, *faint;
    const char *strong, *again, *bad;
    const char *chip, *circle, *number, *timer, *sum;
    const char *state[LA_TCP_STATE_COUNT];
};

static const struct palette light = {
    .paper = "#ffffff",
    .ink = "#1f2933",
    .quiet = "#5a6673",
    .faint = "#c3cad2",
    .strong = "#0b4f9e",
    .again = "#a85b00",
    .bad = "#b3121d",
    .chip = "#eef2f6",
    .circle = "#1f2933",
    .number = "#ffffff",
    .timer = "#8a6fc0",
    .sum = "#f5f7fa",
    .state =
        {
            [LA_TCP_CLOSED] = "none",
            [LA_TCP_LISTEN] = "#c9d1d9",
            [LA_TCP_SYN_SENT] = "#ffe39a",
            [LA_TCP_SYN_RECEIVED] = "#f9c74f",
            [LA_TCP_ESTABLISHED] = "#93d3a2",
            [LA_TCP_FIN_WAIT_1] = "#b9d4f7",
            [LA_TCP_FIN_WAIT_2] = "#86b3ee",
            [LA_TCP_CLOSE_WAIT] = "#f8c3a0",
            [LA_TCP_CLOSING] = "#e0b7e6",
            [LA_TCP_LAST_ACK] = "#ee9a80",
            [LA_TCP_TIME_WAIT] = "#bda9e6",
        },
};

static const struct palette dark = {
    .paper = "#14181d",
    .ink = "#e3e8ee",
    .quiet = "#9aa7b4",
    .faint = "#3c4650",
    .strong = "#7ab8ff",
    .again = "#f0a94b",
    .bad = "#ff7b7b",
    .chip = "#232a32",
    .circle = "#e3e8ee",
    .number = "#14181d",
    .timer = "#a08be0",
    .sum = "#1b2128",
    .state =
        {
            [LA_TCP_CLOSED] = "none",
            [LA_TCP_LISTEN] = "#56616c",
            [LA_TCP_SYN_SENT] = "#8f7a2b",
            [LA_TCP_SYN_RECEIVED] = "#b38a1d",
            [LA_TCP_ESTABLISHED] = "#3c8a52",
            [LA_TCP_FIN_WAIT_1] = "#3f6596",
            [LA_TCP_FIN_WAIT_2] = "#2f62ab",
            [LA_TCP_CLOSE_WAIT] = "#a5673a",
            [LA_TCP_CLOSING] = "#8a4f94",
            [LA_TCP_LAST_ACK] = "#a84b33",
            [LA_TCP_TIME_WAIT] = "#6a52a8",
        },
};

static const char *const tones[] = {
    [TONE_PLAIN] = "pl", [TONE_QUIET] = "qu", [TONE_STRONG] = "st",
    [TONE_AGAIN] = "ag", [TONE_BAD] = "ba",
};

static void put_text(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '&':
            fputs("&amp;", out);
            break;
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        default:
            fputc(*text, out);
            break;
        }
    }
}

/* ---- style ---- */

static void put_colours(FILE *out, const struct palette *p)
{
    fprintf(out,
            ".paper{fill:%s}text{fill:%s}.qu{fill:%s}.st{fill:%s}.ag{fill:%s}.ba{fill:%s}"
            ".halo{stroke:%s}",
            p->paper, p->ink, p->quiet, p->strong, p->again, p->bad, p->paper);
    fprintf(out,
            ".a{stroke:%s}.a.st{stroke:%s}.a.ag{stroke:%s}.a.ba{stroke:%s}.a.qu{stroke:%s}"
            ".h{fill:%s}.h.st{fill:%s}.h.ag{fill:%s}",
            p->ink, p->strong, p->again, p->bad, p->quiet, p->ink, p->strong, p->again);
    fprintf(out,
            ".life{stroke:%s}.brk{stroke:%s;fill:%s}.tick{stroke:%s}.chip{fill:%s;stroke:%s}"
            ".circ{fill:%s}.num{fill:%s}.tim{fill:%s}.sum{fill:%s;stroke:%s}",
            p->quiet, p->quiet, p->paper, p->faint, p->chip, p->faint, p->circle, p->number,
            p->timer, p->sum, p->faint);
    for (unsigned i = 0; i < LA_TCP_STATE_COUNT; i++)
        fprintf(out, ".s%u{fill:%s}", i, p->state[i]);
}

static void put_style(FILE *out, enum la_chart_scheme scheme)
{
    fputs("<style>"
          "text{font-family:system-ui,-apple-system,\"Segoe UI\",Roboto,\"Helvetica Neue\",Arial,"
          "\"Noto Sans\",\"DejaVu Sans\",\"PingFang SC\",\"Microsoft YaHei\",\"Noto Sans CJK SC\","
          "\"Source Han Sans SC\",\"WenQuanYi Zen Hei\",sans-serif;"
          "font-variant-numeric:tabular-nums}"
          ".b{font-weight:bold}.e{text-anchor:end}.m{text-anchor:middle}"
          ".halo{stroke-width:3;stroke-linejoin:round;paint-order:stroke}"
          ".a{fill:none;stroke-width:1.4}.a.st{stroke-width:1.9}"
          ".dash{stroke-dasharray:6 3}.dot{stroke-dasharray:2 4}"
          ".life{stroke-width:1}.brk{stroke-width:1}.tick,.chip,.sum{stroke-width:1}"
          ".stop{opacity:.45}",
          out);
    for (unsigned i = 0; i < SVG_FONTS; i++)
        fprintf(out, ".f%u{font-size:%gpx}", i, svg_font_size((enum svg_font)i));
    put_colours(out, scheme == LA_CHART_DARK ? &dark : &light);
    if (scheme == LA_CHART_AUTO) {
        fputs("@media (prefers-color-scheme:dark){", out);
        put_colours(out, &dark);
        fputc('}', out);
    }
    fputs("</style>\n", out);
}

/* ---- shapes ---- */

static void put_rectangle(FILE *out, const char *class, const struct svg_shape *s, double round)
{
    fprintf(out, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"", class,
            s->x, s->y, s->x2 - s->x, s->y2 - s->y);
    if (round > 0)
        fprintf(out, " rx=\"%.1f\"", round);
    if (s->title != NULL) {
        fputs("><title>", out);
        put_text(out, s->title);
        fputs("</title></rect>\n", out);
    } else {
        fputs("/>\n", out);
    }
}

/* At the end of an arrow that comes along `way`. */
static void put_head(FILE *out, const struct svg_shape *s, const char *tone, struct svg_way way)
{
    const double size = s->head == HEAD_CROSS ? 5 : 9, half = 3.6;
    const double bx = s->x2 - way.x * size, by = s->y2 - way.y * size;

    if (s->head == HEAD_ARROW)
        fprintf(out, "<path class=\"h %s\" d=\"M%.1f %.1fL%.1f %.1fL%.1f %.1fZ\"/>", tone, s->x2,
                s->y2, bx - way.y * half, by + way.x * half, bx + way.y * half, by - way.x * half);
    else if (s->head == HEAD_CROSS)
        fprintf(out,
                "<path class=\"a ba\" style=\"stroke-width:2.4\" "
                "d=\"M%.1f %.1fL%.1f %.1fM%.1f %.1fL%.1f %.1f\"/>",
                s->x2 - size, s->y2 - size, s->x2 + size, s->y2 + size, s->x2 - size, s->y2 + size,
                s->x2 + size, s->y2 - size);
}

static void put_arrow(FILE *out, const struct svg_shape *s)
{
    const double slope = (s->y2 - s->y) / (s->x2 - s->x);
    struct svg_way way = svg_way(slope);
    const double shaft = s->head == HEAD_ARROW ? 7 : 0;

    if (s->x2 < s->x)
        way = (struct svg_way){-way.x, -way.y};
    fputs("<g>", out);
    if (s->title != NULL && s->title[0] != '\0') {
        fputs("<title>", out);
        put_text(out, s->title);
        fputs("</title>", out);
    }
    fprintf(out, "<path class=\"a %s%s%s\" d=\"M%.1f %.1fL%.1f %.1f\"/>", tones[s->tone],
            s->dashed ? " dash" : "", s->dotted && !s->dashed ? " dot" : "", s->x, s->y,
            s->x2 - way.x * shaft, s->y2 - way.y * shaft);
    put_head(out, s, tones[s->tone], way);
    fputs("</g>\n", out);
}

/* Two slanted strokes with nothing between them. */
static void put_break(FILE *out, const struct svg_shape *s)
{
    const double width = s->x2 - s->x, rise = 7;

    fprintf(out,
            "<path class=\"paper\" d=\"M%.1f %.1fl%.1f %.1fv8l%.1f %.1fz\"/>"
            "<path class=\"a qu\" style=\"stroke-width:1\" "
            "d=\"M%.1f %.1fl%.1f %.1fm0 8l%.1f %.1f\"/>\n",
            s->x, s->y - 0.5, width, -rise, -width, rise, s->x, s->y - 0.5, width, -rise, -width,
            rise);
}

static void put_timer(FILE *out, const struct svg_shape *s)
{
    put_rectangle(out, s->ran_out ? "tim" : "tim stop", s, 2);
    if (s->ran_out)
        fprintf(out, "<path class=\"tim\" d=\"M%.1f %.1fh%.1fl%.1f 6z\"/>\n", s->x - 2.5, s->y2 - 5,
                s->x2 - s->x + 5, -(s->x2 - s->x + 5) / 2);
}

static void put_shape(FILE *out, const struct svg_shape *s)
{
    char class[16];

    switch (s->kind) {
    case SHAPE_ARROW:
        put_arrow(out, s);
        break;
    case SHAPE_BAND:
        snprintf(class, sizeof(class), "s%u", s->state);
        put_rectangle(out, class, s, 0);
        break;
    case SHAPE_LIFE:
    case SHAPE_TICK:
        fprintf(out, "<path class=\"%s\" d=\"M%.1f %.1fL%.1f %.1f\"/>\n",
                s->kind == SHAPE_LIFE ? "life" : "tick", s->x, s->y, s->x2, s->y2);
        break;
    case SHAPE_TIMER:
        put_timer(out, s);
        break;
    case SHAPE_CHIP:
        put_rectangle(out, "chip", s, 4);
        break;
    case SHAPE_CIRCLE:
        fprintf(out, "<circle class=\"circ\" cx=\"%.1f\" cy=\"%.1f\" r=\"9.5\"/>\n", s->x, s->y);
        break;
    case SHAPE_SUM:
        put_rectangle(out, "sum", s, 6);
        break;
    case SHAPE_BREAK:
        put_break(out, s);
        break;
    }
}

/* What lies below what. */
static int layer_of(const struct svg_shape *s)
{
    switch (s->kind) {
    case SHAPE_BAND:
    case SHAPE_TIMER:
    case SHAPE_TICK:
        return 0;
    case SHAPE_LIFE:
    case SHAPE_CHIP:
        return 1;
    case SHAPE_BREAK:
        return 2;
    case SHAPE_ARROW:
        return 3;
    default:
        return 4;
    }
}

/* ---- texts ---- */

static void put_one_text(FILE *out, const struct svg_text *t)
{
    static const char *const anchors[] = {
        [ANCHOR_START] = "", [ANCHOR_MIDDLE] = " m", [ANCHOR_END] = " e"};
    const struct svg_way way = svg_way(t->slope);
    const double along = t->anchor == ANCHOR_START    ? 0
                         : t->anchor == ANCHOR_MIDDLE ? t->width / 2
                                                      : t->width;
    const bool halo = t->font == SVG_LABEL || t->font == SVG_LABEL_SMALL || t->font == SVG_WHY;

    fprintf(out, "<text class=\"f%u %s%s%s%s\"", t->font,
            t->font == SVG_NUMBER ? "num" : tones[t->tone], anchors[t->anchor],
            svg_font_bold(t->font) ? " b" : "", halo ? " halo" : "");
    if (t->slope != 0)
        fprintf(out, " transform=\"matrix(%.4f %.4f %.4f %.4f %.1f %.1f)\">", way.x, way.y, -way.y,
                way.x, t->x + along * way.x, t->y + along * way.y);
    else
        fprintf(out, " x=\"%.1f\" y=\"%.1f\">", t->x + along, t->y);
    if (t->strong > 0 && t->text[t->strong] != '\0') {
        fputs("<tspan class=\"b\">", out);
        for (size_t i = 0; i < t->strong; i++) {
            char one[2] = {t->text[i], '\0'};

            put_text(out, one);
        }
        fputs("</tspan>", out);
        put_text(out, t->text + t->strong);
    } else if (t->strong > 0) {
        fputs("<tspan class=\"b\">", out);
        put_text(out, t->text);
        fputs("</tspan>", out);
    } else {
        put_text(out, t->text);
    }
    fputs("</text>\n", out);
}

/* For those who hear the picture instead of seeing it. */
static void put_description(FILE *out, const struct la_chart *c)
{
    const struct la_chart_info *info = &c->info;
    const bool zh = info->lang == LA_LANG_ZH;
    size_t packets = 0;

    for (size_t i = 0; i < c->events_n; i++)
        packets += c->events[i].e.kind == LA_CHART_PACKET;
    fputs("<title id=\"t\">", out);
    put_text(out, info->title[0] != '\0' ? info->title
                  : zh                   ? "TCP 时序图"
                                         : "TCP sequence diagram");
    fputs("</title>\n<desc id=\"d\">", out);
    put_text(out, info->subtitle);
    fputs(info->subtitle[0] != '\0' ? " " : "", out);
    put_text(out, info->end[0].name);
    fputs(zh ? "与" : " and ", out);
    put_text(out, info->end[1].name);
    fprintf(out, zh ? "：%zu 个报文。" : ": %zu packets.", packets);
    for (size_t i = 0; i < c->events_n; i++) {
        const struct la_chart_event *e = &c->events[i].e;

        if (e->kind != LA_CHART_NOTE)
            continue;
        fprintf(out, " %u. ", e->number);
        put_text(out, e->text);
    }
    fputs("</desc>\n", out);
}

static void put_layout(FILE *out, const struct svg_layout *l, const struct la_chart *c,
                       const struct la_chart_form *form)
{
    const char *lang = c->info.lang == LA_LANG_ZH ? "zh-CN" : "en";

    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
            "viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-labelledby=\"t d\" xml:lang=\"%s\">\n",
            l->width, l->height, l->width, l->height, lang);
    put_description(out, c);
    put_style(out, form->scheme);
    fputs("<rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n", out);
    for (int layer = 0; layer < 5; layer++) {
        for (size_t i = 0; i < l->shapes_n; i++) {
            if (layer_of(&l->shapes[i]) == layer)
                put_shape(out, &l->shapes[i]);
        }
    }
    for (size_t i = 0; i < l->texts_n; i++)
        put_one_text(out, &l->texts[i]);
    fputs("</svg>\n", out);
}

int la_chart_svg(const struct la_chart *c, const struct la_chart_form *form, FILE *out)
{
    struct svg_layout l;
    const bool ok = svg_layout_make(&l, c, form);

    if (ok)
        put_layout(out, &l, c, form);
    svg_layout_free(&l);
    if (!ok)
        return LA_ENOMEM;
    return ferror(out) ? LA_EIO : LA_OK;
}
