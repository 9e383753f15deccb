/* Names of Linux's programming interface that scripts use: constants, errors, signals. */
#ifndef DRILL_NAMES_H
#define DRILL_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The number of a constant ("SOL_SOCKET", "EPOLLIN"); what differs by IP version follows `ipv6`. */
bool drill_constant(const char *name, bool ipv6, int64_t *number);

/* "EAGAIN" is 11; 0: no such error. */
int drill_errno(const char *name);
/* The other way; "?" for a number that is no error. */
const char *drill_errno_name(int err);

/* A known name near a wrong one, for messages; NULL: none is. */
const char *drill_constant_like(const char *name);

/* How far two names are apart: letters to insert, leave out or change. */
unsigned drill_distance(const char *a, const char *b);

#endif
