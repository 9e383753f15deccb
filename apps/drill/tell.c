/* What is told: text for people, TAP, JUnit's XML, JSON. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/drill/drill_app.h"

static bool passed(const struct drill_outcome *o)
{
    return o->verdict == DRILL_PASSED;
}

static const char *word(const struct drill_outcome *o)
{
    static const char *const words[] = {"PASS", "FAIL", "CANNOT RUN"};
    return words[o->verdict];
}

void tell_begin(struct drill_app *app)
{
    if (app->tap)
        printf("TAP version 13\n1..%zu\n", app->count);
}

/* ---- text ----------------------------------------------------------------------------------- */

static void text_one(struct drill_app *app, size_t index)
{
    const struct drill_outcome *o = &app->outcomes[index];
    const char *colour = !app->config.colour ? "" : passed(o) ? "\033[32m" : "\033[31m";
    const char *end = app->config.colour ? "\033[0m" : "";
    if (passed(o)) {
        if (app->verbose || app->count == 1) {
            char took[LA_NUMBER_TEXT_MAX];
            la_duration_format((uint64_t)o->took_ns, took);
            printf("%s%s%s %s (%s, %u %s)\n", colour, word(o), end, app->paths[index], took,
                   o->packets, say_words(&app->say, "packets", "个报文"));
        }
        if (o->printed && (app->verbose || app->count == 1))
            printf("%s", o->printed);
        return;
    }
    say_progress_end(&app->say);
    printf("%s%s%s %s\n", colour, word(o), end, o->message ? o->message : "");
    if (o->printed)
        printf("%s", o->printed);
    if (o->picture)
        printf("%s", o->picture);
}

/* ---- TAP ------------------------------------------------------------------------------------ */

/* Lines of a YAML block, indented. */
static void tap_text(const char *key, const char *text)
{
    if (!text || text[0] == '\0')
        return;
    printf("  %s: |\n", key);
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        printf("    %.*s\n", (int)len, text);
        text += len + (text[len] == '\n');
    }
}

static void tap_one(const struct drill_app *app, size_t index)
{
    const struct drill_outcome *o = &app->outcomes[index];
    printf("%s %zu - %s\n", passed(o) ? "ok" : "not ok", index + 1, app->paths[index]);
    if (passed(o))
        return;
    printf("  ---\n");
    tap_text("message", o->message);
    tap_text("expected", o->event);
    tap_text("came", o->came);
    tap_text("picture", o->picture);
    printf("  ...\n");
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static cJSON *json_of(const struct drill_app *app, size_t index)
{
    static const char *const verdicts[] = {"passed", "failed", "cannot run"};
    const struct drill_outcome *o = &app->outcomes[index];
    cJSON *item = cJSON_CreateObject();
    cJSON_AddStringToObject(item, "script", app->paths[index]);
    cJSON_AddStringToObject(item, "verdict", verdicts[o->verdict]);
    cJSON_AddNumberToObject(item, "seconds", (double)o->took_ns / 1e9);
    cJSON_AddNumberToObject(item, "packets", o->packets);
    cJSON_AddNumberToObject(item, "calls", o->calls);
    if (passed(o))
        return item;
    cJSON_AddStringToObject(item, "message", o->message ? o->message : "");
    cJSON_AddNumberToObject(item, "line", o->line);
    cJSON_AddNumberToObject(item, "column", o->column);
    cJSON_AddStringToObject(item, "expected", o->event);
    cJSON_AddStringToObject(item, "came", o->came);
    if (o->why != LA_NONE) {
        cJSON_AddStringToObject(item, "reason", la_reason_name(o->why));
        cJSON_AddStringToObject(item, "clause", la_reason_clause(o->why));
    }
    return item;
}

static void json_all(const struct drill_app *app)
{
    cJSON *whole = cJSON_CreateObject(), *scripts = cJSON_CreateArray();
    for (size_t i = 0; i < app->count; i++)
        cJSON_AddItemToArray(scripts, json_of(app, i));
    cJSON_AddItemToObject(whole, "scripts", scripts);
    cJSON_AddNumberToObject(whole, "passed", (double)app->passed);
    cJSON_AddNumberToObject(whole, "failed", (double)app->failed);
    char *text = cJSON_Print(whole);
    printf("%s\n", text ? text : "{}");
    cJSON_free(text);
    cJSON_Delete(whole);
}

/* ---- JUnit ---------------------------------------------------------------------------------- */

static void xml_text(FILE *out, const char *text)
{
    for (; text && *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '<')
            fputs("&lt;", out);
        else if (c == '>')
            fputs("&gt;", out);
        else if (c == '&')
            fputs("&amp;", out);
        else if (c == '"')
            fputs("&quot;", out);
        else if (c == '\n' || c == '\t' || c >= 32)
            fputc(c, out);
    }
}

static void junit_one(FILE *out, const struct drill_app *app, size_t index)
{
    const struct drill_outcome *o = &app->outcomes[index];
    const char *slash = strrchr(app->paths[index], '/');
    fprintf(out, "  <testcase classname=\"");
    if (slash)
        for (const char *at = app->paths[index]; at < slash; at++)
            xml_text(out, (char[]){*at, '\0'});
    fprintf(out, "\" name=\"");
    xml_text(out, slash ? slash + 1 : app->paths[index]);
    fprintf(out, "\"");
    if (passed(o)) {
        fprintf(out, "/>\n");
        return;
    }
    fprintf(out, ">\n    <%s message=\"", o->verdict == DRILL_FAILED ? "failure" : "error");
    xml_text(out, o->message);
    fprintf(out, "\">");
    xml_text(out, o->picture);
    fprintf(out, "</%s>\n  </testcase>\n", o->verdict == DRILL_FAILED ? "failure" : "error");
}

static bool junit_all(struct drill_app *app)
{
    size_t errors = 0;
    FILE *out = fopen(app->junit, "w");
    if (!out) {
        say_error(&app->say, "cannot write %s: %s", "无法写入 %s：%s", app->junit, strerror(errno));
        return false;
    }
    for (size_t i = 0; i < app->count; i++)
        errors += app->outcomes[i].verdict == DRILL_BROKEN;
    fprintf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    fprintf(out,
            "<testsuite name=\"lastack drill\" tests=\"%zu\" failures=\"%zu\" errors=\"%zu\">\n",
            app->count, app->failed - errors, errors);
    for (size_t i = 0; i < app->count; i++)
        junit_one(out, app, i);
    fprintf(out, "</testsuite>\n");
    if (fclose(out) == 0)
        return true;
    say_error(&app->say, "cannot write %s: %s", "无法写入 %s：%s", app->junit, strerror(errno));
    return false;
}

/* ---- all of them ---------------------------------------------------------------------------- */

void tell_one(struct drill_app *app, size_t index)
{
    if (passed(&app->outcomes[index]))
        app->passed++;
    else
        app->failed++;
    if (app->json)
        return;
    if (app->tap) {
        tap_one(app, index);
        return;
    }
    text_one(app, index);
    if (app->count > 1)
        say_progress(&app->say, "%zu of %zu", "%zu / %zu", index + 1, app->count);
}

bool tell_end(struct drill_app *app)
{
    bool good = !app->junit || junit_all(app);
    say_progress_end(&app->say);
    if (app->json)
        json_all(app);
    else if (app->tap)
        printf("# %zu passed, %zu failed\n", app->passed, app->failed);
    else
        printf("%zu passed, %zu failed\n", app->passed, app->failed); /* programs read it */
    return good;
}
