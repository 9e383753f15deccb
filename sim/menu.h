/* Menus: from a seed comes a plan, for campaigns. */
#ifndef SIM_MENU_H
#define SIM_MENU_H

#include "sim/plan.h"

/* The menus there are, from 0 on: name and a sentence; NULL: no more. */
const char *menu_name(unsigned n);
const char *menu_text(unsigned n);
/* -1: there is none of this name. */
int menu_find(const char *name);

void menu_draw(unsigned menu, uint64_t seed, struct plan *plan);

#endif
