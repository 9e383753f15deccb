/* Damaged and random records are drawn without harm, in any language, width and grouping. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <lastack/view.h>

#include "view/text.h"

enum { ROUNDS = 300, RECORDS = 200 };

static uint64_t seed = 0x9293;

static uint32_t random_u32(void)
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (uint32_t)(seed >> 32);
}

/* Half of the fields are likely values, so that states and runs are reached. */
static void random_record(struct la_trace_record *r, uint64_t *time_ns)
{
    static const uint16_t flags[] = {LA_TH_SYN,
                                     LA_TH_SYN | LA_TH_ACK,
                                     LA_TH_ACK,
                                     LA_TH_ACK,
                                     LA_TH_ACK | LA_TH_PSH,
                                     LA_TH_FIN | LA_TH_ACK,
                                     LA_TH_RST,
                                     0};

    for (size_t i = 0; i < sizeof(*r); i++)
        ((uint8_t *)r)[i] = (uint8_t)random_u32();
    *time_ns += random_u32() % 3000000;
    if (random_u32() % 8 != 0)
        r->time_ns = *time_ns;
    if (random_u32() % 8 != 0)
        r->conn = random_u32() % (random_u32() % 4 == 0 ? 400 : 3);
    if (random_u32() % 4 != 0)
        r->flags = flags[random_u32() % 8];
    if (random_u32() % 2 != 0) {
        r->seq = random_u32() % 4;
        r->ack = random_u32() % 4;
    }
    if (random_u32() % 2 != 0)
        r->what_state = LA_TRACE_PACK(random_u32() % 2, LA_TCP_ESTABLISHED);
}

static void check_lines(const char *text, unsigned columns)
{
    for (const char *end; (end = strchr(text, '\n')) != NULL; text = end + 1) {
        char line[4096];
        size_t n = (size_t)(end - text);

        assert_true(n < sizeof(line));
        memcpy(line, text, n);
        line[n] = '\0';
        /* A time of many years may push a line a little to the right. */
        assert_true(view_columns(line) <= columns + 8);
    }
}

static void test_random_records(void **state)
{
    static struct la_trace_record records[RECORDS];

    for (int round = 0; round < ROUNDS; round++) {
        struct la_diagram_options options;
        struct la_diagram *d;
        uint64_t time_ns = 0;
        char *text = NULL;
        size_t size = 0;

        la_diagram_options_init(&options);
        options.out = open_memstream(&text, &size);
        options.columns = random_u32() % 200;
        options.unicode = random_u32() % 2;
        options.lang = random_u32() % 2 ? LA_LANG_ZH : LA_LANG_EN;
        options.data_lines_max = random_u32() % 4;
        options.conn = random_u32() % 4 == 0 ? 1 : 0;
        options.there = random_u32() % 2 ? "a peer whose name is much longer than its column" : "";
        d = la_diagram_new(&options);
        for (int call = 0; call < 4; call++) {
            for (int i = 0; i < RECORDS; i++)
                random_record(&records[i], &time_ns);
            la_diagram_add(d, records, random_u32() % (RECORDS + 1));
        }
        la_diagram_end(d);
        fclose(options.out);
        check_lines(text, options.columns < 80 ? 80 : options.columns);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_records),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
