/* Gives the inputs of tests/fuzz/regress/wire to the fuzz target again: those that once failed, and
 * one of each kind of header. */
#include "fuzz/wire_fuzz.c" /* before cmocka, which takes the name `fail` */

#include "support/replay.h"

static void test_replay(void **state)
{
    (void)state;
    replay_folder("tests/fuzz/regress/wire", 1); /* cut off everywhere */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_replay)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
