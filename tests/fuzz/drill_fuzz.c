/* Scripts and captures from anybody: read, and never more than a fault. The first byte says which.
 * What was read is written again as text, and each call is made ready; nothing is run. */
#include <stdio.h>
#include <stdlib.h>

#include "drill/drill.h"
#include "drill/job.h"
#include "drill/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void script(const char *text, size_t len)
{
    const struct drill_reading reading = {.ipv6 = false};
    const struct drill_ends ends = {.len = sizeof(struct sockaddr_in)};
    struct drill_script s;
    struct drill_fault fault;
    char line[120];
    if (!drill_parse(&s, "fuzz", text, len, &reading, &fault)) {
        if (fault.text[0] == '\0')
            abort(); /* refused without a word */
        return;
    }
    for (const struct drill_event *e = s.events; e; e = e->next) {
        drill_event_text(&s, e, line, sizeof(line));
        if (e->kind == DRILL_EVENT_CALL)
            drill_job_free(drill_job_new(&s, e->call, &ends, &fault));
    }
    drill_script_free(&s);
}

static void capture(const uint8_t *bytes, size_t len)
{
    static FILE *nowhere;
    char why[200];
    if (!nowhere)
        nowhere = fopen("/dev/null", "w");
    if (nowhere)
        drill_record(bytes, len, "fuzz", NULL, nowhere, why, sizeof(why));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 65536)
        return 0;
    if (data[0] == 'c')
        capture(data + 1, size - 1);
    else
        script((const char *)data + 1, size - 1);
    return 0;
}
