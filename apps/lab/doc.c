/* docs/lab.md and docs/lab.zh-CN.md: all experiments with their sentences, conclusions and
 * pictures, written by the runs themselves. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "apps/apps.h"
#include "apps/lab/lab.h"
#include "lab/dissect.h"

#define SENTENCE_MAX 4000

struct doc {
    struct job *job;
    FILE *out;
    const char *folder;
    enum la_lang lang;
    bool good;
};

static const char *word(const struct doc *d, const char *en, const char *zh)
{
    return d->lang == LA_LANG_ZH ? zh : en;
}

/* Characters that Markdown would take for markup. */
static void plain(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (strchr("*_<>|", *text))
            fputc('\\', out);
        fputc(*text, out);
    }
}

static void wrapped(FILE *out, const char *text, unsigned columns)
{
    size_t room = 2 * strlen(text) + 1, len = 0;
    char *escaped = malloc(room);
    if (!escaped)
        return;
    for (; *text != '\0'; text++) {
        if (strchr("*_<>|", *text))
            escaped[len++] = '\\';
        escaped[len++] = *text;
    }
    escaped[len] = '\0';
    /* A line of Chinese that is broken would be joined with a blank: it stays whole. */
    if (columns == 0)
        fprintf(out, "%s\n", escaped);
    else
        lab_wrapped(out, escaped, columns, "");
    free(escaped);
}

static void params(struct doc *d, const struct lab *lab)
{
    bool any = false;
    for (unsigned i = 0; i < lab->scenario.params_count; i++) {
        const struct scenario_param *p = &lab->scenario.params[i];
        if (!p->says[d->lang])
            continue;
        if (!any)
            fprintf(d->out, "%s\n\n", word(d, "And if?", "如果……？"));
        any = true;
        fprintf(d->out, "* `lastack lab %s --%s %s`: ", lab->name, p->name, p->value);
        plain(d->out, p->says[d->lang]);
        fputc('\n', d->out);
    }
    if (any)
        fputc('\n', d->out);
}

static void sentences(struct doc *d, struct lab *lab, unsigned scene)
{
    static char text[SENTENCE_MAX];
    for (unsigned i = 0; i < lab->says_count; i++) {
        const struct lab_say *s = &lab->says[i];
        if (s->scene != scene || !s->said || s->kind == LAB_SAY_CONCLUSION)
            continue;
        lab_sentence(lab, s, d->lang, text, sizeof(text));
        wrapped(d->out, text, d->lang == LA_LANG_ZH ? 0 : 100);
        fputc('\n', d->out);
    }
}

static void shows(struct doc *d, struct lab *lab, unsigned scene)
{
    for (unsigned i = 0; i < lab->shows_count; i++) {
        const struct lab_show *s = &lab->shows[i];
        if (s->scene != scene)
            continue;
        struct lab_found f = lab_event_find(lab, scene, s->event, strlen(s->event));
        if (!f.e)
            continue;
        fprintf(d->out, "```text\n");
        lab_dissect(d->out, f.e, s->kind == LAB_SHOW_LAYERS, d->lang);
        fprintf(d->out, "```\n\n");
    }
}

/* The picture of a scene, without the sentences, which stand beside it. */
static void picture(struct doc *d, struct lab *lab, unsigned scene)
{
    char path[JOB_PATH], name[2 * LAB_NAME + 16];
    bool several = lab->scenes_count > 1;
    snprintf(name, sizeof(name), "%s%s%s%s.svg", lab->name, several ? "-" : "",
             several ? lab->scenes[scene].name : "", d->lang == LA_LANG_ZH ? ".zh-CN" : "");
    snprintf(path, sizeof(path), "%.800s/lab/%s", d->folder, name);
    d->good &= picture_svg(d->job, lab, scene, path);
    fprintf(d->out, "![");
    plain(d->out, several ? lab->scenes[scene].title.say[d->lang] : lab->title.say[d->lang]);
    fprintf(d->out, "](lab/%s)\n\n", name);
}

