/* Reading what a user writes: numbers, times, addresses. Each returns false for anything else. */
#ifndef APPS_COMMON_PARSE_H
#define APPS_COMMON_PARSE_H

#include <stdbool.h>
#include <stdint.h>

#include <lastack/addr.h>

/* A decimal number without sign between `min` and `max`. */
bool parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *number);

/* 1 to 65535. */
bool parse_port(const char *text, uint16_t *port);

/* "250ms", "1s", "1.5s", "2min"; without a unit seconds. At most a day. */
bool parse_duration(const char *text, uint64_t *ns);

/* "10.87.0.2/24", "fd87::2/64"; without a prefix the address stands alone on its net. */
bool parse_prefix(const char *text, struct la_addr *addr, uint8_t *prefix);

#endif
