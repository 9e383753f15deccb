/* Gives the inputs of tests/fuzz/regress/drill to the fuzz target again: those that once failed,
 * and one of each kind of event. */
#include "fuzz/drill_fuzz.c" /* before cmocka, which takes the name `fail` */

#include "support/replay.h"

static void test_replay(void **state)
{
    (void)state;
    replay_folder("tests/fuzz/regress/drill", 1); /* cut off everywhere */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_replay)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
