/* Reading and running scripts that stand in a test. */
#ifndef DRILL_TEST_SCRIPT_H
#define DRILL_TEST_SCRIPT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "drill/drill.h"

/* A script that must be read. */
__attribute__((unused)) static void script_read(struct drill_script *s, const char *text)
{
    const struct drill_reading reading = {.ipv6 = false};
    struct drill_fault fault;
    if (!drill_parse(s, "t.pkt", text, strlen(text), &reading, &fault))
        fail_msg("%s", fault.text);
}

/* A script that must not be, and the sentence that says why. */
__attribute__((unused)) static void script_refused(const char *text, const char *sentence)
{
    const struct drill_reading reading = {.ipv6 = false};
    struct drill_script s;
    struct drill_fault fault;
    if (drill_parse(&s, "t.pkt", text, strlen(text), &reading, &fault)) {
        drill_script_free(&s);
        fail_msg("read without complaint: %s", text);
    }
    assert_string_equal(fault.text, sentence);
}

/* Runs a script; the caller frees the result. */
__attribute__((unused)) static void script_run(struct drill_result *r, const char *text)
{
    struct drill_script s;
    struct drill_config config;
    script_read(&s, text);
    drill_config_init(&config);
    drill_run(&s, &config, r);
    drill_script_free(&s);
}

__attribute__((unused)) static void script_passes(const char *text)
{
    struct drill_result r;
    script_run(&r, text);
    if (r.verdict != DRILL_PASSED)
        fail_msg("%s\n%s", r.fault.text, r.picture ? r.picture : "");
    drill_result_free(&r);
}

/* It must fail, with this sentence. */
__attribute__((unused)) static void script_fails(const char *text, enum drill_verdict verdict,
                                                 const char *sentence)
{
    struct drill_result r;
    script_run(&r, text);
    if (r.verdict != verdict)
        fail_msg("verdict %d: %s", r.verdict, r.fault.text);
    assert_string_equal(r.fault.text, sentence);
    drill_result_free(&r);
}

#endif
