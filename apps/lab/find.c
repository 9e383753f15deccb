/* Where experiments are: $LASTACK_EXPERIMENTS, else beside the program as it was installed, else
 * in the source tree that it was built in. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apps/lab/lab.h"

#define FILES_MAX 256
#define TEXT_MAX  (1 << 20)

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool find_folder(struct job *job, char path[JOB_PATH])
{
    static const char *const beside[] = {"../share/lastack/experiments", "../experiments",
                                         "../../experiments"};
    char exe[JOB_PATH - 64];
    const char *named = getenv("LASTACK_EXPERIMENTS");
    if (named && *named != '\0') {
        snprintf(path, JOB_PATH, "%s", named);
        if (is_folder(path))
            return true;
    }
    ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
    exe[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(exe, '/');
    if (slash)
        *slash = '\0';
    for (size_t i = 0; slash && i < sizeof(beside) / sizeof(beside[0]); i++) {
        snprintf(path, JOB_PATH, "%s/%s", exe, beside[i]);
        if (is_folder(path))
            return true;
    }
    say_error(&job->say,
              "the experiments are not where they were installed: name their folder in "
              "LASTACK_EXPERIMENTS",
              "找不到已安装的实验：请用环境变量 LASTACK_EXPERIMENTS 指明其目录");
    return false;
}

char *find_text(struct job *job, const char *path, size_t *len)
{
    FILE *in = fopen(path, "rb");
    char *text = in ? malloc(TEXT_MAX + 1) : NULL;
    if (!text) {
        say_error(&job->say, "%s: %s", "%s：%s", path, strerror(errno));
        if (in)
            fclose(in);
        return NULL;
    }
    *len = fread(text, 1, TEXT_MAX + 1, in);
    bool bad = ferror(in) != 0;
    fclose(in);
    if (!bad && *len <= TEXT_MAX) {
        text[*len] = '\0';
        return text;
    }
    say_error(&job->say, "%s: cannot be read, or is longer than 1 MiB",
              "%s：无法读取，或超过 1 MiB", path);
    free(text);
    return NULL;
}

static int ends_with_lab(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return len > 4 && strcmp(entry->d_name + len - 4, ".lab") == 0;
}

static unsigned group_place(const char *group)
{
    unsigned n = 0;
    while (lab_group_name(n) && strcmp(lab_group_name(n), group) != 0)
        n++;
    return n;
}

static int by_place(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    unsigned gx = group_place(x->group), gy = group_place(y->group);
    if (gx != gy)
        return gx < gy ? -1 : 1;
    if (x->order != y->order)
        return x->order < y->order ? -1 : 1;
    return strcmp(x->name, y->name);
}

static bool take_head(struct job *job, struct found *f)
{
    static struct lab lab;
    struct scenario_fault fault = {.text = ""};
    size_t len;
    char *text = find_text(job, f->path, &len);
    if (!text)
        return false;
    if (!lab_read(&lab, f->path, text, len, NULL, 0, false, &fault)) {
        say_error(&job->say, "%s", "%s", fault.text);
        free(text);
        return false;
    }
    unsigned n = group_place(lab.group);
    f->group = lab_group_name(n);
    f->order = lab.order;
    for (unsigned lang = 0; lang < 2; lang++) {
        f->title[lang] = strdup(lab.title.say[lang]);
        f->question[lang] = strdup(lab.question.say[lang]);
    }
    lab_free(&lab);
    free(text);
    return f->title[0] && f->title[1] && f->question[0] && f->question[1];
}

int find_all(struct job *job, struct found **found)
{
    char folder[JOB_PATH];
    struct dirent **entries;
    if (!find_folder(job, folder))
        return -1;
    int n = scandir(folder, &entries, ends_with_lab, alphasort);
    *found = calloc((size_t)(n > 0 ? n : 0) + 1, sizeof(**found));
    int count = 0;
    bool good = n >= 0 && *found;
    for (int i = 0; i < n; i++) {
        if (good && count < FILES_MAX) {
            struct found *f = &(*found)[count];
            size_t len = strlen(entries[i]->d_name) - 4;
            snprintf(f->name, sizeof(f->name), "%.*s", (int)len, entries[i]->d_name);
            snprintf(f->path, sizeof(f->path), "%.700s/%.300s", folder, entries[i]->d_name);
            count += take_head(job, f);
        }
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    if (!good) {
        say_error(&job->say, "%s: %s", "%s：%s", folder, strerror(errno));
        free(*found);
        return -1;
    }
    qsort(*found, (size_t)count, sizeof(**found), by_place);
    return count;
}

void find_free(struct found *found, int count)
{
    for (int i = 0; i < count; i++)
        for (unsigned lang = 0; lang < 2; lang++) {
            free(found[i].title[lang]);
            free(found[i].question[lang]);
        }
    free(found);
}

/* What there is, the nearest first. */
static void no_such(struct job *job)
{
    struct found *found;
    int count = find_all(job, &found);
    if (count < 0)
        return;
    char names[2000] = "";
    size_t at = 0;
    for (unsigned distance = 0; distance < LAB_NAME; distance++)
        for (int i = 0; i < count && at < sizeof(names); i++)
            if (lab_distance(found[i].name, job->name) == distance)
                at += (size_t)snprintf(names + at, sizeof(names) - at, "%s%s", at ? ", " : "",
                                       found[i].name);
    say_error(&job->say, "no experiment \"%s\": there are %s", "没有实验 \"%s\"：可用的有 %s",
              job->name, names);
    find_free(found, count);
}

