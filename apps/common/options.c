/* Options of a sub-command: see options.h. */
#include <getopt.h>
#include <string.h>

#include "apps/common/options.h"
#include "apps/common/parse.h"

#define LINES_MAX   48
#define HELP_INDENT 26

enum { KEY_HELP = 'h', KEY_LANG = OPTION_LONG + 1000 };

static const struct option_line own_lines[] = {
    {KEY_LANG, "lang", "en|zh", "language of what is printed (default: the locale's)",
     "输出所用的语言（默认取自 locale）"},
    {KEY_HELP, "help", NULL, "this text", "显示本说明"},
};

/* What getopt_long() is told. */
struct parser {
    struct option longs[LINES_MAX + 3];
    char shorts[3 * LINES_MAX];
    size_t longs_count, shorts_len;
};

static void parser_add(struct parser *p, const struct option_line *line)
{
    if (line->name)
        p->longs[p->longs_count++] = (struct option){
            .name = line->name,
            .has_arg = line->arg ? required_argument : no_argument,
            .val = line->key,
        };
    if (line->key > 0 && line->key < OPTION_LONG) {
        p->shorts[p->shorts_len++] = (char)line->key;
        if (line->arg)
            p->shorts[p->shorts_len++] = ':';
    }
}

static void parser_build(struct parser *p, const struct option_table *table)
{
    *p = (struct parser){.shorts = ":", .shorts_len = 1}; /* ':': tell a missing argument apart */
    for (size_t i = 0; i < table->lines_count && i < LINES_MAX - 2; i++)
        parser_add(p, &table->lines[i]);
    for (size_t i = 0; i < sizeof(own_lines) / sizeof(own_lines[0]); i++)
        parser_add(p, &own_lines[i]);
}

/* ---- help ----------------------------------------------------------------------------------- */

/* Columns that UTF-8 text takes; what is not ASCII here is Chinese and two columns wide. */
static int columns_of(const char *text)
{
    int columns = 0;
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        columns += c < 0x80 ? 1 : c >= 0xe0 ? 2 : 0;
    }
    return columns;
}

/* "  -w, --timeout=SECONDS   text"; further lines of the text stand under its first. */
static void help_line(const struct say *say, const struct option_line *line)
{
    const char *text = say_words(say, line->en, line->zh);
    if (line->key == 0) {
        printf("\n %s\n", text);
        return;
    }
    char head[80];
    bool letter = line->key < OPTION_LONG;
    int n = letter ? snprintf(head, sizeof(head), "  -%c%s", line->key, line->name ? ", " : "")
                   : snprintf(head, sizeof(head), "      ");
    const char *arg = line->arg ? line->arg : "";
    if (line->name)
        snprintf(head + n, sizeof(head) - (size_t)n, "--%s%s%s", line->name, line->arg ? " " : "",
                 arg);
    else
        snprintf(head + n, sizeof(head) - (size_t)n, "%s%s", line->arg ? " " : "", arg);
    int used = columns_of(head);
    fputs(head, stdout);
    if (used > HELP_INDENT - 2) {
        putchar('\n');
        used = 0;
    }
    for (;;) {
        size_t len = strcspn(text, "\n");
        printf("%*s%.*s\n", HELP_INDENT - used, "", (int)len, text);
        if (text[len] == '\0')
            return;
        text += len + 1;
        used = 0;
    }
}

static void help(const struct option_table *table, const struct say *say)
{
    say_text(stdout, say, table->usage_en, table->usage_zh);
    for (size_t i = 0; i < table->lines_count; i++)
        help_line(say, &table->lines[i]);
    for (size_t i = 0; i < sizeof(own_lines) / sizeof(own_lines[0]); i++)
        help_line(say, &own_lines[i]);
    say_text(stdout, say, table->epilogue_en, table->epilogue_zh);
}

/* ---- parsing -------------------------------------------------------------------------------- */

/* getopt_long() has gone past a long option, but not past a letter within a group of them. */
static void complain(struct say *say, char **argv, bool no_argument_given)
{
    char letter[3] = {'-', (char)optopt, '\0'};
    const char *before = optind > 0 ? argv[optind - 1] : "";
    bool is_long = strncmp(before, "--", 2) == 0 && (optopt == 0 || optopt >= OPTION_LONG);
    const char *name = is_long ? before : letter;
    if (no_argument_given)
        say_error(say, "option %s needs an argument: see %s --help",
                  "选项 %s 缺少参数：见 %s --help", name, say->program);
    else
        say_error(say, "no option %s, or not in this form: see %s --help",
                  "没有选项 %s，或写法不对：见 %s --help", name, say->program);
}

int options_parse(const struct option_table *table, struct say *say, int argc, char **argv,
                  void *ctx)
{
    struct parser parser;
    parser_build(&parser, table);
    optind = 1;
    opterr = 0;
    for (;;) {
        int key = getopt_long(argc, argv, parser.shorts, parser.longs, NULL);
        enum la_lang lang;
        switch (key) {
        case -1:
            return optind;
        case '?':
        case ':':
            complain(say, argv, key == ':');
            return OPTIONS_WRONG;
        case KEY_HELP:
            help(table, say);
            return OPTIONS_HELPED;
        case KEY_LANG:
            if (say_lang(optarg, &lang))
                break;
            say_error(say, "no language \"%s\": write --lang en or --lang zh",
                      "没有语言 \"%s\"：请写 --lang en 或 --lang zh", optarg);
            return OPTIONS_WRONG;
        default:
            if (!table->take(ctx, key, optarg))
                return OPTIONS_WRONG;
        }
    }
}

bool options_number(struct say *say, const char *option, const char *arg, uint64_t least,
                    uint64_t most, uint64_t *number)
{
    if (parse_number(arg, least, most, number))
        return true;
    say_error(say, "%s \"%s\": write a number from %llu to %llu",
              "%s \"%s\"：请写 %llu 到 %llu 之间的数", option, arg, (unsigned long long)least,
              (unsigned long long)most);
    return false;
}

bool options_pair(struct say *say, const char *option, const char *arg, const char *example,
                  bool full, char **name, char **value)
{
    const char *equals = strchr(arg, '=');
    if (!equals || equals == arg) {
        say_error(say, "%s %s: write it like %s %s", "%s %s：请写成 %s %s 的形式", option, arg,
                  option, example);
        return false;
    }
    if (full || !(*name = strdup(arg))) {
        say_error(say, "%s %s: that is one too many", "%s %s：太多了", option, arg);
        return false;
    }
    (*name)[equals - arg] = '\0';
    *value = *name + (equals - arg) + 1;
    return true;
}
