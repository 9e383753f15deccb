/* Golden texts: golden/NAME.txt, which people have looked at. After a wanted change
 * LA_GOLDEN_WRITE=1 writes them anew; read the difference before it is committed. */
#ifndef TESTS_VIEW_GOLDEN_H
#define TESTS_VIEW_GOLDEN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static inline FILE *golden_open(const char *name, const char *mode)
{
    const char *source = getenv("LASTACK_SOURCE");
    char path[1200];

    snprintf(path, sizeof(path), "%s/tests/view/golden/%s.txt", source != NULL ? source : ".",
             name);
    return fopen(path, mode);
}

static inline void golden_check(const char *name, const char *text)
{
    static char golden[1 << 18];
    FILE *file;

    if (getenv("LA_GOLDEN_WRITE") != NULL) {
        assert_non_null(file = golden_open(name, "w"));
        fputs(text, file);
        fclose(file);
        return;
    }
    assert_non_null(file = golden_open(name, "r"));
    golden[fread(golden, 1, sizeof(golden) - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(text, golden);
}

#endif