static void experiment(struct doc *d, struct lab *lab)
{
    static char text[SENTENCE_MAX];
    fprintf(d->out, "### %s\n\n", lab->name);
    fprintf(d->out, "**");
    plain(d->out, lab->title.say[d->lang]);
    fprintf(d->out, "** ");
    plain(d->out, lab->question.say[d->lang]);
    fprintf(d->out, "\n\n");
    for (unsigned i = 0; i < lab->scenes_count; i++) {
        if (lab->scenes_count > 1)
            fprintf(d->out, "#### %s\n\n", lab->scenes[i].title.say[d->lang]);
        picture(d, lab, i);
        sentences(d, lab, i);
        shows(d, lab, i);
    }
    for (unsigned i = 0; i < lab->says_count; i++) {
        const struct lab_say *s = &lab->says[i];
        if (s->kind != LAB_SAY_CONCLUSION)
            continue;
        lab_sentence(lab, s, d->lang, text, sizeof(text));
        fprintf(d->out, "**%s** ", word(d, "Conclusion.", "结论。"));
        wrapped(d->out, text, d->lang == LA_LANG_ZH ? 0 : 100);
        fputc('\n', d->out);
    }
    params(d, lab);
}

static void head(struct doc *d)
{
    fprintf(
        d->out, "%s",
        word(
            d,
            "# Questions about TCP, answered by running it\n\n"
            "Each experiment is a run of the shipped stack in virtual time. Every sentence "
            "rests on claims\nthat the run checks; this page is written by `make lab-docs` "
            "from the runs themselves.\n[lab.zh-CN.md](lab.zh-CN.md) is the same in "
            "Chinese. How to write one: [lab-language.md](lab-language.md).\n\n",
            "# 用运行来回答关于 TCP 的问题\n\n"
            "每个实验都是所发布的协议栈在虚拟时间中的一次运行，每句话都立足于由这次运行检验的论断；"
            "本页由 `make lab-docs` 从运行中生成。[lab.md](lab.md) 是英文版。"
            "如何自己写实验：[lab-language.md](lab-language.md)。\n\n"));
}

static bool one(struct doc *d, const struct found *f)
{
    static struct lab lab;
    char path[JOB_PATH];
    struct job job = *d->job;
    job.name = f->name;
    job.file = NULL;
    job.given_count = 0;
    job.v6 = false;
    job.say.lang = d->lang;
    job.quiet = true;
    if (!find_read(&job, &lab, path))
        return false;
    bool good = lab_run(&lab) && lab_holds(&lab);
    if (!good)
        say_error(&d->job->say, "%s: a claim does not hold: run it", "%s：有论断不成立，请运行它",
                  f->name);
    struct job *before = d->job;
    d->job = &job;
    if (good)
        experiment(d, &lab);
    d->job = before;
    lab_free(&lab);
    return good;
}

static bool language(struct job *job, const struct found *found, int count, enum la_lang lang)
{
    char path[JOB_PATH];
    const char *group = "";
    snprintf(path, sizeof(path), "%.900s/%s", job->doc,
             lang == LA_LANG_ZH ? "lab.zh-CN.md" : "lab.md");
    struct doc d = {.job = job, .folder = job->doc, .lang = lang, .good = true};
    d.out = fopen(path, "wb");
    if (!d.out) {
        say_error(&job->say, "cannot write %s: %s", "无法写入 %s：%s", path, strerror(errno));
        return false;
    }
    head(&d);
    for (int i = 0; i < count && d.good; i++) {
        if (strcmp(group, found[i].group) != 0)
            fprintf(d.out, "## %s\n\n", lab_group_title(found[i].group, lang));
        group = found[i].group;
        d.good &= one(&d, &found[i]);
    }
    d.good &= !ferror(d.out);
    return fclose(d.out) == 0 && d.good;
}

int doc_write(struct job *job)
{
    struct found *found;
    char path[JOB_PATH];
    int count = find_all(job, &found);
    if (count < 0)
        return APP_FAILED;
    snprintf(path, sizeof(path), "%.1000s/lab", job->doc);
    if (mkdir(path, 0777) != 0 && errno != EEXIST) {
        say_error(&job->say, "cannot make %s: %s", "无法建立 %s：%s", path, strerror(errno));
        find_free(found, count);
        return APP_FAILED;
    }
    bool good = language(job, found, count, LA_LANG_EN) && language(job, found, count, LA_LANG_ZH);
    find_free(found, count);
    return good ? APP_DONE : APP_FAILED;
}
