/* The ledger: which byte stands at which offset of which stream. */
#ifndef SIM_LEDGER_H
#define SIM_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Fills the table; before the first run of a process. */
void ledger_init(void);

/* Points at the bytes of a stream from `offset` on; returns how many lie there in a row. They never
 * change, so they may be lent. */
size_t ledger_at(uint32_t stream, uint64_t offset, const uint8_t **bytes);

/* Are these the bytes of the stream from `offset` on? */
bool ledger_right(uint32_t stream, uint64_t offset, const uint8_t *bytes, size_t len);

#endif
