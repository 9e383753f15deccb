/* Fields of structs that tables name by offset and width: of settings and of socket options. */
#ifndef POSIX_FIELD_H
#define POSIX_FIELD_H

#include <stdint.h>

enum width { BOOL, U8, U16, U32 };

/* The number that stands at `at`. */
int64_t field_get(const void *at, enum width width);
/* Writes `value`, which the table has made sure fits; of a BOOL whether it is none. */
void field_put(void *at, enum width width, int64_t value);

#endif
