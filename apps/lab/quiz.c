/* Asking before showing. The right answer is a value of the run; the others come from the file,
 * and those that happen to be right as well are left out. Order follows from the seed. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "apps/apps.h"
#include "apps/lab/lab.h"

#define ANSWER_MAX   60
#define SENTENCE_MAX 4000

struct options {
    char text[LAB_CHOICES + 1][ANSWER_MAX];
    unsigned count, right;
};

/* xorshift: the order of questions needs no more. */
static unsigned below(uint64_t *seed, unsigned n)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return (unsigned)(*seed % n);
}

static void make_options(struct lab *lab, const struct lab_quiz *q, uint64_t *seed,
                         struct options *o)
{
    struct lab_value v = lab_expr_value(lab, q->scene, q->answer);
    lab_value_format(&v, o->text[0], ANSWER_MAX);
    o->count = 1;
    for (unsigned i = 0; i < q->choices_count; i++) {
        char text[ANSWER_MAX];
        bool there = false;
        v = lab_expr_value(lab, q->scene, q->choices[i]);
        lab_value_format(&v, text, sizeof(text));
        for (unsigned n = 0; n < o->count; n++)
            there |= strcmp(o->text[n], text) == 0;
        if (!there && v.type != LAB_MISSING)
            memcpy(o->text[o->count++], text, sizeof(text));
    }
    o->right = 0;
    for (unsigned i = o->count; i > 1; i--) {
        unsigned other = below(seed, i);
        char text[ANSWER_MAX];
        memcpy(text, o->text[i - 1], ANSWER_MAX);
        memcpy(o->text[i - 1], o->text[other], ANSWER_MAX);
        memcpy(o->text[other], text, ANSWER_MAX);
        if (o->right == other)
            o->right = i - 1;
        else if (o->right == i - 1)
            o->right = other;
    }
}

/* A number of the list, or the words of an answer. -1: neither; -2: the input has ended. */
static int read_answer(const struct options *o)
{
    char line[200];
    if (!fgets(line, sizeof(line), stdin))
        return -2;
    size_t len = strlen(line);
    while (len > 0 && isspace((unsigned char)line[len - 1]))
        line[--len] = '\0';
    const char *from = line;
    while (isspace((unsigned char)*from))
        from++;
    for (unsigned i = 0; i < o->count; i++)
        if (strcasecmp(o->text[i], from) == 0)
            return (int)i;
    char *end;
    unsigned long n = strtoul(from, &end, 10);
    return *from != '\0' && *end == '\0' && n >= 1 && n <= o->count ? (int)n - 1 : -1;
}

/* True: right. `ended`: there are no more answers. */
static bool ask(struct job *job, struct lab *lab, const struct lab_quiz *q, unsigned number,
                uint64_t *seed, bool *ended)
{
    static char words[SENTENCE_MAX], line[SENTENCE_MAX + 20];
    enum la_lang lang = job->say.lang;
    struct options o;
    make_options(lab, q, seed, &o);
    lab_words(lab, q->scene, q->question.say[lang], words, sizeof(words));
    snprintf(line, sizeof(line), "%u. %s", number, words);
    printf("\n");
    lab_wrapped(stdout, line, job->columns, "");
    for (unsigned i = 0; i < o.count; i++)
        printf("   %u) %s\n", i + 1, o.text[i]);
    int answer = -1;
    while (answer == -1) {
        printf("? ");
        fflush(stdout);
        answer = read_answer(&o);
        if (answer == -1)
            printf(
                say_words(&job->say, "Write a number from 1 to %u.\n", "请写 1 到 %u 之间的数。\n"),
                o.count);
    }
    *ended = answer == -2;
    if (!isatty(STDIN_FILENO))
        printf("\n");
    bool right = answer == (int)o.right;
    if (right)
        say_text(stdout, &job->say, "   Right.", "   对。");
    else
        printf(say_words(&job->say, "   No: it is %s.", "   不对：是 %s。"), o.text[o.right]);
    printf("\n");
    if (q->because.say[lang]) {
        lab_words(lab, q->scene, q->because.say[lang], words, sizeof(words));
        lab_wrapped(stdout, words, job->columns, "   ");
    }
    return right;
}

int quiz_run(struct job *job, struct lab *lab)
{
    uint64_t seed = job->seeded ? job->seed * 2654435769U + 88172645463325252U : 88172645463325252U;
    unsigned order[LAB_QUIZ] = {0}, asked = 0, right = 0;
    bool ended = false;
    enum la_lang lang = job->say.lang;
    if (lab->quiz_count == 0) {
        say_error(&job->say, "%s has no questions", "%s 没有问题", lab->name);
        return APP_FAILED;
    }
    for (unsigned i = 0; i < lab->quiz_count; i++)
        order[i] = i;
    for (unsigned i = job->seeded ? lab->quiz_count : 0; i > 1; i--) {
        unsigned other = below(&seed, i), swap = order[i - 1];
        order[i - 1] = order[other];
        order[other] = swap;
    }
    printf("%s\n", lab->title.say[lang]);
    lab_wrapped(stdout, lab->question.say[lang], job->columns, "");
    for (unsigned i = 0; i < lab->quiz_count && !ended; i++) {
        right += ask(job, lab, &lab->quiz[order[i]], i + 1, &seed, &ended);
        asked += !ended;
    }
    printf(say_words(&job->say, "\n%u of %u right. This is how it went:\n\n",
                     "\n答对 %u / %u。实际经过如下：\n\n"),
           right, asked);
    lab_report(job, lab);
    return APP_DONE;
}
