/* What the tests of the simulator share. */
#ifndef TESTS_SIM_SUPPORT_H
#define TESTS_SIM_SUPPORT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/read.h"
#include "sim/sim.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#define SANITIZED __has_feature(address_sanitizer)
#else
#define SANITIZED 0
#endif

/* A scenario becomes a plan. */
static inline bool plan_of_text(const char *name, const char *text, size_t len, struct plan *plan,
                                struct scenario_fault *fault)
{
    struct scenario s;
    if (!scenario_read(&s, name, text, len, NULL, 0, fault))
        return false;
    bool good = sim_read(&s, NULL, plan, fault);
    scenario_free(&s);
    return good;
}

static inline bool plan_of_file(const char *path, struct plan *plan, struct scenario_fault *fault)
{
    static char text[65536];
    FILE *in = fopen(path, "rb");
    if (!in)
        return false;
    size_t len = fread(text, 1, sizeof(text), in);
    fclose(in);
    return plan_of_text(path, text, len, plan, fault);
}

#endif
