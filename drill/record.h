/* From a capture to a script: the first connection in it, packet by packet, and the calls that were
 * likely behind it. */
#ifndef DRILL_RECORD_H
#define DRILL_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <lastack/addr.h>

/* `local` NULL: the end is known by the direction of packets where the capture has it, else it is
 * who sent the first SYN. False: `why`. */
bool drill_record(const uint8_t *bytes, size_t len, const char *name, const struct la_addr *local,
                  FILE *out, char *why, size_t size);

#endif
