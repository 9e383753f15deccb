/* Personas: lines NAME = VALUE in a file, "#" begins a comment, `title = ` says whose habits they
 * are. Names are those of px_setting(): sysctls of Linux, and "lastack.*" for choices that Linux
 * has no setting for. `include = NAME` takes in another persona first.
 *
 * Files are looked for in $LASTACK_PERSONAS, beside the program (../share/lastack/personas when it
 * is installed, the source tree when it is not), and in drill/personas. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "drill/drill.h"

#define INCLUDES_MAX 4
#define ENDING       ".persona"

/* ---- places --------------------------------------------------------------------------------- */

/* The n-th folder, "" when there is none at this place; false: there are no more. */
static bool folder(unsigned n, char *path, size_t size)
{
    static const char *const beside[] = {"../share/lastack/personas", "../drill/personas",
                                         "../../drill/personas"};
    char program[400];
    const char *given = getenv("LASTACK_PERSONAS");
    if (n == 0) {
        snprintf(path, size, "%s", given ? given : "");
        return true;
    }
    if (n <= 3) {
        ssize_t len = readlink("/proc/self/exe", program, sizeof(program) - 1);
        program[len > 0 ? len : 0] = '\0';
        char *slash = strrchr(program, '/');
        if (slash)
            slash[1] = '\0';
        snprintf(path, size, "%s%s", slash ? program : "", slash ? beside[n - 1] : "");
        return true;
    }
    snprintf(path, size, "drill/personas");
    return n == 4;
}

static FILE *open_named(const char *name)
{
    char path[600], where[500];
    for (unsigned n = 0; folder(n, where, sizeof(where)); n++) {
        snprintf(path, sizeof(path), "%s/%.60s%s", where, name, ENDING);
        FILE *in = where[0] ? fopen(path, "r") : NULL;
        if (in)
            return in;
    }
    return NULL;
}

static void add_names(const char *where, char *text, size_t size)
{
    DIR *dir = where[0] ? opendir(where) : NULL;
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        size_t len = strlen(entry->d_name), end = strlen(ENDING);
        if (len <= end || strcmp(entry->d_name + len - end, ENDING) != 0)
            continue;
        char name[64];
        snprintf(name, sizeof(name), "%.*s", (int)(len - end), entry->d_name);
        if (strstr(text, name))
            continue;
        size_t at = strlen(text);
        snprintf(text + at, size - at, "%s%s", at ? ", " : "", name);
    }
    if (dir)
        closedir(dir);
}

void drill_persona_list(char *text, size_t size)
{
    char where[500];
    text[0] = '\0';
    for (unsigned n = 0; folder(n, where, sizeof(where)); n++)
        add_names(where, text, size);
}

/* ---- reading -------------------------------------------------------------------------------- */

struct reading {
    struct drill_persona *p;
    size_t used;
    unsigned depth;
    char *why;
    size_t size;
};

static char *trim(char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    size_t len = strlen(text);
    while (len > 0 && isspace((unsigned char)text[len - 1]))
        text[--len] = '\0';
    return text;
}

static const char *keep(struct reading *r, const char *text)
{
    size_t len = strlen(text) + 1;
    if (r->used + len > sizeof(r->p->text))
        return NULL;
    char *kept = r->p->text + r->used;
    memcpy(kept, text, len);
    r->used += len;
    return kept;
}

static bool read_named(struct reading *r, const char *name);

/* A later line for the same name takes the place of an earlier one. */
static bool add(struct reading *r, const char *name, const char *value, uint32_t line)
{
    unsigned i = 0;
    while (i < r->p->count && strcmp(r->p->settings[i].name, name) != 0)
        i++;
    if (i == DRILL_PERSONA_LINES)
        return false;
    if (i == r->p->count) {
        r->p->settings[i].name = keep(r, name);
        r->p->count++;
    }
    r->p->settings[i].value = keep(r, value);
    r->p->settings[i].line = line;
    return r->p->settings[i].name && r->p->settings[i].value;
}

static bool read_line(struct reading *r, const char *file, char *text, uint32_t line)
{
    text[strcspn(text, "#\n")] = '\0';
    text = trim(text);
    if (*text == '\0')
        return true;
    char *equals = strchr(text, '=');
    if (!equals) {
        snprintf(r->why, r->size, "%s:%u: a line is NAME = VALUE", file, line);
        return false;
    }
    *equals = '\0';
    char *name = trim(text), *value = trim(equals + 1);
    if (strcmp(name, "title") == 0) {
        snprintf(r->p->title, sizeof(r->p->title), "%s", value);
        return true;
    }
    if (strcmp(name, "include") == 0)
        return read_named(r, value);
    if (!add(r, name, value, line)) {
        snprintf(r->why, r->size, "%s:%u: too many settings", file, line);
        return false;
    }
    return true;
}

static bool read_open(struct reading *r, const char *name, FILE *in)
{
    char text[400];
    uint32_t line = 0;
    bool good = true;
    while (good && fgets(text, sizeof(text), in))
        good = read_line(r, name, text, ++line);
    fclose(in);
    return good;
}

static bool read_named(struct reading *r, const char *name)
{
    bool file = strchr(name, '/') || strchr(name, '.');
    FILE *in = ++r->depth <= INCLUDES_MAX ? (file ? fopen(name, "r") : open_named(name)) : NULL;
    if (in)
        return read_open(r, name, in);
    char known[200];
    drill_persona_list(known, sizeof(known));
    if (file)
        snprintf(r->why, r->size, "persona %s: %s", name, strerror(errno));
    else
        snprintf(r->why, r->size, "no persona \"%s\": there are %s", name, known);
    return false;
}

bool drill_persona_load(struct drill_persona *p, const char *name, char *why, size_t size)
{
    struct reading r = {.p = p, .why = why, .size = size};
    *p = (struct drill_persona){.count = 0};
    snprintf(p->name, sizeof(p->name), "%.31s", name);
    return read_named(&r, name);
}
