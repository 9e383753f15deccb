/* What a run says on a terminal. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apps/lab/lab.h"
#include "lab/chart.h"
#include "lab/dissect.h"

#define SENTENCE_MAX 4000

/* ---- paragraphs ----------------------------------------------------------------------------- */

/* Bytes and columns of the character at `at`. */
static unsigned glyph(const char *at, unsigned *columns)
{
    unsigned char c = (unsigned char)*at;
    unsigned bytes = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    for (unsigned i = 1; i < bytes; i++)
        if (at[i] == '\0')
            bytes = i;
    *columns = bytes >= 3 ? 2 : 1;
    return bytes;
}

/* Punctuation that begins no line in Chinese. */
static bool sticks(const char *at)
{
    static const char *const marks[] = {"，", "。", "；", "：", "、", "？", "！", "）", "”", "］"};
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
        if (strncmp(at, marks[i], strlen(marks[i])) == 0)
            return true;
    return false;
}

/* The part of a text that fits: its bytes, up to a blank or between wide characters. */
static size_t fitting(const char *text, unsigned columns)
{
    size_t at = 0, best = 0;
    unsigned used = 0;
    while (text[at] != '\0') {
        unsigned width, bytes = glyph(text + at, &width);
        if (used + width > columns)
            return best > 0 ? best : at;
        at += bytes;
        used += width;
        unsigned next_width = 1;
        if (text[at] != '\0')
            (void)glyph(text + at, &next_width);
        bool may = text[at] == '\0' || text[at] == ' ' ||
                   ((width == 2 || next_width == 2) && !sticks(text + at));
        if (may)
            best = at;
    }
    return at;
}

void lab_wrapped(FILE *out, const char *text, unsigned columns, const char *indent)
{
    unsigned room = columns > strlen(indent) + 10 ? columns - (unsigned)strlen(indent) : 10;
    while (*text != '\0') {
        size_t n = fitting(text, room);
        if (n == 0)
            n = 1;
        fprintf(out, "%s%.*s\n", indent, (int)n, text);
        text += n;
        while (*text == ' ')
            text++;
    }
}

/* ---- the list ------------------------------------------------------------------------------- */

void lab_list(struct job *job, const struct found *found, int count)
{
    const char *group = "";
    for (int i = 0; i < count; i++) {
        const struct found *f = &found[i];
        if (strcmp(group, f->group) != 0) {
            printf("%s%s\n", i ? "\n" : "", lab_group_title(f->group, job->say.lang));
            group = f->group;
        }
        printf("  %-24s %s\n", f->name, f->question[job->say.lang]);
    }
    say_text(stdout, &job->say,
             "\nlastack lab NAME runs one; lastack lab NAME --help names its parameters.\n",
             "\nlastack lab 名称 运行一个实验；lastack lab 名称 --help 列出它的参数。\n");
}

/* ---- a run ---------------------------------------------------------------------------------- */

static void heading(struct job *job, const char *text)
{
    if (job->colour)
        printf("\033[1m%s\033[0m\n", text);
    else
        printf("%s\n", text);
}

static void draw(struct job *job, struct lab *lab, unsigned scene)
{
    struct la_chart_form form;
    struct la_chart *c = lab_chart(lab, scene, job->say.lang, !job->quiet, false);
    if (!c) {
        say_error(&job->say, "no memory", "内存不足");
        return;
    }
    la_chart_form_init(&form);
    form.columns = job->columns;
    form.unicode = !job->ascii;
    form.colour = job->colour;
    form.absolute = job->absolute;
    (void)la_chart_text(c, &form, stdout);
    la_chart_free(c);
}

static void shows(struct job *job, struct lab *lab, unsigned scene)
{
    for (unsigned i = 0; i < lab->shows_count; i++) {
        const struct lab_show *s = &lab->shows[i];
        if (s->scene != scene)
            continue;
        struct lab_found f = lab_event_find(lab, s->scene, s->event, strlen(s->event));
        printf("\n");
        if (!f.e)
            printf(say_words(&job->say, "(%s: it never happened)\n", "（%s：没有发生）\n"),
                   s->event);
        else
            lab_dissect(stdout, f.e, s->kind == LAB_SHOW_LAYERS, job->say.lang);
    }
}

static void conclusions(struct job *job, struct lab *lab)
{
    static char text[SENTENCE_MAX];
    for (unsigned i = 0; i < lab->says_count; i++) {
        const struct lab_say *s = &lab->says[i];
        if (s->kind != LAB_SAY_CONCLUSION || !s->said)
            continue;
        printf("\n");
        heading(job, say_words(&job->say, "Conclusion", "结论"));
        lab_sentence(lab, s, job->say.lang, text, sizeof(text));
        lab_wrapped(stdout, text, job->columns, "");
    }
}

/* Sentences without a place: what they are about did not happen. */
static void unplaced(struct job *job, struct lab *lab)
{
    static char text[SENTENCE_MAX];
    for (unsigned i = 0; i < lab->says_count; i++) {
        const struct lab_say *s = &lab->says[i];
        if (s->placed || s->holds)
            continue;
        lab_sentence(lab, s, job->say.lang, text, sizeof(text));
        printf("\n");
        lab_wrapped(stdout, text, job->columns, "");
    }
}

static void params(struct job *job, const struct lab *lab)
{
    bool any = false;
    for (unsigned i = 0; i < lab->scenario.params_count; i++) {
        const struct scenario_param *p = &lab->scenario.params[i];
        if (!p->says[job->say.lang])
            continue;
        printf("%s--%s %s", any ? "  " : say_words(&job->say, "And if? ", "如果……？ "), p->name,
               p->value);
        any = true;
    }
    if (any)
        printf("\n");
}

void lab_report_claims(struct job *job, struct lab *lab)
{
    for (unsigned i = 0; i < lab->claims_count; i++) {
        const struct lab_claim *c = &lab->claims[i];
        printf("  %s %s",
               c->holds ? say_words(&job->say, "holds ", "成立  ")
                        : say_words(&job->say, "FAILS ", "不成立"),
               c->expression);
        if (!c->holds && c->miss.right[0] != '\0')
            printf("   (%s | %s)", c->miss.left_value, c->miss.right_value);
        printf("\n");
    }
}

void lab_report(struct job *job, struct lab *lab)
{
    enum la_lang lang = job->say.lang;
    heading(job, lab->title.say[lang]);
    lab_wrapped(stdout, lab->question.say[lang], job->columns, "");
    for (unsigned i = 0; i < lab->scenes_count; i++) {
        if (job->scene && strcmp(job->scene, lab->scenes[i].name) != 0)
            continue;
        printf("\n");
        if (lab->scenes_count > 1)
            heading(job, lab->scenes[i].title.say[lang]);
        draw(job, lab, i);
        shows(job, lab, i);
    }
    unplaced(job, lab);
    conclusions(job, lab);
    printf("\n");
    printf(say_words(&job->say, "%u of %u claims hold, each checked by this run.\n",
                     "%u / %u 条论断成立，均由本次运行检验。\n"),
           lab_claims_held(lab), lab->claims_count);
    if (job->claims)
        lab_report_claims(job, lab);
    params(job, lab);
}
