/* The world: made as the present user and, when that is root, as an ordinary user as well; the
 * kernel's side answers pings, and the printed command enters it. Every part runs in a process of
 * its own, because a namespace cannot be left. */
#include <grp.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "support/wire.h"

#define SKIPPED 77

/* What the maker of a world tells who wants to enter it. */
struct news {
    int rc;
    char command[200];
};

/* Makes a world and pings the kernel's side. (IPv6 over TUN only: the rig answers ARP but no
 * Neighbour Solicitation.) */
static int world_check(uint32_t mtu)
{
    enum la_world_kind kind;
    struct la_link *link;
    struct la_message why;
    bool tun = access("/dev/net/tun", R_OK | W_OK) == 0;
    if (la_world_make(mtu, &kind, &link, &why) < 0) {
        printf("SKIP: host/world: %s\n", why.text);
        return SKIPPED;
    }
    printf("made: %s\n", why.text);
    if (kind != (tun ? LA_WORLD_TUN : LA_WORLD_VETH) || link->info.mtu != mtu ||
        (!tun && !strstr(why.text, "/dev/net/tun")))
        return 1;
    wire_open(link);
    wire_check_ping(false, 500);
    if (tun && mtu >= 1280)
        wire_check_ping(true, 500);
    return 0; /* the link stays open, for the world to stay as it is */
}

/* Becomes another user, in a child. It may then read its own /proc only when it says so. */
static void become(const char *user)
{
    const struct passwd *entry = user ? getpwnam(user) : NULL;
    if (!user)
        return;
    if (!entry || setgroups(0, NULL) < 0 || setgid(entry->pw_gid) < 0 ||
        setuid(entry->pw_uid) < 0 || prctl(PR_SET_DUMPABLE, 1) < 0) {
        printf("SKIP: host/world as %s: cannot become that user\n", user);
        fflush(stdout);
        _Exit(SKIPPED);
    }
}

/* The child that lives in the world until `until` is closed. */
static void world_live(const char *user, uint32_t mtu, int tell, int until)
{
    struct news news = {.rc = 0};
    char byte;
    become(user);
    news.rc = world_check(mtu);
    la_world_enter_command(news.command, sizeof(news.command));
    if (write(tell, &news, sizeof(news)) != sizeof(news) || read(until, &byte, 1) != 0)
        news.rc = 1;
    fflush(stdout);
    _Exit(news.rc);
}

/* Enters with the command and looks whether the kernel's address is there. */
static int world_enter(const char *user, const char *command)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        char line[300];
        become(user);
        snprintf(line, sizeof(line), "%s ip -4 addr | grep -q 10.87.0.1/24", command);
        _Exit(system(line) == 0 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int world_visit(const char *user, uint32_t mtu)
{
    int tell[2], until[2], status;
    struct news news = {.rc = SKIPPED};
    assert_int_equal(pipe(tell), 0);
    assert_int_equal(pipe(until), 0);
    fflush(stdout);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(until[1]);
        world_live(user, mtu, tell[1], until[0]);
    }
    close(tell[1]);
    close(until[0]);
    if (read(tell[0], &news, sizeof(news)) == sizeof(news) && news.rc == 0) {
        assert_int_equal(world_enter(user, news.command), 0);
        assert_int_equal(world_enter(NULL, news.command), 0); /* root may enter anybody's */
    }
    close(until[1]);
    close(tell[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void visit(const char *user, uint32_t mtu)
{
    int rc = world_visit(user, mtu);
    if (rc == SKIPPED)
        skip();
    assert_int_equal(rc, 0);
}

static void test_as_this_user(void **state)
{
    visit(NULL, 1500);
}

static void test_as_an_ordinary_user(void **state)
{
    if (geteuid() != 0)
        skip(); /* the other test was it */
    visit("nobody", 1500);
}

static void test_small_and_large_mtu(void **state)
{
    visit(NULL, 576);
    visit(NULL, 9000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_this_user),
        cmocka_unit_test(test_as_an_ordinary_user),
        cmocka_unit_test(test_small_and_large_mtu),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
