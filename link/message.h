/* Sentences for the user and errors from the system, shared by link/ and host/. */
#ifndef LINK_MESSAGE_H
#define LINK_MESSAGE_H

#include <lastack/link.h>

/* Writes the sentence; `why` may be NULL. */
void message_set(struct la_message *why, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The la_err of an errno value; LA_EIO for one that has no name of ours. */
int message_error(int errno_value);

#endif
