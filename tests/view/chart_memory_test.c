/* Memory fails, at each place in turn: charts say so, draw what they have, and lose nothing.
 *
 * The allocator of the C library is wrapped here. A build with sanitizers has its own, which cannot
 * be; there the test does not run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__)
#define CAN_FAIL 1
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#undef CAN_FAIL
#endif
#endif
#endif

#ifdef CAN_FAIL

#include "chart_stories.h"

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void __libc_free(void *p);

static struct {
    bool armed;
    uint32_t until_failure; /* 0: never */
    long held;
} memory;

static bool fails(void)
{
    return memory.armed && memory.until_failure > 0 && --memory.until_failure == 0;
}

void *malloc(size_t size)
{
    void *p = fails() ? NULL : __libc_malloc(size);

    memory.held += memory.armed && p != NULL;
    return p;
}

void *calloc(size_t n, size_t size)
{
    void *p = fails() ? NULL : __libc_calloc(n, size);

    memory.held += memory.armed && p != NULL;
    return p;
}

void *realloc(void *old, size_t size)
{
    void *p = fails() ? NULL : __libc_realloc(old, size);

    memory.held += memory.armed && p != NULL && old == NULL;
    return p;
}

void free(void *p)
{
    memory.held -= memory.armed && p != NULL;
    __libc_free(p);
}

/* Tells and draws a story; returns how many drawings failed. */
static int draw_all(size_t story, FILE *out)
{
    struct la_chart *c = two_end_chart(story, false);
    struct la_chart_form form;
    int failed = 0;

    if (c == NULL)
        return 3;
    la_chart_form_init(&form);
    failed += la_chart_text(c, &form, out) != LA_OK;
    failed += la_chart_svg(c, &form, out) != LA_OK;
    failed += la_chart_mermaid(c, &form, out) != LA_OK;
    la_chart_free(c);
    return failed;
}

static void test_memory_fails_everywhere(void **state)
{
    static const size_t stories[] = {0, 2, 8};
    static char buffer[1 << 16];
    FILE *out = fopen("/dev/null", "w");

    assert_non_null(out);
    setvbuf(out, buffer, _IOFBF, sizeof(buffer));
    for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++) {
        int any = 0;
        uint32_t n = 1;

        for (bool reached = true; reached; n++) {
            int failed;
            long held;

            memory.held = 0;
            memory.until_failure = n;
            memory.armed = true;
            failed = draw_all(stories[i], out);
            memory.armed = false;
            held = memory.held;
            reached = memory.until_failure == 0;
            assert_int_equal(held, 0);
            any += failed > 0;
        }
        assert_true(any > 20);
        assert_true(n > 50);
    }
    fclose(out);
}

/* What cannot be written is told. */
static void test_writing_fails(void **state)
{
    FILE *out = fopen("/dev/full", "w");
    struct la_chart *c = two_end_chart(0, false);
    struct la_chart_form form;

    if (out == NULL)
        skip();
    setvbuf(out, NULL, _IONBF, 0);
    la_chart_form_init(&form);
    assert_int_equal(la_chart_text(c, &form, out), LA_EIO);
    assert_int_equal(la_chart_svg(c, &form, out), LA_EIO);
    assert_int_equal(la_chart_mermaid(c, &form, out), LA_EIO);
    la_chart_free(c);
    fclose(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_fails_everywhere),
        cmocka_unit_test(test_writing_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
    puts("SKIP: view/chart_memory: the sanitizer's allocator cannot be wrapped");
    return 77;
}

#endif
