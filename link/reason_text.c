/* The English words of the reasons, for comments in captures. */
#include "link/reason_text.h"

#include <stdio.h>

#include <lastack/reason.h>

struct words {
    const char *name;
    const char *clause;
    const char *text;
    enum la_reason_kind kind;
};

static const struct words reason_words[LA_REASON_COUNT] = {
#define REASON_WORDS(name, kind, clause, text) {#name, clause, text, LA_KIND_##kind},
    LA_REASONS(REASON_WORDS)
#undef REASON_WORDS
};

size_t reason_comment(char text[REASON_COMMENT_MAX], uint16_t reason, bool inbound)
{
    const struct words *w = &reason_words[reason < LA_REASON_COUNT ? reason : LA_NONE];
    const char *verb = w->kind == LA_KIND_DROP ? "dropped" : inbound ? "received" : "sent";
    int len;
    if (reason == LA_NONE || reason >= LA_REASON_COUNT)
        len = snprintf(text, REASON_COMMENT_MAX, "%s", verb);
    else if (w->clause[0] == '\0')
        len = snprintf(text, REASON_COMMENT_MAX, "%s: %s [%s]", verb, w->text, w->name);
    else
        len = snprintf(text, REASON_COMMENT_MAX, "%s: %s (%s) [%s]", verb, w->text, w->clause,
                       w->name);
    return (size_t)len < REASON_COMMENT_MAX ? (size_t)len : REASON_COMMENT_MAX - 1;
}
