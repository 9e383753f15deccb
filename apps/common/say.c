/* Sentences to the user: see say.h. */
#include <langinfo.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "apps/common/say.h"

#define LINE_WIPE "\r\033[K"

bool say_lang(const char *text, enum la_lang *lang)
{
    bool zh = strcmp(text, "zh") == 0;
    if (!zh && strcmp(text, "en") != 0)
        return false;
    *lang = zh ? LA_LANG_ZH : LA_LANG_EN;
    return true;
}

/* The first of the variables that is set decides, as in locale(7). */
static const char *locale_of_messages(void)
{
    static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *value = getenv(names[i]);
        if (value && *value != '\0')
            return value;
    }
    return "";
}

/* A terminal shows UTF-8 unless the locale names another character set. The C locale names none
 * that anybody uses: it is what a bare container has. */
static bool shows_unicode(void)
{
    const char *charset = nl_langinfo(CODESET);
    return strcmp(charset, "UTF-8") == 0 || strcmp(charset, "ANSI_X3.4-1968") == 0;
}

void say_init(struct say *say, const char *program, int argc, char **argv)
{
    const char *no_colour = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    *say = (struct say){.program = program, .unicode = shows_unicode()};
    say->terminal = isatty(STDERR_FILENO) == 1;
    say->colour =
        say->terminal && (!no_colour || *no_colour == '\0') && (!term || strcmp(term, "dumb") != 0);
    say->lang = strncmp(locale_of_messages(), "zh", 2) == 0 ? LA_LANG_ZH : LA_LANG_EN;
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strncmp(argv[i], "--lang=", 7) == 0)
            (void)say_lang(argv[i] + 7, &say->lang);
        else if (strcmp(argv[i], "--lang") == 0 && i + 1 < argc)
            (void)say_lang(argv[i + 1], &say->lang);
    }
}

const char *say_words(const struct say *say, const char *en, const char *zh)
{
    return say->lang == LA_LANG_ZH ? zh : en;
}

void say_text(FILE *out, const struct say *say, const char *en, const char *zh)
{
    fputs(say_words(say, en, zh), out);
}

static void line_put(struct say *say, const char *prefix, const char *end, const char *format,
                     va_list args)
{
    char text[1024];
    vsnprintf(text, sizeof(text), format, args);
    fprintf(stderr, "%s%s%s%s%s", say->transient ? LINE_WIPE : "", prefix,
            *prefix != '\0' ? ": " : "", text, end);
    say->transient = *end == '\0';
}

void say_error(struct say *say, const char *en, const char *zh, ...)
{
    va_list args;
    va_start(args, zh);
    line_put(say, say->program, "\n", say_words(say, en, zh), args);
    va_end(args);
}

void say_note(struct say *say, const char *en, const char *zh, ...)
{
    if (say->quiet)
        return;
    va_list args;
    va_start(args, zh);
    line_put(say, "", "\n", say_words(say, en, zh), args);
    va_end(args);
}

void say_progress(struct say *say, const char *en, const char *zh, ...)
{
    if (say->quiet || !say->terminal)
        return;
    va_list args;
    va_start(args, zh);
    say->transient = true;
    line_put(say, "", "", say_words(say, en, zh), args);
    va_end(args);
}

void say_progress_end(struct say *say)
{
    if (say->transient)
        fputs(LINE_WIPE, stderr);
    say->transient = false;
}

unsigned say_columns(int fd)
{
    struct winsize size;
    if (ioctl(fd, TIOCGWINSZ, &size) < 0 || size.ws_col < 80)
        return 80;
    return size.ws_col > 160 ? 160 : size.ws_col;
}
