/* `lastack drill` as a program: what it prints in each form, and its exit codes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

static char folder[] = "/tmp/drill-app-XXXXXX";

static void write_file(const char *name, const char *text)
{
    char path[200];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
}

static int setup(void **state)
{
    char path[200];
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof(path), "%s/inner", folder);
    mkdir(path, 0700);
    write_file("good.pkt", "0 < S 0:0(0) win 65535 <mss 1460>\n+0 > R. 0:0(0) ack 1\n");
    write_file("inner/bad.pkt", "0 < S 0:0(0) win 65535 <mss 1460>\n+0 > R. 0:0(0) ack 2\n");
    write_file("inner/broken.pkt", "0 < S 0:0(0)\n+0 frob(3) = 0\n");
    write_file("inner/notes.txt", "not a script\n");
    write_file("list.txt", "# two of them\ngood.pkt\n\ninner/bad.pkt # the other\n");
    return 0;
}

static int teardown(void **state)
{
    char command[100];
    (void)state;
    snprintf(command, sizeof(command), "rm -r '%s'", folder);
    return system(command);
}

/* Runs the program in the folder; both outputs in one text. */
static int drill(const char *arguments, char *text, size_t size)
{
    const char *program = getenv("LASTACK");
    char command[600];
    assert_non_null(program);
    snprintf(command, sizeof(command), "cd '%s' && LC_ALL=C '%s' drill %s 2>&1", folder, program,
             arguments);
    FILE *in = popen(command, "r");
    assert_non_null(in);
    size_t n = fread(text, 1, size - 1, in);
    text[n] = '\0';
    int status = pclose(in);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("\"%s\" is not in: %s", part, text);
}

static void test_exit_codes(void **state)
{
    char text[8000];
    (void)state;
    assert_int_equal(drill("good.pkt", text, sizeof(text)), 0);
    assert_string_equal(text, "PASS good.pkt (0 ns, 2 packets)\n1 passed, 0 failed\n");
    assert_int_equal(drill("inner/bad.pkt", text, sizeof(text)), 1);
    has(text, "FAIL inner/bad.pkt:2:1: acknowledgement: expected 2, came 1\n");
    has(text, "\n0 passed, 1 failed\n");
    assert_int_equal(drill("inner/broken.pkt", text, sizeof(text)), 1);
    has(text, "CANNOT RUN inner/broken.pkt:2:4: no call frob()");
    assert_int_equal(drill("", text, sizeof(text)), 2);
    assert_int_equal(drill("nothing.pkt", text, sizeof(text)), 2);
    has(text, "lastack drill: nothing.pkt: No such file");
    assert_int_equal(drill("--ip 5 good.pkt", text, sizeof(text)), 2);
    assert_int_equal(drill("--bogus", text, sizeof(text)), 2);
}

static void test_folders_and_lists(void **state)
{
    char text[8000];
    (void)state;
    assert_int_equal(drill("-j2 .", text, sizeof(text)), 1);
    has(text, "1 passed, 2 failed\n");
    assert_int_equal(drill("@list.txt", text, sizeof(text)), 1);
    has(text, "1 passed, 1 failed\n");
    assert_int_equal(drill("--at-least 1 @list.txt", text, sizeof(text)), 0);
    assert_int_equal(drill("--at-least 2 @list.txt", text, sizeof(text)), 1);
    assert_int_equal(drill("@missing.txt", text, sizeof(text)), 2);
    has(text, "cannot read the list missing.txt");
}

static void test_personas(void **state)
{
    char text[8000];
    (void)state;
    assert_int_equal(drill("--persona plan9 good.pkt", text, sizeof(text)), 2);
    has(text, "no persona \"plan9\": there are ");
    has(text, "freebsd");
    has(text, "linux");
    assert_int_equal(drill("--persona linux good.pkt", text, sizeof(text)), 0);
    assert_int_equal(drill("--list", text, sizeof(text)), 0);
    has(text, "personas: ");
    has(text, " epoll_wait");
}

