/* Which congestion controllers there are (RFC 9293 3.8.2, MAY-18). */
#include "base/mem.h"
#include "cc/cc.h"

static const struct cc_ops *const all[] = {&cc_cubic, &cc_newreno, &cc_bbr, &cc_dctcp};

const struct cc_ops *cc_nth(unsigned n)
{
    return n < LA_ARRAY_LEN(all) ? all[n] : NULL;
}

int cc_number(const char *name)
{
    for (unsigned n = 0; n < LA_ARRAY_LEN(all); n++) {
        size_t i = 0;
        while (name[i] == all[n]->name[i] && name[i] != '\0') {
            i++;
        }
        if (name[i] == all[n]->name[i]) {
            return (int)n;
        }
    }
    return -1;
}
