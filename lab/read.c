/* From a text to an experiment: the keywords of narration (docs/lab-language.md). All other lines
 * are the simulator's; those before the first `scene` belong to every scene. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "lab/lab.h"
#include "sim/read.h"

struct reader {
    struct lab *lab;
    struct scenario_fault *fault;
    const struct scenario_line *line;
    struct lab_text *text; /* where `en` and `zh` go */
    struct lab_say *say;   /* where `claim` and `but` go; NULL: nowhere */
    struct lab_quiz *quiz; /* where `answer` and `choices` go */
    bool scenes;           /* the file has lines `scene` */
    bool head_only;
};

#define FAULT(r, column, ...) \
    scenario_fault(&(r)->lab->scenario, (r)->fault, (r)->line->number, column, __VA_ARGS__)

static const char *const own_words[] = {"title",  "question", "conclusion", "scene", "say",
                                        "claim",  "en",       "zh",         "but",   "quiz",
                                        "answer", "choices",  "because",    "show",  NULL};

static bool is_own(const struct scenario_line *line)
{
    for (unsigned i = 0; own_words[i]; i++)
        if (strcmp(own_words[i], line->words[0].text) == 0)
            return true;
    return false;
}

/* ---- texts ---------------------------------------------------------------------------------- */

/* Adds a piece: with a blank between, but not between Chinese characters. */
static bool text_add(struct lab_text *t, enum la_lang lang, const char *more)
{
    const char *before = t->say[lang] ? t->say[lang] : "";
    size_t len = strlen(before);
    bool blank = len > 0 && (unsigned char)before[len - 1] < 0x80 && (unsigned char)*more < 0x80;
    size_t room = len + strlen(more) + 2;
    char *text = malloc(room);
    if (!text)
        return false;
    snprintf(text, room, "%s%s%s", before, blank ? " " : "", more);
    free(t->say[lang]);
    t->say[lang] = text;
    return true;
}

static void text_free(struct lab_text *t)
{
    free(t->say[0]);
    free(t->say[1]);
    t->say[0] = t->say[1] = NULL;
}

static bool read_words(struct reader *r)
{
    enum la_lang lang = r->line->words[0].text[0] == 'e' ? LA_LANG_EN : LA_LANG_ZH;
    if (!r->text)
        return FAULT(r, r->line->words[0].column,
                     "nothing here can be told: a text follows title, question, scene, say, but, "
                     "quiz, because or conclusion");
    if (r->line->words_count != 2 || r->line->settings_count > 0)
        return FAULT(r, r->line->words[0].column, "write it like: %s \"a sentence\"",
                     r->line->words[0].text);
    return text_add(r->text, lang, r->line->words[1].text) ||
           FAULT(r, r->line->words[0].column, "no memory");
}

/* "en=" and "zh=" of a line. */
static bool inline_texts(struct reader *r, struct lab_text *to)
{
    static const char *const keys[] = {"en", "zh"};
    for (unsigned lang = 0; lang < 2; lang++) {
        const struct scenario_setting *s = scenario_setting(r->line, keys[lang]);
        if (s && !text_add(to, (enum la_lang)lang, s->value))
            return FAULT(r, s->column, "no memory");
    }
    r->text = to;
    return true;
}

static bool only_settings(struct reader *r, const char *const *names)
{
    for (unsigned i = 0; i < r->line->settings_count; i++) {
        unsigned n = 0;
        while (names[n] && strcmp(names[n], r->line->settings[i].key) != 0)
            n++;
        if (!names[n])
            return FAULT(r, r->line->settings[i].column, "no \"%s\" here",
                         r->line->settings[i].key);
    }
    return true;
}

/* The words of a line from one on, as one text. */
static char *join(const struct scenario_line *line, unsigned from)
{
    size_t len = 1;
    for (unsigned i = from; i < line->words_count; i++)
        len += strlen(line->words[i].text) + 1;
    char *text = calloc(1, len);
    for (unsigned i = from; text && i < line->words_count; i++) {
        strcat(text, i > from ? " " : "");
        strcat(text, line->words[i].text);
    }
    return text;
}

/* ---- the head ------------------------------------------------------------------------------- */

