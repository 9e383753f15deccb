/* A fixed range of seeds of every menu, and what failed once: tests/sim/regress/NAME.scn are plans
 * that broke something, as `lastack sim --print` wrote them. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sim/menu.h"
#include "sim/support.h"

#define SEEDS (SANITIZED ? 40 : 1000)

static struct plan plan;
static struct sim_result result, again;

static void check_run(const char *what)
{
    assert_true(sim_run(&plan, NULL, &result));
    if (result.broken)
        fail_msg("%s, seed %llu, at %.9f s: %s: %s", what, (unsigned long long)plan.seed,
                 (double)result.violated_ns / 1e9, result.kind, result.violation);
}

static void run_menu(const char *name)
{
    uint64_t bytes = 0;
    int menu = menu_find(name);
    assert_true(menu >= 0);
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        menu_draw((unsigned)menu, seed, &plan);
        check_run(name);
        bytes += result.bytes;
        if (seed % 16 != 0)
            continue;
        assert_true(sim_run(&plan, NULL, &again)); /* I32 */
        assert_int_equal(again.hash, result.hash);
        assert_int_equal(again.end_ns, result.end_ns);
    }
    assert_true(bytes > SEEDS * 1000); /* it was about something */
}

static void test_mixed(void **state)
{
    (void)state;
    run_menu("mixed");
}

static void test_clean(void **state)
{
    (void)state;
    run_menu("clean");
}

static void test_loss(void **state)
{
    (void)state;
    run_menu("loss");
}

static void test_ends(void **state)
{
    (void)state;
    run_menu("ends");
}

static void test_wild(void **state)
{
    (void)state;
    run_menu("wild");
}

/* Every file of a folder that ends in .scn. */
static unsigned run_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    unsigned count = 0;
    assert_non_null(dir);
    while ((entry = readdir(dir))) {
        char path[512];
        struct scenario_fault fault = {.text = ""};
        size_t len = strlen(entry->d_name);
        if (len < 5 || strcmp(entry->d_name + len - 4, ".scn") != 0)
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (!plan_of_file(path, &plan, &fault))
            fail_msg("%s: %s", path, fault.text);
        check_run(path);
        count++;
    }
    closedir(dir);
    return count;
}

static void test_regress(void **state)
{
    (void)state;
    assert_true(run_folder("tests/sim/regress") > 0);
}

static void test_scenarios(void **state)
{
    (void)state;
    if (!SANITIZED) /* some take a while */
        assert_true(run_folder("scenarios") >= 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_regress), cmocka_unit_test(test_scenarios),
        cmocka_unit_test(test_mixed),   cmocka_unit_test(test_clean),
        cmocka_unit_test(test_loss),    cmocka_unit_test(test_ends),
        cmocka_unit_test(test_wild),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
