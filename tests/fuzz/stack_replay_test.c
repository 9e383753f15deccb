/* Gives the scripts of tests/fuzz/regress/stack to the fuzz target again: those that once failed,
 * and a few that reach far. */
#include "fuzz/stack_fuzz.c" /* before cmocka, which takes the name `fail` */

#include "support/replay.h"

static void test_replay(void **state)
{
    (void)state;
    replay_folder("tests/fuzz/regress/stack", 7); /* cut off, to end in any state */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_replay)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