static bool read_title(struct reader *r)
{
    static const char *const names[] = {"en", "zh", "group", "order", NULL};
    uint64_t order = 0;
    const struct scenario_setting *group = scenario_setting(r->line, "group");
    const struct scenario_setting *place = scenario_setting(r->line, "order");
    r->say = NULL;
    if (!only_settings(r, names) || !inline_texts(r, &r->lab->title))
        return false;
    if (group && !lab_group_title(group->value, LA_LANG_EN))
        return FAULT(r, group->value_column,
                     "no group \"%s\": there are look, open, close, wait, trouble and data",
                     group->value);
    if (place && !scenario_number(place->value, 9999, &order))
        return FAULT(r, place->value_column, "\"%s\" is no number", place->value);
    r->lab->group = group ? group->value : "own";
    r->lab->order = (uint32_t)order;
    return true;
}

static bool read_question(struct reader *r)
{
    static const char *const names[] = {"en", "zh", NULL};
    r->say = NULL;
    return only_settings(r, names) && inline_texts(r, &r->lab->question);
}

static bool read_scene(struct reader *r)
{
    static const char *const names[] = {"en", "zh", NULL};
    struct lab *lab = r->lab;
    r->say = NULL;
    r->quiz = NULL;
    if (r->line->words_count != 2)
        return FAULT(r, r->line->words[0].column,
                     "write it like: scene NAME en=\"...\" zh=\"...\"");
    if (lab->scenes_count == LAB_SCENES)
        return FAULT(r, r->line->words[0].column, "too many scenes: at most %d", LAB_SCENES);
    struct lab_scene *scene = &lab->scenes[lab->scenes_count++];
    snprintf(scene->name, sizeof(scene->name), "%s", r->line->words[1].text);
    return only_settings(r, names) && inline_texts(r, &scene->title);
}

/* ---- sentences and claims ------------------------------------------------------------------- */

static unsigned scene_now(const struct reader *r)
{
    return r->lab->scenes_count ? r->lab->scenes_count - 1 : 0;
}

static struct lab_say *add_say(struct reader *r, enum lab_say_kind kind)
{
    struct lab *lab = r->lab;
    if (lab->says_count == LAB_SAYS) {
        FAULT(r, r->line->words[0].column, "too many sentences: at most %d", LAB_SAYS);
        return NULL;
    }
    struct lab_say *s = &lab->says[lab->says_count++];
    memset(s, 0, sizeof(*s));
    s->kind = (uint8_t)kind;
    s->scene = scene_now(r);
    s->line = r->line->number;
    s->column = r->line->words[0].column;
    s->claims_first = lab->claims_count;
    s->node = -1;
    r->say = s;
    r->text = &s->text;
    return s;
}

static bool read_say(struct reader *r)
{
    static const char *const names[] = {"en", "zh", "when", "side", NULL};
    const struct scenario_line *l = r->line;
    const char *how = l->words_count > 1 ? l->words[1].text : "";
    bool on = strcmp(how, "on") == 0, at = strcmp(how, "at") == 0;
    bool begin = strcmp(how, "begin") == 0, end = strcmp(how, "end") == 0;
    uint64_t at_ns = 0;
    if (!(on && l->words_count > 2) && !(at && l->words_count == 3) &&
        !((begin || end) && l->words_count == 2))
        return FAULT(r, l->words[0].column,
                     "write it like: say on client sends SYN (or: say at 2s, say begin, say end)");
    if (at && !scenario_time(l->words[2].text, &at_ns))
        return FAULT(r, l->words[2].column, "\"%s\" is no time: write it like 1.5s",
                     l->words[2].text);
    struct lab_say *s = add_say(r, on      ? LAB_SAY_ON
                                   : at    ? LAB_SAY_AT
                                   : begin ? LAB_SAY_BEGIN
                                           : LAB_SAY_END);
    if (!s || !only_settings(r, names))
        return false;
    s->at_ns = at_ns;
    s->event = on ? join(l, 2) : NULL;
    const struct scenario_setting *when = scenario_setting(l, "when");
    const struct scenario_setting *side = scenario_setting(l, "side");
    s->when = when ? when->value : NULL;
    s->side = side ? side->value : NULL;
    if (on) /* so that a fault inside it has its column */
        s->column = l->words[2].column;
    return inline_texts(r, &s->text);
}

static bool read_conclusion(struct reader *r)
{
    static const char *const names[] = {"en", "zh", NULL};
    struct lab_say *s = add_say(r, LAB_SAY_CONCLUSION);
    return s && only_settings(r, names) && inline_texts(r, &s->text);
}

static bool read_but(struct reader *r)
{
    static const char *const names[] = {"en", "zh", NULL};
    if (!r->say)
        return FAULT(r, r->line->words[0].column,
                     "\"but\" follows a sentence: it is what is said when a claim does not hold");
    return only_settings(r, names) && inline_texts(r, &r->say->otherwise);
}

