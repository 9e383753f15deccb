/* Socket options by name, as scenario files write them: "sack=off", "rcvbuf=64kb", "cc=cubic". */
#ifndef SIM_OPTIONS_H
#define SIM_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include <lastack/link.h>
#include <lastack/tcp.h>

/* Sets one. False: there is no such option, or the value cannot be read; `why` says which, and
 * what there is. */
bool option_set(struct la_tcp_options *options, const char *name, const char *value,
                struct la_message *why);
bool option_exists(const char *name);

/* Writes "name=value", with a blank before it, for each in which `options` differs from `base`. */
void option_write(const struct la_tcp_options *options, const struct la_tcp_options *base,
                  const char *prefix, char *text, size_t len);

/* All names, separated by blanks. */
const char *option_names(void);

/* The controllers there are, from 0 on; NULL: no more. */
const char *option_cc(unsigned n);
void option_set_cc(struct la_tcp_options *options, const char *cc);
const char *option_get_cc(const struct la_tcp_options *options);

/* ECN (enum la_ecn) and pacing, for menus. */
void option_set_ecn(struct la_tcp_options *options, unsigned ecn);
void option_set_pacing(struct la_tcp_options *options, bool on);

#endif
