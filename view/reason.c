/* Reasons in words: name, clause, kind and sentence, in two languages.
 *
 * All tables are made from LA_REASONS, so they cannot disagree with the enum; the Chinese list is
 * held against it below. A number that is no reason (a damaged record) has the name "?" and the
 * kind EVENT, so that a reader of traces need not check first. */
#include <lastack/view.h>

#include "reason_zh.h"

struct reason_words {
    const char *name;
    const char *clause;
    const char *text[2]; /* by enum la_lang */
    enum la_reason_kind kind;
};

enum reason_in_zh {
#define REASON_IN_ZH(name, text) REASON_IN_ZH_##name,
    VIEW_REASONS_ZH(REASON_IN_ZH)
#undef REASON_IN_ZH
        REASON_IN_ZH_COUNT
};

/* With equal counts, no name twice (an enum) and no unknown name (the lookup below), the two
 * lists are the same set. */
_Static_assert((int)REASON_IN_ZH_COUNT == (int)LA_REASON_COUNT,
               "view/reason_zh.h has one sentence for each reason");

#define REASON_ZH(name, text) static const char reason_zh_##name[] = text;
VIEW_REASONS_ZH(REASON_ZH)
#undef REASON_ZH

#define REASON_WORDS(name, kind, clause, text) \
    [LA_##name] = {#name, clause, {text, reason_zh_##name}, LA_KIND_##kind},
static const struct reason_words reason_words[LA_REASON_COUNT] = {LA_REASONS(REASON_WORDS)};
#undef REASON_WORDS

static const struct reason_words *words_of(enum la_reason reason)
{
    static const struct reason_words unknown = {"?", "", {"?", "?"}, LA_KIND_EVENT};

    return (unsigned)reason < LA_REASON_COUNT ? &reason_words[reason] : &unknown;
}

const char *la_reason_name(enum la_reason reason)
{
    return words_of(reason)->name;
}

const char *la_reason_clause(enum la_reason reason)
{
    return words_of(reason)->clause;
}

const char *la_reason_text(enum la_reason reason, enum la_lang lang)
{
    return words_of(reason)->text[lang == LA_LANG_ZH];
}

enum la_reason_kind la_reason_kind(enum la_reason reason)
{
    return words_of(reason)->kind;
}