static bool read_claim(struct reader *r)
{
    struct lab *lab = r->lab;
    if (!r->say)
        return FAULT(r, r->line->words[0].column, "a claim follows a sentence: say or conclusion");
    if (lab->claims_count == LAB_CLAIMS)
        return FAULT(r, r->line->words[0].column, "too many claims: at most %d", LAB_CLAIMS);
    if (r->line->words_count != 2 || r->line->settings_count > 0)
        return FAULT(r, r->line->words[0].column,
                     "write it like: claim \"count(client sends SYN) == 1\"");
    lab->claims[lab->claims_count++] = (struct lab_claim){.expression = r->line->words[1].text,
                                                          .line = r->line->number,
                                                          .column = r->line->words[1].column + 1,
                                                          .scene = scene_now(r)};
    r->say->claims_count++;
    return true;
}

/* ---- questions ------------------------------------------------------------------------------ */

static bool read_quiz(struct reader *r)
{
    static const char *const names[] = {"en", "zh", NULL};
    struct lab *lab = r->lab;
    r->say = NULL;
    if (lab->quiz_count == LAB_QUIZ)
        return FAULT(r, r->line->words[0].column, "too many questions: at most %d", LAB_QUIZ);
    r->quiz = &lab->quiz[lab->quiz_count++];
    *r->quiz = (struct lab_quiz){
        .scene = scene_now(r), .line = r->line->number, .column = r->line->words[0].column};
    return only_settings(r, names) && inline_texts(r, &r->quiz->question);
}

static bool read_answer(struct reader *r)
{
    const struct scenario_line *l = r->line;
    if (!r->quiz)
        return FAULT(r, l->words[0].column, "an answer follows a quiz");
    if (l->words_count != 2 || l->settings_count > 0)
        return FAULT(r, l->words[0].column, "write it like: answer \"state(server at 2s)\"");
    r->quiz->answer = l->words[1].text;
    r->quiz->answer_line = l->number;
    r->quiz->answer_column = l->words[1].column + 1;
    return true;
}

static bool read_choices(struct reader *r)
{
    const struct scenario_line *l = r->line;
    if (!r->quiz || l->words_count < 2 || l->words_count > LAB_CHOICES + 1)
        return FAULT(r, l->words[0].column,
                     "choices follow a quiz, at most %d, like: choices \"1s\" \"2s\"", LAB_CHOICES);
    for (unsigned i = 1; i < l->words_count; i++)
        r->quiz->choices[i - 1] = l->words[i].text;
    r->quiz->choices_count = l->words_count - 1;
    return true;
}

static bool read_because(struct reader *r)
{
    static const char *const names[] = {"en", "zh", NULL};
    if (!r->quiz)
        return FAULT(r, r->line->words[0].column, "\"because\" follows a quiz");
    return only_settings(r, names) && inline_texts(r, &r->quiz->because);
}

static bool read_show(struct reader *r)
{
    struct lab *lab = r->lab;
    const struct scenario_line *l = r->line;
    const char *what = l->words_count > 1 ? l->words[1].text : "";
    bool header = strcmp(what, "header") == 0;
    r->say = NULL;
    if ((!header && strcmp(what, "layers") != 0) || l->words_count < 3)
        return FAULT(r, l->words[0].column,
                     "write it like: show header client sends DATA (or: show layers ...)");
    if (lab->shows_count == LAB_SHOWS)
        return FAULT(r, l->words[0].column, "too many packets are shown: at most %d", LAB_SHOWS);
    lab->shows[lab->shows_count++] =
        (struct lab_show){.kind = header ? LAB_SHOW_HEADER : LAB_SHOW_LAYERS,
                          .scene = scene_now(r),
                          .line = l->number,
                          .column = l->words[2].column,
                          .event = join(l, 2)};
    return true;
}

static const struct keyword {
    const char *name;
    bool (*read)(struct reader *r);
} keywords[] = {
    {"title", read_title},
    {"question", read_question},
    {"scene", read_scene},
    {"say", read_say},
    {"conclusion", read_conclusion},
    {"claim", read_claim},
    {"but", read_but},
    {"en", read_words},
    {"zh", read_words},
    {"quiz", read_quiz},
    {"answer", read_answer},
    {"choices", read_choices},
    {"because", read_because},
    {"show", read_show},
};

static bool read_own(struct reader *r)
{
    for (size_t i = 0; i < LA_ARRAY_LEN(keywords); i++)
        if (strcmp(keywords[i].name, r->line->words[0].text) == 0)
            return keywords[i].read(r);
    return true;
}

/* ---- scenes become plans -------------------------------------------------------------------- */