/* Which parameters there are, the nearest first, and what they mean. */
static void no_such_param(struct job *job, const struct lab *lab, const char *name)
{
    char names[1000] = "";
    size_t at = 0;
    for (unsigned distance = 0; distance < LAB_NAME; distance++)
        for (unsigned i = 0; i < lab->scenario.params_count && at < sizeof(names); i++) {
            const struct scenario_param *p = &lab->scenario.params[i];
            const char *says = p->says[job->say.lang];
            if (!says || lab_distance(p->name, name) != distance)
                continue;
            at += (size_t)snprintf(names + at, sizeof(names) - at, "%s--%s (%s)", at ? ", " : "",
                                   p->name, says);
        }
    say_error(&job->say, "%s has no parameter --%s: there are %s", "%s 没有参数 --%s：可用的有 %s",
              lab->name, name, at ? names : "none");
}

static bool params_exist(struct job *job, const struct lab *lab)
{
    for (unsigned g = 0; g < job->given_count; g++) {
        bool found = false;
        for (unsigned i = 0; i < lab->scenario.params_count; i++)
            found |= lab->scenario.params[i].says[0] &&
                     strcmp(lab->scenario.params[i].name, job->given[g].name) == 0;
        if (found)
            continue;
        no_such_param(job, lab, job->given[g].name);
        return false;
    }
    return true;
}

static bool read_text(struct job *job, struct lab *lab, const char *path, const char *text,
                      size_t len)
{
    struct scenario_fault fault = {.text = ""};
    if (job->given_count > 0) { /* do they exist at all? */
        if (!lab_read(lab, path, text, len, NULL, 0, job->v6, &fault)) {
            say_error(&job->say, "%s", "%s", fault.text);
            return false;
        }
        bool exist = params_exist(job, lab);
        lab_free(lab);
        if (!exist)
            return false;
    }
    if (lab_read(lab, path, text, len, job->given, job->given_count, job->v6, &fault))
        return true;
    char with[200] = "";
    size_t at = 0;
    for (unsigned i = 0; i < job->given_count && at < sizeof(with); i++)
        at += (size_t)snprintf(with + at, sizeof(with) - at, " --%s %s", job->given[i].name,
                               job->given[i].value);
    if (at > 0)
        say_error(&job->say, "with%s: %s", "取值%s：%s", with, fault.text);
    else
        say_error(&job->say, "%s", "%s", fault.text);
    return false;
}

bool find_read(struct job *job, struct lab *lab, char path[JOB_PATH])
{
    if (job->file) {
        snprintf(path, JOB_PATH, "%s", job->file);
    } else {
        char folder[JOB_PATH];
        if (!find_folder(job, folder))
            return false;
        bool plain = strchr(job->name, '/') == NULL && strlen(job->name) < LAB_NAME;
        snprintf(path, JOB_PATH, "%.900s/%.60s.lab", folder, job->name);
        if (!plain || access(path, R_OK) != 0) {
            no_such(job);
            return false;
        }
    }
    size_t len;
    char *text = find_text(job, path, &len);
    if (!text)
        return false;
    bool good = read_text(job, lab, path, text, len);
    free(text);
    return good;
}