static void test_tap(void **state)
{
    char text[8000];
    (void)state;
    assert_int_equal(drill("--tap @list.txt", text, sizeof(text)), 1);
    has(text, "TAP version 13\n1..2\nok 1 - good.pkt\nnot ok 2 - inner/bad.pkt\n  ---\n");
    has(text, "  message: |\n    inner/bad.pkt:2:1: acknowledgement: expected 2, came 1\n");
    has(text, "  ...\n# 1 passed, 1 failed\n");
}

static void test_json(void **state)
{
    char text[8000];
    (void)state;
    assert_int_equal(drill("--json @list.txt", text, sizeof(text)), 1);
    cJSON *whole = cJSON_Parse(text);
    assert_non_null(whole);
    assert_int_equal(cJSON_GetObjectItem(whole, "passed")->valueint, 1);
    const cJSON *bad = cJSON_GetArrayItem(cJSON_GetObjectItem(whole, "scripts"), 1);
    assert_string_equal(cJSON_GetObjectItem(bad, "verdict")->valuestring, "failed");
    assert_int_equal(cJSON_GetObjectItem(bad, "line")->valueint, 2);
    assert_string_equal(cJSON_GetObjectItem(bad, "reason")->valuestring, "RST_NO_CONNECTION");
    assert_string_equal(cJSON_GetObjectItem(bad, "clause")->valuestring, "RFC 9293 3.5.2");
    cJSON_Delete(whole);
}

static void test_junit(void **state)
{
    char text[8000], path[200];
    (void)state;
    assert_int_equal(drill("--junit out.xml .", text, sizeof(text)), 1);
    snprintf(path, sizeof(path), "%s/out.xml", folder);
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    text[fread(text, 1, sizeof(text) - 1, in)] = '\0';
    fclose(in);
    has(text, "tests=\"3\" failures=\"1\" errors=\"1\"");
    has(text, "<testcase classname=\"./inner\" name=\"bad.pkt\">");
    has(text, "&gt; R. 0:0(0) ack 1");
    assert_int_equal(drill("--junit /nowhere/out.xml good.pkt", text, sizeof(text)), 1);
    has(text, "cannot write /nowhere/out.xml");
}

static void test_languages(void **state)
{
    char text[8000];
    (void)state;
    assert_int_equal(drill("--lang zh inner/bad.pkt", text, sizeof(text)), 1);
    has(text, "期望");
    has(text, "复位：没有与此报文段对应的连接");
    has(text, "0 passed, 1 failed\n");
    assert_int_equal(drill("--help", text, sizeof(text)), 0);
    has(text, "docs/drill.md");
}

/* No colours and no progress where there is no terminal. */
static void test_plain(void **state)
{
    char text[8000];
    (void)state;
    drill(".", text, sizeof(text));
    assert_null(strchr(text, '\033'));
    assert_null(strchr(text, '\r'));
}

static void test_record(void **state)
{
    char text[8000];
    (void)state;
    assert_int_equal(drill("--pcap wire.pcapng good.pkt", text, sizeof(text)), 0);
    assert_int_equal(drill("--record wire.pcapng", text, sizeof(text)), 0);
    has(text, "// Recorded from wire.pcapng");
    has(text, "< S 0:0(0) win 65535 <mss 1460>");
    has(text, "> R. 0:0(0) ack 1");
    assert_int_equal(drill("--record good.pkt", text, sizeof(text)), 1);
    has(text, "neither pcap nor pcapng");
    assert_int_equal(drill("--record --local nonsense wire.pcapng", text, sizeof(text)), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exit_codes), cmocka_unit_test(test_folders_and_lists),
        cmocka_unit_test(test_personas),   cmocka_unit_test(test_tap),
        cmocka_unit_test(test_json),       cmocka_unit_test(test_junit),
        cmocka_unit_test(test_languages),  cmocka_unit_test(test_plain),
        cmocka_unit_test(test_record),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
