/* The world: made as the present user and, when that is root, as an ordinary user as well; the
 * kernel's side answers pings, and the printed command enters it. Every part runs in a process of
 * its own, because a namespace cannot be left. */
#include <grp.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "support/wire.h"

#define SKIPPED 77

/* IPv6 is checked over TUN only: this rig answers ARP but no Neighbour Solicitation. */
static int world_visit(uint32_t mtu)
{
    enum la_world_kind kind;
    struct la_link *link;
    struct la_message why;
    char command[300];
    if (la_world_make(mtu, &kind, &link, &why) < 0) {
        printf("SKIP: host/world: %s\n", why.text);
        return SKIPPED;
    }
    printf("made: %s\n", why.text);
    bool tun = access("/dev/net/tun", R_OK | W_OK) == 0;
    if (kind != (tun ? LA_WORLD_TUN : LA_WORLD_VETH) || link->info.mtu != mtu)
        return 1;
    if (!tun && !strstr(why.text, "/dev/net/tun"))
        return 1;
    wire_open(link);
    wire_check_ping(false, 500);
    if (tun && mtu >= 1280)
        wire_check_ping(true, 500);

    la_world_enter_command(command, 200);
    strcat(command, " sh -c 'ip -4 addr; id -u' >/tmp/lastack-world-$$ && "
                    "grep -q 10.87.0.1/24 /tmp/lastack-world-$$ && "
                    "grep -qx 0 /tmp/lastack-world-$$; "
                    "rc=$?; rm -f /tmp/lastack-world-$$; exit $rc");
    if (system(command) != 0) {
        printf("cannot enter with: %s\n", command);
        return 1;
    }
    wire_close();
    return 0;
}

static int visit_in_child(const char *user, uint32_t mtu)
{
    fflush(stdout);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct passwd *entry = user ? getpwnam(user) : NULL;
        if (user && (!entry || setgroups(0, NULL) < 0 || setgid(entry->pw_gid) < 0 ||
                     setuid(entry->pw_uid) < 0)) {
            printf("SKIP: host/world as %s: no such user\n", user);
            _Exit(SKIPPED);
        }
        int rc = world_visit(mtu);
        fflush(stdout);
        _Exit(rc);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void visit(const char *user, uint32_t mtu)
{
    int rc = visit_in_child(user, mtu);
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
