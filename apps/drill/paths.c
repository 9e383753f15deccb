/* Which scripts: files, folders, lists. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "apps/drill/drill_app.h"

#define PATH_LEN 1024
#define ENDING   ".pkt"

static bool keep(struct drill_app *app, const char *path)
{
    if (app->count == app->room) {
        size_t room = app->room ? 2 * app->room : 64;
        char **more = realloc(app->paths, room * sizeof(char *));
        if (!more)
            return false;
        app->paths = more;
        app->room = room;
    }
    char *copy = strdup(path);
    if (copy)
        app->paths[app->count++] = copy;
    return copy != NULL;
}

static bool is_script(const char *name)
{
    size_t len = strlen(name), end = strlen(ENDING);
    return len > end && strcmp(name + len - end, ENDING) == 0;
}

/* Scripts for one version of IP say so in their names; --ip with the other leaves them out. */
static bool for_other_ip(const struct drill_app *app, const char *name)
{
    static const char *const ends[2][4] = {{"-ipv4.pkt", "_ipv4.pkt", "-v4.pkt", "_v4.pkt"},
                                           {"-ipv6.pkt", "_ipv6.pkt", "-v6.pkt", "_v6.pkt"}};
    size_t len = strlen(name);
    for (size_t i = 0; app->ip && i < 4; i++) {
        const char *end = ends[app->ip == 4][i];
        size_t end_len = strlen(end);
        if (len > end_len && strcmp(name + len - end_len, end) == 0)
            return true;
    }
    return false;
}

static bool add_folder(struct drill_app *app, const char *path)
{
    struct dirent **entries;
    int n = scandir(path, &entries, NULL, alphasort);
    bool good = n >= 0;
    for (int i = 0; i < n; i++) {
        char inner[PATH_LEN];
        struct stat st;
        snprintf(inner, sizeof(inner), "%.700s/%.255s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.' && stat(inner, &st) == 0) {
            if (S_ISDIR(st.st_mode))
                good = add_folder(app, inner) && good;
            else if (is_script(entries[i]->d_name) && !for_other_ip(app, entries[i]->d_name))
                good = keep(app, inner) && good;
        }
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    return good;
}

/* One path a line, from the folder where the list lies; "#" begins a comment. */
static bool add_list(struct drill_app *app, const char *path)
{
    char line[PATH_LEN], whole[2 * PATH_LEN];
    FILE *in = fopen(path, "r");
    const char *slash = strrchr(path, '/');
    int folder = slash ? (int)(slash - path) + 1 : 0;
    bool good = in != NULL;
    if (!in)
        say_error(&app->say, "cannot read the list %s: %s", "无法读取列表 %s：%s", path,
                  strerror(errno));
    while (good && fgets(line, sizeof(line), in)) {
        line[strcspn(line, "#\r\n")] = '\0';
        size_t len = strlen(line);
        while (len > 0 && (line[len - 1] == ' ' || line[len - 1] == '\t'))
            line[--len] = '\0';
        if (len == 0)
            continue;
        snprintf(whole, sizeof(whole), "%.*s%s", line[0] == '/' ? 0 : folder, path, line);
        good = paths_add(app, whole);
    }
    if (in)
        fclose(in);
    return good;
}

bool paths_add(struct drill_app *app, const char *path)
{
    struct stat st;
    if (path[0] == '@')
        return add_list(app, path + 1);
    if (stat(path, &st) != 0) {
        say_error(&app->say, "%s: %s", "%s：%s", path, strerror(errno));
        return false;
    }
    return S_ISDIR(st.st_mode) ? add_folder(app, path) : keep(app, path);
}

void paths_free(struct drill_app *app)
{
    for (size_t i = 0; i < app->count; i++) {
        free(app->paths[i]);
        if (app->outcomes) {
            free(app->outcomes[i].message);
            free(app->outcomes[i].picture);
            free(app->outcomes[i].printed);
        }
    }
    free(app->paths);
    free(app->outcomes);
}
