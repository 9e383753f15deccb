/* A pcapng file that is being written (draft-ietf-opsawg-pcapng): a section header, one interface,
 * an enhanced packet block for each packet, with a comment and its direction.
 *
 * After a write error nothing more is written, because the file would be garbled; it is said once
 * on stderr. */
#ifndef LINK_CAPTURE_H
#define LINK_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <lastack/link.h>

#define CAPTURE_COMMENT_MAX 200 /* longer ones are left out */

struct capture {
    FILE *file; /* NULL: closed */
    bool broken;
};

struct capture_interface {
    enum la_link_type type;
    const char *name; /* "tun:lastack0" */
    const char *side; /* from where it is seen, in words */
};

/* Opens the file and writes its head. 0, or a negative la_err and why. */
int capture_open(struct capture *capture, const char *path,
                 const struct capture_interface *interface, struct la_message *why);

/* `time_ns` counts from 1970. False when the file is broken. */
bool capture_packet(struct capture *capture, const void *bytes, uint32_t len, uint64_t time_ns,
                    bool inbound, const char *comment);

void capture_flush(struct capture *capture);
void capture_close(struct capture *capture);

/* What to add to CLOCK_MONOTONIC for the wall clock. */
uint64_t capture_epoch_ns(void);

#endif