/* The lines of the simulator that belong to a scene, in a scenario of their own. */
static bool plan_of_scene(struct reader *r, unsigned index)
{
    const struct scenario *s = &r->lab->scenario;
    struct lab_scene *scene = &r->lab->scenes[index];
    struct scenario part = *s;
    unsigned in = 0; /* 0: before the first scene */
    part.lines_count = 0;
    part.lines = malloc((s->lines_count + 1) * sizeof(*part.lines));
    scene->plan = malloc(sizeof(*scene->plan));
    if (!part.lines || !scene->plan) {
        free(part.lines);
        return scenario_fault(s, r->fault, 1, 1, "no memory");
    }
    for (size_t i = 0; i < s->lines_count; i++) {
        in += strcmp(s->lines[i].words[0].text, "scene") == 0;
        if (!is_own(&s->lines[i]) && (in == 0 || in == index + 1))
            part.lines[part.lines_count++] = s->lines[i];
    }
    bool good = sim_read(&part, own_words, scene->plan, r->fault);
    free(part.lines);
    if (!good)
        return false;
    scene->plan->may_fail = true; /* that connections fail is what many experiments show */
    scene->plan->whole_clocks = true;
    scene->plan->limit_ns = PLAN_NEVER; /* TIME-WAIT may last as long as somebody asks */
    scene->plan->keeps_listening = scene->plan->end_ns != PLAN_NEVER;
    for (unsigned i = 0; i < scene->plan->flows_count; i++)
        scene->plan->flows[i].v6 = r->lab->v6;
    for (unsigned i = 0; i < scene->plan->acts_count; i++)
        if (scene->plan->acts[i].kind == PLAN_ACT_FORGE)
            scene->plan->acts[i].data_only = r->lab->v6;
    return true;
}

/* ---- does everything make sense? ------------------------------------------------------------ */

static bool fault_in(struct reader *r, uint32_t line, uint32_t column,
                     const struct lab_expr_fault *why)
{
    return scenario_fault(&r->lab->scenario, r->fault, line, column + (uint32_t)why->at, "%s",
                          why->text);
}

/* {expressions} in a text. */
static bool check_text(struct reader *r, const struct lab_text *t, unsigned scene, uint32_t line)
{
    for (unsigned lang = 0; lang < 2; lang++) {
        const char *at = t->say[lang];
        while (at && (at = strchr(at, '{'))) {
            struct lab_expr_fault why = {.text = "a { without a }"};
            char expression[200];
            const char *end = strchr(at, '}');
            size_t len = end ? (size_t)(end - at) - 1 : sizeof(expression);
            if (len >= sizeof(expression))
                return fault_in(r, line, 1, &why);
            memcpy(expression, at + 1, len);
            expression[len] = '\0';
            if (!lab_expr_check(r->lab, scene, expression, &why)) {
                why.at = 0;
                return fault_in(r, line, 1, &why);
            }
            at = end + 1;
        }
    }
    return true;
}

static bool both_languages(struct reader *r, const struct lab_text *t, uint32_t line,
                           const char *what)
{
    for (unsigned lang = 0; lang < 2; lang++)
        if (!t->say[lang])
            return scenario_fault(&r->lab->scenario, r->fault, line, 1, "%s needs a text in %s: %s",
                                  what, lang ? "Chinese" : "English",
                                  lang ? "zh \"...\"" : "en \"...\"");
    return true;
}

static bool check_say(struct reader *r, const struct lab_say *s)
{
    struct lab_expr_fault why;
    struct lab *lab = r->lab;
    if (!both_languages(r, &s->text, s->line, "a sentence"))
        return false;
    if (s->claims_count == 0)
        return scenario_fault(&lab->scenario, r->fault, s->line, s->column,
                              "a sentence needs a claim that it stands on: claim \"...\"");
    if (s->event && !lab_event_check(lab, s->scene, s->event, strlen(s->event), &why))
        return fault_in(r, s->line, s->column, &why);
    if (s->when && !lab_expr_check(lab, s->scene, s->when, &why))
        return fault_in(r, s->line, s->column, &why);
    if (s->side && strcmp(s->side, "middle") != 0 &&
        plan_find_node(lab->scenes[s->scene].plan, s->side) < 0)
        return scenario_fault(&lab->scenario, r->fault, s->line, s->column,
                              "there is no host \"%s\" (or write side=middle)", s->side);
    return check_text(r, &s->text, s->scene, s->line) &&
           check_text(r, &s->otherwise, s->scene, s->line);
}

