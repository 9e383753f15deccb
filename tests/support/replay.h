/* Gives the files of a folder to a fuzz target again, whole and cut off every `step` bytes. The
 * target, LLVMFuzzerTestOneInput(), is included before this header; tests run in the repository. */
#ifndef SUPPORT_REPLAY_H
#define SUPPORT_REPLAY_H

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void replay_file(const char *path, size_t step)
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
    for (size_t len = 0; len < (size_t)size; len += step) {
        uint8_t *cut = malloc(len ? len : 1);
        assert_non_null(cut);
        memcpy(cut, data, len);
        assert_int_equal(LLVMFuzzerTestOneInput(cut, len), 0);
        free(cut);
    }
    free(data);
}

/* Fails when the folder holds no file. */
static void replay_folder(const char *folder, size_t step)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    size_t count = 0;

    assert_non_null(dir);
    while ((entry = readdir(dir))) {
        char path[400];
        if (entry->d_name[0] == '.') {
            continue;
        }
        (void)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        replay_file(path, step);
        count++;
    }
    closedir(dir);
    assert_true(count > 0);
}

#endif
