/* Gives the scripts of tests/fuzz/regress/stack to the fuzz target again: those that once failed,
 * and a few that reach far. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "fuzz/stack_fuzz.c" /* before cmocka, which takes the name `fail` */

#include <cmocka.h>

#define INPUTS "tests/fuzz/regress/stack" /* tests run in the repository */

static void replay(const char *path)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    long size = ftell(file);
    assert_true(size >= 0);
    rewind(file);
    uint8_t *data = malloc(size ? (size_t)size : 1); /* exact, for the address sanitizer */
    assert_non_null(data);
    assert_int_equal(fread(data, 1, (size_t)size, file), size);
    fclose(file);
    assert_int_equal(LLVMFuzzerTestOneInput(data, (size_t)size), 0);
    for (size_t len = 0; len < (size_t)size; len += 7) { /* and cut off, to end in any state */
        uint8_t *cut = malloc(len ? len : 1);
        assert_non_null(cut);
        memcpy(cut, data, len);
        assert_int_equal(LLVMFuzzerTestOneInput(cut, len), 0);
        free(cut);
    }
    free(data);
}

static void test_replay(void **state)
{
    DIR *dir = opendir(INPUTS);
    struct dirent *entry;
    size_t count = 0;

    (void)state;
    assert_non_null(dir);
    while ((entry = readdir(dir))) {
        char path[400];
        if (entry->d_name[0] == '.') {
            continue;
        }
        (void)snprintf(path, sizeof(path), "%s/%s", INPUTS, entry->d_name);
        replay(path);
        count++;
    }
    closedir(dir);
    assert_true(count > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_replay)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
