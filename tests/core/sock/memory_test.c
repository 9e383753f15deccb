/* Memory: what a table takes, the bounded extras, and every allocation failing once. */
#include "core/sock/net.h"

#define EXTRAS(max) (256 + (max) / 16) /* as la_sock_create() promises */

static struct la_sock_table *table_of(uint32_t max)
{
    const struct la_allocator allocator = test_allocator(&net.end[0].memory);
    return la_sock_create(here.stack, &allocator, max);
}

/* 16 bytes a socket and 92 an extra, and a little for the table; one allocation, none later. */
static void test_size(void **state)
{
    static const uint32_t sizes[] = {1, 63, 64, 65, 1000, 100000};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct test_memory *m = &net.end[0].memory;
        uint32_t max = sizes[i];
        size_t before = m->live_bytes;
        unsigned calls = m->calls;
        struct la_sock_table *t = table_of(max);
        assert_non_null(t);
        size_t extras = EXTRAS(max) < max ? EXTRAS(max) : max;
        size_t expected = max * 16 + extras * 92;
        assert_in_range(m->live_bytes - before, expected, expected + max / 8 + 384);
        for (uint32_t k = 0; k < max; k++) {
            assert_int_equal(la_socket(t, LA_AF_INET, LA_SOCK_STREAM), k);
        }
        assert_int_equal(la_socket(t, LA_AF_INET, LA_SOCK_STREAM), LA_ENOBUFS);
        assert_int_equal(m->calls, calls + 1);
        la_sock_destroy(t);
        assert_int_equal(m->live_bytes, before);
    }
}

/* Extras run out; whoever gives one back lets another have it. */
static void test_extras(void **state)
{
    enum { MAX = 400 };
    int on = 1;
    struct la_sock_table *t = table_of(MAX);
    for (int i = 0; i < MAX; i++) {
        assert_int_equal(la_socket(t, LA_AF_INET, LA_SOCK_STREAM), i);
        int err = la_setsockopt(t, i, LA_SOL_SOCKET, LA_SO_KEEPALIVE, &on, sizeof(on));
        assert_int_equal(err, i < EXTRAS(MAX) ? LA_OK : LA_ENOBUFS);
    }
    /* Bound, connecting and closed ones need none. */
    const struct la_endpoint any = anywhere(LA_AF_INET, 0), remote = at_v4(2, PORT);
    assert_int_equal(la_bind(t, 0, &any), LA_OK);
    assert_int_equal(la_connect(t, 1, &remote), LA_EINPROGRESS);
    assert_int_equal(la_close(t, 2), LA_OK);
    for (int i = MAX - 4; i < MAX; i++) {
        int err = la_setsockopt(t, i, LA_SOL_SOCKET, LA_SO_KEEPALIVE, &on, sizeof(on));
        assert_int_equal(err, i < MAX - 1 ? LA_OK : LA_ENOBUFS);
    }
    /* A datagram socket that cannot remember its peer has none. */
    struct la_endpoint name;
    assert_int_equal(la_socket(t, LA_AF_INET, LA_SOCK_DGRAM), 2);
    assert_int_equal(la_connect(t, 2, &remote), LA_ENOBUFS);
    assert_int_equal(la_getpeername(t, 2, &name), LA_ENOTCONN);
    /* A failed attempt keeps its options until there is room to put them. */
    net_settle();
    assert_int_equal(la_connect(t, 1, &remote), LA_ECONNREFUSED);
    assert_int_equal(la_connect(t, 1, &remote), LA_ECONNABORTED);
    assert_int_equal(la_close(t, 5), LA_OK);
    assert_int_equal(la_connect(t, 1, &remote), LA_ECONNABORTED);
    assert_int_equal(la_connect(t, 1, &remote), LA_EINPROGRESS);
    int value;
    size_t len = sizeof(value);
    assert_int_equal(la_getsockopt(t, 1, LA_SOL_SOCKET, LA_SO_KEEPALIVE, &value, &len), LA_OK);
    assert_int_equal(value, 1);
    la_sock_destroy(t);
}

/* ---- every allocation fails once ------------------------------------------------------------ */

static bool out_of_memory(int64_t err)
{
    return err == LA_ENOMEM || err == LA_ENOBUFS;
}

/* A stream there and back and a datagram, as far as memory goes. Every call may fail for want of
 * memory and in no other way; a second attempt succeeds. */
static void exchange(int domain)
{
    const struct la_endpoint local = anywhere(domain, PORT), remote = at(domain, 2, PORT);
    static char bytes[20000];
    int door = stream(&there, domain), fd = stream(&here, domain), dgram = datagram(&here, domain);
    if (la_bind(there.table, door, &local) < 0) {
        assert_int_equal(la_bind(there.table, door, &local), LA_OK);
    }
    assert_int_equal(la_listen(there.table, door, 3), LA_OK);
    int err = la_connect(here.table, fd, &remote);
    if (err != LA_EINPROGRESS) {
        assert_true(out_of_memory(err));
        assert_int_equal(la_connect(here.table, fd, &remote), LA_EINPROGRESS);
    }
    net_pass(10 * LA_NS_PER_S);
    int accepted = la_accept(there.table, door, NULL);
    assert_true(accepted >= 0); /* what was lost for want of memory came again */
    size_t sent = 0, received = 0;
    for (int turns = 0; received < sizeof(bytes); turns++) {
        assert_true(turns < 100);
        int64_t n = la_send(here.table, fd, bytes + sent, sizeof(bytes) - sent, 0);
        assert_true(n >= 0 || n == LA_EAGAIN || out_of_memory(n));
        sent += n > 0 ? (size_t)n : 0;
        net_pass(LA_NS_PER_S);
        while ((n = la_recv(there.table, accepted, bytes, sizeof(bytes), 0)) > 0) {
            received += (size_t)n;
        }
        assert_int_equal(n, LA_EAGAIN);
    }
    err = (int)la_sendto(here.table, dgram, "x", 1, 0, &remote);
    assert_true(err == 1 || out_of_memory(err));
    net_pass(LA_NS_PER_S);
    assert_int_equal(la_close(here.table, fd), LA_OK);
    assert_int_equal(la_close(there.table, accepted), LA_OK);
    net_pass(61 * LA_NS_PER_S);
}

static void test_out_of_memory(void **state)
{
    unsigned created = 0;
    for (unsigned bits = 0; bits < 4; bits++) {
        for (unsigned n = 1, more = 1; more; n++) {
            unsigned end = bits & 1;
            if (net_create(end, n)) {
                exchange(domains[bits >> 1]);
                more = net.end[end].memory.calls >= n;
                created++;
            } else {
                assert_true(n < 100);
            }
            net_destroy();
        }
    }
    assert_true(created > 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_size, net_setup, net_teardown),
        cmocka_unit_test_setup_teardown(test_extras, net_setup, net_teardown),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
