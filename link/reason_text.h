/* The English words of the reasons, for comments in captures. (Links stand above view/ in the
 * house and cannot ask it; both take the words from the one list in lastack/reason.h.) */
#ifndef LINK_REASON_TEXT_H
#define LINK_REASON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REASON_COMMENT_MAX 160

/* Writes what became of a packet and why: "sent: data (RFC 9293 3.10.2) [DATA]". Returns the
 * length without the closing NUL. */
size_t reason_comment(char text[REASON_COMMENT_MAX], uint16_t reason, bool inbound);

#endif
