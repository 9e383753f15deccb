/* Reading captures: pcap and pcapng, of whichever byte order, packet by packet, down to IP. */
#ifndef DRILL_CAPTURE_READ_H
#define DRILL_CAPTURE_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CAPTURE_INTERFACES_MAX 32

enum capture_way { CAPTURE_UNKNOWN, CAPTURE_IN, CAPTURE_OUT };

struct capture_frame {
    const uint8_t *ip; /* the IP packet, in the reader's memory */
    size_t len;
    uint64_t time_ns;
    enum capture_way way;
    uint64_t number; /* of the packet, from 1 */
};

struct capture_reader {
    const uint8_t *bytes;
    size_t len, at;
    bool swapped, next_generation;
    uint64_t number;
    struct {
        uint32_t link;
        uint64_t units_per_s;
    } interfaces[CAPTURE_INTERFACES_MAX];
    unsigned interfaces_count;
    char why[160];
};

/* The file's bytes stay the caller's. False: `why`. */
bool capture_read_begin(struct capture_reader *r, const uint8_t *bytes, size_t len);

/* The next frame that carries IP; others are passed over. False: the end, or `why` says what is
 * wrong. */
bool capture_read_next(struct capture_reader *r, struct capture_frame *frame);

#endif
