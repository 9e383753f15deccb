/* What the tests of the lab share. */
#ifndef TESTS_LAB_SUPPORT_H
#define TESTS_LAB_SUPPORT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/lab.h"

#define HEAD "title en=\"t\" zh=\"t\"\nquestion en=\"q\" zh=\"q\"\n"
#define PAIR "host client\nhost server\nlink client server delay=10ms\n"

/* A file as a text that the caller frees; NULL: there is none. */
static inline char *file_text(const char *path, size_t *len)
{
    FILE *in = fopen(path, "rb");
    char *text = malloc(1 << 20);
    if (!in || !text) {
        free(text);
        return NULL;
    }
    *len = fread(text, 1, (1 << 20) - 1, in);
    text[*len] = '\0';
    fclose(in);
    return text;
}

#endif
