/* Names of groups, and how near two words are. */
#include <string.h>

#include "base/mem.h"
#include "lab/lab.h"

static const struct group {
    const char *name, *title[2];
} groups[] = {
    {"look", {"Looking closely", "近看"}},
    {"open", {"Opening a connection", "建立连接"}},
    {"close", {"Closing a connection", "关闭连接"}},
    {"wait", {"TIME-WAIT", "TIME-WAIT"}},
    {"trouble", {"When something is wrong", "出了差错"}},
    {"data", {"Data on its way", "数据在路上"}},
    {"own", {"Others", "其他"}},
};

const char *lab_group_name(unsigned n)
{
    return n < LA_ARRAY_LEN(groups) ? groups[n].name : NULL;
}

const char *lab_group_title(const char *group, enum la_lang lang)
{
    for (size_t i = 0; i < LA_ARRAY_LEN(groups); i++)
        if (strcmp(groups[i].name, group) == 0)
            return groups[i].title[lang];
    return NULL;
}

unsigned lab_distance(const char *a, const char *b)
{
    enum { MOST = 40 };
    unsigned row[MOST + 1];
    size_t n = strnlen(b, MOST), m = strnlen(a, MOST);
    for (size_t j = 0; j <= n; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= m; i++) {
        unsigned corner = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= n; j++) {
            unsigned best = corner + (a[i - 1] != b[j - 1]);
            best = row[j] + 1 < best ? row[j] + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            corner = row[j];
            row[j] = best;
        }
    }
    return row[n];
}