static bool check_quiz(struct reader *r, const struct lab_quiz *q)
{
    struct lab_expr_fault why;
    if (!both_languages(r, &q->question, q->line, "a question"))
        return false;
    if (!q->answer || q->choices_count == 0)
        return scenario_fault(&r->lab->scenario, r->fault, q->line, q->column,
                              "a quiz needs an answer and choices");
    if (!lab_expr_check(r->lab, q->scene, q->answer, &why))
        return fault_in(r, q->answer_line, q->answer_column, &why);
    for (unsigned i = 0; i < q->choices_count; i++)
        if (!lab_expr_check(r->lab, q->scene, q->choices[i], &why))
            return fault_in(r, q->line, q->column, &why);
    return check_text(r, &q->question, q->scene, q->line) &&
           check_text(r, &q->because, q->scene, q->line);
}

static bool check_all(struct reader *r)
{
    struct lab *lab = r->lab;
    struct lab_expr_fault why;
    for (unsigned i = 0; i < lab->says_count; i++)
        if (!check_say(r, &lab->says[i]))
            return false;
    for (unsigned i = 0; i < lab->claims_count; i++) {
        const struct lab_claim *c = &lab->claims[i];
        if (!lab_expr_check(lab, c->scene, c->expression, &why))
            return fault_in(r, c->line, c->column, &why);
    }
    for (unsigned i = 0; i < lab->quiz_count; i++)
        if (!check_quiz(r, &lab->quiz[i]))
            return false;
    for (unsigned i = 0; i < lab->shows_count; i++) {
        const struct lab_show *s = &lab->shows[i];
        if (!lab_event_check(lab, s->scene, s->event, strlen(s->event), &why))
            return fault_in(r, s->line, s->column, &why);
    }
    return both_languages(r, &lab->title, 1, "the title (first of all)") &&
           both_languages(r, &lab->question, 1, "the question");
}

/* ---- all ------------------------------------------------------------------------------------ */

static void set_name(struct lab *lab, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *from = slash ? slash + 1 : path;
    size_t len = strcspn(from, ".");
    snprintf(lab->name, sizeof(lab->name), "%.*s", (int)(len < LAB_NAME ? len : LAB_NAME - 1),
             from);
}

static bool read_lines(struct reader *r)
{
    struct scenario *s = &r->lab->scenario;
    for (size_t i = 0; i < s->lines_count; i++)
        r->scenes |= strcmp(s->lines[i].words[0].text, "scene") == 0;
    if (!r->scenes)
        r->lab->scenes_count = 1;
    for (size_t i = 0; i < s->lines_count; i++) {
        r->line = &s->lines[i];
        bool said = strcmp(r->line->words[0].text, "say") == 0;
        if (r->scenes && r->lab->scenes_count == 0 && said)
            return FAULT(r, r->line->words[0].column, "a sentence before the first scene");
        if (!read_own(r))
            return false;
    }
    return true;
}

bool lab_read(struct lab *lab, const char *name, const char *text, size_t len,
              const struct scenario_given *given, unsigned given_count, bool v6,
              struct scenario_fault *fault)
{
    struct reader r = {.lab = lab, .fault = fault};
    memset(lab, 0, sizeof(*lab));
    set_name(lab, name);
    lab->v6 = v6;
    lab->given = given_count > 0;
    lab->group = "own";
    if (!scenario_read(&lab->scenario, name, text, len, given, given_count, fault))
        return false;
    bool good = read_lines(&r);
    for (unsigned i = 0; good && i < lab->scenes_count; i++)
        good = plan_of_scene(&r, i);
    if (good && check_all(&r))
        return true;
    lab_free(lab);
    return false;
}

void lab_free(struct lab *lab)
{
    for (unsigned i = 0; i < lab->scenes_count; i++) {
        text_free(&lab->scenes[i].title);
        lab_record_free(&lab->scenes[i].record);
        free(lab->scenes[i].plan);
        free(lab->scenes[i].result);
    }
    for (unsigned i = 0; i < lab->says_count; i++) {
        text_free(&lab->says[i].text);
        text_free(&lab->says[i].otherwise);
        free((char *)lab->says[i].event);
    }
    for (unsigned i = 0; i < lab->quiz_count; i++) {
        text_free(&lab->quiz[i].question);
        text_free(&lab->quiz[i].because);
    }
    for (unsigned i = 0; i < lab->shows_count; i++)
        free((char *)lab->shows[i].event);
    text_free(&lab->title);
    text_free(&lab->question);
    scenario_free(&lab->scenario);
    memset(lab, 0, sizeof(*lab));
}
