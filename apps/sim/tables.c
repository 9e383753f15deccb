/* `lastack sim --table`: the cells of a table, side by side, printed in their order. */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "apps/apps.h"
#include "apps/sim/sim.h"
#include "sim/table.h"

#define CELLS_MAX 2000

struct sheet {
    _Atomic unsigned next;
    _Atomic bool failed;
    char lines[CELLS_MAX][TABLE_LINE];
};

static void list(void)
{
    for (unsigned i = 0; table_name(i); i++)
        printf("  %-8s %5u cells: %s\n", table_name(i), table_cells(i), table_text(i));
}

static void work(struct sheet *sheet, unsigned table, unsigned cells)
{
    for (;;) {
        unsigned cell = atomic_fetch_add(&sheet->next, 1);
        if (cell >= cells)
            _exit(0);
        if (!table_cell(table, cell, sheet->lines[cell]))
            atomic_store(&sheet->failed, true);
    }
}

static bool make(struct job *job, struct sheet *sheet, unsigned table)
{
    unsigned cells = table_cells(table), alive = 0;
    int status;
    atomic_store(&sheet->next, 0);
    fflush(NULL);
    for (unsigned i = 0; i < job->workers; i++) {
        pid_t pid = fork();
        if (pid == 0)
            work(sheet, table, cells);
        alive += pid > 0;
    }
    while (alive > 0 && wait(&status) > 0) {
        alive--;
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
            atomic_store(&sheet->failed, true);
    }
    return atomic_load(&sheet->next) >= cells && !atomic_load(&sheet->failed);
}

int job_table(struct job *job)
{
    int table = table_find(job->table);
    if (strcmp(job->table, "list") == 0) {
        list();
        return APP_DONE;
    }
    if (table < 0) {
        char names[100] = "";
        size_t at = 0;
        for (unsigned i = 0; table_name(i); i++)
            at += (size_t)snprintf(names + at, sizeof(names) - at, "%s%s", i ? ", " : "",
                                   table_name(i));
        say_error(&job->say, "no table \"%s\": there are %s", "没有表格 \"%s\"：可用的有 %s",
                  job->table, names);
        return APP_USAGE;
    }
    struct sheet *sheet =
        mmap(NULL, sizeof(*sheet), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (sheet == MAP_FAILED || !make(job, sheet, (unsigned)table)) {
        say_error(&job->say, "a cell of table %s could not be measured", "表格 %s 中有单元无法测量",
                  job->table);
        return APP_FAILED;
    }
    char head[TABLE_LINE];
    table_head((unsigned)table, head);
    puts(head);
    for (unsigned i = 0; i < table_cells((unsigned)table); i++)
        puts(sheet->lines[i]);
    munmap(sheet, sizeof(*sheet));
    return APP_DONE;
}
