/* Reading experiments: mistakes are told with line and column, scenes are taken apart, and what
 * does not hold is said, with its reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "lab/support.h"

static struct lab lab;

static void refused(const char *text, const char *said)
{
    struct scenario_fault fault = {.text = ""};
    if (lab_read(&lab, "t", text, strlen(text), NULL, 0, false, &fault))
        fail_msg("taken: %s", text);
    if (!strstr(fault.text, said))
        fail_msg("%s", fault.text);
}

static void taken(const char *text, const char *name, const char *value)
{
    struct scenario_fault fault = {.text = ""};
    struct scenario_given given = {.name = name, .value = value};
    if (!lab_read(&lab, "t", text, strlen(text), &given, name != NULL, false, &fault))
        fail_msg("%s", fault.text);
    assert_true(lab_run(&lab));
}

#define FLOW "at 0s client connect server:80 as f end=stay\nrun for=3s\n"
#define SAY  "say on client sends SYN\nen \"a\"\nzh \"b\"\n"

static void test_mistakes(void **state)
{
    (void)state;
    refused("", "t:1:1: there is no host");
    refused(PAIR, "t:1:1: the title (first of all) needs a text in English");
    refused("title en=\"t\"\nquestion en=\"q\" zh=\"q\"\n" PAIR, "needs a text in Chinese");
    refused("title en=\"t\" zh=\"t\" group=fun\n", "t:1:27: no group \"fun\"");
    refused(HEAD PAIR "hsot x\n", "t:6:1: no keyword \"hsot\"");
    refused("en \"x\"\n", "t:1:1: nothing here can be told");
    refused(HEAD PAIR FLOW SAY, "t:8:8: a sentence needs a claim");
    refused(HEAD PAIR FLOW "say on client sends SYN\nen \"a\"\nclaim \"1 == 1\"\n",
            "t:8:1: a sentence needs a text in Chinese");
    refused(HEAD PAIR FLOW SAY "claim \"1 == \"\n", "t:11:13: here a value is missing");
    refused(HEAD PAIR FLOW SAY "claim \"count(x sends SYN) == 1\"\n", "t:11:14: no host \"x\"");
    refused(HEAD PAIR FLOW "claim \"1 == 1\"\n", "t:8:1: a claim follows a sentence");
    refused(HEAD PAIR FLOW "say if rains\n", "t:8:1: write it like: say on");
    refused(HEAD PAIR FLOW "say on client sneds SYN\nen \"a\"\nzh \"b\"\nclaim \"1 == 1\"\n",
            "t:8:15: no verb \"sneds\"");
    refused(HEAD PAIR FLOW "say at noon\n", "t:8:8: \"noon\" is no time");
    refused(HEAD PAIR FLOW "say begin\nen \"{1 +}\"\nzh \"b\"\nclaim \"1 == 1\"\n",
            "t:8:1: here a value is missing");
    refused(HEAD PAIR FLOW "lose client SYM 1\n", "t:8:13: no kind of packet \"SYM\"");
    refused(HEAD PAIR FLOW "lose clnt SYN 1\n", "t:8:6: no host or router \"clnt\"");
    refused(HEAD PAIR FLOW "lose client SYN x\n", "t:8:17: \"x\" are no packets");
    refused(HEAD PAIR FLOW "late client SYN 1 by=soon\n", "t:8:22: \"soon\" is no time");
    refused(HEAD PAIR FLOW "quiz en=\"a\" zh=\"b\"\n", "t:8:1: a quiz needs an answer");
    refused(HEAD PAIR FLOW "answer \"1\"\n", "t:8:1: an answer follows a quiz");
    refused(HEAD PAIR FLOW "show bytes client sends SYN\n", "t:8:1: write it like: show header");
    refused(HEAD "scene one\n" PAIR FLOW "scene two\nhost x\n", "x has 0 links");
}

static void test_scenes(void **state)
{
    (void)state;
    taken(HEAD "param d=10ms en=\"delay\" zh=\"x\"\nhost client\nhost server\n"
               "link client server delay=$d\n"
               "scene one en=\"1\" zh=\"1\"\n" FLOW "scene two en=\"2\" zh=\"2\"\n" FLOW
               "lose client SYN 1\nconclusion\nen \"{time(one:client calls connected)} against "
               "{time(client calls connected)}\"\nzh \"z\"\n"
               "claim \"time(two:client calls connected) > time(one:client calls connected)\"\n",
          NULL, NULL);
    char text[200];
    assert_int_equal(lab.scenes_count, 2);
    assert_true(lab_holds(&lab));
    lab_sentence(&lab, &lab.says[0], LA_LANG_EN, text, sizeof(text));
    assert_non_null(strstr(text, "20 ms against"));
    lab_free(&lab);
}

/* With the file's values a claim that fails is a failure; with others it is a finding. */
static void test_not_so(void **state)
{
    static const char file[] = HEAD "param n=1 en=\"lost\" zh=\"x\"\n" PAIR
                                    "at 0s client connect server:80 as f end=stay\nrun for=10s\n"
                                    "lose client SYN 1..$n\n"
                                    "say on client calls connected\nen \"one was lost\"\nzh \"z\"\n"
                                    "claim \"count(client loses SYN) == 1\"\n";
    char text[300];
    (void)state;
    taken(file, NULL, NULL);
    assert_true(lab_holds(&lab));
    lab_sentence(&lab, &lab.says[0], LA_LANG_EN, text, sizeof(text));
    assert_string_equal(text, "one was lost");
    lab_free(&lab);

    taken(file, "n", "2");
    assert_false(lab.says[0].holds);
    assert_true(lab_holds(&lab));
    lab_sentence(&lab, &lab.says[0], LA_LANG_EN, text, sizeof(text));
    assert_non_null(strstr(text, "count(client loses SYN) is 2, which is not == 1"));
    lab_sentence(&lab, &lab.says[0], LA_LANG_ZH, text, sizeof(text));
    assert_non_null(strstr(text, "在这些取值下不成立"));
    lab_free(&lab);

    taken(file, "n", "0");
    assert_int_equal(lab_event_count(&lab, 0, "client loses SYN", 16), 0);
    lab_free(&lab);

    /* The same claim, wrong in the file itself. */
    taken(HEAD PAIR "at 0s client connect server:80 as f end=stay\nrun for=1s\n" SAY
                    "claim \"count(client sends SYN) == 7\"\n",
          NULL, NULL);
    assert_false(lab_holds(&lab));
    lab_free(&lab);

    /* What never happens has no place. */
    taken(HEAD PAIR FLOW "say on client sends RST\nen \"a\"\nzh \"b\"\nclaim \"1 == 1\"\n", NULL,
          NULL);
    assert_false(lab_holds(&lab));
    lab_sentence(&lab, &lab.says[0], LA_LANG_EN, text, sizeof(text));
    assert_non_null(strstr(text, "it never happened"));
    lab_free(&lab);
}

static void test_distance(void **state)
{
    (void)state;
    assert_int_equal(lab_distance("close", "close"), 0);
    assert_int_equal(lab_distance("clos", "close"), 1);
    assert_int_equal(lab_distance("", "close"), 5);
    assert_int_equal(lab_distance("half-close", "half-clsoe"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_scenes),
        cmocka_unit_test(test_not_so),
        cmocka_unit_test(test_distance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
