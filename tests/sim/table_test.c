/* A sample of the tables of results is measured again and compared with what is kept in
 * tests/sim/tables/. A difference is no fault by itself: when it is wanted, `make tables` writes
 * them anew, and the review sees what changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sim/support.h"
#include "sim/table.h"

#define SAMPLE   (SANITIZED ? 1 : 6) /* cells of a table */
#define COST_MAX 500000              /* packets */

/* The n-th line of a file, from 0 on; the first is the head. */
static bool kept_line(const char *path, unsigned n, char line[TABLE_LINE + 1])
{
    FILE *in = fopen(path, "r");
    bool good = in != NULL;
    for (unsigned i = 0; good && i <= n; i++)
        good = fgets(line, TABLE_LINE + 1, in) != NULL;
    if (in)
        fclose(in);
    line[strcspn(line, "\n")] = '\0';
    return good;
}

static void check_cell(unsigned table, unsigned cell)
{
    char path[100], kept[TABLE_LINE + 1] = "", line[TABLE_LINE];
    snprintf(path, sizeof(path), "tests/sim/tables/%s.txt", table_name(table));
    if (!kept_line(path, cell + 1, kept))
        fail_msg("%s has no line %u: make tables", path, cell + 2);
    assert_true(table_cell(table, cell, line));
    if (strcmp(line, kept) != 0)
        fail_msg("%s:%u: kept\n%s\nbut now\n%s\nIf this is wanted: make tables TABLES=%s", path,
                 cell + 2, kept, line, table_name(table));
}

/* Cells all over the table that do not cost much. */
static void test_sample(void **state)
{
    (void)state;
    for (unsigned table = 0; table_name(table); table++) {
        unsigned cells = table_cells(table), cheap = 0, done = 0;
        for (unsigned cell = 0; cell < cells; cell++)
            cheap += table_cost(table, cell) <= COST_MAX;
        assert_true(cheap > 0);
        unsigned seen = 0;
        for (unsigned cell = 0; cell < cells && done < SAMPLE; cell++) {
            if (table_cost(table, cell) > COST_MAX)
                continue;
            if (seen * SAMPLE / cheap >= done) {
                check_cell(table, cell);
                done++;
            }
            seen++;
        }
    }
}

/* The files are whole: head, cells, nothing else. */
static void test_files(void **state)
{
    (void)state;
    for (unsigned table = 0; table_name(table); table++) {
        char path[100], kept[TABLE_LINE + 1], head[TABLE_LINE];
        snprintf(path, sizeof(path), "tests/sim/tables/%s.txt", table_name(table));
        table_head(table, head);
        assert_true(kept_line(path, 0, kept));
        assert_string_equal(kept, head);
        assert_true(kept_line(path, table_cells(table), kept));
        assert_false(kept_line(path, table_cells(table) + 1, kept));
        assert_int_equal(table_find(table_name(table)), table);
        assert_non_null(table_text(table));
    }
    assert_int_equal(table_find("round"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_files), cmocka_unit_test(test_sample)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
