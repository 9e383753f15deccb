/* Running an experiment, placing its sentences and judging its claims. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/lab.h"
#include "lab/wrong.h"

#define EVENTS_MAX 1000000 /* of the simulation: an experiment is small */

static bool run_scene(struct lab *lab, struct lab_scene *scene)
{
    struct sim_watch watch = {.wrong = &lab_wrong, .events_max = EVENTS_MAX};
    lab_record_free(&scene->record);
    if (!scene->result && !(scene->result = malloc(sizeof(*scene->result))))
        return false;
    lab_record_begin(&scene->record, scene->plan, &watch);
    if (!sim_run(scene->plan, &watch, scene->result) || scene->record.no_memory)
        return false;
    lab_record_end(&scene->record, scene->result->end_ns);
    if (scene->result->broken && !lab->broken) {
        lab->broken = true;
        snprintf(lab->fault, sizeof(lab->fault), "%s: %s: %s", scene->name, scene->result->kind,
                 scene->result->violation);
    }
    return true;
}

/* When and where a sentence is said. */
static void place(struct lab *lab, struct lab_say *s)
{
    const struct lab_scene *scene = &lab->scenes[s->scene];
    s->placed = true;
    s->node = -1;
    s->time_ns = 0;
    if (s->kind == LAB_SAY_AT)
        s->time_ns = s->at_ns;
    if (s->kind == LAB_SAY_END || s->kind == LAB_SAY_CONCLUSION)
        s->time_ns = scene->record.end_ns;
    if (s->kind == LAB_SAY_ON) {
        struct lab_found f = lab_event_find(lab, s->scene, s->event, strlen(s->event));
        s->placed = f.e != NULL;
        s->time_ns = f.time_ns;
        s->node = f.e ? (int)f.node : -1;
    }
    if (s->side)
        s->node = plan_find_node(scene->plan, s->side);
}

/* A sentence that its `when` rules out promises nothing, and neither do its claims. */
static void judge(struct lab *lab, struct lab_say *s)
{
    struct lab_miss ignored;
    bool wanted = !s->when || lab_expr_holds(lab, s->scene, s->when, &ignored);
    place(lab, s);
    s->said = s->placed && wanted;
    s->holds = s->placed || !wanted;
    for (unsigned i = 0; i < s->claims_count; i++) {
        struct lab_claim *c = &lab->claims[s->claims_first + i];
        c->holds = lab_expr_holds(lab, c->scene, c->expression, &c->miss) || !wanted;
        s->holds &= c->holds;
    }
}

bool lab_run(struct lab *lab)
{
    lab->broken = false;
    for (unsigned i = 0; i < lab->scenes_count; i++)
        if (!run_scene(lab, &lab->scenes[i]))
            return false;
    for (unsigned i = 0; i < lab->says_count; i++)
        judge(lab, &lab->says[i]);
    return true;
}

bool lab_holds(const struct lab *lab)
{
    if (lab->broken)
        return false;
    for (unsigned i = 0; i < lab->says_count && !lab->given; i++)
        if (!lab->says[i].holds)
            return false;
    return true;
}

unsigned lab_claims_held(const struct lab *lab)
{
    unsigned n = 0;
    for (unsigned i = 0; i < lab->claims_count; i++)
        n += lab->claims[i].holds;
    return n;
}

/* ---- what is said --------------------------------------------------------------------------- */

void lab_words(struct lab *lab, unsigned scene, const char *words, char *text, size_t len)
{
    size_t at = 0;
    while (words && *words != '\0' && at + 1 < len) {
        const char *end = *words == '{' ? strchr(words, '}') : NULL;
        char expression[200], value[60];
        if (!end || (size_t)(end - words) > sizeof(expression)) {
            text[at++] = *words++;
            continue;
        }
        snprintf(expression, sizeof(expression), "%.*s", (int)(end - words - 1), words + 1);
        struct lab_value v = lab_expr_value(lab, scene, expression);
        lab_value_format(&v, value, sizeof(value));
        int n = snprintf(text + at, len - at, "%s", value);
        at += (size_t)n < len - at ? (size_t)n : len - at - 1;
        words = end + 1;
    }
    text[at] = '\0';
}

/* "count(...) is 3, and not == 4" */
static void say_miss(const struct lab_miss *m, enum la_lang lang, char *text, size_t len)
{
    if (m->right[0] == '\0')
        snprintf(text, len, lang == LA_LANG_ZH ? "%s 不成立" : "%s does not hold", m->left);
    else if (strcmp(m->left_value, "-") == 0 || strcmp(m->right_value, "-") == 0)
        snprintf(text, len,
                 lang == LA_LANG_ZH ? "%s %s %s 无法比较：没有发生" : "%s %s %s: it never happened",
                 m->left, m->relation, m->right);
    else
        snprintf(text, len,
                 lang == LA_LANG_ZH ? "%s 为 %s，不满足 %s %s" : "%s is %s, which is not %s %s",
                 m->left, m->left_value, m->relation,
                 strcmp(m->right, m->right_value) == 0 ? m->right : m->right_value);
}

void lab_sentence(struct lab *lab, const struct lab_say *s, enum la_lang lang, char *text,
                  size_t len)
{
    if (s->holds) {
        lab_words(lab, s->scene, s->text.say[lang], text, len);
        return;
    }
    size_t at = 0;
    text[0] = '\0';
    if (s->otherwise.say[lang]) {
        lab_words(lab, s->scene, s->otherwise.say[lang], text, len);
        at = strlen(text);
        if (at + 1 < len && lang == LA_LANG_EN)
            text[at++] = ' ';
    }
    text[at] = '\0';
    at += (size_t)snprintf(text + at, len - at, "%s",
                           lang == LA_LANG_ZH ? "［在这些取值下不成立："
                                              : "[Not so with these values: ");
    bool first = true;
    for (unsigned i = 0; i < s->claims_count && at < len; i++) {
        const struct lab_claim *c = &lab->claims[s->claims_first + i];
        char why[400];
        if (c->holds)
            continue;
        say_miss(&c->miss, lang, why, sizeof(why));
        at += (size_t)snprintf(text + at, len - at, "%s%s", first ? "" : "; ", why);
        first = false;
    }
    if (first && at < len)
        at += (size_t)snprintf(text + at, len - at, "%s%s", s->event ? s->event : "",
                               lang == LA_LANG_ZH ? "：没有发生" : ": it never happened");
    if (at < len)
        snprintf(text + at, len - at, "%s", lang == LA_LANG_ZH ? "］" : "]");
}
