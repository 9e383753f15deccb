#!/usr/bin/env bash
# scripts/rfc-map must tell the statuses apart and notice a stale map and wrong tags.

. "$(dirname "$0")/lib.sh"
map() { "$root/scripts/rfc-map" --root "$scratch/tree" "$@"; }
row() { grep "^| $1 |" "$scratch/tree/docs/rfc-map.md"; }

# says LABEL PATTERN: the row of the label must fit.
says() { row "$1" | grep -qE -- "$2" || fail "$1 should say '$2': $(row "$1")"; }

# One requirement is called deferred, whatever the real list has.
sed '/^SHLD-8 /s/|[^|]*$/| deferred: another day/' "$root/docs/rfc-map.in" | file tree/docs/rfc-map.in
file tree/core/tcp/x.c <<'E_C'
/* A file about things: REC-1. */

static int first(int a)
{
    return a; /* RFC 9293 3.5, MUST-10 */
}

/* Handles the close
 * (MUST-12, MUST-14..16). */
int second(int a,
           int b)
{
    return a + b;
}
E_C
echo '/* MUST-10 */ void test_open(void **state)' | file tree/tests/core/tcp/x_test.c
echo 'int la_f(void); /* MUST-17 */' | file tree/include/lastack/x.h

passes "writing the map" map
passes "a fresh map" map --check
says MUST-10 'met, tested .*core/tcp/x.c: `first`.*tests/core/tcp/x_test.c'
says MUST-12 '\| met \| core/tcp/x.c: `second`'
says MUST-15 '\| met \| core/tcp/x.c: `second`'
says REC-1 '\| met \| core/tcp/x.c \|'
says MUST-17 'open.*include/lastack/x.h'
says MUST-51 'deviates: '
says SHLD-8 'deferred: '
passes "listing the holes" map --open
grep -q '^MUST-11 ' "$scratch/output" || fail "MUST-11 should be listed as open"

echo '/* MUST-11 */' | file tree/core/tcp/y.c
refuses "a stale map" 'stale' map --check
echo '/* MUST-70 */' | file tree/core/tcp/y.c
refuses "a label that is none" 'no such requirement: MUST-70' map
echo '/* SHLD-8 */' | tee "$scratch/tree/core/tcp/y.c" >"$scratch/tree/tests/y_test.c"
refuses "a deferred requirement that is done" 'SHLD-8 is called deferred' map
rm "$scratch/tree/core/tcp/y.c" "$scratch/tree/tests/y_test.c"
sed -i '/^MUST-20 /d' "$scratch/tree/docs/rfc-map.in"
refuses "a requirement that is missing" 'MUST-20 is missing' map
finish
