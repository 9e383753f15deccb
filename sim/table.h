/* Tables of results, kept as snapshots in tests/sim/tables/: a change of what the stack achieves is
 * a difference in review.
 *
 * A table is a list of cells, each of which is one or a few measurements and gives one line of
 * text. A line begins with the words that name the cell, so that lines can be compared one by
 * one. */
#ifndef SIM_TABLE_H
#define SIM_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#define TABLE_LINE 160

/* The tables there are, from 0 on; NULL: no more. */
const char *table_name(unsigned table);
const char *table_text(unsigned table);
int table_find(const char *name);

unsigned table_cells(unsigned table);

/* The line above the cells. */
void table_head(unsigned table, char line[TABLE_LINE]);

/* Measures a cell. False: no memory. */
bool table_cell(unsigned table, unsigned cell, char line[TABLE_LINE]);

/* Virtual packets that a cell takes, roughly: what it costs. */
double table_cost(unsigned table, unsigned cell);

#endif
